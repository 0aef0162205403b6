package freebsdupdate

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

// environment keeps the tool from asking: its lists go through PAGER, and
// nothing is ever to be edited.
var environment = []string{"PAGER=cat", "EDITOR=/usr/bin/true"}

// features are what a version of the tool can do beyond what all can.
type features struct {
	noTerminal       bool // --not-running-from-cron
	currentlyRunning bool // --currently-running
	jail             bool // -j
	force            bool // -F
}

// featureScript prints the tool's usage, and the options that its source
// handles but its usage does not name.
const featureScript = `"$1" 2>&1 </dev/null
grep -E '^[[:space:]]*(-F|-j|--not-running-from-cron|--currently-running)\)' "$1" 2>/dev/null; :`

func probe(ctx context.Context, h effect.Doer, op string) (features, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Title: "freebsd-update (its options)",
		Argv: []string{"sh", "-c", featureScript, "sh", tool}, Reads: []effect.Resource{effect.File(tool)},
	})
	if err != nil {
		return features{}, err
	}
	out, err := res.Text()
	if err != nil {
		return features{}, err
	}
	if !strings.Contains(out, "usage: ") {
		return features{}, effect.WithHint(effect.Errorf(effect.Missing, op, "there is no working %s: %.200q", tool, out),
			"a system that is made of packages may lack it: see h.pkgbase")
	}
	return featuresOf(out), nil
}

var optionForm = lazyregexp.New(`(?m)^\s*(-F|-j|--not-running-from-cron|--currently-running)(?:\)|\s|$)`)

func featuresOf(usage string) features {
	var f features
	for _, m := range optionForm.FindAllStringSubmatch(usage, -1) {
		switch m[1] {
		case "-F":
			f.force = true
		case "-j":
			f.jail = true
		case "--not-running-from-cron":
			f.noTerminal = true
		case "--currently-running":
			f.currentlyRunning = true
		}
	}
	return f
}

// call is one command of the tool.
type call struct {
	op      string
	verb    string
	options []string
	env     []string
	title   string
	timeout time.Duration
}

// prepare makes a call of a verb, with what a place and a source ask for.
// What the tool can read from a file alone is put into one of ours: nothing of
// it would be safe in the list of processes, and the host's file stays.
func (t target) prepare(ctx context.Context, h effect.Doer, op, verb string, f features, s Source, settings map[string][]string) (call, error) {
	c := call{op: op, verb: verb, timeout: s.Timeout, title: "freebsd-update " + verb}
	if len(settings) > 0 {
		name := t.stage(verb + ".conf")
		if err := t.writeStaged(ctx, h, op, name, []byte(t.conf.private(settings))); err != nil {
			return call{}, err
		}
		c.options = append(c.options, "-f", name)
	} else if t.place.Config != "" && t.place.Config != confPath {
		c.options = append(c.options, "-f", t.place.Config)
	}
	switch {
	case t.place.Jail != "" && f.jail:
		c.options = append(c.options, "-j", t.place.Jail)
	case t.place.Jail != "":
		if s.CurrentlyRunning == "" && verb != "install" && verb != "rollback" {
			return call{}, effect.WithHint(effect.Errorf(effect.Invalid, op, "this freebsd-update knows no jails"),
				"say with currently_running= which release the jail has")
		}
		c.options = append(c.options, "-b", t.base)
	case t.place.Basedir != "":
		c.options = append(c.options, "-b", t.base)
	}
	if s.CurrentlyRunning != "" {
		release := releaseName(s.CurrentlyRunning)
		if f.currentlyRunning {
			c.options = append(c.options, "--currently-running", release)
		} else {
			c.env = append(c.env, "UNAME_r="+release) // what the option comes to
		}
	}
	return c, nil
}

// writeStaged puts a file that only root may read beside the tool's state.
func (t target) writeStaged(ctx context.Context, h effect.Doer, op, name string, data []byte) error {
	before, there, err := file.Content(ctx, h, op, name)
	if err == nil && there && bytes.Equal(before, data) {
		return nil
	}
	private, open := new(fs.FileMode(0o600)), new(fs.FileMode(0o700))
	dir := t.stage("")
	_, err = h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileMkdir, Path: dir, Parents: true, Mode: open},
		Reads: effect.Nothing, Writes: []effect.Resource{effect.File(dir)},
	})
	if err != nil {
		return err
	}
	_, err = h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: name, Data: data, Mode: private},
		Reads: effect.Nothing, Writes: []effect.Resource{effect.File(name)},
		Diff: &effect.Diff{Path: name, Before: before, After: data},
	})
	return err
}

// argv is the command line.
func (c call) argv() []string {
	return append(append([]string{tool}, c.options...), c.verb)
}

func (t target) effectOf(c call) effect.Effect {
	return effect.Effect{
		Op: c.op, Kind: effect.Change, Title: c.title,
		Argv: c.argv(), Env: append(append([]string(nil), environment...), c.env...),
		Writes: []effect.Resource{t.state()},
	}
}

// outcome is how a command of the tool ended.
type outcome struct {
	code     int
	out      string
	attached bool // it had been started before
}

