package lint

import (
	"fmt"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/script"
	"bsdrun/runtime/spelling"
)

// checkCall looks at a call: its function, and whether the arguments fit.
func (c *checker) checkCall(e *syntax.Call) {
	if e.NewLine {
		c.hint(e.Open, ruleAmbiguous, "a semicolon in front of the parenthesis makes it a statement of its own", "these are arguments of the line above")
	}
	if e.Method != nil {
		if t := c.typeOf(e.Fn); t != nil {
			if t.params {
				c.checkParameter(e.Method.Pos, e.Method.Name)
			} else {
				c.reportField(e.Method.Pos, e.Fn, t, e.Method.Name)
			}
		}
	}
	fn := c.callee(e)
	if fn == nil {
		return
	}
	c.checkArguments(fn, &call{at: e.Open, args: c.ownArguments(e, fn)})
	c.checkFiles(fn, e)
}

// call is a call's arguments, less the receiver.
type call struct {
	at   syntax.Pos
	args []syntax.Expr
}

// open tells that the last argument may be any number of values.
func (k *call) open() bool {
	if len(k.args) == 0 {
		return false
	}
	switch k.args[len(k.args)-1].(type) {
	case *syntax.Vararg, *syntax.Call:
		return true
	}
	return false
}

// ownArguments drops a receiver that is written down: h.run(h, ...). A string's
// method has the string as its first argument.
func (c *checker) ownArguments(e *syntax.Call, fn *typ) []syntax.Expr {
	if e.Method != nil && (fn.builtin != "" || fn.own != nil) {
		return append([]syntax.Expr{e.Fn}, e.Args...)
	}
	if fn.function == nil {
		return e.Args
	}
	return withoutReceiver(e.Fn, e.Args)
}

// withoutReceiver drops the first argument where the function is a field of it.
func withoutReceiver(fn syntax.Expr, args []syntax.Expr) []syntax.Expr {
	index, is := fn.(*syntax.Index)
	if !is || len(args) == 0 {
		return args
	}
	object, named := index.Object.(*syntax.Name)
	first, same := args[0].(*syntax.Name)
	if named && same && object.Name == first.Name {
		return args[1:]
	}
	return args
}

