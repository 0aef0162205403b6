package openssh

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
)

const (
	sshLetters = "1246AaB:b:Cc:D:E:e:F:fGgI:i:J:KkL:l:Mm:NnO:o:P:p:Q:qR:S:sTtVvW:w:XxYy"
	sshUsage   = `usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface] [-b bind_address]
           [-c cipher_spec] [-D [bind_address:]port] [-E log_file]
           [-e escape_char] [-F configfile] [-I pkcs11] [-i identity_file]
           [-J destination] [-L address] [-l login_name] [-m mac_spec]
           [-O ctl_cmd] [-o option] [-P tag] [-p port] [-R address]
           [-S ctl_path] [-W host:port] [-w local_tun[:remote_tun]]
           destination [command [argument ...]]
       ssh [-Q query_option]
`
)

// patience is how long an address that does not answer is tried.
func (c *client) patience() time.Duration {
	if n, err := strconv.Atoi(c.s.get("connecttimeout", "")); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if linux(c.p) {
		return 131 * time.Second
	}
	return 75 * time.Second
}

// sshCall is one call of ssh(1).
type sshCall struct {
	s         settings
	config    string
	noInput   bool
	noCommand bool
	subsystem bool
	tty       int
	dest      string
	command   string
}

func runSSH(p *sim.Proc) int {
	call := &sshCall{s: settings{}}
	if code := call.parse(p); code >= 0 {
		return code
	}
	c, err := newClient(p, call.s, call.config, call.dest)
	if err != nil {
		return misconfigured(p, err)
	}
	if !c.connect() {
		return 255
	}
	defer c.ssh.Close()
	return call.run(c)
}

func misconfigured(p *sim.Proc, err error) int {
	var cannot errCannot
	if errors.As(err, &cannot) {
		return p.Cannot("ssh: %s", cannot.what)
	}
	return fatal(p, "%s", err)
}

// parse reads the command line; a code of 0 or more is the end. Options may stand
// before and after the destination.
func (call *sshCall) parse(p *sim.Proc) int {
	args := p.Args[1:]
	for {
		options, rest, err := getopt(args, sshLetters)
		if err != nil {
			p.Errorf("%s\n%s", err, sshUsage)
			return 255
		}
		for _, o := range options {
			if code := call.option(p, o); code >= 0 {
				return code
			}
		}
		if call.dest != "" || len(rest) == 0 {
			call.command = strings.Join(rest, " ")
			break
		}
		call.dest, args = rest[0], rest[1:]
	}
	if call.dest == "" {
		p.Errorf("%s", sshUsage)
		return 255
	}
	if call.subsystem && call.command == "" {
		return fatal(p, "You must specify a subsystem to invoke.")
	}
	return -1
}

func (call *sshCall) option(p *sim.Proc, o option) int {
	switch o.letter {
	case "V":
		p.Errorf("OpenSSH_9.9p2\n")
		return 0
	case "i":
		addIdentity(p, call.s, o.arg)
	case "l":
		call.s.add("user", o.arg)
	case "p":
		if n, err := strconv.Atoi(o.arg); err != nil || n < 1 || n > 65535 {
			return fatal(p, "Bad port '%s'", o.arg)
		}
		call.s.add("port", o.arg)
	case "F":
		call.config = o.arg
	case "n":
		call.noInput = true
	case "N":
		call.noCommand = true
	case "q":
		call.s.add("loglevel", "quiet")
	case "s":
		call.subsystem = true
	case "T":
		call.tty = -1
	case "t":
		call.tty++
	case "o":
		if err := call.s.set("command-line: line 0", o.arg); err != nil {
			return misconfigured(p, err)
		}
	case "4", "6", "A", "a", "C", "c", "e", "k", "K", "m", "v", "x", "y", "S", "M", "b", "E": // nothing to see of them here
	default:
		return p.Cannot("ssh -%s", o.letter)
	}
	return -1
}

// addIdentity takes a key's file, if there is one.
func addIdentity(p *sim.Proc, s settings, name string) {
	file := expand(p, name)
	_, err := p.FS().Stat(file)
	if _, perr := p.FS().Stat(file + ".pub"); err != nil && perr != nil {
		p.Errorf("Warning: Identity file %s not accessible: %s.\n", file, p.Machine.ErrText(err))
		return
	}
	s.add("identityfile", name)
}

