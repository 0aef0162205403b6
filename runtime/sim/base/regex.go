package base

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// The errors of regcomp(3), in the words of regerror(3).
var (
	errParen   = errors.New("parentheses not balanced")
	errBrack   = errors.New("brackets ([ ]) not balanced")
	errBrace   = errors.New("braces not balanced")
	errBadBr   = errors.New("invalid repetition count(s)")
	errRange   = errors.New("invalid character range")
	errCType   = errors.New("invalid character class")
	errEscape  = errors.New(`trailing backslash (\)`)
	errRepeat  = errors.New("repetition-operator operand invalid")
	errEmpty   = errors.New("empty (sub)expression")
	errCollate = errors.New("invalid collating element")
	errSubReg  = errors.New("invalid backreference number")
	errSpace   = errors.New("out of memory")
)

// A regex is a compiled expression of regcomp(3). Go's engine runs it, unless it
// needs what that engine lacks: back-references and the two edges of a word.
type regex struct {
	fast   *regexp.Regexp
	slow   *backtracker
	groups int
}

// compileRegexp translates an expression, basic or extended, with the additions
// of FreeBSD's libregex (\+ \? \| \< \> \b \w \s). As POSIX asks, the longest of
// the leftmost matches counts.
func compileRegexp(pattern string, extended, fold bool) (*regex, error) {
	return compileFlags(pattern, extended, fold, false)
}

// compileFlags is compileRegexp where ^ and $ may match at every line.
func compileFlags(pattern string, extended, fold, multiline bool) (*regex, error) {
	t := &regexTranslator{in: pattern, extended: extended}
	if err := t.run(); err != nil {
		return nil, err
	}
	flags := "s"
	if fold {
		flags += "i"
	}
	if multiline {
		flags += "m"
	}
	text := "(?" + flags + ")" + t.out.String()
	re := &regex{groups: t.groups}
	if t.backref > t.groups {
		return nil, errSubReg
	}
	var err error
	if t.special {
		re.slow, err = newBacktracker(text, t.groups)
	} else {
		re.fast, err = regexp.Compile(text)
	}
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) && bad.Code == syntax.ErrInvalidRepeatSize {
			return nil, errBadBr
		}
		return nil, errSpace
	}
	if re.fast != nil {
		re.fast.Longest()
	}
	return re, nil
}

// all finds up to n matches (all: -1), each as pairs of offsets for the match
// and its groups.
func (r *regex) all(s string, n int) [][]int {
	if r.slow != nil {
		return r.slow.all(s, n)
	}
	return r.fast.FindAllStringSubmatchIndex(s, n)
}

// first is the first match, or nil.
func (r *regex) first(s string) []int {
	if r.slow == nil {
		return r.fast.FindStringSubmatchIndex(s)
	}
	if m := r.slow.all(s, 1); m != nil {
		return m[0]
	}
	return nil
}

// MatchString tells whether the expression matches somewhere.
func (r *regex) MatchString(s string) bool {
	if r.slow == nil {
		return r.fast.MatchString(s)
	}
	return r.first(s) != nil
}

// whole tells whether the expression matches all of s.
func (r *regex) whole(s string) bool {
	m := r.first(s)
	return m != nil && m[0] == 0 && m[1] == len(s)
}

type regexTranslator struct {
	in       string
	at       int
	extended bool
	out      strings.Builder
	depth    int
	groups   int
	atom     bool // a repetition may follow
	begin    bool // at the beginning of a branch
	atomAt   int  // where the last atom begins in out
	starred  bool // the last atom has a repetition already
	opens    []int
	special  bool // needs the backtracker
	backref  int  // highest back-reference
}

func (t *regexTranslator) run() error {
	t.begin = true
	for t.at < len(t.in) {
		if err := t.next(); err != nil {
			return err
		}
	}
	if t.depth > 0 {
		return errParen
	}
	return nil
}

func (t *regexTranslator) emit(s string) {
	t.atomAt, t.starred = t.out.Len(), false
	t.out.WriteString(s)
	t.atom, t.begin = true, false
}

// assert adds something that matches no text.
func (t *regexTranslator) assert(s string) {
	t.out.WriteString(s)
	t.atom = false
}

