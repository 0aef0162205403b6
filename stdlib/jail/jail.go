// Package jail starts and stops jails and keeps what jail.conf(5) says of them.
package jail

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

const (
	raisesConf    = `kind "failed": jail.conf is not well formed; nothing was changed`
	raisesMissing = `kind "missing": no such jail runs`
	raisesStart   = `kind "failed": jail(8) could not do it; what it said is in the error`
)

// Module is h.jail; h:jail(name), a verb of hosts, is the way into a jail.
var Module = binding.Module{
	Name: "jail",
	Doc:  "Jails: which run, starting and stopping them, and what jail.conf says of them. h:jail(name) is a running one as a host of its own.",
	Funcs: []binding.Func{
		{
			Name: "conf.ensure", Kind: effect.Change, Call: EnsureConf, See: []string{"jail.conf(5)", "jail(8)"},
			Doc: "Makes jail.conf say something of a jail. Parameters that are not named stay as they are, as do other jails, comments and the rest of the file, byte for byte. " +
				"true and false are parameters without a value (persist, nopersist); a list has several values. $name and ${name} in a value are variables of the file. " +
				"jail(8) reads the new file before it replaces the old one. A jail that runs already is not changed.",
			Raises:  []string{raisesConf, `kind "invalid": a name or a value that jail.conf could not hold`},
			Example: `h.jail.conf.ensure("www", { path = "/usr/jails/www", ["ip4.addr"] = { "lo1|10.0.0.2/32" }, ["exec.start"] = "/bin/sh /etc/rc", ["mount.devfs"] = true })`,
		},
		{
			Name: "conf.list", Kind: effect.Read, Call: ListConf, See: []string{"jail.conf(5)"},
			Doc:     "Lists the jails of jail.conf, wildcards among them, with what their own blocks say. Variables are not filled in.",
			Raises:  []string{raisesConf},
			Example: `for _, j in ipairs(h.jail.conf.list()) do log("%s: line %d", j.name, j.line) end`,
		},
		{
			Name: "conf.remove", Kind: effect.Change, Call: RemoveConf, See: []string{"jail.conf(5)"},
			Doc:     "Takes a jail out of jail.conf. One that runs goes on, and its directory stays.",
			Raises:  []string{raisesConf},
			Example: `h.jail.conf.remove("www")`,
		},
		{
			Name: "get", Kind: effect.Read, Call: Get, See: []string{"jls(8)"},
			Doc:     "Tells of a running jail.",
			Raises:  []string{raisesMissing},
			Example: `log(h.jail.get("www").path)`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"jls(8)"},
			Doc:     "Lists the running jails with all their parameters.",
			Example: `for _, j in ipairs(h.jail.list()) do log("%s: %s", j.name, table.concat(j.ip4, " ")) end`,
		},
		{
			Name: "restart", Kind: effect.Change, Call: Restart, See: []string{"jail(8)"},
			Doc:     "Stops a jail, if it runs, and starts it as jail.conf has it now.",
			Raises:  []string{raisesStart},
			Example: `h.jail.restart("www")`,
		},
		{
			Name: "start", Kind: effect.Change, Call: Start, See: []string{"jail(8)"},
			Doc: "Starts a jail that does not run. Its file is the one that rc.d takes: /etc/jail.NAME.conf, /etc/jail.conf.d/NAME.conf or /etc/jail.conf. " +
				"A boot starts it only with jail_enable in rc.conf.",
			Raises:  []string{raisesStart},
			Example: `h.jail.start("www")`,
		},
		{
			Name: "stop", Kind: effect.Change, Call: Stop, See: []string{"jail(8)"},
			Doc:     "Stops a jail that runs: what runs in it ends, and its addresses and file systems go.",
			Raises:  []string{raisesStart},
			Example: `h.jail.stop("www")`,
		},
	},
}

// Jail is a running jail.
type Jail struct {
	JID      int               `lua:"jid" doc:"its number"`
	Name     string            `lua:"name" doc:"its name"`
	Hostname string            `lua:"hostname" doc:"its host name"`
	Path     string            `lua:"path" doc:"its root, on the host"`
	IP4      []string          `lua:"ip4" doc:"its IPv4 addresses, the first one is that of its connections"`
	IP6      []string          `lua:"ip6" doc:"its IPv6 addresses"`
	Release  string            `lua:"release" doc:"the release that it is told the kernel is; empty on old hosts"`
	VNET     bool              `lua:"vnet" doc:"it has a network stack of its own"`
	Persist  bool              `lua:"persist" doc:"it stays without processes"`
	Dying    bool              `lua:"dying" doc:"it is being removed"`
	Params   map[string]string `lua:"params" doc:"all parameters by name, as jls prints them; true or false for those without a value"`
}

// Conf is a block of jail.conf.
type Conf struct {
	Name   string              `lua:"name" doc:"the jail, or a wildcard"`
	File   string              `lua:"file" doc:"the file"`
	Line   int                 `lua:"line" doc:"where the block begins"`
	Params map[string][]string `lua:"params" doc:"values by parameter; an empty list where the parameter stands alone"`
}

