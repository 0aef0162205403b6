// Package layer holds what every effect passes on its way to a host: the
// journal, progress, check mode, confirmation, limits and retries, one Layer a
// file; and the writer that keeps secrets out of every sink.
package layer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"bsdrun/runtime/effect"
)

// mask is what shows in a secret's place.
const mask = "***"

// Redactor removes secrets, also in the forms that quoting and encoding give
// them. The zero value knows none. It may be used by many goroutines at once.
type Redactor struct {
	mu    sync.Mutex
	known map[string]bool
	trie  atomic.Pointer[trie]
}

// trie holds the forms of all secrets.
type trie struct {
	next map[byte]*trie
	end  bool
}

func (t *trie) add(form string) {
	for i := range len(form) {
		if t.next == nil {
			t.next = map[byte]*trie{}
		}
		child := t.next[form[i]]
		if child == nil {
			child = &trie{}
			t.next[form[i]] = child
		}
		t = child
	}
	t.end = true
}

// Add makes a secret known. What was written before is not undone.
func (r *Redactor) Add(secret string) {
	if secret == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[secret] {
		return
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	r.known[secret] = true
	fresh := &trie{} // readers keep the old one
	for known := range r.known {
		for _, form := range forms(known) {
			fresh.add(form)
		}
	}
	r.trie.Store(fresh)
}

// minForm is the least length of an encoded form or a single line of a secret
// that is looked for: shorter ones would hit everywhere.
const minForm = 4

// forms are the ways in which a secret shows.
func forms(secret string) []string {
	out := []string{secret}
	add := func(form string) {
		if len(form) >= minForm && form != secret {
			out = append(out, form)
		}
	}
	for _, whole := range []string{secret, strings.TrimRight(secret, "\n")} {
		if whole != secret {
			add(whole)
		}
		add(strings.ReplaceAll(whole, "'", `'\''`))
		add(strings.ReplaceAll(whole, "'", `'"'"'`))
		add(strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(whole))
		add(url.QueryEscape(whole))
		add(url.PathEscape(whole))
		add(strings.ReplaceAll(url.QueryEscape(whole), "+", "%20"))
		for _, escapeHTML := range []bool{true, false} {
			add(jsonForm(whole, escapeHTML))
		}
		for _, form := range base64Forms(whole) {
			add(form)
		}
	}
	// A key of several lines shows line by line in diffs and logs.
	if lines := strings.Split(secret, "\n"); len(lines) > 1 {
		for _, line := range lines {
			line = strings.TrimRight(line, "\r")
			if len(line) >= 2*minForm && !strings.HasPrefix(line, "-----") {
				add(line)
			}
		}
	}
	return out
}

func jsonForm(s string, escapeHTML bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(escapeHTML)
	if encoder.Encode(s) != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// base64Forms are the characters that a secret certainly produces in base 64,
// wherever in the encoded data it starts.
func base64Forms(s string) []string {
	var out []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			encoded := encoding.EncodeToString(append(make([]byte, shift), s...))
			// A character carries six bits; those at both ends may share
			// bits with neighbours.
			first := (shift*8 + 5) / 6
			last := (shift + len(s)) * 8 / 6
			if first < last {
				out = append(out, encoded[first:last])
			}
		}
	}
	return out
}

// String is s without secrets.
func (r *Redactor) String(s string) string {
	t := r.load()
	if t == nil {
		return s
	}
	var b strings.Builder
	scan := scanner{trie: t}
	scan.feed([]byte(s), true, func(p []byte) { b.Write(p) })
	return b.String()
}

// Bytes is b without secrets; b itself when it has none.
func (r *Redactor) Bytes(b []byte) []byte {
	t := r.load()
	if t == nil || len(b) == 0 {
		return b
	}
	var out bytes.Buffer
	scan := scanner{trie: t}
	scan.feed(b, true, func(p []byte) { out.Write(p) })
	if bytes.Equal(out.Bytes(), b) {
		return b
	}
	return out.Bytes()
}

func (r *Redactor) load() *trie {
	if r == nil {
		return nil
	}
	return r.trie.Load()
}

