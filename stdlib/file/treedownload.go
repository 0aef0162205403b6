package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// TreeDownloadArgs are the arguments of DownloadTree.
type TreeDownloadArgs struct {
	Path    string        `lua:"path,required" doc:"absolute path of a directory on the host"`
	To      binding.Local `lua:"to,required" doc:"the local folder, as local_file gives it with write=true; it is made where it is missing"`
	Exclude []string      `lua:"exclude" doc:"shell patterns for names that are left alone on both sides, with all below them"`
}

// TreeDownloaded is what DownloadTree fetched.
type TreeDownloaded struct {
	Changed  bool     `lua:"changed" doc:"the local folder is different now"`
	Received []string `lua:"received" doc:"what came; paths below the folder"`
}

// DownloadTree makes a local folder what a tree of the host is. What the folder has
// beside that stays.
func DownloadTree(ctx context.Context, h effect.Doer, a TreeDownloadArgs) (TreeDownloaded, error) {
	const op = "file.tree.download"
	done := TreeDownloaded{Received: []string{}}
	if err := checkPath(op, a.Path); err != nil {
		return done, err
	}
	if err := checkPatterns(op, a.Exclude); err != nil {
		return done, err
	}
	if a.To.Fill == nil {
		return done, effect.Errorf(effect.Denied, op, "%s may not be written", a.To.Path)
	}
	from := &hostSource{hostTree: &hostTree{op: op, h: h, path: path.Clean(a.Path), exclude: a.Exclude}}
	want, err := from.look(ctx)
	if err != nil {
		return done, err
	}
	to, err := a.To.Fill()
	if err != nil {
		return done, effect.Errorf(effect.Failed, op, "%v", err)
	}
	defer to.Close()
	d := downloading{op: op, from: from, to: to, local: &localTree{op: op, tree: to, exclude: a.Exclude, modes: true}, want: want}
	if done.Received, err = d.differing(ctx); err != nil {
		return done, err
	}
	err = d.fetchAll(ctx, done.Received)
	done.Changed = err == nil && len(done.Received) > 0
	return done, err
}

// downloading is one tree under way to here.
type downloading struct {
	op    string
	from  *hostSource
	to    binding.Filling
	local *localTree
	want  entries
	came  map[string]bool
}

// differing is what is not here as it is there. Owners do not count here, nor do
// set-uid bits, and whoever fetches may write what came.
func (d *downloading) differing(ctx context.Context) ([]string, error) {
	have, err := d.local.look(ctx)
	if err != nil {
		return nil, err
	}
	var names, alike []string
	for name, e := range d.want {
		e.owner, e.group = "", ""
		switch e.kind {
		case "directory":
			e.mode = e.mode&0o777 | 0o700
		case "file":
			e.mode = e.mode&0o777 | 0o600
		}
		d.want[name] = e
		here, there := have[name]
		if there && here.kind != e.kind {
			return nil, effect.Errorf(effect.Failed, d.op, "%s is a %s on the host, but a %s here: move it away first", name, e.kind, here.kind)
		}
		names = append(names, name)
		if there && e.kind == "file" && e.size == here.size {
			alike = append(alike, name)
		}
	}
	slices.Sort(names)
	slices.Sort(alike)
	if err := d.local.hash(ctx, have, alike); err != nil {
		return nil, err
	}
	if err := d.from.hash(ctx, d.want, alike); err != nil {
		return nil, err
	}
	list := []string{}
	for _, name := range names {
		here, there := have[name]
		if e := d.want[name]; !there || name != "." && d.sameHere(e, here) != here {
			list = append(list, name)
		}
	}
	return list, nil
}

// sameHere forgets the sum of a file of another size, which nobody has compared.
func (d *downloading) sameHere(e, here entry) entry {
	if e.size != here.size {
		e.sum = ""
	}
	return e
}

// fetchAll fetches until all is here. What changes meanwhile, or is cut off by a
// lost connection, comes again.
func (d *downloading) fetchAll(ctx context.Context, names []string) error {
	all := names
	d.came = map[string]bool{}
	for round := 1; len(names) > 0; round++ {
		d.from.packing(d.want, names, nil)
		told := progress{ctx: ctx, op: d.op, files: len(names), bytes: d.want.size(names)}
		torn, err := d.from.stream(ctx, names, func(i item) error {
			defer told.add(i.size)
			return d.keep(i)
		})
		cut := effect.KindOf(err) == effect.Unreachable
		switch {
		case err != nil && (!cut || round == rounds):
			return err
		case cut:
			names = slices.DeleteFunc(names, func(name string) bool { return d.came[name] })
			continue
		case len(torn) > 0 && round == rounds:
			return effect.WithHint(effect.Errorf(effect.Failed, d.op, "these change while they are sent: %s", few(torn)), "stop what writes them, or send a snapshot")
		}
		names = torn
	}
	return d.settle(all)
}

// settle gives directories their modes, once nothing more comes into them.
func (d *downloading) settle(names []string) error {
	for _, name := range slices.Backward(names) {
		if e := d.want[name]; e.kind == "directory" && name != "." && d.came[name] {
			if err := d.to.Chmod(name, e.mode); err != nil {
				return d.failed(err)
			}
		}
	}
	return nil
}

func (d *downloading) failed(err error) error {
	return effect.Errorf(effect.Failed, d.op, "the local folder: %v", err)
}

// keep puts what came in its place. A file gets its name when it is whole.
func (d *downloading) keep(i item) error {
	e := d.want[i.name]
	beside := path.Join(path.Dir(i.name), "."+path.Base(i.name)+".bsdrun")
	var err error
	switch {
	case e.kind == "directory":
		err = d.to.MkdirAll(i.name, 0o700)
	case e.kind == "link":
		_ = d.to.Remove(beside) // of a former run
		err = errors.Join(d.to.Symlink(e.target, beside), d.to.Rename(beside, i.name))
	case i.same != "":
		_ = d.to.Remove(beside)
		err = errors.Join(d.to.Link(i.same, beside), d.to.Rename(beside, i.name))
	default:
		return d.keepFile(i, beside, e.mode)
	}
	if err != nil {
		return d.failed(err)
	}
	d.came[i.name] = true
	return nil
}

func (d *downloading) keepFile(i item, beside string, mode fs.FileMode) error {
	out, err := d.to.Create(beside)
	if err != nil {
		return d.failed(err)
	}
	_, err = io.Copy(out, i.content)
	closing := out.Close()
	if err != nil {
		_ = d.to.Remove(beside)
		return cutOff(d.op, err)
	}
	for _, step := range []func() error{
		func() error { return closing },
		func() error { return d.to.Chmod(beside, mode) },
		func() error { return d.to.Chtimes(beside, i.modified, i.modified) },
		func() error { return d.to.Rename(beside, i.name) },
	} {
		if err := step(); err != nil {
			_ = d.to.Remove(beside)
			return d.failed(err)
		}
	}
	d.came[i.name] = true
	return nil
}
