// Package pf looks at the packet filter and works on it: rules, translation,
// tables, states. Rules are checked and compared before they are loaded.
package pf

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const (
	raisesDenied   = `kind "denied": only root may do this`
	raisesUnloaded = `kind "missing": the module pf is not loaded`
	raisesTable    = `kind "missing": there is no such table`
)

// Module is h.pf.
var Module = binding.Module{
	Name: "pf",
	Doc:  "The packet filter: its rules and what they translate, tables, anchors and states.",
	Funcs: []binding.Func{
		{
			Name: "anchors", Kind: effect.Read, Call: Anchors, See: []string{"pfctl(8)"},
			Doc:     "Returns the paths of all anchors, those below others too.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `for _, path in ipairs(h.pf.anchors()) do log("%s", path) end`,
		},
		{
			Name: "check", Kind: effect.Read, Call: Check, See: []string{"pfctl(8)", "pf.conf(5)"},
			Doc: "Has the host's own pfctl read rules, from a text or a file of the host, without loading them. " +
				"Returns whether they are right, and what is wrong with them, with the lines. " +
				"Names of interfaces and hosts are resolved as they are now. Of two errors in adjacent lines pfctl may tell the first alone.",
			Example: `local c = h.pf.check{ text = rules }` + "\n" + `if not c.ok then fail("line %d: %s", c.errors[1].line, c.errors[1].text) end`,
		},
		{
			Name: "counters", Kind: effect.Read, Call: CountersOf, See: []string{"pfctl(8)"},
			Doc:     "Returns what pf has counted: packets by what became of them, states, and each rule's own.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `log("%d packets matched a rule", h.pf.counters().counters.match)`,
		},
		{
			Name: "diff", Kind: effect.Read, Call: DiffOf, See: []string{"pfctl(8)"},
			Doc: "Compares rules, from a text or a file of the host, with those that are loaded, as pfctl expands both. " +
				"Returns what loading them would add and remove: rules, also those in the braces of anchors, the addresses of tables that the rules give, and of the options skip, timeouts and limits that they set.",
			Raises:  []string{raisesUnloaded, raisesDenied, `kind "failed": the rules have an error`},
			Example: `if not h.pf.diff{ path = "/etc/pf.conf" }.same then log("pf.conf was not loaded since it was changed") end`,
		},
		{
			Name: "disable", Kind: effect.Change, Call: Disable, See: []string{"pfctl(8)"},
			Doc:     "Turns the filter off: all passes, and nothing is translated. The rules stay. One that is off is left alone.",
			Raises:  []string{raisesDenied},
			Example: `h.pf.disable()`,
		},
		{
			Name: "enable", Kind: effect.Change, Call: Enable, See: []string{"pfctl(8)"},
			Doc: "Loads the module if need be and turns the filter on, with the rules that are loaded. One that is on is left alone. " +
				"Connections that are there have no state yet: rules that pass only what opens one stop them, ours too.",
			Raises:  []string{raisesDenied},
			Example: `h.pf.enable()`,
		},
		{
			Name: "flush", Kind: effect.Change, Call: Flush, See: []string{"pfctl(8)"},
			Doc: "Removes rules, nat rules, states, tables, or counters (info). " +
				"Without rules all passes; without states connections stop that no rule would open in their midst, ours too.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `h.pf.flush("nat")`,
		},
		{
			Name: "kill_states", Kind: effect.Change, Call: KillStates, See: []string{"pfctl(8)"},
			Doc: "Forgets the states of connections from a host or network, to another, or of the rules with a label. " +
				"Returns how many there were.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `h.pf.kill_states{ from = "10.0.0.0/24" }`,
		},
		{
			Name: "nat", Kind: effect.Read, Call: Nat, See: []string{"pfctl(8)", "pf.conf(5)"},
			Doc: "Returns the loaded translations: nat, rdr and binat rules, and those that stand in other rules as nat-to and rdr-to. " +
				"steady tells of one whether all connections of a source get the same address.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `for _, n in ipairs(h.pf.nat()) do if not n.steady then log("leaves with changing addresses: %s", n.text) end end`,
		},
		{
			Name: "put", Kind: effect.Change, Risk: effect.Disruptive, Call: Put, See: []string{"pfctl(8)", "pf.conf(5)"},
			Doc: "Puts rules in force and keeps them for the next boot, so that they cannot lock us out: pfctl reads them first; a timer on the host is armed; " +
				"they are loaded, and the filter turned on where it is off; a new connection must come about; only then file and rc.conf are written. " +
				"Otherwise the host puts the former rules back by itself, or at a boot in between. States of connections stay. " +
				"Of rules that no file holds, the options (set) cannot be put back: pfctl does not tell them.",
			Raises: []string{
				`kind "failed": pf does not take the rules; each error has its line`,
				`kind "failed": no new connection came about, and the former rules are in force again`, raisesDenied,
			},
			Example: `h.pf.put(h.pf.ruleset{ filter = { { action = "pass" } } }, { within = 60 })`,
		},
		{
			Name: "rules", Kind: effect.Read, Call: Rules, See: []string{"pfctl(8)", "pf.conf(5)"},
			Doc:     "Returns the loaded rules, scrub rules first, of the main ruleset or of an anchor.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `for _, r in ipairs(h.pf.rules()) do log("%s", r.text) end`,
		},
		{
			Name: "ruleset", Kind: effect.Read, Call: Build, See: []string{"pf.conf(5)"},
			Doc: "Writes rules as the text of a pf.conf, in the order that pf wants, and checks them as far as that is possible without a host. " +
				"A rule is a table, or a table with a line as text.",
			Raises: []string{`kind "invalid": the rules make no sense to pf`},
			Example: `local conf = h.pf.ruleset{` + "\n" +
				`  options = { { name = "skip", on = { "lo" } } },` + "\n" +
				`  nat = { { on = { "em0" }, from = { "10.0.0.0/24" }, target = { "192.0.2.10" } } },` + "\n" +
				`  filter = { { action = "block" }, { action = "pass", direction = "in", proto = { "tcp" }, to_port = { "22" } } },` + "\n" +
				`}`,
		},
		{
			Name: "states", Kind: effect.Read, Call: States, See: []string{"pfctl(8)"},
			Doc:     "Returns the connections that pf knows, with the addresses that it gave them.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `for _, s in ipairs(h.pf.states{ from = "10.0.0.0/24" }) do log("%s leaves as %s", s.from, s.outside) end`,
		},
		{
			Name: "status", Kind: effect.Read, Call: StatusOf, See: []string{"pfctl(8)"},
			Doc:     "Returns whether the filter is there, whether it is on, and since when.",
			Raises:  []string{raisesDenied},
			Example: `if not h.pf.status().enabled then log("no firewall") end`,
		},
		{
			Name: "tables.add", Kind: effect.Change, Call: AddToTable, See: []string{"pfctl(8)"},
			Doc:     "Puts addresses and networks into a table, which is made if it is not there. Those that are in it already are left alone.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `h.pf.tables.add("bad", { "203.0.113.0/24" })`,
		},
		{
			Name: "tables.expire", Kind: effect.Change, Call: ExpireTable, See: []string{"pfctl(8)"},
			Doc:     "Removes addresses that are in a table for longer than some time, or had their counters cleared that long ago.",
			Raises:  []string{raisesTable, raisesUnloaded, raisesDenied},
			Example: `h.pf.tables.expire("bad", { age = 86400 })`,
		},
		{
			Name: "tables.get", Kind: effect.Read, Call: GetTable, See: []string{"pfctl(8)"},
			Doc:     "Returns the addresses and networks of a table; one with \"!\" in front is not in it.",
			Raises:  []string{raisesTable, raisesUnloaded, raisesDenied},
			Example: `log("%s", table.concat(h.pf.tables.get("bad"), " "))`,
		},
		{
			Name: "tables.list", Kind: effect.Read, Call: ListTables, See: []string{"pfctl(8)"},
			Doc:     "Returns the tables of the main ruleset, or of an anchor.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `for _, t in ipairs(h.pf.tables.list()) do log("%s: %d", t.name, t.addresses) end`,
		},
		{
			Name: "tables.remove", Kind: effect.Change, Call: RemoveFromTable, See: []string{"pfctl(8)"},
			Doc:     "Takes addresses and networks out of a table. Those that are not in it are left alone, as is a table that is not there.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `h.pf.tables.remove("bad", { "203.0.113.7" })`,
		},
		{
			Name: "tables.replace", Kind: effect.Change, Call: ReplaceTable, See: []string{"pfctl(8)"},
			Doc:     "Makes a table hold these addresses and networks and no others. One that does is left alone.",
			Raises:  []string{raisesUnloaded, raisesDenied},
			Example: `h.pf.tables.replace("office", { "192.0.2.0/24", "!192.0.2.1" })`,
		},
		{
			Name: "tables.test", Kind: effect.Read, Call: TestTable, See: []string{"pfctl(8)"},
			Doc:     "Tells whether an address is in a table, networks and exceptions considered.",
			Raises:  []string{raisesTable, raisesUnloaded, raisesDenied},
			Example: `if h.pf.tables.test("bad", "203.0.113.7").matches then log("blocked") end`,
		},
	},
}

