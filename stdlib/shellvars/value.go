package shellvars

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// style is how a value is quoted.
type style int

const (
	double style = iota // "value"
	single              // 'value'
	bare                // value
)

// value is what a word stands for.
type value struct {
	text  string
	exact bool
	style style
	note  string
}

// word evaluates a word from the byte at start on (behind NAME= where the word
// holds that too).
func (r *reader) word(w *syntax.Word, start int) value {
	e := evaluation{r: r, value: value{exact: true, style: double}, start: start}
	e.parts(w.Parts, offset(w.End()), false)
	e.style = r.styleOf(w, start)
	e.text = e.out.String()
	if !e.exact {
		e.text = string(r.src[start:offset(w.End())])
	}
	return e.value
}

// styleOf tells how a word is quoted as a whole.
func (r *reader) styleOf(w *syntax.Word, start int) style {
	raw := string(r.src[start:offset(w.End())])
	switch {
	case raw == "" || !strings.ContainsAny(raw, `"'\`):
		return bare
	case raw[0] == '\'' && strings.IndexByte(raw[1:], '\'') == len(raw)-2:
		return single
	default:
		return double
	}
}

type evaluation struct {
	value
	r     *reader
	start int
	out   strings.Builder
}

// parts adds what the parts up to end stand for. Literals that follow each
// other are one: a continued line divides them, sometimes inside its escape.
func (e *evaluation) parts(list []syntax.WordPart, end int, quoted bool) {
	literalFrom := -1
	for _, p := range list {
		if _, ok := p.(*syntax.Lit); ok {
			if literalFrom < 0 {
				literalFrom = max(offset(p.Pos()), e.start)
			}
			continue
		}
		e.literal(literalFrom, offset(p.Pos()), quoted)
		literalFrom = -1
		e.part(p)
	}
	e.literal(literalFrom, end, quoted)
}

// part adds what a part that is not literal stands for.
func (e *evaluation) part(p syntax.WordPart) {
	switch p := p.(type) {
	case *syntax.SglQuoted:
		if p.Dollar || e.afterDollar(p.Left) {
			e.inexact("holds $'...'")
		}
		e.out.Write(e.r.src[offset(p.Left)+1 : offset(p.Right)])
	case *syntax.DblQuoted:
		if p.Dollar || e.afterDollar(p.Left) {
			e.inexact(`holds $"..."`)
		}
		e.parts(p.Parts, offset(p.Right), true)
	case *syntax.ParamExp:
		e.parameter(p)
	case *syntax.CmdSubst:
		e.inexact("holds the output of a command")
	default:
		e.inexact("holds an expansion")
	}
}

// afterDollar tells whether an unescaped $ stands right before a quote.
func (e *evaluation) afterDollar(quote syntax.Pos) bool {
	i := offset(quote) - 1
	return i >= e.start && e.r.src[i] == '$' && (i == e.start || e.r.src[i-1] != '\\')
}

// literal resolves the backslashes of what stands from start to end, sh(1) under
// "Quoting".
func (e *evaluation) literal(start, end int, quoted bool) {
	if start < 0 || start >= end {
		return
	}
	raw := string(e.r.src[start:end])
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '~' && !quoted && (e.out.Len() == 0 || raw[max(i-1, 0)] == ':'):
			e.inexact("holds a ~")
			e.out.WriteByte(c)
		case c != '\\' || i+1 == len(raw):
			e.out.WriteByte(c)
		case raw[i+1] == '\n':
			i++
		case quoted && !strings.ContainsRune("$`\"\\", rune(raw[i+1])):
			e.out.WriteByte(c)
		default:
			i++
			e.out.WriteByte(raw[i])
		}
	}
}

// parameter expands $NAME and ${NAME} where the file has decided its value.
func (e *evaluation) parameter(p *syntax.ParamExp) {
	raw := e.r.text(p)
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(raw, "$"), "{"), "}")
	if !nameForm.MatchString(name) {
		e.inexact("holds the expansion " + raw)
		return
	}
	v, known := e.r.file.Get(name)
	if !known || !v.Exact {
		e.inexact(fmt.Sprintf("depends on %s, which this file does not decide", name))
		return
	}
	e.out.WriteString(v.Value)
}

func (e *evaluation) inexact(note string) {
	if e.exact {
		e.exact, e.note = false, note
	}
}
