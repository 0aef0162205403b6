package zpool

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// Pool is an imported pool at a glance.
type Pool struct {
	Name          string  `lua:"name" doc:"name"`
	GUID          string  `lua:"guid" doc:"identifier"`
	Size          int64   `lua:"size" doc:"raw size of its devices" unit:"bytes"`
	Allocated     int64   `lua:"allocated" doc:"in use" unit:"bytes"`
	Free          int64   `lua:"free" doc:"not in use" unit:"bytes"`
	Capacity      float64 `lua:"capacity" doc:"in use, in percent"`
	Fragmentation float64 `lua:"fragmentation" doc:"of the free space, in percent; 0 where it is not told"`
	Dedup         float64 `lua:"dedup" doc:"deduplication ratio; 1 without"`
	Health        string  `lua:"health" doc:"ONLINE, DEGRADED, FAULTED, ..."`
	AltRoot       string  `lua:"altroot,omitempty" doc:"folder that its mount points are below"`
	Version       int     `lua:"version,omitempty" doc:"version of an old pool; absent where features count"`
	BootFS        string  `lua:"bootfs,omitempty" doc:"dataset that it boots"`
	Exact         bool    `lua:"exact" doc:"sizes are exact; older releases round them to three digits"`
}

// ListArgs are the arguments of List.
type ListArgs struct {
	Pool string `lua:"pool,pos" doc:"only this pool; default: all"`
}

// The columns by release: fragmentation and exact numbers came after 9, alloc
// and free after 8.2. Their numbers differ, so a line tells which it is.
var (
	columnsNow = []string{"name", "guid", "size", "alloc", "free", "cap", "dedup", "health", "altroot", "version", "bootfs", "frag"}
	columnsV28 = columnsNow[:11]
	columnsV15 = []string{"name", "guid", "size", "used", "avail", "cap", "health", "altroot", "version", "bootfs"}
)

var listScript = either(
	"zpool list -j --json-int -o "+strings.Join(columnsNow, ",")+` "$@"`,
	"zpool list -Hp -o "+strings.Join(columnsNow, ",")+` "$@"`,
	"zpool list -H -o "+strings.Join(columnsV28, ",")+` "$@"`,
	"zpool list -H -o "+strings.Join(columnsV15, ",")+` "$@"`,
	`zpool list -H "$@"`, // tells what is wrong, if not that the columns are of another release
)

// List returns the imported pools.
func List(ctx context.Context, h effect.Doer, a ListArgs) ([]Pool, error) {
	const op = "zpool.list"
	args, reads, err := oneOrAll(op, a.Pool)
	if err != nil {
		return nil, err
	}
	out, err := query(ctx, h, op, strings.TrimSpace("zpool list "+a.Pool), listScript, reads, args...)
	if err != nil {
		return nil, err
	}
	return parseList(op, out)
}

func parseList(op, out string) ([]Pool, error) {
	pools := []Pool{}
	if isJSON(out) {
		list, err := parsePropertiesJSON(op, out)
		for _, pool := range list {
			pools = append(pools, poolOf(pool.key, pool.value))
		}
		return pools, err
	}
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line == "no pools available" {
			continue
		}
		fields := strings.Split(line, "\t")
		for _, columns := range [][]string{columnsNow, columnsV28, columnsV15} {
			if len(columns) == len(fields) {
				pools = append(pools, newPool(columns, fields))
				fields = nil
				break
			}
		}
		if fields != nil {
			return nil, effect.Errorf(effect.Failed, op, "zpool list printed something else: %.80q", line)
		}
	}
	return pools, nil
}

// longNames are those of columns that go by another name as properties.
var longNames = map[string]string{"alloc": "allocated", "used": "allocated", "avail": "free", "cap": "capacity", "frag": "fragmentation", "dedup": "dedupratio"}

