package keeper

import (
	"net"

	"golang.org/x/sys/unix"
)

// sameUser tells whether the other end of a socket is a process of our user.
func sameUser(conn net.Conn) bool {
	return peerOf(conn, func(fd int) (int, error) {
		who, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return 0, err
		}
		return int(who.Uid), nil
	})
}

// Harden keeps other processes of the user, and a core file, from the memory of this
// one.
func Harden() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
