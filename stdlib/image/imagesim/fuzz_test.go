package imagesim

import (
	"testing"

	"bsdrun/runtime/sim/vfs"
)

// FuzzOpen looks at files that may be damaged images.
func FuzzOpen(f *testing.F) {
	m := machine(f)
	view := m.View(vfs.Root, "/")
	for _, line := range []string{
		"qemu-img create -q -f qcow2 seed 1M", "qemu-img create -q -f qcow2 -o compat=0.10,preallocation=full seed 300k", "qemu-img create -q -f vdi seed 2M",
		"qemu-img create -q -f qcow2 back 1M; qemu-img create -q -f qcow2 -b back -F qcow2 -o cluster_size=512 seed",
	} {
		onSim(m, line)
		data, err := view.ReadFile("/srv/vm/seed")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := view.WriteFile("/srv/vm/seed", data, 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := view.Open("/srv/vm/seed")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		i := &image{name: "seed", file: file}
		i.info, _ = file.Stat()
		if i.read() != nil || i.content.size() > 1<<24 {
			return
		}
		at := int64(0)
		err = i.each(func(e extent) error {
			if e.Start != at || e.Length <= 0 {
				t.Fatalf("%+v follows %d", e, at)
			}
			at += e.Length
			_, err := i.ReadAt(make([]byte, min(e.Length, 1<<16)), e.Start)
			return err
		})
		if err == nil && at != i.content.size() {
			t.Fatalf("%d of %d", at, i.content.size())
		}
	})
}
