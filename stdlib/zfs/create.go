package zfs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// CreateArgs are the arguments of Create.
type CreateArgs struct {
	Name       string         `lua:"name,required" doc:"the new file system, or volume"`
	Size       any            `lua:"size" doc:"makes it a volume of this size: bytes, or text such as \"10G\""`
	Sparse     bool           `lua:"sparse" doc:"a volume that reserves no space"`
	Properties map[string]any `lua:"properties" doc:"values by property"`
	Parents    bool           `lua:"parents" doc:"create what is missing above it"`
	Mount      *bool          `lua:"mount" doc:"mount it, as canmount and mountpoint have it; false needs FreeBSD 13 or later" default:"true"`
	Key        effect.Secret  `lua:"key" doc:"key or passphrase of a new encryption root; goes by standard input"`
}

// Created is what a creation came to.
type Created struct {
	Changed bool `lua:"changed"`
	Created bool `lua:"created" doc:"it was not there; otherwise only properties were set"`
}

// fixed are properties that only the creation can set.
var fixed = strings.Fields("casesensitivity normalization utf8only volblocksize encryption keyformat")

// Create makes a dataset, or gives the one that is there the properties.
func Create(ctx context.Context, h effect.Doer, a CreateArgs) (Created, error) {
	const op = "zfs.create"
	if err := checkName(op, a.Name, ""); err != nil {
		return Created{}, err
	}
	wanted, err := texts(op, a.Properties)
	if err != nil {
		return Created{}, err
	}
	volume, err := a.volumeSize(op)
	if err != nil {
		return Created{}, err
	}
	found, err := one(ctx, h, op, a.Name)
	if err != nil {
		return Created{}, err
	}
	if found != nil {
		changed, err := a.adopt(ctx, h, op, found["type"], volume, wanted)
		return Created{Changed: changed}, err
	}
	_, err = run(ctx, h, a.effect(op, volume, wanted))
	return Created{Changed: err == nil, Created: err == nil}, err
}

// volumeSize is the size as zfs(8) takes it; empty for a file system.
func (a CreateArgs) volumeSize(op string) (string, error) {
	switch {
	case a.Size == nil && a.Sparse:
		return "", effect.Errorf(effect.Invalid, op, "only a volume can be sparse: give its size")
	case a.Size == nil:
		return "", nil
	}
	all, err := texts(op, map[string]any{"volsize": a.Size})
	if err != nil {
		return "", err
	}
	if n, ok := size(all["volsize"]); !ok || n == 0 {
		return "", effect.Errorf(effect.Invalid, op, "%q is no size of a volume", all["volsize"])
	}
	return all["volsize"], nil
}

// adopt brings a dataset that is there to the properties that were asked for.
func (a CreateArgs) adopt(ctx context.Context, h effect.Doer, op, kind, volume string, wanted map[string]string) (bool, error) {
	if isVolume := kind == "volume"; isVolume != (volume != "") {
		return false, effect.Errorf(effect.Failed, op, "%s is there already, and is a %s", a.Name, kind)
	}
	wanted = maps.Clone(wanted)
	if volume != "" {
		wanted["volsize"] = volume
	}
	asked := slices.DeleteFunc(slices.Clone(fixed), func(name string) bool { return wanted[name] == "" })
	if len(asked) > 0 {
		lines, err := get(ctx, h, op, a.Name, asked, false)
		if err != nil {
			return false, err
		}
		for _, line := range lines {
			// "on" names whatever cipher the release prefers.
			if !same(line.property, line.value, wanted[line.property]) && (wanted[line.property] != "on" || line.value == "off") {
				return false, effect.Errorf(effect.Failed, op, "%s is there already, with %s=%s, which only its creation can set", a.Name, line.property, line.value)
			}
			delete(wanted, line.property)
		}
	}
	done, err := set(ctx, h, op, a.Name, wanted)
	return done.Changed, err
}

func (a CreateArgs) effect(op, volume string, wanted map[string]string) effect.Effect {
	argv := []string{"zfs", "create"}
	if a.Parents {
		argv = append(argv, "-p")
	}
	if a.Mount != nil && !*a.Mount {
		argv = append(argv, "-u")
	}
	argv = append(argv, options(wanted)...)
	note := "create file system"
	if volume != "" {
		if a.Sparse {
			argv = append(argv, "-s")
		}
		argv, note = append(argv, "-V", volume), "create volume of "+volume
	}
	writes := []effect.Resource{below(a.Name)}
	if a.Parents {
		for above := parentOf(a.Name); above != ""; above = parentOf(above) {
			writes = append(writes, resource(above))
		}
	}
	if at := wanted["mountpoint"]; at != "" {
		writes = append(writes, mountedAt(at)...)
	} else if volume == "" {
		writes = append(writes, "file") // where it goes, its parents say
	}
	e := change(op, append(argv, a.Name), note, writes...)
	if a.Key.Reveal() != "" {
		e.Stdin = keyInput(a.Key, wanted["keyformat"])
	}
	return e
}

// options are -o words, in a stable order.
func options(properties map[string]string) []string {
	var argv []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		argv = append(argv, "-o", name+"="+properties[name])
	}
	return argv
}

