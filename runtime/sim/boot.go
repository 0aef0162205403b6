package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Times a machine takes, on its own clock.
const (
	shutdownTime = 7 * time.Second // from the end of all processes on
	bootTime     = 34 * time.Second
)

// Address is the machine's address in the network.
func (m *Machine) Address() string { return m.address }

func (m *Machine) primary() netip.Addr {
	a, _ := netip.ParseAddr(m.address)
	return a
}

func (m *Machine) hasAddress(host string) bool {
	return host == m.address || host == m.Name+".example.org"
}

// personaliseState fills in what is this machine's own.
func (m *Machine) personaliseState(f facts) {
	s := m.state
	s.Network = state.Network{
		Hostname: f.Hostname, Gateway: f.Gateway,
		Interfaces: []*state.Interface{
			{
				Name: f.Interface, Ether: fmt.Sprintf("58:9c:fc:00:%02x:%02x", m.network.size()>>8, m.network.size()&0xff+1), MTU: 1500,
				Flags: []string{"UP", "BROADCAST", "RUNNING", "SIMPLEX", "MULTICAST", "LOWER_UP"},
				Inet:  []string{f.Address + "/24"}, Media: "Ethernet autoselect (10Gbase-T <full-duplex>)",
			},
			{
				Name: m.loopback(), MTU: 16384, Flags: []string{"UP", "LOOPBACK", "RUNNING", "MULTICAST", "LOWER_UP"},
				Inet: []string{"127.0.0.1/8"}, Inet6: []string{"::1/128", "fe80::1/64"}, Group: []string{"lo"},
			},
		},
	}
	set := func(name, value string, writable bool) {
		s.Sysctls[name] = &state.Sysctl{Value: value, Type: sysctlType(value), Writable: writable}
	}
	r := s.Release
	set("kern.hostname", f.Hostname, true)
	set("kern.ident", r.Ident, false)
	set("kern.hostuuid", m.UUID("host"), false)
	set("hw.model", s.Hardware.Model, false)
	set("hw.ncpu", strconv.Itoa(s.Hardware.CPUs), false)
	set("kern.smp.cpus", strconv.Itoa(s.Hardware.CPUs), false)
	set("hw.physmem", strconv.FormatInt(s.Hardware.Memory*97/100, 10), false)
	set("hw.realmem", strconv.FormatInt(s.Hardware.Memory, 10), false)
	set("hw.usermem", strconv.FormatInt(s.Hardware.Memory*92/100, 10), false)
	set("machdep.bootmethod", s.Hardware.Boot, false)
}

// loopback is the name of the interface to oneself.
func (m *Machine) loopback() string {
	if m.profile.linux() {
		return "lo"
	}
	return "lo0"
}

// UUID derives a steady identifier.
func (m *Machine) UUID(of string) string {
	return derivedUUID(m.Name + "/" + of)
}

