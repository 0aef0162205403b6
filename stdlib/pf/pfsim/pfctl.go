package pfsim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/pf/rules"
)

// Tools is pfctl with the packet filter itself.
func Tools() []*sim.Tool {
	return []*sim.Tool{{Name: "pfctl", Paths: []string{"/sbin/pfctl"}, Run: run, Boot: boot, Filter: filter}}
}

const usageText = "usage: pfctl [-AdeghMmNnOPqRSrvz] [-a anchor] [-D macro=value] [-F modifier]\n" +
	"\t[-f file] [-i interface] [-K host | network]\n" +
	"\t[-k host | network | gateway | label | id] [-o level] [-p device]\n" +
	"\t[-s modifier] [-t table -T command [address ...]] [-x level]\n"

// call is one run of pfctl.
type call struct {
	*sim.Proc
	flags   map[byte]bool
	verbose int
	value   map[byte]string
	macros  map[string]string
	kill    []string // -k
	killSrc []string // -K
	args    []string // behind -T
	command string   // of -T
	show    string
	clear   string
	debug   string
	anchor  string
	recurse bool // the anchor ended in a star
	parts   int
	k       *kernel // locked while the command uses it
	titled  bool
}

// exit ends the command with a code.
type exit int

// fatal is errx(3).
func (c *call) fatal(format string, args ...any) {
	c.warn(format, args...)
	panic(exit(1))
}

func (c *call) warn(format string, args ...any) { c.Errorf("pfctl: "+format+"\n", args...) }

func (c *call) usage() {
	c.Errorf("%s", usageText)
	panic(exit(1))
}

// tell is a message that -q silences.
func (c *call) tell(format string, args ...any) {
	if !c.flags['q'] {
		c.Errorf(format, args...)
	}
}

// run says what it has to say when the kernel is unlocked again: what it writes may
// be packets to filter.
func run(p *sim.Proc) (code int) {
	var out, errs bytes.Buffer
	quiet := *p
	quiet.Stdout, quiet.Stderr = &out, &errs
	c := &call{Proc: &quiet, flags: map[byte]bool{}, value: map[byte]string{}, macros: map[string]string{}}
	defer func() {
		r := recover()
		if c.k != nil {
			c.k.mu.Unlock()
		}
		_, _ = p.Stdout.Write(out.Bytes())
		_, _ = p.Stderr.Write(errs.Bytes())
		if r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	c.options()
	return c.act()
}

// release tells whether the userland is at least a version.
func (c *call) release(version string) bool {
	r, _ := sim.FindRelease(c.Machine.UserlandRelease(""))
	return portstree.CompareVersions(r.Version(), version) >= 0
}

var (
	clearWords = []string{"nat", "queue", "rules", "Sources", "states", "info", "Tables", "osfp", "all"}
	showWords  = []string{"nat", "queue", "rules", "Anchors", "Sources", "states", "info", "Interfaces", "labels", "timeouts", "memory", "Tables",
		"osfp", "Running", "all"}
	tableWords = []string{"kill", "flush", "add", "delete", "load", "replace", "show", "test", "zero", "expire"}
	debugWords = []string{"none", "urgent", "misc", "loud"}
	levelWords = []string{"none", "basic", "profile"}
)

// word finds the first word that begins so.
func word(short string, list []string) string {
	for _, w := range list {
		if short != "" && strings.HasPrefix(w, short) {
			return w
		}
	}
	return ""
}

const optionLetters = "a:AdD:eqf:F:ghi:k:K:mMnNOo:Pp:rRSs:t:T:vx:z"

// options reads them in getopt(3)'s way.
func (c *call) options() {
	args := c.Args[1:]
	if len(args) == 0 {
		c.usage()
	}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		group := args[0][1:]
		args = args[1:]
		if group == "-" {
			break
		}
		for group != "" {
			letter := group[0]
			group = group[1:]
			at := strings.IndexByte(optionLetters, letter)
			if at < 0 || letter == ':' || (letter == 'S' || letter == 'M') && !c.release("14.0") {
				c.Errorf("pfctl: illegal option -- %c\n", letter)
				c.usage()
			}
			if at+1 == len(optionLetters) || optionLetters[at+1] != ':' {
				c.flag(letter)
				continue
			}
			if group == "" {
				if len(args) == 0 {
					c.Errorf("pfctl: option requires an argument -- %c\n", letter)
					c.usage()
				}
				group, args = args[0], args[1:]
			}
			c.option(letter, group)
			group = ""
		}
	}
	c.rest(args)
}

