---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Virtual machines that libvirt runs (KVM, QEMU): their definitions, disks, networks and states. The system's (qemu:///system) need root or the group libvirt; connect="qemu:///session" has the user's own.
---@class h.libvirt
local libvirt = {}

---Makes a domain start with its host, or not. What is so already is left alone.
---@param name string the domain's name or UUID
---@param enabled boolean it does
---@param options? libvirt.autostart.options
---@return libvirt.Changed
---@overload fun(arguments: libvirt.autostart.arguments): libvirt.Changed
function libvirt.autostart(name, enabled, options) end

---Returns a domain's disks, CD-ROMs and floppies in the order of its definition, with their sizes, and the paths of volumes that lie in storage pools. Where path or sizes of one cannot be told, problem says why.
---@param name string the domain's name or UUID
---@param options? libvirt.disks.options
---@return libvirt.Disk[]
---@overload fun(arguments: libvirt.disks.arguments): libvirt.Disk[]
function libvirt.disks(name, options) end

---Returns what a domain is made of: as it is started the next time, or with live as it runs now. other lists the parts of the definition that no field tells. Passwords are never read.
---@param name string the domain's name or UUID
---@param options? libvirt.domain.options
---@return libvirt.Domain
---@overload fun(arguments: libvirt.domain.arguments): libvirt.Domain
function libvirt.domain(name, options) end

---Returns all domains, by name, with what they are at.
---@param options? libvirt.domains.options
---@return libvirt.Listed[]
function libvirt.domains(options) end

---Returns a domain's definition as XML, without passwords: for keeping it, or for what domain does not tell.
---@param name string the domain's name or UUID
---@param options? libvirt.dumpxml.options
---@return string
---@overload fun(arguments: libvirt.dumpxml.arguments): string
function libvirt.dumpxml(name, options) end

---Returns what the firmware of a domain with EFI has kept in its variables: the entries of its boot menu, the keys of secure boot. Where they cannot be told, problem says why.
---@param name string the domain's name or UUID
---@param options? libvirt.efi.options
---@return libvirt.EFI
---@overload fun(arguments: libvirt.efi.arguments): libvirt.EFI
function libvirt.efi(name, options) end

---Returns one of libvirt's networks: what an interface of kind network is plugged into.
---@param name string the network
---@param options? libvirt.network.options
---@return libvirt.Network
---@overload fun(arguments: libvirt.network.arguments): libvirt.Network
function libvirt.network(name, options) end

---Returns libvirt's networks.
---@param options? libvirt.networks.options
---@return libvirt.Network[]
function libvirt.networks(options) end

---Returns the storage pools, whose volumes domains may have as disks.
---@param options? libvirt.pools.options
---@return libvirt.Pool[]
function libvirt.pools(options) end

---Shuts a domain down and waits until it is off. One that is off is left alone. A guest that takes no notice is an error; with force its plug is pulled then. A transient domain is refused: its definition would be lost.
---@param name string the domain's name or UUID
---@param options? libvirt.shutdown.options
---@return libvirt.Stopped
---@overload fun(arguments: libvirt.shutdown.arguments): libvirt.Stopped
function libvirt.shutdown(name, options) end

---Returns a domain's snapshots, oldest first.
---@param name string the domain's name or UUID
---@param options? libvirt.snapshots.options
---@return libvirt.Snapshot[]
---@overload fun(arguments: libvirt.snapshots.arguments): libvirt.Snapshot[]
function libvirt.snapshots(name, options) end

---Starts a domain. One that runs is left alone; one whose memory was saved goes on from there.
---@param name string the domain's name or UUID
---@param options? libvirt.start.options
---@return libvirt.Changed
---@overload fun(arguments: libvirt.start.arguments): libvirt.Changed
function libvirt.start(name, options) end

---Returns what a domain is at, and why.
---@param name string the domain's name or UUID
---@param options? libvirt.state.options
---@return libvirt.State
---@overload fun(arguments: libvirt.state.arguments): libvirt.State
function libvirt.state(name, options) end

