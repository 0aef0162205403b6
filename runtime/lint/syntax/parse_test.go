package syntax_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"bsdrun/runtime/lint/syntax"
)

// Both trees are written as the same text, so that they can be compared.

func written(v any) string {
	switch n := v.(type) {
	case nil:
		return "-"
	case *syntax.Block:
		if n == nil {
			return "{}"
		}
		return "{" + all(n.Stmts) + "}"
	case *syntax.Local:
		return "local(" + all(n.Names) + "=" + all(n.Exprs) + ")"
	case *syntax.Assign:
		return "set(" + all(n.Targets) + "=" + all(n.Exprs) + ")"
	case *syntax.CallStmt:
		return "do(" + written(n.Call) + ")"
	case *syntax.Do:
		return "block" + written(n.Body)
	case *syntax.While:
		return "while " + written(n.Cond) + written(n.Body)
	case *syntax.Repeat:
		return "repeat" + written(n.Body) + written(n.Cond)
	case *syntax.If:
		rest := written(n.Else)
		for i := len(n.Conds) - 1; i >= 0; i-- {
			text := "if " + written(n.Conds[i]) + written(n.Then[i]) + "else" + rest
			rest = "{" + text + "}"
		}
		return rest[1 : len(rest)-1]
	case *syntax.For:
		return "for " + all(n.Names) + "=" + all(n.Exprs) + written(n.Body)
	case *syntax.FunctionStmt:
		return fmt.Sprintf("function %s %v %s", written(n.Target), n.Method, written(n.Func))
	case *syntax.LocalFunction:
		return "local(" + n.Name.Name + "=" + written(n.Func) + ")"
	case *syntax.Return:
		return "return " + all(n.Exprs)
	case *syntax.Break:
		return "break"
	case *syntax.Goto:
		return "goto " + n.Label
	case *syntax.Label:
		return "::" + n.Name
	default:
		return writtenExpr(v)
	}
}

func writtenExpr(v any) string {
	switch n := v.(type) {
	case *syntax.Nil:
		return "nil"
	case *syntax.Bool:
		return fmt.Sprint(n.Value)
	case *syntax.Number:
		if len(n.Text) > 1 && n.Text[0] == '0' && n.Text[1] >= '0' && n.Text[1] <= '9' {
			return n.Text[1:] // their lexer drops a leading zero
		}
		return n.Text
	case *syntax.String:
		return fmt.Sprintf("%q", n.Value)
	case *syntax.Vararg:
		return "..."
	case *syntax.Name:
		return n.Name
	case *syntax.Paren:
		return written(n.Inner)
	case *syntax.Index:
		return written(n.Object) + "[" + written(n.Key) + "]"
	case *syntax.Call:
		if n.Method != nil {
			return written(n.Fn) + ":" + n.Method.Name + "(" + all(n.Args) + ")"
		}
		return written(n.Fn) + "(" + all(n.Args) + ")"
	case *syntax.Function:
		return fmt.Sprintf("fn(%s %v)%s", all(n.Params), n.Vararg, written(n.Body))
	case *syntax.Table:
		var b strings.Builder
		for _, item := range n.Items {
			if item.Key != nil {
				b.WriteString(written(item.Key) + "=")
			}
			b.WriteString(written(item.Value) + ";")
		}
		return "table(" + b.String() + ")"
	case *syntax.Binary:
		return "(" + written(n.Left) + " " + n.Op + " " + written(n.Right) + ")"
	case *syntax.Unary:
		return "(" + n.Op + " " + written(n.Operand) + ")"
	}
	return fmt.Sprintf("?%T", v)
}

func all[T any](list []T) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = written(e)
	}
	return strings.Join(texts, ",")
}

func theirs(v any) string {
	switch n := v.(type) {
	case nil:
		return "-"
	case []ast.Stmt:
		return "{" + theirAll(n) + "}"
	case *ast.LocalAssignStmt:
		return "local(" + strings.Join(n.Names, ",") + "=" + theirAll(n.Exprs) + ")"
	case *ast.AssignStmt:
		return "set(" + theirAll(n.Lhs) + "=" + theirAll(n.Rhs) + ")"
	case *ast.FuncCallStmt:
		return "do(" + theirs(n.Expr) + ")"
	case *ast.DoBlockStmt:
		return "block" + theirs(n.Stmts)
	case *ast.WhileStmt:
		return "while " + theirs(n.Condition) + theirs(n.Stmts)
	case *ast.RepeatStmt:
		return "repeat" + theirs(n.Stmts) + theirs(n.Condition)
	case *ast.IfStmt:
		return "if " + theirs(n.Condition) + theirs(n.Then) + "else" + theirs(n.Else)
	case *ast.NumberForStmt:
		list := []ast.Expr{n.Init, n.Limit}
		if n.Step != nil {
			list = append(list, n.Step)
		}
		return "for " + n.Name + "=" + theirAll(list) + theirs(n.Stmts)
	case *ast.GenericForStmt:
		return "for " + strings.Join(n.Names, ",") + "=" + theirAll(n.Exprs) + theirs(n.Stmts)
	case *ast.FuncDefStmt:
		if n.Name.Func == nil {
			return fmt.Sprintf("function %s[%q] true %s", theirs(n.Name.Receiver), n.Name.Method, theirs(n.Func))
		}
		return fmt.Sprintf("function %s false %s", theirs(n.Name.Func), theirs(n.Func))
	case *ast.ReturnStmt:
		return "return " + theirAll(n.Exprs)
	case *ast.BreakStmt:
		return "break"
	case *ast.GotoStmt:
		return "goto " + n.Label
	case *ast.LabelStmt:
		return "::" + n.Name
	default:
		return theirExpr(v)
	}
}

