package script

import (
	"context"
	"testing"
)

// BenchmarkStart is a script's start: a new VM, the host bound, one function
// looked up and called.
func BenchmarkStart(b *testing.B) {
	p, err := Compile("test.lua", []byte(`return h.zpool.status("a").state`), Options{})
	if err != nil {
		b.Fatal(err)
	}
	w, host := testWorld(nil)
	b.ReportAllocs()
	for b.Loop() {
		host.done = nil
		if _, err := p.Run(context.Background(), w); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompile is what a run does once.
func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile("ports.lua", []byte(goodRecipe), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall is one more call of a binding on a running VM.
func BenchmarkCall(b *testing.B) {
	p, err := Compile("test.lua", []byte(`for i = 1, p.n do local s = h.zpool.status("a", {depth = 2}).state end`), Options{})
	if err != nil {
		b.Fatal(err)
	}
	w, host := testWorld(nil)
	host.forget = true
	w.Params = map[string]any{"n": int64(b.N)}
	b.ResetTimer()
	if _, err := p.Run(context.Background(), w); err != nil {
		b.Fatal(err)
	}
}
