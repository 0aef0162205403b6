package inventory

import (
	"slices"

	"bsdrun/runtime/lazyregexp"
)

// Origin is a setting or variable of a host, whose it is and where it was written.
type Origin struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
	Of    string `json:"of"` // "group web", "host web1", "command line"
	At    string `json:"at,omitempty"`
}

// Explained is a host of the inventory and why it is as it is.
type Explained struct {
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	Address  string   `json:"address,omitempty"`
	User     string   `json:"user,omitempty"`
	Port     int      `json:"port,omitempty"`
	Groups   []string `json:"groups"`
	Settings []Origin `json:"settings"`
	Vars     []Origin `json:"vars"`
}

// Hidden stands for a value that is not shown.
const Hidden = "(hidden)"

var secretName = lazyregexp.New(`(?i)passw|passphrase|secret|token|private_?key|api_?key|credential`)

// Explain tells where everything of a selected host comes from. Variables whose
// names sound secret are not shown.
func (inv *Inventory) Explain(h Host) Explained {
	x := Explained{Name: h.Name, Kind: h.Kind, Address: h.Address, User: h.User, Port: h.Port,
		Groups: append([]string{}, h.Groups...), Settings: []Origin{}, Vars: []Origin{}}
	settings, vars := map[string]Origin{}, map[string]Origin{}
	for _, l := range inv.levels(inv.entryOf(h)) {
		for name, v := range l.settings {
			settings[name] = Origin{name, shown(v.v), l.of, v.at}
		}
		for name, v := range l.vars {
			vars[name] = Origin{name, hide(name, v.v), l.of, v.at}
		}
	}
	for name := range inv.overruled {
		if _, said := settings[name]; said {
			settings[name] = Origin{Name: name, Value: nil, Of: "command line"}
		}
	}
	for _, name := range sortedKeys(settings) {
		x.Settings = append(x.Settings, settings[name])
	}
	for _, name := range sortedKeys(vars) {
		x.Vars = append(x.Vars, vars[name])
	}
	return x
}

// hide hides what sounds secret, also within tables.
func hide(name string, v any) any {
	if secretName.MatchString(name) {
		return Hidden
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = hide(key, inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = hide("", inner)
		}
		return out
	default:
		return v
	}
}

// GroupOf is a group as bsdrun hosts shows it.
type GroupOf struct {
	Name     string   `json:"name"`
	Children []string `json:"children"`
	Hosts    []string `json:"hosts"` // with those of the groups below
}

// Groups are the groups of the inventory by name.
func (inv *Inventory) Groups() []GroupOf {
	groups := []GroupOf{}
	for _, name := range sortedKeys(inv.groups) {
		g := GroupOf{Name: name, Children: slices.Sorted(slices.Values(inv.groups[name].children)), Hosts: []string{}}
		if g.Children == nil {
			g.Children = []string{}
		}
		for _, h := range inv.members(name) {
			g.Hosts = append(g.Hosts, h.Name)
		}
		groups = append(groups, g)
	}
	return groups
}
