package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// The elements of a JUnit report, as CI systems read them.
type (
	junitRun struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
		Skipped *junitProblem `xml:"skipped"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr,omitempty"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit prints a run for CI: a suite a host, a case a step. A step that failed
// is a failure; what kept a host from its end outside of steps (it could not be
// reached, the run stopped) is an error; a step that was skipped, or of which a
// check knows nothing, is skipped.
func JUnit(w io.Writer, r *journal.Report) error {
	run := junitRun{Name: r.Recipe, Time: junitSeconds(r.Took)}
	for _, h := range r.Hosts {
		suite := junitHost(r, h)
		run.Tests += suite.Tests
		run.Failures += suite.Failures
		run.Errors += suite.Errors
		run.Skipped += suite.Skipped
		run.Suites = append(run.Suites, suite)
	}
	if r.Err != nil {
		run.Tests++
		run.Errors++
		run.Suites = append(run.Suites, junitSuite{Name: r.Recipe, Tests: 1, Errors: 1, Time: junitSeconds(0), Timestamp: junitTime(r),
			Cases: []junitCase{{Class: r.Recipe, Name: "the run as a whole", Time: junitSeconds(0), Error: junitError(r.Recipe, r.Err)}}})
	}
	return WriteXML(w, run)
}

// WriteXML writes a document for programs, as a file of its own.
func WriteXML(w io.Writer, document any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitTime(r *journal.Report) string { return r.Started.UTC().Format("2006-01-02T15:04:05") }

func junitSeconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func junitHost(r *journal.Report, h journal.HostReport) junitSuite {
	suite := junitSuite{
		Name: h.Name, Timestamp: junitTime(r),
		Properties: []junitProperty{{"run", r.Run}, {"recipe", r.Recipe}, {"check", fmt.Sprint(r.Check)}, {"status", h.Status}, {"changed", fmt.Sprint(h.Changed)}},
	}
	took, told := 0.0, false
	for _, step := range h.Steps {
		c := junitStep(r, h, step)
		told = told || c.Failure != nil
		took += step.Took
		suite.add(c)
	}
	if h.Error != nil && !told && h.Error.Kind != effect.Unknown {
		suite.add(junitCase{Class: h.Name, Name: "to the end", Time: junitSeconds(0), Error: junitError(h.Name, h.Error)})
	} else if len(h.Steps) == 0 {
		suite.add(junitCase{Class: h.Name, Name: "to the end", Time: junitSeconds(0), Out: junitChanges(h.Changes)})
	}
	suite.Time = junitSeconds(took)
	return suite
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func junitStep(r *journal.Report, h journal.HostReport, step journal.StepReport) junitCase {
	c := junitCase{Class: h.Name, Name: step.Name, Time: junitSeconds(step.Took), Out: junitChanges(step.Changes)}
	switch step.Status {
	case effect.StatusFailed:
		c.Failure = &junitProblem{Message: "failed", Type: effect.StatusFailed}
		if h.Error != nil {
			c.Failure = junitError(h.Name, h.Error)
		}
	case effect.StatusSkipped, effect.StatusUnknown, effect.StatusStopped:
		c.Skipped = &junitProblem{Message: strings.TrimSuffix(outcome(step.Status, r.Check)+": "+step.Reason, ": ")}
	}
	return c
}

func junitChanges(changes []journal.ChangeReport) string {
	var b strings.Builder
	for _, change := range changes {
		fmt.Fprintf(&b, "%s %s\n", change.Op, onHost(change)+change.What)
		if change.Diff != "" {
			b.WriteString(indent(change.Diff, "  ") + "\n")
		}
	}
	return printable(b.String())
}

func junitError(subject string, e *journal.ErrorReport) *junitProblem {
	var b strings.Builder
	writeError(&b, []string{subject}, e, Style{})
	return &junitProblem{Message: printable(e.Message), Type: string(e.Kind), Text: b.String()}
}
