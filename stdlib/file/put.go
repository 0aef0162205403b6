package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
)

// maxDiff is how much of a former content is fetched to show a difference.
const maxDiff = 256 << 10

// PutArgs are the arguments of Put.
type PutArgs struct {
	Path     string          `lua:"path,required" doc:"absolute path; a symbolic link is followed"`
	Content  binding.Content `lua:"content,required" doc:"the whole content: a string, a secret or a local file"`
	Mode     string          `lua:"mode" doc:"octal mode such as \"0644\"; default: as it is, or 0644 for a new file"`
	Owner    string          `lua:"owner" doc:"user, by name or number; default: as it is"`
	Group    string          `lua:"group" doc:"group, by name or number; default: as it is"`
	Flags    string          `lua:"flags" doc:"all the file flags, as chflags(1) names them, such as \"schg,nodump\"; \"0\": none; default: as they are"`
	Backup   string          `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name, such as \".orig\""`
	Validate []string        `lua:"validate" doc:"command that must accept the new file before it replaces the old one; %s stands for its path"`
	Secret   bool            `lua:"secret" doc:"never show the content, neither in the journal nor as a difference"`
}

// flagsForm is a list of the names that chflags(1) shows.
var flagsForm = lazyregexp.New(`^(0|(arch|nodump|opaque|sappnd|schg|sunlnk|uappnd|uarch|uchg|uhidden|uunlnk|system|sparse|offline|rdonly|reparse)(,[a-z]+)*)?$`)

// Put gives a file its content. It writes beside the file and renames, so that
// nobody ever reads half of it, and sends nothing when the file is so already.
func Put(ctx context.Context, h effect.Doer, a PutArgs) (Changed, error) {
	done, err := put(ctx, h, "file.put", a, effect.Pace{})
	return Changed{done.Changed, done.Path}, err
}

// PutAs is Put under the name of another module's operation.
func PutAs(ctx context.Context, h effect.Doer, op string, a PutArgs) (Changed, error) {
	done, err := put(ctx, h, op, a, effect.Pace{})
	return Changed{done.Changed, done.Path}, err
}

func put(ctx context.Context, h effect.Doer, op string, a PutArgs, pace effect.Pace) (Uploaded, error) {
	if err := checkPath(op, a.Path); err != nil {
		return Uploaded{}, err
	}
	mode, err := ParseMode(op, a.Mode)
	if err != nil {
		return Uploaded{}, err
	}
	if !flagsForm.MatchString(a.Flags) {
		return Uploaded{}, effect.Errorf(effect.Invalid, op, "flags %q is no list such as \"schg,nodump\", nor \"0\"", a.Flags)
	}
	if a.Content.Source == nil {
		if h, err = host.Prefetch(ctx, h, op, Looks(op, a.Path)...); err != nil {
			return Uploaded{}, err
		}
	}
	target, info, err := real(ctx, h, op, a.Path)
	if err != nil {
		return Uploaded{}, err
	}
	if info != nil && info.Type != "file" {
		return Uploaded{}, effect.Errorf(effect.Failed, op, "%s is a %s, not a file", target, info.Type)
	}
	w := write{op: op, path: target, info: info, args: a, mode: mode, pace: pace}
	if err := w.compare(ctx, h); err != nil {
		return Uploaded{}, err
	}
	changed, err := w.carryOut(ctx, h)
	return Uploaded{changed, target, w.sum}, err
}

// write is one put under way.
type write struct {
	op     string
	path   string
	info   *effect.FileInfo // nil: a new file
	args   PutArgs
	mode   *fs.FileMode
	pace   effect.Pace
	same   bool   // the content is there already
	sum    string // the content's hash; empty: not known
	before []byte // former content, as far as it is shown
}

