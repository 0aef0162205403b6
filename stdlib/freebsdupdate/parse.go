package freebsdupdate

import (
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// report is what fetch and upgrade print, as data.
type report struct {
	lists    Lists
	warnings []string
	eol      bool
	modules  []KernelModule
}

// KernelModule is a kernel module that came with a package.
type KernelModule struct {
	Module  string `lua:"module"`
	Package string `lua:"package"`
	Port    string `lua:"port"`
}

// listHead begins a list of paths; the heading ends with a colon, on this line
// or a later one.
var listHead = lazyregexp.New(`^The following files (?:will be (removed|added|updated) as part of|are affected by updates)`)

var eolForm = lazyregexp.New(`HAS PASSED ITS END-OF-LIFE DATE`)

// parseReport reads the lists and warnings among what the tool prints.
func parseReport(out string) report {
	p := reportParser{report: report{
		lists:    Lists{Added: []string{}, Updated: []string{}, Removed: []string{}, Kept: []string{}},
		warnings: []string{}, modules: []KernelModule{},
	}}
	for line := range strings.Lines(out) {
		p.line(strings.TrimRight(line, " \r\n"))
	}
	p.endWarning()
	return p.report
}

type reportParser struct {
	report
	list    *[]string // that the next paths go to
	heading bool      // within a list's heading
	warning []string  // lines of the warning that is being read
	table   bool      // within the table of kernel modules
}

func (p *reportParser) line(line string) {
	if m := listHead.FindStringSubmatch(line); m != nil {
		p.endWarning()
		p.list = p.listFor(m[1])
		p.heading = !strings.HasSuffix(line, ":")
		return
	}
	switch {
	case p.heading:
		p.heading = !strings.HasSuffix(line, ":")
	case p.list != nil && strings.HasPrefix(line, "/"):
		*p.list = append(*p.list, line)
	default:
		p.list = nil
		p.other(line)
	}
}

func (p *reportParser) listFor(verb string) *[]string {
	switch verb {
	case "removed":
		return &p.lists.Removed
	case "added":
		return &p.lists.Added
	case "updated":
		return &p.lists.Updated
	default:
		return &p.lists.Kept
	}
}

func (p *reportParser) other(line string) {
	fields := strings.Fields(line)
	switch {
	case strings.Contains(line, "WARNING: "):
		p.endWarning()
		p.warning = []string{line[strings.Index(line, "WARNING: ")+len("WARNING: "):]}
		p.eol = p.eol || eolForm.MatchString(line)
	case line == "":
		p.endWarning()
		p.table = false
	case len(p.warning) > 0:
		p.warning = append(p.warning, line)
	case len(fields) == 3 && fields[0] == "Module" && fields[2] == "Port":
		p.table = true
	case p.table && len(fields) == 3 && !strings.HasPrefix(line, "---"):
		p.modules = append(p.modules, KernelModule{Module: fields[0], Package: fields[1], Port: fields[2]})
	}
}

func (p *reportParser) endWarning() {
	if len(p.warning) > 0 {
		p.warnings = append(p.warnings, strings.Join(p.warning, " "))
		p.warning = nil
	}
}

// The lines that IDS prints; paths may hold any of their words, which is why
// each form goes to the line's end.
var differenceForms = []struct {
	what string
	form *lazyregexp.Regexp
}{
	{"type", lazyregexp.New(`^(/.*) is a (regular file|directory|symlink), but should be a (regular file|directory|symlink)\.$`)},
	{"owner", lazyregexp.New(`^(/.*) is owned by user id (\d+), but should be owned by user id (\d+)\.$`)},
	{"group", lazyregexp.New(`^(/.*) is owned by group id (\d+), but should be owned by group id (\d+)\.$`)},
	{"mode", lazyregexp.New(`^(/.*) has (\d+) permissions, but should have (\d+) permissions\.$`)},
	{"target", lazyregexp.New(`^(/.*) is a symlink to (.*), but should be a symlink to (.*)\.$`)},
	{"hash", lazyregexp.New(`^(/.*) has SHA256 hash ([0-9a-f]{64}), but should have SHA256 hash ([0-9a-f]{64})\.$`)},
}

// parseDifferences reads what IDS prints; a file of several components is
// printed once for each, and counted once.
func parseDifferences(out string) []Difference {
	list := []Difference{}
	seen := map[Difference]bool{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		for _, f := range differenceForms {
			m := f.form.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			d := Difference{Path: m[1], What: f.what, Is: m[2], Should: m[3]}
			if !seen[d] {
				seen[d] = true
				list = append(list, d)
			}
			break
		}
	}
	return list
}
