package libvirt

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"math"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"libvirt.org/go/libvirtxml"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// parseDomain reads a domain's XML.
func parseDomain(op, text string) (Domain, error) {
	var x libvirtxml.Domain
	if err := x.Unmarshal(text); err != nil {
		return Domain{}, effect.Errorf(effect.Failed, op, "the domain's XML makes no sense: %v", err)
	}
	other, err := unread(text)
	if err != nil {
		return Domain{}, effect.Errorf(effect.Failed, op, "the domain's XML makes no sense: %v", err)
	}
	d := Domain{
		Name: x.Name, UUID: x.UUID, Title: x.Title, Description: x.Description, Type: x.Type,
		OnPoweroff: x.OnPoweroff, OnReboot: x.OnReboot, OnCrash: x.OnCrash,
		OSID: osID(x.Metadata), Features: features(x.Features), Clock: clockOf(x.Clock), CPU: cpuOf(x.CPU), NUMA: cells(x.CPU), Other: other,
	}
	d.setMemory(&x)
	d.setVCPUs(x.VCPU)
	d.setOS(x.OS)
	d.setDevices(cmp.Or(x.Devices, &libvirtxml.DomainDeviceList{}))
	d.Boot.Order = bootOrder(x.Devices)
	return d, nil
}

// bytesOf is a size with libvirt's units; without one it is KiB.
func bytesOf(n uint, unit string) int64 {
	unit = strings.ToLower(cmp.Or(unit, "KiB"))
	power := strings.IndexByte("bkmgtpe", unit[0])
	if power < 0 || strings.HasPrefix(unit, "byte") {
		power = 0
	}
	base := 1024.0
	if len(unit) == 2 && unit[1] == 'b' {
		base = 1000
	}
	if size := float64(n) * math.Pow(base, float64(power)); size < math.MaxInt64 {
		return int64(size)
	}
	return math.MaxInt64
}

func (d *Domain) setMemory(x *libvirtxml.Domain) {
	d.HugepageSizes = []int64{}
	if m := x.Memory; m != nil {
		d.Memory = bytesOf(m.Value, m.Unit)
	}
	d.CurrentMemory = d.Memory
	if m := x.CurrentMemory; m != nil {
		d.CurrentMemory = bytesOf(m.Value, m.Unit)
	}
	if m := x.MaximumMemory; m != nil {
		d.MaxMemory = bytesOf(m.Value, m.Unit)
	}
	if b := x.MemoryBacking; b != nil && b.MemoryHugePages != nil {
		d.Hugepages = true
		for _, p := range b.MemoryHugePages.Hugepages {
			d.HugepageSizes = append(d.HugepageSizes, bytesOf(p.Size, p.Unit))
		}
	}
}

func (d *Domain) setVCPUs(v *libvirtxml.DomainVCPU) {
	d.VCPUs = 1
	if v != nil {
		d.VCPUs = number(v.Value)
	}
	d.CurrentVCPUs = d.VCPUs
	if v != nil && v.Current > 0 {
		d.CurrentVCPUs = number(v.Current)
	}
}

// number is a count; one that no machine has is cut.
func number(n uint) int { return int(min(n, math.MaxInt32)) }

func pointed(n *uint) int {
	if n == nil {
		return 0
	}
	return number(*n)
}

// osIDs finds the guest's system in the metadata, under whatever prefix the tool
// that wrote it chose.
var osIDs = lazyregexp.New(`<(?:[\w-]+:)?os\s[^>]*\bid=["']([^"']*)["']`)

func osID(m *libvirtxml.DomainMetadata) string {
	if m == nil || !strings.Contains(m.XML, "libosinfo") {
		return ""
	}
	if found := osIDs.FindStringSubmatch(m.XML); found != nil {
		return found[1]
	}
	return ""
}

// variant names the member that is set in a struct of alternatives.
func variant(alternatives any) string {
	v := reflect.ValueOf(alternatives)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			name := v.Type().Field(i).Name
			return cmp.Or(spelled[name], strings.ToLower(name))
		}
	}
	return ""
}

// spelled are the alternatives whose word is not their name in small letters.
var spelled = map[string]string{"EGLHeadless": "egl-headless", "QEMUVDAgent": "qemu-vdagent", "SubsysSCSIHost": "scsi_host"}

