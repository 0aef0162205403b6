package servicesim

import (
	"context"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/sysrc/sysrcsim"
)

func machine(t *testing.T, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Tools: append(Tools(), sysrcsim.Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestService(t *testing.T) {
	m := machine(t, "")
	for _, c := range []struct {
		script    string
		code      int
		out, errs string // "~" stands for any text at that place
	}{
		{"service sshd status", 0, "sshd is running as pid ~.\n", ""},
		{"service nosuch start", 1, "nosuch does not exist in /etc/rc.d or the local startup\ndirectories (/usr/local/etc/rc.d), or is not executable\n", ""},
		{"service inetd status", 1, "inetd is not running.\n", ""},
		{"service inetd start", 1, "Cannot 'start' inetd. Set inetd_enable to YES in /etc/rc.conf or use 'onestart' instead of 'start'.\n", ""},
		{"service inetd onestart", 0, "Starting inetd.\n", ""},
		{"service inetd onestatus", 0, "inetd is running as pid ~.\n", ""},
		{"service inetd onestart", 1, "", "inetd already running?  (pid=~).\n"},
		{"service inetd enable", 0, "inetd enabled in /etc/rc.conf\n", ""},
		{"service inetd restart", 0, "Stopping inetd.\nWaiting for PIDS: ~.\nStarting inetd.\n", ""},
		{"service inetd stop", 0, "Stopping inetd.\nWaiting for PIDS: ~.\n", ""},
		{"service inetd stop", 1, "", "inetd not running? (check /var/run/inetd.pid).\n"},
		{"service inetd reload", 1, "", "inetd not running? (check /var/run/inetd.pid).\n"},
		{"service cron reload", 1, "", "/etc/rc.d/cron: unknown directive 'reload'.\nUsage: /etc/rc.d/cron [fast|force|one|quiet](start|stop|~)\n"},
		{"service inetd rcvar", 0, "# inetd : Internet \"super-server\"\n#\ninetd_enable=\"YES\"\n#   (default: \"\")\n\n", ""},
		{"service nfsd rcvar", 0, "# nfsd : Remote NFS server\n#\nnfs_server_enable=\"NO\"\n#   (default: \"\")\n\n", ""},
		{"service routing stop", 0, "", ""},
		{"/etc/rc.d/sshd status", 0, "sshd is running as pid ~.\n", ""},
		{"service", 1, "", usage},
		{"service sshd configtest", 0, "", ""},
		{"echo 'PermitRootLogn no' >/tmp/c; sshd -t -f /tmp/c", 255, "", "/tmp/c: line 1: Bad configuration option: PermitRootLogn\n/tmp/c: terminating, 1 bad configuration options\n"},
		{"sshd -D", sim.CannotCode, "", "the simulator can't: sshd -D\n"},
	} {
		out, errs, code := m.Exec(context.Background(), "root", c.script)
		if code != c.code || !like(out, c.out) || !like(errs, c.errs) {
			t.Errorf("%s: code %d\n%s%s", c.script, code, out, errs)
		}
	}
	out, _, _ := m.Exec(context.Background(), "root", "service -e")
	if !strings.Contains(out, "/etc/rc.d/sshd\n") || !strings.Contains(out, "/etc/rc.d/inetd\n") || strings.Contains(out, "nfsd") {
		t.Errorf("service -e: %s", out)
	}
}

// like compares with a text in which "~" stands for any.
func like(got, want string) bool {
	parts := strings.Split(want, "~")
	if len(parts) == 1 {
		return got == want
	}
	if !strings.HasPrefix(got, parts[0]) {
		return false
	}
	rest := got[len(parts[0]):]
	for _, part := range parts[1:] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return rest == ""
}

func TestExitCodesLieUpTo13(t *testing.T) {
	m := machine(t, "freebsd-13.5")
	out, _, code := m.Exec(context.Background(), "root", "service inetd start")
	if code != 0 || !strings.HasPrefix(out, "Cannot 'start' inetd.") {
		t.Errorf("code %d, %s", code, out)
	}
	if _, _, code := m.Exec(context.Background(), "root", "service inetd onestatus"); code != 1 {
		t.Error("it was started")
	}
}

func TestOwnScript(t *testing.T) {
	m := machine(t, "")
	script := `mkdir() { :; }
cat() { while IFS= read -r line; do printf '%s\n' "$line"; done; }
cat >/etc/rc.d/demo <<'END'
#!/bin/sh
. /etc/rc.subr
name=demo
rcvar=demo_enable
start_cmd="demo_start"
status_cmd="echo demo has its own status"
demo_start() { echo "demo starts with $demo_greeting"; }
load_rc_config $name
: ${demo_enable:=NO}
run_rc_command "$1"
END
`
	m.Exec(context.Background(), "root", script)
	if err := m.View(vfs.Root, "/").Chmod("/etc/rc.d/demo", 0o555); err != nil {
		t.Fatal(err)
	}
	out, errs, code := m.Exec(context.Background(), "root", "sysrc -q demo_enable=YES demo_greeting='hello world'; service demo start; service demo status")
	if code != 0 || out != "demo starts with hello world\ndemo has its own status\n" {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}

func TestServicesOfPackagesStartAtBoot(t *testing.T) {
	m := machine(t, "")
	ctx := context.Background()
	if err := m.InstallPackage("nginx"); err != nil {
		t.Fatal(err)
	}
	out, _, code := m.Exec(ctx, "root", "sysrc -q nginx_enable=YES; service nginx start; service nginx reload; service nginx status")
	if code != 0 || !like(out, "Starting nginx.\nnginx is running as pid ~.\n") {
		t.Fatalf("code %d, %s", code, out)
	}
	m.Reboot()
	for range 20 {
		if err := m.Clock().Sleep(ctx, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if out, _, code = m.Exec(ctx, "root", "service nginx status"); code == 0 {
			return
		}
	}
	t.Fatalf("nginx does not run after a reboot: %s", out)
}

// Old scripts know fewer words.
func TestKeywordsByRelease(t *testing.T) {
	for release, want := range map[string]bool{"8.2-RELEASE": false, "11.4-RELEASE": false, "12.4-RELEASE": true, "14.3-RELEASE-p1": true} {
		if got := strings.HasPrefix(keywords(release), "enable "); got != want {
			t.Errorf("%s: enable is known: %v", release, got)
		}
	}
}
