// Package optionfile reads and writes the files in which the ports framework keeps
// a port's options.
package optionfile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Options are a port's options by name: on or off.
type Options map[string]bool

var nameForm = lazyregexp.New(`^[A-Z0-9_][A-Z0-9_+]*$`)

// IsName tells whether a text is the name of an option.
func IsName(name string) bool { return nameForm.MatchString(name) }

// Parse reads an options file, of today or as they were until 2013.
func Parse(src []byte) Options {
	found := Options{}
	for line := range strings.Lines(string(src)) {
		line = strings.TrimRight(line, "\r\n")
		for prefix, on := range map[string]bool{"OPTIONS_FILE_SET+=": true, "OPTIONS_FILE_UNSET+=": false} {
			if names, is := strings.CutPrefix(line, prefix); is {
				for _, name := range strings.Fields(names) {
					found[name] = on
				}
			}
		}
		for prefix, on := range map[string]bool{"WITH_": true, "WITHOUT_": false} {
			name, isOld := strings.CutSuffix(line, "=true")
			if name, is := strings.CutPrefix(name, prefix); is && isOld && IsName(name) {
				found[name] = on
			}
		}
	}
	return found
}

// List lists the options that are on, or those that are off.
func (o Options) List(on bool) []string {
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if o[name] == on {
			names = append(names, name)
		}
	}
	return names
}

// Agrees tells whether some are known to be on, and some to be off.
func (o Options) Agrees(on, off []string) bool {
	holds := func(names []string, want bool) bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			is, known := o[name]
			return !known || is != want
		})
	}
	return holds(on, true) && holds(off, false)
}

// Set turns some on and some off.
func (o Options) Set(on, off []string) {
	for _, name := range on {
		o[name] = true
	}
	for _, name := range off {
		o[name] = false
	}
}

// Format is the file of today.
func (o Options) Format(origin string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Options for %s\n", origin)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		variable := "OPTIONS_FILE_UNSET"
		if o[name] {
			variable = "OPTIONS_FILE_SET"
		}
		fmt.Fprintf(&b, "%s+=%s\n", variable, name)
	}
	return b.Bytes()
}

// FormatOld is the file as it was until 2013.
func (o Options) FormatOld(pkg string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Options for %s\n_OPTIONS_READ=%s\n", pkg, pkg)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		prefix := "WITHOUT_"
		if o[name] {
			prefix = "WITH_"
		}
		fmt.Fprintf(&b, "%s%s=true\n", prefix, name)
	}
	return b.Bytes()
}
