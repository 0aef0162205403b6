package zfs

import (
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// leave notes that a leaf stops getting what is written.
func leave(m *sim.Machine, pool *state.Pool, v *state.Vdev, s string) {
	v.State, v.Left = s, allocated(m, pool)
}

// absent is what a device lacks at least that was away: what a transaction group
// writes.
const absent = 24 << 10

// comeBack lets a leaf take part again; it lacks what was written meanwhile.
func comeBack(m *sim.Machine, pool *state.Pool, v *state.Vdev) {
	if v.Left > 0 {
		v.Stale += absent + max(allocated(m, pool)-v.Left, 0)
	}
	v.State, v.Left, v.Temporary = "", 0, false
}
