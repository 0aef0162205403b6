// Package sysctl reads and sets kernel state: as it runs, as sysctl.conf sets it
// at boot, and as the loader sets tunables before the kernel starts.
package sysctl

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

const (
	raisesUnknown  = `kind "missing": the kernel knows no such variable`
	raisesReadOnly = `kind "failed": the variable is read-only, or a tunable of the loader`
	raisesDenied   = `kind "denied": only root may do this`
)

// Module is h.sysctl.
var Module = binding.Module{
	Name: "sysctl",
	Doc:  "Kernel state: as it runs, as sysctl.conf sets it at boot, and the loader's tunables.",
	Funcs: []binding.Func{
		{
			Name: "get", Kind: effect.Read, Call: Get, See: []string{"sysctl(8)"},
			Doc:     "Returns the value of a variable, as text.",
			Raises:  []string{raisesUnknown},
			Example: `if h.sysctl.get("net.inet.ip.forwarding") ~= "1" then log("this host does not route") end`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"sysctl(8)"},
			Doc:     "Returns the variables below a name, or all of them: value by name.",
			Raises:  []string{raisesUnknown},
			Example: `for name, value in pairs(h.sysctl.list("kern.geom")) do log("%s=%s", name, value) end`,
		},
		{
			Name: "set", Kind: effect.Change, Call: Set, See: []string{"sysctl(8)", "sysctl.conf(5)"},
			Doc: "Sets a variable in the running kernel and, for the next boot, in /etc/sysctl.conf. " +
				"Either can be left out. What is so already is left alone.",
			Raises:  []string{raisesUnknown, raisesReadOnly, raisesDenied},
			Example: `h.sysctl.set("net.inet.ip.forwarding", 1)`,
		},
		{
			Name: "tunable.get", Kind: effect.Read, Call: GetTunable, See: []string{"loader.conf(5)", "kenv(1)"},
			Doc:     "Returns what loader.conf sets a tunable to for the next boot.",
			Raises:  []string{`kind "missing": loader.conf does not set it and no default is given`},
			Example: `log(h.sysctl.tunable.get("kern.maxfiles", { default = "not set" }))`,
		},
		{
			Name: "tunable.remove", Kind: effect.Change, Call: RemoveTunable, See: []string{"loader.conf(5)"},
			Doc:     "Removes a tunable from loader.conf, so that its default counts from the next boot on.",
			Example: `h.sysctl.tunable.remove("vfs.zfs.arc.max")`,
		},
		{
			Name: "tunable.set", Kind: effect.Change, Call: SetTunable, See: []string{"loader.conf(5)"},
			Doc:     "Sets a tunable in loader.conf, which counts from the next boot on.",
			Example: `h.sysctl.tunable.set("vfs.zfs.arc.max", 4 * 1024 * 1024 * 1024)`,
		},
	},
}

var oidForm = lazyregexp.New(`^[A-Za-z0-9_%-]+(\.[A-Za-z0-9_%-]+)*$`)

func checkOID(op, oid string) error {
	if !oidForm.MatchString(oid) || oid[0] == '-' {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a kernel variable", oid)
	}
	return nil
}

func resource(oid string) effect.Resource { return effect.Resource("sysctl:" + oid) }

// GetArgs names a variable.
type GetArgs struct {
	OID string `lua:"oid,required" doc:"name, such as \"kern.hostname\""`
}

// Get returns the value of a variable.
func Get(ctx context.Context, h effect.Doer, a GetArgs) (string, error) {
	return get(ctx, h, "sysctl.get", a.OID)
}

func get(ctx context.Context, h effect.Doer, op, oid string) (string, error) {
	if err := checkOID(op, oid); err != nil {
		return "", err
	}
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"sysctl", "-n", oid},
		Reads: []effect.Resource{resource(oid)},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			left, ok := leaves[resource(oid)]
			return effect.Result{Stdout: effect.OutputOf([]byte(left + "\n"))}, ok
		},
	})
	if err != nil {
		return "", err
	}
	out, err := res.Text()
	return strings.TrimSuffix(out, "\n"), err
}

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`unknown oid`), Kind: effect.Missing, Hint: "it may come with a kernel module that is not loaded"},
	{Pattern: lazyregexp.New(`read only tunable|Tunable values are set in`), Kind: effect.Failed, Hint: "h.sysctl.tunable.set sets it for the next boot"},
	{Pattern: lazyregexp.New(`is read only`), Kind: effect.Failed, Hint: "the kernel lets nobody change it"},
	{Pattern: lazyregexp.New(`Operation not permitted`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\"); a raised kern.securelevel forbids some variables to root too"},
}

