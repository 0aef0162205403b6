package ports

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

// UpdatingArgs are the arguments of Updating.
type UpdatingArgs struct {
	Since string `lua:"since,required" doc:"the day from which entries count: 2026-01-31"`
	All   bool   `lua:"all" doc:"also those that concern nothing that is installed"`
}

// Entry is an entry of UPDATING.
type Entry struct {
	Date     string   `lua:"date" doc:"its day: 2026-01-31"`
	Affects  string   `lua:"affects" doc:"whom it concerns, in its own words"`
	Author   string   `lua:"author" doc:"who wrote it, as it is told"`
	Text     string   `lua:"text" doc:"what it says"`
	Packages []string `lua:"packages" doc:"installed packages that it names; empty where it names no port at all"`
}

const day = "2006-01-02"

// Updating lists entries of UPDATING.
func Updating(ctx context.Context, h effect.Doer, a UpdatingArgs) ([]Entry, error) {
	const op = "ports.updating"
	if _, err := time.Parse(day, a.Since); err != nil {
		return nil, effect.Errorf(effect.Invalid, op, "%q is no day such as 2026-01-31", a.Since)
	}
	name := path.Join(treeDir, "UPDATING")
	src, ok, err := file.Content(ctx, h, op, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, effect.WithHint(effect.Errorf(effect.Missing, op, "there is no %s", name), "get a ports tree first")
	}
	have, err := installed(ctx, h, op, "")
	if err != nil {
		return nil, err
	}
	list := []Entry{}
	for _, e := range parseUpdating(string(src)) {
		concerns := e.match(have)
		if e.Date >= a.Since && (concerns || a.All) {
			list = append(list, e)
		}
	}
	return list, nil
}

var entryHead = lazyregexp.New(`^(\d{4})(\d\d)(\d\d):\s*$`)

// parseUpdating reads the entries of UPDATING, in their order.
func parseUpdating(text string) []Entry {
	list := []Entry{}
	body := []string{}
	flush := func() {
		if n := len(list); n > 0 {
			list[n-1].read(body)
		}
		body = body[:0]
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := entryHead.FindStringSubmatch(line); m != nil {
			date := m[1] + "-" + m[2] + "-" + m[3]
			if _, err := time.Parse(day, date); err == nil {
				flush()
				list = append(list, Entry{Date: date, Packages: []string{}})
				continue
			}
		}
		body = append(body, line)
	}
	flush()
	return list
}

// read takes an entry's lines apart: AFFECTS, which may go on over lines, AUTHOR,
// and the text.
func (e *Entry) read(lines []string) {
	var text []string
	in := ""
	for _, line := range lines {
		trimmed := strings.TrimSpace(line)
		label, rest, _ := strings.Cut(trimmed, ":")
		switch {
		case in == "text":
			text = append(text, strings.TrimPrefix(line, "  "))
		case label == "AFFECTS":
			e.Affects, in = strings.TrimSpace(rest), "affects"
		case label == "AUTHOR" || label == "AUTHORS":
			e.Author, in = strings.TrimSpace(rest), "author"
		case trimmed == "" && in != "":
			in = "text"
		case in == "affects":
			e.Affects += " " + trimmed
		case in == "author":
			e.Author += " " + trimmed
		case trimmed != "":
			text, in = append(text, strings.TrimPrefix(line, "  ")), "text"
		}
	}
	e.Text = strings.TrimSpace(strings.Join(text, "\n"))
}

// named finds the ports that a text names, patterns among them.
var named = lazyregexp.New(`[a-z0-9*?][a-z0-9*?-]*/[A-Za-z0-9*?{\[][A-Za-z0-9_.+*?{},\[\]-]*`)

// match finds what is installed of the ports that an entry concerns. One that
// names none may concern everyone.
func (e *Entry) match(have []pack) bool {
	patterns := []string{}
	for _, word := range named.FindAllString(e.Affects, -1) {
		patterns = append(patterns, expand(strings.TrimRight(word, ".,"))...)
	}
	if len(patterns) == 0 {
		return true
	}
	for _, p := range have {
		fits := func(pattern string) bool {
			ok, err := path.Match(pattern, p.origin)
			return ok && err == nil
		}
		if slices.ContainsFunc(patterns, fits) {
			e.Packages = append(e.Packages, p.name)
		}
	}
	return len(e.Packages) > 0
}

// most is how many names a pattern may stand for.
const most = 256

// expand writes out the alternatives of a pattern: php5{2,3}-gd.
func expand(pattern string) []string {
	done, left := []string{}, []string{pattern}
	for len(left) > 0 && len(done)+len(left) < most {
		p := left[0]
		left = left[1:]
		end := strings.IndexByte(p, '}')
		start := -1
		if end >= 0 {
			start = strings.LastIndexByte(p[:end], '{')
		}
		if start < 0 {
			done = append(done, p)
			continue
		}
		for _, choice := range strings.Split(p[start+1:end], ",") {
			left = append(left, p[:start]+choice+p[end+1:])
		}
	}
	return append(done, left...)
}