// Changed is what a change of jail.conf came to.
type Changed struct {
	Changed bool   `lua:"changed" doc:"the file is, or in check mode would be, different now"`
	File    string `lua:"file" doc:"the file"`
}

// State is what starting or stopping came to.
type State struct {
	Changed bool `lua:"changed" doc:"it was started or stopped"`
}

// NameArgs name a jail.
type NameArgs struct {
	Name string `lua:"name,required" doc:"the jail"`
	File string `lua:"file" doc:"its configuration; default: as rc.d finds it"`
}

// GetArgs name a running jail.
type GetArgs struct {
	Name string `lua:"name,required" doc:"name or number"`
}

// ListArgs are none.
type ListArgs struct{}

// FileArgs name the configuration.
type FileArgs struct {
	File string `lua:"file" doc:"the configuration" default:"/etc/jail.conf"`
}

// EnsureArgs are the arguments of EnsureConf.
type EnsureArgs struct {
	Name     string         `lua:"name,required" doc:"the jail, or a wildcard such as *"`
	Params   map[string]any `lua:"params,required" doc:"parameters: a string, a number, true, false, or a list of strings"`
	Unset    []string       `lua:"unset" doc:"parameters to take out of the block"`
	Backup   string         `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name, such as \".orig\""`
	FileArgs `lua:",inline"`
}

// RemoveArgs are the arguments of RemoveConf.
type RemoveArgs struct {
	Name     string `lua:"name,required" doc:"the jail, or a wildcard such as *"`
	Backup   string `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name, such as \".orig\""`
	FileArgs `lua:",inline"`
}

var (
	nameForm  = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	blockForm = lazyregexp.New(`^[A-Za-z0-9_*][A-Za-z0-9_.*-]*$`)
	paramForm = lazyregexp.New(`^\$?[A-Za-z_][A-Za-z0-9_.]*$`)
)

func resource(name string) effect.Resource { return effect.Resource("jail:" + name) }

// List lists the running jails.
func List(ctx context.Context, h effect.Doer, _ ListArgs) ([]Jail, error) {
	return running(ctx, h, "jail.list", "")
}

func running(ctx context.Context, h effect.Doer, op, name string) ([]Jail, error) {
	argv, reads := []string{"/usr/sbin/jls", "-nq"}, []effect.Resource{"jail:"}
	if name != "" {
		argv, reads = append(argv, "-j", name), []effect.Resource{resource(name)}
	}
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Reads: reads, Want: []int{0, 1}})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	if res.Code != 0 {
		said := string(res.Stderr.Tail(4096))
		if name != "" && strings.Contains(said, "not found") {
			return nil, nil
		}
		return nil, &effect.Error{Op: op, Kind: effect.Failed, Code: res.Code, Command: strings.Join(argv, " "), Err: said}
	}
	list, err := parseList(out)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%v", err)
	}
	return list, nil
}

// Get tells of a running jail.
func Get(ctx context.Context, h effect.Doer, a GetArgs) (Jail, error) {
	const op = "jail.get"
	if !nameForm.MatchString(a.Name) {
		return Jail{}, effect.Errorf(effect.Invalid, op, "%q is no name of a jail", a.Name)
	}
	list, err := running(ctx, h, op, a.Name)
	if err != nil {
		return Jail{}, err
	}
	if len(list) == 0 {
		return Jail{}, effect.WithHint(effect.Errorf(effect.Missing, op, "no jail %s runs", a.Name), "jail.start starts one of jail.conf")
	}
	return list[0], nil
}

// Start starts a jail that does not run.
func Start(ctx context.Context, h effect.Doer, a NameArgs) (State, error) {
	return turn(ctx, h, "jail.start", a, func(runs bool) string {
		return map[bool]string{false: "-c"}[runs]
	})
}

// Stop stops a jail that runs.
func Stop(ctx context.Context, h effect.Doer, a NameArgs) (State, error) {
	return turn(ctx, h, "jail.stop", a, func(runs bool) string {
		return map[bool]string{true: "-r"}[runs]
	})
}

// Restart stops a jail, if it runs, and starts it.
func Restart(ctx context.Context, h effect.Doer, a NameArgs) (State, error) {
	return turn(ctx, h, "jail.restart", a, func(bool) string { return "-rc" })
}

// turnScript runs jail(8) on the file that rc.d takes. What a jail's daemons keep
// open must not be our own channel.
const turnScript = `f=%[1]s
if [ -z "$f" ]; then for f in /etc/jail.%[2]s.conf /etc/jail.conf.d/%[2]s.conf /etc/jail.conf; do [ ! -r "$f" ] || break; done; fi
t=$(mktemp -t bsdrun) || exit
/usr/sbin/jail -f "$f" %[3]s %[2]s </dev/null >"$t" 2>&1; c=$?
[ $c = 0 ] || cat "$t" >&2
rm -f "$t"; exit $c`

