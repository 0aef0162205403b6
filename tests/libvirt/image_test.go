package libvirt_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/image"
	"bsdrun/tests/sshd/sshdtest"
)

// images makes a chain of images with blanks in their names.
const images = `set -e
qemu-img create -q -f qcow2 golden.qcow2 32M
qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 192k' golden.qcow2
qemu-img create -q -f qcow2 -b golden.qcow2 -F qcow2 'base b.qcow2'
qemu-io -c 'write -P 3 1M 64k' 'base b.qcow2'
qemu-img create -q -f qcow2 -b 'base b.qcow2' -F qcow2 'top t.qcow2'
qemu-io -c 'write -P 4 8M 4k' -c 'write -z 0 64k' 'top t.qcow2'
qemu-img snapshot -c one 'top t.qcow2'
qemu-io -c 'write -P 5 8M 4k' 'top t.qcow2'
`

func sh(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

func TestImages(t *testing.T) {
	server := sshdtest.Start(t, sshdtest.Options{})
	real := sshhost.New(server.Config())
	t.Cleanup(func() { _ = real.Close(t.Context(), true) })
	h, ctx, dir := numbered(real), t.Context(), t.TempDir()
	sh(t, dir, images)
	top := filepath.Join(dir, "top t.qcow2")
	i, err := image.InfoOf(ctx, h, image.Args{Path: top})
	if err != nil || len(i.Chain) != 3 || i.VirtualSize != 32<<20 || i.BackingPath != dir+"/base b.qcow2" || len(i.Snapshots) != 1 || i.Snapshots[0].Name != "one" {
		t.Errorf("%+v %v", i, err)
	}
	e, err := image.ExtentsOf(ctx, h, image.ExtentsArgs{Args: image.Args{Path: top}})
	if err != nil || e.Size != 32<<20 || e.Data != 256<<10 || len(e.Extents) != 5 {
		t.Errorf("%+v %v", e, err)
	}
	to := filepath.Join(dir, "out put.raw")
	raw, err := image.ToRaw(ctx, h, image.ToRawArgs{From: top, To: to})
	if err != nil || !raw.Changed || !raw.Verified || raw.VirtualSize != 32<<20 || raw.ActualSize < 196<<10 || raw.ActualSize > 1<<20 {
		t.Fatalf("%+v %v", raw, err)
	}
	if out := sh(t, dir, "qemu-img compare -F raw 'top t.qcow2' 'out put.raw'; stat -c %a 'out put.raw'"); out != "Images are identical.\n600\n" {
		t.Errorf("%q", out)
	}
	if raw, err = image.ToRaw(ctx, h, image.ToRawArgs{From: top, To: to}); err != nil || raw.Changed || !raw.Verified {
		t.Errorf("a second time: %+v %v", raw, err)
	}
	sh(t, dir, "qemu-io -c 'write -P 9 2M 64k' golden.qcow2")
	if raw, err = image.ToRaw(ctx, h, image.ToRawArgs{From: top, To: to}); err != nil || !raw.Changed {
		t.Errorf("with another base: %+v %v", raw, err)
	}
	if s, err := image.SizeOf(ctx, h, image.Args{Path: to}); err != nil || s.Virtual != 32<<20 || s.Actual != raw.ActualSize {
		t.Errorf("%+v %v", s, err)
	}
	one := filepath.Join(dir, "one.raw")
	if raw, err = image.ToRaw(ctx, h, image.ToRawArgs{From: top, To: one, Snapshot: "one"}); err != nil || !raw.Changed || raw.Verified {
		t.Errorf("%+v %v", raw, err)
	}
	sh(t, dir, "qemu-img convert -l snapshot.name=one -O raw 'top t.qcow2' real.raw && cmp real.raw one.raw")
	if _, err := image.ToRaw(ctx, h, image.ToRawArgs{From: top, To: top}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("onto itself: %v", err)
	}
	if _, err := image.ToRaw(ctx, h, image.ToRawArgs{From: top, To: dir + "/real.raw"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("onto a file of somebody's: %v", err)
	}
}

func TestImagesThatCannotBeRead(t *testing.T) {
	server := sshdtest.Start(t, sshdtest.Options{})
	real := sshhost.New(server.Config())
	t.Cleanup(func() { _ = real.Close(t.Context(), true) })
	h, ctx, dir := numbered(real), t.Context(), t.TempDir()
	sh(t, dir, images)
	top := filepath.Join(dir, "top t.qcow2")

	// Who writes to an image has it locked.
	writer := exec.Command("qemu-io", top)
	input, err := writer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	for range 6000 {
		if exec.Command("qemu-img", "info", top).Run() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, err = image.InfoOf(ctx, h, image.Args{Path: top})
	if e := effect.AsError(err); e == nil || !strings.Contains(e.Hint, "shut it down") {
		t.Errorf("%v", err)
	}
	if i, err := image.InfoOf(ctx, h, image.Args{Path: top, ForceShare: true}); err != nil || len(i.Chain) != 3 {
		t.Errorf("%+v %v", i, err)
	}
	_ = input.Close()
	_ = writer.Wait()

	if err := os.Rename(dir+"/golden.qcow2", dir+"/gone.qcow2"); err != nil {
		t.Fatal(err)
	}
	for what, look := range map[string]func() error{
		"info": func() error { _, err := image.InfoOf(ctx, h, image.Args{Path: top}); return err },
		"extents": func() error {
			_, err := image.ExtentsOf(ctx, h, image.ExtentsArgs{Args: image.Args{Path: top}})
			return err
		},
	} {
		if err := look(); effect.KindOf(err) != effect.Missing || !strings.Contains(err.Error(), "golden.qcow2") {
			t.Errorf("%s without its base: %v", what, err)
		}
	}
}
