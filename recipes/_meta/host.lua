---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Runs a command and returns what it printed. A list is a command with its arguments, quoted for you; a string is a script for sh. It counts as a change: check mode lists it and leaves it, and what it would have printed is unknown.
---@param command any a list (a command with its arguments) or a string (a script for sh)
---@param options? run.options
---@return host.Changed
---@overload fun(command: any, options?: run.options): host.Changed
function Host:run(command, options) end

---Runs a command that changes nothing and returns what it printed. It is run in check mode, too; after a skipped change it is unknown, unless reads tells that it looks elsewhere.
---@param command any a list (a command with its arguments) or a string (a script for sh)
---@param options? read.options
---@return host.Result
---@overload fun(command: any, options?: read.options): host.Result
function Host:read(command, options) end

---Runs a command on a pseudo terminal and answers its questions. The exchanges are tried in order, the first whose pattern appears answers; each answers once unless repeat is set. A question that none of them knows ends in a timeout that shows it: after idle seconds without output, half an hour where it is not given.
---@param command any a list (a command with its arguments) or a string (a script for sh)
---@param dialogue host.Exchange[] the answers
---@param options? interact.options
---@return host.Changed
---@overload fun(command: any, dialogue: host.Exchange[], options?: interact.options): host.Changed
function Host:interact(command, dialogue, options) end

---Starts a command that runs on by itself, whatever becomes of the connection and of bsdrun, and returns its handle. With key, a job of that key that runs already is attached to instead; on a resumed run the job of the same step is.
---@param command any a list (a command with its arguments) or a string (a script for sh)
---@param options? job.options
---@return host.Job
---@overload fun(command: any, options?: job.options): host.Job
function Host:job(command, options) end

---Lists the detached jobs that the host knows, of any run: those that run and those that have ended and were not forgotten yet.
---@return host.Listed[]
---@overload fun(): host.Listed[]
function Host:jobs() end

---Reboots the host and waits until it answers with another boot.
---@param options? reboot.options
---@return host.Rebooted
---@overload fun(options?: reboot.options): host.Rebooted
function Host:reboot(options) end

---Runs a query again and again, ever more rarely, until it exits with 0, and returns what it printed then.
---@param command any a list (a command with its arguments) or a string (a script for sh)
---@param options? wait_until.options
---@return host.Result
---@overload fun(command: any, options?: wait_until.options): host.Result
function Host:wait_until(command, options) end

---Returns the host as another user: all that is done through it is done with that user's rights.
---@param user string the user's name
---@return Host
---@overload fun(host: Host, arguments: as.arguments): Host
---@overload fun(arguments: as.arguments): Host
---@overload fun(user: string): Host
function Host:as(user) end

---Takes the host's lock for this run now, instead of with the first change. It is held until the run ends.
---@overload fun()
function Host:lock() end

---A command that runs on the host by itself. Its handle may be kept in a step's value: a resumed run finds the job again.
---@class Job
---@field id string
local job = {}

---Waits until the job has ended and returns how. Its output is shown meanwhile. A lost connection does not end the waiting.
---@param options? job.wait.options
---@return host.Ended
function job:wait(options) end

---Tells how the job stands.
---@return host.State
function job:status() end

---Reads the job's output: the last of it, or what follows an offset.
---@param options? job.tail.options
---@return host.Part
function job:tail(options) end

---Ends the job with all its processes: by TERM, and after grace by KILL.
---@param options? job.stop.options
---@return host.Stopped
function job:stop(options) end

---@class run.options
---@field dir? string working directory
---@field env? table<string, string> variables added to the environment
---@field as? string run as this user
---@field stdin? string|Secret|LocalFile standard input; none without it
---@field to? string a file of the host that takes standard output instead, from its beginning
---@field timeout? number seconds for the whole; the run's default without it
---@field idle? number seconds without any output
---@field codes? integer[] exit codes that are answers, not failures; 0 alone without it
---@field writes? string[] what it touches, as file:/etc/rc.conf, file:/usr/ports/ (a tree), pkg:git, service:sshd; everything without it

