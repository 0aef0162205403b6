package binding

import (
	"fmt"
	"strings"

	"bsdrun/runtime/effect"
)

// Entry is a function with the module, or the class of handles, that it belongs
// to.
type Entry struct {
	Module *Module
	Class  *Class // nil for functions of the module itself
	Func   *Func
}

// Entries are all functions of the modules, in their order.
func Entries(modules []Module) []Entry {
	var all []Entry
	for i := range modules {
		m := &modules[i]
		for j := range m.Funcs {
			all = append(all, Entry{Module: m, Func: &m.Funcs[j]})
		}
		for j := range m.Classes {
			class := &m.Classes[j]
			for k := range class.Funcs {
				all = append(all, Entry{Module: m, Class: class, Func: &class.Funcs[k]})
			}
		}
	}
	return all
}

// Name is the function's full name: "zpool.status", "run", "job:wait".
func (e Entry) Name() string {
	switch {
	case e.Class != nil:
		return e.Class.Name + ":" + e.Func.Name
	case e.Module.Verbs:
		return e.Func.Name
	default:
		return e.Module.Name + "." + e.Func.Name
	}
}

// Params are the arguments that the script writes: a handle's methods know the
// handle.
func (e Entry) Params() []Param {
	params := e.Func.Params()
	if e.Class != nil && len(params) > 0 {
		return params[1:]
	}
	return params
}

// Usage is how a script calls the function: h.zpool.status(pool, {...}).
func (e Entry) Usage() string {
	name := "h." + e.Name()
	switch {
	case e.Module.Global, e.Class != nil:
		name = e.Name()
	case e.Module.Verbs && !e.Func.Property:
		name = "h:" + e.Name()
	}
	if e.Func.Property {
		return name
	}
	var args []string
	options := false
	for _, p := range e.Params() {
		switch {
		case p.Required:
			args = append(args, p.Name)
		case p.Positional:
			args = append(args, "["+p.Name+"]")
		default:
			options = true
		}
	}
	if options {
		args = append(args, "{options}")
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// Traits are what a reader should know before calling: "change, irreversible".
func (e Entry) Traits() string {
	traits := e.Func.Kind.String()
	if e.Module.Global {
		traits = "computes"
	}
	if e.Func.Risk != effect.Safe {
		traits += ", " + e.Func.Risk.String()
	}
	return traits
}

// Find is the function or module of that name; a leading "h." is ignored.
func Find(modules []Module, name string) (Entry, bool) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "h."), "h:")
	for _, e := range Entries(modules) {
		if e.Name() == name {
			return e, true
		}
	}
	for i := range modules {
		if modules[i].Name == name {
			return Entry{Module: &modules[i]}, true
		}
	}
	return Entry{}, false
}

// Names are all names that Find knows, for completion.
func Names(modules []Module) []string {
	var names []string
	for i := range modules {
		names = append(names, modules[i].Name)
	}
	for _, e := range Entries(modules) {
		names = append(names, e.Name())
	}
	return names
}

// Summary is the first sentence of a text.
func Summary(doc string) string {
	doc = strings.ReplaceAll(doc, "\n", " ")
	for i := range len(doc) {
		if doc[i] == '.' && (i+1 == len(doc) || doc[i+1] == ' ') && !abbreviation(doc[:i]) {
			return doc[:i+1]
		}
	}
	return doc
}

func abbreviation(before string) bool {
	return strings.HasSuffix(before, "e.g") || strings.HasSuffix(before, "i.e") || strings.HasSuffix(before, " vs")
}