---Returns where a volume of a storage pool lies.
---@param pool string the storage pool
---@param volume string the volume's name
---@param options? libvirt.vol_path.options
---@return libvirt.Volume
---@overload fun(arguments: libvirt.vol_path.arguments): libvirt.Volume
function libvirt.vol_path(pool, volume, options) end

---@class libvirt.autostart.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.autostart.arguments
---@field name string the domain's name or UUID
---@field enabled boolean it does
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.Changed
---@field changed boolean something was, or in check mode would be, changed

---@class libvirt.disks.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.disks.arguments
---@field name string the domain's name or UUID
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.Disk
---@field device string disk, cdrom, floppy or lun
---@field target string its name: vda, sda, hda
---@field bus string virtio, sata, scsi, ide, usb, fdc, nvme
---@field format? string raw, qcow2, ...; none: raw, or unknown to libvirt
---@field kind string where it lies: file, block, volume, network, dir, nvme, vhostuser
---@field path? string the file or device; of a volume only where libvirt was asked (disks)
---@field pool? string storage pool of a volume
---@field volume? string the volume's name
---@field protocol? string of kind network: rbd, iscsi, nbd, ...
---@field source? string of kind network: what it is called there
---@field hosts string[] of kind network: its servers
---@field controller integer number of its controller among those of its bus
---@field has_address boolean controller and unit are told
---@field channel integer bus of its controller: of IDE 0 primary, 1 secondary
---@field scsi_target integer its target on a SCSI bus
---@field unit integer its place: of IDE 0 master, 1 slave; of SATA the port
---@field read_only boolean the guest may not write
---@field shareable boolean other domains may use it, too
---@field transient boolean what the guest writes is forgotten
---@field encrypted boolean its image is encrypted
---@field serial? string its serial number
---@field wwn? string its world wide name
---@field cache? string none, writeback, writethrough, directsync, unsafe
---@field io? string threads, native, io_uring
---@field discard? string unmap or ignore
---@field rotation_rate? integer revolutions a minute; 1: a solid state disk
---@field boot_order? integer its place in the boot order
---@field capacity? integer bytes that the guest sees (disks)
---@field allocation? integer bytes that it takes on the host (disks)
---@field physical? integer bytes of the file or device (disks)
---@field problem? string why path or sizes are not known (disks)

---@class libvirt.domain.options
---@field live? boolean what a running domain has now, instead of what it is started with the next time
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.domain.arguments
---@field name string the domain's name or UUID
---@field live? boolean what a running domain has now, instead of what it is started with the next time
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.CPUFeature
---@field name string vmx, svm, ...
---@field policy string force, require, optional, disable, forbid

---@class libvirt.CPU
---@field mode? string host-passthrough, host-model, maximum, custom; none: the hypervisor's default
---@field model? string named model of mode custom
---@field vendor? string maker that the host's processor must be of
---@field sockets? integer topology: sockets
---@field dies? integer dies in each
---@field clusters? integer clusters in each
---@field cores? integer cores in each
---@field threads? integer threads in each
---@field features libvirt.CPUFeature[] features that are asked for or left out

---@class libvirt.Cell
---@field id integer its number
---@field cpus string its processors: 0-3,8
---@field memory integer its bytes

---@class libvirt.Firmware
---@field kind string bios or efi
---@field auto boolean libvirt chooses the files when it starts the domain
---@field loader? string path of the firmware's code
---@field loader_type? string pflash or rom
---@field nvram? string path of the EFI variables, which hold the boot entries
---@field nvram_format? string their format where it is told: raw, qcow2
---@field nvram_template? string what they are made from
---@field secure_boot boolean it boots only what is signed
---@field features string[] features asked for of firmware that libvirt chooses: secure-boot, enrolled-keys; with a - before it where it must not have it

---@class libvirt.BootDevice
---@field order integer its number
---@field kind string disk, interface, hostdev, redirdev, filesystem
---@field device string a disk's target, an interface's MAC address, else its number among its kind, from 1

