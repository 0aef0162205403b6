package page

import "slices"

// Builds is what a build of packages has come to: how many of them, and how long
// each took where that is known.
type Builds struct {
	Queued  float64 `json:"queued"`
	Built   float64 `json:"built"`
	Failed  float64 `json:"failed"`
	Skipped float64 `json:"skipped"`
	Ignored float64 `json:"ignored"`
	Fetched float64 `json:"fetched"`
	Ports   []Port  `json:"ports,omitempty"`
	Rest    int     `json:"rest,omitempty"` // ports that are not listed
}

// Port is one package that was built, or failed.
type Port struct {
	Origin string  `json:"origin"`
	Took   float64 `json:"took"` // seconds
	Failed string  `json:"failed,omitempty"`
}

// maxPorts bounds the chart: those that took longest, and every failure of them.
const maxPorts = 200

// buildsOf reads a build out of plain data: the result of one, with its counts
// and ports, or the counts of one that is under way. nil: it is none.
func buildsOf(value any) *Builds {
	m, _ := value.(map[string]any)
	counts, done := m["counts"].(map[string]any)
	if !done {
		counts = m
	}
	queued, ok := number(counts["queued"])
	if _, builds := number(counts["built"]); !ok || !builds || queued == 0 {
		return nil
	}
	b := &Builds{Queued: queued}
	for name, to := range map[string]*float64{
		"built": &b.Built, "failed": &b.Failed, "skipped": &b.Skipped, "ignored": &b.Ignored, "fetched": &b.Fetched,
	} {
		*to, _ = number(counts[name])
	}
	if done {
		b.addPorts(m["built"])
		b.addPorts(m["failed"])
	}
	slices.SortStableFunc(b.Ports, func(a, c Port) int {
		if (a.Failed != "") != (c.Failed != "") {
			if a.Failed != "" {
				return -1
			}
			return 1
		}
		return int(c.Took - a.Took)
	})
	if len(b.Ports) > maxPorts {
		b.Rest = len(b.Ports) - maxPorts
		b.Ports = b.Ports[:maxPorts]
	}
	return b
}

func (b *Builds) addPorts(list any) {
	ports, _ := list.([]any)
	for _, item := range ports {
		port, _ := item.(map[string]any)
		origin, _ := port["origin"].(string)
		phase, _ := port["phase"].(string)
		took, _ := number(port["took"])
		if origin != "" {
			b.Ports = append(b.Ports, Port{Origin: origin, Took: took, Failed: phase})
		}
	}
}

// number is a count as the journal (int64), an event (int) or JSON has it.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}
