---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Simulated machines for tests of recipes, and runs of the recipe on them. It works in tests alone: a machine is a host like h, with which a test arranges things and looks at what came of a run.
---@class rehearse
rehearse = {}

---Makes a simulated machine and returns it as a host. It lasts as long as the test, over all runs. Without a profile it is the one that the recipe names for a bare sim:.
---@param profile? string as bsdrun list names them; default: the recipe's own
---@param options? rehearse.machine.options
---@return Host
---@overload fun(arguments: rehearse.machine.arguments): Host
function rehearse.machine(profile, options) end

---Runs the recipe that the test is for on a machine, and returns what came of it. The test fails when the run ends otherwise than it says. Required parameters that are not given have the recipe's example, as on sim: hosts.
---@param machine Host where it is run
---@param options? rehearse.run.options
---@return rehearse.Run
---@overload fun(arguments: rehearse.run.arguments): rehearse.Run
function rehearse.run(machine, options) end

---Goes on with a run that stopped or failed, as bsdrun resume does, and returns what came of it.
---@param run string id of the run
---@param options? rehearse.resume.options
---@return rehearse.Run
---@overload fun(arguments: rehearse.resume.arguments): rehearse.Run
function rehearse.resume(run, options) end

---Takes back what a run did, as bsdrun undo does, and returns what came of it.
---@param run string id of the run
---@param options? rehearse.undo.options
---@return rehearse.Run
---@overload fun(arguments: rehearse.undo.arguments): rehearse.Run
function rehearse.undo(run, options) end

---Makes a tool of a machine print a message and exit with a code, instead of working.
---@param machine Host the machine
---@param tool string name of the command
---@param options? rehearse.fail.options
---@overload fun(arguments: rehearse.fail.arguments)
function rehearse.fail(machine, tool, options) end

---Lets a tool work again that fail made fail.
---@param machine Host the machine
---@param tool string name of the command
---@overload fun(arguments: rehearse.heal.arguments)
function rehearse.heal(machine, tool) end

---Makes a path of a machine answer Permission denied to everybody.
---@param machine Host the machine
---@param path string absolute
---@overload fun(arguments: rehearse.deny.arguments)
function rehearse.deny(machine, path) end

---Undoes deny.
---@param machine Host the machine
---@param path string absolute
---@overload fun(arguments: rehearse.permit.arguments)
function rehearse.permit(machine, path) end

---Cuts the connection to a machine after so many more bytes that the machine sends, once.
---@param machine Host the machine
---@param after integer bytes that it sends until then
---@overload fun(arguments: rehearse.cut.arguments)
function rehearse.cut(machine, after) end

---Makes a machine's sshd refuse a kind of channel: exec, shell, sftp or session.
---@param machine Host the machine
---@param kind "exec"|"shell"|"sftp"|"session" kind of channel
---@param options? rehearse.refuse.options
---@overload fun(arguments: rehearse.refuse.arguments)
function rehearse.refuse(machine, kind, options) end

---Makes a host of the simulated network, or all addresses that begin so, unreachable for its machines; an empty reason undoes it.
---@param address string a host, or the beginning of addresses
---@param reason? string what tools say of it
---@overload fun(arguments: rehearse.unreachable.arguments)
function rehearse.unreachable(address, reason) end

---Lets time pass on a machine. It takes none of ours.
---@param machine Host the machine
---@param time number how long
---@overload fun(arguments: rehearse.pass.arguments)
function rehearse.pass(machine, time) end

---@class rehearse.machine.options
---@field name? string the host's name; default: the profile's, and a number from the second on
---@field user? string who the runs log in as; default: root
---@field become? "auto"|"doas"|"sudo"|"su"|"mdo" how they become root then
---@field legacy? boolean they offer the algorithms that old releases know
---@field params? table<string, any> what goes behind the question mark of a sim: address: faults, sizes, versions; a list gives one several times

---@class rehearse.machine.arguments
---@field profile? string as bsdrun list names them; default: the recipe's own
---@field name? string the host's name; default: the profile's, and a number from the second on
---@field user? string who the runs log in as; default: root
---@field become? "auto"|"doas"|"sudo"|"su"|"mdo" how they become root then
---@field legacy? boolean they offer the algorithms that old releases know
---@field params? table<string, any> what goes behind the question mark of a sim: address: faults, sizes, versions; a list gives one several times

---@class rehearse.run.options
---@field others? Host[] further machines that it is run on at the same time
---@field params? table<string, any> the recipe's parameters; the name of a machine stands for a host
---@field check? boolean read for real, change nothing
---@field secrets? table<string, string> secrets by name
---@field vars? table<string, any> h.vars
---@field start_at? string name of the first step to run
---@field forks? integer hosts at once; 0: all
---@field batch? string hosts that are worked on together: a number, or N%
---@field recipe? string another recipe beside the test
---@field answers? table<string, any> to questions, by a part of their text or by their key: true, false, or a choice; other questions have their default, or stop the run
---@field irreversible? boolean let it make irreversible changes
---@field interrupt? string press Ctrl-C as the step of this name begins
---@field ends? "ok"|"failed"|"stopped"|"unreachable"|"any" how it must end ("ok" by default)

