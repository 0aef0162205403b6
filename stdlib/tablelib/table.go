// Package tablelib adds to Lua's table what prints results.
package tablelib

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Module adds to the global table.
var Module = binding.Module{
	Name:   "table",
	Doc:    "Lua's own table library, with a printer for results.",
	Global: true,
	Funcs: []binding.Func{{
		Name: "format", Call: format,
		Doc:     "Lays rows out as a table of text with a head line. Columns are as wide as they need to be; numbers stand at the right.",
		Raises:  []string{`kind "invalid": a row that is not a table of named values`},
		Example: `print(table.format(h.zpool.list(), { columns = { "name", "size", "health" } }))`,
	}},
}

type formatArgs struct {
	Rows    []any    `lua:"rows,required" doc:"the rows, each a table of named values"`
	Columns []string `lua:"columns" doc:"which names, in which order; all of them by name without it"`
	Head    *bool    `lua:"head" doc:"a first line with the names; on without it"`
}

func format(_ context.Context, a formatArgs) (string, error) {
	rows := make([]map[string]any, len(a.Rows))
	for i, row := range a.Rows {
		named, ok := row.(map[string]any)
		if list, isList := row.([]any); isList && len(list) == 0 {
			named, ok = map[string]any{}, true
		}
		if !ok {
			return "", effect.Errorf(effect.Invalid, "table.format", "rows[%d]: expected a table of named values", i+1)
		}
		rows[i] = named
	}
	columns := a.Columns
	if len(columns) == 0 {
		columns = allNames(rows)
	}
	return Lay(columns, rows, a.Head == nil || *a.Head), nil
}

func allNames(rows []map[string]any) []string {
	names := map[string]bool{}
	for _, row := range rows {
		for name := range row {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Lay lays rows out in columns.
func Lay(columns []string, rows []map[string]any, head bool) string {
	var lines [][]string
	right := make([]bool, len(columns))
	for i := range right {
		right[i] = len(rows) > 0
	}
	if head {
		lines = append(lines, columns)
	}
	for _, row := range rows {
		line := make([]string, len(columns))
		for i, name := range columns {
			line[i] = cell(row[name])
			switch row[name].(type) {
			case float64, int64, nil:
			default:
				right[i] = false
			}
		}
		lines = append(lines, line)
	}
	return align(lines, right)
}

func align(lines [][]string, right []bool) string {
	widths := make([]int, len(right))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for n, line := range lines {
		var row strings.Builder
		for i, text := range line {
			if i > 0 {
				row.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if right[i] {
				row.WriteString(pad + text)
			} else {
				row.WriteString(text + pad)
			}
		}
		if n > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight(row.String(), " "))
	}
	return b.String()
}

// cell is a value on one line.
func cell(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case float64:
		if value == float64(int64(value)) {
			return fmt.Sprint(int64(value))
		}
		return fmt.Sprint(value)
	case []any:
		words := make([]string, len(value))
		for i, item := range value {
			words[i] = cell(item)
		}
		return strings.Join(words, ", ")
	case map[string]any:
		words := make([]string, 0, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) {
			words = append(words, name+"="+cell(value[name]))
		}
		return strings.Join(words, ", ")
	default:
		return strings.NewReplacer("\n", " ", "\t", " ").Replace(fmt.Sprint(value))
	}
}
