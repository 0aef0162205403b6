// Package binary builds the command as users have it, for tests that run it as a
// process.
package binary

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Build builds the command into a folder and returns its path.
func Build(dir string) (string, error) {
	name := filepath.Join(dir, "bsdrun")
	build := exec.Command("go", "build", "-trimpath", "-o", name, "bsdrun/cmd/bsdrun")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return name, nil
}

// Of is Build for one test or benchmark.
func Of(t testing.TB) string {
	t.Helper()
	name, err := Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Main builds the command once, tells its path, and runs the tests of a package. It
// returns the exit code.
func Main(m *testing.M, path *string) int {
	dir, err := os.MkdirTemp("", "bsdrun-test")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if *path, err = Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
