package gitsim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// tag is git-tag(1).
func (g *git) tag(args []string) error {
	o, err := g.parse("tag", args, "l,list? d,delete a,annotate m,message= F,file= f,force s,sign u,local-user= v,verify n? sort= contains= points-at= merged= format=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	for _, u := range []string{"sign", "local-user", "verify", "contains", "merged", "format", "file"} {
		if o.has(u) {
			return g.cannot("tag --%s", u)
		}
	}
	if o.has("delete") {
		var failed error
		for _, name := range o.args {
			h := g.r.refHash(plumbing.NewTagReferenceName(name))
			if h.IsZero() {
				g.say("error: tag '%s' not found.\n", name)
				failed = quiet(1)
				continue
			}
			if err := g.r.store.RemoveReference(plumbing.NewTagReferenceName(name)); err != nil {
				return err
			}
			g.printf("Deleted tag '%s' (was %s)\n", name, g.r.short(h))
		}
		return failed
	}
	if len(o.args) == 0 || o.has("list") || o.has("n") || o.has("points-at") {
		return g.listTags(o)
	}
	return g.newTag(o)
}

func (g *git) listTags(o *options) error {
	patterns := append([]string{}, o.args...)
	if p := o.get("list"); p != "" {
		patterns = append(patterns, p)
	}
	at := plumbing.ZeroHash
	if rev := o.get("points-at"); rev != "" {
		c, err := g.resolveCommit(rev)
		if err != nil {
			return err
		}
		at = c.Hash
	}
	refs := g.r.refs("refs/tags/")
	switch key := o.get("sort"); strings.TrimPrefix(key, "-") {
	case "", "refname":
	case "creatordate", "taggerdate", "committerdate":
		slices.SortStableFunc(refs, func(a, b *plumbing.Reference) int { return g.refTime(a).Compare(g.refTime(b)) })
	default:
		return g.cannot("tag --sort=%s", key)
	}
	if strings.HasPrefix(o.get("sort"), "-") {
		slices.Reverse(refs)
	}
	for _, ref := range refs {
		name := ref.Name().Short()
		if len(patterns) > 0 && !slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
			continue
		}
		target, _ := peelTag(g.r.store, ref.Hash())
		if !at.IsZero() && target != at {
			continue
		}
		if o.has("n") {
			g.printf("%-15s %s\n", name, g.refSubject(ref.Hash()))
			continue
		}
		g.println(name)
	}
	return nil
}

// refTime is when what a reference points to was made.
func (g *git) refTime(ref *plumbing.Reference) time.Time {
	h := g.r.refHash(ref.Name())
	if t, err := object.GetTag(g.r.store, h); err == nil {
		return t.Tagger.When
	}
	if c, err := g.r.commit(h); err == nil {
		return c.Committer.When
	}
	return time.Time{}
}

func (g *git) newTag(o *options) error {
	name, rev := o.args[0], "HEAD"
	if len(o.args) > 1 {
		rev = o.args[1]
	}
	ref := plumbing.NewTagReferenceName(name)
	if ref.Validate() != nil || strings.HasPrefix(name, "-") {
		return fatal("'%s' is not a valid tag name.", name)
	}
	old := g.r.refHash(ref)
	if !old.IsZero() && !o.has("force") {
		return fatal("tag '%s' already exists", name)
	}
	h, err := g.resolve(rev)
	if err != nil {
		return fatal("Failed to resolve '%s' as a valid ref.", rev)
	}
	if o.has("annotate") || o.has("message") {
		if !o.has("message") {
			return &failure{1, "error: Terminal is dumb, but EDITOR unset\nPlease supply the message using either -m or -F option.\n"}
		}
		e, err := g.r.store.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			return err
		}
		who, err := g.identity("COMMITTER")
		if err != nil {
			return err
		}
		t := &object.Tag{Name: name, Tagger: who, Message: cleanMessage(strings.Join(o.set["message"], "\n\n")), TargetType: e.Type(), Target: h}
		if h, err = store(g.r.store, t); err != nil {
			return err
		}
	}
	if err := g.r.setRef(ref, h); err != nil {
		return err
	}
	if !old.IsZero() && old != h {
		g.printf("Updated tag '%s' (was %s)\n", name, g.r.short(old))
	}
	return nil
}

// describe is git-describe(1).
func (g *git) describe(args []string) error {
	o, err := g.parse("describe", args, "tags all always dirty? long abbrev= match= exclude= exact-match first-parent contains candidates= broken?")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	for _, u := range []string{"all", "contains", "broken"} {
		if o.has(u) {
			return g.cannot("describe --%s", u)
		}
	}
	rev := "HEAD"
	if len(o.args) > 0 {
		rev = o.args[0]
	}
	c, err := g.resolveCommit(rev)
	if err != nil {
		return fatal("Not a valid object name %s", rev)
	}
	suffix := ""
	if o.has("dirty") {
		changes, err := g.state("no", false)
		if err != nil {
			return err
		}
		if len(changes) > 0 {
			if suffix = o.get("dirty"); suffix == "" {
				suffix = "-dirty"
			}
		}
	}
	text, err := g.nearestTag(o, c)
	if err != nil {
		return err
	}
	g.println(text + suffix)
	return nil
}

// nearestTag finds the tag with the fewest commits in between; annotated ones go
// before others.
func (g *git) nearestTag(o *options, c *object.Commit) (string, error) {
	type candidate struct {
		name      string
		annotated bool
		when      time.Time
	}
	named := map[plumbing.Hash]candidate{}
	for _, ref := range g.r.refs("refs/tags/") {
		name := ref.Name().Short()
		if m := o.get("match"); m != "" {
			if ok, _ := path.Match(m, name); !ok {
				continue
			}
		}
		if x := o.get("exclude"); x != "" {
			if ok, _ := path.Match(x, name); ok {
				continue
			}
		}
		target, annotated := peelTag(g.r.store, ref.Hash())
		if !annotated && !o.has("tags") {
			continue
		}
		when := g.refTime(ref)
		old, taken := named[target]
		if !taken || annotated && (!old.annotated || when.After(old.when)) {
			named[target] = candidate{name, annotated, when}
		}
	}
	best, distance := "", -1
	total := g.ancestors(c.Hash)
	for h, t := range named {
		if !total[h] {
			continue
		}
		d := len(total) - len(g.ancestors(h))
		if distance < 0 || d < distance || d == distance && t.name < best {
			best, distance = t.name, d
		}
	}
	abbrev := g.r.short(c.Hash)
	if n, err := strconv.Atoi(o.get("abbrev")); err == nil && n > 0 {
		abbrev = c.Hash.String()[:min(40, max(4, n))]
	}
	switch {
	case distance < 0 || o.has("exact-match") && distance > 0:
		if o.has("always") {
			return abbrev, nil
		}
		if o.has("exact-match") {
			return "", fatal("no tag exactly matches '%s'", c.Hash)
		}
		if len(g.r.refs("refs/tags/")) == 0 {
			return "", fatal("No names found, cannot describe anything.")
		}
		if len(named) == 0 {
			return "", fatal("No annotated tags can describe '%s'.\nHowever, there were unannotated tags: try --tags.", c.Hash)
		}
		return "", fatal("No tags can describe '%s'.\nTry --always, or create some tags.", c.Hash)
	case distance == 0 && !o.has("long") || o.get("abbrev") == "0":
		return best, nil
	}
	return fmt.Sprintf("%s-%d-g%s", best, distance, abbrev), nil
}
