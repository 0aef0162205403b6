package main

import (
	"context"

	"github.com/spf13/cobra"

	"bsdrun/runtime/engine"
	"bsdrun/runtime/journal"
)

// resumeCommand is bsdrun resume RUN.
func (c *cli) resumeCommand() *cobra.Command {
	var recipe string
	cmd := &cobra.Command{
		Use:   "resume RUN",
		Short: "Go on with a run where it stood (RUN may be shortened, or last)",
		Long: `Go on with a run where it stood, on the hosts that are not done.

The stored copy of the recipe is used, with the parameters and options of the
run; options given here replace those. --recipe uses an edited recipe, whose
steps are matched by their names. There is no --check here: a resumed run
changes what is left to change.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := c.storedOptions(cmd)
			if err != nil {
				return err
			}
			if recipe != "" {
				if o.Source, err = readFlagFile("--recipe", recipe); err != nil {
					return err
				}
			}
			return c.carryOut(cmd.Context(), o, func(ctx context.Context, o engine.Options) (*journal.Report, error) {
				return engine.Resume(ctx, args[0], o)
			})
		},
	}
	cmd.Flags().StringVar(&recipe, "recipe", "", "an edited recipe `file` to go on with")
	c.flags.addSession(cmd.Flags())
	return cmd
}

// storedOptions are the options for a run that another one stored: what the command
// line does not set stays as it was.
func (c *cli) storedOptions(cmd *cobra.Command) (engine.Options, error) {
	o, err := c.options()
	if !cmd.Flags().Changed("forks") {
		o.Forks = 0
	}
	if !cmd.Flags().Changed("connect-timeout") {
		o.ConnectTimeout = 0
	}
	return o, err
}
