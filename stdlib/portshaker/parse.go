package portshaker

import (
	"fmt"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// MergedPort is a port that came from another source than the base.
type MergedPort struct {
	Source string `lua:"source"`
	Origin string `lua:"origin" doc:"category/port"`
	Before string `lua:"before,omitempty" doc:"version in the sources before it; empty for a new port"`
	After  string `lua:"after" doc:"version now"`
}

// mergedLine is SOURCE:category/port:OLD:NEW; a source may hold colons.
var mergedLine = lazyregexp.New(`^(.+):([^:/]+/[^:/]+):([^:]*):([^:]*)$`)

// parseMerged reads .portshaker-merged-ports. A port that several sources
// provide is there several times; the last one won.
func parseMerged(text string) ([]MergedPort, error) {
	ports := []MergedPort{}
	at := map[string]int{}
	for _, row := range strings.Split(text, "\n") {
		if row == "" {
			continue
		}
		m := mergedLine.FindStringSubmatch(row)
		if m == nil {
			return nil, fmt.Errorf("%s: not understood: %q", mergedName, row)
		}
		port := MergedPort{Source: m[1], Origin: m[2], Before: m[3], After: m[4]}
		if port.Before == "0" {
			port.Before = ""
		}
		if i, again := at[port.Origin]; again {
			ports[i] = port
			continue
		}
		at[port.Origin] = len(ports)
		ports = append(ports, port)
	}
	return ports, nil
}

var (
	backwardText   = lazyregexp.New(`^(\S+/\S+): port version going backward`)
	overriddenText = lazyregexp.New(`^(\S+/\S+): .* changed but the port version is still the same`)
)

// parseWarnings reads which ports a merge left alone or took in spite of a
// conflict.
func parseWarnings(stderr string) (backward, overridden []string) {
	backward, overridden = []string{}, []string{}
	for _, text := range messages(stderr, "Warn") {
		if m := backwardText.FindStringSubmatch(text); m != nil {
			backward = append(backward, m[1])
		}
		if m := overriddenText.FindStringSubmatch(text); m != nil {
			overridden = append(overridden, m[1])
		}
	}
	return backward, overridden
}

// Conflict is a port that two sources provide in the same version with
// different files.
type Conflict struct {
	Origin string   `lua:"origin" doc:"category/port"`
	Source string   `lua:"source" doc:"the source that brings other files"`
	Target string   `lua:"target" doc:"path of the tree that has the port already"`
	Files  []string `lua:"files" doc:"files that differ, relative to the port"`
}

func (c Conflict) String() string {
	return fmt.Sprintf("%s of %s is in %s in the same version with other files: %s", c.Origin, c.Source, c.Target, strings.Join(c.Files, ", "))
}

var (
	conflictText = lazyregexp.New(`The target ports tree \((.*)\) already have the version of (\S+) provided by (.*)\.$`)
	touchedText  = lazyregexp.New(`^However, the following file\(s\) has been touched: (.*)\.$`)
)

// parseConflicts reads the three lines that portshaker prints for each conflict.
// One that was asked about again counts once.
func parseConflicts(stdout string) []Conflict {
	conflicts := []Conflict{}
	seen := map[string]bool{}
	var open *Conflict
	for _, row := range strings.Split(plain(stdout), "\n") {
		if m := conflictText.FindStringSubmatch(row); m != nil {
			open = &Conflict{Target: m[1], Origin: m[2], Source: m[3], Files: []string{}}
			continue
		}
		m := touchedText.FindStringSubmatch(row)
		if m == nil || open == nil {
			continue
		}
		open.Files = append(open.Files, strings.Fields(m[1])...)
		if key := open.Source + ":" + open.Origin; !seen[key] {
			seen[key] = true
			conflicts = append(conflicts, *open)
		}
		open = nil
	}
	return conflicts
}
