package portshaker

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

// entry is one command of a recorded transcript; testdata/README.txt tells where
// and how they were recorded.
type entry struct {
	command, stdout, stderr string
	exit                    int
}

func transcript(t testing.TB, name string) []entry {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for _, part := range strings.Split("\n"+string(data), "\n$ ")[1:] {
		command, rest, _ := strings.Cut(part, "\n--- stdout\n")
		command, _, _ = strings.Cut(command, "\n--- stdin\n")
		// A prompt has no newline, so that the next mark follows on its line.
		at := strings.LastIndex(rest, "--- stderr\n")
		if at < 0 {
			t.Fatalf("%s: not a transcript: %q", name, part)
		}
		stderr, exit, ok := strings.Cut(rest[at+len("--- stderr\n"):], "--- exit ")
		code, err := strconv.Atoi(strings.TrimSpace(exit))
		if !ok || err != nil {
			t.Fatalf("%s: not a transcript: %q", name, part)
		}
		entries = append(entries, entry{command, rest[:at], stderr, code})
	}
	return entries
}

// TestExplain holds every recorded failure against its kind and hint.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		file          string
		n             int
		kind          effect.ErrKind
		message, hint string
	}{
		{"err-missing-branch.txt", 0, effect.Missing, "git clone failed. Failed to update the 'myrepo' ports tree.", "no branch nobranch"},
		{"err-missing-branch.txt", 1, effect.Missing, "Failed to update the 'myrepo'", "no branch master"},
		{"err-branch-switch.txt", 0, effect.Failed, "git reset --hard origin/dev", "clone of another branch"},
		{"err-config.txt", 0, effect.Failed, "Unsupported update method ''", "source.put"},
		{"err-config.txt", 1, effect.Failed, "$git_clone_uri is not defined", "does not set git_clone_uri"},
		{"err-config.txt", 2, effect.Missing, "", "portshaker.configure"},
		{"err-config.txt", 3, effect.Failed, "Don't know how to build default", "default has no merge_from"},
		{"err-config.txt", 4, effect.Failed, "Don't know where to merge default", "default has neither"},
		{"err-config.txt", 5, effect.Failed, "Only set one of", "default has both"},
		{"err-missing-script.txt", 0, effect.Missing, "Failed to update", "myrepo has no script"},
		{"err-missing-script.txt", 1, effect.Missing, "", "myrepo has no script"},
		{"err-not-executable.txt", 0, effect.Denied, "Failed to update", "myrepo is not executable"},
		{"err-portsnap-gone.txt", 0, effect.Failed, "portsnap fetch failed", "method git"},
		{"err-seed-style-no-shift.txt", 0, effect.Failed, "Failed to update", "does not shift"},
		{"err-unreachable-uri.txt", 0, effect.Failed, "git clone failed", "does not answer"},
		{"err-unreachable-uri.txt", 1, effect.Failed, "git clone failed", "does not answer"},
		{"err-unreachable-uri.txt", 2, effect.Missing, "git clone failed", "/srv/git/nosuch.git"},
		{"err-unreachable-uri.txt", 3, effect.Missing, "git fetch failed", "/srv/git/myrepo.git"},
		{"merge-before-update.txt", 0, effect.Missing, "does not exists", "portshaker.update first"},
		{"rsync-missing.txt", 0, effect.Missing, "Failed to clone", "install rsync"},
		{"conflict.txt", 2, effect.Failed, "category/other of myrepo", "raise PORTREVISION"},
	} {
		e := transcript(t, c.file)[c.n]
		if e.exit == 0 {
			t.Fatalf("%s: %s did not fail", c.file, e.command)
		}
		got := effect.AsError(explain(&effect.Error{Kind: effect.Failed, Code: e.exit, Out: e.stdout, Err: e.stderr}, "portshaker -U"))
		if got.Kind != c.kind || !strings.Contains(got.Message, c.message) || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%s, entry %d\nkind %s, want %s\nmessage %q, want %q\nhint %q, want %q", c.file, c.n, got.Kind, c.kind, got.Message, c.message, got.Hint, c.hint)
		}
		if strings.Contains(got.Err+got.Out+got.Message, "\x1b") {
			t.Errorf("%s: colours are left in %q", c.file, got.Err)
		}
	}
}

func TestParseConflicts(t *testing.T) {
	want := []Conflict{{
		Origin: "category/other", Source: "myrepo", Target: "/usr/local/poudriere/ports/default", Files: []string{"pkg-descr"},
	}}
	for i, e := range transcript(t, "conflict.txt")[:3] {
		if diff := cmp.Diff(want, parseConflicts(e.stdout)); diff != "" {
			t.Errorf("entry %d: (-want +got)\n%s", i, diff)
		}
	}
}

