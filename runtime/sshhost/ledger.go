package sshhost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// The ledger: for the changes of a run a host keeps, in its state directory
// under runs/RUN,
//
//	ledger  a line "ID s BOOT PID START" when one is started (identity of the
//	        boot, pid and start time of the shell), "ID c CODE" when it has ended
//	ID.o    its standard output
//	ID.e    its standard error
//
// The command writes into these files and not into the connection, so that it
// survives the loss of the connection, and so that what a daemon prints that it
// started never turns up in a later command's output. What they hold is sent
// within the same exchange.

// Words with which a frame ends when the command was not run.
const (
	noLedger  = "noledger"  // the state directory cannot be written
	lockedOut = "locked"    // another run has the host
	unsettled = "unsettled" // see lock.go
)

// watchEvery is how often a running change is asked for new output.
const watchEvery = 700 * time.Millisecond

// keepLarge is the length up to which delivered output stays in the ledger: it
// answers for an effect whose delivery the journal did not live to note.
const keepLarge = 64 << 10

// keepsLedger tells whether an effect is to be noted on the host.
func (h *Host) keepsLedger(e effect.Effect) bool {
	return e.Kind == effect.Change && e.ID != "" && h.cfg.Run != ""
}

// withoutLedger goes on in a shell that has no place for a ledger.
func (h *Host) withoutLedger(ctx context.Context, s *shell) {
	if s.noLedger {
		return
	}
	s.noLedger = true
	h.note(ctx, "connection.ledger", "the host has no place for a ledger and a lock; changes of this run cannot be looked up after a lost connection")
}

// entry is an effect's name in the ledger.
func entry(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:12])
}

// statePlaces are where state may be kept, the best first.
func (h *Host) statePlaces() string {
	if h.cfg.StateDir != "" {
		return quoteRaw(h.cfg.StateDir)
	}
	return `/var/db/bsdrun "$HOME/.local/state/bsdrun"`
}

// stateScript settles where state is kept, in the variable _D; empty when there
// is no place.
func (h *Host) stateScript() string {
	return `_D=; for _d in ` + h.statePlaces() + `; do
mkdir -p "$_d" 2>/dev/null && chmod 700 "$_d" 2>/dev/null && [ -w "$_d" ] && { _D=$_d; break; }
done
`
}

// noted runs a change under the ledger and returns the word that the frame
// ended with.
func (h *Host) noted(ctx context.Context, s *shell, at place, e effect.Effect, text string, late <-chan struct{}, out, diag io.Writer) (string, error) {
	if !s.prepared && h.latestAt(at) != "" {
		if err := h.settleDown(ctx, s, at); err != nil || s.noLedger {
			return noLedger, err
		}
	}
	for lost := false; ; lost = true {
		prepared := s.prepared
		word, err := h.noteOnce(ctx, s, at, e, text, late, out, diag)
		// The ledger was there and is not any more: another run may have
		// moved it away.
		gone := word == noLedger && prepared && !lost
		if err != nil || word != unsettled && !gone {
			return word, err
		}
		s.prepared = false
		if err := h.settleDown(ctx, s, at); err != nil || s.noLedger {
			return noLedger, err
		}
	}
}

// noteOnce sends the frame of noted.
func (h *Host) noteOnce(ctx context.Context, s *shell, at place, e effect.Effect, text string, late <-chan struct{}, out, diag io.Writer) (string, error) {
	name := entry(e.ID)
	statement := func(b *bytes.Buffer) {
		if !s.prepared {
			b.WriteString(h.settleIn(ctx))
		} else if s.large != "" {
			fmt.Fprintf(b, "true >\"$_L\"/%s.o; true >\"$_L\"/%s.e\n", s.large, s.large)
		}
		writeNoted(b, name, enclosed(e, text))
	}
	live := &follower{host: h, at: place{in: e.In, as: e.As, side: true}, name: name, w: e.Out}
	sizeOut, sizeDiag := &counter{w: out}, &counter{w: diag}
	var tick func(*frame)
	if e.Out != nil || e.Idle > 0 {
		sizeOut.w, sizeDiag.w = both{out, &remainder{live, 0, 0}}, both{diag, &remainder{live, 1, 0}}
		tick = func(f *frame) { live.poll(ctx, f) }
	}
	f, err := s.send(statement, "$_c", sizeOut, sizeDiag)
	if err != nil {
		return "", err
	}
	if err := h.await(ctx, e, s, f, late, tick); err != nil {
		h.touch() // it has begun, whatever became of it
		return "", err
	}
	if f.word != noLedger && f.word != unsettled {
		h.settle(s, at, name, sizeOut, sizeDiag)
	}
	return f.word, nil
}