func (t *regexTranslator) next() error {
	rest := t.in[t.at:]
	c := rest[0]
	switch {
	case c == '\\':
		return t.escape()
	case c == '[':
		return t.bracket()
	case c == '.':
		t.at++
		t.emit(".")
	case c == '*':
		t.at++
		return t.repeat("*")
	case c == '^' && (t.extended || t.begin):
		// In a basic expression "*" after "^" is itself.
		t.at++
		t.assert("^")
		t.begin = false
	case c == '$' && (t.extended || t.endsBranch(1)):
		t.at++
		t.assert("$")
		t.begin = false
	case t.extended && strings.IndexByte("+?", c) >= 0:
		t.at++
		return t.repeat(string(c))
	case t.extended && c == '(':
		t.at++
		t.open()
	case t.extended && c == ')' && t.depth > 0:
		t.at++
		return t.close()
	case t.extended && c == ')':
		return errParen
	case t.extended && c == '|':
		t.at++
		return t.alternate()
	case t.extended && c == '{' && (len(rest) < 2 || rest[1] < '0' || rest[1] > '9'):
		// A brace that starts no bound is itself, as FreeBSD has it.
		t.at++
		t.emit(`\{`)
	case t.extended && c == '{':
		t.at++
		return t.bound("}")
	default:
		_, n := utf8.DecodeRuneInString(rest)
		t.at += n
		t.emit(quoteRegexp(rest[:n]))
	}
	return nil
}

func quoteRegexp(s string) string {
	if !utf8.ValidString(s) {
		return `\x{FFFD}`
	}
	return regexp.QuoteMeta(s)
}

// endsBranch tells whether n bytes on a branch of a basic expression ends.
func (t *regexTranslator) endsBranch(n int) bool {
	rest := t.in[t.at+n:]
	return rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`)
}

func (t *regexTranslator) open() {
	t.depth++
	t.groups++
	t.opens = append(t.opens, t.out.Len())
	t.out.WriteString("(")
	t.atom, t.begin = false, true
}

func (t *regexTranslator) close() error {
	if t.depth == 0 {
		return errParen
	}
	t.depth--
	t.out.WriteString(")")
	t.atomAt = t.opens[len(t.opens)-1]
	t.opens = t.opens[:len(t.opens)-1]
	t.atom, t.begin, t.starred = true, false, false
	return nil
}

func (t *regexTranslator) alternate() error {
	if t.begin && !t.extended {
		return errEmpty
	}
	t.out.WriteString("|")
	t.atom, t.begin = false, true
	return nil
}

// repeat adds a repetition to the last atom. A star with nothing before it is
// itself in a basic expression and an error in an extended one.
func (t *regexTranslator) repeat(op string) error {
	if !t.atom {
		if t.extended {
			return errRepeat
		}
		t.emit(regexp.QuoteMeta(op))
		return nil
	}
	if t.starred {
		// Go refuses a**: group what is repeated already.
		text := t.out.String()
		head, atom := text[:t.atomAt], text[t.atomAt:]
		t.out.Reset()
		t.out.WriteString(head + "(?:" + atom + ")")
	}
	t.out.WriteString(op)
	t.starred, t.begin = true, false
	return nil
}

// bound reads {n}, {n,} or {n,m} up to the closing mark.
func (t *regexTranslator) bound(closing string) error {
	body, rest, ok := strings.Cut(t.in[t.at:], closing)
	if !ok {
		return errBrace
	}
	low, high, comma := strings.Cut(body, ",")
	n, okLow := boundNumber(low)
	m, okHigh := boundNumber(high)
	if !okLow || comma && high != "" && (!okHigh || m < n) {
		return errBadBr
	}
	t.at = len(t.in) - len(rest)
	return t.repeat("{" + body + "}")
}

// boundNumber is at most RE_DUP_MAX, 255.
func boundNumber(s string) (int, bool) {
	n := 0
	if s == "" || len(s) > 3 {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= 255
}

// gnuEscapes are libregex's additions that consume a character.
var gnuEscapes = map[byte]string{
	'w': `[\pL\pN_]`, 'W': `[^\pL\pN_]`, 's': `[\s\v]`, 'S': `[^\s\v]`, 'n': `\n`, 't': `\t`,
}

// gnuAsserts are those that match a place.
var gnuAsserts = map[byte]string{
	'b': `\b`, 'B': `\B`, '<': wordBegin, '>': wordEnd, '`': `\A`, '\'': `\z`,
}

// What Go's syntax cannot say is written as characters of a private plane, which
// the backtracker understands: the edges of a word, and back-references from
// markBackref+1. A filler after each keeps Go's parser from making a class of
// several marks.
const (
	markBackref   = '\U000F0000'
	markWordBegin = '\U000F0010'
	markWordEnd   = '\U000F0011'
	markFiller    = '\U000F001F'

	wordBegin = "(?:\U000F0010\U000F001F)"
	wordEnd   = "(?:\U000F0011\U000F001F)"
)

