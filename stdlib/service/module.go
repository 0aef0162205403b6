package service

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesMissing = `kind "missing": there is no such service`
	raisesOff     = `kind "failed": it is not enabled, or its script failed`
	raisesDenied  = `kind "denied": only root may do this`
	cuts          = " For services that carry the network, such as netif, pf and sshd, it counts as disruptive."
)

var manual = []string{"service(8)", "rc.d(8)", "rc.subr(8)"}

// Module is h.service.
var Module = binding.Module{
	Name: "service",
	Doc:  "Services of rc.d: start, stop, enable and list them, on the host or in a jail.",
	Funcs: []binding.Func{
		{
			Name: "action", Kind: effect.Change, Call: Action, See: manual,
			Doc:     "Has a service's script do what it knows beside the usual. It is never known beforehand to change nothing.",
			Raises:  []string{raisesMissing, `kind "failed": the script does not know the action, or it failed`, raisesDenied},
			Example: `h.service.action("nginx", "configtest")`,
		},
		{
			Name: "actions", Kind: effect.Read, Call: Actions, See: manual,
			Doc:     "Lists what a service's script knows beside the usual, in its own order.",
			Raises:  []string{raisesMissing},
			Example: `log(table.concat(h.service.actions("sshd"), " "))`,
		},
		change("delete", Delete, "Takes a service's variable out of rc.conf, so that its default holds again.", raisesMissing),
		change("disable", Disable, "Keeps a service from being started at boot; it does not stop it.", raisesMissing),
		change("enable", Enable, "Has a service started at boot; it does not start it.", raisesMissing),
		{
			Name: "enabled", Kind: effect.Read, Call: Enabled, See: manual,
			Doc:     "Tells whether a service is started at boot; one that no variable enables always is.",
			Raises:  []string{raisesMissing},
			Example: `if not h.service.enabled("sshd") then fail("nobody could log in after a reboot") end`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: manual,
			Doc: "Lists the services that there are, sorted by name. With running=true or false every script is asked how its service stands, " +
				"but for those that are not made with rc.subr(8): they might take the question for a start.",
			Example: `local before = h.service.list{ enabled = true, running = true }` + "\n" +
				`h:reboot()` + "\n" +
				`for _, s in ipairs(before) do if not h.service.status(s.name).running then fail("%s is down", s.name) end end`,
		},
		change("onereload", Onereload, "Has a running service read its configuration again, enabled or not.", raisesMissing, raisesOff, raisesDenied),
		change("onerestart", Onerestart, "Restarts a service, enabled or not."+cuts, raisesMissing, raisesOff, raisesDenied),
		change("onestart", Onestart, "Starts a service, enabled or not; one that runs is left alone."+cuts, raisesMissing, raisesOff, raisesDenied),
		change("onestop", Onestop, "Stops a service, enabled or not; one that does not run is left alone."+cuts, raisesMissing, raisesOff, raisesDenied),
		change("reload", Reload, "Has a running service that is enabled read its configuration again.", raisesMissing, raisesOff, raisesDenied),
		change("restart", Restart, "Stops a service that is enabled and starts it again."+cuts, raisesMissing, raisesOff, raisesDenied),
		change("start", Start, "Starts a service that is enabled; one that runs is left alone, and one whose script cannot tell is started."+cuts, raisesMissing, raisesOff, raisesDenied),
		{
			Name: "status", Kind: effect.Read, Call: StatusOf, See: manual,
			Doc:     "Tells whether a service runs, enabled or not. One that does not exist is no error: exists is false.",
			Example: `if not h.service.status("sshd").running then fail("sshd does not run") end`,
		},
		change("stop", Stop, "Stops a service that is enabled; one that does not run is left alone, and one whose script cannot tell is stopped."+cuts, raisesMissing, raisesOff, raisesDenied),
	},
}

// change declares an action; all are called alike.
func change(name string, call any, doc string, raises ...string) binding.Func {
	return binding.Func{
		Name: name, Kind: effect.Change, Call: call, See: manual, Doc: doc, Raises: raises,
		Example: `h.service.` + name + `("nginx")`,
	}
}
