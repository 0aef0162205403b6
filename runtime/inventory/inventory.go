package inventory

import (
	"fmt"
	"maps"
	"slices"
)

// Inventory is what files say of hosts and groups.
//
// Variables and settings are laid over one another, the later winning: the group
// all, groups by how deep they stand below others (then by priority and name), the
// same of group_vars, the host's ranges, the host itself, host_vars. What the
// command line says comes last.
type Inventory struct {
	groups    map[string]*group
	hosts     map[string]*entry
	order     []string // names of hosts, as first met
	entries   []about
	told      []string
	toldOnce  map[string]bool
	overruled map[string]bool // settings that the command line decides
	sshConfig string
	parents   map[string][]string // of groups
}

// Options say what reading an inventory needs from outside.
type Options struct {
	// Lua gives the data that a Lua file returns.
	Lua func(name string, text []byte) (any, error)
	// SSHConfig is the file whose aliases are the group ssh_config.
	SSHConfig string
	// Overruled are the settings that the command line decides for all hosts.
	Overruled []string
}

const (
	allGroup = "all"
	sshGroup = "ssh_config"
)

// group is a named set of hosts.
type group struct {
	at          string // where it was met first
	hosts       []string
	children    []string
	childAt     map[string]string
	priority    int
	depth       int
	own, folder scope
}

// entry is one host of the inventory.
type entry struct {
	host        Host
	own, folder scope
	groups      []string // those that name it
	alias       bool     // of ssh_config: not among all
}

// about is what a file says of the hosts that a key names.
type about struct {
	key   string
	hosts []Host
	scope scope
}

func newInventory(o Options) *Inventory {
	inv := &Inventory{
		groups: map[string]*group{}, hosts: map[string]*entry{}, toldOnce: map[string]bool{},
		overruled: map[string]bool{}, sshConfig: o.SSHConfig,
	}
	for _, key := range o.Overruled {
		inv.overruled[key] = true
	}
	return inv
}

// Told is what the files say that bsdrun has no counterpart for, in words.
func (inv *Inventory) Told() []string { return inv.told }

// tell notes what has no counterpart, once for each topic.
func (inv *Inventory) tell(topic, format string, args ...any) {
	if !inv.toldOnce[topic] {
		inv.toldOnce[topic] = true
		inv.told = append(inv.told, fmt.Sprintf(format, args...))
	}
}

// Empty tells whether there is neither a host nor a group.
func (inv *Inventory) Empty() bool { return len(inv.hosts) == 0 && len(inv.groups) == 0 }

func (inv *Inventory) group(name, at string) *group {
	g := inv.groups[name]
	if g == nil {
		g = &group{at: at, childAt: map[string]string{}, own: newScope(), folder: newScope()}
		inv.groups[name] = g
	}
	return g
}

func (inv *Inventory) host(h Host) *entry {
	e := inv.hosts[h.Name]
	if e == nil {
		e = &entry{host: h, own: newScope(), folder: newScope()}
		inv.hosts[h.Name] = e
		inv.order = append(inv.order, h.Name)
	}
	return e
}

// join puts a host into a group.
func (inv *Inventory) join(name string, g *group, h Host) {
	e := inv.host(h)
	if !slices.Contains(e.groups, name) {
		e.groups = append(e.groups, name)
		g.hosts = append(g.hosts, h.Name)
	}
}

func (g *group) addChild(name, at string) {
	if _, known := g.childAt[name]; !known {
		g.children = append(g.children, name)
		g.childAt[name] = at
	}
}

// finish checks what only the whole can tell, once all files are read.
func (inv *Inventory) finish() error {
	inv.parents = map[string][]string{}
	for _, name := range sortedKeys(inv.groups) {
		for _, child := range inv.groups[name].children {
			if child == sshGroup && inv.groups[child] == nil {
				if err := inv.readAliases(); err != nil {
					return err
				}
			}
			if inv.groups[child] == nil {
				return invalid("%s: group %s has a child %s that does not exist", inv.groups[name].childAt[child], name, child)
			}
			inv.parents[child] = append(inv.parents[child], name)
		}
	}
	state := map[string]int{}
	for _, name := range sortedKeys(inv.groups) {
		if _, err := inv.measure(name, state); err != nil {
			return err
		}
	}
	inv.applyEntries()
	return nil
}

