// Package group makes, changes and lists groups with pw(8).
package group

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const (
	raisesDenied = `kind "denied": only root may do this`
	raisesMember = `kind "missing": there is no such user`
)

// Module is h.group.
var Module = binding.Module{
	Name: "group",
	Doc:  "Groups of users: make, change, list and remove them.",
	Funcs: []binding.Func{
		{
			Name: "ensure", Kind: effect.Change, Call: Ensure, See: []string{"pw(8)", "group(5)"},
			Doc:     "Makes a group, or changes what of it differs. Files keep the number that a group had before.",
			Raises:  []string{raisesMember, `kind "failed": another group has the number`, raisesDenied},
			Example: `h.group.ensure("builders", { members = { "alice" }, append = true })`,
		},
		{
			Name: "get", Kind: effect.Read, Call: Get, See: []string{"pw(8)", "group(5)"},
			Doc:     "Tells of one group. One that does not exist is no error: exists is false.",
			Example: `if not h.group.get("wheel").exists then fail("no wheel") end`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"pw(8)", "group(5)"},
			Doc:     "Lists the groups, sorted by number.",
			Example: `for _, g in ipairs(h.group.list()) do log("%d %s: %s", g.gid, g.name, table.concat(g.members, " ")) end`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, See: []string{"pw(8)"},
			Doc:     "Removes a group, but not one that is the first group of a user.",
			Raises:  []string{`kind "failed": it is the first group of a user`, raisesDenied},
			Example: `h.group.remove("builders")`,
		},
	},
}

// Group is a group.
type Group struct {
	Name    string   `lua:"name" doc:"name"`
	GID     int      `lua:"gid" doc:"number"`
	Members []string `lua:"members" doc:"names of users that are in it besides those whose first group it is"`
}

// Details is a group that may not be there.
type Details struct {
	Exists bool `lua:"exists" doc:"there is such a group; when false, only the name is set"`
	Group  `lua:",inline"`
}

// NameArgs name a group.
type NameArgs struct {
	Name string `lua:"name,required" doc:"name of the group"`
}

