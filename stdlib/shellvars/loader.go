package shellvars

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// loaderLine is NAME="value" or NAME=value, loader.conf(5): one line each, with
// no expansion and no escapes.
var loaderLine = lazyregexp.New(`^\s*([A-Za-z0-9_.%:-]+)\s*=\s*(?:"([^"]*)"|([^"\s#]*))\s*(?:#.*)?$`)

var loaderName = lazyregexp.New(`^[A-Za-z0-9_.%:-]+$`)

// ParseLoader reads a file such as loader.conf.
func ParseLoader(src []byte) (*File, error) {
	if bytes.IndexByte(src, 0) >= 0 {
		return nil, fmt.Errorf("holds a NUL byte: not a text file")
	}
	f := &File{index: map[string]int{}}
	start := 0
	for n, line := range bytes.SplitAfter(src, []byte("\n")) {
		f.loaderLine(line, start, n+1)
		start += len(line)
	}
	return f, nil
}

// loaderLine notes the assignment that a line holds, if any; the loader skips
// what it does not understand.
func (f *File) loaderLine(line []byte, start, number int) {
	m := loaderLine.FindSubmatchIndex(bytes.TrimRight(line, "\r\n"))
	if m == nil {
		return
	}
	val, text := span{m[4] - 1, m[5] + 1}, span{m[4], m[5]}
	if m[4] < 0 {
		val = span{m[6], m[7]}
		text = val
	}
	a := assignment{
		name: string(line[m[2]:m[3]]), line: number, alone: true,
		whole:     span{start, start + len(line)},
		statement: span{start, start + len(line)},
		value:     span{start + val.start, start + val.end},
		raw:       string(line[val.start:val.end]),
	}
	v := Var{Name: a.name, Value: string(line[text.start:text.end]), Exact: true, Line: number}
	f.assignments = append(f.assignments, a)
	if i, known := f.index[a.name]; known {
		f.Vars[i] = v
		return
	}
	f.index[a.name] = len(f.Vars)
	f.Vars = append(f.Vars, v)
}

// EditLoader makes a file such as loader.conf say what changes wish, under the
// rules of Edit.
func EditLoader(src []byte, changes []Change) ([]byte, error) {
	out := src
	for _, wish := range changes {
		if err := checkLoaderWish(wish); err != nil {
			return nil, err
		}
		before, err := ParseLoader(out)
		if err != nil {
			return nil, err
		}
		if v, known := before.Get(wish.Name); !holds(v, known, wish) {
			out = rewriteLoader(out, before, wish)
		}
	}
	return out, nil
}

func checkLoaderWish(wish Change) error {
	if !loaderName.MatchString(wish.Name) {
		return fmt.Errorf("%q is no name of a loader variable", wish.Name)
	}
	for _, c := range []byte(wish.Value) {
		if c == '"' || c < ' ' || c >= 0x7f {
			return fmt.Errorf("the value of %s holds %q, which loader.conf cannot", wish.Name, c)
		}
	}
	return nil
}

func rewriteLoader(src []byte, f *File, wish Change) []byte {
	out := bytes.Clone(src)
	last := f.lastPlain(wish.Name)
	for i, a := range slices.Backward(f.assignments) {
		switch {
		case a.name != wish.Name:
		case wish.Remove:
			out = slices.Delete(out, a.whole.start, a.whole.end)
		case i == last:
			out = slices.Concat(out[:a.value.start], []byte(`"`+wish.Value+`"`), out[a.value.end:])
		}
	}
	if last < 0 && !wish.Remove {
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		out = fmt.Appendf(out, "%s=\"%s\"\n", wish.Name, wish.Value)
	}
	return out
}

// Format tells which rules a file follows.
type Format string

// The formats.
const (
	Shell  Format = "sh"
	Loader Format = "loader"
)

// FormatOf knows loader.conf(5) files by their place and name.
func FormatOf(path string) Format {
	base := path[strings.LastIndexByte(path, '/')+1:]
	if base == "loader.conf" || base == "loader.conf.local" || strings.Contains(path, "/loader.conf.d/") {
		return Loader
	}
	return Shell
}

// ValidName tells whether a variable may have this name.
func (f Format) ValidName(name string) bool {
	if f == Loader {
		return loaderName.MatchString(name)
	}
	return nameForm.MatchString(name)
}

// Parse reads src by the format's rules.
func (f Format) Parse(src []byte) (*File, error) {
	if f == Loader {
		return ParseLoader(src)
	}
	return Parse(src)
}

// Edit edits src by the format's rules.
func (f Format) Edit(src []byte, changes []Change) ([]byte, error) {
	if f == Loader {
		return EditLoader(src, changes)
	}
	return Edit(src, changes)
}