---@class libvirt.Boot
---@field devices string[] kinds in order: hd, cdrom, network, fd; empty where the devices have an order of their own
---@field order libvirt.BootDevice[] devices that have an order of their own, first to last
---@field menu boolean a menu is shown
---@field kernel? string kernel of the host that is booted directly
---@field initrd? string its initial RAM disk
---@field cmdline? string its arguments

---@class libvirt.Timer
---@field name string rtc, pit, hpet, tsc, kvmclock, ...
---@field present? string yes or no
---@field tickpolicy? string what becomes of missed ticks

---@class libvirt.Clock
---@field offset string utc, localtime, timezone, variable, absolute
---@field timezone? string of offset timezone
---@field basis? string of offset variable: utc or localtime
---@field adjustment? string of offset variable: seconds; or reset
---@field utc boolean the guest's clock shows UTC
---@field timers libvirt.Timer[] timers that are set in particular

---@class libvirt.Controller
---@field type string ide, sata, scsi, usb, pci, virtio-serial, fdc, nvme, ...
---@field index integer its number among its type
---@field model? string of scsi: virtio-scsi, lsilogic, ...; of usb: qemu-xhci, ...

---@class libvirt.Interface
---@field kind string bridge, network, user, direct, hostdev, ethernet, vdpa, ...
---@field source? string the bridge, the network, or the host's interface
---@field mode? string of kind direct: bridge, vepa, private, passthrough
---@field portgroup? string of kind network
---@field mac string its address
---@field model? string virtio, e1000, e1000e, rtl8139, ...; none: the hypervisor's default
---@field target? string name on the host
---@field link_down boolean its cable is out
---@field mtu? integer bytes of a packet at most
---@field vlans integer[] VLAN tags
---@field vlan_trunk boolean packets keep their tags
---@field virtualport? string openvswitch, 802.1Qbg, ...
---@field filter? string network filter that applies
---@field boot_order? integer its place in the boot order

---@class libvirt.Serial
---@field kind string what it is on the host: pty, file, tcp, unix, dev, ...
---@field path? string the file, socket or device
---@field host? string of tcp and udp
---@field port? string of tcp and udp
---@field listen boolean the host waits for a connection
---@field target? string what the guest sees: isa-serial, serial, virtio, ...
---@field number integer its number for the guest; 0 is COM1

---@class libvirt.Channel
---@field kind string what it is on the host: unix, spicevmc, ...
---@field target string virtio, guestfwd, xen
---@field name? string org.qemu.guest_agent.0, com.redhat.spice.0, ...

---@class libvirt.Graphics
---@field kind string vnc, spice, sdl, rdp, egl-headless, dbus
---@field port? integer its TCP port; none: chosen at the start
---@field tls_port? integer of spice with TLS
---@field auto boolean the port is chosen at the start
---@field listen string[] addresses, sockets or networks (network:NAME) it listens on
---@field keymap? string keyboard layout

---@class libvirt.Video
---@field model string vga, cirrus, qxl, virtio, bochs, none, ...
---@field vram? integer its bytes
---@field heads? integer screens
---@field primary boolean it is the first
---@field accel3d boolean it draws in three dimensions

---@class libvirt.Input
---@field type string mouse, keyboard, tablet, passthrough, evdev
---@field bus string ps2, usb, virtio, xen

---@class libvirt.TPM
---@field model string tpm-tis, tpm-crb, ...
---@field backend string emulator, passthrough, external
---@field version? string 1.2 or 2.0

---@class libvirt.RNG
---@field model string virtio
---@field backend string random, egd, builtin
---@field device? string where they come from: /dev/urandom

---@class libvirt.Hostdev
---@field kind string pci, usb, scsi, scsi_host, mdev, storage, misc, net
---@field address? string on the host: 0000:03:00.0, or 1.4 of USB
---@field vendor? string of USB: 0x1234
---@field product? string of USB
---@field source? string of the other kinds: the device, adapter or identifier
---@field managed boolean libvirt takes it from the host and gives it back
---@field boot_order? integer its place in the boot order

---@class libvirt.Filesystem
---@field kind string mount, volume, block, file, template, ram, bind
---@field driver? string virtiofs, path, ...; none: 9p
---@field source string what the host has
---@field target string the tag that the guest mounts
---@field read_only boolean the guest may not write

