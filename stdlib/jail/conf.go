package jail

import (
	"fmt"
	"slices"
	"strings"
)

// conf is a jail.conf(5) with the places of what stands in it, so that a change
// leaves all else as it is.
type conf struct {
	src    string
	blocks []block
}

// block is a jail, or a wildcard, of the file.
type block struct {
	name       string
	line       int
	start, end int // from the name to behind the closing brace
	inner      int // behind the opening brace
	params     []param
}

// param is a statement within a block.
type param struct {
	name       string
	values     []string // nil: none stand there
	adds       bool     // +=
	start, end int      // from the name to behind the semicolon
}

// word is a token: a string or one of ; , = { } and +=.
type word struct {
	kind       byte // 's', '+' for +=, 0 for the end, or itself
	text       string
	start, end int
}

// scanner goes through a file token by token.
type scanner struct {
	src string
	at  int
}

func (s *scanner) fail(at int, text string) error {
	return fmt.Errorf("line %d: %s", 1+strings.Count(s.src[:min(at, len(s.src))], "\n"), text)
}

// skip passes blanks and comments.
func (s *scanner) skip() error {
	for s.at < len(s.src) {
		rest := s.src[s.at:]
		end := 0
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			end = 1
		case rest[0] == '#' || strings.HasPrefix(rest, "//"):
			if end = strings.IndexByte(rest, '\n'); end < 0 {
				end = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			close := strings.Index(rest[2:], "*/")
			if close < 0 {
				return s.fail(s.at, "unterminated comment")
			}
			end = close + 4
		default:
			return nil
		}
		s.at += end
	}
	return nil
}

// next is the next token. Parts of a value that follow each other directly, quoted
// or not, are one.
func (s *scanner) next() (word, error) {
	if err := s.skip(); err != nil {
		return word{}, err
	}
	w := word{start: s.at, end: s.at}
	if s.at == len(s.src) {
		return w, nil
	}
	if strings.HasPrefix(s.src[s.at:], "+=") {
		w.kind = '+'
		s.at += 2
		w.end = s.at
		return w, nil
	}
	if c := s.src[s.at]; strings.IndexByte(";,={}", c) >= 0 {
		w.kind = c
		s.at++
		w.end = s.at
		return w, nil
	}
	w.kind = 's'
	var text strings.Builder
	for s.at < len(s.src) {
		rest := s.src[s.at:]
		c := rest[0]
		switch {
		case c == '"' || c == '\'':
			end := closing(rest, c)
			if end < 0 {
				return w, s.fail(s.at, "unterminated string")
			}
			text.WriteString(unescape(rest[1:end]))
			s.at += end + 1
			continue
		case strings.HasPrefix(rest, "${"):
			end := strings.IndexAny(rest, "}\n")
			if end < 0 || rest[end] != '}' {
				return w, s.fail(s.at, "unterminated variable")
			}
			text.WriteString(rest[:end+1])
			s.at += end + 1
			continue
		case c == '\\' && len(rest) > 1:
			text.WriteString(unescape(rest[:2]))
			s.at += 2
			continue
		}
		if strings.IndexByte(" \t\r\n;,={}#", c) >= 0 || strings.HasPrefix(rest, "+=") || strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") {
			break
		}
		text.WriteByte(c)
		s.at++
	}
	w.text, w.end = text.String(), s.at
	return w, nil
}

// closing is where a string that begins here ends, -1 for nowhere.
func closing(text string, quote byte) int {
	for n := 1; n < len(text); n++ {
		switch text[n] {
		case '\\':
			n++
		case quote:
			return n
		}
	}
	return -1
}

func unescape(text string) string {
	var b strings.Builder
	for n := 0; n < len(text); n++ {
		if text[n] == '\\' && n+1 < len(text) {
			n++
			if at := strings.IndexByte("abfnrtv", text[n]); at >= 0 {
				b.WriteByte("\a\b\f\n\r\t\v"[at])
				continue
			}
			if text[n] == '\n' {
				continue
			}
		}
		b.WriteByte(text[n])
	}
	return b.String()
}

// parse reads a file. What it does not understand is an error: a file that is only
// half understood is not to be edited.
func parse(src string) (conf, error) {
	c := conf{src: src}
	s := &scanner{src: src}
	for {
		name, err := s.next()
		if err != nil || name.kind == 0 {
			return c, err
		}
		if name.kind == ';' {
			continue
		}
		if name.kind != 's' {
			return c, s.fail(name.start, fmt.Sprintf("%s does not belong here", src[name.start:name.end]))
		}
		mark := s.at
		after, err := s.next()
		if err != nil {
			return c, err
		}
		if after.kind != '{' {
			s.at = mark
			if _, err := s.param(name); err != nil {
				return c, err
			}
			continue
		}
		b := block{name: name.text, start: name.start, inner: after.end, line: 1 + strings.Count(src[:name.start], "\n")}
		if err := s.block(&b); err != nil {
			return c, err
		}
		c.blocks = append(c.blocks, b)
	}
}

// block reads to the closing brace.
func (s *scanner) block(b *block) error {
	for {
		w, err := s.next()
		switch {
		case err != nil:
			return err
		case w.kind == ';':
		case w.kind == '}':
			b.end = w.end
			return nil
		case w.kind == 's':
			p, err := s.param(w)
			if err != nil {
				return err
			}
			b.params = append(b.params, p)
		case w.kind == 0:
			return s.fail(b.start, fmt.Sprintf("the block of %s has no end", b.name))
		default:
			return s.fail(w.start, fmt.Sprintf("%s does not belong here", s.src[w.start:w.end]))
		}
	}
}

