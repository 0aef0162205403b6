package mount

import (
	"context"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

const fstabPath = "/etc/fstab"

// FileSystem is something mounted, or a line of fstab.
type FileSystem struct {
	Device     string   `lua:"device" doc:"device, dataset, host:/path, directory or other source"`
	Mountpoint string   `lua:"mountpoint" doc:"where; none for swap"`
	Type       string   `lua:"type" doc:"ufs, zfs, tmpfs, nfs, nullfs, msdosfs, swap ..."`
	Options    []string `lua:"options" doc:"as it is mounted; of what is not, as fstab has them"`
	Mounted    bool     `lua:"mounted" doc:"it is mounted; of swap it is not told"`
	Fstab      bool     `lua:"fstab" doc:"fstab has a line for it"`
	Dump       int      `lua:"dump" doc:"how often dump(8) is to save it"`
	Pass       int      `lua:"pass" doc:"in which pass fsck(8) checks it; 0: never"`
}

func (e entry) fileSystem(mounted, inFstab bool) FileSystem {
	return FileSystem{
		Device: e.device, Mountpoint: e.point, Type: e.kind, Options: e.options, Mounted: mounted, Fstab: inFstab, Dump: e.dump, Pass: e.pass,
	}
}

// List lists what is mounted and what fstab names.
func List(ctx context.Context, h effect.Doer) ([]FileSystem, error) {
	const op = "mount.list"
	mounted, err := mountedNow(ctx, h, op, "")
	if err != nil {
		return nil, err
	}
	text, _, err := file.Content(ctx, h, op, fstabPath)
	if err != nil {
		return nil, err
	}
	lines := parseFstab(string(text))
	all := []FileSystem{}
	for _, m := range mounted {
		at := slices.IndexFunc(lines, func(e entry) bool { return e.point == m.point && e.kind != "swap" })
		if at >= 0 {
			m.dump, m.pass = lines[at].dump, lines[at].pass
			lines = slices.Delete(lines, at, at+1)
		}
		all = append(all, m.fileSystem(true, at >= 0))
	}
	for _, e := range lines {
		all = append(all, e.fileSystem(false, true))
	}
	return all, nil
}

// resource is what is mounted on a directory.
func resource(point string) effect.Resource { return effect.Resource("mount:" + point) }

// mountedNow lists what is mounted: on one directory, or at all. Check mode
// answers for a directory on which it would have mounted something.
func mountedNow(ctx context.Context, h effect.Doer, op, point string) ([]entry, error) {
	e := effect.Effect{Op: op, Kind: effect.Read, Argv: []string{"mount", "-p"}, Reads: []effect.Resource{"mount"}}
	if point != "" {
		e.Reads = []effect.Resource{resource(point)}
		e.Answer = func(left map[effect.Resource]string) (effect.Result, bool) {
			line, ok := left[resource(point)]
			return effect.Result{Stdout: effect.OutputOf([]byte(line))}, ok
		}
	}
	res, err := h.Do(ctx, e)
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	list, err := parseMounted(out)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%v", err)
	}
	if point != "" {
		list = slices.DeleteFunc(list, func(m entry) bool { return m.point != point })
	}
	return list, nil
}

// Changed is what was changed.
type Changed struct {
	Changed bool `lua:"changed" doc:"one of the two, or in check mode would be"`
	Mounted bool `lua:"mounted" doc:"it was mounted, mounted with other options, or unmounted"`
	Fstab   bool `lua:"fstab" doc:"fstab was changed"`
}

