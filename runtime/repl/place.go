package repl

import (
	"strings"
	"unicode"
)

// place is where in a script the cursor stands.
type place struct {
	chain string // the dotted name that ends at the cursor: "h.zpool.st"
	// quoted is what stands between the opening quote and the cursor.
	inString bool
	quoted   string
	frames   []frame // the brackets around, the innermost last
}

// frame is one open bracket.
type frame struct {
	open   rune
	callee string // what is called, where the bracket is a call's
	arg    int    // commas before the cursor
	key    string // of the field whose value is being written
	keys   []string
}

// locate reads a script up to the cursor.
func locate(text string) place {
	s := &scanner{rest: []rune(text)}
	for len(s.rest) > 0 {
		s.next()
	}
	return s.place
}

type scanner struct {
	place
	rest []rune
	// spaced: a blank followed the chain, so that no further letter belongs to it.
	spaced bool
}

func (s *scanner) next() {
	c := s.rest[0]
	switch {
	case strings.HasPrefix(string(s.rest[:min(2, len(s.rest))]), "--"):
		s.comment()
		return
	case c == '"' || c == '\'':
		s.quote(c)
		return
	case c == '[' && len(s.rest) > 1 && s.rest[1] == '[':
		s.long()
		return
	case isWord(c):
		if s.spaced && !strings.HasSuffix(s.chain, ".") && !strings.HasSuffix(s.chain, ":") {
			s.chain = ""
		}
		s.chain += string(c)
		s.spaced = false
	case (c == '.' || c == ':') && s.chain != "":
		s.chain += string(c)
		s.spaced = false
	case unicode.IsSpace(c):
		s.spaced = true
	default:
		s.mark(c)
	}
	s.rest = s.rest[1:]
}

func isWord(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }

// mark takes a bracket, a comma or an operator.
func (s *scanner) mark(c rune) {
	switch c {
	case '(', '{', '[':
		s.frames = append(s.frames, frame{open: c, callee: s.chain})
	case ')', '}', ']':
		if len(s.frames) > 0 {
			s.frames = s.frames[:len(s.frames)-1]
		}
	case ',', ';':
		if f := s.innermost(); f != nil {
			f.arg++
			f.key = ""
		}
	case '=':
		if f := s.innermost(); f != nil && f.open == '{' {
			f.key = s.chain
			f.keys = append(f.keys, s.chain)
		}
	}
	s.chain, s.spaced = "", false
}

func (s *scanner) innermost() *frame {
	if len(s.frames) == 0 {
		return nil
	}
	return &s.frames[len(s.frames)-1]
}

func (s *scanner) comment() {
	for len(s.rest) > 0 && s.rest[0] != '\n' {
		s.rest = s.rest[1:]
	}
	s.chain = ""
}

// quote passes a string, or ends within it. One right behind a name is an
// argument: require "x".
func (s *scanner) quote(quote rune) {
	var inside strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '\\' && i+1 < len(s.rest):
			i++
			inside.WriteRune(s.rest[i])
		case c == quote || c == '\n':
			s.rest, s.chain = s.rest[i+1:], ""
			return
		default:
			inside.WriteRune(c)
		}
	}
	if s.chain != "" {
		s.frames = append(s.frames, frame{open: '(', callee: s.chain})
	}
	s.rest, s.chain, s.inString, s.quoted = nil, "", true, inside.String()
}

func (s *scanner) long() {
	at := strings.Index(string(s.rest), "]]")
	s.chain = ""
	if at < 0 {
		s.rest, s.inString = nil, true
		s.frames = nil
		return
	}
	s.rest = []rune(string(s.rest)[at+2:])
}
