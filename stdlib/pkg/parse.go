package pkg

import (
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// parseRows reads lines of n fields divided by tabs; other lines are texts of
// pkg itself and are left out.
func parseRows(out string, n int) [][]string {
	var rows [][]string
	for line := range strings.Lines(out) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) == n {
			rows = append(rows, row)
		}
	}
	return rows
}

// Step is one thing that pkg would do or did.
type Step struct {
	Action     string `lua:"action" doc:"install, upgrade, downgrade, reinstall, remove, fetch or locked"`
	Name       string `lua:"name" doc:"name of the package"`
	Version    string `lua:"version" doc:"version that is installed afterwards; that which goes, for remove"`
	OldVersion string `lua:"old_version,omitempty" doc:"version before an upgrade or downgrade"`
	Repository string `lua:"repository,omitempty" doc:"where it comes from, if pkg knows several repositories"`
	Reason     string `lua:"reason,omitempty" doc:"why it is reinstalled or removed"`
}

// Plan is what pkg would do.
type Plan struct {
	Steps    []Step `lua:"steps" doc:"what would be done to each package"`
	Space    int64  `lua:"space" doc:"additional space needed, rounded as pkg prints it; negative: freed" unit:"bytes"`
	Download int64  `lua:"download" doc:"what has to be fetched, rounded as pkg prints it" unit:"bytes"`
}

// sections are the headings of pkg's summary.
var sections = map[string]string{
	"New packages to be INSTALLED":         "install",
	"Installed packages to be UPGRADED":    "upgrade",
	"Installed packages to be DOWNGRADED":  "downgrade",
	"Installed packages to be REINSTALLED": "reinstall",
	"Installed packages to be REMOVED":     "remove",
	"New packages to be FETCHED":           "fetch",
	"Installed packages LOCKED":            "locked",
}

var (
	itemForm = lazyregexp.New(`^\s+(\S+): (\S+)(?: -> (\S+))?(?: \[([^\]]*)\])?(?: \((.*)\))?\s*$`)
	dashForm = lazyregexp.New(`^\s+(\S+)-([^-\s]+)(?: \[([^\]]*)\])?(?: \((.*)\))?\s*$`)
	lockForm = lazyregexp.New(`^\s+Package (\S+)-([^-\s]+) is locked`)
	moreForm = lazyregexp.New(`^The process will require (\S+ ?\S*) more space`)
	freeForm = lazyregexp.New(`^The operation will free (\S+ ?\S*?)\.?$`)
	loadForm = lazyregexp.New(`^(\S+ ?\S*) to be downloaded`)
)

// parsePlan reads the summary that install, upgrade, delete and autoremove
// print before they act.
func parsePlan(out string) Plan {
	plan := Plan{Steps: []Step{}}
	action := ""
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		if heading, ok := strings.CutSuffix(line, ":"); ok && sections[heading] != "" {
			action = sections[heading]
			continue
		}
		if line == "" || line[0] != '\t' && line[0] != ' ' {
			action = ""
		}
		if step, ok := parseStep(action, line); ok {
			plan.Steps = append(plan.Steps, step)
		}
		if m := moreForm.FindStringSubmatch(line); m != nil {
			plan.Space = parseSize(m[1])
		}
		if m := freeForm.FindStringSubmatch(line); m != nil {
			plan.Space = -parseSize(m[1])
		}
		if m := loadForm.FindStringSubmatch(line); m != nil {
			plan.Download = parseSize(m[1])
		}
	}
	return plan
}

// parseStep reads one package of a section.
func parseStep(action, line string) (Step, bool) {
	if action == "" {
		return Step{}, false
	}
	if action == "locked" {
		m := lockForm.FindStringSubmatch(line)
		if m == nil {
			return Step{}, false
		}
		return Step{Action: action, Name: m[1], Version: m[2]}, true
	}
	if m := itemForm.FindStringSubmatch(line); m != nil {
		s := Step{Action: action, Name: m[1], Version: m[2], Repository: m[4], Reason: m[5]}
		if m[3] != "" {
			s.OldVersion, s.Version = m[2], m[3]
		}
		return s, true
	}
	if m := dashForm.FindStringSubmatch(line); m != nil {
		return Step{Action: action, Name: m[1], Version: m[2], Repository: m[3], Reason: m[4]}, true
	}
	return Step{}, false
}

// parseSize reads humanize_number(3) sizes: "45 MiB", "12KB", "3 GB"; pkg
// divides by 1024 under either name.
func parseSize(text string) int64 {
	text = strings.TrimSuffix(text, ".")
	i := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		i = len(text)
	}
	n, err := strconv.ParseFloat(text[:i], 64)
	if err != nil {
		return 0
	}
	unit := strings.TrimSpace(text[i:])
	if unit != "" {
		if power := strings.IndexByte("BKMGTPE", unit[0]&^0x20); power > 0 {
			for range power {
				n *= 1024
			}
		}
	}
	return int64(n)
}

// splitNameVersion divides "py311-foo-1.2_3,1" at its last dash.
func splitNameVersion(full string) (name, version string) {
	i := strings.LastIndexByte(full, '-')
	if i < 0 {
		return full, ""
	}
	return full[:i], full[i+1:]
}
