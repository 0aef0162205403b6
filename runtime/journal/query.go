package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

const runColumns = `id, recipe, source, root, adhoc, dry, version, params, options, controller, pid, state, session, started, ended, error, summary`

func scanRun(rows *sql.Rows) (Run, error) {
	var r Run
	var params, failure, summary []byte
	var started, ended int64
	err := rows.Scan(&r.ID, &r.Recipe, &r.Source, &r.Root, &r.AdHoc, &r.Check, &r.Version, &params, &r.Options,
		&r.Controller, &r.PID, &r.State, &r.Session, &started, &ended, &failure, &summary)
	if err != nil {
		return r, err
	}
	r.Started, r.Ended = fromNanos(started), fromNanos(ended)
	if r.Error, err = parseError(failure); err != nil {
		return r, err
	}
	if r.Summary, err = DecodeValue(summary); err != nil {
		return r, err
	}
	value, err := DecodeValue(params)
	r.Params, _ = value.(map[string]any)
	return r, err
}

func parseError(b []byte) (*ErrorReport, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var e ErrorReport
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("a recorded error cannot be read: %w", err)
	}
	return &e, nil
}

// Filter chooses among runs.
type Filter struct {
	Host   string // runs that included this host
	Before string // runs that are older than this one
	Limit  int    // 0: all
}

// Runs are the recorded runs, newest first, without their files.
func (s *Store) Runs(ctx context.Context, f Filter) ([]Run, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	var out []Run
	limit := f.Limit
	if limit <= 0 {
		limit = -1
	}
	err := s.query(ctx, func(rows *sql.Rows) error {
		r, err := scanRun(rows)
		out = append(out, r)
		return err
	}, `SELECT `+runColumns+` FROM runs WHERE (?1 = '' OR id IN (SELECT run FROM hosts WHERE `+isHost("name")+`))
		AND (?2 = '' OR id < ?2) ORDER BY id DESC LIMIT ?3`, f.Host, f.Before, limit)
	for i := range out {
		s.noteDeath(&out[i])
	}
	return out, err
}

// Find is the run of that id, of which a beginning or an end that no other run
// shares is enough; "last" is the newest.
func (s *Store) Find(ctx context.Context, id string) (*Run, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	var found []Run
	collect := func(rows *sql.Rows) error {
		r, err := scanRun(rows)
		found = append(found, r)
		return err
	}
	var err error
	if id == "last" {
		err = s.query(ctx, collect, "SELECT "+runColumns+" FROM runs ORDER BY id DESC LIMIT 1")
	} else {
		literal := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(id))
		err = s.query(ctx, collect, "SELECT "+runColumns+` FROM runs WHERE ?1 <> '' AND (id LIKE ?1 || '%' ESCAPE '\' OR id LIKE '%' || ?1 ESCAPE '\') ORDER BY id DESC LIMIT 3`, literal)
	}
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		e := effect.Errorf(effect.Usage, "journal", "there is no run %q", id)
		e.Hint = "bsdrun runs lists them"
		if id == "last" {
			e.Message, e.Hint = "no run is recorded yet", "bsdrun facts sim: makes one"
		}
		return nil, e
	case 1:
		run := &found[0]
		s.noteDeath(run)
		run.Files, err = s.files(ctx, run.ID)
		return run, err
	default:
		return nil, effect.Errorf(effect.Usage, "journal", "%q names more than one run: %s and %s", id, found[0].ID, found[1].ID)
	}
}

// noteDeath tells a run whose process has died from one that is under way.
func (s *Store) noteDeath(r *Run) {
	if r.State == Running && s.dir != "" && !s.Held(r.ID) {
		r.State = Interrupted
	}
}

func (s *Store) files(ctx context.Context, run string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var name string
		var content []byte
		err := rows.Scan(&name, &content)
		files[name] = nonNilBytes(content)
		return err
	}, "SELECT name, content FROM files WHERE run = ?", run)
	return files, err
}

// Hosts are a run's hosts, in the order of its command line.
func (s *Store) Hosts(ctx context.Context, run string) ([]Host, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	var out []Host
	err := s.query(ctx, func(rows *sql.Rows) error {
		var h Host
		var result, failure []byte
		var started, ended int64
		if err := rows.Scan(&h.Name, &h.Spec, &h.Status, &result, &failure, &started, &ended); err != nil {
			return err
		}
		var err error
		if h.Result, err = DecodeValue(result); err != nil {
			return err
		}
		h.Started, h.Ended = fromNanos(started), fromNanos(ended)
		h.Error, err = parseError(failure)
		out = append(out, h)
		return err
	}, "SELECT name, spec, status, result, error, started, ended FROM hosts WHERE run = ? ORDER BY seq", run)
	return out, err
}