// Bounds of what is kept of a job's log: the lists of an upgrade are long.
const maxLog = 8 << 20

// run lets a call run as a detached job to its end. It is nil where check mode
// skipped it.
func (t target) run(ctx context.Context, h effect.Doer, e effect.Effect, c call) (*outcome, error) {
	key := "freebsd-update-" + c.verb + "-" + t.hash[:16]
	job, err := host.StartJob(ctx, h, e, key)
	if err != nil {
		return nil, explain(err)
	}
	if job.Skipped() {
		return nil, nil
	}
	var log []byte
	seen := ""
	began := clock.Now(ctx)
	state, err := job.Wait(ctx, 0, func(n host.News) error {
		if room := maxLog - len(log); room > 0 {
			log = append(log, n.Log[:min(room, len(n.Log))]...)
		}
		if last := lastLine(log); last != seen {
			seen = last
			effect.Report(ctx, c.op, last, nil)
		}
		if c.timeout > 0 && n.State.Running() && clock.Now(ctx).Sub(began) > c.timeout {
			late := effect.Errorf(effect.Timeout, c.op, "not ended after %s; the job goes on", c.timeout)
			late.Hint = "run again to attach to it, or look at it with bsdrun jobs"
			return late
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return judge(c, outcome{state.Code, string(log), job.Started().Attached})
}

// judge finds the failures that the exit code does not tell, and explains those
// that it does. Code 1 after the whole work is left to the caller.
func judge(c call, o outcome) (*outcome, error) {
	failed := &effect.Error{
		Op: c.op, Kind: effect.Failed, Code: o.code, Command: strings.Join(c.argv(), " "), Out: tail(o.out),
	}
	switch {
	case usageForm.MatchString(o.out):
		failed.Kind = effect.Invalid
		failed.Message = "freebsd-update does not understand " + strings.Join(c.argv()[1:], " ")
		failed.Hint = "this version of the tool may lack an option"
		return &o, failed
	case o.code != 0:
		return &o, explain(failed)
	}
	return &o, nil
}

// usageForm finds the usage that the tool prints, with exit code 0, where it
// does not understand its command line.
var usageForm = lazyregexp.New(`(?m)^usage: \S*freebsd-update `)

func tail(out string) string {
	const most = 4096
	return out[max(0, len(out)-most):]
}

// lastLine is the last line that the tool has completed.
func lastLine(log []byte) string {
	end := bytes.LastIndexByte(log, '\n')
	if end < 0 {
		return ""
	}
	log = log[:end]
	return strings.TrimSpace(string(log[bytes.LastIndexByte(log, '\n')+1:]))
}

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`incompatible with the use of packaged base`), Kind: effect.Failed, Hint: "the system comes from packages: use h.pkgbase.upgrade"},
	{Pattern: lazyregexp.New(`failed an integrity check`), Kind: effect.Failed, Hint: "an old freebsd-update does not know the paths of newer releases: h.freebsd_update.patch_integrity_check() first"},
	{Pattern: lazyregexp.New(`key has incorrect hash`), Kind: effect.Failed, Hint: "the server's key is not the one of key= or KeyPrint"},
	{Pattern: lazyregexp.New(`invalid signature`), Kind: effect.Failed, Hint: "what the server sent is not signed by the key"},
	{Pattern: lazyregexp.New(`Fetching metadata signature for (\S+) from \S+ failed\.[\s\S]*No mirrors remaining`), Kind: effect.Missing, Hint: "no server has $1 for this platform, or none answers"},
	{Pattern: lazyregexp.New(`No mirrors remaining`), Kind: effect.Failed, Hint: "no server answers: look at the network, or name another one with server="},
	{Pattern: lazyregexp.New(`Cannot upgrade from (\S+) to itself`), Kind: effect.Failed, Hint: "the running kernel is $1 already: if only the kernel is, say with currently_running= what the rest is"},
	{Pattern: lazyregexp.New(`Cannot upgrade from a version that is not a release`), Kind: effect.Failed, Hint: "freebsd-update upgrades releases alone; others are upgraded from source"},
	{Pattern: lazyregexp.New(`partially completed upgrade pending`), Kind: effect.Failed, Hint: "h.freebsd_update.install() goes on with it; force=true forgets it"},
	{Pattern: lazyregexp.New(`appear older than what|are older than the`), Kind: effect.Failed, Hint: "the server is behind: try later, or another one with server="},
	{Pattern: lazyregexp.New(`You must be root`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\")"},
	{Pattern: lazyregexp.New(`system securelevel`), Kind: effect.Denied, Hint: "lower kern_securelevel in rc.conf and reboot"},
	{Pattern: lazyregexp.New(`Directory is not on a persistent filesystem`), Kind: effect.Failed, Hint: "put WorkDir on a disk"},
	{Pattern: lazyregexp.New(`Update (files missing|manifest is corrupt)`), Kind: effect.Failed, Hint: "fetch or upgrade again"},
	{Pattern: lazyregexp.New(`No rollback directory found`), Kind: effect.Missing, Hint: "nothing was installed that could be uninstalled"},
}

func explain(err error) error {
	err, _ = effect.Explain(err, rules)
	return err
}
