package ccsim

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/socket"
)

// prober is the twin of bind-probe.c, one process of it.
type prober struct {
	sockets  *socket.Stack
	uid, pid int
	out      io.Writer
	show     func(port string) // runs the command
}

func bindProbe(p *sim.Proc) int {
	if len(p.Args) < 4 {
		p.Errorf("usage: bind-probe PORT COMMAND EXPERIMENT...\n")
		return 2
	}
	b := prober{sockets: p.Machine.Sockets(), uid: p.Cred.UID, pid: p.PID, out: p.Stdout}
	if command := p.Args[2]; command != "" {
		b.show = func(port string) {
			p.Printf("-- shown\n")
			p.RunEnv([]string{"port=" + port}, "/bin/sh", "-c", command)
		}
	}
	for _, words := range p.Args[3:] {
		port, err := strconv.ParseUint(p.Args[1], 10, 16)
		if err != nil {
			p.Errorf("getaddrinfo: servname not supported for ai_socktype\n")
			return 1
		}
		b.experiment(uint16(port), words)
	}
	return 0
}

func (b *prober) printf(format string, args ...any) { _, _ = fmt.Fprintf(b.out, format, args...) }

// experiment binds a socket for each answer of getaddrinfo(3) and closes them
// again.
func (b *prober) experiment(port uint16, list string) {
	words := strings.Split(list, ",")
	proto := "tcp"
	if slices.Contains(words, "udp") {
		proto = "udp"
	}
	if port == 0 {
		port = b.freePort(proto)
	}
	families := b.sockets.Kernel().Passive()
	b.printf("experiment %s port %d\ngetaddrinfo: %d results\n", list, port, len(families))
	if slices.Contains(words, "reverse") {
		slices.Reverse(families)
	}
	for _, family := range families {
		s := b.sockets.Socket(family, proto, b.uid, b.pid)
		defer b.sockets.Close(s)
		b.place(s, port, words)
	}
	if b.show != nil {
		b.show(strconv.Itoa(int(port)))
	}
}

// place makes a socket a server's.
func (b *prober) place(s *socket.Socket, port uint16, words []string) {
	s.ReuseAddr = slices.Contains(words, "reuse")
	if s.Family == socket.Inet6 {
		b.printf("%s IPV6_V6ONLY default=%d\n", s.Family, number(s.V6Only))
		if only := slices.Contains(words, "set1"); only || slices.Contains(words, "set0") {
			s.V6Only = only
			b.printf("%s IPV6_V6ONLY set to %d\n", s.Family, number(only))
		}
	}
	if b.tell(s, "bind", b.sockets.Bind(s, netip.AddrPortFrom(s.Family.Any(), port))) && s.Proto == "tcp" {
		b.tell(s, "listen", b.sockets.Listen(s))
	}
}

func number(on bool) int {
	if on {
		return 1
	}
	return 0
}

// tell prints how a call went.
func (b *prober) tell(s *socket.Socket, call string, err error) bool {
	if err != nil {
		b.printf("%s %s: errno=%d %s\n", s.Family, call, b.sockets.Kernel().Errno(err), sim.ErrText(err))
		return false
	}
	b.printf("%s %s: ok\n", s.Family, call)
	return true
}

// freePort is a port that is free in both families.
func (b *prober) freePort(proto string) uint16 {
	for range 100 {
		four := b.sockets.Socket(socket.Inet, proto, b.uid, b.pid)
		defer b.sockets.Close(four) // so that the next try gets another port
		six := b.sockets.Socket(socket.Inet6, proto, b.uid, b.pid)
		defer b.sockets.Close(six)
		six.V6Only = true
		if b.sockets.Bind(four, netip.AddrPortFrom(four.Family.Any(), 0)) != nil {
			break
		}
		if b.sockets.Bind(six, netip.AddrPortFrom(six.Family.Any(), four.Local.Port())) == nil {
			return four.Local.Port()
		}
	}
	return 0
}
