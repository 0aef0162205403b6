// Package vbox drives VirtualBox with VBoxManage: machines, their disks and
// adapters, conversions, snapshots. Functions that change a machine look first and
// change what differs.
package vbox

import (
	"slices"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesMissing = `kind "missing": the user has no such machine`
	raisesOn      = `kind "failed": the machine runs, or is saved, and can only be changed while it is off`
	raisesMedium  = `kind "missing": there is no such image`
	raisesLeave   = `kind "stopped": it cannot be taken back, and leave was not given`
)

// Module is h.vbox.
var Module = binding.Module{
	Name: "vbox",
	Doc: "Virtual machines of VirtualBox, by VBoxManage. " +
		"Every user has machines and media of his own: as= says whose are meant, and root sees none of the others'. Sizes are in bytes throughout.",
	Funcs: slices.Concat(machines, storage, mediaFuncs, running, snapshots),
}

var machines = []binding.Func{
	{
		Name: "version", Kind: effect.Read, Call: ShowVersion, See: []string{"VBoxManage --version"},
		Doc:     "Returns which VirtualBox the host has, and whether the kernel's module is there, without which no machine starts.",
		Raises:  []string{`kind "missing": VirtualBox is not installed`},
		Example: `if not h.vbox.version().driver then h.kld.ensure("vboxdrv", { boot = "loader" }) end`,
	},
	{
		Name: "vms", Kind: effect.Read, Call: List, See: []string{"VBoxManage list vms"},
		Doc:     "Returns the machines of a user.",
		Example: `for _, vm in ipairs(h.vbox.vms{ as = "vbox" }) do log("%s %s", vm.name, tostring(vm.running)) end`,
	},
	{
		Name: "info", Kind: effect.Read, Call: Show, See: []string{"VBoxManage showvminfo --machinereadable"},
		Doc:     "Returns a machine with its settings, controllers, media, network adapters and serial ports.",
		Raises:  []string{raisesMissing},
		Example: `local vm = h.vbox.info("mail", { as = "vbox" }); log("%d MiB", vm.memory / 1024^2)`,
	},
	{
		Name: "ostypes", Kind: effect.Read, Call: OSTypes, See: []string{"VBoxManage list ostypes"},
		Doc:     "Returns the types of guests that VirtualBox knows.",
		Example: `for _, t in ipairs(h.vbox.ostypes("BSD")) do log("%s: %s", t.id, t.description) end`,
	},
	{
		Name: "create", Kind: effect.Change, Call: Create, See: []string{"VBoxManage createvm", "VBoxManage modifyvm"},
		Doc: "Makes a machine and registers it, or gives the settings to the one that has the name. " +
			"A new machine has one network adapter, of NAT, and no storage controller.",
		Raises:  []string{raisesOn, `kind "invalid": VirtualBox knows no such type of guests`, `kind "failed": the settings of an unregistered machine of that name are there: vbox.register takes it in`},
		Example: `h.vbox.create("mail", { ostype = "FreeBSD_64", memory = 2048 * 1024^2, cpus = 2, ioapic = true, rtc_utc = true, as = "vbox" })`,
	},
	{
		Name: "modify", Kind: effect.Change, Call: Modify, See: []string{"VBoxManage modifyvm"},
		Doc:     "Gives a machine that is off the settings that it does not have, by one command.",
		Raises:  []string{raisesMissing, raisesOn},
		Example: `h.vbox.modify("mail", { nics = { { kind = "bridged", adapter = "em0", mac = "52:54:00:aa:bb:cc" } }, uarts = { { mode = "file", path = "/var/log/mail.console" } } })`,
	},
	{
		Name: "forward", Kind: effect.Change, Call: SetForwards, See: []string{"VBoxManage modifyvm --natpf1", "VBoxManage controlvm natpf1"},
		Doc:     "Leads ports of the host to the guest behind an adapter of NAT, also of a machine that runs. A rule that is there under a name with other ports is replaced; others stay without exact.",
		Raises:  []string{raisesMissing, `kind "failed": the adapter is not one of NAT`},
		Example: `h.vbox.forward("mail", { { name = "ssh", host_port = 2222, guest_port = 22 } })`,
	},
	{
		Name: "bridge", Kind: effect.Change, Call: Bridge, See: []string{"VBoxManage modifyvm --bridgeadapter1", "VBoxManage controlvm nic1"},
		Doc:     "Connects a network adapter of a machine to an interface of the host, so that the guest is in its network. A machine that runs is connected at once.",
		Raises:  []string{raisesMissing, `kind "missing": VirtualBox cannot bridge to such an interface`, raisesOn},
		Example: `h.vbox.bridge("mail", "em0")`,
	},
	{
		Name: "bridges", Kind: effect.Read, Call: ListBridges, See: []string{"VBoxManage list bridgedifs"},
		Doc:     "Returns the host's interfaces that machines can be bridged to.",
		Example: `log("%s", h.vbox.bridges()[1].name)`,
	},
	{
		Name: "register", Kind: effect.Change, Call: Register, See: []string{"VBoxManage registervm"},
		Doc:     "Takes in a machine whose files are there. One that is registered from that file is left alone.",
		Raises:  []string{`kind "missing": there is no such file`, `kind "failed": another machine has its name or UUID, or VirtualBox cannot read it`},
		Example: `h.vbox.register("/vm/mail/mail.vbox", { as = "vbox" })`,
	},
	{
		Name: "remove", Kind: effect.Change, Risk: effect.Irreversible, Call: Remove, See: []string{"VBoxManage unregistervm"},
		Doc: "Takes a machine out of VirtualBox. Its files stay, and its media registered ones, unless media says to delete them, which is irreversible. " +
			"A machine that is not there is no error.",
		Raises:  []string{raisesOn, raisesLeave},
		Example: `h.vbox.remove("mail", { as = "vbox" })`,
	},
	{
		Name: "export", Kind: effect.Change, Call: Export, See: []string{"VBoxManage export"},
		Doc:     "Makes an appliance of a machine that is off, as a job. A file that is there is left alone.",
		Raises:  []string{raisesMissing, `kind "failed": the machine runs`, `kind "timeout": it takes longer than timeout, and goes on`},
		Example: `h.vbox.export("mail", "/backup/mail.ova")`,
	},
	{
		Name: "import", Kind: effect.Change, Call: Import, See: []string{"VBoxManage import"},
		Doc:     "Makes a machine of an appliance, as a job. A machine of the name that is there is left alone.",
		Raises:  []string{`kind "missing": there is no such file`, `kind "timeout": it takes longer than timeout, and goes on`},
		Example: `h.vbox.import("/backup/mail.ova", "mail2", { vdi = true })`,
	},
}

