package sshhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// doCommand runs argv or a script by the shell channel. A Read that the
// connection was lost under is done again; a Change is looked up in the ledger.
func (h *Host) doCommand(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Again && h.keepsLedger(e) {
		if r, known, err := h.recall(ctx, e); known || err != nil {
			return r, err
		}
	}
	for losses := 0; ; losses++ {
		r, err := h.once(ctx, e)
		if !errors.Is(err, errLost) || losses == maxLosses {
			return r, err
		}
		if err := h.reconnect(ctx); err != nil {
			return r, err
		}
		if e.Kind == effect.Change {
			r, known, err := h.afterLoss(ctx, e)
			if known || err != nil {
				return r, err
			}
		}
	}
}

// maxLosses is how often one effect may lose its connection.
const maxLosses = 5

// once sends a command and waits for its end.
func (h *Host) once(ctx context.Context, e effect.Effect) (effect.Result, error) {
	text, err := body(e)
	if err != nil {
		return effect.Result{}, invalid(e, err)
	}
	out, diag := h.capture(), h.capture()
	code, err := h.exchange(ctx, e, text, out, diag)
	return h.finish(e, code, err, out, diag)
}

// capture collects one stream.
func (h *Host) capture() *effect.Capture {
	if h.cfg.SpillDir != "" {
		return effect.NewCapture(h.cfg.SpillDir)
	}
	return effect.NewLazyCapture(h.cfg.Shared.spillDir)
}

func invalid(e effect.Effect, err error) error {
	return &effect.Error{Op: e.Op, Kind: effect.Invalid, Message: "the command cannot be sent: " + err.Error(), Cause: err}
}

// finish makes a result of what was captured, and an error where the exit code
// is no answer.
func (h *Host) finish(e effect.Effect, code int, failure error, out, diag *effect.Capture) (effect.Result, error) {
	r := effect.Result{Code: code}
	var errOut, errDiag error
	r.Stdout, errOut = out.Output()
	r.Stderr, errDiag = diag.Output()
	if failure != nil {
		return r, withTails(failure, r)
	}
	if !e.Wants(code) {
		return r, commandError(e, r)
	}
	if err := errors.Join(errOut, errDiag); err != nil {
		return r, &effect.Error{Op: e.Op, Kind: effect.Failed, Cause: err,
			Message: "the output could not be kept on this machine: " + err.Error(), Hint: "free some space in the temporary folder"}
	}
	return r, nil
}

// tailSize is how much of a stream an error shows.
const tailSize = 4 << 10

func withTails(err error, r effect.Result) error {
	var known *effect.Error
	if !errors.As(err, &known) || known.Out != "" || known.Err != "" || known.Kind == effect.Locked {
		return err
	}
	whole := *known
	whole.Out, whole.Err = string(r.Stdout.Tail(tailSize)), string(r.Stderr.Tail(tailSize))
	return &whole
}

// commandError is the failure of a command that ended with another exit code
// than wanted.
func commandError(e effect.Effect, r effect.Result) error {
	failure := &effect.Error{
		Op: e.Op, Kind: effect.Failed, Code: r.Code, Command: commandText(e),
		Out: string(r.Stdout.Tail(tailSize)), Err: string(r.Stderr.Tail(tailSize)),
	}
	failure.Kind, failure.Hint = classify(r.Code, failure.Err)
	return failure
}

