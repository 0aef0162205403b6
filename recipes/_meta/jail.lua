---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Jails: which run, starting and stopping them, and what jail.conf says of them. h:jail(name) is a running one as a host of its own.
---@class h.jail
---@overload fun(host: Host, name: string): Host
---@overload fun(name: string): Host
local jail = {}

jail.conf = {}

---Makes jail.conf say something of a jail. Parameters that are not named stay as they are, as do other jails, comments and the rest of the file, byte for byte. true and false are parameters without a value (persist, nopersist); a list has several values. $name and ${name} in a value are variables of the file. jail(8) reads the new file before it replaces the old one. A jail that runs already is not changed.
---@param name string the jail, or a wildcard such as *
---@param params table<string, any> parameters: a string, a number, true, false, or a list of strings
---@param options? jail.conf.ensure.options
---@return jail.Changed
---@overload fun(arguments: jail.conf.ensure.arguments): jail.Changed
function jail.conf.ensure(name, params, options) end

---Lists the jails of jail.conf, wildcards among them, with what their own blocks say. Variables are not filled in.
---@param options? jail.conf.list.options
---@return jail.Conf[]
function jail.conf.list(options) end

---Takes a jail out of jail.conf. One that runs goes on, and its directory stays.
---@param name string the jail, or a wildcard such as *
---@param options? jail.conf.remove.options
---@return jail.Changed
---@overload fun(arguments: jail.conf.remove.arguments): jail.Changed
function jail.conf.remove(name, options) end

---Tells of a running jail.
---@param name string name or number
---@return jail.Jail
---@overload fun(arguments: jail.get.arguments): jail.Jail
function jail.get(name) end

---Lists the running jails with all their parameters.
---@return jail.Jail[]
function jail.list() end

---Stops a jail, if it runs, and starts it as jail.conf has it now.
---@param name string the jail
---@param options? jail.restart.options
---@return jail.State
---@overload fun(arguments: jail.restart.arguments): jail.State
function jail.restart(name, options) end

---Starts a jail that does not run. Its file is the one that rc.d takes: /etc/jail.NAME.conf, /etc/jail.conf.d/NAME.conf or /etc/jail.conf. A boot starts it only with jail_enable in rc.conf.
---@param name string the jail
---@param options? jail.start.options
---@return jail.State
---@overload fun(arguments: jail.start.arguments): jail.State
function jail.start(name, options) end

---Stops a jail that runs: what runs in it ends, and its addresses and file systems go.
---@param name string the jail
---@param options? jail.stop.options
---@return jail.State
---@overload fun(arguments: jail.stop.arguments): jail.State
function jail.stop(name, options) end

---@class jail.conf.ensure.options
---@field unset? string[] parameters to take out of the block
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field file? string the configuration ("/etc/jail.conf" by default)

---@class jail.conf.ensure.arguments
---@field name string the jail, or a wildcard such as *
---@field params table<string, any> parameters: a string, a number, true, false, or a list of strings
---@field unset? string[] parameters to take out of the block
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field file? string the configuration ("/etc/jail.conf" by default)

---@class jail.Changed
---@field changed boolean the file is, or in check mode would be, different now
---@field file string the file

---@class jail.conf.list.options
---@field file? string the configuration ("/etc/jail.conf" by default)

---@class jail.Conf
---@field name string the jail, or a wildcard
---@field file string the file
---@field line integer where the block begins
---@field params table<string, string[]> values by parameter; an empty list where the parameter stands alone

---@class jail.conf.remove.options
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field file? string the configuration ("/etc/jail.conf" by default)

---@class jail.conf.remove.arguments
---@field name string the jail, or a wildcard such as *
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field file? string the configuration ("/etc/jail.conf" by default)

---@class jail.get.arguments
---@field name string name or number

---@class jail.Jail
---@field jid integer its number
---@field name string its name
---@field hostname string its host name
---@field path string its root, on the host
---@field ip4 string[] its IPv4 addresses, the first one is that of its connections
---@field ip6 string[] its IPv6 addresses
---@field release string the release that it is told the kernel is; empty on old hosts
---@field vnet boolean it has a network stack of its own
---@field persist boolean it stays without processes
---@field dying boolean it is being removed
---@field params table<string, string> all parameters by name, as jls prints them; true or false for those without a value

---@class jail.restart.options
---@field file? string its configuration; default: as rc.d finds it

---@class jail.restart.arguments
---@field name string the jail
---@field file? string its configuration; default: as rc.d finds it

---@class jail.State
---@field changed boolean it was started or stopped

---@class jail.start.options
---@field file? string its configuration; default: as rc.d finds it

---@class jail.start.arguments
---@field name string the jail
---@field file? string its configuration; default: as rc.d finds it

---@class jail.stop.options
---@field file? string its configuration; default: as rc.d finds it

---@class jail.stop.arguments
---@field name string the jail
---@field file? string its configuration; default: as rc.d finds it
