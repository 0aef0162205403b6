--- What a machine is by itself: its board, processors, memory, clock, boot order, and the
--- system that it is for.

local firmware = require("counterpart_firmware")
local notes = require("counterpart_notes")
local screen = require("counterpart_screen")

local no_place_for = notes.no_place_for

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

local boot_names = { hd = "disk", cdrom = "dvd", network = "net", fd = "floppy" }

local function is_64_bit(domain) return domain.arch == "x86_64" end

local function ostype(domain, wanted)
  if wanted then return wanted end
  local id = domain.os_id or ""
  for _, guest in ipairs(guests) do
    if id:find(guest[1], 1, true) then return is_64_bit(domain) and guest[3] or guest[2] end
  end
  return is_64_bit(domain) and "FreeBSD_64" or "FreeBSD"
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

--- The settings of the machine; kinds are the devices of the domain's disks, by target.
local function board(plan, domain, o, kinds)
  local cpus = domain.current_vcpus > 0 and domain.current_vcpus or domain.vcpus
  local many = cpus > 1 or is_64_bit(domain)
  local graphics, vram = screen.adapter(plan, domain, o.version)
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
    boot = boot_order(plan, domain, kinds),
    graphics = graphics,
    vram = vram,
    vrde = screen.desktop(plan, domain),
  }
end

return board
