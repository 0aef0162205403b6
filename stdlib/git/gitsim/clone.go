package gitsim

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	format "github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/go-git/go-git/v5/plumbing"
)

// initRepo lays out an empty repository.
func (g *git) initRepo(gitDir, worktree, branch string) (*repo, error) {
	for _, d := range []string{"branches", "hooks", "info", "objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := g.fs.MkdirAll(path.Join(gitDir, d), 0o777); err != nil {
			return nil, err
		}
	}
	bare := "false"
	if worktree == "" {
		bare = "true"
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = " + bare + "\n"
	if worktree != "" {
		config += "\tlogallrefupdates = true\n"
	}
	for _, f := range []struct{ name, text string }{
		{"HEAD", "ref: refs/heads/" + branch + "\n"},
		{"config", config},
		{"description", "Unnamed repository; edit this file 'description' to name the repository.\n"},
		{"info/exclude", "# git ls-files --others --exclude-from=.git/info/exclude\n"},
	} {
		if err := g.fs.WriteFile(path.Join(gitDir, f.name), []byte(f.text), 0o666); err != nil {
			return nil, err
		}
	}
	return &repo{gitDir: gitDir, commonDir: gitDir, worktree: worktree, store: openStore(g.fs, gitDir, gitDir)}, nil
}

// init is git-init(1).
func (g *git) init(args []string) error {
	o, err := g.parse("init", args, "q,quiet bare b,initial-branch= shared? template= object-format=")
	if err != nil {
		return err
	}
	if f := o.get("object-format"); f != "" && f != "sha1" {
		return g.cannot("init --object-format=%s", f)
	}
	dir := g.dir
	if len(o.args) > 0 {
		dir = g.abs(o.args[0])
	}
	branch := o.get("initial-branch")
	if branch == "" {
		branch = "master"
		if b, ok := g.get("init.defaultbranch"); ok {
			branch = b
		} else if !o.has("quiet") {
			g.say("%s", defaultBranchHint)
		}
	}
	gitDir, worktree := path.Join(dir, ".git"), dir
	if o.has("bare") || g.bare {
		gitDir, worktree = dir, ""
	}
	if isGitDir(g.fs, gitDir) {
		if !o.has("quiet") {
			g.printf("Reinitialized existing Git repository in %s/\n", gitDir)
		}
		return nil
	}
	if err := g.fs.MkdirAll(dir, 0o777); err != nil {
		return fatal("cannot mkdir %s: %s", dir, errnoText(err))
	}
	if _, err := g.initRepo(gitDir, worktree, branch); err != nil {
		return err
	}
	if !o.has("quiet") {
		g.printf("Initialized empty Git repository in %s/\n", gitDir)
	}
	return nil
}

const defaultBranchHint = `hint: Using 'master' as the name for the initial branch. This default branch name
hint: is subject to change. To configure the initial branch name to use in all
hint: of your new repositories, which will suppress this warning, call:
hint: 
hint: 	git config --global init.defaultBranch <name>
hint: 
hint: Names commonly chosen instead of 'master' are 'main', 'trunk' and
hint: 'development'. The just-created branch can be renamed via this command:
hint: 
hint: 	git branch -m <name>
`

// cloneDir guesses the directory from the address.
func cloneDir(address string, bare bool) string {
	s := strings.TrimRight(address, "/")
	s = strings.TrimSuffix(s, "/.git")
	if i := strings.LastIndexAny(s, "/:"); i >= 0 {
		s = s[i+1:]
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, ".bundle"), ".git")
	if bare {
		s += ".git"
	}
	return s
}

const cloneOptions = "v,verbose q,quiet progress n,no-checkout bare mirror l,local no-hardlinks s,shared recurse-submodules? recursive? o,origin= b,branch= depth= single-branch tags " +
	"shallow-submodules c,config= 4,ipv4 6,ipv6 j,jobs= template= u,upload-pack= reject-shallow also-filter-submodules revision="

