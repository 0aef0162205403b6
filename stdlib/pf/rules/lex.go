package rules

import (
	"strconv"
	"strings"
)

// Kinds of tokens besides the keywords and single characters, which stand for
// themselves.
const (
	tokEOF    = "end of file"
	tokString = "string"
	tokNumber = "number"
	tokError  = "error" // what the lexer has said something about
)

// token is one word. What it is stands in kind: a keyword, a character, one of
// the kinds above.
type token struct {
	kind string
	text string
	num  int64
	line int
	file string
}

// char is a byte of the input; those of a macro's value are not looked into for
// macros again.
type char struct {
	b     byte
	macro bool
}

const eof = -1

// source is a file that is being read.
type source struct {
	name string
	data []byte
	line int
}

// lexer reads a file, those it includes, and the values of its macros.
type lexer struct {
	release string
	files   []*source // the innermost last
	back    []char    // to be read again, the next one last
	macros  map[string]string
	fixed   map[string]bool // macros of the command line
	failed  func(Error)
	last    token
}

func (l *lexer) file() *source { return l.files[len(l.files)-1] }

// get reads a character. A backslash at the end of a line joins the next one;
// before another character it is dropped, as pfctl does.
func (l *lexer) get() (c int, macro bool) {
	if n := len(l.back); n > 0 {
		next := l.back[n-1]
		l.back = l.back[:n-1]
		return int(next.b), next.macro
	}
	c = l.raw()
	for c == '\\' {
		if c = l.raw(); c != '\n' {
			break
		}
		l.last.line = l.file().line
		l.file().line++
		c = l.raw()
	}
	for c == eof && len(l.files) > 1 {
		l.files = l.files[:len(l.files)-1]
		c = l.raw()
	}
	return c, false
}

// quoted reads a character inside quotes.
func (l *lexer) quoted() (c int, macro bool) {
	if n := len(l.back); n > 0 {
		next := l.back[n-1]
		l.back = l.back[:n-1]
		return int(next.b), next.macro
	}
	return l.raw(), false
}

func (l *lexer) raw() int {
	f := l.file()
	if len(f.data) == 0 {
		return eof
	}
	c := f.data[0]
	f.data = f.data[1:]
	return int(c)
}

func (l *lexer) unget(c int, macro bool) {
	if c != eof {
		l.back = append(l.back, char{byte(c), macro})
	}
}

func (l *lexer) fail(text string) {
	l.failed(Error{Position: Position{l.file().name, l.last.line}, Text: text})
}

// broken says what is wrong, drops the rest of the line and is a token that fits
// nowhere.
func (l *lexer) broken(text string) token {
	l.fail(text)
	for len(l.back) > 0 && l.back[len(l.back)-1].macro {
		l.back = l.back[:len(l.back)-1]
	}
	for {
		c, _ := l.get()
		if c == '\n' {
			l.file().line++
		}
		if c == '\n' || c == eof {
			return l.token(tokError, "")
		}
	}
}

func (l *lexer) token(kind, text string) token {
	return token{kind: kind, text: text, line: l.last.line, file: l.file().name}
}

// next is the next token.
func (l *lexer) next() token {
	t := l.read()
	l.last = t
	return t
}

func (l *lexer) read() token {
	c, macro := l.get()
	for c == ' ' || c == '\t' {
		c, macro = l.get()
	}
	l.last.line = l.file().line
	if c == '#' {
		for c != '\n' && c != eof {
			c, macro = l.get()
		}
	}
	if c == '$' && !macro {
		return l.expand()
	}
	switch c {
	case '\'', '"':
		return l.quote(c)
	case '<':
		return l.pair(c, '>', "<>")
	case '>':
		return l.pair(c, '<', "><")
	case '-':
		if t := l.pair(c, '>', "->"); t.kind == "->" {
			return t
		}
	}
	if c == '-' || isDigit(c) {
		if t, ok := l.number(c, macro); ok {
			return t
		}
		if c == '-' {
			return l.token("-", "")
		}
	}
	if isAlnum(c) || c == ':' || c == '_' {
		return l.word(c)
	}
	switch c {
	case '\n':
		t := l.token("\n", "")
		l.file().line++
		return t
	case eof:
		return l.token(tokEOF, "")
	}
	return l.token(string(rune(c)), "")
}

