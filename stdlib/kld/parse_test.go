package kld

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func recorded(t testing.TB) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/kldstat.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

func TestParseList(t *testing.T) {
	files := recorded(t)
	for name, want := range map[string][]File{
		"now": {
			{ID: 1, Name: "kernel", File: "kernel", Path: "/boot/kernel/kernel", Refs: 31, Size: 0x1f41500, Modules: []string{"cam", "pci/xhci"}},
			{ID: 2, Name: "zfs", File: "zfs.ko", Path: "/boot/kernel/zfs.ko", Refs: 1, Size: 0x5de7b8, Modules: []string{"zfsctrl", "zfs_vdev"}},
		},
		"old": {
			{ID: 1, Name: "kernel", File: "kernel", Refs: 9, Size: 0xe6a7e0, Modules: []string{}},
			{ID: 10, Name: "pf", File: "pf.ko", Refs: 1, Size: 0x2d8a0, Modules: []string{}},
		},
	} {
		got, err := parseList("kld.list", files[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	for _, out := range []string{"", "kldstat: not found\n", "Id Refs Address                Size Name\n"} {
		if got, err := parseList("kld.list", out); err == nil {
			t.Errorf("%q is read as %+v", out, got)
		}
	}
}

func TestInterfacesOf(t *testing.T) {
	for _, c := range []struct {
		driver     string
		interfaces []string
		want       []string
	}{
		{"vtnet", []string{"vtnet0", "lo0"}, []string{"vtnet0"}},
		{"em", []string{"igb0", "em1", "lo0"}, []string{"em1"}},
		{"tuntap", []string{"tun0", "tap3", "lo0"}, []string{"tun0", "tap3"}},
		{"vlan", []string{"em0.100", "em0", "lo0"}, []string{"em0.100"}},
		{"bridge", []string{"em0", "lo0"}, nil},
		{"re", []string{"outside", "lo0"}, []string{"outside"}}, // whose it is cannot be told
	} {
		if got := interfacesOf(c.driver, c.interfaces); !slices.Equal(got, c.want) {
			t.Errorf("%s of %v: %v, want %v", c.driver, c.interfaces, got, c.want)
		}
	}
}

func FuzzParseList(f *testing.F) {
	for _, text := range recorded(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, out string) {
		files, err := parseList("kld.list", out)
		if err != nil {
			return
		}
		for _, file := range files {
			if file.File == "" || file.Modules == nil || file.Size < 0 {
				t.Errorf("%q: %+v", out, file)
			}
		}
	})
}
