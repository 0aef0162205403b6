package sshhost

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// doConn acts on the connection itself.
func (h *Host) doConn(ctx context.Context, e effect.Effect) (effect.Result, error) {
	switch e.Conn.Verb {
	case effect.ConnGreeting:
		return h.greeting(ctx, e)
	case effect.ConnRefresh:
		h.forgetFacts()
		return h.greeting(ctx, e)
	case effect.ConnProbe:
		return effect.Result{}, h.probe(ctx)
	case effect.ConnReconnect:
		_, err := h.newShell(ctx)
		return effect.Result{}, err
	case effect.ConnBoot:
		s, err := h.shellAt(ctx, place{})
		if err != nil {
			return effect.Result{}, err
		}
		return effect.Result{Stdout: effect.OutputOf([]byte(s.about.boot))}, nil
	case effect.ConnPeer:
		peer, err := h.peer(ctx, e)
		return effect.Result{Peer: peer}, err
	case effect.ConnReboot:
		return h.reboot(ctx, e)
	default:
		return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "there is no connection operation %q", e.Conn.Verb)
	}
}

// greeting returns what the greeting script said when it was last run.
func (h *Host) greeting(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if _, err := h.shellAt(ctx, place{}); err != nil {
		return effect.Result{}, err
	}
	h.mu.Lock()
	facts, greeted := h.facts, h.greeted
	h.mu.Unlock()
	if greeted {
		return effect.Result{Stdout: effect.OutputOf(facts)}, nil
	}
	r, err := h.doCommand(ctx, effect.Effect{Op: e.Op, Shell: h.cfg.Greeting, Timeout: e.Timeout})
	if err != nil {
		return r, err
	}
	text, err := r.Stdout.Bytes()
	if err != nil {
		return r, err
	}
	h.mu.Lock()
	h.facts, h.greeted = text, true
	h.mu.Unlock()
	return r, nil
}

// probe tells whether a new connection comes about.
func (h *Host) probe(ctx context.Context) error {
	l, err := h.dial(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	nonce := newNonce()
	p, err := h.startAt(ctx, l, place{}, introduction(nonce, "", ""), &strayBuffer{})
	if err != nil {
		return err
	}
	s, _, err := openShell(ctx, l, p, nonce, func([]byte) {})
	if err != nil {
		return err
	}
	s.close()
	return nil
}

// backoffAfter is how long to wait before the n-th attempt to reach a host.
func backoffAfter(n int) time.Duration {
	return min(time.Second<<min(n, 4), 10*time.Second)
}

// reconnect makes a new connection to a host that has been lost, trying for as
// long as the configuration allows.
func (h *Host) reconnect(ctx context.Context) error {
	if s := h.openShellAt(place{}); s != nil && s.link.alive() == nil {
		return nil // another effect has done it, or one shell alone has ended
	}
	h.drop()
	limit := clock.Now(ctx).Add(h.cfg.Reconnect)
	for n := 0; ; n++ {
		_, err := h.shellNow(ctx, place{})
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !passing(err) || clock.Now(ctx).After(limit) {
			return &effect.Error{
				Kind: effect.Unreachable, Message: "the connection was lost and does not come back: " + err.Error(),
				Hint: "the run can be resumed once the host answers again", Cause: err,
			}
		}
		effect.Report(ctx, "connection.wait", "waiting for the host to answer again", map[string]any{"attempt": n + 1})
		if err := clock.Sleep(ctx, backoffAfter(n)); err != nil {
			return err
		}
	}
}

// passing tells whether an error of connecting may go away by itself.
func passing(err error) bool {
	var known *effect.Error
	if errors.As(err, &known) {
		return known.Kind == effect.Unreachable && !errors.Is(err, errHostKey)
	}
	return true
}

// rebootLate is when people are told that a host is late, rebootLimit when it
// is given up unless the effect says otherwise.
const (
	rebootLate  = 3 * time.Minute
	rebootLimit = 15 * time.Minute
)

// reboot runs the effect's command (shutdown -r now), then waits until the host
// answers with another boot.
func (h *Host) reboot(ctx context.Context, e effect.Effect) (effect.Result, error) {
	s, err := h.shellAt(ctx, place{})
	if err != nil {
		return effect.Result{}, err
	}
	before := s.about.boot
	if before == "" {
		return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "the host does not tell when it was booted, so a reboot could not be recognised")
	}
	if e.Again {
		if !sameBoot(e.Conn.Before, before) {
			return effect.Result{Recorded: true}, nil
		}
	}
	h.pinHostKeys(ctx)
	command := e
	command.Conn, command.Again = nil, false
	if len(command.Argv) == 0 && command.Shell == "" {
		command.Argv = []string{"shutdown", "-r", "now"}
	}
	r, err := h.once(ctx, command)
	// The connection may end before the command's exit code arrives.
	if err != nil && !errors.Is(err, errLost) {
		return r, err
	}
	return r, h.awaitBoot(ctx, e, before)
}

