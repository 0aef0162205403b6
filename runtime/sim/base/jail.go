package base

import (
	"context"
	"errors"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

var jailCommands = []command{
	{name: "jail", dir: "/usr/sbin", flags: "cde:f:hiJ:!l!mn:p:qrRs:u:!U:!v", run: jail, login: startJails, live: true, usage: `
usage: jail [-dhilqv] [-J jid_file] [-u username] [-U username]
            -[cmr] param=value ... [command=command ...]
       jail [-dqv] [-f file] -[cmr] [jail]
       jail [-qv] [-f file] -[rR] ['*' | jail ...]
       jail [-dhilqv] [-J jid_file] [-u username] [-U username]
            [-n jailname] [-s securelevel]
            path hostname [ip[,...]] command ...`[1:]},
	{name: "jexec", dir: "/usr/sbin", flags: "d:lu:U:n!", run: jexec, live: true,
		usage: "usage: jexec [-l] [-d working-directory] [-u username | -U username]\n             jail [command ...]"},
	{name: "jls", dir: "/usr/sbin", flags: raw, run: jls, usage: "usage: jls [-dhNnqv] [-j jail] [param ...]"},
}

// warden is one run of jail(8).
type warden struct {
	*sim.Proc
	quiet, verbose, restarts bool
	defs                     []*jailConf
	failed                   bool
}

// notFound is what jail(8) says of a jail that is neither defined nor running.
func (w *warden) notFound(name string) int { return errx(w.Proc, "\"%s\" not found", name) }

func (w *warden) say(j *jailConf, text string) {
	if !w.quiet {
		w.Printf("%s: %s\n", j.name, text)
	}
}

// warn is a message about a jail; what is being done with it has failed.
func (w *warden) warn(j *jailConf, format string, args ...any) bool {
	warnx(w.Proc, j.name+": "+format, args...)
	w.failed = true
	return false
}

func jail(p *sim.Proc, o *options) int {
	w := &warden{Proc: p, quiet: o.has("q"), verbose: o.has("v")}
	if separator, ok := o.get("e"); ok {
		if len(o.args) > 0 || o.has("cmrRn") {
			return o.wrong(p)
		}
		return w.exhibit(o, separator)
	}
	create, modify, remove := o.has("c"), o.has("m"), o.has("rR")
	switch {
	case !create && !modify && !remove:
		if len(o.args) < 4 || !strings.HasPrefix(o.args[0], "/") {
			return o.wrong(p)
		}
		return p.Cannot("jail: the form without -c, -m and -r")
	case remove && modify && !create:
		return o.wrong(p)
	}
	if (create || modify) && len(o.args) > 0 && strings.Contains(o.args[0], "=") || o.has("n") {
		return w.direct(o, create)
	}
	if o.has("h") {
		return p.Cannot("jail -h")
	}
	if !(remove && o.has("R")) {
		if code := w.load(o); code != 0 {
			return code
		}
	}
	if p.Cred.UID != 0 {
		return errx(p, "jail_set: Operation not permitted")
	}
	names := o.args
	code := 0
	if remove {
		w.restarts = create
		code = w.stopAll(o, names)
	}
	if create || modify {
		for _, j := range w.chosen(names, &code) {
			if !w.begin(j, create, modify) {
				code = 1
			}
		}
	}
	if w.failed {
		code = 1
	}
	return code
}

// load reads the configuration; code is 0 where it is well formed.
func (w *warden) load(o *options) int {
	file := "/etc/jail.conf"
	if given, ok := o.get("f"); ok {
		file = given
	}
	defs, err := readJails(w.Machine, w.FS(), file)
	if err != nil {
		return errx(w.Proc, "%s", err)
	}
	w.defs = defs
	for _, j := range defs {
		for _, text := range j.errors {
			warnx(w.Proc, "%s: %s", j.name, text)
		}
	}
	return 0
}

func readJails(m *sim.Machine, view *vfs.View, file string) ([]*jailConf, error) {
	text, err := view.ReadFile(file)
	if err != nil {
		return nil, errors.New(file + ": " + sim.ErrText(err))
	}
	var defs []jailDef
	release, _ := sim.FindRelease(m.UserlandRelease(""))
	r := jailReader{file: file, text: string(text), line: 1, includes: release.Major() >= 14, view: view, defs: &defs}
	if err := r.read(); err != nil {
		return nil, err
	}
	return settle(defs), nil
}

// exhibit lists the jails of the configuration, which jail -e does.
func (w *warden) exhibit(o *options, separator string) int {
	if code := w.load(o); code != 0 {
		return code
	}
	for _, j := range w.defs {
		var words []string
		for _, s := range j.params {
			if s.variable {
				continue
			}
			word := s.name
			if len(s.values) > 0 {
				word += "=" + strings.Join(s.values, ",")
			}
			words = append(words, word)
		}
		w.Printf("%s\n", strings.Join(words, separator))
	}
	return 0
}

// chosen are the jails that names mean: all for none, several for a wildcard.
func (w *warden) chosen(names []string, code *int) (list []*jailConf) {
	if len(names) == 0 {
		return w.defs
	}
	for _, name := range names {
		found := false
		for _, j := range w.defs {
			if j.name == name || wildJail(name) && jailMatches(name, j.name) {
				list = append(list, j)
				found = true
			}
		}
		if !found {
			*code = w.notFound(name)
		}
	}
	return list
}

func (w *warden) stopAll(o *options, names []string) int {
	var running []state.Jail
	withState(w.Proc, func(s *state.State) { running = slices.Clone(s.Jails) })
	if len(names) == 0 {
		if o.has("R") {
			return o.wrong(w.Proc)
		}
		for _, j := range w.defs {
			names = append(names, j.name)
		}
	}
	code := 0
	for _, name := range names {
		found := false
		for _, r := range running {
			if r.Name == name || strconv.Itoa(r.JID) == name || wildJail(name) && jailMatches(name, r.Name) {
				found = true
				w.end(r)
			}
		}
		defined := slices.ContainsFunc(w.defs, func(j *jailConf) bool { return j.name == name })
		switch {
		case found || wildJail(name) || w.restarts && defined:
		case defined && len(o.args) == 0: // all that are defined: those that run
		default:
			code = w.notFound(name)
		}
	}
	return code
}

// direct is a jail of parameters on the command line.
func (w *warden) direct(o *options, create bool) int {
	j := &jailConf{}
	if name, ok := o.get("n"); ok {
		j.put(jailParam{name: "name", values: []jailString{plainValue(name)}})
	}
	if level, ok := o.get("s"); ok {
		j.put(jailParam{name: "securelevel", values: []jailString{plainValue(level)}})
	}
	for at, arg := range o.args {
		name, value, valued := strings.Cut(arg, "=")
		p := jailParam{name: name}
		if valued {
			for part := range strings.SplitSeq(value, ",") {
				p.values = append(p.values, plainValue(part))
			}
		}
		if name == "command" {
			p.values = []jailString{plainValue(strings.Join(append([]string{value}, o.args[at+1:]...), " "))}
			j.put(p)
			break
		}
		if name == "name" && j.find("name") != nil {
			continue
		}
		j.put(p)
	}
	for k := range j.params {
		j.fill(k, nil)
	}
	if w.Cred.UID != 0 {
		return errx(w.Proc, "jail_set: Operation not permitted")
	}
	j.name = j.text("name")
	if j.name == "" {
		j.name = j.text("jid")
	}
	if !create {
		return w.exit(w.modify(j))
	}
	w.quiet = w.quiet || !o.has("v")
	if !w.begin(j, true, o.has("m")) {
		return 1
	}
	if o.has("i") {
		if r, ok := w.Machine.State().FindJail(j.name); ok {
			w.Printf("%d\n", r.JID)
		}
	}
	return w.exit(true)
}

func (w *warden) exit(ok bool) int {
	if !ok || w.failed {
		return 1
	}
	return 0
}

// kernelParams are those that the kernel knows besides allow.*, linux.*, zfs.* and
// sysv*; jail(8) itself knows exec.*, mount.* and the like.
var kernelParams = strings.Fields("jid name path ip4 ip4.addr ip4.saddrsel ip6 ip6.addr ip6.saddrsel vnet host host.hostname host.domainname " +
	"host.hostuuid host.hostid securelevel devfs_ruleset children.max children.cur enforce_statfs persist cpuset.id dying parent osrelease osreldate " +
	"sysvmsg sysvsem sysvshm allow.set_hostname allow.sysvipc allow.raw_sockets allow.chflags allow.mount allow.quotas allow.socket_af allow.mlock " +
	"allow.reserved_ports allow.read_msgbuf allow.unprivileged_proc_debug allow.suser allow.extattr allow.adjtime allow.settime allow.routing allow.nfsd allow.vmm " +
	"allow.mount.devfs allow.mount.fdescfs allow.mount.nullfs allow.mount.procfs allow.mount.tmpfs allow.mount.zfs allow.mount.linprocfs allow.mount.linsysfs allow.mount.fusefs " +
	"linux linux.osname linux.osrelease linux.oss_version zfs zfs.mount_snapshot " +
	"exec.prestart exec.created exec.start exec.prepare exec.poststart exec.prestop exec.stop exec.poststop exec.release exec.clean exec.jail_user " +
	"exec.system_jail_user exec.system_user exec.timeout exec.consolelog exec.fib stop.timeout interface vnet.interface ip_hostname mount mount.fstab " +
	"mount.devfs mount.fdescfs mount.procfs allow.dying depend command zfs.dataset env meta")

// begin starts a jail of the configuration, or changes a running one.
func (w *warden) begin(j *jailConf, create, modify bool) bool {
	if len(j.errors) > 0 {
		w.failed = true
		return false
	}
	if _, running := w.Machine.State().FindJail(j.name); running && j.name != "" {
		if modify {
			return w.modify(j)
		}
		warnx(w.Proc, "\"%s\" already exists", j.name)
		return false
	}
	if !create {
		w.notFound(j.name)
		return false
	}
	for _, need := range j.list("depend") {
		if _, running := w.Machine.State().FindJail(need); running {
			continue
		}
		at := slices.IndexFunc(w.defs, func(d *jailConf) bool { return d.name == need })
		if at < 0 {
			return w.warn(j, "depends on undefined jail \"%s\"", need)
		}
		if !w.begin(w.defs[at], true, false) {
			return w.warn(j, "skipped")
		}
	}
	if !w.valid(j) {
		return false
	}
	undo, ok := w.raise(j)
	if !ok {
		for _, step := range slices.Backward(undo) {
			step()
		}
		w.failed = true
	}
	return ok
}

// valid checks what can be said before anything is done.
func (w *warden) valid(j *jailConf) bool {
	for _, s := range j.params {
		plain, _ := withoutNo(s.name)
		if s.variable || slices.Contains(kernelParams, s.name) || slices.Contains(kernelParams, plain) {
			continue
		}
		return w.warn(j, "unknown parameter: %s", s.name)
	}
	for _, name := range []string{"persist", "vnet", "mount.devfs", "mount.fdescfs", "mount.procfs", "exec.clean"} {
		if value := strings.ToLower(j.text(name)); value != "" && value != "true" && value != "false" && strings.Trim(value, "0123456789") != "" && !isOneOf(value, "new", "inherit") {
			return w.warn(j, "%s: unknown boolean value \"%s\"", name, j.text(name))
		}
	}
	for _, name := range []string{"vnet.interface", "exec.jail_user", "exec.system_user", "exec.timeout", "exec.fib", "ip_hostname"} {
		if j.find(name) != nil {
			w.Cannot("jail: %s", name)
			w.failed = true
			return false
		}
	}
	root := j.text("path")
	switch info, err := w.FS().Stat(root); {
	case root == "":
	case !strings.HasPrefix(root, "/"):
		return w.warn(j, "path %s: not an absolute pathname", root)
	case err != nil:
		return w.warn(j, "path %s: %s", root, sim.ErrText(err))
	case !info.IsDir():
		return w.warn(j, "path %s: Not a directory", root)
	}
	for _, family := range []string{"ip4.addr", "ip6.addr"} {
		for _, spec := range j.list(family) {
			a, err := netip.ParseAddr(addressOf(spec))
			if err != nil || a.Is4() != (family == "ip4.addr") {
				return w.warn(j, "%s: not an %s address: %s", family, map[string]string{"ip4.addr": "IPv4", "ip6.addr": "IPv6"}[family], addressOf(spec))
			}
		}
	}
	return true
}

// addressOf is the address of IF|ADDRESS/BITS.
func addressOf(spec string) string {
	_, address, named := strings.Cut(spec, "|")
	if !named {
		address = spec
	}
	address, _, _ = strings.Cut(address, "/")
	address, _, _ = strings.Cut(address, " ")
	return address
}

// raise does what starting a jail takes, in jail(8)'s order. undo are the steps
// back from where it got.
func (w *warden) raise(j *jailConf) (undo []func(), ok bool) {
	runAll := func(name string) bool {
		for _, line := range j.list(name) {
			if !w.command(j, nil, line) {
				return false
			}
		}
		return true
	}
	if !runAll("exec.prepare") {
		return undo, false
	}
	for _, args := range w.addressing(j, "alias") {
		undo = append(undo, func() { w.run(j, "/sbin/ifconfig", slices.Concat(args[:len(args)-1], []string{"-alias"})...) })
		if !w.run(j, "/sbin/ifconfig", args...) {
			return undo[:len(undo)-1], false
		}
	}
	for _, m := range w.mounts(j) {
		if !w.run(j, "/sbin/mount", m.args()...) {
			return undo, false
		}
		undo = append(undo, func() { w.run(j, "/sbin/umount", m.point) })
	}
	if !runAll("exec.prestart") {
		return undo, false
	}
	inside := w.Machine.StartJail(described(j))
	undo = append(undo, func() { w.Machine.RemoveJail(inside.JID()) })
	if j.name == "" {
		j.name = strconv.Itoa(inside.JID())
	}
	if j.yes("mount.devfs") {
		w.nodes(path.Join(j.text("path"), "dev"))
	}
	w.say(j, "created")
	if !runAll("exec.created") {
		return undo, false
	}
	for _, name := range []string{"exec.start", "command"} {
		for _, line := range j.list(name) {
			if !w.command(j, inside, line) {
				return undo, false
			}
		}
	}
	if !runAll("exec.poststart") {
		return undo, false
	}
	if !j.yes("persist") && len(inside.Processes()) == 0 {
		w.Machine.RemoveJail(inside.JID()) // nobody lives there
	}
	return undo, true
}

// described is the jail as the kernel is told of it.
func described(j *jailConf) state.Jail {
	r := state.Jail{Name: j.text("name"), Hostname: j.text("host.hostname"), Path: path.Clean(j.text("path")), Persist: j.yes("persist"), Params: map[string]string{}}
	r.JID, _ = strconv.Atoi(j.text("jid"))
	if j.text("path") == "" {
		r.Path = "/"
	}
	for _, spec := range j.list("ip4.addr") {
		r.IP4 = append(r.IP4, addressOf(spec))
	}
	for _, spec := range j.list("ip6.addr") {
		r.IP6 = append(r.IP6, addressOf(spec))
	}
	if s := j.find("vnet"); s != nil {
		r.VNET = j.text("vnet") != "inherit" && (len(s.values) == 0 || j.text("vnet") == "new" || j.yes("vnet"))
		r.Interfaces = j.list("vnet.interface")
	}
	for _, s := range j.params {
		plain, no := withoutNo(s.name)
		switch {
		case s.variable || strings.HasPrefix(s.name, "exec.") || strings.HasPrefix(s.name, "mount") || !slices.Contains(kernelParams, plain):
		case no:
			r.Params[plain] = "0"
		case len(s.values) == 0:
			r.Params[s.name] = "1"
		default:
			r.Params[s.name] = strings.Join(s.values, ",")
		}
	}
	return r
}

// addressing are the arguments of ifconfig(8) for a jail's addresses; one without
// an interface is there already.
func (w *warden) addressing(j *jailConf, verb string) (list [][]string) {
	for _, family := range []string{"ip4.addr", "ip6.addr"} {
		for _, spec := range j.list(family) {
			on, address, named := strings.Cut(spec, "|")
			if !named {
				on, address = j.text("interface"), spec
			}
			if on == "" {
				continue
			}
			args := []string{on, "inet", address}
			bare, mask, masked := strings.Cut(address, "/")
			switch {
			case family == "ip6.addr":
				args[1] = "inet6"
				if !masked {
					args = append(args, "prefixlen", "128")
				}
			case !masked:
				args = append(args, "netmask", "255.255.255.255")
			case strings.Contains(mask, "."):
				args = []string{on, "inet", bare, "netmask", mask}
			}
			list = append(list, append(args, verb))
		}
	}
	return list
}

// jailMount is one file system that a jail gets.
type jailMount struct{ source, point, kind, options string }

func (m jailMount) args() []string {
	args := []string{"-t", m.kind}
	if m.options != "" && m.options != "rw" {
		args = append(args, "-o", m.options)
	}
	return append(args, m.source, m.point)
}

func (w *warden) mounts(j *jailConf) (list []jailMount) {
	lines := slices.Clone(j.list("mount"))
	if file := j.text("mount.fstab"); file != "" {
		text, err := w.FS().ReadFile(file)
		if err != nil {
			w.warn(j, "%s: %s", file, sim.ErrText(err))
			return nil
		}
		for line := range strings.Lines(string(text)) {
			if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) != "" {
				lines = append(lines, line)
			}
		}
	}
	for _, line := range lines {
		f := append(strings.Fields(line), "", "")
		if len(f) >= 5 {
			list = append(list, jailMount{f[0], f[1], f[2], f[3]})
		}
	}
	for _, kind := range []string{"devfs", "fdescfs", "procfs"} {
		if j.yes("mount." + kind) {
			below := map[string]string{"devfs": "dev", "fdescfs": "dev/fd", "procfs": "proc"}[kind]
			list = append(list, jailMount{kind, path.Join(j.text("path"), below), kind, ""})
		}
	}
	return list
}

