package pf

import (
	"context"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/pf/rules"
)

// StatusArgs are the arguments of StatusOf.
type StatusArgs struct{}

// Status is how the filter is.
type Status struct {
	Loaded  bool   `lua:"loaded" doc:"the module is part of the kernel; when false, nothing else is set"`
	Enabled bool   `lua:"enabled" doc:"packets are filtered"`
	Since   int64  `lua:"since" doc:"for how long it is on, or off" unit:"seconds"`
	Debug   string `lua:"debug" doc:"none, urgent, misc or loud"`
	States  int    `lua:"states" doc:"connections that it knows"`
}

// StatusOf tells how the filter is.
func StatusOf(ctx context.Context, h effect.Doer, _ StatusArgs) (Status, error) {
	return status(ctx, h, "pf.status")
}

func status(ctx context.Context, h effect.Doer, op string) (Status, error) {
	out, err := read(ctx, h, op, "-s", "info")
	if effect.KindOf(err) == effect.Missing {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, err
	}
	s, _, err := parseInfo(op, out)
	return s, err
}

var (
	statusLine  = lazyregexp.New(`^Status: (Enabled|Disabled)(?: for (\d+) days (\d+):(\d+):(\d+))?\s+Debug: (\w+)`)
	counterLine = lazyregexp.New(`^  (\S.*?)\s+(\d+)(?:\s+-?[\d.]+/s)?\s*$`)
)

// parseInfo reads pfctl -s info: the status, and the counters by name.
func parseInfo(op, out string) (s Status, counted map[string]int, err error) {
	m := statusLine.FindStringSubmatch(out)
	if m == nil {
		return s, nil, effect.Errorf(effect.Failed, op, "pfctl printed something else: %.80q", out)
	}
	days, hours, minutes, seconds := number(m[2]), number(m[3]), number(m[4]), number(m[5])
	s = Status{Loaded: true, Enabled: m[1] == "Enabled", Since: int64(((days*24+hours)*60+minutes)*60 + seconds), Debug: strings.ToLower(m[6])}
	counted = map[string]int{}
	_, tables, _ := strings.Cut(out, "State Table")
	for line := range strings.Lines(tables) {
		if m := counterLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			counted[strings.ReplaceAll(m[1], " ", "_")] = number(m[2])
		}
	}
	s.States = counted["current_entries"]
	return s, counted, nil
}

// number is a number that a pattern has found; an empty text is 0.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// CountersArgs are the arguments of CountersOf.
type CountersArgs struct {
	Anchor string `lua:"anchor" doc:"whose rules are told; empty: the main ruleset"`
}

// Counters are what pf has counted.
type Counters struct {
	Counters map[string]int `lua:"counters" doc:"of the state table (current_entries, searches, inserts, removals) and of packets by what was wrong with them, or match"`
	Rules    []RuleCount    `lua:"rules" doc:"each rule's own, in their order"`
}

// RuleCount is what one rule has counted.
type RuleCount struct {
	Text        string `lua:"text" doc:"the rule"`
	Evaluations int64  `lua:"evaluations" doc:"how often it was looked at"`
	Packets     int64  `lua:"packets" doc:"that matched, or belong to its states"`
	Bytes       int64  `lua:"bytes" doc:"of these" unit:"bytes"`
	States      int    `lua:"states" doc:"connections that it lets pass now"`
}

var ruleCounts = lazyregexp.New(`^\s+\[ Evaluations: (\d+)\s+Packets: (\d+)\s+Bytes: (\d+)\s+States: (\d+)\s*\]`)

// CountersOf tells what was counted.
func CountersOf(ctx context.Context, h effect.Doer, a CountersArgs) (Counters, error) {
	const op = "pf.counters"
	out, err := read(ctx, h, op, "-s", "info")
	if err != nil {
		return Counters{}, err
	}
	c := Counters{Rules: []RuleCount{}}
	if _, c.Counters, err = parseInfo(op, out); err != nil {
		return Counters{}, err
	}
	for _, what := range []string{"nat", "rules"} {
		args, err := inAnchor(op, a.Anchor, "-v", "-s", what)
		if err != nil {
			return Counters{}, err
		}
		if out, err = read(ctx, h, op, args...); err != nil {
			return Counters{}, err
		}
		c.Rules = append(c.Rules, parseCounts(out)...)
	}
	return c, nil
}

