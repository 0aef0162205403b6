package gitsim

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"

	format "github.com/go-git/go-git/v5/plumbing/format/config"
)

func (g *git) removeBranchConfig(name string) error {
	return g.edit(g.r.configFile(), func(c *format.Config) { c.RemoveSubsection("branch", name) })
}

// merge is git-merge(1): fast-forwards, and merges without conflicts in one file.
func (g *git) merge(args []string) error {
	o, err := g.parse("merge", args, "ff ff-only q,quiet m,message= no-edit edit stat n commit squash abort continue quit s,strategy= X= v,verbose allow-unrelated-histories progress S,gpg-sign?")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	if o.has("abort") {
		if _, ok := g.mergeHead(); !ok {
			return fatal("There is no merge to abort (MERGE_HEAD missing).")
		}
		files, err := g.r.treeOf(g.r.head().hash)
		if err != nil {
			return err
		}
		g.dropStates()
		return g.resetTo(files)
	}
	for _, u := range []string{"squash", "no-commit", "continue", "quit", "strategy", "X", "gpg-sign"} {
		if o.has(u) {
			return g.cannot("merge --%s", u)
		}
	}
	name := ""
	switch len(o.args) {
	case 0:
		up, ok := g.upstream(g.r.head().branch())
		if !ok {
			return fatal("No remote for the current branch.")
		}
		name = up.String()
	case 1:
		name = o.args[0]
	default:
		return g.cannot("merge of several heads")
	}
	c, err := g.resolveCommit(name)
	if err != nil {
		return &failure{1, fmt.Sprintf("merge: %s - not something we can merge\n", name)}
	}
	at := g.r.head().hash
	switch {
	case g.isAncestor(c.Hash, at):
		if !o.has("quiet") {
			g.println("Already up to date.")
		}
		return nil
	case (at.IsZero() || g.isAncestor(at, c.Hash)) && !o.has("no-ff"):
		return g.fastForward(c.Hash, o.has("quiet"))
	case o.has("ff-only"):
		return fatal("Not possible to fast-forward, aborting.")
	}
	message := o.get("message")
	if message == "" {
		kind := "commit"
		shown := name
		if _, full, ok := g.lookUp(name); ok {
			switch {
			case full.IsBranch():
				kind = "branch"
			case full.IsRemote():
				kind = "remote-tracking branch"
			case full.IsTag():
				kind = "tag"
			}
			shown = pretty(full)
		}
		message = fmt.Sprintf("Merge %s '%s'", kind, shown)
		if b := g.r.head().branch(); b != "main" && b != "master" && b != "" {
			message += " into " + b
		}
	}
	return g.mergeCommit(c.Hash, message, name, o.has("quiet"))
}

// merged is what joining two trees gives.
type merged struct {
	files    map[string]entry
	conflict []string
	stages   map[string][4]entry
	texts    map[string][]byte // of conflicted files, with markers
	auto     []string          // joined line by line
}

// threeWay joins two descendants of a base, file by file and line by line.
func (g *git) threeWay(base, ours, theirs map[string]entry, labelOurs, labelTheirs string) (merged, error) {
	m := merged{files: map[string]entry{}, stages: map[string][4]entry{}, texts: map[string][]byte{}}
	for _, name := range sortedNames(base, ours, theirs) {
		b, o, t := base[name], ours[name], theirs[name]
		switch {
		case o == t, t == b:
			if o.mode != 0 {
				m.files[name] = o
			}
		case o == b:
			if t.mode != 0 {
				m.files[name] = t
			}
		case o.mode != 0 && t.mode != 0:
			if err := g.joinFile(&m, name, b, o, t, labelOurs, labelTheirs); err != nil {
				return m, err
			}
		default:
			m.conflict = append(m.conflict, name)
			m.stages[name] = [4]entry{{}, b, o, t}
		}
	}
	return m, nil
}

func (g *git) joinFile(m *merged, name string, b, o, t entry, labelOurs, labelTheirs string) error {
	base, err := g.content(b)
	if err != nil {
		return err
	}
	ours, err := g.content(o)
	if err != nil {
		return err
	}
	theirs, err := g.content(t)
	if err != nil {
		return err
	}
	m.auto = append(m.auto, name)
	text, clean := mergeLines(base, ours, theirs, labelOurs, labelTheirs)
	if !clean {
		m.conflict = append(m.conflict, name)
		m.stages[name] = [4]entry{{}, b, o, t}
		m.texts[name] = text
		return nil
	}
	h, err := storeBlob(g.r.store, text)
	m.files[name] = entry{o.mode, h}
	return err
}

