package pf

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/pf/rules"
)

// RulesArgs are the arguments of Rules and Nat.
type RulesArgs struct {
	Anchor string `lua:"anchor" doc:"of this anchor; empty: the main ruleset"`
}

// Rule is a loaded rule.
type Rule struct {
	Text      string   `lua:"text" doc:"as pfctl prints it"`
	Action    string   `lua:"action" doc:"pass, block, match, scrub, nat, rdr, binat, with no in front where it exempts, or anchor"`
	Anchor    string   `lua:"anchor,omitempty" doc:"the anchor that it calls"`
	Direction string   `lua:"direction,omitempty" doc:"in or out; absent: both"`
	Quick     bool     `lua:"quick" doc:"the search ends with it"`
	Log       bool     `lua:"log" doc:"packets are logged"`
	Interface string   `lua:"interface,omitempty" doc:"on this interface, with ! in front on all others; absent: on all"`
	Family    string   `lua:"family,omitempty" doc:"inet or inet6; absent: both"`
	Proto     string   `lua:"proto,omitempty" doc:"tcp, udp ...; absent: all"`
	From      string   `lua:"from" doc:"address, network, table or interface of the sender"`
	FromPort  string   `lua:"from_port,omitempty" doc:"ports of the sender, with the operator"`
	To        string   `lua:"to" doc:"of the receiver"`
	ToPort    string   `lua:"to_port,omitempty" doc:"ports of the receiver, with the operator"`
	State     string   `lua:"state,omitempty" doc:"keep, modulate or synproxy; absent: none is kept"`
	Labels    []string `lua:"labels" doc:"labels"`
	Tag       string   `lua:"tag,omitempty" doc:"packets are marked so"`
	Tagged    string   `lua:"tagged,omitempty" doc:"only packets marked so, with ! in front those that are not"`
	Targets   []string `lua:"targets" doc:"where a translation leads"`
	Ports     string   `lua:"ports,omitempty" doc:"ports that a translation takes; absent: those of nat by default, the same for rdr"`
	Pool      string   `lua:"pool,omitempty" doc:"how one of several targets is chosen: round-robin, random, source-hash, bitmask"`
	Sticky    bool     `lua:"sticky" doc:"a source keeps its target"`
	Static    bool     `lua:"static_port" doc:"nat leaves the port as it is"`
	Steady    bool     `lua:"steady" doc:"of a translation: all connections of a source get the same address"`
}

// Rules lists the filter and scrub rules.
func Rules(ctx context.Context, h effect.Doer, a RulesArgs) ([]Rule, error) {
	set, err := loaded(ctx, h, "pf.rules", a.Anchor, "rules")
	if err != nil {
		return nil, err
	}
	return listed(slices.Concat(set.Scrub, set.Filter)), nil
}

// Nat lists the translations, those in filter rules too.
func Nat(ctx context.Context, h effect.Doer, a RulesArgs) ([]Rule, error) {
	const op = "pf.nat"
	set, err := loaded(ctx, h, op, a.Anchor, "nat")
	if err != nil {
		return nil, err
	}
	list := set.Translation()
	if set, err = loaded(ctx, h, op, a.Anchor, "rules"); err != nil {
		return nil, err
	}
	for _, r := range set.Filter {
		if r.NatTo || r.RdrPool != nil {
			list = append(list, r)
		}
	}
	return listed(list), nil
}

// loaded reads the rules that pfctl shows.
func loaded(ctx context.Context, h effect.Doer, op, anchor, what string) (*rules.Ruleset, error) {
	args, err := inAnchor(op, anchor, "-s", what)
	if err != nil {
		return nil, err
	}
	out, err := read(ctx, h, op, args...)
	if err != nil {
		return nil, err
	}
	return parseRules(op, out)
}

// parseRules reads rules that pfctl has printed.
func parseRules(op, out string) (*rules.Ruleset, error) {
	set, errors := rules.Parse("pfctl", []byte(out), rules.Env{Printed: true})
	if len(errors) > 0 {
		line := ""
		if lines := strings.Split(out, "\n"); errors[0].Line <= len(lines) {
			line = lines[errors[0].Line-1]
		}
		return nil, effect.Errorf(effect.Failed, op, "pfctl printed a rule that is not understood: %.200q (%s)", line, errors[0].Text)
	}
	return set, nil
}

func listed(all []rules.Rule) []Rule {
	list := []Rule{}
	for _, r := range all {
		list = append(list, ruleOf(r))
		if r.Inline != nil && strings.HasPrefix(r.Anchor, "_") {
			list = append(list, listed(r.Inline.Filter)...)
		}
	}
	return list
}

