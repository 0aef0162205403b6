package file

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

var (
	hashA = strings.Repeat("a", 64)
	hashB = strings.Repeat("b", 64)
)

// Odd names are told apart from records: a line end, a bar, what looks like a
// record's end.
func TestParseTree(t *testing.T) {
	list := map[string]string{
		"stat(1) of FreeBSD": "uid 0\nhas gzip\n//40755|root|wheel|512|.//\n//104755|root|wheel|7|./a b|c//\n//120755|www|www|4|./l//a//b\n" +
			"//140700|root|1001|0|./s//\n//100644|root|wheel|3|./li\nne//\n//hashes\n" + hashA + " ./a b|c\n" + hashB + " ./gone since\n",
		"find(1) of GNU": "uid 0\nhas gzip\n//d755|root|wheel|512|.//\n//f4755|root|wheel|7|./a b|c//\n//l777|www|www|4|./l//a//b\n" +
			"//s700|root|1001|0|./s//\n//f644|root|wheel|3|./li\nne//\n//hashes\n" + hashA + "  ./a b|c\n" + `\` + hashB + `  ./li\nne` + "\n",
	}
	for name, out := range list {
		want := entries{
			".":      {kind: "directory", mode: 0o755, owner: "root", group: "wheel"},
			"a b|c":  {kind: "file", mode: 0o4755, owner: "root", group: "wheel", size: 7, sum: hashA},
			"l":      {kind: "link", owner: "www", group: "www", target: "a//b"},
			"s":      {kind: "special", mode: 0o700, owner: "root", group: "1001"},
			"li\nne": {kind: "file", mode: 0o644, owner: "root", group: "wheel", size: 3},
		}
		if strings.Contains(out, `\n`) {
			odd := want["li\nne"]
			odd.sum = hashB
			want["li\nne"] = odd
		}
		tree := hostTree{path: "/x"}
		got, err := tree.parse([]byte(out))
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
		if !tree.root || len(tree.tools) != 1 {
			t.Errorf("%s: %+v", name, tree)
		}
	}
	for _, out := range []string{"//100644|a|b|1|./x//\n//100644|a|b|2|./x//\n", "//100644|a|b|1|/x//\n", "//100644|a|b|-|./x//\n", "//f|a|b|1|./x//", "//x\n"} {
		if got, err := (&hostTree{}).parse([]byte("uid 1\n" + out)); effect.KindOf(err) != effect.Failed {
			t.Errorf("%q: %v %v", out, got, err)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add("uid 0\n//100644|a|b|1|./x//\n//hashes\n" + hashA + " ./x\n")
	f.Add("uid 0\n//l777|a|b|1|./x//y\n")
	f.Fuzz(func(t *testing.T, out string) {
		all, err := (&hostTree{}).parse([]byte(out))
		if err != nil {
			return
		}
		for name, e := range all {
			if e.kind == "link" && e.mode != 0 || e.kind != "file" && (e.size != 0 || e.sum != "") || name == "" {
				t.Errorf("%q: %+v", name, e)
			}
		}
	})
}
