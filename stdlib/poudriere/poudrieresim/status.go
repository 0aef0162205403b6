package poudrieresim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// statusFlags are the options of `poudriere status`.
type statusFlags struct {
	all, finished, builders, results, compact, script, logs bool
	build, jail, tree, set                                  string
	setGiven                                                bool
}

// found is one build's folder.
type found struct{ dir, build string }

func (c *command) status(args []string) error {
	list, rest, bad := c.getopts(args, "abB:cfHj:lp:rz:")
	if bad || len(rest) > 0 {
		return c.usageOf(statusUsage, exUsage)
	}
	f := statusFlags{build: "latest"}
	for _, o := range list {
		switch o.letter {
		case 'a':
			f.all, f.finished, f.build = true, true, "*"
		case 'b':
			f.builders = true
		case 'B':
			f.build, f.finished = o.value, true
		case 'c':
			f.compact = true
		case 'f':
			f.finished = true
		case 'H':
			f.script = true
		case 'j':
			f.jail = o.value
		case 'l':
			f.logs = true
		case 'p':
			f.tree = o.value
		case 'r':
			f.results, f.finished = true, true
		case 'z':
			f.set, f.setGiven = o.value, true
		}
	}
	if f.builders && f.results {
		return c.usageOf(statusUsage, exUsage)
	}
	root := path.Join(c.data(), "logs", "bulk")
	if !c.isDir(root) {
		return errf(1, "Log path %s does not exist.", root)
	}
	builds := c.builds(root, f)
	switch {
	case f.builders:
		return c.builderStatus(builds)
	case f.results:
		return c.resultStatus(builds)
	}
	return c.buildStatus(builds, f)
}

// builds finds what matches; "latest" stands for the last build of each master.
func (c *command) builds(root string, f statusFlags) []found {
	var out []found
	masters, _ := c.fs.ReadDir(root)
	for _, m := range masters {
		dir := path.Join(root, m.Name)
		if !m.IsDir() || m.Name == "latest-per-pkg" {
			continue
		}
		entries, _ := c.fs.ReadDir(dir)
		for _, e := range entries {
			name := e.Name
			ok := e.IsDir() && name != "latest-per-pkg"
			if f.build == "latest" || f.build == "latest-done" {
				ok = name == f.build
				if target, err := c.fs.Readlink(path.Join(dir, name)); err == nil {
					name = target
				}
			} else if match, _ := path.Match(f.build, name); !match {
				ok = false
			}
			at := path.Join(dir, name)
			if !ok || !c.isDir(at) || !c.wanted(at, f) {
				continue
			}
			out = append(out, found{at, name})
		}
	}
	return out
}

func (c *command) value(dir, name string) string {
	return c.read(path.Join(dir, ".poudriere."+name))
}

func (c *command) wanted(dir string, f statusFlags) bool {
	set := c.value(dir, "setname")
	switch {
	case f.jail != "" && c.value(dir, "jailname") != f.jail, f.tree != "" && c.value(dir, "ptname") != f.tree,
		f.setGiven && f.set == "0" && set != "", f.setGiven && f.set != "0" && set != f.set:
		return false
	}
	return f.finished || c.running(dir)
}

// running tells whether a build is under way.
func (c *command) running(dir string) bool {
	for _, r := range c.record().Runs {
		if !r.Idle && r.up(c.p.Machine) && path.Join(c.data(), "logs/bulk", r.Master, r.Build) == dir {
			return true
		}
	}
	return false
}

// buildTime is how long a build took, or takes by now.
func (c *command) buildTime(dir string) string {
	started, err := strconv.ParseInt(c.value(dir, "started"), 10, 64)
	if err != nil {
		return "?"
	}
	ended, err := strconv.ParseInt(c.value(dir, "ended"), 10, 64)
	if err != nil {
		ended = c.p.Now().Unix()
	}
	return clockFace(time.Duration(ended-started) * time.Second)
}