func ruleOf(r rules.Rule) Rule {
	not := func(on bool, text string) string {
		if on && text != "" {
			return "! " + text
		}
		return text
	}
	one := Rule{
		Text: r.String(), Action: r.Action, Anchor: r.Anchor, Direction: r.Direction, Quick: r.Quick, Log: r.Log != nil,
		Interface: not(r.NotOn, r.Interface), Family: r.Family, Proto: r.Proto,
		From: not(r.From.Not, r.From.Addr.String()), FromPort: r.From.Port.String(), To: not(r.To.Not, r.To.Addr.String()), ToPort: r.To.Port.String(),
		State: r.State, Labels: append([]string{}, r.Labels...), Tag: r.Tag, Tagged: not(r.NotTagged, r.Tagged), Targets: []string{},
	}
	if r.Anchor != "" {
		one.Action = "anchor"
		if strings.HasPrefix(r.Anchor, "_") {
			one.Anchor = ""
		}
		return one
	}
	pool := r.Pool
	if pool == nil {
		pool = r.RdrPool
	}
	if pool == nil || strings.HasPrefix(r.Action, "no ") {
		return one
	}
	one.Pool, one.Sticky, one.Static, one.Ports = pool.Type, pool.Sticky, pool.Static, pool.PortText()
	one.Steady = pool.Type == "" || pool.Type == "source-hash" || pool.Type == "bitmask" || pool.Sticky
	for _, a := range pool.Addresses {
		one.Targets = append(one.Targets, a.Addr.String())
	}
	return one
}

// Source is a text of rules, or a file of the host.
type Source struct {
	Text string `lua:"text" doc:"the rules"`
	Path string `lua:"path" doc:"a file of the host that holds them"`
}

// effect is a call of pfctl that reads the source.
func (s Source) effect(op string, args ...string) (effect.Effect, error) {
	e := effect.Effect{Op: op, Kind: effect.Read, Reads: all}
	switch {
	case (s.Text == "") == (s.Path == ""):
		return e, effect.Errorf(effect.Invalid, op, "either text or path is wanted")
	case s.Path != "" && !strings.HasPrefix(s.Path, "/"):
		return e, effect.Errorf(effect.Invalid, op, "path: %q is not absolute", s.Path)
	case s.Path != "":
		e.Argv = append(append([]string{"/sbin/pfctl"}, args...), s.Path)
		e.Reads = append(slices.Clone(all), effect.File(s.Path))
		return e, nil
	}
	e.Argv = append(append([]string{"/sbin/pfctl"}, args...), "-")
	e.Stdin = strings.NewReader(ended(s.Text))
	return e, nil
}

// ended is a text whose last line ends, without which pfctl does not take it.
func ended(text string) string {
	if strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// CheckArgs are the arguments of Check.
type CheckArgs struct {
	Text   string            `lua:"text" doc:"the rules"`
	Path   string            `lua:"path" doc:"a file of the host that holds them"`
	Macros map[string]string `lua:"macros" doc:"macros that win over those of the rules"`
	Origin Origin            `lua:"origin" doc:"where the lines of the text came from, as template tells it with lines=true"`
}

// Origin tells which template made a text, and of which of its lines each line is.
type Origin struct {
	File  string `lua:"file" doc:"the template"`
	Lines []int  `lua:"lines" doc:"its line, for each line of the text"`
}

// at is the template's place of a line of the text; empty where it is not known.
func (o Origin) at(line int) string {
	if line < 1 || line > len(o.Lines) {
		return ""
	}
	return fmt.Sprintf("%s:%d", o.File, o.Lines[line-1])
}

// Checked is what Check returns.
type Checked struct {
	OK     bool      `lua:"ok" doc:"pfctl would load the rules"`
	Errors []Problem `lua:"errors" doc:"what is wrong, in pfctl's order"`
}

// Problem is something wrong with rules.
type Problem struct {
	File string `lua:"file,omitempty" doc:"where it stands; stdin for a text"`
	Line int    `lua:"line" doc:"number of the line, from 1; 0: not told"`
	Text string `lua:"text" doc:"in pfctl's words"`
	At   string `lua:"at,omitempty" doc:"line of the template that made it, where origin was given: pf.conf.tmpl:12"`
}

var macroForm = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Check has pfctl read rules.
func Check(ctx context.Context, h effect.Doer, a CheckArgs) (Checked, error) {
	const op = "pf.check"
	args := []string{"-n"}
	for _, name := range sortedKeys(a.Macros) {
		if !macroForm.MatchString(name) {
			return Checked{}, effect.Errorf(effect.Invalid, op, "macros: %q is no name of a macro", name)
		}
		args = append(args, "-D", name+"="+a.Macros[name])
	}
	e, err := Source{a.Text, a.Path}.effect(op, append(args, "-f")...)
	if err != nil {
		return Checked{}, err
	}
	e.Want = []int{0, 1}
	res, err := run(ctx, h, e)
	if err != nil {
		return Checked{}, err
	}
	if _, err := res.Text(); err != nil {
		return Checked{}, err
	}
	said, err := res.Stderr.Bytes()
	if err != nil {
		return Checked{}, err
	}
	problems := parseProblems(string(said))
	if res.Code != 0 && len(problems) == 0 {
		return Checked{}, effect.Errorf(effect.Failed, op, "pfctl failed without saying why")
	}
	if res.Code == 0 {
		problems = []Problem{}
	}
	for i := range problems {
		problems[i].At = a.Origin.at(problems[i].Line)
	}
	return Checked{OK: res.Code == 0, Errors: problems}, nil
}

var problemLine = lazyregexp.New(`^(\S.*?):(\d+): (.*)$`)

// parseProblems reads what pfctl complains of. What it says without a line belongs
// to the complaint that follows.
func parseProblems(said string) []Problem {
	list := []Problem{}
	var bare []int
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" || strings.Contains(line, "ALTQ") || strings.HasPrefix(line, "pfctl: Syntax error in config file") {
			continue
		}
		if m := problemLine.FindStringSubmatch(line); m != nil {
			list = append(list, Problem{File: m[1], Line: number(m[2]), Text: m[3]})
			for _, i := range bare {
				list[i].File, list[i].Line = m[1], number(m[2])
			}
			bare = nil
			continue
		}
		bare = append(bare, len(list))
		list = append(list, Problem{Text: strings.TrimPrefix(line, "pfctl: ")})
	}
	return list
}