// nodes are what a jail's /dev shows by the rules for jails.
func (w *warden) nodes(dev string) {
	view := w.Machine.View(vfs.Root, "/")
	for _, name := range []string{"null", "zero", "full", "random"} {
		_ = view.Mknod(path.Join(dev, name), vfs.TypeChar, name, 0o666)
	}
	_ = view.Symlink("random", path.Join(dev, "urandom"))
	_ = view.MkdirAll(path.Join(dev, "fd"), 0o555)
	for n, name := range []string{"stdin", "stdout", "stderr"} {
		_ = view.Symlink("fd/"+strconv.Itoa(n), path.Join(dev, name))
	}
}

// run is a program that jail(8) runs on the host.
func (w *warden) run(j *jailConf, program string, args ...string) bool {
	if w.Proc.Run(append([]string{program}, args...)...) != 0 {
		return w.warn(j, "%s %s: failed", program, strings.Join(args, " "))
	}
	return true
}

// command runs a line of exec.*, in the jail where there is one. A plain one is no
// matter of the shell.
func (w *warden) command(j *jailConf, inside *sim.Machine, line string) bool {
	background := strings.HasSuffix(line, "&") && !strings.ContainsAny(strings.TrimSuffix(line, "&"), "!\"$&'()*;<>?[\\]`{|}~")
	line = strings.TrimSpace(line)
	args := strings.Fields(strings.TrimSuffix(line, "&"))
	if !background && strings.ContainsAny(line, "!\"$&'()*;<>?[\\]`{|}~") {
		args = []string{"/bin/sh", "-c", line}
	}
	if len(args) == 0 {
		return true
	}
	c := sim.Command{Args: args, Detach: background}
	if inside != nil {
		c.Jail, c.Dir = inside, "/"
		if j.yes("exec.clean") {
			c.Env = []string{"HOME=/root", "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin", "SHELL=/bin/sh", "USER=root"}
		}
		if log := j.text("exec.consolelog"); log != "" {
			f, err := w.FS().OpenFile(log, vfs.O_WRONLY|vfs.O_CREATE|vfs.O_APPEND, 0o644)
			if err != nil {
				return w.warn(j, "open %s: %s", log, sim.ErrText(err))
			}
			defer f.Close()
			c.Stdout, c.Stderr = f, f
		}
	}
	child, err := w.Start(c)
	if err != nil {
		w.warn(j, "exec %s: %s", args[0], sim.ErrText(err))
		return w.warn(j, "%s: failed", strings.Join(args, " "))
	}
	if background {
		return true
	}
	if code, err := child.Wait(w.Context); err != nil || code != 0 {
		return w.warn(j, "%s: failed", strings.Join(args, " "))
	}
	return true
}

