package vbox

import (
	"context"
	"path"
	"slices"
	"strconv"

	"bsdrun/runtime/effect"
)

// Medium is an image of a disk.
type Medium struct {
	UUID       string      `lua:"uuid"`
	Parent     string      `lua:"parent,omitempty" doc:"UUID of the image that it holds the differences from"`
	State      string      `lua:"state" doc:"created, inaccessible, locked read, locked write"`
	Type       string      `lua:"type" doc:"normal, immutable, writethrough, shareable, multiattach"`
	Path       string      `lua:"path"`
	Format     string      `lua:"format" doc:"VDI, VMDK, VHD, RAW ..."`
	Variant    string      `lua:"variant,omitempty" doc:"such as dynamic default, or fixed default"`
	Capacity   int64       `lua:"capacity" doc:"of the disk that the guest sees, as far as the tool says it: whole MiB" unit:"bytes"`
	SizeOnDisk int64       `lua:"size_on_disk" doc:"of the image, in whole MiB" unit:"bytes"`
	VMs        []MediumUse `lua:"vms" doc:"machines that have it"`
}

// MediumUse is a machine that has a medium.
type MediumUse struct {
	Name     string `lua:"name"`
	UUID     string `lua:"uuid"`
	Snapshot string `lua:"snapshot,omitempty" doc:"name of the snapshot that has it"`
}

// ListMedia returns the disk images that a user's VirtualBox knows.
func ListMedia(ctx context.Context, h effect.Doer, a Owner) ([]Medium, error) {
	out, err := a.query(ctx, h, "vbox.media", []effect.Resource{everything}, "list", "-l", "hdds")
	if err != nil {
		return nil, err
	}
	return parseMedia(out), nil
}

// beneath are the images that some of a machine hold the differences from, as they do
// once there is a snapshot of it.
func (o Owner) beneath(ctx context.Context, h effect.Doer, m Info, images ...string) ([]Medium, error) {
	if m.Snapshot == "" {
		return nil, nil
	}
	all, err := ListMedia(ctx, h, o)
	var list []Medium
	for _, image := range images {
		at := slices.IndexFunc(all, func(m Medium) bool { return m.Path == image })
		for at >= 0 && len(list) < len(all) {
			at = slices.IndexFunc(all, func(m Medium) bool { return m.UUID == all[at].Parent })
			if at >= 0 {
				list = append(list, all[at])
			}
		}
	}
	return list, err
}

// verbs spells the commands on media: version 5 gave them new names.
func (o Owner) verbs(ctx context.Context, h effect.Doer, op string) (mediumVerbs, error) {
	v, err := o.version(ctx, h, op)
	if err != nil || v.since(5, 0) {
		return mediumVerbs{
			create: []string{"createmedium", "disk"}, show: []string{"showmediuminfo", "disk"}, modify: []string{"modifymedium", "disk"}, clone: []string{"clonemedium", "disk"},
		}, err
	}
	return mediumVerbs{create: []string{"createhd"}, show: []string{"showhdinfo"}, modify: []string{"modifyhd"}, clone: []string{"clonehd"}}, nil
}

type mediumVerbs struct{ create, show, modify, clone []string }

// with puts arguments behind a command.
func with(command []string, args ...string) []string {
	return append(append([]string{}, command...), args...)
}

// MediumArgs are the arguments of functions that only name a medium.
type MediumArgs struct {
	Medium string `lua:"medium,required" doc:"path of the image, or UUID of a medium that VirtualBox knows"`
	Owner  `lua:",inline"`
}

// ShowMedium returns what an image is.
func ShowMedium(ctx context.Context, h effect.Doer, a MediumArgs) (Medium, error) {
	return a.medium(ctx, h, "vbox.medium.info", a.Medium)
}

func (o Owner) medium(ctx context.Context, h effect.Doer, op, name string) (Medium, error) {
	if err := checkMedium(op, name); err != nil {
		return Medium{}, err
	}
	verbs, err := o.verbs(ctx, h, op)
	if err != nil {
		return Medium{}, err
	}
	out, err := o.query(ctx, h, op, []effect.Resource{on(name), media}, with(verbs.show, name)...)
	if err != nil {
		return Medium{}, err
	}
	list := parseMedia(out)
	if len(list) != 1 {
		return Medium{}, effect.Errorf(effect.Failed, op, "VBoxManage printed something else than a medium: %.80q", out)
	}
	return list[0], nil
}

// CreateMediumArgs are the arguments of CreateMedium.
type CreateMediumArgs struct {
	Path    string `lua:"path,required" doc:"of the new image"`
	Size    int64  `lua:"size,required" doc:"of the disk: whole MiB" unit:"bytes"`
	Format  string `lua:"format" doc:"of the image" enum:"VDI|VMDK|VHD" default:"VDI"`
	Variant string `lua:"variant" doc:"standard grows with what is written, fixed has all of its size from the start" enum:"standard|fixed" default:"standard"`
	Owner   `lua:",inline"`
}