// nameForm is what pw(8) takes; a name of digits alone it would take for a
// number.
var nameForm = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`)

// CheckName refuses what is no name of a group or user.
func CheckName(op, kind, name string) error {
	if !nameForm.MatchString(strings.TrimSuffix(name, "$")) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a %s", name, kind)
	}
	return nil
}

// Resource is a group's.
func Resource(name string) effect.Resource { return effect.Resource("group:" + name) }

// noGroup is pw's exit code for a group that is not there: EX_DATAERR.
const noGroup = 65

// unknown is the number of a group that check mode would have made.
const unknown = -1

// Get tells of one group.
func Get(ctx context.Context, h effect.Doer, a NameArgs) (Details, error) {
	d, err := Look(ctx, h, "group.get", a.Name)
	if err == nil && d.Exists && d.GID == unknown {
		err = effect.ErrUnknown
	}
	return d, err
}

// Look is Get under the name of another operation; the number of a group that
// check mode would have made is negative.
func Look(ctx context.Context, h effect.Doer, op, name string) (Details, error) {
	none := Details{Group: Group{Name: name, Members: []string{}}}
	if err := CheckName(op, "group", name); err != nil {
		return none, err
	}
	const says = "unknown group"
	res, err := Run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"/usr/sbin/pw", "groupshow", "-n", name}, Want: []int{0, noGroup},
		Reads: []effect.Resource{Resource(name)},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			left, ok := leaves[Resource(name)]
			if left == "" {
				return effect.Result{Code: noGroup, Stderr: effect.OutputOf([]byte(says))}, ok
			}
			return effect.Result{Stdout: effect.OutputOf([]byte(left + "\n"))}, ok
		},
	})
	if err != nil {
		return none, err
	}
	if res.Code == noGroup {
		if said := string(res.Stderr.Tail(1024)); !strings.Contains(said, says) {
			return none, &effect.Error{Op: op, Kind: effect.Failed, Code: res.Code, Command: "pw groupshow -n " + name, Err: said}
		}
		return none, nil
	}
	out, err := res.Text()
	if err != nil {
		return none, err
	}
	for _, g := range Parse(out) {
		if g.Name == name {
			return Details{Exists: true, Group: g}, nil
		}
	}
	return none, effect.Errorf(effect.Failed, op, "pw printed something else: %.80q", out)
}

// List lists the groups, sorted by number.
func List(ctx context.Context, h effect.Doer) ([]Group, error) {
	res, err := Run(ctx, h, effect.Effect{
		Op: "group.list", Kind: effect.Read, Argv: []string{"/usr/sbin/pw", "groupshow", "-a"}, Reads: []effect.Resource{"group"},
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	list := Parse(out)
	slices.SortStableFunc(list, func(a, b Group) int { return a.GID - b.GID })
	return list, nil
}

// Parse reads lines of group(5).
func Parse(text string) []Group {
	list := []Group{}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) != 4 || f[0] == "" {
			continue
		}
		g := Group{Name: f[0], GID: unknown, Members: []string{}}
		if n, err := strconv.Atoi(f[2]); err == nil {
			g.GID = n
		}
		for member := range strings.SplitSeq(f[3], ",") {
			if member != "" {
				g.Members = append(g.Members, member)
			}
		}
		list = append(list, g)
	}
	return list
}

// Line is a group as group(5) has it.
func (g Group) Line() string {
	gid := "?"
	if g.GID != unknown {
		gid = strconv.Itoa(g.GID)
	}
	return g.Name + ":*:" + gid + ":" + strings.Join(g.Members, ",")
}

// Changed is what a change of a group came to.
type Changed struct {
	Changed bool `lua:"changed" doc:"the group is, or in check mode would be, different now"`
}

// EnsureArgs are the arguments of Ensure.
type EnsureArgs struct {
	Name    string   `lua:"name,required" doc:"name of the group"`
	GID     *int     `lua:"gid" doc:"its number; default: as it is, or the next that is free"`
	Members []string `lua:"members" doc:"users that are in it, all of them; default: as it is"`
	Append  bool     `lua:"append" doc:"keep other members too"`
}

// Ensure makes a group, or changes what of it differs.
func Ensure(ctx context.Context, h effect.Doer, a EnsureArgs) (Changed, error) {
	const op = "group.ensure"
	for _, member := range a.Members {
		if err := CheckName(op, "user", member); err != nil {
			return Changed{}, err
		}
	}
	if a.GID != nil && *a.GID < 0 {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%d is no number of a group", *a.GID)
	}
	is, err := Look(ctx, h, op, a.Name)
	if err != nil {
		return Changed{}, err
	}
	if !is.Exists {
		is.GID = unknown // until somebody chooses one
	}
	wanted := a.applied(is.Group)
	argv := []string{"/usr/sbin/pw", "groupadd", "-n", a.Name}
	if is.Exists {
		argv[1] = "groupmod"
		if is.GID == unknown && a.GID != nil {
			return Changed{}, effect.ErrUnknown
		}
	}
	same := is.Exists
	if a.GID != nil && (!is.Exists || is.GID != wanted.GID) {
		argv, same = append(argv, "-g", strconv.Itoa(wanted.GID)), false
	}
	if a.Members != nil && (!is.Exists || !slices.Equal(is.Members, wanted.Members)) {
		argv, same = append(argv, "-M", strings.Join(wanted.Members, ",")), false
	}
	if same {
		return Changed{}, nil
	}
	if is.Exists && wanted.GID != is.GID {
		if err := refuseTaken(ctx, h, op, wanted.GID); err != nil {
			return Changed{}, err
		}
	}
	e := effect.Effect{
		Op: op, Kind: effect.Change, Argv: argv,
		Writes: Writes(a.Name),
		Leaves: map[effect.Resource]string{Resource(a.Name): wanted.Line()},
		Diff:   &effect.Diff{Path: "/etc/group", After: []byte(wanted.Line() + "\n")},
	}
	if is.Exists {
		e.Diff.Before = []byte(is.Line() + "\n")
	}
	// Users show the groups that they are in.
	for _, member := range slices.Concat(is.Members, wanted.Members) {
		if slices.Contains(is.Members, member) != slices.Contains(wanted.Members, member) {
			e.Writes = append(e.Writes, effect.Resource("user:"+member))
		}
	}
	_, err = Run(ctx, h, e)
	return Changed{Changed: err == nil}, err
}

// refuseTaken stops a number that another group has: pw groupmod would give it
// twice. Where check mode cannot tell, the real run will.
func refuseTaken(ctx context.Context, h effect.Doer, op string, gid int) error {
	res, err := Run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"/usr/sbin/pw", "groupshow", "-g", strconv.Itoa(gid)}, Want: []int{0, noGroup},
		Reads: []effect.Resource{"group"},
	})
	switch {
	case effect.KindOf(err) == effect.Unknown:
		return nil
	case err != nil || res.Code == noGroup:
		return err
	}
	line, err := res.Line()
	if err != nil {
		return err
	}
	other, _, _ := strings.Cut(line, ":")
	return effect.Errorf(effect.Failed, op, "the number %d is that of %s", gid, other)
}

// applied is a group as it is to be.
func (a EnsureArgs) applied(g Group) Group {
	if a.GID != nil {
		g.GID = *a.GID
	}
	if a.Members == nil {
		return g
	}
	members := []string{}
	if a.Append {
		members = slices.Clone(g.Members)
	}
	for _, member := range a.Members {
		if !slices.Contains(members, member) {
			members = append(members, member)
		}
	}
	if !a.Append && sameSet(members, g.Members) {
		members = g.Members // their order means nothing
	}
	g.Members = members
	return g
}

func sameSet(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// Writes are what a change of a group writes.
func Writes(name string) []effect.Resource {
	return []effect.Resource{Resource(name), effect.File("/etc/group")}
}

// Remove removes a group.
func Remove(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	const op = "group.remove"
	is, err := Look(ctx, h, op, a.Name)
	if err != nil || !is.Exists {
		return Changed{}, err
	}
	if err := refuseFirst(ctx, h, op, is.Group); err != nil {
		return Changed{}, err
	}
	e := effect.Effect{
		Op: op, Kind: effect.Change, Argv: []string{"/usr/sbin/pw", "groupdel", "-n", a.Name},
		Writes: Writes(a.Name),
		Leaves: map[effect.Resource]string{Resource(a.Name): ""},
		Diff:   &effect.Diff{Path: "/etc/group", Before: []byte(is.Line() + "\n"), After: []byte{}},
	}
	for _, member := range is.Members {
		e.Writes = append(e.Writes, effect.Resource("user:"+member))
	}
	_, err = Run(ctx, h, e)
	return Changed{Changed: err == nil}, err
}

// refuseFirst stops the removal of a group that is the first of a user: pw(8)
// would leave the user with a number. Where check mode cannot tell, the real run
// will.
func refuseFirst(ctx context.Context, h effect.Doer, op string, g Group) error {
	res, err := Run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Shell: "/usr/sbin/pw usershow -a -7 | cut -d : -f 1,4", Reads: []effect.Resource{"user"},
		Title: "pw usershow -a -7",
	})
	if effect.KindOf(err) == effect.Unknown {
		return nil
	}
	if err != nil {
		return err
	}
	out, err := res.Text()
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		name, gid, _ := strings.Cut(strings.TrimSpace(line), ":")
		if gid == strconv.Itoa(g.GID) {
			return effect.WithHint(effect.Errorf(effect.Failed, op, "%s is the first group of the user %s", g.Name, name),
				"give %s another one first: h.user.ensure(%q, { group = ... })", name, name)
		}
	}
	return nil
}

var rules = []effect.Rule{
	{Pattern: lazyregexp.New("no such (?:user|uid) `([^']*)'"), Kind: effect.Missing, Hint: "there is no user $1"},
	{Pattern: lazyregexp.New("user `([^']*)' does not exist"), Kind: effect.Missing, Hint: "h.user.ensure makes the user $1"},
	{Pattern: lazyregexp.New("group `([^']*)' (?:does not exist|is not defined)"), Kind: effect.Missing, Hint: "h.group.ensure makes the group $1"},
	{Pattern: lazyregexp.New("group '([^']*)' already exists"), Kind: effect.Failed, Hint: "the group $1 has members already: say with group= that it is to be the first group"},
	{Pattern: lazyregexp.New("has already been allocated"), Kind: effect.Failed, Hint: "another one has this number: leave it out, and the next free one is taken"},
	{Pattern: lazyregexp.New("must be root|you are not root|Permission denied"), Kind: effect.Denied, Hint: `run as root: -b, or h:as("root")`},
	{Pattern: lazyregexp.New("file is busy|temporarily unavailable|database is busy"), Kind: effect.Failed, Hint: "somebody edits the accounts, as with vipw(8); try again"},
}

// Run carries out one command of pw and explains its failure.
func Run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return res, err
}