func derivedUUID(of string) string {
	sum := sha256.Sum256([]byte(of))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

// boot turns the machine on. Where a step of the way fails the machine stays down
// and its console says why; a kernel that panics resets it.
func (m *Machine) boot() {
	if m.profile.linux() {
		m.bootLinux()
		return
	}
	m.mu.Lock()
	m.down = true
	chosen, kernel := m.chosen, m.typed
	m.chosen, m.typed = "", ""
	m.mu.Unlock()
	a := &attempt{m: m, chosen: chosen, typed: kernel}
	m.unmountAll()
	m.state.Lock()
	err := a.firmware()
	m.state.Unlock()
	if err == nil {
		m.running(a)
		err = m.userland(a)
	}
	switch {
	case err == nil:
		m.runEarlyScripts()
		m.startSystem()
		m.mu.Lock()
		m.down = false
		m.mu.Unlock()
	case errors.Is(err, errPanicked):
		m.bootAfter(panicPause + bootTime)
	}
}

// panicPause is how long a panicked kernel waits before it resets the machine.
const panicPause = 15 * time.Second

// unmountAll takes down what was mounted before: what lives in memory is gone.
func (m *Machine) unmountAll() {
	mounts := m.tree.Mounts()
	slices.Reverse(mounts)
	for _, u := range mounts {
		if u.Point != "/" {
			_ = m.tree.Unmount(u.Point)
		}
	}
	m.state.Lock()
	defer m.state.Unlock()
	m.state.Swap = nil
	for _, pool := range m.state.Pools {
		for _, d := range pool.Datasets {
			d.Mounted = false
		}
	}
}

// running notes a kernel that has mounted its root: a new boot identity, its
// release, its modules.
func (m *Machine) running(a *attempt) {
	now := m.Now()
	s := m.state
	s.Lock()
	defer s.Unlock()
	s.Boot.Count++
	s.Boot.Time = now
	sum := sha256.Sum256(fmt.Appendf(nil, "%s boot %d", m.Name, s.Boot.Count))
	s.Boot.ID = hex.EncodeToString(sum[:16])
	m.setRelease(a.kernel.Release)
	if a.pool != nil {
		if d := a.pool.Find(a.root); d != nil {
			d.Mounted = true
			m.tree.Adjust(a.root, ZFSOptions(a.pool.Effective(a.root)), m.tree.Mounts()[0].Quota)
		}
	}
	s.Modules = s.Modules[:0:0]
	for n, name := range a.modules() {
		s.Modules = append(s.Modules, state.Module{ID: n + 1, Refs: 1, Addr: 0xffffffff80200000 + uint64(n)*0x1f42000, Size: moduleSizes[name], Name: name})
	}
	set := func(name, value string) { s.Sysctls[name] = &state.Sysctl{Value: value, Type: "string"} }
	set("kern.boottime", fmt.Sprintf("{ sec = %d, usec = %06d } %s", now.Unix(), now.Nanosecond()/1000, now.UTC().Format("Mon Jan _2 15:04:05 2006")))
	delete(s.Sysctls, "kern.boot_id")
	if major(s.Release.Version) >= 13 {
		s.Sysctls["kern.boot_id"] = &state.Sysctl{Value: s.Boot.ID, Type: "opaque"}
	}
	set("kern.bootfile", a.file)
	set("machdep.bootmethod", s.Hardware.Boot)
	set("kern.disks", m.diskList())
	s.Sysctls["kern.securelevel"] = &state.Sysctl{Value: "-1", Type: "integer", Writable: true}
}

// moduleSizes are those shown for modules that are usually there.
var moduleSizes = map[string]int64{"kernel": 0x1f41500, "zfs.ko": 0x5de7b8, "opensolaris.ko": 0xb948, "cryptodev.ko": 0x8fa8}

// modules are what the loader loaded, the kernel first.
func (a *attempt) modules() []string {
	list := []string{"kernel"}
	for _, name := range slices.Sorted(maps.Keys(a.env)) {
		base, ok := strings.CutSuffix(name, "_load")
		if !ok || !a.yes(name) {
			continue
		}
		file := base + ".ko"
		if other := a.env[base+"_name"]; other != "" {
			file = path.Base(other)
		}
		list = append(list, file)
	}
	return list
}

// diskList is kern.disks: the newest first.
func (m *Machine) diskList() string {
	var names []string
	for _, d := range m.state.Disks {
		if !d.Gone {
			names = append([]string{d.Name}, names...)
		}
	}
	return strings.Join(names, " ")
}

// userland is what rc does before the daemons: swap, file systems, cleaning.
func (m *Machine) userland(a *attempt) error {
	_ = m.tree.Mount(vfs.Mount{Point: "/dev", Source: "devfs", Type: "devfs"})
	m.Devices()
	if m.rcYes("zfs_enable") {
		m.mountPools()
	}
	for _, e := range m.Fstab() {
		if err := m.mountEntry(e); err != nil {
			m.say(fmt.Sprintf("mount: %s: %s\nMounting /etc/fstab filesystems failed, startup aborted\nERROR: ABORTING BOOT (sending SIGTERM to parent)!\nEnter full pathname of shell or RETURN for /bin/sh: ", e.Source, ErrText(err)))
			return errStopped
		}
	}
	m.mountSubordinates(a)
	m.Devices() // labels of what is mounted now are gone
	m.cleanUp()
	if m.rcYes("kern_securelevel_enable") {
		m.state.Lock()
		m.state.Sysctls["kern.securelevel"].Value = m.RCVar("kern_securelevel")
		m.state.Unlock()
	}
	return nil
}

func (m *Machine) say(text string) {
	m.state.Lock()
	defer m.state.Unlock()
	(&attempt{m: m}).say("%s", text)
}

// cleanUp removes what does not outlive a boot.
func (m *Machine) cleanUp() {
	view := m.View(vfs.Root, "/")
	clean := []string{"/var/run"}
	if m.rcYes("clear_tmp_enable") {
		clean = append(clean, "/tmp")
	}
	for _, dir := range clean {
		list, _ := view.ReadDir(dir)
		for _, i := range list {
			_ = view.RemoveAll(dir + "/" + i.Name)
		}
	}
	if m.rootType() == "zfs" { // the loader cannot take it back there
		_ = view.Remove(nextBootFile)
	}
}

func (m *Machine) rootType() string { return m.tree.Mounts()[0].Type }

// mountPools mounts the file systems of imported pools, the upper ones first.
func (m *Machine) mountPools() {
	s := m.state
	s.Lock()
	defer s.Unlock()
	type target struct {
		pool    *state.Pool
		dataset *state.Dataset
		point   string
	}
	var targets []target
	for _, pool := range s.Pools {
		if !pool.Imported || !(&attempt{m: m}).complete(pool) {
			continue
		}
		for _, d := range pool.Datasets {
			canMount := d.Properties["canmount"]
			point := pool.MountPoint(d.Name)
			if d.Type == "filesystem" && !d.Mounted && canMount != "off" && canMount != "noauto" && strings.HasPrefix(point, "/") {
				targets = append(targets, target{pool, d, point})
			}
		}
	}
	slices.SortStableFunc(targets, func(a, b target) int { return strings.Compare(a.point, b.point) })
	view := m.View(vfs.Root, "/")
	for _, t := range targets {
		if t.point == "/" || view.MkdirAll(t.point, 0o755) != nil {
			continue
		}
		_ = m.mountDataset(t.pool, t.dataset, t.point)
	}
}

// poolSize is how much the file systems of a pool share: as those mounted say, or
// the profile of its own.
func (m *Machine) poolSize(pool *state.Pool) int64 {
	for _, u := range m.tree.Mounts() {
		if u.Pool == pool.Name && u.Size > 0 {
			return u.Size
		}
	}
	if pool.Name == m.profile.Root.Pool {
		return m.profile.poolSize()
	}
	return 0
}

// mountEntry does what the boot does with a line of fstab. What is missing fails
// the boot unless the line says that it may.
func (m *Machine) mountEntry(e FstabEntry) error {
	if e.has("noauto") || e.Point == "/" {
		return nil
	}
	if e.Type == "swap" {
		m.SwapOn(e.Source)
		return nil
	}
	if u, err := m.tree.UsageOf(e.Point); err == nil && u.Point == e.Point {
		return nil
	}
	err := m.mountLine(e)
	if e.has("failok") {
		return nil
	}
	return err
}

func (m *Machine) mountLine(e FstabEntry) error {
	var options []string
	mnt := vfs.Mount{Point: e.Point, Source: e.Source, Type: e.Type}
	for _, o := range e.Options {
		if size, ok := strings.CutPrefix(o, "size="); ok {
			mnt.Size, _ = ParseSize(size)
		}
		if o != "rw" && o != "late" && o != "failok" {
			options = append(options, o)
		}
	}
	switch e.Type {
	case "ufs", "msdosfs":
		return m.MountDevice(e.Source, e.Point, e.Type, options)
	case "zfs":
		return m.MountDataset(e.Source, e.Point, options)
	}
	if !MountsAnywhere(e.Type) {
		m.noteCannot("mount -t " + e.Type)
		m.say("the simulator can't: mount -t " + e.Type + ": nothing is mounted on " + e.Point)
		return nil
	}
	mnt.Options = options
	return m.tree.Mount(mnt)
}

// MountDataset mounts a file system of a pool as mount(8) and fstab do; ENOENT
// says that there is none of the name.
func (m *Machine) MountDataset(name, point string, options []string) error {
	s := m.state
	s.Lock()
	defer s.Unlock()
	for _, pool := range s.Pools {
		d := pool.Find(name)
		if d == nil || !pool.Imported || d.Type != "filesystem" {
			continue
		}
		if d.Mounted {
			return syscall.EBUSY
		}
		return m.mountDataset(pool, d, point, options...)
	}
	return syscall.ENOENT
}

// SwapOn begins to swap on a device; it is false when there is no such device,
// or it is in use.
func (m *Machine) SwapOn(device string) bool {
	s := m.state
	s.Lock()
	defer s.Unlock()
	d, part := s.Provider(device)
	if d == nil || part != nil && m.usedAs(d.PartName(part)) != "" || slices.Contains(s.Swap, device) {
		return false
	}
	s.Swap = append(s.Swap, device)
	return true
}

// SwapOff ends swapping on a device; it is false when nothing swaps there.
func (m *Machine) SwapOff(device string) bool {
	s := m.state
	s.Lock()
	defer s.Unlock()
	at := slices.Index(s.Swap, device)
	if at < 0 {
		return false
	}
	s.Swap = slices.Delete(s.Swap, at, at+1)
	return true
}

// startSystem begins the processes of a booted system. They only have entries
// in the process table: nothing of them runs.
func (m *Machine) startSystem() {
	m.standIn(1, "/sbin/init", "/sbin/init")
	m.startNetwork()
	m.startServices()
}

// standIn is a process that is only shown: it ends when it is signalled.
func (m *Machine) standIn(pid int, path string, args ...string) *task {
	umask := uint32(0o022)
	cred := vfs.Root
	p := m.newProcess(nil, Command{Args: args, Env: []string{}, Dir: "/", Cred: &cred, Umask: &umask, Detach: true, Stdin: strings.NewReader("")})
	m.mu.Lock()
	if pid != 0 {
		delete(m.processes, p.PID)
		m.lastPID--
		p.PID, p.PPID, p.Group, p.SessionID = pid, 0, pid, pid
		m.processes[pid] = p
	}
	p.Path, p.standIn = path, true
	m.mu.Unlock()
	if pid == 1 {
		for sig := syscall.Signal(1); sig < 32; sig++ {
			p.handlers[sig] = nil
		}
	}
	return p
}

// StartDaemon shows a process of a daemon that is not modelled any further; it
// ends when it is killed, which calls ended.
func (m *Machine) StartDaemon(path string, args []string, ended func()) *Process {
	p := m.standIn(0, path, args...)
	p.onEnd = ended
	return p.public()
}

// Reboot shuts the machine down and boots it again: processes are killed,
// connections drop, and after some time of the machine's clock it answers with
// another boot identity.
func (m *Machine) Reboot() { m.shutdown(true) }

// Poweroff shuts the machine down for good.
func (m *Machine) Poweroff() { m.shutdown(false) }

func (m *Machine) shutdown(again bool) {
	m.mu.Lock()
	if m.down || m.closed {
		m.mu.Unlock()
		return
	}
	m.down = true
	m.mu.Unlock()
	c := m.clock
	c.mu.Lock()
	c.add(c.time().Add(time.Second), func() {
		c.running++
		go func() {
			defer c.leave()
			m.halt()
			if again {
				m.bootAfter(shutdownTime + bootTime)
			}
		}()
	})
	c.mu.Unlock()
	c.wait(0)
}

// bootAfter has the machine boot when some time has passed.
func (m *Machine) bootAfter(d time.Duration) {
	c := m.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.booting != nil {
		c.drop(m.booting)
	}
	m.booting = c.add(c.time().Add(d), func() {
		c.running++
		go func() {
			defer c.leave()
			c.turn()
			defer c.give()
			m.up()
		}()
	})
}

// PowerCycle turns the machine off and on again, whatever it is doing: what a
// person does with one that hangs. It returns at once; the machine answers, if it
// does, after the time a boot takes.
func (m *Machine) PowerCycle() {
	m.mu.Lock()
	m.down = true
	m.mu.Unlock()
	m.halt()
	m.bootAfter(bootTime)
	m.clock.wait(0)
}

// BootFrom turns the machine off and on and has a person choose a boot environment
// in the loader's menu.
func (m *Machine) BootFrom(dataset string) {
	m.mu.Lock()
	m.chosen = dataset
	m.mu.Unlock()
	m.PowerCycle()
}

// BootKernel turns the machine off and on and has a person type "boot NAME" at the
// loader's prompt: a folder of /boot, or the path of a kernel.
func (m *Machine) BootKernel(name string) {
	m.mu.Lock()
	m.typed = name
	m.mu.Unlock()
	m.PowerCycle()
}

// halt ends everything that runs.
func (m *Machine) halt() {
	m.dropConnections() // first: nobody is told how processes end
	for _, p := range m.Processes() {
		if p.PID != 1 {
			p.signal(syscall.SIGKILL)
		}
	}
	m.mu.Lock()
	for _, p := range m.processes {
		if p.standIn {
			delete(m.processes, p.PID)
		}
	}
	m.mu.Unlock()
	s := m.state
	s.Lock()
	for _, svc := range s.Services {
		svc.Running, svc.PID = false, 0
	}
	s.Firmware.Console = nil
	s.Unlock()
	m.stopJails()
}

// up boots after a shutdown, a reset or a panic.
func (m *Machine) up() {
	m.mu.Lock()
	closed := m.closed
	m.mu.Unlock()
	if closed {
		return
	}
	m.boot()
	m.changed()
}

// Down tells whether the machine is between shutdown and boot.
func (m *Machine) Down() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.down
}

