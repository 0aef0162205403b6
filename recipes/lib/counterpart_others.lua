--- Parts of a domain that have no counterpart, whatever they say.

local notes = require("counterpart_notes")

local no_place_for = notes.no_place_for

local function each(plan, list, describe, why)
  for _, item in ipairs(list) do no_place_for(plan, describe(item), why) end
end

local function others(plan, domain)
  if domain.cpu.model then no_place_for(plan, "processor model " .. domain.cpu.model, "the guest sees the host's") end
  if domain.cpu.cores and domain.cpu.cores > 1 or domain.cpu.threads and domain.cpu.threads > 1 then
    no_place_for(plan, "topology of processors", "each is one of one core")
  end
  each(plan, domain.cpu.features, function(f) return ("processor feature %s (%s)"):format(f.name, f.policy) end)
  if #domain.numa > 0 then no_place_for(plan, ("%d NUMA cells"):format(#domain.numa)) end
  if domain.hugepages then no_place_for(plan, "huge pages") end
  each(plan, domain.sounds, function(model) return "sound device " .. model end)
  each(plan, domain.tpms, function(tpm) return "trusted platform module " .. tpm.model end, "keys that it holds are not to be had in the new machine")
  each(plan, domain.rngs, function(rng) return "source of random numbers " .. rng.model end)
  if domain.balloon == "virtio" then no_place_for(plan, "memory balloon") end
  each(plan, domain.hostdevs, function(d) return ("device of the host %s %s"):format(d.kind, d.address or d.vendor or d.source or "") end)
  each(plan, domain.filesystems, function(f) return ("folder %s of the host, which the guest mounts as %s"):format(f.source, f.target) end)
  each(plan, domain.watchdogs, function(w) return "watchdog " .. w.model end)
  each(plan, domain.channels, function(c) return "channel " .. (c.name or c.kind) end)
  each(plan, domain.parallels, function(p) return ("parallel port %d"):format(p.number) end)
  for _, input in ipairs(domain.inputs) do
    if input.type == "tablet" then no_place_for(plan, "tablet", "the pointer is a mouse") end
  end
  each(plan, domain.other, function(o) return o.path .. (o.device and " of " .. o.device or "") .. (o.text ~= "" and " (" .. o.text .. ")" or "") end, "not known to bsdrun")
end

return others
