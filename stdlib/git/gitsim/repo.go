package gitsim

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"bsdrun/runtime/sim/vfs"
)

// repo is a repository of the machine.
type repo struct {
	gitDir    string // of this worktree
	commonDir string // shared by all worktrees
	worktree  string // empty: bare
	store     *filesystem.Storage
}

func (r *repo) configFile() string { return path.Join(r.commonDir, "config") }

func openStore(view *vfs.View, gitDir, commonDir string) *filesystem.Storage {
	if gitDir == commonDir {
		return filesystem.NewStorage(newTree(view, gitDir), cache.NewObjectLRUDefault())
	}
	both := dotgit.NewRepositoryFilesystem(newTree(view, gitDir), newTree(view, commonDir))
	return filesystem.NewStorage(both, cache.NewObjectLRUDefault())
}

// isGitDir tells whether a directory is the inside of a repository.
func isGitDir(view *vfs.View, dir string) bool {
	if _, err := view.Lstat(path.Join(dir, "HEAD")); err != nil {
		return false
	}
	if _, err := view.Stat(path.Join(dir, "commondir")); err == nil {
		return true
	}
	for _, sub := range []string{"objects", "refs"} {
		if i, err := view.Stat(path.Join(dir, sub)); err != nil || !i.IsDir() {
			return false
		}
	}
	return true
}

// follow reads a .git file ("gitdir: PATH").
func follow(view *vfs.View, file string) (string, bool) {
	data, err := view.ReadFile(file)
	if err != nil {
		return "", false
	}
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
	if !ok {
		return "", false
	}
	if !path.IsAbs(dir) {
		dir = path.Join(path.Dir(file), dir)
	}
	return dir, true
}

// discover finds the repository that a directory belongs to.
func discover(view *vfs.View, dir string) (gitDir, worktree string, found bool) {
	for {
		dot := path.Join(dir, ".git")
		if i, err := view.Stat(dot); err == nil {
			if i.IsDir() && isGitDir(view, dot) {
				return dot, dir, true
			}
			if !i.IsDir() {
				if real, ok := follow(view, dot); ok {
					return real, dir, true
				}
			}
		}
		if isGitDir(view, dir) {
			return dir, "", true
		}
		if dir == "/" {
			return "", "", false
		}
		dir = path.Dir(dir)
	}
}

// open finds the repository of the current directory, once.
func (g *git) open() error {
	if g.r != nil {
		return nil
	}
	gitDir, worktree, found := "", "", false
	if g.gitDir != "" {
		gitDir, worktree, found = g.abs(g.gitDir), g.dir, isGitDir(g.fs, g.abs(g.gitDir))
		if !found {
			return fatal("not a git repository: '%s'", g.gitDir)
		}
	} else if gitDir, worktree, found = discover(g.fs, g.dir); !found {
		return fatal("not a git repository (or any of the parent directories): .git")
	} else if err := g.checkOwner(gitDir, worktree); err != nil {
		return err
	}
	r := &repo{gitDir: gitDir, commonDir: gitDir, worktree: worktree}
	if data, err := g.fs.ReadFile(path.Join(gitDir, "commondir")); err == nil {
		r.commonDir = path.Join(gitDir, strings.TrimSpace(string(data)))
		if c := strings.TrimSpace(string(data)); path.IsAbs(c) {
			r.commonDir = c
		}
	}
	r.store = openStore(g.fs, r.gitDir, r.commonDir)
	g.r = r
	if g.workDir != "" {
		r.worktree = g.abs(g.workDir)
	} else if wt, ok := g.get("core.worktree"); ok && r.commonDir == r.gitDir {
		r.worktree = path.Join(gitDir, wt)
	}
	if g.bare || g.workDir == "" && r.commonDir == r.gitDir && g.getBool("core.bare", false) {
		r.worktree = ""
	}
	return nil
}

// checkOwner refuses a repository of somebody else (safe.directory of
// git-config(1)).
func (g *git) checkOwner(gitDir, worktree string) error {
	top := worktree
	if top == "" {
		top = gitDir
	}
	info, err := g.fs.Stat(top)
	if err != nil {
		return err
	}
	uid := g.p.Cred.UID
	if info.UID == uid {
		return nil
	}
	if by, err := strconv.Atoi(g.p.Getenv("SUDO_UID")); err == nil && uid == 0 && by == info.UID {
		return nil
	}
	safe := false
	for _, s := range g.outside() {
		if s.key != "safe.directory" {
			continue
		}
		switch v := s.value; {
		case v == "":
			safe = false
		case v == "*" || path.Clean(v) == top:
			safe = true
		case strings.HasSuffix(v, "/*") && strings.HasPrefix(top, strings.TrimSuffix(v, "*")):
			safe = true
		}
	}
	if safe {
		return nil
	}
	return fatal("detected dubious ownership in repository at '%s'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory %s", top, quoteShell(top))
}

