package freebsdupdate

import (
	"context"

	"bsdrun/runtime/effect"
)

// IDSArgs are the arguments of CompareIDS.
type IDSArgs struct {
	Place  `lua:",inline"`
	Source `lua:",inline"`
}

// Difference is one way in which a file is not what its release has.
type Difference struct {
	Path   string `lua:"path"`
	What   string `lua:"what" doc:"type, owner, group, mode, hash or target (of a link)" enum:"type|owner|group|mode|hash|target"`
	Is     string `lua:"is"`
	Should string `lua:"should" doc:"a file that was patched has more than one right value, each listed"`
}

// Compared is what CompareIDS found.
type Compared struct {
	Changed     bool         `lua:"changed" doc:"always false: nothing of the system is changed"`
	Release     string       `lua:"release,produced" doc:"release that the system was compared with"`
	Differences []Difference `lua:"differences,produced"`
}

// CompareIDS compares the system with the index of its release.
func CompareIDS(ctx context.Context, h effect.Doer, a IDSArgs) (Compared, error) {
	const op = "freebsd_update.ids"
	if err := a.Source.check(op); err != nil {
		return Compared{}, err
	}
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return Compared{}, err
	}
	o, err := t.ids(ctx, h, op, a.Source, a.settings())
	if err != nil || o == nil {
		return Compared{}, err
	}
	now, err := t.progress(ctx, h, op)
	return Compared{Release: now.tagRelease, Differences: parseDifferences(o.out)}, err
}

func (t target) ids(ctx context.Context, h effect.Doer, op string, s Source, settings map[string][]string) (*outcome, error) {
	can, err := probe(ctx, h, op)
	if err != nil {
		return nil, err
	}
	c, err := t.prepare(ctx, h, op, "IDS", can, s, settings)
	if err != nil {
		return nil, err
	}
	return t.run(ctx, h, t.effectOf(c), c)
}
