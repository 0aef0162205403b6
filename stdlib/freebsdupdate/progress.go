package freebsdupdate

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
)

// The phases of an update, as the tool's state files tell them.
const (
	phaseNone       = "none"
	phaseFetched    = "fetched"
	phaseUpgrade    = "upgrade_fetched"
	phaseKernelDone = "kernel_done"
	phaseWorldDone  = "world_done"
)

// ProgressArgs say which system is meant.
type ProgressArgs struct {
	Place `lua:",inline"`
}

// Progress tells how far an update is.
type Progress struct {
	Phase    string `lua:"phase" doc:"none, fetched, upgrade_fetched, kernel_done or world_done" enum:"none|fetched|upgrade_fetched|kernel_done|world_done"`
	From     string `lua:"from,omitempty" doc:"release that is upgraded, where upgrade of this module fetched it"`
	To       string `lua:"to,omitempty" doc:"release that is upgraded to, or patched; without its patch level"`
	Patch    int    `lua:"patch" doc:"patch level that install leads to"`
	Merges   bool   `lua:"merges" doc:"texts are put aside for merge"`
	Rollback bool   `lua:"rollback" doc:"there is something that rollback would uninstall"`
	Damaged  bool   `lua:"damaged" doc:"the state files are incomplete; upgrade or fetch again"`

	tagRelease   string // of what was fetched last, prepared or not
	tagPatch     int
	stamp        string // names what is prepared: another fetch, another stamp
	pass         string // stamp, and what of it is done
	rollback     string // names what rollback would uninstall
	boot         bool   // what is prepared has files below /boot
	rollbackBoot bool   // what rollback would uninstall has
}

// pending tells whether install has something to do.
func (p Progress) pending() bool { return p.Phase != phaseNone }

// upgrading tells whether the update leads to another release.
func (p Progress) upgrading() bool { return p.pending() && p.Phase != phaseFetched }

// ReadProgress tells from the state files how far an update is.
func ReadProgress(ctx context.Context, h effect.Doer, a ProgressArgs) (Progress, error) {
	const op = "freebsd_update.progress"
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return Progress{}, err
	}
	return t.progress(ctx, h, op)
}

// UpdatesReady tells whether something is prepared for install.
func UpdatesReady(ctx context.Context, h effect.Doer, a ProgressArgs) (bool, error) {
	const op = "freebsd_update.updates_ready"
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return false, err
	}
	p, err := t.progress(ctx, h, op)
	return p.pending(), err
}

// stateScript prints the names of the state files that are there, and the last
// tag that the tool has verified.
const stateScript = `[ -d "$1" ] || exit 0
if ! [ -x "$1" ] || ! [ -r "$1" ]; then echo denied; exit 0; fi
cd "$1" || exit 1
for l in install rollback; do [ -L "$2-$l" ] || continue
echo "$l $(readlink "$2-$l")"
if grep -q "^/boot/" "$2-$l/INDEX-OLD" "$2-$l/INDEX-NEW" 2>/dev/null; then echo "$l-boot"; fi
done
if [ -L "$2-install" ]; then for f in INDEX-OLD INDEX-NEW ` + passFlags + `; do
if [ -f "$2-install/$f" ]; then echo "$f"; fi
done; fi
if [ -f tag ]; then echo "tag $(cat tag)"; fi
if [ -f "$3" ]; then echo plan; cat "$3"; fi`

func (t target) progress(ctx context.Context, h effect.Doer, op string) (Progress, error) {
	res, err := h.Do(ctx, t.question(op))
	if err != nil {
		return Progress{}, err
	}
	return progressOf(op, res)
}

// question asks for the state files.
func (t target) question(op string) effect.Effect {
	return effect.Effect{
		Op: op, Kind: effect.Read, Title: "look at " + t.work,
		Argv:  []string{"sh", "-c", stateScript, "sh", t.work, t.hash, t.stage(planName)},
		Reads: []effect.Resource{t.state()},
	}
}

// noted is the progress as it was when a run came by here first. A resumed run
// must not see what has become of it since: it would take the pass that it has
// begun for made, and begin the next. So it is asked for as a Change, though one
// of nothing, whose answer the journal keeps.
func (t target) noted(ctx context.Context, h effect.Doer, op string) (p Progress, before bool, err error) {
	e := t.question(op)
	e.Kind, e.Writes = effect.Change, effect.Nothing
	res, err := h.Do(ctx, e)
	if err != nil {
		return Progress{}, false, err
	}
	if res.Skipped {
		p, err = t.progress(ctx, h, op)
		return p, false, err
	}
	p, err = progressOf(op, res)
	return p, res.Recorded, err
}

func progressOf(op string, res effect.Result) (Progress, error) {
	out, err := res.Text()
	if err != nil {
		return Progress{}, err
	}
	return parseState(op, out)
}

// parseState reads what stateScript prints.
func parseState(op, out string) (Progress, error) {
	p := Progress{Phase: phaseNone}
	listing, planText, planned := strings.Cut(out, "\nplan\n")
	have := map[string]bool{}
	for line := range strings.Lines(listing) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		have[word] = true
		switch word {
		case "tag":
			p.tagRelease, p.tagPatch = parseTag(rest)
			p.To, p.Patch = p.tagRelease, p.tagPatch
		case "install":
			p.stamp, p.pass = rest, rest
		case "kernelfirst", "kerneldone", "worlddone":
			p.pass += " " + word
		case "rollback":
			p.rollback = rest
		}
	}
	if have["denied"] {
		return p, effect.WithHint(effect.Errorf(effect.Denied, op, "only root may look at freebsd-update's state"), "run as root: -b, or h:as(\"root\")")
	}
	p.Rollback, p.boot, p.rollbackBoot = have["rollback"], have["install-boot"], have["rollback-boot"]
	if have["install"] {
		p.Phase = phaseOf(have)
		p.Damaged = !have["INDEX-OLD"] || !have["INDEX-NEW"]
	}
	var plan Plan
	if planned {
		var err error
		if plan, err = parsePlan([]byte(planText)); err != nil {
			return p, effect.Errorf(effect.Failed, op, "the plan of the upgrade: %s", err)
		}
		p.Merges = !plan.Merged && len(plan.Files) > 0
	}
	switch {
	case !p.pending():
		p.To, p.Patch = "", 0
	case p.upgrading() && plan.To != "":
		if p.To != plan.To {
			p.Patch = 0 // the tag is of something fetched since
		}
		p.From, p.To = plan.From, plan.To
	}
	return p, nil
}

// phaseOf goes by the flags that the tool leaves beside its indexes. Without
// kernelfirst these are patches, which know no phases.
func phaseOf(have map[string]bool) string {
	switch {
	case !have["kernelfirst"]:
		return phaseFetched
	case have["worlddone"]:
		return phaseWorldDone
	case have["kerneldone"]:
		return phaseKernelDone
	default:
		return phaseUpgrade
	}
}
