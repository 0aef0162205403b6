package zfs

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// query asks for properties of datasets.
type query struct {
	op         string
	name       string // empty: all there are
	types      []string
	recursive  bool
	depth      int // at most so far below the name; 0: any
	properties []string
	old        bool // zfs list has no -p
}

// list answers a query. zfs list has no -p in the releases before feature flags;
// there zfs get, which had it earlier, tells the same in its own form. What a
// release does not know of the properties is left out.
func (q query) list(ctx context.Context, h effect.Doer) ([]row, error) {
	q.properties = append([]string{"name"}, q.properties...)
	q.types = slices.Clone(q.types)
	for {
		e := q.effect()
		e.Want = []int{0, 1, 2} // that there is none is an answer, too
		res, err := run(ctx, h, e)
		if err == nil && res.Code == 1 {
			err = failed(e, res)
		}
		if err != nil {
			return nil, err
		}
		if res.Code == 2 {
			if err := q.askLess(e, res); err != nil {
				return nil, err
			}
			continue
		}
		out, err := res.Text()
		if err != nil {
			return nil, err
		}
		return q.read(out)
	}
}

// failed is the error of a command whose exit code was an answer.
func failed(e effect.Effect, res effect.Result) error {
	err, _ := effect.Explain(&effect.Error{
		Op: e.Op, Kind: effect.Failed, Code: res.Code, Command: strings.Join(e.Argv, " "),
		Out: string(res.Stdout.Tail(errorTail)), Err: string(res.Stderr.Tail(errorTail)),
	}, rules)
	return err
}

// errorTail is how much of a stream an error shows.
const errorTail = 4 << 10

var (
	unknownOption   = lazyregexp.New(`invalid option '(.)'`)
	unknownProperty = lazyregexp.New(`invalid property '([^']+)'`)
	unknownType     = lazyregexp.New(`invalid type '([^']+)'`)
)

// core are properties that every release knows.
var core = []string{"name", "type", "used", "available", "referenced", "mountpoint", "mounted", "origin", "creation"}

// askLess makes a query that was a usage error one that the release knows, as far
// as the release makes it necessary.
func (q *query) askLess(e effect.Effect, res effect.Result) error {
	said := string(res.Stderr.Tail(effect.HeadSize))
	if m := unknownOption.FindStringSubmatch(said); m != nil && m[1] == "p" && !q.old {
		q.old = true
		return nil
	}
	if m := unknownProperty.FindStringSubmatch(said); m != nil && !slices.Contains(core, m[1]) && drop(&q.properties, m[1]) {
		return nil
	}
	if m := unknownType.FindStringSubmatch(said); m != nil && drop(&q.types, m[1]) && len(q.types) > 0 {
		return nil
	}
	first, _, _ := strings.Cut(said, "\n")
	command := strings.Join(e.Argv, " ")
	failure := effect.Errorf(effect.Failed, e.Op, "zfs refuses %q: %s", command, first)
	failure.Code, failure.Command, failure.Err = res.Code, command, first
	return failure
}

// drop removes a word from a list, and tells whether it was there.
func drop(list *[]string, word string) bool {
	left := slices.DeleteFunc(slices.Clone(*list), func(w string) bool { return w == word })
	dropped := len(left) < len(*list)
	*list = left
	return dropped
}

func (q *query) effect() effect.Effect {
	argv := []string{"zfs", "list", "-Hp"}
	if q.old {
		argv = []string{"zfs", "get", "-Hp"}
	}
	switch {
	case q.depth > 0:
		argv = append(argv, "-d", strconv.Itoa(q.depth))
	case q.recursive && q.name != "":
		argv = append(argv, "-r")
	}
	if q.old {
		wanted := slices.DeleteFunc(slices.Clone(q.properties), func(c string) bool { return c == "name" || c == "type" })
		argv = append(argv, "-o", "name,property,value,source", strings.Join(append([]string{"type"}, wanted...), ","))
	} else {
		argv = append(argv, "-t", strings.Join(q.types, ","), "-o", strings.Join(q.properties, ","))
	}
	reads := effect.Resource("zfs")
	if q.name != "" {
		argv = append(argv, q.name)
		reads = resource(q.name)
		if q.recursive || q.depth > 0 {
			reads = below(q.name)
		}
	}
	return effect.Effect{Op: q.op, Kind: effect.Read, Argv: argv, Reads: []effect.Resource{reads}}
}

func (q *query) read(out string) ([]row, error) {
	if !q.old {
		return parseRows(q.op, out, q.properties)
	}
	all, err := parseProperties(q.op, out)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rowsOf(all), func(r row) bool { return !slices.Contains(q.types, r["type"]) }), nil
}

