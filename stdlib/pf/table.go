package pf

import (
	"context"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/pf/rules"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var tableForm = lazyregexp.New(`^[A-Za-z0-9_.:-]{1,31}$`)

// inTable are pfctl's arguments for a table.
func inTable(op, table, anchor string, args ...string) ([]string, error) {
	if !tableForm.MatchString(table) || table[0] == '-' {
		return nil, effect.Errorf(effect.Invalid, op, "name: %q is no name of a table", table)
	}
	return inAnchor(op, anchor, append([]string{"-t", table, "-T"}, args...)...)
}

// ListTablesArgs are the arguments of ListTables.
type ListTablesArgs struct {
	Anchor string `lua:"anchor" doc:"of this anchor; empty: the main ruleset"`
}

// Table is a table of addresses.
type Table struct {
	Name      string `lua:"name" doc:"name"`
	Addresses int    `lua:"addresses" doc:"how many addresses and networks it holds"`
	Const     bool   `lua:"const" doc:"nothing but loading rules changes it"`
	Persist   bool   `lua:"persist" doc:"it stays when no rule names it"`
	Used      bool   `lua:"used" doc:"a rule names it"`
	Counters  bool   `lua:"counters" doc:"it counts packets by address"`
	Match     int64  `lua:"match" doc:"how often an address was in it"`
	NoMatch   int64  `lua:"no_match" doc:"how often one was not"`
}

var (
	tableLine   = lazyregexp.New(`^([-a-zA-Z]{5,7})\t(\S+)`)
	entriesLine = lazyregexp.New(`^\tAddresses:\s+(\d+)`)
	countsLine  = lazyregexp.New(`^\tEvaluations:\s+\[ NoMatch: (\d+)\s+Match: (\d+)`)
)

// ListTables lists the tables.
func ListTables(ctx context.Context, h effect.Doer, a ListTablesArgs) ([]Table, error) {
	const op = "pf.tables.list"
	args, err := inAnchor(op, a.Anchor, "-vv", "-s", "Tables")
	if err != nil {
		return nil, err
	}
	out, err := read(ctx, h, op, args...)
	if err != nil {
		return nil, err
	}
	return parseTables(op, out)
}

func parseTables(op, out string) ([]Table, error) {
	list := []Table{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if m := tableLine.FindStringSubmatch(line); m != nil {
			list = append(list, Table{
				Name: m[2], Const: strings.Contains(m[1], "c"), Persist: strings.Contains(m[1], "p"), Used: strings.Contains(m[1], "r"),
				Counters: strings.Contains(m[1], "C"),
			})
			continue
		}
		if !strings.HasPrefix(line, "\t") || len(list) == 0 {
			return nil, effect.Errorf(effect.Failed, op, "pfctl printed something else: %.80q", line)
		}
		last := &list[len(list)-1]
		if m := entriesLine.FindStringSubmatch(line); m != nil {
			last.Addresses = number(m[1])
		}
		if m := countsLine.FindStringSubmatch(line); m != nil {
			last.NoMatch, last.Match = int64(number(m[1])), int64(number(m[2]))
		}
	}
	return list, nil
}

// TableArgs name a table.
type TableArgs struct {
	Name   string `lua:"name,required" doc:"name of the table"`
	Anchor string `lua:"anchor" doc:"of this anchor; empty: of the main ruleset"`
}

// GetTable returns the addresses of a table.
func GetTable(ctx context.Context, h effect.Doer, a TableArgs) ([]string, error) {
	return entries(ctx, h, "pf.tables.get", a)
}

func entries(ctx context.Context, h effect.Doer, op string, a TableArgs) ([]string, error) {
	args, err := inTable(op, a.Name, a.Anchor, "show")
	if err != nil {
		return nil, err
	}
	out, err := read(ctx, h, op, args...)
	if err != nil {
		return nil, err
	}
	list := []string{}
	for line := range strings.Lines(out) {
		if text := strings.ReplaceAll(strings.TrimSpace(line), " ", ""); text != "" {
			list = append(list, text)
		}
	}
	return list, nil
}

// AddressesArgs are the arguments of what changes a table.
type AddressesArgs struct {
	Name      string   `lua:"name,required" doc:"name of the table"`
	Addresses []string `lua:"addresses,required" doc:"addresses and networks; with ! in front what a network that is in the table does not cover"`
	Anchor    string   `lua:"anchor" doc:"of this anchor; empty: of the main ruleset"`
}

// TableChanged is what a function that changes a table returns.
type TableChanged struct {
	Changed bool     `lua:"changed" doc:"something was done"`
	Added   []string `lua:"added" doc:"what was not in the table"`
	Removed []string `lua:"removed" doc:"what is no more in it"`
}

// canonical are addresses as pfctl shows them; names of hosts are refused, as they
// may stand for others later.
func canonical(op string, addresses []string) ([]string, error) {
	list := []string{}
	var env rules.Env
	for _, text := range addresses {
		found, complaint := env.TableAddresses(strings.ReplaceAll(text, " ", ""))
		if complaint != "" || len(found) != 1 {
			return nil, effect.Errorf(effect.Invalid, op, "addresses: %q is no address or network", text)
		}
		if entry := found[0].String(); !slices.Contains(list, entry) {
			list = append(list, entry)
		}
	}
	return list, nil
}

// present are the entries of a table, none when it is not there.
func present(ctx context.Context, h effect.Doer, op string, a AddressesArgs) (list []string, exists bool, err error) {
	list, err = entries(ctx, h, op, TableArgs{a.Name, a.Anchor})
	if effect.KindOf(err) == effect.Missing && !strings.Contains(err.Error(), "/dev/pf") {
		return nil, false, nil
	}
	return list, err == nil, err
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(a string) bool { return slices.Contains(other, a) })
}

