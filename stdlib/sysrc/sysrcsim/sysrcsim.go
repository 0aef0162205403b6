// Package sysrcsim models sysrc(8): values are evaluated by the machine's sh, as
// the real script does, and files are edited line by line.
package sysrcsim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
)

// Tools is sysrc.
func Tools() []*sim.Tool {
	return []*sim.Tool{{Name: "sysrc", Since: "9.2", Paths: []string{"/usr/sbin/sysrc"}, Run: run}}
}

const usage = "Usage: sysrc [OPTIONS] {name[[+|-]=value] ...}\nTry `sysrc --help' for more information.\n"

// call is one run of sysrc.
type call struct {
	*sim.Proc
	files []string // of -f
	flags map[byte]bool
}

func run(p *sim.Proc) int {
	c := &call{Proc: p, flags: map[byte]bool{}}
	args := p.Args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		for n := 1; n < len(word); n++ {
			switch letter := word[n]; letter {
			case 'a', 'A', 'c', 'd', 'D', 'e', 'F', 'i', 'n', 'N', 'q', 'v', 'x':
				c.flags[letter] = true
			case 'f':
				value := word[n+1:]
				if value == "" {
					if len(args) == 0 {
						p.Errorf("sysrc: option requires an argument -- f\n%s", usage)
						return 1
					}
					value, args = args[0], args[1:]
				}
				c.files = append(c.files, value)
				n = len(word)
			case 'j', 'R', 'l', 'L', 'E', 's':
				return p.Cannot("sysrc -%c", letter)
			case 'h', '-':
				p.Printf("%s", usage)
				return 1
			default:
				p.Errorf("sysrc: illegal option -- %c\n%s", letter, usage)
				return 1
			}
		}
	}
	if c.flags['a'] || c.flags['A'] {
		return c.dump()
	}
	if len(args) == 0 {
		p.Errorf("%s", usage)
		return 1
	}
	code := 0
	for _, arg := range args {
		code = max(code, c.one(arg))
	}
	return code
}

var (
	assignment = lazyregexp.New(`(?s)^([A-Za-z_][A-Za-z0-9_]*)([+-]?)=(.*)$`)
	anyLine    = lazyregexp.New(`^\s*([A-Za-z_][A-Za-z0-9_]*)=`)
	wordStart  = lazyregexp.New(`^[A-Za-z0-9_./]`)
	bareValue  = lazyregexp.New(`^[A-Za-z0-9_./:@%+,-]+$`)
)

// one reads, writes or deletes one variable.
func (c *call) one(arg string) int {
	if m := assignment.FindStringSubmatch(arg); m != nil {
		return c.write(m[1], m[2], m[3])
	}
	if c.flags['x'] {
		return c.delete(arg)
	}
	value, known := c.value(arg)
	if !known {
		if !c.flags['i'] {
			c.Errorf("sysrc: unknown variable '%s'\n", arg)
		}
		return 1
	}
	if c.flags['F'] {
		value = c.home(arg)
	}
	c.Printf("%s\n", c.labelled(arg, value))
	return 0
}

// labelled is a value with its name before it, as the options ask for.
func (c *call) labelled(name, value string) string {
	prefix := ""
	if c.flags['v'] {
		prefix = c.home(name) + ": "
	}
	switch {
	case c.flags['e']:
		return prefix + name + `="` + value + `"`
	case c.flags['n']:
		return prefix + value
	case c.flags['N']:
		return prefix + name
	default:
		return prefix + name + ": " + value
	}
}

// evaluate prints a variable after reading the files as rc(8) does.
const evaluate = `if [ -n "$1" ]; then
	IFS=:; for f in $1; do [ -r "$f" ] && . "$f"; done; unset IFS
else
	. /etc/defaults/rc.conf
	source_rc_confs
fi >/dev/null 2>&1
eval "[ -n \"\${$2+set}\" ]" || exit 1
eval "printf '%s' \"\$$2\""`

// value is a variable's value; defaults count unless a file is named.
func (c *call) value(name string) (string, bool) {
	var files []string
	for _, f := range c.files {
		files = append(files, c.FS().Abs(f))
	}
	if c.flags['D'] {
		files = []string{"/etc/defaults/rc.conf"}
	}
	out, _, code := c.CaptureCommand(sim.Command{
		Args:  []string{"/bin/sh", "-c", evaluate, "sh", strings.Join(files, ":"), name},
		Env:   []string{"PATH=/sbin:/bin:/usr/sbin:/usr/bin"},
		Stdin: strings.NewReader(""),
	})
	return out, code == 0
}

// confs are the files a variable may be set in, in the order they are read.
func (c *call) confs() []string {
	if len(c.files) > 0 {
		return c.files
	}
	return []string{"/etc/rc.conf", "/etc/rc.conf.local"}
}

// home is the last file that sets a variable, else the first.
func (c *call) home(name string) string {
	for _, file := range slices.Backward(c.confs()) {
		src, err := c.FS().ReadFile(file)
		if err == nil && setIn(string(src), name) {
			return file
		}
	}
	if len(c.files) == 0 {
		if src, err := c.FS().ReadFile("/etc/defaults/rc.conf"); err == nil && setIn(string(src), name) && (c.flags['v'] || c.flags['F']) {
			return "/etc/defaults/rc.conf"
		}
	}
	return c.confs()[0]
}

func lineForm(name string) *regexp.Regexp {
	return regexp.MustCompile(`^(\s*` + regexp.QuoteMeta(name) + `=)(.*)$`)
}

