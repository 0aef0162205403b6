package threeway

import "strings"

// Marked is the merged text with conflicts between markers, as diff3 -E -m
// writes it, and whether there are any.
func (m Merged) Marked(local, fresh string) (text string, conflicts bool) {
	var b strings.Builder
	whole := func(s string) {
		b.WriteString(s)
		if s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteByte('\n')
		}
	}
	for _, p := range m.parts {
		if p.conflict == nil {
			b.WriteString(p.text)
			continue
		}
		conflicts = true
		b.WriteString("<<<<<<< " + local + "\n")
		whole(p.conflict.Local)
		b.WriteString("=======\n")
		whole(p.conflict.New)
		b.WriteString(">>>>>>> " + fresh + "\n")
	}
	return b.String(), conflicts
}