// newPool makes a pool of a line of a table.
func newPool(columns, fields []string) Pool {
	properties := map[string]Property{}
	for i, column := range columns {
		if long := longNames[column]; long != "" {
			column = long
		}
		properties[column] = Property{Value: fields[i]}
	}
	p := poolOf(fields[0], properties)
	p.Exact = len(columns) == len(columnsNow)
	return p
}

func poolOf(name string, properties map[string]Property) Pool {
	text := func(property string) string {
		if value := properties[property].Value; value != "-" {
			return value
		}
		return ""
	}
	p := Pool{
		Name: name, GUID: text("guid"), Size: size(text("size")), Allocated: size(text("allocated")), Free: size(text("free")),
		Capacity: percent(text("capacity")), Fragmentation: percent(text("fragmentation")), Dedup: 1,
		Health: text("health"), AltRoot: text("altroot"), BootFS: text("bootfs"), Exact: true,
	}
	if told := text("dedupratio"); told != "" {
		p.Dedup = ratio(told)
	}
	p.Version, _ = strconv.Atoi(text("version"))
	return p
}

// Property is a property of a pool or dataset.
type Property struct {
	Value  string `lua:"value" doc:"as the tool has it: sizes in bytes where it tells them exactly"`
	Source string `lua:"source" doc:"local, default, temporary, received, inherited from NAME, or - for what cannot be set"`
}

// GetArgs are the arguments of Get.
type GetArgs struct {
	Pool       string   `lua:"pool,required" doc:"name of the pool"`
	Properties []string `lua:"properties,pos" doc:"names, as bootfs or feature@lz4_compress; default: all"`
}

var getScript = `names=$1 pool=$2; ` + either(
	`zpool get -j --json-int "$names" "$pool"`,
	`zpool get -Hp -o name,property,value,source "$names" "$pool"`,
	`zpool get "$names" "$pool"`,
)

// Get returns properties of a pool, by name.
func Get(ctx context.Context, h effect.Doer, a GetArgs) (map[string]Property, error) {
	return get(ctx, h, "zpool.get", a.Pool, a.Properties...)
}

func get(ctx context.Context, h effect.Doer, op, name string, properties ...string) (map[string]Property, error) {
	if err := checkPool(op, name); err != nil {
		return nil, err
	}
	for _, property := range properties {
		if err := checkProperty(op, property); err != nil {
			return nil, err
		}
	}
	names := "all"
	if len(properties) > 0 {
		names = strings.Join(properties, ",")
	}
	out, err := query(ctx, h, op, "zpool get "+names+" "+name, getScript, onPool(name), names, name)
	if said(err, "no such pool") { // the tool has another sentence for it here
		e := *effect.AsError(err)
		e.Kind = effect.Missing
		return nil, &e
	}
	if err != nil {
		return nil, err
	}
	return parseGet(op, name, out)
}

// parseGet reads properties of one pool: four fields parted by tabs, or the
// table of older releases, whose columns a long value pushes aside.
func parseGet(op, name, out string) (map[string]Property, error) {
	if isJSON(out) {
		return getJSON(op, name, out)
	}
	properties := map[string]Property{}
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if fields := strings.Split(line, "\t"); len(fields) == 4 {
			properties[fields[1]] = Property{fields[2], fields[3]}
			continue
		}
		rest, ok := strings.CutPrefix(line, name)
		property, rest := cutWord(rest)
		if heading := strings.Fields(line); slices.Equal(heading, []string{"NAME", "PROPERTY", "VALUE", "SOURCE"}) || line == "" {
			continue
		}
		rest = strings.TrimRight(rest, " ")
		at := strings.LastIndexByte(rest, ' ')
		if !ok || property == "" || at < 0 {
			return nil, effect.Errorf(effect.Failed, op, "zpool get printed something else: %.80q", line)
		}
		properties[property] = Property{strings.TrimRight(rest[:at], " "), rest[at+1:]}
	}
	return properties, nil
}

