package portshaker

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/git"
)

// MergeArgs choose a target.
type MergeArgs struct {
	Target  string        `lua:"target,pos" doc:"only this target; default: all"`
	Adopt   bool          `lua:"adopt" doc:"merge over a tree that is not portshaker's, or that holds files from no source; they are lost, irreversibly"`
	Force   bool          `lua:"force" doc:"merge even where no source has changed since the last merge"`
	Timeout time.Duration `lua:"timeout" doc:"for each target" unit:"seconds" default:"7200"`
}

// Merged tells what the merge made.
type Merged struct {
	Changed bool           `lua:"changed"`
	Targets []TargetMerged `lua:"targets"`
}

// TargetMerged is what became of one target.
type TargetMerged struct {
	Name       string       `lua:"name"`
	Path       string       `lua:"path"`
	Changed    bool         `lua:"changed" doc:"it was made anew"`
	Base       string       `lua:"base" doc:"the source that everything else comes from"`
	Ports      []MergedPort `lua:"ports,produced" doc:"ports that come from the other sources"`
	Backward   []string     `lua:"backward,produced" doc:"ports left alone because another source has a later version"`
	Overridden []string     `lua:"overridden,produced" doc:"ports taken from a source with ! although the version is the same"`
}

// Merge makes the target trees from their sources.
func Merge(ctx context.Context, h effect.Doer, a MergeArgs) (Merged, error) {
	const op = "portshaker.merge"
	done := Merged{Targets: []TargetMerged{}}
	c, err := needConf(ctx, h, op)
	if err != nil {
		return done, err
	}
	names := c.list("ports_trees")
	if a.Target != "" {
		names = []string{a.Target}
	}
	if !c.yes("fail_on_conflict") {
		err := effect.Errorf(effect.Failed, op, "%s does not set fail_on_conflict: at a conflict portshaker would ask for ever", confPath)
		err.Hint = "h.portshaker.configure sets it"
		return done, err
	}
	for _, name := range names {
		t, err := c.named(op, name)
		if err != nil {
			return done, err
		}
		one, err := a.merge(ctx, h, op, c, t)
		if err != nil {
			return done, err
		}
		done.Targets = append(done.Targets, one)
		done.Changed = done.Changed || one.Changed
	}
	return done, nil
}

func (a MergeArgs) merge(ctx context.Context, h effect.Doer, op string, c conf, t Target) (TargetMerged, error) {
	m := TargetMerged{Name: t.Name, Path: t.Path}
	if len(t.MergeFrom) == 0 {
		return m, effect.Errorf(effect.Failed, op, "the target %s merges from nothing", t.Name)
	}
	m.Base = bare(t.MergeFrom[0])
	h, err := host.Prefetch(ctx, h, op, c.asks(op, t)...)
	if err != nil {
		return m, err
	}
	from, err := recordOf(ctx, h, op, c, t)
	if err != nil {
		return m, err
	}
	now, err := c.inspect(ctx, h, op, t)
	if err != nil {
		return m, err
	}
	if !now.empty && from.complete && now.record == from.text && !a.Force {
		m.Ports, err = readMerged(ctx, h, op, t)
		m.Backward, m.Overridden = []string{}, []string{}
		return m, err
	}
	foreign, err := c.foreign(ctx, h, op, t, now)
	if err != nil {
		return m, err
	}
	risk, note := effect.Safe, ""
	if foreign != "" {
		if !a.Adopt {
			return m, &effect.Error{
				Op: op, Kind: effect.Failed, Message: fmt.Sprintf("%s: %s; a merge would throw it away", t.Path, foreign),
				Hint: "choose another target, move the files away, or give adopt=true to lose them",
			}
		}
		risk, note = effect.Irreversible, fmt.Sprintf("the merge resets %s: %s", t.Path, foreign)
	}
	return m, a.run(ctx, h, op, c, t, from, risk, note, &m)
}

