package tablelib

import (
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

func row(name string, size any) *binding.Table {
	return &binding.Table{Named: map[string]any{"name": name, "size": size}}
}

func TestFormat(t *testing.T) {
	if err := Module.Validate(); err != nil {
		t.Fatal(err)
	}
	f := &Module.Funcs[0]
	rows := &binding.Table{List: []any{row("zroot", 1024.0), row("größe", 7.5), row("x", nil)}}
	list := func(words ...any) *binding.Table { return &binding.Table{List: words} }
	tests := []struct {
		args []any
		want string
	}{
		{[]any{rows}, "name   size\nzroot  1024\ngröße   7.5\nx"},
		{[]any{rows, &binding.Table{Named: map[string]any{"columns": list("size", "name"), "head": false}}}, "1024  zroot\n 7.5  größe\n      x"},
		{[]any{list()}, ""},
		{[]any{list(row("a", list("x", "y")))}, "name  size\na     x, y"},
		{[]any{list(row("two\nlines", true))}, "name       size\ntwo lines  true"},
	}
	for _, test := range tests {
		got, err := f.Invoke(t.Context(), "table.format", nil, test.args)
		if err != nil || got != test.want {
			t.Errorf("got\n%v\n%v\nwant\n%s", got, err, test.want)
		}
	}
	if _, err := f.Invoke(t.Context(), "table.format", nil, []any{list("x")}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("a row that is no table: %v", err)
	}
}
