package pkg

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
)

// Done is what a change of packages came to.
type Done struct {
	Changed  bool   `lua:"changed" doc:"packages are, or in check mode would be, different now"`
	Packages []Step `lua:"packages,produced" doc:"what was done to each package"`
}

// InstallArgs are the arguments of Install.
type InstallArgs struct {
	Names     []string `lua:"names,required" doc:"names, origins or names with versions"`
	Repo      string   `lua:"repo" doc:"take packages from this repository alone (-r)"`
	Latest    bool     `lua:"latest" doc:"also upgrade those that are installed already"`
	Automatic bool     `lua:"automatic" doc:"mark them as dependencies that autoremove may remove (-A)"`
	Force     bool     `lua:"force" doc:"install them again even if they are up to date (-f)"`
	Refresh   *bool    `lua:"refresh" doc:"fetch the catalogue first, where it is old; false: go by the one that is there (-U)" default:"true"`
	Target    `lua:",inline"`
	Settings  `lua:",inline"`
}

// Install installs the packages that are missing, and what they need.
func Install(ctx context.Context, h effect.Doer, a InstallArgs) (Done, error) {
	const op = "pkg.install"
	if err := checkNames(op, a.Names); err != nil {
		return Done{}, err
	}
	if err := a.check(op); err != nil {
		return Done{}, err
	}
	if err := a.apply(op, &a.Target); err != nil {
		return Done{}, err
	}
	found, err := present(ctx, h, op, a.Target, a.Names)
	if err != nil {
		return Done{}, err
	}
	wanted := missing(a.Names, found)
	if a.Latest || a.Force {
		wanted = a.Names
	}
	if len(wanted) == 0 {
		return Done{Packages: []Step{}}, nil
	}
	var options []string
	if a.Repo != "" {
		options = append(options, "-r", a.Repo)
	}
	if a.Automatic {
		options = append(options, "-A")
	}
	if a.Force {
		options = append(options, "-f")
	}
	plan, known, err := foresee(ctx, h, op, a.Target, "install", append(options, wanted...))
	if err != nil {
		return Done{}, err
	}
	if known && len(plan.Steps) == 0 && len(missing(a.Names, found)) == 0 {
		return Done{Packages: []Step{}}, nil
	}
	if a.Refresh != nil && !*a.Refresh {
		options = append(options, "-U")
	}
	change := effect.Effect{
		Op: op, Kind: effect.Change, Env: yes,
		Argv: append(append(a.command("install", "-y"), options...), wanted...),
	}
	a.foretell(&change, wanted, plan, known)
	return act(ctx, h, change)
}

// foresee asks pkg what it would do, from the catalogue it has; known is false
// where it cannot tell, such as before the first catalogue was fetched. That
// there is no pkg at all is an error: the change would meet it, too.
func foresee(ctx context.Context, h effect.Doer, op string, t Target, verb string, words []string) (plan Plan, known bool, err error) {
	plan, err = planOf(ctx, h, op, t, verb, words)
	if notThere(err) {
		return Plan{}, false, err
	}
	return plan, err == nil, nil
}

// foretell declares what a change will write and leave. Without a plan only the
// named packages are sure; anything else may come along.
func (t Target) foretell(e *effect.Effect, wanted []string, plan Plan, known bool) {
	e.Writes = t.files()
	e.Leaves = map[effect.Resource]string{}
	if !known {
		e.Writes = append(e.Writes, t.company(), ready) // the first install brings pkg itself
		e.Leaves[t.company()] = leavesUnknown
	}
	for _, name := range wanted {
		e.Writes = append(e.Writes, t.one(name))
		e.Leaves[t.one(name)] = leavesUnknown
	}
	var note []string
	for _, s := range plan.Steps {
		left := s.Version
		switch s.Action {
		case "remove":
			left = leavesAbsent
		case "fetch", "locked":
			continue
		}
		e.Writes = append(e.Writes, t.one(s.Name))
		e.Leaves[t.one(s.Name)] = left
		for _, name := range wanted {
			if _, base, _ := strings.Cut(name, "/"); base == s.Name || name == s.Name+"-"+s.Version {
				e.Leaves[t.one(name)] = left
			}
		}
		note = append(note, s.String())
	}
	if !known {
		note = []string{strings.Join(wanted, " ") + ", and what they need"}
	}
	e.Diff = &effect.Diff{Path: "packages", Note: strings.Join(note, "; ")}
}

