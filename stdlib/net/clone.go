package net

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/sysrc"
)

// EnsureCloneArgs are the arguments of EnsureClone.
type EnsureCloneArgs struct {
	Name      string   `lua:"name,required" doc:"\"lo1\", \"bridge0\", \"epair0\" (whose ends are epair0a and epair0b), \"vlan5\""`
	Addresses []string `lua:"addresses" doc:"addresses with their prefixes: \"10.0.0.1/24\""`
	Args      []string `lua:"args" doc:"words for ifconfig create, as vlan and vlandev with their values; they count when it is made"`
	State     string   `lua:"state" doc:"whether it is there" enum:"present|absent" default:"present"`
	Persist   *bool    `lua:"persist" doc:"at boot, too: in rc.conf" default:"true"`
}

// CloneChanged is what became of an interface.
type CloneChanged struct {
	Changed bool `lua:"changed" doc:"something of it, or in check mode would be"`
	Made    bool `lua:"made" doc:"it was made"`
	Unmade  bool `lua:"unmade" doc:"it was unmade"`
	Boot    bool `lua:"boot" doc:"rc.conf was changed"`
}

var (
	cloneName = lazyregexp.New(`^[a-z][a-z_]*[0-9]+(\.[0-9]+)?$`)
	argWord   = lazyregexp.New(`^[A-Za-z0-9_.:/%-]+$`)
	pairEnd   = lazyregexp.New(`^epair[0-9]+[ab]$`)
)

// EnsureClone makes an interface that is no device, or unmakes it.
func EnsureClone(ctx context.Context, h effect.Doer, a EnsureCloneArgs) (CloneChanged, error) {
	const op = "net.clone.ensure"
	wishes, err := a.check(op)
	if err != nil {
		return CloneChanged{}, err
	}
	list, err := interfaces(ctx, h, op)
	if err != nil {
		return CloneChanged{}, err
	}
	c := clone{op: op, name: a.Name, args: a.Args, list: list, persist: a.Persist == nil || *a.Persist}
	if a.State == "absent" {
		return c.unmake(ctx, h)
	}
	return c.make(ctx, h, wishes)
}

func (a EnsureCloneArgs) check(op string) (wishes []wish, err error) {
	switch {
	case pairEnd.MatchString(a.Name):
		return nil, effect.Errorf(effect.Invalid, op, "%s is one end of a pair: name the pair, %s", a.Name, a.Name[:len(a.Name)-1])
	case !cloneName.MatchString(a.Name) || !interfaceName.MatchString(a.Name):
		return nil, effect.Errorf(effect.Invalid, op, "%q is no name of an interface that is made: a kind and a number", a.Name)
	case a.Name == "lo0":
		return nil, effect.Errorf(effect.Invalid, op, "lo0 is the system's own")
	case len(a.Addresses) > 0 && strings.HasPrefix(a.Name, "epair"):
		return nil, effect.WithHint(effect.Errorf(effect.Invalid, op, "a pair has no addresses, only its ends have"), "net.alias.ensure gives %sa one", a.Name)
	case a.State == "absent" && len(a.Addresses)+len(a.Args) > 0:
		return nil, effect.Errorf(effect.Invalid, op, "what is to go needs neither addresses nor args")
	}
	for _, word := range a.Args {
		if !argWord.MatchString(word) {
			return nil, effect.Errorf(effect.Invalid, op, "%q is no word for ifconfig create", word)
		}
	}
	for _, address := range a.Addresses {
		if !strings.Contains(address, "/") {
			return nil, effect.Errorf(effect.Invalid, op, "%s: say its prefix, as in %s/32", address, address)
		}
		w, err := wishOf(op, a.Name, address, 0)
		if err != nil {
			return nil, err
		}
		wishes = append(wishes, w)
	}
	return wishes, nil
}

// clone is an interface that is made or unmade.
type clone struct {
	op, name string
	args     []string
	list     []Interface
	persist  bool
}

// ends are the names of the interfaces that it consists of.
func (c clone) ends() []string {
	if strings.HasPrefix(c.name, "epair") {
		return []string{c.name + "a", c.name + "b"}
	}
	return []string{c.name}
}

func (c clone) exists() bool { return find(c.list, c.ends()[0]) != nil }

func (c clone) make(ctx context.Context, h effect.Doer, wishes []wish) (CloneChanged, error) {
	var done CloneChanged
	for _, w := range wishes { // refused before anything is made
		for _, other := range c.list {
			if other.Name != c.name && slices.ContainsFunc(other.Addresses, func(x Address) bool { return x.addr() == w.prefix.Addr() }) {
				return done, effect.Errorf(effect.Failed, c.op, "%s is an address of %s", w.prefix.Addr(), other.Name)
			}
		}
	}
	if !c.exists() {
		left := slices.Clone(c.list)
		for _, end := range c.ends() {
			left = append(left, Interface{Name: end, Flags: []string{}, Groups: []string{strings.TrimRight(c.name, "0123456789.")}})
		}
		if err := c.change(ctx, h, "make", left, append([]string{"create"}, c.args...)); err != nil {
			return done, err
		}
		done.Changed, done.Made = true, true
	}
	if c.persist {
		boot, err := c.remember(ctx, h)
		if err != nil {
			return done, err
		}
		done.Boot = boot
	}
	for _, w := range wishes {
		a, err := converge(ctx, h, c.op, w, c.persist, 0)
		if err != nil {
			return done, err
		}
		done.Changed, done.Boot = done.Changed || a.Changed, done.Boot || a.Boot
	}
	done.Changed = done.Changed || done.Boot
	return done, nil
}

