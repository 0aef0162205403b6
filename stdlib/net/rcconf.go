package net

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/sysrc"
)

// item is one address among the words of a variable: its family, the address, and
// what else is said of it. Words before the first address are an item without one.
type item struct {
	family string
	prefix netip.Prefix // invalid: none, or a range
	span   string       // a range of addresses: 192.0.2.1-5/24
	rest   []string
}

// familyDefault is the length of the prefix that ifconfig gives an address of its
// own accord: that of the classes, or 64.
func familyDefault(a netip.Addr) int {
	switch {
	case a.Is6():
		return 64
	case a.As4()[0] < 128:
		return 8
	case a.As4()[0] < 192:
		return 16
	}
	return 24
}

// itemsOf reads the words of a variable. implied is the family of addresses that
// come without one.
func itemsOf(value, implied string) (list []item) {
	words := strings.Fields(value)
	for k := 0; k < len(words); k++ {
		word := words[k]
		var last *item
		if len(list) > 0 {
			last = &list[len(list)-1]
		}
		prefix, isAddress := parsePrefix(word)
		isAddress = isAddress || spanForm.MatchString(word)
		switch {
		case word == inet || word == inet6:
			list = append(list, item{family: word})
		case isAddress && last != nil && last.bare():
			last.take(word, prefix, implied)
		case isAddress && (last == nil || implied != ""):
			var i item
			i.take(word, prefix, implied)
			list = append(list, i)
		case last == nil:
			list = append(list, item{rest: []string{word}})
		case last.prefix.IsValid() && (word == "netmask" || word == "prefixlen") && k+1 < len(words):
			k++
			if bits := maskBits(words[k], last.prefix.Addr()); bits >= 0 {
				last.prefix = netip.PrefixFrom(last.prefix.Addr(), bits)
			}
		default:
			last.rest = append(last.rest, word)
		}
	}
	return list
}

// take gives the item its address, or its range.
func (i *item) take(word string, prefix netip.Prefix, implied string) {
	if i.family == "" {
		i.family = implied
	}
	if !prefix.IsValid() {
		i.span = word
		return
	}
	i.prefix = prefix
	if i.family == "" {
		i.family = familyOf(prefix.Addr())
	}
}

// bare tells that an item has no address yet.
func (i *item) bare() bool { return !i.prefix.IsValid() && i.span == "" }

// parsePrefix reads an address with or without a prefix.
func parsePrefix(word string) (netip.Prefix, bool) {
	text, length, has := strings.Cut(word, "/")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := familyDefault(a)
	if has {
		if bits = maskBits(length, a); bits < 0 {
			return netip.Prefix{}, false
		}
	}
	return netip.PrefixFrom(a.WithZone(""), bits), true
}

var spanForm = lazyregexp.New(`^(?:[0-9.]*\d-\d[0-9.]*|[0-9a-fA-F:]*:[0-9a-fA-F]+-[0-9a-fA-F]+[0-9a-fA-F:]*)(?:/\d+)?$`)

// spans tells whether a range of addresses holds one. In ranges of IPv6 it is the
// last group but for the prefix.
func spans(span string, a netip.Addr) bool {
	text, _, _ := strings.Cut(span, "/")
	separator, base, word := ".", 10, a.String()
	if a.Is6() {
		separator, base, word = ":", 16, a.StringExpanded()
		low, high, _ := strings.Cut(text, "-")
		first, err := netip.ParseAddr(low)
		if err != nil || strings.Contains(high, ":") {
			return false
		}
		at := strings.LastIndex(first.StringExpanded(), ":")
		text = first.StringExpanded()[:at+1] + low[strings.LastIndex(low, ":")+1:] + "-" + high
	}
	parts, own := strings.Split(text, separator), strings.Split(word, separator)
	if len(parts) != len(own) {
		return false
	}
	for k, part := range parts {
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		from, errFrom := strconv.ParseUint(low, base, 32)
		to, errTo := strconv.ParseUint(high, base, 32)
		n, err := strconv.ParseUint(own[k], base, 32)
		if errFrom != nil || errTo != nil || err != nil || n < from || n > to {
			return false
		}
	}
	return true
}

