package sshhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// answer is what to send when a prompt appears.
type answer struct {
	prompt *lazyregexp.Regexp
	send   string
}

// passwordPrompt is how doas, su and sudo ask; it is looked for at the end of
// what has been said.
var passwordPrompt = lazyregexp.New(`(?i)password[^\n]*:\s*$`)

// awaitUp waits for the line that escalated prints, on both streams, answering
// a prompt on standard error meanwhile. It returns what else was said.
func awaitUp(ctx context.Context, p *process, nonce string, a *answer) (said string, err error) {
	var text transcript
	results := make(chan error, 2)
	go func() { results <- readUntil(p.stdout, nonce+"\n", nil, p.stdin, &text) }()
	go func() { results <- readUntil(p.stderr, nonce+"\n", a, p.stdin, &text) }()
	for range 2 {
		select {
		case one := <-results:
			// A rejected password tells more than the end of a stream.
			if err == nil || errors.Is(one, errRejected) {
				err = one
			}
			if errors.Is(err, errRejected) {
				return text.String(), err
			}
		case <-ctx.Done():
			return text.String(), ctx.Err()
		}
	}
	return text.String(), err
}

// transcript collects what was said, within bounds.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *transcript) add(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() < 8<<10 {
		t.buf.Write(b)
	}
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}

// readUntil reads byte by byte until mark has appeared, so that nothing that
// follows it is taken away. It answers the prompt once; a second time means
// that the answer was wrong.
func readUntil(r io.Reader, mark string, a *answer, w io.Writer, text *transcript) error {
	var line []byte
	asked := false
	for one := make([]byte, 1); ; {
		n, err := r.Read(one)
		if n > 0 {
			line = append(line, one[0])
			if bytes.HasSuffix(line, []byte(mark)) {
				text.add(line[:len(line)-len(mark)])
				return nil
			}
			if a != nil && a.prompt.Match(line) {
				text.add(line)
				line = line[:0]
				if asked {
					return errRejected
				}
				asked = true
				if _, err := io.WriteString(w, a.send); err != nil {
					return err
				}
			}
			if one[0] == '\n' || len(line) > 4<<10 {
				text.add(line)
				line = line[:0]
			}
		}
		if err != nil {
			text.add(line)
			return err
		}
	}
}

// byTerminal escalates with a password that only a terminal may give (doas,
// su): the password goes over a pseudo terminal, the escalated shell then takes
// its streams from named pipes, whose other ends are an ordinary channel.
func (h *Host) byTerminal(ctx context.Context, l link, method, script, password string) (*process, error) {
	if h.becomeUser() != "root" {
		// The pipes are private: nobody but their owner and root may open them.
		return nil, effect.Errorf(effect.Denied, "", "%s with a password reaches only root: become %s by sudo, or without a password", method, h.becomeUser())
	}
	nonce := newNonce()
	pipes, dir, err := openPipes(ctx, l, nonce)
	if err != nil {
		return nil, err
	}
	// Once all of them are open nobody needs their names; the server may grant no
	// further channel to remove them by.
	inner := "trap '' HUP; exec <" + dir + "/i >" + dir + "/o 2>" + dir + "/e; rm -rf " + dir + "; echo " + nonce + "; echo " + nonce + " >&2; " + script
	tty, err := l.start(ctx, throughLoginShell(terminalCommand(method, h.becomeUser(), inner)), &ttySize{24, 80})
	if err != nil {
		pipes.close()
		return nil, err
	}
	p := &process{
		stdin: pipes.stdin, stdout: pipes.stdout, stderr: pipes.stderr, exited: tty.exited, wait: tty.wait,
		close: func() { pipes.close(); tty.close() },
	}
	failed := make(chan error, 1)
	var text transcript
	go func() {
		// The terminal says nothing after the password but why it failed.
		failed <- readUntil(tty.stdout, "\x00", &answer{passwordPrompt, password + "\n"}, tty.stdin, &text)
	}()
	up := make(chan error, 1)
	go func() {
		_, err := awaitUp(ctx, pipes, nonce, nil)
		up <- err
	}()
	wrong := func() bool { return errors.Is(err, errRejected) || rejects(text.String()) }
	select {
	case err = <-up:
	case err = <-failed:
		if !wrong() {
			// A short script may have ended, and the terminal with it, before
			// what it said arrived through the pipes.
			h.removePipes(ctx, l, dir)
			if soon(ctx, up) == nil {
				return p, nil
			}
			err = fmt.Errorf("%s: %s", method, text.String())
		}
	}
	if err == nil {
		return p, nil
	}
	h.removePipes(ctx, l, dir)
	p.close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if wrong() {
		return nil, h.rejected(method, text.String())
	}
	return nil, h.refused(method, text.String())
}

