package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/sim/socket"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Machine is a simulated FreeBSD machine, or one of its jails: the same hardware
// with another root and a state of its own.
type Machine struct {
	*hardware
	state *state.State
	root  string // of a jail: its directory in the host's tree
	jid   int    // 0: the host
}

// hardware is what a machine shares with its jails.
type hardware struct {
	Name   string     // in the simulated network: "builder"
	Params url.Values // what the URL asked for beyond the profile; tools read their own

	profile *Profile
	network *Network
	clock   *clockwork
	tree    *vfs.Tree
	sockets *socket.Stack
	host    *Machine
	ctx     context.Context
	shut    context.CancelFunc

	bootTime atomic.Int64 // of Linux, for /proc/uptime
	sshd     atomic.Pointer[sshdRuns]
	filters  []func(m *Machine, p *Packet) Verdict // of the tools

	mu        sync.Mutex
	tools     []*Tool
	processes map[int]*task
	lastPID   int
	timers    map[int]*timer
	lastTimer int
	terminals int
	lastPort  int
	toolState map[string]any // by tool name, and root
	toolSaved parts          // read from the state file, not asked for yet
	jails     map[int]*Machine
	cannot    []string
	faults    faults
	down      bool   // between shutdown and boot, or where a boot has stopped
	booting   *event // the next boot; guarded by the clock
	chosen    string // dataset chosen in the loader's menu of the next boot
	typed     string // kernel asked for at the loader's prompt of the next boot
	login     string
	address   string
	conns     map[*connection]struct{}
	wires     map[*troubledConn]struct{}
	store     *store
	closed    bool
}

// Options of New.
type Options struct {
	Profile string     // name of a profile; empty: freebsd-14.3
	Name    string     // in the network; empty: the profile's name
	Params  url.Values // faults and tool-specific parameters
	Tools   []*Tool
	Network *Network // nil: one of its own
	Login   string   // user the controller logs in as; empty: root
}

// New makes a machine and boots it.
func New(o Options) (*Machine, error) {
	if o.Profile == "" {
		o.Profile = "freebsd-14.3"
	}
	profile, err := FindProfile(o.Profile)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = profile.Name
	}
	if o.Params == nil {
		o.Params = url.Values{}
	}
	o.Name = strings.ReplaceAll(o.Name, "/", "-")
	if o.Network == nil {
		o.Network = NewNetwork()
	}
	m := &Machine{hardware: &hardware{
		Name: o.Name, Params: o.Params, profile: profile, network: o.Network, login: o.Login,
		clock:     newClockwork(profile.start()),
		processes: map[int]*task{}, timers: map[int]*timer{}, toolState: map[string]any{},
		toolSaved: parts{}, conns: map[*connection]struct{}{}, wires: map[*troubledConn]struct{}{},
		lastPID: firstUserPID, jails: map[int]*Machine{},
	}}
	m.host = m
	m.sockets = m.newSockets()
	m.ctx, m.shut = context.WithCancel(context.Background())
	m.tools = o.Network.tools(o.Tools)
	for _, t := range m.tools {
		if t.Filter != nil {
			m.filters = append(m.filters, t.Filter)
		}
	}
	if err := m.checkParams(); err != nil {
		m.shut()
		return nil, err
	}
	if err := m.build(); err != nil {
		m.shut()
		return nil, err
	}
	return m, nil
}

// build makes the machine's tree and state, fresh or as they were saved, and
// boots it.
func (m *Machine) build() (err error) {
	var store *store
	var kept *saved
	if file := m.Params.Get("state"); file != "" {
		if store, err = openStore(file); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				_ = store.lock.Close()
			}
		}()
		if kept, err = store.log.read(); err != nil {
			return err
		}
	}
	if err := m.network.read(m.Params); err != nil {
		return err
	}
	image, err := m.profile.image(m.tools)
	if err != nil {
		return err
	}
	m.tree, m.state = image.Clone(m.Now), m.profile.newState()
	if kept == nil {
		err = m.begin(image)
	} else {
		m.clock = newClockwork(kept.Now)
		err = m.restore(kept)
	}
	if err == nil {
		err = m.faults.read(m, m.Params)
	}
	if err == nil {
		err = m.readBootParams(m.Params, kept == nil)
	}
	if err != nil {
		return err
	}
	m.network.add(m)
	if kept == nil {
		m.boot()
	} else {
		m.Devices()
		if m.profile.linux() {
			m.enliven()
		}
		m.resume(kept)
	}
	if store != nil {
		m.attach(store)
	}
	return nil
}

