package poudriere

import (
	"context"
	"path"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/stdlib/file"
)

// BulkArgs say what is built.
type BulkArgs struct {
	Jail    string   `lua:"jail,required" doc:"the jail"`
	Origins []string `lua:"origins,pos" doc:"ports: category/port, or category/port@flavor"`
	Tree    string   `lua:"tree" doc:"the ports tree" default:"default"`
	Set     string   `lua:"set" doc:"the set (-z)"`
	Files   []string `lua:"files" doc:"files on the host that list ports (-f)"`
	All     bool     `lua:"all" doc:"every port of the tree (-a)"`
	Clean   string   `lua:"clean" doc:"build anew: listed (-C) or all (-c)" enum:"listed|all"`
	Test    bool     `lua:"test" doc:"test the ports, too (-t)"`
	Jobs    int      `lua:"jobs" doc:"builders (-J)"`
	Build   string   `lua:"build" doc:"the build's name (-B); default: the time at the start"`
	Options []string `lua:"options" doc:"further options of poudriere bulk"`
	// Lines and Timeout are about the waiting.
	Lines   int           `lua:"lines" doc:"so many last lines of each failed port's log" default:"40"`
	Timeout time.Duration `lua:"timeout" doc:"stop waiting after this; the build goes on. 0: never" unit:"seconds"`
}

func (a BulkArgs) check(op string) error {
	if err := checkMaster(op, a.Jail, a.Tree, a.Set); err != nil {
		return err
	}
	if err := checkOrigins(op, a.Origins); err != nil {
		return err
	}
	for _, file := range a.Files {
		if err := checkPath(op, "the list of ports", file); err != nil {
			return err
		}
	}
	ways := 0
	for _, given := range []bool{len(a.Origins) > 0, len(a.Files) > 0, a.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return invalid(op, "say what is built by one of origins, files and all")
	}
	if a.Build != "" {
		if err := checkName(op, "build", buildName, a.Build); err != nil {
			return err
		}
	}
	if a.Jobs < 0 {
		return invalid(op, "%d builders are too few", a.Jobs)
	}
	return nil
}

// args are the options of poudriere bulk but for the build's name.
func (a BulkArgs) args() []string {
	args := []string{"-j", a.Jail, "-p", a.Tree}
	if a.Set != "" {
		args = append(args, "-z", a.Set)
	}
	switch a.Clean {
	case "listed":
		args = append(args, "-C")
	case "all":
		args = append(args, "-c")
	}
	if a.Test {
		args = append(args, "-t")
	}
	if a.Jobs > 0 {
		args = append(args, "-J", decimal(a.Jobs))
	}
	args = append(args, a.Options...)
	if a.All {
		args = append(args, "-a")
	}
	for _, file := range a.Files {
		args = append(args, "-f", file)
	}
	return append(args, a.Origins...)
}

// prepare checks everything that can be known before poudriere starts.
func (a BulkArgs) prepare(ctx context.Context, h effect.Doer, op string) (place, error) {
	if err := a.check(op); err != nil {
		return place{}, err
	}
	reads := append(file.Looks(op, confPath), askState(op, jailsDir, a.Jail), askState(op, portsDir, a.Tree))
	h, err := host.Prefetch(ctx, h, op, reads...)
	if err != nil {
		return place{}, err
	}
	p, err := locate(ctx, h, op, a.Jail, a.Tree, a.Set)
	if err != nil {
		return p, err
	}
	if _, err := needJail(ctx, h, op, a.Jail); err != nil {
		return p, err
	}
	_, err = needTree(ctx, h, op, a.Tree)
	return p, err
}

// Bulk builds packages. Ports that fail are part of the result and no error.
func Bulk(ctx context.Context, h effect.Doer, a BulkArgs) (Build, error) {
	const op = "poudriere.bulk"
	out := Build{Jail: a.Jail, Tree: a.Tree, Set: a.Set}
	p, err := a.prepare(ctx, h, op)
	if err != nil {
		return out, err
	}
	w := work{h: h, op: op, verb: "bulk", place: p, name: a.Build, args: a.args(), limit: a.Timeout, lines: a.Lines}
	return w.do(ctx)
}

