package zfs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

var propertyForm = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.:@#-]*$`)

func checkProperties(op string, names []string) error {
	for _, name := range names {
		if !propertyForm.MatchString(name) {
			return effect.Errorf(effect.Invalid, op, "%q is no name of a property", name)
		}
	}
	return nil
}

// GetArgs are the arguments of Get.
type GetArgs struct {
	Name       string   `lua:"name,required" doc:"a dataset, snapshot or bookmark"`
	Properties []string `lua:"properties,pos" doc:"properties; default: all"`
}

// Property is a property's value, and where it comes from.
type Property struct {
	Value  any    `lua:"value" doc:"bytes and counts are numbers, times RFC 3339, all else is text"`
	Source string `lua:"source" doc:"local, default, inherited, received, temporary, or - for what is not set but is so"`
	From   string `lua:"from,omitempty" doc:"the dataset that it is inherited from"`
}

// Get returns properties of a dataset, by name.
func Get(ctx context.Context, h effect.Doer, a GetArgs) (map[string]Property, error) {
	const op = "zfs.get"
	if err := checkName(op, a.Name, "", "@", "#"); err != nil {
		return nil, err
	}
	if err := checkProperties(op, a.Properties); err != nil {
		return nil, err
	}
	names := a.Properties
	if len(names) == 0 {
		names = []string{"all"}
	}
	lines, err := get(ctx, h, op, a.Name, names, false)
	if err != nil {
		return nil, err
	}
	all := map[string]Property{}
	for _, p := range lines {
		source, from, _ := strings.Cut(p.source, " from ")
		all[p.property] = Property{Value: typed(p.property, p.value), Source: source, From: from}
	}
	return all, nil
}

// get asks for properties of a dataset, or of all below it too.
func get(ctx context.Context, h effect.Doer, op, name string, properties []string, recursive bool) ([]property, error) {
	argv, reads := []string{"zfs", "get", "-Hp"}, resource(name)
	if recursive {
		argv, reads = append(argv, "-r"), below(name)
	}
	argv = append(argv, "-o", "name,property,value,source", strings.Join(properties, ","), name)
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Reads: []effect.Resource{reads}})
	if err != nil {
		if m := unknownProperty.FindStringSubmatch(effect.AsError(err).Err); m != nil {
			return nil, effect.WithHint(effect.Errorf(effect.Missing, op, "zfs(8) of this host knows no property %s", m[1]),
				"the property may be newer than the host's release")
		}
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return parseProperties(op, out)
}

// SetArgs are the arguments of Set.
type SetArgs struct {
	Name       string         `lua:"name,required" doc:"a dataset or snapshot"`
	Properties map[string]any `lua:"properties,required" doc:"values by property: text, numbers, true and false for on and off"`
}

// Set is what a change of properties came to.
type Set struct {
	Changed bool              `lua:"changed"`
	Before  map[string]string `lua:"before" doc:"former values of what was changed"`
}

// SetProperties sets what is not so yet.
func SetProperties(ctx context.Context, h effect.Doer, a SetArgs) (Set, error) {
	const op = "zfs.set"
	if err := checkName(op, a.Name, "", "@"); err != nil {
		return Set{}, err
	}
	wanted, err := texts(op, a.Properties)
	if err != nil {
		return Set{}, err
	}
	return set(ctx, h, op, a.Name, wanted)
}

// texts are properties as zfs(8) takes them.
func texts(op string, values map[string]any) (map[string]string, error) {
	if err := checkProperties(op, slices.Sorted(maps.Keys(values))); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for name, value := range values {
		switch v := value.(type) {
		case string:
			all[name] = v
		case bool:
			all[name] = map[bool]string{true: "on", false: "off"}[v]
		case int64:
			all[name] = strconv.FormatInt(v, 10)
		case int:
			all[name] = strconv.Itoa(v)
		case float64:
			all[name] = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			return nil, effect.Errorf(effect.Invalid, op, "the property %s cannot be a %T", name, value)
		}
	}
	return all, nil
}

// set sets the properties that differ, one command each: several at once are
// refused by older releases.
func set(ctx context.Context, h effect.Doer, op, name string, wanted map[string]string) (Set, error) {
	done := Set{Before: map[string]string{}}
	if len(wanted) == 0 {
		return done, nil
	}
	properties := slices.Sorted(maps.Keys(wanted))
	lines, err := get(ctx, h, op, name, withMountpoint(properties), false)
	if err != nil {
		return done, err
	}
	at := valueOf(lines, "mountpoint")
	for _, line := range lines {
		value, asked := wanted[line.property]
		if !asked {
			continue
		}
		if same(line.property, line.value, value) && !strings.HasPrefix(line.source, "inherited") {
			continue // what is inherited may change above
		}
		e := change(op, []string{"zfs", "set", line.property + "=" + value, name}, fmt.Sprintf("%s: %s -> %s", line.property, line.value, value), below(name))
		if line.property == "mountpoint" || line.property == "canmount" {
			e.Writes = append(e.Writes, mountedAt(at, value)...)
		}
		if _, err := run(ctx, h, e); err != nil {
			return done, err
		}
		done.Changed = true
		done.Before[line.property] = line.value
	}
	return done, nil
}

// withMountpoint asks for the mountpoint too: what changes there changes files.
func withMountpoint(properties []string) []string {
	if slices.Contains(properties, "mountpoint") {
		return properties
	}
	return append([]string{"mountpoint"}, properties...)
}

func valueOf(lines []property, name string) string {
	for _, line := range lines {
		if line.property == name {
			return line.value
		}
	}
	return ""
}

// InheritArgs are the arguments of Inherit.
type InheritArgs struct {
	Name       string   `lua:"name,required" doc:"a dataset or snapshot"`
	Properties []string `lua:"properties,required" doc:"properties that shall come from above again"`
	Recursive  bool     `lua:"recursive" doc:"on all that is below, too"`
	Received   bool     `lua:"received" doc:"go back to the received value, where there is one"`
}

// Inherited is what inheriting came to.
type Inherited struct {
	Changed  bool     `lua:"changed"`
	Datasets []string `lua:"datasets" doc:"where a value of its own was given up"`
}

// Inherit gives up a dataset's own values.
func Inherit(ctx context.Context, h effect.Doer, a InheritArgs) (Inherited, error) {
	const op = "zfs.inherit"
	done := Inherited{Datasets: []string{}}
	if err := checkName(op, a.Name, "", "@"); err != nil {
		return done, err
	}
	if err := checkProperties(op, a.Properties); err != nil {
		return done, err
	}
	lines, err := get(ctx, h, op, a.Name, withMountpoint(a.Properties), a.Recursive)
	if err != nil {
		return done, err
	}
	own := map[string]bool{}
	writes := []effect.Resource{below(a.Name)}
	for _, line := range lines {
		if slices.Contains(a.Properties, line.property) && (line.source == "local" || line.source == "received" && !a.Received) {
			own[line.property] = true
			if !slices.Contains(done.Datasets, line.name) {
				done.Datasets = append(done.Datasets, line.name)
			}
		}
		if line.property == "mountpoint" && slices.Contains(a.Properties, "mountpoint") {
			writes = append(writes, mountedAt(line.value)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		argv := []string{"zfs", "inherit"}
		if a.Recursive {
			argv = append(argv, "-r")
		}
		if a.Received {
			argv = append(argv, "-S")
		}
		e := change(op, append(argv, name, a.Name), "inherit "+name, writes...)
		if _, err := run(ctx, h, e); err != nil {
			return done, err
		}
		done.Changed = true
	}
	return done, nil
}
