package sshhost_test

import (
	"context"
	"testing"

	"bsdrun/runtime/sshhost"
	"bsdrun/runtime/sshhost/doertest"
)

func newLocal(t *testing.T, cfg sshhost.Config) *sshhost.Host {
	t.Helper()
	cfg.Name = "local:"
	if cfg.StateDir == "" {
		cfg.StateDir = t.TempDir()
	}
	h := sshhost.NewLocal(cfg)
	t.Cleanup(func() { _ = h.Close(context.Background(), true) })
	return h
}

func TestLocalDoer(t *testing.T) {
	doertest.Run(t, doertest.Suite{Doer: newLocal(t, sshhost.Config{}), Dir: t.TempDir(), Big: 8 << 20})
}