func TestParseMerged(t *testing.T) {
	merge := transcript(t, "merge-first.txt")[1].stdout
	_, merged, _ := strings.Cut(merge, ".include <bsd.port.subdir.mk>\n")
	_, merged2, _ := strings.Cut(transcript(t, "conflict.txt")[1].stdout, "(diff|install|continue) > ")
	for _, c := range []struct {
		text string
		want []MergedPort
	}{
		{merged, []MergedPort{{Source: "myrepo", Origin: "category/myport", After: "0.1"}}},
		{merged2, []MergedPort{
			{Source: "myrepo", Origin: "category/myport", After: "0.2"},
			{Source: "myrepo", Origin: "category/other", Before: "1.0", After: "1.0"},
		}},
		{"", []MergedPort{}},
		{"github:user:proj:www/site:1.0,1:1.1_2,1\n", []MergedPort{{Source: "github:user:proj", Origin: "www/site", Before: "1.0,1", After: "1.1_2,1"}}},
		// Two sources provide a port: the later one is in the tree.
		{"a:www/site:0:1.0\nb:www/site:1.0:1.1\n", []MergedPort{{Source: "b", Origin: "www/site", Before: "1.0", After: "1.1"}}},
	} {
		got, err := parseMerged(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", c.text, diff)
		}
	}
	if _, err := parseMerged("no colons here\n"); err == nil {
		t.Error("a line of another kind was understood")
	}
}

func TestParseWarnings(t *testing.T) {
	backward, overridden := parseWarnings(transcript(t, "backward.txt")[0].stderr + transcript(t, "conflict.txt")[3].stderr)
	if !cmp.Equal(backward, []string{"category/other"}) || !cmp.Equal(overridden, []string{"category/other"}) {
		t.Errorf("backward %q, overridden %q", backward, overridden)
	}
	backward, overridden = parseWarnings(transcript(t, "merge-debug.txt")[0].stderr)
	if len(backward)+len(overridden) > 0 {
		t.Errorf("debug messages count as warnings: %q, %q", backward, overridden)
	}
}

func TestVersionOf(t *testing.T) {
	for text, want := range map[string]string{
		"PORTVERSION=\t1.0": "1.0",
		"DISTVERSIONPREFIX=v\nDISTVERSION=\t2.1 # a comment":                  "v2.1",
		"MAJOR=3\nPORTVERSION=${MAJOR}.2\nPORTREVISION=1":                     "3.2_1",
		"PORTVERSION=1\nPORTREVISION?=\t2\nPORTEPOCH=1":                       "1_2,1",
		"PORTVERSION=1\nPORTREVISION=0":                                       "1",
		"A=${B}\nB=${A}\nPORTVERSION=1":                                       "1",
		".include \"${.CURDIR}/../../misc/hello/Makefile\"\nPORTREVISION=\t4": "_4",
	} {
		if got := versionOf(strings.Split(text, "\n")); got != want {
			t.Errorf("%q is version %q, want %q", text, got, want)
		}
	}
}

func TestParseClone(t *testing.T) {
	uri, fetch, err := parseClone([]byte("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://git.example.org/ports.git\n\tfetch = +refs/heads/main:refs/remotes/origin/main\n[branch \"main\"]\n\tremote = origin\n"))
	if err != nil || uri != "https://git.example.org/ports.git" || !cmp.Equal(fetch, []string{"+refs/heads/main:refs/remotes/origin/main"}) {
		t.Errorf("%q %q %v", uri, fetch, err)
	}
}

func TestUnaccounted(t *testing.T) {
	listing := "./.portshaker-merged-ports\n./INDEX-14\n./www/Makefile\n./www/site/Makefile\n./www/other/files/patch-a\n./notes.txt\n"
	got := unaccounted(listing, []MergedPort{{Origin: "www/site"}})
	if !cmp.Equal(got, []string{"www/other/files/patch-a", "notes.txt"}) {
		t.Errorf("foreign are %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"conflict.txt", "backward.txt", "merge-debug.txt", "merge-first.txt", "err-config.txt"} {
		for _, e := range transcript(f, name) {
			f.Add(e.stdout, e.stderr)
		}
	}
	f.Add("port a/b\nfile c\nnew PORTVERSION=${A}\nold A=${A}\n", "[remote \"origin\"]\n\turl = x\n")
	f.Fuzz(func(t *testing.T, stdout, stderr string) {
		_ = parseConflicts(stdout)
		_, _ = parseWarnings(stderr)
		_, _ = parseComparison([]byte(stdout))
		_, _, _ = parseClone([]byte(stderr))
		ports, err := parseMerged(stdout)
		if err == nil {
			_ = unaccounted(stdout, ports)
		}
		_, _ = parseConf("portshaker.test", []byte(stderr), true)
		if strings.Contains(plain("\x1b[31m"+stdout), "\x1b[31m") && !strings.Contains(stdout, "\x1b[31m") {
			t.Error("a colour stayed")
		}
	})
}
