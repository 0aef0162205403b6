package git

import (
	"context"
	"fmt"
	"path"
	"strings"

	"bsdrun/runtime/effect"
)

// Changed tells whether anything was done.
type Changed struct {
	Changed bool `lua:"changed"`
}

// InitArgs say where a repository is to be.
type InitArgs struct {
	Dir    string `lua:"dir,required" doc:"where"`
	Branch string `lua:"branch" doc:"name of the first branch" default:"main"`
}

// Init makes an empty repository with a working tree, unless one is there.
func Init(ctx context.Context, h effect.Doer, a InitArgs) (Changed, error) {
	return initialise(ctx, h, "git.init", a, false)
}

// Bare makes an empty repository without a working tree, unless one is there.
func Bare(ctx context.Context, h effect.Doer, a InitArgs) (Changed, error) {
	return initialise(ctx, h, "git.bare", a, true)
}

func initialise(ctx context.Context, h effect.Doer, op string, a InitArgs, bare bool) (Changed, error) {
	if a.Branch == "" {
		a.Branch = "main"
	}
	if err := checkDir(op, a.Dir); err != nil {
		return Changed{}, err
	}
	if err := checkName(op, "branch", a.Branch); err != nil {
		return Changed{}, err
	}
	found, err := look(ctx, h, op, a.Dir)
	if err != nil {
		return Changed{}, err
	}
	switch {
	case bare && found.bare, !bare && found.repository:
		return Changed{}, nil
	case found.bare, found.repository:
		return Changed{}, effect.Errorf(effect.Failed, op, "%s holds a repository of the other kind: bare and with a working tree exclude each other", a.Dir)
	case bare && found.exists && !found.empty:
		return Changed{}, notEmpty(op, a.Dir)
	}
	// The first branch is named by the symbolic reference, as --initial-branch
	// exists since git 2.28 only.
	args := []string{"-c", "init.defaultBranch=" + a.Branch, "init", "-q"}
	if bare {
		args = append(args, "--bare")
	}
	e := command(op, effect.Change, "", append(args, a.Dir))
	e.Writes, e.Leaves = writes(a.Dir), leaves(a.Dir, nil)
	e.Diff = &effect.Diff{Path: a.Dir, Note: "create an empty repository"}
	_, err = do(ctx, h, e)
	return Changed{Changed: err == nil}, err
}

// ConfigArgs name a setting of a repository.
type ConfigArgs struct {
	Dir   string  `lua:"dir,required" doc:"the repository"`
	Name  string  `lua:"name,required" doc:"section.name, such as user.email"`
	Value *string `lua:"value,pos" doc:"sets it; default: only reads"`
	Unset bool    `lua:"unset" doc:"removes it"`
}

// Setting is a setting's value.
type Setting struct {
	Changed bool   `lua:"changed"`
	Value   string `lua:"value" doc:"empty when it is not set"`
	IsSet   bool   `lua:"is_set"`
	Before  string `lua:"before,omitempty"`
}

// Config reads, sets or removes a setting of one repository.
func Config(ctx context.Context, h effect.Doer, a ConfigArgs) (Setting, error) {
	const op = "git.config"
	if err := checkDir(op, a.Dir); err != nil {
		return Setting{}, err
	}
	if !strings.Contains(a.Name, ".") || strings.HasPrefix(a.Name, "-") || strings.ContainsAny(a.Name, "\n=") {
		return Setting{}, invalid(op, "%q is not the name of a setting (section.name)", a.Name)
	}
	if a.Unset && a.Value != nil {
		return Setting{}, invalid(op, "value and unset exclude each other")
	}
	get := query(op, a.Dir, "config", "--local", "--get", a.Name)
	get.Want = []int{0, 1}
	res, err := do(ctx, h, get)
	if err != nil {
		return Setting{}, err
	}
	now, err := res.Text()
	if err != nil {
		return Setting{}, err
	}
	s := Setting{Value: strings.TrimSuffix(now, "\n"), IsSet: res.Code == 0}
	if !a.Unset && (a.Value == nil || s.IsSet && s.Value == *a.Value) || a.Unset && !s.IsSet {
		return s, nil
	}
	args := []string{"config", "--local", "--unset-all", a.Name}
	after := ""
	if !a.Unset {
		after = *a.Value
		args = []string{"config", "--local", "--replace-all", a.Name, after}
	}
	set := change(op, a.Dir, args...)
	set.Writes = []effect.Resource{effect.Tree(a.Dir)}
	set.Diff = &effect.Diff{Path: a.Dir, Note: fmt.Sprintf("%s: %q -> %q", a.Name, s.Value, after)}
	if _, err := do(ctx, h, set); err != nil {
		return s, err
	}
	return Setting{Changed: true, Value: after, IsSet: !a.Unset, Before: s.Value}, nil
}

