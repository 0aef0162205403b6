---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---FreeBSD's binary updates: patches and upgrades to another release, without questions, with local changes in /etc merged as data.
---@class h.freebsd_update
local freebsd_update = {}

---Reads freebsd-update.conf, with the tool's defaults where it is silent.
---@param options? freebsd_update.config.options
---@return freebsd_update.Config
function freebsd_update.config(options) end

---Fetches the patches of the running release, for install. Runs as a job where the tool can do without a terminal (10 and later). That the release has passed its end of life is told in eol and is no failure.
---@param options? freebsd_update.fetch.options
---@return freebsd_update.Fetched
function freebsd_update.fetch(options) end

---Compares the system with the index of its release and lists what differs. It changes nothing but the tool's own working directory, into which the index is fetched.
---@param options? freebsd_update.ids.options
---@return freebsd_update.Compared
function freebsd_update.ids(options) end

---Installs what fetch or upgrade has prepared: one pass. An upgrade takes two or three: kernel (then reboot), world, and old shared libraries where there are any. Runs as a job. Disruptive, since it replaces the running system and from 14 on restarts sshd; take a boot environment before. It does nothing where nothing is prepared, and refuses to install the world before the host has booted the new kernel.
---@param options? freebsd_update.install.options
---@return freebsd_update.Installed
function freebsd_update.install(options) end

---Merges what changed between the releases into the files of /etc that were changed locally; upgrade has put the texts of both releases aside. Call it after the install pass that brought the world. Where both changed the same lines, the policy decides: keep leaves the local lines, take the new ones, script asks editor. Accounts and groups are merged by name: local ones stay, new system ones are added. Never taken over local lines: master.passwd, group, login.conf, sshd_config, fstab, rc.conf, pf.conf, sudoers, doas.conf. No file ever gets conflict markers. Databases made of these files are rebuilt. A second call finds nothing left to merge.
---@param policy? "keep"|"take"|"script" whose lines count where both sides changed them; default: as upgrade was told
---@param options? freebsd_update.merge.options
---@return freebsd_update.Merged
---@overload fun(arguments: freebsd_update.merge.arguments): freebsd_update.Merged
function freebsd_update.merge(policy, options) end

---Lets the freebsd-update of 8.x accept the paths that releases since 9.0 have: its check of the signed metadata knows neither % nor @. Only where that is so the script is changed, and a copy is kept.
---@param options? freebsd_update.patch_integrity_check.options
---@return freebsd_update.Patched
function freebsd_update.patch_integrity_check(options) end

---Tells from the tool's state files how far an update is. phase is none, fetched (patches), upgrade_fetched, kernel_done (reboot, then install) or world_done (renew packages, then install).
---@param options? freebsd_update.progress.options
---@return freebsd_update.Progress
function freebsd_update.progress(options) end

---Uninstalls what was installed last, and forgets what was fetched and not installed. Runs as a job. It does not bring back files of /etc that merge changed: their copies are in the directory that merge names.
---@param options? freebsd_update.rollback.options
---@return freebsd_update.RolledBack
function freebsd_update.rollback(options) end

---Tells whether something is prepared for install. It reads state files, so that it works where the tool has no such command.
---@param options? freebsd_update.updates_ready.options
---@return boolean
function freebsd_update.updates_ready(options) end

---Fetches all that the upgrade to another release needs, and installs nothing. Runs as jobs, which a lost connection does not end, and without any question: the components are those that the tool itself would find installed, and files that were changed locally are left alone, their texts in both releases put aside for merge. An upgrade to the same release that is fetched already is adopted.
---@param to string release: 14.3-RELEASE; 14.3 means the same
---@param options? freebsd_update.upgrade.options
---@return freebsd_update.Upgraded
---@overload fun(arguments: freebsd_update.upgrade.arguments): freebsd_update.Upgraded
function freebsd_update.upgrade(to, options) end

---@class freebsd_update.config.options
---@field file? string the file ("/etc/freebsd-update.conf" by default)

