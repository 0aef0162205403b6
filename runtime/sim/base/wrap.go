package base

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
)

var wrapCommands = []command{
	{name: "env", dir: "/usr/bin", flags: "0iL:P:S:U:u:v", run: env, live: true, usage: `
usage: env [-0iv] [-L|-U user[/class]] [-u name] [name=value ...]
       env [-iv] [-L|-U user[/class]] [-P utilpath] [-S string] [-u name]
           [name=value ...] utility [argument ...]`[1:]},
	{name: "printenv", dir: "/usr/bin", flags: "", run: printenv, usage: "usage: printenv [name]"},
	{name: "nice", dir: "/usr/bin", flags: "n:", run: nice, live: true, usage: "usage: nice [-n incr] utility [argument ...]"},
	{name: "nohup", dir: "/usr/bin", flags: "", run: nohup, live: true, code: 127, usage: "usage: nohup [--] utility [arguments]"},
	{name: "timeout", dir: "/bin", also: "/usr/bin", flags: "+fk:ps:v", long: "preserve-status=p foreground=f kill-after:=k signal:=s verbose=v", run: timeout, live: true, code: 125,
		usage: "Usage: timeout [-f | --foreground] [-k time | --kill-after time] [-p | --preserve-status] [-s signal | --signal signal]  [-v | --verbose] <duration> <command> [arg ...]"},
	{name: "time", dir: "/usr/bin", flags: "ahlo:p", run: timeCommand, live: true, usage: "usage: time [-al] [-h | -p] [-o file] utility [argument ...]"},
	{name: "xargs", dir: "/usr/bin", flags: "0E:I:J:L:n:oP:pR:rS:s:tx", run: xargs, live: true, usage: `
usage: xargs [-0opt] [-E eofstr] [-I replstr [-R replacements] [-S replsize]]
             [-J replstr] [-L number] [-n number [-x]] [-P maxprocs]
             [-s size] [utility [argument ...]]`[1:]},
	{name: "daemon", dir: "/usr/sbin", flags: "+cfHm:o:P:p:rR:Ss:T:l:t:u:C:", run: daemon, live: true,
		long: "change-dir=c close-fds=f sighup=H syslog=S output-file:=o output-mask:=m child-pidfile:=p supervisor-pidfile:=P restart=r " +
			"restart-delay:=R title:=t user:=u syslog-priority:=s syslog-facility:=l syslog-tag:=T restart-count:=C",
		usage: "usage: daemon [-cfHrS] [-p child_pidfile] [-P supervisor_pidfile]\n" +
			"              [-u user] [-o output_file] [-t title]\n" +
			"              [-l syslog_facility] [-s syslog_priority]\n" +
			"              [-T syslog_tag] [-m output_mask] [-R restart_delay_secs]\n" +
			"              [-C restart_count]\n" +
			"command arguments ..."},
}

// lookPath finds a program for this process.
func lookPath(p *sim.Proc, name string) (string, error) {
	return p.Machine.LookPath(p.FS(), p.Env, name)
}

// execute runs a program in place of the calling one; when it cannot start, the
// message and the codes are those of env(1), nice(1) and their like.
func execute(p *sim.Proc, c sim.Command) int {
	code, err := p.Exec(c)
	if err == nil {
		return code
	}
	warn(p, c.Args[0], err)
	if notExist(err) {
		return 127
	}
	return 126
}

func env(p *sim.Proc, o *options) int {
	if _, ok := o.get("U"); ok || o.has("L") {
		return p.Cannot("env -L and -U")
	}
	vars := slices.Clone(p.Env)
	args := o.args
	// A dash alone is the historic -i.
	if len(args) > 0 && args[0] == "-" {
		args = args[1:]
		vars = []string{}
	}
	for _, opt := range o.list {
		switch opt.name {
		case "i":
			vars = []string{}
		case "u":
			vars = unset(vars, opt.arg)
		case "S":
			words, err := splitWords(opt.arg)
			if err != nil {
				return errx(p, "%s", err.Error())
			}
			args = append(words, args...)
		}
	}
	for len(args) > 0 && strings.Contains(args[0], "=") {
		name, _, _ := strings.Cut(args[0], "=")
		vars = append(unset(vars, name), args[0])
		args = args[1:]
	}
	if len(args) == 0 {
		end := "\n"
		if o.has("0") {
			end = "\x00"
		}
		for _, v := range vars {
			p.Printf("%s%s", v, end)
		}
		return 0
	}
	c := sim.Command{Args: args, Env: vars}
	if dirs, ok := o.get("P"); ok {
		found, err := p.Machine.LookPath(p.FS(), []string{"PATH=" + dirs}, args[0])
		if err != nil {
			return exitWith(127, fail(p, args[0], err))
		}
		c.Path = found
	}
	return execute(p, c)
}

