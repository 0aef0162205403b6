// Package keeper keeps SSH connections open between runs. A process of its own
// holds them and listens on a socket that only its user can reach; a run that wants a
// host asks it for a connection and then speaks SSH over that socket, as if to the
// host: the keeper passes channels on.
//
// The keeper knows no secrets that outlive a login. It has no keys: what must be
// signed, which host key is accepted and what a person has to type is asked of the run
// that connects, each time anew also where a connection is there already, so that
// known_hosts decides as ever.
package keeper

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Hop is one host on the way, and how to log in there.
type Hop struct {
	Label   string // for people: user@host:port
	Address string // host:port; for the first hop and for those behind it
	Command string // instead of an address, as ProxyCommand
	Name    string // by which known_hosts knows it
	User    string
	Timeout time.Duration
	Batch   bool // nobody can be asked
	Tries   int  // to type a password

	KeyExchanges, Ciphers, MACs, HostKeyAlgorithms []string
	// Identities are the key files that the run offers: another key is another login.
	Identities []string
}

// Kept is a connection as people see it.
type Kept struct {
	Host  string        `json:"host"`
	Via   string        `json:"via,omitempty"` // jump hosts
	Since time.Time     `json:"since"`
	Used  bool          `json:"used"`
	Left  time.Duration `json:"left"` // until it is closed, where it is not in use
}

// held is a connection that is kept.
type held struct {
	route  string // what it is for
	label  string
	via    string
	client *ssh.Client
	keys   []shownKey // of every hop
	since  time.Time
	keep   time.Duration
	used   bool
	until  time.Time
	expire *time.Timer
	close  func()
}

// shownKey is a host key that was shown.
type shownKey struct {
	key    []byte
	remote string
}

// Keeper holds connections.
type Keeper struct {
	signer ssh.Signer

	mu      sync.Mutex
	held    []*held
	clients int
	idle    *time.Timer // ends the keeper when it has nothing to keep
	stop    context.CancelFunc
}

// startGrace is how long a keeper without connections waits for clients.
const startGrace = 20 * time.Second

// errRuns: another keeper has the folder.
var errRuns = errors.New("a keeper runs already")

// Serve keeps connections until it is told to stop, or has had none for a while. ready
// is called once clients may come. Where another keeper runs already there is nothing
// to do.
func Serve(ctx context.Context, dir string, ready func()) error {
	release, err := own(dir)
	if errors.Is(err, errRuns) {
		ready()
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	k := &Keeper{}
	if k.signer, err = ssh.NewSignerFromKey(private); err != nil {
		return err
	}
	name := socketOf(dir)
	_ = os.Remove(name) // of a keeper that was killed
	before := syscall.Umask(0o177)
	l, err := net.Listen("unix", name) //nolint:noctx // local
	syscall.Umask(before)
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, k.stop = context.WithCancel(ctx)
	defer k.stop()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	k.idle = time.AfterFunc(startGrace, k.stop)
	ready()
	for {
		conn, err := l.Accept()
		if err != nil {
			k.closeAll(nil)
			return nil //nolint:nilerr // it was told to stop
		}
		if !sameUser(conn) {
			_ = conn.Close()
			continue
		}
		k.count(1)
		go func() {
			defer k.count(-1)
			defer conn.Close()
			k.serve(ctx, conn)
		}()
	}
}

// own takes the folder, which nobody else may reach, for this process.
func own(dir string) (release func(), err error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errRuns
	}
	return func() { _ = os.Remove(socketOf(dir)); _ = f.Close() }, nil
}

// count notes that a client has come or gone; with the last one and without
// connections the keeper ends.
func (k *Keeper) count(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clients += n
	k.rest()
}

// rest ends a keeper that has nothing to do, or keeps it from ending; whoever calls
// holds the lock.
func (k *Keeper) rest() {
	switch {
	case k.clients > 0 || len(k.held) > 0:
		k.idle.Stop()
	default:
		k.idle.Reset(0)
	}
}