func (c *call) flag(letter byte) {
	c.flags[letter] = true
	switch letter {
	case 'v':
		c.verbose++
	case 'h':
		c.usage()
	case 'N':
		c.parts |= loadNat
	case 'R':
		c.parts |= loadFilter
	case 'O':
		c.parts |= loadOptions
	}
}

func (c *call) option(letter byte, value string) {
	chosen := func(list []string, complaint string) string {
		w := word(value, list)
		if w == "Running" && !c.release("12.0") {
			w = ""
		}
		if w == "" {
			c.warn(complaint, value)
			c.usage()
		}
		return w
	}
	switch letter {
	case 'D':
		name, text, ok := strings.Cut(value, "=")
		if !ok {
			c.warn("could not parse macro definition %s", value)
			return
		}
		c.macros[name] = text
	case 'F':
		c.clear = chosen(clearWords, "Unknown flush modifier '%s'")
	case 's':
		c.show = chosen(showWords, "Unknown show modifier '%s'")
	case 'T':
		c.command = chosen(tableWords, "Unknown table command '%s'")
	case 'x':
		c.debug = chosen(debugWords, "Unknown debug level '%s'")
	case 'o':
		c.value['o'] = chosen(levelWords, "Unknown optimization '%s'")
	case 'k', 'K':
		list := &c.kill
		if letter == 'K' {
			list = &c.killSrc
		}
		if len(*list) == 2 {
			c.warn("can only specify -%c twice", letter)
			c.usage()
		}
		*list = append(*list, value)
	default:
		c.value[letter] = value
	}
}

// rest looks at what follows the options.
func (c *call) rest(args []string) {
	switch {
	case c.command == "load":
		c.parts |= loadTables
		c.command = ""
	case c.command != "":
		c.args = args
	case len(args) > 0:
		c.warn("unknown command line argument: %s ...", args[0])
		c.usage()
	}
	if c.parts == 0 && !c.flags['A'] {
		c.parts = loadAll
	}
	if a, given := c.value['a']; given {
		if short, star := strings.CutSuffix(a, "*"); star {
			a, c.recurse = strings.TrimSuffix(short, "/"), true
		}
		c.anchor = a
		c.parts &= loadFilter | loadNat | loadTables
	}
}

// open is open(2) on /dev/pf: with -n it may fail.
func (c *call) open() {
	c.k = enter(c.Machine)
	denied := c.Cred.UID != 0
	switch {
	case c.k == nil && !c.flags['n']:
		c.fatal("/dev/pf: No such file or directory")
	case denied && !c.flags['n']:
		c.fatal("/dev/pf: Permission denied")
	case denied && c.k != nil:
		c.k.mu.Unlock()
		c.k = nil
	}
	if !c.flags['n'] && (c.verbose > 0 || !c.release("13.0")) {
		c.Errorf("No ALTQ support in kernel\nALTQ related functions disabled\n")
	}
}

// act does what was asked for, in pfctl's order.
func (c *call) act() int {
	code := 0
	text := []byte(nil)
	file, loads := c.value['f']
	if loads && file == "-" && c.command == "" { // before the kernel is locked
		text, _ = io.ReadAll(c.Stdin)
	}
	c.open()
	if c.flags['n'] {
		c.flags['d'], c.flags['e'], c.clear, c.show, c.debug = false, false, "", "", ""
	}
	if c.flags['d'] {
		c.disable()
	}
	if c.show != "" {
		code = c.shown()
	}
	if c.flags['z'] && c.show == "" && c.k != nil {
		c.zero()
	}
	if c.clear != "" {
		c.guardAnchor()
		c.clearWhat()
	}
	if len(c.kill) > 0 {
		c.killStates()
	}
	if len(c.killSrc) > 0 {
		c.killSources()
	}
	if c.command != "" {
		code = c.table(file)
		loads = false
	}
	if loads {
		c.guardAnchor()
		c.load(file, text)
	}
	if c.flags['e'] {
		c.enable()
	}
	if c.debug != "" {
		c.k.Options["debug"] = c.debug
		c.tell("debug level set to '%s'\n", c.debug)
	}
	return code & 0xff
}

func (c *call) guardAnchor() {
	if strings.HasPrefix(c.anchor, "_") || strings.Contains(c.anchor, "/_") {
		c.fatal("anchor names beginning with '_' cannot be modified from the command line")
	}
}

