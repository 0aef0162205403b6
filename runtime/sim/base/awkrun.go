package base

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"strings"

	"bsdrun/runtime/sim"
)

// awkRun is one execution of a program.
type awkRun struct {
	p         *sim.Proc
	prog      *awkProgram
	vars      map[string]*awkVar
	locals    map[string]*awkVar // of the function that runs
	record    string
	fields    []string // from 1; nil until they are asked for
	split     bool
	fieldVals map[int]awkValue // fields the program has set to numbers
	out       *bufio.Writer
	io        *awkIO
	regexes   map[string]*regex
	random    *rand.Rand
	seed      float64
	code      int
	depth     int
}

// awkFlow says how a statement ended.
type awkFlow byte

const (
	awkGoOn awkFlow = iota
	awkBreak
	awkContinue
	awkNext
	awkNextFile
	awkExit
	awkReturn
)

func newAwkRun(p *sim.Proc, prog *awkProgram) *awkRun {
	r := &awkRun{p: p, prog: prog, vars: map[string]*awkVar{}, regexes: map[string]*regex{}, out: bufio.NewWriter(p.Stdout), seed: 1}
	r.random = rand.New(rand.NewSource(1)) //nolint:gosec // rand() of awk is a plain generator with a known seed
	r.io = &awkIO{r: r}
	for name, v := range map[string]string{"FS": " ", "OFS": " ", "ORS": "\n", "RS": "\n", "SUBSEP": "\x1c", "CONVFMT": "%.6g", "OFMT": "%.6g", "FILENAME": ""} {
		r.global(name).val = awkText(v)
	}
	for _, name := range []string{"NR", "FNR", "NF", "RSTART"} {
		r.global(name).val = awkNumeric(0)
	}
	r.global("RLENGTH").val = awkNumeric(-1)
	environ := r.global("ENVIRON").asArray()
	for _, kv := range p.Env {
		name, value, _ := strings.Cut(kv, "=")
		environ.set(name, awkOutside(value))
	}
	return r
}

func (r *awkRun) global(name string) *awkVar {
	v := r.vars[name]
	if v == nil {
		v = &awkVar{}
		r.vars[name] = v
	}
	return v
}

func (r *awkRun) lookup(name string) *awkVar {
	if v, ok := r.locals[name]; ok {
		return v
	}
	return r.global(name)
}

func (r *awkRun) fail(line int, format string, args ...any) {
	panic(&awkError{fmt.Sprintf(format, args...), line})
}

func (r *awkRun) text(v awkValue) string { return v.str(r.vars["CONVFMT"].val.s) }

// setRecord replaces $0.
func (r *awkRun) setRecord(s string) {
	r.record, r.split, r.fieldVals = s, false, nil
}

func (r *awkRun) splitRecord() {
	if r.split {
		return
	}
	r.split = true
	r.fields = r.splitText(r.record, r.vars["FS"].val.s, r.vars["RS"].val.s == "")
	r.vars["NF"].val = awkNumeric(float64(len(r.fields)))
}

// splitText splits as FS does: blanks, a single character, or an expression.
func (r *awkRun) splitText(s, fs string, paragraphs bool) []string {
	switch {
	case s == "":
		return nil
	case fs == " ":
		return strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '\t' || c == '\n' })
	case fs == "":
		return strings.Split(s, "")
	case len(fs) == 1:
		if paragraphs {
			return strings.FieldsFunc(s, func(c rune) bool { return string(c) == fs || c == '\n' })
		}
		return strings.Split(s, fs)
	}
	if paragraphs {
		fs = "(" + fs + ")|\n"
	}
	var parts []string
	end := 0
	for _, m := range r.compile(fs).all(s, -1) {
		if m[1] > m[0] {
			parts = append(parts, s[end:m[0]])
			end = m[1]
		}
	}
	return append(parts, s[end:])
}

func (r *awkRun) compile(text string) *regex {
	if re := r.regexes[text]; re != nil {
		return re
	}
	re, err := awkCompile(text)
	if err != nil {
		r.fail(0, "%s in regular expression %s", err.Error(), text)
	}
	r.regexes[text] = re
	return re
}

func (r *awkRun) field(n int, line int) awkValue {
	switch {
	case n < 0:
		r.fail(line, "trying to access out of range field %d", n)
	case n == 0:
		return awkOutside(r.record)
	}
	r.splitRecord()
	if n > len(r.fields) {
		return awkValue{}
	}
	if v, ok := r.fieldVals[n]; ok {
		return v
	}
	return awkOutside(r.fields[n-1])
}

