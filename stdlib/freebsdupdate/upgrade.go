package freebsdupdate

import (
	"context"
	"fmt"
	"slices"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

// UpgradeArgs are the arguments of Upgrade.
type UpgradeArgs struct {
	To     string   `lua:"to,required" doc:"release: 14.3-RELEASE; 14.3 means the same"`
	Merge  string   `lua:"merge" doc:"whose lines merge takes where both sides changed them, unless it is told otherwise" default:"keep" enum:"keep|take|script"`
	Editor []string `lua:"editor" doc:"command on the host for merge=\"script\"; it is given four paths: local, old, new, result"`
	Place  `lua:",inline"`
	Source `lua:",inline"`
}

// Candidate is a file with local changes that differs between the releases.
type Candidate struct {
	Path string `lua:"path"`
	What string `lua:"what" doc:"changed: in both; added: only the new release has it, and it was there; removed: the new release has it no more" enum:"changed|added|removed"`
}

// Upgraded is what upgrade came to.
type Upgraded struct {
	Changed    bool           `lua:"changed" doc:"the upgrade was, or in check mode would be, fetched"`
	From       string         `lua:"from" doc:"release that is upgraded"`
	To         string         `lua:"to" doc:"release that install leads to"`
	Adopted    bool           `lua:"adopted" doc:"the same upgrade had been fetched before"`
	Done       bool           `lua:"done" doc:"the system has this release already: there is nothing to upgrade"`
	Components []string       `lua:"components,produced" doc:"parts of the system that are upgraded"`
	Merges     []Candidate    `lua:"merges,produced" doc:"files with local changes that merge will look at"`
	Modules    []KernelModule `lua:"modules,produced" doc:"kernel modules of packages, which the new kernel may not load before they are renewed (told from 14 on)"`
	Warnings   []string       `lua:"warnings,produced" doc:"what the tool warned of, and what this module does of itself"`
	Lists      `lua:",inline"`
}

// Upgrade fetches all that the upgrade to another release needs.
//
// The tool would ask in three places, each of which is avoided:
//   - which components are installed: found out beforehand, in the same way, and
//     given as StrictComponents;
//   - the lists of files: PAGER is cat;
//   - merges in /etc. In all versions these are confirmed on /dev/tty, and since
//     14 a conflict that nobody resolves there is asked for again for ever. So
//     MergeChanges is empty, and what it covered is added to UpdateIfUnmodified:
//     the tool then installs the new text of files that have no local changes and
//     leaves the others alone. For those it fetches neither text, nor does it keep
//     the index of the old release; both are put aside here, for Merge, by the
//     hashes of the signed indexes.
func Upgrade(ctx context.Context, h effect.Doer, a UpgradeArgs) (Upgraded, error) {
	const op = "freebsd_update.upgrade"
	if err := a.check(op); err != nil {
		return Upgraded{}, err
	}
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return Upgraded{}, err
	}
	u := upgrading{target: t, h: h, op: op, args: a, result: Upgraded{To: releaseName(a.To), From: releaseName(a.CurrentlyRunning)}}
	settled, err := u.settled(ctx)
	if err != nil || settled {
		return u.result, err
	}
	err = u.fetch(ctx)
	return u.result, err
}

func (a UpgradeArgs) check(op string) error {
	if err := a.Source.check(op); err != nil {
		return err
	}
	if !releaseForm.MatchString(a.To) || a.To != withoutPatch(a.To) {
		return effect.WithHint(effect.Errorf(effect.Invalid, op, "%q is no release such as \"14.3-RELEASE\"", a.To),
			"patch levels come by themselves")
	}
	return checkPolicy(op, a.Merge, a.Editor)
}

// upgrading is an Upgrade under way.
type upgrading struct {
	target
	h      effect.Doer
	op     string
	args   UpgradeArgs
	can    features
	before Progress
	result Upgraded
}

// settled tells whether nothing is to be fetched: the system has the release, or
// the upgrade is prepared already. It refuses where another one is half done.
func (u *upgrading) settled(ctx context.Context) (bool, error) {
	now, _, err := u.noted(ctx, u.h, u.op)
	if err != nil {
		return false, err
	}
	u.before = now
	switch {
	case now.upgrading() && now.To == u.result.To && !now.Damaged:
		u.result.Adopted = true
		return true, u.adopt(ctx)
	case now.Phase == phaseKernelDone || now.Phase == phaseWorldDone:
		return false, effect.WithHint(
			effect.Errorf(effect.Failed, u.op, "an upgrade to %s is half done (%s)", now.To, now.Phase),
			"h.freebsd_update.install() goes on with it; h.freebsd_update.rollback() or a boot environment goes back")
	case now.upgrading():
		u.warn("what was fetched for %s is forgotten", now.To)
	}
	if now.Phase == phaseFetched {
		u.warn("patches that were fetched and not installed are forgotten")
	}
	if u.result.From != "" || !u.isHost() {
		return false, nil
	}
	facts, err := host.GetFacts(ctx, u.h)
	if err != nil {
		return false, err
	}
	kernel, userland := withoutPatch(facts.Version), withoutPatch(facts.Userland)
	u.result.From = kernel // what the tool goes by
	if kernel == u.result.To && (userland == "" || userland == u.result.To) {
		u.result.Done = true
		u.produceNothing()
		return true, nil
	}
	if userland != "" && userland != kernel {
		u.warn("kernel and userland are of different releases: %s and %s", kernel, userland)
	}
	return false, nil
}

func (u *upgrading) warn(format string, args ...any) {
	u.result.Warnings = append(u.result.Warnings, fmt.Sprintf(format, args...))
}

