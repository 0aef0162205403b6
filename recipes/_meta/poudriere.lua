---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Packages built in clean jails: configuration, ports trees, jails, builds and their results as data.
---@class h.poudriere
local poudriere = {}

poudriere.ports = {}

poudriere.jail = {}

poudriere.repo = {}

---Writes poudriere.conf, and makes the directory of the distfiles. Converges: variables that are not named stay as they are. Without zfs= ZFS is used where the host has a pool.
---@param options? poudriere.configure.options
---@return poudriere.Configured
function poudriere.configure(options) end

---Reads poudriere.conf.
---@return poudriere.Config
function poudriere.config() end

---Registers a ports tree, unless it is registered so already. With a path alone the tree is one that poudriere does not manage (method null): never updated and never deleted by it. An old registration of method - is adopted as null.
---@param name string the tree
---@param options? poudriere.ports.create.options
---@return poudriere.TreeChange
---@overload fun(arguments: poudriere.ports.create.arguments): poudriere.TreeChange
function poudriere.ports.create(name, options) end

---Lists the registered ports trees, from poudriere's state files.
---@return poudriere.Tree[]
function poudriere.ports.list() end

---Brings a ports tree up to date. One that poudriere does not manage is left alone, as is one that has nothing new to fetch.
---@param name? string the tree
---@param options? poudriere.ports.update.options
---@return poudriere.TreeUpdate
---@overload fun(arguments: poudriere.ports.update.arguments): poudriere.TreeUpdate
function poudriere.ports.update(name, options) end

---Removes the registration of a ports tree. A tree that poudriere fetched is deleted with it, irreversibly, unless keep; one it does not manage stays.
---@param name string the tree
---@param options? poudriere.ports.remove.options
---@return poudriere.TreeChange
---@overload fun(arguments: poudriere.ports.remove.arguments): poudriere.TreeChange
function poudriere.ports.remove(name, options) end

---Makes a jail of a release and architecture, unless it is there. Runs as a job.
---@param name string the jail; no dots
---@param options? poudriere.jail.create.options
---@return poudriere.JailChange
---@overload fun(arguments: poudriere.jail.create.arguments): poudriere.JailChange
function poudriere.jail.create(name, options) end

---Lists the jails, from poudriere's state files.
---@return poudriere.Jail[]
function poudriere.jail.list() end

---Reads one jail, and whether it runs.
---@param name string the jail
---@param options? poudriere.jail.info.options
---@return poudriere.JailInfo
---@overload fun(arguments: poudriere.jail.info.arguments): poudriere.JailInfo
function poudriere.jail.info(name, options) end

---Brings a jail to the last patch level of its release. Runs as a job.
---@param name string the jail
---@param options? poudriere.jail.update.options
---@return poudriere.JailChange
---@overload fun(arguments: poudriere.jail.update.arguments): poudriere.JailChange
function poudriere.jail.update(name, options) end

---Brings a jail to another release, unless it is there. Runs as a job.
---@param name string the jail
---@param version string 14.3-RELEASE
---@param options? poudriere.jail.upgrade.options
---@return poudriere.JailChange
---@overload fun(arguments: poudriere.jail.upgrade.arguments): poudriere.JailChange
function poudriere.jail.upgrade(name, version, options) end

---Starts a jail with its ports tree mounted, unless it runs.
---@param name string the jail
---@param options? poudriere.jail.start.options
---@return poudriere.JailChange
---@overload fun(arguments: poudriere.jail.start.arguments): poudriere.JailChange
function poudriere.jail.start(name, options) end

---Stops a jail, if it runs. A build in it ends with it.
---@param name string the jail
---@param options? poudriere.jail.stop.options
---@return poudriere.JailChange
---@overload fun(arguments: poudriere.jail.stop.arguments): poudriere.JailChange
function poudriere.jail.stop(name, options) end

---Gives a jail another name, unless it has it.
---@param name string the jail
---@param to string its new name
---@return poudriere.JailChange
---@overload fun(arguments: poudriere.jail.rename.arguments): poudriere.JailChange
function poudriere.jail.rename(name, to) end

