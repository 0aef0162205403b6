package gitsim

import (
	"bufio"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// updateRef is git-update-ref(1).
func (g *git) updateRef(args []string) error {
	o, err := g.parse("update-ref", args, "d no-deref m= create-reflog stdin z")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if o.has("stdin") {
		return g.updateRefs(o.has("z"))
	}
	if len(o.args) < 1 || !o.has("d") && len(o.args) < 2 {
		return &failure{129, "usage: git update-ref [<options>] -d <refname> [<old-oid>]\n"}
	}
	name := plumbing.ReferenceName(o.args[0])
	if at := g.r.head(); name == plumbing.HEAD && at.ref != "" && !o.has("no-deref") {
		name = at.ref
	}
	old := ""
	if o.has("d") && len(o.args) > 1 {
		old = o.args[1]
	} else if !o.has("d") && len(o.args) > 2 {
		old = o.args[2]
	}
	if old != "" {
		want := plumbing.ZeroHash
		if strings.Trim(old, "0") != "" {
			if want, err = g.resolve(old); err != nil {
				return fatal("%s: not a valid SHA1", old)
			}
		}
		if now := g.r.refHash(name); now != want {
			if want.IsZero() {
				return fatal("update_ref failed for ref '%s': cannot lock ref '%s': reference already exists", name, name)
			}
			return fatal("update_ref failed for ref '%s': cannot lock ref '%s': is at %s but expected %s", name, name, now, want)
		}
	}
	if o.has("d") {
		return g.r.store.RemoveReference(name)
	}
	h, err := g.resolve(o.args[1])
	if err != nil {
		return fatal("%s: not a valid SHA1", o.args[1])
	}
	if name != plumbing.HEAD && name.Validate() != nil || !strings.HasPrefix(name.String(), "refs/") && !slices.Contains(pseudoRefs, name.String()) {
		return fatal("update_ref failed for ref '%s': refusing to update ref with bad name '%s'", name, name)
	}
	if g.r.store.HasEncodedObject(h) != nil {
		return fatal("update_ref failed for ref '%s': trying to write ref '%s' with nonexistent object %s", name, name, h)
	}
	return g.r.setRef(name, h)
}

// refUpdate is one line of update-ref --stdin.
type refUpdate struct {
	verb, name, new, old string
	hasOld               bool
}

// updateRefs is update-ref --stdin: all of the updates, or none.
func (g *git) updateRefs(nul bool) error {
	if nul {
		return g.cannot("update-ref --stdin -z")
	}
	var all []refUpdate
	lines := bufio.NewScanner(g.p.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Split(lines.Text(), " ")
		u := refUpdate{verb: f[0]}
		switch {
		case f[0] == "option" || f[0] == "start" || f[0] == "prepare" || f[0] == "commit":
			continue
		case f[0] == "abort":
			return nil
		case (f[0] == "update" || f[0] == "create") && len(f) >= 3:
			u.name, u.new = f[1], f[2]
			if f[0] == "create" {
				u.hasOld = true
			} else if len(f) > 3 {
				u.old, u.hasOld = f[3], true
			}
		case (f[0] == "delete" || f[0] == "verify") && len(f) >= 2:
			u.name = f[1]
			if len(f) > 2 {
				u.old, u.hasOld = f[2], true
			}
		default:
			return fatal("unknown command: %s", lines.Text())
		}
		all = append(all, u)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	for _, u := range all {
		if err := g.checkUpdate(u); err != nil {
			return err
		}
	}
	for _, u := range all {
		name := plumbing.ReferenceName(u.name)
		var err error
		switch {
		case u.verb == "delete" || u.verb == "update" && strings.Trim(u.new, "0") == "":
			err = g.r.store.RemoveReference(name)
		case u.verb == "update" || u.verb == "create":
			h, _ := g.resolve(u.new)
			err = g.r.setRef(name, h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkUpdate refuses an update whose old value isn't what the reference has, or
// whose new one doesn't exist.
func (g *git) checkUpdate(u refUpdate) error {
	name := plumbing.ReferenceName(u.name)
	if name.Validate() != nil || !strings.HasPrefix(u.name, "refs/") && u.name != "HEAD" {
		return fatal("invalid ref format: %s", u.name)
	}
	now := g.r.refHash(name)
	if u.hasOld {
		want := plumbing.ZeroHash
		if strings.Trim(u.old, "0") != "" {
			h, err := g.resolve(u.old)
			if err != nil {
				return fatal("%s %s: invalid <old-oid>: %s", u.verb, u.name, u.old)
			}
			want = h
		}
		switch {
		case now == want:
		case want.IsZero():
			return fatal("cannot lock ref '%s': reference already exists", u.name)
		case now.IsZero():
			return fatal("cannot lock ref '%s': unable to resolve reference '%s'", u.name, u.name)
		default:
			return fatal("cannot lock ref '%s': is at %s but expected %s", u.name, now, want)
		}
	}
	if u.verb != "update" && u.verb != "create" || strings.Trim(u.new, "0") == "" {
		return nil
	}
	h, err := g.resolve(u.new)
	if err != nil {
		return fatal("%s %s: invalid <new-oid>: %s", u.verb, u.name, u.new)
	}
	if g.r.store.HasEncodedObject(h) != nil {
		return fatal("trying to write ref '%s' with nonexistent object %s", u.name, h)
	}
	return nil
}

// showRef is git-show-ref(1).
func (g *git) showRef(args []string) error {
	o, err := g.parse("show-ref", args, "head heads branches tags verify q,quiet d,dereference s,hash? exists")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	show := func(h plumbing.Hash, name string) {
		switch {
		case o.has("quiet"):
		case o.has("hash"):
			g.println(h.String())
		default:
			g.printf("%s %s\n", h, name)
		}
	}
	if o.has("verify") || o.has("exists") {
		for _, name := range o.args {
			h := g.r.refHash(plumbing.ReferenceName(name))
			if h.IsZero() {
				if o.has("exists") {
					return &failure{2, "error: reference does not exist\n"}
				}
				if o.has("quiet") {
					return quiet(1)
				}
				return fatal("'%s' - not a valid ref", name)
			}
			if !o.has("exists") {
				show(h, name)
			}
		}
		return nil
	}
	found := false
	if o.has("head") && !g.r.head().hash.IsZero() {
		found = true
		show(g.r.head().hash, "HEAD")
	}
	for _, ref := range g.r.refs("refs/") {
		name := ref.Name()
		limited := o.has("heads") || o.has("branches") || o.has("tags")
		if limited && !((o.has("heads") || o.has("branches")) && name.IsBranch() || o.has("tags") && name.IsTag()) || !matchesRefPattern(name.String(), o.args) {
			continue
		}
		found = true
		h := g.r.refHash(name)
		show(h, name.String())
		if target, ok := peelTag(g.r.store, h); ok && o.has("dereference") {
			show(target, name.String()+"^{}")
		}
	}
	if !found {
		return quiet(1)
	}
	return nil
}

// forEachRef is git-for-each-ref(1) with the plain fields.
func (g *git) forEachRef(args []string) error {
	o, err := g.parse("for-each-ref", args, "format= sort= count= points-at= contains= merged= exclude=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	for _, u := range []string{"points-at", "contains", "merged", "exclude"} {
		if o.has(u) {
			return g.cannot("for-each-ref --%s", u)
		}
	}
	refs := g.r.refs("refs/")
	if key := o.get("sort"); key != "" && key != "refname" {
		if strings.TrimPrefix(key, "-") != "committerdate" && strings.TrimPrefix(key, "-") != "creatordate" {
			return g.cannot("for-each-ref --sort=%s", key)
		}
		slices.SortStableFunc(refs, func(a, b *plumbing.Reference) int {
			c := g.refTime(a).Compare(g.refTime(b))
			if strings.HasPrefix(key, "-") {
				c = -c
			}
			return c
		})
	}
	form := "%(objectname) %(objecttype)\t%(refname)"
	if o.has("format") {
		form = o.get("format")
	}
	limit := len(refs)
	if o.has("count") {
		_, _ = fmt.Sscan(o.get("count"), &limit)
	}
	for _, ref := range refs {
		if limit <= 0 {
			break
		}
		if len(o.args) > 0 && !slices.ContainsFunc(o.args, func(p string) bool {
			ok, _ := path.Match(p, ref.Name().String())
			return ok || ref.Name().String() == p || strings.HasPrefix(ref.Name().String(), strings.TrimSuffix(p, "/")+"/")
		}) {
			continue
		}
		line, err := g.refFields(form, ref)
		if err != nil {
			return err
		}
		g.println(line)
		limit--
	}
	return nil
}

// refFields fills in %(...) for one reference.
func (g *git) refFields(form string, ref *plumbing.Reference) (string, error) {
	var out strings.Builder
	h := g.r.refHash(ref.Name())
	for {
		before, rest, ok := strings.Cut(form, "%(")
		out.WriteString(percentHex(before))
		if !ok {
			return out.String(), nil
		}
		field, after, _ := strings.Cut(rest, ")")
		form = after
		switch field {
		case "refname":
			out.WriteString(ref.Name().String())
		case "refname:short":
			out.WriteString(pretty(ref.Name()))
		case "objectname":
			out.WriteString(h.String())
		case "objectname:short":
			out.WriteString(g.r.short(h))
		case "*objectname":
			if t, ok := peelTag(g.r.store, h); ok {
				out.WriteString(t.String())
			}
		case "objecttype":
			if o, err := g.r.store.EncodedObject(plumbing.AnyObject, h); err == nil {
				out.WriteString(o.Type().String())
			}
		case "HEAD":
			if g.r.head().ref == ref.Name() {
				out.WriteString("*")
			} else {
				out.WriteString(" ")
			}
		case "upstream", "upstream:short":
			if up, ok := g.upstream(ref.Name().Short()); ok && ref.Name().IsBranch() {
				out.WriteString(refForm(up, field == "upstream:short"))
			}
		case "subject", "contents:subject":
			out.WriteString(g.refSubject(h))
		case "committerdate:unix", "creatordate:unix":
			fmt.Fprint(&out, g.refTime(ref).Unix())
		default:
			return "", g.cannot("for-each-ref field %%(%s)", field)
		}
	}
}

func percentHex(s string) string {
	return strings.NewReplacer("%%", "%", "%00", "\x00", "%09", "\t", "%0a", "\n").Replace(s)
}

func (g *git) refSubject(h plumbing.Hash) string {
	if t, err := object.GetTag(g.r.store, h); err == nil {
		return subject(t.Message)
	}
	if c, err := g.r.commit(h); err == nil {
		return subject(c.Message)
	}
	return ""
}
