package vboxsim

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Times that machines and their guests take.
const (
	startTime    = 2 * time.Second
	bootTime     = 25 * time.Second
	shutdownTime = 8 * time.Second
	closingTime  = 1500 * time.Millisecond
)

const driver = "vboxdrv.ko"

// loaded tells whether the kernel has a module.
func (c *command) loaded(name string) bool {
	s := c.p.Machine.State()
	s.Lock()
	defer s.Unlock()
	return slices.ContainsFunc(s.Modules, func(m state.Module) bool { return m.Name == name })
}

// mayRun tells whether the kernel has the module, and the user may use it.
func (c *command) mayRun() bool {
	group, known := c.p.Machine.LookupGroup("vboxusers")
	member := c.p.Cred.UID == 0 || known && (c.p.Cred.GID == group.GID || slices.Contains(c.p.Cred.Groups, group.GID))
	return c.loaded(driver) && member
}

func startVM(c *command) int {
	if len(c.args) == 0 {
		c.bare()
	}
	given, words := c.options(map[string]int{"type": 1, "putenv": 1})
	if len(words) != 1 {
		c.badUsage(2, "at least one VM name or uuid required")
	}
	switch given["type"] {
	case "headless", "vrdp":
	case "", "gui", "sdl", "separate":
		return c.p.Cannot("VBoxManage startvm --type %s", given["type"])
	default:
		c.badUsage(2, "Invalid frontend type: '%s'", given["type"])
	}
	w := c.load()
	m := c.find(w, words[0], at("FindMachine(Bstr(pszVM).raw(), machine.asOutParam())", 907, "VBoxManageMisc.cpp"))
	if c.isOpen(m) {
		c.stop(com{"VBOX_E_INVALID_OBJECT_STATE", "MachineWrap", "IMachine"}, at("LaunchVMProcess(a->session, sessionType.raw(), ComSafeArrayAsInParam(aBstrEnv), progress.asOutParam())", 926, "VBoxManageMisc.cpp"),
			"The machine '%s' is already locked by a session (or being locked or unlocked)", m.Name)
	}
	c.p.Printf("Waiting for VM \"%s\" to power on...\n", m.Name)
	if c.p.Sleep(startTime) != nil {
		return 1
	}
	c.mustStart(w, m)
	c.launch(m)
	c.p.Printf("VM \"%s\" has been successfully started.\n", m.Name)
	return 0
}

// mustStart ends the call where the machine does not start.
func (c *command) mustStart(w *world, m *machine) {
	if !c.mayRun() {
		c.error("The virtual machine '%s' has terminated unexpectedly during startup with exit code 1 (0x1)", m.Name)
		c.error("Details: code NS_ERROR_FAILURE (0x80004005), component MachineWrap, interface IMachine")
		panic(failed(1))
	}
	for _, ctl := range m.Hardware.Controllers {
		for _, d := range ctl.Devices {
			if d.Image == "" {
				continue
			}
			found, known := w.byUUID(d.Image)
			i, err := (*image)(nil), error(syscall.ENOENT)
			if known {
				i, err = c.open(w, found, vfs.O_RDWR)
			}
			if err != nil {
				c.error("Could not open the medium '%s'.", found.Location)
				c.error("VD: error %s opening image file '%s' (%s)", verr(err), found.Location, verr(err))
				c.error("Details: code VBOX_E_FILE_ERROR (0x80bb0004), component MediumWrap, interface IMedium")
				panic(failed(1))
			}
			i.close()
			c.mustBeFree(w, d.Image)
		}
	}
	for _, a := range m.Hardware.Adapters {
		if a.Kind == "bridged" && !c.loaded("vboxnetflt.ko") {
			c.error("Failed to open/create the internal network 'HostInterfaceNetworking-%s' (VERR_SUPDRV_COMPONENT_NOT_FOUND).", a.Host)
			c.error("Failed to attach the network LUN (VERR_SUPDRV_COMPONENT_NOT_FOUND)")
			c.error("Details: code NS_ERROR_FAILURE (0x80004005), component ConsoleWrap, interface IConsole")
			panic(failed(1))
		}
	}
	s := c.p.Machine.State()
	s.Lock()
	free := s.Hardware.Memory
	s.Unlock()
	for _, r := range recordOf(c.p.Machine).Runs {
		if other, err := c.readMachine(r.File); err == nil && runOf(c.p.Machine, other.UUID) != nil {
			free -= int64(other.Hardware.Memory) * mib
		}
	}
	if int64(m.Hardware.Memory)*mib > free*9/10 {
		c.error("Failed to allocate the guest memory: not enough memory (VERR_NO_MEMORY)")
		c.error("Details: code NS_ERROR_FAILURE (0x80004005), component ConsoleWrap, interface IConsole")
		panic(failed(1))
	}
}