// TagArgs name a tag.
type TagArgs struct {
	Dir      string `lua:"dir,required" doc:"the repository"`
	Name     string `lua:"name,pos" doc:"the tag; default: only lists"`
	Revision string `lua:"revision" doc:"what it names" default:"HEAD"`
	Message  string `lua:"message" doc:"makes an annotated tag"`
	Remove   bool   `lua:"remove" doc:"removes it"`
	Force    bool   `lua:"force" doc:"moves a tag that names something else"`
}

// TagInfo is one tag.
type TagInfo struct {
	Name      string `lua:"name"`
	Revision  string `lua:"revision" doc:"the commit"`
	Annotated bool   `lua:"annotated"`
	Subject   string `lua:"subject,omitempty" doc:"first line of the message"`
}

// Tags are a repository's tags.
type Tags struct {
	Changed bool      `lua:"changed"`
	Tags    []TagInfo `lua:"tags" doc:"by name, as they were before"`
}

const tagFormat = "%(refname)%09%(objecttype)%09%(objectname)%09%(*objectname)%09%(contents:subject)"

func parseTags(out string) ([]TagInfo, error) {
	tags := []TagInfo{}
	for _, row := range strings.Split(out, "\n") {
		if row == "" {
			continue
		}
		f := strings.SplitN(row, "\t", 5)
		if len(f) != 5 {
			return nil, fmt.Errorf("git for-each-ref: not understood: %q", row)
		}
		tag := TagInfo{Name: strings.TrimPrefix(f[0], "refs/tags/"), Revision: f[2]}
		if f[1] == "tag" {
			tag.Annotated, tag.Revision, tag.Subject = true, f[3], f[4]
		}
		tags = append(tags, tag)
	}
	return tags, nil
}

// Tag lists tags, and makes, moves or removes one.
func Tag(ctx context.Context, h effect.Doer, a TagArgs) (Tags, error) {
	const op = "git.tag"
	if err := checkDir(op, a.Dir); err != nil {
		return Tags{}, err
	}
	if a.Name != "" {
		if err := checkName(op, "tag", a.Name); err != nil {
			return Tags{}, err
		}
	}
	out, err := text(ctx, h, query(op, a.Dir, "for-each-ref", "--format="+tagFormat, "refs/tags"))
	if err != nil {
		return Tags{}, err
	}
	tags, err := parseTags(string(out))
	done := Tags{Tags: tags}
	if err != nil || a.Name == "" {
		return done, err
	}
	var now *TagInfo
	for i := range tags {
		if tags[i].Name == a.Name {
			now = &tags[i]
		}
	}
	args, err := a.command(ctx, h, op, now)
	if err != nil || args == nil {
		return done, err
	}
	e := change(op, a.Dir, args...)
	e.Diff = &effect.Diff{Path: a.Dir, Note: strings.Join(args, " ")}
	_, err = do(ctx, h, e)
	done.Changed = err == nil
	return done, err
}

// command is what makes the tag as wanted; nil when it is.
func (a TagArgs) command(ctx context.Context, h effect.Doer, op string, now *TagInfo) ([]string, error) {
	if a.Remove {
		if now == nil {
			return nil, nil
		}
		return []string{"tag", "-d", a.Name}, nil
	}
	if a.Revision == "" {
		a.Revision = "HEAD"
	}
	revision, err := Revision(ctx, h, RevisionArgs{Dir: a.Dir, Ref: a.Revision})
	if err != nil {
		return nil, err
	}
	if now != nil && now.Revision == revision {
		return nil, nil
	}
	if now != nil && !a.Force {
		err := effect.Errorf(effect.Failed, op, "the tag %s names %s already", a.Name, now.Revision)
		err.Hint = "force=true moves it"
		return nil, err
	}
	args := []string{"tag"}
	if a.Force {
		args = append(args, "-f")
	}
	if a.Message != "" {
		args = append(args, "-m", a.Message)
	}
	return append(args, a.Name, revision), nil
}