// startServices has the daemons and the tools do what they do at a boot.
func (m *Machine) startServices() {
	m.StartDaemons()
	m.mu.Lock()
	starters := m.tools
	m.mu.Unlock()
	for _, t := range starters {
		if t.Boot != nil {
			t.Boot(m)
		}
	}
	for _, t := range starters {
		if t.Login != nil {
			t.Login(m)
		}
	}
}

// StartDaemons shows the daemons of the base system that rc.conf enables. A jail
// has no devices to watch, no clock to set, and nobody logs in to its sshd.
func (m *Machine) StartDaemons() {
	for _, d := range baseDaemons {
		if !m.rcYes(d.rcvar) || m.jid != 0 && d.host {
			continue
		}
		if d.name == "sshd" {
			m.MakeHostKeys()
			if err := m.StartSSHD(); err != nil {
				m.say(strings.TrimSpace(err.Error()))
				continue
			}
		}
		p := m.StartDaemon(d.path, append([]string{d.path}, strings.Fields(d.flags)...), nil)
		s := m.state
		s.Lock()
		s.Services[d.name] = &state.Service{
			Name: d.name, Script: "/etc/rc.d/" + d.name, RCVar: d.rcvar, Process: d.path, Pidfile: "/var/run/" + d.name + ".pid", Running: true, PID: p.PID,
		}
		s.Unlock()
		_ = m.View(vfs.Root, "/").WriteFile("/var/run/"+d.name+".pid", []byte(strconv.Itoa(p.PID)+"\n"), 0o600)
	}
}

