package socket

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

// parse reads "tcp6 :: only reuse", a socket and the address it asks for.
func parse(t *testing.T, text string) (*Socket, netip.AddrPort) {
	t.Helper()
	words := strings.Fields(text)
	s := &Socket{Proto: words[0][:3], Family: Inet}
	if strings.HasSuffix(words[0], "6") {
		s.Family = Inet6
	}
	for _, word := range words[2:] {
		switch word {
		case "only":
			s.V6Only = true
		case "reuse":
			s.ReuseAddr = true
		case "reuseport":
			s.ReusePort = true
		case "user":
			s.UID = 1001
		default:
			t.Fatalf("what is %s?", word)
		}
	}
	return s, netip.AddrPortFrom(netip.MustParseAddr(words[1]), 7020)
}

// outcome binds and listens in turn and tells how that went.
func outcome(t *testing.T, k Kernel, sockets ...string) string {
	t.Helper()
	var open []*Socket
	var words []string
	for _, text := range sockets {
		s, at := parse(t, text)
		word := "ok"
		err := bind(k, open, s, at)
		if err == nil && s.Proto == "tcp" {
			err = listen(k, open, s)
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			word = "inuse"
		} else if err != nil {
			word = err.Error()
		}
		words = append(words, word)
		open = append(open, s)
	}
	return strings.Join(words, " ")
}

func TestWildcardSocketsOfBothFamilies(t *testing.T) {
	for _, c := range []struct {
		first, second              string
		linux, freebsd14, freebsd8 string
	}{
		{"4 0.0.0.0", "6 ::", "ok inuse", "ok ok", "ok ok"},
		{"6 ::", "4 0.0.0.0", "ok inuse", "ok inuse", "ok ok"},
		{"4 0.0.0.0", "6 :: only", "ok ok", "ok ok", "ok ok"},
		{"6 :: only", "4 0.0.0.0", "ok ok", "ok ok", "ok ok"},
		{"4 0.0.0.0 reuse", "6 :: reuse", "ok inuse", "ok ok", "ok ok"},
		{"6 :: reuse", "4 0.0.0.0 reuse", "ok inuse", "ok inuse", "ok ok"},
	} {
		for _, k := range []struct {
			name   string
			kernel Kernel
			want   string
		}{{"linux", Linux{}, c.linux}, {"FreeBSD 14", FreeBSD{14}, c.freebsd14}, {"FreeBSD 8", FreeBSD{8}, c.freebsd8}} {
			if got := outcome(t, k.kernel, "tcp"+c.first, "tcp"+c.second); got != k.want {
				t.Errorf("%s: %s, %s: got %s, want %s", k.name, c.first, c.second, got, k.want)
			}
		}
	}
}

func TestUDPFollowsOptionsAlone(t *testing.T) {
	if got := outcome(t, Linux{}, "udp4 0.0.0.0 reuse", "udp6 :: reuse"); got != "ok ok" {
		t.Errorf("Linux shares a port of UDP: %s", got)
	}
	if got := outcome(t, Linux{}, "udp4 0.0.0.0", "udp6 ::"); got != "ok inuse" {
		t.Errorf("without options Linux does not: %s", got)
	}
	if got := outcome(t, FreeBSD{14}, "udp6 ::", "udp4 0.0.0.0"); got != "ok inuse" {
		t.Errorf("FreeBSD: %s", got)
	}
}

// TestAddressesOnFreeBSD holds the model to the source of in_pcbbind_setup().
func TestAddressesOnFreeBSD(t *testing.T) {
	for _, c := range []struct {
		sockets []string
		want    string
	}{
		{[]string{"tcp4 127.0.0.1", "tcp4 127.0.0.1"}, "ok inuse"},
		{[]string{"tcp4 127.0.0.1", "tcp4 192.0.2.1"}, "ok ok"},
		{[]string{"tcp4 0.0.0.0", "tcp4 127.0.0.1"}, "ok inuse"},
		{[]string{"tcp4 0.0.0.0", "tcp4 127.0.0.1 reuse"}, "ok ok"},
		{[]string{"tcp4 0.0.0.0 reuse", "tcp4 0.0.0.0 reuse"}, "ok inuse"},
		{[]string{"tcp4 0.0.0.0 reuseport", "tcp4 0.0.0.0 reuseport"}, "ok ok"},
		{[]string{"tcp4 0.0.0.0 reuseport", "tcp4 0.0.0.0"}, "ok inuse"},
		{[]string{"tcp4 127.0.0.1", "tcp6 ::"}, "ok inuse"},
		{[]string{"tcp4 127.0.0.1", "tcp6 :: reuse"}, "ok ok"},
		{[]string{"tcp4 127.0.0.1", "tcp6 :: only"}, "ok ok"},
		{[]string{"tcp6 ::1", "tcp6 :: only"}, "ok inuse"},
		{[]string{"tcp4 0.0.0.0", "udp4 0.0.0.0"}, "ok ok"},
		// A port that another user has is not shared without SO_REUSEPORT on it.
		{[]string{"tcp4 0.0.0.0", "tcp4 127.0.0.1 reuse user"}, "ok inuse"},
		{[]string{"tcp4 0.0.0.0", "tcp6 :: user"}, "ok inuse"},
		{[]string{"tcp4 0.0.0.0", "tcp6 :: only user"}, "ok ok"},
	} {
		if got := outcome(t, FreeBSD{14}, c.sockets...); got != c.want {
			t.Errorf("%q: got %s, want %s", c.sockets, got, c.want)
		}
	}
}

