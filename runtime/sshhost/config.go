package sshhost

import (
	"context"
	"net"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
)

// Config says how to reach one host, and as whom.
type Config struct {
	Name string // the host's name in the run: errors and questions use it

	// Address is what ssh would be given: an alias of ssh_config, a name, an
	// address, or host:port. Empty: Name.
	Address string
	User    string // empty: as ssh_config says, else the local user
	Port    int    // 0: as ssh_config says, else 22
	Jump    string // like ssh -J; "none" overrides ssh_config
	// Identity names private keys to offer before all others.
	Identity []string
	// KnownHosts replaces ssh_config's files.
	KnownHosts []string
	AcceptNew  bool // learn the key of a host not seen before
	Legacy     bool // also offer algorithms that have known weaknesses
	// ConnectTimeout is for reaching the host and its first answers; 0: as
	// ssh_config says, else 15 seconds.
	ConnectTimeout time.Duration
	// Reconnect is how long a host may be gone before a run gives it up, once
	// it has been connected; 0: two minutes.
	Reconnect time.Duration

	// Dialer makes the connection instead of ssh_config and TCP; a simulated
	// machine hands in its own. HostKey and Auth go with it.
	Dialer  func(ctx context.Context) (net.Conn, error)
	HostKey ssh.HostKeyCallback
	Auth    []ssh.AuthMethod

	// Shared holds what the hosts of a run have in common: ssh_config, keys,
	// the agent, jump hosts. Nil: a set of its own.
	Shared *Shared

	Become Become

	// Run is the run's id. With it, changes are noted in the host's ledger
	// and the host is locked at the first one; without, neither.
	Run        string
	Controller string // who holds the lock, for people: user@machine
	Resumed    bool   // an earlier session of the run may have left things on the host
	// Noted is a change of an earlier session that the host's ledger must know;
	// if it does not, the host's files are those of an earlier time.
	Noted string
	// Return is how long after a boot of the host the run that had locked it may
	// take to come back, before another run takes over; 0: five minutes.
	Return time.Duration
	// TakeOver are runs that somebody has given up: this one takes their locks.
	TakeOver []string
	// Owner tells what the controller knows of the run that has the host; nil:
	// nothing of any.
	Owner func(ctx context.Context, run string) Owner

	// Greeting is a script whose output ConnGreeting returns; Greet runs it
	// while connecting, in the exchange that opens the shell.
	Greeting string
	Greet    bool

	// SpillDir takes output that is too long for memory; empty: a temporary
	// folder that goes when Shared is closed.
	SpillDir string
	// StateDir is where ledger, lock and jobs live on the host; empty:
	// /var/db/bsdrun where that can be written, else
	// $HOME/.local/state/bsdrun.
	StateDir string

	local bool
}

// Owner is what the controller knows of a run that holds a host.
type Owner struct {
	Told   string // how it stands, for people; empty: it is not known here
	Active bool   // it is being worked on
	Over   bool   // nothing is left to do of it: it was cut off before it could let go
}

// Become says how to work as another user than the one who logs in.
type Become struct {
	// Method is sudo, doas, su, mdo, or auto (the first of doas, sudo, mdo and
	// su that is there). Empty: stay who we are.
	Method string
	User   string // empty: root
	// Password is called when one is asked for, at most once for a right
	// answer. Nil: effect.Ask.
	Password func(ctx context.Context) (effect.Secret, error)
}
