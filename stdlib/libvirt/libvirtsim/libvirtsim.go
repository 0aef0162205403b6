// Package libvirtsim models virsh over the files that libvirt keeps: definitions
// below /etc/libvirt, what runs below /run/libvirt.
package libvirtsim

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// Parameters of machines.
const (
	// DeafParam names a domain whose guest takes no notice of being told to shut
	// down; it may be given more than once.
	DeafParam = "libvirt-deaf"
	// ShutdownParam is how many seconds a guest takes to shut down.
	ShutdownParam = "libvirt-shutdown"
)

const virsh = "virsh"

// Tools is virsh.
func Tools() []*sim.Tool {
	return []*sim.Tool{{
		Name: virsh, Package: "libvirt-clients", Paths: []string{"/usr/bin/virsh"},
		Params: []string{DeafParam, ShutdownParam}, Run: run, Timer: timer, Boot: boot,
	}}
}

// The version that is modelled.
const (
	libvirtVersion = "9.0.0"
	qemuVersion    = "7.2.22"
)

// call is one command of virsh.
type call struct {
	*sim.Proc
	*store
	uri   string
	name  string // of the command
	given map[string]string
	quiet bool
}

func run(p *sim.Proc) int {
	c := &call{Proc: p, uri: p.Getenv("LIBVIRT_DEFAULT_URI")}
	args := p.Args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		option := args[0]
		args = args[1:]
		switch {
		case option == "-c" || option == "--connect":
			if len(args) == 0 {
				return c.wrong("option '%s' requires an argument", option)
			}
			c.uri, args = args[0], args[1:]
		case strings.HasPrefix(option, "--connect="):
			c.uri = option[len("--connect="):]
		case option == "-q" || option == "--quiet":
			c.quiet = true
		case option == "-v" || option == "--version":
			p.Printf("%s\n", libvirtVersion)
			return 0
		default:
			return p.Cannot("virsh %s", option)
		}
	}
	if len(args) == 0 {
		return p.Cannot("virsh as a shell of its own")
	}
	commands := [][]string{args}
	if len(args) == 1 {
		var wrong string
		if commands, wrong = split(args[0]); wrong != "" {
			return c.wrong("%s", wrong)
		}
	}
	// All commands are looked at before the first is done.
	type ready struct {
		command command
		given   map[string]string
	}
	var list []ready
	for _, words := range commands {
		known, ok := find(words[0])
		if !ok {
			return c.wrong("unknown command: '%s'", words[0])
		}
		if known.run == nil {
			return p.Cannot("virsh %s", words[0])
		}
		given, wrong := known.parse(words[1:])
		if wrong != "" {
			return c.wrong("%s", wrong)
		}
		list = append(list, ready{known, given})
	}
	if code := c.connect(); code != 0 {
		return code
	}
	code := 0
	for _, r := range list {
		c.name, c.given = r.command.name, r.given
		code = r.command.run(c)
		if code != sim.CannotCode && !c.quiet && !r.command.bare {
			p.Printf("\n")
		}
	}
	return code
}

// wrong prints an error of virsh's own.
func (c *call) wrong(format string, args ...any) int {
	c.Errorf("error: "+format+"\n", args...)
	return 1
}

// say is a message for people, which --quiet leaves out.
func (c *call) say(format string, args ...any) {
	if !c.quiet {
		c.Printf(format+"\n", args...)
	}
}

// connect finds the hypervisor.
func (c *call) connect() int {
	root := c.Cred.UID == 0
	if c.uri == "" {
		c.uri = "qemu:///session"
		if root {
			c.uri = "qemu:///system"
		}
	}
	refused := func(why string) int {
		c.wrong("failed to connect to the hypervisor")
		return c.wrong("%s", why)
	}
	scheme, where, ok := strings.Cut(c.uri, "://")
	switch {
	case !ok || scheme != "qemu" && !strings.HasPrefix(scheme, "qemu+"):
		return refused("no connection driver available for " + c.uri)
	case scheme != "qemu":
		return c.Cannot("virsh over %s", scheme)
	case where == "/system" && !root && !c.inGroup("libvirt"):
		return refused("Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied")
	case where == "/system" || where == "/session" && root:
		c.store = systemStore(c.Machine)
	case where == "/session":
		u, _ := c.Machine.LookupUID(c.Cred.UID)
		c.store = sessionStore(c.Machine, u.Home, c.Cred)
	default:
		return refused(fmt.Sprintf("internal error: unexpected qemu URI path '%s', try qemu:///system", where))
	}
	return 0
}

