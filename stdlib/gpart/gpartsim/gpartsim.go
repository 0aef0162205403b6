// Package gpartsim models gpart(8) over the machine's disks, and the programs
// that look at disks with it: glabel, geom, diskinfo, camcontrol, efibootmgr,
// newfs and newfs_msdos. Texts and exit codes are those of geom(8)'s part class
// (lib/geom/part, sys/geom/part).
package gpartsim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// Tools are gpart and its companions.
func Tools() []*sim.Tool {
	return []*sim.Tool{
		{Name: "gpart", Paths: []string{"/sbin/gpart"}, Run: gpart},
		{Name: "geom", Paths: []string{"/sbin/geom"}, Run: geom},
		{Name: "glabel", Paths: []string{"/sbin/glabel"}, Run: glabel},
		{Name: "diskinfo", Paths: []string{"/usr/sbin/diskinfo"}, Run: diskinfo},
		{Name: "camcontrol", Paths: []string{"/sbin/camcontrol"}, Run: camcontrol},
		{Name: "efibootmgr", Paths: []string{"/usr/sbin/efibootmgr"}, Run: efibootmgr, Since: "12.0"},
		{Name: "newfs", Paths: []string{"/sbin/newfs"}, Run: newfs},
		{Name: "newfs_msdos", Paths: []string{"/sbin/newfs_msdos"}, Run: newfsMSDOS},
	}
}

// command is one of gpart's.
type command struct {
	name, usage string
	options     string // as in getopt(3)
	needs       string // options that must be given
	run         func(c *call) error
}

func commands() []command {
	return []command{
		{"add", "-t type [-a alignment] [-b start] [-s size] [-i index] [-l label] [-f flags] geom", "a:b:s:t:i:l:f:", "t", (*call).add},
		{"backup", "geom", "", "", (*call).backup},
		{"bootcode", "[-N] [-b bootcode] [-p partcode -i index] [-f flags] geom", "b:p:i:f:N", "", (*call).bootcode},
		{"commit", "geom", "", "", (*call).commit},
		{"create", "-s scheme [-n entries] [-f flags] provider", "s:n:f:", "s", (*call).create},
		{"delete", "-i index [-f flags] geom", "i:f:", "i", (*call).delete},
		{"destroy", "[-F] [-f flags] geom", "Ff:", "", (*call).destroy},
		{"modify", "-i index [-l label] [-t type] [-f flags] geom", "i:l:t:f:", "i", (*call).modify},
		{"set", "-a attrib [-i index] [-f flags] geom", "a:i:f:", "a", (*call).set},
		{"show", "[-l | -r] [-p] [geom ...]", "lrp", "", (*call).show},
		{"undo", "geom", "", "", (*call).undo},
		{"unset", "-a attrib [-i index] [-f flags] geom", "a:i:f:", "a", (*call).unset},
		{"resize", "-i index [-a alignment] [-s size] [-f flags] geom", "a:s:i:f:", "i", (*call).resize},
		{"restore", "[-lF] [-f flags] provider [...]", "lFf:", "", (*call).restore},
		{"recover", "[-f flags] geom", "f:", "", (*call).recover},
		{"help", "", "", "", nil},
		{"list", "[-a] [name ...]", "a", "", (*call).list},
		{"status", "[-ags] [name ...]", "ags", "", (*call).status},
		{"load", "[-v]", "v", "", nil},
		{"unload", "[-v]", "v", "", nil},
	}
}

// call is one run of gpart. The state is locked while a command runs.
type call struct {
	*sim.Proc
	s    *state.State
	kept map[string]*state.Table // see pending
	opt  map[byte]string
	args []string
	// changed disks get their nodes in /dev brought in line; writes and new file
	// systems happen when the state is free again.
	after []func()
}

// refusal is what gpart says before it exits with 1.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// kernel is an error of the kernel's part class: what it is about, and why.
func kernel(errno syscall.Errno, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if what == "" {
		return refusal(sim.ErrText(errno))
	}
	return refusal(what + ": " + sim.ErrText(errno))
}

// errUsage asks for the usage message.
var errUsage = errors.New("usage")

func gpart(p *sim.Proc) int { return run(p, p.Args[1:]) }

func run(p *sim.Proc, args []string) int {
	if len(args) == 0 {
		return usage(p)
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		if c.name == "help" {
			return usage(p)
		}
		if c.run == nil {
			return p.Cannot("gpart %s", c.name)
		}
		return c.start(p, args[1:])
	}
	p.Errorf("gpart: Unknown command: %s.\n", args[0])
	return usage(p)
}

func usage(p *sim.Proc) int {
	prefix := "usage:"
	for _, c := range commands() {
		p.Errorf("%s\n", strings.TrimRight(prefix+" gpart "+c.name+" "+c.usage, " "))
		prefix = "      "
	}
	return 1
}

func (c command) start(p *sim.Proc, args []string) int {
	k := &call{Proc: p, s: p.Machine.State(), kept: pendingOf(p.Machine), opt: map[byte]string{}}
	if strings.HasPrefix(strings.Join(args, " "), "--libxo") {
		return p.Cannot("gpart %s %s", c.name, args[0])
	}
	err := k.parse(c, args)
	if err == nil {
		k.s.Lock()
		err = c.run(k)
		k.s.Unlock()
		for _, do := range k.after {
			do()
		}
	}
	switch {
	case errors.Is(err, errUsage):
		return usage(p)
	case err != nil:
		p.Errorf("gpart: %v\n", err)
		return 1
	}
	return 0
}

