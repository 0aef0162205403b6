package sim

import (
	"fmt"
	"io"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/sim/vfs"
)

// Expansion follows POSIX, "Word Expansions": a word becomes fragments that
// remember whether they were quoted and where they came from, the fragments are
// split into fields, and fields that hold patterns become file names.

// fragment is a piece of an expanded word.
type fragment struct {
	text     string
	quoted   bool
	expanded bool // result of an expansion, to be split into fields
	cut      bool // a border between fields: "$@"
}

// shellError ends a non-interactive shell.
type shellError struct {
	text string
	code int
}

func (e *shellError) Error() string { return e.text }

// fields expands words as arguments.
func (s *shell) fields(words []*syntax.Word) ([]string, error) {
	var out []string
	for _, w := range words {
		frags, err := s.parts(w.Parts, false, true)
		if err != nil {
			return nil, err
		}
		for _, field := range s.split(frags) {
			out = append(out, s.glob(field)...)
		}
	}
	return out, nil
}

// literal expands a word to one string, without splitting and file names.
func (s *shell) literal(w *syntax.Word) (string, error) {
	if w == nil {
		return "", nil
	}
	frags, err := s.parts(w.Parts, false, true)
	return s.join(frags), err
}

// assigned is literal with the tildes that may stand in an assignment.
func (s *shell) assigned(w *syntax.Word) (string, error) {
	if w == nil {
		return "", nil
	}
	if first, ok := w.Parts[0].(*syntax.Lit); ok && strings.Contains(first.Value, ":~") {
		pieces := strings.SplitAfter(first.Value, ":")
		for i := 1; i < len(pieces); i++ {
			if name, rest, ok := s.tilde(pieces[i], len(w.Parts) > 1); ok {
				pieces[i] = name + rest
			}
		}
		lit := *first
		lit.Value = strings.Join(pieces, "")
		w = &syntax.Word{Parts: append([]syntax.WordPart{&lit}, w.Parts[1:]...)}
	}
	return s.literal(w)
}

// document expands the body of a here-document.
func (s *shell) document(w *syntax.Word) (string, error) {
	frags, err := s.parts(w.Parts, true, false)
	return s.join(frags), err
}

func (s *shell) join(frags []fragment) string {
	if len(frags) == 1 {
		return frags[0].text
	}
	var b strings.Builder
	for i, f := range frags {
		if f.cut && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.text)
	}
	return b.String()
}

// pattern expands a word as a pattern: what was quoted stands for itself.
func (s *shell) pattern(w *syntax.Word, quoted bool) (string, error) {
	if w == nil {
		return "", nil
	}
	frags, err := s.parts(w.Parts, quoted, !quoted)
	if err != nil {
		return "", err
	}
	return patternOf(frags), nil
}

func patternOf(frags []fragment) string {
	var b strings.Builder
	for _, f := range frags {
		if f.quoted {
			b.WriteString(pattern.QuoteMeta(f.text, 0))
		} else {
			b.WriteString(f.text)
		}
	}
	return b.String()
}

// parts expands the parts of a word; quoted is inside double quotes (or a
// here-document).
func (s *shell) parts(parts []syntax.WordPart, quoted, tilde bool) ([]fragment, error) {
	var out []fragment
	for i := 0; i < len(parts); i++ {
		switch part := parts[i].(type) {
		case *syntax.Lit:
			text := part.Value
			if i == 0 && tilde && !quoted {
				if home, rest, ok := s.tilde(text, len(parts) > 1); ok {
					out = append(out, fragment{text: home, quoted: true})
					text = rest
				}
			}
			if next, ok := dollarQuoted(parts, i, quoted); ok {
				text = strings.TrimSuffix(text, "$")
				out = append(out, unescape(text, false)...)
				value, _, _ := expand.Format(nil, next.Value, nil)
				out = append(out, fragment{text: value, quoted: true})
				i++
				continue
			}
			out = append(out, unescape(text, quoted)...)
		case *syntax.SglQuoted:
			out = append(out, fragment{text: part.Value, quoted: true})
		case *syntax.DblQuoted:
			inner, err := s.parts(part.Parts, true, false)
			if err != nil {
				return nil, err
			}
			if len(inner) == 0 && !onlyAt(part.Parts) {
				inner = []fragment{{quoted: true}}
			}
			out = append(out, inner...)
		case *syntax.ParamExp:
			frags, err := s.param(part, quoted)
			if err != nil {
				return nil, err
			}
			out = append(out, frags...)
		case *syntax.CmdSubst:
			text, err := s.substitute(part)
			if err != nil {
				return nil, err
			}
			out = append(out, fragment{text: text, quoted: quoted, expanded: true})
		case *syntax.ArithmExp:
			n, err := s.arith(part.X)
			if err != nil {
				return nil, err
			}
			out = append(out, fragment{text: strconv.Itoa(n), quoted: quoted, expanded: true})
		default:
			return nil, &shellError{fmt.Sprintf("Syntax error: %T is not of sh", part), 2}
		}
	}
	return out, nil
}

