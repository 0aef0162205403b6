package convert

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/tests/outcome"
)

// point is one effect of a conversion.
type point struct {
	host, step, op string
	change         bool
	n              int // how many of these there were before
}

// watch notes every effect, and strikes at one.
type watch struct {
	mu     sync.Mutex
	points []point
	at     *point // the one that is struck
	blow   blow
	struck bool
}

// blow is what happens to an effect.
type blow string

const (
	none    blow = ""
	refused blow = "refused"               // it is not done, and the script hears that it failed
	cut     blow = "cut off before"        // it is not done, and the host is gone
	unheard blow = "cut off at the answer" // it is done, and the host is gone
)

var errLost = &effect.Error{Kind: effect.Unreachable, Message: "the connection was lost"}

func (w *watch) layer(next effect.Doer) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		switch w.note(ctx, e) {
		case refused:
			return effect.Result{}, &effect.Error{Kind: effect.Failed, Op: e.Op, Message: "the test refuses " + e.Op}
		case cut:
			return effect.Result{}, errLost
		case unheard:
			if r, err := next.Do(ctx, e); err != nil {
				return r, err
			}
			return effect.Result{}, errLost
		}
		return next.Do(ctx, e)
	})
}

// note notes an effect, and tells what happens to it.
func (w *watch) note(ctx context.Context, e effect.Effect) blow {
	p := point{host: effect.HostFrom(ctx), op: e.Op, change: e.Kind == effect.Change}
	if s := effect.StepFrom(ctx); s != nil {
		p.step = s.Path
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, before := range w.points {
		before.n = 0
		if before == p {
			p.n++
		}
	}
	w.points = append(w.points, p)
	if w.at != nil && *w.at == p {
		w.struck = true
		return w.blow
	}
	return none
}

// whole is what an undisturbed conversion comes to.
type whole struct {
	before   *stage // as the hosts were
	domain   string
	further  []string
	disks    []disk
	points   []point
	settings map[string]string
}

func undisturbed(before *stage, domain string, disks []disk, further ...string) whole {
	t := before.t
	t.Helper()
	s := newStage(t).like(before)
	w := &watch{}
	s.wrap = w.layer
	s.convert(ok, domain, further...)
	s.wrap = nil
	s.disksAreTheSame(domain, disks)
	return whole{before, domain, further, disks, w.points, s.comparable(domain)}
}

// comparable are the settings of a machine without what is another on every host.
func (s *stage) comparable(name string) map[string]string {
	settings := s.settings(name)
	for key, value := range settings {
		if key == "VMStateChangeTime" || strings.Contains(key, "ImageUUID") {
			delete(settings, key)
			continue
		}
		settings[key] = strings.ReplaceAll(value, s.kvm, "the host of KVM")
	}
	return settings
}

// goOn is how a conversion that was stopped is taken up again.
type goOn string

const (
	byResume   goOn = "resumed"
	byRun      goOn = "run again"
	byTakeOver goOn = "run again, and it is given up"
)

// disturb strikes at an effect, and goes on.
func (w whole) disturb(t *testing.T, at point, b blow, how goOn) {
	t.Run(fmt.Sprintf("%s %s %d in %s %s", b, at.op, at.n, at.step, how), func(t *testing.T) {
		t.Parallel()
		s := newStage(t).like(w.before)
		watched := &watch{at: &at, blow: b}
		s.wrap = watched.layer
		r := s.begin(false, s.params(w.domain, w.further...))
		s.wrap = nil
		if !watched.struck {
			t.Fatal("the effect did not come")
		}
		s.stoppedClearly(r, b, at)
		s.nothingHalfRegistered(w.domain)
		if how == byTakeOver {
			s.gone = []string{s.id}
		}
		if how == byResume {
			s.expect(ok, s.resume())
		} else {
			s.convert(ok, w.domain, w.further...)
		}
		w.compare(t, s)
	})
}

// stoppedClearly fails the test unless the run ended as the blow has it, and says
// where and why.
func (s *stage) stoppedClearly(r journal.HostReport, b blow, at point) {
	s.t.Helper()
	want, text := unreachable, "the connection was lost"
	if b == refused {
		want, text = failed, "the test refuses "+at.op
	}
	s.expect(want, r)
	outcome.Lacks(s.t, "the error", r.Error.Message, text)
	if r.Error.At == "" {
		s.t.Error("the error does not say where it came up")
	}
}

// nothingHalfRegistered fails the test where VirtualBox lists a machine that could
// be taken for a whole one, or an image that belongs to none.
func (s *stage) nothingHalfRegistered(name string) {
	s.t.Helper()
	s.byHand(s.vbox, "sleep 10") // the server of the last client has ended
	listed := s.vboxManage("list vms", "list hdds --long")
	if strings.Contains(listed, `"`+name+`"`) {
		info := s.settings(name)
		bare := info["storagecontrollername0"] == ""
		if said := info["description"]; !bare && !strings.HasPrefix(said, "NOT COMPLETE") && !strings.HasPrefix(said, "Converted") {
			s.t.Errorf("the half made machine says %q", said)
		}
	}
	for block := range strings.SplitSeq(listed, "\n\n") {
		if strings.Contains(block, "Location:") && !strings.Contains(block, "In use by VMs:") {
			s.t.Errorf("an image of no machine is registered:\n%s", block)
		}
	}
}

// compare fails the test where the conversion did not come to what it comes to
// undisturbed.
func (w whole) compare(t *testing.T, s *stage) {
	t.Helper()
	if diff := diffOf(w.settings, s.comparable(w.domain)); diff != "" {
		t.Errorf("other settings (-undisturbed +gone on):\n%s", diff)
	}
	s.disksAreTheSame(w.domain, w.disks)
	if left := s.byHand(s.vbox, "find '"+vms+"' -name '*.raw' -o -name '.*.part' -o -name '*.map'"); left != "" {
		t.Errorf("left behind: %s", left)
	}
	if left := s.byHand(s.kvm, "find /var/lib/libvirt/images -name '*.raw*'"); left != "" {
		t.Errorf("left behind: %s", left)
	}
	if again := s.convert(ok, w.domain, w.further...); again.Changed != 0 || outcome.Result(t, again, "changed") != false {
		t.Errorf("once more: %d changes", again.Changed)
	}
}

// TestFailures strikes at each change of a conversion, and at the first thing that each
// step asks for. Who lost a host must resume, as the host is held for the run, or give
// the run up.
func TestFailures(t *testing.T) {
	w := undisturbed(newStage(t).shop(), "shop", shopDisks, "direct=no")
	step, changes := "", 0
	for i, p := range w.points {
		switch {
		case p.change:
			w.disturb(t, p, refused, byResume)
			w.disturb(t, p, refused, byRun)
			w.disturb(t, p, []blow{cut, unheard}[changes%2], []goOn{byResume, byTakeOver}[changes/2%2])
			changes++
		case p.step != step:
			w.disturb(t, p, refused, []goOn{byResume, byRun}[i%2])
		}
		step = p.step
	}
}
