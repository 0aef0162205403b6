package git

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// entry is one command of a recorded transcript; testdata/README.txt tells where
// and how they were recorded.
type entry struct {
	command, stdout, stderr string
	exit                    int
}

func transcript(t testing.TB, name string) []entry {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for _, part := range strings.Split("\n"+string(data), "\n$ ")[1:] {
		command, rest, _ := strings.Cut(part, "\n--- stdout\n")
		stdout, rest, _ := strings.Cut(rest, "--- stderr\n")
		stderr, exit, ok := strings.Cut(rest, "--- exit ")
		code, err := strconv.Atoi(strings.TrimSpace(exit))
		if !ok || err != nil {
			t.Fatalf("%s: not a transcript: %q", name, part)
		}
		entries = append(entries, entry{command, stdout, stderr, code})
	}
	return entries
}

// recorded finds a command's n-th occurrence in a transcript.
func recorded(t testing.TB, name, command string, n int) entry {
	t.Helper()
	for _, e := range transcript(t, name) {
		if e.command == command {
			if n--; n < 0 {
				return e
			}
		}
	}
	t.Fatalf("%s has no %q", name, command)
	return entry{}
}
