package net

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Socket is an end of a connection, or one that waits for some.
type Socket struct {
	Proto          string `lua:"proto" doc:"tcp, udp, sctp ..."`
	Family         string `lua:"family" doc:"inet, inet6, or both: one socket of IPv6 that hears IPv4 too"`
	LocalAddress   string `lua:"local_address" doc:"* for all of them"`
	LocalPort      int    `lua:"local_port" doc:"0 where none is bound"`
	ForeignAddress string `lua:"foreign_address" doc:"the other end; * where there is none"`
	ForeignPort    int    `lua:"foreign_port" doc:"0 where there is none"`
	State          string `lua:"state,omitempty" doc:"of TCP: LISTEN, ESTABLISHED ..."`
	User           string `lua:"user,omitempty" doc:"who holds it"`
	Command        string `lua:"command,omitempty" doc:"name of the process"`
	PID            int    `lua:"pid,omitempty" doc:"process that holds it"`
	FD             int    `lua:"fd,omitempty" doc:"its descriptor there"`
}

// SocketsArgs are the arguments of Sockets.
type SocketsArgs struct {
	Proto     string `lua:"proto" doc:"only of this protocol" enum:"tcp|udp|sctp|udplite"`
	Family    string `lua:"family" doc:"only those that speak it" enum:"inet|inet6"`
	Port      int    `lua:"port" doc:"only with this local port"`
	Listening bool   `lua:"listening" doc:"only those that wait for others: TCP that listens, UDP without a peer"`
}

// socketsScript asks both: sockstat knows the owners, netstat the states and those
// without an owner. Newer releases cut addresses unless they are told not to, older
// ones never do and do not know the option.
const socketsScript = `sockstat -46w 2>/dev/null || sockstat -46 || exit
echo "== netstat"
netstat -anW -f inet && netstat -anW -f inet6`

// Sockets lists sockets.
func Sockets(ctx context.Context, h effect.Doer, a SocketsArgs) ([]Socket, error) {
	const op = "net.sockets"
	out, err := read(ctx, h, effect.Effect{
		Op: op, Title: "sockstat -46; netstat -an", Argv: []string{"sh", "-c", socketsScript}, Reads: []effect.Resource{"process", "service", networkResource},
	})
	if err != nil {
		return nil, err
	}
	owned, states, found := strings.Cut(out, "== netstat\n")
	if !found {
		return nil, effect.Errorf(effect.Failed, op, "sockstat printed something else: %.80q", out)
	}
	list, err := parseSockstat(owned)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%v", err)
	}
	list = merge(list, parseNetstat(states))
	return slices.DeleteFunc(list, func(s Socket) bool { return !a.wants(s) }), nil
}

func (a SocketsArgs) wants(s Socket) bool {
	return (a.Proto == "" || s.Proto == a.Proto) && (a.Family == "" || s.Family == a.Family || s.Family == both) &&
		(a.Port == 0 || s.LocalPort == a.Port) && (!a.Listening || s.listens())
}

func (s Socket) listens() bool {
	if s.Proto == "tcp" && s.State != "" {
		return s.State == "LISTEN"
	}
	return s.ForeignAddress == "*" && s.LocalPort != 0
}

const both = "both"

var sockstatLine = lazyregexp.New(`^(\S+)\s+(\S.*?)\s+(\d+|\?)\s+(\d+|\?)\s+([a-z]+)(46|4|6)\s+(\S+)\s+(\S+)`)

// parseSockstat reads what sockstat(1) prints.
func parseSockstat(out string) ([]Socket, error) {
	list := []Socket{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \r\n")
		if line == "" || strings.HasPrefix(line, "USER ") {
			continue
		}
		m := sockstatLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("sockstat printed something else: %.80q", line)
		}
		s := Socket{Proto: m[5], Family: familyNamed(m[6]), User: known(m[1]), Command: known(m[2])}
		s.PID, _ = strconv.Atoi(m[3])
		s.FD, _ = strconv.Atoi(m[4])
		s.LocalAddress, s.LocalPort = endpoint(m[7], ":")
		s.ForeignAddress, s.ForeignPort = endpoint(m[8], ":")
		list = append(list, s)
	}
	return list, nil
}

func known(word string) string {
	if word == "?" {
		return ""
	}
	return word
}

func familyNamed(suffix string) string {
	return map[string]string{"4": inet, "6": inet6, "46": both}[suffix]
}

// endpoint splits an address from its port; what is not bound is a star.
func endpoint(text, separator string) (address string, port int) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, 0
	}
	port, _ = strconv.Atoi(text[at+1:])
	return strings.TrimSuffix(strings.TrimPrefix(text[:at], "["), "]"), port
}

var netstatLine = lazyregexp.New(`^([a-z]+)(46|4|6)\s+\d+\s+\d+\s+(\S+)\s+(\S+)(?:\s+([A-Z]\S*))?\s*$`)

// parseNetstat reads the sockets of IPv4 and IPv6 in what netstat -an prints; other
// lines are no concern.
func parseNetstat(out string) []Socket {
	list := []Socket{}
	for line := range strings.Lines(out) {
		m := netstatLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		s := Socket{Proto: m[1], Family: familyNamed(m[2]), State: m[5]}
		s.LocalAddress, s.LocalPort = endpoint(m[3], ".")
		s.ForeignAddress, s.ForeignPort = endpoint(m[4], ".")
		list = append(list, s)
	}
	return list
}

// ends are what tells a socket from others, but for those that share them.
type ends struct {
	proto, family, local, foreign string
	localPort, foreignPort        int
}

func (s Socket) ends() ends {
	return ends{s.Proto, s.Family, s.LocalAddress, s.ForeignAddress, s.LocalPort, s.ForeignPort}
}

// merge gives sockets their states, and adds those that no process holds.
func merge(owned, all []Socket) []Socket {
	states := map[ends]string{}
	held := map[ends]bool{}
	for _, s := range all {
		states[s.ends()] = s.State
	}
	for k := range owned {
		owned[k].State = states[owned[k].ends()]
		held[owned[k].ends()] = true
	}
	for _, s := range all {
		if !held[s.ends()] {
			owned = append(owned, s)
		}
	}
	return owned
}
