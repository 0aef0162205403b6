package vboxsim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

var showCall = at("FindMachine(Bstr(VMNameOrUuid).raw(), machine.asOutParam())", 3248, "VBoxManageInfo.cpp")

func showVM(c *command) int {
	given, words := c.options(map[string]int{"machinereadable": 0, "details": 0})
	if len(words) != 1 {
		c.badUsage(2, "VM name or UUID required")
	}
	w := c.load()
	m := c.find(w, words[0], showCall)
	if has(given, "machinereadable") {
		c.printMachine(w, m)
		return 0
	}
	c.tellMachine(w, m)
	c.p.Printf("\n")
	return 0
}

// flagDefaults are settings that every machine has: in the order in which they
// are shown, with what they are from the start, and since when.
type flagDefault struct {
	key, value string
	since      [2]int
}

var processorFlags = []flagDefault{
	{"hpet", "off", [2]int{}}, {"pae", "off", [2]int{}}, {"longmode", "on", [2]int{4, 2}}, {"triplefaultreset", "off", [2]int{4, 3}}, {"apic", "on", [2]int{5, 2}},
	{"x2apic", "off", [2]int{5, 1}}, {"nested-hw-virt", "off", [2]int{6, 0}},
}

var virtFlags = []flagDefault{
	{"hwvirtex", "on", [2]int{}}, {"nestedpaging", "on", [2]int{}}, {"largepages", "off", [2]int{}}, {"vtxvpid", "on", [2]int{}}, {"vtxux", "on", [2]int{4, 2}},
	{"virtvmsavevmload", "on", [2]int{6, 1}},
}

// or is a setting, or what it is from the start.
func (h *hardware) or(key, value string) string {
	if set := h.get(key); set != "" {
		return set
	}
	return value
}

// printer prints properties that the version knows.
type printer struct{ c *command }

func (o printer) text(key, value string, since ...int) {
	if len(since) == 2 && !o.c.v.since(since[0], since[1]) {
		return
	}
	if o.c.v.since(6, 1) {
		value = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
	}
	o.c.p.Printf("%s=\"%s\"\n", key, value)
}

func (o printer) number(key string, value int, since ...int) {
	if len(since) == 2 && !o.c.v.since(since[0], since[1]) {
		return
	}
	o.c.p.Printf("%s=%d\n", key, value)
}

func (o printer) quoted(key, value string, since ...int) { o.text(`"`+key+`"`, value, since...) }

func (o printer) flags(h *hardware, list []flagDefault) {
	for _, f := range list {
		since := f.since[:]
		if f.since == [2]int{} {
			since = nil
		}
		o.text(f.key, h.or(f.key, f.value), since...)
	}
}