var storage = []binding.Func{
	{
		Name: "storage.controller", Kind: effect.Change, Call: EnsureController, See: []string{"VBoxManage storagectl"},
		Doc:     "Gives a machine that is off a storage controller, or takes it out. One of the name gets the chip, the ports and the flag that are asked for.",
		Raises:  []string{raisesMissing, raisesOn, `kind "failed": there is one of the name on another bus`},
		Example: `h.vbox.storage.controller("mail", "SATA", { bus = "sata", ports = 2 })`,
	},
	{
		Name: "storage.attach", Kind: effect.Change, Call: Attach, See: []string{"VBoxManage storageattach"},
		Doc:     "Puts a medium into a port of a controller. A port beyond the controller's number makes it larger. What is there already is left alone, also beneath what was written since a snapshot, and another medium is not pushed out without replace.",
		Raises:  []string{raisesMissing, raisesMedium, `kind "missing": the machine has no such controller`, raisesOn, `kind "failed": the port holds something else; the image has the UUID of another one`},
		Example: `h.vbox.storage.attach("mail", "SATA", "/vm/mail.vdi", { port = 0, new_uuid = true })`,
	},
	{
		Name: "storage.detach", Kind: effect.Change, Call: Detach, See: []string{"VBoxManage storageattach --medium none"},
		Doc:     "Takes out of a port what is in it. The image stays, and stays registered.",
		Raises:  []string{raisesMissing, raisesOn},
		Example: `h.vbox.storage.detach("rescue", "SATA", { port = 1 })`,
	},
	{
		Name: "convert_raw", Kind: effect.Change, Risk: effect.Irreversible, Call: ConvertRaw, See: []string{"VBoxManage convertfromraw", "VBoxManage convertdd"},
		Doc: "Makes a VDI, VMDK or VHD image of a raw one, as a job whose progress is the growing file; it goes on when the connection is lost, and a later run waits for it. " +
			"The image appears under its name once it is whole. An image that is there is left alone if it has the source's size, since a machine may have written to it; replace makes it anew, which is irreversible. " +
			"What is not raw by its first bytes, as qcow2, is refused: VirtualBox would take it for the disk's content.",
		Raises: []string{raisesMedium, `kind "failed": the source is no raw image, or no whole number of sectors; the image is there with another size; the file system is full`, raisesLeave,
			`kind "timeout": it takes longer than timeout, and goes on`},
		Example: `h.vbox.convert_raw("/vm/mail.img", "/vm/mail.vdi", { as = "vbox" })`,
	},
}