func (call *sshCall) run(c *client) int {
	p := c.p
	if call.noCommand {
		closed := make(chan struct{})
		go func() { _ = c.ssh.Wait(); close(closed) }()
		_ = c.link.Wait(p, closed, func() bool { return true })
		return c.closedByPeer()
	}
	session, err := c.ssh.NewSession()
	if err != nil {
		return fatal(p, "channel 0: open failed: administratively prohibited: open failed")
	}
	defer session.Close()
	return call.carry(c, session)
}

func (c *client) closedByPeer() int {
	if c.p.Context.Err() == nil {
		c.p.Errorf("Connection to %s closed by remote host.\r\n", c.name)
	}
	return 255
}

// carry runs the command with the streams of the process.
func (call *sshCall) carry(c *client, session *ssh.Session) int {
	p := c.p
	in, err1 := session.StdinPipe()
	out, err2 := session.StdoutPipe()
	errs, err3 := session.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		return c.closedByPeer()
	}
	if call.tty > 1 || call.tty == 1 && p.TTY || call.tty == 0 && call.command == "" && p.TTY {
		if err := session.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
			p.Errorf("PTY allocation request failed on channel 0\n")
		}
	} else if call.tty == 1 && !c.s.quiet() {
		p.Errorf("Pseudo-terminal will not be allocated because stdin is not a terminal.\n")
	}
	if code := call.begin(p, session); code != 0 {
		return code
	}
	ctx, stop := context.WithCancel(p.Context)
	defer stop()
	var awaits atomic.Bool // input that the controller is to send
	input := make(chan struct{})
	if call.noInput {
		_ = in.Close()
		close(input)
	} else {
		p.Go(func() { defer close(input); sendInput(ctx, p, in, &awaits) })
	}
	var streams sync.WaitGroup
	for _, s := range []struct {
		from io.Reader
		to   io.Writer
	}{{out, p.Stdout}, {errs, p.Stderr}} {
		streams.Add(1)
		p.Go(func() { defer streams.Done(); receive(c, s.from, s.to, session) })
	}
	var ended error
	done := make(chan struct{})
	go func() {
		ended = session.Wait()
		streams.Wait()
		close(done)
	}()
	killed := c.link.Wait(p, done, awaits.Load)
	stop()
	_ = c.link.Close()
	p.GiveWay(func() { <-done; <-input })
	if killed != nil {
		return 255
	}
	return c.exitCode(ended)
}

// begin asks for the command, the shell or the subsystem.
func (call *sshCall) begin(p *sim.Proc, session *ssh.Session) int {
	var err error
	switch {
	case call.subsystem:
		if err = session.RequestSubsystem(call.command); err != nil {
			return fatal(p, "subsystem request failed on channel 0")
		}
	case call.command == "":
		err = session.Shell()
	default:
		err = session.Start(call.command)
	}
	if err != nil {
		return fatal(p, "exec request failed on channel 0")
	}
	return 0
}

// exitCode is that of the command; 255 when the connection failed.
func (c *client) exitCode(err error) int {
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return c.closedByPeer()
	case exit.Signal() != "":
		return 255
	}
	return exit.ExitStatus()
}

// sendInput carries standard input over until its end.
func sendInput(ctx context.Context, p *sim.Proc, to io.WriteCloser, awaits *atomic.Bool) {
	controller := p.FromController()
	buf := make([]byte, 32<<10)
	for {
		awaits.Store(controller)
		n, err := p.ReadAside(ctx, buf)
		awaits.Store(false)
		if n > 0 {
			var werr error
			p.Block(func() { _, werr = to.Write(buf[:n]) })
			if werr != nil {
				return
			}
		}
		if err != nil {
			p.Block(func() { _ = to.Close() })
			return
		}
	}
}

// receive carries a stream of the command's over; when nobody reads it any more the
// session is ended.
func receive(c *client, from io.Reader, to io.Writer, session *ssh.Session) {
	p, buf := c.p, make([]byte, 32<<10)
	for {
		var n int
		var err error
		p.Block(func() { n, err = from.Read(buf) })
		if n > 0 {
			if _, werr := c.link.Deliver(to, buf[:n]); werr != nil {
				if errors.Is(werr, syscall.EPIPE) {
					_ = session.Close()
				}
				p.Block(func() { _, _ = io.Copy(io.Discard, from) })
				return
			}
		}
		if err != nil {
			return
		}
	}
}
