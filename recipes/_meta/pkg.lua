---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Packages: install, remove, upgrade, query and audit them with pkg(8), on the host, in a jail, or under another root.
---@class h.pkg
local pkg = {}

pkg.repo = {}

---Lists the installed packages that have known vulnerabilities. With fetch=true the list of vulnerabilities is fetched first, which is a change.
---@param options? pkg.audit.options
---@return pkg.Vulnerable[]
function pkg.audit(options) end

---Removes packages that came as dependencies and that nothing needs any more.
---@param options? pkg.autoremove.options
---@return pkg.Done
function pkg.autoremove(options) end

---Installs pkg itself where it is not installed yet. Force it after an upgrade of the system that pkg does not survive.
---@param options? pkg.bootstrap.options
---@return pkg.Bootstrapped
function pkg.bootstrap(options) end

---Looks for damaged packages: altered or lost files, missing dependencies. It repairs nothing.
---@param names? string|string[] packages; default: all
---@param options? pkg.check.options
---@return pkg.Damage[]
---@overload fun(arguments: pkg.check.arguments): pkg.Damage[]
function pkg.check(names, options) end

---Removes old packages from the cache of fetched files; with all=true, every one.
---@param options? pkg.clean.options
---@return pkg.Cleaned
function pkg.clean(options) end

---Tells all that is known of a package, on releases before pkg(8) by its records. One that is not installed is no error: installed is false.
---@param name string name, origin or name with version
---@param options? pkg.info.options
---@return pkg.Details
---@overload fun(arguments: pkg.info.arguments): pkg.Details
function pkg.info(name, options) end

---Installs the packages that are missing, and what they need. What is installed stays as it is, unless latest=true. pkg itself is installed along where it is not there yet.
---@param names string|string[] names, origins or names with versions
---@param options? pkg.install.options
---@return pkg.Done
---@overload fun(arguments: pkg.install.arguments): pkg.Done
function pkg.install(names, options) end

---Lists the installed packages, sorted by name; on releases before pkg(8), those of pkg_info(1).
---@param options? pkg.list.options
---@return pkg.Package[]
function pkg.list(options) end

---Protects packages against changes.
---@param names string|string[] names, origins or names with versions
---@param options? pkg.lock.options
---@return pkg.Locked
---@overload fun(arguments: pkg.lock.arguments): pkg.Locked
function pkg.lock(names, options) end

---Tells what pkg would do, from the catalogue it has, and changes nothing. h.pkg.update() before it makes the catalogue current.
---@param action "install"|"upgrade"|"remove"|"autoremove" what would be done
---@param names? string|string[] the packages; none, for upgrade: all
---@param options? pkg.plan.options
---@return pkg.Plan
---@overload fun(arguments: pkg.plan.arguments): pkg.Plan
function pkg.plan(action, names, options) end

---Prints packages in a format of one's own, and returns the lines.
---@param format string what to print of each package, such as "%n %v"
---@param names? string|string[] packages; default: all
---@param options? pkg.query.options
---@return string[]
---@overload fun(arguments: pkg.query.arguments): string[]
function pkg.query(format, names, options) end

---Removes packages. It stops where others that need them would go too, unless dependents=true or force=true says otherwise.
---@param names string|string[] names, origins or names with versions
---@param options? pkg.remove.options
---@return pkg.Done
---@overload fun(arguments: pkg.remove.arguments): pkg.Done
function pkg.remove(names, options) end

---Lists the repositories that pkg knows, with variables such as ${ABI} resolved.
---@param options? pkg.repo.list.options
---@return pkg.Repo[]
function pkg.repo.list(options) end

---Describes a repository to pkg, in a file of its own under /usr/local/etc/pkg/repos. With enabled=false, and the name of a repository that comes with the system, that one is switched off.
---@param name string name; also of the file under /usr/local/etc/pkg/repos
---@param url? string address, such as "file:///usr/local/poudriere/data/packages/143amd64-default"; may be empty to disable a known one
---@param options? pkg.repo.put.options
---@return pkg.Changed
---@overload fun(arguments: pkg.repo.put.arguments): pkg.Changed
function pkg.repo.put(name, url, options) end

---Finds packages that the repositories offer, from the catalogue that pkg has.
---@param pattern string what to look for in names
---@param options? pkg.search.options
---@return pkg.Package[]
---@overload fun(arguments: pkg.search.arguments): pkg.Package[]
function pkg.search(pattern, options) end

---Lets packages be changed again.
---@param names string|string[] names, origins or names with versions
---@param options? pkg.unlock.options
---@return pkg.Locked
---@overload fun(arguments: pkg.unlock.arguments): pkg.Locked
function pkg.unlock(names, options) end

---Fetches the repositories' catalogues.
---@param options? pkg.update.options
---@return pkg.Updated
function pkg.update(options) end

