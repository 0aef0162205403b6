package gitsim

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// pseudoRefs lie in the git directory itself.
var pseudoRefs = []string{"HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD"}

// lookUp finds a name in the order of gitrevisions(7); the full name comes with it.
func (g *git) lookUp(name string) (plumbing.Hash, plumbing.ReferenceName, bool) {
	if name == "@" {
		name = "HEAD"
	}
	if name == "FETCH_HEAD" {
		data, err := g.fs.ReadFile(path.Join(g.r.gitDir, name))
		if hash, _, ok := strings.Cut(string(data), "\t"); err == nil && ok {
			return plumbing.NewHash(hash), plumbing.ReferenceName(name), true
		}
		return plumbing.ZeroHash, "", false
	}
	for _, rule := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"} {
		full := fmt.Sprintf(rule, name)
		if rule == "%s" && !strings.HasPrefix(full, "refs/") && !strings.HasSuffix(full, "HEAD") {
			continue
		}
		if strings.ContainsAny(full, " ~^:?*[\\") || strings.Contains(full, "..") {
			continue
		}
		if h := g.r.refHash(plumbing.ReferenceName(full)); !h.IsZero() {
			return h, plumbing.ReferenceName(full), true
		}
	}
	return plumbing.ZeroHash, "", false
}

// byPrefix finds an object by the beginning of its hash.
func (g *git) byPrefix(s string) (plumbing.Hash, bool) {
	if len(s) < 4 || len(s) > 40 || strings.Trim(strings.ToLower(s), "0123456789abcdef") != "" {
		return plumbing.ZeroHash, false
	}
	s = strings.ToLower(s)
	if len(s) == 40 {
		return plumbing.NewHash(s), true
	}
	even := s[:len(s)/2*2]
	raw := plumbing.NewHash(even + strings.Repeat("0", 40-len(even)))
	all, err := g.r.store.HashesWithPrefix(raw[:len(even)/2])
	if err != nil {
		return plumbing.ZeroHash, false
	}
	var found []plumbing.Hash
	for _, h := range all {
		if strings.HasPrefix(h.String(), s) {
			found = append(found, h)
		}
	}
	if len(found) != 1 {
		return plumbing.ZeroHash, false
	}
	return found[0], true
}

// ambiguous is what git says of a name it doesn't know.
func ambiguous(rev string) error {
	return fatal("ambiguous argument '%s': unknown revision or path not in the working tree.\nUse '--' to separate paths from revisions, like this:\n'git <command> [<revision>...] -- [<file>...]'", rev)
}

// resolve finds the object a revision names.
func (g *git) resolve(rev string) (plumbing.Hash, error) {
	if before, file, ok := strings.Cut(rev, ":"); ok && !strings.Contains(rev, "^{/") {
		return g.resolvePath(before, file, rev)
	}
	base, ops := rev, ""
	if i := strings.IndexAny(rev, "^~"); i >= 0 {
		base, ops = rev[:i], rev[i:]
	}
	if i := strings.Index(base, "@{"); i >= 0 {
		base, ops = base[:i], base[i:]+ops
	}
	if base == "" {
		base = "HEAD"
	}
	hash, _, ok := g.lookUp(base)
	if strings.HasPrefix(ops, "@{") {
		end := strings.IndexByte(ops, '}')
		if end < 0 {
			return plumbing.ZeroHash, ambiguous(rev)
		}
		name, err := g.atBrace(base, ops[2:end])
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if hash, _, ok = g.lookUp(name); !ok {
			return plumbing.ZeroHash, ambiguous(rev)
		}
		ops = ops[end+1:]
	}
	if !ok {
		if hash, ok = g.byPrefix(base); !ok {
			if i := strings.LastIndex(base, "-g"); i > 0 {
				hash, ok = g.byPrefix(base[i+2:])
			}
		}
	}
	if !ok {
		return plumbing.ZeroHash, ambiguous(rev)
	}
	return g.walkOps(hash, ops, rev)
}

// atBrace is NAME@{u}; entries of the reflog aren't kept here.
func (g *git) atBrace(base, inside string) (string, error) {
	switch strings.ToLower(inside) {
	case "u", "upstream", "push":
		branch := base
		if base == "HEAD" || base == "@" {
			branch = g.r.head().branch()
			if branch == "" {
				return "", fatal("HEAD does not point to a branch")
			}
		}
		up, ok := g.upstream(branch)
		if !ok {
			return "", fatal("no upstream configured for branch '%s'", branch)
		}
		return up.String(), nil
	}
	return "", g.cannot("the reflog (%s@{%s})", base, inside)
}

// upstream is the remote-tracking branch of a branch.
func (g *git) upstream(branch string) (plumbing.ReferenceName, bool) {
	remote, ok := g.get("branch." + branch + ".remote")
	merge, ok2 := g.get("branch." + branch + ".merge")
	if !ok || !ok2 {
		return "", false
	}
	if remote == "." {
		return plumbing.ReferenceName(merge), true
	}
	for _, spec := range g.getAll("remote." + remote + ".fetch") {
		if to, ok := mapRef(spec, merge); ok && to != "" {
			return plumbing.ReferenceName(to), true
		}
	}
	return "", false
}

