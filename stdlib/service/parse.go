package service

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

var (
	runningForm = lazyregexp.New(`(?m) is running(?: as pids? ([0-9 ]+))?\.?\s*$`)
	// directivesForm is how rc.subr(8) answers a word that a script does not
	// know: with all that it does, behind the prefixes that go with every one.
	directivesForm = lazyregexp.New(`(?m)^Usage: \S+ \[fast\|force\|one(?:\|quiet)?\]\(([^)]*)\)`)
	rcvarForm      = lazyregexp.New(`(?m)^\$?([A-Za-z_][A-Za-z0-9_]*)="?([^"\n]*)"?\s*$`)
)

// parseStatus reads what a script says to "status". Most say the words of
// rc.subr(8); pf(4) shows its state; for the rest the exit code has to do.
func parseStatus(name, text string, code int) Status {
	s := Status{Exists: true, Known: true, PIDs: []int{}, Text: strings.TrimSpace(text)}
	switch {
	case strings.Contains(text, "does not exist in /etc/rc.d"):
		s.Exists, s.Known = false, false
	case directivesForm.MatchString(text):
		s.Known = false
	case strings.Contains(text, " is not running") || strings.Contains(text, "Status: Disabled") || strings.Contains(text, "is not loaded"):
	case runningForm.MatchString(text):
		s.Running = true
		for _, m := range runningForm.FindAllStringSubmatch(text, -1) {
			for field := range strings.FieldsSeq(m[1]) {
				if pid, err := strconv.Atoi(field); err == nil {
					s.PIDs = append(s.PIDs, pid)
				}
			}
		}
	case strings.Contains(text, "Status: Enabled"):
		s.Running = true
	default:
		s.Running = code == 0
	}
	return s
}

// parseRcvar finds the variable in the output of "rcvar": sshd_enable="YES", or
// $sshd_enable=YES before 9.0.
func parseRcvar(out string) string {
	m := rcvarForm.FindStringSubmatch(out)
	if m == nil {
		return ""
	}
	return m[1]
}

// usual are the actions that have functions of their own, or that every script
// knows.
var usual = strings.Fields("start stop restart reload status rcvar enable disable delete enabled describe extracommands poll")

// parseActions reads what a script knows from its usage.
func parseActions(text string) []string {
	list := []string{}
	m := directivesForm.FindStringSubmatch(text)
	if m == nil {
		return list
	}
	for action := range strings.SplitSeq(m[1], "|") {
		if action = strings.TrimSpace(action); action != "" && !slices.Contains(usual, action) {
			list = append(list, action)
		}
	}
	return list
}

// parseList reads service -l, the paths of service -e behind a line "--enabled",
// and what scripts said behind lines "--status NAME CODE".
func parseList(out string) []Service {
	out, statuses, _ := strings.Cut(out, "\n--status ")
	all, enabled, _ := strings.Cut(out, "--enabled\n")
	list := []Service{}
	local := false
	for line := range strings.Lines(all) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "From "):
			local = strings.Contains(line, "/usr/local/")
		case line != "":
			list = append(list, Service{Name: line, Local: local})
		}
	}
	for line := range strings.Lines(enabled) {
		script := strings.TrimSpace(line)
		name := path.Base(script)
		i := slices.IndexFunc(list, func(s Service) bool { return s.Name == name })
		switch {
		case script == "":
		case i < 0:
			list = append(list, Service{Name: name, Enabled: true, Local: strings.HasPrefix(script, "/usr/local/")})
		default:
			list[i].Enabled = true
		}
	}
	if statuses != "" {
		for part := range strings.SplitSeq(statuses, "\n--status ") {
			head, said, _ := strings.Cut(part, "\n")
			name, code, _ := strings.Cut(head, " ")
			if i := slices.IndexFunc(list, func(s Service) bool { return s.Name == name }); i >= 0 {
				n, _ := strconv.Atoi(code)
				status := parseStatus(name, said, n)
				list[i].Status = &status
			}
		}
	}
	slices.SortFunc(list, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return list
}
