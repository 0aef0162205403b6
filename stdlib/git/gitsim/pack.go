package gitsim

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/memory"
)

// indexPack is git-index-pack(1) reading standard input.
func (g *git) indexPack(args []string) error {
	o, err := g.parse("index-pack", args, "stdin fix-thin keep? strict? v o= check-self-contained-and-connected progress-title= threads= fsck-objects?")
	if err != nil {
		return err
	}
	if !o.has("stdin") {
		return g.cannot("index-pack of a file")
	}
	if err := g.open(); err != nil {
		return err
	}
	data, err := io.ReadAll(g.p.Stdin)
	if err != nil {
		return err
	}
	sum, count, err := checkPack(data)
	if err != nil {
		return err
	}
	if count > 0 {
		if err := g.keepPack(data, o.has("fix-thin")); err != nil {
			return err
		}
	}
	if o.has("keep") {
		name := path.Join(g.r.commonDir, "objects/pack/pack-"+sum+".keep")
		if err := g.fs.WriteFile(name, []byte(o.get("keep")+"\n"), 0o600); err != nil {
			return err
		}
		g.printf("keep\t%s\n", sum)
		return nil
	}
	g.printf("pack\t%s\n", sum)
	return nil
}

// checkPack looks at head and checksum of a pack.
func checkPack(data []byte) (sum string, count uint32, err error) {
	if len(data) < 32 {
		return "", 0, fatal("early EOF")
	}
	if !bytes.HasPrefix(data, []byte("PACK")) {
		return "", 0, fatal("pack signature mismatch")
	}
	count = uint32(data[8])<<24 | uint32(data[9])<<16 | uint32(data[10])<<8 | uint32(data[11])
	tail := data[len(data)-20:]
	if sha1.Sum(data[:len(data)-20]) != [20]byte(tail) {
		return "", 0, fatal("pack is corrupted (SHA1 mismatch)")
	}
	return fmt.Sprintf("%x", tail), count, nil
}

func (g *git) keepPack(data []byte, thin bool) error {
	if thin { // a thin pack leans on objects that are here: unpack it
		return g.unpack(data)
	}
	w, err := g.r.store.PackfileWriter()
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		_ = w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return fatal("pack has unresolved deltas")
	}
	return nil
}

// unpack stores every object of a pack by itself.
func (g *git) unpack(data []byte) error {
	parser, err := packfile.NewParserWithStorage(packfile.NewScanner(bytes.NewReader(data)), overlay{memory.NewStorage(), g.r.store})
	if err != nil {
		return err
	}
	if _, err := parser.Parse(); err != nil {
		return fatal("unresolved deltas left after unpacking")
	}
	return nil
}

// overlay reads from both stores and writes to the repository's.
type overlay struct {
	*memory.Storage
	repo storage.Storer
}

func (o overlay) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	return o.repo.EncodedObject(t, h)
}

func (o overlay) SetEncodedObject(e plumbing.EncodedObject) (plumbing.Hash, error) {
	if o.repo.HasEncodedObject(e.Hash()) == nil {
		return e.Hash(), nil
	}
	return e.Hash(), copyObject(o.repo, e)
}

func (o overlay) HasEncodedObject(h plumbing.Hash) error { return o.repo.HasEncodedObject(h) }

// unpackObjects is git-unpack-objects(1).
func (g *git) unpackObjects(args []string) error {
	o, err := g.parse("unpack-objects", args, "n q r strict?")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	data, err := io.ReadAll(g.p.Stdin)
	if err != nil {
		return err
	}
	_, count, err := checkPack(data)
	if err != nil {
		return err
	}
	if !o.has("n") && count > 0 {
		if err := g.unpack(data); err != nil {
			return err
		}
	}
	return nil
}

// hashObject is git-hash-object(1).
func (g *git) hashObject(args []string) error {
	o, err := g.parse("hash-object", args, "w stdin t= path= no-filters literally")
	if err != nil {
		return err
	}
	if t := o.get("t"); t != "" && t != "blob" {
		return g.cannot("hash-object -t %s", t)
	}
	if o.has("w") {
		if err := g.open(); err != nil {
			return err
		}
	}
	one := func(data []byte) error {
		if o.has("w") {
			if _, err := storeBlob(g.r.store, data); err != nil {
				return err
			}
		}
		g.println(blobHash(data).String())
		return nil
	}
	if o.has("stdin") {
		data, err := io.ReadAll(g.p.Stdin)
		if err != nil {
			return err
		}
		if err := one(data); err != nil {
			return err
		}
	}
	for _, name := range append(o.args, o.paths...) {
		data, err := g.fs.ReadFile(g.abs(name))
		if err != nil {
			return fatal("could not open '%s' for reading: %s", name, errnoText(err))
		}
		if err := one(data); err != nil {
			return err
		}
	}
	return nil
}

// packObjects is git-pack-objects(1) to standard output.
func (g *git) packObjects(args []string) error {
	o, err := g.parse("pack-objects", args, "stdout revs all q thin delta-base-offset progress all-progress include-tag threads=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if !o.has("stdout") {
		return g.cannot("pack-objects to a file")
	}
	var wants, haves, plain []plumbing.Hash
	not := false
	lines := bufio.NewScanner(g.p.Stdin)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "--not" {
			not = !not
			continue
		}
		if line == "" {
			continue
		}
		if !o.has("revs") {
			h, ok := hexHash(strings.Fields(line)[0])
			if !ok {
				return fatal("expected object ID, got garbage:\n %s", line)
			}
			plain = append(plain, h)
			continue
		}
		rev, negative := strings.CutPrefix(line, "^")
		h, err := g.resolve(rev)
		if err != nil {
			return fatal("bad revision '%s'", line)
		}
		if negative != not {
			haves = append(haves, h)
		} else {
			wants = append(wants, h)
		}
	}
	if o.has("all") {
		for _, ref := range g.r.refs("refs/") {
			wants = append(wants, g.r.refHash(ref.Name()))
		}
	}
	if len(plain) == 0 {
		if plain, err = g.objectsBetween(wants, haves); err != nil {
			return err
		}
	}
	_, err = packfile.NewEncoder(g.p.Stdout, g.r.store, false).Encode(plain, 0)
	return err
}

// objectsBetween lists what wants need and haves don't have.
func (g *git) objectsBetween(wants, haves []plumbing.Hash) ([]plumbing.Hash, error) {
	known := memory.NewStorage()
	pre := transfer{from: g.r.store, to: known}
	if err := pre.copy(haves); err != nil {
		return nil, err
	}
	t := transfer{from: g.r.store, to: known}
	if err := t.copy(wants); err != nil {
		return nil, err
	}
	return t.objects, nil
}
