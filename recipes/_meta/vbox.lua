---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Virtual machines of VirtualBox, by VBoxManage. Every user has machines and media of his own: as= says whose are meant, and root sees none of the others'. Sizes are in bytes throughout.
---@class h.vbox
local vbox = {}

vbox.storage = {}

vbox.medium = {}

vbox.snapshot = {}

---Returns which VirtualBox the host has, and whether the kernel's module is there, without which no machine starts.
---@param options? vbox.version.options
---@return vbox.Version
function vbox.version(options) end

---Returns the machines of a user.
---@param options? vbox.vms.options
---@return vbox.VM[]
function vbox.vms(options) end

---Returns a machine with its settings, controllers, media, network adapters and serial ports.
---@param vm string name or UUID of the machine
---@param options? vbox.info.options
---@return vbox.Info
---@overload fun(arguments: vbox.info.arguments): vbox.Info
function vbox.info(vm, options) end

---Returns the types of guests that VirtualBox knows.
---@param family? string only those of this family, such as "BSD"; default: all
---@param options? vbox.ostypes.options
---@return vbox.OSType[]
---@overload fun(arguments: vbox.ostypes.arguments): vbox.OSType[]
function vbox.ostypes(family, options) end

---Makes a machine and registers it, or gives the settings to the one that has the name. A new machine has one network adapter, of NAT, and no storage controller.
---@param vm string name of the machine
---@param options? vbox.create.options
---@return vbox.Created
---@overload fun(arguments: vbox.create.arguments): vbox.Created
function vbox.create(vm, options) end

---Gives a machine that is off the settings that it does not have, by one command.
---@param vm string name or UUID of the machine
---@param options? vbox.modify.options
---@return vbox.Modified
---@overload fun(arguments: vbox.modify.arguments): vbox.Modified
function vbox.modify(vm, options) end

---Leads ports of the host to the guest behind an adapter of NAT, also of a machine that runs. A rule that is there under a name with other ports is replaced; others stay without exact.
---@param vm string name or UUID of the machine
---@param forwards vbox.Forward[] the rules; one that is there under a name with other ports is replaced
---@param options? vbox.forward.options
---@return vbox.Modified
---@overload fun(arguments: vbox.forward.arguments): vbox.Modified
function vbox.forward(vm, forwards, options) end

---Connects a network adapter of a machine to an interface of the host, so that the guest is in its network. A machine that runs is connected at once.
---@param vm string name or UUID of the machine
---@param adapter string the host's interface: "em0"
---@param options? vbox.bridge.options
---@return vbox.Modified
---@overload fun(arguments: vbox.bridge.arguments): vbox.Modified
function vbox.bridge(vm, adapter, options) end

---Returns the host's interfaces that machines can be bridged to.
---@param options? vbox.bridges.options
---@return vbox.Bridgeable[]
function vbox.bridges(options) end

---Takes in a machine whose files are there. One that is registered from that file is left alone.
---@param file string the machine's settings: NAME.vbox in its folder
---@param options? vbox.register.options
---@return vbox.Changed
---@overload fun(arguments: vbox.register.arguments): vbox.Changed
function vbox.register(file, options) end

---Takes a machine out of VirtualBox. Its files stay, and its media registered ones, unless media says to delete them, which is irreversible. A machine that is not there is no error.
---@param vm string name or UUID of the machine
---@param options? vbox.remove.options
---@return vbox.Removed
---@overload fun(arguments: vbox.remove.arguments): vbox.Removed
function vbox.remove(vm, options) end

---Makes an appliance of a machine that is off, as a job. A file that is there is left alone.
---@param vm string name or UUID of the machine
---@param to string the appliance: a file that ends in .ova
---@param options? vbox.export.options
---@return vbox.Exported
---@overload fun(arguments: vbox.export.arguments): vbox.Exported
function vbox.export(vm, to, options) end

---Makes a machine of an appliance, as a job. A machine of the name that is there is left alone.
---@param file string the appliance: an .ova, or an .ovf beside its disks
---@param vm string name of the new machine; one of that name is left alone
---@param options? vbox.import.options
---@return vbox.Created
---@overload fun(arguments: vbox.import.arguments): vbox.Created
function vbox.import(file, vm, options) end

---Gives a machine that is off a storage controller, or takes it out. One of the name gets the chip, the ports and the flag that are asked for.
---@param vm string name or UUID of the machine
---@param name string of the controller: "SATA"
---@param options? vbox.storage.controller.options
---@return vbox.Modified
---@overload fun(arguments: vbox.storage.controller.arguments): vbox.Modified
function vbox.storage.controller(vm, name, options) end

