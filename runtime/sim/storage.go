package sim

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Root is how a profile's disks are cut up, and what the root file system lies
// on. Every disk is cut alike.
type Root struct {
	Type string `toml:"type"` // zfs or ufs
	Pool string `toml:"pool"`
	Size string `toml:"size"` // of the partition that holds the pool or the root file system, on each disk
	Disk string `toml:"disk"` // the one disk, where there is only one
	// Disks are those of a pool of several, in the order of the firmware.
	Disks []string `toml:"disks"`
	Vdev  string   `toml:"vdev"` // mirror, raidz1, raidz2 ...; empty: one disk, or a stripe
	// Partitions are lines of type, size and label, a size of "-" standing for
	// Size; labels get the disk's number. Empty: as the installer makes them.
	Partitions []string `toml:"partitions"`
	// First is the first sector partitions may take, 40 unless said otherwise.
	First    int64    `toml:"first"`
	ByLabel  bool     `toml:"by_label"` // the pool names its devices by their labels in /dev/gpt
	Datasets []string `toml:"datasets"` // lines of name below the pool, mountpoint, canmount; empty: as the installer makes them
	BootFS   string   `toml:"bootfs"`   // below the pool; empty: /ROOT/default, "/": the pool's own
}

// layouts are what bsdinstall(8) makes of a disk, by root file system and boot
// method.
var layouts = map[string][]string{
	"zfs BIOS": {"freebsd-boot 512K gptboot", "freebsd-swap 2G swap", "freebsd-zfs - zfs"},
	"zfs UEFI": {"efi 260M efiboot", "freebsd-boot 512K gptboot", "freebsd-swap 2G swap", "freebsd-zfs - zfs"},
	"ufs BIOS": {"freebsd-boot 512K", "freebsd-ufs -", "freebsd-swap 2G"},
	"ufs UEFI": {"efi 260M", "freebsd-ufs -", "freebsd-swap 2G"},
}

// datasetLayout is the installer's, as lines of name, mountpoint and canmount.
var datasetLayout = []string{
	"/ /zroot on",
	"/ROOT none on",
	"/ROOT/default / noauto",
	"/home /home on",
	"/tmp /tmp on",
	"/usr /usr off",
	"/usr/ports /usr/ports on",
	"/usr/src /usr/src on",
	"/var /var off",
	"/var/audit /var/audit on",
	"/var/crash /var/crash on",
	"/var/log /var/log on",
	"/var/mail /var/mail on",
	"/var/tmp /var/tmp on",
}

// alignment is where the installer lets partitions begin, in sectors, but for
// the first.
const alignment = 2048

// diskNames lists the profile's disks.
func (p *Profile) diskNames() []string {
	if len(p.Root.Disks) > 0 {
		return p.Root.Disks
	}
	return []string{p.Root.Disk}
}

// rootSize is the size of the partition that holds the root, on each disk.
func (p *Profile) rootSize() int64 {
	size, _ := ParseSize(p.Root.Size)
	return size
}

// checkRoot refuses a profile whose disks cannot be made.
func (p *Profile) checkRoot() error {
	if _, err := ParseSize(p.Root.Size); err != nil {
		return fmt.Errorf("profile %s: root.size: %w", p.Name, err)
	}
	for _, line := range p.partitionLines() {
		f := strings.Fields(line)
		if len(f) < 2 {
			return fmt.Errorf("profile %s: partition %q: want type, size and label", p.Name, line)
		}
		if _, err := ParseSize(f[1]); err != nil && f[1] != "-" {
			return fmt.Errorf("profile %s: partition %q: %w", p.Name, line, err)
		}
	}
	return nil
}

func (p *Profile) partitionLines() []string {
	if len(p.Root.Partitions) > 0 {
		return p.Root.Partitions
	}
	return layouts[p.Root.Type+" "+p.Hardware.Boot]
}

