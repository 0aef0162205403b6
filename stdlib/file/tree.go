package file

import (
	"context"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// MkdirArgs are the arguments of Mkdir.
type MkdirArgs struct {
	Path    string `lua:"path,required" doc:"absolute path"`
	Parents *bool  `lua:"parents" doc:"make missing directories above it too, with mode 0755" default:"true"`
	Mode    string `lua:"mode" doc:"octal mode such as \"0755\"; default: as it is, or 0755 for a new one"`
	Owner   string `lua:"owner" doc:"user, by name or number; default: as it is"`
	Group   string `lua:"group" doc:"group, by name or number; default: as it is"`
}

// Mkdir makes a directory, and gives one that is there the attributes wished.
func Mkdir(ctx context.Context, h effect.Doer, a MkdirArgs) (Changed, error) {
	return MkdirAs(ctx, h, "file.mkdir", a)
}

// MkdirAs is Mkdir under the name of another module's operation.
func MkdirAs(ctx context.Context, h effect.Doer, op string, a MkdirArgs) (Changed, error) {
	if err := checkPath(op, a.Path); err != nil {
		return Changed{}, err
	}
	mode, err := ParseMode(op, a.Mode)
	if err != nil {
		return Changed{}, err
	}
	p := path.Clean(a.Path)
	info, err := status(ctx, h, op, p, effect.FileStat)
	if err != nil {
		return Changed{}, err
	}
	if info != nil {
		if !info.IsDir() {
			return Changed{}, effect.Errorf(effect.Failed, op, "%s is a %s, not a directory", p, info.Type)
		}
		changed, err := attributes{op: op, path: p, info: info, mode: mode, owner: a.Owner, group: a.Group}.ensure(ctx, h)
		return Changed{changed, p}, err
	}
	parents := a.Parents == nil || *a.Parents
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change,
		File:   &effect.FileOp{Verb: effect.FileMkdir, Path: p, Mode: mode, Owner: a.Owner, Group: a.Group, Parents: parents},
		Writes: withParents(p, parents),
		Diff:   &effect.Diff{Path: p, Note: "create directory"},
	})
	return Changed{err == nil && res.Changed(), p}, err
}

// withParents names a new directory and, where they are made too, those above.
func withParents(p string, parents bool) []effect.Resource {
	list := []effect.Resource{effect.File(p)}
	for parents && path.Dir(p) != "/" && path.Dir(p) != p {
		p = path.Dir(p)
		list = append(list, effect.File(p))
	}
	return list
}

// LinkArgs are the arguments of Link.
type LinkArgs struct {
	Path   string `lua:"path,required" doc:"absolute path of the link"`
	Target string `lua:"target,required" doc:"what it points to; relative targets are kept as they are"`
	Hard   bool   `lua:"hard" doc:"make a hard link instead of a symbolic one"`
	Force  bool   `lua:"force" doc:"replace a file, or a link to elsewhere, that is there"`
}

// Link makes a symbolic or hard link.
func Link(ctx context.Context, h effect.Doer, a LinkArgs) (Changed, error) {
	const op = "file.link"
	if err := checkPath(op, a.Path); err != nil {
		return Changed{}, err
	}
	if a.Target == "" || strings.IndexByte(a.Target, 0) >= 0 {
		return Changed{}, effect.Errorf(effect.Invalid, op, "the target %q is no path", a.Target)
	}
	info, err := lstat(ctx, h, op, a.Path)
	if err != nil {
		return Changed{}, err
	}
	if info != nil {
		same, err := linksTo(ctx, h, op, info, a)
		if err != nil || same {
			return Changed{false, a.Path}, err
		}
		if info.IsDir() || !a.Force {
			return Changed{}, effect.WithHint(
				effect.Errorf(effect.Failed, op, "%s is there already: %s", a.Path, describe(info)),
				"force=true replaces a file or a link, never a directory")
		}
		if _, err := remove(ctx, h, op, info, false); err != nil {
			return Changed{}, err
		}
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change,
		File:   &effect.FileOp{Verb: effect.FileLink, Path: a.Path, To: a.Target, Symbolic: !a.Hard},
		Writes: []effect.Resource{effect.File(a.Path)},
		Diff:   &effect.Diff{Path: a.Path, Note: "link to " + a.Target},
	})
	return Changed{err == nil && res.Changed(), a.Path}, err
}

// linksTo tells whether what is there is the link wished.
func linksTo(ctx context.Context, h effect.Doer, op string, info *effect.FileInfo, a LinkArgs) (bool, error) {
	if !a.Hard {
		return info.Type == "link" && info.Target == a.Target, nil
	}
	target, err := lstat(ctx, h, op, a.Target)
	if err != nil || target == nil {
		return false, err
	}
	return target.Inode != 0 && target.Inode == info.Inode && target.Links > 1, nil
}

func describe(i *effect.FileInfo) string {
	if i.Type == "link" {
		return "a link to " + i.Target
	}
	return "a " + i.Type
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Path      string `lua:"path,required" doc:"absolute path; a symbolic link goes, not what it points to"`
	Recursive bool   `lua:"recursive" doc:"remove a directory with all it holds"`
}

