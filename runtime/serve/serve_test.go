package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/journal"
	"bsdrun/runtime/page"
)

// served is a journal with a run under way, and a server that shows it as
// another process would.
func served(t *testing.T, s *Server) (*httptest.Server, *journal.Recorder, *journal.Store) {
	t.Helper()
	dir := t.TempDir()
	writer, err := journal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	run := &journal.Run{Recipe: "patch"}
	rec, err := writer.Begin(run, []journal.Host{{Name: "web1"}, {Name: "web2"}})
	if err != nil {
		t.Fatal(err)
	}
	release, err := writer.Hold(run.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	if s.Store, err = journal.Open(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Store.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewServer(s.Handler(ctx))
	t.Cleanup(func() { cancel(); server.Close() })
	return server, rec, writer
}

// ask sends a request, which change may alter, and follows no redirection.
func ask(t *testing.T, address string, change func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestOnlyOurOwnNamesAreAnswered(t *testing.T) {
	server, _, _ := served(t, &Server{Names: []string{"admin.example.org"}})
	for host, want := range map[string]int{
		"localhost:8420": 200, "127.0.0.1": 200, "[::1]:8420": 200, "192.0.2.7:80": 200, "Admin.example.org": 200, "localhost.": 200,
		"evil.example.com": 421, "localhost.evil.example.com": 421, "127.0.0.1.evil.example.com:8420": 421, "": 421,
	} {
		answer := ask(t, server.URL+"/", func(r *http.Request) {
			if r.Host = host; host == "" {
				r.Host = "."
			}
		})
		if answer.StatusCode != want {
			t.Errorf("%q: %d, want %d", host, answer.StatusCode, want)
		}
	}
}

func TestPagesMayDoLittle(t *testing.T) {
	server, rec, _ := served(t, &Server{})
	for _, path := range []string{"/", "/run/" + rec.Run(), "/host/web1"} {
		answer := ask(t, server.URL+path, nil)
		policy := answer.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'sha256-"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: no %s in %q", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", path, answer.StatusCode, answer.Header)
		}
	}
	if answer := ask(t, server.URL+"/", func(r *http.Request) { r.Method = http.MethodPost }); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", answer.StatusCode)
	}
	if answer := ask(t, server.URL+"/run/none", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("no such run: %d", answer.StatusCode)
	}
}

func TestATokenIsAskedForAndRemembered(t *testing.T) {
	server, rec, _ := served(t, &Server{Token: "sesame"})
	paths := []string{"/", "/run/" + rec.Run(), "/run/" + rec.Run() + "/events", "/events", "/host/web1"}
	for _, path := range paths {
		for _, wrong := range []func(*http.Request){
			nil,
			func(r *http.Request) { r.URL.RawQuery = "token=sesam" },
			func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie, Value: "x"}) },
			func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		} {
			if answer := ask(t, server.URL+path, wrong); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s without the token: %d", path, answer.StatusCode)
			}
		}
	}
	answer := ask(t, server.URL+"//evil.example.com/?token=sesame&before=x", nil)
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != "/evil.example.com/?before=x" {
		t.Errorf("%d, to %q", answer.StatusCode, to)
	}
	given := answer.Cookies()
	if len(given) != 1 || !given[0].HttpOnly || given[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("got %v", given)
	}
	for _, right := range []func(*http.Request){
		func(r *http.Request) { r.AddCookie(given[0]) },
		func(r *http.Request) { r.Header.Set("Authorization", "Bearer sesame") },
	} {
		if answer := ask(t, server.URL+"/", right); answer.StatusCode != http.StatusOK {
			t.Errorf("with the token: %d", answer.StatusCode)
		}
	}
}

// messages reads the news of a run from a stream of events.
func messages(t *testing.T, body io.Reader) func() page.Run {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	return func() page.Run {
		t.Helper()
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var run page.Run
			if err := json.Unmarshal([]byte(data), &run); err != nil {
				t.Fatal(err)
			}
			return run
		}
		t.Fatalf("the stream has ended: %v", lines.Err())
		return page.Run{}
	}
}

func TestNewsOfARunAreOfTheHostsThatHaveSome(t *testing.T) {
	server, rec, _ := served(t, &Server{})
	answer := ask(t, server.URL+"/run/"+rec.Run()+"/events", nil)
	next := messages(t, answer.Body)
	if first := next(); len(first.Hosts) != 2 {
		t.Errorf("a page of unknown state is told of %d hosts", len(first.Hosts))
	}
	rec.HostStart("web2", time.Now())
	if news := next(); len(news.Hosts) != 1 || news.Hosts[0].Name != "web2" || news.Hosts[0].Status != "running" {
		t.Errorf("got %+v", news.Hosts)
	}
	if err := rec.End(journal.Done, nil, nil); err != nil {
		t.Fatal(err)
	}
	if news := next(); news.State != journal.Done {
		t.Errorf("the run is %s", news.State)
	}
	if rest, err := io.ReadAll(answer.Body); err != nil || strings.Contains(string(rest), "data:") {
		t.Errorf("after the end: %q (%v)", rest, err)
	}
}

func TestAPageIsToldWhatHappenedSinceItWasMade(t *testing.T) {
	s := &Server{}
	_, rec, _ := served(t, s)
	marks, err := s.marks(t.Context(), rec.Run())
	if err != nil {
		t.Fatal(err)
	}
	name := s.seen.keep(marks)
	rec.HostStart("web1", time.Now())
	if err := rec.Flush(); err != nil {
		t.Fatal(err)
	}
	after, err := s.marks(t.Context(), rec.Run())
	if err != nil {
		t.Fatal(err)
	}
	if names := changed(s.seen.of(name), after); len(names) != 1 || names[0] != "web1" {
		t.Errorf("got %v", names)
	}
	for range maxSeen {
		s.seen.keep(marks)
	}
	if s.seen.of(name) != nil || len(s.seen.marks) != maxSeen {
		t.Errorf("%d states are remembered", len(s.seen.marks))
	}
}
