package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// routeKey tells routes apart: all that decides where a connection leads, and as whom.
func routeKey(route []Hop) string {
	var key strings.Builder
	for _, h := range route {
		fmt.Fprintf(&key, "%q %q %q %q %q\n", h.Address, h.Command, h.Name, h.User, h.Identities)
	}
	return key.String()
}

// asker asks the client that connects.
type asker struct {
	conn net.Conn
	mu   sync.Mutex
}

// errRefused: the client has said no.
var errRefused = errors.New("refused by the run that connects")

func (a *asker) ask(q question) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := send(a.conn, q); err != nil {
		return answer{}, err
	}
	var got answer
	if err := receive(a.conn, &got); err != nil {
		return answer{}, err
	}
	if got.Refused != "" {
		return answer{}, errRefused
	}
	return got, nil
}

// showAgain lets the client check the keys of a connection that is there already.
func (a *asker) showAgain(keys []shownKey) *failure {
	for i, k := range keys {
		if _, err := a.ask(question{Ask: "hostKey", Hop: i, Key: k.key, Remote: k.remote}); err != nil {
			return describe(err, i, true)
		}
	}
	return nil
}

// dialRoute connects through all hops.
func dialRoute(ctx context.Context, a *asker, route []Hop) (*held, *failure) {
	h := &held{label: route[len(route)-1].Label}
	var clients []*ssh.Client
	h.close = func() {
		for i := len(clients) - 1; i >= 0; i-- {
			_ = clients[i].Close()
		}
	}
	var via []string
	for i, hop := range route {
		if i > 0 {
			via = append(via, route[i-1].Label)
		}
		var last *ssh.Client
		if len(clients) > 0 {
			last = clients[len(clients)-1]
		}
		conn, err := reach(ctx, last, hop)
		if err != nil {
			h.close()
			return nil, describe(err, i, false)
		}
		client, key, err := login(a, conn, i, hop)
		if err != nil {
			_ = conn.Close()
			h.close()
			return nil, describe(err, i, true)
		}
		clients, h.keys = append(clients, client), append(h.keys, key)
	}
	h.client, h.via = clients[len(clients)-1], strings.Join(via, ",")
	return h, nil
}

// reach makes the connection below SSH.
func reach(ctx context.Context, last *ssh.Client, hop Hop) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, hop.Timeout)
	defer cancel()
	switch {
	case last != nil:
		return last.DialContext(ctx, "tcp", hop.Address)
	case hop.Command != "":
		return ThroughCommand(hop.Command)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", hop.Address)
}

// answerTime is how long a person may take over questions.
const answerTime = 5 * time.Minute

// login logs in over a connection, with the client's keys and by its leave.
func login(a *asker, conn net.Conn, n int, hop Hop) (*ssh.Client, shownKey, error) {
	var shown shownKey
	timer := time.AfterFunc(hop.Timeout, func() { _ = conn.Close() })
	defer timer.Stop()
	config := &ssh.ClientConfig{
		User: hop.User, Auth: authMethods(a, n, hop), HostKeyAlgorithms: hop.HostKeyAlgorithms,
		Config: ssh.Config{KeyExchanges: hop.KeyExchanges, Ciphers: hop.Ciphers, MACs: hop.MACs},
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			timer.Reset(answerTime)
			shown = shownKey{key.Marshal(), remote.String()}
			_, err := a.ask(question{Ask: "hostKey", Hop: n, Key: shown.key, Remote: shown.remote})
			return err
		},
	}
	sc, channels, requests, err := ssh.NewClientConn(conn, hop.Name, config)
	if err != nil {
		return nil, shown, err
	}
	return ssh.NewClient(sc, channels, requests), shown, nil
}

func authMethods(a *asker, n int, hop Hop) []ssh.AuthMethod {
	methods := []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { return a.signers(n) })}
	if hop.Batch {
		return methods
	}
	return append(methods,
		ssh.RetryableAuthMethod(ssh.KeyboardInteractive(func(_, instruction string, questions []string, echos []bool) ([]string, error) {
			if len(questions) == 0 {
				return nil, nil
			}
			got, err := a.ask(question{Ask: "interactive", Hop: n, Text: instruction, Questions: questions, Echos: echos})
			return got.Texts, err
		}), hop.Tries),
		ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) {
			got, err := a.ask(question{Ask: "password", Hop: n})
			if err != nil || len(got.Texts) != 1 {
				return "", errors.Join(err, errRefused)
			}
			return got.Texts[0], nil
		}), hop.Tries))
}

// signers are the client's keys.
func (a *asker) signers(n int) ([]ssh.Signer, error) {
	got, err := a.ask(question{Ask: "keys", Hop: n})
	if err != nil {
		return nil, err
	}
	var list []ssh.Signer
	for i, blob := range got.Keys {
		key, err := ssh.ParsePublicKey(blob)
		if err != nil {
			continue
		}
		list = append(list, remoteKey{a, n, i, key})
	}
	return list, nil
}

// remoteKey is a key that the client has.
type remoteKey struct {
	a     *asker
	hop   int
	index int
	key   ssh.PublicKey
}

var _ ssh.AlgorithmSigner = remoteKey{}

// PublicKey is its public half.
func (r remoteKey) PublicKey() ssh.PublicKey { return r.key }

// Sign has the client sign.
func (r remoteKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return r.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm has the client sign in one of several ways.
func (r remoteKey) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	got, err := r.a.ask(question{Ask: "sign", Hop: r.hop, Index: r.index, Data: data, Algorithm: algorithm})
	if err != nil {
		return nil, err
	}
	var signature ssh.Signature
	if err := ssh.Unmarshal(got.Sign, &signature); err != nil {
		return nil, err
	}
	return &signature, nil
}
