package base

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

var databaseCommands = []command{
	{name: "getent", dir: "/usr/bin", flags: "", run: getent, usage: "usage: getent database [key ...]"},
	{name: "getconf", dir: "/usr/bin", flags: "av:", run: getconf, code: 64, usage: `
usage: getconf -a [pathname]
       getconf [-v prog_env] system_var
       getconf [-v prog_env] path_var pathname`[1:]},
	{name: "locale", dir: "/usr/bin", flags: "ackmq!h", run: locale, usage: "usage: locale [-ackmq] [keyword ...]"},
	{name: "which", dir: "/usr/bin", flags: "as", run: which, usage: "usage: which [-as] program ..."},
	{name: "whereis", dir: "/usr/bin", flags: "abmqsuxBMS!f", run: whereis, usage: "usage: whereis [-abmqsux] [-BMS dir ... -f] program ..."},
}

func getent(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	database, keys := o.args[0], o.args[1:]
	lookup, ok := getentDatabases[database]
	if !ok {
		p.Errorf("getent: unknown database: %s\n", database)
		return 1
	}
	if len(keys) == 0 {
		lines := lookup(p, "")
		for _, l := range lines {
			p.Printf("%s\n", l)
		}
		return 0
	}
	code := 0
	for _, key := range keys {
		lines := lookup(p, key)
		if len(lines) == 0 {
			code = 2
		}
		for _, l := range lines {
			p.Printf("%s\n", l)
		}
	}
	return code
}

