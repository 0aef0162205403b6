package zpool

import (
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/lazyregexp"
)

// Scan is a scrub or a resilver of a pool, under way or the last one.
type Scan struct {
	Function string        `lua:"kind" doc:"scrub, resilver, or none"`
	State    string        `lua:"state" doc:"none, running, paused, finished or canceled"`
	Started  time.Time     `lua:"started" doc:"when it began, where the tool tells"`
	Ended    time.Time     `lua:"ended" doc:"when it finished or was canceled"`
	Took     time.Duration `lua:"took" doc:"how long it took" unit:"seconds"`
	Repaired int64         `lua:"repaired" doc:"data it has put right" unit:"bytes"`
	Errors   int64         `lua:"errors" doc:"errors that it could not put right"`
	Done     float64       `lua:"done" doc:"how far it is, in percent"`
	Left     time.Duration `lua:"left" doc:"how long it is expected to take yet; 0: not told" unit:"seconds"`
	Text     string        `lua:"text,omitempty" doc:"the tool's own words, line by line; absent since FreeBSD 15"`
}

// noScan is that of a pool that has never been scanned.
var noScan = Scan{Function: "none", State: "none"}

// Busy tells whether the scan is under way.
func (s Scan) Busy() bool { return s.State == "running" || s.State == "paused" }

// or is the more telling of two scans that the tool tells of: the one under way,
// or else the later one.
func (s Scan) or(other Scan) Scan {
	switch {
	case other.Function == "none" && s.Text != "", s.Busy() && !other.Busy(), !other.Busy() && s.Ended.After(other.Ended):
		return s
	}
	return other
}

var (
	resilverForm = lazyregexp.New(`^resilvered (?:\(\S+\) )?(\S+) in (.+) with (\d+) errors on (.+)$`)
	scrubForm    = lazyregexp.New(`^scrub(?: \(\S+\))? repaired (\S+) in (.+) with (\d+) errors on (.+)$`)
	eraForm      = lazyregexp.New(`^(scrub|resilver) (completed|stopped) after (\S+) with (\d+) errors on (.+)$`)
	eraRunning   = lazyregexp.New(`^(scrub|resilver) in progress for (\S+), (\S+)% done, (\S+) to go`)
	sinceForm    = lazyregexp.New(`^(scrub|resilver)(?: \(\S+\))? (in progress|paused) since (.+)$`)
	canceledForm = lazyregexp.New(`^(scrub|resilver)(?: \(\S+\))? canceled on (.+)$`)
	startedForm  = lazyregexp.New(`^scrub started on (.+)$`)
	repairedForm = lazyregexp.New(`(?:^|\s)(\S+) (?:repaired|resilvered)(?:,|$)`)
	percentForm  = lazyregexp.New(`(\d+(?:\.\d+)?)% done`)
	leftForm     = lazyregexp.New(`, ((?:\d+ days )?[\d:hms]+) to go`)
)

// parseScan reads the lines of "scan:", and of "scrub:" as it was before 9.0.
func parseScan(lines []string) Scan {
	s := noScan
	s.Text = strings.Join(lines, "\n")
	for _, line := range lines {
		s.line(line)
	}
	return s
}

func (s *Scan) line(line string) {
	if m := scrubForm.FindStringSubmatch(line); m != nil {
		s.finished("scrub", m[2], m[3], m[4])
		s.Repaired = size(m[1])
	} else if m := resilverForm.FindStringSubmatch(line); m != nil {
		s.finished("resilver", m[2], m[3], m[4])
		s.Repaired = size(m[1])
	} else if m := eraForm.FindStringSubmatch(line); m != nil {
		s.finished(m[1], m[3], m[4], m[5])
		if m[2] == "stopped" {
			s.State, s.Done = "canceled", 0
		}
	} else if m := eraRunning.FindStringSubmatch(line); m != nil {
		s.Function, s.State = m[1], "running"
		s.Took, s.Done, s.Left = parseDuration(m[2]), percent(m[3]), parseDuration(m[4])
	} else if m := sinceForm.FindStringSubmatch(line); m != nil {
		s.Function, s.State = m[1], "running"
		if m[2] == "paused" {
			s.State = "paused"
		} else {
			s.Started = parseTime(m[3])
		}
	} else if m := canceledForm.FindStringSubmatch(line); m != nil {
		s.Function, s.State, s.Ended = m[1], "canceled", parseTime(m[2])
	} else if m := startedForm.FindStringSubmatch(line); m != nil {
		s.Started = parseTime(m[1])
	} else if s.Busy() {
		s.progress(line)
	}
}

func (s *Scan) finished(function, took, errors, ended string) {
	s.Function, s.State, s.Done = function, "finished", 100
	s.Took, s.Ended = parseDuration(took), parseTime(ended)
	s.Errors, _ = strconv.ParseInt(errors, 10, 64)
	if !s.Ended.IsZero() {
		s.Started = s.Ended.Add(-s.Took)
	}
}

// progress reads the lines that follow "in progress since".
func (s *Scan) progress(line string) {
	if m := repairedForm.FindStringSubmatch(line); m != nil {
		s.Repaired = size(m[1])
	}
	if m := percentForm.FindStringSubmatch(line); m != nil {
		s.Done = percent(m[1])
	}
	if m := leftForm.FindStringSubmatch(line); m != nil {
		s.Left = parseDuration(m[1])
	}
}

// timeForms are those of date(1), of ctime(3), of zfs list and of zpool history.
var timeForms = []string{"Mon Jan _2 15:04:05 MST 2006", "Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04 2006", "2006-01-02.15:04:05", "Jan _2 2006 15:04:05"}

// readTime reads a time as the tools print it; they are run in UTC.
func readTime(text string) (time.Time, bool) {
	text = strings.Join(strings.Fields(text), " ")
	for _, form := range timeForms {
		if t, err := time.Parse(strings.ReplaceAll(form, "_2", "2"), text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func parseTime(text string) time.Time {
	t, _ := readTime(text)
	return t
}

var (
	eraDuration   = lazyregexp.New(`^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$`)
	clockDuration = lazyregexp.New(`^(?:(\d+) days? )?(\d+):(\d+):(\d+)$`)
)

// century is how many seconds are not believed any more.
const century = 100 * 365 * 86400

// parseDuration reads "0h35m" of older and "00:35:00", "1 days 02:03:04" of newer
// releases. What is longer than a century is not told.
func parseDuration(text string) time.Duration {
	text = strings.TrimSpace(text)
	var parts []string
	if m := clockDuration.FindStringSubmatch(text); m != nil {
		parts = m[1:]
	} else if m := eraDuration.FindStringSubmatch(text); m != nil {
		parts = append([]string{""}, m[1:]...)
	} else {
		return 0
	}
	var seconds int64
	for i, unit := range []int64{86400, 3600, 60, 1} {
		n, err := strconv.ParseInt("0"+parts[i], 10, 64)
		if err != nil || n > century {
			return 0
		}
		seconds += n * unit
	}
	if seconds > century {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
