package freebsdupdate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	hashA = strings.Repeat("a", 64)
	hashB = strings.Repeat("b", 64)
	hashC = strings.Repeat("c", 64)
)

func indexText() string {
	return "kernel|generic|/boot/GENERIC/kernel|f|0|0|0555|0|" + hashA + "|\n" +
		"world|base|/etc/|d|0|0|0755|0||\n" +
		"world|base|/etc/hosts|f|0|0|0644|0|" + hashA + "|\n" +
		"world|base|/etc/hosts|f|0|0|0644|0|" + hashB + "|\n" +
		"world|base|/etc/termcap|L|0|0|0755|0|/usr/share/misc/termcap||\n"
}

func TestParseIndex(t *testing.T) {
	text := strings.Replace(indexText(), "termcap||\n", "termcap|\n", 1)
	entries, err := parseIndex(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 5 || entries[1].path != "/etc" || entries[4].hash != "/usr/share/misc/termcap" || entries[0].component != "kernel/generic" {
		t.Errorf("%+v", entries)
	}
	if got := filesOf(entries, []string{"world"}); !cmp.Equal(got, map[string][]string{"/etc/hosts": {hashA, hashB}}) {
		t.Errorf("%v", got)
	}
	for _, bad := range []string{"x\n", indexText(), "world|base|etc/hosts|f|0|0|0644|0|" + hashA + "|\n", "world|base|/etc/hosts|f|0|0|0644|0|short|\n", "world|base|/x|q|0|0|0|0||\n"} {
		if _, err := parseIndex(bad); err == nil {
			t.Errorf("%q was taken for an index", bad)
		}
	}
}

func TestIndexHash(t *testing.T) {
	present := "INDEX-ALL|" + hashA + "\nINDEX-OLD|" + hashB + "\n"
	if got, ok := indexHash(present, "INDEX-OLD"); !ok || got != hashB {
		t.Error(got, ok)
	}
	if _, ok := indexHash(present, "INDEX-NEW"); ok {
		t.Error("found what is not there")
	}
}

func TestInstalledComponents(t *testing.T) {
	counts := parseCounts("  10 + world/base\n   1 - world/base\n  1 + world/doc\n  9 - world/doc\n 5 - kernel/generic\n  20 + src/sys\n  3 + world/lib32\n 3 - world/lib32\n")
	got, hasKernel := installed(counts, []string{"world", "kernel"}, "generic")
	if want := []string{"kernel/generic", "world/base"}; !cmp.Equal(got, want) || !hasKernel {
		t.Errorf("%v, %t", got, hasKernel)
	}
	got, hasKernel = installed(counts, []string{"src", "world/base", "kernel"}, "mine")
	if want := []string{"src/sys", "world/base"}; !cmp.Equal(got, want) || hasKernel {
		t.Errorf("%v, %t", got, hasKernel)
	}
	if _, hasKernel = installed(counts, []string{"world"}, "mine"); !hasKernel {
		t.Error("no kernel was asked for")
	}
}

func TestLocallyChanged(t *testing.T) {
	before := map[string][]string{"/etc/a": {hashA}, "/etc/b": {hashA}, "/etc/c": {hashA, hashC}, "/etc/d": {hashA}, "/etc/same": {hashA}, "/etc/spwd.db": {hashA}}
	after := map[string][]string{"/etc/a": {hashB}, "/etc/b": {hashB}, "/etc/c": {hashB}, "/etc/e": {hashB}, "/etc/same": {hashA}, "/etc/spwd.db": {hashB}}
	paths := differences(before, after)
	if want := []string{"/etc/a", "/etc/b", "/etc/c", "/etc/d", "/etc/e"}; !cmp.Equal(paths, want) {
		t.Fatal(paths)
	}
	local := map[string]string{"/etc/a": "mine", "/etc/b": hashA, "/etc/c": hashC, "/etc/d": "mine", "/etc/e": "mine"}
	got := locallyChanged(paths, local, before, after)
	want := []PlanFile{{"/etc/a", []string{hashA}, hashB}, {"/etc/d", []string{hashA}, ""}, {"/etc/e", nil, hashB}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := (Plan{Files: want}).candidates(); got[0].What != "changed" || got[1].What != "removed" || got[2].What != "added" {
		t.Errorf("%+v", got)
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add(indexText())
	f.Add("world|base|/etc/hosts|-||||||\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseIndex(text)
		if err != nil {
			return
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.path, "/") || e.kind == "f" && len(e.hash) != 64 {
				t.Errorf("%+v", e)
			}
		}
		if _, err := parseManifest(text); err == nil && len(entries) > 0 {
			t.Errorf("%q is an index of both forms", text)
		}
	})
}
