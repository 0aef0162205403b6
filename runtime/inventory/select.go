package inventory

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/spelling"
)

func decimal(i int) string { return strconv.Itoa(i) }

// term is one part of a selector: hosts to add, '!' to take away, '&' to keep.
type term struct {
	op   byte
	text string
}

// terms splits a selector: web:!web03, web,db, web:&prod. What belongs to a host
// (a port, an IPv6 address, the URL of a simulated machine) stays with it, and a
// regular expression goes on to the next :! or :&.
func terms(selector string) []term {
	var out []term
	for rest := selector; ; {
		t := term{}
		if rest != "" && (rest[0] == '!' || rest[0] == '&') {
			t.op, rest = rest[0], rest[1:]
		}
		end, next := termEnd(rest)
		t.text = rest[:end]
		out = append(out, t)
		if next > len(rest) {
			return out
		}
		rest = rest[next:]
	}
}

// termEnd is where the first term ends and the next begins (beyond the end if
// there is none).
func termEnd(text string) (end, next int) {
	whole := strings.HasPrefix(text, "~") || strings.HasPrefix(text, "sim:") || strings.HasPrefix(text, "ssh://") || strings.HasPrefix(text, "local:")
	keep := whole && (text[0] == '~' || strings.Contains(text, "?")) // commas belong to it
	depth := 0
	for i := 0; i < len(text); i++ {
		following := text[i+1:]
		switch c := text[i]; {
		case c == '[' && text[0] != '~':
			depth++
		case c == ']' && depth > 0:
			depth--
		case depth > 0:
		case c == ',' && !keep:
			return i, i + 1
		case c != ':':
		case strings.HasPrefix(following, "!") || strings.HasPrefix(following, "&"):
			return i, i + 1
		case whole || startsAddress(text) || startsPort(following):
		default:
			return i, i + 1
		}
	}
	return len(text), len(text) + 1
}

// startsAddress tells whether a text begins with an IPv6 address without
// brackets, a user before it or not.
func startsAddress(text string) bool {
	if end := strings.IndexAny(text, ",/"); end >= 0 {
		text = text[:end]
	}
	for _, sep := range []string{":!", ":&"} {
		text, _, _ = strings.Cut(text, sep)
	}
	_, err := netip.ParseAddr(text[strings.LastIndexByte(text, '@')+1:])
	return err == nil
}

var portText = lazyregexp.New(`^[0-9]+(?:[,:/].*)?$`)

func startsPort(text string) bool { return portText.MatchString(text) }

// Select gives the hosts that the selectors choose together: hosts and groups to
// add come first, then what & keeps, then what ! takes away; then those that limit
// keeps (a selector, too; empty keeps all). A host named twice comes once; two
// simulated machines of one name are refused, so that none is passed over silently.
func (inv *Inventory) Select(args []string, limit string) ([]Host, error) {
	var all []term
	for _, arg := range args {
		all = append(all, terms(arg)...)
	}
	if slices.ContainsFunc(append(all, terms(limit)...), func(t term) bool { return t.text == sshGroup }) && inv.groups[sshGroup] == nil {
		if err := inv.readAliases(); err != nil {
			return nil, err
		}
	}
	hosts, err := inv.union(all)
	if err != nil {
		return nil, err
	}
	if hosts, err = inv.narrow(hosts, all); err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, invalid("%s selects no host", strings.Join(args, " "))
	}
	for i := range hosts {
		hosts[i] = inv.describe(hosts[i])
	}
	return inv.Limit(hosts, limit)
}

// union is what the terms add; without any such, all hosts.
func (inv *Inventory) union(all []term) ([]Host, error) {
	if !slices.ContainsFunc(all, func(t term) bool { return t.op == 0 }) {
		all = append(all, term{text: allGroup})
	}
	var hosts []Host
	seen := map[string]Host{}
	for _, t := range all {
		if t.op != 0 {
			continue
		}
		found, err := inv.named(t.text)
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			first, twice := seen[h.Name]
			if twice && first.Sim != h.Sim {
				return nil, invalid("two simulated machines are called %s: %s and %s (PROFILE*2 makes two of a profile)", h.Name, first.Sim, h.Sim)
			}
			if !twice {
				seen[h.Name] = h
				hosts = append(hosts, h)
			}
		}
	}
	return hosts, nil
}

// named are the hosts of a term: a group, all, a pattern over the inventory's
// hosts and groups, or a host.
func (inv *Inventory) named(text string) ([]Host, error) {
	if inv.groups[text] != nil {
		return inv.members(text), nil
	}
	if text == allGroup || text == "*" {
		if inv.Empty() {
			return nil, effect.WithHint(invalid("%s means all hosts of the inventory, and there is none", text), "give one with -i FILE")
		}
		return inv.members(allGroup), nil
	}
	p, isPattern, err := pattern(text)
	if err != nil {
		return nil, err
	}
	if !isPattern {
		return inv.parsed(text)
	}
	var hosts []Host
	for _, name := range inv.order {
		if e := inv.hosts[name]; !e.alias && inv.matches(p, e.host) {
			hosts = append(hosts, e.host)
		}
	}
	if len(hosts) == 0 {
		return nil, effect.WithHint(invalid("%s matches no host or group of the inventory", text),
			"bsdrun hosts shows them; %s:&%s looks among the aliases of ssh_config", sshGroup, text)
	}
	return hosts, nil
}