// clone is git-clone(1).
func (g *git) clone(args []string) error {
	o, err := g.parse("clone", args, cloneOptions)
	if err != nil {
		return err
	}
	o.args = append(o.args, o.paths...)
	if len(o.args) == 0 {
		return &failure{129, "fatal: You must specify a repository to clone.\n\n" + cloneUsage}
	}
	if len(o.args) > 2 {
		return &failure{129, "fatal: Too many arguments.\n\n" + cloneUsage}
	}
	depth, err := depthOf(o.get("depth"))
	if err != nil {
		return err
	}
	for _, kv := range o.set["config"] {
		g.give(kv)
	}
	bare := o.has("bare") || o.has("mirror")
	address := o.args[0]
	shown := cloneDir(address, bare)
	if len(o.args) == 2 {
		shown = strings.TrimRight(o.args[1], "/")
	}
	target := g.abs(shown)
	existed := false
	if list, err := g.fs.ReadDir(target); err == nil {
		if existed = true; len(list) > 0 {
			return fatal("destination path '%s' already exists and is not an empty directory.", shown)
		}
	} else if _, err := g.fs.Lstat(target); err == nil {
		return fatal("destination path '%s' already exists and is not an empty directory.", shown)
	}
	kind, _, file := splitAddress(g.rewriteURL(address))
	if kind == "path" {
		if _, err := g.fs.Stat(g.abs(file)); err != nil {
			if _, err := g.fs.Stat(g.abs(file) + ".git"); err != nil {
				return fatal("repository '%s' does not exist", address)
			}
		}
		address = g.abs(file)
	}
	if err := g.fs.MkdirAll(path.Dir(target), 0o777); err != nil {
		return fatal("could not create leading directories of '%s': %s", shown, errnoText(err))
	}
	if err := g.fs.MkdirAll(target, 0o777); err != nil {
		return fatal("could not create work tree dir '%s': %s", shown, errnoText(err))
	}
	if !o.has("quiet") {
		if bare {
			g.say("Cloning into bare repository '%s'...\n", shown)
		} else {
			g.say("Cloning into '%s'...\n", shown)
		}
	}
	c := cloning{g: g, o: o, address: address, target: target, bare: bare, depth: depth, isPath: kind == "path"}
	if err := c.run(); err != nil {
		switch {
		case g.killedHard():
		case existed:
			g.empty(target)
		default:
			_ = g.fs.RemoveAll(target)
		}
		return err
	}
	return nil
}

func (g *git) empty(dir string) {
	list, _ := g.fs.ReadDir(dir)
	for _, i := range list {
		_ = g.fs.RemoveAll(path.Join(dir, i.Name))
	}
}

func depthOf(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fatal("depth %s is not a positive number", s)
	}
	return n, nil
}

// cloning is one clone under way.
type cloning struct {
	g       *git
	o       *options
	address string
	target  string
	bare    bool
	isPath  bool
	depth   int
	single  bool
	origin  string
	remote  *remoteRepo
	r       *repo
}

func (c *cloning) run() error {
	g := c.g
	r, err := g.openRemote(c.address)
	if err != nil {
		return err
	}
	c.remote = r
	c.origin = c.o.get("origin")
	if c.origin == "" {
		c.origin = "origin"
	}
	if c.isPath && c.depth > 0 {
		g.say("warning: --depth is ignored in local clones; use file:// instead.\n")
		c.depth = 0
	}
	c.single = c.o.has("single-branch") || c.depth > 0 && !c.o.has("no-single-branch")
	branch, detached, err := c.chooseBranch()
	if err != nil {
		return err
	}
	gitDir, worktree := path.Join(c.target, ".git"), c.target
	if c.bare {
		gitDir, worktree = c.target, ""
	}
	name := branch.Short()
	if branch == "" || !branch.IsBranch() {
		name = "master"
	}
	if c.r, err = g.initRepo(gitDir, worktree, name); err != nil {
		return err
	}
	g.r = c.r
	if err := c.configure(branch); err != nil {
		return err
	}
	if len(r.refs()) == 0 {
		g.say("warning: You appear to have cloned an empty repository.\n")
		if c.isPath && !c.o.has("quiet") {
			g.say("done.\n")
		}
		return nil
	}
	if err := c.fetch(branch); err != nil {
		return err
	}
	if c.isPath && !c.o.has("quiet") {
		g.say("done.\n")
	}
	return c.finish(branch, detached)
}