---Removes a jail, if it is there; with clean its packages or logs, too.
---@param name string the jail
---@param options? poudriere.jail.remove.options
---@return poudriere.JailChange
---@overload fun(arguments: poudriere.jail.remove.arguments): poudriere.JailChange
function poudriere.jail.remove(name, options) end

---Sets a port's options for builds; those that are not named stay. Without any it only reads.
---@param origin string the port
---@param options? poudriere.options.options
---@return poudriere.OptionsChange
---@overload fun(arguments: poudriere.options.arguments): poudriere.OptionsChange
function poudriere.options(origin, options) end

---Writes the make.conf of builds, whole or some variables of it. Without anything to write it only reads.
---@param content? string the whole file
---@param options? poudriere.makeconf.options
---@return poudriere.MakeconfChange
---@overload fun(arguments: poudriere.makeconf.arguments): poudriere.MakeconfChange
function poudriere.makeconf(content, options) end

---Asks what a build would do. A change, since poudriere starts the jail for it.
---@param jail string the jail
---@param origins? string|string[] ports
---@param options? poudriere.plan.options
---@return poudriere.Plan
---@overload fun(arguments: poudriere.plan.arguments): poudriere.Plan
function poudriere.plan(jail, origins, options) end

---Builds packages, as a detached job with live counts. Ports that fail are part of the result, read from poudriere's JSON and never from its exit code; the script decides. A build of the same jail, tree and set that is under way is attached to when it builds the same, and else waited for.
---@param jail string the jail
---@param origins? string|string[] ports: category/port, or category/port@flavor
---@param options? poudriere.bulk.options
---@return poudriere.Build
---@overload fun(arguments: poudriere.bulk.arguments): poudriere.Build
function poudriere.bulk(jail, origins, options) end

---Builds and tests one port, as a detached job. A port that fails is part of the result.
---@param jail string the jail
---@param origin string the port
---@param options? poudriere.testport.options
---@return poudriere.Build
---@overload fun(arguments: poudriere.testport.arguments): poudriere.Build
function poudriere.testport(jail, origin, options) end

---Lists the builds under way, or all.
---@param jail? string only of this jail
---@param options? poudriere.status.options
---@return poudriere.BuildStatus[]
---@overload fun(arguments: poudriere.status.arguments): poudriere.BuildStatus[]
function poudriere.status(jail, options) end

---Reads what became of a build's ports: built, failed with phase and end of the log, skipped, ignored, fetched.
---@param jail string the jail
---@param options? poudriere.results.options
---@return poudriere.Build
---@overload fun(arguments: poudriere.results.arguments): poudriere.Build
function poudriere.results(jail, options) end

---Reads the log of one package of a build.
---@param jail string the jail
---@param port string a package (name-version) or an origin of the build
---@param options? poudriere.log.options
---@return poudriere.PortLog
---@overload fun(arguments: poudriere.log.arguments): poudriere.PortLog
function poudriere.log(jail, port, options) end

---Removes packages that are no longer wanted from a repository.
---@param jail string the jail
---@param keep? string|string[] origins whose packages stay, with what they need; all others go
---@param options? poudriere.pkgclean.options
---@return poudriere.Cleaned
---@overload fun(arguments: poudriere.pkgclean.arguments): poudriere.Cleaned
function poudriere.pkgclean(jail, keep, options) end

---Removes distfiles that no port of the trees needs.
---@param trees? string|string[] ports trees whose distfiles stay
---@param options? poudriere.distclean.options
---@return poudriere.Cleaned
---@overload fun(arguments: poudriere.distclean.arguments): poudriere.Cleaned
function poudriere.distclean(trees, options) end

---Removes logs of builds that are over.
---@param options? poudriere.logclean.options
---@return poudriere.Cleaned
function poudriere.logclean(options) end

