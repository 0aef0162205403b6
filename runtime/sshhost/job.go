package sshhost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// A job is a command that outlives the connection. It lives in a directory of
// its own, jobs/ID in the state directory:
//
//	meta     key, run, effect, command: one Go-quoted string a line
//	script   what the job does
//	run      the wrapper: notes pid and start, runs script, notes the exit code;
//	         it can be run again
//	pid      process id of the wrapper, its start time on the second line
//	boot     identity of the boot it was started under
//	began    seconds since the epoch
//	log      both streams; base holds how many bytes were cut off its front
//	code     exit code, once it has ended; ended the time
//
// Whoever makes the directory starts the job.

// jobLog is the length that a log is cut back from.
const jobLog = 64 << 20

var unfit = lazyregexp.New(`[^A-Za-z0-9._-]+`)

// jobID is the directory of a key: readable, and told apart by a hash.
func jobID(key string) string {
	sum := sha256.Sum256([]byte(key))
	name := strings.Trim(unfit.ReplaceAllString(key, "-"), "-.")
	if len(name) > 48 {
		name = name[:48]
	}
	return strings.Trim(name+"-"+hex.EncodeToString(sum[:4]), "-")
}

// jobOf is the effect's operation, with the job's ID.
func jobOf(e effect.Effect) (effect.JobOp, error) {
	op := *e.Job
	if op.ID != "" && (unfit.MatchString(op.ID) || strings.HasPrefix(op.ID, ".")) {
		return op, effect.Errorf(effect.Invalid, e.Op, "%q is no job", op.ID)
	}
	if op.ID == "" && op.Key != "" {
		op.ID = jobID(op.Key)
	}
	if op.ID == "" && op.Verb != effect.JobStart && op.Verb != effect.JobList {
		return op, effect.Errorf(effect.Invalid, e.Op, "which job? it needs an id or a key")
	}
	return op, nil
}

// doJob does one job operation.
func (h *Host) doJob(ctx context.Context, e effect.Effect) (effect.Result, error) {
	op, err := jobOf(e)
	if err != nil {
		return effect.Result{}, err
	}
	switch op.Verb {
	case effect.JobStart:
		return h.startJob(ctx, e, op)
	case effect.JobStop:
		return h.stopJob(ctx, e, op)
	case effect.JobRemove:
		return h.removeJob(ctx, e, op)
	case effect.JobStatus, effect.JobLog, effect.JobList:
		q, err := h.jobQuery(withoutID(e))
		if err != nil {
			return effect.Result{}, err
		}
		return h.answer(ctx, q)
	default:
		return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "there is no job operation %q", op.Verb)
	}
}

// makeJobs makes the directory of jobs, _J.
func (h *Host) makeJobs() string {
	return h.stateScript() + `[ -n "$_D" ] || { echo "the host has no place to keep jobs" >&2; exit 73; }
_J="$_D/jobs"; mkdir -p "$_J" || exit
`
}

// findJobs only looks where it is; without any, no job is found in _J.
func (h *Host) findJobs() string {
	return `_J=/dev/null; for _d in ` + h.statePlaces() + `; do
[ -d "$_d/jobs" ] && [ -w "$_d" ] && { _J="$_d/jobs"; break; }
done
`
}

// tellJob is a function that describes the job in $_j. How it stands is found out
// first: once it has ended, everything else is final. All words come from
// builtins but for the check that the process is the one that was started.
const tellJob = `_line() { _v=; { read -r _v <"$_j/$1"; } 2>/dev/null; [ -n "$_v" ] && echo "$1 $_v"; }
_code() { _c=; { read -r _c <"$_j/code"; } 2>/dev/null; [ -n "$_c" ]; }
_stands() {
if ! [ -d "$_j" ]; then _v=absent; return; fi
if _code; then _v="exited $_c"; return; fi
_p=; _s=; { { read -r _p; read -r _s; } <"$_j/pid"; } 2>/dev/null
if [ -z "$_p" ]; then _v=starting; return; fi
set -- $(ps -o stat= -o lstart= -p "$_p" 2>/dev/null); case "$1" in Z*) set --;; ?*) shift;; esac
_n=$*
set -- $_s
if [ -n "$_n" ] && [ "$_n" = "$*" ]; then _v=running; elif _code; then _v="exited $_c"; else _v=gone; fi
}
_tell() {
_stands; echo "state $_v"
if [ -f "$_j/meta" ]; then while read -r _v; do echo "meta $_v"; done <"$_j/meta"; fi
_line began; _line ended; _line base; _line pid; _line boot
if [ -f "$_j/log" ]; then echo "log $(($(wc -c <"$_j/log")))"; fi
echo end
}
`

