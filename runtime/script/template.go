package script

import (
	"bytes"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"bsdrun/runtime/effect"
)

var templateGlobal = Global{
	Name: "template", Usage: "template(file_or_text, [vars,] [opts])",
	Doc: "Fills in a template: <%= expression %> is replaced by its value, <% code %> is Lua, <%% is a literal <%. A line that holds nothing but code leaves no line behind. A text with a newline or <% in it is the template itself, anything else names a file beside the recipe. A secret in it makes the result secret. With lines=true a second value tells where each line came from, for functions that take an origin, such as pf.check.",
	Params: []GlobalParam{
		{"file_or_text", "string", "a file beside the recipe, or the template itself"},
		{"vars", "table?", "the names the template may use"},
		{"opts", "{lines?: boolean}?", "lines: return {file, lines} too: the template, and its line for each line of the result"},
	},
	Returns: "string|Secret",
	Example: `template("poudriere.conf.tmpl", { zpool = "zroot", jobs = 4 })`,
	fn:      (*vm).template,
}

func (v *vm) template(L *lua.LState) int {
	source := v.wantString(L, 1, "template", "file_or_text")
	v.touch(L, L.Get(2))
	vars, ok := L.Get(2).(*lua.LTable)
	if !ok {
		if L.Get(2) != lua.LNil {
			v.invalidf(L, "template", "vars: expected a table, got %s", v.got(L.Get(2)))
		}
		vars = L.CreateTable(0, 0)
	}
	opts := v.options(L, L.Get(3), "template", "lines")
	name := v.where(L) + " template"
	text := []byte(source)
	if !strings.Contains(source, "\n") && !strings.Contains(source, "<%") {
		var err error
		name = source
		if text, err = v.box.read(source); err != nil {
			v.raise(L, withOp(err, "template"))
		}
	}
	u, err := v.program.unit(name, text, func() (*lua.FunctionProto, error) { return compileTemplate(name, string(text)) })
	if err != nil {
		v.raise(L, err)
	}
	result, origins := v.render(L, u.proto, name, vars)
	L.Push(result)
	if !v.optBool(L, opts, "template", "lines") {
		return 1
	}
	lines := L.CreateTable(len(origins), 0)
	for _, line := range origins {
		lines.Append(lua.LNumber(line))
	}
	origin := L.CreateTable(0, 2)
	origin.RawSetString("file", lua.LString(name))
	origin.RawSetString("lines", lines)
	L.Push(origin)
	return 2
}

// render runs a compiled template with its variables as globals. lines are the
// template's lines that those of the result came from.
func (v *vm) render(L *lua.LState, proto *lua.FunctionProto, name string, vars *lua.LTable) (result lua.LValue, lines []int) {
	var out strings.Builder
	secret, fresh := "", true
	write := func(line, step int, text string) {
		for piece := range strings.Lines(text) {
			if fresh {
				lines = append(lines, line)
			}
			fresh = strings.HasSuffix(piece, "\n")
			line += step
		}
		if out.WriteString(text); out.Len() > maxString {
			v.invalidf(L, "template", "%s: the result is longer than %d bytes", name, maxString)
		}
	}
	env := L.CreateTable(0, 4)
	env.RawSetString(textWriter, L.NewFunction(func(L *lua.LState) int {
		write(L.CheckInt(1), 1, L.CheckString(2))
		return 0
	}))
	env.RawSetString(valueWriter, L.NewFunction(func(L *lua.LState) int {
		v.touch(L, L.Get(2))
		switch value := L.Get(2).(type) {
		case lua.LString, lua.LNumber, lua.LBool:
			write(L.CheckInt(1), 0, value.String())
		case *lua.LUserData:
			s, ok := value.Value.(effect.Secret)
			if !ok {
				v.invalidf(L, "template", "%s cannot be written into a template", v.got(value))
			}
			secret = s.Name()
			write(L.CheckInt(1), 0, s.Reveal())
		default:
			v.invalidf(L, "template", "%s cannot be written into a template", v.got(value))
		}
		return 0
	}))
	meta := L.CreateTable(0, 1)
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		key := L.Get(2)
		if value := L.GetTable(vars, key); value != lua.LNil {
			L.Push(value)
			return 1
		}
		if value := v.global(L, key.String()); value != lua.LNil {
			L.Push(value)
			return 1
		}
		v.invalidf(L, "template", "there is no variable %s", key)
		return 0
	}))
	env.Metatable = meta
	fn := L.NewFunctionFromProto(proto)
	fn.Env = env
	if _, failure := v.protected(L, v.ctx, fn); failure != nil {
		L.Error(failure, 0)
	}
	if secret != "" {
		return v.secretValue(effect.NewSecret(secret, out.String())), lines
	}
	return lua.LString(out.String()), lines
}