func (c *Changed) note(mounted, fstab bool) {
	c.Mounted, c.Fstab = c.Mounted || mounted, c.Fstab || fstab
	c.Changed = c.Mounted || c.Fstab
}

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`Operation not permitted|Permission denied`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\")"},
	{Pattern: lazyregexp.New(`cannot be mounted using|legacy`), Kind: effect.Failed, Hint: "give the dataset the property mountpoint=legacy, or let ZFS mount it and leave fstab alone"},
	{Pattern: lazyregexp.New(`No such file or directory|unknown special file|dataset does not exist`), Kind: effect.Missing, Hint: "there is no such device, dataset or directory"},
	{Pattern: lazyregexp.New(`Device busy|Resource busy`), Kind: effect.Failed, Hint: "something in it is in use: fstat(1) tells what; force=true takes it away nevertheless"},
	{Pattern: lazyregexp.New(`Invalid argument|Invalid fstype|incorrect super block`), Kind: effect.Failed, Hint: "the device holds no file system of that type"},
	{Pattern: lazyregexp.New(`Operation not supported`), Kind: effect.Failed, Hint: "the kernel has no such file system: kldload its module first"},
}

func do(ctx context.Context, h effect.Doer, e effect.Effect) error {
	_, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return err
}

// EnsureArgs are the arguments of Ensure.
type EnsureArgs struct {
	Mountpoint string   `lua:"mountpoint,required" doc:"the directory; it is made where it is missing"`
	Device     string   `lua:"device" doc:"what is mounted: device, dataset, host:/path, or tmpfs"`
	Type       string   `lua:"type" doc:"its file system" enum:"ufs|zfs|nfs|tmpfs|nullfs|msdosfs|devfs|procfs|fdescfs|linprocfs|linsysfs|cd9660|ext2fs"`
	Options    []string `lua:"options" doc:"mount options; rw where none says otherwise"`
	Dump       int      `lua:"dump" doc:"how often dump(8) saves it" default:"0"`
	Pass       int      `lua:"pass" doc:"pass of fsck(8): 2 for a file system that it checks" default:"0"`
	Mounted    *bool    `lua:"mounted" doc:"mount it now; without, options must hold noauto or failok, since nobody has tried the line" default:"true"`
	Fstab      *bool    `lua:"fstab" doc:"mount it at boot, too" default:"true"`
}

func isTrue(v *bool) bool { return v == nil || *v }

// access are the options one of which every line of fstab needs.
var access = []string{"rw", "ro", "rq"}

// bootOnly are options that speak to the boot, not to the kernel.
var bootOnly = []string{"noauto", "late", "failok", "nofail"}

var optionForm = lazyregexp.New(`^[^\s,#]+$`)

// entry checks the arguments, and is the line of fstab that they mean.
func (a EnsureArgs) entry(op string) (entry, error) {
	e := entry{device: a.Device, point: a.Mountpoint, kind: a.Type, options: slices.Clone(a.Options), dump: a.Dump, pass: a.Pass}
	if err := checkPoint(op, a.Mountpoint); err != nil {
		return e, err
	}
	switch {
	case a.Device == "" || strings.HasPrefix(a.Device, "-") || strings.ContainsAny(a.Device, "\n\x00"):
		return e, effect.Errorf(effect.Invalid, op, "%q is nothing that can be mounted", a.Device)
	case a.Type == "":
		return e, effect.Errorf(effect.Invalid, op, "say of which type the file system is")
	case a.Dump < 0 || a.Pass < 0:
		return e, effect.Errorf(effect.Invalid, op, "dump and pass are no less than 0")
	case !isTrue(a.Mounted) && !isTrue(a.Fstab):
		return e, effect.Errorf(effect.Invalid, op, "neither mounted nor in fstab: h.mount.remove does that")
	case !isTrue(a.Mounted) && !slices.Contains(a.Options, "noauto") && !slices.Contains(a.Options, "failok"):
		return e, effect.WithHint(effect.Errorf(effect.Invalid, op, "a line that nobody has tried could stop the next boot"), "let it be mounted, or give it the option noauto or failok")
	}
	for _, option := range a.Options {
		if !optionForm.MatchString(option) {
			return e, effect.Errorf(effect.Invalid, op, "%q is no mount option", option)
		}
	}
	if !slices.ContainsFunc(e.options, func(o string) bool { return slices.Contains(access, o) }) {
		e.options = append([]string{"rw"}, e.options...)
	}
	return e, nil
}

