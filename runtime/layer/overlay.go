package layer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// overlay is what skipped Changes would have left of the files of a host or
// jail, over what is there.
type overlay struct {
	nodes   map[string]*node
	unknown []effect.Resource // written by commands
	all     bool              // anything may have been written
	moved   bool              // something was taken away, perhaps a link that others go through
}

// node is one file as a skipped Change would have left it. What it does not say
// is as the host has it at the path host.
type node struct {
	gone    bool
	dir     bool // a new directory
	content bool // data or source is the whole content
	data    []byte
	source  effect.Source
	link    bool
	target  string
	host    string // empty: there was nothing
	blurred bool   // its owner and mode are not known

	mode         *fs.FileMode
	owner, group string
	flags        string
	since        time.Time
}

// place is where a path leads: a node, a path of the host, nothing, or nobody
// knows where.
type place struct {
	node    *node
	host    string
	gone    bool
	unknown bool
}

// maxLinks bounds the symbolic links that are followed.
const maxLinks = 32

func (o *overlay) find(p string) place { return o.follow(path.Clean(p), maxLinks) }

func (o *overlay) follow(p string, links int) place {
	if n := o.nodes[p]; n != nil {
		if n.gone {
			return place{gone: true}
		}
		return place{node: n}
	}
	for _, r := range o.unknown {
		if r.Touches(effect.File(p)) {
			return place{unknown: true}
		}
	}
	for above := path.Dir(p); ; above = path.Dir(above) {
		if n := o.nodes[above]; n != nil {
			rest := strings.TrimPrefix(p[len(above):], "/")
			switch {
			case n.link && links == 0:
				return place{unknown: true}
			case n.link:
				return o.follow(path.Join(resolve(above, n.target), rest), links-1)
			case n.gone, n.dir, n.content, n.host == "":
				return place{gone: true}
			default:
				return place{host: path.Join(n.host, rest)}
			}
		}
		if above == "/" || above == "." {
			break
		}
	}
	if o.all {
		return place{unknown: true}
	}
	return place{host: p}
}

// busy tells whether anything is pending here.
func (o *overlay) busy() bool { return len(o.nodes) > 0 || len(o.unknown) > 0 }

// holds tells whether a path, or a folder above it, is pending under that very
// name.
func (o *overlay) holds(p string) bool {
	for p = path.Clean(p); ; p = path.Dir(p) {
		if o.nodes[p] != nil {
			return true
		}
		if p == "/" || p == "." {
			return false
		}
	}
}

// resolve is where a symbolic link at a path points.
func resolve(at, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(path.Dir(at), target)
}

// real is a path without the pending symbolic links among its folders.
func (o *overlay) real(p string) string {
	p = path.Clean(p)
	for range maxLinks {
		above := path.Dir(p)
		for above != "/" && above != "." && !o.isLink(above) {
			above = path.Dir(above)
		}
		if !o.isLink(above) {
			break
		}
		p = path.Join(resolve(above, o.nodes[above].target), p[len(above):])
	}
	return p
}

func (o *overlay) isLink(p string) bool { return o.nodes[p] != nil && o.nodes[p].link }

// through follows the links of skipped Changes at the path itself too.
func (o *overlay) through(p string) (place, string) {
	at := path.Clean(p)
	for range maxLinks {
		found := o.find(at)
		if found.node == nil || !found.node.link {
			return found, at
		}
		at = resolve(at, found.node.target)
	}
	return place{unknown: true}, at
}

// invalidate says that a command would have written a resource.
func (o *overlay) invalidate(r effect.Resource) {
	for p := range o.nodes {
		if r.Touches(effect.File(p)) {
			delete(o.nodes, p)
		}
	}
	o.unknown = append(o.unknown, r)
}

