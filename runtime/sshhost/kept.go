package sshhost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost/keeper"
)

// connectKept has the keeper connect, or give the connection that it has.
func (s *Shared) connectKept(ctx context.Context, cfg Config, wrap checks) (*ssh.Client, error) {
	w := &way{shared: s, ctx: ctx}
	if err := w.lay(cfg, wrap, 0); err != nil {
		return nil, err
	}
	client, err := s.cfg.Keeper.Connect(ctx, w.route, w)
	if err != nil {
		return nil, w.explain(err)
	}
	return client, nil
}

// way is a route as this run sees it: it answers what the keeper asks.
type way struct {
	shared *Shared
	ctx    context.Context // of whoever connects, who may be asked
	route  []keeper.Hop
	hops   []settings
	checks []ssh.HostKeyCallback
	keys   map[int][]ssh.Signer
}

// lay adds a host to the route, after the jump hosts before it.
func (w *way) lay(cfg Config, wrap checks, depth int) error {
	if depth > maxJumps {
		return effect.Errorf(effect.Unreachable, "", "ProxyJump leads in a circle")
	}
	set, err := w.shared.resolve(cfg)
	if err != nil {
		return &effect.Error{Kind: effect.Unreachable, Message: err.Error(), Cause: err}
	}
	c, err := w.shared.clientConfig(w.ctx, cfg, set, wrap)
	if err != nil {
		return err
	}
	hop := keeper.Hop{
		Label: set.user + "@" + set.address(), Address: set.address(), Name: set.knownAs(), User: set.user,
		Timeout: set.timeout, Batch: set.batch, Tries: set.tries, Identities: set.identities,
		KeyExchanges: c.KeyExchanges, Ciphers: c.Ciphers, MACs: c.MACs, HostKeyAlgorithms: c.HostKeyAlgorithms,
	}
	switch {
	case set.jump != "":
		if err := w.lay(jumpConfig(cfg, strings.Split(set.jump, ",")), noChecks, depth+1); err != nil {
			return err
		}
	case set.command != "":
		hop.Command = w.shared.expand(set.command, set)
	}
	w.route, w.hops, w.checks = append(w.route, hop), append(w.hops, set), append(w.checks, c.HostKeyCallback)
	return nil
}

// HostKey is decided here, as for every connection.
func (w *way) HostKey(hop int, remote net.Addr, key ssh.PublicKey) error {
	if hop < 0 || hop >= len(w.checks) {
		return errors.New("the keeper asks for a host that was not meant")
	}
	return w.checks[hop](w.hops[hop].knownAs(), remote, key)
}

// Keys are those that would be offered to the host.
func (w *way) Keys(hop int) []ssh.Signer {
	if hop < 0 || hop >= len(w.hops) {
		return nil
	}
	if w.keys == nil {
		w.keys = map[int][]ssh.Signer{}
	}
	if _, known := w.keys[hop]; !known {
		w.keys[hop] = w.shared.signersFor(w.ctx, w.hops[hop])
	}
	return w.keys[hop]
}

// Type asks a person.
func (w *way) Type(hop int, text string, secret bool) (string, error) {
	if hop < 0 || hop >= len(w.hops) {
		return "", errors.New("the keeper asks for a host that was not meant")
	}
	return askLogin(w.ctx, w.hops[hop], text, secret)
}

// explain says of a failure what it says where nobody keeps connections.
func (w *way) explain(err error) error {
	var failed *keeper.Error
	if !errors.As(err, &failed) || failed.Hop >= len(w.hops) {
		return err
	}
	set := w.hops[failed.Hop]
	switch {
	case failed.Timeout:
		err = unreachable(set, fmt.Errorf("%w: %w", context.DeadlineExceeded, failed.Cause))
	case failed.Login:
		err = handshakeError(set, failed.Cause)
	default:
		err = unreachable(set, failed.Cause)
	}
	if failed.Hop < len(w.hops)-1 {
		return unreachable(w.hops[len(w.hops)-1], fmt.Errorf("jump host %s: %w", set.alias, err))
	}
	return err
}
