---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Groups of users: make, change, list and remove them.
---@class h.group
local group = {}

---Makes a group, or changes what of it differs. Files keep the number that a group had before.
---@param name string name of the group
---@param options? group.ensure.options
---@return group.Changed
---@overload fun(arguments: group.ensure.arguments): group.Changed
function group.ensure(name, options) end

---Tells of one group. One that does not exist is no error: exists is false.
---@param name string name of the group
---@return group.Details
---@overload fun(arguments: group.get.arguments): group.Details
function group.get(name) end

---Lists the groups, sorted by number.
---@return group.Group[]
function group.list() end

---Removes a group, but not one that is the first group of a user.
---@param name string name of the group
---@return group.Changed
---@overload fun(arguments: group.remove.arguments): group.Changed
function group.remove(name) end

---@class group.ensure.options
---@field gid? integer its number; default: as it is, or the next that is free
---@field members? string[] users that are in it, all of them; default: as it is
---@field append? boolean keep other members too

---@class group.ensure.arguments
---@field name string name of the group
---@field gid? integer its number; default: as it is, or the next that is free
---@field members? string[] users that are in it, all of them; default: as it is
---@field append? boolean keep other members too

---@class group.Changed
---@field changed boolean the group is, or in check mode would be, different now

---@class group.get.arguments
---@field name string name of the group

---@class group.Details
---@field exists boolean there is such a group; when false, only the name is set
---@field name string name
---@field gid integer number
---@field members string[] names of users that are in it besides those whose first group it is

---@class group.Group
---@field name string name
---@field gid integer number
---@field members string[] names of users that are in it besides those whose first group it is

---@class group.remove.arguments
---@field name string name of the group