func theirExpr(v any) string {
	switch n := v.(type) {
	case *ast.NilExpr:
		return "nil"
	case *ast.TrueExpr:
		return "true"
	case *ast.FalseExpr:
		return "false"
	case *ast.NumberExpr:
		return n.Value
	case *ast.StringExpr:
		return fmt.Sprintf("%q", n.Value)
	case *ast.Comma3Expr:
		return "..."
	case *ast.IdentExpr:
		return n.Value
	case *ast.AttrGetExpr:
		return theirs(n.Object) + "[" + theirs(n.Key) + "]"
	case *ast.FuncCallExpr:
		if n.Func == nil {
			return theirs(n.Receiver) + ":" + n.Method + "(" + theirAll(n.Args) + ")"
		}
		return theirs(n.Func) + "(" + theirAll(n.Args) + ")"
	case *ast.FunctionExpr:
		return fmt.Sprintf("fn(%s %v)%s", strings.Join(n.ParList.Names, ","), n.ParList.HasVargs, theirs(n.Stmts))
	case *ast.TableExpr:
		var b strings.Builder
		for _, f := range n.Fields {
			if f.Key != nil {
				b.WriteString(theirs(f.Key) + "=")
			}
			b.WriteString(theirs(f.Value) + ";")
		}
		return "table(" + b.String() + ")"
	case *ast.LogicalOpExpr:
		return "(" + theirs(n.Lhs) + " " + n.Operator + " " + theirs(n.Rhs) + ")"
	case *ast.RelationalOpExpr:
		return "(" + theirs(n.Lhs) + " " + n.Operator + " " + theirs(n.Rhs) + ")"
	case *ast.ArithmeticOpExpr:
		return "(" + theirs(n.Lhs) + " " + n.Operator + " " + theirs(n.Rhs) + ")"
	case *ast.StringConcatOpExpr:
		return "(" + theirs(n.Lhs) + " .. " + theirs(n.Rhs) + ")"
	case *ast.UnaryMinusOpExpr:
		return "(- " + theirs(n.Expr) + ")"
	case *ast.UnaryNotOpExpr:
		return "(not " + theirs(n.Expr) + ")"
	case *ast.UnaryLenOpExpr:
		return "(# " + theirs(n.Expr) + ")"
	}
	return fmt.Sprintf("?%T", v)
}

func theirAll[T any](list []T) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = theirs(e)
	}
	return strings.Join(texts, ",")
}

// agree compares how a source is read here and by the scripts' Lua.
func agree(t *testing.T, source string) {
	t.Helper()
	tree, err := syntax.Parse(source)
	if err != nil && (strings.HasPrefix(err.Error(), "a number ") || strings.HasPrefix(err.Error(), "nothing stands between")) {
		return // they take 1e, 1y=2 and {1,,}, which no other Lua does
	}
	chunk, theirErr := parse.Parse(strings.NewReader(source), "")
	if (err == nil) != (theirErr == nil) {
		t.Fatalf("%q\nhere: %v\nthere: %v", source, err, theirErr)
	}
	if err == nil {
		if a, b := written(tree.Body), theirs(chunk); a != b {
			t.Errorf("%q\nhere:  %s\nthere: %s", source, a, b)
		}
	}
}