func (r *awkRun) setField(n int, v awkValue, line int) {
	if n < 0 {
		r.fail(line, "trying to access out of range field %d", n)
	}
	s := r.text(v)
	if n == 0 {
		r.setRecord(s)
		return
	}
	r.splitRecord()
	for len(r.fields) < n {
		r.fields = append(r.fields, "")
	}
	r.fields[n-1] = s
	if r.fieldVals == nil {
		r.fieldVals = map[int]awkValue{}
	}
	if v.kind == awkNum {
		r.fieldVals[n] = awkValue{s: s, n: v.n, kind: awkInput}
	} else {
		r.fieldVals[n] = v
	}
	r.vars["NF"].val = awkNumeric(float64(len(r.fields)))
	r.join()
}

func (r *awkRun) join() { r.record = strings.Join(r.fields, r.vars["OFS"].val.str("%.6g")) }

// setVar assigns a variable; NF changes the record.
func (r *awkRun) setVar(name string, v awkValue) {
	target := r.lookup(name)
	if target.array != nil {
		r.fail(0, "can't assign to %s; it's an array name.", name)
	}
	if name == "NF" && r.locals["NF"] == nil {
		r.splitRecord()
		n := max(int(v.number()), 0)
		for len(r.fields) < n {
			r.fields = append(r.fields, "")
		}
		r.fields = r.fields[:n]
		target.val = awkNumeric(float64(n))
		r.join()
		return
	}
	target.val = v
}

func (r *awkRun) getVar(name string) awkValue {
	if name == "NF" {
		r.splitRecord()
	}
	v := r.lookup(name)
	if v.array != nil {
		r.fail(0, "can't read value of %s; it's an array name.", name)
	}
	return v.val
}

// assign stores into a variable, an element or a field.
func (r *awkRun) assign(n *awkNode, v awkValue) {
	switch n.op {
	case "var":
		r.setVar(n.name, v)
	case "index":
		r.lookup(n.name).asArray().set(r.key(n.kids), v)
	case "field":
		r.setField(int(r.eval(n.kids[0]).number()), v, n.line)
	}
}

// key is the subscript of an element.
func (r *awkRun) key(list []*awkNode) string {
	if len(list) == 1 {
		return r.text(r.eval(list[0]))
	}
	var parts []string
	for _, k := range list {
		parts = append(parts, r.text(r.eval(k)))
	}
	return strings.Join(parts, r.vars["SUBSEP"].val.s)
}

func (r *awkRun) eval(n *awkNode) awkValue {
	switch n.op {
	case "number":
		return awkNumeric(n.num)
	case "string":
		return awkText(n.text)
	case "group":
		return r.eval(n.kids[0])
	case "regex":
		return awkBool(n.re.MatchString(r.record))
	case "var":
		return r.getVar(n.name)
	case "field":
		return r.field(int(r.eval(n.kids[0]).number()), n.line)
	case "index":
		array, key := r.lookup(n.name).asArray(), r.key(n.kids)
		v, ok := array.get(key)
		if !ok {
			array.set(key, v) // to look is to create
		}
		return v
	case "in":
		_, ok := r.lookup(n.name).asArray().get(r.key(n.kids))
		return awkBool(ok)
	case "concat":
		left := r.text(r.eval(n.kids[0]))
		return awkText(left + r.text(r.eval(n.kids[1])))
	case "cond":
		if r.eval(n.kids[0]).truth() {
			return r.eval(n.kids[1])
		}
		return r.eval(n.kids[2])
	case "||":
		return awkBool(r.eval(n.kids[0]).truth() || r.eval(n.kids[1]).truth())
	case "&&":
		return awkBool(r.eval(n.kids[0]).truth() && r.eval(n.kids[1]).truth())
	case "!":
		return awkBool(!r.eval(n.kids[0]).truth())
	case "neg":
		return awkNumeric(-r.eval(n.kids[0]).number())
	case "plus":
		return awkNumeric(r.eval(n.kids[0]).number())
	case "~", "!~":
		return awkBool(r.pattern(n.kids[1]).MatchString(r.text(r.eval(n.kids[0]))) == (n.op == "~"))
	case "assign":
		return r.assignment(n)
	case "pre", "post":
		return r.increment(n)
	case "call":
		return r.call(n)
	case "builtin":
		return r.builtin(n)
	case "getline", "cmdline":
		return r.io.getline(n)
	case "+", "-", "*", "/", "%", "^":
		left := r.eval(n.kids[0]).number()
		return awkNumeric(r.arithmetic(n.op, left, r.eval(n.kids[1]).number(), n.line))
	}
	return r.comparison(n)
}

