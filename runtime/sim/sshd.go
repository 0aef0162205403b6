package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim/vfs"
)

// ServeOptions say who may log in.
type ServeOptions struct {
	AuthorizedKeys []ssh.PublicKey // besides those in the users' own files; nil, and no password: anybody may
	Password       string          // of every user; empty: passwords are refused
	Strict         bool            // what lies on the machine's disk alone lets in
	near           bool            // from another machine, which makes time pass
	Log            func(format string, args ...any)
}

func (o ServeOptions) open() bool { return o.AuthorizedKeys == nil && o.Password == "" && !o.Strict }

// connection is one SSH connection.
type connection struct {
	m        *Machine
	conn     *troubledConn
	ssh      *ssh.ServerConn
	user     User
	sessions atomic.Int32

	client, server netip.AddrPort
	key            *keyOptions // of the key that logged in
}

// maxSessions is OpenSSH's MaxSessions.
const maxSessions = 10

// machineAddr is an address in the simulated network.
type machineAddr string

func (machineAddr) Network() string  { return "tcp" }
func (a machineAddr) String() string { return string(a) }

// Dial connects to the machine's sshd as the controller. Anybody may log in.
func (m *Machine) Dial(ctx context.Context) (net.Conn, error) {
	return m.dial(ctx, netip.AddrPortFrom(controller, m.ephemeralPort()), netip.AddrPortFrom(m.primary(), 22), ServeOptions{})
}

// dial connects to sshd from an address.
func (m *Machine) dial(ctx context.Context, from, to netip.AddrPort, o ServeOptions) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fails := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: machineAddr(to.String()), Err: err}
	}
	if m.Down() {
		return nil, fails(syscall.ECONNREFUSED)
	}
	switch err := m.Arrives(from, to); {
	case errors.Is(err, ErrTimeout):
		return nil, fails(syscall.ETIMEDOUT)
	case err != nil || !m.listening():
		return nil, fails(syscall.ECONNREFUSED)
	}
	client, server := newConnPair(machineAddr(from.String()), machineAddr(to.String()))
	go m.ServeConn(server, o)
	return client, nil
}

// listening tells whether sshd answers.
func (m *Machine) listening() bool {
	m.mu.Lock()
	up := !m.down && !m.closed
	m.mu.Unlock()
	m.state.Lock()
	defer m.state.Unlock()
	s := m.state.Services["sshd"]
	return up && s != nil && s.Running
}

// Serve answers connections until the context ends or the listener fails.
func Serve(ctx context.Context, m *Machine, l net.Listener, o ServeOptions) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		from := netip.AddrPortFrom(controller, addrPort(conn.RemoteAddr()).Port())
		if !m.listening() || m.Arrives(from, netip.AddrPortFrom(m.primary(), 22)) != nil {
			_ = conn.Close()
			continue
		}
		go m.ServeConn(conn, o)
	}
}

// ServeConn answers one connection until it ends.
func (m *Machine) ServeConn(raw net.Conn, o ServeOptions) {
	line := m.lineOf(raw)
	conn := m.troubled(line)
	defer conn.Close()
	conn.near = o.near
	c := &connection{m: m, conn: conn, client: line.client, server: line.server, key: &keyOptions{}}
	sc, channels, requests, err := ssh.NewServerConn(conn, c.serverConfig(o))
	if err != nil {
		if o.Log != nil {
			o.Log("%s: %v", raw.RemoteAddr(), err)
		}
		return
	}
	c.ssh = sc
	if sc.Permissions != nil {
		if o, ok := sc.Permissions.ExtraData[keyOptionsOf].(*keyOptions); ok {
			c.key = o
		}
	}
	user, ok := m.LookupUser(sc.User())
	if !ok || !m.join(c) {
		return
	}
	c.user = user
	defer m.leave(c)
	go c.global(requests)
	c.announceHostKeys()
	for newChannel := range channels {
		go c.channel(newChannel)
	}
}

func (m *Machine) join(c *connection) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down || m.closed {
		return false
	}
	m.conns[c] = struct{}{}
	return true
}

func (m *Machine) leave(c *connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, c)
}

// Connections is how many have logged in and not left.
func (m *Machine) Connections() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.conns)
}

// dropConnections ends every connection at once, as a reboot does.
func (m *Machine) dropConnections() {
	m.mu.Lock()
	conns := m.conns
	m.conns = map[*connection]struct{}{}
	m.mu.Unlock()
	for c := range conns {
		_ = c.conn.Close()
	}
}

// DropConnections cuts every connection, as a lost network does.
func (m *Machine) DropConnections() { m.dropConnections() }

