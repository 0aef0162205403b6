package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// signals by number, as FreeBSD has them (signal(3)); the numbers of the
// simulated machine, which are not always those of the controller's system.
var signalNames = []string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "EMT", 8: "FPE", 9: "KILL", 10: "BUS", 11: "SEGV",
	12: "SYS", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "URG", 17: "STOP", 18: "TSTP", 19: "CONT", 20: "CHLD", 21: "TTIN",
	22: "TTOU", 23: "IO", 24: "XCPU", 25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH", 29: "INFO", 30: "USR1", 31: "USR2",
}

// hostSignals are the names the controller's system shares, by FreeBSD's name:
// inside, signals are the controller's constants.
var hostSignals = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "ILL": syscall.SIGILL, "TRAP": syscall.SIGTRAP,
	"ABRT": syscall.SIGABRT, "FPE": syscall.SIGFPE, "KILL": syscall.SIGKILL, "BUS": syscall.SIGBUS, "SEGV": syscall.SIGSEGV,
	"SYS": syscall.SIGSYS, "PIPE": syscall.SIGPIPE, "ALRM": syscall.SIGALRM, "TERM": syscall.SIGTERM, "URG": syscall.SIGURG,
	"STOP": syscall.SIGSTOP, "TSTP": syscall.SIGTSTP, "CONT": syscall.SIGCONT, "CHLD": syscall.SIGCHLD, "TTIN": syscall.SIGTTIN,
	"TTOU": syscall.SIGTTOU, "IO": syscall.SIGIO, "XCPU": syscall.SIGXCPU, "XFSZ": syscall.SIGXFSZ, "VTALRM": syscall.SIGVTALRM,
	"PROF": syscall.SIGPROF, "WINCH": syscall.SIGWINCH, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
}

// SignalNames lists the signals in order of their FreeBSD numbers, from 1.
func SignalNames() []string { return slices.Clone(signalNames[1:]) }

// ParseSignal reads a signal's name, with or without SIG, or its FreeBSD number;
// 0 is the signal that only asks.
func ParseSignal(text string) (syscall.Signal, bool) { return signalNumber(text) }

func signalNumber(text string) (syscall.Signal, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		if n == 0 {
			return 0, true
		}
		if n < 0 || n >= len(signalNames) {
			return 0, false
		}
		text = signalNames[n]
	}
	sig, ok := hostSignals[strings.TrimPrefix(strings.ToUpper(text), "SIG")]
	return sig, ok
}

// SignalName is a signal's name without SIG.
func SignalName(sig syscall.Signal) string {
	for name, s := range hostSignals {
		if s == sig {
			return name
		}
	}
	return strconv.Itoa(int(sig))
}

// SignalNumber is a signal's number on FreeBSD.
func SignalNumber(sig syscall.Signal) int {
	if i := slices.Index(signalNames, SignalName(sig)); i > 0 {
		return i
	}
	return int(sig)
}

// kill is the shell's own kill, which knows jobs (kill(1)).
func (s *shell) kill(args []string) int {
	operands := args[1:]
	sig := syscall.SIGTERM
	if len(operands) > 0 && strings.HasPrefix(operands[0], "-") && operands[0] != "--" {
		spec := operands[0][1:]
		operands = operands[1:]
		switch spec {
		case "l":
			return s.killList(operands)
		case "s":
			if len(operands) == 0 {
				return s.usage("kill", "option requires an argument -- s")
			}
			spec, operands = operands[0], operands[1:]
		}
		var ok bool
		if sig, ok = signalNumber(spec); !ok {
			s.errorf("kill: unknown signal %s; valid signals:\n", spec)
			_, _ = io.WriteString(s.writer(2), strings.Join(SignalNames(), " ")+"\n")
			return 2
		}
	}
	if len(operands) > 0 && operands[0] == "--" {
		operands = operands[1:]
	}
	if len(operands) == 0 {
		s.errorf("usage: kill [-s signal_name] pid ...\n")
		return 2
	}
	code := 0
	for _, operand := range operands {
		pid, err := strconv.Atoi(operand)
		if strings.HasPrefix(operand, "%") {
			job := s.findJob(operand)
			if job == nil {
				s.errorf("kill: No such job: %s\n", operand)
				code = 2
				continue
			}
			pid = job.pid
		} else if err != nil {
			s.errorf("kill: illegal process id: %s\n", operand)
			code = 1
			continue
		}
		if pid == 0 && s.p.process != nil {
			pid = -s.p.process.Group
		}
		if err := s.p.Machine.Kill(s.p.Cred, pid, sig); err != nil {
			s.errorf("kill: %s: %s\n", operand, ErrText(err))
			code = 1
		}
	}
	return code
}

