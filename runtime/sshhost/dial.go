package sshhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost/keeper"
)

// dial makes a connection to the host.
func (h *Host) dial(ctx context.Context) (link, error) {
	if h.cfg.local {
		return localLink{}, nil
	}
	client, err := h.cfg.Shared.connect(ctx, h.cfg, h.checks(), 0)
	if err != nil {
		return nil, h.explain(ctx, effect.Effect{Op: "connection.open"}, err)
	}
	return &sshLink{client: client}, nil
}

// dialKept is dial for a host's first connection, which the keeper may have. Later ones
// are made anew: they are to show that the host can be reached.
func (h *Host) dialKept(ctx context.Context) (link, error) {
	if h.cfg.Shared.cfg.Keeper == nil || h.cfg.local || h.cfg.Dialer != nil {
		return h.dial(ctx)
	}
	client, err := h.cfg.Shared.connectKept(ctx, h.cfg, h.checks())
	if err != nil {
		return nil, h.explain(ctx, effect.Effect{Op: "connection.open"}, err)
	}
	return &sshLink{client: client, kept: true}, nil
}

// maxJumps is how many hosts a connection may run through.
const maxJumps = 8

// checks add to the check of a host's key: first what is accepted beside what
// known_hosts has, last who hears of it.
type checks struct {
	first, last func(ssh.HostKeyCallback) ssh.HostKeyCallback
}

func (h *Host) checks() checks { return checks{h.pinnedCheck, h.shown} }

// noChecks adds nothing.
var noChecks = checks{asItIs, asItIs}

func asItIs(check ssh.HostKeyCallback) ssh.HostKeyCallback { return check }

// connect resolves, dials and logs in; wrap adds to the check of the host key.
func (s *Shared) connect(ctx context.Context, cfg Config, wrap checks, depth int) (*ssh.Client, error) {
	if depth > maxJumps {
		return nil, effect.Errorf(effect.Unreachable, "", "ProxyJump leads in a circle")
	}
	set, err := s.resolve(cfg)
	if err != nil {
		return nil, &effect.Error{Kind: effect.Unreachable, Message: err.Error(), Cause: err}
	}
	clientConfig, err := s.clientConfig(ctx, cfg, set, wrap)
	if err != nil {
		return nil, err
	}
	reaching, cancel := context.WithTimeout(ctx, set.timeout)
	conn, err := s.reach(reaching, cfg, set, depth)
	cancel()
	if err != nil {
		return nil, unreachable(set, err)
	}
	client, err := handshake(ctx, conn, set, clientConfig)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return client, nil
}

func unreachable(set settings, err error) error {
	var known *effect.Error
	if errors.As(err, &known) {
		return err
	}
	var name *net.DNSError
	var number syscall.Errno
	message := ""
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		message = fmt.Sprintf("%s does not answer within %s", set.address(), set.timeout)
	case errors.As(err, &name) && name.IsNotFound:
		return &effect.Error{Kind: effect.Unreachable, Message: "the name " + name.Name + " does not resolve", Cause: err,
			Hint: "see whether it is spelled as in DNS or ssh_config"}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return &effect.Error{Kind: effect.Unreachable, Message: "this machine can open no more connections: too many open files", Cause: err,
			Hint: "raise ulimit -n, which has to be beyond the number of hosts that are connected at once, or lower --forks or --batch"}
	case errors.As(err, &number):
		message = fmt.Sprintf("%s does not answer: %v", set.address(), number)
	default:
		message = fmt.Sprintf("%s does not answer: %v", set.address(), err)
	}
	try := "ssh " + set.alias
	if set.port != 22 {
		try = fmt.Sprintf("ssh -p %d %s", set.port, set.alias)
	}
	return &effect.Error{Kind: effect.Unreachable, Message: message, Cause: err,
		Hint: "see whether the host is up, and whether " + try + " works from here"}
}

