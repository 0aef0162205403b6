// Package pkgbase upgrades a base system that is made of packages, which
// freebsd-update refuses to touch.
package pkgbase

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/pkg"
)

// Module is h.pkgbase.
var Module = binding.Module{
	Name: "pkgbase",
	Doc:  "The base system as packages (FreeBSD 15 and later, or converted earlier).",
	Funcs: []binding.Func{
		{
			Name: "is", Kind: effect.Read, Call: Is, See: []string{"pkg-which(8)", "freebsd-update(8)"},
			Doc:     "Tells whether the base system comes from packages. It asks what freebsd-update asks, who owns /usr/bin/uname, and for the package FreeBSD-runtime.",
			Example: `if h.pkgbase.is() then h.pkgbase.upgrade() end`,
		},
		{
			Name: "plan", Kind: effect.Read, Call: PlanFor, See: []string{"pkg-upgrade(8)"},
			Doc:     "Tells what upgrade would do, from the catalogue that pkg has, and changes nothing.",
			Raises:  []string{raisesNotBase},
			Example: `log("%d base packages to upgrade", #h.pkgbase.plan().steps)`,
		},
		{
			Name: "upgrade", Kind: effect.Change, Risk: effect.Disruptive, Call: Upgrade, See: []string{"pkg-upgrade(8)"},
			Doc: "Upgrades the packages of the base system: to the last patch level, or with to= to another release. " +
				"Disruptive, since it replaces the running system; take a boot environment before, and reboot after. " +
				"Local changes in /etc are merged by pkg, which leaves .pkgnew files where it cannot; they are listed.",
			Raises:  []string{raisesNotBase, `kind "failed": the repository has no such release`},
			Example: `local done = h.pkgbase.upgrade{ to = "15.1" }` + "\n" + `if done.reboot_needed then h:reboot() end`,
		},
	},
}

const raisesNotBase = `kind "failed": the base system does not come from packages`

// PlanArgs say what to upgrade to.
type PlanArgs struct {
	To   string `lua:"to,pos" doc:"release: 15.1; default: patches of the installed one"`
	Repo string `lua:"repo" doc:"repository of the base system" default:"FreeBSD-base"`
}

// UpgradeArgs are the arguments of Upgrade.
type UpgradeArgs struct {
	PlanArgs `lua:",inline"`
	Refresh  *bool `lua:"refresh" doc:"fetch the catalogue first; in check mode the plan is then unknown" default:"true"`
}

// Upgraded is what an upgrade came to.
type Upgraded struct {
	Changed      bool       `lua:"changed" doc:"packages are, or in check mode would be, different now"`
	From         string     `lua:"from" doc:"release that was installed"`
	To           string     `lua:"to" doc:"release that is installed now, without its patch level"`
	Packages     []pkg.Step `lua:"packages,produced" doc:"what was done to each package"`
	RebootNeeded bool       `lua:"reboot_needed,produced" doc:"the kernel was among them"`
	Unmerged     []string   `lua:"unmerged,produced" doc:"files of /etc that pkg could not merge; what the release has is beside each, in .pkgnew"`
}

// Is tells whether the base system comes from packages.
func Is(ctx context.Context, h effect.Doer) (bool, error) {
	ready, err := pkg.Ready(ctx, h)
	if err != nil || !ready {
		return false, err
	}
	owner, err := pkg.Which(ctx, h, pkg.WhichArgs{Path: "/usr/bin/uname"})
	if err != nil || !owner.Found {
		return false, err
	}
	_, registered, err := pkg.Installed(ctx, h, runtimePackage)
	return registered, err
}

const runtimePackage = "FreeBSD-runtime"

// PlanFor tells what Upgrade would do.
func PlanFor(ctx context.Context, h effect.Doer, a PlanArgs) (pkg.Plan, error) {
	const op = "pkgbase.plan"
	up, err := prepare(ctx, h, op, a)
	if err != nil {
		return pkg.Plan{}, err
	}
	return pkg.PlanFor(ctx, h, pkg.PlanArgs{Action: "upgrade", Repo: up.repo, Settings: up.settings})
}