// String is a step as a person would say it.
func (s Step) String() string {
	if s.OldVersion != "" {
		return s.Action + " " + s.Name + " " + s.OldVersion + " -> " + s.Version
	}
	return s.Action + " " + s.Name + " " + s.Version
}

// upToDate are the texts of a pkg that found nothing to do.
var upToDate = []string{
	"The most recent versions of packages are already installed",
	"Your packages are up to date.",
	"Nothing to do.",
	"packages requested for removal: 0",
}

// act makes a change of packages and reads from its output what was done.
func act(ctx context.Context, h effect.Doer, e effect.Effect) (Done, error) {
	res, err := run(ctx, h, e)
	if err != nil {
		return Done{}, err
	}
	out, err := res.Text()
	if err != nil {
		if effect.KindOf(err) == effect.Unknown {
			return Done{Changed: true}, nil // check mode: Packages is declared as produced
		}
		return Done{}, err
	}
	plan := parsePlan(out)
	changed := len(plan.Steps) > 0
	if !changed {
		changed = true
		for _, text := range upToDate {
			changed = changed && !strings.Contains(out, text)
		}
	}
	return Done{Changed: changed, Packages: plan.Steps}, nil
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Names      []string `lua:"names,required" doc:"names, origins or names with versions"`
	Dependents bool     `lua:"dependents" doc:"also remove packages that need them; else that is an error"`
	Force      bool     `lua:"force" doc:"remove them alone, leaving what needs them broken (-f)"`
	Target     `lua:",inline"`
}

// Remove removes packages. It stops where others that need them would go too,
// unless that is asked for.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Done, error) {
	const op = "pkg.remove"
	if err := checkNames(op, a.Names); err != nil {
		return Done{}, err
	}
	if err := a.check(op); err != nil {
		return Done{}, err
	}
	found, err := present(ctx, h, op, a.Target, a.Names)
	if err != nil {
		return Done{}, err
	}
	var names, words []string
	if a.Force {
		words = append(words, "-f")
	}
	pending := false
	for _, name := range a.Names {
		if p, ok := found[name]; ok {
			names = append(names, name)
			pending = pending || p.pending
			if p.older {
				return Done{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s was installed by the tools before pkg(8)", name), hintOlder)
			}
		}
	}
	if len(names) == 0 {
		return Done{Packages: []Step{}}, nil
	}
	if pending {
		return Done{}, effect.ErrUnknown // what needs a package that is not there yet?
	}
	words = append(words, names...)
	plan, known, err := foresee(ctx, h, op, a.Target, "delete", words)
	if err != nil {
		return Done{}, err
	}
	if err := a.refuseOthers(op, plan, found); err != nil {
		return Done{}, err
	}
	change := effect.Effect{
		Op: op, Kind: effect.Change, Env: yes,
		Argv: append(a.command("delete", "-y"), words...),
	}
	a.foretell(&change, names, plan, known)
	for _, name := range names {
		change.Leaves[a.one(name)] = leavesAbsent
	}
	return act(ctx, h, change)
}

