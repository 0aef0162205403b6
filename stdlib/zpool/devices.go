package zpool

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// deviceChange is a command that alters which devices a pool has, or how they
// are used.
type deviceChange struct {
	op, pool string
	note     string
	risk     effect.Risk
	argv     []string // in front of the pool
	devices  []string // behind it
	what     string
}

func (c deviceChange) do(ctx context.Context, h effect.Doer) (effect.Result, error) {
	return change(ctx, h, effect.Effect{
		Op: c.op, Risk: c.risk, Note: c.note, Writes: onPool(c.pool),
		Argv: slices.Concat([]string{"zpool"}, c.argv, []string{c.pool}, c.devices),
		Diff: diff(c.pool, "%s", c.what),
	})
}

// look checks the devices' names and reads the pool's status.
func look(ctx context.Context, h effect.Doer, op, pool string, devices ...string) (Status, error) {
	if err := checkWords(op, "device", devices...); err != nil {
		return Status{}, err
	}
	return status(ctx, h, op, pool)
}

// AddArgs are the arguments of Add.
type AddArgs struct {
	Pool    string   `lua:"pool,required" doc:"name of the pool"`
	Devices []string `lua:"devices,required" doc:"devices and groups, as zpool add takes them: {\"mirror\", \"gpt/a\", \"gpt/b\"}, {\"cache\", \"nda0\"}"`
	Force   bool     `lua:"force" doc:"use devices that seem to be in use, or mix kinds of redundancy"`
}

// Add makes a pool larger by devices that it does not have yet.
func Add(ctx context.Context, h effect.Doer, a AddArgs) (Changed, error) {
	const op = "zpool.add"
	now, err := look(ctx, h, op, a.Pool, a.Devices...)
	if err != nil || now.hasAll(a.Devices) {
		return Changed{}, err
	}
	c := deviceChange{op: op, pool: a.Pool, argv: []string{"add"}, devices: a.Devices, what: "add " + strings.Join(a.Devices, " "),
		risk: effect.Irreversible, note: "many devices that were added cannot be removed again"}
	if a.Force {
		c.argv = append(c.argv, "-f")
	}
	_, err = c.do(ctx, h)
	return Changed{err == nil}, err
}

// hasAll tells whether the pool has every device of a description.
func (s *Status) hasAll(words []string) bool {
	any := false
	for _, word := range words {
		if isGroupWord(word) {
			continue
		}
		any = true
		if v, _ := find(s.Vdevs, word); v == nil {
			return false
		}
	}
	return any
}

// isGroupWord tells the words of a description that are no devices.
func isGroupWord(word string) bool {
	switch word {
	case "log", "cache", "spare", "special", "dedup":
		return true
	}
	return groupForm.MatchString(word)
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Pool    string   `lua:"pool,required" doc:"name of the pool"`
	Devices []string `lua:"devices,required" doc:"devices or groups, as h.zpool.status names them"`
	Cancel  bool     `lua:"cancel" doc:"cancel a removal that is under way instead; devices may then be empty"`
}

const redundancyNote = "changes the redundancy of the pool"

// Remove takes devices out of a pool; their data moves to the others. What the
// pool does not have is left alone.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Changed, error) {
	const op = "zpool.remove"
	if !a.Cancel && len(a.Devices) == 0 {
		return Changed{}, effect.Errorf(effect.Invalid, op, "no device is named")
	}
	now, err := look(ctx, h, op, a.Pool, a.Devices...)
	if err != nil {
		return Changed{}, err
	}
	c := deviceChange{op: op, pool: a.Pool, argv: []string{"remove"}, risk: effect.Disruptive, note: redundancyNote}
	if a.Cancel {
		if !strings.Contains(now.Removal, "in progress") {
			return Changed{}, nil
		}
		c.argv, c.what, c.risk = append(c.argv, "-s"), "cancel the removal", effect.Safe
	} else {
		c.devices = now.known(a.Devices)
		if len(c.devices) == 0 {
			return Changed{}, nil
		}
		c.what = "remove " + strings.Join(c.devices, " ")
	}
	_, err = c.do(ctx, h)
	return Changed{err == nil}, err
}

// known are those of the devices that the pool has.
func (s *Status) known(devices []string) []string {
	var there []string
	for _, device := range devices {
		if v, _ := find(s.Vdevs, device); v != nil {
			there = append(there, device)
		}
	}
	return there
}

// AttachArgs are the arguments of Attach.
type AttachArgs struct {
	Pool   string `lua:"pool,required" doc:"name of the pool"`
	Device string `lua:"device,required" doc:"device that the new one shall mirror, or a raidz group to widen"`
	New    string `lua:"new,required" doc:"device to attach"`
	Force  bool   `lua:"force" doc:"use the new device although it seems to be in use"`
}

