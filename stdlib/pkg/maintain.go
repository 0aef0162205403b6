package pkg

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// UpdateArgs are the arguments of Update.
type UpdateArgs struct {
	Force    bool   `lua:"force" doc:"fetch the whole catalogue even if it looks current (-f)"`
	Repo     string `lua:"repo" doc:"this repository alone (-r)"`
	Target   `lua:",inline"`
	Settings `lua:",inline"`
}

// Updated is what Update came to.
type Updated struct {
	Changed      bool     `lua:"changed" doc:"a catalogue was newer"`
	Repositories []string `lua:"repositories,produced" doc:"repositories whose catalogue was newer"`
}

var updatedForm = lazyregexp.New(`(?m)^(\S+) repository update completed`)

// Update fetches the repositories' catalogues.
func Update(ctx context.Context, h effect.Doer, a UpdateArgs) (Updated, error) {
	const op = "pkg.update"
	if err := a.check(op); err != nil {
		return Updated{}, err
	}
	if err := a.apply(op, &a.Target); err != nil {
		return Updated{}, err
	}
	argv := a.command("update")
	if a.Force {
		argv = append(argv, "-f")
	}
	if a.Repo != "" {
		argv = append(argv, "-r", a.Repo)
	}
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Argv: argv, Env: yes,
		Writes: a.catalogue()[:1],
		Diff:   &effect.Diff{Path: "package catalogue", Note: "fetch what is newer"},
	})
	if err != nil {
		return Updated{}, err
	}
	out, err := res.Text()
	if effect.KindOf(err) == effect.Unknown {
		return Updated{Changed: true}, nil
	}
	if err != nil {
		return Updated{}, err
	}
	done := Updated{Repositories: []string{}}
	for _, m := range updatedForm.FindAllStringSubmatch(out, -1) {
		done.Repositories = append(done.Repositories, m[1])
	}
	done.Changed = len(done.Repositories) > 0
	return done, nil
}

// Autoremove removes packages that came as dependencies and that nothing needs
// any more.
func Autoremove(ctx context.Context, h effect.Doer, t Target) (Done, error) {
	const op = "pkg.autoremove"
	if err := t.check(op); err != nil {
		return Done{}, err
	}
	plan, err := planOf(ctx, h, op, t, "autoremove", nil)
	if err != nil {
		return Done{}, err
	}
	if len(plan.Steps) == 0 {
		return Done{Packages: []Step{}}, nil
	}
	e := effect.Effect{Op: op, Kind: effect.Change, Env: yes, Argv: t.command("autoremove", "-y")}
	t.foretell(&e, nil, plan, true)
	return act(ctx, h, e)
}

// CleanArgs are the arguments of Clean.
type CleanArgs struct {
	All    bool `lua:"all" doc:"empty the cache instead of keeping what is current (-a)"`
	Target `lua:",inline"`
}

// Cleaned is what Clean came to.
type Cleaned struct {
	Changed bool  `lua:"changed" doc:"files were removed from the cache"`
	Freed   int64 `lua:"freed,produced" doc:"freed space, rounded as pkg prints it" unit:"bytes"`
}

var freedForm = lazyregexp.New(`(?m)will be freed[: ]+(\S+ ?\S*)|will free (\S+ ?[A-Za-z]*)`)

// Clean removes old packages from pkg's cache of fetched files.
func Clean(ctx context.Context, h effect.Doer, a CleanArgs) (Cleaned, error) {
	const op = "pkg.clean"
	if err := a.check(op); err != nil {
		return Cleaned{}, err
	}
	var words []string
	if a.All {
		words = append(words, "-a")
	}
	cache := effect.Tree(strings.TrimSuffix(a.Rootdir, "/") + "/var/cache/pkg")
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: append(a.command("clean", "-n"), words...),
		Want: []int{0, 1}, Reads: append(a.catalogue(), cache),
	})
	if err != nil {
		return Cleaned{}, err
	}
	out, err := res.Text()
	if err != nil {
		return Cleaned{}, err
	}
	// Without a catalogue it says so on the other stream.
	const nothing = "Nothing to do"
	if strings.Contains(out, nothing) || strings.Contains(string(res.Stderr.Tail(4096)), nothing) {
		return Cleaned{}, nil
	}
	e := effect.Effect{
		Op: op, Kind: effect.Change, Env: yes, Argv: append(a.command("clean", "-y"), words...),
		Writes: []effect.Resource{cache},
		Diff:   &effect.Diff{Path: string(cache), Note: "remove fetched packages"},
	}
	if _, err := run(ctx, h, e); err != nil {
		return Cleaned{}, err
	}
	done := Cleaned{Changed: true}
	if m := freedForm.FindStringSubmatch(out); m != nil {
		done.Freed = parseSize(m[1] + m[2])
	}
	return done, nil
}

// NamesArgs names packages.
type NamesArgs struct {
	Names  []string `lua:"names,required" doc:"names, origins or names with versions"`
	Target `lua:",inline"`
}

// Locked is what Lock and Unlock came to.
type Locked struct {
	Changed  bool     `lua:"changed" doc:"a lock was set or taken away"`
	Packages []string `lua:"packages" doc:"names of the packages whose lock changed"`
}

// Lock protects packages against changes.
func Lock(ctx context.Context, h effect.Doer, a NamesArgs) (Locked, error) {
	return lock(ctx, h, "pkg.lock", "lock", "1", a)
}