---@class freebsd_update.Config
---@field key string SHA-256 of the key that signs updates
---@field server string server or pool of servers
---@field components string[] parts of the system that are kept up to date
---@field strict_components boolean those exactly, installed or not
---@field ignore_paths string[] beginnings of paths that are never updated
---@field ids_ignore_paths string[] beginnings of paths that ids passes over
---@field update_if_unmodified string[] beginnings of paths below which local changes are kept
---@field merge_changes string[] beginnings of paths below which an upgrade merges local changes
---@field allow_add boolean new files may be added
---@field allow_delete boolean files may be removed
---@field keep_modified_metadata boolean owners and modes that were changed locally stay
---@field backup_kernel boolean the former kernel is kept
---@field backup_kernel_dir string where
---@field create_boot_env boolean install makes a boot environment first, where the tool knows how (14 and later)
---@field basedir string root of the system
---@field workdir string where the tool keeps its state
---@field mail_to string who hears of cron

---@class freebsd_update.fetch.options
---@field force? boolean also where an upgrade is half done (-F), which forgets that upgrade
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)
---@field server? string server or pool of servers (-s)
---@field key? string SHA-256 of the key that signs, in hex (-k)
---@field components? string[] parts of the system, as Components of freebsd-update.conf has them
---@field currently_running? string take this release for the running one (--currently-running)
---@field timeout? number for each job; 0: none

---@class freebsd_update.Fetched
---@field changed boolean something was fetched that was not prepared before, or in check mode may be
---@field pending boolean install has something to do
---@field to string release with patch level: 14.3-RELEASE-p2
---@field eol boolean the release has passed its end of life: there will be no more patches
---@field warnings string[] what the tool warned of
---@field added string[] paths that are added
---@field updated string[] paths that are updated
---@field removed string[] paths that are removed
---@field kept string[] paths that are left alone because they were changed locally

---@class freebsd_update.ids.options
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)
---@field server? string server or pool of servers (-s)
---@field key? string SHA-256 of the key that signs, in hex (-k)
---@field components? string[] parts of the system, as Components of freebsd-update.conf has them
---@field currently_running? string take this release for the running one (--currently-running)
---@field timeout? number for each job; 0: none

---@class freebsd_update.Difference
---@field path string
---@field what "type"|"owner"|"group"|"mode"|"hash"|"target" type, owner, group, mode, hash or target (of a link)
---@field is string
---@field should string a file that was patched has more than one right value, each listed

---@class freebsd_update.Compared
---@field changed boolean always false: nothing of the system is changed
---@field release string release that the system was compared with
---@field differences freebsd_update.Difference[]

---@class freebsd_update.install.options
---@field booted? boolean the new kernel runs already; default: looked up, and taken for granted in jails and under another root
---@field timeout? number 0: none
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)

---@class freebsd_update.Installed
---@field changed boolean something was, or in check mode would be, installed
---@field before string phase before, as progress has it
---@field phase string phase after
---@field reboot_needed boolean the new kernel is installed: reboot, then install again
---@field packages_first boolean old shared libraries go with the next pass: renew packages before it
---@field finished boolean nothing is left to install
---@field kernel_changed boolean files below /boot were among what was installed; after patches, reboot
---@field boot_environment string that the tool made before (14 and later); empty: none
---@field sshd_restarted boolean the tool has restarted sshd

---@class freebsd_update.merge.options
---@field editor? string[] command on the host for policy script; it is given four paths: local, old, new, result
---@field skip? string[] paths to leave as they are
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)

---@class freebsd_update.merge.arguments
---@field policy? "keep"|"take"|"script" whose lines count where both sides changed them; default: as upgrade was told
---@field editor? string[] command on the host for policy script; it is given four paths: local, old, new, result
---@field skip? string[] paths to leave as they are
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)

---@class freebsd_update.Conflict
---@field line integer where it begins in the file as it was, from 1
---@field local string the local lines
---@field old string those of the old release
---@field new string those of the new one
---@field took "local"|"new"|"editor" whose lines are there now

---@class freebsd_update.MergedFile
---@field path string
---@field how "merged"|"same"|"new"|"kept"|"edited"|"skipped"|"obsolete" merged; same: nothing to do; new: as the new release has it; kept: left as it was; edited: by the editor; skipped; obsolete: the new release has it no more, and it was left
---@field changed boolean
---@field conflicts freebsd_update.Conflict[] places where both sides had changed the same lines
---@field diff? string what was changed, as a unified difference; empty where only root may read the file
---@field note? string what a person should know

