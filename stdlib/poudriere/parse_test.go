package poudriere

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBuildFromJSON(t *testing.T) {
	b, err := parseBuild(sample(t, "data.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got Build
	place{jail: "143amd64", tree: "default", data: "/d"}.fill(&got, b, "latest")
	const logs = "/d/logs/bulk/143amd64-default/2026-01-31_12h00m00s"
	want := Build{
		Changed: true, Name: "2026-01-31_12h00m00s", Jail: "143amd64", Tree: "default", Status: "done",
		Started: time.Unix(1769860800, 0).UTC(), Ended: time.Unix(1769864400, 0).UTC(), Took: 3600,
		Log: logs, Packages: "/d/packages/143amd64-default",
		Counts: Counts{Queued: 7, Built: 3, Failed: 1, Skipped: 1, Ignored: 1, Fetched: 1},
		Built: []Port{
			{Origin: "ports-mgmt/pkg", Package: "pkg-2.4.2", Took: 95}, {Origin: "misc/hello", Package: "hello-1.0", Took: 5},
			{Origin: "devel/py-thing", Flavor: "py311", Package: "py311-thing-2.1_3", Took: 61},
		},
		Failed:  []Failure{{Origin: "misc/broken", Package: "broken-0.1", Phase: "build", Error: "compiler_error", Took: 12, Log: logs + "/logs/broken-0.1.log"}},
		Skipped: []Skip{{Origin: "misc/needs", Package: "needs-1.0", Because: "broken-0.1"}},
		Ignored: []Skip{{Origin: "misc/old", Package: "old-1", Because: `is marked as broken: does not compile "at all"`}},
		Fetched: []Port{{Origin: "devel/gmake", Package: "gmake-4.4"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !b.over() {
		t.Error("a build that is done is not over")
	}
}

func TestRunningBuild(t *testing.T) {
	b, err := parseBuild(sample(t, "mini-running.json"))
	if err != nil {
		t.Fatal(err)
	}
	if b.over() || b.state() != "parallel_build" || b.counts().Remaining != 4 {
		t.Errorf("over %v, state %q, counts %+v", b.over(), b.state(), b.counts())
	}
	for status, over := range map[word]bool{
		"starting_jail:": false, "building:": false, "committing:": false, "done:": true, "crashed:err:x": true, "sigint:": true,
		"stopped:crashed:err:x": true, "stopped:parallel_build:": true,
	} {
		if got := (buildJSON{Status: status}).over(); got != over {
			t.Errorf("%s: over is %v", status, got)
		}
	}
}

func TestJSONIsForgivingAndStrict(t *testing.T) {
	b, err := parseBuild([]byte(`{"started":1769860800,"stats":{"queued":" 12 ","built":3,"failed":"-","ignored":null}}`))
	if err != nil || b.counts().Queued != 12 || b.counts().Built != 3 || b.counts().Failed != 0 || b.Started.time().IsZero() {
		t.Errorf("%+v, %v", b, err)
	}
	for _, bad := range []string{"", "{", `{"status":{}}`, `{"ports":{"built":"x"}}`} {
		if _, err := parseBuild([]byte(bad)); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
}

func TestParseStatus(t *testing.T) {
	want := BuildStatus{
		Tree: "default", Jail: "143amd64", Build: "2026-01-31_12h00m00s", Status: "parallel_build",
		Counts: Counts{Queued: 7, Inspected: 1, Ignored: 1, Built: 2, Remaining: 3}, Elapsed: "00:10:02", Logs: "/d/logs/x",
	}
	old := want
	old.Counts.Inspected, old.Set = 0, "server"
	for text, want := range map[string][]BuildStatus{
		"-\tdefault\t143amd64\t2026-01-31_12h00m00s\tparallel_build:\t7\t1\t1\t2\t0\t0\t?\t3\t00:10:02\t/d/logs/x\n":  {want},
		"server\tdefault\t143amd64\t2026-01-31_12h00m00s\tparallel_build\t7\t1\t2\t0\t0\t0\t3\t00:10:02\t/d/logs/x\n": {old},
		"": {},
		"No running builds. Use -a or -f to show finished builds.\n": {},
	} {
		got, err := parseStatus(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", text, diff)
		}
	}
	if _, err := parseStatus("SET PORTS JAIL\n"); err == nil {
		t.Error("a header was understood as a build")
	}
}

func TestParsePlan(t *testing.T) {
	got, err := parsePlan("[00:00:05] ====>> Dry run mode, cleaning up and exiting\n[00:00:05] ====>> Would build 3 packages using 2 builders\n[00:00:05] ====>> Ports to build: ports-mgmt/pkg misc/hello devel/py-thing@py311\n")
	if err != nil || got.Count != 3 || got.Builders != 2 || !cmp.Equal(got.Origins, []string{"ports-mgmt/pkg", "misc/hello", "devel/py-thing@py311"}) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = parsePlan("[00:00:05] ====>> Dry run mode, cleaning up and exiting\n[00:00:05] ====>> No packages would be built\n")
	if err != nil || got.Count != 0 || len(got.Origins) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parsePlan("something else"); err == nil {
		t.Error("something else was understood")
	}
}

func TestParseCleaned(t *testing.T) {
	for text, want := range map[string]Cleaned{
		"[00:00:01] ====>> Files to be deleted:\n/usr/ports/distfiles/a.tar.gz\n/usr/ports/distfiles/b c.zip\n[00:00:01] ====>> Cleaning these will free: 12 MB\n[00:00:01] ====>> Cleaning files\n": {
			Changed: true, Removed: []string{"/usr/ports/distfiles/a.tar.gz", "/usr/ports/distfiles/b c.zip"}, Freed: "12 MB",
		},
		"[00:00:01] ====>> These stale packages will be deleted:\n/d/packages/x/.latest/All/a-1.pkg\n[00:00:01] ====>> Removing these stale packages will free: 3 KiB\n[00:00:01] ====>> Removing files... done\n": {
			Changed: true, Removed: []string{"/d/packages/x/.latest/All/a-1.pkg"}, Freed: "3 KiB",
		},
		"[00:00:02] ====>> These builds over max of 5 in /d/logs/bulk (filtered) will be deleted:\nj-default/b1\n[00:00:02] ====>> Removing these 1 builds over max of 5 in /d/logs/bulk (filtered) will free: 3 KiB\n": {
			Changed: true, Removed: []string{"j-default/b1"}, Freed: "3 KiB",
		},
		"====>> No stale distfiles to cleanup\n":              {Removed: []string{}},
		"[00:00:03] ====>> No stale packages to cleanup\nx\n": {Removed: []string{}},
	} {
		if diff := cmp.Diff(want, parseCleaned(text)); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", text, diff)
		}
	}
}

func TestParseState(t *testing.T) {
	got, err := parseState("entry\tdefault\nvalue\tmethod\tgit+https\nvalue\tmnt\t/usr/local/poudriere/ports/default\nvalue\ttimestamp\t1769860800\nvalue\tcreated_fs\t1\nentry\tempty\n")
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	want := Tree{Name: "default", Method: "git+https", Path: "/usr/local/poudriere/ports/default", Updated: time.Unix(1769860800, 0).UTC(), Dataset: true}
	if diff := cmp.Diff(want, treeOf(got[0])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if jail := jailOf(entry{"j", map[string]string{"version": "14.3-RELEASE-p2"}}); jail.release() != "14.3-RELEASE" {
		t.Errorf("the release is %q", jail.release())
	}
}

func TestLists(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string][]Tree{
		"PORTSTREE METHOD    TIMESTAMP           PATH\n" +
			"default   git+https 2026-01-31 12:00:00 /usr/local/poudriere/ports/default\n" +
			"mine      null                          /srv/with blank\n": {
			{Name: "default", Method: "git+https", Path: "/usr/local/poudriere/ports/default", Updated: at}, {Name: "mine", Method: "null", Path: "/srv/with blank"},
		},
		// 3.0, as in printf '%-20s %-10s %s'.
		"PORTSTREE            METHOD     PATH\n" +
			"default              -          /usr/local/poudriere/ports/default\n" +
			"a-name-that-is-longer-than-its-column portsnap   /usr/ports\n": {
			{Name: "default", Method: "-", Path: "/usr/local/poudriere/ports/default"}, {Name: "a-name-that-is-longer-than-its-column", Method: "portsnap", Path: "/usr/ports"},
		},
		"PORTSTREE METHOD TIMESTAMP PATH\n": {},
		"":                                  {},
	} {
		got, err := parsePortsList(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", text, diff)
		}
	}
	for text, want := range map[string][]Jail{
		"JAILNAME VERSION         OSVERSION ARCH  METHOD TIMESTAMP           PATH\n" +
			"143amd64 14.3-RELEASE-p2 1403000   amd64 http   2026-01-31 12:00:00 /j/143amd64\n" +
			"main     16.0 0123abcd             amd64 null                       /j/main\n": {
			{Name: "143amd64", Version: "14.3-RELEASE-p2", Arch: "amd64", Method: "http", Path: "/j/143amd64", Updated: at},
			{Name: "main", Version: "16.0", Revision: "0123abcd", Arch: "amd64", Method: "null", Path: "/j/main"},
		},
		"JAILNAME             VERSION              ARCH    METHOD  PATH\n" +
			"92amd64              9.2-RELEASE          amd64   ftp     /usr/local/poudriere/jails/92amd64\n": {
			{Name: "92amd64", Version: "9.2-RELEASE", Arch: "amd64", Method: "ftp", Path: "/usr/local/poudriere/jails/92amd64"},
		},
	} {
		got, err := parseJailList(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", text, diff)
		}
	}
	if _, err := parsePortsList("A B\nx y z\nlonger than\n"); err != nil {
		t.Errorf("aligned rows: %v", err)
	}
	if _, err := parsePortsList("PORTSTREE METHOD PATH\nverylongname-without end\n"); err == nil {
		t.Error("a row of another kind was understood")
	}
}

func TestVersions(t *testing.T) {
	for text, old := range map[string]bool{
		"3.0.16": true, "poudriere-3.0": true, "3.1.22": false, "poudriere-git-3.4.99.20250601": false, "poudriere-3.4.8": false, "10.0": false, "2.2": true, "": false,
	} {
		if isBefore(text, 3, 1) != old {
			t.Errorf("%q counts as before 3.1: %v", text, !old)
		}
	}
	if archOf("amd64", "amd64") != "amd64" || archOf("arm64", "aarch64") != "arm64.aarch64" {
		t.Error("architectures are named wrongly")
	}
}

func TestSetMakeVars(t *testing.T) {
	src := "# mine\nA=1\nB?=2\nA = 3\nC=long \\\n  tail\nWITHOUT_X=yes\n"
	got := setMakeVars(src, map[string]string{"A": "4", "C": "short", "D": "new"})
	if want := "# mine\nA=1\nB?=2\nA=4\nC=short\nWITHOUT_X=yes\nD=new\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := setMakeVars(got, map[string]string{"A": "4", "C": "short", "D": "new"}); again != got {
		t.Errorf("the second time: %q", again)
	}
	if got := setMakeVars("", map[string]string{"A": "1"}); got != "A=1\n" {
		t.Errorf("an empty file becomes %q", got)
	}
}

func TestParseFirst(t *testing.T) {
	name, what, ok := parseFirst("bsdrun build 2026-01-31_12:00:00: bulk -j j -p default a/b")
	if !ok || name != "2026-01-31_12:00:00" || what != "bulk -j j -p default a/b" {
		t.Errorf("%q %q %v", name, what, ok)
	}
	if _, _, ok := parseFirst("[00:00:00] ====>> Error: x"); ok {
		t.Error("an error was understood as a name")
	}
}

// TestExplain holds the error table against kinds and hints; both forms of the
// messages, with the elapsed time (3.2 and later) and without.
func TestExplain(t *testing.T) {
	for text, want := range map[string]struct {
		kind effect.ErrKind
		hint string
	}{
		"No such jail: nosuch":                                               {effect.Missing, "jail nosuch"},
		"No such ports tree nosuch":                                          {effect.Missing, "tree nosuch"},
		"No such ports tree: nosuch":                                         {effect.Missing, "tree nosuch"},
		"The jail 143amd64 already exists":                                   {effect.Failed, "jail.upgrade"},
		"The ports tree, default, already exists":                            {effect.Failed, "ports.list"},
		"Directory /usr/ports already exists":                                {effect.Failed, "/usr/ports"},
		"Nonexistent origin listed: misc/nosuch":                             {effect.Missing, "no misc/nosuch"},
		"jail already running: 143amd64-default":                             {effect.Failed, "143amd64-default is under way"},
		"jail currently starting: 143amd64-default":                          {effect.Failed, "143amd64-default is under way"},
		"failed to acquire logs lock (in use by another process)":            {effect.Failed, "another poudriere"},
		"This command requires root or poudriered running":                   {effect.Denied, "root"},
		"Unable to find a readable poudriere.conf in /usr/local/etc":         {effect.Missing, "configure"},
		"ZPOOL variable is not set":                                          {effect.Failed, "zfs=false"},
		"No such zpool: tank":                                                {effect.Missing, "pool tank"},
		"Please provide a BASEFS variable in your poudriere.conf":            {effect.Failed, "BASEFS"},
		"DISTFILES_CACHE directory does not exist. (cf.  poudriere.conf)":    {effect.Missing, "configure"},
		"Ports tree \"default\" is currently mounted and being used.":        {effect.Failed, "wait"},
		"ATOMIC_PACKAGE_REPOSITORY required for dry-run support":             {effect.Failed, "ATOMIC_PACKAGE_REPOSITORY"},
		"No packages specified":                                              {effect.Invalid, "origins"},
		"No such list of packages: /root/list":                               {effect.Missing, "/root/list"},
		"base.txz checksum mismatch":                                         {effect.Failed, "again"},
		"Fatal errors encountered gathering initial ports metadata":          {effect.Failed, "Makefile"},
		"cp: /usr/local/poudriere/x: No space left on device":                {effect.Failed, "full"},
		"fetch: https://download.FreeBSD.org/x: Name does not resolve":       {effect.Failed, "freebsd_host"},
		"fetch: https://download.FreeBSD.org/releases/x/MANIFEST: Not Found": {effect.Missing, "ftp-archive"},
		"Remote branch nosuch not found in upstream origin":                  {effect.Missing, "no branch nosuch"},
	} {
		for _, prefix := range []string{"[00:00:00] ====>> Error: ", "====>> Error: ", "\x1b[1;31m[00:00:00] ====>>\x1b[0m Error: "} {
			got := effect.AsError(explain(&effect.Error{Op: "poudriere.test", Kind: effect.Failed, Code: 1, Err: prefix + text + "\n"}))
			if got.Kind != want.kind || !strings.Contains(got.Hint, want.hint) {
				t.Errorf("%q: kind %s, want %s; hint %q, want %q", text, got.Kind, want.kind, got.Hint, want.hint)
			}
			if got.Message != "poudriere: "+text {
				t.Errorf("%q: the message is %q", prefix+text, got.Message)
			}
		}
	}
	got := effect.AsError(explain(&effect.Error{Kind: effect.Failed, Code: 127, Err: "sh: poudriere: not found"}))
	if got.Kind != effect.Missing || !strings.Contains(got.Hint, "pkg.install") {
		t.Errorf("poudriere is missing: %s %q", got.Kind, got.Hint)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(sample(f, "data.json")))
	f.Add(string(sample(f, "mini-running.json")))
	f.Add("-\tdefault\tj\tb\ts:\t7\t1\t1\t2\t0\t0\t?\t3\t0\t/l\n")
	f.Add("[00:00:01] ====>> Files to be deleted:\na\n[00:00:01] ====>> Cleaning these will free: 1 B\n")
	f.Add("Would build 3 packages using 2 builders\nPorts to build: a/b\n")
	f.Add("entry\tx\nvalue\ta\tb\n")
	f.Add("OPTIONS_FILE_SET+=A\n")
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := parseBuild([]byte(text)); err == nil {
			var out Build
			place{}.fill(&out, b, "x")
			if out.Counts.Remaining < 0 || out.Took < 0 {
				t.Errorf("negative numbers: %+v", out)
			}
		}
		_, _ = parseStatus(text)
		_, _ = parsePlan(text)
		_, _ = parsePortsList(text)
		_, _ = parseJailList(text)
		_ = parseCleaned(text)
		_, _ = parseState(text)
		_, _, _ = parseFirst(text)
		once := setMakeVars(text, map[string]string{"A": "1"})
		if twice := setMakeVars(once, map[string]string{"A": "1"}); twice != once {
			t.Errorf("setting twice differs: %q, %q", once, twice)
		}
	})
}
