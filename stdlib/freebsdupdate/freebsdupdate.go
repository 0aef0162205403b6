// Package freebsdupdate binds freebsd-update(8), which brings a system to its
// last patch level or to another release. It never asks: what the tool would
// put to a terminal is decided beforehand and given to it in a configuration
// file of our own, and local changes in /etc are merged here, as data.
//
// How far an upgrade is, is read from the tool's state files, which are the same
// in all its versions, and never from its texts, which are not.
package freebsdupdate

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesPkgbase = `kind "failed": the system comes from packages; h.pkgbase upgrades it`
	raisesServer  = `kind "failed": no server answers, or what it sends is not signed by the key`
	raisesRoot    = `kind "denied": only root may do this`
	raisesUsage   = `kind "invalid": this version of the tool has no such option`
	raisesSecure  = `kind "denied": kern.securelevel is above 0`
)

// Module is h.freebsd_update.
var Module = binding.Module{
	Name: "freebsd_update",
	Doc:  "FreeBSD's binary updates: patches and upgrades to another release, without questions, with local changes in /etc merged as data.",
	Funcs: []binding.Func{
		{
			Name: "config", Kind: effect.Read, Call: ReadConfig, See: []string{"freebsd-update.conf(5)"},
			Doc:     "Reads freebsd-update.conf, with the tool's defaults where it is silent.",
			Example: `log("updates come from %s", h.freebsd_update.config().server)`,
		},
		{
			Name: "fetch", Kind: effect.Change, Call: Fetch, See: []string{"freebsd-update(8)"},
			Doc: "Fetches the patches of the running release, for install. Runs as a job where the tool can do without a terminal (10 and later). " +
				"That the release has passed its end of life is told in eol and is no failure.",
			Raises:  []string{`kind "failed": an upgrade is half done; force=true fetches nevertheless`, raisesServer, raisesPkgbase},
			Example: `if h.freebsd_update.fetch().pending then h.freebsd_update.install() end`,
		},
		{
			Name: "ids", Kind: effect.Change, Call: CompareIDS, See: []string{"freebsd-update(8)"},
			Doc:     "Compares the system with the index of its release and lists what differs. It changes nothing but the tool's own working directory, into which the index is fetched.",
			Raises:  []string{raisesServer, raisesPkgbase},
			Example: `for _, d in ipairs(h.freebsd_update.ids().differences) do log("%s: %s is %s, should be %s", d.path, d.what, d.is, d.should) end`,
		},
		{
			Name: "install", Kind: effect.Change, Risk: effect.Disruptive, Call: Install, See: []string{"freebsd-update(8)"},
			Doc: "Installs what fetch or upgrade has prepared: one pass. An upgrade takes two or three: kernel (then reboot), world, and old shared libraries where there are any. " +
				"Runs as a job. Disruptive, since it replaces the running system and from 14 on restarts sshd; take a boot environment before. " +
				"It does nothing where nothing is prepared, and refuses to install the world before the host has booted the new kernel.",
			Raises:  []string{raisesRoot, raisesSecure, `kind "failed": the new kernel is installed and not booted yet`, raisesPkgbase},
			Example: "repeat\n  local pass = h.freebsd_update.install()\n  if pass.reboot_needed then h:reboot() end\nuntil pass.finished",
		},
		{
			Name: "merge", Kind: effect.Change, Call: Merge, See: []string{"freebsd-update(8)", "diff3(1)"},
			Doc: "Merges what changed between the releases into the files of /etc that were changed locally; upgrade has put the texts of both releases aside. " +
				"Call it after the install pass that brought the world. Where both changed the same lines, the policy decides: keep leaves the local lines, take the new ones, script asks editor. " +
				"Accounts and groups are merged by name: local ones stay, new system ones are added. " +
				"Never taken over local lines: master.passwd, group, login.conf, sshd_config, fstab, rc.conf, pf.conf, sudoers, doas.conf. " +
				"No file ever gets conflict markers. Databases made of these files are rebuilt. A second call finds nothing left to merge.",
			Raises:  []string{`kind "failed": no upgrade has put texts aside`, raisesRoot},
			Example: "local done = h.freebsd_update.merge()\nfor _, f in ipairs(done.files) do log(\"%s: %s\", f.path, f.how) end",
		},
		{
			Name: "patch_integrity_check", Kind: effect.Change, Call: PatchIntegrityCheck, See: []string{"freebsd-update(8)"},
			Doc: "Lets the freebsd-update of 8.x accept the paths that releases since 9.0 have: its check of the signed metadata knows neither % nor @. " +
				"Only where that is so the script is changed, and a copy is kept.",
			Raises:  []string{raisesRoot},
			Example: `h.freebsd_update.patch_integrity_check()`,
		},
		{
			Name: "progress", Kind: effect.Read, Call: ReadProgress, See: []string{"freebsd-update(8)"},
			Doc: "Tells from the tool's state files how far an update is. phase is none, fetched (patches), upgrade_fetched, kernel_done (reboot, then install) " +
				"or world_done (renew packages, then install).",
			Raises:  []string{raisesRoot},
			Example: `if h.freebsd_update.progress().phase == "kernel_done" then log("an upgrade is half done") end`,
		},
		{
			Name: "rollback", Kind: effect.Change, Risk: effect.Disruptive, Call: Rollback, See: []string{"freebsd-update(8)"},
			Doc: "Uninstalls what was installed last, and forgets what was fetched and not installed. Runs as a job. " +
				"It does not bring back files of /etc that merge changed: their copies are in the directory that merge names.",
			Raises:  []string{`kind "missing": there is nothing to roll back`, raisesRoot, raisesSecure, raisesPkgbase},
			Example: `h.freebsd_update.rollback()`,
		},
		{
			Name: "updates_ready", Kind: effect.Read, Call: UpdatesReady, See: []string{"freebsd-update(8)"},
			Doc:     "Tells whether something is prepared for install. It reads state files, so that it works where the tool has no such command.",
			Raises:  []string{raisesRoot},
			Example: `if h.freebsd_update.updates_ready() then h.freebsd_update.install() end`,
		},
		{
			Name: "upgrade", Kind: effect.Change, Call: Upgrade, See: []string{"freebsd-update(8)", "freebsd-update.conf(5)"},
			Doc: "Fetches all that the upgrade to another release needs, and installs nothing. Runs as jobs, which a lost connection does not end, and without any question: " +
				"the components are those that the tool itself would find installed, and files that were changed locally are left alone, their texts in both releases put aside for merge. " +
				"An upgrade to the same release that is fetched already is adopted.",
			Raises: []string{
				`kind "failed": another upgrade is half done`,
				`kind "failed": the release has no kernel like the running one`,
				`kind "missing": the server has no such release`,
				raisesServer, raisesUsage, raisesPkgbase,
			},
			Example: `local up = h.freebsd_update.upgrade("14.3-RELEASE", { merge = "keep" })` + "\n" + `log("%d files to merge", #up.merges)`,
		},
	},
}
