package keeper

import (
	"net"
	"os"
)

// peerOf tells whether the user that a socket's other end belongs to is ours.
func peerOf(conn net.Conn, user func(fd int) (int, error)) bool {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		uid, err := user(int(fd))
		same = err == nil && uid == os.Geteuid()
	})
	return err == nil && same
}
