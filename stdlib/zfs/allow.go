package zfs

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// AllowArgs are the arguments of Allow and Unallow.
type AllowArgs struct {
	Name        string   `lua:"name,required" doc:"a dataset"`
	Permissions []string `lua:"permissions,pos" doc:"permissions and sets of them (\"@backup\"); to unallow without any: all"`
	Users       []string `lua:"users" doc:"for these users"`
	Groups      []string `lua:"groups" doc:"for these groups"`
	Everyone    bool     `lua:"everyone" doc:"for everyone"`
	Create      bool     `lua:"create" doc:"for whoever creates a dataset below, on that dataset"`
	Set         string   `lua:"set" doc:"in this set of permissions, such as \"@backup\""`
	Scope       string   `lua:"scope" doc:"where it counts: local is the dataset alone, descendent what is below" enum:"both|local|descendent" default:"both"`
}

// Delegation is what somebody may do with a dataset.
type Delegation struct {
	Kind        string   `lua:"kind" doc:"user, group, everyone, create or set"`
	Who         string   `lua:"who" doc:"name of the user, group or set"`
	Scope       string   `lua:"scope" doc:"local, descendent or both; empty for create and set"`
	Permissions []string `lua:"permissions"`
}

// Delegated is what a change of delegations came to.
type Delegated struct {
	Changed bool         `lua:"changed"`
	Before  []Delegation `lua:"before" doc:"what the dataset itself had delegated; what it has from above is not in it"`
}

// Allow delegates permissions. Without any it only lists.
func Allow(ctx context.Context, h effect.Doer, a AllowArgs) (Delegated, error) {
	const op = "zfs.allow"
	return a.apply(ctx, h, op, func(has []string) bool {
		return slices.ContainsFunc(a.Permissions, func(p string) bool { return !slices.Contains(has, p) })
	})
}

// Unallow takes delegated permissions back.
func Unallow(ctx context.Context, h effect.Doer, a AllowArgs) (Delegated, error) {
	const op = "zfs.unallow"
	return a.apply(ctx, h, op, func(has []string) bool {
		return len(has) > 0 && (len(a.Permissions) == 0 || slices.ContainsFunc(a.Permissions, func(p string) bool { return slices.Contains(has, p) }))
	})
}

