package base

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
)

var processCommands = []command{
	{name: "ps", dir: "/bin", flags: raw, run: ps, usage: psUsage},
	{name: "pgrep pkill", dir: "/bin", flags: raw, run: pgrep},
}

const psUsage = `usage: ps [--libxo] [-aCcdeHhjlmrSTuvwXxZ] [-O fmt | -o fmt]
          [-G gid[,gid...]] [-J jid[,jid...]] [-M core] [-N system]
          [-p pid[,pid...]] [-t tty[,tty...]] [-U user[,user...]]
       ps [-L]
`

// column is a keyword of ps -o.
type psColumn struct {
	header string
	left   bool
	value  func(p *sim.Proc, q *sim.Process) string
}

// procName is the accounting name of a process.
func procName(q *sim.Process) string {
	name := path.Base(q.Path)
	if q.Path == "" && len(q.Args) > 0 {
		name = path.Base(q.Args[0])
	}
	return name[:min(len(name), 19)]
}

// commandLine is what ps shows: the arguments, and the name where argv[0] is
// another.
func commandLine(q *sim.Process) string {
	if len(q.Args) == 0 {
		return "[" + procName(q) + "]"
	}
	line := strings.Join(q.Args, " ")
	if path.Base(q.Args[0]) != procName(q) {
		line += " (" + procName(q) + ")"
	}
	return line
}

func ttyName(q *sim.Process) string {
	if q.TTY == "" {
		return "- "
	}
	name := strings.TrimPrefix(strings.TrimPrefix(q.TTY, "pts/"), "tty")
	return name + " "
}

// psState adds the letters of ps(1) for a session leader and the foreground.
func psState(_ *sim.Proc, q *sim.Process) string {
	state := q.State()
	if q.SessionID == q.PID {
		state += "s"
	}
	if q.TTY != "" {
		state += "+"
	}
	if q.JID != 0 {
		state += "J"
	}
	return state
}

// jailName is the name of the jail that a process runs in.
func jailName(p *sim.Proc, q *sim.Process) string {
	if j, ok := p.Machine.State().FindJail(strconv.Itoa(q.JID)); ok {
		return j.Name
	}
	return "-"
}

func elapsed(d time.Duration) string {
	s := int(d.Seconds())
	text := fmt.Sprintf("%02d:%02d", s/60%60, s%60)
	if s >= 3600 {
		text = fmt.Sprintf("%02d:%s", s/3600%24, text)
	}
	if s >= 86400 {
		text = fmt.Sprintf("%d-%s", s/86400, text)
	}
	return text
}

func started(p *sim.Proc, q *sim.Process) string {
	t := q.Started.In(zone(p))
	switch age := p.Now().Sub(q.Started); {
	case age < 24*time.Hour:
		return strftime("%H:%M", t)
	case age < 7*24*time.Hour:
		return strftime("%a%H", t)
	}
	return strftime("%d%b%y", t)
}

var psColumns map[string]psColumn