// classify tells the kind of failure from an exit code and the standard texts
// of strerror(3). What ends a program is what it says last; a full disk may be
// said at any time.
func classify(code int, diag string) (effect.ErrKind, string) {
	last := lastOf(diag, "")
	switch {
	case containsAny(diag, "No space left on device", "file system is full", "filesystem full"):
		return effect.Failed, "a file system of the host is full: see df -h there"
	case containsAny(diag, "Disc quota exceeded", "Disk quota exceeded"):
		return effect.Failed, "a quota on the host is exhausted"
	case containsAny(last, "Read-only file system"):
		return effect.Denied, "the file system is mounted read-only on the host"
	case containsAny(last, "Permission denied (publickey"):
		return effect.Denied, "" // of ssh on the host: another user there would not help
	case containsAny(last, "Operation not permitted", "Permission denied", "permission denied", "must be root"):
		return effect.Denied, "the user on the host may not do this: connect as root, or use --become"
	case code == 127 && containsAny(last, "not found", "No such file"):
		return effect.Missing, "the program is not installed on the host, or not in its PATH"
	case containsAny(last, "No such file or directory"):
		return effect.Missing, ""
	default:
		return effect.Failed, ""
	}
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// exchange sends one frame to the shell of the effect's place and returns the
// exit code of what ran.
func (h *Host) exchange(ctx context.Context, e effect.Effect, text string, out, diag io.Writer) (int, error) {
	at := place{in: e.In, as: e.As}
	s, err := h.shellAt(ctx, at)
	if err != nil {
		return -1, err
	}
	if err := s.take(ctx); err != nil {
		return -1, err
	}
	defer s.give()
	late, forget := begin(ctx, e)
	defer forget()
	if h.keepsLedger(e) && !s.noLedger {
		word, err := h.noted(ctx, s, at, e, text, late, out, diag)
		if err != nil || word != noLedger {
			return codeOf(word, err)
		}
		h.withoutLedger(ctx, s)
	}
	defer s.reads(e)()
	out, diag = watched(e, out, diag)
	f, err := s.send(func(b *bytes.Buffer) { b.WriteString(enclosed(e, text)) }, "$?", out, diag)
	if err != nil {
		return -1, err
	}
	return codeOf(f.word, h.await(ctx, e, s, f, late, nil))
}

// onePacket is a length that surely travels in one packet, so that it arrives
// whole or not at all.
const onePacket = 8 << 10

// enclosed keeps a command from touching the shell that reads the frames: a
// subshell does. A program of its own cannot touch it, nor can the built-ins that
// change nothing; they are spared the fork. What is long keeps the subshell all
// the same: if the connection is cut in the middle, a shell runs half a line but
// not half a parenthesis.
func enclosed(e effect.Effect, text string) string {
	if len(e.Argv) > 0 && e.Dir == "" && len(e.Env) == 0 && !builtin[e.Argv[0]] && len(text) < onePacket {
		return text + " </dev/null"
	}
	return "(" + text + "\n) </dev/null"
}

// builtin lists what shells do themselves: the special and the regular built-ins
// of POSIX and those that sh(1) of FreeBSD, dash and bash add, without those that
// change nothing and cannot end the shell: [, echo, false, printf, pwd, test, true.
var builtin = words(`. : alias bg bind bindkey break builtin caller cd chdir command compgen complete
	compopt continue declare dirs disown enable eval exec exit export fc fg getopts hash
	help history jobid jobs kill let local logout mapfile popd pushd read readarray readonly
	return set setvar shift shopt source suspend times trap type typeset ulimit umask unalias
	unset wait wordexp`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

func codeOf(word string, err error) (int, error) {
	if err != nil {
		return -1, err
	}
	code := 0
	if _, err := fmt.Sscanf(word, "%d", &code); err != nil {
		return -1, effect.Errorf(effect.Internal, "", "the shell ended a frame with %q", word)
	}
	return code, nil
}

// watched lets the effect's live writer see both streams.
func watched(e effect.Effect, out, diag io.Writer) (io.Writer, io.Writer) {
	if e.Out == nil {
		return out, diag
	}
	live := &lockedWriter{w: e.Out}
	return both{out, live}, both{diag, live}
}

// keepAlive is how often a host that runs something for us is asked for a sign
// of life, silentFor how long it may take over it.
const (
	keepAlive = 15 * time.Second
	silentFor = 45 * time.Second
)

// begin starts the effect's time: late is closed when it is over. It is called
// before anything is sent, for a simulated machine's time may jump over the limit
// as soon as the command is there.
func begin(ctx context.Context, e effect.Effect) (late <-chan struct{}, forget func()) {
	if e.Timeout <= 0 {
		return nil, func() {}
	}
	limited, cancel := clock.WithTimeout(ctx, e.Timeout)
	return limited.Done(), cancel
}

// over tells whether the effect's time is, and not the run's.
func over(ctx context.Context, late <-chan struct{}) bool {
	select {
	case <-late:
		return ctx.Err() == nil
	default:
		return false
	}
}

// await waits for a frame's end. When the effect is late, or is cancelled, what it
// started is ended on the host, and the shell stays usable. tick, where given, is
// called every now and then while it runs.
func (h *Host) await(ctx context.Context, e effect.Effect, s *shell, f *frame, late <-chan struct{}, tick func(*frame)) error {
	var idle, ticks, sign <-chan time.Time
	if e.Idle > 0 {
		t := time.NewTicker(max(e.Idle/8, 10*time.Millisecond))
		defer t.Stop()
		idle = t.C
	}
	if tick != nil {
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		ticks = t.C
	}
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	sign = alive.C
	for {
		select {
		case <-f.done:
			if over(ctx, late) { // on a clock that jumps both come at once
				return tooLong(e, "it took longer than %s", e.Timeout)
			}
			return nil
		case <-s.dead:
			// The end marker may have come with the last bytes.
			select {
			case <-f.done:
				return nil
			default:
				return errLost
			}
		case <-ctx.Done():
			return h.interrupt(ctx, e, s, f, ctx.Err())
		case <-late:
			if ctx.Err() != nil {
				continue // its own end says more
			}
			return h.interrupt(ctx, e, s, f, tooLong(e, "it took longer than %s", e.Timeout))
		case <-idle:
			if silent := time.Since(time.Unix(0, f.beat.Load())); silent > e.Idle {
				return h.interrupt(ctx, e, s, f, tooLong(e, "it printed nothing for %s", e.Idle))
			}
		case <-ticks:
			tick(f)
		case <-sign:
			go h.watchdog(s)
		}
	}
}

// watchdog closes a connection whose far end is gone without a word.
func (h *Host) watchdog(s *shell) { sign(s.link, s.dead) }

func tooLong(e effect.Effect, format string, args ...any) error {
	return &effect.Error{
		Op: e.Op, Kind: effect.Timeout, Command: commandText(e),
		Message: commandText(e) + ": " + fmt.Sprintf(format, args...),
		Hint:    "where it may take longer, say so: timeout= of the call or of its step, or --timeout; h:job is for what takes hours",
	}
}
