--- A word for the shell, in commands that people are told to give.
local function word(text)
  if not text:find("[^%w%./_-]") then return text end
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

return word
