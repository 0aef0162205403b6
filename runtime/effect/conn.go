package effect

import "time"

// ConnVerb is an operation on the connection itself.
type ConnVerb string

// The connection operations.
const (
	ConnGreeting  ConnVerb = "greeting"  // Result.Stdout: what the opening script printed (facts)
	ConnRefresh   ConnVerb = "refresh"   // run the opening script again
	ConnProbe     ConnVerb = "probe"     // does the host answer over a new connection?
	ConnReconnect ConnVerb = "reconnect" // replace the connection by a new one
	ConnBoot      ConnVerb = "boot"      // Result.Stdout: the identity of the running boot
	ConnPeer      ConnVerb = "peer"      // Result.Peer: how the host is reached
	ConnReboot    ConnVerb = "reboot"    // Argv of the effect, then wait for another boot id
)

// ConnOp acts on the connection.
type ConnOp struct {
	Verb ConnVerb
	// Within is how long the host may take to come back.
	Within time.Duration
	// Before is, of a reboot that is done Again, the boot that it was to end.
	Before string
}

// Peer is how a host is reached, for another one that is to reach it too.
type Peer struct {
	Address string // name or address, without the port
	Port    int
	User    string // who logs in
	HostKey string // type and key, as known_hosts has them
	Other   bool   // what runs there runs as another user than who logs in
}

// Dialogue answers a command's questions on a pseudo terminal.
type Dialogue struct {
	Exchanges  []Exchange
	Rows, Cols int // 0: 24 x 80
}

// Exchange waits for a pattern and answers it. Exchanges are tried in order,
// the first whose pattern appears answers; one that is not Repeat answers once.
type Exchange struct {
	Expect string // regular expression (RE2) on the output since the last answer
	Send   string // sent as it is; end it with \n where a line is wanted
	Secret bool   // Send never reaches logs or the journal
	Repeat bool
	Fail   string // instead of an answer: end the dialogue with this message
}
