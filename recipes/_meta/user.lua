---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Accounts: make, change, list and remove them, and say which keys may log in.
---@class h.user
local user = {}

---Keeps the keys that a user may log in with, in ~/.ssh/authorized_keys. Comments and other keys stay as they are; a key that is there with other options or another comment gets those that are given. The file and its directory are made where they are missing.
---@param name string login name
---@param keys string|string[] public keys that may log in, each as a line of sshd(8): options, type, key, comment
---@param options? user.authorized_keys.options
---@return user.KeysChanged
---@overload fun(arguments: user.authorized_keys.arguments): user.KeysChanged
function user.authorized_keys(name, keys, options) end

---Makes an account, or changes what of it differs. Files keep the number that a user had before, and stay in a home directory that is given up. A new account has no password unless one is given.
---@param name string login name
---@param options? user.ensure.options
---@return user.Ensured
---@overload fun(arguments: user.ensure.arguments): user.Ensured
function user.ensure(name, options) end

---Tells of one user. One that does not exist is no error: exists is false.
---@param name string login name
---@return user.Details
---@overload fun(arguments: user.get.arguments): user.Details
function user.get(name) end

---Lists the users, sorted by number.
---@return user.Account[]
function user.list() end

---Removes an account, and what pw(8) removes along: its crontab, its mail, and the group of its own name where nobody else is in it. The home directory stays, unless home=true.
---@param name string login name
---@param options? user.remove.options
---@return user.Removed
---@overload fun(arguments: user.remove.arguments): user.Removed
function user.remove(name, options) end

---@class user.authorized_keys.options
---@field remove? string[] public keys that may not; comments and options do not matter
---@field exclusive? boolean remove all other keys, too

---@class user.authorized_keys.arguments
---@field name string login name
---@field keys string|string[] public keys that may log in, each as a line of sshd(8): options, type, key, comment
---@field remove? string[] public keys that may not; comments and options do not matter
---@field exclusive? boolean remove all other keys, too

---@class user.KeysChanged
---@field changed boolean the file is, or in check mode would be, different now
---@field path string the file

---@class user.ensure.options
---@field uid? integer number; default: as it is, or the next that is free
---@field group? string first group; default: as it is, or one of the user's own name
---@field groups? string[] other groups, all of them; default: as it is
---@field append? boolean keep other groups too
---@field class? string login class of login.conf(5); empty: default
---@field comment? string full name and the like (GECOS)
---@field home? string home directory; default: as it is, or below /home
---@field create_home? boolean make the home directory where it is missing (true by default)
---@field home_mode? string mode of a home directory that is made, such as "0750"
---@field skeleton? string directory whose files a new home directory gets; default: /usr/share/skel
---@field shell? string login shell by its path; default: as it is, or /bin/sh
---@field expire? string when the account ends: 2026-12-31, a time, or never
---@field password_hash? Secret|string password as crypt(3) stores it
---@field password? Secret|string password as it is typed; set only where the account has none, since nobody can compare it
---@field locked? boolean true: no password opens the account, whatever it is; keys still do

---@class user.ensure.arguments
---@field name string login name
---@field uid? integer number; default: as it is, or the next that is free
---@field group? string first group; default: as it is, or one of the user's own name
---@field groups? string[] other groups, all of them; default: as it is
---@field append? boolean keep other groups too
---@field class? string login class of login.conf(5); empty: default
---@field comment? string full name and the like (GECOS)
---@field home? string home directory; default: as it is, or below /home
---@field create_home? boolean make the home directory where it is missing (true by default)
---@field home_mode? string mode of a home directory that is made, such as "0750"
---@field skeleton? string directory whose files a new home directory gets; default: /usr/share/skel
---@field shell? string login shell by its path; default: as it is, or /bin/sh
---@field expire? string when the account ends: 2026-12-31, a time, or never
---@field password_hash? Secret|string password as crypt(3) stores it
---@field password? Secret|string password as it is typed; set only where the account has none, since nobody can compare it
---@field locked? boolean true: no password opens the account, whatever it is; keys still do

---@class user.Ensured
---@field changed boolean the account is, or in check mode would be, different now
---@field uid integer number
---@field gid integer number of the first group
---@field home string home directory

---@class user.get.arguments
---@field name string login name

---@class user.Details
---@field exists boolean there is such a user; when false, only the name is set
---@field name string login name
---@field uid integer number
---@field group string first group, or its number where it has no name
---@field gid integer number of the first group
---@field groups string[] other groups, in the order of group(5)
---@field class string login class; empty: default
---@field comment string full name and the like (GECOS)
---@field home string home directory
---@field shell string login shell; empty: /bin/sh
---@field expire string when the account ends, if ever
---@field change string when the password has to be changed, if ever
---@field locked boolean locked: no password opens it; keys still do
---@field password string set, none (no password opens it), empty (any does), or hidden from who is not root

---@class user.Account
---@field name string login name
---@field uid integer number
---@field group string first group, or its number where it has no name
---@field gid integer number of the first group
---@field groups string[] other groups, in the order of group(5)
---@field class string login class; empty: default
---@field comment string full name and the like (GECOS)
---@field home string home directory
---@field shell string login shell; empty: /bin/sh
---@field expire string when the account ends, if ever
---@field change string when the password has to be changed, if ever
---@field locked boolean locked: no password opens it; keys still do
---@field password string set, none (no password opens it), empty (any does), or hidden from who is not root

---@class user.remove.options
---@field home? boolean remove the home directory, too, with all it holds (-r)

---@class user.remove.arguments
---@field name string login name
---@field home? boolean remove the home directory, too, with all it holds (-r)

---@class user.Removed
---@field changed boolean the account was, or in check mode would be, removed
