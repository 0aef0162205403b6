package ports

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
)

// quiet lets ports ask nothing.
var quiet = []string{"BATCH=yes"}

// PortArgs name a port.
type PortArgs struct {
	Origin string `lua:"origin,required" doc:"the port: category/port"`
}

// Done is what became of a port.
type Done struct {
	Changed bool   `lua:"changed" doc:"it was, or in check mode would be, installed or removed"`
	Package string `lua:"package,produced" doc:"name and version of the package"`
}

// Install builds and installs a port.
func Install(ctx context.Context, h effect.Doer, a PortArgs) (Done, error) {
	const op = "ports.install"
	if err := checkOrigin(op, a.Origin); err != nil {
		return Done{}, err
	}
	have, err := installed(ctx, h, op, a.Origin)
	if err != nil {
		return Done{}, err
	}
	if len(have) > 0 {
		return Done{Package: have[0].name}, nil
	}
	dir, err := dirOf(ctx, h, op, a.Origin)
	if err != nil {
		return Done{}, err
	}
	e := making(op, dir, a.Origin, present, "install", "clean")
	_, skipped, err := through(ctx, h, e, "ports-install-"+strings.ReplaceAll(a.Origin, "/", "-"))
	if err != nil || skipped {
		return Done{Changed: err == nil}, err
	}
	if have, err = installed(ctx, h, op, a.Origin); err != nil {
		return Done{}, err
	}
	if len(have) == 0 {
		return Done{}, effect.Errorf(effect.Failed, op, "make install ended well, but %s is not installed", a.Origin)
	}
	return Done{Changed: true, Package: have[0].name}, nil
}

// making is make(1) in a port's directory.
func making(op, dir, origin, leaves string, targets ...string) effect.Effect {
	e := effect.Effect{
		Op: op, Kind: effect.Change, Env: quiet, Argv: append([]string{"make", "-C", dir}, targets...),
		Reads:  []effect.Resource{effect.Tree(dir), effect.Tree("/var/db/ports")},
		Writes: []effect.Resource{resource(origin), packages, effect.Tree("/usr/local"), effect.Tree("/var/db/pkg"), effect.Tree(treeDir)},
		Leaves: map[effect.Resource]string{resource(origin): leaves},
		Diff:   &effect.Diff{Path: "port " + origin, Note: strings.Join(targets, ", ")},
	}
	e.Title = strings.Join(e.Argv, " ")
	return e
}

// DeinstallArgs are the arguments of Deinstall.
type DeinstallArgs struct {
	Origin string `lua:"origin,required" doc:"the port: category/port"`
	Force  bool   `lua:"force" doc:"although other packages need it"`
}

// dependentsScript lists the packages that need one.
const dependentsScript = `pkg=/usr/local/sbin/pkg
if [ -x $pkg ] && $pkg -N >/dev/null 2>&1; then
	$pkg query '%rn-%rv' "$1"
else
	pkg_info -qR "$1"
fi`

// Deinstall removes what a port has installed.
func Deinstall(ctx context.Context, h effect.Doer, a DeinstallArgs) (Done, error) {
	const op = "ports.deinstall"
	if err := checkOrigin(op, a.Origin); err != nil {
		return Done{}, err
	}
	have, err := installed(ctx, h, op, a.Origin)
	if err != nil || len(have) == 0 {
		return Done{}, err
	}
	done := Done{Changed: true, Package: have[0].name}
	dir, err := dirOf(ctx, h, op, a.Origin)
	if err != nil {
		return Done{}, err
	}
	if !a.Force && have[0].name != "?" {
		if err := needless(ctx, h, op, have[0].name); err != nil {
			return Done{}, err
		}
	}
	_, err = h.Do(ctx, making(op, dir, a.Origin, absent, "deinstall"))
	err, _ = effect.Explain(err, rules)
	if err != nil {
		return Done{}, err
	}
	return done, nil
}

// needless fails when other packages need one.
func needless(ctx context.Context, h effect.Doer, op, name string) error {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"sh", "-c", dependentsScript, "sh", name}, Title: "list what needs " + name,
		Reads: []effect.Resource{packages},
	})
	if err != nil {
		return err
	}
	out, err := res.Text()
	if by := strings.Fields(out); err == nil && len(by) > 0 {
		return effect.WithHint(effect.Errorf(effect.Failed, op, "%s is needed by %s", name, strings.Join(by, ", ")), "remove those first, or set force")
	}
	return err
}