func getJSON(op, name, out string) (map[string]Property, error) {
	pools, err := parsePropertiesJSON(op, out)
	if err != nil {
		return nil, err
	}
	if len(pools) != 1 || pools[0].key != name {
		return nil, effect.Errorf(effect.Failed, op, "zpool get told of %d pools, not of %q alone", len(pools), name)
	}
	return pools[0].value, nil
}

// SetArgs are the arguments of Set.
type SetArgs struct {
	Pool       string         `lua:"pool,required" doc:"name of the pool"`
	Properties map[string]any `lua:"properties,required" doc:"values by name: strings, numbers (bytes), true and false for on and off"`
}

// Set gives properties of a pool the values they do not have yet.
func Set(ctx context.Context, h effect.Doer, a SetArgs) (Changed, error) {
	const op = "zpool.set"
	var done Changed
	wanted, err := texts(op, a.Properties)
	if err != nil || len(wanted) == 0 {
		return done, err
	}
	have, err := get(ctx, h, op, a.Pool, names(wanted)...)
	if err != nil {
		return done, err
	}
	for _, name := range names(wanted) {
		if sameValue(have[name].Value, wanted[name]) || enabled(name, have[name].Value, wanted[name]) {
			continue
		}
		risk, note := effect.Safe, ""
		if name == "version" || strings.HasPrefix(name, "feature@") {
			risk, note = effect.Irreversible, upgradeNote
		}
		if _, err := change(ctx, h, effect.Effect{
			Op: op, Risk: risk, Note: note, Writes: onPool(a.Pool),
			Argv: []string{"zpool", "set", name + "=" + wanted[name], a.Pool},
			Diff: diff(a.Pool, "%s: %s -> %s", name, have[name].Value, wanted[name]),
		}); err != nil {
			return done, err
		}
		done.Changed = true
	}
	return done, nil
}

// enabled tells whether a feature that shall be enabled is in use already.
func enabled(name, have, want string) bool {
	return strings.HasPrefix(name, "feature@") && want == "enabled" && have == "active"
}

// texts are properties as the tool takes them.
func texts(op string, properties map[string]any) (map[string]string, error) {
	out := make(map[string]string, len(properties))
	for name, value := range properties {
		if err := checkProperty(op, name); err != nil {
			return nil, err
		}
		text, err := valueText(op, name, value)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

func names(properties map[string]string) []string {
	var all []string
	for name := range properties {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// options are properties as -o NAME=VALUE words.
func options(flag string, properties map[string]string) []string {
	var words []string
	for _, name := range names(properties) {
		words = append(words, flag, name+"="+properties[name])
	}
	return words
}

// FeaturesArgs name a pool.
type FeaturesArgs struct {
	Pool string `lua:"pool,required" doc:"name of the pool"`
}

// Features are the format of a pool.
type Features struct {
	Version       int               `lua:"version,omitempty" doc:"version of an old pool; absent where features count"`
	Features      map[string]string `lua:"features" doc:"disabled, enabled or active, by name; empty where the release knows no features"`
	Unsupported   []string          `lua:"unsupported" doc:"features in use that the running system does not know"`
	Compatibility string            `lua:"compatibility,omitempty" doc:"what an upgrade may enable: off (all), legacy (none), or names of sets"`
}

// FeaturesOf returns the version or the features of a pool.
func FeaturesOf(ctx context.Context, h effect.Doer, a FeaturesArgs) (Features, error) {
	properties, err := get(ctx, h, "zpool.features", a.Pool)
	if err != nil {
		return Features{}, err
	}
	f := Features{Features: map[string]string{}, Unsupported: []string{}}
	for name, property := range properties {
		if feature, ok := strings.CutPrefix(name, "feature@"); ok {
			f.Features[feature] = property.Value
		} else if feature, ok := strings.CutPrefix(name, "unsupported@"); ok {
			f.Unsupported = append(f.Unsupported, feature)
		}
	}
	slices.Sort(f.Unsupported)
	f.Version, _ = strconv.Atoi(properties["version"].Value)
	f.Compatibility = properties["compatibility"].Value
	return f, nil
}
