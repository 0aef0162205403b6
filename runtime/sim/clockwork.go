package sim

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// clockwork is a machine's time. It counts what runs, and who waits for the
// machine: when nothing runs and somebody waits, time jumps to the next event.
// With a rate it runs like a real clock instead, that many times as fast.
type clockwork struct {
	mu      sync.Mutex
	face    atomic.Pointer[clockFace] // changed under mu, read without
	running int                       // processes and timers that are not blocked
	waiting int                       // controllers that wait for the machine to go on
	events  events
	pulling int // events that make their time come
	seq     int
	alarm   *time.Timer
	stopped bool
	idle    func() // called with the clock locked when nothing runs any more
	// cpu is held by the process that goes on: those of a machine take turns, and
	// give way where they sleep, wait, read or write. So what the tools keep needs
	// no locks between them.
	cpu chan struct{}
}

// clockFace is what the clock shows.
type clockFace struct {
	now     time.Time
	rate    float64   // 0: jumps
	started time.Time // real time at which now was right, with a rate
}

func newClockwork(now time.Time) *clockwork {
	c := &clockwork{cpu: make(chan struct{}, 1)}
	c.face.Store(&clockFace{now: now})
	return c
}

// event is something due at a time.
type event struct {
	when  time.Time
	seq   int
	fire  func() // called with the clock locked
	index int
	// passive events are met when time passes, but do not make it pass.
	passive bool
}

type events []*event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if e[i].when.Equal(e[j].when) {
		return e[i].seq < e[j].seq
	}
	return e[i].when.Before(e[j].when)
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i]; e[i].index, e[j].index = i, j }
func (e *events) Push(x any) {
	ev := x.(*event)
	ev.index = len(*e)
	*e = append(*e, ev)
}
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	last.index = -1
	*e = old[:len(old)-1]
	return last
}

// time is what the clock shows. It takes no lock: files ask it while they are
// locked.
func (c *clockwork) time() time.Time { return c.face.Load().time() }

func (f *clockFace) time() time.Time {
	if f.rate > 0 {
		return f.now.Add(time.Duration(float64(time.Since(f.started)) * f.rate))
	}
	return f.now
}

// run sets the rate of a real clock; 0 makes time jump.
func (c *clockwork) run(rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.face.Store(&clockFace{now: c.time(), rate: rate, started: time.Now()})
	c.step()
}

// add schedules an event; the clock is locked.
func (c *clockwork) add(when time.Time, fire func()) *event {
	c.seq++
	ev := &event{when: when, seq: c.seq, fire: fire}
	heap.Push(&c.events, ev)
	c.pulling++
	return ev
}

func (c *clockwork) drop(ev *event) {
	if ev.index >= 0 {
		heap.Remove(&c.events, ev.index)
		c.gone(ev)
	}
}

// next takes the earliest event; the clock is locked.
func (c *clockwork) next() *event {
	ev := heap.Pop(&c.events).(*event)
	c.gone(ev)
	return ev
}

func (c *clockwork) gone(ev *event) {
	if !ev.passive {
		c.pulling--
	}
}

// enter counts one more that runs.
func (c *clockwork) enter() {
	c.mu.Lock()
	c.running++
	c.mu.Unlock()
}

// leave counts one less, and lets time pass if that was the last.
func (c *clockwork) leave() {
	c.mu.Lock()
	c.running--
	c.step()
	c.mu.Unlock()
}

// turn waits for the processor, and give hands it on.
func (c *clockwork) turn() { c.cpu <- struct{}{} }
func (c *clockwork) give() { <-c.cpu }

// wait counts controllers that wait for the machine.
func (c *clockwork) wait(delta int) {
	c.mu.Lock()
	c.waiting += delta
	c.step()
	c.mu.Unlock()
}

