package poudriere

import (
	"context"
	"path"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

// Where the port puts things, poudriere(8).
const (
	confPath  = "/usr/local/etc/poudriere.conf"
	dir       = "/usr/local/etc/poudriere.d"
	otherConf = dir + "/poudriere.conf"
	portsDir  = dir + "/ports"
	jailsDir  = dir + "/jails"
)

// searchPath finds poudriere and git where packages put them.
const searchPath = "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

func environment() []string { return []string{"LC_ALL=C", "PAGER=cat", searchPath} }

func invalid(op, format string, args ...any) error {
	return effect.Errorf(effect.Invalid, op, format, args...)
}

// Names as poudriere takes them: a jail's holds no dot, and a tree's no colon;
// new trees hold no hyphen either, as it separates the parts of a build's name.
var (
	jailName    = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`)
	treeName    = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	setName     = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	buildName   = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.:-]*$`)
	packageName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.,+~-]*$`)
	originName  = lazyregexp.New(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.+-]+(@[A-Za-z0-9_.+-]+)?$`)
)

func checkName(op, what string, form *lazyregexp.Regexp, name string) error {
	if !form.MatchString(name) || strings.HasPrefix(name, ".") {
		return invalid(op, "%q is not the name of a %s", name, what)
	}
	return nil
}

func checkOrigins(op string, origins []string) error {
	for _, origin := range origins {
		if !originName.MatchString(origin) {
			return invalid(op, "%q is not an origin (category/port, or category/port@flavor)", origin)
		}
	}
	return nil
}

func checkPath(op, what, name string) error {
	if !path.IsAbs(name) || path.Clean(name) == "/" {
		return invalid(op, "%s %q is not an absolute path below /", what, name)
	}
	return nil
}

// conf is poudriere.conf as it is on the host.
type conf struct {
	path   string
	src    []byte
	exists bool
	vars   *shellvars.File
}

func readConf(ctx context.Context, h effect.Doer, op string) (conf, error) {
	c := conf{path: confPath}
	var err error
	if c.src, c.exists, err = file.Content(ctx, h, op, confPath); err != nil {
		return c, err
	}
	if !c.exists {
		other, exists, err := file.Content(ctx, h, op, otherConf)
		if err != nil {
			return c, err
		}
		if exists {
			c = conf{path: otherConf, src: other, exists: true}
		}
	}
	return c.parse(op)
}

func (c conf) parse(op string) (conf, error) {
	var err error
	if c.vars, err = shellvars.Parse(c.src); err != nil {
		bad := effect.Errorf(effect.Failed, op, "%s: %v", c.path, err)
		bad.Hint = "repair the file by hand, or move it away and configure anew"
		return c, bad
	}
	for _, name := range []string{"BASEFS", "POUDRIERE_DATA", "ZPOOL", "NO_ZFS", "DISTFILES_CACHE"} {
		if v, set := c.vars.Get(name); set && !v.Exact {
			bad := effect.Errorf(effect.Failed, op, "%s: line %d: %s cannot be read without running the file: %s", c.path, v.Line, name, v.Note)
			bad.Hint = "give the variable a plain value"
			return c, bad
		}
	}
	return c, nil
}

// needConf is readConf where poudriere must have been configured.
func needConf(ctx context.Context, h effect.Doer, op string) (conf, error) {
	c, err := readConf(ctx, h, op)
	if err != nil {
		return c, err
	}
	problem := ""
	switch {
	case !c.exists:
		problem = confPath + " is not there"
	case c.get("BASEFS") == "":
		problem = c.path + " does not set BASEFS"
	}
	if problem == "" {
		return c, nil
	}
	missing := effect.Errorf(effect.Missing, op, "%s", problem)
	missing.Hint = "h.poudriere.configure sets it"
	return c, missing
}

func (c conf) get(name string) string {
	v, _ := c.vars.Get(name)
	return v.Value
}

func (c conf) isSet(name string) bool {
	_, set := c.vars.Get(name)
	return set
}

// data is where packages and logs are kept.
func (c conf) data() string {
	if data := c.get("POUDRIERE_DATA"); data != "" {
		return path.Clean(data)
	}
	return path.Join(c.get("BASEFS"), "data")
}

// zfs tells whether poudriere uses ZFS. NO_ZFS counts as soon as it is set to
// anything.
func (c conf) zfs() bool { return c.get("NO_ZFS") == "" && c.get("ZPOOL") != "" }

// Config is what poudriere.conf says.
type Config struct {
	Path      string            `lua:"path"`
	Exists    bool              `lua:"exists"`
	BaseFS    string            `lua:"basefs,omitempty"`
	Data      string            `lua:"data,omitempty" doc:"where packages and logs are kept"`
	ZFS       bool              `lua:"zfs" doc:"jails and trees are data sets"`
	Zpool     string            `lua:"zpool,omitempty"`
	Distfiles string            `lua:"distfiles_cache,omitempty"`
	Settings  map[string]string `lua:"settings" doc:"every variable of the file"`
}

// ReadConfig reads poudriere.conf.
func ReadConfig(ctx context.Context, h effect.Doer) (Config, error) {
	c, err := readConf(ctx, h, "poudriere.config")
	if err != nil {
		return Config{}, err
	}
	out := Config{
		Path: c.path, Exists: c.exists, BaseFS: c.get("BASEFS"), ZFS: c.zfs(), Zpool: c.get("ZPOOL"),
		Distfiles: c.get("DISTFILES_CACHE"), Settings: map[string]string{},
	}
	if out.BaseFS != "" {
		out.Data = c.data()
	}
	for _, v := range c.vars.Vars {
		out.Settings[v.Name] = v.Value
	}
	return out, nil
}
