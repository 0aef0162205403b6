package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/page"
	"bsdrun/runtime/report"
)

// reportFormats are what bsdrun report can make of a run.
var reportFormats = []string{"html", "json", "jsonl", "junit"}

// reportCommand is bsdrun report RUN.
func (c *cli) reportCommand() *cobra.Command {
	var file, format string
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "Write a run as one page, or for machines (RUN may be shortened, or last)",
		Long: `Write a run as one self-contained HTML page: hosts and steps in time, every
change with its diff, outputs, failures, and a chart of the packages that were
built. It needs no network and no other file.

Other formats: json (one object, as with -o json), jsonl (the run's events), and
junit (for CI: a suite a host, a case a step).`,
		Example: `  bsdrun report last -o run.html
  bsdrun report last --format junit -o run.xml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(reportFormats, format) {
				return usage("--format is %s, not %q", strings.Join(reportFormats, ", "), format)
			}
			return withJournal(func(store *journal.Store) error {
				run, err := store.Find(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				var text bytes.Buffer
				if err := writeReport(cmd, store, run, format, &text); err != nil {
					return err
				}
				return c.writeFile("--file", file, text.Bytes())
			})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "o", "-", "`file` to write to; -: standard output")
	cmd.Flags().StringVar(&format, "format", "html", "html, json, jsonl or junit")
	return cmd
}

func writeReport(cmd *cobra.Command, store *journal.Store, run *journal.Run, format string, w io.Writer) error {
	switch format {
	case "html":
		data, err := page.Load(cmd.Context(), store, run.ID)
		if err != nil {
			return err
		}
		return page.Write(w, data, "")
	case "jsonl":
		return report.Replay(cmd.Context(), w, store, run)
	}
	r, err := store.Report(cmd.Context(), run.ID)
	if err != nil {
		return err
	}
	hideOwnScript(r)
	if format == "junit" {
		return report.JUnit(w, r)
	}
	return report.JSON(w, r)
}

// writeFile writes what a flag wants in a file, which only its owner may read: a
// run tells much about its hosts.
func (c *cli) writeFile(flag, name string, text []byte) error {
	if name == "-" {
		_, err := c.out.Write(text)
		return err
	}
	file, err := openToWrite(flag, name)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return &effect.Error{Kind: effect.Internal, Message: fmt.Sprintf("%s could not be written: %v", name, effect.FileTrouble(err)), Cause: err, Hint: "the run is recorded: bsdrun report writes it, once there is room"}
	}
	return nil
}

func openToWrite(flag, name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, usage("%s: %s cannot be written: %v", flag, name, effect.FileTrouble(err))
	}
	return file, nil
}

// checkJUnit finds out before a run whether its results can be written where
// --junit wants them.
func (c *cli) checkJUnit() error {
	if c.flags.junit == "" || c.flags.junit == "-" {
		return nil
	}
	file, err := openToWrite("--junit", c.flags.junit)
	if err != nil {
		return err
	}
	return file.Close()
}

// writeJUnit writes a run's results where --junit wants them.
func (c *cli) writeJUnit(r *journal.Report) error {
	if c.flags.junit == "" {
		return nil
	}
	var text bytes.Buffer
	if err := report.JUnit(&text, r); err != nil {
		return err
	}
	return c.writeFile("--junit", c.flags.junit, text.Bytes())
}
