package vboxsim

import (
	_ "embed"
	"path"
	"strconv"
	"strings"
)

// osTypes are some of the types of guests: id, description, family and
// architecture.
var osTypes = []struct {
	id, description, family, arch string
	since                         [2]int
}{
	{"Other", "Other/Unknown", "Other / Other", "x86", [2]int{}},
	{"Other_64", "Other/Unknown (64-bit)", "Other / Other", "x86 (64-bit)", [2]int{4, 3}},
	{"Windows11_64", "Windows 11 (64-bit)", "Windows / Microsoft Windows", "x86 (64-bit)", [2]int{6, 1}},
	{"Linux26", "Linux 2.6 / 3.x / 4.x / 5.x (32-bit)", "Linux / Linux", "x86", [2]int{}},
	{"Linux26_64", "Linux 2.6 / 3.x / 4.x / 5.x (64-bit)", "Linux / Linux", "x86 (64-bit)", [2]int{}},
	{"Debian", "Debian (32-bit)", "Linux / Debian (Linux)", "x86", [2]int{}},
	{"Debian_64", "Debian (64-bit)", "Linux / Debian (Linux)", "x86 (64-bit)", [2]int{}},
	{"Ubuntu_64", "Ubuntu (64-bit)", "Linux / Ubuntu (Linux)", "x86 (64-bit)", [2]int{}},
	{"RedHat_64", "Red Hat (64-bit)", "Linux / Red Hat (Linux)", "x86 (64-bit)", [2]int{}},
	{"Solaris_64", "Oracle Solaris 10 5/09 and earlier (64-bit)", "Solaris / Solaris", "x86 (64-bit)", [2]int{}},
	{"FreeBSD", "FreeBSD (32-bit)", "BSD / FreeBSD (BSD)", "x86", [2]int{}},
	{"FreeBSD_64", "FreeBSD (64-bit)", "BSD / FreeBSD (BSD)", "x86 (64-bit)", [2]int{}},
	{"FreeBSD_arm64", "FreeBSD (ARM 64-bit)", "BSD / FreeBSD (BSD)", "ARMv8 (64-bit)", [2]int{7, 1}},
	{"OpenBSD", "OpenBSD (32-bit)", "BSD / OpenBSD (BSD)", "x86", [2]int{}},
	{"OpenBSD_64", "OpenBSD (64-bit)", "BSD / OpenBSD (BSD)", "x86 (64-bit)", [2]int{}},
	{"NetBSD", "NetBSD (32-bit)", "BSD / NetBSD (BSD)", "x86", [2]int{}},
	{"NetBSD_64", "NetBSD (64-bit)", "BSD / NetBSD (BSD)", "x86 (64-bit)", [2]int{}},
}

// typeNamed is the id of a type of guests, by id or description; empty: there is
// none.
func (c *command) typeNamed(name string) string {
	for _, t := range osTypes {
		if (t.id == name || t.description == name) && (t.since == [2]int{} || c.v.since(t.since[0], t.since[1])) {
			return t.id
		}
	}
	return ""
}

func describeType(id string) string {
	for _, t := range osTypes {
		if t.id == id {
			return t.description
		}
	}
	return id
}

func listOSTypes(c *command) {
	for _, t := range osTypes {
		if t.since != [2]int{} && !c.v.since(t.since[0], t.since[1]) {
			continue
		}
		if c.v.since(7, 1) {
			c.p.Printf("ID / Description: %s -- %s\nFamily:           %s\nArchitecture:     %s\n\n", t.id, t.description, t.family, t.arch)
			continue
		}
		family, _, _ := strings.Cut(t.family, " / ")
		c.p.Printf("ID:          %s\nDescription: %s\nFamily ID:   %s\nFamily Desc: %s\n64 bit:      %t\n\n", t.id, t.description, family, family, strings.Contains(t.arch, "64-bit"))
	}
}

var createCall = at("CreateMachine(bstrSettingsFile.raw(), bstrName.raw(), platformArch, ComSafeArrayAsInParam(groups), bstrOsTypeId.raw(), createFlags.raw(), bstrCipher.raw(), bstrPasswordId.raw(), Bstr(strPassword).raw(), machine.asOutParam())", 429, "VBoxManageMisc.cpp")

