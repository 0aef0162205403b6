---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---A value that shows nowhere.
---@class Secret
---@operator concat(string|Secret): Secret

---A file of the controller.
---@class LocalFile

---What errors are.
---@class Error
---@field op? string the operation that failed
---@field host? string
---@field kind string failed, timeout, denied, missing, unreachable, invalid, script ...
---@field code? integer exit code of a command
---@field command? string
---@field stdout? string last lines
---@field stderr? string last lines
---@field message string
---@field hint? string what to do next
---@field at? string file and line of the script

---A FreeBSD machine.
---@class Host
---@field name string its name
---@field vars table<string, any> its variables of the inventory
---@field bectl h.bectl
---@field boot h.boot
---@field cc h.cc
---@field cron h.cron
---@field file h.file
---@field freebsd_update h.freebsd_update
---@field git h.git
---@field gpart h.gpart
---@field group h.group
---@field facts host.Facts Tells what the host is: release, hardware, addresses, boot, jails.
---@field image h.image
---@field jail h.jail
---@field kld h.kld
---@field libvirt h.libvirt
---@field mount h.mount
---@field net h.net
---@field pf h.pf
---@field pkg h.pkg
---@field pkgbase h.pkgbase
---@field ports h.ports
---@field portshaker h.portshaker
---@field poudriere h.poudriere
---@field service h.service
---@field shellvars h.shellvars
---@field sysctl h.sysctl
---@field sysrc h.sysrc
---@field user h.user
---@field vbox h.vbox
---@field zfs h.zfs
---@field zpool h.zpool
Host = {}

---@type Host
h = nil

---The parameters of the script.
---@type table<string, any>
p = nil

json = { null = nil }

fleet = {}

expect = {}

---What must be true of a host before anything runs on it.
---@class Recipe.Needs
---@field os? string|string[] such as FreeBSD
---@field release? string at least this one, such as 13.0
---@field arch? string|string[] such as amd64
---@field root? boolean the rights of root, by login or escalation

---A parameter of a recipe.
---@class Recipe.Param
---@field type? "string"|"integer"|"number"|"boolean"|"list"|"table"|"host"|"local"|"size"|"duration"|"secret"
---@field doc string what it is for
---@field default? any
---@field required? boolean
---@field enum? any[] the values there are
---@field pattern? string a regular expression that the whole value must match

---A host's part in a recipe that works on several.
---@class Recipe.Role
---@field doc? string
---@field needs? Recipe.Needs

---What came of a run on one host, for a summary.
---@class Recipe.Outcome
---@field host string
---@field status "ok"|"failed"|"unreachable"|"stopped"
---@field result? any
---@field error? string

---What the file of a recipe returns.
---@class Recipe
---@field needs? Recipe.Needs
---@field params? table<string, Recipe.Param>
---@field example? table<string, any> values for required parameters, on simulated hosts and in the docs
---@field sim? string profile of a bare sim:
---@field roles? table<string, Recipe.Role>
---@field run? fun(h: Host, p: table<string, any>): any what it does; it must have one
---@field summary? fun(hosts: Recipe.Outcome[]): any
---@field undo? fun(h: Host, p: table<string, any>, steps: table<string, any>): any takes back what a run did; steps: what its steps returned, by name

---Runs fn as a named step and returns its value. A step that ended in an earlier session of the run returns the recorded value without running again. The value is plain data. In check mode a step whose outcome only a skipped change would tell returns an unknown value, and what follows is unknown, too, unless the step said that it changes nothing.
---@param name string what the step does, as people read it
---@param opts {key?: string, timeout?: number, changes?: boolean} key tells the turns of a loop apart; timeout in seconds; changes=false: the step changes nothing, which is enforced
---@param fn fun(): any the step
---@return any
---@overload fun(name: string, fn: fun(): any): any
function step(name, opts, fn) end

---Ends the script on this host with an error. The text is formatted as by string.format. With a table it can say more: message, hint (what to do next), result, which is shown although the script failed, and resumable, which stops the run here with exit code 75: resumed, the step is run again.
---@param format string|{message: string, hint?: string, result?: any, resumable?: boolean} what is wrong
---@param ... any values for the format
---@return never
function fail(format, ...) end

---Ends the step, or outside any step the script on this host, as skipped with a reason. Nothing has failed.
---@param format string why there is nothing to do
---@param ... any values for the format
---@return never
function skip(format, ...) end

---Asks a person yes or no and returns a boolean. Without a terminal the default answers, else the run stops and can be resumed.
---@param text string the question, one line
---@param opts? {default?: boolean, detail?: string, key?: string, irreversible?: boolean} detail: what is at stake; key: equal keys are asked once for all hosts; irreversible: never answered by -y
---@return boolean
function confirm(text, opts) end

