package gitsim

import (
	"fmt"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"
)

// unpackLimit is the number of objects from which a fetch keeps the pack whole.
const unpackLimit = 100

// peelTag is what an annotated tag points to in the end.
func peelTag(s storer.EncodedObjectStorer, h plumbing.Hash) (plumbing.Hash, bool) {
	found := false
	for {
		t, err := object.GetTag(s, h)
		if err != nil {
			return h, found
		}
		h, found = t.Target, true
	}
}

// transfer copies history from one store to another.
type transfer struct {
	from, to storage.Storer
	depth    int // 0: all of it
	keepPack bool
	objects  []plumbing.Hash
	seen     map[plumbing.Hash]bool
	shallow  []plumbing.Hash // commits whose parents stay behind
	deepened []plumbing.Hash // commits that were shallow and aren't any more
	bytes    int64
}

// copy brings everything that the wanted objects need.
func (t *transfer) copy(wants []plumbing.Hash) error {
	if err := t.find(wants); err != nil {
		return err
	}
	return t.send()
}

// find lists the objects that aren't here yet, and where the history is cut.
func (t *transfer) find(wants []plumbing.Hash) error {
	t.seen = map[plumbing.Hash]bool{}
	type step struct {
		hash  plumbing.Hash
		depth int
	}
	var todo []step
	for _, w := range wants {
		if err := t.tags(w); err != nil {
			return err
		}
		target, _ := peelTag(t.from, w)
		todo = append(todo, step{target, 1})
	}
	had, _ := t.to.Shallow()
	farShallow, _ := t.from.Shallow()
	best := map[plumbing.Hash]int{}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		if d, ok := best[s.hash]; ok && (t.depth == 0 || d <= s.depth) {
			continue
		}
		best[s.hash] = s.depth
		c, err := object.GetCommit(t.from, s.hash)
		if err != nil {
			if err := t.other(s.hash); err != nil {
				return err
			}
			continue
		}
		wasShallow := slices.Contains(had, s.hash)
		present := t.to.HasEncodedObject(s.hash) == nil
		if present && !wasShallow && t.depth == 0 {
			continue
		}
		if !present {
			t.add(s.hash)
		}
		if err := t.tree(c.TreeHash); err != nil {
			return err
		}
		switch {
		case len(c.ParentHashes) == 0:
		case t.depth > 0 && s.depth >= t.depth, slices.Contains(farShallow, s.hash):
			if !present || wasShallow || t.depth > 0 {
				t.shallow = append(t.shallow, s.hash)
			}
			continue
		case wasShallow && t.depth == 0:
			continue // a plain fetch doesn't deepen
		}
		if wasShallow {
			t.deepened = append(t.deepened, s.hash)
		}
		for _, p := range c.ParentHashes {
			todo = append(todo, step{p, s.depth + 1})
		}
	}
	return nil
}

// tags adds the tag objects of a chain.
func (t *transfer) tags(h plumbing.Hash) error {
	for {
		tag, err := object.GetTag(t.from, h)
		if err != nil {
			return nil // not a tag: the chain ends
		}
		if t.to.HasEncodedObject(h) != nil {
			t.add(h)
		}
		h = tag.Target
	}
}

// other adds a tag's target that's no commit.
func (t *transfer) other(h plumbing.Hash) error {
	o, err := t.from.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return fmt.Errorf("remote did not send all necessary objects")
	}
	if o.Type() == plumbing.TreeObject {
		return t.tree(h)
	}
	if t.to.HasEncodedObject(h) != nil {
		t.add(h)
	}
	return nil
}

func (t *transfer) add(h plumbing.Hash) {
	if !t.seen[h] {
		t.seen[h] = true
		t.objects = append(t.objects, h)
	}
}

func (t *transfer) tree(h plumbing.Hash) error {
	if t.seen[h] || t.to.HasEncodedObject(h) == nil {
		return nil
	}
	t.add(h)
	tr, err := object.GetTree(t.from, h)
	if err != nil {
		return err
	}
	for _, e := range tr.Entries {
		switch {
		case e.Mode == filemode.Submodule:
		case e.Mode == filemode.Dir:
			if err := t.tree(e.Hash); err != nil {
				return err
			}
		case !t.seen[e.Hash] && t.to.HasEncodedObject(e.Hash) != nil:
			t.add(e.Hash)
		}
	}
	return nil
}

// send writes the objects and the new borders of a shallow history.
func (t *transfer) send() error {
	var err error
	switch {
	case len(t.objects) == 0:
	case t.keepPack || len(t.objects) >= unpackLimit:
		err = writePack(t.from, t.to, t.objects)
	default:
		err = t.loose()
	}
	if err != nil {
		return err
	}
	return t.saveShallow()
}

func (t *transfer) loose() error {
	for _, h := range t.objects {
		o, err := t.from.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			return err
		}
		t.bytes += o.Size()
		if err := copyObject(t.to, o); err != nil {
			return err
		}
	}
	return nil
}

func copyObject(to storer.EncodedObjectStorer, o plumbing.EncodedObject) error {
	r, err := o.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	fresh := to.NewEncodedObject()
	fresh.SetType(o.Type())
	fresh.SetSize(o.Size())
	w, err := fresh.Writer()
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err = to.SetEncodedObject(fresh)
	return err
}

// writePack stores objects as one pack.
func writePack(from storer.EncodedObjectStorer, to storer.Storer, objects []plumbing.Hash) error {
	pw, ok := to.(storer.PackfileWriter)
	if !ok {
		t := transfer{objects: objects}
		t.from, _ = from.(storage.Storer)
		t.to, _ = to.(storage.Storer)
		return t.loose()
	}
	w, err := pw.PackfileWriter()
	if err != nil {
		return err
	}
	if _, err := packfile.NewEncoder(w, from, false).Encode(objects, 0); err != nil {
		_ = w.Close()
		return err
	}
	return w.Close()
}

func (t *transfer) saveShallow() error {
	have, err := t.to.Shallow()
	if err != nil {
		return err
	}
	next := slices.DeleteFunc(slices.Clone(have), func(h plumbing.Hash) bool { return slices.Contains(t.deepened, h) })
	for _, h := range t.shallow {
		if !slices.Contains(next, h) {
			next = append(next, h)
		}
	}
	if slices.Equal(next, have) {
		return nil
	}
	slices.SortFunc(next, func(a, b plumbing.Hash) int { return slices.Compare(a[:], b[:]) })
	return t.to.SetShallow(next)
}
