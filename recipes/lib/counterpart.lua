--- What of a libvirt domain has a counterpart in VirtualBox: the settings, disks and
--- adapters of the machine to make, what of the domain has none (lost), and what the
--- guest will see otherwise (guest).

local counterpart = {}

local mib = 2 ^ 20

--- Guests as libosinfo names them, and as VirtualBox does. The first pattern counts.
local guests = {
  { "freebsd", "FreeBSD", "FreeBSD_64" },
  { "openbsd", "OpenBSD", "OpenBSD_64" },
  { "netbsd", "NetBSD", "NetBSD_64" },
  { "debian", "Debian", "Debian_64" },
  { "ubuntu", "Ubuntu", "Ubuntu_64" },
  { "fedora", "Fedora", "Fedora_64" },
  { "rhel", "RedHat", "RedHat_64" },
  { "opensuse", "OpenSUSE", "OpenSUSE_64" },
  { "linux", "Linux", "Linux_64" },
}

local chips = {
  virtio = "virtio", ["virtio-net-pci"] = "virtio", ["virtio-transitional"] = "virtio", ["virtio-non-transitional"] = "virtio",
  e1000 = "82540EM", ["e1000-82544gc"] = "82543GC", ["e1000-82545em"] = "82545EM", e1000e = "82540EM",
  pcnet = "Am79C973", rtl8139 = "82540EM",
}

--- The names of adapters in a FreeBSD guest, by their model in the domain and their
--- chip in VirtualBox.
local drivers = { virtio = "vtnet", e1000 = "em", e1000e = "em", pcnet = "pcn", rtl8139 = "re", ["82540EM"] = "em", ["82543GC"] = "em", ["82545EM"] = "em", Am79C973 = "le" }

local boot_names = { hd = "disk", cdrom = "dvd", network = "net", fd = "floppy" }