// compare reads what is there.
func (w *write) compare(ctx context.Context, h effect.Doer) error {
	if w.info == nil {
		return nil
	}
	content := w.args.Content
	size := int64(len(content.Data))
	if content.Source != nil {
		size = content.Source.Size()
	}
	if content.Source == nil && w.info.Size <= maxDiff {
		data, err := get(ctx, h, w.op, &effect.FileOp{Verb: effect.FileGet, Path: w.path})
		w.before, w.same = data, err == nil && bytes.Equal(data, content.Data)
		return err
	}
	if size != w.info.Size && size != effect.UnknownSize {
		return nil
	}
	want, err := digest(content)
	if err != nil {
		return err
	}
	have, err := Hash(ctx, h, PathArgs{w.path})
	w.same, w.sum = have == want, want
	return err
}

func digest(c binding.Content) (string, error) {
	if c.Source != nil {
		return c.Source.SHA256()
	}
	sum := sha256.Sum256(c.Data)
	return hex.EncodeToString(sum[:]), nil
}

// carryOut makes only the changes that are missing.
func (w *write) carryOut(ctx context.Context, h effect.Doer) (bool, error) {
	if w.info == nil {
		return w.send(ctx, h)
	}
	flags := w.args.Flags != "" && !sameFlags(w.args.Flags, w.info.Flags)
	if !w.same {
		if w.args.Flags != "" && immutable(w.info.Flags) {
			if err := w.chflags(ctx, h, "0"); err != nil {
				return false, err
			}
		}
		return w.send(ctx, h)
	}
	a := attributes{op: w.op, path: w.path, info: w.info, mode: w.mode, owner: w.args.Owner, group: w.args.Group}
	if flags && immutable(w.info.Flags) {
		// Nothing else may be changed before.
		if err := w.chflags(ctx, h, "0"); err != nil {
			return false, err
		}
	}
	changed, err := a.ensure(ctx, h)
	if err != nil || !flags {
		return changed, err
	}
	err = w.chflags(ctx, h, flagWords(w.args.Flags, w.info.Flags))
	return changed || err == nil, err
}

// chflags changes the file's flags alone, chflags(1).
func (w *write) chflags(ctx context.Context, h effect.Doer, words string) error {
	_, err := h.Do(ctx, effect.Effect{
		Op: w.op, Kind: effect.Change, Argv: []string{"chflags", words, w.path},
		Writes: []effect.Resource{effect.File(w.path)},
		Diff:   &effect.Diff{Path: w.path, Note: "flags " + orNone(w.info.Flags) + " -> " + orNone(w.args.Flags)},
	})
	return err
}

func orNone(flags string) string {
	if len(flagList(flags)) == 0 {
		return "none"
	}
	return flags
}

// flagList are the names in a list of flags, sorted.
func flagList(s string) []string {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
	words = slices.DeleteFunc(words, func(w string) bool { return w == "0" || w == "-" })
	slices.Sort(words)
	return words
}

// sameFlags compares lists of flags regardless of order.
func sameFlags(a, b string) bool { return slices.Equal(flagList(a), flagList(b)) }

// immutable tells whether flags forbid to replace a file, chflags(2).
func immutable(flags string) bool {
	return slices.ContainsFunc(flagList(flags), func(f string) bool {
		return slices.Contains([]string{"schg", "uchg", "sappnd", "uappnd", "sunlnk", "uunlnk"}, f)
	})
}

// flagWords are what chflags(1) must be told to go from have to wish.
func flagWords(wish, have string) string {
	words := flagList(wish)
	if len(words) == 0 {
		return "0"
	}
	for _, f := range flagList(have) {
		switch {
		case slices.Contains(words, f):
		case f == "nodump":
			words = append(words, "dump")
		default:
			words = append(words, "no"+f)
		}
	}
	return strings.Join(words, ",")
}