// features lists the names of the features that a domain has.
func features(list *libvirtxml.DomainFeatureList) []string {
	names := []string{}
	if list == nil {
		return names
	}
	v := reflect.ValueOf(*list)
	for i := range v.NumField() {
		f := v.Field(i)
		empty := f.Kind() == reflect.Pointer && f.IsNil() || f.Kind() == reflect.Slice && f.Len() == 0
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("xml"), ","); !empty && !switchedOff(f) {
			names = append(names, name)
		}
	}
	return names
}

// switchedOff tells whether a feature is there to say state="off".
func switchedOff(feature reflect.Value) bool {
	if feature.Kind() != reflect.Pointer || feature.Elem().Kind() != reflect.Struct {
		return false
	}
	state := feature.Elem().FieldByName("State")
	return state.IsValid() && state.Kind() == reflect.String && state.String() == "off"
}

func clockOf(x *libvirtxml.DomainClock) Clock {
	if x == nil {
		x = &libvirtxml.DomainClock{}
	}
	c := Clock{Offset: cmp.Or(x.Offset, "utc"), Timezone: x.TimeZone, Basis: x.Basis, Adjustment: x.Adjustment, Timers: []Timer{}}
	c.UTC = c.Offset == "utc" || c.Offset == "variable" && c.Basis != "localtime"
	for _, t := range x.Timer {
		c.Timers = append(c.Timers, Timer{Name: t.Name, Present: t.Present, TickPolicy: t.TickPolicy})
	}
	return c
}

func cpuOf(x *libvirtxml.DomainCPU) CPU {
	c := CPU{Features: []CPUFeature{}}
	if x == nil {
		return c
	}
	c.Mode, c.Vendor = x.Mode, x.Vendor
	if x.Model != nil {
		c.Model = x.Model.Value
		c.Mode = cmp.Or(c.Mode, "custom")
	}
	if t := x.Topology; t != nil {
		c.Sockets, c.Dies, c.Clusters, c.Cores, c.Threads = t.Sockets, t.Dies, t.Clusters, t.Cores, t.Threads
	}
	for _, f := range x.Features {
		c.Features = append(c.Features, CPUFeature{Name: f.Name, Policy: cmp.Or(f.Policy, "require")})
	}
	return c
}

func cells(x *libvirtxml.DomainCPU) []Cell {
	list := []Cell{}
	if x == nil || x.Numa == nil {
		return list
	}
	for i, c := range x.Numa.Cell {
		id := i
		if c.ID != nil {
			id = pointed(c.ID)
		}
		list = append(list, Cell{ID: id, CPUs: c.CPUs, Memory: bytesOf(c.Memory, c.Unit)})
	}
	return list
}

// chipsets tell the machine types apart; pc and pc-1.3 are old names of i440fx.
var chipsets = lazyregexp.New(`^(?:pc-)?(q35|i440fx)\b|^(pc)(?:-\d|$)`)

func (d *Domain) setOS(x *libvirtxml.DomainOS) {
	x = cmp.Or(x, &libvirtxml.DomainOS{})
	if x.Type != nil {
		d.OSType, d.Arch, d.Machine = x.Type.Type, x.Type.Arch, x.Type.Machine
	}
	if found := chipsets.FindStringSubmatch(d.Machine); found != nil {
		d.Chipset = cmp.Or(found[1], "i440fx")
	}
	d.Firmware = firmware(x, d.Arch)
	d.Boot = Boot{Devices: []string{}, Kernel: x.Kernel, Initrd: x.Initrd, Cmdline: x.Cmdline}
	for _, b := range x.BootDevices {
		d.Boot.Devices = append(d.Boot.Devices, b.Dev)
	}
	d.Boot.Menu = x.BootMenu != nil && x.BootMenu.Enable == "yes"
}

// efiNames are how files with EFI firmware are called; one that is loaded as a ROM
// does not say what it is.
var efiNames = lazyregexp.New(`(?i)ovmf|aavmf|edk2|uefi|efi`)