func quoteShell(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// needWorktree is for the commands that work on files.
func (g *git) needWorktree() error {
	if err := g.open(); err != nil {
		return err
	}
	if g.r.worktree == "" || g.dir != g.r.worktree && strings.HasPrefix(g.dir+"/", g.r.gitDir+"/") {
		return fatal("this operation must be run in a work tree")
	}
	return nil
}

// prefix is the current directory below the top of the worktree, with a slash at
// its end, or nothing.
func (g *git) prefix() string {
	if rest, ok := strings.CutPrefix(g.dir, strings.TrimSuffix(g.r.worktree, "/")+"/"); ok && rest != "" {
		return rest + "/"
	}
	return ""
}

// head is what HEAD names: a branch, or a commit when detached.
type head struct {
	ref  plumbing.ReferenceName // empty: detached
	hash plumbing.Hash          // zero: no commit yet
}

func (h head) branch() string { return h.ref.Short() }

func (r *repo) head() head {
	ref, err := r.store.Reference(plumbing.HEAD)
	if err != nil {
		return head{}
	}
	if ref.Type() == plumbing.HashReference {
		return head{hash: ref.Hash()}
	}
	h := head{ref: ref.Target()}
	if target, err := storer.ResolveReference(r.store, ref.Target()); err == nil {
		h.hash = target.Hash()
	}
	return h
}

// move sets the commit that HEAD is at, on its branch or detached.
func (r *repo) move(h plumbing.Hash) error {
	if at := r.head(); at.ref != "" {
		return r.setRef(at.ref, h)
	}
	return r.store.SetReference(plumbing.NewHashReference(plumbing.HEAD, h))
}

func (r *repo) setRef(name plumbing.ReferenceName, h plumbing.Hash) error {
	return r.store.SetReference(plumbing.NewHashReference(name, h))
}

// refHash resolves a reference; zero when there's none.
func (r *repo) refHash(name plumbing.ReferenceName) plumbing.Hash {
	ref, err := storer.ResolveReference(r.store, name)
	if err != nil {
		return plumbing.ZeroHash
	}
	return ref.Hash()
}

// refs lists references below a prefix, sorted.
func (r *repo) refs(prefix string) []*plumbing.Reference { return sortedRefs(r.store, prefix) }

func sortedRefs(s storer.ReferenceStorer, prefix string) []*plumbing.Reference {
	var out []*plumbing.Reference
	iter, err := s.IterReferences()
	if err != nil {
		return nil
	}
	_ = iter.ForEach(func(ref *plumbing.Reference) error {
		if strings.HasPrefix(ref.Name().String(), prefix) {
			out = append(out, ref)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b *plumbing.Reference) int { return strings.Compare(a.Name().String(), b.Name().String()) })
	return out
}

func (r *repo) commit(h plumbing.Hash) (*object.Commit, error) { return object.GetCommit(r.store, h) }

// treeOf is the tree of a commit; an empty map for the zero hash.
func (r *repo) treeOf(h plumbing.Hash) (map[string]entry, error) {
	if h.IsZero() {
		return map[string]entry{}, nil
	}
	return flatten(r.store, h)
}

// short abbreviates a hash: seven digits, or as many as are needed.
func (r *repo) short(h plumbing.Hash) string {
	s := h.String()
	for n := 7; n < 40; n++ {
		prefix := s[:n]
		if n%2 == 1 {
			prefix = s[:n-1]
		}
		raw := plumbing.NewHash(prefix + strings.Repeat("0", 40-len(prefix)))
		all, err := r.store.HashesWithPrefix(raw[:len(prefix)/2])
		if err != nil {
			return s[:n]
		}
		same := 0
		for _, other := range all {
			if strings.HasPrefix(other.String(), s[:n]) && other != h {
				same++
			}
		}
		if same == 0 {
			return s[:n]
		}
	}
	return s
}

// locked refuses when another process holds the index.
func (g *git) locked() error {
	lock := path.Join(g.r.gitDir, "index.lock")
	if _, err := g.fs.Lstat(lock); err != nil {
		return nil // no lock is what is hoped for
	}
	return fatal("Unable to create '%s': File exists.\n\nAnother git process seems to be running in this repository, e.g.\nan editor opened by 'git commit'. Please make sure all processes\nare terminated then try again. If it still fails, a git process\nmay have crashed in this repository earlier:\nremove the file manually to continue.", lock)
}
