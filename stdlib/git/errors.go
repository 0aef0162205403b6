package git

import (
	"context"
	"errors"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Rules are the failures of git that are told apart; modules whose tools run git
// use them too.
var Rules = []effect.Rule{
	{Pattern: lazyregexp.New(`No space left on device`), Kind: effect.Failed, Hint: "the file system is full: df -h, make room and run again"},
	{Pattern: lazyregexp.New(`dubious ownership in repository at '([^']+)'`), Kind: effect.Denied, Hint: "$1 belongs to another user: run as its owner (h:as(...)), or on git 2.35.2 to 2.37 add it to safe.directory of the global configuration"},
	{Pattern: lazyregexp.New(`Unable to create '([^']+\.lock)': File exists`), Kind: effect.Failed, Hint: "another git is at work there, or one was killed: when ps shows none, remove $1"},
	{Pattern: lazyregexp.New(`destination path '([^']+)' already exists and is not an empty directory`), Kind: effect.Failed, Hint: "choose another directory, or use git.ensure, which takes over a repository that is there"},
	{Pattern: lazyregexp.New(`Remote branch (\S+) not found in upstream`), Kind: effect.Missing, Hint: "the repository has no branch $1"},
	{Pattern: lazyregexp.New(`(?i)couldn't find remote ref (\S+)`), Kind: effect.Missing, Hint: "the repository has no $1"},
	{Pattern: lazyregexp.New(`Server does not allow request for unadvertised object|not our ref`), Kind: effect.Missing, Hint: "the server does not hand out this commit by its id: name a branch or a tag that holds it"},
	{Pattern: lazyregexp.New(`Could not resolve host(?:name)?:? ([^\s:;]+)`), Kind: effect.Failed, Hint: "the host cannot resolve $1: check the address, /etc/resolv.conf and the way out"},
	{Pattern: lazyregexp.New(`Failed to connect to (\S+) port|connect to host (\S+) port`), Kind: effect.Failed, Hint: "the server does not answer: check address, port, routes and proxies"},
	{Pattern: lazyregexp.New(`Host key verification failed|No \S+ host key is known for`), Kind: effect.Denied, Hint: "the host does not know the server's key: give it as host_keys= (ssh-keyscan prints it; compare it with what the provider publishes)"},
	{Pattern: lazyregexp.New(`Permission denied \(([^)]+)\)|Load key .*: (?:invalid format|error in libcrypto)`), Kind: effect.Denied, Hint: "the server refused the key: give one that it accepts as deploy_key="},
	{Pattern: lazyregexp.New(`SSL certificate problem|server certificate verification failed`), Kind: effect.Denied, Hint: "the certificate is not trusted: is the clock right, and are the roots there (ca_root_nss, certctl rehash)?"},
	{Pattern: lazyregexp.New(`could not read (?:Username|Password) for '([^']+)'`), Kind: effect.Denied, Hint: "$1 asks for a login (or the repository does not exist, which many servers answer alike): use an ssh address with deploy_key="},
	{Pattern: lazyregexp.New(`Authentication failed for '([^']+)'`), Kind: effect.Denied, Hint: "the login in the address is wrong: use an ssh address with deploy_key="},
	{Pattern: lazyregexp.New(`requested URL returned error: 40[13]`), Kind: effect.Denied, Hint: "the server forbids it: check the address and its rights"},
	{Pattern: lazyregexp.New(`requested URL returned error: (\d+)`), Kind: effect.Failed, Hint: "the server answered $1: try again later, or check the address"},
	{Pattern: lazyregexp.New(`repository '([^']+)' (?:not found|does not exist)`), Kind: effect.Missing, Hint: "there is no repository at $1: check the address"},
	{Pattern: lazyregexp.New(`'([^']+)' does not appear to be a git repository`), Kind: effect.Missing, Hint: "there is no repository at $1: check the address"},
	{Pattern: lazyregexp.New(`'remote-(\S+)' is not a git command`), Kind: effect.Invalid, Hint: "git has no transport for $1: addresses"},
	{Pattern: lazyregexp.New(`not a git repository`), Kind: effect.Missing, Hint: "clone it first (git.clone, git.ensure)"},
	{Pattern: lazyregexp.New(`(?:local|unstaged) changes|untracked working tree files would be`), Kind: effect.Failed, Hint: "commit, stash or remove the local edits; git.ensure with force=true throws them away"},
	{Pattern: lazyregexp.New(`Not possible to fast-forward|Need to specify how to reconcile|\(non-fast-forward\)|refusing to merge unrelated`), Kind: effect.Failed, Hint: "both sides have commits of their own: merge by hand, pull with rebase=true, or git.ensure with force=true, which drops the local ones"},
	{Pattern: lazyregexp.New(`CONFLICT \(|could not apply`), Kind: effect.Failed, Hint: "resolve the conflict by hand, or go back with git rebase --abort or git merge --abort"},
	{Pattern: lazyregexp.New(`pathspec '([^']+)' did not match`), Kind: effect.Missing, Hint: "there is no branch, tag or file $1: git.fetch first?"},
	{Pattern: lazyregexp.New(`ambiguous argument '([^']+)'|bad revision '([^']+)'|Needed a single revision`), Kind: effect.Missing, Hint: "the repository does not know this revision: git.fetch first? (A shallow clone knows only its last commits.)"},
	{Pattern: lazyregexp.New(`No names found, cannot describe`), Kind: effect.Missing, Hint: "the repository has no tag to describe it by"},
	{Pattern: lazyregexp.New(`no tracking information|not currently on a branch`), Kind: effect.Failed, Hint: "say which branch is meant, or use git.ensure"},
	{Pattern: lazyregexp.New(`git: (?:Command )?not found|git: No such file`), Kind: effect.Missing, Hint: `install it: h.pkg.install("git")`},
	{Pattern: lazyregexp.New(`Could not read from remote repository`), Kind: effect.Failed, Hint: "check the address and the rights"},
}

// telling are the lines that carry the reason.
var telling = lazyregexp.New(`(?m)^(?:fatal|error|ssh|CONFLICT[^:]*): .*$`)

// explain gives git's failure a reason, a kind and a hint.
func explain(err error) error {
	explained, _ := effect.Explain(err, Rules)
	var e *effect.Error
	if !errors.As(explained, &e) || e.Code == 0 || e.Kind == effect.Timeout {
		return explained
	}
	known := *e
	if line := telling.FindString(e.Err + "\n" + e.Out); line != "" {
		known.Message = "git: " + strings.TrimPrefix(strings.TrimSpace(line), "fatal: ")
	}
	if e.Code == 127 {
		known.Kind, known.Hint = effect.Missing, `install git: h.pkg.install("git")`
	}
	return &known
}

// do runs e and explains its failure.
func do(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	if err = explain(err); err != nil {
		err = speak(err, e)
	}
	return res, err
}

// speak names the command in an error as a person would type it: without the
// settings that every git is given, and without what brings keys along.
func speak(err error, e effect.Effect) error {
	known, ok := err.(*effect.Error) //nolint:errorlint // as explain made it
	if !ok || known.Command == "" || len(e.Argv) == 0 {
		return err
	}
	argv := e.Argv
	if argv[0] == "sh" && argv[2] == withKeys {
		argv = argv[4:]
	}
	if argv[0] != "git" {
		return err
	}
	words := []string{"git"}
	for i := 1; i < len(argv); i++ {
		if argv[i] == "-c" && len(words) == 1 {
			i++
			continue
		}
		word := argv[i]
		if word == "" || strings.ContainsAny(word, " \t\n'\"$`\\*?[]{}()<>|&;!#~") {
			word = shellWord(word)
		}
		words = append(words, word)
	}
	told := *known
	told.Command = strings.Join(words, " ")
	return &told
}

// text is the whole output of a query.
func text(ctx context.Context, h effect.Doer, e effect.Effect) ([]byte, error) {
	res, err := do(ctx, h, e)
	if err != nil {
		return nil, err
	}
	return res.Output()
}

// line is the output of a query that prints one line.
func line(ctx context.Context, h effect.Doer, e effect.Effect) (string, error) {
	b, err := text(ctx, h, e)
	return strings.TrimSpace(string(b)), err
}

// unknown tells whether check mode could not answer.
func unknown(err error) bool { return errors.Is(err, effect.ErrUnknown) }
