package zfs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// DestroyDataset destroys one dataset, unmounting it first: a file system or volume
// without anything below it, a snapshot without clones and holds, or a bookmark.
func DestroyDataset(m *sim.Machine, name string) error {
	in := usersOf(m)
	defer enter(m)()
	pool, d, err := require(m, name)
	if err != nil {
		return err
	}
	if err := destroyable(pool, d); err != nil {
		return err
	}
	if err := unmountAll(m, pool, mountedBelow(m, name), in, false); err != nil {
		return err
	}
	m.Tree().Discard(name)
	pool.Datasets = slices.DeleteFunc(pool.Datasets, func(other *state.Dataset) bool {
		return other == d || isBookmarkOf(other, d)
	})
	if pool.Properties["bootfs"] == name {
		delete(pool.Properties, "bootfs")
	}
	return nil
}

// isBookmarkOf tells whether a bookmark goes with a dataset: it keeps nothing from
// being destroyed.
func isBookmarkOf(other, d *state.Dataset) bool {
	return other.Type == Bookmark && Parent(other.Name) == d.Name
}

// destroyable tells why a dataset cannot be destroyed.
func destroyable(pool *state.Pool, d *state.Dataset) error {
	switch {
	case d.Name == pool.Name:
		return errors.New("operation does not apply to pools\nuse 'zfs destroy -r " + d.Name + "' to destroy all datasets in the pool\nuse 'zpool destroy " + d.Name + "' to destroy the pool itself") //nolint:revive // the tool's words
	case d.Type == Snapshot && len(clonesOf(pool, d.Name)) > 0:
		return ErrHasClones
	case len(d.Holds) > 0:
		return ErrHeld
	case d.Type != Snapshot && d.Type != Bookmark && slices.ContainsFunc(subtree(pool, d.Name), func(other *state.Dataset) bool {
		return other != d && !isBookmarkOf(other, d)
	}):
		return fmt.Errorf("%s has children", d.Type)
	}
	return nil
}

// RollBack gives a dataset the content of its most recent snapshot.
func RollBack(m *sim.Machine, snapshot string) error {
	defer enter(m)()
	pool, d, err := require(m, snapshot)
	switch {
	case err != nil:
		return err
	case d.Type != Snapshot:
		return ErrWrongType
	}
	of := pool.Find(Parent(snapshot))
	for _, other := range subtree(pool, of.Name) {
		if Parent(other.Name) == of.Name && (other.Type == Snapshot || other.Type == Bookmark) && other.TXG > d.TXG {
			return ErrNewer
		}
	}
	of.Size, of.Written = d.Size, d.Written
	if of.Type != FileSystem {
		return nil
	}
	return m.Tree().RollBack(of.Name, snapshot)
}

// Promote lets a clone take over the snapshots up to the one it was made of: what
// it was cloned from becomes a clone of it.
func Promote(m *sim.Machine, name string) error {
	defer enter(m)()
	pool, d, err := require(m, name)
	switch {
	case err != nil:
		return err
	case d.Type != FileSystem && d.Type != Volume:
		return ErrWrongType
	case d.Origin == "":
		return ErrNotClone
	}
	origin := pool.Find(d.Origin)
	source := pool.Find(Parent(d.Origin))
	var moving []*state.Dataset
	for _, s := range snapshotsOf(pool, source.Name) {
		if s.TXG > origin.TXG {
			break
		}
		if pool.Find(name+strings.TrimPrefix(s.Name, source.Name)) != nil {
			return fmt.Errorf("conflicting snapshot '%s' from parent '%s'", name+strings.TrimPrefix(s.Name, source.Name), source.Name)
		}
		moving = append(moving, s)
	}
	d.Origin = source.Origin
	source.Origin = origin.Name
	for _, s := range moving {
		renameOne(m, pool, s, name+strings.TrimPrefix(s.Name, source.Name))
	}
	slices.SortStableFunc(pool.Datasets, compare)
	return nil
}

// renameOne gives one dataset another name, wherever it is referred to.
func renameOne(m *sim.Machine, pool *state.Pool, d *state.Dataset, to string) {
	from := d.Name
	m.Tree().RenameSource(from, to)
	d.Name = to
	for _, other := range pool.Datasets {
		if other.Origin == from {
			other.Origin = to
		}
	}
	if pool.Properties["bootfs"] == from {
		pool.Properties["bootfs"] = to
	}
}

