package bectl

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Changed tells whether something was changed.
type Changed struct {
	Changed bool `lua:"changed" doc:"something is, or in check mode would be, different now"`
}

// apply runs a change.
func apply(ctx context.Context, h effect.Doer, e effect.Effect) (Changed, error) {
	_, err := do(ctx, h, e)
	return Changed{Changed: err == nil}, err
}

// CreateArgs are the arguments of Create.
type CreateArgs struct {
	Name      string `lua:"name,required" doc:"name of the new environment"`
	From      string `lua:"from" doc:"the environment, or ENVIRONMENT@SNAPSHOT, to make it of; default: the one that runs"`
	Recursive bool   `lua:"recursive" doc:"with the datasets below, where environments have some (-r)"`
}

// Create makes an environment.
func Create(ctx context.Context, h effect.Doer, a CreateArgs) (Changed, error) {
	const op = "bectl.create"
	if err := checkName(op, a.Name); err != nil {
		return Changed{}, err
	}
	words, note := []string{"create"}, "create "+a.Name
	if a.Recursive {
		words = append(words, "-r")
	}
	if a.From != "" {
		be, snapshot, isSnapshot := strings.Cut(a.From, "@")
		if !nameForm.MatchString(be) || isSnapshot && !nameForm.MatchString(snapshot) {
			return Changed{}, effect.Errorf(effect.Invalid, op, "%q is neither an environment nor a snapshot of one", a.From)
		}
		words, note = append(words, "-e", a.From), note+" of "+a.From
	}
	_, there, err := find(ctx, h, op, a.Name)
	if err != nil || there {
		return Changed{}, err
	}
	return apply(ctx, h, change(command(op, effect.Change, append(words, a.Name)...), note, map[effect.Resource]string{resource(a.Name): present}))
}

// ActivateArgs are the arguments of Activate.
type ActivateArgs struct {
	Name      string `lua:"name,required" doc:"the environment"`
	Temporary bool   `lua:"temporary" doc:"for the next boot alone: should it fail, the boot after it starts the one that is active (-t)"`
}

// Activate makes an environment the one that boots.
func Activate(ctx context.Context, h effect.Doer, a ActivateArgs) (Changed, error) {
	const op = "bectl.activate"
	which := active
	if a.Temporary {
		which = once
	}
	be, err := need(ctx, h, op, a.Name, which)
	if err != nil || a.Temporary && be.Once || !a.Temporary && be.Next {
		return Changed{}, err
	}
	words, note := []string{"activate"}, "boot "+a.Name
	if a.Temporary {
		words, note = append(words, "-t"), note+" once"
	}
	e := change(command(op, effect.Change, append(words, a.Name)...), note, map[effect.Resource]string{which: a.Name})
	e.Risk, e.Note = effect.Disruptive, "the machine boots "+a.Name+" next"
	return apply(ctx, h, e)
}

// RenameArgs are the arguments of Rename.
type RenameArgs struct {
	From string `lua:"from,required" doc:"the environment"`
	To   string `lua:"to,required" doc:"its new name"`
}

// Rename renames an environment.
func Rename(ctx context.Context, h effect.Doer, a RenameArgs) (Changed, error) {
	const op = "bectl.rename"
	for _, name := range []string{a.From, a.To} {
		if err := checkName(op, name); err != nil {
			return Changed{}, err
		}
	}
	if a.From == a.To {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%s has that name already", a.From)
	}
	_, hasOld, err := find(ctx, h, op, a.From)
	if err != nil {
		return Changed{}, err
	}
	_, hasNew, err := find(ctx, h, op, a.To)
	switch {
	case err != nil:
		return Changed{}, err
	case hasOld && hasNew:
		return Changed{}, effect.Errorf(effect.Failed, op, "%s and %s are both there", a.From, a.To)
	case hasNew:
		return Changed{}, nil
	case !hasOld:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Missing, op, "there is no boot environment %s", a.From), "h.bectl.list shows those there are")
	}
	e := change(command(op, effect.Change, "rename", a.From, a.To), "rename "+a.From+" to "+a.To,
		map[effect.Resource]string{resource(a.From): absent, resource(a.To): present})
	e.Writes = append(e.Writes, active, once) // by name
	res, err := do(ctx, h, e)
	if err != nil {
		return Changed{}, err
	}
	// Up to 14 it exits with 0 whatever happened.
	if said := string(res.Stderr.Tail(4 << 10)); strings.Contains(said, "Failed to rename") {
		err, _ := effect.Explain(&effect.Error{Op: op, Kind: effect.Failed, Code: 1, Command: "bectl rename " + a.From + " " + a.To, Err: said}, rules)
		return Changed{}, err
	}
	return Changed{Changed: true}, nil
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Name   string `lua:"name,required" doc:"the environment"`
	Force  bool   `lua:"force" doc:"also one that is mounted (-F)"`
	Origin bool   `lua:"origin" doc:"with the snapshot it was made of (-o); from 12.2 on those that bectl took itself always go"`
}