// chooseBranch is the one to check out: asked for, or the far side's HEAD.
func (c *cloning) chooseBranch() (name plumbing.ReferenceName, detached plumbing.Hash, err error) {
	if want := c.o.get("branch"); want != "" {
		for _, full := range []plumbing.ReferenceName{plumbing.NewBranchReferenceName(want), plumbing.NewTagReferenceName(want)} {
			if h := c.remote.hash(full); !h.IsZero() {
				if full.IsTag() {
					detached, _ = peelTag(c.remote.store, h)
				}
				return full, detached, nil
			}
		}
		if c.single {
			c.g.say("warning: Could not find remote branch %s to clone.\n", want)
		}
		return "", plumbing.ZeroHash, fatal("Remote branch %s not found in upstream %s", want, c.origin)
	}
	name = c.remote.headBranch()
	if name == "" {
		return "", c.remote.hash(plumbing.HEAD), nil
	}
	return name, plumbing.ZeroHash, nil
}

func (c *cloning) configure(branch plumbing.ReferenceName) error {
	return c.g.edit(c.r.configFile(), func(f *format.Config) {
		for _, kv := range c.o.set["config"] {
			key, value, _ := strings.Cut(kv, "=")
			section, sub, name := splitKey(normalKey(key))
			f.AddOption(section, sub, name, value)
		}
		f.SetOption("remote", c.origin, "url", c.address)
		switch {
		case c.o.has("mirror"):
			f.SetOption("remote", c.origin, "fetch", "+refs/*:refs/*")
			f.SetOption("remote", c.origin, "mirror", "true")
		case c.bare:
		case c.single && branch.IsTag():
			f.SetOption("remote", c.origin, "fetch", fmt.Sprintf("+%s:%s", branch, branch))
		case c.single && branch != "":
			f.SetOption("remote", c.origin, "fetch", fmt.Sprintf("+%s:refs/remotes/%s/%s", branch, c.origin, branch.Short()))
		default:
			f.SetOption("remote", c.origin, "fetch", "+refs/heads/*:refs/remotes/"+c.origin+"/*")
		}
		if c.o.has("no-tags") {
			f.SetOption("remote", c.origin, "tagOpt", "--no-tags")
		}
		if branch.IsBranch() && !c.bare {
			f.SetOption("branch", branch.Short(), "remote", c.origin)
			f.SetOption("branch", branch.Short(), "merge", branch.String())
		}
	})
}

// fetch copies objects and references.
func (c *cloning) fetch(branch plumbing.ReferenceName) error {
	var wants []plumbing.Hash
	var keep []*plumbing.Reference
	for _, ref := range c.remote.refs() {
		name := ref.Name()
		wanted := name.IsBranch() && (!c.single || name == branch) || name == branch || c.o.has("mirror") && name != plumbing.HEAD
		if !c.single && name.IsTag() && !c.o.has("no-tags") {
			wanted = true
		}
		if name == plumbing.HEAD && branch == "" {
			wants = append(wants, ref.Hash())
		}
		if !wanted {
			continue
		}
		wants = append(wants, ref.Hash())
		keep = append(keep, ref)
	}
	t := transfer{from: c.remote.store, to: c.r.store, depth: c.depth, keepPack: true}
	if err := t.find(wants); err != nil {
		return err
	}
	if err := c.g.travel(c.remote, len(t.objects)); err != nil {
		return err
	}
	if err := t.send(); err != nil {
		return err
	}
	for _, ref := range keep {
		name := ref.Name()
		if name.IsBranch() && !c.bare {
			name = plumbing.NewRemoteReferenceName(c.origin, name.Short())
		}
		if err := c.r.setRef(name, ref.Hash()); err != nil {
			return err
		}
	}
	if c.single && !c.o.has("no-tags") {
		return c.g.followTags(c.remote, nil)
	}
	return nil
}