---Puts a medium into a port of a controller. A port beyond the controller's number makes it larger. What is there already is left alone, also beneath what was written since a snapshot, and another medium is not pushed out without replace.
---@param vm string name or UUID of the machine
---@param controller string name of the controller
---@param medium string path of the image, or UUID of a medium; "emptydrive" for a drive without one
---@param options? vbox.storage.attach.options
---@return vbox.Changed
---@overload fun(arguments: vbox.storage.attach.arguments): vbox.Changed
function vbox.storage.attach(vm, controller, medium, options) end

---Takes out of a port what is in it. The image stays, and stays registered.
---@param vm string name or UUID of the machine
---@param controller string name of the controller
---@param options? vbox.storage.detach.options
---@return vbox.Detached
---@overload fun(arguments: vbox.storage.detach.arguments): vbox.Detached
function vbox.storage.detach(vm, controller, options) end

---Makes a VDI, VMDK or VHD image of a raw one, as a job whose progress is the growing file; it goes on when the connection is lost, and a later run waits for it. The image appears under its name once it is whole. An image that is there is left alone if it has the source's size, since a machine may have written to it; replace makes it anew, which is irreversible. What is not raw by its first bytes, as qcow2, is refused: VirtualBox would take it for the disk's content.
---@param from string the raw image, or a disk's device
---@param to string the image to make
---@param options? vbox.convert_raw.options
---@return vbox.Converted
---@overload fun(arguments: vbox.convert_raw.arguments): vbox.Converted
function vbox.convert_raw(from, to, options) end

---Returns the disk images that a user's VirtualBox knows, and the machines that have them.
---@param options? vbox.media.options
---@return vbox.Medium[]
function vbox.media(options) end

---Returns what an image is. It need not be registered.
---@param medium string path of the image, or UUID of a medium that VirtualBox knows
---@param options? vbox.medium.info.options
---@return vbox.Medium
---@overload fun(arguments: vbox.medium.info.arguments): vbox.Medium
function vbox.medium.info(medium, options) end

---Makes an image of an empty disk. One that is there with that size is left alone.
---@param path string of the new image
---@param size integer of the disk: whole MiB
---@param options? vbox.medium.create.options
---@return vbox.MadeMedium
---@overload fun(arguments: vbox.medium.create.arguments): vbox.MadeMedium
function vbox.medium.create(path, size, options) end

---Makes the disk of an image larger. The partitions in it stay as they are.
---@param medium string path of the image, or UUID
---@param size integer that the disk shall have: whole MiB, and no less than now
---@param options? vbox.medium.resize.options
---@return vbox.Changed
---@overload fun(arguments: vbox.medium.resize.arguments): vbox.Changed
function vbox.medium.resize(medium, size, options) end

---Gives back what an image uses for blocks of zeros, as a job. Whether that is anything shows only afterwards.
---@param medium string path of the image, or UUID of a medium that VirtualBox knows
---@param options? vbox.medium.compact.options
---@return vbox.Compacted
---@overload fun(arguments: vbox.medium.compact.arguments): vbox.Compacted
function vbox.medium.compact(medium, options) end

---Copies a disk into an image of its own, also into a raw one, as a job. The copy appears once it is whole; one that is there is left alone.
---@param medium string path of the image to copy, or UUID
---@param to string the copy, which gets a UUID of its own
---@param options? vbox.medium.clone.options
---@return vbox.Converted
---@overload fun(arguments: vbox.medium.clone.arguments): vbox.Converted
function vbox.medium.clone(medium, to, options) end

---Makes VirtualBox forget an image. The file stays unless delete says otherwise, which is irreversible. One that it does not know is left alone.
---@param medium string path of the image, or UUID
---@param options? vbox.medium.close.options
---@return vbox.Changed
---@overload fun(arguments: vbox.medium.close.arguments): vbox.Changed
function vbox.medium.close(medium, options) end

---Gives a copied image a UUID of its own: a copy of a file has that of the original, and VirtualBox takes only one of them. Where there is no other one of its UUID, it stays.
---@param path string of the image
---@param options? vbox.medium.set_uuid.options
---@return vbox.Changed
---@overload fun(arguments: vbox.medium.set_uuid.arguments): vbox.Changed
function vbox.medium.set_uuid(path, options) end

---Tells whether a machine runs.
---@param vm string name or UUID of the machine
---@param options? vbox.state.options
---@return vbox.State
---@overload fun(arguments: vbox.state.arguments): vbox.State
function vbox.state(vm, options) end

