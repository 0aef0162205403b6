package zfs

import (
	"strconv"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// Usage is the space of a dataset, in bytes.
type Usage struct {
	Used             int64
	Available        int64 // 0 for snapshots
	Referenced       int64
	BySnapshots      int64
	ByDataset        int64
	ByChildren       int64
	ByRefReservation int64
	Written          int64 // since the snapshot before
}

// ownRecords is what a dataset's own records take.
const ownRecords = 24 << 10

// Used counts the space of a dataset.
func Used(m *sim.Machine, d *state.Dataset) Usage {
	defer enter(m)()
	pool := importedPool(m, d.Name)
	if pool == nil || d.Type == Bookmark {
		return Usage{}
	}
	u := taken(m, pool, d)
	if d.Type != Snapshot {
		u.Available = available(m, pool, d, u)
	}
	return u
}

// taken counts what a dataset takes.
func taken(m *sim.Machine, pool *state.Pool, d *state.Dataset) Usage {
	space := m.Tree().Space(d.Name)
	u := Usage{Referenced: space.Referenced + ownRecords + d.Written, Written: space.Fresh}
	if d.Type == Snapshot {
		u.Used = space.Unique
		return u
	}
	own := breakdown(m, pool, d)
	u.ByDataset, u.BySnapshots = own.ByDataset, own.BySnapshots
	u.ByRefReservation = max(number(d.Properties["refreservation"])-u.Referenced, 0)
	u.ByChildren = childrenUsed(m, pool, d)
	if d.Name == pool.Name {
		u.ByChildren += overhead
	}
	u.Used = u.ByDataset + u.BySnapshots + u.ByRefReservation + u.ByChildren
	if len(snapshotsOf(pool, d.Name)) == 0 && d.Origin == "" {
		u.Written = u.Referenced
	}
	return u
}

// breakdown counts what a dataset holds by itself and what only its snapshots
// still hold.
func breakdown(m *sim.Machine, pool *state.Pool, d *state.Dataset) Usage {
	tree := m.Tree()
	live := tree.Space(d.Name)
	total, own := live.Fresh, live.Referenced
	for _, s := range snapshotsOf(pool, d.Name) {
		total += tree.Space(s.Name).Fresh
	}
	if d.Origin != "" {
		own = tree.Beyond(d.Name, d.Origin)
	} else {
		own += d.Written
		total += d.Written
	}
	return Usage{ByDataset: own + ownRecords, BySnapshots: max(total-own, 0)}
}

// childrenUsed is what the datasets below one take, or have reserved.
func childrenUsed(m *sim.Machine, pool *state.Pool, d *state.Dataset) int64 {
	var n int64
	for _, other := range pool.Datasets {
		if other.Type != Snapshot && other.Type != Bookmark && other != d && Parent(other.Name) == d.Name {
			n += max(taken(m, pool, other).Used, number(other.Properties["reservation"]))
		}
	}
	return n
}

// usable is what file systems of a pool may take together: what is kept back for
// the pool's own needs is not in it.
func usable(m *sim.Machine, pool *state.Pool) int64 {
	for _, u := range m.Tree().Mounts() {
		if u.Pool == pool.Name && u.Type == "zfs" && u.Size > 0 {
			return u.Size
		}
	}
	return sim.PoolUsable(poolSize(pool) * 100 / inflation(pool))
}

// available is what can still be written to a dataset: what the pool has left, or
// the quota of it or of one above it allows.
func available(m *sim.Machine, pool *state.Pool, d *state.Dataset, u Usage) int64 {
	free := usable(m, pool) - m.Tree().PoolUsed(pool.Name) - unfilled(m, pool)
	for name := d.Name; name != ""; name = Parent(name) {
		above := pool.Find(name)
		if above == nil {
			break
		}
		full := u.Used
		if above != d {
			full = taken(m, pool, above).Used
		}
		if q := number(above.Properties["quota"]); q > 0 {
			free = min(free, q-full)
		}
		free += max(number(above.Properties["reservation"])-full, 0)
	}
	if q := number(d.Properties["refquota"]); q > 0 {
		free = min(free, q-u.Referenced)
	}
	return max(free+u.ByRefReservation, 0)
}

// unfilled is what is reserved in a pool and not taken yet.
func unfilled(m *sim.Machine, pool *state.Pool) int64 {
	var n int64
	for _, d := range pool.Datasets {
		if r := number(d.Properties["refreservation"]); r > 0 {
			n += max(r-m.Tree().Space(d.Name).Referenced-ownRecords, 0)
		}
		if r := number(d.Properties["reservation"]); r > 0 {
			n += max(r-taken(m, pool, d).Used, 0)
		}
	}
	return n
}

// quota is what a mounted file system may hold, 0 without a limit.
func quota(pool *state.Pool, name string) int64 {
	var least int64
	limit := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	if d := pool.Find(name); d != nil {
		limit(number(d.Properties["refquota"]))
	}
	for ; name != ""; name = Parent(name) {
		if d := pool.Find(name); d != nil {
			limit(number(d.Properties["quota"]))
		}
	}
	return least
}

// number is a size as a property holds it; 0 for none.
func number(value string) int64 {
	n, _ := strconv.ParseInt(value, 10, 64)
	return n
}
