package vboxsim

import (
	"io"
	"slices"
	"strconv"
	"strings"
)

// chip is a type of storage controllers.
type chip struct {
	name, bus            string
	ports, most, devices int
	since                [2]int
}

// chips are they, by the words of the option in lower case.
var chips = map[string]chip{
	"intelahci":   {"IntelAhci", "sata", 30, 30, 1, [2]int{}},
	"piix3":       {"PIIX3", "ide", 2, 2, 2, [2]int{}},
	"piix4":       {"PIIX4", "ide", 2, 2, 2, [2]int{}},
	"ich6":        {"ICH6", "ide", 2, 2, 2, [2]int{}},
	"lsilogic":    {"LsiLogic", "scsi", 16, 16, 1, [2]int{}},
	"buslogic":    {"BusLogic", "scsi", 16, 16, 1, [2]int{}},
	"lsilogicsas": {"LsiLogicSas", "sas", 8, 255, 1, [2]int{4, 0}},
	"usb":         {"USB", "usb", 8, 8, 1, [2]int{4, 3}},
	"nvme":        {"NVMe", "pcie", 1, 255, 1, [2]int{5, 1}},
	"virtio":      {"VirtioSCSI", "virtio", 1, 256, 1, [2]int{6, 1}},
	"i82078":      {"I82078", "floppy", 1, 1, 2, [2]int{}},
}

// usual are the chips of buses.
var usual = map[string]string{
	"ide": "piix4", "sata": "intelahci", "scsi": "lsilogic", "sas": "lsilogicsas", "usb": "usb", "pcie": "nvme", "virtio": "virtio", "virtio-scsi": "virtio", "floppy": "i82078",
}

func chipOf(shown string) chip {
	for _, each := range chips {
		if each.name == shown {
			return each
		}
	}
	return chip{}
}

func (ctl *controller) at(port, dev int) *device {
	for i := range ctl.Devices {
		if ctl.Devices[i].Port == port && ctl.Devices[i].Device == dev {
			return &ctl.Devices[i]
		}
	}
	return nil
}

func (ctl *controller) sorted() []device {
	list := slices.Clone(ctl.Devices)
	slices.SortFunc(list, func(a, b device) int { return a.Port*2 + a.Device - b.Port*2 - b.Device })
	return list
}

func (h *hardware) controller(name string) *controller {
	for i := range h.Controllers {
		if h.Controllers[i].Name == name {
			return &h.Controllers[i]
		}
	}
	return nil
}

var ctlFile = "VBoxManageStorageController.cpp"

func storageCtl(c *command) int {
	known := map[string]int{"name": 1, "add": 1, "controller": 1, "bootable": 1, "hostiocache": 1, "remove": 0}
	ports := "portcount"
	if !c.v.since(4, 3) {
		ports = "sataportcount"
	}
	known[ports] = 1
	given, words := c.options(known)
	if len(words) != 1 || given["name"] == "" {
		c.badUsage(2, "Storage controller name not specified")
	}
	w := c.load()
	m := c.find(w, words[0], at("FindMachine(Bstr(a->argv[0]).raw(), machine.asOutParam())", 1034, ctlFile))
	c.locked(m, at("LockMachine(a->session, LockType_Write)", 1038, ctlFile))
	name := given["name"]
	if has(given, "remove") {
		if m.Hardware.controller(name) == nil {
			c.stop(com{"VBOX_E_OBJECT_NOT_FOUND", "SessionMachine", "IMachine"}, at("RemoveStorageController(Bstr(pszCtl).raw())", 1070, ctlFile), "Could not find a storage controller named '%s'", name)
		}
		m.Hardware.Controllers = slices.DeleteFunc(m.Hardware.Controllers, func(ctl controller) bool { return ctl.Name == name })
		c.saveMachine(m)
		return 0
	}
	if has(given, "add") {
		c.addController(m, name, given["add"])
	}
	ctl := m.Hardware.controller(name)
	if ctl == nil {
		c.stop(com{"VBOX_E_OBJECT_NOT_FOUND", "SessionMachine", "IMachine"}, at("GetStorageControllerByName(Bstr(pszCtl).raw(), ctl.asOutParam())", 1140, ctlFile), "Could not find a storage controller named '%s'", name)
	}
	if chip, ok := chips[strings.ToLower(given["controller"])]; ok && (chip.since == [2]int{} || c.v.since(chip.since[0], chip.since[1])) {
		ctl.Type = chip.name
	} else if has(given, "controller") {
		c.fail("Invalid --type argument '%s'", given["controller"])
	}
	if has(given, ports) {
		n, err := strconv.Atoi(given[ports])
		if most := chipOf(ctl.Type).most; err != nil || n < 1 || n > most {
			c.stop(com{"NS_ERROR_INVALID_ARG", "StorageControllerWrap", "IStorageController"}, at("COMSETTER(PortCount)(portcount)", 1206, ctlFile), "Invalid port count: %s (must be in range [1, %d])", given[ports], most)
		}
		ctl.Ports = n
	}
	if has(given, "bootable") {
		ctl.Bootable = given["bootable"] == "on"
	}
	c.saveMachine(m)
	return 0
}

