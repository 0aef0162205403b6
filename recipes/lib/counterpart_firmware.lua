--- BIOS or EFI, and what the firmware has kept.

local notes = require("counterpart_notes")

local no_place_for, tell = notes.no_place_for, notes.tell

local fallback = [[\EFI\BOOT\BOOTX64.EFI]]

--- What the firmware has kept stays behind: VBoxManage can change and enroll variables,
--- but make no entry of the boot menu.
local function efi_variables(plan, efi)
  if not efi.path then return end
  no_place_for(plan, "EFI variables in " .. efi.path, efi.problem or "the firmware starts with new ones, and boots " .. fallback .. " of the EFI partition")
  local first
  for _, entry in ipairs(efi.boot) do
    if entry.file then
      first = first or entry.file
      no_place_for(plan, ("EFI boot entry %q (%s)"):format(entry.name, entry.file))
    end
  end
  if first and first:upper() ~= fallback then
    tell(plan, "on the EFI partition, %s is to be copied to %s, best before the conversion; else choose it in the firmware's menu once, and make an entry with efibootmgr(8)", first, fallback)
  end
  if #efi.keys > 0 then
    no_place_for(plan, "keys of secure boot (" .. table.concat(efi.keys, ", ") .. ")", "VBoxManage modifynvram has subcommands to enroll keys, from 7.0 on")
  end
  if efi.other > 0 then no_place_for(plan, ("%d other EFI variables"):format(efi.other), "what the guest kept in them is gone") end
end

--- The setting firmware.
local function firmware(plan, domain, o)
  local f = domain.firmware
  if f.kind == "bios" then return "bios" end
  efi_variables(plan, o.efi())
  if f.secure_boot then no_place_for(plan, "secure boot", "it is off in the new machine") end
  return "efi"
end

return firmware
