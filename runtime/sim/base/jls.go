package base

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// jailValue is a parameter as jls(8) shows it; a boolean has no value of its own.
type jailValue struct {
	name, value string
	boolean     bool
	addresses   []string
}

// jls lists the running jails, or some of their parameters.
func jls(p *sim.Proc, o *options) int {
	style := "text"
	args := p.Args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "--libxo") {
		_, style, _ = strings.Cut(args[0], "=")
		args = args[1:]
		if style == "" && len(args) > 0 {
			style, args = args[0], args[1:]
		}
	}
	if base, _, _ := strings.Cut(style, ","); base != "text" && base != "json" {
		return p.Cannot("jls --libxo %s", style)
	}
	again := *p
	again.Args = append([]string{p.Args[0]}, args...)
	given := o.command
	given.flags = "adj:hNnqsv"
	o, code := given.getopt(&again)
	if o == nil {
		return code
	}
	if o.has("sh") {
		return p.Cannot("jls -%s", o.last("sh"))
	}
	var jails []state.Jail
	withState(p, func(s *state.State) { jails = slices.Clone(s.Jails) })
	if name, ok := o.get("j"); ok {
		jails = slices.DeleteFunc(jails, func(j state.Jail) bool { return j.Name != name && strconv.Itoa(j.JID) != name })
		if len(jails) == 0 {
			return errx(p, "jail \"%s\" not found", name)
		}
	}
	rows := make([][]jailValue, len(jails))
	for k, j := range jails {
		all := parameters(p, j)
		rows[k] = all
		if len(o.args) == 0 || slices.Contains(o.args, "all") {
			continue
		}
		rows[k] = nil
		for _, name := range o.args {
			at := slices.IndexFunc(all, func(v jailValue) bool { return sameParam(v.name, name) })
			if at < 0 {
				return errx(p, "unknown parameter: %s", name)
			}
			rows[k] = append(rows[k], all[at])
		}
	}
	plain := len(o.args) == 0 && !o.has("n")
	switch {
	case strings.HasPrefix(style, "json"):
		return jlsJSON(p, jails, rows, plain, o)
	case o.has("v") && plain:
		jlsVerbose(p, jails)
	case plain:
		jlsTable(p, jails, o)
	default:
		for _, row := range rows {
			var words []string
			for _, v := range row {
				words = append(words, v.word(o.has("n"), o.has("q")))
			}
			p.Printf("%s\n", strings.Join(words, " "))
		}
	}
	return 0
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func jlsTable(p *sim.Proc, jails []state.Jail, o *options) {
	if o.has("N") {
		p.Printf(" %-15s %-15s %-29s %s\n", "JID", "IP Address", "Hostname", "Path")
	} else {
		p.Printf("   JID  IP Address      Hostname                      Path\n")
	}
	for _, j := range jails {
		if o.has("N") {
			p.Printf(" %-15s %-15.15s %-29.29s %.74s\n", j.Name, firstOf(j.IP4), j.Hostname, j.Path)
		} else {
			p.Printf("%6d  %-15.15s %-29.29s %.74s\n", j.JID, firstOf(j.IP4), j.Hostname, j.Path)
		}
	}
}

func jlsVerbose(p *sim.Proc, jails []state.Jail) {
	p.Printf("   JID  Hostname                      Path\n        Name                          State\n        CPUSetID\n        IP Address(es)\n")
	for _, j := range jails {
		p.Printf("%6d  %-29.29s %.74s\n        %-29.29s %.74s\n        %d\n", j.JID, j.Hostname, j.Path, j.Name, "ACTIVE", j.JID+1)
		for _, address := range slices.Concat(j.IP4, j.IP6) {
			p.Printf("        %s\n", address)
		}
	}
}

// word is a parameter on a line: its value, or with -n its name too.
func (v jailValue) word(named, quoted bool) string {
	if v.boolean && named {
		if v.value != "true" {
			return noName(v.name)
		}
		return v.name
	}
	text := v.value
	if v.boolean {
		text = map[bool]string{true: "true", false: "false"}[text == "true"]
	}
	quote := ""
	switch {
	case v.addresses != nil && len(v.addresses) == 0 && !named && !quoted:
		text = "-"
	case text == "" && (quoted || v.addresses == nil):
		text = `""`
	case quoted && strings.Contains(text, "'"):
		quote = `"`
	case quoted && strings.Contains(text, `"`):
		quote = "'"
	case quoted && strings.ContainsAny(text, " \t"):
		quote = `"`
	}
	text = quote + text + quote
	if named {
		return v.name + "=" + text
	}
	return text
}

func noName(name string) string {
	at := strings.LastIndexByte(name, '.') + 1
	return name[:at] + "no" + name[at:]
}

