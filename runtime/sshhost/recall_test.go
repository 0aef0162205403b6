package sshhost

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecall asks a ledger in a real sh. A ps of the test's own tells of processes,
// and may do what happens meanwhile.
func TestRecall(t *testing.T) {
	const started = "e s boot1 42 Fri Nov 27 10:00:00 2026\n"
	for name, c := range map[string]struct{ ledger, ps, latest, want string }{
		"never":                  {ledger: "other s boot1 42\n", want: "never"},
		"not whole":              {ledger: "other s boot1 42\n", latest: "lost", want: "past"},
		"whole":                  {ledger: "other s boot1 42\n", latest: "other", want: "never"},
		"done":                   {ledger: started + "e c 3\n", want: "done 3 boot1 42 Fri Nov 27 10:00:00 2026\nout"},
		"running":                {ledger: started, ps: "echo S Fri Nov 27 10:00:00 2026", want: "running"},
		"another process":        {ledger: started, ps: "echo S Fri Nov 27 11:00:00 2026", want: "cut boot1 42 Fri Nov 27 10:00:00 2026"},
		"a zombie":               {ledger: started, ps: "echo Z Fri Nov 27 10:00:00 2026", want: "cut boot1 42 Fri Nov 27 10:00:00 2026"},
		"gone":                   {ledger: started, ps: "exit 1", want: "cut boot1 42 Fri Nov 27 10:00:00 2026"},
		"ends as it is asked of": {ledger: started, ps: `echo e c 0 >>"$_L/ledger"`, want: "done 0 boot1 42 Fri Nov 27 10:00:00 2026\nout"},
		"done again":             {ledger: started + "e c 1\n" + started, ps: "exit 1", want: "cut boot1 42 Fri Nov 27 10:00:00 2026"},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"ledger": c.ledger, "ps": "#!/bin/sh\n" + c.ps + "\n", "e.o": "out\n", "e.e": ""} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o700); err != nil { //nolint:gosec // ps is to be run
				t.Fatal(err)
			}
		}
		cmd := exec.Command("/bin/sh", "-c", recallScript("e", c.latest))
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "_L=" + dir}
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%s: %v, %q, not %q", name, err, got, c.want)
		}
	}
}
