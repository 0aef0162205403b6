package sshhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
)

// defaultIdentities are the keys that ssh tries when it is told none.
var defaultIdentities = []string{"id_ed25519", "id_ecdsa", "id_rsa"}

// authMethods are the ways to log in: keys of files and of the agent, then what
// a person has to type.
func (s *Shared) authMethods(ctx context.Context, cfg Config, set settings) []ssh.AuthMethod {
	if cfg.Auth != nil {
		return cfg.Auth
	}
	methods := []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
		return s.signersFor(ctx, set), nil
	})}
	if set.batch {
		return methods
	}
	ask := func(text string, secret bool) (string, error) { return askLogin(ctx, set, text, secret) }
	return append(methods,
		ssh.RetryableAuthMethod(ssh.KeyboardInteractive(func(_, instruction string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i, question := range questions {
				answer, err := ask(instruction+question, !echos[i])
				if err != nil {
					return nil, err
				}
				answers[i] = answer
			}
			return answers, nil
		}), set.tries),
		ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) { return ask("Password?", true) }), set.tries))
}

// askLogin asks a person for what a host wants to know.
func askLogin(ctx context.Context, set settings, text string, secret bool) (string, error) {
	answer, err := effect.Ask(ctx, effect.Question{
		Key: "login-" + text, Text: fmt.Sprintf("%s (%s@%s)", text, set.user, set.alias), Secret: secret,
	})
	return answer, noKeyLetsIn(set, err)
}

// signersFor lists the keys to offer, certificates before their bare keys,
// named files before the agent's other keys: servers count attempts.
func (s *Shared) signersFor(ctx context.Context, set settings) []ssh.Signer {
	names := set.identities
	if len(names) == 0 {
		for _, name := range defaultIdentities {
			names = append(names, filepath.Join(s.cfg.Home, ".ssh", name))
		}
	}
	var held []ssh.Signer
	if a := s.agentAt(ctx, set.agent); a != nil {
		held, _ = a.Signers()
	}
	var offered []ssh.Signer
	offer := func(signer ssh.Signer) {
		for _, known := range offered {
			if string(known.PublicKey().Marshal()) == string(signer.PublicKey().Marshal()) {
				return
			}
		}
		offered = append(offered, signer)
	}
	for _, name := range names {
		signer := s.identity(ctx, name, set)
		if signer == nil {
			continue
		}
		// A key that the agent holds needs no passphrase.
		for _, other := range held {
			if string(other.PublicKey().Marshal()) == string(signer.PublicKey().Marshal()) {
				signer = other
			}
		}
		for _, file := range append([]string{name + "-cert.pub"}, set.certs...) {
			if cert := certificateOf(file, signer); cert != nil {
				offer(cert)
			}
		}
		offer(signer)
	}
	if !set.onlyThese {
		for _, signer := range held {
			offer(signer)
		}
	}
	return offered
}

