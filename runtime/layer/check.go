package layer

import (
	"context"
	"path"
	"strings"
	"sync"

	"bsdrun/runtime/effect"
)

// Check is check mode, for one host: Reads pass, Changes are skipped. It keeps
// what the skipped Changes would have left: a Read that touches that is
// answered from there where the answer is exact, and is unknown otherwise. It
// never shows the old world, and never fails because of a skipped Change.
func Check() effect.Layer {
	w := &pendingWorld{places: map[string]*overlay{}, leaves: map[scoped]string{}}
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if lost := effect.SightLost(ctx); lost > w.lost {
				w.lost = lost
				w.forget()
			}
			return w.do(ctx, next, e)
		})
	}
}

// CheckInTurns is check mode that is turned on and off: turn tells which turn of
// it is on, 0 for none. Every turn begins without pending changes.
func CheckInTurns(turn func() int64) effect.Layer {
	var mu sync.Mutex
	var last int64
	var check effect.Layer
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			now := turn()
			if now == 0 {
				return next.Do(ctx, e)
			}
			mu.Lock()
			if now != last {
				last, check = now, Check()
			}
			current := check
			mu.Unlock()
			return current(next).Do(ctx, e)
		})
	}
}

// scoped is a resource of the host (in is empty) or of one of its jails.
type scoped struct {
	in string
	effect.Resource
}

// pendingWorld is what the skipped Changes of a host would have left.
type pendingWorld struct {
	mu       sync.Mutex
	all      bool                // a Change may have touched anything
	lost     int64               // steps of the script that had ended as unknown
	rebooted bool                // a reboot was skipped
	pending  []scoped            // what was touched
	leaves   map[scoped]string   // what is known of it
	places   map[string]*overlay // files, by jail
	paths    canonical
}

func (w *pendingWorld) files(in string) *overlay {
	o := w.places[in]
	if o == nil {
		o = &overlay{nodes: map[string]*node{}, all: w.all}
		w.places[in] = o
	}
	return o
}

func (w *pendingWorld) do(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	switch {
	case e.Kind == effect.Change:
		return w.skip(ctx, next, e)
	case e.Batch != nil && w.pristine():
		return next.Do(ctx, e)
	case e.Batch != nil:
		return e.Each(ctx, effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			return w.do(ctx, next, e)
		})), nil
	default:
		return w.read(ctx, next, e)
	}
}

// pristine tells that no Change was skipped, so that the world is as it was.
func (w *pendingWorld) pristine() bool { return !w.all && !w.rebooted && len(w.pending) == 0 }

// read answers a Read from what is there and what would be.
func (w *pendingWorld) read(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	if e.Conn != nil && e.Reads == nil {
		return next.Do(ctx, e) // it asks the connection, which is as it was
	}
	if e.File != nil {
		r, err := w.readFile(ctx, next, e)
		if effect.KindOf(err) == effect.Unknown {
			return w.foretold(ctx, next, e)
		}
		return r, err
	}
	if touched, _ := w.touched(ctx, next, e); !touched {
		return next.Do(ctx, e)
	}
	return w.foretold(ctx, next, e)
}

func (w *pendingWorld) readFile(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	if w.otherFiles(e) {
		return effect.Result{}, unknown(e)
	}
	if o := w.places[e.In]; o != nil {
		return w.answer(ctx, next, e, o)
	}
	if w.all {
		return effect.Result{}, unknown(e)
	}
	return next.Do(ctx, e)
}

// foretold answers a Read from what skipped Changes said that they would leave.
func (w *pendingWorld) foretold(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	touched, known := w.touched(ctx, next, e)
	if !touched || !known || e.Answer == nil {
		return effect.Result{}, unknown(e)
	}
	leaves := map[effect.Resource]string{}
	for r, value := range w.leaves {
		if r.in == e.In {
			leaves[r.Resource] = value
		}
	}
	r, exact := e.Answer(leaves)
	if !exact {
		return effect.Result{}, unknown(e)
	}
	return r, nil
}

