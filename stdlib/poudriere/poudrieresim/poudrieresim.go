// Package poudrieresim is poudriere(8) of the simulated machine: ports trees and
// jails registered in the files of the real one, builds that take the machine's
// time, and logs, packages and JSON where they belong.
//
// The machine's parameter fail=CATEGORY/PORT:PHASE has a port fail in a phase
// (build without one); it may be given several times.
package poudrieresim

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// Version is what `poudriere version` says.
const Version = "3.4.8"

// exit codes of sysexits(3) that poudriere uses.
const (
	exUsage    = 64
	exData     = 65
	exSoftware = 70
)

// Tools are poudriere as either of its packages installs it.
func Tools() []*sim.Tool {
	devel := Tool()
	devel.Package = "poudriere-devel"
	return []*sim.Tool{Tool(), devel}
}

// Tool is poudriere as its package installs it.
func Tool() *sim.Tool {
	return &sim.Tool{
		Params: []string{"fail"},
		Name:   "poudriere", Package: "poudriere", Paths: []string{"/usr/local/bin/poudriere"}, Run: run, Boot: boot,
		Files: map[string]string{
			"/usr/local/etc/poudriere.conf.sample": confSample,
		},
	}
}

// quit ends the command; the message is printed as an error first.
type quit struct {
	code int
	text string
}

func (q *quit) Error() string { return q.text }

func errf(code int, format string, args ...any) error {
	return &quit{code, fmt.Sprintf(format, args...)}
}

// silent ends the command with a code and no words.
func silent(code int) error { return &quit{code: code} }

// command is one run of poudriere.
type command struct {
	p       *sim.Proc
	fs      *vfs.View
	start   time.Time
	etc     string // -e
	set     map[string]string
	verbose int
	dry     bool
	conf    map[string]string
}

var subcommands map[string]func(*command, []string) error

func init() {
	subcommands = map[string]func(*command, []string) error{
		"bulk": (*command).bulk, "distclean": (*command).distclean, "image": (*command).image, "jail": (*command).jail,
		"jails": (*command).jail, "logclean": (*command).logclean, "options": (*command).options, "pkgclean": (*command).pkgclean,
		"ports": (*command).ports, "status": (*command).status, "testport": (*command).testport,
	}
}

// others exist in poudriere but not here.
var others = []string{"api", "audit", "daemon", "foreachport", "queue", "jobs", "kill", "run", "ec2"}

func run(p *sim.Proc) int {
	c := &command{p: p, fs: p.FS(), start: p.Now(), etc: "/usr/local/etc", set: map[string]string{}}
	err := c.main(p.Args[1:])
	var q *quit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &q):
		if q.text != "" {
			c.fail("%s", q.text)
		}
		return q.code
	}
	c.fail("%s", describe(err))
	return 1
}

// describe words an error of the file tree as the tools below poudriere would.
func describe(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "No space left on device"
	}
	return err.Error()
}

func (c *command) main(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch arg := args[0]; {
		case arg == "-A" || arg == "-N" || arg == "-x":
		case arg == "-v" || arg == "-vv":
			c.verbose += len(arg) - 1
		case (arg == "-e" || arg == "-s") && len(args) > 1:
			args = args[1:]
			if arg == "-e" {
				c.etc = args[0]
				break
			}
			name, value, _ := strings.Cut(args[0], "=")
			c.set[name] = value
		default:
			return c.usageOf(mainUsage, 1)
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return c.usageOf(mainUsage, 1)
	}
	name := args[0]
	switch name {
	case "version":
		c.p.Printf("poudriere-%s\n", Version)
		return nil
	case "help":
		return c.usageOf(mainUsage, 0)
	}
	for _, o := range others {
		if o == name {
			return silent(c.p.Cannot("poudriere %s", name))
		}
	}
	do, ok := subcommands[name]
	if !ok {
		c.p.Errorf("Unknown command '%s'\n", name)
		return c.usageOf(mainUsage, 1)
	}
	if c.p.Cred.UID != 0 {
		c.p.Errorf("Error: This command requires root or poudriered running\n")
		return silent(1)
	}
	if err := c.loadConf(); err != nil {
		return err
	}
	return do(c, args[1:])
}

func (c *command) usageOf(text string, code int) error {
	c.p.Printf("%s", text)
	return silent(code)
}

// elapsed is the time since the start, as messages begin with it.
func (c *command) elapsed() string { return clockFace(c.p.Now().Sub(c.start)) }

// clockFace is HH:MM:SS, with days before it.
func clockFace(d time.Duration) string {
	s := int64(d / time.Second)
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if days := s / 86400; days > 0 {
		return fmt.Sprintf("%dD:%s", days, text)
	}
	return text
}

