---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Variables of rc.conf, or of another file that sh reads, on the host or in a jail.
---@class h.sysrc
local sysrc = {}

---Adds words to a variable that is a list, each once, as sysrc's += does.
---@param name string name of the variable
---@param words string|string[] the words
---@param options? sysrc.append.options
---@return sysrc.Changed
---@overload fun(arguments: sysrc.append.arguments): sysrc.Changed
function sysrc.append(name, words, options) end

---Returns the value of a variable; those of /etc/defaults/rc.conf count.
---@param name string name of the variable
---@param options? sysrc.get.options
---@return string
---@overload fun(arguments: sysrc.get.arguments): string
function sysrc.get(name, options) end

---Returns the variables that differ from the defaults because rc.conf, or the file named, sets them: value by name.
---@param options? sysrc.list.options
---@return table<string, string>
function sysrc.list(options) end

---Removes a variable, so that its default counts again; with words, only these words of its list, as sysrc's -= does.
---@param name string name of the variable
---@param options? sysrc.remove.options
---@return sysrc.Changed
---@overload fun(arguments: sysrc.remove.arguments): sysrc.Changed
function sysrc.remove(name, options) end

---Sets variables, each where it is set already, else in /etc/rc.conf. true and false stand for YES and NO. What the file says already is left alone; comments and order are kept.
---@param vars table<string, any> values by name: strings, numbers, or true and false for YES and NO
---@param options? sysrc.set.options
---@return sysrc.Changed
function sysrc.set(vars, options) end

---@class sysrc.append.options
---@field separator? string what stands between words; default: a blank
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)

---@class sysrc.append.arguments
---@field name string name of the variable
---@field words string|string[] the words
---@field separator? string what stands between words; default: a blank
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)

---@class sysrc.Changed
---@field changed boolean a file is, or in check mode would be, different now
---@field before table<string, string> former values of those that the file set
---@field files string[] files that were changed

---@class sysrc.get.options
---@field default? string returned when nothing sets the variable
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)

---@class sysrc.get.arguments
---@field name string name of the variable
---@field default? string returned when nothing sets the variable
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)

---@class sysrc.list.options
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)

---@class sysrc.remove.options
---@field words? string[] remove only these words from its list
---@field separator? string what stands between words; default: a blank
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)

---@class sysrc.remove.arguments
---@field name string name of the variable
---@field words? string[] remove only these words from its list
---@field separator? string what stands between words; default: a blank
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)

---@class sysrc.set.options
---@field file? string another file that sh reads (-f), by absolute path
---@field jail? string in this running jail (-j)
