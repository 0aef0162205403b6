package base

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

var systemCommands = []command{
	{name: "uname", dir: "/usr/bin", flags: "abiKmnoprsUv", run: uname, usage: "usage: uname [-abiKmnoprsUv]"},
	{name: "freebsd-version", dir: "/bin", flags: "kruj:", run: freebsdVersion, usage: "usage: freebsd-version [-kru] [-j jail]"},
	{name: "hostname", dir: "/bin", flags: "dfs", run: hostnameCommand, usage: "usage: hostname [-f] [-s | -d] [name-of-host]"},
	{name: "nproc", dir: "/bin", flags: "", long: "all ignore: help version", run: nproc, usage: "usage: nproc [--all] [--ignore=count]"},
	{name: "uuidgen", dir: "/bin", flags: "1cn:o:r", run: uuidgen, usage: "usage: uuidgen [-1] [-r] [-c] [-n count] [-o filename]"},
	{name: "kenv", dir: "/bin", flags: "hlNpqsuv", run: kenv, usage: `
usage: kenv [-l|-s] [-hNq]
       kenv [-qv] variable[=value]
       kenv [-q] -u variable`[1:]},
	{name: "dmesg", dir: "/sbin", flags: "acM!N!", run: dmesg, usage: "usage: dmesg [-ac] [-M core [-N system]]"},
	{name: "logger", dir: "/usr/bin", flags: "46Af:H:h:iP:p:S:st:", run: logger, usage: "usage: logger [-46Ais] [-f file] [-h host] [-P port] [-p pri] [-t tag]\n              [-S addr:port] [message ...]"},
	{name: "swapinfo", dir: "/usr/sbin", flags: "ghkm", run: swapinfo, usage: "usage: swapinfo [-ghkm] [device ...]"},
	{name: "vmstat", dir: "/usr/bin", flags: "afhHiMmNnoPp!sw:c:z!", run: vmstat, usage: "usage: vmstat [-afHhimoPsz] [-M core [-N system]] [-c count] [-n devs]\n              [-p type,if,pass] [-w wait] [disks] [wait [count]]"},
	{name: "tty", dir: "/usr/bin", flags: "s", run: ttyCommand, code: 2, usage: "usage: tty [-s]"},
	{name: "stty", dir: "/bin", flags: raw, run: stty},
	{name: "limits", dir: "/usr/bin", flags: "aBbC!cdEefHklmnop!P!SstuU:vw", run: limits, live: true,
		usage: "usage: limits [-C class|-P pid|-U user] [-eaSHBE] [-bcdfklmnopstuvw [val]] [[name=val ...] cmd]"},
}

// withState runs fn on the machine's state.
func withState(p *sim.Proc, fn func(s *state.State)) {
	s := p.Machine.State()
	s.Lock()
	defer s.Unlock()
	fn(s)
}

func release(p *sim.Proc) (r state.Release) {
	withState(p, func(s *state.State) { r = s.Release })
	return r
}

// major is the number before the point of the release.
func major(p *sim.Proc) int {
	if linux(p) {
		return 99 // newer than anything that FreeBSD's commands have learnt
	}
	number, _, _ := strings.Cut(release(p).Version, ".")
	n, _ := strconv.Atoi(number)
	return n
}

func bootTime(p *sim.Proc) (t time.Time) {
	withState(p, func(s *state.State) { t = s.Boot.Time })
	return t
}

func hostname(p *sim.Proc) (name string) {
	withState(p, func(s *state.State) { name = s.Network.Hostname })
	return name
}

