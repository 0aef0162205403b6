--- What is noted on the way: parts of a domain that have no counterpart (lost), and what
--- its guest will see otherwise (guest).

local notes = {}

--- Notes what has no counterpart, and why or what comes in its place.
function notes.no_place_for(plan, what, why) plan.lost[#plan.lost + 1] = why and ("%s: %s"):format(what, why) or what end

--- Notes what the guest will see, or needs.
function notes.tell(plan, ...) plan.guest[#plan.guest + 1] = string.format(...) end

return notes
