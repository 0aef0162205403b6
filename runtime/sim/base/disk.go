package base

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var diskCommands = []command{
	{name: "du", dir: "/usr/bin", flags: "AaB!cd:gHhI:klLmnPrst:x", run: du,
		usage: "usage: du [-Aclnx] [-H | -L | -P] [-g | -h | -k | -m] [-a | -s | -d depth] [-B blocksize] [-I mask] [-t threshold] [file ...]"},
	{name: "df", dir: "/bin", flags: "b,acgHhiklmnPTt:", run: df,
		usage: "usage: df [-b | -g | -H | -h | -k | -m | -P] [-acilnT] [-t type] [-,]\n          [file | filesystem ...]"},
	{name: "swapon", dir: "/sbin", flags: "aF:Lq", run: swapOn, usage: "usage: swapon [-F fstab] -aLq | file ..."},
	{name: "swapoff", dir: "/sbin", flags: "aF:fLq", run: swapOff, usage: "usage: swapoff [-F fstab] -afLq | [-f] file ..."},
	{name: "swapctl", dir: "/sbin", flags: "AghklmsUF:", run: swapCtl, usage: "usage: swapctl [-AghklmsU] [-a file ... | -d file ...]"},
}

// blockSize is the unit of du and df: an option, or $BLOCKSIZE.
func blockSize(p *sim.Proc, o *options) int64 {
	switch o.last("gkmbP") {
	case "g":
		return 1 << 30
	case "k":
		return 1 << 10
	case "m":
		return 1 << 20
	case "b", "P":
		if o.has("k") { // POSIX wants -kP to mean both
			return 1 << 10
		}
		return 512
	}
	if n, ok := parseSize(p.Getenv("BLOCKSIZE")); ok && n >= 512 {
		return n / 512 * 512
	}
	switch strings.ToUpper(p.Getenv("BLOCKSIZE")) {
	case "K":
		return 1 << 10
	case "M":
		return 1 << 20
	case "G":
		return 1 << 30
	}
	return 512
}

// meter is one call of du(1).
type meter struct {
	p         *sim.Proc
	o         *options
	unit      int64
	depth     int
	threshold int64
	seen      map[uint64]bool
	code      int
}

func du(p *sim.Proc, o *options) int {
	d := &meter{p: p, o: o, unit: blockSize(p, o), depth: math.MaxInt, seen: map[uint64]bool{}}
	if o.has("s") {
		d.depth = 0
	}
	if text, ok := o.get("d"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return errx(p, "invalid argument to option d: %s", text)
		}
		if o.has("sa") {
			return o.wrong(p)
		}
		d.depth = n
	}
	if text, ok := o.get("t"); ok {
		size, negative := strings.CutPrefix(text, "-")
		n, ok := parseSize(size)
		if !ok || n == 0 {
			return errx(p, "invalid threshold: %s", text)
		}
		if d.threshold = n; negative {
			d.threshold = -n
		}
	}
	names := o.args
	if len(names) == 0 {
		names = []string{"."}
	}
	var total int64
	for _, name := range names {
		total += d.operand(name)
	}
	if o.has("c") {
		d.print(total, "total")
	}
	return d.code
}

func (d *meter) operand(name string) int64 {
	stat := d.p.FS().Lstat
	if d.o.has("HL") {
		stat = d.p.FS().Stat
	}
	info, err := stat(name)
	if err != nil {
		d.warn(name, err)
		return 0
	}
	return d.measure(name, info, 0, info.Dev)
}

func (d *meter) warn(name string, err error) {
	warn(d.p, name, err)
	d.code = 1
}

// measure adds up a tree in 512-byte blocks.
func (d *meter) measure(name string, info vfs.Info, level, dev int) int64 {
	if d.o.has("x") && info.Dev != dev || d.ignored(name) {
		return 0
	}
	if info.Type != vfs.TypeDir && info.Nlink > 1 && !d.o.has("l") {
		if d.seen[info.Inode] {
			return 0
		}
		d.seen[info.Inode] = true
	}
	size := blocks(info)
	if d.o.has("A") {
		size = (info.Size + 511) / 512
	}
	if info.Type != vfs.TypeDir {
		if level == 0 || d.o.has("a") && level <= d.depth {
			d.print(size, name)
		}
		return size
	}
	entries, err := d.p.FS().ReadDir(name)
	if err != nil {
		d.warn(name, err)
	}
	for _, e := range entries {
		below := strings.TrimRight(name, "/") + "/" + e.Name
		if d.o.has("L") && e.Type == vfs.TypeLink {
			if followed, err := d.p.FS().Stat(below); err == nil {
				e = followed
			}
		}
		size += d.measure(below, e, level+1, dev)
	}
	if level <= d.depth {
		d.print(size, name)
	}
	return size
}

func (d *meter) ignored(name string) bool {
	return slices.ContainsFunc(d.o.all("I"), func(mask string) bool { return match(mask, path.Base(name)) })
}

func (d *meter) print(size int64, name string) {
	bytes := size * 512
	if d.threshold > 0 && bytes < d.threshold || d.threshold < 0 && bytes > -d.threshold {
		return
	}
	if d.o.has("h") {
		d.p.Printf("%4s\t%s\n", humanSize(bytes, "B"), name)
		return
	}
	d.p.Printf("%d\t%s\n", (bytes+d.unit-1)/d.unit, name)
}