func (t *regexTranslator) escape() error {
	if t.at+1 >= len(t.in) {
		return errEscape
	}
	c := t.in[t.at+1]
	switch {
	case !t.extended && c == '(':
		t.at += 2
		t.open()
		return nil
	case !t.extended && c == ')':
		t.at += 2
		return t.close()
	case !t.extended && c == '{':
		t.at += 2
		if !t.atom {
			return errRepeat
		}
		return t.bound(`\}`)
	case !t.extended && strings.IndexByte("+?", c) >= 0:
		t.at += 2
		return t.repeat(string(c))
	case !t.extended && c == '|':
		t.at += 2
		return t.alternate()
	case c >= '1' && c <= '9':
		t.at += 2
		t.special = true
		t.backref = max(t.backref, int(c-'0'))
		t.emit("(?:" + string([]rune{markBackref + rune(c-'0'), markFiller}) + ")")
		return nil
	}
	if text, ok := gnuEscapes[c]; ok {
		t.at += 2
		t.emit(text)
		return nil
	}
	if text, ok := gnuAsserts[c]; ok {
		t.at += 2
		t.special = t.special || c == '<' || c == '>'
		t.assert(text)
		t.begin = false
		return nil
	}
	_, n := utf8.DecodeRuneInString(t.in[t.at+1:])
	text := t.in[t.at+1 : t.at+1+n]
	if c < utf8.RuneSelf && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '0') {
		return errEscape // regcomp(3) refuses to escape ordinary letters since 13.0
	}
	t.at += 1 + n
	t.emit(quoteRegexp(text))
	return nil
}

// bracket reads a bracket expression, in which a backslash is itself.
func (t *regexTranslator) bracket() error {
	if word, ok := map[string]string{"[[:<:]]": wordBegin, "[[:>:]]": wordEnd}[t.in[t.at:min(t.at+7, len(t.in))]]; ok {
		t.at += 7
		t.special = true
		t.assert(word)
		t.begin = false
		return nil
	}
	i := t.at + 1
	set := "["
	if i < len(t.in) && t.in[i] == '^' {
		set += "^"
		i++
	}
	first := true
	for {
		if i >= len(t.in) {
			return errBrack
		}
		if t.in[i] == ']' && !first {
			break
		}
		first = false
		if strings.HasPrefix(t.in[i:], "[:") {
			name, _, ok := strings.Cut(t.in[i+2:], ":]")
			if !ok || classes[name] == "" {
				return errCType
			}
			set += classes[name]
			i += len(name) + 4
			continue
		}
		low, next, err := t.element(i)
		if err != nil {
			return err
		}
		i = next
		if i+1 < len(t.in) && t.in[i] == '-' && t.in[i+1] != ']' {
			high, next, err := t.element(i + 1)
			if err != nil {
				return err
			}
			if high < low {
				return errRange
			}
			set += fmt.Sprintf(`\x{%x}-\x{%x}`, low, high)
			i = next
			continue
		}
		set += fmt.Sprintf(`\x{%x}`, low)
	}
	t.at = i + 1
	t.emit(set + "]")
	return nil
}

// element reads one character of a bracket expression.
func (t *regexTranslator) element(i int) (rune, int, error) {
	for _, mark := range []string{".", "="} {
		if strings.HasPrefix(t.in[i:], "["+mark) {
			name, _, ok := strings.Cut(t.in[i+2:], mark+"]")
			r, n := utf8.DecodeRuneInString(name)
			if long, known := collating[name]; known {
				r, n = long, len(name)
			}
			if !ok || n != len(name) {
				return 0, 0, errCollate
			}
			return r, i + len(name) + 4, nil
		}
	}
	if i >= len(t.in) {
		return 0, 0, errBrack
	}
	r, n := utf8.DecodeRuneInString(t.in[i:])
	return r, i + n, nil
}

// collating are the names of collating elements that people use.
var collating = map[string]rune{"hyphen": '-', "space": ' ', "tab": '\t', "newline": '\n', "period": '.', "slash": '/', "NUL": 0}

// classes are the character classes in Go syntax.
var classes = map[string]string{
	"alpha": `\pL`, "digit": "0-9", "alnum": `\pL\pN`, "upper": `\p{Lu}`, "lower": `\p{Ll}`, "space": ` \t\n\v\f\r`,
	"blank": ` \t`, "punct": "[:punct:]", "print": `\x20-\x7e\pL\pM\pN\pP\pS`, "graph": `\x21-\x7e\pL\pM\pN\pP\pS`,
	"cntrl": `\x00-\x1f\x7f`, "xdigit": "0-9A-Fa-f",
}

// globRegexp translates a pattern of fnmatch(3) without FNM_PATHNAME.
func globRegexp(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(".*")
			i++
		case '?':
			b.WriteString(".")
			i++
		case '[':
			set, n := globBracket(pattern[i:])
			b.WriteString(set)
			i += n
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
			fallthrough
		default:
			_, n := utf8.DecodeRuneInString(pattern[i:])
			b.WriteString(quoteRegexp(pattern[i : i+n]))
			i += n
		}
	}
	b.WriteString(`\z`)
	return regexp.Compile(b.String())
}

// globBracket translates [...]; one that does not close is a plain bracket.
func globBracket(s string) (set string, n int) {
	body := s
	if len(s) > 1 && s[1] == '!' {
		body = "[^" + s[2:]
	}
	t := &regexTranslator{in: body, extended: true}
	if err := t.bracket(); err != nil {
		return `\[`, 1
	}
	return t.out.String(), t.at
}
