package libvirt

// Domain is what a domain is made of, as libvirt has it on record, and how it
// stands.
type Domain struct {
	Name        string `lua:"name" doc:"its name"`
	UUID        string `lua:"uuid" doc:"its identifier"`
	Title       string `lua:"title,omitempty" doc:"a short description"`
	Description string `lua:"description,omitempty" doc:"a long description"`
	Type        string `lua:"type" doc:"the hypervisor: kvm, qemu, xen, ..."`
	OSID        string `lua:"os_id,omitempty" doc:"the guest system as libosinfo names it: http://freebsd.org/freebsd/14.0"`

	State       string `lua:"state" doc:"running, idle, paused, in shutdown, shut off, crashed, pmsuspended"`
	Persistent  bool   `lua:"persistent" doc:"it stays when it is shut off"`
	Autostart   bool   `lua:"autostart" doc:"it starts with the host"`
	ManagedSave bool   `lua:"managed_save" doc:"its memory is saved, and starting it goes on from there: the disks are in the midst of something"`

	Memory        int64   `lua:"memory" doc:"bytes that the guest sees at boot"`
	CurrentMemory int64   `lua:"current_memory" doc:"bytes that the balloon leaves it"`
	MaxMemory     int64   `lua:"max_memory,omitempty" doc:"bytes to which memory may be plugged in"`
	VCPUs         int     `lua:"vcpus" doc:"processors at most"`
	CurrentVCPUs  int     `lua:"current_vcpus" doc:"processors that are switched on"`
	CPU           CPU     `lua:"cpu" doc:"the processor as the guest sees it"`
	NUMA          []Cell  `lua:"numa" doc:"NUMA cells"`
	Hugepages     bool    `lua:"hugepages" doc:"memory comes in huge pages"`
	HugepageSizes []int64 `lua:"hugepage_sizes" doc:"their sizes in bytes; empty: the host's default"`

	OSType   string   `lua:"os_type" doc:"hvm, linux, exe, ..."`
	Arch     string   `lua:"arch" doc:"x86_64, aarch64, ..."`
	Machine  string   `lua:"machine" doc:"the machine's full type: pc-i440fx-7.2, pc-q35-7.2"`
	Chipset  string   `lua:"chipset,omitempty" doc:"i440fx or q35, where the machine is one of them"`
	Firmware Firmware `lua:"firmware" doc:"what boots it"`
	Boot     Boot     `lua:"boot" doc:"what it boots from"`
	Features []string `lua:"features" doc:"acpi, apic, pae, smm, hyperv, ..."`
	Clock    Clock    `lua:"clock" doc:"its hardware clock"`

	OnPoweroff string `lua:"on_poweroff,omitempty" doc:"what happens when the guest powers off: destroy, restart, preserve"`
	OnReboot   string `lua:"on_reboot,omitempty" doc:"when it reboots"`
	OnCrash    string `lua:"on_crash,omitempty" doc:"when it crashes"`

	Emulator    string       `lua:"emulator,omitempty" doc:"the program that runs it"`
	Disks       []Disk       `lua:"disks" doc:"disks, CD-ROMs and floppies in the order of the definition"`
	Controllers []Controller `lua:"controllers" doc:"controllers of disks, USB, serial channels and buses"`
	Interfaces  []Interface  `lua:"interfaces" doc:"network interfaces in order"`
	Serials     []Serial     `lua:"serials" doc:"serial ports"`
	Consoles    []Serial     `lua:"consoles" doc:"consoles; the first is mostly the first serial port again"`
	Parallels   []Serial     `lua:"parallels" doc:"parallel ports"`
	Channels    []Channel    `lua:"channels" doc:"channels between host and guest, such as the guest agent's"`
	Graphics    []Graphics   `lua:"graphics" doc:"how its screen is reached"`
	Videos      []Video      `lua:"videos" doc:"graphics adapters"`
	Sounds      []string     `lua:"sounds" doc:"models of sound devices: ich9, ac97, ..."`
	Inputs      []Input      `lua:"inputs" doc:"keyboards, mice, tablets"`
	TPMs        []TPM        `lua:"tpms" doc:"trusted platform modules"`
	RNGs        []RNG        `lua:"rngs" doc:"sources of random numbers"`
	Balloon     string       `lua:"balloon,omitempty" doc:"model of the memory balloon: virtio, none"`
	Hostdevs    []Hostdev    `lua:"hostdevs" doc:"devices of the host that the guest has to itself"`
	Filesystems []Filesystem `lua:"filesystems" doc:"folders of the host that the guest mounts"`
	Watchdogs   []Watchdog   `lua:"watchdogs" doc:"watchdogs"`

	Other []Other `lua:"other" doc:"parts of the definition that are in none of the fields, so that nobody believes to have seen them"`
}