// apply notes what a file operation would have left.
func (o *overlay) apply(ctx context.Context, next effect.Doer, e effect.Effect) {
	f := e.File
	p := path.Clean(f.Path)
	at := o.find(p)
	switch f.Verb {
	case effect.FilePut:
		if f.Backup != "" {
			o.place(path.Clean(f.Backup), at)
		}
		if f.Source != nil && f.Source.Size() == effect.UnknownSize {
			o.invalidate(effect.File(p))
			return
		}
		n := o.attributed(ctx, at, f)
		n.content, n.data, n.source, n.dir, n.link = true, f.Data, f.Source, false, false
		o.nodes[p] = n
	case effect.FileMkdir:
		o.mkdir(ctx, next, e, p)
	case effect.FileRemove:
		o.moved = true
		o.dropBelow(p)
		o.nodes[p] = &node{gone: true}
	case effect.FileRename:
		o.rename(p, path.Clean(f.To), at)
	case effect.FileChmod, effect.FileChown:
		if f.Recursive {
			o.invalidate(effect.Tree(p))
		}
		if at.unknown || at.gone {
			o.invalidate(effect.File(p))
			return
		}
		o.nodes[p] = o.attributed(ctx, at, f)
	case effect.FileLink:
		if f.Symbolic {
			o.nodes[p] = &node{link: true, target: f.To, since: clock.Now(ctx)}
			return
		}
		o.place(p, o.find(f.To))
	}
}

// attributed is a copy of what is at a place, with the mode and owner that an
// operation sets.
func (o *overlay) attributed(ctx context.Context, at place, f *effect.FileOp) *node {
	n := &node{host: at.host, blurred: at.unknown}
	if at.node != nil {
		*n = *at.node
	}
	n.since = clock.Now(ctx)
	if f.Mode != nil {
		n.mode = f.Mode
	}
	for _, set := range []struct {
		to   *string
		from string
	}{{&n.owner, f.Owner}, {&n.group, f.Group}, {&n.flags, f.Flags}} {
		if set.from != "" {
			*set.to = set.from
		}
	}
	return n
}

// place puts what is at one place under another path.
func (o *overlay) place(p string, at place) {
	switch {
	case at.unknown:
		o.invalidate(effect.File(p))
		o.invalidate(effect.Tree(p))
	case at.gone:
		o.nodes[p] = &node{gone: true}
	case at.node != nil:
		n := *at.node
		o.nodes[p] = &n
	default:
		o.nodes[p] = &node{host: at.host}
	}
}

func (o *overlay) mkdir(ctx context.Context, next effect.Doer, e effect.Effect, p string) {
	n := o.attributed(ctx, place{gone: true}, e.File)
	n.dir = true
	o.nodes[p] = n
	for above := path.Dir(p); e.File.Parents && above != "/" && above != "."; above = path.Dir(above) {
		info, err := o.info(ctx, next, e, above, true)
		if err != nil || info != nil {
			return
		}
		o.nodes[above] = &node{dir: true, since: clock.Now(ctx)}
	}
}

func (o *overlay) dropBelow(p string) {
	for have := range o.nodes {
		if strings.HasPrefix(have, p+"/") {
			delete(o.nodes, have)
		}
	}
}

func (o *overlay) rename(from, to string, at place) {
	if from == to {
		return
	}
	o.moved = true
	moved := map[string]*node{}
	for have, n := range o.nodes {
		if strings.HasPrefix(have, from+"/") {
			moved[to+have[len(from):]] = n
		}
	}
	o.dropBelow(from)
	o.dropBelow(to)
	o.place(to, at)
	for p, n := range moved {
		o.nodes[p] = n
	}
	o.nodes[from] = &node{gone: true}
}

// answer is the result of a file Read in the world that would be.
func (o *overlay) answer(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	switch e.File.Verb {
	case effect.FileStat, effect.FileLstat:
		info, err := o.info(ctx, next, e, e.File.Path, e.File.Verb == effect.FileStat)
		return effect.Result{Info: info}, err
	case effect.FileList:
		return o.list(ctx, next, e)
	case effect.FileReadlink:
		return o.readlink(ctx, next, e)
	default:
		return o.content(ctx, next, e)
	}
}

// ask puts a file Read to the host.
func ask(ctx context.Context, next effect.Doer, e effect.Effect, verb effect.FileVerb, p string) (effect.Result, error) {
	f := *e.File
	if e.Kind != effect.Read { // a Read of our own, on behalf of a Change
		f = effect.FileOp{}
		e = effect.Effect{Op: e.Op, In: e.In, As: e.As}
	}
	f.Verb, f.Path = verb, p
	e.Kind, e.File = effect.Read, &f
	return next.Do(ctx, e)
}

