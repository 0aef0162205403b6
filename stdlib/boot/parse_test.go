package boot

import (
	"strings"
	"testing"

	"bsdrun/stdlib/gpart"
)

func TestParseLook(t *testing.T) {
	m := parseLook(`zroot/ROOT/default	/			zfs	rw,noatime,nfsv4acls	0 0
devfs			/dev			devfs	rw		0 0
/dev/gpt/efiboot0	/boot/efi		msdosfs	rw		0 0
/dev/ada1p1		/mnt/a\040b		msdosfs	ro,noatime	0 0
== labels
gpt/efiboot0  N/A  ada0p1
      ufs/root  N/A  ada2p2
gpt/two words here  N/A  ada3p1
`)
	esp0 := gpart.Partition{Name: "ada0p1"}
	if at := m.at(esp0); at.dir != "/boot/efi" || at.readOnly {
		t.Errorf("by its label: %+v", at)
	}
	if at := m.at(gpart.Partition{Name: "ada1p1"}); at.dir != "/mnt/a b" || !at.readOnly {
		t.Errorf("by its name: %+v", at)
	}
	if at := m.at(gpart.Partition{Name: "ada2p1"}); at.dir != "" {
		t.Errorf("one that is not mounted: %+v", at)
	}
	if at := m.at(gpart.Partition{Name: "ada9p1", Label: "efiboot0"}); at.dir != "/boot/efi" {
		t.Errorf("by the label in its table: %+v", at)
	}
}

func TestDiskOf(t *testing.T) {
	tables := []gpart.Table{
		{Disk: "ada1", Partitions: []gpart.Partition{{Name: "ada1p1", Label: "boot1"}, {Name: "ada1p3", Label: "zfs1"}}},
		{Disk: "ada10", Partitions: []gpart.Partition{{Name: "ada10p3"}}},
		{Disk: "da0", Scheme: "MBR", Partitions: []gpart.Partition{{Name: "da0s1"}}},
		{Disk: "da0s1", Scheme: "BSD", Partitions: []gpart.Partition{{Name: "da0s1a"}}},
		{Disk: "mirror/gm0", Partitions: []gpart.Partition{{Name: "mirror/gm0p2"}}},
		{Disk: "diskid/DISK-S3Z9", Partitions: []gpart.Partition{{Name: "diskid/DISK-S3Z9p2"}}},
	}
	system := mounted{labels: map[string]string{"ufs/root": "mirror/gm0p2", "gptid/5c8f": "ada10p3"}}
	for provider, want := range map[string]string{
		"ada1p3": "ada1", "ada10p3": "ada10", "gpt/zfs1": "ada1", "ada1p3.eli": "ada1", "gpt/zfs1.eli": "ada1", "da0s1a": "da0",
		"mirror/gm0p2": "mirror/gm0", "ufs/root": "mirror/gm0", "gptid/5c8f": "ada10", "diskid/DISK-S3Z9p2": "diskid/DISK-S3Z9",
		"ada2p3": "", "gpt/zfs9": "", "ada1": "ada1", "nda0": "",
	} {
		if got, table := diskOf(provider, tables, system); got != want || table.Disk != want {
			t.Errorf("%s lies on %q, want %q", provider, got, want)
		}
	}
}

const (
	digestA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	digestC = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
	inBoot  = "boot 500000 " + digestA + " /boot/loader.efi\nboot 100000 " + digestB + " /boot/boot1.efi\n"
)