// parse reads options as getopt(3) does.
func (k *call) parse(c command, args []string) error {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0][1:]
		args = args[1:]
		if arg == "-" {
			break
		}
		for arg != "" {
			letter := arg[0]
			arg = arg[1:]
			at := strings.IndexByte(c.options, letter)
			switch {
			case at < 0 || letter == ':':
				k.Errorf("gpart: illegal option -- %c\n", letter)
				return errUsage
			case at+1 == len(c.options) || c.options[at+1] != ':':
				k.opt[letter] = ""
				continue
			case arg == "" && len(args) == 0:
				k.Errorf("gpart: option requires an argument -- %c\n", letter)
				return errUsage
			case arg == "":
				arg, args = args[0], args[1:]
			}
			if _, twice := k.opt[letter]; twice {
				k.Errorf("gpart: Option specified twice.\n")
				return errUsage
			}
			k.opt[letter], arg = arg, ""
		}
	}
	for _, letter := range []byte(c.needs) {
		if !k.has(letter) {
			k.Errorf("gpart: Option '%c' not specified.\n", letter)
			return errUsage
		}
	}
	k.args = args
	return nil
}

func (k *call) has(letter byte) bool {
	_, ok := k.opt[letter]
	return ok
}

// one is the only operand of most commands, without /dev/.
func (k *call) one() (string, error) {
	if len(k.args) != 1 {
		return "", refuse("Invalid number of arguments.")
	}
	return strings.TrimPrefix(k.args[0], "/dev/"), nil
}

// table is the operand's disk with its table, to look at.
func (k *call) table(name string) (*state.Disk, error) {
	d := k.s.Disk(strings.TrimPrefix(name, "/dev/"))
	if d == nil || d.Table == nil {
		return nil, refuse("No such geom: %s.", name)
	}
	return d, nil
}

// change is the operand's disk with its table, to change: only root may, and a
// damaged one has to be recovered before.
func (k *call) change() (*state.Disk, error) {
	name, err := k.one()
	if err != nil {
		return nil, err
	}
	if k.Cred.UID != 0 {
		return nil, kernel(syscall.EACCES, "")
	}
	d := k.s.Disk(name)
	switch {
	case d == nil || d.Table == nil:
		return nil, kernel(syscall.EINVAL, "arg0 '%s'", k.args[0])
	case d.Table.Corrupt:
		return nil, kernel(syscall.EPERM, "table '%s' is corrupt", name)
	}
	return d, nil
}

// index is -i as a number.
func (k *call) index() (int, error) {
	if !k.has('i') {
		return 0, nil
	}
	n, err := strconv.Atoi(k.opt['i'])
	if err != nil || n < 0 {
		return 0, refuse("Invalid value for 'i' argument: %s", k.opt['i'])
	}
	return n, nil
}

// part is the partition that -i names.
func (k *call) part(d *state.Disk) (*state.Partition, error) {
	n, err := k.index()
	if err != nil {
		return nil, err
	}
	if part := d.Table.Part(n); part != nil {
		return part, nil
	}
	return nil, kernel(syscall.ENOENT, "index '%d'", n)
}

// busy tells whether a partition is in use. The machine looks for itself, and
// takes the state meanwhile.
func (k *call) busy(name string) bool {
	k.s.Unlock()
	defer k.s.Lock()
	return k.Machine.UsedAs(name) != ""
}

// pending are the tables as the disks hold them, of disks with changes that
// nobody has committed yet, by disk.
type pending struct{ Tables map[string]*state.Table }

func pendingOf(m *sim.Machine) map[string]*state.Table {
	p := sim.ToolState[pending](m, "gpart")
	if p.Tables == nil {
		p.Tables = map[string]*state.Table{}
	}
	return p.Tables
}

// edited finishes a change: with flag C, which is the default, it is written at
// once; without, it waits for commit or undo. before is the table as it was.
func (k *call) edited(d *state.Disk, before *state.Table) {
	flags, given := k.opt['f']
	if !given || strings.Contains(flags, "C") {
		delete(k.kept, d.Name)
	} else if _, ok := k.kept[d.Name]; !ok {
		k.kept[d.Name] = before
	}
	k.after = append(k.after, k.Machine.Devices)
}

func (k *call) commit() error {
	d, err := k.opened()
	if err == nil {
		delete(k.kept, d.Name)
	}
	return err
}

func (k *call) undo() error {
	d, err := k.opened()
	if err != nil {
		return err
	}
	d.Table = k.kept[d.Name]
	delete(k.kept, d.Name)
	k.after = append(k.after, k.Machine.Devices)
	return nil
}

// opened is a disk with uncommitted changes.
func (k *call) opened() (*state.Disk, error) {
	name, err := k.one()
	if err != nil {
		return nil, err
	}
	if k.Cred.UID != 0 {
		return nil, kernel(syscall.EACCES, "")
	}
	_, waits := k.kept[name]
	d := k.s.Disk(name)
	switch {
	case d == nil || d.Table == nil && !waits:
		return nil, kernel(syscall.EINVAL, "arg0 '%s'", k.args[0])
	case !waits:
		return nil, kernel(syscall.EPERM, "")
	}
	return d, nil
}

// major is the running release's first number.
func (k *call) major() int {
	version, _, _ := strings.Cut(k.s.Release.Version, ".")
	n, _ := strconv.Atoi(version)
	return n
}

// disks are those with a table, by name.
func (k *call) disks() []*state.Disk {
	var list []*state.Disk
	for _, d := range k.s.Disks {
		if !d.Gone && d.Table != nil {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *state.Disk) int { return strings.Compare(a.Name, b.Name) })
	return list
}
