package vbox

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Info is a machine with its settings.
type Info struct {
	Name           string            `lua:"name"`
	UUID           string            `lua:"uuid"`
	State          string            `lua:"state" doc:"poweroff, running, paused, saved, aborted, starting, stopping ..."`
	Since          time.Time         `lua:"since,omitempty" doc:"it has been in that state"`
	Running        bool              `lua:"running" doc:"it runs, is paused, or is on the way from or to that"`
	Session        string            `lua:"session,omitempty" doc:"who has the machine open: headless, GUI/Qt ..."`
	OSType         string            `lua:"ostype" doc:"the type of the guest in words: \"FreeBSD (64-bit)\""`
	Description    string            `lua:"description,omitempty"`
	ConfigFile     string            `lua:"config_file"`
	SnapshotFolder string            `lua:"snapshot_folder"`
	LogFolder      string            `lua:"log_folder"`
	Memory         int64             `lua:"memory" doc:"of the guest" unit:"bytes"`
	CPUs           int               `lua:"cpus"`
	VRAM           int64             `lua:"vram" doc:"of its graphics adapter" unit:"bytes"`
	Chipset        string            `lua:"chipset" doc:"piix3 or ich9"`
	Firmware       string            `lua:"firmware" doc:"bios, efi, efi32 or efi64"`
	RTCUTC         bool              `lua:"rtc_utc" doc:"the hardware's clock goes by UTC"`
	IOAPIC         bool              `lua:"ioapic"`
	ACPI           bool              `lua:"acpi"`
	Boot           []string          `lua:"boot" doc:"what it boots from, in order: disk, dvd, net, floppy, none"`
	Graphics       string            `lua:"graphics,omitempty" doc:"the graphics adapter: vboxvga, vmsvga, vboxsvga, none; versions that have but one do not say"`
	VRDE           VRDE              `lua:"vrde" doc:"the remote desktop"`
	Controllers    []Controller      `lua:"controllers"`
	NICs           []NIC             `lua:"nics" doc:"the network adapters that there are"`
	UARTs          []UART            `lua:"uarts" doc:"the serial ports that there are"`
	Snapshot       string            `lua:"snapshot,omitempty" doc:"name of the snapshot that the present state goes back to"`
	Settings       map[string]string `lua:"settings" doc:"everything that VBoxManage showvminfo --machinereadable says, as text"`
}

// VRDE is a machine's remote desktop.
type VRDE struct {
	Enabled bool   `lua:"enabled"`
	Ports   string `lua:"ports,omitempty" doc:"a port, or a list or range of those to choose from"`
	Address string `lua:"address,omitempty"`
}

// Controller is a storage controller.
type Controller struct {
	Name        string       `lua:"name"`
	Bus         string       `lua:"bus" doc:"ide, sata, scsi, sas, usb, virtio, pcie, floppy; empty: not known"`
	Type        string       `lua:"type" doc:"the chip: IntelAhci, PIIX4, VirtioSCSI ..."`
	Ports       int          `lua:"ports"`
	MaxPorts    int          `lua:"max_ports"`
	Bootable    bool         `lua:"bootable"`
	Attachments []Attachment `lua:"attachments" doc:"what is in its ports"`
}

// Attachment is a medium or a drive in a port of a controller.
type Attachment struct {
	Port    int    `lua:"port"`
	Device  int    `lua:"device"`
	Medium  string `lua:"medium,omitempty" doc:"path of the medium; absent: an empty drive"`
	UUID    string `lua:"uuid,omitempty" doc:"of the medium"`
	Empty   bool   `lua:"empty" doc:"a drive without a medium"`
	Ejected bool   `lua:"ejected" doc:"the guest has put the medium out"`
}

// NIC is a network adapter.
type NIC struct {
	Slot     int       `lua:"slot" doc:"from 1"`
	Kind     string    `lua:"kind" doc:"nat, bridged, intnet, hostonly, natnetwork, generic, null"`
	Type     string    `lua:"type" doc:"82540EM, virtio ..."`
	MAC      string    `lua:"mac" doc:"twelve hexadecimal digits"`
	Cable    bool      `lua:"cable" doc:"the cable is connected"`
	Adapter  string    `lua:"adapter,omitempty" doc:"the host's interface, for bridged and hostonly"`
	Network  string    `lua:"network,omitempty" doc:"the network, for intnet, natnetwork, and nat where it is not the default one"`
	Forwards []Forward `lua:"forwards" doc:"ports of the host that lead to the guest, for nat"`
}

