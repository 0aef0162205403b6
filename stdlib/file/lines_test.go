package file

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func re(expr string) *regexp.Regexp {
	if expr == "" {
		return nil
	}
	return regexp.MustCompile("(?m)" + expr)
}

func TestEnsureLines(t *testing.T) {
	for name, c := range map[string]struct{ src, lines, match, after, before, want, fails string }{
		"appended":             {"a\n", "b|c", "", "", "", "a\nb\nc\n", ""},
		"there already":        {"a\nb\nc", "b", "", "", "", "a\nb\nc", ""},
		"no last line end":     {"a", "b", "", "", "", "a\nb\n", ""},
		"empty file":           {"", "b", "", "", "", "b\n", ""},
		"after the last match": {"x1\nx2\ny\n", "n", "", "^x", "", "x1\nx2\nn\ny\n", ""},
		"before the first":     {"x\ny1\ny2\n", "n", "", "", "^y", "x\nn\ny1\ny2\n", ""},
		"order is kept":        {"a\nd\n", "b|c", "", "^a", "", "a\nb\nc\nd\n", ""},
		"last match replaced":  {"k=1\nz\nk=2\n", "k=3", "^k=", "", "", "k=1\nz\nk=3\n", ""},
		"present beats match":  {"k=3\n#k=9\n", "k=3", "^#?k=", "", "", "k=3\n#k=9\n", ""},
		"match without a hit":  {"z\n", "k=3", "^k=", "", "", "z\nk=3\n", ""},
		"carriage returns":     {"a\r\nb\r\n", "c|a", "", "^a", "", "a\r\nc\r\nb\r\n", ""},
		"no anchor":            {"a\n", "b", "", "^nosuch", "", "", "no line matches after"},
		"two lines in one":     {"a\n", "b\nc", "", "", "", "", "more than one line"},
		"blank line":           {"a\n", "", "", "", "", "a\n\n", ""},
	} {
		got, err := EnsureLines([]byte(c.src), strings.Split(c.lines, "|"), re(c.match), Anchor{re(c.after), re(c.before)})
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestEnsureBlock(t *testing.T) {
	const begin, end = "# BEGIN bsdrun b\n", "# END bsdrun b\n"
	for name, c := range map[string]struct{ src, content, want, fails string }{
		"new":             {"a\n", "x\n", "a\n" + begin + "x\n" + end, ""},
		"replaced":        {"a\n" + begin + "x\ny\n" + end + "z\n", "q", "a\n" + begin + "q\n" + end + "z\n", ""},
		"same":            {begin + "x\n" + end, "x\n", begin + "x\n" + end, ""},
		"removed":         {"a\n" + begin + "x\n" + end + "z\n", "", "a\nz\n", ""},
		"nothing to go":   {"a\n", "", "a\n", ""},
		"no end":          {begin + "x\n", "y", "", "has no end"},
		"no begin":        {end, "y", "", "has not begun"},
		"twice":           {begin + end + begin + end, "y", "", "a second time"},
		"marker in block": {"", "x\n" + end, "", "own marker"},
	} {
		got, err := EnsureBlock([]byte(c.src), Block{Name: "b", Comment: "#", Content: c.content}, Anchor{})
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestReplace(t *testing.T) {
	const src = "[a]\nk=1\n[b]\nk=1\n[c]\nk=1\n"
	got, err := Replace([]byte(src), Replacement{Pattern: re(`^k=(\d)$`), With: "k=$1$1", After: re(`^\[b\]`), Before: re(`^\[c\]`)})
	if err != nil || string(got) != "[a]\nk=1\n[b]\nk=11\n[c]\nk=1\n" {
		t.Errorf("%q %v", got, err)
	}
	got, err = Replace([]byte(src), Replacement{Pattern: re("1"), With: "$1", Literal: true})
	if err != nil || strings.Count(string(got), "k=$1") != 3 {
		t.Errorf("%q %v", got, err)
	}
	if _, err = Replace([]byte(src), Replacement{Pattern: re("k"), After: re("nosuch")}); err == nil {
		t.Error("an anchor that is not there")
	}
}

func FuzzEnsureLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n"), "c", "^b", false)
	f.Add([]byte("\r\n\n"), "", "", true)
	f.Fuzz(func(t *testing.T, src []byte, line, match string, anchored bool) {
		m, err := regexp.Compile(match)
		if err != nil || match == "" {
			m = nil
		}
		at := Anchor{}
		if anchored {
			at.Before = m
		}
		out, err := EnsureLines(src, []string{line}, m, at)
		if err != nil {
			return
		}
		again, err := EnsureLines(out, []string{line}, m, at)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("%q becomes %q, then %q %v", src, out, again, err)
		}
	})
}

func FuzzEnsureBlock(f *testing.F) {
	f.Add([]byte("a\n# BEGIN bsdrun b\nx\n# END bsdrun b\n"), "y\n")
	f.Add([]byte("a\r\n"), "y\r\nz")
	f.Fuzz(func(t *testing.T, src []byte, content string) {
		b := Block{Name: "b", Comment: "#", Content: content}
		out, err := EnsureBlock(src, b, Anchor{})
		if err != nil {
			return
		}
		again, err := EnsureBlock(out, b, Anchor{})
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("%q becomes %q, then %q %v", src, out, again, err)
		}
	})
}

func FuzzParseFind(f *testing.F) {
	f.Add("/a\x00/b\n\x00")
	f.Fuzz(func(t *testing.T, out string) { parseFind(out) })
}
