package base

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

const systemd = "systemd 252"

var gnuSystemCommands = []command{
	{name: "uname", gnu: coreutils, flags: "asnrvmpio", long: "all=a kernel-name=s nodename=n kernel-release=r kernel-version=v machine=m processor=p hardware-platform=i operating-system=o", run: gnuUname},
	{name: "hostname", gnu: "hostname 3.23", flags: "fsdiIAy", long: "fqdn=f long=f short=s domain=d ip-address=i all-ip-addresses=I", run: gnuHostname},
	{name: "lscpu", gnu: utilLinux, flags: "e!J!p!b!", long: "json=J! extended=e! parse=p!", run: lscpu},
	{name: "lsmod", gnu: "kmod 30", flags: "", run: lsmod},
	{name: "setsid", gnu: utilLinux, flags: "+cfw", long: "fork=f wait=w ctty=c", run: setsid, live: true},
	{name: "flock", gnu: utilLinux, flags: raw, run: func(p *sim.Proc, o *options) int { return p.Cannot("flock %s", strings.Join(o.args, " ")) }},
	{name: "sysctl", gnu: procps, flags: "aenNqwp?", long: "all=a values=n names=N ignore=e quiet=q write=w load?=p", run: gnuSysctl},
	{name: "systemctl", gnu: systemd, flags: "alqt:fnp:H!M!", long: "all=a full=l quiet=q no-pager now user! no-legend plain type:=t state:! property:=p value force=f no-block failed! system", run: systemctl},
	{name: "hostnamectl", gnu: systemd, flags: "", run: func(p *sim.Proc, o *options) int { return p.Cannot("hostnamectl %s", strings.Join(o.args, " ")) }},
	{name: "reboot poweroff halt", gnu: systemd, flags: "fpwnd", long: "force=f no-wall", run: gnuReboot},
	{name: "shutdown", gnu: systemd, flags: "HPrhkc", long: "halt=H poweroff=P reboot=r no-wall", run: gnuShutdown},
	{name: "dpkg-query", gnu: "dpkg 1.21.22", flags: "WlsLS:f:", long: "show=W list=l status=s showformat:=f listfiles=L! search=S!", run: dpkgQuery},
	{name: "dpkg", gnu: "dpkg 1.21.22", flags: "lsLSiPr", long: "list=l status=s print-architecture install=i! purge=P! remove=r! configure!", run: dpkgQuery},
	{name: "apt-get apt", gnu: "apt 2.6.1", flags: "yqsd", long: "yes=y assume-yes=y quiet=q no-install-recommends simulate=s", run: aptGet},
	{name: "modprobe", gnu: "kmod 30", flags: "qrvn", run: func(p *sim.Proc, o *options) int { return p.Cannot("modprobe %s", strings.Join(o.args, " ")) }},
	{name: "useradd journalctl losetup blkid", gnu: utilLinux, flags: raw, run: absentProgram},
}

func gnuUname(p *sim.Proc, o *options) int {
	if len(o.args) > 0 {
		warnx(p, "extra operand '%s'", o.args[0])
		return o.wrong(p)
	}
	r := release(p)
	name, _, _ := strings.Cut(hostname(p), ".")
	fields := []struct{ letter, text string }{
		{"s", "Linux"}, {"n", name}, {"r", r.Version}, {"v", r.Build}, {"m", r.Arch}, {"p", "unknown"}, {"i", "unknown"}, {"o", "GNU/Linux"},
	}
	var words []string
	for _, f := range fields {
		unknown := f.text == "unknown"
		if o.has(f.letter) || o.has("a") && !unknown || len(o.list) == 0 && f.letter == "s" {
			words = append(words, f.text)
		}
	}
	p.Printf("%s\n", strings.Join(words, " "))
	return 0
}

func gnuHostname(p *sim.Proc, o *options) int {
	full := hostname(p)
	short, domain, _ := strings.Cut(full, ".")
	switch {
	case len(o.args) > 0:
		return p.Cannot("hostname %s", strings.Join(o.args, " "))
	case o.has("f"):
		p.Printf("%s\n", full)
	case o.has("d"):
		p.Printf("%s\n", domain)
	case o.has("iI"):
		p.Printf("%s \n", p.Machine.Address())
	case o.has("Ay"):
		return p.Cannot("hostname -%s", o.last("Ay"))
	default:
		p.Printf("%s\n", short)
	}
	return 0
}

