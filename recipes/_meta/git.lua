---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Repositories of git: clone them, make a working tree stand at a branch, tag or commit, read status and history as data.
---@class h.git
local git = {}

---Copies a remote repository into a new directory. git.ensure also takes one that is there.
---@param uri string the repository: https://, ssh://, git@host:path, file:// or a path on the host
---@param dir string where to; must not exist or be empty
---@param options? git.clone.options
---@return git.Checkout
---@overload fun(arguments: git.clone.arguments): git.Checkout
function git.clone(uri, dir, options) end

---Brings the current branch to its upstream, forward only. Nothing is done when it is there.
---@param dir string the working tree
---@param options? git.pull.options
---@return git.Checkout
---@overload fun(arguments: git.pull.arguments): git.Checkout
function git.pull(dir, options) end

---Brings new commits of a remote, without touching the working tree.
---@param dir string the repository
---@param options? git.fetch.options
---@return git.Fetched
---@overload fun(arguments: git.fetch.arguments): git.Fetched
function git.fetch(dir, options) end

---Checks out a branch, tag or commit that the repository has. With force over local edits it is irreversible.
---@param dir string the working tree
---@param ref string branch, tag or commit that the repository has
---@param options? git.checkout.options
---@return git.Checkout
---@overload fun(arguments: git.checkout.arguments): git.Checkout
function git.checkout(dir, ref, options) end

---Makes a working tree stand at a branch, tag or commit of a remote. Converges: clones, or fetches and checks out only what differs. Local edits and commits that are nowhere else are refused, unless force, which is irreversible.
---@param uri string the repository
---@param dir string the working tree
---@param options? git.ensure.options
---@return git.Checkout
---@overload fun(arguments: git.ensure.arguments): git.Checkout
function git.ensure(uri, dir, options) end

---Reads the state of a working tree: branch, commit, edits, conflicts, untracked files.
---@param dir string the working tree
---@param options? git.status.options
---@return git.Status
---@overload fun(arguments: git.status.arguments): git.Status
function git.status(dir, options) end

---Reads the commit id that a name stands for.
---@param dir string the repository
---@param ref? string branch, tag or revision
---@return string
---@overload fun(arguments: git.revision.arguments): string
function git.revision(dir, ref) end

---Names the checked-out commit after the last tag, with -dirty when files are edited.
---@param dir string the repository
---@param options? git.describe.options
---@return string
---@overload fun(arguments: git.describe.arguments): string
function git.describe(dir, options) end

---Reads which branch is checked out, and which there are.
---@param dir string the repository
---@return git.Branches
---@overload fun(arguments: git.branch.arguments): git.Branches
function git.branch(dir) end

---Asks a remote repository which commit a branch or tag is, without a clone.
---@param uri string the remote repository
---@param ref? string branch or tag; default: the remote's HEAD
---@param options? git.remote_revision.options
---@return git.RemoteRev
---@overload fun(arguments: git.remote_revision.arguments): git.RemoteRev
function git.remote_revision(uri, ref, options) end

---Reads the history, newest first.
---@param dir string the repository
---@param options? git.log.options
---@return git.Commit[]
---@overload fun(arguments: git.log.arguments): git.Commit[]
function git.log(dir, options) end

---Reads the commits and files between two revisions.
---@param dir string the repository
---@param from string the older revision
---@param to? string the newer revision
---@param options? git.changes.options
---@return git.ChangeSet
---@overload fun(arguments: git.changes.arguments): git.ChangeSet
function git.changes(dir, from, to, options) end

---Makes an empty repository with a working tree, unless one is there.
---@param dir string where
---@param options? git.init.options
---@return git.Changed
---@overload fun(arguments: git.init.arguments): git.Changed
function git.init(dir, options) end

---Makes an empty repository without a working tree, unless one is there.
---@param dir string where
---@param options? git.bare.options
---@return git.Changed
---@overload fun(arguments: git.bare.arguments): git.Changed
function git.bare(dir, options) end

---Lists the working trees of a repository, and adds or removes one.
---@param dir string the repository
---@param path? string the further working tree; default: only lists
---@param options? git.worktree.options
---@return git.Worktrees
---@overload fun(arguments: git.worktree.arguments): git.Worktrees
function git.worktree(dir, path, options) end

