---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Ports, built on the host: for what has no package, and for releases whose packages are gone.
---@class h.ports
local ports = {}

---Removes what a port has installed. What is not installed is no failure.
---@param origin string the port: category/port
---@param options? ports.deinstall.options
---@return ports.Done
---@overload fun(arguments: ports.deinstall.arguments): ports.Done
function ports.deinstall(origin, options) end

---Builds and installs a port with what it needs, asking nothing. One that is installed is left alone, whatever its version. The build is a job: a lost connection does not end it.
---@param origin string the port: category/port
---@return ports.Done
---@overload fun(arguments: ports.install.arguments): ports.Done
function ports.install(origin) end

---Turns options of a port on and off, for builds on this host. Others stay as they are; without any it only reads those that were set.
---@param origin string the port: category/port
---@param options? ports.options.options
---@return ports.OptionsChange
---@overload fun(arguments: ports.options.arguments): ports.OptionsChange
function ports.options(origin, options) end

---Updates ports, or builds them anew with force, as after an upgrade to another major release: portmaster -af. It asks nothing: options of ports stay as they are (-G), and distfiles are kept (-D). It runs as a job, and what it did is read from what it said.
---@param ports? string|string[] ports or packages by name; default: see all
---@param options? ports.portmaster.options
---@return ports.Updated
---@overload fun(arguments: ports.portmaster.arguments): ports.Updated
function ports.portmaster(ports, options) end

---Lists the entries of /usr/ports/UPDATING, since a day, that concern what is installed: those that name a port that is, and those that name none. Read them before anything is updated.
---@param since string the day from which entries count: 2026-01-31
---@param options? ports.updating.options
---@return ports.Entry[]
---@overload fun(arguments: ports.updating.arguments): ports.Entry[]
function ports.updating(since, options) end

---@class ports.deinstall.options
---@field force? boolean although other packages need it

---@class ports.deinstall.arguments
---@field origin string the port: category/port
---@field force? boolean although other packages need it

---@class ports.Done
---@field changed boolean it was, or in check mode would be, installed or removed
---@field package string name and version of the package

---@class ports.install.arguments
---@field origin string the port: category/port

---@class ports.options.options
---@field on? string[] options to set
---@field off? string[] options not to set

---@class ports.options.arguments
---@field origin string the port: category/port
---@field on? string[] options to set
---@field off? string[] options not to set

---@class ports.OptionsChange
---@field changed boolean the file is, or in check mode would be, different now
---@field path string the file
---@field on string[] options that are set
---@field off string[] options that are not set

---@class ports.portmaster.options
---@field all? boolean all that are installed (-a)
---@field packages? "first"|"only" first: packages where there are some, and ports where not (-P); only: nothing else (-PP)
---@field force? boolean also what is up to date already (-f)
---@field exclude? string[] patterns of ports to leave alone (-x)

---@class ports.portmaster.arguments
---@field ports? string|string[] ports or packages by name; default: see all
---@field all? boolean all that are installed (-a)
---@field packages? "first"|"only" first: packages where there are some, and ports where not (-P); only: nothing else (-PP)
---@field force? boolean also what is up to date already (-f)
---@field exclude? string[] patterns of ports to leave alone (-x)

---@class ports.Updated
---@field changed boolean it did something; in check mode: it would be asked to
---@field actions string[] what it did, in its own words

---@class ports.updating.options
---@field all? boolean also those that concern nothing that is installed

---@class ports.updating.arguments
---@field since string the day from which entries count: 2026-01-31
---@field all? boolean also those that concern nothing that is installed

---@class ports.Entry
---@field date string its day: 2026-01-31
---@field affects string whom it concerns, in its own words
---@field author string who wrote it, as it is told
---@field text string what it says
---@field packages string[] installed packages that it names; empty where it names no port at all