func (w *write) send(ctx context.Context, h effect.Doer) (bool, error) {
	c := w.args.Content
	secret := c.Secret || w.args.Secret
	e := effect.Effect{
		Op: w.op, Kind: effect.Change,
		File: &effect.FileOp{
			Verb: effect.FilePut, Path: w.path, Data: c.Data, Source: c.Source, Secret: secret,
			Mode: w.mode, Owner: w.args.Owner, Group: w.args.Group, Flags: w.args.Flags,
			Validate: w.args.Validate, Backup: backupPath(w.path, w.args.Backup), Pace: w.pace,
		},
		Writes: []effect.Resource{effect.File(w.path)},
		Diff:   w.diff(ctx, secret),
	}
	if e.File.Backup != "" {
		e.Writes = append(e.Writes, effect.File(e.File.Backup))
	}
	if c.Source != nil && c.Source.Size() == effect.UnknownSize {
		e.Leaves = map[effect.Resource]string{effect.File(w.path): effect.Made}
		e.Diff.Note = "what is made before, new file"
	}
	res, err := h.Do(ctx, e)
	if len(res.Data) > 0 {
		w.sum = string(res.Data)
	}
	if isMissing(err) {
		err = effect.WithHint(err, "make the folder before: h.file.mkdir(%q)", path.Dir(w.path))
	}
	return err == nil && res.Changed(), err
}

// diff shows the change; what only its owner may read stays hidden.
func (w *write) diff(ctx context.Context, secret bool) *effect.Diff {
	d := &effect.Diff{Path: w.path, Hidden: secret || w.private()}
	switch {
	case secret:
		d.Note = "new secret content"
	case w.args.Content.Source != nil || len(w.args.Content.Data) > maxDiff || w.info != nil && w.info.Size > maxDiff:
		d.Note = "new content, too large to show" + extent(ctx, w.args.Content.Source)
	default:
		d.Before, d.After = w.before, w.args.Content.Data
		if d.After == nil {
			d.After = []byte{}
		}
	}
	if w.info == nil {
		d.Note = strings.TrimPrefix(d.Note+", new file", ", ")
	}
	return d
}

// extent tells how much there is to send.
func extent(ctx context.Context, source effect.Source) string {
	r, ok := source.(effect.Ranges)
	if !ok || r.Size() < large {
		return ""
	}
	extents, err := r.Extents(ctx)
	if err != nil {
		return "" // sending it will tell
	}
	return fmt.Sprintf(": %d MB, %d MB of them data", r.Size()>>20, bulk.Length(extents)>>20)
}

func (w *write) private() bool {
	if w.mode != nil {
		return *w.mode&0o077 == 0
	}
	return w.info != nil && w.info.Mode&0o077 == 0
}

func backupPath(file, wish string) string {
	if wish == "" || path.IsAbs(wish) {
		return wish
	}
	return file + wish
}

// attributes are what a file or directory has beside its content.
type attributes struct {
	op, path     string
	info         *effect.FileInfo
	mode         *fs.FileMode
	owner, group string
}

// ensure changes the attributes that differ.
func (a attributes) ensure(ctx context.Context, h effect.Doer) (bool, error) {
	changed := false
	owner := differing(a.owner, a.info.Owner, a.info.UID)
	group := differing(a.group, a.info.Group, a.info.GID)
	if owner != "" || group != "" {
		note := "owner " + orNumber(a.info.Owner, a.info.UID) + ":" + orNumber(a.info.Group, a.info.GID) + " -> " + owner + ":" + group
		if err := a.do(ctx, h, &effect.FileOp{Verb: effect.FileChown, Path: a.path, Owner: owner, Group: group}, note); err != nil {
			return false, err
		}
		changed = true
	}
	// After the owner: chown(2) clears setuid and setgid.
	if a.mode == nil || !changed && a.info.Mode&0o7777 == *a.mode {
		return changed, nil
	}
	note := "mode " + FormatMode(a.info.Mode) + " -> " + FormatMode(*a.mode)
	err := a.do(ctx, h, &effect.FileOp{Verb: effect.FileChmod, Path: a.path, Mode: a.mode}, note)
	return changed || err == nil, err
}

// differing is the wished user or group where the file has another.
func differing(wish, name string, id int) string {
	if wish == name || wish == decimal(uint64(max(id, 0))) {
		return ""
	}
	return wish
}

func (a attributes) do(ctx context.Context, h effect.Doer, what *effect.FileOp, note string) error {
	_, err := h.Do(ctx, effect.Effect{
		Op: a.op, Kind: effect.Change, File: what,
		Writes: []effect.Resource{effect.File(a.path)},
		Diff:   &effect.Diff{Path: a.path, Note: note},
	})
	return err
}
