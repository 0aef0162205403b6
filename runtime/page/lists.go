package page

import (
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/journal"
)

// Runs is the page that lists runs, newest first.
type Runs struct {
	Host string // only those of this host
	Runs []journal.Run
	// Changes is what was changed on the host.
	Changes []journal.Entry
	Older   string // where earlier runs are listed
}

// listScript keeps a list new: it reads the page again when there is news.
var listScript = sync.OnceValue(func() string { return join("lists", "print") })

// ListPolicy is what such a page may do.
func ListPolicy() string {
	return "default-src 'none'; script-src " + source(listScript()) + "; style-src " + source(style()) +
		"; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'self'"
}

// WriteRuns writes the page that lists runs.
func WriteRuns(w io.Writer, runs Runs) error {
	page, err := lists()
	if err != nil {
		return err
	}
	return page.Execute(w, struct {
		Runs
		Policy string
		Style  template.CSS
		Script template.JS
	}{runs, ListPolicy(), template.CSS(style()), template.JS(listScript())})
}

var lists = sync.OnceValues(func() (*template.Template, error) {
	return template.New("lists").Funcs(template.FuncMap{
		"stamp":  func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") },
		"took":   tookText,
		"text":   func(b []byte) string { return valid(string(b)) },
		"recipe": func(name string) string { first, _, _ := strings.Cut(name, "\n"); return first },
	}).Parse(asset("lists.html"))
})

func tookText(r journal.Run) string {
	if r.Ended.IsZero() {
		return ""
	}
	return r.Ended.Sub(r.Started).Round(100 * time.Millisecond).String()
}