// mustBeFree ends the call where another machine that runs has the medium.
func (c *command) mustBeFree(w *world, uuid string) {
	for _, m := range w.usersOf(uuid) {
		if runOf(c.p.Machine, m.UUID) != nil {
			c.error("Locking of attached media failed. A possible reason is that one of the media is attached to a running VM")
			c.error("Details: code VBOX_E_INVALID_OBJECT_STATE (0x80bb0007), component MachineWrap, interface IMachine")
			panic(failed(1))
		}
	}
}

// launch has a machine run. Until it is powered off in good order its file says
// that it was aborted, which is what a crash would leave.
func (c *command) launch(m *machine) {
	saved := m.StateFile
	if saved != "" {
		_ = c.view.Remove(saved)
	}
	m.StateFile, m.Aborted = "", true
	c.saveMachine(m)
	log := path.Join(path.Dir(m.file), "Logs")
	_ = c.view.MkdirAll(log, 0o700)
	_ = c.view.WriteFile(path.Join(log, "VBox.log"), []byte(fmt.Sprintf("VirtualBox VM %s r%s freebsd.amd64\n", c.v, c.v.revision)), 0o600)
	record := recordOf(c.p.Machine)
	record.Count++
	p := c.p.Machine.StartDaemon(headless, []string{headless, "--comment", m.Name, "--startvm", trim(m.UUID), "--vrde", "config"}, nil)
	r := &vmRun{ID: record.Count, UUID: trim(m.UUID), UID: c.p.Cred.UID, File: m.file, PID: p.PID, State: "running", Since: c.p.Now()}
	record.Runs[r.UUID] = r
	if saved != "" {
		r.Up = true
		return
	}
	c.powerOn(m, r)
}

// powerOn lets the guest boot.
func (c *command) powerOn(m *machine, r *vmRun) {
	r.Boots++
	r.Up, r.Acting = false, false
	c.console(m, "", false)
	c.later(m, r, bootTime, "boot")
}

// later has something happen to a run, unless it has ended or begun anew.
func (c *command) later(m *machine, r *vmRun, after time.Duration, what string) {
	c.p.Machine.At(c.p.Now().Add(after), serverName, fmt.Sprintf("%s %s %d %d", what, r.UUID, r.ID, r.Boots))
}

// timer is what happens to a machine that runs.
func timer(host *sim.Machine, payload string) {
	var what, uuid string
	var id, boots int
	if _, err := fmt.Sscan(payload, &what, &uuid, &id, &boots); err != nil {
		return
	}
	r := runOf(host, uuid)
	if r == nil || r.ID != id || r.Boots != boots {
		return
	}
	c := commandFor(host, r.UID)
	m, err := c.readMachine(r.File)
	if err != nil {
		return
	}
	if r.State == "paused" {
		c.later(m, r, time.Second, what)
		return
	}
	switch what {
	case "boot":
		r.Up = c.bootGuest(m)
	case "halt":
		c.console(m, "acpi: suspend request\nShutting down.\nThe operating system has halted.\n", true)
		c.powerOff(m)
	}
}

// commandFor acts for a user outside of any process.
func commandFor(host *sim.Machine, uid int) *command {
	user, _ := host.LookupUID(uid)
	cred := host.CredOf(user)
	p := &sim.Proc{Machine: host, Cred: cred, Dir: "/", Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard}
	return &command{p: p, user: user, view: p.FS(), home: path.Join(user.Home, ".config/VirtualBox"), v: version{major: 7, minor: 2}}
}

// boot forgets what ran before the host was booted.
func boot(host *sim.Machine) {
	clear(recordOf(host).Runs)
	clear(recordOf(host).Servers)
}

// powerOff ends a run in good order.
func (c *command) powerOff(m *machine) {
	r := runOf(c.p.Machine, m.UUID)
	if r == nil {
		return
	}
	delete(recordOf(c.p.Machine).Runs, trim(m.UUID))
	recordOf(c.p.Machine).Closing[trim(m.UUID)] = c.p.Now().Add(closingTime)
	_ = c.p.Machine.Kill(vfs.Root, r.PID, syscall.SIGKILL)
	m.Aborted, m.Changed = false, c.p.Now().UTC().Format(timeForm)
	c.saveMachine(m)
}

