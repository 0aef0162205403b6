package base

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

var gnuDiskCommands = []command{
	{name: "df", gnu: coreutils, flags: "aB:hHiklPt:Tx:", run: gnuDF,
		long: "all=a block-size:=B human-readable=h si=H inodes=i portability=P type:=t print-type=T exclude-type:=x local=l output? total sync no-sync"},
	{name: "lsblk", gnu: utilLinux, flags: "abdfJlmno:Opr", long: "all=a bytes=b nodeps=d fs=f! json=J list=l! noheadings=n output:=o paths=p raw=r", run: lsblk},
	{name: "mount", gnu: utilLinux, flags: "aBlno:rt:vw", long: "bind=B all=a options:=o types:=t", run: gnuMount},
	{name: "umount", gnu: utilLinux, flags: "flnRv", long: "force=f lazy=l recursive=R!", run: gnuUmount},
	{name: "findmnt", gnu: utilLinux, flags: "no:rT:t:M:J!", long: "noheadings=n output:=o raw=r target:=T types:=t mountpoint:=M json=J!", run: findmnt},
	{name: "free", gnu: procps, flags: "bkmghtw!s!c!", long: "bytes=b kibi=k mebi=m gibi=g human=h total=t", run: free},
}

// dfColumns are what df --output shows.
var dfColumns = map[string]string{
	"source": "Filesystem", "fstype": "Type", "size": "", "used": "Used", "avail": "Avail", "pcent": "Use%", "target": "Mounted on",
	"itotal": "Inodes", "iused": "IUsed", "iavail": "IFree", "ipcent": "IUse%", "file": "File",
}

func gnuDF(p *sim.Proc, o *options) int {
	rows, code := dfRows(p, o)
	if len(rows) == 0 {
		if code == 0 {
			p.Errorf("df: no file systems processed\n")
			code = 1
		}
		return code
	}
	unit, title, suffix := int64(1024), "1K-blocks", ""
	human := o.last("hHkB") == "h"
	if text, ok := o.get("B"); ok {
		n, given, ok := gnuBlockSize(text)
		if !ok {
			return errx(p, "invalid -B argument '%s'", text)
		}
		unit, suffix, title = n, given, text+"-blocks"
		if suffix != "" {
			title = "1" + title
		}
		if text == "1" {
			title = "1B-blocks"
		}
	}
	columns := []string{"source", "size", "used", "avail", "pcent", "target"}
	switch {
	case o.has("i"):
		columns = []string{"source", "itotal", "iused", "iavail", "ipcent", "target"}
	case o.has("P") && !human:
		title = strconv.FormatInt(unit, 10) + "-blocks"
	}
	if o.has("T") {
		columns = slices.Insert(columns, 1, "fstype")
	}
	if human {
		title = "Size"
	}
	if list, ok := o.get("output"); ok && list != "" {
		columns = strings.Split(list, ",")
	}
	names := map[string]string{}
	for c, name := range dfColumns {
		names[c] = name
	}
	names["size"] = title
	if o.has("P") {
		names["avail"], names["pcent"] = "Available", "Capacity"
	} else if !human {
		names["avail"] = "Available"
	}
	if o.hasLong("output") {
		names["avail"] = "Avail"
	}
	var head []string
	for _, c := range columns {
		name, ok := names[c]
		if !ok {
			warnx(p, "option --output: field '%s' unknown", c)
			return o.wrong(p)
		}
		head = append(head, name)
	}
	size := func(n int64) string {
		if human {
			return gnuHuman(n)
		}
		return strconv.FormatInt((n+unit-1)/unit, 10) + suffix
	}
	table := [][]string{head}
	for _, u := range rows {
		cells := map[string]string{
			"source": u.Source, "fstype": u.Type, "size": size(u.Total), "used": size(u.Used), "avail": size(u.Free), "target": u.Point,
			"pcent": dfPercent(u.Used, u.Used+u.Free), "itotal": strconv.FormatInt(u.Total/16384, 10), "iused": strconv.FormatInt(u.Files, 10),
			"iavail": strconv.FormatInt(u.Total/16384-u.Files, 10), "ipcent": dfPercent(u.Files, u.Total/16384), "file": "-",
		}
		var row []string
		for _, c := range columns {
			row = append(row, cells[c])
		}
		table = append(table, row)
	}
	dfPrint(p, table, columns)
	return code
}

