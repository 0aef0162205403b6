package zfs

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// NewDataset says what to make: a file system, a volume, or a clone, which has an
// Origin and the type of that.
type NewDataset struct {
	Name, Type string
	Origin     string            // of a clone: the snapshot it begins as
	Parents    bool              // make what is missing above it
	NoMount    bool              // leave it unmounted
	Properties map[string]string // set at once
	Size       int64             // of a volume
}

// CreateDataset makes a dataset and mounts it where it is to be mounted. A
// *MountError says that it was made and could not be mounted; it is returned
// then, too.
func CreateDataset(m *sim.Machine, n NewDataset) (*state.Dataset, error) {
	defer enter(m)()
	if err := CheckName(n.Name, n.Type); err != nil {
		return nil, err
	}
	pool, err := parentPool(m, &n)
	if err != nil {
		return nil, err
	}
	origin, err := originOf(pool, &n)
	if err != nil {
		return nil, err
	}
	d := newDataset(m, pool, n)
	set, err := reserved(m, pool, n)
	if err != nil {
		return nil, err
	}
	if err := applyProperties(m, pool, d, set); err != nil {
		return nil, err
	}
	if origin != nil {
		d.Size, d.Written, d.Version = max(d.Size, origin.Size), origin.Written, origin.Version
	}
	insert(pool, d)
	if err := makeFiles(m, pool, d); err != nil {
		return nil, err
	}
	if n.NoMount {
		return d, nil
	}
	return d, mountIfWanted(m, pool, d)
}

// withReservation is the first pool version whose volumes reserve their space by a
// property.
const withReservation = 9

// reserved are the properties of a new dataset, with what a volume reserves unless
// told otherwise: all it may hold.
func reserved(m *sim.Machine, pool *state.Pool, n NewDataset) (map[string]string, error) {
	if _, given := n.Properties["refreservation"]; given || n.Type != Volume || n.Origin != "" || SupportedVersion(m) < withReservation {
		return n.Properties, nil
	}
	if n.Size > roomBelow(m, pool, Parent(n.Name)) {
		return nil, ErrOutOfSpace
	}
	set := maps.Clone(n.Properties)
	if set == nil {
		set = map[string]string{}
	}
	set["refreservation"] = strconv.FormatInt(n.Size, 10)
	return set, nil
}

// roomBelow is what is left for something new in a file system.
func roomBelow(m *sim.Machine, pool *state.Pool, name string) int64 {
	above := pool.Find(name)
	return available(m, pool, above, taken(m, pool, above))
}

// parentPool is the pool of a new dataset, which has what is above it, once it was
// made where that is asked for.
func parentPool(m *sim.Machine, n *NewDataset) (*state.Pool, error) {
	pool := importedPool(m, n.Name)
	if pool == nil {
		return nil, fmt.Errorf("no such pool '%s'", poolOf(n.Name))
	}
	if err := changeable(m, pool); err != nil {
		return nil, err
	}
	if pool.Find(n.Name) != nil {
		return nil, ErrExists
	}
	above := pool.Find(Parent(n.Name))
	switch {
	case above == nil && n.Parents:
		return pool, makeParents(m, pool, Parent(n.Name), n.NoMount)
	case above == nil:
		return nil, ErrNoParent
	case above.Type != FileSystem:
		return nil, fmt.Errorf("parent is not a filesystem")
	}
	return pool, nil
}

func importedPool(m *sim.Machine, name string) *state.Pool {
	for _, pool := range imported(m) {
		if pool.Name == poolOf(name) {
			return pool
		}
	}
	return nil
}

func makeParents(m *sim.Machine, pool *state.Pool, name string, noMount bool) error {
	for at := len(pool.Name) + 1; at <= len(name); at++ {
		if at < len(name) && name[at] != '/' || pool.Find(name[:at]) != nil {
			continue
		}
		n := NewDataset{Name: name[:at], Type: FileSystem}
		d := newDataset(m, pool, n)
		insert(pool, d)
		if err := makeFiles(m, pool, d); err != nil {
			return err
		}
		if noMount {
			continue
		}
		if err := mountIfWanted(m, pool, d); err != nil {
			return err
		}
	}
	return nil
}

// originOf is the snapshot that a clone is made of, nil for anything else.
func originOf(pool *state.Pool, n *NewDataset) (*state.Dataset, error) {
	if n.Origin == "" {
		return nil, nil
	}
	origin := pool.Find(n.Origin)
	switch {
	case poolOf(n.Origin) != pool.Name:
		return nil, fmt.Errorf("source and target pools differ")
	case origin == nil:
		return nil, ErrNoDataset
	case origin.Type != Snapshot:
		return nil, ErrWrongType
	}
	if of := pool.Find(Parent(n.Origin)); of != nil {
		n.Type = of.Type
	}
	return origin, nil
}

