// Package lint finds mistakes in scripts without running them: what no host has,
// arguments that no function takes, names that nothing defines, values that
// nobody reads. What there is it knows from the same declarations that the
// scripts run by.
package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/script"
)

// Kind is what a file is for.
type Kind int

// The kinds of files.
const (
	Recipe  Kind = iota // returns a table with a run function
	Script              // statements, with h and p defined
	Library             // is required by others
	Test                // tests of a recipe
)

// Options say what a file may use.
type Options struct {
	Kind    Kind
	Modules []binding.Module
	// Compile compiles the file, to find what only that shows; nil: it is not
	// compiled.
	Compile func() error
	// Exists tells whether a file that the script would load is there; nil: not
	// looked at.
	Exists func(name string) bool
}

// Finding is one mistake.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (f Finding) String() string {
	text := fmt.Sprintf("%s:%d:%d: %s (%s)", f.File, f.Line, f.Column, f.Message, f.Rule)
	if f.Hint != "" {
		text += "\n  hint: " + f.Hint
	}
	return text
}

// Check finds the mistakes of a file, in the order of the file.
func Check(file string, source []byte, o Options) []Finding {
	c := &checker{o: o, file: file, found: map[Finding]bool{}}
	tree, err := syntax.Parse(string(source))
	var broken *syntax.Error
	if errors.As(err, &broken) {
		c.report(broken.Pos, ruleSyntax, "%s", broken.Message)
		return c.findings
	}
	c.tree = tree
	c.names = resolve(tree)
	c.vocabulary = vocabulary(o.Kind)
	c.checkGlobals()
	c.checkVariables()
	c.checkFlow(tree.Body)
	c.checkRecipe()
	syntax.Walk(tree.Body, func(n syntax.Node) bool {
		c.checkNode(n)
		return true
	})
	c.checkSteps()
	c.compile(source)
	c.silence()
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.findings
}

// vocabulary are the names that a file of the kind knows.
func vocabulary(kind Kind) map[string][]string {
	words := script.Vocabulary()
	if kind != Test {
		return words
	}
	for _, g := range script.TestGlobals() {
		if library, name, dotted := strings.Cut(g.Name, "."); dotted {
			words[library] = append(words[library], name)
		} else {
			words[g.Name] = nil
		}
	}
	for _, name := range script.NotInTests() {
		delete(words, name)
	}
	return words
}

// checker is one file under examination.
type checker struct {
	o          Options
	file       string
	tree       *syntax.Tree
	names      *names
	vocabulary map[string][]string
	findings   []Finding
	found      map[Finding]bool // those of findings
	// types are those of locals while they are found out, so that none is asked
	// for in a circle.
	types map[*variable]*typ
}

func (c *checker) report(at syntax.Pos, rule, format string, args ...any) {
	c.hint(at, rule, "", format, args...)
}

func (c *checker) hint(at syntax.Pos, rule, hint, format string, args ...any) {
	f := Finding{File: c.file, Line: at.Line, Column: at.Col, Rule: rule, Message: fmt.Sprintf(format, args...), Hint: hint}
	if !c.found[f] {
		c.found[f] = true
		c.findings = append(c.findings, f)
	}
}

// compile has the file compiled, and adds what that complains of, unless its line
// has been found wanting already.
func (c *checker) compile(source []byte) {
	if c.o.Compile == nil {
		return
	}
	err := c.o.Compile()
	if err == nil {
		return
	}
	e := effect.AsError(err)
	at, rule := c.place(e, source)
	for _, f := range c.findings {
		if f.Line == at.Line {
			return
		}
	}
	c.hint(at, rule, e.Hint, "%s", e.Summary())
}

// place is where an error of the compiler points: to a line, or to the field of a
// declaration that its message begins with.
func (c *checker) place(e *effect.Error, source []byte) (syntax.Pos, string) {
	if i := strings.LastIndexByte(e.At, ':'); i >= 0 {
		if line, err := strconv.Atoi(e.At[i+1:]); err == nil {
			return syntax.Pos{Line: line, Col: firstColumn(source, line)}, ruleSyntax
		}
	}
	field, problem, _ := strings.Cut(e.Message, ":")
	path := strings.Split(field, ".")
	if m := unknownField.FindStringSubmatch(problem); m != nil {
		path = append(path, m[1])
	}
	return c.declaredAt(path), ruleDeclaration
}

var unknownField = lazyregexp.New(`unknown field "([^"]*)"`)

func firstColumn(source []byte, line int) int {
	lines := strings.Split(string(source), "\n")
	if line < 1 || line > len(lines) {
		return 1
	}
	text := lines[line-1]
	return len(text) - len(strings.TrimLeft(text, " \t")) + 1
}
