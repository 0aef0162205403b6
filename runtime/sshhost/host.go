package sshhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Host is one machine: the Doer below all layers.
type Host struct {
	cfg   Config
	alone bool // nobody else uses what is shared

	connecting chan struct{} // one token: whoever changes the connections
	mu         sync.Mutex    // guards what follows
	link       link
	single     bool // the server gives one channel a connection
	shells     map[place]*shell
	files      map[place]*sftp.Client
	facts      []byte
	greeted    bool
	boot       string
	pinned     []ssh.PublicKey // only these are accepted after a reboot of ours
	hostKey    ssh.PublicKey   // what the host has shown last
	password   string          // for Become, once it was right
	stateDirs  map[place]string
	touched    bool             // we have left something on the host
	rebooted   bool             // ... and it was booted since we last took its lock
	latest     map[place]string // entries that a whole ledger has
	everUp     bool
	closed     bool
}

// place is where a shell works.
type place struct {
	in, as string
	side   bool // beside the first one: to watch and to end what runs there
}

// New is a host that connects when it is first used.
func New(cfg Config) *Host {
	if cfg.Address == "" {
		cfg.Address = cfg.Name
	}
	alone := cfg.Shared == nil
	if alone {
		cfg.Shared = NewShared(SharedConfig{})
	}
	if cfg.Reconnect == 0 {
		cfg.Reconnect = 2 * time.Minute
	}
	h := &Host{cfg: cfg, alone: alone, connecting: make(chan struct{}, 1), shells: map[place]*shell{}, files: map[place]*sftp.Client{}, stateDirs: map[place]string{}, latest: map[place]string{}}
	if cfg.Noted != "" {
		h.latest[place{}] = entry(cfg.Noted)
	}
	h.connecting <- struct{}{}
	return h
}

// NewLocal is this machine, by the same code over pipes to a local shell.
// Address, keys and dialling of the configuration mean nothing here.
func NewLocal(cfg Config) *Host {
	cfg.local = true
	return New(cfg)
}

// Do does one effect.
func (h *Host) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	began := clock.Now(ctx)
	r, err := h.do(ctx, e)
	if e.Kind == effect.Change && !r.Unchanged && mayAlterFacts(e) {
		h.forgetFacts()
	}
	r.Took = clock.Now(ctx).Sub(began)
	return r, h.explain(ctx, e, err)
}

// mayAlterFacts tells whether a change may alter what the greeting tells: any
// may that does not declare to touch nothing but files.
func mayAlterFacts(e effect.Effect) bool {
	if e.File != nil {
		return false
	}
	for _, w := range e.Writes {
		if scheme, _, _ := strings.Cut(string(w), ":"); scheme != "file" {
			return true
		}
	}
	return e.Writes == nil
}

func (h *Host) forgetFacts() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts, h.greeted = nil, false
}

func (h *Host) do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	switch {
	case e.Conn != nil:
		return h.doConn(ctx, e)
	case e.Batch != nil:
		return h.doBatch(ctx, e)
	case e.Job != nil:
		return h.doJob(ctx, e)
	case e.File != nil:
		return h.doFile(ctx, e)
	case e.Talk != nil:
		return h.doTalk(ctx, e)
	case e.Sink != nil:
		return h.doSink(ctx, e)
	case e.Stdin != nil:
		return h.doStdin(ctx, e)
	default:
		return h.doCommand(ctx, e)
	}
}

// explain completes an error with what the effect knows.
func (h *Host) explain(ctx context.Context, e effect.Effect, err error) error {
	if err == nil {
		return nil
	}
	var known *effect.Error
	if errors.As(err, &known) {
		whole := *known
		if whole.Op == "" {
			whole.Op = e.Op
		}
		if whole.Host == "" {
			whole.Host = h.cfg.Name
		}
		if whole.Command == "" {
			whole.Command = commandText(e)
		}
		return &whole
	}
	failure := &effect.Error{Op: e.Op, Host: h.cfg.Name, Kind: effect.Failed, Command: commandText(e), Cause: err}
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		failure.Kind, failure.Message = effect.Cancelled, "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		failure.Kind, failure.Message = effect.Timeout, "it took too long"
	case errors.Is(err, errLost):
		failure.Kind = effect.Unreachable
	}
	return failure
}

// shellAt is the shell of a place, opened if need be. A host that has been
// connected and is gone for a while is waited for.
func (h *Host) shellAt(ctx context.Context, at place) (*shell, error) {
	s, err := h.shellNow(ctx, at)
	if errors.Is(err, errLost) {
		if err = h.reconnect(ctx); err == nil {
			s, err = h.shellNow(ctx, at)
		}
	}
	if err == nil {
		err = h.renew(ctx)
	}
	return s, err
}

