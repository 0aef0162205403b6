package lint

import (
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lint/syntax"
)

// checkSteps reports what a resumed run would get wrong: changes outside of steps,
// and steps that set locals outside of themselves.
func (c *checker) checkSteps() {
	if c.o.Kind != Recipe {
		return
	}
	bodies := c.stepBodies()
	c.checkStepSets(bodies)
	c.checkUnrecorded(bodies)
}

// stepBodies are the functions that are given to step().
func (c *checker) stepBodies() map[*syntax.Function]bool {
	bodies := map[*syntax.Function]bool{}
	syntax.Walk(c.tree.Body, func(n syntax.Node) bool {
		call, is := n.(*syntax.Call)
		if !is || len(call.Args) == 0 {
			return true
		}
		if fn := c.callee(call); fn != nil && fn.global != nil && fn.global.Name == "step" {
			if t := c.typeOf(call.Args[len(call.Args)-1]); t != nil && t.own != nil {
				bodies[t.own] = true
			}
		}
		return true
	})
	return bodies
}

// stepAround is the step that a function is written in; nil: none.
func (c *checker) stepAround(fn *syntax.Function, bodies map[*syntax.Function]bool) *syntax.Function {
	for ; fn != nil; fn = c.names.outer[fn] {
		if bodies[fn] {
			return fn
		}
	}
	return nil
}

func (c *checker) checkStepSets(bodies map[*syntax.Function]bool) {
	for _, v := range c.names.all {
		for _, set := range v.sets {
			step := c.stepAround(c.names.within[set], bodies)
			if step == nil || c.isWithin(v.fn, step) {
				continue
			}
			c.hint(set.Pos, ruleStep, "a resumed run does not run a step that has ended: return the value from the step instead",
				"the step sets %s, which is outside of it", v.decl.Name)
		}
	}
}

func (c *checker) isWithin(fn, outer *syntax.Function) bool {
	for ; fn != nil; fn = c.names.outer[fn] {
		if fn == outer {
			return true
		}
	}
	return false
}

// checkUnrecorded reports the changes that run and undo come to outside of any step,
// directly or by a function of the file.
func (c *checker) checkUnrecorded(bodies map[*syntax.Function]bool) {
	seen := map[*syntax.Function]bool{}
	var visit func(fn *syntax.Function)
	visit = func(fn *syntax.Function) {
		if seen[fn] || bodies[fn] {
			return
		}
		seen[fn] = true
		for _, s := range fn.Body.Stmts {
			syntax.Walk(s, func(n syntax.Node) bool {
				if inner, is := n.(*syntax.Function); is && bodies[inner] {
					return false
				}
				call, is := n.(*syntax.Call)
				if !is {
					return true
				}
				called := c.callee(call)
				switch {
				case called == nil:
				case called.own != nil:
					visit(called.own)
				case called.function != nil && called.function.Func.Kind == effect.Change:
					c.hint(call.Pos, ruleStep, "a resumed run makes it again: step(name, function() ... end) remembers it",
						"%s changes the host outside of any step", called.function.Name())
				}
				return true
			})
		}
	}
	for _, name := range []string{"run", "undo"} {
		if fn := c.recipeFunction(name); fn != nil {
			visit(fn)
		}
	}
}

// recipeFunction is the recipe's function of that name: run, or undo.
func (c *checker) recipeFunction(name string) *syntax.Function {
	if item, found := entry(c.declarations(), name); found {
		if t := c.typeOf(item.Value); t != nil {
			return t.own
		}
	}
	for _, s := range c.tree.Body.Stmts {
		if def, is := s.(*syntax.FunctionStmt); is {
			index, field := def.Target.(*syntax.Index)
			if field && index.Key.(*syntax.String).Value == name {
				return def.Func
			}
		}
	}
	return nil
}
