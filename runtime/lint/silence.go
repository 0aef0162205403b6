package lint

import (
	"slices"
	"strings"

	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/spelling"
)

// mark is how a comment begins that silences findings of its line, or of the next
// one when it stands alone:
//
//	-- lint: ignore RULE, RULE: why
const mark = "lint: ignore"

// silence drops the findings that comments speak of.
func (c *checker) silence() {
	for _, comment := range c.tree.Comments {
		text, is := strings.CutPrefix(strings.TrimSpace(comment.Text), mark)
		if !is {
			continue
		}
		line := comment.Line
		if comment.Alone {
			line++
		}
		c.silenceLine(comment.Pos, line, text)
	}
}

func (c *checker) silenceLine(at syntax.Pos, line int, text string) {
	words, _, _ := strings.Cut(text, ":")
	var rules []string
	for _, word := range strings.Split(words, ",") {
		if word = strings.TrimSpace(word); word != "" {
			rules = append(rules, word)
		}
	}
	known := ruleNames()
	for _, rule := range rules {
		if !slices.Contains(known, rule) {
			c.hint(at, ruleSilence, "the rules are "+strings.Join(known, ", "), "no rule is called %q%s", rule, spelling.Guess(rule, known))
			return
		}
	}
	before := len(c.findings)
	c.findings = slices.DeleteFunc(c.findings, func(f Finding) bool {
		return f.Line == line && f.Rule != ruleSilence && (len(rules) == 0 || slices.Contains(rules, f.Rule))
	})
	if len(c.findings) == before {
		c.report(at, ruleSilence, "nothing is found here that could be silenced")
	}
}

func ruleNames() []string {
	var names []string
	for _, rule := range Rules() {
		names = append(names, rule[0])
	}
	return names
}
