package layer

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// judgeShell is the worst of what a text for sh runs, wherever it stands: in
// functions, loops, substitutions, here-documents for a shell.
func judgeShell(text string) verdict {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "")
	if err != nil {
		// sh may refuse it too, perhaps after its first lines.
		return judgeLines(text)
	}
	worst := safe
	syntax.Walk(file, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.CallExpr:
			worst = worse(worst, judgeArgv(words(node.Args)))
		case *syntax.Stmt:
			worst = worse(worst, judgeRedirects(node))
		}
		return true
	})
	return worst
}

// judgeLines is for what cannot be parsed: every line on its own.
func judgeLines(text string) verdict {
	worst := safe
	for line := range strings.Lines(text) {
		worst = worse(worst, judgeArgv(strings.Fields(line)))
	}
	return worst
}

// words are a command's words, with nothing in the place of what only the
// running shell knows.
func words(in []*syntax.Word) []string {
	out := make([]string, len(in))
	for i, word := range in {
		out[i] = literal(word.Parts)
	}
	return out
}

func literal(parts []syntax.WordPart) string {
	var b strings.Builder
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(part.Value))
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		case *syntax.DblQuoted:
			b.WriteString(literal(part.Parts))
		}
	}
	return b.String()
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// judgeRedirects looks at output that goes onto a disk, and at input that a
// shell will run.
func judgeRedirects(stmt *syntax.Stmt) verdict {
	worst := safe
	for _, redirect := range stmt.Redirs {
		switch redirect.Op {
		case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrInOut:
			if target := literal(redirect.Word.Parts); isDisk(target) {
				worst = worse(worst, irreversible("writes over the disk %s", target))
			}
		case syntax.Hdoc, syntax.DashHdoc:
			call, ok := stmt.Cmd.(*syntax.CallExpr)
			if ok && redirect.Hdoc != nil && runsItsInput(words(call.Args)) {
				worst = worse(worst, judgeShell(literal(redirect.Hdoc.Parts)))
			}
		}
	}
	return worst
}

func runsItsInput(argv []string) bool {
	for len(argv) > 0 {
		name := program(argv[0])
		switch name {
		case "sh", "bash", "dash", "ksh", "csh", "tcsh", "zsh", "su", "ssh":
			return true
		}
		inner, shell, wraps := unwrap(name, argv[1:])
		if !wraps || shell != "" {
			return false
		}
		argv = inner
	}
	return false
}