// begin makes a fresh machine's own files and accounts.
func (m *Machine) begin(image *vfs.Image) error {
	if start := m.Params.Get("start"); start != "" {
		t, err := time.Parse(time.RFC3339, start)
		if err != nil {
			return fmt.Errorf("start=%s: want a time such as 2025-11-03T08:00:00Z", start)
		}
		m.clock = newClockwork(t.UTC())
	}
	if err := m.personalise(); err != nil {
		return err
	}
	if m.profile.linux() { // all it has came with its image
		m.MakeHostKeys()
		return m.setUpAccounts()
	}
	if err := m.installBoot(image); err != nil {
		return err
	}
	for name := range m.state.Packages.Installed {
		if err := m.InstallPackage(name); err != nil {
			return err
		}
	}
	for _, j := range m.profile.Jails {
		if err := m.Rooted(j.Path).furnish(j.Packages); err != nil {
			return err
		}
	}
	m.MakeHostKeys() // before faults: a full disk was not full when it was installed
	return m.setUpAccounts()
}

// firstUserPID is about where a booted FreeBSD's pids stand.
const firstUserPID = 1100

// View is the file tree as a user sees it from a directory.
func (m *Machine) View(cred vfs.Cred, dir string) *vfs.View {
	view := m.tree.View(cred, dir)
	if m.root != "" {
		view = view.Under(m.root)
	}
	view.Umask = 0o022
	return view
}

// Tree is the file tree itself, for mounts and sizes.
func (m *Machine) Tree() *vfs.Tree { return m.tree }

// State is what the machine knows beyond its files; lock it while using it.
func (m *Machine) State() *state.State { return m.state }

// Network is the simulated network the machine is in.
func (m *Machine) Network() *Network { return m.network }

// Now is the machine's time.
func (m *Machine) Now() time.Time { return m.clock.time() }

// Sleep passes the machine's time for a process; it ends early with an error
// when the process is killed.
func (m *Machine) Sleep(ctx context.Context, d time.Duration) error { return m.clock.sleep(ctx, d) }

// Clock is the machine's time as the controller uses it: its Sleep makes time
// pass here, its AfterFunc waits for time that others make pass.
func (m *Machine) Clock() clock.Clock { return hostClock{m.clock} }

// RunRealTime has the machine's time go by itself, rate times as fast as the
// real one, instead of jumping when somebody waits.
func (m *Machine) RunRealTime(rate float64) { m.clock.run(rate) }

// Tools lists the programs this machine knows, installed or not.
func (m *Machine) Tools() []*Tool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.tools)
}

// tool finds a program by the name and package its file is marked with.
func (m *Machine) tool(name, pkg string) *Tool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tools {
		if t.Name == name && t.Package == pkg {
			return t
		}
	}
	return nil
}

// InstallPackage places the programs and files of a package's tools, built for
// the userland's major release. What a package consists of beyond its tools is
// for the caller to place.
func (m *Machine) InstallPackage(name string) error {
	return m.InstallPackageFor(name, major(m.UserlandRelease("")))
}

// InstallPackageFor is InstallPackage with programs built for a given major
// release.
func (m *Machine) InstallPackageFor(name string, abi int) error {
	return m.eachTool(name, func(t *Tool) error { return placeTool(m.View(vfs.Root, "/"), t, abi) })
}

// RemovePackage removes what InstallPackage placed.
func (m *Machine) RemovePackage(name string) error {
	view := m.View(vfs.Root, "/")
	return m.eachTool(name, func(t *Tool) error {
		files := slices.Clone(t.Paths)
		for file := range t.Files {
			files = append(files, file)
		}
		for _, file := range files {
			if _, err := view.Lstat(file); err != nil {
				continue
			}
			if err := view.Remove(file); err != nil {
				return err
			}
		}
		return nil
	})
}

// PackageFiles lists the paths of a package's tools.
func (m *Machine) PackageFiles(name string) []string {
	var files []string
	_ = m.eachTool(name, func(t *Tool) error {
		files = append(files, t.Paths...)
		for file := range t.Files {
			files = append(files, file)
		}
		return nil
	})
	slices.Sort(files)
	return slices.Compact(files)
}