func lscpu(p *sim.Proc, _ *options) int {
	var hw state.Hardware
	withState(p, func(s *state.State) { hw = s.Hardware })
	for _, line := range [][2]string{
		{"Architecture:", "x86_64"}, {"  CPU op-mode(s):", "32-bit, 64-bit"}, {"  Byte Order:", "Little Endian"}, {"CPU(s):", strconv.Itoa(hw.CPUs)},
		{"  On-line CPU(s) list:", fmt.Sprintf("0-%d", hw.CPUs-1)}, {"Vendor ID:", "GenuineIntel"}, {"  Model name:", hw.Model},
		{"    CPU family:", "6"}, {"    Model:", "85"}, {"    Thread(s) per core:", "1"}, {"    Core(s) per socket:", strconv.Itoa(hw.CPUs)}, {"    Socket(s):", "1"},
		{"Virtualization features:", ""}, {"  Virtualization:", "VT-x"},
	} {
		p.Printf("%s\n", strings.TrimRight(fmt.Sprintf("%-32s%s", line[0], line[1]), " "))
	}
	return 0
}

func lsmod(p *sim.Proc, _ *options) int {
	text, err := p.FS().ReadFile("/proc/modules")
	if err != nil {
		return fail(p, "/proc/modules", err)
	}
	p.Printf("Module                  Size  Used by\n")
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		users := strings.Trim(f[3], ",-")
		p.Printf("%s\n", strings.TrimRight(fmt.Sprintf("%-19s %8s  %s %s", f[0], f[1], f[2], users), " "))
	}
	return 0
}

func setsid(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		p.Errorf("setsid: no command specified\n")
		return o.wrong(p)
	}
	c := sim.Command{Args: o.args, Detach: true, Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr}
	if !o.has("f") {
		return p.RunCommand(c)
	}
	if _, err := p.Start(c); err != nil {
		p.Errorf("setsid: failed to execute %s: %s\n", o.args[0], p.Machine.ErrText(err))
		return 127
	}
	return 0
}

func gnuSysctl(p *sim.Proc, o *options) int {
	if len(o.args) == 0 && !o.has("a") {
		return p.Cannot("sysctl without a name")
	}
	names := o.args
	if o.has("a") {
		names = nil
		_ = tree(p, "/proc/sys", func(name string, info vfs.Info) error {
			if info.Type == vfs.TypeFile {
				names = append(names, strings.ReplaceAll(strings.TrimPrefix(name, "/proc/sys/"), "/", "."))
			}
			return nil
		})
	}
	code := 0
	for _, given := range names {
		name, value, set := strings.Cut(given, "=")
		name = strings.TrimSpace(name)
		file := "/proc/sys/" + strings.ReplaceAll(strings.ReplaceAll(name, "/", "."), ".", "/")
		text, err := p.FS().ReadFile(file)
		switch {
		case err != nil && !o.has("e"):
			p.Errorf("sysctl: cannot stat %s: %s\n", file, p.Machine.ErrText(err))
			code = 1
			continue
		case err != nil:
			continue
		case set && p.Cred.UID != 0:
			p.Errorf("sysctl: permission denied on key \"%s\"\n", name)
			code = 1
			continue
		case set:
			value = strings.TrimSpace(value)
			_ = p.Machine.View(vfs.Root, "/").WriteFile(file, []byte(value+"\n"), 0o444)
			text = []byte(value)
			if o.has("q") {
				continue
			}
		}
		switch shown := strings.TrimSpace(string(text)); {
		case o.has("n"):
			p.Printf("%s\n", shown)
		case o.has("N"):
			p.Printf("%s\n", name)
		default:
			p.Printf("%s = %s\n", name, shown)
		}
	}
	return code
}

func systemctl(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		o.args = []string{"list-units"}
	}
	verb, names := o.args[0], o.args[1:]
	m := p.Machine
	switch verb {
	case "daemon-reload", "daemon-reexec", "reset-failed":
		return 0
	case "reboot", "poweroff", "halt":
		return power(p, verb == "reboot")
	case "is-system-running":
		p.Printf("running\n")
		return 0
	case "list-units", "list-unit-files":
		return listUnits(p, o, verb == "list-unit-files")
	case "start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "enable", "disable", "is-active", "is-enabled", "status", "show", "cat":
	default:
		if strings.Contains("mask unmask edit isolate kill set-property list-timers list-sockets get-default set-default preset", verb) {
			return p.Cannot("systemctl %s", verb)
		}
		p.Errorf("Unknown command verb %s.\n", verb)
		return 1
	}
	if len(names) == 0 {
		p.Errorf("Too few arguments.\n")
		return 1
	}
	changes := !slices.Contains([]string{"is-active", "is-enabled", "status", "show", "cat"}, verb)
	if changes && p.Cred.UID != 0 {
		p.Errorf("Failed to %s %s: Interactive authentication required.\nSee system logs and 'systemctl status %s' for details.\n", verb, unitName(names[0]), unitName(names[0]))
		return 1
	}
	code := 0
	for _, name := range names {
		u, ok := m.FindUnit(name)
		if !ok {
			code = unknownUnit(p, o, verb, unitName(name))
			continue
		}
		code = max(code, unitVerb(p, o, verb, u))
	}
	if verb == "is-active" && len(names) > 1 && code > 0 {
		code = 3
	}
	return code
}