// awaitBoot waits for a boot other than the one before.
func (h *Host) awaitBoot(ctx context.Context, e effect.Effect, before string) error {
	within := e.Conn.Within
	if within <= 0 {
		within = rebootLimit
	}
	began, late := clock.Now(ctx), false
	for n := 0; ; n++ {
		if err := clock.Sleep(ctx, backoffAfter(n)); err != nil {
			return err
		}
		s, err := h.newShell(ctx)
		if err == nil && !sameBoot(before, s.about.boot) {
			// The files may be others by intent: a new ledger begins.
			h.mu.Lock()
			clear(h.latest)
			h.mu.Unlock()
			_ = h.renew(ctx) // the reboot is done; the next effect meets the error
			return nil
		}
		if err != nil && !passing(err) {
			return err
		}
		waited := clock.Now(ctx).Sub(began)
		if waited > within {
			return h.neverBack(e, waited, err)
		}
		if !late && waited > min(rebootLate, within/2) {
			late = true
			effect.Report(ctx, e.Op, fmt.Sprintf("the host is late: %s since the reboot; look at its console", waited.Round(time.Second)), map[string]any{"seconds": waited.Seconds()})
		}
	}
}

func (h *Host) neverBack(e effect.Effect, waited time.Duration, last error) error {
	failure := &effect.Error{
		Op: e.Op, Kind: effect.Unreachable, Cause: last,
		Message: fmt.Sprintf("the host has not come back within %s of its reboot", waited.Round(time.Second)),
		Hint:    "look at its console: a boot loader that waits, a file system check, a changed address; the run can be resumed once it answers",
	}
	if last == nil {
		failure.Kind = effect.Failed
		failure.Message = fmt.Sprintf("the host still runs the boot it was to leave, %s after the reboot was ordered", waited.Round(time.Second))
		failure.Hint = "look at what shutdown said, and whether something holds it up"
	}
	return failure
}

// newShell drops the connection and makes a new one.
func (h *Host) newShell(ctx context.Context) (*shell, error) {
	h.drop()
	return h.shellNow(ctx, place{})
}

// peer tells how the host is reached, with the key that it showed.
func (h *Host) peer(ctx context.Context, e effect.Effect) (*effect.Peer, error) {
	if h.cfg.local {
		return nil, effect.Errorf(effect.Failed, e.Op, "this machine is not reached by SSH")
	}
	if _, err := h.shellAt(ctx, place{}); err != nil {
		return nil, err
	}
	set, err := h.cfg.Shared.resolve(h.cfg)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	key := h.hostKey
	h.mu.Unlock()
	if certificate, ok := key.(*ssh.Certificate); ok {
		key = certificate.Key
	}
	if key == nil {
		return nil, effect.Errorf(effect.Internal, e.Op, "the host has shown no key")
	}
	return &effect.Peer{
		Address: set.host, Port: set.port, User: set.user, HostKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))),
		Other: h.cfg.Become.Method != "" || e.As != "" || e.In != "",
	}, nil
}
