--- What of a plan a machine, as vbox.info tells it, does not have.

local function differs(list, what, want, have)
  if want ~= nil and want ~= have then list[#list + 1] = ("%s is %s, not %s"):format(what, tostring(have), tostring(want)) end
end

local function differences(plan, machine)
  local list, s = {}, plan.settings
  for _, name in ipairs{ "memory", "cpus", "chipset", "firmware", "rtc_utc", "acpi", "ioapic", "graphics", "vram" } do differs(list, name, s[name], machine[name]) end
  for i, kind in ipairs(s.boot) do differs(list, "boot device " .. i, kind, machine.boot[i]) end
  if s.vrde then differs(list, "remote desktop", true, machine.vrde.enabled) end
  for i, nic in ipairs(plan.nics) do
    local have
    for _, n in ipairs(machine.nics) do
      if n.slot == i then have = n end
    end
    for _, name in ipairs{ "kind", "type", "mac", "cable", "adapter", "network" } do differs(list, ("%s of adapter %d"):format(name, i), nic[name], have and have[name]) end
  end
  for i, uart in ipairs(plan.uarts) do
    local have = machine.uarts[i] or {}
    differs(list, "serial port " .. i, uart.mode .. " " .. (uart.path or ""), (have.mode or "off") .. " " .. (have.path or ""))
  end
  local held = {}
  for _, c in ipairs(machine.controllers) do
    for _, a in ipairs(c.attachments) do held[("%s %d %d"):format(c.name, a.port, a.device)] = a.medium or "an empty drive" end
  end
  for _, disk in ipairs(plan.disks) do
    differs(list, ("%s port %d device %d"):format(disk.controller, disk.port, disk.device), disk.image, held[("%s %d %d"):format(disk.controller, disk.port, disk.device)])
  end
  return list
end

return differences