// parsed is a host as the command line writes it. One of the inventory keeps what
// the inventory says it is, as long as nothing else is said of it.
func (inv *Inventory) parsed(text string) ([]Host, error) {
	hosts, err := Parse(text)
	for i, h := range hosts {
		if e := inv.hosts[h.Name]; e != nil && h.Kind == SSH {
			hosts[i] = e.host
		}
	}
	return hosts, err
}

// narrow keeps what every & has, and takes away what a ! has.
func (inv *Inventory) narrow(hosts []Host, all []term) ([]Host, error) {
	for _, op := range []byte{'&', '!'} {
		for _, t := range all {
			if t.op != op {
				continue
			}
			has, err := inv.matcher(t, hosts)
			if err != nil {
				return nil, err
			}
			hosts = slices.DeleteFunc(slices.Clone(hosts), func(h Host) bool { return has(h) == (op == '!') })
		}
	}
	return hosts, nil
}

// matcher tells of hosts whether a term means them. A plain name that means
// nothing is refused: what should be left alone must not be reached for a typing
// mistake.
func (inv *Inventory) matcher(t term, hosts []Host) (func(Host) bool, error) {
	p, isPattern, err := pattern(t.text)
	switch {
	case err != nil:
		return nil, err
	case t.text == allGroup || isPattern:
		return func(h Host) bool { return t.text == allGroup || inv.matches(p, h) }, nil
	case inv.groups[t.text] != nil:
		return func(h Host) bool { return slices.Contains(inv.groupsOf(inv.entryOf(h)), t.text) }, nil
	}
	meant, err := Parse(t.text)
	if err != nil {
		return nil, err
	}
	among := map[string]bool{}
	for _, h := range hosts {
		among[h.Name] = true
	}
	names := map[string]bool{}
	for _, m := range meant {
		names[m.Name] = true
		if t.op != 0 && inv.hosts[m.Name] == nil && !among[m.Name] {
			return nil, effect.WithHint(invalid("%c%s: there is no host or group %s%s", t.op, t.text, m.Name, spelling.Guess(m.Name, inv.names(hosts))), "bsdrun hosts shows them")
		}
	}
	return func(h Host) bool { return names[h.Name] }, nil
}

// Limit keeps the hosts that a selector means; an empty one keeps all.
func (inv *Inventory) Limit(hosts []Host, limit string) ([]Host, error) {
	if limit == "" {
		return hosts, nil
	}
	all := terms(limit)
	kept := hosts
	if slices.ContainsFunc(all, func(t term) bool { return t.op == 0 }) {
		kept = nil
		in := map[string]bool{}
		for _, t := range all {
			if t.op != 0 {
				continue
			}
			has, err := inv.matcher(t, hosts)
			if err != nil {
				return nil, effect.WithHint(err, "see --limit")
			}
			for _, h := range hosts {
				in[h.Name] = in[h.Name] || has(h)
			}
		}
		for _, h := range hosts {
			if in[h.Name] {
				kept = append(kept, h)
			}
		}
	}
	kept, err := inv.narrow(kept, all)
	if err == nil && len(kept) == 0 {
		return nil, inv.keepsNone(limit, hosts)
	}
	return kept, err
}

// matches tells whether a pattern means a host, by its name or a group's.
func (inv *Inventory) matches(p namePattern, h Host) bool {
	return p.match(h.Name) || (p.groups && slices.ContainsFunc(inv.groupsOf(inv.entryOf(h)), p.match))
}

// namePattern is a glob, which means groups, too, or a regular expression.
type namePattern struct {
	match  func(name string) bool
	groups bool
}

func pattern(text string) (namePattern, bool, error) {
	if expression, is := strings.CutPrefix(text, "~"); is {
		re, err := regexp.Compile(`^(?:` + expression + `)`)
		if err != nil {
			return namePattern{}, false, invalid("%s is no regular expression: %v", text, err)
		}
		return namePattern{match: re.MatchString}, true, nil
	}
	if strings.HasPrefix(text, "sim:") || !strings.ContainsAny(text, "*?[") {
		return namePattern{}, false, nil
	}
	if !strings.ContainsAny(text, "*?") && strings.ContainsAny(text, ":,") { // a range, an address
		return namePattern{}, false, nil
	}
	if _, err := path.Match(text, ""); err != nil {
		return namePattern{}, false, invalid("%q: %v", text, err)
	}
	return namePattern{match: func(name string) bool { ok, _ := path.Match(text, name); return ok }, groups: true}, true, nil
}

// keepsNone is the error of a limit that none of the hosts meets.
func (inv *Inventory) keepsNone(limit string, hosts []Host) error {
	return effect.WithHint(invalid("--limit %s keeps no host%s", limit, spelling.Guess(limit, inv.names(hosts))), "the run is on %s", some(hosts))
}

// names are those that a selector of these hosts may have: of them and of groups.
func (inv *Inventory) names(hosts []Host) []string {
	names := slices.Sorted(maps.Keys(inv.groups))
	for _, h := range hosts {
		names = append(names, h.Name)
	}
	return names
}

// some are the first of many hosts, for a message.
func some(hosts []Host) string {
	const most = 5
	var names []string
	for _, h := range hosts[:min(most, len(hosts))] {
		names = append(names, h.Name)
	}
	text := strings.Join(names, ", ")
	if more := len(hosts) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
