package main

import (
	"context"

	"github.com/spf13/cobra"

	"bsdrun/runtime/engine"
	"bsdrun/runtime/journal"
)

// undoCommand is bsdrun undo RUN.
func (c *cli) undoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "undo RUN",
		Short: "Take back what a run did, where its recipe can (RUN may be shortened, or last)",
		Long: `Take back what a run did, on its hosts, by the undo function of its recipe.

This is a run of its own, with the stored copy of the recipe and the parameters
and options of the run; options given here replace those. --check tells what
would be done. What a recipe takes back is told by bsdrun doc RECIPE.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := c.storedOptions(cmd)
			if err != nil {
				return err
			}
			return c.carryOut(cmd.Context(), o, func(ctx context.Context, o engine.Options) (*journal.Report, error) {
				return engine.Undo(ctx, args[0], o)
			})
		},
	}
	cmd.Flags().BoolVarP(&c.flags.check, "check", "n", false, "read for real, change nothing, tell what would change")
	c.flags.addSession(cmd.Flags())
	return cmd
}
