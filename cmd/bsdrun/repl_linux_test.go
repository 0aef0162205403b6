package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// person is somebody at a terminal in which a command runs.
type person struct {
	t        *testing.T
	keyboard io.Writer
	screen   chan []byte
	seen     string // since the last thing that was waited for
	cmd      *exec.Cmd
}

// atTerminal starts bsdrun in a pseudo terminal of 80 by 24.
func atTerminal(t *testing.T, env []string, args ...string) *person {
	t.Helper()
	mine, its := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(mine.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bsdrun", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = its, its, its
	cmd.Env = append(append(os.Environ(), "TERM=xterm", "NO_COLOR=1"), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = its.Close()
	p := &person{t: t, keyboard: mine, screen: make(chan []byte), cmd: cmd}
	go func() {
		defer close(p.screen)
		for {
			b := make([]byte, 4096)
			n, err := mine.Read(b)
			if n > 0 {
				p.screen <- b[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range p.screen { // until the reader has ended
		}
	})
	return p
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.keyboard, text); err != nil {
		p.t.Fatal(err)
	}
}

// patience is how long a person waits before giving a program up for dead.
const patience = 5 * time.Minute

var controls = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// sees waits for a text, and gives what came before it.
func (p *person) sees(text string) string {
	p.t.Helper()
	for dead := time.After(patience); ; {
		plain := controls.ReplaceAllString(p.seen, "")
		if before, after, found := strings.Cut(plain, text); found {
			p.seen = after
			return before
		}
		select {
		case b, open := <-p.screen:
			if !open {
				p.t.Fatalf("it ended without showing %q, but\n%s", text, plain)
			}
			p.seen += string(b)
		case <-dead:
			p.t.Fatalf("it does not show %q, but\n%s", text, plain)
		}
	}
}

// ends waits for the end of the command.
func (p *person) ends() int {
	p.t.Helper()
	for dead, open := time.After(patience), true; open; {
		var b []byte
		select {
		case b, open = <-p.screen:
			p.seen += string(b)
		case <-dead:
			p.t.Fatalf("it does not end, but shows\n%s", p.seen)
		}
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func TestASessionAtATerminal(t *testing.T) {
	state := t.TempDir()
	p := atTerminal(t, []string{"XDG_STATE_HOME=" + state, "BSDRUN_SECRET_TOKEN=correct-horse"}, "repl", "sim:")
	p.sees("sim> ")

	p.types("h.zpo\t.sta\t(\"\t\").state\r")
	p.sees(`h.zpool.status("zroot").state`)
	p.sees("ONLINE")
	p.sees("sim> ")

	p.types("h.file.put{ path = \"/etc/\t\t")
	p.sees("/etc/rc.conf") // the list
	p.types("\x03")
	p.sees("sim> ")
	p.types("h.file.put{ path = \"/etc/motd.template\", mo\t")
	p.sees("mode = ")
	p.types("\x03")
	p.sees("sim> ")

	p.types("local function twice(n)\r")
	p.sees("   | ")
	p.types("return 2 * n\r")
	p.sees("   | ")
	p.types("end\r")
	p.sees("sim> ")
	p.types("twice(21)\r")
	p.sees("42")

	p.types("h:run{ \"no-such-tool\" }\r")
	p.sees("no-such-tool")
	p.sees("exit code  127")
	p.sees("sim> ")
	p.types("print(\"begun\") while true do end\r")
	p.sees("begun\"") // what was typed
	p.sees("begun")
	p.types("\x03")
	p.sees("cancelled")
	p.sees("sim> ")

	p.types(":check on\r")
	p.sees("sim (check)> ")
	p.types(" h.pkg.install(\"tmux\")\r")
	p.sees("would change: pkg install -y tmux")
	p.types(":check off\r")
	p.sees("changes are made")

	p.types("token = secret(\"token\")\r")
	p.sees("sim> ")
	p.types("print(\"correct-horse\")\r")
	p.sees("horse\")") // what was typed
	if shown := p.sees("sim> "); strings.Contains(shown, "correct-horse") {
		t.Errorf("the secret is shown: %s", shown)
	}
	p.types("\x1b[A\r") // what has a secret in it is not kept
	p.sees("secret(\"token\")")
	p.sees("sim> ")
	p.types("\x04")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	history := filepath.Join(state, "bsdrun", "repl_history")
	info, err := os.Stat(history)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	kept, err := os.ReadFile(history)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"twice(21)": true, "local function twice(n) return 2 * n end": true, "correct-horse": false, "pkg.install": false} {
		if strings.Contains(string(kept), text) != want {
			t.Errorf("%q in the history: %v\n%s", text, !want, kept)
		}
	}
}

func TestQuestionsBetweenInputs(t *testing.T) {
	p := atTerminal(t, []string{"XDG_STATE_HOME=" + t.TempDir()}, "repl", "sim:*2")
	p.sees("2 hosts> ")
	p.types("confirm(\"Go on?\")\r")
	p.sees("Go on? (for all of 2 hosts that ask this) [")
	p.types("yes\r")
	p.sees("yes")                // the terminal echoes, as it does for any program
	p.sees("sim-1, sim-2:  yes") // one answer for both
	p.sees("2 hosts> ")
	p.types(":hosts sim-2\r")
	p.sees("* sim-2")
	p.sees("sim-2> ")
	p.types("h.name .. \"!\"\r")
	p.sees("sim-2!")
	p.sees("sim-2> ")
	p.types("\x04")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestCancellingWhatIsUnderWay(t *testing.T) {
	p := atTerminal(t, []string{"XDG_STATE_HOME=" + t.TempDir()}, "repl", "local:")
	p.sees("local> ")
	p.types("print(\"begun\") h:read{ \"sleep\", \"3000\" }\r")
	p.sees("}") // what was typed
	p.sees("begun")
	p.types("\x03")
	p.sees("cancelled")
	p.sees("local> ")
	p.types("h:read(\"echo still $((40+2))\").stdout\r")
	p.sees("still 42")
	p.sees("local> ")
	p.types(":quit\r")
	if code := p.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
