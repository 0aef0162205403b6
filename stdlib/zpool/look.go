package zpool

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
)

// StatusArgs are the arguments of StatusOf.
type StatusArgs struct {
	Pool string `lua:"pool,required" doc:"name of the pool"`
}

// statusScript asks for JSON, or for whole paths and exact counters, where the
// release has them, and for the damaged files.
var statusScript = either(`zpool status -j --json-int -v "$@"`, `zpool status -Ppv "$@"`, `zpool status -v "$@"`)

// StatusOf returns what is known of a pool's devices, scrubs and errors.
func StatusOf(ctx context.Context, h effect.Doer, a StatusArgs) (Status, error) {
	return status(ctx, h, "zpool.status", a.Pool)
}

func status(ctx context.Context, h effect.Doer, op, name string) (Status, error) {
	if err := checkPool(op, name); err != nil {
		return Status{}, err
	}
	all, err := statuses(ctx, h, op, name)
	if err != nil {
		return Status{}, err
	}
	if len(all) != 1 {
		return Status{}, effect.Errorf(effect.Failed, op, "zpool status told of %d pools, not of %q alone", len(all), name)
	}
	return all[0], nil
}

func statuses(ctx context.Context, h effect.Doer, op string, pools ...string) ([]Status, error) {
	reads := []effect.Resource{"zpool"}
	if len(pools) > 0 {
		reads = nil
		for _, name := range pools {
			reads = append(reads, pool(name))
		}
	}
	out, err := query(ctx, h, op, strings.Join(append([]string{"zpool status"}, pools...), " "), statusScript, reads, pools...)
	if err != nil {
		return nil, err
	}
	if isJSON(out) {
		return parseStatusJSON(op, out, clock.Now(ctx))
	}
	return parseStatus(op, out)
}

// HealthyArgs are the arguments of Healthy.
type HealthyArgs struct {
	Pools []string `lua:"pools,pos" doc:"only these pools; default: all"`
}

// Health tells how pools are.
type Health struct {
	Healthy  bool     `lua:"healthy" doc:"every pool is"`
	Problems []string `lua:"problems" doc:"what is wrong, each with the pool's name"`
	Pools    []Status `lua:"pools" doc:"each pool, as zpool.status tells of it"`
}

// Healthy tells whether pools are well, and what is wrong with them.
func Healthy(ctx context.Context, h effect.Doer, a HealthyArgs) (Health, error) {
	const op = "zpool.healthy"
	for _, name := range a.Pools {
		if err := checkPool(op, name); err != nil {
			return Health{}, err
		}
	}
	all, err := statuses(ctx, h, op, a.Pools...)
	if err != nil {
		return Health{}, err
	}
	health := Health{Problems: []string{}, Pools: append([]Status{}, all...)}
	for _, s := range all {
		for _, problem := range s.Problems {
			health.Problems = append(health.Problems, s.Name+": "+problem)
		}
	}
	health.Healthy = len(health.Problems) == 0
	return health, nil
}

// WaitArgs are the arguments of Wait.
type WaitArgs struct {
	Pool       string        `lua:"pool,required" doc:"name of the pool"`
	Activities []string      `lua:"activities,pos" doc:"what to wait for the end of; default: all of them" enum:"scrub|resilver|replace|remove|checkpoint"`
	Within     time.Duration `lua:"within" doc:"fail when it takes longer; 0: wait as long as it takes"`
}

// Wait waits until nothing of the kind is under way on a pool. It looks at the
// status again and again, ever more rarely, so that it works on every release
// and lives through a lost connection.
func Wait(ctx context.Context, h effect.Doer, a WaitArgs) (Status, error) {
	return wait(ctx, h, "zpool.wait", a)
}

