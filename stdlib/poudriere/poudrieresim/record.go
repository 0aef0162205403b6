package poudrieresim

import (
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// record is what poudriere's processes know on a machine beyond the files: which
// jails run, and how far a build is. It's kept in the machine's state file.
type record struct {
	Runs   map[string]*bulkRun    // by master name
	Making map[string]*jailMaking // by jail
}

func recordOf(m *sim.Machine) *record {
	r := sim.ToolState[record](m, "poudriere")
	if r.Runs == nil {
		r.Runs = map[string]*bulkRun{}
	}
	if r.Making == nil {
		r.Making = map[string]*jailMaking{}
	}
	return r
}

func (c *command) record() *record { return recordOf(c.p.Machine) }

// boot forgets what a reboot ends: running jails and builds.
func boot(m *sim.Machine) {
	r := recordOf(m)
	clear(r.Runs)
	clear(r.Making)
	m.State().StopJails(func(j state.Jail) bool { return strings.Contains(j.Path, "/.m/") })
}

// masterName is JAIL-TREE[-SET].
func masterName(jail, tree, set string) string {
	name := jail + "-" + tree
	if set != "" {
		name += "-" + set
	}
	return name
}

// alive tells whether a process of the machine is there.
func alive(m *sim.Machine, pid int) bool { return pid > 0 && m.Process(pid) != nil }

// bulkRun is one running jail with its build.
type bulkRun struct {
	Master, Jail, Tree, Set string
	Args                    []string
	PID                     int
	Idle                    bool // started by hand, nothing is built
	Left                    bool // its process was killed and left the jail running

	Build    string
	Started  time.Time
	Stage    string // of the command: "", "building", "ending"
	Status   string
	Packages string // where packages of this build go
	Repo     string // the repository they belong to
	Test     bool
	Atomic   bool
	NoRepo   bool

	Items   map[string]*item // by package name
	Order   []string         // in which ports are started
	Jobs    []*job
	Deleted int // packages that were out of date
	Ended   time.Time
	GitHash string
}

// up tells whether the jail runs.
func (r *bulkRun) up(m *sim.Machine) bool {
	return r.Idle || r.Left || alive(m, r.PID)
}

// mine tells that a process goes on with a build that was under way when the
// machine was saved: it has the same words, and nobody else works on it. The
// build's name may differ: a script that has begun anew makes another of the time.
func (r *bulkRun) mine(p *sim.Proc) bool {
	if r == nil || r.Idle || r.Left || r.Stage == "" || r.PID != p.PID && alive(p.Machine, r.PID) {
		return false
	}
	return slices.Equal(r.Args, p.Args) || p.Resumed && slices.Equal(unnamed(r.Args), unnamed(p.Args))
}

// unnamed is a command without the build's name.
func unnamed(args []string) []string {
	if i := slices.Index(args, "-B"); i >= 0 && i+1 < len(args) {
		return slices.Delete(slices.Clone(args), i, i+2)
	}
	return args
}

// item is one port of a build.
type item struct {
	Origin, Flavor, Package string
	Base, Version           string
	Reason                  string // why it's in the queue: "listed", or who needs it
	Needs                   []string
	Runtime                 []string // packages that it records as dependencies
	Options                 []string
	Comment, Maintainer     string
	WWW, License            string
	Categories              []string
	NoArch                  bool

	State   string // queued, building, built, failed, skipped, ignored, inspected
	Elapsed int
	Phase   string // of a failure
	Error   string
	Ignored string
	Because string // the package whose failure had it skipped
}

// job is one builder.
type job struct {
	ID      string
	Package string // empty: idle
	Started time.Time
	Phase   int
	Until   time.Time
	Fails   int // index of the phase that fails; -1: none
}

// spec is the origin with its flavour.
func (i *item) spec() string {
	if i.Flavor == "" {
		return i.Origin
	}
	return i.Origin + "@" + i.Flavor
}
