package freebsdupdatesim

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib/pkg/pkgsim"
)

// recorded is what the real script of 12.1 wrote. It was called by its plain
// name then.
func recorded(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestUsageAsRecorded(t *testing.T) {
	var out bytes.Buffer
	u := &update{Proc: &sim.Proc{Stdout: &out}, era: 12}
	if err := u.usage(); !errors.Is(err, stop(0)) {
		t.Error(err)
	}
	if want := recorded(t, "usage-12.1"); out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestInstallAsRecorded(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	does(t, m, 0, clean+"freebsd-update -r 14.3 upgrade </dev/null")
	// The tool becomes another with the world, so that the last words are newer.
	for _, phase := range []string{"install-1-kernel", "install-2-world"} {
		out := strings.ReplaceAll(does(t, m, 0, "freebsd-update install"), toolPath, "freebsd-update")
		if want := recorded(t, phase); out != strings.TrimSuffix(want, "\n") && out != want {
			t.Errorf("%s: %q", phase, out)
		}
	}
	if out := does(t, m, 0, "freebsd-update install"); out != recorded(t, "install-3-oldlibs") {
		t.Errorf("the last phase: %q", out)
	}
	old := machine(t, "freebsd-13.5", nil)
	if out := strings.ReplaceAll(does(t, old, 2, "freebsd-update install"), toolPath, "freebsd-update"); out != recorded(t, "install-nothing") {
		t.Errorf("nothing to install: %q", out)
	}
}

func TestPackagedBaseIsRefused(t *testing.T) {
	m := machine(t, "freebsd-15.0-pkgbase", nil, pkgsim.Tools()...)
	says(t, does(t, m, 1, "freebsd-update install"), "freebsd-update is incompatible with the use of packaged base.  Please see\n")
}

func TestInstallGoesOnAfterAKill(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	does(t, m, 0, clean+"freebsd-update -r 14.3 upgrade </dev/null; freebsd-update install")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Exec(ctx, "root", "timeout -s KILL 0.1 freebsd-update install")
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Minute):
		t.Error("the tool does not end")
	}
	cancel()
	if got := does(t, m, 0, "ls /var/db/freebsd-update/*-install/"); got != "INDEX-NEW\nINDEX-OLD\nkerneldone\nkernelfirst\n" {
		t.Errorf("after the kill: %s", got)
	}
	does(t, m, 0, "freebsd-update install; freebsd-update install")
	sameAsProfile(t, m, "14.3-RELEASE-p6")
}

func TestOtherBaseDirectory(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	does(t, m, 0, "mkdir -p /mnt/bin /mnt/lib /mnt/boot/kernel /mnt/etc; cp -p /bin/* /mnt/bin; cp -p /lib/*.so.* /mnt/lib; cp -p /boot/kernel/* /mnt/boot/kernel; cp -p /etc/master.passwd /mnt/etc")
	says(t, does(t, m, 0, "PAGER=cat freebsd-update -b /mnt --not-running-from-cron fetch install"), "Installing updates... done.\n")
	if got := m.UserlandRelease("/mnt") + " " + m.UserlandRelease("/"); got != "13.5-RELEASE-p6 13.5-RELEASE" {
		t.Errorf("%s", got)
	}
}
