package engine

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/user"
	"sync"
	"sync/atomic"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sshhost"
)

// transport is the Doer below all layers.
type transport interface {
	effect.Doer
	// Close ends the connection; without keep, what the run left on the host
	// is removed first.
	Close(ctx context.Context, keep bool) error
}

// perHost bounds the effects of one host that are under way at once.
const perHost = 8

// connection is one host as all scripts of the run share it.
type connection struct {
	host      inventory.Host
	transport transport
	clock     clock.Clock
	touched   atomic.Bool  // an effect has been sent
	check     effect.Layer // one world of pending changes a host
	limit     effect.Layer
	place     effect.Layer // sets host and clock, also for another host's script

	uses int
	keep bool // something stopped on it: the run may go on there
}

// connections are the hosts that are open, each once.
type connections struct {
	mu       sync.Mutex
	live     map[string]*connection
	lent     map[string][]*connection // to the script on a host, until it ends
	machines map[string]func() (*sim.Machine, error)
	shared   map[string]*shared // transports, by the host's name without a jail
}

// shared is a transport that a host and its jails have in common.
type shared struct {
	transport
	clock  clock.Clock
	uses   int
	keep   bool
	forget func()
}

// open is the connection to a host. It does not wait for the host to answer:
// the first effect does.
func (cs *connections) open(ctx context.Context, r *run, h inventory.Host) (*connection, error) {
	var m *sim.Machine
	if h.Kind == inventory.Sim && r.o.dial == nil {
		var err error
		if m, err = cs.machine(r, h); err != nil {
			return nil, err
		}
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.live[h.Name]; c != nil {
		c.uses++
		return c, nil
	}
	t, hostClock, err := cs.dial(ctx, r, h, m)
	if err != nil {
		return nil, err
	}
	c := &connection{
		host: h, transport: t, clock: hostClock, check: r.checkLayer(), limit: layer.Limit(perHost), uses: 1,
	}
	c.place = func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			c.touched.Store(true)
			return next.Do(clock.With(effect.WithHost(ctx, h.Name), hostClock), e)
		})
	}
	if cs.live == nil {
		cs.live = map[string]*connection{}
	}
	cs.live[h.Name] = c
	return c, nil
}

// lend notes that a host's script uses another host until it ends.
func (cs *connections) lend(to string, c *connection) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.lent == nil {
		cs.lent = map[string][]*connection{}
	}
	cs.lent[to] = append(cs.lent[to], c)
}

// closeTimeout bounds the tidying up of a host that does not answer any more.
const closeTimeout = 20 * time.Second

// close gives a host's connection back, and those lent to its script.
func (cs *connections) close(ctx context.Context, c *connection, keep bool) error {
	cs.mu.Lock()
	given := append([]*connection{c}, cs.lent[c.host.Name]...)
	delete(cs.lent, c.host.Name)
	var last []*connection
	for _, c := range given {
		c.uses--
		c.keep = c.keep || keep
		if c.uses == 0 {
			last = append(last, c)
			delete(cs.live, c.host.Name)
		}
	}
	cs.mu.Unlock()
	var errs []error
	for _, c := range last {
		ctx, cancel := context.WithTimeout(clock.With(context.WithoutCancel(ctx), c.clock), closeTimeout)
		errs = append(errs, c.transport.Close(ctx, c.keep))
		cancel()
	}
	return errors.Join(errs...)
}

// closeAll ends the run's simulated machines.
func (cs *connections) closeAll() error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var errs []error
	for _, made := range cs.machines {
		if m, err := made(); err == nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

// dial makes the transport to a host, or to a jail over that of its host; m is the
// machine of a simulated one.
func (cs *connections) dial(ctx context.Context, r *run, h inventory.Host, m *sim.Machine) (transport, clock.Clock, error) {
	s := cs.shared[h.Base()]
	if s == nil {
		t, hostClock, err := r.dialHost(ctx, h, m)
		if err != nil {
			return nil, nil, err
		}
		s = &shared{transport: t, clock: hostClock}
		s.forget = func() { delete(cs.shared, h.Base()) }
		if cs.shared == nil {
			cs.shared = map[string]*shared{}
		}
		cs.shared[h.Base()] = s
	}
	s.uses++
	t := &part{shared: s, of: cs, inside: s.transport}
	if h.Jail != "" {
		t.inside = host.In(s.transport, h.Jail)
	}
	return t, s.clock, nil
}

// part is a host's or a jail's share of a transport.
type part struct {
	shared *shared
	of     *connections
	inside effect.Doer
}

// Do does an effect there.
func (p *part) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	return p.inside.Do(ctx, e)
}

