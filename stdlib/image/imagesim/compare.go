package imagesim

import (
	"fmt"

	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/image/qcow2"
)

func (c *call) compare() int {
	if len(c.args) != 2 {
		return c.fail("Expecting two image file names", true)
	}
	var both [2]*image
	for n, format := range []string{c.value("f", ""), c.value("F", "")} {
		i, err := c.openChain(c.args[n], format)
		if err != nil {
			c.openFailed(c.args[n], err)
			return 2
		}
		defer i.close()
		both[n] = i
	}
	a, b := both[0], both[1]
	if c.has("s") && a.content.size() != b.content.size() {
		c.say("Strict mode: Image size mismatch!")
		return 1
	}
	if c.has("s") {
		return c.Cannot("qemu-img compare -s: what is allocated")
	}
	c.progress(0, 1)
	at, err := c.differ(a, b)
	switch {
	case err != nil:
		c.fail(fmt.Sprintf("Error while reading offset %d: %s", at, vfsText(err)), false)
		return 3
	case at >= 0:
		c.say(fmt.Sprintf("Content mismatch at offset %d!", at))
		return 1
	}
	c.progress(1, 1)
	c.say("Images are identical.")
	return 0
}

func (c *call) say(text string) {
	if !c.has("q") {
		c.Printf("%s\n", text)
	}
}

// differ is the offset of the first sector that is not the same, or -1. What is
// beyond the end of the smaller one must be zeroes.
func (c *call) differ(a, b *image) (int64, error) {
	common, size := min(a.content.size(), b.content.size()), max(a.content.size(), b.content.size())
	x, y := make([]byte, portion), make([]byte, portion)
	limit := common
	for off := int64(0); off < size; {
		if off == common {
			c.say("Warning: Image size mismatch!")
			limit = size
		}
		n := min(portion-off%portion, limit-off)
		if left, err := blank(a, b, off); err != nil || left > 0 {
			if err != nil {
				return off, err
			}
			off = min(off+left, limit)
			continue
		}
		for _, side := range []struct {
			i *image
			b []byte
		}{{a, x}, {b, y}} {
			done, err := side.i.ReadAt(side.b[:n], off)
			clear(side.b[done:n])
			if err != nil && int64(done) < min(n, side.i.content.size()-off) {
				return off, err
			}
		}
		for s := int64(0); s < n; s += sector {
			if end := min(s+sector, n); string(x[s:end]) != string(y[s:end]) {
				return off + s, nil
			}
		}
		if err := c.passes(n); err != nil {
			return off, err
		}
		off += n
		c.progress(off, size)
	}
	return -1, nil
}

// blank is how much of both reads as zeroes from an offset on.
func blank(a, b *image, off int64) (int64, error) {
	left := int64(-1)
	for _, i := range []*image{a, b} {
		if off >= i.content.size() {
			continue
		}
		e, err := i.find(off)
		if err != nil || e.Present && !e.Zero {
			return 0, err
		}
		if left < 0 || e.Length < left {
			left = e.Length
		}
	}
	return max(left, 0), nil
}

func (c *call) check() int {
	name, code := c.one()
	if code != 0 {
		return code
	}
	if c.has("r") {
		return c.Cannot("qemu-img check -r")
	}
	i, err := c.openChain(name, c.value("f", ""))
	if err != nil {
		return c.openFailed(name, err)
	}
	defer i.close()
	if i.format == "raw" {
		c.fail("This image format does not support checks", false)
		return 63
	}
	if i.qcow == nil {
		return c.Cannot("qemu-img check of %s", i.format)
	}
	total := (i.qcow.Size + i.qcow.ClusterSize() - 1) / i.qcow.ClusterSize()
	var allocated, compressed, scattered int64
	last := int64(-1)
	for n := range total {
		found, err := i.qcow.Find(n * i.qcow.ClusterSize())
		if err != nil {
			return c.fail("Check failed: "+err.Error(), false)
		}
		if found.Kind != qcow2.Data && found.Kind != qcow2.Compressed {
			continue
		}
		allocated++
		if found.Kind == qcow2.Compressed {
			compressed++
			scattered++
			continue
		}
		if last >= 0 && found.Offset != last+i.qcow.ClusterSize() {
			scattered++
		}
		last = found.Offset
	}
	end := (i.info.Size + i.qcow.ClusterSize() - 1) / i.qcow.ClusterSize() * i.qcow.ClusterSize()
	if c.value("output", "human") == "json" {
		o := &object{}
		o.number("image-end-offset", end)
		if compressed > 0 {
			o.number("compressed-clusters", compressed)
		}
		o.number("total-clusters", total)
		o.number("check-errors", 0)
		if allocated > 0 {
			o.number("allocated-clusters", allocated)
		}
		o.add("filename", quoted(name))
		o.add("format", quoted(i.format))
		if scattered > 0 {
			o.number("fragmented-clusters", scattered)
		}
		c.Printf("%s\n", o)
		return 0
	}
	c.say("No errors were found on the image.")
	if allocated > 0 {
		c.say(fmt.Sprintf("%d/%d = %.2f%% allocated, %.2f%% fragmented, %.2f%% compressed clusters", allocated, total,
			100*float64(allocated)/float64(total), 100*float64(scattered)/float64(allocated), 100*float64(compressed)/float64(allocated)))
	}
	c.say(fmt.Sprintf("Image end offset: %d", end))
	return 0
}

