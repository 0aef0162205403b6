package base

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
)

var signalCommands = []command{
	{name: "kill", dir: "/bin", flags: raw, run: kill},
	{name: "pwait", dir: "/bin", flags: "opt:v", run: pwait, live: true, code: 64, usage: "usage: pwait [-t timeout] [-opv] pid ..."},
	{name: "killall", dir: "/usr/bin", flags: raw, run: killall},
}

// signalNames in the order of FreeBSD's numbers, from 1 on. Numbers on the
// command line are FreeBSD's; the process table speaks the controller's.
var signalNames = []string{
	"HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "EMT", "FPE", "KILL", "BUS", "SEGV", "SYS", "PIPE", "ALRM", "TERM", "URG",
	"STOP", "TSTP", "CONT", "CHLD", "TTIN", "TTOU", "IO", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "INFO", "USR1", "USR2",
}

// hostSignals are those that the simulated processes know.
var hostSignals = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "ILL": syscall.SIGILL, "TRAP": syscall.SIGTRAP,
	"ABRT": syscall.SIGABRT, "FPE": syscall.SIGFPE, "KILL": syscall.SIGKILL, "BUS": syscall.SIGBUS, "SEGV": syscall.SIGSEGV,
	"SYS": syscall.SIGSYS, "PIPE": syscall.SIGPIPE, "ALRM": syscall.SIGALRM, "TERM": syscall.SIGTERM, "URG": syscall.SIGURG,
	"STOP": syscall.SIGSTOP, "TSTP": syscall.SIGTSTP, "CONT": syscall.SIGCONT, "CHLD": syscall.SIGCHLD, "TTIN": syscall.SIGTTIN,
	"TTOU": syscall.SIGTTOU, "IO": syscall.SIGIO, "XCPU": syscall.SIGXCPU, "XFSZ": syscall.SIGXFSZ, "VTALRM": syscall.SIGVTALRM,
	"PROF": syscall.SIGPROF, "WINCH": syscall.SIGWINCH, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
}

// signalNumber reads a name, with or without SIG, or FreeBSD's number.
func signalNumber(text string) (syscall.Signal, bool) {
	if text == "0" {
		return 0, true
	}
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > len(signalNames) {
			return 0, false
		}
		text = signalNames[n-1]
	}
	sig, ok := hostSignals[strings.TrimPrefix(strings.ToUpper(text), "SIG")]
	return sig, ok
}

// signalName is a signal's short name.
func signalName(sig syscall.Signal) string {
	for name, s := range hostSignals {
		if s == sig {
			return name
		}
	}
	return strconv.Itoa(int(sig))
}

const killUsage = `usage: kill [-s signal_name] pid ...
       kill -l [exit_status]
       kill -signal_name pid ...
       kill -signal_number pid ...
`

func kill(p *sim.Proc, o *options) int {
	args := o.args
	if len(args) == 0 {
		p.Errorf("%s", killUsage)
		return 2
	}
	sig := syscall.SIGTERM
	switch first := args[0]; {
	case first == "-l":
		return listSignals(p, args[1:])
	case first == "-s":
		if len(args) < 2 {
			p.Errorf("kill: option requires an argument -- s\n%s", killUsage)
			return 2
		}
		var ok bool
		if sig, ok = signalNumber(args[1]); !ok {
			return unknownSignal(p, args[1])
		}
		args = args[2:]
	case first == "--":
		args = args[1:]
	case len(first) > 1 && first[0] == '-':
		var ok bool
		if sig, ok = signalNumber(first[1:]); !ok {
			return unknownSignal(p, first[1:])
		}
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		p.Errorf("%s", killUsage)
		return 2
	}
	code := 0
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil {
			return exitWith(2, errx(p, "illegal process id: %s", a))
		}
		if err := p.Machine.Kill(p.Cred, pid, sig); err != nil {
			code = fail(p, a, err)
		}
	}
	return code
}

func unknownSignal(p *sim.Proc, name string) int {
	p.Errorf("kill: unknown signal %s; valid signals:\n", name)
	_ = listSignalsTo(p.Errorf)
	return 2
}

func listSignals(p *sim.Proc, args []string) int {
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if n > 128 {
			n -= 128
		}
		if err != nil || n < 1 || n > len(signalNames) {
			return errx(p, "illegal signal number: %s", args[0])
		}
		p.Printf("%s\n", signalNames[n-1])
		return 0
	}
	return listSignalsTo(p.Printf)
}

func listSignalsTo(print func(string, ...any)) int {
	lower := strings.ToLower(strings.Join(signalNames, " "))
	half := strings.Index(lower, " tstp") // kill(1) breaks the list in two
	print("%s\n%s\n", lower[:half], lower[half+1:])
	return 0
}

