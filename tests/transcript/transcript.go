// Package transcript replays recorded sessions of a tool on a simulated machine:
// the recordings judge the simulator.
package transcript

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"bsdrun/runtime/sim"
)

// Entry is one command of a session.
type Entry struct {
	Command, Stdout, Stderr string
	Code                    int
}

// Read reads a session of an archive: "$ COMMAND", then "--- stdout", "--- stderr"
// and "--- exit N".
func Read(t *testing.T, archive, name string) []Entry {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var list []Entry
	for _, f := range a.Files {
		if f.Name != name {
			continue
		}
		for _, part := range strings.Split("\n"+string(f.Data), "\n$ ")[1:] {
			list = append(list, parse(t, name, part))
		}
	}
	if len(list) == 0 {
		t.Fatalf("no transcript %s", name)
	}
	return list
}

func parse(t *testing.T, name, part string) Entry {
	t.Helper()
	command, rest, _ := strings.Cut(part, "\n--- stdout\n")
	stdout, rest, ok := strings.Cut("\n"+rest, "\n--- stderr\n")
	stderr, exit, ok2 := strings.Cut("\n"+rest, "\n--- exit ")
	e := Entry{Command: command, Stdout: strings.TrimPrefix(stdout, "\n"), Stderr: strings.TrimPrefix(stderr, "\n")}
	if _, err := fmt.Sscan(exit, &e.Code); !ok || !ok2 || err != nil {
		t.Fatalf("%s: %s", name, part)
	}
	return e
}

// Mask hides what must differ between a recording and a simulation: times,
// identifiers, sizes.
type Mask struct {
	Pattern *regexp.Regexp
	By      string
}

// Apply masks a text.
func Apply(masks []Mask, text string) string {
	text += "\n"
	for _, m := range masks {
		text = m.Pattern.ReplaceAllString(text, m.By)
	}
	return strings.TrimRight(text, "\n")
}

// Compare tells where an answer differs from the recorded one.
func (e Entry) Compare(t *testing.T, name string, masks []Mask, out, errs string, code int) {
	t.Helper()
	if code != e.Code {
		t.Errorf("%s: %s: code %d, recorded %d\n%s", name, e.Command, code, e.Code, errs)
	}
	if d := cmp.Diff(Apply(masks, e.Stdout), Apply(masks, out)); d != "" {
		t.Errorf("%s: %s: stdout (-recorded +simulated)\n%s", name, e.Command, d)
	}
	if d := cmp.Diff(Apply(masks, e.Stderr), Apply(masks, errs)); d != "" {
		t.Errorf("%s: %s: stderr (-recorded +simulated)\n%s", name, e.Command, d)
	}
}

// Unprivileged begins commands that were recorded as somebody else than root.
const Unprivileged = "setpriv --reuid=1000 --clear-groups "

// As is a command without that beginning, and who runs it.
func As(command string) (user, rest string) {
	if rest, ok := strings.CutPrefix(command, Unprivileged); ok {
		return "nobody", rest
	}
	return "root", command
}

// Script says how a session is replayed.
type Script struct {
	Archive string
	Masks   []Mask
	Only    string            // commands without this word are left out
	Skip    []string          // beginnings of commands that are left out
	Instead map[string]string // commands that are written otherwise
	// Era is what the recorded tool says and the simulated one, of another
	// version, does not.
	Era *strings.Replacer
}

// Replay runs a session's commands and compares the answers.
func (s Script) Replay(t *testing.T, m *sim.Machine, name string) {
	t.Helper()
	ran := 0
	for _, e := range Read(t, s.Archive, name) {
		if s.leaves(e.Command) {
			continue
		}
		ran++
		user, command := As(e.Command)
		if other, ok := s.Instead[e.Command]; ok {
			command = other
		}
		out, errs, code := m.Exec(context.Background(), user, "cd /; "+command)
		if s.Era != nil {
			e.Stdout, e.Stderr = s.Era.Replace(e.Stdout), s.Era.Replace(e.Stderr)
		}
		e.Compare(t, name, s.Masks, out, errs, code)
	}
	if ran == 0 {
		t.Errorf("%s: nothing replayed", name)
	}
}

func (s Script) leaves(command string) bool {
	for _, p := range s.Skip {
		if strings.HasPrefix(command, p) {
			return true
		}
	}
	return !strings.Contains(command, s.Only)
}
