package zfs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// What a scan does, and how far it has come.
const (
	Scrub    = "SCRUB"
	Resilver = "RESILVER"
	Trim     = "TRIM"

	Scanning = "SCANNING"
	Paused   = "PAUSED"
	Finished = "FINISHED"
	Canceled = "CANCELED"
)

// RateParam is the machine's parameter that says how many bytes a second scrubs
// and resilvers get through: scan-rate=10M.
const RateParam = "scan-rate"

// usualRate is that of a plain hard disk.
const usualRate = 150 << 20

// blockSize is the size of the blocks that data is counted in.
const blockSize = 128 << 10

// Rate is how many bytes a second scans get through.
func Rate(m *sim.Machine) int64 {
	if v := m.Params.Get(RateParam); v != "" {
		if n, err := sim.ParseSize(v); err == nil && n > 0 {
			return n
		}
	}
	return usualRate
}

// duration is how long a scan of so many bytes runs, in whole seconds: the
// kernel counts in those.
func duration(m *sim.Machine, total int64) time.Duration {
	seconds := (total + Rate(m) - 1) / Rate(m)
	return time.Duration(max(seconds, 1)) * time.Second
}

// Progress is how much of a scan is done, in bytes, how long it has run and how
// long it still takes.
func Progress(m *sim.Machine, scan *state.Scan) (done int64, took, left time.Duration) {
	defer enter(m)()
	return progress(m, scan)
}

func progress(m *sim.Machine, scan *state.Scan) (done int64, took, left time.Duration) {
	whole := duration(m, scan.Total)
	switch scan.State {
	case Scanning:
		left = min(scan.End.Sub(m.Now()), whole)
		took = whole - left
	case Paused:
		took = min(scan.Took, whole)
		left = whole - took
	default:
		return scan.Total, scan.Took, 0
	}
	return int64(float64(scan.Total) * float64(took) / float64(whole)), took, left
}

// Scanning tells whether a scan is under way or paused.
func scanning(scan *state.Scan, function string) bool {
	return scan != nil && scan.Function == function && (scan.State == Scanning || scan.State == Paused)
}

// startScan begins a scan of so many bytes.
func startScan(m *sim.Machine, function string, total int64) *state.Scan {
	now := m.Now()
	return &state.Scan{Function: function, State: Scanning, Start: now, End: now.Add(duration(m, total)), Total: total}
}

// ErrScrubbing and ErrPaused refuse what a scrub under way, or a paused one, has
// no use for.
var (
	ErrScrubbing = errors.New("currently scrubbing")
	ErrPaused    = errors.New("scrub is paused; unpause with 'zpool scrub'")
)

// StartScrub begins a scrub, or continues a paused one.
func StartScrub(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	scan := pool.Scan
	switch {
	case scanning(scan, Resilver):
		return fmt.Errorf("currently resilvering")
	case scanning(scan, Scrub) && scan.State == Scanning:
		return ErrScrubbing
	case scanning(scan, Scrub):
		scan.State, scan.End = Scanning, m.Now().Add(duration(m, scan.Total)-scan.Took)
		return nil
	}
	eachVdev(pool, func(v *state.Vdev) { v.Processed = 0 })
	pool.Scan = startScan(m, Scrub, allocated(m, pool))
	return nil
}

// PauseScrub halts a scrub until it is started again.
func PauseScrub(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	if !scanning(pool.Scan, Scrub) {
		return fmt.Errorf("there is no active scrub")
	}
	if pool.Scan.State == Paused {
		return ErrPaused
	}
	_, took, _ := progress(m, pool.Scan)
	pool.Scan.State, pool.Scan.Took, pool.Scan.End = Paused, took, m.Now()
	return nil
}

// StopScrub ends a scrub early.
func StopScrub(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	if !scanning(pool.Scan, Scrub) {
		return fmt.Errorf("there is no active scrub")
	}
	_, took, _ := progress(m, pool.Scan)
	pool.Scan.State, pool.Scan.Took, pool.Scan.End = Canceled, took, m.Now()
	return nil
}

// startResilver rebuilds what the pool's devices lack; a scrub gives way to it.
func startResilver(m *sim.Machine, pool *state.Pool) {
	var lack int64
	for _, v := range pool.Leaves() {
		v.Processed = 0
		if Readable(vdevState(m, v)) {
			lack = max(lack, v.Stale)
		}
	}
	if lack > 0 {
		pool.Scan = startScan(m, Resilver, lack)
	}
}

// RestartResilver begins a resilver anew (zpool resilver).
func RestartResilver(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	if !enabled(pool, "resilver_defer") {
		return fmt.Errorf("operation not supported on this type of pool")
	}
	startResilver(m, pool)
	return nil
}

// StartTrim tells the pool's devices which blocks are free.
func StartTrim(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	if scanning(pool.Trim, Trim) {
		return fmt.Errorf("already trimming")
	}
	pool.Trim = startScan(m, Trim, (poolSize(pool)-allocated(m, pool))/64)
	return nil
}

// StopTrim suspends a trim, or gives it up.
func StopTrim(m *sim.Machine, pool *state.Pool, how string) error {
	defer enter(m)()
	if !scanning(pool.Trim, Trim) {
		return fmt.Errorf("there is no active trim")
	}
	_, took, _ := progress(m, pool.Trim)
	pool.Trim.State, pool.Trim.Took, pool.Trim.End = how, took, m.Now()
	return nil
}