// PlanArgs say what is planned.
type PlanArgs struct {
	Jail    string        `lua:"jail,required" doc:"the jail"`
	Origins []string      `lua:"origins,pos" doc:"ports"`
	Tree    string        `lua:"tree" doc:"the ports tree" default:"default"`
	Set     string        `lua:"set" doc:"the set"`
	Files   []string      `lua:"files" doc:"files on the host that list ports"`
	All     bool          `lua:"all" doc:"every port of the tree"`
	Clean   string        `lua:"clean" doc:"as for bulk" enum:"listed|all"`
	Options []string      `lua:"options" doc:"further options of poudriere bulk"`
	Timeout time.Duration `lua:"timeout" doc:"for the metadata of all ports" unit:"seconds" default:"7200"`
}

// PlanBulk asks what a build would do. poudriere starts the jail for it, so that
// it is a change.
func PlanBulk(ctx context.Context, h effect.Doer, a PlanArgs) (Plan, error) {
	const op = "poudriere.plan"
	b := BulkArgs{Jail: a.Jail, Origins: a.Origins, Tree: a.Tree, Set: a.Set, Files: a.Files, All: a.All, Clean: a.Clean, Options: append([]string{"-n"}, a.Options...)}
	p, err := b.prepare(ctx, h, op)
	if err != nil {
		return Plan{}, err
	}
	e := command(op, append([]string{"bulk"}, b.args()...)...)
	e.Timeout = a.Timeout
	e.Writes = []effect.Resource{effect.Resource("jail:" + p.master()), effect.Tree(p.logs())}
	e.Diff = &effect.Diff{Path: "jail " + p.master(), Note: "start the jail to see what would be built"}
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped {
		return Plan{Changed: true}, err
	}
	said, err := res.Text()
	if err != nil {
		return Plan{}, err
	}
	return parsePlan(said)
}

// TestportArgs say what is tested.
type TestportArgs struct {
	Jail    string        `lua:"jail,required" doc:"the jail"`
	Origin  string        `lua:"origin,required" doc:"the port"`
	Tree    string        `lua:"tree" doc:"the ports tree" default:"default"`
	Set     string        `lua:"set" doc:"the set"`
	Prefix  bool          `lua:"prefix" doc:"install below another prefix (-P)"`
	All     bool          `lua:"keep_going" doc:"find all failures instead of stopping at the first (-k)"`
	Jobs    int           `lua:"jobs" doc:"builders for what the port needs (-J)"`
	Build   string        `lua:"build" doc:"the build's name (-B); default: the time at the start"`
	Lines   int           `lua:"lines" doc:"so many last lines of the failed port's log" default:"40"`
	Timeout time.Duration `lua:"timeout" doc:"stop waiting after this; 0: never" unit:"seconds"`
}

// Testport builds and tests one port. A port that fails is part of the result.
func Testport(ctx context.Context, h effect.Doer, a TestportArgs) (Build, error) {
	const op = "poudriere.testport"
	b := BulkArgs{Jail: a.Jail, Origins: []string{a.Origin}, Tree: a.Tree, Set: a.Set, Jobs: a.Jobs, Build: a.Build}
	p, err := b.prepare(ctx, h, op)
	if err != nil {
		return Build{Jail: a.Jail, Tree: a.Tree, Set: a.Set}, err
	}
	args := []string{"-j", a.Jail, "-p", a.Tree}
	if a.Set != "" {
		args = append(args, "-z", a.Set)
	}
	if a.Prefix {
		args = append(args, "-P")
	}
	if a.All {
		args = append(args, "-k")
	}
	if a.Jobs > 0 {
		args = append(args, "-J", decimal(a.Jobs))
	}
	w := work{h: h, op: op, verb: "testport", place: p, name: a.Build, args: append(args, "-o", a.Origin), limit: a.Timeout, lines: a.Lines}
	return w.do(ctx)
}

// work is a build under way: bulk or testport.
type work struct {
	h     effect.Doer
	op    string
	verb  string
	place place
	name  string // of the build; empty: the time at the start, on the host
	args  []string
	limit time.Duration
	lines int

	run   *run
	build string // the name that the job told
	ours  bool   // the job builds what is asked for
	last  Counts
}

