// Package gitsim is git(1) of the simulated machine: real repositories in the
// machine's file tree, with go-git's object store behind. Remote addresses lead to
// repositories of the simulated network, of the machine, or to the seeded ports
// trees.
//
// The machine's parameter git-error=URL=CODE has a server answer 401, 403 or 404.
package gitsim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// Version is what `git --version` says.
const Version = "2.39.5"

// Tool is git as the package git installs it.
func Tool() *sim.Tool {
	return &sim.Tool{Params: []string{"git-error"}, Name: "git", Paths: []string{"/usr/local/bin/git"}, Package: "git", Run: run}
}

// failure ends a command with an exit code; the text is already complete.
type failure struct {
	code int
	text string
}

func (f *failure) Error() string { return strings.TrimSuffix(f.text, "\n") }

// fatal is git's die(): 128.
func fatal(format string, args ...any) error {
	return &failure{128, "fatal: " + fmt.Sprintf(format, args...) + "\n"}
}

// refuse is git's error() followed by exit 1.
func refuse(format string, args ...any) error {
	return &failure{1, "error: " + fmt.Sprintf(format, args...) + "\n"}
}

// quiet ends with a code and no words.
func quiet(code int) error { return &failure{code: code} }

// git is one run of the command.
type git struct {
	p       *sim.Proc
	fs      *vfs.View
	dir     string
	gitDir  string // --git-dir or GIT_DIR
	workDir string // --work-tree or GIT_WORK_TREE
	given   []setting
	bare    bool
	guessed bool                 // the identity comes from the account and the host's name
	files   map[string][]setting // configuration files read so far
	r       *repo
}

// cannot says that the simulator has no such feature.
func (g *git) cannot(format string, args ...any) error {
	return &failure{code: g.p.Cannot("git: "+format, args...)}
}

// commands by name; sorted, with the parts they stand in.
var commands map[string]func(*git, []string) error

func init() {
	commands = map[string]func(*git, []string) error{
		"add": (*git).add, "branch": (*git).branch, "bundle": (*git).bundle,
		"cat-file": (*git).catFile, "checkout": (*git).checkout, "clean": (*git).clean,
		"clone": (*git).clone, "commit": (*git).commit, "config": (*git).config, "count-objects": (*git).countObjects,
		"describe": (*git).describe, "diff": (*git).diff, "diff-index": (*git).diffIndex, "diff-tree": (*git).diffTree,
		"fetch": (*git).fetch, "for-each-ref": (*git).forEachRef, "fsck": (*git).fsck,
		"gc": (*git).gc, "hash-object": (*git).hashObject, "index-pack": (*git).indexPack, "init": (*git).init,
		"log": (*git).log, "ls-files": (*git).lsFiles, "ls-remote": (*git).lsRemote, "ls-tree": (*git).lsTree,
		"merge": (*git).merge, "merge-base": (*git).mergeBase, "mv": (*git).mv, "pack-objects": (*git).packObjects, "prune": (*git).gc, "pull": (*git).pull, "push": (*git).push,
		"read-tree": (*git).readTree, "rebase": (*git).rebase, "remote": (*git).remote, "reset": (*git).reset, "restore": (*git).restore, "rev-list": (*git).revList,
		"rev-parse": (*git).revParse, "rm": (*git).rm, "show": (*git).show, "show-ref": (*git).showRef, "status": (*git).status,
		"submodule": (*git).submodule, "switch": (*git).switchTo, "symbolic-ref": (*git).symbolicRef, "tag": (*git).tag,
		"unpack-objects": (*git).unpackObjects, "update-index": (*git).updateIndex, "update-ref": (*git).updateRef,
		"verify-commit": (*git).verifySigned, "verify-tag": (*git).verifySigned,
		"version": (*git).version, "worktree": (*git).worktree, "write-tree": (*git).writeTree,
	}
}

// realCommands exist in git but not here; asking for one is the simulator's
// failure, not the user's.
var realCommands = strings.Fields(`am annotate apply archive backfill bisect blame bugreport cherry cherry-pick citool commit-graph commit-tree
	credential daemon diff-files difftool fast-export fast-import filter-branch format-patch get-tar-commit-id grep gui help hook http-backend
	instaweb interpret-trailers last-modified maintenance merge-file merge-index merge-tree mergetool mktag mktree multi-pack-index name-rev notes
	p4 pack-redundant pack-refs patch-id prune-packed quiltimport range-diff receive-pack reflog refs repack replace replay request-pull rerere
	revert send-email send-pack shell shortlog show-branch show-index sparse-checkout stage stash stripspace svn unpack-file
	update-server-info upload-archive upload-pack var verify-pack web--browse whatchanged`)

