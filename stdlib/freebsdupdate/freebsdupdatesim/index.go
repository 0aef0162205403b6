package freebsdupdatesim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"bsdrun/runtime/sim/vfs"
)

// entry is a line of an index.
type entry struct {
	component string // world/base; empty in what the tool makes of indexes
	path      string
	kind      string // f, d, L or - for what is not there
	meta      string // uid|gid|mode|flags
	value     string // hash of a file, target of a link
}

func (e entry) present() bool { return e.kind != "-" }

// line is the entry as the tool's manifests have it.
func (e entry) line() string {
	if !e.present() {
		return e.path + "|-||||||"
	}
	return e.path + "|" + e.kind + "|" + e.meta + "|" + e.value + "|"
}

// served is the entry as the server's indexes have it.
func (e entry) served() string { return strings.Replace(e.component, "/", "|", 1) + "|" + e.line() }

// what is the entry without its metadata.
func (e entry) what() string { return e.path + "|" + e.kind + "|" + e.value }

// absent is the entry of a path where nothing is.
func absent(name string) entry { return entry{path: name, kind: "-"} }

// parseEntry reads a line of a manifest.
func parseEntry(line string) (entry, bool) {
	f := strings.Split(line, "|")
	if len(f) != 8 {
		return entry{}, false
	}
	if f[1] == "-" {
		return absent(f[0]), true
	}
	return entry{path: f[0], kind: f[1], meta: strings.Join(f[2:6], "|"), value: f[6]}, true
}

func parseManifest(text string) []entry {
	var list []entry
	for line := range strings.Lines(text) {
		if e, ok := parseEntry(strings.TrimSuffix(line, "\n")); ok {
			list = append(list, e)
		}
	}
	return list
}

// lines are entries as text, in order.
func lines(list []entry, line func(entry) string) string {
	var all []string
	for _, e := range list {
		all = append(all, line(e)+"\n")
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "")
}

// order sorts entries as their lines, each once.
func order(list []entry) []entry {
	for i := range list {
		list[i].component = ""
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.line(), b.line()) })
	return slices.Compact(list)
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// inspect is the entry of what lies at a path below a root.
func inspect(view *vfs.View, root, name string) (entry, error) {
	file := path.Join("/", root, name)
	info, err := view.Lstat(file)
	if err != nil {
		return absent(name), nil //nolint:nilerr // what is not there has an entry too
	}
	e := entry{path: name, meta: fmt.Sprintf("%d|%d|%04o|%o", info.UID, info.GID, info.Mode, info.Flags)}
	switch info.Type {
	case vfs.TypeDir:
		e.kind = "d"
	case vfs.TypeLink:
		e.kind, e.value = "L", info.Target
	default:
		data, err := view.ReadFile(file)
		if err != nil {
			return e, err
		}
		e.kind, e.value = "f", hashOf(data)
	}
	return e, nil
}

// packers are used again: each takes a megabyte.
var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return w
}}

func pack(data []byte) []byte {
	var b bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func unpack(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// pathSet are the paths of entries.
func pathSet(lists ...[]entry) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, e := range list {
			set[e.path] = true
		}
	}
	return set
}

// without leaves out entries.
func without(list []entry, out func(entry) bool) []entry {
	return slices.DeleteFunc(slices.Clone(list), out)
}
