package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"bsdrun/runtime/sim/vfs"
)

// Process is an entry of the machine's process table, as it was when it was
// asked for. What it does (Wait, Catch ...) acts on the process itself.
type Process struct {
	PID       int
	PPID      int
	Group     int // process group
	SessionID int
	Args      []string
	Path      string // the program's file
	Dir       string
	Cred      vfs.Cred
	TTY       string // "pts/0"; empty: none
	Started   time.Time
	Resumed   bool // begun anew from a state file
	JID       int  // of the jail that it runs in, 0: none
	*task
}

// shown is the process for others to look at; the machine is locked.
func (p *task) shown() *Process {
	return &Process{
		PID: p.PID, PPID: p.PPID, Group: p.Group, SessionID: p.SessionID, Args: p.Args, Path: p.Path, Dir: p.Dir, Cred: p.Cred,
		TTY: p.TTY, Started: p.Started, Resumed: p.Resumed, JID: p.jail.jid, task: p,
	}
}

// public is shown for callers that have not locked the machine.
func (p *task) public() *Process {
	if p == nil {
		return nil
	}
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	return p.shown()
}

// task is a process. Its exported fields are guarded by the machine's lock.
type task struct {
	PID       int
	PPID      int
	Group     int // process group
	SessionID int
	Args      []string
	Path      string // the program's file
	Dir       string
	Cred      vfs.Cred
	TTY       string // "pts/0"; empty: none
	Started   time.Time
	Resumed   bool // begun anew from a state file

	jail    *Machine // that it runs in, or the machine itself
	machine *Machine // never a jail
	env     []string
	umask   uint32
	session *session // the controller's, nil for daemons
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan struct{}
	streams map[int]*stream
	standIn bool                               // only shown: nothing of it runs
	apart   bool                               // runs beside the others, without taking turns
	forked  bool                               // a subshell: no program that could be begun anew
	onEnd   func()                             // called when a stand-in is killed
	onExit  func(code int, sig syscall.Signal) // called at the end, before time may pass

	mu      sync.Mutex // guards what follows
	code    int
	sig     syscall.Signal // that ended it
	ended   bool
	waiters []*ticket

	catching sync.Mutex
	handlers map[syscall.Signal]func() // caught signals; a nil function ignores

	tickets map[*ticket]struct{} // guarded by the clock
	stopped bool                 // by SIGSTOP, guarded by the clock
}

// Signalled is why the context of a killed process ended.
type Signalled struct{ Signal syscall.Signal }

func (s Signalled) Error() string { return "killed by signal " + fmt.Sprint(int(s.Signal)) }

type processKey struct{}

// processOf is the process a context belongs to, nil for none.
func processOf(ctx context.Context) *task {
	p, _ := ctx.Value(processKey{}).(*task)
	return p
}

// holds notes a ticket the process is blocked on; the clock is locked.
func (p *task) holds(t *ticket) {
	if p != nil {
		p.tickets[t] = struct{}{}
	}
}

// lets forgets it.
func (p *task) lets(t *ticket) {
	if p == nil {
		return
	}
	p.machine.clock.mu.Lock()
	delete(p.tickets, t)
	p.machine.clock.mu.Unlock()
	p.pause()
}

// pause keeps a stopped process from going on until it is continued.
func (p *task) pause() {
	for p.ctx.Err() == nil {
		c := p.machine.clock
		c.mu.Lock()
		stopped := p.stopped
		c.mu.Unlock()
		if !stopped {
			return
		}
		t := c.block(p, func(t *ticket) { p.tickets[t] = struct{}{} })
		_ = t.wait(p.ctx)
		c.mu.Lock()
		delete(p.tickets, t)
		c.mu.Unlock()
	}
}