func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return res, err
}

// ListArgs are the arguments of List.
type ListArgs struct {
	Prefix string `lua:"prefix,pos" doc:"name above those wanted, such as \"net.inet\"; default: all"`
}

// List returns the variables below a name.
func List(ctx context.Context, h effect.Doer, a ListArgs) (map[string]string, error) {
	const op = "sysctl.list"
	argv, prefix := []string{"sysctl", "-e", "-a"}, "sysctl"
	if a.Prefix != "" {
		if err := checkOID(op, a.Prefix); err != nil {
			return nil, err
		}
		argv, prefix = []string{"sysctl", "-e", a.Prefix}, a.Prefix
	}
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Reads: []effect.Resource{"sysctl"}})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	return parseList(out, prefix), err
}

var lineForm = lazyregexp.New(`^([A-Za-z0-9_%-]+(?:\.[A-Za-z0-9_%-]+)+)=(.*)$`)

// parseList reads name=value lines; a value may go on over further lines.
func parseList(out, prefix string) map[string]string {
	values := map[string]string{}
	last := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		m := lineForm.FindStringSubmatch(line)
		below := prefix == "sysctl" || m != nil && (m[1] == prefix || strings.HasPrefix(m[1], prefix+"."))
		switch {
		case m != nil && below:
			last = m[1]
			values[last] = m[2]
		case last != "":
			values[last] += "\n" + line
		}
	}
	return values
}

// SetArgs are the arguments of Set.
type SetArgs struct {
	OID     string `lua:"oid,required" doc:"name, such as \"net.inet.ip.forwarding\""`
	Value   any    `lua:"value,required" doc:"a string, a number, or true and false for 1 and 0"`
	Running *bool  `lua:"running" doc:"set it in the running kernel" default:"true"`
	Persist *bool  `lua:"persist" doc:"set it in /etc/sysctl.conf for the next boot" default:"true"`
}

// Changed is what a change of kernel state came to.
type Changed struct {
	Changed   bool   `lua:"changed" doc:"the kernel or the file is, or in check mode would be, different now"`
	Before    string `lua:"before" doc:"value in the running kernel before, where it was looked at"`
	Persisted bool   `lua:"persisted" doc:"the file was changed"`
}

// Set sets a variable in the running kernel and for the next boot.
func Set(ctx context.Context, h effect.Doer, a SetArgs) (Changed, error) {
	const op = "sysctl.set"
	value, err := textOf(op, a.Value)
	if err != nil {
		return Changed{}, err
	}
	if err := checkOID(op, a.OID); err != nil {
		return Changed{}, err
	}
	persist := a.Persist == nil || *a.Persist
	if persist {
		if err := checkConfValue(op, value); err != nil {
			return Changed{}, err
		}
	}
	var done Changed
	if a.Running == nil || *a.Running {
		if err := done.setRunning(ctx, h, op, a.OID, value); err != nil {
			return done, err
		}
	}
	if persist {
		made, err := file.Edit(ctx, h, op, "/etc/sysctl.conf", file.Careful{Create: true}, func(src []byte) ([]byte, error) {
			return editConf(src, a.OID, value), nil
		})
		if err != nil {
			return done, err
		}
		done.Persisted = made.Changed
		done.Changed = done.Changed || made.Changed
	}
	return done, nil
}

func (done *Changed) setRunning(ctx context.Context, h effect.Doer, op, oid, value string) error {
	before, err := get(ctx, h, op, oid)
	if err != nil {
		return err
	}
	done.Before = before
	if sameValue(before, value) {
		return nil
	}
	_, err = run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Argv: []string{"sysctl", oid + "=" + value},
		Writes: []effect.Resource{resource(oid)},
		Leaves: map[effect.Resource]string{resource(oid): value},
		Diff:   &effect.Diff{Path: oid, Note: before + " -> " + value},
	})
	done.Changed = err == nil
	return err
}