// param reads a statement behind its name.
func (s *scanner) param(name word) (param, error) {
	p := param{name: name.text, start: name.start}
	wants := false // a value must follow
	for first := true; ; first = false {
		w, err := s.next()
		switch {
		case err != nil:
			return p, err
		case w.kind == ';' && !wants:
			p.end = w.end
			return p, nil
		case first && (w.kind == '=' || w.kind == '+'):
			p.adds, wants = w.kind == '+', true
		case w.kind == 's' && (first || wants):
			p.values = append(p.values, w.text)
			wants = false
		case w.kind == ',' && len(p.values) > 0 && !wants:
			wants = true
		default:
			return p, s.fail(name.start, fmt.Sprintf("the statement %s has no end, or no value", name.text))
		}
	}
}

// find is the block of a jail.
func (c conf) find(name string) (block, bool) {
	at := slices.IndexFunc(c.blocks, func(b block) bool { return b.name == name })
	if at < 0 {
		return block{}, false
	}
	return c.blocks[at], true
}

// plain is a parameter's name without the "no" of its last part.
func plain(name string) string {
	at := strings.LastIndexByte(name, '.') + 1
	if rest, ok := strings.CutPrefix(name[at:], "no"); ok && rest != "" {
		return name[:at] + rest
	}
	return name
}

// setting is what a block says of a parameter after all of its statements.
type setting struct {
	name   string
	values []string
}

func (b block) settings() (list []setting) {
	for _, p := range b.params {
		at := slices.IndexFunc(list, func(s setting) bool { return plain(s.name) == plain(p.name) })
		if at < 0 {
			list = append(list, setting{p.name, slices.Clone(p.values)})
			continue
		}
		list[at].name = p.name
		if !p.adds || len(p.values) == 0 {
			list[at].values = nil
		}
		list[at].values = append(list[at].values, p.values...)
	}
	return list
}

// statement is a setting as it is written.
func (s setting) statement() string {
	if s.values == nil {
		return s.name + ";"
	}
	words := make([]string, len(s.values))
	for i, v := range s.values {
		words[i] = quote(v)
	}
	return s.name + " = " + strings.Join(words, ", ") + ";"
}

// quote writes a value in double quotes, in which variables count.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// edit is one change of a text.
type edit struct {
	start, end int
	text       string
}

func apply(src string, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(src[at:e.start] + e.text)
		at = e.end
	}
	return b.String() + src[at:]
}

// ensure makes the block of a jail say what is wanted; what it says else stays, but
// for the parameters of unset.
func (c conf) ensure(name string, wanted []setting, unset []string) string {
	b, there := c.find(name)
	if !there {
		text := c.src
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		if text != "" {
			text += "\n"
		}
		text += name + " {\n"
		for _, w := range wanted {
			text += "\t" + w.statement() + "\n"
		}
		return text + "}\n"
	}
	var edits []edit
	now := b.settings()
	added := ""
	for _, w := range wanted {
		at := slices.IndexFunc(now, func(s setting) bool { return plain(s.name) == plain(w.name) })
		if at < 0 {
			added += "\t" + w.statement() + "\n"
			continue
		}
		if now[at].name == w.name && slices.Equal(now[at].values, w.values) && (now[at].values == nil) == (w.values == nil) {
			continue
		}
		text := w.statement()
		for _, p := range b.params {
			if plain(p.name) == plain(w.name) {
				edits = append(edits, c.replace(p, text))
				text = ""
			}
		}
	}
	for _, p := range b.params {
		if slices.ContainsFunc(unset, func(u string) bool { return plain(u) == plain(p.name) }) {
			edits = append(edits, c.replace(p, ""))
		}
	}
	if added != "" {
		edits = append(edits, c.append(b, added))
	}
	return apply(c.src, edits)
}

// replace puts a statement in the place of another; none takes its line along.
func (c conf) replace(p param, text string) edit {
	if text != "" {
		return edit{p.start, p.end, text}
	}
	return c.line(p.start, p.end)
}

// line takes out a range, and its line where nothing else stands there.
func (c conf) line(start, end int) edit {
	from := strings.LastIndexByte(c.src[:start], '\n') + 1
	var to int
	if n := strings.IndexByte(c.src[end:], '\n'); n >= 0 {
		to = end + n + 1
	} else {
		to = len(c.src)
	}
	if strings.TrimSpace(c.src[from:start]) == "" && strings.TrimSpace(c.src[end:to]) == "" {
		return edit{from, to, ""}
	}
	return edit{start, end, ""}
}

// append puts statements before the closing brace.
func (c conf) append(b block, text string) edit {
	at := b.end - 1
	from := strings.LastIndexByte(c.src[:at], '\n') + 1
	if from > b.inner && strings.TrimSpace(c.src[from:at]) == "" {
		return edit{from, from, text}
	}
	return edit{at, at, "\n" + text}
}

// remove takes the block of a jail out.
func (c conf) remove(name string) string {
	var edits []edit
	for _, b := range c.blocks {
		if b.name == name {
			edits = append(edits, c.line(b.start, b.end))
		}
	}
	return apply(c.src, edits)
}