func firmware(x *libvirtxml.DomainOS, arch string) Firmware {
	f := Firmware{Kind: "none", Auto: x.Firmware != "", Features: []string{}}
	if arch == "x86_64" || arch == "i686" {
		f.Kind = "bios"
	}
	if l := x.Loader; l != nil {
		f.Loader, f.LoaderType, f.SecureBoot = strings.TrimSpace(l.Path), l.Type, l.Secure == "yes"
		if l.Type == "pflash" || efiNames.MatchString(path.Base(f.Loader)) {
			f.Kind = "efi"
		}
	}
	f.Kind = cmp.Or(x.Firmware, f.Kind)
	if n := x.NVRam; n != nil {
		f.NVRAM, f.NVRAMTemplate, f.NVRAMFormat = strings.TrimSpace(n.NVRam), n.Template, n.Format
		if n.Source != nil && n.Source.File != nil {
			f.NVRAM = n.Source.File.File
		}
	}
	if x.FirmwareInfo != nil {
		for _, feature := range x.FirmwareInfo.Features {
			on := feature.Enabled != "no"
			f.SecureBoot = f.SecureBoot || on && feature.Name == "secure-boot"
			f.Features = append(f.Features, strings.Repeat("-", map[bool]int{false: 1}[on])+feature.Name)
		}
	}
	return f
}

func (d *Domain) setDevices(x *libvirtxml.DomainDeviceList) {
	d.Emulator = x.Emulator
	d.Disks = each(x.Disks, diskOf)
	d.Controllers = each(x.Controllers, func(c *libvirtxml.DomainController) Controller {
		return Controller{Type: c.Type, Index: pointed(c.Index), Model: c.Model}
	})
	d.Interfaces = each(x.Interfaces, interfaceOf)
	d.Serials = each(x.Serials, func(s *libvirtxml.DomainSerial) Serial {
		port := serial(s.Source)
		if s.Target != nil {
			port.Target, port.Number = s.Target.Type, pointed(s.Target.Port)
		}
		return port
	})
	d.Consoles = each(x.Consoles, func(s *libvirtxml.DomainConsole) Serial {
		port := serial(s.Source)
		if s.Target != nil {
			port.Target, port.Number = s.Target.Type, pointed(s.Target.Port)
		}
		return port
	})
	d.Parallels = each(x.Parallels, func(s *libvirtxml.DomainParallel) Serial {
		port := serial(s.Source)
		if s.Target != nil {
			port.Target, port.Number = s.Target.Type, pointed(s.Target.Port)
		}
		return port
	})
	d.Channels = each(x.Channels, channel)
	d.Graphics = each(x.Graphics, graphics)
	d.Videos = each(x.Videos, func(v *libvirtxml.DomainVideo) Video {
		m := v.Model
		return Video{
			Model: m.Type, VRAM: bytesOf(m.VRam, "KiB"), Heads: number(m.Heads), Primary: m.Primary == "yes",
			Accel3D: m.Accel != nil && m.Accel.Accel3D == "yes",
		}
	})
	d.Sounds = each(x.Sounds, func(s *libvirtxml.DomainSound) string { return s.Model })
	d.Inputs = each(x.Inputs, func(i *libvirtxml.DomainInput) Input { return Input{Type: i.Type, Bus: i.Bus} })
	d.TPMs = each(x.TPMs, func(t *libvirtxml.DomainTPM) TPM {
		tpm := TPM{Model: t.Model, Backend: variant(t.Backend)}
		if b := t.Backend; b != nil && b.Emulator != nil {
			tpm.Version = b.Emulator.Version
		}
		return tpm
	})
	d.RNGs = each(x.RNGs, func(r *libvirtxml.DomainRNG) RNG {
		rng := RNG{Model: r.Model, Backend: variant(r.Backend)}
		if r.Backend != nil && r.Backend.Random != nil {
			rng.Device = r.Backend.Random.Device
		}
		return rng
	})
	if x.MemBalloon != nil {
		d.Balloon = x.MemBalloon.Model
	}
	d.Hostdevs = each(x.Hostdevs, hostdev)
	d.Filesystems = each(x.Filesystems, filesystem)
	d.Watchdogs = each(x.Watchdogs, func(w *libvirtxml.DomainWatchdog) Watchdog { return Watchdog{w.Model, w.Action} })
}

