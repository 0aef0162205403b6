package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/term"
)

// page shows a text that is longer than the terminal with a pager, and prints any
// other.
func (c *cli) page(text string, plain bool) error {
	o, _ := c.out.(*output)
	if plain || o == nil || !isTerminal(c.out) || !taller(o.to, text) || !runPager(o.to.(*os.File), text) {
		_, err := io.WriteString(c.out, text)
		return err
	}
	return nil
}

// taller tells whether a text has more lines than the terminal.
func taller(w io.Writer, text string) bool {
	f, is := w.(*os.File)
	if !is {
		return false
	}
	_, height, err := term.GetSize(int(f.Fd()))
	return err == nil && strings.Count(text, "\n") >= height
}

// runPager tells whether the pager has shown the text: one that is not there, or
// fails, has not. Leaving it early is no failure.
func runPager(out *os.File, text string) bool {
	words := strings.Fields(os.Getenv("PAGER"))
	if len(words) == 0 {
		words = []string{"less"}
	}
	cmd := exec.Command(words[0], words[1:]...) //nolint:noctx // it ends when its reader wants
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), out, os.Stderr
	err := cmd.Run()
	var left *exec.ExitError
	return err == nil || errors.As(err, &left) && left.ExitCode() != notFound
}

// notFound is how a shell says that there is no such program.
const notFound = 127
