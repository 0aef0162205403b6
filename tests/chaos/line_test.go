package chaos

import (
	"io"
	"net"
	"sync"
)

// line is the network in front of a machine.
type line struct {
	net.Listener

	mu       sync.Mutex
	onAnswer func() // called in the place of the machine's next answer
	onEnd    func() // called when the next connection has ended
	down     bool   // no connection comes about
}

// Accept takes a connection unless the line is down.
func (l *line) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		down := l.down
		l.mu.Unlock()
		if !down {
			return &tapped{conn, l}, nil
		}
		_ = conn.Close()
	}
}

func (l *line) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// prepare has the line deal out a blow to the child that is about to send a change.
func (l *line) prepare(b blow, kill func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch b {
	case killAnswered:
		l.onAnswer = kill
	case killDown:
		l.onEnd = kill
	case cut:
		l.onAnswer = func() {}
	case lost:
		l.onAnswer = func() { l.setDown(true) }
	}
}

// take returns a function that is called once.
func (l *line) take(from *func()) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := *from
	*from = nil
	return f
}

// tapped is a connection as the machine has it.
type tapped struct {
	net.Conn
	line *line
}

// Write passes an answer on, unless the connection is to end at it.
func (c *tapped) Write(p []byte) (int, error) {
	if f := c.line.take(&c.line.onAnswer); f != nil {
		f()
		_ = c.Conn.Close()
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Write(p)
}

// Close ends the connection.
func (c *tapped) Close() error {
	err := c.Conn.Close()
	if f := c.line.take(&c.line.onEnd); f != nil {
		f()
	}
	return err
}
