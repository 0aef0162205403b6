// Package git binds git(1): cloning and following repositories, reading their
// state as data, and bringing one from the controller to a host without a
// route out. It never prompts, and never learns a host key by itself.
package git

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Module is h.git.
var Module = binding.Module{
	Name: "git",
	Doc:  "Repositories of git: clone them, make a working tree stand at a branch, tag or commit, read status and history as data.",
	Funcs: []binding.Func{
		{
			Name: "clone", Kind: effect.Change, Call: Clone, See: []string{"git-clone(1)"},
			Doc:     "Copies a remote repository into a new directory. git.ensure also takes one that is there.",
			Raises:  []string{"missing: no such repository or branch", "denied: login, key or host key refused", "failed: the directory is not empty, no way to the server"},
			Example: `h.git.clone("https://git.example.org/ports.git", "/usr/ports", {branch = "main", depth = 1})`,
		},
		{
			Name: "pull", Kind: effect.Change, Call: Pull, See: []string{"git-pull(1)"},
			Doc:     "Brings the current branch to its upstream, forward only. Nothing is done when it is there.",
			Raises:  []string{"failed: local edits in the way, or both sides have commits"},
			Example: `local now = h.git.pull("/usr/ports")`,
		},
		{
			Name: "fetch", Kind: effect.Change, Call: Fetch, See: []string{"git-fetch(1)"},
			Doc:     "Brings new commits of a remote, without touching the working tree.",
			Raises:  []string{"missing: no such remote or reference"},
			Example: `local moved = h.git.fetch("/srv/git/ports", {prune = true}).refs`,
		},
		{
			Name: "checkout", Kind: effect.Change, Call: SwitchTo, See: []string{"git-checkout(1)"},
			Doc:     "Checks out a branch, tag or commit that the repository has. With force over local edits it is irreversible.",
			Raises:  []string{"missing: no such branch, tag or commit", "failed: local edits in the way"},
			Example: `h.git.checkout("/usr/ports", "2026Q4")`,
		},
		{
			Name: "ensure", Kind: effect.Change, Call: Ensure, See: []string{"git-clone(1)", "git-fetch(1)", "git-checkout(1)"},
			Doc:     "Makes a working tree stand at a branch, tag or commit of a remote. Converges: clones, or fetches and checks out only what differs. Local edits and commits that are nowhere else are refused, unless force, which is irreversible.",
			Raises:  []string{"missing: no such repository, branch, tag or commit", "failed: local work would be lost"},
			Example: `h.git.ensure("https://git.example.org/site.git", "/usr/local/www/site", {tag = "v1.2"})`,
		},
		{
			Name: "status", Kind: effect.Read, Call: GetStatus, See: []string{"git-status(1)"},
			Doc:     "Reads the state of a working tree: branch, commit, edits, conflicts, untracked files.",
			Raises:  []string{"missing: no repository", "denied: it belongs to another user"},
			Example: `if not h.git.status("/usr/ports").clean then fail("local edits") end`,
		},
		{
			Name: "revision", Kind: effect.Read, Call: Revision, See: []string{"git-rev-parse(1)"},
			Doc:     "Reads the commit id that a name stands for.",
			Raises:  []string{"missing: no repository, or no such revision"},
			Example: `local id = h.git.revision("/usr/ports")`,
		},
		{
			Name: "describe", Kind: effect.Read, Call: Describe, See: []string{"git-describe(1)"},
			Doc:     "Names the checked-out commit after the last tag, with -dirty when files are edited.",
			Example: `log("site is %s", h.git.describe("/usr/local/www/site"))`,
		},
		{
			Name: "branch", Kind: effect.Read, Call: Branch, See: []string{"git-branch(1)"},
			Doc:     "Reads which branch is checked out, and which there are.",
			Example: `local current = h.git.branch("/usr/ports").current`,
		},
		{
			Name: "remote_revision", Kind: effect.Read, Call: RemoteRevision, See: []string{"git-ls-remote(1)"},
			Doc:     "Asks a remote repository which commit a branch or tag is, without a clone.",
			Raises:  []string{"missing: no such repository or branch (the hint lists the branches)", "denied: login, key or host key refused", "failed: no way to the server"},
			Example: `local there = h.git.remote_revision("https://git.example.org/ports.git", "main").revision`,
		},
		{
			Name: "log", Kind: effect.Read, Call: Log, See: []string{"git-log(1)"},
			Doc:     "Reads the history, newest first.",
			Example: `for _, c in ipairs(h.git.log("/usr/ports", {limit = 5})) do log("%s %s", c.revision, c.subject) end`,
		},
		{
			Name: "changes", Kind: effect.Read, Call: Changes, See: []string{"git-log(1)", "git-diff(1)"},
			Doc:     "Reads the commits and files between two revisions.",
			Raises:  []string{"missing: a revision that the repository does not have"},
			Example: `local files = h.git.changes("/usr/ports", before, "HEAD").files`,
		},
		{
			Name: "init", Kind: effect.Change, Call: Init, See: []string{"git-init(1)"},
			Doc:     "Makes an empty repository with a working tree, unless one is there.",
			Example: `h.git.init("/usr/local/etc", {branch = "main"})`,
		},
		{
			Name: "bare", Kind: effect.Change, Call: Bare, See: []string{"git-init(1)"},
			Doc:     "Makes an empty repository without a working tree, unless one is there.",
			Example: `h.git.bare("/srv/git/ports.git")`,
		},
		{
			Name: "worktree", Kind: effect.Change, Call: Worktree, Risk: effect.Safe, See: []string{"git-worktree(1)"},
			Doc:     "Lists the working trees of a repository, and adds or removes one.",
			Example: `h.git.worktree("/srv/ports", "/srv/ports-2026Q4", {ref = "2026Q4"})`,
		},
		{
			Name: "submodules", Kind: effect.Change, Call: EnsureSubmodules, See: []string{"git-submodule(1)"},
			Doc:     "Checks out the recorded commit of each submodule. Nothing is done when all are there.",
			Example: `h.git.submodules("/usr/local/www/site")`,
		},
		{
			Name: "config", Kind: effect.Change, Call: Config, See: []string{"git-config(1)"},
			Doc:     "Reads, sets or removes a setting of one repository.",
			Example: `h.git.config("/usr/ports", "pull.rebase", "true")`,
		},
		{
			Name: "tag", Kind: effect.Change, Call: Tag, See: []string{"git-tag(1)"},
			Doc:     "Lists the tags, and makes, moves or removes one.",
			Example: `h.git.tag("/srv/site", "deployed-1", {message = "on the web server"})`,
		},
		{
			Name: "push_from_local", Kind: effect.Change, Call: PushFromLocal, See: []string{"git-index-pack(1)", "git-update-ref(1)"},
			Doc:     "Brings a repository of the controller to a bare or new one on the host, which needs no route out. Only what the host lacks is sent; all branches move at once or none.",
			Raises:  []string{"failed: the host's branch does not lead to the controller's", "invalid: no repository there, or a shallow one"},
			Example: `h.git.push_from_local(local_file("ports"), "/srv/git/ports.git")`,
		},
		{
			Name: "verify", Kind: effect.Read, Call: Verify, See: []string{"git-verify-commit(1)", "git-verify-tag(1)", "git-fsck(1)"},
			Doc:     "Checks the signature of a commit or tag, and on request every object of the repository.",
			Example: `if not h.git.verify("/srv/site", "v1.2").good then fail("not signed by us") end`,
		},
	},
}
