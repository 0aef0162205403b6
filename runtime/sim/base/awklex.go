package base

import (
	"fmt"
	"strconv"
	"strings"
)

// awkToken is one token of an awk program.
type awkToken struct {
	kind awkKind
	text string // of names, strings, expressions; operators and keywords themselves
	num  float64
	line int
}

type awkKind byte

const (
	awkEOF awkKind = iota
	awkNewline
	awkNumber
	awkString
	awkRegex
	awkName
	awkCall    // a name with "(" right behind it
	awkBuiltin // a function of the language
	awkOp      // an operator or a keyword
)

var awkKeywords = map[string]bool{
	"BEGIN": true, "END": true, "function": true, "func": true, "if": true, "else": true, "while": true, "for": true, "do": true,
	"break": true, "continue": true, "next": true, "nextfile": true, "exit": true, "return": true, "delete": true, "in": true,
	"getline": true, "print": true, "printf": true,
}

var awkBuiltins = map[string]bool{
	"length": true, "substr": true, "index": true, "split": true, "sub": true, "gsub": true, "match": true, "sprintf": true,
	"sin": true, "cos": true, "atan2": true, "exp": true, "log": true, "sqrt": true, "int": true, "rand": true, "srand": true,
	"tolower": true, "toupper": true, "system": true, "close": true, "fflush": true,
	"and": true, "or": true, "xor": true, "compl": true, "lshift": true, "rshift": true,
}

// awkOps from the longest to the shortest.
var awkOps = []string{
	"**=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "**", "==", "<=", ">=", "!=", "!~", ">>",
	"{", "}", "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$", "=",
}

// awkError is a fault of the program, found when it is read or when it runs.
type awkError struct {
	text string
	line int
}

func (e *awkError) Error() string { return e.text }

type awkLexer struct {
	src  string
	at   int
	line int
	last awkToken
}

// next reads a token. Whether a slash begins an expression follows from the
// token before it.
func (l *awkLexer) next() (awkToken, error) {
	tok, err := l.scan()
	l.last = tok
	return tok, err
}

func (l *awkLexer) token(kind awkKind, text string) awkToken {
	return awkToken{kind: kind, text: text, line: l.line}
}

func (l *awkLexer) skip() {
	for l.at < len(l.src) {
		switch c := l.src[l.at]; {
		case c == ' ' || c == '\t' || c == '\r':
			l.at++
		case c == '\\' && strings.HasPrefix(l.src[l.at+1:], "\n"):
			l.at += 2
			l.line++
		case c == '\\' && strings.HasPrefix(l.src[l.at+1:], "\r\n"):
			l.at += 3
			l.line++
		case c == '#':
			for l.at < len(l.src) && l.src[l.at] != '\n' {
				l.at++
			}
		default:
			return
		}
	}
}

func (l *awkLexer) scan() (awkToken, error) {
	l.skip()
	if l.at >= len(l.src) {
		return l.token(awkEOF, ""), nil
	}
	c := l.src[l.at]
	switch {
	case c == '\n':
		tok := l.token(awkNewline, "\n")
		l.at++
		l.line++
		return tok, nil
	case c >= '0' && c <= '9' || c == '.' && l.at+1 < len(l.src) && l.src[l.at+1] >= '0' && l.src[l.at+1] <= '9':
		return l.number(), nil
	case c == '"':
		return l.str()
	case c == '/' && l.regexHere():
		return l.regex()
	case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return l.word(), nil
	}
	for _, op := range awkOps {
		if strings.HasPrefix(l.src[l.at:], op) {
			l.at += len(op)
			return l.token(awkOp, strings.Replace(op, "**", "^", 1)), nil
		}
	}
	return awkToken{}, &awkError{fmt.Sprintf("syntax error at source line %d", l.line), l.line}
}

// regexHere tells whether an operand may begin here, so that "/" is no division.
func (l *awkLexer) regexHere() bool {
	switch l.last.kind {
	case awkNumber, awkString, awkName, awkBuiltin, awkRegex:
		return false
	case awkOp:
		return !isOneOf(l.last.text, ")", "]", "$", "++", "--")
	}
	return true
}

func (l *awkLexer) number() awkToken {
	rest := l.src[l.at:]
	n := 0
	digits := func() {
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
	}
	digits()
	if n < len(rest) && rest[n] == '.' {
		n++
		digits()
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		mark := n
		n++
		if n < len(rest) && (rest[n] == '+' || rest[n] == '-') {
			n++
		}
		if n == len(rest) || rest[n] < '0' || rest[n] > '9' {
			n = mark
		} else {
			digits()
		}
	}
	tok := l.token(awkNumber, rest[:n])
	tok.num, _ = strconv.ParseFloat(rest[:n], 64)
	l.at += n
	return tok
}

func (l *awkLexer) word() awkToken {
	start := l.at
	for l.at < len(l.src) {
		c := l.src[l.at]
		if c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') {
			break
		}
		l.at++
	}
	text := l.src[start:l.at]
	switch {
	case awkKeywords[text]:
		if text == "func" {
			text = "function"
		}
		return l.token(awkOp, text)
	case awkBuiltins[text]:
		return l.token(awkBuiltin, text)
	case l.at < len(l.src) && l.src[l.at] == '(':
		return l.token(awkCall, text)
	}
	return l.token(awkName, text)
}

func (l *awkLexer) str() (awkToken, error) {
	line := l.line
	end := l.at + 1
	for end < len(l.src) && l.src[end] != '"' {
		switch l.src[end] {
		case '\\':
			end++
		case '\n':
			return awkToken{}, &awkError{fmt.Sprintf("non-terminated string %.10s... at source line %d", l.src[l.at+1:end], line), line}
		}
		end++
	}
	if end >= len(l.src) {
		return awkToken{}, &awkError{fmt.Sprintf("non-terminated string %.10s... at source line %d", l.src[l.at+1:], line), line}
	}
	tok := l.token(awkString, awkUnescape(l.src[l.at+1:end]))
	l.at = end + 1
	return tok, nil
}

// awkUnescape expands the escapes of a string.
func awkUnescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; {
		case c == '\n':
		case strings.IndexByte(`"\/`, c) >= 0:
			b.WriteByte(c)
		case c >= '0' && c <= '7':
			n, start := 0, i
			for ; i < len(s) && i-start < 3 && s[i] >= '0' && s[i] <= '7'; i++ {
				n = n*8 + int(s[i]-'0')
			}
			i--
			b.WriteByte(byte(n))
		default:
			if esc, ok := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v'}[c]; ok {
				b.WriteByte(esc)
			} else {
				b.WriteByte('\\')
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

func (l *awkLexer) regex() (awkToken, error) {
	i := l.at + 1
	for bracket := false; i < len(l.src); i++ {
		switch c := l.src[i]; {
		case c == '\n':
			return awkToken{}, &awkError{fmt.Sprintf("newline in regular expression %.10s... at source line %d", l.src[l.at+1:i], l.line), l.line}
		case c == '\\':
			i++
		case c == '[' && !bracket:
			bracket = true
			// "]" first in a bracket expression is itself.
			for i+1 < len(l.src) && (l.src[i+1] == '^' || l.src[i+1] == ']' && l.src[i] != ']') {
				i++
			}
		case c == ']':
			bracket = false
		case c == '/' && !bracket:
			tok := l.token(awkRegex, l.src[l.at+1:i])
			l.at = i + 1
			return tok, nil
		}
	}
	return awkToken{}, &awkError{fmt.Sprintf("non-terminated regular expression %.10s... at source line %d", l.src[l.at+1:], l.line), l.line}
}
