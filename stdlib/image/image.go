// Package image looks at disk images of virtual machines and makes raw ones of
// them, by QEMU's qemu-img.
package image

import (
	"context"
	"encoding/json"
	"path"
	"strings"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const (
	raisesMissing = `kind "missing": there is no such image, a backing file of it is missing, or the host has no qemu-img`
	raisesLocked  = `kind "failed": a running machine uses the image, or it is damaged`
	raisesDenied  = `kind "denied": the image is not readable for the user`
)

// Module is h.image.
var Module = binding.Module{
	Name: "image",
	Doc:  "Disk images of virtual machines: what they are, what they hold, and raw ones made of them.",
	Funcs: []binding.Func{
		{
			Name: "discard", Kind: effect.Change, Call: Discard,
			Doc:     "Removes a raw image that to_raw made, and what it noted of it. Any other file is left alone.",
			Raises:  []string{`kind "denied": it may not be removed by the user`},
			Example: `h.image.discard("/var/tmp/web.raw")`,
		},
		{
			Name: "extents", Kind: effect.Read, Call: ExtentsOf, See: []string{"qemu-img(1)"},
			Doc:     "Returns which ranges of an image hold data and which read as zeroes, through the whole chain of backing files. Neighbours of a kind are one range.",
			Raises:  []string{raisesMissing, raisesLocked, raisesDenied},
			Example: `log("%d bytes of data", h.image.extents("/srv/vm/web.qcow2").data)`,
		},
		{
			Name: "info", Kind: effect.Read, Call: InfoOf, See: []string{"qemu-img(1)"},
			Doc: "Returns what an image is: format, sizes, snapshots in it, and the chain of its backing files. " +
				"Without format the image itself says what it is; a raw one that a guest has written can say anything, so that the definition of its machine should be believed instead.",
			Raises:  []string{raisesMissing, raisesLocked, raisesDenied},
			Example: `for _, i in ipairs(h.image.info("/srv/vm/web.qcow2").chain) do log("%s: %s", i.path, i.format) end`,
		},
		{
			Name: "size", Kind: effect.Read, Call: SizeOf, See: []string{"qemu-img(1)"},
			Doc:     "Returns how large an image is: for the guest, and on the disk. Its backing files do not count.",
			Raises:  []string{raisesMissing, raisesLocked, raisesDenied},
			Example: `log("%d bytes", h.image.size("/srv/vm/web.qcow2").virtual)`,
		},
		{
			Name: "to_raw", Kind: effect.Change, Call: ToRaw, See: []string{"qemu-img(1)"},
			Doc: "Makes a sparse raw image of an image with all of its backing files. It runs as a job that a lost connection does not end; " +
				"the result gets its name once it is whole and compared with the source. One that was made of the same source, neither of them changed since, is left alone. " +
				"It belongs to the user that made it and is nobody else's to read.",
			Raises: []string{
				`kind "failed": the destination is a file that was not made by this, the image changes meanwhile, or the disk is full`,
				raisesMissing, raisesLocked, raisesDenied,
			},
			Example: `h.image.to_raw("/srv/vm/web.qcow2", "/var/tmp/web.raw")`,
		},
	},
}

// Image is one image.
type Image struct {
	Path          string     `lua:"path" doc:"its file or device"`
	Format        string     `lua:"format" doc:"raw, qcow2, vdi, vmdk, ..."`
	VirtualSize   int64      `lua:"virtual_size" doc:"bytes that a guest sees"`
	ActualSize    int64      `lua:"actual_size" doc:"bytes that it takes on the disk"`
	ClusterSize   int64      `lua:"cluster_size,omitempty" doc:"bytes of a cluster"`
	Compat        string     `lua:"compat,omitempty" doc:"version of qcow2: 0.10 or 1.1"`
	Compression   string     `lua:"compression,omitempty" doc:"how compressed clusters are: zlib or zstd"`
	Encrypted     bool       `lua:"encrypted" doc:"it is encrypted"`
	Dirty         bool       `lua:"dirty" doc:"it was not closed well"`
	Corrupt       bool       `lua:"corrupt" doc:"QEMU has found it damaged"`
	Backing       string     `lua:"backing,omitempty" doc:"its backing file, as it names it"`
	BackingPath   string     `lua:"backing_path,omitempty" doc:"where that is"`
	BackingFormat string     `lua:"backing_format,omitempty" doc:"the format that it says the backing file has"`
	DataFile      string     `lua:"data_file,omitempty" doc:"the file that has its data, where that is another"`
	Snapshots     []Snapshot `lua:"snapshots" doc:"snapshots that it holds"`
}

// Snapshot is a snapshot inside an image.
type Snapshot struct {
	ID     string    `lua:"id" doc:"its number"`
	Name   string    `lua:"name" doc:"its name"`
	Time   time.Time `lua:"time" doc:"when it was made"`
	Memory int64     `lua:"memory" doc:"bytes of the machine's memory in it; 0: the disk alone"`
}

// Info is an image with its backing files.
type Info struct {
	Image `lua:",inline"`
	Chain []Image `lua:"chain" doc:"the image, the file that backs it, and so on"`
}

// Args name an image.
type Args struct {
	Path       string `lua:"path,required" doc:"the image's absolute path"`
	Format     string `lua:"format" doc:"its format; default: as it says itself"`
	ForceShare bool   `lua:"force_share" doc:"look although a running machine writes to it: what is found may be out of date or make no sense (-U)"`
}

var formatForm = lazyregexp.New(`^[a-z0-9-]*$`)

// check refuses paths that qemu-img would take for something else: it knows
// protocols, which a path from the root never is.
func (a Args) check(op string) error {
	if !path.IsAbs(a.Path) || strings.ContainsAny(a.Path, "\n\x00") {
		return effect.Errorf(effect.Invalid, op, "%q is no absolute path", a.Path)
	}
	if !formatForm.MatchString(a.Format) || strings.HasPrefix(a.Format, "-") {
		return effect.Errorf(effect.Invalid, op, "%q is no format of images", a.Format)
	}
	return nil
}

// command is qemu-img with the options that all of its queries take.
func (a Args) command(verb string, options ...string) []string {
	argv := append([]string{"qemu-img", verb, "--output=json"}, options...)
	if a.Format != "" {
		argv = append(argv, "-f", a.Format)
	}
	if a.ForceShare {
		argv = append(argv, "-U")
	}
	return append(argv, a.Path)
}

// InfoOf returns what an image is.
func InfoOf(ctx context.Context, h effect.Doer, a Args) (Info, error) {
	return a.info(ctx, h, "image.info")
}

func (a Args) info(ctx context.Context, h effect.Doer, op string) (Info, error) {
	if err := a.check(op); err != nil {
		return Info{}, err
	}
	// Which files back it is only known afterwards.
	out, err := query(ctx, h, op, a.command("info", "--backing-chain"), effect.Tree(path.Dir(a.Path)))
	if err != nil {
		return Info{}, err
	}
	return parseInfo(op, out)
}

func query(ctx context.Context, h effect.Doer, op string, argv []string, reads ...effect.Resource) (string, error) {
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Reads: reads})
	if err != nil {
		return "", explain(err)
	}
	return res.Text()
}

