package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table lays cells out in columns, two blanks apart. Cells may carry colour.
type table struct {
	rows  [][]string
	right map[int]bool // columns aligned to the right
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the rows behind an indent.
func (t *table) write(w io.Writer, indent string) {
	for _, line := range t.lines() {
		_, _ = fmt.Fprintln(w, indent+strings.TrimRight(line, " "))
	}
}

// lines are the rows, all of one width.
func (t *table) lines() []string {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	lines := make([]string, len(t.rows))
	for n, row := range t.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-width(cell))
			if t.right[i] {
				cells[i] = pad + cell
			} else {
				cells[i] = cell + pad
			}
		}
		lines[n] = strings.Join(cells, "  ")
	}
	return lines
}

// width counts the characters of a cell, without colour sequences.
func width(cell string) int {
	n := utf8.RuneCountInString(cell)
	for {
		start := strings.Index(cell, "\x1b[")
		if start < 0 {
			return n
		}
		end := strings.IndexByte(cell[start:], 'm')
		if end < 0 {
			return n
		}
		n -= end + 1
		cell = cell[start+end+1:]
	}
}
