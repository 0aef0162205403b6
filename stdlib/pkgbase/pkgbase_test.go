package pkgbase

import (
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/pkg"
	"bsdrun/stdlib/pkg/pkgsim"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

func TestModule(t *testing.T) {
	if err := Module.Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestHostWithoutBasePackages(t *testing.T) {
	h, _ := onsim.New(t, "", base.Tools(), pkgsim.Tools())
	if is, err := Is(t.Context(), h); err != nil || is {
		t.Fatal(is, err)
	}
	if _, err := Upgrade(t.Context(), h, UpgradeArgs{}); effect.KindOf(err) != effect.Failed || !strings.Contains(effect.AsError(err).Hint, "freebsd_update") {
		t.Fatal(err)
	}
}

func TestHostWithoutPkg(t *testing.T) {
	h, _ := onsim.New(t, "freebsd-8.2-zfs-mirror", base.Tools(), pkgsim.Tools())
	if is, err := Is(t.Context(), h); err != nil || is {
		t.Fatal(is, err)
	}
}

func TestPatches(t *testing.T) {
	doer, m := onsim.New(t, "freebsd-15.0-pkgbase", base.Tools(), pkgsim.Tools())
	h := &onsim.Count{Doer: doer}
	if is, err := Is(t.Context(), h); err != nil || !is {
		t.Fatal(is, err)
	}
	if _, err := pkg.Update(t.Context(), doer, pkg.UpdateArgs{}); err != nil {
		t.Fatal(err)
	}
	plan, err := PlanFor(t.Context(), h, PlanArgs{})
	if err != nil || len(plan.Steps) == 0 || h.Changes != 0 {
		t.Fatalf("%+v, %v, %d changes", plan, err, h.Changes)
	}
	done, err := Upgrade(t.Context(), h, UpgradeArgs{})
	if err != nil || !done.Changed || !done.RebootNeeded || done.From != "15.0-RELEASE" || done.To != done.From {
		t.Fatalf("%+v, %v", done, err)
	}
	if h.Last.Risk != effect.Disruptive {
		t.Errorf("the change is %s", h.Last.Risk)
	}
	if got := m.UserlandRelease(""); got != "15.0-RELEASE-p1" {
		t.Error(got)
	}
	if again, err := Upgrade(t.Context(), h, UpgradeArgs{}); err != nil || again.Changed || again.RebootNeeded {
		t.Fatalf("%+v, %v", again, err)
	}
}

const facts = "== uname\nFreeBSD\n15.0-RELEASE\namd64\namd64\nwww.example.org\n== id\nuid=0(root) gid=0(wheel)\n== end\n"

func TestAnotherRelease(t *testing.T) {
	h := answers.New(t)
	h.Says("conn greeting", facts)
	h.Says("pkg -N", "")
	h.Says("pkg which -q /usr/bin/uname", "FreeBSD-runtime-15.0p3\n")
	h.Says("pkg query", "FreeBSD-runtime\t15.0p3\tbase/FreeBSD-runtime\n")
	h.Says("find /etc", "")
	const pkg = "pkg -o ABI=FreeBSD:15:amd64 -o OSVERSION=1501000 "
	h.Says(pkg+"update -r FreeBSD-base", "FreeBSD-base repository update completed. 300 packages processed.\n")
	const plan = "The following 2 package(s) will be affected (of 0 checked):\n\nInstalled packages to be UPGRADED:\n" +
		"\tFreeBSD-kernel-generic: 15.0p3 -> 15.1\n\tFreeBSD-runtime: 15.0p3 -> 15.1\n\nNumber of packages to be upgraded: 2\n"
	h.Says(pkg+"upgrade -n -U -r FreeBSD-base", plan)
	h.Commands[pkg+"upgrade -y -U -r FreeBSD-base"] = func(string) answers.Answer {
		h.Says("find /etc", "/etc/ssh/sshd_config.pkgnew\n")
		return answers.Answer{Out: plan}
	}
	done, err := Upgrade(t.Context(), h, UpgradeArgs{PlanArgs: PlanArgs{To: "15.1"}})
	if err != nil || !done.Changed || !done.RebootNeeded || done.From != "15.0-RELEASE" || done.To != "15.1-RELEASE" || len(done.Packages) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if len(done.Unmerged) != 1 || done.Unmerged[0] != "/etc/ssh/sshd_config" {
		t.Errorf("%q", done.Unmerged)
	}
	if _, err := Upgrade(t.Context(), h, UpgradeArgs{PlanArgs: PlanArgs{To: "stable"}}); effect.KindOf(err) != effect.Invalid {
		t.Error(err)
	}
}
