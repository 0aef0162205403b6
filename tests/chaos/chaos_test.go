package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// whole is what an undisturbed run of a play comes to.
type whole struct {
	play    play
	changes []sent
	state   []string
	boots   int
	acts    []string
}

func undisturbed(t *testing.T, p play) whole {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs the recipe once and again for every change")
	}
	s := newStage(t, p)
	s.mustRun(func(*order) {}, 0)
	w := whole{p, s.trace(), s.state(), s.boots(), s.acts}
	t.Logf("%s on %s: %d changes, %d boots", p.recipe, p.profile, len(w.changes), w.boots)
	return w
}

// endOf is the exit code of a run that suffers a blow.
func endOf(b blow) int {
	switch b {
	case cut:
		return 0 // it connects again and goes on by itself
	case lost:
		return 4
	}
	return killed
}

// disturb strikes at the n-th change, resumes, and compares.
func (w whole) disturb(t *testing.T, n int, b blow) {
	if b == lost && w.changes[n-1].op == "reboot" {
		return // it would be waited for until its time is over: see disturbBoot
	}
	t.Run(fmt.Sprintf("%s change %d %s", b, n, w.changes[n-1].op), func(t *testing.T) {
		t.Parallel()
		s := newStage(t, w.play)
		s.mustRun(func(o *order) { o.At, o.Blow = n, b }, endOf(b))
		s.line.setDown(false)
		if endOf(b) != 0 {
			s.mustRun(resume, 0)
		}
		w.compare(t, s)
	})
}

// disturbBoot kills while the machine is down, and resumes once too early.
func (w whole) disturbBoot(t *testing.T, n int) {
	t.Run(fmt.Sprintf("%s change %d", killDown, n), func(t *testing.T) {
		t.Parallel()
		s := newStage(t, w.play)
		s.mustRun(func(o *order) { o.At, o.Blow = n, killDown }, killed)
		s.line.setDown(true)
		s.mustRun(resume, 4)
		s.line.setDown(false)
		s.mustRun(resume, 0)
		w.compare(t, s)
	})
}

// switchOff turns the machine off and on while bsdrun is away, as a failing power
// supply does. A job that this has cut fails its step, and is begun anew.
func (w whole) switchOff(t *testing.T, n int) {
	t.Run(fmt.Sprintf("switched off after change %d %s", n, w.changes[n-1].op), func(t *testing.T) {
		t.Parallel()
		s := newStage(t, w.play)
		s.mustRun(func(o *order) { o.At, o.Blow = n, killAfter }, killed)
		s.machine.PowerCycle()
		for s.machine.Down() {
			time.Sleep(time.Millisecond)
		}
		if code, out := s.process(resume); code == 2 && strings.Contains(out, "the host rebooted under the job") {
			s.mustRun(resume, 0)
		} else if code != 0 {
			t.Fatalf("exit code %d\n%s", code, out)
		}
		w.boots++
		w.acts = s.acts // what was cut may have been begun twice
		// The tool keeps the kernel that it finds: the second time a new one, or a part.
		compareStates(t, withoutOldKernel(w.state), withoutOldKernel(s.state()))
		w.compareActions(t, s)
	})
}

func withoutOldKernel(state []string) (rest []string) {
	for _, line := range state {
		if !strings.HasPrefix(line, "/boot/kernel.old") {
			rest = append(rest, line)
		}
	}
	return rest
}

// compare fails the test where the machine is not as after an undisturbed run, or
// something was done twice on the way.
func (w whole) compare(t *testing.T, s *stage) {
	t.Helper()
	compareStates(t, w.state, s.state())
	w.compareActions(t, s)
}

func compareStates(t *testing.T, undisturbed, resumed []string) {
	t.Helper()
	if diff := cmp.Diff(undisturbed, resumed); diff != "" {
		t.Errorf("another end state (-undisturbed +resumed):\n%s", diff)
	}
}

func (w whole) compareActions(t *testing.T, s *stage) {
	t.Helper()
	if boots := s.boots(); boots != w.boots {
		t.Errorf("%d boots of the machine, want %d", boots, w.boots)
	}
	if diff := cmp.Diff(w.acts, s.acts); diff != "" {
		t.Errorf("other actions, or in another order (-undisturbed +resumed):\n%s", diff)
	}
	done := map[string]bool{}
	for _, e := range s.trace() {
		if e.how != "done" {
			continue
		}
		if done[e.id] {
			t.Errorf("%s ran twice (%s)", e.op, e.id)
		}
		done[e.id] = true
	}
}

func TestMainJob(t *testing.T) {
	w := undisturbed(t, play{
		profile: "builder", recipe: "poudriere.lua",
		params: map[string]any{"repository": "https://git.example.org/custom-ports.git"},
	})
	for n := range w.changes {
		w.disturb(t, n+1, killBefore)
		w.disturb(t, n+1, killAfter)
	}
}

// upgrade is the play of an upgrade. No time limit counts: the clock runs too fast
// for that.
func upgrade(profile, to string) play {
	return play{profile: profile, recipe: "freebsd-upgrade.lua", params: map[string]any{"to": to, "max_scrub_age": "0s", "within": "500h"}}
}

func TestUpgrade(t *testing.T) {
	w := undisturbed(t, upgrade("freebsd-14.3-zfs-mirror-uefi", "15.0-RELEASE"))
	rarer := []blow{cut, killAnswered}
	for n := range w.changes {
		for _, b := range []blow{killBefore, killAfter, lost} {
			w.disturb(t, n+1, b)
		}
		if n%3 == 0 {
			w.disturb(t, n+1, rarer[n/3%len(rarer)])
		}
	}
	for n, change := range w.changes {
		if change.op == "reboot" {
			w.disturb(t, n+1, cut)
			w.disturb(t, n+1, killAnswered)
			w.disturbBoot(t, n+1)
		}
	}
}

// TestUpgradeOfOtherHosts deals one blow to each change, in turn.
func TestUpgradeOfOtherHosts(t *testing.T) {
	old := upgrade("freebsd-8.2-zfs-mirror", "9.0-RELEASE")
	old.legacy = true
	blows := []blow{killAfter, lost, killBefore, killAnswered, cut}
	for _, p := range []play{old, upgrade("freebsd-14.3-ufs", "15.0-RELEASE")} {
		t.Run(p.profile, func(t *testing.T) {
			w := undisturbed(t, p)
			for n := range w.changes {
				w.disturb(t, n+1, blows[n%len(blows)])
			}
		})
	}
}

// TestSwitchedOffDuringAnUpgrade cuts what freebsd-update does. Without boot
// environments, so that a pass that is begun twice leaves no trace.
func TestSwitchedOffDuringAnUpgrade(t *testing.T) {
	w := undisturbed(t, upgrade("freebsd-14.3-ufs", "15.0-RELEASE"))
	for n, change := range w.changes {
		if strings.HasPrefix(change.op, "freebsd_update.") {
			w.switchOff(t, n+1)
		}
	}
}
