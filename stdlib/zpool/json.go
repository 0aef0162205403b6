package zpool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// Since OpenZFS 2.3 (FreeBSD 15) status, list and get print JSON. It has exact
// numbers, identifiers and times, but states and faults go by their internal
// names.

// isJSON tells which of the forms a tool has answered in.
func isJSON(out string) bool { return strings.HasPrefix(out, "{") }

// object is a JSON object as pairs in the order of the text.
type object[T any] []pair[T]

type pair[T any] struct {
	key   string
	value T
}

// UnmarshalJSON keeps the order, which a map would lose.
func (m *object[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	open, err := d.Token()
	switch {
	case err != nil || open == nil:
		return err
	case open != json.Delim('{'):
		return fmt.Errorf("%v is no object", open)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value T
		if err := d.Decode(&value); err != nil {
			return err
		}
		*m = append(*m, pair[T]{key.(string), value})
	}
	return nil
}

// scalar is a value that is a number with --json-int, or else a string.
type scalar string

// UnmarshalJSON takes either form.
func (s *scalar) UnmarshalJSON(text []byte) error {
	*s = scalar(strings.Trim(string(text), `"`))
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, (*string)(s))
	}
	return nil
}

func (s scalar) size() int64 { return size(string(s)) }

// time is a moment as seconds, or as the tool prints it.
func (s scalar) time() time.Time {
	if n, known := parseSize(string(s)); known && n > 0 {
		return time.Unix(n, 0).UTC()
	}
	return parseTime(string(s))
}

type jsonStatus struct {
	Name       string           `json:"name"`
	State      string           `json:"state"`
	GUID       scalar           `json:"pool_guid"`
	Status     string           `json:"status"`
	Action     string           `json:"action"`
	Message    string           `json:"msgid"`
	See        string           `json:"moreinfo"`
	Scan       jsonScan         `json:"scan_stats"`
	Checkpoint jsonCheckpoint   `json:"checkpoint_stats"`
	Removal    jsonRemoval      `json:"removal_stats"`
	Vdevs      object[jsonVdev] `json:"vdevs"`
	Logs       object[jsonVdev] `json:"logs"`
	Caches     object[jsonVdev] `json:"l2cache"`
	Spares     object[jsonVdev] `json:"spares"`
	Special    object[jsonVdev] `json:"special"`
	Dedup      object[jsonVdev] `json:"dedup"`
	ErrorCount scalar           `json:"error_count"`
	ErrorList  json.RawMessage  `json:"errlist"`
}

type jsonVdev struct {
	Name      string           `json:"name"`
	Type      string           `json:"vdev_type"`
	GUID      scalar           `json:"guid"`
	Path      string           `json:"path"`
	State     string           `json:"state"`
	Read      scalar           `json:"read_errors"`
	Write     scalar           `json:"write_errors"`
	Checksum  scalar           `json:"checksum_errors"`
	Processed scalar           `json:"scan_processed"`
	Deferred  scalar           `json:"resilver_deferred"`
	Removing  scalar           `json:"removing"`
	Was       string           `json:"was"`
	Aux       string           `json:"aux"`
	Vdevs     object[jsonVdev] `json:"vdevs"`
}

type jsonScan struct {
	Function  string `json:"function"`
	State     string `json:"state"`
	Start     scalar `json:"start_time"`
	End       scalar `json:"end_time"`
	ToExamine scalar `json:"to_examine"`
	Skipped   scalar `json:"skipped"`
	Processed scalar `json:"processed"`
	Issued    scalar `json:"issued"`
	Errors    scalar `json:"errors"`
	Paused    scalar `json:"scrub_pause"`
	PassStart scalar `json:"pass_start"`
	PassPause scalar `json:"scrub_spent_paused"`
	PassDone  scalar `json:"issued_bytes_per_scan"`
}

type jsonCheckpoint struct {
	State string `json:"state"`
	Start scalar `json:"start_time"`
	Space scalar `json:"space"`
}

