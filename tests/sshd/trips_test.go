package sshd_test

import (
	"context"
	"io"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sshhost"
	"bsdrun/tests/sshd/sshdtest"
	"bsdrun/tests/trips"
)

// lastOfLogin is a key whose signature is the last thing that a client sends to log
// in; counting begins with the answer to it.
type lastOfLogin struct {
	ssh.Signer
	counter *trips.Counter
}

func (l lastOfLogin) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	l.counter.AfterNext()
	return l.Signer.Sign(rand, data)
}

// counting reaches the server and counts the round trips after logging in.
func counting(s *sshdtest.Server) (*sshhost.Host, *trips.Counter) {
	counter := &trips.Counter{}
	cfg := s.Config()
	cfg.Run, cfg.Dialer = "run", counter.Dialer(s.Addr())
	cfg.Auth = []ssh.AuthMethod{ssh.PublicKeys(lastOfLogin{s.Signer, counter})}
	cfg.Greeting, cfg.Greet = host.FactsScript, true
	return sshhost.New(cfg), counter
}

// TestRoundTrips: beside logging in, connecting takes two round trips, everything
// done after it one, and removing what the run has left one. Facts come with the
// shell, the lock with the first change.
func TestRoundTrips(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	facts := effect.Effect{Op: "facts", Kind: effect.Read, Conn: &effect.ConnOp{Verb: effect.ConnGreeting}}
	read := effect.Effect{Op: "read", Kind: effect.Read, Argv: []string{"/bin/echo", "hello"}}
	change := func(id string) effect.Effect {
		return effect.Effect{Op: "run", Kind: effect.Change, ID: id, Argv: []string{"/bin/echo", "hello"}}
	}
	for _, c := range []struct {
		name    string
		effects []effect.Effect
		trips   int
		ending  int
	}{
		{"queries", []effect.Effect{read, read, read}, 2 + 3, 0},
		{"facts", []effect.Effect{facts, read, read}, 2 + 2, 0},
		{"changes", []effect.Effect{change("a"), change("b"), change("c")}, 2 + 3, 1},
		{"all", []effect.Effect{facts, read, change("a"), read, change("b")}, 2 + 4, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, counter := counting(s)
			defer func() { _ = h.Close(context.Background(), true) }()
			for _, e := range c.effects {
				do(t, h, e)
			}
			if n := counter.Trips(); n != c.trips {
				t.Errorf("%d round trips, not %d", n, c.trips)
			}
			if err := h.EndRun(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := counter.Trips() - c.trips; n != c.ending {
				t.Errorf("%d round trips to end, not %d", n, c.ending)
			}
		})
	}
}
