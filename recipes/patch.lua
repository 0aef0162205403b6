--- Brings hosts to the last patch level of the release they run, and reboots those whose kernel changed.
---
--- Fetches and installs patches with freebsd-update, or by pkg where the base system
--- comes from packages. Before that a boot environment is made where there can be one;
--- a new kernel that does not come up goes back to it by itself. Before a reboot it
--- makes sure that one can log in afterwards, and at the end that all runs that ran
--- before. Several hosts: --batch 1 rolls, and stops at the first that fails.

local services = require("services")
local space = require("space")
local way_back = require("way_back")
local way_in = require("way_in")

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD", root = true },
  sim = "freebsd-14.3-zfs-mirror-uefi",
  params = {
    reboot = { type = "string", enum = { "auto", "never" }, default = "auto", doc = "reboot when the installed kernel is another than the running one, or leave that to you" },
    boot_environment = { type = "boolean", default = true, doc = "make a boot environment of the unpatched system first, where the host has any" },
    packages = { type = "boolean", default = false, doc = "upgrade all other packages, too" },
    server = { type = "string", doc = "server of freebsd-update; default: as freebsd-update.conf has it" },
    key = { type = "string", pattern = "[0-9a-f]{64}", doc = "SHA-256 of the key that signs patches; default: as freebsd-update.conf has it" },
    free = { type = "number", default = 1, doc = "GiB that must be free for /boot, /usr and the working directory of freebsd-update" },
    within = { type = "duration", default = "30m", doc = "how long the host may take to come back from a reboot" },
  },
}

--- Refuses hosts that this procedure is not for; returns what is fetched already.
local function check_kind(h, pkgbase)
  if h.facts.jailed then
    fail{ message = "the host is a jail: its kernel is its host's", hint = "freebsd_update.fetch and install with jail= patch a jail from its host" }
  end
  if pkgbase then return nil end
  local progress = h.freebsd_update.progress()
  if progress.phase == "none" then return nil end
  if progress.phase ~= "fetched" then
    fail{
      message = ("an upgrade to %s is half done (%s): patches would replace it"):format(progress.to or "another release", progress.phase),
      hint = "finish it with the recipe freebsd-upgrade, or take it back: freebsd_update.rollback",
    }
  end
  return progress
end

--- The way back to the system as it is. Without a boot environment there is that of
--- the tool.
local function plan_way_back(h, p, start)
  local plan = p.boot_environment and way_back.plan(h, start.from)
  if plan and plan.kind == "environment" then return plan end
  return {
    kind = "none", automatic = false,
    text = "there is no boot environment and so no automatic way back" .. (start.pkgbase and "" or "; freebsd-update rollback uninstalls what was installed last"),
  }
end

