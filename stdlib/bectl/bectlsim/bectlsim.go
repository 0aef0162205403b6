// Package bectlsim models bectl(8), which keeps boot environments: the datasets
// beside the one that is mounted on /.
package bectlsim

import (
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/zfs"
)

// Tools is bectl.
func Tools() []*sim.Tool {
	return []*sim.Tool{{Name: "bectl", Since: "11.3", Paths: []string{"/sbin/bectl"}, Run: run}}
}

// usageError is EX_USAGE, noLibrary what a failed libbe_init(3) ends with.
const (
	usageError = 64
	noLibrary  = 255
)

// call is one run of bectl.
type call struct {
	*sim.Proc
	library
	release int // 1403 for 14.3
	root    string
	command string // as it was given: umount or unmount
	flags   string // letters that were given
	values  map[byte]string
	args    []string
}

func (c *call) has(letter byte) bool { return strings.IndexByte(c.flags, letter) >= 0 }

// command is a subcommand. Those that keep record show in the pool's history,
// from 15.0 on.
type command struct {
	names   []string
	letters func(release int) string // options as getopt(3) takes them
	run     func(c *call) int
	record  bool
}

func fixed(letters string) func(int) string { return func(int) string { return letters } }

// since are letters that came with a release.
func since(release int, before, from string) func(int) string {
	return func(running int) string {
		if running < release {
			return before
		}
		return from
	}
}

// noOptions marks a subcommand that looks at its operands alone.
const noOptions = "-"

func commands() []command {
	return []command{
		{[]string{"activate"}, since(1300, "t", "tT"), (*call).activate, true},
		{[]string{"check"}, fixed(noOptions), (*call).check, false},
		{[]string{"create"}, fixed("e:r"), (*call).create, true},
		{[]string{"destroy"}, since(1201, "F", "Fo"), (*call).destroy, true},
		{[]string{"export"}, fixed(noOptions), (*call).cannot, false},
		{[]string{"import"}, fixed(noOptions), (*call).cannot, false},
		{[]string{"jail"}, fixed(noOptions), (*call).cannot, false},
		{[]string{"list"}, since(1202, "aDHs", "aDHsc:C:"), (*call).list, false},
		{[]string{"mount"}, fixed(noOptions), (*call).mount, false},
		{[]string{"rename"}, fixed(noOptions), (*call).rename, true},
		{[]string{"unjail", "ujail"}, fixed(noOptions), (*call).cannot, false},
		{[]string{"unmount", "umount"}, fixed("f"), (*call).unmount, false},
	}
}

func run(p *sim.Proc) int {
	c := &call{Proc: p, release: zfs.ReleaseNumber(p.Machine.RunningRelease()), values: map[byte]string{}}
	args, code, done := c.globalOptions(p.Args[1:])
	if done {
		return code
	}
	for _, cmd := range commands() {
		for _, name := range cmd.names {
			if name == args[0] && (name != "check" || c.release >= 1201) {
				return c.start(cmd, args)
			}
		}
	}
	c.Errorf("Unknown command: %s\n", args[0])
	return c.usage(false)
}

// globalOptions reads what stands before the subcommand; getopt(3) does from
// 15.0 on, before only a leading -r was looked for.
func (c *call) globalOptions(args []string) (rest []string, code int, done bool) {
	if c.release >= 1500 {
		rest, bad := c.getopt(args, "hr:")
		switch c.root = c.values['r']; {
		case bad != 0 || len(rest) == 0 && !c.has('h'):
			return nil, c.usage(false), true
		case c.has('h'):
			return nil, c.usage(true), true
		}
		c.flags = ""
		return rest, 0, false
	}
	if len(args) > 0 && args[0] == "-r" {
		if len(args) < 3 {
			return nil, c.usage(false), true
		}
		c.root, args = args[1], args[2:]
	}
	switch {
	case len(args) == 0:
		return nil, c.usage(false), true
	case args[0] == "-h" || args[0] == "-?":
		return nil, c.usage(true), true
	}
	return args, 0, false
}

// start opens the library, which comes before the subcommand's own options.
func (c *call) start(cmd command, args []string) int {
	c.command = args[0]
	if !c.open() {
		if c.command != "check" && c.release >= 1300 {
			c.Errorf("libbe_init(\"%s\") failed.\n", c.root)
		}
		return noLibrary
	}
	c.args = args[1:]
	if letters := cmd.letters(c.release); letters != noOptions {
		rest, bad := c.getopt(args[1:], letters)
		if bad != 0 {
			c.Errorf("bectl %s: unknown option '-%c'\n", c.command, bad)
			return c.usage(false)
		}
		c.args = rest
	}
	code := cmd.run(c)
	if code == 0 && cmd.record && c.release >= 1500 {
		words := append([]string{"bectl"}, c.Args[1:]...)
		zfs.Record(c.Machine, c.pool, "0", strings.Join(words, " "))
	}
	return code
}

// getopt reads options; bad is the letter it stumbled over.
func (c *call) getopt(args []string, letters string) (rest []string, bad byte) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		for n := 1; n < len(arg); n++ {
			letter := arg[n]
			at := strings.IndexByte(letters, letter)
			switch {
			case at < 0 || letter == ':':
				c.Errorf("bectl: illegal option -- %c\n", letter)
				return nil, letter
			case !strings.HasPrefix(letters[at+1:], ":"):
				c.flags += string(letter)
				continue
			case n+1 < len(arg):
				c.values[letter] = arg[n+1:]
			case len(args) > 0:
				c.values[letter], args = args[0], args[1:]
			default:
				c.Errorf("bectl: option requires an argument -- %c\n", letter)
				return nil, letter
			}
			c.flags += string(letter)
			break
		}
	}
	return args, 0
}

// misuse reports a wrong command line in the subcommand's words.
func (c *call) misuse(what string) int {
	c.Errorf("bectl %s: %s\n", c.command, what)
	return c.usage(false)
}

func (c *call) cannot() int { return c.Cannot("bectl %s", c.command) }

func (c *call) check() int {
	if len(c.args) != 0 {
		return c.misuse("wrong number of arguments")
	}
	return 0
}