// console writes to the files that serial ports lead to.
func (c *command) console(m *machine, text string, more bool) {
	for _, u := range m.Hardware.UARTs {
		if u.Mode != "file" {
			continue
		}
		flag := vfs.O_WRONLY | vfs.O_CREATE
		if more {
			flag |= vfs.O_APPEND
		} else {
			flag |= vfs.O_TRUNC
		}
		f, err := c.view.OpenFile(u.Path, flag, 0o600)
		if err != nil {
			continue
		}
		_, _ = f.Write([]byte(text))
		_ = f.Close()
	}
}

// A guest boots when the first disk has a boot sector, or with EFI a partition
// table with a system partition. What system it is the type of the machine tells;
// more is said by a line "sim guest: os=FreeBSD hostname=NAME root=/dev/NAME"
// somewhere in the first MiB of the disk, root being the device that it mounts.
var guestLine = lazyregexp.New(`sim guest:((?: \w+=[^\s\x00]+)+)`)

// bootGuest boots the guest as far as it comes; true: it is up.
func (c *command) bootGuest(m *machine) bool {
	disk := c.bootDisk(m)
	efi := strings.HasPrefix(m.Hardware.or("firmware", "BIOS"), "EFI")
	if disk == nil || !bootable(disk, efi) {
		if efi {
			c.console(m, "BdsDxe: No bootable option or device was found.\n", true)
		}
		return false
	}
	guest := map[string]string{"os": m.OSType, "hostname": "Amnesiac"}
	if found := guestLine.FindSubmatch(disk); found != nil {
		for _, word := range strings.Fields(string(found[1])) {
			key, value, _ := strings.Cut(word, "=")
			guest[key] = value
		}
	}
	if !strings.HasPrefix(guest["os"], "FreeBSD") {
		c.console(m, fmt.Sprintf("Linux version 6.1.0-amd64\n\n%s login: ", guest["hostname"]), true)
		return true
	}
	c.console(m, "Loading kernel...\n---<<BOOT>>---\nFreeBSD is a registered trademark of The FreeBSD Foundation.\nVT(vga): text 80x25\n", true)
	for _, name := range m.Hardware.guestDisks() {
		c.console(m, name+": <VBOX HARDDISK 1.0>\n", true)
	}
	root := guest["root"]
	if device, ok := strings.CutPrefix(root, "/dev/"); ok && !m.Hardware.hasDisk(device) {
		c.console(m, fmt.Sprintf("Trying to mount root from ufs:%s [rw]...\nmountroot: waiting for device %s...\nMounting from ufs:%s failed with error 19.\n\nmountroot> ", root, root, root), true)
		return false
	}
	if root != "" {
		c.console(m, "Trying to mount root from "+root+"...\n", true)
	}
	c.console(m, fmt.Sprintf("\nFreeBSD/amd64 (%s) (ttyu0)\n\nlogin: ", guest["hostname"]), true)
	return true
}

// bootOrder is in which order the firmware looks at controllers.
var bootOrder = []string{"ide", "sata", "scsi", "sas", "virtio", "pcie", "usb"}

// disks lists the disks as the firmware finds them.
func (h *hardware) disks() (list []string, buses []string) {
	for _, bus := range bootOrder {
		for _, ctl := range h.Controllers {
			if chipOf(ctl.Type).bus != bus {
				continue
			}
			for _, d := range ctl.sorted() {
				if d.Image != "" {
					list, buses = append(list, d.Image), append(buses, bus)
				}
			}
		}
	}
	return list, buses
}

// guestDisks are the disks by the names that FreeBSD gives them.
func (h *hardware) guestDisks() []string {
	var names []string
	count := map[string]int{}
	_, buses := h.disks()
	for _, bus := range buses {
		driver := "da"
		switch bus {
		case "ide", "sata":
			driver = "ada"
		case "pcie":
			driver = "nda"
		}
		names = append(names, driver+strconv.Itoa(count[driver]))
		count[driver]++
	}
	return names
}

var diskDevice = lazyregexp.New(`^(ada|da|ad|vtbd|nda)\d+`)

// hasDisk tells whether a device of the guest is there; labels always are.
func (h *hardware) hasDisk(device string) bool {
	name := diskDevice.FindString(device)
	return name == "" || slices.Contains(h.guestDisks(), name)
}

// bootDisk is the beginning of the disk that the guest boots from.
func (c *command) bootDisk(m *machine) []byte {
	if !slices.Contains(m.Hardware.Boot, "disk") {
		return nil
	}
	images, _ := m.Hardware.disks()
	if len(images) == 0 {
		return nil
	}
	w := &world{machines: map[string]*machine{}, opened: func() []disk { return nil }}
	w.Machines = []entry{{m.UUID, m.file}}
	w.machines[trim(m.UUID)] = m
	found, known := w.byUUID(images[0])
	if !known {
		return nil
	}
	i, err := c.open(w, found, vfs.O_RDONLY)
	if err != nil {
		return nil
	}
	defer i.close()
	return i.head(mib)
}

