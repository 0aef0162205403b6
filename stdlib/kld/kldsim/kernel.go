package kldsim

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// modulePath is kern.module_path.
var modulePath = []string{"/boot/kernel", "/boot/modules"}

// builtin are modules of the GENERIC kernel.
var builtin = []string{"ufs", "devfs", "nfs", "tmpfs", "null", "mem", "vtnet", "ahci", "nvme", "cd9660", "msdosfs", "procfs"}

// contents are the modules in files that hold others than one of their own name.
var contents = map[string][]string{
	"kernel": builtin,
	"zfs":    {"zfs", "zfsctrl", "zfs_zvol", "zfs_vdev"},
	"linux":  {"linuxelf", "linuxaout"},
}

// needs lists what a module loads with it, by the running release.
func needs(name, release string) []string {
	before := func(version string) bool { return portstree.CompareVersions(release, version) < 0 }
	switch name {
	case "zfs":
		if before("13.0") {
			return []string{"opensolaris"}
		}
		return []string{"acl_nfs4", "xdr"}
	case "if_bridge":
		return []string{"bridgestp"}
	case "vboxnetflt", "vboxnetadp":
		return []string{"vboxdrv"}
	case "pflog", "pfsync":
		return []string{"pf"}
	case "linux", "linux64", "linprocfs", "linsysfs":
		if !before("11.0") {
			return []string{"linux_common"}
		}
	}
	return nil
}

// locked runs fn on the machine's state.
func (k kernel) locked(fn func(s *state.State)) {
	s := k.m.State()
	s.Lock()
	defer s.Unlock()
	fn(s)
}

// named finds a loaded file by name, with or without its suffix.
func named(s *state.State, name string) int {
	return slices.IndexFunc(s.Modules, func(m state.Module) bool { return m.Name == name || m.Name == name+".ko" })
}

// kernel is the machine's kernel as a process, or the boot, calls it.
type kernel struct {
	m    *sim.Machine
	dir  string // what relative paths begin at
	root bool   // the caller may change it
}

func kernelOf(p *sim.Proc) kernel { return kernel{p.Machine, p.Dir, p.Cred.UID == 0} }

// load is the system call kldload.
func (k kernel) load(arg string) (id int, err error) {
	name := strings.TrimSuffix(path.Base(arg), ".ko")
	secure := false
	var running state.Release
	k.locked(func(s *state.State) {
		if v := s.Sysctls["kern.securelevel"]; v != nil {
			level, _ := strconv.Atoi(v.Value)
			secure = level > 0
		}
		running = s.Release
		if at := named(s, name); at >= 0 {
			id = s.Modules[at].ID
		}
	})
	switch {
	case !k.root || secure:
		return 0, syscall.EPERM
	case id != 0:
		return id, syscall.EEXIST
	case slices.Contains(builtin, name):
		return 1, syscall.EEXIST
	}
	file, ok := k.locate(arg)
	if !ok {
		return 0, syscall.ENOENT
	}
	if !k.fits(file, running) {
		k.complain(fmt.Sprintf("KLD %s: depends on kernel - not available or version mismatch", name+".ko"), "linker_load_file: "+file+" - unsupported file type")
		return 0, syscall.ENOEXEC
	}
	for _, other := range needs(name, running.Version) {
		_, err := k.load(other)
		switch {
		case err == nil: // held by what needs it alone
			k.locked(func(s *state.State) { s.Modules[named(s, other)].Refs = 0 })
		case errors.Is(err, syscall.EEXIST):
		default:
			k.complain(fmt.Sprintf("KLD %s: depends on %s - not available or version mismatch", name+".ko", other))
			return 0, syscall.ENOEXEC
		}
	}
	k.locked(func(s *state.State) { id = link(s, name+".ko", needs(name, running.Version)) })
	k.m.ControlDevices()
	return id, nil
}

// locate finds a module's file in the module path, or where it says.
func (k kernel) locate(arg string) (file string, ok bool) {
	view := k.m.View(vfs.Root, k.dir)
	if strings.Contains(arg, "/") {
		_, err := view.Stat(arg)
		return view.Abs(arg), err == nil
	}
	name := strings.TrimSuffix(arg, ".ko") + ".ko"
	for _, dir := range modulePath {
		file := path.Join(dir, name)
		if _, err := view.Stat(file); err == nil {
			return file, true
		}
	}
	return "", false
}

// fits tells whether a module loads into the running kernel: one of the same major
// release that is not older than what the module was built for.
func (k kernel) fits(file string, running state.Release) bool {
	data, err := k.m.View(vfs.Root, "/").ReadFile(file)
	if err != nil {
		return false
	}
	if program, ok := state.ReadProgram(data); ok {
		built, known := sim.FindRelease(program.Release)
		return known && built.OSRelDate <= running.OSRelDate && built.OSRelDate/100000 == running.OSRelDate/100000
	}
	return k.packaged(file, running)
}

