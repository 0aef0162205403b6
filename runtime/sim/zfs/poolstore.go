package zfs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// NewPool says how zpool create makes a pool.
type NewPool struct {
	Name       string
	Vdevs      []*state.Vdev // with types, classes and paths
	Version    int           // 0: the newest, with features
	NoFeatures bool          // zpool create -d
	Features   []string      // enabled beyond those: feature@NAME=enabled
	Properties map[string]string
	Root       map[string]string // properties of the root file system
}

// CreatePool makes a pool on devices and imports it. The root file system is not
// mounted yet.
func CreatePool(m *sim.Machine, n NewPool) (*state.Pool, error) {
	defer enter(m)()
	for _, p := range imported(m) {
		if p.Name == n.Name {
			return nil, errors.New("pool already exists")
		}
	}
	of := n.Name
	for _, v := range (&state.Pool{Vdevs: n.Vdevs}).Leaves() {
		of += " " + v.Path
	}
	pool := &state.Pool{
		Name: n.Name, GUID: NewGUID(m, of), Imported: true, Created: m.Now(), Version: n.Version,
		Properties: map[string]string{}, Vdevs: n.Vdevs,
	}
	for name, value := range n.Properties {
		pool.Properties[name] = value
	}
	if pool.Version == 0 {
		pool.Version = SupportedVersion(m)
	}
	if pool.Version == FeatureFlags {
		list, err := initial(m, n)
		if err != nil {
			return nil, err
		}
		enable(pool, list, true)
	}
	if err := label(m, pool, pool.Vdevs); err != nil {
		return nil, err
	}
	forgetLabels(m, pool)
	pool.Datasets = []*state.Dataset{{
		Name: n.Name, Type: "filesystem", GUID: NewGUID(m, n.Name+"/"), Created: m.Now(), TXG: 1, Version: FileSystemVersion(pool.Version),
		Properties: map[string]string{},
	}}
	for name, value := range n.Root {
		pool.Datasets[0].Properties[name] = value
	}
	m.State().Pools = append(m.State().Pools, pool)
	return pool, nil
}

// initial lists the features a new pool gets.
func initial(m *sim.Machine, n NewPool) ([]Feature, error) {
	list, err := Compatibility(m, n.Properties["compatibility"])
	if err != nil {
		return nil, err
	}
	if n.NoFeatures {
		list = nil
	}
	for _, name := range n.Features {
		f, ok := FindFeature(name)
		if !ok {
			return nil, fmt.Errorf("invalid feature '%s'", name)
		}
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list, nil
}

// FileSystemVersion is the newest version of file systems in a pool of a version.
func FileSystemVersion(pool int) int {
	switch {
	case pool >= 24:
		return 5
	case pool >= 15:
		return 4
	case pool >= 9:
		return 3
	}
	return 1
}

// forgetLabels lets exported pools lose the devices that a pool has taken.
func forgetLabels(m *sim.Machine, by *state.Pool) {
	s := m.State()
	for _, v := range by.Leaves() {
		mine, _ := locate(m, v)
		for _, p := range s.Pools {
			if p != by && !p.Imported {
				dropLabel(m, p, mine)
			}
		}
	}
	forgetPools(m)
}

// cleared marks a leaf whose label was destroyed.
const cleared = "-"

func dropLabel(m *sim.Machine, pool *state.Pool, d device) {
	for _, v := range pool.Leaves() {
		if other, ok := locate(m, v); ok && sameDevice(d, other) {
			v.Device = cleared
		}
	}
}

func sameDevice(a, b device) bool {
	return a.part == b.part && a.disk == b.disk && (a.disk != nil || a.path == b.path)
}

func anyLabel(m *sim.Machine, pool *state.Pool) bool {
	return slices.ContainsFunc(pool.Leaves(), func(v *state.Vdev) bool { return present(m, v) })
}

// Member is the pool that a device holds the label of, nil when there is none.
func Member(m *sim.Machine, path string) *state.Pool {
	defer enter(m)()
	d, ok := findDevice(m, path)
	if !ok {
		return nil
	}
	for _, p := range m.State().Pools {
		for _, v := range p.Leaves() {
			if other, there := locate(m, v); there && sameDevice(d, other) && d.intact() {
				return p
			}
		}
	}
	return nil
}

// ClearLabel removes a pool's label from a device (zpool labelclear).
func ClearLabel(m *sim.Machine, path string) {
	defer enter(m)()
	d, ok := findDevice(m, path)
	if !ok {
		return
	}
	s := m.State()
	for _, p := range s.Pools {
		if !p.Imported {
			dropLabel(m, p, d)
		}
	}
	forgetPools(m)
}

// DestroyPool forgets a pool; its file systems must be unmounted.
func DestroyPool(m *sim.Machine, pool *state.Pool) {
	defer enter(m)()
	discardFiles(m, pool)
	s := m.State()
	s.Pools = slices.DeleteFunc(s.Pools, func(p *state.Pool) bool { return p == pool })
}

// ofImport are the properties that say how a pool was imported.
var ofImport = []string{"altroot", "readonly", "cachefile"}

// ExportPool lets go of a pool; its file systems must be unmounted.
func ExportPool(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	if pool.Suspended {
		return errSuspended
	}
	pool.Imported = false
	m.Tree().RenamePool(pool.Name, pool.KeptAs())
	for _, name := range ofImport {
		delete(pool.Properties, name)
	}
	for _, v := range pool.Leaves() {
		if v.State == Unavail || v.State == Removed {
			v.State = ""
		}
		v.Read, v.Write, v.Checksum = 0, 0, 0
	}
	return nil
}

// Exported lists the pools that could be imported: those with a label on a
// device that is there, below one of the directories; none: all.
func Exported(m *sim.Machine, dirs []string) []*state.Pool {
	defer enter(m)()
	var list []*state.Pool
	for _, p := range m.State().Pools {
		if !p.Imported && slices.ContainsFunc(p.Leaves(), func(v *state.Vdev) bool { return found(m, v, dirs) }) {
			list = append(list, p)
		}
	}
	return list
}

// found tells whether a search would come across a leaf: disks are looked for in
// /dev, files only where a directory is named.
func found(m *sim.Machine, v *state.Vdev, dirs []string) bool {
	d, ok := locate(m, v)
	if !ok || !d.intact() {
		return false
	}
	if len(dirs) == 0 {
		return !d.isFile
	}
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return strings.HasPrefix(d.path, strings.TrimSuffix(dir, "/")+"/") || strings.HasPrefix(v.Path, strings.TrimSuffix(dir, "/")+"/")
	})
}

