package binding

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"bsdrun/runtime/effect"
)

// maxWhole is the largest number below which a script's numbers hold every
// whole number exactly.
const maxWhole = 1 << 53

// set puts a script's value into a field of the given type.
func set(field reflect.Value, t *Type, value any, path string) error {
	if field.Kind() == reflect.Pointer {
		pointed := reflect.New(field.Type().Elem())
		if err := set(pointed.Elem(), t, value, path); err != nil {
			return err
		}
		field.Set(pointed)
		return nil
	}
	if secret, ok := value.(effect.Secret); ok && t.Shape != Secret && t.Shape != FileContent && t.Shape != Any {
		return &badValue{
			path:    path,
			problem: fmt.Sprintf("expected %s, got the secret %s", t, secret.Name()),
			hint:    "a secret goes where it cannot be seen: standard input, the content of a file, a password; never into arguments of a command",
		}
	}
	return setters[t.Shape](field, t, value, path)
}

type setter func(field reflect.Value, t *Type, value any, path string) error

// setters has the setter of every shape that an argument may have.
var setters map[Shape]setter

func init() {
	setters = map[Shape]setter{
		String: setString, Boolean: setBoolean, Integer: setInteger, Number: setNumber, Duration: setDuration, Time: setTime,
		List: setList, Map: setMap, Record: setRecord, Any: setAny,
		FileContent: setReference, LocalFile: setReference, Secret: setReference, HostRef: setReference,
	}
}

func setBoolean(field reflect.Value, t *Type, value any, path string) error {
	b, ok := value.(bool)
	if !ok {
		return misfit(path, t, value)
	}
	field.SetBool(b)
	return nil
}

func setNumber(field reflect.Value, t *Type, value any, path string) error {
	n, ok := number(value)
	if !ok {
		return misfit(path, t, value)
	}
	field.SetFloat(n)
	return nil
}

func setRecord(field reflect.Value, t *Type, value any, path string) error {
	table, ok := value.(*Table)
	if !ok {
		return misfit(path, t, value)
	}
	if len(table.List) > 0 || table.Odd != "" {
		return &badValue{path: path, problem: fmt.Sprintf("expected a table of named fields, got %s", describe(table))}
	}
	return fillFields(field, t.Fields(), nil, table, path)
}

func setAny(field reflect.Value, _ *Type, value any, path string) error {
	plain, err := plainArgument(value, path)
	if err != nil {
		return err
	}
	field.Set(reflect.ValueOf(plain))
	return nil
}

func setString(field reflect.Value, t *Type, value any, path string) error {
	text, ok := value.(string)
	if !ok {
		if handle, is := value.(Handle); is {
			text, ok = handle.ID, true
		}
	}
	if !ok {
		return misfit(path, t, value)
	}
	if field.Type() == typeBytes {
		field.SetBytes([]byte(text))
		return nil
	}
	field.SetString(text)
	return nil
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case float64:
		return n, !math.IsNaN(n)
	case int64:
		return float64(n), true
	}
	return 0, false
}

func setInteger(field reflect.Value, t *Type, value any, path string) error {
	n, ok := number(value)
	if !ok {
		return misfit(path, t, value)
	}
	if n != math.Trunc(n) || math.Abs(n) > maxWhole {
		return &badValue{path: path, problem: fmt.Sprintf("expected a whole number, got %s", formatNumber(n))}
	}
	tooLarge := &badValue{path: path, problem: fmt.Sprintf("%s does not fit", formatNumber(n))}
	if field.CanUint() {
		if n < 0 {
			return &badValue{path: path, problem: fmt.Sprintf("expected 0 or more, got %s", formatNumber(n))}
		}
		if field.OverflowUint(uint64(n)) {
			return tooLarge
		}
		field.SetUint(uint64(n))
		return nil
	}
	if field.OverflowInt(int64(n)) {
		return tooLarge
	}
	field.SetInt(int64(n))
	return nil
}

func setDuration(field reflect.Value, t *Type, value any, path string) error {
	seconds, ok := number(value)
	if !ok {
		return misfit(path, t, value)
	}
	if seconds < 0 {
		return &badValue{path: path, problem: fmt.Sprintf("expected 0 seconds or more, got %s", formatNumber(seconds))}
	}
	if seconds > math.MaxInt64/float64(time.Second) {
		return &badValue{path: path, problem: fmt.Sprintf("%s seconds are too many", formatNumber(seconds))}
	}
	field.SetInt(int64(seconds * float64(time.Second)))
	return nil
}

func setTime(field reflect.Value, t *Type, value any, path string) error {
	text, ok := value.(string)
	if !ok {
		return misfit(path, t, value)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return &badValue{path: path, problem: fmt.Sprintf("expected a time like 2025-01-31T12:00:00Z, got %q", text)}
	}
	field.Set(reflect.ValueOf(at.UTC()))
	return nil
}

func setList(field reflect.Value, t *Type, value any, path string) error {
	table, ok := value.(*Table)
	if !ok {
		return misfit(path, t, value)
	}
	if len(table.Named) > 0 || table.Odd != "" {
		return &badValue{path: path, problem: fmt.Sprintf("expected %s, got %s", t, describe(table))}
	}
	list := reflect.MakeSlice(field.Type(), len(table.List), len(table.List))
	for i, item := range table.List {
		if err := set(list.Index(i), t.Elem, item, fmt.Sprintf("%s[%d]", path, i+1)); err != nil {
			return err
		}
	}
	field.Set(list)
	return nil
}

