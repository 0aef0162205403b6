package portshaker

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/git/gitsim"
	"bsdrun/stdlib/portshaker/portshakersim"
)

// rig is a simulated machine with two repositories of ports.
type rig struct {
	t   *testing.T
	ctx context.Context
	m   *sim.Machine
	h   effect.Doer
	did []effect.Effect // changes that were made
}

func newRig(t *testing.T) *rig {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(base.Tools(), gitsim.Tool(), portshakersim.Tool(), portshakersim.Rsync())})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"git", "portshaker", "rsync"} {
		if err := m.InstallPackage(name); err != nil {
			t.Fatal(err)
		}
	}
	ssh := sshhost.New(sshhost.Config{
		Name: "builder", Address: "builder", User: "root", Greeting: host.FactsScript,
		Dialer:  func(ctx context.Context) (net.Conn, error) { return m.Dial(ctx) },
		HostKey: ssh.FixedHostKey(m.HostKey()), Auth: []ssh.AuthMethod{ssh.Password("")},
	})
	t.Cleanup(func() { _ = ssh.Close(context.Background(), false) })
	r := &rig{t: t, ctx: clock.With(t.Context(), m.Clock()), m: m}
	r.h = effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		res, err := ssh.Do(ctx, e)
		if e.Kind == effect.Change && err == nil && res.Changed() {
			r.did = append(r.did, e)
		}
		return res, err
	})
	r.sh(`cat >/root/make-port <<'END'
mkdir -p "$1"
printf 'PORTNAME=\t%s\nPORTVERSION=\t%s\nCATEGORIES=\tmisc\n\n.include <bsd.port.mk>\n' "${1##*/}" "$2" >"$1/Makefile"
END
mkdir -p /srv/work/freebsd /srv/work/myrepo /srv/git
cd /srv/work/freebsd && git init -q -b main && mkdir Mk && echo "# mk" >Mk/bsd.port.mk && sh /root/make-port misc/base 1.0 && sh /root/make-port misc/shared 1.0
printf '    SUBDIR += base\n    SUBDIR += shared\n\n.include <bsd.port.subdir.mk>\n' >misc/Makefile
cd /srv/work/myrepo && git init -q -b main && sh /root/make-port misc/mine 0.1`)
	r.commit("freebsd")
	r.commit("myrepo")
	return r
}

// sh runs a script on the machine, as root and without the binding.
func (r *rig) sh(script string) string {
	r.t.Helper()
	out, errs, code := r.m.Exec(r.ctx, "root", "set -e\n"+script)
	if code != 0 {
		r.t.Fatalf("%s\nexit %d: %s%s", script, code, out, errs)
	}
	return strings.TrimSpace(out)
}

func (r *rig) commit(name string) {
	r.t.Helper()
	r.sh(fmt.Sprintf(`export GIT_AUTHOR_NAME=N GIT_AUTHOR_EMAIL=n@example.org GIT_COMMITTER_NAME=N GIT_COMMITTER_EMAIL=n@example.org
cd /srv/work/%[1]s && git add -A && git commit -qm change && rm -rf /srv/git/%[1]s.git && git clone -q --bare . /srv/git/%[1]s.git`, name))
}

func (r *rig) quiet(what string) {
	r.t.Helper()
	for _, e := range r.did {
		r.t.Errorf("%s changed something: %s %v %v", what, e.Op, e.Argv, e.File)
	}
	r.did = nil
}

