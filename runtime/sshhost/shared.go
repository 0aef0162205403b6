package sshhost

import (
	"context"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"bsdrun/runtime/sshhost/keeper"
)

// SharedConfig is what holds for all hosts of a run.
type SharedConfig struct {
	// ConfigFile replaces ~/.ssh/config and the system's file, like ssh -F;
	// "none" reads none.
	ConfigFile string
	// Home is where ~ is; empty: the user's home.
	Home string
	// AgentSocket replaces SSH_AUTH_SOCK; "none" uses no agent.
	AgentSocket string
	// Keeper keeps connections between runs; nil: they end with the run.
	Keeper *keeper.Way
	// Warn hears of settings that are not followed.
	Warn func(text string)
}

// Shared holds what the hosts of a run have in common, so that it is read,
// opened and asked for once.
type Shared struct {
	cfg SharedConfig

	mu      sync.Mutex
	texts   map[string]configText
	warned  map[string]bool
	signers map[string]*identity
	agents  map[string]agent.ExtendedAgent
	sockets []net.Conn
	jumps   map[string]*jump
	known   map[string]*knownFiles
	spills  string // folder for output that is too long for memory
}

// jump is a connection that others run through.
type jump struct {
	mu     sync.Mutex
	client *ssh.Client
}

// NewShared is what the hosts of one run share.
func NewShared(cfg SharedConfig) *Shared {
	if cfg.Home == "" {
		cfg.Home, _ = os.UserHomeDir()
	}
	return &Shared{
		cfg: cfg, texts: map[string]configText{}, warned: map[string]bool{},
		signers: map[string]*identity{}, agents: map[string]agent.ExtendedAgent{},
		jumps: map[string]*jump{}, known: map[string]*knownFiles{},
	}
}

// Close ends the connections to jump hosts and the agent, and removes output
// that was too long for memory.
func (s *Shared) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jumps {
		if j.client != nil {
			_ = j.client.Close()
		}
	}
	for _, c := range s.sockets {
		_ = c.Close()
	}
	if s.spills != "" {
		_ = os.RemoveAll(s.spills)
		s.spills = ""
	}
}

// spillDir is a folder for output that is too long for memory; empty, and so the
// system's, where none can be made.
func (s *Shared) spillDir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spills == "" {
		s.spills, _ = os.MkdirTemp("", "bsdrun-output-")
	}
	return s.spills
}

func (s *Shared) warn(text string) {
	s.mu.Lock()
	told := s.warned[text]
	s.warned[text] = true
	s.mu.Unlock()
	if !told && s.cfg.Warn != nil {
		s.cfg.Warn(text)
	}
}

// path expands ~ and makes a relative path start in ~/.ssh, as ssh_config does.
func (s *Shared) path(name string) string {
	switch {
	case name == "~":
		return s.cfg.Home
	case strings.HasPrefix(name, "~/"):
		return filepath.Join(s.cfg.Home, name[2:])
	default:
		return name
	}
}

// localUser is the name that ssh logs in with unless told otherwise.
func localUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// agentAt is the agent behind a socket; nil when there is none.
func (s *Shared) agentAt(ctx context.Context, socket string) agent.ExtendedAgent {
	if s.cfg.AgentSocket != "" {
		socket = s.cfg.AgentSocket
	}
	if socket == "" || socket == "SSH_AUTH_SOCK" {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	if socket == "" || socket == "none" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.agents[socket]; a != nil {
		return a
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.path(socket))
	if err != nil {
		return nil
	}
	a := agent.NewClient(conn)
	s.agents[socket], s.sockets = a, append(s.sockets, conn)
	return a
}