func uname(p *sim.Proc, o *options) int {
	r := release(p)
	userland, _ := sim.FindRelease(p.Machine.UserlandRelease(""))
	if userland.Major() < 10 && o.has("KUb") {
		p.Errorf("uname: illegal option -- %s\nusage: uname [-aimnoprsv]\n", o.last("KUb"))
		return 1
	}
	// UNAME_x in the environment overrides, see uname(1).
	value := func(letter, text string) string {
		if v := p.Getenv("UNAME_" + letter); v != "" {
			return v
		}
		return text
	}
	fields := []struct{ letter, text string }{
		{"s", value("s", r.OS)}, {"n", hostname(p)}, {"r", value("r", r.Uname())},
		{"v", value("v", r.Text())},
		{"m", value("m", machineName(r.Arch))}, {"p", value("p", r.Arch)}, {"i", value("i", r.Ident)},
		{"K", value("K", strconv.Itoa(r.OSRelDate))}, {"U", value("U", strconv.Itoa(userland.OSRelDate))}, {"b", "0"},
	}
	wanted := ""
	for _, opt := range o.list {
		switch opt.name {
		case "a":
			wanted += "snrvm"
		case "o":
			wanted += "s"
		default:
			wanted += opt.name
		}
	}
	if wanted == "" {
		wanted = "s"
	}
	var words []string
	for _, f := range fields {
		if strings.Contains(wanted, f.letter) {
			words = append(words, f.text)
		}
	}
	p.Printf("%s\n", strings.Join(words, " "))
	return 0
}

// machineName is hw.machine of a processor.
func machineName(arch string) string {
	if arch == "aarch64" {
		return "arm64"
	}
	return arch
}

func freebsdVersion(p *sim.Proc, o *options) int {
	if len(o.args) > 0 {
		return o.wrong(p)
	}
	m := p.Machine
	if name, ok := o.get("j"); ok {
		j, running := m.State().FindJail(name)
		if !running {
			return errx(p, "jail \"%s\" not found", name)
		}
		m = m.Jail(j.JID)
	}
	if o.has("k") {
		kernel := m.KernelRelease("")
		if kernel == "" {
			return errx(p, "unable to locate kernel")
		}
		p.Printf("%s\n", kernel)
	}
	if o.has("r") {
		p.Printf("%s\n", m.RunningRelease())
	}
	if o.has("u") || !o.has("kr") {
		p.Printf("%s\n", m.UserlandRelease(""))
	}
	return 0
}

func hostnameCommand(p *sim.Proc, o *options) int {
	if len(o.args) > 1 || len(o.args) == 1 && o.has("ds") {
		return o.wrong(p)
	}
	if len(o.args) == 1 {
		if p.Cred.UID != 0 {
			p.Errorf("hostname: sethostname: Operation not permitted\n")
			return 1
		}
		withState(p, func(s *state.State) {
			s.Network.Hostname = o.args[0]
			if v := s.Sysctls["kern.hostname"]; v != nil {
				v.Value = o.args[0]
			}
		})
		return 0
	}
	name := hostname(p)
	short, domain, _ := strings.Cut(name, ".")
	switch {
	case o.has("s"):
		name = short
	case o.has("d"):
		name = domain
	}
	p.Printf("%s\n", name)
	return 0
}

func cpus(p *sim.Proc) (n int) {
	withState(p, func(s *state.State) { n = s.Hardware.CPUs })
	return n
}

func nproc(p *sim.Proc, o *options) int {
	n := cpus(p)
	if text, ok := o.get("ignore"); ok {
		less, err := strconv.Atoi(text)
		if err != nil || less < 0 {
			return errx(p, "invalid ignore count: %s", text)
		}
		n = max(n-less, 1)
	}
	p.Printf("%d\n", n)
	return 0
}

func uuidgen(p *sim.Proc, o *options) int {
	count := 1
	if text, ok := o.get("n"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o.wrong(p)
		}
		count = n
	}
	var b strings.Builder
	for range count {
		u := [2]uint64{rand.Uint64(), rand.Uint64()}
		u[0] = u[0]&^0xf000 | 0x4000
		u[1] = u[1]&^(3<<62) | 2<<62
		text := fmt.Sprintf("%016x%016x", u[0], u[1])
		if !o.has("c") {
			text = text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
		}
		b.WriteString(text + "\n")
	}
	name, ok := o.get("o")
	if !ok {
		name = "/dev/stdout"
	}
	f, err := create(p, name, false)
	if err != nil {
		return fail(p, name, err)
	}
	_, err = io.WriteString(f, b.String())
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fail(p, name, err)
	}
	return 0
}