// each makes a list of another, never nil.
func each[X, Y any](list []X, make func(*X) Y) []Y {
	out := []Y{}
	for i := range list {
		out = append(out, make(&list[i]))
	}
	return out
}

func diskOf(x *libvirtxml.DomainDisk) Disk {
	d := Disk{
		Device: cmp.Or(x.Device, "disk"), Hosts: []string{}, Serial: x.Serial, WWN: x.WWN, BootOrder: order(x.Boot),
		ReadOnly: x.ReadOnly != nil || x.Device == "cdrom", Shareable: x.Shareable != nil, Transient: x.Transient != nil, Encrypted: x.Encryption != nil,
	}
	if t := x.Target; t != nil {
		d.Target, d.Bus, d.RotationRate = t.Dev, t.Bus, number(t.RotationRate)
	}
	if v := x.Driver; v != nil {
		d.Format, d.Cache, d.IO, d.Discard = v.Type, v.Cache, v.IO, v.Discard
	}
	if x.Address != nil && x.Address.Drive != nil {
		a := x.Address.Drive
		d.HasAddress = true
		d.Controller, d.Channel, d.SCSITarget, d.Unit = pointed(a.Controller), pointed(a.Bus), pointed(a.Target), pointed(a.Unit)
	}
	if x.Source != nil {
		d.setSource(x.Source)
	}
	return d
}

func (d *Disk) setSource(s *libvirtxml.DomainDiskSource) {
	d.Kind = variant(s)
	d.Encrypted = d.Encrypted || s.Encryption != nil
	switch {
	case s.File != nil:
		d.Path = s.File.File
	case s.Block != nil:
		d.Path = s.Block.Dev
	case s.Dir != nil:
		d.Path = s.Dir.Dir
	case s.Volume != nil:
		d.Pool, d.Volume = s.Volume.Pool, s.Volume.Volume
	case s.NVME != nil && s.NVME.PCI != nil:
		d.Source = pciAddress(s.NVME.PCI.Address)
	case s.VHostVDPA != nil:
		d.Source = s.VHostVDPA.Dev
	case s.Network != nil:
		d.Protocol, d.Source = s.Network.Protocol, s.Network.Name
		for _, host := range s.Network.Hosts {
			d.Hosts = append(d.Hosts, cmp.Or(host.Socket, joined(host.Name, host.Port)))
		}
	}
}