---Makes an image of a jail's system with packages of the builds. Runs as a job.
---@param jail string the jail whose system it holds
---@param type "iso"|"iso+mfs"|"iso+zmfs"|"usb"|"usb+mfs"|"usb+zmfs"|"rawdisk"|"zrawdisk"|"tar"|"firmware"|"rawfirmware"|"dump"|"zsnapshot"|"zfs"|"zfs+gpt"|"zfs+raw"|"zfs+send"|"zfs+send+full"|"zfs+send+be" kind of image (-t)
---@param options? poudriere.image.options
---@return poudriere.Image
---@overload fun(arguments: poudriere.image.arguments): poudriere.Image
function poudriere.image(jail, type, options) end

---Makes builds sign their repository: a key, its public half, and the setting in poudriere.conf.
---@param options? poudriere.repo.sign.options
---@return poudriere.Signed
function poudriere.repo.sign(options) end

---Copies the last state of a package repository to where clients find it, in one step, and gives the configuration for clients.
---@param jail string the jail
---@param to string path where clients or a web server find it; replaced in one step
---@param options? poudriere.repo.publish.options
---@return poudriere.Published
---@overload fun(arguments: poudriere.repo.publish.arguments): poudriere.Published
function poudriere.repo.publish(jail, to, options) end

---@class poudriere.configure.options
---@field zfs? boolean keep jails and trees as data sets; default: as it is, or yes where the host has a pool
---@field zpool? string the pool; default: as it is, or the one of the root file system, or the only one
---@field zrootfs? string data set below the pool, such as /poudriere
---@field basefs? string where everything is kept; default: as it is, or /usr/local/poudriere
---@field poudriere_data? string packages and logs; default: as it is, or data below basefs
---@field freebsd_host? string where releases come from; default: as it is, or https://download.FreeBSD.org
---@field resolv_conf? string default: as it is, or /etc/resolv.conf
---@field distfiles_cache? string default: as it is, or /usr/ports/distfiles; the directory is made
---@field use_tmpfs? string what lies in memory: yes, no, all, wrkdir, data, localbase, image; default: as it is, or yes
---@field tmpfs_limit? integer largest memory disk of a builder
---@field use_portlint? boolean default: as it is, or no
---@field check_changed_options? string rebuild when options changed: yes, no, verbose
---@field check_changed_deps? boolean rebuild when dependencies changed
---@field signing_key? string PKG_REPO_SIGNING_KEY: private key that signs the repository
---@field ccache_dir? string where the compiler cache is kept
---@field parallel_jobs? integer builders; default: one a processor
---@field allow_make_jobs? boolean let every port use several processors
---@field url_base? string address under which logs are shown
---@field git_portsurl? string where ports trees come from
---@field commit_packages_on_failure? boolean publish what was built although ports failed; poudriere's default is yes
---@field settings? table<string, string> further variables of poudriere.conf

---@class poudriere.Configured
---@field changed boolean
---@field path string
---@field zfs boolean
---@field basefs string
---@field data string

---@class poudriere.Config
---@field path string
---@field exists boolean
---@field basefs? string
---@field data? string where packages and logs are kept
---@field zfs boolean jails and trees are data sets
---@field zpool? string
---@field distfiles_cache? string
---@field settings table<string, string> every variable of the file

---@class poudriere.ports.create.options
---@field method? "null"|"git"|"git+http"|"git+https"|"git+ssh"|"git+file"|"git+dev"|"svn"|"svn+http"|"svn+https"|"svn+ssh"|"portsnap" null registers a tree that is there; the others fetch one. Default: null where path is given, else git+https
---@field path? string where the tree is, or is to be (-M)
---@field branch? string branch to fetch (-B)
---@field uri? string address to fetch from (-U)
---@field timeout? number for fetching (7200 by default)

---@class poudriere.ports.create.arguments
---@field name string the tree
---@field method? "null"|"git"|"git+http"|"git+https"|"git+ssh"|"git+file"|"git+dev"|"svn"|"svn+http"|"svn+https"|"svn+ssh"|"portsnap" null registers a tree that is there; the others fetch one. Default: null where path is given, else git+https
---@field path? string where the tree is, or is to be (-M)
---@field branch? string branch to fetch (-B)
---@field uri? string address to fetch from (-U)
---@field timeout? number for fetching (7200 by default)