// refuseOthers stops a removal that would take more than was named.
func (a RemoveArgs) refuseOthers(op string, plan Plan, found map[string]presence) error {
	if a.Dependents || a.Force {
		return nil
	}
	named := map[string]bool{}
	for _, p := range found {
		named[p.name] = true
	}
	var others []string
	for _, s := range plan.Steps {
		if s.Action == "remove" && !named[s.Name] {
			others = append(others, s.Name)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return effect.WithHint(
		effect.Errorf(effect.Failed, op, "these packages need them and would be removed too: %s", strings.Join(others, ", ")),
		"dependents=true removes them as well")
}

// UpgradeArgs are the arguments of Upgrade.
type UpgradeArgs struct {
	Names    []string `lua:"names,pos" doc:"packages to upgrade, with what they need; default: all"`
	Force    bool     `lua:"force" doc:"reinstall what is up to date too (-f)"`
	Repo     string   `lua:"repo" doc:"take packages from this repository alone (-r)"`
	Refresh  *bool    `lua:"refresh" doc:"fetch the catalogue first; in check mode the plan is then unknown" default:"true"`
	Target   `lua:",inline"`
	Settings `lua:",inline"`
}

// Upgrade upgrades installed packages to what the repositories have.
func Upgrade(ctx context.Context, h effect.Doer, a UpgradeArgs) (Done, error) {
	const op = "pkg.upgrade"
	if len(a.Names) > 0 {
		if err := checkNames(op, a.Names); err != nil {
			return Done{}, err
		}
	}
	if err := a.check(op); err != nil {
		return Done{}, err
	}
	if err := a.apply(op, &a.Target); err != nil {
		return Done{}, err
	}
	if a.Refresh == nil || *a.Refresh {
		if _, err := Update(ctx, h, UpdateArgs{Repo: a.Repo, Target: a.Target, Settings: a.Settings}); err != nil {
			return Done{}, err
		}
	}
	var words []string
	if a.Force {
		words = append(words, "-f")
	}
	if a.Repo != "" {
		words = append(words, "-r", a.Repo)
	}
	words = append(words, a.Names...)
	plan, err := planOf(ctx, h, op, a.Target, "upgrade", words)
	if err != nil {
		return Done{}, err
	}
	if len(plan.Steps) == 0 {
		return Done{Packages: []Step{}}, nil
	}
	change := effect.Effect{
		Op: op, Kind: effect.Change, Env: yes,
		Argv: append(a.command("upgrade", "-y", "-U"), words...),
	}
	a.foretell(&change, nil, plan, true)
	return act(ctx, h, change)
}

// PlanArgs are the arguments of PlanFor.
type PlanArgs struct {
	Action   string   `lua:"action,required" doc:"what would be done" enum:"install|upgrade|remove|autoremove"`
	Names    []string `lua:"names,pos" doc:"the packages; none, for upgrade: all"`
	Repo     string   `lua:"repo" doc:"take packages from this repository alone (-r)"`
	Force    bool     `lua:"force" doc:"as with force=true: reinstall, or remove although others need it (-f)"`
	Target   `lua:",inline"`
	Settings `lua:",inline"`
}

// PlanFor tells what pkg would do, from the catalogue it has, and changes
// nothing.
func PlanFor(ctx context.Context, h effect.Doer, a PlanArgs) (Plan, error) {
	const op = "pkg.plan"
	if err := a.check(op); err != nil {
		return Plan{}, err
	}
	named := a.Action == "install" || a.Action == "remove"
	if a.Repo != "" && a.Action != "install" && a.Action != "upgrade" {
		return Plan{}, effect.Errorf(effect.Invalid, op, "repo= goes with install and upgrade")
	}
	if a.Action == "autoremove" && (a.Force || len(a.Names) > 0) {
		return Plan{}, effect.Errorf(effect.Invalid, op, "autoremove takes neither names nor force=")
	}
	if named || len(a.Names) > 0 {
		if err := checkNames(op, a.Names); err != nil {
			return Plan{}, err
		}
	}
	if err := a.apply(op, &a.Target); err != nil {
		return Plan{}, err
	}
	verb := a.Action
	if verb == "remove" {
		verb = "delete"
	}
	var words []string
	if a.Force {
		words = append(words, "-f")
	}
	if a.Repo != "" {
		words = append(words, "-r", a.Repo)
	}
	return planOf(ctx, h, op, a.Target, verb, append(words, a.Names...))
}

// planOf is foresee for those who cannot go on without.
func planOf(ctx context.Context, h effect.Doer, op string, t Target, verb string, words []string) (Plan, error) {
	options := []string{verb, "-n"}
	if verb == "install" || verb == "upgrade" {
		options = append(options, "-U")
	}
	e := effect.Effect{
		Op: op, Kind: effect.Read,
		Argv:  append(t.command(options...), words...),
		Want:  []int{0, 1}, // 1: there is something to do, in some releases
		Reads: append(t.catalogue(), t.reads()...),
	}
	res, err := run(ctx, h, e)
	if err != nil {
		return Plan{}, err
	}
	out, err := res.Text()
	if err != nil {
		return Plan{}, err
	}
	plan := parsePlan(out)
	if res.Code != 0 && len(plan.Steps) == 0 {
		return Plan{}, explain(&effect.Error{
			Op: op, Kind: effect.Failed, Code: res.Code, Command: strings.Join(e.Argv, " "),
			Out: string(res.Stdout.Tail(4096)), Err: string(res.Stderr.Tail(4096)),
		})
	}
	return plan, nil
}
