package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"bsdrun/runtime/journal"
	"bsdrun/runtime/page"
)

const (
	lookEvery = 500 * time.Millisecond // how often the journal is looked at
	beatEvery = 15 * time.Second       // how often a silent stream says that it lives
	writeTime = 30 * time.Second       // how long a reader may take over a message
	maxSeen   = 64                     // states of pages that are remembered
)

// seen remembers which marks the pages that were sent show, so that each gets
// what it lacks: also one that comes back after its connection was lost.
type seen struct {
	mu    sync.Mutex
	next  int
	marks map[string]map[string]string
	order []string
}

// keep remembers marks under a new name.
func (s *seen) keep(marks map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	name := strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(s.next)
	if s.marks == nil {
		s.marks = map[string]map[string]string{}
	}
	s.marks[name] = marks
	s.order = append(s.order, name)
	if len(s.order) > maxSeen {
		delete(s.marks, s.order[0])
		s.order = s.order[1:]
	}
	return name
}

// of are the marks of that name; none when it is not known any more, so that
// all is told anew.
func (s *seen) of(name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks[name]
}

// stream is an answer of server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	return &stream{w, http.NewResponseController(w)}
}

// send sends one message; data has no line ends.
func (s *stream) send(format string, args ...any) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime)) // a recorder in a test has none
	if _, err := fmt.Fprintf(s.w, format+"\n\n", args...); err != nil {
		return err
	}
	return s.control.Flush()
}

// watch calls look at once and whenever it is time to look at the journal, until
// it says that there is nothing more to come, the reader leaves or ctx ends.
func (s *stream) watch(ctx context.Context, r *http.Request, look func() (more bool, err error)) {
	if s.send(": bsdrun") != nil {
		return
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	beat := time.Now()
	for {
		more, err := look()
		if err != nil || !more {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-r.Context().Done():
			return
		case now := <-tick.C:
			if now.Sub(beat) > beatEvery {
				beat = now
				if s.send(": here") != nil {
					return
				}
			}
		}
	}
}

// runEvents tells the news of a run until it is over.
func (s *Server) runEvents(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	run, err := s.Store.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	from := r.Header.Get("Last-Event-ID")
	if from == "" {
		from = r.FormValue("from")
	}
	known := s.seen.of(from)
	out := newStream(w)
	var version int64
	out.watch(ctx, r, func() (bool, error) {
		now, err := s.Store.Version(ctx)
		if err != nil || now == version && s.Store.Held(run.ID) {
			return true, err
		}
		version = now
		marks, err := s.marks(ctx, run.ID)
		if err != nil {
			return false, err
		}
		if maps.Equal(marks, known) {
			return true, nil
		}
		news, err := page.LoadHosts(ctx, s.Store, run.ID, changed(known, marks))
		if err != nil {
			return false, err
		}
		known = marks
		data, err := json.Marshal(news)
		if err != nil {
			return false, err
		}
		return news.State == journal.Running, out.send("event: news\nid: %s\ndata: %s", s.seen.keep(marks), data)
	})
}

// changed are the hosts whose marks differ; all of them when the run's own does,
// since a run that is over leaves none waiting.
func changed(before, after map[string]string) []string {
	var names []string
	all := before[""] != after[""]
	for name, mark := range after {
		if name != "" && (all || before[name] != mark) {
			names = append(names, name)
		}
	}
	return names
}

// listEvents tells that some run has begun, ended, or lost its process.
func (s *Server) listEvents(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	out := newStream(w)
	states := ""
	out.watch(ctx, r, func() (bool, error) {
		runs, err := s.Store.Runs(ctx, journal.Filter{Limit: perPage})
		if err != nil {
			return false, err
		}
		now := ""
		for _, run := range runs {
			now += fmt.Sprint(run.ID, run.State, run.Session, " ")
		}
		if now == states {
			return true, nil
		}
		first := states == ""
		states = now
		if first {
			return true, nil
		}
		return true, out.send("event: news\ndata: {}")
	})
}