// must gives a call's value; an error ends the test with all it tells.
func must[T any](value T, err error) T {
	if err != nil {
		e := effect.AsError(err)
		panic(fmt.Sprintf("%v\nstdout: %s\nstderr: %s\nhint: %s", err, e.Out, e.Err, e.Hint))
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

const tree = "/usr/local/poudriere/ports/default"

var wanted = ConfigureArgs{
	FailOnConflict: true,
	Targets:        map[string]TargetArgs{"default": {PoudriereTree: "default", MergeFrom: []string{"freebsd", "myrepo"}}},
}

func source(name string) SourcePutArgs {
	return SourcePutArgs{Name: name, Method: "git", URI: "file:///srv/git/" + name + ".git", Branch: "main"}
}

// setUp brings the machine to a merged tree.
func (r *rig) setUp() (Updated, Merged) {
	r.t.Helper()
	must(Configure(r.ctx, r.h, wanted))
	must(SourcePut(r.ctx, r.h, source("freebsd")))
	must(SourcePut(r.ctx, r.h, source("myrepo")))
	updated := must(Update(r.ctx, r.h, UpdateArgs{}))
	merged := must(Merge(r.ctx, r.h, MergeArgs{}))
	r.did = nil
	return updated, merged
}

func TestWholeProcedure(t *testing.T) {
	r := newRig(t)
	updated, merged := r.setUp()
	if len(updated.Sources) != 2 || !updated.Changed || updated.Sources[1].Revision != r.sh("git -C /srv/git/myrepo.git rev-parse HEAD") {
		t.Errorf("updated %+v", updated)
	}
	want := []MergedPort{{Source: "myrepo", Origin: "misc/mine", After: "0.1"}}
	if len(merged.Targets) != 1 || merged.Targets[0].Base != "freebsd" || merged.Targets[0].Path != tree || !cmp.Equal(merged.Targets[0].Ports, want) {
		t.Errorf("merged %+v", merged)
	}
	r.sh("test -f " + tree + "/misc/mine/Makefile && test -f " + tree + "/misc/base/Makefile")

	// Again: nothing to do, and the result is the same.
	must(Configure(r.ctx, r.h, wanted))
	must(SourcePut(r.ctx, r.h, source("freebsd")))
	must(SourcePut(r.ctx, r.h, source("myrepo")))
	if again := must(Update(r.ctx, r.h, UpdateArgs{})); again.Changed {
		t.Errorf("nothing new, but %+v", again)
	}
	again := must(Merge(r.ctx, r.h, MergeArgs{}))
	if again.Changed || !cmp.Equal(again.Targets[0].Ports, want) {
		t.Errorf("nothing new, but %+v", again)
	}
	r.quiet("the second time")

	// A new version is fetched and merged, a port that went away goes.
	r.sh("cd /srv/work/myrepo && sh /root/make-port misc/mine 0.2; cd /srv/work/freebsd && rm -rf misc/base")
	r.commit("myrepo")
	r.commit("freebsd")
	news := must(Update(r.ctx, r.h, UpdateArgs{}))
	if !news.Sources[0].Changed || !news.Sources[1].Changed || news.Sources[1].Before == news.Sources[1].Revision {
		t.Errorf("updated %+v", news)
	}
	merged = must(Merge(r.ctx, r.h, MergeArgs{Target: "default"}))
	if !merged.Changed || merged.Targets[0].Ports[0].After != "0.2" {
		t.Errorf("merged %+v", merged)
	}
	r.sh("test ! -e " + tree + "/misc/base")
}

func TestConfigureKeepsForeignSettings(t *testing.T) {
	r := newRig(t)
	r.sh(`cat >` + confPath + ` <<'END'
# Mine.
mirror_base_dir="/var/cache/mine"
ports_trees="other"
other_ports_tree="/usr/ports"	# keep
other_merge_from="freebsd"
fail_on_conflict="no"
other_postmerge() {
	true
}
END`)
	must(Configure(r.ctx, r.h, wanted))
	got := r.sh("cat " + confPath)
	for _, line := range []string{
		"# Mine.", `mirror_base_dir="/var/cache/mine"`, `ports_trees="other default"`, `other_ports_tree="/usr/ports"	# keep`,
		`fail_on_conflict="yes"`, "other_postmerge() {", `default_poudriere_tree="default"`, `default_merge_from="freebsd myrepo"`,
		`poudriere_ports_mountpoint="/usr/local/poudriere/ports"`, `use_zfs="no"`,
	} {
		if !strings.Contains(got, line+"\n") && !strings.HasSuffix(got, line) {
			t.Errorf("%q is not in\n%s", line, got)
		}
	}
	targets := must(Targets(r.ctx, r.h))
	if len(targets) != 2 || targets[1].Path != tree || targets[0].Path != "/usr/ports" {
		t.Errorf("targets %+v", targets)
	}
	// From a tree of poudriere to a plain one: only one of both may stay.
	must(Configure(r.ctx, r.h, ConfigureArgs{
		FailOnConflict: true, Only: true, Targets: map[string]TargetArgs{"default": {PortsTree: "/usr/ports", MergeFrom: []string{"freebsd"}}},
	}))
	targets = must(Targets(r.ctx, r.h))
	if len(targets) != 1 || targets[0].Path != "/usr/ports" || targets[0].PoudriereTree != "" {
		t.Errorf("targets %+v in\n%s", targets, r.sh("cat "+confPath))
	}
}

func TestConfigureRefuses(t *testing.T) {
	r := newRig(t)
	for name, bad := range map[string]ConfigureArgs{
		"no name of a variable": {Targets: map[string]TargetArgs{"a-b": {PortsTree: "/x", MergeFrom: []string{"a"}}}},
		"both kinds":            {Targets: map[string]TargetArgs{"a": {PortsTree: "/x", PoudriereTree: "b", MergeFrom: []string{"a"}}}},
		"no sources":            {Targets: map[string]TargetArgs{"a": {PortsTree: "/x"}}},
		"the root":              {Targets: map[string]TargetArgs{"a": {PortsTree: "/", MergeFrom: []string{"a"}}}},
		"a suffix on the base":  {Targets: map[string]TargetArgs{"a": {PortsTree: "/x", MergeFrom: []string{"a!"}}}},
		"zfs without dataset":   {UseZFS: new(true), Targets: map[string]TargetArgs{"a": {PoudriereTree: "b", MergeFrom: []string{"a"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Configure(r.ctx, r.h, bad)
			failure(t, err, effect.Invalid)
		})
	}
	r.quiet("a refusal")
}

func TestSourcePutChangesBranchAndAddress(t *testing.T) {
	r := newRig(t)
	r.setUp()
	r.sh("cd /srv/work/myrepo && git checkout -q -b dev && sh /root/make-port misc/mine 9.0")
	r.commit("myrepo")
	r.sh("git -C /srv/git/myrepo.git branch main dev 2>/dev/null || true")
	dev := source("myrepo")
	dev.Branch = "dev"
	put := must(SourcePut(r.ctx, r.h, dev))
	if r.sh("test ! -e /var/cache/portshaker/myrepo"); !put.CacheRemoved {
		t.Errorf("the clone of one branch stayed: %+v", put)
	}
	must(Update(r.ctx, r.h, UpdateArgs{}))
	if merged := must(Merge(r.ctx, r.h, MergeArgs{})); merged.Targets[0].Ports[0].After != "9.0" {
		t.Errorf("merged %+v", merged)
	}
	// Without a branch the repository is asked, and the script names it.
	open := source("freebsd")
	open.Branch = ""
	if put := must(SourcePut(r.ctx, r.h, open)); put.Changed || put.Branch != "main" {
		t.Errorf("asked for the branch: %+v", put)
	}
	listed := must(SourceList(r.ctx, r.h))
	if len(listed) != 2 || listed[1].Branch != "dev" || !listed[1].Executable || !listed[1].Shifts || !listed[1].Fetched || !cmp.Equal(listed[1].Targets, []string{"default"}) {
		t.Errorf("sources %+v", listed)
	}
}

func TestSourceRemove(t *testing.T) {
	r := newRig(t)
	r.setUp()
	_, err := SourceRemove(r.ctx, r.h, SourceRemoveArgs{Name: "myrepo", Cache: true})
	failure(t, err, effect.Failed, "default", "merge_from")
	must(Configure(r.ctx, r.h, ConfigureArgs{FailOnConflict: true, Targets: map[string]TargetArgs{"default": {PoudriereTree: "default", MergeFrom: []string{"freebsd"}}}}))
	must(SourceRemove(r.ctx, r.h, SourceRemoveArgs{Name: "myrepo", Cache: true}))
	if left := r.sh("ls /var/cache/portshaker /usr/local/etc/portshaker.d"); strings.Contains(left, "myrepo") {
		t.Errorf("left: %s", left)
	}
	r.did = nil
	must(SourceRemove(r.ctx, r.h, SourceRemoveArgs{Name: "myrepo", Cache: true}))
	r.quiet("the second time")
}

// A script may make its address of its arguments: github:user:project.
func TestSourceWithArguments(t *testing.T) {
	r := newRig(t)
	args := wanted
	args.Targets = map[string]TargetArgs{"default": {PoudriereTree: "default", MergeFrom: []string{"freebsd", "local:myrepo"}}}
	must(Configure(r.ctx, r.h, args))
	must(SourcePut(r.ctx, r.h, source("freebsd")))
	r.sh(`cat >/usr/local/etc/portshaker.d/local <<'END'
#!/bin/sh
. /usr/local/share/portshaker/portshaker.subr
method="git"
git_clone_uri="file:///srv/git/$1.git"
git_branch="main"
while [ "$1" != "--" ]; do shift; done
shift
run_portshaker_command $*
END
chmod +x /usr/local/etc/portshaker.d/local`)
	updated := must(Update(r.ctx, r.h, UpdateArgs{}))
	if s := updated.Sources[1]; s.Cache != "/var/cache/portshaker/local_myrepo" || s.URI != "" || s.Revision != r.sh("git -C /srv/git/myrepo.git rev-parse HEAD") {
		t.Errorf("updated %+v", s)
	}
	merged := must(Merge(r.ctx, r.h, MergeArgs{}))
	if p := merged.Targets[0].Ports; len(p) != 1 || p[0].Source != "local:myrepo" {
		t.Errorf("merged %+v", p)
	}
	if again := must(Update(r.ctx, r.h, UpdateArgs{})); again.Changed {
		t.Errorf("nothing new, but %+v", again)
	}
}

// An edit in the cache would be merged, until the next update throws it away.
func TestEditedCache(t *testing.T) {
	r := newRig(t)
	r.setUp()
	r.sh("echo edited >>/var/cache/portshaker/myrepo/misc/mine/Makefile")
	if updated := must(Update(r.ctx, r.h, UpdateArgs{})); !updated.Sources[1].Changed || updated.Sources[0].Changed {
		t.Errorf("updated %+v", updated)
	}
	if left := r.sh("git -C /var/cache/portshaker/myrepo status --porcelain"); left != "" {
		t.Errorf("the edit stayed: %s", left)
	}
}

func TestUpdateFailures(t *testing.T) {
	r := newRig(t)
	_, err := Update(r.ctx, r.h, UpdateArgs{})
	failure(t, err, effect.Missing, "portshaker.configure")
	must(Configure(r.ctx, r.h, wanted))
	_, err = Update(r.ctx, r.h, UpdateArgs{})
	failure(t, err, effect.Missing, "source.put")
	must(SourcePut(r.ctx, r.h, source("freebsd")))
	gone := source("myrepo")
	gone.Branch = "nosuch"
	must(SourcePut(r.ctx, r.h, gone))
	_, err = Update(r.ctx, r.h, UpdateArgs{Sources: []string{"myrepo"}})
	failure(t, err, effect.Missing, "the source myrepo", "nosuch", "the branch main only")
	gone.Branch, gone.URI = "main", "file:///srv/git/nosuch.git"
	must(SourcePut(r.ctx, r.h, gone))
	_, err = Update(r.ctx, r.h, UpdateArgs{})
	failure(t, err, effect.Missing, "the source myrepo", "check the address")
	_, err = Update(r.ctx, r.h, UpdateArgs{Sources: []string{"other"}})
	failure(t, err, effect.Missing, "freebsd, myrepo")
	_, err = Merge(r.ctx, r.h, MergeArgs{})
	failure(t, err, effect.Missing, "myrepo")
}

func TestMergeSparesForeignTrees(t *testing.T) {
	r := newRig(t)
	must(Configure(r.ctx, r.h, wanted))
	must(SourcePut(r.ctx, r.h, source("freebsd")))
	must(SourcePut(r.ctx, r.h, source("myrepo")))
	must(Update(r.ctx, r.h, UpdateArgs{}))
	r.sh("mkdir -p " + tree + " && echo precious >" + tree + "/mine")
	r.did = nil
	_, err := Merge(r.ctx, r.h, MergeArgs{})
	failure(t, err, effect.Failed, "not of portshaker's making", "adopt=true")
	r.quiet("a refusal")
	must(Merge(r.ctx, r.h, MergeArgs{Adopt: true}))
	if len(r.did) != 1 || r.did[0].Risk != effect.Irreversible || !strings.Contains(r.did[0].Note, tree) {
		t.Errorf("adopting is %+v", r.did)
	}

	// Of portshaker's making now; a file of somebody's is still seen, wherever
	// it lies.
	r.sh("mkdir -p " + tree + "/misc/foreign && echo precious >" + tree + "/misc/foreign/Makefile.local && mkdir " + tree + "/distfiles && echo x >" + tree + "/distfiles/x")
	r.sh("cd /srv/work/myrepo && sh /root/make-port misc/mine 0.3")
	r.commit("myrepo")
	must(Update(r.ctx, r.h, UpdateArgs{}))
	r.did = nil
	_, err = Merge(r.ctx, r.h, MergeArgs{})
	failure(t, err, effect.Failed, "misc/foreign/Makefile.local")
	r.quiet("a refusal")
	r.sh("rm -r " + tree + "/misc/foreign")
	if merged := must(Merge(r.ctx, r.h, MergeArgs{})); r.did[0].Risk != effect.Safe || merged.Targets[0].Ports[0].After != "0.3" {
		t.Errorf("merged %+v with risk %s", merged, r.did[0].Risk)
	}
}

// TestMergeAfterACut: what a merge that was cut short left behind is ours.
func TestMergeAfterACut(t *testing.T) {
	r := newRig(t)
	must(Configure(r.ctx, r.h, wanted))
	must(SourcePut(r.ctx, r.h, source("freebsd")))
	must(SourcePut(r.ctx, r.h, source("myrepo")))
	must(Update(r.ctx, r.h, UpdateArgs{}))
	r.m.FailTool("portshaker", 1, "killed", 1)
	if _, err := Merge(r.ctx, r.h, MergeArgs{}); err == nil {
		t.Fatal("the merge did not fail")
	}
	r.sh("mkdir -p " + tree + "/misc && echo half >" + tree + "/misc/.Makefile.x1y2z3")
	must(Merge(r.ctx, r.h, MergeArgs{}))
}

func TestConflicts(t *testing.T) {
	r := newRig(t)
	r.sh("cd /srv/work/myrepo && sh /root/make-port misc/shared 1.0 && echo changed >misc/shared/pkg-descr")
	r.commit("myrepo")
	must(Configure(r.ctx, r.h, wanted))
	must(SourcePut(r.ctx, r.h, source("freebsd")))
	must(SourcePut(r.ctx, r.h, source("myrepo")))
	must(Update(r.ctx, r.h, UpdateArgs{}))
	want := []Conflict{{Origin: "misc/shared", Source: "myrepo", Target: tree, Files: []string{"pkg-descr"}}}
	if diff := cmp.Diff(want, must(Conflicts(r.ctx, r.h, ConflictsArgs{}))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	_, err := Merge(r.ctx, r.h, MergeArgs{})
	failure(t, err, effect.Failed, "misc/shared of myrepo", "raise PORTREVISION")
	// A later version is no conflict, and neither is a source that wins.
	must(Configure(r.ctx, r.h, ConfigureArgs{FailOnConflict: true, Targets: map[string]TargetArgs{"default": {PoudriereTree: "default", MergeFrom: []string{"freebsd", "myrepo!"}}}}))
	if found := must(Conflicts(r.ctx, r.h, ConflictsArgs{})); len(found) > 0 {
		t.Errorf("a source with ! conflicts: %+v", found)
	}
	merged := must(Merge(r.ctx, r.h, MergeArgs{}))
	if !cmp.Equal(merged.Targets[0].Overridden, []string{"misc/shared"}) {
		t.Errorf("merged %+v", merged.Targets[0])
	}
	r.sh("cd /srv/work/myrepo && sh /root/make-port misc/shared 1.1")
	r.commit("myrepo")
	must(Update(r.ctx, r.h, UpdateArgs{}))
	must(Configure(r.ctx, r.h, wanted))
	if found := must(Conflicts(r.ctx, r.h, ConflictsArgs{})); len(found) > 0 {
		t.Errorf("a later version conflicts: %+v", found)
	}
}

func TestMergeNeedsFailOnConflict(t *testing.T) {
	r := newRig(t)
	r.setUp()
	r.sh("sed -i '' 's/fail_on_conflict=.*/fail_on_conflict=\"no\"/' " + confPath)
	_, err := Merge(r.ctx, r.h, MergeArgs{Force: true})
	failure(t, err, effect.Failed, "fail_on_conflict", "portshaker.configure")
	r.quiet("a refusal")
}

// checked is the machine in check mode; listed are the changes it would make.
func (r *rig) checked() (h effect.Doer, listed *[]string) {
	listed = new([]string)
	recorder := func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change {
				*listed = append(*listed, e.Op)
			}
			return next.Do(ctx, e)
		})
	}
	return effect.Chain(r.h, recorder, layer.Check()), listed
}

// procedure configures, updates and merges.
func (r *rig) procedure(h effect.Doer) (Updated, Merged) {
	must(Configure(r.ctx, h, wanted))
	must(SourcePut(r.ctx, h, source("freebsd")))
	must(SourcePut(r.ctx, h, source("myrepo")))
	return must(Update(r.ctx, h, UpdateArgs{})), must(Merge(r.ctx, h, MergeArgs{}))
}

// TestCheckMode: what check mode lists is what the run does, on a fresh machine
// and on one with news, and the machine stays as it is.
func TestCheckMode(t *testing.T) {
	r := newRig(t)
	for _, round := range []string{"fresh", "with news", "with nothing new"} {
		if round == "with news" {
			r.sh("cd /srv/work/myrepo && sh /root/make-port misc/mine 0.2")
			r.commit("myrepo")
		}
		before := r.m.Digest()
		h, listed := r.checked()
		updated, _ := r.procedure(h)
		if want := r.sh("git -C /srv/git/myrepo.git rev-parse HEAD"); updated.Sources[1].Revision != want {
			t.Errorf("%s: would stand at %s, want %s", round, updated.Sources[1].Revision, want)
		}
		if r.m.Digest() != before {
			t.Errorf("%s: check mode changed the machine", round)
		}
		r.did = nil
		r.procedure(r.h)
		did := []string{}
		for _, e := range r.did {
			did = append(did, e.Op)
		}
		if !cmp.Equal(append([]string{}, *listed...), did) {
			t.Errorf("%s: check mode listed\n%q\nthe run did\n%q", round, *listed, did)
		}
	}
}