func unset(vars []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(vars), func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

// splitWords is env -S: blanks separate, quotes and backslashes protect.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			in = true
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("No terminating quote for string: %s", s)
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

func printenv(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		for _, v := range p.Env {
			p.Printf("%s\n", v)
		}
		return 0
	}
	for _, v := range p.Env {
		if name, value, _ := strings.Cut(v, "="); name == o.args[0] {
			p.Printf("%s\n", value)
			return 0
		}
	}
	return 1
}

func nice(p *sim.Proc, o *options) int {
	args := o.args
	if text, ok := o.get("n"); ok {
		if _, err := strconv.Atoi(text); err != nil {
			return errx(p, "%s: invalid nice value", text)
		}
	}
	if len(args) == 0 {
		return o.wrong(p)
	}
	return execute(p, sim.Command{Args: args})
}

func nohup(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	c := sim.Command{Args: o.args, Ignore: []syscall.Signal{syscall.SIGHUP}}
	if p.TTY {
		name := "nohup.out"
		f, err := p.FS().OpenFile(name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_APPEND, 0o600)
		if err != nil {
			name = p.Getenv("HOME") + "/nohup.out"
			if f, err = p.FS().OpenFile(name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_APPEND, 0o600); err != nil {
				return exitWith(127, errx(p, "can't open a nohup.out file"))
			}
		}
		defer func() { _ = f.Close() }()
		p.Errorf("appending output to %s\n", name)
		c.Stdout, c.Stderr = f, f
	}
	return execute(p, c)
}

// parseDuration is timeout's number with s, m, h or d.
func parseDuration(text string) (time.Duration, bool) {
	unit := time.Second
	if text != "" {
		if u, ok := ageUnits[text[len(text)-1:]]; ok && text[len(text)-1] != 'w' {
			unit, text = u, text[:len(text)-1]
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	return time.Duration(n * float64(unit)), true
}

func timeout(p *sim.Proc, o *options) int {
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	limit, ok := parseDuration(o.args[0])
	if !ok {
		return exitWith(125, errx(p, "duration is not a number"))
	}
	sig := syscall.SIGTERM
	if name, given := o.get("s"); given {
		if sig, ok = signalNumber(name); !ok {
			return exitWith(125, errx(p, "invalid signal"))
		}
	}
	grace := time.Duration(0)
	if text, given := o.get("k"); given {
		if grace, ok = parseDuration(text); !ok {
			return exitWith(125, errx(p, "duration is not a number"))
		}
	}
	child, err := p.Start(sim.Command{Args: o.args[1:]})
	if err != nil {
		warn(p, "exec("+o.args[1]+")", err)
		if notExist(err) {
			return 127
		}
		return 126
	}
	return watch(p, o, child, limit, grace, sig)
}

// watch ends a child that takes too long.
func watch(p *sim.Proc, o *options, child *sim.Process, limit, grace time.Duration, sig syscall.Signal) int {
	ctx, cancel := context.WithCancel(p.Context)
	done := make(chan struct{})
	timedOut := false
	send := func(sig syscall.Signal) {
		if o.has("v") {
			warnx(p, "sending signal %s(%d) to command '%s'", signalName(sig), int(sig), o.args[1])
		}
		_ = p.Machine.Kill(p.Cred, child.PID, sig)
	}
	p.Go(func() {
		defer close(done)
		if limit == 0 || p.Machine.Sleep(ctx, limit) != nil {
			return
		}
		timedOut = true
		send(sig)
		if grace > 0 && p.Machine.Sleep(ctx, grace) == nil {
			send(syscall.SIGKILL)
		}
	})
	code, err := child.Wait(p.Context)
	if err != nil {
		// What ends timeout ends the command too.
		_ = p.Machine.Kill(p.Cred, child.PID, sig)
	}
	cancel()
	p.Block(func() { <-done })
	switch {
	case err != nil:
		return 128 + int(syscall.SIGTERM)
	case timedOut && !o.has("p"):
		return 124
	}
	return code
}

func timeCommand(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	if o.has("l") {
		return p.Cannot("time -l")
	}
	start := p.Now()
	code := p.Run(o.args...)
	took := p.Now().Sub(start).Seconds()
	var report string
	if o.has("p") {
		report = fmt.Sprintf("real %.2f\nuser 0.00\nsys 0.00\n", took)
	} else {
		report = fmt.Sprintf("%9.2f real %9.2f user %9.2f sys\n", took, 0.0, 0.0)
	}
	if name, ok := o.get("o"); ok {
		flag := syscall.O_WRONLY | syscall.O_CREAT | syscall.O_TRUNC
		if o.has("a") {
			flag = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_APPEND
		}
		f, err := p.FS().OpenFile(name, flag, 0o666)
		if err != nil {
			return fail(p, name, err)
		}
		_, _ = io.WriteString(f, report)
		_ = f.Close()
		return code
	}
	p.Errorf("%s", report)
	return code
}

// feeder is one call of xargs(1).
type feeder struct {
	p       *sim.Proc
	o       *options
	utility []string
	replace string // -I
	insert  string // -J
	perRun  int    // -n
	perLine int    // -L
	code    int
}

func xargs(p *sim.Proc, o *options) int {
	f := &feeder{p: p, o: o, utility: o.args}
	if len(f.utility) == 0 {
		f.utility = []string{"echo"}
	}
	f.replace, _ = o.get("I")
	f.insert, _ = o.get("J")
	for name, to := range map[string]*int{"n": &f.perRun, "L": &f.perLine} {
		if text, ok := o.get(name); ok {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return errx(p, "-%s %s: invalid", name, text)
			}
			*to = n
		}
	}
	data, err := io.ReadAll(p.Stdin)
	if err != nil {
		return fail(p, "stdin", err)
	}
	items, err := f.items(string(data))
	if err != nil {
		return errx(p, "%s", err.Error())
	}
	f.all(items)
	return f.code
}

// items splits the input: words (a line of several with -L, or a whole line
// with -I) or what stands between NULs.
func (f *feeder) items(text string) ([][]string, error) {
	if f.o.has("0") {
		var list [][]string
		for part := range strings.SplitSeq(strings.TrimSuffix(text, "\x00"), "\x00") {
			if text != "" {
				list = append(list, []string{part})
			}
		}
		return list, nil
	}
	end, hasEnd := f.o.get("E")
	var list [][]string
	var line []string
	var word strings.Builder
	in, stop := false, false
	flushWord := func() {
		if in && !stop {
			if hasEnd && end != "" && word.String() == end {
				stop = true
			} else {
				line = append(line, word.String())
			}
		}
		word.Reset()
		in = false
	}
	flushLine := func() {
		flushWord()
		if len(line) > 0 {
			list = append(list, line)
		}
		line = nil
	}
	quote := byte(0)
	for i := 0; i < len(text) && !stop; i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\n':
			return nil, errors.New("unterminated quote")
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, in = c, true
		case c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			in = true
		case c == '\n':
			blank := i > 0 && isBlank(text[i-1])
			if f.perLine > 0 && blank {
				flushWord() // a trailing blank joins the next line
				continue
			}
			flushLine()
		case isBlank(c) && (f.replace == "" || !in):
			flushWord()
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, errors.New("unterminated quote")
	}
	flushLine()
	return list, nil
}