---Checks out the recorded commit of each submodule. Nothing is done when all are there.
---@param dir string the working tree
---@param options? git.submodules.options
---@return git.Submodules
---@overload fun(arguments: git.submodules.arguments): git.Submodules
function git.submodules(dir, options) end

---Reads, sets or removes a setting of one repository.
---@param dir string the repository
---@param name string section.name, such as user.email
---@param value? string sets it; default: only reads
---@param options? git.config.options
---@return git.Setting
---@overload fun(arguments: git.config.arguments): git.Setting
function git.config(dir, name, value, options) end

---Lists the tags, and makes, moves or removes one.
---@param dir string the repository
---@param name? string the tag; default: only lists
---@param options? git.tag.options
---@return git.Tags
---@overload fun(arguments: git.tag.arguments): git.Tags
function git.tag(dir, name, options) end

---Brings a repository of the controller to a bare or new one on the host, which needs no route out. Only what the host lacks is sent; all branches move at once or none.
---@param from LocalFile a repository on the controller: local_file("ports")
---@param dir string the repository on the host: bare, or made anew
---@param options? git.push_from_local.options
---@return git.Pushed
---@overload fun(arguments: git.push_from_local.arguments): git.Pushed
function git.push_from_local(from, dir, options) end

---Checks the signature of a commit or tag, and on request every object of the repository.
---@param dir string the repository
---@param ref? string commit or tag
---@param options? git.verify.options
---@return git.Verification
---@overload fun(arguments: git.verify.arguments): git.Verification
function git.verify(dir, ref, options) end

---@class git.clone.options
---@field branch? string branch or tag to check out; default: the remote's
---@field depth? integer only so many commits; 0: all
---@field bare? boolean without a working tree
---@field mirror? boolean bare, with every reference of the remote, kept equal by fetch
---@field submodules? boolean with submodules, recursively
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.clone.arguments
---@field uri string the repository: https://, ssh://, git@host:path, file:// or a path on the host
---@field dir string where to; must not exist or be empty
---@field branch? string branch or tag to check out; default: the remote's
---@field depth? integer only so many commits; 0: all
---@field bare? boolean without a working tree
---@field mirror? boolean bare, with every reference of the remote, kept equal by fetch
---@field submodules? boolean with submodules, recursively
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.Checkout
---@field changed boolean
---@field dir string
---@field before? string the commit before
---@field revision string the commit now
---@field branch? string empty when detached

---@class git.pull.options
---@field rebase? boolean put local commits on top of the upstream's; default: fast-forward only
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.pull.arguments
---@field dir string the working tree
---@field rebase? boolean put local commits on top of the upstream's; default: fast-forward only
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.fetch.options
---@field remote? string which remote ("origin" by default)
---@field refs? string[] branches, tags or refspecs; default: as configured
---@field tags? boolean all tags too
---@field prune? boolean forget remote branches that are gone
---@field depth? integer only so many commits; 0: all that are missing
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.fetch.arguments
---@field dir string the repository
---@field remote? string which remote ("origin" by default)
---@field refs? string[] branches, tags or refspecs; default: as configured
---@field tags? boolean all tags too
---@field prune? boolean forget remote branches that are gone
---@field depth? integer only so many commits; 0: all that are missing
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.RefChange
---@field ref string
---@field before? string
---@field after? string

---@class git.Fetched
---@field changed boolean
---@field refs git.RefChange[] references that are new, moved or gone

---@class git.checkout.options
---@field create? boolean make a branch of that name where there is none
---@field force? boolean throw away local edits; irreversible

---@class git.checkout.arguments
---@field dir string the working tree
---@field ref string branch, tag or commit that the repository has
---@field create? boolean make a branch of that name where there is none
---@field force? boolean throw away local edits; irreversible