local function no_place_for(plan, what, why) plan.lost[#plan.lost + 1] = why and ("%s: %s"):format(what, why) or what end

local function tell(plan, ...) plan.guest[#plan.guest + 1] = string.format(...) end

local function is_64_bit(domain) return domain.arch == "x86_64" end

local function ostype(domain, wanted)
  if wanted then return wanted end
  local id = domain.os_id or ""
  for _, guest in ipairs(guests) do
    if id:find(guest[1], 1, true) then return is_64_bit(domain) and guest[3] or guest[2] end
  end
  return is_64_bit(domain) and "FreeBSD_64" or "FreeBSD"
end

--- Refuses what no setting of VirtualBox could run.
local function refuse(domain)
  if domain.arch ~= "x86_64" and domain.arch ~= "i686" then
    fail{ message = ("%s is a machine of %s: VirtualBox runs those of x86 alone"):format(domain.name, domain.arch), hint = "leave it on QEMU" }
  end
  if domain.os_type ~= "hvm" then
    fail{ message = ("%s is of type %s: it has no hardware that VirtualBox could stand in for"):format(domain.name, domain.os_type), hint = "only full virtual machines (hvm) can be converted" }
  end
  if domain.boot.kernel then
    fail{ message = ("%s boots the kernel %s of its host"):format(domain.name, domain.boot.kernel), hint = "give the guest a boot loader of its own, and take the kernel out of the domain" }
  end
end

local fallback = [[\EFI\BOOT\BOOTX64.EFI]]

--- What the firmware has kept stays behind: VBoxManage can change and enroll variables,
--- but make no entry of the boot menu.
local function efi_variables(plan, efi)
  if not efi.path then return end
  no_place_for(plan, "EFI variables in " .. efi.path, efi.problem or "the firmware starts with new ones, and boots " .. fallback .. " of the EFI partition")
  local first
  for _, entry in ipairs(efi.boot) do
    if entry.file then
      first = first or entry.file
      no_place_for(plan, ("EFI boot entry %q (%s)"):format(entry.name, entry.file))
    end
  end
  if first and first:upper() ~= fallback then
    tell(plan, "on the EFI partition, %s is to be copied to %s, best before the conversion; else choose it in the firmware's menu once, and make an entry with efibootmgr(8)", first, fallback)
  end
  if #efi.keys > 0 then
    no_place_for(plan, "keys of secure boot (" .. table.concat(efi.keys, ", ") .. ")", "VBoxManage modifynvram has subcommands to enroll keys, from 7.0 on")
  end
  if efi.other > 0 then no_place_for(plan, ("%d other EFI variables"):format(efi.other), "what the guest kept in them is gone") end
end

local function firmware(plan, domain, o)
  local f = domain.firmware
  if f.kind == "bios" then return "bios" end
  efi_variables(plan, o.efi())
  if f.secure_boot then no_place_for(plan, "secure boot", "it is off in the new machine") end
  return "efi"
end

local function has(list, word)
  for _, item in ipairs(list) do
    if item == word then return true end
  end
  return false
end

--- The kinds of devices in the order that they boot in, each once.
local function boot_order(plan, domain, disks)
  local kinds = {}
  local function add(kind)
    if kind and not has(kinds, kind) then kinds[#kinds + 1] = kind end
  end
  for _, device in ipairs(domain.boot.devices) do add(boot_names[device]) end
  for _, device in ipairs(domain.boot.order) do
    if device.kind == "interface" then
      add("net")
    elseif device.kind == "disk" then
      add(disks[device.device] == "cdrom" and "dvd" or disks[device.device] == "floppy" and "floppy" or "disk")
    else
      no_place_for(plan, ("boot from a %s"):format(device.kind))
    end
  end
  if #kinds == 0 then kinds = { "disk" } end
  return kinds
end

local function video(plan, domain, version)
  local first = domain.videos[1]
  if not first or first.model == "none" then return "none", 8 * mib end
  for i = 2, #domain.videos do no_place_for(plan, ("graphics adapter %d (%s)"):format(i, domain.videos[i].model), "there is one") end
  if first.accel3d then no_place_for(plan, "3D acceleration") end
  local bytes = math.min(math.max(math.ceil((first.vram or 16 * mib) / mib), 8), 128) * mib
  local model = (first.model == "qxl" or first.model == "virtio") and "vmsvga" or "vboxvga"
  return version >= 6 and model or nil, bytes
end

--- The desktop of VirtualBox speaks RDP, whatever the domain's spoke.
local function screen(plan, domain)
  local first
  for _, g in ipairs(domain.graphics) do
    if g.kind == "vnc" or g.kind == "spice" then
      first = first or g
    else
      no_place_for(plan, "graphics by " .. g.kind)
    end
  end
  if not first then return nil end
  local port = first.port and first.port > 0 and tostring(first.port) or "3389"
  no_place_for(plan, first.kind:upper(), "VirtualBox shows the screen by RDP, or by what an extension pack has, on port " .. port)
  local address = first.listen[1]
  return { enabled = true, ports = port, address = address and address:match("^[%x.:]+$") and address or "127.0.0.1" }
end

local function settings(plan, domain, o, disks)
  local cpus = domain.current_vcpus > 0 and domain.current_vcpus or domain.vcpus
  local many = cpus > 1 or is_64_bit(domain)
  local graphics, vram = video(plan, domain, o.version)
  if domain.max_memory then no_place_for(plan, "memory that is plugged in while it runs") end
  if not domain.chipset then no_place_for(plan, "machine type " .. domain.machine, "it becomes a PIIX3 board") end
  if domain.clock.offset ~= "utc" and domain.clock.offset ~= "localtime" then
    no_place_for(plan, "clock offset " .. domain.clock.offset, domain.clock.utc and "it goes by UTC" or "it goes by local time")
  end
  return {
    ostype = ostype(domain, o.ostype),
    memory = math.ceil(domain.memory / mib) * mib,
    cpus = cpus,
    chipset = domain.chipset == "q35" and "ich9" or "piix3",
    firmware = firmware(plan, domain, o),
    rtc_utc = domain.clock.utc,
    acpi = has(domain.features, "acpi"),
    ioapic = many or has(domain.features, "apic"),
    boot = boot_order(plan, domain, disks),
    graphics = graphics,
    vram = vram,
    vrde = screen(plan, domain),
  }
end

--- Where a disk of the domain comes in VirtualBox, so that the guest sees it under the
--- same name where that can be.
local function bus_of(plan, domain, disk, o)
  if disk.bus == "ide" or disk.bus == "sata" then return disk.bus end
  if disk.bus == "scsi" then
    for _, c in ipairs(domain.controllers) do
      if c.type == "scsi" and c.index == disk.controller then
        if not c.model or c.model:find("^virtio") then
          if o.version >= 6 then return "virtio" end
        else
          return "scsi"
        end
      end
    end
    return "scsi"
  end
  if disk.bus == "virtio" then return o.virtio end
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

local function disks(plan, domain, o)
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
      target = disk.target, path = disk.path, kind = disk.kind, format = disk.format or "raw", bus = bus,
      controller = controllers[bus].name, port = port, device = device,
    }
  end
  for _, disk in ipairs(drives) do
    local port, device = place(plan, disk.bus, disk)
    plan.drives[#plan.drives + 1] = { target = disk.target, controller = controllers[disk.bus].name, port = port, device = device }
    if disk.path then no_place_for(plan, "the medium " .. disk.path .. " in drive " .. disk.target, "the drive is empty") end
  end
  rename_disks(plan, hard)
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

--- What an adapter is connected to.
local function connection(plan, nic, o)
  local what = "interface " .. nic.mac
  if nic.kind == "user" then return { kind = "nat" } end
  if nic.kind == "bridge" or nic.kind == "direct" then
    local adapter = o.bridges[nic.source or ""] or o.bridge
    if nic.mode and nic.mode ~= "bridge" then no_place_for(plan, ("mode %s of %s"):format(nic.mode, what), "it is bridged") end
    return { kind = "bridged", adapter = adapter }
  end
  if nic.kind == "network" then
    local network = o.network(nic.source)
    if network.forward == "nat" or network.forward == "route" then
      if network.forward == "route" then no_place_for(plan, ("routed network %s of %s"):format(nic.source, what), "it is behind NAT") end
      return { kind = "nat" }
    elseif network.forward == "bridge" or network.forward == "passthrough" or network.forward == "private" or network.forward == "vepa" then
      return { kind = "bridged", adapter = o.bridges[nic.source] or o.bridges[network.bridge or ""] or o.bridge }
    elseif network.forward == "none" then
      return { kind = "intnet", network = nic.source }
    end
    no_place_for(plan, ("network %s of %s"):format(nic.source, what), "it is behind NAT")
    return { kind = "nat" }
  end
  no_place_for(plan, ("%s of kind %s"):format(what, nic.kind), "it is connected to nothing")
  return { kind = "null" }
end

local function nic_details(plan, nic)
  local what = " of interface " .. nic.mac
  if #nic.vlans > 0 then no_place_for(plan, "VLAN tags" .. what, "the host's interface must be of that VLAN") end
  if nic.filter then no_place_for(plan, ("network filter %s%s"):format(nic.filter, what)) end
  if nic.mtu then no_place_for(plan, ("MTU %d%s"):format(nic.mtu, what)) end
  if nic.portgroup then no_place_for(plan, ("port group %s%s"):format(nic.portgroup, what)) end
  if nic.virtualport then no_place_for(plan, ("virtual port %s%s"):format(nic.virtualport, what)) end
end

local function adapters(plan, domain, o)
  local list, before, after = {}, {}, {}
  local most = plan.settings.chipset == "ich9" and 36 or 8
  for i, nic in ipairs(domain.interfaces) do
    local model = nic.model or "rtl8139"
    if i > most then
      no_place_for(plan, "interface " .. nic.mac, ("the board takes %d"):format(most))
    else
      local to = connection(plan, nic, o)
      to.mac = nic.mac:gsub(":", ""):upper()
      to.type = chips[model]
      if not to.type then
        to.type = "82540EM"
        no_place_for(plan, ("model %s of interface %s"):format(model, nic.mac), "it becomes an Intel one")
      end
      to.cable = not nic.link_down
      nic_details(plan, nic)
      list[#list + 1] = to
      local old = drivers[model:match("^virtio") or model:match("^e1000") or model] or "?"
      local new = to.type == "virtio" and "vtnet" or drivers[to.type]
      before[old], after[new] = (before[old] or -1) + 1, (after[new] or -1) + 1
      if old .. before[old] ~= new .. after[new] then
        tell(plan, "interface %s%d becomes %s%d: ifconfig_%s%d in rc.conf(5), and rules that name it, must follow", old, before[old], new, after[new], old, before[old])
      end
    end
  end
  return list
end

--- Serial ports; what the guest says on a terminal of the host is kept in a file.
local function ports(plan, domain, folder)
  local list = {}
  for i, serial in ipairs(domain.serials) do
    local to = { mode = "file", path = ("%s/com%d.log"):format(folder, i) }
    if i > 4 then
      no_place_for(plan, ("serial port %d"):format(i), "there are four")
    elseif serial.target and not serial.target:find("isa") and serial.target ~= "serial" then
      no_place_for(plan, ("serial port %d (%s)"):format(i, serial.target))
    else
      if serial.kind == "tcp" and serial.listen then
        to = { mode = "tcpserver", path = serial.port }
      elseif serial.kind == "unix" then
        to = { mode = serial.listen and "server" or "client", path = ("%s/com%d.sock"):format(folder, i) }
      elseif serial.kind ~= "file" then
        no_place_for(plan, ("serial port %d on a %s"):format(i, serial.kind), "what the guest says is kept in " .. to.path)
      end
      list[#list + 1] = to
    end
  end
  for _, console in ipairs(domain.consoles) do
    if console.target == "virtio" then no_place_for(plan, "console by virtio", "let the guest use COM1 or the screen") end
  end
  return list
end

local function each(plan, list, describe, why)
  for _, item in ipairs(list) do no_place_for(plan, describe(item), why) end
end

--- Parts of a domain that have none.
local function rest(plan, domain)
  if domain.cpu.model then no_place_for(plan, "processor model " .. domain.cpu.model, "the guest sees the host's") end
  if domain.cpu.cores and domain.cpu.cores > 1 or domain.cpu.threads and domain.cpu.threads > 1 then
    no_place_for(plan, "topology of processors", "each is one of one core")
  end
  each(plan, domain.cpu.features, function(f) return ("processor feature %s (%s)"):format(f.name, f.policy) end)
  if #domain.numa > 0 then no_place_for(plan, ("%d NUMA cells"):format(#domain.numa)) end
  if domain.hugepages then no_place_for(plan, "huge pages") end
  each(plan, domain.sounds, function(model) return "sound device " .. model end)
  each(plan, domain.tpms, function(tpm) return "trusted platform module " .. tpm.model end, "keys that it holds are not to be had in the new machine")
  each(plan, domain.rngs, function(rng) return "source of random numbers " .. rng.model end)
  if domain.balloon == "virtio" then no_place_for(plan, "memory balloon") end
  each(plan, domain.hostdevs, function(d) return ("device of the host %s %s"):format(d.kind, d.address or d.vendor or d.source or "") end)
  each(plan, domain.filesystems, function(f) return ("folder %s of the host, which the guest mounts as %s"):format(f.source, f.target) end)
  each(plan, domain.watchdogs, function(w) return "watchdog " .. w.model end)
  each(plan, domain.channels, function(c) return "channel " .. (c.name or c.kind) end)
  each(plan, domain.parallels, function(p) return ("parallel port %d"):format(p.number) end)
  for _, input in ipairs(domain.inputs) do
    if input.type == "tablet" then no_place_for(plan, "tablet", "the pointer is a mouse") end
  end
  each(plan, domain.other, function(o) return o.path .. (o.device and " of " .. o.device or "") .. (o.text ~= "" and " (" .. o.text .. ")" or "") end, "not known to bsdrun")
end

--- The machine to make of a domain. o has folder (of the machine), version (VirtualBox's
--- major one), virtio (bus for disks of virtio-blk), ostype, bridge and bridges (the
--- host's interfaces), network (a function that tells of a network of libvirt), and efi
--- (one that tells what the firmware has kept).
function counterpart.of(domain, o)
  refuse(domain)
  local plan = { lost = {}, guest = {}, controllers = {}, order = {}, disks = {}, drives = {} }
  local kinds = {}
  for _, disk in ipairs(domain.disks) do kinds[disk.target] = disk.device end
  plan.settings = settings(plan, domain, o, kinds)
  disks(plan, domain, o)
  finish_controllers(plan)
  plan.nics = adapters(plan, domain, o)
  plan.uarts = ports(plan, domain, o.folder)
  rest(plan, domain)
  return plan
end

local function differs(list, what, want, have)
  if want ~= nil and want ~= have then list[#list + 1] = ("%s is %s, not %s"):format(what, tostring(have), tostring(want)) end
end

--- What of a plan a machine, as vbox.info tells it, does not have.
function counterpart.differences(plan, machine)
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

return counterpart
