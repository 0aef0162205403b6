// Package bare is the least that an SSH client can do: connections without layers,
// quoting, journal or ledger. It is the floor that bsdrun is measured against.
package bare

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// Client is one connection.
type Client struct {
	client *ssh.Client
	stdin  io.WriteCloser
	stdout *bufio.Reader
	shell  *ssh.Session
	n      int
}

// Login says who logs in, and by which key the server is known.
type Login struct {
	User   string
	Key    ssh.Signer
	Server ssh.PublicKey
	// QuickAck asks for acknowledgements at once, as bsdrun does.
	QuickAck bool
}

// Dial connects.
func Dial(addr string, login Login) (*Client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if login.QuickAck {
		conn = &quickAck{conn.(*net.TCPConn)}
	}
	sc, channels, requests, err := ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		User: login.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(login.Key)}, HostKeyCallback: ssh.FixedHostKey(login.Server),
		Config: ssh.Config{Ciphers: []string{ssh.CipherAES128GCM}, KeyExchanges: []string{ssh.KeyExchangeCurve25519}},
	})
	if err != nil {
		return nil, err
	}
	return &Client{client: ssh.NewClient(sc, channels, requests)}, nil
}

// quickAck asks for acknowledgements at once.
type quickAck struct{ *net.TCPConn }

const tcpQuickAck = 12

func (c *quickAck) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if raw, rawErr := c.SyscallConn(); rawErr == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpQuickAck, 1)
		})
	}
	return n, err
}

// OpenShell starts the one shell that Run feeds.
func (f *Client) OpenShell() error {
	var err error
	if f.shell, err = f.client.NewSession(); err != nil {
		return err
	}
	if f.stdin, err = f.shell.StdinPipe(); err != nil {
		return err
	}
	out, err := f.shell.StdoutPipe()
	if err != nil {
		return err
	}
	f.stdout = bufio.NewReader(out)
	return f.shell.Start("exec /bin/sh")
}

// Run feeds one command to the shell and reads until its end.
func (f *Client) Run(command string) (string, error) {
	f.n++
	mark := fmt.Sprintf("mark-%d", f.n)
	if _, err := fmt.Fprintf(f.stdin, "%s\necho %s $?\n", command, mark); err != nil {
		return "", err
	}
	var out strings.Builder
	for {
		line, err := f.stdout.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(line, mark) {
			return out.String(), nil
		}
		out.WriteString(line)
	}
}

// Exec runs one command on a channel of its own.
func (f *Client) Exec(command string) (string, error) {
	session, err := f.client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	out, err := session.Output(command)
	return string(out), err
}

// Close ends the connection.
func (f *Client) Close() { _ = f.client.Close() }
