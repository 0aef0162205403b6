package gen

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/script"
)

const stubHead = "---@meta\nerror(\"Cannot require a meta file\")\n\n-- " + mark + "\n"

// Stubs describe scripts to the Lua language server: files by name.
func Stubs(modules []binding.Module) map[string][]byte {
	files := map[string][]byte{"bsdrun.lua": baseStub(modules)}
	for i := range modules {
		m := &modules[i]
		files[m.Name+".lua"] = stub(m, modules)
	}
	return files
}

// stub describes a module to the Lua language server.
func stub(m *binding.Module, modules []binding.Module) []byte {
	s := &stubWriter{module: m, classes: map[string]bool{}}
	s.buf.WriteString(stubHead)
	owner := m.Name
	switch {
	case m.Verbs:
		owner = "Host"
	case m.Global && m.Name == "table":
		// Lua's own library, which gets more functions.
	default:
		scope := "local "
		if m.Global {
			scope = ""
		}
		fmt.Fprintf(&s.buf, "\n---%s\n---@class %s\n", oneLine(m.Doc), className(m))
		s.callable(verbNamed(modules, m))
		fmt.Fprintf(&s.buf, "%s%s = {}\n", scope, m.Name)
	}
	for _, group := range groups(m) {
		fmt.Fprintf(&s.buf, "\n%s.%s = {}\n", owner, group)
	}
	for i := range m.Funcs {
		f := &m.Funcs[i]
		if !f.Property && (!m.Verbs || !isModule(modules, f.Name)) {
			s.function(binding.Entry{Module: m, Func: f}, owner)
		}
	}
	for i := range m.Classes {
		class := &m.Classes[i]
		fmt.Fprintf(&s.buf, "\n---%s\n---@class %s\n---@field id string\nlocal %s = {}\n", oneLine(class.Doc), handleName(class.Name), class.Name)
		for j := range class.Funcs {
			s.function(binding.Entry{Module: m, Class: class, Func: &class.Funcs[j]}, class.Name)
		}
	}
	s.buf.Write(s.records.Bytes())
	return s.buf.Bytes()
}

// verbNamed is the host's verb that has the name of a module: h:jail("www") beside
// h.jail.list().
func verbNamed(modules []binding.Module, m *binding.Module) *binding.Entry {
	for i := range modules {
		for j := range modules[i].Funcs {
			if f := &modules[i].Funcs[j]; modules[i].Verbs && f.Name == m.Name && !m.Global {
				return &binding.Entry{Module: &modules[i], Func: f}
			}
		}
	}
	return nil
}

func isModule(modules []binding.Module, name string) bool {
	return slices.ContainsFunc(modules, func(m binding.Module) bool { return m.Name == name && !m.Verbs && !m.Global })
}

// callable makes the class of a module one that can be called.
func (s *stubWriter) callable(verb *binding.Entry) {
	if verb == nil {
		return
	}
	params := s.inline(*verb)
	fmt.Fprintf(&s.buf, "---@overload fun(host: Host, %s)%s\n---@overload fun(%s)%s\n", params, s.returns(*verb), params, s.returns(*verb))
}

// inline are a function's positional parameters within a type.
func (s *stubWriter) inline(e binding.Entry) string {
	s.given = true
	defer func() { s.given = false }()
	var parts []string
	for _, p := range e.Params() {
		if p.Positional {
			parts = append(parts, fmt.Sprintf("%s%s: %s", p.Name, optional(!p.Required), s.paramType(&p)))
		}
	}
	return strings.Join(parts, ", ")
}

func (s *stubWriter) returns(e binding.Entry) string {
	if returns := e.Func.Returns(); returns.Shape != binding.Nothing {
		return ": " + s.luaType(returns)
	}
	return ""
}

func className(m *binding.Module) string {
	if m.Global {
		return m.Name
	}
	return "h." + m.Name
}

func handleName(kind string) string { return strings.ToUpper(kind[:1]) + kind[1:] }

// groups are the dotted beginnings of a module's function names.
func groups(m *binding.Module) []string {
	var out []string
	for i := range m.Funcs {
		parts := strings.Split(m.Funcs[i].Name, ".")
		for n := 1; n < len(parts); n++ {
			if group := strings.Join(parts[:n], "."); !slices.Contains(out, group) {
				out = append(out, group)
			}
		}
	}
	return out
}

// stubWriter writes functions, and the records they speak of behind them.
type stubWriter struct {
	module       *binding.Module
	buf, records bytes.Buffer
	classes      map[string]bool
	// given tells that the types at hand are arguments: what is not required may
	// be left out.
	given bool
}