func (k *Keeper) serve(ctx context.Context, conn net.Conn) {
	var r request
	if receive(conn, &r) != nil {
		return
	}
	switch r.Verb {
	case verbConnect:
		k.connect(ctx, conn, r)
	case verbList:
		_ = send(conn, question{Kept: k.list()})
	case verbClose:
		_ = send(conn, question{Closed: k.closeAll(r.Names)})
	case verbStop:
		_ = send(conn, question{Closed: k.closeAll(nil)})
		k.stop()
	default:
		_ = send(conn, question{Failure: &failure{Text: "the keeper does not know " + r.Verb}})
	}
}

// connect gives a client a connection and serves it until it leaves.
func (k *Keeper) connect(ctx context.Context, conn net.Conn, r request) {
	a := &asker{conn: conn}
	h, failed := k.lend(ctx, a, r)
	if failed != nil {
		_ = send(conn, question{Failure: failed})
		return
	}
	defer k.back(h)
	if send(conn, question{Server: k.signer.PublicKey().Marshal()}) == nil {
		k.pass(conn, h.client)
	}
}

// lend finds a connection that nobody uses, or makes one.
func (k *Keeper) lend(ctx context.Context, a *asker, r request) (*held, *failure) {
	route := routeKey(r.Route)
	for {
		h := k.take(route)
		if h == nil {
			break
		}
		if alive(h.client, r.Route[len(r.Route)-1].Timeout) {
			if failed := a.showAgain(h.keys); failed != nil {
				k.back(h)
				return nil, failed
			}
			h.keep = r.Keep
			return h, nil
		}
		k.drop(h)
	}
	h, failed := dialRoute(ctx, a, r.Route)
	if failed != nil {
		return nil, failed
	}
	h.route, h.keep, h.since, h.used = route, r.Keep, time.Now(), true
	k.mu.Lock()
	k.held = append(k.held, h)
	k.mu.Unlock()
	go func() {
		_ = h.client.Wait()
		k.drop(h)
	}()
	return h, nil
}

// take lends a connection of a route.
func (k *Keeper) take(route string) *held {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range k.held {
		if h.route == route && !h.used {
			h.used = true
			h.expire.Stop()
			return h
		}
	}
	return nil
}

// back keeps a connection that was lent for as long as its last user wanted.
func (k *Keeper) back(h *held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h.used, h.until = false, time.Now().Add(h.keep)
	h.expire = time.AfterFunc(h.keep, func() {
		k.mu.Lock()
		over := !h.used && !time.Now().Before(h.until)
		k.mu.Unlock()
		if over {
			k.drop(h)
		}
	})
}

// drop closes a connection.
func (k *Keeper) drop(h *held) {
	h.close()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = slices.DeleteFunc(k.held, func(other *held) bool { return other == h })
	k.rest()
}

// closeAll closes the connections to the named hosts, or all; it returns how many.
func (k *Keeper) closeAll(names []string) int {
	k.mu.Lock()
	var found []*held
	for _, h := range k.held {
		if names == nil || slices.ContainsFunc(names, h.named) {
			found = append(found, h)
		}
	}
	k.mu.Unlock()
	for _, h := range found {
		k.drop(h)
	}
	return len(found)
}

// named tells whether people may mean this connection by a name: its label, or the host
// in it.
func (h *held) named(name string) bool {
	_, address, _ := strings.Cut(h.label, "@")
	host, _, _ := net.SplitHostPort(address)
	return name == h.label || name == address || name == host
}

func (k *Keeper) list() []Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := []Kept{}
	for _, h := range k.held {
		kept := Kept{Host: h.label, Via: h.via, Since: h.since, Used: h.used}
		if !h.used {
			kept.Left = time.Until(h.until)
		}
		list = append(list, kept)
	}
	return list
}

// alive asks a host for a sign of life.
func alive(c *ssh.Client, within time.Duration) bool {
	answered := make(chan error, 1)
	go func() {
		_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
		answered <- err
	}()
	select {
	case err := <-answered:
		return err == nil
	case <-time.After(within):
		return false
	}
}
