---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---The packet filter: its rules and what they translate, tables, anchors and states.
---@class h.pf
local pf = {}

pf.tables = {}

---Returns the paths of all anchors, those below others too.
---@return string[]
function pf.anchors() end

---Has the host's own pfctl read rules, from a text or a file of the host, without loading them. Returns whether they are right, and what is wrong with them, with the lines. Names of interfaces and hosts are resolved as they are now. Of two errors in adjacent lines pfctl may tell the first alone.
---@param options? pf.check.options
---@return pf.Checked
function pf.check(options) end

---Returns what pf has counted: packets by what became of them, states, and each rule's own.
---@param options? pf.counters.options
---@return pf.Counters
function pf.counters(options) end

---Compares rules, from a text or a file of the host, with those that are loaded, as pfctl expands both. Returns what loading them would add and remove: rules, also those in the braces of anchors, the addresses of tables that the rules give, and of the options skip, timeouts and limits that they set.
---@param options? pf.diff.options
---@return pf.Diff
function pf.diff(options) end

---Turns the filter off: all passes, and nothing is translated. The rules stay. One that is off is left alone.
---@return pf.Changed
function pf.disable() end

---Loads the module if need be and turns the filter on, with the rules that are loaded. One that is on is left alone. Connections that are there have no state yet: rules that pass only what opens one stop them, ours too.
---@return pf.Changed
function pf.enable() end

---Removes rules, nat rules, states, tables, or counters (info). Without rules all passes; without states connections stop that no rule would open in their midst, ours too.
---@param what string rules, nat, states, tables or info
---@param options? pf.flush.options
---@return pf.Changed
---@overload fun(arguments: pf.flush.arguments): pf.Changed
function pf.flush(what, options) end

---Forgets the states of connections from a host or network, to another, or of the rules with a label. Returns how many there were.
---@param options? pf.kill_states.options
---@return pf.Killed
function pf.kill_states(options) end

---Returns the loaded translations: nat, rdr and binat rules, and those that stand in other rules as nat-to and rdr-to. steady tells of one whether all connections of a source get the same address.
---@param options? pf.nat.options
---@return pf.Rule[]
function pf.nat(options) end

---Puts rules in force and keeps them for the next boot, so that they cannot lock us out: pfctl reads them first; a timer on the host is armed; they are loaded, and the filter turned on where it is off; a new connection must come about; only then file and rc.conf are written. Otherwise the host puts the former rules back by itself, or at a boot in between. States of connections stay. Of rules that no file holds, the options (set) cannot be put back: pfctl does not tell them.
---@param text string the rules: the text of a pf.conf, such as pf.ruleset makes
---@param options? pf.put.options
---@return pf.PutResult
---@overload fun(arguments: pf.put.arguments): pf.PutResult
function pf.put(text, options) end

---Returns the loaded rules, scrub rules first, of the main ruleset or of an anchor.
---@param options? pf.rules.options
---@return pf.Rule[]
function pf.rules(options) end

---Writes rules as the text of a pf.conf, in the order that pf wants, and checks them as far as that is possible without a host. A rule is a table, or a table with a line as text.
---@param options? pf.ruleset.options
---@return string
function pf.ruleset(options) end

---Returns the connections that pf knows, with the addresses that it gave them.
---@param options? pf.states.options
---@return pf.State[]
function pf.states(options) end

---Returns whether the filter is there, whether it is on, and since when.
---@return pf.Status
function pf.status() end

---Puts addresses and networks into a table, which is made if it is not there. Those that are in it already are left alone.
---@param name string name of the table
---@param addresses string|string[] addresses and networks; with ! in front what a network that is in the table does not cover
---@param options? pf.tables.add.options
---@return pf.TableChanged
---@overload fun(arguments: pf.tables.add.arguments): pf.TableChanged
function pf.tables.add(name, addresses, options) end

---Removes addresses that are in a table for longer than some time, or had their counters cleared that long ago.
---@param name string name of the table
---@param options? pf.tables.expire.options
---@return pf.Expired
---@overload fun(arguments: pf.tables.expire.arguments): pf.Expired
function pf.tables.expire(name, options) end

---Returns the addresses and networks of a table; one with "!" in front is not in it.
---@param name string name of the table
---@param options? pf.tables.get.options
---@return string[]
---@overload fun(arguments: pf.tables.get.arguments): string[]
function pf.tables.get(name, options) end

---Returns the tables of the main ruleset, or of an anchor.
---@param options? pf.tables.list.options
---@return pf.Table[]
function pf.tables.list(options) end

---Takes addresses and networks out of a table. Those that are not in it are left alone, as is a table that is not there.
---@param name string name of the table
---@param addresses string|string[] addresses and networks; with ! in front what a network that is in the table does not cover
---@param options? pf.tables.remove.options
---@return pf.TableChanged
---@overload fun(arguments: pf.tables.remove.arguments): pf.TableChanged
function pf.tables.remove(name, addresses, options) end

