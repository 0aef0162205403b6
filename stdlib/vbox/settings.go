package vbox

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Settings say what a machine shall be like. What is not given stays as it is.
type Settings struct {
	OSType      string            `lua:"ostype" doc:"the type of the guest, such as \"FreeBSD_64\": vbox.ostypes lists them"`
	Description *string           `lua:"description" doc:"a text about the machine"`
	Memory      int64             `lua:"memory" doc:"of the guest: whole MiB" unit:"bytes"`
	CPUs        int               `lua:"cpus" doc:"number of processors; more than one need ioapic"`
	VRAM        int64             `lua:"vram" doc:"of the graphics adapter: whole MiB" unit:"bytes"`
	Chipset     string            `lua:"chipset" doc:"the board" enum:"piix3|ich9"`
	Firmware    string            `lua:"firmware" doc:"what boots the guest" enum:"bios|efi|efi32|efi64"`
	RTCUTC      *bool             `lua:"rtc_utc" doc:"the hardware's clock goes by UTC"`
	IOAPIC      *bool             `lua:"ioapic" doc:"an I/O APIC, which 64-bit guests and several processors need"`
	ACPI        *bool             `lua:"acpi" doc:"ACPI, without which no guest hears of vbox.stop"`
	Boot        []string          `lua:"boot" doc:"what to boot from, in order, up to four of disk, dvd, net, floppy; the rest is none"`
	Graphics    string            `lua:"graphics" doc:"the graphics adapter; since VirtualBox 6" enum:"none|vboxvga|vmsvga|vboxsvga"`
	VRDE        *VRDESettings     `lua:"vrde" doc:"the remote desktop"`
	NICs        []NICSettings     `lua:"nics" doc:"all network adapters, in order; those beyond the list are taken out"`
	UARTs       []UARTSettings    `lua:"uarts" doc:"all serial ports, in order; those beyond the list are taken out"`
	Other       map[string]string `lua:"other" doc:"further settings that VBoxManage modifyvm takes by the name under which vbox.info's settings show them, such as nestedpaging or paravirtprovider"`
}

// VRDESettings say how the remote desktop shall be.
type VRDESettings struct {
	Enabled *bool  `lua:"enabled" doc:"let it answer" default:"true"`
	Ports   string `lua:"ports" doc:"a port, or a list or range of those to choose from"`
	Address string `lua:"address" doc:"of the host, to listen on"`
}

// NICSettings say how a network adapter shall be.
type NICSettings struct {
	Kind     string    `lua:"kind" doc:"what it is connected to; none leaves its number out" enum:"none|null|nat|bridged|intnet|hostonly|natnetwork|generic" default:"nat"`
	Type     string    `lua:"type" doc:"the chip; virtio is vtnet in the guest, 82540EM em" enum:"Am79C970A|Am79C973|82540EM|82543GC|82545EM|virtio"`
	MAC      string    `lua:"mac" doc:"twelve hexadecimal digits, with or without colons; default: what it has"`
	Cable    *bool     `lua:"cable" doc:"the cable is connected" default:"true"`
	Adapter  string    `lua:"adapter" doc:"the host's interface, for bridged and hostonly"`
	Network  string    `lua:"network" doc:"the network, for intnet, natnetwork and generic; for nat other than the default one: 10.0.5.0/24"`
	Forwards []Forward `lua:"forwards" doc:"all ports of the host that lead to the guest, for nat; not given: they stay"`
}

// UARTSettings say how a serial port shall be.
type UARTSettings struct {
	Mode string `lua:"mode" doc:"where it leads" enum:"off|disconnected|file|server|client|tcpserver|tcpclient|device" default:"disconnected"`
	Path string `lua:"path" doc:"the file, pipe, device, or TCP port"`
	IO   int    `lua:"io" doc:"address; default: that of COM1 to COM4"`
	IRQ  int    `lua:"irq" doc:"interrupt; default: that of COM1 to COM4"`
}

// comPorts are the addresses and interrupts of COM1 to COM4.
var comPorts = [maxUARTs]struct{ io, irq int }{{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}}

// ModifiedSetting is a setting that a change alters.
type ModifiedSetting struct {
	Setting string `lua:"setting"`
	Before  string `lua:"before"`
	After   string `lua:"after"`
}