func (c *call) measure() int {
	format := c.value("O", "raw")
	if format != "raw" && format != "qcow2" || c.has("l") || c.has("o") {
		return c.Cannot("qemu-img measure of anything but raw and qcow2 with the usual options")
	}
	var size, data int64
	if text := c.value("size", ""); text != "" {
		n, ok := parseSize(text)
		if !ok {
			return c.fail("Invalid image size specified. You can use k, M, G, T, P or E suffixes for ", false)
		}
		size = n
	} else {
		name, code := c.one()
		if code != 0 {
			return code
		}
		i, err := c.openChain(name, c.value("f", ""))
		if err != nil {
			return c.openFailed(name, err)
		}
		defer i.close()
		size = i.content.size()
		err = i.each(func(e extent) error {
			if e.Data && !e.Zero {
				const cluster = 65536
				data += (e.Start+e.Length+cluster-1)/cluster*cluster - e.Start/cluster*cluster
			}
			return nil
		})
		if err != nil {
			return c.fail(err.Error(), false)
		}
	}
	required, full := size, size
	if format == "qcow2" {
		meta := qcowMetadata(size)
		required, full = meta+data, meta+size
	}
	if c.value("output", "human") == "json" {
		o := &object{}
		if format == "qcow2" && len(c.args) > 0 {
			o.number("bitmaps", 0)
		}
		o.number("required", required)
		o.number("fully-allocated", full)
		c.Printf("%s\n", o)
		return 0
	}
	c.Printf("required size: %d\nfully allocated size: %d\n", required, full)
	if format == "qcow2" && len(c.args) > 0 {
		c.Printf("bitmaps size: 0\n")
	}
	return 0
}

// qcowMetadata is what the tables of a full image take.
func qcowMetadata(size int64) int64 {
	const cluster, perL2, perBlock = 65536, 65536 / 8, 65536 / 2
	up := func(n, unit int64) int64 { return (n + unit - 1) / unit }
	clusters := up(size, cluster)
	l2 := up(clusters, perL2)
	l1 := up(l2*8, cluster)
	if l1 == 0 {
		l1 = 1
	}
	others := 1 + l1 + l2 + clusters
	blocks, table := int64(1), int64(1)
	for {
		needs := up(others+blocks+table, perBlock)
		if needs <= blocks {
			break
		}
		blocks, table = needs, up(needs*8, cluster)
	}
	return (1 + l1 + l2 + blocks + table) * cluster
}

const guessed = `WARNING: Image format was not specified for '%s' and probing guessed raw.
         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.
         Specify the 'raw' format explicitly to remove the restrictions.
`

func (c *call) resize() int {
	// A size that shrinks looks like an option.
	if len(c.args) != 2 {
		return c.fail("Expecting image file name and size", true)
	}
	name, text := c.args[0], c.args[1]
	if text == "" {
		text = "none"
	}
	if err := c.unlocked(name, true); err != nil {
		return c.openFailed(name, err)
	}
	i, err := c.open(name, c.value("f", ""))
	if err != nil {
		return c.openFailed(name, err)
	}
	defer i.close()
	if i.format == "raw" && !c.has("f") {
		c.Errorf(guessed, name)
	}
	sign := text[:1]
	n, ok := parseSize(text[len(text)-len(trimSign(text)):])
	if !ok {
		return c.fail("Invalid image size specified. You can use k, M, G, T, P or E suffixes for ", false)
	}
	switch sign {
	case "+":
		n += i.content.size()
	case "-":
		n = i.content.size() - n
	}
	if n <= 0 {
		return c.fail("New image size must be positive", false)
	}
	if n < i.content.size() && !c.has("shrink") {
		c.fail("Use the --shrink option to perform a shrink operation.", false)
		c.Errorf("qemu-img: warning: Shrinking an image will delete all data beyond the shrunken image's end. Before performing such an operation, make sure there is no important data there.\n")
		return 1
	}
	f, err := c.FS().OpenFile(name, vfs.O_RDWR, 0)
	if err != nil {
		return c.openFailed(name, err)
	}
	defer f.Close()
	switch {
	case i.format == "raw":
		err = f.Truncate(n)
	case i.qcow != nil && n >= i.qcow.Size:
		if ok, err = i.qcow.Resize(f, n); !ok && err == nil {
			return c.Cannot("qemu-img resize of %s beyond what its tables hold", i.format)
		}
	default:
		return c.Cannot("qemu-img resize of %s to less", i.format)
	}
	if err != nil {
		return c.fail(vfsText(err), false)
	}
	c.say("Image resized.")
	return 0
}

func trimSign(text string) string {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		return text[1:]
	}
	return text
}
