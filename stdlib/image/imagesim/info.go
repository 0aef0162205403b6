package imagesim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/image/qcow2"
)

func (c *call) info() int {
	name, code := c.one()
	if code != 0 {
		return code
	}
	var chain []*image
	seen := map[string]bool{}
	for format, next := c.value("f", ""), name; next != ""; {
		if seen[next] {
			return c.fail(fmt.Sprintf("Backing file '%s' creates an infinite loop.", next), false)
		}
		seen[next] = true
		i, err := c.open(next, format)
		if err != nil {
			return c.openFailed(next, err)
		}
		defer i.close()
		chain = append(chain, i)
		next = ""
		if i.qcow != nil && i.qcow.Backing != "" && c.has("backing-chain") {
			next, format = i.backingPath(), i.qcow.BackingFormat
			c.share = true
		}
	}
	switch c.value("output", "human") {
	case "json":
		c.infoJSON(chain)
	case "human":
		for n, i := range chain {
			if n > 0 {
				c.Printf("\n")
			}
			c.infoText(i)
		}
	default:
		return c.fail("--output must be used with human or json as argument.", false)
	}
	return 0
}

// actual is the space that an image takes.
func (i *image) actual() int64 { return i.info.Blocks * 512 }

func (c *call) infoText(i *image) {
	c.Printf("image: %s\nfile format: %s\n", i.name, i.format)
	c.Printf("virtual size: %s (%d bytes)\ndisk size: %s\n", human(i.content.size()), i.content.size(), human(i.actual()))
	if i.format == "vdi" {
		c.Printf("cluster_size: %d\n", vdiBlock)
	}
	q := i.qcow
	if q == nil {
		return
	}
	if q.Encryption != 0 {
		c.Printf("encrypted: yes\n")
	}
	c.Printf("cluster_size: %d\n", q.ClusterSize())
	if q.Incompatible&qcow2.Dirty != 0 {
		c.Printf("cleanly shut down: no\n")
	}
	if q.Backing != "" {
		actual := ""
		if full := i.backingPath(); full != q.Backing {
			actual = fmt.Sprintf(" (actual path: %s)", full)
		}
		c.Printf("backing file: %s%s\n", q.Backing, actual)
		if q.BackingFormat != "" {
			c.Printf("backing file format: %s\n", q.BackingFormat)
		}
	}
	if len(q.Snapshots) > 0 {
		c.snapshotList(q.Snapshots)
	}
	c.Printf("Format specific information:\n    compat: %s\n    compression type: %s\n", compat(q), compressionName(q))
	if q.Version > 2 {
		c.Printf("    lazy refcounts: %t\n", q.Lazy())
	}
	c.Printf("    refcount bits: %d\n", q.RefcountBits)
	if q.Version > 2 {
		c.Printf("    corrupt: %t\n    extended l2: false\n", q.Incompatible&qcow2.Corrupt != 0)
	}
}

func compat(q *qcow2.Image) string {
	if q.Version == 2 {
		return "0.10"
	}
	return "1.1"
}

func compressionName(q *qcow2.Image) string {
	if q.Compression == 1 {
		return "zstd"
	}
	return "zlib"
}

func (c *call) snapshotList(list []qcow2.Snapshot) {
	c.Printf("Snapshot list:\n%-10s%-17s%8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT")
	for _, s := range list {
		clock := s.Clock
		c.Printf("%-9s %-16s %8s%20s%13s%11s\n", s.ID, s.Name, human(s.Memory), s.Time.Format(time.DateTime),
			fmt.Sprintf("%02d:%02d:%02d.%03d", clock/time.Hour, clock/time.Minute%60, clock/time.Second%60, clock/time.Millisecond%1000), "0")
	}
}

// quoted is a string as QEMU's JSON has it.
func quoted(text string) string {
	q := strconv.QuoteToASCII(text)
	return strings.ReplaceAll(q, `\x`, `\u00`)
}

// object is a JSON object with its members in QEMU's order, which is that of a
// hash.
type object struct {
	indent string
	lines  []string
}

func (o *object) add(name, value string) {
	o.lines = append(o.lines, o.indent+"    "+quoted(name)+": "+value)
}

func (o *object) number(name string, n int64) { o.add(name, strconv.FormatInt(n, 10)) }

func (o *object) String() string { return "{\n" + strings.Join(o.lines, ",\n") + "\n" + o.indent + "}" }

func (c *call) infoJSON(chain []*image) {
	if !c.has("backing-chain") {
		c.Printf("%s\n", chain[0].object(""))
		return
	}
	var list []string
	for _, i := range chain {
		list = append(list, "    "+i.object("    ").String())
	}
	c.Printf("[\n%s\n]\n", strings.Join(list, ",\n"))
}

func (i *image) object(indent string) *object {
	o := &object{indent: indent}
	q := i.qcow
	if q != nil && len(q.Snapshots) > 0 {
		o.add("snapshots", snapshotsJSON(q.Snapshots, indent+"    "))
	}
	if q != nil && q.BackingFormat != "" && q.Backing != "" {
		o.add("backing-filename-format", quoted(q.BackingFormat))
	}
	o.number("virtual-size", i.content.size())
	o.add("filename", quoted(i.name))
	switch {
	case q != nil:
		o.number("cluster-size", q.ClusterSize())
	case i.format == "vdi":
		o.number("cluster-size", vdiBlock)
	}
	o.add("format", quoted(i.format))
	if i.info.Type == vfs.TypeFile {
		o.number("actual-size", i.actual())
	} else {
		o.number("actual-size", 0)
	}
	if q != nil {
		if q.Encryption != 0 {
			o.add("encrypted", "true")
		}
		o.add("format-specific", specificJSON(q, indent+"    "))
		if q.Backing != "" {
			o.add("full-backing-filename", quoted(i.backingPath()))
			o.add("backing-filename", quoted(q.Backing))
		}
	}
	o.add("dirty-flag", strconv.FormatBool(q != nil && q.Incompatible&qcow2.Dirty != 0))
	return o
}

