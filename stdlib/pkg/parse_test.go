package pkg

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestParsePlan(t *testing.T) {
	files, err := filepath.Glob("testdata/plan-*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		plan := parsePlan(string(a.Files[0].Data))
		var b strings.Builder
		for _, s := range plan.Steps {
			b.WriteString(s.String())
			if s.Repository != "" {
				b.WriteString(" from " + s.Repository)
			}
			if s.Reason != "" {
				b.WriteString(" (" + s.Reason + ")")
			}
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "space %d download %d\n", plan.Space, plan.Download)
		if diff := cmp.Diff(string(a.Files[1].Data), b.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"45 MiB": 45 << 20, "12KB": 12 << 10, "3 GB": 3 << 30, "17 B": 17, "1.5 GiB": 3 << 29, "": 0, "x": 0, "7": 7, "2 TiB": 2 << 40,
	} {
		if got := parseSize(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestParseDetails(t *testing.T) {
	out := "P\tgit\t2.51.0\tdevel/git\t45210112\t0\t1\tDistributed source code management tool\n" +
		"M\t/usr/local\tgarga@FreeBSD.org\thttps://git-scm.com/\t1762156800\tFreeBSD\n" +
		"D\tcurl\nD\texpat\nR\tpoudriere-devel\nO\tPCRE2\ton\nO\tSVN\toff\nC\tdevel\nL\tGPLv2\n" +
		"E\tGit is a free and open source system.\n\nM\tnot a field\n"
	got := parseDetails("git", out)
	since := time.Unix(1762156800, 0).UTC()
	want := Details{
		Installed: true,
		Package:   Package{Name: "git", Version: "2.51.0", Origin: "devel/git", Comment: "Distributed source code management tool", Size: 45210112, Locked: true},
		Prefix:    "/usr/local", Maintainer: "garga@FreeBSD.org", WWW: "https://git-scm.com/", Since: &since, Repository: "FreeBSD",
		Dependencies: []string{"curl", "expat"}, RequiredBy: []string{"poudriere-devel"}, Options: map[string]string{"PCRE2": "on", "SVN": "off"},
		Categories: []string{"devel"}, Licenses: []string{"GPLv2"}, Description: "Git is a free and open source system.\n\nM\tnot a field",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if none := parseDetails("x", ""); none.Installed || none.Name != "x" {
		t.Errorf("%+v", none)
	}
}

func TestParseAudit(t *testing.T) {
	want := []Vulnerable{
		{Name: "curl", Version: "8.1.0_1", RequiredBy: []string{}, Issues: []Issue{
			{"curl -- first", []string{"CVE-2025-0001", "CVE-2025-0002"}, "https://vuxml.FreeBSD.org/freebsd/1.html", []string{}},
			{"curl -- second", []string{}, "https://vuxml.FreeBSD.org/freebsd/2.html", []string{}},
		}},
		{Name: "py311-foo", Version: "1.0", RequiredBy: []string{"bar", "baz"}, Issues: []Issue{
			{"foo -- third", []string{"CVE-2025-0003"}, "https://vuxml.FreeBSD.org/freebsd/3.html", []string{}},
		}},
	}
	text := `curl-8.1.0_1 is vulnerable:
  curl -- first
  CVE: CVE-2025-0001
  CVE: CVE-2025-0002
  WWW: https://vuxml.FreeBSD.org/freebsd/1.html

  curl -- second
  WWW: https://vuxml.FreeBSD.org/freebsd/2.html

py311-foo-1.0 is vulnerable:
foo -- third
CVE: CVE-2025-0003
WWW: https://vuxml.FreeBSD.org/freebsd/3.html

Packages that depend on py311-foo: bar, baz

3 problem(s) in 2 installed package(s) found.
`
	if diff := cmp.Diff(want, parseAuditText(text)); diff != "" {
		t.Error(diff)
	}
	raw := `{"pkg_count":2,"packages":{"py311-foo":{"version":"1.0","issue_count":1,"issues":[{"description":"foo -- third","cve":["CVE-2025-0003"],"url":"https://vuxml.FreeBSD.org/freebsd/3.html"}],"reverse dependencies":["bar","baz"]},
"curl":{"version":"8.1.0_1","issue_count":2,"issues":[{"description":"curl -- first","cve":["CVE-2025-0001","CVE-2025-0002"],"url":"https://vuxml.FreeBSD.org/freebsd/1.html"},{"description":"curl -- second","url":"https://vuxml.FreeBSD.org/freebsd/2.html"}]}}}`
	got, err := parseAuditJSON([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseRepos(t *testing.T) {
	out := `Version                 : 2.3.1
PKG_DBDIR = "/var/db/pkg";


Repositories:
  FreeBSD: { 
    url             : "pkg+https://pkg.FreeBSD.org/FreeBSD:14:amd64/quarterly",
    enabled         : no,
    priority        : 0,
    mirror_type     : "SRV",
    signature_type  : "FINGERPRINTS",
    fingerprints    : "/usr/share/keys/pkg"
  }
  custom: { 
    url             : "file:///data/packages",
    enabled         : yes,
    priority        : 10,
    signature_type  : "PUBKEY",
    pubkey          : "/usr/local/etc/ssl/poudriere.pub"
  }
`
	want := []Repo{
		{Name: "FreeBSD", URL: "pkg+https://pkg.FreeBSD.org/FreeBSD:14:amd64/quarterly", MirrorType: "srv", SignatureType: "fingerprints", Fingerprints: "/usr/share/keys/pkg"},
		{Name: "custom", URL: "file:///data/packages", Enabled: true, Priority: 10, MirrorType: "none", SignatureType: "pubkey", Pubkey: "/usr/local/etc/ssl/poudriere.pub"},
	}
	if diff := cmp.Diff(want, parseRepos(out)); diff != "" {
		t.Fatal(diff)
	}
}

func TestParseCheck(t *testing.T) {
	out := "git-2.51.0: checksum mismatch for /usr/local/bin/git\ngit-2.51.0: missing file /usr/local/share/a b\n" +
		"poudriere has a missing dependency: git\ngit is missing a required shared library: libcurl.so.4\ngit has a missing requirement: x\nChecking all packages: .......... done\n"
	want := []Damage{
		{"git-2.51.0", "checksum", "/usr/local/bin/git"}, {"git-2.51.0", "missing_file", "/usr/local/share/a b"}, {"poudriere", "missing_dependency", "git"},
		{"git", "missing_library", "libcurl.so.4"}, {"git", "missing_dependency", "x"},
	}
	if diff := cmp.Diff(want, parseCheck(out)); diff != "" {
		t.Fatal(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("New packages to be INSTALLED:\n\tgit: 1 [x] (y)\n\n8 MiB to be downloaded.\n")
	f.Add("curl-8 is vulnerable:\n  x\n  CVE: y\n  WWW: z\n")
	f.Add("P\ta\tb\tc\t1\t0\t1\tx\nE\ty")
	f.Add("Repositories:\n  a: { \n    url : \"x\",\n  }\n")
	f.Add(`{"packages":{"a":{"issues":[{}]}}}`)
	f.Fuzz(func(t *testing.T, out string) {
		for _, s := range parsePlan(out).Steps {
			if s.Action == "" || s.Name == "" || s.Version == "" {
				t.Errorf("%+v", s)
			}
		}
		parseAuditText(out)
		_, _ = parseAuditJSON([]byte(out))
		parseDetails("x", out)
		parseRepos(out)
		parseCheck(out)
		parsePackages(out)
	})
}