// mergeLines joins the changes of both sides; where they touch the same lines it
// leaves markers.
func mergeLines(base, ours, theirs []byte, labelOurs, labelTheirs string) (text []byte, clean bool) {
	b, o, t := splitLines(base), splitLines(ours), splitLines(theirs)
	om, tm := matches(b, o), matches(b, t)
	var out bytes.Buffer
	clean = true
	i, j, k := 0, 0, 0
	for i < len(b) || j < len(o) || k < len(t) {
		if i < len(b) && om[i] == j && tm[i] == k {
			out.WriteString(b[i])
			i, j, k = i+1, j+1, k+1
			continue
		}
		ni := i // the next line of the base that both sides kept
		for ni < len(b) && (om[ni] < j || tm[ni] < k) {
			ni++
		}
		nj, nk := len(o), len(t)
		if ni < len(b) {
			nj, nk = om[ni], tm[ni]
		}
		bp, op, tp := strings.Join(b[i:ni], ""), strings.Join(o[j:nj], ""), strings.Join(t[k:nk], "")
		switch {
		case op == tp, tp == bp:
			out.WriteString(op)
		case op == bp:
			out.WriteString(tp)
		default:
			clean = false
			fmt.Fprintf(&out, "<<<<<<< %s\n%s=======\n%s>>>>>>> %s\n", labelOurs, ended(op), ended(tp), labelTheirs)
		}
		i, j, k = ni, nj, nk
	}
	return out.Bytes(), clean
}

func ended(s string) string {
	if s != "" && !strings.HasSuffix(s, "\n") {
		return s + "\n"
	}
	return s
}

