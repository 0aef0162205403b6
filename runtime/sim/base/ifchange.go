package base

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// network runs fn on the machine's interfaces and routes.
func network(p *sim.Proc, fn func(n *state.Network)) {
	withState(p, func(s *state.State) { fn(&s.Network) })
}

// changeInterface is ifconfig with something to change.
func changeInterface(p *sim.Proc, name string, args []string) int {
	if isOneOf(args[0], "create", "plumb") {
		return createInterface(p, name, args[1:])
	}
	exists := false
	network(p, func(n *state.Network) { exists = n.Find(name) != nil })
	if !exists {
		return errx(p, "interface %s does not exist", name)
	}
	if isOneOf(args[0], "destroy", "unplumb") {
		return destroyInterface(p, name)
	}
	return adjustInterface(p, name, args)
}

// denied is what ioctl(2) says to those who are not root.
func denied(p *sim.Proc, request string) int {
	return errx(p, "ioctl (%s): permission denied", request)
}

func createInterface(p *sim.Proc, name string, args []string) int {
	if p.Cred.UID != 0 || p.Machine.JID() != 0 {
		return errx(p, "SIOCIFCREATE2 (%s): Operation not permitted", name)
	}
	var made string
	var err error
	network(p, func(n *state.Network) {
		var i *state.Interface
		if i, err = n.Create(name); err == nil {
			made = i.Name
		}
	})
	if err != nil {
		return errx(p, "SIOCIFCREATE2 (%s): %s", name, sim.ErrText(err))
	}
	if made != name {
		p.Printf("%s\n", made)
	}
	if len(args) > 0 {
		return adjustInterface(p, made, args)
	}
	return 0
}

func destroyInterface(p *sim.Proc, name string) int {
	if p.Cred.UID != 0 || p.Machine.JID() != 0 {
		return errx(p, "SIOCIFDESTROY: Operation not permitted")
	}
	var err error
	network(p, func(n *state.Network) { err = n.Destroy(name) })
	if err != nil {
		return errx(p, "SIOCIFDESTROY: %s", sim.ErrText(err))
	}
	return 0
}

// adjustInterface changes addresses and flags.
func adjustInterface(p *sim.Proc, name string, args []string) int {
	prefix, rest, err := sim.ParseInterfaceAddress(args)
	if err != nil {
		return errx(p, "%s", err)
	}
	alias, remove := false, false
	for k := 0; k < len(rest); k++ {
		switch word := rest[k]; word {
		case "alias", "add":
			alias = true
		case "-alias", "delete", "remove", "-add":
			remove = true
		case "up", "down":
			if p.Cred.UID != 0 || p.Machine.JID() != 0 {
				return denied(p, "SIOCSIFFLAGS")
			}
			network(p, func(n *state.Network) {
				n.Find(name).Set("UP", word == "up")
				n.Settle()
			})
		case "mtu", "description", "descr", "name":
			if k+1 == len(rest) {
				return errx(p, "'%s' requires argument", word)
			}
			k++
			if code := setInterface(p, name, word, rest[k]); code != 0 {
				return code
			}
		default:
			if strings.HasPrefix(word, "-") || isOneOf(word, "promisc", "link0", "link1", "link2", "media", "group", "vlan", "addm", "deletem", "ether") {
				return p.Cannot("ifconfig %s", word)
			}
			return errx(p, "%s: bad value", word)
		}
	}
	if !prefix.IsValid() {
		if alias || remove {
			return errx(p, "ioctl (SIOCAIFADDR): Invalid argument")
		}
		return 0
	}
	return setAddress(p, name, prefix, alias, remove)
}

func setInterface(p *sim.Proc, name, word, value string) int {
	if p.Cred.UID != 0 || p.Machine.JID() != 0 {
		return denied(p, "SIOCSIF"+strings.ToUpper(word))
	}
	if word == "name" {
		return p.Cannot("ifconfig name")
	}
	mtu, err := strconv.Atoi(value)
	if word == "mtu" && (err != nil || mtu < 72) {
		return errx(p, "ioctl SIOCSIFMTU (set mtu): Invalid argument")
	}
	network(p, func(n *state.Network) {
		if i := n.Find(name); word == "mtu" {
			i.MTU = mtu
		} else {
			i.Descr = value
		}
	})
	return 0
}