// pwait waits until processes have ended.
func pwait(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	limit := time.Duration(-1)
	if text, ok := o.get("t"); ok {
		if limit, ok = parseDuration(text); !ok {
			return exitWith(64, errx(p, "timeout value"))
		}
	}
	var left []int
	for _, a := range o.args {
		pid, err := strconv.Atoi(a)
		switch {
		case err != nil || pid < 1:
			warnx(p, "%s: bad process id", a)
		case p.Machine.Process(pid) == nil:
			warn(p, a, syscall.ESRCH)
		default:
			left = append(left, pid)
		}
	}
	start := p.Now()
	for len(left) > 0 {
		if limit >= 0 && p.Now().Sub(start) >= limit {
			if o.has("v") {
				p.Printf("timeout\n")
			}
			return 124
		}
		if p.Sleep(100*time.Millisecond) != nil {
			return 128 + int(syscall.SIGTERM)
		}
		before := len(left)
		left = slices.DeleteFunc(left, func(pid int) bool { return p.Machine.Process(pid) == nil })
		if o.has("o") && len(left) < before {
			return 0
		}
	}
	return 0
}

const killallUsage = `usage: killall [-delmsqvz] [-help] [-I] [-j jail] [-u user] [-t tty]
               [-c cmd] [-SIGNAL] [cmd]...
At least one option or argument to specify processes must be given.
`

func killall(p *sim.Proc, o *options) int {
	sig := syscall.SIGTERM
	list, verbose, quiet, byRegex, exactUser := false, false, false, false, ""
	args := o.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		switch arg {
		case "-s":
			list = true
		case "-v":
			verbose = true
		case "-q":
			quiet = true
		case "-m":
			byRegex = true
		case "-l":
			return listSignalsTo(p.Printf)
		case "-d", "-e", "-I", "-z":
		case "-u":
			if len(args) > 0 {
				exactUser, args = args[0], args[1:]
			}
		case "-j", "-t", "-c":
			return p.Cannot("killall %s", arg)
		default:
			var ok bool
			if sig, ok = signalNumber(arg[1:]); !ok {
				return errx(p, "unknown signal %s; valid signals:", arg[1:])
			}
		}
	}
	if len(args) == 0 && exactUser == "" {
		p.Errorf("%s", killallUsage)
		return 1
	}
	matched, code := 0, 0
	for _, q := range p.Machine.Processes() {
		if q.PID == p.PID || exactUser != "" && userName(p, q.Cred.UID) != exactUser {
			continue
		}
		hit := len(args) == 0
		for _, name := range args {
			if byRegex {
				re, err := compileRegexp(name, true, false)
				hit = hit || err == nil && re.MatchString(procName(q))
			} else {
				hit = hit || procName(q) == name
			}
		}
		if !hit || exactUser == "" && p.Cred.UID != 0 && q.Cred.UID != p.Cred.UID {
			continue
		}
		matched++
		if list || verbose {
			p.Printf("kill -%s %d\n", signalName(sig), q.PID)
		}
		if list {
			continue
		}
		if err := p.Machine.Kill(p.Cred, q.PID, sig); err != nil {
			warnx(p, "warning: kill -%s %d: %s", signalName(sig), q.PID, sim.ErrText(err))
			code = 1
		}
	}
	if matched == 0 {
		if !quiet {
			p.Printf("No matching processes %swere found\n", map[bool]string{true: "belonging to you "}[p.Cred.UID != 0])
		}
		return 1
	}
	return code
}

// pgrepCall is one call of pgrep(1) or pkill(1).
type pgrepCall struct {
	p      *sim.Proc
	kills  bool
	flags  map[byte]bool
	values map[byte]string
	sig    syscall.Signal
}

const (
	pgrepUsage = "usage: pgrep [-LSfilnoqvx] [-F pidfile] [-G gid] [-M core] [-N system]\n" +
		"             [-P ppid] [-U uid] [-c class] [-d delim] [-g pgrp]\n             [-j jail] [-s sid] [-t tty] [-u euid] pattern ...\n"
	pkillUsage = "usage: pkill [-signal] [-ILfilnovx] [-F pidfile] [-G gid]\n             [-M core] [-N system] [-P ppid] [-U uid] [-c class] [-g pgrp]\n" +
		"             [-j jail] [-s sid] [-t tty] [-u euid] pattern ...\n"
)

func pgrep(p *sim.Proc, o *options) int {
	c := &pgrepCall{p: p, kills: progname(p) == "pkill", flags: map[byte]bool{}, values: map[byte]string{}, sig: syscall.SIGTERM}
	args := o.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		cluster := args[0][1:]
		args = args[1:]
		if cluster == "-" {
			break
		}
		if sig, ok := signalNumber(cluster); ok && c.kills {
			c.sig = sig
			continue
		}
		for cluster != "" {
			letter := cluster[0]
			cluster = cluster[1:]
			switch {
			case strings.IndexByte("SfilnoqvxLIa", letter) >= 0:
				c.flags[letter] = true
			case strings.IndexByte("FGPUdgstu", letter) >= 0:
				value := cluster
				if cluster = ""; value == "" {
					if len(args) == 0 {
						return c.usage()
					}
					value, args = args[0], args[1:]
				}
				c.values[letter] = value
			case strings.IndexByte("MNcj", letter) >= 0:
				return p.Cannot("%s -%c", progname(p), letter)
			default:
				warnx(p, "illegal option -- %c", letter)
				return c.usage()
			}
		}
	}
	if len(args) == 0 && len(c.values) == 0 {
		return c.usage()
	}
	return c.run(args)
}