// Steps are a host's steps, in the order in which they first began.
func (s *Store) Steps(ctx context.Context, run, host string) ([]Step, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	return s.steps(ctx, run, host)
}

func (s *Store) steps(ctx context.Context, run, host string) ([]Step, error) {
	var out []Step
	err := s.query(ctx, func(rows *sql.Rows) error {
		var step Step
		var value, failure []byte
		var started, ended int64
		err := rows.Scan(&step.Path, &step.Title, &step.Status, &step.Exact, &value, &step.Reason, &failure, &step.Changes, &started, &ended)
		if err != nil {
			return err
		}
		if step.Value, err = DecodeValue(value); err != nil {
			return err
		}
		step.Started, step.Ended = fromNanos(started), fromNanos(ended)
		step.Error, err = parseError(failure)
		out = append(out, step)
		return err
	}, `SELECT path, title, status, exact, value, reason, error, changes, started, ended FROM steps
		WHERE run = ? AND host = ? ORDER BY seq`, run, host)
	return out, err
}

const effectColumns = `seq, host, step, session, ordinal, id, op, kind, risk, hash, what, line, sent, ended, status, counts, code, out, err, diff, answer, result, error, command, jail, user`

func scanEffect(rows *sql.Rows, more ...any) (Effect, error) {
	var e Effect
	var sent, ended int64
	var failure []byte
	into := append([]any{&e.seq, &e.Host, &e.Step, &e.Session, &e.Ordinal, &e.ID, &e.Op, &e.Kind, &e.Risk, &e.Hash, &e.What, &e.Line,
		&sent, &ended, &e.Status, &e.Counts, &e.Code, &e.Out, &e.Err, &e.Diff, &e.Answer, &e.Result, &failure, &e.Command, &e.In, &e.As}, more...)
	if err := rows.Scan(into...); err != nil {
		return e, err
	}
	e.Sent, e.Ended = fromNanos(sent), fromNanos(ended)
	var err error
	e.Error, err = parseError(failure)
	return e, err
}

// ofHost are a host's effects in a run. The index has to be named: SQLite would
// rather read all effects of the run, since they lie in the order wanted, and do
// so again for each of its hosts.
const ofHost = "effects INDEXED BY effects_by_step WHERE run = ? AND host = ?"

// Effects are a host's effects in a run, in the order in which they were sent;
// of all hosts when host is empty.
func (s *Store) Effects(ctx context.Context, run, host string) ([]Effect, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	from, args := "effects WHERE run = ?", []any{run}
	if host != "" {
		from, args = ofHost, append(args, host)
	}
	var out []Effect
	err := s.query(ctx, func(rows *sql.Rows) error {
		e, err := scanEffect(rows)
		out = append(out, e)
		return err
	}, `SELECT `+effectColumns+` FROM `+from+` ORDER BY seq`, args...)
	return out, err
}

// changes are the effects that changed a host, or in a check would: where, what, and
// how, without what they printed.
func (s *Store) changes(ctx context.Context, run, host string) ([]Effect, error) {
	return s.changesOf(ctx, ofHost+" AND counts", run, host)
}

func (s *Store) changesOf(ctx context.Context, from string, args ...any) ([]Effect, error) {
	var out []Effect
	err := s.query(ctx, func(rows *sql.Rows) error {
		var e Effect
		err := rows.Scan(&e.Host, &e.Step, &e.Op, &e.What, &e.Diff)
		out = append(out, e)
		return err
	}, "SELECT host, step, op, what, diff FROM "+from+" ORDER BY seq", args...)
	return out, err
}

// LentPrefix sets the steps of a host's script apart on another host that it uses.
func LentPrefix(from string) string { return "@" + from + "/" }

// lent are the changes that the scripts of hosts made on other ones, by the host whose
// script it was; their steps are those of that script.
func (s *Store) lent(ctx context.Context, run string, hosts []Host) (map[string][]Effect, error) {
	changes, err := s.changesOf(ctx, "effects WHERE run = ? AND counts AND step LIKE '@%'", run)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	known := map[string]bool{}
	for _, h := range hosts {
		known[h.Name] = true
	}
	out := map[string][]Effect{}
	for _, e := range changes {
		for at, c := range e.Step {
			if c == '/' && known[e.Step[1:at]] {
				from := e.Step[1:at]
				e.Step = e.Step[at+1:]
				out[from] = append(out[from], e)
				break
			}
		}
	}
	return out, nil
}

