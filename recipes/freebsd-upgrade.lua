--- Upgrades FreeBSD to another release with freebsd-update, with a way back wherever there can be one.
---
--- Checks the host, makes a boot environment, brings the release to its last patch
--- level, installs the new kernel, renews the boot code on every disk, reboots,
--- installs the new world, merges /etc, renews packages, reboots again and sees that
--- all that ran before runs. Before each reboot it makes sure that one can log in
--- afterwards. Pools are upgraded only with upgrade_pools=true and leave for what
--- cannot be undone. Several hosts: --batch 1 rolls, and stops at the first that fails.

local pools = require("pools")
local services = require("services")
local space = require("space")
local way_back = require("way_back")
local way_in = require("way_in")

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD", root = true },
  sim = "freebsd-14.3-zfs-mirror-uefi",
  params = {
    to = { type = "string", required = true, pattern = "[0-9]+[.][0-9]+(-(RELEASE|BETA[0-9]+|RC[0-9]+))?", doc = "release to upgrade to, such as 15.0-RELEASE" },
    merge = { type = "string", enum = { "keep", "take", "script" }, default = "keep", doc = "files of /etc that both you and the release changed: keep your lines, take the release's (never for accounts, sshd_config, rc.conf and the like), or ask editor" },
    editor = { type = "list", doc = "command on the host for merge=script; it is given four paths: local, old, new, result" },
    packages = { type = "string", enum = { "auto", "pkg", "portmaster", "compat", "none" }, default = "auto", doc = "how packages are renewed after a new major release: pkg upgrade -f; portmaster -aPf; old libraries alone (misc/compatNx); not at all. auto: what the host has" },
    half_done = { type = "string", enum = { "adopt", "refuse" }, default = "adopt", doc = "an upgrade to the same release that was begun before: go on with it, or stop" },
    boot_environment = { type = "string", pattern = "[A-Za-z0-9._-]+", doc = "name of the boot environment to go back to; default: before-RELEASE" },
    upgrade_pools = { type = "boolean", default = false, doc = "upgrade pools and file systems at the end, where the boot code reads them; older systems cannot read them any more, so this needs --allow irreversible" },
    server = { type = "string", doc = "server of freebsd-update; default: as freebsd-update.conf has it" },
    key = { type = "string", pattern = "[0-9a-f]{64}", doc = "SHA-256 of the key that signs updates; default: as freebsd-update.conf has it" },
    components = { type = "list", doc = "parts of the system to upgrade; default: as freebsd-update.conf has them" },
    max_scrub_age = { type = "duration", default = "840h", doc = "refuse when a pool of the root was last read as a whole longer ago than this; 0: never mind" },
    free = { type = "number", default = 3, doc = "GiB that must be free for /boot, /usr and the update's working directory" },
    within = { type = "duration", default = "30m", doc = "how long the host may take to come back from a reboot" },
  },
  example = { to = "15.0-RELEASE" },
}

local function major(release) return version.release(release).major end

--- The same release, whatever the patch level.
local function same(a, b)
  a, b = version.release(a), version.release(b)
  return a.major == b.major and a.minor == b.minor and a.branch == b.branch
end

local function options(p, more)
  local o = { server = p.server, key = p.key, components = p.components }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

--- Refuses hosts that this procedure is not for.
local function check_kind(h)
  if h.pkgbase.is() then
    fail{
      message = "the base system of this host comes from packages: freebsd-update cannot upgrade it",
      hint = "h.pkgbase.upgrade does, by pkg: bsdrun doc pkgbase.upgrade",
    }
  end
  if h.facts.jailed then
    fail{ message = "the host is a jail: it has no kernel and no boot code", hint = "freebsd_update.upgrade with jail= or basedir= upgrades a jail from its host" }
  end
  local level = tonumber(h:read{ "sysctl", "-n", "kern.securelevel" }.stdout)
  if level > 0 then
    fail{ message = ("kern.securelevel is %d: files with flags cannot be replaced"):format(level), hint = "set kern_securelevel_enable=NO in rc.conf, reboot, and run again" }
  end
  local ident = h:read{ "uname", "-i" }.stdout:gsub("%s+$", "")
  if ident ~= "GENERIC" then
    fail{ message = ("the kernel is %s, not GENERIC: freebsd-update has no such kernel"):format(ident), hint = "install and boot GENERIC, or upgrade from source" }
  end
end

