package vboxsim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// modifyVM changes the settings of a machine that is off.
func modifyVM(c *command) int {
	if len(c.args) == 0 {
		c.badUsage(2, "Not enough parameters")
	}
	w := c.load()
	m := c.find(w, c.args[0], at("FindMachine(Bstr(a->argv[0]).raw(), machine.asOutParam())", 893, "VBoxManageModifyVM.cpp"))
	c.locked(m, at("LockMachine(a->session, LockType_Write)", 898, "VBoxManageModifyVM.cpp"))
	d := modification{c: c, w: w, m: m, args: c.args[1:]}
	for len(d.args) > 0 {
		d.next()
	}
	c.saveMachine(m)
	return 0
}

// modification is a call of modifyvm, whose options are taken one after the other.
type modification struct {
	c      *command
	w      *world
	m      *machine
	args   []string
	inline *string
}

var optionForm = lazyregexp.New(`^--?([a-zA-Z0-9-]+?)(\d+)?(?:=(.*))?$`)

// next takes one option with what belongs to it.
func (d *modification) next() {
	arg := d.args[0]
	d.args = d.args[1:]
	found := optionForm.FindStringSubmatch(arg)
	if found == nil {
		d.c.badUsage(2, "Invalid parameter '%s'", arg)
	}
	d.inline = nil
	if _, value, ok := strings.Cut(arg, "="); ok {
		d.inline = &value
	}
	name, n := found[1], 0
	if found[2] != "" {
		n, _ = strconv.Atoi(found[2])
	}
	if numbered := perNumber[plain(name)]; n > 0 && numbered != nil && d.spelled(name) {
		numbered(d, n)
		return
	}
	name += found[2]
	set := perMachine[plain(name)]
	if set == nil || !d.spelled(name) {
		d.c.unknownOption(1, arg, true)
	}
	set(d)
}

// plain is an option's name in all spellings.
func plain(name string) string { return strings.ReplaceAll(name, "-", "") }

// dashed are the names that had dashes before version 7.
var dashed = []string{"nat-network", "cpu-profile", "cpuid-portability-level", "nested-hw-virt", "spec-ctrl", "vmprocpriority", "autostart-enabled", "autostart-delay"}

// spelled tells whether the version knows an option so: dashes within names came
// with 7.0.
func (d *modification) spelled(name string) bool {
	return !strings.Contains(name, "-") || d.c.v.since(7, 0) || slices.Contains(dashed, name)
}

// word is what follows an option.
func (d *modification) word() string {
	if d.inline != nil {
		word := *d.inline
		d.inline = nil
		return word
	}
	if len(d.args) == 0 {
		d.c.badUsage(2, "Missing argument to option")
	}
	word := d.args[0]
	d.args = d.args[1:]
	return word
}

// count is a number that follows an option. For anything else the tool has no
// words.
func (d *modification) count() int {
	n, err := strconv.Atoi(d.word())
	if err != nil {
		d.c.logo()
		d.c.p.Errorf("VBoxManage: error: ")
		panic(failed(1))
	}
	return n
}

func (d *modification) flag() bool {
	word := d.word()
	switch word {
	case "on", "yes", "true", "1", "enabled":
		return true
	case "off", "no", "false", "0", "disabled":
		return false
	}
	d.c.badUsage(2, "Invalid value '%s'", word)
	return false
}

// choice is one of some words.
func (d *modification) choice(what string, words ...string) string {
	word := d.word()
	for _, known := range words {
		if strings.EqualFold(known, word) {
			return known
		}
	}
	d.c.fail("Invalid %s '%s'", what, word)
	return ""
}

var modifyLines = "VBoxManageModifyVM.cpp"

func (d *modification) refuse(context string, line int, format string, args ...any) {
	d.c.stop(com{"NS_ERROR_INVALID_ARG", "SessionMachine", "IMachine"}, at(context, line, modifyLines), format, args...)
}