// printMachine is showvminfo --machinereadable.
func (c *command) printMachine(w *world, m *machine) {
	o, h, dir := printer{c}, &m.Hardware, path.Dir(m.file)
	number := func(key string, value int) int { n, err := strconv.Atoi(h.or(key, itoa(value))); _ = err; return n }
	o.text("name", m.Name)
	o.text("encryption", "disabled", 7, 0)
	o.text("groups", "/", 4, 2)
	o.text("platformArchitecture", "x86", 7, 1)
	o.text("ostype", describeType(m.OSType))
	o.text("UUID", trim(m.UUID))
	o.text("CfgFile", m.file)
	o.text("SnapFldr", path.Join(dir, "Snapshots"))
	o.text("LogFldr", path.Join(dir, "Logs"))
	if m.Description != "" {
		o.text("description", m.Description)
	}
	o.text("hardwareuuid", trim(m.UUID))
	o.number("memory", h.Memory)
	o.text("pagefusion", h.or("pagefusion", "off"))
	o.number("vram", h.VRAM)
	o.number("cpuexecutioncap", number("cpuexecutioncap", 100))
	o.text("cpu-profile", "host", 5, 0)
	o.text("chipset", h.or("chipset", "piix3"))
	o.text("firmware", h.or("firmware", "BIOS"))
	o.number("cpus", h.CPUs)
	o.flags(h, processorFlags)
	o.flags(h, virtFlags)
	o.number("cpuid-portability-level", number("cpuid-portability-level", 0))
	o.text("bootmenu", "messageandmenu")
	for n, from := range h.Boot {
		o.text("boot"+itoa(n+1), from)
	}
	o.text("acpi", h.or("acpi", "on"))
	o.text("ioapic", h.or("ioapic", "on"))
	o.text("biosapic", "apic", 5, 1)
	o.number("biossystemtimeoffset", number("biossystemtimeoffset", 0))
	o.text("NvramFile", path.Join(dir, m.Name+".nvram"), 7, 0)
	o.text("rtcuseutc", h.or("rtcuseutc", "off"))
	o.text("iommu", h.or("iommu", "none"), 7, 0)
	o.text("paravirtprovider", h.or("paravirtprovider", "default"), 5, 0)
	o.text("effparavirtprovider", "none", 5, 0)
	state, since := c.state(m)
	o.text("VMState", state)
	o.text("VMStateChangeTime", since.UTC().Format(shownForm))
	if c.isOpen(m) {
		o.text("SessionName", "headless", 4, 3)
	}
	o.text("graphicscontroller", h.or("graphicscontroller", "vboxvga"), 5, 0)
	o.number("monitorcount", number("monitorcount", 1))
	o.text("accelerate3d", h.or("accelerate3d", "off"))
	o.text("teleporterenabled", "off")
	o.number("teleporterport", 0)
	o.text("teleporteraddress", "")
	o.text("teleporterpassword", "")
	o.text("tracing-enabled", "off", 4, 1)
	o.text("tracing-allow-vm-access", "off", 4, 1)
	o.text("tracing-config", "", 4, 1)
	o.text("autostart-enabled", h.or("autostart-enabled", "off"), 4, 2)
	o.number("autostart-delay", number("autostart-delay", 0), 4, 2)
	o.text("defaultfrontend", "", 4, 3)
	o.text("vmprocpriority", "default", 6, 1)
	c.printControllers(w, h)
	c.printAdapters(h)
	o.text("hidpointing", "ps2mouse")
	o.text("hidkeyboard", "ps2kbd")
	c.printPorts(h)
	c.printRest(m, h)
	if m.Snapshot != nil {
		c.printSnapshots(m)
	}
}

// usedPorts is how many ports a controller shows.
func printable(ctl controller) (ports, devices int) {
	return ctl.Ports, chipOf(ctl.Type).devices
}