// CPU is the processor as the guest sees it.
type CPU struct {
	Mode     string       `lua:"mode,omitempty" doc:"host-passthrough, host-model, maximum, custom; none: the hypervisor's default"`
	Model    string       `lua:"model,omitempty" doc:"named model of mode custom"`
	Vendor   string       `lua:"vendor,omitempty" doc:"maker that the host's processor must be of"`
	Sockets  int          `lua:"sockets,omitempty" doc:"topology: sockets"`
	Dies     int          `lua:"dies,omitempty" doc:"dies in each"`
	Clusters int          `lua:"clusters,omitempty" doc:"clusters in each"`
	Cores    int          `lua:"cores,omitempty" doc:"cores in each"`
	Threads  int          `lua:"threads,omitempty" doc:"threads in each"`
	Features []CPUFeature `lua:"features" doc:"features that are asked for or left out"`
}

// CPUFeature is a feature of a processor.
type CPUFeature struct {
	Name   string `lua:"name" doc:"vmx, svm, ..."`
	Policy string `lua:"policy" doc:"force, require, optional, disable, forbid"`
}

// Cell is a NUMA cell.
type Cell struct {
	ID     int    `lua:"id" doc:"its number"`
	CPUs   string `lua:"cpus" doc:"its processors: 0-3,8"`
	Memory int64  `lua:"memory" doc:"its bytes"`
}

// Firmware is what boots a domain.
type Firmware struct {
	Kind          string   `lua:"kind" doc:"bios or efi"`
	Auto          bool     `lua:"auto" doc:"libvirt chooses the files when it starts the domain"`
	Loader        string   `lua:"loader,omitempty" doc:"path of the firmware's code"`
	LoaderType    string   `lua:"loader_type,omitempty" doc:"pflash or rom"`
	NVRAM         string   `lua:"nvram,omitempty" doc:"path of the EFI variables, which hold the boot entries"`
	NVRAMFormat   string   `lua:"nvram_format,omitempty" doc:"their format where it is told: raw, qcow2"`
	NVRAMTemplate string   `lua:"nvram_template,omitempty" doc:"what they are made from"`
	SecureBoot    bool     `lua:"secure_boot" doc:"it boots only what is signed"`
	Features      []string `lua:"features" doc:"features asked for of firmware that libvirt chooses: secure-boot, enrolled-keys; with a - before it where it must not have it"`
}

// Boot is what a domain boots from.
type Boot struct {
	Devices []string     `lua:"devices" doc:"kinds in order: hd, cdrom, network, fd; empty where the devices have an order of their own"`
	Order   []BootDevice `lua:"order" doc:"devices that have an order of their own, first to last"`
	Menu    bool         `lua:"menu" doc:"a menu is shown"`
	Kernel  string       `lua:"kernel,omitempty" doc:"kernel of the host that is booted directly"`
	Initrd  string       `lua:"initrd,omitempty" doc:"its initial RAM disk"`
	Cmdline string       `lua:"cmdline,omitempty" doc:"its arguments"`
}

// BootDevice is a device with its place in the boot order.
type BootDevice struct {
	Order  int    `lua:"order" doc:"its number"`
	Kind   string `lua:"kind" doc:"disk, interface, hostdev, redirdev, filesystem"`
	Device string `lua:"device" doc:"a disk's target, an interface's MAC address, else its number among its kind, from 1"`
}

// Clock is a domain's hardware clock.
type Clock struct {
	Offset     string  `lua:"offset" doc:"utc, localtime, timezone, variable, absolute"`
	Timezone   string  `lua:"timezone,omitempty" doc:"of offset timezone"`
	Basis      string  `lua:"basis,omitempty" doc:"of offset variable: utc or localtime"`
	Adjustment string  `lua:"adjustment,omitempty" doc:"of offset variable: seconds; or reset"`
	UTC        bool    `lua:"utc" doc:"the guest's clock shows UTC"`
	Timers     []Timer `lua:"timers" doc:"timers that are set in particular"`
}

// Timer is a timer of a domain.
type Timer struct {
	Name       string `lua:"name" doc:"rtc, pit, hpet, tsc, kvmclock, ..."`
	Present    string `lua:"present,omitempty" doc:"yes or no"`
	TickPolicy string `lua:"tickpolicy,omitempty" doc:"what becomes of missed ticks"`
}