// TestListeningComesLater is the recorded case of Linux: with SO_REUSEADDR both
// bind, and only one may listen.
func TestListeningComesLater(t *testing.T) {
	for _, k := range []struct {
		kernel Kernel
		want   error
	}{{Linux{}, syscall.EADDRINUSE}, {FreeBSD{14}, nil}} {
		a, at := parse(t, "tcp4 0.0.0.0 reuse")
		b, at6 := parse(t, "tcp6 :: reuse")
		open := []*Socket{a, b}
		for _, err := range []error{bind(k.kernel, open, a, at), bind(k.kernel, open, b, at6), listen(k.kernel, open, a)} {
			if err != nil {
				t.Fatalf("%T: %v", k.kernel, err)
			}
		}
		if err := listen(k.kernel, open, b); !errors.Is(err, k.want) {
			t.Errorf("%T: the second listen(2) says %v", k.kernel, err)
		}
	}
}

func TestPortsThatAreNotGiven(t *testing.T) {
	low, at := parse(t, "tcp4 0.0.0.0 user")
	if err := bind(FreeBSD{14}, nil, low, netip.AddrPortFrom(at.Addr(), 80)); !errors.Is(err, syscall.EACCES) {
		t.Errorf("a reserved port: %v", err)
	}
	if err := bind(FreeBSD{14}, nil, low, netip.AddrPortFrom(netip.IPv6Unspecified(), 7020)); !errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Errorf("an address of the other family: %v", err)
	}
	a, at := parse(t, "tcp4 0.0.0.0 reuseport")
	b, _ := parse(t, "tcp4 0.0.0.0 reuseport")
	free := netip.AddrPortFrom(at.Addr(), 0)
	if err := errors.Join(bind(FreeBSD{14}, nil, a, free), bind(FreeBSD{14}, []*Socket{a}, b, free)); err != nil {
		t.Fatal(err)
	}
	if a.Local.Port() != 49152 || b.Local.Port() != 49153 {
		t.Errorf("free ports: %v, %v", a.Local, b.Local)
	}
	if err := bind(FreeBSD{14}, nil, a, at); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("bound twice: %v", err)
	}
}

func TestNamesOfSockets(t *testing.T) {
	for text, want := range map[string]string{"tcp4 0.0.0.0": "tcp4", "tcp6 ::": "tcp46", "tcp6 :: only": "tcp6", "udp6 ::1": "udp6"} {
		s, at := parse(t, text)
		if err := bind(FreeBSD{14}, nil, s, at); err != nil || s.Name() != want {
			t.Errorf("%s: %s, %v", text, s.Name(), err)
		}
	}
}

func TestErrnoIsThatOfTheSystem(t *testing.T) {
	if FreeBSD.Errno(FreeBSD{}, syscall.EADDRINUSE) != 48 || Linux.Errno(Linux{}, syscall.EADDRINUSE) != 98 {
		t.Error("EADDRINUSE is 48 on FreeBSD and 98 on Linux")
	}
}

func TestAStackKnowsWhoHears(t *testing.T) {
	s := &Stack{
		Kernel: func() Kernel { return FreeBSD{14} }, V6Only: func() bool { return true },
		Daemons: func() []*Socket { return nil },
	}
	at := func(address string) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(address), 7020)
	}
	six := s.Socket(Inet6, "tcp", 0, 10)
	if err := s.Bind(six, at("::")); err != nil {
		t.Fatal(err)
	}
	if s.Takes(at("::1")) {
		t.Error("it does not listen yet")
	}
	if err := s.Listen(six); err != nil {
		t.Fatal(err)
	}
	if !s.Takes(at("::1")) || s.Takes(at("127.0.0.1")) {
		t.Error("it hears IPv6 alone")
	}
	four := s.Socket(Inet, "tcp", 0, 10)
	if err := errors.Join(s.Bind(four, at("127.0.0.1")), s.Listen(four)); err != nil {
		t.Fatal(err)
	}
	if !s.Takes(at("127.0.0.1")) || s.Takes(at("192.0.2.1")) || four.FD != 4 {
		t.Error("it hears one address of IPv4")
	}
	s.Close(six)
	if s.Takes(at("::1")) || len(s.List()) != 1 {
		t.Error("a closed socket hears nothing")
	}
	s.CloseAll(10)
	if len(s.List()) != 0 {
		t.Error("sockets of a process that is gone")
	}
}