// settle notes what a frame under the ledger has shown.
func (h *Host) settle(s *shell, at place, name string, sizeOut, sizeDiag *counter) {
	s.prepared, s.large = true, ""
	if sizeOut.n > keepLarge || sizeDiag.n > keepLarge {
		s.large = name
	}
	h.touch()
	h.mu.Lock()
	h.latest[at] = name
	h.mu.Unlock()
}

// latestAt is the change that the ledger of a place must know: the last one noted
// there since the file system was that of another time by intent.
func (h *Host) latestAt(at place) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest[at]
}

// touch notes that the run has left something on the host.
func (h *Host) touch() {
	h.mu.Lock()
	h.touched = true
	h.mu.Unlock()
}

// writeNoted writes the statement that runs text and notes it. It leaves the
// exit code, or what came instead, in _c. Where nothing is printed, nothing but
// the command itself is forked.
func writeNoted(b *bytes.Buffer, name, text string) {
	f := `"$_L"/` + name
	b.WriteString(`case "${_P:-ok}" in
ok) if { echo "` + name + ` s $_b $$ $_T" >>"$_L/ledger"; } 2>/dev/null; then
` + text + " >" + f + ".o 2>" + f + `.e; _c=$?; echo "` + name + ` c $_c" >>"$_L/ledger"
[ -s ` + f + `.o ] && cat ` + f + `.o; [ -s ` + f + `.e ] && cat ` + f + `.e >&2
else _c=noledger; fi;;
noledger) _c=noledger;;
*) _c=unsettled;;
esac`)
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}

// recalled is what the ledger says of an effect.
type recalled struct {
	state string // done, running, cut, never, past (never, but the ledger is not whole)
	code  int
	boot  string
}

// livesFunction tells whether the shell of an entry, in _s behind its "s", is there.
const livesFunction = `_lives() {
set -- $_s; _n=$2; shift 2; _w=$*
set -- $(ps -o stat= -o lstart= -p $_n 2>/dev/null); case "$1" in Z*) set --;; ?*) shift;; esac
[ -n "$_w" ] && [ "$*" = "$_w" ] || [ -z "$_w" ] && kill -0 $_n 2>/dev/null
}
`

// recallScript asks for one entry. Its first line is the state; the streams of
// an ended one follow. latest is an entry that a whole ledger has; may be empty.
// An effect whose process is gone may have ended since the ledger was read: it is
// read again before it is told to have been cut.
func recallScript(name, latest string) string {
	f := `"$_L"/` + name
	return `_find() {
_c=; _s=; _p=` + latest + `; while read -r _i _w _r; do
if [ "$_i" = "$_p" ]; then _p=; fi
if [ "$_i" = ` + name + ` ]; then case "$_w" in s) _s=$_r; _c=;; c) _c=$_r;; esac; fi
done 2>/dev/null <"$_L/ledger"
}
` + livesFunction + `_find; _up=
if [ -z "$_c" ] && [ -n "$_s" ]; then if _lives; then _up=1; else _find; fi; fi
if [ -n "$_c" ]; then echo "done $_c $_s"; cat ` + f + `.o; cat ` + f + `.e >&2
elif [ -n "$_up" ]; then echo running
elif [ -n "$_s" ]; then echo "cut $_s"
elif [ -n "$_p" ]; then echo past
else echo never
fi`
}

// recall asks the ledger for an effect's result. known is false when the effect
// was never started.
func (h *Host) recall(ctx context.Context, e effect.Effect) (r effect.Result, known bool, err error) {
	told := false
	for n := 0; ; n++ {
		r, state, err := h.lookUp(ctx, e)
		if errors.Is(err, errLost) {
			if err = h.reconnect(ctx); err == nil {
				continue
			}
		}
		switch {
		case err != nil:
			return r, false, err
		case state.state == "never":
			return r, false, nil
		case state.state == "done":
			r.Recorded, r.Code = true, state.code
			if !e.Wants(r.Code) {
				return r, true, commandError(e, r)
			}
			return r, true, nil
		case state.state == "cut" || state.state == "past":
			return r, true, h.cutShort(e, state)
		}
		if !told {
			told = true
			effect.Report(ctx, e.Op, "still running on the host; waiting for it", nil)
		}
		if err := clock.Sleep(ctx, backoffAfter(n)); err != nil {
			return r, false, err
		}
	}
}

