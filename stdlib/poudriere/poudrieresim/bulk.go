package poudrieresim

import (
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
)

// bulkFlags are the options of `poudriere bulk` and `testport`.
type bulkFlags struct {
	jail, tree, set, build  string
	files, origins          []string
	all, clean, cleanListed bool
	dry, test, noRepo       bool
	shallow                 bool // -S: don't rebuild what depends on it
	keepGoing               bool
	tryBroken               bool
	jobs                    int
	kind                    string
}

func (c *command) bulk(args []string) error {
	if len(args) == 0 {
		return c.usageOf(bulkUsage, exUsage)
	}
	f := bulkFlags{tree: "default", kind: "bulk"}
	list, rest, bad := c.getopts(args, "ab:B:CcD:f:FiIj:J:knNO:p:rRStTvwXz:")
	if bad {
		return c.usageOf(bulkUsage, exUsage)
	}
	for _, o := range list {
		if err := c.bulkFlag(&f, o); err != nil {
			return err
		}
	}
	if f.jail == "" {
		return errf(1, "Don't know on which jail to run please specify -j")
	}
	if f.all && f.cleanListed {
		f.clean, f.cleanListed = true, false
	}
	f.origins = rest
	return c.build(f)
}

func (c *command) bulkFlag(f *bulkFlags, o flag) error {
	switch o.letter {
	case 'j':
		if !c.registered("jails", o.value) {
			return errf(1, "No such jail: %s", o.value)
		}
		f.jail = o.value
	case 'p':
		if !c.registered("ports", o.value) {
			return errf(2, "No such ports tree %s", o.value)
		}
		f.tree = o.value
	case 'z':
		if o.value == "" {
			return errf(1, "Empty set name")
		}
		f.set = o.value
	case 'B':
		f.build = o.value
	case 'f':
		f.files = append(f.files, c.fs.Abs(o.value))
	case 'a':
		f.all = true
	case 'c':
		f.clean = true
	case 'C':
		f.cleanListed = true
	case 'n':
		if c.get("ATOMIC_PACKAGE_REPOSITORY", "yes") != "yes" {
			return errf(1, "ATOMIC_PACKAGE_REPOSITORY required for dry-run support")
		}
		f.dry, c.dry = true, true
	case 't':
		f.test = true
	case 'N':
		f.noRepo = true
	case 'S':
		f.shallow = true
	case 'k':
		f.keepGoing = true
	case 'T':
		f.tryBroken = true
	case 'J':
		n, _, _ := strings.Cut(o.value, ":")
		jobs, err := strconv.Atoi(n)
		if err != nil || jobs < 1 {
			return errf(exUsage, "-J requires a number")
		}
		f.jobs = jobs
	case 'v':
		c.verbose++
	case 'b', 'D', 'O', 'i', 'I', 'X':
		return silent(c.p.Cannot("poudriere bulk -%c", o.letter))
	}
	return nil
}

// listed reads which ports are asked for.
func (c *command) listed(f *bulkFlags) ([]string, error) {
	if f.all {
		if len(f.origins) > 0 {
			return nil, errf(exUsage, "command line arguments and -a cannot be used at the same time")
		}
		return c.tree(*f).Origins(), nil
	}
	if len(f.origins) > 0 && len(f.files) > 0 {
		return nil, errf(exUsage, "command line arguments and list of ports cannot be used at the same time")
	}
	if len(f.origins) == 0 && len(f.files) == 0 {
		return nil, errf(exUsage, "No packages specified")
	}
	out := slices.Clone(f.origins)
	for _, file := range f.files {
		data, err := c.fs.ReadFile(file)
		if err != nil {
			return nil, errf(exUsage, "No such list of packages: %s", file)
		}
		for _, line := range strings.Split(string(data), "\n") {
			line, _, _ = strings.Cut(line, "#")
			out = append(out, strings.Fields(line)...)
		}
	}
	for i, o := range out {
		out[i] = strings.Trim(o, "/")
	}
	return out, nil
}

// claim makes the jail's name this process's own, or says that it runs.
func (c *command) claim(master string, fresh *bulkRun) error {
	if r := c.record().Runs[master]; r != nil && !r.up(c.p.Machine) && r.Stage != "" {
		// The machine was loaded just now: whoever goes on with this build comes first.
		if err := c.pause(time.Second); err != nil {
			return err
		}
	}
	if r := c.record().Runs[master]; r != nil && r.up(c.p.Machine) {
		return errf(1, "jail already running: %s", master)
	}
	if making := c.record().Making[fresh.Jail]; making != nil && !making.abandoned(c.p) {
		return errf(1, "jail currently starting: %s", master)
	}
	c.record().Runs[master] = fresh
	return nil
}