---@class poudriere.TreeChange
---@field changed boolean
---@field name string
---@field method? string
---@field path string
---@field adopted boolean a registration of method - became null, so that its directory is safe

---@class poudriere.Tree
---@field name string
---@field method string null: not managed by poudriere; - : registered by an old release with -f none -F
---@field path string
---@field updated? string when poudriere last created or updated it
---@field dataset boolean poudriere made the data set or directory

---@class poudriere.ports.update.options
---@field timeout? number for fetching (7200 by default)

---@class poudriere.ports.update.arguments
---@field name? string the tree ("default" by default)
---@field timeout? number for fetching (7200 by default)

---@class poudriere.TreeUpdate
---@field changed boolean
---@field method string
---@field path string
---@field before? string commit before, for a tree from git
---@field revision string commit now

---@class poudriere.ports.remove.options
---@field keep? boolean keep the directory; without it a tree that poudriere fetched is deleted, irreversibly

---@class poudriere.ports.remove.arguments
---@field name string the tree
---@field keep? boolean keep the directory; without it a tree that poudriere fetched is deleted, irreversibly

---@class poudriere.jail.create.options
---@field version? string 14.3-RELEASE; default: the host's release
---@field arch? string amd64, arm64.aarch64, i386; default: the host's
---@field method? string http, ftp, ftp-archive (ended releases), freebsdci, pkgbase, url=, tar=, src=, git+https, null ("http" by default)
---@field path? string where it lies (-M); for method null, where it is
---@field kernel? string with this kernel (-K)
---@field jobs? integer parallel jobs where it is built from source (-J)
---@field timeout? number 0: none

---@class poudriere.jail.create.arguments
---@field name string the jail; no dots
---@field version? string 14.3-RELEASE; default: the host's release
---@field arch? string amd64, arm64.aarch64, i386; default: the host's
---@field method? string http, ftp, ftp-archive (ended releases), freebsdci, pkgbase, url=, tar=, src=, git+https, null ("http" by default)
---@field path? string where it lies (-M); for method null, where it is
---@field kernel? string with this kernel (-K)
---@field jobs? integer parallel jobs where it is built from source (-J)
---@field timeout? number 0: none

---@class poudriere.JailChange
---@field changed boolean
---@field name string
---@field before? string version before
---@field version string
---@field arch? string
---@field path string

---@class poudriere.Jail
---@field name string
---@field version string 14.3-RELEASE-p2
---@field revision? string of sources from a version control system
---@field arch string
---@field method string
---@field path string
---@field dataset? string
---@field kernel? string
---@field pkgbase boolean
---@field updated? string

---@class poudriere.jail.info.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set

---@class poudriere.jail.info.arguments
---@field name string the jail
---@field tree? string the ports tree ("default" by default)
---@field set? string the set

---@class poudriere.JailInfo
---@field name string
---@field version string 14.3-RELEASE-p2
---@field revision? string of sources from a version control system
---@field arch string
---@field method string
---@field path string
---@field dataset? string
---@field kernel? string
---@field pkgbase boolean
---@field updated? string
---@field running boolean started for this tree and set
---@field tree string
---@field set? string

---@class poudriere.jail.update.options
---@field timeout? number 0: none

---@class poudriere.jail.update.arguments
---@field name string the jail
---@field timeout? number 0: none

---@class poudriere.jail.upgrade.options
---@field timeout? number 0: none

---@class poudriere.jail.upgrade.arguments
---@field name string the jail
---@field version string 14.3-RELEASE
---@field timeout? number 0: none

---@class poudriere.jail.start.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set

---@class poudriere.jail.start.arguments
---@field name string the jail
---@field tree? string the ports tree ("default" by default)
---@field set? string the set

---@class poudriere.jail.stop.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set

---@class poudriere.jail.stop.arguments
---@field name string the jail
---@field tree? string the ports tree ("default" by default)
---@field set? string the set

---@class poudriere.jail.rename.arguments
---@field name string the jail
---@field to string its new name

---@class poudriere.jail.remove.options
---@field clean? "all"|"cache"|"images"|"logs"|"packages"|"wrkdirs" what else is deleted

