package image_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/image"
	"bsdrun/stdlib/image/imagesim"
	"bsdrun/stdlib/libvirt/libvirtsim"
	"bsdrun/tests/onsim"
)

const vm = "/var/lib/libvirt/images/"

// host is a simulated machine with qemu-img and the images of libvirtsim.
func host(t *testing.T, params url.Values) (context.Context, *onsim.Count, *sim.Machine) {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(append(base.Tools(), libvirtsim.Tools()...), imagesim.Tools()...), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"libvirt-clients", "qemu-utils"} {
		if err := m.InstallPackage(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := libvirtsim.Seed(m); err != nil {
		t.Fatal(err)
	}
	return clock.With(t.Context(), m.Clock()), &onsim.Count{Doer: onsim.As(t, m, "root")}, m
}

func TestLook(t *testing.T) {
	ctx, h, m := host(t, nil)
	i, err := image.InfoOf(ctx, h, image.Args{Path: vm + "db.qcow2"})
	if err != nil || len(i.Chain) != 3 || i.Chain[2].Path != vm+"golden.qcow2" || i.VirtualSize != 16<<30 || i.Backing != "db-base.qcow2" || i.BackingPath != vm+"db-base.qcow2" {
		t.Errorf("%+v %v", i, err)
	}
	e, err := image.ExtentsOf(ctx, h, image.ExtentsArgs{Args: image.Args{Path: vm + "db.qcow2"}})
	if err != nil || e.Size != 16<<30 || e.Data != 6*64<<10 || len(e.Extents) != 12 {
		t.Errorf("%+v %v", e, err)
	}
	e.Extents = []image.Extent{}
	totals, err := image.ExtentsOf(ctx, h, image.ExtentsArgs{Args: image.Args{Path: vm + "db.qcow2"}, Totals: true})
	if diff := cmp.Diff(e, totals); diff != "" || err != nil {
		t.Error(diff, err)
	}
	s, err := image.SizeOf(ctx, h, image.Args{Path: vm + "old.img"})
	if err != nil || s != (image.Size{Virtual: 8 << 30, Actual: 3 * 64 << 10}) {
		t.Errorf("%+v %v", s, err)
	}
	if i, err = image.InfoOf(ctx, h, image.Args{Path: vm + "lab.qcow2"}); err != nil || len(i.Snapshots) != 1 || i.Snapshots[0].Name != "before upgrade" {
		t.Errorf("%+v %v", i, err)
	}
	if i, err = image.InfoOf(ctx, h, image.Args{Path: vm + "lab.qcow2", Format: "raw"}); err != nil || i.Format != "raw" {
		t.Errorf("as raw: %+v %v", i, err)
	}
	for path, want := range map[string]effect.ErrKind{vm + "nosuch": effect.Missing, "lab.qcow2": effect.Invalid, "nbd:x": effect.Invalid, "": effect.Invalid} {
		if _, err := image.InfoOf(ctx, h, image.Args{Path: path}); effect.KindOf(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	onsim.Exec(t, m, "rm "+vm+"golden.qcow2")
	for _, look := range []func() error{
		func() error { _, err := image.InfoOf(ctx, h, image.Args{Path: vm + "db.qcow2"}); return err },
		func() error {
			_, err := image.ExtentsOf(ctx, h, image.ExtentsArgs{Args: image.Args{Path: vm + "db.qcow2"}})
			return err
		},
	} {
		if err := look(); effect.KindOf(err) != effect.Missing || !strings.Contains(err.Error(), "golden.qcow2") {
			t.Errorf("without its base: %v", err)
		}
	}
}

func TestRunningMachine(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "virsh start 'mail server'")
	a := image.Args{Path: vm + "mail server.qcow2"}
	_, err := image.InfoOf(ctx, h, a)
	if e := effect.AsError(err); e == nil || e.Kind != effect.Failed || !strings.Contains(e.Hint, "shut it down") {
		t.Errorf("%v", err)
	}
	if _, err := image.ToRaw(ctx, h, image.ToRawArgs{From: a.Path, To: "/var/tmp/x.raw"}); effect.KindOf(err) != effect.Failed || h.Changes != 0 {
		t.Errorf("%v", err)
	}
	a.ForceShare = true
	if i, err := image.InfoOf(ctx, h, a); err != nil || i.VirtualSize != 12<<30 {
		t.Errorf("%+v %v", i, err)
	}
	raw, err := image.ToRaw(ctx, h, image.ToRawArgs{From: a.Path, To: "/var/tmp/x.raw", ForceShare: true})
	if err != nil || raw.Verified || !raw.Changed {
		t.Errorf("%+v %v", raw, err)
	}
}

func TestToRaw(t *testing.T) {
	ctx, h, m := host(t, nil)
	make := image.ToRawArgs{From: vm + "db.qcow2", To: "/var/tmp/db copy.raw"}
	raw, err := image.ToRaw(ctx, h, make)
	if err != nil || !raw.Changed || !raw.Verified || raw.VirtualSize != 16<<30 || raw.ActualSize > 1<<20 || raw.ActualSize < 6*64<<10 {
		t.Fatalf("%+v %v", raw, err)
	}
	if out := onsim.Exec(t, m, "cd /var/tmp; qemu-img compare "+vm+"db.qcow2 'db copy.raw'; ls -a | grep db; stat -f %Lp 'db copy.raw'"); out != "Images are identical.\n.db copy.raw.bsdrun\ndb copy.raw\n600\n" {
		t.Errorf("%q", out)
	}
	changes := h.Changes
	if raw, err = image.ToRaw(ctx, h, make); err != nil || raw.Changed || !raw.Verified || h.Changes != changes {
		t.Errorf("a second time: %+v %v", raw, err)
	}
	// A change of any image of the chain makes it old.
	onsim.Exec(t, m, "sleep 2; touch "+vm+"golden.qcow2")
	if raw, err = image.ToRaw(ctx, h, make); err != nil || !raw.Changed {
		t.Errorf("with another base: %+v %v", raw, err)
	}
	onsim.Exec(t, m, "echo x >>'/var/tmp/db copy.raw'")
	if raw, err = image.ToRaw(ctx, h, make); err != nil || !raw.Changed || raw.VirtualSize != 16<<30 {
		t.Errorf("with a damaged copy: %+v %v", raw, err)
	}
}

func TestToRawOfASnapshot(t *testing.T) {
	ctx, h, _ := host(t, nil)
	raw, err := image.ToRaw(ctx, h, image.ToRawArgs{From: vm + "lab.qcow2", To: "/var/tmp/lab.raw", Snapshot: "before upgrade"})
	if err != nil || !raw.Changed || raw.Verified {
		t.Errorf("%+v %v", raw, err)
	}
	_, err = image.ToRaw(ctx, h, image.ToRawArgs{From: vm + "lab.qcow2", To: "/var/tmp/x.raw", Snapshot: "nosuch"})
	if effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
}

func TestToRawRefuses(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "echo mine >/var/tmp/mine; mkdir /var/tmp/folder")
	for to, want := range map[string]effect.ErrKind{
		vm + "db.qcow2": effect.Invalid, vm + "golden.qcow2": effect.Invalid, "x.raw": effect.Invalid, "/": effect.Invalid, "/var/tmp/../x": effect.Invalid,
		"/var/tmp/mine": effect.Failed, "/var/tmp/folder": effect.Failed,
	} {
		if _, err := image.ToRaw(ctx, h, image.ToRawArgs{From: vm + "db.qcow2", To: to}); effect.KindOf(err) != want {
			t.Errorf("%s: %v", to, err)
		}
	}
	if h.Changes != 0 {
		t.Errorf("%d changes", h.Changes)
	}
	if out := onsim.Exec(t, m, "cat /var/tmp/mine"); out != "mine\n" {
		t.Errorf("%q", out)
	}
	raw, err := image.ToRaw(ctx, h, image.ToRawArgs{From: vm + "db.qcow2", To: "/var/tmp/mine", Replace: true})
	if err != nil || !raw.Changed {
		t.Errorf("%+v %v", raw, err)
	}
}

// What was left by a copy that was cut off is no hindrance, and nothing of one that
// fails stays.
func TestToRawBeginsAnew(t *testing.T) {
	ctx, h, m := host(t, url.Values{imagesim.RateParam: {"64K"}})
	onsim.Exec(t, m, "echo rest >/var/tmp/db.raw.part")
	make := image.ToRawArgs{From: vm + "db.qcow2", To: "/var/tmp/db.raw", Timeout: 20 * time.Second}
	if _, err := image.ToRaw(ctx, h, make); effect.KindOf(err) != effect.Timeout {
		t.Fatalf("%v", err)
	}
	// The job goes on, and the next call attaches to it.
	make.Timeout = 0
	raw, err := image.ToRaw(ctx, h, make)
	if err != nil || !raw.Changed || !raw.Verified {
		t.Errorf("%+v %v", raw, err)
	}
	if out := onsim.Exec(t, m, "ls /var/tmp | grep db"); out != ".db.raw.bsdrun\ndb.raw\n" {
		t.Errorf("%q", out)
	}
}

func TestChangedMeanwhile(t *testing.T) {
	ctx, h, m := host(t, url.Values{imagesim.RateParam: {"256K"}})
	make := image.ToRawArgs{From: vm + "db.qcow2", To: "/var/tmp/db.raw", Timeout: 10 * time.Second}
	if _, err := image.ToRaw(ctx, h, make); effect.KindOf(err) != effect.Timeout {
		t.Fatalf("%v", err)
	}
	onsim.Exec(t, m, "touch "+vm+"db-base.qcow2")
	make.Timeout = 0
	_, err := image.ToRaw(ctx, h, make)
	if e := effect.AsError(err); e == nil || !strings.Contains(e.Message, "has changed while it was copied") {
		t.Errorf("%v", err)
	}
	if out := onsim.Exec(t, m, "ls -a /var/tmp | grep db || :"); out != "" {
		t.Errorf("left: %q", out)
	}
}

func TestToRawInCheckMode(t *testing.T) {
	ctx, h, m := host(t, nil)
	check := effect.Chain(h, layer.Check())
	raw, err := image.ToRaw(ctx, check, image.ToRawArgs{From: vm + "db.qcow2", To: "/var/tmp/db.raw"})
	if err != nil || !raw.Changed || raw.VirtualSize != 16<<30 {
		t.Errorf("%+v %v", raw, err)
	}
	if _, err := image.SizeOf(ctx, check, image.Args{Path: "/var/tmp/db.raw"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("what would be made: %v", err)
	}
	if done, err := image.Discard(ctx, check, image.DiscardArgs{Path: "/var/tmp/db.raw"}); err != nil || !done.Changed {
		t.Errorf("removing what would be made: %+v %v", done, err)
	}
	if out := onsim.Exec(t, m, "ls -a /var/tmp | grep db || :"); out != "" {
		t.Errorf("made: %q", out)
	}
}

// A source that a change before writes is not known to check mode, but that it is
// copied, unless something is there already.
func TestToRawOfWhatIsWrittenFirst(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "echo mine >/var/tmp/mine.raw")
	check := effect.Chain(h, layer.Check())
	source := vm + "db.qcow2"
	if _, err := check.Do(ctx, effect.Effect{Kind: effect.Change, Argv: []string{"true"}, Writes: []effect.Resource{effect.File(source)}}); err != nil {
		t.Fatal(err)
	}
	raw, err := image.ToRaw(ctx, check, image.ToRawArgs{From: source, To: "/var/tmp/db.raw"})
	if err != nil || !raw.Changed {
		t.Errorf("%+v %v", raw, err)
	}
	if raw, err := image.ToRaw(ctx, check, image.ToRawArgs{From: source, To: "/var/tmp/mine.raw"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("over a file: %+v %v", raw, err)
	}
}

func TestDiscard(t *testing.T) {
	ctx, h, m := host(t, nil)
	if _, err := image.ToRaw(ctx, h, image.ToRawArgs{From: vm + "lab.qcow2", To: vm + "lab.raw"}); err != nil {
		t.Fatal(err)
	}
	onsim.Exec(t, m, "cp "+vm+"old.img "+vm+"foreign.raw")
	for _, test := range []struct {
		path    string
		changed bool
	}{{vm + "foreign.raw", false}, {vm + "none.raw", false}, {vm + "lab.raw", true}, {vm + "lab.raw", false}} {
		before := h.Changes
		done, err := image.Discard(ctx, h, image.DiscardArgs{Path: test.path})
		if err != nil || done.Changed != test.changed || h.Changes-before > 0 != test.changed {
			t.Errorf("%s: %+v, %v, %d changes", test.path, done, err, h.Changes-before)
		}
	}
	if left := onsim.Exec(t, m, "cd "+vm+"; ls -A | grep -e raw"); left != "foreign.raw\n" {
		t.Errorf("left is %q", left)
	}
	if _, err := image.Discard(ctx, h, image.DiscardArgs{Path: "lab.raw"}); effect.KindOf(err) != effect.Invalid {
		t.Error(err)
	}
}
