package sshhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"

	"bsdrun/runtime/effect"
)

// Requests of SFTP under way at once, and their size: what OpenSSH's server
// takes at most.
const (
	sftpRequests = 64
	sftpPacket   = 255 << 10
)

// upload sends a put's content into a file that is there: by SFTP, else by
// another channel, else through the shell.
func (h *Host) upload(ctx context.Context, e effect.Effect, temp string) error {
	if e.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.Timeout)
		defer cancel()
	}
	at := place{in: e.In, as: e.As}
	ways := []func(context.Context, effect.Effect, place, string, io.Reader) error{h.uploadChannel, h.uploadShell}
	if at == (place{}) && !h.cfg.local {
		ways = append([]func(context.Context, effect.Effect, place, string, io.Reader) error{h.uploadSFTP}, ways...)
	}
	var err error
	for _, way := range ways {
		var r io.ReadCloser
		var size int64
		if r, size, err = openContent(e.File); err != nil {
			return err
		}
		sent := &progress{r: r, total: size}
		stop := sent.report(ctx, e)
		err = way(ctx, e, at, temp, sent)
		stop()
		_ = r.Close()
		if !errors.Is(err, errNoWay) {
			return err
		}
	}
	return err
}

// errNoWay: this way of sending is not to be had here.
var errNoWay = errors.New("no channel for the file")

// progress counts what has been sent.
type progress struct {
	r     io.Reader
	n     atomic.Int64
	total int64
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n.Add(int64(n))
	return n, err
}

// report tells every second how far it is, until it is stopped.
func (p *progress) report(ctx context.Context, e effect.Effect) (stop func()) {
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				n := p.n.Load()
				effect.Report(ctx, e.Op, fmt.Sprintf("%s: %d of %d MB", e.File.Path, n>>20, p.total>>20), map[string]any{"bytes": n, "total": p.total})
			}
		}
	}()
	return func() { close(done) }
}

// sftpServers is a script that becomes the SFTP server, wherever it is.
const sftpServers = `for s in /usr/libexec/sftp-server /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server /usr/local/libexec/sftp-server; do
[ -x $s ] && exec $s
done
exit 127`

// sftpClient is the host's SFTP session: the server's subsystem, or as another
// user the same program under escalation.
func (h *Host) sftpClient(ctx context.Context) (*sftp.Client, error) {
	h.mu.Lock()
	c := h.files[place{}]
	h.mu.Unlock()
	if c != nil {
		return c, nil
	}
	p, err := h.startSFTP(ctx)
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, p.stderr) }()
	c, err = sftp.NewClientPipe(p.stdout, closer{p.stdin, p.close},
		sftp.UseConcurrentWrites(true), sftp.MaxConcurrentRequestsPerFile(sftpRequests), sftp.MaxPacketUnchecked(sftpPacket))
	if err != nil {
		p.close()
		return nil, err
	}
	h.mu.Lock()
	h.files[place{}] = c
	h.mu.Unlock()
	return c, nil
}

type closer struct {
	io.WriteCloser
	also func()
}

func (c closer) Close() error {
	err := c.WriteCloser.Close()
	c.also()
	return err
}

func (h *Host) startSFTP(ctx context.Context) (*process, error) {
	if h.cfg.Become.Method != "" {
		p, _, err := h.open(ctx, place{}, sftpServers, nil)
		return p, err
	}
	l, err := h.connected(ctx)
	if err != nil {
		return nil, err
	}
	p, _, err := h.begin(ctx, l, false, func(l link) (*process, error) { return l.subsystem(ctx, "sftp") })
	return p, err
}

func (h *Host) uploadSFTP(ctx context.Context, _ effect.Effect, _ place, temp string, r io.Reader) error {
	c, err := h.sftpClient(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errNoWay
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	err = sftpWrite(c, temp, r)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		// The session may be what is wrong; the next upload makes another.
		h.mu.Lock()
		delete(h.files, place{})
		h.mu.Unlock()
		_ = c.Close()
	}
	return err
}

func sftpWrite(c *sftp.Client, temp string, r io.Reader) error {
	f, err := c.OpenFile(temp, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.ReadFromWithConcurrency(r, sftpRequests)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// uploadChannel sends into cat on a channel of its own.
func (h *Host) uploadChannel(ctx context.Context, e effect.Effect, at place, temp string, r io.Reader) error {
	c := effect.Effect{Op: e.Op, Argv: []string{"cat"}, Stdin: r, In: at.in, As: at.as}
	_, err := h.byChannel(ctx, c, "cat >"+quoteRaw(temp))
	if errors.Is(err, errRefused) {
		return errNoWay
	}
	return err
}

// uploadShell sends piece by piece through the shell.
func (h *Host) uploadShell(ctx context.Context, _ effect.Effect, at place, temp string, r io.Reader) error {
	s, err := h.shellAt(ctx, at)
	if err != nil {
		return err
	}
	piece := make([]byte, smallFile)
	for {
		n, err := io.ReadFull(r, piece)
		if n > 0 {
			if _, err := s.ask(ctx, "{\n"+printfTo(piece[:n])+"} >>"+quoteRaw(temp)); err != nil {
				return effect.Errorf(effect.Failed, "", "%s", strings.TrimSpace(err.Error()))
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
