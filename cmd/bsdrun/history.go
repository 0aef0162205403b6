package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/report"
)

// withJournal opens the journal for one command.
func withJournal(do func(store *journal.Store) error) error {
	store, err := openJournal()
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	return do(store)
}

// openJournal opens the journal, or tells what to do about it.
func openJournal() (*journal.Store, error) {
	store, err := journal.Open("")
	var told *effect.Error
	if err == nil || errors.As(err, &told) {
		return store, err
	}
	failed := effect.Error{Kind: effect.Usage, Message: err.Error(), Cause: err,
		Hint: "move the file away to begin a new history, or set XDG_STATE_HOME to another folder"}
	var path *fs.PathError
	if diskFull(err) {
		failed.Hint = "make room on its file system, or set XDG_STATE_HOME to another folder"
	}
	if _, nowhere := journal.Dir(); nowhere != nil || errors.As(err, &path) {
		failed.Hint = "set XDG_STATE_HOME to a folder that you may write: every run is recorded in bsdrun below it"
	}
	return nil, &failed
}

// asJSON prints a value for machines; with jsonl, an element a line.
func (c *cli) asJSON(v any) error {
	if c.flags.output == "junit" {
		return usage("--output junit is for runs; this is no run, but text, json or jsonl")
	}
	encoder := json.NewEncoder(c.out)
	encoder.SetEscapeHTML(false)
	if c.flags.output == "json" {
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}
	list, ok := v.([]map[string]any)
	if !ok {
		return encoder.Encode(v)
	}
	for _, element := range list {
		if err := encoder.Encode(element); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) textOptions() report.TextOptions {
	return report.TextOptions{
		Style: c.styleOf(c.out),
		Diff:  c.flags.diff, Changes: c.flags.verbose,
	}
}

// diskFull tells whether SQLite had no room.
func diskFull(err error) bool { return strings.Contains(err.Error(), "database or disk is full") }

// runsCommand is bsdrun runs.
func (c *cli) runsCommand() *cobra.Command {
	var host string
	var limit int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List what was run, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(func(store *journal.Store) error {
				runs, err := store.Runs(cmd.Context(), journal.Filter{Host: hostName(host), Limit: limit})
				if err != nil {
					return err
				}
				if c.flags.output != "text" {
					return c.asJSON(runsJSON(runs))
				}
				if len(runs) == 0 {
					c.warn("no run is recorded")
					return nil
				}
				report.Runs(c.out, runs, store.Held, c.textOptions().Style)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&host, "host", "", "only runs that included this `host`")
	cmd.Flags().IntVar(&limit, "limit", 20, "at most this many (0: all)")
	c.flags.addOutput(cmd.Flags())
	cmd.AddCommand(c.pruneCommand())
	return cmd
}

func runsJSON(runs []journal.Run) []map[string]any {
	out := make([]map[string]any, 0, len(runs))
	for _, r := range runs {
		out = append(out, map[string]any{
			"run": r.ID, "recipe": r.Recipe, "check": r.Check, "state": r.State,
			"started": r.Started, "ended": r.Ended, "params": journal.ForJSON(r.Params), "version": r.Version,
		})
	}
	return out
}

func (c *cli) pruneCommand() *cobra.Command {
	var keep time.Duration
	var resumable bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Forget old runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(func(store *journal.Store) error {
				before := time.Now().Add(-keep)
				n, err := store.Prune(cmd.Context(), before, resumable)
				if err != nil {
					return err
				}
				cmd.Printf("forgot %d runs\n", n)
				left, err := store.Runs(cmd.Context(), journal.Filter{})
				if i := slices.IndexFunc(left, func(r journal.Run) bool { return r.Started.Before(before) }); i >= 0 {
					cmd.Printf("kept %d that can still be resumed; --resumable forgets them, too\n", len(left[i:]))
				}
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&keep, "keep", 90*24*time.Hour, "keep the runs of this long")
	cmd.Flags().BoolVar(&resumable, "resumable", false, "forget those too that could still be resumed")
	return cmd
}

// completeRuns completes the name of one of the newest runs, and tells what each
// was.
func completeRuns(cmd *cobra.Command, args []string, _ string) (names []string, directive cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_ = withJournal(func(store *journal.Store) error { // without a journal there is none
		runs, err := store.Runs(cmd.Context(), journal.Filter{Limit: 20})
		for _, run := range runs {
			names = append(names, cobra.CompletionWithDesc(run.ID, run.Recipe+", "+run.Started.Format(time.DateTime)))
		}
		return err
	})
	return append(names, "last"), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// showCommand is bsdrun show RUN.
func (c *cli) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show RUN",
		Short:             "Tell all of a run: results, steps, every effect (RUN may be shortened, or last)",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJournal(func(store *journal.Store) error { return c.show(cmd, store, args[0]) })
		},
	}
	cmd.Flags().BoolVarP(&c.flags.diff, "diff", "D", false, "show what changed in files")
	c.flags.addOutput(cmd.Flags())
	return cmd
}

func (c *cli) show(cmd *cobra.Command, store *journal.Store, id string) error {
	run, err := store.Find(cmd.Context(), id)
	if err != nil {
		return err
	}
	if c.flags.output != "text" {
		return writeReport(cmd, store, run, c.flags.output, c.out)
	}
	r, err := store.Report(cmd.Context(), run.ID)
	if err != nil {
		return err
	}
	effects, err := store.Effects(cmd.Context(), run.ID, "")
	if err != nil {
		return err
	}
	hideOwnScript(r)
	o := c.textOptions()
	o.Whole = true
	report.Runs(c.out, []journal.Run{*run}, store.Held, o.Style)
	report.Effects(c.out, effects, o)
	report.Text(c.out, c.out, r, o)
	return nil
}

// logCommand is bsdrun log HOST.
func (c *cli) logCommand() *cobra.Command {
	var since time.Duration
	var limit int
	cmd := &cobra.Command{
		Use:   "log HOST",
		Short: "Tell what was changed on a host, when, and what it printed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withJournal(func(store *journal.Store) error {
				after := time.Time{}
				if since > 0 {
					after = time.Now().Add(-since)
				}
				host := hostName(args[0])
				entries, err := store.HostLog(cmd.Context(), host, after, limit)
				if err != nil {
					return err
				}
				if len(entries) == 0 {
					c.warn("no run has changed " + host + ", as far as this journal knows")
				}
				if c.flags.output != "text" {
					return c.asJSON(logJSON(entries))
				}
				report.Log(c.out, entries, c.textOptions())
				return nil
			})
		},
	}
	cmd.Flags().DurationVar(&since, "since", 0, "only what is not older than this (24h)")
	cmd.Flags().IntVar(&limit, "limit", 200, "at most this many changes (0: all)")
	cmd.Flags().BoolVarP(&c.flags.diff, "diff", "D", false, "show what changed in files")
	c.flags.addOutput(cmd.Flags())
	return cmd
}

// hostName is how the journal calls a host of the command line.
func hostName(text string) string {
	if hosts, err := inventory.Parse(text); err == nil && len(hosts) == 1 {
		return hosts[0].Name
	}
	return text
}

func logJSON(entries []journal.Entry) []map[string]any {
	out := make([]map[string]any, 0, len(entries))
	for _, e := range entries {
		out = append(out, map[string]any{
			"run": e.Run, "recipe": e.Recipe, "step": e.Step, "op": e.Op, "what": e.What, "at": e.Line,
			"sent": e.Sent, "ended": e.Ended, "status": e.Status, "code": e.Code,
			"stdout": string(e.Out), "stderr": string(e.Err), "diff": e.Diff,
		})
	}
	return out
}
