package poudrieresim

import (
	_ "embed"
	"path"
	"sort"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

//go:embed files/poudriere.conf.sample
var confSample string

// settings are the variables that the simulated poudriere looks at.
var settings = []string{
	"ALLOW_MAKE_JOBS", "ATOMIC_PACKAGE_REPOSITORY", "BASEFS", "BUILDNAME_FORMAT", "CHECK_CHANGED_DEPS", "CHECK_CHANGED_OPTIONS",
	"COMMIT_PACKAGES_ON_FAILURE", "DISTFILES_CACHE", "FREEBSD_HOST", "GIT_BASEURL", "GIT_PORTSURL", "HTML_JSON_UPDATE_INTERVAL",
	"KEEP_OLD_PACKAGES", "KEEP_OLD_PACKAGES_COUNT", "NO_ZFS", "PARALLEL_JOBS", "PKG_REPO_SIGNING_KEY", "POUDRIERE_DATA",
	"PREPARE_PARALLEL_JOBS", "RESOLV_CONF", "URL_BASE", "ZFS_DEADLOCK_IGNORED", "ZPOOL", "ZROOTFS",
}

func (c *command) poudriered() string { return path.Join(c.etc, "poudriere.d") }

// loadConf has sh read the configuration and checks what poudriere checks at every
// start.
func (c *command) loadConf() error {
	var file string
	for _, name := range []string{path.Join(c.etc, "poudriere.conf"), path.Join(c.poudriered(), "poudriere.conf")} {
		if _, err := c.fs.Stat(name); err == nil {
			file = name
			break
		}
	}
	if file == "" {
		return errf(1, "Unable to find a readable poudriere.conf in %s or %s", c.etc, c.poudriered())
	}
	script := ". " + file + "\n"
	for name, value := range c.set {
		script += name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n"
	}
	for _, name := range settings {
		script += "test -z \"${" + name + "+x}\" || printf '%s=%s\\n' " + name + " \"${" + name + "}\"\n"
	}
	out, errs, code := c.p.CaptureCommand(sim.Command{Args: []string{"sh", "-c", script, "poudriere"}, Path: "/bin/sh", Stdin: strings.NewReader("")})
	if code != 0 {
		c.p.Errorf("%s", errs)
		return silent(code)
	}
	c.conf = map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if name, value, ok := strings.Cut(line, "="); ok {
			c.conf[name] = value
		}
	}
	return c.checkConf()
}

func (c *command) checkConf() error {
	if _, set := c.conf["NO_ZFS"]; !set {
		if err := c.checkPool(); err != nil {
			return err
		}
	}
	if c.conf["BASEFS"] == "" {
		return errf(1, "Please provide a BASEFS variable in your poudriere.conf")
	}
	if d := c.conf["DISTFILES_CACHE"]; d != "" && d != "no" && !c.isDir(d) {
		return errf(1, "DISTFILES_CACHE directory does not exist. (cf.  poudriere.conf)")
	}
	return nil
}

func (c *command) checkPool() error {
	state := c.p.Machine.State()
	state.Lock()
	defer state.Unlock()
	var pools []string
	for _, pool := range state.Pools {
		pools = append(pools, pool.Name)
	}
	if len(pools) == 0 {
		c.conf["NO_ZFS"] = "yes"
		return nil
	}
	pool := c.conf["ZPOOL"]
	if pool == "" {
		return errf(1, "ZPOOL variable is not set")
	}
	sort.Strings(pools)
	if i := sort.SearchStrings(pools, pool); i == len(pools) || pools[i] != pool {
		return errf(1, "No such zpool: %s", pool)
	}
	root := c.conf["ZROOTFS"]
	if root == "" {
		c.conf["ZROOTFS"] = "/poudriere"
	} else if !strings.HasPrefix(root, "/") {
		return errf(1, "ZROOTFS should start with a /")
	}
	if v := state.Release.Version; (v == "9.0" || v == "9.1") && c.conf["ZFS_DEADLOCK_IGNORED"] != "yes" {
		return errf(1, "FreeBSD 9.0 and 9.1 are known to deadlock with ZFS; set ZFS_DEADLOCK_IGNORED=yes to go on")
	}
	return nil
}

func (c *command) get(name, otherwise string) string {
	if v := c.conf[name]; v != "" {
		return v
	}
	return otherwise
}

// useZFS tells whether file systems would be made on a pool.
func (c *command) useZFS() bool {
	_, no := c.conf["NO_ZFS"]
	return !no
}

func (c *command) data() string {
	return c.get("POUDRIERE_DATA", path.Join(c.conf["BASEFS"], "data"))
}

// cpus is the number of processors, which is how many builders there are.
func (c *command) cpus() int {
	state := c.p.Machine.State()
	state.Lock()
	defer state.Unlock()
	return max(1, state.Hardware.CPUs)
}

func (c *command) parallel() int {
	if n, err := strconv.Atoi(c.conf["PARALLEL_JOBS"]); err == nil && n > 0 {
		return n
	}
	return c.cpus()
}

// stateDir is where a ports tree or jail is registered.
func (c *command) stateDir(kind, name string) string {
	return path.Join(c.poudriered(), kind, name)
}

func (c *command) registered(kind, name string) bool {
	return name != "" && c.isDir(c.stateDir(kind, name))
}

// stateGet and stateSet are the files of one value.
func (c *command) stateGet(kind, name, key string) string {
	return c.read(path.Join(c.stateDir(kind, name), key))
}

func (c *command) stateSet(kind, name, key, value string) error {
	return c.write(path.Join(c.stateDir(kind, name), key), value+"\n")
}

func (c *command) stamp() string { return strconv.FormatInt(c.p.Now().Unix(), 10) }

// names lists what's registered.
func (c *command) names(kind string) []string {
	list, err := c.fs.ReadDir(path.Join(c.poudriered(), kind))
	if err != nil {
		return nil
	}
	var out []string
	for _, i := range list {
		if i.IsDir() {
			out = append(out, i.Name)
		}
	}
	return out
}
