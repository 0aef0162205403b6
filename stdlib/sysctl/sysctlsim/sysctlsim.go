// Package sysctlsim models sysctl(8) over the machine's kernel state, and what
// loader.conf and sysctl.conf set at boot.
package sysctlsim

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Tools is sysctl.
func Tools() []*sim.Tool {
	return []*sim.Tool{{Name: "sysctl", Paths: []string{"/sbin/sysctl"}, Run: run, Boot: boot}}
}

const usage = "usage: sysctl [-bdeFhiJlNnoqTtVWx] [ -B <bufsize> ] [-f filename] name[=value] ...\n" +
	"       sysctl [-bdeFhJlNnoqTtVWx] [ -B <bufsize> ] -a\n"

// call is one run of sysctl.
type call struct {
	*sim.Proc
	flags map[byte]bool
	line  int // of -f, for messages
}

func run(p *sim.Proc) int {
	c := &call{Proc: p, flags: map[byte]bool{}}
	args, file := p.Args[1:], ""
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		for n := 1; n < len(args[0]); n++ {
			switch letter := args[0][n]; letter {
			case 'a', 'd', 'e', 'i', 'n', 'N', 'q', 'T', 'W', 'h', 'o', 'x', 'w', 't', 'A', 'X':
				c.flags[letter] = true
			case 'f':
				if len(args) < 2 {
					p.Errorf("%s", usage)
					return 1
				}
				file, args = args[1], args[1:]
				n = len(args[0])
			case 'b', 'B', 'F', 'l', 'J', 'V':
				return p.Cannot("sysctl -%c", letter)
			default:
				p.Errorf("sysctl: illegal option -- %c\n%s", letter, usage)
				return 1
			}
		}
		args = args[1:]
	}
	out := bufio.NewWriter(p.Stdout)
	defer func() { _ = out.Flush() }()
	c.Stdout = out
	switch {
	case c.flags['a'] || c.flags['A'] || c.flags['X']:
		return c.showAll("")
	case len(args) == 0 && file == "":
		p.Errorf("%s", usage)
		return 1
	}
	code := 0
	if file != "" {
		code = c.readFile(file)
	}
	for _, arg := range args {
		code = max(code, c.one(arg))
	}
	return code
}

// suffix names the line of a file in messages.
func (c *call) suffix() string {
	if c.line == 0 {
		return ""
	}
	return " at line " + strconv.Itoa(c.line)
}

// readFile sets what a file such as sysctl.conf says.
func (c *call) readFile(name string) int {
	src, err := c.FS().ReadFile(name)
	if err != nil {
		c.Errorf("sysctl: %s: %s\n", name, sim.ErrText(err))
		return 1
	}
	code := 0
	for n, text := range strings.Split(string(src), "\n") {
		if text = confLine(text); text != "" {
			c.line = n + 1
			code = max(code, c.one(text))
		}
	}
	c.line = 0
	return code
}

func confLine(text string) string {
	text, _, _ = strings.Cut(text, "#")
	return strings.TrimSpace(text)
}

// one shows or sets one variable.
func (c *call) one(arg string) int {
	name, value, set := strings.Cut(arg, "=")
	name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
	s := c.Machine.State()
	s.Lock()
	v := s.Sysctls[name]
	s.Unlock()
	if v == nil {
		if !set && c.isNode(name) {
			return c.showAll(name)
		}
		if c.flags['i'] {
			return 0
		}
		c.Errorf("sysctl: unknown oid '%s'%s\n", name, c.suffix())
		return 1
	}
	if !set {
		c.show(name, v)
		return 0
	}
	return c.set(name, value, v)
}

func (c *call) isNode(name string) bool {
	s := c.Machine.State()
	s.Lock()
	defer s.Unlock()
	for other := range s.Sysctls {
		if strings.HasPrefix(other, strings.TrimSuffix(name, ".")+".") {
			return true
		}
	}
	return false
}

// showAll shows what lies below a name, in order.
func (c *call) showAll(prefix string) int {
	s := c.Machine.State()
	s.Lock()
	found := map[string]state.Sysctl{}
	for name, v := range s.Sysctls {
		if prefix == "" || strings.HasPrefix(name, strings.TrimSuffix(prefix, ".")+".") {
			found[name] = *v
		}
	}
	s.Unlock()
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v := found[name]
		if c.flags['T'] && !v.Tunable || c.flags['W'] && !v.Writable {
			continue
		}
		c.show(name, &v)
	}
	return 0
}

