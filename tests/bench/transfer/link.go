// Package transfer measures how bsdrun moves files and trees beside scp, sftp,
// rsync and tar over ssh, in one run, on a real sshd: at full speed, and over a
// link as slow as one between two sites. Only ratios of one run mean anything.
package transfer

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Link is a TCP link to a server, through which connections pass. It counts what
// passes and, where that is asked for, is as slow as a real one.
type Link struct {
	Speed
	Up, Down atomic.Int64 // bytes to the server, and from it

	listener net.Listener
	server   string
	open     sync.WaitGroup
}

// Speed is what a link allows in each direction; none is that of the machine.
type Speed struct {
	Rate  int           // bytes a second
	Delay time.Duration // one way
}

// NewLink listens on a loopback address and passes on to the server.
func NewLink(server string, speed Speed) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{Speed: speed, listener: listener, server: server}
	go l.accept()
	return l, nil
}

// Port is where clients connect.
func (l *Link) Port() int { return l.listener.Addr().(*net.TCPAddr).Port }

// Close ends the link for new connections.
func (l *Link) Close() error { return l.listener.Close() }

// Take waits until all connections have ended and returns what has passed since
// the last call.
func (l *Link) Take() (up, down int64) {
	l.open.Wait()
	return l.Up.Swap(0), l.Down.Swap(0)
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.open.Go(func() { l.join(client) })
	}
}

// join passes everything between a client and the server.
func (l *Link) join(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { l.pass(server, client, &l.Up) })
	both.Go(func() { l.pass(client, server, &l.Down) })
	both.Wait()
}

// pass copies one direction until its end.
func (l *Link) pass(to, from net.Conn, count *atomic.Int64) {
	var n int64
	if l.Speed == (Speed{}) {
		n, _ = io.Copy(to, from) // within the kernel, where it can
	} else {
		n = l.crawl(to, from)
	}
	count.Add(n)
	_ = to.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, from)
}

// packet is some bytes under way.
type packet struct {
	data   []byte
	arrive time.Time
}

// Sizes of a slow link: of a packet, and how many the queue before it holds.
const (
	packetSize = 8 << 10
	queue      = 64
)

// burst is how long an idle link may be made up for, since sleeps are never exact.
const burst = 5 * time.Millisecond

// crawl passes packets at the link's rate, each later by its delay.
func (l *Link) crawl(to io.Writer, from io.Reader) (n int64) {
	onTheWay := make(chan packet, queue)
	var arrived sync.WaitGroup
	arrived.Go(func() {
		var err error
		for p := range onTheWay {
			time.Sleep(time.Until(p.arrive))
			if err == nil {
				_, err = to.Write(p.data)
			}
		}
	})
	var free time.Time // when the last packet has left
	for {
		data := make([]byte, packetSize)
		size, err := from.Read(data)
		if size > 0 {
			n += int64(size)
			if now := time.Now(); now.Sub(free) > burst {
				free = now
			}
			free = free.Add(time.Duration(size) * time.Second / time.Duration(l.Rate))
			time.Sleep(time.Until(free))
			onTheWay <- packet{data[:size], free.Add(l.Delay)}
		}
		if err != nil {
			break
		}
	}
	close(onTheWay)
	arrived.Wait()
	return n
}
