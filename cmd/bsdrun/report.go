package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return usage("%s: %v", flag, err)
	}
	return nil
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
