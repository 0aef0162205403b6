package git

import (
	"context"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// StatusArgs name a working tree.
type StatusArgs struct {
	Dir       string `lua:"dir,required" doc:"the working tree"`
	Untracked bool   `lua:"untracked" doc:"look for untracked files too" default:"true"`
}

// GetStatus reads the state of a working tree.
func GetStatus(ctx context.Context, h effect.Doer, a StatusArgs) (Status, error) {
	e := AskStatus(a)
	if err := checkDir(e.Op, a.Dir); err != nil {
		return Status{}, err
	}
	out, err := text(ctx, h, e)
	if err != nil {
		return Status{}, err
	}
	return parseStatus(string(out))
}

// AskStatus is the Read of GetStatus, for host.Prefetch.
func AskStatus(a StatusArgs) effect.Effect {
	untracked := "no"
	if a.Untracked {
		untracked = "normal"
	}
	return query("git.status", a.Dir, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files="+untracked)
}

// RevisionArgs name a commit of a repository.
type RevisionArgs struct {
	Dir string `lua:"dir,required" doc:"the repository"`
	Ref string `lua:"ref,pos" doc:"branch, tag or revision" default:"HEAD"`
}

// Revision is the commit id that a name stands for.
func Revision(ctx context.Context, h effect.Doer, a RevisionArgs) (string, error) {
	const op = "git.revision"
	if a.Ref == "" {
		a.Ref = "HEAD"
	}
	if err := checkDir(op, a.Dir); err != nil {
		return "", err
	}
	if err := checkRevision(op, a.Ref); err != nil {
		return "", err
	}
	revision, err := line(ctx, h, AskRevision(a))
	if err != nil {
		return "", err
	}
	if revision == "" {
		missing := effect.Errorf(effect.Missing, op, "%s has no revision %s", a.Dir, a.Ref)
		missing.Hint = "git.fetch first? (A shallow clone knows only its last commits.)"
		return "", missing
	}
	return revision, nil
}

// AskRevision is the Read of Revision, for host.Prefetch.
func AskRevision(a RevisionArgs) effect.Effect {
	e := query("git.revision", a.Dir, "rev-parse", "--verify", "-q", a.Ref+"^{commit}")
	e.Want = []int{0, 1}
	e.Reads = append(e.Reads, ref(a.Dir, a.Ref))
	e.Answer = func(pending map[effect.Resource]string) (effect.Result, bool) {
		revision, known := pending[ref(a.Dir, a.Ref)]
		return effect.Result{Stdout: effect.OutputOf([]byte(revision))}, known
	}
	return e
}

// DescribeArgs name a repository.
type DescribeArgs struct {
	Dir  string `lua:"dir,required" doc:"the repository"`
	Tags bool   `lua:"tags" doc:"lightweight tags count too" default:"true"`
}

// Describe names the checked-out commit after the last tag.
func Describe(ctx context.Context, h effect.Doer, a DescribeArgs) (string, error) {
	const op = "git.describe"
	if err := checkDir(op, a.Dir); err != nil {
		return "", err
	}
	args := []string{"describe", "--always", "--dirty"}
	if a.Tags {
		args = append(args, "--tags")
	}
	return line(ctx, h, query(op, a.Dir, args...))
}

// DirArgs name a repository.
type DirArgs struct {
	Dir string `lua:"dir,required" doc:"the repository"`
}

// BranchInfo is one branch.
type BranchInfo struct {
	Name     string `lua:"name"`
	Revision string `lua:"revision"`
	Upstream string `lua:"upstream,omitempty" doc:"origin/main"`
	Remote   bool   `lua:"remote" doc:"a branch of a remote, as of the last fetch"`
}

// Branches are a repository's branches.
type Branches struct {
	Current  string       `lua:"current" doc:"the branch that is checked out; empty when HEAD is detached"`
	Detached bool         `lua:"detached"`
	Branches []BranchInfo `lua:"branches"`
}

// Branch reads which branch is checked out, and which there are.
func Branch(ctx context.Context, h effect.Doer, a DirArgs) (Branches, error) {
	const op = "git.branch"
	b := Branches{Branches: []BranchInfo{}}
	if err := checkDir(op, a.Dir); err != nil {
		return b, err
	}
	head := query(op, a.Dir, "symbolic-ref", "-q", "--short", "HEAD")
	head.Want = []int{0, 1}
	current, err := line(ctx, h, head)
	if err != nil {
		return b, err
	}
	out, err := text(ctx, h, query(op, a.Dir, "for-each-ref", "--format=%(refname) %(objectname) %(upstream)", "refs/heads", "refs/remotes"))
	if err != nil {
		return b, err
	}
	b.Current, b.Detached = current, current == ""
	for _, row := range strings.Split(string(out), "\n") {
		fields := strings.Split(row, " ")
		if len(fields) < 2 || strings.HasSuffix(fields[0], "/HEAD") {
			continue
		}
		name, remote := strings.CutPrefix(fields[0], "refs/remotes/")
		info := BranchInfo{Name: strings.TrimPrefix(name, "refs/heads/"), Revision: fields[1], Remote: remote}
		if len(fields) > 2 {
			info.Upstream = strings.TrimPrefix(fields[2], "refs/remotes/")
		}
		b.Branches = append(b.Branches, info)
	}
	return b, nil
}

// RemoteRevisionArgs name a reference of a remote repository.
type RemoteRevisionArgs struct {
	URI    string `lua:"uri,required" doc:"the remote repository"`
	Ref    string `lua:"ref,pos" doc:"branch or tag; default: the remote's HEAD"`
	Access `lua:",inline"`
}

// RemoteRev is what a remote reference stands for.
type RemoteRev struct {
	URI      string `lua:"uri"`
	Ref      string `lua:"ref" doc:"refs/heads/main, refs/tags/v1.0 or HEAD"`
	Branch   string `lua:"branch,omitempty" doc:"the branch, where the reference is one; for HEAD the default branch"`
	Revision string `lua:"revision" doc:"the commit (behind a tag, too)"`
}

// RemoteRevision asks a remote repository which commit a branch or tag is.
func RemoteRevision(ctx context.Context, h effect.Doer, a RemoteRevisionArgs) (RemoteRev, error) {
	const op = "git.remote_revision"
	if err := a.check(op); err != nil {
		return RemoteRev{}, err
	}
	return remoteRevision(ctx, h, op, a)
}

func (a RemoteRevisionArgs) check(op string) error {
	if err := checkURI(op, a.URI); err != nil {
		return err
	}
	if a.Ref != "" && a.Ref != "HEAD" {
		if err := checkName(op, "branch or tag", a.Ref); err != nil {
			return err
		}
	}
	return a.Access.Check(op)
}

// AskRemote is the Read of RemoteRevision, for host.Prefetch.
func AskRemote(a RemoteRevisionArgs) (effect.Effect, error) {
	const op = "git.remote_revision"
	return a.ask(op), a.check(op)
}

// patterns are the references that may be meant, the likeliest first.
func (a RemoteRevisionArgs) patterns() []string {
	switch {
	case a.Ref == "" || a.Ref == "HEAD":
		return []string{"HEAD"}
	case strings.HasPrefix(a.Ref, "refs/tags/"):
		return []string{a.Ref, a.Ref + "^{}"}
	case strings.HasPrefix(a.Ref, "refs/"):
		return []string{a.Ref}
	default:
		return []string{"refs/heads/" + a.Ref, "refs/tags/" + a.Ref, "refs/tags/" + a.Ref + "^{}"}
	}
}

func (a RemoteRevisionArgs) ask(op string) effect.Effect {
	patterns := a.patterns()
	args := append([]string{"ls-remote", "--symref", a.URI}, patterns...)
	e := a.Access.Apply(remoteReads(query(op, "", args...), a.URI))
	for _, pattern := range patterns {
		if dir := localPath(a.URI); dir != "" {
			e.Reads = append(e.Reads, ref(dir, pattern))
		}
	}
	e.Answer = answerRemote(a.URI, patterns)
	return e
}

func remoteRevision(ctx context.Context, h effect.Doer, op string, a RemoteRevisionArgs) (RemoteRev, error) {
	out, err := text(ctx, h, a.ask(op))
	if err != nil {
		return RemoteRev{}, err
	}
	remotes, err := parseRemote(string(out))
	if err != nil {
		return RemoteRev{}, err
	}
	for _, pattern := range a.patterns() {
		for _, r := range remotes {
			if r.Ref != pattern {
				continue
			}
			rev := RemoteRev{URI: a.URI, Ref: r.Ref, Revision: r.Revision, Branch: strings.TrimPrefix(r.Ref, "refs/heads/")}
			if rev.Branch == r.Ref {
				rev.Branch = ""
			}
			if r.Ref == "HEAD" {
				rev.Branch = parseSymref(string(out))
			}
			return rev, nil
		}
	}
	return RemoteRev{}, missingRef(ctx, h, op, a)
}

// answerRemote knows a repository of the host that a skipped push would have
// filled.
func answerRemote(uri string, patterns []string) func(map[effect.Resource]string) (effect.Result, bool) {
	dir := localPath(uri)
	if dir == "" {
		return nil
	}
	return func(pending map[effect.Resource]string) (effect.Result, bool) {
		for _, pattern := range patterns {
			if revision, known := pending[ref(dir, pattern)]; known {
				return effect.Result{Stdout: effect.OutputOf([]byte(revision + "\t" + pattern + "\n"))}, true
			}
		}
		return effect.Result{}, false
	}
}

// missingRef is the error for a reference that is not there; it lists what is.
func missingRef(ctx context.Context, h effect.Doer, op string, a RemoteRevisionArgs) error {
	what := a.Ref
	if what == "" {
		what = "HEAD"
	}
	err := effect.Errorf(effect.Missing, op, "%s has no branch or tag %s", a.URI, what)
	out, listErr := text(ctx, h, a.Access.Apply(remoteReads(query(op, "", "ls-remote", "--heads", a.URI), a.URI)))
	remotes, parseErr := parseRemote(string(out))
	if listErr != nil || parseErr != nil {
		return err
	}
	var names []string
	for _, r := range remotes {
		names = append(names, strings.TrimPrefix(r.Ref, "refs/heads/"))
	}
	switch n := len(names); {
	case n == 0:
		err.Hint = "the repository has no branch at all: push something into it first"
	case n > 12:
		err.Hint = "it has the branches " + strings.Join(names[:12], ", ") + " and " + strconv.Itoa(n-12) + " more"
	case n == 1:
		err.Hint = "it has the branch " + names[0] + " only"
	default:
		err.Hint = "it has the branches " + strings.Join(names, ", ")
	}
	return err
}

// LogArgs choose a part of the history.
type LogArgs struct {
	Dir   string `lua:"dir,required" doc:"the repository"`
	From  string `lua:"from" doc:"only commits after this revision"`
	To    string `lua:"to" doc:"the newest commit" default:"HEAD"`
	Path  string `lua:"path" doc:"only commits that touch this path"`
	Limit int    `lua:"limit" doc:"at most so many; 0: all" default:"50"`
}

// Log reads the history, newest first.
func Log(ctx context.Context, h effect.Doer, a LogArgs) ([]Commit, error) {
	const op = "git.log"
	if a.To == "" {
		a.To = "HEAD"
	}
	if err := checkDir(op, a.Dir); err != nil {
		return nil, err
	}
	span, err := revisionRange(op, a.From, a.To)
	if err != nil {
		return nil, err
	}
	args := []string{"log", "-z", "--format=" + logFormat}
	if a.Limit > 0 {
		args = append(args, "--max-count="+strconv.Itoa(a.Limit))
	}
	args = append(args, span, "--")
	if a.Path != "" {
		args = append(args, a.Path)
	}
	out, err := text(ctx, h, query(op, a.Dir, args...))
	if err != nil {
		return nil, err
	}
	return parseLog(string(out))
}

func revisionRange(op, from, to string) (string, error) {
	if err := checkRevision(op, to); err != nil {
		return "", err
	}
	if from == "" {
		return to, nil
	}
	if err := checkRevision(op, from); err != nil {
		return "", err
	}
	return from + ".." + to, nil
}

// ChangesArgs name two revisions.
type ChangesArgs struct {
	Dir  string `lua:"dir,required" doc:"the repository"`
	From string `lua:"from,required" doc:"the older revision"`
	To   string `lua:"to,pos" doc:"the newer revision" default:"HEAD"`
	Path string `lua:"path" doc:"only below this path"`
}

// ChangeSet is what lies between two revisions.
type ChangeSet struct {
	From    string       `lua:"from"`
	To      string       `lua:"to"`
	Commits []Commit     `lua:"commits" doc:"newest first"`
	Files   []FileChange `lua:"files"`
}

// Changes reads the commits and files between two revisions.
func Changes(ctx context.Context, h effect.Doer, a ChangesArgs) (ChangeSet, error) {
	const op = "git.changes"
	if a.To == "" {
		a.To = "HEAD"
	}
	set := ChangeSet{From: a.From, To: a.To}
	if a.From == "" {
		return set, invalid(op, "the older revision is empty")
	}
	commits, err := Log(ctx, h, LogArgs{Dir: a.Dir, From: a.From, To: a.To, Path: a.Path})
	if err != nil {
		return set, err
	}
	args := []string{"diff", "--name-status", "-z", "--find-renames", a.From, a.To, "--"}
	if a.Path != "" {
		args = append(args, a.Path)
	}
	out, err := text(ctx, h, query(op, a.Dir, args...))
	if err != nil {
		return set, err
	}
	set.Commits = commits
	set.Files, err = parseNameStatus(string(out))
	return set, err
}
