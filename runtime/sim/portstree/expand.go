package portstree

import (
	"path"
	"regexp"
	"sort"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// expand replaces ${NAME}, ${NAME:modifiers}, $(NAME) and $$.
func (m *makefile) expand(s string) string { return m.expandDepth(s, 0) }

func (m *makefile) expandDepth(s string, depth int) string {
	if depth > maxDepth || !strings.Contains(s, "$") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		switch c := s[i+1]; c {
		case '$':
			out.WriteByte('$')
			i++
		case '{', '(':
			end := closing(s, i+1)
			if end < 0 {
				return out.String() + s[i:]
			}
			out.WriteString(m.reference(s[i+2:end], depth))
			i = end
		default:
			out.WriteString(m.expandDepth(m.vars[string(c)], depth+1))
			i++
		}
	}
	return out.String()
}

// closing finds the bracket that closes the one at i.
func closing(s string, i int) int {
	open, shut := s[i], byte('}')
	if open == '(' {
		shut = ')'
	}
	depth := 0
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return j
			}
		}
	}
	return -1
}

// reference is the inside of ${...}.
func (m *makefile) reference(inside string, depth int) string {
	parts := splitModifiers(inside)
	name := m.expandDepth(parts[0], depth+1)
	raw, set := m.vars[name]
	value := m.expandDepth(raw, depth+1)
	for _, mod := range parts[1:] {
		value, set = m.modify(value, set, m.expandDepth(mod, depth+1))
	}
	return value
}

// splitModifiers cuts at the colons that are outside of nested references and of
// the delimiters of :S and :C.
func splitModifiers(s string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '$':
			if i+1 < len(s) && (s[i+1] == '{' || s[i+1] == '(') {
				if end := closing(s, i+1); end > 0 {
					i = end
				}
			}
		case ':':
			parts = append(parts, s[start:i])
			start = i + 1
			i = skipSubstitution(s, start) - 1
		}
	}
	return append(parts, s[start:])
}

// skipSubstitution returns the index behind a :S/x/y/ or :C/x/y/ that starts at i,
// or i when there is none.
func skipSubstitution(s string, i int) int {
	if i+1 >= len(s) || s[i] != 'S' && s[i] != 'C' || isAlpha(s[i+1]) || isDigit(s[i+1]) {
		return i
	}
	delim, seen := s[i+1], 1
	j := i + 2
	for ; j < len(s) && seen < 3; j++ {
		switch s[j] {
		case '\\':
			j++
		case delim:
			seen++
		}
	}
	return j
}

func (m *makefile) modify(value string, set bool, mod string) (string, bool) {
	words := strings.Fields(value)
	each := func(f func(string) string) (string, bool) {
		out := make([]string, 0, len(words))
		for _, w := range words {
			out = append(out, f(w))
		}
		return strings.Join(out, " "), set
	}
	keep := func(f func(string) bool) (string, bool) {
		var out []string
		for _, w := range words {
			if f(w) {
				out = append(out, w)
			}
		}
		return strings.Join(out, " "), set
	}
	switch {
	case mod == "tl":
		return strings.ToLower(value), set
	case mod == "tu":
		return strings.ToUpper(value), set
	case mod == "u":
		return strings.Join(unique(words), " "), set
	case mod == "O":
		sort.Strings(words)
		return strings.Join(words, " "), set
	case mod == "H":
		return each(path.Dir)
	case mod == "T":
		return each(path.Base)
	case mod == "R":
		return each(func(w string) string { return strings.TrimSuffix(w, path.Ext(w)) })
	case mod == "E":
		return each(func(w string) string { return strings.TrimPrefix(path.Ext(w), ".") })
	case strings.HasPrefix(mod, "[1]"):
		if len(words) > 0 {
			return words[0], set
		}
		return "", set
	case strings.HasPrefix(mod, "M"):
		return keep(func(w string) bool { return match(mod[1:], w) })
	case strings.HasPrefix(mod, "N"):
		return keep(func(w string) bool { return !match(mod[1:], w) })
	case strings.HasPrefix(mod, "U"):
		if !set {
			return mod[1:], true
		}
	case strings.HasPrefix(mod, "D"):
		if set {
			return mod[1:], true
		}
	case strings.HasPrefix(mod, "S") && len(mod) > 2:
		return each(substitution(mod, false))
	case strings.HasPrefix(mod, "C") && len(mod) > 2:
		return each(substitution(mod, true))
	}
	return value, set
}

func match(pattern, word string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(word, "/", "\x00"))
	return err == nil && ok
}

func unique(words []string) []string {
	var out []string
	for i, w := range words {
		if i == 0 || words[i-1] != w {
			out = append(out, w)
		}
	}
	return out
}

var backReference = lazyregexp.New(`\\(\d)`)

// substitution builds the word function of :S/old/new/g or :C/regex/new/g.
func substitution(mod string, regex bool) func(string) string {
	same := func(w string) string { return w }
	parts := strings.Split(mod[2:], mod[1:2])
	if len(parts) < 2 {
		return same
	}
	from, to, global := parts[0], parts[1], len(parts) > 2 && strings.Contains(parts[2], "g")
	if regex {
		re, err := regexp.Compile(from)
		if err != nil {
			return same
		}
		to = backReference.ReplaceAllString(to, "$${$1}")
		return func(w string) string {
			if global {
				return re.ReplaceAllString(w, to)
			}
			loc := re.FindStringSubmatchIndex(w)
			if loc == nil {
				return w
			}
			return w[:loc[0]] + string(re.ExpandString(nil, to, w, loc)) + w[loc[1]:]
		}
	}
	head, tail := strings.HasPrefix(from, "^"), strings.HasSuffix(from, "$")
	from = strings.TrimSuffix(strings.TrimPrefix(from, "^"), "$")
	return func(w string) string {
		switch {
		case head && tail:
			if w == from {
				return to
			}
		case head:
			if rest, ok := strings.CutPrefix(w, from); ok {
				return to + rest
			}
		case tail:
			if rest, ok := strings.CutSuffix(w, from); ok {
				return rest + to
			}
		case global:
			return strings.ReplaceAll(w, from, to)
		default:
			return strings.Replace(w, from, to, 1)
		}
		return w
	}
}
