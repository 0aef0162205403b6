package zpool

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// CreateArgs are the arguments of Create.
type CreateArgs struct {
	Pool       string         `lua:"pool,required" doc:"name of the pool"`
	Devices    []string       `lua:"devices,required" doc:"devices and groups, as zpool create takes them: {\"mirror\", \"gpt/disk0\", \"gpt/disk1\"}"`
	Properties map[string]any `lua:"properties" doc:"of the pool: ashift, autotrim, compatibility, version of an old pool, feature@NAME"`
	FSProps    map[string]any `lua:"fs_properties" doc:"of its first dataset: compression, mountpoint, ..."`
	Mountpoint string         `lua:"mountpoint" doc:"folder, legacy or none; default: /POOL"`
	AltRoot    string         `lua:"altroot" doc:"folder that its mount points are below until it is exported"`
	Bare       bool           `lua:"bare" doc:"enable no features but those named in properties"`
	Force      bool           `lua:"force" doc:"use devices that seem to be in use, or of unlike redundancy"`
}

// Create makes a pool. One that is there and has all of the devices is left
// alone.
func Create(ctx context.Context, h effect.Doer, a CreateArgs) (Changed, error) {
	const op = "zpool.create"
	argv, err := a.argv(op)
	if err != nil {
		return Changed{}, err
	}
	now, err := status(ctx, h, op, a.Pool)
	switch {
	case err == nil && now.hasAll(a.Devices):
		return Changed{}, nil
	case err == nil:
		return Changed{}, effect.Errorf(effect.Failed, op, "the pool %s is there already, and has other devices", a.Pool)
	case effect.KindOf(err) != effect.Missing || !said(err, "no such pool"):
		return Changed{}, err
	}
	risk, note := effect.Safe, ""
	if a.Force {
		risk, note = effect.Irreversible, "makes a pool on disks that may be in use"
	}
	_, err = change(ctx, h, effect.Effect{
		Op: op, Risk: risk, Note: note, Argv: argv, Writes: a.writes(),
		Diff: diff(a.Pool, "create the pool on %s", strings.Join(a.Devices, " ")),
	})
	return Changed{err == nil}, err
}

func (a CreateArgs) argv(op string) ([]string, error) {
	if err := checkPool(op, a.Pool); err != nil {
		return nil, err
	}
	if err := checkWords(op, "device", a.Devices...); err != nil {
		return nil, err
	}
	if len(a.Devices) == 0 {
		return nil, effect.Errorf(effect.Invalid, op, "a pool needs devices")
	}
	own, err := texts(op, a.Properties)
	if err != nil {
		return nil, err
	}
	first, err := texts(op, a.FSProps)
	if err != nil {
		return nil, err
	}
	argv := []string{"zpool", "create"}
	if a.Force {
		argv = append(argv, "-f")
	}
	if a.Bare {
		argv = append(argv, "-d")
	}
	argv = slices.Concat(argv, options("-o", own), options("-O", first))
	for _, option := range [][2]string{{"-m", a.Mountpoint}, {"-R", a.AltRoot}} {
		if option[1] != "" {
			argv = append(argv, option[0], option[1])
		}
	}
	return slices.Concat(argv, []string{a.Pool}, a.Devices), nil
}

// writes are the pool, its datasets and the folder that it is mounted on.
func (a CreateArgs) writes() []effect.Resource {
	writes := []effect.Resource{pool(a.Pool), datasets(a.Pool)}
	at := a.Mountpoint
	if text, ok := a.FSProps["mountpoint"].(string); ok && at == "" {
		at = text
	}
	switch at {
	case "none", "legacy":
		return writes
	case "":
		at = "/" + a.Pool
	}
	return append(writes, effect.Tree(strings.TrimSuffix(a.AltRoot, "/")+at))
}

// DestroyArgs are the arguments of Destroy.
type DestroyArgs struct {
	Pool  string `lua:"pool,required" doc:"name of the pool"`
	Force bool   `lua:"force" doc:"unmount what is in use"`
}

// Destroy destroys a pool and all that is in it.
func Destroy(ctx context.Context, h effect.Doer, a DestroyArgs) (Changed, error) {
	argv := []string{"zpool", "destroy"}
	if a.Force {
		argv = append(argv, "-f")
	}
	return leave(ctx, h, effect.Effect{
		Op: "zpool.destroy", Risk: effect.Irreversible, Note: "destroys a pool and all that is in it", Argv: append(argv, a.Pool),
		Diff: diff(a.Pool, "destroy the pool"),
	}, a.Pool)
}

