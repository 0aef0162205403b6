// Package zfs reads and changes ZFS datasets with zfs(8): file systems, volumes,
// snapshots and bookmarks, on every release from 8.2 on.
package zfs

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// rules tell zfs(8)'s failures apart.
var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`dataset does not exist|no such pool`), Kind: effect.Missing, Hint: "h.zfs.list() tells what there is"},
	{Pattern: lazyregexp.New(`permission denied|must be superuser|Insufficient privileges`), Kind: effect.Denied,
		Hint: "run as root: -b, or h:as(\"root\"); h.zfs.allow delegates single permissions"},
	{Pattern: lazyregexp.New(`has dependent clones`), Kind: effect.Failed, Hint: "promote the clones, or destroy them too: dependents=true"},
	{Pattern: lazyregexp.New(`has children`), Kind: effect.Failed, Hint: "recursive=true takes what is below along"},
	{Pattern: lazyregexp.New(`being held|dataset is busy.*hold`), Kind: effect.Failed, Hint: "h.zfs.holds tells who holds the snapshot, h.zfs.release lets it go"},
	{Pattern: lazyregexp.New(`more recent snapshots`), Kind: effect.Failed, Hint: "recursive=true destroys the later snapshots"},
	{Pattern: lazyregexp.New(`parent does not exist`), Kind: effect.Failed, Hint: "create the parent first, or let parents=true do it"},
	{Pattern: lazyregexp.New(`(?i)is busy|device busy`), Kind: effect.Failed, Hint: "something uses it: fstat -f MOUNTPOINT tells what; force=true goes on regardless"},
	{Pattern: lazyregexp.New(`(?i)key not loaded|key must be loaded|encryption key`), Kind: effect.Failed, Hint: "h.zfs.load_key loads the key"},
	{Pattern: lazyregexp.New(`out of space`), Kind: effect.Failed, Hint: "the pool, or a quota, is full"},
	{Pattern: lazyregexp.New(`pool must be upgraded|pool version needs to first be upgraded`), Kind: effect.Failed, Hint: "the pool's version is too old for this: see h.zpool.upgrade"},
	{Pattern: lazyregexp.New(`unrecognized command '([^']*)'`), Kind: effect.Failed, Hint: "zfs(8) of this release has no $1"},
	{Pattern: lazyregexp.New(`invalid option '([^']*)'`), Kind: effect.Failed, Hint: "zfs(8) of this release has no option -$1"},
	{Pattern: lazyregexp.New(`(?i)failed to initialize ZFS|/dev/zfs|modules are not loaded`), Kind: effect.Missing, Hint: "ZFS is not in the kernel: h.kld.ensure(\"zfs\")"},
}

// run does an effect and explains its failure.
func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return res, err
}

// change is an effect that changes datasets, said in a line for people.
func change(op string, argv []string, note string, writes ...effect.Resource) effect.Effect {
	subject := argv[len(argv)-1]
	return effect.Effect{
		Op: op, Kind: effect.Change, Argv: argv, Writes: writes,
		Diff: &effect.Diff{Path: subject, Note: note},
	}
}

// part is a component of a dataset's name; zfs(8) lets it hold blanks.
const part = `[A-Za-z0-9_.:%][A-Za-z0-9_.: %-]*`

var (
	datasetForm  = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_.: -]*(/` + part + `)*$`)
	snapshotForm = lazyregexp.New(`^` + part + `$`)
)

// split takes a name apart: dataset, sign (@, # or none) and what follows it.
func split(name string) (dataset, sign, last string) {
	i := strings.IndexAny(name, "@#")
	if i < 0 {
		return name, "", ""
	}
	return name[:i], name[i : i+1], name[i+1:]
}

// checkName refuses what cannot be a name, before it is taken for an option.
// signs are those that the name may have: "" for a dataset, "@", "#".
func checkName(op, name string, signs ...string) error {
	dataset, sign, last := split(name)
	allowed := false
	for _, s := range signs {
		allowed = allowed || s == sign
	}
	if !allowed || !datasetForm.MatchString(dataset) || sign != "" && !snapshotForm.MatchString(last) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a %s", name, kinds(signs))
	}
	return nil
}

func kinds(signs []string) string {
	words := map[string]string{"": "dataset", "@": "snapshot", "#": "bookmark"}
	var all []string
	for _, sign := range signs {
		all = append(all, words[sign])
	}
	return strings.Join(all, " or ")
}

// resource is a dataset as check mode knows it: snapshots and bookmarks lie below
// theirs.
func resource(name string) effect.Resource {
	dataset, sign, last := split(name)
	if sign != "" {
		return effect.Resource("zfs:" + dataset + "/" + sign + last)
	}
	return effect.Resource("zfs:" + dataset)
}

// below is a dataset with all that lies below it.
func below(name string) effect.Resource {
	dataset, _, _ := split(name)
	return effect.Resource("zfs:" + dataset + "/")
}

func resources(names []string) []effect.Resource {
	all := make([]effect.Resource, 0, len(names))
	for _, name := range names {
		all = append(all, resource(name))
	}
	return all
}

// mountedAt is the tree of files that a dataset shows, if it has a place.
func mountedAt(mountpoints ...string) []effect.Resource {
	var trees []effect.Resource
	for _, at := range mountpoints {
		if strings.HasPrefix(at, "/") {
			trees = append(trees, effect.Tree(at))
		}
	}
	return trees
}

func poolOf(name string) string {
	dataset, _, _ := split(name)
	pool, _, _ := strings.Cut(dataset, "/")
	return pool
}

// parentOf is the dataset above; empty for a pool's first one.
func parentOf(dataset string) string {
	i := strings.LastIndexByte(dataset, '/')
	return dataset[:max(i, 0)]
}
