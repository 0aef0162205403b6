---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Services of rc.d: start, stop, enable and list them, on the host or in a jail.
---@class h.service
local service = {}

---Has a service's script do what it knows beside the usual. It is never known beforehand to change nothing.
---@param name string name of the rc.d script, such as "nginx"
---@param action string what its script knows beside the usual: configtest, graceful, keygen; service.actions tells
---@param options? service.action.options
---@return service.Changed
---@overload fun(arguments: service.action.arguments): service.Changed
function service.action(name, action, options) end

---Lists what a service's script knows beside the usual, in its own order.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.actions.options
---@return string[]
---@overload fun(arguments: service.actions.arguments): string[]
function service.actions(name, options) end

---Takes a service's variable out of rc.conf, so that its default holds again.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.delete.options
---@return service.Changed
---@overload fun(arguments: service.delete.arguments): service.Changed
function service.delete(name, options) end

---Keeps a service from being started at boot; it does not stop it.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.disable.options
---@return service.Changed
---@overload fun(arguments: service.disable.arguments): service.Changed
function service.disable(name, options) end

---Has a service started at boot; it does not start it.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.enable.options
---@return service.Changed
---@overload fun(arguments: service.enable.arguments): service.Changed
function service.enable(name, options) end

---Tells whether a service is started at boot; one that no variable enables always is.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.enabled.options
---@return boolean
---@overload fun(arguments: service.enabled.arguments): boolean
function service.enabled(name, options) end

---Lists the services that there are, sorted by name. With running=true or false every script is asked how its service stands, but for those that are not made with rc.subr(8): they might take the question for a start.
---@param options? service.list.options
---@return service.Service[]
function service.list(options) end

---Has a running service read its configuration again, enabled or not.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.onereload.options
---@return service.Changed
---@overload fun(arguments: service.onereload.arguments): service.Changed
function service.onereload(name, options) end

---Restarts a service, enabled or not. For services that carry the network, such as netif, pf and sshd, it counts as disruptive.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.onerestart.options
---@return service.Changed
---@overload fun(arguments: service.onerestart.arguments): service.Changed
function service.onerestart(name, options) end

---Starts a service, enabled or not; one that runs is left alone. For services that carry the network, such as netif, pf and sshd, it counts as disruptive.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.onestart.options
---@return service.Changed
---@overload fun(arguments: service.onestart.arguments): service.Changed
function service.onestart(name, options) end

---Stops a service, enabled or not; one that does not run is left alone. For services that carry the network, such as netif, pf and sshd, it counts as disruptive.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.onestop.options
---@return service.Changed
---@overload fun(arguments: service.onestop.arguments): service.Changed
function service.onestop(name, options) end

---Has a running service that is enabled read its configuration again.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.reload.options
---@return service.Changed
---@overload fun(arguments: service.reload.arguments): service.Changed
function service.reload(name, options) end

---Stops a service that is enabled and starts it again. For services that carry the network, such as netif, pf and sshd, it counts as disruptive.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.restart.options
---@return service.Changed
---@overload fun(arguments: service.restart.arguments): service.Changed
function service.restart(name, options) end

---Starts a service that is enabled; one that runs is left alone, and one whose script cannot tell is started. For services that carry the network, such as netif, pf and sshd, it counts as disruptive.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.start.options
---@return service.Changed
---@overload fun(arguments: service.start.arguments): service.Changed
function service.start(name, options) end

---Tells whether a service runs, enabled or not. One that does not exist is no error: exists is false.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.status.options
---@return service.Status
---@overload fun(arguments: service.status.arguments): service.Status
function service.status(name, options) end

---Stops a service that is enabled; one that does not run is left alone, and one whose script cannot tell is stopped. For services that carry the network, such as netif, pf and sshd, it counts as disruptive.
---@param name string name of the rc.d script, such as "sshd"
---@param options? service.stop.options
---@return service.Changed
---@overload fun(arguments: service.stop.arguments): service.Changed
function service.stop(name, options) end

---@class service.action.options
---@field jail? string in this running jail (-j)

---@class service.action.arguments
---@field name string name of the rc.d script, such as "nginx"
---@field action string what its script knows beside the usual: configtest, graceful, keygen; service.actions tells
---@field jail? string in this running jail (-j)

---@class service.Changed
---@field changed boolean it was, or in check mode would be, started, stopped, enabled and so on
---@field text string what its script said

---@class service.actions.options
---@field jail? string in this running jail (-j)

---@class service.actions.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.delete.options
---@field jail? string in this running jail (-j)

---@class service.delete.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.disable.options
---@field jail? string in this running jail (-j)

---@class service.disable.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.enable.options
---@field jail? string in this running jail (-j)

---@class service.enable.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.enabled.options
---@field jail? string in this running jail (-j)

---@class service.enabled.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.list.options
---@field enabled? boolean true: only those started at boot; false: only the others
---@field running? boolean true: only those that run; false: only those that do not, of which some cannot tell; asks every script, which takes a while
---@field jail? string in this running jail (-j)

---@class service.Status
---@field exists boolean there is a script of this name
---@field known boolean its script can say whether it runs; those of services without a process often cannot
---@field running boolean it runs; for services without a process, what its script says
---@field pids integer[] processes, where the script names them
---@field text string what the script said

---@class service.Service
---@field name string name
---@field enabled boolean it is started at boot
---@field local boolean it came with a package
---@field status service.Status how it stands, where running= was asked for

---@class service.onereload.options
---@field jail? string in this running jail (-j)

---@class service.onereload.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.onerestart.options
---@field jail? string in this running jail (-j)

---@class service.onerestart.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.onestart.options
---@field jail? string in this running jail (-j)

---@class service.onestart.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.onestop.options
---@field jail? string in this running jail (-j)

---@class service.onestop.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.reload.options
---@field jail? string in this running jail (-j)

---@class service.reload.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.restart.options
---@field jail? string in this running jail (-j)

---@class service.restart.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.start.options
---@field jail? string in this running jail (-j)

---@class service.start.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.status.options
---@field jail? string in this running jail (-j)

---@class service.status.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)

---@class service.stop.options
---@field jail? string in this running jail (-j)

---@class service.stop.arguments
---@field name string name of the rc.d script, such as "sshd"
---@field jail? string in this running jail (-j)