// finish sets HEAD and checks the files out.
func (c *cloning) finish(branch plumbing.ReferenceName, detached plumbing.Hash) error {
	g := c.g
	if !detached.IsZero() {
		if err := c.r.store.SetReference(plumbing.NewHashReference(plumbing.HEAD, detached)); err != nil {
			return err
		}
	} else {
		h := c.remote.hash(branch)
		if h.IsZero() {
			g.say("warning: remote HEAD refers to nonexistent ref, unable to checkout\n")
			return nil
		}
		if !c.bare {
			if err := c.r.setRef(branch, h); err != nil {
				return err
			}
		}
	}
	if far := c.remote.headBranch(); !c.bare && far != "" && !c.r.refHash(plumbing.NewRemoteReferenceName(c.origin, far.Short())).IsZero() {
		ref := plumbing.NewSymbolicReference(plumbing.ReferenceName("refs/remotes/"+c.origin+"/HEAD"), plumbing.NewRemoteReferenceName(c.origin, far.Short()))
		if err := c.r.store.SetReference(ref); err != nil {
			return err
		}
	}
	if c.bare || c.o.has("no-checkout") {
		return nil
	}
	g.dir = c.target
	files, err := c.r.treeOf(c.r.head().hash)
	if err != nil {
		return err
	}
	if err := g.resetTo(files); err != nil {
		return cloneCheckoutFailed(err)
	}
	if !detached.IsZero() && !c.o.has("quiet") && g.getBool("advice.detachedhead", true) && c.o.get("branch") != "" {
		g.say("%s", detachedAdvice(c.o.get("branch"), c.r.head().hash))
	}
	if c.o.has("recurse-submodules") || c.o.has("recursive") {
		return g.submoduleUpdate(nil, true, true, c.o.has("quiet"))
	}
	return nil
}

func cloneCheckoutFailed(err error) error {
	text := "fatal: " + err.Error() + "\n"
	var f *failure
	if errors.As(err, &f) {
		text = f.text
	}
	return &failure{128, text + "fatal: unable to checkout working tree\nwarning: Clone succeeded, but checkout failed.\nYou can inspect what was checked out with 'git status'\nand retry with 'git restore --source=HEAD :/'\n\n"}
}

const cloneUsage = `usage: git clone [<options>] [--] <repo> [<dir>]

    -v, --verbose         be more verbose
    -q, --quiet           be more quiet
    --progress            force progress reporting
    --reject-shallow      don't clone shallow repository
    -n, --no-checkout     don't create a checkout
    --bare                create a bare repository
    --mirror              create a mirror repository (implies bare)
    -l, --local           to clone from a local repository
    --no-hardlinks        don't use local hardlinks, always copy
    -s, --shared          setup as shared repository
    --recurse-submodules[=<pathspec>]
                          initialize submodules in the clone
    --recursive ...       alias of --recurse-submodules
    -j, --jobs <n>        number of submodules cloned in parallel
    --template <template-directory>
                          directory from which templates will be used
    --reference <repo>    reference repository
    --reference-if-able <repo>
                          reference repository
    --dissociate          use --reference only while cloning
    -o, --origin <name>   use <name> instead of 'origin' to track upstream
    -b, --branch <branch>
                          checkout <branch> instead of the remote's HEAD
    -u, --upload-pack <path>
                          path to git-upload-pack on the remote
    --depth <depth>       create a shallow clone of that depth
    --shallow-since <time>
                          create a shallow clone since a specific time
    --shallow-exclude <revision>
                          deepen history of shallow clone, excluding rev
    --single-branch       clone only one branch, HEAD or --branch
    --no-tags             don't clone any tags, and make later fetches not to follow them
    --shallow-submodules  any cloned submodules will be shallow
    --separate-git-dir <gitdir>
                          separate git dir from working tree
    -c, --config <key=value>
                          set config inside the new repository
    --server-option <server-specific>
                          option to transmit
    -4, --ipv4            use IPv4 addresses only
    -6, --ipv6            use IPv6 addresses only
    --filter <args>       object filtering
    --also-filter-submodules
                          apply partial clone filters to submodules
    --remote-submodules   any cloned submodules will use their remote-tracking branch
    --sparse              initialize sparse-checkout file to include only files at root
    --bundle-uri <uri>    a URI for downloading bundles before fetching from origin remote

`