// baseDaemons are the daemons of the base system that usually run.
var baseDaemons = []struct {
	name, rcvar, path, flags string
	host                     bool // not in jails
}{
	{"syslogd", "syslogd_enable", "/usr/sbin/syslogd", "-s", false},
	{"cron", "cron_enable", "/usr/sbin/cron", "-s", false},
	{"devd", "devd_enable", "/sbin/devd", "", true},
	{"ntpd", "ntpd_enable", "/usr/sbin/ntpd", "-p /var/db/ntp/ntpd.pid -c /etc/ntp.conf -g", true},
	{"sshd", "sshd_enable", "/usr/sbin/sshd", "", true},
}

// rcYes tells whether a variable of rc.conf says yes.
func (m *Machine) rcYes(name string) bool {
	switch strings.ToLower(m.RCVar(name)) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

// RCVar is the value of a variable of rc.conf(5), or of its defaults. It reads
// plain assignments, which is what those files hold.
func (m *Machine) RCVar(name string) string {
	view := m.View(vfs.Root, "/")
	value := ""
	for _, file := range []string{"/etc/defaults/rc.conf", "/etc/rc.conf", "/etc/rc.conf.local"} {
		data, _ := view.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, name+"="); ok {
				value = unquoteValue(strings.TrimSpace(rest))
			}
		}
	}
	return value
}

func unquoteValue(v string) string {
	if v == "" {
		return v
	}
	if q := v[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(v[1:], q); end >= 0 {
			return v[1 : end+1]
		}
	}
	v, _, _ = strings.Cut(v, " ")
	return v
}
