package poudrieresim

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/portstree"
)

// confirmed asks before files go: -y says yes, -n only shows, and without a
// terminal nobody says yes.
func (c *command) confirmed(yes bool) bool {
	if yes {
		return true
	}
	c.p.Printf("Proceed? [y/N] ")
	if !c.p.TTY {
		c.p.Printf("\n")
		return false
	}
	var answer [16]byte
	n, _ := c.p.Stdin.Read(answer[:])
	return strings.HasPrefix(strings.ToLower(string(answer[:n])), "y")
}

// removal shows what would go, asks, and removes it.
func (c *command) removal(what string, files []string, dry, yes bool) error {
	if len(files) == 0 {
		c.msg("No %s to cleanup", what)
		return nil
	}
	total := int64(0)
	for _, f := range files {
		if i, err := c.fs.Lstat(f); err == nil {
			total += i.Size
		}
		c.p.Printf("%s\n", f)
	}
	c.msg("Cleaning these will free: %s", human(total))
	if dry {
		c.msg("Dry run: not cleaning anything.")
		return nil
	}
	if !c.confirmed(yes) {
		return nil
	}
	c.msgN("Removing files...")
	for _, f := range files {
		if err := c.fs.RemoveAll(f); err != nil {
			return err
		}
	}
	c.done()
	return nil
}

func human(n int64) string {
	for _, u := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			return strconv.FormatInt(n, 10) + " " + u
		}
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + " TiB"
}

// pkgclean removes packages that the given ports don't need.
func (c *command) pkgclean(args []string) error {
	list, rest, bad := c.getopts(args, "aAC:f:j:J:nNO:p:rR:uvyz:")
	if bad || len(args) == 0 {
		return c.usageOf(pkgcleanUsage, exUsage)
	}
	f := bulkFlags{tree: "default", kind: "pkgclean"}
	dry, yes, everything, noRepo := false, false, false, false
	for _, o := range list {
		switch o.letter {
		case 'n':
			dry = true
		case 'y':
			yes = true
		case 'A':
			everything = true
		case 'N':
			noRepo = true
		case 'a', 'f', 'j', 'p', 'z', 'J', 'v':
			if err := c.bulkFlag(&f, o); err != nil {
				return err
			}
		default:
			return silent(c.p.Cannot("poudriere pkgclean -%c", o.letter))
		}
	}
	if f.jail == "" {
		return errf(1, "Don't know on which jail to run please specify -j")
	}
	f.origins = rest
	master := masterName(f.jail, f.tree, f.set)
	if r := c.record().Runs[master]; r != nil && r.up(c.p.Machine) {
		return errf(1, "jail already running: %s", master)
	}
	repo := path.Join(c.data(), "packages", master)
	at := path.Join(repo, ".latest")
	if !c.isDir(at) {
		if at = repo; !c.isDir(path.Join(at, "All")) {
			return errf(1, "No packages exist for %s", master)
		}
	}
	b := &building{command: c, f: f, r: &bulkRun{Master: master, Jail: f.jail, Tree: f.tree, Set: f.set, Packages: at, Repo: repo, Items: map[string]*item{}}}
	keep := map[string]bool{}
	if !everything {
		var err error
		if b.listed, err = c.listed(&b.f); err != nil {
			return err
		}
		if err := b.gather(); err != nil {
			return err
		}
		for name := range b.r.Items {
			keep[name] = true
		}
	}
	c.msg("Looking for unneeded packages")
	var files []string
	for _, m := range b.packages() {
		if !keep[m.Name+"-"+m.Version] {
			files = append(files, path.Join(at, "All", m.file))
		}
	}
	slices.Sort(files)
	before := len(files)
	if err := c.removal("packages", files, dry, yes); err != nil || dry || before == 0 || noRepo {
		return err
	}
	if c.exists(files[0]) {
		return nil
	}
	c.msg("Creating pkg repository")
	return b.catalogue()
}