func (c *connection) serverConfig(o ServeOptions) *ssh.ServerConfig {
	m, client := c.m, c.client.Addr()
	runs := m.sshdThatRuns()
	known := func(name string) (User, error) {
		u, ok := m.LookupUser(name)
		if !ok || strings.HasSuffix(u.Shell, "nologin") {
			return u, errors.New("no such user")
		}
		return u, runs.config.admits(m, u)
	}
	config := &ssh.ServerConfig{MaxAuthTries: 6}
	m.sshVersion().restrict(config)
	for _, s := range runs.signers {
		config.AddHostKey(s)
	}
	if o.open() {
		config.NoClientAuth = true
		config.NoClientAuthCallback = func(c ssh.ConnMetadata) (*ssh.Permissions, error) {
			_, err := known(c.User())
			return nil, err
		}
	}
	config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		u, err := known(c.User())
		if err == nil && runs.config.get("pubkeyauthentication") == "no" {
			err = errors.New("public keys are not accepted")
		}
		if err != nil {
			return nil, err
		}
		options, err := runs.authorizedKey(m, u, key, client)
		if errors.Is(err, errUnauthorized) && (o.open() || isAmong(key, o.AuthorizedKeys)) {
			options, err = &keyOptions{}, nil
		}
		if err == nil {
			err = runs.config.mayUseKey(u, options)
		}
		if err != nil {
			return nil, err
		}
		return &ssh.Permissions{ExtraData: map[any]any{keyOptionsOf: options}}, nil
	}
	config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		u, err := known(c.User())
		if err == nil && o.Strict && !runs.config.mayUsePassword(u) {
			err = errors.New("passwords are not accepted")
		}
		if err == nil && !o.open() && (o.Password == "" || subtle.ConstantTimeCompare(password, []byte(o.Password)) != 1) {
			err = errors.New("wrong password")
		}
		return nil, err
	}
	return config
}

func isAmong(key ssh.PublicKey, list []ssh.PublicKey) bool {
	return slices.ContainsFunc(list, func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(key.Marshal()) })
}

// The extension by which OpenSSH tells its clients all its host keys, and proves
// that it has them (PROTOCOL, section 2.5).
const (
	hostKeysRequest = "hostkeys-00@openssh.com"
	hostKeysProve   = "hostkeys-prove-00@openssh.com"
	noMoreSessions  = "no-more-sessions@openssh.com"
	directTCP       = "direct-tcpip"
	exitStatus      = "exit-status"
	exitSignal      = "exit-signal"
)

func (c *connection) announceHostKeys() {
	if !c.m.profile.linux() && compareVersions(c.m.UserlandRelease(""), "11.0") < 0 { // OpenSSH 6.8
		return
	}
	var payload []byte
	for _, key := range c.m.HostKeys() {
		payload = append(payload, ssh.Marshal(struct{ Key string }{string(key.Marshal())})...)
	}
	_, _, _ = c.ssh.SendRequest(hostKeysRequest, false, payload)
}