---@class git.ensure.options
---@field branch? string follow this branch; default: the remote's
---@field tag? string stand at this tag
---@field revision? string stand at this commit (its whole id)
---@field depth? integer only so many commits; 0: all
---@field submodules? boolean submodules too, recursively
---@field force? boolean throw away local edits and commits that are nowhere else; irreversible
---@field clean? boolean remove untracked files, but for ignored ones; irreversible
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.ensure.arguments
---@field uri string the repository
---@field dir string the working tree
---@field branch? string follow this branch; default: the remote's
---@field tag? string stand at this tag
---@field revision? string stand at this commit (its whole id)
---@field depth? integer only so many commits; 0: all
---@field submodules? boolean submodules too, recursively
---@field force? boolean throw away local edits and commits that are nowhere else; irreversible
---@field clean? boolean remove untracked files, but for ignored ones; irreversible
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.status.options
---@field untracked? boolean look for untracked files too (true by default)

---@class git.status.arguments
---@field dir string the working tree
---@field untracked? boolean look for untracked files too (true by default)

---@class git.Change
---@field path string
---@field from? string the former path of a renamed or copied file
---@field index string what is staged: . M A D R C T U, as git-status(1) has it
---@field worktree string what is not staged, in the same letters

---@class git.Status
---@field revision string commit id; empty before the first commit
---@field branch string empty when HEAD is detached
---@field detached boolean
---@field upstream? string origin/main
---@field ahead integer commits that the upstream lacks, as of the last fetch
---@field behind integer commits of the upstream that are missing here, as of the last fetch
---@field clean boolean no edits, no conflicts and no untracked files
---@field edited boolean tracked files differ from the commit
---@field changes git.Change[] tracked files that differ
---@field conflicts string[] paths that are not merged
---@field untracked string[] directories end in a slash

---@class git.revision.arguments
---@field dir string the repository
---@field ref? string branch, tag or revision ("HEAD" by default)

---@class git.describe.options
---@field tags? boolean lightweight tags count too (true by default)

---@class git.describe.arguments
---@field dir string the repository
---@field tags? boolean lightweight tags count too (true by default)

---@class git.branch.arguments
---@field dir string the repository

---@class git.BranchInfo
---@field name string
---@field revision string
---@field upstream? string origin/main
---@field remote boolean a branch of a remote, as of the last fetch

---@class git.Branches
---@field current string the branch that is checked out; empty when HEAD is detached
---@field detached boolean
---@field branches git.BranchInfo[]

---@class git.remote_revision.options
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.remote_revision.arguments
---@field uri string the remote repository
---@field ref? string branch or tag; default: the remote's HEAD
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.RemoteRev
---@field uri string
---@field ref string refs/heads/main, refs/tags/v1.0 or HEAD
---@field branch? string the branch, where the reference is one; for HEAD the default branch
---@field revision string the commit (behind a tag, too)

---@class git.log.options
---@field from? string only commits after this revision
---@field to? string the newest commit ("HEAD" by default)
---@field path? string only commits that touch this path
---@field limit? integer at most so many; 0: all (50 by default)

---@class git.log.arguments
---@field dir string the repository
---@field from? string only commits after this revision
---@field to? string the newest commit ("HEAD" by default)
---@field path? string only commits that touch this path
---@field limit? integer at most so many; 0: all (50 by default)

---@class git.Commit
---@field revision string
---@field parents string[]
---@field author string
---@field email string
---@field time string when it was committed
---@field subject string
---@field body? string

---@class git.changes.options
---@field path? string only below this path

---@class git.changes.arguments
---@field dir string the repository
---@field from string the older revision
---@field to? string the newer revision ("HEAD" by default)
---@field path? string only below this path

---@class git.FileChange
---@field status string added, modified, deleted, renamed, copied or type
---@field path string
---@field from? string the former path

---@class git.ChangeSet
---@field from string
---@field to string
---@field commits git.Commit[] newest first
---@field files git.FileChange[]

---@class git.init.options
---@field branch? string name of the first branch ("main" by default)

---@class git.init.arguments
---@field dir string where
---@field branch? string name of the first branch ("main" by default)

---@class git.Changed
---@field changed boolean

---@class git.bare.options
---@field branch? string name of the first branch ("main" by default)

---@class git.bare.arguments
---@field dir string where
---@field branch? string name of the first branch ("main" by default)

