--- Tests of kvm-to-virtualbox.

--- Runs the recipe with two machines: where the domain is, and where it goes.
local function convert(to, from, params, options)
  options = options or {}
  options.params = params
  params.from = from
  return rehearse.run(to, options)
end

local function machines()
  return rehearse.machine("vboxhost"), rehearse.machine("kvmhost")
end

--- Defines a domain like web with other words in its XML, and with small disks.
local function define(from, words)
  from:run("qemu-img create -f qcow2 /var/lib/libvirt/images/web.qcow2 16M && truncate -s 8M /var/lib/libvirt/images/web-data.img")
  local xml = from:read{ "virsh", "dumpxml", "web" }.stdout
  for part, other in pairs(words) do
    local at, to = xml:find(part, 1, true)
    expect.yes(at, "web's XML has " .. part)
    xml = xml:sub(1, at - 1) .. other .. xml:sub(to + 1)
  end
  from:run{ "virsh", "undefine", "web" }
  from.file.put("/root/web.xml", xml)
  from:run{ "virsh", "define", "/root/web.xml" }
end

--- What a run did or would do: the step, the function and the other host, one a line.
local function changes(run)
  local list = {}
  for _, s in ipairs(run.steps) do
    for _, c in ipairs(s.changes or {}) do list[#list + 1] = ("%s: %s %s"):format(s.name, c.op, c.host or "") end
  end
  return table.concat(list, "\n")
end

for domain, params in pairs{
  web = { verify = true }, ["mail server"] = { shutdown = true },
} do
  test("a check tells all that is done to convert " .. domain, function()
    local to, from = machines()
    if domain == "web" then define(from, {}) end
    params.domain, params.user, params.direct = domain, "vbox", "no"
    local check = convert(to, from, params, { check = true })
    for _, s in ipairs(check.steps) do
      if s.status == "unknown" then expect.matches(s.name, "^Compare") end
    end
    expect.equal(#to.vbox.vms{ as = "vbox" }, 0)
    expect.equal(changes(check), changes(convert(to, from, params)))
  end)
end

test("disks in their order, compared; a second run leaves the machine alone", function()
  local to, from = machines()
  define(from, {})
  local run = convert(to, from, { domain = "web", user = "vbox", verify = true })
  expect.like(run.result.disks[1], { target = "vda", port = 0 })
  expect.like(run.result.disks[2], { target = "vdb", port = 1 })
  expect.matches(run.result.disks[1].sha256, "^%x+$")
  expect.contains(to.vbox.info("web", { as = "vbox" }).description, "Converted from the domain web of ")
  expect.equal(to.file.find("/home/vbox", { name = "*.raw" }), {})
  expect.equal(convert(to, from, { domain = "web", user = "vbox" }).changed, 0)
end)

for name, case in pairs{
  ["another processor"] = { { ["arch='x86_64' machine='pc-i440fx-7.2'"] = "arch='aarch64' machine='virt'" }, "VirtualBox runs those of x86 alone" },
  ["a kernel of the host's"] = { { ["<boot dev='hd'/>"] = "<kernel>/boot/vmlinuz</kernel>" }, "boots the kernel /boot/vmlinuz of its host" },
  ["a device that is passed through"] = { { ["<disk type='file' device='disk'>"] = "<disk type='file' device='lun'>" }, "passed through" },
  ["a disk that forgets"] = { { ["<serial>WEB-0001</serial>"] = "<transient/>" }, "forgets what is written to it" },
} do
  test(name .. " has no counterpart", function()
    local to, from = machines()
    define(from, case[1])
    local run = convert(to, from, { domain = "web" }, { ends = "failed" })
    expect.contains(run.error.message, case[2])
    expect.equal(run.changed, 0)
  end)
end

test("what has no counterpart is listed", function()
  local to, from = machines()
  define(from, {
    ["<model type='virtio'/>"] = "<model type='rtl8139'/><mtu size='9000'/>",
    ["<interface type='network'>"] = "<interface type='user'>",
    ["<source network='default'/>"] = "<link state='down'/>",
    ["<serial type='pty'>"] = "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='4555'/><protocol type='raw'/>",
    ["<clock offset='utc'/>"] = "<clock offset='localtime'/>",
    ["http://freebsd.org/freebsd/14.0"] = "http://example.org/unknown",
  })
  local run = convert(to, from, { domain = "web", ostype = "Other_64", bridges = { "br0=em0" } })
  expect.contains(table.concat(run.result.lost, "\n"), "MTU 9000 of interface 52:54:00:10:00:01")
  expect.equal(to.vbox.info("web").nics[2].cable, false, "the cable that is out stays out")
end)

test("disks of other buses keep theirs, or say what they become", function()
  local to, from = machines()
  define(from, {
    ["<target dev='vda' bus='virtio'/>"] = "<target dev='hda' bus='ide'/>",
    ["<target dev='vdb' bus='virtio'/>"] = "<target dev='sda' bus='scsi'/>",
    ["<address type='pci' domain='0x0000' bus='0x00' slot='0x06' function='0x0'/>"] = "",
    ["<address type='pci' domain='0x0000' bus='0x00' slot='0x07' function='0x0'/>"] = "<address type='drive' controller='0' bus='0' target='0' unit='0'/>",
    ["<controller type='usb' index='0' model='piix3-uhci'>"] = "<controller type='scsi' index='0' model='lsilogic'/><controller type='usb' index='0' model='piix3-uhci'>",
  })
  local run = convert(to, from, { domain = "web" })
  expect.like(run.result.disks[1], { controller = "IDE", before = run.result.disks[1].after })
  expect.equal(run.result.disks[2].controller, "SCSI")
end)

test("an old VirtualBox has no virtio-scsi", function()
  local run = convert(rehearse.machine("vboxhost", { params = { ["vbox-version"] = "6.0.24" } }), rehearse.machine("kvmhost"), { domain = "web", virtio = "virtio" }, { ends = "failed" })
  expect.contains(run.error.message, "VirtualBox has controllers of virtio-scsi from 6.1 on, and this is 6")
  expect.equal(run.changed, 0)
end)

for name, case in pairs{
  ["snapshots"] = { { domain = "lab" }, "lab has snapshots, which have no counterpart", "stopped" },
  ["a domain that runs"] = { { domain = "mail server" }, "mail server is running", "stopped" },
  ["an interface that cannot be bridged to"] = { { domain = "web", bridge = "em7" }, "VirtualBox cannot bridge to em7" },
  ["a type of guests that there is not"] = { { domain = "web", ostype = "Plan9" }, "VirtualBox knows no type of guests Plan9" },
  ["a bridge without an interface"] = { { domain = "web", bridges = { "br0" } }, "is no bridge with its interface" },
  ["a domain that there is not"] = { { domain = "none" }, "none" },
  ["a user that there is not"] = { { domain = "web", user = "nobody2" }, "nobody2" },
  ["a name that is no folder's"] = { { domain = "web", name = "a/b" }, "is no name for a machine's folder" },
} do
  test(name .. ": refused before anything is changed", function()
    local to, from = machines()
    local run = convert(to, from, case[1], { ends = case[3] or "failed" })
    expect.contains(run.error.message, case[2])
    expect.equal(run.changed, 0)
  end)
end

test("a guest is shut down when told to; EFI, and blanks in names", function()
  local to, from = machines()
  local run = convert(to, from, { domain = "mail server", user = "vbox", shutdown = true, keep_copies = true })
  expect.equal(run.step["Shut the domain down"], "changed")
  expect.yes(#to.file.find("/home/vbox", { name = "*.raw" }) > 0, "the copies are kept")
  local other = convert(to, from, { domain = "db", user = "vbox", direct = "no" })
  expect.equal(to.vbox.info("db", { as = "vbox" }).firmware, "efi")
  local clash = convert(to, from, { domain = "web", user = "vbox", name = "db" }, { ends = "failed" })
  expect.contains(clash.error.message, "there is another machine db on ")
  local twice = convert(to, from, { domain = "db", user = "vbox", name = "other" }, { ends = "failed" })
  expect.contains(twice.error.message, "already, as db")
  expect.equal(other.result.machine, "db")
end)

test("a boot check hears the guest, or says that it did not", function()
  local to, from = machines()
  local run = convert(to, from, { domain = "web", boot_check = true })
  expect.equal(run.result.boot.booted, true)
  local deaf = convert(to, from, { domain = "web", boot_check = true, boot_text = "something else", boot_within = 60 }, { ends = "failed" })
  expect.contains(deaf.error.message, 'the guest did not say "something else" on COM1 within')
  to.vbox.start("web")
  local running = convert(to, from, { domain = "web", boot_check = true })
  expect.equal(running.result.boot.booted, "it was running before")
end)

test("a rescue machine gets the disk, where it has a place for it", function()
  local to, from = machines()
  define(from, {})
  to.vbox.create("rescue", { ostype = "FreeBSD_64" })
  local none = convert(to, from, { domain = "web", rescue = "rescue" }, { ends = "failed" })
  expect.contains(none.error.message, "rescue has no SATA controller")
  to.vbox.storage.controller("rescue", "SATA", { bus = "sata" })
  local attached = convert(to, from, { domain = "web", rescue = "rescue" })
  expect.like(attached.result.rescue, { machine = "rescue", port = 0, changed = true })
end)

test("too little room is told before the machine is made", function()
  local to, from = machines()
  to:run("truncate -s 100m /var/tmp/disk && zpool create small /var/tmp/disk")
  from:run("dd if=/dev/zero of=/var/lib/libvirt/images/web-data.img bs=1M count=300")
  local run = convert(to, from, { domain = "web", folder = "/small" }, { ends = "stopped" })
  expect.equal(run.step["Check the space"], "stopped")
  expect.contains(run.error.message, "are needed for the disks")
end)
