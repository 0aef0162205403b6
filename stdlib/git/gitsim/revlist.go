package gitsim

import (
	"bufio"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// revList is git-rev-list(1).
func (g *git) revList(args []string) error {
	o, err := g.parse("rev-list", args, logOptions+" count objects parents header timestamp q,quiet cherry-pick right-only left-only boundary")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	for _, u := range []string{"header", "cherry-pick", "boundary", "graph", "follow"} {
		if o.has(u) {
			return g.cannot("rev-list --%s", u)
		}
	}
	if len(o.args) == 0 && !o.has("all") {
		return &failure{129, "usage: git rev-list [<options>] <commit>... [--] [<path>...]\n"}
	}
	if o.has("left-right") {
		return g.leftRight(o)
	}
	commits, err := g.selectCommits(o)
	if err != nil {
		return err
	}
	switch {
	case o.has("count"):
		g.println(strconv.Itoa(len(commits)))
		return nil
	case o.has("quiet"):
		return nil
	}
	f, err := g.newFormatter(o)
	if err != nil {
		return err
	}
	custom := o.has("format") || o.has("pretty")
	for _, c := range commits {
		switch {
		case custom:
			if f.form != "oneline" && f.template {
				g.println("commit " + f.id(c.Hash))
			}
			if err := f.print(c); err != nil {
				return err
			}
			continue
		case o.has("oneline"):
			if err := f.print(c); err != nil {
				return err
			}
			continue
		}
		line := f.id(c.Hash)
		if o.has("timestamp") {
			line = strconv.FormatInt(c.Committer.When.Unix(), 10) + " " + line
		}
		if o.has("parents") {
			for _, p := range g.parents(c) {
				line += " " + p.String()
			}
		}
		g.println(line)
	}
	if o.has("objects") {
		return g.listObjects(commits)
	}
	return nil
}

func (g *git) leftRight(o *options) error {
	from, exclude, sides, err := g.revisions(o.args)
	if err != nil {
		return err
	}
	left, right := g.ancestors(sides[0]), g.ancestors(sides[1])
	a, b := 0, 0
	var lines []string
	err = g.walk(from, exclude, func(c *object.Commit) bool {
		switch {
		case left[c.Hash] && !right[c.Hash]:
			a++
			lines = append(lines, "<"+c.Hash.String())
		default:
			b++
			lines = append(lines, ">"+c.Hash.String())
		}
		return true
	})
	if err != nil {
		return err
	}
	if o.has("count") {
		g.printf("%d\t%d\n", a, b)
		return nil
	}
	for _, l := range lines {
		g.println(l)
	}
	return nil
}

// listObjects names trees and blobs of the commits, as rev-list --objects.
func (g *git) listObjects(commits []*object.Commit) error {
	seen := map[plumbing.Hash]bool{}
	var visit func(h plumbing.Hash, name string) error
	visit = func(h plumbing.Hash, name string) error {
		if seen[h] {
			return nil
		}
		seen[h] = true
		g.println(h.String() + " " + name)
		t, err := object.GetTree(g.r.store, h)
		if err != nil {
			return nil // a blob
		}
		for _, e := range t.Entries {
			child := e.Name
			if name != "" {
				child = name + "/" + e.Name
			}
			if err := visit(e.Hash, child); err != nil {
				return err
			}
		}
		return nil
	}
	for _, c := range commits {
		if err := visit(c.TreeHash, ""); err != nil {
			return err
		}
	}
	return nil
}

// mergeBase is git-merge-base(1).
func (g *git) mergeBase(args []string) error {
	o, err := g.parse("merge-base", args, "is-ancestor a,all octopus independent fork-point")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if o.has("octopus") || o.has("independent") || o.has("fork-point") {
		return g.cannot("merge-base %s", strings.Join(args, " "))
	}
	var at []plumbing.Hash
	for _, a := range o.args {
		c, err := g.resolveCommit(a)
		if err != nil {
			return fatal("Not a valid object name %s", a)
		}
		at = append(at, c.Hash)
	}
	if len(at) != 2 {
		return &failure{129, "usage: git merge-base [-a | --all] <commit> <commit>...\n"}
	}
	if o.has("is-ancestor") {
		if !g.isAncestor(at[0], at[1]) {
			return quiet(1)
		}
		return nil
	}
	bases := g.mergeBases(at[0], at[1])
	if len(bases) == 0 {
		return quiet(1)
	}
	if !o.has("all") {
		bases = bases[:1]
	}
	for _, h := range bases {
		g.println(h.String())
	}
	return nil
}

// catBatch is cat-file --batch and --batch-check with the default format.
func (g *git) catBatch(o *options) error {
	if o.get("batch")+o.get("batch-check") != "" || o.has("batch-all-objects") {
		return g.cannot("cat-file --batch with a format")
	}
	lines := bufio.NewScanner(g.p.Stdin)
	for lines.Scan() {
		name := lines.Text()
		h, err := g.resolve(name)
		var e plumbing.EncodedObject
		if err == nil {
			e, err = g.r.store.EncodedObject(plumbing.AnyObject, h)
		}
		if err != nil {
			g.println(name + " missing")
			continue
		}
		g.printf("%s %s %d\n", h, e.Type(), e.Size())
		if o.has("batch") {
			if err := g.dump(e); err != nil {
				return err
			}
			g.println("")
		}
	}
	return lines.Err()
}
