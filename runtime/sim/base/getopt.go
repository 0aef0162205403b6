package base

import (
	"strings"

	"bsdrun/runtime/sim"
)

// An option is one that was given; its name is the letter, or the long name of
// one without a letter.
type option struct{ name, arg string }

// options is a parsed command line.
type options struct {
	list    []option
	args    []string // what is left
	command command
}

// has reports whether one of the one-letter options was given.
func (o *options) has(letters string) bool { return o.last(letters) != "" }

// hasLong reports whether an option without a letter was given.
func (o *options) hasLong(name string) bool {
	_, ok := o.get(name)
	return ok
}

// last is the option among letters that was given last: the one that counts
// where they exclude each other.
func (o *options) last(letters string) string {
	for i := len(o.list) - 1; i >= 0; i-- {
		if n := o.list[i].name; len(n) == 1 && strings.Contains(letters, n) {
			return n
		}
	}
	return ""
}

// get is the argument of the last option of that name.
func (o *options) get(name string) (string, bool) {
	for i := len(o.list) - 1; i >= 0; i-- {
		if o.list[i].name == name {
			return o.list[i].arg, true
		}
	}
	return "", false
}

// all is the arguments of every option of that name, in order.
func (o *options) all(name string) []string {
	var args []string
	for _, opt := range o.list {
		if opt.name == name {
			args = append(args, opt.arg)
		}
	}
	return args
}

// count tells how often an option was given.
func (o *options) count(name string) int { return len(o.all(name)) }

// getopt reads the options as getopt(3) does. In flags, a letter followed by ':'
// takes an argument, one followed by '!' exists but is not modelled. With long
// options it works as getopt_long(3): operands may stand among the options
// (unless flags begins with '+'), and each blank-separated entry of long is NAME, followed by ':' for a required or
// '?' for an optional argument or '!' as above, then optionally by =LETTER.
//
// A nil result means that the command ends with the code.
func (c command) getopt(p *sim.Proc) (*options, int) {
	g := &getopt{command: c, p: p, o: &options{command: c}, rest: p.Args[1:]}
	for len(g.rest) > 0 {
		arg := g.rest[0]
		switch {
		case arg == "--":
			g.o.args = append(g.o.args, g.rest[1:]...)
			return g.o, 0
		case strings.HasPrefix(arg, "--libxo") && g.libxo > 0 && major(g.p) < g.libxo:
			g.rest = g.rest[1:]
			g.letters(arg[1:])
		case arg == "--libxo" && g.libxo > 0 && len(g.rest) > 1 && g.rest[1] == "json":
			g.o.list = append(g.o.list, option{"libxo", "json"})
			g.rest = g.rest[2:]
		case strings.HasPrefix(arg, "--libxo"):
			g.cannot(arg)
		case c.gnu != "" && arg == "--version":
			g.version()
		case (c.long != "" || c.gnu != "") && strings.HasPrefix(arg, "--"):
			g.rest = g.rest[1:]
			g.longOption(arg[2:])
		case g.negatives && isNegative(arg):
			g.o.args = append(g.o.args, g.rest...)
			return g.o, 0
		case len(arg) > 1 && arg[0] == '-':
			g.rest = g.rest[1:]
			g.letters(arg[1:])
		case (c.long != "" || c.gnu != "") && !strings.HasPrefix(c.flags, "+"):
			g.o.args = append(g.o.args, arg)
			g.rest = g.rest[1:]
		default:
			g.o.args = append(g.o.args, g.rest...)
			return g.o, 0
		}
		if g.failed {
			return nil, g.code
		}
	}
	return g.o, 0
}

// isNegative tells -5 and -.5 from options.
func isNegative(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && (arg[1] >= '0' && arg[1] <= '9' || arg[1] == '.')
}

type getopt struct {
	command
	p      *sim.Proc
	o      *options
	rest   []string
	failed bool
	code   int
}