---Makes a table hold these addresses and networks and no others. One that does is left alone.
---@param name string name of the table
---@param addresses string|string[] addresses and networks; with ! in front what a network that is in the table does not cover
---@param options? pf.tables.replace.options
---@return pf.TableChanged
---@overload fun(arguments: pf.tables.replace.arguments): pf.TableChanged
function pf.tables.replace(name, addresses, options) end

---Tells whether an address is in a table, networks and exceptions considered.
---@param name string name of the table
---@param address string a single address
---@param options? pf.tables.test.options
---@return pf.Tested
---@overload fun(arguments: pf.tables.test.arguments): pf.Tested
function pf.tables.test(name, address, options) end

---@class pf.Origin
---@field file? string the template
---@field lines? integer[] its line, for each line of the text

---@class pf.check.options
---@field text? string the rules
---@field path? string a file of the host that holds them
---@field macros? table<string, string> macros that win over those of the rules
---@field origin? pf.Origin where the lines of the text came from, as template tells it with lines=true

---@class pf.Problem
---@field file? string where it stands; stdin for a text
---@field line integer number of the line, from 1; 0: not told
---@field text string in pfctl's words
---@field at? string line of the template that made it, where origin was given: pf.conf.tmpl:12

---@class pf.Checked
---@field ok boolean pfctl would load the rules
---@field errors pf.Problem[] what is wrong, in pfctl's order

---@class pf.counters.options
---@field anchor? string whose rules are told; empty: the main ruleset

---@class pf.RuleCount
---@field text string the rule
---@field evaluations integer how often it was looked at
---@field packets integer that matched, or belong to its states
---@field bytes integer of these
---@field states integer connections that it lets pass now

---@class pf.Counters
---@field counters table<string, integer> of the state table (current_entries, searches, inserts, removals) and of packets by what was wrong with them, or match
---@field rules pf.RuleCount[] each rule's own, in their order

---@class pf.diff.options
---@field text? string the rules
---@field path? string a file of the host that holds them

---@class pf.Diff
---@field same boolean the same is loaded, rules in the same order
---@field added string[] rules, addresses of tables and options that are not loaded
---@field removed string[] what is loaded and would go
---@field moved boolean rules that are in both stand in another order

---@class pf.Changed
---@field changed boolean something was done

---@class pf.flush.options
---@field anchor? string of this anchor: rules, nat, tables

---@class pf.flush.arguments
---@field what string rules, nat, states, tables or info
---@field anchor? string of this anchor: rules, nat, tables

---@class pf.kill_states.options
---@field from? string address, network or name of the sender
---@field to? string of the receiver
---@field label? string of the rule that made the states

---@class pf.Killed
---@field changed boolean there were such states
---@field killed integer how many

---@class pf.nat.options
---@field anchor? string of this anchor; empty: the main ruleset

---@class pf.Rule
---@field text string as pfctl prints it
---@field action string pass, block, match, scrub, nat, rdr, binat, with no in front where it exempts, or anchor
---@field anchor? string the anchor that it calls
---@field direction? string in or out; absent: both
---@field quick boolean the search ends with it
---@field log boolean packets are logged
---@field interface? string on this interface, with ! in front on all others; absent: on all
---@field family? string inet or inet6; absent: both
---@field proto? string tcp, udp ...; absent: all
---@field from string address, network, table or interface of the sender
---@field from_port? string ports of the sender, with the operator
---@field to string of the receiver
---@field to_port? string ports of the receiver, with the operator
---@field state? string keep, modulate or synproxy; absent: none is kept
---@field labels string[] labels
---@field tag? string packets are marked so
---@field tagged? string only packets marked so, with ! in front those that are not
---@field targets string[] where a translation leads
---@field ports? string ports that a translation takes; absent: those of nat by default, the same for rdr
---@field pool? string how one of several targets is chosen: round-robin, random, source-hash, bitmask
---@field sticky boolean a source keeps its target
---@field static_port boolean nat leaves the port as it is
---@field steady boolean of a translation: all connections of a source get the same address

---@class pf.put.options
---@field file? string where they are kept; pf_rules in rc.conf says so ("/etc/pf.conf" by default)
---@field within? number the host takes the rules back unless a new connection comes about in this time (60 by default)
---@field backup? string keep the former file: an absolute path, or what is added to its name (".before" by default)
---@field origin? pf.Origin where the lines of the text came from, as template tells it with lines=true

---@class pf.put.arguments
---@field text string the rules: the text of a pf.conf, such as pf.ruleset makes
---@field file? string where they are kept; pf_rules in rc.conf says so ("/etc/pf.conf" by default)
---@field within? number the host takes the rules back unless a new connection comes about in this time (60 by default)
---@field backup? string keep the former file: an absolute path, or what is added to its name (".before" by default)
---@field origin? pf.Origin where the lines of the text came from, as template tells it with lines=true

---@class pf.PutResult
---@field changed boolean rules, file or rc.conf are, or in check mode would be, different now
---@field loaded boolean the rules were loaded; they were in force already otherwise
---@field enabled boolean the filter was off and is on now
---@field added string[] rules that were not in force before
---@field removed string[] rules that are not in force any more