// Attach makes a mirror of a device, or a mirror wider. The resilver goes on
// after the call; zpool.wait waits for it.
func Attach(ctx context.Context, h effect.Doer, a AttachArgs) (Changed, error) {
	const op = "zpool.attach"
	now, err := look(ctx, h, op, a.Pool, a.Device, a.New)
	if err != nil {
		return Changed{}, err
	}
	if found, group := find(now.Vdevs, a.New); found != nil && group != nil {
		beside, _ := find(group.Vdevs, a.Device)
		if beside != nil || group.named(a.Device) {
			return Changed{}, nil
		}
	}
	c := deviceChange{op: op, pool: a.Pool, argv: []string{"attach"}, devices: []string{a.Device, a.New}, what: "attach " + a.New + " to " + a.Device}
	if a.Force {
		c.argv = append(c.argv, "-f")
		c.risk, c.note = effect.Irreversible, "writes over a device that may be in use"
	}
	_, err = c.do(ctx, h)
	return Changed{err == nil}, err
}

// DetachArgs are the arguments of Detach.
type DetachArgs struct {
	Pool   string `lua:"pool,required" doc:"name of the pool"`
	Device string `lua:"device,required" doc:"device of a mirror"`
}

// Detach takes a device out of a mirror, unless the pool does not have it.
func Detach(ctx context.Context, h effect.Doer, a DetachArgs) (Changed, error) {
	const op = "zpool.detach"
	now, err := look(ctx, h, op, a.Pool, a.Device)
	if err != nil || len(now.known([]string{a.Device})) == 0 {
		return Changed{}, err
	}
	_, err = deviceChange{op: op, pool: a.Pool, argv: []string{"detach"}, devices: []string{a.Device}, what: "detach " + a.Device,
		risk: effect.Disruptive, note: redundancyNote}.do(ctx, h)
	return Changed{err == nil}, err
}

// ReplaceArgs are the arguments of Replace.
type ReplaceArgs struct {
	Pool   string `lua:"pool,required" doc:"name of the pool"`
	Device string `lua:"device,required" doc:"device to replace: its name, or the guid that status shows for one that is gone"`
	New    string `lua:"new,pos" doc:"device that takes its place; default: another disk in the same place"`
	Force  bool   `lua:"force" doc:"use the new device although it seems to be in use"`
}

// Replace puts another device in a device's place. The resilver goes on after
// the call; zpool.wait waits for it.
func Replace(ctx context.Context, h effect.Doer, a ReplaceArgs) (Changed, error) {
	const op = "zpool.replace"
	words := []string{a.Device}
	if a.New != "" {
		words = append(words, a.New)
	}
	now, err := look(ctx, h, op, a.Pool, words...)
	if err != nil || now.replaced(a.Device, a.New) {
		return Changed{}, err
	}
	c := deviceChange{op: op, pool: a.Pool, argv: []string{"replace"}, devices: words, what: "replace " + strings.Join(words, " by "),
		risk: effect.Disruptive, note: redundancyNote}
	if a.Force {
		c.argv = append(c.argv, "-f")
		c.risk, c.note = effect.Irreversible, "writes over a device that may be in use"
	}
	_, err = c.do(ctx, h)
	return Changed{err == nil}, err
}

// replaced tells whether a device has taken the other's place already, or is on
// its way there.
func (s *Status) replaced(device, by string) bool {
	old, group := find(s.Vdevs, device)
	if by == "" || by == device {
		return old != nil && group != nil && group.Type == "replacing"
	}
	newer, newGroup := find(s.Vdevs, by)
	if newer == nil {
		return false
	}
	return old == nil || newGroup != nil && newGroup.Type == "replacing" && group != nil && group.Name == newGroup.Name
}

// OnlineArgs are the arguments of Online.
type OnlineArgs struct {
	Pool    string   `lua:"pool,required" doc:"name of the pool"`
	Devices []string `lua:"devices,required" doc:"devices"`
	Expand  bool     `lua:"expand" doc:"let the pool use what a larger device offers"`
}

// Online brings devices back into use.
func Online(ctx context.Context, h effect.Doer, a OnlineArgs) (Changed, error) {
	const op = "zpool.online"
	now, err := look(ctx, h, op, a.Pool, a.Devices...)
	if err != nil {
		return Changed{}, err
	}
	devices := now.notIn(a.Devices, "ONLINE")
	c := deviceChange{op: op, pool: a.Pool, argv: []string{"online"}, devices: devices, what: "bring online " + strings.Join(devices, " ")}
	if a.Expand {
		c.argv, c.devices = append(c.argv, "-e"), a.Devices
	}
	if len(c.devices) == 0 {
		return Changed{}, nil
	}
	res, err := c.do(ctx, h)
	if err != nil || res.Skipped {
		return Changed{err == nil}, err
	}
	if warning := string(res.Stdout.Tail(1<<10)) + string(res.Stderr.Tail(1<<10)); strings.Contains(warning, "remains in faulted state") {
		return Changed{true}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s", strings.TrimSpace(warning)),
			"h.zpool.replace puts another device in its place")
	}
	return Changed{true}, nil
}