// State is the process's state as ps(1) shows it: R, S, T, or I for one that is
// only shown.
func (p *task) State() string {
	p.machine.clock.mu.Lock()
	defer p.machine.clock.mu.Unlock()
	switch {
	case p.stopped:
		return "T"
	case p.standIn:
		return "I"
	case len(p.tickets) > 0:
		return "S"
	default:
		return "R"
	}
}

// Environ is the environment it was started with.
func (p *task) Environ() []string { return slices.Clone(p.env) }

// Wait blocks the calling process until this one ends, and returns its exit
// code: 128 plus the signal when it was killed.
func (p *task) Wait(ctx context.Context) (int, error) {
	for {
		p.mu.Lock()
		if p.ended {
			code := p.code
			p.mu.Unlock()
			return code, nil
		}
		if err := context.Cause(ctx); err != nil {
			p.mu.Unlock()
			return 0, err
		}
		owner := processOf(ctx)
		if owner == nil { // a controller's goroutine, which the clock does not count
			p.mu.Unlock()
			select {
			case <-p.done:
				continue
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		}
		t := p.machine.clock.block(owner, func(t *ticket) {
			owner.holds(t)
			p.waiters = append(p.waiters, t)
		})
		p.mu.Unlock()
		err := t.wait(ctx)
		owner.lets(t)
		if err != nil {
			return 0, err
		}
	}
}

// Done is closed when the process has ended.
func (p *task) Done() <-chan struct{} { return p.done }

// Signal is the signal that ended the process, 0 for none.
func (p *task) Signal() syscall.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sig
}

// takesTurns tells whether the process holds the processor while it goes on.
func (p *task) takesTurns() bool { return p != nil && !p.apart }

// live is a process from its first instruction to its end.
func (p *task) live(run func() int) {
	p.machine.clock.turn()
	code := run()
	p.finish(code)
	p.machine.clock.give()
	p.machine.clock.leave()
}

// giveWay lets other processes go on while work does something that waits for
// the world outside. Time stands still meanwhile.
func (p *task) giveWay(work func()) {
	if !p.takesTurns() {
		work()
		return
	}
	p.machine.clock.give()
	defer p.machine.clock.turn()
	work()
}

// finish records the end; whoever waits goes on.
func (p *task) finish(code int) {
	var sig syscall.Signal
	if cause, ok := context.Cause(p.ctx).(Signalled); ok { //nolint:errorlint // set by signal alone, never wrapped
		sig, code = cause.Signal, 128+SignalNumber(cause.Signal)
	}
	if p.onExit != nil {
		p.giveWay(func() { p.onExit(code, sig) })
	}
	for _, fd := range slices.Sorted(maps.Keys(p.streams)) {
		p.streams[fd].release()
	}
	p.machine.forget(p)
	p.mu.Lock()
	p.sig = sig
	p.code, p.ended = code, true
	waiters := p.waiters
	p.waiters = nil
	p.mu.Unlock()
	for _, t := range waiters {
		t.wake()
	}
	close(p.done)
	p.cancel(nil)
}

// Catch has a signal call a function instead of ending the process; nil ignores
// it. KILL and STOP cannot be caught.
func (p *task) Catch(sig syscall.Signal, handler func()) {
	if sig == syscall.SIGKILL || sig == syscall.SIGSTOP {
		return
	}
	p.catching.Lock()
	defer p.catching.Unlock()
	p.handlers[sig] = handler
}

// Default undoes Catch.
func (p *task) Default(sig syscall.Signal) {
	p.catching.Lock()
	defer p.catching.Unlock()
	delete(p.handlers, sig)
}

// ignored lists the signals a child ignores too.
func (p *task) ignored() []syscall.Signal {
	p.catching.Lock()
	defer p.catching.Unlock()
	var list []syscall.Signal
	for sig, handler := range p.handlers {
		if handler == nil {
			list = append(list, sig)
		}
	}
	return list
}

