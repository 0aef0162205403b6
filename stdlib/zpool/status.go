package zpool

import (
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// Status is what zpool status tells of a pool.
type Status struct {
	Name       string     `lua:"name" doc:"name of the pool"`
	ID         string     `lua:"guid,omitempty" doc:"identifier, where the tool tells it: of pools that can be imported, and since FreeBSD 15"`
	State      string     `lua:"state" doc:"ONLINE, DEGRADED, FAULTED, OFFLINE, UNAVAIL, REMOVED or SUSPENDED; a pool that has lost data may be ONLINE"`
	Healthy    bool       `lua:"healthy" doc:"every device is well, nothing is being repaired, no error was counted"`
	Problems   []string   `lua:"problems" doc:"what keeps the pool from being healthy, in words"`
	Status     string     `lua:"status,omitempty" doc:"what the tool has to say about the pool"`
	Action     string     `lua:"action,omitempty" doc:"what it advises"`
	See        string     `lua:"see,omitempty" doc:"address that explains it"`
	Message    string     `lua:"message,omitempty" doc:"code of that explanation, as ZFS-8000-9P"`
	Scan       Scan       `lua:"scan" doc:"last scrub or resilver"`
	Removal    string     `lua:"removal,omitempty" doc:"removal of a device, in the tool's words"`
	Checkpoint Checkpoint `lua:"checkpoint" doc:"checkpoint of the pool"`
	Read       int64      `lua:"read" doc:"read errors of the pool"`
	Write      int64      `lua:"write" doc:"write errors of the pool"`
	Checksum   int64      `lua:"checksum" doc:"checksum errors of the pool"`
	Vdevs      []Vdev     `lua:"vdevs" doc:"the pool's devices and groups, logs, caches and spares included"`
	Errors     Errors     `lua:"errors" doc:"data that is lost"`
	// Other keeps what this reader does not know by name.
	Other map[string]string `lua:"other" doc:"further lines of the tool, by their label"`
}

// Errors is what a pool has lost.
type Errors struct {
	Count int      `lua:"count" doc:"damaged files and objects; -1 where the tool does not tell"`
	Files []string `lua:"files" doc:"paths and objects that are damaged"`
	Text  string   `lua:"text" doc:"the tool's words"`
}

// Checkpoint is a state that a pool can be rewound to.
type Checkpoint struct {
	Exists     bool      `lua:"exists" doc:"there is one"`
	Created    time.Time `lua:"created" doc:"when it was made"`
	Size       int64     `lua:"size" doc:"space it holds" unit:"bytes"`
	Discarding bool      `lua:"discarding" doc:"it is being removed"`
}

// parseStatus reads the output of zpool status, or of zpool import without a
// pool: labelled paragraphs, pool by pool.
func parseStatus(op, out string) ([]Status, error) {
	var pools []Status
	var block []paragraph
	flush := func() error {
		if len(block) == 0 {
			return nil
		}
		s, err := statusOf(op, block)
		pools, block = append(pools, s), nil
		return err
	}
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		label, text, labelled := cutLabel(line)
		switch {
		case labelled && label == "pool":
			if err := flush(); err != nil {
				return nil, err
			}
			block = append(block, paragraph{label: label, lines: []string{text}})
		case labelled && len(block) > 0:
			block = append(block, paragraph{label: label, lines: []string{text}})
		case len(block) > 0:
			last := &block[len(block)-1]
			last.lines = append(last.lines, line)
		case strings.TrimSpace(line) != "" && !harmless(line):
			return nil, effect.Errorf(effect.Failed, op, "zpool status printed something else: %.80q", line)
		}
	}
	return pools, flush()
}

// harmless tells what is said instead of pools.
func harmless(line string) bool {
	return line == "no pools available" || line == "all pools are healthy" || strings.HasPrefix(line, "pool '") && strings.HasSuffix(line, "' is healthy")
}

type paragraph struct {
	label string
	lines []string
}

// cutLabel parts "  scan: text"; labels are aligned to the right, and
// continuations are indented by a tab.
func cutLabel(line string) (label, text string, ok bool) {
	label, text, ok = strings.Cut(line, ":")
	label = strings.TrimLeft(label, " ")
	if !ok || label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "", "", false
	}
	return label, strings.TrimPrefix(text, " "), true
}

// newStatus is that of a pool of which nothing is known yet.
func newStatus() Status {
	return Status{Vdevs: []Vdev{}, Problems: []string{}, Other: map[string]string{}, Scan: noScan, Errors: Errors{Files: []string{}}}
}

