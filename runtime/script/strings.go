package script

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
)

// maxString bounds the strings that a single call makes.
const maxString = effect.MaxText

// stringLibrary has our own format and rep in the library's place: bounded, and
// without a way to print a secret.
func (v *vm) stringLibrary(L *lua.LState) *lua.LTable {
	table := opened(L, lua.OpenString)
	table.RawSetString("format", L.NewFunction(func(L *lua.LState) int {
		text, err := v.format(L, L.CheckString(1), 2, false)
		if err != nil {
			v.invalidf(L, "string.format", "%v", err)
		}
		L.Push(lua.LString(text))
		return 1
	}))
	table.RawSetString("rep", L.NewFunction(func(L *lua.LState) int {
		text, n := L.CheckString(1), L.CheckNumber(2)
		if float64(len(text))*float64(n) > maxString {
			v.invalidf(L, "string.rep", "the result would be longer than %d bytes", maxString)
		}
		L.Push(lua.LString(strings.Repeat(text, max(0, int(n)))))
		return 1
	}))
	table.RawSetString("gsub", L.NewFunction(v.gsub))
	match := table.RawGetString("match").(*lua.LFunction).GFunction
	table.RawSetString("match", L.NewFunction(func(L *lua.LState) int {
		if n := match(L); n > 0 {
			return n
		}
		L.Push(lua.LNil) // where the library returns nothing at all
		return 1
	}))
	table.RawSetString("dump", lua.LNil)
	return table
}

// boundConcat keeps table.concat from building more than maxString bytes.
func (v *vm) boundConcat(table *lua.LTable) {
	inner := table.RawGetString("concat").(*lua.LFunction).GFunction
	table.RawSetString("concat", v.state.NewFunction(func(L *lua.LState) int {
		t := L.CheckTable(1)
		separator := len(L.OptString(2, ""))
		size := 0
		for i := 1; i <= t.Len(); i++ {
			if text, ok := t.RawGetInt(i).(lua.LString); ok {
				size += len(text)
			}
			if size += separator; size > maxString {
				v.invalidf(L, "table.concat", "the result would be longer than %d bytes", maxString)
			}
		}
		return inner(L)
	}))
}

// format is string.format. from is the place of the first value on the stack;
// with shown, secrets appear by their name instead of being refused.
func (v *vm) format(L *lua.LState, format string, from int, shown bool) (string, error) {
	var b strings.Builder
	next := from
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 {
			b.WriteString(format)
			return b.String(), nil
		}
		b.WriteString(format[:i])
		format = format[i+1:]
		if strings.HasPrefix(format, "%") {
			b.WriteByte('%')
			format = format[1:]
			continue
		}
		n := strings.IndexFunc(format, func(r rune) bool { return !strings.ContainsRune("-+ #0123456789.", r) })
		if n < 0 {
			return "", errors.New("the format ends in the middle of a %")
		}
		flags, verb := format[:n], format[n]
		format = format[n+1:]
		if err := checkFlags(flags); err != nil {
			return "", err
		}
		if next > L.GetTop() {
			return "", fmt.Errorf("%%%s%c has no value: %d given", flags, verb, L.GetTop()-from+1)
		}
		text, err := v.formatOne(L, flags, verb, L.Get(next), shown)
		if err != nil {
			return "", fmt.Errorf("value %d: %w", next-from+1, err)
		}
		b.WriteString(text)
		next++
		if b.Len() > maxString {
			return "", fmt.Errorf("the result is longer than %d bytes", maxString)
		}
	}
}

// checkFlags bounds width and precision to two digits each, as Lua does.
func checkFlags(flags string) error {
	width, precision, _ := strings.Cut(strings.TrimLeft(flags, "-+ #0"), ".")
	if len(width) > 2 || len(precision) > 2 || strings.ContainsAny(width+precision, "-+ #.") {
		return fmt.Errorf("%%%s is no width and precision", flags)
	}
	return nil
}

func (v *vm) formatOne(L *lua.LState, flags string, verb byte, value lua.LValue, shown bool) (string, error) {
	v.touch(L, value)
	switch verb {
	case 's':
		text := ""
		if shown {
			text = v.display(L, value)
		} else {
			text = L.ToStringMeta(value).String()
		}
		return fmt.Sprintf("%"+flags+"s", text), nil
	case 'q':
		text, ok := value.(lua.LString)
		if !ok {
			return "", fmt.Errorf("expected a string, got %s", v.got(value))
		}
		return quoteLua(string(text)), nil
	}
	n, ok := toNumber(value)
	if !ok {
		return "", fmt.Errorf("expected a number, got %s", v.got(value))
	}
	switch verb {
	case 'd', 'i':
		return formatInteger(flags, 'd', n)
	case 'u', 'x', 'X', 'o', 'c':
		if verb == 'u' {
			verb = 'd'
		}
		if verb == 'c' {
			return string([]byte{byte(int64(n))}), nil
		}
		return formatInteger(flags, verb, n)
	case 'e', 'E', 'f', 'g', 'G':
		if verb != 'f' || !strings.Contains(flags, ".") {
			flags = withPrecision(flags)
		}
		return fmt.Sprintf("%"+flags+string(verb), n), nil
	default:
		return "", fmt.Errorf("%%%c is no format", verb)
	}
}

// withPrecision adds the six digits that C prints where none are asked for.
func withPrecision(flags string) string {
	if strings.Contains(flags, ".") {
		return flags
	}
	return flags + ".6"
}

func formatInteger(flags string, verb byte, n float64) (string, error) {
	if math.IsNaN(n) || math.IsInf(n, 0) || math.Abs(n) >= math.MaxInt64 {
		return "", fmt.Errorf("%v is no whole number", n)
	}
	return fmt.Sprintf("%"+flags+string(verb), int64(n)), nil
}

func toNumber(value lua.LValue) (float64, bool) {
	switch value := value.(type) {
	case lua.LNumber:
		return float64(value), true
	case lua.LString:
		n, err := strconv.ParseFloat(strings.TrimSpace(string(value)), 64)
		return n, err == nil
	}
	return 0, false
}

// quoteLua writes a string as Lua source.
func quoteLua(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
