---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Variables in files that sh reads: rc.conf, portshaker.conf, poudriere.conf, periodic.conf, and loader.conf by its own rules. Edits keep comments, order and quoting.
---@class h.shellvars
local shellvars = {}

---Returns the value of one variable, without quotes. The last assignment wins.
---@param file string absolute path
---@param name string name of the variable
---@param options? shellvars.get.options
---@return string
---@overload fun(arguments: shellvars.get.arguments): string
function shellvars.get(file, name, options) end

---Returns all variables of a file: values that the file alone decides by name, and every variable with its line and what is uncertain about it.
---@param file string absolute path
---@param options? shellvars.read.options
---@return shellvars.Contents
---@overload fun(arguments: shellvars.read.arguments): shellvars.Contents
function shellvars.read(file, options) end

---Removes every assignment of the named variables, with the comments on their lines. A missing file has no variables.
---@param file string absolute path
---@param names string|string[] names of variables
---@param options? shellvars.remove.options
---@return shellvars.Changed
---@overload fun(arguments: shellvars.remove.arguments): shellvars.Changed
function shellvars.remove(file, names, options) end

---Sets variables of a file. A changed value keeps its place, quoting style and comment; a new variable goes to the end. Where a variable is set under a condition nothing is changed, since the file would not say what was asked for.
---@param file string absolute path
---@param vars table<string, string> values by name
---@param options? shellvars.set.options
---@return shellvars.Changed
---@overload fun(arguments: shellvars.set.arguments): shellvars.Changed
function shellvars.set(file, vars, options) end

---@class shellvars.get.options
---@field default? string returned when the file, or the variable, is not there
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name

---@class shellvars.get.arguments
---@field file string absolute path
---@field name string name of the variable
---@field default? string returned when the file, or the variable, is not there
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name

---@class shellvars.read.options
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name

---@class shellvars.read.arguments
---@field file string absolute path
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name

---@class shellvars.Var
---@field name string name of the variable
---@field value string value without quotes; as written where exact is false
---@field exact boolean the file alone decides the value
---@field exported boolean the variable is exported to commands
---@field conditional boolean an assignment under a condition may override the value
---@field line integer line of the assignment that wins
---@field note? string why the value is not exact

---@class shellvars.Contents
---@field values table<string, string> values that the file alone decides, by name
---@field vars shellvars.Var[] every variable, in the order of the file
---@field includes string[] files that it reads in turn, as written

---@class shellvars.remove.options
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name

---@class shellvars.remove.arguments
---@field file string absolute path
---@field names string|string[] names of variables
---@field backup? string keep the former file: an absolute path, or what is added to the name
---@field validate? string[] command that must accept the new file; %s stands for its path
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name

---@class shellvars.Changed
---@field changed boolean the file is, or in check mode would be, different now
---@field path string the file, with symbolic links resolved where they were followed

---@class shellvars.set.options
---@field create? boolean make the file where it is missing (true by default)
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file; %s stands for its path
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name

---@class shellvars.set.arguments
---@field file string absolute path
---@field vars table<string, string> values by name
---@field create? boolean make the file where it is missing (true by default)
---@field backup? string keep the former file: an absolute path, or what is added to the name, such as ".orig"
---@field validate? string[] command that must accept the new file; %s stands for its path
---@field format? "sh"|"loader" sh, or loader for the rules of loader.conf; default: by the file's name
