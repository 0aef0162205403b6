package servicesim_test

import (
	"context"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
)

// A change of sshd_config counts when sshd is told of it; one that it does not
// understand is refused by the script, and ends an sshd that is signalled past it.
func TestSSHDTakesItsConfiguration(t *testing.T) {
	m, err := sim.New(sim.Options{Tools: stdlib.Tools()})
	if err != nil {
		t.Fatal(err)
	}
	root := func(script string, want int) string {
		t.Helper()
		out, errs, code := m.Exec(context.Background(), "root", script)
		if code != want {
			t.Errorf("%s: code %d\n%s%s", script, code, out, errs)
		}
		return out + errs
	}
	dial := func() bool {
		conn, err := m.Dial(context.Background())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	if got := root("sshd -T | grep -e permitroot -e ^port; echo AllowUsers operator >>/etc/ssh/sshd_config; sshd -T | grep allow", 0); got != "port 22\npermitrootlogin yes\nallowusers operator\n" {
		t.Errorf("sshd -T: %s", got)
	}
	root("service sshd reload", 0)
	root("echo Nonsense yes >>/etc/ssh/sshd_config", 0)
	root("service sshd reload", 1)
	root("service sshd restart", 1)
	if !dial() {
		t.Error("a refused restart took sshd down")
	}
	root("kill -HUP $(cat /var/run/sshd.pid)", 0)
	if dial() {
		t.Error("sshd runs on with a configuration it does not understand")
	}
	root("service sshd start", 1)
	root("sed -i '' /Nonsense/d /etc/ssh/sshd_config; service sshd start", 0)
	if !dial() {
		t.Error("sshd does not answer")
	}
	root("service sshd stop", 0)
	if dial() {
		t.Error("a stopped sshd answers")
	}
	root("rm /etc/ssh/ssh_host_*; service sshd keygen; ls /etc/ssh/ssh_host_ed25519_key.pub", 0)
}