var (
	permissionForm = lazyregexp.New(`^@?[A-Za-z][A-Za-z0-9_.:-]*$`)
	whoForm        = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$`)
)

// apply runs zfs allow or unallow once for every kind of party of which differs
// says that something is to be done.
func (a AllowArgs) apply(ctx context.Context, h effect.Doer, op string, differs func(has []string) bool) (Delegated, error) {
	if err := a.check(op); err != nil {
		return Delegated{Before: []Delegation{}}, err
	}
	verb := strings.TrimPrefix(op, "zfs.")
	before, err := delegations(ctx, h, op, a.Name)
	done := Delegated{Before: before}
	if err != nil || verb == "allow" && len(a.Permissions) == 0 {
		return done, err
	}
	for _, p := range a.parties() {
		who := slices.DeleteFunc(slices.Clone(p.who), func(who string) bool { return !differs(a.has(before, p.kind, who)) })
		if len(who) == 0 {
			continue
		}
		argv := append([]string{"zfs", verb}, a.scope(p.kind)...)
		argv = append(argv, p.flag)
		if p.kind != "everyone" && p.kind != "create" {
			argv = append(argv, strings.Join(who, ","))
		}
		if len(a.Permissions) > 0 {
			argv = append(argv, strings.Join(a.Permissions, ","))
		}
		note := strings.TrimSpace(verb + " " + p.kind + " " + strings.Join(who, ", "))
		if _, err := run(ctx, h, change(op, append(argv, a.Name), note, resource(a.Name))); err != nil {
			return done, err
		}
		done.Changed = true
	}
	return done, nil
}

type parties struct {
	kind, flag string
	who        []string
}

func (a AllowArgs) parties() []parties {
	all := []parties{{"user", "-u", a.Users}, {"group", "-g", a.Groups}}
	if a.Everyone {
		all = append(all, parties{"everyone", "-e", []string{""}})
	}
	if a.Create {
		all = append(all, parties{"create", "-c", []string{""}})
	}
	if a.Set != "" {
		all = append(all, parties{"set", "-s", []string{a.Set}})
	}
	return all
}

// scope are the flags that say where a delegation counts.
func (a AllowArgs) scope(kind string) []string {
	if kind == "create" || kind == "set" {
		return nil
	}
	switch a.Scope {
	case "local":
		return []string{"-l"}
	case "descendent":
		return []string{"-d"}
	}
	return nil
}

// has are the permissions that somebody has where it counts: those for both
// places count in each.
func (a AllowArgs) has(before []Delegation, kind, who string) []string {
	local, descendent := map[string]bool{}, map[string]bool{}
	for _, d := range before {
		if d.Kind != kind || d.Who != who {
			continue
		}
		for _, p := range d.Permissions {
			local[p] = local[p] || d.Scope != "descendent"
			descendent[p] = descendent[p] || d.Scope != "local"
		}
	}
	var all []string
	for p := range union(local, descendent) {
		switch {
		case a.Scope == "local" && local[p], a.Scope == "descendent" && descendent[p], a.Scope != "local" && a.Scope != "descendent" && local[p] && descendent[p]:
			all = append(all, p)
		}
	}
	return all
}

func union(a, b map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, m := range []map[string]bool{a, b} {
		for p, on := range m {
			if on {
				all[p] = true
			}
		}
	}
	return all
}

func (a AllowArgs) check(op string) error {
	if err := checkName(op, a.Name, ""); err != nil {
		return err
	}
	for _, p := range a.Permissions {
		if !permissionForm.MatchString(p) {
			return effect.Errorf(effect.Invalid, op, "%q is no permission", p)
		}
	}
	for _, who := range slices.Concat(a.Users, a.Groups) {
		if !whoForm.MatchString(who) {
			return effect.Errorf(effect.Invalid, op, "%q is no name of a user or group", who)
		}
	}
	if a.Set != "" && (a.Set[0] != '@' || !permissionForm.MatchString(a.Set)) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a set: it begins with @", a.Set)
	}
	nobody := len(a.Users)+len(a.Groups) == 0 && !a.Everyone && !a.Create && a.Set == ""
	if nobody && (len(a.Permissions) > 0 || op == "zfs.unallow") {
		return effect.Errorf(effect.Invalid, op, "say for whom: users, groups, everyone, create or set")
	}
	return nil
}

// delegations are those of a dataset itself.
func delegations(ctx context.Context, h effect.Doer, op, name string) ([]Delegation, error) {
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: []string{"zfs", "allow", name}, Reads: []effect.Resource{resource(name)}})
	if err != nil {
		return []Delegation{}, err
	}
	out, err := res.Text()
	if err != nil {
		return []Delegation{}, err
	}
	return parseAllow(out, name), nil
}

var (
	// ofDataset heads what one dataset delegates: "---- Permissions on tank ---",
	// and before feature flags every section names it: "Local permissions on (tank)".
	ofDataset = lazyregexp.New(`(?i)permission(?:s| sets) on \(?(.*?)\)?(?: -+)?$`)
	section   = lazyregexp.New(`(?i)^(permission sets|create time permissions|local permissions|descendent permissions|local\+descendent permissions)`)
)

// parseAllow reads what zfs allow prints of a dataset and of all above it.
func parseAllow(out, name string) []Delegation {
	all := []Delegation{}
	ours, at := false, ""
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if m := ofDataset.FindStringSubmatch(line); m != nil {
			ours = m[1] == name
		}
		if m := section.FindStringSubmatch(line); m != nil {
			at = strings.ToLower(m[1])
			continue
		}
		if fields := strings.Fields(line); ours && strings.HasPrefix(line, "\t") && len(fields) > 0 {
			all = append(all, delegation(at, fields))
		}
	}
	return all
}

// delegation reads a line of a section.
func delegation(section string, fields []string) Delegation {
	d := Delegation{Permissions: strings.Split(fields[len(fields)-1], ",")}
	switch section {
	case "permission sets":
		d.Kind, d.Who = "set", fields[0]
		return d
	case "create time permissions":
		d.Kind = "create"
		return d
	case "local permissions":
		d.Scope = "local"
	case "descendent permissions":
		d.Scope = "descendent"
	default:
		d.Scope = "both"
	}
	d.Kind = fields[0]
	if len(fields) > 2 {
		d.Who = strings.Trim(strings.Join(fields[1:len(fields)-1], " "), "()")
	}
	return d
}