// dollarQuoted finds $'...', which FreeBSD's sh knows although the POSIX the
// parser reads does not.
func dollarQuoted(parts []syntax.WordPart, i int, quoted bool) (*syntax.SglQuoted, bool) {
	lit := parts[i].(*syntax.Lit)
	if quoted || !strings.HasSuffix(lit.Value, "$") || strings.HasSuffix(lit.Value, "\\$") || i+1 >= len(parts) {
		return nil, false
	}
	next, ok := parts[i+1].(*syntax.SglQuoted)
	return next, ok
}

func onlyAt(parts []syntax.WordPart) bool {
	if len(parts) != 1 {
		return false
	}
	p, ok := parts[0].(*syntax.ParamExp)
	return ok && p.Param != nil && p.Param.Value == "@"
}

// unescape takes the backslashes out of text that stands in a script.
func unescape(text string, quoted bool) []fragment {
	if !strings.Contains(text, "\\") {
		return []fragment{{text: text, quoted: quoted}}
	}
	var out []fragment
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			out = append(out, fragment{text: plain.String(), quoted: quoted})
			plain.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			plain.WriteByte(text[i])
			continue
		}
		next := text[i+1]
		switch {
		case next == '\n':
			i++
		case !quoted:
			flush()
			_, size := utf8.DecodeRuneInString(text[i+1:])
			out = append(out, fragment{text: text[i+1 : i+1+size], quoted: true})
			i += size
		case strings.IndexByte("$`\"\\", next) >= 0:
			plain.WriteByte(next)
			i++
		default:
			plain.WriteByte('\\')
		}
	}
	flush()
	return out
}

// tilde is the home directory a word begins with.
func (s *shell) tilde(text string, more bool) (home, rest string, ok bool) {
	if !strings.HasPrefix(text, "~") {
		return "", text, false
	}
	name, rest, slash := strings.Cut(text[1:], "/")
	if slash {
		rest = "/" + rest
	} else if more {
		return "", text, false
	}
	if colon := strings.IndexByte(name, ':'); colon >= 0 {
		name, rest = name[:colon], name[colon:]+rest
	}
	if name == "" {
		if home, ok = s.value("HOME"); !ok {
			return "", text, false
		}
		return home, rest, true
	}
	u, found := s.p.Machine.LookupUser(name)
	if !found || u.Name != name {
		return "", text, false
	}
	return u.Home, rest, true
}

// param expands a parameter.
func (s *shell) param(p *syntax.ParamExp, quoted bool) ([]fragment, error) {
	name := p.Param.Value
	if p.Excl || p.Slice != nil || p.Repl != nil || p.Index != nil || p.Names != 0 {
		return nil, &shellError{"Syntax error: Bad substitution", 2}
	}
	if name == "@" || name == "*" {
		if p.Exp == nil && !p.Length {
			return s.positional(name, quoted), nil
		}
	}
	value, set := s.value(name)
	if p.Length {
		if !set && s.opts['u'] {
			return nil, s.unset(name)
		}
		return []fragment{{text: strconv.Itoa(utf8.RuneCountInString(value)), quoted: quoted, expanded: true}}, nil
	}
	if p.Exp == nil {
		if !set && s.opts['u'] && name != "@" && name != "*" {
			return nil, s.unset(name)
		}
		return []fragment{{text: value, quoted: quoted, expanded: true}}, nil
	}
	return s.paramOp(p, name, value, set, quoted)
}

func (s *shell) unset(name string) error {
	return &shellError{name + ": parameter not set", 2}
}

// positional is $@ or $*.
func (s *shell) positional(name string, quoted bool) []fragment {
	if !quoted {
		var out []fragment
		for i, v := range s.params {
			out = append(out, fragment{text: v, expanded: true, cut: i > 0})
		}
		return out
	}
	if name == "*" {
		sep := " "
		if ifs, set := s.value("IFS"); set {
			_, size := utf8.DecodeRuneInString(ifs)
			sep = ifs[:size]
		}
		return []fragment{{text: strings.Join(s.params, sep), quoted: true}}
	}
	var out []fragment
	for i, v := range s.params {
		out = append(out, fragment{text: v, quoted: true, cut: i > 0})
	}
	return out
}

