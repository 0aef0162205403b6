package gitsim

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// identity is who commits, from the environment or the configuration.
func (g *git) identity(role string) (object.Signature, error) {
	name, email := g.p.Getenv("GIT_"+role+"_NAME"), g.p.Getenv("GIT_"+role+"_EMAIL")
	if name == "" {
		name, _ = g.get("user.name")
	}
	if email == "" {
		email, _ = g.get("user.email")
	}
	if name == "" {
		name = g.realName()
	}
	if host := g.p.Machine.RCVar("hostname"); email == "" && strings.Contains(host, ".") {
		email = g.userName() + "@" + host
		g.guessed = true
	}
	if name == "" || email == "" {
		who := map[string]string{"AUTHOR": "Author", "COMMITTER": "Committer"}[role]
		return object.Signature{}, &failure{128, who + ` identity unknown

*** Please tell me who you are.

Run

  git config --global user.email "you@example.com"
  git config --global user.name "Your Name"

to set your account's default identity.
Omit --global to set the identity only in this repository.

fatal: unable to auto-detect email address (got '` + g.userName() + `@` + g.p.Machine.RCVar("hostname") + `.(none)')
`}
	}
	when := g.p.Now()
	if text := g.p.Getenv("GIT_" + role + "_DATE"); text != "" {
		t, ok := g.gitDate(text)
		if !ok {
			return object.Signature{}, fatal("invalid date format: %s", text)
		}
		when = t
	}
	return object.Signature{Name: name, Email: email, When: when.Truncate(time.Second)}, nil
}

func (g *git) userName() string {
	if u, ok := g.p.Machine.LookupUID(g.p.Cred.UID); ok {
		return u.Name
	}
	return "unknown"
}

// realName is the name of passwd(5), where & stands for the login name.
func (g *git) realName() string {
	u, ok := g.p.Machine.LookupUID(g.p.Cred.UID)
	if !ok || u.Name == "" {
		return ""
	}
	name, _, _ := strings.Cut(u.GECOS, ",")
	return strings.ReplaceAll(name, "&", strings.ToUpper(u.Name[:1])+u.Name[1:])
}

// gitDate reads "SECONDS ZONE" besides the usual forms.
func (g *git) gitDate(s string) (time.Time, bool) {
	f := strings.Fields(strings.TrimPrefix(s, "@"))
	if len(f) == 2 && len(f[1]) == 5 {
		n, err := strconv.ParseInt(f[0], 10, 64)
		zone, err2 := time.Parse("-0700", f[1])
		if err == nil && err2 == nil {
			return time.Unix(n, 0).In(zone.Location()), true
		}
	}
	return g.parseDate(s)
}

// add is git-add(1).
func (g *git) add(args []string) error {
	o, err := g.parse("add", args, "A,all u,update f,force v,verbose n,dry-run N,intent-to-add chmod= ignore-errors p i renormalize")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	if o.has("dry-run") || o.has("p") || o.has("i") || o.has("intent-to-add") {
		return g.cannot("add %s", strings.Join(args, " "))
	}
	given := append(o.args, o.paths...)
	if len(given) == 0 && !o.has("all") && !o.has("update") {
		g.say("Nothing specified, nothing added.\nhint: Maybe you wanted to say 'git add .'?\nhint: Turn this message off by running\nhint: \"git config advice.addEmptyPathspec false\"\n")
		return nil
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	a := adding{g: g, o: o, given: given, specs: g.pathspecs(given), in: staged(idx), matched: make([]bool, len(given))}
	if err := a.tracked(idx); err != nil {
		return err
	}
	if !o.has("update") {
		if err := a.fresh(idx); err != nil {
			return err
		}
	}
	for i, ok := range a.matched {
		if !ok && a.specs[i] != "" && !g.isFile(given[i]) {
			return fatal("pathspec '%s' did not match any files", given[i])
		}
	}
	if err := g.refreshTo(a.in); err != nil {
		return err
	}
	if len(a.hidden) > 0 {
		return &failure{1, "The following paths are ignored by one of your .gitignore files:\n" + strings.Join(a.hidden, "\n") + "\nhint: Use -f if you really want to add them.\nhint: Turn this message off by running\nhint: \"git config advice.addIgnoredFile false\"\n"}
	}
	return nil
}

// adding is one add under way.
type adding struct {
	g       *git
	o       *options
	given   []string
	specs   []string
	in      map[string]entry // the index to be
	matched []bool           // by spec
	hidden  []string         // ignored, but asked for
}

func (a *adding) hit(name string) bool {
	ok := len(a.specs) == 0
	for i, s := range a.specs {
		if matchesPath(name, []string{s}) {
			a.matched[i], ok = true, true
		}
	}
	return ok
}

// tracked stages what changed or went of the files that the index knows.
func (a *adding) tracked(idx *index.Index) error {
	known := map[string]bool{}
	for _, e := range idx.Entries {
		known[e.Name] = true
	}
	for _, name := range sortedNames(known) {
		if !a.hit(name) {
			continue
		}
		d, data, err := a.g.diskFile(name)
		switch {
		case errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR):
			delete(a.in, name)
			continue
		case err != nil:
			return err
		}
		if err := a.g.stage(a.in, name, d, data, a.o); err != nil {
			return err
		}
	}
	return nil
}

