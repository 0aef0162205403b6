--- Disks, drives and their controllers: which bus, which place, and what the guest calls
--- them before and after.

local notes = require("counterpart_notes")

local no_place_for, tell = notes.no_place_for, notes.tell

--- The release of VirtualBox that brought virtio-scsi.
local has_virtio = 6.1

--- Where a disk of the domain comes in VirtualBox, so that the guest sees it under the
--- same name where that can be.
local function bus_of(plan, domain, disk, o)
  if disk.bus == "ide" or disk.bus == "sata" then return disk.bus end
  if disk.bus == "scsi" then
    for _, c in ipairs(domain.controllers) do
      if c.type == "scsi" and c.index == disk.controller then
        if not c.model or c.model:find("^virtio") then
          if o.version >= has_virtio then return "virtio" end
        else
          return "scsi"
        end
      end
    end
    return "scsi"
  end
  if disk.bus == "virtio" then
    if o.virtio == "virtio" and o.version < has_virtio then
      fail{ message = ("VirtualBox has controllers of virtio-scsi from %s on, and this is %s"):format(has_virtio, o.version), hint = "give the parameter virtio as sata" }
    end
    return o.virtio
  end
  no_place_for(plan, ("bus %s of disk %s"):format(disk.bus, disk.target), "it comes on SATA")
  return "sata"
end

local controllers = {
  ide = { name = "IDE", bus = "ide" },
  sata = { name = "SATA", bus = "sata" },
  scsi = { name = "SCSI", bus = "scsi", type = "LSILogic" },
  virtio = { name = "VirtIO", bus = "virtio" },
}

--- How a FreeBSD guest names disks of a bus.
local disk_drivers = { ide = "ada", sata = "ada", virtio_blk = "vtbd", scsi = "da", virtio = "da", usb = "da", nvme = "nda" }

local function refuse_disk(disk)
  local why, hint
  if disk.device == "lun" then
    why, hint = "is a device of the host that is passed through", "copy it into an image, and give that to the domain"
  elseif disk.encrypted then
    why, hint = "is encrypted", "take the encryption off by qemu-img convert first"
  elseif disk.transient then
    why, hint = "forgets what is written to it", "take <transient/> out of the domain, or leave the disk out"
  elseif disk.problem then
    why, hint = "cannot be read: " .. disk.problem, "mend it on the host of the domain"
  elseif not disk.path then
    why, hint = ("lies in a network (%s %s)"):format(disk.protocol or disk.kind, disk.source or ""), "copy it into a file there with qemu-img convert, and give that to the domain"
  end
  if why then fail{ message = ("disk %s %s"):format(disk.target, why), hint = hint } end
end

--- What a disk is beside its content.
local function flags(plan, disk)
  local what = "disk " .. disk.target
  if disk.read_only then no_place_for(plan, what .. " is read only", "the guest may write to it") end
  if disk.shareable then no_place_for(plan, what .. " is shared among domains", "it becomes a copy") end
  if disk.serial then
    no_place_for(plan, ("serial number %s of %s"):format(disk.serial, what), "names such as /dev/diskid/DISK-" .. disk.serial .. " change")
  end
  if disk.wwn then no_place_for(plan, what .. " has a world wide name") end
end