func setMap(field reflect.Value, t *Type, value any, path string) error {
	table, ok := value.(*Table)
	if !ok {
		return misfit(path, t, value)
	}
	if len(table.List) > 0 || table.Odd != "" {
		return &badValue{path: path, problem: fmt.Sprintf("expected %s by name, got %s", t, describe(table))}
	}
	out := reflect.MakeMapWithSize(field.Type(), len(table.Named))
	for name, item := range table.Named {
		v := reflect.New(field.Type().Elem()).Elem()
		if err := set(v, t.Elem, item, path+"."+name); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(name).Convert(field.Type().Key()), v)
	}
	field.Set(out)
	return nil
}

// setReference sets what a script only gets from us: secrets, files, hosts.
func setReference(field reflect.Value, t *Type, value any, path string) error {
	var out any
	switch t.Shape {
	case Secret:
		switch v := value.(type) {
		case effect.Secret:
			out = v
		case string:
			out = effect.NewSecret(path, v)
		}
	case FileContent:
		switch v := value.(type) {
		case string:
			out = Content{Data: []byte(v)}
		case effect.Secret:
			out = Content{Data: []byte(v.Reveal()), Secret: true}
		case File:
			out = Content{Source: v}
		}
	case LocalFile:
		switch v := value.(type) {
		case File:
			out = localOf(v)
		case string:
			return &badValue{path: path, problem: "expected a local file, got a string", hint: fmt.Sprintf("write local_file(%q)", v)}
		}
	case HostRef:
		if h, ok := value.(effect.Doer); ok {
			out = h
		}
	}
	if out == nil {
		return misfit(path, t, value)
	}
	field.Set(reflect.ValueOf(out))
	return nil
}

// setDefault parses the default of a declaration.
func setDefault(field reflect.Value, p *Param) error {
	value, err := parseDefault(p.Type, p.Default)
	if err != nil {
		return err
	}
	return setParam(field, p, value, p.Name)
}

func parseDefault(t *Type, text string) (any, error) {
	switch t.Shape {
	case String, Time, FileContent, Any:
		return text, nil
	case Boolean:
		return strconv.ParseBool(text)
	case Integer, Number, Duration:
		return strconv.ParseFloat(text, 64)
	case List:
		table := &Table{}
		for _, word := range strings.Split(text, ",") {
			item, err := parseDefault(t.Elem, word)
			if err != nil {
				return nil, err
			}
			if word != "" {
				table.List = append(table.List, item)
			}
		}
		return table, nil
	default:
		return nil, fmt.Errorf("%s can have no default", t)
	}
}

// plainArgument turns tables into lists and maps; secrets, files and hosts stay
// what they are.
func plainArgument(value any, path string) (any, error) {
	if opaque, ok := value.(Opaque); ok {
		return nil, &badValue{path: path, problem: fmt.Sprintf("expected plain data, got %s", opaque)}
	}
	table, ok := value.(*Table)
	if !ok {
		return value, nil
	}
	if table.Odd != "" || len(table.List) > 0 && len(table.Named) > 0 {
		bad := &badValue{path: path, problem: fmt.Sprintf("expected a list or a table of names, got %s", describe(table))}
		if table.Odd == "" {
			bad.hint = "options go into a table of their own, behind the arguments"
		}
		return nil, bad
	}
	if len(table.Named) > 0 {
		out := make(map[string]any, len(table.Named))
		for name, item := range table.Named {
			plain, err := plainArgument(item, path+"."+name)
			if err != nil {
				return nil, err
			}
			out[name] = plain
		}
		return out, nil
	}
	out := make([]any, len(table.List))
	for i, item := range table.List {
		plain, err := plainArgument(item, fmt.Sprintf("%s[%d]", path, i+1))
		if err != nil {
			return nil, err
		}
		out[i] = plain
	}
	return out, nil
}

// describe tells what was given, for messages. It never shows a secret.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "nil"
	case bool:
		return fmt.Sprintf("the boolean %t", v)
	case float64:
		return "the number " + formatNumber(v)
	case int64:
		return fmt.Sprintf("the number %d", v)
	case string:
		return "the string " + strconv.Quote(shorten(v))
	case effect.Secret:
		return "the secret " + v.Name()
	case Handle:
		return "a " + v.Kind
	case Opaque:
		return string(v)
	case *Table:
		return describeTable(v)
	case File:
		return "a local file"
	case effect.Doer:
		return "a host"
	default:
		return fmt.Sprintf("a %T", value)
	}
}

func describeTable(t *Table) string {
	switch {
	case t.Odd != "":
		return "a table with " + t.Odd
	case len(t.List) > 0 && len(t.Named) > 0:
		return fmt.Sprintf("a table with both list items and the key %q", firstKey(t.Named))
	case len(t.List) > 0:
		return "a list"
	case len(t.Named) > 0:
		return fmt.Sprintf("a table with the key %q", firstKey(t.Named))
	default:
		return "an empty table"
	}
}

func firstKey(named map[string]any) string {
	first := ""
	for name := range named {
		if first == "" || name < first {
			first = name
		}
	}
	return first
}

func shorten(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most-3]) + "..."
	}
	return s
}

func formatNumber(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

// localOf keeps the way to write a file where the sandbox gave one.
func localOf(f File) Local {
	local := Local{Path: f.Path()}
	if w, ok := f.(Writable); ok {
		local.Create, local.Receive, local.Fill = w.Create, w.Receive, w.Fill
	}
	if d, ok := f.(Folder); ok {
		local.Tree = d.Tree
	}
	return local
}
