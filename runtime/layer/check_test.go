package layer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

// disk is a host of a few files, which says what was asked of it.
type disk struct {
	t     *testing.T
	files map[string]effect.FileInfo
	data  map[string]string
	asked []string
}

func newDisk(t *testing.T) *disk {
	d := &disk{t: t, files: map[string]effect.FileInfo{}, data: map[string]string{}}
	for _, dir := range []string{"/", "/etc", "/usr", "/usr/ports", "/usr/ports/www", "/home"} {
		d.files[dir] = effect.FileInfo{Name: path.Base(dir), Path: dir, Type: "directory", Mode: 0o755, Owner: "root", Group: "wheel"}
	}
	for file, content := range map[string]string{"/etc/rc.conf": "a=1\n", "/etc/motd": "hi\n", "/usr/ports/www/Makefile": "m\n"} {
		d.data[file] = content
		d.files[file] = effect.FileInfo{Name: path.Base(file), Path: file, Type: "file", Size: int64(len(content)), Mode: 0o644, Owner: "root", Group: "wheel", Links: 1}
	}
	return d
}

func (d *disk) Do(_ context.Context, e effect.Effect) (effect.Result, error) {
	if e.Kind == effect.Change {
		d.t.Errorf("a change reached the host: %s", Describe(e))
	}
	d.asked = append(d.asked, Describe(e))
	if e.Batch != nil {
		return effect.Result{Batch: make([]effect.Outcome, len(e.Batch))}, nil
	}
	if rest, ok := strings.CutPrefix(e.Shell, "f="); ok {
		name, _, _ := strings.Cut(rest, ";")
		return d.resolve(name), nil
	}
	if e.File == nil {
		return effect.Result{Stdout: effect.OutputOf([]byte("old world\n"))}, nil
	}
	f := *e.File
	f.Path = strings.TrimSuffix(strings.Replace(f.Path+"/", "/home/h/", "/usr/ports/", 1), "/")
	e.File = &f
	if !path.IsAbs(f.Path) {
		d.t.Errorf("the host was asked for %q", f.Path)
	}
	info, there := d.files[f.Path]
	switch e.File.Verb {
	case effect.FileStat, effect.FileLstat:
		if !there {
			return effect.Result{}, nil
		}
		return effect.Result{Info: &info}, nil
	case effect.FileGet:
		if !there {
			return effect.Result{}, effect.Errorf(effect.Missing, e.Op, "%s is not there", e.File.Path)
		}
		return effect.Result{Data: []byte(d.data[e.File.Path])}, nil
	case effect.FileList:
		var r effect.Result
		for p, info := range d.files {
			if path.Dir(p) == e.File.Path && p != "/" {
				r.List = append(r.List, info)
			}
		}
		sort.Slice(r.List, func(i, j int) bool { return r.List[i].Name < r.List[j].Name })
		return r, nil
	}
	return effect.Result{}, fmt.Errorf("the disk cannot %s", e.File.Verb)
}

// resolve answers for the script that resolves links: /home/h is a link to
// /usr/ports, /etc/link to /etc/motd.
func (d *disk) resolve(p string) effect.Result {
	folder := path.Join(strings.Replace(path.Dir(p)+"/", "/home/h/", "/usr/ports/", 1), path.Base(p))
	whole := strings.Replace(folder+"/", "/home/h/", "/usr/ports/", 1)
	whole = strings.TrimSuffix(whole, "/")
	if whole == "/etc/link" {
		whole = "/etc/motd"
	}
	return effect.Result{Stdout: effect.OutputOf([]byte(folder + "\n" + whole + "\n"))}
}

// Words of the small language of these tests: a change, or a question.
func perm(m fs.FileMode) *fs.FileMode { return &m }