func (c *command) printControllers(w *world, h *hardware) {
	o := printer{c}
	for n, ctl := range h.Controllers {
		at := itoa(n)
		o.text("storagecontrollername"+at, ctl.Name)
		o.text("storagecontrollertype"+at, ctl.Type)
		o.text("storagecontrollerinstance"+at, "0")
		o.text("storagecontrollermaxportcount"+at, itoa(chipOf(ctl.Type).most))
		o.text("storagecontrollerportcount"+at, itoa(ctl.Ports))
		o.text("storagecontrollerbootable"+at, onOff(ctl.Bootable))
	}
	for _, ctl := range h.Controllers {
		ports, devices := printable(ctl)
		for port := range ports {
			for dev := range devices {
				c.printDevice(w, ctl, port, dev)
			}
		}
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (c *command) printDevice(w *world, ctl controller, port, dev int) {
	o := printer{c}
	at := fmt.Sprintf("%d-%d", port, dev)
	d := ctl.at(port, dev)
	switch {
	case d == nil:
		o.quoted(ctl.Name+"-"+at, "none")
	case d.Image == "":
		o.quoted(ctl.Name+"-"+at, "emptydrive")
		o.quoted(ctl.Name+"-IsEjected-"+at, "off")
	default:
		found, _ := w.byUUID(d.Image)
		o.quoted(ctl.Name+"-"+at, found.Location)
		o.quoted(ctl.Name+"-ImageUUID-"+at, trim(d.Image))
		o.quoted(ctl.Name+"-hot-pluggable-"+at, "off", 7, 0)
		o.quoted(ctl.Name+"-nonrotational-"+at, onOff(d.NonRotational), 7, 0)
		o.quoted(ctl.Name+"-discard-"+at, onOff(d.Discard), 7, 0)
	}
}

// slots is how many adapters the board has.
func (h *hardware) slots() int {
	if h.get("chipset") == "ich9" {
		return 36
	}
	return 8
}

func (h *hardware) slot(n int) *adapter {
	for i := range h.Adapters {
		if h.Adapters[i].Slot == n {
			return &h.Adapters[i]
		}
	}
	return nil
}

func (c *command) printAdapters(h *hardware) {
	o := printer{c}
	for n := 1; n <= h.slots(); n++ {
		a, at := h.slot(n), itoa(n)
		if a == nil {
			o.text("nic"+at, "none")
			continue
		}
		switch a.Kind {
		case "nat":
			network := a.Network
			if network == "" {
				network = "nat"
			}
			o.text("natnet"+at, network)
		case "bridged":
			o.text("bridgeadapter"+at, a.Host)
		case "hostonly":
			o.text("hostonlyadapter"+at, a.Host)
		case "intnet":
			o.text("intnet"+at, a.Network)
		case "natnetwork":
			o.text("nat-network"+at, a.Network)
		case "generic":
			o.text("generic"+at, a.Network)
		}
		o.text("macaddress"+at, a.MAC)
		o.text("cableconnected"+at, onOff(a.Cable))
		o.text("nic"+at, a.Kind)
		o.text("nictype"+at, a.Type)
		o.text("nicspeed"+at, "0")
		if a.Kind != "nat" {
			continue
		}
		for _, key := range []string{"mtu", "sockSnd", "sockRcv", "tcpWndSnd", "tcpWndRcv"} {
			value := "64"
			if key == "mtu" {
				value = "0"
			}
			o.text(key, value)
		}
		o.text("localhostReachable", "0", 7, 0)
		o.text("forwardBroadcast", "0", 7, 1)
		o.text("enableTFTP", "0", 7, 1)
		for i, f := range a.Forwards {
			o.text("Forwarding("+itoa(i)+")", f)
		}
	}
}

func (c *command) printPorts(h *hardware) {
	o := printer{c}
	for n := 1; n <= 4; n++ {
		at := itoa(n)
		i := slices.IndexFunc(h.UARTs, func(u uart) bool { return u.Slot == n })
		if i < 0 || h.UARTs[i].IRQ == 0 {
			o.text("uart"+at, "off")
			continue
		}
		u := h.UARTs[i]
		o.text("uart"+at, fmt.Sprintf("0x%04x,%d", u.IO, u.IRQ))
		mode := u.Mode
		switch {
		case u.Mode == "device":
			mode = u.Path
		case u.Path != "":
			mode += "," + u.Path
		}
		o.text("uartmode"+at, mode)
		o.text("uarttype"+at, u.Type, 5, 1)
	}
	o.text("lpt1", "off", 4, 3)
	o.text("lpt2", "off", 4, 3)
}

func (c *command) printRest(m *machine, h *hardware) {
	o := printer{c}
	o.text("audio", map[bool]string{true: "default", false: "none"}[c.v.since(7, 0)])
	o.text("audio_out", h.or("audio_out", "off"), 5, 2)
	o.text("audio_in", h.or("audio_in", "off"), 5, 2)
	o.text("clipboard", "disabled")
	o.text("clipboard_file_transfers", "off", 6, 1)
	o.text("draganddrop", "disabled", 4, 2)
	o.text("vrde", h.or("vrde", "off"))
	if h.get("vrde") == "on" {
		o.number("vrdeport", -1)
		o.text("vrdeports", h.or("vrdeports", "3389"))
		o.text("vrdeaddress", h.get("vrdeaddress"))
		o.text("vrdeauthtype", "null")
		o.text("vrdemulticon", "off")
		o.text("vrdereusecon", "off")
		o.text("vrdevideochannel", "off")
	}
	o.text("usb", h.or("usb", "off"))
	o.text("ehci", h.or("ehci", "off"))
	o.text("xhci", h.or("xhci", "off"), 5, 0)
	if !c.v.since(7, 0) {
		o.text("videocap", "off", 4, 3)
		o.number("GuestMemoryBalloon", 0)
		return
	}
	o.text("recording_started", "off")
	o.text("recording_enabled", "off")
	o.number("recording_screens", 1)
	c.p.Printf(" rec_screen0\n")
	o.text("rec_screen_enabled", "on")
	o.number("rec_screen_id", 0)
	o.text("rec_screen_video_enabled", "on")
	o.text("rec_screen_audio_enabled", "off")
	o.text("rec_screen_dest", "File")
	o.text("rec_screen_dest_filename", strings.TrimSuffix(m.file, ".vbox")+"-screen0.webm")
	o.text("rec_screen_opts", "ac_profile=med")
	o.text("rec_screen_video_res_xy", "1024x768")
	o.number("rec_screen_video_rate_kbps", 512)
	o.number("rec_screen_video_fps", 25)
	o.number("GuestMemoryBalloon", 0)
}

// stateWords are the states as people are told.
var stateWords = map[string]string{"poweroff": "powered off", "running": "running", "paused": "paused", "saved": "saved", "aborted": "aborted"}

var bootWords = map[string]string{"floppy": "Floppy", "dvd": "DVD", "disk": "HardDisk", "net": "Network", "none": "Not Assigned"}

// tellMachine is showvminfo for people.
func (c *command) tellMachine(w *world, m *machine) {
	h, dir := &m.Hardware, path.Dir(m.file)
	say := func(key, format string, args ...any) {
		c.p.Printf("%-29s"+format+"\n", append([]any{key + ":"}, args...)...)
	}
	able := func(key, value string) string {
		if h.or(key, value) == "on" {
			return "enabled"
		}
		return "disabled"
	}
	say("Name", "%s", m.Name)
	if c.v.since(7, 0) {
		say("Encryption", "disabled")
	}
	say("Groups", "/")
	if c.v.since(7, 1) {
		say("Platform Architecture", "x86")
	}
	say("Guest OS", "%s", describeType(m.OSType))
	say("UUID", "%s", trim(m.UUID))
	say("Config file", "%s", m.file)
	say("Snapshot folder", "%s", path.Join(dir, "Snapshots"))
	say("Log folder", "%s", path.Join(dir, "Logs"))
	say("Hardware UUID", "%s", trim(m.UUID))
	say("Memory size", "%dMB", h.Memory)
	say("Page Fusion", "%s", able("pagefusion", "off"))
	say("VRAM size", "%dMB", h.VRAM)
	say("CPU exec cap", "%s%%", h.or("cpuexecutioncap", "100"))
	say("CPUProfile", "host")
	say("Chipset", "%s", h.or("chipset", "piix3"))
	say("Firmware", "%s", h.or("firmware", "BIOS"))
	say("Number of CPUs", "%d", h.CPUs)
	for _, f := range []struct{ key, label, value string }{
		{"hpet", "HPET", "off"}, {"pae", "PAE", "off"}, {"longmode", "Long Mode", "on"}, {"triplefaultreset", "Triple Fault Reset", "off"}, {"apic", "APIC", "on"},
		{"x2apic", "X2APIC", "off"}, {"nested-hw-virt", "Nested VT-x/AMD-V", "off"}, {"", "CPUID overrides", "None"}, {"hwvirtex", "Hardware Virtualization", "on"},
		{"nestedpaging", "Nested Paging", "on"}, {"largepages", "Large Pages", "off"}, {"vtxvpid", "VT-x VPID", "on"}, {"vtxux", "VT-x Unrestricted Exec.", "on"},
		{"virtvmsavevmload", "AMD-V Virt. Vmsave/Vmload", "on"},
	} {
		if f.key == "" {
			say(f.label, "%s", f.value)
			continue
		}
		say(f.label, "%s", able(f.key, f.value))
	}
	say("CPUID Portability Level", "0")
	say("Boot menu mode", "message and menu")
	for n, from := range h.Boot {
		say("Boot Device "+itoa(n+1), "%s", bootWords[from])
	}
	say("ACPI", "%s", able("acpi", "on"))
	say("IOAPIC", "%s", able("ioapic", "on"))
	say("BIOS APIC mode", "APIC")
	say("Time offset", "0ms")
	if c.v.since(7, 0) {
		say("BIOS NVRAM File", "%s", path.Join(dir, m.Name+".nvram"))
	}
	say("RTC", "%s", map[string]string{"on": "UTC", "off": "local time"}[h.or("rtcuseutc", "off")])
	if c.v.since(7, 0) {
		say("IOMMU", "None")
	}
	say("Paravirt. Provider", "%s", title(h.or("paravirtprovider", "default")))
	say("Effective Paravirt. Prov.", "None")
	state, since := c.state(m)
	say("State", "%s (since %s)", stateWords[state], since.UTC().Format(shownForm))
	say("Graphics Controller", "%s", map[string]string{"vboxvga": "VBoxVGA", "vmsvga": "VMSVGA", "vboxsvga": "VBoxSVGA", "none": "None"}[h.or("graphicscontroller", "vboxvga")])
	say("Monitor count", "%s", h.or("monitorcount", "1"))
	say("3D Acceleration", "%s", able("accelerate3d", "off"))
	say("Teleporter Enabled", "disabled")
	say("Teleporter Port", "0")
	say("Teleporter Address", "")
	say("Teleporter Password", "")
	say("Tracing Enabled", "disabled")
	say("Allow Tracing to Access VM", "disabled")
	say("Tracing Configuration", "")
	say("Autostart Enabled", "%s", able("autostart-enabled", "off"))
	say("Autostart Delay", "%s", h.or("autostart-delay", "0"))
	say("Default Frontend", "")
	say("VM process priority", "default")
	c.tellControllers(w, h)
	c.tellAdapters(h)
	say("Pointing Device", "PS/2 Mouse")
	say("Keyboard Device", "PS/2 Keyboard")
	c.tellPorts(h, say)
	for _, f := range [][2]string{
		{"LPT 1", "disabled"}, {"LPT 2", "disabled"}, {"Audio", "enabled (Driver: Default, Controller: AC97, Codec: STAC9700)"}, {"Audio playback", able("audio_out", "off")},
		{"Audio capture", able("audio_in", "off")}, {"Clipboard Mode", "disabled"}, {"Clipboard file transfers", "disabled"}, {"Drag and drop Mode", "disabled"},
		{"VRDE", able("vrde", "off")}, {"OHCI USB", able("usb", "off")}, {"EHCI USB", able("ehci", "off")}, {"xHCI USB", able("xhci", "off")}, {"USB Device Filters", "<none>"},
		{"Bandwidth groups", "<none>"}, {"Shared folders", "<none>"}, {"Recording status", "stopped"}, {"Recording enabled", "no"}, {"Recording screens", "1"},
	} {
		say(f[0], "%s", f[1])
	}
	c.p.Printf(" Screen 0:\n")
	for _, f := range [][2]string{
		{"Enabled", "yes"}, {"ID", "0"}, {"Record video", "yes"}, {"Record audio", "no"}, {"Destination", "File"}, {"File", strings.TrimSuffix(m.file, ".vbox") + "-screen0.webm"},
		{"Options", "ac_profile=med"}, {"Video dimensions", "1024x768"}, {"Video rate", "512kbps"}, {"Video FPS", "25fps"},
	} {
		c.p.Printf("    %-25s%s\n", f[0]+":", f[1])
	}
	c.p.Printf("* Guest:\n")
	say("Configured memory balloon", "0MB")
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

func (c *command) tellControllers(w *world, h *hardware) {
	c.p.Printf("Storage Controllers:\n")
	for n, ctl := range h.Controllers {
		bootable := "Bootable"
		if !ctl.Bootable {
			bootable = "Not bootable"
		}
		c.p.Printf("#%d: '%s', Type: %s, Instance: 0, Ports: %d (max %d), %s\n", n, ctl.Name, ctl.Type, ctl.Ports, chipOf(ctl.Type).most, bootable)
		for _, d := range ctl.sorted() {
			if d.Image == "" {
				c.p.Printf("  Port %d, Unit %d: Empty\n", d.Port, d.Device)
				continue
			}
			found, _ := w.byUUID(d.Image)
			c.p.Printf("  Port %d, Unit %d: UUID: %s\n    Location: \"%s\"\n", d.Port, d.Device, trim(d.Image), found.Location)
		}
	}
}

var nicWords = map[string]string{"nat": "NAT", "null": "none", "hostonly": "Host-only Interface '%s'", "bridged": "Bridged Interface '%s'", "intnet": "Internal Network '%s'", "natnetwork": "NAT Network '%s'", "generic": "Generic '%s'"}

func (c *command) tellAdapters(h *hardware) {
	for n := 1; n <= h.slots(); n++ {
		a := h.slot(n)
		if a == nil {
			c.p.Printf("%-29sdisabled\n", fmt.Sprintf("NIC %d:", n))
			continue
		}
		attached := nicWords[a.Kind]
		if strings.Contains(attached, "%s") {
			attached = fmt.Sprintf(attached, a.Host+a.Network)
		}
		c.p.Printf("%-29sMAC: %s, Attachment: %s, Cable connected: %s, Trace: off (file: none), Type: %s, Reported speed: 0 Mbps, Boot priority: 0, Promisc Policy: deny, Bandwidth group: none\n",
			fmt.Sprintf("NIC %d:", n), a.MAC, attached, onOff(a.Cable), a.Type)
		if a.Kind != "nat" {
			continue
		}
		c.p.Printf("NIC %d Settings:\n\tMTU: 0, Socket (send: 64, receive: 64), TCP Window (send:64, receive: 64),\n\tLocalhostReachable: 0, ForwardBroadcast: 0, EnableTFTP: 0\n", n)
		for i, f := range a.Forwards {
			p := strings.Split(f, ",")
			c.p.Printf("NIC %d Rule(%d):   name = %s, protocol = %s, host ip = %s, host port = %s, guest ip = %s, guest port = %s\n", n, i, p[0], p[1], p[2], p[3], p[4], p[5])
		}
	}
}

func (c *command) tellPorts(h *hardware, say func(key, format string, args ...any)) {
	for n := 1; n <= 4; n++ {
		i := slices.IndexFunc(h.UARTs, func(u uart) bool { return u.Slot == n })
		if i < 0 {
			say("UART "+itoa(n), "disabled")
			continue
		}
		u := h.UARTs[i]
		where := map[string]string{
			"disconnected": "disconnected", "file": "attached to raw file '" + u.Path + "'\n", "server": "attached to pipe (server) '" + u.Path + "'",
			"client": "attached to pipe (client) '" + u.Path + "'", "tcpserver": "attached to TCP (server) '" + u.Path + "'", "tcpclient": "attached to TCP (client) '" + u.Path + "'",
			"device": "attached to device '" + u.Path + "'",
		}[u.Mode]
		say("UART "+itoa(n), "I/O address: 0x%04x, IRQ: %d, %s, %s", u.IO, u.IRQ, where, u.Type)
	}
}
