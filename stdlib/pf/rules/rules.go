// Package rules is the language of pf.conf(5): read as pfctl(8) reads it, with
// macros and lists expanded, and written as pfctl prints it.
package rules

import (
	"fmt"
	"net/netip"
)

// Ruleset is a file, or an anchor, of rules: each rule stands for one
// combination of what lists allow.
type Ruleset struct {
	Macros  []Macro
	Options []Option
	Tables  []Table
	Queues  []string // altq and queue lines
	Ether   []string // ether lines
	Scrub   []Rule
	Nat     []Rule
	Rdr     []Rule
	Binat   []Rule
	Filter  []Rule
	Loads   []Load

	// Said is what pfctl -v says while it reads, in the order of the file.
	Said []string
}

// Translation are the nat, rdr and binat rules, in pfctl's order.
func (s *Ruleset) Translation() []Rule {
	return append(append(append([]Rule(nil), s.Nat...), s.Rdr...), s.Binat...)
}

// Option finds a set line by name; the last one counts.
func (s *Ruleset) Option(name string) (value string, ok bool) {
	for _, o := range s.Options {
		if o.Name == name {
			value, ok = o.Value, true
		}
	}
	return value, ok
}

// Macro is NAME = "VALUE".
type Macro struct{ Name, Value string }

// Option is a set line: set skip on { lo } has the name "skip" and the value
// "lo"; set timeout tcp.first 60 has the name "timeout tcp.first".
type Option struct{ Name, Value string }

// Load is load anchor NAME from FILE.
type Load struct{ Anchor, File string }

// Table is table <NAME>.
type Table struct {
	Name                     string
	Const, Persist, Counters bool
	Given                    bool // addresses or files are named, if none of them
	Addresses                []TableAddress
	Files                    []string
}

// TableAddress is an address or network of a table; a negated one is not in it.
type TableAddress struct {
	Not    bool
	Prefix netip.Prefix
}

// Position is a line of a file.
type Position struct {
	File string
	Line int
}

// Error is what pfctl says of a file.
type Error struct {
	Position
	Text string
	Bare bool // said without the position
}

func (e Error) Error() string {
	if e.Bare {
		return e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Rule is one rule, whatever its kind.
type Rule struct {
	At     Position
	Number int    // of all rules of its set, in the order of the file
	Action string // pass, block, match, scrub, nat, rdr, binat, or "no nat", ...
	// Anchor is the name of the anchor that an anchor rule calls; Action is then
	// that of the rules looked for: pass, nat, rdr, binat.
	Anchor string
	Inline *Ruleset // its rules, when they stand in braces

	NatPass   bool
	Block     Block
	Direction string // in, out; empty: both
	Log       *Log
	Quick     bool
	Interface string
	NotOn     bool // on ! Interface
	Route     *Route
	Family    string // inet, inet6; empty: both
	Proto     string
	From, To  Peer
	OS        string

	User, Group Range // Op empty: any
	Flags       *Flags
	ICMP        *ICMP
	TOS         int // 0: any
	Prio        int // -1: any
	Set         []string
	State       string // keep, modulate, synproxy; empty: none
	StateOpts   StateOptions
	Probability float64 // of 1; 0: always

	Fragment      bool
	NoDF          bool
	RandomID      bool
	MinTTL        int
	MaxMSS        int
	SetTOS        int // -1: as it is
	AllowOpts     bool
	ReassembleTCP bool
	NoReassemble  bool
	Scrubs        bool // scrub (...) of a pass or match rule

	Labels        []string
	Identifier    int
	Queue, PQueue string
	Dummynet      string // dnpipe 1, dnqueue(1, 2)
	Tag, Tagged   string
	NotTagged     bool
	RTable        int // -1: that of the packet
	DivertTo      int
	Pool          *Pool // where a translation leads
	RdrPool       *Pool // of rdr-to; Pool is that of nat-to, where NatTo says so
	NatTo         bool
}

// Block is how a block rule refuses: drop, return, return-rst, return-icmp.
type Block struct {
	How         string
	TTL         int
	Code, Code6 int // ICMP codes, of unreachable
}

// Log is what is logged and to where.
type Log struct {
	All, User bool
	To        int // pflogN
}

// Flags are TCP flags that are set out of those looked at; both empty: any.
type Flags struct{ Set, Of string }

// ICMP is an ICMP type, and a code or -1.
type ICMP struct{ Type, Code int }

// Peer is one side of a packet.
type Peer struct {
	Not  bool
	Addr Address
	Port Range
}

// Range is a comparison of numbers: =, !=, <, <=, >, >=, :, ><, <>.
type Range struct {
	Op   string
	A, B int
	Name string // of a service or an account that is not known
}

// unknownAccount is the user or group "unknown".
const unknownAccount = 1<<32 - 1

// Matches tells whether a number satisfies the range.
func (r Range) Matches(n int) bool {
	switch r.Op {
	case "":
		return true
	case "=":
		return n == r.A
	case "!=":
		return n != r.A
	case "<":
		return n < r.A
	case "<=":
		return n <= r.A
	case ">":
		return n > r.A
	case ">=":
		return n >= r.A
	case "><":
		return n > r.A && n < r.B
	case "<>":
		return n < r.A || n > r.B
	}
	return n >= r.A && n <= r.B
}

// Kinds of addresses.
const (
	Any        = "any"
	Net        = "net"
	Span       = "range"
	Dynamic    = "interface" // (em0)
	TableOf    = "table"
	NoRoute    = "no-route"
	URPFFailed = "urpf-failed"
	Named      = "name" // nobody was there to resolve it
)

// Address is an address as rules name it.
type Address struct {
	Kind                     string
	Prefix                   netip.Prefix // of a net; the first address of a range
	Last                     netip.Addr   // of a range
	Name                     string       // interface, table, host
	Network, Broadcast, Peer bool         // modifiers of an interface
	First                    bool         // :0, the first address alone
	Bits                     int          // (em0)/24; 0: one address
}

// Route is route-to, reply-to or dup-to.
type Route struct {
	How  string
	Pool Pool
}

// Pool is what packets are translated or routed to.
type Pool struct {
	Addresses []PoolAddress
	Low, High int    // ports; 0 and 0: none given
	Type      string // bitmask, random, source-hash, round-robin; empty: the only address
	Key       string // of source-hash
	Sticky    bool
	Static    bool // static-port
}

// PoolAddress is an address of a pool, or a way out of an interface.
type PoolAddress struct {
	Interface string
	Addr      Address
}

// StateOptions are those of keep state.
type StateOptions struct {
	Max, MaxSrcStates, MaxSrcConn, MaxSrcNodes int
	RateLimit, RateSeconds                     int
	NoSync, IfBound, Sloppy                    bool
	SourceTrack                                string // rule, global
	Overload, Flush                            string // table; "flush" or "flush global"
	Timeouts                                   map[string]int
}

// natPortLow and natPortHigh are the ports a nat rule takes unless it says so.
const (
	natPortLow  = 50001
	natPortHigh = 65535
)
