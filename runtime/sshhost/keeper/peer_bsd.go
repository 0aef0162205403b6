//go:build freebsd || darwin

package keeper

import (
	"net"

	"golang.org/x/sys/unix"
)

// sameUser tells whether the other end of a socket is a process of our user.
func sameUser(conn net.Conn) bool {
	return peerOf(conn, func(fd int) (int, error) {
		who, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err != nil {
			return 0, err
		}
		return int(who.Uid), nil
	})
}

// Harden keeps a core file from the memory of this process.
func Harden() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