// DocText is the documentation of a function or a module for a terminal.
func DocText(e Entry) string {
	if e.Func == nil {
		return moduleText(e.Module)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s   (%s)\n\n%s\n", e.Usage(), e.Traits(), wrap(e.Func.Doc, 78, ""))
	var positional, options []Param
	for _, p := range e.Params() {
		if p.Positional {
			positional = append(positional, p)
		} else {
			options = append(options, p)
		}
	}
	writeParams(&b, "Arguments", positional)
	writeParams(&b, "Options", options)
	if returns := e.Func.Returns(); returns.Shape != Nothing {
		fmt.Fprintf(&b, "\nReturns %s\n", returns)
		writeFields(&b, returns, "  ", nil)
	}
	writeSection(&b, "Raises", e.Func.Raises)
	if e.Func.Example != "" {
		fmt.Fprintf(&b, "\nExample\n  %s\n", strings.ReplaceAll(strings.TrimSpace(e.Func.Example), "\n", "\n  "))
	}
	if len(e.Func.See) > 0 {
		fmt.Fprintf(&b, "\nSee %s\n", strings.Join(e.Func.See, ", "))
	}
	return b.String()
}

func moduleText(m *Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\n", m.Name, wrap(m.Doc, 78, ""))
	entries := Entries([]Module{*m})
	width := 0
	for _, e := range entries {
		width = max(width, len(e.Name()))
	}
	for _, e := range entries {
		indent := strings.Repeat(" ", width+4)
		fmt.Fprintf(&b, "  %-*s  %s\n", width, e.Name(), wrap(Summary(e.Func.Doc), 78-width-4, indent))
	}
	return b.String()
}

func writeSection(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", wrap(line, 76, "  "))
	}
}

func writeParams(b *strings.Builder, title string, params []Param) {
	if len(params) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	writeTable(b, params, "  ", nil)
}

// writeTable lists fields with their descriptions behind them, and below each
// the fields of the records it is made of. above are the records around.
func writeTable(b *strings.Builder, params []Param, indent string, above []*Type) {
	width := 0
	for i := range params {
		width = max(width, len(params[i].Name))
	}
	for i := range params {
		p := &params[i]
		hanging := indent + strings.Repeat(" ", width+2)
		fmt.Fprintf(b, "%s%-*s  %s\n", indent, width, p.Name, wrap(p.Describe(), max(40, 78-len(hanging)), hanging))
		writeFields(b, p.Type, hanging, above)
	}
}

// writeFields lists the fields of a record, or of what a list or a table holds.
func writeFields(b *strings.Builder, t *Type, indent string, above []*Type) {
	t = t.Innermost()
	if t.Shape != Record {
		return
	}
	for _, known := range above {
		if known.goType == t.goType {
			return
		}
	}
	writeTable(b, t.Fields(), indent, append(above, t))
}

// Innermost is what a list or table, or one of those, holds in the end.
func (t *Type) Innermost() *Type {
	for t.Shape == List || t.Shape == Map {
		t = t.Elem
	}
	return t
}

// Describe is a parameter's type, what it means, its default and its choices in
// one line.
func (p *Param) Describe() string {
	words := p.Type.Words()
	if p.Unit != "" && p.Type.Shape != Duration {
		words += " of " + p.Unit
	}
	text := words
	if p.Doc != "" {
		text += ": " + strings.TrimSuffix(p.Doc, ".")
	}
	if len(p.Enum) > 0 {
		text += "; one of " + strings.Join(p.Enum, ", ")
	}
	if p.HasDefault {
		text += "; " + p.DefaultText() + " by default"
	}
	if p.OmitEmpty {
		text += "; absent when empty"
	}
	if p.Produced {
		text += "; unknown in check mode when the change would be made"
	}
	return text
}

// DefaultText is the default as Lua writes it.
func (p *Param) DefaultText() string {
	switch p.Type.Shape {
	case String, Time, FileContent, Any:
		return `"` + p.Default + `"`
	case List:
		if p.Default == "" {
			return "{}"
		}
		return `{ "` + strings.ReplaceAll(p.Default, ",", `", "`) + `" }`
	default:
		return p.Default
	}
}

// wrap breaks a text into lines of at most width characters; further lines begin
// with indent. Newlines of the text stay.
func wrap(text string, width int, indent string) string {
	var lines []string
	for _, paragraph := range strings.Split(strings.TrimSpace(text), "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"+indent)
}
