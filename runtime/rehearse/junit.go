package rehearse

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/report"
)

// The elements that build servers read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
		took     time.Duration
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Skipped *junitSkip    `xml:"skipped,omitempty"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes results as build servers read them, a suite for each file.
func JUnit(w io.Writer, results []Result) error {
	all := junitSuites{}
	var took time.Duration
	for _, r := range results {
		n := len(all.Suites)
		if n == 0 || all.Suites[n-1].Name != r.File {
			all.Suites = append(all.Suites, junitSuite{Name: r.File})
			n++
		}
		suite := &all.Suites[n-1]
		c := junitCase{Class: strings.TrimSuffix(r.File, ".lua"), Name: r.Name, File: r.File, Time: inSeconds(r.Took), Output: strings.Join(r.Output, "\n")}
		switch r.Outcome {
		case Failed:
			summary, _, _ := strings.Cut(effect.AsError(r.Err).Summary(), "\n")
			c.Failure = &junitFailure{Message: summary, Text: r.Report()}
			suite.Failures++
			all.Failures++
		case Skipped:
			c.Skipped = &junitSkip{Message: r.Err.Error()}
			suite.Skipped++
			all.Skipped++
		}
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		suite.took += r.Took
		suite.Time = inSeconds(suite.took)
		took += r.Took
		all.Tests++
	}
	all.Time = inSeconds(took)
	return report.WriteXML(w, all)
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// Report says why a test failed, with the lines around and what it told.
func (r Result) Report() string {
	e := effect.AsError(r.Err)
	if e == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.At, e.Summary())
	if e.Hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", e.Hint)
	}
	b.WriteString(r.Excerpt)
	if len(r.Output) > 0 {
		fmt.Fprintf(&b, "it told:\n  %s\n", strings.Join(r.Output, "\n  "))
	}
	return b.String()
}