// asks are the Reads that tell whether there is anything to merge.
func (c conf) asks(op string, t Target) []effect.Effect {
	reads := append(file.Looks(op, c.stateFile(t, "record"), mergedList(t)), file.Stats(op, t.Path)...)
	reads = append(reads, listing(op, t))
	for _, source := range t.MergeFrom {
		reads = append(reads, git.AskRevision(git.RevisionArgs{Dir: c.cache(bare(source)), Ref: "HEAD"}))
	}
	return reads
}

func mergedList(t Target) string { return path.Join(t.Path, mergedName) }

// listing is the Read of what the tree of a target holds.
func listing(op string, t Target) effect.Effect {
	return effect.Effect{
		Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileList, Path: t.Path},
		Reads: []effect.Resource{effect.Tree(t.Path)},
	}
}

// record says from what a target was made: its sources, and at which commits.
type record struct {
	text     string
	complete bool // all sources are git's, so that equal texts mean equal trees
}

func recordOf(ctx context.Context, h effect.Doer, op string, c conf, t Target) (record, error) {
	r := record{text: "merge_from " + strings.Join(t.MergeFrom, " ") + "\n", complete: true}
	for _, source := range t.MergeFrom {
		name := bare(source)
		cache := c.cache(name)
		revision, err := git.Revision(ctx, h, git.RevisionArgs{Dir: cache})
		if effect.KindOf(err) == effect.Missing {
			// No git there, or nothing at all; portshaker will say so.
			r.complete = false
			continue
		}
		if err != nil {
			return r, about(err, op, "what was fetched of the source "+name)
		}
		r.text += name + " " + revision + "\n"
	}
	return r, nil
}

// inspected is what a target is before a merge.
type inspected struct {
	empty  bool
	ours   bool   // portshaker made it
	begun  bool   // our last merge was cut short
	record string // from what our last merge made it
}

// begun stands in place of the record while a merge runs.
const begun = "begun\n"

func (c conf) stateFile(t Target, kind string) string {
	return path.Join(c.mirror(), ".bsdrun", t.Name+"."+kind)
}

func (c conf) inspect(ctx context.Context, h effect.Doer, op string, t Target) (inspected, error) {
	now := inspected{empty: true}
	info, err := file.StatAs(ctx, h, op, t.Path)
	if err != nil || info == nil {
		return now, err
	}
	if !info.IsDir() {
		return now, effect.Errorf(effect.Failed, op, "%s is a %s, not a directory", t.Path, info.Type)
	}
	res, err := h.Do(ctx, listing(op, t))
	if err != nil {
		return now, err
	}
	now.empty = len(res.List) == 0
	now.ours = slices.ContainsFunc(res.List, func(f effect.FileInfo) bool { return f.Name == mergedName })
	last, exists, err := file.Content(ctx, h, op, c.stateFile(t, "record"))
	if err != nil {
		return now, err
	}
	now.record, now.begun, now.ours = string(last), string(last) == begun, now.ours || exists
	return now, nil
}

// foreign tells in words what a merge would throw away; empty: nothing.
func (c conf) foreign(ctx context.Context, h effect.Doer, op string, t Target, now inspected) (string, error) {
	switch {
	case now.empty, now.begun:
		return "", nil
	case !now.ours:
		return "it is not empty and not of portshaker's making", nil
	}
	// What our last merge left is no loss. Only where there is more are the
	// sources themselves compared: somebody may have merged by hand.
	names, err := c.unknownNames(ctx, h, op, t, nil)
	if err == nil && len(names) > 0 {
		var caches []string
		for _, source := range t.MergeFrom {
			caches = append(caches, c.cache(bare(source)))
		}
		names, err = c.unknownNames(ctx, h, op, t, caches)
	}
	if err != nil || len(names) == 0 {
		return "", err
	}
	some := names[:min(len(names), 8)]
	text := fmt.Sprintf("it holds files that come from no source: %s", strings.Join(some, ", "))
	if len(names) > len(some) {
		text += ", ..."
	}
	return text, nil
}