// answer asks the overlay about a file under its own name, and tells of it under
// the name that was asked for.
func (w *pendingWorld) answer(ctx context.Context, next effect.Doer, e effect.Effect, o *overlay) (effect.Result, error) {
	asked := e.File.Path
	f := *e.File
	var known bool
	if f.Path, known = w.own(ctx, next, e, asked, follows[f.Verb]); !known {
		return effect.Result{}, unknown(e)
	}
	e.File = &f
	r, err := o.answer(ctx, next, e)
	r.Info = named(r.Info, asked)
	for i := range r.List {
		r.List[i].Path = path.Join(asked, r.List[i].Name)
	}
	return r, err
}

// follows are the file operations that follow a symbolic link at the path
// itself.
var follows = map[effect.FileVerb]bool{
	effect.FileStat: true, effect.FileGet: true, effect.FileHash: true, effect.FileList: true, effect.FilePut: true, effect.FileChmod: true, effect.FileChown: true,
}

// own is a path without symbolic links: those that are pending, and those of the
// host. Where links of the host may have been meant to go, it is not known.
func (w *pendingWorld) own(ctx context.Context, next effect.Doer, e effect.Effect, p string, follow bool) (string, bool) {
	o := w.files(e.In)
	if p = o.real(p); !o.busy() && e.Kind == effect.Read {
		return p, true
	}
	for range maxLinks {
		p = o.real(p)
		if follow && o.isLink(p) {
			p = resolve(p, o.nodes[p].target)
			continue
		}
		if o.holds(p) {
			return p, true
		}
		names := w.paths.resolve(ctx, next, e, p)
		to := names.folder
		if follow && !o.holds(to) {
			to = names.whole
		}
		if (names.blind || follow && names.blindEnd) && o.busy() || to != p && o.moved {
			return p, false
		}
		if to == p {
			return p, true
		}
		p = to
	}
	return p, false
}

// otherFiles tells whether a file operation of a jail or of the host meets a
// pending write of another of them.
func (w *pendingWorld) otherFiles(e effect.Effect) bool {
	for _, p := range w.pending {
		if p.in != e.In && mayBeSame(p, scoped{e.In, effect.File(e.File.Path)}) {
			return true
		}
	}
	return false
}

// touched tells whether a Read meets a pending write, and whether all that it
// meets is known.
func (w *pendingWorld) touched(ctx context.Context, next effect.Doer, e effect.Effect) (touched, known bool) {
	if e.Conn != nil && e.Conn.Verb == effect.ConnGreeting {
		return w.rebooted, false // facts are those of the running boot
	}
	if e.Reads == nil {
		return w.all || len(w.pending) > 0, false
	}
	if len(e.Reads) == 0 {
		return false, true
	}
	if w.all {
		return true, false
	}
	known = true
	reads := e.Reads
	if w.files(e.In).busy() {
		reads = nil
		for _, r := range e.Reads {
			reads = append(reads, w.resolved(ctx, next, e, r))
		}
	}
	for _, p := range w.pending {
		for _, r := range reads {
			if !meets(p, scoped{e.In, r}) {
				continue
			}
			touched = true
			if _, ok := w.leaves[p]; !ok {
				known = false
			}
		}
	}
	return touched, known
}

// meets tells whether two resources may share something, across jails too.
func meets(a, b scoped) bool {
	if a.in == b.in {
		return a.Touches(b.Resource)
	}
	return mayBeSame(a, b)
}

// mayBeSame tells whether a file of a jail may be the same as one that the host
// names with the jail's root before it. Packages, services and the like of
// different jails have nothing in common.
func mayBeSame(a, b scoped) bool {
	aPath, aFile := strings.CutPrefix(string(a.Resource), "file:")
	bPath, bFile := strings.CutPrefix(string(b.Resource), "file:")
	if !aFile || !bFile {
		return string(a.Resource) == "file" || string(b.Resource) == "file"
	}
	if a.in != "" && b.in != "" {
		return false
	}
	if strings.HasSuffix(aPath, "/") || strings.HasSuffix(bPath, "/") {
		return true
	}
	if a.in == "" {
		aPath, bPath = bPath, aPath
	}
	return strings.HasSuffix(bPath, aPath) // a is the jail's
}

func unknown(e effect.Effect) error {
	return &effect.Error{Op: e.Op, Kind: effect.Unknown, Command: Describe(e), Cause: effect.ErrUnknown}
}

