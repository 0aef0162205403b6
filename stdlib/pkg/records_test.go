package pkg_test

import (
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/pkg"
	"bsdrun/stdlib/pkg/pkgsim"
	"bsdrun/stdlib/ports/portssim"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

// TestBeforePkg: a release without pkg(8) tells what it has installed, and
// refuses what only pkg could do.
func TestBeforePkg(t *testing.T) {
	doer, _ := onsim.New(t, "freebsd-8.2-zfs-mirror", base.Tools(), pkgsim.Tools(), portssim.Tools())
	h := &onsim.Count{Doer: doer}
	list, err := pkg.List(ctx, h, pkg.ListArgs{})
	if err != nil || !slices.ContainsFunc(list, func(p pkg.Package) bool {
		return p.Name == "bash" && p.Version == "4.1.10" && p.Origin == "shells/bash" && p.Comment != ""
	}) {
		t.Fatalf("list: %+v %v", list, err)
	}
	for _, name := range []string{"nginx", "www/nginx"} {
		d, err := pkg.Info(ctx, h, pkg.NameArgs{Name: name})
		if err != nil || !d.Installed || d.Name != "nginx" || d.Prefix != "/usr/local" || !slices.Contains(d.Dependencies, "pcre") || !slices.Equal(d.Categories, []string{"www"}) {
			t.Errorf("info %s: %+v %v", name, d, err)
		}
	}
	if d, err := pkg.Info(ctx, h, pkg.NameArgs{Name: "pcre"}); err != nil || !slices.Contains(d.RequiredBy, "nginx") {
		t.Errorf("info pcre: %+v %v", d, err)
	}
	if d, err := pkg.Info(ctx, h, pkg.NameArgs{Name: "nosuch"}); err != nil || d.Installed {
		t.Errorf("info nosuch: %+v %v", d, err)
	}
	if version, ok, err := pkg.Installed(ctx, h, "bash"); err != nil || !ok || version != "4.1.10" {
		t.Errorf("installed: %q %v %v", version, ok, err)
	}
	if owner, err := pkg.Which(ctx, h, pkg.WhichArgs{Path: "/usr/local/bin/bash"}); err != nil || owner != (pkg.Owner{Found: true, Name: "bash", Version: "4.1.10"}) {
		t.Errorf("which: %+v %v", owner, err)
	}
	if owner, err := pkg.Which(ctx, h, pkg.WhichArgs{Path: "/etc/passwd"}); err != nil || owner.Found {
		t.Errorf("which: %+v %v", owner, err)
	}
	if ready, err := pkg.Ready(ctx, h); err != nil || ready {
		t.Errorf("ready: %v %v", ready, err)
	}
	if done, err := pkg.Install(ctx, h, pkg.InstallArgs{Names: []string{"bash"}}); err != nil || done.Changed {
		t.Errorf("install what is there: %+v %v", done, err)
	}
	checking := effect.Chain(h, layer.Check())
	for name, try := range map[string]func(effect.Doer) error{
		"install": func(h effect.Doer) error {
			_, err := pkg.Install(ctx, h, pkg.InstallArgs{Names: []string{"tree"}})
			return err
		},
		"bootstrap": func(h effect.Doer) error { _, err := pkg.Bootstrap(ctx, h, pkg.BootstrapArgs{}); return err },
		"remove": func(h effect.Doer) error {
			_, err := pkg.Remove(ctx, h, pkg.RemoveArgs{Names: []string{"bash"}})
			return err
		},
		"query": func(h effect.Doer) error { _, err := pkg.Query(ctx, h, pkg.QueryArgs{Format: "%n"}); return err },
	} {
		for _, on := range []effect.Doer{h, checking} {
			if err := try(on); err == nil || !strings.Contains(effect.AsError(err).Hint, "h.ports.") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if h.Changes != 0 {
		t.Errorf("%d changes", h.Changes)
	}
}

// TestNeitherPkgNorRecords: a host that has nothing of the kind says so.
func TestNeitherPkgNorRecords(t *testing.T) {
	h := answers.New(t)
	h.Fails("pkg", answers.Answer{Code: 127, Err: "sh: pkg: not found\n"})
	h.Fails("/usr/sbin/pkg_info", answers.Answer{Code: 127, Err: "sh: /usr/sbin/pkg_info: not found\n"})
	h.Says("read the records", "")
	if _, err := pkg.List(ctx, h, pkg.ListArgs{}); effect.KindOf(err) != effect.Missing {
		t.Errorf("list: %v", err)
	}
	if _, err := pkg.Which(ctx, h, pkg.WhichArgs{Path: "/bin/sh"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("which: %v", err)
	}
}

func TestInstallOptions(t *testing.T) {
	h := answers.New(t)
	h.Says("pkg", "tree\t2.2.1\tsysutils/tree\n")
	h.Says("pkg -o ABI=FreeBSD:14:amd64 query", "tree\t2.2.1\tsysutils/tree\n")
	h.Says("pkg -o ABI=FreeBSD:14:amd64 install", "Installed packages to be REINSTALLED:\n\ttree-2.2.1\n\nNumber of packages to be reinstalled: 1\n")
	no := false
	done, err := pkg.Install(ctx, h, pkg.InstallArgs{
		Names: []string{"tree"}, Force: true, Repo: "custom", Refresh: &no,
		Settings: pkg.Settings{Options: map[string]string{"ABI": "FreeBSD:14:amd64"}},
	})
	if err != nil || !done.Changed || len(done.Packages) != 1 || done.Packages[0].Action != "reinstall" {
		t.Fatalf("%+v %v", done, err)
	}
	want := "pkg -o ABI=FreeBSD:14:amd64 install -y -r custom -f -U tree"
	if len(h.Changes) != 1 || answers.Line(h.Changes[0]) != want {
		t.Errorf("%q", h.Seen)
	}
}

// TestBootstrapFromARepository: what the stub cannot take as options goes into
// its environment.
func TestBootstrapFromARepository(t *testing.T) {
	h := answers.New(t)
	h.Fails("pkg -N", answers.Answer{Code: 1})
	h.Says("pkg bootstrap", "")
	a := pkg.BootstrapArgs{Repo: "custom", Settings: pkg.Settings{Options: map[string]string{"ABI": "FreeBSD:15:amd64"}}}
	if done, err := pkg.Bootstrap(ctx, h, a); err != nil || !done.Changed {
		t.Fatalf("%+v %v", done, err)
	}
	e := h.Changes[0]
	if answers.Line(e) != "pkg bootstrap -r custom" || !slices.Equal(e.Env, []string{"ASSUME_ALWAYS_YES=yes", "ABI=FreeBSD:15:amd64"}) {
		t.Errorf("%q %q", answers.Line(e), e.Env)
	}
}

func TestPlanWithForce(t *testing.T) {
	h, _ := onsim.New(t, "", pkgsim.Tools())
	install(t, h, "tree")
	for force, want := range map[bool]int{false: 0, true: 1} {
		plan, err := pkg.PlanFor(ctx, h, pkg.PlanArgs{Action: "install", Names: []string{"tree"}, Force: force})
		if err != nil || len(plan.Steps) != want {
			t.Errorf("force %v: %+v %v", force, plan, err)
		}
	}
	if _, err := pkg.PlanFor(ctx, h, pkg.PlanArgs{Action: "autoremove", Force: true}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("autoremove: %v", err)
	}
}

func TestListOfLocked(t *testing.T) {
	h, _ := onsim.New(t, "", pkgsim.Tools())
	install(t, h, "tree")
	if _, err := pkg.Lock(ctx, h, pkg.NamesArgs{Names: []string{"tree"}}); err != nil {
		t.Fatal(err)
	}
	yes := true
	if list, err := pkg.List(ctx, h, pkg.ListArgs{Locked: &yes}); err != nil || len(list) != 1 || list[0].Name != "tree" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestUpkeepOfAFreshHost(t *testing.T) {
	h, m := onsim.New(t, "", pkgsim.Tools())
	if _, err := pkg.Bootstrap(ctx, h, pkg.BootstrapArgs{}); err != nil {
		t.Fatal(err)
	}
	counted := &onsim.Count{Doer: h}
	if done, err := pkg.Clean(ctx, counted, pkg.CleanArgs{}); err != nil || done.Changed || counted.Changes != 0 {
		t.Errorf("clean without a catalogue: %+v %v", done, err)
	}
	if _, err := pkg.Check(ctx, h, pkg.CheckArgs{Names: []string{"nosuch"}}); effect.KindOf(err) != effect.Missing {
		t.Errorf("check of what is not there: %v", err)
	}
	if _, err := pkg.Update(ctx, h, pkg.UpdateArgs{}); err != nil {
		t.Fatal(err)
	}
	s := m.State()
	s.Lock()
	s.Packages.Available["pkg"].Version = "99.0"
	s.Unlock()
	no := false
	if _, err := pkg.Upgrade(ctx, onsim.As(t, m, "worker"), pkg.UpgradeArgs{Refresh: &no}); effect.KindOf(err) != effect.Denied {
		t.Errorf("upgrade by somebody: %v", err)
	}
}