// step lets time pass as far as it may; the clock is locked.
func (c *clockwork) step() {
	if c.stopped {
		return
	}
	if c.face.Load().rate > 0 {
		c.tick()
	} else {
		for c.running == 0 && c.waiting > 0 && c.pulling > 0 {
			ev := c.next()
			if ev.when.After(c.time()) {
				c.face.Store(&clockFace{now: ev.when})
			}
			ev.fire()
		}
	}
	if c.running == 0 && c.idle != nil {
		c.idle()
	}
}

// tick fires what is due on a real clock and sets the alarm for the next.
func (c *clockwork) tick() {
	for len(c.events) > 0 {
		due := c.events[0].when.Sub(c.time())
		if due > 0 {
			real := time.Duration(float64(due)/c.face.Load().rate) + time.Microsecond
			if c.alarm != nil {
				c.alarm.Stop()
			}
			c.alarm = time.AfterFunc(real, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.step()
			})
			return
		}
		c.next().fire()
	}
}

func (c *clockwork) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.alarm != nil {
		c.alarm.Stop()
	}
}

// ticket is one blocked process: it does not run until it is woken.
type ticket struct {
	clock *clockwork
	ready chan struct{}
	woken bool
	turns bool     // it gave the processor away and wants it back
	input *session // whose controller it waits for, when it waits for input
}

// block takes the caller, a process, out of those that run. What can wake the
// ticket must be known before time may pass, so prepare is called first, with the
// clock locked.
func (c *clockwork) block(owner *task, prepare func(t *ticket)) *ticket {
	t := &ticket{clock: c, ready: make(chan struct{}), turns: owner.takesTurns()}
	if t.turns {
		defer c.give()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if prepare != nil {
		prepare(t)
	}
	c.running--
	if t.input != nil {
		t.input.reading(1)
	}
	c.step()
	return t
}

// wake lets the process run again; only the first call counts.
func (t *ticket) wake() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.rouse()
}

// rouse is wake with the clock locked.
func (t *ticket) rouse() {
	if !t.woken {
		t.woken = true
		t.clock.running++
		if t.input != nil {
			t.input.reading(-1)
		}
		close(t.ready)
	}
}

// wait returns when the ticket is woken, or the context ends.
func (t *ticket) wait(ctx context.Context) error {
	defer t.resume()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		t.wake()
		return context.Cause(ctx)
	}
}

// resume waits for the processor again.
func (t *ticket) resume() {
	if t.turns {
		t.clock.turn()
	}
}

// sleep blocks a process for a time.
func (c *clockwork) sleep(ctx context.Context, d time.Duration) error {
	if err := context.Cause(ctx); err != nil || d <= 0 {
		return err
	}
	var ev *event
	owner := processOf(ctx)
	t := c.block(owner, func(t *ticket) {
		owner.holds(t)
		ev = c.add(c.time().Add(d), t.rouse)
	})
	err := t.wait(ctx)
	owner.lets(t)
	c.mu.Lock()
	c.drop(ev)
	c.mu.Unlock()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// pass is a controller's sleep: it waits for the machine.
func (c *clockwork) pass(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	done := make(chan struct{})
	c.mu.Lock()
	c.waiting++
	fired := false
	ev := c.add(c.time().Add(d), func() {
		fired = true
		c.waiting--
		close(done)
	})
	c.step()
	c.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !fired {
		c.drop(ev)
		c.waiting--
	}
	return ctx.Err()
}

// after calls fire when the time comes, without making it come; stop forgets it.
// Time stands still until fire returns.
func (c *clockwork) after(d time.Duration, fire func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ev := c.add(c.time().Add(d), func() {
		c.running++
		go func() {
			defer c.leave()
			fire()
		}()
	})
	ev.passive = true
	c.pulling--
	c.step()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drop(ev)
	}
}

// hostClock is the machine's time as the controller uses it.
type hostClock struct{ c *clockwork }

func (h hostClock) Now() time.Time                                       { return h.c.time() }
func (h hostClock) Sleep(ctx context.Context, d time.Duration) error     { return h.c.pass(ctx, d) }
func (h hostClock) AfterFunc(d time.Duration, fire func()) (stop func()) { return h.c.after(d, fire) }
