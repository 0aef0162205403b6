package gitsim

import (
	"fmt"
	"path"
	"strings"

	format "github.com/go-git/go-git/v5/plumbing/format/config"
)

// setting is one key of the configuration: "remote.origin.url".
type setting struct{ key, value string }

// normalKey lowers section and name, but not the part between.
func normalKey(key string) string {
	first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	if first < 0 {
		return strings.ToLower(key)
	}
	return strings.ToLower(key[:first]) + key[first:last] + strings.ToLower(key[last:])
}

// give adds a setting of -c.
func (g *git) give(kv string) {
	key, value, ok := strings.Cut(kv, "=")
	if !ok {
		value = "true"
	}
	g.given = append(g.given, setting{normalKey(key), value})
}

// settingsFromEnv reads GIT_CONFIG_COUNT, GIT_CONFIG_KEY_n, GIT_CONFIG_VALUE_n.
func (g *git) settingsFromEnv() {
	n := 0
	_, _ = fmt.Sscan(g.p.Getenv("GIT_CONFIG_COUNT"), &n)
	for i := range min(n, 1000) {
		g.given = append(g.given, setting{normalKey(g.p.Getenv(fmt.Sprintf("GIT_CONFIG_KEY_%d", i))), g.p.Getenv(fmt.Sprintf("GIT_CONFIG_VALUE_%d", i))})
	}
}

const systemConfig = "/usr/local/etc/gitconfig"

func (g *git) globalConfig() string {
	if f := g.p.Getenv("GIT_CONFIG_GLOBAL"); f != "" {
		return f
	}
	home := g.p.Getenv("HOME")
	if home == "" {
		return ""
	}
	return path.Join(home, ".gitconfig")
}

// outside lists the settings that a repository can't make for itself.
func (g *git) outside() []setting {
	var out []setting
	if g.p.Getenv("GIT_CONFIG_NOSYSTEM") == "" {
		out = append(out, g.readConfig(systemConfig)...)
	}
	if home := g.p.Getenv("HOME"); home != "" && g.p.Getenv("GIT_CONFIG_GLOBAL") == "" {
		xdg := g.p.Getenv("XDG_CONFIG_HOME")
		if xdg == "" {
			xdg = path.Join(home, ".config")
		}
		out = append(out, g.readConfig(path.Join(xdg, "git/config"))...)
	}
	if file := g.globalConfig(); file != "" {
		out = append(out, g.readConfig(file)...)
	}
	return append(out, g.given...)
}

// settings lists everything, the strongest last.
func (g *git) settings() []setting {
	out := g.outside()
	if g.r == nil {
		return out
	}
	n := len(out) - len(g.given)
	return append(append(append([]setting{}, out[:n]...), g.readConfig(g.r.configFile())...), g.given...)
}

func (g *git) readConfig(file string) []setting {
	if s, ok := g.files[file]; ok {
		return s
	}
	raw := g.rawConfig(file)
	var out []setting
	for _, s := range raw.Sections {
		for _, o := range s.Options {
			out = append(out, setting{strings.ToLower(s.Name) + "." + strings.ToLower(o.Key), o.Value})
		}
		for _, sub := range s.Subsections {
			for _, o := range sub.Options {
				out = append(out, setting{strings.ToLower(s.Name) + "." + sub.Name + "." + strings.ToLower(o.Key), o.Value})
			}
		}
	}
	g.files[file] = out
	return out
}

func (g *git) rawConfig(file string) *format.Config {
	raw := format.New()
	if f, err := g.fs.Open(file); err == nil {
		_ = format.NewDecoder(f).Decode(raw)
		_ = f.Close()
	}
	return raw
}

// get is the last value of a key.
func (g *git) get(key string) (string, bool) {
	all := g.getAll(key)
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1], true
}

func (g *git) getAll(key string) []string {
	key = normalKey(key)
	var out []string
	for _, s := range g.settings() {
		if s.key == key {
			out = append(out, s.value)
		}
	}
	return out
}

func (g *git) getBool(key string, otherwise bool) bool {
	v, ok := g.get(key)
	if !ok {
		return otherwise
	}
	switch strings.ToLower(v) {
	case "true", "yes", "on", "1", "":
		return true
	}
	return false
}

// edit changes a configuration file in place.
func (g *git) edit(file string, change func(*format.Config)) error {
	raw := g.rawConfig(file)
	change(raw)
	var b strings.Builder
	if err := format.NewEncoder(&b).Encode(raw); err != nil {
		return err
	}
	delete(g.files, file)
	if err := g.fs.WriteFile(file+".lock", []byte(b.String()), 0o666); err != nil {
		return refuse("could not lock config file %s: %s", file, errnoText(err))
	}
	return g.fs.Rename(file+".lock", file)
}

