---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Kernel state: as it runs, as sysctl.conf sets it at boot, and the loader's tunables.
---@class h.sysctl
local sysctl = {}

sysctl.tunable = {}

---Returns the value of a variable, as text.
---@param oid string name, such as "kern.hostname"
---@return string
---@overload fun(arguments: sysctl.get.arguments): string
function sysctl.get(oid) end

---Returns the variables below a name, or all of them: value by name.
---@param prefix? string name above those wanted, such as "net.inet"; default: all
---@return table<string, string>
---@overload fun(arguments: sysctl.list.arguments): table<string, string>
function sysctl.list(prefix) end

---Sets a variable in the running kernel and, for the next boot, in /etc/sysctl.conf. Either can be left out. What is so already is left alone.
---@param oid string name, such as "net.inet.ip.forwarding"
---@param value any a string, a number, or true and false for 1 and 0
---@param options? sysctl.set.options
---@return sysctl.Changed
---@overload fun(arguments: sysctl.set.arguments): sysctl.Changed
function sysctl.set(oid, value, options) end

---Returns what loader.conf sets a tunable to for the next boot.
---@param name string name of the tunable
---@param options? sysctl.tunable.get.options
---@return string
---@overload fun(arguments: sysctl.tunable.get.arguments): string
function sysctl.tunable.get(name, options) end

---Removes a tunable from loader.conf, so that its default counts from the next boot on.
---@param name string name of the tunable
---@return sysctl.Changed
---@overload fun(arguments: sysctl.tunable.remove.arguments): sysctl.Changed
function sysctl.tunable.remove(name) end

---Sets a tunable in loader.conf, which counts from the next boot on.
---@param name string name of the tunable
---@param value any a string, a number, or true and false for 1 and 0
---@return sysctl.Changed
---@overload fun(arguments: sysctl.tunable.set.arguments): sysctl.Changed
function sysctl.tunable.set(name, value) end

---@class sysctl.get.arguments
---@field oid string name, such as "kern.hostname"

---@class sysctl.list.arguments
---@field prefix? string name above those wanted, such as "net.inet"; default: all

---@class sysctl.set.options
---@field running? boolean set it in the running kernel (true by default)
---@field persist? boolean set it in /etc/sysctl.conf for the next boot (true by default)

---@class sysctl.set.arguments
---@field oid string name, such as "net.inet.ip.forwarding"
---@field value any a string, a number, or true and false for 1 and 0
---@field running? boolean set it in the running kernel (true by default)
---@field persist? boolean set it in /etc/sysctl.conf for the next boot (true by default)

---@class sysctl.Changed
---@field changed boolean the kernel or the file is, or in check mode would be, different now
---@field before string value in the running kernel before, where it was looked at
---@field persisted boolean the file was changed

---@class sysctl.tunable.get.options
---@field default? string returned when loader.conf does not set it

---@class sysctl.tunable.get.arguments
---@field name string name of the tunable
---@field default? string returned when loader.conf does not set it

---@class sysctl.tunable.remove.arguments
---@field name string name of the tunable

---@class sysctl.tunable.set.arguments
---@field name string name of the tunable
---@field value any a string, a number, or true and false for 1 and 0