func createVM(c *command) int {
	if len(c.args) == 0 {
		c.bare()
	}
	known := map[string]int{"name": 1, "ostype": 1, "register": 0, "basefolder": 1, "uuid": 1, "default": 0, "groups": 1}
	if c.v.since(7, 1) {
		known["platform-architecture"] = 1
	}
	given, words := c.options(known)
	if len(words) > 0 {
		c.badUsage(2, "Invalid parameter '%s'", words[0])
	}
	if given["name"] == "" {
		c.badUsage(2, "Parameter --name is required")
	}
	ostype := "Other"
	if has(given, "ostype") {
		if ostype = c.typeNamed(given["ostype"]); ostype == "" {
			if c.v.since(7, 0) {
				c.fail("Unknown or invalid guest OS type given.")
			}
			c.stop(com{"VBOX_E_OBJECT_NOT_FOUND", "VirtualBoxWrap", "IVirtualBox"}, "", "Guest OS type '%s' is invalid", given["ostype"])
		}
	}
	w := c.load()
	folder := w.System.Folder
	if has(given, "basefolder") {
		folder = c.abs(given["basefolder"])
	}
	m := &machine{
		UUID: braced(c.newUUID()), Name: given["name"], OSType: ostype, Folder: "Snapshots", Changed: c.p.Now().UTC().Format(timeForm),
		file: path.Join(folder, given["name"], given["name"]+".vbox"), Hardware: c.newHardware(ostype),
	}
	if has(given, "uuid") {
		m.UUID = braced(trim(given["uuid"]))
	}
	_, err := c.view.Stat(m.file)
	if err == nil || w.named(m.Name) {
		c.stop(com{"VBOX_E_FILE_ERROR", "MachineWrap", "IMachine"}, createCall, "Machine settings file '%s' already exists", m.file)
	}
	c.saveMachine(m)
	did := "created"
	if has(given, "register") {
		w.Machines = append(w.Machines, entry{m.UUID, m.file})
		c.save(w)
		did = "created and registered"
	}
	c.p.Printf("Virtual machine '%s' is %s.\nUUID: %s\nSettings file: '%s'\n", m.Name, did, trim(m.UUID), m.file)
	return 0
}

// newHardware is what a machine of a type has from the start.
func (c *command) newHardware(ostype string) hardware {
	h := hardware{CPUs: 1, Memory: 128, VRAM: 8, Boot: []string{"floppy", "dvd", "disk", "none"}}
	if strings.HasPrefix(ostype, "FreeBSD") {
		h.Memory = 1024
	}
	h.Adapters = []adapter{{Slot: 1, Kind: "nat", Type: "82540EM", MAC: c.newMAC(), Cable: true}}
	return h
}

func (c *command) newMAC() string {
	return "080027" + strings.ToUpper(c.newUUID()[:6])
}

func registerVM(c *command) int {
	_, words := c.options(nil)
	if len(words) != 1 {
		c.badUsage(2, "Incorrect number of parameters")
	}
	w := c.load()
	call := at("OpenMachine(Bstr(a->argv[0]).raw(), Bstr(strPassword).raw(), machine.asOutParam()))", 159, "VBoxManageMisc.cpp")
	file := c.abs(words[0])
	m, err := c.readMachine(file)
	if err != nil {
		c.stop(com{"VBOX_E_FILE_ERROR", "MachineWrap", "IMachine"}, call, "Could not open the settings file '%s' (%s)", file, verr(err))
	}
	if w.machines[trim(m.UUID)] != nil {
		c.stop(com{"NS_ERROR_FAILURE", "MachineWrap", "IMachine"}, call, "Trying to open a VM config '%s' which has the same UUID as an existing virtual machine", file)
	}
	for _, d := range m.Disks {
		if other, known := w.byUUID(d.UUID); known {
			if other.Location != d.Location {
				c.stop(com{"NS_ERROR_INVALID_ARG", "VirtualBoxWrap", "IVirtualBox"}, call,
					"Cannot register the hard disk '%s' %s because a hard disk '%s' with UUID {%s} already exists", d.Location, d.UUID, other.Location, other.uuid())
			}
			w.Disks = drop(w.Disks, func(x disk) bool { return trim(x.UUID) == trim(d.UUID) })
		}
	}
	w.Machines = append(w.Machines, entry{m.UUID, file})
	c.save(w)
	return 0
}