func (m *Machine) eachTool(pkg string, fn func(*Tool) error) error {
	for _, t := range m.Tools() {
		if t.Package != pkg || pkg == "" {
			continue
		}
		if err := fn(t); err != nil {
			return err
		}
	}
	return nil
}

// placeTool writes a tool's programs, built for a major release, and its files.
func placeTool(view *vfs.View, t *Tool, abi int) error {
	mode := t.Mode
	if mode == 0 {
		mode = 0o555
	}
	for _, file := range t.Paths {
		linked := abi
		if slices.Contains(t.Static, file) {
			linked = 0
		}
		if err := placeFile(view, file, t.binary(linked), mode); err != nil {
			return err
		}
	}
	for file, content := range t.Files {
		mode := uint32(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o555
		}
		if err := placeFile(view, file, []byte(content), mode); err != nil {
			return err
		}
	}
	return nil
}

func placeFile(view *vfs.View, file string, content []byte, mode uint32) error {
	if err := view.MkdirAll(parentOf(file), 0o755); err != nil {
		return err
	}
	if _, err := view.Lstat(file); err == nil {
		if err := view.Remove(file); err != nil {
			return err
		}
	}
	if err := view.WriteFile(file, content, mode); err != nil {
		return err
	}
	return view.Chmod(file, mode)
}

func parentOf(file string) string {
	if i := strings.LastIndexByte(file, '/'); i > 0 {
		return file[:i]
	}
	return "/"
}

// ToolState is a tool's own record on a machine, made on first use and kept in
// the state file as JSON. It needs no lock: the processes of a machine take turns,
// and a tool goes on alone until it sleeps, waits, reads or writes.
func ToolState[T any](m *Machine, name string) *T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.root != "" {
		name += "@" + m.root
	}
	if v, ok := m.toolState[name].(*T); ok {
		return v
	}
	v := new(T)
	if saved, ok := m.toolSaved[name]; ok {
		if err := json.Unmarshal(saved, v); err != nil {
			m.cannot = append(m.cannot, fmt.Sprintf("read the saved state of %s: %v", name, err))
		}
		delete(m.toolSaved, name)
	}
	m.toolState[name] = v
	return v
}

func (m *Machine) noteCannot(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cannot = append(m.cannot, text)
}

// CannotLog lists what the machine was asked and the simulator cannot do.
func (m *Machine) CannotLog() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.cannot)
}

// timer is a call of a tool at a time.
type timer struct {
	When    time.Time
	Tool    string
	Payload string
	event   *event
}

// At has the machine's clock call a tool's Timer at a time; the timer is kept in
// the state file. The number cancels it.
func (m *Machine) At(when time.Time, tool, payload string) int {
	m.mu.Lock()
	m.lastTimer++
	id := m.lastTimer
	m.mu.Unlock()
	m.setTimer(id, &timer{When: when, Tool: tool, Payload: payload})
	return id
}

func (m *Machine) setTimer(id int, t *timer) {
	c := m.clock
	c.mu.Lock()
	t.event = c.add(t.When, func() {
		c.running++
		go m.ring(id, t)
	})
	c.mu.Unlock()
	m.mu.Lock()
	m.timers[id] = t
	m.mu.Unlock()
	c.mu.Lock()
	c.step()
	c.mu.Unlock()
}

// ring calls the tool whose timer is due.
func (m *Machine) ring(id int, t *timer) {
	defer m.clock.leave()
	m.clock.turn()
	defer m.clock.give()
	m.mu.Lock()
	_, set := m.timers[id]
	delete(m.timers, id)
	closed := m.closed
	m.mu.Unlock()
	if !set || closed {
		return
	}
	for _, tool := range m.Tools() {
		if tool.Name == t.Tool && tool.Timer != nil {
			tool.Timer(m, t.Payload)
			m.changed()
			return
		}
	}
}

// CancelTimer forgets a timer of At.
func (m *Machine) CancelTimer(id int) {
	m.mu.Lock()
	t := m.timers[id]
	delete(m.timers, id)
	m.mu.Unlock()
	if t != nil {
		m.clock.mu.Lock()
		m.clock.drop(t.event)
		m.clock.mu.Unlock()
	}
}