// Remove removes a file, a link or a directory. It refuses the directories that
// a system cannot be without, and trees in which a file system is mounted.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Changed, error) {
	const op = "file.remove"
	if err := checkPath(op, a.Path); err != nil {
		return Changed{}, err
	}
	p := path.Clean(a.Path)
	if slices.Contains(protected, p) {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%s belongs to the system and is never removed", p)
	}
	look := read(op, &effect.FileOp{Verb: effect.FileLstat, Path: p})
	look.Answer = func(pending map[effect.Resource]string) (effect.Result, bool) {
		return effect.Result{Info: &effect.FileInfo{Type: "file"}}, pending[effect.File(p)] == effect.Made
	}
	there, err := h.Do(ctx, look)
	info := there.Info
	if err != nil || info == nil {
		return Changed{false, p}, err
	}
	if info.IsDir() && a.Recursive {
		if err := refuseMounted(ctx, h, op, p); err != nil {
			return Changed{}, err
		}
	}
	info.Path = p
	changed, err := remove(ctx, h, op, info, a.Recursive && info.IsDir())
	return Changed{changed, p}, err
}

func remove(ctx context.Context, h effect.Doer, op string, info *effect.FileInfo, recursive bool) (bool, error) {
	e := effect.Effect{
		Op: op, Kind: effect.Change,
		File:   &effect.FileOp{Verb: effect.FileRemove, Path: info.Path, Recursive: recursive},
		Writes: []effect.Resource{effect.File(info.Path)},
		Diff:   &effect.Diff{Path: info.Path, Note: "remove " + info.Type},
	}
	if recursive {
		e.Writes = []effect.Resource{effect.Tree(info.Path)}
		e.Diff.Note = "remove directory and all it holds"
	}
	res, err := h.Do(ctx, e)
	return err == nil && res.Changed(), err
}

// refuseMounted stops where a mount point lies in a tree: removing it would
// empty the mounted file system.
func refuseMounted(ctx context.Context, h effect.Doer, op, tree string) error {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"mount"},
		Reads: []effect.Resource{"mount"},
	})
	if err != nil {
		return err
	}
	text, err := res.Text()
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		for _, end := range []string{" ", "/"} {
			if strings.Contains(line, " on "+tree+end) {
				return effect.WithHint(
					effect.Errorf(effect.Failed, op, "a file system is mounted in %s: %s", tree, strings.TrimSpace(line)),
					"unmount it first")
			}
		}
	}
	return nil
}

// protected directories make up a system, hier(7).
var protected = strings.Fields(`/ /bin /boot /compat /dev /etc /home /lib /lib32 /lib64 /libexec /media /mnt /net /opt
	/proc /rescue /root /run /sbin /srv /sys /tmp /usr /usr/bin /usr/home /usr/include /usr/lib /usr/lib32 /usr/libdata
	/usr/libexec /usr/local /usr/local/bin /usr/local/etc /usr/local/lib /usr/local/libexec /usr/local/sbin /usr/local/share
	/usr/sbin /usr/share /var /var/cron /var/db /var/db/pkg /var/lib /var/log /var/mail /var/run /var/spool /var/tmp
	/boot/kernel /etc/rc.d /etc/ssh`)

// CopyArgs are the arguments of Copy.
type CopyArgs struct {
	From      string `lua:"from,required" doc:"absolute path"`
	To        string `lua:"to,required" doc:"absolute path of the copy itself, not of the directory around it"`
	Recursive bool   `lua:"recursive" doc:"copy a directory with all it holds, to where nothing is yet"`
}

// Copy copies a file on the host with its mode, owner and times. A file with the
// same content is left alone.
func Copy(ctx context.Context, h effect.Doer, a CopyArgs) (Changed, error) {
	const op = "file.copy"
	if err := checkPath(op, a.From, a.To); err != nil {
		return Changed{}, err
	}
	from, to, err := ends(ctx, h, op, a.From, a.To, effect.FileStat)
	if err != nil {
		return Changed{}, err
	}
	if from == nil {
		return Changed{}, missing(op, a.From)
	}
	if from.IsDir() {
		return copyTree(ctx, h, op, a, to)
	}
	if to.IsDir() {
		return Changed{}, effect.Errorf(effect.Failed, op, "%s is a directory: name the file in it", a.To)
	}
	same, err := sameContent(ctx, h, from, to, a)
	if err != nil || same {
		return Changed{false, a.To}, err
	}
	const script = `cp -p "$1" "$3" && mv -f "$3" "$2"`
	return a.carryOut(ctx, h, op, script, effect.File(a.To), "copy of "+a.From)
}