// certificateOf joins a certificate file to the key that it certifies; nil if
// it certifies another, or is none.
func certificateOf(file string, signer ssh.Signer) ssh.Signer {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(content)
	if err != nil {
		return nil
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok || string(cert.Key.Marshal()) != string(signer.PublicKey().Marshal()) {
		return nil
	}
	joined, err := ssh.NewCertSigner(cert, signer)
	if err != nil {
		return nil
	}
	return joined
}

// identity is a private key in a file. One with a passphrase is opened only
// when a server accepts its public half.
type identity struct {
	file   string
	public ssh.PublicKey
	open   func(ctx context.Context) (ssh.Signer, error)

	mu     sync.Mutex
	signer ssh.Signer
}

// identity reads a key file; nil when there is none that can be used.
func (s *Shared) identity(ctx context.Context, file string, set settings) ssh.Signer {
	s.mu.Lock()
	known, ok := s.signers[file]
	s.mu.Unlock()
	if !ok {
		known = s.readIdentity(ctx, file, set)
		s.mu.Lock()
		s.signers[file] = known
		s.mu.Unlock()
	}
	if known == nil {
		return nil
	}
	return asked{known, ctx}
}

func (s *Shared) readIdentity(ctx context.Context, file string, set settings) *identity {
	content, err := os.ReadFile(file)
	if err != nil {
		if slices.Contains(set.identities, file) && !errors.Is(err, os.ErrNotExist) {
			s.warn("the key cannot be read: " + err.Error())
		}
		return s.publicOnly(file)
	}
	signer, err := ssh.ParsePrivateKey(content)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return &identity{file: file, public: signer.PublicKey(), signer: signer}
	case !errors.As(err, &locked):
		s.warn(fmt.Sprintf("the key %s cannot be used: %v", file, err))
		return nil
	}
	public := locked.PublicKey
	if public == nil {
		if half := s.publicOnly(file); half != nil {
			public = half.public
		}
	}
	id := &identity{file: file, public: public}
	id.open = func(ctx context.Context) (ssh.Signer, error) { return unlock(ctx, file, content) }
	if public == nil {
		// Old PEM files keep even the public half behind the passphrase.
		signer, err := id.unlocked(ctx)
		if err != nil {
			s.warn(err.Error())
			return nil
		}
		id.public = signer.PublicKey()
	}
	return id
}

// publicOnly stands for a key of which this machine has the public half alone:
// the agent may hold the other.
func (s *Shared) publicOnly(file string) *identity {
	content, err := os.ReadFile(file + ".pub")
	if err != nil {
		if content, err = os.ReadFile(file); err != nil {
			return nil
		}
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(content)
	if err != nil {
		return nil
	}
	return &identity{file: file, public: key, open: func(context.Context) (ssh.Signer, error) {
		return nil, fmt.Errorf("%s: the private key is not here, and the agent does not hold it", file)
	}}
}

// passphraseTries is how often a passphrase may be wrong.
const passphraseTries = 3

// noKeyLetsIn says why a password is asked for, where nobody can type it.
func noKeyLetsIn(set settings, err error) error {
	failed := effect.AsError(err)
	if err == nil || failed.Kind != effect.Stopped {
		return err
	}
	told := *failed
	told.Message = fmt.Sprintf("no key lets us in as %s, and %s", set.user, told.Summary())
	told.Hint = fmt.Sprintf("see which key ssh %s@%s uses (--identity names one, ssh-add -l lists the agent's), or answer at a terminal; bsdrun resume continues the run", set.user, set.alias)
	return &told
}

func unlock(ctx context.Context, file string, content []byte) (ssh.Signer, error) {
	for try := range passphraseTries {
		text := "Passphrase of " + file + "?"
		if try > 0 {
			text = "That passphrase is wrong. " + text
		}
		phrase, err := effect.Ask(ctx, effect.Question{Key: fmt.Sprintf("passphrase-%s-%d", file, try), Text: text, Secret: true})
		if err != nil {
			return nil, err
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(content, []byte(phrase))
		if err == nil {
			return signer, nil
		}
	}
	return nil, fmt.Errorf("%s: the passphrase was wrong %d times", file, passphraseTries)
}

func (i *identity) unlocked(ctx context.Context) (ssh.Signer, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.signer != nil {
		return i.signer, nil
	}
	signer, err := i.open(ctx)
	if err == nil {
		i.signer = signer
	}
	return signer, err
}

// asked is an identity as one connection uses it: whoever connects is asked for
// the passphrase.
type asked struct {
	*identity
	ctx context.Context // ssh.Signer passes none
}

var _ ssh.AlgorithmSigner = asked{}

// PublicKey is known without the passphrase.
func (a asked) PublicKey() ssh.PublicKey { return a.public }

// Sign opens the key if need be.
func (a asked) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return a.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm lets RSA keys sign with SHA-2.
func (a asked) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := a.unlocked(a.ctx)
	if err != nil {
		return nil, err
	}
	if able, ok := signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return able.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}
