package pkg

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesLock    = `kind "failed": another pkg holds the database; the hint says so`
	raisesRoot    = `kind "denied": only root may do this`
	raisesNoPkg   = `kind "missing": pkg itself is not installed`
	raisesNoMatch = `kind "missing": no repository has such a package`
)

// Module is h.pkg.
var Module = binding.Module{
	Name: "pkg",
	Doc:  "Packages: install, remove, upgrade, query and audit them with pkg(8), on the host, in a jail, or under another root.",
	Funcs: []binding.Func{
		{
			Name: "audit", Kind: effect.Read, Call: Audit, See: []string{"pkg-audit(8)"},
			Doc:     "Lists the installed packages that have known vulnerabilities. With fetch=true the list of vulnerabilities is fetched first, which is a change.",
			Raises:  []string{raisesNoPkg, `kind "failed": the list of vulnerabilities was never fetched`},
			Example: `for _, p in ipairs(h.pkg.audit{ fetch = true }) do log("%s %s: %s", p.name, p.version, p.issues[1].description) end`,
		},
		{
			Name: "autoremove", Kind: effect.Change, Call: Autoremove, See: []string{"pkg-autoremove(8)"},
			Doc:     "Removes packages that came as dependencies and that nothing needs any more.",
			Raises:  []string{raisesLock, raisesRoot, raisesNoPkg},
			Example: `h.pkg.autoremove()`,
		},
		{
			Name: "bootstrap", Kind: effect.Change, Call: Bootstrap, See: []string{"pkg(7)"},
			Doc:     "Installs pkg itself where it is not installed yet. Force it after an upgrade of the system that pkg does not survive.",
			Raises:  []string{`kind "failed": the repository cannot be reached`, raisesRoot},
			Example: `h.pkg.bootstrap()`,
		},
		{
			Name: "check", Kind: effect.Read, Call: Check, See: []string{"pkg-check(8)"},
			Doc:     "Looks for damaged packages: altered or lost files, missing dependencies. It repairs nothing.",
			Raises:  []string{raisesNoPkg},
			Example: `for _, d in ipairs(h.pkg.check()) do log("%s: %s %s", d.package, d.kind, d.subject) end`,
		},
		{
			Name: "clean", Kind: effect.Change, Call: Clean, See: []string{"pkg-clean(8)"},
			Doc:     "Removes old packages from the cache of fetched files; with all=true, every one.",
			Raises:  []string{raisesRoot, raisesNoPkg},
			Example: `h.pkg.clean{ all = true }`,
		},
		{
			Name: "info", Kind: effect.Read, Call: Info, See: []string{"pkg-info(8)", "pkg-query(8)"},
			Doc:     "Tells all that is known of a package, on releases before pkg(8) by its records. One that is not installed is no error: installed is false.",
			Example: `local git = h.pkg.info("git")` + "\n" + `if git.installed then log("git %s", git.version) end`,
		},
		{
			Name: "install", Kind: effect.Change, Call: Install, See: []string{"pkg-install(8)"},
			Doc: "Installs the packages that are missing, and what they need. What is installed stays as it is, unless latest=true. " +
				"pkg itself is installed along where it is not there yet.",
			Raises:  []string{raisesNoMatch, raisesLock, raisesRoot, `kind "failed": no space, or no network`},
			Example: `h.pkg.install{ "git", "poudriere-devel", "portshaker" }`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"pkg-query(8)"},
			Doc:     "Lists the installed packages, sorted by name; on releases before pkg(8), those of pkg_info(1).",
			Example: `for _, p in ipairs(h.pkg.list{ automatic = false }) do log("%s %s", p.name, p.version) end`,
		},
		{
			Name: "lock", Kind: effect.Change, Call: Lock, See: []string{"pkg-lock(8)"},
			Doc:     "Protects packages against changes.",
			Raises:  []string{`kind "missing": the package is not installed`, raisesLock, raisesRoot},
			Example: `h.pkg.lock{ "postgresql17-server" }`,
		},
		{
			Name: "plan", Kind: effect.Read, Call: PlanFor, See: []string{"pkg-install(8)", "pkg-upgrade(8)"},
			Doc:     "Tells what pkg would do, from the catalogue it has, and changes nothing. h.pkg.update() before it makes the catalogue current.",
			Raises:  []string{raisesNoMatch, raisesNoPkg},
			Example: `local plan = h.pkg.plan("upgrade")` + "\n" + `log("%d packages, %d bytes to fetch", #plan.steps, plan.download)`,
		},
		{
			Name: "query", Kind: effect.Read, Call: Query, See: []string{"pkg-query(8)"},
			Doc:     "Prints packages in a format of one's own, and returns the lines.",
			Raises:  []string{`kind "failed": pkg does not understand the format or the condition`},
			Example: `for _, line in ipairs(h.pkg.query("%n %v", { where = "%a = 0" })) do log(line) end`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, See: []string{"pkg-delete(8)"},
			Doc:     "Removes packages. It stops where others that need them would go too, unless dependents=true or force=true says otherwise.",
			Raises:  []string{`kind "failed": other packages need them`, raisesLock, raisesRoot},
			Example: `h.pkg.remove{ "subversion" }`,
		},
		{
			Name: "repo.list", Kind: effect.Read, Call: ListRepos, See: []string{"pkg.conf(5)"},
			Doc:     "Lists the repositories that pkg knows, with variables such as ${ABI} resolved.",
			Raises:  []string{raisesNoPkg},
			Example: `for _, r in ipairs(h.pkg.repo.list()) do log("%s %s", r.name, r.url) end`,
		},
		{
			Name: "repo.put", Kind: effect.Change, Call: PutRepo, See: []string{"pkg.conf(5)", "pkg-repository(5)"},
			Doc:     "Describes a repository to pkg, in a file of its own under /usr/local/etc/pkg/repos. With enabled=false, and the name of a repository that comes with the system, that one is switched off.",
			Example: `h.pkg.repo.put("custom", "file:///usr/local/poudriere/data/packages/143amd64-default", { priority = 10 })`,
		},
		{
			Name: "search", Kind: effect.Read, Call: Search, See: []string{"pkg-search(8)", "pkg-rquery(8)"},
			Doc:     "Finds packages that the repositories offer, from the catalogue that pkg has.",
			Raises:  []string{raisesNoPkg},
			Example: `for _, p in ipairs(h.pkg.search("^postgresql.*-server")) do log("%s: %s", p.name, p.comment) end`,
		},
		{
			Name: "unlock", Kind: effect.Change, Call: Unlock, See: []string{"pkg-lock(8)"},
			Doc:     "Lets packages be changed again.",
			Raises:  []string{`kind "missing": the package is not installed`, raisesLock, raisesRoot},
			Example: `h.pkg.unlock{ "postgresql17-server" }`,
		},
		{
			Name: "update", Kind: effect.Change, Call: Update, See: []string{"pkg-update(8)"},
			Doc:     "Fetches the repositories' catalogues.",
			Raises:  []string{`kind "failed": a repository cannot be reached`, raisesRoot},
			Example: `h.pkg.update()`,
		},
		{
			Name: "upgrade", Kind: effect.Change, Call: Upgrade, See: []string{"pkg-upgrade(8)"},
			Doc: "Upgrades installed packages to what the repositories have. The catalogue is fetched first, so that in check mode the plan is unknown; " +
				"with refresh=false it is exact, and as old as the catalogue.",
			Raises:  []string{raisesLock, raisesRoot, `kind "failed": no space, or no network`},
			Example: `local done = h.pkg.upgrade()` + "\n" + `for _, s in ipairs(done.packages) do log("%s %s -> %s", s.name, s.old_version or "", s.version) end`,
		},
		{
			Name: "which", Kind: effect.Read, Call: Which, See: []string{"pkg-which(8)"},
			Doc:     "Tells which package has installed a file.",
			Example: `log(h.pkg.which("/usr/local/bin/git").name)`,
		},
	},
}
