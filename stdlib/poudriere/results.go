package poudriere

import (
	"context"
	"path"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

func decimal(n int) string { return strconv.Itoa(n) }

// masterName is how poudriere names jail, tree and set together.
func masterName(jail, tree, set string) string {
	name := jail + "-" + tree
	if set != "" {
		name += "-" + set
	}
	return name
}

func checkMaster(op, jail, tree, set string) error {
	if err := checkName(op, "jail", jailName, jail); err != nil {
		return err
	}
	if err := checkName(op, "ports tree", treeName, tree); err != nil {
		return err
	}
	if set == "" {
		return nil
	}
	return checkName(op, "set", setName, set)
}

// Build is a build with everything that became of its ports.
type Build struct {
	Changed  bool      `lua:"changed" doc:"packages were built or fetched"`
	Name     string    `lua:"name,produced" doc:"the build's name"`
	Jail     string    `lua:"jail"`
	Tree     string    `lua:"tree"`
	Set      string    `lua:"set,omitempty"`
	Status   string    `lua:"status,produced" doc:"done, or what it is at"`
	Running  bool      `lua:"running,produced" doc:"not at its end yet"`
	Attached bool      `lua:"attached" doc:"a build that was under way already"`
	Started  time.Time `lua:"started,omitempty"`
	Ended    time.Time `lua:"ended,omitempty"`
	Took     int       `lua:"took,produced" unit:"seconds"`
	Exit     int       `lua:"exit,produced" doc:"exit code: failed and skipped ports, cut to a byte; nothing to judge by"`
	Log      string    `lua:"log,produced" doc:"folder of the logs"`
	Packages string    `lua:"packages" doc:"folder of the package repository"`
	Counts   Counts    `lua:"counts,produced"`
	Built    []Port    `lua:"built,produced"`
	Failed   []Failure `lua:"failed,produced"`
	Skipped  []Skip    `lua:"skipped,produced" doc:"not tried, since a port that they need failed"`
	Ignored  []Skip    `lua:"ignored,produced" doc:"not to be built: broken, forbidden, for other systems"`
	Fetched  []Port    `lua:"fetched,produced" doc:"taken from a package repository instead of built"`
}

// place is where a build's files lie.
type place struct {
	jail, tree, set string
	data            string
}

func (p place) master() string   { return masterName(p.jail, p.tree, p.set) }
func (p place) logs() string     { return path.Join(p.data, "logs", "bulk", p.master()) }
func (p place) packages() string { return path.Join(p.data, "packages", p.master()) }
func (p place) build(name string) string {
	return path.Join(p.logs(), name)
}

// readBuild reads a build's JSON; ok is false when there is none.
func (p place) readBuild(ctx context.Context, h effect.Doer, op, name, which string) (b buildJSON, ok bool, err error) {
	data, ok, err := file.Content(ctx, h, op, path.Join(p.build(name), which))
	if err != nil || !ok {
		return b, false, err
	}
	b, err = parseBuild(data)
	return b, err == nil, err
}

// fill takes a build's JSON over into its result.
func (p place) fill(out *Build, b buildJSON, name string) {
	if b.Buildname != "" {
		name = string(b.Buildname)
	}
	logs := p.build(name)
	out.Name, out.Log, out.Packages = name, logs, p.packages()
	out.Jail, out.Tree, out.Set = p.jail, p.tree, p.set
	out.Status, out.Running = b.state(), !b.over()
	out.Started, out.Ended = b.Started.time(), b.Ended.time()
	if out.Took = b.Snap["elapsed"].number(); !out.Started.IsZero() && out.Ended.After(out.Started) {
		out.Took = int(out.Ended.Sub(out.Started).Seconds())
	}
	out.Counts = b.counts()
	out.Built, out.Fetched = portsOf(b.Ports.Built), portsOf(b.Ports.Fetched)
	out.Failed = failuresOf(b.Ports.Failed, path.Join(logs, "logs"))
	out.Skipped = skipsOf(b.Ports.Skipped, func(p portJSON) word { return p.Depends })
	out.Ignored = skipsOf(b.Ports.Ignored, func(p portJSON) word { return p.Reason })
	out.Changed = len(out.Built)+len(out.Fetched) > 0
}

// tailLogs prints the end of each log between NULs.
const tailLogs = `lines=$1
shift
for log in "$@"; do
	tail -n "$lines" "$log" 2>/dev/null | tr -d '\000'
	printf '\000'
done`

// mostTails is how many failed ports get the end of their log: beyond it nobody
// reads them one by one.
const mostTails = 50

// addTails reads the ends of the failed ports' logs, all at once.
func addTails(ctx context.Context, h effect.Doer, op string, failures []Failure, lines int) error {
	if len(failures) == 0 || lines <= 0 {
		return nil
	}
	some := failures[:min(len(failures), mostTails)]
	argv := []string{"sh", "-c", tailLogs, "sh", decimal(lines)}
	reads := []effect.Resource{}
	for _, f := range some {
		argv = append(argv, f.Log)
		reads = append(reads, effect.File(f.Log))
	}
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, Title: "tail the logs of failed ports", Argv: argv, Env: environment(), Reads: reads})
	if err != nil {
		return err
	}
	out, err := res.Text()
	if err != nil {
		return err
	}
	for i, tail := range strings.SplitN(out, "\x00", len(some)+1) {
		if i < len(some) {
			some[i].Tail = strings.ToValidUTF8(strings.TrimRight(tail, "\n"), "?")
		}
	}
	return nil
}

