package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// A machine may run Linux: Debian, with its own layout, programs and words. It has
// no boot loader that fails and no rc.conf: it boots, mounts what the kernel makes
// up, and starts the units that are enabled.

// DebianPackage is the package of the programs that every Debian has.
const DebianPackage = "debian"

// debianPaths is where Debian has programs that are not its alone.
var debianPaths = map[string][]string{
	"sh": {"/usr/bin/dash", "/usr/bin/sh"}, "bash": {"/usr/bin/bash"}, "sftp-server": {"/usr/lib/openssh/sftp-server", "/usr/lib/sftp-server"},
	"cc": {"/usr/bin/cc"}, "ssh": {"/usr/bin/ssh"}, "scp": {"/usr/bin/scp"}, "ssh-keygen": {"/usr/bin/ssh-keygen"}, "ssh-keyscan": {"/usr/bin/ssh-keyscan"},
}

func (p *Profile) linux() bool { return p.os() == "Linux" }

// linuxRoot is the device of the root file system.
const linuxRoot = "/dev/vda1"

// has tells whether a program is installed on machines with Linux.
func (p *Profile) has(t *Tool) bool {
	return t.Package == DebianPackage || slices.Contains(p.Packages.Installed, t.Package)
}

// buildLinuxImage makes the tree of a fresh installation.
func (p *Profile) buildLinuxImage(tools []*Tool) (*vfs.Image, error) {
	installed := p.start().Add(-24 * time.Hour)
	tree := vfs.New(func() time.Time { return installed })
	view := tree.View(vfs.Root, "/")
	_ = tree.Mount(vfs.Mount{Point: "/", Source: linuxRoot, Type: "ext4", Options: []string{"relatime", "errors=remount-ro"}, Size: p.rootSize()})
	if err := view.Mkdir("/dev", 0o755); err != nil {
		return nil, err
	}
	_ = tree.Mount(vfs.Mount{Point: "/dev", Source: "udev", Type: "devtmpfs", Options: []string{"nosuid", "relatime", "mode=755", "inode64"}, Size: 1 << 30})
	entries, err := p.manifest()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.path == "/dev" {
			continue
		}
		if err := e.place(view); err != nil {
			return nil, fmt.Errorf("image: %s: %w", e.path, err)
		}
	}
	for name, content := range p.Files {
		if err := placeText(view, name, []byte(content)); err != nil {
			return nil, err
		}
	}
	for _, t := range tools {
		paths := debianPaths[t.Name]
		if paths == nil && p.has(t) {
			paths = t.Paths
		}
		for _, file := range paths {
			if err := placeFile(view, file, t.binary(0), 0o755); err != nil {
				return nil, err
			}
		}
	}
	for _, u := range linuxUnits {
		if u.Package != "" && !slices.Contains(p.Packages.Installed, u.Package) {
			continue
		}
		text := fmt.Sprintf("[Unit]\nDescription=%s\n\n[Service]\nExecStart=%s\n\n[Install]\nWantedBy=multi-user.target\n", u.Description, u.Exec)
		if err := placeFile(view, UnitFile(u.Name), []byte(text), 0o644); err != nil {
			return nil, err
		}
		if strings.HasPrefix(u.Name, "systemd-") || u.Name == "dbus" {
			continue
		}
		if err := view.Symlink(UnitFile(u.Name), unitWants+u.Name+".service"); err != nil {
			return nil, err
		}
	}
	for file, mode := range map[string]uint32{"/etc/shadow": 0o640, "/etc/gshadow": 0o640} {
		if view.Chown(file, 0, 42) == nil {
			_ = view.Chmod(file, mode)
		}
	}
	return tree.Freeze(), nil
}