---@class poudriere.jail.remove.arguments
---@field name string the jail
---@field clean? "all"|"cache"|"images"|"logs"|"packages"|"wrkdirs" what else is deleted

---@class poudriere.options.options
---@field on? string[] options that are set
---@field off? string[] options that are not set
---@field jail? string only for this jail
---@field tree? string only for this ports tree
---@field set? string only for this set
---@field remove? boolean forget the options; the port's defaults hold again

---@class poudriere.options.arguments
---@field origin string the port
---@field on? string[] options that are set
---@field off? string[] options that are not set
---@field jail? string only for this jail
---@field tree? string only for this ports tree
---@field set? string only for this set
---@field remove? boolean forget the options; the port's defaults hold again

---@class poudriere.OptionsChange
---@field changed boolean
---@field path string
---@field on string[]
---@field off string[]

---@class poudriere.makeconf.options
---@field vars? table<string, string> instead: variables to set; the rest of the file stays
---@field jail? string only for this jail
---@field tree? string only for this ports tree
---@field set? string only for this set
---@field remove? boolean remove the file

---@class poudriere.makeconf.arguments
---@field content? string the whole file
---@field vars? table<string, string> instead: variables to set; the rest of the file stays
---@field jail? string only for this jail
---@field tree? string only for this ports tree
---@field set? string only for this set
---@field remove? boolean remove the file

---@class poudriere.MakeconfChange
---@field changed boolean
---@field path string
---@field content string the file now

---@class poudriere.plan.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field files? string[] files on the host that list ports
---@field all? boolean every port of the tree
---@field clean? "listed"|"all" as for bulk
---@field options? string[] further options of poudriere bulk
---@field timeout? number for the metadata of all ports (7200 by default)

---@class poudriere.plan.arguments
---@field jail string the jail
---@field origins? string|string[] ports
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field files? string[] files on the host that list ports
---@field all? boolean every port of the tree
---@field clean? "listed"|"all" as for bulk
---@field options? string[] further options of poudriere bulk
---@field timeout? number for the metadata of all ports (7200 by default)

---@class poudriere.Plan
---@field changed boolean the jail was started and stopped for it
---@field count integer packages that would be built
---@field builders integer
---@field origins string[] ports that would be built
---@field fetch string[] ports whose packages would be fetched
---@field ignored string[]
---@field text string what poudriere said

---@class poudriere.bulk.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set (-z)
---@field files? string[] files on the host that list ports (-f)
---@field all? boolean every port of the tree (-a)
---@field clean? "listed"|"all" build anew: listed (-C) or all (-c)
---@field test? boolean test the ports, too (-t)
---@field jobs? integer builders (-J)
---@field build? string the build's name (-B); default: the time at the start
---@field options? string[] further options of poudriere bulk
---@field lines? integer so many last lines of each failed port's log (40 by default)
---@field timeout? number stop waiting after this; the build goes on. 0: never

---@class poudriere.bulk.arguments
---@field jail string the jail
---@field origins? string|string[] ports: category/port, or category/port@flavor
---@field tree? string the ports tree ("default" by default)
---@field set? string the set (-z)
---@field files? string[] files on the host that list ports (-f)
---@field all? boolean every port of the tree (-a)
---@field clean? "listed"|"all" build anew: listed (-C) or all (-c)
---@field test? boolean test the ports, too (-t)
---@field jobs? integer builders (-J)
---@field build? string the build's name (-B); default: the time at the start
---@field options? string[] further options of poudriere bulk
---@field lines? integer so many last lines of each failed port's log (40 by default)
---@field timeout? number stop waiting after this; the build goes on. 0: never

---@class poudriere.Counts
---@field queued integer
---@field built integer
---@field failed integer
---@field skipped integer
---@field ignored integer
---@field fetched integer
---@field inspected integer
---@field remaining integer

---@class poudriere.Port
---@field origin string
---@field flavor? string
---@field package string name and version
---@field took? integer

---@class poudriere.Failure
---@field origin string
---@field flavor? string
---@field package string
---@field phase string build, configure, stage, fetch, checksum, ...
---@field errortype? string poudriere's guess at the reason
---@field took? integer
---@field log string path of the log
---@field tail string last lines of the log