// Entry is one line of a host's history.
type Entry struct {
	Run    string
	Recipe string
	Check  bool
	Effect
}

// HostLog is what runs changed on a host, newest first: "what did we change,
// when, and what did it print".
func (s *Store) HostLog(ctx context.Context, host string, since time.Time, limit int) ([]Entry, error) {
	if limit <= 0 {
		limit = -1
	}
	var out []Entry
	err := s.query(ctx, func(rows *sql.Rows) error {
		var entry Entry
		var err error
		entry.Effect, err = scanEffect(rows, &entry.Run, &entry.Recipe, &entry.Check)
		out = append(out, entry)
		return err
	}, `SELECT `+qualified("e", effectColumns)+`, r.id, r.recipe, r.dry FROM effects e JOIN runs r ON r.id = e.run
		WHERE `+isHost("e.host")+` AND e.kind = 'change' AND NOT r.dry AND e.sent >= ?2 ORDER BY e.sent DESC, e.seq DESC LIMIT ?3`,
		host, nanos(since), limit)
	return out, err
}

// isHost matches a host's name as it was given, whatever the login user was.
func isHost(column string) string {
	return "?1 IN (" + column + ", substr(" + column + ", instr(" + column + ", '@') + 1))"
}

func qualified(table, columns string) string {
	names := strings.Split(columns, ", ")
	for i := range names {
		names[i] = table + "." + names[i]
	}
	return strings.Join(names, ", ")
}

// Answers are what people have answered in a run, by host and question.
func (s *Store) Answers(ctx context.Context, run string) (map[[2]string]string, error) {
	out := map[[2]string]string{}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var key [2]string
		var answer string
		err := rows.Scan(&key[0], &key[1], &answer)
		out[key] = answer
		return err
	}, "SELECT host, question, answer FROM answers WHERE run = ?", run)
	return out, err
}

// Shared is what the hosts of a run have shared with each other.
func (s *Store) Shared(ctx context.Context, run string) ([]Shared, error) {
	var out []Shared
	err := s.query(ctx, func(rows *sql.Rows) error {
		var of Shared
		var value []byte
		err := rows.Scan(&of.Point, &of.Host, &value)
		if err == nil {
			of.Value, err = DecodeValue(value)
		}
		out = append(out, of)
		return err
	}, "SELECT point, host, value FROM shared WHERE run = ? ORDER BY point, host", run)
	return out, err
}

// Lines are a run's log; of all hosts when host is empty.
func (s *Store) Lines(ctx context.Context, run, host string) ([]Line, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	var out []Line
	err := s.query(ctx, func(rows *sql.Rows) error {
		var l Line
		var at int64
		err := rows.Scan(&at, &l.Host, &l.Type, &l.Step, &l.Text)
		l.At = fromNanos(at)
		out = append(out, l)
		return err
	}, `SELECT at, host, type, step, text FROM lines WHERE run = ?1 AND (?2 = '' OR host = ?2) ORDER BY rowid`, run, host)
	return out, err
}

// notes are what people must know of a run's way on its hosts, by host.
func (s *Store) notes(ctx context.Context, run string) (map[string][]string, error) {
	out := map[string][]string{}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var host, text string
		err := rows.Scan(&host, &text)
		out[host] = append(out[host], text)
		return err
	}, "SELECT host, text FROM lines WHERE run = ? AND type IN ('connection.lock', 'connection.ledger') ORDER BY rowid", run)
	return out, err
}

// Prune forgets the runs that started before a time; those that can still be
// resumed only with resumable. A run that is being worked on stays.
func (s *Store) Prune(ctx context.Context, before time.Time, resumable bool) (int, error) {
	runs, err := s.Runs(ctx, Filter{})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, r := range runs {
		if !r.Started.Before(before) || r.Resumable() && !resumable || s.Held(r.ID) {
			continue
		}
		if err := s.wait(false, func(b *batch) error { return b.exec("DELETE FROM runs WHERE id = ?", r.ID) }); err != nil {
			return n, err
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.conn.ExecContext(ctx, "VACUUM")
	return n, err
}
