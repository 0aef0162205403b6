package script

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/spelling"
)

// Recipe is what a recipe declares beside its run function.
type Recipe struct {
	Doc     string // the comment at the head of the file; first sentence is the help line
	Needs   Needs
	Params  []Param         // in the order of the file
	Example map[string]any  // values for required parameters, on simulated hosts and in the docs
	Sim     string          // the profile of a bare sim:
	Roles   map[string]Role // where a recipe works on several hosts
	// Summary tells that it has a function that says what all hosts together
	// came to; see Summarize.
	Summary bool
	// Undo tells that it has a function that takes back what run did.
	Undo bool
}

// Role is a host's part in a recipe that works on several.
type Role struct {
	Doc   string
	Needs Needs
}

// Needs are what must be true of a host before anything runs on it.
type Needs struct {
	OS      []string // "FreeBSD"; empty: any
	Release string   // at least this one: "13.0"
	Arch    []string // "amd64"
	Root    bool     // the rights of root, by login or escalation
}

// Param is a parameter of a recipe.
type Param struct {
	Name     string
	Type     string // string, integer, number, boolean, list, table, host, local, size, duration, secret
	Doc      string
	Default  any // nil: none
	Enum     []string
	Required bool
	Pattern  string // a regular expression that the whole value must match

	pattern *regexp.Regexp
}

var (
	recipeFields = []string{"needs", "params", "example", "sim", "roles", "run", "summary", "undo"}
	needsFields  = []string{"os", "release", "arch", "root"}
	paramFields  = []string{"type", "doc", "default", "enum", "required", "pattern"}
	roleFields   = []string{"doc", "needs"}
	// ParamTypes are the types that a recipe's parameter may have.
	ParamTypes = []string{"string", "integer", "number", "boolean", "list", "table", "host", "local", "size", "duration", "secret"}
)

// load runs a recipe's file in a VM without a world and checks what it declares.
func (p *Program) load(box *sandbox) (*Recipe, error) {
	v := newVM(context.Background(), p, box)
	defer v.close()
	returned, err := v.run(p.proto)
	if err != nil {
		return nil, err
	}
	table, ok := first(returned).(*lua.LTable)
	if !ok {
		return nil, p.declares("", "a recipe returns a table")
	}
	if _, ok := table.RawGetString("run").(*lua.LFunction); !ok {
		return nil, p.declares("run", "expected a function")
	}
	table.RawSetString("run", lua.LNil)
	has := map[string]bool{}
	for _, name := range []string{"summary", "undo"} {
		value := table.RawGetString(name)
		if _, has[name] = value.(*lua.LFunction); !has[name] && value != lua.LNil {
			return nil, p.declares(name, "expected a function")
		}
		table.RawSetString(name, lua.LNil)
	}
	data, err := v.plain(table)
	if err != nil {
		return nil, p.declares("", err.Error())
	}
	fields, ok := data.(map[string]any)
	if !ok {
		return nil, p.declares("", "a recipe returns a table of named fields, not a list")
	}
	r := &Recipe{Doc: headComment(p.Source), Summary: has["summary"], Undo: has["undo"]}
	d := &declarations{program: p, order: v.keyOrder(table, "params")}
	d.read(r, fields)
	return r, d.err
}

// declares is an error about a recipe's declarations.
func (p *Program) declares(field, problem string) error {
	e := &effect.Error{Kind: effect.Script, At: p.Name, Message: problem}
	if field != "" {
		e.Message = field + ": " + problem
	}
	return e
}

// keyOrder is the order in which the file writes the keys of a field.
func (v *vm) keyOrder(t *lua.LTable, field string) []string {
	inner, ok := t.RawGetString(field).(*lua.LTable)
	if !ok {
		return nil
	}
	var order []string
	for key, _ := inner.Next(lua.LNil); key != lua.LNil; key, _ = inner.Next(key) {
		order = append(order, key.String())
	}
	return order
}

// declarations reads a recipe's table, keeping the first problem.
type declarations struct {
	program *Program
	order   []string // of the parameters
	err     error
}

func (d *declarations) fail(field, format string, args ...any) {
	if d.err == nil {
		d.err = d.program.declares(field, fmt.Sprintf(format, args...))
	}
}

func (d *declarations) read(r *Recipe, fields map[string]any) {
	d.known("", fields, recipeFields)
	if r.Doc == "" {
		d.fail("", "the file must begin with a comment that tells what the recipe does")
	}
	r.Needs = d.needs("needs", fields["needs"])
	r.Sim = d.text("sim", fields["sim"])
	r.Example = d.table("example", fields["example"])
	params := d.table("params", fields["params"])
	for _, name := range d.order {
		if _, ok := params[name]; ok {
			r.Params = append(r.Params, d.param(name, params[name]))
		}
	}
	roles := d.table("roles", fields["roles"])
	for _, name := range sortedNames(roles) {
		role := d.table("roles."+name, roles[name])
		d.known("roles."+name, role, roleFields)
		if r.Roles == nil {
			r.Roles = map[string]Role{}
		}
		r.Roles[name] = Role{
			Doc:   d.text("roles."+name+".doc", role["doc"]),
			Needs: d.needs("roles."+name+".needs", role["needs"]),
		}
	}
	d.example(r)
}

