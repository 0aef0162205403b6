package poudrieresim

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// jailFlags are the options of `poudriere jail`.
type jailFlags struct {
	verb                                   byte
	name, version, arch, method, mount, fs string
	clean, rename, target, tree, set       string
	kernel, source                         string
	names, quiet, yes                      bool
}

func (c *command) jail(args []string) error {
	list, rest, bad := c.getopts(args, "biJ:j:v:a:z:m:nf:M:sdkK:lqcip:r:uU:t:z:P:S:DxXC:y")
	if bad {
		return c.usageOf(jailUsage, exUsage)
	}
	f := jailFlags{tree: "default", clean: "none"}
	verbs := ""
	for _, o := range list {
		switch o.letter {
		case 'c', 'd', 'i', 'l', 's', 'k', 'u', 'r':
			verbs += string(o.letter)
			f.verb, f.rename = o.letter, f.rename+o.value
		case 'j':
			f.name = o.value
		case 'v':
			f.version = o.value
		case 'a':
			f.arch = o.value
		case 'm':
			f.method = o.value
		case 'M':
			f.mount = o.value
		case 'f':
			f.fs = o.value
		case 'C':
			f.clean = o.value
		case 't':
			f.target = o.value
		case 'p':
			f.tree = o.value
		case 'z':
			f.set = o.value
		case 'K':
			f.kernel = o.value
		case 'S':
			f.source = o.value
		case 'n':
			f.names = true
		case 'q':
			f.quiet = true
		case 'y':
			f.yes = true
		}
	}
	if len(verbs) != 1 || len(rest) > 0 {
		return c.usageOf(jailUsage, exUsage)
	}
	if f.name == "" && f.verb != 'l' {
		c.p.Errorf("Missing: JAILNAME\n")
		return c.usageOf(jailUsage, exUsage)
	}
	if !slices.Contains([]string{"none", "all", "cache", "images", "logs", "packages", "wrkdirs"}, f.clean) {
		return c.usageOf(jailUsage, exUsage)
	}
	if !strings.ContainsRune("cld", rune(f.verb)) && !c.registered("jails", f.name) {
		return errf(1, "No such jail: %s", f.name)
	}
	switch f.verb {
	case 'c':
		return c.createJail(f)
	case 'd':
		return c.deleteJail(f)
	case 'i':
		return c.infoJail(f)
	case 's':
		return c.startJail(f)
	case 'k':
		return c.stopJail(f)
	case 'u':
		return c.updateJail(f)
	case 'r':
		return c.renameJail(f)
	}
	return c.listJails(f)
}

func (c *command) jget(name, key string) string { return c.stateGet("jails", name, key) }

// osversion is __FreeBSD_version of a jail's own headers.
func (c *command) osversion(mount string) string {
	data := c.read(path.Join(mount, "usr/include/sys/param.h"))
	for _, line := range strings.Split(data, "\n") {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "#define" && f[1] == "__FreeBSD_version" {
			return f[2]
		}
	}
	return ""
}

func (c *command) listJails(f jailFlags) error {
	t := table{header: []string{"JAILNAME", "VERSION", "OSVERSION", "ARCH", "METHOD", "TIMESTAMP", "PATH"}}
	if f.names {
		t.header = t.header[:1]
	}
	for _, name := range c.names("jails") {
		if f.names {
			t.add(name)
			continue
		}
		version := c.jget(name, "version")
		if vcs := c.jget(name, "version_vcs"); vcs != "" {
			version += " " + vcs
		}
		mount := c.jget(name, "mnt")
		t.add(name, version, c.osversion(mount), c.jget(name, "arch"), c.jget(name, "method"), c.when(c.jget(name, "timestamp")), mount)
	}
	if f.names {
		t.sort(0)
	} else {
		t.sort(1, 3, 0)
	}
	t.print(c, f.quiet)
	return nil
}

