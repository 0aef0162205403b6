package portstree

import "strings"

// CompareVersions orders two package versions as `pkg version -t` does
// (pkg-version(8)): -1, 0 or 1. Epoch counts first, then the version, then the
// port revision.
func CompareVersions(a, b string) int {
	va, vb := splitVersion(a), splitVersion(b)
	if c := compareInts(va.epoch, vb.epoch); c != 0 {
		return c
	}
	if !strings.EqualFold(va.stem, vb.stem) {
		if c := compareStems(va.stem, vb.stem); c != 0 {
			return c
		}
	}
	return compareInts(va.revision, vb.revision)
}

// VersionSign is the answer of `pkg version -t A B`: "<", "=" or ">".
func VersionSign(a, b string) string {
	switch CompareVersions(a, b) {
	case -1:
		return "<"
	case 1:
		return ">"
	}
	return "="
}

type splitted struct {
	stem            string
	epoch, revision int64
}

// splitVersion takes VERSION[_REVISION][,EPOCH] apart.
func splitVersion(v string) splitted {
	out := splitted{stem: v}
	if i := strings.LastIndexByte(out.stem, ','); i >= 0 {
		out.epoch, _ = leadingInt(out.stem[i+1:])
		out.stem = out.stem[:i]
	}
	if i := strings.LastIndexByte(out.stem, '_'); i >= 0 {
		out.revision, _ = leadingInt(out.stem[i+1:])
		out.stem = out.stem[:i]
	}
	return out
}

// component is one part of a version: number, letter (or stage) and patch level.
type component struct{ n, a, pl int64 }

// compareStems walks both versions component by component; '+' starts a new
// block that the other side may lack.
func compareStems(a, b string) int {
	for a != "" || b != "" {
		var ca, cb component
		endA, endB := a == "" || a[0] == '+', b == "" || b[0] == '+'
		if !endA {
			ca, a = nextComponent(a)
		}
		if !endB {
			cb, b = nextComponent(b)
		}
		if endA && endB {
			a, b = strings.TrimPrefix(a, "+"), strings.TrimPrefix(b, "+")
			continue
		}
		for _, c := range []int{compareInts(ca.n, cb.n), compareInts(ca.a, cb.a), compareInts(ca.pl, cb.pl)} {
			if c != 0 {
				return c
			}
		}
	}
	return 0
}

// stages are the words that count as less than a release.
var stages = []struct {
	name  string
	value int64
}{{"pl", 0}, {"alpha", 1}, {"beta", 2}, {"pre", 'p' - 'a' + 1}, {"rc", 'r' - 'a' + 1}}

func nextComponent(s string) (component, string) {
	var c component
	stageFirst := false
	switch {
	case isDigit(s[0]):
		c.n, s = leadingInt(s)
	case s[0] == '*':
		c.n = -2
		if i := strings.IndexByte(s, '+'); i >= 0 {
			s = s[i:]
		} else {
			s = ""
		}
	default:
		c.n = -1
		stageFirst = true
	}
	if s != "" && isAlpha(s[0]) {
		c.a, c.pl, s = letterPart(s, stageFirst)
	}
	for s != "" && !isDigit(s[0]) && !isAlpha(s[0]) && s[0] != '+' && s[0] != '*' {
		s = s[1:]
	}
	return c, s
}

// letterPart reads what follows a number: "b2", "alpha1", "rc3". A stage word
// that stands directly behind a number begins a component of its own.
func letterPart(s string, stageFirst bool) (a, pl int64, rest string) {
	if len(s) > 1 && isAlpha(s[1]) {
		for _, st := range stages {
			if len(s) < len(st.name) || !strings.EqualFold(s[:len(st.name)], st.name) ||
				len(s) > len(st.name) && isAlpha(s[len(st.name)]) {
				continue
			}
			if !stageFirst {
				return 0, 0, s
			}
			a, s = st.value, s[len(st.name):]
			return a, patchLevel(&s), s
		}
	}
	a = int64(s[0]|0x20) - 'a' + 1
	for s != "" && isAlpha(s[0]) {
		s = s[1:]
	}
	return a, patchLevel(&s), s
}

func patchLevel(s *string) (n int64) {
	if *s == "" || !isDigit((*s)[0]) {
		return -1
	}
	n, *s = leadingInt(*s)
	return n
}

func leadingInt(s string) (n int64, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		if n < 1<<59 {
			n = n*10 + int64(s[i]-'0')
		}
		i++
	}
	return n, s[i:]
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