// known refuses fields that mean nothing.
func (d *declarations) known(path string, fields map[string]any, names []string) {
	for _, name := range sortedNames(fields) {
		if slices.Contains(names, name) {
			continue
		}
		problem := fmt.Sprintf("unknown field %q", name)
		if near := spelling.Nearest(name, names); near != "" {
			problem += fmt.Sprintf(" (did you mean %q?)", near)
		} else {
			problem += "; known are " + strings.Join(names, ", ")
		}
		d.fail(path, "%s", problem)
	}
}

func (d *declarations) needs(path string, value any) Needs {
	fields := d.table(path, value)
	d.known(path, fields, needsFields)
	return Needs{
		OS:      d.words(path+".os", fields["os"]),
		Release: d.text(path+".release", fields["release"]),
		Arch:    d.words(path+".arch", fields["arch"]),
		Root:    d.flag(path+".root", fields["root"]),
	}
}

func (d *declarations) param(name string, value any) Param {
	path := "params." + name
	fields := d.table(path, value)
	d.known(path, fields, paramFields)
	p := Param{
		Name:     name,
		Type:     d.text(path+".type", fields["type"]),
		Doc:      d.text(path+".doc", fields["doc"]),
		Default:  fields["default"],
		Enum:     d.words(path+".enum", fields["enum"]),
		Required: d.flag(path+".required", fields["required"]),
		Pattern:  d.text(path+".pattern", fields["pattern"]),
	}
	if p.Type == "" {
		p.Type = "string"
	}
	if !slices.Contains(ParamTypes, p.Type) {
		d.fail(path+".type", "unknown type %q; known are %s", p.Type, strings.Join(ParamTypes, ", "))
	}
	if p.Doc == "" {
		d.fail(path+".doc", "missing")
	}
	if p.Required && p.Default != nil {
		d.fail(path, "is required and has a default")
	}
	if p.Pattern != "" {
		var err error
		if p.pattern, err = regexp.Compile("^(?:" + p.Pattern + ")$"); err != nil {
			d.fail(path+".pattern", "%v", err)
		}
	}
	if p.Default != nil && d.err == nil {
		var err error
		if p.Default, err = p.check(p.Default); err != nil {
			d.fail(path+".default", "%v", err)
		}
	}
	return p
}

// example checks the example values by the parameters they are for.
func (d *declarations) example(r *Recipe) {
	if d.err != nil {
		return
	}
	names := make([]string, len(r.Params))
	for i := range r.Params {
		names[i] = r.Params[i].Name
	}
	d.known("example", r.Example, names)
	for i := range r.Params {
		p := &r.Params[i]
		value, given := r.Example[p.Name]
		if !given {
			continue
		}
		checked, err := p.check(value)
		if err != nil {
			d.fail("example."+p.Name, "%v", err)
			return
		}
		r.Example[p.Name] = checked
	}
}

func (d *declarations) text(path string, value any) string {
	text, ok := value.(string)
	if !ok && value != nil {
		d.fail(path, "expected a string")
	}
	return text
}

func (d *declarations) flag(path string, value any) bool {
	flag, ok := value.(bool)
	if !ok && value != nil {
		d.fail(path, "expected true or false")
	}
	return flag
}

func (d *declarations) words(path string, value any) []string {
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		return []string{value}
	case []any:
		words := make([]string, len(value))
		for i, item := range value {
			words[i] = d.text(fmt.Sprintf("%s[%d]", path, i+1), item)
		}
		return words
	default:
		d.fail(path, "expected a string or a list of strings")
		return nil
	}
}

func (d *declarations) table(path string, value any) map[string]any {
	switch value := value.(type) {
	case nil:
		return nil
	case map[string]any:
		return value
	case []any:
		if len(value) == 0 {
			return nil
		}
	}
	d.fail(path, "expected a table of named fields")
	return nil
}

// headComment is the text of the comment lines that open a file, without what is
// there for editors.
func headComment(source []byte) string {
	var lines []string
	for i, line := range strings.Split(string(source), "\n") {
		line = strings.TrimSpace(line)
		if i == 0 && strings.HasPrefix(line, "#!") || len(lines) == 0 && line == "" {
			continue
		}
		text, ok := strings.CutPrefix(line, "--")
		if !ok || strings.HasPrefix(text, "[[") {
			break
		}
		text = strings.TrimLeft(text, "-")
		if strings.HasPrefix(text, "@") {
			continue
		}
		lines = append(lines, strings.TrimPrefix(text, " "))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
