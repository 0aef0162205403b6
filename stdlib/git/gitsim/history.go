package gitsim

import (
	"container/heap"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// ancestors is every commit that can be reached, the start included.
func (g *git) ancestors(from ...plumbing.Hash) map[plumbing.Hash]bool {
	seen := map[plumbing.Hash]bool{}
	todo := append([]plumbing.Hash{}, from...)
	for len(todo) > 0 {
		h := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[h] || h.IsZero() {
			continue
		}
		c, err := g.r.commit(h)
		if err != nil {
			continue
		}
		seen[h] = true
		todo = append(todo, g.parents(c)...)
	}
	return seen
}

// aheadBehind counts the commits that only one side has.
func (g *git) aheadBehind(ours, theirs plumbing.Hash) (ahead, behind int) {
	a, b := g.ancestors(ours), g.ancestors(theirs)
	for h := range a {
		if !b[h] {
			ahead++
		}
	}
	for h := range b {
		if !a[h] {
			behind++
		}
	}
	return ahead, behind
}

func (g *git) isAncestor(old, young plumbing.Hash) bool { return g.ancestors(young)[old] }

// mergeBases are the best common ancestors.
func (g *git) mergeBases(a, b plumbing.Hash) []plumbing.Hash {
	ca, err := g.r.commit(a)
	if err != nil {
		return nil
	}
	cb, err := g.r.commit(b)
	if err != nil {
		return nil
	}
	left, right := g.ancestors(a), g.ancestors(b)
	_, _ = ca, cb
	var common []plumbing.Hash
	for h := range left {
		if right[h] {
			common = append(common, h)
		}
	}
	var best []plumbing.Hash
	for _, h := range common {
		covered := false
		for _, other := range common {
			if other != h && g.ancestors(other)[h] {
				covered = true
				break
			}
		}
		if !covered {
			best = append(best, h)
		}
	}
	return best
}

// byDate is a heap of commits, the youngest first.
type byDate []*object.Commit

func (q byDate) Len() int           { return len(q) }
func (q byDate) Less(i, j int) bool { return q[i].Committer.When.After(q[j].Committer.When) }
func (q byDate) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *byDate) Push(x any)        { *q = append(*q, x.(*object.Commit)) }
func (q *byDate) Pop() any {
	old := *q
	c := old[len(old)-1]
	*q = old[:len(old)-1]
	return c
}

// walk visits commits from the youngest on, those reachable from exclude left out,
// until fn says to stop.
func (g *git) walk(from, exclude []plumbing.Hash, fn func(*object.Commit) bool) error {
	hidden := g.ancestors(exclude...)
	seen := map[plumbing.Hash]bool{}
	q := &byDate{}
	push := func(h plumbing.Hash) error {
		if seen[h] || hidden[h] {
			return nil
		}
		seen[h] = true
		c, err := g.r.commit(h)
		if err != nil {
			return err
		}
		heap.Push(q, c)
		return nil
	}
	for _, h := range from {
		if err := push(h); err != nil {
			return err
		}
	}
	for q.Len() > 0 {
		c := heap.Pop(q).(*object.Commit)
		if !fn(c) {
			return nil
		}
		for _, p := range g.parents(c) {
			if err := push(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// revisions reads A, ^A, A..B and A...B; the last marks a symmetric difference.
func (g *git) revisions(args []string) (from, exclude []plumbing.Hash, symmetric [2]plumbing.Hash, err error) {
	one := func(rev string) (plumbing.Hash, error) {
		if rev == "" {
			rev = "HEAD"
		}
		c, err := g.resolveCommit(rev)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		return c.Hash, nil
	}
	for _, arg := range args {
		left, right, three := strings.Cut(arg, "...")
		two := false
		if !three {
			left, right, two = strings.Cut(arg, "..")
		}
		switch {
		case three || two:
			a, err := one(left)
			if err != nil {
				return nil, nil, symmetric, ambiguous(arg)
			}
			b, err := one(right)
			if err != nil {
				return nil, nil, symmetric, ambiguous(arg)
			}
			if two {
				from, exclude = append(from, b), append(exclude, a)
				continue
			}
			from, exclude, symmetric = append(from, a, b), append(exclude, g.mergeBases(a, b)...), [2]plumbing.Hash{a, b}
		case strings.HasPrefix(arg, "^"):
			h, err := one(arg[1:])
			if err != nil {
				return nil, nil, symmetric, err
			}
			exclude = append(exclude, h)
		default:
			h, err := one(arg)
			if err != nil {
				return nil, nil, symmetric, err
			}
			from = append(from, h)
		}
	}
	return from, exclude, symmetric, nil
}