// pattern is the right side of ~: an expression itself, or a string that holds
// one.
func (r *awkRun) pattern(n *awkNode) *regex {
	if n.op == "regex" {
		return n.re
	}
	return r.compile(r.text(r.eval(n)))
}

func (r *awkRun) arithmetic(op string, a, b float64, line int) float64 {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "^":
		return math.Pow(a, b)
	}
	if b == 0 {
		if op == "%" {
			r.fail(line, "division by zero in %%")
		}
		r.fail(line, "division by zero")
	}
	if op == "%" {
		return math.Mod(a, b)
	}
	return a / b
}

func (r *awkRun) assignment(n *awkNode) awkValue {
	v := r.eval(n.kids[1])
	if n.text != "" {
		old := r.eval(n.kids[0]).number()
		v = awkNumeric(r.arithmetic(n.text, old, v.number(), n.line))
	}
	r.assign(n.kids[0], v)
	return v
}

func (r *awkRun) increment(n *awkNode) awkValue {
	old := r.eval(n.kids[0]).number()
	next := old + 1
	if n.text == "--" {
		next = old - 1
	}
	r.assign(n.kids[0], awkNumeric(next))
	if n.op == "pre" {
		return awkNumeric(next)
	}
	return awkNumeric(old)
}

func (r *awkRun) comparison(n *awkNode) awkValue {
	a, b := r.eval(n.kids[0]), r.eval(n.kids[1])
	c := 0
	if a.isNumber() && b.isNumber() {
		c = compareOrdered(a.n, b.n)
	} else {
		c = strings.Compare(r.text(a), r.text(b))
	}
	switch n.op {
	case "<":
		return awkBool(c < 0)
	case "<=":
		return awkBool(c <= 0)
	case "==":
		return awkBool(c == 0)
	case "!=":
		return awkBool(c != 0)
	case ">":
		return awkBool(c > 0)
	}
	return awkBool(c >= 0)
}

// call runs a function of the program. Arrays go by reference; a name that is
// nothing yet may become an array inside.
func (r *awkRun) call(n *awkNode) awkValue {
	f := r.prog.functions[n.name]
	if len(n.kids) > len(f.params) {
		r.fail(n.line, "function %s called with %d args, accepts only %d", n.name, len(n.kids), len(f.params))
	}
	if r.depth++; r.depth > 1000 {
		r.fail(n.line, "function call nesting too deep")
	}
	locals := map[string]*awkVar{}
	for i, param := range f.params {
		v := &awkVar{}
		if i < len(n.kids) {
			arg := n.kids[i]
			if arg.op == "var" {
				given := r.lookup(arg.name)
				switch {
				case given.array != nil || given.outer != nil:
					v.outer = given
					v.val = given.val
				case given.val.kind == awkUnset && arg.name != "NF":
					v.outer = given
				default:
					v.val = r.eval(arg)
				}
			} else {
				v.val = r.eval(arg)
			}
		}
		locals[param] = v
	}
	saved := r.locals
	r.locals = locals
	result := awkValue{}
	if flow := r.run(f.body, &result); flow == awkExit || flow == awkNext || flow == awkNextFile {
		panic(awkUnwind(flow))
	}
	r.locals = saved
	r.depth--
	return result
}

// awkUnwind carries exit and next out of a function.
type awkUnwind awkFlow

// run executes a statement; result takes what return gives.
func (r *awkRun) run(n *awkNode, result *awkValue) awkFlow {
	switch n.op {
	case "block":
		for _, k := range n.kids {
			if f := r.run(k, result); f != awkGoOn {
				return f
			}
		}
	case "expr":
		r.eval(n.kids[0])
	case "print", "printf":
		r.print(n)
	case "if":
		if r.eval(n.kids[0]).truth() {
			return r.run(n.kids[1], result)
		}
		if len(n.kids) > 2 {
			return r.run(n.kids[2], result)
		}
	case "while":
		return r.loop(func() bool { return r.eval(n.kids[0]).truth() }, n.kids[1], nil, result)
	case "do":
		first := true
		return r.loop(func() bool {
			if first {
				first = false
				return true
			}
			return r.eval(n.kids[1]).truth()
		}, n.kids[0], nil, result)
	case "for":
		if n.kids[0] != nil {
			r.run(n.kids[0], result)
		}
		return r.loop(func() bool { return n.kids[1] == nil || r.eval(n.kids[1]).truth() }, n.kids[3], n.kids[2], result)
	case "forin":
		array := r.lookup(n.text).asArray()
		for _, key := range array.list() {
			if _, there := array.get(key); !there {
				continue
			}
			r.setVar(n.name, awkOutside(key))
			if f := r.run(n.kids[0], result); f == awkBreak {
				break
			} else if f != awkGoOn && f != awkContinue {
				return f
			}
		}
	case "delete":
		if len(n.kids) == 0 {
			r.lookup(n.name).asArray().clear()
		} else {
			r.lookup(n.name).asArray().remove(r.key(n.kids))
		}
	case "break":
		return awkBreak
	case "continue":
		return awkContinue
	case "next":
		return awkNext
	case "nextfile":
		return awkNextFile
	case "exit":
		if len(n.kids) > 0 {
			r.code = int(r.eval(n.kids[0]).number())
		}
		return awkExit
	case "return":
		if len(n.kids) > 0 {
			*result = r.eval(n.kids[0])
		}
		return awkReturn
	}
	return awkGoOn
}

