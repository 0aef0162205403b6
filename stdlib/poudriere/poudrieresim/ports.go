package poudrieresim

import (
	"path"
	"strconv"
	"strings"
	"time"
)

// portsFlags are the options of `poudriere ports`.
type portsFlags struct {
	verbs                          string
	name, method, mount, fs        string
	branch, url                    string
	fake, keep, names, quiet, deep bool
	yes                            bool
}

func (c *command) ports(args []string) error {
	list, rest, bad := c.getopts(args, "B:cDFuU:dklp:qf:nM:m:vy")
	if bad {
		return c.usageOf(portsUsage, exUsage)
	}
	f := portsFlags{name: "default"}
	for _, o := range list {
		switch o.letter {
		case 'c', 'd', 'l', 'u':
			if !strings.ContainsRune(f.verbs, rune(o.letter)) {
				f.verbs += string(o.letter)
			}
		case 'B':
			f.branch = o.value
		case 'D':
			f.deep = true
		case 'F':
			f.fake = true
		case 'U':
			f.url = o.value
		case 'k':
			f.keep = true
		case 'n':
			f.names = true
		case 'q':
			f.quiet = true
		case 'p':
			f.name = o.value
		case 'f':
			f.fs = o.value
		case 'M':
			f.mount = o.value
		case 'm':
			f.method = o.value
		case 'v':
			c.verbose++
		case 'y':
			f.yes = true
		}
	}
	if len(f.verbs) != 1 || len(rest) > 0 || f.name == "" {
		return c.usageOf(portsUsage, exUsage)
	}
	switch f.verbs {
	case "c":
		return c.createPorts(f)
	case "d":
		return c.deletePorts(f)
	case "u":
		return c.updatePorts(f)
	}
	return c.listPorts(f)
}

func (c *command) listPorts(f portsFlags) error {
	t := table{header: []string{"PORTSTREE", "METHOD", "TIMESTAMP", "PATH"}}
	if f.names {
		t.header = []string{"PORTSTREE"}
	}
	for _, name := range c.names("ports") {
		if f.names {
			t.add(name)
			continue
		}
		method := c.stateGet("ports", name, "method")
		if method == "" {
			method = "-"
		}
		t.add(name, method, c.when(c.stateGet("ports", name, "timestamp")), c.stateGet("ports", name, "mnt"))
	}
	t.sort(0)
	t.print(c, f.quiet)
	return nil
}

// when is a time stamp of a state file in local time, or nothing.
func (c *command) when(stamp string) string {
	n, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(n, 0).In(c.p.Now().Location()).Format("2006-01-02 15:04:05")
}

// gitMethods are the ways of git with the beginning of their addresses.
var gitMethods = map[string]string{"git": "git", "git+http": "http", "git+https": "https", "git+file": "file", "git+ssh": "ssh"}

// planPorts settles method and address.
func (c *command) planPorts(f *portsFlags) error {
	if f.method == "none" {
		f.method = "null"
	}
	if f.method == "" && !f.fake {
		f.method = "git+https"
	}
	if f.url != "" {
		if !strings.HasPrefix(f.method, "git") && !strings.HasPrefix(f.method, "svn") {
			return errf(1, "-U only valid with git and svn methods")
		}
		scheme, _, ok := strings.Cut(f.url, "://")
		methods := map[string]string{"ssh": "git+ssh", "http": "git+http", "https": "git+https", "git": "git", "file": "git+file"}
		if !ok || methods[scheme] == "" {
			return errf(1, "Invalid git url")
		}
		f.method = methods[scheme]
	}
	proto, isGit := gitMethods[f.method]
	switch {
	case isGit:
		if f.url == "" {
			f.url = proto + "://" + c.get("GIT_PORTSURL", "git.freebsd.org/ports.git")
			if u := c.conf["GIT_PORTSURL"]; strings.Contains(u, "://") {
				f.url = u
			}
		}
		if f.branch == "" {
			f.branch = "main"
		}
	case f.method == "portsnap" || strings.HasPrefix(f.method, "svn"):
		return silent(c.p.Cannot("poudriere ports -m %s", f.method))
	case f.method != "null" && !(f.method == "" && f.fake):
		return c.usageOf(portsUsage, exUsage)
	case f.branch != "":
		return errf(1, "Branch (-B) only supported for SVN and git.")
	}
	return nil
}

func (c *command) createPorts(f portsFlags) error {
	if err := c.planPorts(&f); err != nil {
		return err
	}
	if c.registered("ports", f.name) {
		return errf(2, "The ports tree, %s, already exists", f.name)
	}
	if strings.Contains(f.name, ":") {
		return errf(1, "The ports name cannot contain a colon (:)")
	}
	if strings.Contains(f.name, "-") {
		return errf(1, "The ports name cannot contain a hyphen (-)")
	}
	if f.method == "null" {
		switch {
		case f.mount == "":
			return errf(1, "Must set -M to path of ports tree to use")
		case path.Clean(f.mount) == "/":
			return errf(1, "Cannot use / for -M")
		case f.fake:
			return errf(1, "Cannot use -F with -m null")
		}
		f.fs = "none"
	}
	if f.mount == "" {
		f.mount = path.Join(c.conf["BASEFS"], "ports", f.name)
	}
	if f.fs != "none" && c.isDir(f.mount) {
		return errf(1, "Directory %s already exists", f.mount)
	}
	created := "0"
	if f.method != "null" {
		c.createFS(f.name, f.mount)
		if err := c.fs.MkdirAll(f.mount, 0o755); err != nil {
			return errf(1, "Failed to create %s: %s", f.mount, describe(err))
		}
		created = "1"
	}
	if err := c.fillPorts(f, created); err != nil {
		c.p.Errorf("[%s] ====>> Error while creating ports tree, cleaning up.\n", c.elapsed())
		if created == "1" {
			_ = c.fs.RemoveAll(f.mount)
		}
		_ = c.fs.RemoveAll(c.stateDir("ports", f.name))
		return err
	}
	return nil
}