// newDataset is a dataset that is not in its pool yet.
func newDataset(m *sim.Machine, pool *state.Pool, n NewDataset) *state.Dataset {
	txg := nextTXG(pool)
	d := &state.Dataset{
		Name: n.Name, Type: n.Type, GUID: NewGUID(m, fmt.Sprint(pool.GUID, n.Name, txg)), Created: m.Now().Truncate(time.Second), TXG: txg,
		Origin: n.Origin, Size: n.Size, Properties: map[string]string{},
	}
	if n.Type == FileSystem {
		d.Version = min(FileSystemVersion(pool.Version), FileSystemVersion(SupportedVersion(m)))
	}
	return d
}

// makeFiles gives a file system its files: none, or those of its origin.
func makeFiles(m *sim.Machine, pool *state.Pool, d *state.Dataset) error {
	if d.Type != FileSystem {
		return nil
	}
	if d.Origin != "" {
		return m.Tree().Clone(d.Origin, d.Name)
	}
	return m.Tree().Create(d.Name, pool.Name, usable(m, pool))
}

// hasFiles makes the files of a file system that has never been mounted.
func hasFiles(m *sim.Machine, pool *state.Pool, d *state.Dataset) error {
	if m.Tree().Has(d.Name) {
		return nil
	}
	return makeFiles(m, pool, d)
}

// TakeSnapshots takes snapshots, all of one moment, or none. The names belong to
// datasets of one pool.
func TakeSnapshots(m *sim.Machine, names []string, properties map[string]string) error {
	defer enter(m)()
	var pool *state.Pool
	for _, name := range names {
		if err := CheckName(name, Snapshot); err != nil {
			return err
		}
		of, d, err := require(m, Parent(name))
		switch {
		case err != nil:
			return err
		case d.Type == Bookmark || d.Type == Snapshot:
			return ErrWrongType
		case of.Find(name) != nil:
			return ErrExists
		case pool != nil && of != pool:
			return fmt.Errorf("snapshots must be in the same pool")
		}
		pool = of
	}
	if pool == nil {
		return nil
	}
	for property, value := range properties {
		if err := userProperty(property, value); err != nil {
			return err
		}
	}
	txg := nextTXG(pool)
	for _, name := range names {
		if err := takeSnapshot(m, pool, name, txg, properties); err != nil {
			return err
		}
	}
	return nil
}

func takeSnapshot(m *sim.Machine, pool *state.Pool, name string, txg uint64, properties map[string]string) error {
	of := pool.Find(Parent(name))
	if of.Type == FileSystem {
		if err := hasFiles(m, pool, of); err != nil {
			return err
		}
		if err := m.Tree().Snapshot(of.Name, name); err != nil {
			return err
		}
	}
	insert(pool, &state.Dataset{
		Name: name, Type: Snapshot, GUID: NewGUID(m, fmt.Sprint(pool.GUID, name, txg)), Created: m.Now().Truncate(time.Second), TXG: txg,
		Version: of.Version, Size: of.Size, Written: of.Written, Properties: maps.Clone(properties),
	})
	return nil
}

// TakeBookmark marks the moment of a snapshot, so that it can be sent from after
// the snapshot is gone.
func TakeBookmark(m *sim.Machine, snapshot, name string) error {
	defer enter(m)()
	if err := CheckName(name, Bookmark); err != nil {
		return err
	}
	pool, d, err := require(m, snapshot)
	switch {
	case err != nil:
		return err
	case d.Type != Snapshot && d.Type != Bookmark:
		return ErrWrongType
	case Parent(snapshot) != Parent(name):
		return fmt.Errorf("bookmark is in a different pool or filesystem than the snapshot")
	case pool.Find(name) != nil:
		return fmt.Errorf("bookmark exists")
	case !enabled(pool, "bookmarks"):
		return fmt.Errorf("bookmark feature not enabled")
	}
	Activate(pool, "bookmarks")
	insert(pool, &state.Dataset{Name: name, Type: Bookmark, GUID: d.GUID, Created: d.Created, TXG: d.TXG})
	return nil
}

// holdsVersion is the first pool version with holds.
const holdsVersion = 18

// HoldSnapshot keeps a snapshot from being destroyed until the tag is released.
func HoldSnapshot(m *sim.Machine, snapshot, tag string) error {
	defer enter(m)()
	pool, d, err := require(m, snapshot)
	switch {
	case err != nil:
		return err
	case d.Type != Snapshot:
		return ErrWrongType
	case pool.Version < holdsVersion:
		return errors.New("pool must be upgraded")
	case strings.HasPrefix(tag, "."):
		return fmt.Errorf("tag may not start with '.'")
	case d.Holds[tag] != "":
		return ErrTagExists
	}
	if d.Holds == nil {
		d.Holds = map[string]string{}
	}
	d.Holds[tag] = m.Now().UTC().Format(time.RFC3339)
	return nil
}

// ReleaseSnapshot takes a hold away.
func ReleaseSnapshot(m *sim.Machine, snapshot, tag string) error {
	defer enter(m)()
	_, d, err := require(m, snapshot)
	switch {
	case err != nil:
		return err
	case d.Holds[tag] == "":
		return ErrNoTag
	}
	delete(d.Holds, tag)
	return nil
}