---@class libvirt.Watchdog
---@field model string i6300esb, itco, ...
---@field action string what it does: reset, poweroff, pause, none, ...

---@class libvirt.Other
---@field path string its place: devices/disk/iotune
---@field device? string of a device's part: the disk's target, the interface's MAC address, or its number among its kind
---@field text string what it says, shortened

---@class libvirt.Domain
---@field name string its name
---@field uuid string its identifier
---@field title? string a short description
---@field description? string a long description
---@field type string the hypervisor: kvm, qemu, xen, ...
---@field os_id? string the guest system as libosinfo names it: http://freebsd.org/freebsd/14.0
---@field state string running, idle, paused, in shutdown, shut off, crashed, pmsuspended
---@field persistent boolean it stays when it is shut off
---@field autostart boolean it starts with the host
---@field managed_save boolean its memory is saved, and starting it goes on from there: the disks are in the midst of something
---@field memory integer bytes that the guest sees at boot
---@field current_memory integer bytes that the balloon leaves it
---@field max_memory? integer bytes to which memory may be plugged in
---@field vcpus integer processors at most
---@field current_vcpus integer processors that are switched on
---@field cpu libvirt.CPU the processor as the guest sees it
---@field numa libvirt.Cell[] NUMA cells
---@field hugepages boolean memory comes in huge pages
---@field hugepage_sizes integer[] their sizes in bytes; empty: the host's default
---@field os_type string hvm, linux, exe, ...
---@field arch string x86_64, aarch64, ...
---@field machine string the machine's full type: pc-i440fx-7.2, pc-q35-7.2
---@field chipset? string i440fx or q35, where the machine is one of them
---@field firmware libvirt.Firmware what boots it
---@field boot libvirt.Boot what it boots from
---@field features string[] acpi, apic, pae, smm, hyperv, ...
---@field clock libvirt.Clock its hardware clock
---@field on_poweroff? string what happens when the guest powers off: destroy, restart, preserve
---@field on_reboot? string when it reboots
---@field on_crash? string when it crashes
---@field emulator? string the program that runs it
---@field disks libvirt.Disk[] disks, CD-ROMs and floppies in the order of the definition
---@field controllers libvirt.Controller[] controllers of disks, USB, serial channels and buses
---@field interfaces libvirt.Interface[] network interfaces in order
---@field serials libvirt.Serial[] serial ports
---@field consoles libvirt.Serial[] consoles; the first is mostly the first serial port again
---@field parallels libvirt.Serial[] parallel ports
---@field channels libvirt.Channel[] channels between host and guest, such as the guest agent's
---@field graphics libvirt.Graphics[] how its screen is reached
---@field videos libvirt.Video[] graphics adapters
---@field sounds string[] models of sound devices: ich9, ac97, ...
---@field inputs libvirt.Input[] keyboards, mice, tablets
---@field tpms libvirt.TPM[] trusted platform modules
---@field rngs libvirt.RNG[] sources of random numbers
---@field balloon? string model of the memory balloon: virtio, none
---@field hostdevs libvirt.Hostdev[] devices of the host that the guest has to itself
---@field filesystems libvirt.Filesystem[] folders of the host that the guest mounts
---@field watchdogs libvirt.Watchdog[] watchdogs
---@field other libvirt.Other[] parts of the definition that are in none of the fields, so that nobody believes to have seen them

---@class libvirt.domains.options
---@field state? string only those in this state: running, shut off, ...
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.Listed
---@field name string its name
---@field uuid string its identifier
---@field id? integer its number while it runs
---@field state string running, idle, paused, in shutdown, shut off, crashed, pmsuspended
---@field vcpus integer its processors
---@field memory integer its bytes of memory at most
---@field persistent boolean it stays when it is shut off
---@field autostart boolean it starts with the host
---@field managed_save boolean its memory is saved, and starting it goes on from there