// Remove destroys an environment.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Changed, error) {
	const op = "bectl.remove"
	if err := checkName(op, a.Name); err != nil {
		return Changed{}, err
	}
	be, ok, err := find(ctx, h, op, a.Name, active, once)
	switch {
	case err != nil || !ok:
		return Changed{}, err
	case be.Running:
		return Changed{}, effect.Errorf(effect.Failed, op, "%s is what runs", a.Name)
	case be.spared():
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is what the next boot starts", a.Name), "activate another one first")
	case be.Mountpoint != "" && !a.Force:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is mounted on %s", a.Name, be.Mountpoint), "unmount it first, or set force")
	}
	return apply(ctx, h, destroy(op, a))
}

func destroy(op string, a RemoveArgs) effect.Effect {
	words := []string{"destroy"}
	if a.Force {
		words = append(words, "-F")
	}
	if a.Origin {
		words = append(words, "-o")
	}
	e := change(command(op, effect.Change, append(words, a.Name)...), "destroy "+a.Name, map[effect.Resource]string{resource(a.Name): absent})
	e.Risk, e.Note = effect.Irreversible, "what "+a.Name+" holds is gone"
	return e
}

// PruneArgs are the arguments of Prune.
type PruneArgs struct {
	Keep      int           `lua:"keep" doc:"so many of the newest stay" default:"0"`
	OlderThan time.Duration `lua:"older_than" doc:"only those made longer ago than this" unit:"seconds"`
	Pattern   string        `lua:"pattern" doc:"only names that match, with * and ? as in the shell"`
}

// Pruned is what Prune came to.
type Pruned struct {
	Changed bool     `lua:"changed" doc:"some were, or in check mode would be, destroyed"`
	Removed []string `lua:"removed" doc:"those destroyed, the oldest first"`
	Kept    []string `lua:"kept" doc:"those of the pattern that stay"`
}

// Prune destroys old environments.
func Prune(ctx context.Context, h effect.Doer, a PruneArgs) (Pruned, error) {
	const op = "bectl.prune"
	done := Pruned{Removed: []string{}, Kept: []string{}}
	if a.Keep < 0 || a.OlderThan < 0 || a.Keep == 0 && a.OlderThan == 0 {
		return done, effect.Errorf(effect.Invalid, op, "say which go: how many to keep, how old the others are, or both")
	}
	if _, err := path.Match(a.Pattern, ""); err != nil {
		return done, effect.Errorf(effect.Invalid, op, "%q is no pattern", a.Pattern)
	}
	all, err := list(ctx, h, op)
	if err != nil {
		return done, err
	}
	old, kept := a.split(all, clock.Now(ctx))
	done.Kept = kept
	for _, name := range old {
		if _, err := apply(ctx, h, destroy(op, RemoveArgs{Name: name})); err != nil {
			return done, err
		}
		done.Changed, done.Removed = true, append(done.Removed, name)
	}
	return done, nil
}

// split tells what goes, the oldest first, and what of the pattern stays.
func (a PruneArgs) split(all []Environment, now time.Time) (old, kept []string) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y Environment) int {
		return cmp.Or(y.Created.Compare(x.Created), strings.Compare(y.Name, x.Name))
	})
	old, kept = []string{}, []string{}
	newest := 0
	for _, be := range all {
		if matches, _ := path.Match(a.Pattern, be.Name); a.Pattern != "" && !matches {
			continue
		}
		spared := be.spared() || be.Mountpoint != ""
		if !spared {
			newest++
		}
		if spared || newest <= a.Keep || a.OlderThan > 0 && now.Sub(be.Created) <= a.OlderThan {
			kept = append(kept, be.Name)
		} else {
			old = append(old, be.Name)
		}
	}
	slices.Reverse(old)
	return old, kept
}
