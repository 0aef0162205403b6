package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const (
	rulesIn  = "set skip on lo\nblock in\npass out\npass in proto tcp to port 22\n"
	rulesOut = "set skip on lo\nblock in\npass out\n"
)

// Rules that lock out are put in force, and bsdrun is killed after each change on the
// way, the one that loads them and those before: the host goes back by itself.
func TestKilledWhileRulesThatLockOutAreTried(t *testing.T) {
	for at := 1; at <= 8; at++ {
		t.Run(fmt.Sprint("after change ", at), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, play{profile: "jailhost", recipe: "pf-safe.lua", params: map[string]any{"text": rulesIn, "within": "24h"}})
			s.mustRun(func(*order) {}, 0)
			code, out := s.process(func(o *order) {
				o.At, o.Blow = at, killAfter
				o.Params = map[string]any{"text": rulesOut, "within": "1h"}
			})
			if code != killed && code != 2 {
				t.Fatalf("exit code %d\n%s", code, out)
			}
			if err := s.machine.Clock().Sleep(context.Background(), 75*time.Minute); err != nil {
				t.Fatal(err)
			}
			want, got := "1\n1\n0\n"+rulesIn, ""
			// What the host does at its time takes its time on ours.
			for began := time.Now(); got != want && time.Since(began) < 5*time.Minute; time.Sleep(10 * time.Millisecond) {
				got, _, _ = s.machine.Exec(t.Context(), "root", "pfctl -s info | grep -c Enabled; pfctl -s rules | grep -c ssh; ls /etc/rc.d | grep -c bsdrun_guard; cat /etc/pf.conf")
			}
			if got != want {
				t.Errorf("got %q, want %q\n%s", got, want, out)
			}
		})
	}
}