func setAddress(p *sim.Proc, name string, prefix netip.Prefix, alias, remove bool) int {
	request := "SIOCAIFADDR"
	if remove {
		request = "SIOCDIFADDR"
	}
	if p.Cred.UID != 0 || p.Machine.JID() != 0 {
		return denied(p, request)
	}
	var err error
	network(p, func(n *state.Network) {
		i := n.Find(name)
		switch other := n.Owner(prefix.Addr()); {
		case remove:
			if !i.Remove(prefix.Addr()) {
				err = syscall.EADDRNOTAVAIL
			}
			n.Settle()
		case other != nil && other != i:
			err = syscall.EEXIST
		case alias || prefix.Addr().Is6():
			i.Add(prefix)
		default:
			i.Replace(prefix)
			n.Settle()
		}
	})
	if err != nil {
		return errx(p, "ioctl (%s): %s", request, sim.ErrText(err))
	}
	return 0
}

// changeRoutes is route add, delete, change and flush.
func changeRoutes(p *sim.Proc, o *options, verb string, args []string) int {
	if p.Cred.UID != 0 || p.Machine.JID() != 0 {
		return exitWith(77, errx(p, "must be root to alter routing table"))
	}
	if verb == "flush" {
		return flushRoutes(p, o)
	}
	if verb == "del" {
		verb = "delete"
	}
	six := o.has("6") || slices.Contains(args, "-inet6") || slices.Contains(args, "-6")
	var words []string
	isDefault := false
	for _, a := range args {
		if a == "default" {
			isDefault = true
			if a = "0.0.0.0/0"; six {
				a = "::/0"
			}
		}
		words = append(words, a)
	}
	to, gateway, ok := sim.ParseRoute(words)
	if !ok {
		return exitWith(68, errx(p, "bad address: %s", strings.Join(args, " ")))
	}
	if gateway == "" && verb != "delete" {
		return o.wrong(p)
	}
	what := "net " + to.Addr().String()
	switch {
	case isDefault || to.Bits() == 0:
		what = "net default"
	case to.IsSingleIP() && !slices.Contains(args, "-net"):
		what = "host " + to.Addr().String()
	}
	if gateway != "" {
		what += ": gateway " + gateway
	}
	var err error
	network(p, func(n *state.Network) { err = setRoute(n, verb, to, gateway) })
	if err == nil {
		if !o.has("q") {
			p.Printf("%s %s\n", verb, what)
		}
		return 0
	}
	reason := sim.ErrText(err)
	p.Errorf("route: writing to routing socket: %s\n", reason)
	switch {
	case errors.Is(err, syscall.EEXIST):
		reason = "route already in table"
	case errors.Is(err, syscall.ESRCH):
		reason = "not in table"
	}
	p.Printf("%s %s fib 0: %s\n", verb, what, reason)
	return 1
}

// setRoute changes a route in the table.
func setRoute(n *state.Network, verb string, to netip.Prefix, gateway string) error {
	slot := &n.Gateway
	if to.Addr().Is6() {
		slot = &n.Gateway6
	}
	at := slices.IndexFunc(n.Routes, func(r state.Route) bool { return r.To == to.String() })
	isDefault := to.Bits() == 0
	exists := at >= 0 || isDefault && *slot != ""
	switch {
	case verb == "add" && exists:
		return syscall.EEXIST
	case verb != "add" && !exists:
		return syscall.ESRCH
	}
	if verb != "delete" && interfaceTo(n, gateway) == "" {
		return syscall.ENETUNREACH
	}
	switch {
	case isDefault && verb == "delete":
		*slot = ""
	case isDefault:
		*slot = gateway
	case verb == "delete":
		n.Routes = slices.Delete(n.Routes, at, at+1)
	case exists:
		n.Routes[at].Gateway = gateway
	default:
		n.Routes = append(n.Routes, state.Route{To: to.String(), Gateway: gateway})
	}
	return nil
}

func flushRoutes(p *sim.Proc, o *options) int {
	var gone []state.Route
	network(p, func(n *state.Network) {
		for _, gateway := range []string{n.Gateway, n.Gateway6} {
			if gateway != "" {
				gone = append(gone, state.Route{To: "default", Gateway: gateway})
			}
		}
		gone = append(gone, n.Routes...)
		n.Gateway, n.Gateway6, n.Routes = "", "", nil
	})
	for _, r := range gone {
		if !o.has("q") {
			p.Printf("%-20.20s %-20.20s done\n", r.To, r.Gateway)
		}
	}
	return 0
}
