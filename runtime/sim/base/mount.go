package base

import (
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var mountCommands = []command{
	{name: "mount", dir: "/sbin", flags: "adF:flno:prt:uvw", run: mount, usage: `
usage: mount [-adflpruvw] [-F fstab] [-o options] [-t ufs | external_type]
       mount [-dfpruvw] special | node
       mount [-dfpruvw] [-o options] [-t ufs | external_type] special node`[1:]},
	{name: "mount_nullfs", dir: "/sbin", flags: "o:", run: mountDirectly, usage: "usage: mount_nullfs [-o options] target mount-point"},
	{name: "mount_msdosfs", dir: "/sbin", flags: "9lsW!D!L!u:g:m:M:o:", run: mountDirectly,
		usage: "usage: mount_msdosfs [-9ls] [-D DOS_codepage] [-g gid] [-L locale]\n                     [-M mask] [-m mask] [-o options] [-u uid] [-W table]\n                     special node"},
	{name: "mount_tmpfs", dir: "/sbin", flags: "o:", run: mountDirectly, usage: "usage: mount_tmpfs [-o options] tmpfs mount_point"},
	{name: "umount", dir: "/sbin", flags: "AaF:fh!Nnt:v", run: umount, usage: `
usage: umount [-fNnv] special ... | node ... | fsid ...
       umount -a | -A [-F fstab] [-fnv] [-h host] [-t type]`[1:]},
}

// request is a call of mount(8).
type request struct {
	p *sim.Proc
	o *options
}

func mount(p *sim.Proc, o *options) int {
	r := request{p, o}
	kind, typed := o.get("t")
	switch {
	case len(o.args) == 0 && o.has("a"):
		return r.all()
	case len(o.args) == 0:
		return r.list()
	case len(o.args) == 1 && typed:
		return o.wrong(p)
	case len(o.args) == 1 && o.has("u"):
		return r.update(o.args[0])
	case len(o.args) == 1:
		return r.fromFstab(o.args[0])
	case len(o.args) == 2:
		if !typed {
			kind = "ufs"
			if host, _, remote := strings.Cut(o.args[0], ":"); remote && !strings.Contains(host, "/") {
				kind = "nfs"
			}
		}
		return r.mount(sim.FstabEntry{Source: o.args[0], Point: o.args[1], Type: kind})
	}
	return o.wrong(p)
}

// given are the options of the command line.
func (r request) given() []string {
	var list []string
	for _, group := range r.o.all("o") {
		list = append(list, strings.Split(group, ",")...)
	}
	if r.o.has("r") {
		list = append(list, "ro")
	}
	if r.o.has("w") {
		list = append(list, "noro")
	}
	if r.o.has("f") {
		list = append(list, "force")
	}
	return list
}

// fstab reads fstab(5), or the file of -F, and complains of lines that are none.
func (r request) fstab() []sim.FstabEntry {
	name, given := r.o.get("F")
	if !given {
		name = "/etc/fstab"
	}
	data, err := r.p.FS().ReadFile(name)
	if err != nil {
		r.p.Errorf("fstab: %s:0: %s\n", name, sim.ErrText(err))
	}
	list, wrong := sim.ParseFstab(string(data))
	for _, number := range wrong {
		r.p.Errorf("fstab: %s:%d: Inappropriate file type or format\n", name, number)
	}
	return list
}

// all mounts what fstab names, but for what is to be mounted by hand, or late.
func (r request) all() int {
	code := 0
	for _, e := range r.fstab() {
		isLate := slices.Contains(e.Options, "late") && !r.o.has("l")
		if e.Type == "swap" || slices.Contains(e.Options, "noauto") || isLate || !typeWanted(r.o, e.Type) || e.Point == "/" || isMounted(r.p, e.Point) {
			continue
		}
		if r.mount(e) != 0 && !slices.Contains(e.Options, "failok") {
			code = 1
		}
	}
	return code
}

// fromFstab mounts what fstab knows by its directory or its device.
func (r request) fromFstab(name string) int {
	for _, e := range r.fstab() {
		if e.Point != name && e.Source != name {
			continue
		}
		if slices.Contains(e.Options, "sw") || e.Type == "swap" {
			return errx(r.p, "%s has unknown file system type", name)
		}
		return r.mount(e)
	}
	return errx(r.p, "%s: unknown special file or file system", name)
}

// mount mounts an entry with the command line's options over its own.
func (r request) mount(e sim.FstabEntry) int {
	e.Options = append(slices.Clone(e.Options), r.given()...)
	if r.o.has("d") {
		r.show(e)
		return 0
	}
	code := mountOne(r.p, vfs.Mount{Source: e.Source, Point: e.Point, Type: e.Type, Options: e.Options})
	if code == 0 && r.o.has("vp") {
		for _, u := range r.p.Machine.Mounts() {
			if u.Point == r.p.FS().Abs(e.Point) {
				r.print(u.Mount)
			}
		}
	}
	return code
}

// withProgram are the file systems with a mount program of their own.
var withProgram = []string{"cd9660", "msdosfs", "nfs", "nullfs", "smbfs", "udf", "unionfs"}

// show says what would be done (-d).
func (r request) show(e sim.FstabEntry) {
	line := "mount -t " + e.Type
	if slices.Contains(withProgram, e.Type) {
		line = "exec: mount_" + e.Type
	}
	for _, option := range e.Options {
		if !isOneOf(option, "noauto", "late", "failok") {
			line += " -o " + option
		}
	}
	r.p.Printf("%s %s %s\n", line, e.Source, r.p.FS().Abs(e.Point))
}

// update gives what is mounted other options: those of the command line alone
// count, and nothing stays read-only that is not said to be.
func (r request) update(name string) int {
	at := slices.IndexFunc(r.p.Machine.Mounts(), func(u vfs.Usage) bool { return u.Point == name || sim.MountedFrom(u.Mount) == name })
	if at < 0 {
		return errx(r.p, "not currently mounted %s", name)
	}
	m := r.p.Machine.Mounts()[at].Mount
	given := r.given()
	switch {
	case isOneOf(r.o.last("o"), "fstab", "current"):
		return r.p.Cannot("mount -u -o %s", r.o.last("o"))
	case !isOneOf(m.Type, "ufs", "msdosfs", "zfs"):
		return r.p.Cannot("mount -u of %s", m.Type)
	case r.p.Cred.UID != 0:
		return errx(r.p, "%s: Operation not permitted", sim.MountedFrom(m))
	case r.o.has("d"):
		r.show(sim.FstabEntry{Source: sim.MountedFrom(m), Point: m.Point, Type: m.Type, Options: append(given, "update")})
		return 0
	}
	options := slices.DeleteFunc(slices.Clone(m.Options), func(option string) bool { return slices.Contains(settable, flagName(option)) })
	for _, short := range settable {
		if slices.Contains(given, short) {
			options = append(options, short)
		}
	}
	r.p.Machine.Tree().Adjust(m.Source, options, m.Quota)
	return 0
}

// flagNames are the options that show, as fstab and as mount(8) without options
// has them, in the order of the latter.
var flagNames = []struct{ short, long string }{
	{"async", "asynchronous"}, {"local", "local"}, {"noatime", "noatime"}, {"noexec", "noexec"}, {"nosuid", "nosuid"},
	{"nosymfollow", "nosymfollow"}, {"ro", "read-only"}, {"sync", "synchronous"}, {"union", "union"}, {"journaled soft-updates", "journaled soft-updates"},
	{"soft-updates", "soft-updates"}, {"multilabel", "multilabel"}, {"acls", "acls"}, {"nfsv4acls", "nfsv4acls"}, {"gjournal", "gjournal"},
}

// settable are those that mount -u sets, inFstab what mount -p shows beside rw and
// ro, in its order.
var (
	settable = []string{"async", "noatime", "noexec", "nosuid", "nosymfollow", "ro", "sync", "union"}
	inFstab  = []string{"sync", "noexec", "nosuid", "union", "async", "noatime", "nosymfollow", "multilabel", "acls", "nfsv4acls"}
)

// mountedWith tells whether a mount has a flag, under either of its names.
func mountedWith(m vfs.Mount, short string) bool {
	return slices.ContainsFunc(m.Options, func(option string) bool { return flagName(option) == short })
}

// flagName is the short name of a flag that an option sets, empty for others.
func flagName(option string) string {
	for _, f := range flagNames {
		if option == f.short || option == f.long {
			return f.short
		}
	}
	return ""
}

func (r request) list() int {
	for _, u := range r.p.Machine.Mounts() {
		if typeWanted(r.o, u.Type) {
			r.print(u.Mount)
		}
	}
	return 0
}

// print shows a mount: in fstab's form with -p.
func (r request) print(m vfs.Mount) {
	if r.o.has("p") {
		r.p.Printf("%s\n", r.fstabLine(m))
		return
	}
	r.p.Printf("%s on %s (%s)\n", sim.MountedFrom(m), m.Point, strings.Join(append([]string{m.Type}, shownOptions(m)...), ", "))
}

// shownOptions are mount options in the words of mount(8)'s listing.
func shownOptions(m vfs.Mount) []string {
	var shown []string
	for _, f := range flagNames {
		if mountedWith(m, f.short) || f.short == "local" {
			shown = append(shown, f.long)
		}
	}
	return shown
}

// fstabLine is a mount as fstab(5) has it: columns of tabs, and dump and pass
// from the line of fstab that knows it.
func (r request) fstabLine(m vfs.Mount) string {
	from, options := sim.MountedFrom(m), fstabOptions(m)
	end := " "
	if len(options) < 8 {
		end = "\t"
	}
	return fstabColumn(from) + fstabColumn(m.Point) + m.Type + "\t" + options + end + "\t" + r.checks(m, from)
}

// fstabColumn pads a name with tabs to the third stop.
func fstabColumn(name string) string {
	if n := len(name); n < 24 {
		return name + strings.Repeat("\t", 3-n/8)
	}
	return name + " "
}

// checks are how often a file system is dumped, and when it is checked.
func (r request) checks(m vfs.Mount, from string) string {
	lines := r.p.Machine.Fstab()
	at := slices.IndexFunc(lines, func(e sim.FstabEntry) bool { return e.Source == from })
	if at < 0 {
		at = slices.IndexFunc(lines, func(e sim.FstabEntry) bool { return e.Point == m.Point })
	}
	switch {
	case at >= 0:
		return fmt.Sprintf("%d %d", lines[at].Dump, lines[at].Pass)
	case m.Type == "ufs" && m.Point == "/":
		return "1 1"
	case m.Type == "ufs":
		return "2 2"
	}
	return "0 0"
}

// fstabOptions are mount options as fstab(5) has them.
func fstabOptions(m vfs.Mount) string {
	list := []string{"rw"}
	if mountedWith(m, "ro") {
		list[0] = "ro"
	}
	for _, short := range inFstab {
		if mountedWith(m, short) {
			list = append(list, short)
		}
	}
	return strings.Join(list, ",")
}

func isMounted(p *sim.Proc, point string) bool {
	return slices.ContainsFunc(p.Machine.Mounts(), func(u vfs.Usage) bool { return u.Point == point })
}

// meta are options that speak to mount(8) or the boot, not to the kernel.
var meta = []string{"rw", "noro", "noauto", "late", "failok", "force"}

func mountOne(p *sim.Proc, m vfs.Mount) int {
	onDevice := isOneOf(m.Type, "ufs", "msdosfs", "zfs")
	if !onDevice && !sim.MountsAnywhere(m.Type) {
		return p.Cannot("mount -t %s", m.Type)
	}
	if p.Cred.UID != 0 || p.Machine.JID() != 0 {
		p.Errorf("mount: %s: Operation not permitted\n", m.Source)
		return 1
	}
	m.Point = p.FS().Abs(m.Point)
	if m.Type == "nullfs" {
		m.Source = p.FS().Abs(m.Source)
	}
	m.Options = slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return slices.Contains(meta, o) })
	if slices.Contains(m.Options, "update") {
		return p.Cannot("mount -o update")
	}
	for _, opt := range m.Options {
		if size, ok := strings.CutPrefix(opt, "size="); ok {
			m.Size, _ = parseSize(size)
		}
	}
	if err := attach(p, m, onDevice); err != nil {
		what := m.Point
		if onDevice && isDir(p, m.Point) || m.Type == "nullfs" && !isDir(p, m.Source) {
			what = m.Source
		}
		program := "mount_" + m.Type
		if m.Type == "ufs" || m.Type == "zfs" {
			program = "mount"
		}
		p.Errorf("%s: %s: %s\n", program, what, sim.ErrText(err))
		return 1
	}
	return 0
}

// attach mounts, and keeps /dev in line with what is in use.
func attach(p *sim.Proc, m vfs.Mount, onDevice bool) error {
	if !onDevice {
		return p.Machine.Tree().Mount(m)
	}
	if m.Type == "zfs" {
		return p.Machine.MountDataset(m.Source, m.Point, m.Options)
	}
	if !strings.HasPrefix(m.Source, "/") {
		m.Source = "/dev/" + m.Source
	}
	if err := p.Machine.MountDevice(m.Source, m.Point, m.Type, m.Options); err != nil {
		return err
	}
	p.Machine.Devices()
	return nil
}

// mountDirectly is mount_nullfs(8), mount_tmpfs(8) or mount_msdosfs(8).
func mountDirectly(p *sim.Proc, o *options) int {
	if len(o.args) != 2 {
		return o.wrong(p)
	}
	kind := strings.TrimPrefix(progname(p), "mount_")
	return mountOne(p, vfs.Mount{Source: o.args[0], Point: o.args[1], Type: kind, Options: request{p, o}.given()})
}