// text is the item as a variable has it.
func (i item) text() string {
	words := []string{}
	if i.family != "" {
		words = append(words, i.family)
	}
	switch {
	case i.span != "":
		words = append(words, i.span)
	case i.prefix.IsValid():
		words = append(words, i.prefix.String())
	}
	return strings.Join(append(words, i.rest...), " ")
}

func (i item) vhid() int {
	if at := slices.Index(i.rest, "vhid"); at >= 0 && at+1 < len(i.rest) {
		n, _ := strconv.Atoi(i.rest[at+1])
		return n
	}
	return 0
}

// become gives the item another prefix and group; a broadcast address that was
// right for the former prefix goes.
func (i item) become(w wish) item {
	if !w.anyLen && i.prefix != w.prefix {
		i.prefix, i.rest = w.prefix, without(i.rest, "broadcast")
	}
	if w.vhid != 0 && i.vhid() != w.vhid {
		i.rest = append(slices.Clone(without(i.rest, "vhid")), "vhid", strconv.Itoa(w.vhid))
	}
	return i
}

// cleared is what is said besides the address.
func (i item) cleared() item {
	return item{rest: without(without(i.rest, "broadcast"), "vhid")}
}

// without is a list of words without a name and its value.
func without(words []string, name string) []string {
	at := slices.Index(words, name)
	if at < 0 {
		return words
	}
	return slices.Concat(words[:at], words[min(at+2, len(words)):])
}

// wish is an address that an interface shall have, or not.
type wish struct {
	name   string // of the interface
	prefix netip.Prefix
	vhid   int
	anyLen bool // the prefix was not given: that of an address that is there will do
	absent bool
}

func (w wish) family() string { return familyOf(w.prefix.Addr()) }

func (w wish) item() item {
	i := item{family: w.family(), prefix: w.prefix}
	if w.vhid != 0 {
		i.rest = []string{"vhid", strconv.Itoa(w.vhid)}
	}
	return i
}

// bootEdit is what has to be changed in rc.conf.
type bootEdit struct {
	set    map[string]any
	remove []string
}

func (e bootEdit) empty() bool { return len(e.set) == 0 && len(e.remove) == 0 }

// variables are those of one interface: where its addresses may stand.
type variables struct {
	values map[string]string
	name   string // of the interface, as variables have it
	major  int    // of the release
}

// rcName is an interface's name as names of variables have it.
func rcName(name string) string {
	return strings.NewReplacer(".", "_", "-", "_", "/", "_", "+", "_").Replace(name)
}

func (v variables) alias(n int) string { return fmt.Sprintf("ifconfig_%s_alias%d", v.name, n) }