func unregisterVM(c *command) int {
	given, words := c.options(map[string]int{"delete": 0, "delete-all": 0})
	if len(words) != 1 {
		c.badUsage(2, "VM name required")
	}
	w := c.load()
	m := c.find(w, words[0], at("FindMachine(Bstr(VMName).raw(), machine.asOutParam())", 228, "VBoxManageMisc.cpp"))
	if c.isOpen(m) {
		c.stop(com{"VBOX_E_INVALID_OBJECT_STATE", "MachineWrap", "IMachine"}, at("Unregister(CleanupMode_DetachAllReturnHardDisksOnly, ComSafeArrayAsOutParam(aMedia))", 245, "VBoxManageMisc.cpp"),
			"Cannot unregister the machine '%s' while it is locked", m.Name)
	}
	w.forget(m)
	walk(m.Disks, "", func(d disk, _ string) {
		c.server().Opened = drop(c.server().Opened, func(x disk) bool { return x.UUID == d.UUID })
	})
	if has(given, "delete") || has(given, "delete-all") {
		walk(m.Disks, "", func(d disk, _ string) {
			if m.has(d.UUID) || strings.HasPrefix(d.Location, path.Dir(m.file)+"/") {
				_ = c.view.Remove(d.Location)
			}
		})
		_ = c.view.RemoveAll(path.Dir(m.file))
		c.save(w)
		c.done()
		return 0
	}
	c.save(w)
	return 0
}

func list(c *command) int {
	known := map[string]int{"long": 0, "l": 0, "sorted": 0, "s": 0}
	given, words := c.options(known)
	if len(words) != 1 {
		c.badUsage(2, "Missing subcommand for \"list\" command.")
	}
	long := has(given, "long") || has(given, "l")
	w := c.load()
	switch words[0] {
	case "vms", "runningvms":
		for _, e := range w.Machines {
			c.listMachine(w, e, words[0] == "runningvms", long)
		}
	case "hdds":
		for _, m := range w.known() {
			c.describe(w, m, long)
			c.p.Printf("\n")
		}
	case "ostypes":
		listOSTypes(c)
	case "bridgedifs":
		c.listBridged()
	case "hostonlyifs", "natnets", "intnets", "groups", "dvds", "floppies", "dhcpservers":
	case "systemproperties":
		c.systemProperties(w)
	case "hostinfo":
		c.hostInfo()
	case "extpacks":
		c.p.Printf("Extension Packs: 0\n")
	default:
		if strings.Contains(c.usageOf("list"), words[0]) {
			return c.p.Cannot("VBoxManage list %s", words[0])
		}
		c.badUsage(2, "Unknown subcommand \"%s\".", words[0])
	}
	return 0
}

func (c *command) listMachine(w *world, e entry, running, long bool) {
	m := w.machines[trim(e.UUID)]
	switch {
	case m == nil && !running:
		c.p.Printf("\"<inaccessible>\" {%s}\n", trim(e.UUID))
	case m == nil || running && runOf(c.p.Machine, m.UUID) == nil:
	case long:
		c.tellMachine(w, m)
		c.p.Printf("\n")
	default:
		c.p.Printf("\"%s\" {%s}\n", m.Name, trim(m.UUID))
	}
}

// listBridged lists the interfaces of the host that vboxnetflt can bridge to.
func (c *command) listBridged() {
	s := c.p.Machine.State()
	s.Lock()
	defer s.Unlock()
	for n, i := range s.Network.Interfaces {
		if strings.HasPrefix(i.Name, "lo") || strings.HasPrefix(i.Name, "pflog") || i.Ether == "" {
			continue
		}
		address, mask := "0.0.0.0", "0.0.0.0"
		if len(i.Inet) > 0 {
			var bits string
			address, bits, _ = strings.Cut(i.Inet[0], "/")
			mask = maskOf(bits)
		}
		status := "Down"
		for _, f := range i.Flags {
			if f == "UP" {
				status = "Up"
			}
		}
		c.p.Printf("Name:            %s\nGUID:            effffff9-%04x-4%03x-8000-%s\nDHCP:            Disabled\nIPAddress:       %s\nNetworkMask:     %s\n", i.Name, n+1, n+1, strings.ReplaceAll(i.Ether, ":", ""), address, mask)
		c.p.Printf("IPV6Address:     \nIPV6NetworkMaskPrefixLength: 0\nHardwareAddress: %s\nMediumType:      Ethernet\nWireless:        No\nStatus:          %s\nVBoxNetworkName: HostInterfaceNetworking-%s\n\n", i.Ether, status, i.Name)
	}
}

