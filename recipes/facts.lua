--- Shows what a host is: release, hardware, addresses, pools and jails.

---@type Recipe
local recipe = {
  params = {},
}

function recipe.run(h)
  return h.facts
end

return recipe
