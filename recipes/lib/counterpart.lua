--- What of a libvirt domain has a counterpart in VirtualBox: the settings, disks and
--- adapters of the machine to make, what of the domain has none (lost), and what the
--- guest will see otherwise (guest).

local adapters = require("counterpart_adapters")
local board = require("counterpart_board")
local disks = require("counterpart_disks")
local others = require("counterpart_others")
local serial = require("counterpart_serial")

local counterpart = { differences = require("counterpart_differences") }

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

--- The machine to make of a domain. o has folder (of the machine), version (VirtualBox's
--- as a number: 6.1), virtio (bus for disks of virtio-blk), ostype, bridge and bridges (the
--- host's interfaces), network (a function that tells of a network of libvirt), and efi
--- (one that tells what the firmware has kept).
function counterpart.of(domain, o)
  refuse(domain)
  local plan = { lost = {}, guest = {} }
  local kinds = {}
  for _, disk in ipairs(domain.disks) do kinds[disk.target] = disk.device end
  plan.settings = board(plan, domain, o, kinds)
  disks(plan, domain, o)
  plan.nics = adapters(plan, domain, o)
  plan.uarts = serial(plan, domain, o.folder)
  others(plan, domain)
  return plan
end

return counterpart
