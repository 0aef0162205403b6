// Package poudriere binds poudriere(8), which builds packages in clean jails.
// Registrations are read from its state files and results from its JSON, never
// from texts or exit codes; builds run as detached jobs.
package poudriere

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Module is h.poudriere.
var Module = binding.Module{
	Name: "poudriere",
	Doc:  "Packages built in clean jails: configuration, ports trees, jails, builds and their results as data.",
	Funcs: []binding.Func{
		{
			Name: "configure", Kind: effect.Change, Call: Configure, See: []string{"poudriere.conf.sample", "poudriere(8)"},
			Doc:     "Writes poudriere.conf, and makes the directory of the distfiles. Converges: variables that are not named stay as they are. Without zfs= ZFS is used where the host has a pool.",
			Raises:  []string{"invalid: several pools and none named", "failed: jails exist that the other kind of storage would not find"},
			Example: `h.poudriere.configure{zfs = false, freebsd_host = "https://download.FreeBSD.org"}`,
		},
		{
			Name: "config", Kind: effect.Read, Call: ReadConfig, See: []string{"poudriere.conf.sample"},
			Doc:     "Reads poudriere.conf.",
			Example: `local data = h.poudriere.config().data`,
		},
		{
			Name: "ports.create", Kind: effect.Change, Call: PortsCreate, See: []string{"poudriere-ports(8)"},
			Doc:     "Registers a ports tree, unless it is registered so already. With a path alone the tree is one that poudriere does not manage (method null): never updated and never deleted by it. An old registration of method - is adopted as null.",
			Raises:  []string{"failed: registered at another path or with another method"},
			Example: `h.poudriere.ports.create("default", {path = "/usr/local/poudriere/ports/default"})`,
		},
		{
			Name: "ports.list", Kind: effect.Read, Call: PortsList, See: []string{"poudriere-ports(8)"},
			Doc:     "Lists the registered ports trees, from poudriere's state files.",
			Example: `for _, t in ipairs(h.poudriere.ports.list()) do log("%s %s", t.name, t.path) end`,
		},
		{
			Name: "ports.update", Kind: effect.Change, Call: PortsUpdate, See: []string{"poudriere-ports(8)"},
			Doc:     "Brings a ports tree up to date. One that poudriere does not manage is left alone, as is one that has nothing new to fetch.",
			Raises:  []string{"missing: no such tree", "failed: a build uses it"},
			Example: `local now = h.poudriere.ports.update("default")`,
		},
		{
			Name: "ports.remove", Kind: effect.Change, Risk: effect.Irreversible, Call: PortsRemove, See: []string{"poudriere-ports(8)"},
			Doc:     "Removes the registration of a ports tree. A tree that poudriere fetched is deleted with it, irreversibly, unless keep; one it does not manage stays.",
			Example: `h.poudriere.ports.remove("old", {keep = true})`,
		},
		{
			Name: "jail.create", Kind: effect.Change, Call: JailCreate, See: []string{"poudriere-jail(8)"},
			Doc:     "Makes a jail of a release and architecture, unless it is there. Runs as a job.",
			Raises:  []string{"failed: the jail is there with another release or architecture", "missing: the server has no such release"},
			Example: `h.poudriere.jail.create("143amd64", {version = "14.3-RELEASE"})`,
		},
		{
			Name: "jail.list", Kind: effect.Read, Call: JailList, See: []string{"poudriere-jail(8)"},
			Doc:     "Lists the jails, from poudriere's state files.",
			Example: `for _, j in ipairs(h.poudriere.jail.list()) do log("%s %s", j.name, j.version) end`,
		},
		{
			Name: "jail.info", Kind: effect.Read, Call: GetJailInfo, See: []string{"poudriere-jail(8)"},
			Doc:     "Reads one jail, and whether it runs.",
			Raises:  []string{"missing: no such jail"},
			Example: `if h.poudriere.jail.info("143amd64").running then skip("a build is under way") end`,
		},
		{
			Name: "jail.update", Kind: effect.Change, Call: JailUpdate, See: []string{"poudriere-jail(8)"},
			Doc:     "Brings a jail to the last patch level of its release. Runs as a job.",
			Raises:  []string{"missing: no such jail"},
			Example: `h.poudriere.jail.update("143amd64")`,
		},
		{
			Name: "jail.upgrade", Kind: effect.Change, Call: JailUpgrade, See: []string{"poudriere-jail(8)"},
			Doc:     "Brings a jail to another release, unless it is there. Runs as a job.",
			Raises:  []string{"missing: no such jail"},
			Example: `h.poudriere.jail.upgrade("143amd64", "14.4-RELEASE")`,
		},
		{
			Name: "jail.start", Kind: effect.Change, Call: JailStart, See: []string{"poudriere-jail(8)"},
			Doc:     "Starts a jail with its ports tree mounted, unless it runs.",
			Example: `h.poudriere.jail.start("143amd64")`,
		},
		{
			Name: "jail.stop", Kind: effect.Change, Call: JailStop, See: []string{"poudriere-jail(8)"},
			Doc:     "Stops a jail, if it runs. A build in it ends with it.",
			Example: `h.poudriere.jail.stop("143amd64")`,
		},
		{
			Name: "jail.rename", Kind: effect.Change, Call: JailRename, See: []string{"poudriere-jail(8)"},
			Doc:     "Gives a jail another name, unless it has it.",
			Example: `h.poudriere.jail.rename("143amd64", "builder")`,
		},
		{
			Name: "jail.remove", Kind: effect.Change, Call: JailRemove, See: []string{"poudriere-jail(8)"},
			Doc:     "Removes a jail, if it is there; with clean its packages or logs, too.",
			Example: `h.poudriere.jail.remove("92amd64", {clean = "packages"})`,
		},
		{
			Name: "options", Kind: effect.Change, Call: Options, See: []string{"poudriere-options(8)"},
			Doc:     "Sets a port's options for builds; those that are not named stay. Without any it only reads.",
			Example: `h.poudriere.options("www/nginx", {on = {"HTTPV3"}, off = {"MAIL"}})`,
		},
		{
			Name: "makeconf", Kind: effect.Change, Call: Makeconf, See: []string{"poudriere(8)"},
			Doc:     "Writes the make.conf of builds, whole or some variables of it. Without anything to write it only reads.",
			Example: `h.poudriere.makeconf{vars = {DEFAULT_VERSIONS = "ssl=openssl"}, jail = "143amd64"}`,
		},
		{
			Name: "plan", Kind: effect.Change, Call: PlanBulk, See: []string{"poudriere-bulk(8)"},
			Doc:     "Asks what a build would do. A change, since poudriere starts the jail for it.",
			Raises:  []string{"missing: no such jail, tree or port"},
			Example: `log("%d packages", h.poudriere.plan("143amd64", {"misc/hello"}).count)`,
		},
		{
			Name: "bulk", Kind: effect.Change, Call: Bulk, See: []string{"poudriere-bulk(8)"},
			Doc: "Builds packages, as a detached job with live counts. Ports that fail are part of the result, read from poudriere's JSON and never from its exit code; the script decides. " +
				"A build of the same jail, tree and set that is under way is attached to when it builds the same, and else waited for.",
			Raises:  []string{"missing: no such jail, tree or port", "failed: poudriere itself failed", "timeout: not ended in time; the build goes on"},
			Example: "local b = h.poudriere.bulk(\"143amd64\", {\"misc/hello\", \"www/site\"}, {tree = \"default\"})\nif #b.failed > 0 then fail(\"%s failed in %s\", b.failed[1].origin, b.failed[1].phase) end",
		},
		{
			Name: "testport", Kind: effect.Change, Call: Testport, See: []string{"poudriere-testport(8)"},
			Doc:     "Builds and tests one port, as a detached job. A port that fails is part of the result.",
			Raises:  []string{"missing: no such jail, tree or port"},
			Example: `local t = h.poudriere.testport("143amd64", "misc/hello")`,
		},
		{
			Name: "status", Kind: effect.Read, Call: Status, See: []string{"poudriere-status(8)"},
			Doc:     "Lists the builds under way, or all.",
			Example: `for _, b in ipairs(h.poudriere.status()) do log("%s: %d left", b.build, b.counts.remaining) end`,
		},
		{
			Name: "results", Kind: effect.Read, Call: Results, See: []string{"poudriere-status(8)"},
			Doc:     "Reads what became of a build's ports: built, failed with phase and end of the log, skipped, ignored, fetched.",
			Raises:  []string{"missing: no such build"},
			Example: `local last = h.poudriere.results("143amd64")`,
		},
		{
			Name: "log", Kind: effect.Read, Call: Log, See: []string{"poudriere(8)"},
			Doc:     "Reads the log of one package of a build.",
			Raises:  []string{"missing: no such package in the build"},
			Example: `print(h.poudriere.log("143amd64", "misc/hello", {lines = 20}).text)`,
		},
		{
			Name: "pkgclean", Kind: effect.Change, Call: Pkgclean, See: []string{"poudriere-pkgclean(8)"},
			Doc:     "Removes packages that are no longer wanted from a repository.",
			Example: `h.poudriere.pkgclean("143amd64", {"misc/hello", "www/site"})`,
		},
		{
			Name: "distclean", Kind: effect.Change, Call: Distclean, See: []string{"poudriere-distclean(8)"},
			Doc:     "Removes distfiles that no port of the trees needs.",
			Example: `log("freed %s", h.poudriere.distclean({"default"}).freed)`,
		},
		{
			Name: "logclean", Kind: effect.Change, Call: Logclean, See: []string{"poudriere-logclean(8)"},
			Doc:     "Removes logs of builds that are over.",
			Example: `h.poudriere.logclean{days = 30}`,
		},
		{
			Name: "image", Kind: effect.Change, Call: MakeImage, See: []string{"poudriere-image(8)"},
			Doc:     "Makes an image of a jail's system with packages of the builds. Runs as a job.",
			Example: `h.poudriere.image("143amd64", "rawdisk", {name = "router", size = "4g"})`,
		},
		{
			Name: "repo.sign", Kind: effect.Change, Call: RepoSign, See: []string{"pkg-repo(8)"},
			Doc:     "Makes builds sign their repository: a key, its public half, and the setting in poudriere.conf.",
			Example: `local public = h.poudriere.repo.sign{jail = "143amd64"}.public`,
		},
		{
			Name: "repo.publish", Kind: effect.Change, Call: RepoPublish, See: []string{"pkg.conf(5)"},
			Doc:     "Copies the last state of a package repository to where clients find it, in one step, and gives the configuration for clients.",
			Raises:  []string{"missing: nothing was built yet"},
			Example: `h.poudriere.repo.publish("143amd64", "/usr/local/www/packages/143amd64")`,
		},
	},
}