// fresh stages files that are new.
func (a *adding) fresh(idx *index.Index) error {
	extra, err := a.g.untracked(idx, true, true)
	if err != nil {
		return err
	}
	for _, c := range extra {
		name := strings.TrimSuffix(c.path, "/")
		if c.ignored && !a.o.has("force") {
			for i, s := range a.specs {
				if s == name || strings.HasPrefix(s, name+"/") {
					a.matched[i] = true
					a.hidden = append(a.hidden, a.given[i])
				}
			}
			continue
		}
		if !a.hit(name) {
			continue
		}
		if c.ignored && strings.HasSuffix(c.path, "/") {
			return a.g.cannot("add -f of an ignored directory")
		}
		d, data, err := a.g.diskFile(name)
		if err != nil {
			return err
		}
		if err := a.g.stage(a.in, name, d, data, a.o); err != nil {
			return err
		}
	}
	return nil
}

// stage stores a file of the disk and notes it in the index to be.
func (g *git) stage(in map[string]entry, name string, d entry, data []byte, o *options) error {
	old, had := in[name]
	if o.has("chmod") {
		d.mode = map[string]entry{"+x": {mode: 0o100755}, "-x": {mode: 0o100644}}[o.get("chmod")].mode
	}
	if had && old == d {
		return nil
	}
	if data != nil || d.mode.IsFile() {
		if _, err := storeBlob(g.r.store, data); err != nil {
			return err
		}
	}
	in[name] = d
	if o.has("verbose") {
		g.printf("add '%s'\n", name)
	}
	return nil
}

// rm is git-rm(1).
func (g *git) rm(args []string) error {
	o, err := g.parse("rm", args, "r f,force cached q,quiet n,dry-run ignore-unmatch")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	in := staged(idx)
	at, err := g.r.treeOf(g.r.head().hash)
	if err != nil {
		return err
	}
	given := append(o.args, o.paths...)
	var gone, local, stagedOnly []string
	for i, spec := range g.pathspecs(given) {
		found := false
		for _, name := range sortedNames(in) {
			if !matchesPath(name, []string{spec}) {
				continue
			}
			if name != spec && !o.has("r") && !strings.ContainsAny(spec, "*?[") {
				return fatal("not removing '%s' recursively without -r", given[i])
			}
			found = true
			gone = append(gone, name)
			d, _, err := g.diskFile(name)
			switch {
			case o.has("force") || o.has("cached"):
			case err == nil && d != in[name]:
				local = append(local, name)
			case at[name] != in[name]:
				stagedOnly = append(stagedOnly, name)
			}
		}
		if !found && !o.has("ignore-unmatch") {
			return fatal("pathspec '%s' did not match any files", given[i])
		}
	}
	if len(local) > 0 {
		return &failure{1, filesError(local, "local modifications", "(use --cached to keep the file, or -f to force removal)")}
	}
	if len(stagedOnly) > 0 {
		return &failure{1, filesError(stagedOnly, "changes staged in the index", "(use --cached to keep the file, or -f to force removal)")}
	}
	for _, name := range gone {
		if !o.has("quiet") {
			g.printf("rm '%s'\n", name)
		}
		delete(in, name)
		if !o.has("cached") && !o.has("dry-run") {
			if err := g.erase(name); err != nil {
				return err
			}
		}
	}
	if o.has("dry-run") {
		return nil
	}
	return g.refreshTo(in)
}

func filesError(names []string, what, hint string) string {
	s, has := "", "has"
	if len(names) > 1 {
		s, has = "s", "have"
	}
	return fmt.Sprintf("error: the following file%s %s %s:\n    %s\n%s\n", s, has, what, strings.Join(names, "\n    "), hint)
}

