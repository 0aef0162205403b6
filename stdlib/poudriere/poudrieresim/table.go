package poudrieresim

import (
	"slices"
	"strings"
)

// table prints rows as display_output does: cells left-aligned and padded to the
// longest of their column, the last one not padded.
type table struct {
	header []string
	rows   [][]string
	right  map[int]bool // columns of numbers
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// sort orders the rows by columns.
func (t *table) sort(columns ...int) {
	slices.SortStableFunc(t.rows, func(a, b []string) int {
		for _, c := range columns {
			if d := strings.Compare(a[c], b[c]); d != 0 {
				return d
			}
		}
		return 0
	})
}

func (t *table) print(c *command, quiet bool) {
	rows := t.rows
	if !quiet {
		rows = append([][]string{t.header}, rows...)
	}
	width := make([]int, len(t.header))
	for _, r := range append([][]string{t.header}, t.rows...) {
		for i, cell := range r {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", width[i]-len(cell))
			switch {
			case t.right[i]:
				b.WriteString(pad + cell)
			case i == len(r)-1:
				b.WriteString(cell)
			default:
				b.WriteString(cell + pad)
			}
			if i < len(r)-1 {
				b.WriteByte(' ')
			}
		}
		c.p.Printf("%s\n", b.String())
	}
}
