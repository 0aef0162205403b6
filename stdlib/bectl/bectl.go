package bectl

import (
	"context"
	"maps"
	"slices"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Environment is a boot environment.
type Environment struct {
	Name       string    `lua:"name" doc:"its name"`
	Running    bool      `lua:"running" doc:"it is mounted on /"`
	Next       bool      `lua:"next" doc:"it boots from now on"`
	Once       bool      `lua:"once" doc:"it boots the next time alone; releases before 13.0 do not tell"`
	Mountpoint string    `lua:"mountpoint,omitempty" doc:"where it is mounted"`
	Space      int64     `lua:"space" doc:"what it takes, to the three figures that bectl shows" unit:"bytes"`
	Created    time.Time `lua:"created" doc:"when it was made, to the minute"`
}

// spared tells whether the machine needs the environment.
func (e Environment) spared() bool { return e.Running || e.Next || e.Once }

var nameForm = lazyregexp.New(`^[A-Za-z0-9_.][A-Za-z0-9_.:-]*$`)

func checkName(op, name string) error {
	if !nameForm.MatchString(name) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a boot environment", name)
	}
	return nil
}

// Resources: an environment is bectl:NAME, what boots from now on and what boots
// once have their own. Datasets change with them. A look at one environment does
// not count datasets, so that check mode can tell of others than those it would
// have changed.
const (
	active effect.Resource = "boot environment active"
	once   effect.Resource = "boot environment once"
	zfs    effect.Resource = "zfs"
)

func resource(name string) effect.Resource { return effect.Resource("bectl:" + name) }

const (
	absent  = "absent"
	present = "present"
)

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`libbe_init`), Kind: effect.Failed, Hint: hintLayout},
	{Pattern: lazyregexp.New(`permission denied|Operation not permitted`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\")"},
	{Pattern: lazyregexp.New(`specified boot environment does not exist|dataset does not exist`), Kind: effect.Missing, Hint: "h.bectl.list shows those there are"},
	{Pattern: lazyregexp.New(`cannot destroy mounted`), Kind: effect.Failed, Hint: "unmount it first, or set force"},
	{Pattern: lazyregexp.New(`snapshot has clones|has dependent clones`), Kind: effect.Failed, Hint: "other environments were cloned from it: remove those first, or activate one of them"},
	{Pattern: lazyregexp.New(`dataset is busy|specified path is busy`), Kind: effect.Failed, Hint: "something in it is in use: see fstat(1), and mount(8) for what is mounted below"},
	{Pattern: lazyregexp.New(`out of space|No space left`), Kind: effect.Failed, Hint: "the pool is full: h.bectl.prune removes old environments"},
}

const (
	hintNoBectl = "bectl(8) came with FreeBSD 11.3 and 12.0; on older ones h.zfs.snapshot takes a state to go back to"
	hintLayout  = "boot environments need the root on a dataset of the form POOL/ROOT/NAME; without it h.zfs.snapshot takes a state to go back to, on UFS a dump(8)"
)

// command is bectl(8), its times in UTC.
func command(op string, kind effect.Kind, words ...string) effect.Effect {
	return effect.Effect{Op: op, Kind: kind, Env: []string{"TZ=UTC"}, Argv: append([]string{"bectl"}, words...)}
}

// do runs bectl and explains its failures. One without a word (255) is a library
// that does not find boot environments, as those of 12 tell it.
func do(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	if err == nil {
		return res, nil
	}
	failed := *effect.AsError(err)
	switch {
	case failed.Code == 127:
		failed.Kind, failed.Hint = effect.Missing, hintNoBectl
	case failed.Code == 255 && failed.Out+failed.Err == "":
		failed.Message, failed.Hint = "this host has no boot environments", hintLayout
	default:
		err, _ = effect.Explain(err, rules)
		return res, err
	}
	return res, &failed
}

// List lists the environments.
func List(ctx context.Context, h effect.Doer) ([]Environment, error) {
	return list(ctx, h, "bectl.list")
}

func list(ctx context.Context, h effect.Doer, op string) ([]Environment, error) {
	e := command(op, effect.Read, "list", "-H")
	e.Reads = []effect.Resource{"bectl", active, once, zfs}
	return read(ctx, h, e)
}

func read(ctx context.Context, h effect.Doer, e effect.Effect) ([]Environment, error) {
	res, err := do(ctx, h, e)
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return parse(e.Op, out)
}

// Current returns the environment that runs.
func Current(ctx context.Context, h effect.Doer) (Environment, error) {
	const op = "bectl.current"
	all, err := list(ctx, h, op)
	if err != nil {
		return Environment{}, err
	}
	for _, be := range all {
		if be.Running {
			return be, nil
		}
	}
	return Environment{}, effect.Errorf(effect.Failed, op, "none of the boot environments is mounted on /")
}

// find looks for one environment; which says which of its states counts. Check
// mode answers for one that it would have made, renamed or destroyed.
func find(ctx context.Context, h effect.Doer, op, name string, which ...effect.Resource) (Environment, bool, error) {
	e := command(op, effect.Read, "list", "-H")
	e.Reads = append([]effect.Resource{resource(name)}, which...)
	e.Answer = func(left map[effect.Resource]string) (effect.Result, bool) {
		out := ""
		switch left[resource(name)] {
		case present:
			out = name + "\t" + pendingFlags(left, name) + "\t-\t0\t1970-01-01 00:00\n"
		case absent:
		default:
			return effect.Result{}, false
		}
		return effect.Result{Stdout: effect.OutputOf([]byte(out))}, true
	}
	all, err := read(ctx, h, e)
	if err != nil {
		return Environment{}, false, err
	}
	for _, be := range all {
		if be.Name == name {
			return be, true, nil
		}
	}
	return Environment{}, false, nil
}

// pendingFlags are those of an environment that check mode would have made.
func pendingFlags(left map[effect.Resource]string, name string) string {
	flags := ""
	if left[active] == name {
		flags += "R"
	}
	if left[once] == name {
		flags += "T"
	}
	if flags == "" {
		return "-"
	}
	return flags
}

// need is find for an environment that has to be there.
func need(ctx context.Context, h effect.Doer, op, name string, which ...effect.Resource) (Environment, error) {
	if err := checkName(op, name); err != nil {
		return Environment{}, err
	}
	be, ok, err := find(ctx, h, op, name, which...)
	if err == nil && !ok {
		err = effect.WithHint(effect.Errorf(effect.Missing, op, "there is no boot environment %s", name), "h.bectl.list shows those there are")
	}
	return be, err
}

// change writes environments by name, and leaves in them what is told.
func change(e effect.Effect, note string, leaves map[effect.Resource]string) effect.Effect {
	e.Leaves = leaves
	e.Writes = slices.Sorted(maps.Keys(leaves))
	e.Writes = append(e.Writes, zfs)
	e.Diff = &effect.Diff{Path: "boot environments", Note: note}
	return e
}