// Forward leads a port of the host to the guest.
type Forward struct {
	Name      string `lua:"name" doc:"of the rule; default: made of the protocol and the ports, as VirtualBox does"`
	Protocol  string `lua:"protocol" doc:"tcp or udp; default: tcp"`
	HostIP    string `lua:"host_ip" doc:"address of the host; empty: all of them"`
	HostPort  int    `lua:"host_port"`
	GuestIP   string `lua:"guest_ip" doc:"address of the guest; empty: the one that it got from NAT"`
	GuestPort int    `lua:"guest_port"`
}

// UART is a serial port.
type UART struct {
	Slot int    `lua:"slot" doc:"from 1"`
	IO   int    `lua:"io" doc:"address of the port"`
	IRQ  int    `lua:"irq"`
	Mode string `lua:"mode" doc:"disconnected, file, server, client, tcpserver, tcpclient, or device"`
	Path string `lua:"path,omitempty" doc:"the file, pipe, device, or TCP port"`
}

// ArgsOfMachine are the arguments of functions that only name a machine.
type ArgsOfMachine struct {
	VM    string `lua:"vm,required" doc:"name or UUID of the machine"`
	Owner `lua:",inline"`
}

// Show returns a machine with its settings.
func Show(ctx context.Context, h effect.Doer, a ArgsOfMachine) (Info, error) {
	const op = "vbox.info"
	if err := checkMachine(op, a.VM); err != nil {
		return Info{}, err
	}
	out, err := a.query(ctx, h, op, []effect.Resource{machine(a.VM)}, "showvminfo", a.VM, "--machinereadable")
	if err != nil {
		return Info{}, err
	}
	return parseInfo(out)
}

// look is Show for functions that change a machine: in check mode it also tells
// what a machine would have become, as far as these functions have to know.
func (o Owner) look(ctx context.Context, h effect.Doer, op, vm string) (Info, error) {
	if err := checkMachine(op, vm); err != nil {
		return Info{}, err
	}
	out, err := o.ask(ctx, h, effect.Effect{
		Op: op, Argv: []string{tool, "showvminfo", vm, "--machinereadable"}, Reads: reads(machine(vm)),
		Answer: func(pending map[effect.Resource]string) (effect.Result, bool) {
			text, ok := strings.CutPrefix(pending[machine(vm)], o.As+"\n")
			return effect.Result{Stdout: effect.OutputOf([]byte(text))}, ok && !isUUID(vm)
		},
	})
	switch {
	case err != nil:
		return Info{}, err
	case out == gone:
		return Info{}, effect.Errorf(effect.Missing, op, "Could not find a registered machine named '%s'", vm)
	case strings.HasPrefix(out, "{"):
		var m Info
		err := json.Unmarshal([]byte(out), &m)
		return m, err
	}
	return parseInfo(out)
}

// find is look for a machine that need not be there.
func (o Owner) find(ctx context.Context, h effect.Doer, op, vm string) (m Info, found bool, err error) {
	m, err = o.look(ctx, h, op, vm)
	if effect.KindOf(err) == effect.Missing && strings.Contains(effect.AsError(err).Summary(), "registered machine") {
		return Info{}, false, nil
	}
	return m, err == nil, err
}

// gone stands for a machine that a skipped change would have removed.
const gone = "gone"

// leaves tells check mode what a machine would have become.
func (o Owner) leaves(vm string, after Info) map[effect.Resource]string {
	text, err := json.Marshal(after)
	if err != nil || isUUID(vm) {
		return nil
	}
	return map[effect.Resource]string{machine(vm): o.As + "\n" + string(text)}
}

