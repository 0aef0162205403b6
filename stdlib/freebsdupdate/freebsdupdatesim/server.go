package freebsdupdatesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// The server's key: the simulator cannot make one whose hash is the one that
// configuration files trust, so that a text stands for it.
const (
	keyText  = "-----BEGIN PUBLIC KEY-----\nthe key that signs the updates of simulated machines\n-----END PUBLIC KEY-----\n"
	keyPrint = "800651ef4b4c71c27e60786d7b487188970f4b4169cc055784e21eb71d410cc5"
	badKey   = "-----BEGIN PUBLIC KEY-----\nanother key\n-----END PUBLIC KEY-----\n"
)

// printOf is the fingerprint of a key's file.
func printOf(key []byte) string {
	if string(key) == keyText {
		return keyPrint
	}
	return hashOf(key)
}

// published is what the server has of a release.
type published struct {
	patch int
	index map[string][]entry // INDEX-ALL, INDEX-OLD, INDEX-NEW
	files map[string][]byte  // by hash
}

// catalogue holds what was published, by release, patch level and tools.
var catalogue sync.Map // string -> *published

// optionalParts are components beyond kernel and world that a release has and
// nobody has installed unless asked for, with a file of each.
var optionalParts = []struct {
	component, file string
	since           int
}{
	{"kernel/generic-dbg", "/usr/lib/debug/boot/kernel/kernel.debug", 11},
	{"src/src", "/usr/src/COPYRIGHT", 0},
	{"world/base-dbg", "/usr/lib/debug/bin/sh.debug", 11},
	{"world/doc", "/usr/share/doc/psd/title.ascii.gz", 0},
	{"world/games", "/usr/games/fortune", 0},
	{"world/lib32", "/usr/lib32/libc.so.7", 0},
	{"world/lib32-dbg", "/usr/lib/debug/usr/lib32/libc.so.7.debug", 11},
}

// oddPath is a path with a character that the tool of 8.2 does not expect.
const oddPath = "/usr/share/i18n/csmapper/ISO-8859/ISO-8859-1%UCS.mps"

// publish makes the indexes of a release up to a patch level.
func publish(m *sim.Machine, r sim.Release, patch int) (*published, error) {
	key := fmt.Sprintf("%s-p%d %d", r.Name, patch, len(m.Tools()))
	if done, ok := catalogue.Load(key); ok {
		return done.(*published), nil
	}
	pub := &published{patch: patch, index: map[string][]entry{}, files: map[string][]byte{}}
	newest, err := pub.tree(m, r, patch)
	if err != nil {
		return nil, err
	}
	latest := map[string]bool{}
	for _, e := range newest {
		latest[e.served()] = true
	}
	changed := map[string]bool{}
	var old []entry
	for level := range patch {
		list, err := pub.tree(m, r, level)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if !latest[e.served()] {
				changed[e.path] = true
				old = append(old, e)
			}
		}
	}
	pub.index["INDEX-ALL"] = newest
	pub.index["INDEX-OLD"] = old
	pub.index["INDEX-NEW"] = without(newest, func(e entry) bool { return !changed[e.path] })
	catalogue.Store(key, pub)
	return pub, nil
}

// tree lists a release at a patch level.
func (pub *published) tree(m *sim.Machine, r sim.Release, patch int) ([]entry, error) {
	name := r.Name
	if patch > 0 {
		name += "-p" + strconv.Itoa(patch)
	}
	view, err := m.Distribution(name)
	if err != nil {
		return nil, err
	}
	var list []entry
	err = view.Walk("/", func(file string, i vfs.Info, err error) error {
		if err != nil || file == "/" || i.Type == vfs.TypeChar || i.Type == vfs.TypeFIFO || file == "/boot/kernel/linker.hints" {
			return err
		}
		e, err := inspect(view, "/", file)
		if err != nil {
			return err
		}
		if e.kind == "f" {
			pub.files[e.value], _ = view.ReadFile(file)
		}
		e.component = "world/base"
		if rest, ok := strings.CutPrefix(file, "/boot/kernel"); ok {
			e.component, e.path = "kernel/generic", "/boot/GENERIC"+rest
		}
		list = append(list, e)
		return nil
	})
	for _, part := range optionalParts {
		if part.since <= r.Major() {
			list = append(list, pub.text(part.component, part.file, name))
		}
	}
	if r.Major() >= 9 {
		list = append(list, pub.text("world/base", oddPath, "conversion\n"))
		for _, dir := range []string{"/usr/share/i18n", "/usr/share/i18n/csmapper", "/usr/share/i18n/csmapper/ISO-8859"} {
			list = append(list, entry{component: "world/base", path: dir, kind: "d", meta: "0|0|0755|0"})
		}
	}
	return list, err
}

// text is the entry of a file with some content.
func (pub *published) text(component, file, content string) entry {
	hash := hashOf([]byte(content))
	pub.files[hash] = []byte(content)
	return entry{component: component, path: file, kind: "f", meta: "0|0|0444|0", value: hash}
}

// offers finds a release that the servers have.
func offers(name string) (sim.Release, bool) {
	list := sim.Releases()
	i := slices.IndexFunc(list, func(r sim.Release) bool { return r.Name == name })
	if i < 0 {
		return sim.Release{}, false
	}
	return list[i], true
}

// tagOf is what the servers sign for a release.
func tagOf(m *sim.Machine, r sim.Release) (patch int, eol time.Time) {
	patch = r.Patch
	if m.Params.Get(MirrorParam) == "older" {
		patch = max(0, patch-2)
	}
	return patch, r.EOL
}
