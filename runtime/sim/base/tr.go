package base

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"bsdrun/runtime/sim"
)

// trSet is a string of tr(1) with its ranges and classes written out.
type trSet struct {
	chars   []rune
	classes []func(rune) bool
}

func (s *trSet) has(r rune) bool {
	return slices.Contains(s.chars, r) || slices.ContainsFunc(s.classes, func(in func(rune) bool) bool { return in(r) })
}

// charClasses are the classes of ctype(3).
var charClasses = map[string]func(rune) bool{
	"alpha": unicode.IsLetter,
	"digit": func(r rune) bool { return r >= '0' && r <= '9' },
	"alnum": func(r rune) bool { return unicode.IsLetter(r) || r >= '0' && r <= '9' },
	"upper": unicode.IsUpper,
	"lower": unicode.IsLower,
	"space": func(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' },
	"blank": func(r rune) bool { return r == ' ' || r == '\t' },
	"punct": func(r rune) bool {
		return r > ' ' && r < 0x7f && !unicode.IsLetter(r) && !unicode.IsDigit(r) || r > 0x7f && unicode.IsPunct(r)
	},
	"print":  unicode.IsPrint,
	"graph":  func(r rune) bool { return unicode.IsPrint(r) && r != ' ' },
	"cntrl":  unicode.IsControl,
	"xdigit": func(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) },
}

// parseTr reads a string of tr(1); fill is how long a repetition [x*] becomes.
func parseTr(s string, fill int) (*trSet, error) {
	set := &trSet{}
	for s != "" {
		if class, rest, ok := cutClass(s); ok {
			in, known := charClasses[class]
			if !known {
				return nil, fmt.Errorf("unknown class %s", class)
			}
			s = rest
			for r := range rune(utf8.RuneSelf) {
				if in(r) {
					set.chars = append(set.chars, r)
				}
			}
			set.classes = append(set.classes, in)
			continue
		}
		if strings.HasPrefix(s, "[=") && len(s) > 4 && strings.HasPrefix(s[3:], "=]") {
			set.chars = append(set.chars, rune(s[2]))
			s = s[5:]
			continue
		}
		if char, count, rest, ok := cutRepeat(s); ok {
			if count == 0 {
				count = max(fill-len(set.chars), 0)
			}
			for range count {
				set.chars = append(set.chars, char)
			}
			s = rest
			continue
		}
		first, rest := trChar(s)
		s = rest
		if len(s) > 1 && s[0] == '-' {
			last, rest := trChar(s[1:])
			if last < first {
				return nil, fmt.Errorf("illegal range")
			}
			for r := first; r <= last; r++ {
				set.chars = append(set.chars, r)
			}
			s = rest
			continue
		}
		set.chars = append(set.chars, first)
	}
	return set, nil
}

func cutClass(s string) (class, rest string, ok bool) {
	inner, ok := strings.CutPrefix(s, "[:")
	if !ok {
		return "", "", false
	}
	return strings.Cut(inner, ":]")
}

// cutRepeat reads [x*n], or [x*] with a count of zero.
func cutRepeat(s string) (char rune, count int, rest string, ok bool) {
	if len(s) < 4 || s[0] != '[' {
		return 0, 0, "", false
	}
	char, after := trChar(s[1:])
	after, ok = strings.CutPrefix(after, "*")
	if !ok {
		return 0, 0, "", false
	}
	digits, rest, ok := strings.Cut(after, "]")
	if !ok {
		return 0, 0, "", false
	}
	n, err := strconv.ParseInt("0"+digits, 0, 32)
	return char, int(n), rest, err == nil
}

// trChar reads one character, with its escape.
func trChar(s string) (rune, string) {
	if s[0] != '\\' || len(s) == 1 {
		r, n := utf8.DecodeRuneInString(s)
		return r, s[n:]
	}
	s = s[1:]
	digits := 0
	for digits < 3 && digits < len(s) && s[digits] >= '0' && s[digits] <= '7' {
		digits++
	}
	if digits > 0 {
		n, _ := strconv.ParseUint(s[:digits], 8, 16)
		return rune(n & 0xff), s[digits:]
	}
	if c, ok := map[byte]rune{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}[s[0]]; ok {
		return c, s[1:]
	}
	r, n := utf8.DecodeRuneInString(s)
	return r, s[n:]
}

func tr(p *sim.Proc, o *options) int {
	deletes, squeezes := o.has("d"), o.has("s")
	want := 2
	if deletes != squeezes {
		want = 1
	}
	if len(o.args) < want || len(o.args) > 2 || deletes && !squeezes && len(o.args) > 1 {
		return o.wrong(p)
	}
	set1, err := parseTr(o.args[0], 0)
	if err != nil {
		return errx(p, "%s", err.Error())
	}
	set2 := set1
	if len(o.args) == 2 {
		if set2, err = parseTr(o.args[1], len(set1.chars)); err != nil {
			return errx(p, "%s", err.Error())
		}
		if len(set2.chars) == 0 && !deletes {
			return errx(p, "empty string2")
		}
	}
	in1 := set1.has
	if o.has("cC") {
		in1 = func(r rune) bool { return !set1.has(r) }
	}
	change := func(r rune) rune { return r }
	if !deletes && len(o.args) == 2 {
		change = translation(o, set1, set2, in1)
	}
	squeeze := in1
	if len(o.args) == 2 {
		squeeze = set2.has
	}
	return trCopy(p, func(r rune) (rune, bool) {
		if deletes && in1(r) {
			return 0, false
		}
		return change(r), true
	}, func(r rune) bool { return squeezes && squeeze(r) })
}

func translation(o *options, set1, set2 *trSet, in1 func(rune) bool) func(rune) rune {
	last := set2.chars[len(set2.chars)-1]
	if o.has("cC") {
		return func(r rune) rune {
			if in1(r) {
				return last
			}
			return r
		}
	}
	// Upper and lower case beyond ASCII go by the class.
	if len(set1.classes) == 1 && len(set2.classes) == 1 && len(set1.chars) == 26 && len(set2.chars) == 26 {
		to := unicode.ToUpper
		if set2.has('a') {
			to = unicode.ToLower
		}
		return func(r rune) rune {
			if set1.has(r) {
				return to(r)
			}
			return r
		}
	}
	table := map[rune]rune{}
	for i, r := range set1.chars {
		to := last
		if i < len(set2.chars) {
			to = set2.chars[i]
		}
		table[r] = to
	}
	return func(r rune) rune {
		if to, ok := table[r]; ok {
			return to
		}
		return r
	}
}

func trCopy(p *sim.Proc, change func(rune) (rune, bool), squeeze func(rune) bool) int {
	in, out := bufio.NewReader(p.Stdin), bufio.NewWriter(p.Stdout)
	previous := rune(-1)
	for {
		r, n, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fail(p, "stdin", err)
		}
		if r == utf8.RuneError && n == 1 {
			_ = in.UnreadRune()
			b, _ := in.ReadByte()
			if to, keep := change(rune(b)); keep {
				_ = out.WriteByte(byte(to))
			}
			previous = -1
			continue
		}
		to, keep := change(r)
		if !keep || to == previous && squeeze(to) {
			continue
		}
		previous = to
		_, _ = out.WriteRune(to)
	}
	if out.Flush() != nil {
		return brokenPipe
	}
	return 0
}