func (c *checker) checkArguments(fn *typ, k *call) {
	switch {
	case fn.function != nil:
		c.checkBinding(fn.function, k)
	case fn.global != nil:
		c.checkGlobal(fn.global, k)
	case fn.builtin != "":
		c.checkBuiltinCall(fn.builtin, k)
	case fn.own != nil:
		if extra := len(k.args) - len(fn.own.Params); extra > 0 && !fn.own.Vararg {
			c.report(k.args[len(fn.own.Params)].Start(), ruleArgument, "this function takes %s, got %d", count(len(fn.own.Params), "argument"), len(k.args))
		}
	case fn.basic != "" || fn.value != nil || fn.host:
		c.report(k.at, ruleArgument, "%s cannot be called", c.words(fn))
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// checkBuiltinCall checks the number of arguments of one of Lua's own functions,
// and what pcall is to call.
func (c *checker) checkBuiltinCall(name string, k *call) {
	bounds := arities[name]
	switch {
	case len(k.args) < bounds[0] && !k.open():
		c.report(k.at, ruleArgument, "%s takes at least %s, got %d", name, count(bounds[0], "argument"), len(k.args))
	case bounds[1] >= 0 && len(k.args) > bounds[1]:
		c.report(k.args[bounds[1]].Start(), ruleArgument, "%s takes at most %s, got %d", name, count(bounds[1], "argument"), len(k.args))
	case name == "string.format":
		c.checkFormat(k)
	case name == "pcall":
		if fn := c.typeOf(k.args[0]); fn != nil && (fn.function != nil || fn.own != nil) {
			c.checkArguments(fn, &call{k.at, withoutReceiver(k.args[0], k.args[1:])})
		}
	}
}

// checkFormat counts what a format asks for.
func (c *checker) checkFormat(k *call) {
	first := k.args[0]
	if paren, is := first.(*syntax.Paren); is { // ("%s"):format(...)
		first = paren.Inner
	}
	format, is := first.(*syntax.String)
	if !is {
		return
	}
	wants, bad := verbs(format.Value)
	switch given := len(k.args) - 1; {
	case bad != "":
		c.report(format.Pos, ruleFormat, "the format has %q, which means nothing", bad)
	case given > wants:
		c.report(k.args[1+wants].Start(), ruleFormat, "the format asks for %s, got %d", count(wants, "value"), given)
	case given < wants && !k.open():
		c.report(format.Pos, ruleFormat, "the format asks for %s, got %d", count(wants, "value"), given)
	}
}

// verbs counts the values that a format asks for.
func verbs(format string) (n int, bad string) {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		from := i
		for i++; i < len(format) && strings.IndexByte("-+ #0123456789.", format[i]) >= 0; i++ {
		}
		switch {
		case i == len(format):
			return n, format[from:]
		case format[i] == '%':
		case strings.IndexByte("cdiouxXeEfgGqs", format[i]) < 0:
			return n, format[from : i+1]
		default:
			n++
		}
	}
	return n, ""
}

// checkFiles reports files that a script would load and that are not there.
func (c *checker) checkFiles(fn *typ, e *syntax.Call) {
	if c.o.Exists == nil || fn.global == nil || len(e.Args) == 0 {
		return
	}
	name, is := e.Args[0].(*syntax.String)
	if !is {
		return
	}
	switch fn.global.Name {
	case "require":
		file := strings.ReplaceAll(strings.TrimSuffix(name.Value, ".lua"), ".", "/") + ".lua"
		if !c.o.Exists(file) {
			c.hint(name.Pos, ruleFile, "looked beside the recipe and in its lib/", "there is no file %s", file)
		}
	case "local_file":
		if len(e.Args) == 1 && !strings.HasPrefix(name.Value, "/") && !c.o.Exists(name.Value) {
			c.hint(name.Pos, ruleFile, "looked beside the recipe and in its lib/", "there is no file %s", name.Value)
		}
	}
}

// checkBinding checks a call of a module's function by its declaration.
func (c *checker) checkBinding(e *binding.Entry, k *call) {
	params := e.Params()
	places := 0
	for places < len(params) && params[places].Positional {
		places++
	}
	args, options := k.args, (*syntax.Table)(nil)
	if last := len(args) - 1; last >= 0 {
		if table, is := args[last].(*syntax.Table); is && (last >= places || leavesToOptions(&params[last], table)) {
			options, args = table, args[:last]
		}
	}
	name := e.Name()
	if len(args) > places {
		// A variable behind the arguments may be the table of options.
		if basic := c.basicOf(args[places]); len(args) > places+1 || len(params) == places || basic != "" && basic != "table" {
			c.hint(args[places].Start(), ruleArgument, e.Usage(), "%s takes %s", name, takes(places, len(params) > places))
			return
		}
		args = args[:places]
	}
	given := map[string]bool{}
	for i, arg := range args {
		given[params[i].Name] = true
		if problem := c.misfit(&params[i], arg); problem != "" {
			c.report(arg.Start(), ruleArgument, "%s: %s: %s", name, params[i].Name, problem)
		}
	}
	whole := !k.open() && (options != nil || len(args) == len(k.args))
	if options != nil {
		whole = c.checkNamed(name, "option", params, options, given)
	}
	for i := range params {
		if p := &params[i]; p.Required && !given[p.Name] && whole {
			c.hint(k.at, ruleArgument, e.Usage(), "%s: %s is missing, %s", name, p.Name, p.Type)
			return
		}
	}
}

func takes(places int, options bool) string {
	switch {
	case places == 0 && !options:
		return "no arguments"
	case options:
		return count(places, "argument") + " and a table of options"
	default:
		return count(places, "argument")
	}
}

// leavesToOptions tells whether a table in a parameter's place is the options.
func leavesToOptions(p *binding.Param, t *syntax.Table) bool {
	named, listed := false, false
	for _, item := range t.Items {
		named = named || item.Key != nil
		listed = listed || item.Key == nil
	}
	switch p.Type.Shape {
	case binding.List:
		return named && !listed
	case binding.Any:
		return named && !listed && !p.Required
	case binding.Map, binding.Record:
		return false
	}
	return true
}

// checkNamed checks a table of names, and tells whether all its names are known.
func (c *checker) checkNamed(where, noun string, params []binding.Param, t *syntax.Table, given map[string]bool) bool {
	whole := true
	known := make([]string, len(params))
	for i := range params {
		known[i] = params[i].Name
	}
	for _, item := range t.Items {
		key, is := item.Key.(*syntax.String)
		if item.Key == nil {
			c.report(item.Value.Start(), ruleArgument, "%s: %ss are given by name", where, noun)
			continue
		}
		if !is {
			whole = false
			continue
		}
		i := indexOf(known, key.Value)
		if i < 0 {
			hint := ""
			if spelling.Guess(key.Value, known) == "" && len(known) > 0 {
				hint = "known are " + strings.Join(known, ", ")
			}
			c.hint(key.Pos, ruleArgument, hint, "%s: unknown %s %q%s", where, noun, key.Value, spelling.Guess(key.Value, known))
			continue
		}
		if given[key.Value] && params[i].Positional {
			c.report(key.Pos, ruleArgument, "%s: %s is given twice, by place and by name", where, key.Value)
		}
		given[key.Value] = true
		if problem := c.misfit(&params[i], item.Value); problem != "" {
			c.report(item.Value.Start(), ruleArgument, "%s: %s: %s", where, key.Value, problem)
		}
	}
	return whole
}

func indexOf(list []string, word string) int {
	for i, candidate := range list {
		if candidate == word {
			return i
		}
	}
	return -1
}

// checkGlobal checks a call of one of the functions of every script.
func (c *checker) checkGlobal(g *script.Global, k *call) {
	if g.Type != "" {
		c.report(k.at, ruleArgument, "%s is a value, not a function", g.Name)
		return
	}
	takesFormat := g.Name == "fail" || g.Name == "log" || g.Name == "skip"
	if takesFormat && len(k.args) == 1 && g.Name != "fail" {
		return // any value, shown as it is
	}
	params := globalParams(g)
	problem, at := c.align(g, params, k)
	if problem != "" {
		c.hint(at, ruleArgument, g.Usage, "%s", problem)
		return
	}
	if takesFormat && len(k.args) > 1 {
		c.checkFormat(k)
	}
}