func turn(ctx context.Context, h effect.Doer, op string, a NameArgs, option func(runs bool) string) (State, error) {
	if !nameForm.MatchString(a.Name) {
		return State{}, effect.Errorf(effect.Invalid, op, "%q is no name of a jail", a.Name)
	}
	if a.File != "" && !strings.HasPrefix(a.File, "/") {
		return State{}, effect.Errorf(effect.Invalid, op, "the path %q is not absolute", a.File)
	}
	list, err := running(ctx, h, op, a.Name)
	if err != nil {
		return State{}, err
	}
	verb := option(len(list) > 0)
	if verb == "" {
		return State{}, nil
	}
	_, err = h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, Title: "jail " + verb + " " + a.Name,
		Shell:  fmt.Sprintf(turnScript, "'"+strings.ReplaceAll(a.File, "'", `'\''`)+"'", a.Name, verb),
		Writes: []effect.Resource{resource(a.Name), "net", "mount"},
	})
	return State{Changed: true}, err
}

// ListConf lists the jails of jail.conf.
func ListConf(ctx context.Context, h effect.Doer, a FileArgs) ([]Conf, error) {
	const op = "jail.conf.list"
	src, _, err := file.Content(ctx, h, op, path(a))
	if err != nil {
		return nil, err
	}
	c, err := parse(string(src))
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%s: %v", path(a), err)
	}
	list := []Conf{}
	for _, b := range c.blocks {
		params := map[string][]string{}
		for _, s := range b.settings() {
			params[s.name] = append([]string{}, s.values...)
		}
		list = append(list, Conf{Name: b.name, File: path(a), Line: b.line, Params: params})
	}
	return list, nil
}

func path(a FileArgs) string {
	if a.File == "" {
		return "/etc/jail.conf"
	}
	return a.File
}

const unknownJail = "bsdrun.syntax.only"

// reads has jail(8) read a file without doing anything: it is to remove a jail that
// nobody has, and says no more than that where it understood the file. No release
// has an option for it.
var reads = []string{
	"/bin/sh", "-c", `o=$(/usr/sbin/jail -f "$1" -r ` + unknownJail + ` 2>&1 | grep -v '"` + unknownJail + `" not found'); [ -z "$o" ] || { echo "$o" >&2; exit 1; }`,
	"sh", "%s",
}

// EnsureConf makes jail.conf say something of a jail.
func EnsureConf(ctx context.Context, h effect.Doer, a EnsureArgs) (Changed, error) {
	const op = "jail.conf.ensure"
	if !blockForm.MatchString(a.Name) {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%q is no name of a jail", a.Name)
	}
	wanted, err := settings(op, a.Params)
	if err != nil {
		return Changed{}, err
	}
	for _, name := range a.Unset {
		if !paramForm.MatchString(name) {
			return Changed{}, effect.Errorf(effect.Invalid, op, "unset: %q is no name of a parameter", name)
		}
	}
	return rewrite(ctx, h, op, a.FileArgs, file.Careful{Create: true, Backup: a.Backup, Validate: reads}, func(c conf) string {
		return c.ensure(a.Name, wanted, a.Unset)
	})
}

// RemoveConf takes a jail out of jail.conf.
func RemoveConf(ctx context.Context, h effect.Doer, a RemoveArgs) (Changed, error) {
	const op = "jail.conf.remove"
	if !blockForm.MatchString(a.Name) {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%q is no name of a jail", a.Name)
	}
	return rewrite(ctx, h, op, a.FileArgs, file.Careful{Create: true, Backup: a.Backup, Validate: reads}, func(c conf) string {
		return c.remove(a.Name)
	})
}

func rewrite(ctx context.Context, h effect.Doer, op string, a FileArgs, careful file.Careful, change func(conf) string) (Changed, error) {
	done, err := file.Edit(ctx, h, op, path(a), careful, func(src []byte) ([]byte, error) {
		c, err := parse(string(src))
		if err != nil {
			return nil, err
		}
		return []byte(change(c)), nil
	})
	return Changed{done.Changed, path(a)}, err
}

// settings are the parameters that are wanted, by name.
func settings(op string, params map[string]any) ([]setting, error) {
	var list []setting
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !paramForm.MatchString(name) {
			return nil, effect.Errorf(effect.Invalid, op, "%q is no name of a parameter", name)
		}
		s := setting{name: name}
		switch v := params[name].(type) {
		case bool:
			if s.name = plain(name); !v {
				at := strings.LastIndexByte(s.name, '.') + 1
				s.name = s.name[:at] + "no" + s.name[at:]
			}
		case []any:
			s.values = []string{}
			for _, one := range v {
				text, err := valueText(op, name, one)
				if err != nil {
					return nil, err
				}
				s.values = append(s.values, text)
			}
			if len(v) == 0 {
				return nil, effect.Errorf(effect.Invalid, op, "%s: an empty list says nothing; unset takes a parameter out", name)
			}
		default:
			text, err := valueText(op, name, v)
			if err != nil {
				return nil, err
			}
			s.values = []string{text}
		}
		list = append(list, s)
	}
	return list, nil
}

func valueText(op, name string, v any) (string, error) {
	switch v := v.(type) {
	case string:
		if strings.IndexByte(v, 0) < 0 {
			return v, nil
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case int:
		return strconv.Itoa(v), nil
	}
	return "", effect.Errorf(effect.Invalid, op, "%s: want a string, a number, true, false, or a list of strings", name)
}
