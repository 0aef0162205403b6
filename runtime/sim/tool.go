package sim

import (
	"context"
	"fmt"
	"io"
	"time"

	"bsdrun/runtime/sim/vfs"
)

// Tool is a program of the simulated machine, modelled in Go.
type Tool struct {
	Name    string   // "poudriere"
	Paths   []string // where it is installed: "/usr/local/bin/poudriere"
	Package string   // the package that brings it; empty: the base system
	// Files are further files that come with it (path -> content), such as
	// sample configurations.
	Files map[string]string
	Mode  uint32 // of the program's file; 0: 0555
	// Static names those of Paths that need no shared libraries, so that they
	// run on any release.
	Static []string
	// Since is the first release whose base system has the tool ("9.2"), Until
	// the first that lacks it again; empty: no bound.
	Since, Until string
	// Script is, for a tool of the base system that is a script in the real one,
	// what its file says of itself in a release; nil for most.
	Script func(release string) string
	// Params names the parameters of a machine's URL that the tool reads.
	Params []string
	Run    func(p *Proc) int // returns the exit code
	// Serve is what a server of the world that the tool talks to holds at a URL;
	// nil for most.
	Serve func(m *Machine, url string) (data []byte, ok bool)
	// Timer is called when the machine's clock reaches a time set by
	// Machine.At; nil for tools without timers.
	Timer func(m *Machine, payload string)
	// Boot is called when the machine has booted; nil for most.
	Boot func(m *Machine)
	// Opened is called when a machine that runs was opened from its file: its
	// daemons are shown, and nothing is told to them yet; nil for most.
	Opened func(m *Machine)
	// Login is called when users may log in, which is after every Boot; nil for most.
	Login func(m *Machine)
	// Filter judges the packets that pass the machine's interfaces, and may
	// translate their addresses; nil for all but firewalls. It is called at any
	// time, also while a process runs.
	Filter func(m *Machine, p *Packet) Verdict

	apart bool // has threads of its own, and shares nothing with other tools
}

// Proc is one process of the simulated machine.
type Proc struct {
	Context context.Context // ends when the process is killed or its channel closes
	Machine *Machine
	PID     int
	Args    []string // with argv[0]
	Env     []string // NAME=value
	Dir     string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Cred    vfs.Cred // user, group and groups
	TTY     bool     // standard input is a terminal
	Umask   uint32
	// Resumed tells a process that was under way when the machine was saved and
	// now begins anew: a long-running tool goes on with its own record.
	Resumed bool
	Files   map[int]*stream // open descriptors from 3 on

	process *task
}

// Served is what a server of the world holds at a URL, where a tool knows it.
func (m *Machine) Served(url string) (data []byte, ok bool) {
	for _, t := range m.tools {
		if t.Serve == nil {
			continue
		}
		if data, ok := t.Serve(m, url); ok {
			return data, true
		}
	}
	return nil, false
}

// Getenv is the last value of an environment variable.
func (p *Proc) Getenv(name string) string {
	for i := len(p.Env) - 1; i >= 0; i-- {
		if n := len(name); len(p.Env[i]) > n && p.Env[i][n] == '=' && p.Env[i][:n] == name {
			return p.Env[i][n+1:]
		}
	}
	return ""
}

// Printf writes to standard output.
func (p *Proc) Printf(format string, args ...any) { _, _ = fmt.Fprintf(p.Stdout, format, args...) }

// Errorf writes to standard error.
func (p *Proc) Errorf(format string, args ...any) { _, _ = fmt.Fprintf(p.Stderr, format, args...) }

// FS is the file tree with this process's rights; relative names start at Dir.
func (p *Proc) FS() *vfs.View {
	view := p.Machine.View(p.Cred, p.Dir)
	view.Umask = p.Umask
	return view
}

// Process is this process's entry in the process table.
func (p *Proc) Process() *Process { return p.process.public() }

// Block runs something that waits for other processes by means the machine does
// not know (a lock, a Go channel), so that time may pass meanwhile.
func (p *Proc) Block(wait func()) {
	t := p.Machine.clock.block(p.process, nil)
	wait()
	t.wake()
	t.resume()
}

// GiveWay lets other processes go on while work waits for what ends by itself. Time
// stands still meanwhile.
func (p *Proc) GiveWay(work func()) { p.process.giveWay(work) }

// Go runs fn beside the process, as one more that runs; it must end before the
// process does, which waits for it inside Block.
func (p *Proc) Go(fn func()) {
	p.Machine.clock.enter()
	go func() {
		defer p.Machine.clock.leave()
		p.Machine.clock.turn()
		defer p.Machine.clock.give()
		fn()
	}()
}

// Cannot reports aloud that the simulator does not model something, keeps a
// record of it on the machine, and is the exit code to return.
func (p *Proc) Cannot(format string, args ...any) int {
	text := fmt.Sprintf(format, args...)
	p.Machine.noteCannot(text)
	p.Errorf("the simulator can't: %s\n", text)
	return CannotCode
}

// CannotCode is the exit code of what the simulator cannot do (EX_SOFTWARE).
const CannotCode = 70

// Now is the machine's time.
func (p *Proc) Now() time.Time { return p.Machine.Now() }

// Sleep passes the machine's time; it ends early with an error when the process
// is killed.
func (p *Proc) Sleep(d time.Duration) error { return p.Machine.Sleep(p.Context, d) }