func (c *call) inGroup(name string) bool {
	gid, ok := groupID(c.Machine, name)
	return ok && (c.Cred.GID == gid || slices.Contains(c.Cred.Groups, gid))
}

// groupID reads the group's number from /etc/group.
func groupID(m *sim.Machine, name string) (int, bool) {
	data, err := m.View(vfs.Root, "/").ReadFile("/etc/group")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		var gid int
		if len(f) >= 3 && f[0] == name {
			if _, err := fmt.Sscan(f[2], &gid); err == nil {
				return gid, true
			}
		}
	}
	return 0, false
}

// split takes commands apart as virsh's own parser does: words, quotes, and ";"
// between commands.
func split(text string) (commands [][]string, wrong string) {
	var words []string
	word, begun := "", false
	end := func() {
		if begun {
			words = append(words, word)
		}
		word, begun = "", false
	}
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; ch {
		case ' ', '\t', '\n':
			end()
		case ';':
			end()
			if len(words) > 0 {
				commands = append(commands, words)
			}
			words = nil
		case '\'', '"':
			begun = true
			for i++; i < len(text) && text[i] != ch; i++ {
				if ch == '"' && text[i] == '\\' && i+1 < len(text) {
					i++
				}
				word += text[i : i+1]
			}
			if i == len(text) {
				if ch == '"' {
					return nil, "missing \""
				}
				return nil, "missing '"
			}
		case '\\':
			if i++; i == len(text) {
				return nil, "dangling \\"
			}
			word, begun = word+text[i:i+1], true
		default:
			word, begun = word+string(ch), true
		}
	}
	end()
	if len(words) > 0 {
		commands = append(commands, words)
	}
	if len(commands) == 0 {
		return nil, "no command"
	}
	return commands, ""
}

// command is a command of virsh. Options: NAME! is required, NAME= takes a value,
// NAME is a flag; those with values are also taken by place, in their order.
type command struct {
	name    string
	options string
	run     func(c *call) int
	bare    bool // prints no blank line at its end
}

var commands []command

func init() {
	commands = []command{
		{"autostart", "domain! disable", (*call).autostart, false},
		{"define", "file! validate", (*call).define, false},
		{"destroy", "domain! graceful", (*call).destroy, false},
		{"domblkinfo", "domain! device= human all", (*call).domblkinfo, false},
		{"domblklist", "domain! inactive details", (*call).domblklist, false},
		{"domid", "domain!", (*call).domid, false},
		{"domiflist", "domain! inactive", (*call).domiflist, false},
		{"dominfo", "domain!", (*call).dominfo, false},
		{"domname", "domain!", (*call).domname, false},
		{"domstate", "domain! reason", (*call).domstate, false},
		{"domuuid", "domain!", (*call).domuuid, false},
		{"dumpxml", "domain! inactive security-info update-cpu migratable", (*call).dumpxml, false},
		{"hostname", "", (*call).hostname, false},
		{"list", "inactive all transient persistent state-running state-paused state-shutoff state-other uuid name id table managed-save title autostart", (*call).list, false},
		{"managedsave", "domain!", (*call).managedSave, false},
		{"managedsave-remove", "domain!", (*call).managedSaveRemove, false},
		{"net-dumpxml", "network! inactive", (*call).netDumpxml, false},
		{"net-info", "network!", (*call).netInfo, false},
		{"net-list", "inactive all name uuid", (*call).netList, false},
		{"net-start", "network!", (*call).netStart, false},
		{"net-destroy", "network!", (*call).netDestroy, false},
		{"pool-dumpxml", "pool! inactive", (*call).poolDumpxml, false},
		{"pool-info", "pool! bytes", (*call).poolInfo, false},
		{"pool-list", "inactive all name uuid details", (*call).poolList, false},
		{"pool-start", "pool!", (*call).poolStart, false},
		{"pool-destroy", "pool!", (*call).poolDestroy, false},
		{"pool-refresh", "pool!", (*call).poolRefresh, false},
		{"resume", "domain!", (*call).resume, false},
		{"shutdown", "domain! mode=", (*call).shutdown, false},
		{"snapshot-current", "domain! name", (*call).snapshotCurrent, true},
		{"snapshot-dumpxml", "domain! snapshotname! security-info", (*call).snapshotDumpxml, false},
		{"snapshot-list", "domain! name", (*call).snapshotList, false},
		{"start", "domain!", (*call).start, false},
		{"suspend", "domain!", (*call).suspend, false},
		{"undefine", "domain! managed-save nvram keep-nvram snapshots-metadata", (*call).undefine, false},
		{"uri", "", func(c *call) int { c.Printf("%s\n", c.uri); return 0 }, false},
		{"version", "", (*call).version, false},
		{"vol-info", "vol! pool= bytes physical", (*call).volInfo, false},
		{"vol-list", "pool! details", (*call).volList, false},
		{"vol-path", "vol! pool=", (*call).volPath, false},
	}
	for _, name := range unmodelled {
		commands = append(commands, command{name: name})
	}
}

