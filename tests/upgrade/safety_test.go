package upgrade

import (
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/tests/outcome"
)

// Each safety step of the recipe is taken out, and the machine is lost: it does not
// start, or cannot go back, or lets nobody in. As it is, the recipe ends well on the
// same machine.

// anyPool makes the recipe upgrade pools that it would refuse to.
func anyPool(h *host) {
	h.allow = []string{"irreversible"}
	h.replace("freebsd-upgrade.lua", "if pool.needed and not pool.safe then", "if pool.unsafe then")
}

func TestBootCodeOnOneDiskAlone(t *testing.T) {
	for profile, disks := range map[string][2]string{
		"freebsd-8.2-zfs-mirror": {"ad0", "ad1"}, "freebsd-13.5-zfs-mirror": {"ada0", "ada1"}, "freebsd-14.3-zfs-mirror-uefi": {"ada0", "ada1"},
	} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			target := map[string]string{"freebsd-8.2-zfs-mirror": "9.0", "freebsd-13.5-zfs-mirror": "14.3", "freebsd-14.3-zfs-mirror-uefi": "15.0"}[profile]
			params := func() map[string]any { return with(to(target), "upgrade_pools", true) }
			second := "bootorder=" + disks[1] + "," + disks[0]

			whole := newHost(t, profile, second)
			whole.allow = []string{"irreversible"}
			whole.upgrade(ok, params())
			runsOn(t, whole, target)

			h := newHost(t, profile, second)
			anyPool(h)
			h.replace("freebsd-upgrade.lua", "h.boot.update()", `h.boot.update{ skip = { "`+disks[1]+`" } }`)
			h.upgrade(ok, params())
			// The loader of 14.3 still reads what 15.0 enables but does not use yet.
			if profile != "freebsd-14.3-zfs-mirror-uefi" {
				isLost(t, h)
			}

			// The recipe sees it before it is too late.
			h = newHost(t, profile, second)
			h.allow = []string{"irreversible"}
			h.replace("freebsd-upgrade.lua", "h.boot.update()", `h.boot.update{ skip = { "`+disks[1]+`" } }`)
			r := h.upgrade(stopped, params())
			outcome.Lacks(t, "the error", r.Error.Message, "would not start", disks[1])
		})
	}
}

// isLost fails the test if the machine comes back from a reboot.
func isLost(t *testing.T, h *host) {
	t.Helper()
	if r := h.attempt("h:reboot{ within = 600 }"); r.Status != unreachable {
		t.Fatalf("the reboot ended %s: the machine is not lost", r.Status)
	}
}

func TestPoolUpgradedBeforeTheBootCode(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-8.2-zfs-mirror")
	anyPool(h)
	h.replace("freebsd-upgrade.lua", `step("Renew the boot code on every disk", function() return h.boot.update() end)`, `nil`)
	h.replace("freebsd-upgrade.lua", `step("Install the new world", function() return install_world(h, start) end)`,
		`step("Install the new world", function() h.zpool.upgrade("zroot") return install_world(h, start) end)`)
	r := h.upgrade(unreachable, to("9.0"))
	if last := r.Steps[len(r.Steps)-1].Name; last != "Reboot into the new release" {
		t.Errorf("it was lost at %s", last)
	}
}

func TestKernelThatPanicsOrHangs(t *testing.T) {
	for _, how := range []string{"panic", "hang"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, "freebsd-14.3-zfs-mirror-uefi", how+"=15.0")
			var r = h.begin(false, to("15.0"))
			if how == "hang" {
				// Somebody, or a watchdog, switches it off and on.
				h.expect(unreachable, r)
				outcome.Lacks(t, "the hint", r.Error.Hint, "console", "resumed")
				h.powerCycle()
				r = h.resume()
			}
			h.expect(failed, r)
			outcome.Lacks(t, "the error", r.Error.Message, "went back to before-15.0-RELEASE by itself", "14.3-RELEASE")
			if outcome.Result(t, r, "returned") != true || outcome.Result(t, r, "environment") != "before-15.0-RELEASE" {
				t.Errorf("%v", r.Result)
			}
			runsOn(t, h, "14.3-RELEASE")
			// The old system is all there, and can be upgraded once the fault is gone.
			h.url = strings.Replace(h.url, "&"+how+"=15.0", "", 1)
			h.upgrade(ok, to("15.0"))
			runsOn(t, h, "15.0-RELEASE")
		})
	}
}

func TestKernelThatPanicsWithoutABootEnvironment(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-14.3-zfs-mirror-uefi", "panic=15.0")
	h.replace("lib/way_back.lua", `local running = current(h)`, `local running = nil`)
	h.upgrade(unreachable, to("15.0"))
	h.powerCycle()
	isLost(t, h)
}