func (c *call) show(name string, v *state.Sysctl) {
	switch {
	case c.flags['N']:
		c.Printf("%s\n", name)
	case c.flags['d'] && c.flags['n']:
		c.Printf("%s\n", v.Desc)
	case c.flags['d']:
		c.Printf("%s: %s\n", name, v.Desc)
	case v.Type == "opaque":
		// What sysctl(8) has no form for it keeps to itself, unless asked.
		if c.flags['o'] || c.flags['x'] {
			c.Printf("%s\n", c.labelled(name, fmt.Sprintf("Format: Length:%d Dump:0x%s", len(v.Value)/2, v.Value)))
		}
	case c.flags['x'] && v.Type == "integer":
		c.Cannot("sysctl -x of a number")
	default:
		c.Printf("%s\n", c.labelled(name, v.Value))
	}
}

// labelled is a value with its name before it, as the options ask for.
func (c *call) labelled(name, value string) string {
	switch {
	case c.flags['n']:
		return value
	case c.flags['e']:
		return name + "=" + value
	default:
		return name + ": " + value
	}
}

// set changes a variable, with the refusals in sysctl(8)'s order.
func (c *call) set(name, value string, v *state.Sysctl) int {
	switch {
	case !v.Writable && v.Tunable:
		c.Errorf("sysctl: oid '%s' is a read only tunable%s\nsysctl: Tunable values are set in /boot/loader.conf%s\n", name, c.suffix(), c.suffix())
		return 1
	case !v.Writable:
		c.Errorf("sysctl: oid '%s' is read only%s\n", name, c.suffix())
		return 1
	case v.Type == "integer" && !isInteger(value):
		c.Errorf("sysctl: invalid integer '%s'%s\n", value, c.suffix())
		return 1
	case v.Type == "opaque":
		c.Errorf("sysctl: oid '%s' is type 0, cannot set that%s\n", name, c.suffix())
		return 1
	}
	if !c.flags['q'] {
		c.Printf("%s", c.labelled(name, v.Value))
	}
	jailed := c.Machine.JID() != 0 && name != "kern.hostname"
	if c.Cred.UID != 0 || jailed || name == "kern.securelevel" && lowers(value, v.Value) {
		if !c.flags['q'] {
			c.Printf("\n")
		}
		c.Errorf("sysctl: %s=%s%s: Operation not permitted\n", name, value, c.suffix())
		return 1
	}
	store(c.Machine, name, value, v)
	if !c.flags['q'] {
		c.Printf(" -> %s\n", value)
	}
	return 0
}

func isInteger(text string) bool {
	_, err := strconv.ParseInt(text, 0, 64)
	_, uerr := strconv.ParseUint(text, 0, 64)
	return err == nil || uerr == nil
}

// lowers tells whether the security level would go down, securelevel(7).
func lowers(to, from string) bool {
	x, _ := strconv.Atoi(to)
	y, _ := strconv.Atoi(from)
	return x < y && y > 0
}

func store(m *sim.Machine, name, value string, v *state.Sysctl) {
	if n, err := strconv.ParseInt(value, 0, 64); err == nil && v.Type == "integer" {
		value = strconv.FormatInt(n, 10)
	}
	s := m.State()
	s.Lock()
	defer s.Unlock()
	s.Sysctls[name].Value = value
	if name == "kern.hostname" {
		s.Network.Hostname = value
	}
}

var loaderLine = lazyregexp.New(`^\s*([\w.%-]+)\s*=\s*"?([^"#]*)"?`)

// boot sets tunables from loader.conf, then what sysctl.conf says.
func boot(m *sim.Machine) {
	view := m.View(vfs.Root, "/")
	apply := func(name, value string, allowed func(*state.Sysctl) bool) {
		s := m.State()
		s.Lock()
		v := s.Sysctls[name]
		s.Unlock()
		if v != nil && allowed(v) && (v.Type != "integer" || isInteger(value)) {
			store(m, name, value, v)
		}
	}
	if src, err := view.ReadFile("/boot/loader.conf"); err == nil {
		for line := range bytes.Lines(src) {
			if f := loaderLine.FindSubmatch(line); f != nil {
				apply(string(f[1]), strings.TrimSpace(string(f[2])), func(v *state.Sysctl) bool { return v.Tunable || v.Writable })
			}
		}
	}
	if src, err := view.ReadFile("/etc/sysctl.conf"); err == nil {
		for line := range bytes.Lines(src) {
			if name, value, ok := strings.Cut(confLine(string(line)), "="); ok {
				apply(strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`), func(v *state.Sysctl) bool { return v.Writable })
			}
		}
	}
}
