package base

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzRegexp: any expression translates or is refused in regerror(3)'s words,
// and what translates finds matches that lie in the text, in order.
func FuzzRegexp(f *testing.F) {
	for _, seed := range []string{"a*", `\(a\)\1`, "[[:alpha:]]*$", "^*a", `a\{2,3\}`, "a|b", "(a|b)+c?", "[]a-c]", "[^]]", `\<w\>`, "x{1,}", "a**", `\(^a\)`, "[[.hyphen.]]"} {
		f.Add(seed, "abcabc w-w", true)
		f.Add(seed, "aab\nccx", false)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, extended bool) {
		if len(pattern) > 64 || len(text) > 256 {
			return
		}
		re, err := compileRegexp(pattern, extended, false)
		if err != nil {
			return
		}
		end := 0
		for _, m := range re.all(text, -1) {
			if m[0] < end || m[1] < m[0] || m[1] > len(text) {
				t.Fatalf("%q on %q: %v", pattern, text, m)
			}
			end = m[1]
		}
		if (re.first(text) != nil) != re.MatchString(text) {
			t.Fatalf("%q on %q: first and MatchString differ", pattern, text)
		}
	})
}

// FuzzLiteralRegexp: a text with its special characters escaped matches itself
// and nothing else of its length.
func FuzzLiteralRegexp(f *testing.F) {
	f.Add("a.b*c")
	f.Add(`\[x]^$`)
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || !utf8.ValidString(text) || len(text) > 64 {
			return
		}
		special := regexp.MustCompile(`[\\.\[*^$]`)
		re, err := compileRegexp(special.ReplaceAllString(text, `\$0`), false, false)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !re.whole(text) || re.whole("x"+text) {
			t.Fatalf("%q does not match itself alone", text)
		}
	})
}

// FuzzSedScript: any script compiles or is refused; it never panics.
func FuzzSedScript(f *testing.F) {
	for _, script := range agreeing {
		if rest, ok := strings.CutPrefix(script, "sed '"); ok {
			text, _, _ := strings.Cut(rest, "'")
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, script string) {
		for _, extended := range []bool{false, true} {
			list, err := parseSed(script, "x", extended)
			if err != nil && list != nil {
				t.Fatal("a list beside an error")
			}
			for _, c := range list {
				if c.target < 0 || c.target > len(list) {
					t.Fatalf("%q: target %d of %d", script, c.target, len(list))
				}
			}
		}
	})
}

// FuzzAwkProgram: any program parses or is refused.
func FuzzAwkProgram(f *testing.F) {
	for _, script := range agreeing {
		if _, rest, ok := strings.Cut(script, "awk '"); ok {
			text, _, _ := strings.Cut(rest, "'")
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4096 {
			return
		}
		prog, err := parseAwk(src)
		if (prog == nil) == (err == nil) {
			t.Fatalf("%q: %v %v", src, prog, err)
		}
	})
}

// FuzzGlob: fnmatch's patterns always compile, and a quoted name matches itself.
func FuzzGlob(f *testing.F) {
	f.Add("*.go", "a.go")
	f.Add("[!a-c]?", "dx")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 64 || !utf8.ValidString(name) {
			return
		}
		if _, err := globRegexp(pattern); err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		if quoted := regexp.MustCompile(`[][*?\\]`).ReplaceAllString(name, `\$0`); !match(quoted, name) {
			t.Fatalf("%q does not match %q", quoted, name)
		}
	})
}

// FuzzMode: what a symbolic mode makes stays within the permission bits.
func FuzzMode(f *testing.F) {
	for _, s := range []string{"u+rwX,go=u", "a-x", "+t", "u=s", "4755", "=", "g=o,o+w"} {
		f.Add(s, uint32(0o644), true)
	}
	f.Fuzz(func(t *testing.T, text string, old uint32, dir bool) {
		change, err := parseMode(text, 0o022)
		if err == nil && change(old&0o7777, dir)&^0o7777 != 0 {
			t.Fatalf("%q made %o", text, change(old&0o7777, dir))
		}
	})
}

// FuzzStrptime: what strftime writes, strptime reads back.
func FuzzStrptime(f *testing.F) {
	f.Add(int64(1577979020))
	f.Add(int64(0))
	f.Fuzz(func(t *testing.T, seconds int64) {
		if seconds < 0 || seconds > 1<<36 {
			return
		}
		when := time.Unix(seconds, 0).UTC()
		for _, format := range []string{"%Y-%m-%d %H:%M:%S", "%s", "%b %e %T %Y", "%FT%T%z", "%j %Y %R:%S", "%a, %d %b %Y %I:%M:%S %p"} {
			got, ok := strptime(format, strftime(format, when), epoch)
			if !ok || !got.Equal(when) {
				t.Fatalf("%s: %v became %v (%t)", format, when, got, ok)
			}
		}
	})
}

// FuzzCrontab and the others that read text must never panic.
func FuzzConfigurations(f *testing.F) {
	f.Add("permit nopass :wheel\npermit setenv { A=b } bob as www cmd ls args -l\n")
	f.Add("*/5 1,2 * jan-mar mon true")
	f.Add("u+x /a/ 10k +3")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseDoas(text)
		_ = cronProblem(text)
		_, _ = parseTr(text, 5)
		_, _ = parseSpans(text)
		_, _, _ = parseFlags(text)
		_, _ = parseSize(text)
		_, _ = ddNumber(text)
		_, _ = parseKey(text)
		_, _ = splitWords(text)
		_, _ = touchOffset(text)
		_ = unescape(text)
		_ = cSprintf(text, []string{"1", "x"})
		s := &sudoers{aliases: map[string][]string{}}
		_ = s.line(text)
		_, _ = decodeUU(text)
		_, _ = parseSubstitution(text, false)
	})
}

// TestCrypt compares with crypt(3) of the system, where perl has it.
func TestCrypt(t *testing.T) {
	// glibc's answer.
	const want = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
	if got := sha512Crypt("Hello world!", "$6$saltstring"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	perl, err := exec.LookPath("perl")
	if err != nil {
		t.Skip("no perl to ask")
	}
	for _, password := range []string{"", "x", "secret", strings.Repeat("long", 40), "grüße"} {
		out, err := exec.Command(perl, "-e", `print crypt($ARGV[0], '$6$abc.DEF/123')`, password).Output()
		if err != nil || len(out) == 0 {
			t.Skip("crypt of perl has no SHA-512")
		}
		if got := sha512Crypt(password, "$6$abc.DEF/123"); got != string(out) {
			t.Errorf("%q: got %s, want %s", password, got, out)
		}
		if !passwordFits(password, string(out)) || passwordFits(password+"x", string(out)) {
			t.Errorf("%q: passwordFits", password)
		}
	}
}
