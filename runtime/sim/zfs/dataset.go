package zfs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// Types of datasets.
const (
	FileSystem = "filesystem"
	Volume     = "volume"
	Snapshot   = "snapshot"
	Bookmark   = "bookmark"
)

// Reasons for refusing an operation on a dataset.
var (
	ErrNoDataset   = errors.New("dataset does not exist")
	ErrExists      = errors.New("dataset already exists")
	ErrNoParent    = errors.New("parent does not exist")
	ErrHasClones   = errors.New("snapshot has dependent clones")
	ErrHeld        = errors.New("it's being held")
	ErrOutOfSpace  = errors.New("out of space")
	ErrNotClone    = errors.New("not a cloned filesystem")
	ErrWrongType   = errors.New("operation not applicable to datasets of this type")
	ErrNewer       = errors.New("more recent snapshots or bookmarks exist")
	ErrTagExists   = errors.New("tag already exists on this dataset")
	ErrNoTag       = errors.New("no such tag on this dataset")
	ErrReadOnly    = errors.New("dataset is read-only")
	ErrUnsupported = errors.New("pool and or dataset must be upgraded to set this property or value")
)

// FindDataset is the dataset of a name and the pool it is in; both are nil when
// there is none.
func FindDataset(m *sim.Machine, name string) (*state.Pool, *state.Dataset) {
	defer enter(m)()
	return find(m, name)
}

func find(m *sim.Machine, name string) (*state.Pool, *state.Dataset) {
	for _, pool := range imported(m) {
		if pool.Name == poolOf(name) {
			if d := pool.Find(name); d != nil {
				return pool, d
			}
		}
	}
	return nil, nil
}

// require finds a dataset that can be changed.
func require(m *sim.Machine, name string) (*state.Pool, *state.Dataset, error) {
	pool, d := find(m, name)
	if d == nil {
		return nil, nil, ErrNoDataset
	}
	return pool, d, changeable(m, pool)
}

// changeable tells why nothing in a pool can be changed.
func changeable(m *sim.Machine, pool *state.Pool) error {
	err := writable(m, pool)
	if errors.Is(err, errReadOnly) {
		return ErrReadOnly
	}
	return err
}

// poolOf is the name of a dataset's pool.
func poolOf(name string) string {
	if end := strings.IndexAny(name, "/@#"); end >= 0 {
		return name[:end]
	}
	return name
}

// Parent is the name of what a dataset lies in: the file system above it, or that
// of a snapshot or bookmark; empty for a pool's root.
func Parent(name string) string {
	if end := strings.LastIndexAny(name, "@#"); end >= 0 {
		return name[:end]
	}
	return name[:max(strings.LastIndexByte(name, '/'), 0)]
}

// below tells whether a dataset is another one or lies in it.
func below(name, top string) bool {
	rest, ok := strings.CutPrefix(name, top)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], "/@#"))
}

// Children lists all below a dataset in the order of zfs list: its snapshots, then
// what lies in it, each followed by its own.
func Children(m *sim.Machine, name string) []*state.Dataset {
	defer enter(m)()
	pool, d := find(m, name)
	if d == nil {
		return nil
	}
	return slices.DeleteFunc(subtree(pool, name), func(other *state.Dataset) bool { return other == d })
}

// subtree lists a dataset and all below it in order.
func subtree(pool *state.Pool, name string) []*state.Dataset {
	var list []*state.Dataset
	for _, d := range pool.Datasets {
		if below(d.Name, name) {
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, compare)
	return list
}

// compare orders datasets as zfs list does: by name, a file system before its
// snapshots, these by age, and its bookmarks last.
func compare(a, b *state.Dataset) int {
	nameA, restA := cutName(a.Name)
	nameB, restB := cutName(b.Name)
	kind := func(rest string) int { return strings.Index("@#", rest[:min(len(rest), 1)]) }
	return cmp.Or(
		strings.Compare(nameA, nameB), cmp.Compare(len(restA[:min(len(restA), 1)]), len(restB[:min(len(restB), 1)])),
		cmp.Compare(kind(restA), kind(restB)), cmp.Compare(a.TXG, b.TXG), strings.Compare(restA, restB),
	)
}

// cutName parts a name into that of the file system and the rest, with its @ or #.
func cutName(name string) (fs, rest string) {
	if end := strings.IndexAny(name, "@#"); end >= 0 {
		return name[:end], name[end:]
	}
	return name, ""
}

// snapshotsOf lists the snapshots of a dataset, the oldest first.
func snapshotsOf(pool *state.Pool, name string) []*state.Dataset {
	var list []*state.Dataset
	for _, d := range pool.Datasets {
		if d.Type == Snapshot && Parent(d.Name) == name {
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, compare)
	return list
}

// clonesOf lists the names of the datasets made from a snapshot.
func clonesOf(pool *state.Pool, snapshot string) []string {
	var names []string
	for _, d := range pool.Datasets {
		if d.Origin == snapshot && d.Type != Bookmark {
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	return names
}

// insert adds a dataset to a pool.
func insert(pool *state.Pool, d *state.Dataset) {
	pool.Datasets = append(pool.Datasets, d)
	slices.SortStableFunc(pool.Datasets, compare)
}

// nextTXG is the transaction group of what is being made. None comes twice, even if
// what was made in the last one is gone.
func nextTXG(pool *state.Pool) uint64 {
	for _, d := range pool.Datasets {
		pool.TXG = max(pool.TXG, d.TXG)
	}
	pool.TXG++
	return pool.TXG
}

// longestName is how long the name of a dataset may be.
const longestName = 255

// CheckName tells what is wrong with the name of a dataset of a type.
func CheckName(name, kind string) error {
	fs, rest := cutName(name)
	switch {
	case len(name) > longestName:
		return errors.New("name is too long")
	case strings.HasPrefix(name, "/"):
		return errors.New("leading slash in name")
	case strings.HasSuffix(name, "/"):
		return errors.New("trailing slash in name")
	case strings.Contains(fs, "//") || fs == "" || rest != "" && len(rest) == 1:
		return errors.New("empty component in name")
	case strings.ContainsAny(rest[min(len(rest), 1):], "@#"):
		return errors.New("multiple '@' and/or '#' delimiters in name")
	case kind == Snapshot && !strings.HasPrefix(rest, "@"):
		return errors.New("missing '@' delimiter in snapshot name")
	case kind == Bookmark && !strings.HasPrefix(rest, "#"):
		return errors.New("missing '#' delimiter in bookmark name")
	case kind != Snapshot && strings.HasPrefix(rest, "@"):
		return errors.New("snapshot delimiter '@' is not expected here")
	case kind != Bookmark && strings.HasPrefix(rest, "#"):
		return errors.New("bookmark delimiter '#' is not expected here")
	}
	return checkCharacters(fs, rest)
}

func checkCharacters(fs, rest string) error {
	for n, part := range append(strings.Split(fs, "/"), strings.TrimLeft(rest, "@#")) {
		if i := strings.IndexFunc(part, func(r rune) bool { return !namePattern.MatchString(string(r)) }); i >= 0 {
			return fmt.Errorf("invalid character '%c' in name", []rune(part[i:])[0])
		}
		if part == "." || part == ".." {
			return errors.New("self reference, '.' is found in name")
		}
		if n == 0 && !(part[0] >= 'a' && part[0] <= 'z' || part[0] >= 'A' && part[0] <= 'Z') {
			return errors.New("pool doesn't begin with a letter")
		}
	}
	return nil
}

// fsName is the file system or volume that a name belongs to.
func fsName(name string) string {
	fs, _ := cutName(name)
	return fs
}
