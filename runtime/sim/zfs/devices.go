package zfs

import (
	"errors"
	"slices"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// Reasons the kernel gives for refusing to change a pool's devices.
var (
	errNoDevice   = errors.New("no such device in pool")
	errNoReplicas = errors.New("no valid replicas")
	errSuspended  = errors.New("pool I/O is currently suspended")
	errReadOnly   = errors.New("pool is read-only")
	errCheckpoint = errors.New("checkpoint exists")
	errNotMirror  = errors.New("only applicable to mirror and replacing vdevs")
	errAttach     = errors.New("can only attach to mirrors and top-level disks")
	errTooSmall   = errors.New("device is too small")
	errReserved   = errors.New("device is reserved as a hot spare")
	errReplaced   = errors.New("already in replacing/spare config; wait for completion or use 'zpool detach'")
)

// writable tells why a pool cannot be changed.
func writable(m *sim.Machine, pool *state.Pool) error {
	switch {
	case poolState(m, pool) == Suspended:
		return errSuspended
	case pool.Properties["readonly"] == "on":
		return errReadOnly
	}
	return nil
}

// movable tells why the layout of a pool's devices cannot be changed.
func movable(m *sim.Machine, pool *state.Pool) error {
	if pool.Checkpoint != nil {
		return errCheckpoint
	}
	return writable(m, pool)
}

// leafFor is a leaf of a pool by name.
func leafFor(pool *state.Pool, name string) (*state.Vdev, error) {
	v := findVdev(pool, name)
	if v == nil || len(v.Children) > 0 {
		return nil, errNoDevice
	}
	return v, nil
}

// OfflineDevice stops using a device: until the next boot when temporary, or as
// if it were broken when faulted.
func OfflineDevice(m *sim.Machine, pool *state.Pool, name string, temporary, faulted bool) error {
	defer enter(m)()
	v, err := leafFor(pool, name)
	switch {
	case err != nil:
		return err
	case v.Class == "spare":
		return errReserved
	case v.State == Offline:
		return nil
	}
	was := v.State
	leave(m, pool, v, Offline)
	if faulted {
		v.State = Faulted
	}
	if v.Class != "cache" && v.Class != "log" && rootState(m, pool) == Unavail {
		v.State = was
		v.Left = 0
		return errNoReplicas
	}
	if temporary {
		v.Temporary = true
	}
	return nil
}

// OnlineDevice uses a device again, in its whole size when expand is set. It
// returns the state the device is in then.
func OnlineDevice(m *sim.Machine, pool *state.Pool, name string, expand bool) (string, error) {
	defer enter(m)()
	v, err := leafFor(pool, name)
	switch {
	case err != nil:
		return "", err
	case v.Class == "spare":
		return "", errReserved
	}
	if !present(m, v) {
		if v.State == Offline {
			v.State = ""
			settleDevices(m, pool)
		}
		return vdevState(m, v), nil
	}
	if v.State != "" {
		comeBack(m, pool, v)
		startResilver(m, pool)
	}
	if expand || pool.Properties["autoexpand"] == "on" {
		grow(m, pool, v)
	}
	return vdevState(m, v), nil
}

// grow takes all of a device that has become larger.
func grow(m *sim.Machine, pool *state.Pool, v *state.Vdev) {
	if d, ok := locate(m, v); ok && d.size > v.Size {
		v.Size = d.size
		resize(m, pool)
	}
}

// resize tells the file systems how large their pool is.
func resize(m *sim.Machine, pool *state.Pool) {
	for _, u := range m.Tree().Mounts() {
		if u.Pool == pool.Name {
			_ = m.Tree().Resize(u.Point, poolSize(pool)*100/inflation(pool))
			return
		}
	}
}

// Expandable is what a vdev's devices have grown by, in bytes.
func Expandable(m *sim.Machine, v *state.Vdev) int64 {
	defer enter(m)()
	return expandable(m, v)
}

func expandable(m *sim.Machine, v *state.Vdev) int64 {
	if len(v.Children) == 0 {
		d, ok := locate(m, v)
		if !ok || d.size <= v.Size {
			return 0
		}
		return max(metaslabs(d.size-labels)-metaslabs(v.Size-labels), 0)
	}
	least := expandable(m, v.Children[0])
	for _, c := range v.Children[1:] {
		least = min(least, expandable(m, c))
	}
	return least
}

// ClearErrors forgets the errors of a pool, or of one device, and takes up a pool
// again whose devices are back.
func ClearErrors(m *sim.Machine, pool *state.Pool, name string) error {
	defer enter(m)()
	only := findVdev(pool, name)
	if name != "" && only == nil {
		return errNoDevice
	}
	reopen(m, pool)
	eachVdev(pool, func(v *state.Vdev) {
		if only != nil && v != only && !contains(only, v) {
			return
		}
		v.Read, v.Write, v.Checksum = 0, 0, 0
		if v.State == Faulted && present(m, v) {
			comeBack(m, pool, v)
		}
	})
	startResilver(m, pool)
	if rootState(m, pool) == Unavail {
		return errors.New("I/O error")
	}
	pool.Suspended = false
	if name == "" && (pool.Scan == nil || pool.Scan.Errors == 0) {
		pool.Damaged = nil
	}
	return nil
}

// Reopen looks for devices anew (zpool reopen).
func Reopen(m *sim.Machine, pool *state.Pool) {
	defer enter(m)()
	reopen(m, pool)
	startResilver(m, pool)
}

// reopen takes devices back that are there again.
func reopen(m *sim.Machine, pool *state.Pool) {
	for _, v := range pool.Leaves() {
		if (v.State == Removed || v.State == Unavail) && present(m, v) {
			comeBack(m, pool, v)
		}
	}
}

// AttachDevice makes a device another copy of one that the pool has.
func AttachDevice(m *sim.Machine, pool *state.Pool, name, path string) error {
	defer enter(m)()
	if err := movable(m, pool); err != nil {
		return err
	}
	old, err := leafFor(pool, name)
	if err != nil {
		return err
	}
	up := parentOf(pool, old)
	if up != nil && up.Type != "mirror" || old.Class == "cache" || old.Class == "spare" {
		return errAttach
	}
	fresh, err := newLeaf(m, pool, old, path)
	if err != nil {
		return err
	}
	if up == nil {
		replaceVdev(pool, old, &state.Vdev{Type: "mirror", Class: old.Class, GUID: NewGUID(m, "mirror "+path), Since: m.Now(), Children: []*state.Vdev{old, fresh}})
		old.Class = ""
	} else {
		up.Children = append(up.Children, fresh)
	}
	startResilver(m, pool)
	return nil
}

// newLeaf labels a device that is to hold what another one holds.
func newLeaf(m *sim.Machine, pool *state.Pool, old *state.Vdev, path string) (*state.Vdev, error) {
	d, ok := findDevice(m, path)
	if !ok {
		return nil, errors.New("one or more devices is currently unavailable")
	}
	if metaslabs(d.size-labels) < metaslabs(old.Size-labels) {
		return nil, errTooSmall
	}
	fresh := &state.Vdev{Type: kindOf(d), Path: path, GUID: NewGUID(m, path+old.Path), Since: m.Now(), Untrimmed: true}
	d.take(fresh)
	fresh.Stale = max(share(m, pool, old), 1)
	return fresh, nil
}

func kindOf(d device) string {
	if d.isFile {
		return "file"
	}
	return "disk"
}

// share is how much of the pool's data a leaf holds.
func share(m *sim.Machine, pool *state.Pool, leaf *state.Vdev) int64 {
	top := leaf
	for up := parentOf(pool, top); up != nil; up = parentOf(pool, top) {
		top = up
	}
	size := poolSize(pool)
	if size == 0 || top.Class == "log" || top.Class == "cache" {
		return absent
	}
	part := int64(float64(allocated(m, pool)) * float64(vdevSize(top)) / float64(size))
	if n := len(top.Children); len(top.Type) > 5 && top.Type[:5] == "raidz" && n > 0 {
		return part / int64(n)
	}
	return part
}

// ReplaceDevice puts a device in the place of another, once it holds the same. A
// spare of the pool only steps in.
func ReplaceDevice(m *sim.Machine, pool *state.Pool, name, path string) error {
	defer enter(m)()
	if err := movable(m, pool); err != nil {
		return err
	}
	old, err := leafFor(pool, name)
	if err != nil {
		return err
	}
	kind := "replacing"
	if findSpare(pool, path) != nil {
		kind = "spare"
	}
	if up := parentOf(pool, old); up != nil && up.Type == "replacing" {
		return errReplaced
	}
	fresh, err := newLeaf(m, pool, old, path)
	if err != nil {
		return err
	}
	if old.Path == path && old.State == "" {
		leave(m, pool, old, Unavail) // its place is taken
	}
	group := &state.Vdev{Type: kind, Class: old.Class, GUID: NewGUID(m, kind+path), Since: m.Now(), Children: []*state.Vdev{old, fresh}}
	replaceVdev(pool, old, group)
	old.Class = ""
	startResilver(m, pool)
	return nil
}

// findSpare is a spare of the pool by its path.
func findSpare(pool *state.Pool, path string) *state.Vdev {
	i := slices.IndexFunc(pool.Vdevs, func(v *state.Vdev) bool { return v.Class == "spare" && v.Path == path })
	if i < 0 {
		return nil
	}
	return pool.Vdevs[i]
}

// SpareState is AVAIL or INUSE, or what keeps a spare from stepping in.
func SpareState(m *sim.Machine, pool *state.Pool, v *state.Vdev) string {
	defer enter(m)()
	for _, other := range pool.Leaves() {
		if other != v && other.Path == v.Path && other.Class != "spare" {
			return InUse
		}
	}
	if s := vdevState(m, v); s != Online {
		return s
	}
	return Available
}

// DetachDevice takes a device out of a mirror, or ends a replacement.
func DetachDevice(m *sim.Machine, pool *state.Pool, name string) error {
	defer enter(m)()
	if err := movable(m, pool); err != nil {
		return err
	}
	v := findVdev(pool, name)
	if v == nil {
		return errNoDevice
	}
	if v.Class == "spare" {
		v = inUse(pool, v)
	}
	up := parentOf(pool, v)
	if up == nil || up.Type != "mirror" && up.Type != "replacing" && up.Type != "spare" {
		return errNotMirror
	}
	if !slices.ContainsFunc(up.Children, func(c *state.Vdev) bool { return c != v && whole(m, c) }) {
		return errNoReplicas
	}
	dropVdev(pool, v)
	if up.Type == "spare" && len(up.Children) == 1 {
		stayed := up.Children[0]
		if spare := findSpare(pool, stayed.Path); spare != nil {
			dropVdev(pool, spare) // it has the place for good
		}
	}
	cancelResilver(m, pool)
	return nil
}

// inUse is where a spare stands in, or the spare itself.
func inUse(pool *state.Pool, spare *state.Vdev) *state.Vdev {
	for _, v := range pool.Leaves() {
		if v != spare && v.Path == spare.Path {
			return v
		}
	}
	return spare
}

// cancelResilver ends a resilver that has nothing left to do.
func cancelResilver(m *sim.Machine, pool *state.Pool) {
	if !scanning(pool.Scan, Resilver) || slices.ContainsFunc(pool.Leaves(), func(v *state.Vdev) bool { return v.Stale > 0 && v.State == "" }) {
		return
	}
	_, took, _ := progress(m, pool.Scan)
	pool.Scan.State, pool.Scan.Took, pool.Scan.End = Finished, took, m.Now()
}

// RemoveDevice takes a log, a cache, a spare or, where the pool knows how, a
// top-level data device out.
func RemoveDevice(m *sim.Machine, pool *state.Pool, name string) error {
	defer enter(m)()
	v := findVdev(pool, name)
	switch {
	case v == nil:
		return errNoDevice
	case v.Class == "spare" && inUse(pool, v) != v:
		return errors.New("Pool busy; removal may already be in progress")
	case v.Class == "spare" || v.Class == "cache":
		dropVdev(pool, v)
		return nil
	}
	if err := writable(m, pool); err != nil {
		return err
	}
	switch {
	case v.Class == "log" && parentOf(pool, v) == nil && pool.Version >= 19:
		dropVdev(pool, v)
		return nil
	case pool.Checkpoint != nil:
		return errCheckpoint
	case !enabled(pool, "device_removal"):
		return errors.New("only inactive hot spares, cache, or log devices can be removed")
	case parentOf(pool, v) != nil:
		return errors.New("operation not supported on this type of pool")
	}
	return evacuate(m, pool, v)
}

// evacuate copies a top-level device's data to the others.
func evacuate(m *sim.Machine, pool *state.Pool, v *state.Vdev) error {
	others := int64(0)
	for _, top := range topLevel(pool) {
		if len(top.Type) > 5 && top.Type[:5] == "raidz" {
			return errors.New("invalid config; all top-level vdevs must have the same sector size and not be raidz.")
		}
		if top != v && top.Class == "" {
			others += vdevSize(top)
		}
	}
	if others < allocated(m, pool) {
		return errors.New("out of space")
	}
	*v = state.Vdev{Type: "indirect", GUID: v.GUID, Removed: true, Since: v.Since}
	Activate(pool, "device_removal")
	Activate(pool, "obsolete_counts")
	resize(m, pool)
	return nil
}

// AddDevices gives a pool more top-level devices.
func AddDevices(m *sim.Machine, pool *state.Pool, vdevs []*state.Vdev) error {
	defer enter(m)()
	if err := writable(m, pool); err != nil {
		return err
	}
	if err := label(m, pool, vdevs); err != nil {
		return err
	}
	pool.Vdevs = append(pool.Vdevs, vdevs...)
	for _, v := range vdevs {
		if v.Class == "special" || v.Class == "dedup" {
			Activate(pool, "allocation_classes")
		}
	}
	resize(m, pool)
	return nil
}

// label writes a pool's labels to the devices of new vdevs and numbers them.
func label(m *sim.Machine, pool *state.Pool, vdevs []*state.Vdev) error {
	for _, v := range vdevs {
		v.GUID, v.Since = NewGUID(m, pool.Name+v.Type+v.Path), m.Now()
		if err := label(m, pool, v.Children); err != nil {
			return err
		}
		if len(v.Children) > 0 {
			v.GUID = NewGUID(m, pool.Name+v.Type+v.Children[0].Path)
			continue
		}
		d, ok := findDevice(m, v.Path)
		if !ok {
			return errors.New("one or more devices is currently unavailable")
		}
		if d.size < 64<<20 {
			return errors.New("one or more devices is less than the minimum size (64M)")
		}
		v.Type, v.Untrimmed = kindOf(d), true
		d.take(v)
	}
	return nil
}

// IsSpare tells whether a device is a spare of the pool.
func IsSpare(m *sim.Machine, pool *state.Pool, path string) bool {
	defer enter(m)()
	return findSpare(pool, path) != nil
}
