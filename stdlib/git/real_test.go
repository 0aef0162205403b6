package git

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
)

// world is a folder with repositories of real git, and this machine as a host.
type world struct {
	t   *testing.T
	ctx context.Context
	dir string
	h   effect.Doer
	did []effect.Effect // changes that were made
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here")
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "A Name", "GIT_AUTHOR_EMAIL": "a@example.org",
		"GIT_COMMITTER_NAME": "A Name", "GIT_COMMITTER_EMAIL": "a@example.org",
	} {
		t.Setenv(name, value)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	local := sshhost.NewLocal(sshhost.Config{Name: "local", StateDir: t.TempDir()})
	t.Cleanup(func() { _ = local.Close(context.Background(), false) })
	w := &world{t: t, ctx: t.Context(), dir: dir}
	w.h = effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		res, err := local.Do(ctx, e)
		if e.Kind == effect.Change && err == nil && res.Changed() {
			w.did = append(w.did, e)
		}
		return res, err
	})
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// sh runs a script in the world's folder.
func (w *world) sh(script string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.ctx, "sh", "-ec", script)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// origin makes a repository with two branches and a tag.
func (w *world) origin() string {
	w.sh(`git init -q -b main origin && cd origin
mkdir -p misc/hello && echo v1 >misc/hello/Makefile && git add . && git commit -q -m first && git tag -a v1.0 -m "the first"
git checkout -q -b dev && echo dev >dev && git add . && git commit -q -m dev
git checkout -q main && echo v2 >misc/hello/Makefile && git commit -q -a -m second`)
	return "file://" + w.path("origin")
}

func (w *world) head(repo string) string { return w.sh("git -C " + repo + " rev-parse HEAD") }

// quiet fails the test when changes were made since the last call.
func (w *world) quiet(what string) {
	w.t.Helper()
	for _, e := range w.did {
		w.t.Errorf("%s changed something: %v %v", what, e.Argv, e.File)
	}
	w.did = nil
}

// must gives a call's value; an error ends the test with all it tells.
func must[T any](value T, err error) T {
	if err != nil {
		e := effect.AsError(err)
		panic(fmt.Sprintf("%v\nstderr: %s\nhint: %s", err, e.Err, e.Hint))
	}
	return value
}

func failure(t *testing.T, err error, kind effect.ErrKind, words ...string) {
	t.Helper()
	e := effect.AsError(err)
	if e == nil || e.Kind != kind {
		t.Fatalf("got the error %v of kind %s, want kind %s", err, effect.KindOf(err), kind)
	}
	for _, word := range words {
		if !strings.Contains(e.Error()+e.Hint, word) {
			t.Errorf("%q is not in: %s (hint: %s)", word, e.Error(), e.Hint)
		}
	}
}

func TestCloneAndRead(t *testing.T) {
	w := newWorld(t)
	uri := w.origin()
	got := must(Clone(w.ctx, w.h, CloneArgs{URI: uri, Dir: w.path("a/b/clone"), Depth: 1}))
	if want := w.head("origin"); got.Revision != want || got.Branch != "main" || !got.Changed {
		t.Errorf("cloned %+v, want main at %s", got, want)
	}
	w.did = nil
	s := must(GetStatus(w.ctx, w.h, StatusArgs{Dir: w.path("a/b/clone"), Untracked: true}))
	if !s.Clean || s.Branch != "main" || s.Upstream != "origin/main" {
		t.Errorf("a fresh clone is %+v", s)
	}
	tagged := must(RemoteRevision(w.ctx, w.h, RemoteRevisionArgs{URI: uri, Ref: "v1.0"}))
	if tagged.Revision != w.sh("git -C origin rev-parse v1.0^{commit}") || tagged.Ref != "refs/tags/v1.0" {
		t.Errorf("v1.0 is %+v", tagged)
	}
	if head := must(RemoteRevision(w.ctx, w.h, RemoteRevisionArgs{URI: uri})); head.Branch != "main" {
		t.Errorf("HEAD of the remote is %+v", head)
	}
	if d := must(Describe(w.ctx, w.h, DescribeArgs{Dir: w.path("origin"), Tags: true})); !strings.HasPrefix(d, "v1.0-1-g") {
		t.Errorf("described as %q", d)
	}
	b := must(Branch(w.ctx, w.h, DirArgs{Dir: w.path("origin")}))
	if b.Current != "main" || len(b.Branches) != 2 {
		t.Errorf("branches %+v", b)
	}
	set := must(Changes(w.ctx, w.h, ChangesArgs{Dir: w.path("origin"), From: "v1.0"}))
	if len(set.Commits) != 1 || set.Commits[0].Subject != "second" || !cmp.Equal(set.Files, []FileChange{{Status: "modified", Path: "misc/hello/Makefile"}}) {
		t.Errorf("changes %+v", set)
	}
	w.quiet("reading")
}

