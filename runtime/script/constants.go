package script

import (
	"fmt"
	"reflect"

	"github.com/yuin/gopher-lua/ast"

	"bsdrun/runtime/effect"
)

// The compiler compares each constant of a function with all before it, so that
// the time it takes grows with their square; Lua's own limit of 262,143 would
// take minutes. Data may be more: an inventory of ten thousand hosts, each with
// its address, has twenty thousand.
const (
	maxConstants     = 1 << 14
	maxDataConstants = 1 << 15
)

// checkConstants refuses a chunk that has a function with too many different
// strings, numbers and names.
func checkConstants(chunk []ast.Stmt, name string, limit int) error {
	c := &constants{name: name, limit: limit}
	c.count(chunk)
	return c.err
}

type constants struct {
	name  string
	limit int
	err   error
}

// count counts those of one function; each function in it has its own.
func (c *constants) count(body []ast.Stmt) {
	type number string
	seen := map[any]bool{}
	walk(reflect.ValueOf(body), func(node any) bool {
		if c.err != nil {
			return false
		}
		switch n := node.(type) {
		case *ast.FunctionExpr:
			c.count(n.Stmts)
			return false
		case *ast.StringExpr:
			seen[n.Value] = true
		case *ast.IdentExpr:
			seen[n.Value] = true
		case *ast.FuncCallExpr:
			seen[n.Method] = true
		case *ast.NumberExpr:
			seen[number(n.Value)] = true
		}
		if len(seen) > c.limit {
			c.err = &effect.Error{
				Kind: effect.Script, At: fmt.Sprintf("%s:%d", c.name, node.(ast.PositionHolder).Line()),
				Message: fmt.Sprintf("one function has more than %d different strings, numbers and names", c.limit),
				Hint:    "keep long lists in a file of their own: " + `json.decode(template("names.json")) reads one; or return them from several functions`,
			}
		}
		return true
	})
}