// end stops a running jail with what the configuration says of it.
func (w *warden) end(r state.Jail) {
	inside := w.Machine.Jail(r.JID)
	at := slices.IndexFunc(w.defs, func(d *jailConf) bool { return d.name == r.Name || d.name == strconv.Itoa(r.JID) })
	if inside == nil {
		return
	}
	if at < 0 {
		w.Machine.RemoveJail(r.JID)
		return
	}
	j := w.defs[at]
	each := func(name string, in *sim.Machine) {
		for _, line := range j.list(name) {
			w.command(j, in, line)
		}
	}
	each("exec.prestop", nil)
	each("exec.stop", inside)
	w.terminate(j, inside)
	w.Machine.RemoveJail(r.JID)
	w.say(j, "removed")
	each("exec.poststop", nil)
	for _, m := range slices.Backward(w.mounts(j)) {
		if isMounted(w.Proc, m.point) {
			w.run(j, "/sbin/umount", m.point)
		}
	}
	for _, args := range slices.Backward(w.addressing(j, "-alias")) {
		w.run(j, "/sbin/ifconfig", args...)
	}
	each("exec.release", nil)
}

// terminate asks what runs in a jail to end, and waits as long as stop.timeout.
func (w *warden) terminate(j *jailConf, inside *sim.Machine) {
	running := inside.Processes()
	if len(running) == 0 || j.text("stop.timeout") == "0" {
		return
	}
	for _, p := range running {
		_ = inside.Kill(vfs.Root, p.PID, syscall.SIGTERM)
	}
	seconds := 10
	if n, err := strconv.Atoi(j.text("stop.timeout")); err == nil {
		seconds = n
	}
	for range seconds {
		if len(inside.Processes()) == 0 || w.Sleep(1e9) != nil {
			return
		}
	}
}