func statusOf(op string, block []paragraph) (Status, error) {
	s := newStatus()
	told := false // of lost data
	for _, p := range block {
		text := words(strings.Join(p.lines, " "))
		switch p.label {
		case "pool":
			s.Name = p.lines[0]
		case "id":
			s.ID = text
		case "state":
			s.State = text
		case "status":
			s.Status = text
		case "action":
			s.Action = text
		case "see":
			s.See = text
			s.Message = text[strings.LastIndexByte(text, '/')+1:]
		case "scan", "scrub":
			s.Scan = s.Scan.or(parseScan(trimmed(p.lines)))
		case "remove":
			s.Removal = text
		case "checkpoint":
			s.Checkpoint = parseCheckpoint(text)
		case "config":
			if err := s.config(op, p.lines); err != nil {
				return s, err
			}
		case "errors":
			s.Errors, told = parseErrors(p.lines), true
		default:
			s.Other[p.label] = text
		}
	}
	if s.State == "" {
		return s, effect.Errorf(effect.Failed, op, "zpool status told no state of the pool %q", s.Name)
	}
	if !told && s.ID == "" { // nobody tells of a pool that is not imported
		s.Errors.Count, s.Errors.Text = -1, "the tool does not tell what is lost"
	}
	s.judge()
	return s, nil
}

func trimmed(lines []string) []string {
	var out []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func (s *Status) config(op string, lines []string) error {
	var rows []string
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "NAME ") && strings.Contains(text, "STATE") {
			continue
		}
		rows = append(rows, line)
	}
	root, ok := parseTree(rows)
	if !ok {
		return effect.Errorf(effect.Failed, op, "zpool status showed no devices of the pool %q", s.Name)
	}
	s.Read, s.Write, s.Checksum, s.Vdevs = root.Read, root.Write, root.Checksum, root.Vdevs
	return nil
}

func parseErrors(lines []string) Errors {
	e := Errors{Text: strings.TrimSpace(lines[0]), Files: []string{}}
	for _, line := range lines[1:] {
		if line = strings.TrimSpace(line); line != "" {
			e.Files = append(e.Files, line)
		}
	}
	number, _, _ := strings.Cut(e.Text, " ")
	n, err := strconv.Atoi(number)
	switch {
	case e.Text == "No known data errors":
	case err == nil:
		e.Count = n
	case len(e.Files) > 0:
		e.Count = len(e.Files)
	default:
		e.Count = -1
	}
	return e
}

func parseCheckpoint(text string) Checkpoint {
	var c Checkpoint
	c.Exists = text != ""
	if rest, ok := strings.CutPrefix(text, "created "); ok {
		when, consumes, _ := strings.Cut(rest, ", consumes ")
		c.Created, c.Size = parseTime(when), size(consumes)
		return c
	}
	if rest, ok := strings.CutPrefix(text, "discarding, "); ok {
		left, _ := cutWord(rest)
		c.Discarding, c.Size = true, size(left)
	}
	return c
}

// judge tells whether the pool is healthy, and else why not. Features and
// versions that could be upgraded are no matter of health.
func (s *Status) judge() {
	add := func(words ...string) { s.Problems = append(s.Problems, strings.Join(words, " ")) }
	if s.State != "ONLINE" {
		add("the pool is", s.State)
	}
	s.judgeDevices(s.Vdevs, add)
	if s.Read+s.Write+s.Checksum > 0 {
		add("the pool has", counters(s.Read, s.Write, s.Checksum))
	}
	if s.Scan.Function == "resilver" && (s.Scan.State == "running" || s.Scan.State == "paused") {
		add("a resilver is under way")
	}
	if s.Scan.Errors > 0 {
		add("the last", s.Scan.Function, "found", strconv.FormatInt(s.Scan.Errors, 10), "errors that it could not repair")
	}
	if s.Errors.Count != 0 {
		add("data is damaged:", s.Errors.Text)
	}
	s.Healthy = len(s.Problems) == 0
}

func (s *Status) judgeDevices(devices []Vdev, add func(...string)) {
	for _, v := range devices {
		if v.State != "" && v.State != "ONLINE" && v.State != "AVAIL" {
			add(v.Name, "is", v.State)
		}
		if v.Read+v.Write+v.Checksum > 0 {
			add(v.Name, "has", counters(v.Read, v.Write, v.Checksum))
		}
		s.judgeDevices(v.Vdevs, add)
	}
}

func counters(read, write, checksum int64) string {
	return strconv.FormatInt(read, 10) + " read, " + strconv.FormatInt(write, 10) + " write and " + strconv.FormatInt(checksum, 10) + " checksum errors"
}
