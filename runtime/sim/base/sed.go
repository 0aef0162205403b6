package base

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

var sedCommands = []command{
	{name: "sed", dir: "/usr/bin", flags: "Eae:f:i:I:lnru", run: sed, live: true, usage: "usage: sed script [-Ealnru] [-i extension] [file ...]\n" +
		"\tsed [-Ealnu] [-i extension] [-e script] ... [-f script_file] ... [file ...]"},
}

// sedCommand is one compiled command.
type sedCommand struct {
	from, to *sedAddress
	negate   bool
	inRange  bool // between from and to
	rangeEnd int  // line number at which a range with "+n" or a number ends
	name     byte
	text     string // of a, i, c, a label, a file
	subst    *substitution
	table    map[rune]rune // of y
	target   int           // index of a branch, or of the end of a block
	number   int           // of q
	line     int           // of the script, for messages
}

// sedAddress is a line number, $, a regular expression, or +n.
type sedAddress struct {
	line int
	last bool
	plus bool
	re   *regex // nil with regex set: the last one used
	expr bool
}

// substitution is an s command, which tar -s uses too.
type substitution struct {
	re      *regex // nil: the last one used
	parts   []substPart
	global  bool
	nth     int
	print   bool
	file    string
	groups  int
	counted bool // a number was given
}

// substPart is a literal, or the match (group 0) or one of its groups.
type substPart struct {
	text  string
	group int // -1: text
}

// sedParser compiles a script.
type sedParser struct {
	extended bool
	script   string
	at       int
	line     int
	from     string // the command line's part or file the text is from, for messages
	list     []*sedCommand
	blocks   []int
	labels   map[string]int
}

var errLabel = errors.New("undefined label")

func (sp *sedParser) failf(format string, args ...any) error {
	return fmt.Errorf("%d: %s: %s", sp.line, sp.from, fmt.Sprintf(format, args...))
}

// parseSed compiles the parts of a script, joined with newlines.
func parseSed(script, from string, extended bool) ([]*sedCommand, error) {
	sp := &sedParser{extended: extended, script: script, line: 1, from: from, labels: map[string]int{}}
	for {
		sp.skip(" \t\n;")
		if sp.at >= len(sp.script) {
			break
		}
		if sp.script[sp.at] == '#' {
			sp.restOfLine()
			continue
		}
		if err := sp.command(); err != nil {
			return nil, err
		}
	}
	if len(sp.blocks) > 0 {
		return nil, sp.failf("unexpected EOF (pending }'s)")
	}
	for _, c := range sp.list {
		if strings.IndexByte("bt", c.name) < 0 {
			continue
		}
		c.target = len(sp.list)
		if c.text != "" {
			target, ok := sp.labels[c.text]
			if !ok {
				return nil, fmt.Errorf("%w '%s'", errLabel, c.text)
			}
			c.target = target
		}
	}
	return sp.list, nil
}

func (sp *sedParser) skip(set string) {
	for sp.at < len(sp.script) && strings.IndexByte(set, sp.script[sp.at]) >= 0 {
		if sp.script[sp.at] == '\n' {
			sp.line++
		}
		sp.at++
	}
}

func (sp *sedParser) peek() byte {
	if sp.at < len(sp.script) {
		return sp.script[sp.at]
	}
	return 0
}

func (sp *sedParser) restOfLine() string {
	text, _, _ := strings.Cut(sp.script[sp.at:], "\n")
	sp.at += len(text)
	return text
}

func (sp *sedParser) command() error {
	c := &sedCommand{line: sp.line}
	var err error
	if c.from, err = sp.address(); err != nil {
		return err
	}
	if c.from != nil {
		sp.skip(" \t")
		if sp.peek() == ',' {
			sp.at++
			sp.skip(" \t")
			if c.to, err = sp.address(); err != nil {
				return err
			}
			if c.to == nil {
				return sp.failf("expected context address")
			}
		}
	}
	sp.skip(" \t")
	for sp.peek() == '!' {
		c.negate = true
		sp.at++
		sp.skip(" \t")
	}
	if sp.at >= len(sp.script) || sp.peek() == '\n' {
		return sp.failf("command expected")
	}
	c.name = sp.script[sp.at]
	sp.at++
	return sp.body(c)
}

// sedAddresses is how many addresses a command may have.
var sedAddresses = map[byte]int{
	'{': 2, '}': 0, 'a': 1, 'b': 2, 'c': 2, 'd': 2, 'D': 2, 'g': 2, 'G': 2, 'h': 2, 'H': 2, 'i': 1, 'l': 2, 'n': 2, 'N': 2,
	'p': 2, 'P': 2, 'q': 1, 'r': 1, 's': 2, 't': 2, 'w': 2, 'x': 2, 'y': 2, '=': 1, ':': 0, '#': 0,
}

