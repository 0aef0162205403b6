package bectl

import (
	"math"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// parse reads bectl list -H: a line an environment, its fields between tabs.
func parse(op, out string) ([]Environment, error) {
	list := []Environment{}
	for line := range strings.Lines(out) {
		be, ok := parseLine(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, effect.Errorf(effect.Failed, op, "bectl list printed something else: %.80q", line)
		}
		list = append(list, be)
	}
	return list, nil
}

func parseLine(line string) (Environment, bool) {
	f := strings.Split(line, "\t")
	if len(f) != 5 || f[0] == "" || f[1] == "" || strings.Trim(f[1], "NRT-") != "" {
		return Environment{}, false
	}
	created, err := time.Parse("2006-01-02 15:04", f[4])
	space, ok := parseSize(f[3])
	if err != nil || !ok {
		return Environment{}, false
	}
	be := Environment{
		Name: f[0], Running: strings.Contains(f[1], "N"), Next: strings.Contains(f[1], "R"), Once: strings.Contains(f[1], "T"),
		Space: space, Created: created,
	}
	if f[2] != "-" {
		be.Mountpoint = f[2]
	}
	return be, true
}

// parseSize reads a size as zfs_nicenum(3) writes it: 1.23G.
func parseSize(text string) (int64, bool) {
	digits := strings.TrimSuffix(strings.TrimRight(text, "KMGTPE"), "B")
	unit := strings.TrimPrefix(text, digits)
	value, err := strconv.ParseFloat(digits, 64)
	power := strings.Index("BKMGTPE", strings.TrimSuffix(unit, "B"))
	if len(strings.TrimSuffix(unit, "B")) > 1 || power < 0 || err != nil || value < 0 || !(value < 1<<20) {
		return 0, text == "-"
	}
	return int64(value * math.Pow(1024, float64(power))), true
}

// parseMounted reads where bectl mounted an environment: at the end of a sentence
// or, from 15.0 on, as the whole of it.
func parseMounted(name, out string) string {
	line := strings.TrimPrefix(strings.TrimSpace(out), "Successfully mounted "+name+" at ")
	if strings.HasPrefix(line, "/") && !strings.Contains(line, "\n") {
		return line
	}
	return ""
}