var mediaFuncs = []binding.Func{
	{
		Name: "media", Kind: effect.Read, Call: ListMedia, See: []string{"VBoxManage list -l hdds"},
		Doc:     "Returns the disk images that a user's VirtualBox knows, and the machines that have them.",
		Example: `for _, m in ipairs(h.vbox.media()) do log("%s %s", m.path, m.state) end`,
	},
	{
		Name: "medium.info", Kind: effect.Read, Call: ShowMedium, See: []string{"VBoxManage showmediuminfo", "VBoxManage showhdinfo"},
		Doc:     "Returns what an image is. It need not be registered.",
		Raises:  []string{raisesMedium, `kind "failed": it is a copy of a known one, and has its UUID`},
		Example: `log("%d bytes", h.vbox.medium.info("/vm/mail.vdi").capacity)`,
	},
	{
		Name: "medium.create", Kind: effect.Change, Call: CreateMedium, See: []string{"VBoxManage createmedium", "VBoxManage createhd"},
		Doc:     "Makes an image of an empty disk. One that is there with that size is left alone.",
		Raises:  []string{`kind "failed": it is there with another size`},
		Example: `h.vbox.medium.create("/vm/data.vdi", 20 * 1024^3)`,
	},
	{
		Name: "medium.resize", Kind: effect.Change, Call: Resize, See: []string{"VBoxManage modifymedium --resize", "VBoxManage modifyhd"},
		Doc:     "Makes the disk of an image larger. The partitions in it stay as they are.",
		Raises:  []string{raisesMedium, `kind "failed": it would be smaller; a machine that runs has it; the format or variant cannot`},
		Example: `h.vbox.medium.resize("/vm/mail.vdi", 40 * 1024^3)`,
	},
	{
		Name: "medium.compact", Kind: effect.Change, Call: Compact, See: []string{"VBoxManage modifymedium --compact", "VBoxManage modifyhd"},
		Doc:     "Gives back what an image uses for blocks of zeros, as a job. Whether that is anything shows only afterwards.",
		Raises:  []string{raisesMedium},
		Example: `local c = h.vbox.medium.compact("/vm/mail.vdi"); log("%d bytes less", c.before - c.after)`,
	},
	{
		Name: "medium.clone", Kind: effect.Change, Call: Clone, See: []string{"VBoxManage clonemedium", "VBoxManage clonehd"},
		Doc:     "Copies a disk into an image of its own, also into a raw one, as a job. The copy appears once it is whole; one that is there is left alone.",
		Raises:  []string{raisesMedium, `kind "timeout": it takes longer than timeout, and goes on`},
		Example: `h.vbox.medium.clone("/vm/mail.vdi", "/backup/mail.img", { format = "RAW" })`,
	},
	{
		Name: "medium.close", Kind: effect.Change, Risk: effect.Irreversible, Call: Close, See: []string{"VBoxManage closemedium"},
		Doc:     "Makes VirtualBox forget an image. The file stays unless delete says otherwise, which is irreversible. One that it does not know is left alone.",
		Raises:  []string{`kind "failed": a machine has it`, raisesLeave},
		Example: `h.vbox.medium.close("/vm/old.vdi")`,
	},
	{
		Name: "medium.set_uuid", Kind: effect.Change, Call: SetUUID, See: []string{"VBoxManage internalcommands sethduuid"},
		Doc:     "Gives a copied image a UUID of its own: a copy of a file has that of the original, and VirtualBox takes only one of them. Where there is no other one of its UUID, it stays.",
		Raises:  []string{raisesMedium, `kind "failed": VirtualBox knows the image by the UUID that it has`},
		Example: `h.vbox.medium.set_uuid("/vm/copy.vdi")`,
	},
}

