package zfssim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// grant is a permission on a dataset, given by zfs allow.
type grant struct {
	Kind    string // set, create, user, group, everyone
	Who     string `json:",omitempty"` // identifier of a user or group, name of a set
	Perm    string
	Local   bool `json:",omitempty"` // on the dataset itself
	Descend bool `json:",omitempty"` // on what is below it
}

// grantKinds are the kinds in the order of zfs allow.
var grantKinds = []string{"set", "create", "user", "group", "everyone"}

// grantsOf are the permissions given on a dataset itself.
func (c *call) grantsOf(d *state.Dataset) []grant {
	return memoryOf(c.Machine).Grants[grantKey(d)]
}

func grantKey(d *state.Dataset) string { return fmt.Sprint(d.GUID) }

// may tells whether the user may do something to a dataset: root, and whom zfs
// allow names.
func (c *call) may(name, perm string) bool {
	if c.Cred.UID == 0 {
		return true
	}
	if strings.Contains(perm, ":") {
		perm = "userprop"
	}
	of, _ := cutName(name)
	for at := of; at != ""; at = parentOf(at) {
		_, d := zfs.FindDataset(c.Machine, at)
		if d == nil {
			continue
		}
		for _, g := range c.grantsOf(d) {
			reaches := at == of && g.Local || at != of && g.Descend
			if reaches && c.isMeant(g) && (g.Perm == perm || c.inSet(of, g.Perm, perm)) {
				return true
			}
		}
	}
	return false
}

// isMeant tells whether a grant is for the user.
func (c *call) isMeant(g grant) bool {
	switch g.Kind {
	case "user":
		return g.Who == fmt.Sprint(c.Cred.UID)
	case "group":
		return slices.ContainsFunc(append([]int{c.Cred.GID}, c.Cred.Groups...), func(gid int) bool { return g.Who == fmt.Sprint(gid) })
	}
	return g.Kind == "everyone"
}

// inSet tells whether a set, defined on a dataset or above it, has a permission.
func (c *call) inSet(of, set, perm string) bool {
	if !strings.HasPrefix(set, "@") {
		return false
	}
	for at := of; at != ""; at = parentOf(at) {
		_, d := zfs.FindDataset(c.Machine, at)
		if d != nil && slices.ContainsFunc(c.grantsOf(d), func(g grant) bool { return g.Kind == "set" && g.Who == set && g.Perm == perm }) {
			return true
		}
	}
	return false
}

// allow is zfs allow.
func (c *call) allow() int { return c.allowOrNot(false) }

// unallow is zfs unallow.
func (c *call) unallow() int { return c.allowOrNot(true) }

// request is what zfs allow was asked for.
type request struct {
	kind    string // of grantKinds; empty: users or groups, whichever there are
	who     string
	perms   string // empty: all of them
	dataset string
	local   bool
	descend bool
}

func (c *call) allowOrNot(un bool) int {
	if c.Has("h") {
		return c.Cannot("zfs %s -h", c.command)
	}
	if !un && len(c.Operands) == 1 && !c.Has("s") && !c.Has("c") && !c.Has("e") {
		return c.printAllowed(c.Operands[0])
	}
	r, code := c.readRequest(un)
	if code != 0 {
		return code
	}
	d := c.open(r.dataset, upper)
	if d == nil {
		c.Errorf("Failed to open dataset: %s\n", r.dataset)
		return 255
	}
	grants, code := c.grantsFor(r)
	if code != 0 {
		return code
	}
	if !c.may(d.Name, "allow") {
		return c.refuse("set permissions on", d.Name, denied)
	}
	targets := []*state.Dataset{d}
	if un && c.Has("r") {
		targets = append(targets, zfs.Children(c.Machine, d.Name)...)
	}
	for _, t := range targets {
		for _, g := range grants {
			c.change(t, g, un)
		}
	}
	c.record(d.Name)
	return 0
}

// readRequest reads options and operands of zfs allow.
func (c *call) readRequest(un bool) (request, int) {
	r := request{local: c.Has("l"), descend: c.Has("d")}
	args := c.Operands
	for option, kind := range map[string]string{"s": "set", "c": "create", "e": "everyone", "u": "user", "g": "group"} {
		if !c.Has(option) {
			continue
		}
		if r.kind != "" {
			return r, c.allowMisuse("-u, -g, and -e are mutually exclusive")
		}
		r.kind = kind
	}
	if r.kind == "" && len(args) > 0 && args[0] == "everyone" {
		r.kind, args = "everyone", args[1:]
	}
	named := r.kind != "create" && r.kind != "everyone"
	if named && len(args) > 0 {
		r.who, args = args[0], args[1:]
	}
	switch {
	case named && r.who == "", len(args) != 2 && !(un && len(args) == 1):
		return r, c.allowMisuse("wrong number of parameters")
	case r.kind == "set" && !strings.HasPrefix(r.who, "@"):
		return r, c.allowMisuse("invalid set name: missing '@' prefix")
	case len(args) == 2:
		r.perms = args[0]
	}
	r.dataset = args[len(args)-1]
	if !r.local && !r.descend {
		r.local, r.descend = true, true
	}
	return r, 0
}

func (c *call) allowMisuse(text string) int {
	c.Errorf("Usage: %s\nzfs: error: %s\n", cli.UsageOf(c.usageText(), c.command), text)
	return 2
}

