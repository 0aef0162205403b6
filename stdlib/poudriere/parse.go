package poudriere

import (
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// parseStatus reads poudriere status -H: fields parted by single tabs. Releases
// before 3.4 have no column INSPECT.
func parseStatus(out string) ([]BuildStatus, error) {
	builds := []BuildStatus{}
	for _, row := range strings.Split(out, "\n") {
		if row == "" || strings.HasPrefix(row, "No running builds") {
			continue
		}
		f := strings.Split(row, "\t")
		switch len(f) {
		case 15:
		case 14:
			f = append(f[:6], append([]string{"-"}, f[6:]...)...)
		default:
			return nil, fmt.Errorf("poudriere status: not understood: %q", row)
		}
		builds = append(builds, BuildStatus{
			Set: strings.TrimPrefix(f[0], "-"), Tree: f[1], Jail: f[2], Build: f[3], Status: strings.TrimSuffix(f[4], ":"),
			Counts: Counts{
				Queued: count(f[5]), Inspected: count(f[6]), Ignored: count(f[7]), Built: count(f[8]), Failed: count(f[9]),
				Skipped: count(f[10]), Fetched: count(f[11]), Remaining: count(f[12]),
			},
			Elapsed: f[13], Logs: f[14],
		})
	}
	return builds, nil
}

// count reads a number; unknown ones are printed as a question mark.
func count(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Plan is what a build would do.
type Plan struct {
	Changed  bool     `lua:"changed" doc:"the jail was started and stopped for it"`
	Count    int      `lua:"count,produced" doc:"packages that would be built"`
	Builders int      `lua:"builders,produced"`
	Origins  []string `lua:"origins,produced" doc:"ports that would be built"`
	Fetch    []string `lua:"fetch,produced" doc:"ports whose packages would be fetched"`
	Ignored  []string `lua:"ignored,produced"`
	Text     string   `lua:"text,produced" doc:"what poudriere said"`
}

var (
	planCount   = lazyregexp.New(`(?m)Would build (\d+) packages? using (\d+) builders?`)
	planOrigins = lazyregexp.New(`(?m)Ports to (build|fetch|inspect): *(.*)$`)
	planIgnored = lazyregexp.New(`(?m)(?:Ignored ports|Ports ignored): *(.*)$`)
	planNothing = lazyregexp.New(`(?m)No packages would be built`)
	planDry     = lazyregexp.New(`(?m)Dry run mode`)
)

// parsePlan reads the end of poudriere bulk -n.
func parsePlan(out string) (Plan, error) {
	out = ansi.ReplaceAllString(out, "")
	p := Plan{Changed: true, Origins: []string{}, Fetch: []string{}, Ignored: []string{}, Text: out}
	if m := planCount.FindStringSubmatch(out); m != nil {
		p.Count, p.Builders = count(m[1]), count(m[2])
	} else if !planNothing.MatchString(out) && !planDry.MatchString(out) {
		return p, fmt.Errorf("poudriere bulk -n: not understood: %q", lastLine(out))
	}
	for _, m := range planOrigins.FindAllStringSubmatch(out, -1) {
		switch m[1] {
		case "build":
			p.Origins = append(p.Origins, strings.Fields(m[2])...)
		case "fetch":
			p.Fetch = append(p.Fetch, strings.Fields(m[2])...)
		}
	}
	if m := planIgnored.FindStringSubmatch(out); m != nil {
		p.Ignored = append(p.Ignored, strings.Fields(m[1])...)
	}
	return p, nil
}

// Cleaned is what a cleaning removed.
type Cleaned struct {
	Changed bool     `lua:"changed"`
	Removed []string `lua:"removed,produced" doc:"files"`
	Freed   string   `lua:"freed,produced" doc:"as poudriere prints it"`
}

var (
	cleanHead = lazyregexp.New(`(?:to be deleted|will be deleted|will be removed)[^:]*:$`)
	cleanSize = lazyregexp.New(`will free:? (\S+(?: \S+)?)$`)
)

// parseCleaned reads what pkgclean, distclean and logclean list before they
// remove it: names between two messages, absolute or, of logs, relative.
func parseCleaned(out string) Cleaned {
	c := Cleaned{Removed: []string{}}
	listing := false
	for _, row := range strings.Split(ansi.ReplaceAllString(out, ""), "\n") {
		text := elapsedPrefix.ReplaceAllString(row, "")
		said := text != row
		switch {
		case said && cleanHead.MatchString(text):
			listing = true
		case said:
			listing = false
			if m := cleanSize.FindStringSubmatch(text); m != nil {
				c.Freed = m[1]
			}
		case row != "" && (listing || row[0] == '/'):
			c.Removed = append(c.Removed, row)
		}
	}
	c.Changed = len(c.Removed) > 0
	return c
}