func (c *call) enable() {
	if c.k.Enabled {
		c.fatal("pf already enabled")
	}
	c.k.Enabled, c.k.Since = true, c.Now()
	c.tell("pf enabled\n")
}

func (c *call) disable() {
	if !c.k.Enabled {
		c.fatal("pf not enabled")
	}
	c.k.Enabled, c.k.Since = false, c.Now()
	c.tell("pf disabled\n")
}

// env is what this machine's pfctl reads files on.
func env(m *sim.Machine, view *vfs.View, macros map[string]string) rules.Env {
	return rules.Env{
		Release:    strings.SplitN(m.UserlandRelease(""), "-", 2)[0],
		Open:       view.ReadFile,
		Interfaces: interfacesOf(m),
		Macros:     macros,
		Lookup: func(name string) []netip.Addr {
			text, err := m.Network().Resolve(name)
			a, perr := netip.ParseAddr(text)
			if err != nil || perr != nil {
				return nil
			}
			return []netip.Addr{a}
		},
		User: func(name string) (int, bool) {
			u, ok := m.LookupUser(name)
			return int(u.UID), ok
		},
		Group: func(name string) (int, bool) { return groupID(view, name) },
	}
}

// groupID finds a group in /etc/group.
func groupID(view *vfs.View, name string) (int, bool) {
	data, _ := view.ReadFile("/etc/group")
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) > 2 && f[0] == name {
			id := 0
			_, err := fmt.Sscan(f[2], &id)
			return id, err == nil
		}
	}
	return 0, false
}

// load reads a file and puts its rules into the kernel, all or nothing.
func (c *call) load(file string, text []byte) {
	set := c.parse(file, text, c.anchor)
	type load struct {
		path string
		set  *rules.Ruleset
	}
	loads := []load{{c.anchor, set}}
	if c.anchor == "" {
		for _, l := range set.Loads {
			if c.verbose > 0 {
				c.Errorf("\nLoading anchor %s from %s\n", l.Anchor, l.File)
			}
			loads = append(loads, load{l.Anchor, c.parse(l.File, nil, l.Anchor)})
		}
	}
	if c.flags['n'] {
		return
	}
	for i, l := range loads {
		parts := c.parts
		if i > 0 {
			parts &^= loadOptions
		}
		c.k.load(l.path, l.set, parts, c.PID, c.Now())
	}
}

// parse reads a file; with an error the command ends.
func (c *call) parse(file string, text []byte, anchor string) *rules.Ruleset {
	if file != "-" {
		var err error
		if text, err = c.FS().ReadFile(file); err != nil {
			c.warn("%s: %s", file, sim.ErrText(err))
			c.warn("cannot open the main config file!: %s", sim.ErrText(err))
			c.failed()
		}
	}
	e := env(c.Machine, c.FS(), c.macros)
	e.Anchor = anchor
	e.Open = func(name string) ([]byte, error) {
		data, err := c.FS().ReadFile(name)
		if err != nil {
			return nil, errors.New(sim.ErrText(err))
		}
		return data, nil
	}
	set, complaints := rules.Parse(file, text, e)
	if c.verbose > 0 {
		for _, line := range set.Said {
			c.Printf("%s\n", line)
		}
	}
	for _, complaint := range complaints {
		c.Errorf("%s\n", complaint)
	}
	if len(complaints) > 0 {
		c.failed()
	}
	if c.verbose > 0 {
		set.Said = nil
		for _, line := range c.preview(set) {
			c.Printf("%s\n", line)
		}
	}
	return set
}

// failed ends a load: what was loaded before stays.
func (c *call) failed() {
	if !c.flags['n'] {
		c.warn("Syntax error in config file: pf rules not loaded")
	}
	panic(exit(1))
}

// preview are the rules as they will be in the kernel.
func (c *call) preview(set *rules.Ruleset) []string {
	style := rules.Style{Numeric: c.flags['P']}
	if c.verbose < 2 {
		return set.Preview(style)
	}
	style.Count = func(rules.Address) int { return -1 }
	var out []string
	for _, list := range [][]rules.Rule{set.Scrub, set.Nat, set.Rdr, set.Binat, set.Filter} {
		out = append(out, numbered(list, style)...)
	}
	return out
}

