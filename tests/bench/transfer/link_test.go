package transfer

import (
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestLinkPassesAndCounts(t *testing.T) {
	for name, speed := range map[string]Speed{"fast": {}, "slow": {Rate: 10 << 20, Delay: 5 * time.Millisecond}} {
		l, err := NewLink(echo(t), speed)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		conn, err := net.Dial("tcp", l.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		const size = 1 << 20
		go func() {
			_, _ = conn.Write(make([]byte, size))
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		back, err := io.ReadAll(conn)
		_ = conn.Close()
		if up, down := l.Take(); err != nil || len(back) != size || up != size || down != size {
			t.Errorf("%s: %d bytes came back, %d up, %d down: %v", name, len(back), up, down, err)
		}
		// A link is never faster than it says, but for its bursts.
		if least := time.Second/10 + 2*speed.Delay - 2*burst; speed.Rate > 0 && time.Since(began) < least {
			t.Errorf("%s: it took %s, less than %s", name, time.Since(began), least)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
