package gitsim

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// push is git-push(1) to repositories of this machine.
func (g *git) push(args []string) error {
	o, err := g.parse("push", args, "q,quiet f,force u,set-upstream tags all v,verbose d,delete n,dry-run porcelain progress mirror")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	name, specs := g.defaultRemote(), []string(nil)
	if len(o.args) > 0 {
		name, specs = o.args[0], o.args[1:]
	}
	address, ok := g.get("remote." + name + ".url")
	if !ok {
		address = name
	}
	r, err := g.openRemote(address)
	if err != nil {
		return err
	}
	if r.dir == "" || o.has("mirror") || o.has("delete") || o.has("dry-run") || o.has("porcelain") {
		return g.cannot("push %s", strings.Join(args, " "))
	}
	at := g.r.head()
	if len(specs) == 0 && !o.has("all") {
		if at.ref == "" {
			return fatal("You are not currently on a branch.\nTo push the history leading to the current (detached HEAD)\nstate now, use\n\n    git push %s HEAD:<name-of-remote-branch>\n", name)
		}
		specs = []string{at.branch()}
	}
	if o.has("all") {
		for _, ref := range g.r.refs("refs/heads/") {
			specs = append(specs, ref.Name().Short())
		}
	}
	if o.has("tags") {
		for _, ref := range g.r.refs("refs/tags/") {
			specs = append(specs, ref.Name().String())
		}
	}
	return g.pushSpecs(o, r, name, address, specs)
}

func (g *git) pushSpecs(o *options, r *remoteRepo, name, address string, specs []string) error {
	p := pushing{g: g, o: o, name: name, far: &repo{gitDir: r.dir, commonDir: r.dir, store: openStore(g.fs, r.dir, r.dir)}}
	for _, spec := range specs {
		if err := p.spec(spec); err != nil {
			var f *failure
			if errors.As(err, &f) && f.code == 1 {
				f.text += fmt.Sprintf("error: failed to push some refs to '%s'\n", address)
			}
			return err
		}
	}
	if len(p.lines) == 0 {
		g.say("Everything up-to-date\n")
		return nil
	}
	if !o.has("quiet") || p.failed {
		g.say("To %s\n%s\n", address, strings.Join(p.lines, "\n"))
	}
	if p.failed {
		return &failure{1, fmt.Sprintf("error: failed to push some refs to '%s'\n%s", address, p.advice)}
	}
	return nil
}

// pushing is one push under way.
type pushing struct {
	g      *git
	o      *options
	name   string // of the remote
	far    *repo
	lines  []string
	failed bool
	advice string
}

func (p *pushing) line(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

// farName is the reference that the right side of a refspec means.
func farName(to string) plumbing.ReferenceName {
	if strings.HasPrefix(to, "refs/") {
		return plumbing.ReferenceName(to)
	}
	return plumbing.NewBranchReferenceName(to)
}

// spec pushes one refspec.
func (p *pushing) spec(spec string) error {
	g := p.g
	force := p.o.has("force") || strings.HasPrefix(spec, "+")
	from, to, hasTo := strings.Cut(strings.TrimPrefix(spec, "+"), ":")
	if from == "" && hasTo {
		return p.remove(to)
	}
	h, full, ok := g.lookUp(from)
	if !ok {
		return refuse("src refspec %s does not match any", from)
	}
	if full == plumbing.HEAD && g.r.head().ref != "" {
		full = g.r.head().ref
	}
	target, label := full, pretty(full)
	if hasTo {
		target = farName(to)
		if from == "HEAD" {
			label = "HEAD"
		}
	}
	t := transfer{from: g.r.store, to: p.far.store}
	if err := t.copy([]plumbing.Hash{h}); err != nil {
		return err
	}
	if !p.accepted(h, target, label+" -> "+pretty(target), force) {
		return nil
	}
	if err := p.far.setRef(target, h); err != nil {
		return err
	}
	return p.track(h, full, target)
}

func (p *pushing) remove(name string) error {
	target := farName(name)
	if p.far.refHash(target).IsZero() {
		return refuse("unable to delete '%s': remote ref does not exist", name)
	}
	p.line(" - %-17s %s", "[deleted]", pretty(target))
	return p.far.store.RemoveReference(target)
}

// accepted tells whether a reference may move, and notes what is printed.
func (p *pushing) accepted(h plumbing.Hash, target plumbing.ReferenceName, label string, force bool) bool {
	g, old := p.g, p.far.refHash(target)
	switch {
	case old == h:
		return false
	case p.far.head().ref == target && !p.far.isBare(g):
		p.line(" ! [remote rejected] %s (branch is currently checked out)", label)
		p.failed = true
		return false
	case old.IsZero() && target.IsTag():
		p.line(" * %-17s %s", "[new tag]", label)
	case old.IsZero():
		p.line(" * %-17s %s", "[new branch]", label)
	case g.isAncestor(old, h):
		p.line("   %-17s %s", g.r.short(old)+".."+g.r.short(h), label)
	case force:
		p.line(" + %-17s %s (forced update)", g.r.short(old)+"..."+g.r.short(h), label)
	default:
		why := "non-fast-forward"
		if g.r.store.HasEncodedObject(old) != nil {
			why = "fetch first"
		}
		p.line(" ! %-17s %s (%s)", "[rejected]", label, why)
		p.failed, p.advice = true, pushAdvice[why]
		return false
	}
	return true
}

// track brings the remote-tracking branch along.
func (p *pushing) track(h plumbing.Hash, full, target plumbing.ReferenceName) error {
	if !target.IsBranch() || !slices.Contains(p.g.remotes(), p.name) {
		return nil
	}
	tracking := plumbing.NewRemoteReferenceName(p.name, target.Short())
	if err := p.g.r.setRef(tracking, h); err != nil || !p.o.has("set-upstream") {
		return err
	}
	if err := p.g.setUpstream(full.Short(), tracking); err != nil {
		return err
	}
	p.g.printf("branch '%s' set up to track '%s'.\n", full.Short(), tracking.Short())
	return nil
}

// pushAdvice is what git says about a push that was rejected.
var pushAdvice = map[string]string{
	"non-fast-forward": "hint: Updates were rejected because the tip of your current branch is behind\nhint: its remote counterpart. Integrate the remote changes (e.g.\nhint: 'git pull ...') before pushing again.\nhint: See the 'Note about fast-forwards' in 'git push --help' for details.\n",
	"fetch first":      "hint: Updates were rejected because the remote contains work that you do\nhint: not have locally. This is usually caused by another repository pushing\nhint: to the same ref. You may want to first integrate the remote changes\nhint: (e.g., 'git pull ...') before pushing again.\nhint: See the 'Note about fast-forwards' in 'git push --help' for details.\n",
}

// isBare reads core.bare of another repository.
func (r *repo) isBare(g *git) bool {
	for _, s := range g.readConfig(r.configFile()) {
		if s.key == "core.bare" {
			return s.value == "true"
		}
	}
	return path.Base(r.gitDir) != ".git"
}
