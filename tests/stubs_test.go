package tests

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/gen"
	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/rehearse"
	"bsdrun/stdlib"
)

// The annotations of the Lua language server, as far as stubs use them.
var (
	annotation = regexp.MustCompile(`^---@(\w+) ?(.*)$`)
	classLine  = regexp.MustCompile(`^([\w.]+)(?: : ([\w.]+))?$`)
	fieldLine  = regexp.MustCompile(`^(\w+)\??$`)
	paramLine  = regexp.MustCompile(`^(\w+|\.\.\.)\??$`)
)

// builtinTypes are those that need no declaration.
var builtinTypes = []string{"any", "nil", "boolean", "string", "number", "integer", "table", "function", "true", "false", "never"}

// typeReader takes a type of an annotation apart.
type typeReader struct {
	rest string
	used []string // names of types
	bad  bool
}

func (r *typeReader) space() { r.rest = strings.TrimLeft(r.rest, " ") }

func (r *typeReader) accept(text string) bool {
	var found bool
	r.rest, found = strings.CutPrefix(r.rest, text)
	return found
}

func (r *typeReader) expect(text string) { r.bad = r.bad || !r.accept(text) }

var (
	typeName = regexp.MustCompile(`^[A-Za-z_][\w.]*`)
	literal  = regexp.MustCompile(`^("[^"]*"|\d+)`)
	named    = regexp.MustCompile(`^(\w+|\.\.\.)\??: ?`)
)

// union reads TYPE|TYPE...
func (r *typeReader) union() {
	r.single()
	for !r.bad && r.accept("|") {
		r.single()
	}
}

func (r *typeReader) single() {
	switch {
	case r.accept("("):
		r.union()
		r.expect(")")
	case r.accept("{"):
		r.list("}")
	case r.accept("fun("):
		r.list(")")
		if r.accept(": ") && !r.accept("...") {
			r.union()
		}
	case literal.MatchString(r.rest):
		r.rest = r.rest[len(literal.FindString(r.rest)):]
	default:
		name := typeName.FindString(r.rest)
		r.bad = r.bad || name == ""
		r.used = append(r.used, name)
		r.rest = r.rest[len(name):]
		if r.accept("<") {
			r.union()
			for r.accept(",") {
				r.space()
				r.union()
			}
			r.expect(">")
		}
	}
	for !r.bad && (r.accept("[]") || r.accept("?")) {
		continue
	}
}

// list reads NAME: TYPE, ... up to what closes it.
func (r *typeReader) list(closing string) {
	for !r.bad && !r.accept(closing) {
		name := named.FindString(r.rest)
		r.bad = r.bad || name == ""
		r.rest = r.rest[len(name):]
		r.union()
		r.accept(",")
		r.space()
	}
}

// TestStubs reads every line of the editor's stubs: the file is Lua, its annotations
// have the language server's grammar, and each type that they name is declared.
func TestStubs(t *testing.T) {
	stubs := gen.Stubs(append(stdlib.Modules(), rehearse.Modules()...))
	declared, used := map[string]string{}, map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(stubs)) {
		text := string(stubs[file])
		if !strings.HasPrefix(text, "---@meta\n") {
			t.Errorf("%s is no file of annotations", file)
		}
		if _, err := syntax.Parse(text); err != nil {
			t.Errorf("%s is no Lua: %v", file, err)
		}
		var params []string
		for _, line := range strings.Split(text, "\n") {
			if m := annotation.FindStringSubmatch(line); m != nil {
				name, types := readAnnotation(t, file, m[1], m[2])
				if m[1] == "class" {
					if twice := declared[name]; twice != "" {
						t.Errorf("%s: the class %s is in %s, too", file, name, twice)
					}
					declared[name] = file
				}
				if m[1] == "param" {
					params = append(params, strings.TrimSuffix(name, "?"))
				}
				for _, name := range types {
					used[name] = file + ": " + line
				}
				continue
			}
			if _, definition, is := strings.Cut(line, "function "); is && strings.HasPrefix(line, "function ") {
				inside := definition[strings.Index(definition, "(")+1 : strings.Index(definition, ")")]
				if inside != strings.Join(params, ", ") {
					t.Errorf("%s: %s has the annotated parameters %v", file, line, params)
				}
			}
			if !strings.HasPrefix(line, "---") {
				params = nil
			}
		}
	}
	for name, at := range used {
		if declared[name] == "" && !slices.Contains(builtinTypes, name) {
			t.Errorf("nothing declares %s: %s", name, at)
		}
	}
	if declared["h.zpool"] == "" || declared["zpool.Status"] == "" || declared["Recipe"] == "" || len(declared) < 300 {
		t.Errorf("only %d classes are declared", len(declared))
	}
}

// readAnnotation checks one annotation, and gives what it is about and the types
// that it names.
func readAnnotation(t *testing.T, file, tag, rest string) (name string, types []string) {
	t.Helper()
	r := &typeReader{rest: rest}
	take := func(pattern *regexp.Regexp) {
		name, r.rest, _ = strings.Cut(r.rest, " ")
		r.bad = r.bad || !pattern.MatchString(name)
	}
	switch tag {
	case "meta":
		return "", nil
	case "class":
		m := classLine.FindStringSubmatch(rest)
		if m == nil {
			t.Errorf("%s: @class %s", file, rest)
			return "", nil
		}
		if m[2] != "" {
			types = []string{m[2]}
		}
		return m[1], types
	case "field":
		take(fieldLine)
	case "param":
		take(paramLine)
	case "return", "type", "overload":
	case "operator":
		return "", nil
	default:
		t.Errorf("%s: the tag @%s is unknown", file, tag)
		return "", nil
	}
	r.union()
	if r.bad || r.rest != "" && !strings.HasPrefix(r.rest, " ") {
		t.Errorf("%s: @%s %s: not a type at %q", file, tag, rest, r.rest)
	}
	return name, r.used
}
