package base

import (
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
)

// gnuSays are GNU's words for the messages of FreeBSD's commands.
var gnuSays = map[string]string{
	"illegal line count -- %s":                           "invalid number of lines: '%s'",
	"illegal byte count -- %s":                           "invalid number of bytes: '%s'",
	"%s: is a directory":                                 "cannot remove '%s': Is a directory",
	"%s is a directory (not copied).":                    "-r not specified; omitting directory '%s'",
	"%s and %s are identical (not copied).":              "'%[2]s' and '%[1]s' are the same file",
	"invalid size argument `%s'":                         "Invalid number: '%s'",
	"%s: illegal user name":                              "invalid user: '%s'",
	"%s: illegal group name":                             "invalid group: '%s'",
	"%s: no such user":                                   "'%s': no such user",
	"can't stat: %s: %s":                                 "%s: %s",
	"Error opening archive: Failed to open '%s'":         "%s: Cannot open: No such file or directory\ntar: Error is not recoverable: exiting now",
	"Error opening archive: Unrecognized archive format": "This does not look like a tar archive\ntar: Exiting with failure status due to previous errors",
	"%s: illegal numeric value":                          "invalid number: '%s'",
	"invalid file mode: %s":                              "invalid mode: '%s'\nTry 'chmod --help' for more information.",
	"Error exit delayed from previous errors.":           "Exiting with failure status due to previous errors",
	"%s: Cannot stat: %s":                                "%s: Cannot stat: %s",
}

// gnuMissing is what GNU's programs say when operands are missing.
var gnuMissing = map[string]string{
	"cp": "missing file operand", "mv": "missing file operand", "truncate": "you must specify either '--size' or '--reference'",
	"cut": "you must specify a list of bytes, characters, or fields",
}

// missing says what a wrong call lacks, where GNU's programs do.
func (o *options) missing(p *sim.Proc) {
	name := progname(p)
	switch words := gnuMissing[name]; {
	case words != "" && len(o.args) == 0:
		warnx(p, "%s", words)
	case isOneOf(name, "cp", "mv") && len(o.args) == 1:
		warnx(p, "missing destination file operand after '%s'", o.args[0])
	case len(o.args) == 0 && isOneOf(name, "rm", "rmdir", "mkdir", "touch", "ln", "chmod", "chown", "chgrp", "install", "basename", "dirname", "mkfifo", "unlink", "nohup", "timeout", "split", "expr"):
		if isOneOf(name, "touch", "ln", "install") {
			warnx(p, "missing file operand")
		} else if name != "timeout" {
			warnx(p, "missing operand")
		}
	}
}

// gnuName is a name as the program's messages show it.
func gnuName(p *sim.Proc, what string) string {
	if !linux(p) {
		return what
	}
	for _, call := range []string{"mkstemp failed on ", "mkdtemp failed on "} {
		if name, ok := strings.CutPrefix(what, call); ok {
			return fmt.Sprintf("failed to create %s via template '%s'", map[bool]string{true: "directory", false: "file"}[call[2] == 'd'], name)
		}
	}
	words := gnuWords[progname(p)]
	if progname(p) == "ln" {
		words = "failed to create hard link '%s'"
		if slices.ContainsFunc(p.Args[1:], func(a string) bool {
			return len(a) > 1 && a[0] == '-' && (a[1] != '-' && strings.Contains(a, "s") || a == "--symbolic")
		}) {
			words = "failed to create symbolic link '%s'"
		}
	}
	if words == "" {
		return what
	}
	return fmt.Sprintf(words, what)
}
