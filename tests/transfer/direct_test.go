package transfer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
	"bsdrun/tests/sshd/sshdtest"
)

// neighbours are a pair whose users have homes, so that keys can come and go.
type neighbours struct {
	*pair
	home, thereHome string
}

func newNeighbours(t *testing.T) *neighbours {
	t.Helper()
	n := &neighbours{pair: &pair{site: &site{controller: newController(t)}}}
	n.server, n.home, n.far = homely(t)
	n.other, n.thereHome, n.there = homely(t)
	n.line, n.to = newLine(t, n.server.Addr()), newLine(t, n.other.Addr())
	n.knows("far", n.server, n.line.address)
	n.knows("other", n.other, n.to.address)
	return n
}

// homely is a server whose user's keys are at home, and who has a folder.
func homely(t *testing.T) (s *sshdtest.Server, home, folder string) {
	t.Helper()
	user, home := sshdtest.NewUser(t, "/bin/sh", "")
	s = sshdtest.Start(t, sshdtest.Options{User: user, NoKey: true, Lines: []string{"AuthorizedKeysFile .ssh/authorized_keys"}})
	must(t, os.Mkdir(filepath.Join(home, ".ssh"), 0o700))
	must(t, os.WriteFile(filepath.Join(home, ".ssh", "authorized_keys"), ssh.MarshalAuthorizedKey(s.Signer.PublicKey()), 0o600))
	folder = filepath.Join(home, "data")
	must(t, os.Mkdir(folder, 0o755))
	must(t, exec.Command("chown", "-R", user, home).Run())
	return s, home, folder
}

func (n *neighbours) keys() string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.thereHome, ".ssh", "authorized_keys"))
	must(n.t, err)
	return string(b)
}

// tidy checks that nothing of a transfer is left at home on either host.
func (n *neighbours) tidy() {
	n.t.Helper()
	if n.keys() != string(ssh.MarshalAuthorizedKey(n.other.Signer.PublicKey())) {
		n.t.Errorf("authorized_keys has become %s", n.keys())
	}
	for _, home := range []string{n.home, n.thereHome} {
		left, err := filepath.Glob(filepath.Join(home, ".bsdrun*"))
		more, _ := filepath.Glob(filepath.Join(home, ".ssh", "*bsdrun*"))
		if err != nil || len(left)+len(more) > 0 {
			n.t.Errorf("left at home: %v %v %v", left, more, err)
		}
	}
}

// TestTransferDirect: the hosts do it between them, with a key that is for nothing
// else.
func TestTransferDirect(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	sparse(t, n.far+"/image")
	n.sends(`direct = "yes"`)
	var meanwhile string
	n.to.after(16*mega, func() { meanwhile = n.keys() })
	r := n.transfers()
	r.exits(0)
	arrived(t, n.far+"/image", n.there+"/image")
	thin(t, n.there+"/image")
	var got struct{ Changed, Direct bool }
	r.result(&got)
	if !got.Changed || !got.Direct {
		t.Errorf("%+v", got)
	}
	if up := n.line.up.Load() + n.line.down.Load(); up > mega {
		t.Errorf("%d bytes went through the controller", up)
	}
	for _, want := range []string{"restrict", "expiry-time=", "command=\"/bin/sh " + n.thereHome + "/.bsdrun-transfer-", "from=\"127.0.0.1\""} {
		if !strings.Contains(meanwhile, want) {
			t.Errorf("no %s in\n%s", want, meanwhile)
		}
	}
	n.tidy()
	again := n.transfers()
	again.exits(0)
	again.result(&got)
	if got.Changed || got.Direct {
		t.Errorf("again: %+v", got)
	}
}

// TestTransferDirectKilledAndCut: the run is killed, and the way between the hosts
// is cut, half as often over half as much as elsewhere.
func TestTransferDirectKilledAndCut(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	image(t, n.far+"/image", size/2, effect.Extent{Length: size / 2})
	n.sends(`direct = "yes"`)
	begin := n.transfers
	for i := range cuts / 2 {
		reached := make(chan struct{})
		n.to.after(size/(cuts+2), func() {
			if i%2 == 1 {
				n.to.drop()
			}
			close(reached)
		})
		r := begin()
		select {
		case <-reached:
			r.kill()
			n.to.drop() // what it had begun on the hosts would go on
		case <-r.ended:
			t.Fatalf("it ended: %s\n%s", r.err.String(), n.keys())
		}
		begin = n.resumes
	}
	if !strings.Contains(n.keys(), "bsdrun-transfer-") {
		t.Errorf("no key is in use: %s", n.keys())
	}
	begin().exits(0)
	arrived(t, n.far+"/image", n.there+"/image")
	if up := n.to.up.Load(); up > atMost/2 {
		t.Errorf("%d MB travelled", up/mega)
	}
	n.tidy()
}

// TestTransferWithoutAWay: a host that is out of reach for the other one is reached
// through the controller, unless that is not wanted.
func TestTransferWithoutAWay(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	sparse(t, n.far+"/image")
	n.sends(`direct = "yes", address = "nowhere.invalid"`)
	r := n.transfers()
	r.exits(2)
	if !strings.Contains(r.err.String(), "does not reach the other one at nowhere.invalid") {
		t.Error(r.err.String())
	}
	n.tidy()
	n.sends(`address = "nowhere.invalid"`)
	r = n.transfers()
	r.exits(0)
	arrived(t, n.far+"/image", n.there+"/image")
	if !strings.Contains(r.err.String(), "goes through the controller") {
		t.Error(r.err.String())
	}
	n.tidy()
}