// WorktreeArgs name a further working tree.
type WorktreeArgs struct {
	Dir    string `lua:"dir,required" doc:"the repository"`
	Path   string `lua:"path,pos" doc:"the further working tree; default: only lists"`
	Ref    string `lua:"ref" doc:"branch, tag or commit that it stands at" default:"HEAD"`
	Remove bool   `lua:"remove" doc:"removes it; refused while it holds edits"`
	Force  bool   `lua:"force" doc:"removes it with its edits; irreversible"`
}

// Worktrees are the working trees of a repository.
type Worktrees struct {
	Changed   bool   `lua:"changed"`
	Worktrees []Tree `lua:"worktrees" doc:"the first is the main one, as they were before"`
}

// Worktree lists the working trees of a repository, and adds or removes one.
func Worktree(ctx context.Context, h effect.Doer, a WorktreeArgs) (Worktrees, error) {
	const op = "git.worktree"
	if err := checkDir(op, a.Dir); err != nil {
		return Worktrees{}, err
	}
	out, err := text(ctx, h, query(op, a.Dir, "worktree", "list", "--porcelain"))
	if err != nil {
		return Worktrees{}, err
	}
	trees, err := parseWorktrees(string(out))
	done := Worktrees{Worktrees: trees}
	if err != nil || a.Path == "" {
		return done, err
	}
	if err := checkDir(op, a.Path); err != nil {
		return done, err
	}
	there := false
	for _, tree := range trees {
		there = there || path.Clean(tree.Path) == path.Clean(a.Path)
	}
	if there != a.Remove {
		return done, nil
	}
	args := []string{"worktree", "add", a.Path, a.Ref}
	risk, note := effect.Safe, ""
	if a.Ref == "" {
		args[3] = "HEAD"
	}
	if a.Remove {
		args = []string{"worktree", "remove", a.Path}
		if a.Force {
			args = append(args, "--force")
			risk, note = effect.Irreversible, "edits in "+a.Path+" are lost"
		}
	} else if err := checkRevision(op, args[3]); err != nil {
		return done, err
	}
	e := change(op, a.Dir, args...)
	e.Risk, e.Note = risk, note
	e.Writes = append(e.Writes, writes(a.Path)...)
	e.Diff = &effect.Diff{Path: a.Path, Note: strings.Join(args[:2], " ")}
	_, err = do(ctx, h, e)
	done.Changed = err == nil
	return done, err
}

// SubmodulesArgs name a working tree with submodules.
type SubmodulesArgs struct {
	Dir       string `lua:"dir,required" doc:"the working tree"`
	Recursive bool   `lua:"recursive" doc:"submodules of submodules too" default:"true"`
	Depth     int    `lua:"depth" doc:"only so many commits of each; 0: all"`
	Access    `lua:",inline"`
}

// Submodules are the repositories inside a working tree.
type Submodules struct {
	Changed    bool        `lua:"changed"`
	Submodules []Submodule `lua:"submodules" doc:"as they were before"`
}

// EnsureSubmodules checks out the commit that is recorded for each submodule.
func EnsureSubmodules(ctx context.Context, h effect.Doer, a SubmodulesArgs) (Submodules, error) {
	const op = "git.submodules"
	if err := checkDir(op, a.Dir); err != nil {
		return Submodules{}, err
	}
	if err := a.Access.Check(op); err != nil {
		return Submodules{}, err
	}
	status := []string{"submodule", "status"}
	update := []string{"submodule", "--quiet", "update", "--init"}
	if a.Recursive {
		status, update = append(status, "--recursive"), append(update, "--recursive")
	}
	if a.Depth > 0 {
		update = append(update, fmt.Sprintf("--depth=%d", a.Depth))
	}
	out, err := text(ctx, h, query(op, a.Dir, status...))
	if err != nil {
		return Submodules{}, err
	}
	modules, err := parseSubmodules(string(out))
	done := Submodules{Submodules: modules}
	if err != nil {
		return done, err
	}
	var behind []string
	for _, m := range modules {
		if m.State != "current" {
			behind = append(behind, m.Path)
		}
	}
	if len(behind) == 0 {
		return done, nil
	}
	e := a.Access.Apply(change(op, a.Dir, update...))
	e.Diff = &effect.Diff{Path: a.Dir, Note: "update the submodules " + some(behind)}
	_, err = do(ctx, h, e)
	done.Changed = err == nil
	return done, err
}
