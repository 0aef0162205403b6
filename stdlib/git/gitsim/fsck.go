package gitsim

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// fsck is git-fsck(1): whether everything that's named can be reached.
func (g *git) fsck(args []string) error {
	o, err := g.parse("fsck", args, "full strict progress connectivity-only v,verbose dangling unreachable name-objects cache lost-found")
	if err != nil {
		return err
	}
	if o.has("lost-found") || o.has("unreachable") {
		return g.cannot("fsck %s", strings.Join(args, " "))
	}
	if err := g.open(); err != nil {
		return err
	}
	if g.r.head().hash.IsZero() {
		g.printf("notice: HEAD points to an unborn branch (%s)\n", g.r.head().branch())
	}
	seen := map[plumbing.Hash]bool{}
	broken := false
	var visit func(h plumbing.Hash, kind, from string)
	visit = func(h plumbing.Hash, kind, from string) {
		if seen[h] {
			return
		}
		seen[h] = true
		e, err := g.r.store.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			broken = true
			if from != "" {
				g.printf("broken link from %s\n              to %7s %s\n", from, kind, h)
			}
			g.printf("missing %s %s\n", kind, h)
			return
		}
		switch e.Type() {
		case plumbing.CommitObject:
			c, err := object.DecodeCommit(g.r.store, e)
			if err != nil {
				broken = true
				return
			}
			visit(c.TreeHash, "tree", fmt.Sprintf("%7s %s", "commit", h))
			for _, p := range g.parents(c) {
				visit(p, "commit", fmt.Sprintf("%7s %s", "commit", h))
			}
		case plumbing.TreeObject:
			t, err := object.DecodeTree(g.r.store, e)
			if err != nil {
				broken = true
				return
			}
			for _, x := range t.Entries {
				switch x.Mode {
				case filemode.Submodule:
				case filemode.Dir:
					visit(x.Hash, "tree", fmt.Sprintf("%7s %s", "tree", h))
				default:
					visit(x.Hash, "blob", fmt.Sprintf("%7s %s", "tree", h))
				}
			}
		case plumbing.TagObject:
			t, err := object.DecodeTag(g.r.store, e)
			if err != nil {
				broken = true
				return
			}
			visit(t.Target, t.TargetType.String(), fmt.Sprintf("%7s %s", "tag", h))
		}
	}
	for _, ref := range g.r.refs("refs/") {
		h := g.r.refHash(ref.Name())
		if g.r.store.HasEncodedObject(h) != nil {
			g.say("error: %s: invalid sha1 pointer %s\n", ref.Name(), h)
			broken = true
			continue
		}
		visit(h, "commit", "")
	}
	if broken {
		return quiet(2)
	}
	return nil
}

// gc is git-gc(1) and git-prune(1): nothing needs collecting here.
func (g *git) gc(args []string) error {
	if _, err := g.parse("gc", args, "aggressive auto prune? q,quiet force keep-largest-pack detach n v expire= progress"); err != nil {
		return err
	}
	return g.open()
}

// verifySigned is git-verify-commit(1) and git-verify-tag(1): the simulator holds
// no keys, so what is unsigned is told apart and the rest refused.
func (g *git) verifySigned(args []string) error {
	o, err := g.parse("verify", args, "v,verbose raw format=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	for _, rev := range o.args {
		h, err := g.resolve(rev)
		if err != nil {
			return &failure{1, fmt.Sprintf("error: commit '%s' not found.\n", rev)}
		}
		signed := ""
		if t, err := object.GetTag(g.r.store, h); err == nil {
			signed = t.PGPSignature
		} else if c, err := g.r.commit(h); err == nil {
			signed = c.PGPSignature
		}
		if signed != "" {
			return g.cannot("checking signatures")
		}
		g.say("error: no signature found\n")
	}
	if len(o.args) > 0 {
		return quiet(1)
	}
	return nil
}
