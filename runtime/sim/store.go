package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// A machine with ?state=FILE lives on between runs: the file holds what it
// differs in from a fresh machine of its profile, in records that are each whole
// or not there; the first tells all, later ones what changed since. One is added
// whenever nothing runs and something has changed, and what the machine answers is
// held back until then. So a controller that is killed, and its machine with it,
// finds a machine that has done all it was told to be done.

// savedVersion changes when an older bsdrun could not read the file.
const savedVersion = 6

// saved is a record of a state file.
type saved struct {
	Version   int
	Profile   string
	Name      string
	Address   string
	Now       time.Time
	Down      bool
	LastPID   int
	Terminals int
	LastTimer int
	LastPort  int
	Timers    map[int]*timer
	Shown     []savedProcess // daemons that are only shown
	Jobs      []savedProcess // programs to begin anew
	SSHD      string         `json:",omitempty"` // configuration that sshd has read

	// All of it in a first record, which has a Tree; else what changed since the
	// record before.
	State parts     `json:",omitempty"` // by field
	Tools parts     `json:",omitempty"` // by name
	Tree  *vfs.Dump `json:",omitempty"`
	Delta vfs.Delta `json:",omitempty"`
}

// parts are things as they are kept, by name.
type parts map[string]json.RawMessage

// since are those that are not as they were.
func (p parts) since(earlier parts) parts {
	changed := parts{}
	for name, data := range p {
		if !bytes.Equal(data, earlier[name]) {
			changed[name] = data
		}
	}
	return changed
}

// savedProcess is a process that outlives the run.
type savedProcess struct {
	PID     int
	JID     int `json:",omitempty"`
	Path    string
	Args    []string
	Env     []string
	Dir     string
	Cred    vfs.Cred
	Umask   uint32
	Started time.Time
	Ignore  []string
	Streams map[int]savedStream
}

// savedStream is an open file of such a process.
type savedStream struct {
	Path   string // empty: nothing that could be opened again
	Flag   int
	Offset int64
}

// store keeps a machine's state file up to date.
type store struct {
	m    *Machine
	log  *stateLog
	lock *os.File
	kick chan struct{}
	done chan struct{}
	stop chan struct{}
	err  error // of the last write

	// What the file holds, to tell what is out of date.
	facts   []byte
	state   parts
	uses    int // of the state
	tools   parts
	tree    *vfs.Dump // nil: the next record tells all
	version int       // of the tree
}

// openStore takes a state file for this process alone.
func openStore(path string) (*store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(abs+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state=%s: %w", path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(lock)
		_ = lock.Close()
		return nil, fmt.Errorf("state=%s: another bsdrun uses this machine (process %s)", path, strings.TrimSpace(string(owner)))
	}
	_ = lock.Truncate(0)
	_, _ = fmt.Fprintf(lock, "%d\n", os.Getpid())
	return &store{log: &stateLog{path: abs}, lock: lock, kick: make(chan struct{}, 1), done: make(chan struct{}), stop: make(chan struct{})}, nil
}

// patience is how long answers are held back while something keeps running.
const patience = 200 * time.Millisecond

// run saves whenever something may have changed and nothing runs, and lets the
// answers go that were held back for it.
func (s *store) run() {
	defer close(s.done)
	for {
		select {
		case <-s.kick:
		case <-s.stop:
			return
		}
		answers := s.m.takeHeld()
		if !s.save(false) && len(answers) > 0 {
			s.await()
			s.poke() // for answers that came meanwhile
		}
		for _, a := range answers {
			a.send()
		}
	}
}

// await retries until the machine comes to rest, or patience ends.
func (s *store) await() {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case <-s.kick:
			if s.save(false) {
				return
			}
		case <-late.C:
			return
		case <-s.stop:
			return
		}
	}
}

func (s *store) poke() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// save writes the machine if it has changed, and tells whether the file is right
// now; it is not while something runs, unless forced.
func (s *store) save(force bool) bool {
	v, err := s.m.snapshot(force, s)
	if v != nil && err == nil {
		err = s.log.add(v)
	}
	if v != nil || err != nil {
		s.err = err
	}
	if err != nil {
		s.tree = nil // who knows what the file holds
	}
	return v != nil || !s.m.busy()
}

func (m *Machine) busy() bool {
	m.clock.mu.Lock()
	defer m.clock.mu.Unlock()
	return m.clock.running > 0
}

