package engine

import (
	"cmp"
	"context"
	"net"
	"sync"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sshhost"
)

// simulated points a configuration at the simulated machine that a host names.
func (r *run) simulated(m *sim.Machine, h inventory.Host, cfg *sshhost.Config) {
	cfg.Address = m.Name
	cfg.User = cmp.Or(h.User, m.Params.Get("user"), "root")
	cfg.Dialer = func(ctx context.Context) (net.Conn, error) {
		conn, err := m.Dial(ctx)
		if err == nil && r.o.WrapConn != nil {
			conn = r.o.WrapConn(conn)
		}
		return conn, err
	}
	cfg.HostKey = m.Trust()
	cfg.Auth = m.Auth()
}

// machine is the simulated machine that a host names, made once; it lives as long as
// the run. Machines are made side by side, as their hosts are connected to.
func (cs *connections) machine(r *run, h inventory.Host) (*sim.Machine, error) {
	if m := r.o.Machines[h.Base()]; m != nil {
		return m, nil
	}
	cs.mu.Lock()
	made := cs.machines[h.Base()]
	if made == nil {
		made = sync.OnceValues(func() (*sim.Machine, error) { return r.newMachine(h) })
		if cs.machines == nil {
			cs.machines = map[string]func() (*sim.Machine, error){}
		}
		cs.machines[h.Base()] = made
	}
	cs.mu.Unlock()
	return made()
}

// newMachine makes a simulated machine. A bare sim: is the profile that the recipe
// asks for.
func (r *run) newMachine(h inventory.Host) (*sim.Machine, error) {
	spec, err := sim.ParseURL(h.Sim)
	if err != nil {
		return nil, effect.Errorf(effect.Usage, "sim", "%v", err)
	}
	if spec.Profile == "" && r.program.Recipe != nil {
		spec.Profile = r.program.Recipe.Sim
	}
	m, err := sim.New(sim.Options{Profile: spec.Profile, Name: h.Base(), Params: spec.Params, Tools: r.tools(), Network: r.network, Login: h.User})
	if err != nil {
		return nil, effect.Errorf(effect.Usage, "sim", "%s: %v", h.Sim, err)
	}
	return m, nil
}

func (r *run) simulatedTools() []*sim.Tool {
	if r.o.Tools == nil {
		return nil
	}
	return r.o.Tools()
}
