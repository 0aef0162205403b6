package main

import (
	"context"
	"net"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
)

// simCommand is bsdrun sim PROFILE --listen ADDRESS.
func (c *cli) simCommand() *cobra.Command {
	var listen, keys, password string
	var rate float64
	cmd := &cobra.Command{
		Use:   "sim PROFILE",
		Short: "Serve a simulated machine to any ssh client, until Ctrl-C",
		Long: `Serve a simulated machine to any ssh client, until Ctrl-C.

PROFILE is what stands behind sim: elsewhere, such as builder or
builder?state=FILE. The machine's time runs at --rate times ours.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if rate <= 0 {
				return usage("--rate is more than 0, not %g", rate)
			}
			o := sim.ServeOptions{Password: password}
			if keys != "" {
				text, err := readFlagFile("--authorized-keys", keys)
				if err != nil {
					return err
				}
				if o.AuthorizedKeys, err = sim.ParseAuthorizedKeys(text); err != nil {
					return usage("--authorized-keys: %s: %v", keys, err)
				}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			m, err := sim.Open("sim:"+args[0], stdlib.Tools(), sim.NewNetwork())
			if err != nil {
				return usage("%v", err)
			}
			l, err := listenOn(ctx, listen)
			if err != nil {
				return err
			}
			m.RunRealTime(rate)
			cmd.PrintErrf("%s listens on %s\n", args[0], l.Addr())
			cmd.PrintErrf("host key %s\n", m.KnownHostsLine(l.Addr().String()))
			return serveMachine(ctx, m, l, o)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:2222", "`address` to listen on")
	cmd.Flags().StringVar(&keys, "authorized-keys", "", "`file` of keys that may log in (default: any key may)")
	cmd.Flags().StringVar(&password, "password", "", "a `password` that lets in, too")
	cmd.Flags().Float64Var(&rate, "rate", 60, "seconds of the machine's time in one of ours")
	return cmd
}

func serveMachine(ctx context.Context, m *sim.Machine, l net.Listener, o sim.ServeOptions) error {
	err := sim.Serve(ctx, m, l, o)
	if closed := m.Close(); err == nil {
		err = closed
	}
	return err
}