// unmodelled are commands that virsh has and the simulator lacks.
var unmodelled = strings.Fields(`attach-device attach-disk attach-interface blockcommit blockcopy blockinfo blockjob blockpull blockresize capabilities console
 cpu-stats create desc detach-device detach-disk domblkstat domcapabilities domcontrol domdisplay domfsfreeze domfsinfo domhostname domifaddr domifstat
 dommemstat domrename domstats domtime domxml-from-native domxml-to-native dump edit event freecell guestinfo help iface-list
 maxvcpus metadata migrate net-autostart net-create net-define net-dhcp-leases net-edit net-undefine net-update nodecpustats nodedev-list nodeinfo nodememstats
 nwfilter-list pool-autostart pool-build pool-create pool-define pool-delete pool-edit pool-undefine qemu-agent-command qemu-monitor-command reboot reset restore
 save schedinfo screenshot secret-list send-key set-user-password setmaxmem setmem setvcpus snapshot-create snapshot-create-as snapshot-delete snapshot-edit
 snapshot-info snapshot-parent snapshot-revert sysinfo ttyconsole vcpucount vcpuinfo vcpupin vncdisplay vol-clone vol-create vol-create-as vol-delete
 vol-download vol-dumpxml vol-key vol-pool vol-resize vol-upload vol-wipe`)

func find(name string) (command, bool) {
	for _, c := range commands {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

func (c command) parse(args []string) (given map[string]string, wrong string) {
	given = map[string]string{}
	kinds := map[string]byte{} // '!' required, '=' with a value, 0 a flag
	var data []string
	for _, option := range strings.Fields(c.options) {
		name := strings.TrimRight(option, "!=")
		kinds[name] = 0
		if name != option {
			kinds[name] = option[len(option)-1]
			data = append(data, name)
		}
	}
	byPlace := false
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" && !byPlace {
			byPlace = true
			continue
		}
		name, value, has := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if strings.HasPrefix(arg, "--") && !byPlace {
			kind, known := kinds[name]
			switch {
			case !known:
				return nil, fmt.Sprintf("command '%s' doesn't support option --%s", c.name, name)
			case kind == 0 && has:
				return nil, fmt.Sprintf("invalid '=' after option --%s", name)
			case kind == 0:
			case !has && len(args) == 0:
				return nil, fmt.Sprintf("expected syntax: --%s <string>", name)
			case !has:
				value, args = args[0], args[1:]
			}
			given[name] = value
			continue
		}
		place := slices.IndexFunc(data, func(name string) bool { _, set := given[name]; return !set })
		if place < 0 {
			return nil, fmt.Sprintf("unexpected data '%s'", arg)
		}
		given[data[place]] = arg
	}
	for _, name := range data {
		if _, set := given[name]; !set && kinds[name] == '!' {
			return nil, fmt.Sprintf("command '%s' requires <%s> option", c.name, name)
		}
	}
	return given, ""
}

func (c *call) has(option string) bool {
	_, ok := c.given[option]
	return ok
}

// table prints columns as virsh does.
func (c *call) table(header []string, rows [][]string) {
	width := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	line := func(row []string) string {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(" " + cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-len([]rune(cell))))
			}
		}
		return b.String()
	}
	if !c.quiet {
		total := 2 + 3*(len(width)-1) + 1
		for _, w := range width {
			total += w
		}
		c.Printf("%s\n%s\n", line(header), strings.Repeat("-", total))
	}
	for _, row := range rows {
		c.Printf("%s\n", line(row))
	}
}

func (c *call) hostname() int {
	c.Printf("%s\n", c.Machine.Hostname())
	return 0
}

func (c *call) version() int {
	c.Printf("Compiled against library: libvirt %s\nUsing library: libvirt %s\nUsing API: QEMU %s\nRunning hypervisor: QEMU %s\n", libvirtVersion, libvirtVersion, libvirtVersion, qemuVersion)
	return 0
}

// expand makes a path of the process's own absolute.
func (c *call) expand(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(c.Dir, name)
}