func (c *pgrepCall) usage() int {
	text := pgrepUsage
	if c.kills {
		text = pkillUsage
	}
	c.p.Errorf("%s", text)
	return 2
}

func (c *pgrepCall) run(patterns []string) int {
	var expressions []*regex
	for _, pattern := range patterns {
		re, err := compileRegexp(pattern, true, c.flags['i'])
		if err != nil {
			return exitWith(2, errx(c.p, "Cannot compile regular expression `%s' (%s)", pattern, err.Error()))
		}
		expressions = append(expressions, re)
	}
	if name, ok := c.values['F']; ok {
		data, err := c.p.FS().ReadFile(name)
		if err != nil {
			return exitWith(3, errx(c.p, "Cannot open pidfile `%s': %s", name, sim.ErrText(err)))
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			return exitWith(3, errx(c.p, "Invalid pid in pidfile `%s'", name))
		}
		c.values['F'] = strconv.Itoa(pid)
	}
	ancestors := c.ancestors()
	var hits []*sim.Process
	for _, q := range c.p.Machine.Processes() {
		if slices.Contains(ancestors, q.PID) || q.PID == c.p.PID || q.PID < 1 {
			continue
		}
		if c.matches(q, expressions) != c.flags['v'] {
			hits = append(hits, q)
		}
	}
	if len(hits) > 0 && (c.flags['n'] || c.flags['o']) {
		slices.SortStableFunc(hits, func(a, b *sim.Process) int { return a.Started.Compare(b.Started) })
		pick := hits[0]
		if c.flags['n'] {
			pick = hits[len(hits)-1]
		}
		hits = []*sim.Process{pick}
	}
	if len(hits) == 0 {
		return 1
	}
	return c.act(hits)
}

// ancestors are left out unless -a is given, so that a shell whose command line
// holds the pattern is not found.
func (c *pgrepCall) ancestors() []int {
	var pids []int
	if c.flags['a'] {
		return nil
	}
	for q := c.p.Process(); q != nil && q.PPID > 1; {
		pids = append(pids, q.PPID)
		q = c.p.Machine.Process(q.PPID)
	}
	return pids
}

func (c *pgrepCall) matches(q *sim.Process, expressions []*regex) bool {
	inList := func(letter byte, has func(word string) bool) bool {
		list, given := c.values[letter]
		return !given || slices.ContainsFunc(strings.Split(list, ","), has)
	}
	isNumber := func(n int) func(string) bool {
		return func(word string) bool { v, err := strconv.Atoi(word); return err == nil && v == n }
	}
	isUser := func(word string) bool { id, ok := lookupUser(c.p, word); return ok && id == q.Cred.UID }
	if !inList('F', isNumber(q.PID)) || !inList('P', isNumber(q.PPID)) || !inList('g', isNumber(q.Group)) || !inList('s', isNumber(q.SessionID)) ||
		!inList('u', isUser) || !inList('U', isUser) ||
		!inList('G', func(word string) bool { id, ok := lookupGroup(c.p, word); return ok && id == q.Cred.GID }) ||
		!inList('t', func(word string) bool {
			return word == "-" && q.TTY == "" || q.TTY != "" && (q.TTY == word || path.Base(q.TTY) == word)
		}) {
		return false
	}
	if len(expressions) == 0 {
		return true
	}
	text := procName(q)
	if c.flags['f'] && len(q.Args) > 0 {
		text = strings.Join(q.Args, " ")
	}
	return slices.ContainsFunc(expressions, func(re *regex) bool {
		if c.flags['x'] {
			return re.whole(text)
		}
		return re.MatchString(text)
	})
}

func (c *pgrepCall) act(hits []*sim.Process) int {
	code := 0
	delimiter, ok := c.values['d']
	if !ok {
		delimiter = "\n"
	}
	var out []string
	for _, q := range hits {
		text := strconv.Itoa(q.PID)
		if c.flags['l'] {
			text += " " + procName(q)
			if c.flags['f'] && len(q.Args) > 0 {
				text = strconv.Itoa(q.PID) + " " + strings.Join(q.Args, " ")
			}
		}
		if !c.kills {
			out = append(out, text)
			continue
		}
		if c.flags['l'] {
			c.p.Printf("kill -%s %d\n", signalName(c.sig), q.PID)
		}
		if err := c.p.Machine.Kill(c.p.Cred, q.PID, c.sig); err != nil {
			warnx(c.p, "signalling pid %d: %s", q.PID, sim.ErrText(err))
			code = 1
		}
	}
	if !c.kills && !c.flags['q'] {
		c.p.Printf("%s\n", strings.Join(out, delimiter))
	}
	return code
}