func init() {
	number := func(of func(q *sim.Process) int) func(*sim.Proc, *sim.Process) string {
		return func(_ *sim.Proc, q *sim.Process) string { return strconv.Itoa(of(q)) }
	}
	fixed := func(s string) func(*sim.Proc, *sim.Process) string {
		return func(*sim.Proc, *sim.Process) string { return s }
	}
	user := func(p *sim.Proc, q *sim.Process) string { return userName(p, q.Cred.UID) }
	group := func(p *sim.Proc, q *sim.Process) string { return groupName(p, q.Cred.GID) }
	uid := number(func(q *sim.Process) int { return q.Cred.UID })
	gid := number(func(q *sim.Process) int { return q.Cred.GID })
	name := func(_ *sim.Proc, q *sim.Process) string { return procName(q) }
	line := func(_ *sim.Proc, q *sim.Process) string { return commandLine(q) }
	tty := func(_ *sim.Proc, q *sim.Process) string { return padLeft(ttyName(q), 3) }
	psColumns = map[string]psColumn{
		"pid": {"PID", false, number(func(q *sim.Process) int { return q.PID })}, "ppid": {"PPID", false, number(func(q *sim.Process) int { return q.PPID })},
		"pgid": {"PGID", false, number(func(q *sim.Process) int { return q.Group })}, "sid": {"SID", false, number(func(q *sim.Process) int { return q.SessionID })},
		"tsid": {"TSID", false, number(func(q *sim.Process) int { return q.SessionID })}, "tpgid": {"TPGID", false, number(func(q *sim.Process) int { return q.Group })},
		"user": {"USER", true, user}, "ruser": {"RUSER", true, user}, "login": {"LOGIN", true, user}, "group": {"GROUP", true, group}, "rgroup": {"RGROUP", true, group},
		"uid": {"UID", false, uid}, "ruid": {"RUID", false, uid}, "svuid": {"SVUID", false, uid}, "gid": {"GID", false, gid}, "rgid": {"RGID", false, gid}, "svgid": {"SVGID", false, gid},
		"comm": {"COMMAND", true, name}, "ucomm": {"UCOMM", true, name}, "command": {"COMMAND", true, line}, "args": {"COMMAND", true, line},
		"state": {"STAT", true, psState}, "stat": {"STAT", true, psState},
		"tt": {"TT ", true, tty}, "tty": {"TTY", true, func(_ *sim.Proc, q *sim.Process) string {
			if q.TTY == "" {
				return "-"
			}
			return q.TTY
		}},
		"time": {"TIME", false, fixed("0:00.00")}, "cputime": {"TIME", false, fixed("0:00.00")},
		"etime":  {"ELAPSED", false, func(p *sim.Proc, q *sim.Process) string { return elapsed(p.Now().Sub(q.Started)) }},
		"etimes": {"ELAPSED", false, func(p *sim.Proc, q *sim.Process) string { return strconv.Itoa(int(p.Now().Sub(q.Started).Seconds())) }},
		"start":  {"STARTED", true, started},
		"lstart": {"STARTED", true, func(p *sim.Proc, q *sim.Process) string { return strftime("%c", q.Started.In(zone(p))) }},
		"%cpu":   {"%CPU", false, fixed("0.0")}, "%mem": {"%MEM", false, fixed("0.0")}, "vsz": {"VSZ", false, fixed("13932")}, "rss": {"RSS", false, fixed("3512")},
		"cpu": {"CPU", false, fixed("0")}, "pri": {"PRI", false, fixed("20")}, "nice": {"NI", false, fixed("0")}, "flags": {"F", false, fixed("10004002")}, "jobc": {"JOBC", false, fixed("0")},
		"mwchan": {"MWCHAN", true, fixed("select")}, "wchan": {"WCHAN", true, fixed("select")},
		"jid": {"JID", false, number(func(q *sim.Process) int { return q.JID })}, "jail": {"JAIL", true, jailName}, "lwp": {"LWP", false, number(func(q *sim.Process) int { return 100000 + q.PID })},
		"nlwp": {"NLWP", false, fixed("1")}, "class": {"CLASS", true, fixed("daemon")}, "emul": {"EMUL", true, fixed("FreeBSD ELF64")},
	}
	for alias, of := range map[string]string{"pcpu": "%cpu", "pmem": "%mem", "vsize": "vsz", "sess": "sid", "ni": "nice", "f": "flags", "lim": "rss", "rssize": "rss", "usertime": "time", "systime": "time", "ktrace": "flags"} {
		psColumns[alias] = psColumns[of]
	}
}

// psCall is one call of ps(1).
type psCall struct {
	p      *sim.Proc
	format []psField
	extra  []psField // -O
	all    bool      // -a
	noTTY  bool      // -x
	pids   []string
	users  []string
	ttys   []string
	groups []string
	jails  bool
	short  bool // -c
	wide   int
}

type psField struct {
	psColumn
	header string
}

var psFormats = map[byte]string{
	'j': "user,pid,ppid,pgid,sid,jobc,state,tt,time,command", 'l': "uid,pid,ppid,cpu,pri,nice,vsz,rss,mwchan,state,tt,time,command",
	'u': "user,pid,%cpu,%mem,vsz,rss,tt,state,start,time,command", 'v': "pid,state,time,vsz,rss,%cpu,%mem,command",
}

func ps(p *sim.Proc, o *options) int {
	c := &psCall{p: p}
	args := o.args
	// "ps aux" needs no dash.
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		if _, err := strconv.Atoi(args[0]); err != nil {
			args = append([]string{"-" + args[0]}, args[1:]...)
		}
	}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		cluster := args[0][1:]
		args = args[1:]
		if cluster == "-" {
			break
		}
		if strings.HasPrefix(cluster, "-libxo") {
			return p.Cannot("ps --libxo")
		}
		var code int
		if args, code = c.letters(cluster, args); code != 0 {
			return code
		}
	}
	for _, a := range args {
		c.pids = append(c.pids, strings.Split(a, ",")...)
	}
	if len(c.format) == 0 {
		c.format = c.fields("pid,tt,state,time,command")
		if len(c.extra) > 0 {
			c.format = slices.Concat(c.fields("pid"), c.extra, c.fields("tt,state,time,command"))
		}
	}
	return c.print()
}