func (s *stubWriter) function(e binding.Entry, owner string) {
	separator := "."
	if e.Class != nil || e.Module.Verbs {
		separator = ":"
	}
	fmt.Fprintf(&s.buf, "\n---%s\n", oneLine(e.Func.Doc))
	var names []string
	var options []binding.Param
	s.given = true
	for _, p := range e.Params() {
		if !p.Positional {
			options = append(options, p)
			continue
		}
		names = append(names, p.Name)
		fmt.Fprintf(&s.buf, "---@param %s%s %s %s\n", p.Name, optional(!p.Required), s.paramType(&p), oneLine(p.Doc))
	}
	if len(options) > 0 {
		names = append(names, "options")
		fmt.Fprintf(&s.buf, "---@param options? %s\n", s.optionClass(e, options))
	}
	byName := s.byName(e, options)
	s.given = false
	if returns := e.Func.Returns(); returns.Shape != binding.Nothing {
		fmt.Fprintf(&s.buf, "---@return %s\n", s.luaType(returns))
	}
	for _, params := range s.otherWays(e, options, byName) {
		fmt.Fprintf(&s.buf, "---@overload fun(%s)%s\n", params, s.returns(e))
	}
	fmt.Fprintf(&s.buf, "function %s%s%s(%s) end\n", owner, separator, e.Func.Name, strings.Join(names, ", "))
}

// byName is the class of the single table of names that a function may be called
// with; empty where a table is something else there.
func (s *stubWriter) byName(e binding.Entry, options []binding.Param) string {
	params := e.Params()
	if len(params) == len(options) {
		return ""
	}
	switch shape := params[0].Type.Shape; {
	case shape == binding.Map, shape == binding.Record, shape == binding.Any && params[0].Required:
		return ""
	}
	name := strings.ReplaceAll(e.Name(), ":", ".") + ".arguments"
	s.declare(name, "", params)
	return name
}

// otherWays are the further forms of a call: by a single table of names, and a verb
// by a dot.
func (s *stubWriter) otherWays(e binding.Entry, options []binding.Param, byName string) []string {
	var ways []string
	dotted := e.Class != nil || e.Module.Verbs
	if byName != "" {
		if dotted {
			ways = append(ways, "host: Host, arguments: "+byName)
		}
		ways = append(ways, "arguments: "+byName)
	}
	if dotted && e.Class == nil {
		params := s.inline(e)
		if len(options) > 0 {
			params = strings.TrimPrefix(params+", options?: "+optionName(e), ", ")
		}
		ways = append(ways, params)
	}
	return ways
}

func optionName(e binding.Entry) string {
	return strings.ReplaceAll(e.Name(), ":", ".") + ".options"
}

func optional(yes bool) string {
	if yes {
		return "?"
	}
	return ""
}

// optionClass declares the table of options of a function.
func (s *stubWriter) optionClass(e binding.Entry, options []binding.Param) string {
	name := optionName(e)
	s.declare(name, "", options)
	return name
}

// declare writes a class with its fields, behind the classes that it speaks of.
func (s *stubWriter) declare(name, parent string, fields []binding.Param) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n---@class %s%s\n", name, parent)
	for i := range fields {
		p := &fields[i]
		text := oneLine(p.Doc)
		if p.HasDefault {
			text = strings.TrimSpace(text + " (" + p.DefaultText() + " by default)")
		}
		line := fmt.Sprintf("---@field %s%s %s %s", p.Name, optional(p.OmitEmpty || s.given && !p.Required), s.paramType(p), text)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	s.records.WriteString(b.String())
}

// paramType is a parameter's type, or the union of its choices.
func (s *stubWriter) paramType(p *binding.Param) string {
	if len(p.Enum) == 0 {
		if p.TakesOne() {
			return "string|string[]"
		}
		return s.luaType(p.Type)
	}
	words := make([]string, len(p.Enum))
	for i, word := range p.Enum {
		words[i] = `"` + word + `"`
		if shape := p.Type.Innermost().Shape; shape == binding.Integer || shape == binding.Number {
			words[i] = word
		}
	}
	union := strings.Join(words, "|")
	if p.Type.Shape == binding.List {
		return "(" + union + ")[]"
	}
	return union
}

// luaType is a type as the language server writes it.
func (s *stubWriter) luaType(t *binding.Type) string {
	switch t.Shape {
	case binding.String, binding.Time:
		return "string"
	case binding.Boolean:
		return "boolean"
	case binding.Integer:
		return "integer"
	case binding.Number, binding.Duration:
		return "number"
	case binding.List:
		inner := s.luaType(t.Elem)
		if strings.Contains(inner, "|") {
			inner = "(" + inner + ")"
		}
		return inner + "[]"
	case binding.Map:
		return "table<string, " + s.luaType(t.Elem) + ">"
	case binding.Record:
		return s.record(t)
	case binding.FileContent:
		return "string|Secret|LocalFile"
	case binding.LocalFile:
		return "LocalFile"
	case binding.Secret:
		return "Secret|string"
	case binding.HostRef:
		return "Host"
	default:
		return "any"
	}
}

// record declares a record once and gives its name.
func (s *stubWriter) record(t *binding.Type) string {
	if t.Name == "" {
		return "table"
	}
	name := s.module.Name + "." + handleName(t.Name)
	if s.classes[name] {
		return name
	}
	s.classes[name] = true
	parent := ""
	if t.Handle {
		parent = " : " + handleName(strings.ToLower(t.Name))
	}
	s.declare(name, parent, t.Fields())
	return name
}