func TestCloneRefuses(t *testing.T) {
	w := newWorld(t)
	uri := w.origin()
	_, err := Clone(w.ctx, w.h, CloneArgs{URI: uri, Dir: w.path("origin")})
	failure(t, err, effect.Failed, "not an empty directory")
	_, err = Clone(w.ctx, w.h, CloneArgs{URI: uri, Dir: w.path("x"), Branch: "nobranch"})
	failure(t, err, effect.Missing, "nobranch", "dev, main")
	_, err = Clone(w.ctx, w.h, CloneArgs{URI: "file://" + w.path("none"), Dir: w.path("x")})
	failure(t, err, effect.Missing, "does not appear to be a git repository", "check the address")
	if got, want := effect.AsError(err).Command, "git ls-remote --symref file://"+w.path("none")+" HEAD"; got != want {
		t.Errorf("the command is told as %q, want %q", got, want)
	}
	for _, bad := range []CloneArgs{
		{URI: "--upload-pack=evil", Dir: w.path("x")}, {URI: uri, Dir: "relative"}, {URI: uri, Dir: "/"}, {URI: uri, Dir: w.path("x"), Branch: "-b"},
	} {
		_, err = Clone(w.ctx, w.h, bad)
		failure(t, err, effect.Invalid)
	}
	w.quiet("a refused clone")
}

func TestEnsureFollowsABranch(t *testing.T) {
	w := newWorld(t)
	args := EnsureArgs{URI: w.origin(), Dir: w.path("tree"), Branch: "main"}
	must(Ensure(w.ctx, w.h, args))
	w.did = nil
	if got := must(Ensure(w.ctx, w.h, args)); got.Changed {
		t.Errorf("the second time changed: %+v", got)
	}
	w.quiet("the second time")
	w.sh("cd origin && echo v3 >misc/hello/Makefile && git commit -q -a -m third")
	got := must(Ensure(w.ctx, w.h, args))
	if !got.Changed || got.Revision != w.head("origin") || w.head("tree") != w.head("origin") {
		t.Errorf("did not follow: %+v", got)
	}
	// History that was rewritten upstream is followed too, as nothing of ours is lost.
	w.sh("cd origin && git reset -q --hard HEAD~1 && echo v4 >misc/hello/Makefile && git commit -q -a -m rewritten")
	must(Ensure(w.ctx, w.h, args))
	if w.head("tree") != w.head("origin") || w.sh("git -C tree status --porcelain --branch") != "## main...origin/main" {
		t.Errorf("the tree is at %s", w.sh("git -C tree status --porcelain --branch"))
	}
	args.Branch = "dev"
	must(Ensure(w.ctx, w.h, args))
	if branch := w.sh("git -C tree symbolic-ref --short HEAD"); branch != "dev" {
		t.Errorf("the tree is on %s", branch)
	}
}

