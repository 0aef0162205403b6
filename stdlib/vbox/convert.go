package vbox

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

// ConvertArgs are the arguments of ConvertRaw.
type ConvertArgs struct {
	From    string        `lua:"from,required" doc:"the raw image, or a disk's device"`
	To      string        `lua:"to,required" doc:"the image to make"`
	Format  string        `lua:"format" doc:"of the new image" enum:"VDI|VMDK|VHD" default:"VDI"`
	Variant string        `lua:"variant" doc:"standard leaves out blocks of zeros and grows, fixed has all of its size from the start, stream is compressed (VMDK)" enum:"standard|fixed|stream" default:"standard"`
	Host    effect.Doer   `lua:"host" doc:"the host that has the raw image: it is converted as it comes, whole, without a copy here. What is cut off begins anew"`
	UUID    string        `lua:"uuid" doc:"of the new image; default: a new one"`
	Replace bool          `lua:"replace" doc:"make it anew although it is there"`
	Timeout time.Duration `lua:"timeout" doc:"stop waiting after this; the conversion goes on. 0: never" unit:"seconds"`
	Owner   `lua:",inline"`
}

// Converted is what a conversion came to.
type Converted struct {
	Changed  bool   `lua:"changed" doc:"the image was, or in check mode would be, made"`
	Path     string `lua:"path" doc:"of the image"`
	Capacity int64  `lua:"capacity,produced" doc:"of the disk in it" unit:"bytes"`
	Size     int64  `lua:"size,produced" doc:"of the image's file" unit:"bytes"`
}

// ConvertRaw makes an image of VirtualBox's out of a raw one.
func ConvertRaw(ctx context.Context, h effect.Doer, a ConvertArgs) (Converted, error) {
	const op = "vbox.convert_raw"
	if err := a.check(op); err != nil {
		return Converted{}, err
	}
	done := Converted{Path: a.To}
	from := a
	at := h
	if a.Host != nil {
		at, from.As = a.Host, ""
	}
	size, err := from.source(ctx, at, op)
	there, err := a.destination(ctx, h, op, a.To, err)
	if err != nil {
		return done, err
	}
	done.Capacity = size
	if there != nil && !a.Replace {
		done.Size = there.Size
		return done, a.fits(ctx, h, op, size)
	}
	done.Changed = true
	v, err := a.version(ctx, h, op)
	if err != nil {
		return done, err
	}
	var skipped bool
	if a.Host != nil {
		skipped, err = a.streamed(ctx, h, op, v, size, there)
	} else {
		var res worked
		res, err = a.job(ctx, h, a.work(op, v, size, there))
		skipped = res.skipped
	}
	if err != nil || skipped {
		return done, err
	}
	made, err := stat(ctx, h, op, a.As, a.To)
	if err == nil && made == nil {
		err = effect.Errorf(effect.Failed, op, "the conversion ended without making %s", a.To)
	}
	if made != nil {
		done.Size = made.Size
	}
	return done, err
}

// destination is what is at the place of a new image, if the source was found. A
// source that check mode does not know, as a change before this one makes it, goes to
// a place that is free, and nobody knows what it would do to another image.
func (o Owner) destination(ctx context.Context, h effect.Doer, op, to string, source error) (*effect.FileInfo, error) {
	pending := effect.KindOf(source) == effect.Unknown
	if source != nil && !pending {
		return nil, source
	}
	there, err := stat(ctx, h, op, o.As, to)
	if err == nil && there != nil && pending {
		err = source
	}
	return there, err
}

func (a *ConvertArgs) check(op string) error {
	if err := checkPath(op, "an image", a.From); err != nil {
		return err
	}
	if err := checkPath(op, "an image", a.To); err != nil {
		return err
	}
	a.From, a.To = path.Clean(a.From), path.Clean(a.To)
	a.Format, a.Variant = orDefault(a.Format, "VDI"), orDefault(a.Variant, "standard")
	switch {
	case a.From == a.To && a.Host == nil:
		return invalid(op, "an image cannot be converted into itself")
	case a.UUID != "" && !isUUID(a.UUID):
		return invalid(op, "%q is no UUID", a.UUID)
	case a.Variant == "stream" && a.Format != "VMDK":
		return invalid(op, "only VMDK has the variant stream")
	case a.Variant == "fixed" && a.Format == "VMDK":
		return effect.WithHint(invalid(op, "a fixed VMDK is two files, of which one names the other"), "VDI and VHD can be fixed in one file")
	}
	return nil
}