func (g *getopt) letters(cluster string) {
	for cluster != "" && !g.failed {
		letter := cluster[:1]
		cluster = cluster[1:]
		i := strings.Index(g.flags, letter)
		kind := byte(0)
		if i >= 0 && i+1 < len(g.flags) {
			kind = g.flags[i+1]
		}
		switch {
		case i < 0 || strings.ContainsAny(letter, "+:!?"):
			g.wrong(g.illegal(), letter)
		case kind == '?':
			g.o.list = append(g.o.list, option{letter, cluster})
			return
		case kind == '!':
			g.cannot("-" + letter)
		case kind != ':':
			g.o.list = append(g.o.list, option{letter, ""})
		case cluster != "":
			g.o.list = append(g.o.list, option{letter, cluster})
			return
		case len(g.rest) > 0:
			g.o.list = append(g.o.list, option{letter, g.rest[0]})
			g.rest = g.rest[1:]
		default:
			g.wrong("option requires an argument -- %s", letter)
		}
	}
}

func (g *getopt) illegal() string {
	if g.gnu != "" {
		return "invalid option -- '%s'"
	}
	if g.long != "" {
		return "invalid option -- %s"
	}
	return "illegal option -- %s"
}

func (g *getopt) longOption(given string) {
	name, arg, hasArg := strings.Cut(given, "=")
	entry, many := g.findLong(name)
	switch {
	case many:
		g.wrong("option `--%s' is ambiguous", name)
		return
	case entry == "":
		g.wrong("unrecognized option `--%s'", given)
		return
	}
	full, letter, _ := strings.Cut(entry, "=")
	kind := byte(0)
	if i := strings.IndexAny(full, ":?!"); i >= 0 {
		kind = full[i]
		full = full[:i]
	}
	if letter == "" {
		letter = full
	}
	switch {
	case kind == '!':
		g.cannot("--" + full)
	case kind == 0 && hasArg:
		g.wrong("option doesn't take an argument -- %s", full)
	case kind == ':' && !hasArg && len(g.rest) == 0:
		g.wrong("option requires an argument -- %s", full)
	case kind == ':' && !hasArg:
		g.o.list = append(g.o.list, option{letter, g.rest[0]})
		g.rest = g.rest[1:]
	default:
		g.o.list = append(g.o.list, option{letter, arg})
	}
}

// findLong finds the entry of a long option, which may be shortened.
func (g *getopt) findLong(name string) (entry string, many bool) {
	for e := range strings.FieldsSeq(g.long) {
		full := e[:strings.IndexAny(e+"=", ":?!=")]
		if full == name {
			return e, false
		}
		if name != "" && strings.HasPrefix(full, name) {
			many = entry != ""
			entry = e
		}
	}
	return entry, many
}

func (g *getopt) wrong(format string, arg string) {
	if words, ok := gnuFormats[format]; ok && g.gnu != "" {
		format = words
		if format == "option requires an argument -- '%s'" && len(arg) > 1 {
			format = "option '--%s' requires an argument"
		}
		if strings.Contains(words, "'--") {
			arg, _, _ = strings.Cut(arg, "=")
		}
	}
	warnx(g.p, format, arg)
	g.failed, g.code = true, g.wrongCall(g.p)
}

func (g *getopt) cannot(option string) {
	g.failed, g.code = true, g.p.Cannot("%s %s", progname(g.p), option)
}

// gnuFormats are the words of glibc's getopt for what FreeBSD's says.
var gnuFormats = map[string]string{
	"option `--%s' is ambiguous":            "option '--%s' is ambiguous",
	"unrecognized option `--%s'":            "unrecognized option '--%s'",
	"option doesn't take an argument -- %s": "option '--%s' doesn't allow an argument",
	"option requires an argument -- %s":     "option requires an argument -- '%s'",
}

// wrongCall prints the usage message.
func (c command) wrongCall(p *sim.Proc) int {
	if c.gnu != "" {
		if strings.HasSuffix(progname(p), "grep") {
			p.Errorf("Usage: %s [OPTION]... PATTERNS [FILE]...\n", progname(p))
		}
		p.Errorf("Try '%s --help' for more information.\n", progname(p))
		return max(c.code, 1)
	}
	if c.usage != "" {
		p.Errorf("%s\n", strings.TrimRight(c.usage, "\n"))
	}
	return max(c.code, 1)
}

// wrong ends a command whose operands are wrong with its usage message.
func (o *options) wrong(p *sim.Proc) int {
	if o.command.gnu != "" {
		o.missing(p)
	}
	return o.command.wrongCall(p)
}