---@class libvirt.dumpxml.options
---@field live? boolean what a running domain has now, instead of what it is started with the next time
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.dumpxml.arguments
---@field name string the domain's name or UUID
---@field live? boolean what a running domain has now, instead of what it is started with the next time
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.efi.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.efi.arguments
---@field name string the domain's name or UUID
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.EFIBoot
---@field name string what the menu shows
---@field file? string the file on the EFI partition
---@field active boolean it is tried by itself

---@class libvirt.EFI
---@field path? string the file of the variables; nothing: the domain has none
---@field problem? string why they cannot be told
---@field boot libvirt.EFIBoot[] what the firmware tries to boot, first to last
---@field keys string[] keys of secure boot that somebody has put in: PK, KEK, db, dbx
---@field secure_boot boolean secure boot is on
---@field other integer variables beside these

---@class libvirt.network.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.network.arguments
---@field name string the network
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.NetworkAddress
---@field address string with its prefix: 192.0.2.1/24
---@field dhcp boolean guests get their addresses from it

---@class libvirt.Network
---@field name string its name
---@field uuid string its identifier
---@field active boolean it runs
---@field autostart boolean it is started with the host
---@field persistent boolean it stays when it is stopped
---@field forward string where its packets go: nat, route, open, bridge (an existing bridge), private, vepa, passthrough, hostdev; none: nowhere
---@field bridge? string its bridge on the host
---@field interfaces string[] interfaces of the host that it goes out by
---@field addresses libvirt.NetworkAddress[] addresses of the host in it
---@field portgroups string[] its port groups

---@class libvirt.networks.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.pools.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.Pool
---@field name string its name
---@field uuid string its identifier
---@field type string dir, fs, netfs, logical, disk, zfs, rbd, ...
---@field path? string folder of its volumes
---@field state string running, inactive, ...
---@field autostart boolean it is started with the host
---@field persistent boolean it stays when it is stopped
---@field capacity integer its bytes, while it runs
---@field allocation integer bytes in use
---@field available integer bytes that are free

---@class libvirt.shutdown.options
---@field within? number how long the guest may take; 0: for ever (300 by default)
---@field force? boolean pull the plug when it takes longer: what the guest has not written yet is lost
---@field mode? "acpi"|"agent"|"initctl"|"signal"|"paravirt" how the guest is told; default: as libvirt finds best
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.shutdown.arguments
---@field name string the domain's name or UUID
---@field within? number how long the guest may take; 0: for ever (300 by default)
---@field force? boolean pull the plug when it takes longer: what the guest has not written yet is lost
---@field mode? "acpi"|"agent"|"initctl"|"signal"|"paravirt" how the guest is told; default: as libvirt finds best
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.Stopped
---@field changed boolean it was not off before
---@field forced boolean the guest did not shut down by itself
---@field state string what it is at: shut off

---@class libvirt.snapshots.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.snapshots.arguments
---@field name string the domain's name or UUID
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.SnapshotDisk
---@field target string the disk's name in the domain
---@field location string internal: in the image itself; external: the image became the backing file of another; no, manual
---@field path? string of an external one: the file that took what was written afterwards

---@class libvirt.Snapshot
---@field name string its name
---@field description? string what somebody wrote of it
---@field parent? string the snapshot before it
---@field current boolean the domain's disks go on from it
---@field state string what the domain was at: running, shutoff, paused, disk-snapshot
---@field created string when
---@field memory string where the memory is: no, internal, external
---@field disks libvirt.SnapshotDisk[] its disks
---@field external boolean a disk or the memory is in a file of its own: the disk then is the top of a chain

---@class libvirt.start.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.start.arguments
---@field name string the domain's name or UUID
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.state.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.state.arguments
---@field name string the domain's name or UUID
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.State
---@field state string running, idle, paused, in shutdown, shut off, crashed, pmsuspended
---@field reason string why: booted, shutdown, destroyed, crashed, saved, unknown, ...

---@class libvirt.vol_path.options
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.vol_path.arguments
---@field pool string the storage pool
---@field volume string the volume's name
---@field connect? string libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone ("qemu:///system" by default)

---@class libvirt.Volume
---@field path string its file or device
