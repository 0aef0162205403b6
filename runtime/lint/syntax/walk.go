package syntax

// Walk calls visit for a node and, where that says so, for all below it, in the
// order of the source.
func Walk(n Node, visit func(n Node) bool) {
	if !visit(n) {
		return
	}
	for _, child := range Children(n) {
		Walk(child, visit)
	}
}

// Children are the nodes right below a node, in the order of the source.
func Children(n Node) []Node {
	var c children
	switch n := n.(type) {
	case *Block:
		c.block(n)
	case *Local:
		c.names(n.Names)
		c.exprs(n.Exprs)
	case *Assign:
		c.exprs(n.Targets)
		c.exprs(n.Exprs)
	case *CallStmt:
		c = append(c, n.Call)
	case *Do:
		c.block(n.Body)
	case *While:
		c = append(c, n.Cond)
		c.block(n.Body)
	case *Repeat:
		c.block(n.Body)
		c = append(c, n.Cond)
	case *If:
		for i, cond := range n.Conds {
			c = append(c, cond)
			c.block(n.Then[i])
		}
		c.block(n.Else)
	case *For:
		c.names(n.Names)
		c.exprs(n.Exprs)
		c.block(n.Body)
	case *FunctionStmt:
		c = append(c, n.Target, n.Func)
	case *LocalFunction:
		c = append(c, n.Name, n.Func)
	case *Return:
		c.exprs(n.Exprs)
	default:
		c.below(n)
	}
	return c
}

type children []Node

func (c *children) block(b *Block) {
	if b == nil {
		return
	}
	for _, s := range b.Stmts {
		*c = append(*c, s)
	}
}

func (c *children) exprs(list []Expr) {
	for _, e := range list {
		*c = append(*c, e)
	}
}

func (c *children) names(list []*Name) {
	for _, n := range list {
		*c = append(*c, n)
	}
}

// below adds what an expression is made of.
func (c *children) below(n Node) {
	switch n := n.(type) {
	case *Paren:
		*c = append(*c, n.Inner)
	case *Index:
		*c = append(*c, n.Object, n.Key)
	case *Call:
		*c = append(*c, n.Fn)
		c.exprs(n.Args)
	case *Function:
		c.names(n.Params)
		c.block(n.Body)
	case *Table:
		for _, item := range n.Items {
			if item.Key != nil {
				*c = append(*c, item.Key)
			}
			*c = append(*c, item.Value)
		}
	case *Binary:
		*c = append(*c, n.Left, n.Right)
	case *Unary:
		*c = append(*c, n.Operand)
	}
}
