package sshd_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"bsdrun/recipes"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib"
	"bsdrun/tests/sshd/sshdtest"
)

// TestBindingIsMeasuredOnRealAndSimulatedHosts holds the recipe to what was
// recorded on Linux, and makes one table over it and a simulated FreeBSD.
func TestBindingIsMeasuredOnRealAndSimulatedHosts(t *testing.T) {
	needCompiler(t)
	if b, err := os.ReadFile("/proc/sys/net/ipv6/bindv6only"); err != nil || strings.TrimSpace(string(b)) != "0" {
		t.Skip("this machine is no Linux with IPv6 as it comes")
	}
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("there is no ss")
	}
	s := sshdtest.Start(t, sshdtest.Options{})
	source, err := recipes.Files.ReadFile("ipv6-bind.lua")
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := inventory.Parse("sim:freebsd-14.3")
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine.Run(t.Context(), engine.Options{
		Name: "ipv6-bind", Source: source, Files: recipes.Library(), Modules: stdlib.Modules(), Tools: stdlib.Tools,
		Params:     map[string]any{"reuse": true},
		Hosts:      append([]inventory.Host{asHost(t, s)}, hosts...),
		SSH:        sshhost.SharedConfig{ConfigFile: "none", AgentSocket: "none", Home: s.Dir},
		KnownHosts: []string{s.KnownHosts}, Settings: engine.Settings{Identity: s.Key, ConnectTimeout: sshdtest.Patience},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r.Hosts {
		if h.Error != nil || h.Changed != 0 {
			t.Fatalf("%s: %+v", h.Name, h.Error)
		}
	}
	linux := r.Hosts[0].Result.(map[string]any)
	compareWithRecording(t, linux["experiments"].([]any))
	if linux["v6only"] != int64(0) || linux["getaddrinfo"] != "IPv4 first" {
		t.Errorf("v6only is %v, and getaddrinfo tells %v", linux["v6only"], linux["getaddrinfo"])
	}
	want := []string{
		"linux tcp default (0): 0.0.0.0 alone (errno 98) | * alone (errno 98): only the first one listens",
		"linux tcp 0: 0.0.0.0 alone (errno 98) | * alone (errno 98): only the first one listens",
		"linux tcp 1: 0.0.0.0 + [::] | 0.0.0.0 + [::]: either order works",
		"freebsd-14.3 tcp default (1): tcp4 + tcp6 | tcp6 + tcp4: either order works",
		"freebsd-14.3 tcp 0: tcp4 + tcp46 | tcp46 alone (errno 48): works with IPv4 first",
		"freebsd-14.3 tcp 1: tcp4 + tcp6 | tcp6 + tcp4: either order works",
	}
	var got []string
	summary := r.Summary.(map[string]any)
	for _, row := range summary["sockets"].([]any) {
		if row := row.(map[string]any); row["proto"] == "tcp" {
			got = append(got, fmt.Sprintf("%s %s %s: %s | %s: %s", row["host"], row["proto"], row["v6only"], row["v4_first"], row["v6_first"], row["verdict"]))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
	if summary["proof"] != "works on every host that was measured" {
		t.Errorf("proof: %v", summary["proof"])
	}
}

// compareWithRecording compares the outcome of each call.
func compareWithRecording(t *testing.T, experiments []any) {
	t.Helper()
	a, err := txtar.ParseFile("../../stdlib/cc/ccsim/testdata/linux.txtar")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, each := range experiments {
		e := each.(map[string]any)
		i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == e["words"] })
		if i < 0 {
			continue // UDP was not recorded
		}
		compared++
		var want, got []string
		for line := range strings.Lines(string(a.Files[i].Data)) {
			if strings.Contains(line, " bind: ") || strings.Contains(line, " listen: ") {
				want = append(want, strings.TrimSpace(line))
			}
		}
		for _, each := range e["calls"].([]any) {
			call := each.(map[string]any)
			outcome := "ok"
			if call["errno"] != nil {
				outcome = fmt.Sprintf("errno=%v %v", call["errno"], call["problem"])
			}
			got = append(got, fmt.Sprintf("%s %s: %s", call["family"], call["call"], outcome))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-recorded +now):\n%s", e["words"], diff)
		}
	}
	if compared != 6 {
		t.Errorf("%d experiments were recorded, not 6", compared)
	}
}
