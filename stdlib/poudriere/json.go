package poudriere

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The JSON that poudriere writes beside a build's logs. Its awk programs print
// every scalar as a string, numbers with blanks around them at times.

// word is a scalar of any kind, without the blanks around it.
type word string

func (w *word) UnmarshalJSON(b []byte) error {
	var text string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*w = word(strings.TrimSpace(text))
		return nil
	}
	if bytes.HasPrefix(b, []byte("{")) || bytes.HasPrefix(b, []byte("[")) {
		return fmt.Errorf("a value was expected, not %.20s", b)
	}
	if text = string(b); text == "null" {
		text = ""
	}
	*w = word(text)
	return nil
}

// number is the word as a whole number; what is none counts as 0.
func (w word) number() int {
	n, err := strconv.ParseFloat(string(w), 64)
	if err != nil || n != n || n < 0 || n > 1<<40 {
		return 0
	}
	return int(n)
}

func (w word) time() time.Time { return stamp(string(w)) }

// portJSON is an entry of one of the lists of ports.
type portJSON struct {
	Origin    word `json:"origin"`
	Flavor    word `json:"flavor"`
	Pkgname   word `json:"pkgname"`
	Phase     word `json:"phase"`
	Errortype word `json:"errortype"`
	Elapsed   word `json:"elapsed"`
	Reason    word `json:"reason"`
	Depends   word `json:"depends"`
	Status    word `json:"status"`
}

// jobJSON is what a builder does.
type jobJSON struct {
	ID      word `json:"id"`
	Status  word `json:"status"`
	Origin  word `json:"origin"`
	Pkgname word `json:"pkgname"`
	Elapsed word `json:"elapsed"`
}

const miniJSON = ".data.mini.json"

// buildJSON is .data.json; miniJSON is the same without ports and jobs.
type buildJSON struct {
	Buildname  word            `json:"buildname"`
	Mastername word            `json:"mastername"`
	Jailname   word            `json:"jailname"`
	Ptname     word            `json:"ptname"`
	Setname    word            `json:"setname"`
	Started    word            `json:"started"`
	Ended      word            `json:"ended"`
	Status     word            `json:"status"`
	GitHash    word            `json:"git_hash"`
	Stats      map[string]word `json:"stats"`
	Snap       map[string]word `json:"snap"`
	Jobs       []jobJSON       `json:"jobs"`
	Ports      struct {
		Built     []portJSON `json:"built"`
		Failed    []portJSON `json:"failed"`
		Ignored   []portJSON `json:"ignored"`
		Skipped   []portJSON `json:"skipped"`
		Fetched   []portJSON `json:"fetched"`
		Inspected []portJSON `json:"inspected"`
		Queued    []portJSON `json:"queued"`
		Remaining []portJSON `json:"remaining"`
	} `json:"ports"`
}

func parseBuild(data []byte) (buildJSON, error) {
	var b buildJSON
	if err := json.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("poudriere's .data.json is not understood: %w", err)
	}
	return b, nil
}

// state is the status without the mark that the jail was stopped, and without
// what follows the colon.
func (b buildJSON) state() string {
	status := strings.TrimPrefix(string(b.Status), "stopped:")
	name, _, _ := strings.Cut(status, ":")
	return name
}

// over tells whether the build has come to an end, good or bad.
func (b buildJSON) over() bool {
	switch b.state() {
	case "done", "crashed", "sigint", "sigterm", "sigpipe", "sighup":
		return true
	}
	return b.Ended != "" || strings.HasPrefix(string(b.Status), "stopped:")
}

// Counts are the numbers of a build.
type Counts struct {
	Queued    int `lua:"queued"`
	Built     int `lua:"built"`
	Failed    int `lua:"failed"`
	Skipped   int `lua:"skipped"`
	Ignored   int `lua:"ignored"`
	Fetched   int `lua:"fetched"`
	Inspected int `lua:"inspected"`
	Remaining int `lua:"remaining"`
}

func (b buildJSON) counts() Counts {
	get := func(name string) int { return b.Stats[name].number() }
	c := Counts{
		Queued: get("queued"), Built: get("built"), Failed: get("failed"), Skipped: get("skipped"),
		Ignored: get("ignored"), Fetched: get("fetched"), Inspected: get("inspected"),
	}
	c.Remaining = max(0, c.Queued-c.Built-c.Failed-c.Skipped-c.Ignored-c.Fetched-c.Inspected)
	return c
}

// Port is a port that was built or fetched.
type Port struct {
	Origin  string `lua:"origin"`
	Flavor  string `lua:"flavor,omitempty"`
	Package string `lua:"package" doc:"name and version"`
	Took    int    `lua:"took,omitempty" unit:"seconds"`
}

// Failure is a port that failed.
type Failure struct {
	Origin  string `lua:"origin"`
	Flavor  string `lua:"flavor,omitempty"`
	Package string `lua:"package"`
	Phase   string `lua:"phase" doc:"build, configure, stage, fetch, checksum, ..."`
	Error   string `lua:"errortype,omitempty" doc:"poudriere's guess at the reason"`
	Took    int    `lua:"took,omitempty" unit:"seconds"`
	Log     string `lua:"log" doc:"path of the log"`
	Tail    string `lua:"tail" doc:"last lines of the log"`
}

// Skip is a port that was not tried.
type Skip struct {
	Origin  string `lua:"origin"`
	Package string `lua:"package"`
	Because string `lua:"because" doc:"the port that failed, or the reason why it is ignored"`
}

func portsOf(list []portJSON) []Port {
	ports := make([]Port, 0, len(list))
	for _, p := range list {
		ports = append(ports, Port{string(p.Origin), string(p.Flavor), string(p.Pkgname), p.Elapsed.number()})
	}
	return ports
}

func failuresOf(list []portJSON, logs string) []Failure {
	failures := make([]Failure, 0, len(list))
	for _, p := range list {
		failures = append(failures, Failure{
			Origin: string(p.Origin), Flavor: string(p.Flavor), Package: string(p.Pkgname), Phase: string(p.Phase),
			Error: string(p.Errortype), Took: p.Elapsed.number(), Log: logs + "/" + string(p.Pkgname) + ".log",
		})
	}
	return failures
}

func skipsOf(list []portJSON, because func(portJSON) word) []Skip {
	skips := make([]Skip, 0, len(list))
	for _, p := range list {
		skips = append(skips, Skip{string(p.Origin), string(p.Pkgname), string(because(p))})
	}
	return skips
}