// explanations are pfctl's complaints and what to do about them.
var explanations = []effect.Rule{
	{Pattern: lazyregexp.New(`/dev/pf: No such file or directory|/dev/pf: Device not configured`), Kind: effect.Missing, Hint: `h.kld.load("pf") loads the module; h.pf.enable() does it too`},
	{Pattern: lazyregexp.New(`/dev/pf: Permission denied|Operation not permitted`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\"); tables that are const, and a raised kern.securelevel, forbid it to root too"},
	{Pattern: lazyregexp.New(`Table does not exist|Anchor '.*' not found`), Kind: effect.Missing},
	{Pattern: lazyregexp.New(`syntax error|Syntax error`), Kind: effect.Failed, Hint: "h.pf.check tells the lines"},
}

func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, explanations)
	return res, err
}

// all is what a change of pf may touch: the rules, and the network.
var all = []effect.Resource{"pf"}

// read runs pfctl for its output.
func read(ctx context.Context, h effect.Doer, op string, args ...string) (string, error) {
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: append([]string{"/sbin/pfctl"}, args...), Reads: all})
	if err != nil {
		return "", err
	}
	return res.Text()
}

// change runs pfctl to change something that may cut connections.
func change(ctx context.Context, h effect.Doer, op, note string, args ...string) (effect.Result, error) {
	return run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Risk: effect.Disruptive, Note: note, Argv: append([]string{"/sbin/pfctl"}, args...),
		Reads: all, Writes: []effect.Resource{"pf", "net"},
	})
}