---@class git.worktree.options
---@field ref? string branch, tag or commit that it stands at ("HEAD" by default)
---@field remove? boolean removes it; refused while it holds edits
---@field force? boolean removes it with its edits; irreversible

---@class git.worktree.arguments
---@field dir string the repository
---@field path? string the further working tree; default: only lists
---@field ref? string branch, tag or commit that it stands at ("HEAD" by default)
---@field remove? boolean removes it; refused while it holds edits
---@field force? boolean removes it with its edits; irreversible

---@class git.Tree
---@field path string
---@field revision? string
---@field branch? string empty when detached
---@field bare boolean
---@field locked boolean
---@field prunable boolean its directory is gone

---@class git.Worktrees
---@field changed boolean
---@field worktrees git.Tree[] the first is the main one, as they were before

---@class git.submodules.options
---@field recursive? boolean submodules of submodules too (true by default)
---@field depth? integer only so many commits of each; 0: all
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.submodules.arguments
---@field dir string the working tree
---@field recursive? boolean submodules of submodules too (true by default)
---@field depth? integer only so many commits of each; 0: all
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class git.Submodule
---@field path string
---@field revision string what is checked out, or wanted when nothing is
---@field state string current, missing (not initialised), different (another commit is checked out) or conflict
---@field describe? string

---@class git.Submodules
---@field changed boolean
---@field submodules git.Submodule[] as they were before

---@class git.config.options
---@field unset? boolean removes it

---@class git.config.arguments
---@field dir string the repository
---@field name string section.name, such as user.email
---@field value? string sets it; default: only reads
---@field unset? boolean removes it

---@class git.Setting
---@field changed boolean
---@field value string empty when it is not set
---@field is_set boolean
---@field before? string

---@class git.tag.options
---@field revision? string what it names ("HEAD" by default)
---@field message? string makes an annotated tag
---@field remove? boolean removes it
---@field force? boolean moves a tag that names something else

---@class git.tag.arguments
---@field dir string the repository
---@field name? string the tag; default: only lists
---@field revision? string what it names ("HEAD" by default)
---@field message? string makes an annotated tag
---@field remove? boolean removes it
---@field force? boolean moves a tag that names something else

---@class git.TagInfo
---@field name string
---@field revision string the commit
---@field annotated boolean
---@field subject? string first line of the message

---@class git.Tags
---@field changed boolean
---@field tags git.TagInfo[] by name, as they were before

---@class git.push_from_local.options
---@field branches? string[] only these; default: all
---@field tags? boolean tags too (true by default)
---@field force? boolean move branches and tags that do not follow from what the host has; irreversible
---@field prune? boolean remove branches and tags that are not on the controller; irreversible

---@class git.push_from_local.arguments
---@field from LocalFile a repository on the controller: local_file("ports")
---@field dir string the repository on the host: bare, or made anew
---@field branches? string[] only these; default: all
---@field tags? boolean tags too (true by default)
---@field force? boolean move branches and tags that do not follow from what the host has; irreversible
---@field prune? boolean remove branches and tags that are not on the controller; irreversible

---@class git.Pushed
---@field changed boolean
---@field created boolean the repository was made
---@field objects integer how many were sent
---@field bytes integer size of the pack
---@field refs git.RefChange[] references that moved
---@field head string the branch that HEAD names

---@class git.verify.options
---@field signers? string file on the host with the allowed ssh signers (ssh-keygen(1)); default: as git is configured
---@field objects? boolean check every object of the repository too (git fsck)

---@class git.verify.arguments
---@field dir string the repository
---@field ref? string commit or tag ("HEAD" by default)
---@field signers? string file on the host with the allowed ssh signers (ssh-keygen(1)); default: as git is configured
---@field objects? boolean check every object of the repository too (git fsck)

---@class git.Verification
---@field signed boolean
---@field good boolean the signature is valid, by a key that is known and not expired or revoked
---@field signer? string
---@field key? string fingerprint or key id
---@field trust? string what gpg thinks of the key: undefined, never, marginal, full, ultimate
---@field problem? string why it is not good
---@field intact? boolean git fsck found no error; only with objects
---@field errors? string[] what git fsck found
