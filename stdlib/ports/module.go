// Package ports installs software from the ports tree of a host, and keeps it up
// to date with portmaster(8) where there are no packages any more.
package ports

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesNoTree  = `kind "missing": the ports tree has no such port, or is not there`
	raisesNotMade = `kind "failed": a port did not build; the error holds the end of the log`
)

// Module is h.ports.
var Module = binding.Module{
	Name: "ports",
	Doc:  "Ports, built on the host: for what has no package, and for releases whose packages are gone.",
	Funcs: []binding.Func{
		{
			Name: "deinstall", Kind: effect.Change, Call: Deinstall, See: []string{"ports(7)"},
			Doc:     "Removes what a port has installed. What is not installed is no failure.",
			Raises:  []string{raisesNoTree, `kind "failed": other packages need it, and force is not set`},
			Example: `h.ports.deinstall("net/rsync")`,
		},
		{
			Name: "install", Kind: effect.Change, Call: Install, See: []string{"ports(7)"},
			Doc:     "Builds and installs a port with what it needs, asking nothing. One that is installed is left alone, whatever its version. The build is a job: a lost connection does not end it.",
			Raises:  []string{raisesNoTree, raisesNotMade},
			Example: `h.ports.install("misc/compat8x")`,
		},
		{
			Name: "options", Kind: effect.Change, Call: Options, See: []string{"ports(7)"},
			Doc:     "Turns options of a port on and off, for builds on this host. Others stay as they are; without any it only reads those that were set.",
			Raises:  []string{raisesNoTree},
			Example: `h.ports.options("www/nginx", { on = { "HTTPV3" }, off = { "MAIL" } })`,
		},
		{
			Name: "portmaster", Kind: effect.Change, Call: Portmaster, See: []string{"portmaster(8)"},
			Doc: "Updates ports, or builds them anew with force, as after an upgrade to another major release: portmaster -af. " +
				"It asks nothing: options of ports stay as they are (-G), and distfiles are kept (-D). It runs as a job, and what it did is read from what it said.",
			Raises:  []string{`kind "missing": portmaster is not installed`, raisesNotMade},
			Example: `h.ports.portmaster{ all = true, packages = "first", force = true }`,
		},
		{
			Name: "updating", Kind: effect.Read, Call: Updating, See: []string{"ports(7)"},
			Doc: "Lists the entries of /usr/ports/UPDATING, since a day, that concern what is installed: those that name a port that is, and those that name none. " +
				"Read them before anything is updated.",
			Raises:  []string{raisesNoTree},
			Example: `for _, e in ipairs(h.ports.updating("2026-01-01")) do log("%s %s", e.date, e.affects) end`,
		},
	},
}
