--- Disks of a domain on their way to another host: made raw, sent, and made images of
--- VirtualBox's. All of it goes on where it was cut off.

local space = require("space")
local word = require("word")

local moved = {}

local gib = 2 ^ 30

--- A volume of a storage pool may be a device, too.
local function is_device(disk) return disk.path:find("^/dev/") ~= nil end

--- Looks into the images: their sizes, and whether they can be read as they are. A
--- guest that runs writes to them, but alters none of that.
function moved.look(kvm, plan, runs)
  for _, disk in ipairs(plan.disks) do
    local image = kvm.image.info(disk.path, { format = disk.format, force_share = runs })
    if #image.snapshots > 0 then
      fail{
        message = ("%s holds snapshots, of which only the present state would be copied"):format(disk.path),
        hint = ("delete them (qemu-img snapshot -d NAME %s), and resume"):format(word(disk.path)), resumable = true,
      }
    end
    if image.encrypted then fail{ message = disk.path .. " is encrypted", hint = "take the encryption off by qemu-img convert first" } end
    if image.corrupt or image.dirty and not runs then fail{ message = disk.path .. " is damaged, or was not closed well", hint = "qemu-img check -r all", resumable = true } end
    disk.size = image.virtual_size
    -- QEMU rounds up what is no number of whole sectors, and VirtualBox refuses it.
    disk.flat = image.format == "raw" and not is_device(disk) and not image.backing and kvm.file.stat(disk.path, { follow = true }).size == disk.size
    -- Not what its files take: they may be compressed, or taken beforehand.
    local held = kvm.image.extents(disk.path, { format = disk.format, force_share = runs, totals = true })
    disk.data, disk.vdi = held.data, held.vdi
  end
  return plan.disks
end

--- Where a raw copy of a disk's image comes on the host of the domain.
local function flat_copy(p, plan, disk)
  local folder = p.scratch or (is_device(disk) and "/var/tmp" or disk.path:match("^(.*)/[^/]*$"))
  return ("%s/%s-%s.raw"):format(folder, plan.name, disk.target)
end

local function need(h, folder, bytes, what, parameter)
  local free = space.free(h, folder)
  if bytes / gib > free then
    fail{
      message = ("%.1f GiB are free for %s on %s, %.1f are needed for %s"):format(free, folder, h.name, bytes / gib, what),
      hint = ("free some, or name another place: the parameter %s"):format(parameter), resumable = true,
    }
  end
end

--- Raw copies are made one beside the other on the host of the domain. On the other one
--- a copy and its VDI are there at the same time, and with verify one more.
function moved.check_space(h, kvm, p, plan)
  local flat, there, largest = {}, 0, 0
  for _, disk in ipairs(plan.disks) do
    local copy = flat_copy(p, plan, disk)
    if not disk.flat and not kvm.file.exists(copy) then
      local folder = copy:match("^(.*)/[^/]*$")
      flat[folder] = (flat[folder] or 0) + disk.data
    end
    if not h.file.exists(disk.copy) then there = there + disk.data end
    if not h.file.exists(disk.image) then there = there + disk.vdi end
    largest = math.max(largest, disk.data)
  end
  if p.verify then there = there + largest end
  for folder, bytes in pairs(flat) do need(kvm, folder, bytes, "raw copies", "scratch") end
  need(h, plan.folder, there, "the disks", "folder")
end

--- The folder that VirtualBox would make with the machine, which comes later.
function moved.make_folder(h, p, plan)
  local owner = p.user and h:as(p.user) or h
  return owner.file.mkdir(plan.folder, { mode = "0700" })
end

local function check_copy(disk) return disk.image .. ".check.raw" end

--- Forgets an image that was made of what the disk was before.
local function forget(h, p, plan, disk)
  for _, medium in ipairs(h.vbox.media{ as = p.user }) do
    if medium.path == disk.image then
      for _, vm in ipairs(medium.vms) do
        if vm.name == plan.name then h.vbox.storage.detach(plan.name, disk.controller, { port = disk.port, device = disk.device, as = p.user }) end
      end
      h.vbox.medium.close(disk.image, { as = p.user })
    end
  end
  h.file.remove(disk.image)
  h.file.remove(check_copy(disk))
end

--- Sends a disk. An image that is older than the copy was made of something else.
local function send(h, kvm, p, plan, disk, raw)
  local sent = kvm.file.transfer{ path = raw, host = h, to = disk.copy, owner = p.user, mode = "0600", direct = p.direct, limit = p.limit }
  local image = h.file.stat(disk.image)
  if image.exists and (sent.changed or image.mtime < h.file.stat(disk.copy).mtime) then
    forget(h, p, plan, disk)
  end
end

--- Compares what an image was turned back into with the copy that it was made of, and
--- returns the hash of both.
local function compare(h, disk)
  local found, sha256 = h.file.hash(check_copy(disk)), h.file.hash(disk.copy)
  if found ~= sha256 then
    fail{
      message = ("%s is not what %s of the domain is: %s, not %s"):format(disk.image, disk.target, found, sha256),
      hint = ("remove %s and %s, and run it again"):format(disk.image, check_copy(disk)),
    }
  end
  return sha256
end

local function remove_check_copy(h, p, disk)
  h.vbox.medium.close(check_copy(disk), { as = p.user })
  return { changed = h.file.remove(check_copy(disk)).changed }
end

--- Moves one disk, and makes its image.
function moved.move(h, kvm, p, plan, disk)
  local raw, target = disk.path, disk.target
  if not disk.flat then
    raw = flat_copy(p, plan, disk)
    step("Flatten", { key = target }, function()
      return kvm.image.to_raw(disk.path, raw, { format = disk.format })
    end)
  end
  step("Send", { key = target }, function() return send(h, kvm, p, plan, disk, raw) end)
  step("Convert", { key = target }, function() return h.vbox.convert_raw(disk.copy, disk.image, { as = p.user }) end)
  local sha256
  if p.verify then
    step("Turn back", { key = target }, function() return h.vbox.medium.clone(disk.image, check_copy(disk), { format = "RAW", as = p.user }) end)
    sha256 = step("Compare", { key = target, changes = false }, function() return compare(h, disk) end)
    step("Remove what was compared", { key = target }, function() return remove_check_copy(h, p, disk) end)
  end
  return { target = target, image = disk.image, bytes = disk.size, sha256 = sha256, controller = disk.controller, port = disk.port, before = disk.before, after = disk.after }
end

--- Takes away the copies that were made on the way.
function moved.remove_copies(h, kvm, p, plan)
  local changed, of_domain = false, {}
  for _, disk in ipairs(plan.disks) do of_domain[disk.path] = true end
  for _, disk in ipairs(plan.disks) do
    local copy = flat_copy(p, plan, disk)
    local there = of_domain[copy] and { changed = false } or kvm.image.discard(copy)
    local here = h.file.remove(disk.copy)
    changed = changed or there.changed or here.changed
  end
  return { changed = changed }
end

return moved