// disks are the profile's disks with their partitions.
func (p *Profile) disks() []*state.Disk {
	var disks []*state.Disk
	for n, name := range p.diskNames() {
		if p.linux() {
			disks = append(disks, &state.Disk{Name: name, Size: p.rootSize(), Table: &state.Table{Scheme: "GPT", Entries: 128, First: 2048}})
			continue
		}
		disks = append(disks, p.disk(n, name))
	}
	return disks
}

func (p *Profile) disk(number int, name string) *state.Disk {
	first := p.Root.First
	if first == 0 {
		first = 40
	}
	t := &state.Table{Scheme: "GPT", Entries: 128, First: first}
	next := first
	for i, line := range p.partitionLines() {
		f := strings.Fields(line)
		size := p.rootSize()
		if f[1] != "-" {
			size, _ = ParseSize(f[1])
		}
		if i > 0 && f[0] != "freebsd-boot" && first == 40 {
			next = (next + alignment - 1) / alignment * alignment
		}
		part := &state.Partition{
			Index: i + 1, Type: f[0], Start: next, Size: size / state.DefaultSector,
			GUID: derivedUUID(p.Name + "/" + name + "/" + line),
		}
		if len(f) > 2 {
			part.Label = fmt.Sprint(f[2], number)
		}
		switch f[0] {
		case "efi":
			part.FileSystem = "msdosfs"
		case "freebsd-ufs":
			part.FileSystem = "ufs"
		}
		t.Parts = append(t.Parts, part)
		next += part.Size
	}
	t.Last = next - 1
	after := first // the second copy of the table, without a protective MBR
	if first == 34 {
		after--
	}
	return &state.Disk{
		Name: name, Size: (next + after) * state.DefaultSector, Model: "VBOX HARDDISK",
		Serial: fmt.Sprintf("VB%08x-%08x", 0x5f1c0000+number, 0x1b3a9d00+number), Table: t,
	}
}

// leafPath is how the pool names a disk's partition.
func (p *Profile) leafPath(d *state.Disk) string {
	for _, part := range d.Table.Parts {
		if part.Type != "freebsd-zfs" {
			continue
		}
		if p.Root.ByLabel {
			return "/dev/gpt/" + part.Label
		}
		return "/dev/" + d.PartName(part)
	}
	return "/dev/" + d.Name
}

// vdevs are the pool's devices.
func (p *Profile) vdevs(disks []*state.Disk) []*state.Vdev {
	var leaves []*state.Vdev
	for n, d := range disks {
		leaves = append(leaves, &state.Vdev{
			Type: "disk", Path: p.leafPath(d), GUID: p.guid(fmt.Sprint("leaf ", n)), Size: p.rootSize(), Since: p.start(),
		})
	}
	if p.Root.Vdev == "" {
		return leaves
	}
	return []*state.Vdev{{Type: p.Root.Vdev, GUID: p.guid("vdev"), Since: p.start(), Children: leaves}}
}

// PoolUsable is what the file systems of a pool of a size may take together: ZFS
// keeps a part back to be able to free space when there is none.
func PoolUsable(size int64) int64 {
	const share, least = 32, 128 << 20
	return size - min(max(size/share, least), size/2)
}

// poolSize is what the file systems on the pool's devices may take together.
func (p *Profile) poolSize() int64 {
	n := int64(len(p.diskNames()))
	switch p.Root.Vdev {
	case "mirror":
		n = 1
	case "raidz1", "raidz2", "raidz3":
		n -= int64(p.Root.Vdev[len("raidz")] - '0')
	}
	return PoolUsable(n * p.rootSize())
}

// guid derives a steady 64-bit identifier.
func (p *Profile) guid(of string) uint64 {
	var id uint64
	for _, b := range []byte(derivedUUID(p.Name + "/" + of)) {
		id = id*31 + uint64(b)
	}
	return id
}