// mv is git-mv(1) of one file or directory.
func (g *git) mv(args []string) error {
	o, err := g.parse("mv", args, "f,force k n,dry-run v,verbose")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	if len(o.args) != 2 {
		return g.cannot("mv of several names")
	}
	spec := g.pathspecs(o.args)
	from, to := spec[0], spec[1]
	if i, err := g.fs.Stat(path.Join(g.r.worktree, to)); err == nil && i.IsDir() {
		to = path.Join(to, path.Base(from))
	} else if err == nil && !o.has("force") {
		return fatal("destination exists, source=%s, destination=%s", from, to)
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	in := staged(idx)
	moved := false
	for _, name := range sortedNames(in) {
		if name == from || strings.HasPrefix(name, from+"/") {
			in[to+name[len(from):]] = in[name]
			delete(in, name)
			moved = true
		}
	}
	if !moved {
		if g.isFile(o.args[0]) {
			return fatal("not under version control, source=%s, destination=%s", from, to)
		}
		return fatal("bad source, source=%s, destination=%s", from, to)
	}
	if err := g.fs.Rename(path.Join(g.r.worktree, from), path.Join(g.r.worktree, to)); err != nil {
		return fatal("renaming '%s' failed: %s", from, errnoText(err))
	}
	return g.refreshTo(in)
}

// commit is git-commit(1) with the message given.
func (g *git) commit(args []string) error {
	o, err := g.parse("commit", args, "a,all m,message= F,file= q,quiet allow-empty allow-empty-message amend no-edit edit author= date= n,no-verify verify s,signoff S,gpg-sign? C,reuse-message= v,verbose cleanup= status reset-author dry-run")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	if o.has("gpg-sign") || o.has("dry-run") || len(o.args)+len(o.paths) > 0 {
		return g.cannot("commit %s", strings.Join(args, " "))
	}
	if o.has("all") {
		if err := g.add([]string{"-u"}); err != nil {
			return err
		}
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	if list := conflicts(idx); len(list) > 0 {
		for _, c := range list {
			g.printf("U\t%s\n", c.path)
		}
		return &failure{128, "error: Committing is not possible because you have unmerged files.\nhint: Fix them up in the work tree, and then use 'git add/rm <file>'\nhint: as appropriate to mark resolution and make a commit.\nfatal: Exiting because of an unresolved conflict.\n"}
	}
	at := g.r.head()
	treeHash, err := g.writeTrees(staged(idx))
	if err != nil {
		return err
	}
	c := &object.Commit{TreeHash: treeHash}
	parent, merging, err := g.setParents(o, c, at)
	if err != nil {
		return err
	}
	base := plumbing.ZeroHash
	if len(c.ParentHashes) > 0 {
		base = c.ParentHashes[0]
	}
	changes, err := g.compare(base, treeHash)
	if err != nil {
		return err
	}
	if len(changes) == 0 && !o.has("allow-empty") && !merging && !o.has("amend") {
		return g.nothingToCommit()
	}
	if c.Message, err = g.commitMessage(o, parent, merging); err != nil {
		return err
	}
	if err := g.signatures(o, c, parent); err != nil {
		return err
	}
	h, err := store(g.r.store, c)
	if err != nil {
		return err
	}
	if err := g.r.move(h); err != nil {
		return err
	}
	g.dropStates()
	if !o.has("quiet") {
		g.reportCommit(at, h, c, changes)
	}
	return nil
}

// setParents gives a commit its parents: HEAD, or those of the commit it amends, and
// the other side of a merge.
func (g *git) setParents(o *options, c *object.Commit, at head) (parent *object.Commit, merging bool, err error) {
	if !at.hash.IsZero() {
		if parent, err = g.r.commit(at.hash); err != nil {
			return nil, false, err
		}
		c.ParentHashes = []plumbing.Hash{at.hash}
	}
	if o.has("amend") {
		if parent == nil {
			return nil, false, fatal("You have nothing to amend.")
		}
		c.ParentHashes = parent.ParentHashes
	}
	other, merging := g.mergeHead()
	if merging {
		c.ParentHashes = append(c.ParentHashes, other)
	}
	return parent, merging, nil
}

func (g *git) nothingToCommit() error {
	changes, err := g.state("normal", false)
	if err != nil {
		return err
	}
	p := statusPrinter{g: g, end: "\n", head: g.r.head()}
	p.long(changes, "normal")
	return quiet(1)
}

func (g *git) mergeHead() (plumbing.Hash, bool) {
	data, err := g.fs.ReadFile(path.Join(g.r.gitDir, "MERGE_HEAD"))
	if err != nil {
		return plumbing.ZeroHash, false
	}
	return plumbing.NewHash(strings.TrimSpace(string(data))), true
}

func (g *git) signatures(o *options, c, parent *object.Commit) (err error) {
	if c.Committer, err = g.identity("COMMITTER"); err != nil {
		return err
	}
	if o.has("amend") && !o.has("reset-author") {
		c.Author = parent.Author
	} else if c.Author, err = g.identity("AUTHOR"); err != nil {
		return err
	}
	if who := o.get("author"); who != "" {
		name, email, ok := strings.Cut(strings.TrimSuffix(who, ">"), " <")
		if !ok {
			return fatal("--author '%s' is not 'Name <email>' and matches no existing author", who)
		}
		c.Author.Name, c.Author.Email = name, email
	}
	if d := o.get("date"); d != "" {
		t, ok := g.gitDate(d)
		if !ok {
			return fatal("invalid date format: %s", d)
		}
		c.Author.When = t
	}
	return nil
}

func (g *git) commitMessage(o *options, parent *object.Commit, merging bool) (string, error) {
	var text string
	switch {
	case o.has("message"):
		text = strings.Join(o.set["message"], "\n\n")
	case o.get("file") == "-":
		data, err := io.ReadAll(g.p.Stdin)
		if err != nil {
			return "", err
		}
		text = string(data)
	case o.has("file"):
		data, err := g.fs.ReadFile(g.abs(o.get("file")))
		if err != nil {
			return "", fatal("could not read log file '%s': %s", o.get("file"), errnoText(err))
		}
		text = string(data)
	case o.has("reuse-message"):
		c, err := g.resolveCommit(o.get("reuse-message"))
		if err != nil {
			return "", err
		}
		text = c.Message
	case o.has("amend") && o.has("no-edit"):
		text = parent.Message
	case merging && o.has("no-edit"):
		data, err := g.fs.ReadFile(path.Join(g.r.gitDir, "MERGE_MSG"))
		if err != nil {
			return "", err
		}
		text = string(data)
	default:
		return "", &failure{1, "error: Terminal is dumb, but EDITOR unset\nPlease supply the message using either -m or -F option.\n"}
	}
	text = cleanMessage(text)
	if o.has("signoff") {
		who, err := g.identity("COMMITTER")
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("\nSigned-off-by: %s <%s>\n", who.Name, who.Email)
	}
	if text == "" && !o.has("allow-empty-message") {
		return "", &failure{1, "Aborting commit due to empty commit message.\n"}
	}
	return text, nil
}

// cleanMessage drops blanks at line ends and runs of empty lines.
func cleanMessage(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		l = strings.TrimRight(l, " \t\r")
		if l == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, l)
	}
	text := strings.TrimRight(strings.Join(out, "\n"), "\n")
	if text == "" {
		return ""
	}
	return text + "\n"
}

