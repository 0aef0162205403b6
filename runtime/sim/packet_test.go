package sim_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
)

// walled is a machine behind a firewall that treats all TCP alike.
func walled(t *testing.T) (*sim.Machine, *atomic.Int32) {
	t.Helper()
	var verdict atomic.Int32
	wall := &sim.Tool{Name: "wall", Filter: func(_ *sim.Machine, p *sim.Packet) sim.Verdict {
		if p.Proto == "tcp" {
			return sim.Verdict(verdict.Load())
		}
		return sim.Passes
	}}
	m, err := sim.New(sim.Options{Name: "box", Tools: append(base.Tools(), wall)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m, &verdict
}

func TestFirewallDecidesWhoConnects(t *testing.T) {
	m, verdict := walled(t)
	dial(t, m)
	for v, want := range map[sim.Verdict]error{sim.Dropped: syscall.ETIMEDOUT, sim.Refused: syscall.ECONNREFUSED} {
		verdict.Store(int32(v))
		if _, err := m.Dial(context.Background()); !errors.Is(err, want) {
			t.Errorf("%v: %v", v, err)
		}
	}
}

// What a firewall drops of a connection is sent again, until TCP gives up: half a
// minute later the connection is gone.
func TestFirewallCutsConnections(t *testing.T) {
	m, verdict := walled(t)
	c := dial(t, m)
	if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil { // what sshd says at first has come
		t.Fatal(err)
	}
	verdict.Store(int32(sim.Dropped))
	before := m.Now()
	if _, err := c.NewSession(); err == nil {
		t.Fatal("the connection lives")
	}
	if waited := m.Now().Sub(before); waited != 31*time.Second {
		t.Errorf("it gave up after %s", waited)
	}
}

func TestConnectionsSurviveShortInterruptions(t *testing.T) {
	var until atomic.Pointer[time.Time]
	wall := &sim.Tool{Name: "wall", Filter: func(m *sim.Machine, _ *sim.Packet) sim.Verdict {
		if end := until.Load(); end != nil && m.Now().Before(*end) {
			return sim.Dropped
		}
		return sim.Passes
	}}
	m, err := sim.New(sim.Options{Name: "box", Tools: append(base.Tools(), wall)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	s, err := dial(t, m).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	end := m.Now().Add(20 * time.Second)
	until.Store(&end)
	if out, err := s.Output("echo alive"); err != nil || string(out) != "alive\n" {
		t.Errorf("%q %v", out, err)
	}
	if m.Now().Before(end) {
		t.Errorf("the answer came at %s", m.Now())
	}
}

func TestConnect(t *testing.T) {
	m, verdict := walled(t)
	world := netip.MustParseAddrPort("203.0.113.5:80")
	p, err := m.Connect("tcp", netip.AddrPort{}, world)
	if err != nil || p.Interface != "vtnet0" || p.From.Addr().String() != m.Address() {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := m.Connect("tcp", netip.MustParseAddrPort("127.0.0.1:0"), world); !errors.Is(err, sim.ErrTimeout) {
		t.Errorf("answers came back to a loopback address: %v", err)
	}
	verdict.Store(int32(sim.Refused))
	if _, err := m.Connect("tcp", netip.AddrPort{}, world); !errors.Is(err, sim.ErrRefused) {
		t.Errorf("%v", err)
	}
}

// A boot makes the network what rc.conf says, and forgets what was done by hand.
func TestNetworkOfTheBoot(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: "jailhost", Name: "box", Tools: base.Tools()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	look := "ifconfig em0 | grep inet; ifconfig lo1 | grep 'inet '; jls | cut -c1-30; netstat -rn -f inet | grep UGS"
	want := `	inet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255
	inet 198.51.100.1 netmask 0xffffffff broadcast 198.51.100.1
	inet 172.16.10.1 netmask 0xffffff00 broadcast 172.16.10.255
	inet 10.0.0.1 netmask 0xffffff00
	inet 10.0.0.2 netmask 0xffffffff
	inet 10.0.0.3 netmask 0xffffffff
	inet 10.0.0.4 netmask 0xffffffff
   JID  IP Address      Hostna
     1  10.0.0.2        www.ex
     2  10.0.0.3        db.exa
     3  10.0.0.4        mail.e
default            192.0.2.1          UGS            em0
`
	see := func(when string) {
		t.Helper()
		if out, errs, _ := m.Exec(context.Background(), "root", look); out != want || errs != "" {
			t.Errorf("%s:\n%s%s\nwant\n%s", when, out, errs, want)
		}
	}
	see("at first")
	m.Exec(context.Background(), "root", "ifconfig em0 203.0.113.9/24 alias; ifconfig lo7 create; route delete default")
	m.PowerCycle()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	see("after a boot")
	view := m.View(vfs.Root, "/")
	conf, _ := view.ReadFile("/etc/rc.conf")
	_ = view.WriteFile("/etc/rc.conf", []byte(strings.Replace(string(conf), "ifconfig_em0=", "ifconfig_em1=", 1)), 0o644)
	m.PowerCycle()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Dial(context.Background()); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("a host that lost its address answers: %v", err)
	}
}