func setIn(src, name string) bool {
	form := lineForm(name)
	return slices.ContainsFunc(strings.Split(src, "\n"), form.MatchString)
}

func (c *call) write(name, operator, value string) int {
	before, _ := c.value(name)
	switch operator {
	case "+":
		value = addWords(before, value)
	case "-":
		value = dropWords(before, value)
	}
	file := c.home(name)
	if strings.HasPrefix(file, "/etc/defaults/") {
		file = c.confs()[0]
	}
	if c.flags['c'] {
		return c.check(file, name, before, value)
	}
	if err := c.set(file, name, value); err != nil {
		c.Errorf("sysrc: cannot create %s: %s\n", file, sim.ErrText(err))
		return 1
	}
	after, _ := c.value(name)
	if !c.flags['q'] {
		c.Printf("%s -> %s\n", c.labelled(name, before), after)
	}
	return 0
}

// check tells, for -c, whether a variable has the value already.
func (c *call) check(file, name, before, value string) int {
	if before == value {
		if c.flags['v'] {
			c.Printf("%s: %s: already set to %s\n", file, name, value)
		}
		return 0
	}
	if c.flags['v'] {
		c.Printf("%s: %s: would change from `%s' to `%s'\n", file, name, before, value)
	}
	return 1
}

// addWords appends what is not there yet; a first character that is no letter
// divides the words.
func addWords(list, add string) string {
	separator, words := wordsOf(add)
	have := strings.Split(list, separator)
	for _, word := range words {
		if !slices.Contains(have, word) {
			if list != "" {
				list += separator
			}
			list += word
		}
	}
	return list
}

func dropWords(list, drop string) string {
	separator, words := wordsOf(drop)
	kept := slices.DeleteFunc(strings.Split(list, separator), func(word string) bool {
		return word == "" || slices.Contains(words, word)
	})
	return strings.Join(kept, separator)
}

func wordsOf(text string) (separator string, words []string) {
	separator = " "
	if text != "" && !wordStart.MatchString(text) {
		separator, text = text[:1], text[1:]
	}
	return separator, slices.DeleteFunc(strings.Split(text, separator), func(w string) bool { return w == "" })
}

// set rewrites every line that sets the variable, keeping quotes and what
// follows, or adds one.
func (c *call) set(file, name, value string) error {
	src, err := c.FS().ReadFile(file)
	if err != nil {
		if src, err = nil, c.FS().WriteFile(file, nil, 0o644); err != nil {
			return err
		}
	}
	form, found := lineForm(name), false
	lines := strings.Split(string(src), "\n")
	for n, line := range lines {
		m := form.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		found = true
		quote, rest := splitValue(m[2])
		lines[n] = m[1] + quoted(value, quote) + rest
	}
	text := strings.Join(lines, "\n")
	if !found {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += name + "=" + quoted(value, `"`) + "\n"
	}
	return c.replace(file, text)
}

// splitValue finds the quote a value is written in, and what follows it.
func splitValue(raw string) (quote, rest string) {
	if raw != "" && (raw[0] == '"' || raw[0] == '\'') {
		for i := 1; i < len(raw); i++ {
			if raw[i] == '\\' && raw[0] == '"' {
				i++
			} else if raw[i] == raw[0] {
				return raw[:1], raw[i+1:]
			}
		}
		return raw[:1], ""
	}
	if i := strings.IndexAny(raw, " \t;#"); i >= 0 {
		return "", raw[i:]
	}
	return "", ""
}

func quoted(value, quote string) string {
	switch {
	case quote == "'" && !strings.Contains(value, "'"):
		return "'" + value + "'"
	case quote == "" && bareValue.MatchString(value):
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(value) + `"`
}

func (c *call) replace(file, text string) error {
	info, err := c.FS().Stat(file)
	if err != nil {
		return err
	}
	if err := c.FS().Access(file, 2); err != nil {
		return err
	}
	return c.FS().WriteFile(file, []byte(text), info.Mode)
}

func (c *call) delete(name string) int {
	found := false
	for _, file := range c.confs() {
		src, err := c.FS().ReadFile(file)
		if err != nil || !setIn(string(src), name) {
			continue
		}
		found = true
		form := lineForm(name)
		lines := slices.DeleteFunc(strings.Split(string(src), "\n"), form.MatchString)
		if err := c.replace(file, strings.Join(lines, "\n")); err != nil {
			c.Errorf("sysrc: cannot create %s: %s\n", file, sim.ErrText(err))
			return 1
		}
	}
	if !found {
		if !c.flags['i'] {
			c.Errorf("sysrc: unknown variable '%s'\n", name)
		}
		return 1
	}
	return 0
}

// dump prints all variables that the files set (-a), or the defaults too (-A).
func (c *call) dump() int {
	files := c.confs()
	if c.flags['A'] {
		files = append([]string{"/etc/defaults/rc.conf"}, files...)
	}
	names := map[string]bool{}
	for _, file := range files {
		src, err := c.FS().ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(src)) {
			if m := anyLine.FindStringSubmatch(line); m != nil {
				names[m[1]] = true
			}
		}
	}
	var list []string
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	var out strings.Builder
	for _, name := range list {
		if value, known := c.value(name); known {
			fmt.Fprintf(&out, "%s\n", c.labelled(name, value))
		}
	}
	c.Printf("%s", out.String())
	return 0
}