// Disk is a disk, a CD-ROM or a floppy of a domain.
type Disk struct {
	Device string `lua:"device" doc:"disk, cdrom, floppy or lun"`
	Target string `lua:"target" doc:"its name: vda, sda, hda"`
	Bus    string `lua:"bus" doc:"virtio, sata, scsi, ide, usb, fdc, nvme"`
	Format string `lua:"format,omitempty" doc:"raw, qcow2, ...; none: raw, or unknown to libvirt"`

	Kind     string   `lua:"kind" doc:"where it lies: file, block, volume, network, dir, nvme, vhostuser"`
	Path     string   `lua:"path,omitempty" doc:"the file or device; of a volume only where libvirt was asked (disks)"`
	Pool     string   `lua:"pool,omitempty" doc:"storage pool of a volume"`
	Volume   string   `lua:"volume,omitempty" doc:"the volume's name"`
	Protocol string   `lua:"protocol,omitempty" doc:"of kind network: rbd, iscsi, nbd, ..."`
	Source   string   `lua:"source,omitempty" doc:"of kind network: what it is called there"`
	Hosts    []string `lua:"hosts" doc:"of kind network: its servers"`

	Controller int  `lua:"controller" doc:"number of its controller among those of its bus"`
	HasAddress bool `lua:"has_address" doc:"controller and unit are told"`
	Channel    int  `lua:"channel" doc:"bus of its controller: of IDE 0 primary, 1 secondary"`
	SCSITarget int  `lua:"scsi_target" doc:"its target on a SCSI bus"`
	Unit       int  `lua:"unit" doc:"its place: of IDE 0 master, 1 slave; of SATA the port"`

	ReadOnly     bool   `lua:"read_only" doc:"the guest may not write"`
	Shareable    bool   `lua:"shareable" doc:"other domains may use it, too"`
	Transient    bool   `lua:"transient" doc:"what the guest writes is forgotten"`
	Encrypted    bool   `lua:"encrypted" doc:"its image is encrypted"`
	Serial       string `lua:"serial,omitempty" doc:"its serial number"`
	WWN          string `lua:"wwn,omitempty" doc:"its world wide name"`
	Cache        string `lua:"cache,omitempty" doc:"none, writeback, writethrough, directsync, unsafe"`
	IO           string `lua:"io,omitempty" doc:"threads, native, io_uring"`
	Discard      string `lua:"discard,omitempty" doc:"unmap or ignore"`
	RotationRate int    `lua:"rotation_rate,omitempty" doc:"revolutions a minute; 1: a solid state disk"`
	BootOrder    int    `lua:"boot_order,omitempty" doc:"its place in the boot order"`

	Capacity   int64  `lua:"capacity,omitempty" doc:"bytes that the guest sees (disks)"`
	Allocation int64  `lua:"allocation,omitempty" doc:"bytes that it takes on the host (disks)"`
	Physical   int64  `lua:"physical,omitempty" doc:"bytes of the file or device (disks)"`
	Problem    string `lua:"problem,omitempty" doc:"why path or sizes are not known (disks)"`
}

// Controller is a controller of a domain.
type Controller struct {
	Type  string `lua:"type" doc:"ide, sata, scsi, usb, pci, virtio-serial, fdc, nvme, ..."`
	Index int    `lua:"index" doc:"its number among its type"`
	Model string `lua:"model,omitempty" doc:"of scsi: virtio-scsi, lsilogic, ...; of usb: qemu-xhci, ..."`
}

// Interface is a network interface of a domain.
type Interface struct {
	Kind        string `lua:"kind" doc:"bridge, network, user, direct, hostdev, ethernet, vdpa, ..."`
	Source      string `lua:"source,omitempty" doc:"the bridge, the network, or the host's interface"`
	Mode        string `lua:"mode,omitempty" doc:"of kind direct: bridge, vepa, private, passthrough"`
	PortGroup   string `lua:"portgroup,omitempty" doc:"of kind network"`
	MAC         string `lua:"mac" doc:"its address"`
	Model       string `lua:"model,omitempty" doc:"virtio, e1000, e1000e, rtl8139, ...; none: the hypervisor's default"`
	Target      string `lua:"target,omitempty" doc:"name on the host"`
	LinkDown    bool   `lua:"link_down" doc:"its cable is out"`
	MTU         int    `lua:"mtu,omitempty" doc:"bytes of a packet at most"`
	VLANs       []int  `lua:"vlans" doc:"VLAN tags"`
	VLANTrunk   bool   `lua:"vlan_trunk" doc:"packets keep their tags"`
	VirtualPort string `lua:"virtualport,omitempty" doc:"openvswitch, 802.1Qbg, ..."`
	Filter      string `lua:"filter,omitempty" doc:"network filter that applies"`
	BootOrder   int    `lua:"boot_order,omitempty" doc:"its place in the boot order"`
}

