package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// paramNames are the parameters that every machine's URL may have.
var paramNames = []string{
	"state", "user", "become", "start", "hostkey", // of the machine
	"git", "unreachable", // of the network
	"gone", "bootorder", "bootcode", "panic", "hang", // of the disks and kernels
	"cut", "cut-op", "cut-link", "latency", "bandwidth", "disk", "disk-full", "deny", "fault", "refuse", "max-sessions", // faults
}

// checkParams refuses parameters that mean nothing to this machine or its tools:
// a fault with a slip in its name would never come.
func (m *Machine) checkParams() error {
	known := slices.Clone(paramNames)
	for _, tool := range m.tools {
		known = append(known, tool.Params...)
	}
	slices.Sort(known)
	known = slices.Compact(known) // tools share some
	for _, name := range slices.Sorted(maps.Keys(m.Params)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("a simulated machine has no parameter %q; it has %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}
