package sshhost

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"bsdrun/runtime/effect"
)

func TestUnreachableIsToldInPlainWords(t *testing.T) {
	set := settings{host: "web.example.org", port: 2222, alias: "web"}
	for _, c := range []struct {
		err           error
		message, hint string
	}{
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "web.example.org", Server: "192.0.2.53:53", IsNotFound: true}},
			"the name web.example.org does not resolve", "spelled"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
			"web.example.org:2222 does not answer: connection refused", "ssh -p 2222 web"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)},
			"this machine can open no more connections: too many open files", "ulimit -n"},
		{fmt.Errorf("handshake: %w", context.DeadlineExceeded), "web.example.org:2222 does not answer within 0s", "ssh -p 2222 web"},
	} {
		e := effect.AsError(unreachable(set, c.err))
		if e.Kind != effect.Unreachable || e.Message != c.message || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("got %q, hint %q", e.Message, e.Hint)
		}
	}
}
