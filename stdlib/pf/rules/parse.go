package rules

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Env is what a file of rules is read on. The zero value knows nothing: names
// that only a machine can resolve stay as they are.
type Env struct {
	Release    string                            // whose pfctl reads: "14.3"; empty: the newest
	Anchor     string                            // the rules are for; empty: the main ruleset
	Open       func(name string) ([]byte, error) // files that are included, and those of tables
	Interfaces []Interface                       // nil: not known
	Lookup     func(name string) []netip.Addr    // of the resolver; nil: not known
	User       func(name string) (int, bool)     // nil: not known
	Group      func(name string) (int, bool)
	Macros     map[string]string // of the command line: they win
	// Printed is set to read what pfctl has printed, which it would not quite
	// accept itself.
	Printed bool
}

// Interface is a network interface with its addresses, the primary ones first.
type Interface struct {
	Name      string
	Groups    []string
	Loopback  bool
	Broadcast bool
	Inet      []netip.Prefix
	Inet6     []netip.Prefix
}

// Parse reads rules. All that is wrong with them is returned, in the order in
// which pfctl says it.
func Parse(name string, data []byte, env Env) (*Ruleset, []Error) {
	p := &parser{env: env, set: &Ruleset{}, requireOrder: true, blockPolicy: "drop"}
	p.top = p.set
	if name == "-" {
		name = "stdin"
	}
	p.lex = &lexer{
		release: env.Release, macros: map[string]string{}, fixed: map[string]bool{}, failed: p.record,
		files: []*source{{name: name, data: data, line: 1}},
	}
	for name, value := range env.Macros {
		p.lex.macros[name], p.lex.fixed[name] = value, true
	}
	p.tok = p.lex.next()
	for p.tok.kind != tokEOF {
		p.line()
	}
	return p.set, p.errors
}

// parser reads line by line; a line with an error is dropped.
type parser struct {
	env    Env
	lex    *lexer
	tok    token
	top    *Ruleset
	set    *Ruleset // the one rules go to: top, or that of an anchor in braces
	errors []Error

	silent       int // tokens for which no further syntax error is said
	order        int
	requireOrder bool
	blockPolicy  string
	ifBound      bool
	defaults     *StateOptions
	braces       int // anchors without a name so far
	numbers      map[*Ruleset]int
}

// abandon ends a line that has an error.
type abandon struct{}

func (p *parser) record(e Error) { p.errors = append(p.errors, e) }

// complain says what is wrong and goes on.
func (p *parser) complain(format string, args ...any) {
	p.record(Error{Position: Position{p.lex.file().name, p.tok.line}, Text: fmt.Sprintf(format, args...)})
}

// mutter is what pfctl says without the position.
func (p *parser) mutter(format string, args ...any) {
	p.record(Error{Position: Position{p.lex.file().name, p.tok.line}, Text: fmt.Sprintf(format, args...), Bare: true})
}

// refuse says what is wrong and drops the line.
func (p *parser) refuse(format string, args ...any) {
	p.complain(format, args...)
	panic(abandon{})
}

func (p *parser) syntax() {
	if p.silent == 0 {
		p.complain("syntax error")
	}
	panic(abandon{})
}

// line reads one line, or several that braces hold together.
func (p *parser) line() {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(abandon); !ok {
				panic(r)
			}
			p.silent = 3
			for p.tok.kind != "\n" && p.tok.kind != tokEOF {
				p.tok = p.lex.next()
			}
			p.shift()
		}
	}()
	p.statement()
	p.want("\n")
}

func (p *parser) shift() token {
	t := p.tok
	if p.silent > 0 {
		p.silent--
	}
	if t.kind != tokEOF {
		p.tok = p.lex.next()
	}
	return t
}

func (p *parser) is(kinds ...string) bool { return slices.Contains(kinds, p.tok.kind) }

// accept takes a token if it is next.
func (p *parser) accept(kind string) bool {
	if p.tok.kind != kind {
		return false
	}
	p.shift()
	return true
}

func (p *parser) want(kind string) token {
	if p.tok.kind != kind {
		p.syntax()
	}
	return p.shift()
}

// text takes a string.
func (p *parser) text() string { return p.want(tokString).text }

// words takes one string or several, which become one.
func (p *parser) words() string {
	s := p.text()
	for p.tok.kind == tokString {
		s += " " + p.shift().text
	}
	return s
}

