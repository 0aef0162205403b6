package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
)

// play is a recipe on a simulated machine.
type play struct {
	profile string
	recipe  string
	params  map[string]any
	legacy  bool
}

// stage is one simulated machine served over real SSH, and the folder of the
// processes that work on it.
type stage struct {
	t       *testing.T
	machine *sim.Machine
	line    *line
	order   order

	mu   sync.Mutex
	acts []string // commands of actions that were begun, in their order
}

func newStage(t *testing.T, p play) *stage {
	t.Helper()
	s := &stage{t: t}
	var err error
	if s.machine, err = sim.Open("sim:"+p.profile, s.tools(), sim.NewNetwork()); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.line = &line{Listener: l}
	s.machine.RunRealTime(hurry)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, s.machine, s.line, sim.ServeOptions{}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = s.machine.Close()
		s.machine = nil // package testing keeps what a cleanup refers to until the whole test ends
	})
	dir := t.TempDir()
	known := filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(known, []byte(s.machine.KnownHostsLine(l.Addr().String())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	s.order = order{
		Recipe: p.recipe, Params: p.params, Address: at.IP.String(), Port: at.Port, Legacy: p.legacy, KnownHosts: known,
		Journal: filepath.Join(dir, "journal"), Trace: filepath.Join(dir, "trace"),
	}
	return s
}

// actions are commands that must come as often, and in the same order, as in an
// undisturbed run: by the tool, words one of which is among the arguments; none
// means any.
var actions = map[string][]string{
	"bectl": {"create", "activate"}, "freebsd-update": {"install"}, "pkg": {"bootstrap", "-y"}, "portmaster": {"-a"},
	"pwd_mkdb": nil, "shutdown": nil, "zfs": {"snapshot"},
}

// tools are those of all machines, which here tell of their actions.
func (s *stage) tools() []*sim.Tool {
	tools := stdlib.Tools()
	for i, tool := range tools {
		words, known := actions[tool.Name]
		if !known {
			continue
		}
		watched := *tool
		watched.Run = func(p *sim.Proc) int {
			if words == nil || slices.ContainsFunc(words, func(word string) bool { return slices.Contains(p.Args, word) }) {
				s.mu.Lock()
				s.acts = append(s.acts, chance.ReplaceAllString(strings.Join(p.Args, " "), "*"))
				s.mu.Unlock()
			}
			return tool.Run(p)
		}
		tools[i] = &watched
	}
	return tools
}

// killed is the exit code of a process that was killed.
const killed = -1

// mustRun runs a child and fails the test unless it ends with the exit code.
func (s *stage) mustRun(change func(*order), want int) {
	s.t.Helper()
	if code, out := s.process(change); code != want {
		s.t.Fatalf("exit code %d, want %d\n%s\nconsole:\n%s", code, want, out, strings.Join(s.machine.Console(), "\n"))
	}
}

func resume(o *order) { o.Resume = true }

// process runs a child and returns its exit code and what it printed.
func (s *stage) process(change func(*order)) (int, string) {
	s.t.Helper()
	o := s.order
	change(&o)
	text, err := json.Marshal(o)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), orderVariable+"="+string(text), "HOME="+filepath.Dir(o.Journal))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ours, theirs, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer ours.Close()
	cmd.ExtraFiles = []*os.File{theirs}
	goOn, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = theirs.Close()
	if _, err := io.ReadFull(ours, make([]byte, 1)); err == nil {
		s.line.prepare(o.Blow, func() { _ = cmd.Process.Kill() })
		_, _ = goOn.Write([]byte{1})
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String()
}

// sent is one line of the trace.
type sent struct{ how, id, op string }

func (s *stage) trace() []sent {
	s.t.Helper()
	text, err := os.ReadFile(s.order.Trace)
	if err != nil {
		s.t.Fatal(err)
	}
	var list []sent
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		list = append(list, sent{f[0], f[1], f[2]})
	}
	return list
}