func (h *Host) lookUp(ctx context.Context, e effect.Effect) (effect.Result, recalled, error) {
	at := place{in: e.In, as: e.As}
	s, err := h.shellAt(ctx, at)
	if err != nil {
		return effect.Result{}, recalled{}, err
	}
	if err := s.take(ctx); err != nil {
		return effect.Result{}, recalled{}, err
	}
	defer s.give()
	if !s.prepared && !s.noLedger {
		if err := h.settleDown(ctx, s, at); err != nil {
			return effect.Result{}, recalled{}, err
		}
	}
	if s.noLedger {
		return effect.Result{}, recalled{state: "never"}, nil
	}
	out, diag := h.capture(), h.capture()
	first := &firstLine{rest: out}
	f, err := s.send(func(b *bytes.Buffer) {
		b.WriteString("(" + recallScript(entry(e.ID), h.latestAt(at)) + ") </dev/null")
	}, "0", first, diag)
	if err != nil {
		return effect.Result{}, recalled{}, err
	}
	if err := h.await(ctx, effect.Effect{Op: e.Op}, s, f, nil, nil); err != nil {
		return effect.Result{}, recalled{}, err
	}
	var r effect.Result
	var errOut, errDiag error
	r.Stdout, errOut = out.Output()
	r.Stderr, errDiag = diag.Output()
	return r, parseRecalled(first.line), errors.Join(errOut, errDiag)
}

func parseRecalled(line string) recalled {
	state, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	told := recalled{state: state}
	switch state {
	case "done":
		code, started, _ := strings.Cut(rest, " ")
		told.code, _ = strconv.Atoi(code)
		told.boot, _, _ = strings.Cut(started, " ")
	case "cut":
		told.boot, _, _ = strings.Cut(rest, " ")
	}
	if told.boot == "-" {
		told.boot = "" // the host does not tell
	}
	return told
}

// cutShort is the error for an effect that was started and never ended.
func (h *Host) cutShort(e effect.Effect, state recalled) error {
	h.mu.Lock()
	boot := h.boot
	h.mu.Unlock()
	failure := &effect.Error{
		Op: e.Op, Kind: effect.Failed, Command: commandText(e), Reached: "it was started on the host and did not end",
		Message: commandText(e) + ": it was ended from outside while the connection was lost",
		Hint:    "see on the host how far it came, put that right, then resume the run with its step undone or done",
	}
	switch {
	case state.state == "past":
		failure.Reached = "it may have been started on the host"
		failure.Message = commandText(e) + ": nobody can tell whether it was done: " + olderFiles
	case !sameBoot(state.boot, boot):
		failure.Message = commandText(e) + ": it was cut by a reboot of the host"
	}
	return failure
}

// afterLoss is what became of a change whose connection was lost.
func (h *Host) afterLoss(ctx context.Context, e effect.Effect) (effect.Result, bool, error) {
	if h.keepsLedger(e) {
		return h.recall(ctx, e)
	}
	return effect.Result{}, true, &effect.Error{
		Op: e.Op, Kind: effect.Unreachable, Command: commandText(e),
		Message: commandText(e) + ": the connection was lost while it ran, and nothing on the host tells what became of it",
		Hint:    "see on the host whether it was done",
	}
}

// firstLine takes the first line off a stream.
type firstLine struct {
	line string
	done bool
	told func(line string) // called when it is complete; may be nil
	rest io.Writer
}

func (w *firstLine) Write(p []byte) (int, error) {
	if w.done {
		return w.rest.Write(p)
	}
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		w.line += string(p)
		return len(p), nil
	}
	w.line += string(p[:i])
	w.done = true
	if w.told != nil {
		w.told(w.line)
	}
	n, err := w.rest.Write(p[i+1:])
	return n + i + 1, err
}