// changed notes that the state file may be out of date.
func (m *Machine) changed() {
	if m.store != nil {
		m.store.poke()
	}
}

// attach has the machine saved from now on.
func (m *Machine) attach(s *store) {
	s.m, m.store = m, s
	m.clock.mu.Lock()
	m.clock.idle = m.changed
	m.clock.mu.Unlock()
	go s.run()
	m.changed()
}

// snapshot takes the machine's state between two instants: with the clock
// locked nothing that is blocked goes on. It is nil while something runs, and
// when the file holds this state already.
func (m *Machine) snapshot(force bool, s *store) (*saved, error) {
	m.clock.mu.Lock()
	defer m.clock.mu.Unlock()
	if m.clock.running > 0 && !force {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v := &saved{
		Version: savedVersion, Profile: m.profile.Name, Name: m.Name, Address: m.address, Now: m.clock.time(), Down: m.down,
		LastPID: m.lastPID, Terminals: m.terminals, LastTimer: m.lastTimer, LastPort: m.lastPort, Timers: maps.Clone(m.timers),
	}
	if r := m.sshd.Load(); r != nil {
		v.SSHD = r.text
	}
	for _, pid := range slices.Sorted(maps.Keys(m.processes)) {
		switch p := m.processes[pid]; {
		case p.standIn:
			v.Shown = append(v.Shown, p.saved())
		case p.detached(m.processes):
			v.Jobs = append(v.Jobs, p.saved())
		}
	}
	tools, err := m.toolParts()
	if err != nil {
		return nil, err
	}
	return s.compare(v, tools)
}

// toolParts is what the tools keep.
func (m *Machine) toolParts() (parts, error) {
	all := maps.Clone(m.toolSaved)
	for name, value := range m.toolState {
		data, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("state of %s: %w", name, err)
		}
		all[name] = data
	}
	return all, nil
}

// compare completes a snapshot by what the machine and its tools know and by the
// tree, or drops it when the file holds the same. Process numbers given out
// meanwhile do not count.
func (s *store) compare(v *saved, tools parts) (*saved, error) {
	alike := *v
	alike.LastPID, alike.Terminals = 0, 0
	facts, err := json.Marshal(alike)
	if err != nil {
		return nil, err
	}
	state, uses := s.state, s.m.state.Uses()
	if uses != s.uses || state == nil {
		state = s.m.state.Parts()
	}
	tree, version := s.tree, s.m.tree.Version()
	if version != s.version || tree == nil {
		tree = s.m.tree.Dump()
	}
	var goesOn bool // what the file holds
	if s.tree != nil && !s.log.full() {
		v.Delta, goesOn = tree.Since(s.tree)
	}
	if goesOn {
		v.State, v.Tools = state.since(s.state), tools.since(s.tools)
		if version == s.version && len(v.State)+len(v.Tools) == 0 && bytes.Equal(facts, s.facts) {
			return nil, nil
		}
	} else {
		v.State, v.Tools, v.Tree = state, tools, tree
	}
	s.facts, s.state, s.uses, s.tools, s.tree, s.version = facts, state, uses, tools, tree, version
	return v, nil
}

// detached tells whether a process outlives connections by itself: it has no
// session, or ignores the hang-up, and no parent would begin it anew.
func (p *task) detached(table map[int]*task) bool {
	if p.forked || p.session != nil && !slices.Contains(p.ignored(), syscall.SIGHUP) {
		return false
	}
	parent := table[p.PPID]
	return parent == nil || parent.standIn || parent.session != nil && !slices.Contains(parent.ignored(), syscall.SIGHUP)
}

func (p *task) saved() savedProcess {
	v := savedProcess{
		PID: p.PID, JID: p.jail.jid, Path: p.Path, Args: p.Args, Env: p.env, Dir: p.Dir, Cred: p.Cred, Umask: p.umask, Started: p.Started,
		Streams: map[int]savedStream{},
	}
	for _, sig := range p.ignored() {
		v.Ignore = append(v.Ignore, SignalName(sig))
	}
	for fd, s := range p.streams {
		var file savedStream
		if s.file != nil {
			offset, _ := s.file.Seek(0, io.SeekCurrent)
			file = savedStream{Path: s.file.Path(), Flag: s.file.Flag() &^ (vfs.O_TRUNC | vfs.O_EXCL), Offset: offset}
		}
		v.Streams[fd] = file
	}
	return v
}