func (g *git) reportCommit(at head, h plumbing.Hash, c *object.Commit, d deltas) {
	where := "detached HEAD"
	if at.ref != "" {
		where = at.branch()
	}
	root := ""
	if len(c.ParentHashes) == 0 {
		root = " (root-commit)"
	}
	g.printf("[%s%s %s] %s\n", where, root, g.r.short(h), subject(c.Message))
	if c.Author.Name != c.Committer.Name || c.Author.Email != c.Committer.Email {
		g.printf(" Author: %s <%s>\n", c.Author.Name, c.Author.Email)
	}
	if g.guessed {
		g.printf(" Committer: %s <%s>\n%s", c.Committer.Name, c.Committer.Email, guessedIdentity)
	}
	if len(c.ParentHashes) < 2 {
		d = d.renames()
		d.shortstat(g)
		d.summary(g)
	}
}

const guessedIdentity = `Your name and email address were configured automatically based
on your username and hostname. Please check that they are accurate.
You can suppress this message by setting them explicitly. Run the
following command and follow the instructions in your editor to edit
your configuration file:

    git config --global --edit

After doing this, you may fix the identity used for this commit with:

    git commit --amend --reset-author

`

// writeTree is git-write-tree(1).
func (g *git) writeTree(args []string) error {
	if len(args) > 0 {
		return g.cannot("write-tree %s", strings.Join(args, " "))
	}
	if err := g.open(); err != nil {
		return err
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	h, err := g.writeTrees(staged(idx))
	if err == nil {
		g.println(h.String())
	}
	return err
}

// readTree is git-read-tree(1) of one tree.
func (g *git) readTree(args []string) error {
	o, err := g.parse("read-tree", args, "m u reset i empty v q,quiet")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	files := map[string]entry{}
	switch {
	case o.has("empty"):
	case len(o.args) != 1:
		return g.cannot("read-tree of several trees")
	default:
		h, err := g.resolve(o.args[0])
		if err != nil {
			return fatal("Not a valid object name %s", o.args[0])
		}
		if files, err = g.r.treeOf(h); err != nil {
			return err
		}
	}
	if o.has("u") {
		return g.resetTo(files)
	}
	return g.refreshTo(files)
}

// updateIndex is git-update-index(1): the refresh alone.
func (g *git) updateIndex(args []string) error {
	o, err := g.parse("update-index", args, "q refresh really-refresh ignore-submodules unmerged")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	if len(o.args) > 0 {
		return g.cannot("update-index with files")
	}
	changes, err := g.state("no", false)
	if err != nil {
		return err
	}
	dirty := false
	for _, c := range changes {
		if c.y != '.' && !o.has("q") {
			g.println(c.path + ": needs update")
			dirty = true
		}
	}
	if dirty {
		return quiet(1)
	}
	return nil
}