func TestEnsureStandsAtTagAndCommit(t *testing.T) {
	w := newWorld(t)
	uri := w.origin()
	first := w.sh("git -C origin rev-parse v1.0^{commit}")
	tag := EnsureArgs{URI: uri, Dir: w.path("tree"), Tag: "v1.0"}
	if got := must(Ensure(w.ctx, w.h, tag)); got.Revision != first || w.head("tree") != first {
		t.Errorf("at %+v, want %s", got, first)
	}
	w.did = nil
	must(Ensure(w.ctx, w.h, tag))
	w.quiet("the second time")
	// A shallow clone gets one commit by its id, and can leave it again.
	w.sh("git -C origin config uploadpack.allowAnySHA1InWant true")
	commit := EnsureArgs{URI: uri, Dir: w.path("shallow"), Depth: 1, Revision: first}
	must(Ensure(w.ctx, w.h, commit))
	if w.head("shallow") != first {
		t.Errorf("at %s, want %s", w.head("shallow"), first)
	}
	must(Ensure(w.ctx, w.h, EnsureArgs{URI: uri, Dir: w.path("shallow"), Depth: 1, Branch: "main"}))
	if w.head("shallow") != w.head("origin") {
		t.Error("did not go back to main")
	}
	_, err := Ensure(w.ctx, w.h, EnsureArgs{URI: uri, Dir: w.path("tree"), Revision: first[:8]})
	failure(t, err, effect.Invalid, "whole commit id")
}

func TestEnsureKeepsLocalWork(t *testing.T) {
	w := newWorld(t)
	args := EnsureArgs{URI: w.origin(), Dir: w.path("tree"), Branch: "main"}
	must(Ensure(w.ctx, w.h, args))
	w.did = nil
	w.sh("echo mine >tree/misc/hello/Makefile")
	_, err := Ensure(w.ctx, w.h, args)
	failure(t, err, effect.Failed, "misc/hello/Makefile", "force=true")
	w.sh("git -C tree commit -q -a -m mine")
	_, err = Ensure(w.ctx, w.h, args)
	failure(t, err, effect.Failed, "1 commits")
	w.quiet("a refusal")
	args.Force = true
	must(Ensure(w.ctx, w.h, args))
	if w.head("tree") != w.head("origin") {
		t.Error("force did not reset the tree")
	}
	for _, e := range w.did {
		if e.Argv[len(e.Argv)-1] == "origin/main" && (e.Risk != effect.Irreversible || e.Note == "") {
			t.Errorf("throwing work away has the risk %s: %q", e.Risk, e.Note)
		}
	}
	w.sh("echo x >tree/untracked")
	must(Ensure(w.ctx, w.h, args))
	if _, err := os.Stat(w.path("tree/untracked")); err != nil {
		t.Error("an untracked file was removed although nobody asked for it")
	}
	args.Clean = true
	must(Ensure(w.ctx, w.h, args))
	if _, err := os.Stat(w.path("tree/untracked")); err == nil {
		t.Error("clean left an untracked file")
	}
}

func TestEnsureChangesTheAddress(t *testing.T) {
	w := newWorld(t)
	uri := w.origin()
	must(Ensure(w.ctx, w.h, EnsureArgs{URI: uri, Dir: w.path("tree")}))
	w.sh("git clone -q --bare origin mirror")
	must(Ensure(w.ctx, w.h, EnsureArgs{URI: "file://" + w.path("mirror"), Dir: w.path("tree")}))
	if url := w.sh("git -C tree config remote.origin.url"); url != "file://"+w.path("mirror") {
		t.Errorf("origin is %s", url)
	}
	w.sh("mkdir foreign && echo x >foreign/file")
	_, err := Ensure(w.ctx, w.h, EnsureArgs{URI: uri, Dir: w.path("foreign")})
	failure(t, err, effect.Failed, "not an empty directory")
}

