package sim_test

import (
	"context"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
	"bsdrun/runtime/sshhost/doertest"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/stdlib/sysctl/sysctlsim"
)

// A simulated machine serves the transport as a real one does: by the same suite,
// with root's shell an sh and a csh, with and without a state file.
func TestTransport(t *testing.T) {
	for name, url := range map[string]string{
		"sh": "sim:freebsd-14.3", "csh": "sim:freebsd-13.5", "kept": "sim:freebsd-14.3?state=" + t.TempDir() + "/machine",
		"linux": "sim:kvmhost",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tools := slices.Concat(base.Tools(), base.GNUTools(), sysctlsim.Tools(), servicesim.Tools())
			m, err := sim.Open(url, tools, sim.NewNetwork())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = m.Close() })
			h := sshhost.New(sshhost.Config{Name: name, User: "root", Dialer: m.Dial, HostKey: ssh.FixedHostKey(m.HostKey())})
			t.Cleanup(func() { _ = h.Close(context.Background(), false) })
			if err := m.View(rootCred, "/").Mkdir("/root/suite", 0o755); err != nil {
				t.Fatal(err)
			}
			doertest.Run(t, doertest.Suite{
				Doer: h, Dir: "/root/suite", Context: clock.With(context.Background(), m.Clock()), Virtual: true, Quick: name != "sh" && name != "linux",
			})
			if log := m.CannotLog(); len(log) > 0 {
				t.Errorf("the simulator could not: %v", log)
			}
		})
	}
}