func changeTable(ctx context.Context, h effect.Doer, op string, a AddressesArgs, verb string, addresses []string) error {
	args, err := inTable(op, a.Name, a.Anchor, append([]string{verb}, addresses...)...)
	if err != nil {
		return err
	}
	_, err = change(ctx, h, op, "rules that name the table may block us then", args...)
	return err
}

// AddToTable puts addresses into a table.
func AddToTable(ctx context.Context, h effect.Doer, a AddressesArgs) (TableChanged, error) {
	const op = "pf.tables.add"
	wanted, err := canonical(op, a.Addresses)
	if err != nil {
		return TableChanged{}, err
	}
	now, exists, err := present(ctx, h, op, a)
	if err != nil {
		return TableChanged{}, err
	}
	missing := without(wanted, now)
	if len(missing) == 0 && exists {
		return TableChanged{Added: []string{}, Removed: []string{}}, nil
	}
	err = changeTable(ctx, h, op, a, "add", missing)
	return TableChanged{Changed: err == nil, Added: missing, Removed: []string{}}, err
}

// RemoveFromTable takes addresses out of a table.
func RemoveFromTable(ctx context.Context, h effect.Doer, a AddressesArgs) (TableChanged, error) {
	const op = "pf.tables.remove"
	unwanted, err := canonical(op, a.Addresses)
	if err != nil {
		return TableChanged{}, err
	}
	now, _, err := present(ctx, h, op, a)
	if err != nil {
		return TableChanged{}, err
	}
	gone := without(unwanted, without(unwanted, now))
	if len(gone) == 0 {
		return TableChanged{Added: []string{}, Removed: []string{}}, nil
	}
	err = changeTable(ctx, h, op, a, "delete", gone)
	return TableChanged{Changed: err == nil, Added: []string{}, Removed: gone}, err
}

// ReplaceTable makes a table hold addresses and no others.
func ReplaceTable(ctx context.Context, h effect.Doer, a AddressesArgs) (TableChanged, error) {
	const op = "pf.tables.replace"
	wanted, err := canonical(op, a.Addresses)
	if err != nil {
		return TableChanged{}, err
	}
	now, exists, err := present(ctx, h, op, a)
	if err != nil {
		return TableChanged{}, err
	}
	c := TableChanged{Added: without(wanted, now), Removed: without(now, wanted)}
	if len(c.Added)+len(c.Removed) == 0 && exists {
		return c, nil
	}
	err = changeTable(ctx, h, op, a, "replace", wanted)
	c.Changed = err == nil
	return c, err
}

// ExpireArgs are the arguments of ExpireTable.
type ExpireArgs struct {
	Name   string `lua:"name,required" doc:"name of the table"`
	Age    int64  `lua:"age" doc:"how long an address may be in it" unit:"seconds"`
	Anchor string `lua:"anchor" doc:"of this anchor; empty: of the main ruleset"`
}

// Expired is what ExpireTable returns.
type Expired struct {
	Changed bool `lua:"changed,produced" doc:"there were such addresses"`
	Removed int  `lua:"removed,produced" doc:"how many"`
}

var expiredForm = lazyregexp.New(`(\d+)/\d+ addresses expired`)

// ExpireTable removes old addresses.
func ExpireTable(ctx context.Context, h effect.Doer, a ExpireArgs) (Expired, error) {
	const op = "pf.tables.expire"
	if a.Age < 0 {
		return Expired{}, effect.Errorf(effect.Invalid, op, "age: %d is negative", a.Age)
	}
	args, err := inTable(op, a.Name, a.Anchor, "expire", decimal(a.Age))
	if err != nil {
		return Expired{}, err
	}
	res, err := change(ctx, h, op, "rules that name the table may block us then", args...)
	if err != nil || res.Skipped {
		return Expired{}, err
	}
	said, err := res.Stderr.Bytes()
	if err != nil {
		return Expired{}, err
	}
	found := expiredForm.FindSubmatch(said)
	if found == nil {
		return Expired{}, effect.Errorf(effect.Failed, op, "pfctl said something else: %.80q", said)
	}
	n := number(string(found[1]))
	return Expired{Changed: n > 0, Removed: n}, nil
}

// TestArgs are the arguments of TestTable.
type TestArgs struct {
	Name    string `lua:"name,required" doc:"name of the table"`
	Address string `lua:"address,required" doc:"a single address"`
	Anchor  string `lua:"anchor" doc:"of this anchor; empty: of the main ruleset"`
}

// Tested is what TestTable returns.
type Tested struct {
	Matches bool `lua:"matches" doc:"rules that name the table apply to the address"`
}

// TestTable tells whether an address is in a table.
func TestTable(ctx context.Context, h effect.Doer, a TestArgs) (Tested, error) {
	const op = "pf.tables.test"
	list, err := canonical(op, []string{a.Address})
	if err != nil || strings.ContainsAny(list[0], "/!") {
		return Tested{}, effect.Errorf(effect.Invalid, op, "address: %q is no single address", a.Address)
	}
	args, err := inTable(op, a.Name, a.Anchor, "test", list[0])
	if err != nil {
		return Tested{}, err
	}
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: append([]string{"/sbin/pfctl"}, args...), Reads: all, Want: []int{0, 2}})
	if err != nil {
		return Tested{}, err
	}
	_, err = res.Text()
	return Tested{Matches: res.Code == 0}, err
}