// pools is the state of the pool the machine boots from.
func (p *Profile) pools(disks []*state.Disk) []*state.Pool {
	if p.Root.Type != "zfs" {
		return nil
	}
	version, features := releasePool(p.Release.Version + "-" + p.Release.Branch)
	pool := &state.Pool{
		Name: p.Root.Pool, GUID: p.guid("pool"), Imported: true, Created: p.start(), Version: version, Features: features,
		Properties: map[string]string{"bootfs": p.rootDataset()}, Vdevs: p.vdevs(disks),
	}
	for n, d := range p.datasets() {
		pool.Datasets = append(pool.Datasets, &state.Dataset{
			Name: d.name, Type: "filesystem", GUID: p.guid(d.name), TXG: uint64(n + 4), Created: p.start(), Version: zplVersion(version),
			Mounted: d.mounted(), Properties: d.properties(),
		})
	}
	return []*state.Pool{pool}
}

// zplVersion is the version of file systems that come with a pool's format.
func zplVersion(pool int) int {
	switch {
	case pool >= 24:
		return 5
	case pool >= 15:
		return 4
	}
	return 3
}

// dataset is a file system of a fresh installation.
type dataset struct{ name, point, canMount string }

func (d dataset) mounted() bool {
	return d.point == "/" || d.canMount == "on" && d.point != "none" && d.point != "legacy"
}

// properties are those the installer sets.
func (d dataset) properties() map[string]string {
	set := map[string]string{"mountpoint": d.point}
	if d.canMount != "on" {
		set["canmount"] = d.canMount
	}
	if !strings.Contains(d.name, "/") {
		set["compression"], set["atime"] = "on", "off"
	}
	switch path.Base(d.name) {
	case "tmp":
		set["setuid"] = "off"
	case "audit", "crash", "log", "mail":
		set["setuid"], set["exec"] = "off", "off"
	}
	return set
}

func (p *Profile) datasets() []dataset {
	lines := p.Root.Datasets
	if len(lines) == 0 {
		lines = datasetLayout
	}
	var all []dataset
	for _, line := range lines {
		f := append(strings.Fields(line), "on", "on")
		all = append(all, dataset{strings.TrimSuffix(p.Root.Pool+f[0], "/"), f[1], f[2]})
	}
	return all
}

// rootDataset is the dataset a fresh installation boots.
func (p *Profile) rootDataset() string {
	if p.Root.BootFS == "" {
		return p.Root.Pool + "/ROOT/default"
	}
	return strings.TrimSuffix(p.Root.Pool+p.Root.BootFS, "/")
}

// rootSource is what is mounted on / after an installation.
func (p *Profile) rootSource() string {
	if p.Root.Type == "zfs" {
		return p.rootDataset()
	}
	d := p.disk(0, p.diskNames()[0])
	for _, part := range d.Table.Parts {
		if part.Type == "freebsd-ufs" {
			return "/dev/" + d.PartName(part)
		}
	}
	return "/dev/" + d.Name
}

// mountAll mounts the file systems of a fresh installation.
func (p *Profile) mountAll(tree *vfs.Tree, view *vfs.View) error {
	mounts := []vfs.Mount{p.rootMount(p.rootSource()), {Point: "/dev", Source: "devfs", Type: "devfs"}}
	for _, d := range p.datasets() {
		if p.Root.Type == "zfs" && d.mounted() && d.name != p.rootDataset() {
			property := d.properties()
			property["atime"] = "off" // at the pool's root, and inherited
			mounts = append(mounts, vfs.Mount{
				Point: d.point, Source: d.name, Type: "zfs", Pool: p.Root.Pool, Size: p.poolSize(), Options: ZFSOptions(property),
			})
		}
	}
	for _, m := range mounts {
		if m.Point != "/" {
			if err := view.MkdirAll(m.Point, 0o755); err != nil {
				return err
			}
		}
		if err := tree.Mount(m); err != nil {
			return fmt.Errorf("mount %s: %w", m.Point, err)
		}
	}
	return nil
}