type jsonImage struct {
	VirtualSize   int64          `json:"virtual-size"`
	Filename      string         `json:"filename"`
	Format        string         `json:"format"`
	ActualSize    int64          `json:"actual-size"`
	ClusterSize   int64          `json:"cluster-size"`
	Encrypted     bool           `json:"encrypted"`
	Dirty         bool           `json:"dirty-flag"`
	Backing       string         `json:"backing-filename"`
	FullBacking   string         `json:"full-backing-filename"`
	BackingFormat string         `json:"backing-filename-format"`
	Snapshots     []jsonSnapshot `json:"snapshots"`
	Specific      struct {
		Data struct {
			Compat      string `json:"compat"`
			Compression string `json:"compression-type"`
			Corrupt     bool   `json:"corrupt"`
			DataFile    string `json:"data-file"`
		} `json:"data"`
	} `json:"format-specific"`
}

type jsonSnapshot struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Memory int64  `json:"vm-state-size"`
	Second int64  `json:"date-sec"`
	Nano   int64  `json:"date-nsec"`
}

// parseInfo reads qemu-img info of a chain.
func parseInfo(op, out string) (Info, error) {
	var images []jsonImage
	if err := json.Unmarshal([]byte(out), &images); err != nil || len(images) == 0 {
		return Info{}, effect.Errorf(effect.Failed, op, "qemu-img info printed something else: %v: %.80q", err, out)
	}
	var i Info
	for _, j := range images {
		if j.Filename == "" || j.Format == "" || j.VirtualSize < 0 {
			return Info{}, effect.Errorf(effect.Failed, op, "qemu-img info does not tell format and size: %.80q", out)
		}
		i.Chain = append(i.Chain, j.image())
	}
	i.Image = i.Chain[0]
	return i, nil
}