func (sp *sedParser) body(c *sedCommand) error {
	most, known := sedAddresses[c.name]
	if !known {
		return sp.failf("invalid command code %c", c.name)
	}
	given := 0
	if c.from != nil {
		given = 1
	}
	if c.to != nil {
		given = 2
	}
	// FreeBSD's sed takes two addresses for a, i, r and = as an addition.
	if given > most && (most == 0 || c.name == 'q') {
		return sp.failf("command %c expects up to %d address(es), found %d", c.name, most, given)
	}
	switch c.name {
	case '{':
		sp.blocks = append(sp.blocks, len(sp.list))
		sp.list = append(sp.list, c)
		return nil
	case '}':
		if len(sp.blocks) == 0 {
			return sp.failf("unexpected }")
		}
		open := sp.blocks[len(sp.blocks)-1]
		sp.blocks = sp.blocks[:len(sp.blocks)-1]
		sp.list[open].target = len(sp.list)
		return sp.endOfCommand(c)
	case ':':
		return sp.label()
	case 'a', 'i', 'c':
		if err := sp.textArgument(c); err != nil {
			return err
		}
	case 'b', 't':
		sp.skip(" \t")
		c.text = strings.TrimRight(sp.until(";\n}"), " \t")
	case 'r', 'w':
		sp.skip(" \t")
		if c.text = sp.restOfLine(); c.text == "" {
			return sp.failf("filename expected")
		}
	case 's':
		if err := sp.substitute(c); err != nil {
			return err
		}
		sp.list = append(sp.list, c)
		return sp.endOfCommand(c)
	case 'y':
		if err := sp.transliterate(c); err != nil {
			return err
		}
		sp.list = append(sp.list, c)
		return sp.endOfCommand(c)
	case 'q':
		sp.skip(" \t")
		digits := sp.number()
		c.number, _ = strconv.Atoi("0" + digits)
		fallthrough
	default:
		sp.list = append(sp.list, c)
		return sp.endOfCommand(c)
	}
	sp.list = append(sp.list, c)
	return nil
}

func (sp *sedParser) until(stops string) string {
	i := strings.IndexAny(sp.script[sp.at:], stops)
	if i < 0 {
		i = len(sp.script) - sp.at
	}
	text := sp.script[sp.at : sp.at+i]
	sp.at += i
	return text
}

func (sp *sedParser) number() string {
	start := sp.at
	for sp.peek() >= '0' && sp.peek() <= '9' {
		sp.at++
	}
	return sp.script[start:sp.at]
}

func (sp *sedParser) endOfCommand(c *sedCommand) error {
	sp.skip(" \t")
	switch sp.peek() {
	case 0, '\n', ';', '}', '#':
		return nil
	}
	return sp.failf("extra characters at the end of %c command", c.name)
}

func (sp *sedParser) label() error {
	sp.skip(" \t")
	name := strings.TrimRight(sp.until(";\n"), " \t")
	if name == "" {
		return sp.failf(`":" lacks a label`)
	}
	if _, twice := sp.labels[name]; twice {
		return sp.failf("duplicate label '%s'", name)
	}
	sp.labels[name] = len(sp.list)
	return nil
}

// textArgument reads the text of a, i and c: after a backslash and a newline,
// or, as FreeBSD has it since 11, on the same line.
func (sp *sedParser) textArgument(c *sedCommand) error {
	sp.skip(" \t")
	if sp.at >= len(sp.script) || sp.peek() == '\n' {
		return sp.failf("command %c expects \\ followed by text", c.name)
	}
	if sp.peek() == '\\' {
		sp.at++
		sp.skip(" \t")
		if sp.peek() != '\n' {
			if sp.at >= len(sp.script) {
				return sp.failf("command %c expects \\ followed by text", c.name)
			}
		} else {
			sp.at++
			sp.line++
		}
	}
	sp.skip(" \t")
	var b strings.Builder
	for sp.at < len(sp.script) {
		ch := sp.script[sp.at]
		sp.at++
		if ch == '\\' && sp.at < len(sp.script) {
			ch = sp.script[sp.at]
			sp.at++
			if ch == '\n' {
				sp.line++
			}
			b.WriteByte(ch)
			continue
		}
		if ch == '\n' {
			sp.line++
			break
		}
		b.WriteByte(ch)
	}
	c.text = b.String() + "\n"
	return nil
}