// Upgrade upgrades the packages of the base system.
func Upgrade(ctx context.Context, h effect.Doer, a UpgradeArgs) (Upgraded, error) {
	const op = "pkgbase.upgrade"
	up, err := prepare(ctx, h, op, a.PlanArgs)
	if err != nil {
		return Upgraded{}, err
	}
	done := Upgraded{From: up.from, To: up.to, Packages: []pkg.Step{}, Unmerged: []string{}}
	before, err := leftovers(ctx, h, op)
	if err != nil {
		return done, err
	}
	made, err := pkg.Upgrade(ctx, disruptive(h), pkg.UpgradeArgs{Repo: up.repo, Refresh: a.Refresh, Settings: up.settings})
	if err != nil {
		return done, err
	}
	done.Changed, done.Packages = made.Changed, made.Packages
	for _, step := range made.Packages {
		done.RebootNeeded = done.RebootNeeded || strings.HasPrefix(step.Name, "FreeBSD-kernel-")
	}
	if !done.Changed {
		return done, nil
	}
	after, err := leftovers(ctx, h, op)
	if effect.KindOf(err) == effect.Unknown {
		return done, nil // check mode: Unmerged is declared as produced
	}
	for _, name := range after {
		if !slices.Contains(before, name) {
			done.Unmerged = append(done.Unmerged, strings.TrimSuffix(name, pkgnew))
		}
	}
	return done, err
}

// disruptive is the host with pkg's change of the system marked as what it is.
func disruptive(h effect.Doer) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Op == "pkg.upgrade" && e.Kind == effect.Change {
			e.Risk, e.Note = effect.Disruptive, "it replaces the running system"
		}
		return h.Do(ctx, e)
	})
}

// upgrade is an upgrade as pkg is told of it.
type upgrade struct {
	repo     string
	from, to string
	settings pkg.Settings
}

var releaseForm = lazyregexp.New(`^(\d+)\.(\d+)(?:-RELEASE)?$`)

// prepare finds out what is installed, and what pkg must be told to take another
// release's repository: it makes its address of ABI and OSVERSION.
func prepare(ctx context.Context, h effect.Doer, op string, a PlanArgs) (upgrade, error) {
	wanted := releaseForm.FindStringSubmatch(a.To)
	if a.To != "" && wanted == nil {
		return upgrade{}, effect.Errorf(effect.Invalid, op, "%q is no release such as \"15.1\"", a.To)
	}
	is, err := Is(ctx, h)
	if err != nil {
		return upgrade{}, err
	}
	if !is {
		return upgrade{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the base system of this host does not come from packages"),
			"h.freebsd_update upgrades it")
	}
	version, _, err := pkg.Installed(ctx, h, runtimePackage)
	if err != nil {
		return upgrade{}, err
	}
	up := upgrade{repo: a.Repo, from: releaseOf(version)}
	if up.repo == "" {
		up.repo = "FreeBSD-base"
	}
	up.to = up.from
	if wanted == nil || wanted[1]+"."+wanted[2]+"-RELEASE" == up.from {
		return up, nil
	}
	up.to = wanted[1] + "." + wanted[2] + "-RELEASE"
	facts, err := host.GetFacts(ctx, h)
	if err != nil {
		return upgrade{}, err
	}
	major, _ := strconv.Atoi(wanted[1])
	minor, _ := strconv.Atoi(wanted[2])
	up.settings = pkg.Settings{Options: map[string]string{
		"ABI":       fmt.Sprintf("FreeBSD:%d:%s", major, facts.Arch),
		"OSVERSION": strconv.Itoa(major*100000 + minor*1000),
	}}
	return up, nil
}

// releaseOf makes a release of a base package's version: 15.0p1, or 15.snap...
func releaseOf(version string) string {
	m := versionForm.FindString(version)
	if m == "" {
		return version
	}
	return m + "-RELEASE"
}

var versionForm = lazyregexp.New(`^\d+\.\d+`)

// pkgnew is what pkg adds to the name of a file that it could not merge.
const pkgnew = ".pkgnew"

// leftovers are the files in /etc that pkg has left beside others.
func leftovers(ctx context.Context, h effect.Doer, op string) ([]string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"find", "/etc", "-name", "*" + pkgnew, "-type", "f"},
		Reads: []effect.Resource{effect.Tree("/etc")},
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	return strings.Fields(out), err
}
