// Package zfssim models zfs(8) over the datasets of the machine's pools, with the
// words of the release it runs on.
package zfssim

import (
	"fmt"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// Tools is zfs.
func Tools() []*sim.Tool {
	return []*sim.Tool{{Name: "zfs", Paths: []string{"/sbin/zfs"}, Run: run}}
}

// memory is what zfs knows beyond the datasets.
type memory struct {
	// Grants are what zfs allow gave, by the identifier of the dataset.
	Grants map[string][]grant
}

func memoryOf(m *sim.Machine) *memory {
	k := sim.ToolState[memory](m, "zfs")
	if k.Grants == nil {
		k.Grants = map[string][]grant{}
	}
	return k
}

// call is one run of zfs.
type call struct {
	cli.Call
	command string
}

// command is a subcommand.
type command struct {
	name string
	run  func(c *call) int
	// options as cli.Options.Parse takes them: of 8.2, then by era. none marks a
	// release that lacks the subcommand.
	options [1 + cli.Eras]string
}

const none = "-"

// always is the same options in every release.
func always(options string) [1 + cli.Eras]string {
	return [...]string{options, options, options, options, options, options}
}

// since28 is the same options in every release but the first.
func since28(options string) [1 + cli.Eras]string {
	list := always(options)
	list[0] = none
	return list
}

// modern is the same options in every release of OpenZFS.
func modern(options string) [1 + cli.Eras]string {
	return [...]string{none, none, none, options, options, options}
}

const (
	longSend = " replicate=R skip-missing=s redact=d props=p parsable=P dedup=D verbose=v dryrun=n large-block=L embed=e resume=t compressed=c raw=w backup=b holds=h saved=S"
	longList = " json=j json-int"
)

func commands() []command {
	return []command{
		{"allow", (*call).allow, always("ldugecsh")},
		{"bookmark", (*call).bookmark, [...]string{none, none, "", "", "", ""}},
		{"change-key", (*call).changeKey, modern(":Llio:")},
		{"clone", (*call).clone, always("o:p")},
		{"create", (*call).create, [...]string{":V:b:so:p", ":V:b:so:p", ":V:b:so:pu", ":PV:b:nso:puv", ":PV:b:nso:puv", ":PV:b:nso:puv"}},
		{"destroy", (*call).destroy, [...]string{"frR", "dfrR", "vpndfrR", "vpndfrR", "vpndfrR", "vpndfrR"}},
		{"diff", (*call).diff, [...]string{none, "FHt", "FHt", "FHt", "FHth", "FHth"}},
		{"get", (*call).get, [...]string{":d:o:s:rHp", ":d:o:s:rHp", ":d:o:s:rt:Hp", ":d:o:s:rt:Hp", ":d:o:s:rt:Hp", ":d:o:s:jrt:Hp" + longList}},
		{"groupspace", (*call).unmodelled, always("*")},
		{"hold", (*call).hold, since28("rt")},
		{"holds", (*call).holds, [...]string{none, "r", "d:rHp", "rH", "rH", "rHp"}},
		{"inherit", (*call).inherit, [...]string{"r", "rS", "rS", "rS", "rS", "rS"}},
		{"jail", (*call).unmodelled, always("*")},
		{"list", (*call).list, [...]string{":d:o:rt:Hs:S:", ":d:o:rt:Hs:S:", "HS:d:o:prs:t:", "HS:d:o:prs:t:", "HS:d:o:prs:t:", "jHS:d:o:prs:t:" + longList}},
		{"load-key", (*call).loadKey, modern(":anrL:")},
		{"mount", (*call).mount, [...]string{":avo:O", ":avo:O", ":avo:O", ":aflvo:O", ":aflvo:O", ":ajRlvo:Of json=j"}},
		{"program", (*call).unmodelled, modern("*")},
		{"project", (*call).unmodelled, modern("*")},
		{"projectspace", (*call).unmodelled, modern("*")},
		{"promote", (*call).promote, always("")},
		{"receive", (*call).receive, [...]string{":dnuvF", ":denuvF", ":o:denuvFsA", ":o:x:dehMnuvFsA", ":o:x:dehMnuvFsAc", ":o:x:dehMnuvFsAc"}},
		{"redact", (*call).unmodelled, modern("*")},
		{"release", (*call).release, since28("r")},
		{"rename", (*call).rename, [...]string{"pr", "pru", "fpru", "pruf", "pruf", "pruf"}},
		{"rewrite", (*call).unmodelled, [...]string{none, none, none, none, none, "*"}},
		{"rollback", (*call).rollback, always("rRf")},
		{"send", (*call).send, [...]string{":i:I:Rv", ":i:I:RDpv", ":i:I:RDpvnPLet:c", ":i:I:RsDpvnPLeht:cwbd:S" + longSend,
			":i:I:RsDpvVnPLeht:cwbd:SX:" + longSend + " proctitle=V exclude=X", ":i:I:RsDpvVnPLeht:cwbd:SX:" + longSend + " proctitle=V exclude=X"}},
		{"set", (*call).set, [...]string{"", "", "", "", "u", "u"}},
		{"share", (*call).unmodelled, always("*")},
		{"snapshot", (*call).snapshot, always("ro:")},
		{"unallow", (*call).unallow, always("ldugecsrh")},
		{"unjail", (*call).unmodelled, always("*")},
		{"unload-key", (*call).unloadKey, modern("ar")},
		{"unmount", (*call).unmount, [...]string{"af", "af", "af", "afu", "afu", "afu"}},
		{"unshare", (*call).unmodelled, always("*")},
		{"upgrade", (*call).upgrade, always("rvV:a")},
		{"userspace", (*call).unmodelled, always("*")},
		{"version", (*call).version, [...]string{none, none, none, "", "", "j json=j"}},
		{"wait", (*call).wait, modern(":t:")},
	}
}

// otherNames are what some subcommands are called too.
var otherNames = map[string]string{"umount": "unmount", "recv": "receive", "snap": "snapshot", "--version": "version", "-V": "version"}

func run(p *sim.Proc) int {
	c := &call{Call: cli.NewCall(p)}
	args := p.Args[1:]
	if len(args) == 0 {
		p.Errorf("missing command\n")
		return c.wholeUsage(true)
	}
	name := args[0]
	switch {
	case name == "-?" || name == "--help":
		return c.wholeUsage(false)
	case name == "help" && c.Era >= cli.OpenZFS22:
		return c.Cannot("zfs help: it shows manual pages")
	}
	if long := otherNames[name]; long != "" && !(name == "snap" && c.Era == cli.Numbered) {
		name = long
	}
	column := int(c.Era) + 1
	if c.Release < 803 {
		column = 0
	}
	for _, cmd := range commands() {
		if options := cmd.options[column]; cmd.name == name && options != none {
			return c.start(cmd, args[1:], options)
		}
	}
	p.Errorf("unrecognized command '%s'\n", args[0])
	return c.wholeUsage(true)
}

// start runs a subcommand.
func (c *call) start(cmd command, args []string, options string) int {
	c.command = cmd.name
	if options != "*" {
		if wrong := c.Parse(args, options); wrong != "" {
			return c.misuse("%s", wrong)
		}
	}
	return cmd.run(c)
}

// unmodelled is what there is and the simulator can't.
func (c *call) unmodelled() int { return c.Cannot("zfs %s", c.command) }

// refuse reports why something is not done: "cannot VERB 'NAME': reason".
func (c *call) refuse(verb, name string, reason any) int {
	c.Errorf("cannot %s '%s': %v\n", verb, name, reason)
	return 1
}

const denied = "permission denied"

// record adds the command to the histories of the pools of datasets, once each.
func (c *call) record(names ...string) {
	done := map[*state.Pool]bool{}
	for _, name := range names {
		pool := zfs.FindPool(c.Machine, poolOf(name))
		if pool == nil || done[pool] {
			continue
		}
		done[pool] = true
		words := append([]string{"zfs"}, c.Args[1:]...)
		zfs.Record(c.Machine, pool, fmt.Sprint(c.Cred.UID), strings.Join(words, " "))
	}
}

// poolOf is the name of the pool that a dataset is in.
func poolOf(name string) string {
	if i := strings.IndexAny(name, "/@#"); i >= 0 {
		return name[:i]
	}
	return name
}

// cutName is the file system or volume that a snapshot or bookmark is of, and the
// name of that; what is neither comes back as it is.
func cutName(name string) (of, short string) {
	if i := strings.IndexAny(name, "@#"); i >= 0 {
		return name[:i], name[i+1:]
	}
	return name, ""
}
