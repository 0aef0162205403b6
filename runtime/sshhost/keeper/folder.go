package keeper

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"bsdrun/runtime/effect"
)

func socketOf(dir string) string { return filepath.Join(dir, "keeper-"+strconv.Itoa(protocol)) }

// maxSocket is what every system takes as the name of a socket.
const maxSocket = 100

// checkDir makes the folder of the socket, and refuses one that others can reach.
func checkDir(dir string) error {
	if len(socketOf(dir)) > maxSocket {
		return effect.WithHint(effect.Errorf(effect.Usage, "keep", "%s is too long for the name of a socket", socketOf(dir)),
			"set XDG_RUNTIME_DIR to a folder with a shorter name")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	case !ok || int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to somebody else", dir)
	case info.Mode().Perm()&0o077 != 0:
		return effect.WithHint(effect.Errorf(effect.Denied, "keep", "others can reach %s", dir), "chmod 700 %s", dir)
	}
	return nil
}