// global answers requests that belong to no channel.
func (c *connection) global(requests <-chan *ssh.Request) {
	for r := range requests {
		switch r.Type {
		case hostKeysProve:
			answer, err := c.proveHostKeys(r.Payload)
			_ = r.Reply(err == nil, answer)
		case noMoreSessions:
			_ = r.Reply(true, nil)
		default:
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
	}
}

func (c *connection) proveHostKeys(payload []byte) ([]byte, error) {
	var answer []byte
	for len(payload) > 0 {
		var asked struct {
			Key  string
			Rest []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(payload, &asked); err != nil {
			return nil, err
		}
		signer := c.m.signerOf(asked.Key)
		if signer == nil {
			return nil, errors.New("not a key of this host")
		}
		proof := ssh.Marshal(struct{ Name, Session, Key string }{hostKeysProve, string(c.ssh.SessionID()), asked.Key})
		signature, err := signer.Sign(rand.Reader, proof)
		if err != nil {
			return nil, err
		}
		answer = append(answer, ssh.Marshal(struct{ Signature string }{string(ssh.Marshal(signature))})...)
		payload = asked.Rest
	}
	return answer, nil
}

// channel answers a request to open a channel.
func (c *connection) channel(n ssh.NewChannel) {
	switch n.ChannelType() {
	case "session":
		limit := int32(maxSessions)
		if asked := c.m.faults.sessions; asked > 0 {
			limit = int32(asked)
		}
		if c.m.faults.refuses("session") || c.sessions.Add(1) > limit {
			c.sessions.Add(-1)
			_ = n.Reject(ssh.Prohibited, "open failed")
			return
		}
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		s := newSSHSession(c, ch)
		s.serve(requests)
		c.sessions.Add(-1)
	case directTCP:
		c.forward(n)
	default:
		_ = n.Reject(ssh.UnknownChannelType, "unsupported channel type")
	}
}

// forward makes the machine a jump host: it connects to another machine of the
// network.
func (c *connection) forward(n ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(n.ExtraData(), &to); err != nil {
		_ = n.Reject(ssh.ConnectionFailed, "bad request")
		return
	}
	if ip, err := netip.ParseAddr(to.Host); err == nil && ip.IsLoopback() {
		to.Host = c.m.Name
	}
	if c.key.NoForward || c.m.sshdThatRuns().config.get("allowtcpforwarding") == "no" || !c.key.opens(to.Host, to.Port) {
		_ = n.Reject(ssh.Prohibited, "open failed")
		return
	}
	if to.Port != 22 {
		_ = n.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	conn, err := c.m.network.dialFrom(context.Background(), c.m, to.Host)
	if err != nil {
		_ = n.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	defer conn.Close()
	ch, requests, err := n.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	go ssh.DiscardRequests(requests)
	done := make(chan struct{}, 2)
	pump := func(dst io.Writer, src io.Reader) {
		_, _ = io.Copy(dst, src)
		done <- struct{}{}
	}
	go pump(conn, ch)
	go pump(ch, conn)
	<-done
}

// sshSession is one session channel.
type sshSession struct {
	c       *connection
	ch      ssh.Channel
	session *session
	in      *inlet
	env     []string
	tty     *Terminal
	process *task
	started bool
	open    atomic.Int32 // the process, and streams that are not closed yet
}

func newSSHSession(c *connection, ch ssh.Channel) *sshSession {
	s := &sshSession{c: c, ch: ch, session: &session{clock: c.m.clock, follows: c.conn.near}}
	s.in = newInlet(s.session)
	return s
}

// serve answers the requests of a channel until it is closed. A command begins
// after its request was answered, so that its output cannot overtake the answer.
func (s *sshSession) serve(requests <-chan *ssh.Request) {
	for r := range requests {
		kind, command, ok := s.asked(r)
		if kind == "" {
			ok = s.request(r)
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if kind != "" && ok {
			s.start(kind, command)
		}
	}
	s.hangup()
}

// asked tells what a request wants to run; an empty kind is none that runs.
func (s *sshSession) asked(r *ssh.Request) (kind, command string, ok bool) {
	var payload struct{ Text string }
	switch r.Type {
	case "shell":
		kind, ok = "shell", true
	case "exec":
		kind, ok = "exec", ssh.Unmarshal(r.Payload, &payload) == nil
		command = payload.Text
	case "subsystem":
		kind, command = "sftp", s.c.m.sftpServer()
		ok = ssh.Unmarshal(r.Payload, &payload) == nil && payload.Text == "sftp"
	default:
		return "", "", false
	}
	return kind, command, ok && !s.started && !s.c.m.faults.refuses(kind)
}

// request acts on one request.
func (s *sshSession) request(r *ssh.Request) bool {
	switch r.Type {
	case "pty-req":
		var pty struct {
			Term                        string
			Columns, Rows, Width, Heigh uint32
			Modes                       string
		}
		if ssh.Unmarshal(r.Payload, &pty) != nil || s.started || s.c.key.NoPTY || s.c.m.sshdThatRuns().config.get("permittty") == "no" {
			return false
		}
		s.tty = newTerminal(s.c.m.nextTerminal(), s.in, s.ch, s.keyboard)
		s.tty.setModes(pty.Modes)
		s.session.terminal = s.tty
		s.env = append(s.env, "TERM="+pty.Term, "SSH_TTY=/dev/"+s.tty.Name)
		return true
	case "env":
		return false // sshd_config has no AcceptEnv
	case "signal":
		var sig struct{ Name string }
		if ssh.Unmarshal(r.Payload, &sig) != nil || s.process == nil {
			return false
		}
		number, ok := signalNumber(sig.Name)
		if ok {
			_ = s.c.m.Kill(vfs.Root, -s.process.Group, number)
		}
		return ok
	case "window-change":
		return s.tty != nil
	}
	return false
}

// start begins the session's process. The command is run by the user's shell.
func (s *sshSession) start(kind, command string) {
	s.started = true
	s.open.Add(1)
	m, u := s.c.m, s.c.user
	shell := loginShell(u)
	base := shell[strings.LastIndexByte(shell, '/')+1:]
	args := []string{"-" + base}
	env := append(m.LoginEnv(u), s.env...)
	config := m.sshdThatRuns().config
	if config.get("permituserenvironment") == "yes" {
		env = append(env, s.c.key.Environment...)
	}
	if forced := cmp.Or(config.get("forcecommand"), s.c.key.Command); forced != "" {
		if kind != "shell" {
			env = append(env, "SSH_ORIGINAL_COMMAND="+command)
		}
		kind, command = "exec", forced
		if forced == "internal-sftp" {
			command = m.sftpServer()
		}
	}
	if kind != "shell" {
		args = []string{base, "-c", command}
	}
	client, server := s.c.client, s.c.server
	env = append(env, fmt.Sprintf("SSH_CLIENT=%s %d %d", client.Addr(), client.Port(), server.Port()),
		fmt.Sprintf("SSH_CONNECTION=%s %d %s %d", client.Addr(), client.Port(), server.Addr(), server.Port()))
	var out, errs *stream
	if s.tty != nil {
		out = s.output(terminalOutput{s.tty})
		errs = out.dup()
	} else {
		out, errs = s.output(s.ch), s.output(s.ch.Stderr())
	}
	in := newStream(s.in, nil, nil)
	in.tty, out.tty, errs.tty = s.tty != nil, s.tty != nil, s.tty != nil
	m.countOp(s.c)
	s.session.begin()
	p, err := m.startLogin(u, s, Command{
		Args: args, Path: shell, Env: env, Stdin: in, Stdout: out, Stderr: errs, TTY: s.tty != nil,
	})
	s.session.begun()
	s.process = p
	if err != nil {
		s.exited(127, 0)
	}
	out.release()
	errs.release()
	if err == nil {
		go s.input()
	}
}

// output is a stream to the client.
func (s *sshSession) output(w io.Writer) *stream {
	s.open.Add(1)
	return newStream(nil, channelWriter{w}, s.closed)
}

// closed closes the channel when the process has ended and all streams are closed, as
// sshd does. It is called by a process that still runs: no time may pass before.
func (s *sshSession) closed() {
	if s.open.Add(-1) == 0 {
		_ = s.ch.CloseWrite()
		_ = s.ch.Close()
	}
}

// channelWriter tells a process whose reader has gone so.
type channelWriter struct{ w io.Writer }

// writeContext lets other processes go on while the client does not take it.
func (c channelWriter) writeContext(ctx context.Context, b []byte) (n int, err error) {
	processOf(ctx).giveWay(func() { n, err = c.Write(b) })
	return n, err
}

func (c channelWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if err != nil {
		err = syscall.EPIPE
	}
	return n, err
}

// exited tells the client how the process ended, before time may pass.
func (s *sshSession) exited(code int, sig syscall.Signal) {
	if sig != 0 {
		payload := ssh.Marshal(struct {
			Signal  string
			Core    bool
			Message string
			Lang    string
		}{SignalName(sig), false, "", ""})
		_, _ = s.ch.SendRequest(exitSignal, false, payload)
	} else {
		_, _ = s.ch.SendRequest(exitStatus, false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
	}
	s.session.end()
	_ = s.in.Close()
	s.c.m.changed()
	s.closed()
}

// input carries what the client sends to the process, or the terminal.
func (s *sshSession) input() {
	var w io.Writer = s.in
	if s.tty != nil {
		w = s.tty
	}
	buf := make([]byte, 4<<10)
	for {
		n, err := s.ch.Read(buf)
		if n > 0 {
			s.c.m.countOp(s.c)
			if _, werr := w.Write(buf[:n]); werr != nil {
				_, _ = io.Copy(io.Discard, s.ch)
				return
			}
		}
		if err != nil {
			if s.tty == nil {
				_ = s.in.Close()
			}
			return
		}
	}
}

// hangup is the end of the channel: input ends, and a terminal's processes get
// SIGHUP. Others live on until they write to nobody.
func (s *sshSession) hangup() {
	_ = s.in.Close()
	s.session.end()
	if s.tty == nil || s.process == nil {
		return
	}
	for _, p := range s.c.m.Processes() {
		if p.SessionID == s.process.SessionID {
			p.signal(syscall.SIGHUP)
		}
	}
}

// keyboard sends a key's signal to the terminal's processes: those the shell has
// started, or the shell itself.
func (s *sshSession) keyboard(sig syscall.Signal) {
	if s.process == nil {
		return
	}
	for _, p := range s.c.m.Processes() {
		if p.SessionID == s.process.SessionID && p.PID != s.process.PID {
			p.signal(sig)
		}
	}
}

// startLogin begins the first process of a session channel.
func (m *Machine) startLogin(u User, s *sshSession, c Command) (*task, error) {
	return m.startFor(u, s.session, c, s.exited)
}

// nextTerminal names a new pseudo-terminal.
func (m *Machine) nextTerminal() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.terminals++
	return fmt.Sprintf("pts/%d", m.terminals-1)
}

// countOp counts the commands of the connection fault cut-op.
func (m *Machine) countOp(c *connection) {
	f := &m.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cutOp == 0 {
		return
	}
	if f.ops++; f.ops == f.cutOp {
		f.cutOp = 0
		c.conn.cutSoon()
	}
}
