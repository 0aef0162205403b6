// Package kld loads kernel modules, unloads them, and sees to it that they are
// there after a boot: by the loader, or by rc once the system runs.
package kld

import (
	"context"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const (
	raisesMissing = `kind "missing": there is no such module`
	raisesDenied  = `kind "denied": only root may do this, and nobody once kern.securelevel is raised`
	raisesCut     = `kind "failed": it may cut us off from the host, and force is not given`
)

// Module is h.kld.
var Module = binding.Module{
	Name: "kld",
	Doc:  "Kernel modules: loaded now, and at boot.",
	Funcs: []binding.Func{
		{
			Name: "ensure", Kind: effect.Change, Call: Ensure, See: []string{"kldload(8)", "loader.conf(5)", "rc.conf(5)"},
			Doc: "Makes a module part of the running kernel and of the kernel after the next boot. " +
				"At boot it is loaded by the loader (loader.conf), which file systems and what the root lies on need, or by rc (kld_list of rc.conf), which is faster. " +
				"Where neither is asked for, either is as good, and rc does it where the release can. What the kernel has built in needs neither.",
			Raises:  []string{raisesMissing, raisesDenied, raisesCut, `kind "failed": the kernel refuses the module; the release is too old to have kld_list`},
			Example: `h.kld.ensure("if_bridge")` + "\n" + `h.kld.ensure("geom_mirror", { boot = "loader" })`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"kldstat(8)"},
			Doc:     "Returns the files that the kernel consists of: itself first, then what was loaded, each with the modules in it.",
			Example: `for _, f in ipairs(h.kld.list()) do log("%s %d bytes", f.name, f.size) end`,
		},
		{
			Name: "load", Kind: effect.Change, Call: Load, See: []string{"kldload(8)"},
			Doc: "Loads a module into the running kernel. One that is there already, or built in, is left alone. " +
				"A packet filter that begins by dropping everything, and policies that may forbid our own processes to go on, are refused without force.",
			Raises:  []string{raisesMissing, raisesDenied, raisesCut, `kind "failed": the kernel refuses it, as when it was built for another release`},
			Example: `h.kld.load("pf")`,
		},
		{
			Name: "unload", Kind: effect.Change, Call: Unload, See: []string{"kldunload(8)"},
			Doc: "Unloads a module. One that is not loaded is left alone; one that is built in cannot be unloaded. " +
				"The driver of an interface that the host has, and others our connection may need, are refused without force.",
			Raises:  []string{raisesDenied, raisesCut, `kind "failed": it is in use, or built in`},
			Example: `h.kld.unload("pf", { boot = true })`,
		},
	},
}

// nameForm is the name of a module's file without its suffix.
var nameForm = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.+-]*$`)

// moduleName takes a module with or without .ko.
func moduleName(op, name string) (string, error) {
	name = strings.TrimSuffix(name, ".ko")
	if !nameForm.MatchString(name) || name == "kernel" {
		return "", effect.Errorf(effect.Invalid, op, "%q is no name of a kernel module", name)
	}
	return name, nil
}

func resource(name string) effect.Resource { return effect.Resource("kld:" + name) }

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`Operation not permitted`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\"); a raised kern.securelevel forbids it to root too"},
	{Pattern: lazyregexp.New(`No such file or directory|can't find file`), Kind: effect.Missing, Hint: "modules lie in /boot/kernel and /boot/modules; some come with packages"},
	{Pattern: lazyregexp.New(`Exec format error|error occurred while loading module`), Kind: effect.Failed, Hint: "it may be built for another release than the kernel that runs: dmesg tells; after an upgrade of the kernel the host has to reboot first"},
	{Pattern: lazyregexp.New(`Device busy|Resource busy`), Kind: effect.Failed, Hint: "something uses it: another module, a file system, an interface"},
}

func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return res, err
}