// Serial is a serial or parallel port, or a console.
type Serial struct {
	Kind   string `lua:"kind" doc:"what it is on the host: pty, file, tcp, unix, dev, ..."`
	Path   string `lua:"path,omitempty" doc:"the file, socket or device"`
	Host   string `lua:"host,omitempty" doc:"of tcp and udp"`
	Port   string `lua:"port,omitempty" doc:"of tcp and udp"`
	Listen bool   `lua:"listen" doc:"the host waits for a connection"`
	Target string `lua:"target,omitempty" doc:"what the guest sees: isa-serial, serial, virtio, ..."`
	Number int    `lua:"number" doc:"its number for the guest; 0 is COM1"`
}

// Channel is a channel between host and guest.
type Channel struct {
	Kind   string `lua:"kind" doc:"what it is on the host: unix, spicevmc, ..."`
	Target string `lua:"target" doc:"virtio, guestfwd, xen"`
	Name   string `lua:"name,omitempty" doc:"org.qemu.guest_agent.0, com.redhat.spice.0, ..."`
}

// Graphics is a way to a domain's screen.
type Graphics struct {
	Kind    string   `lua:"kind" doc:"vnc, spice, sdl, rdp, egl-headless, dbus"`
	Port    int      `lua:"port,omitempty" doc:"its TCP port; none: chosen at the start"`
	TLSPort int      `lua:"tls_port,omitempty" doc:"of spice with TLS"`
	Auto    bool     `lua:"auto" doc:"the port is chosen at the start"`
	Listen  []string `lua:"listen" doc:"addresses, sockets or networks (network:NAME) it listens on"`
	Keymap  string   `lua:"keymap,omitempty" doc:"keyboard layout"`
}

// Video is a graphics adapter.
type Video struct {
	Model   string `lua:"model" doc:"vga, cirrus, qxl, virtio, bochs, none, ..."`
	VRAM    int64  `lua:"vram,omitempty" doc:"its bytes"`
	Heads   int    `lua:"heads,omitempty" doc:"screens"`
	Primary bool   `lua:"primary" doc:"it is the first"`
	Accel3D bool   `lua:"accel3d" doc:"it draws in three dimensions"`
}

// Input is an input device.
type Input struct {
	Type string `lua:"type" doc:"mouse, keyboard, tablet, passthrough, evdev"`
	Bus  string `lua:"bus" doc:"ps2, usb, virtio, xen"`
}

// TPM is a trusted platform module.
type TPM struct {
	Model   string `lua:"model" doc:"tpm-tis, tpm-crb, ..."`
	Backend string `lua:"backend" doc:"emulator, passthrough, external"`
	Version string `lua:"version,omitempty" doc:"1.2 or 2.0"`
}

// RNG is a source of random numbers.
type RNG struct {
	Model   string `lua:"model" doc:"virtio"`
	Backend string `lua:"backend" doc:"random, egd, builtin"`
	Device  string `lua:"device,omitempty" doc:"where they come from: /dev/urandom"`
}

// Hostdev is a device of the host that a guest has to itself.
type Hostdev struct {
	Kind      string `lua:"kind" doc:"pci, usb, scsi, scsi_host, mdev, storage, misc, net"`
	Address   string `lua:"address,omitempty" doc:"on the host: 0000:03:00.0, or 1.4 of USB"`
	Vendor    string `lua:"vendor,omitempty" doc:"of USB: 0x1234"`
	Product   string `lua:"product,omitempty" doc:"of USB"`
	Source    string `lua:"source,omitempty" doc:"of the other kinds: the device, adapter or identifier"`
	Managed   bool   `lua:"managed" doc:"libvirt takes it from the host and gives it back"`
	BootOrder int    `lua:"boot_order,omitempty" doc:"its place in the boot order"`
}

// Filesystem is a folder of the host that a guest mounts.
type Filesystem struct {
	Kind     string `lua:"kind" doc:"mount, volume, block, file, template, ram, bind"`
	Driver   string `lua:"driver,omitempty" doc:"virtiofs, path, ...; none: 9p"`
	Source   string `lua:"source" doc:"what the host has"`
	Target   string `lua:"target" doc:"the tag that the guest mounts"`
	ReadOnly bool   `lua:"read_only" doc:"the guest may not write"`
}

// Watchdog is a watchdog of a domain.
type Watchdog struct {
	Model  string `lua:"model" doc:"i6300esb, itco, ..."`
	Action string `lua:"action" doc:"what it does: reset, poweroff, pause, none, ..."`
}

// Other is a part of a definition that no field tells.
type Other struct {
	Path   string `lua:"path" doc:"its place: devices/disk/iotune"`
	Device string `lua:"device,omitempty" doc:"of a device's part: the disk's target, the interface's MAC address, or its number among its kind"`
	Text   string `lua:"text" doc:"what it says, shortened"`
}