func (sp *sedParser) address() (*sedAddress, error) {
	switch ch := sp.peek(); {
	case ch == '$':
		sp.at++
		return &sedAddress{last: true}, nil
	case ch >= '0' && ch <= '9':
		n, err := strconv.Atoi(sp.number())
		if err != nil {
			return nil, sp.failf("invalid address")
		}
		return &sedAddress{line: n}, nil
	case ch == '+':
		sp.at++
		digits := sp.number()
		if digits == "" {
			return nil, sp.failf("expected context address")
		}
		n, _ := strconv.Atoi(digits)
		return &sedAddress{line: n, plus: true}, nil
	case ch == '/' || ch == '\\':
		if ch == '\\' {
			if sp.at++; sp.at >= len(sp.script) || sp.peek() == '\n' || sp.peek() == '\\' {
				return nil, sp.failf("\\ can not be used as a string delimiter")
			}
		}
		text, err := sp.delimited("regular expression", true)
		if err != nil {
			return nil, err
		}
		fold := false
		if sp.peek() == 'I' {
			sp.at++
			fold = true
		}
		re, err := sp.regex(text, fold, false)
		return &sedAddress{re: re, expr: true}, err
	}
	return nil, nil
}

func (sp *sedParser) regex(text string, fold, multiline bool) (*regex, error) {
	if text == "" {
		return nil, nil
	}
	re, err := compileFlags(text, sp.extended, fold, multiline)
	if err != nil {
		return nil, sp.failf("RE error: %s", err.Error())
	}
	return re, nil
}

// delimited reads up to the delimiter at the current place. In an expression
// "\n" is a newline and an escaped delimiter the delimiter itself.
func (sp *sedParser) delimited(what string, isRegex bool) (string, error) {
	delimiter := sp.script[sp.at]
	sp.at++
	var b strings.Builder
	bracket := false
	for sp.at < len(sp.script) {
		ch := sp.script[sp.at]
		sp.at++
		switch {
		case isRegex && bracket:
			b.WriteByte(ch)
			if strings.HasPrefix(sp.script[sp.at-1:], "[:") || strings.HasPrefix(sp.script[sp.at-1:], "[.") || strings.HasPrefix(sp.script[sp.at-1:], "[=") {
				if end := strings.Index(sp.script[sp.at+1:], sp.script[sp.at:sp.at+1]+"]"); end >= 0 {
					b.WriteString(sp.script[sp.at : sp.at+end+3])
					sp.at += end + 3
				}
				continue
			}
			bracket = ch != ']'
		case isRegex && ch == '[':
			b.WriteByte(ch)
			bracket = true
			// "]" right after the bracket is itself.
			for _, first := range []string{"^", "]"} {
				if strings.HasPrefix(sp.script[sp.at:], first) {
					b.WriteString(first)
					sp.at++
				}
			}
		case ch == '\\' && sp.at < len(sp.script):
			next := sp.script[sp.at]
			sp.at++
			switch {
			case next == delimiter && (isRegex || delimiter != '&'):
				b.WriteByte(delimiter)
			case next == 'n' && isRegex:
				b.WriteByte('\n')
			default:
				if next == '\n' {
					sp.line++
				}
				b.WriteByte('\\')
				b.WriteByte(next)
			}
		case ch == delimiter:
			return b.String(), nil
		case ch == '\n' && isRegex:
			return "", sp.failf("unterminated %s", what)
		default:
			if ch == '\n' {
				sp.line++
			}
			b.WriteByte(ch)
		}
	}
	if isRegex && bracket {
		return "", sp.failf("unbalanced brackets ([])")
	}
	return "", sp.failf("unterminated %s", what)
}

func (sp *sedParser) substitute(c *sedCommand) error {
	if d := sp.peek(); d == 0 || d == '\n' || d == '\\' {
		return sp.failf("substitute pattern can not be delimited by newline or backslash")
	}
	pattern, err := sp.delimited("substitute pattern", true)
	if err != nil {
		return err
	}
	sp.at--
	replacement, err := sp.delimited("substitute in regular expression", false)
	if err != nil {
		return err
	}
	s := &substitution{nth: 1}
	fold, multi := false, false
	for done := false; !done; {
		switch ch := sp.peek(); {
		case ch == 'g':
			s.global = true
		case ch == 'p':
			s.print = true
		case ch == 'i' || ch == 'I':
			fold = true
		case ch == 'm' || ch == 'M':
			multi = true
		case ch >= '1' && ch <= '9':
			if s.counted {
				return sp.failf("more than one number or 'g' in substitute flags")
			}
			s.nth, _ = strconv.Atoi(sp.number())
			s.counted = true
			continue
		case ch == 'w':
			sp.at++
			sp.skip(" \t")
			if s.file = sp.restOfLine(); s.file == "" {
				return sp.failf("no wfile specified")
			}
			done = true
			continue
		case strings.IndexByte("\n;}# \t\x00", ch) >= 0:
			done = true
			continue
		default:
			return sp.failf("bad flag in substitute command: '%c'", ch)
		}
		sp.at++
	}
	if s.re, err = sp.regex(pattern, fold, multi); err != nil {
		return err
	}
	s.parts, s.groups = replacementParts(replacement)
	if s.re != nil && s.groups > s.re.groups {
		return sp.failf("\\%d not defined in the RE", s.groups)
	}
	c.subst = s
	return nil
}

