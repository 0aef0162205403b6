package portshakersim

import (
	"fmt"
	"path"
	"strings"

	"bsdrun/runtime/sim"
)

// env is a variable of the script, or a default.
func (c *call) env(name, otherwise string) string {
	if v := c.p.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// in runs a command in the cache.
func (c *call) in(dir string, words ...string) int {
	return c.p.RunCommand(sim.Command{Args: words, Dir: dir})
}

func (c *call) isDir(dir string) bool {
	i, err := c.p.FS().Stat(dir)
	return err == nil && i.IsDir()
}

func (c *call) exists(name string) bool {
	_, err := c.p.FS().Stat(name)
	return err == nil
}

// update brings the cache of the source up to date.
func (c *call) update() error {
	method, cache := c.p.Getenv("method"), c.cache()
	c.info("Updating '%s' source ports tree with method '%s'.", c.name, method)
	if yes(c.p.Getenv("use_zfs")) {
		return &stopped{code: c.p.Cannot("portshaker with use_zfs")}
	}
	switch method {
	case "git":
		if c.p.Getenv("git_clone_uri") == "" {
			return fail("$git_clone_uri is not defined.")
		}
	case "svn", "svn+subtrees", "hg", "rsync", "cvs", "csup", "portsnap":
	default:
		return fail("Unsupported update method '%s'.", method)
	}
	if err := c.makeCache(cache); err != nil {
		return err
	}
	if method == "git" {
		return c.updateGit(cache)
	}
	return c.updateOther(method, cache)
}

func (c *call) makeCache(cache string) error {
	for _, dir := range []string{path.Dir(cache), cache} {
		if c.isDir(dir) {
			continue
		}
		c.debug("Creating the '%s' directory.", dir)
		if err := c.p.FS().MkdirAll(dir, 0o777); err != nil {
			c.p.Errorf("mkdir: %s: %s\n", dir, sim.ErrText(err))
			return fail("Cannot create the '%s' directory.", dir)
		}
	}
	if err := c.p.FS().Access(cache, 2); err != nil {
		return fail("'%s' is not writable: cannot update '%s'.", cache, c.name)
	}
	return nil
}

func (c *call) updateGit(cache string) error {
	git := c.env("GIT", "git")
	branch := c.env("git_branch", "master")
	if !c.isDir(path.Join(cache, ".git")) {
		uri := c.p.Getenv("git_clone_uri")
		c.debug("Running '%s clone %s %s'.", git, uri, cache)
		if c.p.Run(git, "clone", uri, "--depth", "1", "--branch", branch, cache) != 0 {
			return fail("git clone failed.")
		}
		return c.submodules(git, cache)
	}
	c.debug("Running '%s fetch'.", git)
	if c.in(cache, git, "fetch") != 0 {
		return fail("git fetch failed.")
	}
	if c.p.Getenv("git_branch") != "" {
		c.in(cache, git, "checkout", branch) // what it says is shown, how it ends doesn't matter
	}
	c.debug("Running '%s reset --hard origin/%s'", git, branch)
	if c.in(cache, git, "reset", "--hard", "origin/"+branch) != 0 {
		return fail("git reset --hard origin/%s.", branch)
	}
	return c.submodules(git, cache)
}

func (c *call) submodules(git, cache string) error {
	if !yes(c.p.Getenv("git_submodules")) {
		return nil
	}
	c.debug("Running '%s submodule update --init'.", git)
	if c.in(cache, git, "submodule", "update", "--init") != 0 {
		return fail("git submodule update failed.")
	}
	return nil
}

// updateOther runs the tools that a machine may or may not have.
func (c *call) updateOther(method, cache string) error {
	need := func(variable string) (string, error) {
		v := c.p.Getenv(variable)
		if v == "" {
			return "", fail("$%s is not defined.", variable)
		}
		return v, nil
	}
	run := func(failure, dir string, words ...string) error {
		c.debug("Running '%s'.", strings.Join(words, " "))
		if c.in(dir, words...) != 0 {
			return fail("%s failed.", failure)
		}
		return nil
	}
	switch method {
	case "portsnap":
		flags := append(strings.Fields(c.p.Getenv("PORTSNAP_FLAGS")), "-p", cache)
		portsnap := func(verb string) error {
			c.debug("Running 'portsnap %s -p %s %s'.", c.p.Getenv("PORTSNAP_FLAGS"), cache, verb)
			if c.p.Run(append(append([]string{"portsnap"}, flags...), verb)...) != 0 {
				return fail("portsnap %s failed.", verb)
			}
			return nil
		}
		if c.exists(path.Join(cache, ".portsnap.INDEX")) {
			return portsnap("alfred")
		}
		if err := portsnap("fetch"); err != nil {
			return err
		}
		return portsnap("extract")
	case "rsync":
		from, err := need("rsync_source_path")
		if err != nil {
			return err
		}
		words := append([]string{c.env("RSYNC", "rsync"), "--archive", "--delete"}, strings.Fields(c.p.Getenv("rsync_extra_args"))...)
		return run("rsync", cache, append(words, from, cache)...)
	case "hg":
		uri, err := need("hg_clone_uri")
		if err != nil {
			return err
		}
		if c.isDir(path.Join(cache, ".hg")) {
			return run("hg pull", cache, "hg", "pull", "-u")
		}
		return run("hg clone", "", "hg", "clone", uri, cache)
	case "svn", "svn+subtrees":
		from, err := need("svn_checkout_path")
		if err != nil {
			return err
		}
		if c.isDir(path.Join(cache, ".svn")) {
			return run("Subversion update", cache, "svn", "update")
		}
		return run("Subversion checkout", "", "svn", "checkout", from, cache)
	case "cvs":
		root, err := need("cvs_root")
		if err != nil {
			return err
		}
		mod, err := need("cvs_module")
		if err != nil {
			return err
		}
		return run("CVS checkout", "", "cvs", "-d"+root, "checkout", "-d", c.name, "-P", mod)
	}
	file, err := need("csup_supfile")
	if err != nil {
		return err
	}
	return run("csup", "", "csup", file)
}

// usage prints how a script is called and ends with 1.
func (c *call) usage(command string) error {
	w := c.p.Stderr
	switch command {
	case "clone_to":
		_, _ = fmt.Fprintf(w, "usage: %s clone_to [-p] [-z dataset] [-P tree] -t target\nSupported arguments:\n", c.script)
		_, _ = fmt.Fprintf(w, "  -p  Show what is going to happen but do not do anything (pretend mode)\n  -t  Target directory to clone the ports tree to\n")
	case "copy_to":
		_, _ = fmt.Fprintf(w, "usage: %s copy_to -t target\nSupported arguments:\n  -t  Target directory to copy the ports tree to\n", c.script)
	default:
		_, _ = fmt.Fprintf(w, `usage: %s merge_to [-ap] [-b build] -m master -t target
Supported arguments:
  -a  Automatically copy port if files where touched but version is unchanged
  -b  Tinderboy build to add copied packages to
  -m  Master source ports tree (for comparing Mk/* files)
  -p  Show what is going to happen but do not do anything (pretend mode)
  -t  Target directory to merge the ports tree in
`, c.script)
	}
	return &stopped{code: 1}
}

// flags reads "-t x -p": letters of values take one.
func flags(args []string, values, switches string) (map[string]string, bool) {
	out := map[string]string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' {
			return out, false
		}
		letter := a[1:2]
		switch {
		case strings.Contains(switches, letter):
			out[letter] = "1"
			if len(a) > 2 {
				args[i] = "-" + a[2:]
				i--
			}
		case strings.Contains(values, letter) && len(a) > 2:
			out[letter] = a[2:]
		case strings.Contains(values, letter) && i+1 < len(args):
			i++
			out[letter] = args[i]
		default:
			return out, false
		}
	}
	return out, true
}

