package script

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/pm"

	"bsdrun/runtime/lazyregexp"
)

// gsub is string.gsub in linear time and bounded; the library's own copies the
// whole text for every match.
func (v *vm) gsub(L *lua.LState) int {
	text, pattern, limit := L.CheckString(1), L.CheckString(2), L.OptInt(4, -1)
	v.touch(L, L.Get(3))
	L.CheckTypes(3, lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction)
	if limit == 0 {
		L.Push(lua.LString(text))
		L.Push(lua.LNumber(0))
		return 2
	}
	matches, err := pm.Find(pattern, []byte(text), 0, limit)
	if err != nil {
		v.invalidf(L, "string.gsub", "%v", err)
	}
	var b strings.Builder
	end := 0
	for _, match := range matches {
		b.WriteString(text[end:match.Capture(0)])
		end = match.Capture(1)
		b.WriteString(v.replacement(L, text, match, L.Get(3)))
		if b.Len() > maxString {
			v.invalidf(L, "string.gsub", "the result would be longer than %d bytes", maxString)
		}
	}
	b.WriteString(text[end:])
	L.Push(lua.LString(b.String()))
	L.Push(lua.LNumber(len(matches)))
	return 2
}

// replacement is what a match becomes.
func (v *vm) replacement(L *lua.LState, text string, match *pm.MatchData, by lua.LValue) string {
	whole := text[match.Capture(0):match.Capture(1)]
	var value lua.LValue
	switch by := by.(type) {
	case *lua.LTable:
		value = L.GetTable(by, captured(text, match, 1))
	case *lua.LFunction:
		n := max(1, match.CaptureLength()/2-1)
		L.Push(by)
		for i := 1; i <= n; i++ {
			L.Push(captured(text, match, i))
		}
		L.Call(n, 1)
		value = L.Get(-1)
		L.Pop(1)
	default:
		return v.expand(L, text, match, by.String())
	}
	v.touch(L, value)
	switch value := value.(type) {
	case lua.LString, lua.LNumber:
		return value.String()
	case *lua.LNilType, lua.LBool:
		if !lua.LVAsBool(value) {
			return whole
		}
	}
	v.invalidf(L, "string.gsub", "a match cannot be replaced by %s", v.got(value))
	return ""
}

// captured is a match's n-th capture; without captures the first is the whole.
func captured(text string, match *pm.MatchData, n int) lua.LValue {
	if n == 1 && match.CaptureLength() <= 2 {
		n = 0
	}
	if match.IsPosCapture(2 * n) {
		return lua.LNumber(match.Capture(2 * n))
	}
	return lua.LString(text[match.Capture(2*n):match.Capture(2*n+1)])
}

// expand fills %0 to %9 into a replacement string.
func (v *vm) expand(L *lua.LState, text string, match *pm.MatchData, by string) string {
	if !strings.Contains(by, "%") {
		return by
	}
	var b strings.Builder
	for i := 0; i < len(by); i++ {
		if by[i] != '%' || i+1 == len(by) {
			b.WriteByte(by[i])
			continue
		}
		i++
		n := int(by[i]) - '0'
		switch {
		case n < 0 || n > 9:
			b.WriteByte(by[i])
		case n > 1 && 2*n >= match.CaptureLength():
			v.invalidf(L, "string.gsub", "the pattern has no capture %%%d", n)
		default:
			b.WriteString(captured(text, match, n).String())
		}
	}
	return b.String()
}

var (
	decimal     = lazyregexp.New(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	hexadecimal = lazyregexp.New(`^[+-]?0[xX][0-9a-fA-F]+$`)
)

// tonumber is tonumber; the library's own knows no exponents without a point.
func (v *vm) tonumber(L *lua.LState) int {
	value := L.CheckAny(1)
	v.touch(L, value)
	if n, ok := value.(lua.LNumber); ok {
		L.Push(n)
		return 1
	}
	text, ok := value.(lua.LString)
	L.Push(lua.LNil)
	if !ok {
		return 1
	}
	trimmed := strings.TrimSpace(string(text))
	if base := L.OptInt(2, 10); base != 10 {
		if base < 2 || base > 36 {
			v.invalidf(L, "tonumber", "base: expected 2 to 36, got %d", base)
		}
		if n, err := strconv.ParseInt(strings.TrimPrefix(strings.ToLower(trimmed), map[int]string{16: "0x"}[base]), base, 64); err == nil {
			L.Push(lua.LNumber(n))
		}
		return 1
	}
	switch {
	case decimal.MatchString(trimmed):
		if n, err := strconv.ParseFloat(trimmed, 64); err == nil {
			L.Push(lua.LNumber(n))
		}
	case hexadecimal.MatchString(trimmed):
		if n, err := strconv.ParseInt(strings.ToLower(trimmed), 0, 64); err == nil {
			L.Push(lua.LNumber(n))
		}
	}
	return 1
}