// jobText is a script on a job, _j in the directory _J that front sets, as the
// effect's own.
func jobText(e effect.Effect, front, id, script string, read func(text []byte) (effect.Result, error)) query {
	c := e
	c.Job, c.Argv, c.Stdin, c.Want, c.Out, c.Dir, c.Env = nil, nil, nil, nil, nil, "", nil
	c.Shell = front + `_j="$_J/` + id + `"` + "\n" + tellJob + script
	return textQuery(c, func(err error) error { return jobError(e, err) }, read)
}

// jobQuery is a Read of jobs as a query.
func (h *Host) jobQuery(e effect.Effect) (query, error) {
	op, err := jobOf(e)
	if err != nil {
		return query{}, err
	}
	switch op.Verb {
	case effect.JobStatus:
		return h.jobStatus(e, op), nil
	case effect.JobLog:
		return h.jobLog(e, op), nil
	case effect.JobList:
		return h.jobList(e), nil
	default:
		return query{}, effect.Errorf(effect.Invalid, e.Op, "%s is no Read of a job", op.Verb)
	}
}

// jobError makes the error of a script of ours speak of the job.
func jobError(e effect.Effect, err error) error {
	var known *effect.Error
	if !errors.As(err, &known) {
		return err
	}
	told := *known
	told.Command = "job " + string(e.Job.Verb)
	if told.Message == "" {
		told.Message = told.Command + ": " + lastOf(known.Err, fmt.Sprintf("exit code %d", known.Code))
	}
	return &told
}

// settled is how long a job may take between the making of its directory and
// the noting of its process.
const settled = 5 * time.Second

// startJob starts a job, or attaches to the one of its key that is there. A job
// of this run's same effect that has ended is answered, not started again; one
// of another effect is replaced.
func (h *Host) startJob(ctx context.Context, e effect.Effect, op effect.JobOp) (effect.Result, error) {
	if op.ID == "" {
		if e.ID == "" {
			return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "a job needs a key")
		}
		op.ID = jobID(e.ID)
	}
	if e.Stdin != nil {
		return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "a job has no standard input: put it into a file")
	}
	text, err := body(e)
	if err != nil {
		return effect.Result{}, invalid(e, err)
	}
	if h.keepsLedger(e) {
		if err := h.lock(ctx, place{in: e.In, as: e.As}); err != nil {
			return effect.Result{}, err
		}
	}
	// The job's directory is its ledger: it decides who starts it, so that the
	// script may be sent again after a lost connection.
	start := jobText(withoutID(e), h.makeJobs(), op.ID, h.startScript(ctx, e, op, text), h.tellsState(op.ID))
	for waited := time.Duration(0); ; {
		r, err := h.answer(ctx, start)
		if err != nil {
			return effect.Result{}, err
		}
		state := r.Job
		if state.State != "starting" || waited > settled {
			return effect.Result{Job: state, Unchanged: state.Attached, Recorded: state.Attached && !state.Foreign}, nil
		}
		waited += 200 * time.Millisecond
		if err := clock.Sleep(ctx, 200*time.Millisecond); err != nil {
			return effect.Result{}, err
		}
	}
}

// withoutID takes an effect out of the ledger's sight: it may be sent twice.
func withoutID(e effect.Effect) effect.Effect {
	e.Kind, e.ID, e.Again = effect.Read, "", false
	return e
}