func (c *command) addController(m *machine, name, bus string) {
	kind, known := usual[bus]
	chip := chips[kind]
	if !known || chip.since != [2]int{} && !c.v.since(chip.since[0], chip.since[1]) {
		c.fail("Invalid --add argument '%s'", bus)
	}
	if m.Hardware.controller(name) != nil {
		c.stop(com{"VBOX_E_OBJECT_IN_USE", "SessionMachine", "IMachine"}, at("AddStorageController(Bstr(pszCtl).raw(), StorageBus_"+strings.ToUpper(bus)+", ctl.asOutParam())", 1088, ctlFile),
			"Storage controller named '%s' already exists", name)
	}
	m.Hardware.Controllers = append(m.Hardware.Controllers, controller{Name: name, Type: chip.name, Ports: chip.ports, Bootable: true})
}

func storageAttach(c *command) int {
	given, words := c.options(map[string]int{
		"storagectl": 1, "port": 1, "device": 1, "type": 1, "medium": 1, "mtype": 1, "nonrotational": 1, "discard": 1, "setuuid": 1, "hotpluggable": 1, "comment": 1, "forceunmount": 0,
	})
	if len(words) != 1 || given["storagectl"] == "" {
		c.badUsage(2, "Storage controller name not specified")
	}
	w := c.load()
	m := c.find(w, words[0], at("FindMachine(Bstr(a->argv[0]).raw(), machine.asOutParam())", 288, ctlFile))
	if runOf(c.p.Machine, m.UUID) != nil && given["type"] != "dvddrive" {
		c.stop(com{"VBOX_E_INVALID_VM_STATE", "SessionMachine", "IMachine"}, at("AttachDevice(Bstr(pszCtl).raw(), port, device, DeviceType_HardDisk, pMedium2Mount)", 789, ctlFile),
			"Controller '%s' does not support hot-plugging", given["storagectl"])
	} else if m.StateFile != "" {
		c.locked(m, "")
	}
	ctl := m.Hardware.controller(given["storagectl"])
	if ctl == nil {
		c.fail("Could not find a controller named '%s'", given["storagectl"])
	}
	port, _ := strconv.Atoi(given["port"])
	dev, _ := strconv.Atoi(given["device"])
	chip := chipOf(ctl.Type)
	if port >= chip.most || dev >= chip.devices || port < 0 || dev < 0 {
		c.stop(com{"NS_ERROR_INVALID_ARG", "SessionMachine", "IMachine"}, "", "The port and/or device parameter are out of range: port=%d (must be in range [0, %d]), device=%d (must be in range [0, %d])", port, chip.most-1, dev, chip.devices-1)
	}
	if given["medium"] == "none" {
		c.detach(w, m, ctl, port, dev)
	} else {
		c.attach(w, m, ctl, port, dev, given)
	}
	c.saveMachine(m)
	c.save(w)
	return 0
}

