package zpoolsim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// status is zpool status.
func (c *call) status() int {
	switch {
	case c.interval() || c.Value("T") != "":
		return c.Cannot("zpool status again and again")
	case c.Value("c") != "" || c.Has("D") || c.Has("d") || c.Has("i"):
		return c.Cannot("zpool status -c, -D, -d or -i")
	}
	pools, ok := c.pools(c.Operands)
	if c.Has("j") || c.Has("json") {
		return c.statusJSON(pools, ok)
	}
	if len(c.Operands) == 0 && len(pools) == 0 {
		// OpenZFS took it for an error's place, not for an error.
		if c.Era == openZFS24 {
			c.Errorf("no pools available\n")
		} else {
			c.Printf("no pools available\n")
		}
		return 0
	}
	shown := 0
	for _, pool := range pools {
		why := c.examine(pool)
		if c.Has("x") && (why == nil || why.mild) {
			if len(c.Operands) > 0 {
				c.Printf("pool '%s' is healthy\n", pool.Name)
			}
			continue
		}
		if shown > 0 {
			c.Printf("\n")
		}
		shown++
		c.printStatus(pool, why)
	}
	if c.Has("x") && shown == 0 && len(c.Operands) == 0 {
		c.Printf("all pools are healthy\n")
	}
	if !ok {
		return 1
	}
	return 0
}

func (c *call) printStatus(pool *state.Pool, why *reason) {
	c.Printf("  pool: %s\n state: %s\n", pool.Name, c.stateName(zfs.PoolState(c.Machine, pool)))
	if why != nil {
		c.Printf("status: %s\naction: %s\n", why.status, why.action)
		if why.id != "" {
			c.Printf("   see: %s\n", c.see(why.id))
		}
	}
	c.Printf("%s", c.scanText(pool))
	c.printRemoval(pool)
	if cp := pool.Checkpoint; cp != nil {
		c.Printf("checkpoint: created %s, consumes %s\n", date(cp.Created), bytesText(cp.Used, false))
	}
	c.Printf("config:\n\n")
	c.printTree(pool)
	c.Printf("\n%s", c.errorText(pool))
}

// stateName is a pool's state as the era writes it.
func (c *call) stateName(s string) string {
	switch {
	case s == zfs.Suspended && !c.Era.Modern():
		return zfs.Unavail
	case s == zfs.Unavail && c.Era == numbered:
		return zfs.Faulted
	}
	return s
}

// date is a time as ctime(3) writes it.
func date(t time.Time) string { return t.UTC().Format("Mon Jan _2 15:04:05 2006") }

func (c *call) errorText(pool *state.Pool) string {
	n := max(int64(len(pool.Damaged)), 0)
	if n == 0 && pool.Scan != nil {
		n = pool.Scan.Errors
	}
	switch {
	case n == 0:
		return "errors: No known data errors\n"
	case !c.Has("v"):
		return fmt.Sprintf("errors: %d data errors, use '-v' for a list\n", n)
	}
	text := "errors: Permanent errors have been detected in the following files:\n\n"
	for _, file := range pool.Damaged {
		text += "        " + file + "\n"
	}
	if len(pool.Damaged) == 0 {
		text += "        <metadata>:<0x3b>\n"
	}
	return text
}

func (c *call) printRemoval(pool *state.Pool) {
	for i, v := range pool.Vdevs {
		if v.Removed && c.Era >= features {
			c.Printf("remove: Removal of vdev %d copied 0 in 0h0m, completed on %s\n\t0 memory used for removed device mappings\n", i, date(v.Since))
		}
	}
}

// scanText is the line, or lines, about the last scrub or resilver.
func (c *call) scanText(pool *state.Pool) string {
	s := pool.Scan
	label := "  scan: "
	if c.Release < 803 {
		label = " scrub: "
	}
	switch {
	case s == nil && c.Era.Modern():
		return ""
	case s == nil:
		return label + "none requested\n"
	case c.Release < 803:
		return label + c.scrubLine(s) + "\n"
	}
	verb := strings.ToLower(s.Function)
	switch s.State {
	case zfs.Canceled:
		return label + verb + " canceled on " + date(s.End) + "\n"
	case zfs.Finished:
		did := "scrub repaired"
		if s.Function == zfs.Resilver {
			did = "resilvered"
		}
		return fmt.Sprintf("%s%s %s in %s with %d errors on %s\n", label, did, c.scanBytes(s.Repaired), c.clockText(s.Took), s.Errors, date(s.End))
	}
	return label + c.underWay(s, verb)
}

