// Package errors is the catalogue of what can go wrong for a user: each entry
// provokes a failure with the command as users have it, and says what they must be
// told. Rules for every message are checked of all of them.
package errors

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/shell"

	"bsdrun/tests/binary"
)

// command is the path of the one under test, built once.
var command string

func TestMain(m *testing.M) { os.Exit(binary.Main(m, &command)) }

// provoked is an entry of the catalogue.
type provoked struct {
	args string // of bsdrun, as a shell splits them; $NAME is one of places
	code int
	says []string // regular expressions for the message
	// noHint: the message says all that there is to do.
	noHint bool
}

// bench is a folder with the files of the catalogue, and what its entries name.
type bench struct {
	dir    string
	places map[string]string
}

func newBench(t *testing.T, files map[string]string) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), places: map[string]string{}}
	for name, text := range files {
		b.write(t, name, text)
	}
	return b
}

func (b *bench) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs bsdrun without a terminal and without the person's own settings.
func (b *bench) run(t *testing.T, args string) (code int, stderr string) {
	t.Helper()
	cmd := b.command(t, args)
	var out bytes.Buffer
	cmd.Stderr = &out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// output is what a command prints that must succeed.
func (b *bench) output(t *testing.T, args string) string {
	t.Helper()
	out, err := b.command(t, args).Output()
	if err != nil {
		t.Fatalf("bsdrun %s: %v", args, err)
	}
	return string(out)
}

func (b *bench) command(t *testing.T, args string) *exec.Cmd {
	t.Helper()
	words, err := shell.Fields(args, func(name string) string { return b.places[name] })
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	cmd := exec.Command(command, words...)
	cmd.Dir = b.dir
	cmd.Env = []string{"HOME=" + b.dir, "PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + filepath.Join(b.dir, "state")}
	if state, set := b.places["STATE"]; set {
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+state)
	}
	return cmd
}

// technical are words of our own kitchen, which help nobody.
var technical = regexp.MustCompile(`strconv\.|goroutine|<nil>|%!|0xc0|panic:|\bEOF\b|dial tcp|context (canceled|deadline)|&\{|effect\.|lstat |\bstat [^/]|\[G\]|arg\(s\)`)

func (b *bench) check(t *testing.T, entries map[string]provoked) {
	t.Helper()
	for name, p := range entries {
		t.Run(name, func(t *testing.T) {
			code, stderr := b.run(t, p.args)
			p.judge(t, code, stderr)
		})
	}
}

// judge holds what bsdrun said against an entry.
func (p provoked) judge(t *testing.T, code int, stderr string) {
	t.Helper()
	if code != p.code {
		t.Errorf("exit code %d, not %d", code, p.code)
	}
	for _, want := range p.says {
		if !regexp.MustCompile("(?m)" + want).MatchString(stderr) {
			t.Errorf("it does not say %q", want)
		}
	}
	if found := technical.FindString(stderr); found != "" {
		t.Errorf("it says %q", found)
	}
	if !p.noHint && !strings.Contains(stderr, "  hint ") {
		t.Error("it does not say what to do next")
	}
	if t.Failed() {
		t.Logf("bsdrun %s\n%s", p.args, stderr)
	}
}
