package base

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// jailDef is a jail of jail.conf(5): "*" holds what stands outside of any.
type jailDef struct {
	name   string
	params []jailParam
}

// jailParam is a parameter or a variable with its list of values.
type jailParam struct {
	name     string
	variable bool
	adds     bool // +=
	values   []jailString
}

// jailString is a value in pieces: text, and names of variables.
type jailString []jailPiece

type jailPiece struct {
	text     string
	variable bool
}

func plainValue(text string) jailString { return jailString{{text: text}} }

// jailToken is a word of jail.conf: 's' a string, 'v' a variable, 0 the end, or
// the character itself; '+' stands for "+=".
type jailToken struct {
	kind   byte
	text   string // of a string
	raw    string // as it stands in the file
	joined bool   // it follows another part of the same value directly
	line   int
}

// jailReader reads one file.
type jailReader struct {
	file     string
	text     string
	at       int
	line     int
	instr    bool // the last token was part of a value
	quoted   bool // inside of double quotes
	includes bool // the release knows .include
	view     *vfs.View
	peeked   *jailToken
	defs     *[]jailDef
	depth    int
}

func (r *jailReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s line %d: %s", r.file, r.line, fmt.Sprintf(format, args...))
}

const jailWordBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_!%&()-.:<>?@[]^`|~*+/"

// skip passes blanks and comments.
func (r *jailReader) skip() error {
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			r.advance(1)
		case rest[0] == '#' || strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			r.advance(end)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return r.errorf("unterminated comment")
			}
			r.advance(end + 4)
		default:
			return nil
		}
		r.instr = false
	}
	return nil
}

func (r *jailReader) advance(n int) {
	r.line += strings.Count(r.text[r.at:r.at+n], "\n")
	r.at += n
}

func (r *jailReader) peek() (jailToken, error) {
	if r.peeked == nil {
		t, err := r.lex()
		if err != nil {
			return t, err
		}
		r.peeked = &t
	}
	return *r.peeked, nil
}

func (r *jailReader) next() (jailToken, error) {
	t, err := r.peek()
	r.peeked = nil
	return t, err
}

// lex is the next token.
func (r *jailReader) lex() (jailToken, error) {
	if r.quoted {
		return r.lexQuoted()
	}
	if err := r.skip(); err != nil {
		return jailToken{}, err
	}
	t := jailToken{line: r.line, joined: r.instr}
	if r.at == len(r.text) {
		t.joined = false
		return t, nil
	}
	rest := r.text[r.at:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "+="):
		r.instr = false
		r.advance(2)
		return jailToken{kind: '+', raw: "+=", line: t.line}, nil
	case strings.IndexByte(",;={}", c) >= 0:
		r.instr = false
		r.advance(1)
		return jailToken{kind: c, raw: string(c), line: t.line}, nil
	case c == '\'':
		end := endOfString(rest[1:], '\'')
		if end < 0 {
			return t, r.errorf("unterminated string")
		}
		t.kind, t.raw, t.text = 's', rest[:end+2], unescapeJail(rest[1:end+1])
		r.advance(end + 2)
	case c == '"':
		if endOfString(rest[1:], '"') < 0 {
			return t, r.errorf("unterminated string")
		}
		r.advance(1)
		r.quoted = true
		return r.lexQuoted()
	case c == '$':
		name, length, err := r.variable(rest)
		if err != nil || length > 0 {
			t.kind, t.text, t.raw = 'v', name, rest[:length]
			r.advance(length)
			r.instr = true
			return t, err
		}
		t.kind, t.text, t.raw = 's', "$", "$"
		r.advance(1)
	case c == '\\' && len(rest) > 1:
		t.kind, t.text, t.raw = 's', unescapeJail(rest[:2]), rest[:2]
		r.advance(2)
	case strings.IndexByte(jailWordBytes, c) >= 0:
		n := 0
		for n < len(rest) && strings.IndexByte(jailWordBytes, rest[n]) >= 0 && !startsOther(rest[n:]) {
			n++
		}
		t.kind, t.text, t.raw = 's', rest[:n], rest[:n]
		r.advance(n)
	default:
		r.advance(1)
		return jailToken{kind: c, raw: string(c), line: t.line}, nil
	}
	r.instr = true
	return t, nil
}

// startsOther tells whether a word ends because += or a comment begins.
func startsOther(text string) bool {
	return strings.HasPrefix(text, "+=") || strings.HasPrefix(text, "//") || strings.HasPrefix(text, "/*")
}

// lexQuoted goes on inside of double quotes, where variables count.
func (r *jailReader) lexQuoted() (jailToken, error) {
	t := jailToken{kind: 's', line: r.line, joined: r.instr}
	rest := r.text[r.at:]
	n := 0
	for rest[n] != '"' {
		if rest[n] == '$' {
			name, length, err := r.variable(rest[n:])
			if err != nil {
				return t, err
			}
			if length > 0 && n == 0 {
				r.advance(length)
				r.instr = true
				if r.text[r.at] == '"' {
					r.advance(1)
					r.quoted = false
				}
				return jailToken{kind: 'v', text: name, raw: rest[:length], line: t.line, joined: t.joined}, nil
			}
			if length > 0 {
				break
			}
		}
		if rest[n] == '\\' {
			n++
		}
		n++
	}
	t.text, t.raw = unescapeJail(rest[:n]), rest[:n]
	r.advance(n)
	if r.text[r.at] == '"' {
		r.advance(1)
		r.quoted = false
	}
	r.instr = true
	return t, nil
}

// variable reads $name or ${name}; its length is 0 where there is none.
func (r *jailReader) variable(text string) (name string, length int, err error) {
	if strings.HasPrefix(text, "${") {
		end := strings.IndexAny(text, "}\n\"")
		if end < 0 || text[end] != '}' {
			return "", 0, r.errorf("unterminated variable")
		}
		return text[2:end], end + 1, nil
	}
	n := 1
	for n < len(text) && (text[n] == '_' || text[n] >= 'a' && text[n] <= 'z' || text[n] >= 'A' && text[n] <= 'Z' || n > 1 && text[n] >= '0' && text[n] <= '9') {
		n++
	}
	if n == 1 {
		return "", 0, nil
	}
	return text[1:n], n, nil
}

// endOfString is where a string ends whose beginning is cut off, -1 for nowhere.
func endOfString(text string, quote byte) int {
	for n := 0; n < len(text); n++ {
		switch text[n] {
		case '\\':
			n++
		case quote:
			return n
		}
	}
	return -1
}

// unescapeJail takes the backslashes out.
func unescapeJail(text string) string {
	var b strings.Builder
	for n := 0; n < len(text); n++ {
		if text[n] != '\\' || n+1 == len(text) {
			b.WriteByte(text[n])
			continue
		}
		n++
		switch c := text[n]; c {
		case '\n':
		case 'a', 'b', 'f', 'n', 'r', 't', 'v':
			b.WriteByte("\a\b\f\n\r\t\v"[strings.IndexByte("abfnrtv", c)])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// read reads the whole file into the definitions.
func (r *jailReader) read() error {
	for {
		t, err := r.next()
		switch {
		case err != nil:
			return err
		case t.kind == 0:
			return nil
		case t.kind == ';':
		case t.kind == 's' && t.text == ".include" && r.includes:
			if err := r.include(); err != nil {
				return err
			}
		case t.kind == 's' || t.kind == 'v':
			if err := r.statement(t); err != nil {
				return err
			}
		default:
			return r.unexpected(t)
		}
	}
}

func (r *jailReader) unexpected(t jailToken) error {
	r.line = t.line
	if t.kind == 0 {
		return r.errorf("syntax error")
	}
	return r.errorf("%s: syntax error", t.raw)
}

// statement is a jail or a parameter for all.
func (r *jailReader) statement(first jailToken) error {
	after, err := r.peek()
	if err != nil {
		return err
	}
	if first.kind == 's' && after.kind == '{' {
		_, _ = r.next()
		return r.jail(first.text)
	}
	p, err := r.param(first)
	if err != nil {
		return err
	}
	if n := len(*r.defs); n == 0 || (*r.defs)[n-1].name != "*" {
		*r.defs = append(*r.defs, jailDef{name: "*"})
	}
	last := &(*r.defs)[len(*r.defs)-1]
	last.params = append(last.params, p)
	return nil
}

func (r *jailReader) jail(name string) error {
	def := jailDef{name: name}
	for {
		t, err := r.next()
		switch {
		case err != nil:
			return err
		case t.kind == ';':
		case t.kind == '}':
			*r.defs = append(*r.defs, def)
			return nil
		case t.kind == 's' || t.kind == 'v':
			p, err := r.param(t)
			if err != nil {
				return err
			}
			def.params = append(def.params, p)
		default:
			return r.unexpected(t)
		}
	}
}

// param reads a parameter behind its name, with the semicolon.
func (r *jailReader) param(name jailToken) (jailParam, error) {
	p := jailParam{name: name.text, variable: name.kind == 'v'}
	t, err := r.next()
	if err != nil {
		return p, err
	}
	switch t.kind {
	case ';':
		return p, nil
	case '=', '+':
		p.adds = t.kind == '+'
		if t, err = r.next(); err != nil {
			return p, err
		}
	}
	for {
		if t.kind != 's' && t.kind != 'v' {
			return p, r.unexpected(t)
		}
		value := jailString{{t.text, t.kind == 'v'}}
		for {
			more, err := r.peek()
			if err != nil {
				return p, err
			}
			if !more.joined || more.kind != 's' && more.kind != 'v' {
				break
			}
			_, _ = r.next()
			value = append(value, jailPiece{more.text, more.kind == 'v'})
		}
		p.values = append(p.values, value)
		if t, err = r.next(); err != nil {
			return p, err
		}
		switch t.kind {
		case ';':
			return p, nil
		case ',':
		default:
			return p, r.unexpected(t)
		}
		if t, err = r.next(); err != nil {
			return p, err
		}
	}
}

// include reads other files, as releases from 14.0 on do.
func (r *jailReader) include() error {
	t, err := r.next()
	if err != nil {
		return err
	}
	if t.kind != 's' {
		return r.unexpected(t)
	}
	if r.depth > 32 {
		return r.errorf("maximum include depth exceeded")
	}
	for _, name := range globFiles(r.view, t.text) {
		text, err := r.view.ReadFile(name)
		if err != nil {
			return fmt.Errorf("%s: %s", name, "No such file or directory")
		}
		inner := jailReader{file: name, text: string(text), line: 1, includes: true, view: r.view, defs: r.defs, depth: r.depth + 1}
		if err := inner.read(); err != nil {
			return err
		}
	}
	if t, err = r.next(); err != nil {
		return err
	}
	if t.kind != ';' {
		return r.unexpected(t)
	}
	return nil
}

// globFiles are the files of a pattern in its last part; a plain name is itself.
func globFiles(view *vfs.View, pattern string) []string {
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}
	}
	dir, last := pattern[:strings.LastIndexByte(pattern, '/')+1], pattern[strings.LastIndexByte(pattern, '/')+1:]
	list, _ := view.ReadDir(dir)
	var names []string
	for _, i := range list {
		if matchGlob(last, i.Name) {
			names = append(names, dir+i.Name)
		}
	}
	return names
}

// matchGlob knows * and ?, which is what names of files ask for.
func matchGlob(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	switch {
	case pattern[0] == '*':
		for n := 0; n <= len(name); n++ {
			if matchGlob(pattern[1:], name[n:]) {
				return true
			}
		}
		return false
	case name == "":
		return false
	case pattern[0] == '?' || pattern[0] == name[0]:
		return matchGlob(pattern[1:], name[1:])
	}
	return false
}

// wildJail tells whether a name of jail.conf stands for several.
func wildJail(name string) bool { return slices.Contains(strings.Split(name, "."), "*") }

// jailMatches tells whether a jail is one that a wildcard means: a * in the middle
// is one part of the name, the last one stands for all that follow.
func jailMatches(wild, name string) bool {
	w, n := strings.Split(wild, "."), strings.Split(name, ".")
	for k, part := range w {
		switch {
		case k >= len(n):
			return false
		case part == "*" && k == len(w)-1:
			return true
		case part != "*" && part != n[k]:
			return false
		}
	}
	return len(w) == len(n)
}

// jailConf is a jail with all that applies to it, variables filled in.
type jailConf struct {
	name   string
	params []jailSetting
	errors []string
}

// jailSetting is a parameter as it is in the end.
type jailSetting struct {
	name     string
	variable bool
	pieces   []jailString
	values   []string
}

// without is a name without the "no" of its last part.
func withoutNo(name string) (plain string, no bool) {
	at := strings.LastIndexByte(name, '.') + 1
	if rest, ok := strings.CutPrefix(name[at:], "no"); ok && rest != "" && !strings.HasPrefix(name[at:], "node") {
		return name[:at] + rest, true
	}
	return name, false
}

func sameParam(a, b string) bool {
	if a == b {
		return true
	}
	x, _ := withoutNo(a)
	y, _ := withoutNo(b)
	return x == y
}

// settle are the jails of a configuration.
func settle(defs []jailDef) []*jailConf {
	var list []*jailConf
	for at, def := range defs {
		if wildJail(def.name) {
			continue
		}
		j := &jailConf{name: def.name}
		key := "name"
		if _, err := strconv.Atoi(def.name); err == nil {
			key = "jid"
		}
		j.put(jailParam{name: key, values: []jailString{plainValue(def.name)}})
		own := false
		for k, other := range defs {
			if k > at && !own {
				j.putAll(def.params)
				own = true
			}
			if k != at && wildJail(other.name) && jailMatches(other.name, def.name) {
				j.putAll(other.params)
			}
		}
		if !own {
			j.putAll(def.params)
		}
		for k := range j.params {
			j.fill(k, nil)
		}
		list = append(list, j)
	}
	return list
}

func (j *jailConf) putAll(params []jailParam) {
	for _, p := range params {
		j.put(p)
	}
}

func (j *jailConf) put(p jailParam) {
	at := slices.IndexFunc(j.params, func(s jailSetting) bool { return sameParam(s.name, p.name) })
	if at < 0 {
		j.params = append(j.params, jailSetting{name: p.name, variable: p.variable, pieces: p.values})
		return
	}
	s := &j.params[at]
	switch {
	case s.variable != p.variable:
		j.errors = append(j.errors, fmt.Sprintf("variable \"$%s\" cannot have the same name as a parameter.", p.name))
		return
	case s.name == "name" || s.name == "jid":
		j.errors = append(j.errors, fmt.Sprintf("cannot redefine parameter \"%s\".", s.name))
		return
	}
	s.name = p.name
	if !p.adds || len(p.values) == 0 {
		s.pieces = nil
	}
	s.pieces = append(slices.Clone(s.pieces), p.values...)
}

// fill puts the values of variables into a parameter; under are those that are
// being filled in.
func (j *jailConf) fill(at int, under []string) bool {
	s := &j.params[at]
	if s.values != nil || len(s.pieces) == 0 {
		return true
	}
	for _, pieces := range s.pieces {
		values := []string{""}
		for _, piece := range pieces {
			if !piece.variable {
				values[len(values)-1] += piece.text
				continue
			}
			k := slices.IndexFunc(j.params, func(o jailSetting) bool { return o.name == piece.text })
			if k < 0 || len(j.params[k].pieces) == 0 {
				j.errors = append(j.errors, fmt.Sprintf("%s: variable \"%s\" not found", s.name, piece.text))
				return false
			}
			if slices.Contains(under, piece.text) || piece.text == s.name {
				j.errors = append(j.errors, fmt.Sprintf("%s: variable loop", piece.text))
				return false
			}
			if !j.fill(k, append(under, s.name)) {
				return false
			}
			list := j.params[k].values
			if len(list) > 1 && len(pieces) > 1 {
				j.errors = append(j.errors, fmt.Sprintf("%s: array cannot be substituted inline", s.name))
				return false
			}
			values[len(values)-1] += list[0]
			values = append(values, list[1:]...)
		}
		s.values = append(s.values, values...)
	}
	return true
}

func (j *jailConf) find(name string) *jailSetting {
	for k := range j.params {
		if sameParam(j.params[k].name, name) && !j.params[k].variable {
			return &j.params[k]
		}
	}
	return nil
}

// list are the values of a parameter.
func (j *jailConf) list(name string) []string {
	if s := j.find(name); s != nil {
		return s.values
	}
	return nil
}

// text is the last value of a parameter.
func (j *jailConf) text(name string) string {
	if list := j.list(name); len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// yes is the value of a boolean parameter.
func (j *jailConf) yes(name string) bool {
	s := j.find(name)
	if s == nil {
		return false
	}
	_, no := withoutNo(s.name)
	set := true
	if len(s.values) > 0 {
		value := strings.ToLower(s.values[len(s.values)-1])
		n, _ := strconv.Atoi(value)
		set = value == "true" || n != 0
	}
	return set != no
}
