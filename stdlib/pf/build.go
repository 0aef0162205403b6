package pf

import (
	"context"
	"fmt"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/pf/rules"
)

// RulesetArgs are the arguments of Build.
type RulesetArgs struct {
	Macros  map[string]string `lua:"macros" doc:"names with their values"`
	Options []OptionSpec      `lua:"options" doc:"set lines"`
	Tables  []TableSpec       `lua:"tables" doc:"tables"`
	Scrub   []RuleSpec        `lua:"scrub" doc:"normalization"`
	Nat     []RuleSpec        `lua:"nat" doc:"translation of who sends"`
	Rdr     []RuleSpec        `lua:"rdr" doc:"translation of who receives"`
	Binat   []RuleSpec        `lua:"binat" doc:"translation of one address to one other, in both directions"`
	Filter  []RuleSpec        `lua:"filter" doc:"what passes"`
	Release string            `lua:"release" doc:"release whose pf.conf it is to be, such as \"8.2\"; empty: the newest"`
}

// OptionSpec is a set line.
type OptionSpec struct {
	Name  string   `lua:"name" doc:"such as \"block-policy\" or \"timeout tcp.established\""`
	Value string   `lua:"value" doc:"its value"`
	On    []string `lua:"on" doc:"interfaces, of skip"`
}

// TableSpec is a table.
type TableSpec struct {
	Name      string   `lua:"name" doc:"name"`
	Addresses []string `lua:"addresses" doc:"addresses and networks, with ! in front those that are not in it"`
	Files     []string `lua:"files" doc:"files of the host that hold more"`
	Persist   bool     `lua:"persist" doc:"it stays when no rule names it"`
	Const     bool     `lua:"const" doc:"only loading rules may change it"`
	Counters  bool     `lua:"counters" doc:"it counts packets by address"`
}

// RuleSpec is a rule, or a line that holds one.
type RuleSpec struct {
	Text       string   `lua:"text" doc:"the rule as a line of pf.conf; nothing else is given then"`
	Action     string   `lua:"action" doc:"of a filter rule: pass, block, \"block return\", match"`
	No         bool     `lua:"no" doc:"packets are exempt from the rules behind it (scrub, nat, rdr, binat)"`
	Pass       bool     `lua:"pass" doc:"what is translated passes without a filter rule"`
	Direction  string   `lua:"direction" doc:"in or out; empty: both"`
	Log        bool     `lua:"log" doc:"packets are logged"`
	Quick      bool     `lua:"quick" doc:"the search ends with it"`
	On         []string `lua:"on" doc:"interfaces; empty: all"`
	Family     string   `lua:"family" doc:"inet or inet6; empty: as the addresses are"`
	Proto      []string `lua:"proto" doc:"protocols; empty: all"`
	From       []string `lua:"from" doc:"addresses, networks, <tables>, (interfaces); empty: any"`
	FromPort   []string `lua:"from_port" doc:"ports: \"22\", \"1024:65535\", \"> 1023\""`
	To         []string `lua:"to" doc:"as from"`
	ToPort     []string `lua:"to_port" doc:"as from_port"`
	Flags      string   `lua:"flags" doc:"of TCP: \"S/SA\", any"`
	State      string   `lua:"state" doc:"keep, modulate, synproxy or no; empty: as pf does by itself"`
	Options    string   `lua:"options" doc:"what else the rule says, as in pf.conf"`
	Label      string   `lua:"label" doc:"label"`
	Tag        string   `lua:"tag" doc:"packets are marked so"`
	Tagged     string   `lua:"tagged" doc:"only packets marked so"`
	Target     []string `lua:"target" doc:"where a translation leads"`
	TargetPort string   `lua:"target_port" doc:"port, or range of ports, of the target"`
	Pool       string   `lua:"pool" doc:"how one of several targets is chosen: round-robin, random, source-hash, bitmask"`
	Sticky     bool     `lua:"sticky" doc:"a source keeps its target"`
	StaticPort bool     `lua:"static_port" doc:"nat leaves the port as it is"`
	Anchor     string   `lua:"anchor" doc:"an anchor is called instead"`
	Rules      []string `lua:"rules" doc:"the rules of the anchor, as lines"`
}

// Build writes a pf.conf.
func Build(_ context.Context, _ effect.Doer, a RulesetArgs) (string, error) {
	const op = "pf.ruleset"
	var b builder
	for _, name := range sortedKeys(a.Macros) {
		if !macroForm.MatchString(name) {
			return "", effect.Errorf(effect.Invalid, op, "macros: %q is no name of a macro", name)
		}
		b.line("%s = %s", name, b.quoted(a.Macros[name]))
	}
	for _, o := range a.Options {
		b.option(o)
	}
	for _, t := range a.Tables {
		b.table(t)
	}
	for _, section := range []struct {
		kind string
		list []RuleSpec
	}{{"scrub", a.Scrub}, {"nat", a.Nat}, {"rdr", a.Rdr}, {"binat", a.Binat}, {"", a.Filter}} {
		for _, r := range section.list {
			b.rule(section.kind, r)
		}
	}
	if b.wrong != "" {
		return "", effect.Errorf(effect.Invalid, op, "%s", b.wrong)
	}
	return b.text.String(), b.checked(op, a.Release)
}

// builder writes line by line.
type builder struct {
	text  strings.Builder
	wrong string // what cannot be written, the first
}