func checkPoint(op, point string) error {
	if !path.IsAbs(point) || path.Clean(point) != point || strings.ContainsAny(point, "\n\x00#") {
		return effect.Errorf(effect.Invalid, op, "%q is no directory to mount on", point)
	}
	if point == "/" || point == "/dev" {
		return effect.Errorf(effect.Invalid, op, "%s is the system's own", point)
	}
	return nil
}

// Ensure makes a file system mounted and a line of fstab.
func Ensure(ctx context.Context, h effect.Doer, a EnsureArgs) (Changed, error) {
	const op = "mount.ensure"
	var done Changed
	want, err := a.entry(op)
	if err != nil {
		return done, err
	}
	rewrite := func(src []byte) ([]byte, error) {
		text, err := setLine(string(src), want)
		return []byte(text), err
	}
	if isTrue(a.Fstab) {
		// What it would come to is looked at before anything is mounted.
		src, _, err := file.Content(ctx, h, op, fstabPath)
		if err == nil {
			_, err = rewrite(src)
		}
		if err != nil {
			return done, effect.AsError(err)
		}
	}
	if isTrue(a.Mounted) {
		changed, err := attach(ctx, h, op, want)
		if err != nil {
			return done, err
		}
		done.note(changed, false)
	}
	if isTrue(a.Fstab) {
		made, err := file.Edit(ctx, h, op, fstabPath, file.Careful{Create: true}, rewrite)
		if err != nil {
			return done, err
		}
		done.note(false, made.Changed)
	}
	return done, nil
}

// attach mounts what is not mounted, and mounts with other options what is
// mounted with the wrong ones.
func attach(ctx context.Context, h effect.Doer, op string, want entry) (bool, error) {
	there, err := mountedNow(ctx, h, op, want.point)
	if err != nil {
		return false, err
	}
	if len(there) == 0 {
		if err := noLink(ctx, h, op, want.point); err != nil {
			return false, err
		}
		if _, err := file.Mkdir(ctx, h, file.MkdirArgs{Path: want.point}); err != nil {
			return false, err
		}
		return true, do(ctx, h, mounting(op, want, "mount "+want.device))
	}
	top := there[len(there)-1]
	if !sameDevice(top, want) {
		return false, effect.WithHint(effect.Errorf(effect.Failed, op, "%s (%s) is mounted on %s, not %s (%s)", top.device, top.kind, top.point, want.device, want.kind),
			"h.mount.remove takes it away")
	}
	updatable := slices.Contains([]string{"ufs", "msdosfs", "tmpfs"}, want.kind)
	flags := differing(top.options, want.options, updatable)
	if len(flags) == 0 {
		return false, nil
	}
	if !updatable {
		return false, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is mounted with %s, and a file system of type %s cannot be given %s as it is",
			want.point, strings.Join(top.options, ","), want.kind, strings.Join(flags, ",")), "unmount it first, or change its options by its own means: zfs set")
	}
	e := mounting(op, want, "mount with "+strings.Join(flags, ","))
	e.Argv = []string{"mount", "-u", "-o", strings.Join(updating(want.options, flags), ","), want.point}
	return true, do(ctx, h, e)
}

// noLink refuses a directory that has another name: what is mounted is known by
// its own.
func noLink(ctx context.Context, h effect.Doer, op, point string) error {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"realpath", point}, Reads: []effect.Resource{effect.File(point)}, Want: []int{0, 1},
	})
	if effect.KindOf(err) == effect.Unknown {
		return nil // it would have been made or mounted by this run
	}
	if err != nil {
		return err
	}
	out, err := res.Text()
	if real := strings.TrimSuffix(out, "\n"); err == nil && res.Code == 0 && real != point {
		return effect.Errorf(effect.Invalid, op, "%s is %s by its own name: give that", point, real)
	}
	return err
}

// mounting is the effect that mounts an entry.
func mounting(op string, want entry, note string) effect.Effect {
	options := slices.DeleteFunc(slices.Clone(want.options), func(o string) bool { return slices.Contains(bootOnly, o) })
	return effect.Effect{
		Op: op, Kind: effect.Change, Argv: []string{"mount", "-t", want.kind, "-o", strings.Join(options, ","), want.device, want.point},
		Writes: []effect.Resource{resource(want.point), effect.Tree(want.point)},
		Leaves: map[effect.Resource]string{resource(want.point): shown(want)},
		Diff:   &effect.Diff{Path: want.point, Note: note},
	}
}

