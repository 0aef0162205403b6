package binding

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/spelling"
)

// The values a caller passes: nil, bool, float64, int64, string, *Table,
// effect.Secret, effect.Doer, File, Handle, or Opaque for what no function
// takes.

// Table is a table of the script: items 1..n and named fields. Which of the two
// is meant only the parameter's type tells.
type Table struct {
	List  []any
	Named map[string]any
	// Odd names a key that is neither: "the key 2.5".
	Odd string
}

// Empty tells whether the table holds nothing.
func (t *Table) Empty() bool { return len(t.List) == 0 && len(t.Named) == 0 && t.Odd == "" }

// Opaque is a value of the script that no function takes, in words: "a
// function".
type Opaque string

// badValue is an argument that does not fit; path names it ("filters[2].name").
type badValue struct{ path, problem, hint string }

func (e *badValue) Error() string {
	if e.path == "" {
		return e.problem
	}
	return e.path + ": " + e.problem
}

func misfit(path string, want *Type, got any) error {
	return &badValue{path: path, problem: fmt.Sprintf("expected %s, got %s", want, describe(got))}
}

// Invoke calls the function on a host (nil for global modules) with the
// script's arguments. A wrong argument is an effect.Error of kind Invalid, and
// nothing has been called. op is the function's full name, for errors.
func (f *Func) Invoke(ctx context.Context, op string, h effect.Doer, args []any) (any, error) {
	sig := f.signature()
	if sig.err != nil {
		return nil, effect.Errorf(effect.Internal, op, "%v", sig.err)
	}
	in := []reflect.Value{reflect.ValueOf(ctx)}
	if sig.host {
		in = append(in, reflect.ValueOf(&h).Elem())
	}
	filled, err := sig.fill(args)
	if err != nil {
		return nil, invalid(op, err)
	}
	if sig.args != nil {
		in = append(in, filled)
	}
	out := reflect.ValueOf(f.Call).Call(in)
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		return resultOf(out), err
	}
	return resultOf(out), nil
}

func resultOf(out []reflect.Value) any {
	if len(out) == 1 {
		return nil
	}
	return out[0].Interface()
}

func invalid(op string, err error) error {
	e := effect.Errorf(effect.Invalid, op, "%v", err)
	if bad, ok := err.(*badValue); ok && bad.hint != "" { //nolint:errorlint // made here, never wrapped
		e.Hint = bad.hint
		return e
	}
	e.Hint = "bsdrun doc " + op + " explains the arguments"
	return e
}

// Check tells whether the arguments fit, without calling anything.
func (f *Func) Check(op string, args []any) error {
	if _, err := f.signature().fill(args); err != nil {
		return invalid(op, err)
	}
	return nil
}

// fill puts arguments into a new struct of arguments.
func (s *signature) fill(args []any) (reflect.Value, error) {
	positional, options, err := s.arrange(args)
	if err != nil {
		return reflect.Value{}, err
	}
	if s.args == nil {
		return reflect.Value{}, nil
	}
	target := reflect.New(s.args).Elem()
	return target, fillFields(target, s.params, positional, options, "")
}

// arrange tells which arguments are positional and which table holds options.
func (s *signature) arrange(args []any) ([]any, *Table, error) {
	for len(args) > 0 && args[len(args)-1] == nil {
		args = args[:len(args)-1]
	}
	n := 0
	for n < len(s.params) && s.params[n].Positional {
		n++
	}
	options := &Table{}
	if last := len(args) - 1; last >= 0 {
		if table, ok := args[last].(*Table); ok && (last >= n || s.params[last].leavesToOptions(table)) {
			options, args = table, args[:last]
		}
	}
	if len(args) > n {
		return nil, nil, &badValue{problem: s.tooMany(n, args[n])}
	}
	if len(options.List) > 0 || options.Odd != "" {
		return nil, nil, &badValue{problem: fmt.Sprintf("options are given by name, got %s", describe(options))}
	}
	return args, options, nil
}

