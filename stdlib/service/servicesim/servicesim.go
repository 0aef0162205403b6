// Package servicesim models service(8) and rc.d(8): scripts that lie on the
// machine's disk and are run by its sh, enabled by rc.conf, with daemons that
// are shown as processes.
package servicesim

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Tools are service(8), rc.subr(8) with the scripts of the base system, those of
// packages, and the helper that shows daemons.
func Tools() []*sim.Tool {
	files := map[string]string{"/etc/rc.subr": rcSubr}
	byPackage := map[string]map[string]string{}
	var later []*sim.Tool
	for _, s := range scripts {
		if s.since != "" {
			later = append(later, &sim.Tool{Name: "rc.d/" + s.name, Files: map[string]string{s.path(): s.text()}, Since: s.since})
			continue
		}
		if s.pkg == "" {
			files[s.path()] = s.text()
			continue
		}
		if byPackage[s.pkg] == nil {
			byPackage[s.pkg] = map[string]string{}
		}
		byPackage[s.pkg][s.path()] = s.text()
	}
	tools := []*sim.Tool{
		{Name: "service", Paths: []string{"/usr/sbin/service"}, Files: files, Run: service, Boot: boot, Opened: showAll},
		{Name: "rc-daemon", Paths: []string{"/usr/libexec/rc-daemon"}, Run: daemon},
		{Name: "sshd", Paths: []string{sshdPath}, Run: sshd},
	}
	tools = append(tools, later...)
	for _, s := range scripts {
		if list := byPackage[s.pkg]; list != nil {
			tools = append(tools, &sim.Tool{Name: s.name, Package: s.pkg, Paths: []string{s.command}, Files: list, Run: foreground})
			delete(byPackage, s.pkg)
		}
	}
	// A daemon of the base system is a program too.
	for _, s := range scripts {
		if s.pkg == "" && s.command != "" && !s.modelled {
			tools = append(tools, &sim.Tool{Name: path.Base(s.command), Paths: []string{s.command}, Run: foreground})
		}
	}
	return tools
}

// foreground is a daemon run by hand, which no model covers.
func foreground(p *sim.Proc) int { return p.Cannot("run %s by hand", path.Base(p.Args[0])) }

const sshdPath = "/usr/sbin/sshd"

// dirs are where scripts lie, in service(8)'s order.
var dirs = []string{"/etc/rc.d", "/usr/local/etc/rc.d"}

const usage = "Usage: service [-j <jail name or id>] -e\n" +
	"       service [-j <jail name or id>] -R\n" +
	"       service [-j <jail name or id>] [-v] -l | -r\n" +
	"       service [-j <jail name or id>] [-v] [-E var=value] <rc.d script> start|stop|etc.\n" +
	"       service -h\n"

func service(p *sim.Proc) int {
	args, verbose, list := p.Args[1:], false, byte(0)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		for _, letter := range []byte(args[0][1:]) {
			switch letter {
			case 'v':
				verbose = true
			case 'l', 'e', 'r':
				list = letter
			case 'h':
				p.Printf("%s", usage)
				return 0
			case 'j':
				return inJail(p, args)
			case 'E', 'R', 'd':
				return p.Cannot("service -%c", letter)
			default:
				p.Errorf("Illegal option -%c\n%s", letter, usage)
				return 1
			}
		}
		args = args[1:]
	}
	switch {
	case list == 'l':
		showList(p, verbose)
		return 0
	case list == 'e':
		for _, s := range enabled(p.Machine) {
			p.Printf("%s\n", s)
		}
		return 0
	case list == 'r':
		for _, s := range all(p.Machine) {
			p.Printf("%s\n", s)
		}
		return 0
	case len(args) == 0:
		p.Errorf("%s", usage)
		return 1
	}
	return runScript(p, args[0], args[1:], verbose)
}

// inJail has the jail's own service(8) do the rest.
func inJail(p *sim.Proc, args []string) int {
	name, rest := args[0][2:], args[1:]
	if name == "" && len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	if name == "" {
		p.Errorf("%s", usage)
		return 1
	}
	return p.Run(append([]string{"/usr/sbin/jexec", name, "/usr/sbin/service"}, rest...)...)
}