// RenameDataset renames a file system or volume with all below it, or a snapshot.
// What is mounted at a place that its name gives moves along.
func RenameDataset(m *sim.Machine, from, to string) error {
	in := usersOf(m)
	defer enter(m)()
	pool, d, err := require(m, from)
	if err != nil {
		return err
	}
	if err := renamable(m, pool, d, to); err != nil {
		return err
	}
	change := func() { renameTree(m, pool, from, to) }
	if d.Type == Snapshot {
		change()
		return nil
	}
	return remount(m, pool, d, in, change)
}

// RenameInPlace renames a file system with all below it, and leaves what is mounted
// where it is (zfs rename -u).
func RenameInPlace(m *sim.Machine, from, to string) error {
	defer enter(m)()
	pool, d, err := require(m, from)
	if err != nil {
		return err
	}
	if err := renamable(m, pool, d, to); err != nil {
		return err
	}
	renameTree(m, pool, from, to)
	return nil
}

func renameTree(m *sim.Machine, pool *state.Pool, from, to string) {
	for _, other := range subtree(pool, from) {
		renameOne(m, pool, other, to+strings.TrimPrefix(other.Name, from))
	}
	slices.SortStableFunc(pool.Datasets, compare)
}

func renamable(m *sim.Machine, pool *state.Pool, d *state.Dataset, to string) error {
	if err := CheckName(to, d.Type); err != nil {
		return err
	}
	if d.Type == Bookmark {
		return ErrWrongType
	}
	switch {
	case poolOf(to) != pool.Name:
		return errors.New("datasets must be within same pool")
	case pool.Find(to) != nil:
		return ErrExists
	case d.Type == Snapshot && fsName(to) != fsName(d.Name):
		return errors.New("snapshots must be part of same dataset")
	case d.Type == Snapshot:
		return nil
	case below(to, d.Name):
		return errors.New("New dataset name cannot be a descendant of current dataset name") //nolint:revive // the tool's words
	case d.Name == pool.Name:
		return ErrWrongType
	case pool.Find(Parent(to)) == nil:
		return ErrNoParent
	case pool.Find(Parent(to)).Type != FileSystem:
		return errors.New("parent is not a filesystem")
	}
	return nil
}

// remount makes a change that may move where a dataset and those below it are to
// be mounted, and mounts those anew that were mounted elsewhere before, and those
// that had no place to be mounted at.
func remount(m *sim.Machine, pool *state.Pool, d *state.Dataset, in users, change func()) error {
	before := map[*state.Dataset]string{}
	mounted := map[string]vfs.Usage{}
	for _, u := range mountedBelow(m, d.Name) {
		mounted[u.Source] = u
	}
	at := map[*state.Dataset]vfs.Usage{}
	tree := subtree(pool, d.Name)
	for _, other := range tree {
		before[other] = mountPoint(pool, other.Name)
		if u, ok := mounted[other.Name]; ok {
			at[other] = u
		}
	}
	undo := saveNames(pool)
	change()
	var leave []vfs.Usage
	var anew []*state.Dataset
	for _, other := range tree {
		u, was := at[other]
		point := mountPoint(pool, other.Name)
		switch {
		case other.Type != FileSystem || point == before[other]:
			continue
		case was:
			leave = append(leave, u)
		case strings.HasPrefix(before[other], "/"):
			continue
		}
		anew = append(anew, other)
	}
	slices.Reverse(leave)
	for i := range leave {
		for _, u := range m.Tree().Mounts() { // its source may have another name now
			if u.Point == leave[i].Point && u.Type == "zfs" {
				leave[i] = u
			}
		}
	}
	if err := unmountAll(m, pool, leave, in, false); err != nil {
		undo(m)
		return err
	}
	var failed error
	for _, other := range anew {
		_, was := at[other]
		point := mountPoint(pool, other.Name)
		if strings.HasPrefix(point, "/") && (was && other.Properties["canmount"] != "off" || wanted(pool, other)) {
			failed = errors.Join(failed, mountAt(m, pool, other, point))
		}
	}
	return failed
}

// saveNames returns what takes back changes of names and of mount points.
func saveNames(pool *state.Pool) (undo func(m *sim.Machine)) {
	names, points := map[*state.Dataset]string{}, map[*state.Dataset]string{}
	for _, d := range pool.Datasets {
		names[d] = d.Name
		points[d] = d.Properties["mountpoint"]
	}
	return func(m *sim.Machine) {
		for d, name := range names {
			if d.Name != name {
				renameOne(m, pool, d, name)
			}
			if delete(d.Properties, "mountpoint"); points[d] != "" {
				d.Properties["mountpoint"] = points[d]
			}
		}
		slices.SortStableFunc(pool.Datasets, compare)
	}
}