// mixed takes a string or a number as text.
func (p *parser) mixed() string {
	if p.tok.kind == tokNumber {
		return fmt.Sprint(p.shift().num)
	}
	return p.text()
}

// newlines skips line breaks where braces allow them.
func (p *parser) newlines() {
	for p.accept("\n") {
	}
}

// list reads one item, or several in braces.
func list[T any](p *parser, item func() T) []T {
	if !p.accept("{") {
		return []T{item()}
	}
	p.newlines()
	var all []T
	for {
		all = append(all, item())
		p.newlines()
		if p.accept("}") {
			return all
		}
		p.accept(",")
	}
}

// enclosed reads items in parentheses.
func (p *parser) enclosed(item func()) {
	p.want("(")
	for {
		item()
		if p.accept(")") {
			return
		}
		p.accept(",")
	}
}

// Sections of a file, in the order they must have.
const (
	inOptions = iota + 1
	inEther
	inScrub
	inQueue
	inNat
	inFilter
)

// section notes what a line is; lines of an earlier section are refused.
func (p *parser) section(s int) {
	if p.requireOrder && p.order > s {
		ether := ""
		if since(p.env.Release, "14.0") {
			ether = "ether, "
		}
		p.refuse("Rules must be in order: options, %snormalization, queueing, translation, filtering", ether)
	}
	p.order = s
}

func (p *parser) say(format string, args ...any) {
	p.top.Said = append(p.top.Said, fmt.Sprintf(format, args...))
}

func (p *parser) statement() {
	switch p.tok.kind {
	case "\n":
	case "include":
		p.include()
	case "set":
		p.shift()
		p.option()
	case "pass", "block", "match":
		p.filterRule()
	case "scrub":
		p.scrubRule(false)
	case "nat", "rdr":
		p.natRule(false)
	case "binat":
		p.binatRule(false)
	case "no":
		p.shift()
		p.negated()
	case "anchor":
		p.anchorRule()
	case "nat-anchor", "rdr-anchor", "binat-anchor":
		p.natAnchor()
	case "load":
		p.load()
	case "altq", "queue":
		p.queue()
	case "ether":
		p.ether()
	case "antispoof":
		p.antispoof()
	case "table":
		p.table()
	case tokString:
		p.macro()
	default:
		p.syntax()
	}
}

// negated is a rule that begins with "no".
func (p *parser) negated() {
	switch p.tok.kind {
	case "scrub":
		p.scrubRule(true)
	case "nat", "rdr":
		p.natRule(true)
	case "binat":
		p.binatRule(true)
	default:
		p.syntax()
	}
}

func (p *parser) macro() {
	name := p.shift().text
	p.want("=")
	value := p.mixed()
	for p.is(tokString, tokNumber) {
		value += " " + p.mixed()
	}
	p.say("%s = \"%s\"", name, value)
	if len(name) > 0 && strings.ContainsAny(name[1:], " \t\n\v\f\r") {
		p.refuse("macro name cannot contain whitespace")
	}
	if !p.lex.fixed[name] {
		p.lex.macros[name] = value
	}
	p.top.Macros = append(p.top.Macros, Macro{name, value})
}

func (p *parser) include() {
	p.shift()
	if p.tok.kind != tokString {
		p.syntax()
	}
	name := p.tok.text
	data, err := p.open(name)
	if err == nil && len(p.lex.files) > 32 {
		err = os.ErrInvalid
	}
	if err != nil {
		p.mutter("pfctl: %s: %s", name, cause(err))
		p.refuse("failed to include file %s", name)
	}
	p.lex.include(name, data)
	p.shift()
}

func (p *parser) open(name string) ([]byte, error) {
	if p.env.Open == nil {
		return nil, nil
	}
	return p.env.Open(name)
}

// cause is the error's text without the path, as strerror(3) says it.
func cause(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func (p *parser) load() {
	p.shift()
	p.want("anchor")
	name := p.words()
	p.want("from")
	p.top.Loads = append(p.top.Loads, Load{join(p.env.Anchor, name), p.words()})
}

// join puts an anchor's name below a path.
func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "/" + name
}

// queue reads a line of ALTQ, which the kernels of releases do not have: it is
// known as one and has no effect.
func (p *parser) queue() {
	line := p.rest()
	p.section(inQueue)
	p.top.Queues = append(p.top.Queues, line)
}

