package engine

import (
	"cmp"
	"context"
	"net"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sshhost"
)

// simulated points a configuration at the simulated machine that a host names.
func (cs *connections) simulated(r *run, h inventory.Host, cfg *sshhost.Config) (*sim.Machine, error) {
	spec, err := sim.ParseURL(h.Sim)
	if err != nil {
		return nil, effect.Errorf(effect.Usage, "sim", "%v", err)
	}
	m, err := cs.machine(r, h, spec)
	if err != nil {
		return nil, err
	}
	cfg.Address = m.Name
	cfg.User = cmp.Or(h.User, spec.Params.Get("user"), "root")
	cfg.Dialer = func(ctx context.Context) (net.Conn, error) {
		conn, err := m.Dial(ctx)
		if err == nil && r.o.WrapConn != nil {
			conn = r.o.WrapConn(conn)
		}
		return conn, err
	}
	cfg.HostKey = m.Trust()
	cfg.Auth = m.Auth()
	return m, nil
}

// machine is a simulated machine of the run; it lives as long as the run. A bare
// sim: is the profile that the recipe asks for.
func (cs *connections) machine(r *run, h inventory.Host, spec sim.Spec) (*sim.Machine, error) {
	if m := r.o.Machines[h.Base()]; m != nil {
		return m, nil
	}
	if m := cs.machines[h.Base()]; m != nil {
		return m, nil
	}
	if spec.Profile == "" && r.program.Recipe != nil {
		spec.Profile = r.program.Recipe.Sim
	}
	m, err := sim.New(sim.Options{Profile: spec.Profile, Name: h.Base(), Params: spec.Params, Tools: r.o.Tools, Network: r.network, Login: h.User})
	if err != nil {
		return nil, effect.Errorf(effect.Usage, "sim", "%s: %v", h.Sim, err)
	}
	if cs.machines == nil {
		cs.machines = map[string]*sim.Machine{}
	}
	cs.machines[h.Base()] = m
	return m, nil
}
