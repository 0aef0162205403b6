package base

import (
	"math/rand/v2"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// expression makes a random expression over a small alphabet.
func expression(r *rand.Rand, extended bool, depth int) string {
	group := [2]string{`\(`, `\)`}
	repeats := []string{"*", `\{1,2\}`, `\{0,1\}`, `\{2\}`}
	or := `\|`
	if extended {
		group, repeats, or = [2]string{"(", ")"}, []string{"*", "+", "?", "{1,2}", "{2}"}, "|"
	}
	var b strings.Builder
	for range 1 + r.IntN(3) {
		atom := []string{"a", "b", "c", ".", "[ab]", "[^a]"}[r.IntN(6)]
		if depth > 0 && r.IntN(4) == 0 {
			atom = group[0] + expression(r, extended, depth-1) + group[1]
		}
		b.WriteString(atom)
		if r.IntN(3) == 0 {
			b.WriteString(repeats[r.IntN(len(repeats))])
		}
	}
	if depth > 0 && r.IntN(8) == 0 {
		b.WriteString(or + expression(r, extended, depth-1))
	}
	text := b.String()
	if r.IntN(10) == 0 {
		text = "^" + text
	}
	if r.IntN(10) == 0 {
		text += "$"
	}
	return text
}

// Random expressions match as a POSIX sed's do: the longest of the leftmost.
func TestExpressionsAgreeWithRealSed(t *testing.T) {
	sed, err := exec.LookPath("sed")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no GNU sed here")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		extended := r.IntN(2) == 0
		pattern := expression(r, extended, 2)
		var text strings.Builder
		for range 1 + r.IntN(10) {
			text.WriteByte("abcab"[r.IntN(5)])
		}
		script := "s/" + pattern + "/<&>/g"
		args := []string{script}
		if extended {
			args = []string{"-E", script}
		}
		c := exec.Command(sed, args...)
		c.Stdin = strings.NewReader(text.String() + "\n")
		want, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		list, err := parseSed(script, "x", extended)
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		if got, _ := list[0].subst.run(list[0].subst.re, text.String()); got+"\n" != string(want) {
			t.Errorf("%s (extended: %t) on %s: got %s, want %s", script, extended, text.String(), got, want)
		}
	}
}

func TestExpressionErrors(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		extended bool
		want     error
	}{
		{"(", true, errParen}, {")", true, errParen}, {`\(`, false, errParen}, {`a\)`, false, errParen}, {"[a", false, errBrack},
		{"[b-a]", false, errRange}, {"[[:nosuch:]]", false, errCType}, {`a\`, false, errEscape}, {"*a", true, errRepeat}, {"a|*b", true, errRepeat},
		{"a{2,1}", true, errBadBr}, {"a{256}", true, errBadBr}, {`a\{1`, false, errBrace}, {`\(a\)\2`, false, errSubReg}, {`\d`, true, errEscape},
		{"[[.nosuch.]]", false, errCollate},
	} {
		if _, err := compileRegexp(c.pattern, c.extended, false); err != c.want { //nolint:errorlint // the values themselves are returned
			t.Errorf("%q (extended: %t): %v, want %v", c.pattern, c.extended, err, c.want)
		}
	}
}

func TestBackReferencesAndWordEdges(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		extended bool
		text     string
		want     string // the match; "-" for none
	}{
		{`\(ab*\)\1`, false, "xabbabby", "abbabb"}, {`(a|ab)(c|bcd)\2`, true, "abcdbcd", "abcdbcd"}, {`\(.\)\1`, false, "abc", "-"},
		{`\<foo\>`, false, "food foo", "foo"}, {`[[:<:]]o`, false, "foo o", "o"}, {`o[[:>:]]`, true, "ox foo", "o"},
		{`^\(.*\),\1$`, false, "a b,a b", "a b,a b"}, {`\<`, false, "   ", "-"}, {`(x)\1*`, true, "xxxy", "xxx"},
		{`\(a\)\(b\)\2\1`, false, "abba", "abba"}, {`(a*)b\1`, true, "aabaa", "aabaa"},
	} {
		re, err := compileRegexp(c.pattern, c.extended, false)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		got := "-"
		if m := re.first(c.text); m != nil {
			got = c.text[m[0]:m[1]]
		}
		if got != c.want {
			t.Errorf("%q on %q: %q, want %q", c.pattern, c.text, got, c.want)
		}
	}
}
