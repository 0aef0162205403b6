package sshhost

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

// What stat -f of FreeBSD prints with bsdFormat, and find -printf of GNU with
// gnuFormat, M being the mark.
const (
	freebsdStat = "M 100644 1234 0 0 1700000000 1 42 uarch,schg root wheel//etc/motd\nM>\n" +
		"M 40755 512 1001 1001 1700000001 3 18446744073709551615 - ops ops//home/ops\nnew\nM>\n" +
		"M 120755 7 0 0 1700000002 1 7 - root wheel//tmp/link\nM>target\n" +
		"M 104755 9 0 0 -5 1 8 - root wheel//usr/bin/su\nM>\n"
	gnuStat = "M f644 5 0 0 1700000000.1234567890 1 99 - root root//tmp/a b\nM>\n" +
		"M l777 4 1000 1000 1700000000.0000000000 1 100 - 1000 users//tmp/l\nM>a b\nM>\n"
)

func TestParseStat(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	for name, c := range map[string]struct {
		text string
		want []effect.FileInfo
	}{
		"FreeBSD": {freebsdStat, []effect.FileInfo{
			{Path: "/etc/motd", Type: "file", Size: 1234, Mode: 0o644, Owner: "root", Group: "wheel", MTime: at(1700000000), Links: 1, Inode: 42, Flags: "uarch,schg"},
			{Path: "/home/ops\nnew", Type: "directory", Size: 512, Mode: 0o755, UID: 1001, GID: 1001, Owner: "ops", Group: "ops", MTime: at(1700000001), Links: 3, Inode: 18446744073709551615},
			{Path: "/tmp/link", Type: "link", Size: 7, Mode: 0o755, Owner: "root", Group: "wheel", MTime: at(1700000002), Links: 1, Inode: 7, Target: "target"},
			{Path: "/usr/bin/su", Type: "file", Size: 9, Mode: 0o4755, Owner: "root", Group: "wheel", MTime: at(-5), Links: 1, Inode: 8},
		}},
		"GNU": {gnuStat[:len(gnuStat)-3], []effect.FileInfo{
			{Path: "/tmp/a b", Type: "file", Size: 5, Mode: 0o644, Owner: "root", Group: "root", MTime: at(1700000000), Links: 1, Inode: 99},
			{Path: "/tmp/l", Type: "link", Size: 4, Mode: 0o777, UID: 1000, GID: 1000, Owner: "1000", Group: "users", MTime: at(1700000000), Links: 1, Inode: 100, Target: "a b"},
		}},
		"nothing": {"", []effect.FileInfo{}},
	} {
		got, err := parseStat([]byte(c.text), "M")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(freebsdStat))
	f.Add([]byte(gnuStat))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parseStat(text, "M") })
}

func TestBelow(t *testing.T) {
	list := []byte("  PID  PPID\n    1     0\n  100     1\n  101   100\n  102   101\n  103   100\n  200     1\n  201   200\n  104   103\n")
	for _, c := range []struct {
		root, except int
		want         []string
	}{
		{100, 0, []string{"101", "103", "102", "104"}},
		{100, 103, []string{"101", "102"}},
		{102, 0, nil},
		{999, 0, nil},
	} {
		if diff := cmp.Diff(c.want, below(list, c.root, c.except)); diff != "" {
			t.Errorf("below %d (-want +got):\n%s", c.root, diff)
		}
	}
}

func FuzzBelow(f *testing.F) {
	f.Add([]byte("PID PPID\n1 0\n2 1\n1 2\n"), 1)
	f.Fuzz(func(_ *testing.T, list []byte, root int) { below(list, root, 0) })
}

