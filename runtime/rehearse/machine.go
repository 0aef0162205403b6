package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sshhost"
)

// machine is a simulated machine of a test, which reaches it by a connection of
// its own.
type machine struct {
	test    *session
	sim     *sim.Machine
	profile string
	as      login

	mu   sync.Mutex
	conn *sshhost.Host // nil: made when it is needed
}

// Do does an effect of the test itself: no check, no journal, no questions.
func (m *machine) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	m.test.mu.Lock()
	m.test.last = m
	m.test.mu.Unlock()
	return m.connection().Do(clock.With(effect.WithHost(ctx, m.sim.Name), m.sim.Clock()), e)
}

func (m *machine) connection() *sshhost.Host {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		m.conn = sshhost.New(sshhost.Config{
			Name: m.sim.Name, User: "root", Dialer: m.sim.Dial, HostKey: m.sim.Trust(), Auth: m.sim.Auth(),
			StateDir: "/var/tmp/rehearse", Greeting: host.FactsScript, Legacy: true,
		})
	}
	return m.conn
}

// hangUp ends the test's own connection: a run may have rebooted the machine.
func (m *machine) hangUp(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		_ = m.conn.Close(clock.With(ctx, m.sim.Clock()), true)
		m.conn = nil
	}
}

func (m *machine) host() inventory.Host {
	return inventory.Host{Name: m.sim.Name, Kind: inventory.Sim, Sim: "sim:" + m.profile, User: m.as.User,
		Settings: inventory.Settings{Become: m.as.Become, Legacy: m.as.Legacy}}
}

// login says how runs get in.
type login struct {
	User   string `lua:"user" doc:"who the runs log in as; default: root"`
	Become string `lua:"become" enum:"auto|doas|sudo|su|mdo" doc:"how they become root then"`
	Legacy bool   `lua:"legacy" doc:"they offer the algorithms that old releases know"`
}

type machineArgs struct {
	Profile string `lua:"profile,pos" doc:"as bsdrun list names them; default: the recipe's own"`
	Name    string `lua:"name" doc:"the host's name; default: the profile's, and a number from the second on"`
	login   `lua:",inline"`
	Params  map[string]any `lua:"params" doc:"what goes behind the question mark of a sim: address: faults, sizes, versions; a list gives one several times"`
}

func newMachine(ctx context.Context, a machineArgs) (binding.Host, error) {
	t, err := current(ctx, "rehearse.machine")
	if err != nil {
		return binding.Host{}, err
	}
	params, err := query(a.Params)
	if err != nil {
		return binding.Host{}, effect.Errorf(effect.Invalid, "rehearse.machine", "%v", err)
	}
	profile := a.Profile
	if profile == "" {
		profile = t.recipeProfile()
	}
	m, err := t.add(profile, a.Name, a.login, params)
	if err != nil {
		return binding.Host{}, effect.Errorf(effect.Invalid, "rehearse.machine", "%v", err)
	}
	return binding.Host{Doer: m, Name: m.sim.Name, Kind: "machine", ID: m.sim.Name}, nil
}

// query is a table of parameters as an address has them.
func query(params map[string]any) (url.Values, error) {
	values := url.Values{}
	for name, value := range params {
		list, several := value.([]any)
		if !several {
			list = []any{value}
		}
		for _, item := range list {
			if _, odd := item.(map[string]any); odd {
				return nil, fmt.Errorf("params.%s: expected a word, a number or a list of them", name)
			}
			values.Add(name, fmt.Sprint(item))
		}
	}
	return values, nil
}

// add makes a machine. A profile's second machine has a number.
func (t *session) add(profile, name string, as login, params url.Values) (*machine, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if name == "" {
		if name = profile; name == "" {
			name = defaultProfile
		}
		for n := 2; t.machines[name] != nil; n++ {
			name = fmt.Sprintf("%s-%d", profile, n)
		}
	}
	if t.machines[name] != nil {
		return nil, fmt.Errorf("there is a machine %s already", name)
	}
	made, err := sim.New(sim.Options{Profile: profile, Name: name, Params: params, Tools: t.o.Tools, Network: t.network, Login: as.User})
	if err != nil {
		return nil, err
	}
	m := &machine{test: t, sim: made, profile: profile, as: as}
	t.machines[name] = m
	t.order = append(t.order, m)
	return m, nil
}

