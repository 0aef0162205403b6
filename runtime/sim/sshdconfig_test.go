package sim_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
)

// logIn tells whether a new connection succeeds, and why not.
func logIn(m *sim.Machine, user string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	conn, err := m.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	c, _, _, err := ssh.NewClientConn(conn, m.Name, &ssh.ClientConfig{User: user, Auth: m.Auth(), HostKeyCallback: m.Trust()})
	if err == nil {
		_ = c.Close()
	}
	return err
}

// A configuration counts from sshd's start on, and a wrong one keeps it down.
func TestWhoMayLogIn(t *testing.T) {
	for _, test := range []struct {
		name, change, user string
		in                 bool
	}{
		{"as it is", "true", "root", true},
		{"root is refused", "sed -i '' 's/^PermitRootLogin.*/PermitRootLogin no/' /etc/ssh/sshd_config", "root", false},
		{"the default refuses root", "sed -i '' '/^PermitRootLogin/d' /etc/ssh/sshd_config", "root", false},
		{"other users only", "echo AllowUsers operator www >>/etc/ssh/sshd_config", "root", false},
		{"a pattern that fits", "echo 'AllowUsers ro*' >>/etc/ssh/sshd_config", "root", true},
		{"a group", "echo DenyGroups wheel >>/etc/ssh/sshd_config", "root", false},
		{"a shell that is gone", "chsh -s /usr/local/bin/none root; sed -i '' 's,^\\(root:.*\\):.*,\\1:/usr/local/bin/none,' /etc/master.passwd", "root", false},
		{"a word that sshd does not know", "echo Nonsense yes >>/etc/ssh/sshd_config", "root", false},
		{"merge markers", "echo '<<<<<<< current version' >>/etc/ssh/sshd_config", "root", false},
		{"not enabled", "sed -i '' /sshd_enable/d /etc/rc.conf", "root", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := machineOf(t, "freebsd-14.3")
			if _, errs, code := m.Exec(context.Background(), "root", test.change+"; true"); code != 0 {
				t.Fatal(errs)
			}
			if err := logIn(m, test.user); err != nil && !strings.Contains(test.name, "shell") {
				t.Fatalf("before sshd read it: %v", err)
			}
			m.Reboot()
			if err := m.Clock().Sleep(context.Background(), 10*time.Minute); err != nil {
				t.Fatal(err)
			}
			if err := logIn(m, test.user); (err == nil) != test.in {
				t.Errorf("after a boot: %v, console %q", err, m.Console())
			}
		})
	}
}

// Host keys lie on the machine's disk, and stay over a boot.
func TestHostKeysAreFiles(t *testing.T) {
	m := machineOf(t, "freebsd-14.3")
	before := m.HostKey().Marshal()
	text, _, _ := m.Exec(context.Background(), "root", "cat /etc/ssh/ssh_host_ed25519_key.pub")
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || !slices.Equal(key.Marshal(), before) {
		t.Errorf("the file has %q: %v", text, err)
	}
	m.Reboot()
	if err := m.Clock().Sleep(context.Background(), 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.HostKey().Marshal(), before) {
		t.Error("another key after a boot")
	}
}

func TestOlderNameOfASetting(t *testing.T) {
	c, err := sim.ParseSSHDConfig("f", []byte("ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes\n"))
	if err != nil || !strings.Contains(c.Effective(), "kbdinteractiveauthentication no\n") {
		t.Errorf("%v\n%s", err, c.Effective())
	}
}