func (c clone) change(ctx context.Context, h effect.Doer, note string, left []Interface, words []string) error {
	return change(ctx, h, effect.Effect{
		Op: c.op, Argv: append([]string{"ifconfig", c.name}, words...), Writes: []effect.Resource{interfacesResource, networkResource, connectedResource},
		Leaves: map[effect.Resource]string{interfacesResource: show(left)}, Diff: &effect.Diff{Path: "interface " + c.name, Note: note},
	})
}

// remember has boot make the interface.
func (c clone) remember(ctx context.Context, h effect.Doer) (bool, error) {
	values, err := sysrc.List(ctx, h, sysrc.Place{})
	if err != nil {
		return false, err
	}
	vars := map[string]any{}
	words := strings.Fields(values["cloned_interfaces"])
	if !slices.ContainsFunc(words, c.isWord) {
		vars["cloned_interfaces"] = strings.Join(append(words, c.name), " ")
	}
	if create := "create_args_" + rcName(c.name); len(c.args) > 0 && values[create] != strings.Join(c.args, " ") {
		vars[create] = strings.Join(c.args, " ")
	}
	if len(vars) == 0 {
		return false, nil
	}
	made, err := sysrc.Set(ctx, h, sysrc.SetArgs{Vars: vars})
	return made.Changed, err
}

// isWord tells whether a word of cloned_interfaces means the interface: it may have
// an option behind it.
func (c clone) isWord(word string) bool {
	name, _, _ := strings.Cut(word, ":")
	return name == c.name
}

func (c clone) unmake(ctx context.Context, h effect.Doer) (CloneChanged, error) {
	var done CloneChanged
	if c.exists() {
		if err := c.mayGo(ctx, h); err != nil {
			return done, err
		}
		left := slices.DeleteFunc(slices.Clone(c.list), func(i Interface) bool { return slices.Contains(c.ends(), i.Name) })
		gone := c
		gone.name = c.ends()[0] // destroying one end of a pair takes both
		if err := gone.change(ctx, h, "unmake", left, []string{"destroy"}); err != nil {
			return done, err
		}
		done.Changed, done.Unmade = true, true
	}
	if c.persist {
		boot, err := c.forget(ctx, h)
		if err != nil {
			return done, err
		}
		done.Boot, done.Changed = boot, done.Changed || boot
	}
	return done, nil
}

// mayGo refuses to unmake what our connection, or the default route, needs.
func (c clone) mayGo(ctx context.Context, h effect.Doer) error {
	out, err := read(ctx, h, effect.Effect{Op: c.op, Title: "look for our own connection", Argv: []string{"sh", "-c", connectionScript}, Reads: effect.Nothing})
	if err != nil {
		return err
	}
	ours := parseConnections(out)
	for _, family := range []string{inet, inet6} {
		route, err := defaultRoute(ctx, h, c.op, family)
		if err != nil {
			return err
		}
		if slices.Contains(c.ends(), route.Interface) {
			return effect.Errorf(effect.Failed, c.op, "the default route leads out by %s", route.Interface)
		}
	}
	for _, end := range c.ends() {
		i := find(c.list, end)
		if i == nil { // an end of a pair that a jail has
			continue
		}
		for _, a := range i.Addresses {
			if slices.Contains(ours.here, a.addr()) {
				return effect.Errorf(effect.Failed, c.op, "our own connection comes in by %s of %s", a.Address, end)
			}
		}
	}
	return nil
}

// forget removes the interface, and all that is said of it, from rc.conf.
func (c clone) forget(ctx context.Context, h effect.Doer) (changed bool, err error) {
	values, err := sysrc.List(ctx, h, sysrc.Place{})
	if err != nil {
		return false, err
	}
	edit := bootEdit{set: map[string]any{}}
	words := strings.Fields(values["cloned_interfaces"])
	switch kept := slices.DeleteFunc(slices.Clone(words), c.isWord); {
	case len(kept) == len(words):
	case len(kept) == 0:
		edit.remove = append(edit.remove, "cloned_interfaces")
	default:
		edit.set["cloned_interfaces"] = strings.Join(kept, " ")
	}
	for _, end := range append(c.ends(), c.name) {
		v := variables{values: values, name: rcName(end)}
		names, _ := v.places()
		for _, name := range append(names, "create_args_"+v.name, v.primary()+"_descr") {
			if _, is := values[name]; is && !slices.Contains(edit.remove, name) {
				edit.remove = append(edit.remove, name)
			}
		}
	}
	return !edit.empty(), edit.write(ctx, h)
}
