package gen

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/script"
)

const comment = "<!-- " + mark + " -->\n\n"

// index is the page that lists all modules.
func index(modules []binding.Module) []byte {
	var b bytes.Buffer
	b.WriteString("# Reference\n\n" + comment)
	b.WriteString("`bsdrun doc NAME` shows the same in the terminal.\n\n")
	b.WriteString("| | |\n|---|---|\n| [script](script.md) | What every script has beside its host: steps, errors, questions, secrets, templates. |\n")
	for i := range modules {
		m := &modules[i]
		fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", title(m), m.Name, cell(binding.Summary(m.Doc)))
	}
	return b.Bytes()
}

// title is how a script reaches a module.
func title(m *binding.Module) string {
	switch {
	case m.Verbs:
		return "h"
	case m.Global:
		return m.Name
	default:
		return "h." + m.Name
	}
}

// page is the reference of one module.
func page(m *binding.Module) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s%s\n", title(m), comment, m.Doc)
	entries := binding.Entries([]binding.Module{*m})
	b.WriteString("\n| function | |\n|---|---|\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", e.Name(), anchor(e.Name()), cell(binding.Summary(e.Func.Doc)))
	}
	class := ""
	for _, e := range entries {
		if e.Class != nil && e.Class.Name != class {
			class = e.Class.Name
			fmt.Fprintf(&b, "\n# %s\n\n%s\n", class, e.Class.Doc)
		}
		writeFunction(&b, e)
	}
	return b.Bytes()
}

// anchor is how Markdown renderers name a heading.
func anchor(heading string) string {
	return strings.NewReplacer(".", "", ":", "").Replace(strings.ToLower(heading))
}

func writeFunction(b *bytes.Buffer, e binding.Entry) {
	fmt.Fprintf(b, "\n## %s\n\n`%s` · %s\n\n%s\n", e.Name(), e.Usage(), e.Traits(), e.Func.Doc)
	if params := e.Params(); len(params) > 0 {
		b.WriteString("\n| argument | | |\n|---|---|---|\n")
		for i := range params {
			writeParam(b, &params[i], "", 0)
		}
	}
	if returns := e.Func.Returns(); returns.Shape != binding.Nothing {
		fmt.Fprintf(b, "\nReturns %s", returns)
		writeResult(b, returns)
	}
	writeList(b, "Raises", e.Func.Raises)
	if e.Func.Example != "" {
		fmt.Fprintf(b, "\n```lua\n%s\n```\n", strings.TrimSpace(e.Func.Example))
	}
	if len(e.Func.See) > 0 {
		fmt.Fprintf(b, "\nSee %s.\n", strings.Join(e.Func.See, ", "))
	}
}

// maxDepth ends the description of records that hold their own kind.
const maxDepth = 4

func writeParam(b *bytes.Buffer, p *binding.Param, prefix string, depth int) {
	kind := "option"
	switch {
	case depth > 0 && p.Required:
		kind = "field, required"
	case depth > 0:
		kind = "field"
	case p.Required:
		kind = "required"
	case p.Positional:
		kind = "optional"
	}
	fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, p.Name, kind, cell(p.Describe()))
	if inner := p.Type.Innermost(); inner.Shape == binding.Record && depth < maxDepth {
		fields := inner.Fields()
		for i := range fields {
			writeParam(b, &fields[i], prefix+p.Name+dots(p.Type)+".", depth+1)
		}
	}
}

// dots shows that a name stands for each item: names[].
func dots(t *binding.Type) string {
	switch t.Shape {
	case binding.List:
		return "[]" + dots(t.Elem)
	case binding.Map:
		return ".NAME" + dots(t.Elem)
	default:
		return ""
	}
}

func writeResult(b *bytes.Buffer, t *binding.Type) {
	inner := t.Innermost()
	if inner.Shape != binding.Record {
		b.WriteString(".\n")
		return
	}
	b.WriteString(":\n\n| field | |\n|---|---|\n")
	writeResultFields(b, inner, "", 0)
}

func writeResultFields(b *bytes.Buffer, t *binding.Type, prefix string, depth int) {
	fields := t.Fields()
	for i := range fields {
		p := &fields[i]
		fmt.Fprintf(b, "| `%s%s` | %s |\n", prefix, p.Name, cell(p.Describe()))
		if inner := p.Type.Innermost(); inner.Shape == binding.Record && depth < maxDepth && inner.Name != t.Name {
			writeResultFields(b, inner, prefix+p.Name+dots(p.Type)+".", depth+1)
		}
	}
}

func writeList(b *bytes.Buffer, head string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n", head)
	for _, line := range lines {
		fmt.Fprintf(b, "- %s\n", oneLine(line))
	}
}

// cell escapes what would end a table's cell.
func cell(text string) string { return strings.ReplaceAll(oneLine(text), "|", `\|`) }

// scriptPage is the reference of what every script has.
func scriptPage() []byte {
	var b bytes.Buffer
	b.WriteString("# script\n\n" + comment)
	b.WriteString("What every script has beside its host `h` and its parameters `p`, and beside Lua's own string, table, math and coroutine. `test` and `expect` are for the tests of recipes alone, which have no steps and ask nobody.\n")
	b.WriteString("\n| function | |\n|---|---|\n")
	for _, g := range slices.Concat(script.Globals(), script.TestGlobals()) {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", g.Name, anchor(g.Name), cell(binding.Summary(g.Doc)))
	}
	for _, g := range slices.Concat(script.Globals(), script.TestGlobals()) {
		fmt.Fprintf(&b, "\n## %s\n\n`%s`\n\n%s\n", g.Name, g.Usage, g.Doc)
		if g.Type != "" {
			fmt.Fprintf(&b, "\nIs a `%s`.\n", g.Type)
		}
		if len(g.Params) > 0 {
			b.WriteString("\n| argument | | |\n|---|---|---|\n")
			for _, p := range g.Params {
				fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", p.Name, cell(p.Type), cell(p.Doc))
			}
		}
		if g.Returns != "" {
			fmt.Fprintf(&b, "\nReturns `%s`.\n", g.Returns)
		}
		if g.Example != "" {
			fmt.Fprintf(&b, "\n```lua\n%s\n```\n", g.Example)
		}
	}
	return b.Bytes()
}