func (c *command) msg(format string, args ...any) { c.msgN(format+"\n", args...) }

// msgN is a message without the end of its line.
func (c *command) msgN(format string, args ...any) {
	mode := ""
	if c.dry {
		mode = "[Dry Run] "
	}
	c.p.Printf("[%s] %s====>> %s", c.elapsed(), mode, fmt.Sprintf(format, args...))
}

// done ends a line that msgN began.
func (c *command) done() { c.p.Printf(" done\n") }

func (c *command) fail(format string, args ...any) {
	c.p.Errorf("[%s] ====>> Error: %s\n", c.elapsed(), fmt.Sprintf(format, args...))
}

func (c *command) warn(format string, args ...any) {
	c.p.Errorf("[%s] ====>> Warning: %s\n", c.elapsed(), fmt.Sprintf(format, args...))
}

// pause passes the machine's time; the error ends the command where a signal came.
func (c *command) pause(d time.Duration) error {
	if err := c.p.Sleep(d); err != nil {
		return silent(143)
	}
	return nil
}

// confirm asks where there's a terminal, and takes the default elsewhere.
func (c *command) confirm(question string, otherwise bool) bool {
	if !c.p.TTY {
		return otherwise
	}
	c.msgN("%s [y/N] ", question)
	var answer string
	_, _ = fmt.Fscanln(c.p.Stdin, &answer)
	return strings.HasPrefix(strings.ToLower(answer), "y")
}

// flag is one option of a getopts string.
type flag struct {
	letter byte
	value  string
}

// getopts reads options as sh's getopts does; the rest comes back. bad tells that
// an option isn't known or lacks its value.
func (c *command) getopts(args []string, spec string) (flags []flag, rest []string, bad bool) {
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			return flags, args[1:], false
		}
		if len(arg) < 2 || arg[0] != '-' {
			break
		}
		args = args[1:]
		for j := 1; j < len(arg); j++ {
			i := strings.IndexByte(spec, arg[j])
			if i < 0 || arg[j] == ':' {
				c.p.Errorf("Illegal option -%c\n", arg[j])
				return nil, nil, true
			}
			f := flag{letter: arg[j]}
			if i+1 < len(spec) && spec[i+1] == ':' {
				if f.value = arg[j+1:]; f.value == "" {
					if len(args) == 0 {
						c.p.Errorf("No arg for -%c option\n", arg[j])
						return nil, nil, true
					}
					f.value, args = args[0], args[1:]
				}
				flags = append(flags, f)
				break
			}
			flags = append(flags, f)
		}
	}
	return flags, args, false
}

// write puts a small file where its directory may not exist yet.
func (c *command) write(name, text string) error {
	if err := c.fs.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	return c.fs.WriteFile(name, []byte(text), 0o644)
}

// replace writes a file so that readers see the old or the new one.
func (c *command) replace(name string, data []byte) error {
	temp := path.Join(path.Dir(name), ".tmp-"+path.Base(name))
	if err := c.fs.WriteFile(temp, data, 0o644); err != nil {
		return err
	}
	return c.fs.Rename(temp, name)
}

// link points a symbolic link somewhere else.
func (c *command) link(target, name string) error {
	temp := name + "_new"
	_ = c.fs.Remove(temp)
	if err := c.fs.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := c.fs.Symlink(target, temp); err != nil {
		return err
	}
	return c.fs.Rename(temp, name)
}

func (c *command) isDir(name string) bool {
	i, err := c.fs.Stat(name)
	return err == nil && i.IsDir()
}

func (c *command) exists(name string) bool {
	_, err := c.fs.Lstat(name)
	return err == nil
}

// read is a file's text without the newline at its end, or nothing.
func (c *command) read(name string) string {
	data, err := c.fs.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

const mainUsage = `Usage: poudriere [-e etcdir] [-s var[=value]] [-AhNvx] command [options]

-e etcdir   -- Specify an alternate etc/ dir where poudriere configuration
               resides.
-s var      -- Set a configuration variable.
-A          -- Always enable colors even without tty
-N          -- Disable colors
-v          -- Show more verbose output
-x          -- Trace the commands

Commands:
    bulk        -- Generate packages for given ports
    distclean   -- Remove old distfiles
    daemon      -- Launch the poudriere daemon
    foreachport -- Iterate over ports with a given command
    image       -- Generate images
    jail        -- Manage the jails used by poudriere
    logclean    -- Remove old logfiles
    ports       -- Create, update or delete the portstrees used by poudriere
    options     -- Configure ports options
    pkgclean    -- Remove packages that are no longer needed
    queue       -- Queue a build request
    status      -- Get the status of builds
    testport    -- Launch a test build of a given port
    version     -- Show the version of poudriere
`