// bootLinux turns a machine with Linux on.
func (m *Machine) bootLinux() {
	m.mu.Lock()
	m.down = true
	m.mu.Unlock()
	m.unmountAll()
	now := m.Now()
	s := m.state
	s.Lock()
	s.Boot.Count++
	s.Boot.Time = now
	sum := sha256.Sum256(fmt.Appendf(nil, "%s boot %d", m.Name, s.Boot.Count))
	id := hex.EncodeToString(sum[:16])
	s.Boot.ID = id[:8] + "-" + id[8:12] + "-4" + id[13:16] + "-a" + id[17:20] + "-" + id[20:32]
	memory := s.Hardware.Memory
	s.Unlock()
	view := m.View(vfs.Root, "/")
	for _, mnt := range []vfs.Mount{
		{Point: "/dev", Source: "udev", Type: "devtmpfs", Options: []string{"nosuid", "relatime", "mode=755", "inode64"}, Size: memory / 2},
		{Point: "/sys", Source: "sysfs", Type: "sysfs", Options: []string{"nosuid", "nodev", "noexec", "relatime"}},
		{Point: "/proc", Source: "proc", Type: "proc", Options: []string{"nosuid", "nodev", "noexec", "relatime"}},
		{Point: "/run", Source: "tmpfs", Type: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "relatime", "mode=755", "inode64"}, Size: memory / 10},
		{Point: "/dev/shm", Source: "tmpfs", Type: "tmpfs", Options: []string{"nosuid", "nodev", "inode64"}, Size: memory / 2},
		{Point: "/run/lock", Source: "tmpfs", Type: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "relatime", "inode64"}, Size: 5 << 20},
	} {
		_ = view.MkdirAll(mnt.Point, 0o755)
		_ = m.tree.Mount(mnt)
	}
	m.Devices()
	left, _ := view.ReadDir("/tmp")
	for _, i := range left {
		_ = view.RemoveAll("/tmp/" + i.Name)
	}
	m.fillProc()
	m.standIn(1, "/usr/lib/systemd/systemd", "/sbin/init")
	for _, u := range m.Units() {
		if u.Enabled {
			_ = m.StartUnit(u.Name)
		}
	}
	m.mu.Lock()
	starters := m.tools
	m.mu.Unlock()
	for _, t := range starters {
		if t.Boot != nil && m.profile.has(t) {
			t.Boot(m)
		}
	}
	m.mu.Lock()
	m.down = false
	m.mu.Unlock()
}

// fillProc writes what the kernel shows in /proc and /sys; what changes by itself
// is made up as it's read, see liveFile.
func (m *Machine) fillProc() {
	s := m.state
	s.Lock()
	r, hw, boot, disks := s.Release, s.Hardware, s.Boot, slices.Clone(s.Disks)
	host, nics := s.Network.Hostname, slices.Clone(s.Network.Interfaces)
	s.Unlock()
	var cpus strings.Builder
	for n := range hw.CPUs {
		fmt.Fprintf(&cpus, "processor\t: %d\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: %s\nstepping\t: 7\n"+
			"cpu MHz\t\t: 2394.374\ncache size\t: 16384 KB\nphysical id\t: 0\nsiblings\t: %d\ncore id\t\t: %d\ncpu cores\t: %d\n"+
			"flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss ht syscall nx pdpe1gb rdtscp lm constant_tsc vmx ssse3 sse4_1 sse4_2 aes avx avx2\n\n",
			n, hw.Model, hw.CPUs, n, hw.CPUs)
	}
	kb := hw.Memory / 1024
	short, _, _ := strings.Cut(host, ".")
	files := map[string]string{
		"/proc/sys/kernel/random/boot_id": boot.ID + "\n", "/proc/sys/kernel/random/uuid": m.UUID("random") + "\n",
		"/proc/sys/kernel/hostname": short + "\n", "/proc/sys/kernel/osrelease": r.Version + "\n", "/proc/sys/kernel/ostype": "Linux\n",
		"/proc/sys/kernel/version": r.Build + "\n", "/proc/sys/kernel/pid_max": "4194304\n",
		"/proc/sys/net/ipv6/bindv6only": "0\n", "/proc/sys/net/ipv4/ip_forward": "0\n", "/proc/sys/net/ipv6/conf/all/forwarding": "0\n",
		"/proc/sys/net/ipv6/conf/all/disable_ipv6": "0\n", "/proc/sys/vm/swappiness": "60\n", "/proc/sys/vm/overcommit_memory": "0\n",
		"/proc/sys/fs/file-max": "9223372036854775807\n", "/proc/sys/net/core/somaxconn": "4096\n",
		"/proc/version": "Linux version " + r.Version + " (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) " + r.Build + "\n",
		"/proc/cmdline": "BOOT_IMAGE=/boot/vmlinuz-" + r.Version + " root=UUID=" + m.UUID("root") + " ro quiet\n",
		"/proc/meminfo": fmt.Sprintf("MemTotal:       %8d kB\nMemFree:        %8d kB\nMemAvailable:   %8d kB\nBuffers:        %8d kB\nCached:         %8d kB\nSwapCached:            0 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n", kb, kb*8/10, kb*9/10, kb/200, kb/10),
		"/proc/cpuinfo": cpus.String(), "/proc/loadavg": "0.00 0.01 0.00 1/142 1201\n", "/proc/uptime": "", "/proc/mounts": "", "/proc/self/mounts": "", "/proc/self/mountinfo": "",
		"/proc/filesystems": "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n\text4\n", "/proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
		"/proc/modules": "kvm_intel 380928 0 - Live 0x0000000000000000\nkvm 1142784 1 kvm_intel, Live 0x0000000000000000\n",
		"/sys/module/kvm_intel/parameters/nested": "Y\n",
	}
	for _, d := range disks {
		files["/sys/block/"+d.Name+"/size"] = strconv.FormatInt(d.Sectors(), 10) + "\n"
		files["/sys/block/"+d.Name+"/queue/rotational"] = "1\n"
		files["/sys/block/"+d.Name+"/ro"] = "0\n"
	}
	for _, i := range nics {
		files["/sys/class/net/"+i.Name+"/address"] = i.Ether + "\n"
		files["/sys/class/net/"+i.Name+"/mtu"] = strconv.Itoa(i.MTU) + "\n"
		files["/sys/class/net/"+i.Name+"/operstate"] = "up\n"
	}
	view := m.View(vfs.Root, "/")
	if hw.Boot == "UEFI" {
		_ = view.MkdirAll("/sys/firmware/efi", 0o755)
	}
	for name, text := range files {
		_ = view.MkdirAll(path.Dir(name), 0o555)
		_ = view.WriteFile(name, []byte(text), 0o444)
	}
	m.enliven()
}

