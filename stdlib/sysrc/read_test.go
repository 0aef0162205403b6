package sysrc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAnswer(t *testing.T) {
	got := parseAnswer("a\x00x\ny\x00b\x00\x00")
	if diff := cmp.Diff(map[string]string{"a": "x\ny", "b": ""}, got); diff != "" {
		t.Fatal(diff)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("a\x00b\x00c")
	f.Fuzz(func(t *testing.T, out string) { parseAnswer(out) })
}
