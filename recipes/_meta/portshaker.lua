---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Ports trees made by merging sources, such as the tree of FreeBSD and a repository of one's own.
---@class h.portshaker
local portshaker = {}

portshaker.source = {}

---Installs portshaker and the programs that its sources need.
---@param options? portshaker.install.options
---@return portshaker.Installed
function portshaker.install(options) end

---Writes portshaker.conf: targets, where sources are kept, what happens at a conflict. Converges: settings and targets that are not named stay as they are.
---@param options? portshaker.configure.options
---@return portshaker.Configured
function portshaker.configure(options) end

---Writes the script of a source. What was fetched from another address or branch before is removed, since portshaker cannot switch a clone.
---@param name string name of the source: its script in portshaker.d
---@param options? portshaker.source.put.options
---@return portshaker.SourceChange
---@overload fun(arguments: portshaker.source.put.arguments): portshaker.SourceChange
function portshaker.source.put(name, options) end

---Lists the sources: method, address, branch, which targets merge from them.
---@return portshaker.Source[]
function portshaker.source.list() end

---Removes a source that no target merges from, and what was fetched of it.
---@param name string the source
---@param options? portshaker.source.remove.options
---@return portshaker.SourceChange
---@overload fun(arguments: portshaker.source.remove.arguments): portshaker.SourceChange
function portshaker.source.remove(name, options) end

---Lists the ports trees that portshaker makes, with their paths and sources.
---@return portshaker.Target[]
function portshaker.targets() end

---Fetches what is new of the sources, and returns for each the commit before and now. A git source whose repository has nothing new is left alone.
---@param sources? string|string[] only these; default: all that targets merge from
---@param options? portshaker.update.options
---@return portshaker.Updated
---@overload fun(arguments: portshaker.update.arguments): portshaker.Updated
function portshaker.update(sources, options) end

---Makes the target trees from their sources, and returns which ports came from where. Nothing is done while no source has changed. A tree that is not portshaker's, or holds files from no source, is refused; with adopt it is reset, which is irreversible.
---@param target? string only this target; default: all
---@param options? portshaker.merge.options
---@return portshaker.Merged
---@overload fun(arguments: portshaker.merge.arguments): portshaker.Merged
function portshaker.merge(target, options) end

---Looks for ports that two sources provide in the same version with different files, without merging.
---@param target? string only this target; default: all
---@return portshaker.Conflict[]
---@overload fun(arguments: portshaker.conflicts.arguments): portshaker.Conflict[]
function portshaker.conflicts(target) end

---@class portshaker.install.options
---@field methods? ("git"|"svn"|"svn+subtrees"|"rsync"|"hg"|"cvs"|"csup"|"portsnap")[] methods of the sources that will be used ({ "git" } by default)
---@field zfs? boolean targets are data sets only, so that rsync is not needed

---@class portshaker.Installed
---@field changed boolean
---@field version string of portshaker

---@class portshaker.TargetArgs
---@field ports_tree? string path of the tree; or else poudriere_tree
---@field poudriere_tree? string name of the tree below poudriere_ports_mountpoint
---@field merge_from? string[] sources, the first being the base; a suffix ! takes changed files without asking, + copies over blindly
---@field zfs_dataset? string data set of the tree, with use_zfs

---@class portshaker.configure.options
---@field targets? table<string, portshaker.TargetArgs> targets by name; others in the file stay
---@field mirror_base_dir? string where sources are kept; default: as it is, or /var/cache/portshaker
---@field poudriere_ports_mountpoint? string where poudriere keeps its trees; default: as it is, or /usr/local/poudriere/ports where a target needs it
---@field poudriere_dataset? string poudriere's data set, needed with use_zfs and a poudriere_tree
---@field use_zfs? boolean clone data sets instead of copying files; default: as it is, or no
---@field source_zfs_compression? string compression of source data sets
---@field target_zfs_compression? string compression of target data sets
---@field fail_on_conflict? boolean stop at a conflict; without it portshaker asks, and asks for ever where nobody answers (true by default)
---@field verbose? boolean tell what is done
---@field settings? table<string, string> further variables of portshaker.conf
---@field only? boolean drop targets of the file that are not named here

---@class portshaker.Configured
---@field changed boolean
---@field path string
---@field mirror_base_dir string

