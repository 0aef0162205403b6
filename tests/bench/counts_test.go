//go:build linux

package bench

import (
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/tests/sshd/sshdtest"
)

// mostAllocations is what an operation on an open connection may allocate, the SSH
// library's share included.
const mostAllocations = 40

// TestAllocations: an operation stays as cheap as it is, whatever the machine.
func TestAllocations(t *testing.T) {
	server := sshdtest.Start(t, sshdtest.Options{})
	h := sshhost.New(server.Config())
	defer func() { _ = h.Close(t.Context(), false) }()
	n := testing.AllocsPerRun(200, func() {
		_, err := h.Do(t.Context(), effect.Effect{Op: "run", Kind: effect.Read, Argv: []string{"echo", "hello"}})
		check(t, err)
	})
	if n > mostAllocations {
		t.Errorf("%.0f allocations an operation, not %d", n, mostAllocations)
	}
}