func numbered(list []rules.Rule, style rules.Style) (out []string) {
	for _, r := range list {
		text := fmt.Sprintf("@%d %s", r.Number, r.Text(style))
		if r.Inline == nil {
			out = append(out, text)
			continue
		}
		out = append(append(append(out, text+" {"), numbered(r.Inline.Filter, style)...), "}")
	}
	return out
}

func (c *call) clearWhat() {
	k, all := c.k, c.clear == "all"
	is := func(what string) bool { return all || c.clear == what }
	a := k.at(c.anchor)
	if is("rules") {
		a.Scrub, a.Filter = nil, nil
		c.tell("rules cleared\n")
	}
	if is("nat") {
		a.Nat, a.Rdr, a.Binat = nil, nil, nil
		c.tell("nat cleared\n")
	}
	if is("Tables") {
		n := len(a.Tables)
		a.Tables = map[string]*table{}
		c.tell("%d tables deleted.\n", n)
	}
	k.drop()
	if all && c.anchor != "" {
		return
	}
	if is("states") {
		c.clearStates()
	}
	if is("Sources") {
		k.Sticky = map[string]netip.Addr{}
		c.tell("source tracking entries cleared\n")
	}
	if is("info") {
		k.Counters = map[string]int{}
		c.tell("pf: statistics cleared\n")
	}
	if all {
		k.Skip = nil
		c.tell("pf: interface flags reset\n")
	}
}

func (c *call) clearStates() {
	on, before := c.value['i'], len(c.k.States)
	c.k.States = slices.DeleteFunc(c.k.States, func(s *flow) bool { return on == "" || s.Interface == on })
	gone := before - len(c.k.States)
	c.k.Counters["removals"] += gone
	c.tell("%d states cleared\n", gone)
}

// zero is -z: rules count anew.
func (c *call) zero() {
	a := c.k.at(c.anchor)
	for _, list := range [][]*rule{a.Scrub, a.Nat, a.Rdr, a.Binat, a.Filter} {
		for _, r := range list {
			r.Evaluations, r.Packets, r.Matched = 0, 0, 0
		}
	}
}

// prefixOf reads what -k and -K name.
func (c *call) prefixOf(text string) netip.Prefix {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			c.fatal("getaddrinfo: Name does not resolve")
		}
		return p.Masked()
	}
	address, err := c.Machine.Network().Resolve(text)
	a, perr := netip.ParseAddr(address)
	if err != nil || perr != nil {
		c.fatal("getaddrinfo: Name does not resolve")
	}
	return netip.PrefixFrom(a, a.BitLen())
}

func (c *call) killStates() {
	first := c.kill[0]
	if first == "label" || first == "id" {
		if len(c.kill) != 2 || c.kill[1] == "" {
			c.warn("no %s specified", first)
			c.usage()
		}
		n := c.drop(func(s *flow) bool {
			if first == "label" {
				return slices.Contains(strings.Split(s.Label, ","), c.kill[1])
			}
			id, _, _ := strings.Cut(c.kill[1], "/")
			return strings.TrimLeft(id, "0") == fmt.Sprintf("%x", s.ID)
		})
		c.tell("killed %d states\n", n)
		return
	}
	source, destinations := c.prefixOf(first), 0
	match := func(s *flow) bool { return source.Contains(s.From.Addr()) || source.Contains(s.WireFrom.Addr()) }
	if len(c.kill) == 2 {
		to := c.prefixOf(c.kill[1])
		destinations = 1
		bySource := match
		match = func(s *flow) bool {
			return bySource(s) && (to.Contains(s.To.Addr()) || to.Contains(s.WireTo.Addr()))
		}
	}
	n := c.drop(match)
	c.tell("killed %d states from %d sources and %d destinations\n", n, 1, destinations)
}

func (c *call) drop(match func(*flow) bool) int {
	before := len(c.k.States)
	c.k.States = slices.DeleteFunc(c.k.States, match)
	gone := before - len(c.k.States)
	c.k.Counters["removals"] += gone
	return gone
}

func (c *call) killSources() {
	source := c.prefixOf(c.killSrc[0])
	n, destinations := 0, len(c.killSrc)-1
	for key := range c.k.Sticky {
		if a, err := netip.ParseAddr(key[strings.LastIndexByte(key, '/')+1:]); err == nil && source.Contains(a) {
			delete(c.k.Sticky, key)
			n++
		}
	}
	c.tell("killed %d src nodes from %d sources and %d destinations\n", n, 1, destinations)
}