// gnuBlockSize reads a block size; a unit without a number is shown behind each
// size.
func gnuBlockSize(text string) (n int64, suffix string, ok bool) {
	if n, ok = gnuParseSize(text); ok {
		return n, "", true
	}
	n, ok = gnuParseSize("1" + text)
	return n, text, ok
}

func dfPercent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", percent(part, whole))
}

// dfPrint sets the table: names to the left, numbers to the right, the last column as
// it is. The first column is at least 14 wide, numbers 5.
func dfPrint(p *sim.Proc, table [][]string, columns []string) {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = map[string]int{"source": 14, "fstype": 4, "size": 5, "used": 5, "avail": 5, "pcent": 4, "itotal": 5, "iused": 5, "iavail": 5, "ipcent": 4}[c]
		for _, row := range table {
			widths[i] = max(widths[i], len(row[i]))
		}
	}
	for _, row := range table {
		var cells []string
		for i, cell := range row {
			switch {
			case i == len(row)-1 && (columns[i] == "target" || columns[i] == "file"):
				cells = append(cells, cell)
			case slices.Contains([]string{"source", "fstype", "target", "file"}, columns[i]):
				cells = append(cells, fmt.Sprintf("%-*s", widths[i], cell))
			default:
				cells = append(cells, fmt.Sprintf("%*s", widths[i], cell))
			}
		}
		p.Printf("%s\n", strings.TrimRight(strings.Join(cells, " "), " "))
	}
}

// dfRows are the file systems to show.
func dfRows(p *sim.Proc, o *options) (rows []vfs.Usage, code int) {
	kinds, but := o.all("t"), o.all("x")
	if len(o.args) == 0 {
		for _, u := range p.Machine.Tree().Mounts() {
			if u.Total > 0 || o.has("a") {
				rows = append(rows, u)
			}
		}
	}
	for _, name := range o.args {
		if _, err := p.FS().Stat(name); err != nil {
			warn(p, name, err)
			code = 1
			continue
		}
		if u, err := p.Machine.UsageOf(p.FS().Abs(name)); err == nil {
			rows = append(rows, u)
		}
	}
	return slices.DeleteFunc(rows, func(u vfs.Usage) bool {
		return len(kinds) > 0 && !slices.Contains(kinds, u.Type) || slices.Contains(but, u.Type)
	}), code
}

// blockDevice is a line of lsblk.
type blockDevice struct {
	cells map[string]string
	level int
	last  bool
}

func blockDevices(p *sim.Proc) (list []blockDevice) {
	var disks []*state.Disk
	withState(p, func(s *state.State) { disks = slices.Clone(s.Disks) })
	for n, d := range disks {
		if d.Gone {
			continue
		}
		cells := func(name, kind string, size int64, number int, point, fs string) map[string]string {
			return map[string]string{
				"NAME": name, "KNAME": name, "PATH": "/dev/" + name, "MAJ:MIN": fmt.Sprintf("254:%d", number), "RM": "0", "SIZE": strconv.FormatInt(size, 10), "RO": "0",
				"TYPE": kind, "MOUNTPOINTS": point, "MOUNTPOINT": point, "FSTYPE": fs, "MODEL": d.Model, "SERIAL": d.Serial, "ROTA": "1", "PKNAME": "", "UUID": "",
			}
		}
		list = append(list, blockDevice{cells: cells(d.Name, "disk", d.Size, 16*n, "", "")})
		if n == 0 {
			c := cells(d.Name+"1", "part", d.Size-(1<<20), 1, "/", "ext4")
			c["PKNAME"], c["UUID"] = d.Name, p.Machine.UUID("root")
			list = append(list, blockDevice{c, 1, true})
		}
	}
	return list
}

