package cc

import (
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// report is what the script tells: what was printed, and in its last line how it
// ended.
type report struct {
	output   string // of the program, or of a compiler that failed
	outcome  string // ran, failed, broken, none, nowhere
	code     int
	compiler string
}

var lastLine = lazyregexp.New(`\nbsdrun-cc ([a-z]+) (\d+) (.*)\n$`)

func parseReport(out string) (report, bool) {
	found := lastLine.FindStringSubmatchIndex(out)
	if found == nil {
		return report{}, false
	}
	code, err := strconv.Atoi(out[found[4]:found[5]])
	return report{output: out[:found[0]], outcome: out[found[2]:found[3]], code: code, compiler: out[found[6]:found[7]]}, err == nil
}

// problem is an error that the compiler found in a line of the source.
type problem struct {
	line int
	text string
}

// problemForm fits clang and gcc; old ones tell no column.
var problemForm = lazyregexp.New(`(?m)^program\.c:(\d+):(?:\d+:)? (?:fatal )?error: (.*)$`)

func parseProblems(messages string) []problem {
	var list []problem
	for _, found := range problemForm.FindAllStringSubmatch(messages, -1) {
		if line, err := strconv.Atoi(found[1]); err == nil {
			list = append(list, problem{line, found[2]})
		}
	}
	return list
}

// manyProblems is how many are shown; the others mostly follow from these.
const manyProblems = 3

// sourceError says what is wrong with a source, with its lines.
func sourceError(op, source string, r report) error {
	e := &effect.Error{Op: op, Kind: effect.Failed, Code: r.code, Err: r.output, Command: r.compiler + " program.c"}
	problems := parseProblems(r.output)
	if len(problems) == 0 {
		e.Message = "the source does not compile: " + firstLine(r.output)
		return e
	}
	lines := strings.Split(source, "\n")
	parts := []string{"the source does not compile"}
	for _, p := range problems[:min(len(problems), manyProblems)] {
		part := fmt.Sprintf("line %d: %s", p.line, p.text)
		if p.line >= 1 && p.line <= len(lines) {
			part += fmt.Sprintf("\n%6d | %s", p.line, strings.TrimSpace(lines[p.line-1]))
		}
		parts = append(parts, part)
	}
	if more := len(problems) - manyProblems; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	e.Message = strings.Join(parts, "\n")
	return e
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