// buildScript names the build on the host, so that the same call is the same
// job wherever and whenever it is made again, and tells the name in its first
// line, where whoever attaches finds it.
const buildScript = `build=$1
verb=$2
shift 2
if [ -z "$build" ]; then
	build=$(date +%Y-%m-%d_%Hh%Mm%Ss)
fi
echo "bsdrun build $build: $verb $*"
exec poudriere "$verb" -B "$build" "$@"`

func (w *work) effect() effect.Effect {
	p := w.place
	return effect.Effect{
		Op: w.op, Kind: effect.Change, Env: environment(), Title: w.command(),
		Argv:   append([]string{"sh", "-c", buildScript, "sh", w.name, w.verb}, w.args...),
		Reads:  needs(),
		Writes: []effect.Resource{effect.Tree(p.logs()), effect.Tree(p.packages()), effect.Resource("poudriere:builds/" + p.master()), effect.Resource("jail:" + p.master())},
		Diff:   &effect.Diff{Path: p.packages(), Note: "poudriere " + w.verb + " " + strings.Join(w.args, " ")},
	}
}

func (w *work) key() string { return "poudriere-build-" + w.place.master() }

func (w *work) command() string { return "poudriere " + w.verb + " " + strings.Join(w.args, " ") }

// do runs the build to its end.
func (w *work) do(ctx context.Context) (Build, error) {
	out := Build{Changed: true, Jail: w.place.jail, Tree: w.place.tree, Set: w.place.set, Packages: w.place.packages()}
	if err := w.waitForOther(ctx); err != nil {
		return out, err
	}
	const others = 3 // builds of other runs that may come in between
	for tries := 1; ; tries++ {
		var err error
		if w.run, err = start(ctx, w.h, w.effect(), w.key()); err != nil || w.run == nil {
			return out, err
		}
		w.build, w.ours = "", false
		if err := w.follow(ctx); err != nil {
			return out, err
		}
		if w.ours || !w.run.attached {
			return w.finish(ctx)
		}
		if tries > others {
			busy := effect.Errorf(effect.Failed, w.op, "other builds of %s keep coming in between", w.place.master())
			busy.Hint = "h.poudriere.status shows them; run again when they are over"
			return out, busy
		}
		// Another build of this jail was under way as a job of ours. It is
		// over now, and leaves less to do for this one.
	}
}

