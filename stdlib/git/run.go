package git

import (
	"path"
	"strings"

	"bsdrun/runtime/effect"
)

// searchPath finds git where FreeBSD's packages put it, which is not in the
// PATH of every non-login session.
const searchPath = "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

// sshCommand never asks and never learns a host key by itself.
const sshCommand = "ssh -oBatchMode=yes -oConnectTimeout=30"

// Access says how a remote repository is reached. The key and the host keys
// serve one command and are gone after it.
type Access struct {
	DeployKey effect.Secret `lua:"deploy_key" doc:"private ssh key (a secret); lies in a file of mode 0600 while the command runs"`
	KeyFile   string        `lua:"key_file" doc:"private ssh key file that is on the host already"`
	HostKeys  string        `lua:"host_keys" doc:"known_hosts lines that the server must match; default: the host's own known_hosts files"`
}

// Check refuses what excludes each other.
func (a Access) Check(op string) error {
	if a.DeployKey.Reveal() != "" && a.KeyFile != "" {
		return invalid(op, "deploy_key and key_file exclude each other")
	}
	if a.KeyFile != "" && !path.IsAbs(a.KeyFile) {
		return invalid(op, "key_file %q is not an absolute path", a.KeyFile)
	}
	return nil
}

// withKeys runs git with a key and host keys from a private folder that is
// removed whatever happens. The key comes on standard input, everything else
// in the environment or as arguments, so that nothing secret shows in ps(1).
const withKeys = `umask 077
dir=$(mktemp -d "${TMPDIR:-/tmp}/bsdrun-git.XXXXXXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 143' HUP INT TERM
ssh=$GIT_SSH_COMMAND
if [ "$BSDRUN_KEY" = stdin ]; then
	cat >"$dir/key" || exit 1
	ssh="$ssh -i $dir/key -oIdentitiesOnly=yes"
fi
if [ -n "$BSDRUN_HOST_KEYS" ]; then
	printf '%s\n' "$BSDRUN_HOST_KEYS" >"$dir/known_hosts" || exit 1
	ssh="$ssh -oStrictHostKeyChecking=yes -oUserKnownHostsFile=$dir/known_hosts -oGlobalKnownHostsFile=/dev/null"
fi
GIT_SSH_COMMAND=$ssh
export GIT_SSH_COMMAND
unset BSDRUN_KEY BSDRUN_HOST_KEYS
"$@" </dev/null`

// Apply makes e, which runs git itself or a tool that does, reach its remote in
// this way.
func (a Access) Apply(e effect.Effect) effect.Effect {
	key := a.DeployKey.Reveal()
	if key == "" && a.HostKeys == "" {
		if a.KeyFile != "" {
			e.Env = setEnv(e.Env, "GIT_SSH_COMMAND", sshCommand+" -i "+shellWord(a.KeyFile)+" -oIdentitiesOnly=yes")
		}
		return e
	}
	ssh := sshCommand
	if a.KeyFile != "" {
		ssh += " -i " + shellWord(a.KeyFile) + " -oIdentitiesOnly=yes"
	}
	e.Env = setEnv(e.Env, "GIT_SSH_COMMAND", ssh)
	e.Env = append(e.Env, "BSDRUN_HOST_KEYS="+strings.TrimSpace(a.HostKeys))
	if key != "" {
		e.Env = append(e.Env, "BSDRUN_KEY=stdin")
		e.Stdin = strings.NewReader(strings.TrimRight(key, "\n") + "\n")
	}
	e.Argv = append([]string{"sh", "-c", withKeys, "git"}, e.Argv...)
	return e
}

func setEnv(env []string, name, value string) []string {
	kept := make([]string, 0, len(env)+1)
	for _, v := range env {
		if !strings.HasPrefix(v, name+"=") {
			kept = append(kept, v)
		}
	}
	return append(kept, name+"="+value)
}

// shellWord quotes a word for the shell that reads GIT_SSH_COMMAND.
func shellWord(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Environment keeps every git quiet, in English and without prompts. Reads
// take no optional locks, so that not even the index is refreshed.
func Environment(kind effect.Kind) []string {
	env := []string{
		"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "GIT_PAGER=cat", "GIT_EDITOR=:",
		"GIT_SSH_COMMAND=" + sshCommand, searchPath,
	}
	if kind == effect.Read {
		env = append(env, "GIT_OPTIONAL_LOCKS=0")
	}
	return env
}

// settings are given to every git: no advice, and no housekeeping that outlives
// the command.
var settings = []string{"-c", "advice.detachedHead=false", "-c", "gc.autoDetach=false"}

// query is a read of the repository at dir (empty: of none).
func query(op, dir string, args ...string) effect.Effect {
	return command(op, effect.Read, dir, args)
}

// change is a change to the repository at dir.
func change(op, dir string, args ...string) effect.Effect {
	return command(op, effect.Change, dir, args)
}

func command(op string, kind effect.Kind, dir string, args []string) effect.Effect {
	e := effect.Effect{Op: op, Kind: kind, Env: Environment(kind), Title: "git "}
	e.Argv = append([]string{"git"}, settings...)
	if dir != "" {
		e.Title += "-C " + dir + " "
		e.Argv = append(e.Argv, "-c", "safe.directory="+dir, "-C", dir)
	}
	e.Argv = append(e.Argv, args...)
	e.Title += strings.Join(args, " ")
	e.Reads = reads(dir)
	if kind == effect.Change {
		e.Writes = writes(dir)
	}
	return e
}

// reads is what every command about dir depends on.
func reads(dir string) []effect.Resource {
	if dir == "" {
		return []effect.Resource{"pkg:git"}
	}
	return []effect.Resource{"pkg:git", effect.Tree(dir)}
}

func writes(dir string) []effect.Resource {
	if dir == "" {
		return effect.Nothing
	}
	return []effect.Resource{effect.Tree(dir)}
}

// ref is the resource of a reference of the repository at dir ("HEAD",
// "refs/heads/main"). The tree of files says that a repository is another than
// before; these say, where a change knows it, what a reference became.
func ref(dir, name string) effect.Resource {
	return effect.Resource("git:" + strings.TrimSuffix(dir, "/") + "/" + name)
}

// Leaves tells check mode that the repository at dir will stand at a revision;
// an empty one is not known beforehand.
func Leaves(dir, revision string) map[effect.Resource]string {
	if revision == "" {
		return nil
	}
	return leaves(dir, map[string]string{"HEAD": revision})
}

// leaves tells check mode what references will be; what it does not name will
// not be known.
func leaves(dir string, refs map[string]string) map[effect.Resource]string {
	left := map[effect.Resource]string{effect.Tree(dir): "git"}
	for name, revision := range refs {
		left[ref(dir, name)] = revision
	}
	return left
}

// localPath is the path of a repository on the host itself; empty for one that
// is reached over the network.
func localPath(uri string) string {
	if p, ok := strings.CutPrefix(uri, "file://"); ok {
		return strings.TrimSuffix(p, "/")
	}
	if path.IsAbs(uri) {
		return strings.TrimSuffix(uri, "/")
	}
	return ""
}

// remoteReads adds the repository behind uri to what a command reads.
func remoteReads(e effect.Effect, uri string) effect.Effect {
	if p := localPath(uri); p != "" {
		e.Reads = append(e.Reads, effect.Tree(p))
	}
	return e
}
