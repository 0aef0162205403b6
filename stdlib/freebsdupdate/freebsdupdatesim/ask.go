package freebsdupdatesim

import (
	"io"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// readLine reads a line byte by byte, as sh's read does; false says that the
// input ended.
func readLine(in io.Reader) (string, bool) {
	var b strings.Builder
	one := make([]byte, 1)
	for {
		n, err := in.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return b.String(), true
		case n == 1:
			b.WriteByte(one[0])
		case err != nil:
			return b.String(), false
		}
	}
}

// reasonable asks for consent: by the first letter, again until there is one. The
// end of the input is consent. Only a terminal is shown the question.
func (u *update) reasonable(in io.Reader, terminal bool) bool {
	for {
		if terminal {
			u.Errorf("Does this look reasonable (y/n)? ")
		}
		line, ok := readLine(in)
		switch {
		case !ok:
			return true
		case strings.HasPrefix(strings.ToLower(line), "y"):
			return true
		case strings.HasPrefix(strings.ToLower(line), "n"):
			return false
		}
	}
}

// terminal opens the controlling terminal; without one the shell complains.
func (u *update) terminal() (io.ReadCloser, bool) {
	f, err := u.Open("/dev/tty", vfs.O_RDONLY, 0)
	if err != nil {
		u.Errorf("%s: cannot open /dev/tty: Device not configured\n", u.name)
		return nil, false
	}
	return f, true
}

// reasonableThere asks on the controlling terminal.
func (u *update) reasonableThere() bool {
	tty, ok := u.terminal()
	if !ok {
		return false
	}
	defer func() { _ = tty.Close() }()
	return u.reasonable(tty, true)
}

// page shows a list through the user's pager.
func (u *update) page(text string) {
	pager := u.Getenv("PAGER")
	switch {
	case pager != "":
	case u.era < 12:
		pager = "more"
	default:
		pager = "/usr/bin/less"
	}
	command := u.shell(pager)
	command.Stdin = strings.NewReader(text)
	u.RunCommand(command)
}