// produceNothing says that there is nothing of what only a fetch tells.
func (u *upgrading) produceNothing() {
	r := parseReport("")
	u.result.Lists, u.result.Modules = r.lists, r.modules
	u.result.Components, u.result.Merges = []string{}, []Candidate{}
}

// adopt takes over an upgrade that is prepared.
func (u *upgrading) adopt(ctx context.Context) error {
	u.produceNothing()
	var err error
	if u.result.Lists, err = u.prepared(ctx); err != nil {
		return err
	}
	plan, there, err := u.readPlan(ctx, u.h, u.op)
	if err != nil {
		return err
	}
	if !there || plan.To != u.result.To {
		u.warn("the upgrade was not fetched by bsdrun: there is nothing for merge to do")
		return nil
	}
	u.result.From, u.result.Components = plan.From, plan.Components
	if !plan.Ready {
		return u.putAside(ctx)
	}
	u.result.Merges = plan.candidates()
	return nil
}

// fetch prepares the upgrade. In check mode it ends at the first job.
func (u *upgrading) fetch(ctx context.Context) error {
	var err error
	if u.can, err = probe(ctx, u.h, u.op); err != nil {
		return err
	}
	u.result.Changed = true
	known, err := u.lookAround(ctx)
	if err != nil || !known {
		return err
	}
	o, err := u.fetchUpgrade(ctx)
	if err != nil || o == nil {
		return err
	}
	r := parseReport(o.out)
	u.result.Lists, u.result.Modules = r.lists, r.modules
	u.result.Warnings = append(u.result.Warnings, r.warnings...)
	now, err := u.progress(ctx, u.h, u.op)
	if err != nil {
		return err
	}
	if now.Phase != phaseUpgrade || now.tagRelease != u.result.To {
		return &effect.Error{Op: u.op, Kind: effect.Failed, Message: "freebsd-update came to its end and has prepared nothing", Out: tail(o.out)}
	}
	return u.putAside(ctx)
}

// lookAround finds out what release the system has, and which of its parts, and
// keeps its index. It is false where check mode skipped it.
func (u *upgrading) lookAround(ctx context.Context) (bool, error) {
	goesOn, err := u.goesOn(ctx)
	if err != nil || goesOn {
		return goesOn, err
	}
	known, err := u.fetchOldIndex(ctx)
	if err != nil || !known {
		return false, err
	}
	if u.result.Components, err = u.components(ctx); err != nil {
		return false, err
	}
	// Should the run end before the texts are put aside, the next goes on here.
	return true, u.writePlan(ctx, u.h, u.op, u.plan())
}

// goesOn tells whether a former call was cut off when the tool had turned to the
// new release already, so that the old one's index is in the stage alone.
func (u *upgrading) goesOn(ctx context.Context) (bool, error) {
	if u.before.tagRelease != u.result.To {
		return false, nil
	}
	plan, there, err := u.readPlan(ctx, u.h, u.op)
	if err != nil || !there || plan.To != u.result.To || plan.Ready || u.result.From != "" && plan.From != u.result.From {
		return false, err
	}
	u.result.From, u.result.Components = plan.From, plan.Components
	return true, nil
}

func (u *upgrading) fetchUpgrade(ctx context.Context) (*outcome, error) {
	settings := u.args.settings()
	settings["Components"] = u.result.Components
	settings["StrictComponents"] = []string{"yes"}
	settings["MergeChanges"] = nil
	settings["UpdateIfUnmodified"] = append(slices.Clone(u.conf.UpdateIfUnmodified), missingFrom(u.conf.UpdateIfUnmodified, u.conf.mergePaths())...)
	c, err := u.prepare(ctx, u.h, u.op, "upgrade", u.can, u.args.Source, settings)
	if err != nil {
		return nil, err
	}
	c.options = append(c.options, "-r", u.result.To)
	c.title += " to " + u.result.To
	return u.run(ctx, u.h, u.effectOf(c), c)
}

// plan is what merge is to know, but for the files.
func (u *upgrading) plan() Plan {
	return Plan{
		From: u.result.From, To: u.result.To, Components: u.result.Components,
		Policy: u.args.Merge, Editor: u.args.Editor, Files: []PlanFile{},
	}
}

// prepared lists what an upgrade touches by its manifests. What was changed locally,
// and is left alone, is not in them.
func (u *upgrading) prepared(ctx context.Context) (Lists, error) {
	manifests := [2]map[string]bool{}
	for i, name := range []string{"INDEX-OLD", "INDEX-NEW"} {
		text, err := u.read(ctx, "cat", u.work+"/"+u.hash+"-install/"+name)
		if err != nil {
			return Lists{}, err
		}
		entries, err := parseManifest(text)
		if err != nil {
			return Lists{}, effect.Errorf(effect.Failed, u.op, "%s: %s", name, err)
		}
		manifests[i] = map[string]bool{}
		for _, e := range entries {
			manifests[i][e.path] = true
		}
	}
	lists := Lists{Added: []string{}, Updated: []string{}, Removed: []string{}, Kept: []string{}}
	before, after := manifests[0], manifests[1]
	for _, path := range sortedKeys(before) {
		if after[path] {
			lists.Updated = append(lists.Updated, path)
		} else {
			lists.Removed = append(lists.Removed, path)
		}
	}
	for _, path := range sortedKeys(after) {
		if !before[path] {
			lists.Added = append(lists.Added, path)
		}
	}
	return lists, nil
}

func missingFrom(list, wanted []string) []string {
	var out []string
	for _, w := range wanted {
		if !slices.Contains(list, w) {
			out = append(out, w)
		}
	}
	return out
}