// DiffArgs are the arguments of DiffOf.
type DiffArgs struct {
	Text string `lua:"text" doc:"the rules"`
	Path string `lua:"path" doc:"a file of the host that holds them"`
}

// Diff is what loading rules would change.
type Diff struct {
	Same    bool     `lua:"same" doc:"the same is loaded, rules in the same order"`
	Added   []string `lua:"added" doc:"rules, addresses of tables and options that are not loaded"`
	Removed []string `lua:"removed" doc:"what is loaded and would go"`
	Moved   bool     `lua:"moved" doc:"rules that are in both stand in another order"`
}

// DiffOf compares rules with those that are loaded.
func DiffOf(ctx context.Context, h effect.Doer, a DiffArgs) (Diff, error) {
	const op = "pf.diff"
	e, err := Source(a).effect(op, "-n", "-v", "-f")
	if err != nil {
		return Diff{}, err
	}
	res, err := run(ctx, h, e)
	if err != nil {
		return Diff{}, err
	}
	out, err := res.Text()
	if err != nil {
		return Diff{}, err
	}
	wanted, err := parseRules(op, out)
	if err != nil {
		return Diff{}, err
	}
	now, err := linesInForce(ctx, h, op, wanted)
	if err != nil {
		return Diff{}, err
	}
	return compare(now, wantedLines(wanted)), nil
}

// automatic is the name of a table that pfctl made of addresses: another one each
// time.
var automatic = lazyregexp.New(`<__automatic_[0-9a-f_]+>`)

func lines(lists ...[]rules.Rule) (all []string) {
	for _, list := range lists {
		for _, line := range rules.Lines(list, rules.Style{}, false) {
			all = append(all, automatic.ReplaceAllString(line, "<__automatic>"))
		}
	}
	return all
}

func compare(now, wanted []string) Diff {
	d := Diff{Added: []string{}, Removed: []string{}, Same: slices.Equal(now, wanted)}
	missing := func(from, in []string) (list []string) {
		rest := slices.Clone(in)
		for _, line := range from {
			if at := slices.Index(rest, line); at >= 0 {
				rest = slices.Delete(rest, at, at+1)
			} else {
				list = append(list, line)
			}
		}
		return append([]string{}, list...)
	}
	d.Added, d.Removed = missing(wanted, now), missing(now, wanted)
	kept := func(of, without []string) []string {
		for _, line := range without {
			if at := slices.Index(of, line); at >= 0 {
				of = slices.Delete(slices.Clone(of), at, at+1)
			}
		}
		return of
	}
	d.Moved = !slices.Equal(kept(now, d.Removed), kept(wanted, d.Added))
	return d
}

// hostOf is the address in pfctl's ADDRESS:PORT or ADDRESS[PORT].
func hostOf(end string) (netip.Addr, bool) {
	text, _, _ := strings.Cut(end, "[")
	if strings.Count(text, ":") == 1 {
		text, _, _ = strings.Cut(text, ":")
	}
	a, err := netip.ParseAddr(text)
	return a, err == nil
}