func (o *overlay) info(ctx context.Context, next effect.Doer, e effect.Effect, p string, follow bool) (*effect.FileInfo, error) {
	verb := effect.FileLstat
	at, real := o.find(p), path.Clean(p)
	if follow {
		verb = effect.FileStat
		at, real = o.through(p)
	}
	switch {
	case at.unknown:
		return nil, unknown(e)
	case at.gone:
		return nil, nil
	case at.node == nil:
		r, err := ask(ctx, next, e, verb, at.host)
		return named(r.Info, p), err
	}
	n := at.node
	var base *effect.FileInfo
	if n.host != "" {
		r, err := ask(ctx, next, e, verb, n.host)
		if err != nil {
			return nil, err
		}
		base = r.Info
	}
	if n.blurred {
		return nil, unknown(e)
	}
	if base == nil && !n.content && !n.dir && !n.link {
		return nil, nil
	}
	info, err := o.fresh(ctx, next, e, n, base, real)
	return named(info, p), err
}

// named is a copy of info under another path.
func named(info *effect.FileInfo, p string) *effect.FileInfo {
	if info == nil {
		return nil
	}
	c := *info
	c.Path, c.Name = p, path.Base(p)
	return &c
}

// fresh describes a node over what the host has in its place.
func (o *overlay) fresh(ctx context.Context, next effect.Doer, e effect.Effect, n *node, base *effect.FileInfo, real string) (*effect.FileInfo, error) {
	info := effect.FileInfo{Links: 1}
	if base != nil {
		info = *base
	} else if err := o.born(ctx, next, e, &info, real); err != nil {
		return nil, err
	}
	switch {
	case n.content:
		info.Type, info.Size, info.MTime, info.Target = "file", n.size(), n.since, ""
		if base == nil {
			info.Mode = 0o644
		}
	case n.dir:
		info.Type, info.MTime, info.Mode = "directory", n.since, 0o755
	case n.link:
		info.Type, info.Target, info.Size, info.MTime, info.Mode = "link", n.target, int64(len(n.target)), n.since, 0o755
	}
	if n.mode != nil {
		info.Mode = *n.mode
	}
	if n.owner != "" {
		info.Owner, info.UID = n.owner, idOf(n.owner)
	}
	if n.group != "" {
		info.Group, info.GID = n.group, idOf(n.group)
	}
	if n.flags != "" {
		info.Flags = n.flags
	}
	return &info, nil
}

// born fills in who owns a new file: its group is that of its folder, as BSD
// has it; its owner is root where nobody else may write into the folder.
func (o *overlay) born(ctx context.Context, next effect.Doer, e effect.Effect, info *effect.FileInfo, p string) error {
	info.UID, info.GID = -1, -1
	above, err := o.info(ctx, next, e, path.Dir(p), true)
	if errors.Is(err, effect.ErrUnknown) || above == nil {
		return nil
	}
	if err != nil {
		return err
	}
	info.Group, info.GID = above.Group, above.GID
	if above.UID == 0 && above.Mode&0o022 == 0 {
		info.Owner, info.UID = above.Owner, 0
	}
	return nil
}

// idOf is a numeric id, root's, or -1 where only the host knows.
func idOf(name string) int {
	switch name {
	case "root", "wheel":
		return 0
	}
	if id, err := strconv.Atoi(name); err == nil {
		return id
	}
	return -1
}

func (n *node) size() int64 {
	if n.source != nil {
		return n.source.Size()
	}
	return int64(len(n.data))
}

// content answers get and hash.
func (o *overlay) content(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	at, _ := o.through(e.File.Path)
	n := at.node
	switch {
	case at.unknown:
		return effect.Result{}, unknown(e)
	case at.gone || n != nil && !n.content && !n.dir && n.host == "":
		return effect.Result{}, missing(e)
	case n == nil:
		return ask(ctx, next, e, e.File.Verb, at.host)
	case n.dir:
		return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "%s is a directory", e.File.Path)
	case !n.content:
		return ask(ctx, next, e, e.File.Verb, n.host)
	case e.File.Verb == effect.FileHash:
		return n.hash()
	}
	return n.get(e)
}

