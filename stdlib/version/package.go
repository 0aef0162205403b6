package version

import (
	"cmp"
	"strconv"
	"strings"
)

// ComparePackages orders two package versions as pkg-version(8) -t does: by
// epoch, then version, then revision. A name before the last dash is ignored.
// It gives -1, 0 or 1.
func ComparePackages(a, b string) int {
	x, y := splitPackage(a), splitPackage(b)
	if order := cmp.Compare(x.epoch, y.epoch); order != 0 {
		return order
	}
	if order := compareVersions(x.version, y.version); order != 0 {
		return order
	}
	return cmp.Compare(x.revision, y.revision)
}

type packageVersion struct {
	version         string
	revision, epoch uint64
}

// splitPackage takes NAME-VERSION_REVISION,EPOCH apart; each part but the
// version may be absent.
func splitPackage(text string) packageVersion {
	v := packageVersion{version: text[strings.LastIndexByte(text, '-')+1:]}
	rest := ""
	if i := strings.LastIndexByte(v.version, '_'); i >= 0 {
		v.version, rest = v.version[:i], v.version[i+1:]
		v.revision = leadingNumber(rest)
		if i := strings.LastIndexByte(rest, ','); i >= 0 {
			v.epoch = leadingNumber(rest[i+1:])
		}
		return v
	}
	if i := strings.LastIndexByte(v.version, ','); i >= 0 {
		v.version, rest = v.version[:i], v.version[i+1:]
		v.epoch = leadingNumber(rest)
	}
	return v
}

func leadingNumber(text string) uint64 {
	end := 0
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	n, err := strconv.ParseUint(text[:end], 10, 64)
	if err != nil && end > 0 {
		return ^uint64(0) // out of range: the largest there is
	}
	return n
}

// compareVersions compares component by component; a plus sign starts a new
// block, whose components meet only those of the other's same block.
func compareVersions(a, b string) int {
	if strings.EqualFold(a, b) {
		return 0
	}
	for a != "" || b != "" {
		endA, endB := a == "" || a[0] == '+', b == "" || b[0] == '+'
		if endA && endB {
			a, b = strings.TrimPrefix(a, "+"), strings.TrimPrefix(b, "+")
			continue
		}
		var x, y component
		if !endA {
			x, a = nextComponent(a)
		}
		if !endB {
			y, b = nextComponent(b)
		}
		if order := x.compare(y); order != 0 {
			return order
		}
	}
	return 0
}

// component is a number, a letter and a patch level: "10a2". What is missing is
// 0, except that a component which starts with a letter has the number -1, a
// letter without a patch level the level -1, and "*" the number -2.
type component struct{ number, letter, patch int64 }

func (c component) compare(d component) int {
	return cmp.Or(cmp.Compare(c.number, d.number), cmp.Compare(c.letter, d.letter), cmp.Compare(c.patch, d.patch))
}

// stages are words that start a component of their own and sort as the given
// letter: pl before every letter.
var stages = []struct {
	word   string
	letter int64
}{{"pl", 0}, {"alpha", 1}, {"beta", 2}, {"pre", 'p' - 'a' + 1}, {"rc", 'r' - 'a' + 1}}

// nextComponent reads a component and the separators behind it.
func nextComponent(text string) (component, string) {
	var c component
	leading := false // no number before the letter
	switch {
	case isDigit(text[0]):
		c.number, text = takeNumber(text)
	case text[0] == '*':
		c.number = -2
		if i := strings.IndexByte(text, '+'); i >= 0 {
			text = text[i:]
		} else {
			text = ""
		}
	default:
		c.number, leading = -1, true
	}
	if text != "" && isLetter(text[0]) {
		c, text = takeLetter(c, text, leading)
	}
	for text != "" && !isDigit(text[0]) && !isLetter(text[0]) && text[0] != '+' && text[0] != '*' {
		text = text[1:]
	}
	return c, text
}

func takeLetter(c component, text string, leading bool) (component, string) {
	word := text[:len(text)-len(strings.TrimLeftFunc(text, func(r rune) bool { return r < 0x80 && isLetter(byte(r)) }))]
	lower := strings.ToLower(word)
	c.letter = int64(lower[0]-'a') + 1
	for _, stage := range stages {
		if lower != stage.word {
			continue
		}
		if !leading {
			// "10alpha" is "10.alpha": the word is left to the next component.
			c.letter = 0
			return c, text
		}
		c.letter = stage.letter
	}
	text = text[len(word):]
	c.patch = -1
	if text != "" && isDigit(text[0]) {
		c.patch, text = takeNumber(text)
	}
	return c, text
}

func takeNumber(text string) (int64, string) {
	end := 0
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		n = 1<<63 - 1 // as strtoll(3) does
	}
	return n, text[end:]
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