// paramOp expands ${name-word} and its kin.
func (s *shell) paramOp(p *syntax.ParamExp, name, value string, set, quoted bool) ([]fragment, error) {
	word := func() ([]fragment, error) {
		if p.Exp.Word == nil {
			return nil, nil
		}
		frags, err := s.parts(p.Exp.Word.Parts, quoted, true)
		for i := range frags {
			frags[i].expanded = !frags[i].quoted
		}
		return frags, err
	}
	whole := []fragment{{text: value, quoted: quoted, expanded: true}}
	if name == "@" || name == "*" {
		set = len(s.params) > 0
		whole = s.positional(name, quoted)
	}
	missing := !set
	op := p.Exp.Op
	switch op {
	case syntax.AlternateUnsetOrNull, syntax.DefaultUnsetOrNull, syntax.ErrorUnsetOrNull, syntax.AssignUnsetOrNull:
		missing = missing || value == ""
	}
	switch op {
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		if missing {
			return nil, nil
		}
		return word()
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
		if missing {
			return word()
		}
		return whole, nil
	case syntax.AssignUnset, syntax.AssignUnsetOrNull:
		if !missing {
			return whole, nil
		}
		text, err := s.literal(p.Exp.Word)
		if err == nil {
			err = s.set(name, text)
		}
		return []fragment{{text: text, quoted: quoted, expanded: true}}, err
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		if !missing {
			return whole, nil
		}
		text, err := s.literal(p.Exp.Word)
		if err != nil {
			return nil, err
		}
		if text == "" {
			text = "parameter not set"
			if op == syntax.ErrorUnsetOrNull {
				text = "parameter null or not set"
			}
		}
		return nil, &shellError{name + ": " + text, 2}
	case syntax.RemSmallSuffix, syntax.RemLargeSuffix, syntax.RemSmallPrefix, syntax.RemLargePrefix:
		if !set && s.opts['u'] {
			return nil, s.unset(name)
		}
		pat, err := s.pattern(p.Exp.Word, false)
		if err != nil {
			return nil, err
		}
		return []fragment{{text: trimPattern(value, pat, op), quoted: quoted, expanded: true}}, nil
	}
	return nil, &shellError{"Syntax error: Bad substitution", 2}
}

// trimPattern removes a prefix or suffix that matches a pattern.
func trimPattern(value, pat string, op syntax.ParExpOperator) string {
	match := matcher(pat)
	cuts := make([]int, 0, len(value)+1)
	for i := range value {
		cuts = append(cuts, i)
	}
	cuts = append(cuts, len(value))
	prefix := op == syntax.RemSmallPrefix || op == syntax.RemLargePrefix
	// Small prefixes and large suffixes are tried from the left.
	if op == syntax.RemLargePrefix || op == syntax.RemSmallSuffix {
		for i, j := 0, len(cuts)-1; i < j; i, j = i+1, j-1 {
			cuts[i], cuts[j] = cuts[j], cuts[i]
		}
	}
	for _, cut := range cuts {
		if prefix && match(value[:cut]) {
			return value[cut:]
		}
		if !prefix && match(value[cut:]) {
			return value[:cut]
		}
	}
	return value
}

// matcher tells whether a whole string matches a pattern.
func matcher(pat string) func(string) bool {
	if !pattern.HasMeta(pat, 0) {
		plain := unquotePattern(pat)
		return func(text string) bool { return text == plain }
	}
	expr, err := pattern.Regexp(pat, pattern.EntireString|pattern.GlobLeadingDot)
	if err != nil {
		return func(text string) bool { return text == unquotePattern(pat) }
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return func(text string) bool { return text == unquotePattern(pat) }
	}
	return re.MatchString
}

func unquotePattern(pat string) string {
	if !strings.Contains(pat, "\\") {
		return pat
	}
	var b strings.Builder
	for i := 0; i < len(pat); i++ {
		if pat[i] == '\\' && i+1 < len(pat) {
			i++
		}
		b.WriteByte(pat[i])
	}
	return b.String()
}

// split makes fields of fragments (POSIX, "Field Splitting").
func (s *shell) split(frags []fragment) [][]fragment {
	ifs, set := s.value("IFS")
	if !set {
		ifs = " \t\n"
	}
	sp := splitter{ifs: ifs}
	for _, f := range frags {
		if f.cut {
			sp.end()
		}
		switch {
		case f.quoted:
			sp.add(f)
			sp.keep = true
		case f.expanded:
			sp.split(f.text)
		case f.text != "":
			sp.add(f)
		}
	}
	sp.finish()
	return sp.fields
}

// splitter collects fields.
type splitter struct {
	ifs    string
	fields [][]fragment
	field  []fragment
	keep   bool // the field exists although it may be empty
	after  bool // a field just ended by white space: one more separator belongs to it
}

func (sp *splitter) add(f fragment) {
	sp.field, sp.after = append(sp.field, f), false
}