// perMachine are the options without a number.
var perMachine = map[string]func(d *modification){
	"name": func(d *modification) { d.rename(d.word()) },
	"ostype": func(d *modification) {
		word := d.word()
		id := d.c.typeNamed(word)
		if id == "" {
			d.c.fail("Unknown or invalid guest OS type given.")
		}
		d.m.OSType = id
	},
	"description": func(d *modification) { d.m.Description = d.word() },
	"memory": func(d *modification) {
		n := d.count()
		if n < 4 || n > 2097152 {
			d.refuse("COMSETTER(MemorySize)(ValueUnion.u32)", 988, "Invalid RAM size: %d MB (must be in range [4, 2097152] MB)", n)
		}
		d.m.Hardware.Memory = n
	},
	"vram": func(d *modification) {
		n := d.count()
		if n > 256 {
			d.refuse("COMSETTER(VRAMSize)(ValueUnion.u32)", 1004, "Invalid VRAM size: %d MB (must be in range [0, 256] MB)", n)
		}
		d.m.Hardware.VRAM = n
	},
	"cpus": func(d *modification) {
		n := d.count()
		if n < 1 || n > 64 {
			d.refuse("COMSETTER(CPUCount)(ValueUnion.u32)", 1122, "Invalid virtual CPU count: %d (must be in range [1, 64])", n)
		}
		d.m.Hardware.CPUs = n
	},
	"chipset": func(d *modification) { d.m.Hardware.set("chipset", d.choice("chipset", "piix3", "ich9")) },
	"firmware": func(d *modification) {
		d.m.Hardware.set("firmware", strings.ToUpper(d.choice("firmware", "bios", "efi", "efi32", "efi64")))
	},
	"graphicscontroller": func(d *modification) {
		if !d.c.v.since(5, 0) {
			d.c.unknownOption(2, "--graphicscontroller", false)
		}
		d.m.Hardware.set("graphicscontroller", d.choice("graphics controller", "none", "vboxvga", "vmsvga", "vboxsvga"))
	},
	"vrdeport":    func(d *modification) { d.m.Hardware.set("vrdeports", d.word()) },
	"vrdeaddress": func(d *modification) { d.m.Hardware.set("vrdeaddress", d.word()) },
	"paravirtprovider": func(d *modification) {
		d.m.Hardware.set("paravirtprovider", d.choice("paravirtualization provider", "none", "default", "legacy", "minimal", "hyperv", "kvm"))
	},
	"cpuexecutioncap": func(d *modification) { d.m.Hardware.set("cpuexecutioncap", itoa(d.count())) },
	"monitorcount":    func(d *modification) { d.m.Hardware.set("monitorcount", itoa(d.count())) },
	"autostartdelay":  func(d *modification) { d.m.Hardware.set("autostart-delay", itoa(d.count())) },
	"snapshotfolder":  func(d *modification) { d.m.Folder = d.word() },
}

// flags are options that are on or off, by the names under which showvminfo shows
// them.
func init() { //nolint:gochecknoinits // it fills the table above
	for _, key := range []string{
		"pagefusion", "hpet", "pae", "longmode", "triplefaultreset", "apic", "x2apic", "nested-hw-virt", "hwvirtex", "nestedpaging", "largepages", "vtxvpid", "vtxux",
		"virtvmsavevmload", "acpi", "ioapic", "rtcuseutc", "accelerate3d", "vrde", "usb", "ehci", "xhci", "audio_out", "audio_in", "autostart-enabled",
	} {
		name := strings.NewReplacer("-", "", "_", "").Replace(key)
		perMachine[name] = func(d *modification) { d.m.Hardware.set(key, map[bool]string{true: "on", false: "off"}[d.flag()]) }
	}
	for from, to := range map[string]string{"usbohci": "usb", "usbehci": "ehci", "usbxhci": "xhci", "audioout": "audioout", "audioin": "audioin"} {
		perMachine[from] = perMachine[to]
	}
}

func (d *modification) rename(name string) {
	if d.w.named(name) && name != d.m.Name {
		d.c.stop(com{"VBOX_E_OBJECT_IN_USE", "SessionMachine", "IMachine"}, "", "Machine named '%s' already exists", name)
	}
	panic(failed(d.c.p.Cannot("VBoxManage modifyvm --name")))
}

// perNumber are the options of adapters, ports and the order of booting.
var perNumber = map[string]func(d *modification, n int){
	"boot": func(d *modification, n int) {
		order := d.choice("boot device", "none", "floppy", "dvd", "disk", "net")
		if n > 4 {
			d.c.badUsage(2, "Invalid boot slot number %d", n)
		}
		d.m.Hardware.Boot[n-1] = order
	},
	"nic": func(d *modification, n int) {
		kind := d.choice("type specfied for NIC "+itoa(n), "none", "null", "nat", "bridged", "intnet", "hostonly", "generic", "natnetwork")
		if kind == "none" {
			d.m.Hardware.Adapters = slices.DeleteFunc(d.m.Hardware.Adapters, func(a adapter) bool { return a.Slot == n })
			return
		}
		a := d.adapter(n)
		a.Kind = kind
		if kind != "nat" {
			a.Forwards = nil
		}
	},
	"nictype": func(d *modification, n int) {
		d.adapter(n).Type = d.choice("NIC type", "Am79C970A", "Am79C973", "82540EM", "82543GC", "82545EM", "virtio")
	},
	"macaddress":      func(d *modification, n int) { d.adapter(n).MAC = d.mac() },
	"cableconnected":  func(d *modification, n int) { d.adapter(n).Cable = d.flag() },
	"bridgeadapter":   func(d *modification, n int) { d.adapter(n).Host = d.word() },
	"hostonlyadapter": func(d *modification, n int) { d.adapter(n).Host = d.word() },
	"intnet":          func(d *modification, n int) { d.adapter(n).Network = d.word() },
	"natnetwork":      func(d *modification, n int) { d.adapter(n).Network = d.word() },
	"nicgenericdrv":   func(d *modification, n int) { d.adapter(n).Network = d.word() },
	"natnet": func(d *modification, n int) {
		if network := d.word(); network != "default" {
			d.adapter(n).Network = network
		}
	},
	"natpf": func(d *modification, n int) {
		rule := d.word()
		name := ""
		if rule == "delete" {
			name = d.word()
		}
		d.c.forward(d.adapter(n), rule, name)
	},
	"uart":     uartOption,
	"uartmode": uartMode,
	"uarttype": func(d *modification, n int) { d.port(n).Type = d.choice("UART type", "16450", "16550A", "16750") },
}

