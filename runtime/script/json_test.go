package script

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
)

func TestJSON(t *testing.T) {
	tests := []struct {
		code string
		want any
	}{
		{`json.encode({b = 1, a = {1, 2.5, "x"}, c = true})`, `{"a":[1,2.5,"x"],"b":1,"c":true}`},
		{`json.encode({})`, `{}`},
		{`json.encode(json.list())`, `[]`},
		{`json.encode(json.list{})`, `[]`},
		{`json.encode(h.zpool.disk.list())`, `[]`},
		{`json.encode(h.zpool.status("a").errors)`, `[]`},
		{`json.encode(json.decode("[]"))`, `[]`},
		{`json.encode(json.decode("{}"))`, `{}`},
		{`json.encode(nil)`, `null`},
		{`json.encode("<a href='x'>\n\t\"é\"")`, `"<a href='x'>\n\t\"é\""`},
		{`json.encode(2^53)`, `9007199254740992`},
		{`json.encode(1e300)`, `1e+300`},
		{`json.encode(0.1)`, `0.1`},
		{`json.encode({1, 2}, {indent = true})`, "[\n  1,\n  2\n]"},
		{`json.decode('{"a": [1, {"b": null}, null], "n": null}')`, map[string]any{"a": []any{int64(1), map[string]any{}, nil}}},
		{`json.encode(json.decode('{"n": null, "l": [null]}', {nulls = true}))`, `{"l":[null],"n":null}`},
		{`json.decode("9007199254740993")`, "9007199254740993"},
		{`json.decode("18446744073709551615")`, "18446744073709551615"},
		{`json.decode("18446744073709551616")`, 18446744073709551616.0},
		{`json.decode("-1.5e3")`, int64(-1500)},
		{`json.decode("null") == nil`, true},
		{`json.decode('"\\u0041"')`, "A"},
		{`#json.decode("[null, 1]")`, int64(2)},
	}
	for _, test := range tests {
		t.Run(test.code, func(t *testing.T) {
			w, _ := testWorld(nil)
			got, err := eval(t, w, "return "+test.code)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJSONRefusals(t *testing.T) {
	tests := []struct{ code, want string }{
		{`json.encode(print)`, "the value is a function, not plain data"},
		{`json.encode({a = {0/0}})`, "a[1] is NaN, which JSON cannot hold"},
		{`json.encode({a = "\255"})`, "a is not valid UTF-8, which JSON cannot hold"},
		{`json.encode({1, x = 2})`, `the value is a list that also has the key "x", not plain data`},
		{`local t = {}; t.t = t; json.encode(t)`, "t is a table that contains itself, not plain data"},
		{`json.decode("")`, "the text ends too early"},
		{`json.decode("[1, 2")`, "the text ends too early"},
		{`json.decode("[1] [2]")`, "there is more after the value"},
		{`json.decode("{'a': 1}")`, "invalid character"},
		{`json.decode("\255")`, "not valid UTF-8"},
		{`json.decode(5)`, "text: expected a string, got the number 5"},
		{`json.decode(("["):rep(1000))`, "nested too deep"},
	}
	for _, test := range tests {
		w, _ := testWorld(nil)
		_, err := eval(t, w, test.code)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", test.code, err)
		}
	}
}

// What Go's own decoder accepts is decoded, and encodes to the same JSON again.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,null,"x",true,{}],"b":{}}`, `[]`, `"\u00e9"`, `123456789012345678901`, `[[[[`, `{"a":1,"a":2}`, `-0`, `1e400`} {
		f.Add(seed)
	}
	w, _ := testWorld(nil)
	p := &Program{units: map[string]*unit{}}
	f.Fuzz(func(t *testing.T, text string) {
		v := newVM(t.Context(), p, newSandbox("", nil, nil, nil))
		defer v.close()
		v.enter(&w)
		value, err := v.decodeJSON(text, true)
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q was accepted", text)
		}
		encoder := &jsonEncoder{vm: v, above: map[*lua.LTable]bool{}}
		if err := encoder.encode(value, ""); err != nil {
			t.Fatalf("%q decodes but does not encode: %v", text, err)
		}
		once := encoder.out.String()
		again, err := v.decodeJSON(once, true)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, once, err)
		}
		second := &jsonEncoder{vm: v, above: map[*lua.LTable]bool{}}
		if err := second.encode(again, ""); err != nil || second.out.String() != once {
			t.Fatalf("%q became %q, then %q, %v", text, once, second.out.String(), err)
		}
	})
}
