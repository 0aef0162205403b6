package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kind is what sort of token there is. Words and signs are their own kind, told by
// the text.
type kind int

const (
	atEnd kind = iota
	aName
	aWord // a reserved word, or a sign
	aNumber
	aString
)

type token struct {
	kind    kind
	text    string // of a string: its value
	at      Pos
	newline bool // a line ends before it, since the token before
}

func (t token) is(text string) bool { return t.kind == aWord && t.text == text }

// String is the token for a message.
func (t token) String() string {
	switch {
	case t.kind == atEnd:
		return "the end of the file"
	case t.kind == aString && len(t.text) > 20:
		return fmt.Sprintf("the string %q...", t.text[:20])
	case t.kind == aString:
		return fmt.Sprintf("the string %q", t.text)
	default:
		return fmt.Sprintf("%q", t.text)
	}
}

var reserved = map[string]bool{}

func init() {
	for _, word := range strings.Fields("and break do else elseif end false for function goto if in local nil not or repeat return then true until while") {
		reserved[word] = true
	}
}

// signs are those of several characters, longer ones first.
var signs = []string{"...", "..", "==", "~=", "<=", ">=", "::"}

// lexer takes a source apart. It stops at the first mistake by a panic with an
// *Error, which Parse catches.
type lexer struct {
	source   string
	at       int // next byte
	pos      Pos
	fresh    bool // nothing but spaces on this line so far
	comments []Comment
}

func (l *lexer) fail(at Pos, format string, args ...any) {
	panic(&Error{Pos: at, Message: fmt.Sprintf(format, args...)})
}

func (l *lexer) peek(ahead int) byte {
	if l.at+ahead < len(l.source) {
		return l.source[l.at+ahead]
	}
	return 0
}

// ended tells a source's end from a zero byte in it.
func (l *lexer) ended() bool { return l.at >= len(l.source) }

// step goes on by n bytes, which hold no line's end.
func (l *lexer) step(n int) {
	for range n {
		if utf8.RuneStart(l.source[l.at]) {
			l.pos.Col++
		}
		l.at++
	}
}

// line goes past a line's end: \n, \r, or both in either order.
func (l *lexer) line() {
	first := l.source[l.at]
	l.at++
	if next := l.peek(0); (next == '\n' || next == '\r') && next != first {
		l.at++
	}
	l.pos = Pos{l.pos.Line + 1, 1}
	l.fresh = true
}

func (l *lexer) next() token {
	newline := l.skip()
	t := token{at: l.pos, newline: newline}
	l.fresh = false
	if l.ended() {
		return t
	}
	c := l.peek(0)
	switch {
	case letter(c):
		t.text = l.while(func(c byte) bool { return letter(c) || digit(c) })
		t.kind = aName
		if reserved[t.text] {
			t.kind = aWord
		}
	case digit(c), c == '.' && digit(l.peek(1)):
		t.kind, t.text = aNumber, l.number()
	case c == '"' || c == '\'':
		t.kind, t.text = aString, l.quoted(c)
	case c == '[' && (l.peek(1) == '[' || l.peek(1) == '='):
		t.kind, t.text = aString, l.long("string")
	default:
		t.kind, t.text = aWord, l.sign()
	}
	return t
}

// skip goes past spaces and comments, and tells whether a line ended meanwhile.
func (l *lexer) skip() (newline bool) {
	for !l.ended() {
		switch c := l.peek(0); {
		case c == '\n' || c == '\r':
			newline = true
			l.line()
		case c == ' ' || c == '\t':
			l.step(1)
		case c == '-' && l.peek(1) == '-':
			l.comment()
		default:
			return newline
		}
	}
	return newline
}

func (l *lexer) comment() {
	c := Comment{Pos: l.pos, Alone: l.fresh}
	l.step(2)
	long := l.peek(0) == '[' && (l.peek(1) == '[' || l.peek(1) == '=')
	if long {
		c.Text = l.long("comment")
	} else {
		from := l.at
		for !l.ended() && l.peek(0) != '\n' && l.peek(0) != '\r' {
			l.step(1)
		}
		c.Text = l.source[from:l.at]
	}
	l.fresh = false
	l.comments = append(l.comments, c)
}