func wait(ctx context.Context, h effect.Doer, op string, a WaitArgs) (Status, error) {
	var now Status
	err := host.WaitUntil(ctx, func(ctx context.Context) (bool, error) {
		var err error
		now, err = status(ctx, h, op, a.Pool)
		return len(now.underway(a.Activities)) == 0, err
	}, a.Within)
	if e := effect.AsError(err); e != nil && e.Op == "host.wait_until" {
		err = effect.Errorf(effect.Timeout, op, "%s: not done within %s: %s", a.Pool, a.Within, strings.Join(now.underway(a.Activities), ", "))
	}
	return now, err
}

// underway names which of the activities go on; none named means all.
func (s *Status) underway(activities []string) []string {
	var busy []string
	add := func(activity string, on bool) {
		if on && (len(activities) == 0 || slices.Contains(activities, activity)) {
			busy = append(busy, activity)
		}
	}
	add("scrub", s.Scan.Function == "scrub" && s.Scan.State == "running")
	add("resilver", s.Scan.Function == "resilver" && s.Scan.Busy())
	add("replace", hasType(s.Vdevs, "replacing"))
	add("remove", strings.Contains(s.Removal, "in progress"))
	add("checkpoint", s.Checkpoint.Discarding)
	return busy
}

func hasType(devices []Vdev, kind string) bool {
	for _, v := range devices {
		if v.Type == kind || hasType(v.Vdevs, kind) {
			return true
		}
	}
	return false
}

// HistoryArgs are the arguments of History.
type HistoryArgs struct {
	Pool     string `lua:"pool,required" doc:"name of the pool"`
	Internal bool   `lua:"internal" doc:"also what ZFS itself noted"`
	Last     int    `lua:"last" doc:"only so many of the latest; 0: all"`
}

// Entry is a command in a pool's history.
type Entry struct {
	Time    time.Time `lua:"time" doc:"when"`
	Command string    `lua:"command" doc:"command, or what ZFS noted"`
	By      string    `lua:"by,omitempty" doc:"user, host and zone, as the tool has them"`
}

var historyForm = lazyregexp.New(`^(\d{4}-\d\d-\d\d\.\d\d:\d\d:\d\d) (.*?)(?: \[([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\])?$`)

// History returns the commands that made a pool what it is, oldest first.
func History(ctx context.Context, h effect.Doer, a HistoryArgs) ([]Entry, error) {
	const op = "zpool.history"
	if err := checkPool(op, a.Pool); err != nil {
		return nil, err
	}
	flags := "-l"
	if a.Internal {
		flags = "-il"
	}
	out, err := query(ctx, h, op, "zpool history "+flags+" "+a.Pool, "zpool history "+flags+` "$1"`, onPool(a.Pool), a.Pool)
	if err != nil {
		return nil, err
	}
	return last(parseHistory(out), a.Last), nil
}

func parseHistory(out string) []Entry {
	entries := []Entry{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if m := historyForm.FindStringSubmatch(line); m != nil {
			entries = append(entries, Entry{parseTime(m[1]), m[2], m[3]})
		} else if n := len(entries); n > 0 && line != "" && !strings.HasPrefix(line, "History for '") {
			entries[n-1].Command += "\n" + line
		}
	}
	return entries
}

func last[T any](list []T, n int) []T {
	if n > 0 && len(list) > n {
		return list[len(list)-n:]
	}
	return list
}

// EventsArgs are the arguments of Events.
type EventsArgs struct {
	Pool string `lua:"pool,pos" doc:"only of this pool; default: all"`
	Last int    `lua:"last" doc:"only so many of the latest; 0: all that the kernel keeps"`
}

// Event is what the kernel noted of a pool.
type Event struct {
	Time  time.Time `lua:"time" doc:"when"`
	Class string    `lua:"class" doc:"what: sysevent.fs.zfs.scrub_finish, ereport.fs.zfs.checksum, ..."`
}

// Events returns what the kernel noted of the pools, oldest first.
func Events(ctx context.Context, h effect.Doer, a EventsArgs) ([]Event, error) {
	const op = "zpool.events"
	args, reads, err := oneOrAll(op, a.Pool)
	if err != nil {
		return nil, err
	}
	out, err := query(ctx, h, op, strings.TrimSpace("zpool events "+a.Pool), `zpool events -H "$@"`, reads, args...)
	if err != nil {
		return nil, effect.WithHint(err, "zpool events came with FreeBSD 13")
	}
	events := parseEvents(out)
	return last(events, a.Last), nil
}

