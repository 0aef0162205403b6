package servicesim_test

import (
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
)

// A restart of netif brings the addresses of rc.conf back, and takes the default
// route with it until routing is restarted.
func TestNetif(t *testing.T) {
	m, err := sim.New(sim.Options{Name: "box", Tools: stdlib.Tools()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	run := func(script string) string {
		t.Helper()
		out, errs, _ := m.Exec(t.Context(), "root", script)
		return out + errs
	}
	run("ifconfig vtnet0 203.0.113.7/24 alias")
	out := run("service netif restart vtnet0")
	for _, want := range []string{"Stopping Network: vtnet0.\n", "Starting Network: vtnet0.\n", "inet 192.0.2.10 netmask"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if out := run("ifconfig vtnet0 | grep -c 'inet '; route -n get default 2>&1"); out != "1\nroute: route has not been found\n" {
		t.Errorf("after the restart: %s", out)
	}
	if out := run("service routing restart; route -n get default | grep gateway"); out != "add net default: gateway 192.0.2.1\n    gateway: 192.0.2.1\n" {
		t.Errorf("routing: %s", out)
	}
}