---Asks a person and returns the answer: a string, or a secret with secret=true. Without a terminal the default answers, else the run stops and can be resumed.
---@param text string the question, one line
---@param opts? {choices?: string[], default?: string, detail?: string, key?: string, secret?: boolean} choices: the answers there are; secret: not shown while typed and never recorded
---@return string|Secret
function ask(text, opts) end

---Gives a secret, which shows nowhere. Concatenation and templates keep it secret; standard input, contents of files and passwords take it; arguments of commands and tostring refuse it.
---@param name string the secret's name
---@return Secret
function secret(name) end

---Fills in a template: <%= expression %> is replaced by its value, <% code %> is Lua, <%% is a literal <%. A line that holds nothing but code leaves no line behind. A text with a newline or <% in it is the template itself, anything else names a file beside the recipe. A secret in it makes the result secret. With lines=true a second value tells where each line came from, for functions that take an origin, such as pf.check.
---@param file_or_text string a file beside the recipe, or the template itself
---@param vars? table the names the template may use
---@param opts? {lines?: boolean} lines: return {file, lines} too: the template, and its line for each line of the result
---@return string|Secret
function template(file_or_text, vars, opts) end

---Tells people something while the script runs. The text is formatted as by string.format.
---@param format string the text
---@param ... any values for the format
function log(format, ...) end

---Waits, on the host's clock. In check mode it returns at once, since nothing was started that could take time.
---@param seconds number how long
function sleep(seconds) end

---Calls fn again when it fails, and returns what it returns. Without on=, failures of the host are retried (failed, timeout, unreachable, missing, denied), mistakes of the script are not.
---@param opts {times?: integer, delay?: number, backoff?: number, on?: string|string[]} times: calls at most (3); delay: seconds before the second call (1); backoff: factor of each further delay (2); on: kinds of error to retry
---@param fn fun(): ... what to do
---@return any
---@overload fun(fn: fun(): any): any
function retry(opts, fn) end

---Makes a change that may cut our own connection, so that it cannot lock us out: the host itself takes it back unless a new connection, by the same way, comes about in time. Returns what apply returns. A change that fails or was taken back is an error that says so. What boot reads (rc.conf, pf.conf) is best written in keep, so that a reboot in between starts as before.
---@param opts {apply: fun(): any, undo: string|string[], verify?: fun(), keep?: fun(), files?: string[], within?: number, what?: string, host?: Host} apply: makes the change; undo: script for sh, or a command, by which the host takes it back; verify: raises an error where the change does not do what it should, over the new connection; keep: makes it last after that; files: put back as they were before undo runs, and at a boot in between; within: seconds (60); what: is changed, for people; host: another than h
---@return any
function guard(opts) end

---Gives another host of the run. Reachable are the hosts of the command line, parameters of type host, and the groups of --allow-connect.
---@param name string the host's name
---@return Host
function connect(name) end

---Gives a file of the controller to functions that take a content or a local file, or a folder to file.sync. Reachable are the recipe's folder, its lib/, and what --allow-read adds. With write=true it is a file for file.download and the like, or a folder for file.tree.download, to write, in the recipe's folder.
---@param path string relative to the recipe, or absolute below an allowed folder
---@param opts? {write?: boolean} write: the file may be written, and need not be there
---@return LocalFile
function local_file(path, opts) end

---Runs a Lua file beside the recipe, or in its lib/, once and returns what it returns.
---@param name string "common" for common.lua or lib/common.lua; dots are folders
---@return any
function require(name) end

---The names of the hosts of this batch, which are worked on together (see --batch), in the order of the command line. They stay listed when they fail or are done.
---@type string[]
fleet.hosts = nil

---The names of all hosts of the run.
---@type string[]
fleet.all = nil

---Waits until every host of the batch has come to the barrier of that name. A host that has failed, or is done, has left and is not waited for. Returns who came and who had left. A name that comes again is a new round.
---@param name string what the hosts have done up to here, as people read it
---@param opts? {all?: boolean, timeout?: number} all: fail when a host has left before; timeout: seconds to wait
---@return {hosts: string[], left: string[]}
function fleet.barrier(name, opts) end

---Is a barrier to which every host of the batch brings a value, plain data of at most a mebibyte. Returns the values by host name, as copies: the same to all, in a resumed run, too. Hosts that had left are not in it; a host that in check mode cannot tell its value has an unknown one.
---@param name string what is gathered
---@param value any what this host brings
---@param opts? {all?: boolean, timeout?: number} all: fail when a host has left before; timeout: seconds to wait
---@return table<string, any>
function fleet.gather(name, value, opts) end

---Has one host of the batch call fn, and gives what it returns to all, as copies. The value is plain data of at most a mebibyte. When it fails, the others fail with it, unless another one takes over. In a resumed run the host that had begun goes on with it. skip() within fn ends fn, with no value.
---@param key string what is done, as people read it
---@param opts {takeover?: boolean, run?: boolean, timeout?: number} takeover: another host tries when one has failed; run: once for the whole run, not for each batch; timeout: seconds that the others wait
---@param fn fun(): any what to do
---@return any
---@overload fun(key: string, fn: fun(): any): any
function fleet.once(key, opts, fn) end

