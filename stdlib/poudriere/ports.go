package poudriere

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/git"
)

// Tree is a registered ports tree.
type Tree struct {
	Name    string    `lua:"name"`
	Method  string    `lua:"method" doc:"null: not managed by poudriere; - : registered by an old release with -f none -F"`
	Path    string    `lua:"path"`
	Updated time.Time `lua:"updated,omitempty" doc:"when poudriere last created or updated it"`
	Dataset bool      `lua:"dataset" doc:"poudriere made the data set or directory"`
}

func treeOf(e entry) Tree {
	return Tree{
		Name: e.name, Method: e.values["method"], Path: e.values["mnt"],
		Updated: stamp(e.values["timestamp"]), Dataset: e.values["created_fs"] == "1",
	}
}

// PortsList lists the registered ports trees.
func PortsList(ctx context.Context, h effect.Doer) ([]Tree, error) {
	const op = "poudriere.ports.list"
	entries, err := readState(ctx, h, op, portsDir, "")
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		out, err := readList(ctx, h, op, portsDir, "ports")
		if err != nil {
			return nil, err
		}
		return parsePortsList(out)
	}
	trees := []Tree{}
	for _, e := range entries {
		trees = append(trees, treeOf(e))
	}
	return trees, nil
}

// PortsCreateArgs say which tree is to be registered.
type PortsCreateArgs struct {
	Name    string        `lua:"name,required" doc:"the tree"`
	Method  string        `lua:"method" doc:"null registers a tree that is there; the others fetch one. Default: null where path is given, else git+https" enum:"null|git|git+http|git+https|git+ssh|git+file|git+dev|svn|svn+http|svn+https|svn+ssh|portsnap"`
	Path    string        `lua:"path" doc:"where the tree is, or is to be (-M)"`
	Branch  string        `lua:"branch" doc:"branch to fetch (-B)"`
	URI     string        `lua:"uri" doc:"address to fetch from (-U)"`
	Timeout time.Duration `lua:"timeout" doc:"for fetching" unit:"seconds" default:"7200"`
}

// TreeChange tells what became of a tree.
type TreeChange struct {
	Changed bool   `lua:"changed"`
	Name    string `lua:"name"`
	Method  string `lua:"method,omitempty"`
	Path    string `lua:"path,produced"`
	Adopted bool   `lua:"adopted" doc:"a registration of method - became null, so that its directory is safe"`
}

func (a PortsCreateArgs) check(op string) error {
	if err := checkName(op, "ports tree", treeName, a.Name); err != nil {
		return err
	}
	if strings.Contains(a.Name, "-") {
		return invalid(op, "a ports tree's name holds no hyphen, which separates the parts of a build's name: %q", a.Name)
	}
	if a.Path != "" {
		if err := checkPath(op, "path", a.Path); err != nil {
			return err
		}
	}
	if a.Method == "null" && a.Path == "" {
		return invalid(op, "the method null needs the path of the tree")
	}
	if a.Method == "null" && (a.Branch != "" || a.URI != "") {
		return invalid(op, "the method null fetches nothing: branch and uri do not belong to it")
	}
	for _, word := range []string{a.Branch, a.URI} {
		if strings.HasPrefix(word, "-") || strings.ContainsAny(word, " \t\n") {
			return invalid(op, "%q is neither a branch nor an address", word)
		}
	}
	return nil
}

// PortsCreate registers a ports tree, unless it is registered so already.
func PortsCreate(ctx context.Context, h effect.Doer, a PortsCreateArgs) (TreeChange, error) {
	const op = "poudriere.ports.create"
	if a.Method == "" {
		a.Method = "git+https"
		if a.Path != "" && a.URI == "" && a.Branch == "" {
			a.Method = "null"
		}
	}
	done := TreeChange{Name: a.Name, Method: a.Method, Path: a.Path}
	if err := a.check(op); err != nil {
		return done, err
	}
	now, err := registered(ctx, h, op, portsDir, a.Name)
	if err != nil {
		return done, err
	}
	if now != nil {
		return a.compare(ctx, h, op, treeOf(*now))
	}
	args, err := a.command(ctx, h, op)
	if err != nil {
		return done, err
	}
	e := command(op, args...)
	e.Timeout = a.Timeout
	e.Writes = []effect.Resource{effect.Tree(path.Join(portsDir, a.Name)), registration(portsDir, a.Name)}
	e.Diff = &effect.Diff{Path: path.Join(portsDir, a.Name), Note: "register the ports tree " + a.Name + " with method " + a.Method}
	if a.Path != "" {
		e.Leaves = leaves(portsDir, a.Name, map[string]string{"method": a.Method, "mnt": a.Path})
	}
	if a.Method != "null" {
		e.Writes = append(e.Writes, effect.Tree(a.Path))
	}
	done.Changed = true
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped || a.Path != "" {
		return done, err
	}
	made, err := registered(ctx, h, op, portsDir, a.Name)
	if made != nil {
		done.Path = made.values["mnt"]
	}
	return done, err
}

