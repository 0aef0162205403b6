package sim

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"syscall"

	"bsdrun/runtime/sim/vfs"
)

// Exec runs shell text as a user, without a connection: what a tool's tests
// need. It waits for the command alone, not for what it leaves running.
func (m *Machine) Exec(ctx context.Context, user, script string) (stdout, stderr string, code int) {
	return m.ExecInput(ctx, user, script, "")
}

// ExecInput is Exec with standard input.
func (m *Machine) ExecInput(ctx context.Context, user, script, input string) (stdout, stderr string, code int) {
	u, ok := m.LookupUser(user)
	if !ok {
		return "", "no such user: " + user + "\n", 127
	}
	var out, errs safeBuffer
	s := &session{clock: m.clock}
	s.begin()
	p, err := m.startFor(u, s, Command{
		Args: []string{"sh", "-c", script}, Path: "/bin/sh",
		Stdin: strings.NewReader(input), Stdout: &out, Stderr: &errs,
	}, func(int, syscall.Signal) { s.end() })
	s.begun()
	if err != nil {
		s.end()
		return "", ErrText(err) + "\n", 126
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.signal(syscall.SIGKILL)
		<-p.Done()
	}
	m.changed()
	code, _ = p.Wait(context.Background())
	return out.String(), errs.String(), code
}

// startFor begins a login session's first process.
func (m *Machine) startFor(u User, s *session, c Command, exited func(int, syscall.Signal)) (*task, error) {
	cred := m.CredOf(u)
	umask := uint32(0o022)
	c.Cred, c.Umask, c.Detach = &cred, &umask, true
	if c.Env == nil {
		c.Env = m.LoginEnv(u)
	}
	if c.Dir == "" {
		c.Dir = u.Home
	}
	if _, err := m.View(vfs.Root, "/").Stat(c.Dir); err != nil {
		c.Dir = "/"
	}
	prog, err := m.find(m.View(cred, c.Dir), c.Env, c)
	if err != nil {
		return nil, err
	}
	m.clock.enter() // before the process can be seen: nothing is saved meanwhile
	p := m.newProcess(nil, c)
	m.mu.Lock()
	p.Args, p.Path, p.session, p.onExit = prog.args, prog.path, s, exited
	if s.terminal != nil {
		p.TTY = s.terminal.Name
	}
	m.mu.Unlock()
	go p.live(func() int { return p.runTool(prog, c) })
	return p, nil
}

// safeBuffer is a buffer that processes may go on writing to.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
