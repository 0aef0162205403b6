package sim

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// A machine starts the way a real one does: the firmware reads a boot program
// from a disk, that one the loader from the root file system, the loader the
// kernel, and the kernel mounts the root. Each is a Program with an age, and a
// step that fails leaves its own message on the console and the machine down.

// Ways a boot ends that don't lead to a running system.
var (
	errStopped  = errors.New("stopped")  // it waits for a person
	errNext     = errors.New("next")     // the program gave up: the firmware tries another
	errPanicked = errors.New("panicked") // it resets itself
)

// attempt is one way through firmware, loader and kernel. The state is locked
// meanwhile, and the tree's root is whatever the step at hand reads from.
type attempt struct {
	m      *Machine
	chosen string            // dataset that a person chose in the loader's menu
	typed  string            // kernel that a person asked for at its prompt
	disk   *state.Disk       // the firmware started from
	pool   *state.Pool       // of the root; nil on UFS
	root   string            // what the loader reads from: zroot/ROOT/default, /dev/ada0p2
	env    map[string]string // the loader's variables
	loader state.Program
	kernel state.Program
	file   string // the kernel's, below the root
	once   bool   // the root is one to boot once
}

func (a *attempt) say(format string, args ...any) {
	f := &a.m.state.Firmware
	f.Console = append(f.Console, strings.Split(fmt.Sprintf(format, args...), "\n")...)
}

// silent is a stop that shows nothing on a real console but a cursor; what there
// is to know stands in brackets.
func (a *attempt) silent(format string, args ...any) error {
	a.say("[nothing goes on: %s]", fmt.Sprintf(format, args...))
	return errStopped
}

// firmware goes from power on to a kernel that has mounted its root.
func (a *attempt) firmware() error {
	if a.m.state.Hardware.Boot == "UEFI" {
		return a.uefi()
	}
	return a.bios()
}