type jsonRemoval struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// parseStatusJSON reads zpool status -j; now is the host's time.
func parseStatusJSON(op, out string, now time.Time) ([]Status, error) {
	var d struct {
		Pools object[jsonStatus] `json:"pools"`
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		return nil, effect.Errorf(effect.Failed, op, "zpool status printed something else: %v: %.80q", err, out)
	}
	var pools []Status
	for _, pool := range d.Pools {
		s, err := pool.value.status(op, now)
		if err != nil {
			return nil, err
		}
		pools = append(pools, s)
	}
	return pools, nil
}

func (j *jsonStatus) status(op string, now time.Time) (Status, error) {
	if j.Name == "" || j.State == "" || len(j.Vdevs) != 1 {
		return Status{}, effect.Errorf(effect.Failed, op, "zpool status tells no state or devices of the pool %q", j.Name)
	}
	s := newStatus()
	s.Name, s.ID, s.State = j.Name, string(j.GUID), j.State
	s.Status, s.Action, s.See, s.Message = words(j.Status), words(j.Action), j.See, j.Message
	s.Scan = j.Scan.scan(now)
	if j.Checkpoint.State != "" && j.Checkpoint.State != "NONE" {
		s.Checkpoint = Checkpoint{
			Exists: true, Created: j.Checkpoint.Start.time(), Size: j.Checkpoint.Space.size(), Discarding: j.Checkpoint.State == "DISCARDING",
		}
	}
	s.Removal = j.Removal.words()
	root := j.Vdevs[0].value
	s.Read, s.Write, s.Checksum = root.Read.size(), root.Write.size(), root.Checksum.size()
	for _, section := range []struct {
		class string
		vdevs object[jsonVdev]
	}{{"normal", root.Vdevs}, {"dedup", j.Dedup}, {"special", j.Special}, {"log", j.Logs}, {"cache", j.Caches}, {"spare", j.Spares}} {
		s.Vdevs = append(s.Vdevs, vdevsOf(section.vdevs, section.class, s.Scan)...)
	}
	s.Errors = j.errors()
	s.judge()
	return s, nil
}

// words joins what the tool has broken into lines.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

func (j *jsonStatus) errors() Errors {
	e := Errors{Count: int(j.ErrorCount.size()), Files: []string{}, Text: "No known data errors"}
	if e.Count == 0 {
		return e
	}
	e.Text = string(j.ErrorCount) + " data errors"
	if json.Unmarshal(j.ErrorList, &e.Files) != nil { // a text that tells why there is no list
		e.Files = []string{}
	}
	return e
}

func (j jsonRemoval) words() string {
	switch j.State {
	case "SCANNING":
		return "Evacuation of " + j.Name + " in progress"
	case "FINISHED":
		return "Removal of " + j.Name + " completed"
	case "CANCELED":
		return "Removal of " + j.Name + " canceled"
	}
	return ""
}

var scanStates = map[string]string{"SCANNING": "running", "FINISHED": "finished", "CANCELED": "canceled"}

func (j jsonScan) scan(now time.Time) Scan {
	s := noScan
	state, known := scanStates[j.State]
	if !known || j.Function != "SCRUB" && j.Function != "RESILVER" {
		return s
	}
	s.Function, s.State = strings.ToLower(j.Function), state
	s.Started, s.Repaired, s.Errors = j.Start.time(), j.Processed.size(), j.Errors.size()
	if state != "running" {
		s.Ended = j.End.time()
		s.Took = s.Ended.Sub(s.Started)
		if state == "finished" {
			s.Done = 100
		}
		return s
	}
	total, issued := j.ToExamine.size()-j.Skipped.size(), j.Issued.size()
	if total > 0 {
		s.Done = min(100*float64(issued)/float64(total), 100)
	}
	if !j.Paused.time().IsZero() {
		s.State = "paused"
		return s
	}
	s.Left = j.left(now, total-issued)
	return s
}

// left estimates how long a scan takes yet, as the tool's text does.
func (j jsonScan) left(now time.Time, bytes int64) time.Duration {
	began := j.PassStart.time()
	if began.IsZero() {
		return 0
	}
	elapsed := max(now.Unix()-began.Unix()-j.PassPause.size(), 1)
	rate := j.PassDone.size() / elapsed
	if bytes <= 0 || rate <= 0 || bytes/rate > century {
		return 0
	}
	return time.Duration(bytes/rate) * time.Second
}

