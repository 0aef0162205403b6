package sim

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"syscall"
)

// Terminal is a pseudo-terminal (pts(4)): it echoes what is typed, hands lines
// to the program that reads, and turns keys into signals.
type Terminal struct {
	Name string // pts/0

	mu      sync.Mutex
	in      *inlet
	out     io.Writer
	echo    bool
	raw     bool
	line    []byte
	signal  func(sig syscall.Signal)
	newline bool // the last line ended: ^D means end of input
}

func newTerminal(name string, in *inlet, out io.Writer, signal func(syscall.Signal)) *Terminal {
	in.lines = true
	return &Terminal{Name: name, in: in, out: out, echo: true, signal: signal, newline: true}
}

// SetEcho switches the echo of what is typed on or off, as stty echo does, and
// tells what it was.
func (t *Terminal) SetEcho(on bool) (before bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, t.echo = t.echo, on
	return before
}

// setModes takes what a client asks of its terminal (RFC 4254, section 8).
func (t *Terminal) setModes(modes string) {
	const end, echo, size = 0, 53, 5
	for len(modes) >= size && modes[0] != end {
		if modes[0] == echo {
			t.SetEcho(modes[1:size] != "\x00\x00\x00\x00")
		}
		modes = modes[size:]
	}
}

// SetRaw hands every byte to the program at once: stty raw.
func (t *Terminal) SetRaw(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.raw = on
	t.in.mu.Lock()
	t.in.lines = !on
	t.in.mu.Unlock()
}

// Keys of the line discipline (termios(4)).
const (
	keyInterrupt = 0x03
	keyEOF       = 0x04
	keyBackspace = 0x08
	keyKill      = 0x15
	keySuspend   = 0x1a
	keyQuit      = 0x1c
	keyDelete    = 0x7f
)

// Write is what the person types.
func (t *Terminal) Write(b []byte) (int, error) {
	for _, c := range b {
		t.key(c)
	}
	return len(b), nil
}

func (t *Terminal) key(c byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.raw {
		t.show([]byte{c})
		_, _ = t.in.Write([]byte{c})
		return
	}
	if c == '\r' {
		c = '\n'
	}
	signals := map[byte]syscall.Signal{keyInterrupt: syscall.SIGINT, keyQuit: syscall.SIGQUIT, keySuspend: syscall.SIGTSTP}
	if sig, ok := signals[c]; ok {
		t.line = nil
		t.show([]byte{'^', c + '@', '\n'})
		t.signal(sig)
		return
	}
	switch c {
	case keyEOF:
		if len(t.line) == 0 {
			_ = t.in.Close()
			return
		}
		t.flush()
	case keyBackspace, keyDelete:
		if len(t.line) > 0 {
			t.line = t.line[:len(t.line)-1]
			t.show([]byte("\b \b"))
		}
	case keyKill:
		t.show([]byte(strings.Repeat("\b \b", len(t.line))))
		t.line = nil
	case '\n':
		t.line = append(t.line, c)
		t.show([]byte{'\n'})
		t.flush()
	default:
		t.line = append(t.line, c)
		t.show([]byte{c})
	}
}

func (t *Terminal) flush() {
	_, _ = t.in.Write(t.line)
	t.line = nil
}

func (t *Terminal) show(b []byte) {
	if t.echo {
		_, _ = t.out.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	}
}

// terminalOutput writes what programs print: newlines become CR LF.
type terminalOutput struct{ t *Terminal }

func (o terminalOutput) Write(b []byte) (int, error) {
	if _, err := o.t.out.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Terminal is the process's controlling terminal, nil for none.
func (p *Proc) Terminal() *Terminal {
	if p.process == nil || p.process.session == nil {
		return nil
	}
	return p.process.session.terminal
}

// Password asks on the controlling terminal, without echo, as readpassphrase(3)
// does. Without a terminal it fails with ENOTTY.
func (p *Proc) Password(prompt string) (string, error) {
	t := p.Terminal()
	if t == nil {
		return "", syscall.ENOTTY
	}
	echo := t.SetEcho(false)
	defer t.SetEcho(echo)
	out := terminalOutput{t}
	_, _ = io.WriteString(out, prompt)
	var line []byte
	var one [1]byte
	for {
		n, err := t.in.readContext(p.Context, one[:])
		if n == 0 && err != nil {
			return "", err
		}
		if n > 0 && one[0] == '\n' {
			_, _ = io.WriteString(out, "\n")
			return string(line), nil
		}
		line = append(line, one[:n]...)
	}
}
