package base

import (
	"math"
	"strconv"
	"strings"
)

// awkValue is a string, a number, or an input that is both when it looks like a
// number.
type awkValue struct {
	s    string
	n    float64
	kind awkValueKind
}

type awkValueKind byte

const (
	awkUnset awkValueKind = iota
	awkStr
	awkNum
	awkInput // from outside: a number if it looks like one
)

func awkText(s string) awkValue     { return awkValue{s: s, kind: awkStr} }
func awkNumeric(n float64) awkValue { return awkValue{n: n, kind: awkNum} }

func awkBool(b bool) awkValue {
	if b {
		return awkNumeric(1)
	}
	return awkNumeric(0)
}

// awkOutside is a field, a line of getline, an element of ARGV or ENVIRON.
func awkOutside(s string) awkValue {
	if n, ok := looksNumeric(s); ok {
		return awkValue{s: s, n: n, kind: awkInput}
	}
	return awkText(s)
}

// looksNumeric tells whether all of s is a number, blanks around it aside.
func looksNumeric(s string) (float64, bool) {
	t := strings.Trim(s, " \t\n\r\f\v")
	if t == "" || !strings.ContainsAny(t[:1], "0123456789.+-") || strings.ContainsAny(t, "xX_pP") {
		if t == "" || !isOneOf(strings.ToLower(strings.TrimLeft(t, "+-")), "inf", "nan") || !strings.ContainsAny(t[:1], "+-") {
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil && !math.IsInf(n, 0) {
		return 0, false
	}
	return n, true
}

func (v awkValue) number() float64 {
	if v.kind == awkStr {
		return leadingFloat(v.s)
	}
	return v.n
}

func (v awkValue) isNumber() bool { return v.kind != awkStr }

func (v awkValue) truth() bool {
	if v.kind == awkStr {
		return v.s != ""
	}
	return v.n != 0
}

// str converts with CONVFMT or OFMT; whole numbers are written as such.
func (v awkValue) str(format string) string {
	if v.kind != awkNum {
		return v.s
	}
	switch {
	case math.IsNaN(v.n):
		return "nan"
	case math.IsInf(v.n, 1):
		return "inf"
	case math.IsInf(v.n, -1):
		return "-inf"
	case v.n == math.Trunc(v.n) && math.Abs(v.n) < 1e18:
		return strconv.FormatInt(int64(v.n), 10)
	}
	return awkSprintf(format, []awkValue{v}, format)
}

// awkArray keeps its elements in the order they came.
type awkArray struct {
	index map[string]int
	keys  []string
	vals  []awkValue
	gone  []bool
}

func newAwkArray() *awkArray { return &awkArray{index: map[string]int{}} }

func (a *awkArray) get(key string) (awkValue, bool) {
	i, ok := a.index[key]
	if !ok {
		return awkValue{}, false
	}
	return a.vals[i], true
}

func (a *awkArray) set(key string, v awkValue) {
	if i, ok := a.index[key]; ok {
		a.vals[i] = v
		return
	}
	a.index[key] = len(a.keys)
	a.keys, a.vals, a.gone = append(a.keys, key), append(a.vals, v), append(a.gone, false)
}

func (a *awkArray) remove(key string) {
	if i, ok := a.index[key]; ok {
		a.gone[i] = true
		delete(a.index, key)
	}
}

func (a *awkArray) clear() { *a = *newAwkArray() }

// list is the keys that are there now.
func (a *awkArray) list() []string {
	var keys []string
	for i, k := range a.keys {
		if !a.gone[i] {
			keys = append(keys, k)
		}
	}
	return keys
}

// awkVar is a variable: a value or an array. A parameter that was passed an
// untouched name becomes that name's array when it is used as one.
type awkVar struct {
	val   awkValue
	array *awkArray
	outer *awkVar
}

func (v *awkVar) asArray() *awkArray {
	if v.outer != nil {
		return v.outer.asArray()
	}
	if v.array == nil {
		v.array = newAwkArray()
	}
	return v.array
}

// awkSprintf is awk's printf: directives take numbers or strings as they need
// them.
func awkSprintf(format string, args []awkValue, convfmt string) string {
	var b strings.Builder
	next := func() awkValue {
		if len(args) == 0 {
			return awkValue{}
		}
		v := args[0]
		args = args[1:]
		return v
	}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			b.WriteByte('%')
			i++
			continue
		}
		spec := "%"
		for i++; i < len(format) && strings.IndexByte("#-+ 0123456789.*hlLqjzt'", format[i]) >= 0; i++ {
			switch c := format[i]; {
			case c == '*':
				spec += strconv.Itoa(int(next().number()))
			case strings.IndexByte("hlLqjzt'", c) < 0:
				spec += string(c)
			}
		}
		if i >= len(format) {
			b.WriteString(spec)
			break
		}
		b.WriteString(awkDirective(spec, format[i], next, convfmt))
	}
	return b.String()
}

func awkDirective(spec string, verb byte, next func() awkValue, convfmt string) string {
	f := &formatter{c: true}
	switch verb {
	case 'd', 'i':
		n := next().number()
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return padText("%"+strings.TrimLeft(spec[1:], "0"), strings.ToLower(strconv.FormatFloat(n, 'f', -1, 64)))
		}
		f.args = []string{strconv.FormatInt(int64(n), 10)}
	case 'o', 'x', 'X', 'u':
		f.args = []string{strconv.FormatInt(int64(next().number()), 10)}
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		f.args = []string{strconv.FormatFloat(next().number(), 'g', -1, 64)}
	case 'c':
		v := next()
		text := v.s
		if v.isNumber() && v.kind != awkUnset {
			text = string(rune(int(v.n)))
		} else if text != "" {
			text = string([]rune(text)[:1])
		}
		f.args, verb = []string{text}, 's'
	case 's':
		f.args = []string{next().str(convfmt)}
	default:
		return spec + string(verb)
	}
	return f.once(spec + string(verb))
}

// awkCompile translates an expression of awk: escapes that are awk's own come
// first, and what escapes an ordinary letter means the letter.
func awkCompile(text string) (*regex, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c == '/' || c == '"' || c == '&':
			b.WriteByte(c)
		case c >= '0' && c <= '7':
			n, start := 0, i
			for ; i < len(text) && i-start < 3 && text[i] >= '0' && text[i] <= '7'; i++ {
				n = n*8 + int(text[i]-'0')
			}
			i--
			if strings.IndexByte(`\.[]*^$+?(){}|`, byte(n)) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(byte(n))
		case strings.IndexByte("ntrabfv", c) >= 0:
			b.WriteString(awkUnescape(`\` + string(c)))
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '8' || c == '9' || c == '_':
			b.WriteByte(c)
		case strings.IndexByte("`'<>", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return compileRegexp(b.String(), true, false)
}
