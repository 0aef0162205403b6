package script

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

var jsonEncodeGlobal = Global{
	Name: "json.encode", Usage: "json.encode(value, [opts])",
	Doc: "Writes a value as JSON: names in order, numbers exact. An empty table is an object, unless it came as a list or json.list made it one.",
	Params: []GlobalParam{
		{"value", "any", "plain data"},
		{"opts", "{indent?: boolean}?", "indent: on several lines"},
	},
	Returns: "string", anywhere: true,
	fn: func(v *vm, L *lua.LState) int {
		v.touch(L, L.Get(1))
		opts := v.options(L, L.Get(2), "json.encode", "indent")
		encoder := &jsonEncoder{vm: v, above: map[*lua.LTable]bool{}}
		if err := encoder.encode(L.CheckAny(1), ""); err != nil {
			v.invalidf(L, "json.encode", "%v", err)
		}
		out := encoder.out.Bytes()
		if v.optBool(L, opts, "json.encode", "indent") {
			var indented bytes.Buffer
			if err := json.Indent(&indented, out, "", "  "); err == nil {
				out = indented.Bytes()
			}
		}
		L.Push(lua.LString(out))
		return 1
	},
}

var jsonDecodeGlobal = Global{
	Name: "json.decode", Usage: "json.decode(text, [opts])",
	Doc: "Reads a JSON value. A whole number that a Lua number cannot hold exactly becomes a string of its digits. null is nil in objects and json.null in lists, with nulls=true json.null everywhere.",
	Params: []GlobalParam{
		{"text", "string", "one JSON value"},
		{"opts", "{nulls?: boolean}?", "nulls: keep every null as json.null"},
	},
	Returns: "any", anywhere: true,
	fn: func(v *vm, L *lua.LState) int {
		text := v.wantString(L, 1, "json.decode", "text")
		opts := v.options(L, L.Get(2), "json.decode", "nulls")
		value, err := v.decodeJSON(text, v.optBool(L, opts, "json.decode", "nulls"))
		if err != nil {
			v.invalidf(L, "json.decode", "%v", err)
		}
		L.Push(value)
		return 1
	},
}

var jsonListGlobal = Global{
	Name: "json.list", Usage: "json.list([table])",
	Doc:     "Marks a table as a list, so that it stays one in JSON and in results when it is empty, and returns it.",
	Params:  []GlobalParam{{"table", "table?", "the list; a new one without it"}},
	Returns: "table", anywhere: true,
	fn: func(v *vm, L *lua.LState) int {
		v.touch(L, L.Get(1))
		table := L.OptTable(1, L.CreateTable(0, 0))
		if table.Metatable != lua.LNil && !v.isList(table) {
			v.invalidf(L, "json.list", "the table has a metatable of its own")
		}
		table.Metatable = v.listMeta
		L.Push(table)
		return 1
	},
}

// jsonEncoder writes a script's value as JSON: names sorted, bytes exact.
type jsonEncoder struct {
	vm    *vm
	out   bytes.Buffer
	above map[*lua.LTable]bool
}

func (e *jsonEncoder) encode(value lua.LValue, path string) error {
	if e.out.Len() > maxString {
		return fmt.Errorf("the result is longer than %d bytes", maxString)
	}
	switch value := value.(type) {
	case *lua.LNilType:
		e.out.WriteString("null")
	case lua.LBool:
		e.out.WriteString(value.String())
	case lua.LNumber:
		return e.number(float64(value), path)
	case lua.LString:
		return e.text(string(value), path)
	case *lua.LTable:
		return e.table(value, path)
	default:
		if value == lua.LValue(e.vm.null) {
			e.out.WriteString("null")
			return nil
		}
		return notData(path, article(e.vm.typeName(value)))
	}
	return nil
}

func (e *jsonEncoder) number(n float64, path string) error {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return fmt.Errorf("%s is %v, which JSON cannot hold", orValue(path), n)
	case n == math.Trunc(n) && math.Abs(n) <= exact:
		e.out.WriteString(strconv.FormatInt(int64(n), 10))
	default:
		e.out.WriteString(strconv.FormatFloat(n, 'g', -1, 64))
	}
	return nil
}

func orValue(path string) string {
	if path == "" {
		return "the value"
	}
	return path
}

func (e *jsonEncoder) text(s, path string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not valid UTF-8, which JSON cannot hold", orValue(path))
	}
	encoder := json.NewEncoder(&e.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return err
	}
	e.out.Truncate(e.out.Len() - 1) // the newline
	return nil
}