// step is one setting that differs, and how the tool changes it.
type step struct {
	ModifiedSetting
	args  []string
	apply func(m *Info)
}

const mib = 1 << 20

const maxNICs = 8 // of piix3; ich9 has more

func (s Settings) check(op string) error {
	for _, size := range []struct {
		name  string
		bytes int64
	}{{"memory", s.Memory}, {"vram", s.VRAM}} {
		if size.bytes < 0 || size.bytes%mib != 0 {
			return effect.WithHint(invalid(op, "%s is %d bytes, which is no whole number of MiB", size.name, size.bytes), "sizes are in bytes: 2048 * 1024^2 are 2048 MiB")
		}
	}
	if s.CPUs < 0 {
		return invalid(op, "%d processors are too few", s.CPUs)
	}
	if len(s.Boot) > 4 {
		return invalid(op, "a machine boots from up to four things, not from %d", len(s.Boot))
	}
	for _, from := range s.Boot {
		if !slices.Contains([]string{"none", "floppy", "dvd", "disk", "net"}, from) {
			return invalid(op, "boot: %q is none of disk, dvd, net, floppy and none", from)
		}
	}
	if len(s.UARTs) > maxUARTs {
		return invalid(op, "a machine has up to %d serial ports", maxUARTs)
	}
	for _, u := range s.UARTs {
		if err := u.check(op); err != nil {
			return err
		}
	}
	for _, n := range s.NICs {
		if err := n.check(op); err != nil {
			return err
		}
	}
	for key, value := range s.Other {
		if !otherKey.MatchString(key) || strings.HasPrefix(value, "-") {
			return invalid(op, "other: %q = %q is no setting of modifyvm", key, value)
		}
	}
	if s.OSType != "" {
		return checkWord(op, "type of guest", s.OSType)
	}
	return nil
}

var otherKey = lazyregexp.New(`^[a-z][a-z0-9-]*$`)

func (u UARTSettings) check(op string) error {
	needs := u.Mode != "" && u.Mode != "off" && u.Mode != "disconnected"
	switch {
	case needs && u.Path == "":
		return invalid(op, "uarts: mode %s needs a path", u.Mode)
	case !needs && u.Path != "":
		return invalid(op, "uarts: a path needs a mode that uses it, such as file")
	case u.Mode == "file" || u.Mode == "device":
		return checkPath(op, "a "+u.Mode, u.Path)
	case strings.HasPrefix(u.Path, "-"):
		return invalid(op, "uarts: %q is no path", u.Path)
	}
	return nil
}

func (n NICSettings) check(op string) error {
	if _, err := macOf(op, n.MAC); err != nil {
		return err
	}
	switch {
	case (n.Kind == "bridged" || n.Kind == "hostonly") && n.Adapter == "":
		return invalid(op, "nics: a %s adapter needs the host's interface: adapter=", n.Kind)
	case (n.Kind == "intnet" || n.Kind == "natnetwork" || n.Kind == "generic") && n.Network == "":
		return invalid(op, "nics: kind %s needs a network", n.Kind)
	case n.kind() != "nat" && len(n.Forwards) > 0:
		return invalid(op, "nics: only NAT has forwards")
	}
	for _, word := range []string{n.Adapter, n.Network} {
		if word != "" {
			if err := checkWord(op, "name of a network", word); err != nil {
				return err
			}
		}
	}
	_, err := completeForwards(op, n.Forwards)
	return err
}

func (n NICSettings) kind() string {
	if n.Kind == "" {
		return "nat"
	}
	return n.Kind
}

var macForm = lazyregexp.New(`^[0-9A-F]{12}$`)