// source sees that there is a raw image to convert, and how large it is.
func (a ConvertArgs) source(ctx context.Context, h effect.Doer, op string) (int64, error) {
	from, err := stat(ctx, h, op, a.As, a.From)
	switch {
	case err != nil:
		return 0, err
	case from == nil:
		return 0, effect.Errorf(effect.Missing, op, "there is no %s", a.From)
	case from.IsDir():
		return 0, invalid(op, "%s is a folder", a.From)
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, As: a.As, File: &effect.FileOp{Verb: effect.FileGet, Path: a.From, Length: headSize},
	})
	if err != nil {
		return 0, err
	}
	if kind := formatOf(res.Data); kind != "" {
		return 0, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is no raw image but %s: VirtualBox would take it for the disk's own content", a.From, kind),
			"make a raw one of it first: h.image.to_raw, or qemu-img convert -O raw")
	}
	size := from.Size
	if from.Type == "block" || from.Type == "character" {
		size, err = a.deviceSize(ctx, h, op)
		if err != nil {
			return 0, err
		}
	}
	if size == 0 || size%sector != 0 {
		return 0, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has %d bytes, and a disk has whole sectors of %d", a.From, size, sector), "it may have been cut short")
	}
	return size, nil
}

// deviceSize asks for the size of a disk.
func (a ConvertArgs) deviceSize(ctx context.Context, h effect.Doer, op string) (int64, error) {
	out, err := a.ask(ctx, h, effect.Effect{Op: op, Argv: []string{"diskinfo", a.From}, Reads: []effect.Resource{effect.File(a.From)}})
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(out)
	if len(fields) < 3 {
		return 0, effect.Errorf(effect.Failed, op, "diskinfo printed something else than a size: %.80q", out)
	}
	var size int64
	_, err = fmt.Sscan(fields[2], &size)
	return size, err
}

const (
	sector   = 512
	headSize = 4096
)

// formats are what images that are not raw begin with.
var formats = []struct {
	at          int
	magic, name string
}{
	{0, "QFI\xfb", "a qcow2 image of QEMU's"},
	{0, "QED\x00", "a QED image of QEMU's"},
	{0x40, "\x7f\x10\xda\xbe", "a VDI image of VirtualBox's"},
	{0, "KDMV", "a VMDK image"},
	{0, "COWD", "a VMDK image"},
	{0, "# Disk DescriptorFile", "the description of a VMDK image"},
	{0, "conectix", "a VHD image"},
	{0, "vhdxfile", "a VHDX image"},
	{0, "WithoutFreeSpace", "an image of Parallels'"},
	{0, "WithouFreSpacExt", "an image of Parallels'"},
	{0, "\x1f\x8b\x08", "compressed with gzip"},
	{0, "\xfd7zXZ\x00", "compressed with xz"},
	{0, "\x28\xb5\x2f\xfd", "compressed with zstd"},
	{0, "BZh", "compressed with bzip2"},
	{257, "ustar", "a tar archive (an OVA is one, too: h.vbox.import)"},
}

