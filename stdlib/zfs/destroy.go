package zfs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// DestroyArgs are the arguments of Destroy.
type DestroyArgs struct {
	Name       string `lua:"name,required" doc:"a dataset, snapshot or bookmark"`
	Recursive  bool   `lua:"recursive" doc:"with all that is below; of a snapshot: those of that name of all datasets below"`
	Dependents bool   `lua:"dependents" doc:"with all that is below and all clones of it, wherever they are"`
	Defer      bool   `lua:"defer" doc:"a snapshot that is held or cloned goes once it no longer is"`
	Force      bool   `lua:"force" doc:"unmount file systems that are in use"`
}

// Destroyed tells what was destroyed.
type Destroyed struct {
	Changed   bool     `lua:"changed" doc:"false when there was nothing of that name"`
	Destroyed []string `lua:"destroyed" doc:"full names; in check mode of what would be destroyed"`
	Reclaimed int64    `lua:"reclaimed,omitempty" doc:"space that becomes free, where zfs(8) tells it beforehand" unit:"bytes"`
}

// Destroy destroys a dataset, snapshot or bookmark.
func Destroy(ctx context.Context, h effect.Doer, a DestroyArgs) (Destroyed, error) {
	const op = "zfs.destroy"
	done := Destroyed{Destroyed: []string{}}
	if err := checkName(op, a.Name, "", "@", "#"); err != nil {
		return done, err
	}
	found, err := one(ctx, h, op, a.Name)
	if err != nil || found == nil {
		return done, err
	}
	if done, err = a.foresee(ctx, h, op); err != nil {
		return done, err
	}
	argv := append([]string{"zfs", "destroy"}, a.flags()...)
	writes := append(resources(done.Destroyed), below(a.Name))
	if _, sign, _ := split(a.Name); sign == "" {
		writes = append(writes, "file")
	}
	e := change(op, append(argv, a.Name), "destroy "+strings.Join(done.Destroyed, ", "), writes...)
	e.Risk, e.Note = effect.Irreversible, fmt.Sprintf("%s is lost", a.Name)
	if n := len(done.Destroyed); n > 1 {
		e.Note = fmt.Sprintf("%s and %d more are lost", a.Name, n-1)
	}
	_, err = run(ctx, h, e)
	done.Changed = err == nil
	return done, err
}

func (a DestroyArgs) flags() []string {
	var flags []string
	for _, f := range []struct {
		flag string
		on   bool
	}{{"-d", a.Defer}, {"-f", a.Force}, {"-r", a.Recursive && !a.Dependents}, {"-R", a.Dependents}} {
		if f.on {
			flags = append(flags, f.flag)
		}
	}
	return flags
}

// foresee tells what would go. zfs(8) says so itself (-n) since feature flags; a
// bookmark is alone, and for older releases the lists tell.
func (a DestroyArgs) foresee(ctx context.Context, h effect.Doer, op string) (Destroyed, error) {
	if strings.Contains(a.Name, "#") {
		return Destroyed{Destroyed: []string{a.Name}}, nil
	}
	argv := append([]string{"zfs", "destroy", "-nvp"}, a.flags()...)
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: append(argv, a.Name), Reads: []effect.Resource{below(a.Name)}, Want: []int{0, 2},
	})
	if err != nil {
		return Destroyed{Destroyed: []string{}}, err
	}
	if res.Code == 2 {
		return a.foreseeByList(ctx, h, op)
	}
	out, err := res.Text()
	return parseDestroy(out), err
}

// parseDestroy reads what zfs destroy -nvp prints.
func parseDestroy(out string) Destroyed {
	done := Destroyed{Destroyed: []string{}}
	for line := range strings.Lines(out) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		switch word {
		case "destroy":
			done.Destroyed = append(done.Destroyed, rest)
		case "reclaim":
			done.Reclaimed = number(rest)
		}
	}
	return done
}

// foreseeByList finds out from the list of all datasets what would go.
func (a DestroyArgs) foreseeByList(ctx context.Context, h effect.Doer, op string) (Destroyed, error) {
	rows, err := query{op: op, name: poolOf(a.Name), types: []string{"filesystem", "volume", "snapshot"}, recursive: true, properties: []string{"type", "origin"}}.list(ctx, h)
	if err != nil {
		return Destroyed{Destroyed: []string{}}, err
	}
	return Destroyed{Destroyed: a.closure(rows)}, nil
}

// closure are the names that go, of all that there are: the named one, what is
// below it, and the clones of what goes.
func (a DestroyArgs) closure(rows []row) []string {
	goes := map[string]bool{a.Name: true}
	dataset, sign, last := split(a.Name)
	for grown := true; grown; {
		grown = false
		for _, r := range rows {
			name := r["name"]
			of, _, snapshot := split(name)
			in := of == dataset || strings.HasPrefix(of, dataset+"/")
			takes := (a.Recursive || a.Dependents) && in && (sign == "" || snapshot == last)
			if a.Dependents && !takes {
				takes = goes[r["origin"]] || goes[of] || goes[parentOf(of)]
			}
			if takes && !goes[name] {
				goes[name], grown = true, true
			}
		}
	}
	names := make([]string, 0, len(goes))
	for _, r := range rows {
		if goes[r["name"]] && !slices.Contains(names, r["name"]) {
			names = append(names, r["name"])
		}
	}
	return names
}
