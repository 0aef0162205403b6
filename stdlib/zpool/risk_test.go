package zpool_test

import (
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/stdlib/zpool"
	"bsdrun/tests/answers"
)

// TestGrowShrinkAndSplit does what changes a pool for good, and looks at the
// risk that it declares.
func TestGrowShrinkAndSplit(t *testing.T) {
	h, _, ctx := host(t, "freebsd-14.3-zfs-mirror-uefi")
	risk := func(what string, want effect.Risk) {
		t.Helper()
		if h.Last.Risk != want || (h.Last.Note == "") != (want == effect.Safe) {
			t.Errorf("%s: risk %v, note %q", what, h.Last.Risk, h.Last.Note)
		}
	}
	twice(t, h, "create", func() (zpool.Changed, error) {
		return zpool.Create(ctx, h, zpool.CreateArgs{Pool: "tank", Devices: []string{"da0"}, Mountpoint: "none"})
	})
	twice(t, h, "add", func() (zpool.Changed, error) {
		return zpool.Add(ctx, h, zpool.AddArgs{Pool: "tank", Devices: []string{"cache", "da1"}})
	})
	risk("add", effect.Irreversible)
	s, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "tank"})
	if err != nil || len(s.Vdevs) != 2 || s.Vdevs[1].Name != "da1" || s.Vdevs[1].Class != "cache" || !s.Healthy {
		t.Errorf("with a cache: %+v %v", s, err)
	}
	twice(t, h, "remove", func() (zpool.Changed, error) {
		return zpool.Remove(ctx, h, zpool.RemoveArgs{Pool: "tank", Devices: []string{"da1"}})
	})
	risk("remove", effect.Disruptive)
	if _, err := zpool.Split(ctx, h, zpool.SplitArgs{Pool: "tank", New: "copy"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("a pool without mirrors: %v", err)
	}
	twice(t, h, "attach", func() (zpool.Changed, error) {
		return zpool.Attach(ctx, h, zpool.AttachArgs{Pool: "tank", Device: "da0", New: "da1"})
	})
	risk("attach", effect.Safe)
	if _, err := zpool.Wait(ctx, h, zpool.WaitArgs{Pool: "tank"}); err != nil {
		t.Fatal(err)
	}
	if done, err := zpool.Split(ctx, h, zpool.SplitArgs{Pool: "tank", New: "copy"}); err != nil || !done.Changed {
		t.Errorf("split: %+v %v", done, err)
	}
	risk("split", effect.Irreversible)
	if found, err := zpool.Importable(ctx, h, zpool.ImportableArgs{}); err != nil || len(found) != 1 || found[0].Name != "copy" || leafNames(found[0]) != "da1" {
		t.Errorf("what was split off: %+v %v", found, err)
	}
	if done, err := zpool.Labelclear(ctx, h, zpool.LabelclearArgs{Device: "/dev/da1", Force: true}); err != nil || !done.Changed {
		t.Errorf("labelclear: %+v %v", done, err)
	}
	risk("labelclear", effect.Irreversible)
	if found, err := zpool.Importable(ctx, h, zpool.ImportableArgs{}); err != nil || len(found) != 0 {
		t.Errorf("after labelclear: %+v %v", found, err)
	}
	if _, err := zpool.Import(ctx, h, zpool.ImportArgs{Pool: "copy"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a pool that is gone: %v", err)
	}
	if done, err := zpool.Replace(ctx, h, zpool.ReplaceArgs{Pool: "tank", Device: "da0", New: "da2", Force: true}); err != nil || !done.Changed {
		t.Errorf("replace: %+v %v", done, err)
	}
	risk("replace with force", effect.Irreversible)
}

// TestCheckModeChangesNothing: what would change is exact, since it is read.
func TestCheckModeChangesNothing(t *testing.T) {
	h, _, ctx := host(t, "freebsd-13.5-zfs-mirror")
	checked := effect.Chain(h, layer.Check())
	for what, f := range map[string]func() (zpool.Changed, error){
		"create": func() (zpool.Changed, error) {
			return zpool.Create(ctx, checked, zpool.CreateArgs{Pool: "tank", Devices: []string{"da0"}})
		},
		"offline": func() (zpool.Changed, error) {
			return zpool.Offline(ctx, checked, zpool.OfflineArgs{Pool: "zroot", Devices: []string{"ada1p3"}})
		},
	} {
		if done, err := f(); err != nil || !done.Changed {
			t.Errorf("%s: %+v %v", what, done, err)
		}
	}
	// A reader of what was not changed does not guess.
	if _, err := zpool.StatusOf(ctx, checked, zpool.StatusArgs{Pool: "zroot"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("status after a skipped change: %v", err)
	}
	s, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "zroot"})
	if err != nil || !s.Healthy || h.Changes != 0 {
		t.Errorf("the host itself: %+v %v, %d changes", s, err, h.Changes)
	}
}

