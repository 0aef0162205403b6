package keeper

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Way leads to the keeper of this user.
type Way struct {
	Dir   string        // of its socket
	Keep  time.Duration // how long connections are kept
	Start func() error  // starts it, and returns once it listens
}

// Answers are what the keeper asks while it connects, of each hop of a route.
type Answers interface {
	HostKey(hop int, remote net.Addr, key ssh.PublicKey) error
	Keys(hop int) []ssh.Signer
	Type(hop int, text string, secret bool) (string, error)
}

// Error is a route that could not be taken.
type Error struct {
	Hop     int
	Login   bool // the host was reached, and did not let us in
	Timeout bool
	Cause   error
}

func (e *Error) Error() string { return e.Cause.Error() }
func (e *Error) Unwrap() error { return e.Cause }

// Connect gives a connection to the last host of a route.
func (w *Way) Connect(ctx context.Context, route []Hop, a Answers) (*ssh.Client, error) {
	conn, err := w.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("the keeper of connections: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	client, err := w.converse(conn, route, a)
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return client, err
}

func (w *Way) converse(conn net.Conn, route []Hop, a Answers) (*ssh.Client, error) {
	if err := send(conn, request{Verb: verbConnect, Route: route, Keep: w.Keep}); err != nil {
		return nil, err
	}
	var refusal error
	for {
		var q question
		if err := receive(conn, &q); err != nil {
			return nil, fmt.Errorf("the keeper of connections: %w", err)
		}
		switch {
		case q.Failure != nil && refusal != nil:
			return nil, refusal
		case q.Failure != nil:
			return nil, &Error{Hop: q.Failure.Hop, Login: q.Failure.Login, Timeout: q.Failure.Timeout, Cause: q.Failure.cause()}
		case q.Ask == "":
			return over(conn, q.Server)
		}
		got, err := reply(q, a)
		if err != nil {
			refusal, got = err, answer{Refused: err.Error()}
		}
		if err := send(conn, got); err != nil {
			return nil, err
		}
	}
}

// over speaks SSH over the socket.
func over(conn net.Conn, server []byte) (*ssh.Client, error) {
	key, err := ssh.ParsePublicKey(server)
	if err != nil {
		return nil, err
	}
	sc, channels, requests, err := ssh.NewClientConn(conn, "keeper", &ssh.ClientConfig{
		HostKeyCallback: ssh.FixedHostKey(key), Config: ssh.Config{KeyExchanges: []string{ssh.KeyExchangeCurve25519}},
	})
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(sc, channels, requests), nil
}

// remote is an address as the keeper sees it.
type remote string

func (remote) Network() string  { return "tcp" }
func (r remote) String() string { return string(r) }

func reply(q question, a Answers) (answer, error) {
	switch q.Ask {
	case "hostKey":
		key, err := ssh.ParsePublicKey(q.Key)
		if err != nil {
			return answer{}, err
		}
		var from net.Addr = remote(q.Remote)
		if tcp, err := net.ResolveTCPAddr("tcp", q.Remote); err == nil {
			from = tcp
		}
		return answer{}, a.HostKey(q.Hop, from, key)
	case "keys":
		var got answer
		for _, signer := range a.Keys(q.Hop) {
			got.Keys = append(got.Keys, signer.PublicKey().Marshal())
		}
		return got, nil
	case "sign":
		return sign(q, a.Keys(q.Hop))
	case "password":
		text, err := a.Type(q.Hop, "Password?", true)
		return answer{Texts: []string{text}}, err
	case "interactive":
		var got answer
		for i, text := range q.Questions {
			typed, err := a.Type(q.Hop, q.Text+text, i >= len(q.Echos) || !q.Echos[i])
			if err != nil {
				return got, err
			}
			got.Texts = append(got.Texts, typed)
		}
		return got, nil
	}
	return answer{}, fmt.Errorf("the keeper asks for %s", q.Ask)
}

// sign signs with one of the keys. Only what logs in by SSH is signed.
func sign(q question, keys []ssh.Signer) (answer, error) {
	if q.Index < 0 || q.Index >= len(keys) {
		return answer{}, errors.New("the keeper asks for a key that there is not")
	}
	if !isLogin(q.Data) {
		return answer{}, errors.New("the keeper asks for a signature of something else than a login")
	}
	var signature *ssh.Signature
	var err error
	if able, ok := keys[q.Index].(ssh.AlgorithmSigner); ok && q.Algorithm != "" {
		signature, err = able.SignWithAlgorithm(nil, q.Data, q.Algorithm)
	} else {
		signature, err = keys[q.Index].Sign(nil, q.Data)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{Sign: ssh.Marshal(signature)}, nil
}

// isLogin tells whether data is what RFC 4252, 7 has signed: the session's identifier,
// then SSH_MSG_USERAUTH_REQUEST.
func isLogin(data []byte) bool {
	if len(data) < 4 {
		return false
	}
	n := binary.BigEndian.Uint32(data)
	return uint64(len(data)) > 4+uint64(n) && data[4+n] == 50
}

// starts is how often the keeper is started before it is given up: one may just be
// ending.
const starts = 3

// dial reaches the keeper, which is started where there is none.
func (w *Way) dial(ctx context.Context) (net.Conn, error) {
	for n := 0; ; n++ {
		conn, err := reachSocket(ctx, w.Dir)
		if err == nil || !isAbsent(err) || n == starts || w.Start == nil {
			return conn, err
		}
		if err := w.Start(); err != nil {
			return nil, err
		}
	}
}

func reachSocket(ctx context.Context, dir string) (net.Conn, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socketOf(dir))
	if err != nil {
		return nil, err
	}
	if !sameUser(conn) {
		_ = conn.Close()
		return nil, errors.New("its socket belongs to somebody else")
	}
	return conn, nil
}

// isAbsent tells whether nobody listens.
func isAbsent(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// tell asks a keeper that runs for something short; without one the answer is empty.
func tell(ctx context.Context, dir string, r request) (question, error) {
	conn, err := reachSocket(ctx, dir)
	if isAbsent(err) {
		return question{}, nil
	}
	if err != nil {
		return question{}, err
	}
	defer conn.Close()
	var q question
	if err := send(conn, r); err != nil {
		return q, err
	}
	return q, receive(conn, &q)
}

// List tells which connections are kept.
func List(ctx context.Context, dir string) ([]Kept, error) {
	q, err := tell(ctx, dir, request{Verb: verbList})
	return q.Kept, err
}

// Close closes the connections to hosts; it returns how many there were.
func Close(ctx context.Context, dir string, names []string) (int, error) {
	q, err := tell(ctx, dir, request{Verb: verbClose, Names: names})
	return q.Closed, err
}

// Stop closes all connections and ends the keeper.
func Stop(ctx context.Context, dir string) (int, error) {
	q, err := tell(ctx, dir, request{Verb: verbStop})
	return q.Closed, err
}