func run(p *sim.Proc) int {
	g := &git{p: p, fs: p.FS(), dir: p.Dir, gitDir: p.Getenv("GIT_DIR"), workDir: p.Getenv("GIT_WORK_TREE"), files: map[string][]setting{}}
	g.settingsFromEnv()
	err := g.main(p.Args[1:])
	if err == nil {
		return 0
	}
	var f *failure
	if errors.As(err, &f) {
		_, _ = io.WriteString(p.Stderr, f.text)
		return f.code
	}
	p.Errorf("fatal: %s\n", g.describeError(err))
	return 128
}

// describeError puts an error of the file tree in git's words.
func (g *git) describeError(err error) string {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return err.Error()
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Sprintf("write error: %s", errnoText(err))
	case pe.Op == "mkdir":
		return fmt.Sprintf("could not create directory '%s': %s", pe.Path, errnoText(err))
	}
	return fmt.Sprintf("could not open '%s': %s", pe.Path, errnoText(err))
}

// errnoText is strerror(3) with FreeBSD's capital letter.
func errnoText(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	s := no.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

// main reads the options before the command.
func (g *git) main(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name, value, attached := strings.Cut(args[0], "=")
		take := func() (string, error) {
			if attached {
				return value, nil
			}
			if len(args) < 2 {
				return "", &failure{129, fmt.Sprintf("no %s specified\n%s", map[string]string{"-C": "directory given for '-C' option", "-c": "config key given"}[name], usageText)}
			}
			v := args[1]
			args = args[1:]
			return v, nil
		}
		var err error
		switch name {
		case "-C":
			var dir string
			if dir, err = take(); err == nil {
				err = g.chdir(dir)
			}
		case "-c":
			attached = false
			var kv string
			if kv, err = take(); err == nil {
				g.give(kv)
			}
		case "--git-dir":
			g.gitDir, err = take()
		case "--work-tree":
			g.workDir, err = take()
		case "--bare":
			g.bare = true
		case "--version", "-v":
			return g.version(args[1:])
		case "--exec-path":
			if attached {
				break
			}
			g.println("/usr/local/libexec/git-core")
			return nil
		case "--no-pager", "-P", "--no-optional-locks", "--literal-pathspecs", "--no-replace-objects", "--no-advice":
		case "-p", "--paginate":
		case "--help", "-h":
			g.print(usageText)
			return nil
		default:
			return &failure{129, fmt.Sprintf("unknown option: %s\n%s", args[0], usageText)}
		}
		if err != nil {
			return err
		}
		args = args[1:]
	}
	if len(args) == 0 {
		g.print(usageText)
		return quiet(1)
	}
	return g.dispatch(args[0], args[1:])
}

func (g *git) dispatch(name string, args []string) error {
	if cmd, ok := commands[name]; ok {
		return cmd(g, args)
	}
	if i := sort.SearchStrings(realCommands, name); i < len(realCommands) && realCommands[i] == name {
		return g.cannot("%s", name)
	}
	if alias, ok := g.get("alias." + name); ok {
		if strings.HasPrefix(alias, "!") {
			return g.cannot("alias with a shell command: %s", alias)
		}
		words := strings.Fields(alias)
		return g.dispatch(words[0], append(words[1:], args...))
	}
	return &failure{1, fmt.Sprintf("git: '%s' is not a git command. See 'git --help'.\n", name)}
}

func (g *git) chdir(dir string) error {
	if dir == "" {
		return nil
	}
	abs := g.abs(dir)
	info, err := g.fs.Stat(abs)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return fatal("cannot change to '%s': %s", dir, errnoText(err))
	}
	g.dir = abs
	g.fs = g.p.Machine.View(g.p.Cred, abs)
	return nil
}

func (g *git) abs(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(g.dir, name)
}

func (g *git) version([]string) error {
	g.println("git version " + Version)
	return nil
}

func (g *git) print(s string)                    { _, _ = io.WriteString(g.p.Stdout, s) }
func (g *git) println(s string)                  { g.print(s + "\n") }
func (g *git) printf(format string, args ...any) { g.p.Printf(format, args...) }
func (g *git) say(format string, args ...any)    { g.p.Errorf(format, args...) }

const usageText = `usage: git [-v | --version] [-h | --help] [-C <path>] [-c <name>=<value>]
           [--exec-path[=<path>]] [--html-path] [--man-path] [--info-path]
           [-p | --paginate | -P | --no-pager] [--no-replace-objects] [--no-lazy-fetch]
           [--no-optional-locks] [--no-advice] [--bare] [--git-dir=<path>]
           [--work-tree=<path>] [--namespace=<name>] [--config-env=<name>=<envvar>]
           <command> [<args>]
`