// sameValue compares as the kernel does: numbers by value, blanks apart.
func sameValue(a, b string) bool {
	x, errX := strconv.ParseInt(strings.TrimSpace(a), 0, 64)
	y, errY := strconv.ParseInt(strings.TrimSpace(b), 0, 64)
	if errX == nil && errY == nil {
		return x == y
	}
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

func textOf(op string, v any) (string, error) {
	switch v := v.(type) {
	case string:
		if strings.ContainsAny(v, "\n\x00") {
			return "", effect.Errorf(effect.Invalid, op, "the value %q has several lines", v)
		}
		return v, nil
	case bool:
		if v {
			return "1", nil
		}
		return "0", nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", effect.Errorf(effect.Invalid, op, "a %T is no value of a kernel variable", v)
	}
}

// checkConfValue refuses what sysctl.conf(5) cannot hold: a comment begins at #,
// and blanks around a value are not part of it.
func checkConfValue(op, value string) error {
	if strings.Contains(value, "#") || strings.TrimSpace(value) != value {
		return effect.WithHint(effect.Errorf(effect.Invalid, op, "sysctl.conf cannot hold the value %q", value),
			"set it in the running kernel alone: persist=false")
	}
	return nil
}

var confForm = lazyregexp.New(`^\s*([A-Za-z0-9_%.-]+)\s*=\s*(.*?)\s*(#.*)?$`)

// editConf sets a variable in sysctl.conf(5): the last line that sets it is the
// one that counts and is changed; a new one goes to the end.
func editConf(src []byte, oid, value string) []byte {
	lines := bytes.SplitAfter(src, []byte("\n"))
	for i, line := range slices.Backward(lines) {
		m := confForm.FindSubmatchIndex(bytes.TrimRight(line, "\r\n"))
		if m == nil || string(line[m[2]:m[3]]) != oid {
			continue
		}
		if sameValue(string(line[m[4]:m[5]]), value) {
			return src
		}
		lines[i] = slices.Concat(line[:m[4]], []byte(value), line[m[5]:])
		return bytes.Join(lines, nil)
	}
	out := bytes.Clone(src)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return fmt.Appendf(out, "%s=%s\n", oid, value)
}

const loaderConf = "/boot/loader.conf"

// TunableArgs are the arguments of GetTunable.
type TunableArgs struct {
	Name    string  `lua:"name,required" doc:"name of the tunable"`
	Default *string `lua:"default" doc:"returned when loader.conf does not set it"`
}

// GetTunable returns what loader.conf sets a tunable to.
func GetTunable(ctx context.Context, h effect.Doer, a TunableArgs) (string, error) {
	return shellvars.Get(ctx, h, shellvars.GetArgs{File: loaderConf, Name: a.Name, Default: a.Default})
}

// SetTunableArgs are the arguments of SetTunable.
type SetTunableArgs struct {
	Name  string `lua:"name,required" doc:"name of the tunable"`
	Value any    `lua:"value,required" doc:"a string, a number, or true and false for 1 and 0"`
}

// SetTunable sets a tunable for the next boot.
func SetTunable(ctx context.Context, h effect.Doer, a SetTunableArgs) (file.Changed, error) {
	const op = "sysctl.tunable.set"
	value, err := textOf(op, a.Value)
	if err != nil {
		return file.Changed{}, err
	}
	return tunable(ctx, h, op, shellvars.Set(a.Name, value))
}

// RemoveTunableArgs are the arguments of RemoveTunable.
type RemoveTunableArgs struct {
	Name string `lua:"name,required" doc:"name of the tunable"`
}

// RemoveTunable removes a tunable from loader.conf.
func RemoveTunable(ctx context.Context, h effect.Doer, a RemoveTunableArgs) (file.Changed, error) {
	return tunable(ctx, h, "sysctl.tunable.remove", shellvars.Unset(a.Name))
}

func tunable(ctx context.Context, h effect.Doer, op string, change shellvars.Change) (file.Changed, error) {
	return shellvars.EditFile(ctx, h, op, shellvars.Source{File: loaderConf}, file.Careful{Create: true}, []shellvars.Change{change})
}