---Starts a machine, without a window; one that is paused or saved goes on. One that runs is left alone. That the guest comes up takes longer: its console, or a port of it, tells.
---@param vm string name or UUID of the machine
---@param options? vbox.start.options
---@return vbox.Changed
---@overload fun(arguments: vbox.start.arguments): vbox.Changed
function vbox.start(vm, options) end

---Asks the guest to shut down and waits until the machine is off; with force it pulls the plug where that takes too long. A machine that is off is left alone.
---@param vm string name or UUID of the machine
---@param options? vbox.stop.options
---@return vbox.Stopped
---@overload fun(arguments: vbox.stop.arguments): vbox.Stopped
function vbox.stop(vm, options) end

---Restarts a machine as its reset button does: the guest is not asked.
---@param vm string name or UUID of the machine
---@param options? vbox.reset.options
---@return vbox.Changed
---@overload fun(arguments: vbox.reset.arguments): vbox.Changed
function vbox.reset(vm, options) end

---Returns what a guest with the additions tells its host, by name: addresses, system, users.
---@param vm string name or UUID of the machine
---@param pattern? string only those of such a name: "/VirtualBox/GuestInfo/Net/*"; default: all
---@param options? vbox.guestproperty.options
---@return table<string, string>
---@overload fun(arguments: vbox.guestproperty.arguments): table<string, string>
function vbox.guestproperty(vm, pattern, options) end

---Keeps the state of a machine, with its memory if it runs. A snapshot of that name stays as it is.
---@param vm string name or UUID of the machine
---@param snapshot string name of the snapshot; one of that name stays as it is
---@param options? vbox.snapshot.take.options
---@return vbox.Changed
---@overload fun(arguments: vbox.snapshot.take.arguments): vbox.Changed
function vbox.snapshot.take(vm, snapshot, options) end

---Returns the snapshots of a machine, each after the one that it goes back to.
---@param vm string name or UUID of the machine
---@param options? vbox.snapshot.list.options
---@return vbox.Snapshot[]
---@overload fun(arguments: vbox.snapshot.list.arguments): vbox.Snapshot[]
function vbox.snapshot.list(vm, options) end

---Brings a machine that is off back to a snapshot. What it has written since then is lost.
---@param vm string name or UUID of the machine
---@param snapshot string name or UUID of the snapshot
---@param options? vbox.snapshot.restore.options
---@return vbox.Changed
---@overload fun(arguments: vbox.snapshot.restore.arguments): vbox.Changed
function vbox.snapshot.restore(vm, snapshot, options) end

---Gives up a snapshot: the machine stays as it is, and can no longer go back to it. One that is not there is no error.
---@param vm string name or UUID of the machine
---@param snapshot string name or UUID of the snapshot
---@param options? vbox.snapshot.delete.options
---@return vbox.Changed
---@overload fun(arguments: vbox.snapshot.delete.arguments): vbox.Changed
function vbox.snapshot.delete(vm, snapshot, options) end

---@class vbox.version.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Version
---@field version string such as 7.2.4
---@field major integer
---@field minor integer
---@field patch integer
---@field revision string of its source
---@field text string as VBoxManage prints it
---@field driver boolean the kernel's module is there, without which no machine starts

---@class vbox.vms.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.VM
---@field name string <inaccessible> where its settings cannot be read
---@field uuid string
---@field running boolean
---@field accessible boolean its settings can be read

---@class vbox.info.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.info.arguments
---@field vm string name or UUID of the machine
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.VRDE
---@field enabled boolean
---@field ports? string a port, or a list or range of those to choose from
---@field address? string

---@class vbox.Attachment
---@field port integer
---@field device integer
---@field medium? string path of the medium; absent: an empty drive
---@field uuid? string of the medium
---@field empty boolean a drive without a medium
---@field ejected boolean the guest has put the medium out

---@class vbox.Controller
---@field name string
---@field bus string ide, sata, scsi, sas, usb, virtio, pcie, floppy; empty: not known
---@field type string the chip: IntelAhci, PIIX4, VirtioSCSI ...
---@field ports integer
---@field max_ports integer
---@field bootable boolean
---@field attachments vbox.Attachment[] what is in its ports

---@class vbox.Forward
---@field name string of the rule; default: made of the protocol and the ports, as VirtualBox does
---@field protocol string tcp or udp; default: tcp
---@field host_ip string address of the host; empty: all of them
---@field host_port integer
---@field guest_ip string address of the guest; empty: the one that it got from NAT
---@field guest_port integer

---@class vbox.NIC
---@field slot integer from 1
---@field kind string nat, bridged, intnet, hostonly, natnetwork, generic, null
---@field type string 82540EM, virtio ...
---@field mac string twelve hexadecimal digits
---@field cable boolean the cable is connected
---@field adapter? string the host's interface, for bridged and hostonly
---@field network? string the network, for intnet, natnetwork, and nat where it is not the default one
---@field forwards vbox.Forward[] ports of the host that lead to the guest, for nat