// runScript runs a script with an emptied environment, as service(8) does.
func runScript(p *sim.Proc, name string, args []string, verbose bool) int {
	view := p.FS()
	for _, dir := range dirs {
		file := path.Join(dir, name)
		if info, err := view.Stat(file); err != nil || info.Type != vfs.TypeFile || info.Mode&0o111 == 0 {
			continue
		}
		if verbose {
			p.Printf("%s is located in %s\n", name, dir)
		}
		return p.RunCommand(sim.Command{
			Args: append([]string{file}, args...), Dir: "/",
			Env: []string{"HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin"},
		})
	}
	p.Printf("%s does not exist in /etc/rc.d or the local startup\ndirectories (/usr/local/etc/rc.d), or is not executable\n", name)
	return 1
}

func showList(p *sim.Proc, verbose bool) {
	for _, dir := range dirs {
		if verbose {
			p.Printf("From %s:\n", dir)
		}
		files, err := p.Machine.View(vfs.Root, "/").ReadDir(dir)
		if err != nil {
			continue
		}
		for _, f := range files {
			p.Printf("%s\n", f.Name)
		}
	}
}

// all are the executable scripts.
func all(m *sim.Machine) []string {
	view := m.View(vfs.Root, "/")
	var list []string
	for _, dir := range dirs {
		files, err := view.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, f := range files {
			if f.Type == vfs.TypeFile && f.Mode&0o111 != 0 {
				list = append(list, path.Join(dir, f.Name))
			}
		}
	}
	return list
}

var (
	nameLine  = lazyregexp.New(`(?m)^name="?([\w.-]+)"?`)
	rcvarLine = lazyregexp.New("(?m)^rcvar=\"?([^\"\\n]+)\"?")
)

// enabled are the scripts whose variable says yes.
func enabled(m *sim.Machine) []string {
	view := m.View(vfs.Root, "/")
	var list []string
	for _, file := range all(m) {
		src, err := view.ReadFile(file)
		if err != nil {
			continue
		}
		variable := rcvarLine.FindSubmatch(src)
		if variable == nil {
			continue
		}
		name := path.Base(file)
		if own := nameLine.FindSubmatch(src); own != nil {
			name = string(own[1])
		}
		rcvar := strings.NewReplacer("${name}", name, "$name", name, "`set_rcvar`", name+"_enable").Replace(string(variable[1]))
		if saysYes(m.RCVar(rcvar)) {
			list = append(list, file)
		}
	}
	return list
}

func saysYes(value string) bool {
	return slices.Contains([]string{"yes", "true", "on", "1"}, strings.ToLower(value))
}

// showAll tells the daemons that are shown which signals they take.
func showAll(m *sim.Machine) {
	for _, p := range m.Processes() {
		if p.PID != 1 {
			survive(m, p)
		}
	}
}

// boot starts what packages brought and rc.conf enables, as rc(8) does.
func boot(m *sim.Machine) {
	showAll(m)
	var names []string
	for _, file := range enabled(m) {
		if strings.HasPrefix(file, "/usr/local/") {
			names = append(names, path.Base(file))
		}
	}
	if len(names) == 0 {
		return
	}
	go func() {
		for _, name := range names {
			m.Exec(context.Background(), "root", "/usr/sbin/service "+name+" faststart >/dev/null 2>&1")
		}
	}()
}

// daemon is the part of rc.subr that a shell script cannot do here: it shows the
// daemons.
func daemon(p *sim.Proc) int {
	if len(p.Args) < 2 {
		return 64
	}
	args := p.Args[2:]
	switch p.Args[1] {
	case "start":
		return start(p, args[0], args[1], args[2:])
	case "find":
		return find(p, args[0])
	case "stopped":
		return stopped(p, args[0], args[1])
	case "netif":
		return netif(p, args[0], args[1:])
	case "routing":
		return routing(p, args[0])
	case "rc":
		return rcOfJail(p)
	case "keygen":
		p.Machine.MakeHostKeys()
		return 0
	case "keywords":
		p.Printf("%s\n", keywords(p.Machine.UserlandRelease("")))
		return 0
	case "disabled":
		p.Printf("%d\n", disabledCode(p.Machine))
		return 0
	}
	return 64
}

