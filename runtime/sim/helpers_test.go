package sim_test

import (
	"errors"
	"io/fs"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim/vfs"
)

var rootCred = vfs.Root

func asExit(err error, to **ssh.ExitError) bool { return errors.As(err, to) }

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