// cloneTo makes a target the image of this source, or copies this source over it.
func (c *call) cloneTo(command string) error {
	f, ok := flags(c.args, "tzP", "p")
	target := f["t"]
	if !ok || target == "" {
		return c.usage(command)
	}
	cache := c.cache()
	if !c.isDir(cache) {
		return fail("'%s' does not exists.", cache)
	}
	if f["z"] != "" {
		return &stopped{code: c.p.Cannot("portshaker with use_zfs")}
	}
	if f["p"] != "" {
		return nil
	}
	if !c.isDir(target) {
		c.debug("Creating the '%s' directory.", target)
		if err := c.p.FS().MkdirAll(target, 0o777); err != nil {
			c.p.Errorf("mkdir: %s: %s\n", target, sim.ErrText(err))
			return fail("Cannot create '%s' directory.", target)
		}
	}
	if command == "copy_to" {
		c.info("Copying '%s' to '%s'.", cache, target)
		c.debug("Running 'cp -pr \"%s/\" \"%s\"'.", cache, target)
		if err := copyTree(c.p, cache, target); err != nil {
			c.p.Errorf("cp: %v\n", err)
			return fail("Failed to copy '%s' to '%s'.", cache, target)
		}
		return nil
	}
	rsync := c.env("RSYNC", "rsync")
	c.info("Cloning '%s' to '%s'.", cache, target)
	extra := c.p.Getenv("RSYNC_FLAGS")
	c.debug("Running '%s %s --archive --delete --exclude packages --exclude distfiles \"%s/\" \"%s\"'.", rsync, extra, cache, target)
	words := append([]string{rsync}, strings.Fields(extra)...)
	words = append(words, "--archive", "--delete", "--exclude", "packages", "--exclude", "distfiles", cache+"/", target)
	if c.p.Run(words...) != 0 {
		return fail("Failed to clone '%s' to '%s'.", cache, target)
	}
	return nil
}