// detach takes out what is in a port; the image goes to the user's own registry.
func (c *command) detach(w *world, m *machine, ctl *controller, port, dev int) {
	d := ctl.at(port, dev)
	if d == nil {
		return
	}
	image := d.Image
	ctl.Devices = slices.DeleteFunc(ctl.Devices, func(x device) bool { return x.Port == port && x.Device == dev })
	if found, known := w.byUUID(image); image != "" && known && !m.Hardware.holds(image) && found.parent == "" {
		m.Disks = drop(m.Disks, func(x disk) bool { return trim(x.UUID) == trim(image) })
		w.Disks = append(w.Disks, found.disk)
	}
}

func (c *command) attach(w *world, m *machine, ctl *controller, port, dev int, given map[string]string) {
	kind := map[string]string{"hdd": "HardDisk", "dvddrive": "DVD", "fdd": "Floppy"}[given["type"]]
	name := given["medium"]
	old := ctl.at(port, dev)
	switch {
	case name == "":
		if old == nil {
			c.badUsage(2, "Missing --medium argument")
		}
	case name == "emptydrive":
		if kind == "" || kind == "HardDisk" {
			c.badUsage(2, "Argument --type must be dvddrive or fdd for an empty drive")
		}
		c.detach(w, m, ctl, port, dev)
		ctl.Devices = append(ctl.Devices, device{Port: port, Device: dev, Type: kind})
	case kind == "DVD" || kind == "Floppy":
		panic(failed(c.p.Cannot("media of the type %s", given["type"])))
	default:
		if has(given, "setuuid") {
			c.setUUID(name, given["setuuid"])
		}
		c.attachDisk(w, m, ctl, port, dev, name)
	}
	ctl.Ports = max(ctl.Ports, port+1)
	if d := ctl.at(port, dev); d != nil {
		if has(given, "nonrotational") {
			d.NonRotational = given["nonrotational"] == "on"
		}
		if has(given, "discard") {
			d.Discard = given["discard"] == "on"
		}
	}
}

func (c *command) attachDisk(w *world, m *machine, ctl *controller, port, dev int, name string) {
	found, ok := c.lookUp(w, name)
	if !ok {
		c.fail("Invalid UUID or filename \"%s\"", name)
	}
	if d := ctl.at(port, dev); d != nil && trim(d.Image) == found.uuid() {
		return
	}
	// Several machines may have a medium, though only one of them can run at a time.
	if m.Hardware.holds(found.uuid()) {
		c.stop(com{"VBOX_E_OBJECT_IN_USE", "SessionMachine", "IMachine"}, at("AttachDevice(Bstr(pszCtl).raw(), port, device, DeviceType_HardDisk, pMedium2Mount)", 789, ctlFile),
			"Medium '%s' is already attached to port %d, device %d of controller '%s' of this virtual machine", found.Location, port, dev, ctl.Name)
	}
	c.detach(w, m, ctl, port, dev)
	w.Disks = drop(w.Disks, func(x disk) bool { return trim(x.UUID) == found.uuid() })
	if found.owner != m {
		m.Disks = append(m.Disks, found.disk)
	}
	ctl.Devices = append(ctl.Devices, device{Port: port, Device: dev, Type: "HardDisk", Image: found.disk.UUID})
}

// setUUID gives an image another identifier as it is attached; an empty one is
// new.
func (c *command) setUUID(name, uuid string) {
	saved := c.args
	c.args = []string{"sethduuid", name}
	if uuid != "" {
		c.args = append(c.args, uuid)
	}
	out := c.p.Stdout
	c.p.Stdout = io.Discard
	code := internalCommands(c)
	c.p.Stdout, c.args = out, saved
	if code != 0 {
		panic(failed(code))
	}
}