func unitName(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return name + ".service"
}

func unknownUnit(p *sim.Proc, o *options, verb, name string) int {
	switch verb {
	case "is-active":
		if !o.has("q") {
			p.Printf("inactive\n")
		}
		return 3
	case "is-enabled":
		p.Errorf("Failed to get unit file state for %s: No such file or directory\n", name)
		return 1
	case "status":
		p.Errorf("Unit %s could not be found.\n", name)
		return 4
	case "enable", "disable":
		p.Errorf("Failed to %s unit: Unit file %s does not exist.\n", verb, name)
		return 1
	case "show":
		p.Printf("LoadState=not-found\nActiveState=inactive\n")
		return 0
	case "cat":
		p.Errorf("No files found for %s.\n", name)
		return 1
	}
	p.Errorf("Failed to %s %s: Unit %s not found.\n", verb, name, name)
	return 5
}

func unitVerb(p *sim.Proc, o *options, verb string, u sim.Unit) int {
	m := p.Machine
	start := func() int {
		if err := m.StartUnit(u.Name); err != nil {
			p.Errorf("Job for %s.service failed because the control process exited with error code.\nSee \"systemctl status %s.service\" and \"journalctl -xeu %s.service\" for details.\n", u.Name, u.Name, u.Name)
			return 1
		}
		return 0
	}
	switch verb {
	case "start":
		return start()
	case "stop":
		m.StopUnit(u.Name)
	case "restart", "reload-or-restart", "try-restart":
		if verb == "try-restart" && !u.Running {
			return 0
		}
		m.StopUnit(u.Name)
		return start()
	case "reload":
		switch {
		case !u.Running:
			p.Errorf("%s.service is not active, cannot reload.\n", u.Name)
			return 1
		case u.Name == "ssh":
			if err := m.StartSSHD(); err != nil {
				p.Errorf("Job for ssh.service failed.\n")
				return 1
			}
		}
	case "enable", "disable":
		if u.Enabled != (verb == "enable") {
			if err := m.EnableUnit(u.Name, verb == "enable"); err != nil {
				p.Errorf("Failed to %s unit: %s\n", verb, m.ErrText(err))
				return 1
			}
			link := "/etc/systemd/system/multi-user.target.wants/" + u.Name + ".service"
			if verb == "enable" {
				p.Errorf("Created symlink %s → %s.\n", link, sim.UnitFile(u.Name))
			} else {
				p.Errorf("Removed \"%s\".\n", link)
			}
		}
		if o.hasLong("now") && verb == "enable" {
			return start()
		} else if o.hasLong("now") {
			m.StopUnit(u.Name)
		}
	case "is-active":
		return tellState(p, o, map[bool]string{true: "active", false: "inactive"}[u.Running], u.Running, 3)
	case "is-enabled":
		return tellState(p, o, map[bool]string{true: "enabled", false: "disabled"}[u.Enabled], u.Enabled, 1)
	case "show":
		showUnit(p, o, u)
	case "cat":
		text, _ := p.FS().ReadFile(sim.UnitFile(u.Name))
		p.Printf("# %s\n%s", sim.UnitFile(u.Name), text)
	case "status":
		return unitStatus(p, u)
	}
	return 0
}

func tellState(p *sim.Proc, o *options, word string, yes bool, code int) int {
	if !o.has("q") {
		p.Printf("%s\n", word)
	}
	if yes {
		return 0
	}
	return code
}

func showUnit(p *sim.Proc, o *options, u sim.Unit) {
	active, sub := "inactive", "dead"
	if u.Running {
		active, sub = "active", "running"
	}
	values := map[string]string{
		"Id": u.Name + ".service", "Names": u.Name + ".service", "LoadState": "loaded", "ActiveState": active, "SubState": sub, "MainPID": strconv.Itoa(u.PID),
		"Description": u.Description, "FragmentPath": sim.UnitFile(u.Name), "UnitFileState": map[bool]string{true: "enabled", false: "disabled"}[u.Enabled],
	}
	names := slices.Sorted(maps.Keys(values))
	if list := o.all("p"); len(list) > 0 {
		names = strings.Split(strings.Join(list, ","), ",")
	}
	for _, name := range names {
		value, ok := values[name]
		switch {
		case !ok:
		case o.hasLong("value"):
			p.Printf("%s\n", value)
		default:
			p.Printf("%s=%s\n", name, value)
		}
	}
}

