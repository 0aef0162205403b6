package poudriere

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

func sh(t *testing.T, dir, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestPublishScript runs under the real /bin/sh of this machine.
func TestPublishScript(t *testing.T) {
	top := t.TempDir()
	for _, state := range []string{".real_1", ".real_2", ".real_3"} {
		sh(t, top, `mkdir -p "repo/$1/All" && echo "$1" >"repo/$1/All/a-1.pkg"`, state)
	}
	to := filepath.Join(top, "www", "with blank", "packages")
	if err := os.MkdirAll(to, 0o755); err != nil { // an empty directory gives way
		t.Fatal(err)
	}
	for _, state := range []string{".real_1", ".real_2", ".real_3"} {
		sh(t, top, publishScript, filepath.Join(top, "repo", state), to, "j-default"+state, "1")
		if got := sh(t, to, `cat All/a-1.pkg .bsdrun-published`); got != state+"\nj-default"+state {
			t.Errorf("published %q, want %q", got, state)
		}
	}
	if left := sh(t, top, `ls -A "$1"`, to+".d"); left != "j-default.real_2\nj-default.real_3" {
		t.Errorf("kept %q", left)
	}
	if left := sh(t, top, `ls -A "$1"`, filepath.Dir(to)); left != "packages\npackages.d" {
		t.Errorf("beside it lie %q", left)
	}
}

func TestRepoPublish(t *testing.T) {
	f := newFake(t)
	args := RepoPublishArgs{Jail: "143amd64", Tree: "default", To: "/www/packages", Keep: 1, RepoConf: "mine", Pubkey: "/k.pub"}
	_, err := RepoPublish(f.ctx, f, args)
	failure(t, err, effect.Missing, "no packages", "bulk")
	packages := "/usr/local/poudriere/data/packages/143amd64-default"
	f.files[packages+"/All/a-1.pkg"] = ""
	f.commands["sh -c "+publishScript] = func(args []string) (string, int) {
		f.files[args[5]+"/.bsdrun-published"] = args[6] + "\n"
		return "", 0
	}
	got := must(RepoPublish(f.ctx, f, args))
	if !got.Changed || got.Source != packages || !strings.Contains(f.files["/usr/local/etc/pkg/repos/mine.conf"], `pubkey: "/k.pub"`) {
		t.Errorf("%+v", got)
	}
	f.changes = nil
	if again := must(RepoPublish(f.ctx, f, args)); again.Changed || len(f.changes) > 0 {
		t.Errorf("the second time changed %q", f.changed())
	}
}

func TestRepoSign(t *testing.T) {
	f := newFake(t)
	args := RepoSignArgs{Key: "/usr/local/etc/ssl/keys/poudriere.key", Bits: 4096, Generate: true, Tree: "default"}
	f.commands["sh -c umask 077"] = func(args []string) (string, int) { f.files[args[4]] = "KEY"; return "", 0 }
	f.commands["openssl rsa"] = func(args []string) (string, int) { f.files[args[len(args)-1]] = "PUBLIC"; return "", 0 }
	got := must(RepoSign(f.ctx, f, args))
	if !got.Changed || got.PublicPEM != "PUBLIC" || !strings.Contains(f.files[confPath], "PKG_REPO_SIGNING_KEY=") {
		t.Errorf("%+v\n%s", got, f.files[confPath])
	}
	f.changes = nil
	if again := must(RepoSign(f.ctx, f, args)); again.Changed || len(f.changes) > 0 {
		t.Errorf("the second time changed %q", f.changed())
	}
	args.Content = effect.NewSecret("key", "SECRET")
	must(RepoSign(f.ctx, f, args))
	if put := f.changes[0]; !put.File.Secret || *put.File.Mode != 0o400 {
		t.Errorf("the key was put as %+v", put.File)
	}
	args.Bits = 1024
	_, err := RepoSign(f.ctx, f, args)
	failure(t, err, effect.Invalid, "too weak")
}