func splitKey(key string) (section, sub, name string) {
	first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	section, name = key[:first], key[last+1:]
	if last > first {
		sub = key[first+1 : last]
	}
	return section, sub, name
}

// set writes one key of the repository's configuration.
func (g *git) set(key, value string) error {
	section, sub, name := splitKey(key)
	return g.edit(g.r.configFile(), func(c *format.Config) { c.SetOption(section, sub, name, value) })
}

// config is git-config(1).
func (g *git) config(args []string) error {
	o, err := g.parse("config", args, "global system local f,file= get get-all get-regexp= unset unset-all add l,list z,null bool int type= default= replace-all show-origin name-only remove-section includes")
	if err != nil {
		return err
	}
	if len(o.args) > 0 { // the subcommands of 2.46 and later
		switch o.args[0] {
		case "get", "list", "unset", "set":
			o.set[map[string]string{"get": "get", "list": "list", "unset": "unset", "set": "set"}[o.args[0]]] = []string{""}
			o.args = o.args[1:]
		}
	}
	for _, unsupported := range []string{"get-regexp", "show-origin", "remove-section"} {
		if o.has(unsupported) {
			return g.cannot("config --%s", unsupported)
		}
	}
	_ = g.open()
	file, list := g.configScope(o)
	end := "\n"
	if o.has("null") {
		end = "\x00"
	}
	switch {
	case o.has("list"):
		for _, s := range list {
			if o.has("name-only") {
				g.print(s.key + end)
				continue
			}
			sep := "="
			if end == "\x00" {
				sep = "\n"
			}
			g.print(s.key + sep + s.value + end)
		}
		return nil
	case len(o.args) == 0:
		return &failure{129, "usage: git config [<options>]\n"}
	case !strings.Contains(o.args[0], "."):
		return &failure{1, "error: key does not contain a section: " + o.args[0] + "\n"}
	}
	key := normalKey(o.args[0])
	reading := o.has("get") || o.has("get-all") || len(o.args) == 1 && !o.has("unset") && !o.has("unset-all")
	if reading {
		return g.configGet(o, list, key, end)
	}
	if file == "" {
		return fatal("--local can only be used inside a git repository")
	}
	return g.configWrite(o, file, key)
}

// configScope picks the file that is written and the settings that are read.
func (g *git) configScope(o *options) (string, []setting) {
	switch {
	case o.has("global"):
		return g.globalConfig(), g.readConfig(g.globalConfig())
	case o.has("system"):
		return systemConfig, g.readConfig(systemConfig)
	case o.has("file"):
		file := g.abs(o.get("file"))
		return file, g.readConfig(file)
	case g.r == nil:
		return "", g.settings()
	case o.has("local"):
		return g.r.configFile(), g.readConfig(g.r.configFile())
	}
	return g.r.configFile(), g.settings()
}

func (g *git) configGet(o *options, list []setting, key, end string) error {
	var found []string
	for _, s := range list {
		if s.key == key {
			found = append(found, s.value)
		}
	}
	if len(found) == 0 {
		if o.has("default") {
			g.print(o.get("default") + end)
			return nil
		}
		return quiet(1)
	}
	if !o.has("get-all") {
		found = found[len(found)-1:]
	}
	for _, v := range found {
		if o.has("bool") || o.get("type") == "bool" {
			switch strings.ToLower(v) {
			case "true", "yes", "on", "1", "":
				v = "true"
			case "false", "no", "off", "0":
				v = "false"
			default:
				return fatal("bad boolean config value '%s' for '%s'", v, key)
			}
		}
		g.print(v + end)
	}
	return nil
}

func (g *git) configWrite(o *options, file, key string) error {
	section, sub, name := splitKey(key)
	if o.has("unset") || o.has("unset-all") {
		found := 0
		for _, s := range g.readConfig(file) {
			if s.key == key {
				found++
			}
		}
		if found == 0 {
			return quiet(5)
		}
		return g.edit(file, func(c *format.Config) {
			if sub != "" {
				c.Section(section).Subsection(sub).RemoveOption(name)
				return
			}
			c.Section(section).RemoveOption(name)
		})
	}
	if len(o.args) < 2 {
		return &failure{129, "error: wrong number of arguments, should be 2\n"}
	}
	return g.edit(file, func(c *format.Config) {
		if o.has("add") {
			c.AddOption(section, sub, name, o.args[1])
			return
		}
		c.SetOption(section, sub, name, o.args[1])
	})
}