// Close closes the transport when nobody else has a share of it.
func (p *part) Close(ctx context.Context, keep bool) error {
	p.of.mu.Lock()
	s := p.shared
	s.uses--
	s.keep = s.keep || keep
	last := s.uses == 0
	if last {
		s.forget()
	}
	p.of.mu.Unlock()
	if !last {
		return nil
	}
	return s.Close(ctx, s.keep)
}

// dialHost makes the transport to a host.
func (r *run) dialHost(ctx context.Context, h inventory.Host, m *sim.Machine) (transport, clock.Clock, error) {
	if r.o.dial != nil {
		t, err := r.o.dial(h)
		if c, ok := t.(clock.Clock); ok {
			return t, c, err
		}
		return t, clock.From(ctx), err
	}
	cfg := r.hostConfig(h)
	switch h.Kind {
	case inventory.Local:
		return sshhost.NewLocal(cfg), clock.From(ctx), nil
	case inventory.Sim:
		r.simulated(m, h, &cfg)
		return sshhost.New(cfg), m.Clock(), nil
	}
	return sshhost.New(cfg), clock.From(ctx), nil
}

// hostConfig says how to reach a host: what the inventory says of it, then what
// the command line says of all.
func (r *run) hostConfig(h inventory.Host) sshhost.Config {
	var identity []string
	for _, file := range []string{h.Identity, r.o.Identity} {
		if file != "" {
			identity = append(identity, file)
		}
	}
	knownHosts := r.o.KnownHosts
	if h.KnownHosts != "" {
		knownHosts = []string{h.KnownHosts}
	}
	cfg := sshhost.Config{
		Name: h.Base(), Address: h.Address, User: cmp.Or(h.User, r.o.User), Port: h.Port, Jump: cmp.Or(h.Jump, r.o.Jump),
		Identity: identity, KnownHosts: knownHosts, AcceptNew: h.AcceptNew || r.o.AcceptNew, Legacy: h.Legacy || r.o.Legacy,
		ConnectTimeout: cmp.Or(h.ConnectTimeout, r.o.ConnectTimeout), Shared: r.shared,
		Become:   sshhost.Become{Method: cmp.Or(h.Become, r.o.Become), User: cmp.Or(h.BecomeUser, r.o.BecomeUser), Password: r.password},
		StateDir: h.StateDir, Controller: controller(), Resumed: r.past != nil,
		TakeOver: r.o.TakeOver, Owner: r.ownerOf(h.Base()),
	}
	if !r.o.Check { // a check leaves nothing on a host
		cfg.Run = r.id
	}
	if p := r.past[h.Base()]; p != nil && !p.effects.LedgerGone { // a jail has a ledger of its own
		cfg.Noted = p.effects.Noted
	}
	r.setGreeting(&cfg)
	return cfg
}

// ownerOf tells what the journal knows of a run that has locked a host.
func (r *run) ownerOf(host string) func(ctx context.Context, id string) sshhost.Owner {
	return func(ctx context.Context, id string) sshhost.Owner {
		record, err := r.store.Find(ctx, id)
		if err != nil || record.ID != id {
			return sshhost.Owner{} // of another controller, or forgotten
		}
		hosts, err := r.store.Hosts(ctx, id)
		if err != nil {
			return sshhost.Owner{}
		}
		owner := sshhost.Owner{Told: record.Recipe + " is under way", Active: record.State == journal.Running}
		if owner.Active {
			return owner
		}
		owner.Told, owner.Over = record.Recipe+" ended "+record.State, record.State != journal.Interrupted
		for _, h := range hosts {
			if h.Status != effect.StatusOK && h.Status != effect.StatusFailed {
				owner.Over = false
			}
			if h.Name == host && h.Status != "" {
				owner.Told = record.Recipe + " ended here " + h.Status
			}
		}
		if !record.Ended.IsZero() {
			owner.Told += " at " + record.Ended.UTC().Format(time.RFC3339)
		}
		return owner
	}
}

// controller names this machine and who works on it, for the lock on a host.
var controller = sync.OnceValue(func() string {
	name, _ := os.Hostname()
	if u, err := user.Current(); err == nil {
		return u.Username + "@" + name
	}
	return name
})
