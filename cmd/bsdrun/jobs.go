package main

import (
	"github.com/spf13/cobra"

	"bsdrun/runtime/engine"
)

// jobsCommand is bsdrun jobs HOST...
func (c *cli) jobsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs HOST...",
		Short: "List the detached jobs that hosts know",
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := c.options()
			if err != nil {
				return err
			}
			o.Name, o.AdHoc, o.Source = jobsName, true, jobsScript(c.flags.output == "text")
			if o.Hosts, err = c.hostsOf(cmd.Context(), o.Name, args); err != nil {
				return err
			}
			return c.carryOut(cmd.Context(), o, engine.Run)
		},
	}
	c.flags.add(cmd.Flags())
	return cmd
}

// jobsScript lists the jobs, for people by what fits a line.
func jobsScript(forPeople bool) []byte {
	if !forPeople {
		return []byte("return h:jobs()")
	}
	return []byte(`local jobs = h:jobs()
for i, j in ipairs(jobs) do
  jobs[i] = { started = j.started, ended = j.ended, state = j.state, code = j.code, run = j.run, command = j.command }
end
return jobs`)
}