// scrubLine is the one line of the first releases.
func (c *call) scrubLine(s *state.Scan) string {
	done, took, left := zfs.Progress(c.Machine, s)
	verb := strings.ToLower(s.Function)
	switch s.State {
	case zfs.Finished:
		return fmt.Sprintf("%s completed after %s with %d errors on %s", verb, hoursMinutes(took), s.Errors, date(s.End))
	case zfs.Canceled:
		return fmt.Sprintf("%s stopped after %s with %d errors on %s", verb, hoursMinutes(took), s.Errors, date(s.End))
	}
	return fmt.Sprintf("%s in progress for %s, %.2f%% done, %s to go", verb, hoursMinutes(took), share(done, s.Total), hoursMinutes(left))
}

func share(done, total int64) float64 {
	if total == 0 {
		return 100
	}
	return float64(done) * 100 / float64(total)
}

func hoursMinutes(d time.Duration) string {
	return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
}

// clockText is how long a scan took or takes, as the release writes it.
func (c *call) clockText(d time.Duration) string {
	s := int(d.Seconds())
	hms := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	switch {
	case c.Release < 1200:
		return hoursMinutes(d)
	case c.Release < 1300 || s >= 86400:
		return fmt.Sprintf("%d days %s", s/86400, hms)
	}
	return hms
}

// scanBytes is an amount of data in scan lines.
func (c *call) scanBytes(n int64) string {
	if c.Era.Modern() {
		return cli.Nice(n, "B")
	}
	return cli.Nice(n, "")
}

// underWay is about a scan that goes on, or is paused.
func (c *call) underWay(s *state.Scan, verb string) string {
	done, took, left := zfs.Progress(c.Machine, s)
	rate := int64(float64(done) / max(took.Seconds(), 1))
	repaired, did := s.Repaired, "repaired"
	if s.Function == zfs.Resilver {
		repaired, did = done, "resilvered"
	}
	part := share(done, s.Total)
	if s.State == zfs.Paused {
		text := fmt.Sprintf("%s paused since %s\n\t%s started on %s\n", verb, date(s.End), verb, date(s.Start))
		return text + fmt.Sprintf("\t%s scanned, %s issued, %s total\n\t%s repaired, %.2f%% done\n", c.scanBytes(done), c.scanBytes(done), c.scanBytes(s.Total), c.scanBytes(repaired), part)
	}
	text := fmt.Sprintf("%s in progress since %s\n", verb, date(s.Start))
	all, at, issued := c.scanBytes(s.Total), c.scanBytes(rate), c.scanBytes(done)
	switch {
	case c.Release < 1200:
		return text + fmt.Sprintf("        %s scanned out of %s at %s/s, %s to go\n        %s %s, %.2f%% done\n", issued, all, at, c.clockText(left), c.scanBytes(repaired), did, part)
	case c.Era < openZFS22:
		text += fmt.Sprintf("\t%s scanned at %s/s, %s issued at %s/s, %s total\n", issued, at, issued, at, all)
	default:
		text += fmt.Sprintf("\t%s / %s scanned, %s / %s issued at %s/s\n", all, all, issued, all, at)
	}
	text += fmt.Sprintf("\t%s %s, %.2f%% done, ", c.scanBytes(repaired), did, part)
	if rate == 0 {
		return text + "no estimated completion time\n"
	}
	return text + c.clockText(left) + " to go\n"
}

// row is a line of the device tree.
type row struct {
	depth   int
	name    string
	v       *state.Vdev // nil: the pool
	heading bool
}

// tree lists a pool's devices in the order zpool status shows them.
func (c *call) tree(pool *state.Pool) []row {
	rows := []row{{name: pool.Name}}
	var add func(v *state.Vdev, depth int)
	add = func(v *state.Vdev, depth int) {
		if !c.Has("e") || len(v.Children) > 0 || c.troubled(v) {
			rows = append(rows, row{depth: depth, name: c.vdevName(pool, v), v: v})
		}
		for _, child := range v.Children {
			add(child, depth+1)
		}
	}
	for _, class := range []string{"", "dedup", "special", "log", "cache", "spare"} {
		first := true
		for _, v := range pool.Vdevs {
			if v.Class != class {
				continue
			}
			if first && class != "" {
				rows = append(rows, row{name: sectionName(class), heading: true})
			}
			first = false
			add(v, 1)
		}
	}
	return rows
}

// troubled tells whether a device is worth mentioning.
func (c *call) troubled(v *state.Vdev) bool {
	return zfs.VdevState(c.Machine, v) != zfs.Online || v.Read+v.Write+v.Checksum > 0
}