func lsblk(p *sim.Proc, o *options) int {
	columns := []string{"NAME", "MAJ:MIN", "RM", "SIZE", "RO", "TYPE", "MOUNTPOINTS"}
	if text, ok := o.get("o"); ok {
		columns = strings.Split(strings.ToUpper(text), ",")
	}
	var table [][]string
	if !o.has("n") {
		table = append(table, columns)
	}
	for _, d := range blockDevices(p) {
		if o.has("d") && d.level > 0 || len(o.args) > 0 && !slices.ContainsFunc(o.args, func(a string) bool {
			return strings.TrimPrefix(a, "/dev/") == d.cells["NAME"] || strings.TrimPrefix(a, "/dev/") == d.cells["PKNAME"]
		}) {
			continue
		}
		var row []string
		for _, c := range columns {
			cell, ok := d.cells[c]
			if !ok {
				return errx(p, "unknown column: %s", c)
			}
			switch {
			case c == "NAME" && o.has("p"):
				cell = d.cells["PATH"]
			case c == "SIZE" && !o.has("b"):
				n, _ := strconv.ParseInt(cell, 10, 64)
				cell = strings.Replace(gnuHuman(n), ".0", "", 1)
			}
			if c == "NAME" && d.level > 0 && !o.has("r") {
				cell = "└─" + cell
			}
			row = append(row, cell)
		}
		table = append(table, row)
	}
	if o.has("J") {
		return p.Cannot("lsblk -J")
	}
	for _, name := range o.args {
		if _, err := p.FS().Stat(name); err != nil {
			p.Errorf("lsblk: %s: not a block device\n", name)
			return 32
		}
	}
	alignLeft(p, table, o.has("r"), map[string]bool{"SIZE": true, "RM": true, "RO": true, "MAJ:MIN": true}, columns)
	return 0
}

// alignLeft sets columns under each other; right names those of numbers.
func alignLeft(p *sim.Proc, table [][]string, raw bool, right map[string]bool, columns []string) {
	widths := make([]int, len(columns))
	for _, row := range table {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range table {
		var cells []string
		for i, cell := range row {
			pad := strings.Repeat(" ", max(widths[i]-len([]rune(cell)), 0))
			switch {
			case raw:
				cells = append(cells, cell)
			case right[columns[i]] && columns[i] != "MAJ:MIN":
				cells = append(cells, pad+cell)
			default:
				cells = append(cells, cell+pad)
			}
		}
		text := strings.Join(cells, " ")
		if !raw {
			text = strings.TrimRight(text, " ")
		}
		p.Printf("%s\n", text)
	}
}

func gnuMount(p *sim.Proc, o *options) int {
	kind, _ := o.get("t")
	given, _ := o.get("o")
	switch {
	case len(o.args) == 0 && !o.has("a"):
		for _, u := range p.Machine.Tree().Mounts() {
			if kind == "" || kind == u.Type {
				p.Printf("%s on %s type %s (%s)\n", u.Source, u.Point, u.Type, sim.LinuxMountOptions(u.Mount))
			}
		}
		return 0
	case p.Cred.UID != 0:
		p.Errorf("mount: only root can do that\n")
		return 1
	case o.has("a"):
		return p.Cannot("mount -a")
	case len(o.args) != 2:
		return p.Cannot("mount %s", strings.Join(o.args, " "))
	}
	source, point := o.args[0], p.FS().Abs(o.args[1])
	if !isDir(p, point) {
		p.Errorf("mount: %s: mount point does not exist.\n", o.args[1])
		return 32
	}
	mnt := vfs.Mount{Point: point, Source: source, Type: kind}
	for option := range strings.SplitSeq(given, ",") {
		if size, ok := strings.CutPrefix(option, "size="); ok {
			mnt.Size, _ = gnuParseSize(size)
		}
		if option != "" && option != "bind" {
			mnt.Options = append(mnt.Options, option)
		}
	}
	switch {
	case o.has("B") || strings.Contains(","+given+",", ",bind,"):
		mnt.Source, mnt.Type = p.FS().Abs(source), "nullfs"
	case kind == "tmpfs":
	default:
		return p.Cannot("mount -t %s %s", kind, source)
	}
	if err := p.Machine.Tree().Mount(mnt); err != nil {
		p.Errorf("mount: %s: %s.\n", o.args[1], p.Machine.ErrText(err))
		return 32
	}
	return 0
}

func gnuUmount(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		p.Errorf("umount: bad usage\n")
		return o.wrong(p)
	}
	if p.Cred.UID != 0 {
		p.Errorf("umount: %s: must be superuser to unmount.\n", o.args[0])
		return 32
	}
	code := 0
	for _, name := range o.args {
		err := p.Machine.Tree().Unmount(p.FS().Abs(name))
		if err == nil {
			continue
		}
		code = 32
		switch {
		case !exists(p, name):
			p.Errorf("umount: %s: no mount point specified.\n", name)
		case strings.Contains(p.Machine.ErrText(err), "busy"):
			p.Errorf("umount: %s: target is busy.\n", name)
		default:
			p.Errorf("umount: %s: not mounted.\n", name)
		}
	}
	return code
}