var macForm = lazyregexp.New(`^[0-9A-Fa-f]{12}$`)

func (d *modification) mac() string {
	word := d.word()
	if word == "auto" {
		return d.c.newMAC()
	}
	if !macForm.MatchString(word) || !strings.ContainsRune("02468ACEace", rune(word[1])) {
		d.c.stop(com{"NS_ERROR_INVALID_ARG", "NetworkAdapterWrap", "INetworkAdapter"}, at("COMSETTER(MACAddress)(Bstr(ValueUnion.psz).raw())", 2461, modifyLines), "Invalid MAC address format")
	}
	return strings.ToUpper(word)
}

// adapter is an adapter of a machine, which is there once something is said of
// it.
func (d *modification) adapter(n int) *adapter {
	most := 8
	if d.m.Hardware.get("chipset") == "ich9" {
		most = 36
	}
	if n > most {
		d.c.badUsage(2, "Invalid NIC slot number %d", n)
	}
	for i := range d.m.Hardware.Adapters {
		if d.m.Hardware.Adapters[i].Slot == n {
			return &d.m.Hardware.Adapters[i]
		}
	}
	d.m.Hardware.Adapters = append(d.m.Hardware.Adapters, adapter{Slot: n, Kind: "null", Type: "82540EM", MAC: d.c.newMAC(), Cable: true})
	slices.SortFunc(d.m.Hardware.Adapters, func(a, b adapter) int { return a.Slot - b.Slot })
	return d.adapter(n)
}

// forward adds a rule of NAT, or removes one.
func (c *command) forward(a *adapter, rule, name string) {
	e := com{"NS_ERROR_INVALID_ARG", "NATEngineWrap", "INATEngine"}
	if rule == "delete" {
		kept := slices.DeleteFunc(slices.Clone(a.Forwards), func(f string) bool { return strings.HasPrefix(f, name+",") })
		if len(kept) == len(a.Forwards) {
			c.stop(e, at("RemoveRedirect(Bstr(ValueUnion.psz).raw())", 2379, modifyLines), "Failed to remove the redirect '%s'", name)
		}
		a.Forwards = kept
		return
	}
	part := strings.Split(rule, ",")
	if len(part) != 6 || part[1] != "tcp" && part[1] != "udp" {
		c.badUsage(2, "Invalid argument '%s'", rule)
	}
	if part[0] == "" {
		part[0] = fmt.Sprintf("%s_%s_%s", part[1], part[3], part[5])
	}
	for _, f := range a.Forwards {
		old := strings.Split(f, ",")
		if old[0] == part[0] || old[1] == part[1] && old[2] == part[2] && old[3] == part[3] {
			c.stop(e, at("AddRedirect(Bstr(strName).raw(), proto, Bstr(strHostIp).raw(), RTStrToUInt16(strHostPort), Bstr(strGuestIp).raw(), RTStrToUInt16(strGuestPort))", 2417, modifyLines), "A NAT rule of this name already exists")
		}
	}
	a.Forwards = append(a.Forwards, strings.Join(part, ","))
}

func (d *modification) port(n int) *uart {
	if n > 4 {
		d.c.badUsage(2, "Invalid serial port number %d", n)
	}
	for i := range d.m.Hardware.UARTs {
		if d.m.Hardware.UARTs[i].Slot == n {
			return &d.m.Hardware.UARTs[i]
		}
	}
	d.m.Hardware.UARTs = append(d.m.Hardware.UARTs, uart{Slot: n, Mode: "disconnected", Type: "16550A"})
	slices.SortFunc(d.m.Hardware.UARTs, func(a, b uart) int { return a.Slot - b.Slot })
	return d.port(n)
}

func uartOption(d *modification, n int) {
	word := d.word()
	if word == "off" {
		d.m.Hardware.UARTs = slices.DeleteFunc(d.m.Hardware.UARTs, func(u uart) bool { return u.Slot == n })
		return
	}
	io, err := strconv.ParseInt(word, 0, 32)
	irq, err2 := strconv.Atoi(d.word())
	if err != nil || err2 != nil {
		d.c.badUsage(2, "Error parsing UART I/O base '%s'", word)
	}
	p := d.port(n)
	p.IO, p.IRQ = int(io), irq
}

func uartMode(d *modification, n int) {
	mode := d.word()
	p := d.port(n)
	switch {
	case mode == "disconnected":
		p.Mode, p.Path = mode, ""
	case path.IsAbs(mode):
		p.Mode, p.Path = "device", mode
	case slices.Contains([]string{"file", "server", "client", "tcpserver", "tcpclient"}, mode):
		p.Mode, p.Path = mode, d.word()
	default:
		d.c.badUsage(2, "Invalid serial port mode '%s'", mode)
	}
}
