package zpool

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// The tools differ by release: those before FreeBSD 10 know no -p and no -P, and
// status never had them before 13. A query therefore carries the older form with
// it, in the same exchange, and the parsers read both: nobody has to know the
// release, and no answer is remembered. A form that is refused prints nothing on
// standard output; the last one's exit code and message count.

// utc lets the tools print times without a doubt about their zone; every
// system knows this form of TZ, even without zone files.
var utc = []string{"TZ=UTC0"}

// either runs forms of a query until one succeeds. Words of "$@" are the
// arguments that all of them take.
func either(forms ...string) string {
	return strings.Join(forms[:len(forms)-1], " 2>/dev/null || ") + " 2>/dev/null || " + forms[len(forms)-1]
}

// query runs a script that only looks, with arguments. title is the command
// that it stands for.
func query(ctx context.Context, h effect.Doer, op, title, script string, reads []effect.Resource, args ...string) (string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Title: title, Env: utc, Reads: reads,
		Argv: append([]string{"sh", "-c", script, "sh"}, args...),
	})
	if err != nil {
		return "", explain(err)
	}
	return res.Text()
}

// change runs a command that alters a pool.
func change(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	e.Kind = effect.Change
	res, err := h.Do(ctx, e)
	return res, explain(err)
}

// pool names a pool to the layers.
func pool(name string) effect.Resource { return effect.Resource("zpool:" + name) }

// datasets are all datasets of a pool.
func datasets(pool string) effect.Resource { return effect.Resource("zfs:" + pool + "/") }

// onPool is what a change of a pool's devices touches.
func onPool(name string) []effect.Resource { return []effect.Resource{pool(name)} }

// oneOrAll are the operands of a query of one pool, or of all when none is named,
// and what it reads.
func oneOrAll(op, name string) (args []string, reads []effect.Resource, err error) {
	if name == "" {
		return nil, []effect.Resource{"zpool"}, nil
	}
	return []string{name}, onPool(name), checkPool(op, name)
}

var poolForm = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_.: -]*$`)

func checkPool(op, name string) error {
	if !poolForm.MatchString(name) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a pool", name)
	}
	return nil
}

// checkWords refuses arguments that a command would take for options.
func checkWords(op, what string, words ...string) error {
	for _, word := range words {
		if word == "" || word[0] == '-' || strings.ContainsAny(word, "\n\x00") {
			return effect.Errorf(effect.Invalid, op, "%q is no %s", word, what)
		}
	}
	return nil
}

var propertyForm = lazyregexp.New(`^[A-Za-z0-9_.:@#-]+$`)

func checkProperty(op, name string) error {
	if !propertyForm.MatchString(name) || name[0] == '-' {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a property", name)
	}
	return nil
}

// valueText is a property's value as the tools take it.
func valueText(op, name string, v any) (string, error) {
	switch v := v.(type) {
	case string:
		if strings.ContainsAny(v, "\n\x00") {
			return "", effect.Errorf(effect.Invalid, op, "the value %q of %s has several lines", v, name)
		}
		return v, nil
	case bool:
		if v {
			return "on", nil
		}
		return "off", nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", effect.Errorf(effect.Invalid, op, "%s: a property is a string, a number, or true and false, not %T", name, v)
	}
}

// rules tell what the texts of zpool(8) mean and what to do about them.
var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`no such pool`), Kind: effect.Missing},
	{Pattern: lazyregexp.New(`no such device in pool|cannot resolve path|no such device`), Kind: effect.Missing, Hint: "h.zpool.status names the pool's devices, gpart show -p the partitions there are"},
	{Pattern: lazyregexp.New(`(?:zpool|zfs): (?:command )?[Nn]ot found`), Kind: effect.Missing, Hint: "this host has no ZFS"},
	{Pattern: lazyregexp.New(`modules? (?:are|is|cannot be) (?:not )?(?:loaded|auto-loaded)|failed to initialize ZFS library|/dev/zfs`), Kind: effect.Failed, Hint: "load ZFS into the kernel first: kldload zfs, and zfs_enable=YES in rc.conf"},
	{Pattern: lazyregexp.New(`permission denied|Permission denied|must be root`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\")"},
	{Pattern: lazyregexp.New(`unrecognized command '([^']*)'`), Kind: effect.Failed, Hint: "the ZFS of this release has no $1"},
	{Pattern: lazyregexp.New(`invalid option '([^']*)'`), Kind: effect.Failed, Hint: "the ZFS of this release does not know the option -$1"},
	{Pattern: lazyregexp.New(`invalid property '([^']*)'`), Kind: effect.Failed, Hint: "the ZFS of this release has no property $1"},
	{Pattern: lazyregexp.New(`no valid replicas`), Kind: effect.Failed, Hint: "the other devices do not hold all of the data: wait for the resilver, or replace what is broken"},
	{Pattern: lazyregexp.New(`use '-f' to override|'-f' to import anyway|'-f' to replace`), Kind: effect.Failed, Hint: "look what is there first; force=true writes over it"},
	{Pattern: lazyregexp.New(`pool or dataset is busy|pool is busy|dataset is busy|Device busy`), Kind: effect.Failed, Hint: "something uses it: see with fstat(1) and mount(8); a working directory in it is enough"},
	{Pattern: lazyregexp.New(`pool must be upgraded`), Kind: effect.Failed, Hint: "the pool's version lacks this; h.zpool.features tells it"},
	{Pattern: lazyregexp.New(`I/O error`), Kind: effect.Failed, Hint: "a device fails or the pool is damaged: see h.zpool.status and dmesg"},
}

// explain adds to a failure of zpool what its texts mean.
func explain(err error) error {
	err, _ = effect.Explain(err, rules)
	return err
}

// said tells whether a failure has a text.
func said(err error, text string) bool {
	e := effect.AsError(err)
	return e != nil && e.Code != 0 && (strings.Contains(e.Err, text) || strings.Contains(e.Out, text))
}

// Changed is what a change came to.
type Changed struct {
	Changed bool `lua:"changed" doc:"something was, or in check mode would be, changed"`
}

func diff(subject, format string, args ...any) *effect.Diff {
	return &effect.Diff{Path: subject, Note: fmt.Sprintf(format, args...)}
}
