package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/serve"
)

// serveCommand is bsdrun serve.
func (c *cli) serveCommand() *cobra.Command {
	var listen, token string
	var names []string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Show runs in a browser, those under way as they go on",
		Long: `Show runs in a browser: all that are recorded, those under way as they go on,
and the history of each host. It only shows; nothing can be started or changed.

On this machine's own address (the default) everybody on this machine can read;
on any other address, or with --token, only who knows the token. There is no
encryption: from elsewhere, reach it through ssh -L.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withJournal(func(store *journal.Store) error {
				listener, err := listenOn(cmd.Context(), listen)
				if err != nil {
					return err
				}
				if token == "" && !isLoopback(listener.Addr()) {
					token = rand.Text()
				}
				address := url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/"}
				if token != "" {
					address.RawQuery = url.Values{"token": {token}}.Encode()
				}
				cmd.Println(address.String())
				return serveOn(cmd.Context(), listener, &serve.Server{Store: store, Names: names, Token: token})
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8420", "`address` and port to listen on; port 0: any")
	cmd.Flags().StringVar(&token, "token", "", "what a reader must know (made up when not listening on this machine's own address)")
	cmd.Flags().StringSliceVar(&names, "name", nil, "a host `name` under which it is reached (localhost and addresses always are)")
	return cmd
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// listenOn listens where --listen says.
func listenOn(ctx context.Context, address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if _, wrong := strconv.ParseUint(port, 10, 16); err != nil || wrong != nil {
		return nil, effect.WithHint(usage("--listen is an address with a port from 0 to 65535, not %q", address), "127.0.0.1:8420 is one, [::1]:8420 another")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, effect.WithHint(usage("--listen %s: another program listens there", address), "choose another port; port 0 is any that is free")
	case err != nil:
		return nil, effect.WithHint(usage("--listen %s: %v", address, plainNetError(err)), "it is an address of this machine, such as 127.0.0.1, and a port that you may use")
	}
	return listener, nil
}

// plainNetError is why an address cannot be listened on, without what Go calls
// the attempt.
func plainNetError(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) {
		return err
	}
	var call *os.SyscallError
	if errors.As(op.Err, &call) {
		return call.Err
	}
	return op.Err
}

// serveOn answers until the process is interrupted.
func serveOn(ctx context.Context, listener net.Listener, s *serve.Server) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, terminate)
	defer stop()
	server := &http.Server{Handler: s.Handler(ctx), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return server.Close()
	}
	return nil
}
