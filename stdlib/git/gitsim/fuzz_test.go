package gitsim

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"bsdrun/runtime/sim"
)

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(bundleHead + "-" + strings.Repeat("a", 40) + " one\n" + strings.Repeat("b", 40) + " refs/heads/main\n\nPACK"))
	f.Add([]byte("# v3 git bundle\n@object-format=sha1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, ok := parseBundle(data); ok && !bytes.HasSuffix(data, b.pack) {
			t.Error("the pack isn't the end of the bundle")
		}
	})
}

func FuzzMapRef(f *testing.F) {
	f.Add("+refs/heads/*:refs/remotes/origin/*", "refs/heads/a/b")
	f.Add("refs/heads/main", "refs/heads/main")
	f.Fuzz(func(t *testing.T, spec, name string) {
		to, ok := mapRef(spec, name)
		from, dst, both := strings.Cut(strings.TrimPrefix(spec, "+"), ":")
		pattern := strings.Count(from, "*") == 1 && strings.Count(dst, "*") == 1 && !strings.ContainsAny(name, "*:+") && !strings.ContainsAny(dst, ":+")
		if !ok || !both || !pattern || !strings.HasPrefix(dst, "refs/") {
			return
		}
		if back, ok := mapRef(dst+":"+from, to); !ok || back != name {
			t.Errorf("%q maps %q to %q and that back to %q", spec, name, to, back)
		}
	})
}

func FuzzMergeLines(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nB\nc\n", "a\nb\nc\nd\n")
	f.Add("", "x", "y")
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		if len(base)+len(ours)+len(theirs) > 4000 {
			return
		}
		if text, clean := mergeLines([]byte(base), []byte(ours), []byte(base), "o", "t"); !clean || string(text) != ours {
			t.Errorf("one side changed, the merge is %q, not %q", text, ours)
		}
		if text, clean := mergeLines([]byte(base), []byte(base), []byte(theirs), "o", "t"); !clean || string(text) != theirs {
			t.Errorf("the other side changed, the merge is %q, not %q", text, theirs)
		}
		if text, clean := mergeLines([]byte(base), []byte(ours), []byte(ours), "o", "t"); !clean || string(text) != ours {
			t.Errorf("both changed alike, the merge is %q, not %q", text, ours)
		}
	})
}

func FuzzRevision(f *testing.F) {
	for _, s := range []string{"HEAD", "HEAD~1^{tree}", "v1^0", "main@{u}", ":f", "HEAD:d/", "a..b", "@", "^", "~", "{", "deadbeef", "x-g1234567"} {
		f.Add(s)
	}
	var g *git
	f.Fuzz(func(t *testing.T, rev string) {
		if g == nil {
			g = repositoryOfOne(t)
		}
		h, err := g.resolve(rev)
		if err == nil && h == plumbing.ZeroHash && !strings.Contains(rev, strings.Repeat("0", 40)) {
			t.Errorf("%q resolves to nothing", rev)
		}
	})
}

// repositoryOfOne is a repository with one commit, open on a machine.
func repositoryOfOne(t *testing.T) *git {
	t.Helper()
	m := machine(t)
	do(t, m, "mkdir -p /srv/r/d; cd /srv/r; git init -q -b main; echo >f; echo >d/x; git add .; git commit -qm one; git tag v1")
	p := &sim.Proc{Context: context.Background(), Machine: m, Args: []string{"git"}, Env: []string{"HOME=/root"}, Dir: "/srv/r", Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard}
	g := &git{p: p, fs: p.FS(), dir: p.Dir, files: map[string][]setting{}}
	if err := g.open(); err != nil {
		t.Fatal(err)
	}
	return g
}
