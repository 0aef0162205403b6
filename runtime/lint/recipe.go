package lint

import (
	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/spelling"
)

// declarations is the table that a recipe returns, as far as it is written down.
func (c *checker) declarations() *syntax.Table {
	if c.o.Kind != Recipe {
		return nil
	}
	final, is := last(c.tree.Body).(*syntax.Return)
	if !is || len(final.Exprs) != 1 {
		return nil
	}
	e := final.Exprs[0]
	if v := c.names.variableOf(e); v != nil && v.constant() && v.value != nil {
		e = v.value
	}
	table, _ := e.(*syntax.Table)
	return table
}

// entry is an item of a table by its name.
func entry(t *syntax.Table, name string) (syntax.Item, bool) {
	if t != nil {
		for _, item := range t.Items {
			if key, is := item.Key.(*syntax.String); is && key.Value == name {
				return item, true
			}
		}
	}
	return syntax.Item{}, false
}

// declaredAt is where the field of a path stands: params.pool.type. What of it is
// not found leads to the table around it.
func (c *checker) declaredAt(path []string) syntax.Pos {
	at := syntax.Pos{Line: 1, Col: 1}
	table := c.declarations()
	if table == nil {
		return at
	}
	at = table.Pos
	for _, name := range path {
		item, found := entry(table, name)
		if !found {
			return at
		}
		at = item.Key.Start()
		table, _ = item.Value.(*syntax.Table)
	}
	return at
}

// params are the declared parameters with their places; nil when they are not
// written down in one table.
func (c *checker) params() map[string]syntax.Pos {
	item, found := entry(c.declarations(), "params")
	table, is := item.Value.(*syntax.Table)
	if !found || !is {
		return nil
	}
	known := map[string]syntax.Pos{}
	for _, param := range table.Items {
		key, named := param.Key.(*syntax.String)
		if !named {
			return nil
		}
		known[key.Value] = key.Pos
	}
	return known
}

// checkParameter reports p.NAME where the recipe declares no such parameter.
func (c *checker) checkParameter(at syntax.Pos, name string) {
	known := c.params()
	if known == nil {
		return
	}
	if _, declared := known[name]; declared {
		return
	}
	var names []string
	for name := range known {
		names = append(names, name)
	}
	c.report(at, ruleParameter, "the recipe declares no parameter %q%s", name, spelling.Guess(name, names))
}

// checkRecipe reports parameters that nothing reads. Where p goes to a function of
// another file, that may read any.
func (c *checker) checkRecipe() {
	known := c.params()
	read := map[string]bool{}
	all := false
	used := map[*syntax.Name]bool{}
	syntax.Walk(c.tree.Body, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Index:
			if t := c.typeOf(n.Object); t != nil && t.params {
				if key, is := n.Key.(*syntax.String); is {
					read[key.Value] = true
				} else {
					all = true
				}
				if name, is := n.Object.(*syntax.Name); is {
					used[name] = true
				}
			}
		case *syntax.Call:
			if fn := c.typeOf(n.Fn); fn != nil && fn.own != nil && n.Method == nil {
				c.passParams(n, fn.own, used)
			}
		}
		return true
	})
	for _, v := range c.names.all {
		if t := c.typeOfVariable(v); t == nil || !t.params {
			continue
		}
		for _, name := range v.reads {
			all = all || !used[name]
		}
	}
	if all {
		return
	}
	for name, at := range known {
		if !read[name] {
			c.report(at, ruleParameter, "nothing reads the parameter %q", name)
		}
	}
}

// passParams notes that p goes to a function of this file, as its p.
func (c *checker) passParams(e *syntax.Call, own *syntax.Function, used map[*syntax.Name]bool) {
	for i, arg := range e.Args {
		name, is := arg.(*syntax.Name)
		if is && i < len(own.Params) && own.Params[i].Name == "p" {
			used[name] = true
		}
	}
}