var anchorForm = lazyregexp.New(`^[A-Za-z0-9_.][A-Za-z0-9_.:-]*(/[A-Za-z0-9_.:-]+)*$`)

// inAnchor are pfctl's arguments for an anchor, none for the main ruleset.
func inAnchor(op, anchor string, args ...string) ([]string, error) {
	if anchor == "" {
		return args, nil
	}
	if !anchorForm.MatchString(anchor) {
		return nil, effect.Errorf(effect.Invalid, op, "anchor: %q is no path of an anchor", anchor)
	}
	return append([]string{"-a", anchor}, args...), nil
}

// AnchorsArgs are the arguments of Anchors.
type AnchorsArgs struct{}

// Anchors lists the paths of anchors.
func Anchors(ctx context.Context, h effect.Doer, _ AnchorsArgs) ([]string, error) {
	out, err := read(ctx, h, "pf.anchors", "-v", "-s", "Anchors")
	if err != nil {
		return nil, err
	}
	paths := []string{}
	for line := range strings.Lines(out) {
		if path := strings.TrimSpace(line); path != "" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// Changed is what a function that changes something returns.
type Changed struct {
	Changed bool `lua:"changed" doc:"something was done"`
}

// EnableArgs are the arguments of Enable.
type EnableArgs struct{}

// Enable turns the filter on.
func Enable(ctx context.Context, h effect.Doer, _ EnableArgs) (Changed, error) {
	const op = "pf.enable"
	s, err := status(ctx, h, op)
	if err != nil || s.Enabled {
		return Changed{}, err
	}
	if !s.Loaded {
		_, err := run(ctx, h, effect.Effect{
			Op: op, Kind: effect.Change, Argv: []string{"/sbin/kldload", "pf"}, Reads: []effect.Resource{"kld:pf"}, Writes: []effect.Resource{"kld:pf", "pf"},
		})
		if err != nil {
			return Changed{}, err
		}
	}
	_, err = change(ctx, h, op, "connections without a state may stop, ours too", "-e")
	return Changed{Changed: err == nil}, err
}

// DisableArgs are the arguments of Disable.
type DisableArgs struct{}

// Disable turns the filter off.
func Disable(ctx context.Context, h effect.Doer, _ DisableArgs) (Changed, error) {
	const op = "pf.disable"
	s, err := status(ctx, h, op)
	if err != nil || !s.Enabled {
		return Changed{}, err
	}
	_, err = change(ctx, h, op, "nothing is filtered or translated any more", "-d")
	return Changed{Changed: err == nil}, err
}

// FlushArgs are the arguments of Flush.
type FlushArgs struct {
	What   string `lua:"what,required" doc:"rules, nat, states, tables or info"`
	Anchor string `lua:"anchor" doc:"of this anchor: rules, nat, tables"`
}

// flushed are pfctl's words for what is flushed.
var flushed = map[string]string{"rules": "rules", "nat": "nat", "states": "states", "tables": "Tables", "info": "info"}

// Flush removes what pf holds.
func Flush(ctx context.Context, h effect.Doer, a FlushArgs) (Changed, error) {
	const op = "pf.flush"
	word, known := flushed[a.What]
	if !known {
		return Changed{}, effect.Errorf(effect.Invalid, op, "what: %q is not rules, nat, states, tables or info", a.What)
	}
	if a.Anchor != "" && (a.What == "states" || a.What == "info") {
		return Changed{}, effect.Errorf(effect.Invalid, op, "anchor: %s are not kept by anchor", a.What)
	}
	args, err := inAnchor(op, a.Anchor, "-F", word)
	if err != nil {
		return Changed{}, err
	}
	_, err = change(ctx, h, op, "what is not filtered, translated or known any more may be our connection", args...)
	return Changed{Changed: err == nil}, err
}

// Killed is what KillStates returns.
type Killed struct {
	Changed bool `lua:"changed,produced" doc:"there were such states"`
	Killed  int  `lua:"killed,produced" doc:"how many"`
}

// KillArgs are the arguments of KillStates.
type KillArgs struct {
	From  string `lua:"from" doc:"address, network or name of the sender"`
	To    string `lua:"to" doc:"of the receiver"`
	Label string `lua:"label" doc:"of the rule that made the states"`
}

var killedForm = lazyregexp.New(`killed (\d+) states`)

// KillStates forgets states.
func KillStates(ctx context.Context, h effect.Doer, a KillArgs) (Killed, error) {
	const op = "pf.kill_states"
	var args []string
	switch {
	case a.Label != "" && a.From == "" && a.To == "":
		args = []string{"-k", "label", "-k", a.Label}
	case a.Label != "":
		return Killed{}, effect.Errorf(effect.Invalid, op, "label: states are killed by label or by addresses")
	case a.From == "" && a.To == "":
		return Killed{}, effect.WithHint(effect.Errorf(effect.Invalid, op, "from: which states?"), `h.pf.flush("states") forgets all`)
	case a.From == "":
		args = []string{"-k", "0.0.0.0/0", "-k", a.To}
		if strings.Contains(a.To, ":") {
			args[1] = "::/0"
		}
	default:
		args = []string{"-k", a.From}
		if a.To != "" {
			args = append(args, "-k", a.To)
		}
	}
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") && arg != "-k" {
			return Killed{}, effect.Errorf(effect.Invalid, op, "%q is neither an address nor a name", arg)
		}
	}
	res, err := change(ctx, h, op, "a connection whose state is gone may stop, ours too", args...)
	if err != nil || res.Skipped {
		return Killed{}, err
	}
	said, err := res.Stderr.Bytes()
	if err != nil {
		return Killed{}, err
	}
	found := killedForm.FindSubmatch(said)
	if found == nil {
		return Killed{}, effect.Errorf(effect.Failed, op, "pfctl said something else: %.80q", said)
	}
	n := number(string(found[1]))
	return Killed{Changed: n > 0, Killed: n}, nil
}
