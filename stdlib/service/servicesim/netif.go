package servicesim

import (
	"strings"

	"bsdrun/runtime/sim"
)

// netif is what the script of that name does: interfaces as rc.conf has them, all
// or those that are named.
func netif(p *sim.Proc, action string, names []string) int {
	title, change := "Starting", p.Machine.StartInterfaces
	if action == "stop" {
		title, change = "Stopping", p.Machine.StopInterfaces
	}
	list := change(names)
	if len(list) == 0 {
		return 1
	}
	p.Printf("%s Network: %s.\n", title, strings.Join(list, " "))
	for _, name := range list {
		p.RunCommand(sim.Command{Args: []string{"/sbin/ifconfig", name}})
	}
	return 0
}

// routing is what the script of that name does.
func routing(p *sim.Proc, action string) int {
	if action == "stop" {
		p.Machine.StopRouting()
		return 0
	}
	p.Machine.StartRouting()
	s := p.Machine.State()
	s.Lock()
	gateway := s.Network.Gateway
	s.Unlock()
	if gateway != "" {
		p.Printf("add net default: gateway %s\n", gateway)
	}
	return 0
}