// MadeMedium is what making an image came to.
type MadeMedium struct {
	Changed bool   `lua:"changed" doc:"it was, or in check mode would be, made"`
	Path    string `lua:"path"`
	UUID    string `lua:"uuid,produced"`
}

// CreateMedium makes an empty disk. One that is there with that size is left alone.
func CreateMedium(ctx context.Context, h effect.Doer, a CreateMediumArgs) (MadeMedium, error) {
	const op = "vbox.medium.create"
	done := MadeMedium{Path: path.Clean(a.Path)}
	if err := checkPath(op, "an image", a.Path); err != nil {
		return done, err
	}
	if a.Size <= 0 || a.Size%mib != 0 {
		return done, effect.WithHint(invalid(op, "size is %d bytes, which is no whole number of MiB", a.Size), "sizes are in bytes: 20 * 1024^3 are 20 GiB")
	}
	there, err := stat(ctx, h, op, a.As, a.Path)
	if err != nil {
		return done, err
	}
	if there != nil {
		m, err := a.medium(ctx, h, op, a.Path)
		if err == nil && m.Capacity != a.Size {
			err = effect.Errorf(effect.Failed, op, "%s is there, with %d bytes and not %d", a.Path, m.Capacity, a.Size)
		}
		done.UUID = m.UUID
		return done, err
	}
	verbs, err := a.verbs(ctx, h, op)
	if err != nil {
		return done, err
	}
	done.Changed = true
	res, err := a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{effect.File(a.Path), media}, Diff: note(a.Path, "create a disk of %d bytes, %s", a.Size, orDefault(a.Format, "VDI")),
	}, with(verbs.create, "--filename", a.Path, "--size", strconv.FormatInt(a.Size/mib, 10), "--format", orDefault(a.Format, "VDI"), "--variant", variantWord(a.Variant))...)
	if err != nil || res.Skipped {
		return done, err
	}
	m, err := a.medium(ctx, h, op, a.Path)
	done.UUID = m.UUID
	return done, err
}

func variantWord(variant string) string {
	switch variant {
	case "fixed":
		return "Fixed"
	case "stream":
		return "Stream"
	}
	return "Standard"
}

// stat describes a file as the machines' user sees it; nil: it is not there.
func stat(ctx context.Context, h effect.Doer, op, as, name string) (*effect.FileInfo, error) {
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, As: as, File: &effect.FileOp{Verb: effect.FileStat, Path: name}})
	return res.Info, err
}

// ResizeArgs are the arguments of Resize.
type ResizeArgs struct {
	Medium string `lua:"medium,required" doc:"path of the image, or UUID"`
	Size   int64  `lua:"size,required" doc:"that the disk shall have: whole MiB, and no less than now" unit:"bytes"`
	Owner  `lua:",inline"`
}

// Resize makes the disk of an image larger.
func Resize(ctx context.Context, h effect.Doer, a ResizeArgs) (Changed, error) {
	const op = "vbox.medium.resize"
	if a.Size <= 0 || a.Size%mib != 0 {
		return Changed{}, effect.WithHint(invalid(op, "size is %d bytes, which is no whole number of MiB", a.Size), "sizes are in bytes: 20 * 1024^3 are 20 GiB")
	}
	m, err := a.medium(ctx, h, op, a.Medium)
	switch {
	case err != nil || m.Capacity == a.Size:
		return Changed{}, err
	case m.Capacity > a.Size:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has %d bytes, and VirtualBox makes no disk smaller", a.Medium, m.Capacity),
			"copy what is in it to a new one")
	}
	verbs, err := a.verbs(ctx, h, op)
	if err != nil {
		return Changed{}, err
	}
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{on(a.Medium), media}, Diff: note(a.Medium, "size %d -> %d bytes", m.Capacity, a.Size),
	}, with(verbs.modify, a.Medium, "--resize", strconv.FormatInt(a.Size/mib, 10))...)
	return Changed{err == nil}, err
}

// Compacted is what compacting an image came to.
type Compacted struct {
	Changed bool  `lua:"changed" doc:"always: how much becomes free shows afterwards"`
	Before  int64 `lua:"before" doc:"size of the image, in whole MiB" unit:"bytes"`
	After   int64 `lua:"after,produced" doc:"size of the image, in whole MiB" unit:"bytes"`
}

