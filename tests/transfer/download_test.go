package transfer

import (
	"fmt"
	"os"
	"testing"

	"bsdrun/runtime/effect"
)

// TestDownloadKilled: every run is killed, and the next one goes on.
func TestDownloadKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image(t, s.far+"/image", size, effect.Extent{Length: size})
	s.recipe(fmt.Sprintf(`return h.file.download(%q, local_file("copy", { write = true }))`, s.far+"/image"))
	begin := func() *run { return s.moves("far") }
	for range cuts {
		s.killedAfter(begin, size/(cuts+2))
		begin = s.resumes
	}
	r := s.resumes()
	r.exits(0)
	arrived(t, s.far+"/image", s.file("copy"))
	s.travelled(size, atMost)
	var got struct{ SHA256 string }
	r.result(&got)
	if got.SHA256 != sum(t, s.far+"/image") {
		t.Errorf("%+v", got)
	}
}

// killedAfter kills a run once it has moved so much.
func (s *site) killedAfter(begin func() *run, bytes int64) {
	s.t.Helper()
	reached := make(chan struct{})
	s.line.after(bytes, func() { close(reached) })
	r := begin()
	select {
	case <-reached:
		r.kill()
	case <-r.ended:
		s.t.Fatalf("it ended: %s", r.err.String())
	}
}

// TestDownloadOverACutLine: one run lives through every cut.
func TestDownloadOverACutLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image(t, s.far+"/image", size, effect.Extent{Length: size})
	s.recipe(fmt.Sprintf(`return h.file.download(%q, local_file("copy", { write = true }))`, s.far+"/image"))
	s.cutAgainAndAgain(s.line.drop)
	s.moves("far").exits(0)
	arrived(t, s.far+"/image", s.file("copy"))
	s.travelled(size, atMost)
}

// TestDownloadSparse: what is empty does not travel, and takes no room.
func TestDownloadSparse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sparse(t, s.far+"/image")
	s.recipe(fmt.Sprintf(`return h.file.download(%q, local_file("copy", { write = true }))`, s.far+"/image"))
	s.moves("far").exits(0)
	arrived(t, s.far+"/image", s.file("copy"))
	s.travelled(32*mega, 33*mega+mega/2)
	thin(t, s.file("copy"))
}

// TestDownloadOfAGrowingLog: what was there at the beginning comes.
func TestDownloadOfAGrowingLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image(t, s.far+"/log", 16*mega+5, effect.Extent{Length: 16*mega + 5})
	s.recipe(fmt.Sprintf(`return h.file.download(%q, local_file("copy", { write = true }), { limit = "16M", parallel = 1 })`, s.far+"/log"))
	before := sum(t, s.far+"/log")
	s.line.after(4*mega, func() {
		f, err := os.OpenFile(s.far+"/log", os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, _ = f.WriteString("more\n")
			_ = f.Close()
		}
	})
	s.moves("far").exits(0)
	if sum(t, s.file("copy")) != before {
		t.Error("something else came")
	}
}
