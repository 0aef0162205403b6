--- What recipes ask of ZFS pools.

local pools = {}

--- When all of a pool was last read: by a scrub or a resilver, or when it was
--- made, since a new pool has nothing to be scrubbed yet. The datasets of a pool
--- that does not work are not asked: that might never end.
function pools.last_read(h, pool)
  if pool.scan.state == "finished" then return pool.scan.ended end
  if pool.state ~= "ONLINE" and pool.state ~= "DEGRADED" then return nil end
  return h.zfs.get(pool.name, "creation").creation.value
end

return pools