var sources = []string{
	"", ";;", "local x", "local x, y = 1", "x.y.z = 1, 2", "a, b[1].c = f()", "f()", "(f())", "((f)())", "f'x'", `f"x"`, "f{1}", "a.b:c(1)", "a:b'x':c{}",
	"if a then elseif b then x() else y() end", "while true do break end", "repeat local x = 1 until x", "for i = 1, 2 do end", "for i = 1, 2, 3 do end",
	"for k, v in pairs(t) do end", "function f() end", "function a.b.c(x, ...) end", "function a.b:c(x) end", "local function f(...) return ... end",
	"return", "return 1, 2;", "do return end", "goto x ::x::", "x = -2^-3^2", "x = not a == b and c or d", "x = a .. b .. c + 1 * 2 % 3 - 4 / 5", "x = #t < 3",
	"x = {1, 2; a = 3, ['b'] = 4, f(), ...}", "x = {f = 1, f}", "x = 0x1F + 1e3 + .5 + 1.", `x = "a\65\n\"\z"`, "x = [[\na]] .. [==[ ]] ]==]", "-- c\nx = 1 -- d",
	"--[[ long\n ]] x = 1", "f\n(x)", "f()\n(g)()", "break", "x = function() end", "x = 1 y = 2", "local x <const> = 1", "x = ", "x", "1", "x = {", "f(", "end", "if x then", "x = 'a",
	"x = [[", "return x y", "break x", "local function a.b() end", "x = 1 = 2", "(x) = 1", "f() = 1", "x = ~1", "x = 1 ~ 2", "x = 08", "x = 0x", "@", "::a::", "for i = 1 do end", "a.1", "a:b",
	"function f(a,) end", "function f(..., a) end", "x = a ~= b >= c", "x = \"a\\\nb\"", "f{}\n{}", "x = (...)", "goto continue; ::continue::", "x=1--[==[ a ]] ]==]y=2", "return return",
}

func TestParseAgrees(t *testing.T) {
	for _, source := range sources {
		agree(t, source)
	}
	files, _ := filepath.Glob("../../../recipes/*.lua")
	more, _ := filepath.Glob("../../../recipes/*/*.lua")
	if files = append(files, more...); len(files) < 20 {
		t.Fatalf("only %d files", len(files))
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, string(text))
	}
}

func FuzzParse(f *testing.F) {
	for _, source := range sources {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if strings.HasPrefix(source, "#") || strings.ContainsAny(source, "\x00\r\v\f") || deep(source) {
			t.Skip() // the file's first line is cut off there; the others count lines in other ways
		}
		agree(t, source)
	})
}

// deep tells of sources that nest more deeply than is taken here.
func deep(source string) bool { return len(source) > 150 }

func TestPlaces(t *testing.T) {
	tree, err := syntax.Parse("local a = 'ö' .. b -- c\n  h.zpool.status( -- d\n    x)\n")
	if err != nil {
		t.Fatal(err)
	}
	local := tree.Body.Stmts[0].(*syntax.Local)
	call := tree.Body.Stmts[1].(*syntax.CallStmt).Call
	for _, c := range []struct {
		what      string
		node      syntax.Pos
		line, col int
	}{
		{"name", local.Names[0].Pos, 1, 7}, {"operator", local.Exprs[0].Start(), 1, 15}, {"operand", local.Exprs[0].(*syntax.Binary).Right.Start(), 1, 18},
		{"comment", tree.Comments[0].Pos, 1, 20}, {"call", call.Pos, 2, 3}, {"key", call.Fn.(*syntax.Index).At, 2, 11}, {"open", call.Open, 2, 17},
		{"argument", call.Args[0].Start(), 3, 5}, {"close", call.Close, 3, 6}, {"end", tree.Body.End, 4, 1},
	} {
		if c.node != (syntax.Pos{Line: c.line, Col: c.col}) {
			t.Errorf("%s is at %v, want %d:%d", c.what, c.node, c.line, c.col)
		}
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	for source, want := range map[string]string{
		"if x then\n  y()\n":    `3:1 expected "end" to close "if" at line 1, got the end of the file`,
		"local = 1":             `1:7 expected a name, got "="`,
		"f(1, 2":                `1:7 expected ")" to close "(", got the end of the file`,
		"x = 'abc\n":            "1:5 a string that is not closed on its line",
		"x = 1 $":               "1:7 the character '$' is no part of Lua",
		"return 1 x = 2":        "1:10 nothing may stand behind return",
		"h.zpool.status":        "1:1 expected a statement: only a call or an assignment may stand alone",
		"for i = 1 do end":      `1:11 expected ",", got "do"`,
		"x = { a = 1 b = 2 }":   `1:13 expected "}" to close "{", got "b"`,
		"function f(a,) end":    `1:14 expected a name, got ")"`,
		"x = [[a":               "1:5 a long string that is not closed",
		"end":                   `1:1 "end" closes nothing`,
		"h.pkg.install('x)\n":   "1:15 a string that is not closed on its line",
		"local x = h:zpool.foo": `1:18 expected the arguments of zpool, got "."`,
	} {
		_, err := syntax.Parse(source)
		var failed *syntax.Error
		if !errors.As(err, &failed) {
			t.Errorf("%q: %v", source, err)
			continue
		}
		if got := fmt.Sprintf("%d:%d %s", failed.Line, failed.Col, failed); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", source, got, want)
		}
	}
}
