--- Whether the guest of a converted machine boots, and the way to mend it.

local trial = {}

--- What the guest says on COM1, where that goes into a file.
local function console(h, plan)
  local uart = plan.uarts[1]
  if not uart or uart.mode ~= "file" or not h.file.exists(uart.path) then return "" end
  return h.file.read(uart.path)
end

--- Starts the machine, and waits for a sign of life. One that runs is somebody's.
function trial.boot(h, p, plan)
  local before = step("See whether it runs", function() return h.vbox.state(plan.name, { as = p.user }) end)
  if before.running then
    log("%s is %s: it is not started for a check", plan.name, before.state)
    return { changed = false, booted = "it was running before" }
  end
  local has_console = plan.uarts[1] and plan.uarts[1].mode == "file"
  h.vbox.start(plan.name, { as = p.user })
  local text, waited = "", 0
  repeat
    sleep(5)
    waited = waited + 5
    local state = h.vbox.state(plan.name, { as = p.user })
    text = console(h, plan)
    if not state.running then
      fail{
        message = ("the machine ended up %s after %d s; at last the guest said: %s"):format(state.state, waited, text:sub(-400)),
        hint = "attach its disk to a machine that runs, and mend it there: rescue=NAME",
      }
    end
    local there = has_console and text:find(p.boot_text, 1, true) ~= nil
  until there or waited >= (has_console and p.boot_within or math.min(60, p.boot_within))
  local stopped = h.vbox.stop(plan.name, { within = 120, force = true, as = p.user })
  local said = text:find(p.boot_text, 1, true) ~= nil
  if has_console and not said then
    fail{
      message = ("the guest did not say %q on COM1 within %d s; at last it said: %s"):format(p.boot_text, waited, text:sub(-400)),
      hint = "it may use the screen alone (boot_check=false), or need what is listed under guest (other names in fstab and rc.conf, a loader where EFI looks): attach its disk to a machine that runs, rescue=NAME",
    }
  end
  return { changed = true, booted = said or "it kept running; it has no console to read", forced = stopped.forced }
end

--- Attaches the first disk to another machine, in a place that is free.
function trial.attach(h, p, plan)
  local machine, image = h.vbox.info(p.rescue, { as = p.user }), plan.disks[1].image
  local controller
  for _, c in ipairs(machine.controllers) do
    for _, a in ipairs(c.attachments) do
      if a.medium == image then return { changed = false, machine = p.rescue, controller = c.name, port = a.port } end
    end
    if c.bus == "sata" then controller = controller or c end
  end
  if not controller then fail{ message = p.rescue .. " has no SATA controller", hint = ('h.vbox.storage.controller("%s", "SATA", { bus = "sata" })'):format(p.rescue) } end
  local port = 0
  for _, a in ipairs(controller.attachments) do port = math.max(port, a.port + 1) end
  h.vbox.storage.attach(p.rescue, controller.name, image, { port = port, as = p.user })
  log("start %s, mend the guest's fstab and rc.conf on its last disk, shut it down, and take the disk out: h.vbox.storage.detach(%q, %q, { port = %d })", p.rescue, p.rescue, controller.name, port)
  return { changed = true, machine = p.rescue, controller = controller.name, port = port }
end

return trial
