package zfs

import (
	"hash/fnv"
	"math/bits"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// enter locks a machine's state and lets what time has brought happen: scans
// that have ended, devices that are gone. It returns what unlocks.
func enter(m *sim.Machine) (leave func()) {
	s := m.State()
	s.Lock()
	settle(m)
	return s.Unlock
}

// Pools lists the imported pools.
func Pools(m *sim.Machine) []*state.Pool {
	defer enter(m)()
	return imported(m)
}

func imported(m *sim.Machine) []*state.Pool {
	var list []*state.Pool
	for _, p := range m.State().Pools {
		if p.Imported {
			list = append(list, p)
		}
	}
	return list
}

// FindPool is an imported pool by name, nil when there is none.
func FindPool(m *sim.Machine, name string) *state.Pool {
	for _, p := range Pools(m) {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// PoolState is the health of a pool: ONLINE, DEGRADED, UNAVAIL, or SUSPENDED
// when its devices went away under it.
func PoolState(m *sim.Machine, pool *state.Pool) string {
	defer enter(m)()
	return poolState(m, pool)
}

func poolState(m *sim.Machine, pool *state.Pool) string {
	if pool.Suspended {
		return Suspended
	}
	return rootState(m, pool)
}

// Size is what a pool's data devices hold together, parity included, in bytes.
func Size(m *sim.Machine, pool *state.Pool) int64 {
	defer enter(m)()
	return poolSize(pool)
}

func poolSize(pool *state.Pool) int64 {
	var n int64
	for _, v := range pool.Vdevs {
		if v.Class == "" || v.Class == "special" || v.Class == "dedup" {
			n += vdevSize(v)
		}
	}
	return n
}

// VdevSize is the space of a vdev, in whole metaslabs, in bytes.
func VdevSize(m *sim.Machine, v *state.Vdev) int64 {
	defer enter(m)()
	return vdevSize(v)
}

func vdevSize(v *state.Vdev) int64 {
	if v.Removed {
		return 0
	}
	return metaslabs(rawSize(v))
}

// rawSize is the space of a vdev before it is cut into metaslabs.
func rawSize(v *state.Vdev) int64 {
	if len(v.Children) == 0 {
		return v.Size - labels
	}
	least := rawSize(v.Children[0])
	for _, c := range v.Children[1:] {
		least = min(least, rawSize(c))
	}
	if len(v.Type) > 5 && v.Type[:5] == "raidz" {
		return least * int64(len(v.Children))
	}
	return least
}

// labels is what a device keeps for four labels and a boot block.
const labels = 4<<20 + 512<<10

// metaslabs rounds down to whole metaslabs: of 512M, smaller on devices that had
// less than 16, and larger on those that had more than 200.
func metaslabs(size int64) int64 {
	const usual, least, most = 512 << 20, 16, 200
	one := int64(usual)
	switch {
	case size < least:
		return 0
	case size/one < least:
		one = 1 << bits.Len64(uint64(size/least))
	case size/one > most:
		one = 1 << bits.Len64(uint64(size/most))
	}
	return size / one * one
}

// overhead is what a pool's own records take.
const overhead = 240 << 10

// Allocated is what is taken of a pool, in bytes.
func Allocated(m *sim.Machine, pool *state.Pool) int64 {
	defer enter(m)()
	return allocated(m, pool)
}

func allocated(m *sim.Machine, pool *state.Pool) int64 {
	used := overhead + m.Tree().PoolUsed(pool.Name)
	if pool.Checkpoint != nil {
		used += pool.Checkpoint.Used
	}
	for _, d := range pool.Datasets {
		if d.Type != Snapshot && d.Type != Bookmark {
			used += ownRecords
			if d.Origin == "" {
				used += d.Written
			}
		}
	}
	return min(used*inflation(pool)/100, poolSize(pool))
}

// inflation is how much of the devices a byte of data takes, in percent: raidz
// counts its parity.
func inflation(pool *state.Pool) int64 {
	for _, v := range pool.Vdevs {
		if n := len(v.Children); v.Class == "" && n > 0 && len(v.Type) > 5 && v.Type[:5] == "raidz" {
			return int64(100 * n / (n - parity(v)))
		}
	}
	return 100
}

// Free is what is left of a pool, in bytes.
func Free(m *sim.Machine, pool *state.Pool) int64 {
	defer enter(m)()
	return poolSize(pool) - allocated(m, pool)
}

// Fragmentation is how broken up a pool's free space is, in percent.
func Fragmentation(m *sim.Machine, pool *state.Pool) int64 {
	defer enter(m)()
	if size := poolSize(pool); size > 0 {
		return allocated(m, pool) * 30 / size
	}
	return 0
}

// NewGUID derives a steady 64-bit identifier.
func NewGUID(m *sim.Machine, of string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(m.Name + "\x00" + of + "\x00" + m.Now().String()))
	return h.Sum64()
}
