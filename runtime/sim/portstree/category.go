package portstree

import (
	"path"
	"slices"
	"strings"
)

// Categories lists SUBDIR of the tree's Makefile.
func (t *Tree) Categories() []string { return t.subdirs("") }

// Origins lists every port that the category Makefiles name, sorted.
func (t *Tree) Origins() []string {
	var out []string
	for _, c := range t.Categories() {
		for _, p := range t.subdirs(c) {
			out = append(out, c+"/"+p)
		}
	}
	slices.Sort(out)
	return out
}

func (t *Tree) subdirs(dir string) []string {
	m := newMakefile(t.FS, path.Join(t.Root, dir))
	if err := m.read(path.Join(t.Root, dir, "Makefile")); err != nil {
		return nil
	}
	return m.words("SUBDIR")
}

// Moved is one line of MOVED.
type Moved struct{ From, To, Date, Why string }

// Moved reads MOVED: what was renamed or removed (To is empty).
func (t *Tree) Moved() []Moved {
	data, err := t.FS.ReadFile(path.Join(t.Root, "MOVED"))
	if err != nil {
		return nil
	}
	var out []Moved
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.Split(line, "|")
		if strings.HasPrefix(line, "#") || len(f) != 4 {
			continue
		}
		out = append(out, Moved{f[0], f[1], f[2], f[3]})
	}
	return out
}