func TestAbout(t *testing.T) {
	for text, want := range map[string]about{
		"123 bsd @1700000000\nprintf is a shell builtin\n":                          {pid: 123, printf: true, boot: "@1700000000"},
		"9 bsd -\nprintf is /usr/bin/printf\n":                                      {pid: 9},
		"7 linux 5892d363-4f1f-429d-8aba-914c00b7d109\nprintf is a shell builtin\n": {pid: 7, linux: true, printf: true, boot: "5892d363-4f1f-429d-8aba-914c00b7d109"},
	} {
		if got, err := parseAbout(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "\n", "x y z", "welcome"} {
		if got, err := parseAbout(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestSameBoot(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"@1700000000", "@1700000000", true},
		{"@1700000000", "@1700000003", true}, // the clock was corrected
		{"@1700000000", "@1700000060", false},
		{"5892d363", "5892d363", true},
		{"5892d363", "11111111", false},
		{"", "@1", true},
	} {
		if got := sameBoot(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

func TestJobID(t *testing.T) {
	a, b := jobID("poudriere/bulk 143amd64"), jobID("poudriere-bulk-143amd64")
	if a == b {
		t.Error("two keys have one id")
	}
	for _, key := range []string{"a/b", "..", "", "ü", "a\nb", ".hidden", "x y"} {
		if id := jobID(key); unfit.MatchString(id) || id == "" || id[0] == '.' {
			t.Errorf("%q has the id %q", key, id)
		}
	}
}

func TestParseJob(t *testing.T) {
	h := New(Config{Name: "x", Run: "mine"})
	h.boot = "@1000"
	text := "meta \"key\\n2\"\nmeta \"other\"\nmeta \"e\"\nmeta \"make all\"\nbegan 1700000000\nbase 100\npid 77\nboot @1000\nlog 23\nstate gone\nend\nattached\n"
	got, err := h.parseJob("id", []byte(text))
	want := &effect.JobState{ID: "id", Key: "key\n2", Run: "other", Command: "make all", State: "lost", PID: 77, Started: time.Unix(1700000000, 0).UTC(), LogSize: 123, Attached: true, Foreign: true}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	h.boot = "@2000"
	if got, _ := h.parseJob("id", []byte(text)); got.State != "rebooted" {
		t.Errorf("under another boot: %s", got.State)
	}
}

func FuzzParseJob(f *testing.F) {
	f.Add([]byte("meta \"k\"\nstate exited 3\nend\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = New(Config{Name: "x"}).parseJob("id", text)
	})
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		code int
		diag string
		want effect.ErrKind
	}{
		{127, "sh: foo: not found\n", effect.Missing},
		{1, "cat: /x: No such file or directory\n", effect.Missing},
		{1, "rm: /x: Operation not permitted\n", effect.Denied},
		{1, "sysctl: x=1: Operation not permitted\n", effect.Denied},
		{1, "cp: x: No space left on device\n", effect.Failed},
		{1, "anything else\n", effect.Failed},
	} {
		if got, _ := classify(c.code, c.diag); got != c.want {
			t.Errorf("%d %q: %s, want %s", c.code, c.diag, got, c.want)
		}
	}
	if _, hint := classify(1, "write: No space left on device"); hint == "" {
		t.Error("a full disk has no hint")
	}
}

func TestMatchTalk(t *testing.T) {
	c, err := newConversation(effect.Effect{Talk: &effect.Dialogue{Exchanges: []effect.Exchange{
		{Expect: "name", Send: "n"}, {Expect: "again", Send: "a", Repeat: true},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var sent sink
	rest, err := c.answer([]byte("name? again again name?"), &sent)
	if err != nil || string(sent) != "naa" || string(rest) != " name?" {
		t.Errorf("sent %q, left %q (%v)", sent, rest, err)
	}
	if _, err := newConversation(effect.Effect{Talk: &effect.Dialogue{Exchanges: []effect.Exchange{{Expect: "("}}}}); err == nil {
		t.Error("a bad pattern is no error")
	}
}

type sink []byte

func (s *sink) Write(p []byte) (int, error) { *s = append(*s, p...); return len(p), nil }
