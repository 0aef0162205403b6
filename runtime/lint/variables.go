package lint

import (
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/script"
	"bsdrun/runtime/spelling"
)

// checkGlobals looks at the names that are no locals.
func (c *checker) checkGlobals() {
	set := map[string]bool{}
	for _, name := range c.names.sets {
		set[name.Name] = true
		c.hint(name.Pos, ruleGlobal, "write local before it, or in front of its first use", "%s is set as a global variable", name.Name)
	}
	known := c.globalNames()
	for _, name := range c.names.reads {
		if set[name.Name] || slices.Contains(known, name.Name) {
			continue
		}
		c.hint(name.Pos, ruleUndefined, c.instead(name.Name), "%s is not defined%s", name.Name, c.meant(name.Name, known))
	}
}

func (c *checker) meant(name string, known []string) string {
	if c.instead(name) != "" {
		return ""
	}
	return spelling.Guess(name, known)
}

// instead says where to turn; h and p have another place in each kind of file.
func (c *checker) instead(name string) string {
	if (name == "h" || name == "p") && c.o.Kind != Recipe {
		return map[Kind]string{Library: "functions get it from who calls them", Test: "rehearse.machine gives a host"}[c.o.Kind]
	}
	if name == "fleet" {
		return ""
	}
	return script.Instead(name)
}

func (c *checker) globalNames() []string {
	var known []string
	for name := range c.vocabulary {
		known = append(known, name)
	}
	for i := range c.o.Modules {
		if c.o.Modules[i].Global {
			known = append(known, c.o.Modules[i].Name)
		}
	}
	if c.o.Kind == Script {
		known = append(known, "h", "p")
	}
	return known
}

// checkVariables looks at locals: who reads them, and what they hide.
func (c *checker) checkVariables() {
	for _, v := range c.names.all {
		c.checkUnused(v)
		c.checkShadow(v)
	}
}

func (c *checker) checkUnused(v *variable) {
	name := v.decl.Name
	if v.kind == parameter || strings.HasPrefix(name, "_") || len(v.reads) > 0 && !c.onlyItself(v) {
		return
	}
	if v.kind == plainLocal && c.behindUnused(v) {
		return
	}
	switch {
	case len(v.sets) > 0:
		c.report(v.decl.Pos, ruleUnused, "%s is set but never read", name)
	case v.kind == localFunction:
		c.report(v.decl.Pos, ruleUnused, "the function %s is never called", name)
	case v.kind == loopVariable:
		c.hint(v.decl.Pos, ruleUnused, "_ is a name for what nobody reads", "the loop's %s is never read", name)
	default:
		c.report(v.decl.Pos, ruleUnused, "%s is never read", name)
	}
}

// onlyItself tells of a function that nobody but itself calls.
func (c *checker) onlyItself(v *variable) bool {
	if v.kind != localFunction {
		return false
	}
	own := v.value.(*syntax.Function)
	for _, read := range v.reads {
		inside := false
		for fn := c.names.within[read]; fn != nil; fn = c.names.outer[fn] {
			inside = inside || fn == own
		}
		if !inside {
			return false
		}
	}
	return true
}

// behindUnused tells that one that is declared later by the same statement is
// read: local ok, value = pcall(...).
func (c *checker) behindUnused(v *variable) bool {
	i := slices.Index(v.group, v)
	return slices.ContainsFunc(v.group[i+1:], func(later *variable) bool { return len(later.reads) > 0 })
}

// checkShadow reports what a local hides, where that is probably a mistake.
func (c *checker) checkShadow(v *variable) {
	name := v.decl.Name
	if strings.HasPrefix(name, "_") {
		return
	}
	hidden := c.names.hides[v]
	switch {
	case hidden == nil:
		c.checkBuiltin(v)
	case (name == "h" || name == "p") && v.kind == loopVariable:
		c.report(v.decl.Pos, ruleShadow, "the loop's %s hides the recipe's, which is at line %d", name, hidden.decl.Line)
	case hidden.scope == v.scope && v.kind != parameter && hidden.fn == v.fn:
		c.report(v.decl.Pos, ruleShadow, "%s is declared again; the one of line %d is hidden from here on", name, hidden.decl.Line)
	case v.kind == plainLocal && hidden.kind == plainLocal && hidden.value == nil && alone(hidden) && len(hidden.sets) == 0 && len(hidden.reads) > 0:
		c.hint(v.decl.Pos, ruleShadow, "without local it sets the outer one", "this %s hides the one of line %d, which stays nil", name, hidden.decl.Line)
	}
}

// alone tells of a local that was declared without a value: none of its group has
// one.
func alone(v *variable) bool {
	return !slices.ContainsFunc(v.group, func(other *variable) bool { return other.value != nil })
}

// checkBuiltin reports a local with the name of what every script has, if it is
// used as if it were that: table.insert(...) of a local table.
func (c *checker) checkBuiltin(v *variable) {
	if v.kind == localFunction || c.typeOfVariable(v) != nil && c.typeOfVariable(v).own != nil {
		return
	}
	name := v.decl.Name
	if _, builtin := c.vocabulary[name]; !builtin && !slices.ContainsFunc(c.o.Modules, func(m binding.Module) bool { return m.Global && m.Name == name }) {
		return
	}
	meant := c.typeOfGlobal(name)
	syntax.Walk(c.tree.Body, func(n syntax.Node) bool {
		var used syntax.Expr
		switch n := n.(type) {
		case *syntax.Call:
			if meant != nil && (meant.global != nil || meant.builtin != "") {
				used = n.Fn
			}
		case *syntax.Index:
			if key, is := n.Key.(*syntax.String); is && meant != nil {
				if found, _ := c.field(meant, key.Value); found != nil {
					used = n.Object
				}
			}
		}
		if used != nil && c.names.variableOf(used) == v {
			c.report(used.Start(), ruleShadow, "this is the local %s of line %d, not what every script has by this name", name, v.decl.Line)
		}
		return true
	})
}