// ExportArgs are the arguments of Export.
type ExportArgs struct {
	Pool  string `lua:"pool,required" doc:"name of the pool"`
	Force bool   `lua:"force" doc:"unmount what is in use"`
}

// Export takes a pool away from the system, so that another may import it.
func Export(ctx context.Context, h effect.Doer, a ExportArgs) (Changed, error) {
	argv := []string{"zpool", "export"}
	if a.Force {
		argv = append(argv, "-f")
	}
	return leave(ctx, h, effect.Effect{
		Op: "zpool.export", Risk: effect.Disruptive, Note: "takes a pool away from the system", Argv: append(argv, a.Pool),
		Diff: diff(a.Pool, "export the pool"),
	}, a.Pool)
}

// leave takes a pool away unless it is gone. What was mounted from it could be
// anywhere, so the change touches everything.
func leave(ctx context.Context, h effect.Doer, e effect.Effect, name string) (Changed, error) {
	there, err := imported(ctx, h, e.Op, name)
	if err != nil || !there {
		return Changed{}, err
	}
	_, err = change(ctx, h, e)
	return Changed{err == nil}, err
}

// imported tells whether a pool is imported under a name.
func imported(ctx context.Context, h effect.Doer, op, name string) (bool, error) {
	if err := checkPool(op, name); err != nil {
		return false, err
	}
	out, err := query(ctx, h, op, "zpool list -H -o name", "zpool list -H -o name", []effect.Resource{pool(name)})
	return slices.Contains(strings.Split(out, "\n"), name), err
}

// ImportArgs are the arguments of Import.
type ImportArgs struct {
	Pool       string         `lua:"pool,required" doc:"name of the pool, or its guid"`
	As         string         `lua:"as" doc:"name to give it; default: its own"`
	Dirs       []string       `lua:"dirs" doc:"folders to look for its devices in; default: /dev"`
	Properties map[string]any `lua:"properties" doc:"of the pool, for as long as it is imported"`
	AltRoot    string         `lua:"altroot" doc:"folder that its mount points are below"`
	ReadOnly   bool           `lua:"readonly" doc:"import it without writing to it"`
	NoMount    bool           `lua:"no_mount" doc:"mount nothing"`
	LoadKeys   bool           `lua:"load_keys" doc:"load the keys that are in files"`
	Force      bool           `lua:"force" doc:"although another system seems to use it: a pool that two systems write to is lost"`
	MissingLog bool           `lua:"missing_log" doc:"without its log device: what was written last is lost"`
	Rewind     bool           `lua:"rewind" doc:"give up the last transactions to make it importable"`
	Checkpoint bool           `lua:"checkpoint" doc:"rewind to the pool's checkpoint: all later changes are lost"`
}

// Import makes a pool known to the system. One that is, is left alone.
func Import(ctx context.Context, h effect.Doer, a ImportArgs) (Changed, error) {
	const op = "zpool.import"
	argv, err := a.argv(op)
	if err != nil {
		return Changed{}, err
	}
	there, err := List(ctx, renamed(h, op), ListArgs{})
	if err != nil {
		return Changed{}, err
	}
	for _, p := range there {
		if a.As == "" && (p.Name == a.Pool || p.GUID == a.Pool) || a.As != "" && p.Name == a.As {
			return Changed{}, nil
		}
	}
	risk, note := effect.Safe, ""
	switch {
	case a.Rewind || a.Checkpoint || a.MissingLog:
		risk, note = effect.Irreversible, "throws away the last transactions of a pool"
	case a.Force:
		risk, note = effect.Irreversible, "a pool that another system writes to as well is lost"
	}
	_, err = change(ctx, h, effect.Effect{Op: op, Risk: risk, Note: note, Argv: argv, Diff: diff(a.Pool, "import the pool")})
	return Changed{err == nil}, err
}