// shown is an entry as mount -p would show it.
func shown(e entry) string {
	options := []string{"rw"}
	for _, o := range e.options {
		switch {
		case o == "ro":
			options[0] = "ro"
		case isFlag(o):
			options = append(options, o)
		}
	}
	return e.device + "\t" + e.point + "\t" + e.kind + "\t" + strings.Join(options, ",") + "\t0 0\n"
}

// sameDevice tells whether what is mounted is what is wanted. The names of some
// sources are not kept, and devices may go without /dev.
func sameDevice(is, want entry) bool {
	if is.kind != want.kind {
		return false
	}
	if slices.Contains([]string{"tmpfs", "devfs", "procfs", "fdescfs", "linprocfs", "linsysfs"}, want.kind) {
		return true
	}
	return strings.TrimPrefix(is.device, "/dev/") == strings.TrimPrefix(want.device, "/dev/")
}

// flags are the options that mount -p shows, and what takes each back.
var flags = []struct{ set, unset string }{
	{"ro", "rw"}, {"noexec", "exec"}, {"nosuid", "suid"}, {"noatime", "atime"}, {"nosymfollow", "symfollow"},
	{"sync", "nosync"}, {"async", "noasync"},
}

func isFlag(option string) bool {
	return slices.ContainsFunc(flags, func(f struct{ set, unset string }) bool { return f.set == option })
}

// differing are the options to give to what is mounted, so that its flags are
// those wanted. Where they also come from elsewhere (the properties of a dataset,
// the file system below a nullfs) only what is wanted counts.
func differing(is, want []string, all bool) []string {
	var list []string
	for _, f := range flags {
		has, needs := slices.Contains(is, f.set), slices.Contains(want, f.set)
		switch {
		case needs && !has:
			list = append(list, f.set)
		case has && !needs && (all || f.set == "ro"):
			list = append(list, f.unset)
		}
	}
	return list
}

// updating are the options of mount -u: all that are wanted, since what it is not
// told goes, and what takes the others back.
func updating(want, differing []string) []string {
	list := slices.DeleteFunc(slices.Clone(want), func(o string) bool { return o != "rw" && !isFlag(o) })
	for _, option := range differing {
		if !slices.Contains(list, option) && option != "nosync" {
			list = append(list, option)
		}
	}
	return list
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Mountpoint string `lua:"mountpoint,required" doc:"the directory"`
	Force      bool   `lua:"force" doc:"also when files in it are in use (umount -f)"`
}

// Remove unmounts a file system and removes its line of fstab.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Changed, error) {
	const op = "mount.remove"
	var done Changed
	if err := checkPoint(op, a.Mountpoint); err != nil {
		return done, err
	}
	there, err := mountedNow(ctx, h, op, a.Mountpoint)
	if err != nil {
		return done, err
	}
	for range there { // one may cover another
		if err := do(ctx, h, unmounting(op, a)); err != nil {
			return done, err
		}
		done.note(true, false)
	}
	made, err := file.Edit(ctx, h, op, fstabPath, file.Careful{Create: true}, func(src []byte) ([]byte, error) {
		text, err := dropLine(string(src), a.Mountpoint)
		return []byte(text), err
	})
	if err != nil {
		return done, err
	}
	done.note(false, made.Changed)
	return done, nil
}

func unmounting(op string, a RemoveArgs) effect.Effect {
	argv := []string{"umount"}
	if a.Force {
		argv = append(argv, "-f")
	}
	return effect.Effect{
		Op: op, Kind: effect.Change, Argv: append(argv, a.Mountpoint),
		Writes: []effect.Resource{resource(a.Mountpoint), effect.Tree(a.Mountpoint)},
		Leaves: map[effect.Resource]string{resource(a.Mountpoint): ""},
		Diff:   &effect.Diff{Path: a.Mountpoint, Note: "unmount"},
	}
}