func (r *awkRun) loop(test func() bool, body, step *awkNode, result *awkValue) awkFlow {
	for test() {
		if r.p.Context.Err() != nil {
			return awkExit
		}
		switch f := r.run(body, result); f {
		case awkBreak:
			return awkGoOn
		case awkGoOn, awkContinue:
		default:
			return f
		}
		if step != nil {
			r.run(step, result)
		}
	}
	return awkGoOn
}

func (r *awkRun) print(n *awkNode) {
	list := n.kids[0].kids
	var text string
	if n.op == "printf" {
		var args []awkValue
		for _, k := range list[1:] {
			args = append(args, r.eval(k))
		}
		text = awkSprintf(r.text(r.eval(list[0])), args, r.vars["CONVFMT"].val.s)
	} else {
		text = r.record
		if len(list) > 0 {
			var parts []string
			for _, k := range list {
				parts = append(parts, r.eval(k).str(r.vars["OFMT"].val.s))
			}
			text = strings.Join(parts, r.text(r.vars["OFS"].val))
		}
		text += r.text(r.vars["ORS"].val)
	}
	if len(n.kids) == 1 {
		_, _ = r.out.WriteString(text)
		return
	}
	r.io.write(n.text, r.text(r.eval(n.kids[1])), text, n.line)
}

// rules runs the program over the current record.
func (r *awkRun) rules() awkFlow {
	for _, rule := range r.prog.rules {
		if !r.applies(rule) {
			continue
		}
		if rule.body == nil {
			_, _ = r.out.WriteString(r.record + r.text(r.vars["ORS"].val))
			continue
		}
		if f := r.protected(rule.body); f == awkNext || f == awkNextFile || f == awkExit {
			return f
		}
	}
	return awkGoOn
}

func (r *awkRun) applies(rule *awkRule) bool {
	switch {
	case rule.from == nil:
		return true
	case rule.to == nil:
		return r.eval(rule.from).truth()
	case !rule.active && !r.eval(rule.from).truth():
		return false
	}
	rule.active = !r.eval(rule.to).truth()
	return true
}

// protected runs an action; exit and next from within functions end here.
func (r *awkRun) protected(body *awkNode) (flow awkFlow) {
	defer func() {
		if got := recover(); got != nil {
			unwound, ok := got.(awkUnwind)
			if !ok {
				panic(got)
			}
			r.locals, r.depth = nil, 0
			flow = awkFlow(unwound)
		}
	}()
	var result awkValue
	return r.run(body, &result)
}

// all runs the whole program.
func (r *awkRun) all() (err error) {
	defer func() {
		if got := recover(); got != nil {
			var ok bool
			if err, ok = got.(error); !ok {
				panic(got)
			}
			var fault *awkError
			if !errors.As(err, &fault) {
				panic(got)
			}
		}
	}()
	for _, body := range r.prog.begin {
		if r.protected(body) == awkExit {
			return nil
		}
	}
	if len(r.prog.rules) > 0 || len(r.prog.end) > 0 {
		r.records() // exit in a rule still runs END
	}
	for _, body := range r.prog.end {
		if r.protected(body) == awkExit {
			break
		}
	}
	return nil
}

func (r *awkRun) records() {
	for r.p.Context.Err() == nil {
		record, ok := r.io.nextRecord()
		if !ok {
			return
		}
		r.setRecord(record)
		switch r.rules() {
		case awkExit:
			return
		case awkNextFile:
			r.io.skipFile()
		}
	}
}

// count raises NR and FNR.
func (r *awkRun) count(names ...string) {
	for _, name := range names {
		v := r.vars[name]
		v.val = awkNumeric(v.val.number() + 1)
	}
}
