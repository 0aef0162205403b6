package sim

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/sim/vfs"
)

// No script makes the shell itself fail, or hang beyond its context.
func FuzzShell(f *testing.F) {
	for _, script := range []string{
		`x=$((1+2)); echo "${x%%*}" ${y:-a b} | { read z; echo $z; }`, "cat <<E\n$(echo a)\nE\n", `f() { local a="$@"; return $#; }; f 1 2 || echo $?`,
		`case $x in a*|[!b]) :;; esac; for i in *; do :; done`, `trap 'echo x' EXIT; kill -TERM $$`, `set -eu; (exit 3) & wait $!`, "while :; do break; done",
		`echo ~ ~root $'a\tb' "$*" ${#x} ${x+y}`, `[ -n "$x" -a ! -f / ] || printf '%5.2s|%d\n' abc 0x1f`, "exec 3>/tmp/x; echo a >&3; . /tmp/x",
	} {
		f.Add(script)
	}
	m, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script string) {
		if strings.ContainsRune(script, 0) {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, errs, _ := m.Exec(ctx, "nobody", script)
		if strings.Contains(errs, "failed inside") {
			t.Errorf("%q: %s", script, errs)
		}
	})
}

// What csh passes on means the same words to sh.
func FuzzCsh(f *testing.F) {
	f.Add(`exec /bin/sh -c 'eval "$(printf "\145")"'`)
	f.Add(`echo "a b" c\ d $HOME; ls | wc`)
	f.Fuzz(func(t *testing.T, text string) {
		script, err := cshToSh(text, func(string) (string, bool) { return "v'$x", true })
		if err != nil || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00*?[~#{}!") {
			return
		}
		if !strings.ContainsAny(text, ";&|<>()\n\r\\") {
			if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), ""); err != nil && !keyword(script) {
				t.Errorf("%q became %q: %v", text, script, err)
			}
		}
	})
}

// keyword: sh's reserved words are plain commands to csh, which do not exist.
func keyword(script string) bool {
	f := strings.Fields(script)
	if len(f) == 0 {
		return false
	}
	switch f[0] {
	case "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in":
		return true
	}
	return false
}

func FuzzTestAndPrintf(f *testing.F) {
	f.Add("! -f / -a ( x = y )", "%s %d%%\n")
	f.Add("-n x", `%b\101\c`)
	view := vfs.New(time.Now).View(vfs.Root, "/")
	f.Fuzz(func(t *testing.T, args, format string) {
		words := strings.Fields(args)
		_, _ = EvalTest(words, view, func(int) bool { return false })
		if len(format) < 100 && strings.IndexFunc(format, func(r rune) bool { return r >= '0' && r <= '9' }) < 0 && !strings.Contains(format, "*") {
			FormatPrintf(format, words)
		}
	})
}