func TestLoadersOfAnESP(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      string
	}{
		{"current", "file 500000 " + digestA + " freebsd /efi/boot/bootx64.efi\n" + inBoot + "free 200000\n", "loader.efi /efi/boot/bootx64.efi current"},
		{"old", "file 400000 " + digestC + " freebsd /EFI/BOOT/BOOTX64.EFI\n" + inBoot + "free 200000\n", "loader.efi /EFI/BOOT/BOOTX64.EFI old"},
		{"the first stage of older releases", "file 100000 " + digestB + " freebsd /EFI/BOOT/BOOTX64.EFI\n" + inBoot + "free 300\n", "boot1.efi /EFI/BOOT/BOOTX64.EFI current"},
		{"an old first stage on a partition of 800K", "file 90000 " + digestC + " freebsd /EFI/BOOT/BOOTX64.EFI\n" + inBoot + "free 300\n", "loader.efi /EFI/BOOT/BOOTX64.EFI too_small"},
		{"empty", inBoot + "free 200000\n", "loader.efi /EFI/BOOT/BOOTX64.EFI absent"},
		{"no loader in /boot", "file 400000 " + digestC + " freebsd /EFI/BOOT/BOOTX64.EFI\nfree 200000\n", "loader.efi /EFI/BOOT/BOOTX64.EFI no_file"},
		{"of two systems", "file 1 " + digestC + " foreign /EFI/BOOT/BOOTX64.EFI\nfile 5 " + digestC + " freebsd /EFI/FREEBSD/LOADER.EFI\n" + inBoot + "free 200000\n",
			"loader.efi /EFI/BOOT/BOOTX64.EFI foreign(not needed)\nloader.efi /EFI/FREEBSD/LOADER.EFI old"},
		{"of another system", "file 1 " + digestC + " foreign /efi/boot/bootx64.efi\n" + inBoot + "free 200000\n", "loader.efi /efi/boot/bootx64.efi foreign"},
	} {
		content, err := parseESP("boot.plan", c.out)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, code := range content.codes("ada0p1", espPaths("amd64")[0], true) {
			line := code.Kind + " " + code.Path + " " + code.State
			if !code.Needed {
				line += "(not needed)"
			}
			got = append(got, line)
		}
		if text := strings.Join(got, "\n"); text != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, text, c.want)
		}
	}
	for _, out := range []string{"", "free x\n", "file 1 abc freebsd /a\nfree 1\n", inBoot} {
		if content, err := parseESP("boot.plan", out); err == nil {
			t.Errorf("%q is read as %+v", out, content)
		}
	}
}

func TestAnyCase(t *testing.T) {
	if got, want := anyCase("EFI/BOOT/BOOTX64.EFI"), "[Ee][Ff][Ii]/[Bb][Oo][Oo][Tt]/[Bb][Oo][Oo][Tt][Xx]64.[Ee][Ff][Ii]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"13.5-RELEASE-p1", "14.0-RELEASE", true}, {"14.0-RELEASE", "13.5-RELEASE-p1", false}, {"9.3-RELEASE", "10.0-RELEASE", true},
		{"14.3-RELEASE", "14.3-RELEASE-p4", false}, {"14.2-STABLE", "14.10-RELEASE", true},
	} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("%s older than %s: %v", c.a, c.b, got)
		}
	}
}

func FuzzParseESP(f *testing.F) {
	f.Add("file 500000 " + digestA + " freebsd /efi/boot/bootx64.efi\n" + inBoot + "free 200000\n")
	f.Fuzz(func(t *testing.T, out string) {
		content, err := parseESP("boot.plan", out)
		if err != nil {
			return
		}
		for _, code := range content.codes("ada0p1", "/EFI/BOOT/BOOTX64.EFI", true) {
			if code.State == "" || code.Path == "" || code.State == Current && code.Installed != code.Wanted {
				t.Errorf("%+v", code)
			}
		}
	})
}

func FuzzParseLook(f *testing.F) {
	f.Add("/dev/gpt/efiboot0	/boot/efi		msdosfs	rw		0 0\n== labels\ngpt/efiboot0  N/A  ada0p1\n")
	f.Fuzz(func(t *testing.T, out string) {
		m := parseLook(out)
		for device := range m.points {
			if at := m.at(gpart.Partition{Name: device}); at.dir == "" {
				t.Errorf("%q: %q is mounted, but not found", out, device)
			}
		}
	})
}
