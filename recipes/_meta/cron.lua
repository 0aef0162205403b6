---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---What cron(8) runs: entries with a name, in the tables of users or in files of their own.
---@class h.cron
local cron = {}

---Has a command run by a schedule. The entry is known by its name, which stands in a comment above it: another schedule or command replaces it where it is, and everything else in the table stays as it is. The command is what sh gets: % needs no backslash.
---@param name string what the entry is known by
---@param schedule string when: minute, hour, day of month, month, day of week, as in "30 4 * * 1-5", or @daily and the like
---@param command string what sh runs
---@param options? cron.ensure.options
---@return cron.Changed
---@overload fun(arguments: cron.ensure.arguments): cron.Changed
function cron.ensure(name, schedule, command, options) end

---Lists all that cron runs: of /etc/crontab, of the files under /etc/cron.d and /usr/local/etc/cron.d, and of users' tables. Who is not root sees no tables of other users.
---@param options? cron.list.options
---@return cron.Entry[]
function cron.list(options) end

---Removes an entry by the name that cron.ensure gave it. A table that is empty then is removed, too.
---@param name string what the entry is known by
---@param options? cron.remove.options
---@return cron.Changed
---@overload fun(arguments: cron.remove.arguments): cron.Changed
function cron.remove(name, options) end

---@class cron.ensure.options
---@field stdin? string what the command gets as standard input
---@field env? table<string, string> variables, such as MAILTO; with system=true only, since in a user's table they would hold for others too
---@field enabled? boolean false: keep the entry, but as a comment (true by default)
---@field user? string as whom it runs, and whose table it is ("root" by default)
---@field system? boolean in a file of its own, /etc/cron.d/NAME, instead of the user's table

---@class cron.ensure.arguments
---@field name string what the entry is known by
---@field schedule string when: minute, hour, day of month, month, day of week, as in "30 4 * * 1-5", or @daily and the like
---@field command string what sh runs
---@field stdin? string what the command gets as standard input
---@field env? table<string, string> variables, such as MAILTO; with system=true only, since in a user's table they would hold for others too
---@field enabled? boolean false: keep the entry, but as a comment (true by default)
---@field user? string as whom it runs, and whose table it is ("root" by default)
---@field system? boolean in a file of its own, /etc/cron.d/NAME, instead of the user's table

---@class cron.Changed
---@field changed boolean the table is, or in check mode would be, different now
---@field file string the table

---@class cron.list.options
---@field user? string only what runs as this user

---@class cron.Entry
---@field name? string name that cron.ensure gave it
---@field user string as whom it runs; in system tables a group and a login class may follow, as in root:wheel/daemon
---@field schedule string five fields, or a nickname such as @daily; of a line that cron cannot read, all of it
---@field command string what sh runs
---@field stdin? string what it gets as standard input
---@field enabled boolean it runs; false: cron.ensure has put it into a comment
---@field env table<string, string> variables that the table sets above it
---@field file string the table
---@field line integer number of its line
---@field problem? string why cron cannot read the line

---@class cron.remove.options
---@field user? string as whom it runs, and whose table it is ("root" by default)
---@field system? boolean in a file of its own, /etc/cron.d/NAME, instead of the user's table

---@class cron.remove.arguments
---@field name string what the entry is known by
---@field user? string as whom it runs, and whose table it is ("root" by default)
---@field system? boolean in a file of its own, /etc/cron.d/NAME, instead of the user's table
