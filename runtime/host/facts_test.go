package host

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func parseFile(t *testing.T, name string) Facts {
	t.Helper()
	out, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFacts(out)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParseFacts(t *testing.T) {
	for name, want := range map[string]Facts{
		"freebsd-14.3.txt": {
			OS: "FreeBSD", Release: "14.3-RELEASE", Version: "14.3-RELEASE", Kernel: "14.3-RELEASE", Userland: "14.3-RELEASE-p2",
			Patch: 2, Arch: "amd64", Machine: "amd64", Hostname: "build.example.org", BootMethod: "UEFI", BootID: "@1764110000", Uptime: 1000,
			Root:  Root{Type: "zfs", Source: "zroot/ROOT/default", Pool: "zroot"},
			Route: Route{Gateway: "192.0.2.1", Interface: "em0"},
			Addresses: map[string][]Address{
				"em0": {{"inet", "192.0.2.10", 24}, {"inet", "192.0.2.11", 32}, {"inet6", "fe80::a00:27ff:feaa:bbcc", 64}},
				"lo0": {{"inet", "127.0.0.1", 8}, {"inet6", "::1", 128}},
			},
			CPUs: 8, Memory: 34242211840, Disks: []string{"nda1", "nda0", "cd0"}, Jails: []string{"www", "db"},
			Packages: "pkg", HasZFS: true, Privilege: Privilege{User: "root", Method: "sudo", Login: "ops"},
		},
		"freebsd-8.2.txt": {
			OS: "FreeBSD", Release: "8.2-RELEASE", Version: "8.2-RELEASE-p9", Patch: 9, Arch: "i386", Machine: "i386", Hostname: "old.example.org",
			BootID: "@1300000000", Uptime: 600, Root: Root{Type: "ufs", Source: "/dev/ad4s1a"},
			Addresses: map[string][]Address{"bge0": {{"inet", "198.51.100.7", 25}}},
			CPUs:      2, Memory: 1055809536, Disks: []string{"ad6", "ad4"}, Jails: []string{},
			Privilege: Privilege{User: "ops", UID: 1001, Login: "ops"},
		},
		"linux.txt": {
			OS: "Linux", Release: "6.1.0-18-amd64", Version: "6.1.0-18-amd64", Arch: "x86_64", Machine: "x86_64", Hostname: "kvm.example.org",
			BootMethod: "UEFI", BootID: "5892d363-4f1f-429d-8aba-914c00b7d109", Uptime: 2473, Root: Root{Type: "ext4", Source: "/dev/vda1"},
			Route: Route{Gateway: "192.0.2.1", Interface: "eth0"},
			Addresses: map[string][]Address{
				"lo":   {{"inet", "127.0.0.1", 8}},
				"eth0": {{"inet", "192.0.2.2", 24}, {"inet6", "2001:db8::2", 64}},
			},
			CPUs: 4, Memory: 24684092 << 10, Disks: []string{"vda"}, Jails: []string{}, Privilege: Privilege{User: "root", Login: "root"},
		},
	} {
		if diff := cmp.Diff(want, parseFile(t, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPkgBase(t *testing.T) {
	out, err := os.ReadFile("testdata/freebsd-14.3.txt")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFacts([]byte(strings.Replace(string(out), "== pkg\n", "== pkg\nbase\n", 1)))
	if err != nil || f.Packages != "pkgbase" {
		t.Errorf("packages %q (%v)", f.Packages, err)
	}
}

func TestFactsCutShort(t *testing.T) {
	if _, err := ParseFacts([]byte("== uname\nFreeBSD\n")); effect.KindOf(err) != effect.Failed {
		t.Errorf("half an answer: %v", err)
	}
}

func TestGetFactsAsksForTheGreeting(t *testing.T) {
	text, err := os.ReadFile("testdata/linux.txt")
	if err != nil {
		t.Fatal(err)
	}
	var asked effect.Effect
	f, err := GetFacts(context.Background(), effect.DoerFunc(func(_ context.Context, e effect.Effect) (effect.Result, error) {
		asked = e
		return effect.Result{Stdout: effect.OutputOf(text)}, nil
	}))
	if err != nil || f.OS != "Linux" {
		t.Fatalf("%+v, %v", f, err)
	}
	if asked.Kind != effect.Read || asked.Conn == nil || asked.Conn.Verb != effect.ConnGreeting {
		t.Errorf("asked %+v", asked)
	}
}

func FuzzParseFacts(f *testing.F) {
	for _, name := range []string{"freebsd-14.3.txt", "freebsd-8.2.txt", "linux.txt"} {
		out, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out)
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		facts, err := ParseFacts(out)
		if err == nil && (facts.OS == "" && facts.Addresses == nil) {
			t.Error("no error, and no facts")
		}
	})
}
