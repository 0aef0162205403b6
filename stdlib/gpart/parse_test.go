package gpart

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// shown reads the recorded listings.
func shown(t testing.TB) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/show.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

func part(index int, name, kind, label string, offset, size int64, attributes ...string) Partition {
	return Partition{Index: index, Name: name, Type: kind, Label: label, Offset: offset, Size: size, Attributes: append([]string{}, attributes...)}
}

func TestParse(t *testing.T) {
	files := shown(t)
	for name, want := range map[string][]Table{
		"mirror": {{
			Disk: "ada0", Scheme: "GPT", SectorSize: 512, Offset: 40 * 512, Size: 167772080 * 512,
			Partitions: []Partition{
				part(1, "ada0p1", "freebsd-boot", "gptboot0", 40*512, 512<<10),
				part(2, "ada0p2", "freebsd-swap", "swap 0", 1<<20, 4<<30),
				part(3, "ada0p3", "freebsd-zfs", "", 8390656*512, 159381464*512, "bootme", "bootonce"),
			},
			Free: []Range{{1064 * 512, 984 * 512}},
		}},
		"names": {
			{
				Disk: "ada0", Scheme: "GPT", SectorSize: 512, Offset: 40 * 512, Size: 167772080 * 512, Corrupt: true,
				Partitions: []Partition{
					part(1, "ada0p1", "efi", "efiboot0", 40*512, 260<<20),
					part(2, "ada0p2", "!21686148-6449-6e6f-744e-656564454649", "", 532520*512, 512<<10),
				},
				Free: []Range{{533544 * 512, 167238576 * 512}},
			},
			{
				Disk: "da1", Scheme: "MBR", SectorSize: 512, Offset: 63 * 512, Size: 41942977 * 512,
				Partitions: []Partition{part(1, "da1s1", "freebsd", "", 63*512, 41929587*512, "active")},
				Free:       []Range{{41929650 * 512, 13390 * 512}},
			},
			{
				Disk: "da1s1", Scheme: "BSD", SectorSize: 512, Size: 41929587 * 512,
				Partitions: []Partition{
					part(1, "da1s1a", "freebsd-ufs", "", 0, 39832435*512), part(2, "da1s1b", "freebsd-swap", "", 39832435*512, 1<<30),
				},
				Free: []Range{},
			},
			{
				Disk: "nda0", Scheme: "GPT", SectorSize: 4096, Offset: 6 * 4096, Size: 1953506634 * 4096,
				Partitions: []Partition{part(1, "nda0p1", "freebsd-zfs", "", 6*4096, 1953506634*4096)}, Free: []Range{},
			},
			{ // a table made for a smaller disk
				Disk: "mirror/gm0", Scheme: "GPT", SectorSize: 512, Offset: 40 * 512, Size: 20971440 * 512,
				Partitions: []Partition{part(1, "mirror/gm0p1", "freebsd-ufs", "", 40*512, 20971440*512)}, Free: []Range{},
			},
		},
		"old": {{
			Disk: "ad4", Scheme: "GPT", SectorSize: 512, Offset: 34 * 512, Size: 167772093 * 512,
			Partitions: []Partition{
				part(1, "ad4p1", "freebsd-boot", "", 34*512, 64<<10), part(2, "ad4p2", "freebsd-swap", "swap0", 162*512, 2<<30),
				part(3, "ad4p3", "freebsd-zfs", "disk0", 4194466*512, 163577661*512),
			},
			Free: []Range{},
		}},
	} {
		got, err := Parse(files[name+".types"], files[name+".labels"])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestParseRefusesTheRest(t *testing.T) {
	for _, out := range []string{
		"gpart: command not found\n",
		"         40       1024     1  freebsd-boot  (512K)\n",
		"=>       40  167772080  ada0  GPT  (80G)\n  40 x 1 efi (1K)\n",
		"=>       40  99999999999999999999  ada0  GPT  (80G)\n",
		"=>       40  167772080  ada0  GPT  (80G)\n         40       1024     x  freebsd-boot  (512K)\n",
	} {
		if got, err := Parse(out, ""); err == nil {
			t.Errorf("%q is read as %+v", out, got)
		}
	}
}

func TestSameTable(t *testing.T) {
	const a = "GPT 128\n1   freebsd-boot        40      1024 boot0 \n2    freebsd-zfs   8390656 159381464 zfs0  [bootme] \n"
	for _, c := range []struct {
		name, b      string
		labels, same bool
	}{
		{"itself", a, true, true},
		{"other blanks", strings.ReplaceAll(a, "   ", " "), true, true},
		{"another size", strings.ReplaceAll(a, "1024", "1025"), true, false},
		{"a partition more", a + "3 efi 1 1 x\n", true, false},
		{"another label", strings.ReplaceAll(a, "zfs0", "zfs1"), true, false},
		{"another label that does not count", strings.ReplaceAll(a, "zfs0", "zfs1"), false, true},
		{"without labels", strings.ReplaceAll(strings.ReplaceAll(a, "zfs0", ""), "boot0", ""), false, true},
		{"another attribute without labels", strings.ReplaceAll(strings.ReplaceAll(a, "zfs0", ""), "bootme", "bootonce"), false, false},
	} {
		if got := sameTable(a, c.b, c.labels); got != c.same {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	files := shown(f)
	for _, name := range []string{"mirror", "names", "old"} {
		f.Add(files[name+".types"], files[name+".labels"])
	}
	f.Fuzz(func(t *testing.T, types, labels string) {
		tables, err := Parse(types, labels)
		if err != nil {
			return
		}
		for _, table := range tables {
			if table.Disk == "" || table.SectorSize < 512 || table.Size < 0 {
				t.Errorf("%+v", table)
			}
			for _, p := range table.Partitions {
				if p.Index <= 0 || p.Name == "" || p.Size < 0 || p.Offset < 0 {
					t.Errorf("%+v", p)
				}
			}
		}
	})
}

func FuzzSameTable(f *testing.F) {
	f.Add("GPT 128\n1   freebsd-boot        40      1024 boot0 \n")
	f.Add("MBR 4\n1 freebsd 63 1000  [active] \n")
	f.Fuzz(func(t *testing.T, text string) {
		if !sameTable(text, text, true) || !sameTable(text, text, false) {
			t.Errorf("%q is another table than itself", text)
		}
		if m := savedHead.FindStringSubmatch(text); m != nil && m[1] == "" {
			t.Errorf("%q has no scheme", text)
		}
	})
}