// modify changes parameters of a running jail.
func (w *warden) modify(j *jailConf) bool {
	name := j.name
	if jid := j.text("jid"); jid != "" {
		name = jid
	}
	r, running := w.Machine.State().FindJail(name)
	if !running {
		w.notFound(name)
		return false
	}
	if !w.valid(j) {
		return false
	}
	next := described(j)
	withState(w.Proc, func(s *state.State) {
		for k := range s.Jails {
			old := &s.Jails[k]
			if old.JID != r.JID {
				continue
			}
			if next.Hostname != "" {
				old.Hostname = next.Hostname
			}
			if j.find("persist") != nil {
				old.Persist = next.Persist
			}
			if j.find("ip4.addr") != nil {
				old.IP4 = next.IP4
			}
			if j.find("ip6.addr") != nil {
				old.IP6 = next.IP6
			}
			for name, value := range next.Params {
				if old.Params == nil {
					old.Params = map[string]string{}
				}
				old.Params[name] = value
			}
		}
	})
	return true
}

// jexec runs a program in a jail.
func jexec(p *sim.Proc, o *options) int {
	hostUser, asHost := o.get("u")
	jailUser, asJail := o.get("U")
	if asHost && asJail || len(o.args) == 0 {
		return o.wrong(p)
	}
	r, running := p.Machine.State().FindJail(o.args[0])
	if !running {
		return errx(p, "jail \"%s\" not found", o.args[0])
	}
	if p.Cred.UID != 0 {
		return errx(p, "jail_attach(%d): Operation not permitted", r.JID)
	}
	inside := p.Machine.Jail(r.JID)
	c := sim.Command{Jail: inside, Dir: "/", Args: o.args[1:]}
	users, name := inside, jailUser
	if asHost {
		users, name = p.Machine, hostUser
	}
	if asHost || asJail || o.has("l") {
		if name == "" {
			name = "root"
		}
		u, known := users.LookupUser(name)
		if !known {
			return errx(p, "%s: no such user", name)
		}
		cred := users.CredOf(u)
		c.Cred = &cred
		if o.has("l") {
			c.Dir = u.Home
			c.Env = []string{"HOME=" + u.Home, "SHELL=" + u.Shell, "PATH=" + sim.DefaultPath, "USER=" + u.Name, "LOGNAME=" + u.Name}
			if term := p.Getenv("TERM"); term != "" {
				c.Env = append(c.Env, "TERM="+term)
			}
		}
	}
	if dir, ok := o.get("d"); ok {
		c.Dir = dir
	}
	if _, err := inside.View(vfs.Root, "/").Stat(c.Dir); err != nil {
		return errx(p, "chdir(): %s: %s", c.Dir, sim.ErrText(err))
	}
	if len(c.Args) == 0 {
		c.Args = []string{"/bin/sh", "-i"}
	}
	code, err := p.Exec(c)
	if err != nil {
		return errx(p, "execvp: %s: %s", c.Args[0], sim.ErrText(err))
	}
	return code
}

