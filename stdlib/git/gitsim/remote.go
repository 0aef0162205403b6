package gitsim

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
)

// remoteRepo is the far side of a transfer.
type remoteRepo struct {
	url   string
	store storage.Storer
	local bool   // a path of this machine, not an address
	dir   string // of a repository of this machine
}

const noAccess = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n"

// openRemote reaches a repository by its address.
func (g *git) openRemote(address string) (*remoteRepo, error) {
	address = g.rewriteURL(address)
	switch kind, host, file := splitAddress(address); kind {
	case "path":
		return g.localRemote(address, g.abs(file), file, true)
	case "file":
		return g.localRemote(address, path.Clean(file), file, false)
	case "http", "https", "ssh", "git":
		return g.networkRemote(address, kind, host, file)
	default:
		return nil, &failure{128, fmt.Sprintf("git: 'remote-%s' is not a git command. See 'git --help'.\n", kind)}
	}
}

// rewriteURL applies url.<base>.insteadOf.
func (g *git) rewriteURL(address string) string {
	best, base := "", ""
	for _, s := range g.settings() {
		if strings.HasPrefix(s.key, "url.") && strings.HasSuffix(s.key, ".insteadof") && strings.HasPrefix(address, s.value) && len(s.value) > len(best) {
			best, base = s.value, strings.TrimSuffix(strings.TrimPrefix(s.key, "url."), ".insteadof")
		}
	}
	if best == "" {
		return address
	}
	return base + address[len(best):]
}

var scpLike = lazyregexp.New(`^(?:[^/@]+@)?([^/:]+|\[[0-9a-fA-F:.]+\]):(.*)$`)

// splitAddress tells the transport, the host (with port) and the path.
func splitAddress(address string) (kind, host, file string) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		if m := scpLike.FindStringSubmatch(address); m != nil {
			return "ssh", strings.Trim(m[1], "[]"), m[2]
		}
		return "path", "", address
	}
	if scheme == "file" {
		return "file", "", rest
	}
	host, file, _ = strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if strings.HasPrefix(scheme, "git+") || strings.HasSuffix(scheme, "+git") {
		scheme = "ssh"
	}
	return scheme, host, "/" + file
}

// localRemote is a repository, or a bundle, of this machine.
func (g *git) localRemote(address, full, shown string, isPath bool) (*remoteRepo, error) {
	absent := &failure{128, fmt.Sprintf("fatal: '%s' does not appear to be a git repository\n%s", shown, noAccess)}
	for _, try := range []string{full, full + ".git", full + ".bundle"} {
		info, err := g.fs.Stat(try)
		if err != nil {
			continue
		}
		if !info.IsDir() {
			store, err := g.openBundle(try)
			if err != nil {
				return nil, absent
			}
			return &remoteRepo{url: address, store: store, local: isPath}, nil
		}
		gitDir := try
		if !isGitDir(g.fs, try) {
			var ok bool
			if _, gitDir, ok = discoverAt(g.fs, try); !ok {
				continue
			}
		}
		if err := g.checkOwner(gitDir, ""); err != nil {
			var f *failure
			errors.As(err, &f)
			return nil, &failure{128, f.text + noAccess}
		}
		if _, err := g.fs.ReadDir(path.Join(gitDir, "objects")); err != nil {
			return nil, absent
		}
		return &remoteRepo{url: address, store: openStore(g.fs, gitDir, gitDir), local: isPath, dir: gitDir}, nil
	}
	return nil, absent
}

// networkRemote is a repository of the simulated network.
func (g *git) networkRemote(address, kind, host, file string) (*remoteRepo, error) {
	network := g.p.Machine.Network()
	if err := network.Reachable(address); err != nil {
		return nil, unreachable(address, kind, host, err)
	}
	if err := g.denied(address, kind, host); err != nil {
		return nil, err
	}
	if real, ok := network.Git(address); ok {
		return onController(address, real)
	}
	if seed := seedFor(address); seed != nil {
		store, err := seed.store()
		if err != nil {
			return nil, err
		}
		return &remoteRepo{url: address, store: store}, nil
	}
	if kind == "ssh" {
		return nil, &failure{128, fmt.Sprintf("fatal: '%s' does not appear to be a git repository\n%s", strings.TrimPrefix(file, "/~"), noAccess)}
	}
	if kind == "git" {
		return nil, &failure{128, "fatal: remote error: access denied or repository not exported: " + file + "\n"}
	}
	return nil, fatal("repository '%s/' not found", strings.TrimSuffix(address, "/"))
}