---@class pf.rules.options
---@field anchor? string of this anchor; empty: the main ruleset

---@class pf.OptionSpec
---@field name? string such as "block-policy" or "timeout tcp.established"
---@field value? string its value
---@field on? string[] interfaces, of skip

---@class pf.TableSpec
---@field name? string name
---@field addresses? string[] addresses and networks, with ! in front those that are not in it
---@field files? string[] files of the host that hold more
---@field persist? boolean it stays when no rule names it
---@field const? boolean only loading rules may change it
---@field counters? boolean it counts packets by address

---@class pf.RuleSpec
---@field text? string the rule as a line of pf.conf; nothing else is given then
---@field action? string of a filter rule: pass, block, "block return", match
---@field no? boolean packets are exempt from the rules behind it (scrub, nat, rdr, binat)
---@field pass? boolean what is translated passes without a filter rule
---@field direction? string in or out; empty: both
---@field log? boolean packets are logged
---@field quick? boolean the search ends with it
---@field on? string[] interfaces; empty: all
---@field family? string inet or inet6; empty: as the addresses are
---@field proto? string[] protocols; empty: all
---@field from? string[] addresses, networks, <tables>, (interfaces); empty: any
---@field from_port? string[] ports: "22", "1024:65535", "> 1023"
---@field to? string[] as from
---@field to_port? string[] as from_port
---@field flags? string of TCP: "S/SA", any
---@field state? string keep, modulate, synproxy or no; empty: as pf does by itself
---@field options? string what else the rule says, as in pf.conf
---@field label? string label
---@field tag? string packets are marked so
---@field tagged? string only packets marked so
---@field target? string[] where a translation leads
---@field target_port? string port, or range of ports, of the target
---@field pool? string how one of several targets is chosen: round-robin, random, source-hash, bitmask
---@field sticky? boolean a source keeps its target
---@field static_port? boolean nat leaves the port as it is
---@field anchor? string an anchor is called instead
---@field rules? string[] the rules of the anchor, as lines

---@class pf.ruleset.options
---@field macros? table<string, string> names with their values
---@field options? pf.OptionSpec[] set lines
---@field tables? pf.TableSpec[] tables
---@field scrub? pf.RuleSpec[] normalization
---@field nat? pf.RuleSpec[] translation of who sends
---@field rdr? pf.RuleSpec[] translation of who receives
---@field binat? pf.RuleSpec[] translation of one address to one other, in both directions
---@field filter? pf.RuleSpec[] what passes
---@field release? string release whose pf.conf it is to be, such as "8.2"; empty: the newest

---@class pf.states.options
---@field from? string only those of this address or network, inside or outside
---@field to? string only those to this address or network
---@field proto? string only those of this protocol: tcp

---@class pf.State
---@field interface string the interface it is bound to, or all
---@field proto string tcp, udp, icmp ...
---@field direction string in or out: how its first packet passed
---@field from string who opened it, as its sender knows it
---@field outside string who opened it, as the other side sees it: another address where it was translated
---@field to string to whom, as the sender knows it
---@field inside string to whom, as it arrives: another address where it was redirected
---@field state string of both sides, the sender's first: ESTABLISHED:ESTABLISHED

---@class pf.Status
---@field loaded boolean the module is part of the kernel; when false, nothing else is set
---@field enabled boolean packets are filtered
---@field since integer for how long it is on, or off
---@field debug string none, urgent, misc or loud
---@field states integer connections that it knows

---@class pf.tables.add.options
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.add.arguments
---@field name string name of the table
---@field addresses string|string[] addresses and networks; with ! in front what a network that is in the table does not cover
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.TableChanged
---@field changed boolean something was done
---@field added string[] what was not in the table
---@field removed string[] what is no more in it

---@class pf.tables.expire.options
---@field age? integer how long an address may be in it
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.expire.arguments
---@field name string name of the table
---@field age? integer how long an address may be in it
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.Expired
---@field changed boolean there were such addresses
---@field removed integer how many

---@class pf.tables.get.options
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.get.arguments
---@field name string name of the table
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.list.options
---@field anchor? string of this anchor; empty: the main ruleset

---@class pf.Table
---@field name string name
---@field addresses integer how many addresses and networks it holds
---@field const boolean nothing but loading rules changes it
---@field persist boolean it stays when no rule names it
---@field used boolean a rule names it
---@field counters boolean it counts packets by address
---@field match integer how often an address was in it
---@field no_match integer how often one was not

---@class pf.tables.remove.options
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.remove.arguments
---@field name string name of the table
---@field addresses string|string[] addresses and networks; with ! in front what a network that is in the table does not cover
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.replace.options
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.replace.arguments
---@field name string name of the table
---@field addresses string|string[] addresses and networks; with ! in front what a network that is in the table does not cover
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.test.options
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.tables.test.arguments
---@field name string name of the table
---@field address string a single address
---@field anchor? string of this anchor; empty: of the main ruleset

---@class pf.Tested
---@field matches boolean rules that name the table apply to the address