// compare accepts a registration that is as wanted, and adopts one that an old
// release made: with method "-" poudriere would delete the directory along with
// the registration, and turn an update into a clone.
func (a PortsCreateArgs) compare(ctx context.Context, h effect.Doer, op string, now Tree) (TreeChange, error) {
	done := TreeChange{Name: a.Name, Method: now.Method, Path: now.Path}
	if a.Path != "" && path.Clean(a.Path) != path.Clean(now.Path) {
		err := effect.Errorf(effect.Failed, op, "the ports tree %s is registered at %s, not at %s", a.Name, now.Path, a.Path)
		err.Hint = "choose another name, or h.poudriere.ports.remove with keep=true first"
		return done, err
	}
	if now.Method == a.Method || a.Method == "null" && now.Method == "none" {
		return done, nil
	}
	if a.Method == "null" && now.Method == "-" {
		done.Method, done.Adopted, done.Changed = "null", true, true
		return done, adopt(ctx, h, op, now)
	}
	err := effect.Errorf(effect.Failed, op, "the ports tree %s is registered with method %s, not %s", a.Name, now.Method, a.Method)
	err.Hint = "choose another name, or remove it first"
	return done, err
}

// adopt makes a registration of method "-" one of method null.
func adopt(ctx context.Context, h effect.Doer, op string, t Tree) error {
	file := path.Join(portsDir, t.Name, "method")
	e := effect.Effect{
		Op: op, Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: file, Data: []byte("null\n")},
		Writes: []effect.Resource{effect.File(file), registration(portsDir, t.Name)},
		Leaves: leaves(portsDir, t.Name, map[string]string{"method": "null", "mnt": t.Path}),
		Diff:   &effect.Diff{Path: file, Before: []byte("-\n"), After: []byte("null\n")},
	}
	e.Leaves[effect.File(file)] = "null"
	_, err := h.Do(ctx, e)
	return err
}

// command is what registers the tree. Releases before 3.1 know no method null:
// there "no method, no file system" comes nearest.
func (a PortsCreateArgs) command(ctx context.Context, h effect.Doer, op string) ([]string, error) {
	args := []string{"ports", "-c", "-p", a.Name}
	if a.Method == "null" {
		old, err := before(ctx, h, op, 3, 1)
		if err != nil {
			return nil, err
		}
		if old {
			return append(args, "-F", "-f", "none", "-M", a.Path), nil
		}
	}
	args = append(args, "-m", a.Method)
	if a.Path != "" {
		args = append(args, "-M", a.Path)
	}
	if a.Branch != "" {
		args = append(args, "-B", a.Branch)
	}
	if a.URI != "" {
		args = append(args, "-U", a.URI)
	}
	return args, nil
}

// versionText finds the release in "poudriere-git-3.4.99.20250101" or "3.4.2".
var versionText = lazyregexp.New(`(?:^|-)(\d+)\.(\d+)`)

