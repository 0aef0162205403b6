package user

import (
	"context"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/group"
)

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Name string `lua:"name,required" doc:"login name"`
	Home bool   `lua:"home" doc:"remove the home directory, too, with all it holds (-r)"`
}

// Removed is what Remove came to.
type Removed struct {
	Changed bool `lua:"changed" doc:"the account was, or in check mode would be, removed"`
}

// Remove removes an account, and what pw(8) removes along: its crontab, its mail
// and the group of its own name, where nobody else is in it.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Removed, error) {
	const op = "user.remove"
	is, err := look(ctx, h, op, a.Name)
	if err != nil || !is.exists {
		return Removed{}, err
	}
	if is.Name == is.self {
		return Removed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "we have logged in as %s", a.Name), "do it as somebody else")
	}
	if is.UID == 0 {
		return Removed{}, effect.Errorf(effect.Failed, op, "%s is root: it is not removed", a.Name)
	}
	argv := []string{"/usr/sbin/pw", "userdel", "-n", a.Name}
	writes := append(files(a.Name), effect.File("/var/cron/tabs/"+a.Name), effect.Resource("cron:"+a.Name), group.Resource(a.Name))
	if a.Home {
		argv = append(argv, "-r")
		writes = append(writes, effect.Tree(is.Home))
	}
	for _, name := range is.Groups {
		writes = append(writes, group.Resource(name))
	}
	_, err = group.Run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Argv: argv, Writes: writes,
		Leaves: map[effect.Resource]string{resource(a.Name): ""},
		Diff:   &effect.Diff{Path: "user " + a.Name, Before: []byte(describe(is)), After: []byte{}},
	})
	return Removed{Changed: err == nil}, err
}
