package portshaker

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

// Where the port puts things, portshaker(8).
const (
	confPath      = "/usr/local/etc/portshaker.conf"
	sourceDir     = "/usr/local/etc/portshaker.d"
	subrPath      = "/usr/local/share/portshaker/portshaker.subr"
	defaultMirror = "/var/cache/portshaker"
	mergedName    = ".portshaker-merged-ports"
)

func invalid(op, format string, args ...any) error {
	return effect.Errorf(effect.Invalid, op, format, args...)
}

// conf is portshaker.conf as it is on the host.
type conf struct {
	src    []byte
	exists bool
	vars   *shellvars.File
}

func readConf(ctx context.Context, h effect.Doer, op string) (conf, error) {
	src, exists, err := file.Content(ctx, h, op, confPath)
	if err != nil {
		return conf{}, err
	}
	return parseConf(op, src, exists)
}

func parseConf(op string, src []byte, exists bool) (conf, error) {
	vars, err := shellvars.Parse(src)
	if err != nil {
		bad := effect.Errorf(effect.Failed, op, "%s: %v", confPath, err)
		bad.Hint = "repair the file by hand, or move it away and configure anew"
		return conf{}, bad
	}
	c := conf{src: src, exists: exists, vars: vars}
	for _, v := range vars.Vars {
		if !v.Exact && c.matters(v.Name) {
			bad := effect.Errorf(effect.Failed, op, "%s: line %d: %s cannot be read without running the file: %s", confPath, v.Line, v.Name, v.Note)
			bad.Hint = "give the variable a plain value"
			return conf{}, bad
		}
	}
	return c, nil
}

// needConf is readConf where portshaker must have been configured.
func needConf(ctx context.Context, h effect.Doer, op string) (conf, error) {
	c, err := readConf(ctx, h, op)
	if err == nil && !c.exists {
		missing := effect.Errorf(effect.Missing, op, "%s is not there", confPath)
		missing.Hint = "h.portshaker.configure writes it"
		return c, missing
	}
	return c, err
}

var settings = map[string]bool{
	"mirror_base_dir": true, "ports_trees": true, "poudriere_ports_mountpoint": true, "poudriere_dataset": true,
	"use_zfs": true, "fail_on_conflict": true,
}

var targetSetting = lazyregexp.New(`_(ports_tree|poudriere_tree|merge_from|zfs_dataset)$`)

func (c conf) matters(name string) bool { return settings[name] || targetSetting.MatchString(name) }

func (c conf) get(name string) string {
	v, _ := c.vars.Get(name)
	return v.Value
}

func (c conf) list(name string) []string { return strings.Fields(c.get(name)) }

// yes tells whether a boolean is true as portshaker.conf(5) has it.
func (c conf) yes(name string) bool {
	return slices.Contains([]string{"yes", "true", "on", "1"}, strings.ToLower(c.get(name)))
}

func (c conf) mirror() string {
	if dir := c.get("mirror_base_dir"); dir != "" {
		return path.Clean(dir)
	}
	return defaultMirror
}

// cache is where a source is kept.
func (c conf) cache(source string) string {
	return path.Join(c.mirror(), strings.ReplaceAll(source, ":", "_"))
}

// sources are the names that targets merge from, in the order of merging.
func (c conf) sources() []string {
	var names []string
	for _, name := range c.list("ports_trees") {
		for _, source := range c.list(name + "_merge_from") {
			if source = bare(source); !slices.Contains(names, source) {
				names = append(names, source)
			}
		}
	}
	return names
}

// bare is a source's name without the suffix that says how it is merged.
func bare(source string) string { return strings.TrimRight(source, "!+") }

// script is the file of portshaker.d that provides a source: what stands before
// the first colon are its name, the rest its arguments.
func script(source string) string {
	name, _, _ := strings.Cut(source, ":")
	return path.Join(sourceDir, name)
}

// Target is a ports tree that portshaker makes.
type Target struct {
	Name          string   `lua:"name"`
	Path          string   `lua:"path"`
	PoudriereTree string   `lua:"poudriere_tree,omitempty" doc:"name of the tree of poudriere"`
	MergeFrom     []string `lua:"merge_from" doc:"sources in the order of merging; ! takes changed files without asking, + copies over"`
	Dataset       string   `lua:"zfs_dataset,omitempty"`
}

func (c conf) target(op, name string) (Target, error) {
	t := Target{Name: name, MergeFrom: c.list(name + "_merge_from"), Dataset: c.get(name + "_zfs_dataset")}
	if t.MergeFrom == nil {
		t.MergeFrom = []string{}
	}
	tree, plain := c.get(name+"_poudriere_tree"), c.get(name+"_ports_tree")
	problem := ""
	switch {
	case tree != "" && plain != "":
		problem = fmt.Sprintf("only one of %[1]s_ports_tree and %[1]s_poudriere_tree can be set", name)
	case tree != "" && c.get("poudriere_ports_mountpoint") == "":
		problem = "poudriere_ports_mountpoint is not set"
	case tree != "":
		t.Path, t.PoudriereTree = path.Join(c.get("poudriere_ports_mountpoint"), tree), tree
	case plain != "":
		t.Path = path.Clean(plain)
	default:
		problem = fmt.Sprintf("neither %[1]s_ports_tree nor %[1]s_poudriere_tree is set", name)
	}
	if problem == "" && !path.IsAbs(t.Path) || t.Path == "/" {
		problem = fmt.Sprintf("the path %q of the target %s is not an absolute path below /", t.Path, name)
	}
	if problem != "" {
		err := effect.Errorf(effect.Failed, op, "%s: %s", confPath, problem)
		err.Hint = "h.portshaker.configure sets it"
		return t, err
	}
	return t, nil
}

// named is a target that the configuration lists.
func (c conf) named(op, name string) (Target, error) {
	known := c.list("ports_trees")
	if !slices.Contains(known, name) {
		err := effect.Errorf(effect.Missing, op, "%s has no target %s", confPath, name)
		err.Hint = "it has " + orNone(known)
		return Target{}, err
	}
	return c.target(op, name)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Targets lists the ports trees that portshaker makes.
func Targets(ctx context.Context, h effect.Doer) ([]Target, error) {
	const op = "portshaker.targets"
	c, err := readConf(ctx, h, op)
	if err != nil {
		return nil, err
	}
	targets := []Target{}
	for _, name := range c.list("ports_trees") {
		t, err := c.target(op, name)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}
