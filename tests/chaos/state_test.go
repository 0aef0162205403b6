package chaos

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// chance is what comes out differently on every run, though the same was done:
// names that tell when something was made, names of temporary files, process ids,
// and identities that are made of the time.
var chance = regexp.MustCompile(strings.Join([]string{
	`\d{4}-\d\d-\d\d_\d\dh\d\dm\d\ds`, `\.real_\d+`, // builds of poudriere
	`_\d{4}-\d\d-\d\d_\d{6}`, `@\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d`, // boot environments, and their origins
	`\binstall\.\w{6}\b`, // manifests of freebsd-update
	`"PID":\d+`, `"GUID":\d+`, `\{ sec = [^"]*`, `"kern.boot_id":\{"Value":"\w+"`,
	`\d{4}-\d\d-\d\dT[\d:.]+Z`,
}, "|"))

// dated are files whose content tells when they were written.
var dated = []string{
	"/usr/local/etc/poudriere.d/", "/usr/local/poudriere/data/", "/usr/local/poudriere/jails/",
	"/var/db/bsdrun/", "/var/db/pkg/", "/var/log/", "/var/run/", "/var/cache/pkg/", "/.git/",
}

// known are lines that undated has seen: most are the same on all machines.
var known sync.Map

// undated is a line of a machine's listing without what tells the time; empty
// for what is nothing but time.
func undated(line string) string {
	if text, ok := known.Load(line); ok {
		return text.(string)
	}
	text := withoutTime(line)
	known.Store(line, text)
	return text
}

func withoutTime(line string) string {
	for _, name := range []string{"state Boot", "tool ", "timer "} {
		if strings.HasPrefix(line, name) {
			return "" // the files of the tools say it
		}
	}
	line = chance.ReplaceAllString(line, "*")
	for _, prefix := range dated {
		if line[0] == '/' && strings.Contains(line, prefix) {
			// Path, type, mode and owner.
			return strings.Join(strings.Fields(line)[:4], " ")
		}
	}
	return line
}

// state lists the machine without what tells the time: two machines that went
// through the same are equal in it.
func (s *stage) state() []string {
	s.t.Helper()
	var lines []string
	for _, line := range s.machine.Listing() {
		if line = undated(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// boots is how often the machine was booted.
func (s *stage) boots() int {
	s.t.Helper()
	for _, line := range s.machine.Listing() {
		if text, ok := strings.CutPrefix(line, "state Boot "); ok {
			var boot struct{ Count int }
			if err := json.Unmarshal([]byte(text), &boot); err != nil {
				s.t.Fatal(err)
			}
			return boot.Count
		}
	}
	s.t.Fatal("the machine does not tell how often it was booted")
	return 0
}
