package keeper

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// Reading is the request by which a client tells of a channel that a Group of processes
// there may be killed if the client goes: a query, not a change.
const Reading = "reading@bsdrun"

// Group is a process group; 0 is none.
type Group struct{ PID uint32 }

// pass serves a client as the host would, over a connection to it.
func (k *Keeper) pass(conn net.Conn, host *ssh.Client) {
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(k.signer)
	client, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer client.Close()
	gone := make(chan struct{})
	defer close(gone)
	go func() { // a host that is lost is lost for the client
		_ = host.Wait()
		_ = client.Close()
	}()
	go func() {
		for r := range requests {
			ok, payload, err := host.SendRequest(r.Type, r.WantReply, r.Payload)
			if r.WantReply {
				_ = r.Reply(ok && err == nil, payload)
			}
		}
	}()
	var all sync.WaitGroup
	for wanted := range channels {
		all.Go(func() { passChannel(wanted, host) })
	}
	all.Wait()
}

// passChannel joins a channel of the client to one of the host.
func passChannel(wanted ssh.NewChannel, host *ssh.Client) {
	far, farRequests, err := host.OpenChannel(wanted.ChannelType(), wanted.ExtraData())
	if err != nil {
		reason, text := ssh.ConnectionFailed, err.Error()
		if refused, ok := err.(*ssh.OpenChannelError); ok { //nolint:errorlint // it is never wrapped
			reason, text = refused.Reason, refused.Message
		}
		_ = wanted.Reject(reason, text)
		return
	}
	near, nearRequests, err := wanted.Accept()
	if err != nil {
		_ = far.Close()
		return
	}
	var reading atomic.Uint32
	var ended atomic.Bool
	go func() {
		for r := range nearRequests {
			if r.Type == Reading {
				var group Group
				if ssh.Unmarshal(r.Payload, &group) == nil {
					reading.Store(group.PID)
				}
				continue
			}
			passRequest(r, far)
		}
		// The client has closed it, or is gone.
		if group := reading.Load(); group > 1 && !ended.Load() {
			kill(host, group)
		}
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.CloseWrite()
	}()
	var out sync.WaitGroup
	out.Go(func() { _, _ = io.Copy(near, far); _ = near.CloseWrite() })
	out.Go(func() { _, _ = io.Copy(near.Stderr(), far.Stderr()) })
	for r := range farRequests {
		if r.Type == "exit-status" || r.Type == "exit-signal" {
			ended.Store(true)
		}
		passRequest(r, near)
	}
	ended.Store(true)
	out.Wait()
	_ = near.Close()
}

// kill ends a process group on the host. Servers do not signal for root.
func kill(host *ssh.Client, group uint32) {
	session, err := host.NewSession()
	if err != nil {
		return
	}
	defer session.Close()
	_ = session.Run(fmt.Sprintf("exec /bin/sh -c 'kill -s KILL -- -%d'", group))
}

func passRequest(r *ssh.Request, to ssh.Channel) {
	ok, err := to.SendRequest(r.Type, r.WantReply, r.Payload)
	if r.WantReply {
		_ = r.Reply(ok && err == nil, nil)
	}
}
