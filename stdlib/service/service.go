// Package service starts, stops and enables the services of rc.d(8). It reads
// what the scripts say, since their exit codes lie: before 13 a start that was
// refused ends with 0.
package service

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/sysrc"
)

// NameArgs names a service.
type NameArgs struct {
	Name string `lua:"name,required" doc:"name of the rc.d script, such as \"sshd\""`
	Jail string `lua:"jail" doc:"in this running jail (-j)"`
}

var nameForm = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.+-]*$`)

func (a NameArgs) check(op string) error {
	if !nameForm.MatchString(a.Name) {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a service", a.Name)
	}
	if strings.HasPrefix(a.Jail, "-") {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a jail", a.Jail)
	}
	return nil
}

// allServices is how all of them run.
const allServices effect.Resource = "service"

// resource is the service as it runs.
func (a NameArgs) resource() effect.Resource { return effect.Resource("service:" + a.Name) }

// ask puts a question to the service's script. Scripts of the base system come
// before those of packages: in check mode, what a skipped installation would
// bring does not matter to them.
func (a NameArgs) ask(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	base, local := "/etc/rc.d/"+a.Name, "/usr/local/etc/rc.d/"+a.Name
	more := e.Reads
	e.Kind, e.In, e.Want = effect.Read, a.Jail, anyCode
	e.Reads = append([]effect.Resource{effect.File(base), effect.File(local)}, more...)
	res, err := h.Do(ctx, e)
	if effect.KindOf(err) != effect.Unknown {
		return res, err
	}
	found, statErr := h.Do(ctx, effect.Effect{
		Op: e.Op, Kind: effect.Read, In: a.Jail, File: &effect.FileOp{Verb: effect.FileStat, Path: base},
		Reads: []effect.Resource{effect.File(base)},
	})
	if statErr != nil || found.Info == nil {
		return res, err
	}
	e.Reads = append([]effect.Resource{effect.File(base)}, more...)
	return h.Do(ctx, e)
}

// Status is how a service stands.
type Status struct {
	Exists  bool   `lua:"exists" doc:"there is a script of this name"`
	Known   bool   `lua:"known" doc:"its script can say whether it runs; those of services without a process often cannot"`
	Running bool   `lua:"running" doc:"it runs; for services without a process, what its script says"`
	PIDs    []int  `lua:"pids" doc:"processes, where the script names them"`
	Text    string `lua:"text" doc:"what the script said"`
}

// StatusOf tells whether a service runs, whether it is enabled or not.
func StatusOf(ctx context.Context, h effect.Doer, a NameArgs) (Status, error) {
	return status(ctx, h, "service.status", a)
}

func status(ctx context.Context, h effect.Doer, op string, a NameArgs) (Status, error) {
	if err := a.check(op); err != nil {
		return Status{}, err
	}
	res, err := a.ask(ctx, h, effect.Effect{
		Op: op,
		// "one": a service that is not enabled would not answer.
		Argv:  []string{"/usr/sbin/service", a.Name, "onestatus"},
		Reads: []effect.Resource{a.resource()},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			left, ok := leaves[a.resource()]
			return effect.Result{Stdout: effect.OutputOf([]byte(a.Name + " is " + left + ".\n"))}, ok
		},
	})
	if err != nil {
		return Status{}, err
	}
	out, err := res.Text()
	if err != nil {
		return Status{}, err
	}
	return parseStatus(a.Name, out+string(res.Stderr.Tail(4096)), res.Code), nil
}

// anyCode accepts every exit code of a script; the text decides.
var anyCode = func() []int {
	codes := make([]int, 0, 126)
	for code := range 126 {
		codes = append(codes, code)
	}
	return codes
}()

// Changed is what a change of a service came to.
type Changed struct {
	Changed bool   `lua:"changed" doc:"it was, or in check mode would be, started, stopped, enabled and so on"`
	Text    string `lua:"text,produced" doc:"what its script said"`
}

// What a change leaves of a service, in the words of its script.
const (
	running    = "running"
	notRunning = "not running"
)

// Start starts a service that is enabled.
func Start(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return ensure(ctx, h, "service.start", a, "start", running)
}

// Onestart starts a service, enabled or not.
func Onestart(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return ensure(ctx, h, "service.onestart", a, "onestart", running)
}

// Stop stops a service that is enabled.
func Stop(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return ensure(ctx, h, "service.stop", a, "stop", notRunning)
}

// Onestop stops a service, enabled or not.
func Onestop(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return ensure(ctx, h, "service.onestop", a, "onestop", notRunning)
}

// ensure brings a service to a state, where it is not there yet. A script that
// cannot tell is run whatever the state.
func ensure(ctx context.Context, h effect.Doer, op string, a NameArgs, action, wanted string) (Changed, error) {
	s, err := existing(ctx, h, op, a)
	if err != nil {
		return Changed{}, err
	}
	if s.Known && s.Running == (wanted == running) {
		return Changed{Text: s.Text}, nil
	}
	return act(ctx, h, op, a, action, wanted)
}

// existing is the status of a service that has to be there.
func existing(ctx context.Context, h effect.Doer, op string, a NameArgs) (Status, error) {
	s, err := status(ctx, h, op, a)
	if err == nil && !s.Exists {
		err = effect.WithHint(
			effect.Errorf(effect.Missing, op, "there is no service %s", a.Name),
			"h.service.list() names those that are there")
	}
	return s, err
}

// Restart stops a service and starts it again.
func Restart(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return again(ctx, h, "service.restart", a, "restart")
}

// Onerestart restarts a service, enabled or not.
func Onerestart(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return again(ctx, h, "service.onerestart", a, "onerestart")
}

// Reload has a running service read its configuration again.
func Reload(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return again(ctx, h, "service.reload", a, "reload")
}

// Onereload reloads a service, enabled or not.
func Onereload(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return again(ctx, h, "service.onereload", a, "onereload")
}

func again(ctx context.Context, h effect.Doer, op string, a NameArgs, action string) (Changed, error) {
	if _, err := existing(ctx, h, op, a); err != nil {
		return Changed{}, err
	}
	return act(ctx, h, op, a, action, running)
}

// detached runs an action with its output in a private file: a daemon keeps the
// descriptors it is started with, and would go on writing into our answers.
const detached = `out=$(mktemp "${TMPDIR:-/tmp}/bsdrun-service.XXXXXXXXXX") || exit 73
/usr/sbin/service "$1" "$2" >"$out" 2>&1 </dev/null
code=$?
cat "$out"
rm -f "$out"
exit $code`

// act runs an action of a service's script and judges what it says.
func act(ctx context.Context, h effect.Doer, op string, a NameArgs, action, leaves string) (Changed, error) {
	e := effect.Effect{
		Op: op, Kind: effect.Change, In: a.Jail, Want: anyCode, Title: "service " + a.Name + " " + action,
		Argv:   []string{"/bin/sh", "-c", detached, "service", a.Name, action},
		Writes: []effect.Resource{a.resource()},
		Diff:   &effect.Diff{Path: "service " + a.Name, Note: action},
	}
	if leaves != "" {
		e.Leaves = map[effect.Resource]string{a.resource(): leaves}
	}
	if a.Jail == "" && slices.Contains(disruptive, a.Name) {
		e.Risk, e.Note = effect.Disruptive, action+" of "+a.Name+" may cut our own connection"
	}
	res, err := h.Do(ctx, e)
	if err != nil {
		return Changed{}, err
	}
	out, err := res.Text()
	if effect.KindOf(err) == effect.Unknown {
		return Changed{Changed: true}, nil
	}
	if err != nil {
		return Changed{}, err
	}
	text := strings.TrimSpace(out)
	if strings.Contains(text, "already running?") {
		return Changed{Text: text}, nil
	}
	if err := failure(op, a.Name, action, text, res.Code); err != nil {
		return Changed{}, err
	}
	return Changed{Changed: true, Text: text}, nil
}

// disruptive services carry the network, and with it our connection.
var disruptive = []string{
	"bridge", "defaultroute", "devd", "dhclient", "ipfilter", "ipfw", "ipnat", "netif", "network_ipv6", "openvpn",
	"pf", "ppp", "route6d", "routed", "routing", "sshd", "static_arp", "static_ndp", "wireguard", "wpa_supplicant",
}

// failure reads the scripts' complaints, rc.subr(8).
func failure(op, name, action, text string, code int) error {
	e := &effect.Error{Op: op, Kind: effect.Failed, Code: code, Command: "service " + name + " " + action, Out: text}
	switch {
	case strings.Contains(text, "Cannot '"+action+"'") || strings.Contains(text, "instead of '"+action+"'"):
		e.Message = name + " is not enabled: nothing was done"
		e.Hint = "h.service.enable first, or h.service.one" + action
	case strings.Contains(text, "does not exist in /etc/rc.d"):
		e.Kind, e.Message = effect.Missing, "there is no service "+name
	case strings.Contains(text, "unknown directive"):
		e.Message = name + " knows no " + action
	case strings.Contains(text, "Operation not permitted") || strings.Contains(text, "Permission denied"):
		if code == 0 {
			return nil
		}
		e.Kind, e.Hint = effect.Denied, "run as root: -b, or h:as(\"root\")"
	case code == 0:
		return nil
	}
	return e
}

// Enable has a service started at boot.
func Enable(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return enable(ctx, h, "service.enable", a, true)
}

// Disable keeps a service from being started at boot; it does not stop it.
func Disable(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	return enable(ctx, h, "service.disable", a, false)
}

func enable(ctx context.Context, h effect.Doer, op string, a NameArgs, wanted bool) (Changed, error) {
	variable, err := switchable(ctx, h, op, a)
	if err != nil {
		return Changed{}, err
	}
	is, err := variableSaysYes(ctx, h, a, variable)
	if err != nil || is == wanted {
		return Changed{}, err
	}
	done, err := sysrc.Set(ctx, h, sysrc.SetArgs{Vars: map[string]any{variable: wanted}, Place: sysrc.Place{Jail: a.Jail}})
	return Changed{Changed: done.Changed, Text: variable}, err
}

func variableSaysYes(ctx context.Context, h effect.Doer, a NameArgs, variable string) (bool, error) {
	no := "NO"
	value, err := sysrc.Get(ctx, h, sysrc.GetArgs{Name: variable, Default: &no, Place: sysrc.Place{Jail: a.Jail}})
	return saysYes(value), err
}

// Enabled tells whether a service is started at boot.
func Enabled(ctx context.Context, h effect.Doer, a NameArgs) (bool, error) {
	variable, err := rcvar(ctx, h, "service.enabled", a)
	switch {
	case err != nil:
		return false, err
	case variable == "":
		return true, nil // no variable can keep it from that
	}
	return variableSaysYes(ctx, h, a, variable)
}

// Delete takes a service's variable out of rc.conf, so that its default holds.
func Delete(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	const op = "service.delete"
	variable, err := switchable(ctx, h, op, a)
	if err != nil {
		return Changed{}, err
	}
	done, err := sysrc.Remove(ctx, h, sysrc.RemoveArgs{Name: variable, Place: sysrc.Place{Jail: a.Jail}})
	return Changed{Changed: done.Changed, Text: variable}, err
}

// saysYes is checkyesno of rc.subr(8).
func saysYes(value string) bool {
	return slices.Contains([]string{"yes", "true", "on", "1"}, strings.ToLower(value))
}

// switchable is the variable of a service that has one.
func switchable(ctx context.Context, h effect.Doer, op string, a NameArgs) (string, error) {
	name, err := rcvar(ctx, h, op, a)
	if err == nil && name == "" {
		err = effect.Errorf(effect.Failed, op, "%s is always on: no variable enables it", a.Name)
	}
	return name, err
}

// rcvar is the name of the variable that enables a service; none for one that is
// always on.
func rcvar(ctx context.Context, h effect.Doer, op string, a NameArgs) (string, error) {
	if err := a.check(op); err != nil {
		return "", err
	}
	res, err := a.ask(ctx, h, effect.Effect{Op: op, Argv: []string{"/usr/sbin/service", a.Name, "rcvar"}})
	if err != nil {
		return "", err
	}
	out, err := res.Text()
	if err != nil {
		return "", err
	}
	if err := failure(op, a.Name, "rcvar", strings.TrimSpace(out), res.Code); err != nil {
		return "", err
	}
	return parseRcvar(out), nil
}

// ActionArgs are the arguments of Action.
type ActionArgs struct {
	Name   string `lua:"name,required" doc:"name of the rc.d script, such as \"nginx\""`
	Action string `lua:"action,required" doc:"what its script knows beside the usual: configtest, graceful, keygen; service.actions tells"`
	Jail   string `lua:"jail" doc:"in this running jail (-j)"`
}

var actionForm = lazyregexp.New(`^[a-z][A-Za-z0-9_]*$`)

// Action has a service's script do what it knows beside the usual.
func Action(ctx context.Context, h effect.Doer, a ActionArgs) (Changed, error) {
	const op = "service.action"
	if !actionForm.MatchString(a.Action) {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%q is no action of a script", a.Action)
	}
	name := NameArgs{Name: a.Name, Jail: a.Jail}
	if _, err := existing(ctx, h, op, name); err != nil {
		return Changed{}, err
	}
	return act(ctx, h, op, name, a.Action, "")
}

// Actions lists what a service's script knows beside the usual.
func Actions(ctx context.Context, h effect.Doer, a NameArgs) ([]string, error) {
	const op = "service.actions"
	if err := a.check(op); err != nil {
		return nil, err
	}
	// Every script answers an unknown word with all that it knows; the action
	// "extracommands" is there since 12 only.
	res, err := a.ask(ctx, h, effect.Effect{Op: op, Argv: []string{"/usr/sbin/service", a.Name, "onehelp"}})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	text := out + string(res.Stderr.Tail(4096))
	if e := failure(op, a.Name, "help", text, 0); effect.KindOf(e) == effect.Missing {
		return nil, e
	}
	return parseActions(text), nil
}
