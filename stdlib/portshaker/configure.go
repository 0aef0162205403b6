package portshaker

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

// TargetArgs say how a target is made.
type TargetArgs struct {
	PortsTree     string   `lua:"ports_tree" doc:"path of the tree; or else poudriere_tree"`
	PoudriereTree string   `lua:"poudriere_tree" doc:"name of the tree below poudriere_ports_mountpoint"`
	MergeFrom     []string `lua:"merge_from" doc:"sources, the first being the base; a suffix ! takes changed files without asking, + copies over blindly"`
	ZFSDataset    string   `lua:"zfs_dataset" doc:"data set of the tree, with use_zfs"`
}

// ConfigureArgs are the settings of portshaker.conf(5).
type ConfigureArgs struct {
	Targets                  map[string]TargetArgs `lua:"targets" doc:"targets by name; others in the file stay"`
	MirrorBaseDir            string                `lua:"mirror_base_dir" doc:"where sources are kept; default: as it is, or /var/cache/portshaker"`
	PoudrierePortsMountpoint string                `lua:"poudriere_ports_mountpoint" doc:"where poudriere keeps its trees; default: as it is, or /usr/local/poudriere/ports where a target needs it"`
	PoudriereDataset         string                `lua:"poudriere_dataset" doc:"poudriere's data set, needed with use_zfs and a poudriere_tree"`
	UseZFS                   *bool                 `lua:"use_zfs" doc:"clone data sets instead of copying files; default: as it is, or no"`
	SourceCompression        string                `lua:"source_zfs_compression" doc:"compression of source data sets"`
	TargetCompression        string                `lua:"target_zfs_compression" doc:"compression of target data sets"`
	FailOnConflict           bool                  `lua:"fail_on_conflict" doc:"stop at a conflict; without it portshaker asks, and asks for ever where nobody answers" default:"true"`
	Verbose                  *bool                 `lua:"verbose" doc:"tell what is done"`
	Settings                 map[string]string     `lua:"settings" doc:"further variables of portshaker.conf"`
	Only                     bool                  `lua:"only" doc:"drop targets of the file that are not named here"`
}

// Configured tells what became of a configuration file.
type Configured struct {
	Changed bool   `lua:"changed"`
	Path    string `lua:"path"`
	Mirror  string `lua:"mirror_base_dir"`
}