// parseInfo reads showvminfo --machinereadable.
func parseInfo(out string) (Info, error) {
	m := Info{Boot: []string{}, Controllers: []Controller{}, NICs: []NIC{}, UARTs: []UART{}, Settings: map[string]string{}}
	nics := map[int]*NIC{}
	nic := 0 // the one that lines without a number belong to
	for _, p := range parseProperties(out) {
		if name, n, ok := numbered(p.key); ok && nicSetters[name] != nil {
			if nics[n] == nil {
				nics[n] = &NIC{Slot: n, Kind: "none", Forwards: []Forward{}}
			}
			nicSetters[name](nics[n], p.value)
			nic = n
			m.Settings[p.key] = p.value
			continue
		}
		if strings.HasPrefix(p.key, "Forwarding(") {
			if f, ok := parseForward(p.value); ok && nics[nic] != nil {
				nics[nic].Forwards = append(nics[nic].Forwards, f)
			}
			continue
		}
		m.Settings[p.key] = p.value
	}
	if m.Settings["name"] == "" || m.Settings["UUID"] == "" {
		return Info{}, effect.Errorf(effect.Failed, "vbox.info", "VBoxManage printed something else than a machine: %.80q", out)
	}
	for _, n := range nics {
		if n.Kind != "none" {
			m.NICs = append(m.NICs, *n)
		}
	}
	slices.SortFunc(m.NICs, func(a, b NIC) int { return a.Slot - b.Slot })
	m.fill()
	return m, nil
}

// fill sets the fields that are made of single settings.
func (m *Info) fill() {
	s := m.Settings
	m.Name, m.UUID, m.State, m.Since, m.Session = s["name"], s["UUID"], s["VMState"], parseTime(s["VMStateChangeTime"]), s["SessionName"]
	m.Running = !slices.Contains(stopped, m.State)
	m.OSType, m.Description = s["ostype"], s["description"]
	m.ConfigFile, m.SnapshotFolder, m.LogFolder = s["CfgFile"], s["SnapFldr"], s["LogFldr"]
	m.Memory, m.VRAM = int64(number(s["memory"]))<<20, int64(number(s["vram"]))<<20
	m.CPUs, m.Chipset, m.Firmware = number(s["cpus"]), s["chipset"], strings.ToLower(s["firmware"])
	m.RTCUTC, m.IOAPIC, m.ACPI = s["rtcuseutc"] == "on", s["ioapic"] == "on", s["acpi"] == "on"
	m.Graphics = strings.ToLower(s["graphicscontroller"])
	m.Snapshot = s["CurrentSnapshotName"]
	m.VRDE = VRDE{Enabled: s["vrde"] == "on", Ports: s["vrdeports"], Address: s["vrdeaddress"]}
	if m.VRDE.Ports == "" {
		m.VRDE.Ports = s["vrdeport"]
	}
	for n := 1; s["boot"+strconv.Itoa(n)] != ""; n++ {
		m.Boot = append(m.Boot, s["boot"+strconv.Itoa(n)])
	}
	for n := 0; ; n++ {
		name, there := s["storagecontrollername"+strconv.Itoa(n)]
		if !there {
			break
		}
		m.Controllers = append(m.Controllers, controllerOf(s, name, strconv.Itoa(n)))
	}
	for n := 1; n <= maxUARTs; n++ {
		if u, ok := uartOf(s, n); ok {
			m.UARTs = append(m.UARTs, u)
		}
	}
}

// stopped are the states in which nothing of a machine runs.
var stopped = []string{"poweroff", "aborted", "saved", "aborted-saved", "teleported"}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

var numberedForm = lazyregexp.New(`^([a-z-]+)([1-9]\d?)$`)

func numbered(key string) (name string, n int, ok bool) {
	found := numberedForm.FindStringSubmatch(key)
	if found == nil {
		return "", 0, false
	}
	return found[1], number(found[2]), true
}