// bootDisks are the disks that are there, in the firmware's order.
func (a *attempt) bootDisks() []*state.Disk {
	s := a.m.state
	var list []*state.Disk
	for _, name := range s.Firmware.Disks {
		if d := s.Disk(name); d != nil {
			list = append(list, d)
		}
	}
	for _, d := range s.Disks {
		if !d.Gone && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list
}

// bios runs what the first sector of the first disk that has a program holds.
func (a *attempt) bios() error {
	for _, d := range a.bootDisks() {
		if d.Table == nil || d.Table.Boot == nil {
			continue
		}
		a.disk = d
		code, ok := state.ReadProgram(d.Table.Boot)
		if !ok || code.Kind != "pmbr" {
			return a.silent("what the first sector of %s holds starts no partition that is modelled", d.Name)
		}
		return a.pmbr(d)
	}
	a.say("Boot failed: not a bootable disk\n\nNo bootable device.")
	return errStopped
}

// pmbrLimit is how much pmbr(8) can load.
const pmbrLimit = 545 << 10

func (a *attempt) pmbr(d *state.Disk) error {
	for _, part := range d.Table.InOrder() {
		if part.Type != "freebsd-boot" {
			continue
		}
		if part.Size*d.SectorSize() > pmbrLimit {
			a.say("Boot loader too large")
			return errStopped
		}
		code, _ := state.ReadProgram(part.Raw)
		switch code.Kind {
		case "gptzfsboot":
			return a.gptzfsboot(code)
		case "gptboot":
			return a.gptboot(code)
		}
		return a.silent("%s holds no boot program", d.PartName(part))
	}
	a.say("Missing boot loader")
	return errStopped
}

// newZFSBoot is the release from which gptzfsboot is built on the loader's own
// code, and nextBoot the one from which it reads what to boot once.
const (
	newZFSBoot   = 13
	nextBootBIOS = 12
	nextBootUEFI = 13
)

// gptzfsboot finds the pool and runs the loader of its boot file system.
func (a *attempt) gptzfsboot(code state.Program) error {
	if a.pool = a.findPool(code); a.pool == nil {
		if major(code.Release) >= newZFSBoot {
			return a.noLoader("disk0:")
		}
		a.say("gptzfsboot: No ZFS pools located, can't boot")
		return errStopped
	}
	root := a.bootFS(code, nextBootBIOS)
	if a.enter(root) != nil {
		a.say("gptzfsboot: failed to mount default pool %s", a.pool.Name)
		return errStopped
	}
	return a.runLoader()
}

// findPool probes the disks, the one that boots first, for a pool the program
// can read with the devices that are there.
func (a *attempt) findPool(code state.Program) *state.Pool {
	disks := append([]*state.Disk{a.disk}, a.bootDisks()...)
	var tried []string
	for _, d := range disks {
		for _, pool := range a.m.state.Pools {
			leaf := a.leafOn(pool, d)
			if leaf == "" || slices.Contains(tried, leaf) {
				continue
			}
			tried = append(tried, leaf)
			if err := code.Reads(pool); err != nil {
				a.say("ZFS: %v", err)
				continue
			}
			if !a.complete(pool) {
				a.say("ZFS: i/o error - all block copies unavailable")
				continue
			}
			a.takeIn(pool)
			return pool
		}
	}
	return nil
}

// takeIn lets an exported pool be read, and imports it, as the kernel does with that
// of its root.
func (a *attempt) takeIn(pool *state.Pool) {
	if !pool.Imported {
		a.m.tree.RenamePool(pool.KeptAs(), pool.Name)
		pool.Imported = true
	}
}

// leafOn is a device of the pool on a disk, empty when there is none.
func (a *attempt) leafOn(pool *state.Pool, d *state.Disk) string {
	for _, v := range pool.Leaves() {
		if on, _ := a.m.state.Lies(v); on == d && a.readable(v) {
			return v.Path
		}
	}
	return ""
}

// readable tells whether a device of a pool is there and holds the pool's label.
func (a *attempt) readable(v *state.Vdev) bool {
	d, part := a.m.state.Lies(v)
	return d != nil && v.State != "REMOVED" && v.State != "FAULTED" && (part == nil || part.Raw == nil && part.FileSystem == "")
}

// complete tells whether enough of a pool's devices are there.
func (a *attempt) complete(pool *state.Pool) bool {
	for _, v := range pool.Vdevs {
		if (v.Class == "" || v.Class == "special" || v.Class == "dedup") && !v.Removed && !a.works(v) {
			return false
		}
	}
	return true
}

func (a *attempt) works(v *state.Vdev) bool {
	if len(v.Children) == 0 {
		return a.readable(v)
	}
	missing := 0
	for _, c := range v.Children {
		if !a.works(c) {
			missing++
		}
	}
	switch v.Type {
	case "raidz1", "raidz2", "raidz3":
		return missing <= int(v.Type[len("raidz")]-'0')
	}
	return missing < len(v.Children)
}

// bootFS is the dataset to boot: the one to boot once, which is forgotten as it
// is read, or the pool's boot file system.
func (a *attempt) bootFS(code state.Program, since int) string {
	if once := a.pool.NextBoot; once != "" && major(code.Release) >= since {
		a.pool.NextBoot, a.once = "", true
		a.say("zfs bootonce: zfs:%s:", once)
		return once
	}
	if fs := a.pool.Properties["bootfs"]; fs != "" && fs != "-" {
		return fs
	}
	return a.pool.Name
}

// enter makes a file system the root, to read from it.
func (a *attempt) enter(source string) error {
	if a.pool != nil && !strings.HasPrefix(source, "/dev/") && a.pool.Find(source) == nil {
		return errStopped
	}
	a.root = source
	return a.m.tree.SetRoot(source)
}

// program reads a program from the root's files.
func (a *attempt) program(file string) (state.Program, bool) {
	f, err := a.m.View(vfs.Root, "/").Open(file)
	if err != nil {
		return state.Program{}, false
	}
	defer f.Close()
	head := make([]byte, 4<<10) // what it tells of itself is in its first line
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return state.Program{}, false
	}
	return state.ReadProgram(head[:n])
}

// runLoader runs the loader that gptzfsboot and gptboot look for.
func (a *attempt) runLoader() error {
	for _, file := range []string{"/boot/zfsloader", "/boot/loader"} {
		code, ok := a.program(file)
		if ok && (code.Kind == "loader" || code.Kind == "zfsloader") {
			return a.load(code)
		}
	}
	return a.noLoader(a.device())
}

// device is the root in the loader's words.
func (a *attempt) device() string {
	if strings.HasPrefix(a.root, "/dev/") {
		return "disk0p" + strings.TrimLeft(a.root[strings.LastIndexByte(a.root, 'p')+1:], "p") + ":"
	}
	return a.root + ":"
}

// noLoader is where the first programs stop without a loader to run.
func (a *attempt) noLoader(device string) error {
	for _, file := range []string{"/boot/zfsloader", "/boot/loader", "/boot/kernel/kernel"} {
		a.say("\nCan't find %s", file)
	}
	a.say("\nFreeBSD/x86 boot\nDefault: %s/boot/kernel/kernel\nboot: ", device)
	return errStopped
}