// grantsFor are the permissions that a request names, one by one; an empty
// permission stands for all.
func (c *call) grantsFor(r request) (list []grant, code int) {
	perms := strings.Split(r.perms, ",")
	for _, perm := range perms {
		if !c.isPermission(perm) && r.perms != "" {
			return nil, c.refuse("set permissions on", r.dataset, "Invalid argument")
		}
	}
	g := grant{Kind: r.kind, Local: r.local, Descend: r.descend}
	var who []grant
	switch r.kind {
	case "set", "create":
		g.Who, g.Local, g.Descend = r.who, false, false
		who = append(who, g)
	case "everyone":
		who = append(who, g)
	default:
		for _, name := range strings.Split(r.who, ",") {
			kind, id := c.lookUp(name, r.kind)
			if id == "" {
				return nil, c.allowMisuse(fmt.Sprintf("invalid %s %s", cmp.Or(r.kind, "user/group"), name))
			}
			g.Kind, g.Who = kind, id
			who = append(who, g)
		}
	}
	for _, w := range who {
		for _, perm := range perms {
			w.Perm = perm
			list = append(list, w)
		}
	}
	return list, 0
}

// lookUp finds a user or, where that may be, a group.
func (c *call) lookUp(name, kind string) (found, id string) {
	if u, ok := c.Machine.LookupUser(name); ok && kind != "group" {
		return "user", fmt.Sprint(u.UID)
	}
	if g, ok := c.Machine.LookupGroup(name); ok && kind != "user" {
		return "group", fmt.Sprint(g.GID)
	}
	return kind, ""
}

// actions are the permissions that are not the names of properties.
var actions = strings.Fields("allow bookmark change-key clone create destroy diff groupquota groupused hold load-key mount promote receive release rename rollback send share snapshot userprop userquota userused")

// isPermission tells whether there is such a permission.
func (c *call) isPermission(name string) bool {
	if slices.Contains(actions, name) || len(name) > 1 && name[0] == '@' {
		return true
	}
	p, ok := zfs.FindProperty(c.Machine, name)
	return ok && p.Name == name && !p.ReadOnly
}

// change gives a permission on a dataset, or takes it.
func (c *call) change(d *state.Dataset, g grant, un bool) {
	k := memoryOf(c.Machine)
	list := k.Grants[grantKey(d)]
	same := func(other grant) bool {
		return other.Kind == g.Kind && other.Who == g.Who && (other.Perm == g.Perm || un && g.Perm == "")
	}
	if un {
		for i := range list {
			if same(list[i]) {
				list[i].Local, list[i].Descend = list[i].Local && !g.Local, list[i].Descend && !g.Descend
			}
		}
		list = slices.DeleteFunc(list, func(other grant) bool { return same(other) && !other.Local && !other.Descend })
	} else if i := slices.IndexFunc(list, same); i >= 0 {
		list[i].Local, list[i].Descend = list[i].Local || g.Local, list[i].Descend || g.Descend
	} else {
		list = append(list, g)
	}
	k.Grants[grantKey(d)] = list
}

// printAllowed lists the permissions on a dataset and above it.
func (c *call) printAllowed(name string) int {
	d := c.open(name, upper)
	if d == nil {
		c.Errorf("Failed to open dataset: %s\n", name)
		return 255
	}
	for at := name; at != ""; at = parentOf(at) {
		if _, d := zfs.FindDataset(c.Machine, at); d != nil && len(c.grantsOf(d)) > 0 {
			c.printGrants(at, c.grantsOf(d))
		}
	}
	return 0
}

func (c *call) printGrants(name string, grants []grant) {
	head := "---- Permissions on " + name + " "
	c.Printf("%s%s\n", head, strings.Repeat("-", max(0, 70-len(head))))
	for _, section := range []struct {
		title          string
		kinds          []string
		local, descend bool
	}{
		{"Permission sets:", grantKinds[:1], false, false},
		{"Create time permissions:", grantKinds[1:2], false, false},
		{"Local permissions:", grantKinds[2:], true, false},
		{"Descendent permissions:", grantKinds[2:], false, true},
		{"Local+Descendent permissions:", grantKinds[2:], true, true},
	} {
		var lines []string
		for _, kind := range section.kinds {
			lines = append(lines, c.grantLines(slices.DeleteFunc(slices.Clone(grants), func(g grant) bool {
				return g.Kind != kind || g.Local != section.local || g.Descend != section.descend
			}))...)
		}
		if len(lines) > 0 {
			c.Printf("%s\n%s", section.title, strings.Join(lines, ""))
		}
	}
}

// grantLines are the lines of grants of one kind, one for each whom they are for.
func (c *call) grantLines(grants []grant) []string {
	slices.SortStableFunc(grants, func(a, b grant) int {
		return cmp.Or(strings.Compare(a.Who, b.Who), strings.Compare(a.Perm, b.Perm))
	})
	var lines []string
	for i := 0; i < len(grants); {
		g := grants[i]
		var perms []string
		for ; i < len(grants) && grants[i].Who == g.Who; i++ {
			perms = append(perms, grants[i].Perm)
		}
		lines = append(lines, "\t"+c.whom(g)+strings.Join(perms, ",")+"\n")
	}
	return lines
}

// whom says whom a grant is for.
func (c *call) whom(g grant) string {
	var id int
	_, _ = fmt.Sscan(g.Who, &id)
	switch g.Kind {
	case "set":
		return g.Who + " "
	case "user":
		return "user " + c.Machine.UserName(id) + " "
	case "group":
		return "group " + c.Machine.GroupName(id) + " "
	case "everyone":
		return "everyone "
	}
	return ""
}
