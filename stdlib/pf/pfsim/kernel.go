// Package pfsim models pf(4): the rules, tables and states in the kernel, what they
// make of packets, pfctl(8), and the start at boot.
package pfsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/stdlib/pf/rules"
)

// kernel is what pf keeps while its module is loaded.
type kernel struct {
	mu sync.Mutex
	memory
}

// memory is the part of it that is kept with the machine.
type memory struct {
	Module   string // the load it belongs to: another one begins anew
	Enabled  bool
	Since    time.Time          // enabled, or disabled
	Anchors  map[string]*anchor // by path; "" is the main ruleset
	Skip     []string
	Options  map[string]string
	States   []*flow
	Sticky   map[string]netip.Addr // rule and source -> address
	Counters map[string]int
	NextID   int
	NextPort int
	Draws    int
}

// anchor is a ruleset in the kernel.
type anchor struct {
	Scrub, Nat, Rdr, Binat, Filter []*rule
	Tables                         map[string]*table
}

// rule is a loaded rule with its counters.
type rule struct {
	rules.Rule
	Inner                         []*rule // of an anchor in braces
	Evaluations, Packets, Matched int
	PID                           int
	Turn                          int // of a round-robin pool
}

// table is a loaded table.
type table struct {
	Const, Persist, Counters bool
	Entries                  []entry
	Match, NoMatch           int
	Cleared                  time.Time
}

// entry is an address of a table.
type entry struct {
	rules.TableAddress
	Cleared time.Time
}

// flow is an entry of the state table.
type flow struct {
	ID        int
	Out       bool
	Interface string // "all" unless bound
	Proto     string
	// A sender and a receiver, as they are inside the machine and on the wire.
	From, WireFrom, To, WireTo netip.AddrPort
	Answered, Closed           bool
	Created, Used              time.Time
	Packets                    [2]int
	Rule                       int
	Label                      string
	Source                     netip.Addr // for source tracking
}

// MarshalJSON keeps what is in memory.
func (k *kernel) MarshalJSON() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return json.Marshal(&k.memory)
}

// UnmarshalJSON reads it back.
func (k *kernel) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &k.memory) }

const moduleName = "pf.ko"

// moduleOf identifies the load of the module, empty when it is not loaded.
func moduleOf(m *sim.Machine) string {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	for _, module := range s.Modules {
		if module.Name == moduleName {
			return fmt.Sprintf("%s/%d/%x", s.Boot.ID, module.ID, module.Addr)
		}
	}
	return ""
}

// enter locks the kernel's pf for the caller, who unlocks it; nil when the module is
// not loaded. What an earlier load held is gone.
func enter(m *sim.Machine) *kernel {
	module := moduleOf(m)
	if module == "" {
		return nil
	}
	k := sim.ToolState[kernel](m, "pfctl")
	k.mu.Lock()
	if k.Module != module || k.Anchors == nil {
		k.memory = memory{Module: module, Sticky: map[string]netip.Addr{}, Counters: map[string]int{}, NextPort: 50001}
		k.Anchors = map[string]*anchor{"": newAnchor()}
		k.Options = map[string]string{}
		k.Since = m.Now()
	}
	return k
}

func newAnchor() *anchor { return &anchor{Tables: map[string]*table{}} }

// at is the anchor of a path, made if it is not there.
func (k *kernel) at(path string) *anchor {
	a := k.Anchors[path]
	if a == nil {
		a = newAnchor()
		k.Anchors[path] = a
	}
	return a
}

// drop forgets anchors that hold nothing.
func (k *kernel) drop() {
	maps.DeleteFunc(k.Anchors, func(path string, a *anchor) bool {
		return path != "" && len(a.Scrub)+len(a.Nat)+len(a.Rdr)+len(a.Binat)+len(a.Filter)+len(a.Tables) == 0
	})
}

