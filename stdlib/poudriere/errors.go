package poudriere

import (
	"context"
	"errors"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/git"
)

// saysError are poudriere's own error lines: with the elapsed time since 3.2,
// without it before.
var saysError = lazyregexp.New(`(?m)^(?:\[[\d:]+\] )*=+>> Error: (.*)$`)

var ansi = lazyregexp.New("\x1b\\[[0-9;]*[A-Za-z]")

// rules are poudriere's failures that are told apart. git's come last, as trees
// and sources may come from there.
var rules = slices.Concat([]effect.Rule{
	{Pattern: lazyregexp.New(`No space left on device`), Kind: effect.Failed, Hint: "the file system is full: df -h, make room (pkgclean, logclean, distclean) and run again"},
	{Pattern: lazyregexp.New(`requires root`), Kind: effect.Denied, Hint: "run as root: log in as root, or use --become"},
	{Pattern: lazyregexp.New(`Unable to find a readable poudriere\.conf`), Kind: effect.Missing, Hint: "h.poudriere.configure writes it"},
	{Pattern: lazyregexp.New(`ZPOOL variable is not set`), Kind: effect.Failed, Hint: "say in h.poudriere.configure whether ZFS is used: zpool=, or zfs=false"},
	{Pattern: lazyregexp.New(`No such zpool:? (\S+)`), Kind: effect.Missing, Hint: "the host has no pool $1: h.poudriere.configure sets another"},
	{Pattern: lazyregexp.New(`ZROOTFS should start`), Kind: effect.Failed, Hint: "ZROOTFS is a path below the pool, such as /poudriere"},
	{Pattern: lazyregexp.New(`provide a BASEFS`), Kind: effect.Failed, Hint: "h.poudriere.configure sets BASEFS"},
	{Pattern: lazyregexp.New(`ZFS_DEADLOCK_IGNORED`), Kind: effect.Failed, Hint: "FreeBSD 9.0 and 9.1 can hang with ZFS under poudriere: zfs=false, or upgrade"},
	{Pattern: lazyregexp.New(`DISTFILES_CACHE directory does not exist`), Kind: effect.Missing, Hint: "h.poudriere.configure makes it"},
	{Pattern: lazyregexp.New(`No such jail:? (\S+)|The jail (\S+) does not exist`), Kind: effect.Missing, Hint: "h.poudriere.jail.create makes the jail $1"},
	{Pattern: lazyregexp.New(`No such ports tree:? (\S+)`), Kind: effect.Missing, Hint: "h.poudriere.ports.create registers the tree $1"},
	{Pattern: lazyregexp.New(`The jail (\S+) already exists`), Kind: effect.Failed, Hint: "h.poudriere.jail.info shows $1; jail.update and jail.upgrade change it"},
	{Pattern: lazyregexp.New(`The ports tree, (\S+), already exists`), Kind: effect.Failed, Hint: "h.poudriere.ports.list shows $1"},
	{Pattern: lazyregexp.New(`Directory (\S+) already exists`), Kind: effect.Failed, Hint: "register an existing tree with method null: ports.create(name, {path = \"$1\"})"},
	{Pattern: lazyregexp.New(`Nonexistent origin(?: listed)?:? (\S+)`), Kind: effect.Missing, Hint: "the ports tree has no $1: check the spelling, and that the tree was merged or updated"},
	{Pattern: lazyregexp.New(`(?:invalid|bad) FLAVOR|FLAVOR-specific|Invalid FLAVOR`), Kind: effect.Invalid, Hint: "the port has no such flavor"},
	{Pattern: lazyregexp.New(`jail already running: (\S+)|jail currently starting: (\S+)`), Kind: effect.Failed, Hint: "a build of $1 is under way: h.poudriere.status shows it, and h.poudriere.bulk waits for it; left over by a crash, h.poudriere.jail.stop ends it"},
	{Pattern: lazyregexp.New(`failed to acquire (?:\S+ )?lock`), Kind: effect.Failed, Hint: "another poudriere holds the lock: h.poudriere.status shows what runs"},
	{Pattern: lazyregexp.New(`is currently mounted and being used`), Kind: effect.Failed, Hint: "a build uses the tree: wait for it (h.poudriere.status)"},
	{Pattern: lazyregexp.New(`ATOMIC_PACKAGE_REPOSITORY required`), Kind: effect.Failed, Hint: "plan needs ATOMIC_PACKAGE_REPOSITORY=yes, which is the default: h.poudriere.configure{settings = {ATOMIC_PACKAGE_REPOSITORY = \"yes\"}}"},
	{Pattern: lazyregexp.New(`No packages specified`), Kind: effect.Invalid, Hint: "name origins, a file, or all=true"},
	{Pattern: lazyregexp.New(`No such list of packages: (\S+)`), Kind: effect.Missing, Hint: "there is no file $1 on the host"},
	{Pattern: lazyregexp.New(`checksum mismatch`), Kind: effect.Failed, Hint: "what was fetched is not what the release lists: try again, or another freebsd_host"},
	{Pattern: lazyregexp.New(`(?i)empty MANIFEST|MANIFEST: Not Found|fetch checksum file`), Kind: effect.Missing, Hint: "the server has no such release and architecture: check version and arch; releases that ended lie with method ftp-archive"},
	{Pattern: lazyregexp.New(`fetch: .*(?:No address record|Host does not resolve|Name does not resolve|Network is unreachable|Operation timed out|Connection refused)`), Kind: effect.Failed, Hint: "the host does not reach freebsd_host: check the address, /etc/resolv.conf and the way out"},
	{Pattern: lazyregexp.New(`gathering initial ports metadata`), Kind: effect.Failed, Hint: "a port's Makefile cannot be read: the lines above name it"},
	{Pattern: lazyregexp.New(`poudriere: (?:Command )?not found`), Kind: effect.Missing, Hint: `install it: h.pkg.install("poudriere")`},
}, git.Rules)

// explain gives poudriere's failure a kind, a reason and a hint.
func explain(err error) error {
	var e *effect.Error
	if err == nil || !errors.As(err, &e) || e.Code == 0 {
		return err
	}
	known := *e
	known.Out, known.Err = ansi.ReplaceAllString(e.Out, ""), ansi.ReplaceAllString(e.Err, "")
	if said := saysError.FindAllStringSubmatch(known.Err+"\n"+known.Out, -1); said != nil {
		var texts []string
		for _, m := range said {
			texts = append(texts, strings.TrimSpace(m[1]))
		}
		known.Message = "poudriere: " + strings.Join(slices.Compact(texts), "; ")
	}
	explained, matched := effect.Explain(&known, rules)
	if !matched && known.Code == 127 {
		known.Kind, known.Hint = effect.Missing, `install poudriere: h.pkg.install("poudriere")`
		return &known
	}
	return explained
}

// do runs an effect and explains its failure.
func do(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	return res, explain(err)
}

// command is a change that poudriere makes.
func command(op string, args ...string) effect.Effect {
	return effect.Effect{
		Op: op, Kind: effect.Change, Argv: append([]string{"poudriere"}, args...), Env: environment(),
		Reads: needs(),
	}
}

// needs is what every run of poudriere depends on.
func needs() []effect.Resource {
	return []effect.Resource{"pkg:poudriere", effect.File(confPath), effect.Tree(dir)}
}
