// Package bectl keeps boot environments: copies of the root file system on ZFS
// that the loader can start instead of it.
package bectl

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesNone = `kind "missing": there is no such boot environment, or no bectl(8) on this host`
	raisesUFS  = `kind "failed": the root is not a dataset of the form POOL/ROOT/NAME`
	raisesLive = `kind "failed": the environment runs, or is what the next boot starts`
)

// Module is h.bectl.
var Module = binding.Module{
	Name: "bectl",
	Doc: "Boot environments: copies of the root file system on ZFS that the loader can start instead. " +
		"An environment holds what lies in its own dataset: not /var, /home and the like where those are datasets of their own. A pool upgrade is not undone by it.",
	Funcs: []binding.Func{
		{
			Name: "activate", Kind: effect.Change, Risk: effect.Disruptive, Call: Activate, See: []string{"bectl(8)"},
			Doc: "Makes an environment the one that boots, from now on or, with temporary, the next time alone. One that does so already is left alone; " +
				"releases before 13.0 do not tell what boots once, so that there it is said again.",
			Raises:  []string{raisesNone, raisesUFS},
			Example: `h.bectl.activate("before-upgrade", { temporary = true })`,
		},
		{
			Name: "create", Kind: effect.Change, Call: Create, See: []string{"bectl(8)"},
			Doc:     "Makes an environment of the one that runs, of another one or of a snapshot of one. One of that name is left alone, whatever it was made of.",
			Raises:  []string{raisesNone, raisesUFS},
			Example: `h.bectl.create("before-upgrade")`,
		},
		{
			Name: "current", Kind: effect.Read, Call: Current, See: []string{"bectl(8)"},
			Doc:     "Returns the environment that runs.",
			Raises:  []string{raisesUFS},
			Example: `log("this is %s", h.bectl.current().name)`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"bectl(8)"},
			Doc:     "Lists the environments by name.",
			Raises:  []string{raisesUFS},
			Example: `for _, be in ipairs(h.bectl.list()) do log("%s %s", be.name, be.created) end`,
		},
		{
			Name: "mount", Kind: effect.Change, Call: Mount, See: []string{"bectl(8)"},
			Doc:     "Mounts an environment with what lies below it, on a directory given or on a new one in /tmp.",
			Raises:  []string{raisesNone, `kind "failed": it is mounted elsewhere`},
			Example: `local at = h.bectl.mount("before-upgrade").mountpoint`,
		},
		{
			Name: "prune", Kind: effect.Change, Risk: effect.Irreversible, Call: Prune, See: []string{"bectl(8)"},
			Doc: "Destroys old environments: all but the newest ones to keep, those older than a time, or both, by name if a pattern is given. " +
				"What runs, what boots next and what is mounted always stays, and does not count.",
			Example: `h.bectl.prune{ keep = 3, pattern = "before-*" }`,
		},
		{
			Name: "remove", Kind: effect.Change, Risk: effect.Irreversible, Call: Remove, See: []string{"bectl(8)"},
			Doc:     "Destroys an environment, with what lies below it. One that is not there is no failure.",
			Raises:  []string{raisesLive, `kind "failed": it is mounted and force is not set`},
			Example: `h.bectl.remove("before-upgrade")`,
		},
		{
			Name: "rename", Kind: effect.Change, Call: Rename, See: []string{"bectl(8)"},
			Doc:     "Renames an environment. Where the old name is gone and the new one is there, it has been renamed already.",
			Raises:  []string{raisesNone, `kind "failed": both are there`},
			Example: `h.bectl.rename("default", "14.3")`,
		},
		{
			Name: "unmount", Kind: effect.Change, Call: Unmount, See: []string{"bectl(8)"},
			Doc:     "Unmounts an environment that mount had mounted. The directory stays.",
			Raises:  []string{raisesNone, `kind "failed": it runs, or files in it are in use`},
			Example: `h.bectl.unmount("before-upgrade")`,
		},
	},
}
