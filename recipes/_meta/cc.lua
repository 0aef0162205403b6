---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---C programs that are compiled on the host and run there, for what only the host's own kernel and library can tell. All of it happens in a private directory that is gone afterwards; root is not needed.
---@class h.cc
local cc = {}

---Compiles a C source, runs the program, and returns what it printed. It counts as a change: check mode lists it and leaves it. A host without a compiler that works is no failure: compiled is false, and reason tells why.
---@param source string the C source, of at most 64 KB
---@param options? cc.run.options
---@return cc.Result
---@overload fun(arguments: cc.run.arguments): cc.Result
function cc.run(source, options) end

---Compiles and runs a program that changes nothing. It is run in check mode, too; after a skipped change it is unknown. A host without a compiler that works is no failure: compiled is false, and reason tells why.
---@param source string the C source, of at most 64 KB
---@param options? cc.read.options
---@return cc.Result
---@overload fun(arguments: cc.read.arguments): cc.Result
function cc.read(source, options) end

---Returns the source of a program that comes with bsdrun. These are the programs that simulated machines can run, too. bind-probe binds wildcard sockets of both families to one port; its arguments are in the comment at its head.
---@param name "bind-probe"|"trial" the program
---@return string
---@overload fun(arguments: cc.source.arguments): string
function cc.source(name) end

---@class cc.run.options
---@field args? string[] arguments of the program
---@field stdin? string|Secret|LocalFile its standard input; none without it
---@field flags? string[] further arguments of the compiler, behind the source: -O2, -lm
---@field compiler? string name or path of the compiler; default: the first of cc, clang and gcc
---@field timeout? number for compiling and running together; 0: the run's

---@class cc.run.arguments
---@field source string the C source, of at most 64 KB
---@field args? string[] arguments of the program
---@field stdin? string|Secret|LocalFile its standard input; none without it
---@field flags? string[] further arguments of the compiler, behind the source: -O2, -lm
---@field compiler? string name or path of the compiler; default: the first of cc, clang and gcc
---@field timeout? number for compiling and running together; 0: the run's

---@class cc.Result
---@field compiled boolean the host could compile it; otherwise nothing was run
---@field reason string why it could not: there is no compiler, or none that works
---@field compiler string path of the compiler
---@field code integer exit code of the program; 128 and the signal where one ended it
---@field stdout string
---@field stderr string

---@class cc.read.options
---@field args? string[] arguments of the program
---@field stdin? string|Secret|LocalFile its standard input; none without it
---@field flags? string[] further arguments of the compiler, behind the source: -O2, -lm
---@field compiler? string name or path of the compiler; default: the first of cc, clang and gcc
---@field timeout? number for compiling and running together; 0: the run's

---@class cc.read.arguments
---@field source string the C source, of at most 64 KB
---@field args? string[] arguments of the program
---@field stdin? string|Secret|LocalFile its standard input; none without it
---@field flags? string[] further arguments of the compiler, behind the source: -O2, -lm
---@field compiler? string name or path of the compiler; default: the first of cc, clang and gcc
---@field timeout? number for compiling and running together; 0: the run's

---@class cc.source.arguments
---@field name "bind-probe"|"trial" the program
