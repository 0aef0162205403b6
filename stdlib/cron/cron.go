// Package cron keeps what cron(8) runs: entries with a name in the tables of
// users, or in files of their own under /etc/cron.d. Lines of others are kept
// byte for byte.
package cron

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

const (
	raisesDenied  = `kind "denied": only root may change the table of somebody else`
	raisesUser    = `kind "missing": there is no such user`
	raisesNoDir   = `kind "missing": cron of this release does not read /etc/cron.d, as those of old releases`
	raisesForeign = `kind "failed": somebody else has put a file of this name there`
)

// Module is h.cron.
var Module = binding.Module{
	Name: "cron",
	Doc:  "What cron(8) runs: entries with a name, in the tables of users or in files of their own.",
	Funcs: []binding.Func{
		{
			Name: "ensure", Kind: effect.Change, Call: Ensure, See: []string{"crontab(1)", "crontab(5)", "cron(8)"},
			Doc: "Has a command run by a schedule. The entry is known by its name, which stands in a comment above it: another schedule or command replaces it where it is, " +
				"and everything else in the table stays as it is. The command is what sh gets: % needs no backslash.",
			Raises:  []string{`kind "invalid": cron could not read the schedule or the command`, raisesUser, raisesNoDir, raisesForeign, raisesDenied},
			Example: `h.cron.ensure("backup", "30 3 * * *", "/usr/local/sbin/backup --date $(date +%F)")`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"crontab(5)", "cron(8)"},
			Doc:     "Lists all that cron runs: of /etc/crontab, of the files under /etc/cron.d and /usr/local/etc/cron.d, and of users' tables. Who is not root sees no tables of other users.",
			Example: `for _, e in ipairs(h.cron.list{ user = "root" }) do log("%s: %s", e.schedule, e.command) end`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, See: []string{"crontab(1)"},
			Doc:     "Removes an entry by the name that cron.ensure gave it. A table that is empty then is removed, too.",
			Raises:  []string{raisesUser, raisesForeign, raisesDenied},
			Example: `h.cron.remove("backup")`,
		},
	},
}

// Place says where an entry stands.
type Place struct {
	User   string `lua:"user" doc:"as whom it runs, and whose table it is" default:"root"`
	System bool   `lua:"system" doc:"in a file of its own, /etc/cron.d/NAME, instead of the user's table"`
}

// EnsureArgs are the arguments of Ensure.
type EnsureArgs struct {
	Name     string            `lua:"name,required" doc:"what the entry is known by"`
	Schedule string            `lua:"schedule,required" doc:"when: minute, hour, day of month, month, day of week, as in \"30 4 * * 1-5\", or @daily and the like"`
	Command  string            `lua:"command,required" doc:"what sh runs"`
	Stdin    string            `lua:"stdin" doc:"what the command gets as standard input"`
	Env      map[string]string `lua:"env" doc:"variables, such as MAILTO; with system=true only, since in a user's table they would hold for others too"`
	Enabled  *bool             `lua:"enabled" doc:"false: keep the entry, but as a comment" default:"true"`
	Place    `lua:",inline"`
}

// Changed is what a change of a table came to.
type Changed struct {
	Changed bool   `lua:"changed" doc:"the table is, or in check mode would be, different now"`
	File    string `lua:"file" doc:"the table"`
}

var (
	nameForm = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`)
	userForm = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.-]*\$?$`)
	envForm  = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// check refuses a place that cannot be meant, and fills in the default.
func (p *Place) check(op, name string) error {
	if !nameForm.MatchString(name) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of an entry: letters, digits, _ and -", name)
	}
	if p.User == "" {
		p.User = "root"
	}
	if !userForm.MatchString(p.User) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a user", p.User)
	}
	return nil
}

func (p Place) file(name string) string {
	if p.System {
		return systemDir + "/" + name
	}
	return tabs + "/" + p.User
}

const (
	systemDir = "/etc/cron.d"
	tabs      = "/var/cron/tabs"
)

// Ensure has a command run by a schedule.
func Ensure(ctx context.Context, h effect.Doer, a EnsureArgs) (Changed, error) {
	const op = "cron.ensure"
	if err := a.check(op); err != nil {
		return Changed{}, err
	}
	if a.System {
		return a.ensureSystem(ctx, h, op)
	}
	t := userTable{op: op, user: a.User}
	return t.edit(ctx, h, func(table string) string { return put(table, a.Name, a.line("")) })
}

