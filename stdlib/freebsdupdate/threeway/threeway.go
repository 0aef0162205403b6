// Package threeway merges texts line by line, as diff3(1) does, and accounts
// by name. It knows nothing of hosts.
package threeway

import "strings"

// Conflict is a place where both sides changed the same lines of the old text,
// in different ways.
type Conflict struct {
	Line            int // where it begins in the local text, from 1
	Local, Old, New string
}

// Side names one of the two texts that are merged.
type Side int

// The sides of a conflict.
const (
	Local Side = iota
	New
)

// part is a piece of the result: text that is settled, or a conflict.
type part struct {
	text     string
	conflict *Conflict
}

// Merged is the outcome of a merge, its conflicts still open.
type Merged struct{ parts []part }

// Merge brings what changed between old and fresh into local. Two lines are the
// same when key makes the same of both; nil compares them as they are. Where
// lines are the same, those of fresh are taken.
func Merge(local, old, fresh string, key func(line string) string) Merged {
	m := merger{key: key, ids: map[string]int{}}
	m.local, m.old, m.fresh = splitLines(local), splitLines(old), splitLines(fresh)
	l, o, f := m.numbers(m.local), m.numbers(m.old), m.numbers(m.fresh)
	m.run(match(o, l), match(o, f), l, o, f)
	return Merged{m.parts}
}

// Distance is how many lines two texts do not share.
func Distance(a, b string, key func(line string) string) int {
	m := merger{key: key, ids: map[string]int{}}
	x, y := m.numbers(splitLines(a)), m.numbers(splitLines(b))
	far := len(x) + len(y)
	for _, partner := range match(x, y) {
		if partner >= 0 {
			far -= 2
		}
	}
	return far
}

// Conflicts are the places that are open, in their order.
func (m Merged) Conflicts() []Conflict {
	var list []Conflict
	for _, p := range m.parts {
		if p.conflict != nil {
			list = append(list, *p.conflict)
		}
	}
	return list
}

// Resolve is the merged text, with each conflict decided by pick.
func (m Merged) Resolve(pick func(Conflict) Side) string {
	var b strings.Builder
	open := false // the text so far ends within a line
	for _, p := range m.parts {
		text := p.text
		if p.conflict != nil {
			text = p.conflict.Local
			if pick(*p.conflict) == New {
				text = p.conflict.New
			}
		}
		if text == "" {
			continue
		}
		if open {
			b.WriteByte('\n')
		}
		b.WriteString(text)
		open = text[len(text)-1] != '\n'
	}
	return b.String()
}

type merger struct {
	key               func(string) string
	ids               map[string]int
	local, old, fresh []string
	parts             []part
}

func splitLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, line)
	}
	return lines
}

// numbers gives equal lines equal numbers.
func (m *merger) numbers(lines []string) []int {
	out := make([]int, len(lines))
	for i, line := range lines {
		if m.key != nil {
			line = m.key(line)
		}
		id, known := m.ids[line]
		if !known {
			id = len(m.ids)
			m.ids[line] = id
		}
		out[i] = id
	}
	return out
}

// run walks the three texts at once: stretches that all three share alternate
// with stretches that at least one has changed.
func (m *merger) run(inLocal, inFresh []int, l, o, f []int) {
	i, j, k := 0, 0, 0 // in old, local and fresh
	for i < len(o) || j < len(l) || k < len(f) {
		if i < len(o) && inLocal[i] == j && inFresh[i] == k {
			m.settle(m.fresh[k])
			i, j, k = i+1, j+1, k+1
			continue
		}
		nextI, nextJ, nextK := i, len(l), len(f)
		for nextI < len(o) && (inLocal[nextI] < 0 || inFresh[nextI] < 0) {
			nextI++
		}
		if nextI < len(o) {
			nextJ, nextK = inLocal[nextI], inFresh[nextI]
		}
		m.decide(
			stretch{m.local[j:nextJ], l[j:nextJ]}, stretch{m.old[i:nextI], o[i:nextI]}, stretch{m.fresh[k:nextK], f[k:nextK]}, j+1)
		i, j, k = nextI, nextJ, nextK
	}
}

// stretch is a run of lines with their numbers.
type stretch struct {
	lines   []string
	numbers []int
}

func (s stretch) text() string { return strings.Join(s.lines, "") }

func (s stretch) same(other stretch) bool {
	if len(s.numbers) != len(other.numbers) {
		return false
	}
	for i, n := range s.numbers {
		if other.numbers[i] != n {
			return false
		}
	}
	return true
}

func (m *merger) decide(local, old, fresh stretch, line int) {
	switch {
	case local.same(old), local.same(fresh):
		m.settle(fresh.text())
	case fresh.same(old):
		m.settle(local.text())
	default:
		m.parts = append(m.parts, part{conflict: &Conflict{Line: line, Local: local.text(), Old: old.text(), New: fresh.text()}})
	}
}

func (m *merger) settle(text string) {
	if text != "" {
		m.parts = append(m.parts, part{text: text})
	}
}