func maskOf(bits string) string {
	n, _ := strconv.Atoi(bits)
	var part [4]string
	for i := range part {
		here := min(max(n-8*i, 0), 8)
		part[i] = itoa(256 - 1<<(8-here))
	}
	return strings.Join(part[:], ".")
}

func (c *command) systemProperties(w *world) {
	c.p.Printf("%s", strings.ReplaceAll(systemProperties, "{{folder}}", w.System.Folder))
}

func (c *command) hostInfo() {
	s := c.p.Machine.State()
	s.Lock()
	hw, r := s.Hardware, s.Release
	s.Unlock()
	c.p.Printf("Host Information:\n\nHost time: %sZ\nProcessor online count: %d\nProcessor count: %d\nProcessor online core count: %d\nProcessor core count: %d\n", c.p.Now().UTC().Format(shownForm), hw.CPUs, hw.CPUs, hw.CPUs, hw.CPUs)
	c.p.Printf("Processor supports HW virtualization: yes\nProcessor supports PAE: yes\nProcessor supports long mode: yes\nProcessor supports nested paging: yes\nProcessor supports unrestricted guest: yes\nProcessor supports nested HW virtualization: yes\nProcessor supports virt. vmsave/vmload: no\n")
	c.p.Printf("Memory size: %d MByte\nMemory available: %d MByte\nOperating system: FreeBSD\nOperating system version: %s\n", hw.Memory/mib, hw.Memory/mib*9/10, r.Version+"-"+r.Branch)
}

func setExtraData(c *command) int {
	if len(c.args) < 2 || len(c.args) > 3 {
		c.badUsage(2, "Not enough parameters")
	}
	w := c.load()
	var list *[]extra
	var m *machine
	if c.args[0] == "global" {
		list = &w.Extra
	} else {
		m = c.find(w, c.args[0], at("FindMachine(Bstr(a->argv[0]).raw(), machine.asOutParam())", 1160, "VBoxManageMisc.cpp"))
		list = &m.Extra
	}
	value := ""
	if len(c.args) == 3 {
		value = c.args[2]
	}
	*list = setExtra(*list, c.args[1], value)
	if m != nil {
		c.saveMachine(m)
	} else {
		c.save(w)
	}
	return 0
}

// setExtra sets a value; an empty one removes it.
func setExtra(list []extra, name, value string) []extra {
	var kept []extra
	for _, e := range list {
		if e.Name != name {
			kept = append(kept, e)
		}
	}
	if value != "" {
		kept = append(kept, extra{name, value})
	}
	return kept
}

func getExtraData(c *command) int {
	if len(c.args) != 2 {
		c.badUsage(2, "Incorrect number of parameters")
	}
	w := c.load()
	data := w.Extra
	if c.args[0] != "global" {
		data = c.find(w, c.args[0], at("FindMachine(Bstr(a->argv[0]).raw(), machine.asOutParam())", 1090, "VBoxManageMisc.cpp")).Extra
	}
	for _, e := range data {
		switch c.args[1] {
		case "enumerate":
			c.p.Printf("Key: %s, Value: %s\n", e.Name, e.Value)
		case e.Name:
			c.p.Printf("Value: %s\n", e.Value)
			return 0
		}
	}
	if c.args[1] != "enumerate" {
		c.p.Printf("No value set!\n")
	}
	return 0
}

func discardState(c *command) int {
	if len(c.args) != 1 {
		c.badUsage(2, "Incorrect number of parameters")
	}
	w := c.load()
	m := c.find(w, c.args[0], at("FindMachine(Bstr(a->argv[0]).raw(), machine.asOutParam())", 1310, "VBoxManageMisc.cpp"))
	if m.StateFile == "" {
		c.stop(com{"VBOX_E_INVALID_VM_STATE", "SessionMachine", "IMachine"}, "", "Cannot discard the saved state because the machine is not in the Saved state (machine state: PoweredOff)")
	}
	_ = c.view.Remove(m.StateFile)
	m.StateFile = ""
	c.saveMachine(m)
	return 0
}

//go:embed systemproperties.txt
var systemProperties string