// Event is e without secrets.
func (r *Redactor) Event(e effect.Event) effect.Event {
	if r.load() == nil {
		return e
	}
	e.Text = r.String(e.Text)
	if e.Diff != nil {
		d := *e.Diff
		d.Before, d.After, d.Note = r.Bytes(d.Before), r.Bytes(d.After), r.String(d.Note)
		e.Diff = &d
	}
	if e.Err != nil {
		e.Err = r.Error(e.Err)
	}
	if e.Data != nil {
		e.Data, _ = r.Value(e.Data).(map[string]any)
	}
	return e
}

// Error is e without secrets; its cause is kept for its kind alone.
func (r *Redactor) Error(e *effect.Error) *effect.Error {
	if r.load() == nil || e == nil {
		return e
	}
	c := *e
	c.Message = r.String(e.Summary())
	for _, text := range []*string{&c.Command, &c.Out, &c.Err, &c.Reached, &c.Hint} {
		*text = r.String(*text)
	}
	return &c
}

// Value is plain data without secrets.
func (r *Redactor) Value(v any) any {
	if r.load() == nil {
		return v
	}
	switch v := v.(type) {
	case string:
		return r.String(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = r.Value(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[r.String(key)] = r.Value(item)
		}
		return out
	default:
		return v
	}
}

// Holds tells whether plain data has a secret in it.
func (r *Redactor) Holds(v any) bool {
	switch v := v.(type) {
	case string:
		return r.String(v) != v
	case []any:
		for _, item := range v {
			if r.Holds(item) {
				return true
			}
		}
	case map[string]any:
		for key, item := range v {
			if r.Holds(key) || r.Holds(item) {
				return true
			}
		}
	}
	return false
}

// Writer passes on to w what has no secret in it. Bytes that may be the start
// of one wait for the next Write or for Close, which does not close w.
func (r *Redactor) Writer(w io.Writer) io.WriteCloser { return &writer{r: r, w: w} }

type writer struct {
	mu   sync.Mutex
	r    *Redactor
	w    io.Writer
	scan scanner
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.feed(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *writer) Close() error { return w.feed(nil, true) }

func (w *writer) feed(p []byte, final bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.r.load(); t != nil {
		w.scan.trie = t
	}
	if w.scan.trie == nil {
		if len(p) == 0 {
			return nil
		}
		_, err := w.w.Write(p)
		return err
	}
	var out bytes.Buffer
	w.scan.feed(p, final, func(p []byte) { out.Write(p) })
	if out.Len() == 0 {
		return nil
	}
	_, err := w.w.Write(out.Bytes())
	return err
}

// scanner masks every byte that lies in any form of any secret, so that two
// secrets that overlap hide each other's ends too.
type scanner struct {
	trie    *trie
	held    []byte // undecided
	covered int    // so many bytes at the start of held are masked already
	masking bool   // the last byte that was decided is masked
}

func (s *scanner) feed(p []byte, final bool, emit func([]byte)) {
	data := p
	if len(s.held) > 0 {
		data = append(s.held, p...)
	}
	clear := 0 // start of the bytes that pass
	i := 0
	for ; i < len(data); i++ {
		length, more := s.match(data[i:])
		if more && !final {
			break
		}
		if length > 0 && i+length > s.covered {
			s.covered = i + length
		}
		if i < s.covered {
			if !s.masking {
				emit(data[clear:i])
				emit([]byte(mask))
				s.masking = true
			}
			clear = i + 1
		} else {
			s.masking = false
		}
	}
	if clear < i {
		emit(data[clear:i])
	}
	s.covered = max(0, s.covered-i)
	s.held = append([]byte(nil), data[i:]...)
}

// match is the length of the longest form that data begins with, and whether
// more data could make it longer.
func (s *scanner) match(data []byte) (length int, more bool) {
	node := s.trie
	for i := range len(data) {
		node = node.next[data[i]]
		if node == nil {
			return length, false
		}
		if node.end {
			length = i + 1
		}
	}
	return length, len(node.next) > 0
}