---@class rehearse.run.arguments
---@field machine Host where it is run
---@field others? Host[] further machines that it is run on at the same time
---@field params? table<string, any> the recipe's parameters; the name of a machine stands for a host
---@field check? boolean read for real, change nothing
---@field secrets? table<string, string> secrets by name
---@field vars? table<string, any> h.vars
---@field start_at? string name of the first step to run
---@field forks? integer hosts at once; 0: all
---@field batch? string hosts that are worked on together: a number, or N%
---@field recipe? string another recipe beside the test
---@field answers? table<string, any> to questions, by a part of their text or by their key: true, false, or a choice; other questions have their default, or stop the run
---@field irreversible? boolean let it make irreversible changes
---@field interrupt? string press Ctrl-C as the step of this name begins
---@field ends? "ok"|"failed"|"stopped"|"unreachable"|"any" how it must end ("ok" by default)

---@class rehearse.Failure
---@field kind string failed, timeout, denied, missing, unreachable, invalid, script ...
---@field message string in words
---@field hint string what to do next
---@field op string the function that failed
---@field code integer exit code of a command
---@field stdout string last lines
---@field stderr string last lines
---@field at string file and line of the recipe

---@class rehearse.Change
---@field op string the function
---@field host? string the other host that the recipe changed
---@field what string the command or the file
---@field diff? string what changes in the file

---@class rehearse.Step
---@field name string its name, with its key in brackets
---@field status string ok, changed, failed, skipped, unknown or stopped
---@field reason? string why it was skipped or is unknown
---@field changes rehearse.Change[] what it changed or, in a check, would change

---@class rehearse.Effect
---@field op string the function
---@field kind string read or change
---@field what string the command or the file
---@field step string path of the step
---@field status string ok, changed, skipped, failed or unknown
---@field code integer exit code

---@class rehearse.HostRun
---@field result any what the recipe returned
---@field error rehearse.Failure why it did not come to its end; nil when it did
---@field steps rehearse.Step[] its steps in order
---@field step table<string, any> status of each step by its name
---@field effects rehearse.Effect[] what it did on the host, in order
---@field took number how long it took, on the host's clock

---@class rehearse.Run
---@field id string to resume it
---@field status string ok, failed, stopped or unreachable: the worst of all hosts
---@field exit integer exit code that bsdrun would end with
---@field changed integer changes on all hosts that were, or in a check would be, made
---@field result any what the recipe returned
---@field error rehearse.Failure why it did not come to its end; nil when it did
---@field steps rehearse.Step[] its steps in order
---@field step table<string, any> status of each step by its name
---@field effects rehearse.Effect[] what it did on the host, in order
---@field took number how long it took, on the host's clock
---@field hosts table<string, rehearse.HostRun> each host by its name; the fields of the run itself are the first one's
---@field summary? any what the recipe says of all hosts together
---@field output string what it printed
---@field log string[] what it told with log()
---@field asked string[] the questions it asked

---@class rehearse.resume.options
---@field answers? table<string, any> to questions, by a part of their text or by their key: true, false, or a choice; other questions have their default, or stop the run
---@field irreversible? boolean let it make irreversible changes
---@field interrupt? string press Ctrl-C as the step of this name begins
---@field ends? "ok"|"failed"|"stopped"|"unreachable"|"any" how it must end ("ok" by default)

---@class rehearse.resume.arguments
---@field run string id of the run
---@field answers? table<string, any> to questions, by a part of their text or by their key: true, false, or a choice; other questions have their default, or stop the run
---@field irreversible? boolean let it make irreversible changes
---@field interrupt? string press Ctrl-C as the step of this name begins
---@field ends? "ok"|"failed"|"stopped"|"unreachable"|"any" how it must end ("ok" by default)

---@class rehearse.undo.options
---@field check? boolean read for real, change nothing
---@field answers? table<string, any> to questions, by a part of their text or by their key: true, false, or a choice; other questions have their default, or stop the run
---@field irreversible? boolean let it make irreversible changes
---@field interrupt? string press Ctrl-C as the step of this name begins
---@field ends? "ok"|"failed"|"stopped"|"unreachable"|"any" how it must end ("ok" by default)

---@class rehearse.undo.arguments
---@field run string id of the run
---@field check? boolean read for real, change nothing
---@field answers? table<string, any> to questions, by a part of their text or by their key: true, false, or a choice; other questions have their default, or stop the run
---@field irreversible? boolean let it make irreversible changes
---@field interrupt? string press Ctrl-C as the step of this name begins
---@field ends? "ok"|"failed"|"stopped"|"unreachable"|"any" how it must end ("ok" by default)

---@class rehearse.fail.options
---@field code? integer its exit code (1 by default)
---@field message? string what it prints on standard error
---@field times? integer so often; 0: from now on

---@class rehearse.fail.arguments
---@field machine Host the machine
---@field tool string name of the command
---@field code? integer its exit code (1 by default)
---@field message? string what it prints on standard error
---@field times? integer so often; 0: from now on

---@class rehearse.heal.arguments
---@field machine Host the machine
---@field tool string name of the command

---@class rehearse.deny.arguments
---@field machine Host the machine
---@field path string absolute

---@class rehearse.permit.arguments
---@field machine Host the machine
---@field path string absolute

---@class rehearse.cut.arguments
---@field machine Host the machine
---@field after integer bytes that it sends until then

---@class rehearse.refuse.options
---@field undo? boolean accept it again

---@class rehearse.refuse.arguments
---@field machine Host the machine
---@field kind "exec"|"shell"|"sftp"|"session" kind of channel
---@field undo? boolean accept it again

---@class rehearse.unreachable.arguments
---@field address string a host, or the beginning of addresses
---@field reason? string what tools say of it ("Operation timed out" by default)

---@class rehearse.pass.arguments
---@field machine Host the machine
---@field time number how long
