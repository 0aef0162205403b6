package base

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

//go:embed testdata/gnu.txt
var gnuText string

func newLinux(t *testing.T) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "kvmhost", Tools: append(Tools(), GNUTools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// debian12 tells whether the real programs here are those that are modelled.
func debian12() bool {
	text, err := os.ReadFile("/etc/os-release")
	return err == nil && runtime.GOOS == "linux" && bytes.Contains(text, []byte("VERSION_ID=\"12\"")) && bytes.Contains(text, []byte("ID=debian"))
}

func TestLinuxAgreesWithDebian(t *testing.T) {
	if !debian12() {
		t.Skip("no Debian 12 here")
	}
	m := newLinux(t)
	for line := range strings.Lines(gnuText) {
		script := strings.TrimSuffix(line, "\n")
		if script == "" || script[0] == '#' {
			continue
		}
		real := exec.Command("dash", "-c", agreeingFiles+script)
		real.Dir = t.TempDir()
		real.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
		var want, wantErrs bytes.Buffer
		real.Stdout, real.Stderr = &want, &wantErrs
		if err := real.Start(); err != nil {
			t.Fatal(err)
		}
		out, errs, code := sh(t, m, "root", "rm -rf /tmp/w; mkdir /tmp/w; cd /tmp/w\n"+agreeingFiles+script)
		_ = real.Wait()
		if out != want.String() || errs != wantErrs.String() || code != real.ProcessState.ExitCode() {
			t.Errorf("%s\n out  %q\n want %q\n err  %q\n want %q\n code %d, want %d", script, out, want.String(), errs, wantErrs.String(), code, real.ProcessState.ExitCode())
		}
	}
}