func TestPullFetchCheckout(t *testing.T) {
	w := newWorld(t)
	uri := w.origin()
	dir := w.path("tree")
	must(Clone(w.ctx, w.h, CloneArgs{URI: uri, Dir: dir}))
	w.did = nil
	if got := must(Pull(w.ctx, w.h, PullArgs{Dir: dir})); got.Changed {
		t.Errorf("nothing new, but %+v", got)
	}
	w.quiet("a pull of nothing")
	w.sh("cd origin && echo v3 >misc/hello/Makefile && git commit -q -a -m third")
	fetched := must(Fetch(w.ctx, w.h, FetchArgs{Dir: dir}))
	if len(fetched.Refs) == 0 || fetched.Refs[len(fetched.Refs)-1].After != w.head("origin") {
		t.Errorf("fetched %+v", fetched)
	}
	if got := must(Pull(w.ctx, w.h, PullArgs{Dir: dir})); !got.Changed || got.Revision != w.head("origin") {
		t.Errorf("pulled %+v", got)
	}
	w.sh("cd origin && echo v4 >misc/hello/Makefile && git commit -q -a -m fourth; cd ../tree && echo mine >mine && git add mine && git commit -q -m mine")
	_, err := Pull(w.ctx, w.h, PullArgs{Dir: dir})
	failure(t, err, effect.Failed, "fast-forward", "rebase=true")
	must(Pull(w.ctx, w.h, PullArgs{Dir: dir, Rebase: true}))
	got := must(SwitchTo(w.ctx, w.h, CheckoutArgs{Dir: dir, Ref: "dev"}))
	if got.Branch != "dev" || w.sh("git -C tree symbolic-ref --short HEAD") != "dev" {
		t.Errorf("checked out %+v", got)
	}
	must(SwitchTo(w.ctx, w.h, CheckoutArgs{Dir: dir, Ref: "v1.0"}))
	w.did = nil
	must(SwitchTo(w.ctx, w.h, CheckoutArgs{Dir: dir, Ref: "v1.0"}))
	w.quiet("a checkout of what is checked out")
	_, err = SwitchTo(w.ctx, w.h, CheckoutArgs{Dir: dir, Ref: "nosuch"})
	failure(t, err, effect.Missing, "nosuch")
}

func TestSmallChangesConverge(t *testing.T) {
	w := newWorld(t)
	w.origin()
	dir := w.path("origin")
	value := "true"
	for name, change := range map[string]func() (bool, error){
		"init": func() (bool, error) { r, err := Init(w.ctx, w.h, InitArgs{Dir: w.path("new")}); return r.Changed, err },
		"bare": func() (bool, error) {
			r, err := Bare(w.ctx, w.h, InitArgs{Dir: w.path("new.git")})
			return r.Changed, err
		},
		"config": func() (bool, error) {
			r, err := Config(w.ctx, w.h, ConfigArgs{Dir: dir, Name: "pull.rebase", Value: &value})
			return r.Changed, err
		},
		"tag": func() (bool, error) {
			r, err := Tag(w.ctx, w.h, TagArgs{Dir: dir, Name: "t", Message: "m"})
			return r.Changed, err
		},
		"worktree": func() (bool, error) {
			r, err := Worktree(w.ctx, w.h, WorktreeArgs{Dir: dir, Path: w.path("further"), Ref: "dev"})
			return r.Changed, err
		},
	} {
		if changed := must(change()); !changed {
			t.Errorf("%s: the first time changed nothing", name)
		}
		w.did = nil
		if changed := must(change()); changed {
			t.Errorf("%s: the second time says it changed", name)
		}
		w.quiet(name + ", the second time")
	}
	if head := w.sh("git -C new.git symbolic-ref HEAD"); head != "refs/heads/main" {
		t.Errorf("the first branch is %s", head)
	}
	if now := must(Config(w.ctx, w.h, ConfigArgs{Dir: dir, Name: "pull.rebase", Unset: true})); !now.Changed || now.Before != "true" {
		t.Errorf("unset: %+v", now)
	}
	tags := must(Tag(w.ctx, w.h, TagArgs{Dir: dir}))
	if len(tags.Tags) != 2 || !tags.Tags[0].Annotated || tags.Tags[0].Revision != w.head("origin") {
		t.Errorf("tags %+v", tags)
	}
	_, err := Tag(w.ctx, w.h, TagArgs{Dir: dir, Name: "v1.0"})
	failure(t, err, effect.Failed, "force=true")
	must(Worktree(w.ctx, w.h, WorktreeArgs{Dir: dir, Path: w.path("further"), Remove: true}))
	if left := must(Worktree(w.ctx, w.h, WorktreeArgs{Dir: dir})); len(left.Worktrees) != 1 {
		t.Errorf("worktrees %+v", left)
	}
}