func unitStatus(p *sim.Proc, u sim.Unit) int {
	enabled := map[bool]string{true: "enabled", false: "disabled"}[u.Enabled]
	dot, active := "○", "inactive (dead)"
	if u.Running {
		dot, active = "●", "active (running)"
	}
	p.Printf("%s %s.service - %s\n     Loaded: loaded (%s; %s; preset: enabled)\n     Active: %s\n", dot, u.Name, u.Description, sim.UnitFile(u.Name), enabled, active)
	if !u.Running {
		return 3
	}
	p.Printf("   Main PID: %d (%s)\n", u.PID, u.Name)
	return 0
}

func listUnits(p *sim.Proc, o *options, files bool) int {
	if kind, ok := o.get("t"); ok && kind != "service" {
		return p.Cannot("systemctl --type=%s", kind)
	}
	for _, u := range p.Machine.Units() {
		switch {
		case files:
			p.Printf("%-40s %-15s %s\n", u.Name+".service", map[bool]string{true: "enabled", false: "disabled"}[u.Enabled], "enabled")
		case u.Running:
			p.Printf("  %-40s loaded active running %s\n", u.Name+".service", u.Description)
		case o.has("a"):
			p.Printf("  %-40s loaded inactive dead    %s\n", u.Name+".service", u.Description)
		}
	}
	return 0
}

func power(p *sim.Proc, again bool) int {
	if p.Cred.UID != 0 {
		p.Errorf("Call to Reboot failed: Interactive authentication required.\n")
		return 1
	}
	if again {
		p.Machine.Reboot()
	} else {
		p.Machine.Poweroff()
	}
	return 0
}

func gnuReboot(p *sim.Proc, _ *options) int { return power(p, progname(p) == "reboot") }

func gnuShutdown(p *sim.Proc, o *options) int {
	if o.has("c") {
		return 0
	}
	when := "+1"
	if len(o.args) > 0 {
		when = o.args[0]
	}
	if when != "now" && when != "+0" {
		return p.Cannot("shutdown %s", when)
	}
	return power(p, o.last("rhHP") == "r")
}

// dpkgQuery is dpkg-query(1), and what dpkg(1) has of it.
func dpkgQuery(p *sim.Proc, o *options) int {
	if o.hasLong("print-architecture") {
		p.Printf("amd64\n")
		return 0
	}
	installed := map[string]*state.Package{}
	withState(p, func(s *state.State) { installed = maps.Clone(s.Packages.Installed) })
	names := o.args
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(installed))
	}
	code := 0
	first := true
	for _, name := range names {
		name = strings.TrimSuffix(name, ":amd64")
		pkg := installed[name]
		if pkg == nil {
			switch o.last("WlsLS") {
			case "s":
				p.Errorf("dpkg-query: package '%s' is not installed and no information is available\nUse dpkg --info (= dpkg-deb --info) to examine archive files.\n", name)
			default:
				p.Errorf("dpkg-query: no packages found matching %s\n", name)
			}
			code = 1
			continue
		}
		switch o.last("WlsLS") {
		case "W":
			format, ok := o.get("f")
			if !ok {
				format = `${binary:Package}\t${Version}\n`
			}
			p.Printf("%s", dpkgFormat(format, pkg))
		case "s":
			p.Printf("%s", dpkgFormat(`Package: ${Package}\nStatus: ${Status}\nPriority: optional\nSection: ${Section}\nInstalled-Size: ${Installed-Size}\nMaintainer: ${Maintainer}\nArchitecture: ${Architecture}\nVersion: ${Version}\nDescription: ${binary:Summary}\n`, pkg))
		case "l":
			if first {
				p.Printf("Desired=Unknown/Install/Remove/Purge/Hold\n| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend\n|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)\n||/ Name           Version      Architecture Description\n+++-==============-============-============-=================================\n")
				first = false
			}
			p.Printf("ii  %-14s %-12s %-12s %s\n", pkg.Name, pkg.Version, "amd64", pkg.Comment)
		default:
			return p.Cannot("%s %s", progname(p), strings.Join(p.Args[1:], " "))
		}
	}
	return code
}

func dpkgFormat(format string, pkg *state.Package) string {
	section, _, _ := strings.Cut(pkg.Origin, "/")
	return gnuUnescape(strings.NewReplacer(
		"${Package}", pkg.Name, "${binary:Package}", pkg.Name, "${Version}", pkg.Version, "${Architecture}", "amd64", "${Status}", "install ok installed",
		"${db:Status-Status}", "installed", "${db:Status-Abbrev}", "ii ", "${Section}", section, "${Installed-Size}", strconv.FormatInt(pkg.Size/1024, 10),
		"${Maintainer}", "Debian Maintainers <maintainers@lists.debian.org>", "${binary:Summary}", pkg.Comment, "${source:Package}", pkg.Name,
	).Replace(format))
}

func aptGet(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return p.Cannot("%s without a command", progname(p))
	}
	return p.Cannot("%s %s: packages of a machine with Linux cannot be changed", progname(p), strings.Join(o.args, " "))
}
