package lazyregexp

import "testing"

// TestFirstUse: a process that is no test compiles nothing before it must.
func TestFirstUse(t *testing.T) {
	inTest = false
	defer func() { inTest = true }()
	if broken := New("("); !panics(func() { broken.MatchString("") }) {
		t.Error("what cannot be compiled matches")
	}
}

// TestInTests: a test compiles all there is, so that it finds what cannot be.
func TestInTests(t *testing.T) {
	if !panics(func() { New("(") }) {
		t.Error("what cannot be compiled is not found")
	}
}

func panics(do func()) (did bool) {
	defer func() { did = recover() != nil }()
	do()
	return
}