// formatOf tells what an image is by its beginning; empty: it may be raw.
func formatOf(head []byte) string {
	for _, f := range formats {
		if len(head) >= f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}

// fits sees that the image that is there has the source's size: what a machine
// has written to it since is nothing to compare.
func (a ConvertArgs) fits(ctx context.Context, h effect.Doer, op string, size int64) error {
	m, err := a.medium(ctx, h, op, a.To)
	if said(err, "already exists") { // a copy of a known one, which is none of our concern
		return nil
	}
	if err != nil {
		return effect.WithHint(err, "replace=true makes it anew")
	}
	if want := (size + mib - 1) / mib * mib; m.Capacity != want && m.Capacity != size/mib*mib {
		return effect.WithHint(effect.Errorf(effect.Failed, op, "%s is there, with %d bytes and not %d", a.To, m.Capacity, size), "replace=true makes it anew")
	}
	return nil
}

// stagedScript makes a file in a folder of its own, under its right name, which
// some formats keep inside, and moves it to its place at the end: there is never
// half a file. What a former try has left is removed.
const stagedScript = `dir=$1
to=$2
shift 2
rm -rf "$dir" && mkdir -m 700 "$dir" || exit
"$@" || { code=$?; rm -rf "$dir"; exit $code; }
mv -f "$dir/${to##*/}" "$to" && rmdir "$dir"`

// stageOf is where a file grows until it is whole.
func stageOf(name string) (dir, file string) {
	dir = path.Join(path.Dir(name), "."+path.Base(name)+".part")
	return dir, path.Join(dir, path.Base(name))
}

// staged is a command that makes file, as a part of the work that puts it to its
// place.
func staged(to string, command []string) []string {
	dir, _ := stageOf(to)
	return append([]string{"sh", "-c", stagedScript, "sh", dir, to}, command...)
}

// stagedLeaves is what there is of it afterwards.
func stagedLeaves(to string) map[effect.Resource]string {
	return map[effect.Resource]string{effect.File(to): effect.Made}
}

// stagedWrites is what that touches.
func stagedWrites(to string) []effect.Resource {
	dir, _ := stageOf(to)
	return []effect.Resource{effect.File(to), effect.Tree(dir)}
}

func (a ConvertArgs) work(op string, v Version, size int64, there *effect.FileInfo) work {
	_, part := stageOf(a.To)
	command := a.command(v, part)
	w := work{
		op: op, key: "vbox-convert-" + a.To, title: strings.Join(append(append([]string{}, command[:3]...), a.To), " "),
		argv: staged(a.To, command), writes: stagedWrites(a.To), leaves: stagedLeaves(a.To),
		diff:  note(a.To, "convert %s to %s", a.From, a.Format),
		watch: part, total: size, timeout: a.Timeout,
	}
	if there != nil {
		w.risk, w.note = replaces(a.To)
	}
	return w
}

// command converts into part; its name was another one before version 3.
func (a ConvertArgs) command(v Version, part string) []string {
	command := []string{tool, "convertfromraw", a.From, part, "--format", a.Format, "--variant", variantWord(a.Variant)}
	if !v.since(3, 0) {
		command[1] = "convertdd"
	}
	if a.UUID != "" {
		command = append(command, "--uuid", strings.Trim(a.UUID, "{}"))
	}
	return command
}

// replaces is what it risks to make an image anew.
func replaces(image string) (effect.Risk, string) {
	return effect.Irreversible, "the image " + image + " is replaced, with what was written to it"
}

// work is something that takes long: a detached job, watched.
type work struct {
	op, key, title string
	argv           []string
	writes         []effect.Resource
	leaves         map[effect.Resource]string
	diff           *effect.Diff
	risk           effect.Risk
	note           string
	watch          string // a file that grows, to at most total; empty: the tool prints percentages
	total          int64
	timeout        time.Duration
}

// worked is how it ended.
type worked struct {
	skipped bool
	log     string
}

// maxLog bounds what is kept of a job's output.
const maxLog = 1 << 20

// job runs work to its end, or attaches to it where it goes on already.
func (o Owner) job(ctx context.Context, h effect.Doer, w work) (worked, error) {
	if o.As != "" {
		h = host.As(h, o.As) // who starts a job finds it again
	}
	e := effect.Effect{Op: w.op, Title: w.title, Argv: w.argv, Writes: w.writes, Leaves: w.leaves, Diff: w.diff, Risk: w.risk, Note: w.note}
	job, err := host.StartJob(ctx, h, e, w.key)
	if err != nil {
		return worked{}, explain(err)
	}
	if job.Skipped() {
		return worked{skipped: true}, nil
	}
	var log []byte
	began := clock.Now(ctx)
	seen := ""
	state, err := job.Wait(ctx, 0, func(n host.News) error {
		if room := maxLog - len(log); room > 0 {
			log = append(log, n.Log[:min(room, len(n.Log))]...)
		}
		if w.timeout > 0 && n.State.Running() && clock.Now(ctx).Sub(began) > w.timeout {
			return effect.WithHint(effect.Errorf(effect.Timeout, w.op, "not ended after %s; it goes on", w.timeout), "run again to wait for it, or look at it with bsdrun jobs")
		}
		return o.report(ctx, h, w, n, string(log), &seen)
	})
	if err != nil {
		return worked{}, err
	}
	if state.Code != 0 {
		return worked{}, explain(&effect.Error{Op: w.op, Kind: effect.Failed, Code: state.Code, Command: w.title, Err: string(log)})
	}
	return worked{log: string(log)}, nil
}

// report tells how far the work is.
func (o Owner) report(ctx context.Context, h effect.Doer, w work, n host.News, log string, seen *string) error {
	if !n.State.Running() {
		return nil
	}
	text, data := percent(log), map[string]any(nil)
	if w.watch != "" {
		file, err := stat(ctx, h, w.op, o.As, w.watch)
		if effect.KindOf(err) == effect.Unreachable {
			return nil // a lost connection is the waiting's to bear
		}
		if err != nil || file == nil {
			return err
		}
		text = fmt.Sprintf("%d of at most %d bytes written", file.Size, w.total)
		data = map[string]any{"bytes": file.Size, "total": w.total}
	}
	if text != "" && text != *seen {
		*seen = text
		effect.Report(ctx, w.op, text, data)
	}
	return nil
}

// percent is how far the tool says that it is: 0%...10%...
func percent(log string) string {
	end := strings.LastIndexByte(log, '%')
	if end < 0 {
		return ""
	}
	begin := end
	for begin > 0 && log[begin-1] >= '0' && log[begin-1] <= '9' {
		begin--
	}
	return log[begin : end+1]
}