// end closes the field if there is one.
func (sp *splitter) end() {
	if len(sp.field) > 0 || sp.keep {
		sp.fields = append(sp.fields, sp.field)
	}
	sp.field, sp.keep = nil, false
}

func (sp *splitter) finish() { sp.end() }

func (sp *splitter) split(text string) {
	from := 0
	flush := func(to int) {
		if to > from {
			sp.add(fragment{text: text[from:to]})
		}
	}
	for i, r := range text {
		if !strings.ContainsRune(sp.ifs, r) || r == utf8.RuneError {
			continue
		}
		flush(i)
		from = i + utf8.RuneLen(r)
		if r == ' ' || r == '\t' || r == '\n' {
			if len(sp.field) > 0 || sp.keep {
				sp.end()
				sp.after = true
			}
			continue
		}
		if sp.after { // another separator ends a field even when that is empty
			sp.after = false
			continue
		}
		sp.keep = true
		sp.end()
	}
	flush(len(text))
}

// glob makes file names of a field that holds a pattern.
func (s *shell) glob(field []fragment) []string {
	text := s.join(stripCuts(field))
	if s.opts['f'] {
		return []string{text}
	}
	meta := false
	for _, f := range field {
		meta = meta || !f.quoted && strings.ContainsAny(f.text, "*?[")
	}
	if !meta {
		return []string{text}
	}
	pat := patternOf(field)
	if !pattern.HasMeta(pat, 0) {
		return []string{text}
	}
	names := s.expandGlob(pat)
	if len(names) == 0 {
		return []string{text}
	}
	return names
}

func stripCuts(field []fragment) []fragment {
	out := make([]fragment, len(field))
	for i, f := range field {
		f.cut = false
		out[i] = f
	}
	return out
}

// expandGlob lists the files that match a pattern, sorted.
func (s *shell) expandGlob(pat string) []string {
	view := s.view()
	prefix := ""
	if strings.HasPrefix(pat, "/") {
		prefix = "/"
	}
	found := []string{prefix}
	parts := strings.Split(strings.TrimLeft(pat, "/"), "/")
	for i, part := range parts {
		var next []string
		last := i == len(parts)-1
		for _, dir := range found {
			next = append(next, globIn(view, dir, part, last)...)
		}
		found = next
	}
	sort.Strings(found)
	return found
}

// globIn extends one directory by one part of a pattern.
func globIn(view *vfs.View, dir, part string, last bool) []string {
	suffix := ""
	if !last {
		suffix = "/"
	}
	if part == "" {
		return []string{dir}
	}
	if !pattern.HasMeta(part, 0) {
		name := dir + unquotePattern(part)
		if _, err := view.Lstat(name); err != nil {
			return nil
		}
		return []string{name + suffix}
	}
	list, err := view.ReadDir(path.Clean("./" + dir))
	if strings.HasPrefix(dir, "/") {
		list, err = view.ReadDir(dir)
	}
	if err != nil {
		return nil
	}
	match := matcher(part)
	var out []string
	names := make([]string, 0, len(list)+2)
	if strings.HasPrefix(part, ".") {
		names = append(names, ".", "..")
	}
	for _, i := range list {
		names = append(names, i.Name)
	}
	for _, name := range names {
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".") && !strings.HasPrefix(part, "\\.") {
			continue
		}
		if !match(name) {
			continue
		}
		if !last {
			if i, err := view.Stat(dir + name); err != nil || !i.IsDir() {
				continue
			}
		}
		out = append(out, dir+name+suffix)
	}
	return out
}

// arith evaluates an arithmetic expression.
func (s *shell) arith(x syntax.ArithmExpr) (int, error) {
	if x == nil {
		return 0, nil
	}
	var inner error
	cfg := &expand.Config{
		Env: shellEnv{s},
		CmdSubst: func(w io.Writer, c *syntax.CmdSubst) error {
			text, err := s.substitute(c)
			if err != nil {
				inner = err
				return err
			}
			_, err = io.WriteString(w, text)
			return err
		},
		NoUnset: s.opts['u'],
	}
	n, err := expand.Arithm(cfg, x)
	switch {
	case inner != nil:
		return 0, inner
	case err != nil:
		return 0, &shellError{"arithmetic expression: " + err.Error(), 2}
	}
	return n, nil
}

// shellEnv shows the shell's variables to the arithmetic of the library.
type shellEnv struct{ s *shell }

func (e shellEnv) Get(name string) expand.Variable {
	value, set := e.s.value(name)
	if !set {
		return expand.Variable{}
	}
	return expand.Variable{Set: true, Kind: expand.String, Str: value}
}

func (e shellEnv) Each(func(string, expand.Variable) bool) {}

func (e shellEnv) Set(name string, v expand.Variable) error { return e.s.set(name, v.Str) }
