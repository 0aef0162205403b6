package poudriere

import (
	"context"
	"path"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// ImageArgs say what image is made.
type ImageArgs struct {
	Jail     string        `lua:"jail,required" doc:"the jail whose system it holds"`
	Type     string        `lua:"type,required" doc:"kind of image (-t)" enum:"iso|iso+mfs|iso+zmfs|usb|usb+mfs|usb+zmfs|rawdisk|zrawdisk|tar|firmware|rawfirmware|dump|zsnapshot|zfs|zfs+gpt|zfs+raw|zfs+send|zfs+send+full|zfs+send+be"`
	Name     string        `lua:"name" doc:"its name (-n)" default:"poudriereimage"`
	Output   string        `lua:"output" doc:"folder where it goes (-o); default: images below poudriere's data"`
	Size     string        `lua:"size" doc:"4g (-s)"`
	Swap     string        `lua:"swap" doc:"1g (-w)"`
	Hostname string        `lua:"hostname" doc:"(-h)"`
	Packages string        `lua:"packages" doc:"file on the host that lists the packages to install (-f)"`
	Overlay  string        `lua:"overlay" doc:"folder on the host that is copied over the system (-c)"`
	Exclude  string        `lua:"exclude" doc:"file on the host that lists what is left out (-X)"`
	Tree     string        `lua:"tree" doc:"the ports tree" default:"default"`
	Set      string        `lua:"set" doc:"the set"`
	Options  []string      `lua:"options" doc:"further options of poudriere image"`
	Timeout  time.Duration `lua:"timeout" doc:"0: none" unit:"seconds"`
}

// Image is an image that was made.
type Image struct {
	Changed bool     `lua:"changed"`
	Output  string   `lua:"output" doc:"folder where it lies"`
	Files   []string `lua:"files,produced" doc:"paths of the image's files"`
}

var sizeForm = lazyregexp.New(`^[0-9]+[mMgGtT]$`)

func (a ImageArgs) check(op string) error {
	if err := checkMaster(op, a.Jail, a.Tree, a.Set); err != nil {
		return err
	}
	if err := checkName(op, "image", buildName, a.Name); err != nil {
		return err
	}
	for what, size := range map[string]string{"size": a.Size, "swap": a.Swap} {
		if size != "" && !sizeForm.MatchString(size) {
			return invalid(op, "%s %q is not a number with m, g or t", what, size)
		}
	}
	for what, name := range map[string]string{"output": a.Output, "packages": a.Packages, "overlay": a.Overlay, "exclude": a.Exclude} {
		if name == "" {
			continue
		}
		if err := checkPath(op, what, name); err != nil {
			return err
		}
	}
	return nil
}

// MakeImage makes an image of a jail's system with packages of the builds.
func MakeImage(ctx context.Context, h effect.Doer, a ImageArgs) (Image, error) {
	const op = "poudriere.image"
	if err := a.check(op); err != nil {
		return Image{}, err
	}
	p, err := locate(ctx, h, op, a.Jail, a.Tree, a.Set)
	if err != nil {
		return Image{}, err
	}
	if _, err := needJail(ctx, h, op, a.Jail); err != nil {
		return Image{}, err
	}
	done := Image{Changed: true, Output: a.Output}
	if done.Output == "" {
		done.Output = path.Join(p.data, "images")
	}
	args := []string{"image", "-j", a.Jail, "-t", a.Type, "-p", a.Tree, "-n", a.Name, "-o", done.Output}
	for _, o := range [][2]string{
		{"-z", a.Set}, {"-s", a.Size}, {"-w", a.Swap}, {"-h", a.Hostname}, {"-f", a.Packages}, {"-c", a.Overlay}, {"-X", a.Exclude},
	} {
		if o[1] != "" {
			args = append(args, o[0], o[1])
		}
	}
	e := command(op, append(args, a.Options...)...)
	e.Writes = []effect.Resource{effect.Tree(done.Output)}
	e.Diff = &effect.Diff{Path: path.Join(done.Output, a.Name), Note: "make an image of type " + a.Type}
	r, err := through(ctx, h, e, "poudriere-image-"+a.Name, a.Timeout)
	if err != nil || r == nil {
		return done, err
	}
	done.Files, err = filesOf(ctx, h, op, done.Output, a.Name)
	return done, err
}

// filesOf are the files of a folder that begin with a name.
func filesOf(ctx context.Context, h effect.Doer, op, folder, name string) ([]string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileList, Path: folder}, Reads: []effect.Resource{effect.Tree(folder)},
	})
	files := []string{}
	for _, f := range res.List {
		if f.Type != "directory" && len(f.Name) >= len(name) && f.Name[:len(name)] == name {
			files = append(files, path.Join(folder, f.Name))
		}
	}
	return files, err
}
