package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Listing describes the machine, one thing a line and in a fixed order: every
// file with mode, owner, time and content, then what it knows beyond files.
// Two machines with the same listing are the same.
func (m *Machine) Listing() []string {
	lines := m.tree.Listing()
	known := m.state.Parts()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		lines = append(lines, "state "+name+" "+string(known[name]))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	records, err := m.toolParts()
	if err != nil {
		panic(err) // plain data always has a JSON form
	}
	for _, name := range slices.Sorted(maps.Keys(records)) {
		lines = append(lines, "tool "+name+" "+string(records[name]))
	}
	for _, id := range slices.Sorted(maps.Keys(m.timers)) {
		t := m.timers[id]
		lines = append(lines, fmt.Sprintf("timer %s %s %s", t.When.UTC().Format("2006-01-02T15:04:05.999999999Z"), t.Tool, t.Payload))
	}
	return lines
}

// Digest is a hash of the listing.
func (m *Machine) Digest() string {
	sum := sha256.Sum256([]byte(strings.Join(m.Listing(), "\n")))
	return hex.EncodeToString(sum[:])
}