// baseStub describes the host and the functions of every script.
func baseStub(modules []binding.Module) []byte {
	var b bytes.Buffer
	b.WriteString(stubHead)
	b.WriteString("\n---A value that shows nowhere.\n---@class Secret\n---@operator concat(string|Secret): Secret\n")
	b.WriteString("\n---A file of the controller.\n---@class LocalFile\n")
	b.WriteString("\n---What errors are.\n---@class Error\n")
	for _, field := range []string{
		"op? string the operation that failed", "host? string", "kind string failed, timeout, denied, missing, unreachable, invalid, script ...",
		"code? integer exit code of a command", "command? string", "stdout? string last lines", "stderr? string last lines",
		"message string", "hint? string what to do next", "at? string file and line of the script",
	} {
		b.WriteString("---@field " + field + "\n")
	}
	b.WriteString("\n---A FreeBSD machine.\n---@class Host\n---@field name string its name\n---@field vars table<string, any> its variables of the inventory\n")
	s := &stubWriter{classes: map[string]bool{}}
	for i := range modules {
		m := &modules[i]
		s.module = m
		switch {
		case m.Verbs:
			for j := range m.Funcs {
				if f := &m.Funcs[j]; f.Property {
					fmt.Fprintf(&b, "---@field %s %s %s\n", f.Name, s.luaType(f.Returns()), oneLine(binding.Summary(f.Doc)))
				}
			}
		case !m.Global:
			fmt.Fprintf(&b, "---@field %s %s\n", m.Name, className(m))
		}
	}
	b.WriteString("Host = {}\n\n---@type Host\nh = nil\n\n---The parameters of the script.\n---@type table<string, any>\np = nil\n\njson = { null = nil }\n\nfleet = {}\n\nexpect = {}\n")
	b.WriteString(recipeClasses)
	for _, g := range slices.Concat(script.Globals(), script.TestGlobals()) {
		writeGlobal(&b, g)
	}
	b.Write(s.records.Bytes())
	return b.Bytes()
}

// recipeClasses are what a recipe returns: with ---@type Recipe on its table an
// editor completes the fields, and knows h and p in run.
const recipeClasses = `
---What must be true of a host before anything runs on it.
---@class Recipe.Needs
---@field os? string|string[] such as FreeBSD
---@field release? string at least this one, such as 13.0
---@field arch? string|string[] such as amd64
---@field root? boolean the rights of root, by login or escalation

---A parameter of a recipe.
---@class Recipe.Param
---@field type? "string"|"integer"|"number"|"boolean"|"list"|"table"|"host"|"local"|"size"|"duration"|"secret"
---@field doc string what it is for
---@field default? any
---@field required? boolean
---@field enum? any[] the values there are
---@field pattern? string a regular expression that the whole value must match

---A host's part in a recipe that works on several.
---@class Recipe.Role
---@field doc? string
---@field needs? Recipe.Needs

---What came of a run on one host, for a summary.
---@class Recipe.Outcome
---@field host string
---@field status "ok"|"failed"|"unreachable"|"stopped"
---@field result? any
---@field error? string

---What the file of a recipe returns.
---@class Recipe
---@field needs? Recipe.Needs
---@field params? table<string, Recipe.Param>
---@field example? table<string, any> values for required parameters, on simulated hosts and in the docs
---@field sim? string profile of a bare sim:
---@field roles? table<string, Recipe.Role>
---@field run? fun(h: Host, p: table<string, any>): any what it does; it must have one
---@field summary? fun(hosts: Recipe.Outcome[]): any
---@field undo? fun(h: Host, p: table<string, any>, steps: table<string, any>): any takes back what a run did; steps: what its steps returned, by name
`

// shortForms are the parameters of globals whose options may be left out before the
// function.
var shortForms = map[string]string{
	"step": "name: string, fn: fun(): any", "retry": "fn: fun(): any",
	"fleet.once": "key: string, fn: fun(): any", "fleet.lock": "name: string, fn: fun(): ...",
}

// ending are the globals that do not return, so that what they guard is known to be
// there behind them.
var ending = map[string]bool{"fail": true, "skip": true}

func writeGlobal(b *bytes.Buffer, g script.Global) {
	fmt.Fprintf(b, "\n---%s\n", oneLine(g.Doc))
	if g.Type != "" {
		fmt.Fprintf(b, "---@type %s\n%s = nil\n", g.Type, g.Name)
		return
	}
	var names []string
	for _, p := range g.Params {
		name := p.Name
		if strings.HasSuffix(p.Type, "?") {
			name += "?"
		}
		fmt.Fprintf(b, "---@param %s %s %s\n", name, strings.TrimSuffix(p.Type, "?"), oneLine(p.Doc))
		names = append(names, p.Name)
	}
	switch {
	case ending[g.Name]:
		b.WriteString("---@return never\n")
	case g.Returns != "":
		fmt.Fprintf(b, "---@return %s\n", g.Returns)
	}
	if short := shortForms[g.Name]; short != "" {
		fmt.Fprintf(b, "---@overload fun(%s): any\n", short)
	}
	fmt.Fprintf(b, "function %s(%s) end\n", g.Name, strings.Join(names, ", "))
}
