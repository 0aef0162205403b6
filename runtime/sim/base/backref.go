package base

import (
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// A backtracker matches expressions with back-references by trying; it walks
// the syntax tree of Go's parser, in which marks stand for what that syntax
// lacks. It looks for the longest match at the leftmost place.
type backtracker struct {
	tree   *syntax.Regexp
	groups int
	// steps left before a match is given up: such expressions can take
	// exponential time.
	steps int
	s     string
	caps  []int
}

const maxSteps = 1 << 20

func newBacktracker(text string, groups int) (*backtracker, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return &backtracker{tree: tree, groups: groups}, nil
}

func (b *backtracker) all(s string, n int) [][]int {
	run := &backtracker{tree: b.tree, groups: b.groups, steps: maxSteps, s: s}
	var found [][]int
	end := -1
	for at := 0; at <= len(s) && (n < 0 || len(found) < n); {
		m := run.match(at)
		_, width := utf8.DecodeRuneInString(s[at:])
		switch {
		case m == nil:
			at += max(width, 1)
		case m[1] == m[0] && m[0] == end:
			// An empty match right after the last one does not count.
			at += max(width, 1)
		default:
			found = append(found, m)
			end = m[1]
			if at = m[1]; m[1] == m[0] {
				at += max(width, 1)
			}
		}
	}
	return found
}

// match tries one place.
func (b *backtracker) match(at int) []int {
	b.caps = make([]int, 2*(b.groups+1))
	for i := range b.caps {
		b.caps[i] = -1
	}
	var best []int
	b.try(b.tree, at, func(end int) bool {
		if best == nil || end > best[1] {
			best = append([]int(nil), b.caps...)
			best[0], best[1] = at, end
		}
		return end == len(b.s)
	})
	return best
}

// try matches a node at i and calls next with every end it can have, until next
// is content.
func (b *backtracker) try(n *syntax.Regexp, i int, next func(int) bool) bool {
	if b.steps--; b.steps < 0 {
		return false
	}
	switch n.Op {
	case syntax.OpEmptyMatch:
		return next(i)
	case syntax.OpLiteral:
		return b.literal(n.Rune, n.Flags&syntax.FoldCase != 0, i, next)
	case syntax.OpCharClass:
		r, size := utf8.DecodeRuneInString(b.s[i:])
		return size > 0 && inClass(n.Rune, r) && next(i+size)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		r, size := utf8.DecodeRuneInString(b.s[i:])
		return size > 0 && (n.Op == syntax.OpAnyChar || r != '\n') && next(i+size)
	case syntax.OpCapture:
		return b.capture(n, i, next)
	case syntax.OpConcat:
		return b.concat(n.Sub, i, next)
	case syntax.OpAlternate:
		for _, sub := range n.Sub {
			if b.try(sub, i, next) {
				return true
			}
		}
		return false
	case syntax.OpStar:
		return b.repeat(n.Sub[0], 0, -1, i, next)
	case syntax.OpPlus:
		return b.repeat(n.Sub[0], 1, -1, i, next)
	case syntax.OpQuest:
		return b.repeat(n.Sub[0], 0, 1, i, next)
	case syntax.OpRepeat:
		return b.repeat(n.Sub[0], n.Min, n.Max, i, next)
	}
	return b.place(n.Op, i) && next(i)
}

// place tells whether an assertion holds at i.
func (b *backtracker) place(op syntax.Op, i int) bool {
	switch op {
	case syntax.OpBeginText:
		return i == 0
	case syntax.OpEndText:
		return i == len(b.s)
	case syntax.OpBeginLine:
		return i == 0 || b.s[i-1] == '\n'
	case syntax.OpEndLine:
		return i == len(b.s) || b.s[i] == '\n'
	case syntax.OpWordBoundary:
		return b.wordAt(i) != b.wordBefore(i)
	case syntax.OpNoWordBoundary:
		return b.wordAt(i) == b.wordBefore(i)
	}
	return false
}

func isWordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func (b *backtracker) wordAt(i int) bool {
	r, size := utf8.DecodeRuneInString(b.s[i:])
	return size > 0 && isWordRune(r)
}

func (b *backtracker) wordBefore(i int) bool {
	r, size := utf8.DecodeLastRuneInString(b.s[:i])
	return size > 0 && isWordRune(r)
}

// literal matches characters, and the marks among them.
func (b *backtracker) literal(runes []rune, fold bool, i int, next func(int) bool) bool {
	for _, want := range runes {
		switch {
		case want == markFiller:
		case want == markWordBegin:
			if !b.wordAt(i) || b.wordBefore(i) {
				return false
			}
		case want == markWordEnd:
			if b.wordAt(i) || !b.wordBefore(i) {
				return false
			}
		case want > markBackref && want <= markBackref+9:
			end, ok := b.again(int(want-markBackref), fold, i)
			if !ok {
				return false
			}
			i = end
		default:
			r, size := utf8.DecodeRuneInString(b.s[i:])
			if size == 0 || !sameRune(r, want, fold) {
				return false
			}
			i += size
		}
	}
	return next(i)
}

func sameRune(a, b rune, fold bool) bool {
	return a == b || fold && unicode.ToLower(a) == unicode.ToLower(b)
}

// again matches what a group matched.
func (b *backtracker) again(group int, fold bool, i int) (end int, ok bool) {
	if b.caps[2*group] < 0 || b.caps[2*group+1] < 0 {
		return i, false
	}
	for _, want := range b.s[b.caps[2*group]:b.caps[2*group+1]] {
		r, size := utf8.DecodeRuneInString(b.s[i:])
		if size == 0 || !sameRune(r, want, fold) {
			return i, false
		}
		i += size
	}
	return i, true
}

func inClass(ranges []rune, r rune) bool {
	for k := 0; k+1 < len(ranges); k += 2 {
		if r >= ranges[k] && r <= ranges[k+1] {
			return true
		}
	}
	return false
}

func (b *backtracker) capture(n *syntax.Regexp, i int, next func(int) bool) bool {
	at := 2 * n.Cap
	oldStart, oldEnd := b.caps[at], b.caps[at+1]
	if b.try(n.Sub[0], i, func(end int) bool {
		start, stop := b.caps[at], b.caps[at+1]
		b.caps[at], b.caps[at+1] = i, end
		if next(end) {
			return true
		}
		b.caps[at], b.caps[at+1] = start, stop
		return false
	}) {
		return true
	}
	b.caps[at], b.caps[at+1] = oldStart, oldEnd
	return false
}

func (b *backtracker) concat(nodes []*syntax.Regexp, i int, next func(int) bool) bool {
	if len(nodes) == 0 {
		return next(i)
	}
	return b.try(nodes[0], i, func(end int) bool { return b.concat(nodes[1:], end, next) })
}

// repeat matches a node at least low and at most high times (-1: any number),
// many before few.
func (b *backtracker) repeat(n *syntax.Regexp, low, high, i int, next func(int) bool) bool {
	if high != 0 && b.try(n, i, func(end int) bool {
		// Empty rounds beyond what is asked for lead nowhere.
		return (end > i || low > 0) && b.repeat(n, max(low-1, 0), max(high-1, -1), end, next)
	}) {
		return true
	}
	return low == 0 && next(i)
}