// ResultsArgs choose a build.
type ResultsArgs struct {
	Jail  string `lua:"jail,required" doc:"the jail"`
	Tree  string `lua:"tree" doc:"the ports tree" default:"default"`
	Set   string `lua:"set" doc:"the set"`
	Build string `lua:"build" doc:"the build's name" default:"latest"`
	Lines int    `lua:"lines" doc:"so many last lines of each failed port's log" default:"40"`
}

// Results reads what became of a build's ports.
func Results(ctx context.Context, h effect.Doer, a ResultsArgs) (Build, error) {
	const op = "poudriere.results"
	var out Build
	p, err := locate(ctx, h, op, a.Jail, a.Tree, a.Set)
	if err != nil {
		return out, err
	}
	if err := checkName(op, "build", buildName, a.Build); err != nil {
		return out, err
	}
	b, ok, err := p.readBuild(ctx, h, op, a.Build, ".data.json")
	if err != nil {
		return out, err
	}
	if !ok {
		missing := effect.Errorf(effect.Missing, op, "there are no results in %s", p.build(a.Build))
		missing.Hint = "no build of this jail, tree and set has run yet, or logclean removed it"
		return out, missing
	}
	p.fill(&out, b, a.Build)
	return out, addTails(ctx, h, op, out.Failed, a.Lines)
}

// locate finds where builds of a jail, tree and set lie.
func locate(ctx context.Context, h effect.Doer, op, jail, tree, set string) (place, error) {
	p := place{jail: jail, tree: tree, set: set}
	if err := checkMaster(op, jail, tree, set); err != nil {
		return p, err
	}
	c, err := needConf(ctx, h, op)
	if err != nil {
		return p, err
	}
	p.data = c.data()
	return p, nil
}

// LogArgs choose a package's log.
type LogArgs struct {
	Jail  string `lua:"jail,required" doc:"the jail"`
	Port  string `lua:"port,required" doc:"a package (name-version) or an origin of the build"`
	Tree  string `lua:"tree" doc:"the ports tree" default:"default"`
	Set   string `lua:"set" doc:"the set"`
	Build string `lua:"build" doc:"the build's name" default:"latest"`
	Lines int    `lua:"lines" doc:"so many last lines; 0: all" default:"100"`
}

// PortLog is a package's log.
type PortLog struct {
	Path    string `lua:"path"`
	Package string `lua:"package"`
	Text    string `lua:"text"`
}