// parameters are those of a jail in the order of jls -n: the short names first.
func parameters(p *sim.Proc, j state.Jail) []jailValue {
	set := func(name, otherwise string) string {
		if v, ok := j.Params[name]; ok {
			return v
		}
		return otherwise
	}
	inherit := func(own bool) string {
		if own {
			return "new"
		}
		return "inherit"
	}
	yes := func(name, otherwise string) jailValue {
		return jailValue{name: name, boolean: true, value: map[bool]string{true: "true", false: "false"}[set(name, otherwise) == "1" || set(name, "") == "true"]}
	}
	list := func(name string, addresses []string) jailValue {
		return jailValue{name: name, value: strings.Join(addresses, ","), addresses: append([]string{}, addresses...)}
	}
	family := func(addresses []string) string {
		switch {
		case j.VNET:
			return "inherit"
		case len(addresses) == 0:
			return "disable"
		}
		return "new"
	}
	var release, date string
	withState(p, func(s *state.State) { release, date = s.Release.Uname(), strconv.Itoa(s.Release.OSRelDate) })
	values := []jailValue{
		{name: "devfs_ruleset", value: set("devfs_ruleset", "4")},
		{name: "dying", boolean: true, value: "false"},
		{name: "enforce_statfs", value: set("enforce_statfs", "2")},
		{name: "host", value: "new"},
		{name: "ip4", value: family(j.IP4)},
		{name: "ip6", value: family(j.IP6)},
		{name: "jid", value: strconv.Itoa(j.JID)},
		{name: "name", value: j.Name},
		{name: "osreldate", value: set("osreldate", date)},
		{name: "osrelease", value: set("osrelease", release)},
		{name: "parent", value: "0"},
		{name: "path", value: j.Path},
		{name: "persist", boolean: true, value: map[bool]string{true: "true", false: "false"}[j.Persist]},
		{name: "securelevel", value: set("securelevel", "-1")},
		{name: "sysvmsg", value: set("sysvmsg", "disable")},
		{name: "sysvsem", value: set("sysvsem", "disable")},
		{name: "sysvshm", value: set("sysvshm", "disable")},
		{name: "vnet", value: inherit(j.VNET)},
	}
	for _, name := range []string{"chflags", "mlock", "mount", "mount.devfs", "mount.fdescfs", "mount.nullfs", "mount.procfs", "mount.tmpfs", "mount.zfs", "quotas", "raw_sockets", "read_msgbuf"} {
		values = append(values, yes("allow."+name, "0"))
	}
	for _, name := range []string{"reserved_ports", "set_hostname"} {
		values = append(values, yes("allow."+name, "1"))
	}
	for _, name := range []string{"socket_af", "suser", "sysvipc", "unprivileged_proc_debug"} {
		values = append(values, yes("allow."+name, map[bool]string{true: "1", false: "0"}[name == "suser" || name == "unprivileged_proc_debug"]))
	}
	values = append(values,
		jailValue{name: "children.cur", value: "0"}, jailValue{name: "children.max", value: set("children.max", "0")},
		jailValue{name: "cpuset.id", value: strconv.Itoa(j.JID + 1)},
		jailValue{name: "host.domainname", value: set("host.domainname", "")}, jailValue{name: "host.hostid", value: set("host.hostid", "0")},
		jailValue{name: "host.hostname", value: j.Hostname}, jailValue{name: "host.hostuuid", value: set("host.hostuuid", "00000000-0000-0000-0000-000000000000")},
		list("ip4.addr", j.IP4), yes("ip4.saddrsel", "1"), list("ip6.addr", j.IP6), yes("ip6.saddrsel", "1"),
	)
	return values
}

// jlsJSON is the output of libxo.
func jlsJSON(p *sim.Proc, jails []state.Jail, rows [][]jailValue, plain bool, o *options) int {
	list := make([]map[string]any, 0, len(jails))
	for k, j := range jails {
		row := map[string]any{}
		if plain {
			row["jid"], row["ipv4"], row["hostname"], row["path"] = j.JID, firstOf(j.IP4), j.Hostname, j.Path
			if o.has("N") {
				delete(row, "jid")
				row["name"] = j.Name
			}
		} else {
			for _, v := range rows[k] {
				switch {
				case v.addresses != nil:
					row[v.name] = v.addresses
				case v.boolean:
					row[v.name] = v.value == "true"
				default:
					row[v.name] = v.value
				}
			}
		}
		list = append(list, row)
	}
	out, _ := json.Marshal(map[string]any{"__version": "2", "jail-information": map[string]any{"jail": list}})
	p.Printf("%s\n", out)
	return 0
}
