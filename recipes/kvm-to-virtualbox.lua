--- Converts a virtual machine of KVM to VirtualBox, with its settings.
---
--- The domain is read from libvirt, its disks are copied (without holes, resumable, with
--- hashes at both ends) and turned into VDI images, and a machine is made that has every
--- setting with a counterpart. What has none is listed, and so is what fstab(5) and
--- rc.conf(5) of the guest will need. The domain stays as it is, shut off.

local counterpart = require("counterpart")
local disks = require("moved_disks")
local trial = require("trial")
local word = require("word")

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD" },
  sim = "vboxhost",
  params = {
    domain = { type = "string", required = true, doc = "the domain, by name or UUID" },
    from = { type = "host", required = true, doc = "the host that has it" },
    connect = { type = "string", default = "qemu:///system", doc = "how libvirt is reached there" },
    name = { type = "string", doc = "the new machine's name; default: the domain's" },
    user = { type = "string", doc = "whose machine it is to be; default: who logs in. Every user has machines of his own, and root sees none of the others'" },
    folder = { type = "string", pattern = "/.+", doc = "folder for machines; default: VirtualBox VMs in the user's home" },
    shutdown = { type = "boolean", default = false, doc = "shut the domain down if it runs" },
    within = { type = "duration", default = "5m", doc = "how long its guest may take for that" },
    scratch = { type = "string", pattern = "/.+", doc = "folder there for raw copies of images that are not raw; default: beside the image" },
    direct = { type = "string", enum = { "auto", "yes", "no" }, default = "auto", doc = "send disks from host to host, by a key that exists for that alone, or through this machine" },
    limit = { type = "string", pattern = "[1-9][0-9]{0,9}[KMG]?", doc = "send no more than this per second, such as 20M" },
    virtio = { type = "string", enum = { "sata", "ide", "scsi", "virtio" }, default = "sata", doc = "what disks of virtio-blk become; VirtualBox has none" },
    ostype = { type = "string", doc = "type of the guest; default: by what the domain says, else FreeBSD" },
    bridge = { type = "string", doc = "interface for bridged adapters; default: that of the default route" },
    bridges = { type = "list", default = {}, doc = "interfaces for bridges of the domain, such as br0=em0" },
    verify = { type = "boolean", default = false, doc = "compare the new images with the disks, which takes their size once more" },
    boot_check = { type = "boolean", default = false, doc = "start the machine, wait for what the guest says on COM1 (or that it keeps running), and shut it down" },
    boot_text = { type = "string", default = "login:", doc = "what is waited for" },
    boot_within = { type = "duration", default = "5m", doc = "how long" },
    rescue = { type = "string", doc = "attach the first disk to this machine, too, as one more, to mend what the guest needs" },
    keep_copies = { type = "boolean", default = false, doc = "leave the raw copies on both hosts" },
  },
}

--- What the description of a machine says: once that it is whole, never again to touch
--- it, as it may have been used since; and until then what it is.
local function whole(domain) return "Converted from the domain " .. domain.name end

local function half_made(domain) return ("NOT COMPLETE: to become the domain %s. Run kvm-to-virtualbox again to finish it"):format(domain.name) end

local function says(machine, text) return machine.description ~= nil and machine.description:find(text, 1, true) ~= nil end

local function user_of(h, p) return p.user or h.facts.privilege.user end

local function vm_folder(h, p)
  if p.folder then return p.folder end
  local user = user_of(h, p)
  local account = h.user.get(user)
  if not account.exists then fail{ message = h.name .. " has no user " .. user, hint = "give the parameter user" } end
  return account.home .. "/VirtualBox VMs"
end

--- Refuses a domain that is in the midst of something.
local function refuse_unsettled(kvm, p, domain)
  if domain.managed_save then
    fail{
      message = domain.name .. " has its memory saved: its disks are in the midst of something",
      hint = ("start it and shut it down, or give that up: virsh managedsave-remove %s"):format(word(domain.name)), resumable = true,
    }
  end
  local snapshots = kvm.libvirt.snapshots(domain.name, { connect = p.connect })
  if #snapshots > 0 then
    local names = {}
    for i, s in ipairs(snapshots) do names[i] = s.name end
    fail{
      message = ("%s has snapshots, which have no counterpart: %s"):format(domain.name, table.concat(names, ", ")),
      hint = ("delete those that are not needed (virsh snapshot-delete %s NAME), or clone the domain as it is now (virt-clone) and convert the clone"):format(word(domain.name)),
      resumable = true,
    }
  end
end

