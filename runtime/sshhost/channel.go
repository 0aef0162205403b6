package sshhost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"sync/atomic"

	"bsdrun/runtime/effect"
)

// doStdin runs a command that reads: little input travels in the frame, the
// rest over a channel of its own.
func (h *Host) doStdin(ctx context.Context, e effect.Effect) (effect.Result, error) {
	text, err := body(e)
	if err != nil {
		return effect.Result{}, invalid(e, err)
	}
	s, err := h.shellAt(ctx, place{in: e.In, as: e.As})
	if err != nil {
		return effect.Result{}, err
	}
	input := make([]byte, smallFile+1)
	n, err := io.ReadFull(e.Stdin, input)
	input = input[:n]
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return effect.Result{}, &effect.Error{Op: e.Op, Kind: effect.Failed, Message: "the input cannot be read: " + err.Error(), Cause: err}
	}
	// A printf that is no builtin would show the input in ps(1).
	if err != nil && s.about.printf {
		c := e
		c.Stdin, c.Argv, c.Shell, c.Dir, c.Env = nil, nil, "", "", nil
		c.Shell = "{\n" + printfTo(input) + "} | (\n" + text + "\n)"
		r, err := h.doCommand(ctx, c)
		return r, named(err, e)
	}
	e.Stdin = io.MultiReader(bytes.NewReader(input), e.Stdin)
	if e.Again && !e.Anew && h.keepsLedger(e) {
		if r, known, err := h.recallCut(ctx, e); known || err != nil {
			return r, err
		}
	}
	return h.byChannel(ctx, e, text)
}

// named lets an error speak of the effect's own command.
func named(err error, e effect.Effect) error {
	var known *effect.Error
	if !errors.As(err, &known) {
		return err
	}
	told := *known
	told.Command = commandText(e)
	return &told
}

// doSink runs a command whose output goes to the effect's Sink alone. A Sink that
// fails ends it.
func (h *Host) doSink(ctx context.Context, e effect.Effect) (effect.Result, error) {
	text, err := body(e)
	if err != nil {
		return effect.Result{}, invalid(e, err)
	}
	if e.Stdin == nil {
		e.Stdin = bytes.NewReader(nil)
	}
	limited, end := context.WithCancelCause(ctx)
	defer end(nil)
	e.Sink = &outlet{w: e.Sink, failed: end}
	r, err := h.byChannel(limited, e, text)
	if failure := context.Cause(limited); failure != nil && ctx.Err() == nil {
		return r, &effect.Error{Op: e.Op, Kind: effect.Failed, Command: commandText(e), Cause: failure,
			Message: commandText(e) + ": nobody takes its output any more: " + failure.Error()}
	}
	return r, err
}

// outlet passes on until a write fails, and tells of that.
type outlet struct {
	w      io.Writer
	failed func(error)
	err    error
}

func (s *outlet) Write(p []byte) (int, error) {
	if s.err == nil {
		if _, s.err = s.w.Write(p); s.err != nil {
			s.failed(s.err)
		}
	}
	return len(p), nil
}

// recallCut asks the ledger for an effect that was fed by us: once started and
// not ended, its input has been cut.
func (h *Host) recallCut(ctx context.Context, e effect.Effect) (effect.Result, bool, error) {
	_, state, err := h.lookUp(ctx, e)
	if err != nil || state.state == "never" {
		return effect.Result{}, false, err
	}
	return effect.Result{}, true, &effect.Error{
		Op: e.Op, Kind: effect.Failed, Command: commandText(e), Reached: "it was started on the host",
		Message: commandText(e) + ": it was under way when this run was interrupted, so its input may have been cut",
		Hint:    "see on the host how far it came, put that right, then resume the run with its step undone or done",
	}
}

