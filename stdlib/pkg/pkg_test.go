package pkg_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/stdlib/pkg"
	"bsdrun/stdlib/pkg/pkgsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func install(t *testing.T, h effect.Doer, names ...string) pkg.Done {
	t.Helper()
	done, err := pkg.Install(ctx, h, pkg.InstallArgs{Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestInstallOnAFreshHost(t *testing.T) {
	doer, _ := onsim.New(t, "", pkgsim.Tools())
	h := &onsim.Count{Doer: doer}
	if ready, err := pkg.Ready(ctx, h); err != nil || ready {
		t.Fatalf("ready %v %v", ready, err)
	}
	done := install(t, h, "git", "devel/git")
	if !done.Changed || !slices.ContainsFunc(done.Packages, func(s pkg.Step) bool { return s.Name == "git" && s.Action == "install" }) {
		t.Fatalf("%+v", done)
	}
	changes := h.Changes
	if done = install(t, h, "git", "devel/git"); done.Changed || h.Changes != changes {
		t.Fatalf("a second time: %+v", done)
	}
	version, ok, err := pkg.Installed(ctx, h, "git")
	if err != nil || !ok || version == "" {
		t.Fatalf("installed: %q %v %v", version, ok, err)
	}
	if ready, err := pkg.Ready(ctx, h); err != nil || !ready {
		t.Fatalf("ready %v %v", ready, err)
	}
	d, err := pkg.Info(ctx, h, pkg.NameArgs{Name: "devel/git"})
	if err != nil || !d.Installed || d.Name != "git" || d.Version != version || len(d.Dependencies) == 0 || d.Since == nil || d.Automatic {
		t.Fatalf("%+v %v", d, err)
	}
	list, err := pkg.List(ctx, h, pkg.ListArgs{})
	if err != nil || len(list) < 3 || !slices.ContainsFunc(list, func(p pkg.Package) bool { return p.Name == "git" && p.Size > 0 }) {
		t.Fatalf("%+v %v", list, err)
	}
	asked := false
	if list, err = pkg.List(ctx, h, pkg.ListArgs{Automatic: &asked}); err != nil || slices.ContainsFunc(list, func(p pkg.Package) bool { return p.Automatic }) {
		t.Fatalf("%+v %v", list, err)
	}
}

func TestFailuresAreExplained(t *testing.T) {
	doer, m := onsim.New(t, "", pkgsim.Tools())
	if _, err := pkg.Bootstrap(ctx, doer, pkg.BootstrapArgs{}); err != nil {
		t.Fatal(err)
	}
	expect := func(name string, err error, kind effect.ErrKind, hint string) {
		t.Helper()
		var e *effect.Error
		if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: %v, hint %q", name, err, effect.AsError(err).Hint)
		}
	}
	_, err := pkg.Install(ctx, doer, pkg.InstallArgs{Names: []string{"nosuch"}})
	expect("unknown package", err, effect.Missing, "h.pkg.search")
	_, err = pkg.Install(ctx, onsim.As(t, m, "worker"), pkg.InstallArgs{Names: []string{"git"}})
	expect("not root", err, effect.Denied, "root")
	_, err = pkg.Install(ctx, doer, pkg.InstallArgs{Names: []string{"-y"}})
	expect("an option for a name", err, effect.Invalid, "")
	_, err = pkg.Audit(ctx, doer, pkg.AuditArgs{})
	expect("audit without a list", err, effect.Failed, "fetch=true")
	m.FailTool("pkg", 1, "pkg: Cannot get an advisory lock on a database, it is locked by another process", 0)
	_, err = pkg.Install(ctx, doer, pkg.InstallArgs{Names: []string{"git"}})
	expect("locked", err, effect.Failed, "another pkg is at work")
	m.HealTool("pkg")
	m.Network().SetUnreachable("pkg.freebsd.org", "Name does not resolve")
	_, err = pkg.Install(ctx, doer, pkg.InstallArgs{Names: []string{"git"}})
	expect("no network", err, effect.Failed, "check the network")
}

func TestNotBootstrapped(t *testing.T) {
	h, _ := onsim.New(t, "", pkgsim.Tools())
	if d, err := pkg.Info(ctx, h, pkg.NameArgs{Name: "git"}); err != nil || d.Installed {
		t.Errorf("info: %+v %v", d, err)
	}
	if list, err := pkg.List(ctx, h, pkg.ListArgs{}); err != nil || len(list) != 0 {
		t.Errorf("list: %+v %v", list, err)
	}
	if done, err := pkg.Remove(ctx, h, pkg.RemoveArgs{Names: []string{"git"}}); err != nil || done.Changed {
		t.Errorf("remove: %+v %v", done, err)
	}
	_, err := pkg.ListRepos(ctx, h, pkg.Target{})
	if effect.KindOf(err) != effect.Missing {
		t.Errorf("repositories: %v", err)
	}
	done, err := pkg.Bootstrap(ctx, h, pkg.BootstrapArgs{})
	if err != nil || !done.Changed {
		t.Errorf("bootstrap: %+v %v", done, err)
	}
	if done, err = pkg.Bootstrap(ctx, h, pkg.BootstrapArgs{}); err != nil || done.Changed {
		t.Errorf("a second bootstrap: %+v %v", done, err)
	}
	repos, err := pkg.ListRepos(ctx, h, pkg.Target{})
	if err != nil || len(repos) == 0 || repos[0].Name != "FreeBSD" || !repos[0].Enabled || repos[0].SignatureType != "fingerprints" {
		t.Errorf("repositories: %+v %v", repos, err)
	}
}

func TestRemoveStopsBeforeDependents(t *testing.T) {
	doer, _ := onsim.New(t, "", pkgsim.Tools())
	h := &onsim.Count{Doer: doer}
	install(t, h, "git")
	d, err := pkg.Info(ctx, h, pkg.NameArgs{Name: "git"})
	if err != nil {
		t.Fatal(err)
	}
	changes := h.Changes
	_, err = pkg.Remove(ctx, h, pkg.RemoveArgs{Names: d.Dependencies[:1]})
	if e := effect.AsError(err); e == nil || !strings.Contains(e.Message, "git") || h.Changes != changes {
		t.Fatalf("%v", err)
	}
	done, err := pkg.Remove(ctx, h, pkg.RemoveArgs{Names: []string{"git"}})
	if err != nil || !done.Changed || len(done.Packages) != 1 || done.Packages[0].Action != "remove" {
		t.Fatalf("%+v %v", done, err)
	}
	if done, err = pkg.Autoremove(ctx, h, pkg.Target{}); err != nil || !done.Changed {
		t.Fatalf("%+v %v", done, err)
	}
	if done, err = pkg.Autoremove(ctx, h, pkg.Target{}); err != nil || done.Changed {
		t.Fatalf("%+v %v", done, err)
	}
}

func TestQueriesAndUpkeep(t *testing.T) {
	h, _ := onsim.New(t, "", pkgsim.Tools())
	install(t, h, "git")
	owner, err := pkg.Which(ctx, h, pkg.WhichArgs{Path: "/usr/local/sbin/pkg"})
	if err != nil || !owner.Found || owner.Name != "pkg" || owner.Version == "" {
		t.Errorf("which: %+v %v", owner, err)
	}
	if owner, err = pkg.Which(ctx, h, pkg.WhichArgs{Path: "/etc/passwd"}); err != nil || owner.Found {
		t.Errorf("which: %+v %v", owner, err)
	}
	found, err := pkg.Search(ctx, h, pkg.SearchArgs{Pattern: "^poudriere"})
	if err != nil || len(found) < 2 || found[0].Comment == "" {
		t.Errorf("search: %+v %v", found, err)
	}
	lines, err := pkg.Query(ctx, h, pkg.QueryArgs{Format: "%n %a", Where: "%a = 0"})
	if err != nil || !slices.Contains(lines, "git 0") {
		t.Errorf("query: %q %v", lines, err)
	}
	if lines, err = pkg.Query(ctx, h, pkg.QueryArgs{Format: "%n", Names: []string{"nosuch"}}); err != nil || len(lines) != 0 {
		t.Errorf("query: %q %v", lines, err)
	}
	for _, want := range []bool{true, false} {
		if done, err := pkg.Lock(ctx, h, pkg.NamesArgs{Names: []string{"git"}}); err != nil || done.Changed != want {
			t.Errorf("lock: %+v %v", done, err)
		}
	}
	if done, err := pkg.Unlock(ctx, h, pkg.NamesArgs{Names: []string{"git"}}); err != nil || !done.Changed {
		t.Errorf("unlock: %+v %v", done, err)
	}
	if vulnerable, err := pkg.Audit(ctx, h, pkg.AuditArgs{Fetch: true}); err != nil || len(vulnerable) != 0 {
		t.Errorf("audit: %+v %v", vulnerable, err)
	}
	if damage, err := pkg.Check(ctx, h, pkg.CheckArgs{}); err != nil || len(damage) != 0 {
		t.Errorf("check: %+v %v", damage, err)
	}
	for _, want := range []bool{true, false} {
		if done, err := pkg.Clean(ctx, h, pkg.CleanArgs{All: true}); err != nil || done.Changed != want {
			t.Errorf("clean: %+v %v", done, err)
		}
	}
	if done, err := pkg.Update(ctx, h, pkg.UpdateArgs{}); err != nil || done.Changed {
		t.Errorf("update: %+v %v", done, err)
	}
	if done, err := pkg.Upgrade(ctx, h, pkg.UpgradeArgs{}); err != nil || done.Changed {
		t.Errorf("upgrade: %+v %v", done, err)
	}
}

func TestUpgrade(t *testing.T) {
	h, m := onsim.New(t, "", pkgsim.Tools())
	install(t, h, "git")
	s := m.State()
	s.Lock()
	s.Packages.Available["git"].Version = "2.99.0"
	s.Unlock()
	done, err := pkg.Upgrade(ctx, h, pkg.UpgradeArgs{})
	if err != nil || !done.Changed || len(done.Packages) != 1 || done.Packages[0].Version != "2.99.0" || done.Packages[0].OldVersion == "" {
		t.Fatalf("%+v %v", done, err)
	}
	if version, _, err := pkg.Installed(ctx, h, "git"); err != nil || version != "2.99.0" {
		t.Fatalf("%q %v", version, err)
	}
}

// TestCheckModeWithACatalogue: the plan tells all, so everything is exact.
func TestCheckModeWithACatalogue(t *testing.T) {
	doer, m := onsim.New(t, "", pkgsim.Tools())
	install(t, doer, "tree")
	s := m.State()
	s.Lock()
	before := len(s.Packages.Installed)
	s.Unlock()
	h := effect.Chain(doer, layer.Check())
	if done := install(t, h, "git"); !done.Changed {
		t.Fatalf("%+v", done)
	}
	d, err := pkg.Info(ctx, h, pkg.NameArgs{Name: "git"})
	if err != nil || !d.Installed || d.Origin != "devel/git" || d.Version == "" {
		t.Fatalf("info: %+v %v", d, err)
	}
	if done := install(t, h, "git", "tree", "curl"); done.Changed {
		t.Fatalf("git needs curl, and tree is there: %+v", done)
	}
	if done, err := pkg.Lock(ctx, h, pkg.NamesArgs{Names: []string{"git"}}); err != nil || !done.Changed {
		t.Fatalf("lock: %+v %v", done, err)
	}
	if _, err = pkg.List(ctx, h, pkg.ListArgs{}); effect.KindOf(err) != effect.Unknown {
		t.Fatalf("list: %v", err)
	}
	if done, err := pkg.Remove(ctx, h, pkg.RemoveArgs{Names: []string{"tree"}}); err != nil && effect.KindOf(err) != effect.Unknown {
		t.Fatalf("remove: %+v %v", done, err)
	}
	s.Lock()
	defer s.Unlock()
	if len(s.Packages.Installed) != before {
		t.Fatal("check mode changed the packages")
	}
}

// TestCheckModeOnAFreshHost: only what was asked for is sure.
func TestCheckModeOnAFreshHost(t *testing.T) {
	doer, _ := onsim.New(t, "", pkgsim.Tools())
	h := effect.Chain(doer, layer.Check())
	if done := install(t, h, "git"); !done.Changed {
		t.Fatalf("%+v", done)
	}
	version, ok, err := pkg.Installed(ctx, h, "git")
	if err != nil || !ok || version != "" {
		t.Fatalf("git: %q %v %v", version, ok, err)
	}
	if done := install(t, h, "git"); done.Changed {
		t.Fatalf("%+v", done)
	}
	if _, _, err := pkg.Installed(ctx, h, "curl"); effect.KindOf(err) != effect.Unknown {
		t.Fatalf("curl may have come along: %v", err)
	}
	if _, err := pkg.Ready(ctx, h); effect.KindOf(err) != effect.Unknown {
		t.Fatalf("pkg itself: %v", err)
	}
}