// startScript makes the directory and starts the job in one exchange, which the
// shell completes even when the connection is lost meanwhile.
func (h *Host) startScript(ctx context.Context, e effect.Effect, op effect.JobOp, text string) string {
	key := op.Key
	if key == "" {
		key = e.ID
	}
	meta := ""
	for _, value := range []string{key, h.cfg.Run, e.ID, commandText(e)} {
		meta += strconv.QuoteToASCII(value) + "\n"
	}
	put := func(content, name string) string {
		return "{\n" + printfTo([]byte(content)) + "} >\"$_j/" + name + "\" || exit\n"
	}
	return `mkdir "$_j" 2>/dev/null || {
_w=$(_tell)
case "$_w" in
*"state running"*|*"state starting"*) echo "$_w"; echo attached; exit;;
esac
_e=; { { read -r _e; read -r _e; read -r _e; } <"$_j/meta"; } 2>/dev/null
if [ -n "$_e" ] && [ "$_e" = ` + quoteRaw(strconv.QuoteToASCII(e.ID)) + ` ] && [ "$_e" != '""' ]; then echo "$_w"; echo attached; exit; fi
_old="$_J/.old.$$"; rm -rf "$_old"
mv "$_j" "$_old" && rm -rf "$_old"
mkdir "$_j" 2>/dev/null || { _tell; echo attached; exit; }
}
` + put(meta, "meta") + put(settle+text+"\n", "script") + put(jobWrapper, "run") + `echo "$_b" >"$_j/boot" || exit
if command -v daemon >/dev/null 2>&1; then daemon -f /bin/sh "$_j/run" || exit
elif command -v setsid >/dev/null 2>&1; then setsid nohup /bin/sh "$_j/run" </dev/null >/dev/null 2>&1 &
else nohup /bin/sh "$_j/run" </dev/null >/dev/null 2>&1 & fi
_i=0; while ! [ -f "$_j/pid" ] && [ $_i -lt 50 ]; do sleep 0.1; _i=$((_i+1)); done
_tell`
}

// jobWrapper is the file run. The log is opened for appending, so that it can be
// cut back under the job's feet.
var jobWrapper = `#!/bin/sh
# Runs a job of bsdrun and notes how it ends.
_j=${0%/*}
_line() { echo "$1" >"$_j/$2.new" && mv -f "$_j/$2.new" "$_j/$2"; }
rm -f "$_j/code" "$_j/ended"
_line "$(date +%s)" began
LC_ALL=C; export LC_ALL
{ echo $$; ps -o lstart= -p $$; } >"$_j/pid.new" 2>/dev/null; mv -f "$_j/pid.new" "$_j/pid"
(
while sleep 60; do
_n=$(($(wc -c <"$_j/log"))); [ $_n -gt ` + strconv.Itoa(jobLog) + ` ] || continue
_o=0; { read -r _o <"$_j/base"; } 2>/dev/null
true >"$_j/log"; _line $((_o+_n)) base
done
) </dev/null >/dev/null 2>&1 &
_w=$!
(. "$_j/script") </dev/null >>"$_j/log" 2>&1
_c=$?
kill $_w 2>/dev/null
_line "$(date +%s)" ended
_line $_c code
`

// parseJob reads what tellJob prints.
func (h *Host) parseJob(id string, text []byte) (*effect.JobState, error) {
	state := &effect.JobState{ID: id}
	var meta []string
	var base int64
	boot := ""
	for _, line := range strings.Split(string(text), "\n") {
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "meta":
			// A line that cannot be read leaves its field empty.
			plain, _ := strconv.Unquote(value)
			meta = append(meta, plain)
		case "began":
			state.Started = epoch(value)
		case "ended":
			state.Ended = epoch(value)
		case "pid":
			state.PID, _ = strconv.Atoi(value)
		case "boot":
			boot = strings.TrimPrefix(strings.TrimSpace(value), "-") // - is unknown
		case "base":
			base, _ = strconv.ParseInt(value, 10, 64)
		case "log":
			state.LogSize, _ = strconv.ParseInt(value, 10, 64)
		case "attached":
			state.Attached = true
		case "state":
			kind, code, _ := strings.Cut(value, " ")
			state.State = kind
			state.Code, _ = strconv.Atoi(code)
		}
	}
	if state.State == "" {
		return nil, effect.Errorf(effect.Internal, "", "the host describes the job %s as %q", id, text)
	}
	state.LogSize += base
	if len(meta) == 4 {
		state.Key, state.Run, state.Command = meta[0], meta[1], meta[3]
	}
	state.Foreign = state.Attached && state.Run != h.cfg.Run
	if state.State == "gone" || state.State == "starting" {
		h.mu.Lock()
		now := h.boot
		h.mu.Unlock()
		switch {
		case !sameBoot(boot, now):
			state.State = "rebooted"
		case state.State == "gone":
			state.State = "lost"
		}
	}
	return state, nil
}