// Busy tells whether an activity of the pool goes on, by the names zpool wait
// gives them, and when it ends by itself. What is paused does not go on.
func Busy(m *sim.Machine, pool *state.Pool, activity string) (bool, time.Time) {
	defer enter(m)()
	scan, function := pool.Scan, ""
	switch activity {
	case "scrub":
		function = Scrub
	case "resilver":
		function = Resilver
	case "replace":
		replacing := false
		eachVdev(pool, func(v *state.Vdev) {
			replacing = replacing || v.Type == "replacing" || v.Type == "spare" && !whole(m, v)
		})
		if !replacing {
			return false, time.Time{}
		}
		function = Resilver
	case "trim":
		scan, function = pool.Trim, Trim
	}
	if function == "" || !scanning(scan, function) || scan.State == Paused {
		return false, time.Time{}
	}
	return true, scan.End
}

// settle brings a machine's pools up to its time.
func settle(m *sim.Machine) {
	for _, pool := range m.State().Pools {
		if pool.Imported {
			settleDevices(m, pool)
			settleScan(m, pool)
			settleCheckpoint(m, pool)
		}
	}
}

// settleDevices notes which devices are there for the first time, and which went
// away under the pool. One without which it cannot go on misses nothing: nothing
// is written from then on.
func settleDevices(m *sim.Machine, pool *state.Pool) {
	var gone []*state.Vdev
	for _, v := range pool.Leaves() {
		d, ok := locate(m, v)
		switch {
		case ok && d.intact() && v.Device == "" && d.id != "":
			v.Device = d.id
		case !ok && v.State == "" && !v.Removed:
			leave(m, pool, v, Removed)
			gone = append(gone, v)
		}
	}
	if pool.Suspended || rootState(m, pool) != Unavail {
		return
	}
	pool.Suspended = true
	for _, v := range gone {
		v.Left = 0
	}
}

// settleScan ends the scans whose time has come.
func settleScan(m *sim.Machine, pool *state.Pool) {
	now := m.Now()
	if t := pool.Trim; t != nil && t.State == Scanning && !now.Before(t.End) {
		t.State, t.Took = Finished, duration(m, t.Total)
		for _, v := range pool.Leaves() {
			v.Untrimmed = false
		}
	}
	scan := pool.Scan
	if scan == nil || scan.State != Scanning || now.Before(scan.End) || pool.Suspended {
		return
	}
	scan.State, scan.Took = Finished, duration(m, scan.Total)
	if scan.Function == Resilver {
		rebuild(m, pool)
		finishReplacing(m, pool)
		return
	}
	verify(m, pool)
}

// rebuild gives the leaves that can be written what they lack. What is wrong on
// the only device that has it is lost on them, too.
func rebuild(m *sim.Machine, pool *state.Pool) {
	lost := int64(0)
	for _, v := range pool.Leaves() {
		if v.Damage > 0 && Readable(vdevState(m, v)) && !copies(m, pool, v) {
			lost += v.Damage
			v.Checksum += blocks(v.Damage)
		}
	}
	for _, v := range pool.Leaves() {
		if v.Stale == 0 || !Readable(vdevState(m, v)) {
			continue
		}
		v.Processed += v.Stale
		pool.Scan.Repaired += v.Stale
		if lost > 0 && v.Stale >= lost {
			v.Damage += lost
			pool.Scan.Errors += blocks(lost)
		}
		v.Stale = 0
	}
}

// blocks is how many blocks some data is kept in.
func blocks(bytes int64) int64 { return (bytes + blockSize - 1) / blockSize }

// verify reads everything: what another copy has right is repaired, the rest is
// lost.
func verify(m *sim.Machine, pool *state.Pool) {
	for _, v := range pool.Leaves() {
		if v.Damage == 0 || !Readable(vdevState(m, v)) {
			continue
		}
		v.Checksum += blocks(v.Damage)
		if !copies(m, pool, v) {
			pool.Scan.Errors += blocks(v.Damage)
			continue
		}
		pool.Scan.Repaired += v.Damage
		v.Processed += v.Damage
		v.Damage = 0
	}
	pool.Scan.Errors += int64(len(pool.Damaged))
}

// copies tells whether a leaf's data can be had without it.
func copies(m *sim.Machine, pool *state.Pool, v *state.Vdev) bool {
	for up := parentOf(pool, v); up != nil; up = parentOf(pool, up) {
		sound := 0
		for _, c := range up.Children {
			if c != v && !contains(c, v) && whole(m, c) && undamaged(c) {
				sound++
			}
		}
		if sound >= len(up.Children)-parity(up) {
			return true
		}
	}
	return false
}

func contains(group, v *state.Vdev) bool {
	return slices.ContainsFunc(group.Children, func(c *state.Vdev) bool { return c == v || contains(c, v) })
}

func undamaged(v *state.Vdev) bool {
	return v.Damage == 0 && !slices.ContainsFunc(v.Children, func(c *state.Vdev) bool { return !undamaged(c) })
}

// finishReplacing lets new devices take the places of those they replace.
func finishReplacing(m *sim.Machine, pool *state.Pool) {
	var done []*state.Vdev
	eachVdev(pool, func(v *state.Vdev) {
		if v.Type == "replacing" && whole(m, v.Children[len(v.Children)-1]) {
			done = append(done, v)
		}
	})
	for _, v := range done {
		fresh := v.Children[len(v.Children)-1]
		fresh.Class = v.Class
		replaceVdev(pool, v, fresh)
	}
}
