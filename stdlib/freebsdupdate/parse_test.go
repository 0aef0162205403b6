package freebsdupdate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/tests/answers"
)

// recorded is what the real tool printed.
func recorded(t testing.TB, name string) string {
	t.Helper()
	return answers.Recorded(t, "testdata/freebsd-update.txtar", name)
}

func TestParseReport(t *testing.T) {
	upgraded := Lists{
		Removed: []string{"/lib/libold.so.5"}, Added: []string{"/usr/bin/newtool"}, Kept: []string{},
		Updated: []string{"/bin/sh", "/boot/kernel/kernel", "/etc/hosts", "/etc/motd", "/lib/libc.so.7"},
	}
	old := upgraded
	old.Added = append(old.Added, "/usr/share/odd%name@x")
	kept := Lists{Removed: []string{}, Added: []string{}, Updated: []string{}, Kept: []string{"/etc/hosts", "/etc/motd"}}
	for name, want := range map[string]Lists{"upgrade-strict": upgraded, "upgrade-old": old, "eol": kept} {
		got := parseReport(recorded(t, name))
		if diff := cmp.Diff(want, got.lists); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got.eol != (name == "eol") {
			t.Errorf("%s: end of life %t", name, got.eol)
		}
	}
	got := parseReport(recorded(t, "eol")).warnings
	want := []string{"FreeBSD 12.0-RELEASE HAS PASSED ITS END-OF-LIFE DATE. Any security issues discovered after Fri Jul 14 02:40:00 UTC 2017 will not have been corrected."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The form of releases since 14, from the tool's source.
func TestParseKernelModules(t *testing.T) {
	r := parseReport("\n\nThe following modules have been installed from packages.\nAs a consequence they might not work when performing a major or minor upgrade.\n" +
		"It is advised to rebuild these ports:\n\nModule                  Package            Port\n------                  -------            ----\n" +
		"/boot/modules/amdgpu.ko  drm-61-kmod-6.1    graphics/drm-61-kmod\n\n\nFetching metadata index... done.\n")
	want := []KernelModule{{"/boot/modules/amdgpu.ko", "drm-61-kmod-6.1", "graphics/drm-61-kmod"}}
	if diff := cmp.Diff(want, r.modules); diff != "" {
		t.Error(diff)
	}
}

func TestParseDifferences(t *testing.T) {
	got := parseDifferences(recorded(t, "ids"))
	if len(got) != 3 || got[0].Path != "/etc/hosts" || got[0].What != "hash" || !strings.HasPrefix(got[0].Is, "bbbcacd2") || !strings.HasPrefix(got[0].Should, "2338c851") {
		t.Errorf("%+v", got)
	}
	got = parseDifferences("/bin/ls has 0755 permissions, but should have 0555 permissions.\n/sbin is a symlink to usr/sbin, but should be a symlink to .\n" +
		"/x is owned by user id 1001, but should be owned by user id 0.\n/y is a regular file, but should be a directory.\nInspecting system... done.\n")
	want := []Difference{{"/bin/ls", "mode", "0755", "0555"}, {"/sbin", "target", "usr/sbin", ""}, {"/x", "owner", "1001", "0"}, {"/y", "type", "regular file", "directory"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFeatures(t *testing.T) {
	if got, want := featuresOf(recorded(t, "usage")), (features{noTerminal: true, currentlyRunning: true, force: true}); got != want {
		t.Errorf("12.1: %+v", got)
	}
	handled := "usage: freebsd-update [options] command ... [path]\n  -k KEY       -- Trust\n\t\t-F)\n\t\t--not-running-from-cron)\n"
	if got, want := featuresOf(handled), (features{noTerminal: true, force: true}); got != want {
		t.Errorf("by its source: %+v", got)
	}
}

// Failures are told from their texts; the exit code says 0 or 1.
func TestJudge(t *testing.T) {
	for name, want := range map[string]struct {
		code int
		kind effect.ErrKind
		hint string
	}{
		"usage":            {0, effect.Invalid, "may lack an option"},
		"integrity":        {1, effect.Failed, "patch_integrity_check"},
		"no-release":       {1, effect.Missing, "no server has 12.1-RELEASE"},
		"no-server":        {1, effect.Failed, "no server answers"},
		"bad-key":          {1, effect.Failed, "key="},
		"older":            {1, effect.Failed, "behind"},
		"pending":          {1, effect.Failed, "force=true"},
		"itself":           {1, effect.Failed, "currently_running="},
		"not-a-release":    {1, effect.Failed, "from source"},
		"not-root":         {1, effect.Denied, "root"},
		"files-missing":    {1, effect.Failed, "again"},
		"rollback-nothing": {1, effect.Missing, ""},
	} {
		_, err := judge(call{op: "freebsd_update.test", verb: "test"}, outcome{code: want.code, out: recorded(t, name)})
		if got := effect.AsError(err); err == nil || got.Kind != want.kind || !strings.Contains(got.Hint, want.hint) {
			t.Errorf("%s: %v, hint %q", name, err, got.Hint)
		}
	}
	for _, name := range []string{"upgrade-strict", "install-kernel", "install-done", "uptodate"} {
		if _, err := judge(call{}, outcome{out: recorded(t, name)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The tool names its boot environments by release and time.
func TestLatestSnapshot(t *testing.T) {
	list := "default\t-\t-\t1.5G\t2026-01-02 10:00\n14.2-RELEASE-p1_2025-12-01_101500\t-\t-\t8K\t2025-12-01 10:15\n" +
		"14.3-RELEASE_2026-01-03_091000\t-\t-\t8K\t2026-01-03 09:10\nmine_2026\tNR\t/\t2G\t2026-01-04 09:10\n"
	if got := latestSnapshot(list); got != "14.3-RELEASE_2026-01-03_091000" {
		t.Errorf("%q", got)
	}
	if got := latestSnapshot("default\tNR\t/\t1G\t2026-01-02 10:00\n"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestEndOfLifeIsNoFailure(t *testing.T) {
	failed := errors.New("code 1")
	if _, err := endOfLife(&outcome{code: 1, out: recorded(t, "eol")}, failed); err != nil {
		t.Error(err)
	}
	if _, err := endOfLife(&outcome{code: 1, out: recorded(t, "older")}, failed); err == nil {
		t.Error("a failure was forgiven")
	}
}

const tag = "tag freebsd-update|amd64|14.3-RELEASE|2|b9beaa55d9416266c109c7067a58ee672dd8fa50579fa84488be118607d85e55|1800000000\n"

func TestParseState(t *testing.T) {
	indexes := "install install.tJcFLZ\nINDEX-OLD\nINDEX-NEW\n"
	for listing, want := range map[string]Progress{
		"":                              {Phase: "none"},
		tag + "rollback\n":              {Phase: "none", Rollback: true},
		indexes + tag:                   {Phase: "fetched", To: "14.3-RELEASE", Patch: 2},
		"install x\n" + tag:             {Phase: "fetched", To: "14.3-RELEASE", Patch: 2, Damaged: true},
		indexes + "kernelfirst\n" + tag: {Phase: "upgrade_fetched", To: "14.3-RELEASE", Patch: 2},
		indexes + "kernelfirst\nkerneldone\n" + tag:               {Phase: "kernel_done", To: "14.3-RELEASE", Patch: 2},
		indexes + "kernelfirst\nkerneldone\nworlddone\n" + tag:    {Phase: "world_done", To: "14.3-RELEASE", Patch: 2},
		indexes + "kerneldone\n" + tag:                            {Phase: "fetched", To: "14.3-RELEASE", Patch: 2},
		indexes + "kernelfirst\n" + tag + planned("14.3-RELEASE"): {Phase: "upgrade_fetched", From: "13.5-RELEASE", To: "14.3-RELEASE", Patch: 2, Merges: true},
		indexes + "kernelfirst\n" + tag + planned("15.0-RELEASE"): {Phase: "upgrade_fetched", From: "13.5-RELEASE", To: "15.0-RELEASE", Merges: true},
	} {
		got, err := parseState("test", listing)
		got.tagRelease, got.tagPatch, got.stamp, got.pass = "", 0, "", ""
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", listing, got, err)
		}
	}
	if _, err := parseState("test", "denied\n"); effect.KindOf(err) != effect.Denied {
		t.Error(err)
	}
}

func planned(to string) string {
	return `plan
{"from": "13.5-RELEASE", "to": "` + to + `", "policy": "keep", "ready": true, "files": [{"path": "/etc/hosts"}]}
`
}

func FuzzParseReport(f *testing.F) {
	for _, name := range []string{"upgrade-strict", "upgrade-old", "eol"} {
		f.Add(recorded(f, name))
	}
	f.Fuzz(func(t *testing.T, out string) {
		r := parseReport(out)
		for _, path := range append(append(append(r.lists.Added, r.lists.Updated...), r.lists.Removed...), r.lists.Kept...) {
			if !strings.HasPrefix(path, "/") || !strings.Contains(out, path) {
				t.Errorf("%q is no path of the output", path)
			}
		}
	})
}

func FuzzParseState(f *testing.F) {
	f.Add("install x\nINDEX-OLD\nkernelfirst\n" + tag)
	f.Add("rollback\n" + planned("14.3-RELEASE"))
	f.Fuzz(func(t *testing.T, out string) {
		if p, err := parseState("test", out); err == nil && !p.pending() && (p.To != "" || p.Damaged) {
			t.Errorf("%+v", p)
		}
	})
}
