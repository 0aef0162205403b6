package file_test

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/stdlib/file"
)

type folder struct {
	fs.ReadLinkFS
	io.Closer
}

// local is a folder as the sandbox gives it.
func local(t *testing.T, dir string) binding.Local {
	return binding.Local{Path: dir, Tree: func() (binding.Tree, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		return folder{root.FS().(fs.ReadLinkFS), root}, nil
	}}
}

func write(t *testing.T, dir, name, content string, mode os.FileMode) {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// site makes a folder with something of everything.
func site(t *testing.T) string {
	dir := t.TempDir()
	write(t, dir, "index.html", "one\n", 0o664)
	write(t, dir, "bin/tool", "#!/bin/sh\n", 0o775)
	write(t, dir, "deep/er/a b", strings.Repeat("x", 100000), 0o600)
	write(t, dir, ".git/config", "secret\n", 0o644)
	if err := os.Symlink("index.html", filepath.Join(dir, "home")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSync(t *testing.T) {
	h, m := machine(t)
	dir := site(t)
	a := file.SyncArgs{From: local(t, dir), Path: "/usr/local/www/site", Exclude: []string{".git"}, Owner: "www"}
	done, err := file.Sync(t.Context(), effect.Chain(h, layer.Check()), a)
	if err != nil || !done.Changed || h.Changes != 0 || len(done.Sent) != 9 {
		t.Fatalf("check mode: %+v %v", done, err)
	}
	for _, want := range []bool{true, false} {
		done, err := file.Sync(t.Context(), h, a)
		if err != nil || done.Changed != want || len(done.Removed) > 0 {
			t.Fatalf("%+v %v", done, err)
		}
	}
	out := onHost(t, m, "cd /usr/local/www/site && find . | sort && stat -f '%Lp %Su %N' index.html bin bin/tool 'deep/er/a b' && readlink home && wc -c <'deep/er/a b'")
	want := ".\n./bin\n./bin/tool\n./deep\n./deep/er\n./deep/er/a b\n./empty\n./home\n./index.html\n" +
		"644 www index.html\n755 www bin\n755 www bin/tool\n644 www deep/er/a b\nindex.html\n  100000\n"
	if out != want {
		t.Errorf("%q", out)
	}
	// Only what differs is sent; what others have put there stays.
	write(t, dir, "index.html", "two\n", 0o664)
	onHost(t, m, "cd /usr/local/www/site && echo theirs >extra && mkdir .git && echo x >.git/y && chmod 600 bin/tool && chmod 700 .")
	done, err = file.Sync(t.Context(), h, a)
	if err != nil || !slices.Equal(done.Sent, []string{"bin/tool", "index.html"}) {
		t.Errorf("%+v %v", done, err)
	}
	if out := onHost(t, m, "cd /usr/local/www/site && cat index.html extra && stat -f %Lp . bin/tool"); out != "two\ntheirs\n700\n755\n" {
		t.Errorf("%q", out)
	}
	// Whose a file is stays, where nobody is named.
	write(t, dir, "index.html", "three\n", 0o664)
	a.Owner = ""
	if done, err = file.Sync(t.Context(), h, a); err != nil || !slices.Equal(done.Sent, []string{"index.html"}) {
		t.Errorf("%+v %v", done, err)
	}
	if out := onHost(t, m, "stat -f %Su /usr/local/www/site/index.html"); out != "www\n" {
		t.Errorf("%q", out)
	}
}

func TestSyncDeletes(t *testing.T) {
	h, m := machine(t)
	dir := site(t)
	a := file.SyncArgs{From: local(t, dir), Path: "/srv/site", Exclude: []string{".git", "*.keep"}, Delete: true}
	onHost(t, m, "mkdir -p /srv/site/home/x /srv/site/old/er '/srv/site/a b' && cd /srv/site && echo 1 >old/er/f && echo 2 >me.keep && echo 3 >'a b/-rf' && ln -s /etc bin")
	for _, want := range []bool{true, false} {
		done, err := file.Sync(t.Context(), h, a)
		if err != nil || done.Changed != want {
			t.Fatalf("%+v %v", done, err)
		}
		// A directory and a link are in the way of a link and a directory.
		if want && !slices.Equal(done.Removed, []string{"a b", "bin", "home", "old"}) {
			t.Errorf("%q", done.Removed)
		}
		if want && (h.Changes != 2 || h.Last.Risk != effect.Safe) {
			t.Errorf("%d changes", h.Changes)
		}
	}
	if out := onHost(t, m, "cd /srv/site && ls -A && readlink home && ls -d /etc/rc.conf"); out != "bin\ndeep\nempty\nhome\nindex.html\nme.keep\nindex.html\n/etc/rc.conf\n" {
		t.Errorf("%q", out)
	}
	onHost(t, m, "echo more >/srv/site/more")
	var risk effect.Risk
	refused := effect.DoerFunc(h.Do)
	_, err := file.Sync(t.Context(), effect.Chain(refused, func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			risk = max(risk, e.Risk)
			return next.Do(ctx, e)
		})
	}), a)
	if err != nil || risk != effect.Irreversible {
		t.Errorf("risk %v, %v", risk, err)
	}
}

func TestSyncRefusals(t *testing.T) {
	h, m := machine(t)
	dir := site(t)
	onHost(t, m, "touch /tmp/file")
	odd := t.TempDir()
	write(t, odd, "a\nb", "", 0o644)
	for name, c := range map[string]struct {
		args file.SyncArgs
		kind effect.ErrKind
	}{
		"relative":      {file.SyncArgs{From: local(t, dir), Path: "x"}, effect.Invalid},
		"the system's":  {file.SyncArgs{From: local(t, dir), Path: "/etc"}, effect.Invalid},
		"no folder":     {file.SyncArgs{From: local(t, dir+"/index.html"), Path: "/srv/x"}, effect.Invalid},
		"no pattern":    {file.SyncArgs{From: local(t, dir), Path: "/srv/x", Exclude: []string{"a/b"}}, effect.Invalid},
		"odd name":      {file.SyncArgs{From: local(t, odd), Path: "/srv/x"}, effect.Invalid},
		"onto a file":   {file.SyncArgs{From: local(t, dir), Path: "/tmp/file"}, effect.Failed},
		"unknown owner": {file.SyncArgs{From: local(t, dir), Path: "/srv/y", Owner: "nosuch"}, effect.Failed},
	} {
		if _, err := file.Sync(t.Context(), h, c.args); effect.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
