package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// crowd is the progress of many hosts: counts from time to time instead of a line
// for every step, and what many of them say alike only for the first.
type crowd struct {
	p      *Plain
	total  int
	ended  map[string]int // hosts, by status
	at     map[string]int // hosts under way, by the step they are at
	steps  map[string]*place
	said   map[saying]*said
	order  []saying
	told   time.Time
	latest string // the counts as they were told
}

// place is where a host is.
type place struct {
	steps []string // enclosing first
	since time.Time
}

func (p *place) step() string {
	if len(p.steps) == 0 {
		return "outside of steps"
	}
	return "at " + p.steps[len(p.steps)-1]
}

// saying is what hosts say alike: a line of the log, or why they failed.
type saying struct{ mark, text string }

// said is who said something.
type said struct{ times, told int }

const (
	sayAlike         = 3 // how many hosts are told of that say the same
	tellCrowdAfter   = 5 * time.Second
	tellCrowdAgain   = 30 * time.Second // when nothing has changed
	stragglers       = 3                // so many hosts are told of by name
	placesToldAtOnce = 4
)

func newCrowd(p *Plain, total int) *crowd {
	return &crowd{p: p, total: total, ended: map[string]int{}, at: map[string]int{}, steps: map[string]*place{}, said: map[saying]*said{}, told: time.Now()}
}

// emit takes note of one event.
func (c *crowd) emit(e effect.Event, now time.Time) {
	switch e.Type {
	case effect.HostStart:
		c.move(e.Host, now, func(p *place) {})
	case effect.StepStart:
		c.move(e.Host, now, func(p *place) { p.steps = append(p.steps, e.Step) })
	case effect.StepEnd:
		if recorded, _ := e.Data["recorded"].(bool); !recorded {
			c.move(e.Host, now, func(p *place) { p.steps = p.steps[:max(len(p.steps)-1, 0)] })
		}
	case effect.Log:
		c.say(e.Host, c.p.style.bold("log"), e.Text)
	case effect.HostEnd:
		if p := c.steps[e.Host]; p != nil {
			c.count(p, -1)
			delete(c.steps, e.Host)
		}
		c.ended[e.Status]++
		if e.Err != nil {
			c.say(e.Host, c.p.style.status(e.Status), e.Err.Summary())
		}
	}
}

// move takes a host to another step.
func (c *crowd) move(host string, now time.Time, to func(*place)) {
	p := c.steps[host]
	if p == nil {
		p = &place{}
		c.steps[host] = p
	} else {
		c.count(p, -1)
	}
	to(p)
	p.since = now
	c.count(p, 1)
}

func (c *crowd) count(p *place, by int) {
	step := p.step()
	if c.at[step] += by; c.at[step] == 0 {
		delete(c.at, step)
	}
}

// say tells what a host says, unless some have said the same.
func (c *crowd) say(host, mark, text string) {
	if host == "" {
		c.p.line(host, mark, text)
		return
	}
	key := saying{mark, general(text, host)}
	s := c.said[key]
	if s == nil {
		s = &said{}
		c.said[key] = s
		c.order = append(c.order, key)
	}
	s.times++
	if s.times <= sayAlike {
		s.told++
		c.p.line(host, mark, text)
	}
}

// tick tells how far the hosts are, when that is news.
func (c *crowd) tick(now time.Time) {
	counts := c.counts()
	if len(c.steps) == 0 || now.Sub(c.told) < tellCrowdAfter || counts == c.latest && now.Sub(c.told) < tellCrowdAgain {
		return
	}
	c.told, c.latest = now, counts
	c.repeats()
	c.p.line("", c.p.style.dim("..."), counts+c.slowest(now))
}

// repeats tells how many more hosts have said what others had.
func (c *crowd) repeats() {
	for _, key := range c.order {
		s := c.said[key]
		if more := s.times - s.told; more > 0 {
			c.p.line("", key.mark, fmt.Sprintf("%s (%s)", key.text, Plural(more, "more host")))
			s.told = s.times
		}
	}
}

// counts is how far the hosts are: "340 of 1000 hosts have ended (12 failed), 200
// under way: 150 at write, 50 at list".
func (c *crowd) counts() string {
	ended, bad := 0, []string{}
	for _, status := range endings {
		ended += c.ended[status]
		if n := c.ended[status]; n > 0 && status != effect.StatusOK {
			bad = append(bad, fmt.Sprintf("%d %s", n, status))
		}
	}
	text := fmt.Sprintf("%d of %s have ended", ended, Plural(c.total, "host"))
	if len(bad) > 0 {
		text += " (" + strings.Join(bad, ", ") + ")"
	}
	places := slices.SortedFunc(maps.Keys(c.at), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.at[b], c.at[a]), cmp.Compare(a, b))
	})
	var at []string
	for _, step := range places[:min(len(places), placesToldAtOnce)] {
		at = append(at, fmt.Sprintf("%d %s", c.at[step], step))
	}
	if more := len(places) - len(at); more > 0 {
		at = append(at, fmt.Sprintf("others at %s", Plural(more, "more step")))
	}
	return fmt.Sprintf("%s, %d under way: %s", text, len(c.steps), strings.Join(at, ", "))
}

// slowest names the last hosts, and how long they have been where they are.
func (c *crowd) slowest(now time.Time) string {
	if len(c.steps) > stragglers {
		return ""
	}
	var hosts []string
	for _, name := range slices.Sorted(maps.Keys(c.steps)) {
		hosts = append(hosts, fmt.Sprintf("%s for %s", name, Duration(now.Sub(c.steps[name].since).Truncate(time.Second).Seconds())))
	}
	return " (" + strings.Join(hosts, ", ") + ")"
}

// Plural counts things of an English word that takes an s.
func Plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