---@class host.Changed
---@field changed boolean true: nobody knows what a command of one's own changes
---@field code integer exit code
---@field stdout string what it printed
---@field stderr string what it printed on standard error
---@field took number seconds it took

---@class read.options
---@field dir? string working directory
---@field env? table<string, string> variables added to the environment
---@field as? string run as this user
---@field stdin? string|Secret|LocalFile standard input; none without it
---@field timeout? number seconds for the whole; the run's default without it
---@field idle? number seconds without any output
---@field codes? integer[] exit codes that are answers, not failures; 0 alone without it
---@field reads? string[] what it looks at, as file:/etc/rc.conf, pkg, service:sshd; everything without it

---@class host.Result
---@field code integer exit code
---@field stdout string what it printed
---@field stderr string what it printed on standard error
---@field took number seconds it took

---@class host.Exchange
---@field expect string regular expression (RE2) on what was printed since the last answer
---@field send? string|Secret|LocalFile the answer, as it is; end it with \n where a line is wanted
---@field repeat? boolean answer again when the pattern appears again
---@field fail? string end the dialogue with this message instead of an answer

---@class interact.options
---@field dir? string working directory
---@field env? table<string, string> variables added to the environment
---@field as? string run as this user
---@field timeout? number seconds for the whole; the run's default without it
---@field idle? number seconds without any output
---@field codes? integer[] exit codes that are answers, not failures; 0 alone without it

---@class job.options
---@field dir? string working directory
---@field env? table<string, string> variables added to the environment
---@field as? string run as this user
---@field key? string names the job across runs; without it the job belongs to its step
---@field writes? string[] what it touches, as file:/usr/obj/ (a tree), pkg; everything without it

---@class host.Job : Job
---@field changed boolean the job was started now; not so when it was attached to
---@field key? string its key
---@field attached boolean it ran already

---@class host.Listed
---@field id string its name on the host
---@field key? string its key
---@field run? string the run that started it
---@field state string running, exited, rebooted (the host went down under it), lost (ended from outside) or absent
---@field running boolean it has not ended
---@field code integer exit code, once exited
---@field pid? integer process id
---@field command? string what it runs
---@field started string when it began
---@field ended string when it ended; nil while it runs
---@field size integer bytes that it has printed

---@class reboot.options
---@field within? number seconds that the host may take to come back (900 by default)
---@field command? string[] what reboots it; shutdown -r now without it

---@class host.Rebooted
---@field changed boolean true
---@field took number seconds until it answered again

---@class wait_until.options
---@field dir? string working directory
---@field env? table<string, string> variables added to the environment
---@field as? string run as this user
---@field timeout? number seconds to wait at most (300 by default)
---@field reads? string[] what it looks at, as file:/etc/rc.conf, service:sshd; everything without it

---@class as.arguments
---@field user string the user's name

---@class job.wait.options
---@field timeout? number seconds to wait at most; no end without it
---@field codes? integer[] exit codes that are answers, not failures; 0 alone without it
---@field from? integer offset of the output to show from

---@class host.Ended
---@field code integer exit code
---@field tail string the last 64 KiB of its output
---@field size integer bytes that it has printed
---@field took number seconds from its start to its end

---@class host.State
---@field state string running, exited, rebooted (the host went down under it), lost (ended from outside) or absent
---@field running boolean it has not ended
---@field code integer exit code, once exited
---@field pid? integer process id
---@field command? string what it runs
---@field started string when it began
---@field ended string when it ended; nil while it runs
---@field size integer bytes that it has printed

---@class job.tail.options
---@field from? integer offset to read from; the last 64 KiB without it
---@field limit? integer bytes to read at most (1048576 by default)

---@class host.Part
---@field text string the part
---@field from integer its offset
---@field next integer the offset behind it
---@field running boolean there may be more to come

---@class job.stop.options
---@field grace? number seconds between TERM and KILL (10 by default)

---@class host.Stopped
---@field changed boolean it ran until now
---@field state string how it ended