func (j *jsonImage) image() Image {
	data := j.Specific.Data
	i := Image{
		Path: j.Filename, Format: j.Format, VirtualSize: j.VirtualSize, ActualSize: j.ActualSize, ClusterSize: j.ClusterSize,
		Compat: data.Compat, Compression: data.Compression, DataFile: data.DataFile, Encrypted: j.Encrypted, Dirty: j.Dirty, Corrupt: data.Corrupt,
		Backing: j.Backing, BackingPath: j.FullBacking, BackingFormat: j.BackingFormat, Snapshots: []Snapshot{},
	}
	for _, s := range j.Snapshots {
		i.Snapshots = append(i.Snapshots, Snapshot{ID: s.ID, Name: s.Name, Time: time.Unix(s.Second, s.Nano).UTC(), Memory: s.Memory})
	}
	return i
}

// Size is how large an image is.
type Size struct {
	Virtual int64 `lua:"virtual" doc:"bytes that a guest sees"`
	Actual  int64 `lua:"actual" doc:"bytes that it takes on the disk"`
}

// SizeOf returns how large an image is.
func SizeOf(ctx context.Context, h effect.Doer, a Args) (Size, error) {
	return a.size(ctx, h, "image.size")
}

func (a Args) size(ctx context.Context, h effect.Doer, op string) (Size, error) {
	if err := a.check(op); err != nil {
		return Size{}, err
	}
	out, err := query(ctx, h, op, a.command("info"), effect.File(a.Path))
	if err != nil {
		return Size{}, err
	}
	i, err := parseInfo(op, "["+out+"]")
	return Size{i.VirtualSize, i.ActualSize}, err
}

// rules tell what the texts of qemu-img mean and what to do about them.
var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`qemu-img: (?:command )?[Nn]ot found`), Kind: effect.Missing, Hint: "this host has no qemu-img: it is in qemu-utils on Debian, qemu-img on Fedora, the package qemu-tools on FreeBSD"},
	{Pattern: lazyregexp.New(`Failed to get (?:shared )?"[^"]*" lock|Is another process using the image`), Kind: effect.Failed, Hint: "a running machine uses the image: shut it down first (h.libvirt.shutdown); force_share=true looks all the same"},
	{Pattern: lazyregexp.New(`Could not open backing file: Could not open '([^']*)': No such file`), Kind: effect.Missing, Hint: "the image is of no use without its backing file $1"},
	{Pattern: lazyregexp.New(`No space left on device`), Kind: effect.Failed, Hint: "the file system of the destination is full: image.extents tells how much data the image holds"},
	{Pattern: lazyregexp.New(`No such file or directory`), Kind: effect.Missing},
	{Pattern: lazyregexp.New(`Permission denied|Operation not permitted`), Kind: effect.Denied, Hint: "run as root (-b, or h:as(\"root\"))"},
	{Pattern: lazyregexp.New(`marked (?:as )?corrupt|[Ii]mage is corrupt`), Kind: effect.Failed, Hint: "see what qemu-img check says of it, and keep a copy before it repairs anything"},
	{Pattern: lazyregexp.New(`Parameter 'encrypt\.key-secret' is required|Encryption is not|encrypted`), Kind: effect.Failed, Hint: "the image is encrypted, and its key is not to be had this way"},
}

// explain adds to a failure of qemu-img what its texts mean.
func explain(err error) error {
	err, _ = effect.Explain(err, rules)
	return err
}