// children are the paths right below one, in order.
func (k *kernel) children(path string) (list []string) {
	prefix := path
	if prefix != "" {
		prefix += "/"
	}
	for p := range k.Anchors {
		if rest, ok := strings.CutPrefix(p, prefix); ok && rest != "" {
			first, _, _ := strings.Cut(rest, "/")
			list = append(list, prefix+first)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// table finds a table as a rule of an anchor sees it: its own, or that of the main
// ruleset.
func (k *kernel) table(path, name string) *table {
	if a := k.Anchors[path]; a != nil && a.Tables[name] != nil {
		return a.Tables[name]
	}
	return k.Anchors[""].Tables[name]
}

// What of a file is loaded.
const (
	loadFilter = 1 << iota
	loadNat
	loadTables
	loadOptions
	loadAll = loadFilter | loadNat | loadTables | loadOptions
)

// load puts rules in the place of those of an anchor. States stay.
func (k *kernel) load(path string, set *rules.Ruleset, parts, pid int, now time.Time) {
	a := k.at(path)
	loaded := func(list []rules.Rule) []*rule { return loadedRules(list, pid) }
	if parts&loadFilter != 0 {
		a.Scrub, a.Filter = loaded(set.Scrub), loaded(set.Filter)
		k.inline(path, set.Filter, pid)
	}
	if parts&loadNat != 0 {
		a.Nat, a.Rdr, a.Binat = loaded(set.Nat), loaded(set.Rdr), loaded(set.Binat)
	}
	if parts&loadTables != 0 {
		k.loadTables(path, a, set, now)
	}
	if parts&loadOptions != 0 && path == "" {
		k.loadOptions(set)
	}
	k.drop()
}

func loadedRules(list []rules.Rule, pid int) (all []*rule) {
	for _, r := range list {
		one := &rule{Rule: r, PID: pid}
		if r.Inline != nil {
			one.Inner = loadedRules(r.Inline.Filter, pid)
			one.Inline = nil
		}
		all = append(all, one)
	}
	return all
}

// inline loads the rules that stand in braces behind anchors with a name.
func (k *kernel) inline(path string, list []rules.Rule, pid int) {
	for _, r := range list {
		if r.Inline == nil {
			continue
		}
		below := join(path, r.Anchor)
		if a := k.at(below); !strings.HasPrefix(r.Anchor, "_") {
			a.Filter = loadedRules(r.Inline.Filter, pid)
		}
		k.inline(below, r.Inline.Filter, pid)
	}
}

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "/" + name
}

// loadTables replaces the tables of an anchor by those a file defines. One that the
// file gives no addresses keeps its own; one that is defined no more goes unless it
// persists or a rule names it.
func (k *kernel) loadTables(path string, a *anchor, set *rules.Ruleset, now time.Time) {
	defined := map[string]bool{}
	for _, t := range set.Tables {
		defined[t.Name] = true
		old := a.Tables[t.Name]
		fresh := &table{Const: t.Const, Persist: t.Persist, Counters: t.Counters, Cleared: now}
		if old != nil && !t.Given {
			fresh.Entries = old.Entries
		}
		for _, address := range t.Addresses {
			fresh.add(address, now)
		}
		a.Tables[t.Name] = fresh
	}
	named := k.named()
	for name, t := range a.Tables {
		if !defined[name] {
			t.Const = false
		}
		if !t.Persist && !named[name] {
			delete(a.Tables, name)
		}
	}
	if path != "" {
		return
	}
	for name := range named {
		if a.Tables[name] == nil {
			a.Tables[name] = &table{Cleared: now}
		}
	}
}

// named are the tables that rules name.
func (k *kernel) named() map[string]bool {
	list := map[string]bool{}
	var look func([]*rule)
	look = func(all []*rule) {
		for _, r := range all {
			addresses := []rules.Address{r.From.Addr, r.To.Addr}
			for _, pool := range []*rules.Pool{r.Pool, r.RdrPool} {
				if pool != nil {
					for _, a := range pool.Addresses {
						addresses = append(addresses, a.Addr)
					}
				}
			}
			for _, a := range addresses {
				if a.Kind == rules.TableOf {
					list[a.Name] = true
				}
			}
			if r.StateOpts.Overload != "" {
				list[r.StateOpts.Overload] = true
			}
			look(r.Inner)
		}
	}
	for _, a := range k.Anchors {
		for _, all := range [][]*rule{a.Scrub, a.Nat, a.Rdr, a.Binat, a.Filter} {
			look(all)
		}
	}
	return list
}

func (k *kernel) loadOptions(set *rules.Ruleset) {
	k.Skip, k.Options = nil, map[string]string{}
	for _, o := range set.Options {
		if o.Name == "skip" {
			if o.Value == "none" {
				k.Skip = nil
			} else {
				k.Skip = append(k.Skip, o.Value)
			}
			continue
		}
		k.Options[o.Name] = o.Value
	}
}

// add puts an address into the table; false: it is there already.
func (t *table) add(a rules.TableAddress, now time.Time) bool {
	if slices.ContainsFunc(t.Entries, func(e entry) bool { return e.Prefix == a.Prefix }) {
		return false
	}
	t.Entries = append(t.Entries, entry{a, now})
	slices.SortStableFunc(t.Entries, func(x, y entry) int {
		if c := x.Prefix.Addr().Compare(y.Prefix.Addr()); c != 0 {
			return c
		}
		return x.Prefix.Bits() - y.Prefix.Bits()
	})
	return true
}

// remove takes an address out; false: it was not there.
func (t *table) remove(a rules.TableAddress) bool {
	before := len(t.Entries)
	t.Entries = slices.DeleteFunc(t.Entries, func(e entry) bool { return e.Prefix == a.Prefix && e.Not == a.Not })
	return len(t.Entries) < before
}

// has tells whether an address is in the table: the narrowest entry decides.
func (t *table) has(a netip.Addr) bool {
	best, in := -1, false
	for _, e := range t.Entries {
		if e.Prefix.Contains(a) && e.Prefix.Bits() > best {
			best, in = e.Prefix.Bits(), !e.Not
		}
	}
	return in
}

// interfacesOf are the machine's interfaces as rules see them.
func interfacesOf(m *sim.Machine) (list []rules.Interface) {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	list = []rules.Interface{}
	for _, i := range s.Network.Interfaces {
		list = append(list, interfaceOf(i))
	}
	return list
}

func interfaceOf(i *state.Interface) rules.Interface {
	one := rules.Interface{Name: i.Name, Groups: i.Group, Loopback: i.Has("LOOPBACK"), Broadcast: i.Has("BROADCAST")}
	for _, p := range i.Addresses() {
		if p.Addr().Is4() {
			one.Inet = append(one.Inet, p)
		} else {
			one.Inet6 = append(one.Inet6, p)
		}
	}
	return one
}