---Upgrades installed packages to what the repositories have. The catalogue is fetched first, so that in check mode the plan is unknown; with refresh=false it is exact, and as old as the catalogue.
---@param names? string|string[] packages to upgrade, with what they need; default: all
---@param options? pkg.upgrade.options
---@return pkg.Done
---@overload fun(arguments: pkg.upgrade.arguments): pkg.Done
function pkg.upgrade(names, options) end

---Tells which package has installed a file.
---@param path string absolute path of a file
---@param options? pkg.which.options
---@return pkg.Owner
---@overload fun(arguments: pkg.which.arguments): pkg.Owner
function pkg.which(path, options) end

---@class pkg.audit.options
---@field fetch? boolean fetch the list of known vulnerabilities first (-F), which is a change
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Issue
---@field description string what it is, in one line
---@field cve string[] CVE numbers
---@field url string where to read more
---@field affected string[] affected versions, where pkg tells

---@class pkg.Vulnerable
---@field name string name of the package
---@field version string installed version
---@field issues pkg.Issue[] what is known
---@field required_by string[] names of packages that need it, where pkg tells

---@class pkg.autoremove.options
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Step
---@field action string install, upgrade, downgrade, reinstall, remove, fetch or locked
---@field name string name of the package
---@field version string version that is installed afterwards; that which goes, for remove
---@field old_version? string version before an upgrade or downgrade
---@field repository? string where it comes from, if pkg knows several repositories
---@field reason? string why it is reinstalled or removed

---@class pkg.Done
---@field changed boolean packages are, or in check mode would be, different now
---@field packages pkg.Step[] what was done to each package

---@class pkg.bootstrap.options
---@field force? boolean fetch and install pkg again even if it works (-f), as after an upgrade of the system
---@field repo? string from this repository (-r); releases before 13 know no such option
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.Bootstrapped
---@field changed boolean pkg itself was installed

---@class pkg.check.options
---@field checksums? boolean compare the files with their recorded sums (-s) (true by default)
---@field dependencies? boolean look for packages that are needed and missing (-d) (true by default)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.check.arguments
---@field names? string|string[] packages; default: all
---@field checksums? boolean compare the files with their recorded sums (-s) (true by default)
---@field dependencies? boolean look for packages that are needed and missing (-d) (true by default)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Damage
---@field package string name of the package, with its version where pkg tells
---@field kind string checksum, missing_file, missing_dependency or missing_library
---@field subject string path of the file, or name of the dependency or library

---@class pkg.clean.options
---@field all? boolean empty the cache instead of keeping what is current (-a)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Cleaned
---@field changed boolean files were removed from the cache
---@field freed integer freed space, rounded as pkg prints it

---@class pkg.info.options
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.info.arguments
---@field name string name, origin or name with version
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Details
---@field installed boolean it is installed; when false, only the name is set
---@field name string name
---@field version string version
---@field origin string category and port it was built from
---@field comment string what it is, in one line
---@field size integer installed size
---@field automatic boolean came as a dependency
---@field locked boolean protected against changes
---@field prefix string where its files lie
---@field maintainer string who cares for the port
---@field www string home page
---@field since string when it was installed
---@field repository string where it came from
---@field dependencies string[] names of packages it needs
---@field required_by string[] names of packages that need it
---@field options table<string, string> port options it was built with, on or off
---@field categories string[] categories
---@field licenses string[] licenses
---@field description string what it is, at length

---@class pkg.install.options
---@field repo? string take packages from this repository alone (-r)
---@field latest? boolean also upgrade those that are installed already
---@field automatic? boolean mark them as dependencies that autoremove may remove (-A)
---@field force? boolean install them again even if they are up to date (-f)
---@field refresh? boolean fetch the catalogue first, where it is old; false: go by the one that is there (-U) (true by default)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.install.arguments
---@field names string|string[] names, origins or names with versions
---@field repo? string take packages from this repository alone (-r)
---@field latest? boolean also upgrade those that are installed already
---@field automatic? boolean mark them as dependencies that autoremove may remove (-A)
---@field force? boolean install them again even if they are up to date (-f)
---@field refresh? boolean fetch the catalogue first, where it is old; false: go by the one that is there (-U) (true by default)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.list.options
---@field automatic? boolean true: only what came as a dependency; false: only what was asked for
---@field locked? boolean true: only what is protected against changes; false: only the others
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Package
---@field name string name
---@field version string version
---@field origin string category and port it was built from
---@field comment string what it is, in one line
---@field size integer installed size
---@field automatic boolean came as a dependency
---@field locked boolean protected against changes

---@class pkg.lock.options
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.lock.arguments
---@field names string|string[] names, origins or names with versions
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Locked
---@field changed boolean a lock was set or taken away
---@field packages string[] names of the packages whose lock changed