// byChannel runs a command on a channel of its own, fed with the effect's
// Stdin. It ends with its command, not with the last process that holds its
// streams.
func (h *Host) byChannel(ctx context.Context, e effect.Effect, text string) (effect.Result, error) {
	note, err := h.noteBeside(ctx, e)
	if err != nil {
		return effect.Result{}, err
	}
	nonce := newNonce()
	var script bytes.Buffer
	script.WriteString(settle + "\n")
	marks(&script, nonce, 1, func(b *bytes.Buffer) {
		b.WriteString("echo $$\n" + note.before + "(" + text + "\n); _c=$?\n" + note.after)
	}, "$_c")
	at := place{in: e.In, as: e.As}
	late, forget := begin(ctx, e)
	defer forget()
	p, l, err := h.open(ctx, at, script.String(), nil)
	if err != nil {
		return effect.Result{}, err
	}
	defer p.close()
	out, diag := h.capture(), h.capture()
	keepOut, keepDiag := watched(e, out, diag)
	if e.Sink != nil {
		keepOut = e.Sink
	}
	s := newShell(l, p, nonce)
	f := newFrame(nonce, 1, nil, keepDiag)
	f.out = &firstLine{rest: keepOut, told: func(line string) {
		if pid, err := strconv.ParseInt(line, 10, 64); err == nil {
			f.pid.Store(pid)
			if p.reading != nil && e.Kind == effect.Read {
				p.reading(int(pid))
			}
		}
	}}
	s.current.Store(f)
	var noise strayBuffer
	s.listen(func(b []byte) { noise.keep(b) })
	var fed atomic.Bool
	go func() {
		_, err := io.Copy(p.stdin, e.Stdin)
		if err == nil {
			fed.Store(true)
		}
		_ = p.stdin.Close()
	}()
	err = h.await(ctx, e, s, f, late, nil)
	if errors.Is(err, errLost) {
		return effect.Result{}, h.channelLost(ctx, e, fed.Load(), noise.String())
	}
	code, err := codeOf(f.word, err)
	return h.finish(e, code, err, out, diag)
}

// channelLost explains a channel that ended without its end marker.
func (h *Host) channelLost(ctx context.Context, e effect.Effect, fed bool, said string) error {
	if s := h.openShellAt(place{}); s != nil && s.link.alive() == nil {
		return &effect.Error{Op: e.Op, Kind: effect.Failed, Command: commandText(e), Err: said,
			Message: commandText(e) + ": its channel ended before it did"}
	}
	if fed && h.keepsLedger(e) {
		if err := h.reconnect(ctx); err != nil {
			return err
		}
		if _, known, err := h.recall(ctx, e); known {
			return err
		}
	}
	return &effect.Error{Op: e.Op, Kind: effect.Unreachable, Command: commandText(e), Cause: errLost,
		Message: commandText(e) + ": the connection was lost while it was fed from here, so its input has been cut",
		Hint:    "see on the host how far it came, then run it again"}
}

// beside are statements that note an effect which does not run in the shell
// channel.
type beside struct{ before, after string }

// noteBeside takes the lock for a change and says how to note it.
func (h *Host) noteBeside(ctx context.Context, e effect.Effect) (beside, error) {
	if !h.keepsLedger(e) {
		return beside{}, nil
	}
	at := place{in: e.In, as: e.As}
	if err := h.lock(ctx, at); err != nil {
		return beside{}, err
	}
	s, err := h.shellAt(ctx, at)
	if err != nil || s.noLedger {
		return beside{}, err
	}
	dir, err := h.stateDir(ctx, at)
	if err != nil {
		return beside{}, err
	}
	name, run := entry(e.ID), dir+"/runs/"+h.cfg.Run
	boot := s.about.boot
	if boot == "" {
		boot = "-"
	}
	ledger, file := quoteRaw(run+"/ledger"), quoteRaw(run+"/"+name)
	return beside{
		before: "echo " + name + " s " + quoteRaw(boot) + " $$ $(ps -o lstart= -p $$ 2>/dev/null) >>" + ledger + "\n",
		after:  "true >" + file + ".o; true >" + file + ".e; echo " + name + " c $_c >>" + ledger + "\n",
	}, nil
}