// signal delivers a signal.
func (p *task) signal(sig syscall.Signal) {
	switch sig {
	case 0:
		return
	case syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		p.suspend(true)
		return
	case syscall.SIGCONT:
		p.suspend(false)
		return
	}
	p.catching.Lock()
	handler, caught := p.handlers[sig]
	p.catching.Unlock()
	switch {
	case caught && handler != nil:
		handler()
	case caught:
	case sig == syscall.SIGCHLD || sig == syscall.SIGURG || sig == syscall.SIGWINCH || sig == syscall.SIGIO:
		// ignored by default
	case p.standIn:
		p.machine.forget(p)
		p.endStandIn(sig)
	default:
		p.cancel(Signalled{sig})
		p.suspend(false)
	}
}

// endStandIn ends a process of which nothing runs.
func (p *task) endStandIn(sig syscall.Signal) {
	p.mu.Lock()
	ended := p.ended
	p.code, p.sig, p.ended = 128+int(sig), sig, true
	waiters := p.waiters
	p.waiters = nil
	p.mu.Unlock()
	if ended {
		return
	}
	for _, t := range waiters {
		t.wake()
	}
	close(p.done)
	p.cancel(Signalled{sig})
	p.in().state.ServiceEnded(p.PID)
	if p.onEnd != nil {
		p.onEnd()
	}
}

// suspend stops or continues the process, and wakes it so that it notices.
func (p *task) suspend(stop bool) {
	c := p.machine.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	p.stopped = stop
	if stop {
		return
	}
	for t := range p.tickets {
		t.rouse()
	}
}

// in is the jail that the process runs in, or the machine.
func (p *task) in() *Machine {
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	return p.jail
}

// sees tells whether a process is one of this jail's; a host sees all. The
// machine is locked.
func (m *Machine) sees(p *task) bool { return p != nil && (m.jid == 0 || p.jail.jid == m.jid) }

// Processes lists the process table by pid: in a jail, what runs in it.
func (m *Machine) Processes() []*Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*Process, 0, len(m.processes))
	for _, pid := range slices.Sorted(maps.Keys(m.processes)) {
		if p := m.processes[pid]; m.sees(p) {
			list = append(list, p.shown())
		}
	}
	return list
}

// Process is one entry of the process table, nil when there is none.
func (m *Machine) Process(pid int) *Process {
	m.mu.Lock()
	p := m.processes[pid]
	if !m.sees(p) {
		p = nil
	}
	m.mu.Unlock()
	return p.public()
}

// parent is the parent's pid now.
func (p *task) parent() int {
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	return p.PPID
}

// Kill sends a signal as kill(2) does: to a process, with a negative number to
// a process group, with -1 to all the user may signal. Signal 0 only asks.
func (m *Machine) Kill(from vfs.Cred, pid int, sig syscall.Signal) error {
	var targets []*Process
	for _, p := range m.Processes() {
		if p.PID == pid || pid == -1 && p.PID > 1 || pid < -1 && p.Group == -pid {
			targets = append(targets, p)
		}
	}
	if len(targets) == 0 {
		return syscall.ESRCH
	}
	allowed := false
	for _, p := range targets {
		if from.UID != 0 && from.UID != p.Cred.UID {
			continue
		}
		allowed = true
		p.signal(sig)
	}
	if !allowed {
		return syscall.EPERM
	}
	return nil
}

// forget takes a process off the table and closes its sockets; its children
// become init's.
func (m *Machine) forget(p *task) {
	m.sockets.CloseAll(p.PID)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.processes[p.PID] == p {
		delete(m.processes, p.PID)
	}
	for _, other := range m.processes {
		if other.PPID == p.PID {
			other.PPID = 1
		}
	}
}

// nextPID gives the next free number.
func (m *Machine) nextPID() int {
	const first, last = 1000, 99999 // PID_MAX of FreeBSD
	for {
		m.lastPID++
		if m.lastPID > last || m.lastPID < first {
			m.lastPID = first
		}
		if m.processes[m.lastPID] == nil {
			return m.lastPID
		}
	}
}