local function read_domain(kvm, p)
  local domain = kvm.libvirt.domain(p.domain, { connect = p.connect })
  domain.disks = kvm.libvirt.disks(domain.name, { connect = p.connect })
  refuse_unsettled(kvm, p, domain)
  return domain
end

--- The interfaces for bridges: "br0=em0" in a list.
local function bridges(h, p)
  local map = {}
  for _, pair in ipairs(p.bridges) do
    local bridge, interface = pair:match("^([^=]+)=([^=]+)$")
    if not bridge then fail{ message = ("%q is no bridge with its interface"):format(pair), hint = "write br0=em0" } end
    map[bridge] = interface
  end
  local route = h.net.default_route()
  return map, p.bridge or route.found and route.interface or nil
end

local function check_bridges(h, p, plan)
  local there, names = {}, {}
  for i, b in ipairs(h.vbox.bridges{ as = p.user }) do there[b.name], names[i] = true, b.name end
  for _, nic in ipairs(plan.nics) do
    if nic.kind == "bridged" and not there[nic.adapter or ""] then
      fail{
        message = ("VirtualBox cannot bridge to %s"):format(nic.adapter or "any interface: there is no default route"),
        hint = ("give bridge= or bridges=; it has %s"):format(#names > 0 and table.concat(names, ", ") or "none (is the module vboxnetflt loaded?)"),
      }
    end
  end
end

--- Refuses a type of guests that this VirtualBox does not know, before disks are moved.
local function check_ostype(h, p, plan)
  for _, guest in ipairs(h.vbox.ostypes{ as = p.user }) do
    if guest.id == plan.settings.ostype then return end
  end
  fail{ message = ("VirtualBox knows no type of guests %s"):format(plan.settings.ostype), hint = "give the parameter ostype; VBoxManage list ostypes lists them" }
end

--- Tells whether the machine is there and whole. One that is half made is ours to
--- finish (cut off early, it is bare yet); any other one is a clash.
local function converted(h, p, folder, name, domain)
  for _, vm in ipairs(h.vbox.vms{ as = p.user }) do
    if vm.name == name then
      if vm.uuid ~= domain.uuid then
        fail{ message = ("there is another machine %s on %s, with the UUID %s"):format(name, h.name, vm.uuid), hint = "give the parameter name" }
      end
      local machine = h.vbox.info(name, { as = p.user })
      if says(machine, whole(domain)) then return true end
      if says(machine, half_made(domain)) or #machine.controllers == 0 then return false end
      fail{
        message = ("%s on %s has the UUID of the domain, but was not made by this recipe"):format(name, h.name),
        hint = ("remove it first, if it is of no use: h.vbox.remove(%q)"):format(name),
      }
    elseif vm.uuid == domain.uuid then
      fail{ message = ("%s is on %s already, as %s"):format(domain.name, h.name, vm.name), hint = ("give name=%s to go on with it"):format(vm.name) }
    end
  end
  local file = ("%s/%s.vbox"):format(folder, name)
  if h.file.exists(file) then
    fail{
      message = ("there is a machine that VirtualBox has forgotten in %s"):format(folder),
      hint = ("take it in again (h.vbox.register(%q)), move it away, or give the parameter name"):format(file),
    }
  end
  return false
end

local function make_plan(h, kvm, p, domain)
  local name = p.name or domain.name
  if name:find("[/\n]") then fail{ message = ("%q is no name for a machine's folder"):format(name), hint = "give the parameter name" } end
  local folder = ("%s/%s"):format(vm_folder(h, p), name)
  local version = h.vbox.version()
  local done = converted(h, p, folder, name, domain)
  local map, bridge = bridges(h, p)
  local plan = counterpart.of(domain, {
    folder = folder, version = version.major + version.minor / 10, virtio = p.virtio, ostype = p.ostype, bridge = bridge, bridges = map,
    network = function(network) return kvm.libvirt.network(network, { connect = p.connect }) end,
    efi = function() return kvm.libvirt.efi(domain.name, { connect = p.connect }) end,
  })
  check_bridges(h, p, plan)
  check_ostype(h, p, plan)
  plan.name, plan.folder, plan.done = name, folder, done
  for _, disk in ipairs(plan.disks) do
    disk.image = ("%s/%s-%s.vdi"):format(folder, name, disk.target)
    disk.copy = ("%s/%s-%s.raw"):format(folder, name, disk.target)
  end
  if (p.boot_check or p.rescue) and not version.driver then
    fail{ message = "the module vboxdrv is not loaded: no machine starts", hint = 'h.kld.ensure("vboxdrv", { boot = "loader" })' }
  end
  for _, text in ipairs(plan.lost) do log("no counterpart: %s", text) end
  for _, text in ipairs(plan.guest) do log("the guest: %s", text) end
  return plan
end

--- Shuts the domain down, if told to.
local function quiesce(kvm, p, domain)
  local state = kvm.libvirt.state(domain.name, { connect = p.connect }).state
  if state == "shut off" then return { changed = false } end
  if not p.shutdown then
    fail{
      message = ("%s is %s: its disks change while they are read"):format(domain.name, state),
      hint = ("shut it down, and resume; or let it be done: shutdown=true"), resumable = true,
    }
  end
  return kvm.libvirt.shutdown(domain.name, { connect = p.connect, within = p.within })
end

--- Makes the machine when its disks are there: what stands in the list of machines
--- can be started.
local function make_machine(h, p, plan, domain)
  local s = {}
  for name, value in pairs(plan.settings) do s[name] = value end
  s.uuid, s.base_folder, s.as, s.description = domain.uuid, p.folder, p.user, half_made(domain)
  local made = h.vbox.create(plan.name, s)
  return { changed = made.changed, uuid = domain.uuid }
end

--- Gives the machine its controllers, disks, adapters and ports.
local function furnish(h, p, plan)
  local changed = false
  local function note(done) changed = done.changed or changed end
  for _, c in ipairs(plan.controllers) do
    note(h.vbox.storage.controller(plan.name, c.name, { bus = c.bus, type = c.type, ports = c.ports, bootable = c.bootable, as = p.user }))
  end
  for _, disk in ipairs(plan.disks) do
    note(h.vbox.storage.attach(plan.name, disk.controller, disk.image, { port = disk.port, device = disk.device, as = p.user }))
  end
  for _, drive in ipairs(plan.drives) do
    note(h.vbox.storage.attach(plan.name, drive.controller, "emptydrive", { port = drive.port, device = drive.device, type = "dvddrive", as = p.user }))
  end
  note(h.vbox.modify(plan.name, { nics = plan.nics, uarts = plan.uarts, as = p.user }))
  return { changed = changed }
end

local function check_machine(h, p, plan)
  local differences = counterpart.differences(plan, h.vbox.info(plan.name, { as = p.user }))
  if #differences > 0 then
    fail{ message = "the machine is not as it was meant to be: " .. table.concat(differences, "; "), hint = "see h.vbox.info; another run tries again" }
  end
  return { changed = false, settings = plan.settings, adapters = plan.nics }
end

--- Notes on the machine that it is whole.
local function finish(h, kvm, p, plan, domain)
  local done = h.vbox.modify(plan.name, { description = ("%s of %s"):format(whole(domain), kvm.name), as = p.user })
  if domain.autostart then log("%s starts with %s: keep it from that (virsh autostart --disable %s), as both have the same addresses", domain.name, kvm.name, word(domain.name)) end
  return { changed = done.changed }
end

function recipe.run(h, p)
  local kvm = connect(p.from)
  local domain = step("Read the domain", function() return read_domain(kvm, p) end)
  local plan = step("Find the counterparts", function() return make_plan(h, kvm, p, domain) end)
  local result = { machine = plan.name, folder = plan.folder, settings = plan.settings, adapters = plan.nics, lost = plan.lost, guest = plan.guest, changed = not plan.done }
  if not plan.done then
    plan.disks = step("Look at the disks", function() return disks.look(kvm, plan, domain.state ~= "shut off") end)
    step("Check the space", function() return disks.check_space(h, kvm, p, plan) end)
    step("Shut the domain down", function() return quiesce(kvm, p, domain) end)
    step("Make its folder", function() return disks.make_folder(h, p, plan) end)
    result.disks = {}
    for i, disk in ipairs(plan.disks) do result.disks[i] = disks.move(h, kvm, p, plan, disk) end
    step("Make the machine", function() return make_machine(h, p, plan, domain) end)
    step("Furnish the machine", function() return furnish(h, p, plan) end)
    step("Compare the settings", { changes = false }, function() return check_machine(h, p, plan) end)
    step("Finish", function() return finish(h, kvm, p, plan, domain) end)
  else
    log("%s was converted before; what has become of it since is left alone", plan.name)
  end
  if not p.keep_copies then step("Remove the copies", function() return disks.remove_copies(h, kvm, p, plan) end) end
  if p.boot_check then result.boot = step("Check that it boots", function() return trial.boot(h, p, plan) end) end
  if p.rescue then result.rescue = step("Attach the disk for rescue", function() return trial.attach(h, p, plan) end) end
  return result
end

return recipe