func TestKernelThatPanicsWhereOneIsToldBefore(t *testing.T) {
	for profile, target := range map[string]string{"freebsd-8.2-zfs-mirror": "9.0", "freebsd-14.3-ufs": "15.0"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, profile, "panic="+target)
			r := h.upgrade(unreachable, to(target))
			told := strings.Join(h.told, "\n")
			outcome.Lacks(t, "what was said", told, "there is no automatic way back", "/boot/kernel.before-"+target+"-RELEASE")
			if strings.Index(told, "no automatic way back") > strings.Index(told, "Make a way back") {
				t.Error("it was said after the host was changed")
			}
			outcome.Lacks(t, "the hint", r.Error.Hint, "console", "resumed")
			// At the loader's prompt somebody starts the kernel that was kept; resumed,
			// the run waits for the new one.
			h.bootKept("before-" + target + "-RELEASE")
			r = h.expect(stopped, h.resume())
			outcome.Lacks(t, "the error", r.Error.Message, "not the kernel of "+target)
		})
	}
}

func TestMergeThatLocksOut(t *testing.T) {
	// An editor that takes the login away, as a careless merge would: what sshd does
	// not understand at all never gets into the file.
	const editor = `#!/bin/sh
case $1 in */etc/ssh/sshd_config/local) printf 'PermitRootLogin no\nSubsystem sftp /usr/libexec/sftp-server\n' >"$4";; *) cat "$1" >"$4";; esac
`
	params := func() map[string]any {
		return with(with(to("14.3"), "merge", "script"), "editor", []any{"/root/editor"})
	}
	prepare := func(t *testing.T) *host {
		h := newHost(t, "freebsd-13.5-zfs-mirror")
		h.byHand("cat >/root/editor <<'END'\n" + editor + "END\nchmod +x /root/editor\nsed -i '' -e 's/^#ChallengeResponseAuthentication.*/ChallengeResponseAuthentication no/' /etc/ssh/sshd_config")
		return h
	}
	t.Run("stops before the reboot", func(t *testing.T) {
		t.Parallel()
		h := prepare(t)
		r := h.upgrade(stopped, params())
		outcome.Lacks(t, "the error", r.Error.Message, "sshd's permitrootlogin was yes and is no")
		if n := count(r, "reboot"); n != 1 {
			t.Errorf("%d reboots", n)
		}
		r = h.expect(stopped, h.resume()) // the sshd that runs has not read it yet
		outcome.Lacks(t, "the error of an early resume", r.Error.Message, "permitrootlogin")
		h.byHand("sed -i '' -e 's/PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config; echo KbdInteractiveAuthentication no >>/etc/ssh/sshd_config")
		h.expect(ok, h.resume())
		runsOn(t, h, "14.3-RELEASE")
	})
	t.Run("locks out without the check", func(t *testing.T) {
		t.Parallel()
		h := prepare(t)
		h.replace("lib/way_in.lua", `  if #found > 0 then
    fail{
      message = "after a reboot`, `  if found.never then
    fail{
      message = "after a reboot`)
		h.upgrade(unreachable, params())
	})
}

func TestShellOfAPackageThatWasNotRenewed(t *testing.T) {
	params := func() map[string]any { return with(to("15.0"), "packages", "none") }
	prepare := func(t *testing.T) *host {
		h := newHost(t, "freebsd-14.3-ufs")
		h.byHand("chsh -s /usr/local/bin/bash root")
		return h
	}
	t.Run("stops before the libraries go", func(t *testing.T) {
		t.Parallel()
		h := prepare(t)
		r := h.upgrade(stopped, params())
		outcome.Lacks(t, "the error", r.Error.Message, "libraries that a login needs", "/usr/local/bin/bash needs /")
		h.byHand("pkg-static bootstrap -fy && pkg-static upgrade -fy") // at the console: the run holds the host
		h.expect(ok, h.resume())
		runsOn(t, h, "15.0-RELEASE")
	})
	t.Run("locks out without the checks", func(t *testing.T) {
		t.Parallel()
		h := prepare(t)
		h.replace("freebsd-upgrade.lua", "if #needing > 0 then", "if needing.never then")
		h.replace("lib/way_in.lua", `  if #found > 0 then
    fail{
      message = "after a reboot`, `  if found.never then
    fail{
      message = "after a reboot`)
		if r := h.begin(false, params()); r.Status == ok {
			t.Error("one gets in with a shell that does not run")
		}
	})
}

func TestServiceThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-14.3-ufs")
	h.replace("freebsd-upgrade.lua", `step("Reboot into the new release"`, `step("Break nginx", function() h:run{ "rm", "/usr/local/sbin/nginx" } end)
    step("Reboot into the new release"`)
	r := h.upgrade(stopped, to("15.0"))
	outcome.Lacks(t, "the error", r.Error.Message, "services that ran before do not run", "nginx")
	h.byHand("pkg install -fy nginx && service nginx start")
	h.expect(ok, h.resume())
}

// powerCycle switches the machine off and on and lets it start.
func (h *host) powerCycle() { h.start((*sim.Machine).PowerCycle) }

// bootKept has somebody start a kernel at the loader's prompt.
func (h *host) bootKept(name string) {
	h.start(func(m *sim.Machine) { m.BootKernel("kernel." + name) })
}

func (h *host) start(how func(m *sim.Machine)) {
	h.t.Helper()
	h.on(func(m *sim.Machine) {
		how(m)
		if err := m.Clock().Sleep(h.t.Context(), 5*time.Minute); err != nil {
			h.t.Fatal(err)
		}
	})
}
