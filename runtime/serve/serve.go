// Package serve shows the journal in a browser: past runs, and runs under way
// as they go on. It only reads.
package serve

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/page"
)

// Server shows one journal.
type Server struct {
	Store *journal.Store
	// Names are the host names under which it may be asked, beside localhost
	// and addresses.
	Names []string
	// Token, if any, is what a reader must know.
	Token string

	seen seen
}

// perPage is how many runs a list shows.
const perPage = 100

// Handler answers requests until ctx ends.
func (s *Server) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page(s.runs))
	mux.HandleFunc("GET /host", s.findHost)
	mux.HandleFunc("GET /host/{name...}", s.page(s.host))
	mux.HandleFunc("GET /run/{id}", s.page(s.run))
	mux.HandleFunc("GET /run/{id}/events", func(w http.ResponseWriter, r *http.Request) { s.runEvents(ctx, w, r) })
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { s.listEvents(ctx, w, r) })
	return s.guard(mux)
}

// page answers with a page, or says in plain text why there is none.
func (s *Server) page(write func(r *http.Request, w *bytes.Buffer) (policy string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var text bytes.Buffer
		policy, err := write(r, &text)
		if err != nil {
			status := http.StatusInternalServerError
			if effect.KindOf(err) == effect.Usage {
				status = http.StatusNotFound
			}
			http.Error(w, err.Error(), status)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
		header.Set("Cache-Control", "no-store")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = w.Write(text.Bytes())
			return
		}
		header.Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = zip.Write(text.Bytes())
		_ = zip.Close()
	}
}

func (s *Server) runs(r *http.Request, w *bytes.Buffer) (string, error) {
	list := page.Runs{}
	return page.ListPolicy(), s.list(r, w, list)
}

func (s *Server) list(r *http.Request, w *bytes.Buffer, list page.Runs) error {
	runs, err := s.Store.Runs(r.Context(), journal.Filter{Host: list.Host, Before: r.FormValue("before"), Limit: perPage + 1})
	if err != nil {
		return err
	}
	if len(runs) > perPage {
		runs = runs[:perPage]
		list.Older = "?before=" + url.QueryEscape(runs[perPage-1].ID)
	}
	list.Runs = runs
	return page.WriteRuns(w, list)
}

func (s *Server) findHost(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSpace(r.FormValue("name"))
	if name == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, (&url.URL{Path: "/host/" + name}).EscapedPath(), http.StatusSeeOther)
}

func (s *Server) host(r *http.Request, w *bytes.Buffer) (string, error) {
	list := page.Runs{Host: r.PathValue("name")}
	var err error
	if list.Changes, err = s.Store.HostLog(r.Context(), list.Host, time.Time{}, 2*perPage); err != nil {
		return "", err
	}
	return page.ListPolicy(), s.list(r, w, list)
}

func (s *Server) run(r *http.Request, w *bytes.Buffer) (string, error) {
	run, err := s.Store.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return "", err
	}
	// What happens while the page is put together is told once more.
	marks, err := s.marks(r.Context(), run.ID)
	if err != nil {
		return "", err
	}
	data, err := page.Load(r.Context(), s.Store, run.ID)
	if err != nil {
		return "", err
	}
	events := fmt.Sprintf("/run/%s/events?from=%s", run.ID, s.seen.keep(marks))
	return page.Policy(true), page.Write(w, data, events)
}

// marks tells hosts with news from those without. That a run's process has died
// is no record of the run, and yet news.
func (s *Server) marks(ctx context.Context, run string) (map[string]string, error) {
	marks, err := s.Store.Marks(ctx, run)
	if err == nil && len(marks) == 0 {
		err = errors.New("the run is no longer recorded")
	}
	if err == nil {
		marks[""] += fmt.Sprint(s.Store.Held(run))
	}
	return marks, err
}