// keywords are what the scripts of a release know besides start, stop, restart
// and rcvar.
func keywords(release string) string {
	r, _ := sim.FindRelease(release)
	switch {
	case r.Major() < 10:
		return ""
	case r.Major() < 12:
		return "enabled describe extracommands"
	}
	return "enable disable delete enabled describe extracommands"
}

// disabledCode is what a script exits with when its service is not enabled: 0 up
// to 13, where nothing was started although the code says so.
func disabledCode(m *sim.Machine) int {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	major, _, _ := strings.Cut(s.Release.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < 14 {
		return 0
	}
	return 1
}

// start shows a daemon, and writes its pid where others look for it.
func start(p *sim.Proc, name, pidfile string, command []string) int {
	if p.Cred.UID != 0 {
		p.Errorf("%s: Operation not permitted\n", path.Base(command[0]))
		return 1
	}
	m := p.Machine
	if library := m.MissingLibrary(command[0]); library != "" {
		p.Errorf("ld-elf.so.1: Shared object %q not found, required by %q\n", library, path.Base(command[0]))
		return 1
	}
	if command[0] == sshdPath {
		if err := m.StartSSHD(); err != nil {
			p.Errorf("%s", err)
			return 255
		}
	}
	shown := m.StartDaemon(command[0], command, func() { forget(m, name) })
	survive(m, shown)
	s := m.State()
	s.Lock()
	svc := s.Services[name]
	if svc == nil {
		svc = &state.Service{Name: name}
		s.Services[name] = svc
	}
	svc.Process, svc.Pidfile, svc.Running, svc.PID = command[0], pidfile, true, shown.PID
	s.Unlock()
	if pidfile == "" {
		return 0
	}
	view := m.View(vfs.Root, "/")
	if err := view.MkdirAll(path.Dir(pidfile), 0o755); err == nil {
		err = view.WriteFile(pidfile, []byte(strconv.Itoa(shown.PID)+"\n"), 0o644)
		if err != nil {
			p.Errorf("%s: %s: %s\n", path.Base(command[0]), pidfile, sim.ErrText(err))
		}
	}
	return 0
}

// survive lets a daemon take the signals that have it reload.
func survive(m *sim.Machine, p *sim.Process) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		p.Catch(sig, nil)
	}
	if p.Path == sshdPath {
		reloads(m, p)
	}
}

// forget notes that a daemon has ended.
func forget(m *sim.Machine, name string) {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	if svc := s.Services[name]; svc != nil {
		svc.Running, svc.PID = false, 0
	}
}

// find prints the processes of a program.
func find(p *sim.Proc, command string) int {
	var pids []string
	for _, other := range p.Machine.Processes() {
		if other.Path == command {
			pids = append(pids, strconv.Itoa(other.PID))
		}
	}
	if len(pids) > 0 {
		p.Printf("%s\n", strings.Join(pids, " "))
	}
	return 0
}

// stopped removes a pidfile, as a daemon that ends does.
func stopped(p *sim.Proc, name, pidfile string) int {
	forget(p.Machine, name)
	if pidfile == "" {
		return 0
	}
	view := p.Machine.View(vfs.Root, "/")
	if data, err := view.ReadFile(pidfile); err == nil && len(bytes.TrimSpace(data)) > 0 {
		_ = view.Remove(pidfile)
	}
	return 0
}

// rcOfJail is rc(8) as a jail runs it when it starts. The boot of a host is the
// machine's own.
func rcOfJail(p *sim.Proc) int {
	if p.Machine.JID() == 0 {
		return p.Cannot("run /etc/rc by hand")
	}
	p.Machine.StartDaemons()
	for _, file := range enabled(p.Machine) {
		if strings.HasPrefix(file, "/usr/local/") {
			p.Run("/usr/sbin/service", path.Base(file), "faststart")
		}
	}
	return 0
}