---@class portshaker.source.put.options
---@field method? "git"|"svn"|"svn+subtrees"|"rsync"|"hg"|"cvs"|"csup"|"portsnap" how it is fetched ("git" by default)
---@field uri? string git_clone_uri, svn_checkout_path, rsync_source_path, hg_clone_uri or cvs_root
---@field branch? string git: the branch; default: the one that the repository names (portshaker's own default, master, is seldom there)
---@field submodules? boolean git: submodules too
---@field submodules_branch? string git: branch of the submodules
---@field subtrees? string[] svn+subtrees: what to check out below uri
---@field extra_args? string[] rsync: further options
---@field module? string cvs: the module
---@field supfile? string csup: the file that says what to fetch
---@field settings? table<string, string> further variables of the script, portshaker.d(5)
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class portshaker.source.put.arguments
---@field name string name of the source: its script in portshaker.d
---@field method? "git"|"svn"|"svn+subtrees"|"rsync"|"hg"|"cvs"|"csup"|"portsnap" how it is fetched ("git" by default)
---@field uri? string git_clone_uri, svn_checkout_path, rsync_source_path, hg_clone_uri or cvs_root
---@field branch? string git: the branch; default: the one that the repository names (portshaker's own default, master, is seldom there)
---@field submodules? boolean git: submodules too
---@field submodules_branch? string git: branch of the submodules
---@field subtrees? string[] svn+subtrees: what to check out below uri
---@field extra_args? string[] rsync: further options
---@field module? string cvs: the module
---@field supfile? string csup: the file that says what to fetch
---@field settings? table<string, string> further variables of the script, portshaker.d(5)
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class portshaker.SourceChange
---@field changed boolean
---@field path string the script
---@field branch? string git: the branch it follows
---@field cache_removed boolean what was fetched from elsewhere was removed; the next update fetches anew

---@class portshaker.Source
---@field name string
---@field path string the script
---@field method string
---@field uri? string
---@field branch? string
---@field executable boolean portshaker can run the script
---@field shifts boolean the script removes what stands before its command, as releases since 1.0.11 need
---@field targets string[] targets that merge from it
---@field cache string where it is kept
---@field fetched boolean the cache exists

---@class portshaker.source.remove.options
---@field cache? boolean remove what was fetched, too (true by default)

---@class portshaker.source.remove.arguments
---@field name string the source
---@field cache? boolean remove what was fetched, too (true by default)

---@class portshaker.Target
---@field name string
---@field path string
---@field poudriere_tree? string name of the tree of poudriere
---@field merge_from string[] sources in the order of merging; ! takes changed files without asking, + copies over
---@field zfs_dataset? string

---@class portshaker.update.options
---@field force? boolean run even where the repository has nothing new
---@field timeout? number for each source (7200 by default)
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class portshaker.update.arguments
---@field sources? string|string[] only these; default: all that targets merge from
---@field force? boolean run even where the repository has nothing new
---@field timeout? number for each source (7200 by default)
---@field deploy_key? Secret|string private ssh key (a secret); lies in a file of mode 0600 while the command runs
---@field key_file? string private ssh key file that is on the host already
---@field host_keys? string known_hosts lines that the server must match; default: the host's own known_hosts files

---@class portshaker.SourceUpdate
---@field name string
---@field method string
---@field uri? string
---@field branch? string
---@field cache string
---@field changed boolean for other methods than git: it ran
---@field before? string commit before; empty when it was not fetched yet
---@field revision string commit now; empty for other methods than git

---@class portshaker.Updated
---@field changed boolean
---@field sources portshaker.SourceUpdate[]

---@class portshaker.merge.options
---@field adopt? boolean merge over a tree that is not portshaker's, or that holds files from no source; they are lost, irreversibly
---@field force? boolean merge even where no source has changed since the last merge
---@field timeout? number for each target (7200 by default)

---@class portshaker.merge.arguments
---@field target? string only this target; default: all
---@field adopt? boolean merge over a tree that is not portshaker's, or that holds files from no source; they are lost, irreversibly
---@field force? boolean merge even where no source has changed since the last merge
---@field timeout? number for each target (7200 by default)

---@class portshaker.MergedPort
---@field source string
---@field origin string category/port
---@field before? string version in the sources before it; empty for a new port
---@field after string version now

---@class portshaker.TargetMerged
---@field name string
---@field path string
---@field changed boolean it was made anew
---@field base string the source that everything else comes from
---@field ports portshaker.MergedPort[] ports that come from the other sources
---@field backward string[] ports left alone because another source has a later version
---@field overridden string[] ports taken from a source with ! although the version is the same

---@class portshaker.Merged
---@field changed boolean
---@field targets portshaker.TargetMerged[]

---@class portshaker.conflicts.arguments
---@field target? string only this target; default: all

---@class portshaker.Conflict
---@field origin string category/port
---@field source string the source that brings other files
---@field target string path of the tree that has the port already
---@field files string[] files that differ, relative to the port