var identifier = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// sourceName is a script's name, perhaps with arguments, perhaps with a suffix.
var sourceName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_.-]+)*$`)

func (a ConfigureArgs) check(op string) error {
	for name, t := range a.Targets {
		switch {
		case !identifier.MatchString(name):
			return invalid(op, "the target %q cannot be part of a shell variable's name", name)
		case (t.PortsTree == "") == (t.PoudriereTree == ""):
			return invalid(op, "the target %s needs one of ports_tree and poudriere_tree", name)
		case t.PortsTree != "" && (!path.IsAbs(t.PortsTree) || path.Clean(t.PortsTree) == "/"):
			return invalid(op, "ports_tree %q of the target %s is not an absolute path below /", t.PortsTree, name)
		case t.PoudriereTree != "" && !sourceName.MatchString(t.PoudriereTree):
			return invalid(op, "poudriere_tree %q of the target %s is not a name", t.PoudriereTree, name)
		case len(t.MergeFrom) == 0:
			return invalid(op, "the target %s merges from nothing: give merge_from", name)
		}
		for i, source := range t.MergeFrom {
			if !sourceName.MatchString(bare(source)) || len(source)-len(bare(source)) > 1 {
				return invalid(op, "the source %q of the target %s is not a name", source, name)
			}
			if i == 0 && source != bare(source) {
				return invalid(op, "the first source of a target is its base and takes no suffix: %q", source)
			}
		}
	}
	for _, dir := range []string{a.MirrorBaseDir, a.PoudrierePortsMountpoint} {
		if dir != "" && (!path.IsAbs(dir) || path.Clean(dir) == "/") {
			return invalid(op, "%q is not an absolute path below /", dir)
		}
	}
	for name := range a.Settings {
		if !identifier.MatchString(name) {
			return invalid(op, "%q is not the name of a variable", name)
		}
	}
	return nil
}

// Configure writes portshaker.conf, keeping what it does not know.
func Configure(ctx context.Context, h effect.Doer, a ConfigureArgs) (Configured, error) {
	const op = "portshaker.configure"
	done := Configured{Path: confPath}
	if err := a.check(op); err != nil {
		return done, err
	}
	reads := file.Looks(op, confPath)
	if a.MirrorBaseDir != "" {
		reads = append(reads, file.Stats(op, path.Clean(a.MirrorBaseDir))...)
	}
	h, err := host.Prefetch(ctx, h, op, reads...)
	if err != nil {
		return done, err
	}
	now, err := readConf(ctx, h, op)
	if err != nil {
		return done, err
	}
	after, err := shellvars.Edit(now.src, a.changes(now))
	if err != nil {
		return done, effect.Errorf(effect.Failed, op, "%s: %v", confPath, err)
	}
	next, err := parseConf(op, after, true)
	if err != nil {
		return done, err
	}
	if err := next.consistent(op); err != nil {
		return done, err
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{
		Path: confPath, Content: binding.Content{Data: after}, Validate: []string{"sh", "-n", "%s"},
	})
	if err != nil {
		return done, err
	}
	done.Mirror = next.mirror()
	made, err := file.MkdirAs(ctx, h, op, file.MkdirArgs{Path: done.Mirror})
	done.Changed = put.Changed || made.Changed
	return done, err
}

// consistent looks at the whole file that would be, foreign targets included.
func (c conf) consistent(op string) error {
	for _, name := range c.list("ports_trees") {
		t, err := c.target(op, name)
		if err != nil {
			return err
		}
		if c.yes("use_zfs") && t.PoudriereTree != "" && c.get("poudriere_dataset") == "" {
			return invalid(op, "use_zfs with the poudriere_tree of %s needs poudriere_dataset", name)
		}
	}
	return nil
}

// changes are what the arguments say about the variables.
func (a ConfigureArgs) changes(now conf) []shellvars.Change {
	var list []shellvars.Change
	set := func(name, value string) {
		if value != "" {
			list = append(list, shellvars.Set(name, value))
		}
	}
	orKeep := func(name, value, fallback string) {
		if value == "" && now.get(name) == "" {
			value = fallback
		}
		set(name, value)
	}
	orKeep("mirror_base_dir", a.MirrorBaseDir, defaultMirror)
	orKeep("use_zfs", yesNo(a.UseZFS), "no")
	set("fail_on_conflict", yesNo(&a.FailOnConflict))
	set("verbose", yesNo(a.Verbose))
	set("poudriere_dataset", a.PoudriereDataset)
	set("source_zfs_compression", a.SourceCompression)
	set("target_zfs_compression", a.TargetCompression)
	mountpoint := ""
	names := slices.Sorted(maps.Keys(a.Targets))
	for _, name := range names {
		if a.Targets[name].PoudriereTree != "" {
			mountpoint = "/usr/local/poudriere/ports"
		}
	}
	orKeep("poudriere_ports_mountpoint", a.PoudrierePortsMountpoint, mountpoint)
	list = append(list, a.targetChanges(now, names)...)
	for _, name := range slices.Sorted(maps.Keys(a.Settings)) {
		list = append(list, shellvars.Set(name, a.Settings[name]))
	}
	return list
}

func (a ConfigureArgs) targetChanges(now conf, names []string) []shellvars.Change {
	var list []shellvars.Change
	drop := func(name string) {
		if _, known := now.vars.Get(name); known {
			list = append(list, shellvars.Unset(name))
		}
	}
	var trees []string
	for _, name := range now.list("ports_trees") {
		if _, wanted := a.Targets[name]; wanted || !a.Only {
			trees = append(trees, name)
			continue
		}
		for _, setting := range []string{"_ports_tree", "_poudriere_tree", "_merge_from", "_zfs_dataset"} {
			drop(name + setting)
		}
	}
	for _, name := range names {
		if !slices.Contains(trees, name) {
			trees = append(trees, name)
		}
		t := a.Targets[name]
		tree, other, value := "_ports_tree", "_poudriere_tree", t.PortsTree
		if t.PoudriereTree != "" {
			tree, other, value = other, tree, t.PoudriereTree
		}
		drop(name + other)
		list = append(list, shellvars.Set(name+tree, value))
		list = append(list, shellvars.Set(name+"_merge_from", strings.Join(t.MergeFrom, " ")))
		if t.ZFSDataset != "" {
			list = append(list, shellvars.Set(name+"_zfs_dataset", t.ZFSDataset))
		}
	}
	if len(trees) > 0 {
		first := []shellvars.Change{shellvars.Set("ports_trees", strings.Join(trees, " "))}
		list = append(first, list...)
	}
	return list
}

func yesNo(value *bool) string {
	switch {
	case value == nil:
		return ""
	case *value:
		return "yes"
	default:
		return "no"
	}
}
