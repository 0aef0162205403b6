package user

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesDenied = `kind "denied": only root may do this`
	raisesSelf   = `kind "failed": we have logged in as this user, and would be locked out`
)

// Module is h.user.
var Module = binding.Module{
	Name: "user",
	Doc:  "Accounts: make, change, list and remove them, and say which keys may log in.",
	Funcs: []binding.Func{
		{
			Name: "authorized_keys", Kind: effect.Change, Call: AuthorizedKeys, See: []string{"sshd(8)"},
			Doc: "Keeps the keys that a user may log in with, in ~/.ssh/authorized_keys. Comments and other keys stay as they are; " +
				"a key that is there with other options or another comment gets those that are given. The file and its directory are made where they are missing.",
			Raises: []string{`kind "missing": there is no such user, or no home directory`, `kind "denied": the file is a symbolic link`, raisesSelf},
			Example: `h.user.authorized_keys("alice", {
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJNKBeXlEC4O31hwgEoOnLe0UBo/eeN5gvsBgdG86J8v alice@example.org",
}, { exclusive = true })`,
		},
		{
			Name: "ensure", Kind: effect.Change, Call: Ensure, See: []string{"pw(8)", "passwd(5)", "login.conf(5)"},
			Doc: "Makes an account, or changes what of it differs. Files keep the number that a user had before, and stay in a home directory that is given up. " +
				"A new account has no password unless one is given.",
			Raises: []string{
				`kind "missing": there is no such group or shell`, `kind "failed": another user has the number`, raisesSelf, raisesDenied,
			},
			Example: `h.user.ensure("alice", { comment = "Alice", groups = { "wheel" }, shell = "/bin/sh", password_hash = secret("alice") })`,
		},
		{
			Name: "get", Kind: effect.Read, Call: Get, See: []string{"pw(8)", "passwd(5)"},
			Doc:     "Tells of one user. One that does not exist is no error: exists is false.",
			Example: `local alice = h.user.get("alice")` + "\n" + `if alice.exists and alice.locked then log("alice is locked") end`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"pw(8)", "passwd(5)"},
			Doc:     "Lists the users, sorted by number.",
			Example: `for _, u in ipairs(h.user.list()) do if u.password == "empty" then log("anybody may log in as %s", u.name) end end`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, See: []string{"pw(8)"},
			Doc: "Removes an account, and what pw(8) removes along: its crontab, its mail, and the group of its own name where nobody else is in it. " +
				"The home directory stays, unless home=true.",
			Raises:  []string{raisesSelf, raisesDenied},
			Example: `h.user.remove("alice", { home = true })`,
		},
	},
}