// mounted is one row of df.
type mounted struct {
	vfs.Usage
	cells []string
}

func df(p *sim.Proc, o *options) int {
	var rows []vfs.Usage
	code := 0
	if len(o.args) == 0 {
		rows = p.Machine.Mounts()
	}
	for _, name := range o.args {
		u, err := usageOf(p, name)
		if err != nil {
			code = fail(p, name, err)
			continue
		}
		rows = append(rows, u)
	}
	rows = slices.DeleteFunc(rows, func(u vfs.Usage) bool { return !typeWanted(o, u.Type) })
	if len(rows) == 0 {
		return code
	}
	printDF(p, o, rows)
	return code
}

// typeWanted applies -t, which may start with "no".
func typeWanted(o *options, kind string) bool {
	list, ok := o.get("t")
	if !ok {
		return true
	}
	list, negate := strings.CutPrefix(list, "no")
	return slices.Contains(strings.Split(list, ","), kind) != negate
}

// usageOf finds a file system by a file on it, its device or its mount point.
func usageOf(p *sim.Proc, name string) (vfs.Usage, error) {
	for _, u := range p.Machine.Mounts() {
		if u.Source == name || sim.MountedFrom(u.Mount) == name {
			return u, nil
		}
	}
	real, err := p.FS().EvalSymlinks(name)
	if err != nil {
		return vfs.Usage{}, err
	}
	return p.Machine.UsageOf(real)
}

// mountOf is the file system an absolute path lies on.
func mountOf(p *sim.Proc, abs string) vfs.Mount {
	u, _ := p.Machine.UsageOf(abs)
	return u.Mount
}

func printDF(p *sim.Proc, o *options, rows []vfs.Usage) {
	unit := blockSize(p, o)
	human := o.last("hHkgmbP") == "h" || o.last("hHkgmbP") == "H"
	header := map[int64]string{512: "512-blocks", 1 << 10: "1K-blocks", 1 << 20: "1M-blocks", 1 << 30: "1G-blocks"}[unit]
	if header == "" {
		header = strconv.FormatInt(unit, 10) + "-blocks"
	}
	size := func(n int64) string { return strconv.FormatInt((n+unit-1)/unit, 10) }
	minimum := 0
	if human {
		header, minimum = "Size", 7
		size = func(n int64) string { return humanSize(n, "B") }
		if o.last("hH") == "H" {
			size = func(n int64) string { return decimalSize(n) }
		}
	}
	if o.has(",") && !human {
		size = func(n int64) string { return thousands((n + unit - 1) / unit) }
	}
	widths := []int{len("Filesystem"), len("Type"), max(len(header), minimum), max(len("Used"), minimum), max(len("Avail"), minimum)}
	var table []mounted
	var sum vfs.Usage
	for _, u := range rows {
		sum.Total, sum.Used, sum.Free = sum.Total+u.Total, sum.Used+u.Used, sum.Free+u.Free
	}
	sum.Source = "total"
	if o.has("c") {
		rows = append(rows, sum)
	}
	for _, u := range rows {
		if u.Total == 0 {
			u.Total = max(u.Used, 1024)
			u.Used = u.Total
		}
		m := mounted{u, []string{sim.MountedFrom(u.Mount), u.Type, size(u.Total), size(u.Used), size(u.Free)}}
		for i, cell := range m.cells {
			widths[i] = max(widths[i], len(cell))
		}
		table = append(table, m)
	}
	print := func(cells []string, capacity, inodes, point string) {
		p.Printf("%-*s", widths[0], cells[0])
		if o.has("T") {
			p.Printf("  %-*s", widths[1], cells[1])
		}
		p.Printf(" %*s %*s %*s %s%s", widths[2], cells[2], widths[3], cells[3], widths[4], cells[4], capacity, inodes)
		if point != "" {
			p.Printf("  %s", point)
		}
		p.Printf("\n")
	}
	inodeHeader := ""
	if o.has("i") {
		inodeHeader = fmt.Sprintf(" %7s %7s %%iused", "iused", "ifree")
	}
	print([]string{"Filesystem", "Type", header, "Used", "Avail"}, "Capacity", inodeHeader, "Mounted on")
	for _, m := range table {
		inodes := ""
		if o.has("i") {
			inodes = fmt.Sprintf(" %7d %7d %4.0f%% ", m.Files, m.Free/512, percent(m.Files, m.Files+m.Free/512))
		}
		print(m.cells, fmt.Sprintf("%5.0f%%  ", percent(m.Used, m.Used+m.Free)), inodes, m.Point)
	}
}

// decimalSize is df -H: powers of 1000.
func decimalSize(n int64) string {
	value, i := float64(n), 0
	for i < 6 && value >= 999.5 {
		value /= 1000
		i++
	}
	suffix := "BkMGTPE"[i : i+1]
	if i > 0 && value < 9.95 {
		return trimFloat(value, 1) + suffix
	}
	return trimFloat(value, 0) + suffix
}

func trimFloat(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

func percent(part, whole int64) float64 {
	if whole == 0 {
		return 100
	}
	return math.Ceil(float64(part) / float64(whole) * 100)
}
