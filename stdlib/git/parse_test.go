package git

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const porcelain = "git status --porcelain=v2 --branch"

func TestParseStatus(t *testing.T) {
	clean := Status{
		Revision: "e6b3e79ac39d21eab601dee1d4e7374048189215", Branch: "main", Upstream: "origin/main", Clean: true,
		Changes: []Change{}, Conflicts: []string{}, Untracked: []string{},
	}
	edited := clean
	edited.Clean, edited.Edited = false, true
	edited.Changes = []Change{{Path: "f1", Index: ".", Worktree: "M"}, {Path: "f3", Index: ".", Worktree: "D"}}
	edited.Untracked = []string{"new", "sp ace/"}
	for name, c := range map[string]struct {
		out  string
		want Status
	}{
		"clean":  {recorded(t, "status.txt", porcelain, 0).stdout, clean},
		"edited": {recorded(t, "status.txt", porcelain, 1).stdout, edited},
		"detached": {recorded(t, "checkout.txt", porcelain, 0).stdout, Status{
			Revision: "4d9641bc0bcb04df7e04142f347e995244363a6a", Detached: true,
			Changes: []Change{}, Conflicts: []string{}, Untracked: []string{"new", "sp ace/"},
		}},
		"conflict": {recorded(t, "conflict.txt", porcelain, 0).stdout, Status{
			Revision: "c9b6aa974da7a2538134041e20d1a18b7c815cd7", Detached: true, Edited: true,
			Changes: []Change{}, Conflicts: []string{"f1"}, Untracked: []string{"new", "sp ace/"},
		}},
	} {
		for form, out := range map[string]string{"lines": c.out, "NULs": strings.ReplaceAll(c.out, "\n", "\x00")} {
			got, err := parseStatus(out)
			if err != nil {
				t.Errorf("%s, %s: %v", name, form, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, %s: (-want +got)\n%s", name, form, diff)
			}
		}
	}
}

func TestParseStatusNames(t *testing.T) {
	const rename = "2 R. N... 100644 100644 100644 d00491fd7e5bb6fa28c517a0bb32b8b506539d4d d00491fd7e5bb6fa28c517a0bb32b8b506539d4d R100 "
	want := []Change{{Path: "new \"name", From: "old\tname", Index: "R", Worktree: "."}}
	for form, out := range map[string]string{
		"NULs":  "# branch.oid (initial)\x00" + rename + "new \"name\x00old\tname\x00",
		"lines": "# branch.oid (initial)\n" + rename + `"new \"name"` + "\t" + `"old\tname"` + "\n",
	} {
		got, err := parseStatus(out)
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		if diff := cmp.Diff(want, got.Changes); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", form, diff)
		}
		if got.Revision != "" {
			t.Errorf("%s: a repository without commits has the revision %q", form, got.Revision)
		}
	}
	for _, bad := range []string{"1 .M", "x y", rename, "# branch.ab nonsense", "?"} {
		if _, err := parseStatus(bad); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
}

func TestParseRemote(t *testing.T) {
	got, err := parseRemote(recorded(t, "query.txt", "git ls-remote file:///srv/repo.git", 0).stdout)
	if err != nil {
		t.Fatal(err)
	}
	want := []Remote{
		{"HEAD", "e6b3e79ac39d21eab601dee1d4e7374048189215"},
		{"refs/heads/dev", "092056e7ebc98e6f280db9bb3260c9641297d84e"},
		{"refs/heads/main", "e6b3e79ac39d21eab601dee1d4e7374048189215"},
		// The commit, not the tag's own object.
		{"refs/tags/v1.0", "4d9641bc0bcb04df7e04142f347e995244363a6a"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if branch := parseSymref("ref: refs/heads/trunk\tHEAD\n" + want[0].Revision + "\tHEAD\n"); branch != "trunk" {
		t.Errorf("HEAD names %q", branch)
	}
}

func TestParseLog(t *testing.T) {
	const id, parent = "e6b3e79ac39d21eab601dee1d4e7374048189215", "4d9641bc0bcb04df7e04142f347e995244363a6a"
	out := id + "\x1f" + parent + "\x1fA Name\x1fa@example.org\x1f1795476346\x1fsubject: with\x1fbody\nof two lines\n\n\x00" +
		parent + "\x1f\x1fA Name\x1fa@example.org\x1f1795476345\x1ffirst\x1f\x00"
	got, err := parseLog(out)
	if err != nil {
		t.Fatal(err)
	}
	want := []Commit{
		{Revision: id, Parents: []string{parent}, Author: "A Name", Email: "a@example.org", Time: time.Unix(1795476346, 0).UTC(), Subject: "subject: with", Body: "body\nof two lines"},
		{Revision: parent, Parents: []string{}, Author: "A Name", Email: "a@example.org", Time: time.Unix(1795476345, 0).UTC(), Subject: "first"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := parseLog("garbage"); err == nil {
		t.Error("garbage was understood")
	}
}

func TestParseNameStatus(t *testing.T) {
	got, err := parseNameStatus("M\x00a b\x00R087\x00old\x00new\x00D\x00gone\x00A\x00made\x00")
	if err != nil {
		t.Fatal(err)
	}
	want := []FileChange{{"modified", "a b", ""}, {"renamed", "new", "old"}, {"deleted", "gone", ""}, {"added", "made", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := parseNameStatus(""); err != nil || len(got) != 0 {
		t.Errorf("no changes: %v, %v", got, err)
	}
	if _, err := parseNameStatus("M\x00"); err == nil {
		t.Error("a change without a path was understood")
	}
}

func TestParseSubmodules(t *testing.T) {
	const id = "e6b3e79ac39d21eab601dee1d4e7374048189215"
	got, err := parseSubmodules(" " + id + " lib/a (v1.0-1-ge6b3e79)\n-" + id + " lib/b\n+" + id + " with blank (heads/main)\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Submodule{
		{"lib/a", id, "current", "v1.0-1-ge6b3e79"}, {"lib/b", id, "missing", ""}, {"with blank", id, "different", "heads/main"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseWorktrees(t *testing.T) {
	const id = "e6b3e79ac39d21eab601dee1d4e7374048189215"
	got, err := parseWorktrees("worktree /srv/a b\nHEAD " + id + "\nbranch refs/heads/main\n\nworktree /srv/c\nHEAD " + id + "\ndetached\nlocked reason\n\nworktree /srv/d\nbare\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Tree{
		{Path: "/srv/a b", Revision: id, Branch: "main"}, {Path: "/srv/c", Revision: id, Locked: true}, {Path: "/srv/d", Bare: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseSignature(t *testing.T) {
	for said, want := range map[string]Verification{
		"[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 0123456789ABCDEF A Name <a@example.org>\n[GNUPG:] VALIDSIG AAAABBBBCCCCDDDD 2026-01-01 1 0 4 0 1 8 00 EEEE\n[GNUPG:] TRUST_ULTIMATE 0 pgp\n": {
			Signed: true, Good: true, Signer: "A Name <a@example.org>", Key: "AAAABBBBCCCCDDDD", Trust: "ultimate",
		},
		"[GNUPG:] ERRSIG 0123456789ABCDEF 1 8 00 1795476346 9\n[GNUPG:] NO_PUBKEY 0123456789ABCDEF\n": {
			Signed: true, Key: "0123456789ABCDEF", Problem: "the public key is not there",
		},
		"[GNUPG:] BADSIG 0123456789ABCDEF A Name <a@example.org>\n": {
			Signed: true, Signer: "A Name <a@example.org>", Key: "0123456789ABCDEF", Problem: "the signature does not match the content",
		},
		"Good \"git\" signature for a@example.org with ED25519 key SHA256:abc\n": {
			Signed: true, Good: true, Signer: "a@example.org", Key: "SHA256:abc",
		},
		"Good \"git\" signature with ED25519 key SHA256:abc\nNo principal matched.\n": {
			Signed: true, Key: "SHA256:abc", Problem: "the key is not among the allowed signers",
		},
		"": {Problem: "there is no signature"},
	} {
		if diff := cmp.Diff(want, parseSignature(said)); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", said, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"status.txt", "query.txt", "checkout.txt", "conflict.txt"} {
		for _, e := range transcript(f, name) {
			f.Add(e.stdout)
			f.Add(strings.ReplaceAll(e.stdout, "\n", "\x00"))
		}
	}
	f.Add("-e6b3e79ac39d21eab601dee1d4e7374048189215 lib (x)\n")
	f.Add("[GNUPG:] GOODSIG x\n")
	f.Fuzz(func(_ *testing.T, out string) {
		_, _ = parseStatus(out)
		_, _ = parseRemote(out)
		_ = parseSymref(out)
		_, _ = parseLog(out)
		_, _ = parseNameStatus(out)
		_, _ = parseSubmodules(out)
		_, _ = parseWorktrees(out)
		_, _ = parseTags(out)
		_, _ = parseRefs(out)
		_ = parseSignature(out)
	})
}