func (c *psCall) letters(cluster string, rest []string) ([]string, int) {
	for cluster != "" {
		letter := cluster[0]
		cluster = cluster[1:]
		value := ""
		if strings.IndexByte("oOpUutGJDMN", letter) >= 0 && letter != 'u' {
			if value, cluster = cluster, ""; value == "" {
				if len(rest) == 0 {
					c.p.Errorf("ps: option requires an argument -- %c\n%s", letter, psUsage)
					return nil, 1
				}
				value, rest = rest[0], rest[1:]
			}
		}
		switch letter {
		case 'a':
			c.all = true
		case 'x':
			c.noTTY = true
		case 'A':
			c.all, c.noTTY = true, true
		case 'c':
			c.short = true
		case 'w':
			c.wide++
		case 'C', 'e', 'H', 'h', 'S', 'r', 'm', 'd', 'f', 'X':
		case 'j', 'l', 'u', 'v':
			c.format = append(c.format, c.fields(psFormats[letter])...)
		case 'o':
			f, code := c.given(value)
			if code != 0 {
				return nil, code
			}
			c.format = append(c.format, f...)
		case 'O':
			f, code := c.given(value)
			if code != 0 {
				return nil, code
			}
			c.extra = append(c.extra, f...)
		case 'p':
			c.pids = append(c.pids, strings.FieldsFunc(value, isListMark)...)
		case 'U':
			c.users = append(c.users, strings.FieldsFunc(value, isListMark)...)
		case 'G':
			c.groups = append(c.groups, strings.FieldsFunc(value, isListMark)...)
		case 't':
			c.ttys = append(c.ttys, strings.FieldsFunc(value, isListMark)...)
		case 'J':
			c.jails = value != "0"
		case 'T':
			c.ttys = append(c.ttys, c.p.Process().TTY)
		case 'L':
			var names []string
			for name := range psColumns {
				names = append(names, name)
			}
			slices.Sort(names)
			c.p.Printf("%s\n", strings.Join(names, " "))
			return nil, 0
		case 'M', 'N', 'D', 'Z':
			return nil, c.p.Cannot("ps -%c", letter)
		default:
			c.p.Errorf("ps: illegal option -- %c\n%s", letter, psUsage)
			return nil, 1
		}
	}
	return rest, 0
}

func isListMark(r rune) bool { return r == ',' || r == ' ' || r == '\t' }

func (c *psCall) fields(list string) []psField {
	var fields []psField
	for name := range strings.SplitSeq(list, ",") {
		fields = append(fields, psField{psColumns[name], psColumns[name].header})
	}
	return fields
}

// given reads -o: keywords with an optional =HEADER, which takes the rest.
func (c *psCall) given(text string) ([]psField, int) {
	var fields []psField
	for text != "" {
		word := text
		if i := strings.IndexAny(text, ", \t="); i >= 0 {
			word, text = text[:i], text[i:]
		} else {
			text = ""
		}
		column, ok := psColumns[word]
		header := column.header
		if strings.HasPrefix(text, "=") {
			header, text = text[1:], ""
			if i := strings.IndexByte(header, ','); i == 0 {
				header, text = "", header[1:]
			}
		}
		text = strings.TrimLeft(text, ", \t")
		if word == "" {
			continue
		}
		if !ok {
			c.p.Errorf("ps: %s: keyword not found\n", word)
			if len(fields) == 0 && text == "" {
				c.p.Errorf("ps: no valid keywords; valid keywords:\n")
				return nil, 1
			}
			continue
		}
		fields = append(fields, psField{column, header})
	}
	return fields, 0
}

func (c *psCall) wants(q *sim.Process) bool {
	chosen := len(c.pids)+len(c.users)+len(c.ttys)+len(c.groups) > 0
	switch {
	case slices.Contains(c.pids, strconv.Itoa(q.PID)):
		return true
	case slices.ContainsFunc(c.users, func(u string) bool { id, ok := lookupUser(c.p, u); return ok && id == q.Cred.UID }):
		return true
	case slices.ContainsFunc(c.groups, func(g string) bool { id, ok := lookupGroup(c.p, g); return ok && id == q.Cred.GID }):
		return true
	case slices.ContainsFunc(c.ttys, func(t string) bool { return q.TTY != "" && (t == q.TTY || "pts/"+t == q.TTY || "tty"+t == q.TTY) }):
		return true
	case chosen:
		return false
	case !c.noTTY && q.TTY == "":
		return false
	}
	return c.all || q.Cred.UID == c.p.Cred.UID
}

func (c *psCall) print() int {
	if c.jails {
		return c.p.Cannot("ps -J")
	}
	var rows [][]string
	widths := make([]int, len(c.format))
	header, titled := []string{}, false
	for i, f := range c.format {
		header = append(header, f.header)
		widths[i] = len(f.header)
		titled = titled || f.header != ""
	}
	for _, q := range c.p.Machine.Processes() {
		if !c.wants(q) {
			continue
		}
		var row []string
		for i, f := range c.format {
			cell := f.value(c.p, q)
			if c.short && psColumns["command"].header == f.psColumn.header && f.left {
				cell = procName(q)
			}
			row = append(row, cell)
			widths[i] = max(widths[i], len(cell))
		}
		rows = append(rows, row)
	}
	if titled {
		c.row(header, widths)
	}
	for _, row := range rows {
		c.row(row, widths)
	}
	if len(rows) == 0 {
		return 1
	}
	return 0
}

func (c *psCall) row(cells []string, widths []int) {
	for i, cell := range cells {
		if i > 0 {
			c.p.Printf(" ")
		}
		switch {
		case !c.format[i].left:
			c.p.Printf("%*s", widths[i], cell)
		case i == len(cells)-1:
			c.p.Printf("%s", cell)
		default:
			c.p.Printf("%-*s", widths[i], cell)
		}
	}
	c.p.Printf("\n")
}
