package cron

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// userTable is the table of a user.
type userTable struct{ op, user string }

func (t userTable) path() string { return tabs + "/" + t.user }

func (t userTable) resources() []effect.Resource {
	return []effect.Resource{effect.Resource("cron:" + t.user), effect.File(t.path())}
}

// own leaves -u out for who changes the own table: it is for root alone.
const own = `u="-u $1"
[ "$(id -u)" = 0 ] || [ "$(id -un)" != "$1" ] || u=
`

const (
	// readScript shows a table as it is; crontab -l would leave out comments at
	// its top, taking them for crontab's own.
	readScript    = own + `[ ! -r "` + tabs + `/$1" ] || exec cat "` + tabs + `/$1"` + "\nexec /usr/bin/crontab $u -l"
	installScript = own + "exec /usr/bin/crontab $u -"
	removeScript  = own + "exec /usr/bin/crontab $u -r"
)

var rules = []effect.Rule{
	{Pattern: lazyregexp.New("user `([^']*)' unknown"), Kind: effect.Missing, Hint: "h.user.ensure makes the user $1"},
	{Pattern: lazyregexp.New(`not allowed to use this program`), Kind: effect.Denied, Hint: "/var/cron/allow and /var/cron/deny say who may"},
	{Pattern: lazyregexp.New(`must be privileged to use -u`), Kind: effect.Denied, Hint: `run as root: -b, or h:as("root")`},
	{Pattern: lazyregexp.New(`errors in crontab file`), Kind: effect.Failed, Hint: "a line of the table, perhaps one that was there before, is wrong; nothing was changed"},
}

func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return res, err
}

func (t userTable) script(text, title string) effect.Effect {
	return effect.Effect{
		Op: t.op, Argv: []string{"/bin/sh", "-c", text, "crontab", t.user}, Title: "crontab -u " + t.user + " " + title,
	}
}

// read is the table, without what crontab(1) puts before it.
func (t userTable) read(ctx context.Context, h effect.Doer) (string, error) {
	e := t.script(readScript, "-l")
	e.Kind, e.Want = effect.Read, []int{0, 1}
	e.Reads = append(t.resources(), effect.Resource("user:"+t.user))
	e.Answer = func(leaves map[effect.Resource]string) (effect.Result, bool) {
		left, ok := leaves[t.resources()[0]]
		return effect.Result{Stdout: effect.OutputOf([]byte(left))}, ok
	}
	res, err := run(ctx, h, e)
	if err != nil {
		return "", err
	}
	out, err := res.Text()
	if err != nil {
		return "", err
	}
	if res.Code != 0 {
		said := string(res.Stderr.Tail(4096))
		if strings.Contains(said, "no crontab for") {
			return "", nil
		}
		err, _ := effect.Explain(&effect.Error{Op: t.op, Kind: effect.Failed, Code: res.Code, Command: e.Title, Err: said}, rules)
		return "", err
	}
	table, _ := withoutHeader(out)
	return table, nil
}

// edit changes the table where that makes a difference.
func (t userTable) edit(ctx context.Context, h effect.Doer, change func(string) string) (Changed, error) {
	done := Changed{File: t.path()}
	before, err := t.read(ctx, h)
	if err != nil {
		return done, err
	}
	after := change(before)
	if after == before {
		return done, nil
	}
	e := t.script(installScript, "-")
	if after == "" {
		e = t.script(removeScript, "-r")
	} else {
		e.Stdin = strings.NewReader(after)
	}
	e.Kind, e.Writes = effect.Change, t.resources()
	e.Leaves = map[effect.Resource]string{}
	for _, r := range t.resources() {
		e.Leaves[r] = after
	}
	e.Diff = &effect.Diff{Path: t.path(), Before: []byte(before), After: []byte(after)}
	_, err = run(ctx, h, e)
	done.Changed = err == nil
	return done, err
}
