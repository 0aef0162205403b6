package script

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

var guardGlobal = Global{
	Name: "guard", Usage: "guard(opts)",
	Doc: "Makes a change that may cut our own connection, so that it cannot lock us out: the host itself takes it back unless a new connection, by the same way, comes about in time. Returns what apply returns. A change that fails or was taken back is an error that says so. What boot reads (rc.conf, pf.conf) is best written in keep, so that a reboot in between starts as before.",
	Params: []GlobalParam{
		{"opts", "{apply: fun(): any, undo: string|string[], verify?: fun(), keep?: fun(), files?: string[], within?: number, what?: string, host?: Host}", "apply: makes the change; undo: script for sh, or a command, by which the host takes it back; verify: raises an error where the change does not do what it should, over the new connection; keep: makes it last after that; files: put back as they were before undo runs, and at a boot in between; within: seconds (60); what: is changed, for people; host: another than h"},
	},
	Returns: "any",
	Example: `guard{
  what = "sshd's configuration", files = { "/etc/ssh/sshd_config" }, undo = { "service", "sshd", "reload" },
  apply = function()
    h.file.lines.ensure("/etc/ssh/sshd_config", "PasswordAuthentication no", { match = "^#?PasswordAuthentication " })
    return h.service.reload("sshd")
  end,
}`,
	fn: (*vm).guard,
}

func (v *vm) guard(L *lua.LState) int {
	const op = "guard"
	opts := v.options(L, L.Get(1), op, "apply", "undo", "verify", "keep", "files", "within", "what", "host")
	var returned []lua.LValue
	g := host.Guarded{
		Op: op, Note: v.optString(L, opts, op, "what"), Undo: v.undoCommand(L, opts["undo"]), Files: v.optList(L, "files", opts["files"]),
		Within: time.Duration(v.optSeconds(L, opts, op, "within", 60) * float64(time.Second)),
		Apply:  v.guardPart(L, opts, "apply", &returned),
	}
	if g.Note == "" {
		g.Note = "the change"
	}
	if g.Within < 10*time.Second {
		v.invalidf(L, op, "within: expected 10 seconds or more: a new connection takes some time")
	}
	if opts["verify"] != nil {
		g.Verify = v.guardPart(L, opts, "verify", nil)
	}
	if opts["keep"] != nil {
		g.Keep = v.guardPart(L, opts, "keep", nil)
	}
	ho := v.self
	if other, ok := opts["host"].(*lua.LUserData); ok {
		ho, _ = other.Value.(*hostObject)
	}
	if ho == nil {
		v.invalidf(L, op, "host: expected a host, got %s", v.got(opts["host"]))
		return 0
	}
	if err := host.Guard(v.calling(L, ho), ho.doer, g); err != nil {
		v.raise(L, err)
	}
	v.forgetFacts(ho)
	for _, value := range returned {
		L.Push(value)
	}
	return len(returned)
}

// guardPart is one of the script's functions as a part of a guarded change.
func (v *vm) guardPart(L *lua.LState, opts map[string]lua.LValue, name string, returned *[]lua.LValue) func(context.Context, effect.Doer) error {
	fn, ok := opts[name].(*lua.LFunction)
	if !ok {
		v.invalidf(L, "guard", "%s: expected a function, got %s", name, v.got(valueOrNil(opts[name])))
	}
	return func(context.Context, effect.Doer) error {
		values, failure := v.protected(L, v.ctx, fn)
		if failure != nil {
			return v.toError(failure)
		}
		if returned != nil {
			*returned = values
		}
		return nil
	}
}

func valueOrNil(value lua.LValue) lua.LValue {
	if value == nil {
		return lua.LNil
	}
	return value
}

// undoCommand is what the host runs to take a change back: a script is one for sh.
func (v *vm) undoCommand(L *lua.LState, value lua.LValue) []string {
	if script, ok := value.(lua.LString); ok && script != "" {
		return []string{"sh", "-c", string(script)}
	}
	argv := v.optList(L, "undo", value)
	if len(argv) == 0 {
		v.invalidf(L, "guard", "undo: expected a script or a command that takes the change back, got %s", v.got(valueOrNil(value)))
	}
	return argv
}

// optList is an option that is a list of strings.
func (v *vm) optList(L *lua.LState, name string, value lua.LValue) (list []string) {
	if value == nil {
		return nil
	}
	table, ok := value.(*lua.LTable)
	if !ok {
		v.invalidf(L, "guard", "%s: expected a list of strings, got %s", name, v.got(value))
	}
	for i := 1; i <= table.Len(); i++ {
		item, ok := table.RawGetInt(i).(lua.LString)
		if !ok {
			v.invalidf(L, "guard", "%s: expected a list of strings, got %s in it", name, v.got(table.RawGetInt(i)))
		}
		list = append(list, string(item))
	}
	return list
}