---@class poudriere.Skip
---@field origin string
---@field package string
---@field because string the port that failed, or the reason why it is ignored

---@class poudriere.Build
---@field changed boolean packages were built or fetched
---@field name string the build's name
---@field jail string
---@field tree string
---@field set? string
---@field status string done, or what it is at
---@field running boolean not at its end yet
---@field attached boolean a build that was under way already
---@field started? string
---@field ended? string
---@field took integer
---@field exit integer exit code: failed and skipped ports, cut to a byte; nothing to judge by
---@field log string folder of the logs
---@field packages string folder of the package repository
---@field counts poudriere.Counts
---@field built poudriere.Port[]
---@field failed poudriere.Failure[]
---@field skipped poudriere.Skip[] not tried, since a port that they need failed
---@field ignored poudriere.Skip[] not to be built: broken, forbidden, for other systems
---@field fetched poudriere.Port[] taken from a package repository instead of built

---@class poudriere.testport.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field prefix? boolean install below another prefix (-P)
---@field keep_going? boolean find all failures instead of stopping at the first (-k)
---@field jobs? integer builders for what the port needs (-J)
---@field build? string the build's name (-B); default: the time at the start
---@field lines? integer so many last lines of the failed port's log (40 by default)
---@field timeout? number stop waiting after this; 0: never

---@class poudriere.testport.arguments
---@field jail string the jail
---@field origin string the port
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field prefix? boolean install below another prefix (-P)
---@field keep_going? boolean find all failures instead of stopping at the first (-k)
---@field jobs? integer builders for what the port needs (-J)
---@field build? string the build's name (-B); default: the time at the start
---@field lines? integer so many last lines of the failed port's log (40 by default)
---@field timeout? number stop waiting after this; 0: never

---@class poudriere.status.options
---@field tree? string only of this ports tree
---@field set? string only of this set
---@field finished? boolean builds at their end, too

---@class poudriere.status.arguments
---@field jail? string only of this jail
---@field tree? string only of this ports tree
---@field set? string only of this set
---@field finished? boolean builds at their end, too

---@class poudriere.BuildStatus
---@field set? string
---@field tree string
---@field jail string
---@field build string
---@field status string
---@field counts poudriere.Counts
---@field elapsed string as poudriere prints it
---@field logs? string folder or address of the logs

---@class poudriere.results.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field build? string the build's name ("latest" by default)
---@field lines? integer so many last lines of each failed port's log (40 by default)

---@class poudriere.results.arguments
---@field jail string the jail
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field build? string the build's name ("latest" by default)
---@field lines? integer so many last lines of each failed port's log (40 by default)

---@class poudriere.log.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field build? string the build's name ("latest" by default)
---@field lines? integer so many last lines; 0: all (100 by default)

---@class poudriere.log.arguments
---@field jail string the jail
---@field port string a package (name-version) or an origin of the build
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field build? string the build's name ("latest" by default)
---@field lines? integer so many last lines; 0: all (100 by default)

---@class poudriere.PortLog
---@field path string
---@field package string
---@field text string

---@class poudriere.pkgclean.options
---@field keep_files? string[] files on the host that list the origins to keep (-f)
---@field keep_known? boolean keep the packages of every port of the tree (-a)
---@field drop? string[] origins whose packages go; all others stay (-C)
---@field drop_all? boolean remove every package (-A)
---@field rebuild_repo? boolean make and sign the repository anew even if nothing goes (-u)
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field timeout? number for the metadata of all ports (7200 by default)

---@class poudriere.pkgclean.arguments
---@field jail string the jail
---@field keep? string|string[] origins whose packages stay, with what they need; all others go
---@field keep_files? string[] files on the host that list the origins to keep (-f)
---@field keep_known? boolean keep the packages of every port of the tree (-a)
---@field drop? string[] origins whose packages go; all others stay (-C)
---@field drop_all? boolean remove every package (-A)
---@field rebuild_repo? boolean make and sign the repository anew even if nothing goes (-u)
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field timeout? number for the metadata of all ports (7200 by default)