func (l *lexer) while(good func(c byte) bool) string {
	from := l.at
	for !l.ended() && good(l.peek(0)) {
		l.step(1)
	}
	return l.source[from:l.at]
}

// number reads a number, which must end where it ends: 1y is none.
func (l *lexer) number() string {
	at := l.pos
	text := l.digits()
	if c := l.peek(0); c == '.' || letter(c) {
		l.fail(at, "a number that goes on with %q", c)
	}
	return text
}

func (l *lexer) digits() string {
	from, at := l.at, l.pos
	if l.peek(0) == '0' && (l.peek(1) == 'x' || l.peek(1) == 'X') {
		l.step(2)
		if l.while(hexDigit) == "" {
			l.fail(at, "a hexadecimal number without digits")
		}
		return l.source[from:l.at]
	}
	l.while(digit)
	if l.peek(0) == '.' {
		l.step(1)
		l.while(digit)
	}
	if c := l.peek(0); c == 'e' || c == 'E' {
		l.step(1)
		if c := l.peek(0); c == '-' || c == '+' {
			l.step(1)
		}
		if l.while(digit) == "" {
			l.fail(at, "a number whose exponent has no digits")
		}
	}
	return l.source[from:l.at]
}

var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

func (l *lexer) quoted(quote byte) string {
	at := l.pos
	var b strings.Builder
	l.step(1)
	for {
		c := l.peek(0)
		switch {
		case l.ended(), c == '\n', c == '\r':
			l.fail(at, "a string that is not closed on its line")
		case c == quote:
			l.step(1)
			return b.String()
		case c == '\\':
			l.step(1)
			l.escape(&b, at)
		default:
			b.WriteByte(c)
			l.step(1)
		}
	}
}

func (l *lexer) escape(b *strings.Builder, at Pos) {
	if l.ended() {
		l.fail(at, "a string that is not closed on its line")
	}
	c := l.peek(0)
	switch {
	case c == '\n' || c == '\r':
		b.WriteByte('\n')
		l.line()
	case escapes[c] != 0:
		b.WriteByte(escapes[c])
		l.step(1)
	case digit(c):
		n := 0
		for i := 0; i < 3 && digit(l.peek(0)); i++ {
			n = n*10 + int(l.peek(0)-'0')
			l.step(1)
		}
		b.WriteByte(byte(n))
	default:
		b.WriteByte(c)
		l.step(1)
	}
}

// long reads [[...]], or with equals signs between the brackets.
func (l *lexer) long(what string) string {
	at := l.pos
	l.step(1)
	level := len(l.while(func(c byte) bool { return c == '=' }))
	if l.peek(0) != '[' {
		l.fail(at, "a long %s does not begin like this", what)
	}
	l.step(1)
	if c := l.peek(0); c == '\n' || c == '\r' {
		l.line()
	}
	from := l.at
	closing := "]" + strings.Repeat("=", level) + "]"
	for !strings.HasPrefix(l.source[l.at:], closing) {
		switch c := l.peek(0); {
		case l.ended():
			l.fail(at, "a long %s that is not closed", what)
		case c == '\n' || c == '\r':
			l.line()
		default:
			l.step(1)
		}
	}
	text := l.source[from:l.at]
	l.step(len(closing))
	return text
}

func (l *lexer) sign() string {
	for _, sign := range signs {
		if strings.HasPrefix(l.source[l.at:], sign) {
			l.step(len(sign))
			return sign
		}
	}
	c := l.peek(0)
	if !strings.ContainsRune("+-*/%^#()[]{};,=<>.:", rune(c)) {
		r, _ := utf8.DecodeRuneInString(l.source[l.at:])
		l.fail(l.pos, "the character %q is no part of Lua", r)
	}
	l.step(1)
	return string(c)
}

func letter(c byte) bool   { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool    { return c >= '0' && c <= '9' }
func hexDigit(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