// rejects tells whether doas or su says that a password is wrong.
func rejects(said string) bool {
	return strings.Contains(said, "Sorry") || strings.Contains(said, "failure") || strings.Contains(said, "failed")
}

// soon waits for a result that is on its way, if there will be one.
func soon(ctx context.Context, result <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// terminalCommand is the command line of an escalation on a terminal.
func terminalCommand(method, user, script string) string {
	switch method {
	case "su":
		return "exec su " + user + " -c " + quoteRaw(throughLoginShell(script))
	case "doas":
		return "exec doas -u " + user + " /bin/sh -c " + quoteRaw(script)
	default:
		return "exec sudo -p Password: -H -u " + user + " /bin/sh -c " + quoteRaw(script)
	}
}

// openPipes makes three named pipes in a private directory and joins a plain
// channel to them.
func openPipes(ctx context.Context, l link, nonce string) (*process, string, error) {
	p, err := l.start(ctx, throughLoginShell(`umask 077
for d in "${TMPDIR:-/tmp}" /var/tmp "$HOME"; do
d=$d/.bsdrun`+nonce+`; mkdir "$d" 2>/dev/null && mkfifo "$d/i" "$d/o" "$d/e" 2>/dev/null && break; d=
done
echo "`+nonce+`$d"; [ -n "$d" ] || exit 73
cat <"$d/o" & cat <"$d/e" >&2 & exec cat >"$d/i"`), nil)
	if err != nil {
		return nil, "", err
	}
	var text transcript
	if err := readUntil(p.stdout, nonce, nil, nil, &text); err == nil {
		var dir transcript
		if err = readUntil(p.stdout, "\n", nil, nil, &dir); err == nil && dir.String() != "" {
			return p, quoteRaw(dir.String()), nil
		}
	}
	p.close()
	return nil, "", errors.New("no directory on the host takes named pipes, which a password on a terminal needs")
}

// removePipes removes the directory. Whoever still waits for the other end of a
// pipe, because there will be none, is released first by opening both.
func (h *Host) removePipes(ctx context.Context, l link, dir string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if p, err := l.start(ctx, throughLoginShell("for f in i o e; do true <>"+dir+"/$f; done; rm -rf "+dir), nil); err == nil {
		_, _ = io.Copy(io.Discard, p.stdout)
		p.close()
	}
}

// escalateTTY starts script on a terminal as the user to become.
func (h *Host) escalateTTY(ctx context.Context, l link, script string, tty *ttySize) (*process, error) {
	method, err := h.method(ctx, l)
	if err != nil {
		return nil, err
	}
	nonce := newNonce()
	script = "echo " + nonce + "; " + script
	command := terminalCommand(method, h.becomeUser(), script)
	if method == "mdo" {
		command = "exec mdo -u " + h.becomeUser() + " /bin/sh -c " + quoteRaw(script)
	}
	p, err := l.start(ctx, throughLoginShell(`[ "$(id -un)" = `+h.becomeUser()+` ] && exec /bin/sh -c `+quoteRaw(script)+"\n"+command), tty)
	if err != nil {
		return nil, err
	}
	a := &answer{prompt: passwordPrompt, send: h.knownPassword() + "\n"}
	if h.knownPassword() == "" {
		a = nil
	}
	var text transcript
	// A terminal ends lines with a carriage return too.
	if err := readUntil(p.stdout, nonce+"\r\n", a, p.stdin, &text); err != nil {
		p.close()
		return nil, h.refused(method, text.String())
	}
	return p, nil
}