var nicSetters = map[string]func(n *NIC, value string){
	"nic":             func(n *NIC, v string) { n.Kind = v },
	"nictype":         func(n *NIC, v string) { n.Type = v },
	"macaddress":      func(n *NIC, v string) { n.MAC = v },
	"cableconnected":  func(n *NIC, v string) { n.Cable = v == "on" },
	"bridgeadapter":   func(n *NIC, v string) { n.Adapter = v },
	"hostonlyadapter": func(n *NIC, v string) { n.Adapter = v },
	"intnet":          func(n *NIC, v string) { n.Network = v },
	"nat-network":     func(n *NIC, v string) { n.Network = v },
	"generic":         func(n *NIC, v string) { n.Network = v },
	"natnet": func(n *NIC, v string) {
		if v != "nat" {
			n.Network = v
		}
	},
}

// parseForward reads a rule: name,protocol,host address,port,guest address,port.
func parseForward(text string) (Forward, bool) {
	part := strings.Split(text, ",")
	if len(part) != 6 {
		return Forward{}, false
	}
	return Forward{part[0], part[1], part[2], number(part[3]), part[4], number(part[5])}, true
}

// buses tell a controller's bus by its chip.
var buses = map[string]string{
	"PIIX3": "ide", "PIIX4": "ide", "ICH6": "ide", "IntelAhci": "sata", "LsiLogic": "scsi", "BusLogic": "scsi", "LsiLogicSas": "sas",
	"USB": "usb", "NVMe": "pcie", "VirtioSCSI": "virtio", "I82078": "floppy",
}

func controllerOf(s map[string]string, name, n string) Controller {
	c := Controller{
		Name: name, Type: s["storagecontrollertype"+n], Ports: number(s["storagecontrollerportcount"+n]), MaxPorts: number(s["storagecontrollermaxportcount"+n]),
		Bootable: s["storagecontrollerbootable"+n] == "on", Attachments: []Attachment{},
	}
	c.Bus = buses[c.Type]
	devices := 1
	if c.Bus == "ide" || c.Bus == "floppy" {
		devices = 2
	}
	for port := range min(c.Ports, maxPorts) {
		for device := range devices {
			at := strconv.Itoa(port) + "-" + strconv.Itoa(device)
			medium, there := s[name+"-"+at]
			if !there || medium == "none" {
				continue
			}
			a := Attachment{Port: port, Device: device, Ejected: s[name+"-IsEjected-"+at] == "on", UUID: s[name+"-ImageUUID-"+at]}
			if a.Empty = medium == "emptydrive"; !a.Empty {
				a.Medium = medium
			}
			c.Attachments = append(c.Attachments, a)
		}
	}
	return c
}

// maxPorts bounds what is believed of a number of ports.
const maxPorts = 256

const maxUARTs = 4

func uartOf(s map[string]string, n int) (UART, bool) {
	slot := strconv.Itoa(n)
	io, irq, ok := strings.Cut(s["uart"+slot], ",")
	if !ok {
		return UART{}, false
	}
	u := UART{Slot: n, IRQ: number(irq)}
	address, _ := strconv.ParseInt(io, 0, 32)
	u.IO = int(address)
	mode, where, two := strings.Cut(s["uartmode"+slot], ",")
	switch {
	case two:
		u.Mode, u.Path = mode, where
	case path.IsAbs(mode):
		u.Mode, u.Path = "device", mode
	default:
		u.Mode = mode
	}
	return u, true
}

// controller finds a machine's controller by name.
func (m *Info) controller(name string) *Controller {
	for i := range m.Controllers {
		if m.Controllers[i].Name == name {
			return &m.Controllers[i]
		}
	}
	return nil
}

// at finds what is in a port.
func (c *Controller) at(port, device int) *Attachment {
	for i := range c.Attachments {
		if a := &c.Attachments[i]; a.Port == port && a.Device == device {
			return a
		}
	}
	return nil
}

// nic finds a machine's adapter by its number.
func (m *Info) nic(slot int) *NIC {
	for i := range m.NICs {
		if m.NICs[i].Slot == slot {
			return &m.NICs[i]
		}
	}
	return nil
}

// media lists the disks in a machine.
func (m *Info) media() []string {
	list := []string{}
	for _, c := range m.Controllers {
		for _, a := range c.Attachments {
			if a.Medium != "" {
				list = append(list, a.Medium)
			}
		}
	}
	return list
}
