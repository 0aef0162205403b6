package pkg

import (
	"regexp"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const (
	hintLock  = "another pkg is at work; try again when it has ended: retry(...), or look at ps -axo pid,command"
	hintSpace = "free space first: h.pkg.clean{all=true} empties the package cache"
	hintOlder = "h.ports.install and h.ports.deinstall work with the tools before pkg(8)"
	hintNet   = "check the network and the address in h.pkg.repo.list(); releases past their end of life have no repository any more"
)

// rules tell what the texts of pkg(8) mean and what to do about them.
var rules = []effect.Rule{
	{Pattern: text("not yet installed on your system", "pkg is not installed"), Kind: effect.Missing, Hint: "pkg itself is not installed: h.pkg.bootstrap() does it"},
	{Pattern: text("pkg: not found", "pkg: command not found", "pkg: Command not found"), Kind: effect.Missing, Hint: "this host has no pkg(8), which FreeBSD has since 9.1; " + hintOlder},
	{Pattern: text("No packages available to install matching"), Kind: effect.Missing, Hint: "look for its name with h.pkg.search; h.pkg.update() refreshes the catalogue"},
	{Pattern: text("No package(s) matching", "No packages matching", "No package(s) found"), Kind: effect.Missing},
	{Pattern: text("advisory lock", "exclusive lock", "locked by another process"), Kind: effect.Failed, Hint: hintLock},
	{Pattern: text("Insufficient privilege"), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\")"},
	{Pattern: text("No space left on device", "filesystem full", "Not enough space"), Kind: effect.Failed, Hint: hintSpace},
	{Pattern: text("wrong ABI", "Shared object"), Kind: effect.Failed, Hint: "pkg and its packages are for another release: pkg-static bootstrap -f, then pkg-static upgrade -f"},
	{Pattern: text("Newer FreeBSD version"), Kind: effect.Failed, Hint: "the repository has packages of a newer release: upgrade the system first"},
	{Pattern: text("is locked and may not"), Kind: effect.Failed, Hint: "h.pkg.unlock lets it be changed"},
	{Pattern: text("'pkg update' required", "Try running 'pkg update' first"), Kind: effect.Failed, Hint: "h.pkg.update() fetches the catalogue"},
	{Pattern: text("Unable to update repository", "Error updating repositories", "A pre-built version of pkg could not be found", "No address record"), Kind: effect.Failed, Hint: hintNet},
}

// text is an expression for any of several literal texts.
func text(any ...string) *lazyregexp.Regexp {
	for i, s := range any {
		any[i] = regexp.QuoteMeta(s)
	}
	return lazyregexp.New(strings.Join(any, "|"))
}

// explain adds to a failure of pkg what its texts mean.
func explain(err error) error {
	err, _ = effect.Explain(err, rules)
	return err
}

// notInstalled tells whether the stub in /usr/sbin answered, pkg(7).
func notInstalled(said string) bool { return rules[0].Pattern.MatchString(said) }