---Calls fn while at most n hosts of the batch (1) hold the lock of that name, and returns what it returns. First come, first served; in a resumed run hosts that were cut off within fn come first.
---@param name string what the lock is for
---@param n integer how many hosts at a time
---@param fn fun(): ... what to do
---@param opts? {timeout?: number} timeout: seconds to wait for the lock
---@return any
---@overload fun(name: string, fn: fun(): ...): any
function fleet.lock(name, n, fn, opts) end

---Writes a value as JSON: names in order, numbers exact. An empty table is an object, unless it came as a list or json.list made it one.
---@param value any plain data
---@param opts? {indent?: boolean} indent: on several lines
---@return string
function json.encode(value, opts) end

---Reads a JSON value. A whole number that a Lua number cannot hold exactly becomes a string of its digits. null is nil in objects and json.null in lists, with nulls=true json.null everywhere.
---@param text string one JSON value
---@param opts? {nulls?: boolean} nulls: keep every null as json.null
---@return any
function json.decode(text, opts) end

---Marks a table as a list, so that it stays one in JSON and in results when it is empty, and returns it.
---@param table? table the list; a new one without it
---@return table
function json.list(table) end

---Writes values to standard output as a line of the result.
---@param ... any the values
function print(...) end

---Declares a test of the recipe, in a file NAME_test.lua beside it. Each test runs by itself, with machines of its own; an error fails it, skip ends it as skipped.
---@param name string what must be so
---@param fn fun() arranges machines, runs the recipe, and checks what came of it
function test(name, fn) end

---Fails the test unless both are the same: tables with all they hold. The failure shows the difference.
---@param got any what came of it
---@param want any what must have
---@param what? string is compared, for people
function expect.equal(got, want, what) end

---Fails the test unless got has all that want has; it may have more.
---@param got any what came of it
---@param want any what must be in there
---@param what? string is compared, for people
function expect.like(got, want, what) end

---Fails the test unless a text contains a part of it, or a list an item like it.
---@param got string|table a text or a list
---@param part any what must be in there
---@param what? string is looked at, for people
function expect.contains(got, part, what) end

---Fails the test unless a text matches a pattern of Lua's.
---@param text string the text
---@param pattern string the pattern
---@param what? string is looked at, for people
function expect.matches(text, pattern, what) end

---Fails the test when a value is false or nil.
---@param value any the value
---@param what? string must be so, for people
function expect.yes(value, what) end

---Fails the test unless a value is false or nil.
---@param value any the value
---@param what? string must not be so, for people
function expect.no(value, what) end

---Calls a function, fails the test unless that raises an error, and returns the error.
---@param fn fun() what must fail
---@param part? string must be in the message
---@return Error
function expect.fails(fn, part) end

---@class host.Root
---@field type string zfs, ufs, ext4 ...
---@field source string device or dataset
---@field pool? string pool of the dataset

---@class host.Route
---@field gateway string address of the gateway
---@field interface string interface that leads there

---@class host.Address
---@field family string inet or inet6
---@field address string address, without scope and prefix
---@field prefix integer length of the network's prefix

---@class host.Privilege
---@field user string name
---@field uid integer number; 0 is root
---@field method? string how the user was reached: sudo, doas
---@field login string user who logged in

---@class host.Facts
---@field os string operating system, as uname -s has it: FreeBSD, Linux
---@field release string release without the patch level: 14.3-RELEASE
---@field version string running kernel, as uname -r has it: 14.3-RELEASE-p1
---@field kernel? string installed kernel (freebsd-version -k); another than version: a reboot is pending
---@field userland? string installed userland (freebsd-version -u)
---@field patch integer patch level of the userland; 0 without one
---@field arch string processor architecture, as uname -p has it: amd64, aarch64
---@field machine string hardware platform, as uname -m has it: amd64, arm64
---@field hostname string name that the host gives itself
---@field boot_method? string BIOS or UEFI, where the host tells
---@field boot_id string identity of the running boot; another after every reboot
---@field uptime integer time since the boot
---@field root host.Root root file system
---@field route host.Route default route; empty without one
---@field addresses table<string, host.Address[]> addresses by interface, in the interface's order: the first of a family is the primary one
---@field cpus integer processors
---@field memory integer physical memory
---@field disks string[] names of disks
---@field jails string[] names of running jails
---@field jailed boolean the host is itself a jail
---@field packages string pkg where pkg(8) is installed, pkgbase where the base system comes from packages too, else empty
---@field has_zfs boolean ZFS is in the kernel
---@field privilege host.Privilege as whom commands run