---@class freebsd_update.Merged
---@field changed boolean files were, or in check mode would be, changed
---@field files freebsd_update.MergedFile[] every file that was looked at, sorted by path
---@field conflicts integer places where both sides had changed the same lines
---@field rebuilt string[] databases that were made anew: /etc/spwd.db, /etc/login.conf.db, /etc/mail/aliases.db, /var/db/services.db
---@field backup? string directory with copies of the changed files as they were

---@class freebsd_update.patch_integrity_check.options
---@field backup? string where the former script is kept ("/usr/sbin/freebsd-update.orig" by default)

---@class freebsd_update.Patched
---@field changed boolean the script was, or in check mode would be, changed
---@field backup? string copy of the former script, where it was changed

---@class freebsd_update.progress.options
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)

---@class freebsd_update.Progress
---@field phase "none"|"fetched"|"upgrade_fetched"|"kernel_done"|"world_done" none, fetched, upgrade_fetched, kernel_done or world_done
---@field from? string release that is upgraded, where upgrade of this module fetched it
---@field to? string release that is upgraded to, or patched; without its patch level
---@field patch integer patch level that install leads to
---@field merges boolean texts are put aside for merge
---@field rollback boolean there is something that rollback would uninstall
---@field damaged boolean the state files are incomplete; upgrade or fetch again

---@class freebsd_update.rollback.options
---@field timeout? number 0: none
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)

---@class freebsd_update.RolledBack
---@field changed boolean something was, or in check mode would be, uninstalled
---@field more boolean an earlier update could be uninstalled too
---@field reboot_needed boolean files below /boot were among them

---@class freebsd_update.updates_ready.options
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)

---@class freebsd_update.upgrade.options
---@field merge? "keep"|"take"|"script" whose lines merge takes where both sides changed them, unless it is told otherwise ("keep" by default)
---@field editor? string[] command on the host for merge="script"; it is given four paths: local, old, new, result
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)
---@field server? string server or pool of servers (-s)
---@field key? string SHA-256 of the key that signs, in hex (-k)
---@field components? string[] parts of the system, as Components of freebsd-update.conf has them
---@field currently_running? string take this release for the running one (--currently-running)
---@field timeout? number for each job; 0: none

---@class freebsd_update.upgrade.arguments
---@field to string release: 14.3-RELEASE; 14.3 means the same
---@field merge? "keep"|"take"|"script" whose lines merge takes where both sides changed them, unless it is told otherwise ("keep" by default)
---@field editor? string[] command on the host for merge="script"; it is given four paths: local, old, new, result
---@field basedir? string the system under this directory (-b); default: the host
---@field jail? string this running jail, by name (-j)
---@field config? string configuration file (-f) ("/etc/freebsd-update.conf" by default)
---@field server? string server or pool of servers (-s)
---@field key? string SHA-256 of the key that signs, in hex (-k)
---@field components? string[] parts of the system, as Components of freebsd-update.conf has them
---@field currently_running? string take this release for the running one (--currently-running)
---@field timeout? number for each job; 0: none

---@class freebsd_update.Candidate
---@field path string
---@field what "changed"|"added"|"removed" changed: in both; added: only the new release has it, and it was there; removed: the new release has it no more

---@class freebsd_update.KernelModule
---@field module string
---@field package string
---@field port string

---@class freebsd_update.Upgraded
---@field changed boolean the upgrade was, or in check mode would be, fetched
---@field from string release that is upgraded
---@field to string release that install leads to
---@field adopted boolean the same upgrade had been fetched before
---@field done boolean the system has this release already: there is nothing to upgrade
---@field components string[] parts of the system that are upgraded
---@field merges freebsd_update.Candidate[] files with local changes that merge will look at
---@field modules freebsd_update.KernelModule[] kernel modules of packages, which the new kernel may not load before they are renewed (told from 14 on)
---@field warnings string[] what the tool warned of, and what this module does of itself
---@field added string[] paths that are added
---@field updated string[] paths that are updated
---@field removed string[] paths that are removed
---@field kept string[] paths that are left alone because they were changed locally