---@class vbox.UART
---@field slot integer from 1
---@field io integer address of the port
---@field irq integer
---@field mode string disconnected, file, server, client, tcpserver, tcpclient, or device
---@field path? string the file, pipe, device, or TCP port

---@class vbox.Info
---@field name string
---@field uuid string
---@field state string poweroff, running, paused, saved, aborted, starting, stopping ...
---@field since? string it has been in that state
---@field running boolean it runs, is paused, or is on the way from or to that
---@field session? string who has the machine open: headless, GUI/Qt ...
---@field ostype string the type of the guest in words: "FreeBSD (64-bit)"
---@field description? string
---@field config_file string
---@field snapshot_folder string
---@field log_folder string
---@field memory integer of the guest
---@field cpus integer
---@field vram integer of its graphics adapter
---@field chipset string piix3 or ich9
---@field firmware string bios, efi, efi32 or efi64
---@field rtc_utc boolean the hardware's clock goes by UTC
---@field ioapic boolean
---@field acpi boolean
---@field boot string[] what it boots from, in order: disk, dvd, net, floppy, none
---@field graphics? string the graphics adapter: vboxvga, vmsvga, vboxsvga, none; versions that have but one do not say
---@field vrde vbox.VRDE the remote desktop
---@field controllers vbox.Controller[]
---@field nics vbox.NIC[] the network adapters that there are
---@field uarts vbox.UART[] the serial ports that there are
---@field snapshot? string name of the snapshot that the present state goes back to
---@field settings table<string, string> everything that VBoxManage showvminfo --machinereadable says, as text

---@class vbox.ostypes.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.ostypes.arguments
---@field family? string only those of this family, such as "BSD"; default: all
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.OSType
---@field id string for vbox.create: FreeBSD_64
---@field description string as vbox.info shows it
---@field family string
---@field bits64 boolean

---@class vbox.VRDESettings
---@field enabled? boolean let it answer (true by default)
---@field ports? string a port, or a list or range of those to choose from
---@field address? string of the host, to listen on

---@class vbox.NICSettings
---@field kind? "none"|"null"|"nat"|"bridged"|"intnet"|"hostonly"|"natnetwork"|"generic" what it is connected to; none leaves its number out ("nat" by default)
---@field type? "Am79C970A"|"Am79C973"|"82540EM"|"82543GC"|"82545EM"|"virtio" the chip; virtio is vtnet in the guest, 82540EM em
---@field mac? string twelve hexadecimal digits, with or without colons; default: what it has
---@field cable? boolean the cable is connected (true by default)
---@field adapter? string the host's interface, for bridged and hostonly
---@field network? string the network, for intnet, natnetwork and generic; for nat other than the default one: 10.0.5.0/24
---@field forwards? vbox.Forward[] all ports of the host that lead to the guest, for nat; not given: they stay

---@class vbox.UARTSettings
---@field mode? "off"|"disconnected"|"file"|"server"|"client"|"tcpserver"|"tcpclient"|"device" where it leads ("disconnected" by default)
---@field path? string the file, pipe, device, or TCP port
---@field io? integer address; default: that of COM1 to COM4
---@field irq? integer interrupt; default: that of COM1 to COM4

