package sshhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// How long a process tree has after TERM and after KILL.
const (
	termGrace = 3 * time.Second
	killGrace = 5 * time.Second
)

// interrupt ends what a frame runs on the host, TERM first, then KILL, and
// waits until the shell answers again. It returns why, with a word about what
// could not be ended.
func (h *Host) interrupt(ctx context.Context, e effect.Effect, s *shell, f *frame, why error) error {
	// The context may have ended; ending the processes must not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), termGrace+killGrace+20*time.Second)
	defer cancel()
	root := s.about.pid
	if pid := f.pid.Load(); pid != 0 {
		root = int(pid)
	}
	err := h.endTree(ctx, place{in: e.In, as: e.As, side: true}, root, f.done)
	if err == nil {
		return why
	}
	// Without a way to reach the processes the shell will not come back.
	s.close()
	var known *effect.Error
	if !errors.As(why, &known) {
		known = &effect.Error{Op: e.Op, Kind: effect.Cancelled, Message: "cancelled", Cause: why}
	}
	said := *known
	said.Hint = "processes of it may still run on the host: " + err.Error()
	return &said
}

// endTree ends all processes below a shell, until done is closed.
func (h *Host) endTree(ctx context.Context, at place, shell int, done <-chan struct{}) error {
	side, err := h.shellNow(ctx, at)
	if err != nil {
		return fmt.Errorf("no second channel to end them: %w", err)
	}
	for _, round := range []struct {
		signal string
		grace  time.Duration
	}{{"TERM", termGrace}, {"KILL", killGrace}} {
		deadline := time.Now().Add(round.grace)
		for wait := 10 * time.Millisecond; time.Now().Before(deadline); wait = min(2*wait, 200*time.Millisecond) {
			if err := signalBelow(ctx, side, shell, round.signal); err != nil {
				return err
			}
			select {
			case <-done:
				return nil
			case <-time.After(wait):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return errors.New("they do not end, not even by KILL")
}

// signalBelow signals every process below one; processes may fork meanwhile, so
// it is done again until nothing is left.
func signalBelow(ctx context.Context, side *shell, root int, signal string) error {
	list, err := side.ask(ctx, "ps -axo pid,ppid")
	if err != nil {
		return err
	}
	pids := below(list, root, side.about.pid)
	if len(pids) == 0 {
		return nil
	}
	// A process may have ended since: kill's complaint is no news.
	_, err = side.ask(ctx, "kill -"+signal+" "+strings.Join(pids, " ")+" 2>/dev/null; :")
	return err
}

// below lists the processes that descend from root in the output of ps -axo
// pid,ppid, children after their parents, leaving out the tree of except.
func below(list []byte, root, except int) []string {
	children := map[int][]int{}
	for line := range bytes.Lines(list) {
		fields := bytes.Fields(line)
		if len(fields) != 2 {
			continue
		}
		pid, errPID := strconv.Atoi(string(fields[0]))
		parent, errParent := strconv.Atoi(string(fields[1]))
		if errPID == nil && errParent == nil && pid != parent && pid != except {
			children[parent] = append(children[parent], pid)
		}
	}
	var found []string
	seen := map[int]bool{root: true}
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, pid := range children[queue[0]] {
			if !seen[pid] {
				seen[pid] = true
				found = append(found, strconv.Itoa(pid))
				queue = append(queue, pid)
			}
		}
	}
	return found
}
