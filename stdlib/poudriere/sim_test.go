package poudriere

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/git/gitsim"
	"bsdrun/stdlib/poudriere/poudrieresim"
)

// rig is a simulated machine with poudriere and a small ports tree.
type rig struct {
	t   *testing.T
	ctx context.Context
	m   *sim.Machine
	h   effect.Doer
	did []effect.Effect // changes that were made
}

const simTree = "/usr/local/poudriere/ports/default"

// newRig takes the ports that shall fail.
func newRig(t *testing.T, failing ...string) *rig {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "builder", Params: url.Values{"fail": failing}, Tools: append(base.Tools(), gitsim.Tool(), poudrieresim.Tool())})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InstallPackage("poudriere"); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, ctx: clock.With(t.Context(), m.Clock()), m: m}
	over := sshhost.New(sshhost.Config{
		Name: "builder", Address: "builder", User: "root", Greeting: host.FactsScript,
		Dialer:  func(ctx context.Context) (net.Conn, error) { return m.Dial(ctx) },
		HostKey: ssh.FixedHostKey(m.HostKey()), Auth: []ssh.AuthMethod{ssh.Password("")},
	})
	t.Cleanup(func() { _ = over.Close(context.Background(), false) })
	r.h = effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		res, err := over.Do(ctx, e)
		if e.Kind == effect.Change && err == nil && res.Changed() {
			r.did = append(r.did, e)
		}
		return res, err
	})
	r.sh(`port() {
	mkdir -p ` + simTree + `/"$1" && printf 'PORTNAME=\t%s\nPORTVERSION=\t%s\nCATEGORIES=\tmisc\n%s\n.include <bsd.port.mk>\n' "${1##*/}" "$2" "$3" >` + simTree + `/"$1"/Makefile
}
port ports-mgmt/pkg 2.4.2
port misc/hello 1.0
port misc/broken 0.1
port misc/needs 1.0 'BUILD_DEPENDS=	broken:misc/broken'
mkdir -p ` + simTree + `/Mk && echo "# mk" >` + simTree + `/Mk/bsd.port.mk
printf '    SUBDIR += hello\n    SUBDIR += broken\n    SUBDIR += needs\n' >` + simTree + `/misc/Makefile
printf '    SUBDIR += pkg\n' >` + simTree + `/ports-mgmt/Makefile
: >` + simTree + `/MOVED`)
	return r
}

func (r *rig) sh(script string) string {
	r.t.Helper()
	out, errs, code := r.m.Exec(r.ctx, "root", "set -e\n"+script)
	if code != 0 {
		r.t.Fatalf("%s\nexit %d: %s%s", script, code, out, errs)
	}
	return strings.TrimSpace(out)
}

func (r *rig) quiet(what string) {
	r.t.Helper()
	for _, e := range r.did {
		r.t.Errorf("%s changed something: %s %v %v", what, e.Op, e.Argv, e.File)
	}
	r.did = nil
}

// setUp configures poudriere, registers the tree and makes the jail.
func (r *rig) setUp(h effect.Doer) {
	must(Configure(r.ctx, h, ConfigureArgs{ZFS: new(false)}))
	must(PortsCreate(r.ctx, h, PortsCreateArgs{Name: "default", Path: simTree}))
	must(JailCreate(r.ctx, h, JailCreateArgs{Name: "143amd64"}))
}