// mapRef applies a refspec to a name.
func mapRef(spec, name string) (string, bool) {
	spec = strings.TrimPrefix(spec, "+")
	from, to, hasTo := strings.Cut(spec, ":")
	if !hasTo {
		to = ""
	}
	if head, tail, ok := strings.Cut(from, "*"); ok {
		if len(name) < len(head)+len(tail) || !strings.HasPrefix(name, head) || !strings.HasSuffix(name, tail) {
			return "", false
		}
		return strings.Replace(to, "*", name[len(head):len(name)-len(tail)], 1), true
	}
	return to, from == name
}

// walkOps applies ^, ^N, ~N and ^{type}.
func (g *git) walkOps(hash plumbing.Hash, ops, rev string) (plumbing.Hash, error) {
	for ops != "" {
		op := ops[0]
		ops = ops[1:]
		if op == '^' && strings.HasPrefix(ops, "{") {
			end := strings.IndexByte(ops, '}')
			if end < 0 {
				return plumbing.ZeroHash, ambiguous(rev)
			}
			var err error
			if hash, err = g.peel(hash, ops[1:end]); err != nil {
				return plumbing.ZeroHash, ambiguous(rev)
			}
			ops = ops[end+1:]
			continue
		}
		digits := len(ops) - len(strings.TrimLeft(ops, "0123456789"))
		n := 1
		if digits > 0 {
			n, _ = strconv.Atoi(ops[:digits])
			ops = ops[digits:]
		}
		c, err := g.peeled(hash)
		if err != nil {
			return plumbing.ZeroHash, ambiguous(rev)
		}
		if op == '^' {
			if n == 0 {
				hash = c.Hash
				continue
			}
			if len(g.parents(c)) < n {
				return plumbing.ZeroHash, ambiguous(rev)
			}
			hash = c.ParentHashes[n-1]
			continue
		}
		for ; n > 0; n-- {
			if len(g.parents(c)) == 0 {
				return plumbing.ZeroHash, ambiguous(rev)
			}
			if c, err = g.r.commit(c.ParentHashes[0]); err != nil {
				return plumbing.ZeroHash, ambiguous(rev)
			}
		}
		hash = c.Hash
	}
	return hash, nil
}

// parents of a commit; none where the history was cut.
func (g *git) parents(c *object.Commit) []plumbing.Hash { return parentsOf(g.r.store, c) }

func parentsOf(s storer.ShallowStorer, c *object.Commit) []plumbing.Hash {
	shallow, err := s.Shallow()
	if err != nil {
		return c.ParentHashes
	}
	for _, h := range shallow {
		if h == c.Hash {
			return nil
		}
	}
	return c.ParentHashes
}

// peel follows tags (and commits, for a tree) to an object of a kind.
func (g *git) peel(h plumbing.Hash, kind string) (plumbing.Hash, error) {
	for {
		o, err := g.r.store.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			return h, err
		}
		switch {
		case o.Type().String() == kind, kind == "object", kind == "" && o.Type() != plumbing.TagObject:
			return h, nil
		case o.Type() == plumbing.TagObject:
			t, err := object.DecodeTag(g.r.store, o)
			if err != nil {
				return h, err
			}
			h = t.Target
		case o.Type() == plumbing.CommitObject && kind == "tree":
			c, err := object.DecodeCommit(g.r.store, o)
			if err != nil {
				return h, err
			}
			return c.TreeHash, nil
		default:
			return h, plumbing.ErrObjectNotFound
		}
	}
}

// peeled is the commit a hash stands for.
func (g *git) peeled(h plumbing.Hash) (*object.Commit, error) {
	h, err := g.peel(h, "commit")
	if err != nil {
		return nil, err
	}
	return g.r.commit(h)
}

// resolveCommit is resolve for what must be a commit.
func (g *git) resolveCommit(rev string) (*object.Commit, error) {
	h, err := g.resolve(rev)
	if err != nil {
		return nil, err
	}
	c, err := g.peeled(h)
	if err != nil {
		return nil, ambiguous(rev)
	}
	return c, nil
}

// resolvePath is REV:PATH and :PATH.
func (g *git) resolvePath(rev, file, whole string) (plumbing.Hash, error) {
	file = strings.TrimPrefix(path.Clean("/"+file), "/")
	if rev == "" {
		idx, err := g.index()
		if err == nil {
			for _, e := range idx.Entries {
				if e.Name == file {
					return e.Hash, nil
				}
			}
		}
		return plumbing.ZeroHash, fatal("path '%s' does not exist (neither on disk nor in the index)", file)
	}
	h, err := g.resolve(rev)
	if err != nil {
		return plumbing.ZeroHash, fatal("invalid object name '%s'.", rev)
	}
	th, err := g.peel(h, "tree")
	if err != nil {
		return plumbing.ZeroHash, ambiguous(whole)
	}
	if file == "" {
		return th, nil
	}
	t, err := object.GetTree(g.r.store, th)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	e, err := t.FindEntry(file)
	if err != nil {
		return plumbing.ZeroHash, fatal("path '%s' does not exist in '%s'", file, rev)
	}
	return e.Hash, nil
}