// places are the variables that are set and may hold addresses, and the family that
// each implies.
func (v variables) places() (names []string, implied map[string]string) {
	implied = map[string]string{
		"ifconfig_" + v.name: "", "ifconfig_" + v.name + "_ipv6": "", "ifconfig_" + v.name + "_aliases": "",
		"ipv4_addrs_" + v.name: inet, "ipv6_ifconfig_" + v.name: inet6,
	}
	numbered := regexp.MustCompile(`^(ipv6_)?ifconfig_` + regexp.QuoteMeta(v.name) + `_alias\d+$`)
	for name := range v.values {
		if m := numbered.FindStringSubmatch(name); m != nil {
			implied[name] = map[bool]string{true: inet6}[m[1] != ""]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(implied)) {
		if v.values[name] != "" {
			names = append(names, name)
		}
	}
	return names, implied
}

// plan tells what has to be changed, so that boot gives the interface the address,
// or does not.
func (v variables) plan(w wish) (bootEdit, error) {
	edit := bootEdit{set: map[string]any{}}
	names, implied := v.places()
	found := false
	for _, name := range names {
		var kept []item
		touched := false
		for _, i := range itemsOf(v.values[name], implied[name]) {
			switch {
			case i.span != "" && spans(i.span, w.prefix.Addr()):
				if w.absent {
					return edit, fmt.Errorf("%s has the address in a range, %s: edit it by hand", name, i.span)
				}
				found = true
			case i.prefix.Addr() != w.prefix.Addr():
			case w.absent:
				touched = true
				if i = i.cleared(); name != v.primary() || len(i.rest) == 0 {
					continue
				}
			default:
				found = true
				if want := i.become(w); want.text() != i.text() {
					i, touched = want, true
				}
			}
			kept = append(kept, i)
		}
		if touched {
			v.replace(&edit, name, implied[name], kept)
		}
	}
	if !w.absent && !found {
		name, value := v.slot(w)
		edit.set[name] = value
	}
	v.closeGaps(&edit)
	return edit, nil
}

// primary is the variable that sets the interface up, with or without an address.
func (v variables) primary() string { return "ifconfig_" + v.name }

// replace gives a variable the items that are left.
func (v variables) replace(edit *bootEdit, name, implied string, kept []item) {
	var words []string
	for _, i := range kept {
		if implied != "" && i.family == implied {
			i.family = ""
		}
		words = append(words, i.text())
	}
	switch {
	case len(words) > 0:
		edit.set[name] = strings.Join(words, " ")
	case name == v.primary(): // without it some releases leave the interface down
		edit.set[name] = "up"
	default:
		edit.remove = append(edit.remove, name)
	}
}

// slot is where a new address goes.
func (v variables) slot(w wish) (name, value string) {
	text := w.item().text()
	primary6, aliases := v.primary()+"_ipv6", v.primary()+"_aliases"
	names, _ := v.places()
	switch {
	case w.family() == inet && len(names) == 0 && v.values["ifconfig_DEFAULT"] == "":
		return v.primary(), text
	// Interfaces speak IPv6 at boot if this variable is set, since 9.0.
	case w.family() == inet6 && v.major >= 9 && v.name != "lo0" && v.values[primary6] == "" && v.values["ipv6_ifconfig_"+v.name] == "":
		return primary6, text
	case v.values[aliases] != "":
		return aliases, v.values[aliases] + " " + text
	}
	n := 0
	for v.values[v.alias(n)] != "" {
		n++
	}
	return v.alias(n), text
}

// closeGaps moves the aliases behind a removed one up: old releases stop at the
// first number that is missing.
func (v variables) closeGaps(edit *bootEdit) {
	value := func(n int) string {
		if changed, ok := edit.set[v.alias(n)].(string); ok {
			return changed
		}
		return v.values[v.alias(n)]
	}
	var kept []string
	n, removed := 0, 0
	for ; v.values[v.alias(n)] != ""; n++ {
		if slices.Contains(edit.remove, v.alias(n)) {
			removed++
			continue
		}
		kept = append(kept, value(n))
	}
	if removed == 0 {
		return
	}
	edit.remove = slices.DeleteFunc(edit.remove, func(name string) bool {
		return v.isAliasBelow(name, n)
	})
	for k := range n {
		switch {
		case k >= len(kept):
			edit.remove = append(edit.remove, v.alias(k))
		case kept[k] != v.values[v.alias(k)]:
			edit.set[v.alias(k)] = kept[k]
		default:
			delete(edit.set, v.alias(k))
		}
	}
}

func (v variables) isAliasBelow(name string, n int) bool {
	for k := range n {
		if name == v.alias(k) {
			return true
		}
	}
	return false
}

// bootVariables reads rc.conf's variables for an interface.
func bootVariables(ctx context.Context, h effect.Doer, name string, major int) (variables, error) {
	values, err := sysrc.List(ctx, h, sysrc.Place{})
	return variables{values, rcName(name), major}, err
}

// write makes the changes. New values come first: should it stop half way, an address
// stands there twice rather than not at all.
func (e bootEdit) write(ctx context.Context, h effect.Doer) error {
	if len(e.set) > 0 {
		if _, err := sysrc.Set(ctx, h, sysrc.SetArgs{Vars: e.set}); err != nil {
			return err
		}
	}
	for _, name := range e.remove {
		if _, err := sysrc.Remove(ctx, h, sysrc.RemoveArgs{Name: name}); err != nil {
			return err
		}
	}
	return nil
}