---@class poudriere.Cleaned
---@field changed boolean
---@field removed string[] files
---@field freed string as poudriere prints it

---@class poudriere.distclean.options
---@field timeout? number for reading every port's distinfo (7200 by default)

---@class poudriere.distclean.arguments
---@field trees? string|string[] ports trees whose distfiles stay ({ "default" } by default)
---@field timeout? number for reading every port's distinfo (7200 by default)

---@class poudriere.logclean.options
---@field days? integer logs of so many days stay
---@field count? integer so many builds of each jail, tree and set stay
---@field all? boolean remove all
---@field jail? string only of this jail
---@field tree? string only of this ports tree
---@field set? string only of this set
---@field timeout? number for reading all logs' dates (3600 by default)

---@class poudriere.image.options
---@field name? string its name (-n) ("poudriereimage" by default)
---@field output? string folder where it goes (-o); default: images below poudriere's data
---@field size? string 4g (-s)
---@field swap? string 1g (-w)
---@field hostname? string (-h)
---@field packages? string file on the host that lists the packages to install (-f)
---@field overlay? string folder on the host that is copied over the system (-c)
---@field exclude? string file on the host that lists what is left out (-X)
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field options? string[] further options of poudriere image
---@field timeout? number 0: none

---@class poudriere.image.arguments
---@field jail string the jail whose system it holds
---@field type "iso"|"iso+mfs"|"iso+zmfs"|"usb"|"usb+mfs"|"usb+zmfs"|"rawdisk"|"zrawdisk"|"tar"|"firmware"|"rawfirmware"|"dump"|"zsnapshot"|"zfs"|"zfs+gpt"|"zfs+raw"|"zfs+send"|"zfs+send+full"|"zfs+send+be" kind of image (-t)
---@field name? string its name (-n) ("poudriereimage" by default)
---@field output? string folder where it goes (-o); default: images below poudriere's data
---@field size? string 4g (-s)
---@field swap? string 1g (-w)
---@field hostname? string (-h)
---@field packages? string file on the host that lists the packages to install (-f)
---@field overlay? string folder on the host that is copied over the system (-c)
---@field exclude? string file on the host that lists what is left out (-X)
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field options? string[] further options of poudriere image
---@field timeout? number 0: none

---@class poudriere.Image
---@field changed boolean
---@field output string folder where it lies
---@field files string[] paths of the image's files

---@class poudriere.repo.sign.options
---@field key? string path of the private key on the host; made where there is none ("/usr/local/etc/ssl/keys/poudriere.key" by default)
---@field content? Secret|string the private key (PEM) instead of a new one
---@field jail? string sign this jail's repository anew at once
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field bits? integer size of a new key (4096 by default)
---@field generate? boolean make a key where there is none (true by default)

---@class poudriere.Signed
---@field changed boolean
---@field key string path of the private key
---@field pubkey string path of the public key
---@field public string the public key, for the clients
---@field resigned? string the repository that was signed anew

---@class poudriere.repo.publish.options
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field keep? integer so many earlier copies stay (1 by default)
---@field repo_conf? string name of a repository for this host's own pkg, written to /usr/local/etc/pkg/repos
---@field url? string address of the repository for clients; default: file: and the path
---@field pubkey? string path of the public key on the clients, for a signed repository
---@field priority? integer of the repository among others

---@class poudriere.repo.publish.arguments
---@field jail string the jail
---@field to string path where clients or a web server find it; replaced in one step
---@field tree? string the ports tree ("default" by default)
---@field set? string the set
---@field keep? integer so many earlier copies stay (1 by default)
---@field repo_conf? string name of a repository for this host's own pkg, written to /usr/local/etc/pkg/repos
---@field url? string address of the repository for clients; default: file: and the path
---@field pubkey? string path of the public key on the clients, for a signed repository
---@field priority? integer of the repository among others

---@class poudriere.Published
---@field changed boolean
---@field to string
---@field source string the state of the repository that is published
---@field conf string what clients put into /usr/local/etc/pkg/repos
