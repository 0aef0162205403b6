package report

import (
	"cmp"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/lazyregexp"
)

// maxKinds is how many different failures are told in full.
const maxKinds = 20

// failure are hosts that failed for the same reason: at the same place, with the
// same message but for the host's own name and addresses.
type failure struct {
	hosts []string
	first *journal.ErrorReport
	// alike: every host has the very same report. Otherwise that of the first one
	// stands for what the others ran and printed.
	alike bool
}

// kindsOfFailure are the different failures of a run, in the order of their first
// hosts.
func kindsOfFailure(r *journal.Report) []*failure {
	var kinds []*failure
	known := map[journal.ErrorReport]*failure{}
	for _, h := range r.Hosts {
		if h.Error == nil {
			continue
		}
		e := *h.Error
		if e.Host == h.Name { // else it failed on a host that h is connected to
			e.Host = ""
		}
		if e.Kind == effect.Cancelled { // where that met the host is no part of the reason
			e.Op, e.Command, e.At, e.Excerpt = "", "", "", ""
		}
		key := reason(&e, h.Name)
		kind := known[key]
		if kind == nil {
			kind = &failure{first: &e, alike: true}
			known[key] = kind
			kinds = append(kinds, kind)
		}
		kind.hosts = append(kind.hosts, h.Name)
		kind.alike = kind.alike && e == *kind.first
	}
	return kinds
}

// report is what is told of all hosts of a failure.
func (f *failure) report() *journal.ErrorReport {
	if f.alike {
		return f.first
	}
	e := *f.first
	e.Message, e.Hint = general(e.Message, f.hosts[0]), general(e.Hint, f.hosts[0])
	if e.Host == "" && e.Command+e.Stdout+e.Stderr != "" {
		e.Host = f.hosts[0] + ", for one"
	}
	return &e
}

// reason is what failures for the same reason have in common.
func reason(e *journal.ErrorReport, host string) journal.ErrorReport {
	return journal.ErrorReport{
		Op: e.Op, Host: e.Host, Kind: e.Kind, Code: e.Code, At: e.At,
		Message: general(e.Message, host), Hint: general(e.Hint, host),
	}
}

// general says of any host what a text says of one.
func general(text, host string) string {
	if text == "" {
		return ""
	}
	for _, name := range namesOf(host) {
		text = replaceWord(text, name, "HOST")
	}
	return addresses.ReplaceAllString(text, "${1}ADDRESS${2}")
}

var addresses = lazyregexp.New(`(^|[^0-9A-Za-z.])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f]*:[0-9a-f:.]+\])((?::[0-9]+)?)\b`)

// namesOf are the ways in which a message may name a host, the longest first: with
// and without user, port and jail.
func namesOf(host string) []string {
	base, _, _ := strings.Cut(host, "/")
	plain := base[strings.LastIndexByte(base, '@')+1:]
	bare, _, _ := strings.Cut(plain, ":")
	names := []string{host, base, plain, bare}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// replaceWord replaces a name where it is no part of another.
func replaceWord(text, name, by string) string {
	var b strings.Builder
	for rest, before := text, byte(' '); ; {
		at := strings.Index(rest, name)
		if at < 0 {
			return b.String() + rest
		}
		end := at + len(name)
		if at > 0 {
			before = rest[at-1]
		}
		if inName(before) || end < len(rest) && inName(rest[end]) && !endsSentence(rest[end:]) {
			b.WriteString(rest[:end])
		} else {
			b.WriteString(rest[:at] + by)
		}
		before, rest = rest[end-1], rest[end:]
	}
}

// inName tells whether a character may belong to a host's name.
func inName(c byte) bool {
	return c == '-' || c == '.' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// endsSentence tells whether the dot that a text begins with is none of a name.
func endsSentence(text string) bool { return text[0] == '.' && (len(text) == 1 || !inName(text[1])) }
