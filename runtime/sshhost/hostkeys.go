package sshhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"bsdrun/runtime/effect"
)

// errHostKey marks refusals of a host's key: waiting does not cure them.
var errHostKey = errors.New("the host key is refused")

// knownFiles is a set of known_hosts files, read once and again after a key was
// learned.
type knownFiles struct {
	mu    sync.Mutex
	names []string
	index *knownIndex           // nil: not read
	db    *knownhosts.HostKeyDB // all lines; nil: not needed so far
}

func (s *Shared) knownFiles(names []string) *knownFiles {
	key := strings.Join(names, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[key] == nil {
		s.known[key] = &knownFiles{names: names}
	}
	return s.known[key]
}

// there are the files that exist.
func (k *knownFiles) there() []string {
	return slices.DeleteFunc(slices.Clone(k.names), func(name string) bool {
		_, err := os.Stat(name)
		return err != nil
	})
}

// find is the index of the files; whoever calls holds the lock.
func (k *knownFiles) find() (*knownIndex, error) {
	if k.index == nil {
		index, err := indexKnown(k.there())
		if err != nil {
			return nil, fmt.Errorf("known_hosts: %w", err)
		}
		k.index = index
	}
	return k.index, nil
}

// read is the content of the files as far as it is about a host; whoever calls
// holds the lock.
func (k *knownFiles) read(host string) (*knownhosts.HostKeyDB, error) {
	index, err := k.find()
	if err != nil {
		return nil, err
	}
	if k.db != nil && !index.isNew(host) {
		return k.db, nil
	}
	db, err := knownhosts.NewDB(k.there()...)
	if err != nil {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	k.db = db
	return db, nil
}

// algorithms are those of the keys by which a host is known.
func (k *knownFiles) algorithms(host string) ([]string, error) {
	index, err := k.find()
	if err != nil {
		return nil, err
	}
	if index.whole {
		return index.algorithms(host), nil
	}
	db, err := k.read(host)
	if err != nil {
		return nil, err
	}
	return db.HostKeyAlgorithms(host), nil
}

// judge tells whether a host is known by a key, as x/crypto's knownhosts does.
func (k *knownFiles) judge(host string, remote net.Addr, key ssh.PublicKey) error {
	index, err := k.find()
	if err != nil {
		return err
	}
	if index.accepts(host, key) {
		return nil
	}
	if index.unknown(host) {
		return &xknownhosts.KeyError{}
	}
	db, err := k.read(host)
	if err != nil {
		return err
	}
	return db.HostKeyCallback()(host, remote, key)
}

// hostKeys is the check of one host's key, and the key types to offer first.
func (s *Shared) hostKeys(set settings) (ssh.HostKeyCallback, []string, error) {
	files := s.knownFiles(set.known)
	files.mu.Lock()
	defer files.mu.Unlock()
	algorithms, err := files.algorithms(set.knownAs())
	if err != nil {
		return nil, nil, err
	}
	check := func(_ string, remote net.Addr, key ssh.PublicKey) error {
		return files.check(set, remote, key)
	}
	return check, algorithms, nil
}

// check accepts a known key, learns a new one where that is asked for, and
// refuses everything else.
func (k *knownFiles) check(set settings, remote net.Addr, key ssh.PublicKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := set.knownAs()
	if _, _, err := net.SplitHostPort(remote.String()); err != nil {
		// A command or a pipe has no address; known_hosts is asked for the
		// name alone.
		remote = &net.TCPAddr{}
	}
	err := k.judge(name, remote, key)
	if err == nil {
		return nil
	}
	if _, certified := key.(*ssh.Certificate); certified && !knownhosts.IsHostKeyChanged(err) {
		return refusedKey(err, "the host's certificate is not accepted: "+err.Error(),
			"known_hosts needs a @cert-authority line for "+set.alias+" with the authority's key")
	}
	if knownhosts.IsHostKeyChanged(err) {
		return changedKey(set, key, err)
	}
	if !knownhosts.IsHostUnknown(err) {
		return refusedKey(err, err.Error(), "")
	}
	if !set.acceptNew {
		return refusedKey(err, fmt.Sprintf("the host is not known: it shows the %s key %s", key.Type(), ssh.FingerprintSHA256(key)),
			"compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub there), then use --accept-new, or add the key to known_hosts")
	}
	return k.learn(name, key)
}

func refusedKey(cause error, message, hint string) error {
	return &effect.Error{Kind: effect.Unreachable, Message: message, Hint: hint, Cause: errors.Join(errHostKey, cause)}
}

func changedKey(set settings, key ssh.PublicKey, cause error) error {
	var mismatch *xknownhosts.KeyError
	known, forget := "", "remove it from known_hosts"
	if errors.As(cause, &mismatch) && len(mismatch.Want) > 0 {
		want := mismatch.Want[0]
		for _, candidate := range mismatch.Want {
			if candidate.Key.Type() == key.Type() {
				want = candidate
			}
		}
		known = fmt.Sprintf(" instead of the known %s key %s", want.Key.Type(), ssh.FingerprintSHA256(want.Key))
		forget = "ssh-keygen -f " + quoteRaw(want.Filename) + " -R " + quoteRaw(xknownhosts.Normalize(set.knownAs()))
	}
	return refusedKey(cause, fmt.Sprintf("the host key has changed: it shows the %s key %s%s", key.Type(), ssh.FingerprintSHA256(key), known),
		"somebody may be listening in, or the host was installed anew; only if you know that it was: "+forget+"; then connect with --accept-new")
}

// learn adds a key to the first file, by one write, so that no reader and no
// other writer sees half a line.
func (k *knownFiles) learn(name string, key ssh.PublicKey) error {
	if len(k.names) == 0 {
		return refusedKey(errHostKey, "there is no known_hosts file to learn the host's key into", "")
	}
	file := k.names[0]
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("the host's key cannot be learned: %w", err)
	}
	line := knownhosts.Line([]string{name}, key) + "\n"
	if !endsLine(f) {
		line = "\n" + line
	}
	_, err = f.WriteString(line)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("the host's key cannot be learned: %w", err)
	}
	k.index.learn(name, key)
	return nil
}