// createFS tells of the file system that's made; the simulated machine keeps it as
// a directory.
func (c *command) createFS(name, mount string) {
	c.msgN("Creating %s fs at %s...", name, mount)
	c.done()
}

func (c *command) fillPorts(f portsFlags, created string) error {
	for _, s := range [][2]string{{"mnt", f.mount}, {"created_fs", created}} {
		if err := c.stateSet("ports", f.name, s[0], s[1]); err != nil {
			return err
		}
	}
	if f.fake {
		return c.stateSet("ports", f.name, "method", orDash(f.method))
	}
	if _, isGit := gitMethods[f.method]; isGit {
		c.msgN("Cloning the ports tree...")
		argv := []string{"git", "clone", "-q"}
		if c.verbose > 0 {
			argv = []string{"git", "clone"}
		}
		if !f.deep {
			argv = append(argv, "--depth=1")
		}
		if err := c.pause(40 * time.Second); err != nil {
			return err
		}
		if c.p.Run(append(argv, "--single-branch", "-b", f.branch, f.url, f.mount)...) != 0 {
			return errf(1, " fail")
		}
		c.done()
	}
	if err := c.stateSet("ports", f.name, "method", f.method); err != nil {
		return err
	}
	if f.method == "null" {
		c.msg("Imported ports tree \"%s\" from %s", f.name, f.mount)
		return nil
	}
	return c.stateSet("ports", f.name, "timestamp", c.stamp())
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// busy tells whether a running build has the tree mounted.
func (c *command) busy(name string) bool {
	for _, r := range c.record().Runs {
		if r.Tree == name && r.up(c.p.Machine) {
			return true
		}
	}
	return false
}

func (c *command) deletePorts(f portsFlags) error {
	if !c.registered("ports", f.name) {
		return errf(2, "No such ports tree %s", f.name)
	}
	mount, method := c.stateGet("ports", f.name, "mnt"), c.stateGet("ports", f.name, "method")
	if c.busy(f.name) {
		return errf(1, "Ports tree \"%s\" is currently mounted and being used.", f.name)
	}
	if !f.yes && !c.confirm("Are you sure you want to delete the ports tree "+f.name+" at "+mount+"?", true) {
		return errf(1, "Not deleting ports tree")
	}
	c.msgN("Deleting portstree \"%s\"...", f.name)
	remove := !f.keep && method != "null" && method != "none"
	if method == "-" {
		remove = remove && c.stateGet("ports", f.name, "created_fs") == "1"
	}
	if remove {
		if err := c.fs.RemoveAll(mount); err != nil {
			return err
		}
	}
	if err := c.fs.RemoveAll(c.stateDir("ports", f.name)); err != nil {
		return err
	}
	c.done()
	return nil
}

func (c *command) updatePorts(f portsFlags) error {
	if !c.registered("ports", f.name) {
		return errf(2, "No such ports tree %s", f.name)
	}
	mount, method := c.stateGet("ports", f.name, "mnt"), c.stateGet("ports", f.name, "method")
	if c.busy(f.name) {
		return errf(1, "Ports tree \"%s\" is currently mounted and being used.", f.name)
	}
	if method == "" || method == "-" {
		method = "git+https"
		if err := c.stateSet("ports", f.name, "method", method); err != nil {
			return err
		}
	}
	_, isGit := gitMethods[method]
	switch {
	case method == "null" || method == "none":
		c.msg("Not updating portstree \"%s\" with method %s", f.name, method)
	case isGit:
		c.msgN("Updating portstree \"%s\" with %s...", f.name, method)
		if err := c.pause(8 * time.Second); err != nil {
			return err
		}
		argv := []string{"git", "-C", mount, "pull", "--rebase", "-q"}
		if c.verbose > 0 {
			argv = argv[:5]
		}
		if c.p.Run(argv...) != 0 {
			return errf(1, " fail")
		}
		c.done()
	default:
		return errf(1, "Undefined upgrade method")
	}
	return c.stateSet("ports", f.name, "timestamp", c.stamp())
}

const portsUsage = `poudriere ports [parameters] [options]

Parameters:
    -c            -- Create a ports tree.
    -d            -- Delete a ports tree.
    -l            -- List all available ports trees.
    -u            -- Update a ports tree.

Options:
    -U url        -- URL where to fetch the ports tree from.
    -B branch     -- Which branch to use for the git method.
    -D            -- Do a full git clone without --depth.
    -F            -- With -c, only create the file systems and directories.
    -M path       -- The path to the source of a ports tree.
    -f fs         -- Name of the file system to create; none for none.
    -k            -- With -d, only unregister the tree and keep its files.
    -m method     -- With -c, how the tree is made: git, git+http, git+https, git+file, git+ssh,
                     null, svn, svn+http, svn+https, svn+file, svn+ssh. The default is git+https.
    -n            -- With -l, only print the names.
    -p name       -- Name of the ports tree; the default is "default".
    -q            -- With -l, no header.
    -v            -- Show more verbose output.
    -y            -- Assume yes when deleting.
`