func snapshotsJSON(list []qcow2.Snapshot, indent string) string {
	var out []string
	for _, s := range list {
		o := &object{indent: indent + "    "}
		o.number("icount", 0)
		o.number("vm-clock-nsec", int64(s.Clock%time.Second))
		o.add("name", quoted(s.Name))
		o.number("date-sec", s.Time.Unix())
		o.number("date-nsec", int64(s.Time.Nanosecond()))
		o.number("vm-clock-sec", int64(s.Clock/time.Second))
		o.add("id", quoted(s.ID))
		o.number("vm-state-size", s.Memory)
		out = append(out, o.indent+o.String())
	}
	return "[\n" + strings.Join(out, ",\n") + "\n" + indent + "]"
}

func specificJSON(q *qcow2.Image, indent string) string {
	data := &object{indent: indent + "    "}
	data.add("compat", quoted(compat(q)))
	data.add("compression-type", quoted(compressionName(q)))
	if q.Version > 2 {
		data.add("lazy-refcounts", strconv.FormatBool(q.Lazy()))
	}
	data.number("refcount-bits", int64(q.RefcountBits))
	if q.Version > 2 {
		data.add("corrupt", strconv.FormatBool(q.Incompatible&qcow2.Corrupt != 0))
		data.add("extended-l2", "false")
	}
	o := &object{indent: indent}
	o.add("type", `"qcow2"`)
	o.add("data", data.String())
	return o.String()
}

func (c *call) snapshot() int {
	for _, letter := range []string{"c", "a", "d"} {
		if c.has(letter) {
			return c.Cannot("qemu-img snapshot -%s", letter)
		}
	}
	if !c.has("l") {
		return c.Cannot("qemu-img snapshot without -l")
	}
	name, code := c.one()
	if code != 0 {
		return code
	}
	i, err := c.openChain(name, "")
	if err != nil {
		return c.openFailed(name, err)
	}
	defer i.close()
	if i.qcow != nil && len(i.qcow.Snapshots) > 0 {
		c.snapshotList(i.qcow.Snapshots)
	}
	return 0
}

func (c *call) mapping() int {
	name, code := c.one()
	if code != 0 {
		return code
	}
	for _, option := range []string{"start-offset", "s", "max-length", "l"} {
		if c.has(option) {
			return c.Cannot("qemu-img map with %s", option)
		}
	}
	i, err := c.openChain(name, c.value("f", ""))
	if err != nil {
		return c.openFailed(name, err)
	}
	defer i.close()
	output := c.value("output", "human")
	if output != "human" && output != "json" {
		return c.fail("--output must be used with human or json as argument.", false)
	}
	if output == "human" {
		c.Printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File")
	}
	first := true
	show := func(e extent) error {
		if output == "json" {
			c.mapJSON(e, first)
			first = false
		} else if e.Data && !e.Zero {
			if e.Offset < 0 {
				return fmt.Errorf("File contains external, encrypted or compressed clusters.")
			}
			c.Printf("%-16s%-16s%-16s%s\n", hex(e.Start), hex(e.Length), hex(e.Offset), e.File)
		}
		return nil
	}
	err = merged(i, show)
	if err != nil {
		return c.fail(err.Error(), false)
	}
	if output == "json" {
		if first {
			c.Printf("[")
		}
		c.Printf("]\n")
	}
	return 0
}

// hex is a number as printf(3) has it with %#x.
func hex(n int64) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}

// merged joins neighbours that map tells alike.
func merged(i *image, fn func(e extent) error) error {
	var last *extent
	err := i.each(func(e extent) error {
		if e.Data && e.Offset >= 0 && i.layer(e.Depth).hole(e) {
			e.Zero = true
		}
		if last != nil && last.joins(e) {
			last.Length += e.Length
			return nil
		}
		before := last
		last = &e
		if before == nil {
			return nil
		}
		return fn(*before)
	})
	if err != nil || last == nil {
		return err
	}
	return fn(*last)
}

// hole tells whether the place of data in the file is a hole.
func (i *image) hole(e extent) bool {
	if !i.file.IsRegular() {
		return false
	}
	next, err := i.file.NextData(e.Offset)
	return err != nil || next >= e.Offset+e.Length
}

func (e *extent) joins(next extent) bool {
	if e.Depth != next.Depth || e.Present != next.Present || e.Zero != next.Zero || e.Data != next.Data || e.compressed != next.compressed || e.File != next.File {
		return false
	}
	if (e.Offset < 0) != (next.Offset < 0) {
		return false
	}
	return e.Offset < 0 || e.Offset+e.Length == next.Offset
}

func (c *call) mapJSON(e extent, first bool) {
	if first {
		c.Printf("[")
	} else {
		c.Printf(",\n")
	}
	c.Printf(`{ "start": %d, "length": %d, "depth": %d, "present": %t, "zero": %t, "data": %t`, e.Start, e.Length, e.Depth, e.Present, e.Zero, e.Data)
	if e.Offset >= 0 {
		c.Printf(`, "offset": %d`, e.Offset)
	}
	c.Printf("}")
}