func (c *call) printTree(pool *state.Pool) {
	rows := c.tree(pool)
	wide := 10
	for _, r := range rows {
		wide = max(wide, 2*r.depth+len(r.name))
	}
	slow := ""
	if c.Has("s") {
		slow = "   SLOW"
	}
	c.Printf("\t%-*s  %-8s %5s %5s %5s%s\n", wide, "NAME", "STATE", "READ", "WRITE", "CKSUM", slow)
	for _, r := range rows {
		c.printRow(pool, r, wide)
	}
}

func (c *call) printRow(pool *state.Pool, r row, wide int) {
	name := strings.Repeat("  ", r.depth) + r.name
	if r.heading {
		c.Printf("\t%s\n", name)
		return
	}
	var s string
	var reads, writes, sums int64
	switch {
	case r.v == nil:
		s = c.stateName(zfs.PoolState(c.Machine, pool))
		if pool.Scan != nil && pool.Scan.Errors > 0 {
			sums = pool.Scan.Errors
		}
	case r.v.Class == "spare":
		s = zfs.SpareState(c.Machine, pool, r.v)
		c.Printf("\t%-*s  %-8s%s\n", wide, name, s, map[bool]string{true: "  currently in use"}[s == zfs.InUse])
		return
	default:
		s = zfs.VdevState(c.Machine, r.v)
		reads, writes, sums = r.v.Read, r.v.Write, r.v.Checksum
	}
	exact := c.Has("p")
	line := fmt.Sprintf("\t%-*s  %-8s %5s %5s %5s", wide, name, s, count(reads, exact), count(writes, exact), count(sums, exact))
	if c.Has("s") && r.v != nil && len(r.v.Children) == 0 {
		line += fmt.Sprintf(" %5s", "0")
	} else if c.Has("s") {
		line += fmt.Sprintf(" %5s", "-")
	}
	if r.v != nil && len(r.v.Children) == 0 {
		line += c.remark(pool, r.v, s)
	}
	c.Printf("%s\n", line)
}

// remark is what stands behind a device's counters.
func (c *call) remark(pool *state.Pool, v *state.Vdev, s string) string {
	scan := pool.Scan
	resilver := scan != nil && scan.Function == zfs.Resilver && scan.State == zfs.Scanning && v.Stale > 0 && s == zfs.Online
	text := ""
	switch {
	case s == zfs.Unavail && c.absent(v):
		text = "  was " + v.Path
	case s == zfs.Unavail:
		text = "  cannot open"
	case s == zfs.Faulted:
		text = "  too many errors"
	case c.Release < 803 && v.Processed > 0:
		did := " resilvered"
		if scan != nil && scan.Function == zfs.Scrub {
			did = " repaired"
		}
		text = "  " + cli.Nice(v.Processed, "") + did
	case resilver && c.Release < 803:
		done, _, _ := zfs.Progress(c.Machine, scan)
		text = "  " + cli.Nice(done, "") + " resilvered"
	case resilver:
		text = "  (resilvering)"
	}
	if c.Has("t") && s == zfs.Online {
		text += c.trimRemark(pool, v)
	}
	return text
}

func (c *call) trimRemark(pool *state.Pool, v *state.Vdev) string {
	t := pool.Trim
	switch {
	case t != nil && (t.State == zfs.Scanning || t.State == zfs.Paused):
		done, _, _ := zfs.Progress(c.Machine, t)
		word := "started"
		if t.State == zfs.Paused {
			word = "suspended, started"
		}
		return fmt.Sprintf("  (%d%% trimmed, %s at %s)", int(share(done, t.Total)), word, t.Start.UTC().Format("Mon Jan _2 15:04:05 2006"))
	case v.Untrimmed || t == nil:
		return "  (untrimmed)"
	}
	return fmt.Sprintf("  (100%% trimmed, completed at %s)", t.End.UTC().Format("Mon Jan _2 15:04:05 2006"))
}

// absent tells a device that was not found when the pool was opened: it is known
// by its identifier alone.
func (c *call) absent(v *state.Vdev) bool { return v.State == zfs.Unavail }

// vdevName is a device's or group's name as the options ask for it.
func (c *call) vdevName(pool *state.Pool, v *state.Vdev) string {
	leaf := len(v.Children) == 0 && !v.Removed
	switch {
	case c.Has("g") && c.Era.Modern(), leaf && c.absent(v):
		return strconv.FormatUint(v.GUID, 10)
	case leaf && c.Has("L"):
		name := zfs.RealDevice(c.Machine, v)
		if c.Has("P") {
			return name
		}
		return strings.TrimPrefix(name, "/dev/")
	case leaf && c.Has("P"):
		return v.Path
	}
	name := zfs.VdevName(c.Machine, pool, v)
	if !leaf && c.Release < 803 { // groups had no numbers yet
		name, _, _ = strings.Cut(name, "-")
	}
	return name
}
