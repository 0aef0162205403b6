---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Kernel modules: loaded now, and at boot.
---@class h.kld
local kld = {}

---Makes a module part of the running kernel and of the kernel after the next boot. At boot it is loaded by the loader (loader.conf), which file systems and what the root lies on need, or by rc (kld_list of rc.conf), which is faster. Where neither is asked for, either is as good, and rc does it where the release can. What the kernel has built in needs neither.
---@param name string the module: "if_bridge"
---@param options? kld.ensure.options
---@return kld.Ensured
---@overload fun(arguments: kld.ensure.arguments): kld.Ensured
function kld.ensure(name, options) end

---Returns the files that the kernel consists of: itself first, then what was loaded, each with the modules in it.
---@return kld.File[]
function kld.list() end

---Loads a module into the running kernel. One that is there already, or built in, is left alone. A packet filter that begins by dropping everything, and policies that may forbid our own processes to go on, are refused without force.
---@param name string the module: "pf"
---@param options? kld.load.options
---@return kld.Changed
---@overload fun(arguments: kld.load.arguments): kld.Changed
function kld.load(name, options) end

---Unloads a module. One that is not loaded is left alone; one that is built in cannot be unloaded. The driver of an interface that the host has, and others our connection may need, are refused without force.
---@param name string the module: "pf"
---@param options? kld.unload.options
---@return kld.Changed
---@overload fun(arguments: kld.unload.arguments): kld.Changed
function kld.unload(name, options) end

---@class kld.ensure.options
---@field running? boolean load it now (true by default)
---@field boot? "loader"|"rc"|"none" who loads it at boot: loader (loader.conf), rc (kld_list of rc.conf) or none; default: whoever does already, else rc
---@field force? boolean load it although it may cut us off

---@class kld.ensure.arguments
---@field name string the module: "if_bridge"
---@field running? boolean load it now (true by default)
---@field boot? "loader"|"rc"|"none" who loads it at boot: loader (loader.conf), rc (kld_list of rc.conf) or none; default: whoever does already, else rc
---@field force? boolean load it although it may cut us off

---@class kld.Ensured
---@field changed boolean the kernel, or what it loads at boot, is, or in check mode would be, different now
---@field loaded boolean it was, or in check mode would be, loaded now
---@field built_in boolean the kernel has it built in, or in another file: nothing has to load it
---@field boot? string who loads it at boot: loader or rc

---@class kld.File
---@field id integer number of the file; the kernel has 1
---@field name string name of the file without .ko: pf
---@field file string name of the file: pf.ko
---@field path? string where it was loaded from, where that is told
---@field refs integer how many need it
---@field size integer in memory
---@field modules string[] modules in it, which may have other names

---@class kld.load.options
---@field force? boolean load it although it may cut us off

---@class kld.load.arguments
---@field name string the module: "pf"
---@field force? boolean load it although it may cut us off

---@class kld.Changed
---@field changed boolean the kernel, or what it loads at boot, is, or in check mode would be, different now

---@class kld.unload.options
---@field boot? boolean do not load it at boot any more, either
---@field force? boolean unload it although it may cut us off

---@class kld.unload.arguments
---@field name string the module: "pf"
---@field boot? boolean do not load it at boot any more, either
---@field force? boolean unload it although it may cut us off
