// Package trips counts the round trips of a connection.
package trips

import (
	"context"
	"net"
	"sync"
)

// Counter counts the round trips of connections: how often we
// send something after something has come. What we send in several pieces may be
// counted more than once when the far end answers the first of them quickly, so a
// count is never too low, and the lowest of several is the truest.
type Counter struct {
	mu    sync.Mutex
	trips int
}

// Dialer dials an address and counts what follows; dialling is a round trip of its
// own.
func (c *Counter) Dialer(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.trips++
		c.mu.Unlock()
		return c.Count(conn), nil
	}
}

// Count counts the round trips of a connection.
func (c *Counter) Count(conn net.Conn) net.Conn { return &counted{Conn: conn, counter: c} }

// AfterNext begins to count with the answer to what is sent next.
func (c *Counter) AfterNext() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips = -1
}

// Trips is how many there have been.
func (c *Counter) Trips() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trips
}

type counted struct {
	net.Conn
	counter *Counter
	heard   bool // something has come since we sent something
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.counter.mu.Lock()
		c.heard = true
		c.counter.mu.Unlock()
	}
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	c.counter.mu.Lock()
	if c.heard {
		c.counter.trips++
		c.heard = false
	}
	c.counter.mu.Unlock()
	return c.Conn.Write(p)
}