--- Which way the host goes: from where, to where, and how far it is already.
local function check_releases(h, p, to)
  local progress = h.freebsd_update.progress()
  local underway = progress.phase ~= "none" and progress.phase ~= "fetched"
  if underway and (p.half_done == "refuse" or progress.to and not same(progress.to, to)) then
    fail{
      message = ("an upgrade to %s is half done (%s)"):format(progress.to or "another release", progress.phase),
      hint = "finish it: run with to= that release and half_done=adopt; or take it back: freebsd_update.rollback",
    }
  end
  local from = underway and progress.from or h.facts.userland or h.facts.release
  if not underway and same(h.facts.version, to) and same(from, to) then
    return { done = true, from = from, phase = progress.phase }
  end
  if version.compare(from, to) > 0 then
    fail{ message = ("%s is older than %s, which the host has"):format(to, from), hint = "freebsd-update goes forward only; bectl activate goes back to an older environment" }
  end
  local booted = underway and progress.phase ~= "upgrade_fetched" and same(h.facts.version, to)
  return { done = false, underway = underway, phase = progress.phase, booted = booted, from = from }
end

--- The state of the root's pool: nothing is begun on a pool that is not well.
local function check_pool(h, p, warnings)
  local root = h.facts.root.pool
  for _, pool in ipairs(h.facts.has_zfs and h.zpool.list() or {}) do
    local status = h.zpool.status(pool.name)
    local problems = table.concat(status.problems, "; ")
    if problems ~= "" and pool.name == root then
      fail{ message = ("pool %s is not well: %s"):format(root, problems), hint = "mend it first (zpool status -v): an upgrade needs all its disks, and both halves of a mirror to boot from" }
    elseif problems ~= "" then
      warnings[#warnings + 1] = ("pool %s is not well: %s"):format(pool.name, problems)
    end
    local age = pool.name == root and p.max_scrub_age > 0 and time.between(pools.last_read(h, status), time.now())
    if age and age > p.max_scrub_age then
      fail{ message = ("pool %s was last read as a whole %s ago"):format(root, time.duration(age)), hint = "scrub it first (bsdrun pool-health -p scrub=true), or give max_scrub_age=0" }
    end
  end
end

--- Kernel modules that did not come with the release: a new kernel may not load
--- them, or not survive it.
local function check_modules(h, warnings)
  for _, file in ipairs(h.kld.list()) do
    if file.path and not file.path:match("^/boot/kernel/") then
      warnings[#warnings + 1] = ("the kernel module %s is not of the release: renew it with the packages, and keep it from loading at boot until then if it is of a graphics or file system driver"):format(file.path)
    end
  end
end

--- How packages are renewed: after a new major release those of the old one need
--- libraries that the last pass removes.
local function means(h, p, from, to)
  if p.packages ~= "auto" then return p.packages end
  if major(from) == major(to) then return "none" end
  if h.facts.packages ~= "" then return "pkg" end
  return h.file.exists("/usr/local/sbin/portmaster") and "portmaster" or "none"
end

local function check_host(h, p, to)
  check_kind(h)
  local start = check_releases(h, p, to)
  start.to, start.warnings, start.zfs = to, {}, h.facts.has_zfs
  start.notes = ("https://www.FreeBSD.org/releases/%sR/relnotes/"):format(to:match("^[%d.]+"))
  if start.done then return start end
  check_pool(h, p, start.warnings)
  space.for_updates(h, p.free)
  check_modules(h, start.warnings)
  local boot = h.boot.plan()
  for _, problem in ipairs(boot.problems) do start.warnings[#start.warnings + 1] = problem end
  start.disks = {}
  for i, disk in ipairs(boot.disks) do start.disks[i] = disk.name end
  for _, jail in ipairs(h.facts.jails) do
    start.warnings[#start.warnings + 1] = ("jail %s keeps its own userland: upgrade it afterwards"):format(jail)
  end
  start.packages = means(h, p, start.from, to)
  start.way_in = way_in.look(h)
  start.services = services.running(h)
  start.way_back = way_back.plan(h, "before-" .. to, p.boot_environment, start.underway)
  log("%s to %s; read %s first", start.from, to, start.notes)
  log("%s", start.way_back.text)
  log("packages: %s", start.packages == "none" and "left as they are" or "renewed by " .. start.packages)
  for _, warning in ipairs(start.warnings) do log("%s", warning) end
  return start
end

--- Keeps what one needs to repair a host that does not boot, on the host and in
--- the journal.
local function save(h, start)
  local folder = "/var/backups/before-" .. start.to
  local saved = {}
  h.file.mkdir(folder, { mode = "0700" })
  for _, disk in ipairs(start.disks) do
    saved["gpart." .. disk] = h.gpart.backup(disk).text
    h.file.put(folder .. "/gpart." .. disk, saved["gpart." .. disk])
  end
  if h.file.exists("/boot/loader.conf") then
    saved["loader.conf"] = h.file.read("/boot/loader.conf")
    h.file.put(folder .. "/loader.conf", saved["loader.conf"])
  end
  return { folder = folder, saved = saved }
end

--- Brings the running release to its last patch level. An upgrade under way is
--- past that.
local function patch(h, p, start)
  if start.underway then skip("an upgrade is under way") end
  local fetched = h.freebsd_update.fetch(options(p))
  if fetched.eol then log("%s has passed its end of life", start.from) end
  if not fetched.pending then return { changed = false, to = fetched.to } end
  h.freebsd_update.install()
  return { changed = true, to = fetched.to }
end

local function fetch(h, p, start)
  if start.from:match("^8%.") then h.freebsd_update.patch_integrity_check() end
  local up = h.freebsd_update.upgrade(start.to, options(p, { merge = p.merge, editor = p.editor }))
  for _, module in ipairs(up.modules) do log("kernel module %s comes from %s: it is renewed with the packages", module.module, module.package) end
  for _, warning in ipairs(up.warnings) do log("%s", warning) end
  return { merges = up.merges, removed = up.removed, modules = up.modules, components = up.components }
end

--- The pass that brings the kernel and /boot, unless it was made before.
local function install_kernel(h, start)
  if start.phase == "kernel_done" or start.phase == "world_done" then skip("it was installed before") end
  local pass = h.freebsd_update.install()
  return { phase = pass.phase, boot_environment = pass.boot_environment }
end

local function reboot(h, p, start)
  log("the host reboots. Should it not come back: %s", start.way_back.text)
  return h:reboot{ within = p.within }
end

--- After a reboot: is the new kernel there, in the environment that was meant?
local function verify_kernel(h, start)
  local confirmed = way_back.confirm(h, start.way_back)
  if not same(h.facts.version, start.to) then
    fail{
      message = ("the host runs %s, not the kernel of %s"):format(h.facts.version, start.to),
      hint = "see at its console why the loader took another kernel; boot the new one and resume",
      resumable = true,
    }
  end
  return { version = h.facts.version, changed = confirmed.changed }
end

local function install_world(h, start)
  if start.phase == "world_done" then skip("it was installed before") end
  local pass = h.freebsd_update.install()
  return { finished = pass.finished, packages_first = pass.packages_first, boot_environment = pass.boot_environment }
end

--- Merges /etc; the differences of every file are in the result.
local function merge(h, p, fetched)
  if #fetched.merges == 0 then skip("no file of /etc that was changed here changes with the release") end
  return h.freebsd_update.merge(p.merge, { editor = p.editor })
end

local function renew_packages(h, start)
  local how = start.packages
  if how == "none" then skip("packages stay as they are") end
  if how == "pkg" then
    h.pkg.bootstrap{ force = true }
    return { how = how, packages = h.pkg.upgrade{ force = true }.packages }
  elseif how == "portmaster" then
    return { how = how, actions = h.ports.portmaster{ all = true, packages = "first", force = true }.actions }
  end
  return { how = how, package = h.ports.install(("misc/compat%dx"):format(major(start.from))).package }
end

--- The passes after the world's: old files, and old shared libraries once nothing
--- that a login needs wants them any more.
local function finish(h, start, fetched)
  local needing = way_in.needing(h, start.way_in, fetched.removed)
  if #needing > 0 then
    fail{
      message = "the last pass would remove libraries that a login needs: " .. table.concat(needing, "; "),
      hint = "renew those packages on the host, or install the compatibility libraries (misc/compatNx), then resume",
      resumable = true,
    }
  end
  local passes = 0
  while h.freebsd_update.progress().phase ~= "none" do
    h.freebsd_update.install()
    passes = passes + 1
    if passes > 3 then fail{ message = "freebsd-update does not come to an end", hint = "see freebsd_update.progress on the host" } end
  end
  return { passes = passes, changed = passes > 0 }
end

--- All that ran before runs, on the new release throughout.
local function verify(h, start)
  local facts = h.facts
  local now = { version = facts.version, kernel = facts.kernel, userland = facts.userland }
  for what, release in pairs(now) do
    if not same(release, start.to) then fail{ message = ("the %s is %s, not %s"):format(what, release, start.to), resumable = true } end
  end
  now.services = services.verify(h, start.services)
  if facts.root.pool then
    local problems = h.zpool.status(facts.root.pool).problems
    if #problems > 0 then fail{ message = ("pool %s: %s"):format(facts.root.pool, table.concat(problems, "; ")), resumable = true } end
  end
  return now
end

--- Pools and file systems, where the boot code surely reads them afterwards. What
--- this makes impossible is said before; leave for it is asked by each change.
local function upgrade_pools(h)
  local done = { pools = {}, warnings = {}, changed = false }
  for _, pool in ipairs(h.boot.upgradable()) do
    if pool.needed and not pool.safe then
      fail{
        message = ("after zpool upgrade %s the host would not start: %s"):format(pool.pool, table.concat(pool.reasons, "; ")),
        hint = "renew the boot code on every disk first (boot.update), then resume",
        resumable = true,
      }
    elseif pool.needed then
      for _, warning in ipairs(pool.warnings) do
        log("%s: %s", pool.pool, warning)
        done.warnings[#done.warnings + 1] = warning
      end
      done.changed = h.zpool.upgrade(pool.pool).changed or done.changed
      done.pools[#done.pools + 1] = pool.pool
    end
  end
  done.file_systems = h.zfs.upgrade{ all = true }.upgraded
  return done
end

--- What an upgrade of pools and file systems would bring, and whether it is safe:
--- it is not done unasked.
local function upgradable(h)
  local found = { pools = {}, file_systems = {} }
  for _, pool in ipairs(h.boot.upgradable()) do
    if pool.needed then
      found.pools[#found.pools + 1] = { pool = pool.pool, version = pool.version, features = pool.pending, safe = pool.safe, reasons = pool.reasons }
    end
  end
  for i, dataset in ipairs(h.zfs.upgrade().old) do found.file_systems[i] = dataset.name end
  if #found.pools + #found.file_systems > 0 then log("pools or file systems are of an older format: upgrade_pools=true upgrades them, for good") end
  return found
end

function recipe.run(h, p)
  local to = p.to:match("-") and p.to or p.to .. "-RELEASE"
  local start = step("Check the host", function() return check_host(h, p, to) end)
  local result = { from = start.from, to = to, notes = start.notes, warnings = start.warnings }
  if not start.done then
    result.way_back = start.way_back.text
    result.backup = step("Save the partition tables and loader.conf", function() return save(h, start) end)
    step("Make a way back", function() return way_back.make(h, start.way_back) end)
    result.patched = step("Bring the release to its last patch level", function() return patch(h, p, start) end)
    local fetched = step("Fetch the upgrade", function() return fetch(h, p, start) end)
    step("Install the new kernel", function() return install_kernel(h, start) end)
    result.boot_code = step("Renew the boot code on every disk", function() return h.boot.update() end)
    if not start.booted then
      step("Check the way in", function() return way_in.check(h, start.way_in) end)
      step("Let the next boot alone be the new system's", function() return way_back.arm(h, start.way_back) end)
      step("Reboot into the new kernel", function() return reboot(h, p, start) end)
    end
    step("Verify the kernel", function() return verify_kernel(h, start) end)
    step("Install the new world", function() return install_world(h, start) end)
    result.merged = step("Merge the configuration", function() return merge(h, p, fetched) end)
    step("Check the way in", { key = "after the merge" }, function() return way_in.check(h, start.way_in) end)
    result.packages = step("Renew the packages", function() return renew_packages(h, start) end)
    step("Remove what is left of the old release", function() return finish(h, start, fetched) end)
    step("Check the way in", { key = "before the last reboot" }, function() return way_in.check(h, start.way_in) end)
    step("Let the next boot alone be the new system's", { key = "last" }, function() return way_back.arm(h, start.way_back) end)
    step("Reboot into the new release", function() return reboot(h, p, start) end)
    step("Verify the kernel", { key = "last" }, function() return verify_kernel(h, start) end)
    result.now = step("Verify the release and the services", function() return verify(h, start) end)
  end
  if not start.zfs then return result end
  if p.upgrade_pools then
    result.pools = step("Upgrade pools and file systems", function() return upgrade_pools(h) end)
  else
    result.upgradable = step("See which pools and file systems could be upgraded", function() return upgradable(h) end)
  end
  return result
end

function recipe.undo(h, p, steps)
  local pools = steps["Upgrade pools and file systems"]
  if pools and pools.changed then fail{ message = "pools were upgraded: the old system may not be able to read them", hint = "there is no way back but a backup" } end
  return way_back.take(h, steps["Check the host"], p.within)
end

return recipe