// rootMount is how a root file system is mounted.
func (p *Profile) rootMount(source string) vfs.Mount {
	if strings.HasPrefix(source, "/dev/") {
		return vfs.Mount{Point: "/", Source: source, Type: "ufs", Options: []string{"local", "journaled soft-updates"}, Size: p.rootSize()}
	}
	pool, _, _ := strings.Cut(source, "/")
	return vfs.Mount{Point: "/", Source: source, Type: "zfs", Pool: pool, Size: p.poolSize(), Options: []string{"local", "noatime", "nfsv4acls"}}
}

// ZFSOptions are the mount options that a dataset's effective properties come to.
func ZFSOptions(property map[string]string) []string {
	options := []string{"local"}
	if property["readonly"] == "on" {
		options = append(options, "read-only")
	}
	if property["atime"] == "off" {
		options = append(options, "noatime")
	}
	if property["exec"] == "off" {
		options = append(options, "noexec")
	}
	if property["setuid"] == "off" {
		options = append(options, "nosuid")
	}
	return append(options, "nfsv4acls")
}

// swapDevices lists the partitions an installation swaps on, and espDevice is
// what it mounts on /boot/efi; empty: nothing.
func (p *Profile) swapDevices() []string {
	var list []string
	for _, d := range p.disks() {
		for _, part := range d.Table.Parts {
			if part.Type == "freebsd-swap" {
				list = append(list, p.nameOf(d, part))
			}
		}
	}
	return list
}

func (p *Profile) espDevice() string {
	d := p.disks()[0]
	for _, part := range d.Table.Parts {
		if part.Type == "efi" && part.Label != "" {
			return "/dev/gpt/" + part.Label
		} else if part.Type == "efi" {
			return "/dev/" + d.PartName(part)
		}
	}
	return ""
}

func (p *Profile) nameOf(d *state.Disk, part *state.Partition) string {
	if p.Root.ByLabel && part.Label != "" {
		return "/dev/gpt/" + part.Label
	}
	return "/dev/" + d.PartName(part)
}

// Devices brings /dev in line with the disks: a node for each disk, each
// partition and each label that nobody else uses its partition by. Tools call
// it after they changed a table.
func (m *Machine) Devices() {
	s := m.state
	s.Lock()
	want := map[string]string{}
	for _, d := range s.Disks {
		if d.Gone {
			continue
		}
		want[d.Name] = d.Name
		if d.Table == nil {
			continue
		}
		for _, part := range d.Table.Parts {
			name := d.PartName(part)
			want[name] = name
			label := "gpt/" + part.Label
			if part.Label != "" && want[label] == "" && d.Table.Scheme == "GPT" && m.usedAs(name) != "/dev/"+name {
				want[label] = name
			}
		}
	}
	old := s.Devices
	s.Devices = nil
	for name := range want {
		s.Devices = append(s.Devices, name)
	}
	slices.Sort(s.Devices)
	s.Unlock()
	m.tree.SetDisks(slices.Collect(maps.Values(want)), deviceData{m})
	view := m.View(vfs.Root, "/")
	for _, name := range old {
		if want[name] == "" {
			_ = view.Remove("/dev/" + name)
		}
	}
	for name, device := range want {
		if _, err := view.Lstat("/dev/" + name); err == nil {
			continue
		}
		_ = view.MkdirAll(path.Dir("/dev/"+name), 0o555)
		if view.Mknod("/dev/"+name, vfs.TypeChar, device, 0o640) == nil {
			_ = view.Chown("/dev/"+name, 0, 5) // operator
		}
	}
	m.ControlDevices()
}

// controlDevices are nodes in /dev by which programs speak to a module.
var controlDevices = map[string]string{"pf.ko": "pf", "vboxdrv.ko": "vboxdrv"}