// startJails is what a boot does with jails: each is there with its addresses at
// once, and what it runs comes up behind.
func startJails(m *sim.Machine) {
	if !isOneOf(strings.ToLower(m.RCVar("jail_enable")), "yes", "true", "on", "1") {
		return
	}
	wanted := strings.Fields(m.RCVar("jail_list"))
	jails, err := readJails(m, m.View(vfs.Root, "/"), "/etc/jail.conf")
	if err != nil {
		return
	}
	type started struct {
		inside *sim.Machine
		script string
	}
	var list []started
	for _, j := range jails {
		if len(j.errors) > 0 || len(wanted) > 0 && !slices.Contains(wanted, j.name) {
			continue
		}
		if _, err := m.View(vfs.Root, "/").Stat(j.text("path")); err != nil {
			continue
		}
		w := &warden{Proc: &sim.Proc{Machine: m}}
		for _, args := range w.addressing(j, "alias") {
			if prefix, _, err := sim.ParseInterfaceAddress(args[1:]); err == nil {
				m.GiveAddress(args[0], prefix)
			}
		}
		if j.yes("mount.devfs") {
			dev := path.Join(j.text("path"), "dev")
			_ = m.Tree().Mount(vfs.Mount{Source: "devfs", Point: dev, Type: "devfs"})
			w.nodes(dev)
		}
		list = append(list, started{m.StartJail(described(j)), strings.Join(j.list("exec.start"), "\n")})
	}
	go func() {
		for _, s := range list {
			s.inside.Exec(context.Background(), "root", s.script)
		}
	}()
}
