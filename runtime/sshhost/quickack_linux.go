package sshhost

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck acknowledges at once what arrives. A delayed acknowledgement meets
// the server's Nagle algorithm in every exchange of small packets: some 40 ms
// when connecting. Linux clears the option by itself, so it is set again with
// every read.
func quickAck(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	q := &quickConn{TCPConn: tcp}
	q.set = func() {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	}
	q.set()
	return q
}

type quickConn struct {
	*net.TCPConn
	set func()
}

func (q *quickConn) Read(p []byte) (int, error) {
	n, err := q.TCPConn.Read(p)
	q.set()
	return n, err
}