// all runs the utility over the items.
func (f *feeder) all(lines [][]string) {
	switch {
	case f.replace != "":
		for _, line := range lines {
			if !f.run(f.substituted(strings.Join(line, " "))) {
				return
			}
		}
		return
	case f.perLine > 0:
		for chunk := range slices.Chunk(lines, f.perLine) {
			if !f.run(f.command(slices.Concat(chunk...))) {
				return
			}
		}
		return
	}
	words := slices.Concat(lines...)
	if len(words) == 0 {
		// FreeBSD's xargs does not run the utility without input.
		return
	}
	per := f.perRun
	if per == 0 {
		per = 5000
	}
	for chunk := range slices.Chunk(words, per) {
		if !f.run(f.command(chunk)) {
			return
		}
	}
}

func (f *feeder) substituted(item string) []string {
	// -R says in how many arguments the string is replaced: five by default.
	left := 5
	if text, ok := f.o.get("R"); ok {
		left, _ = strconv.Atoi(text)
	}
	argv := []string{f.utility[0]}
	for _, arg := range f.utility[1:] {
		if strings.Contains(arg, f.replace) && left != 0 {
			arg = strings.ReplaceAll(arg, f.replace, item)
			left--
		}
		argv = append(argv, arg)
	}
	return argv
}

func (f *feeder) command(words []string) []string {
	if f.insert == "" {
		return append(slices.Clone(f.utility), words...)
	}
	i := slices.Index(f.utility, f.insert)
	if i < 0 {
		return append(slices.Clone(f.utility), words...)
	}
	return slices.Concat(f.utility[:i], words, f.utility[i+1:])
}

// run runs the utility once; false ends it all.
func (f *feeder) run(argv []string) bool {
	if f.o.has("t") {
		f.p.Errorf("%s\n", strings.Join(argv, " "))
	}
	if f.o.has("p") && !answer(f.p, "%s?...", strings.Join(argv, " ")) {
		return true
	}
	c := sim.Command{Args: argv, Stdin: bytes.NewReader(nil)}
	child, err := f.p.Start(c)
	if err != nil {
		warn(f.p, argv[0], err)
		f.code = 126
		if notExist(err) {
			f.code = 127
		}
		return false
	}
	code, err := child.Wait(f.p.Context)
	switch {
	case err != nil:
		f.code = 128 + int(syscall.SIGTERM)
		return false
	case code == 255:
		warnx(f.p, "%s: exited with status 255", argv[0])
		f.code = 1
		return false
	case child.Signal() != 0:
		warnx(f.p, "%s: terminated with signal %d; aborting", argv[0], int(child.Signal()))
		f.code = 1
		return false
	case code != 0:
		f.code = 1
	}
	return f.p.Context.Err() == nil
}