func joined(host, port string) string {
	if port == "" {
		return host
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

func order(b *libvirtxml.DomainDeviceBoot) int {
	if b == nil {
		return 0
	}
	return number(b.Order)
}

func interfaceOf(x *libvirtxml.DomainInterface) Interface {
	i := Interface{Kind: variant(x.Source), BootOrder: order(x.Boot), VLANs: []int{}, LinkDown: x.Link != nil && x.Link.State == "down"}
	if x.MAC != nil {
		i.MAC = strings.ToLower(x.MAC.Address)
	}
	if x.Model != nil {
		i.Model = x.Model.Type
	}
	if x.Target != nil {
		i.Target = x.Target.Dev
	}
	if x.MTU != nil {
		i.MTU = number(x.MTU.Size)
	}
	if x.FilterRef != nil {
		i.Filter = x.FilterRef.Filter
	}
	if x.VirtualPort != nil {
		i.VirtualPort = portTypes[variant(x.VirtualPort.Params)]
	}
	if x.VLan != nil {
		i.VLANTrunk = x.VLan.Trunk == "yes" || len(x.VLan.Tags) > 1
		for _, tag := range x.VLan.Tags {
			i.VLANs = append(i.VLANs, number(tag.ID))
		}
	}
	if x.Source != nil {
		i.setSource(x.Source)
	}
	return i
}

// portTypes are the words that stand for the alternatives of a virtual port.
var portTypes = map[string]string{
	"any": "any", "vepa8021qbg": "802.1Qbg", "vntag8011qbh": "802.1Qbh", "openvswitch": "openvswitch", "midonet": "midonet",
}

func (i *Interface) setSource(s *libvirtxml.DomainInterfaceSource) {
	switch {
	case s.Bridge != nil:
		i.Source = s.Bridge.Bridge
	case s.Network != nil:
		i.Source, i.PortGroup = s.Network.Network, s.Network.PortGroup
	case s.Direct != nil:
		i.Source, i.Mode = s.Direct.Dev, s.Direct.Mode
	case s.User != nil:
		i.Source = s.User.Dev
	case s.VDPA != nil:
		i.Source = s.VDPA.Device
	case s.Internal != nil:
		i.Source = s.Internal.Name
	case s.Hostdev != nil && s.Hostdev.PCI != nil:
		i.Source = pciAddress(s.Hostdev.PCI.Address)
	}
}

func serial(s *libvirtxml.DomainChardevSource) Serial {
	p := Serial{Kind: variant(s)}
	switch {
	case s == nil:
	case s.Pty != nil:
		p.Path = s.Pty.Path
	case s.Dev != nil:
		p.Path = s.Dev.Path
	case s.File != nil:
		p.Path = s.File.Path
	case s.Pipe != nil:
		p.Path = s.Pipe.Path
	case s.UNIX != nil:
		p.Path, p.Listen = s.UNIX.Path, s.UNIX.Mode == "bind"
	case s.TCP != nil:
		p.Host, p.Port, p.Listen = s.TCP.Host, s.TCP.Service, s.TCP.Mode == "bind"
	case s.UDP != nil:
		p.Host, p.Port = s.UDP.ConnectHost, s.UDP.ConnectService
	}
	return p
}

func channel(x *libvirtxml.DomainChannel) Channel {
	c := Channel{Kind: variant(x.Source), Target: variant(x.Target)}
	if t := x.Target; t != nil && t.VirtIO != nil {
		c.Name = t.VirtIO.Name
	}
	return c
}

func graphics(x *libvirtxml.DomainGraphic) Graphics {
	g := Graphics{Kind: variant(x), Listen: []string{}}
	switch {
	case x.VNC != nil:
		g.Port, g.Auto, g.Keymap = max(x.VNC.Port, 0), x.VNC.AutoPort == "yes", x.VNC.Keymap
		g.listen(x.VNC.Listeners, cmp.Or(x.VNC.Socket, x.VNC.Listen))
	case x.Spice != nil:
		g.Port, g.TLSPort, g.Auto, g.Keymap = max(x.Spice.Port, 0), max(x.Spice.TLSPort, 0), x.Spice.AutoPort == "yes", x.Spice.Keymap
		g.listen(x.Spice.Listeners, x.Spice.Listen)
	case x.RDP != nil:
		g.Port, g.Auto = max(x.RDP.Port, 0), x.RDP.AutoPort == "yes"
		g.listen(x.RDP.Listeners, x.RDP.Listen)
	}
	return g
}

// listen takes the listen elements, or the attribute that stood for them in old
// releases.
func (g *Graphics) listen(list []libvirtxml.DomainGraphicListener, old string) {
	for _, l := range list {
		switch {
		case l.Address != nil:
			g.Listen = append(g.Listen, l.Address.Address)
		case l.Network != nil:
			g.Listen = append(g.Listen, "network:"+l.Network.Network)
		case l.Socket != nil:
			g.Listen = append(g.Listen, l.Socket.Socket)
		}
	}
	g.Listen = slices.DeleteFunc(g.Listen, func(address string) bool { return address == "" })
	if len(g.Listen) == 0 && old != "" {
		g.Listen = append(g.Listen, old)
	}
}

func hostdev(x *libvirtxml.DomainHostdev) Hostdev {
	alternatives := *x
	alternatives.Boot, alternatives.ROM, alternatives.ACPI, alternatives.Alias, alternatives.Address = nil, nil, nil, nil, nil
	kind := variant(alternatives)
	d := Hostdev{Kind: strings.TrimPrefix(strings.TrimPrefix(kind, "subsys"), "caps"), Managed: x.Managed == "yes", BootOrder: order(x.Boot)}
	switch {
	case x.SubsysPCI != nil && x.SubsysPCI.Source != nil:
		d.Address = pciAddress(x.SubsysPCI.Source.Address)
	case x.SubsysUSB != nil && x.SubsysUSB.Source != nil:
		d.setUSB(x.SubsysUSB.Source)
	case x.SubsysMDev != nil && x.SubsysMDev.Source != nil && x.SubsysMDev.Source.Address != nil:
		d.Source = x.SubsysMDev.Source.Address.UUID
	case x.SubsysSCSI != nil && x.SubsysSCSI.Source != nil:
		d.setSCSI(x.SubsysSCSI.Source)
	case x.SubsysSCSIHost != nil && x.SubsysSCSIHost.Source != nil:
		d.Source = x.SubsysSCSIHost.Source.WWPN
	case x.CapsStorage != nil && x.CapsStorage.Source != nil:
		d.Source = x.CapsStorage.Source.Block
	case x.CapsMisc != nil && x.CapsMisc.Source != nil:
		d.Source = x.CapsMisc.Source.Char
	case x.CapsNet != nil && x.CapsNet.Source != nil:
		d.Source = x.CapsNet.Source.Interface
	}
	return d
}

func (d *Hostdev) setUSB(s *libvirtxml.DomainHostdevSubsysUSBSource) {
	if s.Vendor != nil {
		d.Vendor = s.Vendor.ID
	}
	if s.Product != nil {
		d.Product = s.Product.ID
	}
	if a := s.Address; a != nil && a.Device != nil {
		d.Address = fmt.Sprintf("%d.%d", pointed(a.Bus), pointed(a.Device))
	}
}

func (d *Hostdev) setSCSI(s *libvirtxml.DomainHostdevSubsysSCSISource) {
	switch {
	case s.Host != nil && s.Host.Adapter != nil:
		d.Source = s.Host.Adapter.Name
	case s.ISCSI != nil:
		d.Source = s.ISCSI.Name
	}
}

func pciAddress(a *libvirtxml.DomainAddressPCI) string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf("%04x:%02x:%02x.%x", pointed(a.Domain), pointed(a.Bus), pointed(a.Slot), pointed(a.Function))
}

func filesystem(x *libvirtxml.DomainFilesystem) Filesystem {
	f := Filesystem{Kind: variant(x.Source), ReadOnly: x.ReadOnly != nil}
	if x.Driver != nil {
		f.Driver = x.Driver.Type
	}
	if x.Target != nil {
		f.Target = x.Target.Dir
	}
	switch s := x.Source; {
	case s == nil:
	case s.Mount != nil:
		f.Source = cmp.Or(s.Mount.Dir, s.Mount.Socket)
	case s.Block != nil:
		f.Source = s.Block.Dev
	case s.File != nil:
		f.Source = s.File.File
	case s.Bind != nil:
		f.Source = s.Bind.Dir
	case s.Template != nil:
		f.Source = s.Template.Name
	case s.Volume != nil:
		f.Source = s.Volume.Pool + "/" + s.Volume.Volume
	}
	return f
}

// bootOrder lists the devices that have a place of their own in the boot order.
func bootOrder(x *libvirtxml.DomainDeviceList) []BootDevice {
	list := []BootDevice{}
	if x == nil {
		return list
	}
	add := func(b *libvirtxml.DomainDeviceBoot, kind string, i int, name string) {
		if b != nil {
			list = append(list, BootDevice{Order: order(b), Kind: kind, Device: cmp.Or(name, strconv.Itoa(i+1))})
		}
	}
	for i := range x.Disks {
		add(x.Disks[i].Boot, "disk", i, diskOf(&x.Disks[i]).Target)
	}
	for i := range x.Interfaces {
		add(x.Interfaces[i].Boot, "interface", i, interfaceOf(&x.Interfaces[i]).MAC)
	}
	for i := range x.Hostdevs {
		add(x.Hostdevs[i].Boot, "hostdev", i, "")
	}
	for i := range x.RedirDevs {
		add(x.RedirDevs[i].Boot, "redirdev", i, "")
	}
	for i := range x.Filesystems {
		add(x.Filesystems[i].Boot, "filesystem", i, "")
	}
	slices.SortStableFunc(list, func(a, b BootDevice) int { return cmp.Compare(a.Order, b.Order) })
	return list
}

// element is an XML element as it stands.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e *element) child(name string) *element {
	for i := range e.Children {
		if e.Children[i].XMLName.Local == name {
			return &e.Children[i]
		}
	}
	return &element{}
}
