// Package syntax reads Lua source into a tree whose every node knows its line and
// column. It takes exactly what the parser of the scripts' Lua takes, whose own
// tree knows lines alone; a fuzz target compares the two.
package syntax

// Pos is a place in a source: line and column count from 1, columns in
// characters.
type Pos struct{ Line, Col int }

// Before tells whether the place lies before another.
func (p Pos) Before(q Pos) bool { return p.Line < q.Line || p.Line == q.Line && p.Col < q.Col }

// Node is anything in the tree.
type Node interface{ Start() Pos }

// Start is where the node begins.
func (p Pos) Start() Pos { return p }

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// Start is where the block ends: it may be empty.
func (b *Block) Start() Pos { return b.End }

// Block is a list of statements; End is where the word that closes it stands.
type Block struct {
	Stmts []Stmt
	End   Pos
}

type anExpr struct{ Pos }

func (anExpr) expr() {}

type aStmt struct{ Pos }

func (aStmt) stmt() {}

// The expressions.
type (
	// Nil is nil.
	Nil struct{ anExpr }
	// Bool is true or false.
	Bool struct {
		anExpr
		Value bool
	}
	// Number is a number as it is written.
	Number struct {
		anExpr
		Text string
	}
	// String is a string's value.
	String struct {
		anExpr
		Value string
	}
	// Vararg is the three dots.
	Vararg struct{ anExpr }
	// Name is a variable, where it is used or declared.
	Name struct {
		anExpr
		Name string
	}
	// Paren is an expression in parentheses.
	Paren struct {
		anExpr
		Inner Expr
	}
	// Index is object.key or object[key]; At is where the key stands.
	Index struct {
		anExpr
		Object, Key Expr
		At          Pos
	}
	// Call is fn(args), or object:method(args) with Method set.
	Call struct {
		anExpr
		Fn     Expr // the object, of a method
		Method *Name
		Args   []Expr
		// Open is where the arguments begin, Close where they end.
		Open, Close Pos
		// NewLine: the arguments begin on a line of their own.
		NewLine bool
	}
	// Function is a function's parameters and body.
	Function struct {
		anExpr
		Params []*Name
		Vararg bool
		Body   *Block
	}
	// Table is a table constructor.
	Table struct {
		anExpr
		Items []Item
	}
	// Binary is an operator between two operands; Op is as written.
	Binary struct {
		anExpr
		Op          string
		Left, Right Expr
	}
	// Unary is an operator before its operand.
	Unary struct {
		anExpr
		Op      string
		Operand Expr
	}
)

// Item is one entry of a table: Key is nil in a list, a String where the source
// says name = value.
type Item struct {
	Key, Value Expr
}

// The statements.
type (
	// Local declares variables.
	Local struct {
		aStmt
		Names []*Name
		Exprs []Expr
	}
	// Assign sets variables and fields.
	Assign struct {
		aStmt
		Targets, Exprs []Expr
	}
	// CallStmt calls a function for what it does.
	CallStmt struct {
		aStmt
		Call *Call
	}
	// Do is a block of its own.
	Do struct {
		aStmt
		Body *Block
	}
	// While is a loop that may not begin.
	While struct {
		aStmt
		Cond Expr
		Body *Block
	}
	// Repeat is a loop that sees its body's locals in the condition.
	Repeat struct {
		aStmt
		Body *Block
		Cond Expr
	}
	// If has a condition for each of its blocks but an else.
	If struct {
		aStmt
		Conds []Expr
		Then  []*Block
		Else  *Block
	}
	// For is a loop over numbers, or with In over what an iterator gives.
	For struct {
		aStmt
		Names []*Name
		Exprs []Expr
		In    bool
		Body  *Block
	}
	// FunctionStmt defines a field or a global; a Method has self.
	FunctionStmt struct {
		aStmt
		Target Expr // a Name or an Index
		Method bool
		Func   *Function
	}
	// LocalFunction declares a local that its own body sees.
	LocalFunction struct {
		aStmt
		Name *Name
		Func *Function
	}
	// Return ends a function.
	Return struct {
		aStmt
		Exprs []Expr
	}
	// Break ends a loop.
	Break struct{ aStmt }
	// Goto jumps to a label.
	Goto struct {
		aStmt
		Label string
	}
	// Label is a place to jump to.
	Label struct {
		aStmt
		Name string
	}
)

// Comment is a comment with its text, without the dashes.
type Comment struct {
	Pos
	Text string
	// Alone tells that nothing stands before it on its line.
	Alone bool
}

// Tree is a source that was read.
type Tree struct {
	Body     *Block
	Comments []Comment
}

// Error is a mistake in the syntax.
type Error struct {
	Pos
	Message string
}

func (e *Error) Error() string { return e.Message }