// Import says how a pool is taken into use.
type Import struct {
	Name     string // empty: its own
	ReadOnly bool
	AltRoot  string // directory that all mount points lie below
	Rewind   bool   // go back to the checkpoint, for good
}

// ImportPool takes an exported pool into use. Its file systems are not mounted
// yet.
func ImportPool(m *sim.Machine, pool *state.Pool, how Import) error {
	defer enter(m)()
	var unsupported *UnsupportedError
	if err := Importable(m, pool); errors.As(err, &unsupported) && !(how.ReadOnly && unsupported.ReadOnly) {
		return err
	}
	name := how.Name
	if name == "" {
		name = pool.Name
	}
	for _, p := range imported(m) {
		if p.Name == name {
			return errors.New("a pool with that name already exists\nuse the form 'zpool import <pool | id> <newpool>' to give it a new name")
		}
	}
	if rootState(m, pool) == Unavail {
		return errors.New("one or more devices is currently unavailable")
	}
	if how.Rewind {
		if err := rewind(m, pool); err != nil {
			return err
		}
	}
	m.Tree().RenamePool(pool.KeptAs(), name)
	rename(pool, name)
	pool.Imported, pool.Suspended = true, false
	if how.ReadOnly {
		setProperty(pool, "readonly", "on")
	}
	if how.AltRoot != "" {
		setProperty(pool, "altroot", how.AltRoot)
		setProperty(pool, "cachefile", "none")
	}
	open(m, pool)
	return nil
}

// open finds the devices of a pool as an import or a boot does: what is not
// there stays out until it is put online or replaced.
func open(m *sim.Machine, pool *state.Pool) {
	for _, v := range pool.Leaves() {
		if v.Temporary && v.State == Offline {
			comeBack(m, pool, v)
		}
		d, ok := locate(m, v)
		switch {
		case v.Removed || v.State == Offline || v.State == Faulted:
		case !ok || !d.intact():
			leave(m, pool, v, Unavail)
		case v.State != "":
			comeBack(m, pool, v)
		default:
			v.Path = whereNow(m, v, d)
		}
	}
	startResilver(m, pool)
}

// whereNow is the path of a leaf, the one its label was found at when the known
// one leads elsewhere.
func whereNow(m *sim.Machine, v *state.Vdev, d device) string {
	if named, ok := findDevice(m, v.Path); ok && sameDevice(named, d) {
		return v.Path
	}
	return d.path
}

// rename gives a pool another name, and with it its datasets.
func rename(pool *state.Pool, name string) {
	renameDatasets(pool.Datasets, pool.Name, name)
	if pool.Checkpoint != nil {
		renameDatasets(pool.Checkpoint.Datasets, pool.Name, name)
	}
	if b := pool.Properties["bootfs"]; b != "" {
		pool.Properties["bootfs"] = name + strings.TrimPrefix(b, pool.Name)
	}
	pool.Name = name
}

func renameDatasets(list []*state.Dataset, from, to string) {
	for _, d := range list {
		d.Name = to + strings.TrimPrefix(d.Name, from)
		if d.Origin != "" {
			d.Origin = to + strings.TrimPrefix(d.Origin, from)
		}
	}
}

// Booted is what a boot does with the imported pools.
func Booted(m *sim.Machine) {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	for _, pool := range imported(m) {
		pool.Suspended = false
		open(m, pool)
	}
	settle(m)
}

// Reguid gives a pool a new identifier.
func Reguid(m *sim.Machine, pool *state.Pool, guid uint64) error {
	defer enter(m)()
	if err := movable(m, pool); err != nil {
		return err
	}
	if guid == 0 {
		guid = NewGUID(m, pool.Name+"reguid")
	}
	pool.GUID = guid
	return nil
}