// parseCounts reads the rules of pfctl -v with the counters below them.
func parseCounts(out string) (list []RuleCount) {
	text := ""
	for line := range strings.Lines(out) {
		m := ruleCounts.FindStringSubmatch(line)
		switch {
		case m != nil:
			list = append(list, RuleCount{
				Text: text, Evaluations: int64(number(m[1])), Packets: int64(number(m[2])), Bytes: int64(number(m[3])), States: number(m[4]),
			})
		case !strings.HasPrefix(strings.TrimSpace(line), "["):
			text = strings.TrimSuffix(strings.TrimSpace(line), " {")
		}
	}
	return list
}

// StatesArgs are the arguments of States.
type StatesArgs struct {
	From  string `lua:"from" doc:"only those of this address or network, inside or outside"`
	To    string `lua:"to" doc:"only those to this address or network"`
	Proto string `lua:"proto" doc:"only those of this protocol: tcp"`
}

// State is a connection that pf knows.
type State struct {
	Interface string `lua:"interface" doc:"the interface it is bound to, or all"`
	Proto     string `lua:"proto" doc:"tcp, udp, icmp ..."`
	Direction string `lua:"direction" doc:"in or out: how its first packet passed"`
	From      string `lua:"from" doc:"who opened it, as its sender knows it"`
	Outside   string `lua:"outside" doc:"who opened it, as the other side sees it: another address where it was translated"`
	To        string `lua:"to" doc:"to whom, as the sender knows it"`
	Inside    string `lua:"inside" doc:"to whom, as it arrives: another address where it was redirected"`
	State     string `lua:"state" doc:"of both sides, the sender's first: ESTABLISHED:ESTABLISHED"`
}

// stateLine is an entry of pfctl -s states.
var stateLine = lazyregexp.New(`^(\S+) (\S+) (\S+)(?: \((\S+)\))? (->|<-) (\S+)(?: \((\S+)\))?\s+(\S+)\s*$`)

// States lists the connections that pf knows.
func States(ctx context.Context, h effect.Doer, a StatesArgs) ([]State, error) {
	const op = "pf.states"
	match, err := sides(op, a)
	if err != nil {
		return nil, err
	}
	out, err := read(ctx, h, op, "-s", "states")
	if err != nil {
		return nil, err
	}
	list := []State{}
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		s, err := parseState(op, line)
		if err != nil {
			return nil, err
		}
		if match(s) {
			list = append(list, s)
		}
	}
	return list, nil
}

func parseState(op, line string) (State, error) {
	m := stateLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
	if m == nil {
		return State{}, effect.Errorf(effect.Failed, op, "pfctl printed something else: %.120q", line)
	}
	or := func(text, other string) string {
		if text == "" {
			return other
		}
		return text
	}
	s := State{Interface: m[1], Proto: m[2], State: m[8]}
	if m[5] == "->" {
		s.Direction, s.Outside, s.From = "out", m[3], or(m[4], m[3])
		s.To, s.Inside = or(m[7], m[6]), m[6]
		return s, nil
	}
	// What came in stands with its receiver first, and with the receiver's state.
	s.Direction, s.Inside, s.To = "in", m[3], or(m[4], m[3])
	s.From, s.Outside = or(m[7], m[6]), m[6]
	if receiver, sender, both := strings.Cut(s.State, ":"); both {
		s.State = sender + ":" + receiver
	}
	return s, nil
}

// sides is what chooses states.
func sides(op string, a StatesArgs) (func(State) bool, error) {
	var env rules.Env
	networks := map[string]rules.TableAddress{}
	for name, text := range map[string]string{"from": a.From, "to": a.To} {
		if text == "" {
			continue
		}
		found, complaint := env.TableAddresses(text)
		if complaint != "" || len(found) != 1 || found[0].Not {
			return nil, effect.Errorf(effect.Invalid, op, "%s: %q is no address or network", name, text)
		}
		networks[name] = found[0]
	}
	within := func(name string, ends ...string) bool {
		network, asked := networks[name]
		if !asked {
			return true
		}
		for _, end := range ends {
			if a, ok := hostOf(end); ok && network.Prefix.Contains(a) {
				return true
			}
		}
		return false
	}
	return func(s State) bool {
		return (a.Proto == "" || s.Proto == a.Proto) && within("from", s.From, s.Outside) && within("to", s.To, s.Inside)
	}, nil
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
