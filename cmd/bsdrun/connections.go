package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"bsdrun/runtime/journal"
	"bsdrun/runtime/sshhost/keeper"
)

// keeperDir is where the keeper of connections listens.
func keeperDir() (string, error) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "bsdrun"), nil
	}
	dir, err := journal.Dir()
	return filepath.Join(dir, "keeper"), err
}

// keeperWay is how runs reach the keeper; nil where connections end with their run.
func (c *cli) keeperWay() (*keeper.Way, error) {
	switch keep := c.flags.keep; {
	case keep == 0:
		return nil, nil //nolint:nilnil // nothing is kept
	case keep < 0:
		return nil, usage("--keep is a time such as 10m, not %s", keep)
	}
	dir, err := keeperDir()
	if err != nil {
		return nil, err
	}
	return &keeper.Way{Dir: dir, Keep: c.flags.keep, Start: func() error { return startKeeper(dir) }}, nil
}

// startKeeper starts the keeper as a process of its own, which outlives this one, and
// waits until it listens.
func startKeeper(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ready, told, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	cmd := exec.Command(self, "keeper", dir) //nolint:noctx // it outlives us
	cmd.Dir, cmd.Env, cmd.Stdout = "/", keeperEnvironment(os.Environ()), told
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var said strings.Builder
	err = cmd.Start()
	_ = told.Close()
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	text := make([]byte, 1024)
	n, _ := ready.Read(text) // ends with the process at the latest
	if said.Write(text[:n]); said.String() != keeperReady {
		return fmt.Errorf("the keeper of connections does not start: %s", strings.TrimSpace(said.String()))
	}
	return nil
}

// keeperReady is what a keeper says that listens.
const keeperReady = "ready\n"

// keeperEnvironment leaves out what is meant for runs, secrets above all.
func keeperEnvironment(all []string) []string {
	return slices.DeleteFunc(all, func(v string) bool { return strings.HasPrefix(v, "BSDRUN_") })
}

// keeperCommand is what startKeeper starts; it is not for people.
func (c *cli) keeperCommand() *cobra.Command {
	return &cobra.Command{
		Use: "keeper DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keeper.Harden()
			err := keeper.Serve(cmd.Context(), args[0], func() {
				_, _ = os.Stdout.WriteString(keeperReady)
				_ = os.Stdout.Close()
			})
			if err != nil {
				_, _ = os.Stdout.WriteString(err.Error())
			}
			return err
		},
	}
}

// connectionsCommand is bsdrun connections.
func (c *cli) connectionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connections",
		Short: "List the connections that --keep has kept; close them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := keeperDir()
			if err != nil {
				return err
			}
			list, err := keeper.List(cmd.Context(), dir)
			if err != nil {
				return err
			}
			return c.printConnections(list)
		},
	}
	cmd.AddCommand(
		c.closing("close HOST...", "Close the kept connections to hosts", cobra.MinimumNArgs(1), func(cmd *cobra.Command, dir string, args []string) (int, error) {
			return keeper.Close(cmd.Context(), dir, args)
		}),
		c.closing("stop", "Close all kept connections, and end the process that keeps them", cobra.NoArgs, func(cmd *cobra.Command, dir string, _ []string) (int, error) {
			return keeper.Stop(cmd.Context(), dir)
		}),
	)
	return cmd
}

func (c *cli) closing(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, dir string, args []string) (int, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := keeperDir()
			if err != nil {
				return err
			}
			n, err := do(cmd, dir, args)
			if err == nil {
				_, err = fmt.Fprintf(c.out, "%d closed\n", n)
			}
			return err
		},
	}
}

func (c *cli) printConnections(list []keeper.Kept) error {
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for i, k := range list {
		if i == 0 {
			fmt.Fprintln(table, "HOST\tVIA\tSINCE\tSTATE")
		}
		state := "in use"
		if !k.Used {
			state = "closes in " + k.Left.Round(time.Second).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", k.Host, k.Via, k.Since.Format(time.DateTime), state)
	}
	return table.Flush()
}