func TestOnTheSimulatedMachine(t *testing.T) {
	r := newRig(t)
	r.setUp(r.h)
	jails := must(JailList(r.ctx, r.h))
	if len(jails) != 1 || jails[0].release() != "14.3-RELEASE" || jails[0].Arch != "amd64" {
		t.Errorf("jails %+v", jails)
	}
	if trees := must(PortsList(r.ctx, r.h)); len(trees) != 1 || trees[0].Method != "null" || trees[0].Path != simTree {
		t.Errorf("trees %+v", trees)
	}
	r.did = nil
	r.setUp(r.h)
	r.quiet("the second time")

	build := BulkArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/hello"}, Lines: 5}
	got := must(Bulk(r.ctx, r.h, build))
	if len(got.Failed) != 0 || got.Counts.Built < 1 || !strings.HasPrefix(got.Packages, "/usr/local/poudriere/data/packages/") {
		t.Errorf("built %+v", got)
	}
	found := false
	for _, p := range got.Built {
		found = found || p.Origin == "misc/hello" && p.Package == "hello-1.0"
	}
	if !found {
		t.Errorf("hello is not among %+v", got.Built)
	}
	if again := must(Bulk(r.ctx, r.h, build)); again.Changed || len(again.Built) != 0 {
		t.Errorf("everything was built anew: %+v", again)
	}
	last := must(Results(r.ctx, r.h, ResultsArgs{Jail: "143amd64", Tree: "default", Build: got.Name}))
	if last.Name != got.Name || len(last.Built) != len(got.Built) {
		t.Errorf("results %+v", last)
	}
	if log := must(Log(r.ctx, r.h, LogArgs{Jail: "143amd64", Tree: "default", Build: got.Name, Port: "misc/hello"})); log.Text == "" {
		t.Error("the log is empty")
	}
	if plan := must(PlanBulk(r.ctx, r.h, PlanArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/hello"}})); plan.Count != 0 {
		t.Errorf("planned %+v", plan)
	}
	if running := must(Status(r.ctx, r.h, StatusArgs{})); len(running) != 0 {
		t.Errorf("running %+v", running)
	}
	if all := must(Status(r.ctx, r.h, StatusArgs{Finished: true})); len(all) == 0 {
		t.Error("no finished build is listed")
	}
	published := must(RepoPublish(r.ctx, r.h, RepoPublishArgs{Jail: "143amd64", Tree: "default", To: "/usr/local/www/packages", Keep: 1}))
	if !published.Changed || !strings.Contains(r.sh("ls /usr/local/www/packages/All/"), "hello-1.0") {
		t.Errorf("published %+v", published)
	}
}

func TestSimulatedFailingPort(t *testing.T) {
	r := newRig(t, "misc/broken:configure")
	r.setUp(r.h)
	got := must(Bulk(r.ctx, r.h, BulkArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/hello", "misc/needs"}, Lines: 5}))
	if len(got.Failed) != 1 || got.Failed[0].Origin != "misc/broken" || got.Failed[0].Phase != "configure" || got.Failed[0].Tail == "" {
		t.Errorf("failed %+v", got.Failed)
	}
	if len(got.Skipped) != 1 || got.Skipped[0].Origin != "misc/needs" || got.Skipped[0].Because != "broken-0.1" {
		t.Errorf("skipped %+v", got.Skipped)
	}
	if got.Counts.Built == 0 || got.Exit != 2 || got.Status != "done" {
		t.Errorf("%+v", got)
	}
}

func TestSimulatedFailures(t *testing.T) {
	r := newRig(t)
	r.setUp(r.h)
	_, err := Bulk(r.ctx, r.h, BulkArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/nosuch"}})
	failure(t, err, effect.Missing, "misc/nosuch", "spelling")
	_, err = JailCreate(r.ctx, r.h, JailCreateArgs{Name: "far", Version: "99.0-RELEASE", Arch: "amd64"})
	if err == nil {
		t.Error("a release that does not exist was made")
	}
	if jails := must(JailList(r.ctx, r.h)); len(jails) != 1 {
		t.Errorf("half a jail was left: %+v", jails)
	}
}

// TestSimulatedCheckMode: check mode tells all changes of a set-up, exactly.
func TestSimulatedCheckMode(t *testing.T) {
	r := newRig(t)
	before := r.m.Digest()
	var listed []string
	recorder := func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change {
				listed = append(listed, e.Op)
			}
			return next.Do(ctx, e)
		})
	}
	h := effect.Chain(r.h, recorder, layer.Check())
	r.setUp(h)
	out := must(Bulk(r.ctx, h, BulkArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/hello"}}))
	if !out.Changed {
		t.Errorf("would build: %+v", out)
	}
	if r.m.Digest() != before {
		t.Error("check mode changed the machine")
	}
	would := listed
	r.setUp(r.h)
	var did []string
	for _, e := range r.did {
		did = append(did, e.Op)
	}
	if strings.Join(append(did, "poudriere.bulk"), " ") != strings.Join(would, " ") {
		t.Errorf("check mode listed\n%q\nthe run did\n%q", would, did)
	}
}

func TestSimulatedJailsAndCleaning(t *testing.T) {
	r := newRig(t)
	r.setUp(r.h)
	tested := must(Testport(r.ctx, r.h, TestportArgs{Jail: "143amd64", Tree: "default", Origin: "misc/hello", Lines: 5}))
	if len(tested.Failed) != 0 || tested.Name == "" {
		t.Errorf("tested %+v", tested)
	}
	must(Bulk(r.ctx, r.h, BulkArgs{Jail: "143amd64", Tree: "default", Origins: []string{"misc/hello", "misc/broken"}, Lines: 5}))
	cleaned := must(Pkgclean(r.ctx, r.h, PkgcleanArgs{Jail: "143amd64", Tree: "default", Keep: []string{"misc/hello"}}))
	if !cleaned.Changed || len(cleaned.Removed) == 0 || !strings.Contains(strings.Join(cleaned.Removed, " "), "broken-0.1") {
		t.Errorf("cleaned %+v", cleaned)
	}
	if again := must(Pkgclean(r.ctx, r.h, PkgcleanArgs{Jail: "143amd64", Tree: "default", Keep: []string{"misc/hello"}})); again.Changed {
		t.Errorf("cleaned again %+v", again)
	}
	must(Distclean(r.ctx, r.h, DistcleanArgs{Trees: []string{"default"}}))
	must(Logclean(r.ctx, r.h, LogcleanArgs{Count: 1}))
	must(JailUpdate(r.ctx, r.h, JailArgs{Name: "143amd64"}))
	must(JailRename(r.ctx, r.h, JailRenameArgs{Name: "143amd64", To: "renamed"}))
	if got := must(JailRemove(r.ctx, r.h, JailRemoveArgs{Name: "renamed", Clean: "all"})); !got.Changed {
		t.Errorf("removed %+v", got)
	}
	must(PortsRemove(r.ctx, r.h, TreeRemoveArgs{Name: "default"}))
	r.sh("test -f " + simTree + "/misc/hello/Makefile")
	if jails, trees := must(JailList(r.ctx, r.h)), must(PortsList(r.ctx, r.h)); len(jails)+len(trees) > 0 {
		t.Errorf("left: %+v %+v", jails, trees)
	}
}

// A tree that an old release registered keeps its files.
func TestSimulatedOldTree(t *testing.T) {
	r := newRig(t)
	must(Configure(r.ctx, r.h, ConfigureArgs{ZFS: new(false)}))
	r.sh("poudriere ports -c -p default -F -f none -M " + simTree)
	if trees := must(PortsList(r.ctx, r.h)); len(trees) != 1 || trees[0].Method != "-" {
		t.Fatalf("registered %+v", trees)
	}
	if got := must(PortsCreate(r.ctx, r.h, PortsCreateArgs{Name: "default", Path: simTree})); !got.Adopted {
		t.Errorf("adopted %+v", got)
	}
	must(PortsRemove(r.ctx, r.h, TreeRemoveArgs{Name: "default"}))
	r.sh("test -f " + simTree + "/misc/hello/Makefile")
}