// restore makes a machine that was just created what it was when saved.
func (m *Machine) restore(v *saved) error {
	if v.Profile != m.profile.Name {
		return fmt.Errorf("the state file holds a machine of profile %s, not %s", v.Profile, m.profile.Name)
	}
	if err := m.tree.Load(v.Tree); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	available := m.state.Packages.Available
	known, err := state.FromParts(v.State)
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	m.state = known
	m.state.Packages.Available = available
	m.address, m.lastPID, m.terminals, m.lastTimer = v.Address, v.LastPID, v.Terminals, v.LastTimer
	m.lastPort, m.toolSaved = v.LastPort, v.Tools
	for _, p := range v.Shown {
		s := m.place(p).standIn(p.PID, p.Path, p.Args...)
		s.Started = p.Started
	}
	for id, t := range v.Timers {
		m.setTimer(id, t)
	}
	if v.SSHD != "" {
		return m.runSSHD([]byte(v.SSHD))
	}
	return nil
}

// resume begins the detached programs of a restored machine anew.
func (m *Machine) resume(v *saved) {
	if v.Down {
		m.mu.Lock()
		m.down = true
		m.mu.Unlock()
		m.clock.turn()
		m.up()
		m.clock.give()
		return
	}
	for _, t := range m.tools {
		if t.Opened != nil {
			t.Opened(m)
		}
	}
	for _, j := range v.Jobs {
		if err := m.resumeJob(j); err != nil {
			m.noteCannot(fmt.Sprintf("go on with process %d (%s): %s", j.PID, strings.Join(j.Args, " "), ErrText(err)))
		}
	}
}

// place is the jail that a process was in, or the machine.
func (m *Machine) place(p savedProcess) *Machine {
	if jail := m.Jail(p.JID); jail != nil {
		return jail
	}
	return m
}

func (m *Machine) resumeJob(j savedProcess) error {
	m = m.place(j)
	view := m.View(vfs.Root, "/")
	open := func(fd int) *stream {
		s := j.Streams[fd]
		if s.Path == "" {
			s = savedStream{Path: "/dev/null", Flag: vfs.O_RDWR}
		}
		f, err := view.OpenFile(s.Path, s.Flag, 0o600)
		if err != nil {
			return newStream(nil, nil, nil)
		}
		_, _ = f.Seek(s.Offset, io.SeekStart)
		return fileStream(f)
	}
	c := Command{
		Args: j.Args, Path: j.Path, Env: j.Env, Dir: j.Dir, Cred: &j.Cred, Umask: &j.Umask, Detach: true,
		Stdin: open(0), Stdout: open(1), Stderr: open(2),
	}
	for _, name := range j.Ignore {
		if sig, ok := signalNumber(name); ok {
			c.Ignore = append(c.Ignore, sig)
		}
	}
	prog, err := m.load(m.View(j.Cred, j.Dir), j.Path, j.Args)
	if err != nil {
		return err
	}
	p := m.newProcess(nil, c)
	m.mu.Lock()
	delete(m.processes, p.PID)
	m.lastPID--
	p.PID, p.Group, p.SessionID, p.Started, p.Resumed = j.PID, j.PID, j.PID, j.Started, true
	p.Args, p.Path = prog.args, prog.path
	m.processes[p.PID] = p
	m.mu.Unlock()
	for fd := range 3 {
		for _, s := range []*stream{p.streams[fd]} {
			s.release() // open gave one, newProcess took another
		}
	}
	m.clock.enter()
	go p.live(func() int { return p.runTool(prog, c) })
	return nil
}

// Close ends the machine: what runs is killed, connections drop, the state file
// is written a last time.
func (m *Machine) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.mu.Unlock()
	m.clock.stop()
	var err error
	if s := m.store; s != nil {
		m.settle()
		close(s.stop)
		<-s.done
		s.tree = nil // one record that holds all
		s.save(true)
		err = s.err
		s.log.close()
		for _, a := range m.takeHeld() {
			a.send()
		}
		// A process that is just being started may have the file open, too.
		_ = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_UN)
		_ = s.lock.Close()
	}
	m.dropConnections()
	m.shut()
	m.network.remove(m)
	return err
}

// settle waits a moment for what runs to come to rest.
func (m *Machine) settle() {
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		m.clock.mu.Lock()
		running := m.clock.running
		m.clock.mu.Unlock()
		if running == 0 {
			return
		}
	}
}
