// Package sshd_test tests the transport on a real OpenSSH server.
package sshd_test

import (
	"context"
	"os"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/runtime/sshhost/doertest"
	"bsdrun/tests/sshd/sshdtest"
)

func open(t testing.TB, cfg sshhost.Config) *sshhost.Host {
	t.Helper()
	h := sshhost.New(cfg)
	t.Cleanup(func() { _ = h.Close(context.Background(), true) })
	return h
}

func sh(script string) effect.Effect { return effect.Effect{Op: "test.sh", Shell: script} }

func change(id, script string) effect.Effect {
	return effect.Effect{Op: "test.change", Kind: effect.Change, ID: id, Shell: script}
}

func do(t testing.TB, h effect.Doer, e effect.Effect) effect.Result {
	t.Helper()
	r, err := h.Do(context.Background(), e)
	if err != nil {
		failure := effect.AsError(err)
		t.Fatalf("%v\nhint: %s\nstdout: %s\nstderr: %s", err, failure.Hint, failure.Out, failure.Err)
	}
	return r
}

func text(t testing.TB, h effect.Doer, e effect.Effect) string {
	t.Helper()
	out, err := do(t, h, e).Text()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func fails(t testing.TB, h effect.Doer, kind effect.ErrKind, e effect.Effect) effect.Error {
	t.Helper()
	_, err := h.Do(context.Background(), e)
	if effect.KindOf(err) != kind {
		t.Fatalf("kind %q, want %q: %v", effect.KindOf(err), kind, err)
	}
	return *effect.AsError(err)
}

func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// hostDir is a directory on the host that the user may write.
func hostDir(t testing.TB, s *sshdtest.Server) string {
	t.Helper()
	dir, err := os.MkdirTemp(s.Dir, "work-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDoer(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	doertest.Run(t, doertest.Suite{Doer: open(t, s.Config()), Dir: hostDir(t, s), Big: 16 << 20})
}

func TestDoerWithOneSessionAConnection(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{Lines: []string{"MaxSessions 1"}})
	doertest.Run(t, doertest.Suite{Doer: open(t, s.Config()), Dir: hostDir(t, s), Quick: true})
}

func TestDoerUnderLedger(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg := s.Config()
	cfg.Run, cfg.Controller = "run-1", "ops@control.example.org"
	h := open(t, cfg)
	doertest.Run(t, doertest.Suite{Doer: numbered(h), Dir: hostDir(t, s), Quick: true})
}

// numbered gives every change an id of its own, as the journal does.
func numbered(h effect.Doer) effect.Doer {
	n := 0
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Kind == effect.Change && e.ID == "" {
			n++
			e.ID = "step#" + string(rune('a'+n%26)) + e.Op + string(rune('0'+n/26%10))
		}
		return h.Do(ctx, e)
	})
}

// TestWithoutSFTP: large files find another way.
func TestWithoutSFTP(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{NoSFTP: true})
	doertest.Run(t, doertest.Suite{Doer: open(t, s.Config()), Dir: hostDir(t, s), Quick: true})
}