var running = []binding.Func{
	{
		Name: "state", Kind: effect.Read, Call: ShowState, See: []string{"VBoxManage showvminfo --machinereadable"},
		Doc:     "Tells whether a machine runs.",
		Raises:  []string{raisesMissing},
		Example: `if h.vbox.state("mail").running then log("it runs") end`,
	},
	{
		Name: "start", Kind: effect.Change, Call: Start, See: []string{"VBoxManage startvm"},
		Doc:     "Starts a machine, without a window; one that is paused or saved goes on. One that runs is left alone. That the guest comes up takes longer: its console, or a port of it, tells.",
		Raises:  []string{raisesMissing, `kind "failed": it does not start, as without the kernel's module vboxdrv`},
		Example: `h.vbox.start("mail", { as = "vbox" })`,
	},
	{
		Name: "stop", Kind: effect.Change, Call: Stop, See: []string{"VBoxManage controlvm"},
		Doc:     "Asks the guest to shut down and waits until the machine is off; with force it pulls the plug where that takes too long. A machine that is off is left alone.",
		Raises:  []string{raisesMissing, `kind "timeout": the guest does not shut down in time, and force is not given`},
		Example: `h.vbox.stop("mail", { within = 300, force = true })`,
	},
	{
		Name: "reset", Kind: effect.Change, Call: Reset, See: []string{"VBoxManage controlvm reset"},
		Doc:     "Restarts a machine as its reset button does: the guest is not asked.",
		Raises:  []string{raisesMissing, `kind "failed": it does not run`},
		Example: `h.vbox.reset("mail")`,
	},
	{
		Name: "guestproperty", Kind: effect.Read, Call: GuestProperties, See: []string{"VBoxManage guestproperty enumerate"},
		Doc:     "Returns what a guest with the additions tells its host, by name: addresses, system, users.",
		Raises:  []string{raisesMissing},
		Example: `log("%s", h.vbox.guestproperty("mail")["/VirtualBox/GuestInfo/Net/0/V4/IP"])`,
	},
}

var snapshots = []binding.Func{
	{
		Name: "snapshot.take", Kind: effect.Change, Call: TakeSnapshot, See: []string{"VBoxManage snapshot take"},
		Doc:     "Keeps the state of a machine, with its memory if it runs. A snapshot of that name stays as it is.",
		Raises:  []string{raisesMissing},
		Example: `h.vbox.snapshot.take("mail", "before-upgrade")`,
	},
	{
		Name: "snapshot.list", Kind: effect.Read, Call: ListSnapshots, See: []string{"VBoxManage snapshot list --machinereadable"},
		Doc:     "Returns the snapshots of a machine, each after the one that it goes back to.",
		Raises:  []string{raisesMissing},
		Example: `for _, s in ipairs(h.vbox.snapshot.list("mail")) do log("%s", s.name) end`,
	},
	{
		Name: "snapshot.restore", Kind: effect.Change, Risk: effect.Irreversible, Call: RestoreSnapshot, See: []string{"VBoxManage snapshot restore"},
		Doc:     "Brings a machine that is off back to a snapshot. What it has written since then is lost.",
		Raises:  []string{raisesMissing, `kind "missing": there is no such snapshot`, `kind "failed": the machine runs`, raisesLeave},
		Example: `h.vbox.snapshot.restore("mail", "before-upgrade")`,
	},
	{
		Name: "snapshot.delete", Kind: effect.Change, Risk: effect.Irreversible, Call: DeleteSnapshot, See: []string{"VBoxManage snapshot delete"},
		Doc:     "Gives up a snapshot: the machine stays as it is, and can no longer go back to it. One that is not there is no error.",
		Raises:  []string{raisesMissing, raisesLeave},
		Example: `h.vbox.snapshot.delete("mail", "before-upgrade")`,
	},
}