local function check_host(h, p)
  local pkgbase = h.pkgbase.is()
  local prepared = check_kind(h, pkgbase)
  space.for_updates(h, p.free)
  local facts = h.facts
  local start = {
    pkgbase = pkgbase, from = facts.userland or facts.version, running = facts.version, warnings = {},
    way_in = way_in.look(h), services = services.running(h),
  }
  start.way_back = plan_way_back(h, p, start)
  for _, jail in ipairs(facts.jails) do
    start.warnings[#start.warnings + 1] = ("jail %s keeps its own userland: patch it afterwards"):format(jail)
  end
  log("%s, kernel %s; patches come %s", start.from, start.running, pkgbase and "as packages" or "by freebsd-update")
  if prepared then log("patches up to %s-p%d are fetched already", prepared.to, prepared.patch) end
  if facts.kernel and facts.kernel ~= facts.version then log("%s is installed and waits for a reboot", facts.kernel) end
  log("a new kernel is %s", p.reboot == "auto" and "booted at once" or "installed and not booted")
  log("%s", start.way_back.text)
  for _, warning in ipairs(start.warnings) do log("%s", warning) end
  return start
end

--- What there is to install.
local function look(h, p, start)
  local found = { packages = 0 }
  if start.pkgbase or p.packages then h.pkg.update() end
  if start.pkgbase then
    found.pending = #h.pkgbase.plan().steps > 0
  else
    local fetched = h.freebsd_update.fetch{ server = p.server, key = p.key }
    found.pending, found.to, found.eol = fetched.pending, fetched.to, fetched.eol
    if found.eol then log("%s has passed its end of life: there will be no more patches, upgrade it", start.from) end
    for _, warning in ipairs(fetched.warnings) do log("%s", warning) end
    for _, path in ipairs(fetched.kept) do log("%s was changed here and is left alone", path) end
  end
  if p.packages then found.packages = #h.pkg.plan("upgrade").steps end
  return found
end

local function make_way_back(h, start, found)
  if not found.pending and found.packages == 0 then skip("the host is up to date") end
  if start.way_back.kind == "none" then skip(start.way_back.text) end
  return way_back.make(h, start.way_back)
end

local function install(h, start, found)
  if not found.pending then skip("the host is up to date") end
  if not start.pkgbase then return { kernel = h.freebsd_update.install().kernel_changed } end
  local done = h.pkgbase.upgrade{ refresh = false }
  for _, file in ipairs(done.unmerged) do log("%s could not be merged: the new text is in %s.pkgnew", file, file) end
  return { kernel = done.reboot_needed, unmerged = done.unmerged }
end

local function upgrade_packages(h, found)
  if found.packages == 0 then skip("there is none to upgrade") end
  return { packages = h.pkg.upgrade{ refresh = false }.packages }
end

--- Which kernel runs, and which one is installed. A release that does not tell the
--- latter is believed what the patches brought.
local function kernels(h, installed)
  local running, on_disk = h.facts.version, h.facts.kernel
  local another = installed and installed.kernel or false
  if on_disk then another = on_disk ~= running end
  return { running = running, installed = on_disk, another = another }
end

--- Leaves the step where there is nothing to reboot for.
local function only_before_a_reboot(p, kernel)
  if not kernel.another then skip("the installed kernel runs") end
  if p.reboot == "never" then skip("the reboot is left to you") end
end

local function check_way_in(h, p, start, kernel)
  only_before_a_reboot(p, kernel)
  return way_in.check(h, start.way_in)
end

--- Lets the next boot alone be the patched system's, where the unpatched one has an
--- environment of its own since this run.
local function arm(h, p, start, made, kernel)
  only_before_a_reboot(p, kernel)
  if not made then skip("there is no environment to go back to") end
  return way_back.arm(h, start.way_back)
end

local function reboot(h, p, start, made, kernel)
  only_before_a_reboot(p, kernel)
  log("the host reboots.%s", made and " Should it not come back: " .. start.way_back.text or "")
  return h:reboot{ within = p.within }
end

--- After the boot: is this the patched system, with its kernel?
local function verify_kernel(h, p, start, made, kernel)
  only_before_a_reboot(p, kernel)
  local confirmed = made and way_back.confirm(h, start.way_back) or { changed = false }
  local now = kernels(h)
  if now.another or kernel.installed and now.running ~= kernel.installed then
    fail{
      message = ("the host runs the kernel %s, not the installed %s"):format(now.running, kernel.installed or now.installed),
      hint = "see at its console why the loader took another kernel; boot the new one and resume",
      resumable = true,
    }
  end
  return { version = now.running, changed = confirmed.changed }
end

function recipe.run(h, p)
  local start = step("Check the host", function() return check_host(h, p) end)
  local found = step("Look for patches", function() return look(h, p, start) end)
  local made = step("Make a way back", function() return make_way_back(h, start, found) end)
  local installed = step("Install the patches", function() return install(h, start, found) end)
  local upgraded = p.packages and step("Upgrade the packages", function() return upgrade_packages(h, found) end)
  local kernel = step("Compare the kernels", function() return kernels(h, installed) end)
  step("Check the way in", function() return check_way_in(h, p, start, kernel) end)
  step("Let the next boot alone be the patched system's", function() return arm(h, p, start, made, kernel) end)
  local rebooted = step("Reboot", function() return reboot(h, p, start, made, kernel) end)
  step("Verify the kernel", function() return verify_kernel(h, p, start, made, kernel) end)
  local running = step("Verify the services", function() return services.verify(h, start.services) end)
  return {
    from = start.from, to = h.facts.userland or found.to, kernel = h.facts.version, eol = found.eol or false,
    patched = installed ~= nil, packages = upgraded and upgraded.packages or nil,
    rebooted = rebooted ~= nil, reboot_needed = kernel.another and not rebooted,
    services = running, warnings = start.warnings,
  }
end

function recipe.undo(h, p, steps)
  return way_back.take(h, steps["Check the host"], p.within)
end

return recipe
