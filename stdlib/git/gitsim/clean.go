package gitsim

import (
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// clean is git-clean(1).
func (g *git) clean(args []string) error {
	o, err := g.parse("clean", args, "f,force d n,dry-run q,quiet x X e,exclude= i,interactive")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	if o.has("interactive") {
		return g.cannot("clean -i")
	}
	if !o.has("force") && !o.has("dry-run") && g.getBool("clean.requireforce", true) {
		how := "defaults"
		if _, set := g.get("clean.requireforce"); set {
			how = "set"
		}
		return fatal("clean.requireForce %s to true and neither -i, -n, nor -f given; refusing to clean", how)
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	found, err := g.untracked(idx, false, true)
	if err != nil {
		return err
	}
	found = limit(found, g.pathspecs(append(o.args, o.paths...)))
	exclude := parseIgnore(strings.Join(o.set["exclude"], "\n"), "")
	var problem error
	for _, c := range found {
		isDir := strings.HasSuffix(c.path, "/")
		switch {
		case c.ignored && !o.has("x") && !o.has("X"), !c.ignored && o.has("X"), isDir && !o.has("d"):
			continue
		case excluded(exclude, c.path):
			continue
		}
		name := strings.TrimSuffix(c.path, "/")
		if isDir && isRepo(g, path.Join(g.r.worktree, name)) && len(o.set["force"]) < 2 {
			if o.has("dry-run") {
				g.printf("Would skip repository %s\n", quotePath(g.relative(c.path), false))
			} else {
				g.printf("Skipping repository %s\n", quotePath(g.relative(c.path), false))
			}
			continue
		}
		shown := quotePath(g.relative(c.path), false)
		if o.has("dry-run") {
			g.println("Would remove " + shown)
			continue
		}
		if err := g.fs.RemoveAll(path.Join(g.r.worktree, name)); err != nil {
			g.say("warning: failed to remove %s: %s\n", shown, errnoText(err))
			problem = &failure{code: 1}
			continue
		}
		if !o.has("quiet") {
			g.println("Removing " + shown)
		}
	}
	return problem
}

func excluded(patterns []gitignore.Pattern, name string) bool {
	if len(patterns) == 0 {
		return false
	}
	return gitignore.NewMatcher(patterns).Match(strings.Split(strings.TrimSuffix(name, "/"), "/"), strings.HasSuffix(name, "/"))
}
