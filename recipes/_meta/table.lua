---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Lays rows out as a table of text with a head line. Columns are as wide as they need to be; numbers stand at the right.
---@param rows any[] the rows, each a table of named values
---@param options? table.format.options
---@return string
---@overload fun(arguments: table.format.arguments): string
function table.format(rows, options) end

---@class table.format.options
---@field columns? string[] which names, in which order; all of them by name without it
---@field head? boolean a first line with the names; on without it

---@class table.format.arguments
---@field rows any[] the rows, each a table of named values
---@field columns? string[] which names, in which order; all of them by name without it
---@field head? boolean a first line with the names; on without it