// getentDatabases list a database, or what fits a key.
var getentDatabases = map[string]func(p *sim.Proc, key string) []string{
	"passwd": func(p *sim.Proc, key string) []string {
		var lines []string
		for _, u := range p.Machine.Users() {
			if key != "" && u.Name != key && strconv.Itoa(u.UID) != key {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s:%s:%d:%d:%s:%s:%s", u.Name, hiddenPassword(p), u.UID, u.GID, u.GECOS, u.Home, u.Shell))
			if key != "" {
				break
			}
		}
		return lines
	},
	"group": func(p *sim.Proc, key string) []string {
		var lines []string
		for _, g := range p.Machine.Groups() {
			if key == "" || g.Name == key || strconv.Itoa(g.GID) == key {
				lines = append(lines, strings.Replace(groupLine(g), ":*:", ":"+hiddenPassword(p)+":", 1))
			}
		}
		return lines
	},
	"hosts": func(p *sim.Proc, key string) []string {
		if key == "" {
			return hostsFile(p)
		}
		address, err := resolve(p, key)
		if err != nil {
			return nil
		}
		return []string{fmt.Sprintf("%-16s  %s", address, key)}
	},
	"shells":    func(p *sim.Proc, key string) []string { return matchingLines(p, "/etc/shells", key, 0) },
	"services":  func(p *sim.Proc, key string) []string { return matchingLines(p, "/etc/services", key, 0) },
	"protocols": func(p *sim.Proc, key string) []string { return matchingLines(p, "/etc/protocols", key, 0) },
	"networks":  func(p *sim.Proc, key string) []string { return matchingLines(p, "/etc/networks", key, 0) },
}

// hiddenPassword stands for a password in passwd(5).
func hiddenPassword(p *sim.Proc) string {
	if linux(p) {
		return "x"
	}
	return "*"
}

// matchingLines are the lines of a file whose column has a key.
func matchingLines(p *sim.Proc, file, key string, column int) []string {
	data, err := p.FS().ReadFile(file)
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) > column && (key == "" || f[column] == key) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func hostsFile(p *sim.Proc) []string { return matchingLines(p, "/etc/hosts", "", 0) }

// systemVariables of sysconf(3) and confstr(3) that scripts ask for.
var systemVariables = map[string]string{
	"ARG_MAX": "524288", "CHILD_MAX": "34231", "CLK_TCK": "128", "LINE_MAX": "2048", "LONG_BIT": "64", "NGROUPS_MAX": "1023", "OPEN_MAX": "117990",
	"PAGESIZE": "4096", "PAGE_SIZE": "4096", "HOST_NAME_MAX": "255", "IOV_MAX": "1024", "LOGIN_NAME_MAX": "33", "TTY_NAME_MAX": "64", "WORD_BIT": "32",
	"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "UCHAR_MAX": "255", "INT_MAX": "2147483647", "_POSIX_VERSION": "200112", "MAXPHYS": "1048576",
}

var pathVariables = map[string]string{"NAME_MAX": "255", "PATH_MAX": "1024", "PIPE_BUF": "512", "LINK_MAX": "9223372036854775807", "FILESIZEBITS": "64", "MIN_HOLE_SIZE": "512"}

func getconf(p *sim.Proc, o *options) int {
	if o.has("a") {
		var names []string
		for name := range systemVariables {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			p.Printf("%s: %s\n", name, systemVariables[name])
		}
		return 0
	}
	if len(o.args) == 0 || len(o.args) > 2 {
		return o.wrong(p)
	}
	name := o.args[0]
	switch {
	case name == "NPROCESSORS_CONF" || name == "NPROCESSORS_ONLN" || name == "_NPROCESSORS_CONF" || name == "_NPROCESSORS_ONLN":
		p.Printf("%d\n", cpus(p))
	case len(o.args) == 1 && systemVariables[name] != "":
		p.Printf("%s\n", systemVariables[name])
	case pathVariables[name] != "":
		if len(o.args) == 1 {
			return o.wrong(p)
		}
		if !exists(p, o.args[1]) {
			return exitWith(69, errx(p, "pathconf: %s: No such file or directory", o.args[1]))
		}
		p.Printf("%s\n", pathVariables[name])
	default:
		return exitWith(64, errx(p, "no such configuration parameter `%s'", name))
	}
	return 0
}

func locale(p *sim.Proc, o *options) int {
	lang := p.Getenv("LANG")
	all := p.Getenv("LC_ALL")
	switch {
	case o.has("a"):
		p.Printf("C\nC.UTF-8\nPOSIX\nen_US.UTF-8\n")
		return 0
	case o.has("m"):
		p.Printf("ISO8859-1\nUS-ASCII\nUTF-8\n")
		return 0
	case len(o.args) > 0:
		for _, word := range o.args {
			if word != "charmap" {
				return p.Cannot("locale %s", word)
			}
			charmap, in := "US-ASCII", lang
			for _, name := range []string{"LC_CTYPE", "LC_ALL"} {
				if v := p.Getenv(name); v != "" {
					in = v
				}
			}
			if strings.HasSuffix(in, "UTF-8") {
				charmap = "UTF-8"
			}
			p.Printf("%s\n", charmap)
		}
		return 0
	}
	p.Printf("LANG=%s\n", lang)
	for _, name := range []string{"LC_CTYPE", "LC_COLLATE", "LC_TIME", "LC_NUMERIC", "LC_MONETARY", "LC_MESSAGES"} {
		value := p.Getenv(name)
		switch {
		case all != "":
			value = all
		case value == "" && lang != "":
			value = lang
		case value == "":
			value = "C"
		}
		p.Printf("%s=\"%s\"\n", name, value)
	}
	p.Printf("LC_ALL=%s\n", all)
	return 0
}

func which(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	code := 0
	for _, name := range o.args {
		found := programs(p, name)
		if len(found) == 0 {
			code = 1
			continue
		}
		if !o.has("a") {
			found = found[:1]
		}
		for _, f := range found {
			if !o.has("s") {
				p.Printf("%s\n", f)
			}
		}
	}
	return code
}

// programs are all files a name finds in PATH.
func programs(p *sim.Proc, name string) []string {
	if strings.Contains(name, "/") {
		if _, err := lookPath(p, name); err != nil || p.FS().Access(name, 1) != nil || isDir(p, name) {
			return nil
		}
		return []string{name}
	}
	var found []string
	for dir := range strings.SplitSeq(p.Getenv("PATH"), ":") {
		if dir == "" {
			dir = "."
		}
		file := strings.TrimRight(dir, "/") + "/" + name
		if !isDir(p, file) && p.FS().Access(file, 1) == nil && !slices.Contains(found, file) {
			found = append(found, file)
		}
	}
	return found
}

func whereis(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	if o.has("BMSf") {
		return p.Cannot("whereis -%s", o.last("BMSf"))
	}
	quick := *p
	quick.Env = setVars(p.Env, "PATH="+sim.DefaultPath+":/usr/games:/usr/libexec:/usr/local/libexec")
	for _, name := range o.args {
		var found []string
		if o.has("b") || !o.has("ms") {
			if list := programs(&quick, name); len(list) > 0 {
				found = list[:1]
			}
		}
		if o.has("m") || !o.has("bs") {
			for _, dir := range []string{"/usr/share/man", "/usr/local/share/man", "/usr/local/man"} {
				for section := 1; section <= 9; section++ {
					page := fmt.Sprintf("%s/man%d/%s.%d.gz", dir, section, name, section)
					if exists(p, page) {
						found = append(found, page)
					}
				}
			}
		}
		if o.has("s") || !o.has("bm") {
			entries, _ := p.FS().ReadDir("/usr/ports")
			for _, category := range entries {
				if port := "/usr/ports/" + category.Name + "/" + name; category.IsDir() && isDir(p, port) {
					found = append(found, port)
				}
			}
		}
		if o.has("q") {
			for _, f := range found {
				p.Printf("%s\n", f)
			}
			continue
		}
		p.Printf("%s\n", strings.TrimRight(name+": "+strings.Join(found, " "), " "))
	}
	return 0
}
