package imagesim

import (
	"bytes"
	"fmt"
	"strings"

	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/image/qcow2"
)

// target is an image that is written.
type target interface {
	write(b []byte, off int64) error
	close() error
}

type rawTarget struct{ file *vfs.File }

func (r rawTarget) write(b []byte, off int64) error {
	_, err := r.file.WriteAt(b, off)
	return err
}

func (r rawTarget) close() error { return nil }

// qcowTarget gets whole clusters, each once.
type qcowTarget struct {
	w        *qcow2.Writer
	cluster  int64
	compress bool
}

func (q qcowTarget) write(b []byte, off int64) error {
	for len(b) > 0 {
		n := min(int64(len(b)), q.cluster)
		put := q.w.Write
		if q.compress {
			put = q.w.Compress
		}
		if err := put(off/q.cluster, b[:n]); err != nil {
			return err
		}
		b, off = b[n:], off+n
	}
	return nil
}

func (q qcowTarget) close() error { return q.w.Close() }

// options reads -o name=value,...
func (c *call) options() map[string]string {
	out := map[string]string{}
	for _, list := range c.values["o"] {
		for _, pair := range strings.Split(list, ",") {
			name, value, _ := strings.Cut(pair, "=")
			out[name] = value
		}
	}
	return out
}

// make creates an image of a size. The file is emptied.
func (c *call) make(name, format string, size int64, o map[string]string) (*vfs.File, target, error) {
	if err := c.unlocked(name, true); err != nil {
		return nil, nil, err
	}
	f, err := c.FS().OpenFile(name, vfs.O_RDWR|vfs.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("Could not create '%s': %s", name, vfsText(err))
	}
	if f.IsRegular() {
		err = f.Truncate(0)
	}
	var to target
	switch {
	case err != nil:
	case format == "qcow2":
		to, err = newQcow(f, size, o, c.has("c"))
	case format == "vdi":
		to = newVDI(f, size, o["static"] == "on" || o["preallocation"] == "metadata")
	default:
		to = rawTarget{f}
		if f.IsRegular() {
			err = f.Truncate(size)
		}
		if err == nil && f.IsRegular() && size > 0 { // QEMU finds out by it how to write
			err = f.Allocate(0, min(sparse, size))
		}
		if err == nil && (o["preallocation"] == "falloc" || o["preallocation"] == "full") {
			err = f.Allocate(0, size)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, to, nil
}

func newQcow(f *vfs.File, size int64, o map[string]string, compress bool) (target, error) {
	options := qcow2.Options{Size: size, Backing: o["backing_file"], BackingFormat: o["backing_fmt"], Lazy: o["lazy_refcounts"] == "on"}
	switch o["compat"] {
	case "", "1.1", "v3":
	case "0.10", "v2":
		options.Version = 2
	default:
		return nil, fmt.Errorf("Invalid parameter '%s'", o["compat"])
	}
	cluster := int64(65536)
	if text := o["cluster_size"]; text != "" {
		cluster, _ = parseSize(text)
	}
	for bits := 9; bits <= 21; bits++ {
		if cluster == 1<<bits {
			options.ClusterBits = bits
		}
	}
	if options.ClusterBits == 0 {
		return nil, fmt.Errorf("Cluster size must be a power of two between 512 and 2048k")
	}
	w, err := qcow2.Create(f, options)
	if err != nil {
		return nil, err
	}
	if p := o["preallocation"]; p != "" && p != "off" {
		zeroes := make([]byte, cluster)
		for index := range (size + cluster - 1) / cluster {
			if p == "full" {
				err = w.Write(index, zeroes)
			} else {
				w.Reserve(index)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return qcowTarget{w, cluster, compress}, nil
}

func (c *call) create() int {
	format := c.value("f", "raw")
	o := c.options()
	if b := c.value("b", ""); b != "" {
		o["backing_file"], o["backing_fmt"] = b, c.value("F", o["backing_fmt"])
	}
	if len(c.args) == 0 {
		return c.fail("Expecting image file name", true)
	}
	name := c.args[0]
	if !known(format) {
		return c.fail(fmt.Sprintf("%s: Unknown file format '%s'", name, format), false)
	}
	for option := range o {
		if !strings.Contains(" backing_file backing_fmt cluster_size compat lazy_refcounts preallocation size static ", " "+option+" ") {
			return c.Cannot("qemu-img create -o %s", option)
		}
	}
	size, ok := int64(-1), true
	if len(c.args) > 1 {
		size, ok = parseSize(c.args[1])
	} else if o["size"] != "" {
		size, ok = parseSize(o["size"])
	}
	if !ok {
		return c.fail("Invalid image size specified! You can use k, M, G, T, P or E suffixes for ", false)
	}
	if o["backing_file"] != "" {
		if format != "qcow2" {
			return c.fail(fmt.Sprintf("%s: Backing file not supported for file format '%s'", name, format), false)
		}
		backing, err := c.backing(name, o)
		if err != nil {
			c.Errorf("qemu-img: %s: %v", name, err)
			return 1
		}
		if size < 0 {
			size = backing
		}
	}
	if size < 0 {
		return c.fail(name+": Image creation needs a size parameter", false)
	}
	if !c.has("q") {
		c.Printf("Formatting '%s', fmt=%s%s\n", name, format, formatting(format, size, o))
	}
	f, to, err := c.make(name, format, (size+511)/512*512, o)
	if err != nil {
		return c.fail(name+": "+err.Error(), false)
	}
	defer f.Close()
	if err := to.close(); err != nil {
		return c.fail(name+": "+vfsText(err), false)
	}
	return 0
}

// backing looks at the backing file of an image to be made, and is its size.
func (c *call) backing(name string, o map[string]string) (int64, error) {
	at := &image{name: name, qcow: &qcow2.Image{Backing: o["backing_file"]}}
	share := c.share
	c.share = true
	defer func() { c.share = share }()
	i, err := c.openChain(at.backingPath(), o["backing_fmt"])
	if err != nil {
		return 0, fmt.Errorf("%w\nCould not open backing image.\n", err)
	}
	defer i.close()
	if o["backing_fmt"] == "" {
		return 0, fmt.Errorf("Backing file specified without backing format\nDetected format of %s.", i.format)
	}
	return i.content.size(), nil
}

// formatting lists what an image is made with, as create tells it.
func formatting(format string, size int64, o map[string]string) string {
	var b strings.Builder
	add := func(name, otherwise string) {
		value := o[name]
		if value == "" {
			value = otherwise
		}
		if value != "" {
			fmt.Fprintf(&b, " %s=%s", name, value)
		}
	}
	switch format {
	case "qcow2":
		cluster := int64(65536)
		if text := o["cluster_size"]; text != "" {
			cluster, _ = parseSize(text)
		}
		fmt.Fprintf(&b, " cluster_size=%d extended_l2=off", cluster)
		add("preallocation", "")
		fmt.Fprintf(&b, " compression_type=zlib size=%d", size)
		add("backing_file", "")
		add("backing_fmt", "")
		add("compat", "")
		add("lazy_refcounts", "off")
		b.WriteString(" refcount_bits=16")
	case "vdi":
		fmt.Fprintf(&b, " size=%d", size)
		add("static", "off")
		add("preallocation", "")
	default:
		fmt.Fprintf(&b, " size=%d", size)
		add("preallocation", "")
	}
	return b.String()
}

func (c *call) convert() int {
	for _, option := range []string{"B", "F", "n"} {
		if c.has(option) {
			return c.Cannot("qemu-img convert -%s", option)
		}
	}
	if len(c.args) < 2 {
		return c.fail("Must specify image file name", false)
	}
	if len(c.args) > 2 {
		return c.Cannot("qemu-img convert of several images")
	}
	from, to, format := c.args[0], c.args[1], c.value("O", "raw")
	i, err := c.openChain(from, c.value("f", ""))
	if err != nil {
		return c.openFailed(from, err)
	}
	defer i.close()
	if name := c.value("l", ""); name != "" {
		if err := i.at(name); err != nil {
			return c.fail("Failed to load snapshot: "+err.Error(), false)
		}
	}
	if !known(format) {
		return c.fail(fmt.Sprintf("Unknown file format '%s'", format), false)
	}
	c.progress(0, 1)
	f, made, err := c.make(to, format, i.content.size(), c.options())
	if err != nil {
		return c.fail(fmt.Sprintf("%s: error while converting %s: %v", to, format, err), false)
	}
	defer f.Close()
	if at, err := c.copy(i, made); err != nil {
		return c.fail(fmt.Sprintf("error while writing at byte %d: %s", at, vfsText(err)), false)
	}
	if err := made.close(); err != nil {
		return c.fail("error while writing: "+vfsText(err), false)
	}
	c.progress(1, 1)
	c.progress(1, 1)
	if c.has("p") {
		c.Printf("\n")
	}
	return 0
}

// at makes the image the one of a snapshot, by the words of -l.
func (i *image) at(name string) error {
	if i.qcow == nil {
		return fmt.Errorf("Can't find snapshot")
	}
	for _, key := range []string{"snapshot.name=", "snapshot.id="} {
		name = strings.TrimPrefix(name, key)
	}
	then, err := i.qcow.At(name)
	if err != nil {
		return err
	}
	i.qcow, i.content = then, qcowContent{then}
	return nil
}

// portion is what is copied at a time: a multiple of any cluster.
const portion = 2 << 20

// sparse is the size of the smallest hole that a copy has.
const sparse = 4096

// copy copies what is no zeroes.
func (c *call) copy(i *image, to target) (at int64, err error) {
	size := i.content.size()
	buf := make([]byte, portion)
	done := int64(0) // all before it is copied
	err = i.each(func(e extent) error {
		start, end := max(e.Start/portion*portion, done), e.Start+e.Length
		if e.Zero || !e.Present {
			return nil
		}
		// The rest of a portion is copied with its beginning, since clusters are
		// written but once.
		for off := start; off < end; off += portion {
			at = off
			part := buf[:min(portion, size-off)]
			if _, err := i.ReadAt(part, off); err != nil {
				return err
			}
			if err := writeSparse(to, part, off); err != nil {
				return err
			}
			if err := c.passes(int64(len(part))); err != nil {
				return err
			}
			done = off + portion
			c.progress(min(done, size), size)
		}
		return nil
	})
	return at, err
}

// writeSparse leaves out blocks of zeroes.
func writeSparse(to target, b []byte, off int64) error {
	block := int64(sparse)
	if q, ok := to.(qcowTarget); ok {
		block = q.cluster
	}
	for from := int64(0); from < int64(len(b)); {
		end := min(from+block, int64(len(b)))
		if zero(b[from:end]) {
			from = end
			continue
		}
		for end < int64(len(b)) && !zero(b[end:min(end+block, int64(len(b)))]) {
			end = min(end+block, int64(len(b)))
		}
		if err := to.write(b[from:end], off+from); err != nil {
			return err
		}
		from = end
	}
	return nil
}

func zero(b []byte) bool {
	var none [4096]byte
	for len(b) > 0 {
		n := min(len(b), len(none))
		if !bytes.Equal(b[:n], none[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}