---@class vbox.create.options
---@field uuid? string of a new machine; default: a new one
---@field base_folder? string the machine's own folder is made in this one; default: ~/VirtualBox VMs
---@field ostype? string the type of the guest, such as "FreeBSD_64": vbox.ostypes lists them
---@field description? string a text about the machine
---@field memory? integer of the guest: whole MiB
---@field cpus? integer number of processors; more than one need ioapic
---@field vram? integer of the graphics adapter: whole MiB
---@field chipset? "piix3"|"ich9" the board
---@field firmware? "bios"|"efi"|"efi32"|"efi64" what boots the guest
---@field rtc_utc? boolean the hardware's clock goes by UTC
---@field ioapic? boolean an I/O APIC, which 64-bit guests and several processors need
---@field acpi? boolean ACPI, without which no guest hears of vbox.stop
---@field boot? string[] what to boot from, in order, up to four of disk, dvd, net, floppy; the rest is none
---@field graphics? "none"|"vboxvga"|"vmsvga"|"vboxsvga" the graphics adapter; since VirtualBox 6
---@field vrde? vbox.VRDESettings the remote desktop
---@field nics? vbox.NICSettings[] all network adapters, in order; those beyond the list are taken out
---@field uarts? vbox.UARTSettings[] all serial ports, in order; those beyond the list are taken out
---@field other? table<string, string> further settings that VBoxManage modifyvm takes by the name under which vbox.info's settings show them, such as nestedpaging or paravirtprovider
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.create.arguments
---@field vm string name of the machine
---@field uuid? string of a new machine; default: a new one
---@field base_folder? string the machine's own folder is made in this one; default: ~/VirtualBox VMs
---@field ostype? string the type of the guest, such as "FreeBSD_64": vbox.ostypes lists them
---@field description? string a text about the machine
---@field memory? integer of the guest: whole MiB
---@field cpus? integer number of processors; more than one need ioapic
---@field vram? integer of the graphics adapter: whole MiB
---@field chipset? "piix3"|"ich9" the board
---@field firmware? "bios"|"efi"|"efi32"|"efi64" what boots the guest
---@field rtc_utc? boolean the hardware's clock goes by UTC
---@field ioapic? boolean an I/O APIC, which 64-bit guests and several processors need
---@field acpi? boolean ACPI, without which no guest hears of vbox.stop
---@field boot? string[] what to boot from, in order, up to four of disk, dvd, net, floppy; the rest is none
---@field graphics? "none"|"vboxvga"|"vmsvga"|"vboxsvga" the graphics adapter; since VirtualBox 6
---@field vrde? vbox.VRDESettings the remote desktop
---@field nics? vbox.NICSettings[] all network adapters, in order; those beyond the list are taken out
---@field uarts? vbox.UARTSettings[] all serial ports, in order; those beyond the list are taken out
---@field other? table<string, string> further settings that VBoxManage modifyvm takes by the name under which vbox.info's settings show them, such as nestedpaging or paravirtprovider
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.ModifiedSetting
---@field setting string
---@field before string
---@field after string

---@class vbox.Created
---@field changed boolean the machine was, or in check mode would be, made or altered
---@field created boolean it was not there
---@field uuid string
---@field config_file string the file with its settings
---@field changes vbox.ModifiedSetting[] the settings that were, or in check mode would be, altered

---@class vbox.modify.options
---@field ostype? string the type of the guest, such as "FreeBSD_64": vbox.ostypes lists them
---@field description? string a text about the machine
---@field memory? integer of the guest: whole MiB
---@field cpus? integer number of processors; more than one need ioapic
---@field vram? integer of the graphics adapter: whole MiB
---@field chipset? "piix3"|"ich9" the board
---@field firmware? "bios"|"efi"|"efi32"|"efi64" what boots the guest
---@field rtc_utc? boolean the hardware's clock goes by UTC
---@field ioapic? boolean an I/O APIC, which 64-bit guests and several processors need
---@field acpi? boolean ACPI, without which no guest hears of vbox.stop
---@field boot? string[] what to boot from, in order, up to four of disk, dvd, net, floppy; the rest is none
---@field graphics? "none"|"vboxvga"|"vmsvga"|"vboxsvga" the graphics adapter; since VirtualBox 6
---@field vrde? vbox.VRDESettings the remote desktop
---@field nics? vbox.NICSettings[] all network adapters, in order; those beyond the list are taken out
---@field uarts? vbox.UARTSettings[] all serial ports, in order; those beyond the list are taken out
---@field other? table<string, string> further settings that VBoxManage modifyvm takes by the name under which vbox.info's settings show them, such as nestedpaging or paravirtprovider
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.modify.arguments
---@field vm string name or UUID of the machine
---@field ostype? string the type of the guest, such as "FreeBSD_64": vbox.ostypes lists them
---@field description? string a text about the machine
---@field memory? integer of the guest: whole MiB
---@field cpus? integer number of processors; more than one need ioapic
---@field vram? integer of the graphics adapter: whole MiB
---@field chipset? "piix3"|"ich9" the board
---@field firmware? "bios"|"efi"|"efi32"|"efi64" what boots the guest
---@field rtc_utc? boolean the hardware's clock goes by UTC
---@field ioapic? boolean an I/O APIC, which 64-bit guests and several processors need
---@field acpi? boolean ACPI, without which no guest hears of vbox.stop
---@field boot? string[] what to boot from, in order, up to four of disk, dvd, net, floppy; the rest is none
---@field graphics? "none"|"vboxvga"|"vmsvga"|"vboxsvga" the graphics adapter; since VirtualBox 6
---@field vrde? vbox.VRDESettings the remote desktop
---@field nics? vbox.NICSettings[] all network adapters, in order; those beyond the list are taken out
---@field uarts? vbox.UARTSettings[] all serial ports, in order; those beyond the list are taken out
---@field other? table<string, string> further settings that VBoxManage modifyvm takes by the name under which vbox.info's settings show them, such as nestedpaging or paravirtprovider
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Modified
---@field changed boolean something was, or in check mode would be, changed
---@field changes vbox.ModifiedSetting[] the settings that were, or in check mode would be, altered

