package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
)

//go:embed assets
var assets embed.FS

// script and style are what the page consists of beside its data. The parts of
// the script share one scope, in this order.
var (
	script = sync.OnceValue(func() string { return join("data", "dom", "rows", "list", "parts", "main", "print") })
	style  = sync.OnceValue(func() string { return asset("page.css") })
)

func join(names ...string) string {
	var b strings.Builder
	b.WriteString("\"use strict\";\n")
	for _, name := range names {
		b.WriteString(asset(name + ".js"))
	}
	return b.String()
}

func asset(name string) string {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// source names a script or a style by its hash, for the page's policy.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Policy is what a page may do: run the script and the style in it, and, when it
// is live, talk to where it comes from. Nothing else is loaded or sent, whatever
// a host has printed.
func Policy(live bool) string {
	policy := fmt.Sprintf("default-src 'none'; script-src %s; style-src %s; img-src data:; base-uri 'none'; form-action 'none'",
		source(script()), source(style()))
	if live {
		policy += "; connect-src 'self'"
	}
	return policy
}

// Write writes a run's page. events, if any, is where its news come from while it
// is under way, relative to the page.
func Write(w io.Writer, run *Run, events string) error {
	data, err := json.Marshal(run) // escapes <, so that no text ends the element
	if err != nil {
		return err
	}
	page, err := document()
	if err != nil {
		return err
	}
	return page.Execute(w, struct {
		Title, Events, Policy string
		Style                 template.CSS
		Script                template.JS
		Data                  template.JS
	}{
		run.Recipe + " " + run.ID, events, Policy(events != ""),
		template.CSS(style()), template.JS(script()), template.JS(bytes.TrimSpace(data)),
	})
}

var document = sync.OnceValues(func() (*template.Template, error) {
	return template.New("page").Parse(asset("page.html"))
})