// gptboot runs the loader of the disk's UFS partition.
func (a *attempt) gptboot(code state.Program) error {
	for _, part := range a.disk.Table.InOrder() {
		if part.Type != "freebsd-ufs" {
			continue
		}
		a.pool = nil
		if part.FileSystem != "ufs" || part.Raw != nil || a.enter("/dev/"+a.disk.PartName(part)) != nil {
			continue
		}
		if loader, ok := a.program("/boot/loader"); ok && loader.Kind == "loader" {
			return a.load(loader)
		}
		where := fmt.Sprintf("0:ad(0p%d)", part.Index)
		a.say("gptboot: No /boot/loader on %s\ngptboot: No /boot/kernel/kernel on %s\n\nFreeBSD/x86 boot\nDefault: %s/boot/kernel/kernel\nboot: ", where, where, where)
		return errStopped
	}
	a.say("gptboot: no UFS partition was found")
	return errStopped
}

// uefi tries the boot entries in their order, then every disk's default program.
func (a *attempt) uefi() error {
	f := &a.m.state.Firmware
	order := slices.Clone(f.Order)
	if f.Next != nil {
		order = append([]int{*f.Next}, order...)
		f.Next = nil
	}
	for _, number := range order {
		e := f.Entry(number)
		if e == nil || !e.Active {
			continue
		}
		d, part := a.byGUID(e.GUID)
		if part == nil {
			a.say("BdsDxe: failed to load Boot%04X %q: Not Found", number, e.Label)
			continue
		}
		f.Current = number
		if err := a.efiProgram(d, part, e.Path, fmt.Sprintf("Boot%04X %q", number, e.Label)); !errors.Is(err, errNext) {
			return err
		}
	}
	for _, d := range a.bootDisks() {
		if d.Table == nil {
			continue
		}
		for _, part := range d.Table.InOrder() {
			if part.Type != "efi" {
				continue
			}
			if err := a.efiProgram(d, part, "/EFI/BOOT/BOOTX64.EFI", "UEFI "+d.Model+" "+d.Serial); !errors.Is(err, errNext) {
				return err
			}
		}
	}
	a.say("BdsDxe: No bootable option or device was found.\nBdsDxe: Press any key to enter the Boot Manager Menu.")
	return errStopped
}

func (a *attempt) byGUID(guid string) (*state.Disk, *state.Partition) {
	for _, d := range a.bootDisks() {
		if d.Table == nil {
			continue
		}
		for _, part := range d.Table.Parts {
			if part.GUID == guid {
				return d, part
			}
		}
	}
	return nil, nil
}

// efiProgram runs a program of an EFI partition.
func (a *attempt) efiProgram(d *state.Disk, part *state.Partition, file, name string) error {
	if part.FileSystem != "msdosfs" || part.Raw != nil {
		a.say("BdsDxe: failed to load %s from %s: Not Found", name, d.PartName(part))
		return errNext
	}
	if err := a.m.tree.SetRoot("/dev/" + d.PartName(part)); err != nil {
		a.say("BdsDxe: failed to load %s from %s: Not Found", name, d.PartName(part))
		return errNext
	}
	code, ok := a.program(a.anyCase(file))
	if !ok {
		a.say("BdsDxe: failed to load %s from %s: Not Found", name, d.PartName(part))
		return errNext
	}
	a.say("BdsDxe: starting %s from %s", name, d.PartName(part))
	a.disk = d
	switch code.Kind {
	case "loader.efi":
		return a.loaderEFI(code)
	case "boot1.efi":
		return a.boot1EFI(code)
	}
	a.say("BdsDxe: failed to start %s: Unsupported", name)
	return errNext
}