const defaultProfile = "freebsd-14.3"

// machineOf is the machine that a script gave; jails and other users' views are
// none.
func machineOf(op string, h effect.Doer) (*machine, error) {
	for {
		switch inner := h.(type) {
		case *machine:
			return inner, nil
		case interface{ Unwrap() effect.Doer }:
			h = inner.Unwrap()
		default:
			return nil, effect.Errorf(effect.Invalid, op, "machine: expected what rehearse.machine returned")
		}
	}
}

type toolArgs struct {
	Machine effect.Doer `lua:"machine,required" doc:"the machine"`
	Tool    string      `lua:"tool,required" doc:"name of the command"`
}

type failArgs struct {
	toolArgs `lua:",inline"`
	Code     int    `lua:"code" default:"1" doc:"its exit code"`
	Message  string `lua:"message" doc:"what it prints on standard error"`
	Times    int    `lua:"times" doc:"so often; 0: from now on"`
}

func failTool(_ context.Context, a failArgs) error {
	m, err := machineOf("rehearse.fail", a.Machine)
	if err == nil {
		m.sim.FailTool(a.Tool, a.Code, a.Message, a.Times)
	}
	return err
}

func healTool(_ context.Context, a toolArgs) error {
	m, err := machineOf("rehearse.heal", a.Machine)
	if err == nil {
		m.sim.HealTool(a.Tool)
	}
	return err
}

type pathArgs struct {
	Machine effect.Doer `lua:"machine,required" doc:"the machine"`
	Path    string      `lua:"path,required" doc:"absolute"`
}

func deny(_ context.Context, a pathArgs) error {
	m, err := machineOf("rehearse.deny", a.Machine)
	if err == nil {
		m.sim.Deny(a.Path)
	}
	return err
}

func permit(_ context.Context, a pathArgs) error {
	m, err := machineOf("rehearse.permit", a.Machine)
	if err == nil {
		m.sim.Allow(a.Path)
	}
	return err
}

type cutArgs struct {
	Machine effect.Doer `lua:"machine,required" doc:"the machine"`
	After   int64       `lua:"after,required" doc:"bytes that it sends until then"`
}

func cut(ctx context.Context, a cutArgs) error {
	m, err := machineOf("rehearse.cut", a.Machine)
	if err == nil {
		m.hangUp(ctx) // the test's own connection is not meant
		m.sim.CutAfter(a.After)
	}
	return err
}

type refuseArgs struct {
	Machine effect.Doer `lua:"machine,required" doc:"the machine"`
	Kind    string      `lua:"kind,required" enum:"exec|shell|sftp|session" doc:"kind of channel"`
	Undo    bool        `lua:"undo" doc:"accept it again"`
}

func refuse(ctx context.Context, a refuseArgs) error {
	m, err := machineOf("rehearse.refuse", a.Machine)
	if err == nil {
		m.hangUp(ctx)
		m.sim.Refuse(a.Kind, !a.Undo)
	}
	return err
}

type unreachableArgs struct {
	Address string `lua:"address,required" doc:"a host, or the beginning of addresses"`
	Reason  string `lua:"reason,pos" default:"Operation timed out" doc:"what tools say of it"`
}

func unreachable(ctx context.Context, a unreachableArgs) error {
	t, err := current(ctx, "rehearse.unreachable")
	if err == nil {
		t.network.SetUnreachable(a.Address, a.Reason)
	}
	return err
}

type passArgs struct {
	Machine effect.Doer   `lua:"machine,required" doc:"the machine"`
	Time    time.Duration `lua:"time,required" doc:"how long"`
}

func pass(ctx context.Context, a passArgs) error {
	m, err := machineOf("rehearse.pass", a.Machine)
	if err != nil {
		return err
	}
	return clock.Sleep(clock.With(ctx, m.sim.Clock()), a.Time)
}
