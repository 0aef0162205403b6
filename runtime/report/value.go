package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// first are the keys that lead a row, in this order; the others follow sorted.
var first = []string{"host", "name", "origin", "pkgname", "version", "status", "phase", "errortype", "reason", "took"}

// keysOf orders the keys of maps for people.
func keysOf(maps ...map[string]any) []string {
	seen := map[string]bool{}
	var keys []string
	for _, m := range maps {
		for k := range m {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	rank := func(k string) int {
		if i := slices.Index(first, k); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return keys
}

// Value prints plain data for people: lists of tables as tables, tables as
// aligned lines.
func Value(w io.Writer, value any, s Style) { writeValue(w, value, "", s) }

func writeValue(w io.Writer, value any, pad string, s Style) {
	switch v := value.(type) {
	case []any:
		writeList(w, v, pad, s)
	case map[string]any:
		writeMap(w, v, pad, s)
	default:
		_, _ = fmt.Fprintln(w, indent(scalar(v), pad))
	}
}

func writeList(w io.Writer, list []any, pad string, s Style) {
	if len(list) == 0 {
		_, _ = fmt.Fprintln(w, pad+s.dim("none"))
		return
	}
	rows := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if row, ok := item.(map[string]any); ok && flat(row) {
			rows = append(rows, row)
		}
	}
	if len(rows) == len(list) && len(rows) > 0 {
		writeRows(w, rows, pad, s)
		return
	}
	for _, item := range list {
		writeValue(w, item, pad, s)
	}
}

// writeRows prints equal-looking tables as one; texts of several lines follow
// below it.
func writeRows(w io.Writer, rows []map[string]any, pad string, s Style) {
	keys := keysOf(rows...)
	long := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !anyMultiline(rows, k) })
	keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(long, k) })
	t := table{right: map[int]bool{}}
	header := make([]string, len(keys))
	for i, k := range keys {
		header[i] = s.bold(strings.ToUpper(k))
		t.right[i] = allNumbers(rows, k)
	}
	t.add(header...)
	for _, row := range rows {
		cells := make([]string, len(keys))
		for i, k := range keys {
			cells[i] = scalar(row[k])
		}
		t.add(cells...)
	}
	t.write(w, pad)
	for _, row := range rows {
		for _, k := range long {
			if text := scalar(row[k]); text != "" {
				_, _ = fmt.Fprintf(w, "%s%s of %s:\n%s\n", pad, k, scalar(row[keys[0]]), indent(text, pad+"  | "))
			}
		}
	}
}

func writeMap(w io.Writer, m map[string]any, pad string, s Style) {
	keys := keysOf(m)
	t := table{}
	for _, k := range keys {
		if text, ok := inline(m[k]); ok {
			t.add(s.bold(k), text)
		}
	}
	t.write(w, pad)
	for _, k := range keys {
		if _, ok := inline(m[k]); !ok {
			_, _ = fmt.Fprintln(w, pad+s.bold(k))
			writeValue(w, m[k], pad+"  ", s)
		}
	}
}

// inline gives a value that fits behind its key on one line.
func inline(value any) (string, bool) {
	switch v := value.(type) {
	case []any:
		if len(v) == 0 {
			return "none", true
		}
		words := make([]string, len(v))
		for i, item := range v {
			if !isScalar(item) {
				return "", false
			}
			words[i] = scalar(item)
		}
		text := strings.Join(words, " ")
		return text, len(text) <= 70 && !strings.Contains(text, "\n")
	case map[string]any:
		return "none", len(v) == 0
	default:
		text := scalar(v)
		return text, !strings.Contains(text, "\n")
	}
}

func isScalar(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

// flat tells whether a table has values that fit a cell.
func flat(m map[string]any) bool {
	for _, v := range m {
		if !isScalar(v) {
			if _, ok := inline(v); !ok {
				return false
			}
		}
	}
	return len(m) > 0
}

func anyMultiline(rows []map[string]any, key string) bool {
	return slices.ContainsFunc(rows, func(row map[string]any) bool { return strings.Contains(scalar(row[key]), "\n") })
}

func allNumbers(rows []map[string]any, key string) bool {
	return !slices.ContainsFunc(rows, func(row map[string]any) bool {
		switch row[key].(type) {
		case nil, int64, float64:
			return false
		}
		return true
	})
}

// scalar prints one value.
func scalar(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return printable(strings.TrimRight(v, "\n"))
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any, map[string]any:
		text, _ := inline(v)
		return text
	default:
		return printable(fmt.Sprint(v))
	}
}

// Duration prints seconds as people say them: 0.3s, 12s, 4m05s, 2h03m.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
