package portshaker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// ConflictsArgs choose a target.
type ConflictsArgs struct {
	Target string `lua:"target,pos" doc:"only this target; default: all"`
}

// Conflicts looks for ports that two sources of a target provide in the same
// version with different files. It compares what is fetched, and merges
// nothing. Versions are read from the Makefiles' own assignments; a port whose
// Makefile takes its version from elsewhere is compared by these as well.
func Conflicts(ctx context.Context, h effect.Doer, a ConflictsArgs) ([]Conflict, error) {
	const op = "portshaker.conflicts"
	conflicts := []Conflict{}
	c, err := needConf(ctx, h, op)
	if err != nil {
		return nil, err
	}
	names := c.list("ports_trees")
	if a.Target != "" {
		names = []string{a.Target}
	}
	for _, name := range names {
		t, err := c.named(op, name)
		if err != nil {
			return nil, err
		}
		found, err := c.conflictsOf(ctx, h, op, t)
		if err != nil {
			return nil, err
		}
		conflicts = append(conflicts, found...)
	}
	return conflicts, nil
}

// compareSources prints for every port that the last tree shares with an
// earlier one: the port, each file that differs, and the lines of both
// Makefiles that make up the version. Of several earlier trees the last that
// has the port counts, as its files are in the target then.
const compareSources = `LC_ALL=C
export LC_ALL
new=$1
shift
cd "$new" || exit 1
for makefile in */*/Makefile; do
	[ -f "$makefile" ] || continue
	port=${makefile%/Makefile}
	old=
	for tree in "$@"; do
		if [ -f "$tree/$makefile" ]; then old=$tree; fi
	done
	[ -n "$old" ] || continue
	echo "port $port"
	find "$port" -type f | sort | while read -r name; do
		cmp -s "$name" "$old/$name" || echo "file ${name#"$port"/}"
	done
	sed -n 's/^/new /p' "$makefile"
	sed -n 's/^/old /p' "$old/$makefile"
done`

func (c conf) conflictsOf(ctx context.Context, h effect.Doer, op string, t Target) ([]Conflict, error) {
	var conflicts []Conflict
	for i := 1; i < len(t.MergeFrom); i++ {
		source := bare(t.MergeFrom[i])
		if source != t.MergeFrom[i] {
			continue // it wins by its suffix
		}
		argv := []string{"sh", "-c", compareSources, "sh", c.cache(source)}
		reads := []effect.Resource{effect.Tree(c.cache(source))}
		for _, earlier := range t.MergeFrom[:i] {
			argv = append(argv, c.cache(bare(earlier)))
			reads = append(reads, effect.Tree(c.cache(bare(earlier))))
		}
		res, err := do(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Title: "compare the ports of " + source, Argv: argv, Reads: reads}, "compare "+source)
		if err != nil {
			return nil, err
		}
		out, err := res.Output()
		if err != nil {
			return nil, err
		}
		found, err := parseComparison(out)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			f.Source, f.Target = source, t.Path
			conflicts = append(conflicts, f)
		}
	}
	return conflicts, nil
}

// compared is one port of both trees.
type compared struct {
	origin   string
	files    []string
	new, old []string // lines of the Makefiles
}

// parseComparison keeps the ports whose versions are equal and whose files are
// not.
func parseComparison(out []byte) ([]Conflict, error) {
	var conflicts []Conflict
	port := &compared{}
	finish := func() {
		if len(port.files) > 0 && versionOf(port.new) == versionOf(port.old) {
			conflicts = append(conflicts, Conflict{Origin: port.origin, Files: port.files})
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, effect.MaxText)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		switch key {
		case "port":
			finish()
			port = &compared{origin: value}
		case "file":
			port.files = append(port.files, value)
		case "new":
			port.new = append(port.new, value)
		case "old":
			port.old = append(port.old, value)
		default:
			return nil, fmt.Errorf("comparison of sources: not understood: %q", lines.Text())
		}
	}
	finish()
	return conflicts, lines.Err()
}

var (
	makeAssignment = lazyregexp.New(`^([A-Z_][A-Z0-9_]*)[ \t]*(\??)=[ \t]*(.*?)[ \t]*(?:#.*)?$`)
	makeVariable   = lazyregexp.New(`\$\{([A-Z_][A-Z0-9_]*)\}|\$\(([A-Z_][A-Z0-9_]*)\)`)
)

// versionOf is the version that a Makefile states, as the ports framework puts
// it together: version_revision,epoch.
func versionOf(makefile []string) string {
	values := map[string]string{}
	for _, row := range makefile {
		m := makeAssignment.FindStringSubmatch(row)
		if m == nil {
			continue
		}
		if _, set := values[m[1]]; m[2] == "?" && set {
			continue
		}
		values[m[1]] = m[3]
	}
	version := expand(values, "${PORTVERSION}", 0)
	if version == "" {
		version = expand(values, "${DISTVERSIONPREFIX}${DISTVERSION}${DISTVERSIONSUFFIX}", 0)
	}
	for _, part := range []struct{ name, separator string }{{"PORTREVISION", "_"}, {"PORTEPOCH", ","}} {
		if value := expand(values, "${"+part.name+"}", 0); value != "" && value != "0" {
			version += part.separator + value
		}
	}
	return version
}

// expand replaces variables, as deep as a sane Makefile nests them.
func expand(values map[string]string, text string, depth int) string {
	const deepest = 8
	if depth > deepest || len(text) > 1<<10 {
		return text
	}
	return makeVariable.ReplaceAllStringFunc(text, func(reference string) string {
		return expand(values, values[reference[2:len(reference)-1]], depth+1)
	})
}