---@class vbox.forward.options
---@field nic? integer number of the adapter, which is one of NAT (1 by default)
---@field exact? boolean remove all other rules of the adapter
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.forward.arguments
---@field vm string name or UUID of the machine
---@field forwards vbox.Forward[] the rules; one that is there under a name with other ports is replaced
---@field nic? integer number of the adapter, which is one of NAT (1 by default)
---@field exact? boolean remove all other rules of the adapter
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.bridge.options
---@field nic? integer number of the machine's adapter (1 by default)
---@field type? "Am79C970A"|"Am79C973"|"82540EM"|"82543GC"|"82545EM"|"virtio" the chip; not given: it stays
---@field mac? string hardware address; not given: it stays
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.bridge.arguments
---@field vm string name or UUID of the machine
---@field adapter string the host's interface: "em0"
---@field nic? integer number of the machine's adapter (1 by default)
---@field type? "Am79C970A"|"Am79C973"|"82540EM"|"82543GC"|"82545EM"|"virtio" the chip; not given: it stays
---@field mac? string hardware address; not given: it stays
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.bridges.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Bridgeable
---@field name string
---@field address string
---@field mac string
---@field up boolean
---@field wireless boolean

---@class vbox.register.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.register.arguments
---@field file string the machine's settings: NAME.vbox in its folder
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Changed
---@field changed boolean something was, or in check mode would be, changed

---@class vbox.remove.options
---@field media? boolean delete its disks, snapshots and settings, too; else all files stay, and vbox.register takes the machine in again
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.remove.arguments
---@field vm string name or UUID of the machine
---@field media? boolean delete its disks, snapshots and settings, too; else all files stay, and vbox.register takes the machine in again
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Removed
---@field changed boolean it was, or in check mode would be, removed
---@field kept string[] disks that the machine had and that stay
---@field deleted string[] disks that are, or in check mode would be, deleted with it

---@class vbox.export.options
---@field format? "legacy09"|"ovf09"|"ovf10"|"ovf20" version of the format ("ovf10" by default)
---@field manifest? boolean put a list of checksums in
---@field timeout? number stop waiting after this; 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.export.arguments
---@field vm string name or UUID of the machine
---@field to string the appliance: a file that ends in .ova
---@field format? "legacy09"|"ovf09"|"ovf10"|"ovf20" version of the format ("ovf10" by default)
---@field manifest? boolean put a list of checksums in
---@field timeout? number stop waiting after this; 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Exported
---@field changed boolean the appliance was, or in check mode would be, made
---@field path string
---@field size integer