---@class pkg.plan.options
---@field repo? string take packages from this repository alone (-r)
---@field force? boolean as with force=true: reinstall, or remove although others need it (-f)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.plan.arguments
---@field action "install"|"upgrade"|"remove"|"autoremove" what would be done
---@field names? string|string[] the packages; none, for upgrade: all
---@field repo? string take packages from this repository alone (-r)
---@field force? boolean as with force=true: reinstall, or remove although others need it (-f)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.Plan
---@field steps pkg.Step[] what would be done to each package
---@field space integer additional space needed, rounded as pkg prints it; negative: freed
---@field download integer what has to be fetched, rounded as pkg prints it

---@class pkg.query.options
---@field where? string condition that a package must meet (-e), such as "%a = 0"
---@field remote? boolean ask what the repositories offer (rquery)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.query.arguments
---@field format string what to print of each package, such as "%n %v"
---@field names? string|string[] packages; default: all
---@field where? string condition that a package must meet (-e), such as "%a = 0"
---@field remote? boolean ask what the repositories offer (rquery)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.remove.options
---@field dependents? boolean also remove packages that need them; else that is an error
---@field force? boolean remove them alone, leaving what needs them broken (-f)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.remove.arguments
---@field names string|string[] names, origins or names with versions
---@field dependents? boolean also remove packages that need them; else that is an error
---@field force? boolean remove them alone, leaving what needs them broken (-f)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.repo.list.options
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Repo
---@field name string name
---@field url string address
---@field enabled boolean packages are taken from it
---@field priority integer the highest wins where several have a package
---@field mirror_type string srv, http or none
---@field signature_type string none, pubkey or fingerprints
---@field pubkey? string public key that signs its catalogue
---@field fingerprints? string directory of trusted fingerprints

---@class pkg.repo.put.options
---@field enabled? boolean take packages from it (true by default)
---@field priority? integer the highest wins where several have a package
---@field mirror_type? "srv"|"http"|"none" how mirrors are found
---@field signature_type? "none"|"pubkey"|"fingerprints" how the catalogue is verified
---@field pubkey? string public key on the host, for signature_type pubkey
---@field fingerprints? string directory of trusted fingerprints, for signature_type fingerprints
---@field rootdir? string of the system under this directory

---@class pkg.repo.put.arguments
---@field name string name; also of the file under /usr/local/etc/pkg/repos
---@field url? string address, such as "file:///usr/local/poudriere/data/packages/143amd64-default"; may be empty to disable a known one
---@field enabled? boolean take packages from it (true by default)
---@field priority? integer the highest wins where several have a package
---@field mirror_type? "srv"|"http"|"none" how mirrors are found
---@field signature_type? "none"|"pubkey"|"fingerprints" how the catalogue is verified
---@field pubkey? string public key on the host, for signature_type pubkey
---@field fingerprints? string directory of trusted fingerprints, for signature_type fingerprints
---@field rootdir? string of the system under this directory

---@class pkg.Changed
---@field changed boolean the file is, or in check mode would be, different now
---@field path string the file, with symbolic links resolved where they were followed

---@class pkg.search.options
---@field by? "regex"|"glob"|"name" how the pattern is compared: a regular expression, a shell pattern, or the exact name ("regex" by default)
---@field repo? string this repository alone (-r)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.search.arguments
---@field pattern string what to look for in names
---@field by? "regex"|"glob"|"name" how the pattern is compared: a regular expression, a shell pattern, or the exact name ("regex" by default)
---@field repo? string this repository alone (-r)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.unlock.options
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.unlock.arguments
---@field names string|string[] names, origins or names with versions
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.update.options
---@field force? boolean fetch the whole catalogue even if it looks current (-f)
---@field repo? string this repository alone (-r)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.Updated
---@field changed boolean a catalogue was newer
---@field repositories string[] repositories whose catalogue was newer

---@class pkg.upgrade.options
---@field force? boolean reinstall what is up to date too (-f)
---@field repo? string take packages from this repository alone (-r)
---@field refresh? boolean fetch the catalogue first; in check mode the plan is then unknown (true by default)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.upgrade.arguments
---@field names? string|string[] packages to upgrade, with what they need; default: all
---@field force? boolean reinstall what is up to date too (-f)
---@field repo? string take packages from this repository alone (-r)
---@field refresh? boolean fetch the catalogue first; in check mode the plan is then unknown (true by default)
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)
---@field options? table<string, string> values that take the place of pkg.conf's for this call (-o), such as ABI

---@class pkg.which.options
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.which.arguments
---@field path string absolute path of a file
---@field jail? string packages of this running jail, by the host's pkg (-j)
---@field rootdir? string packages of the system under this directory (-r)

---@class pkg.Owner
---@field found boolean a package has installed the file
---@field name? string name of the package
---@field version? string its version
