package host

import (
	"context"
	"testing"

	"bsdrun/runtime/effect"
)

// store is a host of files; what begins with a bracket cannot be read.
type store struct {
	files map[string]string
	trips int
}

func (s *store) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Batch != nil {
		r := e.Each(ctx, s)
		s.trips -= len(e.Batch) - 1
		return r, nil
	}
	s.trips++
	if e.Kind == effect.Change {
		s.files[e.File.Path] = string(e.File.Data)
		return effect.Result{}, nil
	}
	content, there := s.files[e.File.Path]
	switch {
	case !there:
		return effect.Result{}, effect.Errorf(effect.Missing, e.Op, "no such file")
	case content[0] == '[':
		return effect.Result{}, effect.Errorf(effect.Denied, e.Op, "no")
	case e.File.Limit > 0 && int64(len(content)) > e.File.Limit:
		return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "too much")
	}
	return effect.Result{Data: []byte(content)}, nil
}

func getOf(path string, limit int64) effect.Effect {
	return effect.Effect{Op: "t", File: &effect.FileOp{Verb: effect.FileGet, Path: path, Limit: limit}}
}

func TestPrefetchAnswersUntilSomethingChanges(t *testing.T) {
	s := &store{files: map[string]string{"/a": "content", "/closed": "[", "/long": "0123456789"}}
	h, err := Prefetch(t.Context(), s, "t", getOf("/a", 0), getOf("/missing", 0), getOf("/closed", 0), getOf("/long", 5))
	if err != nil {
		t.Fatal(err)
	}
	read := func(e effect.Effect, want string, kind effect.ErrKind, trips int) {
		t.Helper()
		before := s.trips
		r, err := h.Do(t.Context(), e)
		got := effect.ErrKind("")
		if err != nil {
			got = effect.KindOf(err)
		}
		if string(r.Data) != want || got != kind || s.trips-before != trips {
			t.Errorf("%s: %q, %v after %d round trips", e.File.Path, r.Data, err, s.trips-before)
		}
	}
	for range 2 {
		read(getOf("/a", 0), "content", "", 0)
		read(getOf("/a", 7), "content", "", 0)
		read(getOf("/missing", 0), "", effect.Missing, 0)
	}
	read(getOf("/a", 6), "", effect.Failed, 1)      // what is known exceeds it
	read(getOf("/closed", 0), "", effect.Denied, 1) // tells by itself
	read(getOf("/long", 0), "0123456789", "", 1)    // nothing is known of it
	read(getOf("/another", 0), "", effect.Missing, 1)

	before := s.trips
	if again, err := Prefetch(t.Context(), h, "t", getOf("/a", 0)); err != nil || again != h || s.trips != before {
		t.Errorf("what is known was asked again: %v, %d round trips", err, s.trips-before)
	}
	if _, err := h.Do(t.Context(), effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: "/a", Data: []byte("new")}}); err != nil {
		t.Fatal(err)
	}
	read(getOf("/a", 0), "new", "", 1)
}