---@class vbox.import.options
---@field base_folder? string the machine's folder is made in this one; default: ~/VirtualBox VMs
---@field keep_macs? boolean the network adapters keep their hardware addresses
---@field vdi? boolean make VDI images of the disks
---@field timeout? number stop waiting after this; 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.import.arguments
---@field file string the appliance: an .ova, or an .ovf beside its disks
---@field vm string name of the new machine; one of that name is left alone
---@field base_folder? string the machine's folder is made in this one; default: ~/VirtualBox VMs
---@field keep_macs? boolean the network adapters keep their hardware addresses
---@field vdi? boolean make VDI images of the disks
---@field timeout? number stop waiting after this; 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.storage.controller.options
---@field bus? "ide"|"sata"|"scsi"|"sas"|"usb"|"virtio"|"pcie"|"floppy" what it is; needed for a new one. Disks are ada in a FreeBSD guest on ide and sata, da on scsi, sas and virtio
---@field type? "LSILogic"|"LSILogicSAS"|"BusLogic"|"IntelAhci"|"PIIX3"|"PIIX4"|"ICH6"|"I82078"|"USB"|"NVMe"|"VirtIO" the chip; default: the bus's usual one
---@field ports? integer how many; not given: the usual number, or what it has
---@field bootable? boolean the firmware can boot from it; not given: it can, or as it is
---@field host_io_cache? boolean use the host's cache for its disks; not given: as the chip has it. It cannot be read back, so that it only counts for a new one
---@field remove? boolean take the controller out instead, with what is in it
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.storage.controller.arguments
---@field vm string name or UUID of the machine
---@field name string of the controller: "SATA"
---@field bus? "ide"|"sata"|"scsi"|"sas"|"usb"|"virtio"|"pcie"|"floppy" what it is; needed for a new one. Disks are ada in a FreeBSD guest on ide and sata, da on scsi, sas and virtio
---@field type? "LSILogic"|"LSILogicSAS"|"BusLogic"|"IntelAhci"|"PIIX3"|"PIIX4"|"ICH6"|"I82078"|"USB"|"NVMe"|"VirtIO" the chip; default: the bus's usual one
---@field ports? integer how many; not given: the usual number, or what it has
---@field bootable? boolean the firmware can boot from it; not given: it can, or as it is
---@field host_io_cache? boolean use the host's cache for its disks; not given: as the chip has it. It cannot be read back, so that it only counts for a new one
---@field remove? boolean take the controller out instead, with what is in it
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.storage.attach.options
---@field port? integer from 0; on ide 0 is the primary, 1 the secondary channel
---@field device? integer on ide: 0 the master, 1 the slave
---@field type? "hdd"|"dvddrive"|"fdd" what it is ("hdd" by default)
---@field new_uuid? boolean where the image is a copy of one that VirtualBox knows, give it a UUID of its own first
---@field nonrotational? boolean the guest sees a solid state disk
---@field discard? boolean what the guest trims becomes free in the image
---@field replace? boolean put it in the place of another medium that is there
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.storage.attach.arguments
---@field vm string name or UUID of the machine
---@field controller string name of the controller
---@field medium string path of the image, or UUID of a medium; "emptydrive" for a drive without one
---@field port? integer from 0; on ide 0 is the primary, 1 the secondary channel
---@field device? integer on ide: 0 the master, 1 the slave
---@field type? "hdd"|"dvddrive"|"fdd" what it is ("hdd" by default)
---@field new_uuid? boolean where the image is a copy of one that VirtualBox knows, give it a UUID of its own first
---@field nonrotational? boolean the guest sees a solid state disk
---@field discard? boolean what the guest trims becomes free in the image
---@field replace? boolean put it in the place of another medium that is there
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.storage.detach.options
---@field port? integer from 0
---@field device? integer on ide: 0 or 1
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.storage.detach.arguments
---@field vm string name or UUID of the machine
---@field controller string name of the controller
---@field port? integer from 0
---@field device? integer on ide: 0 or 1
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Detached
---@field changed boolean something was, or in check mode would be, taken out
---@field medium? string path of what was in there; the image stays

---@class vbox.convert_raw.options
---@field format? "VDI"|"VMDK"|"VHD" of the new image ("VDI" by default)
---@field variant? "standard"|"fixed"|"stream" standard leaves out blocks of zeros and grows, fixed has all of its size from the start, stream is compressed (VMDK) ("standard" by default)
---@field host? Host the host that has the raw image: it is converted as it comes, whole, without a copy here. What is cut off begins anew
---@field uuid? string of the new image; default: a new one
---@field replace? boolean make it anew although it is there
---@field timeout? number stop waiting after this; the conversion goes on. 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.convert_raw.arguments
---@field from string the raw image, or a disk's device
---@field to string the image to make
---@field format? "VDI"|"VMDK"|"VHD" of the new image ("VDI" by default)
---@field variant? "standard"|"fixed"|"stream" standard leaves out blocks of zeros and grows, fixed has all of its size from the start, stream is compressed (VMDK) ("standard" by default)
---@field host? Host the host that has the raw image: it is converted as it comes, whole, without a copy here. What is cut off begins anew
---@field uuid? string of the new image; default: a new one
---@field replace? boolean make it anew although it is there
---@field timeout? number stop waiting after this; the conversion goes on. 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Converted
---@field changed boolean the image was, or in check mode would be, made
---@field path string of the image
---@field capacity integer of the disk in it
---@field size integer of the image's file

---@class vbox.media.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.MediumUse
---@field name string
---@field uuid string
---@field snapshot? string name of the snapshot that has it

---@class vbox.Medium
---@field uuid string
---@field parent? string UUID of the image that it holds the differences from
---@field state string created, inaccessible, locked read, locked write
---@field type string normal, immutable, writethrough, shareable, multiattach
---@field path string
---@field format string VDI, VMDK, VHD, RAW ...
---@field variant? string such as dynamic default, or fixed default
---@field capacity integer of the disk that the guest sees, as far as the tool says it: whole MiB
---@field size_on_disk integer of the image, in whole MiB
---@field vms vbox.MediumUse[] machines that have it

