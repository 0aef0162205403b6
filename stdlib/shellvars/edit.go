package shellvars

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Change is one wish about a variable.
type Change struct {
	Name   string
	Value  string
	Remove bool
}

// Set wishes that name has value.
func Set(name, value string) Change { return Change{Name: name, Value: value} }

// Unset wishes that name is not assigned.
func Unset(name string) Change { return Change{Name: name, Remove: true} }

// Edit makes a file of shell variables say what changes wish. What is so already
// stays byte for byte; a changed value keeps its place, quoting style and
// comment; a new variable goes to the end. It fails, and changes nothing, where
// an assignment under a condition or an exit would make the result a lie.
func Edit(src []byte, changes []Change) ([]byte, error) {
	out := src
	for _, change := range changes {
		next, err := editOne(out, change)
		if err != nil {
			return nil, err
		}
		out = next
	}
	return out, nil
}

func editOne(src []byte, wish Change) ([]byte, error) {
	if err := checkWish(wish); err != nil {
		return nil, err
	}
	before, err := Parse(src)
	if err != nil {
		return nil, err
	}
	v, known := before.Get(wish.Name)
	if holds(v, known, wish) {
		return src, nil
	}
	if known && v.Conditional {
		return nil, &ConditionalError{Name: wish.Name, Note: v.Note}
	}
	out := rewrite(src, before, wish)
	return out, verify(before, out, wish)
}

// ConditionalError says that a variable is assigned where only running the file
// tells whether that counts.
type ConditionalError struct{ Name, Note string }

func (e *ConditionalError) Error() string {
	return fmt.Sprintf("%s is %s: edit it by hand", e.Name, e.Note)
}

func checkWish(wish Change) error {
	if !nameForm.MatchString(wish.Name) {
		return fmt.Errorf("%q is no name of a shell variable", wish.Name)
	}
	if strings.IndexByte(wish.Value, 0) >= 0 {
		return fmt.Errorf("the value of %s holds a NUL byte, which sh cannot", wish.Name)
	}
	return nil
}

func holds(v Var, known bool, wish Change) bool {
	if wish.Remove {
		return !known
	}
	return known && v.Exact && v.Value == wish.Value
}

// patch replaces a span of the source.
type patch struct {
	span
	text string
}

func rewrite(src []byte, f *File, wish Change) []byte {
	var patches []patch
	last := f.lastPlain(wish.Name)
	for i, a := range f.assignments {
		switch {
		case a.name != wish.Name || a.conditional:
		case i == last && !wish.Remove:
			patches = append(patches, patch{a.value, quote(wish.Value, a.val.style)})
		case wish.Remove || i > last:
			patches = append(patches, patch{removal(src, a), ""})
		}
	}
	out := bytes.Clone(src)
	for _, c := range slices.Backward(patches) {
		out = slices.Concat(out[:c.start], []byte(c.text), out[c.end:])
	}
	if last < 0 && !wish.Remove {
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		out = fmt.Appendf(out, "%s=%s\n", wish.Name, Quote(wish.Value))
	}
	return out
}

// lastPlain is the index of the assignment of a name that wins, or -1.
func (f *File) lastPlain(name string) int {
	last := -1
	for i, a := range f.assignments {
		if a.name == name && !a.conditional && !a.appends {
			last = i
		}
	}
	return last
}

var restOfLine = lazyregexp.New(`^[ \t]*(#[^\n]*)?(\n|$)`)

// removal is what to cut so that an assignment is gone: its whole line with the
// comment behind it where it stands alone, else itself and its separator.
func removal(src []byte, a assignment) span {
	cut := a.whole
	if a.alone {
		cut = a.statement
	}
	lineStart := bytes.LastIndexByte(src[:cut.start], '\n') + 1
	first := len(bytes.TrimLeft(src[lineStart:cut.start], " \t")) == 0
	if rest := restOfLine.Find(src[cut.end:]); a.alone && first && rest != nil {
		return span{lineStart, cut.end + len(rest)}
	}
	for cut.end < len(src) && (src[cut.end] == ' ' || src[cut.end] == '\t') {
		cut.end++
	}
	return cut
}

// verify proves an edit by reading its outcome: the wish holds, and every other
// assignment reads as before.
func verify(before *File, out []byte, wish Change) error {
	after, err := Parse(out)
	if err != nil {
		return fmt.Errorf("%s cannot be edited here: the result would be %w", wish.Name, err)
	}
	v, known := after.Get(wish.Name)
	if !holds(v, known, wish) {
		return fmt.Errorf("%s cannot be edited here: the file would not say so (%s)", wish.Name, v.Note)
	}
	if !slices.Equal(before.others(wish.Name), after.others(wish.Name)) {
		return fmt.Errorf("%s cannot be edited here without touching other variables", wish.Name)
	}
	return nil
}

// others lists the assignments of all names but one.
func (f *File) others(name string) []string {
	var list []string
	for _, a := range f.assignments {
		if a.name != name {
			list = append(list, fmt.Sprintf("%s %q %v %v %v", a.name, a.raw, a.appends, a.conditional, a.exported))
		}
	}
	return list
}

var bareForm = lazyregexp.New(`^[A-Za-z0-9_./:@%+,=-]+$`)

// Quote writes a value for sh in double quotes, as rc.conf has it.
func Quote(value string) string { return `"` + doubleEscapes.Replace(value) + `"` }

// quote writes a value for sh in the style wished, or in double quotes where
// that style cannot hold it.
func quote(value string, s style) string {
	switch {
	case s == bare && bareForm.MatchString(value):
		return value
	case s == single && !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return Quote(value)
}

var doubleEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")
