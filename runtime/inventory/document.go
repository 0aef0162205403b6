package inventory

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"bsdrun/runtime/effect"
)

// document is a file as plain data, and where in it each value stands.
type document struct {
	name string
	data any
	at   map[string]place // by the path of the value, see pathOf
}

// place is a position in a file; zero where the format tells none.
type place struct{ line, column int }

func (p place) in(file string) string {
	switch {
	case p.line == 0:
		return file
	case p.column == 0:
		return fmt.Sprintf("%s:%d", file, p.line)
	}
	return fmt.Sprintf("%s:%d:%d", file, p.line, p.column)
}

func pathOf(words ...string) string { return strings.Join(words, "\x00") }

// where is the place of a value, or of the nearest one around it.
func (d *document) where(words ...string) string {
	for ; len(words) > 0; words = words[:len(words)-1] {
		if p, ok := d.at[pathOf(words...)]; ok {
			return p.in(d.name)
		}
	}
	return d.name
}

// readTOML reads a TOML file.
func readTOML(name string, text []byte) (*document, error) {
	d := &document{name: name, at: map[string]place{}}
	var data map[string]any
	if err := toml.Unmarshal(text, &data); err != nil {
		var decoding *toml.DecodeError
		if errors.As(err, &decoding) {
			line, column := decoding.Position()
			return nil, invalid("%s: %s", place{line, column}.in(name), strings.TrimPrefix(decoding.Error(), "toml: "))
		}
		return nil, invalid("%s: %s", name, strings.TrimPrefix(err.Error(), "toml: "))
	}
	d.data = plainTOML(data)
	var p unstable.Parser
	p.Reset(text)
	lines := newLines(text)
	var table []string
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = d.noteKey(lines, nil, e.Key())
		case unstable.KeyValue:
			d.noteValue(&p, lines, d.noteKey(lines, table, e.Key()), e.Value())
		}
	}
	return d, nil
}

// noteKey notes where the parts of a key stand, and gives its path.
func (d *document) noteKey(lines lines, below []string, key unstable.Iterator) []string {
	path := append([]string(nil), below...)
	for key.Next() {
		path = append(path, string(key.Node().Data))
		if _, known := d.at[pathOf(path...)]; !known {
			d.at[pathOf(path...)] = lines.place(int(key.Node().Raw.Offset))
		}
	}
	return path
}

// noteValue notes where the elements of arrays and inline tables stand.
func (d *document) noteValue(p *unstable.Parser, lines lines, path []string, value *unstable.Node) {
	children := value.Children()
	switch value.Kind {
	case unstable.Array:
		for i := 0; children.Next(); {
			child := children.Node()
			if child.Kind == unstable.Comment {
				continue
			}
			element := append(append([]string(nil), path...), fmt.Sprint(i))
			if child.Raw.Length > 0 {
				d.at[pathOf(element...)] = lines.place(int(child.Raw.Offset))
			}
			d.noteValue(p, lines, element, child)
			i++
		}
	case unstable.InlineTable:
		for children.Next() {
			if child := children.Node(); child.Kind == unstable.KeyValue {
				d.noteValue(p, lines, d.noteKey(lines, path, child.Key()), child.Value())
			}
		}
	}
}

// lines are the offsets at which the lines of a text begin.
type lines []int

func newLines(text []byte) lines {
	begins := lines{0}
	for i, c := range text {
		if c == '\n' {
			begins = append(begins, i+1)
		}
	}
	return begins
}

func (l lines) place(offset int) place {
	low, high := 0, len(l)
	for high-low > 1 {
		if middle := (low + high) / 2; l[middle] <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return place{low + 1, offset - l[low] + 1}
}

// plainTOML turns times into text, as variables are plain data.
func plainTOML(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = plainTOML(v[key])
		}
		return v
	case []any:
		for i := range v {
			v[i] = plainTOML(v[i])
		}
		return v
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		return fmt.Sprint(v)
	default:
		return v
	}
}

// invalid is a mistake in an inventory or in what selects from it.
func invalid(format string, args ...any) error {
	return effect.Errorf(effect.Usage, "inventory", format, args...)
}
