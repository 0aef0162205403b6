package net

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// ResolveArgs are the arguments of Resolve.
type ResolveArgs struct {
	Name   string `lua:"name,required" doc:"name of a host"`
	Family string `lua:"family" doc:"only addresses of this family" enum:"inet|inet6"`
}

// Resolved are the addresses of a name.
type Resolved struct {
	Name      string   `lua:"name" doc:"as it was asked for"`
	Addresses []string `lua:"addresses" doc:"in the order in which programs try them; none where the name is not known"`
	Error     string   `lua:"error,omitempty" doc:"what the resolver said instead"`
}

// resolveScript asks the resolver of programs, by getaddrinfo(1) where the release
// has it.
const resolveScript = `if command -v getaddrinfo >/dev/null; then getaddrinfo -t stream "$1"; else getent hosts "$1"; fi`

var hostName = lazyregexp.New(`^[A-Za-z0-9_]([A-Za-z0-9_.:%-]*[A-Za-z0-9_.])?$|^::`)

// Resolve looks a name up.
func Resolve(ctx context.Context, h effect.Doer, a ResolveArgs) (Resolved, error) {
	const op = "net.resolve"
	if !hostName.MatchString(a.Name) {
		return Resolved{}, effect.Errorf(effect.Invalid, op, "%q is no name of a host", a.Name)
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Title: "look up " + a.Name, Argv: []string{"sh", "-c", resolveScript, "sh", a.Name},
		Reads: []effect.Resource{networkResource, "pf", effect.File("/etc/hosts"), effect.File("/etc/resolv.conf"), effect.File("/etc/nsswitch.conf")},
		Want:  []int{0, 1, 2},
	})
	if err != nil {
		return Resolved{}, err
	}
	out, err := res.Text()
	if err != nil {
		return Resolved{}, err
	}
	r := Resolved{Name: a.Name, Addresses: parseResolved(out, a.Family)}
	if res.Code != 0 {
		r.Error = "the name is not known"
		if reason := reasonIn(res.Stderr); reason != "" {
			r.Error = reason
		}
	}
	return r, nil
}

// parseResolved finds addresses in the lines of getaddrinfo(1), "stream inet tcp
// 192.0.2.1 0", and of getent(1), "192.0.2.1  name". Each counts once.
func parseResolved(out, family string) []string {
	list := []string{}
	for line := range strings.Lines(out) {
		for _, word := range strings.Fields(line) {
			a, err := netip.ParseAddr(word)
			if err != nil {
				continue
			}
			if (family == "" || familyOf(a) == family) && !slices.Contains(list, a.String()) {
				list = append(list, a.String())
			}
			break
		}
	}
	return list
}

// ReachableArgs are the arguments of Reachable.
type ReachableArgs struct {
	Host    string        `lua:"host,required" doc:"name or address"`
	Port    int           `lua:"port" doc:"TCP port; without one it is pinged"`
	Family  string        `lua:"family" doc:"by this one; default: whichever is tried first" enum:"inet|inet6"`
	Timeout time.Duration `lua:"timeout" doc:"how long to wait for an answer" default:"5" unit:"seconds"`
}

// Reached tells whether a host was reached.
type Reached struct {
	Reachable bool    `lua:"reachable" doc:"it answered"`
	Time      float64 `lua:"time,omitempty" doc:"round trip of the ping" unit:"milliseconds"`
	Error     string  `lua:"error,omitempty" doc:"why not, in the words of nc or ping"`
}

// pingScript pings by the one command of newer releases; older ones do not know the
// families, and have another command for IPv6.
const pingScript = `case $1 in inet) family=-4;; inet6) family=-6;; *) exec ping -n -c 1 -t "$2" "$3";; esac
ping $family -n -c 1 -t "$2" "$3"; code=$?
[ $code = 64 ] || exit $code
[ $1 = inet ] || exec ping6 -n -c 1 "$3"
exec ping -n -c 1 -t "$2" "$3"`

// Reachable tells whether the host reaches another one.
func Reachable(ctx context.Context, h effect.Doer, a ReachableArgs) (Reached, error) {
	const op = "net.reachable"
	seconds := strconv.Itoa(int((a.Timeout + time.Second - 1) / time.Second))
	switch {
	case !hostName.MatchString(a.Host):
		return Reached{}, effect.Errorf(effect.Invalid, op, "%q is no name of a host", a.Host)
	case a.Port < 0 || a.Port > 65535:
		return Reached{}, effect.Errorf(effect.Invalid, op, "%d is no port", a.Port)
	case a.Timeout < 0:
		return Reached{}, effect.Errorf(effect.Invalid, op, "a timeout is no less than 0")
	case a.Timeout == 0:
		seconds = "5"
	}
	e := effect.Effect{Op: op, Reads: []effect.Resource{networkResource, interfacesResource, routesResource, "pf"}}
	if a.Port > 0 {
		e.Argv = []string{"nc", "-z", "-v", "-w", seconds}
		if option := map[string]string{inet: "-4", inet6: "-6"}[a.Family]; option != "" {
			e.Argv = append(e.Argv, option)
		}
		e.Argv = append(e.Argv, a.Host, strconv.Itoa(a.Port))
		e.Want = []int{0, 1}
	} else {
		family := a.Family
		if address, err := netip.ParseAddr(a.Host); err == nil && family == "" {
			family = familyOf(address)
		}
		e.Title, e.Argv, e.Want = "ping "+a.Host, []string{"sh", "-c", pingScript, "sh", family, seconds, a.Host}, []int{0, 1, 2, 68}
	}
	res, err := h.Do(ctx, e)
	if err != nil {
		return Reached{}, err
	}
	return reached(res)
}

var roundTrip = lazyregexp.New(`time=([\d.]+) ms`)

func reached(res effect.Result) (Reached, error) {
	out, err := res.Text()
	if err != nil {
		return Reached{}, err
	}
	r := Reached{Reachable: res.Code == 0}
	if r.Reachable {
		if m := roundTrip.FindStringSubmatch(out); m != nil {
			r.Time, _ = strconv.ParseFloat(m[1], 64)
		}
		return r, nil
	}
	if r.Error = reasonIn(res.Stderr); r.Error == "" {
		r.Error = "no answer"
	}
	return r, nil
}

// reasonIn is what the last line of complaint ends with; empty where there is none.
func reasonIn(stderr effect.Output) (reason string) {
	for line := range strings.Lines(string(stderr.Tail(4 << 10))) {
		if at := strings.LastIndex(line, ": "); at >= 0 {
			reason = strings.TrimSpace(line[at+2:])
		}
	}
	return reason
}
