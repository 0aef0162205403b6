package repl

import (
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/script"
)

var keywords = []string{"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"}

// complete is the Completer of the session.
func (r *repl) complete(text string, pos int) (head string, words []string, tail string) {
	runes := []rune(text)
	pos = min(pos, len(runes))
	before, tail := string(runes[:pos]), string(runes[pos:])
	if strings.HasPrefix(before, ":") {
		head, words = r.completeCommand(before)
		return head, words, tail
	}
	p := locate(before)
	word := p.chain[strings.LastIndexAny(p.chain, ".:")+1:]
	switch {
	case p.inString:
		word = p.quoted
		words = r.values(p)
	case word != p.chain:
		words = r.fields(p.chain[:len(p.chain)-len(word)])
	case p.wantsOption():
		words = r.optionNames(p)
	case strings.TrimSpace(before) != "":
		words = slices.Concat(keywords, r.globals())
	}
	return strings.TrimSuffix(before, word), beginning(words, word), tail
}

// beginning are the words that begin with what is there already, sorted.
func beginning(words []string, with string) []string {
	found := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, with) })
	slices.Sort(found)
	return slices.Compact(found)
}

func (r *repl) completeCommand(before string) (head string, words []string) {
	command, word, arguing := strings.Cut(before, " ")
	if !arguing {
		for _, c := range commands {
			words = append(words, ":"+c.name)
		}
		return "", beginning(words, before)
	}
	at := strings.LastIndexByte(word, ' ') + 1
	head, word = command+" "+word[:at], word[at:]
	switch command {
	case ":doc":
		words = r.DocNames
	case ":check":
		words = []string{"on", "off"}
	case ":hosts":
		words = []string{"all"}
		for _, s := range r.ready {
			words = append(words, s.Host)
		}
	}
	return head, beginning(words, word)
}

func (r *repl) globals() []string {
	names := r.chosen[0].Names("")
	for i := range r.o.Modules {
		if m := &r.o.Modules[i]; m.Global {
			names = append(names, m.Name)
		}
	}
	return names
}

// fields are what may follow a path that ends in a dot or a colon.
func (r *repl) fields(path string) []string {
	base := path[:len(path)-1]
	if base == "h" {
		return r.hostFields(strings.HasSuffix(path, ":"))
	}
	var names []string
	for _, e := range binding.Entries(r.o.Modules) {
		name := "h." + e.Name()
		if e.Module.Global {
			name = e.Name()
		}
		if rest, inside := strings.CutPrefix(name, base+"."); inside && e.Class == nil {
			rest, _, _ = strings.Cut(rest, ".")
			names = append(names, rest)
		}
	}
	for _, g := range script.Globals() {
		if rest, inside := strings.CutPrefix(g.Name, base+"."); inside {
			names = append(names, rest)
		}
	}
	return append(names, r.chosen[0].Names(base)...)
}

// hostFields are the fields of h; behind a colon only verbs make sense.
func (r *repl) hostFields(verbs bool) []string {
	names := []string{"name", "vars"}
	if verbs {
		names = nil
	}
	for i := range r.o.Modules {
		m := &r.o.Modules[i]
		switch {
		case m.Verbs:
			for j := range m.Funcs {
				if !verbs || !m.Funcs[j].Property {
					names = append(names, m.Funcs[j].Name)
				}
			}
		case !m.Global && !verbs:
			names = append(names, m.Name)
		}
	}
	return names
}

// wantsOption tells whether the cursor stands where a table of options may have
// another name.
func (p place) wantsOption() bool {
	n := len(p.frames)
	return n > 0 && p.frames[n-1].open == '{' && p.frames[n-1].key == ""
}

// call is the function around the cursor, with the number of its argument that the
// cursor is in; -1 within the table of options.
func (r *repl) call(p place) (entry binding.Entry, arg int, found bool) {
	n := len(p.frames)
	if n == 0 {
		return entry, 0, false
	}
	f := p.frames[n-1]
	inTable := f.open == '{' && f.callee == ""
	if inTable && n > 1 {
		f = p.frames[n-2]
	}
	arg = f.arg
	if inTable || f.open == '{' {
		arg = -1
	}
	entry, found = binding.Find(r.o.Modules, f.callee)
	return entry, arg, found && entry.Func != nil
}

// optionNames are the names that a call's table of options may still have.
func (r *repl) optionNames(p place) []string {
	entry, _, found := r.call(p)
	if !found {
		return nil
	}
	f := p.frames[len(p.frames)-1]
	var names []string
	for _, param := range entry.Params() {
		options := !param.Positional || f.callee != ""
		if options && !slices.Contains(f.keys, param.Name) {
			names = append(names, param.Name+" = ")
		}
	}
	return names
}

// param is the argument whose value the cursor is in.
func (r *repl) param(p place) (entry binding.Entry, param binding.Param, found bool) {
	entry, arg, found := r.call(p)
	if !found {
		return entry, param, false
	}
	f := p.frames[len(p.frames)-1]
	params := entry.Params()
	for i := range params {
		switch {
		case f.open == '{' && f.key != "" && params[i].Name == f.key:
			return entry, params[i], true
		case f.open == '{' && f.key == "" && i == 0: // a list of names
			return entry, params[i], true
		case arg >= 0 && i == arg && params[i].Positional:
			return entry, params[i], true
		}
	}
	return entry, param, false
}