// denied is the answer of a server that asks for a password or forbids, as the
// machine's parameter git-error=URL=CODE wants it (401, 403 or 404).
func (g *git) denied(address, kind, host string) error {
	bare := strings.TrimSuffix(strings.TrimRight(address, "/"), ".git")
	user := ""
	if u, err := url.Parse(bare); err == nil && u.User != nil {
		user = u.User.Username()
		u.User = nil
		bare = u.String()
	}
	for _, p := range g.p.Machine.Params["git-error"] {
		i := strings.LastIndexByte(p, '=')
		if i < 0 || strings.TrimSuffix(strings.TrimRight(p[:i], "/"), ".git") != bare {
			continue
		}
		shown := strings.TrimSuffix(address, "/")
		switch code := p[i+1:]; {
		case code == "401" && user != "":
			if at := strings.IndexByte(shown, '@'); at > 0 {
				shown = kind + "://" + shown[at+1:]
			}
			return fatal("Authentication failed for '%s/'", shown)
		case code == "401" && g.p.Getenv("GIT_TERMINAL_PROMPT") == "0":
			return fatal("could not read Username for '%s://%s': terminal prompts disabled", kind, host)
		case code == "401":
			return fatal("could not read Username for '%s://%s': Device not configured", kind, host)
		case code == "404":
			return fatal("repository '%s/' not found", shown)
		default:
			return fatal("unable to access '%s/': The requested URL returned error: %s", shown, code)
		}
	}
	return nil
}

// onController opens a repository of the controller's disk, to be read only.
func onController(address, dir string) (*remoteRepo, error) {
	fs := osfs.New(dir)
	if _, err := fs.Stat(".git/HEAD"); err == nil {
		if fs, err = fs.Chroot(".git"); err != nil {
			return nil, err
		}
	} else if _, err := fs.Stat("HEAD"); err != nil {
		return nil, fatal("repository '%s/' not found", strings.TrimSuffix(address, "/"))
	}
	return &remoteRepo{url: address, store: filesystem.NewStorage(fs, cache.NewObjectLRUDefault())}, nil
}

// unreachable words a failed connection as libcurl or ssh would.
func unreachable(address, kind, host string, cause error) error {
	name, port := host, map[string]string{"http": "80", "https": "443", "ssh": "22", "git": "9418"}[kind]
	if u, err := url.Parse("x://" + host); err == nil {
		name = u.Hostname()
		if u.Port() != "" {
			port = u.Port()
		}
	}
	text := cause.Error()
	resolving := strings.Contains(text, "resolve") || strings.Contains(text, "no such host") || strings.Contains(text, "not known") || strings.Contains(text, "ame does not")
	timedOut := errors.Is(cause, syscall.ETIMEDOUT) || strings.Contains(text, "timed out") || strings.Contains(text, "timeout")
	noRoute := errors.Is(cause, syscall.EHOSTUNREACH) || errors.Is(cause, syscall.ENETUNREACH) || strings.Contains(text, "route")
	switch {
	case kind == "ssh" && resolving:
		return &failure{128, fmt.Sprintf("ssh: Could not resolve hostname %s: Name does not resolve\r\n%s", name, noAccess)}
	case kind == "ssh":
		why := "Connection refused"
		if timedOut {
			why = "Operation timed out"
		} else if noRoute {
			why = "No route to host"
		}
		return &failure{128, fmt.Sprintf("ssh: connect to host %s port %s: %s\r\n%s", name, port, why, noAccess)}
	case kind == "git":
		return fatal("unable to connect to %s:\n%s: %s\n", name, name, cause)
	case resolving:
		return fatal("unable to access '%s/': Could not resolve host: %s", strings.TrimSuffix(address, "/"), name)
	case timedOut:
		return fatal("unable to access '%s/': Failed to connect to %s port %s after 75015 ms: Couldn't connect to server", strings.TrimSuffix(address, "/"), name, port)
	}
	return fatal("unable to access '%s/': Failed to connect to %s port %s after 0 ms: Couldn't connect to server", strings.TrimSuffix(address, "/"), name, port)
}

// travel passes the time that objects take over the network. Killed meanwhile, the
// command ends.
func (g *git) travel(r *remoteRepo, objects int) error {
	if r.dir != "" || r.local {
		return nil
	}
	const trip, each = time.Second, 15 * time.Millisecond
	if g.p.Sleep(trip+time.Duration(objects)*each) != nil {
		return quiet(128)
	}
	return nil
}