// leavesToOptions tells whether a table in this parameter's place is rather the
// table of options.
func (p *Param) leavesToOptions(t *Table) bool {
	switch p.Type.Shape {
	case List:
		return len(t.Named) > 0 && len(t.List) == 0
	case Any:
		return len(t.Named) > 0 && len(t.List) == 0 && !p.Required
	default:
		return !p.Type.isTable()
	}
}

// TakesOne tells whether a string in this parameter's place is a list of one.
func (p *Param) TakesOne() bool {
	return p.Positional && p.Type.Shape == List && p.Type.Elem.Shape == String
}

// oneOrList makes a list of a single string where a list has its place:
// pkg.install("git").
func (p *Param) oneOrList(value any) any {
	if word, ok := value.(string); ok && p.TakesOne() {
		return &Table{List: []any{word}}
	}
	return value
}

func (s *signature) tooMany(n int, extra any) string {
	switch {
	case len(s.params) == 0:
		return "takes no arguments, got " + describe(extra)
	case n == len(s.params):
		return fmt.Sprintf("takes %s, got also %s", count(n, "argument"), describe(extra))
	default:
		return fmt.Sprintf("takes %s and a table of options, got %s", count(n, "argument"), describe(extra))
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// fillFields sets a struct's fields from positional values and named ones.
func fillFields(target reflect.Value, params []Param, positional []any, named *Table, path string) error {
	if err := checkNames(params, named, path); err != nil {
		return err
	}
	for i := range params {
		p := &params[i]
		at := p.Name
		if path != "" {
			at = path + "." + p.Name
		}
		value, given := named.Named[p.Name]
		if i < len(positional) && positional[i] != nil {
			if given {
				return &badValue{path: at, problem: "given twice, by place and by name"}
			}
			value, given = p.oneOrList(positional[i]), true
		}
		field := target.FieldByIndex(p.index)
		switch {
		case given && value != nil:
			if err := setParam(field, p, value, at); err != nil {
				return err
			}
		case p.Required:
			return &badValue{path: at, problem: fmt.Sprintf("missing, expected %s", p.Type)}
		case p.HasDefault:
			if err := setDefault(field, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNames refuses names that no parameter has.
func checkNames(params []Param, named *Table, path string) error {
	for name := range named.Named {
		known := false
		names := make([]string, len(params))
		for i := range params {
			names[i] = params[i].Name
			known = known || names[i] == name
		}
		if known {
			continue
		}
		problem := fmt.Sprintf("unknown option %q", name)
		if path != "" {
			problem = fmt.Sprintf("unknown field %q", name)
		}
		bad := &badValue{path: path, problem: problem}
		if near := spelling.Nearest(name, names); near != "" {
			bad.problem += fmt.Sprintf(" (did you mean %q?)", near)
		} else if len(names) > 0 {
			bad.hint = "known are " + strings.Join(names, ", ")
		}
		return bad
	}
	return nil
}

func setParam(field reflect.Value, p *Param, value any, path string) error {
	if err := set(field, p.Type, value, path); err != nil {
		return err
	}
	if len(p.Enum) == 0 {
		return nil
	}
	return checkEnum(p, value, path)
}

// checkEnum accepts one of the words, or a list of them.
func checkEnum(p *Param, value any, path string) error {
	if table, ok := value.(*Table); ok {
		for i, item := range table.List {
			if err := checkEnum(p, item, fmt.Sprintf("%s[%d]", path, i+1)); err != nil {
				return err
			}
		}
		return nil
	}
	text := fmt.Sprint(value)
	for _, word := range p.Enum {
		if word == text {
			return nil
		}
	}
	problem := fmt.Sprintf("expected one of %s, got %q", strings.Join(p.Enum, ", "), text)
	return &badValue{path: path, problem: problem + spelling.Guess(text, p.Enum)}
}