// anyCase finds a file whatever the case of its name: msdosfs knows none.
func (a *attempt) anyCase(file string) string {
	view := a.m.View(vfs.Root, "/")
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(strings.ReplaceAll(file, `\`, "/"), "/"), "/") {
		list, _ := view.ReadDir(at)
		for _, i := range list {
			if strings.EqualFold(i.Name, part) {
				part = i.Name
			}
		}
		at = path.Join(at, part)
	}
	return at
}

// loaderEFI looks for a pool, or for a UFS on the disk it came from.
func (a *attempt) loaderEFI(code state.Program) error {
	a.say("FreeBSD EFI boot (%s)", code.Release)
	if a.pool = a.findPool(code); a.pool != nil {
		root := a.bootFS(code, nextBootUEFI)
		if a.enter(root) == nil && a.looksBootable() {
			a.say("Setting currdev to zfs:%s:", root)
			return a.load(code)
		}
	} else if a.enterUFS() {
		return a.load(code)
	}
	a.say("Failed to find bootable partition\npress any key to interrupt reboot in 5 seconds")
	return errNext
}

// boot1EFI is the first stage of older releases: it runs the loader.efi of the
// root file system.
func (a *attempt) boot1EFI(code state.Program) error {
	a.pool = a.findPool(code)
	entered := a.pool != nil && a.enter(a.bootFS(code, nextBootUEFI)) == nil || a.pool == nil && a.enterUFS()
	if loader, ok := a.program("/boot/loader.efi"); entered && ok {
		return a.load(loader)
	}
	a.say("Failed to load '/boot/loader.efi'\npanic: No bootable partitions found!")
	return errNext
}

// looksBootable is the loader's own check of what it found.
func (a *attempt) looksBootable() bool {
	view := a.m.View(vfs.Root, "/")
	for _, file := range []string{"/boot/defaults/loader.conf", "/boot/kernel/kernel"} {
		if _, err := view.Stat(file); err == nil {
			return true
		}
	}
	return false
}

func (a *attempt) enterUFS() bool {
	for _, part := range a.disk.Table.InOrder() {
		if part.Type == "freebsd-ufs" && part.FileSystem == "ufs" && part.Raw == nil && a.enter("/dev/"+a.disk.PartName(part)) == nil && a.looksBootable() {
			return true
		}
	}
	return false
}

// load is the loader: it reads its configuration and loads kernel and modules.
func (a *attempt) load(code state.Program) error {
	a.loader = code
	if a.pool != nil {
		if err := code.Reads(a.pool); err != nil {
			a.say("ZFS: %v\nZFS: i/o error - all block copies unavailable", err)
			return a.prompt("kernel")
		}
		if a.chosen != "" {
			if a.enter(a.chosen) != nil {
				a.say("can't find %s", a.chosen)
				return a.prompt("kernel")
			}
		}
	}
	a.env = a.loaderConf()
	kernel := cmp.Or(a.typed, a.env["kernel"], "kernel")
	if a.file = kernel; !strings.HasPrefix(kernel, "/") {
		a.file = "/boot/" + kernel + "/kernel"
	}
	image, ok := a.program(a.file)
	if !ok || image.Kind != "kernel" {
		return a.prompt(kernel)
	}
	a.kernel = image
	a.say("Loading %s...", a.file)
	return a.start()
}

// prompt is where the loader stops.
func (a *attempt) prompt(kernel string) error {
	a.say("can't load '%s'\n\nType '?' for a list of commands, 'help' for more detailed help.\nOK ", kernel)
	return errStopped
}

const nextBootFile = "/boot/nextboot.conf"

// loaderConf reads the loader's variables, those for one boot last; on UFS the
// loader takes them back itself.
func (a *attempt) loaderConf() map[string]string {
	view := a.m.View(vfs.Root, "/")
	env := map[string]string{}
	read := func(file string) {
		data, _ := view.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && !strings.HasPrefix(name, "#") {
				env[strings.TrimSpace(name)] = unquoteValue(strings.TrimSpace(value))
			}
		}
	}
	for _, file := range []string{"/boot/defaults/loader.conf", "/boot/device.hints", "/boot/loader.conf", "/boot/loader.conf.local"} {
		read(file)
	}
	if extra, err := view.ReadDir("/boot/loader.conf.d"); err == nil {
		for _, i := range extra {
			if strings.HasSuffix(i.Name, ".conf") {
				read("/boot/loader.conf.d/" + i.Name)
			}
		}
	}
	once, err := view.ReadFile(nextBootFile)
	if err == nil && strings.HasPrefix(string(once), `nextboot_enable="YES"`) {
		read(nextBootFile)
		if a.pool == nil {
			_ = view.WriteFile(nextBootFile, []byte(strings.Replace(string(once), `"YES"`, `"NO" `, 1)), 0o644)
		}
	}
	return env
}

// start is the kernel, up to the root file system.
func (a *attempt) start() error {
	release := a.kernel.Release
	a.say("---<<BOOT>>---\nFreeBSD is a registered trademark of The FreeBSD Foundation.\nFreeBSD %s %s %s", release, a.m.state.Release.Ident, a.m.state.Release.Arch)
	for _, bad := range a.m.Params["hang"] {
		if sameRelease(bad, release) {
			return a.silent("the kernel %s hangs", release)
		}
	}
	for _, bad := range a.m.Params["panic"] {
		if sameRelease(bad, release) {
			a.say("panic: page fault\ncpuid = 0\ntime = %d\nUptime: 1s\nAutomatic reboot in 15 seconds - press a key on the console to abort\nRebooting...", a.m.Now().Unix())
			return errPanicked
		}
	}
	return a.mountRoot()
}

// sameRelease tells whether a release is the one meant: 15.0 means every 15.0.
func sameRelease(meant, release string) bool {
	rest, ok := strings.CutPrefix(release, meant)
	return ok && (rest == "" || rest[0] == '-')
}

// major is a release's first number.
func major(release string) int {
	n, _ := strconv.Atoi(release[:strings.IndexAny(release+".", ".-")])
	return n
}

// mountFrom is what the kernel is told to mount on /. A loader sets it for a ZFS
// root from 9.0 on, and for UFS from the fstab it finds.
func (a *attempt) mountFrom() string {
	if from := a.env["vfs.root.mountfrom"]; from != "" && a.chosen == "" {
		return from
	}
	if a.pool != nil && major(a.loader.Release) >= 9 {
		return "zfs:" + a.root
	}
	for _, e := range a.m.Fstab() {
		if e.Point == "/" {
			return e.Type + ":" + e.Source
		}
	}
	return ""
}

func (a *attempt) mountRoot() error {
	from := a.mountFrom()
	kind, source, ok := strings.Cut(from, ":")
	if !ok {
		return a.mountRootPrompt(from)
	}
	a.say("Trying to mount root from %s []...", from)
	code, why := 0, ""
	switch kind {
	case "zfs":
		code, why = a.mountZFS(source)
	case "ufs":
		code, why = a.mountUFS(source)
	default:
		code, why = 2, "unknown file system"
	}
	if code == 0 {
		return nil
	}
	if why != "" {
		why = ": " + why
	}
	a.say("Mounting from %s failed with error %d%s.", from, code, why)
	return a.mountRootPrompt(from)
}

func (a *attempt) mountZFS(source string) (code int, why string) {
	if !a.yes("zfs_load") {
		return 2, "unknown file system"
	}
	module, ok := a.program(path.Dir(a.file) + "/zfs.ko")
	if !ok || module.Kind != "zfs.ko" {
		return 2, "unknown file system"
	}
	name, _, _ := strings.Cut(source, "/")
	for _, pool := range a.m.state.Pools {
		if pool.Name != name || !a.complete(pool) {
			continue
		}
		if err := module.Reads(pool); err != nil {
			a.say("ZFS WARNING: pool %s: %v", name, err)
			return 45, ""
		}
		a.pool = pool
		a.takeIn(pool)
		if a.enter(source) != nil {
			return 2, ""
		}
		return 0, ""
	}
	a.say("Cannot find the pool label for '%s'", name)
	return 5, ""
}

func (a *attempt) mountUFS(source string) (code int, why string) {
	d, part := a.m.state.Provider(source)
	switch {
	case d == nil:
		a.say("mountroot: waiting for device %s...", source)
		return 19, ""
	case part == nil || part.FileSystem != "ufs" || part.Raw != nil:
		return 22, ""
	}
	a.pool = nil
	if a.enter("/dev/"+d.PartName(part)) != nil {
		return 2, ""
	}
	return 0, ""
}

// yes tells whether the loader loads a module.
func (a *attempt) yes(name string) bool { return strings.EqualFold(a.env[name], "YES") }

func (a *attempt) mountRootPrompt(from string) error {
	a.say("\nLoader variables:")
	if from != "" {
		a.say("  vfs.root.mountfrom=%s", from)
	}
	a.say("\nManual root filesystem specification:\n  <fstype>:<device> [options]\n      Mount <device> using filesystem <fstype>\n      and with the specified (optional) option list.\n\n" +
		"    eg. ufs:/dev/da0s1a\n        zfs:zroot/ROOT/default\n        cd9660:/dev/cd0 ro\n\n  ?               List valid disk boot devices\n  .               Yield 1 second (for background tasks)\n  <empty line>    Abort manual input\n\nmountroot> ")
	return errStopped
}

// Console is what the boots since the machine was last turned on wrote to the
// console, up to where the last one stopped.
func (m *Machine) Console() []string {
	m.state.Lock()
	defer m.state.Unlock()
	return slices.Clone(m.state.Firmware.Console)
}
