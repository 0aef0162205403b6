// Package hostverbs is what every host does: run commands, start jobs, reboot,
// tell its facts, be seen as another user or as a jail.
package hostverbs

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Module is h itself.
var Module = binding.Module{
	Name:  "host",
	Doc:   "What every host does. The functions of modules are to be preferred where there is one: they converge, and know what their tools mean.",
	Verbs: true,
	Funcs: []binding.Func{
		{
			Name: "run", Kind: effect.Change, Call: run,
			Doc: "Runs a command and returns what it printed. A list is a command with its arguments, quoted for you; a string is a script for sh. " +
				"It counts as a change: check mode lists it and leaves it, and what it would have printed is unknown.",
			Raises:  []string{`kind "failed": an exit code that codes does not name`, `kind "missing": there is no such program`, `kind "timeout": it took too long, and was ended with all its processes`},
			Example: `h:run({ "cap_mkdb", "/etc/login.conf" })` + "\n" + `h:run("make -C /usr/src kernel", { timeout = 7200, to = "/var/log/kernel.log" })`,
			See:     []string{"sh(1)"},
		},
		{
			Name: "read", Kind: effect.Read, Call: read,
			Doc: "Runs a command that changes nothing and returns what it printed. It is run in check mode, too; after a skipped change it is unknown, " +
				"unless reads tells that it looks elsewhere.",
			Raises:  []string{`kind "failed": an exit code that codes does not name`, `kind "missing": there is no such program`, `kind "timeout": it took too long`},
			Example: `local kernel = h:read({ "sysctl", "-n", "kern.bootfile" }).stdout`,
			See:     []string{"sh(1)"},
		},
		{
			Name: "interact", Kind: effect.Change, Call: interact,
			Doc: "Runs a command on a pseudo terminal and answers its questions. The exchanges are tried in order, the first whose pattern appears answers; each answers once unless repeat is set. " +
				"A question that none of them knows ends in a timeout that shows it: after idle seconds without output, half an hour where it is not given.",
			Raises:  []string{`kind "failed": an exit code that codes does not name, or an exchange with fail`, `kind "timeout": nothing came, or a question nobody answers`},
			Example: `h:interact({ "passwd", "operator" }, { { expect = "New Password:", send = secret("operator") .. "\n", ["repeat"] = true } })`,
		},
		{
			Name: "job", Kind: effect.Change, Call: startJob,
			Doc: "Starts a command that runs on by itself, whatever becomes of the connection and of bsdrun, and returns its handle. " +
				"With key, a job of that key that runs already is attached to instead; on a resumed run the job of the same step is.",
			Raises:  []string{`kind "stopped": a job of that key runs for another run, and nobody agreed to attach`},
			Example: `local job = h:job({ "make", "-C", "/usr/src", "buildworld" }, { key = "buildworld" })` + "\n" + `local done = job:wait{ timeout = 6 * 3600 }`,
		},
		{
			Name: "jobs", Kind: effect.Read, Call: listJobs,
			Doc:     "Lists the detached jobs that the host knows, of any run: those that run and those that have ended and were not forgotten yet.",
			Example: `for _, j in ipairs(h:jobs()) do log("%s %s", j.id, j.state) end`,
		},
		{
			Name: "reboot", Kind: effect.Change, Risk: effect.Disruptive, Call: reboot, See: []string{"shutdown(8)"},
			Doc:     "Reboots the host and waits until it answers with another boot.",
			Raises:  []string{`kind "unreachable": it did not come back in time`},
			Example: `h:reboot{ within = 1800 }`,
		},
		{
			Name: "wait_until", Kind: effect.Read, Call: waitUntil,
			Doc:     "Runs a query again and again, ever more rarely, until it exits with 0, and returns what it printed then.",
			Raises:  []string{`kind "timeout": it did not come true in time`},
			Example: `h:wait_until("sockstat -4l -p 443 | grep -q nginx", { timeout = 60 })`,
		},
		{
			Name: "as", Kind: effect.Read, Call: asUser,
			Doc:     "Returns the host as another user: all that is done through it is done with that user's rights.",
			Example: `h:as("www"):run({ "composer", "install" }, { dir = "/usr/local/www/site" })`,
		},
		{
			Name: "jail", Kind: effect.Read, Call: inJail, See: []string{"jexec(8)"},
			Doc:     "Returns a running jail of the host as a host of its own. Commands and file operations are done inside it.",
			Example: `h:jail("www").pkg.install("nginx")`,
		},
		{
			Name: "facts", Kind: effect.Read, Call: facts, Property: true, See: []string{"uname(1)", "freebsd-version(1)"},
			Doc:     "Tells what the host is: release, hardware, addresses, boot, jails. They are read when the host is connected and again after a reboot, and cost nothing.",
			Example: `if h.facts.packages == "pkgbase" then log("the base system comes from packages") end`,
		},
		{
			Name: "lock", Kind: effect.Change, Call: lock,
			Doc:     "Takes the host's lock for this run now, instead of with the first change. It is held until the run ends.",
			Raises:  []string{`kind "locked": another run has the host; the error names it`},
			Example: `h:lock()`,
		},
	},
	Classes: []binding.Class{jobClass},
}