// reach makes the connection below SSH: to the host, through a command, or
// through other hosts.
func (s *Shared) reach(ctx context.Context, cfg Config, set settings, depth int) (net.Conn, error) {
	switch {
	case cfg.Dialer != nil:
		return cfg.Dialer(ctx)
	case set.jump != "":
		return s.throughJumps(ctx, cfg, set, depth)
	case set.command != "":
		return keeper.ThroughCommand(s.expand(set.command, set))
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", set.address())
	if err != nil {
		return nil, err
	}
	return quickAck(conn), nil
}

// throughJumps dials from the last of the jump hosts. Hosts share their jump
// hosts' connections.
func (s *Shared) throughJumps(ctx context.Context, cfg Config, set settings, depth int) (net.Conn, error) {
	hops := strings.Split(set.jump, ",")
	last := strings.TrimSpace(hops[len(hops)-1])
	key := cfg.User + "\x00" + set.jump
	s.mu.Lock()
	j := s.jumps[key]
	if j == nil {
		j = &jump{}
		s.jumps[key] = j
	}
	s.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	for fresh := false; ; fresh = true {
		if j.client == nil {
			fresh = true
			client, err := s.connect(context.WithoutCancel(ctx), jumpConfig(cfg, hops), noChecks, depth+1)
			if err != nil {
				failed := *effect.AsError(err)
				failed.Message = "jump host " + last + ": " + failed.Summary()
				return nil, &failed
			}
			j.client = client
		}
		conn, err := j.client.DialContext(ctx, "tcp", set.address())
		var refused *ssh.OpenChannelError
		if err == nil || fresh || errors.As(err, &refused) || ctx.Err() != nil {
			return conn, err
		}
		// The shared connection may be one that has been lost.
		_ = j.client.Close()
		j.client = nil
	}
}

// jumpConfig reaches the last of some jump hosts through the others.
func jumpConfig(cfg Config, hops []string) Config {
	last := strings.TrimSpace(hops[len(hops)-1])
	return Config{
		Name: last, Address: last, Identity: cfg.Identity, KnownHosts: cfg.KnownHosts,
		AcceptNew: cfg.AcceptNew, Legacy: cfg.Legacy, ConnectTimeout: cfg.ConnectTimeout,
		Jump: strings.Join(hops[:len(hops)-1], ","),
	}
}

// clientConfig is what the handshake offers and accepts.
func (s *Shared) clientConfig(ctx context.Context, cfg Config, set settings, wrap checks) (*ssh.ClientConfig, error) {
	c := &ssh.ClientConfig{User: set.user, Auth: s.authMethods(ctx, cfg, set)}
	safe, weak := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	pick := func(key string, defaults, insecure []string) []string {
		all := append(slices.Clone(defaults), insecure...)
		if cfg.Legacy {
			defaults = all
		}
		return algorithms(set.algorithms[key], defaults, all)
	}
	c.KeyExchanges = pick("KexAlgorithms", fastKeyExchange(safe.KeyExchanges), weak.KeyExchanges)
	c.Ciphers = pick("Ciphers", ciphers(safe.Ciphers), weak.Ciphers)
	c.MACs = pick("MACs", safe.MACs, weak.MACs)
	c.HostKeyAlgorithms = pick("HostKeyAlgorithms", safe.HostKeys, weak.HostKeys)
	if cfg.HostKey != nil {
		c.HostKeyCallback = wrap.last(cfg.HostKey)
		return c, nil
	}
	check, known, err := s.hostKeys(set)
	if err != nil {
		return nil, &effect.Error{Kind: effect.Unreachable, Message: err.Error(), Cause: err}
	}
	c.HostKeyCallback = wrap.last(wrap.first(check))
	c.HostKeyAlgorithms = preferred(known, c.HostKeyAlgorithms)
	return c, nil
}

// fastKeyExchange puts curve25519 first: post-quantum exchanges cost servers
// several times as much, and stay available by ssh_config.
func fastKeyExchange(all []string) []string {
	return preferred([]string{ssh.KeyExchangeCurve25519}, all)
}

// ciphers puts AES-GCM first where both Go and the CPU have it in hardware, and
// ChaCha20 elsewhere.
func ciphers(all []string) []string {
	if (cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ) || (cpu.ARM64.HasAES && cpu.ARM64.HasPMULL) {
		return preferred([]string{ssh.CipherAES128GCM, ssh.CipherAES256GCM}, all)
	}
	return preferred([]string{ssh.CipherChaCha20Poly1305}, all)
}

// preferred moves names that are in all to its front.
func preferred(names, all []string) []string {
	var front []string
	for _, name := range names {
		if slices.Contains(all, name) && !slices.Contains(front, name) {
			front = append(front, name)
		}
	}
	for _, name := range all {
		if !slices.Contains(front, name) {
			front = append(front, name)
		}
	}
	return front
}

// answerTime is how long logging in may take after the key exchange, people's
// answers included.
const answerTime = 5 * time.Minute

// handshake logs in over a connection.
func handshake(ctx context.Context, conn net.Conn, set settings, c *ssh.ClientConfig) (*ssh.Client, error) {
	var late atomic.Bool
	timer := time.AfterFunc(set.timeout, func() { late.Store(true); _ = conn.Close() })
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	check := c.HostKeyCallback
	var refusal error
	c.HostKeyCallback = func(name string, remote net.Addr, key ssh.PublicKey) error {
		timer.Reset(answerTime)
		refusal = check(name, remote, key)
		return refusal
	}
	sc, chans, reqs, err := ssh.NewClientConn(conn, set.knownAs(), c)
	switch {
	case err == nil:
		go refuse(chans, reqs)
		return &ssh.Client{Conn: sc}, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case refusal != nil:
		return nil, refusal
	case late.Load():
		return nil, unreachable(set, context.DeadlineExceeded)
	}
	return nil, handshakeError(set, err)
}

// refuse answers what a server asks for unasked until the connection ends: nothing.
// The library's own client takes three goroutines a connection for the same.
func refuse(chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request) {
	for chans != nil || reqs != nil {
		select {
		case ch, ok := <-chans:
			if !ok {
				chans = nil
				continue
			}
			_ = ch.Reject(ssh.UnknownChannelType, "nothing of that kind is taken")
		case r, ok := <-reqs:
			if !ok {
				reqs = nil
				continue
			}
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
	}
}

func handshakeError(set settings, err error) error {
	var negotiation *ssh.AlgorithmNegotiationError
	var known *effect.Error
	failure := &effect.Error{Kind: effect.Unreachable, Message: fmt.Sprintf("%s: %v", set.address(), err), Cause: err}
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &negotiation):
		failure.Message = fmt.Sprintf("%s and we have no algorithm in common: %v", set.address(), err)
		failure.Hint = "an old host may need legacy=true in the inventory, or algorithm lines in ssh_config"
	case strings.Contains(err.Error(), "unable to authenticate"):
		failure.Message = fmt.Sprintf("%s does not let us in as %s: %s", set.address(), set.user, attempts(err))
		failure.Hint = fmt.Sprintf("see whether ssh %s@%s works, which keys it uses, and whether the agent holds them (ssh-add -l)", set.user, set.alias)
	case closed(err) && set.command != "" && set.jump == "":
		failure.Message = "the ProxyCommand ended before the host answered: " + set.command
		failure.Hint = "run it by hand to see what it says"
	case closed(err):
		failure.Message = set.address() + " closed the connection before the login"
		failure.Hint = "its sshd may be busy, be told to refuse us, or be no sshd at all: see its log"
	}
	return failure
}

// closed tells whether the other side is gone.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// attempts tells which ways to log in were tried, out of the library's words.
func attempts(err error) string {
	_, rest, found := strings.Cut(err.Error(), "attempted methods [")
	methods, _, closed := strings.Cut(rest, "]")
	if methods = strings.TrimPrefix(strings.TrimPrefix(methods, "none"), " "); !found || !closed || methods == "" {
		return "there is no key, and no other way, to try"
	}
	return "it turned down " + strings.ReplaceAll(methods, " ", ", ")
}