// skip notes what a Change would have left.
func (w *pendingWorld) skip(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	if e.File != nil && w.converged(ctx, next, e) {
		return effect.Result{Unchanged: true}, nil
	}
	skipped := effect.Result{Skipped: true}
	w.rebooted = w.rebooted || e.Conn != nil && e.Conn.Verb == effect.ConnReboot
	writes := e.Writes
	if writes == nil {
		writes = ownWrites(e)
	}
	if writes == nil {
		w.forget()
		return skipped, nil
	}
	for _, r := range writes {
		w.note(scoped{e.In, w.resolved(ctx, next, e, r)}, e.File == nil)
	}
	if e.File != nil {
		if f, known := w.resolvedOp(ctx, next, e); known {
			e.File = &f
			w.files(e.In).apply(ctx, next, e)
		} else {
			w.files(e.In).invalidate("file")
		}
	}
	for r, value := range e.Leaves {
		at := scoped{e.In, r}
		w.note(at, false)
		w.leaves[at] = value
	}
	return skipped, nil
}

// resolved is a resource by the own name of the file; all files where that is
// not known.
func (w *pendingWorld) resolved(ctx context.Context, next effect.Doer, e effect.Effect, r effect.Resource) effect.Resource {
	name, isFile := strings.CutPrefix(string(r), "file:")
	if !isFile {
		return r
	}
	tree := strings.HasSuffix(name, "/")
	name, known := w.own(ctx, next, e, name, tree)
	switch {
	case !known:
		return "file"
	case tree:
		return effect.Tree(name)
	default:
		return effect.File(name)
	}
}

// resolvedOp is a file operation under the files' own names.
func (w *pendingWorld) resolvedOp(ctx context.Context, next effect.Doer, e effect.Effect) (f effect.FileOp, known bool) {
	f = *e.File
	known = true
	for _, p := range []*string{&f.Path, &f.To, &f.Backup} {
		if p == &f.To && f.Verb == effect.FileLink && f.Symbolic || *p == "" {
			continue
		}
		var ok bool
		*p, ok = w.own(ctx, next, e, *p, p == &f.Path && follows[f.Verb])
		known = known && ok
	}
	return f, known
}

// converged tells whether a removal or a new directory finds the work done:
// those two the transport itself leaves alone.
func (w *pendingWorld) converged(ctx context.Context, next effect.Doer, e effect.Effect) bool {
	verb := effect.FileLstat
	switch e.File.Verb {
	case effect.FileRemove:
	case effect.FileMkdir:
		verb = effect.FileStat
	default:
		return false
	}
	probe := effect.Effect{
		Op: e.Op, Kind: effect.Read, In: e.In, As: e.As, File: &effect.FileOp{Verb: verb, Path: e.File.Path},
	}
	r, err := w.read(ctx, next, probe)
	if err != nil {
		return false
	}
	if e.File.Verb == effect.FileRemove {
		return r.Info == nil
	}
	return r.Info.IsDir()
}

// ownWrites is what a Change touches by its nature; nil is everything.
func ownWrites(e effect.Effect) []effect.Resource {
	switch {
	case e.Conn != nil && e.Conn.Verb != effect.ConnReboot:
		return effect.Nothing
	case e.File != nil:
		f := e.File
		writes := []effect.Resource{effect.File(f.Path)}
		switch f.Verb {
		case effect.FileRename:
			writes = append(writes, effect.Tree(f.Path), effect.File(f.To), effect.Tree(f.To))
		case effect.FileRemove, effect.FileChmod, effect.FileChown:
			if f.Recursive {
				writes = append(writes, effect.Tree(f.Path))
			}
		case effect.FilePut:
			if f.Backup != "" {
				writes = append(writes, effect.File(f.Backup))
			}
		}
		return writes
	}
	return nil
}

// note marks a resource as touched. What was known of it is not known any more;
// of files neither, when a command wrote them.
func (w *pendingWorld) note(r scoped, byCommand bool) {
	for known := range w.leaves {
		if meets(known, r) {
			delete(w.leaves, known)
		}
	}
	if byCommand && (strings.HasPrefix(string(r.Resource), "file:") || r.Resource == "file") {
		w.files(r.in).invalidate(r.Resource)
	}
	for _, have := range w.pending {
		if have == r {
			return
		}
	}
	w.pending = append(w.pending, r)
}

// forget marks everything as touched.
func (w *pendingWorld) forget() {
	w.all = true
	w.pending = nil
	w.leaves = map[scoped]string{}
	w.places = map[string]*overlay{}
}