// listForeign prints the names in a tree that are neither in the list of the
// last merge nor in any of the caches: all known names are printed twice, so
// that only the others are unique.
const listForeign = `LC_ALL=C
export LC_ALL
names() {
	cd "$1" 2>/dev/null && find . \( -name .git -o -name packages -o -name distfiles \) -prune -o ! -type d -print
}
tree=$1
list=$2
shift 2
{
	{
		if [ -f "$list" ]; then cat "$list"; fi
		for cache in "$@"; do (names "$cache"); done
	} | sort -u | sed p
	(names "$tree")
} | sort | uniq -u`

func (c conf) unknownNames(ctx context.Context, h effect.Doer, op string, t Target, caches []string) ([]string, error) {
	list := c.stateFile(t, "files")
	e := effect.Effect{
		Op: op, Kind: effect.Read, Title: "look for foreign files in " + t.Path, Argv: append([]string{"sh", "-c", listForeign, "sh", t.Path, list}, caches...),
		Reads: []effect.Resource{effect.Tree(t.Path), effect.File(list)},
	}
	for _, cache := range caches {
		e.Reads = append(e.Reads, effect.Tree(cache))
	}
	res, err := h.Do(ctx, e)
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	merged, err := readMerged(ctx, h, op, t)
	return unaccounted(out, merged), err
}

// unaccounted leaves out what portshaker itself puts into a tree.
func unaccounted(listing string, merged []MergedPort) []string {
	made := map[string]bool{}
	for _, port := range merged {
		made[port.Origin] = true
	}
	var names []string
	for _, name := range strings.Split(listing, "\n") {
		name = strings.TrimPrefix(name, "./")
		parts := strings.SplitN(name, "/", 3)
		switch {
		case name == "", name == mergedName, !strings.Contains(name, "/") && strings.HasPrefix(name, "INDEX"):
		case len(parts) == 3 && made[parts[0]+"/"+parts[1]]:
		case len(parts) == 2 && parts[1] == "Makefile":
		default:
			names = append(names, name)
		}
	}
	return names
}

// runMerge keeps note that a merge has begun, and at its end of what it made.
const runMerge = `record=$1
files=$2
target=$3
tree=$4
text=$5
mkdir -p "${record%/*}" && printf 'begun\n' >"$record" || exit 1
portshaker -m "$target" || exit
LC_ALL=C
export LC_ALL
(cd "$tree" && find . \( -name .git -o -name packages -o -name distfiles \) -prune -o ! -type d -print) | sort >"$files.new" || exit 1
mv -f "$files.new" "$files" && printf '%s' "$text" >"$record.new" && mv -f "$record.new" "$record"`

func (a MergeArgs) run(ctx context.Context, h effect.Doer, op string, c conf, t Target, from record, risk effect.Risk, note string, m *TargetMerged) error {
	recordFile, files := c.stateFile(t, "record"), c.stateFile(t, "files")
	e := effect.Effect{
		Op: op, Kind: effect.Change, Risk: risk, Note: note, Env: environment(), Timeout: a.Timeout,
		Title:  "portshaker -m " + t.Name,
		Argv:   []string{"sh", "-c", runMerge, "sh", recordFile, files, t.Name, t.Path, from.text},
		Reads:  []effect.Resource{"pkg:portshaker", "pkg:rsync", effect.File(confPath), effect.Tree(sourceDir)},
		Writes: []effect.Resource{effect.Tree(t.Path), effect.File(recordFile), effect.File(files)},
		Diff:   &effect.Diff{Path: t.Path, Note: "merge " + strings.Join(t.MergeFrom, ", ")},
	}
	for _, source := range t.MergeFrom {
		e.Reads = append(e.Reads, effect.Tree(c.cache(bare(source))))
	}
	m.Changed = true
	res, err := do(ctx, h, e, "portshaker -m "+t.Name)
	if err != nil || res.Skipped {
		return err
	}
	said, err := res.Stderr.Bytes()
	if err != nil {
		return err
	}
	m.Backward, m.Overridden = parseWarnings(string(said))
	m.Ports, err = readMerged(ctx, h, op, t)
	return err
}

func readMerged(ctx context.Context, h effect.Doer, op string, t Target) ([]MergedPort, error) {
	src, _, err := file.Content(ctx, h, op, mergedList(t))
	if err != nil {
		return nil, err
	}
	return parseMerged(string(src))
}
