package git

import (
	"path"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

func invalid(op, format string, args ...any) error {
	return effect.Errorf(effect.Invalid, op, format, args...)
}

func checkDir(op, dir string) error {
	if !path.IsAbs(dir) || path.Clean(dir) == "/" {
		return invalid(op, "the directory %q is not an absolute path below /", dir)
	}
	return nil
}

func checkURI(op, uri string) error {
	if uri == "" || strings.HasPrefix(uri, "-") || strings.ContainsAny(uri, "\n\x00") {
		return invalid(op, "%q is not the address of a repository", uri)
	}
	return nil
}

// badName are the sequences that git-check-ref-format(1) forbids.
var badName = lazyregexp.New(`^-|^/|/$|//|\.\.|@\{|\.lock$|\.lock/|^\.|/\.|\.$|[\x00-\x20~^:?*\[\\\x7f]`)

func checkName(op, what, name string) error {
	if name == "" || name == "@" || badName.MatchString(name) {
		return invalid(op, "%q is not the name of a %s", name, what)
	}
	return nil
}

var fullHash = lazyregexp.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func checkHash(op, revision string) error {
	if !fullHash.MatchString(revision) {
		return invalid(op, "the revision %q is not a whole commit id (40 or 64 hexadecimal digits)", revision)
	}
	return nil
}

// checkRevision accepts whatever names a commit but is no option.
func checkRevision(op, revision string) error {
	if revision == "" || strings.HasPrefix(revision, "-") || strings.ContainsAny(revision, " \t\n\x00") {
		return invalid(op, "%q does not name a revision", revision)
	}
	return nil
}
