package sshhost

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/creack/pty"
)

// localLink starts commands on this machine.
type localLink struct{}

func (localLink) start(_ context.Context, command string, tty *ttySize) (*process, error) {
	// Not bound to the context: a process here ends as one far away does, by
	// being sought out and told, or by its streams being closed.
	cmd := exec.Command("/bin/sh", "-c", command) //nolint:noctx // see above
	if tty != nil {
		return startTTY(cmd, tty)
	}
	// A session of its own: Ctrl-C here must not reach what the far end of
	// another host would not see either.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var ours, theirs []*os.File
	closeAll := func(files []*os.File) {
		for _, f := range files {
			_ = f.Close()
		}
	}
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(append(ours, theirs...))
			return nil, err
		}
		if len(ours) == 0 {
			ours, theirs = append(ours, w), append(theirs, r)
		} else {
			ours, theirs = append(ours, r), append(theirs, w)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err := cmd.Start()
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return nil, err
	}
	end := reap(cmd)
	return &process{
		stdin: ours[0], stdout: ours[1], stderr: ours[2],
		exited: end.exited, wait: end.wait, close: func() { closeAll(ours) },
	}, nil
}

// reap waits for a command's end.
func reap(cmd *exec.Cmd) *localEnd {
	end := &localEnd{exited: make(chan struct{})}
	go func() {
		end.code, end.err = localExit(cmd.Wait())
		close(end.exited)
	}()
	return end
}

type localEnd struct {
	exited chan struct{}
	code   int
	err    error
}

func (e *localEnd) wait() (int, error) {
	<-e.exited
	return e.code, e.err
}

func startTTY(cmd *exec.Cmd, tty *ttySize) (*process, error) {
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(tty.rows), Cols: uint16(tty.cols)}) //nolint:gosec // small numbers
	if err != nil {
		return nil, err
	}
	end := reap(cmd)
	return &process{
		stdin: f, stdout: ttyReader{f}, stderr: eofReader{},
		exited: end.exited, wait: end.wait, close: func() { _ = f.Close() },
	}, nil
}

// ttyReader ends a terminal's output as a pipe's ends: Linux gives EIO once
// nobody has the other side open any more.
type ttyReader struct{ f *os.File }

func (r ttyReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if errors.Is(err, syscall.EIO) {
		err = io.EOF
	}
	return n, err
}

type eofReader struct{}

func (eofReader) Read([]byte) (int, error) { return 0, io.EOF }

func (localLink) subsystem(context.Context, string) (*process, error) { return nil, errRefused }
func (localLink) alive() error                                        { return nil }
func (localLink) close()                                              {}

func localExit(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