// notIn are the devices that are not in a state, or not known.
func (s *Status) notIn(devices []string, state string) []string {
	var other []string
	for _, device := range devices {
		if v, _ := find(s.Vdevs, device); v == nil || v.State != state {
			other = append(other, device)
		}
	}
	return other
}

// OfflineArgs are the arguments of Offline.
type OfflineArgs struct {
	Pool      string   `lua:"pool,required" doc:"name of the pool"`
	Devices   []string `lua:"devices,required" doc:"devices"`
	Temporary bool     `lua:"temporary" doc:"until the next boot only"`
}

// Offline takes devices out of use; the pool stays readable without them, or
// the tool refuses.
func Offline(ctx context.Context, h effect.Doer, a OfflineArgs) (Changed, error) {
	const op = "zpool.offline"
	now, err := look(ctx, h, op, a.Pool, a.Devices...)
	if err != nil {
		return Changed{}, err
	}
	c := deviceChange{op: op, pool: a.Pool, argv: []string{"offline"}, devices: now.notIn(a.Devices, "OFFLINE"),
		risk: effect.Disruptive, note: redundancyNote}
	if len(c.devices) == 0 {
		return Changed{}, nil
	}
	c.what = "take offline " + strings.Join(c.devices, " ")
	if a.Temporary {
		c.argv = append(c.argv, "-t")
	}
	_, err = c.do(ctx, h)
	return Changed{err == nil}, err
}

// ClearArgs are the arguments of Clear.
type ClearArgs struct {
	Pool   string `lua:"pool,required" doc:"name of the pool"`
	Device string `lua:"device,pos" doc:"only this device; default: all"`
}

// Clear forgets the errors that were counted, and lets a suspended pool go on.
func Clear(ctx context.Context, h effect.Doer, a ClearArgs) (Changed, error) {
	const op = "zpool.clear"
	var devices []string
	if a.Device != "" {
		devices = []string{a.Device}
	}
	now, err := look(ctx, h, op, a.Pool, devices...)
	if err != nil || now.clean(a.Device) {
		return Changed{}, err
	}
	_, err = deviceChange{op: op, pool: a.Pool, argv: []string{"clear"}, devices: devices, what: "clear the errors"}.do(ctx, h)
	return Changed{err == nil}, err
}

// clean tells whether there is nothing to clear.
func (s *Status) clean(device string) bool {
	devices := s.Vdevs
	if device != "" {
		v, _ := find(s.Vdevs, device)
		if v == nil {
			return false
		}
		devices = []Vdev{*v}
	} else if s.State == "SUSPENDED" || s.State == "FAULTED" || s.Errors.Count != 0 || s.Read+s.Write+s.Checksum > 0 {
		return false
	}
	for _, v := range devices {
		if v.Read+v.Write+v.Checksum > 0 || v.State == "FAULTED" || v.State == "UNAVAIL" || strings.Contains(v.Note, "too many errors") {
			return false
		}
		if below := (&Status{Vdevs: v.Vdevs, State: "ONLINE"}); len(v.Vdevs) > 0 && !below.clean("") {
			return false
		}
	}
	return true
}

// LabelclearArgs are the arguments of Labelclear.
type LabelclearArgs struct {
	Device string `lua:"device,required" doc:"device, as /dev/gpt/disk1"`
	Force  bool   `lua:"force" doc:"also where it is part of an exported pool or one that is not known to be gone"`
}

// Labelclear removes the label that makes a device part of a pool.
func Labelclear(ctx context.Context, h effect.Doer, a LabelclearArgs) (Changed, error) {
	const op = "zpool.labelclear"
	if err := checkWords(op, "device", a.Device); err != nil {
		return Changed{}, err
	}
	argv := []string{"zpool", "labelclear"}
	if a.Force {
		argv = append(argv, "-f")
	}
	_, err := change(ctx, h, effect.Effect{
		Op: op, Risk: effect.Irreversible, Note: "removes the ZFS label of a disk", Argv: append(argv, a.Device),
		Writes: []effect.Resource{"zpool", "disk:" + effect.Resource(strings.TrimPrefix(a.Device, "/dev/"))},
		Diff:   diff(a.Device, "remove the ZFS label"),
	})
	if said(err, "failed to clear label") || said(err, "failed to read label") || said(err, "is not labeled") {
		return Changed{}, effect.WithHint(err, "there may be no label to clear")
	}
	return Changed{err == nil}, err
}