func vdevsOf(list object[jsonVdev], class string, scan Scan) []Vdev {
	vdevs := []Vdev{}
	for _, m := range list {
		vdevs = append(vdevs, m.value.vdev(class, scan))
	}
	return vdevs
}

func (j *jsonVdev) vdev(class string, scan Scan) Vdev {
	v := Vdev{
		Name: strings.TrimPrefix(j.Name, "/dev/"), Type: typeOf(j.Name), Class: class, State: j.state(), Path: j.Path, GUID: string(j.GUID),
		Read: j.Read.size(), Write: j.Write.size(), Checksum: j.Checksum.size(), Note: j.note(scan),
	}
	if j.Type == "disk" || j.Type == "file" {
		v.Type = j.Type
	}
	v.Vdevs = vdevsOf(j.Vdevs, class, scan)
	return v
}

// state is a device's state by the name that the text has for it.
func (j *jsonVdev) state() string {
	switch j.State {
	case "CANT_OPEN":
		switch j.Aux {
		case "CORRUPT_DATA", "BAD_LOG":
			return "FAULTED"
		case "SPLIT_POOL":
			return "SPLIT"
		}
		return "UNAVAIL"
	case "CLOSED":
		return "OFFLINE"
	}
	return j.State
}

// faults are the text's words for what ails a device.
var faults = map[string]string{
	"OPEN_FAILED": "cannot open", "BAD_GUID_SUM": "missing device", "NO_REPLICAS": "insufficient replicas", "VERSION_NEWER": "newer version",
	"UNSUP_FEAT": "unsupported feature(s)", "ERR_EXCEEDED": "too many errors", "IO_FAILURE": "experienced I/O failures",
	"BAD_LOG": "bad intent log", "BAD_LABEL": "invalid label", "EXTERNAL": "external device fault", "SPLIT_POOL": "split into new pool",
	"ACTIVE": "currently in use", "CHILDREN_OFFLINE": "all children offline", "SPARED": "currently in use",
}

func (j *jsonVdev) note(scan Scan) string {
	var notes []string
	switch fault := faults[j.Aux]; {
	case j.Was != "":
		notes = append(notes, "was "+j.Was)
	case fault != "":
		notes = append(notes, fault)
	case j.Aux != "" && j.Aux != "NONE":
		notes = append(notes, "corrupted data")
	}
	leaf := len(j.Vdevs) == 0
	switch {
	case j.Deferred.size() > 0:
		notes = append(notes, "(awaiting resilver)")
	case leaf && scan.State == "running" && j.Processed.size() > 0 && scan.Function == "resilver":
		notes = append(notes, "(resilvering)")
	case leaf && scan.State == "running" && j.Processed.size() > 0:
		notes = append(notes, "(repairing)")
	}
	if j.Removing.size() > 0 {
		notes = append(notes, "(removing)")
	}
	return strings.Join(notes, "  ")
}

// jsonProperties are properties as zpool list and zpool get tell of them.
type jsonProperties struct {
	Name       string `json:"name"`
	Properties object[struct {
		Value  scalar `json:"value"`
		Source struct {
			Type string `json:"type"`
		} `json:"source"`
	}] `json:"properties"`
}

// parsePropertiesJSON reads zpool list -j and zpool get -j: properties by pool.
func parsePropertiesJSON(op, out string) (object[map[string]Property], error) {
	var d struct {
		Pools object[jsonProperties] `json:"pools"`
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		return nil, effect.Errorf(effect.Failed, op, "the tool printed something else: %v: %.80q", err, out)
	}
	var pools object[map[string]Property]
	for _, pool := range d.Pools {
		properties := map[string]Property{}
		for _, p := range pool.value.Properties {
			source := strings.ToLower(p.value.Source.Type)
			if source == "none" {
				source = "-"
			}
			properties[p.key] = Property{Value: string(p.value.Value), Source: source}
		}
		pools = append(pools, pair[map[string]Property]{pool.value.Name, properties})
	}
	return pools, nil
}
