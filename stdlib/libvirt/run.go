package libvirt

import (
	"cmp"
	"context"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Connect says which hypervisor is asked.
type Connect struct {
	URI string `lua:"connect" doc:"libvirt's URI of the hypervisor; qemu:///session has the domains of the user alone" default:"qemu:///system"`
}

func (c Connect) uri() string { return cmp.Or(c.URI, "qemu:///system") }

// NameArgs name a domain.
type NameArgs struct {
	Name    string `lua:"name,required" doc:"the domain's name or UUID"`
	Connect `lua:",inline"`
}

// query runs a script that only looks. Its first argument is the URI.
func (c Connect) query(ctx context.Context, h effect.Doer, op, title, script string, reads []effect.Resource, args ...string) (string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Title: title, Reads: reads,
		Argv: append([]string{"sh", "-c", script, "sh", c.uri()}, args...),
	})
	if err != nil {
		return "", explain(err)
	}
	return res.Text()
}

// change runs a command of virsh that alters something.
func (c Connect) change(ctx context.Context, h effect.Doer, e effect.Effect, args ...string) (effect.Result, error) {
	e.Kind = effect.Change
	e.Argv = append([]string{"virsh", "-c", c.uri()}, args...)
	res, err := h.Do(ctx, e)
	return res, explain(err)
}

// everything is all that libvirt knows.
var everything = []effect.Resource{"libvirt"}

// definition is a domain as it is on record, state what it is at.
func definition(name string) effect.Resource { return effect.Resource("libvirt:domain/" + name) }
func stateOf(name string) effect.Resource    { return effect.Resource("libvirt:state/" + name) }

func checkName(op, what, name string) error {
	if name == "" || strings.ContainsAny(name, "\n\x00/") {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a %s", name, what)
	}
	return nil
}

// numeric names look like the number of a running domain, which virsh prefers.
var numeric = lazyregexp.New(`^\d+$`)

// find is the domain's name, or its UUID where virsh would take the name for the
// number of another one.
func (a NameArgs) find(ctx context.Context, h effect.Doer, op string) (string, error) {
	if err := checkName(op, "domain", a.Name); err != nil || !numeric.MatchString(a.Name) {
		return a.Name, err
	}
	list, err := Domains(ctx, h, DomainsArgs{Connect: a.Connect})
	if err != nil {
		return "", err
	}
	for _, d := range list {
		if d.Name == a.Name {
			return d.UUID, nil
		}
	}
	return "", effect.Errorf(effect.Missing, op, "there is no domain %q", a.Name)
}

// rules tell what the texts of virsh mean and what to do about them.
var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`virsh: (?:command )?[Nn]ot found|exec: virsh: not found`), Kind: effect.Missing, Hint: "this host has no virsh (libvirt-clients)"},
	{Pattern: lazyregexp.New(`[Ff]ailed to get domain|Domain not found|no domain with matching`), Kind: effect.Missing, Hint: "h.libvirt.domains lists them; the root user and others may each have domains of their own (connect=)"},
	{Pattern: lazyregexp.New(`[Ff]ailed to get network|Network not found|no network with matching`), Kind: effect.Missing, Hint: "h.libvirt.networks lists them"},
	{Pattern: lazyregexp.New(`[Ff]ailed to get pool|Storage pool not found|no storage pool with matching`), Kind: effect.Missing, Hint: "h.libvirt.pools lists them"},
	{Pattern: lazyregexp.New(`[Ff]ailed to get vol|Storage volume not found|no storage vol with matching`), Kind: effect.Missing, Hint: "see with virsh vol-list which volumes the pool has; virsh pool-refresh looks for new ones"},
	{Pattern: lazyregexp.New(`pool '([^']*)' is not active`), Kind: effect.Failed, Hint: "start it first: virsh pool-start $1"},
	{Pattern: lazyregexp.New(`authentication (?:unavailable|failed)|polkit|[Pp]ermission denied|Operation not permitted|Unable to get system bus connection|access denied`), Kind: effect.Denied, Hint: "the hypervisor of the system is root's and the group libvirt's: run as root (-b, or h:as(\"root\")); connect=\"qemu:///session\" has the user's own domains"},
	{Pattern: lazyregexp.New(`Failed to connect socket to '([^']*)'`), Kind: effect.Failed, Hint: "libvirt's daemon does not run: start libvirtd, or virtqemud where its drivers have daemons of their own"},
	{Pattern: lazyregexp.New(`[Ff]ailed to connect to the hypervisor`), Kind: effect.Failed, Hint: "see whether connect= is right, and what the journal says of libvirtd"},
	{Pattern: lazyregexp.New(`network '([^']*)' is not active`), Kind: effect.Failed, Hint: "start the network first: virsh net-start $1"},
	{Pattern: lazyregexp.New(`Failed to get "write" lock|Is another process using the image`), Kind: effect.Failed, Hint: "something uses its disk: another domain, or a qemu-img under way"},
	{Pattern: lazyregexp.New(`Cannot access storage file '([^']*)'`), Kind: effect.Failed, Hint: "$1 is missing, or not readable for QEMU's user"},
}

// explain adds to a failure of virsh what its texts mean.
func explain(err error) error {
	err, _ = effect.Explain(err, rules)
	return err
}

// fields reads lines of "Key:   value".
func fields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			out[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return out
}

func diff(subject, note string) *effect.Diff { return &effect.Diff{Path: subject, Note: note} }