// ether reads a rule for Ethernet frames, which is kept as it stands.
func (p *parser) ether() {
	line := p.rest()
	p.section(inEther)
	p.top.Ether = append(p.top.Ether, line)
}

// rest takes the line as words; braces and parentheses must close.
func (p *parser) rest() string {
	var words, open []string
	for {
		switch p.tok.kind {
		case "{", "(":
			open = append(open, map[string]string{"{": "}", "(": ")"}[p.tok.kind])
		case "}", ")":
			if len(open) == 0 || open[len(open)-1] != p.tok.kind {
				p.syntax()
			}
			open = open[:len(open)-1]
		case "\n":
			if len(open) == 0 {
				return strings.Join(words, " ")
			}
			p.shift()
			continue
		case tokEOF, tokError:
			p.syntax()
		}
		t := p.shift()
		word := t.text
		if word == "" {
			word = t.kind
		}
		words = append(words, word)
	}
}

func (p *parser) table() {
	p.shift()
	p.want("<")
	t := Table{Name: p.text()}
	p.want(">")
	sources := ""
	for {
		switch p.tok.kind {
		case tokString:
			switch word := p.tok.text; word {
			case "const":
				t.Const = true
			case "persist":
				t.Persist = true
			case "counters":
				t.Counters = true
			default:
				p.refuse("invalid table option '%s'", word)
			}
			p.shift()
		case "{":
			already := len(t.Addresses)
			p.tableAddresses(&t)
			sources = braced(sources, t.Addresses[already:])
		case "file":
			p.shift()
			t.Files = append(t.Files, p.text())
			t.Given = true
			sources += " file \"" + t.Files[len(t.Files)-1] + "\""
		default:
			p.define(t, sources)
			return
		}
	}
}

// tableNameSize is PF_TABLE_NAME_SIZE.
const tableNameSize = 32

// braced puts addresses behind what a table's sources are so far; two lists become
// one.
func braced(sources string, addresses []TableAddress) string {
	if len(addresses) == 0 {
		return sources
	}
	joined, inside := strings.CutSuffix(sources, " }")
	if !inside {
		joined += " {"
	}
	for _, a := range addresses {
		joined += " " + a.String()
	}
	return joined + " }"
}

func (p *parser) define(t Table, sources string) {
	if len(t.Name) >= tableNameSize {
		p.refuse("table name too long, max %d chars", tableNameSize-1)
	}
	if t.Given && sources == "" {
		sources = " { }"
	}
	p.say("%s%s", t.head(), sources)
	for _, file := range t.Files {
		more, err := p.tableFile(file)
		if err != nil {
			p.refuse("cannot load \"%s\": %s", file, cause(err))
		}
		t.Addresses = append(t.Addresses, more...)
	}
	p.top.Tables = append(p.top.Tables, t)
}

// tableFile reads the addresses of a file, one a word.
func (p *parser) tableFile(name string) ([]TableAddress, error) {
	data, err := p.open(name)
	if err != nil {
		return nil, err
	}
	var all []TableAddress
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			found, complaint := p.env.TableAddresses(word)
			if complaint != "" {
				p.mutter("%s", complaint)
				p.refuse("file \"%s\" contains bad data", name)
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

func (p *parser) tableAddresses(t *Table) {
	p.shift()
	p.newlines()
	t.Given = true
	if p.accept("}") {
		return
	}
	for _, h := range p.hostList() {
		switch h.addr.Kind {
		case Net:
			t.Addresses = append(t.Addresses, TableAddress{h.not, h.addr.Prefix})
		case Any:
			t.Addresses = append(t.Addresses, TableAddress{h.not, zero(h.family)})
		case Span:
			p.refuse("address ranges are not permitted inside tables")
		case Dynamic:
			p.refuse("dynamic addresses are not permitted inside tables")
		case TableOf:
			p.refuse("tables cannot contain tables")
		case NoRoute, URPFFailed:
			p.refuse("\"%s\" is not permitted inside tables", h.addr.Kind)
		case Named:
			p.refuse("cannot create address buffer: %s", "Invalid argument")
		}
	}
}

// zero is the network of all addresses of a family.
func zero(family string) netip.Prefix {
	if family == "inet6" {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}