func (c *command) buildStatus(builds []found, f statusFlags) error {
	t := table{header: []string{"SET", "PORTS", "JAIL", "BUILD", "STATUS", "QUEUE", "INSPECT", "IGNORE", "BUILT", "FAIL", "SKIP", "FETCH", "REMAIN", "TIME", "LOGS"}}
	if f.compact {
		t.header = []string{"SET", "PORTS", "JAIL", "BUILD", "STATUS", "Q", "I", "I", "B", "F", "S", "F", "R", "TIME"}
	}
	url := c.conf["URL_BASE"]
	if url != "" && !f.logs && !f.compact {
		t.header[14] = "URL"
	}
	t.right = map[int]bool{5: true, 6: true, 7: true, 8: true, 9: true, 10: true, 11: true, 12: true}
	for _, b := range builds {
		number := func(name string) string {
			if v := c.value(b.dir, "stats_"+name); v != "" {
				return v
			}
			return "?"
		}
		remain := "?"
		if n, err := strconv.Atoi(number("queued")); err == nil {
			for _, name := range []string{"inspected", "ignored", "built", "failed", "skipped", "fetched"} {
				k, _ := strconv.Atoi(number(name))
				n -= k
			}
			remain = strconv.Itoa(n)
		}
		row := []string{
			orDash(c.value(b.dir, "setname")), c.value(b.dir, "ptname"), c.value(b.dir, "jailname"), b.build, shortStatus(c.value(b.dir, "status")),
			number("queued"), number("inspected"), number("ignored"), number("built"), number("failed"), number("skipped"), number("fetched"), remain, c.buildTime(b.dir),
		}
		if !f.compact {
			where := b.dir
			if url != "" && !f.logs {
				where = fmt.Sprintf("%s/build.html?mastername=%s&build=%s", strings.TrimSuffix(url, "/"), c.value(b.dir, "mastername"), b.build)
			}
			row = append(row, where)
		}
		t.add(row...)
	}
	t.sort(0, 1, 2, 3)
	switch {
	case f.script:
		for _, row := range t.rows {
			c.p.Printf("%s\n", strings.Join(row, "\t"))
		}
	case len(t.rows) == 0 && !f.finished:
		c.msg("No running builds. Use -a or -f to show finished builds.")
	case len(t.rows) == 0:
		c.msg("No matching builds found.")
	default:
		t.print(c, false)
	}
	return nil
}

// shortStatus is the first two words of a status, without the mark that the jail
// was stopped.
func shortStatus(s string) string {
	if s == "" {
		return "?"
	}
	f := strings.Split(strings.TrimPrefix(s, "stopped:"), ":")
	return strings.TrimSuffix(strings.Join(f[:min(2, len(f))], ":"), ":")
}

func (c *command) builderStatus(builds []found) error {
	for _, b := range builds {
		t := table{header: []string{"ID", "TOTAL", "ORIGIN", "PKGNAME", "PHASE"}}
		for _, id := range strings.Fields(c.value(b.dir, "builders")) {
			f := strings.Split(c.value(b.dir, "status."+id), ":")
			if len(f) < 5 || !c.running(b.dir) {
				continue
			}
			started, _ := strconv.ParseInt(f[3], 10, 64)
			t.add("["+id+"]", clockFace(time.Duration(c.p.Now().Unix()-started)*time.Second), f[1], f[2], f[0])
		}
		c.summaryOf(b)
		if len(t.rows) > 0 {
			t.print(c, false)
		}
		c.msg("Logs: %s", b.dir)
	}
	return nil
}

// summaryOf prints a build's two lines from its files.
func (c *command) summaryOf(b found) {
	n := func(name string) int {
		v, _ := strconv.Atoi(c.value(b.dir, "stats_"+name))
		return v
	}
	left := n("queued") - n("inspected") - n("ignored") - n("built") - n("failed") - n("skipped") - n("fetched")
	c.p.Printf("[%s] [%s] [%s] Time: %s\n", c.value(b.dir, "mastername"), b.build, shortStatus(c.value(b.dir, "status")), c.buildTime(b.dir))
	c.p.Printf("Queued: %d Inspected: %d Ignored: %d Built: %d Failed: %d Skipped: %d Fetched: %d Remaining: %d\n",
		n("queued"), n("inspected"), n("ignored"), n("built"), n("failed"), n("skipped"), n("fetched"), left)
}

func (c *command) resultStatus(builds []found) error {
	for _, b := range builds {
		for _, kind := range []struct{ name, title string }{{"built", "Built"}, {"failed", "Failed"}, {"skipped", "Skipped"}, {"ignored", "Ignored"}, {"fetched", "Fetched"}} {
			var specs []string
			for _, line := range strings.Split(c.value(b.dir, "ports."+kind.name), "\n") {
				f := strings.Fields(line)
				switch {
				case len(f) == 0:
				case kind.name == "failed" && len(f) > 2:
					specs = append(specs, f[0]+":"+f[2])
				default:
					specs = append(specs, f[0])
				}
			}
			slices.Sort(specs)
			if len(specs) > 0 {
				c.msg("%s ports: %s", kind.title, strings.Join(specs, " "))
			}
		}
		c.summaryOf(b)
		c.msg("Logs: %s", b.dir)
	}
	return nil
}

const statusUsage = `poudriere status [options]

Options:
    -a          -- Show all builds, not just latest. This implies -f.
    -f          -- Show finished builds as well. This is default
                   if -a, -B or -r are specified.
    -b          -- Display status of each builder for the matched build.
    -B name     -- What buildname to use (must be unique, defaults to
                   "latest"). This implies -f.
    -c          -- Compact output (shorter headers and no logs/url)
    -H          -- Script mode. Do not print headers and separate fields by a
                   single tab instead of arbitrary white space.
    -j name     -- Run on the given jail
    -p tree     -- Specify on which ports tree to match for the build.
    -l          -- Show logs instead of URL.
    -r          -- Show results. This implies -f.
    -z set      -- Specify which SET to match for the build. Use '0' to only
                   match on empty sets.
`