// ControlDevices makes the nodes of modules that are loaded, and removes those of
// modules that are not.
func (m *Machine) ControlDevices() {
	m.state.Lock()
	loaded := map[string]bool{}
	for _, module := range m.state.Modules {
		loaded[module.Name] = true
	}
	m.state.Unlock()
	view := m.View(vfs.Root, "/")
	for module, name := range controlDevices {
		_, err := view.Lstat("/dev/" + name)
		switch {
		case loaded[module] && err != nil:
			_ = view.Mknod("/dev/"+name, vfs.TypeChar, name, 0o600)
		case !loaded[module] && err == nil:
			_ = view.Remove("/dev/" + name)
		}
	}
}

// usedAs is the name a partition is in use by, by a pool, a mount or for swap;
// empty when it is free. The state is locked.
func (m *Machine) usedAs(name string) string {
	s := m.state
	is := func(d *state.Disk, part *state.Partition) bool {
		return d != nil && (part == nil && d.Name == name || part != nil && d.PartName(part) == name)
	}
	for _, pool := range s.Pools {
		for _, v := range pool.Leaves() {
			if pool.Imported && is(s.Lies(v)) {
				return v.Path
			}
		}
	}
	for _, device := range s.Swap {
		if is(s.Provider(device)) {
			return device
		}
	}
	for _, u := range m.tree.Mounts() {
		if strings.HasPrefix(u.Source, "/dev/") && is(s.Provider(u.Source)) {
			return MountedFrom(u.Mount)
		}
	}
	return ""
}

// UsedAs is the name a disk or partition (ada0p3) is in use by: by a pool, a
// mount or for swap; empty when it is free.
func (m *Machine) UsedAs(name string) string {
	m.state.Lock()
	defer m.state.Unlock()
	return m.usedAs(name)
}

// fromOption keeps the name a device was mounted by, such as its label; the
// tree knows file systems by the partition's own name.
const fromOption = "from="

// MountedFrom is the name a file system was mounted by.
func MountedFrom(mnt vfs.Mount) string {
	for _, o := range mnt.Options {
		if name, ok := strings.CutPrefix(o, fromOption); ok {
			return name
		}
	}
	return mnt.Source
}

// MountDevice mounts the file system of a partition, named by any of its names:
// ENOENT says that there is no such device, EINVAL that it holds no file system of
// the kind, EBUSY that it is mounted.
func (m *Machine) MountDevice(device, point, kind string, options []string) error {
	s := m.state
	s.Lock()
	d, part := s.Provider(device)
	var source, holds string
	var size int64
	if part != nil {
		source, holds, size = "/dev/"+d.PartName(part), part.FileSystem, part.Size*d.SectorSize()
		if part.Raw != nil {
			holds = ""
		}
	}
	s.Unlock()
	switch {
	case d == nil:
		return syscall.ENOENT
	case holds != kind:
		return syscall.EINVAL
	}
	for _, u := range m.tree.Mounts() {
		if u.Source == source {
			return syscall.EBUSY
		}
	}
	options = append([]string{"local"}, options...)
	if source != device {
		options = append(options, fromOption+device)
	}
	return m.tree.Mount(vfs.Mount{Point: point, Source: source, Type: kind, Options: options, Size: size})
}

// UnmountPoint takes a file system away, and keeps what is known of its dataset
// and /dev in line.
func (m *Machine) UnmountPoint(point string) error {
	u, err := m.tree.UsageOf(point)
	if err != nil {
		return err
	}
	if err := m.tree.Unmount(point); err != nil {
		return err
	}
	m.state.Lock()
	for _, pool := range m.state.Pools {
		if d := pool.Find(u.Source); d != nil && u.Type == "zfs" {
			d.Mounted = false
		}
	}
	m.state.Unlock()
	if u.Type == "ufs" || u.Type == "msdosfs" {
		m.Devices()
	}
	return nil
}

// DeviceSize is the size of a disk or partition in bytes, 0 when there is none.
func (m *Machine) DeviceSize(device string) int64 {
	m.state.Lock()
	defer m.state.Unlock()
	d, part := m.state.Provider(device)
	switch {
	case part != nil:
		return part.Size * d.SectorSize()
	case d != nil:
		return d.Size
	}
	return 0
}
