package pf

import (
	"context"
	"fmt"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/pf/rules"
)

// What is compared are lines: rules as pfctl prints them, and one line for each
// address of a table and each option.

func wantedLines(set *rules.Ruleset) []string {
	all := lines(set.Scrub, set.Translation(), set.Filter)
	for _, inner := range innerAnchors("", set.Filter) {
		all = append(all, inner.lines()...)
	}
	for _, t := range givenTables(set) {
		for _, a := range t.Addresses {
			all = append(all, tableEntry(t.Name, a.String()))
		}
	}
	for _, o := range set.Options {
		switch {
		case o.Name == "skip" && o.Value != "none":
			all = append(all, "set skip on "+o.Value)
		case isNumbered(o.Name):
			if last, _ := set.Option(o.Name); last == o.Value {
				all = without(all, []string{setLine(o.Name, o.Value)})
				all = append(all, setLine(o.Name, o.Value))
			}
		}
	}
	return all
}

// linesInForce are the lines of the kernel that compare with wanted ones.
func linesInForce(ctx context.Context, h effect.Doer, op string, wanted *rules.Ruleset) ([]string, error) {
	nat, err := loaded(ctx, h, op, "", "nat")
	if err != nil {
		return nil, err
	}
	filter, err := loaded(ctx, h, op, "", "rules")
	if err != nil {
		return nil, err
	}
	all := lines(filter.Scrub, nat.Translation(), filter.Filter)
	for _, inner := range innerAnchors("", wanted.Filter) {
		set, err := loaded(ctx, h, op, inner.path, "rules")
		if err != nil {
			return nil, err
		}
		all = append(all, innerAnchor{inner.path, set.Filter}.lines()...)
	}
	for _, t := range givenTables(wanted) {
		now, _, err := present(ctx, h, op, AddressesArgs{Name: t.Name})
		if err != nil {
			return nil, err
		}
		for _, a := range now {
			all = append(all, tableEntry(t.Name, a))
		}
	}
	options, err := optionsInForce(ctx, h, op, wanted)
	return append(all, options...), err
}

// onlyTables tells whether at most tables hold other addresses, as they do once
// something was added to them.
func (d Diff) onlyTables() bool {
	for _, line := range append(append([]string{}, d.Added...), d.Removed...) {
		if !strings.HasPrefix(line, "table <") {
			return false
		}
	}
	return !d.Moved
}

// innerAnchor is an anchor with a name whose rules stand in braces: pfctl shows
// them apart.
type innerAnchor struct {
	path  string
	rules []rules.Rule
}

func (a innerAnchor) lines() (all []string) {
	for _, line := range lines(a.rules) {
		all = append(all, fmt.Sprintf("anchor %q: %s", a.path, line))
	}
	return all
}

func innerAnchors(path string, list []rules.Rule) (all []innerAnchor) {
	for _, r := range list {
		if r.Inline == nil || strings.HasPrefix(r.Anchor, "_") {
			continue
		}
		below := strings.TrimPrefix(path+"/"+r.Anchor, "/")
		all = append(append(all, innerAnchor{below, r.Inline.Filter}), innerAnchors(below, r.Inline.Filter)...)
	}
	return all
}

// givenTables are those whose addresses the rules give; files of addresses are the
// host's.
func givenTables(set *rules.Ruleset) (list []rules.Table) {
	for _, t := range set.Tables {
		if t.Given && len(t.Files) == 0 {
			list = append(list, t)
		}
	}
	return list
}

func tableEntry(table, address string) string { return fmt.Sprintf("table <%s> %s", table, address) }

func isNumbered(option string) bool {
	return strings.HasPrefix(option, "timeout ") || strings.HasPrefix(option, "limit ")
}

func setLine(name, value string) string { return "set " + name + " " + value }

var (
	shownTimeout = lazyregexp.New(`^(\S+)\s+(\d+)(?:s| states)\s*$`)
	shownLimit   = lazyregexp.New(`^(\S+)\s+hard limit\s+(\d+)\s*$`)
	shownSkip    = lazyregexp.New(`^(\S+) \(skip\)\s*$`)
)

// optionsInForce are the interfaces that are skipped, and the timeouts and limits
// that wanted ones compare with.
func optionsInForce(ctx context.Context, h effect.Doer, op string, wanted *rules.Ruleset) (all []string, err error) {
	skips := map[string]bool{}
	for _, o := range wanted.Options {
		if o.Name == "skip" {
			skips[o.Value] = true
		}
	}
	out, err := read(ctx, h, op, "-v", "-s", "Interfaces")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		m := shownSkip.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		group := strings.TrimRight(m[1], "0123456789")
		if skips[m[1]] || !skips[group] { // members are skipped with their group
			all = append(all, "set skip on "+m[1])
		}
	}
	for _, kind := range []struct {
		name, show string
		form       *lazyregexp.Regexp
	}{{"timeout", "timeouts", shownTimeout}, {"limit", "memory", shownLimit}} {
		asked := false
		for _, o := range wanted.Options {
			asked = asked || strings.HasPrefix(o.Name, kind.name+" ")
		}
		if !asked {
			continue
		}
		if out, err = read(ctx, h, op, "-s", kind.show); err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			m := kind.form.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if _, given := wanted.Option(kind.name + " " + m[1]); given {
				all = append(all, setLine(kind.name+" "+m[1], m[2]))
			}
		}
	}
	return all, nil
}
