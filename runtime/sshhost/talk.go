package sshhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/effect"
)

// doTalk runs a command on a pseudo terminal and answers its questions. Both of
// its streams are Result.Stdout.
func (h *Host) doTalk(ctx context.Context, e effect.Effect) (effect.Result, error) {
	text, err := body(e)
	if err != nil {
		return effect.Result{}, invalid(e, err)
	}
	talk, err := newConversation(e)
	if err != nil {
		return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "%s", err)
	}
	if e.Again && !e.Anew && h.keepsLedger(e) {
		if r, known, err := h.recallCut(ctx, e); known || err != nil {
			return r, err
		}
	}
	note, err := h.noteBeside(ctx, e)
	if err != nil {
		return effect.Result{}, err
	}
	size := &ttySize{24, 80}
	if e.Talk.Rows > 0 && e.Talk.Cols > 0 {
		size = &ttySize{e.Talk.Rows, e.Talk.Cols}
	}
	// What is typed need not show a second time, and some of it must not.
	script := settle + "stty -echo 2>/dev/null\necho " + talk.nonce + "$$\n" + note.before + "(" + text + "\n); _c=$?\n" + note.after + "exit $_c"
	late, forget := begin(ctx, e)
	defer forget()
	p, _, err := h.open(ctx, place{in: e.In, as: e.As}, script, size)
	if err != nil {
		return effect.Result{}, err
	}
	defer p.close()
	out := h.capture()
	talk.out, _ = watched(e, out, io.Discard)
	code, err := h.converse(ctx, e, p, late, talk)
	return h.finish(e, code, err, out, effect.NewCapture(""))
}

// converse lets the dialogue run until the command ends, or something ends it.
func (h *Host) converse(ctx context.Context, e effect.Effect, p *process, late <-chan struct{}, talk *conversation) (int, error) {
	type end struct {
		code int
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		// A daemon may keep the terminal open after the command's end.
		<-p.exited
		time.AfterFunc(otherStream, p.close)
	}()
	go func() {
		err := talk.run(p)
		if err != nil {
			ended <- end{-1, err}
			return
		}
		code, err := p.wait()
		if err != nil {
			err = errLost
		}
		ended <- end{code, err}
	}()
	var idle <-chan time.Time
	if e.Idle > 0 {
		t := time.NewTicker(max(e.Idle/8, 10*time.Millisecond))
		defer t.Stop()
		idle = t.C
	}
	for {
		select {
		case end := <-ended:
			if end.err != nil && !errors.Is(end.err, errLost) {
				h.hangUp(ctx, e, talk)
			}
			if end.err == nil && over(ctx, late) {
				return end.code, tooLong(e, "it took longer than %s", e.Timeout)
			}
			return end.code, end.err
		case <-ctx.Done():
			h.hangUp(ctx, e, talk)
			return -1, ctx.Err()
		case <-late:
			if ctx.Err() != nil {
				continue // its own end says more
			}
			h.hangUp(ctx, e, talk)
			return -1, tooLong(e, "it took longer than %s", e.Timeout)
		case <-idle:
			if silent := talk.silence(); silent > e.Idle {
				h.hangUp(ctx, e, talk)
				return -1, tooLong(e, "it printed nothing for %s", e.Idle)
			}
		}
	}
}

// hangUp ends what the dialogue runs; closing the terminal does the rest.
func (h *Host) hangUp(ctx context.Context, e effect.Effect, talk *conversation) {
	pid := talk.process()
	if pid == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), termGrace+killGrace)
	defer cancel()
	side, err := h.shellNow(ctx, place{in: e.In, as: e.As, side: true})
	if err != nil {
		return
	}
	for _, signal := range []string{"TERM", "KILL"} {
		if err := signalBelow(ctx, side, pid, signal); err != nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// conversation answers what a terminal shows.
type conversation struct {
	nonce     string
	exchanges []exchange
	out       io.Writer

	mu   sync.Mutex
	pid  int
	last time.Time
}

type exchange struct {
	effect.Exchange
	pattern *regexp.Regexp
	used    bool
}

func newConversation(e effect.Effect) (*conversation, error) {
	c := &conversation{nonce: newNonce(), last: time.Now()}
	for i, x := range e.Talk.Exchanges {
		pattern, err := regexp.Compile(x.Expect)
		if err != nil {
			return nil, fmt.Errorf("exchange %d: %w", i+1, err)
		}
		c.exchanges = append(c.exchanges, exchange{Exchange: x, pattern: pattern})
	}
	return c, nil
}

func (c *conversation) process() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

func (c *conversation) silence() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last)
}

// recent is how much of the output since the last answer patterns see.
const recent = 64 << 10

// run reads until the terminal closes.
func (c *conversation) run(p *process) error {
	var line, told transcript
	if err := readUntil(p.stdout, c.nonce, nil, nil, &told); err != nil {
		return fmt.Errorf("%w: %s", errLost, told.String())
	}
	if err := readUntil(p.stdout, "\n", nil, nil, &line); err != nil {
		return errLost
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(line.String()))
	c.mu.Lock()
	c.pid = pid
	c.mu.Unlock()
	var seen []byte
	buf := make([]byte, 4096)
	for {
		n, err := p.stdout.Read(buf)
		if n > 0 {
			c.mu.Lock()
			c.last = time.Now()
			c.mu.Unlock()
			// The terminal ends lines with a carriage return too.
			text := bytes.ReplaceAll(buf[:n], []byte("\r"), nil)
			_, _ = c.out.Write(text)
			seen = append(seen, text...)
			if len(seen) > recent {
				seen = append(seen[:0], seen[len(seen)-recent:]...)
			}
			if seen, err = c.answer(seen, p.stdin); err != nil {
				return err
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errLost
		}
	}
}

// answer sends what the first exchange says whose pattern has appeared, and
// returns what is left to look at.
func (c *conversation) answer(seen []byte, w io.Writer) ([]byte, error) {
	for {
		i, end := c.match(seen)
		if i < 0 {
			return seen, nil
		}
		x := &c.exchanges[i]
		x.used = true
		if x.Fail != "" {
			return nil, &effect.Error{Kind: effect.Failed, Message: x.Fail}
		}
		if _, err := io.WriteString(w, x.Send); err != nil {
			return nil, errLost
		}
		seen = append([]byte(nil), seen[end:]...)
		if end == 0 {
			// A pattern that matches nothing would be answered for ever.
			return seen, nil
		}
	}
}

func (c *conversation) match(seen []byte) (index, end int) {
	for i, x := range c.exchanges {
		if x.used && !x.Repeat {
			continue
		}
		if at := x.pattern.FindIndex(seen); at != nil {
			return i, at[1]
		}
	}
	return -1, 0
}
