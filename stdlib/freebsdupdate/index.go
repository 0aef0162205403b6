package freebsdupdate

import (
	"fmt"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// entry is a file of a release, as its index has it.
type entry struct {
	component string // world/base; empty in the tool's own INDEX-OLD and INDEX-NEW
	path      string
	kind      string // f, d, L or -
	hash      string // of a file; of a link the target
	link      string // path that a file is a hard link to
}

var hashForm = lazyregexp.New(`^[0-9a-f]{64}$`)

// parseIndex reads an index of a release: component|part|path|type|owner|group|
// mode|flags|hash|link.
func parseIndex(text string) ([]entry, error) {
	return parseIndexLines(text, 2)
}

// parseManifest reads INDEX-OLD or INDEX-NEW, which have no components.
func parseManifest(text string) ([]entry, error) {
	return parseIndexLines(text, 0)
}

func parseIndexLines(text string, before int) ([]entry, error) {
	var list []entry
	n := 0
	for line := range strings.Lines(text) {
		n++
		fields := strings.Split(strings.TrimRight(line, "\n"), "|")
		if len(fields) != before+8 {
			return nil, fmt.Errorf("line %d of the index has %d fields, not %d", n, len(fields), before+8)
		}
		e := entry{component: strings.Join(fields[:before], "/")}
		fields = fields[before:]
		e.path, e.kind, e.hash, e.link = cleanDirectory(fields[0]), fields[1], fields[6], fields[7]
		switch {
		case !strings.HasPrefix(fields[0], "/"):
			return nil, fmt.Errorf("line %d of the index: %q is no absolute path", n, fields[0])
		case e.kind != "f" && e.kind != "d" && e.kind != "L" && e.kind != "-":
			return nil, fmt.Errorf("line %d of the index: unknown type %q", n, e.kind)
		case e.kind == "f" && !hashForm.MatchString(e.hash):
			return nil, fmt.Errorf("line %d of the index: %q is no SHA-256", n, e.hash)
		}
		list = append(list, e)
	}
	return list, nil
}

// cleanDirectory removes the slash that some indexes put behind a directory.
func cleanDirectory(path string) string {
	if len(path) > 1 {
		return strings.TrimSuffix(path, "/")
	}
	return path
}

// filesOf are the contents that an index has for each path, in its order: a
// file that was patched has several.
func filesOf(entries []entry, components []string) map[string][]string {
	files := map[string][]string{}
	for _, e := range entries {
		if e.kind == "f" && within(e.component, components) {
			files[e.path] = append(files[e.path], e.hash)
		}
	}
	return files
}

// within tells whether a component belongs to those named, where world names
// all of world/base, world/doc and so on.
func within(component string, named []string) bool {
	for _, name := range named {
		if component == name || strings.HasPrefix(component, name+"/") {
			return true
		}
	}
	return false
}

// indexHash finds the file with an index in tINDEX.present, where the tool notes
// what metadata it has.
func indexHash(present, name string) (string, bool) {
	for line := range strings.Lines(present) {
		key, hash, _ := strings.Cut(strings.TrimRight(line, "\n"), "|")
		if key == name && hashForm.MatchString(hash) {
			return hash, true
		}
	}
	return "", false
}