// measure finds how deep a group stands below others, and refuses circles.
func (inv *Inventory) measure(name string, state map[string]int) (int, error) {
	const underWay, done = 1, 2
	g := inv.groups[name]
	switch state[name] {
	case done:
		return g.depth, nil
	case underWay:
		return 0, invalid("%s: group %s is below itself", g.at, name)
	}
	state[name] = underWay
	for _, parent := range inv.parents[name] {
		depth, err := inv.measure(parent, state)
		if err != nil {
			return 0, err
		}
		g.depth = max(g.depth, depth+1)
	}
	state[name] = done
	return g.depth, nil
}

// applyEntries gives hosts what entries say of them: a host's own entry says more
// than one of a range.
func (inv *Inventory) applyEntries() {
	slices.SortStableFunc(inv.entries, func(a, b about) int { return len(b.hosts) - len(a.hosts) })
	for _, entry := range inv.entries {
		for _, h := range entry.hosts {
			inv.host(h).own.add(entry.scope)
		}
	}
	inv.entries = nil
}

// below lists a group and the groups below it.
func (inv *Inventory) below(name string) []string {
	seen := []string{name}
	for i := 0; i < len(seen); i++ {
		for _, child := range inv.groups[seen[i]].children {
			if !slices.Contains(seen, child) {
				seen = append(seen, child)
			}
		}
	}
	return seen
}

// members are the hosts of a group and of those below it.
func (inv *Inventory) members(name string) []Host {
	var hosts []Host
	if name == allGroup {
		for _, host := range inv.order {
			if e := inv.hosts[host]; !e.alias {
				hosts = append(hosts, e.host)
			}
		}
		return hosts
	}
	seen := map[string]bool{}
	for _, g := range inv.below(name) {
		for _, host := range inv.groups[g].hosts {
			if !seen[host] {
				seen[host] = true
				hosts = append(hosts, inv.hosts[host].host)
			}
		}
	}
	return hosts
}

// entryOf is what the inventory knows of a host: by its name, or by the name
// behind its user.
func (inv *Inventory) entryOf(h Host) *entry {
	if e := inv.hosts[h.Name]; e != nil {
		return e
	}
	if h.Kind == SSH && h.Jail == "" {
		return inv.hosts[h.Address]
	}
	return nil
}

// groupsOf are the groups that hold a host, the most general first.
func (inv *Inventory) groupsOf(e *entry) []string {
	if e == nil {
		return nil
	}
	names := slices.Clone(e.groups)
	for i := 0; i < len(names); i++ {
		for _, parent := range inv.parents[names[i]] {
			if !slices.Contains(names, parent) {
				names = append(names, parent)
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == allGroup })
	slices.SortFunc(names, func(a, b string) int {
		ga, gb := inv.groups[a], inv.groups[b]
		switch {
		case ga.depth != gb.depth:
			return ga.depth - gb.depth
		case ga.priority != gb.priority:
			return ga.priority - gb.priority
		case a < b:
			return -1
		default:
			return 1
		}
	})
	if inv.groups[allGroup] != nil && !e.alias {
		names = slices.Insert(names, 0, allGroup)
	}
	return names
}

// level is one scope that says something of a host, and whose it is.
type level struct {
	of string // "group web", "host web1"
	scope
}

func (inv *Inventory) levels(e *entry) []level {
	if e == nil {
		return nil
	}
	var own, folder []level
	for _, name := range inv.groupsOf(e) {
		g := inv.groups[name]
		own = append(own, level{"group " + name, g.own})
		folder = append(folder, level{"group " + name, g.folder})
	}
	return slices.Concat(own, folder, []level{{"host " + e.host.Name, e.own}, {"host " + e.host.Name, e.folder}})
}

// describe adds what the inventory says of a host. The user and port given with
// its name win.
func (inv *Inventory) describe(h Host) Host {
	user, port := h.User, h.Port
	e := inv.entryOf(h)
	h.Groups = inv.groupsOf(e)
	h.Vars = map[string]any{}
	settings := map[string]value{}
	for _, l := range inv.levels(e) {
		maps.Copy(settings, l.settings)
		for name, v := range l.vars {
			h.Vars[name] = v.v
		}
	}
	for key := range inv.overruled {
		delete(settings, key)
	}
	h.apply(settings)
	if user != "" {
		h.User = user
	}
	if port != 0 {
		h.Port = port
	}
	return h
}
