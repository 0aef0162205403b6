---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---The base system as packages (FreeBSD 15 and later, or converted earlier).
---@class h.pkgbase
local pkgbase = {}

---Tells whether the base system comes from packages. It asks what freebsd-update asks, who owns /usr/bin/uname, and for the package FreeBSD-runtime.
---@return boolean
function pkgbase.is() end

---Tells what upgrade would do, from the catalogue that pkg has, and changes nothing.
---@param to? string release: 15.1; default: patches of the installed one
---@param options? pkgbase.plan.options
---@return pkgbase.Plan
---@overload fun(arguments: pkgbase.plan.arguments): pkgbase.Plan
function pkgbase.plan(to, options) end

---Upgrades the packages of the base system: to the last patch level, or with to= to another release. Disruptive, since it replaces the running system; take a boot environment before, and reboot after. Local changes in /etc are merged by pkg, which leaves .pkgnew files where it cannot; they are listed.
---@param to? string release: 15.1; default: patches of the installed one
---@param options? pkgbase.upgrade.options
---@return pkgbase.Upgraded
---@overload fun(arguments: pkgbase.upgrade.arguments): pkgbase.Upgraded
function pkgbase.upgrade(to, options) end

---@class pkgbase.plan.options
---@field repo? string repository of the base system ("FreeBSD-base" by default)

---@class pkgbase.plan.arguments
---@field to? string release: 15.1; default: patches of the installed one
---@field repo? string repository of the base system ("FreeBSD-base" by default)

---@class pkgbase.Step
---@field action string install, upgrade, downgrade, reinstall, remove, fetch or locked
---@field name string name of the package
---@field version string version that is installed afterwards; that which goes, for remove
---@field old_version? string version before an upgrade or downgrade
---@field repository? string where it comes from, if pkg knows several repositories
---@field reason? string why it is reinstalled or removed

---@class pkgbase.Plan
---@field steps pkgbase.Step[] what would be done to each package
---@field space integer additional space needed, rounded as pkg prints it; negative: freed
---@field download integer what has to be fetched, rounded as pkg prints it

---@class pkgbase.upgrade.options
---@field repo? string repository of the base system ("FreeBSD-base" by default)
---@field refresh? boolean fetch the catalogue first; in check mode the plan is then unknown (true by default)

---@class pkgbase.upgrade.arguments
---@field to? string release: 15.1; default: patches of the installed one
---@field repo? string repository of the base system ("FreeBSD-base" by default)
---@field refresh? boolean fetch the catalogue first; in check mode the plan is then unknown (true by default)

---@class pkgbase.Upgraded
---@field changed boolean packages are, or in check mode would be, different now
---@field from string release that was installed
---@field to string release that is installed now, without its patch level
---@field packages pkgbase.Step[] what was done to each package
---@field reboot_needed boolean the kernel was among them
---@field unmerged string[] files of /etc that pkg could not merge; what the release has is beside each, in .pkgnew