func TestSubmodules(t *testing.T) {
	w := newWorld(t)
	w.origin()
	w.sh(`git init -q -b main outer && cd outer && git -c protocol.file.allow=always submodule add -q "file://$PWD/../origin" lib && git commit -q -m outer`)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
	t.Setenv("GIT_CONFIG_VALUE_0", "always")
	inner := newWorld(t)
	args := EnsureArgs{URI: "file://" + w.path("outer"), Dir: inner.path("tree"), Submodules: true}
	must(Ensure(inner.ctx, inner.h, args))
	if _, err := os.Stat(inner.path("tree/lib/misc/hello/Makefile")); err != nil {
		t.Error("the submodule is not checked out")
	}
	inner.did = nil
	must(Ensure(inner.ctx, inner.h, args))
	inner.quiet("the second time")
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	w.origin()
	v := must(Verify(w.ctx, w.h, VerifyArgs{Dir: w.path("origin"), Objects: true}))
	if v.Signed || v.Good || v.Intact == nil || !*v.Intact {
		t.Errorf("an unsigned, sound repository is %+v", v)
	}
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		return
	}
	w.sh(`ssh-keygen -q -t ed25519 -N "" -f key && echo "a@example.org $(cat key.pub)" >signers
cd origin && git -c gpg.format=ssh -c user.signingkey=../key commit -q -S --allow-empty -m signed`)
	v = must(Verify(w.ctx, w.h, VerifyArgs{Dir: w.path("origin"), Signers: w.path("signers")}))
	if !v.Signed || !v.Good || v.Signer != "a@example.org" {
		t.Errorf("a signed commit is %+v", v)
	}
	w.sh(`ssh-keygen -q -t ed25519 -N "" -f other && echo "b@example.org $(cat other.pub)" >signers`)
	v = must(Verify(w.ctx, w.h, VerifyArgs{Dir: w.path("origin"), Signers: w.path("signers")}))
	if !v.Signed || v.Good {
		t.Errorf("a commit signed by a stranger is %+v", v)
	}
}

func TestPushFromLocal(t *testing.T) {
	w := newWorld(t)
	w.origin()
	w.sh("git -C origin gc -q") // packed objects and references as well
	args := PushArgs{From: binding.Local{Path: w.path("origin")}, Dir: w.path("host/ports.git"), Tags: true}
	push := func() Pushed {
		t.Helper()
		w.did = nil
		done := must(PushFromLocal(w.ctx, w.h, args))
		w.sh("git -C host/ports.git fsck --strict --no-dangling 2>&1")
		return done
	}
	first := push()
	if !first.Created || len(first.Refs) != 3 || first.Head != "refs/heads/main" {
		t.Errorf("pushed %+v", first)
	}
	if got, want := w.sh("git -C host/ports.git show-ref"), w.sh("git -C origin show-ref"); got != want {
		t.Errorf("the host has\n%s\nthe controller\n%s", got, want)
	}
	if w.sh("git -C host/ports.git rev-parse HEAD") != w.head("origin") {
		t.Error("HEAD of the new repository does not name the branch")
	}
	if again := push(); again.Changed {
		t.Errorf("the second push changed: %+v", again)
	}
	w.quiet("the second push")

	w.sh("cd origin && echo v3 >misc/hello/Makefile && git commit -q -a -m third")
	second := push()
	if second.Objects != 5 || len(second.Refs) != 1 { // a commit, three trees and a blob
		t.Errorf("one commit sent %d objects for %d references", second.Objects, len(second.Refs))
	}
	if w.sh("git clone -q host/ports.git check && cat check/misc/hello/Makefile") != "v3" {
		t.Error("a clone of what was pushed lacks the last commit")
	}

	w.sh("cd origin && git commit -q --amend -m rewritten")
	_, err := PushFromLocal(w.ctx, w.h, args)
	failure(t, err, effect.Failed, "refs/heads/main", "force=true")
	args.Force = true
	push()
	if last := w.did[len(w.did)-1]; last.Risk != effect.Irreversible {
		t.Errorf("giving up the host's commit has the risk %s", last.Risk)
	}
	w.sh("git -C origin branch -q -D dev")
	args.Force, args.Prune = false, true
	if pruned := push(); len(pruned.Refs) != 1 || pruned.Refs[0].After != "" {
		t.Errorf("pruned %+v", pruned.Refs)
	}
}