// build runs a bulk or a testport from its start, or goes on with one that was
// under way when the machine was saved.
func (c *command) build(f bulkFlags) error {
	master := masterName(f.jail, f.tree, f.set)
	if r := c.record().Runs[master]; r.mine(c.p) {
		r.PID, c.start = c.p.PID, r.Started
		return c.guarded(&building{command: c, f: f, r: r})
	}
	if !c.registered("ports", f.tree) {
		return errf(2, "No such ports tree %s", f.tree)
	}
	listed, err := c.listed(&f)
	if err != nil {
		return err
	}
	r := &bulkRun{Master: master, Jail: f.jail, Tree: f.tree, Set: f.set, Args: slices.Clone(c.p.Args), PID: c.p.PID, Started: c.start, Test: f.test, NoRepo: f.noRepo, Items: map[string]*item{}}
	r.Build = f.build
	if r.Build == "" {
		r.Build = c.start.Format("2006-01-02_15h04m05s")
	}
	if err := c.claim(master, r); err != nil {
		return err
	}
	return c.guarded(&building{command: c, f: f, r: r, listed: listed})
}

// building is a build under way.
type building struct {
	*command
	f      bulkFlags
	r      *bulkRun
	listed []string
	fails  map[string]string
}

// guarded runs a build and cleans up behind it, however it ends. Killed by KILL,
// it leaves the jail as it stands; by another signal, it cleans up.
func (c *command) guarded(b *building) error {
	b.fails = failures(c.p.Machine.Params["fail"])
	err := b.run()
	var killed sim.Signalled
	switch {
	case c.p.Context.Err() == nil:
		if err != nil && b.r.Stage != "" {
			err = b.crash(err)
		}
	case errors.As(context.Cause(c.p.Context), &killed) && killed.Signal != syscall.SIGKILL:
		b.interrupted(killed.Signal)
	default:
		b.r.Left, b.r.PID = true, 0
		return err
	}
	if c.record().Runs[b.r.Master] == b.r {
		delete(c.record().Runs, b.r.Master)
		c.stopJails(b.r.Master)
	}
	return err
}

// crash notes the error in the build's status and cleans up.
func (b *building) crash(err error) error {
	code := 1
	var q *quit
	if errors.As(err, &q) {
		if code = q.code; q.text == "" {
			return err
		}
	}
	b.fail("%s", describe(err))
	b.msg("Cleaning up")
	b.msg("Unmounting file systems")
	b.r.Ended = b.p.Now()
	b.r.Status = "stopped:crashed:err:" + describe(err)
	b.flush()
	b.hook("bulk", "crashed")
	return silent(code)
}

func (b *building) interrupted(sig syscall.Signal) {
	name := map[syscall.Signal]string{syscall.SIGINT: "sigint", syscall.SIGTERM: "sigterm", syscall.SIGHUP: "sighup", syscall.SIGPIPE: "sigpipe"}[sig]
	if name == "" {
		name = "crashed"
	}
	b.fail("Signal %s caught, cleaning up and exiting", strings.ToUpper(name))
	if b.r.Stage != "" {
		b.r.Ended = b.p.Now()
		b.r.Status = "stopped:" + name + ":"
		b.flush()
	}
	b.msg("Cleaning up")
	b.msg("Unmounting file systems")
}

// run is the whole of a build; a stage that's done isn't done again.
func (b *building) run() error {
	if b.r.Stage == "" || b.r.Stage == "preparing" {
		over, err := b.prepare()
		if over || err != nil {
			return err
		}
		b.r.Stage = "building"
	}
	if b.r.Stage == "building" {
		if err := b.work(); err != nil {
			return err
		}
		b.r.Stage = "ending"
	}
	return b.finish()
}

// hook runs poudriere.d/hooks/NAME.sh where it's there.
func (b *building) hook(name string, args ...string) {
	file := path.Join(b.poudriered(), "hooks", name+".sh")
	if !b.exists(file) {
		return
	}
	env := []string{"MASTERNAME=" + b.r.Master, "BUILDNAME=" + b.r.Build, "JAILNAME=" + b.r.Jail, "PTNAME=" + b.r.Tree, "SETNAME=" + b.r.Set, "POUDRIERE_DATA=" + b.data(), "LOG=" + b.logs()}
	b.p.RunCommand(sim.Command{Args: append([]string{"sh", file}, args...), Env: append(slices.Clone(b.p.Env), env...), Stdin: strings.NewReader("")})
}

const bulkUsage = `poudriere bulk [options] [-a|-f file|cat/port ...]

Parameters:
    -a          -- Build the whole ports tree
    -f file     -- Get the list of ports to build from a file
    [ports...]  -- List of ports to build on the command line

Options:
    -B name     -- What buildname to use (must be unique, defaults to
                   YYYY-MM-DD_HH:MM:SS).
    -c          -- Clean all the previously built binary packages and logs.
    -C          -- Clean only the packages listed on the command line or -f file.
    -F          -- Only fetch from original master_site
    -J n[:p]    -- Run n jobs in parallel, and optionally a different number while preparing.
    -j name     -- Run only on the given jail
    -k          -- With -t, don't consider failures as fatal.
    -n          -- Dry-run. Show what will be done, but do not build any packages.
    -N          -- Do not build package repository when build completed
    -p tree     -- Specify on which ports tree the bulk build will be done
    -r          -- With -t, test all dependencies as well
    -S          -- Don't recursively rebuild packages affected by other packages
                   requiring incremental rebuild.
    -t          -- Test the specified ports for leftovers.
    -T          -- Try to build broken ports anyway
    -v          -- Be verbose; show more information.
    -w          -- Save WRKDIR on failed builds
    -z set      -- Specify which SET to use
`
