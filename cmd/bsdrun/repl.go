package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/repl"
	"bsdrun/runtime/report"
)

// replCommand is bsdrun repl HOST...
func (c *cli) replCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repl HOST...",
		Short: "Try things at a prompt, on one host or on many",
		Long: `Try things at a prompt, on one host or on many.

What is typed is Lua, as in a recipe: h is the host, and a value is shown. Tab
completes modules, functions, options and names of the host; :help tells the
rest. The session is a run: what it changes is in the journal. Input that comes
from a pipe or a file is evaluated line by line, and the exit code is that of
the first failure.`,
		Example: `  bsdrun repl web.example.org
  bsdrun repl --check web1.example.org web2.example.org
  echo 'h.facts.release' | bsdrun repl sim:`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := c.options()
			if err != nil {
				return err
			}
			if o.Hosts, err = c.hosts(args); err != nil {
				return err
			}
			if o.Root, err = os.Getwd(); err != nil {
				return err
			}
			return c.repl(cmd.Context(), o)
		},
	}
	c.flags.add(cmd.Flags())
	return cmd
}

// repl holds a session, and tells by the exit code what failed where nobody saw it.
func (c *cli) repl(ctx context.Context, o engine.Options) error {
	store, err := c.equip(&o)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	config := repl.Config{
		Out: c.out, Err: c.err, // the session has redacted what comes
		Style: report.Style{Color: c.colored(c.out), Terminal: isTerminal(c.out)}, Check: c.flags.check,
		Doc: c.explain, DocNames: docNames(),
	}
	if config.Editor, config.Interactive, err = c.editor(); err != nil {
		return err
	}
	if c.flags.verbose {
		plain := report.NewPlain(config.Err, c.style(), true)
		defer plain.Close()
		o.Events = plain
	}
	interrupts, _, forget := interruptions()
	defer forget()
	config.Interrupt = interrupts
	r, failure, err := repl.Run(ctx, o, config)
	if err != nil {
		return err
	}
	return c.sessionExit(r, failure, config.Interactive)
}

// sessionExit is 0 for a session that a person ended: they saw what failed.
func (c *cli) sessionExit(r *journal.Report, failure effect.ErrKind, interactive bool) error {
	code := r.Exit(false)
	if code == 0 && failure != "" && !interactive {
		code = failure.Exit()
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}

// editor reads lines from the terminal, or from whatever standard input is.
func (c *cli) editor() (e repl.Editor, interactive bool, err error) {
	if c.in != os.Stdin || !isTerminal(c.in) || !isTerminal(c.out) {
		return repl.Lines(c.in), false, nil
	}
	folder, err := journal.Dir()
	if err != nil {
		return nil, false, err
	}
	e, err = repl.Terminal(repl.OpenHistory(filepath.Join(folder, "repl_history")))
	return e, true, err
}
