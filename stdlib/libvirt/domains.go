package libvirt

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// Listed is a domain in the list of all.
type Listed struct {
	Name        string `lua:"name" doc:"its name"`
	UUID        string `lua:"uuid" doc:"its identifier"`
	ID          int    `lua:"id,omitempty" doc:"its number while it runs"`
	State       string `lua:"state" doc:"running, idle, paused, in shutdown, shut off, crashed, pmsuspended"`
	VCPUs       int    `lua:"vcpus" doc:"its processors"`
	Memory      int64  `lua:"memory" doc:"its bytes of memory at most"`
	Persistent  bool   `lua:"persistent" doc:"it stays when it is shut off"`
	Autostart   bool   `lua:"autostart" doc:"it starts with the host"`
	ManagedSave bool   `lua:"managed_save" doc:"its memory is saved, and starting it goes on from there"`
}

// DomainsArgs say which domains are listed.
type DomainsArgs struct {
	State   string `lua:"state" doc:"only those in this state: running, shut off, ..."`
	Connect `lua:",inline"`
}

// listScript asks for all domains by their UUIDs, since names may hold anything,
// and for the state of all of them in one more run of virsh.
const listScript = `
uuids=$(virsh -c "$1" list --all --uuid) || exit
ask=
for uuid in $uuids; do ask="${ask}dominfo $uuid;"; done
[ -z "$ask" ] || virsh -c "$1" "$ask" || :`

// Domains lists the domains of a hypervisor.
func Domains(ctx context.Context, h effect.Doer, a DomainsArgs) ([]Listed, error) {
	out, err := a.query(ctx, h, "libvirt.domains", "virsh list --all", listScript, everything)
	if err != nil {
		return nil, err
	}
	list := parseDominfos(out)
	if a.State != "" {
		list = slices.DeleteFunc(list, func(d Listed) bool { return d.State != a.State })
	}
	return list, nil
}

// parseDominfos reads what dominfo says of several domains. One that went away in
// between leaves nothing but a blank line.
func parseDominfos(out string) []Listed {
	list := []Listed{}
	for _, block := range strings.Split(out, "\n\n") {
		if d, ok := parseDominfo(block); ok {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b Listed) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func parseDominfo(block string) (Listed, bool) {
	f := fields(block)
	d := Listed{
		Name: f["Name"], UUID: f["UUID"], State: f["State"],
		Persistent: f["Persistent"] == "yes", Autostart: f["Autostart"] == "enable", ManagedSave: f["Managed save"] == "yes",
	}
	d.ID, _ = strconv.Atoi(f["Id"])
	d.VCPUs, _ = strconv.Atoi(f["CPU(s)"])
	if n, unit, ok := strings.Cut(f["Max memory"], " "); ok {
		size, _ := strconv.ParseUint(n, 10, 48)
		d.Memory = bytesOf(uint(size), unit)
	}
	return d, d.Name != "" && d.UUID != "" && d.State != ""
}

// DomainArgs say which definition of a domain is read.
type DomainArgs struct {
	Name    string `lua:"name,required" doc:"the domain's name or UUID"`
	Live    bool   `lua:"live" doc:"what a running domain has now, instead of what it is started with the next time"`
	Connect `lua:",inline"`
}

// lookScript asks for the XML, and then how the domain stands.
const lookScript = `
connect=$1 name=$2
shift 2
virsh -c "$connect" dumpxml "$@" --domain "$name" && virsh -c "$connect" dominfo --domain "$name"`

// look reads a domain; more is what else of it than the definition counts.
func (a DomainArgs) look(ctx context.Context, h effect.Doer, op string, more ...effect.Resource) (Domain, error) {
	name, err := NameArgs{a.Name, a.Connect}.find(ctx, h, op)
	if err != nil {
		return Domain{}, err
	}
	args := []string{name}
	if !a.Live {
		args = append(args, "--inactive")
	}
	out, err := a.query(ctx, h, op, "virsh dumpxml "+a.Name, lookScript, append(more, definition(a.Name)), args...)
	if err != nil {
		return Domain{}, err
	}
	return parseLook(op, out)
}

const endOfDomain = "</domain>\n"

func parseLook(op, out string) (Domain, error) {
	end := strings.LastIndex(out, endOfDomain)
	if end < 0 {
		return Domain{}, effect.Errorf(effect.Failed, op, "virsh dumpxml printed something else: %.80q", out)
	}
	end += len(endOfDomain)
	d, err := parseDomain(op, out[:end])
	if err != nil {
		return Domain{}, err
	}
	stands, ok := parseDominfo(out[end:])
	if !ok {
		return Domain{}, effect.Errorf(effect.Failed, op, "virsh dominfo printed something else: %.80q", out[end:])
	}
	d.State, d.Persistent, d.Autostart, d.ManagedSave = stands.State, stands.Persistent, stands.Autostart, stands.ManagedSave
	return d, nil
}

// Get returns a domain.
func Get(ctx context.Context, h effect.Doer, a DomainArgs) (Domain, error) {
	return a.look(ctx, h, "libvirt.domain", stateOf(a.Name))
}

// Dumpxml returns a domain's XML.
func Dumpxml(ctx context.Context, h effect.Doer, a DomainArgs) (string, error) {
	const op = "libvirt.dumpxml"
	name, err := NameArgs{a.Name, a.Connect}.find(ctx, h, op)
	if err != nil {
		return "", err
	}
	argv := []string{"virsh", "-c", a.uri(), "dumpxml", "--domain", name}
	reads := []effect.Resource{definition(a.Name)}
	if a.Live {
		reads = append(reads, stateOf(a.Name))
	} else {
		argv = append(argv, "--inactive")
	}
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Reads: reads})
	if err != nil {
		return "", explain(err)
	}
	text, err := res.Text()
	return strings.TrimSpace(text) + "\n", err
}

// State is what a domain is at.
type State struct {
	State  string `lua:"state" doc:"running, idle, paused, in shutdown, shut off, crashed, pmsuspended"`
	Reason string `lua:"reason" doc:"why: booted, shutdown, destroyed, crashed, saved, unknown, ..."`
}

// StateOf returns what a domain is at.
func StateOf(ctx context.Context, h effect.Doer, a NameArgs) (State, error) {
	const op = "libvirt.state"
	name, err := a.find(ctx, h, op)
	if err != nil {
		return State{}, err
	}
	return a.state(ctx, h, op, name)
}

func (a NameArgs) state(ctx context.Context, h effect.Doer, op, name string) (State, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"virsh", "-c", a.uri(), "domstate", "--domain", name, "--reason"},
		Reads: []effect.Resource{stateOf(a.Name)},
		Answer: func(leaves map[effect.Resource]string) (effect.Result, bool) {
			left, ok := leaves[stateOf(a.Name)]
			return effect.Result{Stdout: effect.OutputOf([]byte(left + "\n"))}, ok
		},
	})
	if err != nil {
		return State{}, explain(err)
	}
	out, err := res.Text()
	if err != nil {
		return State{}, err
	}
	return parseState(op, out)
}

// parseState reads "shut off (destroyed)".
func parseState(op, out string) (State, error) {
	state, reason, ok := strings.Cut(strings.TrimSpace(out), " (")
	reason, closed := strings.CutSuffix(reason, ")")
	if !ok || !closed || state == "" {
		return State{}, effect.Errorf(effect.Failed, op, "virsh domstate printed something else: %.80q", out)
	}
	return State{state, reason}, nil
}