func copyTree(ctx context.Context, h effect.Doer, op string, a CopyArgs, to *effect.FileInfo) (Changed, error) {
	if !a.Recursive {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%s is a directory: recursive=true copies it", a.From)
	}
	if to != nil {
		return Changed{}, effect.Errorf(effect.Failed, op, "%s is there already", a.To)
	}
	if strings.HasPrefix(path.Clean(a.To)+"/", path.Clean(a.From)+"/") {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%s lies in %s", a.To, a.From)
	}
	const script = `cp -Rp "$1" "$3" && mv -f "$3" "$2"`
	return a.carryOut(ctx, h, op, script, effect.Tree(a.To), "copy of the directory "+a.From)
}

// carryOut copies beside the target and renames, so that the target is whole
// whenever it is there.
func (a CopyArgs) carryOut(ctx context.Context, h effect.Doer, op, script string, writes effect.Resource, note string) (Changed, error) {
	staged := path.Join(path.Dir(a.To), "."+path.Base(a.To)+".bsdrun")
	_, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, Title: strings.TrimPrefix(op, "file.") + " " + a.From + " to " + a.To,
		Argv:   []string{"/bin/sh", "-c", script, "sh", a.From, a.To, staged},
		Reads:  []effect.Resource{effect.Tree(a.From)},
		Writes: []effect.Resource{writes},
		Diff:   &effect.Diff{Path: a.To, Note: note},
	})
	return Changed{err == nil, a.To}, err
}

// ends describes both files of a copy or a move.
func ends(ctx context.Context, h effect.Doer, op, from, to string, verb effect.FileVerb) (a, b *effect.FileInfo, err error) {
	if a, err = status(ctx, h, op, from, verb); err != nil {
		return nil, nil, err
	}
	b, err = status(ctx, h, op, to, effect.FileStat)
	return a, b, err
}

func sameContent(ctx context.Context, h effect.Doer, from, to *effect.FileInfo, a CopyArgs) (bool, error) {
	if to == nil || from.Size != to.Size || from.Mode != to.Mode || from.UID != to.UID || from.GID != to.GID {
		return false, nil
	}
	x, err := Hash(ctx, h, PathArgs{a.From})
	if err != nil {
		return false, err
	}
	y, err := Hash(ctx, h, PathArgs{a.To})
	return x == y, err
}

// MoveArgs are the arguments of Move.
type MoveArgs struct {
	From string `lua:"from,required" doc:"absolute path"`
	To   string `lua:"to,required" doc:"absolute path of the file itself, not of the directory around it"`
}

// Move renames a file or directory, also to another file system. Where From is
// gone and To is there, it has been moved already.
func Move(ctx context.Context, h effect.Doer, a MoveArgs) (Changed, error) {
	const op = "file.move"
	if err := checkPath(op, a.From, a.To); err != nil {
		return Changed{}, err
	}
	if slices.Contains(protected, path.Clean(a.From)) {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%s belongs to the system and is never moved", a.From)
	}
	from, to, err := ends(ctx, h, op, a.From, a.To, effect.FileLstat)
	switch {
	case err != nil:
		return Changed{}, err
	case from == nil && to != nil:
		return Changed{false, a.To}, nil
	case from == nil:
		return Changed{}, missing(op, a.From)
	case to.IsDir():
		return Changed{}, effect.Errorf(effect.Failed, op, "%s is a directory: name the file in it", a.To)
	}
	_, err = h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, Argv: []string{"mv", "-f", a.From, a.To},
		Writes: []effect.Resource{effect.Tree(a.From), effect.Tree(a.To)},
		Diff:   &effect.Diff{Path: a.To, Note: "moved from " + a.From},
	})
	return Changed{err == nil, a.To}, err
}

// TmpdirArgs are the arguments of Tmpdir.
type TmpdirArgs struct {
	Prefix string `lua:"prefix,pos" doc:"beginning of its name" default:"bsdrun"`
	Parent string `lua:"parent" doc:"directory to make it in" default:"/tmp"`
}

// Tmp is a fresh directory.
type Tmp struct {
	Path string `lua:"path,produced" doc:"the directory; mode 0700; remove it when done"`
}

// Tmpdir makes a fresh directory that only its owner can enter.
func Tmpdir(ctx context.Context, h effect.Doer, a TmpdirArgs) (Tmp, error) {
	const op = "file.tmpdir"
	if a.Prefix == "" {
		a.Prefix = "bsdrun"
	}
	if a.Parent == "" {
		a.Parent = "/tmp"
	}
	if err := checkPath(op, a.Parent); err != nil {
		return Tmp{}, err
	}
	if strings.ContainsAny(a.Prefix, "/\x00") {
		return Tmp{}, effect.Errorf(effect.Invalid, op, "the prefix %q is no file name", a.Prefix)
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change,
		Argv:   []string{"mktemp", "-d", path.Join(a.Parent, a.Prefix+".XXXXXXXXXX")},
		Writes: effect.Nothing,
		Diff:   &effect.Diff{Path: a.Parent, Note: "create a temporary directory"},
	})
	if err != nil {
		return Tmp{}, err
	}
	line, err := res.Line()
	if effect.KindOf(err) == effect.Unknown {
		return Tmp{}, nil // the field is declared as produced
	}
	return Tmp{line}, err
}