// killedHard tells whether nothing can be cleaned up any more.
func (g *git) killedHard() bool {
	var s sim.Signalled
	return errors.As(context.Cause(g.p.Context), &s) && s.Signal == syscall.SIGKILL
}

// refs lists what the far side offers: HEAD first, then the rest sorted; peeled
// tags follow their tag.
func (r *remoteRepo) refs() []*plumbing.Reference {
	var out []*plumbing.Reference
	if h, err := storer.ResolveReference(r.store, plumbing.HEAD); err == nil {
		out = append(out, plumbing.NewHashReference(plumbing.HEAD, h.Hash()))
	}
	for _, ref := range sortedRefs(r.store, "refs/") {
		if ref.Type() == plumbing.SymbolicReference {
			resolved, err := storer.ResolveReference(r.store, ref.Name())
			if err != nil {
				continue
			}
			ref = plumbing.NewHashReference(ref.Name(), resolved.Hash())
		}
		out = append(out, ref)
	}
	return out
}

// headBranch is the branch that the far side's HEAD points to.
func (r *remoteRepo) headBranch() plumbing.ReferenceName {
	ref, err := r.store.Reference(plumbing.HEAD)
	if err != nil || ref.Type() != plumbing.SymbolicReference {
		return ""
	}
	return ref.Target()
}

func (r *remoteRepo) hash(name plumbing.ReferenceName) plumbing.Hash {
	ref, err := storer.ResolveReference(r.store, name)
	if err != nil {
		return plumbing.ZeroHash
	}
	return ref.Hash()
}

// lsRemote is git-ls-remote(1).
func (g *git) lsRemote(args []string) error {
	o, err := g.parse("ls-remote", args, "h,heads b,branches t,tags refs q,quiet exit-code symref get-url sort= upload-pack=")
	if err != nil {
		return err
	}
	_ = g.open()
	name, patterns := "origin", []string(nil)
	if len(o.args) > 0 {
		name, patterns = o.args[0], append(o.args[1:], o.paths...)
	} else if g.r == nil {
		return fatal("No remote configured to list refs from.")
	}
	address := name
	if u, ok := g.get("remote." + name + ".url"); ok {
		address = u
		if len(o.args) == 0 && !o.has("quiet") {
			g.say("From %s\n", u)
		}
	} else if len(o.args) == 0 {
		return fatal("No remote configured to list refs from.")
	}
	if o.has("get-url") {
		g.println(g.rewriteURL(address))
		return nil
	}
	r, err := g.openRemote(address)
	if err != nil {
		return err
	}
	heads := o.has("heads") || o.has("branches")
	printed := 0
	show := func(h plumbing.Hash, name string) {
		if !matchesRefPattern(name, patterns) {
			return
		}
		printed++
		g.printf("%s\t%s\n", h, name)
	}
	if err := g.travel(r, 0); err != nil {
		return err
	}
	for _, ref := range r.refs() {
		n := ref.Name().String()
		if o.has("refs") && n == "HEAD" || (heads || o.has("tags")) &&
			!(heads && strings.HasPrefix(n, "refs/heads/") || o.has("tags") && strings.HasPrefix(n, "refs/tags/")) {
			continue
		}
		if n == "HEAD" && o.has("symref") && r.headBranch() != "" && matchesRefPattern(n, patterns) {
			g.printf("ref: %s\tHEAD\n", r.headBranch())
		}
		show(ref.Hash(), n)
		if target, ok := peelTag(r.store, ref.Hash()); ok && !o.has("refs") {
			show(target, n+"^{}")
		}
	}
	if printed == 0 && o.has("exit-code") {
		return quiet(2)
	}
	return nil
}

// matchesRefPattern is ls-remote's: a pattern matches whole trailing components.
func matchesRefPattern(name string, patterns []string) bool {
	if len(patterns) == 0 {
		return true
	}
	for _, p := range patterns {
		for tail := name; ; {
			if ok, err := path.Match(strings.ReplaceAll(p, "/", "\x00"), strings.ReplaceAll(tail, "/", "\x00")); err == nil && ok {
				return true
			}
			i := strings.IndexByte(tail, '/')
			if i < 0 {
				break
			}
			tail = tail[i+1:]
		}
	}
	return false
}
