package zfs

import (
	"fmt"
	"slices"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// bench is a machine with a pool of one group of disks, in the states given: an
// empty one is a device that is there, "gone" one that isn't, "stale" one that has
// to be resilvered.
func bench(t *testing.T, group string, states ...string) (*sim.Machine, *state.Pool) {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-14.3-ufs"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	top := &state.Vdev{Type: group, GUID: 1}
	s := m.State()
	s.Lock()
	defer s.Unlock()
	for n, is := range states {
		v := &state.Vdev{Type: "disk", Path: fmt.Sprint("/dev/x", n), GUID: uint64(n + 2), Size: 1 << 30, State: is}
		switch is {
		case "gone":
			v.State = Unavail
		case "stale":
			v.State, v.Stale = "", 1
		}
		s.Disks = append(s.Disks, &state.Disk{Name: fmt.Sprint("x", n), Size: 1 << 30, Serial: fmt.Sprint("s", n), Gone: is == "gone"})
		top.Children = append(top.Children, v)
	}
	pool := &state.Pool{Name: "tank", Imported: true, Version: 28, Vdevs: []*state.Vdev{top}}
	s.Pools = append(s.Pools, pool)
	return m, pool
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		group       string
		states      []string
		vdev, whole string
	}{
		{"mirror", []string{"", ""}, Online, Online},
		{"mirror", []string{"", "gone"}, Degraded, Degraded},
		{"mirror", []string{"", Offline}, Degraded, Degraded},
		{"mirror", []string{"gone", Faulted}, Unavail, Suspended},
		{"mirror", []string{"", "stale"}, Online, Online},
		{"mirror", []string{"gone", "stale"}, Degraded, Suspended},
		{"raidz1", []string{"", "", ""}, Online, Online},
		{"raidz1", []string{"", "", "gone"}, Degraded, Degraded},
		{"raidz1", []string{"", "gone", Removed}, Unavail, Suspended},
		{"raidz1", []string{"", "stale", "gone"}, Degraded, Suspended},
		{"raidz2", []string{"", "", "gone", Offline}, Degraded, Degraded},
		{"raidz2", []string{"", "gone", "gone", Offline}, Unavail, Suspended},
		{"raidz3", []string{"", "gone", "gone", "gone"}, Degraded, Degraded},
	} {
		m, pool := bench(t, c.group, c.states...)
		if got := VdevState(m, pool.Vdevs[0]); got != c.vdev {
			t.Errorf("%s %q: %s, want %s", c.group, c.states, got, c.vdev)
		}
		if got := PoolState(m, pool); got != c.whole {
			t.Errorf("pool of %s %q: %s, want %s", c.group, c.states, got, c.whole)
		}
	}
}

// TestSize compares with what OpenZFS makes of a partition of 1056178176 bytes.
func TestSize(t *testing.T) {
	if got := metaslabs(1056178176 - labels); got != 960<<20 {
		t.Errorf("%d, want %d", got, 960<<20)
	}
}

// TestUpgradeActivates compares with what a recorded upgrade made active.
func TestUpgradeActivates(t *testing.T) {
	m, pool := bench(t, "mirror", "", "")
	done, err := Upgrade(m, pool, 0)
	if err != nil || done.From != 28 || done.To != FeatureFlags {
		t.Fatalf("%+v, %v", done, err)
	}
	var active []string
	for name, is := range pool.Features {
		if is == "active" {
			active = append(active, name)
		}
	}
	slices.Sort(active)
	want := []string{"embedded_data", "enabled_txg", "head_errlog", "hole_birth", "log_spacemap", "lz4_compress", "spacemap_histogram", "spacemap_v2"}
	if !slices.Equal(active, want) {
		t.Errorf("%q, want %q", active, want)
	}
}

// TestFeatures has every feature that a release knows described.
func TestFeatures(t *testing.T) {
	for _, r := range sim.Releases() {
		for _, name := range r.Features {
			if f, ok := FindFeature(name); !ok || f.Text == "" || f.GUID == "" {
				t.Errorf("%s of %s", name, r.Name)
			}
		}
	}
}

// TestMovedLabel has a device found by what it is when its name changes.
func TestMovedLabel(t *testing.T) {
	m, pool := bench(t, "mirror", "", "")
	Pools(m) // notes which devices there are
	if err := ExportPool(m, pool); err != nil {
		t.Fatal(err)
	}
	s := m.State()
	s.Lock()
	s.Disk("x1").Name = "y1"
	s.Unlock()
	if err := ImportPool(m, pool, Import{}); err != nil {
		t.Fatal(err)
	}
	if got := pool.Vdevs[0].Children[1]; got.Path != "/dev/y1" || PoolState(m, pool) != Online {
		t.Errorf("%s, %s", got.Path, PoolState(m, pool))
	}
	// Another disk in the place of one is not the pool's.
	s.Lock()
	s.Disk("y1").Serial = "other"
	s.Unlock()
	Booted(m)
	if PoolState(m, pool) != Degraded {
		t.Error("a blank disk was taken for the pool's")
	}
}
