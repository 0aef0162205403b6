package file

import (
	"context"
	"io"
	"strconv"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// UploadArgs are the arguments of Upload.
type UploadArgs struct {
	From        binding.Content `lua:"from,required" doc:"the local file, as local_file gives it"`
	Path        string          `lua:"path,required" doc:"absolute path on the host"`
	Mode        string          `lua:"mode" doc:"octal mode such as \"0644\"; default: as it is, or 0644 for a new file"`
	Owner       string          `lua:"owner" doc:"user, by name or number; default: as it is"`
	Group       string          `lua:"group" doc:"group, by name or number; default: as it is"`
	Backup      string          `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name"`
	Validate    []string        `lua:"validate" doc:"command that must accept the new file; %s stands for its path"`
	Limit       string          `lua:"limit" doc:"most bytes a second, such as \"10M\"; default: as fast as it goes"`
	Parallel    int             `lua:"parallel" doc:"parts under way at once; default: more the farther the host is"`
	Connections int             `lua:"connections" doc:"SSH connections that the parts are spread over; default: one"`
	Compress    string          `lua:"compress" doc:"auto: what a sample shows to be worth it, where the host has zstd(1)" default:"auto" enum:"auto|no"`
	Whole       bool            `lua:"whole" doc:"hash a file whole that is mostly holes: it takes longer than its data alone"`
}

// Uploaded is what Upload came to.
type Uploaded struct {
	Changed bool   `lua:"changed" doc:"the file is, or in check mode would be, different now"`
	Path    string `lua:"path" doc:"the file, with symbolic links resolved where they were followed"`
	SHA256  string `lua:"sha256,omitempty" doc:"the content's hash at both ends, in hex; of a file that is mostly holes only with whole=true, and where it was sent"`
}

// Upload sends a local file. What the host has already is not sent again. What
// arrives is hashed there and here.
func Upload(ctx context.Context, h effect.Doer, a UploadArgs) (Uploaded, error) {
	const op = "file.upload"
	pace, err := paceOf(op, a.Limit, a.Parallel, a.Connections, a.Compress)
	if err != nil {
		return Uploaded{}, err
	}
	pace.Whole = a.Whole
	done, err := put(ctx, h, op, PutArgs{
		Path: a.Path, Content: a.From, Mode: a.Mode, Owner: a.Owner, Group: a.Group,
		Backup: a.Backup, Validate: a.Validate,
	}, pace)
	if err == nil && done.SHA256 == "" && a.From.Source != nil && a.From.Source.Size() < large {
		done.SHA256, err = digest(a.From)
	}
	return done, err
}

// TransferArgs are the arguments of Transfer.
type TransferArgs struct {
	Path        string      `lua:"path,required" doc:"absolute path of a file on this host"`
	Host        effect.Doer `lua:"host,required" doc:"the host that receives it"`
	To          string      `lua:"to,pos" doc:"absolute path there; default: the same"`
	Mode        string      `lua:"mode" doc:"octal mode such as \"0644\"; default: as it is here"`
	Owner       string      `lua:"owner" doc:"user there, by name or number; default: as it is, or who we are"`
	Group       string      `lua:"group" doc:"group there, by name or number; default: as it is, or that of the directory"`
	Backup      string      `lua:"backup" doc:"keep the former file there: an absolute path, or what is added to the name"`
	Validate    []string    `lua:"validate" doc:"command that must accept the new file there; %s stands for its path"`
	Direct      string      `lua:"direct" doc:"whether this host sends to the other one by itself; auto: a large file, where it can; no: through the controller, which keeps nothing of it" default:"auto" enum:"auto|yes|no"`
	Address     string      `lua:"address" doc:"name or address by which this host reaches the other one; default: the one that the controller uses"`
	Limit       string      `lua:"limit" doc:"most bytes a second, such as \"10M\"; default: as fast as it goes"`
	Parallel    int         `lua:"parallel" doc:"parts under way at once; default: more the farther the hosts are"`
	Connections int         `lua:"connections" doc:"SSH connections that the parts are spread over; default: one"`
	Compress    string      `lua:"compress" doc:"auto: where the hosts have zstd(1)" default:"auto" enum:"auto|no"`
	Whole       bool        `lua:"whole" doc:"hash a file whole that is mostly holes: it takes longer than its data alone"`
}

// Transferred is what Transfer came to.
type Transferred struct {
	Changed bool   `lua:"changed" doc:"the file there is, or in check mode would be, different now"`
	Path    string `lua:"path" doc:"the file there, with symbolic links resolved where they were followed"`
	Size    int64  `lua:"size,produced" doc:"bytes" unit:"bytes"`
	SHA256  string `lua:"sha256,omitempty" doc:"the content's hash at both ends, in hex; of a file that is mostly holes only with whole=true, and where it was sent"`
	Direct  bool   `lua:"direct" doc:"this host sent it by itself"`
}

// Transfer sends a file of this host to another one.
func Transfer(ctx context.Context, h effect.Doer, a TransferArgs) (Transferred, error) {
	const op = "file.transfer"
	if err := checkPath(op, a.Path); err != nil {
		return Transferred{}, err
	}
	pace, err := paceOf(op, a.Limit, a.Parallel, a.Connections, a.Compress)
	if err != nil {
		return Transferred{}, err
	}
	if a.To == "" {
		a.To = a.Path
	}
	pace.Whole = a.Whole
	t := &transfer{op: op, from: h, args: a, pace: pace}
	return t.run(ctx)
}

// regular describes a file that has content.
func regular(ctx context.Context, h effect.Doer, op, path string) (*effect.FileInfo, error) {
	info, err := status(ctx, h, op, path, effect.FileStat)
	switch {
	case err != nil:
		return nil, err
	case info == nil:
		return nil, missing(op, path)
	case info.Type != "file":
		return nil, effect.Errorf(effect.Failed, op, "%s is a %s, not a file", path, info.Type)
	}
	return info, nil
}

// large is the length from which a file is moved in parts.
const large = 4 << 20

// transfer is one under way.
type transfer struct {
	op   string
	from effect.Doer
	args TransferArgs
	pace effect.Pace
	size int64
}

func (t *transfer) run(ctx context.Context) (done Transferred, err error) {
	done = Transferred{Path: t.args.To}
	source, err := t.source(ctx)
	if err != nil {
		return done, err
	}
	done.Size = t.size
	if d, ok := source.(*direct); ok {
		defer func() {
			done.Direct = d.sent
			if left := d.tearDown(ctx); err == nil {
				err = left
			}
		}()
	}
	put, err := put(ctx, t.args.Host, t.op, PutArgs{
		Path: t.args.To, Mode: t.args.Mode, Owner: t.args.Owner, Group: t.args.Group,
		Backup: t.args.Backup, Validate: t.args.Validate, Content: binding.Content{Source: source},
	}, t.pace)
	if err != nil {
		return done, err
	}
	done.Changed, done.Path, done.SHA256 = put.Changed, put.Path, put.SHA256
	if r, ok := source.(*remote); ok {
		done.SHA256 = r.sum
	}
	return done, nil
}

// source is the file as content for the other host.
func (t *transfer) source(ctx context.Context) (effect.Source, error) {
	info, err := regular(ctx, t.from, t.op, t.args.Path)
	if effect.KindOf(err) == effect.Unknown {
		return awaited{err}, nil
	}
	if err != nil {
		return nil, err
	}
	t.size = info.Size
	if t.args.Mode == "" {
		t.args.Mode = FormatMode(info.Mode)
	}
	if t.size < large {
		sum, err := Hash(ctx, t.from, PathArgs{t.args.Path})
		return &remote{ctx: ctx, host: t.from, op: t.op, path: t.args.Path, size: t.size, sum: sum}, err
	}
	d, err := distantFile(ctx, t.from, t.op, t.args.Path, t.pace)
	if err != nil || t.args.Direct == "no" || t.args.Direct != "yes" && t.size < leastDirect {
		return d, err
	}
	way := newDirect(d, t.args)
	way.limit = t.pace.Limit
	return way, nil
}

// awaited is a file that check mode does not have, as a change before makes it.
type awaited struct{ unknown error }

func (a awaited) Open() (io.ReadCloser, error) { return nil, a.unknown }
func (a awaited) Size() int64                  { return effect.UnknownSize }
func (a awaited) SHA256() (string, error)      { return "", a.unknown }

// paceOf checks how content is to be sent.
func paceOf(op, limit string, parallel, connections int, compress string) (effect.Pace, error) {
	rate, err := parseRate(op, limit)
	if err != nil {
		return effect.Pace{}, err
	}
	const most = 32
	if parallel < 0 || parallel > most || connections < 0 || connections > most {
		return effect.Pace{}, effect.Errorf(effect.Invalid, op, "parallel and connections are at most %d", most)
	}
	return effect.Pace{Limit: rate, Lanes: max(parallel, connections), Connections: connections, Plain: compress == "no"}, nil
}

var rateForm = lazyregexp.New(`^([1-9]\d{0,9})([KMG]?)$`)

// parseRate reads bytes a second: digits, and perhaps K, M or G.
func parseRate(op, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	found := rateForm.FindStringSubmatch(text)
	if found == nil {
		return 0, effect.Errorf(effect.Invalid, op, "the limit %q is no number of bytes a second such as \"500K\", \"10M\" or \"1G\"", text)
	}
	n, err := strconv.ParseInt(found[1], 10, 64)
	return n * map[string]int64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[found[2]], err
}