func (b *builder) line(format string, args ...any) { fmt.Fprintf(&b.text, format+"\n", args...) }

func (b *builder) refuse(format string, args ...any) {
	if b.wrong == "" {
		b.wrong = fmt.Sprintf(format, args...)
	}
}

// word is what may stand in a line; it cannot end it.
func (b *builder) word(text string) string {
	if text == "" || strings.ContainsAny(text, "\n\\#{}") {
		b.refuse("%q cannot stand in a rule", text)
	}
	return text
}

func (b *builder) quoted(text string) string {
	if strings.ContainsAny(text, "\"\\\n") {
		b.refuse("%q cannot stand in quotes", text)
	}
	return `"` + text + `"`
}

// list is one word, or several in braces.
func (b *builder) list(words []string) string {
	for _, w := range words {
		b.word(w)
	}
	if len(words) == 1 {
		return words[0]
	}
	return "{ " + strings.Join(words, ", ") + " }"
}

func (b *builder) option(o OptionSpec) {
	switch {
	case len(o.On) > 0:
		b.line("set %s on %s", b.word(o.Name), b.list(o.On))
	case o.Value == "":
		b.line("set %s", b.word(o.Name))
	default:
		b.line("set %s %s", b.word(o.Name), b.word(o.Value))
	}
}

func (b *builder) table(t TableSpec) {
	if !tableForm.MatchString(t.Name) {
		b.refuse("%q is no name of a table", t.Name)
	}
	line := "table <" + t.Name + ">"
	for _, flag := range []struct {
		on   bool
		name string
	}{{t.Const, "const"}, {t.Persist, "persist"}, {t.Counters, "counters"}} {
		if flag.on {
			line += " " + flag.name
		}
	}
	for _, f := range t.Files {
		line += " file " + b.quoted(f)
	}
	if len(t.Addresses) > 0 {
		for _, a := range t.Addresses {
			b.word(a)
		}
		line += " { " + strings.Join(t.Addresses, ", ") + " }"
	}
	b.line("%s", line)
}

// rule writes a rule of a kind; the kind of filter rules is their action.
func (b *builder) rule(kind string, r RuleSpec) {
	if r.Text != "" {
		b.line("%s", strings.TrimRight(r.Text, "\n"))
		return
	}
	var words []string
	put := func(on bool, format string, args ...any) {
		if on {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	filter := kind == ""
	if filter {
		kind = r.Action
	}
	switch {
	case r.Anchor != "" && filter:
		kind = "anchor " + b.quoted(r.Anchor)
	case r.Anchor != "":
		kind += "-anchor " + b.quoted(r.Anchor)
	case kind == "":
		b.refuse("a filter rule needs an action, or a text")
	}
	put(r.No, "no")
	put(true, "%s", kind)
	put(r.Pass, "pass")
	put(r.Direction != "", "%s", r.Direction)
	put(r.Log, "log")
	put(r.Quick, "quick")
	put(len(r.On) > 0, "on %s", b.list(r.On))
	put(r.Family != "", "%s", r.Family)
	put(len(r.Proto) > 0, "proto %s", b.list(r.Proto))
	words = append(words, b.peers(kind, r)...)
	put(r.Flags != "", "flags %s", r.Flags)
	put(r.State != "", "%s state", r.State)
	put(r.Options != "", "%s", r.Options)
	put(r.Label != "", "label %s", b.quoted(r.Label))
	put(r.Tag != "", "tag %s", r.Tag)
	put(r.Tagged != "", "tagged %s", r.Tagged)
	put(len(r.Target) > 0, "-> %s", b.list(r.Target))
	put(r.TargetPort != "", "port %s", r.TargetPort)
	put(r.Pool != "", "%s", r.Pool)
	put(r.StaticPort, "static-port")
	put(r.Sticky, "sticky-address")
	for _, w := range words {
		if strings.ContainsAny(w, "\n\\#") {
			b.refuse("%q cannot stand in a rule", w)
		}
	}
	if len(r.Rules) == 0 {
		b.line("%s", strings.Join(words, " "))
		return
	}
	b.line("%s {", strings.Join(words, " "))
	for _, line := range r.Rules {
		b.line("\t%s", line)
	}
	b.line("}")
}

func (b *builder) peers(kind string, r RuleSpec) (words []string) {
	side := func(name string, hosts, ports []string, always bool) {
		if len(hosts)+len(ports) == 0 && !always {
			return
		}
		words = append(words, name)
		switch {
		case len(hosts) > 0:
			words = append(words, b.list(hosts))
		case len(ports) == 0 || always:
			words = append(words, "any")
		}
		if len(ports) > 0 {
			words = append(words, "port "+b.list(ports))
		}
	}
	translates := len(r.Target) > 0 || r.No || kind == "binat"
	side("from", r.From, r.FromPort, translates)
	side("to", r.To, r.ToPort, translates)
	return words
}

// checked refuses rules that pf would refuse on any host.
func (b *builder) checked(op, release string) error {
	_, errors := rules.Parse("pf.conf", []byte(b.text.String()), rules.Env{Release: release})
	if len(errors) == 0 {
		return nil
	}
	line := ""
	if lines := strings.Split(b.text.String(), "\n"); errors[0].Line <= len(lines) {
		line = lines[errors[0].Line-1]
	}
	return effect.Errorf(effect.Invalid, op, "%s: %s", errors[0].Text, strings.TrimSpace(line))
}
