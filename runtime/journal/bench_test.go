package journal

import "testing"

// BenchmarkChange is what one Change costs the journal: its intent, waited for,
// and its outcome.
func BenchmarkChange(b *testing.B) {
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	rec, err := s.Begin(&Run{Recipe: "r"}, []Host{{Name: "a"}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e := &Effect{Host: "a", Op: "run", Kind: "change", What: "true"}
		if err := rec.Intent(e, false); err != nil {
			b.Fatal(err)
		}
		e.Status = "changed"
		rec.Outcome(e)
	}
}

// BenchmarkOpen is what opening an existing journal costs a process.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
