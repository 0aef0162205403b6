--- Room on file systems.

local space = {}

--- GiB free where a folder is or will be.
function space.free(h, path)
  local df = h:read{ "sh", "-c", 'd=$1; until [ -d "$d" ]; do d=$(dirname "$d"); done; df -kP "$d"', "sh", path }
  local available = df.stdout:match("\n[^\n]-%s%d+%s+%-?%d+%s+(%-?%d+)%s")
  if not available then fail("df tells nothing of %s:\n%s", path, df.stdout) end
  return tonumber(available) / 2 ^ 20
end

--- Refuses a host where less than so many GiB are free for what freebsd-update writes.
function space.for_updates(h, wanted)
  for _, path in ipairs{ "/boot", "/usr", "/var/db/freebsd-update" } do
    local free = space.free(h, path)
    if free < wanted then
      fail{ message = ("%.1f GiB are free for %s, %g are wanted"):format(free, path, wanted), hint = "free some, or lower the parameter free" }
    end
  end
end

return space
