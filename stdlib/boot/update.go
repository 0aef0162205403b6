package boot

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/gpart"
)

// UpdateArgs are the arguments of Update.
type UpdateArgs struct {
	Backup string   `lua:"backup" doc:"folder of the host that keeps what was there" default:"/var/backups/bootcode"`
	Skip   []string `lua:"skip" doc:"disks to leave alone, such as one whose partition is too small"`
}

// Updated is what an update of boot code came to.
type Updated struct {
	Changed  bool     `lua:"changed" doc:"boot code was, or in check mode would be, written"`
	Written  []string `lua:"written" doc:"places that were written: ada0, ada0p1, ada1p1:/EFI/BOOT/BOOTX64.EFI"`
	Missing  []string `lua:"missing" doc:"members of the pool that are not there, and so keep what they have"`
	Problems []string `lua:"problems" doc:"what is not as it should be on disks that were skipped or are missing"`
	Backups  []string `lua:"backups,produced" doc:"files with what was there before"`
	Disks    []Disk   `lua:"disks,produced" doc:"the disks as they are now, read back"`
}

// Update writes the boot code of /boot wherever the host has older one.
func Update(ctx context.Context, h effect.Doer, a UpdateArgs) (Updated, error) {
	const op = "boot.update"
	done := Updated{Written: []string{}, Missing: []string{}, Problems: []string{}, Backups: []string{}, Disks: []Disk{}}
	if a.Backup == "" {
		a.Backup = "/var/backups/bootcode"
	}
	if a.Backup[0] != '/' {
		return done, effect.Errorf(effect.Invalid, op, "the folder %q is no absolute path", a.Backup)
	}
	p, err := plan(ctx, h, op)
	if err != nil {
		return done, err
	}
	done.Missing, done.Problems = p.Missing, p.Problems
	if err := p.possible(op, a.Skip); err != nil {
		return done, err
	}
	skipped := false
	for _, d := range p.Disks {
		if d.Missing || slices.Contains(a.Skip, d.Name) {
			continue
		}
		s, err := done.disk(ctx, h, op, d, p.system, a)
		if err != nil {
			return done, done.reached(err)
		}
		skipped = skipped || s
	}
	done.Changed = len(done.Written) > 0
	if skipped || !done.Changed {
		done.Disks = p.Disks
		return done, nil
	}
	return done, done.verify(ctx, h, op, a.Skip)
}

// possible refuses, before anything is written, an update that would leave a disk
// with boot code that is not the others'.
func (p Plan) possible(op string, skip []string) error {
	var wrong []string
	for _, d := range p.Disks {
		if d.Missing || slices.Contains(skip, d.Name) {
			continue
		}
		for _, c := range d.Codes {
			if c.stuck() {
				wrong = append(wrong, d.Name+": "+c.describe())
			}
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return effect.WithHint(effect.Errorf(effect.Failed, op, "nothing was written: %s", strings.Join(wrong, "; ")),
		"put that right first, or leave the disk out with skip: the host then boots from the others alone")
}

// disk updates one disk.
func (done *Updated) disk(ctx context.Context, h effect.Doer, op string, d Disk, system mounted, a UpdateArgs) (skipped bool, err error) {
	if stale := d.stale("pmbr", "gptboot", "gptzfsboot"); len(stale) > 0 {
		code := d.code("gptboot", "gptzfsboot")
		made, err := gpart.WriteBootcode(ctx, h, op, d.table, gpart.BootcodeArgs{
			Disk: d.Name, Partcode: code.File, Bootcode: "/boot/pmbr", Index: d.index(code.Device), Backup: a.Backup,
		})
		if err != nil {
			return false, err
		}
		done.note(stale, made.Backups)
		skipped = made.Changed && len(made.Backups) == 0 // which only check mode leaves out
	}
	for _, part := range d.table.OfType("efi") {
		stale := slices.DeleteFunc(d.stale("loader.efi", "boot1.efi"), func(c Code) bool { return c.Device != part.Name })
		if len(stale) == 0 {
			continue
		}
		at := system.at(part)
		if at.readOnly {
			return false, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is mounted read-only on %s", part.Name, at.dir), "mount -uw %s, or unmount it", at.dir)
		}
		var paths []string
		for _, c := range stale {
			paths = append(paths, c.Path)
		}
		kept, s, err := writeESP(ctx, h, op, part, at, a.Backup, paths)
		if err != nil {
			return false, err
		}
		done.note(stale, kept)
		skipped = skipped || s
	}
	return skipped, nil
}

// reached adds to an error what had been written before.
func (done *Updated) reached(err error) error {
	if len(done.Written) == 0 {
		return err
	}
	known := *effect.AsError(err)
	known.Reached = "written: " + strings.Join(done.Written, ", ")
	return &known
}

func (done *Updated) note(written []Code, kept []string) {
	for _, c := range written {
		done.Written = append(done.Written, c.Place())
	}
	done.Backups = append(done.Backups, kept...)
}

// stale are the codes of some kinds that an update writes.
func (d Disk) stale(kinds ...string) []Code {
	return slices.DeleteFunc(slices.Clone(d.Codes), func(c Code) bool { return !c.stale() || !slices.Contains(kinds, c.Kind) })
}

// code is the disk's code of one of the kinds.
func (d Disk) code(kinds ...string) Code {
	for _, c := range d.Codes {
		if slices.Contains(kinds, c.Kind) {
			return c
		}
	}
	return Code{}
}

// index is the number of a partition by its device.
func (d Disk) index(device string) int {
	for _, p := range d.table.Partitions {
		if p.Name == device {
			return p.Index
		}
	}
	return 0
}

// verify looks at everything anew: what was written has to be there.
func (done *Updated) verify(ctx context.Context, h effect.Doer, op string, skip []string) error {
	after, err := plan(ctx, h, op)
	if err != nil {
		return err
	}
	done.Disks, done.Missing, done.Problems = after.Disks, after.Missing, after.Problems
	for _, d := range after.Disks {
		if d.Missing || slices.Contains(skip, d.Name) {
			continue
		}
		for _, c := range d.Codes {
			if c.stale() || c.stuck() {
				return effect.WithHint(effect.Errorf(effect.Failed, op, "%s is still %s after it was written: %s is read, %s was written", c.Place(), c.State, c.Installed, c.Wanted),
					"do not reboot; look at the disk's health. What was there is in %s", strings.Join(done.Backups, " and "))
			}
		}
	}
	return nil
}