// shellNow is the shell of a place, without waiting for a host that is gone.
func (h *Host) shellNow(ctx context.Context, at place) (*shell, error) {
	if s := h.openShellAt(at); s != nil {
		return s, nil
	}
	select {
	case <-h.connecting:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { h.connecting <- struct{}{} }()
	if s := h.openShellAt(at); s != nil {
		return s, nil
	}
	return h.makeShell(ctx, at)
}

// openShellAt is the open shell of a place, or nil.
func (h *Host) openShellAt(at place) *shell {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.shells[at]; s != nil && !s.isDead() {
		return s
	}
	return nil
}

// makeShell connects where there is no connection and opens a shell; whoever
// calls holds h.connecting.
func (h *Host) makeShell(ctx context.Context, at place) (*shell, error) {
	h.mu.Lock()
	reused, everUp := h.link != nil, h.everUp
	h.mu.Unlock()
	l, err := h.connected(ctx)
	if err != nil {
		if everUp && passing(err) && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		return nil, err
	}
	first := at == place{}
	greeting := ""
	if first && h.cfg.Greet && len(h.cfg.Greeting) < longScript/2 {
		greeting = h.cfg.Greeting
	}
	s, facts, err := h.openAt(ctx, l, at, greeting)
	if errors.Is(err, errLost) && reused {
		// The connection had gone without our noticing.
		h.drop()
		return h.makeShell(ctx, at)
	}
	if err != nil {
		if first {
			h.drop()
		}
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shells[at] = s
	if first {
		h.metBoot(s.about.boot)
		if greeting != "" {
			h.facts, h.greeted = facts, true
		}
		if !h.everUp {
			h.everUp = true
			effect.Emit(ctx, effect.Event{Type: effect.Connected, Host: h.cfg.Name})
		}
	}
	return s, nil
}

// metBoot notes the running boot; facts of another one are void.
func (h *Host) metBoot(boot string) {
	if !sameBoot(h.boot, boot) {
		h.facts, h.greeted = nil, false
		h.rebooted = true
	}
	if boot != "" {
		h.boot = boot
	}
}

// shellTime is how long a login shell may take to answer, greeting included.
const shellTime = 2 * time.Minute

func (h *Host) openAt(ctx context.Context, l link, at place, greeting string) (*shell, []byte, error) {
	var noise strayBuffer
	nonce := newNonce()
	script := introduction(nonce, homeOf(at.as), greeting)
	p, l, err := h.begin(ctx, l, at == place{}, func(l link) (*process, error) {
		return h.startAt(ctx, l, at, script, &noise)
	})
	if err != nil {
		return nil, nil, err
	}
	opening, cancel := context.WithTimeout(ctx, shellTime)
	defer cancel()
	s, facts, err := openShell(opening, l, p, nonce, func(b []byte) { h.stray(ctx, &noise, b) })
	if err != nil && ctx.Err() == nil && opening.Err() != nil {
		return nil, nil, &effect.Error{
			Kind: effect.Unreachable, Err: noise.String(), Message: fmt.Sprintf("the login shell does not answer within %s", shellTime),
			Hint: "log in by hand to see what holds it up",
		}
	}
	if errors.Is(err, errLost) && l.alive() == nil {
		return nil, nil, h.noShell(at, noise.String())
	}
	noise.settle()
	return s, facts, err
}

// noJail is what jexec(8) says of a jail that does not run.
var noJail = lazyregexp.New(`jexec: jail "?[^"\n]*"? not found`)

// noShell explains a shell that never answered.
func (h *Host) noShell(at place, said string) error {
	if at.in != "" && noJail.MatchString(said) {
		return &effect.Error{
			Kind: effect.Missing, Message: "no jail " + at.in + " runs on the host", Err: said,
			Hint: "jls shows those that run; jail.start starts one",
		}
	}
	if at.as != "" && noSuchUser.MatchString(said) {
		return &effect.Error{
			Kind: effect.Missing, Message: "the host has no user " + at.as, Err: said,
			Hint: "h.user.list() names those that are there; h.user.ensure makes one",
		}
	}
	who := "the login shell"
	if at.as != "" {
		who = "a shell as " + at.as
	} else if h.cfg.Become.Method != "" {
		who = h.cfg.Become.Method
	}
	return &effect.Error{
		Kind: effect.Denied, Message: who + " ended before it answered", Err: said,
		Hint: "log in by hand to see what it says; a forced command, a shell that is not for logins, or a full disk can be the reason",
	}
}

// noSuchUser is how su(1), sudo and doas name a user that there is not.
var noSuchUser = lazyregexp.New(`(?i)unknown (login|user)|does not exist`)

// strayBuffer keeps what a shell says before it is up; afterwards stray bytes
// are only reported.
type strayBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	settled bool
}

func (s *strayBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *strayBuffer) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = true
}

