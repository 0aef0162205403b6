package portshaker

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/git"
)

// ansi are the colours that portshaker prints even without a terminal.
var ansi = lazyregexp.New("\x1b\\[[0-9;]*[A-Za-z]")

func plain(text string) string { return ansi.ReplaceAllString(text, "") }

// message is one line of portshaker's own: its level and what it says.
var message = lazyregexp.New(`(?m)^\[(Error|Warn|Info|Debug) +\d\d:\d\d:\d\d\] ?(.*)$`)

// messages are the texts of one level.
func messages(text, level string) []string {
	var found []string
	for _, m := range message.FindAllStringSubmatch(plain(text), -1) {
		if m[1] == level {
			found = append(found, strings.TrimSpace(m[2]))
		}
	}
	return found
}

// specific are the failures that portshaker tells in words of its own or of
// the shell; git's come after them, and the vague ones last.
var specific = []effect.Rule{
	{Pattern: lazyregexp.New(`No space left on device`), Kind: effect.Failed, Hint: "the file system is full: df -h, make room and run again"},
	{Pattern: lazyregexp.New(`portshaker\.d/([^:\s]+): (?:not found|No such file)`), Kind: effect.Missing, Hint: "the source $1 has no script: h.portshaker.source.put writes it"},
	{Pattern: lazyregexp.New(`portshaker\.d/([^:\s]+): Permission denied`), Kind: effect.Denied, Hint: "the script of $1 is not executable: h.portshaker.source.put makes it so"},
	{Pattern: lazyregexp.New(`portshaker\.d/([^:\s]+): unknown command '--'`), Kind: effect.Failed, Hint: "the script of $1 does not shift up to --, as releases since 1.0.11 need: h.portshaker.source.put writes one that does"},
	{Pattern: lazyregexp.New(`'([^']+)' does not exists`), Kind: effect.Missing, Hint: "$1 is not fetched yet: h.portshaker.update first"},
	{Pattern: lazyregexp.New(`Don't know where to merge (\S+)\.`), Kind: effect.Failed, Hint: "the target $1 has neither a ports_tree nor a poudriere_tree: h.portshaker.configure sets it"},
	{Pattern: lazyregexp.New(`Don't know how to build (\S+)\.`), Kind: effect.Failed, Hint: "the target $1 has no merge_from: h.portshaker.configure sets it"},
	{Pattern: lazyregexp.New(`Only set one of '\\?\$(\w+)_ports_tree'`), Kind: effect.Failed, Hint: "the target $1 has both a ports_tree and a poudriere_tree: h.portshaker.configure leaves one"},
	{Pattern: lazyregexp.New(`Unsupported update method '([^']*)'`), Kind: effect.Failed, Hint: "the script of the source sets no method that portshaker knows: h.portshaker.source.put writes it anew"},
	{Pattern: lazyregexp.New(`\$(\w+) is not defined`), Kind: effect.Failed, Hint: "the script of the source does not set $1: h.portshaker.source.put writes it anew"},
	{Pattern: lazyregexp.New(`portsnap: not found|portsnap (?:fetch|extract|alfred) failed`), Kind: effect.Failed, Hint: "FreeBSD 14 and later have no portsnap, and its servers are going: use the method git"},
	{Pattern: lazyregexp.New(`cannot open (\S+portshaker\.conf)|(\S+portshaker\.conf): (?:not found|No such file)`), Kind: effect.Missing, Hint: "$1 is not there: h.portshaker.configure writes it"},
	{Pattern: lazyregexp.New(`(rsync|git|svn|hg|cvs): (?:Command )?not found`), Kind: effect.Missing, Hint: "install $1: h.portshaker.install does"},
	{Pattern: lazyregexp.New(`ambiguous argument 'origin/([^']+)'`), Kind: effect.Failed, Hint: "what was fetched is a clone of another branch alone, or $1 is gone: h.portshaker.source.put with the branch removes the old clone"},
	{Pattern: lazyregexp.New(`already have the version of (\S+) provided by`), Kind: effect.Failed, Hint: "two sources have the same version of $1 with different files: raise PORTREVISION in yours, or let it win with ! behind its source in merge_from; h.portshaker.conflicts lists all"},
	{Pattern: lazyregexp.New(`Don't know where are located (\S+)'s INDEX`), Kind: effect.Failed, Hint: "portshaker makes no INDEX for a poudriere_tree"},
	{Pattern: lazyregexp.New(`portshaker: (?:Command )?not found|portshaker\.subr: (?:not found|No such file)`), Kind: effect.Missing, Hint: "install portshaker: h.portshaker.install()"},
}

var vague = []effect.Rule{
	{Pattern: lazyregexp.New(`Failed to clone '([^']+)' to`), Kind: effect.Failed, Hint: "is there room, and is rsync installed?"},
	{Pattern: lazyregexp.New(`git (?:clone|fetch) failed`), Kind: effect.Failed, Hint: "check the address of the source and the way to it"},
}

var rules = slices.Concat(specific, git.Rules, vague)

// explain gives portshaker's failure a kind, a reason and a hint, and takes the
// colours out. command is what a person would type.
func explain(err error, command string) error {
	var e *effect.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	known := *e
	known.Out, known.Err = plain(e.Out), plain(e.Err)
	if known.Code == 0 {
		return &known
	}
	known.Command = command
	if said := messages(known.Err, "Error"); len(said) > 0 {
		known.Message = "portshaker: " + strings.Join(said, " ")
	} else if conflicts := parseConflicts(known.Out); len(conflicts) > 0 {
		known.Message = "portshaker: " + conflicts[0].String()
	}
	explained, matched := effect.Explain(&known, rules)
	if !matched && known.Code == 127 {
		known.Kind, known.Hint = effect.Missing, "install portshaker: h.portshaker.install()"
		return &known
	}
	return explained
}

// environment is that of git, with a pager that does not wait for anybody.
func environment() []string {
	return append(git.Environment(effect.Change), "PAGER=cat")
}

// do runs an effect and explains its failure.
func do(ctx context.Context, h effect.Doer, e effect.Effect, command string) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	return res, explain(err, command)
}

func unknown(err error) bool { return errors.Is(err, effect.ErrUnknown) }