func parseEvents(out string) []Event {
	events := []Event{}
	for line := range strings.Lines(out) {
		when, class, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		second, fraction, _ := strings.Cut(when, ".")
		at, known := readTime(second)
		if !ok || !known {
			continue
		}
		nanoseconds, _ := strconv.Atoi(fraction)
		events = append(events, Event{at.Add(time.Duration(nanoseconds)), strings.TrimSpace(class)})
	}
	return events
}

// IostatArgs are the arguments of Iostat.
type IostatArgs struct {
	Pool     string        `lua:"pool,required" doc:"name of the pool"`
	Interval time.Duration `lua:"interval" doc:"measure for so long, in whole seconds; 0: the average since the pool was imported"`
}

// Iostat is the traffic of a pool or device.
type Iostat struct {
	Name       string   `lua:"name" doc:"pool, group or device"`
	Allocated  int64    `lua:"allocated" doc:"in use; 0 of single devices" unit:"bytes"`
	Free       int64    `lua:"free" doc:"not in use; 0 of single devices" unit:"bytes"`
	Reads      int64    `lua:"reads" doc:"read operations a second"`
	Writes     int64    `lua:"writes" doc:"write operations a second"`
	ReadBytes  int64    `lua:"read_bytes" doc:"read a second" unit:"bytes"`
	WriteBytes int64    `lua:"write_bytes" doc:"written a second" unit:"bytes"`
	Devices    []Iostat `lua:"devices" doc:"what it consists of"`
}

// IostatOf returns the traffic of a pool and its devices.
func IostatOf(ctx context.Context, h effect.Doer, a IostatArgs) (Iostat, error) {
	const op = "zpool.iostat"
	if err := checkPool(op, a.Pool); err != nil {
		return Iostat{}, err
	}
	args := []string{a.Pool}
	if a.Interval > 0 {
		args = append(args, strconv.FormatInt(max(int64(a.Interval/time.Second), 1), 10), "2")
	}
	out, err := query(ctx, h, op, "zpool iostat -v "+strings.Join(args, " "),
		either(`zpool iostat -vp "$@"`, `zpool iostat -v "$@"`), onPool(a.Pool), args...)
	if err != nil {
		return Iostat{}, err
	}
	return parseIostat(op, a.Pool, out)
}

// parseIostat reads the last table of zpool iostat -v; groups are indented by
// two more blanks than what they are in.
func parseIostat(op, name, out string) (Iostat, error) {
	type row struct {
		depth int
		stat  Iostat
	}
	var open []row
	var found *Iostat
	closeTo := func(depth int) {
		for n := len(open); n > 0 && open[n-1].depth >= depth; n = len(open) {
			done := open[n-1].stat
			open = open[:n-1]
			if n > 1 {
				open[n-2].stat.Devices = append(open[n-2].stat.Devices, done)
			} else if done.Name == name {
				found = &done
			}
		}
	}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \n")
		fields := strings.Fields(line)
		if len(fields) != 7 || fields[0] == "pool" || strings.HasPrefix(fields[0], "---") {
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, " "))
		closeTo(depth)
		stat := Iostat{Name: strings.TrimPrefix(fields[0], "/dev/"), Devices: []Iostat{}}
		for i, number := range []*int64{&stat.Allocated, &stat.Free, &stat.Reads, &stat.Writes, &stat.ReadBytes, &stat.WriteBytes} {
			*number = size(fields[i+1])
		}
		open = append(open, row{depth, stat})
	}
	closeTo(0)
	if found == nil {
		return Iostat{}, effect.Errorf(effect.Failed, op, "zpool iostat told nothing of the pool %q", name)
	}
	return *found, nil
}
