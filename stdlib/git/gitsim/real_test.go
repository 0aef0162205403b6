package gitsim

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/sim"
)

// machine is a simulated host with git and the few commands that scripts need.
func machine(t *testing.T) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(helpers(), Tool())})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InstallPackage("git"); err != nil {
		t.Fatal(err)
	}
	return m
}

// identity makes commits the same everywhere.
const identity = `export GIT_AUTHOR_NAME=Jo GIT_AUTHOR_EMAIL=jo@example.org GIT_COMMITTER_NAME=Jo GIT_COMMITTER_EMAIL=jo@example.org
export GIT_AUTHOR_DATE='1795476346 +0000' GIT_COMMITTER_DATE='1795476346 +0000' LC_ALL=C TZ=UTC GIT_TERMINAL_PROMPT=0 EDITOR= GIT_EDITOR=false TERM=dumb
`

// onSim runs one line on the machine.
func onSim(m *sim.Machine, line string) string {
	out, errs, code := m.Exec(context.Background(), "root", identity+"mkdir -p /srv; cd /srv; "+line)
	return fmt.Sprintf("--- stdout\n%s--- stderr\n%s--- exit %d\n", out, errs, code)
}

// onReal runs it with real git below a temporary directory.
func onReal(t *testing.T, root, line string) string {
	line = strings.ReplaceAll(line, "/srv/", root+"/srv/")
	cmd := exec.Command("sh", "-c", identity+"cd "+root+"/srv; "+line)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root + "/root", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES=/tmp"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	code := 0
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !asExit(err, &exit) {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	s := fmt.Sprintf("--- stdout\n%s--- stderr\n%s--- exit %d\n", out.String(), errs.String(), code)
	return strings.ReplaceAll(s, root, "")
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError) //nolint:errorlint // exec returns it unwrapped
	*target = e
	return ok
}

// answerEnd follows every recorded answer.
const answerEnd = "==========\n"

// visible keeps the recorded files text: -z output has NULs.
func visible(s string) string { return strings.ReplaceAll(s, "\x00", "␀") }

var record = flag.Bool("record", false, "run the scripts on real git 2.39 and keep what it prints")

// TestLikeRealGit runs scripts here and compares with what real git 2.39.5 printed,
// as testdata/*.recorded holds it. With -record it's asked again.
func TestLikeRealGit(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(path.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(data)), "\n")
			kept := strings.TrimSuffix(file, ".txt") + ".recorded"
			if *record {
				if err := os.WriteFile(kept, []byte(recordReal(t, lines)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			recorded, err := os.ReadFile(kept)
			if err != nil {
				t.Fatal(err)
			}
			answers := strings.Split(string(recorded), answerEnd)
			if len(answers) != len(lines)+1 {
				t.Fatalf("%s holds %d answers to %d lines: run with -record", kept, len(answers)-1, len(lines))
			}
			m := machine(t)
			for i, line := range lines {
				if diff := cmp.Diff(answers[i], "$ "+line+"\n"+visible(onSim(m, line))); diff != "" {
					t.Errorf("%s\n%s", line, diff)
				}
			}
		})
	}
}

// recordReal runs the lines on real git.
func recordReal(t *testing.T, lines []string) string {
	t.Helper()
	version, err := exec.Command("git", "--version").Output()
	if err != nil || !strings.HasPrefix(string(version), "git version 2.39.") {
		t.Fatalf("the texts are those of 2.39, this is %s", version)
	}
	root := t.TempDir()
	for _, d := range []string{"srv", "root"} {
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString("$ " + line + "\n" + visible(onReal(t, root, line)) + answerEnd)
	}
	return out.String()
}
