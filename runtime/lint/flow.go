package lint

import "bsdrun/runtime/lint/syntax"

// checkFlow reports the first statement behind one that never lets it be come to.
func (c *checker) checkFlow(b *syntax.Block) {
	for i, s := range b.Stmts {
		for _, inner := range blocks(s) {
			c.checkFlow(inner)
		}
		if i+1 < len(b.Stmts) && c.leaves(s) && !hasLabel(b.Stmts[i+1:]) {
			c.report(b.Stmts[i+1].Start(), ruleUnreachable, "this is never come to: line %d leaves before", s.Start().Line)
			return
		}
	}
}

// blocks are those within a statement, those of functions in it included.
func blocks(s syntax.Stmt) []*syntax.Block {
	var all []*syntax.Block
	switch s := s.(type) {
	case *syntax.Do:
		all = append(all, s.Body)
	case *syntax.While:
		all = append(all, s.Body)
	case *syntax.Repeat:
		all = append(all, s.Body)
	case *syntax.If:
		all = append(all, s.Then...)
		if s.Else != nil {
			all = append(all, s.Else)
		}
	case *syntax.For:
		all = append(all, s.Body)
	}
	syntax.Walk(s, func(n syntax.Node) bool {
		if f, is := n.(*syntax.Function); is {
			all = append(all, f.Body)
			return false // what is in there is looked at from there
		}
		_, nested := n.(syntax.Stmt)
		return !nested || n == syntax.Node(s)
	})
	return all
}

func hasLabel(list []syntax.Stmt) bool {
	for _, s := range list {
		if _, is := s.(*syntax.Label); is {
			return true
		}
	}
	return false
}

// leaves tells whether nothing behind a statement is come to.
func (c *checker) leaves(s syntax.Stmt) bool {
	switch s := s.(type) {
	case *syntax.Return, *syntax.Break, *syntax.Goto:
		return true
	case *syntax.Do:
		return c.blockLeaves(s.Body)
	case *syntax.While:
		forever, is := s.Cond.(*syntax.Bool)
		return is && forever.Value && !breaks(s.Body)
	case *syntax.If:
		for _, then := range s.Then {
			if !c.blockLeaves(then) {
				return false
			}
		}
		return s.Else != nil && c.blockLeaves(s.Else)
	case *syntax.CallStmt:
		name, is := s.Call.Fn.(*syntax.Name)
		return is && s.Call.Method == nil && c.names.of[name] == nil && (name.Name == "fail" || name.Name == "error" || name.Name == "skip")
	}
	return false
}

func (c *checker) blockLeaves(b *syntax.Block) bool {
	for _, s := range b.Stmts {
		if c.leaves(s) {
			return true
		}
	}
	return false
}

// breaks tells whether a loop's body leaves the loop, or jumps somewhere.
func breaks(b *syntax.Block) bool {
	found := false
	for _, s := range b.Stmts {
		syntax.Walk(s, func(n syntax.Node) bool {
			switch n.(type) {
			case *syntax.Break, *syntax.Goto:
				found = true
			case *syntax.While, *syntax.Repeat, *syntax.For, *syntax.Function:
				found = found || jumps(n)
				return false
			}
			return true
		})
	}
	return found
}

// jumps tells of a goto somewhere within: it may lead out of the outer loop.
func jumps(n syntax.Node) bool {
	found := false
	syntax.Walk(n, func(n syntax.Node) bool {
		if _, is := n.(*syntax.Goto); is {
			found = true
		}
		return true
	})
	return found
}
