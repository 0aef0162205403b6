package base

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var powerCommands = []command{
	{name: "shutdown", dir: "/sbin", flags: "chknopr", run: shutdown, timer: shutdownDue, usage: `
usage: shutdown [-] [-c | -h | -p | -r | -k] [-o [-n]] time [warning-message ...]
       poweroff`[1:]},
	{name: "poweroff", dir: "/sbin", flags: "", run: reboot, usage: "usage: poweroff"},
	{name: "reboot fastboot", dir: "/sbin", flags: "cDde:fk:lNno:pqr", run: reboot, usage: "usage: reboot [-cDdflNnpqr] [-e name=value] [-k kernel] [-o options]"},
	{name: "halt fasthalt", dir: "/sbin", flags: "cDde:fk:lNno:pqr", run: reboot, usage: "usage: halt [-DdflNnpq] [-e name=value] [-k kernel] [-o options]"},
	{name: "nextboot", dir: "/sbin", flags: "aDe:fk:o:", run: nextboot, usage: "usage: nextboot [-aDf] [-e name=value] [-k kernel] [-o options]"},
}

// shutdownTool is the name timers are kept under.
const shutdownTool = "shutdown"

func shutdown(p *sim.Proc, o *options) int {
	if p.Cred.UID != 0 && !mayShutDown(p) {
		return errx(p, "NOT super-user")
	}
	if p.Machine.JID() != 0 {
		return errx(p, "Operation not permitted")
	}
	args := o.args
	if len(args) > 0 && args[0] == "-" {
		args = args[1:]
	}
	if len(args) == 0 || o.has("n") && !o.has("o") {
		return o.wrong(p)
	}
	now := p.Now()
	when, ok := shutdownTime(args[0], now, zone(p))
	if !ok {
		return o.wrong(p)
	}
	if when.Before(now) {
		return errx(p, "that time is already past.")
	}
	how := o.last("chpr")
	if o.has("k") {
		how = "k"
	}
	if when.Equal(now) {
		p.Printf("Shutdown NOW!\n")
		// The warning goes out and init is told before anything ends.
		when = when.Add(time.Second)
	} else {
		p.Printf("Shutdown at %s.\n", strftime("%a %b %e %H:%M:%S %Y", when.In(zone(p))))
	}
	waiting := p.Machine.StartDaemon("/sbin/shutdown", p.Args, func() {})
	p.Machine.At(when, shutdownTool, how+" "+strconv.Itoa(waiting.PID))
	p.Printf("shutdown: [pid %d]\n", waiting.PID)
	return 0
}

// mayShutDown: the program is setuid root for the group operator.
func mayShutDown(p *sim.Proc) bool {
	id, ok := lookupGroup(p, "operator")
	for _, g := range caller(p).groups {
		if ok && g == id {
			return true
		}
	}
	return false
}

// shutdownTime reads now, +minutes, hh:mm or yymmddhhmm.
func shutdownTime(text string, now time.Time, loc *time.Location) (time.Time, bool) {
	if text == "now" {
		return now, true
	}
	if minutes, ok := strings.CutPrefix(text, "+"); ok {
		unit := time.Minute
		if s, cut := strings.CutSuffix(minutes, "s"); cut {
			minutes, unit = s, time.Second
		} else if h, cut := strings.CutSuffix(minutes, "h"); cut {
			minutes, unit = h, time.Hour
		} else {
			minutes = strings.TrimSuffix(strings.TrimSuffix(minutes, "min"), "m")
		}
		n, err := strconv.Atoi(minutes)
		return now.Add(time.Duration(n) * unit), err == nil && n >= 0
	}
	text = strings.Replace(text, ":", "", 1)
	if len(text) == 4 || len(text) == 6 || len(text) == 8 || len(text) == 10 {
		return operandTime(text, now.In(loc))
	}
	return now, false
}

// shutdownDue is what happens when the time has come, unless the process that
// waits for it was killed.
func shutdownDue(m *sim.Machine, payload string) {
	how, waiting, _ := strings.Cut(payload, " ")
	if pid, err := strconv.Atoi(waiting); err != nil || m.Process(pid) == nil {
		return
	}
	switch how {
	case "k": // only a warning
		pid, _ := strconv.Atoi(waiting)
		_ = m.Kill(vfs.Root, pid, syscall.SIGTERM)
	case "r", "c":
		m.Reboot()
	default:
		// Without -r and -p it goes to single-user mode, where nobody logs in.
		m.Poweroff()
	}
}

func reboot(p *sim.Proc, o *options) int {
	name := progname(p)
	if p.Cred.UID != 0 || p.Machine.JID() != 0 {
		return errx(p, "Operation not permitted")
	}
	if o.has("dDekoN") {
		return p.Cannot("%s -%s", name, o.last("dDekoN"))
	}
	if name == "reboot" || name == "fastboot" {
		if o.has("p") {
			p.Machine.Poweroff()
		} else {
			p.Machine.Reboot()
		}
		return 0
	}
	p.Machine.Poweroff()
	return 0
}

// nextboot writes what the loader reads once, nextboot(8).
func nextboot(p *sim.Proc, o *options) int {
	const file = "/boot/nextboot.conf"
	if o.has("D") {
		_ = p.FS().Remove(file)
		return 0
	}
	var b strings.Builder
	b.WriteString("nextboot_enable=\"YES\"\n")
	if kernel, ok := o.get("k"); ok {
		if !exists(p, "/boot/"+kernel+"/kernel") && !o.has("f") {
			return errx(p, "/boot/%s/kernel doesn't exist. Use -f to override.", kernel)
		}
		b.WriteString("kernel=\"" + kernel + "\"\n")
	}
	if flags, ok := o.get("o"); ok {
		b.WriteString("kernel_options=\"" + flags + "\"\n")
	}
	for _, pair := range o.all("e") {
		b.WriteString(pair + "\n")
	}
	if len(o.list) == 0 {
		return o.wrong(p)
	}
	if mountOf(p, "/boot").Type == "zfs" {
		p.Errorf("WARNING: loader(8) has only R/O support for ZFS\nnextboot.conf will NOT be reset in case of kernel boot failure\n")
	}
	if err := p.FS().WriteFile(file, []byte(b.String()), 0o644); err != nil {
		return fail(p, file, err)
	}
	return 0
}
