package sim_test

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

func TestLinuxBoots(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: "kvmhost"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	t.Run("kept in a file", linuxIsKept)
	out, errs, code := m.Exec(context.Background(), "root", "read -r a _ </proc/uptime; read -r b </proc/sys/kernel/random/boot_id; echo $a $b; nosuch")
	if f := strings.Fields(out); len(f) != 2 || f[0] == "" || len(f[1]) != 36 || code != 127 {
		t.Errorf("%q %q %d", out, errs, code)
	}
}

func linuxIsKept(t *testing.T) {
	params := url.Values{"state": {filepath.Join(t.TempDir(), "machine")}}
	open := func() *sim.Machine {
		m, err := sim.New(sim.Options{Profile: "kvmhost", Params: params})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open()
	const script = "read -r b </proc/sys/kernel/random/boot_id; read -r u _ </proc/uptime; read -r _ p _ </proc/mounts; echo $b $p ${u%.*}"
	f, err := m.View(vfs.Root, "/").OpenFile("/var/lib/libvirt/images/disk.img", vfs.O_RDWR|vfs.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 40 << 30} {
		if _, err := f.WriteAt([]byte("data"), at); err != nil {
			t.Fatal(err)
		}
	}
	_ = f.Close()
	before, errs, _ := m.Exec(context.Background(), "root", script)
	_ = m.Close()
	m = open()
	defer m.Close()
	after, _, _ := m.Exec(context.Background(), "root", script)
	if before != after || !strings.Contains(before, " / ") {
		t.Errorf("%q became %q; %s", before, after, errs)
	}
	if info, err := m.View(vfs.Root, "/").Stat("/var/lib/libvirt/images/disk.img"); err != nil || info.Size != 40<<30+4 || info.Blocks != 9 {
		t.Errorf("%+v %v", info, err)
	}
}
