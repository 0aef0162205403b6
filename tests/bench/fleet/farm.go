// Package fleet measures what many hosts cost: runs of the command itself on
// simulated machines that another process serves, so that each side's share of
// memory and time is its own.
package fleet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
)

// Farm are many simulated machines behind one listener. Each answers at a loopback
// address of its own.
type Farm struct {
	listener net.Listener
	machines map[string]*sim.Machine // by address
	order    []string
}

// address is the loopback address of the nth machine: 127.1.X.Y.
func address(n int) string { return fmt.Sprintf("127.1.%d.%d", n/perBlock, n%perBlock+1) }

// perBlock is how many machines share the first three parts of their addresses.
const perBlock = 250

// NewFarm makes machines and has them listen.
func NewFarm(ctx context.Context, size int) (*Farm, error) {
	f := &Farm{machines: map[string]*sim.Machine{}}
	network, tools := sim.NewNetwork(), stdlib.Tools()
	for n := range size {
		at := address(n)
		m, err := sim.New(sim.Options{Name: fmt.Sprintf("m%05d", n), Tools: tools, Network: network})
		if err != nil {
			return nil, err
		}
		m.RunRealTime(1)
		f.machines[at] = m
		f.order = append(f.order, at)
	}
	var err error
	f.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp4", "0.0.0.0:0")
	return f, err
}

// Port is where all machines listen.
func (f *Farm) Port() int { return f.listener.Addr().(*net.TCPAddr).Port }

// KnownHosts is what known_hosts says of the machines.
func (f *Farm) KnownHosts(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, at := range f.order {
		line := f.machines[at].KnownHostsLine(fmt.Sprintf("%s:%d", at, f.Port()))
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Serve answers connections until Close.
func (f *Farm) Serve() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		at, _, _ := net.SplitHostPort(conn.LocalAddr().String())
		m := f.machines[at]
		if m == nil {
			_ = conn.Close()
			continue
		}
		go m.ServeConn(conn, sim.ServeOptions{})
	}
}

// Close ends all machines.
func (f *Farm) Close() {
	_ = f.listener.Close()
	var closing sync.WaitGroup
	for _, m := range f.machines {
		closing.Go(func() { _ = m.Close() })
	}
	closing.Wait()
}

// serveFarm is a process that serves a farm until its standard input ends. It
// writes known_hosts to a file and then tells its port.
func serveFarm(size int, knownHosts string) error {
	f, err := NewFarm(context.Background(), size)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := f.KnownHosts(&text); err != nil {
		return err
	}
	if err := os.WriteFile(knownHosts, []byte(text.String()), 0o600); err != nil {
		return err
	}
	go f.Serve()
	if _, err := fmt.Println(f.Port()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
