package kld

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// How a module stands in the running kernel.
const (
	loaded  = "loaded"
	builtIn = "built in" // or part of a file of another name
	absent  = "absent"
)

const stateScript = `if kldstat -n "$1" >/dev/null 2>&1; then echo loaded
elif kldstat -m "$1" >/dev/null 2>&1; then echo built in
else echo absent; fi`

// stateOf tells how a module stands in the running kernel.
func stateOf(ctx context.Context, h effect.Doer, op, name string) (string, error) {
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Title: "kldstat -n " + name,
		Argv: []string{"sh", "-c", stateScript, "kld", name}, Reads: []effect.Resource{resource(name)},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			left, ok := leaves[resource(name)]
			return effect.Result{Stdout: effect.OutputOf([]byte(left + "\n"))}, ok
		},
	})
	if err != nil {
		return "", err
	}
	state, err := res.Line()
	if err == nil && !slices.Contains([]string{loaded, builtIn, absent}, state) {
		err = effect.Errorf(effect.Failed, op, "the host did not tell how %s stands, but %.80q", name, state)
	}
	return state, err
}

// LoadArgs are the arguments of Load.
type LoadArgs struct {
	Name  string `lua:"name,required" doc:"the module: \"pf\""`
	Force bool   `lua:"force" doc:"load it although it may cut us off"`
}

// Changed is what a change of the running kernel came to.
type Changed struct {
	Changed bool `lua:"changed" doc:"the kernel, or what it loads at boot, is, or in check mode would be, different now"`
}

// Load loads a module.
func Load(ctx context.Context, h effect.Doer, a LoadArgs) (Changed, error) {
	const op = "kld.load"
	name, err := moduleName(op, a.Name)
	if err != nil {
		return Changed{}, err
	}
	state, err := stateOf(ctx, h, op, name)
	if err != nil || state != absent {
		return Changed{}, err
	}
	if err := mayLoad(op, name, a.Force); err != nil {
		return Changed{}, err
	}
	done, err := load(ctx, h, op, name)
	return Changed{done}, err
}

// thereAlready is what kldload says of a module that the kernel has by another
// name: kldstat knows modules, and files, but not every name.
var thereAlready = lazyregexp.New(`already loaded or in kernel|File exists`)

func load(ctx context.Context, h effect.Doer, op, name string) (changed bool, err error) {
	e := effect.Effect{
		Op: op, Kind: effect.Change, Argv: []string{"kldload", name},
		Writes: []effect.Resource{resource(name)}, Leaves: map[effect.Resource]string{resource(name): loaded},
		Diff: &effect.Diff{Path: "kernel module " + name, Note: "load"},
	}
	if why := danger(name); why != "" {
		e.Risk, e.Note = effect.Disruptive, why
	}
	_, err = run(ctx, h, e)
	if failure := effect.AsError(err); failure != nil && failure.Code == 1 && thereAlready.MatchString(failure.Err) {
		return false, nil
	}
	return err == nil, err
}

// danger says why loading a module may cut us off; empty: it does not.
func danger(name string) string {
	switch {
	case name == "ipfw" || strings.HasPrefix(name, "ipfw_") || name == "dummynet" || name == "ipdivert":
		return "ipfw drops everything until it has rules, unless the loader sets net.inet.ip.fw.default_to_accept"
	case slices.Contains([]string{"mac_biba", "mac_lomac", "mac_mls", "mac_none"}, name):
		return "a policy of mandatory access control may forbid our own processes to go on"
	}
	return ""
}

// mayLoad refuses what may cut us off.
func mayLoad(op, name string, force bool) error {
	if why := danger(name); why != "" && !force {
		return effect.WithHint(effect.Errorf(effect.Failed, op, "loading %s may cut us off from the host: %s", name, why),
			"force=true loads it all the same; see to rules before, and to a way in that needs no network")
	}
	return nil
}

// UnloadArgs are the arguments of Unload.
type UnloadArgs struct {
	Name  string `lua:"name,required" doc:"the module: \"pf\""`
	Boot  bool   `lua:"boot" doc:"do not load it at boot any more, either"`
	Force bool   `lua:"force" doc:"unload it although it may cut us off"`
}

// Unload unloads a module.
func Unload(ctx context.Context, h effect.Doer, a UnloadArgs) (Changed, error) {
	const op = "kld.unload"
	name, err := moduleName(op, a.Name)
	if err != nil {
		return Changed{}, err
	}
	state, err := stateOf(ctx, h, op, name)
	if err != nil {
		return Changed{}, err
	}
	if state == builtIn {
		return Changed{}, effect.Errorf(effect.Failed, op, "%s is built into the kernel, or part of another file: it cannot be unloaded", name)
	}
	why, err := carries(ctx, h, op, name, state)
	if err != nil {
		return Changed{}, err
	}
	if why != "" && !a.Force {
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "unloading %s may cut us off from the host: %s", name, why),
			"force=true unloads it all the same; see to a way in that needs no network")
	}
	var done Changed
	if a.Boot {
		if done.Changed, err = forget(ctx, h, op, name); err != nil {
			return done, err
		}
	}
	if state == absent {
		return done, nil
	}
	e := effect.Effect{
		Op: op, Kind: effect.Change, Argv: []string{"kldunload", name},
		Writes: []effect.Resource{resource(name)}, Leaves: map[effect.Resource]string{resource(name): absent},
		Diff: &effect.Diff{Path: "kernel module " + name, Note: "unload"},
	}
	if why != "" {
		e.Risk, e.Note = effect.Disruptive, why
	}
	_, err = run(ctx, h, e)
	done.Changed = done.Changed || err == nil
	return done, err
}

// carriers are modules beside drivers that a connection may run over.
var carriers = []string{"carp", "ipsec", "miibus", "virtio", "virtio_pci", "hv_netvsc", "vmbus"}

// carries says why our connection may need a module that is loaded; empty: it
// does not.
func carries(ctx context.Context, h effect.Doer, op, name, state string) (string, error) {
	driver, isDriver := strings.CutPrefix(name, "if_")
	switch {
	case state == absent:
		return "", nil
	case slices.Contains(carriers, name):
		return "the network may run over it", nil
	case !isDriver:
		return "", nil
	}
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: []string{"ifconfig", "-l"}, Reads: []effect.Resource{"net"}})
	if err != nil {
		return "", err
	}
	out, err := res.Text()
	if err != nil {
		return "", err
	}
	if used := interfacesOf(driver, strings.Fields(out)); len(used) > 0 {
		return "the host has the interface " + strings.Join(used, ", "), nil
	}
	return "", nil
}

// plainName is an interface that is called after its driver, or a vlan(4) that is
// called after its parent. Whose any other is cannot be told.
var plainName = lazyregexp.New(`^([a-z][a-z0-9_]*?)\d+(\.\d+)?$`)

// interfacesOf are those that a driver may have made: those of its name, and those
// that were given a name of their own.
func interfacesOf(driver string, interfaces []string) []string {
	drivers := []string{driver}
	if driver == "tuntap" {
		drivers = []string{"tun", "tap", "vmnet"}
	}
	return slices.DeleteFunc(slices.Clone(interfaces), func(name string) bool {
		m := plainName.FindStringSubmatch(name)
		return m != nil && !slices.Contains(drivers, m[1]) && (driver != "vlan" || m[2] == "")
	})
}