// expand puts a macro's value in front of what follows.
func (l *lexer) expand() token {
	name := ""
	for {
		c, macro := l.get()
		if isAlnum(c) || c == '_' {
			name += string(rune(c))
			continue
		}
		if c == eof {
			return l.token(tokEOF, "")
		}
		l.unget(c, macro)
		break
	}
	value, ok := l.macros[name]
	if !ok {
		return l.broken("macro '" + name + "' not defined")
	}
	for i := len(value) - 1; i >= 0; i-- {
		l.unget(int(value[i]), true)
	}
	return l.read()
}

// quote reads a string in quotes; line breaks in it are dropped.
func (l *lexer) quote(mark int) token {
	var text strings.Builder
	for {
		c, _ := l.quoted()
		switch c {
		case eof:
			l.fail("reached end of file while parsing quoted string")
			return l.token(tokEOF, "")
		case mark:
			return l.token(tokString, text.String())
		case '\n':
			l.file().line++
			continue
		case '\\':
			next, macro := l.quoted()
			switch next {
			case eof:
				l.fail("reached end of file while parsing quoted string")
				return l.token(tokEOF, "")
			case mark:
				c = next
			case '\n':
				l.file().line++
				continue
			default:
				l.unget(next, macro)
			}
		}
		text.WriteByte(byte(c))
	}
}

// pair reads an operator of two characters, or the first alone.
func (l *lexer) pair(c, second int, both string) token {
	next, macro := l.get()
	if next == second {
		return l.token(both, "")
	}
	l.unget(next, macro)
	return l.token(string(rune(c)), "")
}

// number reads a number; what goes on as a word is none and is put back.
func (l *lexer) number(c int, macro bool) (token, bool) {
	read := []char{{byte(c), macro}}
	for {
		c, macro = l.get()
		if !isDigit(c) {
			break
		}
		read = append(read, char{byte(c), macro})
	}
	l.unget(c, macro)
	if len(read) == 1 && read[0].b == '-' {
		return token{}, false
	}
	text := ""
	for _, r := range read {
		text += string(rune(r.b))
	}
	if c == eof || isSpace(c) || strings.IndexByte("),/}=", byte(c)) >= 0 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			bound := "large"
			if text[0] == '-' {
				bound = "small"
			}
			return l.broken("\"" + text + "\" invalid number: too " + bound), true
		}
		t := l.token(tokNumber, text)
		t.num = n
		return t, true
	}
	for i := len(read) - 1; i > 0; i-- {
		l.unget(int(read[i].b), read[i].macro)
	}
	return token{}, false
}

func (l *lexer) word(c int) token {
	var text strings.Builder
	macro := false
	for {
		text.WriteByte(byte(c))
		c, macro = l.get()
		if !isAlnum(c) && (!isPunct(c) || strings.IndexByte("(){}<>!=/#,", byte(c)) >= 0) {
			break
		}
	}
	l.unget(c, macro)
	word := text.String()
	if first, ok := keywords[word]; ok && since(l.release, first) {
		return l.token(word, word)
	}
	return l.token(tokString, word)
}

func isDigit(c int) bool { return c >= '0' && c <= '9' }
func isAlnum(c int) bool { return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isPunct(c int) bool { return c > ' ' && c < 127 && !isAlnum(c) }
func isSpace(c int) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// include reads another file before the rest of this one. pfctl counts its lines
// from one too many.
func (l *lexer) include(name string, data []byte) {
	l.files = append(l.files, &source{name: name, data: data, line: 1})
	l.unget('\n', false)
}
