package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"bsdrun/runtime/engine"
	"bsdrun/runtime/report"
	"bsdrun/runtime/view"
)

// progressKinds are the ways to show a run while it goes on.
var progressKinds = []string{"auto", "live", "plain"}

func (f *flags) checkProgress() error {
	if !slices.Contains(progressKinds, f.progress) {
		return usage("--progress is %s, not %q", strings.Join(progressKinds, ", "), f.progress)
	}
	return nil
}

// showProgress shows a run on standard error while it goes on: as lines, and on
// a terminal with a live view below them. press is called for a Ctrl-C that the
// view has taken.
func (c *cli) showProgress(o *engine.Options, press func()) (events sinks, end func()) {
	if !c.liveTerminal() {
		plain := report.NewPlain(o.Redactor.Writer(c.err), c.style(), c.flags.verbose)
		return sinks{plain}, plain.Close
	}
	var plain *report.Plain
	live := view.New(view.Options{
		In: c.in.(*os.File), Out: c.err.(*os.File), Color: c.style().Color, Interrupt: press,
		Live: func(shown bool) { plain.Brief(shown) },
	})
	plain = report.NewPlain(o.Redactor.Writer(live), c.style(), c.flags.verbose)
	if a, ok := o.Asker.(*asker); ok {
		a.aside = live.Ask
	}
	live.Start()
	o.SSH.Warn = func(text string) { _, _ = fmt.Fprintln(live, "bsdrun: "+text) }
	if isTerminal(c.out) {
		o.Print = func(_, text string) { _, _ = fmt.Fprintln(live, text) }
	}
	return sinks{live, plain}, func() {
		plain.Close()
		live.Close()
	}
}

// liveTerminal tells whether there is a terminal that a live view can have for
// itself, and whether one is wanted.
func (c *cli) liveTerminal() bool {
	if c.flags.progress == "plain" || !isTerminal(c.in) || !isTerminal(c.err) {
		return false
	}
	if c.flags.progress == "live" {
		return true
	}
	switch {
	case os.Getenv("TERM") == "" || os.Getenv("TERM") == "dumb":
		return false
	case isTerminal(c.out):
		return c.flags.output != "jsonl" && inForeground(c.in.(*os.File))
	default: // a pager behind a pipe reads the keyboard, too
		return !isPipe(c.out) && inForeground(c.in.(*os.File))
	}
}

func isPipe(stream io.Writer) bool {
	if o, ok := stream.(*output); ok {
		stream = o.to
	}
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0
}

// inForeground tells whether the terminal's keys are ours: a job in the
// background that took them would be stopped.
func inForeground(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}
