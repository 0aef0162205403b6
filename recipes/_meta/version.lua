---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---FreeBSD releases and package versions, compared. It needs no host.
---@class version
version = {}

---Compares two FreeBSD releases and returns a number: below zero when the first is older, zero when they are the same, above zero when it is newer. 14.3-RC1 comes before 14.3-RELEASE, 14.3-RELEASE-p1 after it, 14.3-STABLE after both.
---@param a string a version
---@param b string another one
---@return integer
---@overload fun(arguments: version.compare.arguments): integer
function version.compare(a, b) end

---Compares two package versions as pkg version -t does and returns a number: below zero when the first is older, zero when they are the same, above zero when it is newer.
---@param a string a version
---@param b string another one
---@return integer
---@overload fun(arguments: version.compare_packages.arguments): integer
function version.compare_packages(a, b) end

---Tells whether a FreeBSD release is the wanted one or a later one.
---@param release string the release there is
---@param wanted string the earliest that will do
---@return boolean
---@overload fun(arguments: version.at_least.arguments): boolean
function version.at_least(release, wanted) end

---Takes a FreeBSD release apart.
---@param release string as uname -r or freebsd-version prints it
---@return version.Release
---@overload fun(arguments: version.release.arguments): version.Release
function version.release(release) end

---@class version.compare.arguments
---@field a string a version
---@field b string another one

---@class version.compare_packages.arguments
---@field a string a version
---@field b string another one

---@class version.at_least.arguments
---@field release string the release there is
---@field wanted string the earliest that will do

---@class version.release.arguments
---@field release string as uname -r or freebsd-version prints it

---@class version.Release
---@field major integer 14 of 14.3-RELEASE-p1
---@field minor integer 3 of 14.3-RELEASE-p1
---@field branch string CURRENT, ALPHA1, BETA2, RC1, RELEASE, STABLE ...
---@field patch integer 1 of 14.3-RELEASE-p1; 0 for none