// Log reads the log of one package.
func Log(ctx context.Context, h effect.Doer, a LogArgs) (PortLog, error) {
	const op = "poudriere.log"
	p, err := locate(ctx, h, op, a.Jail, a.Tree, a.Set)
	if err != nil {
		return PortLog{}, err
	}
	if err := checkName(op, "build", buildName, a.Build); err != nil {
		return PortLog{}, err
	}
	name := a.Port
	if strings.Contains(name, "/") {
		if name, err = p.packageOf(ctx, h, op, a.Build, a.Port); err != nil {
			return PortLog{}, err
		}
	}
	if err := checkName(op, "package", packageName, name); err != nil {
		return PortLog{}, err
	}
	out := PortLog{Package: name, Path: path.Join(p.build(a.Build), "logs", name+".log")}
	argv := []string{"cat", out.Path}
	if a.Lines > 0 {
		argv = []string{"tail", "-n", decimal(a.Lines), out.Path}
	}
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Env: environment(), Reads: []effect.Resource{effect.File(out.Path)}})
	if err != nil {
		return out, effect.WithHint(err, "poudriere.results lists the packages of the build")
	}
	out.Text, err = res.Text()
	return out, err
}

// packageOf finds an origin's package in a build.
func (p place) packageOf(ctx context.Context, h effect.Doer, op, build, origin string) (string, error) {
	b, ok, err := p.readBuild(ctx, h, op, build, ".data.json")
	if err != nil {
		return "", err
	}
	if ok {
		for _, list := range [][]portJSON{b.Ports.Failed, b.Ports.Built, b.Ports.Skipped, b.Ports.Ignored, b.Ports.Fetched} {
			for _, port := range list {
				if string(port.Origin) == origin || string(port.Origin)+"@"+string(port.Flavor) == origin {
					return string(port.Pkgname), nil
				}
			}
		}
	}
	return "", effect.Errorf(effect.Missing, op, "the build %s of %s has no port %s", build, p.master(), origin)
}

// StatusArgs choose builds.
type StatusArgs struct {
	Jail     string `lua:"jail,pos" doc:"only of this jail"`
	Tree     string `lua:"tree" doc:"only of this ports tree"`
	Set      string `lua:"set" doc:"only of this set"`
	Finished bool   `lua:"finished" doc:"builds at their end, too"`
}

// BuildStatus is one line of poudriere status.
type BuildStatus struct {
	Set     string `lua:"set,omitempty"`
	Tree    string `lua:"tree"`
	Jail    string `lua:"jail"`
	Build   string `lua:"build"`
	Status  string `lua:"status"`
	Counts  Counts `lua:"counts"`
	Elapsed string `lua:"elapsed" doc:"as poudriere prints it"`
	Logs    string `lua:"logs,omitempty" doc:"folder or address of the logs"`
}

// Status lists the builds under way.
func Status(ctx context.Context, h effect.Doer, a StatusArgs) ([]BuildStatus, error) {
	const op = "poudriere.status"
	args := []string{"status", "-H", "-l"}
	if a.Finished {
		args = append(args, "-a", "-f")
	}
	for _, o := range []struct {
		flag, what, value string
		form              *lazyregexp.Regexp
	}{{"-j", "jail", a.Jail, jailName}, {"-p", "ports tree", a.Tree, treeName}, {"-z", "set", a.Set, setName}} {
		if o.value == "" {
			continue
		}
		if err := checkName(op, o.what, o.form, o.value); err != nil {
			return nil, err
		}
		args = append(args, o.flag, o.value)
	}
	e := command(op, args...)
	e.Kind = effect.Read
	e.Reads = append(e.Reads, "poudriere:builds/")
	res, err := do(ctx, h, e)
	if err != nil {
		if strings.Contains(effect.AsError(err).Error(), "does not exist") {
			return []BuildStatus{}, nil // no build was ever made
		}
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return parseStatus(out)
}