func (a *EnsureArgs) check(op string) error {
	if err := a.Place.check(op, a.Name); err != nil {
		return err
	}
	if err := checkSchedule(op, a.Schedule); err != nil {
		return err
	}
	if err := checkCommand(op, a.Command, a.Stdin); err != nil {
		return err
	}
	if len(a.Env) > 0 && !a.System {
		return effect.WithHint(effect.Errorf(effect.Invalid, op, "env goes with system=true: in a user's table it would hold for all entries below"),
			"put it before the command: env NAME=value command")
	}
	for name, value := range a.Env {
		if !envForm.MatchString(name) || strings.ContainsAny(value, "\r\n\x00\"") || len(name)+len(value) > maxCommand-4 {
			return effect.Errorf(effect.Invalid, op, "the variable %q, or its value, cannot be written into a table", name)
		}
	}
	return nil
}

// line is the entry as it stands in a table; system tables name the user.
func (a *EnsureArgs) line(user string) string {
	words := strings.Join(strings.Fields(a.Schedule), " ")
	if user != "" {
		words += "\t" + user
	}
	line := words + "\t" + encode(a.Command, a.Stdin)
	if a.Enabled != nil && !*a.Enabled {
		line = off + line
	}
	return line
}

// ensureSystem keeps an entry in a file of its own.
func (a *EnsureArgs) ensureSystem(ctx context.Context, h effect.Doer, op string) (Changed, error) {
	at := a.file(a.Name)
	there, err := file.Exists(ctx, h, file.PathArgs{Path: systemDir})
	if err != nil {
		return Changed{}, err
	}
	if !there {
		return Changed{}, effect.WithHint(effect.Errorf(effect.Missing, op, "there is no %s: cron of this release does not read it", systemDir),
			"leave system= out: the entry goes into the user's table")
	}
	if err := refuseForeign(ctx, h, op, at, a.Name); err != nil {
		return Changed{}, err
	}
	if err := refuseNobody(ctx, h, op, a.User); err != nil {
		return Changed{}, err
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, a.Env[name])
	}
	text := b.String() + mark + a.Name + "\n" + a.line(a.User) + "\n"
	done, err := file.PutAs(ctx, h, op, file.PutArgs{Path: at, Mode: "0644", Content: binding.Content{Data: []byte(text)}})
	return Changed{Changed: done.Changed, File: at}, err
}

// refuseForeign stops before a file that somebody else has put there.
func refuseForeign(ctx context.Context, h effect.Doer, op, at, name string) error {
	text, err := file.Read(ctx, h, file.ReadArgs{Path: at})
	if effect.KindOf(err) == effect.Missing {
		return nil
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(parse(text, at, ""), func(e Entry) bool { return e.Name == name }) {
		return nil
	}
	return effect.WithHint(effect.Errorf(effect.Failed, op, "%s is there, and not of bsdrun's making", at), "take another name, or remove the file")
}

// refuseNobody stops an entry for a user who is not there: cron would only log
// that. Where check mode cannot tell, the real run will.
func refuseNobody(ctx context.Context, h effect.Doer, op, user string) error {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"/usr/bin/id", "-u", user}, Want: []int{0, 1},
		Reads: []effect.Resource{effect.Resource("user:" + user)},
	})
	switch {
	case effect.KindOf(err) == effect.Unknown:
		return nil
	case err != nil:
		return err
	case res.Code != 0:
		return noUser(op, user)
	}
	return nil
}

func noUser(op, user string) error {
	return effect.WithHint(effect.Errorf(effect.Missing, op, "there is no user %s", user), "h.user.ensure makes it")
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Name  string `lua:"name,required" doc:"what the entry is known by"`
	Place `lua:",inline"`
}

// Remove removes an entry by its name.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Changed, error) {
	const op = "cron.remove"
	if err := a.check(op, a.Name); err != nil {
		return Changed{}, err
	}
	if !a.System {
		t := userTable{op: op, user: a.User}
		return t.edit(ctx, h, func(table string) string { return drop(table, a.Name) })
	}
	at := a.file(a.Name)
	if err := refuseForeign(ctx, h, op, at, a.Name); err != nil {
		return Changed{}, err
	}
	done, err := file.Remove(ctx, h, file.RemoveArgs{Path: at})
	return Changed{Changed: done.Changed, File: at}, err
}