func (s *shell) killList(operands []string) int {
	if len(operands) == 0 {
		_, _ = io.WriteString(s.writer(1), strings.Join(SignalNames(), " ")+"\n")
		return 0
	}
	n, err := strconv.Atoi(operands[0])
	if n > 128 {
		n -= 128
	}
	if err != nil || n <= 0 || n >= len(signalNames) {
		s.errorf("kill: illegal signal number: %s\n", operands[0])
		return 1
	}
	_, _ = io.WriteString(s.writer(1), signalNames[n]+"\n")
	return 0
}

// trap sets, shows and resets traps.
func (s *shell) trap(args []string) int {
	operands := args[1:]
	if len(operands) > 0 && operands[0] == "--" {
		operands = operands[1:]
	}
	if len(operands) == 0 || operands[0] == "-p" {
		return s.listTraps()
	}
	action := operands[0]
	names := operands[1:]
	if len(names) == 0 {
		action, names = "-", operands
	} else if _, err := strconv.Atoi(action); err == nil {
		action, names = "-", operands
	}
	code := 0
	for _, name := range names {
		key, sig, ok := trapName(name)
		if !ok {
			s.errorf("trap: bad signal %s\n", name)
			code = 1
			continue
		}
		s.setTrap(key, sig, action)
	}
	return code
}

func trapName(name string) (key string, sig syscall.Signal, ok bool) {
	if name == "0" || strings.EqualFold(name, "EXIT") {
		return "EXIT", 0, true
	}
	sig, ok = signalNumber(name)
	if !ok || sig == 0 {
		return "", 0, false
	}
	return SignalName(sig), sig, true
}

func (s *shell) setTrap(key string, sig syscall.Signal, action string) {
	if action == "-" {
		delete(s.traps, key)
		if sig != 0 && s.p.process != nil {
			s.p.process.Default(sig)
		}
		return
	}
	s.traps[key] = action
	if sig == 0 || s.p.process == nil {
		return
	}
	if action == "" {
		s.p.process.Catch(sig, nil)
		return
	}
	process := s.p.process
	process.Catch(sig, func() {
		s.mu.Lock()
		s.pending = append(s.pending, key)
		wakeup := s.wakeup
		s.mu.Unlock()
		if wakeup != nil {
			wakeup()
			process.suspend(false)
		}
	})
}

// resetCaught gives signals with a trap their default back, as exec does.
func (s *shell) resetCaught() {
	for key, action := range s.traps {
		if sig, ok := signalNumber(key); ok && action != "" && s.p.process != nil {
			s.p.process.Default(sig)
		}
	}
}

func (s *shell) listTraps() int {
	for _, name := range slices.Sorted(maps.Keys(s.traps)) {
		_, _ = fmt.Fprintf(s.writer(1), "trap -- %s %s\n", quoteAlways(s.traps[name]), name)
	}
	return 0
}

func quoteAlways(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// runTraps runs the traps of signals that came.
func (s *shell) runTraps() {
	for !s.inTrap {
		s.mu.Lock()
		if len(s.pending) == 0 {
			s.mu.Unlock()
			return
		}
		key := s.pending[0]
		s.pending = s.pending[1:]
		s.mu.Unlock()
		action := s.traps[key]
		if action == "" {
			continue
		}
		saved, interrupted := s.status, s.flow
		s.flow = flow{}
		s.inTrap = true
		s.evalText(action)
		s.inTrap = false
		if s.flow.kind != flowExit {
			s.status, s.flow = saved, interrupted
		}
	}
}