// endsLine tells whether a file is empty or its last line is whole.
func endsLine(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return true
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err != nil || last[0] == '\n'
}

// pinHostKeys learns all host keys over the authenticated connection: after a
// reboot into another release the host may show another of them. known_hosts
// takes those of types that it has not, so that a resumed run knows them too.
func (h *Host) pinHostKeys(ctx context.Context) {
	if h.cfg.local || h.cfg.HostKey != nil {
		return
	}
	s, err := h.shellAt(ctx, place{})
	if err != nil {
		return
	}
	text, err := s.ask(ctx, "cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null; :")
	if err != nil {
		return
	}
	var keys []ssh.PublicKey
	for len(text) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			break
		}
		keys, text = append(keys, key), rest
	}
	h.mu.Lock()
	h.pinned = keys
	h.mu.Unlock()
	if set, err := h.cfg.Shared.resolve(h.cfg); err == nil {
		err := h.cfg.Shared.knownFiles(set.known).learnTypes(set.knownAs(), keys)
		if err != nil {
			h.cfg.Shared.warn(err.Error())
		}
	}
}

// learnTypes adds keys of types that the host is not known by.
func (k *knownFiles) learnTypes(name string, keys []ssh.PublicKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	db, err := k.read(name)
	if err != nil {
		return err
	}
	types := map[string]bool{}
	for _, known := range db.HostKeys(name) {
		if known.Cert {
			return nil // certificates vouch for whatever key it has
		}
		types[known.Type()] = true
	}
	for _, key := range keys {
		if types[key.Type()] {
			continue
		}
		if err := k.learn(name, key); err != nil {
			return err
		}
	}
	return nil
}

// pinnedCheck accepts the pinned keys beside what known_hosts accepts.
func (h *Host) pinnedCheck(next ssh.HostKeyCallback) ssh.HostKeyCallback {
	h.mu.Lock()
	pinned := h.pinned
	h.mu.Unlock()
	if len(pinned) == 0 {
		return next
	}
	return func(name string, remote net.Addr, key ssh.PublicKey) error {
		for _, known := range pinned {
			if bytes.Equal(known.Marshal(), key.Marshal()) {
				return nil
			}
		}
		return next(name, remote, key)
	}
}

// shown notes the key that a host shows, once it was accepted.
func (h *Host) shown(check ssh.HostKeyCallback) ssh.HostKeyCallback {
	return func(name string, remote net.Addr, key ssh.PublicKey) error {
		err := check(name, remote, key)
		if err == nil {
			h.mu.Lock()
			h.hostKey = key
			h.mu.Unlock()
		}
		return err
	}
}