func (c *command) infoJail(f jailFlags) error {
	line := func(key, value string) { c.p.Printf("%-18s %s\n", key+":", value) }
	get := func(key string) string { return c.jget(f.name, key) }
	line("Jail name", f.name)
	line("Jail version", get("version"))
	if v := get("version_vcs"); v != "" {
		line("Jail vcs version", v)
	}
	line("Jail arch", get("arch"))
	line("Jail method", get("method"))
	line("Jail mount", get("mnt"))
	line("Jail fs", get("fs"))
	if v := get("kernel"); v != "" {
		line("Jail kernel", v)
	}
	if v := get("timestamp"); v != "" {
		line("Jail updated", c.when(v))
	}
	enabled := "disabled"
	if get("pkgbase") == "1" {
		enabled = "enabled"
	}
	line("Jail pkgbase", enabled)
	if !c.registered("ports", f.tree) {
		return nil
	}
	line("Tree name", f.tree)
	line("Tree method", orDash(c.stateGet("ports", f.tree, "method")))
	log := path.Join(c.data(), "logs/bulk", masterName(f.name, f.tree, f.set), "latest")
	if !c.isDir(log) {
		return nil
	}
	status := c.read(path.Join(log, ".poudriere.status"))
	line("Status", status)
	started, _ := strconv.ParseInt(c.read(path.Join(log, ".poudriere.started")), 10, 64)
	ended, err := strconv.ParseInt(c.read(path.Join(log, ".poudriere.ended")), 10, 64)
	if err != nil {
		ended = c.p.Now().Unix()
	}
	line("Building started", c.when(strconv.FormatInt(started, 10)))
	line("Elapsed time", clockFace(time.Duration(ended-started)*time.Second))
	stat := func(name string) int {
		n, _ := strconv.Atoi(c.read(path.Join(log, ".poudriere.stats_"+name)))
		return n
	}
	line("Packages built", strconv.Itoa(stat("built")))
	line("Packages failed", strconv.Itoa(stat("failed")))
	line("Packages ignored", strconv.Itoa(stat("ignored")))
	line("Packages skipped", strconv.Itoa(stat("skipped")))
	line("Packages total", strconv.Itoa(stat("queued")))
	line("Packages left", strconv.Itoa(stat("queued")-stat("built")-stat("failed")-stat("ignored")-stat("skipped")-stat("inspected")-stat("fetched")))
	return nil
}

func (c *command) deleteJail(f jailFlags) error {
	if !c.registered("jails", f.name) {
		c.warn("Jail does not exist. Proceeding with cleanup.")
	} else {
		for _, r := range c.record().Runs {
			if r.Jail == f.name && r.up(c.p.Machine) {
				return errf(1, "Unable to delete jail %s: it is running", f.name)
			}
		}
		if !f.yes && !c.confirm("Are you sure you want to delete the jail "+f.name+"?", true) {
			return errf(1, "Not deleting jail")
		}
		c.msgN("Removing %s jail...", f.name)
		if c.jget(f.name, "method") != "null" {
			if err := c.fs.RemoveAll(c.jget(f.name, "mnt")); err != nil {
				return err
			}
		}
		if err := c.fs.RemoveAll(c.stateDir("jails", f.name)); err != nil {
			return err
		}
		c.done()
	}
	if f.clean == "none" {
		return nil
	}
	c.msgN("Cleaning %s data...", f.name)
	for _, kind := range []string{"cache", "images", "logs/bulk", "packages", "wrkdirs"} {
		if f.clean != "all" && !strings.HasPrefix(kind, f.clean) {
			continue
		}
		dir := path.Join(c.data(), kind)
		list, _ := c.fs.ReadDir(dir)
		for _, i := range list {
			if strings.HasPrefix(i.Name, f.name+"-") {
				if err := c.fs.RemoveAll(path.Join(dir, i.Name)); err != nil {
					return err
				}
			}
		}
	}
	c.done()
	return nil
}

func (c *command) renameJail(f jailFlags) error {
	if strings.Contains(f.rename, ".") {
		return errf(1, "The jailname cannot contain a period (.). See jail(8)")
	}
	if c.registered("jails", f.rename) {
		return errf(2, "The jail %s already exists", f.rename)
	}
	c.msgN("Renaming '%s' in '%s'", f.name, f.rename)
	if err := c.fs.Rename(c.stateDir("jails", f.name), c.stateDir("jails", f.rename)); err != nil {
		return err
	}
	c.done()
	c.warn("The packages, logs and filesystems have not been renamed.")
	c.warn("If you choose to rename the filesystem then modify the 'mnt' and 'fs' files in %s", c.stateDir("jails", f.rename))
	return nil
}

// startJail and stopJail are -s and -k.
func (c *command) startJail(f jailFlags) error {
	if !c.registered("ports", f.tree) {
		return errf(2, "No such ports tree %s", f.tree)
	}
	master := masterName(f.name, f.tree, f.set)
	if err := c.claim(master, &bulkRun{Master: master, Jail: f.name, Tree: f.tree, Set: f.set, Idle: true}); err != nil {
		return err
	}
	return c.jailMessages(master, f.tree, f.name)
}

