---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Boot environments: copies of the root file system on ZFS that the loader can start instead. An environment holds what lies in its own dataset: not /var, /home and the like where those are datasets of their own. A pool upgrade is not undone by it.
---@class h.bectl
local bectl = {}

---Makes an environment the one that boots, from now on or, with temporary, the next time alone. One that does so already is left alone; releases before 13.0 do not tell what boots once, so that there it is said again.
---@param name string the environment
---@param options? bectl.activate.options
---@return bectl.Changed
---@overload fun(arguments: bectl.activate.arguments): bectl.Changed
function bectl.activate(name, options) end

---Makes an environment of the one that runs, of another one or of a snapshot of one. One of that name is left alone, whatever it was made of.
---@param name string name of the new environment
---@param options? bectl.create.options
---@return bectl.Changed
---@overload fun(arguments: bectl.create.arguments): bectl.Changed
function bectl.create(name, options) end

---Returns the environment that runs.
---@return bectl.Environment
function bectl.current() end

---Lists the environments by name.
---@return bectl.Environment[]
function bectl.list() end

---Mounts an environment with what lies below it, on a directory given or on a new one in /tmp.
---@param name string the environment
---@param options? bectl.mount.options
---@return bectl.Mounted
---@overload fun(arguments: bectl.mount.arguments): bectl.Mounted
function bectl.mount(name, options) end

---Destroys old environments: all but the newest ones to keep, those older than a time, or both, by name if a pattern is given. What runs, what boots next and what is mounted always stays, and does not count.
---@param options? bectl.prune.options
---@return bectl.Pruned
function bectl.prune(options) end

---Destroys an environment, with what lies below it. One that is not there is no failure.
---@param name string the environment
---@param options? bectl.remove.options
---@return bectl.Changed
---@overload fun(arguments: bectl.remove.arguments): bectl.Changed
function bectl.remove(name, options) end

---Renames an environment. Where the old name is gone and the new one is there, it has been renamed already.
---@param from string the environment
---@param to string its new name
---@return bectl.Changed
---@overload fun(arguments: bectl.rename.arguments): bectl.Changed
function bectl.rename(from, to) end

---Unmounts an environment that mount had mounted. The directory stays.
---@param name string the environment
---@param options? bectl.unmount.options
---@return bectl.Changed
---@overload fun(arguments: bectl.unmount.arguments): bectl.Changed
function bectl.unmount(name, options) end

---@class bectl.activate.options
---@field temporary? boolean for the next boot alone: should it fail, the boot after it starts the one that is active (-t)

---@class bectl.activate.arguments
---@field name string the environment
---@field temporary? boolean for the next boot alone: should it fail, the boot after it starts the one that is active (-t)

---@class bectl.Changed
---@field changed boolean something is, or in check mode would be, different now

---@class bectl.create.options
---@field from? string the environment, or ENVIRONMENT@SNAPSHOT, to make it of; default: the one that runs
---@field recursive? boolean with the datasets below, where environments have some (-r)

---@class bectl.create.arguments
---@field name string name of the new environment
---@field from? string the environment, or ENVIRONMENT@SNAPSHOT, to make it of; default: the one that runs
---@field recursive? boolean with the datasets below, where environments have some (-r)

---@class bectl.Environment
---@field name string its name
---@field running boolean it is mounted on /
---@field next boolean it boots from now on
---@field once boolean it boots the next time alone; releases before 13.0 do not tell
---@field mountpoint? string where it is mounted
---@field space integer what it takes, to the three figures that bectl shows
---@field created string when it was made, to the minute

---@class bectl.mount.options
---@field at? string directory to mount it on; default: a new one in /tmp

---@class bectl.mount.arguments
---@field name string the environment
---@field at? string directory to mount it on; default: a new one in /tmp

---@class bectl.Mounted
---@field changed boolean it was, or in check mode would be, mounted
---@field mountpoint string where it is mounted

---@class bectl.prune.options
---@field keep? integer so many of the newest stay (0 by default)
---@field older_than? number only those made longer ago than this
---@field pattern? string only names that match, with * and ? as in the shell

---@class bectl.Pruned
---@field changed boolean some were, or in check mode would be, destroyed
---@field removed string[] those destroyed, the oldest first
---@field kept string[] those of the pattern that stay

---@class bectl.remove.options
---@field force? boolean also one that is mounted (-F)
---@field origin? boolean with the snapshot it was made of (-o); from 12.2 on those that bectl took itself always go

---@class bectl.remove.arguments
---@field name string the environment
---@field force? boolean also one that is mounted (-F)
---@field origin? boolean with the snapshot it was made of (-o); from 12.2 on those that bectl took itself always go

---@class bectl.rename.arguments
---@field from string the environment
---@field to string its new name

---@class bectl.unmount.options
---@field force? boolean although files in it are in use (-f)

---@class bectl.unmount.arguments
---@field name string the environment
---@field force? boolean although files in it are in use (-f)