// before tells whether poudriere is older than a release. What cannot be told,
// because the installation of poudriere was skipped, is not.
func before(ctx context.Context, h effect.Doer, op string, major, minor int) (bool, error) {
	e := command(op, "version")
	e.Kind, e.Want = effect.Read, []int{0, 1}
	res, err := do(ctx, h, e)
	if unknown(err) || res.Skipped {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	out, err := res.Line()
	if err != nil {
		return false, err
	}
	return isBefore(out, major, minor), nil
}

func isBefore(version string, major, minor int) bool {
	m := versionText.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	haveMajor, _ := strconv.Atoi(m[1])
	haveMinor, _ := strconv.Atoi(m[2])
	return haveMajor < major || haveMajor == major && haveMinor < minor
}

// TreeArgs name a ports tree.
type TreeArgs struct {
	Name    string        `lua:"name,pos" doc:"the tree" default:"default"`
	Timeout time.Duration `lua:"timeout" doc:"for fetching" unit:"seconds" default:"7200"`
}

// TreeUpdate tells what an update brought.
type TreeUpdate struct {
	Changed  bool   `lua:"changed"`
	Method   string `lua:"method"`
	Path     string `lua:"path"`
	Before   string `lua:"before,omitempty" doc:"commit before, for a tree from git"`
	Revision string `lua:"revision,produced" doc:"commit now"`
}

// PortsUpdate brings a ports tree up to date. One that poudriere does not manage
// is left alone.
func PortsUpdate(ctx context.Context, h effect.Doer, a TreeArgs) (TreeUpdate, error) {
	const op = "poudriere.ports.update"
	now, err := needTree(ctx, h, op, a.Name)
	if err != nil {
		return TreeUpdate{}, err
	}
	done := TreeUpdate{Method: now.Method, Path: now.Path}
	switch now.Method {
	case "null", "none":
		return done, nil
	case "-":
		err := effect.Errorf(effect.Failed, op, "the ports tree %s has the method -: an update would make a clone of it", a.Name)
		err.Hint = "h.poudriere.ports.create(name, {path = \"" + now.Path + "\"}) makes it one that poudriere does not manage"
		return done, err
	}
	fromGit := strings.HasPrefix(now.Method, "git")
	if fromGit {
		wanted, err := treeRevisions(ctx, h, now.Path, &done)
		if err != nil || done.Before != "" && wanted == done.Before {
			done.Revision = done.Before
			return done, err
		}
	}
	e := command(op, "ports", "-u", "-p", a.Name)
	e.Timeout = a.Timeout
	e.Writes = []effect.Resource{effect.Tree(now.Path), effect.File(path.Join(portsDir, a.Name, "timestamp"))}
	e.Diff = &effect.Diff{Path: now.Path, Note: "update the ports tree " + a.Name}
	done.Changed = true
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped || !fromGit {
		return done, err
	}
	done.Revision, err = git.Revision(ctx, h, git.RevisionArgs{Dir: now.Path})
	done.Changed = done.Revision != done.Before
	return done, err
}

// treeRevisions reads where a tree stands, and where its repository does.
func treeRevisions(ctx context.Context, h effect.Doer, dir string, done *TreeUpdate) (string, error) {
	now, err := git.GetStatus(ctx, h, git.StatusArgs{Dir: dir})
	if err != nil {
		return "", err
	}
	done.Before = now.Revision
	origin, err := git.Config(ctx, h, git.ConfigArgs{Dir: dir, Name: "remote.origin.url"})
	if err != nil || origin.Value == "" || now.Branch == "" {
		return "", err
	}
	there, err := git.RemoteRevision(ctx, h, git.RemoteRevisionArgs{URI: origin.Value, Ref: "refs/heads/" + now.Branch})
	return there.Revision, err
}

// needTree is a tree that must be registered.
func needTree(ctx context.Context, h effect.Doer, op, name string) (Tree, error) {
	if err := checkName(op, "ports tree", treeName, name); err != nil {
		return Tree{}, err
	}
	now, err := registered(ctx, h, op, portsDir, name)
	if err != nil {
		return Tree{}, err
	}
	if now == nil {
		missing := effect.Errorf(effect.Missing, op, "there is no ports tree %s", name)
		missing.Hint = "h.poudriere.ports.create registers one; h.poudriere.ports.list shows which there are"
		return Tree{}, missing
	}
	return treeOf(*now), nil
}

// TreeRemoveArgs name a ports tree.
type TreeRemoveArgs struct {
	Name string `lua:"name,required" doc:"the tree"`
	Keep bool   `lua:"keep" doc:"keep the directory; without it a tree that poudriere fetched is deleted, irreversibly"`
}

// PortsRemove removes a registration, and the tree itself where poudriere
// manages it.
func PortsRemove(ctx context.Context, h effect.Doer, a TreeRemoveArgs) (TreeChange, error) {
	const op = "poudriere.ports.remove"
	done := TreeChange{Name: a.Name}
	if err := checkName(op, "ports tree", treeName, a.Name); err != nil {
		return done, err
	}
	found, err := registered(ctx, h, op, portsDir, a.Name)
	if err != nil || found == nil {
		return done, err
	}
	now := treeOf(*found)
	done.Method, done.Path, done.Changed = now.Method, now.Path, true
	if now.Method == "-" {
		if err := adopt(ctx, h, op, now); err != nil {
			return done, err
		}
		done.Adopted, now.Method = true, "null"
	}
	args := []string{"ports", "-d", "-p", a.Name}
	if a.Keep {
		args = append(args, "-k")
	}
	e := command(op, args...)
	e.Writes = []effect.Resource{effect.Tree(path.Join(portsDir, a.Name)), registration(portsDir, a.Name)}
	e.Leaves = leaves(portsDir, a.Name, nil)
	e.Diff = &effect.Diff{Path: path.Join(portsDir, a.Name), Note: "remove the registration of " + a.Name}
	if !a.Keep && now.Method != "null" && now.Method != "none" {
		e.Risk, e.Note = effect.Irreversible, fmt.Sprintf("poudriere deletes %s along with the ports tree %s", now.Path, a.Name)
		e.Writes = append(e.Writes, effect.Tree(now.Path))
		e.Diff.Note += " and delete " + now.Path
	}
	_, err = do(ctx, h, e)
	return done, err
}
