package ports

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// PortmasterArgs say what is updated.
type PortmasterArgs struct {
	Ports    []string `lua:"ports,pos" doc:"ports or packages by name; default: see all"`
	All      bool     `lua:"all" doc:"all that are installed (-a)"`
	Packages string   `lua:"packages" doc:"first: packages where there are some, and ports where not (-P); only: nothing else (-PP)" enum:"first|only"`
	Force    bool     `lua:"force" doc:"also what is up to date already (-f)"`
	Exclude  []string `lua:"exclude" doc:"patterns of ports to leave alone (-x)"`
}

// Updated is what portmaster did.
type Updated struct {
	Changed bool     `lua:"changed" doc:"it did something; in check mode: it would be asked to"`
	Actions []string `lua:"actions,produced" doc:"what it did, in its own words"`
}

var nameForm = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.,+@/*~:-]*$`)

func (a PortmasterArgs) check(op string) error {
	if a.All == (len(a.Ports) > 0) {
		return effect.Errorf(effect.Invalid, op, "say what is updated: ports by name, or all")
	}
	for _, names := range [][]string{a.Ports, a.Exclude} {
		for _, name := range names {
			if !nameForm.MatchString(name) {
				return effect.Errorf(effect.Invalid, op, "%q is no name of a port", name)
			}
		}
	}
	return nil
}

// words are portmaster's options. It takes -PP alone only.
func (a PortmasterArgs) words(known string) []string {
	words := []string{"portmaster", "-D", "-G"}
	for _, option := range []string{"--no-confirm", "--no-term-title"} {
		if strings.Contains(known, option) {
			words = append(words, option)
		}
	}
	if a.All {
		words = append(words, "-a")
	}
	switch a.Packages {
	case "first":
		words = append(words, "-P")
	case "only":
		words = append(words, "-PP")
	}
	if a.Force {
		words = append(words, "-f")
	}
	for _, pattern := range a.Exclude {
		words = append(words, "-x", pattern)
	}
	return append(words, a.Ports...)
}

// Portmaster updates ports. Its questions are kept from it: those that options
// cannot answer find no one at its standard input, and take their default.
func Portmaster(ctx context.Context, h effect.Doer, a PortmasterArgs) (Updated, error) {
	const op = "ports.portmaster"
	if err := a.check(op); err != nil {
		return Updated{}, err
	}
	known, err := portmasterHelp(ctx, h, op)
	if err != nil {
		return Updated{}, err
	}
	words := a.words(known)
	e := effect.Effect{
		Op: op, Kind: effect.Change, Argv: words, Env: quiet, Title: strings.Join(words, " "),
		Writes: []effect.Resource{"port", packages, effect.Tree("/usr/local"), effect.Tree("/var/db/pkg"), effect.Tree(treeDir)},
		Diff:   &effect.Diff{Path: "ports", Note: strings.Join(words, " ")},
	}
	said, skipped, err := through(ctx, h, e, "portmaster")
	if skipped {
		return Updated{Changed: true}, nil
	}
	actions := parseActions(string(said.tail))
	done := Updated{Changed: len(actions) > 0, Actions: actions}
	if err != nil {
		failed := *effect.AsError(err)
		if len(actions) > 0 {
			failed.Reached = strings.Join(actions, "; ")
		}
		if again := restart.FindStringSubmatch(string(said.tail)); again != nil && failed.Hint == "" {
			failed.Hint = "when it is mended, go on with ports=" + strings.Join(strings.Fields(again[1]), ", ")
		}
		return done, &failed
	}
	return done, nil
}

// portmasterHelp is what portmaster says of its options; older ones have fewer.
func portmasterHelp(ctx context.Context, h effect.Doer, op string) (string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"portmaster", "--help"}, Reads: []effect.Resource{resource("ports-mgmt/portmaster")}, Want: []int{0, 1},
	})
	if err != nil {
		failed := *effect.AsError(err)
		if failed.Code == 127 {
			failed.Kind, failed.Hint = effect.Missing, rules[0].Hint
		}
		return "", &failed
	}
	return res.Text()
}

// restart is how portmaster says to go on after a failure.
var restart = lazyregexp.New(`(?m)^\s+portmaster <flags> (.+)$`)

// performed heads the list of what portmaster did.
const performed = "===>>> The following actions were performed:"

// parseActions reads what portmaster did: the last list of its log.
func parseActions(text string) []string {
	list := []string{}
	at := strings.LastIndex(text, performed)
	if at < 0 {
		return list
	}
	_, rest, _ := strings.Cut(text[at:], "\n")
	for line := range strings.Lines(rest) {
		action, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "\t")
		if !ok {
			break
		}
		list = append(list, strings.TrimSpace(action))
	}
	return list
}
