// Package zpoolsim models zpool(8) over the machine's pools, with the words of
// the release it runs on.
package zpoolsim

import (
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// Tools is zpool, and the files it reads.
func Tools() []*sim.Tool {
	return append(compatibilityFiles(), &sim.Tool{
		Name: "zpool", Paths: []string{"/sbin/zpool"},
		Params: []string{zfs.RateParam, zfs.DamageParam, zfs.LostParam}, Run: run, Boot: boot,
	})
}

// boot finds the pools' devices as the kernel does; the first one brings the
// faults that the machine's parameters ask for.
func boot(m *sim.Machine) {
	zfs.Booted(m)
	s := m.State()
	s.Lock()
	first := s.Boot.Count <= 1
	s.Unlock()
	if !first {
		return
	}
	if err := zfs.ReadParams(m); err != nil {
		memoryOf(m).Complaint = err.Error()
	}
}

// memory is what zpool knows beyond the pools.
type memory struct {
	// Destroyed are devices, by path, that still hold the label of a pool that
	// was destroyed.
	Destroyed map[string]bool
	Complaint string // what is wrong with the machine's parameters
}

func memoryOf(m *sim.Machine) *memory {
	k := sim.ToolState[memory](m, "zpool")
	if k.Destroyed == nil {
		k.Destroyed = map[string]bool{}
	}
	return k
}

// era is a generation of the tool.
type era = cli.Era

const (
	numbered  = cli.Numbered
	features  = cli.Features
	openZFS21 = cli.OpenZFS21
	openZFS22 = cli.OpenZFS22
	openZFS24 = cli.OpenZFS24
)

// call is one run of zpool.
type call struct {
	cli.Call
	command string
}

// command is a subcommand.
type command struct {
	name string
	run  func(c *call) int
	// options by era, as getopt(3) takes them; long ones follow after a blank.
	// Where the last of them is empty the subcommand is not there.
	options [5]string
}

const none = "-" // marks an era that lacks a subcommand

func all(options string) [5]string {
	return [5]string{options, options, options, options, options}
}

func from(first era, options string) [5]string {
	list := all(options)
	for e := range first {
		list[e] = none
	}
	return list
}

func commands() []command {
	return []command{
		{"add", (*call).add, [5]string{"fno:", "fn", "fgLno:P", "fgLno:P", "afgLno:P"}},
		{"attach", (*call).attach, [5]string{"fo:", "f", "fo:sw", "fo:sw", "fo:sw"}},
		{"checkpoint", (*call).checkpoint, from(features, "dw discard wait")},
		{"clear", (*call).clear, all("FnX")},
		{"create", (*call).create, [5]string{"fno:O:m:R:", "fndo:O:m:R:", "fndo:O:m:R:t:", "fndo:O:m:R:t:", "fndo:O:m:R:t:"}},
		{"destroy", (*call).destroy, all("f")},
		{"detach", (*call).detach, all("")},
		{"events", (*call).events, from(openZFS21, "vHfc")},
		{"export", (*call).export, [5]string{"f", "f", "aFf", "aFf", "aFf"}},
		{"get", (*call).get, [5]string{"", "Hpo:", "Hpo:", "Hpo:", "Hpjo: json json-int json-pool-key-guid"}},
		{"history", (*call).history, all("il")},
		{"import", (*call).imports, [5]string{"ac:d:DfFnNo:R:V", "ac:d:DfFmnNo:R:VT:", "ac:d:DfFlmnNo:R:sS:tT:VX", "ac:d:DfFlmnNo:R:sS:tT:VX rewind-to-checkpoint", "ac:d:DfFlmnNo:R:sS:tT:VX rewind-to-checkpoint"}},
		{"initialize", (*call).initialize, from(features, "csuw cancel suspend wait")},
		{"iostat", (*call).iostat, [5]string{"vT:", "vT:", "c:gLPT:vyhplqrwnH", "c:gLPT:vyhplqrwnH", "c:gLPT:vyhplqrwnH"}},
		{"labelclear", (*call).labelclear, from(features, "f")},
		{"list", (*call).list, [5]string{"Ho:", "Ho:pT:v", "gHLo:pPT:v", "gHLo:pPT:v", "gjHLo:pPT:v json json-int json-pool-key-guid"}},
		{"offline", (*call).offline, [5]string{"t", "t", "ft", "ft", "ft power"}},
		{"online", (*call).online, [5]string{"", "e", "e", "e", "e power"}},
		{"reguid", (*call).reguid, [5]string{none, "", "", "", "g:"}},
		{"remove", (*call).remove, [5]string{"", "nps", "npsw", "npsw", "npsw"}},
		{"reopen", (*call).reopen, from(features, "n")},
		{"replace", (*call).replace, [5]string{"fo:", "f", "fo:sw", "fo:sw", "fo:sw"}},
		{"resilver", (*call).resilver, from(openZFS21, "")},
		{"scrub", (*call).scrub, [5]string{"s", "sp", "spw", "spwe", "spweC"}},
		{"set", (*call).set, all("")},
		{"split", (*call).split, all("nR:o:gLlP")},
		{"status", (*call).status, [5]string{"vx", "vxDT:", "c:DgiLpPstT:vx", "c:DegiLpPstT:vx", "c:jDdegiLpPstT:vx json json-int json-flat-vdevs json-pool-key-guid power"}},
		{"sync", (*call).sync, from(openZFS21, "f")},
		{"trim", (*call).trim, from(openZFS21, "cdr:sw cancel secure rate suspend wait")},
		{"upgrade", (*call).upgrade, all("avV:")},
		{"version", (*call).version, [5]string{none, none, "", "", "j json"}},
		{"wait", (*call).wait, from(openZFS21, "HpT:t:")},
	}
}

func run(p *sim.Proc) int {
	c := &call{Call: cli.NewCall(p)}
	if wrong := memoryOf(p.Machine).Complaint; wrong != "" {
		return p.Cannot("%s", wrong)
	}
	args := p.Args[1:]
	if len(args) == 0 {
		p.Errorf("missing command\n")
		return c.wholeUsage(true)
	}
	name := args[0]
	switch name {
	case "-?", "--help", "help":
		return c.wholeUsage(false)
	case "--version", "-V":
		name = "version"
	}
	for _, cmd := range commands() {
		if cmd.name != name || cmd.options[c.Era] == none || name == "split" && c.Release < 803 {
			continue
		}
		c.command = name
		if code := c.parse(args[1:], cmd.options[c.Era]); code != 0 {
			return code
		}
		return cmd.run(c)
	}
	p.Errorf("unrecognized command '%s'\n", name)
	return c.wholeUsage(true)
}

// parse reads options; what is left are the operands.
func (c *call) parse(args []string, options string) int {
	if c.command == "get" && c.Era == numbered { // takes none
		c.Operands = args
		return 0
	}
	if wrong := c.Parse(args, ":"+options); wrong != "" {
		return c.misuse("%s", wrong)
	}
	return 0
}

// misuse reports a wrong command line with the subcommand's usage.
func (c *call) misuse(format string, args ...any) int {
	c.Errorf(format+"\n", args...)
	return c.usage()
}

// need reports operands that are missing, by what each of them is.
func (c *call) need(what ...string) int {
	for i, name := range what {
		if len(c.Operands) <= i {
			return c.misuse("missing %s", name)
		}
	}
	return 0
}

// root tells whether the user may change pools.
func (c *call) root() bool { return c.Cred.UID == 0 }

// refuse reports why something is not done: "cannot VERB 'POOL': reason".
func (c *call) refuse(what string, reason any) int {
	c.Errorf("cannot %s: %v\n", what, reason)
	return 1
}

const denied = "permission denied"

// pool is an imported pool, nil with a message when there is none.
func (c *call) pool(name string) *state.Pool {
	p := zfs.FindPool(c.Machine, name)
	if p == nil {
		c.Errorf("cannot open '%s': no such pool\n", name)
	}
	return p
}

// pools are those named, or all; ok is false when one is missing.
func (c *call) pools(names []string) (list []*state.Pool, ok bool) {
	if len(names) == 0 {
		return zfs.Pools(c.Machine), true
	}
	ok = true
	for _, name := range names {
		if p := c.pool(name); p != nil {
			list = append(list, p)
		} else {
			ok = false
		}
	}
	return list, ok
}

// interval takes the numbers off the end of the operands that ask for repeated
// output.
func (c *call) interval() bool {
	n := len(c.Operands)
	if n == 0 {
		return false
	}
	_, err := strconv.ParseFloat(c.Operands[n-1], 64)
	return err == nil
}

// record adds the command to a pool's history.
func (c *call) record(pool *state.Pool) {
	words := append([]string{"zpool"}, c.Args[1:]...)
	zfs.Record(c.Machine, pool, fmt.Sprint(c.Cred.UID), strings.Join(words, " "))
}