// enliven has files of /proc show what is.
func (m *Machine) enliven() {
	m.state.Lock()
	m.bootTime.Store(m.state.Boot.Time.UnixNano())
	m.state.Unlock()
	m.tree.SetLive(m.liveFile)
}

// liveFile is what a file of /proc shows at the moment.
func (m *Machine) liveFile(name string, mounts []vfs.Mount) ([]byte, bool) {
	switch name {
	case "/proc/uptime":
		up := m.Now().Sub(time.Unix(0, m.bootTime.Load())).Seconds()
		return fmt.Appendf(nil, "%.2f %.2f\n", up, up*float64(m.profile.Hardware.CPUs)), true
	case "/proc/mounts", "/proc/self/mounts":
		var b bytes.Buffer
		for _, mnt := range mounts {
			fmt.Fprintf(&b, "%s %s %s %s 0 0\n", mnt.Source, mnt.Point, mnt.Type, LinuxMountOptions(mnt))
		}
		return b.Bytes(), true
	}
	return nil, false
}

// LinuxMountOptions are a mount's options as the kernel lists them.
func LinuxMountOptions(m vfs.Mount) string {
	options := []string{"rw"}
	for _, o := range m.Options {
		switch o {
		case "ro", "read-only":
			options[0] = "ro"
		case "rw":
		default:
			options = append(options, o)
		}
	}
	return strings.Join(options, ",")
}

// Unit is a service of systemd.
type Unit struct {
	Name, Description string
	Exec              string // the program, with arguments
	Package           string // the package that brings it; empty: always there
	Enabled, Running  bool
	PID               int
}

// linuxUnits are the services that are known; ssh is the sshd of the machine.
var linuxUnits = []Unit{
	{Name: "cron", Description: "Regular background program processing daemon", Exec: "/usr/sbin/cron -f"},
	{Name: "dbus", Description: "D-Bus System Message Bus", Exec: "/usr/bin/dbus-daemon --system"},
	{Name: "ssh", Description: "OpenBSD Secure Shell server", Exec: "/usr/sbin/sshd -D"},
	{Name: "systemd-journald", Description: "Journal Service", Exec: "/lib/systemd/systemd-journald"},
	{Name: "systemd-logind", Description: "User Login Management", Exec: "/lib/systemd/systemd-logind"},
	{Name: "systemd-udevd", Description: "Rule-based Manager for Device Events and Files", Exec: "/lib/systemd/systemd-udevd"},
	{Name: "libvirtd", Description: "Virtualization daemon", Exec: "/usr/sbin/libvirtd --timeout 120", Package: "libvirt-daemon-system"},
	{Name: "virtlogd", Description: "Virtual machine log manager", Exec: "/usr/sbin/virtlogd", Package: "libvirt-daemon-system"},
}

// unitWants is where systemctl enable puts its links.
const unitWants = "/etc/systemd/system/multi-user.target.wants/"

// serviceKey is what a unit is called among the machine's services.
func serviceKey(unit string) string {
	if unit == "ssh" {
		return "sshd"
	}
	return unit
}

// UnitFile is where a unit's file lies.
func UnitFile(name string) string { return "/lib/systemd/system/" + name + ".service" }