func TestPushFromLocalRefuses(t *testing.T) {
	w := newWorld(t)
	uri := w.origin()
	from := binding.Local{Path: w.path("origin")}
	w.sh("git clone -q --depth 1 " + uri + " shallow; mkdir full && echo x >full/x; git init -q -b main empty")
	for name, c := range map[string]struct {
		args PushArgs
		kind effect.ErrKind
		word string
	}{
		"a working tree":   {PushArgs{From: from, Dir: w.path("shallow")}, effect.Failed, "working tree"},
		"a full directory": {PushArgs{From: from, Dir: w.path("full")}, effect.Failed, "not an empty directory"},
		"a shallow clone":  {PushArgs{From: binding.Local{Path: w.path("shallow")}, Dir: w.path("x")}, effect.Invalid, "shallow"},
		"no repository":    {PushArgs{From: binding.Local{Path: w.path("full")}, Dir: w.path("x")}, effect.Invalid, "no git repository"},
		"no commits":       {PushArgs{From: binding.Local{Path: w.path("empty")}, Dir: w.path("x")}, effect.Missing, "no commits"},
		"no such branch":   {PushArgs{From: from, Dir: w.path("x"), Branches: []string{"nosuch"}}, effect.Missing, "dev, main"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := PushFromLocal(w.ctx, w.h, c.args)
			failure(t, err, c.kind, c.word)
		})
	}
	w.quiet("a refused push")
}

// TestKeysAreGoneAfterwards looks at what ssh is given, by an ssh of our own.
func TestKeysAreGoneAfterwards(t *testing.T) {
	w := newWorld(t)
	w.sh(`mkdir bin tmp && cat >bin/ssh <<'END'
#!/bin/sh
echo "$@" >"$LOOK/args"
for word in "$@"; do
	case $word in */key) ls -l "$word" >"$LOOK/mode"; cat "$word" >"$LOOK/key";; -oUserKnownHostsFile=*) cat "${word#*=}" >"$LOOK/known";; esac
done
exit 255
END
chmod +x bin/ssh`)
	h := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		e.Env = append(e.Env, "PATH="+w.path("bin")+":"+os.Getenv("PATH"), "LOOK="+w.dir, "TMPDIR="+w.path("tmp"))
		return w.h.Do(ctx, e)
	})
	_, err := RemoteRevision(w.ctx, h, RemoteRevisionArgs{URI: "git@git.example.org:ports.git", Access: Access{
		DeployKey: effect.NewSecret("deploy", "PRIVATE\nKEY"), HostKeys: "git.example.org ssh-ed25519 AAAA",
	}})
	failure(t, err, effect.Failed, "Could not read from remote repository")
	args := w.sh("cat args")
	for _, word := range []string{"-oBatchMode=yes", "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null"} {
		if !strings.Contains(args, word) {
			t.Errorf("ssh was called without %s: %s", word, args)
		}
	}
	if mode := w.sh("cut -c1-10 mode"); mode != "-rw-------" {
		t.Errorf("the key's mode was %s", mode)
	}
	if w.sh("cat key") != "PRIVATE\nKEY" || w.sh("cat known") != "git.example.org ssh-ed25519 AAAA" {
		t.Errorf("the key was %q, the host keys %q", w.sh("cat key"), w.sh("cat known"))
	}
	if left := w.sh("ls -A tmp"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
