package zfs

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// checkpointOf is the name by which the tree keeps what the file systems of a pool
// held at its checkpoint. No dataset can have it.
func checkpointOf(pool *state.Pool) string { return fmt.Sprintf("%016x%%checkpoint", pool.GUID) }

// discardFiles forgets the files of a pool.
func discardFiles(m *sim.Machine, pool *state.Pool) {
	name := pool.Name
	if !pool.Imported {
		name = pool.KeptAs()
	}
	m.Tree().DiscardPool(name)
	dropCheckpoint(m, pool)
}

// forgetPools forgets the exported pools that no device has a label of.
func forgetPools(m *sim.Machine) {
	s := m.State()
	s.Pools = slices.DeleteFunc(s.Pools, func(p *state.Pool) bool {
		gone := !p.Imported && !anyLabel(m, p)
		if gone {
			discardFiles(m, p)
		}
		return gone
	})
}

// settleCheckpoint counts what a checkpoint keeps that the pool doesn't any more.
func settleCheckpoint(m *sim.Machine, pool *state.Pool) {
	if pool.Checkpoint != nil {
		pool.Checkpoint.Used = checkpointRecords + m.Tree().Only(checkpointOf(pool), pool.Name)
	}
}

// checkpointRecords is what a checkpoint takes at least.
const checkpointRecords = 75 << 10

// TakeCheckpoint notes a pool's state to go back to.
func TakeCheckpoint(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	switch {
	case writable(m, pool) != nil:
		return writable(m, pool)
	case !enabled(pool, "zpool_checkpoint"):
		return fmt.Errorf("operation not supported on this type of pool")
	case pool.Checkpoint != nil:
		return errCheckpoint
	}
	pool.Checkpoint = &state.Checkpoint{
		Created: m.Now().Truncate(time.Second), Used: checkpointRecords, Version: pool.Version,
		Features: maps.Clone(pool.Features), Properties: maps.Clone(pool.Properties), Datasets: copyDatasets(pool.Datasets),
	}
	m.Tree().CopyPool(pool.Name, checkpointOf(pool))
	Activate(pool, "zpool_checkpoint")
	return nil
}

// DiscardCheckpoint gives up the way back.
func DiscardCheckpoint(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	if pool.Checkpoint == nil {
		return fmt.Errorf("checkpoint does not exist")
	}
	dropCheckpoint(m, pool)
	pool.Features["zpool_checkpoint"] = "enabled"
	return nil
}

func dropCheckpoint(m *sim.Machine, pool *state.Pool) {
	m.Tree().DiscardPool(checkpointOf(pool))
	pool.Checkpoint = nil
}

// rewind takes a pool that is not imported back to its checkpoint, with its
// datasets and their files. The checkpoint is used up by it.
func rewind(m *sim.Machine, pool *state.Pool) error {
	c := pool.Checkpoint
	if c == nil {
		return fmt.Errorf("checkpoint does not exist")
	}
	m.Tree().DiscardPool(pool.KeptAs())
	m.Tree().RenamePool(checkpointOf(pool), pool.KeptAs())
	pool.Version, pool.Features, pool.Datasets, pool.Checkpoint = c.Version, c.Features, c.Datasets, nil
	if c.Properties != nil {
		pool.Properties = c.Properties
		for _, name := range ofImport {
			delete(pool.Properties, name)
		}
	}
	return nil
}

// copyDatasets copies datasets, as unmounted ones.
func copyDatasets(list []*state.Dataset) []*state.Dataset {
	twins := make([]*state.Dataset, 0, len(list))
	for _, d := range list {
		twin := *d
		twin.Mounted = false
		twin.Properties, twin.Received, twin.Holds = maps.Clone(d.Properties), maps.Clone(d.Received), maps.Clone(d.Holds)
		twins = append(twins, &twin)
	}
	return slices.Clip(twins)
}