// kernelEnvironment is what the loader hands to the kernel.
func kernelEnvironment(p *sim.Proc) [][2]string {
	vars := [][2]string{{"kernelname", "/boot/kernel/kernel"}, {"loaddev", "disk0p2:"}, {"module_path", "/boot/kernel;/boot/modules;/boot/dtb;/boot/dtb/overlays"}}
	data, err := p.FS().ReadFile("/boot/loader.conf")
	if err != nil {
		return vars
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok {
			vars = append(vars, [2]string{name, strings.Trim(value, `"`)})
		}
	}
	return vars
}

func kenv(p *sim.Proc, o *options) int {
	vars := kernelEnvironment(p)
	if len(o.args) == 0 {
		for _, v := range vars {
			if o.has("N") {
				p.Printf("%s\n", v[0])
			} else {
				p.Printf("%s=\"%s\"\n", v[0], v[1])
			}
		}
		return 0
	}
	if o.has("u") || strings.Contains(o.args[0], "=") {
		return p.Cannot("change the kernel environment with kenv")
	}
	i := slices.IndexFunc(vars, func(v [2]string) bool { return v[0] == o.args[0] })
	if i < 0 {
		if !o.has("q") {
			warnx(p, "unable to get %s", o.args[0])
		}
		return 1
	}
	if o.has("v") {
		p.Printf("%s=\"%s\"\n", vars[i][0], vars[i][1])
	} else {
		p.Printf("%s\n", vars[i][1])
	}
	return 0
}

func dmesg(p *sim.Proc, _ *options) int {
	if data, err := p.FS().ReadFile("/var/run/dmesg.boot"); err == nil {
		p.Printf("%s", data)
		return 0
	}
	r := release(p)
	var memory int64
	var model string
	withState(p, func(s *state.State) { memory, model = s.Hardware.Memory, s.Hardware.Model })
	p.Printf("---<<BOOT>>---\nCopyright (c) 1992-%d The FreeBSD Project.\n%s %s\n", p.Now().Year(), r.Text(), r.Arch)
	p.Printf("CPU: %s\nreal memory  = %d (%d MB)\navail memory = %d (%d MB)\nFreeBSD/SMP: Multiprocessor System Detected: %d CPUs\n",
		model, memory, memory>>20, memory*97/100, memory*97/100>>20, cpus(p))
	return 0
}

// syslog appends a line to /var/log/messages, as syslogd does.
func syslog(p *sim.Proc, tag, message string) {
	host, _, _ := strings.Cut(hostname(p), ".")
	view := rootView(p)
	const file = "/var/log/messages"
	old, _ := view.ReadFile(file)
	line := fmt.Sprintf("%s %s %s: %s\n", strftime("%b %e %H:%M:%S", p.Now().In(zone(p))), host, tag, message)
	_ = view.WriteFile(file, append(old, line...), 0o644)
}

func logger(p *sim.Proc, o *options) int {
	if _, remote := o.get("h"); remote {
		return p.Cannot("logger -h")
	}
	tag, ok := o.get("t")
	if !ok {
		tag = loginName(p)
	}
	if o.has("i") {
		tag += "[" + strconv.Itoa(p.PID) + "]"
	}
	say := func(message string) {
		syslog(p, tag, message)
		if o.has("s") {
			p.Errorf("%s: %s\n", tag, message)
		}
	}
	if len(o.args) > 0 {
		say(strings.Join(o.args, " "))
		return 0
	}
	name, ok := o.get("f")
	if !ok {
		name = "-"
	}
	lines, err := readLines(p, name)
	if err != nil {
		return fail(p, name, err)
	}
	for _, l := range lines {
		say(l)
	}
	return 0
}