// macOf is a hardware address as the tool takes it.
func macOf(op, text string) (string, error) {
	mac := strings.ToUpper(strings.NewReplacer(":", "", "-", "").Replace(text))
	switch {
	case text == "":
		return "", nil
	case !macForm.MatchString(mac):
		return "", invalid(op, "%q is no hardware address of twelve hexadecimal digits", text)
	case !strings.ContainsRune("02468ACE", rune(mac[1])):
		return "", invalid(op, "the hardware address %s is one of a group: the second digit of a machine's own is even", text)
	}
	return mac, nil
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// plan lists what must change of a machine. With all, every setting that is given
// counts as different: nothing is known of the machine yet.
func (s Settings) plan(op string, m Info, ostype string, all bool) ([]step, error) {
	p := planner{m: m, all: all}
	p.text("ostype", m.OSType, ostype, func(m *Info) { m.OSType = ostype }, "--ostype", s.OSType)
	if s.Description != nil {
		p.differs("description", m.Description, *s.Description, func(m *Info) { m.Description = *s.Description }, "--description", *s.Description)
	}
	p.mega("memory", m.Memory, s.Memory, func(m *Info) { m.Memory = s.Memory })
	if s.CPUs > 0 {
		p.text("cpus", strconv.Itoa(m.CPUs), strconv.Itoa(s.CPUs), func(m *Info) { m.CPUs = s.CPUs }, "--cpus", strconv.Itoa(s.CPUs))
	}
	p.mega("vram", m.VRAM, s.VRAM, func(m *Info) { m.VRAM = s.VRAM })
	p.text("chipset", m.Chipset, s.Chipset, func(m *Info) { m.Chipset = s.Chipset }, "--chipset", s.Chipset)
	p.text("firmware", m.Firmware, s.Firmware, func(m *Info) { m.Firmware = s.Firmware }, "--firmware", s.Firmware)
	p.flag("rtcuseutc", m.RTCUTC, s.RTCUTC, func(m *Info) { m.RTCUTC = *s.RTCUTC })
	p.flag("ioapic", m.IOAPIC, s.IOAPIC, func(m *Info) { m.IOAPIC = *s.IOAPIC })
	p.flag("acpi", m.ACPI, s.ACPI, func(m *Info) { m.ACPI = *s.ACPI })
	p.boot(s.Boot)
	p.text("graphicscontroller", m.Graphics, s.Graphics, func(m *Info) { m.Graphics = s.Graphics }, "--graphicscontroller", s.Graphics)
	p.vrde(s.VRDE)
	if s.NICs != nil {
		if err := p.nics(op, s.NICs); err != nil {
			return nil, err
		}
	}
	if s.UARTs != nil {
		p.uarts(s.UARTs)
	}
	return p.steps, p.others(op, s.Other)
}

// planner compares a machine with what it shall be.
type planner struct {
	m     Info
	all   bool
	steps []step
}

func (p *planner) differs(setting, before, after string, apply func(*Info), args ...string) {
	if p.all {
		before = ""
	} else if before == after {
		return
	}
	p.steps = append(p.steps, step{ModifiedSetting{setting, before, after}, args, apply})
}

// text is a setting that is not touched where it is empty.
func (p *planner) text(setting, before, after string, apply func(*Info), args ...string) {
	if after != "" {
		p.differs(setting, before, after, apply, args...)
	}
}

// mega is a size that the tool counts in MiB.
func (p *planner) mega(setting string, before, after int64, apply func(*Info)) {
	if after > 0 {
		size := strconv.FormatInt(after/mib, 10)
		p.differs(setting, strconv.FormatInt(before/mib, 10), size, apply, "--"+setting, size)
	}
}

func (p *planner) flag(setting string, before bool, after *bool, apply func(*Info)) {
	if after != nil {
		p.differs(setting, onOff(before), onOff(*after), apply, "--"+setting, onOff(*after))
	}
}

func (p *planner) boot(order []string) {
	if order == nil {
		return
	}
	for n := range 4 {
		after, before := "none", "none"
		if n < len(order) {
			after = order[n]
		}
		if n < len(p.m.Boot) {
			before = p.m.Boot[n]
		}
		setting := "boot" + strconv.Itoa(n+1)
		p.differs(setting, before, after, func(m *Info) {
			for len(m.Boot) <= n {
				m.Boot = append(m.Boot, "none")
			}
			m.Boot[n] = after
		}, "--"+setting, after)
	}
}

func (p *planner) vrde(v *VRDESettings) {
	if v == nil {
		return
	}
	enabled := v.Enabled == nil || *v.Enabled
	p.differs("vrde", onOff(p.m.VRDE.Enabled), onOff(enabled), func(m *Info) { m.VRDE.Enabled = enabled }, "--vrde", onOff(enabled))
	if enabled { // a port and address of what is off cannot be seen
		p.text("vrdeport", p.m.VRDE.Ports, v.Ports, func(m *Info) { m.VRDE.Ports = v.Ports }, "--vrdeport", v.Ports)
		p.text("vrdeaddress", p.m.VRDE.Address, v.Address, func(m *Info) { m.VRDE.Address = v.Address }, "--vrdeaddress", v.Address)
	}
}

func (p *planner) uarts(want []UARTSettings) {
	for i := range maxUARTs {
		w := UARTSettings{Mode: "off"}
		if i < len(want) {
			w = want[i]
		}
		slot := strconv.Itoa(i + 1)
		before := UART{Slot: i + 1, Mode: "off"}
		for _, u := range p.m.UARTs {
			if u.Slot == i+1 {
				before = u
			}
		}
		if w.Mode == "off" {
			if before.Mode != "off" || p.all && i < len(want) {
				p.differs("uart"+slot, before.port(), "off", func(m *Info) {
					m.UARTs = slices.DeleteFunc(m.UARTs, func(u UART) bool { return u.Slot == i+1 })
				}, "--uart"+slot, "off")
			}
			continue
		}
		after := w.complete(i)
		set := func(m *Info) {
			m.UARTs = slices.DeleteFunc(m.UARTs, func(u UART) bool { return u.Slot == i+1 })
			m.UARTs = append(m.UARTs, after)
			slices.SortFunc(m.UARTs, func(a, b UART) int { return a.Slot - b.Slot })
		}
		p.differs("uart"+slot, before.port(), after.port(), set, "--uart"+slot, fmt.Sprintf("0x%X", after.IO), strconv.Itoa(after.IRQ))
		p.differs("uartmode"+slot, before.where(), after.where(), set, append([]string{"--uartmode" + slot}, after.modeArgs()...)...)
	}
}

// complete is a serial port with the address that its number has.
func (u UARTSettings) complete(i int) UART {
	c := UART{Slot: i + 1, IO: u.IO, IRQ: u.IRQ, Mode: u.Mode, Path: u.Path}
	if c.IO == 0 {
		c.IO = comPorts[i].io
	}
	if c.IRQ == 0 {
		c.IRQ = comPorts[i].irq
	}
	if c.Mode == "" {
		c.Mode = "disconnected"
	}
	return c
}

func (u UART) port() string {
	if u.Mode == "off" {
		return "off"
	}
	return fmt.Sprintf("0x%04x,%d", u.IO, u.IRQ)
}

func (u UART) where() string {
	if u.Path == "" {
		return u.Mode
	}
	return u.Mode + "," + u.Path
}

func (u UART) modeArgs() []string {
	switch {
	case u.Mode == "device":
		return []string{u.Path}
	case u.Path == "":
		return []string{u.Mode}
	}
	return []string{u.Mode, u.Path}
}

// others are settings by the names that the tool shows them under.
func (p *planner) others(op string, want map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		before, known := p.m.Settings[key]
		if !known && !p.all {
			return effect.WithHint(invalid(op, "other: the machine has no setting %q", key), "vbox.info's settings shows those that there are")
		}
		p.differs(key, before, want[key], func(m *Info) { m.set(key, want[key]) }, "--"+key, want[key])
	}
	return nil
}

func (m *Info) set(key, value string) {
	m.Settings = maps.Clone(m.Settings)
	if m.Settings == nil {
		m.Settings = map[string]string{}
	}
	m.Settings[key] = value
}

// modified lists the steps for the result.
func modified(steps []step) []ModifiedSetting {
	list := []ModifiedSetting{}
	for _, s := range steps {
		list = append(list, s.ModifiedSetting)
	}
	return list
}

// diffOf shows the steps to a person.
func diffOf(vm string, steps []step) *effect.Diff {
	var before, after strings.Builder
	for _, s := range steps {
		if s.Before != "" {
			fmt.Fprintf(&before, "%s=%s\n", s.Setting, s.Before)
		}
		fmt.Fprintf(&after, "%s=%s\n", s.Setting, s.After)
	}
	return &effect.Diff{Path: "machine " + vm, Before: []byte(before.String()), After: []byte(after.String())}
}

// applied is the machine after the steps.
func applied(m Info, steps []step) Info {
	m.Boot, m.NICs, m.UARTs = slices.Clone(m.Boot), slices.Clone(m.NICs), slices.Clone(m.UARTs)
	for _, s := range steps {
		if s.apply != nil {
			s.apply(&m)
		}
	}
	return m
}