// Unlock lets packages be changed again.
func Unlock(ctx context.Context, h effect.Doer, a NamesArgs) (Locked, error) {
	return lock(ctx, h, "pkg.unlock", "unlock", "0", a)
}

// lock changes the locks that differ; pkg-lock(8) takes one name at a time.
func lock(ctx context.Context, h effect.Doer, op, verb, want string, a NamesArgs) (Locked, error) {
	if err := checkNames(op, a.Names); err != nil {
		return Locked{}, err
	}
	if err := a.check(op); err != nil {
		return Locked{}, err
	}
	done := Locked{Packages: []string{}}
	var todo []string
	for _, name := range a.Names {
		state, err := lockState(ctx, h, op, a.Target, name)
		if err != nil {
			return Locked{}, err
		}
		if state != want {
			todo = append(todo, name)
		}
	}
	for _, name := range todo {
		_, err := run(ctx, h, effect.Effect{
			Op: op, Kind: effect.Change, Argv: a.command(verb, "-y", name), Env: yes,
			Writes: []effect.Resource{lockOf(a.Target, name)},
			Leaves: map[effect.Resource]string{lockOf(a.Target, name): want},
			Diff:   &effect.Diff{Path: "package " + name, Note: verb},
		})
		if err != nil {
			return done, err
		}
		done.Changed = true
		done.Packages = append(done.Packages, name)
	}
	return done, nil
}

func lockOf(t Target, name string) effect.Resource {
	return effect.Resource(t.scheme() + " lock:" + name)
}

// lockState is "1" or "0" as pkg query's %k prints it.
func lockState(ctx context.Context, h effect.Doer, op string, t Target, name string) (string, error) {
	e := effect.Effect{
		Op: op, Kind: effect.Read, Argv: t.command("query", "%k", name), Want: []int{0, 1, noPackages},
		Reads: append(t.reads(name), lockOf(t, name)),
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			state, ok := leaves[lockOf(t, name)]
			if left, installed := leaves[t.one(name)]; !ok && installed && left != leavesAbsent {
				state, ok = "0", true // what was just installed is not locked
			}
			return effect.Result{Stdout: effect.OutputOf([]byte(state))}, ok
		},
	}
	res, err := run(ctx, h, e)
	if err != nil {
		return "", err
	}
	line, err := res.Line()
	if err != nil {
		return "", err
	}
	if line == "" {
		if err := queryFailure(op, e.Argv, res); err != nil {
			return "", err
		}
		return "", effect.Errorf(effect.Missing, op, "the package %s is not installed", name)
	}
	return line, nil
}

// BootstrapArgs are the arguments of Bootstrap.
type BootstrapArgs struct {
	Force    bool   `lua:"force" doc:"fetch and install pkg again even if it works (-f), as after an upgrade of the system"`
	Repo     string `lua:"repo" doc:"from this repository (-r); releases before 13 know no such option"`
	Settings `lua:",inline"`
}

// Bootstrapped is what Bootstrap came to.
type Bootstrapped struct {
	Changed bool `lua:"changed" doc:"pkg itself was installed"`
}

// Bootstrap installs pkg itself where it is not installed yet.
func Bootstrap(ctx context.Context, h effect.Doer, a BootstrapArgs) (Bootstrapped, error) {
	const op = "pkg.bootstrap"
	var settings Target
	if err := a.apply(op, &settings); err != nil {
		return Bootstrapped{}, err
	}
	if !a.Force {
		works, err := itself(ctx, h)
		if err != nil || works {
			return Bootstrapped{}, err
		}
	}
	argv := []string{"pkg", "bootstrap"}
	if a.Force {
		argv = append(argv, "-f")
	}
	if a.Repo != "" {
		argv = append(argv, "-r", a.Repo)
	}
	env := slices.Clone(yes)
	for _, word := range settings.settings {
		if word != "-o" {
			env = append(env, word) // the stub, pkg(7), takes them from its environment
		}
	}
	e := effect.Effect{
		Op: op, Kind: effect.Change, Argv: argv, Env: env,
		Writes: append(Target{}.files(), Target{}.one("pkg"), ready),
		Leaves: map[effect.Resource]string{Target{}.one("pkg"): leavesUnknown, ready: "yes"},
		Diff:   &effect.Diff{Path: "packages", Note: "install pkg itself"},
	}
	_, err := run(ctx, h, e)
	return Bootstrapped{Changed: err == nil}, err
}

// ready is the resource that says whether pkg works.
const ready effect.Resource = "pkg itself"

// noSuchProgram is sh's exit code for a program that is not there: releases before
// 8.4 have no pkg(7) either.
const noSuchProgram = 127

// Ready tells whether pkg itself is installed and works; it never installs it.
func Ready(ctx context.Context, h effect.Doer) (bool, error) {
	ready, err := itself(ctx, h)
	if notThere(err) {
		return false, nil
	}
	return ready, err
}

// itself is Ready for those to whom it matters whether there is a pkg at all.
func itself(ctx context.Context, h effect.Doer) (bool, error) {
	res, err := run(ctx, h, effect.Effect{
		Op: "pkg.bootstrap", Kind: effect.Read, Argv: []string{"pkg", "-N"}, Want: []int{0, 1},
		Reads: []effect.Resource{Target{}.one("pkg"), ready},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			return effect.Result{}, leaves[ready] == "yes"
		},
	})
	if err != nil {
		return false, err
	}
	if res.Skipped {
		return false, effect.ErrUnknown
	}
	return res.Code == 0, nil
}
