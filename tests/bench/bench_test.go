//go:build linux

// Package bench measures bsdrun beside the floor and its peers, in one run, on a
// real sshd. Only ratios mean anything: machines differ.
package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/script"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib"
	"bsdrun/tests/bench/bare"
	"bsdrun/tests/binary"
	"bsdrun/tests/sshd/sshdtest"
)

const (
	rounds = 15 // interleaved, so that drift of the machine hits all alike
	ops    = 40 // operations a round
)

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func ratio(a, b []time.Duration) float64 {
	return float64(median(a)) / float64(median(b))
}

// startServer starts an sshd for a user whose shell starts as fast as a shell can,
// so that the cost of a channel is not that of somebody's rc files.
func startServer(b *testing.B) *sshdtest.Server {
	b.Helper()
	var o sshdtest.Options
	if os.Geteuid() == 0 {
		o.User, _ = sshdtest.NewUser(b, "/bin/sh", "")
	}
	return sshdtest.Start(b, o)
}

// BenchmarkOperation compares one operation on an open connection: through
// bsdrun's shell channel, through a bare loop over one shell channel (the floor),
// and through a new exec channel each.
//
//	x-floor     bsdrun / floor             at most 1.3
//	exec-x      exec channel / bsdrun      at least 2.5
func BenchmarkOperation(b *testing.B) {
	server := startServer(b)
	floor, err := bare.Dial(server.Addr(), bare.Login{User: server.User, Key: server.Signer, Server: server.HostKey, QuickAck: true})
	check(b, err)
	defer floor.Close()
	check(b, floor.OpenShell())
	h := sshhost.New(server.Config())
	defer func() { _ = h.Close(context.Background(), false) }()

	for _, command := range []struct {
		name string
		argv []string
	}{{"builtin", []string{"echo", "hello"}}, {"forked", []string{"/bin/echo", "hello"}}} {
		b.Run(command.name, func(b *testing.B) {
			text := strings.Join(command.argv, " ")
			var ours, shell, channel []time.Duration
			turn := func(into *[]time.Duration, do func() error) {
				took, err := timed(ops, do)
				check(b, err)
				*into = append(*into, took)
			}
			for b.Loop() {
				for range rounds {
					turn(&shell, func() error {
						out, err := floor.Run(text)
						return want(out, err)
					})
					turn(&ours, func() error {
						r, err := h.Do(b.Context(), effect.Effect{Op: "run", Kind: effect.Read, Argv: command.argv})
						if err != nil {
							return err
						}
						text, err := r.Text()
						return want(text, err)
					})
					turn(&channel, func() error {
						out, err := floor.Exec(text)
						return want(out, err)
					})
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ratio(ours, shell), "x-floor")
			b.ReportMetric(ratio(channel, ours), "exec-x")
			b.ReportMetric(float64(median(ours).Microseconds())/ops, "µs/operation")
		})
	}
}

func want(out string, err error) error {
	if err == nil && out != "hello\n" {
		return fmt.Errorf("got %q", out)
	}
	return err
}

// BenchmarkScriptStart is the cost of one more host for a script: a VM with all
// modules bound.
func BenchmarkScriptStart(b *testing.B) {
	program, err := script.Compile("bench.lua", []byte("return 1"), script.Options{})
	check(b, err)
	nobody := effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) { return effect.Result{}, nil })
	modules := stdlib.Modules()
	b.ReportAllocs()
	for b.Loop() {
		_, err := program.Run(b.Context(), script.World{Host: "h", Doer: nobody, Modules: modules})
		check(b, err)
	}
}

// BenchmarkAdHoc compares whole processes: bsdrun -e on one host with ssh host
// command.
//
//	x-ssh   bsdrun / ssh   below 1
func BenchmarkAdHoc(b *testing.B) {
	ssh, err := exec.LookPath("ssh")
	check(b, err)
	server := startServer(b)
	bin := binary.Of(b)
	config := filepath.Join(b.TempDir(), "ssh_config")
	check(b, os.WriteFile(config, fmt.Appendf(nil, `Host target
  HostName %s
  Port %d
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  UserKnownHostsFile %s
  GlobalKnownHostsFile /dev/null
`, server.Address, server.Port, server.User, server.Key, server.KnownHosts), 0o600))
	b.Setenv("XDG_STATE_HOME", b.TempDir())
	b.Setenv("SSH_AUTH_SOCK", "")
	var ours, theirs []time.Duration
	for b.Loop() {
		for range rounds {
			theirs = append(theirs, process(b, "hello", ssh, "-F", config, "target", "echo hello"))
			ours = append(ours, process(b, "hello", bin, "-q", "-F", config, "-e", `return h:read("echo hello").stdout`, "target"))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ratio(ours, theirs), "x-ssh")
	b.ReportMetric(float64(median(ours).Milliseconds()), "ms/bsdrun")
	b.ReportMetric(float64(median(theirs).Milliseconds()), "ms/ssh")
}

func process(b *testing.B, wanted string, name string, args ...string) time.Duration {
	b.Helper()
	started := time.Now()
	out, err := exec.Command(name, args...).CombinedOutput()
	took := time.Since(started)
	if err != nil || !bytes.Contains(out, []byte(wanted)) {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
	return took
}

// timed is how long n turns take.
func timed(n int, turn func() error) (time.Duration, error) {
	started := time.Now()
	for range n {
		if err := turn(); err != nil {
			return 0, err
		}
	}
	return time.Since(started), nil
}

func check(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
