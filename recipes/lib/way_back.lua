--- The way back from an upgrade of the system: a boot environment that the loader
--- starts by itself when the new system does not come up, where that can be; else
--- the best that there is.

local services = require("services")

local way_back = {}

--- The running environment, or nil where there is none: no ZFS root of the form
--- POOL/ROOT/NAME, or a release before bectl(8).
local function current(h)
  if h.facts.root.type ~= "zfs" then return nil end
  local ok, be = pcall(h.bectl.current)
  if ok then return be.name end
  if be.kind ~= "failed" and be.kind ~= "missing" then error(be) end
end

--- A name that no environment has yet.
local function unused(h, name)
  local taken = {}
  for _, be in ipairs(h.bectl.list()) do taken[be.name] = true end
  local free, n = name, 1
  while taken[free] do
    n = n + 1
    free = name .. "-" .. n
  end
  return free
end

--- Which way back the host allows, and in words what it is worth. An upgrade that
--- is under way already has none of its own making, unless its environment is named.
function way_back.plan(h, name, wanted, underway)
  local running = current(h)
  if running then
    local chosen = wanted or not underway and unused(h, name)
    if chosen then
      -- The loader honours "the next boot alone" surely since 13.0.
      local automatic = version.at_least(h.facts.version, "13.0")
      return {
        kind = "environment", name = chosen, running = running, automatic = automatic,
        text = automatic
            and ("if the new system panics or the machine is switched off and on, it starts in %s by itself; a hang needs a watchdog, or somebody at the switch"):format(chosen)
          or ("there is no automatic way back: choose %s at the loader's menu, or bectl activate it"):format(chosen),
      }
    end
  end
  if underway then
    return { kind = "none", automatic = false, text = "there is no automatic way back: the upgrade was begun before, name its boot environment if there is one" }
  end
  if h.facts.root.pool then
    return {
      kind = "snapshot", name = name, automatic = false,
      text = ("there is no automatic way back: a snapshot @%s and the kernel in /boot/kernel.%s are kept, to be started from the loader's prompt or from other media"):format(name, name),
    }
  end
  return {
    kind = "kernel", name = name, automatic = false,
    text = ("there is no automatic way back: the kernel in /boot/kernel.%s is kept, to be started from the loader's prompt; have a backup"):format(name),
  }
end

--- Makes what plan has chosen.
function way_back.make(h, plan)
  if plan.kind == "environment" then return h.bectl.create(plan.name) end
  if plan.kind == "none" then skip(plan.text) end
  if plan.kind == "snapshot" then h.zfs.snapshot(h.facts.root.pool .. "@" .. plan.name, { recursive = true }) end
  if not h.file.exists("/boot/kernel." .. plan.name) then
    h.file.copy("/boot/kernel", "/boot/kernel." .. plan.name, { recursive = true })
  end
  return { changed = true }
end

--- Lets the next boot alone start the new system: the one after it is the old one's,
--- until confirm has been called.
function way_back.arm(h, plan)
  if not plan.automatic then skip(plan.text) end
  h.bectl.activate(plan.name)
  h.bectl.activate(plan.running, { temporary = true })
  return { old = plan.name, new = plan.running }
end

--- After the boot: is this the new system? If so it boots from now on.
function way_back.confirm(h, plan)
  if not plan.automatic then return { changed = false } end
  local running = h.bectl.current().name
  if running ~= plan.running then
    fail{
      message = ("the new system did not come up: the host went back to %s by itself and runs %s"):format(running, h.facts.version),
      hint = ("nothing is lost: look at %s with bectl mount and at its console; bsdrun on this host starts from the beginning"):format(plan.running),
      result = { returned = true, environment = running, failed = plan.running, version = h.facts.version },
    }
  end
  return h.bectl.activate(plan.running)
end

--- The system from before is there to be booted, or the step ends.
local function look_back(h, start)
  local plan = start and start.way_back
  if not plan then skip("nothing was changed") end
  if plan.kind ~= "environment" then fail{ message = "the system from before cannot be booted by itself", hint = plan.text } end
  if h.bectl.current().name == plan.name then skip(("the host runs %s already"):format(plan.name)) end
  log("the host reboots into %s; what was changed since stays in %s", plan.name, plan.running)
  return plan
end

local function verify_environment(h, plan)
  local running = h.bectl.current().name
  if running ~= plan.name then
    fail{
      message = ("the host runs %s, not %s"):format(running, plan.name),
      hint = "see at its console why the loader took another environment; boot the right one and resume", resumable = true,
    }
  end
  return { environment = running, version = h.facts.version }
end

--- Takes the host back, for good, to the system from before: the environment that
--- make has made. start is what the run found at its beginning: way_back and services.
function way_back.take(h, start, within)
  local plan = step("Look for the system from before", function() return look_back(h, start) end)
  if not plan then return { changed = false } end
  step("Let it be the one that boots", function() return h.bectl.activate(plan.name) end)
  step("Reboot into it", function() return h:reboot{ within = within } end)
  local now = step("Verify that it runs", function() return verify_environment(h, plan) end)
  now.services = step("Verify the services", function() return services.verify(h, start.services) end)
  now.changed = true
  return now
end

return way_back
