package rehearse

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Modules are what tests have besides the modules of scripts.
func Modules() []binding.Module { return []binding.Module{module} }

// module is the global rehearse. Its functions find their test in the context.
var module = binding.Module{
	Name: "rehearse",
	Doc: "Simulated machines for tests of recipes, and runs of the recipe on them. It works in tests alone: " +
		"a machine is a host like h, with which a test arranges things and looks at what came of a run.",
	Global: true,
	Funcs: []binding.Func{
		{
			Name: "machine", Kind: effect.Change, Call: newMachine,
			Doc: "Makes a simulated machine and returns it as a host. It lasts as long as the test, over all runs. " +
				"Without a profile it is the one that the recipe names for a bare sim:.",
			Example: `local m = rehearse.machine("builder", { name = "build1", params = { ["fail"] = "www/nginx:build" } })`,
		},
		{
			Name: "run", Kind: effect.Change, Call: runRecipe,
			Doc: "Runs the recipe that the test is for on a machine, and returns what came of it. The test fails when the run ends " +
				"otherwise than it says. Required parameters that are not given have the recipe's example, as on sim: hosts.",
			Raises: []string{`kind "failed": the run ended otherwise than expected; the message has the recipe's line`},
			Example: `local run = rehearse.run(m, { check = true, params = { pool = "zroot" } })
expect.equal(run.changed, 0)`,
		},
		{
			Name: "resume", Kind: effect.Change, Call: resumeRun,
			Doc:     "Goes on with a run that stopped or failed, as bsdrun resume does, and returns what came of it.",
			Example: `local run = rehearse.resume(stopped.id, { answers = { ["Reboot now?"] = true } })`,
		},
		{
			Name: "undo", Kind: effect.Change, Call: undoRun,
			Doc:     "Takes back what a run did, as bsdrun undo does, and returns what came of it.",
			Raises:  []string{`kind "usage": the recipe has no undo function, or the run was a check`},
			Example: `local undone = rehearse.undo(run.id)`,
		},
		{
			Name: "fail", Kind: effect.Change, Call: failTool,
			Doc:     "Makes a tool of a machine print a message and exit with a code, instead of working.",
			Example: `rehearse.fail(m, "pkg", { code = 1, message = "no network", times = 1 })`,
		},
		{
			Name: "heal", Kind: effect.Change, Call: healTool,
			Doc:     "Lets a tool work again that fail made fail.",
			Example: `rehearse.heal(m, "pkg")`,
		},
		{
			Name: "deny", Kind: effect.Change, Call: deny,
			Doc:     "Makes a path of a machine answer Permission denied to everybody.",
			Example: `rehearse.deny(m, "/etc/rc.conf")`,
		},
		{
			Name: "permit", Kind: effect.Change, Call: permit,
			Doc:     "Undoes deny.",
			Example: `rehearse.permit(m, "/etc/rc.conf")`,
		},
		{
			Name: "cut", Kind: effect.Change, Call: cut,
			Doc:     "Cuts the connection to a machine after so many more bytes that the machine sends, once.",
			Example: `rehearse.cut(m, 20000)`,
		},
		{
			Name: "refuse", Kind: effect.Change, Call: refuse,
			Doc:     "Makes a machine's sshd refuse a kind of channel: exec, shell, sftp or session.",
			Example: `rehearse.refuse(m, "sftp")`,
		},
		{
			Name: "unreachable", Kind: effect.Change, Call: unreachable,
			Doc:     "Makes a host of the simulated network, or all addresses that begin so, unreachable for its machines; an empty reason undoes it.",
			Example: `rehearse.unreachable("https://git.example.org", "Operation timed out")`,
		},
		{
			Name: "pass", Kind: effect.Change, Call: pass,
			Doc:     "Lets time pass on a machine. It takes none of ours.",
			Example: `rehearse.pass(m, 40 * 86400)`,
		},
	},
}