// packaged tells whether a file is a module of a package for the running release.
func (k kernel) packaged(file string, running state.Release) (fit bool) {
	var packages []*state.Package
	k.locked(func(s *state.State) { packages = slices.Collect(maps.Values(s.Packages.Installed)) })
	major, _, _ := strings.Cut(running.Version, ".")
	for _, pkg := range packages {
		if slices.Contains(pkg.Files, file) || slices.Contains(k.m.PackageFiles(pkg.Name), file) {
			fit = pkg.ABI == "" || strings.HasPrefix(pkg.ABI, running.OS+":"+major+":")
		}
	}
	return fit
}

// complain writes the kernel's words to the console and to the log.
func (k kernel) complain(lines ...string) {
	view := k.m.View(vfs.Root, "/")
	const log = "/var/log/messages"
	old, _ := view.ReadFile(log)
	k.locked(func(s *state.State) {
		host, _, _ := strings.Cut(s.Network.Hostname, ".")
		for _, line := range lines {
			s.Firmware.Console = append(s.Firmware.Console, line)
			old = append(old, k.m.Now().UTC().Format("Jan _2 15:04:05 ")+host+" kernel: "+line+"\n"...)
		}
	})
	_ = view.WriteFile(log, old, 0o644)
}

// link adds a file to those loaded.
func link(s *state.State, file string, deps []string) int {
	id, next := 0, uint64(0xffffffff82a00000)
	for _, m := range s.Modules {
		id = max(id, m.ID)
		next = max(next, (m.Addr+uint64(m.Size))&^0xfff+0x1000)
	}
	for _, dep := range deps {
		if at := named(s, dep); at >= 0 {
			s.Modules[at].Refs++
		}
	}
	const size = 0x3220
	s.Modules = append(s.Modules, state.Module{ID: id + 1, Refs: 1, Addr: next, Size: size, Name: file})
	return id + 1
}

// unload is the system call kldunload; the id is 0 when there is no such file.
func (k kernel) unload(arg string, byID bool) (name string, id int, err error) {
	k.locked(func(s *state.State) {
		at := named(s, arg)
		if byID {
			at = slices.IndexFunc(s.Modules, func(m state.Module) bool { return strconv.Itoa(m.ID) == arg })
		}
		if at < 0 {
			err = syscall.ENOENT
			return
		}
		m := s.Modules[at]
		name, id = m.Name, m.ID
		needed := slices.ContainsFunc(s.Modules, func(other state.Module) bool {
			return slices.Contains(needs(strings.TrimSuffix(other.Name, ".ko"), s.Release.Version), strings.TrimSuffix(m.Name, ".ko"))
		})
		busy := m.Name == "zfs.ko" && slices.ContainsFunc(s.Pools, func(pool *state.Pool) bool { return pool.Imported })
		switch {
		case !k.root:
			err = syscall.EPERM
		case m.ID == 1 || needed || busy:
			err = syscall.EBUSY
		default:
			s.Modules = slices.Delete(s.Modules, at, at+1)
			release(s, strings.TrimSuffix(name, ".ko"))
		}
	})
	k.m.ControlDevices()
	return name, id, err
}

// release lets go of what a file needed; what nothing holds any more goes too.
func release(s *state.State, name string) {
	for _, dep := range needs(name, s.Release.Version) {
		at := named(s, dep)
		if at < 0 {
			continue
		}
		if s.Modules[at].Refs--; s.Modules[at].Refs <= 0 {
			s.Modules = slices.Delete(s.Modules, at, at+1)
			release(s, dep)
		}
	}
}

// boot tells where the kernel looks for modules, and loads what rc.conf lists, as
// rc.d/kld does; what does not load is said on the console.
func boot(m *sim.Machine) {
	k := kernel{m, "/", true}
	k.locked(func(s *state.State) {
		s.Sysctls["kern.module_path"] = &state.Sysctl{Value: strings.Join(modulePath, ";"), Type: "string", Writable: true}
	})
	if _, err := m.View(vfs.Root, "/").Stat("/etc/rc.d/kld"); err != nil {
		return
	}
	for _, name := range strings.Fields(m.RCVar("kld_list")) {
		if _, err := k.load(name); err != nil && !errors.Is(err, syscall.EEXIST) {
			k.locked(func(s *state.State) {
				s.Firmware.Console = append(s.Firmware.Console, fmt.Sprintf("kldload: can't load %s: %s", name, sim.ErrText(err)))
			})
		}
	}
}