func (a ImportArgs) argv(op string) ([]string, error) {
	if !guidForm.MatchString(a.Pool) {
		if err := checkPool(op, a.Pool); err != nil {
			return nil, err
		}
	}
	if a.As != "" {
		if err := checkPool(op, a.As); err != nil {
			return nil, err
		}
	}
	properties, err := texts(op, a.Properties)
	if err != nil {
		return nil, err
	}
	if a.ReadOnly {
		properties["readonly"] = "on"
	}
	argv := []string{"zpool", "import"}
	for _, flag := range []struct {
		on   bool
		word string
	}{{a.Force, "-f"}, {a.NoMount, "-N"}, {a.LoadKeys, "-l"}, {a.MissingLog, "-m"}, {a.Rewind, "-F"}, {a.Checkpoint, "--rewind-to-checkpoint"}} {
		if flag.on {
			argv = append(argv, flag.word)
		}
	}
	argv = append(argv, options("-o", properties)...)
	for _, dir := range a.Dirs {
		argv = append(argv, "-d", dir)
	}
	if a.AltRoot != "" {
		argv = append(argv, "-R", a.AltRoot)
	}
	argv = append(argv, a.Pool)
	if a.As != "" {
		argv = append(argv, a.As)
	}
	return argv, nil
}

// renamed lets a query of another function go by this function's name.
func renamed(h effect.Doer, op string) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		e.Op = op
		return h.Do(ctx, e)
	})
}

// ImportableArgs are the arguments of Importable.
type ImportableArgs struct {
	Dirs []string `lua:"dirs,pos" doc:"folders to look for devices in; default: /dev"`
}

// Importable returns the pools that could be imported.
func Importable(ctx context.Context, h effect.Doer, a ImportableArgs) ([]Status, error) {
	const op = "zpool.importable"
	if err := checkWords(op, "folder", a.Dirs...); err != nil {
		return nil, err
	}
	var args []string
	for _, dir := range a.Dirs {
		args = append(args, "-d", dir)
	}
	// Older releases end with 1 and say nothing where they find nothing.
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Reads: []effect.Resource{"zpool", "disk"}, Want: []int{0, 1},
		Argv: append([]string{"zpool", "import"}, args...),
	})
	if err != nil {
		return nil, explain(err)
	}
	out, err := res.Text()
	if said := strings.TrimSpace(string(res.Stderr.Tail(4 << 10))); err == nil && res.Code == 1 && said != "" && out == "" && !strings.Contains(said, "no pools available") {
		return nil, explain(&effect.Error{Op: op, Kind: effect.Failed, Code: 1, Command: "zpool import", Err: said})
	}
	if err != nil || strings.HasPrefix(out, "no pools available") {
		return []Status{}, err
	}
	pools, err := parseStatus(op, out)
	return append([]Status{}, pools...), err
}

// SplitArgs are the arguments of Split.
type SplitArgs struct {
	Pool       string         `lua:"pool,required" doc:"name of a pool of mirrors"`
	New        string         `lua:"new,required" doc:"name of the pool to be made of one device of each mirror"`
	Devices    []string       `lua:"devices" doc:"which device of each mirror; default: the last"`
	Properties map[string]any `lua:"properties" doc:"of the new pool"`
	AltRoot    string         `lua:"altroot" doc:"import the new pool with its mount points below this folder; without it, it stays exported"`
}

// Split makes a second pool of one device of each mirror.
func Split(ctx context.Context, h effect.Doer, a SplitArgs) (Changed, error) {
	const op = "zpool.split"
	properties, err := texts(op, a.Properties)
	if err != nil {
		return Changed{}, err
	}
	if err := checkPool(op, a.New); err != nil {
		return Changed{}, err
	}
	now, err := look(ctx, h, op, a.Pool, a.Devices...)
	if err != nil {
		return Changed{}, err
	}
	if !hasType(now.Vdevs, "mirror") {
		return Changed{}, effect.Errorf(effect.Failed, op, "%s has no mirrors to take apart", a.Pool)
	}
	argv := append([]string{"split"}, options("-o", properties)...)
	if a.AltRoot != "" {
		argv = append(argv, "-R", a.AltRoot)
	}
	c := deviceChange{op: op, pool: a.Pool, argv: argv, devices: append([]string{a.New}, a.Devices...), what: "split off the pool " + a.New,
		risk: effect.Irreversible, note: "takes a pool's mirrors apart"}
	_, err = c.do(ctx, h)
	return Changed{err == nil}, err
}