// waitForOther waits for a build of the same name that is no job of ours.
func (w *work) waitForOther(ctx context.Context) error {
	began := clock.Now(ctx)
	for pause := 2 * time.Second; ; pause = min(pause*3/2, longest) {
		other, err := w.other(ctx)
		if err != nil || other == "" {
			return err
		}
		if w.limit > 0 && clock.Now(ctx).Sub(began) > w.limit {
			late := effect.Errorf(effect.Timeout, w.op, "the build %s of %s is under way and has not ended after %s", other, w.place.master(), w.limit)
			late.Hint = "h.poudriere.status shows it"
			return late
		}
		effect.Report(ctx, w.op, "waiting for the build "+other+" of "+w.place.master(), map[string]any{"waiting": true})
		if err := clock.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// other names a build under way that no job of ours runs. The JSON of a build
// that a crash ended looks alive for ever, so that poudriere itself is asked.
func (w *work) other(ctx context.Context) (string, error) {
	b, ok, err := w.place.readBuild(ctx, w.h, w.op, "latest", miniJSON)
	if unknown(err) {
		return "", nil
	}
	if err != nil || !ok || b.over() {
		return "", err
	}
	if ours, err := jobRuns(ctx, w.h, w.op, w.key()); err != nil || ours {
		return "", err
	}
	builds, err := Status(ctx, w.h, StatusArgs{Jail: w.place.jail, Tree: w.place.tree, Set: w.place.set})
	if err != nil || len(builds) == 0 {
		return "", err
	}
	return builds[0].Build, nil
}

// identify reads the build's name from the job's first line, and whether the
// job builds what is asked for. The log of a very long build has lost its
// beginning; that build is the latest one.
func (w *work) identify() {
	first, _, whole := strings.Cut(string(w.run.head), "\n")
	if !whole || w.build != "" {
		return
	}
	if name, what, ok := parseFirst(first); ok {
		w.build, w.ours = name, what == w.verb+" "+strings.Join(w.args, " ")
	} else if w.run.attached && w.run.state.LogSize > headSize {
		w.build = "latest"
	}
}

// buildMark begins the first line of a build's log.
const buildMark = "bsdrun build "

// parseFirst reads the first line of a build's log.
func parseFirst(text string) (name, what string, ok bool) {
	rest, ok := strings.CutPrefix(text, buildMark)
	if !ok {
		return "", "", false
	}
	// A name may hold colons, but no blank.
	name, what, ok = strings.Cut(rest, ": ")
	return name, what, ok && buildName.MatchString(name)
}

// follow waits for the job's end and reports counts on the way.
func (w *work) follow(ctx context.Context) error {
	seen := ""
	h := w.h // what each look has seen
	w.run.h = effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		reads := []effect.Effect{e}
		if w.build != "" {
			reads = append(reads, file.Looks(w.op, path.Join(w.place.build(w.build), miniJSON))...)
		}
		var err error
		if h, err = host.Prefetch(ctx, w.h, w.op, reads...); err != nil {
			return effect.Result{}, err
		}
		return h.Do(ctx, e)
	})
	return w.run.wait(ctx, w.limit, func() error {
		w.identify()
		if w.build != "" {
			b, ok, err := w.place.readBuild(ctx, h, w.op, w.build, miniJSON)
			if err != nil && effect.KindOf(err) != effect.Unreachable {
				return err // a lost connection is the waiting's to bear
			}
			if ok && b.counts().Queued > 0 {
				w.report(ctx, b)
				return nil
			}
		}
		w.run.progress(ctx, &seen)
		return nil
	})
}

func (w *work) report(ctx context.Context, b buildJSON) {
	c := b.counts()
	if c == w.last {
		return
	}
	w.last = c
	done := c.Queued - c.Remaining
	text := decimal(done) + " of " + decimal(c.Queued) + ": " + decimal(c.Built) + " built, " + decimal(c.Failed) + " failed"
	if c.Skipped > 0 {
		text += ", " + decimal(c.Skipped) + " skipped"
	}
	effect.Report(ctx, w.op, text, map[string]any{
		"status": b.state(), "build": w.build, "queued": c.Queued, "built": c.Built, "failed": c.Failed, "skipped": c.Skipped,
		"ignored": c.Ignored, "fetched": c.Fetched, "remaining": c.Remaining, "done": done, "total": c.Queued,
	})
}

// finish reads the result. Only the JSON tells it: the exit code counts failed
// and skipped ports and is cut to a byte, so that 1 can be an error and 0 can
// be 256 failures.
func (w *work) finish(ctx context.Context) (Build, error) {
	out := Build{Jail: w.place.jail, Tree: w.place.tree, Set: w.place.set, Attached: w.run.attached, Exit: w.run.state.Code}
	var b buildJSON
	ok := false
	if w.build != "" {
		var err error
		if b, ok, err = w.place.readBuild(ctx, w.h, w.op, w.build, ".data.json"); err != nil {
			return out, err
		}
	}
	if ok {
		w.place.fill(&out, b, w.build)
	}
	if ok && b.state() == "done" {
		return out, addTails(ctx, w.h, w.op, out.Failed, w.lines)
	}
	if failed := w.run.failure(w.command()); failed != nil {
		e := *effect.AsError(failed)
		if ok {
			e.Reached = "the build " + w.build + " was at " + string(b.Status) + " with " + decimal(out.Counts.Built) + " packages built; logs in " + out.Log
		}
		return out, &e
	}
	lost := effect.Errorf(effect.Failed, w.op, "poudriere ended, but %s does not say how", path.Join(w.place.build(w.build), ".data.json"))
	lost.Hint = "is HTML_JSON_UPDATE_INTERVAL set to 0 in poudriere.conf?"
	return out, lost
}
