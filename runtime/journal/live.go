package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync"
	"time"
	"unicode/utf8"

	"bsdrun/runtime/effect"
)

// LiveRow is what a host is at in a run under way.
type LiveRow struct {
	Since time.Time // of the command
	What  string    // the command under way, or the last one
	Text  string    // how far it is, for people
	Data  any       // and for machines
	Out   string    // the end of its output
}

// Live keeps in the journal what each host of a run is at, so that another
// process can show it. It is a sink of events; only what lasts is written, once
// a second at most, so that a fast run costs nothing.
type Live struct {
	store *Store

	mu    sync.Mutex
	run   string
	hosts map[string]*liveHost

	stop    chan struct{}
	stopped sync.WaitGroup
}

type liveHost struct {
	row     LiveRow
	running bool // a command is under way
	news    bool // since it was written
	written bool
}

const (
	// liveAfter is how long a command is under way before it is told, and how
	// often what it prints is.
	liveAfter = time.Second
	// maxLiveOut is how much of the output is kept.
	maxLiveOut = 4 << 10
)

// NewLive begins to keep what hosts are at; Close ends it.
func NewLive(store *Store) *Live {
	l := &Live{store: store, hosts: map[string]*liveHost{}, stop: make(chan struct{})}
	l.stopped.Go(l.work)
	return l
}

// Close forgets what the hosts were at: the run's records tell how they ended.
func (l *Live) Close() {
	close(l.stop)
	l.stopped.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if run := l.run; run != "" {
		l.store.later(func(b *batch) error { return b.exec("DELETE FROM live WHERE run = ?", run) })
	}
}

func (l *Live) work() {
	ticker := time.NewTicker(liveAfter)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case now := <-ticker.C:
			l.write(now)
		}
	}
}

// Emit takes note of one event.
func (l *Live) Emit(e effect.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = e.Run
	h := l.hosts[e.Host]
	if h == nil {
		h = &liveHost{}
		l.hosts[e.Host] = h
	}
	switch e.Type {
	case effect.StepStart, effect.StepEnd, effect.HostEnd:
		h.row, h.running, h.news = LiveRow{}, false, h.written
	case effect.EffectStart:
		h.row.Since, h.row.What, h.row.Out, h.running, h.news = e.At, e.Text, "", true, true
	case effect.EffectEnd:
		h.running = false
	case effect.EffectOut:
		h.row.Out = end(h.row.Out+e.Text, maxLiveOut)
		h.news = true
	case effect.Progress:
		h.row.Text, h.row.Data, h.news = e.Text, e.Data, true
	}
}

// end is the last bytes of a text, in whole letters.
func end(text string, most int) string {
	from := max(0, len(text)-most)
	for from < len(text) && from > 0 && !utf8.RuneStart(text[from]) {
		from++
	}
	return text[from:]
}

// write queues what has lasted, and forgets what is over.
func (l *Live) write(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	run := l.run
	for name, h := range l.hosts {
		lasts := h.running && now.Sub(h.row.Since) >= liveAfter || h.row.Text != ""
		switch {
		case !h.news:
		case lasts:
			h.news, h.written = false, true
			row := h.row
			l.store.later(func(b *batch) error { return b.putLive(run, name, now, row) })
		case h.written && h.row.What == "":
			h.news, h.written = false, false
			l.store.later(func(b *batch) error { return b.exec("DELETE FROM live WHERE run = ? AND host = ?", run, name) })
		}
	}
}

func (b *batch) putLive(run, host string, now time.Time, row LiveRow) error {
	data, err := json.Marshal(row.Data)
	if err != nil {
		return err
	}
	return b.exec("INSERT OR REPLACE INTO live (run, host, at, since, what, text, data, out) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		run, host, nanos(now), nanos(row.Since), row.What, row.Text, data, row.Out)
}

// Live is what the hosts of a run are at; those are missing of which nothing has
// lasted.
func (s *Store) Live(ctx context.Context, run string) (map[string]LiveRow, error) {
	out := map[string]LiveRow{}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var host string
		var row LiveRow
		var since int64
		var data []byte
		if err := rows.Scan(&host, &since, &row.What, &row.Text, &data, &row.Out); err != nil {
			return err
		}
		row.Since = fromNanos(since)
		err := json.Unmarshal(data, &row.Data)
		out[host] = row
		return err
	}, "SELECT host, since, what, text, data, out FROM live WHERE run = ?", run)
	return out, err
}

// Version is a number that changes whenever another process has written to the
// journal.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var version int64
	err := s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&version) }, "PRAGMA data_version")
	return version, err
}

// Marks tells hosts of a run that have news from those that have none: a host's
// mark is another one whenever its records are. The run's own mark has no name.
func (s *Store) Marks(ctx context.Context, run string) (map[string]string, error) {
	out := map[string]string{}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var host, mark string
		err := rows.Scan(&host, &mark)
		out[host] += mark + ";"
		return err
	}, `SELECT '', state || session || ended FROM runs WHERE id = ?1
		UNION ALL SELECT name, status || started || ended FROM hosts WHERE run = ?1
		UNION ALL SELECT host, printf('%d,%d,%d,%d', count(*), sum(ended > 0), max(ended), max(started)) FROM steps WHERE run = ?1 GROUP BY host
		UNION ALL SELECT host, printf('%d,%d,%d,%d', count(*), sum(ended > 0), max(ended), max(session)) FROM effects WHERE run = ?1 GROUP BY host
		UNION ALL SELECT host, at FROM live WHERE run = ?1`, run)
	return out, err
}