func swapinfo(p *sim.Proc, o *options) int {
	unit, header := int64(512), "512-blocks"
	switch {
	case o.has("k") || p.Getenv("BLOCKSIZE") == "K" && !o.has("gm"):
		unit, header = 1<<10, "1K-blocks"
	case o.has("m"):
		unit, header = 1<<20, "1M-blocks"
	case o.has("g"):
		unit, header = 1<<30, "1G-blocks"
	}
	p.Printf("%-15s %s %8s %8s Capacity\n", "Device", padLeft(header, 11), "Used", "Avail")
	for _, device := range swapping(p) {
		total := p.Machine.DeviceSize(device)
		if o.has("h") {
			p.Printf("%-15s %11d %8s %8s %5d%%\n", device, total/unit, "0B", humanSize(total, "B"), 0)
			continue
		}
		p.Printf("%-15s %11d %8d %8d %5d%%\n", device, total/unit, 0, total/unit, 0)
	}
	return 0
}

func vmstat(p *sim.Proc, o *options) int {
	if o.has("afiMmNnoPszwc") || len(o.args) > 0 {
		return p.Cannot("vmstat beyond its plain table")
	}
	var memory int64
	withState(p, func(s *state.State) { memory = s.Hardware.Memory })
	p.Printf("procs  memory      page                    disks     faults         cpu\n")
	p.Printf("r b w  avm   fre   flt  re  pi  po    fr   sr vt0 cd0   in   sy   cs us sy id\n")
	p.Printf("0 0 0 512M %5s    52   0   0   0    61   12   0   0   14  138  130  0  0 100\n", humanSize(memory*8/10, "B"))
	return 0
}

func ttyCommand(p *sim.Proc, o *options) int {
	if !p.TTY || p.Process() == nil || p.Process().TTY == "" {
		if !o.has("s") {
			p.Printf("not a tty\n")
		}
		return 1
	}
	if !o.has("s") {
		p.Printf("/dev/%s\n", p.Process().TTY)
	}
	return 0
}

func stty(p *sim.Proc, o *options) int {
	t := p.Terminal()
	if t == nil || !p.TTY {
		return errx(p, "stdin isn't a terminal")
	}
	for _, word := range o.args {
		switch word {
		case "echo", "-echo":
			t.SetEcho(word == "echo")
		case "raw", "-raw":
			t.SetRaw(word == "raw")
		case "sane", "cooked":
			t.SetRaw(false)
			t.SetEcho(true)
		case "size":
			p.Printf("24 80\n")
		case "-a", "-g", "-e":
		default:
			return p.Cannot("stty %s", word)
		}
	}
	if len(o.args) == 0 || o.args[0] == "-a" {
		p.Printf("speed 38400 baud; 24 rows; 80 columns;\n")
	}
	return 0
}

func limits(p *sim.Proc, o *options) int {
	if len(o.args) > 0 {
		return execute(p, sim.Command{Args: o.args})
	}
	p.Printf("Resource limits (current):\n")
	for _, row := range [][2]string{
		{"cputime", "infinity secs"}, {"filesize", "infinity kB"}, {"datasize", "33554432 kB"}, {"stacksize", "524288 kB"},
		{"coredumpsize", "infinity kB"}, {"memoryuse", "infinity kB"}, {"memorylocked", "infinity kB"}, {"maxprocesses", "34232"},
		{"openfiles", "117990"}, {"sbsize", "infinity bytes"}, {"vmemoryuse", "infinity kB"}, {"pseudo-terminals", "infinity"},
		{"swapuse", "infinity kB"}, {"kqueues", "infinity"}, {"umtxp", "infinity"},
	} {
		value, unit, _ := strings.Cut(row[1], " ")
		p.Printf("%s\n", strings.TrimRight(fmt.Sprintf("  %-16s %12s %s", row[0], value, unit), " "))
	}
	return 0
}