func splitLines(data []byte) []string {
	lines := strings.SplitAfter(string(data), "\n")
	if len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// matches maps lines of a to their partners in b by the longest common
// subsequence; -1 has none.
func matches(a, b []string) []int {
	out := make([]int, len(a))
	for i := range out {
		out[i] = -1
	}
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		out[head] = head
		head++
	}
	endA, endB := len(a), len(b)
	for endA > head && endB > head && a[endA-1] == b[endB-1] {
		endA, endB = endA-1, endB-1
		out[endA] = endB
	}
	n, m := endA-head, endB-head
	lengths := make([][]int32, n+1)
	for i := range lengths {
		lengths[i] = make([]int32, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if a[head+i] == b[head+j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case a[head+i] == b[head+j]:
			out[head+i] = head + j
			i, j = i+1, j+1
		case lengths[i+1][j] >= lengths[i][j+1]:
			i++
		default:
			j++
		}
	}
	return out
}

// mergeCommit joins a commit into the current branch.
func (g *git) mergeCommit(target plumbing.Hash, message, label string, quietly bool) error {
	if err := g.cleanForMerge(); err != nil {
		return err
	}
	at := g.r.head()
	bases := g.mergeBases(at.hash, target)
	if len(bases) == 0 {
		return fatal("refusing to merge unrelated histories")
	}
	m, err := g.joinTrees(bases[0], at.hash, target, "HEAD", label)
	if err != nil {
		return err
	}
	if message == "" {
		message = g.fetchedMessage()
	}
	if len(m.conflict) > 0 {
		for name, data := range map[string]string{"MERGE_HEAD": target.String() + "\n", "MERGE_MSG": message + "\n", "MERGE_MODE": ""} {
			if err := g.fs.WriteFile(path.Join(g.r.gitDir, name), []byte(data), 0o666); err != nil {
				return err
			}
		}
		g.println("Automatic merge failed; fix conflicts and then commit the result.")
		return quiet(1)
	}
	h, err := g.commitTree(m.files, []plumbing.Hash{at.hash, target}, message+"\n", nil)
	if err != nil {
		return err
	}
	if err := g.r.move(h); err != nil {
		return err
	}
	if quietly {
		return nil
	}
	g.println("Merge made by the 'ort' strategy.")
	d, err := g.compare(at.hash, h)
	if err != nil {
		return err
	}
	d.stat(g)
	d.summary(g)
	return nil
}

func (g *git) fetchedMessage() string {
	data, err := g.fs.ReadFile(path.Join(g.r.gitDir, "FETCH_HEAD"))
	line, _, _ := strings.Cut(string(data), "\n")
	f := strings.SplitN(line, "\t", 3)
	if err != nil || len(f) != 3 {
		return "Merge"
	}
	return "Merge " + f[2]
}

func (g *git) cleanForMerge() error {
	changes, err := g.state("no", false)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range changes {
		if c.conflict() {
			return &failure{128, "error: Merging is not possible because you have unmerged files.\nhint: Fix them up in the work tree, and then use 'git add/rm <file>'\nhint: as appropriate to mark resolution and make a commit.\nfatal: Exiting because of an unresolved conflict.\n"}
		}
		names = append(names, c.path)
	}
	if len(names) > 0 {
		return overwritten(names, nil, "merge")
	}
	return nil
}

// joinTrees merges, writes files and index, and names the conflicts.
func (g *git) joinTrees(base, ours, theirs plumbing.Hash, labelOurs, labelTheirs string) (merged, error) {
	var sets [3]map[string]entry
	for i, h := range []plumbing.Hash{base, ours, theirs} {
		var err error
		if sets[i], err = g.r.treeOf(h); err != nil {
			return merged{}, err
		}
	}
	m, err := g.threeWay(sets[0], sets[1], sets[2], labelOurs, labelTheirs)
	if err != nil {
		return m, err
	}
	for _, name := range m.auto {
		g.println("Auto-merging " + name)
	}
	if err := g.resetTo(m.files); err != nil {
		return m, err
	}
	if len(m.conflict) == 0 {
		return m, nil
	}
	idx, err := g.index()
	if err != nil {
		return m, err
	}
	for _, name := range m.conflict {
		stages := m.stages[name]
		switch {
		case m.texts[name] != nil:
			g.println("CONFLICT (content): Merge conflict in " + name)
		case stages[2].mode == 0:
			g.printf("CONFLICT (modify/delete): %s deleted in %s and modified in %s.  Version %s of %s left in tree.\n", name, labelOurs, labelTheirs, labelTheirs, name)
		default:
			g.printf("CONFLICT (modify/delete): %s deleted in %s and modified in %s.  Version %s of %s left in tree.\n", name, labelTheirs, labelOurs, labelOurs, name)
		}
		for s := 1; s <= 3; s++ {
			if stages[s].mode != 0 {
				idx.Entries = append(idx.Entries, &index.Entry{Name: name, Mode: stages[s].mode, Hash: stages[s].hash, Stage: index.Stage(s)})
			}
		}
		if err := g.leaveConflict(name, m.texts[name], stages); err != nil {
			return m, err
		}
	}
	return m, g.putIndex(idx)
}

func (g *git) leaveConflict(name string, text []byte, stages [4]entry) error {
	if text != nil {
		full := path.Join(g.r.worktree, name)
		if err := g.makeParents(full); err != nil {
			return err
		}
		return g.fs.WriteFile(full, text, 0o666)
	}
	for _, s := range []int{2, 3} {
		if stages[s].mode != 0 {
			return g.write(name, stages[s])
		}
	}
	return nil
}

func (g *git) commitTree(files map[string]entry, parents []plumbing.Hash, message string, author *object.Signature) (plumbing.Hash, error) {
	treeHash, err := g.writeTrees(files)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	c := &object.Commit{TreeHash: treeHash, ParentHashes: parents, Message: message}
	if c.Committer, err = g.identity("COMMITTER"); err != nil {
		return plumbing.ZeroHash, err
	}
	if author != nil {
		c.Author = *author
	} else if c.Author, err = g.identity("AUTHOR"); err != nil {
		return plumbing.ZeroHash, err
	}
	return store(g.r.store, c)
}

// mayRebase refuses a rebase over local changes.
func (g *git) mayRebase(autostash bool, what string) error {
	changes, err := g.state("no", false)
	if err != nil {
		return err
	}
	unstaged, inIndex := false, false
	for _, c := range changes {
		unstaged = unstaged || c.y != '.'
		inIndex = inIndex || c.x != '.'
	}
	if !unstaged && !inIndex {
		return nil
	}
	if autostash {
		return g.cannot("rebase --autostash over local changes")
	}
	code := 1
	if strings.Contains(what, "pull") {
		code = 128
	}
	switch {
	case unstaged && inIndex:
		return &failure{code, "error: " + what + ": You have unstaged changes.\nerror: additionally, your index contains uncommitted changes.\nerror: please commit or stash them.\n"}
	case unstaged:
		return &failure{code, "error: " + what + ": You have unstaged changes.\nerror: please commit or stash them.\n"}
	}
	return &failure{code, "error: " + what + ": Your index contains uncommitted changes.\nerror: please commit or stash them.\n"}
}

// rebase is git-rebase(1): onto an upstream, and --abort.
func (g *git) rebase(args []string) error {
	o, err := g.parse("rebase", args, "abort continue skip quit onto= i,interactive q,quiet autostash v,verbose f,force-rebase stat")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	for _, u := range []string{"continue", "skip", "quit", "onto", "interactive"} {
		if o.has(u) {
			return g.cannot("rebase --%s", u)
		}
	}
	if o.has("abort") {
		return g.abortRebase()
	}
	if err := g.mayRebase(o.has("autostash"), "cannot rebase"); err != nil {
		return err
	}
	name := ""
	if len(o.args) > 0 {
		name = o.args[0]
	} else if up, ok := g.upstream(g.r.head().branch()); ok {
		name = up.String()
	} else {
		return &failure{1, "There is no tracking information for the current branch.\nPlease specify which branch you want to rebase against.\nSee git-rebase(1) for details.\n\n    git rebase '<branch>'\n\n"}
	}
	c, err := g.resolveCommit(name)
	if err != nil {
		return fatal("invalid upstream '%s'", name)
	}
	if g.isAncestor(c.Hash, g.r.head().hash) {
		if b := g.r.head().branch(); b != "" {
			g.printf("Current branch %s is up to date.\n", b)
		} else {
			g.println("HEAD is up to date.")
		}
		return nil
	}
	return g.rebaseOnto(c.Hash)
}

// rebaseOnto replays the commits that only this branch has.
func (g *git) rebaseOnto(target plumbing.Hash) error {
	at := g.r.head()
	var todo []*object.Commit
	if err := g.walk([]plumbing.Hash{at.hash}, []plumbing.Hash{target}, func(c *object.Commit) bool {
		if len(g.parents(c)) == 1 {
			todo = append([]*object.Commit{c}, todo...)
		}
		return true
	}); err != nil {
		return err
	}
	files, err := g.r.treeOf(target)
	if err != nil {
		return err
	}
	if err := g.resetTo(files); err != nil {
		return err
	}
	tip := target
	for i, c := range todo {
		g.say("Rebasing (%d/%d)", i+1, len(todo))
		m, err := g.joinTrees(c.ParentHashes[0], tip, c.Hash, "HEAD", fmt.Sprintf("%s (%s)", g.r.short(c.Hash), subject(c.Message)))
		if err != nil {
			return err
		}
		g.say("\r")
		if len(m.conflict) > 0 {
			return g.stopRebase(at, tip, c)
		}
		if tip, err = g.commitTree(m.files, []plumbing.Hash{tip}, c.Message, &c.Author); err != nil {
			return err
		}
	}
	if err := g.r.store.SetReference(plumbing.NewHashReference("ORIG_HEAD", at.hash)); err != nil {
		return err
	}
	if err := g.r.move(tip); err != nil {
		return err
	}
	name := at.ref.String()
	if at.ref == "" {
		name = "detached HEAD"
	}
	g.say("\r%80s\rSuccessfully rebased and updated %s.\n", "", name)
	return nil
}

// stopRebase leaves the rebase where it conflicts.
func (g *git) stopRebase(at head, tip plumbing.Hash, c *object.Commit) error {
	dir := path.Join(g.r.gitDir, "rebase-merge")
	if err := g.fs.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	name := at.ref.String()
	if name == "" {
		name = "detached HEAD"
	}
	for file, text := range map[string]string{"head-name": name, "orig-head": at.hash.String(), "onto": tip.String()} {
		if err := g.fs.WriteFile(path.Join(dir, file), []byte(text+"\n"), 0o666); err != nil {
			return err
		}
	}
	if err := g.r.store.SetReference(plumbing.NewHashReference(plumbing.HEAD, tip)); err != nil {
		return err
	}
	short := g.r.short(c.Hash)
	return &failure{1, fmt.Sprintf("error: could not apply %s... %s\n"+
		"hint: Resolve all conflicts manually, mark them as resolved with\nhint: \"git add/rm <conflicted_files>\", then run \"git rebase --continue\".\n"+
		"hint: You can instead skip this commit: run \"git rebase --skip\".\nhint: To abort and get back to the state before \"git rebase\", run \"git rebase --abort\".\n"+
		"Could not apply %s... %s\n", short, subject(c.Message), short, subject(c.Message))}
}

func (g *git) abortRebase() error {
	dir := path.Join(g.r.gitDir, "rebase-merge")
	name, err := g.fs.ReadFile(path.Join(dir, "head-name"))
	if err != nil {
		return fatal("no rebase in progress")
	}
	orig, err := g.fs.ReadFile(path.Join(dir, "orig-head"))
	if err != nil {
		return err
	}
	h := plumbing.NewHash(strings.TrimSpace(string(orig)))
	files, err := g.r.treeOf(h)
	if err != nil {
		return err
	}
	if err := g.resetTo(files); err != nil {
		return err
	}
	ref := plumbing.NewHashReference(plumbing.HEAD, h)
	if n := strings.TrimSpace(string(name)); strings.HasPrefix(n, "refs/") {
		ref = plumbing.NewSymbolicReference(plumbing.HEAD, plumbing.ReferenceName(n))
	}
	if err := g.r.store.SetReference(ref); err != nil {
		return err
	}
	return g.fs.RemoveAll(dir)
}
