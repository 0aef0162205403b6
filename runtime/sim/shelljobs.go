package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// wait waits for jobs.
func (s *shell) wait(args []string) int {
	operands := args[1:]
	if len(operands) > 0 && operands[0] == "--" {
		operands = operands[1:]
	}
	if len(operands) == 0 {
		for len(s.jobs) > 0 {
			code, interrupted := s.await(s.jobs[0].process)
			if interrupted {
				return code
			}
			s.jobs = s.jobs[1:]
		}
		return 0
	}
	code := 0
	for _, operand := range operands {
		job := s.findJob(operand)
		if job == nil {
			s.errorf("wait: No such job: %s\n", operand)
			code = 127
			continue
		}
		var interrupted bool
		if code, interrupted = s.await(job.process); interrupted {
			return code
		}
		s.jobs = slices.DeleteFunc(s.jobs, func(j *shellJob) bool { return j == job })
	}
	return code
}

// await waits for a process; a signal with a trap ends the wait.
func (s *shell) await(p *task) (code int, interrupted bool) {
	ctx, cancel := context.WithCancel(s.p.Context)
	defer cancel()
	s.mu.Lock()
	s.wakeup = cancel
	waiting := len(s.pending) > 0
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.wakeup = nil
		s.mu.Unlock()
	}()
	if waiting {
		return 128 + s.firstPending(), true
	}
	code, err := p.Wait(ctx)
	if err != nil {
		return 128 + s.firstPending(), true
	}
	return code, false
}

func (s *shell) firstPending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 {
		if sig, ok := signalNumber(s.pending[0]); ok {
			return int(sig)
		}
	}
	return int(syscall.SIGKILL)
}

func (s *shell) findJob(operand string) *shellJob {
	if rest, ok := strings.CutPrefix(operand, "%"); ok {
		if rest == "" || rest == "%" || rest == "+" {
			if len(s.jobs) == 0 {
				return nil
			}
			return s.jobs[len(s.jobs)-1]
		}
		for _, j := range s.jobs {
			if strconv.Itoa(j.number) == rest || strings.HasPrefix(j.text, rest) {
				return j
			}
		}
		return nil
	}
	for _, j := range s.jobs {
		if strconv.Itoa(j.pid) == operand {
			return j
		}
	}
	return nil
}

func (s *shell) jobid(args []string) int {
	operand := "%%"
	if len(args) > 1 {
		operand = args[1]
	}
	j := s.findJob(operand)
	if j == nil {
		return s.usage("jobid", "No such job: %s", operand)
	}
	_, _ = fmt.Fprintf(s.writer(1), "%d\n", j.pid)
	return 0
}

func (s *shell) listJobs(args []string) int {
	pids := len(args) > 1 && args[1] == "-p"
	var left []*shellJob
	for _, j := range s.jobs {
		state := "Running"
		select {
		case <-j.process.Done():
			state = "Done"
		default:
			left = append(left, j)
		}
		switch {
		case pids:
			_, _ = fmt.Fprintf(s.writer(1), "%d\n", j.pid)
		default:
			_, _ = fmt.Fprintf(s.writer(1), "[%d] %c %-19s %s\n", j.number, '+', state, j.text)
		}
	}
	if !pids {
		s.jobs = left
	}
	return 0
}
