package git

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"bsdrun/runtime/effect"
)

// listRefs reads all references of a repository.
func listRefs(ctx context.Context, h effect.Doer, op, dir string) (map[string]string, error) {
	out, err := text(ctx, h, query(op, dir, "for-each-ref", "--format=%(objectname) %(refname)"))
	if err != nil {
		return nil, err
	}
	return parseRefs(string(out))
}

func parseRefs(out string) (map[string]string, error) {
	found := map[string]string{}
	for _, row := range strings.Split(out, "\n") {
		if row == "" {
			continue
		}
		hash, name, ok := strings.Cut(row, " ")
		if !ok || !fullHash.MatchString(hash) {
			return nil, fmt.Errorf("git for-each-ref: not understood: %q", row)
		}
		found[name] = hash
	}
	return found, nil
}

// compareRefs lists what differs, by name.
func compareRefs(before, after map[string]string) []RefChange {
	changes := []RefChange{}
	for name, hash := range after {
		if before[name] != hash {
			changes = append(changes, RefChange{Ref: name, Before: before[name], After: hash})
		}
	}
	for name, hash := range before {
		if _, still := after[name]; !still {
			changes = append(changes, RefChange{Ref: name, Before: hash})
		}
	}
	sort.Slice(changes, func(i, k int) bool { return changes[i].Ref < changes[k].Ref })
	return changes
}