--- The disks with the one that boots in front, since a BIOS takes the first.
local function in_order(disks, order)
  local first
  for _, device in ipairs(order) do
    for _, disk in ipairs(disks) do
      if not first and device.kind == "disk" and disk.target == device.device then first = disk end
    end
  end
  first = first or disks[1]
  local list = { first }
  for _, virtio in ipairs{ false, true } do
    for _, disk in ipairs(disks) do
      if disk ~= first and (disk.bus == "virtio") == virtio then list[#list + 1] = disk end
    end
  end
  return list
end

--- Takes the next place on a controller: on IDE the disk's own, as its unit is the
--- guest's name for it on old systems.
local function place(plan, bus, disk)
  local c = plan.controllers[bus]
  if not c then
    c = { name = controllers[bus].name, bus = bus, type = controllers[bus].type, used = {} }
    plan.controllers[bus] = c
    plan.order[#plan.order + 1] = bus
  end
  local function take(port, device)
    local key = port .. "-" .. device
    if c.used[key] then return false end
    c.used[key] = true
    return true
  end
  if bus == "ide" then
    if disk.has_address and take(disk.channel, disk.unit) then return disk.channel, disk.unit end
    for port = 0, 1 do
      for device = 0, 1 do
        if take(port, device) then return port, device end
      end
    end
    fail{ message = "there are more disks on IDE than its four places", hint = "move one to SATA in the domain" }
  end
  local port = 0
  while not take(port, 0) do port = port + 1 end
  return port, 0
end

--- Names that a FreeBSD guest has for the disks: numbered by driver, IDE before SATA,
--- in the order of places.
local function numbered(disks, driver_of, rank_of)
  local sorted = {}
  for i, disk in ipairs(disks) do sorted[i] = { disk = disk, rank = rank_of(disk, i) } end
  table.sort(sorted, function(a, b) return a.rank < b.rank end)
  local count, names = {}, {}
  for _, entry in ipairs(sorted) do
    local driver = driver_of(entry.disk)
    count[driver] = (count[driver] or -1) + 1
    names[entry.disk.target] = driver .. count[driver]
  end
  return names
end

local function rank(bus, controller, unit, i) return (bus == "ide" and 0 or 1) * 1e9 + controller * 1e6 + unit * 1e3 + i end

--- Before FreeBSD 9 disks of ATA had other names, which tell their place.
local function tell_old_names(plan, domain)
  local release = (domain.os_id or ""):match("freebsd%.org/freebsd/(%d+)")
  if not release or tonumber(release) > 8 then return end
  for _, disk in ipairs(plan.disks) do
    if disk_drivers[disk.bus] == "ada" then
      tell(plan, "FreeBSD %s has ad for ada: ad0 to ad3 by the place on IDE, ad4 and on on SATA", release)
      return
    end
  end
end

local function rename_disks(plan, originals)
  local before = numbered(originals, function(d) return disk_drivers[d.bus == "virtio" and "virtio_blk" or d.bus] or "da" end,
    function(d, i) return rank(d.bus, d.controller, d.has_address and d.channel * 2 + d.unit or i, i) end)
  local after = numbered(plan.disks, function(d) return disk_drivers[d.bus] end,
    function(d, i) return rank(d.bus, 0, d.port * 2 + d.device, i) end)
  for _, disk in ipairs(plan.disks) do
    disk.before, disk.after = before[disk.target], after[disk.target]
    if disk.before ~= disk.after then
      tell(plan, "/dev/%s becomes /dev/%s: fstab(5), loader.conf and dumpdev must follow, unless they go by label, gptid or ZFS", disk.before, disk.after)
    end
  end
end

--- Controllers as they are to be. A BIOS would take IDE before SATA: only the one with
--- the first disk is for booting.
local function finish_controllers(plan)
  local list, first = {}, plan.disks[1].controller
  for _, bus in ipairs(plan.order) do
    local c, ports = plan.controllers[bus], 0
    for key in pairs(c.used) do ports = math.max(ports, tonumber(key:match("^%d+")) + 1) end
    list[#list + 1] = { name = c.name, bus = c.bus, type = c.type, ports = c.bus == "sata" and ports or nil, bootable = c.name == first }
  end
  plan.controllers, plan.order = list, nil
end

--- Gives the plan its disks, drives and controllers.
local function disks(plan, domain, o)
  plan.controllers, plan.order, plan.disks, plan.drives = {}, {}, {}, {}
  local hard, drives = {}, {}
  for _, disk in ipairs(domain.disks) do
    if disk.device == "disk" or disk.device == "lun" then
      refuse_disk(disk)
      flags(plan, disk)
      hard[#hard + 1] = disk
    elseif disk.device == "cdrom" and (disk.bus == "ide" or disk.bus == "sata") then
      drives[#drives + 1] = disk
    else
      no_place_for(plan, ("%s %s on %s"):format(disk.device, disk.target, disk.bus))
    end
  end
  if #hard == 0 then fail{ message = domain.name .. " has no disk", hint = "there is nothing to convert" } end
  for _, disk in ipairs(in_order(hard, domain.boot.order)) do
    local bus = bus_of(plan, domain, disk, o)
    local port, device = place(plan, bus, disk)
    plan.disks[#plan.disks + 1] = {
      target = disk.target, path = disk.path, format = disk.format or "raw", bus = bus,
      controller = controllers[bus].name, port = port, device = device,
    }
  end
  for _, disk in ipairs(drives) do
    local port, device = place(plan, disk.bus, disk)
    plan.drives[#plan.drives + 1] = { target = disk.target, controller = controllers[disk.bus].name, port = port, device = device }
    if disk.path then no_place_for(plan, "the medium " .. disk.path .. " in drive " .. disk.target, "the drive is empty") end
  end
  rename_disks(plan, hard)
  tell_old_names(plan, domain)
  finish_controllers(plan)
end

return disks