// logclean removes old build logs.
func (c *command) logclean(args []string) error {
	list, rest, bad := c.getopts(args, "aB:j:p:N:nvwyz:")
	if bad || len(rest) > 1 {
		return c.usageOf(logcleanUsage, exUsage)
	}
	f := statusFlags{build: "*", finished: true}
	all, dry, yes, keep := false, false, false, -1
	for _, o := range list {
		switch o.letter {
		case 'a':
			all = true
		case 'B':
			f.build = o.value
		case 'j':
			f.jail = o.value
		case 'p':
			f.tree = o.value
		case 'z':
			f.set, f.setGiven = o.value, true
		case 'N':
			keep, _ = strconv.Atoi(o.value)
		case 'n':
			dry = true
		case 'y':
			yes = true
		}
	}
	days := -1
	if len(rest) == 1 {
		n, err := strconv.Atoi(rest[0])
		if err != nil {
			return c.usageOf(logcleanUsage, exUsage)
		}
		days = n
	}
	if !all && days < 0 && keep < 0 && f.build == "*" {
		return c.usageOf(logcleanUsage, exUsage)
	}
	root := path.Join(c.data(), "logs", "bulk")
	if !c.isDir(root) {
		return errf(1, "Log path %s does not exist.", root)
	}
	c.msg("Looking for old logs to clean")
	byMaster := map[string][]string{}
	for _, b := range c.builds(root, f) {
		if !c.running(b.dir) {
			byMaster[path.Dir(b.dir)] = append(byMaster[path.Dir(b.dir)], b.dir)
		}
	}
	var files []string
	for _, dirs := range byMaster {
		slices.Sort(dirs)
		if keep >= 0 {
			dirs = dirs[:max(0, len(dirs)-keep)]
		}
		for _, d := range dirs {
			started, _ := strconv.ParseInt(c.value(d, "started"), 10, 64)
			if days >= 0 && c.p.Now().Sub(time.Unix(started, 0)) < time.Duration(days)*24*time.Hour {
				continue
			}
			files = append(files, d)
		}
	}
	slices.Sort(files)
	return c.removal("logs", files, dry, yes)
}

// distclean removes fetched sources that no port of the trees names.
func (c *command) distclean(args []string) error {
	list, rest, bad := c.getopts(args, "af:J:np:vy")
	if bad || len(args) == 0 {
		return c.usageOf(distcleanUsage, exUsage)
	}
	f := bulkFlags{tree: "default", kind: "distclean"}
	var trees []string
	dry, yes := false, false
	for _, o := range list {
		switch o.letter {
		case 'n':
			dry = true
		case 'y':
			yes = true
		case 'p':
			if !c.registered("ports", o.value) {
				return errf(2, "No such ports tree: %s", o.value)
			}
			trees = append(trees, o.value)
		default:
			if err := c.bulkFlag(&f, o); err != nil {
				return err
			}
		}
	}
	if len(trees) == 0 {
		trees = []string{"default"}
	}
	cache := c.conf["DISTFILES_CACHE"]
	if cache == "" || cache == "no" {
		return errf(1, "DISTFILES_CACHE must be set. (cf. poudriere.conf)")
	}
	needed := map[string]bool{}
	for _, tree := range trees {
		f.tree, f.origins = tree, rest
		listed, err := c.listed(&f)
		if err != nil {
			return err
		}
		c.msg("Gathering all expected distfiles for ports tree '%s'", tree)
		root := c.stateGet("ports", tree, "mnt")
		for _, spec := range listed {
			origin, _ := portstree.SplitSpec(spec)
			for _, line := range strings.Split(c.read(path.Join(root, origin, "distinfo")), "\n") {
				if _, rest, ok := strings.Cut(line, "SHA256 ("); ok {
					name, _, _ := strings.Cut(rest, ")")
					needed[name] = true
				}
			}
		}
	}
	var files []string
	list2, _ := c.fs.ReadDir(cache)
	for _, i := range list2 {
		if !i.IsDir() && !needed[i.Name] {
			files = append(files, path.Join(cache, i.Name))
		}
	}
	return c.removal("stale distfiles", files, dry, yes)
}

