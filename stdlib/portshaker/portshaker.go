// Package portshaker binds portshaker(8), which makes ports trees by merging
// sources: the one of FreeBSD and one's own.
package portshaker

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Module is h.portshaker.
var Module = binding.Module{
	Name: "portshaker",
	Doc:  "Ports trees made by merging sources, such as the tree of FreeBSD and a repository of one's own.",
	Funcs: []binding.Func{
		{
			Name: "install", Kind: effect.Change, Call: Install, See: []string{"pkg-install(8)"},
			Doc:     "Installs portshaker and the programs that its sources need.",
			Example: `h.portshaker.install()`,
		},
		{
			Name: "configure", Kind: effect.Change, Call: Configure, See: []string{"portshaker.conf(5)"},
			Doc:     "Writes portshaker.conf: targets, where sources are kept, what happens at a conflict. Converges: settings and targets that are not named stay as they are.",
			Raises:  []string{"failed: the file is not valid, or would contradict itself"},
			Example: `h.portshaker.configure{targets = {default = {poudriere_tree = "default", merge_from = {"freebsd", "myrepo"}}}}`,
		},
		{
			Name: "source.put", Kind: effect.Change, Call: SourcePut, See: []string{"portshaker.d(5)"},
			Doc:     "Writes the script of a source. What was fetched from another address or branch before is removed, since portshaker cannot switch a clone.",
			Raises:  []string{"missing: no such repository (where the branch is asked for), or no portsnap on this release"},
			Example: `h.portshaker.source.put("myrepo", {uri = "https://git.example.org/ports.git", branch = "main"})`,
		},
		{
			Name: "source.list", Kind: effect.Read, Call: SourceList, See: []string{"portshaker.d(5)"},
			Doc:     "Lists the sources: method, address, branch, which targets merge from them.",
			Example: `for _, s in ipairs(h.portshaker.source.list()) do log("%s %s", s.name, s.uri) end`,
		},
		{
			Name: "source.remove", Kind: effect.Change, Call: SourceRemove, See: []string{"portshaker.d(5)"},
			Doc:     "Removes a source that no target merges from, and what was fetched of it.",
			Raises:  []string{"failed: a target merges from it"},
			Example: `h.portshaker.source.remove("myrepo")`,
		},
		{
			Name: "targets", Kind: effect.Read, Call: Targets, See: []string{"portshaker.conf(5)"},
			Doc:     "Lists the ports trees that portshaker makes, with their paths and sources.",
			Example: `local path = h.portshaker.targets()[1].path`,
		},
		{
			Name: "update", Kind: effect.Change, Call: Update, See: []string{"portshaker(8)"},
			Doc:     "Fetches what is new of the sources, and returns for each the commit before and now. A git source whose repository has nothing new is left alone.",
			Raises:  []string{"missing: no script, repository or branch", "denied: login, key or host key refused", "failed: no way to the server, no space"},
			Example: `for _, s in ipairs(h.portshaker.update().sources) do log("%s at %s", s.name, s.revision) end`,
		},
		{
			Name: "merge", Kind: effect.Change, Risk: effect.Safe, Call: Merge, See: []string{"portshaker(8)"},
			Doc:     "Makes the target trees from their sources, and returns which ports came from where. Nothing is done while no source has changed. A tree that is not portshaker's, or holds files from no source, is refused; with adopt it is reset, which is irreversible.",
			Raises:  []string{"failed: a conflict between sources, a foreign tree, or no fail_on_conflict in the configuration", "missing: a source that is not fetched yet"},
			Example: `for _, p in ipairs(h.portshaker.merge("default").targets[1].ports) do log("%s from %s", p.origin, p.source) end`,
		},
		{
			Name: "conflicts", Kind: effect.Read, Call: Conflicts, See: []string{"portshaker(8)"},
			Doc:     "Looks for ports that two sources provide in the same version with different files, without merging.",
			Example: `if #h.portshaker.conflicts("default") > 0 then fail("raise PORTREVISION first") end`,
		},
	},
}