func (e *jsonEncoder) table(t *lua.LTable, path string) error {
	if what := partlyUnknown(t); what != "" {
		return fmt.Errorf("%s is partly unknown (%s)", orValue(path), what)
	}
	if e.above[t] {
		return notData(path, "a table that contains itself")
	}
	if len(e.above) > maxNesting {
		return notData(path, "nested too deep")
	}
	e.above[t] = true
	defer delete(e.above, t)
	n := t.Len()
	names := map[string]any{}
	var odd error
	t.ForEach(func(key, value lua.LValue) {
		switch key := key.(type) {
		case lua.LString:
			names[string(key)] = value
		case lua.LNumber:
			if f := float64(key); f != math.Trunc(f) || f < 1 || f > float64(n) {
				odd = notData(join(path, key.String()), "under a key that is no name and not part of a list")
			}
		default:
			odd = notData(join(path, key.String()), "under a key that is no name")
		}
	})
	if odd != nil {
		return odd
	}
	if n > 0 && len(names) > 0 {
		return notData(path, fmt.Sprintf("a list that also has the key %q", sortedNames(names)[0]))
	}
	if n > 0 || e.vm.isList(t) && len(names) == 0 {
		return e.list(t, n, path)
	}
	return e.object(names, path)
}

func (e *jsonEncoder) list(t *lua.LTable, n int, path string) error {
	e.out.WriteByte('[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			e.out.WriteByte(',')
		}
		if err := e.encode(t.RawGetInt(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	e.out.WriteByte(']')
	return nil
}

func (e *jsonEncoder) object(names map[string]any, path string) error {
	e.out.WriteByte('{')
	for i, name := range sortedNames(names) {
		if i > 0 {
			e.out.WriteByte(',')
		}
		if err := e.text(name, join(path, name)); err != nil {
			return err
		}
		e.out.WriteByte(':')
		if err := e.encode(names[name].(lua.LValue), join(path, name)); err != nil {
			return err
		}
	}
	e.out.WriteByte('}')
	return nil
}

// decodeJSON reads one JSON value. A whole number that a Lua number cannot hold
// exactly becomes a string of its digits. null is nil, json.null within lists,
// and json.null everywhere with nulls.
func (v *vm) decodeJSON(text string, nulls bool) (lua.LValue, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("the text is not valid UTF-8")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	d := &jsonDecoder{vm: v, decoder: decoder, nulls: nulls}
	value, err := d.value(0)
	if err == nil {
		if _, extra := decoder.Token(); extra != io.EOF {
			err = fmt.Errorf("there is more after the value")
		}
	}
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // both come bare from the decoder
			return nil, fmt.Errorf("the text ends too early")
		}
		return nil, fmt.Errorf("byte %d: %w", decoder.InputOffset(), err)
	}
	if value == lua.LValue(v.null) && !nulls {
		return lua.LNil, nil
	}
	return value, nil
}

type jsonDecoder struct {
	vm      *vm
	decoder *json.Decoder
	nulls   bool
}

func (d *jsonDecoder) value(depth int) (lua.LValue, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nested too deep")
	}
	token, err := d.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case nil:
		return d.vm.null, nil
	case bool:
		return lua.LBool(token), nil
	case string:
		return lua.LString(token), nil
	case json.Number:
		return exactNumber(string(token)), nil
	case json.Delim:
		if token == '[' {
			return d.list(depth)
		}
		return d.object(depth)
	}
	return nil, fmt.Errorf("unexpected %v", token)
}

func (d *jsonDecoder) list(depth int) (lua.LValue, error) {
	t := d.vm.newList(0)
	for d.decoder.More() {
		item, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		t.Append(item)
	}
	_, err := d.decoder.Token()
	return t, err
}

func (d *jsonDecoder) object(depth int) (lua.LValue, error) {
	t := d.vm.state.CreateTable(0, 4)
	for d.decoder.More() {
		name, err := d.decoder.Token()
		if err != nil {
			return nil, err
		}
		item, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if item != lua.LValue(d.vm.null) || d.nulls {
			t.RawSetString(name.(string), item)
		}
	}
	_, err := d.decoder.Token()
	return t, err
}

// exactNumber is a number of JSON as a Lua number, or its digits where that
// would lose some.
func exactNumber(text string) lua.LValue {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return lua.LString(text)
	}
	if math.Abs(n) >= exact && !strings.ContainsAny(text, ".eE") {
		whole, ok := new(big.Int).SetString(text, 10)
		if back, accuracy := new(big.Float).SetFloat64(n).Int(nil); ok && accuracy == big.Exact && back.Cmp(whole) == 0 {
			return lua.LNumber(n)
		}
		return lua.LString(text)
	}
	return lua.LNumber(n)
}