// espType is the type of an EFI system partition, as it stands in a table.
var espType = uuidBytes("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")

func bootable(disk []byte, efi bool) bool {
	if len(disk) < 2*sector || disk[510] != 0x55 || disk[511] != 0xaa {
		return false
	}
	return !efi || string(disk[sector:sector+8]) == "EFI PART" && bytes.Contains(disk[2*sector:], espType)
}

var controlFile = "VBoxManageControlVM.cpp"

// controlVM changes a machine that runs.
func controlVM(c *command) int {
	if len(c.args) < 2 {
		c.badUsage(2, "Not enough parameters")
	}
	w := c.load()
	m := c.find(w, c.args[0], at("FindMachine(Bstr(a->argv[0]).raw(), machine.asOutParam())", 401, controlFile))
	r := runOf(c.p.Machine, m.UUID)
	if r == nil {
		c.fail("Machine '%s' is not currently running.", m.Name)
	}
	switch verb := c.args[1]; verb {
	case "poweroff":
		c.done()
		c.powerOff(m)
	case "acpipowerbutton":
		c.pressButton(m, r)
	case "savestate":
		c.saveState(m, r)
	case "pause", "resume":
		c.pause(m, r, verb)
	case "reset":
		c.powerOn(m, r)
	default:
		return c.controlNIC(m, verb)
	}
	return 0
}

// pressButton asks the guest to shut down; one that has not booted, or does not
// listen, does nothing.
func (c *command) pressButton(m *machine, r *vmRun) {
	if r.State == "paused" {
		c.stop(com{"VBOX_E_INVALID_VM_STATE", "ConsoleWrap", "IConsole"}, at("PowerButton()", 512, controlFile), "Invalid machine state: Paused")
	}
	deaf := slices.Contains(c.p.Machine.Params[DeafParam], m.Name) || m.Hardware.or("acpi", "on") == "off"
	if !r.Up || deaf || r.Acting {
		return
	}
	r.Acting = true
	c.later(m, r, shutdownTime, "halt")
}

func (c *command) saveState(m *machine, r *vmRun) {
	dir := path.Join(path.Dir(m.file), "Snapshots")
	_ = c.view.MkdirAll(dir, 0o700)
	file := path.Join(dir, c.p.Now().UTC().Format("2006-01-02T15-04-05.000000000Z")+".sav")
	if err := c.view.WriteFile(file, []byte("\x7fVirtualBox SavedState V2.0\n"), 0o600); err != nil {
		c.abort("save machine state", mediumFile, at("RTEXITCODE handleControlVM(HandlerArg*)", 566, controlFile), "Could not create the saved state file '"+file+"' ("+verr(err)+")")
	}
	m.StateFile = file
	c.done()
	c.powerOff(m)
}

func (c *command) pause(m *machine, r *vmRun, verb string) {
	from, to, call := "running", "paused", "Pause()"
	if verb == "resume" {
		from, to, call = "paused", "running", "Resume()"
	}
	if r.State != from {
		c.stop(com{"VBOX_E_INVALID_VM_STATE", "ConsoleWrap", "IConsole"}, at(call, 480, controlFile), "Invalid machine state: %s", title(r.State))
	}
	r.State, r.Since = to, c.p.Now()
}

var liveOption = lazyregexp.New(`^(nic|natpf|setlinkstate)(\d+)$`)

// controlNIC changes an adapter while the machine runs.
func (c *command) controlNIC(m *machine, verb string) int {
	found := liveOption.FindStringSubmatch(verb)
	if found == nil {
		c.badUsage(2, "Invalid parameter '%s'", verb)
	}
	n, _ := strconv.Atoi(found[2])
	a := m.Hardware.slot(n)
	if a == nil {
		c.fail("No such NIC %d", n)
	}
	words := append(slices.Clone(c.args[2:]), "", "")
	switch found[1] {
	case "natpf":
		c.forward(a, words[0], words[1])
	case "setlinkstate":
		a.Cable = words[0] == "on"
	case "nic":
		a.Kind = words[0]
		if a.Kind == "bridged" {
			if words[1] == "" {
				c.badUsage(2, "Missing argument to '%s'", verb)
			}
			a.Host = words[1]
		}
	}
	c.saveMachine(m)
	return 0
}