func findmnt(p *sim.Proc, o *options) int {
	columns := []string{"TARGET", "SOURCE", "FSTYPE", "OPTIONS"}
	if text, ok := o.get("o"); ok {
		columns = strings.Split(strings.ToUpper(text), ",")
	}
	var table [][]string
	if !o.has("n") {
		table = append(table, columns)
	}
	found := false
	target, byFile := o.get("T")
	point, byPoint := o.get("M")
	if len(o.args) > 0 {
		point, byPoint = o.args[0], true
	}
	kind, byKind := o.get("t")
	for _, u := range p.Machine.Tree().Mounts() {
		if byFile && mountOf(p, p.FS().Abs(target)).Point != u.Point || byPoint && u.Point != point && u.Source != point || byKind && u.Type != kind {
			continue
		}
		found = true
		cells := map[string]string{"TARGET": u.Point, "SOURCE": u.Source, "FSTYPE": u.Type, "OPTIONS": sim.LinuxMountOptions(u.Mount),
			"SIZE": gnuHuman(u.Total), "AVAIL": gnuHuman(u.Free), "USED": gnuHuman(u.Used)}
		var row []string
		for _, c := range columns {
			cell, ok := cells[c]
			if !ok {
				return errx(p, "unknown column: %s", c)
			}
			row = append(row, cell)
		}
		table = append(table, row)
	}
	if !found {
		return 1
	}
	alignLeft(p, table, o.has("r"), nil, columns)
	return 0
}

func free(p *sim.Proc, o *options) int {
	var total int64
	withState(p, func(s *state.State) { total = s.Hardware.Memory })
	unit := int64(1024)
	switch o.last("bkmg") {
	case "b":
		unit = 1
	case "m":
		unit = 1 << 20
	case "g":
		unit = 1 << 30
	}
	show := func(n int64) string {
		if o.has("h") {
			text := gnuHuman(n)
			if n > 0 {
				return text + "i"
			}
			return text + "B"
		}
		return strconv.FormatInt(n/unit, 10)
	}
	line := func(name string, values ...int64) {
		p.Printf("%-8s", name)
		for _, v := range values {
			p.Printf("%12s", show(v))
		}
		p.Printf("\n")
	}
	cached := total / 10
	freeMemory := total * 8 / 10
	p.Printf("               total        used        free      shared  buff/cache   available\n")
	line("Mem:", total, total-freeMemory-cached, freeMemory, total/500, cached, total*9/10)
	line("Swap:", 0, 0, 0)
	if o.has("t") {
		line("Total:", total, total-freeMemory-cached, freeMemory)
	}
	return 0
}
