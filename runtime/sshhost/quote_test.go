package sshhost

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

// shellArgs runs a command line in a real sh and returns the arguments that
// arrive.
func shellArgs(t *testing.T, line string) []string {
	t.Helper()
	// Every argument is printed with a NUL behind it: no argument holds one.
	script := "args() { for a in \"$@\"; do printf '%s\\000' \"$a\"; done; }\nargs " + line
	out, err := exec.Command("/bin/sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("sh: %v\n%q", err, script)
	}
	args := strings.Split(string(out), "\x00")
	return args[:len(args)-1]
}

func checkQuoting(t *testing.T, argv []string) {
	t.Helper()
	line, err := quoteArgv(argv)
	for i, arg := range argv {
		if strings.Contains(arg, "\x00") || i == 0 && arg == "" {
			if err == nil {
				t.Errorf("%q was quoted", argv)
			}
			return
		}
	}
	if err != nil {
		t.Errorf("%q: %v", argv, err)
		return
	}
	got := shellArgs(t, line)
	if len(got) != len(argv) {
		t.Fatalf("%q became %q", argv, got)
	}
	for i := range argv {
		if got[i] != argv[i] {
			t.Errorf("argument %d: %q became %q", i, argv[i], got[i])
		}
	}
}

var hardWords = []string{
	"plain", "two words", "", "it's", `"double"`, "$HOME", "`id`", "$(id)", "*", "?", "[a-z]", "~", "~root", "a=b", "#no comment",
	"new\nline", "tab\t", "back\\slash", "\\", "-n", "--", "!", "!!", "{a,b}", "|", "&", ";", ">x", "<x", "(", ")", "if", "then", "}", "{",
	"ü", "\xff\xfe", "\x01\x7f", "\r\n", "'", "''", `'"'"'`, "%s", "\u2028", "a\\nb", "$'x'", "time", "coproc",
}

func TestQuoting(t *testing.T) {
	checkQuoting(t, append([]string{"first"}, hardWords...))
	for _, word := range hardWords {
		if word != "" {
			checkQuoting(t, []string{word, "x"})
		}
	}
	checkQuoting(t, []string{"a", "b\x00c"})
	checkQuoting(t, []string{""})
}

func FuzzQuoting(f *testing.F) {
	for _, word := range hardWords {
		f.Add("cmd", word)
	}
	f.Fuzz(func(t *testing.T, first, second string) { checkQuoting(t, []string{first, second}) })
}

// TestKeywordsAsCommands: a program may bear the name of a keyword.
func TestKeywordsAsCommands(t *testing.T) {
	for _, word := range []string{"if", "!", "{", "case"} {
		line, err := quoteArgv([]string{word, "x"})
		if err != nil || strings.HasPrefix(line, word+" ") {
			t.Errorf("%s: %q, %v", word, line, err)
		}
	}
}

func checkPrintable(t *testing.T, content []byte) {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-c", printfTo(content)).Output()
	if err != nil || !bytes.Equal(out, content) {
		t.Errorf("%q became %q (%v)", content, out, err)
	}
}

func TestPrintf(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, content := range []string{"", "-", "--\n", "-n x", "%d\\", "'", "7\x007", "\x017", strings.Repeat("-x", 20000), string(all)} {
		checkPrintable(t, []byte(content))
	}
}

func FuzzPrintf(f *testing.F) {
	f.Add([]byte("text\n"))
	f.Add([]byte{0, '7', 0xff, '%', '\\', '-'})
	f.Fuzz(func(t *testing.T, content []byte) { checkPrintable(t, content) })
}

// TestThroughEveryLoginShell: the command line must reach /bin/sh whole.
func TestThroughEveryLoginShell(t *testing.T) {
	script := "printf '%s|' \"a b\" 'it''s!' '!!' '$HOME' '-' '%' \"\\\\\" \\\n  'new\nline' 'ü'"
	want := "a b|its!|!!|$HOME|-|%|\\|new\nline|ü|"
	for _, shell := range []string{"/bin/sh", "/bin/bash", "/usr/bin/csh", "/bin/csh", "/usr/bin/tcsh", "/usr/bin/zsh", "/usr/bin/fish"} {
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		out, err := exec.Command(shell, "-c", throughLoginShell(script)).Output()
		if err != nil || string(out) != want {
			t.Errorf("%s: %q (%v)", shell, out, err)
		}
	}
}

func FuzzThroughLoginShell(f *testing.F) {
	f.Add("echo one\ntwo")
	f.Add("'!\\$`\"-%")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\x00") {
			return
		}
		shell := "/bin/sh"
		if _, err := exec.LookPath("/usr/bin/csh"); err == nil {
			shell = "/usr/bin/csh"
		}
		out, err := exec.Command(shell, "-c", throughLoginShell("printf %s "+quoteRaw(text))).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q became %q (%v)", text, out, err)
		}
	})
}

func TestCommandText(t *testing.T) {
	for _, c := range []struct {
		e    effect.Effect
		want string
	}{
		{effect.Effect{Argv: []string{"pkg", "install", "-y", "a b"}}, "pkg install -y 'a b'"},
		{effect.Effect{Shell: "\nfirst line\nsecond\n"}, "first line ..."},
		{effect.Effect{Shell: "only line\n"}, "only line"},
	} {
		if got := commandText(c.e); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