// CloneArgs are the arguments of Clone.
type CloneArgs struct {
	Snapshot   string         `lua:"snapshot,required" doc:"the snapshot, such as \"zroot/data@monday\""`
	Name       string         `lua:"name,required" doc:"the new dataset"`
	Properties map[string]any `lua:"properties" doc:"values by property"`
	Parents    bool           `lua:"parents" doc:"create what is missing above it"`
}

// Clone makes a dataset that begins as a snapshot.
func Clone(ctx context.Context, h effect.Doer, a CloneArgs) (Created, error) {
	const op = "zfs.clone"
	if err := checkName(op, a.Snapshot, "@"); err != nil {
		return Created{}, err
	}
	if err := checkName(op, a.Name, ""); err != nil {
		return Created{}, err
	}
	wanted, err := texts(op, a.Properties)
	if err != nil {
		return Created{}, err
	}
	found, err := one(ctx, h, op, a.Name, "origin")
	if err != nil {
		return Created{}, err
	}
	if found != nil {
		if found["origin"] != a.Snapshot {
			return Created{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is there already, and is no clone of %s", a.Name, a.Snapshot),
				"destroy it, or choose another name; a clone that was promoted is no clone any more")
		}
		done, err := set(ctx, h, op, a.Name, wanted)
		return Created{Changed: done.Changed}, err
	}
	argv := []string{"zfs", "clone"}
	if a.Parents {
		argv = append(argv, "-p")
	}
	argv = append(argv, options(wanted)...)
	e := change(op, append(argv, a.Snapshot, a.Name), "clone of "+a.Snapshot, below(a.Name), resource(a.Snapshot), "file")
	_, err = run(ctx, h, e)
	return Created{Changed: err == nil, Created: err == nil}, err
}

// PromoteArgs are the arguments of Promote.
type PromoteArgs struct {
	Name string `lua:"name,required" doc:"a clone"`
}

// Promoted is what a promotion came to.
type Promoted struct {
	Changed bool   `lua:"changed" doc:"false for what is no clone"`
	Origin  string `lua:"origin,omitempty" doc:"the snapshot that it was a clone of, which is its own now"`
}

// Promote turns a clone and its origin around, so that the origin can go.
func Promote(ctx context.Context, h effect.Doer, a PromoteArgs) (Promoted, error) {
	const op = "zfs.promote"
	if err := checkName(op, a.Name, ""); err != nil {
		return Promoted{}, err
	}
	found, err := mustBe(ctx, h, op, a.Name, "origin")
	if err != nil {
		return Promoted{}, err
	}
	origin := known(found["origin"])
	if origin == "" {
		return Promoted{}, nil
	}
	_, err = run(ctx, h, change(op, []string{"zfs", "promote", a.Name}, "takes over the snapshots up to "+origin, below(a.Name), below(origin)))
	return Promoted{Changed: err == nil, Origin: origin}, err
}

// RenameArgs are the arguments of Rename.
type RenameArgs struct {
	From      string `lua:"from,required" doc:"a dataset or snapshot"`
	To        string `lua:"to,required" doc:"its new name; of a snapshot \"@name\" is enough"`
	Recursive bool   `lua:"recursive" doc:"the snapshots of that name of all datasets below"`
	Parents   bool   `lua:"parents" doc:"create what is missing above the new name"`
	Force     bool   `lua:"force" doc:"unmount file systems that are in use"`
}

// Changed tells whether a change was needed.
type Changed struct {
	Changed bool `lua:"changed"`
}

// Rename renames a dataset with what is below it, or a snapshot.
func Rename(ctx context.Context, h effect.Doer, a RenameArgs) (Changed, error) {
	const op = "zfs.rename"
	dataset, sign, _ := split(a.From)
	if strings.HasPrefix(a.To, "@") {
		a.To = dataset + a.To
	}
	if err := checkName(op, a.From, "", "@"); err != nil {
		return Changed{}, err
	}
	if err := checkName(op, a.To, sign); err != nil {
		return Changed{}, err
	}
	if a.Recursive && sign == "" {
		return Changed{}, effect.Errorf(effect.Invalid, op, "recursive is for snapshots: what is below a dataset moves along anyway")
	}
	found, err := one(ctx, h, op, a.From, "mountpoint")
	if err != nil {
		return Changed{}, err
	}
	there, err := one(ctx, h, op, a.To)
	switch {
	case err != nil:
		return Changed{}, err
	case found == nil && there != nil:
		return Changed{}, nil
	case found != nil && there != nil:
		return Changed{}, effect.Errorf(effect.Failed, op, "there are both %s and %s", a.From, a.To)
	case found == nil:
		return Changed{}, effect.Errorf(effect.Missing, op, "there is neither %s nor %s", a.From, a.To)
	}
	argv := []string{"zfs", "rename"}
	for flag, on := range map[string]bool{"-r": a.Recursive, "-p": a.Parents, "-f": a.Force} {
		if on {
			argv = append(argv, flag)
		}
	}
	slices.Sort(argv[2:])
	writes := []effect.Resource{below(a.From), below(a.To)}
	if sign == "" {
		writes = append(writes, "file")
	}
	_, err = run(ctx, h, change(op, append(argv, a.From, a.To), fmt.Sprintf("rename %s", a.From), writes...))
	return Changed{Changed: err == nil}, err
}