// keep notes b if the shell is not up yet.
func (s *strayBuffer) keep(b []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settled && s.buf.Len() < 4096 {
		s.buf.Write(b)
	}
	return !s.settled
}

// stray reports bytes that belong to no frame: what rc files print, and what
// processes print that outlived their command.
func (h *Host) stray(ctx context.Context, noise *strayBuffer, b []byte) {
	if noise.keep(b) || len(bytes.TrimSpace(b)) == 0 {
		return
	}
	effect.Emit(ctx, effect.Event{Type: effect.Log, Host: h.cfg.Name, Op: "connection.stray", Text: string(b)})
}

// connected is the live connection, made if need be.
func (h *Host) connected(ctx context.Context) (link, error) {
	h.mu.Lock()
	l, closed, first := h.link, h.closed, !h.everUp
	h.mu.Unlock()
	if closed {
		return nil, effect.Errorf(effect.Internal, "", "the host has been closed")
	}
	if l != nil {
		return l, nil
	}
	dial := h.dial
	if first {
		dial = func(ctx context.Context) (link, error) { return persist(ctx, h.dialKept) }
	}
	l, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.link = l
	h.mu.Unlock()
	return l, nil
}

// begin starts something over the connection, or over one of its own where the
// server gives no further channel; that one is closed with the process.
func (h *Host) begin(ctx context.Context, l link, first bool, start func(link) (*process, error)) (*process, link, error) {
	h.mu.Lock()
	single := h.single
	h.mu.Unlock()
	if first || !single {
		p, err := start(l)
		if first || !errors.Is(err, errRefused) {
			return p, l, err
		}
	}
	own, err := h.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := start(own)
	if err != nil {
		own.close()
		return nil, nil, err
	}
	h.mu.Lock()
	h.single = true
	h.mu.Unlock()
	end := p.close
	p.close = func() { end(); own.close() }
	return p, own, nil
}

// open starts a command beside the shells.
func (h *Host) open(ctx context.Context, at place, script string, tty *ttySize) (*process, link, error) {
	if _, err := h.shellAt(ctx, place{}); err != nil {
		return nil, nil, err
	}
	if len(script) > longScript {
		short, err := h.stage(ctx, at, script)
		if err != nil {
			return nil, nil, err
		}
		script = short
	}
	l, err := h.connected(ctx)
	if err != nil {
		return nil, nil, err
	}
	return h.begin(ctx, l, false, func(l link) (*process, error) {
		if tty != nil {
			return h.startTTY(ctx, l, at, script, tty)
		}
		return h.startAt(ctx, l, at, script, &strayBuffer{})
	})
}

// longScript is the length up to which a script fits into a command line, every
// byte of it escaped; Linux takes 128 KiB in one argument.
const longScript = 6 << 10

// stage puts a script into a file of its own and returns a short one that runs
// and removes it.
func (h *Host) stage(ctx context.Context, at place, script string) (string, error) {
	dir, err := h.stateDir(ctx, at)
	if err != nil {
		return "", err
	}
	s, err := h.shellAt(ctx, at)
	if err != nil {
		return "", err
	}
	file := quoteRaw(dir + "/script" + newNonce())
	if _, err := s.ask(ctx, "umask 077\n{\n"+printfTo([]byte("rm -f "+file+"\n"+script))+"} >"+file); err != nil {
		return "", err
	}
	return ". " + file, nil
}

// drop closes every connection; the next effect makes a new one.
func (h *Host) drop() {
	h.mu.Lock()
	shells, files, l := h.shells, h.files, h.link
	h.shells, h.files, h.link = map[place]*shell{}, map[place]*sftp.Client{}, nil
	h.mu.Unlock()
	for _, f := range files {
		go func() { _ = f.Close() }()
	}
	for _, s := range shells {
		s.close()
	}
	if l != nil {
		l.close()
	}
}

// Close ends the connection. With keep, what the run left on the host stays
// (lock, ledger, jobs), so that it can be resumed; else EndRun comes first.
func (h *Host) Close(ctx context.Context, keep bool) error {
	var err error
	if !keep {
		err = h.EndRun(ctx)
	}
	h.drop()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	if h.alone {
		h.cfg.Shared.Close()
	}
	return err
}