func TestTrimAndEvents(t *testing.T) {
	h, _, ctx := host(t, "freebsd-14.3-zfs-mirror-uefi")
	if done, err := zpool.Trim(ctx, h, zpool.TrimArgs{Pool: "zroot"}); err != nil || !done.Changed {
		t.Errorf("trim: %+v %v", done, err)
	}
	if _, err := zpool.Trim(ctx, h, zpool.TrimArgs{Pool: "zroot", Stop: true, Suspend: true}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("trim stopped and suspended: %v", err)
	}
	if events, err := zpool.Events(ctx, h, zpool.EventsArgs{Last: 3}); err != nil || len(events) > 3 {
		t.Errorf("events: %+v %v", events, err)
	}
	old, _, ctx := host(t, "freebsd-8.2-zfs-mirror")
	if _, err := zpool.Events(ctx, old, zpool.EventsArgs{}); effect.KindOf(err) != effect.Failed {
		t.Errorf("events of FreeBSD 8: %v", err)
	}
	if _, err := zpool.MakeCheckpoint(ctx, old, zpool.CheckpointArgs{Pool: "zroot"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("a checkpoint on FreeBSD 8: %v", err)
	}
}

func TestWaitGivesUp(t *testing.T) {
	h := answers.New(t)
	h.Says("zpool status tank", "  pool: tank\n state: ONLINE\n scrub: scrub in progress for 0h1m, 10.00% done, 0h9m to go\nconfig:\n\n"+
		"\tNAME    STATE     READ WRITE CKSUM\n\ttank    ONLINE       0     0     0\n\t  ada1  ONLINE       0     0     0\n\nerrors: No known data errors\n")
	wait := zpool.WaitArgs{Pool: "tank", Within: time.Millisecond}
	_, err := zpool.Wait(t.Context(), h, wait)
	if effect.KindOf(err) != effect.Timeout || !strings.Contains(err.Error(), "tank: not done within 1ms: scrub") {
		t.Errorf("got %v", err)
	}
	wait.Activities = []string{"resilver"}
	if s, err := zpool.Wait(t.Context(), h, wait); err != nil || s.Scan.Done != 10 {
		t.Errorf("nothing resilvers: %+v %v", s, err)
	}
}

func TestOnlineOfABrokenDevice(t *testing.T) {
	h := answers.New(t)
	h.Says("zpool status tank", "  pool: tank\n state: DEGRADED\nconfig:\n\n\tNAME        STATE     READ WRITE CKSUM\n\ttank        DEGRADED     0     0     0\n"+
		"\t  mirror-0  DEGRADED     0     0     0\n\t    ada1    ONLINE       0     0     0\n\t    123456  UNAVAIL      0     0     0  was /dev/ada2\n\nerrors: No known data errors\n")
	h.Fails("zpool online tank ada2", answers.Answer{Out: "warning: device 'ada2' onlined, but remains in faulted state\nuse 'zpool replace' to replace devices that are no longer present\n"})
	done, err := zpool.Online(t.Context(), h, zpool.OnlineArgs{Pool: "tank", Devices: []string{"ada2"}})
	if e := effect.AsError(err); e == nil || e.Kind != effect.Failed || !strings.Contains(e.Hint, "h.zpool.replace") || !done.Changed {
		t.Errorf("%+v %v", done, err)
	}
}