// Compact gives back what an image uses for blocks of zeros.
func Compact(ctx context.Context, h effect.Doer, a MediumArgs) (Compacted, error) {
	const op = "vbox.medium.compact"
	m, err := a.medium(ctx, h, op, a.Medium)
	if err != nil {
		return Compacted{}, err
	}
	verbs, err := a.verbs(ctx, h, op)
	if err != nil {
		return Compacted{}, err
	}
	done := Compacted{Changed: true, Before: m.SizeOnDisk}
	res, err := a.job(ctx, h, work{
		op: op, key: "vbox-compact-" + a.Medium, title: tool + " modifymedium disk " + a.Medium + " --compact",
		argv:   with([]string{tool}, with(verbs.modify, a.Medium, "--compact")...),
		writes: []effect.Resource{on(a.Medium), media}, diff: note(a.Medium, "compact"),
	})
	if err != nil || res.skipped {
		return done, err
	}
	m, err = a.medium(ctx, h, op, a.Medium)
	done.After = m.SizeOnDisk
	return done, err
}

// CloseArgs are the arguments of Close.
type CloseArgs struct {
	Medium string `lua:"medium,required" doc:"path of the image, or UUID"`
	Delete bool   `lua:"delete" doc:"delete the image, too"`
	Owner  `lua:",inline"`
}

// Close makes VirtualBox forget an image.
func Close(ctx context.Context, h effect.Doer, a CloseArgs) (Changed, error) {
	const op = "vbox.medium.close"
	if err := checkMedium(op, a.Medium); err != nil {
		return Changed{}, err
	}
	known, err := ListMedia(ctx, h, a.Owner)
	if err != nil {
		return Changed{}, err
	}
	found := false
	for _, m := range known {
		same := m.Path == path.Clean(a.Medium) || m.UUID == a.Medium
		found = found || same
		if same && len(m.VMs) > 0 {
			return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the machine %s has %s", m.VMs[0].Name, a.Medium), "h.vbox.storage.detach takes it out")
		}
	}
	if !found && a.Delete && path.IsAbs(a.Medium) {
		there, err := stat(ctx, h, op, a.As, a.Medium)
		if err != nil {
			return Changed{}, err
		}
		found = there != nil
	}
	if !found {
		return Changed{}, nil
	}
	e := effect.Effect{Op: op, Writes: []effect.Resource{on(a.Medium), media}, Diff: note(a.Medium, "close")}
	args := []string{"closemedium", "disk", a.Medium}
	if a.Delete {
		e.Risk, e.Note, e.Diff.Note = effect.Irreversible, "the image "+a.Medium+" is deleted", "delete"
		args = append(args, "--delete")
	}
	_, err = a.change(ctx, h, e, args...)
	return Changed{err == nil}, err
}

// SetUUIDArgs are the arguments of SetUUID.
type SetUUIDArgs struct {
	Path  string `lua:"path,required" doc:"of the image"`
	UUID  string `lua:"uuid" doc:"the UUID; default: a new one, where another image that VirtualBox knows has the same"`
	Owner `lua:",inline"`
}

// SetUUID gives a copied image a UUID of its own.
func SetUUID(ctx context.Context, h effect.Doer, a SetUUIDArgs) (Changed, error) {
	const op = "vbox.medium.set_uuid"
	if err := checkPath(op, "an image", a.Path); err != nil {
		return Changed{}, err
	}
	if a.UUID != "" && !isUUID(a.UUID) {
		return Changed{}, invalid(op, "%q is no UUID", a.UUID)
	}
	m, err := a.medium(ctx, h, op, a.Path)
	clash := said(err, "already exists")
	switch {
	case err != nil && !clash:
		return Changed{}, err
	case !clash && (a.UUID == "" || m.UUID == a.UUID):
		return Changed{}, nil
	}
	return Changed{true}, a.setUUID(ctx, h, op, a.Path, a.UUID)
}

// ownUUID gives an image a new UUID where it has that of another one.
func (o Owner) ownUUID(ctx context.Context, h effect.Doer, op, name string) error {
	_, err := o.medium(ctx, h, op, name)
	if said(err, "already exists") {
		return o.setUUID(ctx, h, op, name, "")
	}
	if effect.KindOf(err) == effect.Unknown { // check mode: it is made before
		return nil
	}
	return err
}

func (o Owner) setUUID(ctx context.Context, h effect.Doer, op, name, uuid string) error {
	// A registered image that gets another UUID becomes inaccessible.
	known, err := ListMedia(ctx, h, o)
	if err != nil {
		return err
	}
	for _, m := range known {
		if m.Path == path.Clean(name) {
			return effect.WithHint(effect.Errorf(effect.Failed, op, "VirtualBox knows %s by its UUID", name), "h.vbox.medium.close first")
		}
	}
	args := []string{"internalcommands", "sethduuid", name}
	if uuid != "" {
		args = append(args, uuid)
	}
	_, err = o.change(ctx, h, effect.Effect{Op: op, Writes: []effect.Resource{effect.File(name)}, Diff: note(name, "give it a UUID of its own")}, args...)
	return err
}