func (c *command) stopJail(f jailFlags) error {
	master := masterName(f.name, f.tree, f.set)
	r := c.record().Runs[master]
	if r == nil || !r.up(c.p.Machine) {
		return errf(1, "No such jail running: %s", master)
	}
	delete(c.record().Runs, master)
	c.stopJails(master)
	c.msg("Cleaning up")
	c.msg("Unmounting file systems")
	return nil
}

// updateJail is -u, and with -t the way to another release.
func (c *command) updateJail(f jailFlags) error {
	f.method, f.mount, f.arch = c.jget(f.name, "method"), c.jget(f.name, "mnt"), c.jget(f.name, "arch")
	for _, r := range c.record().Runs {
		if r.Jail == f.name && r.up(c.p.Machine) {
			return errf(1, "Unable to update jail %s: it is running", f.name)
		}
	}
	if f.method == "" || f.method == "-" {
		f.method = "ftp"
		if err := c.stateSet("jails", f.name, "method", f.method); err != nil {
			return err
		}
	}
	switch f.method {
	case "http", "ftp", "ftp-archive":
	case "csup", "null", "tar":
		return errf(1, "Upgrade is not supported with %s; to upgrade, please delete and recreate the jail", f.method)
	default:
		return silent(c.p.Cannot("poudriere jail -u of method %s", f.method))
	}
	c.msg("Upgrading using %s", f.method)
	f.version = c.jget(f.name, "version")
	if f.target != "" {
		for _, kind := range []string{"-ALPHA", "-CURRENT", "-PRERELEASE", "-STABLE"} {
			if strings.Contains(f.target, kind) {
				c.fail("Only release branches are supported by the %s method.", f.method)
				c.fail("Please try to upgrade to a new BETA, RC or RELEASE version.")
				return silent(1)
			}
		}
		f.version = f.target
		if !c.offered(f) {
			c.p.Printf("Fetching metadata signature for %s from update2.freebsd.org... failed.\n", f.target)
			return errf(1, "Fail to upgrade system")
		}
	}
	if err := c.p.Machine.Network().Reachable("https://update.FreeBSD.org/"); err != nil {
		c.p.Printf("Looking up update.FreeBSD.org mirrors... none found.\nFetching public key from update.FreeBSD.org... failed.\nNo mirrors remaining, giving up.\n")
		return errf(1, "Fail to upgrade system")
	}
	took := 45 * time.Second
	if f.target != "" {
		took = 6 * time.Minute
	}
	if err := c.pause(took); err != nil {
		return err
	}
	if f.target != "" {
		for _, dist := range []string{"base", "src"} {
			if err := c.unpackDist(f, dist); err != nil {
				return err
			}
		}
		if err := c.stateSet("jails", f.name, "version", f.target); err != nil {
			return err
		}
	}
	if err := c.patchJail(f); err != nil {
		return err
	}
	c.msgN("Recording filesystem state for clean...")
	c.done()
	return c.stateSet("jails", f.name, "timestamp", c.stamp())
}

const jailUsage = `poudriere jail [parameters] [options]

Parameters:
    -c            -- Create a jail
    -d            -- Delete a jail
    -i            -- Show information about a jail
    -l            -- List all available jails
    -s            -- Start a jail
    -k            -- Stop a jail
    -u            -- Update a jail
    -r newname    -- Rename a jail

Options:
    -q            -- Quiet (Do not print the header)
    -n            -- Print only jail name (for use with -l)
    -j jailname   -- Specify the jailname
    -v version    -- Specify which version of FreeBSD to install in the jail.
    -a arch       -- Indicates the TARGET_ARCH of the jail. (Default: same as the host)
    -f fs         -- FS name; "none" creates no file system.
    -K kernel     -- Build the jail with the kernel
    -M mountpoint -- Mountpoint
    -m method     -- How the jail is made: freebsdci, ftp, ftp-archive, git+..., http, null, pkgbase,
                     src=PATH, svn+..., tar=PATH, url=SOMEURL.
    -S srcpath    -- Specify a path to the source tree to be used.
    -t version    -- Version of FreeBSD to upgrade the jail to.
    -y            -- Do not prompt when deleting a jail.

Options for -d:
    -C clean      -- Clean remaining data: all, cache, images, logs, packages, wrkdirs.

Options for -s and -k:
    -p tree       -- Specify which ports tree to start/stop the jail with.
    -z set        -- Specify which SET the jail to start/stop with.
`