func put(p, content string) effect.Effect {
	return effect.Effect{Op: "put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: p, Data: []byte(content)}}
}

func file(verb effect.FileVerb, p string) effect.Effect {
	return effect.Effect{Op: string(verb), Kind: effect.Change, File: &effect.FileOp{Verb: verb, Path: p}}
}

func rename(from, to string) effect.Effect {
	e := file(effect.FileRename, from)
	e.File.To = to
	return e
}

func symlink(p, target string) effect.Effect {
	e := file(effect.FileLink, p)
	e.File.To, e.File.Symbolic = target, true
	return e
}

func mkdirs(p string) effect.Effect {
	e := file(effect.FileMkdir, p)
	e.File.Parents = true
	return e
}

func chmod(p string, m fs.FileMode) effect.Effect {
	e := file(effect.FileChmod, p)
	e.File.Mode = perm(m)
	return e
}

func removeAll(p string) effect.Effect {
	e := file(effect.FileRemove, p)
	e.File.Recursive = true
	return e
}

func command(writes ...effect.Resource) effect.Effect {
	return effect.Effect{Op: "run", Kind: effect.Change, Argv: []string{"true"}, Writes: writes}
}

// told is what a Read says, in a line.
func told(h effect.Doer, question string) string {
	verb, p, _ := strings.Cut(question, " ")
	e := effect.Effect{Op: "test", Kind: effect.Read}
	switch verb {
	case "read": // a command that declares what it reads
		e.Argv, e.Reads = []string{"cat"}, []effect.Resource{effect.Resource(p)}
	case "run": // one that does not
		e.Argv = []string{"cat"}
	default:
		e.File = &effect.FileOp{Verb: effect.FileVerb(verb), Path: p}
	}
	r, err := h.Do(context.Background(), e)
	switch {
	case errors.Is(err, effect.ErrUnknown):
		return "unknown"
	case effect.KindOf(err) == effect.Missing:
		return "missing"
	case err != nil:
		return err.Error()
	}
	switch verb {
	case "stat", "lstat":
		if r.Info == nil {
			return "none"
		}
		line := fmt.Sprintf("%s %s %04o %d %s:%s", r.Info.Path, r.Info.Type, uint32(r.Info.Mode), r.Info.Size, r.Info.Owner, r.Info.Group)
		if r.Info.Target != "" {
			line += " -> " + r.Info.Target
		}
		return line
	case "list":
		var names []string
		for _, info := range r.List {
			names = append(names, info.Name+":"+info.Type)
		}
		return strings.Join(names, " ")
	case "read", "run":
		text, _ := r.Line()
		return text
	}
	return string(r.Data)
}

func TestCheckAnswersFromWhatWouldBe(t *testing.T) {
	type asks map[string]string
	for name, c := range map[string]struct {
		changes []effect.Effect
		asks    asks
	}{
		"nothing pending": {nil, asks{
			"get /etc/rc.conf": "a=1\n", "stat /etc/x": "none", "get /etc/x": "missing", "run": "old world", "read pkg:git": "old world",
		}},
		"a new file": {[]effect.Effect{put("/etc/x", "new\n")}, asks{
			"get /etc/x": "new\n", "stat /etc/x": "/etc/x file 0644 4 root:wheel", "hash /etc/x": "7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c",
			"list /etc": "motd:file rc.conf:file x:file", "get /etc/motd": "hi\n", "run": "unknown", "read file:/etc/x": "unknown",
			"read file:/etc/motd": "old world", "read file:/etc/": "unknown", "read pkg": "old world", "readlink /etc/x": "test: /etc/x is not a symbolic link",
		}},
		"an old file": {[]effect.Effect{put("/etc/rc.conf", "a=22\n")}, asks{
			"get /etc/rc.conf": "a=22\n", "stat /etc/rc.conf": "/etc/rc.conf file 0644 5 root:wheel", "list /etc": "motd:file rc.conf:file",
		}},
		"twice": {[]effect.Effect{put("/etc/x", "1"), chmod("/etc/x", 0o600), put("/etc/x", "22")}, asks{
			"get /etc/x": "22", "stat /etc/x": "/etc/x file 0600 2 root:wheel",
		}},
		"chmod": {[]effect.Effect{chmod("/etc/motd", 0o4700)}, asks{
			"stat /etc/motd": "/etc/motd file 4700 3 root:wheel", "get /etc/motd": "hi\n",
		}},
		"remove": {[]effect.Effect{file(effect.FileRemove, "/etc/motd")}, asks{
			"stat /etc/motd": "none", "get /etc/motd": "missing", "hash /etc/motd": "missing", "list /etc": "rc.conf:file", "readlink /etc/motd": "missing",
		}},
		"remove and put again": {[]effect.Effect{file(effect.FileRemove, "/etc/motd"), put("/etc/motd", "x")}, asks{
			"get /etc/motd": "x", "stat /etc/motd": "/etc/motd file 0644 1 root:wheel",
		}},
		"remove a tree": {[]effect.Effect{put("/usr/ports/www/x", "x"), removeAll("/usr/ports")}, asks{
			"stat /usr/ports": "none", "get /usr/ports/www/Makefile": "missing", "get /usr/ports/www/x": "missing", "list /usr": "", "list /usr/ports": "missing",
		}},
		"mkdir with parents": {[]effect.Effect{mkdirs("/usr/local/etc/x")}, asks{
			"stat /usr/local/etc/x": "/usr/local/etc/x directory 0755 0 root:wheel", "stat /usr/local": "/usr/local directory 0755 0 root:wheel",
			"list /usr/local/etc": "x:directory", "list /usr/local/etc/x": "", "get /usr/local/etc/x/y": "missing", "stat /usr/local/lib": "none",
			"list /usr": "local:directory ports:directory", "get /usr/local": "test: /usr/local is a directory",
		}},
		"another folder in its place": {[]effect.Effect{rename("/usr/ports", "/usr/old"), file(effect.FileMkdir, "/usr/ports")}, asks{
			"get /usr/ports/www/Makefile": "missing", "list /usr/ports": "", "get /usr/old/www/Makefile": "m\n",
		}},
		"rename a file": {[]effect.Effect{rename("/etc/motd", "/etc/old")}, asks{
			"get /etc/old": "hi\n", "get /etc/motd": "missing", "stat /etc/old": "/etc/old file 0644 3 root:wheel", "list /etc": "old:file rc.conf:file",
		}},
		"rename a tree": {[]effect.Effect{put("/usr/ports/www/x", "x"), rename("/usr/ports", "/usr/old")}, asks{
			"get /usr/old/www/Makefile": "m\n", "get /usr/old/www/x": "x", "stat /usr/ports/www": "none", "list /usr/old/www": "Makefile:file x:file", "list /usr": "old:directory",
		}},
		"a link": {[]effect.Effect{symlink("/etc/link", "rc.conf"), put("/etc/rc.conf", "z\n")}, asks{
			"get /etc/link": "z\n", "readlink /etc/link": "rc.conf", "lstat /etc/link": "/etc/link link 0755 7 root:wheel -> rc.conf",
			"stat /etc/link": "/etc/link file 0644 2 root:wheel",
		}},
		"a link to a folder": {[]effect.Effect{symlink("/usr/p", "/usr/ports/www")}, asks{
			"get /usr/p/Makefile": "m\n", "list /usr/p": "Makefile:file", "stat /usr/p/none": "none",
		}},
		"through a pending link": {[]effect.Effect{mkdirs("/etc/d"), symlink("/etc/l", "d"), put("/etc/l/f", "x"), symlink("/usr/p", "/usr/ports"), put("/usr/p/www/Makefile", "new\n")}, asks{
			"get /etc/d/f": "x", "get /etc/l/f": "x", "list /etc/d": "f:file", "list /etc/l": "f:file", "stat /etc/l/f": "/etc/l/f file 0644 1 root:wheel",
			"get /usr/ports/www/Makefile": "new\n", "get /usr/p/www/Makefile": "new\n", "read file:/etc/l/f": "unknown", "lstat /etc/l": "/etc/l link 0755 1 root:wheel -> d",
		}},
		"links in a circle": {[]effect.Effect{symlink("/etc/a", "b"), symlink("/etc/b", "a")}, asks{
			"stat /etc/a": "unknown", "get /etc/a": "unknown", "readlink /etc/a": "b",
		}},
		"by another name": {[]effect.Effect{put("/home/h/www/x", "x"), put("/etc/motd", "new\n")}, asks{
			"get /usr/ports/www/x": "x", "get /home/h/www/x": "x", "stat /home/h/www/x": "/home/h/www/x file 0644 1 root:wheel",
			"list /home/h/www": "Makefile:file x:file", "read file:/home/h/www/x": "unknown", "read file:/home/h/": "unknown", "get /etc/link": "new\n",
			"read file:/home/h/www/Makefile": "old world",
		}},
		"a tree by another name": {[]effect.Effect{command(effect.Tree("/home/h/www"))}, asks{
			"get /usr/ports/www/Makefile": "unknown", "read file:/usr/ports/www/Makefile": "unknown",
		}},
		"removed by another name": {[]effect.Effect{removeAll("/home/h/www")}, asks{
			"stat /usr/ports/www": "none", "stat /home/h/www/Makefile": "unknown", "list /usr/ports": "",
		}},
		"a backup": {[]effect.Effect{{Op: "put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: "/etc/motd", Data: []byte("x"), Backup: "/etc/motd.orig"}}}, asks{
			"get /etc/motd": "x", "get /etc/motd.orig": "hi\n",
		}},
		"a command that may touch anything": {[]effect.Effect{put("/etc/x", "x"), command()}, asks{
			"get /etc/x": "unknown", "stat /etc/motd": "unknown", "list /etc": "unknown", "run": "unknown", "read pkg:git": "unknown",
		}},
		"a file put after it": {[]effect.Effect{command(), put("/etc/x", "x")}, asks{
			"get /etc/x": "x", "stat /etc/x": "unknown", "get /etc/motd": "unknown", "read pkg:git": "unknown",
		}},
		"a command that writes a tree": {[]effect.Effect{put("/usr/ports/www/x", "x"), put("/etc/x", "x"), command(effect.Tree("/usr/ports"))}, asks{
			"get /usr/ports/www/Makefile": "unknown", "get /usr/ports/www/x": "unknown", "list /usr/ports": "unknown", "get /etc/x": "x", "get /etc/motd": "hi\n",
			"read file:/usr/ports/www/Makefile": "unknown", "read file:/etc/motd": "old world", "list /etc": "motd:file rc.conf:file x:file",
		}},
		"a command that writes one file": {[]effect.Effect{command(effect.File("/etc/motd"))}, asks{
			"get /etc/motd": "unknown", "list /etc": "unknown", "get /etc/rc.conf": "a=1\n",
		}},
		"a command that touches nothing": {[]effect.Effect{{Op: "x", Kind: effect.Change, Argv: []string{"true"}, Writes: effect.Nothing}}, asks{
			"run": "old world", "get /etc/motd": "hi\n",
		}},
	} {
		d := newDisk(t)
		h := Check()(d)
		for _, e := range c.changes {
			if e.Writes == nil && len(e.Argv) > 0 {
				e.Writes = nil // everything
			}
			r, err := h.Do(context.Background(), e)
			if err != nil || !r.Skipped {
				t.Errorf("%s: %s: %+v, %v", name, Describe(e), r, err)
			}
			if _, err := r.Output(); !errors.Is(err, effect.ErrUnknown) {
				t.Errorf("%s: the output of a skipped change is %v", name, err)
			}
		}
		for question, want := range c.asks {
			if got := told(h, question); got != want {
				t.Errorf("%s: %s says %q, want %q", name, question, got, want)
			}
		}
	}
}

// TestCheckSeesEveryPartOfABatch: a batch is answered as its Reads are one by one,
// and goes to the host as one where nothing is pending.
func TestCheckSeesEveryPartOfABatch(t *testing.T) {
	d := newDisk(t)
	h := Check()(d)
	get := func(path string) effect.Effect {
		return effect.Effect{Op: "t", File: &effect.FileOp{Verb: effect.FileGet, Path: path}}
	}
	batch := effect.Effect{Op: "t", Batch: []effect.Effect{get("/etc/rc.conf"), get("/etc/motd"), {Op: "t", Argv: []string{"date"}, Reads: []effect.Resource{"pkg:x"}}}}
	if _, err := h.Do(t.Context(), batch); err != nil || len(d.asked) != 1 {
		t.Errorf("nothing is pending: %v, asked %q", err, d.asked)
	}
	for _, change := range []effect.Effect{
		{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: "/etc/rc.conf", Data: []byte("new")}, Writes: []effect.Resource{effect.File("/etc/rc.conf")}},
		{Op: "t", Kind: effect.Change, Argv: []string{"pkg"}, Writes: []effect.Resource{"pkg:x"}},
	} {
		if _, err := h.Do(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	batch.Batch = append(batch.Batch, effect.Effect{Op: "t", Kind: effect.Change, Argv: []string{"rm"}})
	r, err := h.Do(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Batch[0].Result.Data) + string(r.Batch[1].Result.Data); got != "newhi\n" {
		t.Errorf("the files hold %q", got)
	}
	if !errors.Is(r.Batch[2].Err, effect.ErrUnknown) || !r.Batch[3].Result.Skipped {
		t.Errorf("the command: %v; the change: %+v", r.Batch[2].Err, r.Batch[3])
	}
}

func TestCheckKnowsWhatChangesNothing(t *testing.T) {
	h := Check()(newDisk(t))
	for _, e := range []effect.Effect{file(effect.FileRemove, "/etc/none"), mkdirs("/usr/ports/www"), file(effect.FileMkdir, "/etc")} {
		r, err := h.Do(context.Background(), e)
		if err != nil || r.Changed() {
			t.Errorf("%s: %+v, %v", Describe(e), r, err)
		}
	}
	if got := told(h, "run"); got != "old world" {
		t.Errorf("something is pending: %s", got)
	}
}

func TestCheckConsultsAnswerOnlyWhereAllIsKnown(t *testing.T) {
	ctx := context.Background()
	install := func(name, version string) effect.Effect {
		r := effect.Resource("pkg:" + name)
		e := effect.Effect{Op: "pkg.install", Kind: effect.Change, Argv: []string{"pkg", "install", name}, Writes: []effect.Resource{r}}
		if version != "" {
			e.Leaves = map[effect.Resource]string{r: version}
		}
		return e
	}
	query := effect.Effect{Op: "pkg.info", Kind: effect.Read, Argv: []string{"pkg", "info"}, Reads: []effect.Resource{"pkg:git"},
		Answer: func(pending map[effect.Resource]string) (effect.Result, bool) {
			version, ok := pending["pkg:git"]
			return effect.Result{Stdout: effect.OutputOf([]byte("git-" + version))}, ok
		}}
	for name, c := range map[string]struct {
		changes []effect.Effect
		want    string
	}{
		"untouched":       {[]effect.Effect{install("vim", "9")}, "old world"},
		"known":           {[]effect.Effect{install("git", "2.47")}, "git-2.47"},
		"latest is known": {[]effect.Effect{install("git", "2.46"), install("git", "2.47")}, "git-2.47"},
		"not known":       {[]effect.Effect{install("git", "")}, "unknown"},
		"not any more":    {[]effect.Effect{install("git", "2.47"), install("git", "")}, "unknown"},
		"all of pkg":      {[]effect.Effect{install("git", "2.47"), {Op: "pkg.upgrade", Kind: effect.Change, Writes: []effect.Resource{"pkg"}}}, "unknown"},
		"everything":      {[]effect.Effect{install("git", "2.47"), command()}, "unknown"},
		"in a jail":       {[]effect.Effect{{Op: "pkg.install", Kind: effect.Change, In: "www", Writes: []effect.Resource{"pkg:git"}}}, "old world"},
	} {
		h := Check()(newDisk(t))
		for _, e := range c.changes {
			if _, err := h.Do(ctx, e); err != nil {
				t.Fatal(err)
			}
		}
		r, err := h.Do(ctx, query)
		got, _ := r.Line()
		if errors.Is(err, effect.ErrUnknown) {
			got = "unknown"
		}
		if got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestCheckKeepsJailsApart(t *testing.T) {
	ctx := context.Background()
	h := Check()(newDisk(t))
	inJail := put("/etc/motd", "jail")
	inJail.In = "www"
	if _, err := h.Do(ctx, inJail); err != nil {
		t.Fatal(err)
	}
	for question, want := range map[string]string{
		"get /etc/rc.conf": "a=1\n", "get /jails/www/etc/motd": "unknown", "get /etc/motd": "unknown",
	} {
		if got := told(h, question); got != want {
			t.Errorf("%s says %q, want %q", question, got, want)
		}
	}
	r, err := h.Do(ctx, effect.Effect{Op: "get", Kind: effect.Read, In: "www", File: &effect.FileOp{Verb: effect.FileGet, Path: "/etc/motd"}})
	if err != nil || string(r.Data) != "jail" {
		t.Errorf("in the jail: %q, %v", r.Data, err)
	}
}

func TestCheckReadsRangesAndLimits(t *testing.T) {
	ctx := context.Background()
	h := Check()(newDisk(t))
	if _, err := h.Do(ctx, put("/etc/x", "0123456789")); err != nil {
		t.Fatal(err)
	}
	get := effect.Effect{Op: "get", Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileGet, Path: "/etc/x", Offset: 3, Length: 4}}
	if r, err := h.Do(ctx, get); err != nil || string(r.Data) != "3456" {
		t.Errorf("%q, %v", r.Data, err)
	}
	get.File = &effect.FileOp{Verb: effect.FileGet, Path: "/etc/x", Limit: 5}
	if _, err := h.Do(ctx, get); err == nil || !strings.Contains(err.Error(), "more than 5") {
		t.Errorf("%v", err)
	}
	var out strings.Builder
	get.Out = &out
	if _, err := h.Do(ctx, get); err != nil || out.String() != "0123456789" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestCheckLetsTheConnectionAnswer(t *testing.T) {
	d := newDisk(t)
	h := Check()(d)
	if _, err := h.Do(context.Background(), command()); err != nil {
		t.Fatal(err)
	}
	_, err := h.Do(context.Background(), effect.Effect{Op: "facts", Kind: effect.Read, Conn: &effect.ConnOp{Verb: effect.ConnGreeting}})
	if err != nil || len(d.asked) != 1 {
		t.Errorf("%v, %v", d.asked, err)
	}
}

func TestFactsAreUnknownAfterASkippedReboot(t *testing.T) {
	d := Check()(newDisk(t))
	greeting := effect.Effect{Op: "host.facts", Reads: effect.Nothing, Conn: &effect.ConnOp{Verb: effect.ConnGreeting}}
	if _, err := d.Do(t.Context(), effect.Effect{Op: "t", Kind: effect.Change, Shell: ":"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Do(t.Context(), greeting); err != nil {
		t.Fatalf("after another change: %v", err)
	}
	if _, err := d.Do(t.Context(), effect.Effect{Op: "host.reboot", Kind: effect.Change, Conn: &effect.ConnOp{Verb: effect.ConnReboot}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Do(t.Context(), greeting); !errors.Is(err, effect.ErrUnknown) {
		t.Errorf("after a reboot: %v", err)
	}
}

func TestAfterAnUnknownStepNothingIsKnown(t *testing.T) {
	below := effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) {
		return effect.Result{Stdout: effect.OutputOf([]byte("the old world"))}, nil
	})
	chain := Check()(below)
	ctx := effect.WithSight(t.Context())
	read := effect.Effect{Op: "read", Kind: effect.Read, Argv: []string{"cat", "/x"}, Reads: []effect.Resource{effect.File("/x")}}
	if _, err := chain.Do(ctx, read); err != nil {
		t.Fatal(err)
	}
	effect.LoseSight(ctx)
	if r, err := chain.Do(ctx, read); !errors.Is(err, effect.ErrUnknown) {
		t.Errorf("got %v, %v", r, err)
	}
	put := effect.Effect{Op: "put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: "/x", Data: []byte("new")}}
	if _, err := chain.Do(ctx, put); err != nil {
		t.Fatal(err)
	}
	get := effect.Effect{Op: "get", Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileGet, Path: "/x"}}
	if r, err := chain.Do(ctx, get); err != nil || string(r.Data) != "new" {
		t.Errorf("what a later change leaves is known: %q, %v", r.Data, err)
	}
	effect.LoseSight(ctx)
	if _, err := chain.Do(ctx, get); !errors.Is(err, effect.ErrUnknown) {
		t.Errorf("the next unknown step may have changed it again: %v", err)
	}
}
