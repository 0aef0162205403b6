package poudriere

import (
	"context"
	"slices"
	"time"

	"bsdrun/runtime/effect"
)

// PkgcleanArgs say which packages stay.
type PkgcleanArgs struct {
	Jail      string        `lua:"jail,required" doc:"the jail"`
	Keep      []string      `lua:"keep,pos" doc:"origins whose packages stay, with what they need; all others go"`
	KeepFiles []string      `lua:"keep_files" doc:"files on the host that list the origins to keep (-f)"`
	KeepKnown bool          `lua:"keep_known" doc:"keep the packages of every port of the tree (-a)"`
	Drop      []string      `lua:"drop" doc:"origins whose packages go; all others stay (-C)"`
	DropAll   bool          `lua:"drop_all" doc:"remove every package (-A)"`
	Rebuild   bool          `lua:"rebuild_repo" doc:"make and sign the repository anew even if nothing goes (-u)"`
	Tree      string        `lua:"tree" doc:"the ports tree" default:"default"`
	Set       string        `lua:"set" doc:"the set"`
	Timeout   time.Duration `lua:"timeout" doc:"for the metadata of all ports" unit:"seconds" default:"7200"`
}

// selection is what the arguments say about packages, as options.
func (a PkgcleanArgs) selection(op string) ([]string, error) {
	if err := checkOrigins(op, append(slices.Clone(a.Keep), a.Drop...)); err != nil {
		return nil, err
	}
	var ways [][]string
	if len(a.Keep) > 0 {
		ways = append(ways, a.Keep)
	}
	if len(a.Drop) > 0 {
		ways = append(ways, append([]string{"-C"}, a.Drop...))
	}
	if a.KeepKnown {
		ways = append(ways, []string{"-a"})
	}
	if a.DropAll {
		ways = append(ways, []string{"-A"})
	}
	var files []string
	for _, file := range a.KeepFiles {
		if err := checkPath(op, "the list of ports", file); err != nil {
			return nil, err
		}
		files = append(files, "-f", file)
	}
	if files != nil {
		ways = append(ways, files)
	}
	if len(ways) != 1 {
		return nil, invalid(op, "say what stays or goes by one of keep, keep_files, keep_known, drop and drop_all")
	}
	return ways[0], nil
}

// Pkgclean removes packages that are no longer wanted.
func Pkgclean(ctx context.Context, h effect.Doer, a PkgcleanArgs) (Cleaned, error) {
	const op = "poudriere.pkgclean"
	selection, err := a.selection(op)
	if err != nil {
		return Cleaned{}, err
	}
	p, err := locate(ctx, h, op, a.Jail, a.Tree, a.Set)
	if err != nil {
		return Cleaned{}, err
	}
	if _, err := needJail(ctx, h, op, a.Jail); err != nil {
		return Cleaned{}, err
	}
	args := []string{"pkgclean", "-y", "-j", a.Jail, "-p", a.Tree}
	if a.Set != "" {
		args = append(args, "-z", a.Set)
	}
	if a.Rebuild {
		args = append(args, "-u")
	}
	e := command(op, append(args, selection...)...)
	e.Writes = []effect.Resource{effect.Tree(p.packages()), effect.Tree(p.logs())}
	e.Diff = &effect.Diff{Path: p.packages(), Note: "remove packages that are not wanted"}
	return clean(ctx, h, e, a.Timeout)
}

// clean runs a cleaning and reads what went.
func clean(ctx context.Context, h effect.Doer, e effect.Effect, limit time.Duration) (Cleaned, error) {
	e.Timeout = limit
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped {
		return Cleaned{Changed: true}, err
	}
	out, err := res.Text()
	if err != nil {
		return Cleaned{}, err
	}
	return parseCleaned(out), nil
}

// DistcleanArgs say whose distfiles stay.
type DistcleanArgs struct {
	Trees   []string      `lua:"trees,pos" doc:"ports trees whose distfiles stay" default:"default"`
	Timeout time.Duration `lua:"timeout" doc:"for reading every port's distinfo" unit:"seconds" default:"7200"`
}

// Distclean removes distfiles that no port of the trees needs.
func Distclean(ctx context.Context, h effect.Doer, a DistcleanArgs) (Cleaned, error) {
	const op = "poudriere.distclean"
	c, err := needConf(ctx, h, op)
	if err != nil {
		return Cleaned{}, err
	}
	args := []string{"distclean", "-y"}
	// Since 3.2 it has to be said that the whole tree is meant.
	if old, err := before(ctx, h, op, 3, 2); err != nil {
		return Cleaned{}, err
	} else if !old {
		args = append(args, "-a")
	}
	for _, tree := range a.Trees {
		if _, err := needTree(ctx, h, op, tree); err != nil {
			return Cleaned{}, err
		}
		args = append(args, "-p", tree)
	}
	e := command(op, args...)
	e.Writes = []effect.Resource{effect.Tree(c.get("DISTFILES_CACHE"))}
	e.Diff = &effect.Diff{Path: c.get("DISTFILES_CACHE"), Note: "remove distfiles that no port needs"}
	return clean(ctx, h, e, a.Timeout)
}

// LogcleanArgs say which logs stay.
type LogcleanArgs struct {
	Days    int           `lua:"days" doc:"logs of so many days stay"`
	Count   int           `lua:"count" doc:"so many builds of each jail, tree and set stay"`
	All     bool          `lua:"all" doc:"remove all"`
	Jail    string        `lua:"jail" doc:"only of this jail"`
	Tree    string        `lua:"tree" doc:"only of this ports tree"`
	Set     string        `lua:"set" doc:"only of this set"`
	Timeout time.Duration `lua:"timeout" doc:"for reading all logs' dates" unit:"seconds" default:"3600"`
}

// Logclean removes logs of builds that are over.
func Logclean(ctx context.Context, h effect.Doer, a LogcleanArgs) (Cleaned, error) {
	const op = "poudriere.logclean"
	ways := 0
	for _, given := range []bool{a.Days > 0, a.Count > 0, a.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return Cleaned{}, invalid(op, "say what stays by one of days, count and all")
	}
	c, err := needConf(ctx, h, op)
	if err != nil {
		return Cleaned{}, err
	}
	args := []string{"logclean", "-y"}
	for _, o := range [][2]string{{"-j", a.Jail}, {"-p", a.Tree}, {"-z", a.Set}} {
		if o[1] == "" {
			continue
		}
		if err := checkName(op, "jail, tree or set", treeName, o[1]); err != nil {
			return Cleaned{}, err
		}
		args = append(args, o[0], o[1])
	}
	switch {
	case a.All:
		args = append(args, "-a")
	case a.Count > 0:
		args = append(args, "-N", decimal(a.Count))
	default:
		args = append(args, decimal(a.Days))
	}
	logs := c.data() + "/logs/bulk"
	e := command(op, args...)
	e.Writes = []effect.Resource{effect.Tree(logs)}
	e.Diff = &effect.Diff{Path: logs, Note: "remove old logs"}
	return clean(ctx, h, e, a.Timeout)
}