// Units lists the services of a machine with Linux.
func (m *Machine) Units() []Unit {
	view := m.View(vfs.Root, "/")
	var list []Unit
	for _, u := range linuxUnits {
		if u.Package != "" && !slices.Contains(m.profile.Packages.Installed, u.Package) {
			continue
		}
		_, err := view.Lstat(unitWants + u.Name + ".service")
		u.Enabled = err == nil || strings.HasPrefix(u.Name, "systemd-") || u.Name == "dbus"
		m.state.Lock()
		if s := m.state.Services[serviceKey(u.Name)]; s != nil {
			u.Running, u.PID = s.Running, s.PID
		}
		m.state.Unlock()
		list = append(list, u)
	}
	return list
}

// FindUnit is a unit by its name, with or without .service.
func (m *Machine) FindUnit(name string) (Unit, bool) {
	name = strings.TrimSuffix(name, ".service")
	if name == "sshd" {
		name = "ssh"
	}
	for _, u := range m.Units() {
		if u.Name == name {
			return u, true
		}
	}
	return Unit{}, false
}

// EnableUnit makes a unit start at boots, or not.
func (m *Machine) EnableUnit(name string, enable bool) error {
	view := m.View(vfs.Root, "/")
	link := unitWants + name + ".service"
	if !enable {
		return view.Remove(link)
	}
	if err := view.MkdirAll(unitWants, 0o755); err != nil {
		return err
	}
	return view.Symlink(UnitFile(name), link)
}

// StartUnit starts a service.
func (m *Machine) StartUnit(name string) error {
	u, ok := m.FindUnit(name)
	if !ok || u.Running {
		return nil
	}
	if u.Name == "ssh" {
		m.MakeHostKeys()
		if err := m.StartSSHD(); err != nil {
			return err
		}
	}
	args := strings.Fields(u.Exec)
	key := serviceKey(u.Name)
	p := m.StartDaemon(args[0], args, func() { m.unitEnded(key) })
	s := m.state
	s.Lock()
	defer s.Unlock()
	s.Services[key] = &state.Service{Name: key, Process: args[0], Running: true, PID: p.PID}
	return nil
}

func (m *Machine) unitEnded(key string) {
	m.state.Lock()
	defer m.state.Unlock()
	if s := m.state.Services[key]; s != nil {
		s.Running, s.PID = false, 0
	}
}

// StopUnit ends a service.
func (m *Machine) StopUnit(name string) {
	if u, ok := m.FindUnit(name); ok && u.Running {
		_ = m.Kill(vfs.Root, u.PID, 15)
		m.unitEnded(serviceKey(u.Name))
	}
}

// linuxUsers are the accounts of passwd(5).
func (m *Machine) linuxUsers() []User {
	var users []User
	for _, f := range m.colonFile("/etc/passwd", 7) {
		u := User{Name: f[0], Password: f[1], GECOS: f[4], Home: f[5], Shell: f[6]}
		u.UID, _ = strconv.Atoi(f[2])
		u.GID, _ = strconv.Atoi(f[3])
		users = append(users, u)
	}
	return users
}

// linuxEnv is the environment that Debian's sshd gives.
func linuxEnv(u User) []string {
	way := "/usr/local/bin:/usr/bin:/bin:/usr/games"
	if u.UID == 0 {
		way = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return []string{"USER=" + u.Name, "LOGNAME=" + u.Name, "HOME=" + u.Home, "PATH=" + way, "SHELL=" + loginShell(u), "MAIL=/var/mail/" + u.Name, "LANG=C.UTF-8"}
}

// addLinuxUser makes an account, as useradd -m does.
func (m *Machine) addLinuxUser(name string, uid int, groups []string) error {
	view := m.View(vfs.Root, "/")
	add := func(file, line string) error {
		text, err := view.ReadFile(file)
		if err != nil {
			return err
		}
		return view.WriteFile(file, append(text, line...), 0o644)
	}
	if err := add("/etc/passwd", fmt.Sprintf("%s:x:%d:%d::/home/%s:/bin/bash\n", name, uid, uid, name)); err != nil {
		return err
	}
	text, err := view.ReadFile("/etc/group")
	if err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		group, _, _ := strings.Cut(line, ":")
		if slices.Contains(groups, group) {
			line = strings.TrimRight(line, "\n")
			if !strings.HasSuffix(line, ":") {
				line += ","
			}
			line += name + "\n"
		}
		out.WriteString(line)
	}
	fmt.Fprintf(&out, "%s:x:%d:\n", name, uid)
	if err := view.WriteFile("/etc/group", []byte(out.String()), 0o644); err != nil {
		return err
	}
	if err := view.MkdirAll("/home/"+name, 0o700); err != nil {
		return err
	}
	return view.Chown("/home/"+name, uid, uid)
}