// The names of the functions that a compiled template calls; no variable can be
// spelt like them by accident.
const (
	textWriter  = "__text"
	valueWriter = "__value"
)

// templateMaker translates a template to Lua, remembering for each line of Lua
// which line of the template it came from.
type templateMaker struct {
	lua   bytes.Buffer
	lines []int // template line of each Lua line
	line  int   // of the template, from 1
	// lineStart tells whether the template is at the start of a line.
	lineStart bool
}

func compileTemplate(name, text string) (*lua.FunctionProto, error) {
	m := &templateMaker{line: 1, lineStart: true}
	if err := m.translate(name, text); err != nil {
		return nil, err
	}
	chunk, err := parse.Parse(bytes.NewReader(m.lua.Bytes()), name)
	if err != nil {
		return nil, m.relocate(syntaxError(name, err), name)
	}
	proto, err := compileChunk(chunk, name)
	if err != nil {
		return nil, m.relocate(err, name)
	}
	m.remap(proto)
	return proto, nil
}

func compileChunk(chunk []ast.Stmt, name string) (*lua.FunctionProto, error) {
	mendLoops(chunk)
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	return proto, nil
}

func (m *templateMaker) translate(name, text string) error {
	for text != "" {
		open := strings.Index(text, "<%")
		if open < 0 {
			m.text(text)
			return nil
		}
		if strings.HasPrefix(text[open:], "<%%") {
			m.text(text[:open] + "<%")
			text = text[open+3:]
			continue
		}
		end := strings.Index(text[open+2:], "%>")
		if end < 0 {
			line := m.line + strings.Count(text[:open], "\n")
			return &effect.Error{Kind: effect.Script, Op: "template", At: fmt.Sprintf("%s:%d", name, line), Message: "a <% is not closed by %>"}
		}
		text = m.tag(text[:open], text[open+2:open+2+end], text[open+2+end+2:])
	}
	return nil
}

// tag translates the text before a tag and the tag, and gives the text that is
// left.
func (m *templateMaker) tag(before, code, after string) string {
	if expression, ok := strings.CutPrefix(code, "="); ok {
		m.text(before)
		m.emit(fmt.Sprintf("%s(%d, (", valueWriter, m.line))
		m.code(expression)
		m.emit("))")
		return after
	}
	lead := before[strings.LastIndexByte(before, '\n')+1:]
	rest, left, _ := strings.Cut(after, "\n")
	startsLine := strings.TrimLeft(lead, " \t") == "" && (len(lead) < len(before) || m.lineStart)
	if startsLine && strings.TrimSpace(rest) == "" {
		m.text(strings.TrimSuffix(before, lead))
		m.code(code)
		m.line++
		m.lineStart = true
		return left
	}
	m.text(before)
	m.code(code)
	return after
}

func (m *templateMaker) text(s string) {
	if s == "" {
		return
	}
	m.emit(fmt.Sprintf("%s(%d, %s)", textWriter, m.line, quoteLua(s)))
	m.line += strings.Count(s, "\n")
	m.lineStart = strings.HasSuffix(s, "\n")
}

// code emits Lua of the template line by line.
func (m *templateMaker) code(code string) {
	for i, line := range strings.Split(code, "\n") {
		if i > 0 {
			m.line++
		}
		m.emit(line)
	}
	m.lineStart = false
}

func (m *templateMaker) emit(line string) {
	m.lua.WriteString(line + "\n")
	m.lines = append(m.lines, m.line)
}

// at is the template line of a Lua line.
func (m *templateMaker) at(line int) int {
	if line < 1 || len(m.lines) == 0 {
		return line
	}
	return m.lines[min(line, len(m.lines))-1]
}

// relocate turns the place of a syntax error into the template's.
func (m *templateMaker) relocate(err error, name string) error {
	e := *effect.AsError(err)
	var line int
	if _, scan := fmt.Sscanf(strings.TrimPrefix(e.At, name), ":%d", &line); scan == nil {
		e.At = fmt.Sprintf("%s:%d", name, m.at(line))
	}
	e.Op = "template"
	return &e
}

// remap makes a compiled template's lines the template's own.
func (m *templateMaker) remap(proto *lua.FunctionProto) {
	proto.LineDefined, proto.LastLineDefined = m.at(proto.LineDefined), m.at(proto.LastLineDefined)
	for i, line := range proto.DbgSourcePositions {
		proto.DbgSourcePositions[i] = m.at(line)
	}
	for _, inner := range proto.FunctionPrototypes {
		m.remap(inner)
	}
}