func epoch(text string) time.Time {
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// tellsState reads how a job stands.
func (h *Host) tellsState(id string) func([]byte) (effect.Result, error) {
	return func(text []byte) (effect.Result, error) {
		state, err := h.parseJob(id, text)
		return effect.Result{Job: state}, err
	}
}

func (h *Host) jobStatus(e effect.Effect, op effect.JobOp) query {
	return jobText(e, h.findJobs(), op.ID, "_tell", func(text []byte) (effect.Result, error) {
		r, err := h.tellsState(op.ID)(text)
		return r, starting(r.Job, err)
	})
}

// standing is how the job of a Change stands.
func (h *Host) standing(ctx context.Context, e effect.Effect, op effect.JobOp) (effect.Result, error) {
	return h.answer(ctx, h.jobStatus(withoutID(e), op))
}

// starting counts a job whose process is not noted yet as running: it has been
// started by somebody.
func starting(state *effect.JobState, err error) error {
	if err == nil && state.State == "starting" {
		state.State = "running"
	}
	return err
}

// jobLog reads from the log, and tells how the job stands in the same exchange.
func (h *Host) jobLog(e effect.Effect, op effect.JobOp) query {
	limit := op.Limit
	if limit <= 0 {
		limit = 1 << 20
	}
	// The state before the log: once it has ended, the log is whole.
	script := fmt.Sprintf(`_tell
_o=0; { read -r _o <"$_j/base"; } 2>/dev/null; _o=$((%d-_o)); [ $_o -ge 0 ] || _o=0
[ -f "$_j/log" ] && tail -c +$((_o+1)) "$_j/log" | head -c %d; :`, max(op.Offset, 0), limit)
	return jobText(e, h.findJobs(), op.ID, script, func(text []byte) (effect.Result, error) {
		told, data, found := strings.Cut(string(text), "\nend\n")
		if !found {
			return effect.Result{}, effect.Errorf(effect.Internal, e.Op, "the host describes the job %s as %q", op.ID, text)
		}
		state, err := h.parseJob(op.ID, []byte(told))
		return effect.Result{Job: state, Data: []byte(data)}, starting(state, err)
	})
}

// jobList describes all jobs of the host.
func (h *Host) jobList(e effect.Effect) query {
	script := `for _j in "$_J"/*; do [ -d "$_j" ] || continue; echo "job ${_j##*/}"; _tell; done`
	return jobText(e, h.findJobs(), "", script, func(text []byte) (effect.Result, error) {
		jobs := []effect.JobState{}
		for _, part := range strings.Split("\n"+string(text), "\njob ")[1:] {
			id, told, _ := strings.Cut(part, "\n")
			state, err := h.parseJob(id, []byte(told))
			if err := starting(state, err); err != nil {
				return effect.Result{}, err
			}
			jobs = append(jobs, *state)
		}
		return effect.Result{Jobs: jobs}, nil
	})
}

// stopJob ends a job's processes but not its wrapper, which notes how it ended.
func (h *Host) stopJob(ctx context.Context, e effect.Effect, op effect.JobOp) (effect.Result, error) {
	state, err := h.standing(ctx, e, op)
	if err != nil || state.Job.State != "running" {
		state.Unchanged = true
		return state, err
	}
	if h.keepsLedger(e) {
		if err := h.lock(ctx, place{in: e.In, as: e.As}); err != nil {
			return effect.Result{}, err
		}
	}
	s, err := h.shellAt(ctx, place{in: e.In, as: e.As})
	if err != nil {
		return effect.Result{}, err
	}
	grace := op.Grace
	if grace <= 0 {
		grace = 10 * time.Second
	}
	for _, round := range []struct {
		signal string
		grace  time.Duration
	}{{"TERM", grace}, {"KILL", killGrace}} {
		for waited, wait := time.Duration(0), 50*time.Millisecond; waited <= round.grace; wait = min(2*wait, time.Second) {
			if err := signalBelow(ctx, s, state.Job.PID, round.signal); err != nil {
				return effect.Result{}, err
			}
			if err := clock.Sleep(ctx, wait); err != nil {
				return effect.Result{}, err
			}
			waited += wait
			state, err = h.standing(ctx, e, op)
			if err != nil || state.Job.State != "running" {
				return state, err
			}
		}
	}
	return state, effect.Errorf(effect.Failed, e.Op, "the job %s does not end, not even by KILL", op.ID)
}

func (h *Host) removeJob(ctx context.Context, e effect.Effect, op effect.JobOp) (effect.Result, error) {
	state, err := h.standing(ctx, e, op)
	if err != nil {
		return effect.Result{}, err
	}
	switch state.Job.State {
	case "absent":
		return effect.Result{Unchanged: true, Job: state.Job}, nil
	case "running":
		return state, effect.WithHint(effect.Errorf(effect.Failed, e.Op, "the job %s is running", op.ID), "stop it first")
	}
	remove := jobText(e, h.findJobs(), op.ID, `rm -rf "$_j"`, func([]byte) (effect.Result, error) { return effect.Result{Job: state.Job}, nil })
	return h.answer(ctx, remove)
}