// replacementParts splits a replacement at & and \1 to \9.
func replacementParts(text string) (parts []substPart, groups int) {
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			parts = append(parts, substPart{b.String(), -1})
			b.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == '&':
			flush()
			parts = append(parts, substPart{"", 0})
		case ch == '\\' && i+1 < len(text):
			i++
			switch next := text[i]; {
			case next >= '0' && next <= '9':
				flush()
				parts = append(parts, substPart{"", int(next - '0')})
				groups = max(groups, int(next-'0'))
			case next == 'n':
				b.WriteByte('\n')
			case next == 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(next)
			}
		default:
			b.WriteByte(ch)
		}
	}
	flush()
	return parts, groups
}

func (s *substitution) expand(b *strings.Builder, text string, m []int) {
	for _, part := range s.parts {
		switch {
		case part.group < 0:
			b.WriteString(part.text)
		case 2*part.group+1 < len(m) && m[2*part.group] >= 0:
			b.WriteString(text[m[2*part.group]:m[2*part.group+1]])
		}
	}
}

// run replaces in a text with the given expression.
func (s *substitution) run(re *regex, text string) (string, bool) {
	limit := -1
	if !s.global {
		limit = s.nth
	}
	matches := re.all(text, limit)
	if len(matches) < s.nth {
		return text, false
	}
	var b strings.Builder
	end := 0
	for i, m := range matches {
		if i+1 < s.nth {
			continue
		}
		b.WriteString(text[end:m[0]])
		s.expand(&b, text, m)
		if end = m[1]; !s.global {
			break
		}
	}
	b.WriteString(text[end:])
	return b.String(), true
}

// apply is run with the own expression, for tar -s.
func (s *substitution) apply(text string) (string, bool) { return s.run(s.re, text) }

// parseSubstitution reads tar's ",pattern,replacement,flags".
func parseSubstitution(text string, extended bool) (*substitution, error) {
	sp := &sedParser{script: text, extended: extended, from: text, labels: map[string]int{}}
	c := &sedCommand{}
	if text == "" {
		return nil, errors.New("empty")
	}
	if err := sp.substitute(c); err != nil {
		return nil, err
	}
	if c.subst.re == nil {
		return nil, errors.New("empty expression")
	}
	return c.subst, nil
}

func (sp *sedParser) transliterate(c *sedCommand) error {
	if d := sp.peek(); d == 0 || d == '\n' || d == '\\' {
		return sp.failf("transform pattern can not be delimited by newline or backslash")
	}
	from, err := sp.delimited("transform source string", false)
	if err != nil {
		return err
	}
	sp.at--
	to, err := sp.delimited("transform target string", false)
	if err != nil {
		return err
	}
	x, y := []rune(unescapeY(from)), []rune(unescapeY(to))
	if len(x) != len(y) {
		return sp.failf("transform strings are not the same length")
	}
	c.table = map[rune]rune{}
	for i, r := range x {
		if _, twice := c.table[r]; !twice {
			c.table[r] = y[i]
		}
	}
	return nil
}

func unescapeY(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(s)
}

// sed reads the script from the operands or from -e and -f.
func sed(p *sim.Proc, o *options) int {
	var parts []string
	from := ""
	for _, opt := range o.list {
		switch opt.name {
		case "e":
			parts = append(parts, opt.arg)
			from = `"` + shorten(opt.arg) + `"`
		case "f":
			lines, err := readLines(p, opt.arg)
			if err != nil {
				return fail(p, opt.arg, err)
			}
			parts = append(parts, strings.Join(lines, "\n"))
			from = opt.arg
		}
	}
	names := o.args
	if len(parts) == 0 {
		if len(names) == 0 {
			return o.wrong(p)
		}
		parts, names = names[:1], names[1:]
		from = `"` + shorten(parts[0]) + `"`
	}
	script := strings.Join(parts, "\n")
	list, err := parseSed(script, from, o.has("Er"))
	if err != nil {
		return errx(p, "%s", err.Error())
	}
	s := &sedRun{p: p, list: list, quiet: o.has("n"), lineByLine: o.has("lu"), outputs: map[string]io.Writer{}}
	if strings.HasPrefix(script, "#n\n") || script == "#n" {
		s.quiet = true
	}
	for _, name := range []string{"i", "I"} {
		if suffix, ok := o.get(name); ok {
			s.inPlace, s.suffix, s.together = true, suffix, name == "I"
		}
	}
	return s.run(names)
}

// shorten is how sed names a script of the command line: in at most 29
// characters with its quotes.
func shorten(script string) string {
	const most, kept = 26, 23
	if len(script) > most {
		return script[:kept] + " ..."
	}
	return script
}