// one asks for a single dataset, snapshot or bookmark; nil where there is none.
func one(ctx context.Context, h effect.Doer, op, name string, properties ...string) (row, error) {
	rows, err := query{op: op, name: name, types: typesOf(name), properties: append([]string{"type"}, properties...)}.list(ctx, h)
	if effect.KindOf(err) == effect.Missing && isAbsent(err) {
		return nil, nil
	}
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// isAbsent tells a dataset that is not there from a zfs(8) that is not.
func isAbsent(err error) bool {
	e := effect.AsError(err)
	return strings.Contains(e.Err+e.Out, "dataset does not exist") || strings.Contains(e.Err+e.Out, "no such pool")
}

func typesOf(name string) []string {
	switch _, sign, _ := split(name); sign {
	case "@":
		return []string{"snapshot"}
	case "#":
		return []string{"bookmark"}
	default:
		return []string{"filesystem", "volume"}
	}
}

// mustBe is one dataset, and an error where it is none.
func mustBe(ctx context.Context, h effect.Doer, op, name string, properties ...string) (row, error) {
	r, err := one(ctx, h, op, name, properties...)
	if err == nil && r == nil {
		err = effect.WithHint(effect.Errorf(effect.Missing, op, "there is no dataset %s", name), "h.zfs.list() tells what there is")
	}
	return r, err
}

// ListArgs are the arguments of List.
type ListArgs struct {
	Name       string   `lua:"name,pos" doc:"a dataset; default: all pools"`
	Recursive  *bool    `lua:"recursive" doc:"with what is below it" default:"true"`
	Types      []string `lua:"types" doc:"filesystem, volume, snapshot, bookmark; default: filesystem and volume"`
	Properties []string `lua:"properties" doc:"further properties, to be found in properties"`
}

// Dataset is a file system, volume, snapshot or bookmark.
type Dataset struct {
	Name       string         `lua:"name" doc:"full name"`
	Type       string         `lua:"type" doc:"filesystem, volume, snapshot or bookmark"`
	Pool       string         `lua:"pool" doc:"pool that it lies in"`
	Used       int64          `lua:"used" doc:"space that it and what is below it takes" unit:"bytes"`
	Available  int64          `lua:"available" doc:"space that it may still take" unit:"bytes"`
	Referenced int64          `lua:"referenced" doc:"space of what it shows" unit:"bytes"`
	Mountpoint string         `lua:"mountpoint,omitempty" doc:"where it is mounted: a path, none or legacy"`
	Mounted    bool           `lua:"mounted" doc:"it is mounted now"`
	Origin     string         `lua:"origin,omitempty" doc:"snapshot that it is a clone of"`
	Creation   time.Time      `lua:"creation" doc:"when it was made"`
	GUID       string         `lua:"guid,omitempty" doc:"identity, the same wherever it is received; not told by every old release"`
	Properties map[string]any `lua:"properties" doc:"the properties that were asked for"`
}

var listTypes = []string{"filesystem", "volume", "snapshot", "bookmark"}

// List lists datasets.
func List(ctx context.Context, h effect.Doer, a ListArgs) ([]Dataset, error) {
	const op = "zfs.list"
	if a.Name != "" {
		if err := checkName(op, a.Name, "", "@", "#"); err != nil {
			return nil, err
		}
	}
	for _, t := range a.Types {
		if !slices.Contains(listTypes, t) {
			return nil, effect.Errorf(effect.Invalid, op, "%q is none of the types %s", t, strings.Join(listTypes, ", "))
		}
	}
	if err := checkProperties(op, a.Properties); err != nil {
		return nil, err
	}
	q := a.query(op)
	rows, err := q.list(ctx, h)
	if err != nil {
		return nil, err
	}
	all := make([]Dataset, 0, len(rows))
	for _, r := range rows {
		dataset, _, _ := split(r["name"])
		if q.depth > 0 && dataset != a.Name {
			continue
		}
		all = append(all, datasetOf(r, a.Properties))
	}
	return all, nil
}

func (a ListArgs) query(op string) query {
	q := query{op: op, name: a.Name, types: a.Types, recursive: a.Recursive == nil || *a.Recursive}
	if len(q.types) == 0 {
		q.types = typesOf(a.Name)
	}
	if _, sign, _ := split(a.Name); sign != "" {
		q.recursive = false
	} else if !q.recursive && (slices.Contains(q.types, "snapshot") || slices.Contains(q.types, "bookmark")) {
		q.depth = 1 // a dataset's snapshots are one step below it
	}
	q.properties = append(q.properties, core[1:]...)
	for _, p := range append([]string{"guid"}, a.Properties...) {
		if !slices.Contains(q.properties, p) {
			q.properties = append(q.properties, p)
		}
	}
	return q
}

func datasetOf(r row, more []string) Dataset {
	d := Dataset{
		Name: r["name"], Type: r["type"], Pool: poolOf(r["name"]),
		Used: number(r["used"]), Available: number(r["available"]), Referenced: number(r["referenced"]),
		Mountpoint: known(r["mountpoint"]), Mounted: r["mounted"] == "yes", Origin: known(r["origin"]),
		Creation: moment(r["creation"]), GUID: known(r["guid"]), Properties: map[string]any{},
	}
	for _, name := range more {
		if value, told := r[name]; told {
			d.Properties[name] = typed(name, value)
		}
	}
	return d
}
