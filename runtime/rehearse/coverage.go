package rehearse

import (
	"bufio"
	"fmt"
	"html/template"
	"io"
	"strings"

	"bsdrun/runtime/script"
)

// FileCoverage is what tests ran of a file, line by line.
type FileCoverage struct {
	Name       string
	Lines      []LineCoverage // those that a statement begins on
	Source     []string
	Statements int
	Ran        int // statements that ran
}

// LineCoverage is a line that a statement begins on.
type LineCoverage struct {
	Line int
	Hits int64 // of its first statement
	Part bool  // another statement of the line never ran
}

// Covered counts the lines that ran.
func (f *FileCoverage) Covered() int {
	n := 0
	for _, l := range f.Lines {
		if l.Hits > 0 {
			n++
		}
	}
	return n
}

// Missed are the lines that never ran, as ranges: 12, 20-24.
func (f *FileCoverage) Missed() string {
	var ranges []string
	for i := 0; i < len(f.Lines); i++ {
		if f.Lines[i].Hits > 0 {
			continue
		}
		from := f.Lines[i].Line
		for i+1 < len(f.Lines) && f.Lines[i+1].Hits == 0 {
			i++
		}
		if to := f.Lines[i].Line; to > from {
			ranges = append(ranges, fmt.Sprintf("%d-%d", from, to))
		} else {
			ranges = append(ranges, fmt.Sprint(from))
		}
	}
	return strings.Join(ranges, ", ")
}

// Cover sums up what ran, by file. name says what a file is called, empty for one
// that does not count.
func Cover(c *script.Coverage, name func(file string) string) []FileCoverage {
	var all []FileCoverage
	for _, f := range c.Files() {
		if shown := name(f.Name); shown != "" {
			all = append(all, coverFile(f, shown))
		}
	}
	return all
}

func coverFile(f *script.CoveredFile, name string) FileCoverage {
	out := FileCoverage{Name: name, Statements: len(f.Statements), Source: strings.Split(strings.TrimSuffix(string(f.Source), "\n"), "\n")}
	lines := map[int]*LineCoverage{}
	for _, s := range f.Statements {
		hits := s.Hits()
		if hits > 0 {
			out.Ran++
		}
		if l := lines[s.Line]; l != nil {
			l.Part = l.Part || hits == 0
			continue
		}
		lines[s.Line] = &LineCoverage{Line: s.Line, Hits: hits}
	}
	for n := range out.Source {
		if l := lines[n+1]; l != nil {
			out.Lines = append(out.Lines, *l)
		}
	}
	return out
}

// Percent is the share of the lines of all files that ran.
func Percent(files []FileCoverage) float64 {
	covered, lines := 0, 0
	for i := range files {
		covered += files[i].Covered()
		lines += len(files[i].Lines)
	}
	return percent(covered, lines)
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

// CoverageText lists the files with their share of lines and what was missed.
func CoverageText(w io.Writer, files []FileCoverage) error {
	out := bufio.NewWriter(w)
	width, ran, statements := 5, 0, 0
	for i := range files {
		width = max(width, len(files[i].Name))
		ran, statements = ran+files[i].Ran, statements+files[i].Statements
	}
	for i := range files {
		f := &files[i]
		line := fmt.Sprintf("%-*s  %5.1f%% of %d lines", width, f.Name, percent(f.Covered(), len(f.Lines)), len(f.Lines))
		if missed := f.Missed(); missed != "" {
			line += ", missed " + missed
		}
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, "%-*s  %5.1f%% of lines, %.1f%% of statements\n", width, "all", Percent(files), percent(ran, statements))
	return out.Flush()
}

// CoverageLCOV writes the format that lcov and editors read.
func CoverageLCOV(w io.Writer, files []FileCoverage) error {
	out := bufio.NewWriter(w)
	for i := range files {
		f := &files[i]
		fmt.Fprintf(out, "TN:\nSF:%s\n", f.Name)
		for _, l := range f.Lines {
			fmt.Fprintf(out, "DA:%d,%d\n", l.Line, l.Hits)
		}
		fmt.Fprintf(out, "LF:%d\nLH:%d\nend_of_record\n", len(f.Lines), f.Covered())
	}
	return out.Flush()
}

// CoverageHTML writes one page that needs nothing else.
func CoverageHTML(w io.Writer, files []FileCoverage) error {
	type line struct {
		Number int
		Text   string
		Class  string
		Hits   string
	}
	type file struct {
		Name, Percent string
		Lines         []line
	}
	data := struct {
		Percent string
		Files   []file
	}{Percent: fmt.Sprintf("%.1f", Percent(files))}
	for i := range files {
		f := &files[i]
		shown := file{Name: f.Name, Percent: fmt.Sprintf("%.1f", percent(f.Covered(), len(f.Lines)))}
		of := map[int]LineCoverage{}
		for _, l := range f.Lines {
			of[l.Line] = l
		}
		for n, text := range f.Source {
			l := line{Number: n + 1, Text: text}
			if c, counts := of[n+1]; counts {
				l.Class, l.Hits = classOf(c), fmt.Sprint(c.Hits)
			}
			shown.Lines = append(shown.Lines, l)
		}
		data.Files = append(data.Files, shown)
	}
	return coveragePage.Execute(w, data)
}

func classOf(l LineCoverage) string {
	switch {
	case l.Hits == 0:
		return "missed"
	case l.Part:
		return "part"
	default:
		return "ran"
	}
}

var coveragePage = template.Must(template.New("coverage").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Coverage of recipes: {{.Percent}}%</title>
<style>
:root { color-scheme: light dark; --ran: #dff3e0; --part: #fdf2cf; --missed: #fbdcdc; --dim: #6a6a6a; }
@media (prefers-color-scheme: dark) { :root { --ran: #143a1c; --part: #463a10; --missed: #4d1a1a; --dim: #a0a0a0; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font: 13px/1.45 ui-monospace, monospace; }
td { padding: 0 .6em; white-space: pre-wrap; overflow-wrap: anywhere; }
td.n { color: var(--dim); text-align: right; width: 1%; white-space: nowrap; user-select: none; }
tr.ran { background: var(--ran); } tr.part { background: var(--part); } tr.missed { background: var(--missed); }
summary { cursor: pointer; font-weight: 600; margin: .5rem 0; }
</style>
</head>
<body>
<h1>{{.Percent}}% of lines ran</h1>
<p>Green lines ran, red ones never did; of a yellow line a statement did not. The second number is how often.</p>
{{range .Files}}<details><summary>{{.Name}}: {{.Percent}}%</summary>
<table>{{range .Lines}}<tr{{if .Class}} class="{{.Class}}"{{end}}><td class="n">{{.Number}}</td><td class="n">{{.Hits}}</td><td>{{.Text}}</td></tr>
{{end}}</table></details>
{{end}}</body>
</html>
`))