// options configures ports in dialogues, which need a terminal.
func (c *command) options(args []string) error {
	if _, _, bad := c.getopts(args, "a:cCf:j:np:rsz:"); bad || len(args) == 0 {
		return c.usageOf("poudriere options [parameters] [options] [-f file|cat/port[@FLAVOR]...]\n", exUsage)
	}
	return silent(c.p.Cannot("poudriere options: the dialogues of make config"))
}

// image makes images of installed systems.
func (c *command) image(args []string) error {
	if len(args) == 0 {
		return c.usageOf("poudriere image [parameters] [options]\n", exUsage)
	}
	return silent(c.p.Cannot("poudriere image"))
}

// testport builds one port with tests.
func (c *command) testport(args []string) error {
	list, rest, bad := c.getopts(args, "b:B:o:cniIj:J:kNO:p:PsSvwz:")
	if bad || len(args) == 0 {
		return c.usageOf(testportUsage, exUsage)
	}
	f := bulkFlags{tree: "default", kind: "testport", test: true, cleanListed: true, noRepo: true}
	origin := ""
	for _, o := range list {
		switch o.letter {
		case 'o':
			origin = o.value
		case 'c', 'P', 's', 'w':
		default:
			if err := c.bulkFlag(&f, o); err != nil {
				return err
			}
		}
	}
	if origin == "" && len(rest) == 1 {
		origin, rest = rest[0], nil
	}
	switch {
	case origin == "" || len(rest) > 0:
		return c.usageOf(testportUsage, exUsage)
	case f.jail == "":
		return errf(1, "Don't know on which jail to run please specify -j")
	}
	if o, _ := portstree.SplitSpec(origin); !c.tree(f).Exists(o) {
		return errf(1, "Nonexistent origin %s", origin)
	}
	f.origins = []string{origin}
	return c.build(f)
}

const (
	pkgcleanUsage = `poudriere pkgclean [options] [-f file|cat/port...]

Parameters:
    -A          -- Remove all packages.
    -a          -- Keep all known ports.
    -f file     -- Get the list of ports to keep from a file.
    [ports...]  -- List of ports to keep.

Options:
    -j jail     -- Which jail to use for packages.
    -J n        -- Run n jobs in parallel.
    -n          -- Do not actually delete anything, but show what would be deleted.
    -N          -- Do not build package repository when clean completed.
    -p tree     -- Which ports tree to use for packages.
    -v          -- Be verbose.
    -y          -- Assume yes when deleting and do not prompt.
    -z set      -- Specify which SET to use for packages.
`
	logcleanUsage = `poudriere logclean [options] <days> | -a | -N count

Parameters:
    -a         -- Remove all logfiles
    days       -- How many days old of logfiles to keep
    -N count   -- How many logfiles to keep

Options:
    -B name    -- Match only the given buildname
    -j jail    -- Run only on the given jail
    -p tree    -- Specify which ports tree to match
    -n         -- Dry run, show what would be deleted
    -v         -- Be verbose
    -y         -- Assume yes when deleting and do not prompt
    -z set     -- Specify which SET to match
`
	distcleanUsage = `poudriere distclean [options] [-a|-f file|cat/port ...]

Parameters:
    -a          -- Clean the whole ports tree
    -f file     -- Get the list of ports to clean from a file
    [ports...]  -- List of ports to clean on the command line

Options:
    -J n        -- Run n jobs in parallel
    -n          -- Dry run, do not actually delete anything.
    -p tree     -- Specify which ports tree to use
    -v          -- Be verbose
    -y          -- Assume yes when deleting and do not prompt
`
	testportUsage = `poudriere testport [parameters] [options]

Parameters:
    -j name     -- Runs only inside the given jail
    [-o] origin -- Specify an origin in the ports tree

Options:
    -B name     -- What buildname to use
    -c          -- Run make config for the given port
    -J n        -- Run n jobs in parallel for dependencies
    -k          -- Keep going after failures
    -n          -- Dry-run
    -p tree     -- Specify the path to the ports tree
    -v          -- Be verbose
    -w          -- Save WRKDIR on failed builds
    -z set      -- Specify which SET to use
`
)