---@class vbox.medium.info.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.info.arguments
---@field medium string path of the image, or UUID of a medium that VirtualBox knows
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.create.options
---@field format? "VDI"|"VMDK"|"VHD" of the image ("VDI" by default)
---@field variant? "standard"|"fixed" standard grows with what is written, fixed has all of its size from the start ("standard" by default)
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.create.arguments
---@field path string of the new image
---@field size integer of the disk: whole MiB
---@field format? "VDI"|"VMDK"|"VHD" of the image ("VDI" by default)
---@field variant? "standard"|"fixed" standard grows with what is written, fixed has all of its size from the start ("standard" by default)
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.MadeMedium
---@field changed boolean it was, or in check mode would be, made
---@field path string
---@field uuid string

---@class vbox.medium.resize.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.resize.arguments
---@field medium string path of the image, or UUID
---@field size integer that the disk shall have: whole MiB, and no less than now
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.compact.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.compact.arguments
---@field medium string path of the image, or UUID of a medium that VirtualBox knows
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Compacted
---@field changed boolean always: how much becomes free shows afterwards
---@field before integer size of the image, in whole MiB
---@field after integer size of the image, in whole MiB

---@class vbox.medium.clone.options
---@field format? "VDI"|"VMDK"|"VHD"|"RAW" of the copy ("VDI" by default)
---@field variant? "standard"|"fixed"|"stream" as for convert_raw ("standard" by default)
---@field timeout? number stop waiting after this; the copying goes on. 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.clone.arguments
---@field medium string path of the image to copy, or UUID
---@field to string the copy, which gets a UUID of its own
---@field format? "VDI"|"VMDK"|"VHD"|"RAW" of the copy ("VDI" by default)
---@field variant? "standard"|"fixed"|"stream" as for convert_raw ("standard" by default)
---@field timeout? number stop waiting after this; the copying goes on. 0: never
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.close.options
---@field delete? boolean delete the image, too
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.close.arguments
---@field medium string path of the image, or UUID
---@field delete? boolean delete the image, too
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.set_uuid.options
---@field uuid? string the UUID; default: a new one, where another image that VirtualBox knows has the same
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.medium.set_uuid.arguments
---@field path string of the image
---@field uuid? string the UUID; default: a new one, where another image that VirtualBox knows has the same
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.state.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.state.arguments
---@field vm string name or UUID of the machine
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.State
---@field state string poweroff, running, paused, saved, aborted, starting, stopping ...
---@field since? string
---@field running boolean

---@class vbox.start.options
---@field type? "headless"|"gui"|"sdl"|"separate" its front end ("headless" by default)
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.start.arguments
---@field vm string name or UUID of the machine
---@field type? "headless"|"gui"|"sdl"|"separate" its front end ("headless" by default)
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.stop.options
---@field how? "acpi"|"poweroff"|"save" acpi asks the guest to shut down, poweroff pulls the plug, save keeps its state for the next start ("acpi" by default)
---@field within? number with acpi: how long the guest may take (120 by default)
---@field force? boolean with acpi: pull the plug when it takes longer
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.stop.arguments
---@field vm string name or UUID of the machine
---@field how? "acpi"|"poweroff"|"save" acpi asks the guest to shut down, poweroff pulls the plug, save keeps its state for the next start ("acpi" by default)
---@field within? number with acpi: how long the guest may take (120 by default)
---@field force? boolean with acpi: pull the plug when it takes longer
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Stopped
---@field changed boolean it was, or in check mode would be, stopped
---@field state string how it is now: poweroff, saved, aborted
---@field forced boolean the guest did not shut down in time, and the plug was pulled

---@class vbox.reset.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.reset.arguments
---@field vm string name or UUID of the machine
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.guestproperty.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.guestproperty.arguments
---@field vm string name or UUID of the machine
---@field pattern? string only those of such a name: "/VirtualBox/GuestInfo/Net/*"; default: all
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.snapshot.take.options
---@field description? string a text about it
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.snapshot.take.arguments
---@field vm string name or UUID of the machine
---@field snapshot string name of the snapshot; one of that name stays as it is
---@field description? string a text about it
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.snapshot.list.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.snapshot.list.arguments
---@field vm string name or UUID of the machine
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.Snapshot
---@field name string
---@field uuid string
---@field parent? string name of the snapshot before it
---@field description? string
---@field current boolean the machine's present state goes back to it

---@class vbox.snapshot.restore.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.snapshot.restore.arguments
---@field vm string name or UUID of the machine
---@field snapshot string name or UUID of the snapshot
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.snapshot.delete.options
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'

---@class vbox.snapshot.delete.arguments
---@field vm string name or UUID of the machine
---@field snapshot string name or UUID of the snapshot
---@field as? string the user whose machines are meant, such as "vbox"; default: who is connected. Every user has machines of his own, and root sees none of the others'
