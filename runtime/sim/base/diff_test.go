package base

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Differences may be found in more than one way; whichever diff prints, patch
// must make the second file of the first.
func TestDifferencesApply(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("no patch here")
	}
	m := newMachine(t)
	r := rand.New(rand.NewPCG(3, 4))
	text := func() string {
		var b strings.Builder
		for range r.IntN(12) {
			fmt.Fprintf(&b, "%c\n", 'a'+rune(r.IntN(5)))
		}
		if r.IntN(4) == 0 {
			b.WriteString("end")
		}
		return b.String()
	}
	for range 60 {
		a, b := text(), text()
		for _, style := range []string{"", "-u", "-c", "-U0", "-U1", "-C1"} {
			out, errs, code := sh(t, m, "root", fmt.Sprintf("cd /tmp; printf '%%s' '%s' >a; printf '%%s' '%s' >b; diff %s a b", a, b, style))
			if wantCode := map[bool]int{true: 0, false: 1}[a == b]; code != wantCode || errs != "" {
				t.Fatalf("diff %s: code %d, want %d: %s", style, code, wantCode, errs)
			}
			if a == b {
				continue
			}
			file := filepath.Join(t.TempDir(), "a")
			if err := os.WriteFile(file, []byte(a), 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.Command(patch, "-s", "-F0", "-o", file+".new", file)
			c.Stdin = strings.NewReader(out)
			if said, err := c.CombinedOutput(); err != nil {
				t.Fatalf("diff %s of %q and %q:\n%s\npatch: %v %s", style, a, b, out, err, said)
			}
			if got, _ := os.ReadFile(file + ".new"); string(got) != b {
				t.Fatalf("diff %s of %q and %q:\n%s\nmade %q", style, a, b, out, got)
			}
		}
	}
}
