package file

import (
	"context"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

// Info describes a file.
type Info struct {
	Exists bool      `lua:"exists" doc:"there is such a file; when false, nothing else is set"`
	Path   string    `lua:"path" doc:"absolute path"`
	Name   string    `lua:"name" doc:"last element of the path"`
	Type   string    `lua:"type" doc:"file, directory, link, socket, fifo, block or character"`
	Size   int64     `lua:"size" doc:"bytes" unit:"bytes"`
	Mode   string    `lua:"mode" doc:"octal permission bits with setuid, setgid and sticky, such as \"0644\""`
	Owner  string    `lua:"owner" doc:"name of the user, or the number where it has none"`
	Group  string    `lua:"group" doc:"name of the group, or the number where it has none"`
	UID    int       `lua:"uid" doc:"number of the user"`
	GID    int       `lua:"gid" doc:"number of the group"`
	MTime  time.Time `lua:"mtime" doc:"last modification"`
	Target string    `lua:"target,omitempty" doc:"what a symbolic link points to"`
	Flags  string    `lua:"flags,omitempty" doc:"file flags, as chflags(1) names them"`
	Inode  string    `lua:"inode,omitempty" doc:"inode number, as text"`
	Links  int64     `lua:"links" doc:"number of hard links"`
}

func infoOf(i *effect.FileInfo) Info {
	if i == nil {
		return Info{}
	}
	info := Info{
		Exists: true, Path: i.Path, Name: i.Name, Type: i.Type, Size: i.Size,
		Mode: FormatMode(i.Mode), Owner: orNumber(i.Owner, i.UID), Group: orNumber(i.Group, i.GID),
		UID: i.UID, GID: i.GID, MTime: i.MTime, Target: i.Target, Flags: i.Flags,
		Links: int64(i.Links),
	}
	if i.Inode != 0 {
		info.Inode = decimal(i.Inode)
	}
	return info
}

// StatArgs are the arguments of Stat.
type StatArgs struct {
	Path   string `lua:"path,required" doc:"absolute path"`
	Follow bool   `lua:"follow" doc:"describe what a symbolic link points to, not the link"`
}

// Stat describes a file. A missing one is no error.
func Stat(ctx context.Context, h effect.Doer, a StatArgs) (Info, error) {
	const op = "file.stat"
	if err := checkPath(op, a.Path); err != nil {
		return Info{}, err
	}
	verb := effect.FileLstat
	if a.Follow {
		verb = effect.FileStat
	}
	info, err := status(ctx, h, op, a.Path, verb)
	return infoOf(info), err
}

// PathArgs names one file.
type PathArgs struct {
	Path string `lua:"path,required" doc:"absolute path"`
}

// Exists tells whether there is a file of any type, following symbolic links.
func Exists(ctx context.Context, h effect.Doer, a PathArgs) (bool, error) {
	const op = "file.exists"
	if err := checkPath(op, a.Path); err != nil {
		return false, err
	}
	info, err := status(ctx, h, op, a.Path, effect.FileStat)
	return info != nil, err
}

// ReadArgs are the arguments of Read.
type ReadArgs struct {
	Path   string `lua:"path,required" doc:"absolute path"`
	Offset int64  `lua:"offset" doc:"first byte wanted, counted from 0" unit:"bytes"`
	Length int64  `lua:"length" doc:"number of bytes wanted; 0: to the end" unit:"bytes"`
	Limit  int64  `lua:"limit" doc:"more bytes than this is an error; 0: 16 MiB" unit:"bytes"`
}

// Read returns a file's content, byte for byte.
func Read(ctx context.Context, h effect.Doer, a ReadArgs) (string, error) {
	const op = "file.read"
	if err := checkPath(op, a.Path); err != nil {
		return "", err
	}
	if a.Offset < 0 || a.Length < 0 || a.Limit < 0 {
		return "", effect.Errorf(effect.Invalid, op, "offset, length and limit cannot be negative")
	}
	data, err := get(ctx, h, op, &effect.FileOp{
		Verb: effect.FileGet, Path: a.Path, Offset: a.Offset, Length: a.Length, Limit: a.Limit,
	})
	return string(data), err
}

func get(ctx context.Context, h effect.Doer, op string, what *effect.FileOp) ([]byte, error) {
	res, err := h.Do(ctx, read(op, what))
	return res.Data, err
}

// Content is the content of a file for other modules; ok is false when there is
// no such file.
func Content(ctx context.Context, h effect.Doer, op, path string) (data []byte, ok bool, err error) {
	if err := checkPath(op, path); err != nil {
		return nil, false, err
	}
	data, err = get(ctx, h, op, &effect.FileOp{Verb: effect.FileGet, Path: path})
	if isMissing(err) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// Whole is a file with its content.
type Whole struct {
	Info    `lua:",inline"`
	Content string `lua:"content" doc:"the content, byte for byte"`
}

// Get returns a file's description and content together.
func Get(ctx context.Context, h effect.Doer, a PathArgs) (Whole, error) {
	const op = "file.get"
	if err := checkPath(op, a.Path); err != nil {
		return Whole{}, err
	}
	whole := &effect.FileOp{Verb: effect.FileGet, Path: a.Path}
	h, err := host.Prefetch(ctx, h, op, append(Stats(op, a.Path), read(op, whole))...)
	if err != nil {
		return Whole{}, err
	}
	info, err := status(ctx, h, op, a.Path, effect.FileStat)
	if err != nil {
		return Whole{}, err
	}
	if info == nil {
		return Whole{}, missing(op, a.Path)
	}
	data, err := get(ctx, h, op, whole)
	return Whole{infoOf(info), string(data)}, err
}

// List describes what a directory holds, sorted by name.
func List(ctx context.Context, h effect.Doer, a PathArgs) ([]Info, error) {
	const op = "file.list"
	if err := checkPath(op, a.Path); err != nil {
		return nil, err
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read,
		File:  &effect.FileOp{Verb: effect.FileList, Path: a.Path},
		Reads: []effect.Resource{effect.Tree(a.Path)},
	})
	if err != nil {
		return nil, err
	}
	list := make([]Info, len(res.List))
	for i := range res.List {
		list[i] = infoOf(&res.List[i])
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Hash is the SHA-256 of a file's content, in hex.
func Hash(ctx context.Context, h effect.Doer, a PathArgs) (string, error) {
	const op = "file.hash"
	if err := checkPath(op, a.Path); err != nil {
		return "", err
	}
	res, err := h.Do(ctx, read(op, &effect.FileOp{Verb: effect.FileHash, Path: a.Path}))
	return strings.TrimSpace(string(res.Data)), explain(ctx, h, op, a.Path, err)
}

// explain tells whether a program failed because there is no such file.
func explain(ctx context.Context, h effect.Doer, op, path string, err error) error {
	if effect.KindOf(err) != effect.Failed {
		return err
	}
	if info, lost := status(ctx, h, op, path, effect.FileStat); lost == nil && info == nil {
		return missing(op, path)
	}
	return err
}
