package sshhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sshhost/keeper"
)

// process is a command with plain streams, at the far end of a connection or
// here.
type process struct {
	stdin          io.WriteCloser
	stdout, stderr io.Reader
	// exited is closed when the command has ended, even while another process
	// still holds its streams.
	exited <-chan struct{}
	// wait returns the exit code once the command has ended; an error means
	// that nobody knows how it ended.
	wait func() (int, error)
	// reading tells the keeper which process group may be killed if we are; 0: none.
	// Nil: there is no keeper.
	reading func(pid int)
	close   func()
}

// link is what commands are started over: an SSH connection, or this machine.
type link interface {
	// start runs a command line by the login shell; with a size, on a
	// pseudo terminal.
	start(ctx context.Context, command string, tty *ttySize) (*process, error)
	// subsystem starts a named subsystem of the server ("sftp").
	subsystem(ctx context.Context, name string) (*process, error)
	// alive asks the far end for a sign of life.
	alive() error
	close()
}

type ttySize struct{ rows, cols int }

// errRefused: the server gives no further channel over this connection.
var errRefused = errors.New("the server refuses another channel")

// sshLink is an SSH connection.
type sshLink struct {
	client *ssh.Client
	kept   bool // it is the keeper's
	once   sync.Once
}

func (l *sshLink) start(ctx context.Context, command string, tty *ttySize) (*process, error) {
	return l.session(ctx, func(ch ssh.Channel) error {
		if tty != nil {
			if err := request(ch, "pty-req", ptyRequest{Term: "xterm", Columns: uint32(tty.cols), Rows: uint32(tty.rows), Modes: ttyModes}); err != nil { //nolint:gosec // small numbers
				return err
			}
		}
		// No answer is asked for, which saves a round trip: a server that does
		// not run it closes the channel.
		if _, err := ch.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{command})); err != nil {
			return fmt.Errorf("%w: %w", errLost, err)
		}
		return nil
	})
}

func (l *sshLink) subsystem(ctx context.Context, name string) (*process, error) {
	return l.session(ctx, func(ch ssh.Channel) error {
		return request(ch, "subsystem", struct{ Name string }{name})
	})
}

// ptyRequest is the request of RFC 4254, 6.2.
type ptyRequest struct {
	Term          string
	Columns, Rows uint32
	Width, Height uint32
	Modes         string
}

// ttyModes sets nothing but the speed: opcode 129 is TTY_OP_OSPEED, 0 the end.
const ttyModes = "\x81\x00\x00\x96\x00\x00"

// errDenied: the server has a channel for us, but not what is to run in it.
var errDenied = errors.New("the server denies it")

func request(ch ssh.Channel, name string, payload any) error {
	ok, err := ch.SendRequest(name, true, ssh.Marshal(payload))
	if err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	if !ok {
		return fmt.Errorf("%w (%s request)", errDenied, name)
	}
	return nil
}

// session opens a channel and starts what runs in it.
func (l *sshLink) session(ctx context.Context, begin func(ssh.Channel) error) (*process, error) {
	// Opening waits for the server; a cancelled context leaves the channel to
	// be closed once it is there.
	type opened struct {
		p   *process
		err error
	}
	result := make(chan opened, 1)
	go func() {
		p, err := l.openSession(begin)
		result <- opened{p, err}
	}()
	select {
	case r := <-result:
		return r.p, r.err
	case <-ctx.Done():
		go func() {
			if r := <-result; r.p != nil {
				r.p.close()
			}
		}()
		return nil, ctx.Err()
	}
}

// openSession speaks the protocol itself instead of by ssh.Session, which tells
// of a command's end only once nobody holds its streams any more.
func (l *sshLink) openSession(begin func(ssh.Channel) error) (*process, error) {
	ch, requests, err := l.client.OpenChannel("session", nil)
	if err != nil {
		var refused *ssh.OpenChannelError
		if errors.As(err, &refused) {
			return nil, errRefused
		}
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	end := &sessionEnd{exited: make(chan struct{}), code: -1}
	go end.listen(requests)
	if err := begin(ch); err != nil {
		_ = ch.Close()
		return nil, err
	}
	p := &process{
		stdin: channelInput{ch}, stdout: ch, stderr: ch.Stderr(),
		exited: end.exited, wait: end.wait, close: func() { _ = ch.Close() },
	}
	if l.kept {
		p.reading = func(pid int) {
			_, _ = ch.SendRequest(keeper.Reading, false, ssh.Marshal(keeper.Group{PID: uint32(pid)})) //nolint:gosec // of a process
		}
	}
	return p, nil
}

// channelInput closes one direction alone.
type channelInput struct{ ssh.Channel }

func (c channelInput) Close() error { return c.CloseWrite() }

// sessionEnd is how a session's command ended.
type sessionEnd struct {
	exited chan struct{} // closed when the command or the channel has ended
	code   int
}

func (e *sessionEnd) listen(requests <-chan *ssh.Request) {
	told := false
	for r := range requests {
		switch r.Type {
		case "exit-status":
			var status struct{ Code uint32 }
			if ssh.Unmarshal(r.Payload, &status) == nil && !told {
				e.code, told = int(status.Code), true
				close(e.exited)
			}
		case "exit-signal":
			var signal struct {
				Name    string
				Dumped  bool
				Message string
				Lang    string
			}
			if ssh.Unmarshal(r.Payload, &signal) == nil && !told {
				e.code, told = 128+signalNumber(signal.Name), true
				close(e.exited)
			}
		}
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
	if !told {
		close(e.exited)
	}
}

func (e *sessionEnd) wait() (int, error) {
	<-e.exited
	if e.code < 0 {
		return -1, errLost
	}
	return e.code, nil
}

func signalNumber(name string) int {
	return map[string]int{"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "SEGV": 11, "PIPE": 13, "ALRM": 14, "TERM": 15}[name]
}

func (l *sshLink) alive() error {
	// The server may not know the request: any answer is a sign of life.
	_, _, err := l.client.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

func (l *sshLink) close() {
	l.once.Do(func() { _ = l.client.Close() })
}
