package file

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// text is a file as lines, with the line end that it uses throughout.
type text struct {
	lines []string // without line ends
	end   string   // "\n" or "\r\n"
}

func parseText(src []byte) text {
	t := text{end: "\n"}
	if n := bytes.Count(src, []byte("\n")); n > 0 && n == bytes.Count(src, []byte("\r\n")) {
		t.end = "\r\n"
	}
	if len(src) == 0 {
		return t
	}
	t.lines = strings.Split(strings.TrimSuffix(string(src), "\n"), "\n")
	if t.end == "\r\n" {
		for i, line := range t.lines {
			t.lines[i] = strings.TrimSuffix(line, "\r")
		}
	}
	return t
}

// bytes writes the lines; the file's last line is closed.
func (t text) bytes() []byte {
	var b bytes.Buffer
	for _, line := range t.lines {
		b.WriteString(line + t.end)
	}
	return b.Bytes()
}

// Anchor tells where new lines go: behind the last line that matches After, or
// before the first that matches Before; without either, to the end.
type Anchor struct{ After, Before *regexp.Regexp }

// place is the index at which new lines are inserted.
func (a Anchor) place(lines []string) (int, error) {
	switch {
	case a.After != nil:
		for i, line := range slices.Backward(lines) {
			if a.After.MatchString(line) {
				return i + 1, nil
			}
		}
		return 0, fmt.Errorf("no line matches after = %q", a.After)
	case a.Before != nil:
		for i, line := range lines {
			if a.Before.MatchString(line) {
				return i, nil
			}
		}
		return 0, fmt.Errorf("no line matches before = %q", a.Before)
	default:
		return len(lines), nil
	}
}

// EnsureLines makes every one of lines a line of src. A line that is there
// already, anywhere, stays where it is. With match, the last line that matches
// it is replaced by the first missing line; the others, in their order, go to
// the anchor.
func EnsureLines(src []byte, lines []string, match *regexp.Regexp, at Anchor) ([]byte, error) {
	t := parseText(src)
	var missing []string
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n") {
			return nil, fmt.Errorf("%q is more than one line", line)
		}
		if !slices.Contains(t.lines, line) && !slices.Contains(missing, line) {
			missing = append(missing, line)
		}
	}
	if len(missing) == 0 {
		return src, nil
	}
	if i := lastMatch(t.lines, match); i >= 0 {
		t.lines[i] = missing[0]
		missing = missing[1:]
	}
	if len(missing) > 0 {
		i, err := at.place(t.lines)
		if err != nil {
			return nil, err
		}
		t.lines = slices.Insert(t.lines, i, missing...)
	}
	return t.bytes(), nil
}

func lastMatch(lines []string, match *regexp.Regexp) int {
	if match == nil {
		return -1
	}
	for i, line := range slices.Backward(lines) {
		if match.MatchString(line) {
			return i
		}
	}
	return -1
}

// RemoveLines drops every line that is one of lines or matches match.
func RemoveLines(src []byte, lines []string, match *regexp.Regexp) []byte {
	t := parseText(src)
	kept := slices.DeleteFunc(slices.Clone(t.lines), func(line string) bool {
		return slices.Contains(lines, line) || match != nil && match.MatchString(line)
	})
	if len(kept) == len(t.lines) {
		return src
	}
	t.lines = kept
	return t.bytes()
}

// Block is a run of lines between two marker lines.
type Block struct {
	Name    string // tells blocks of one file apart
	Comment string // what starts a comment: "#"
	Content string // empty: the block and its markers go
}

func (b Block) marker(edge string) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s bsdrun %s", b.Comment, edge, b.Name))
}

// EnsureBlock makes b the block of its name in src. A block that is there is
// replaced in place; a new one goes to the anchor.
func EnsureBlock(src []byte, b Block, at Anchor) ([]byte, error) {
	t := parseText(src)
	first, last, err := b.find(t.lines)
	if err != nil {
		return nil, err
	}
	var lines []string
	if b.Content != "" {
		lines = slices.Concat([]string{b.marker("BEGIN")}, parseText([]byte(b.Content)).lines, []string{b.marker("END")})
	}
	switch {
	case first >= 0:
		if slices.Equal(t.lines[first:last+1], lines) {
			return src, nil
		}
		t.lines = slices.Replace(t.lines, first, last+1, lines...)
	case len(lines) == 0:
		return src, nil
	default:
		i, err := at.place(t.lines)
		if err != nil {
			return nil, err
		}
		t.lines = slices.Insert(t.lines, i, lines...)
	}
	return t.bytes(), nil
}

// find is where the block's markers are; -1 when it is absent.
func (b Block) find(lines []string) (first, last int, err error) {
	first, last = -1, -1
	for i, line := range lines {
		switch line {
		case b.marker("BEGIN"):
			if first >= 0 {
				return 0, 0, fmt.Errorf("line %d begins the block %q a second time", i+1, b.Name)
			}
			first = i
		case b.marker("END"):
			if first < 0 || last >= 0 {
				return 0, 0, fmt.Errorf("line %d ends a block %q that has not begun", i+1, b.Name)
			}
			last = i
		}
	}
	if first >= 0 && last < 0 {
		return 0, 0, fmt.Errorf("the block %q, begun on line %d, has no end", b.Name, first+1)
	}
	for _, line := range parseText([]byte(b.Content)).lines {
		if line == b.marker("BEGIN") || line == b.marker("END") {
			return 0, 0, fmt.Errorf("the content holds the block's own marker %q", line)
		}
	}
	return first, last, nil
}

// Replacement is a search and replace within a region of a file.
type Replacement struct {
	Pattern *regexp.Regexp
	With    string // $1 and ${name} stand for groups, unless Literal
	Literal bool
	After   *regexp.Regexp // the region begins behind its first match
	Before  *regexp.Regexp // the region ends before its first match in it
}

// Replace rewrites every match of the pattern in the region.
func Replace(src []byte, r Replacement) ([]byte, error) {
	start, end := 0, len(src)
	if r.After != nil {
		m := r.After.FindIndex(src)
		if m == nil {
			return nil, fmt.Errorf("nothing matches after = %q", r.After)
		}
		start = m[1]
	}
	if r.Before != nil {
		m := r.Before.FindIndex(src[start:])
		if m == nil {
			return nil, fmt.Errorf("nothing matches before = %q", r.Before)
		}
		end = start + m[0]
	}
	region := src[start:end]
	if r.Literal {
		region = r.Pattern.ReplaceAllLiteral(region, []byte(r.With))
	} else {
		region = r.Pattern.ReplaceAll(region, []byte(r.With))
	}
	return slices.Concat(src[:start], region, src[end:]), nil
}
