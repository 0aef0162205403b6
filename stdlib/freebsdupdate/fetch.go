package freebsdupdate

import (
	"context"
	"fmt"
	"strings"

	"bsdrun/runtime/effect"
)

// FetchArgs are the arguments of Fetch.
type FetchArgs struct {
	Force  bool `lua:"force" doc:"also where an upgrade is half done (-F), which forgets that upgrade"`
	Place  `lua:",inline"`
	Source `lua:",inline"`
}

// Lists are the paths that an update touches.
type Lists struct {
	Added   []string `lua:"added,produced" doc:"paths that are added"`
	Updated []string `lua:"updated,produced" doc:"paths that are updated"`
	Removed []string `lua:"removed,produced" doc:"paths that are removed"`
	Kept    []string `lua:"kept,produced" doc:"paths that are left alone because they were changed locally"`
}

// Fetched is what fetch came to.
type Fetched struct {
	Changed  bool     `lua:"changed" doc:"something was fetched that was not prepared before, or in check mode may be"`
	Pending  bool     `lua:"pending,produced" doc:"install has something to do"`
	To       string   `lua:"to,produced" doc:"release with patch level: 14.3-RELEASE-p2"`
	EOL      bool     `lua:"eol,produced" doc:"the release has passed its end of life: there will be no more patches"`
	Warnings []string `lua:"warnings,produced" doc:"what the tool warned of"`
	Lists    `lua:",inline"`
}

// Fetch fetches the patches of the running release.
func Fetch(ctx context.Context, h effect.Doer, a FetchArgs) (Fetched, error) {
	const op = "freebsd_update.fetch"
	if err := a.Source.check(op); err != nil {
		return Fetched{}, err
	}
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return Fetched{}, err
	}
	before, err := t.progress(ctx, h, op)
	if err != nil {
		return Fetched{}, err
	}
	if before.upgrading() && !a.Force {
		return Fetched{}, effect.WithHint(
			effect.Errorf(effect.Failed, op, "an upgrade to %s is prepared or half done (%s); patches would replace it", before.To, before.Phase),
			"h.freebsd_update.install() goes on with it; force=true forgets it")
	}
	can, err := probe(ctx, h, op)
	if err != nil {
		return Fetched{}, err
	}
	c, err := t.prepare(ctx, h, op, "fetch", can, a.Source, a.settings())
	if err != nil {
		return Fetched{}, err
	}
	if a.Force && can.force {
		c.options = append(c.options, "-F")
	}
	o, err := t.fetch(ctx, h, c, can)
	if err != nil || o == nil {
		return Fetched{Changed: err == nil}, err
	}
	return t.fetched(ctx, h, op, before, *o)
}

// fetched says what a fetch came to: what is prepared, the state files tell.
func (t target) fetched(ctx context.Context, h effect.Doer, op string, before Progress, o outcome) (Fetched, error) {
	after, _, err := t.noted(ctx, h, op)
	if err != nil {
		return Fetched{}, err
	}
	r := parseReport(o.out)
	return Fetched{
		Changed: after.pending() && (!before.pending() || after.stamp != before.stamp),
		Pending: after.pending(), To: fmt.Sprintf("%s-p%d", after.tagRelease, after.tagPatch),
		EOL: r.eol, Warnings: r.warnings, Lists: r.lists,
	}, nil
}

// fetch runs the command as a job where the tool can do without a terminal, and
// on one otherwise, where nothing is asked either.
func (t target) fetch(ctx context.Context, h effect.Doer, c call, can features) (*outcome, error) {
	if can.noTerminal {
		c.options = append(c.options, "--not-running-from-cron")
		e := t.effectOf(c)
		o, err := t.run(ctx, h, e, c)
		return endOfLife(o, err)
	}
	e := t.effectOf(c)
	e.Talk, e.Anew = &effect.Dialogue{}, true
	e.Want = []int{0, 1}
	e.Timeout = c.timeout
	res, err := h.Do(ctx, e)
	if err != nil || res.Skipped {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	o, err := judge(c, outcome{code: res.Code, out: strings.ReplaceAll(out, "\r\n", "\n")})
	return endOfLife(o, err)
}

// endOfLife forgives code 1 where the tool had done everything before: it warns
// of a release that has passed its end of life, last of all, and then fails.
func endOfLife(o *outcome, err error) (*outcome, error) {
	if o != nil && o.code == 1 && eolForm.MatchString(o.out) {
		return o, nil
	}
	return o, err
}
