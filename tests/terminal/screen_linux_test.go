// Package terminal drives the command in a terminal, as a person at one would.
package terminal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"bsdrun/tests/binary"
)

var bsdrun string

func TestMain(m *testing.M) { os.Exit(binary.Main(m, &bsdrun)) }

// patience is how long a screen may take to show something. It only ends tests
// that hang.
const patience = 2 * time.Minute

// screen is a terminal with the command in it.
type screen struct {
	t    *testing.T
	dir  string // of the command
	pty  *os.File
	cmd  *exec.Cmd
	mu   sync.Mutex
	emu  *vt.Emulator
	all  bytes.Buffer  // everything that was written
	news chan struct{} // something was written
	gone chan struct{} // nothing more will be
}

// start runs the command in a terminal of that size. Its recipe can wait for
// files in its folder, which the test makes.
func start(t *testing.T, columns, rows int, recipe string, args ...string) *screen {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "recipe.lua"), []byte(recipe), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, dir: dir, emu: vt.NewEmulator(columns, rows), news: make(chan struct{}, 1), gone: make(chan struct{})}
	s.cmd = exec.CommandContext(t.Context(), bsdrun, append([]string{"recipe.lua"}, args...)...)
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "XDG_STATE_HOME="+filepath.Join(dir, "state"), "HOME="+dir, "DIR="+dir)
	var err error
	s.pty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.pty.Close()
		<-s.gone
	})
	go s.listen()
	go func() { // a terminal answers what it is asked
		answers := make([]byte, 1024)
		for {
			n, err := s.emu.Read(answers)
			if err != nil {
				return
			}
			t.Errorf("the terminal is asked something, and answers %q", answers[:n])
		}
	}()
	return s
}

func (s *screen) listen() {
	defer close(s.gone)
	buf := make([]byte, 4096)
	for {
		n, err := s.pty.Read(buf)
		s.mu.Lock()
		s.all.Write(buf[:n])
		_, _ = s.emu.Write(buf[:n])
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// text is what the screen shows, without blanks at ends of lines.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Split(s.emu.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// until waits for the screen to be as wanted, and returns it.
func (s *screen) until(what string, wanted func(text string) bool) string {
	s.t.Helper()
	late := time.After(patience)
	for {
		text := s.text()
		if wanted(text) {
			return text
		}
		select {
		case <-s.news:
		case <-s.gone:
			if text := s.text(); wanted(text) {
				return text
			}
			s.t.Fatalf("%s: the command has ended; the screen is\n%s", what, s.text())
		case <-late:
			s.t.Fatalf("%s: not shown; the screen is\n%s", what, s.text())
		}
	}
}

// shows waits for all of these texts to be on the screen at once.
func (s *screen) shows(texts ...string) string {
	s.t.Helper()
	return s.until(strings.Join(texts, ", "), func(text string) bool {
		for _, want := range texts {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return true
	})
}

func (s *screen) keys(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.pty, text); err != nil {
		s.t.Fatal(err)
	}
}

// resize makes the terminal larger or smaller.
func (s *screen) resize(columns, rows int) {
	s.t.Helper()
	s.mu.Lock()
	s.emu.Resize(columns, rows)
	s.mu.Unlock()
	if err := pty.Setsize(s.pty, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		s.t.Fatal(err)
	}
}

// let makes the file that the recipe waits for.
func (s *screen) let(name string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the command's end, and returns its exit code and the screen.
func (s *screen) ends() (code int, text string) {
	s.t.Helper()
	select {
	case <-s.gone:
	case <-time.After(patience):
		s.t.Fatalf("the command does not end; the screen is\n%s", s.text())
	}
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode(), s.text()
}

// cooked tells whether the terminal is as a shell wants it: lines are edited and
// shown, and Ctrl-C is a signal.
func (s *screen) cooked() bool {
	s.t.Helper()
	mode, err := unix.IoctlGetTermios(int(s.pty.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	const want = unix.ICANON | unix.ECHO | unix.ISIG
	return mode.Lflag&want == want
}