func missing(e effect.Effect) error {
	return effect.Errorf(effect.Missing, e.Op, "%s: no such file or directory", e.File.Path)
}

func (n *node) hash() (effect.Result, error) {
	if n.source != nil {
		sum, err := n.source.SHA256()
		return effect.Result{Data: []byte(sum)}, err
	}
	sum := sha256.Sum256(n.data)
	return effect.Result{Data: []byte(hex.EncodeToString(sum[:]))}, nil
}

func (n *node) open() (io.ReadCloser, error) {
	if n.source != nil {
		return n.source.Open()
	}
	return io.NopCloser(strings.NewReader(string(n.data))), nil
}

// get reads the range that is asked for.
func (n *node) get(e effect.Effect) (effect.Result, error) {
	f := e.File
	limit := f.Limit
	if limit == 0 {
		limit = effect.MaxText
	}
	r, err := n.open()
	if err != nil {
		return effect.Result{}, err
	}
	defer func() { _ = r.Close() }()
	if _, err := io.CopyN(io.Discard, r, f.Offset); err != nil && !errors.Is(err, io.EOF) {
		return effect.Result{}, err
	}
	want := max(0, n.size()-f.Offset)
	if f.Length > 0 {
		want = min(want, f.Length)
	}
	if e.Out != nil && want > limit {
		_, err := io.CopyN(e.Out, r, want)
		return effect.Result{}, err
	}
	if want > limit {
		return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "%s has %d bytes, more than %d", f.Path, want, limit)
	}
	data, err := io.ReadAll(io.LimitReader(r, want))
	return effect.Result{Data: data}, err
}

func (o *overlay) readlink(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	at := o.find(e.File.Path)
	n := at.node
	switch {
	case at.unknown:
		return effect.Result{}, unknown(e)
	case at.gone:
		return effect.Result{}, missing(e)
	case n == nil:
		return ask(ctx, next, e, effect.FileReadlink, at.host)
	case n.link:
		return effect.Result{Data: []byte(n.target)}, nil
	case n.content || n.dir || n.host == "":
		return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "%s is not a symbolic link", e.File.Path)
	}
	return ask(ctx, next, e, effect.FileReadlink, n.host)
}

// list merges what the host has in a folder with what would be there.
func (o *overlay) list(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	at, p := o.through(e.File.Path)
	if at.unknown || o.unknownBelow(p) {
		return effect.Result{}, unknown(e)
	}
	if at.gone {
		return effect.Result{}, missing(e)
	}
	entries := map[string]effect.FileInfo{}
	from := at.host
	if n := at.node; n != nil {
		from = n.host
		if n.content || n.link {
			return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "%s is not a directory", e.File.Path)
		}
		if n.dir {
			from = ""
		}
	}
	if from != "" {
		r, err := ask(ctx, next, e, effect.FileList, from)
		if err != nil {
			return r, err
		}
		for _, info := range r.List {
			info.Path = path.Join(e.File.Path, info.Name)
			entries[info.Name] = info
		}
	}
	for child := range o.nodes {
		if path.Dir(child) != p || child == p {
			continue
		}
		info, err := o.info(ctx, next, e, child, false)
		if err != nil {
			return effect.Result{}, err
		}
		delete(entries, path.Base(child))
		if info != nil {
			entries[info.Name] = *named(info, path.Join(e.File.Path, info.Name))
		}
	}
	r := effect.Result{List: make([]effect.FileInfo, 0, len(entries))}
	for _, info := range entries {
		r.List = append(r.List, info)
	}
	sort.Slice(r.List, func(i, j int) bool { return r.List[i].Name < r.List[j].Name })
	return r, nil
}

// unknownBelow tells whether a command would have written something into a
// folder.
func (o *overlay) unknownBelow(p string) bool {
	for _, r := range o.unknown {
		if r.Touches(effect.Tree(p)) {
			return true
		}
	}
	return false
}
