package inventory

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ansibleSettings are Ansible's variables that are settings here, and how their
// values are read. Numbers and truth values may be written as text.
var ansibleSettings = map[string]string{
	"ansible_host":                 "address",
	"ansible_ssh_host":             "address",
	"ansible_port":                 "port",
	"ansible_ssh_port":             "port",
	"ansible_user":                 "user",
	"ansible_ssh_user":             "user",
	"ansible_ssh_private_key_file": "identity",
	"ansible_private_key_file":     "identity",
	"ansible_become_user":          "become_user",
	"ansible_timeout":              "connect_timeout",
	"ansible_ssh_timeout":          "connect_timeout",
}

// ansiblePasswords are variables whose values are secrets: they are dropped.
var ansiblePasswords = []string{
	"ansible_password", "ansible_ssh_pass", "ansible_ssh_password", "ansible_become_pass", "ansible_become_password",
	"ansible_sudo_pass", "ansible_su_pass", "ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase",
}

// readAnsibleVars turns variables of Ansible into settings and variables.
func (inv *Inventory) readAnsibleVars(vars map[string]any, where func(name string) string, file string) (scope, error) {
	s := newScope()
	d := &document{name: file}
	for _, name := range sortedKeys(vars) {
		v, at := vars[name], where(name)
		if text, ok := v.(string); ok && strings.HasPrefix(text, vaulted) {
			return s, vaultError(at, name)
		}
		if !strings.HasPrefix(name, "ansible_") {
			if hasTemplate(v) {
				inv.tell("template", "%s: %s has a template ({{ ... }}); bsdrun keeps such values as text", at, name)
			}
			s.vars[name] = value{v, at}
			continue
		}
		if hasTemplate(v) {
			return s, invalid("%s: %s has a template ({{ ... }}), which bsdrun does not evaluate: write its value", at, name)
		}
		if err := inv.readAnsibleSetting(d, &s, name, v, at); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (inv *Inventory) readAnsibleSetting(d *document, s *scope, name string, v any, at string) error {
	if key, mapped := ansibleSettings[name]; mapped {
		if key == "port" || key == "connect_timeout" {
			v = number(v)
		} else if _, isText := v.(string); !isText && v != nil {
			v = fmt.Sprint(v)
		}
		read, err := settingKinds[key](v)
		if err != nil {
			return invalid("%s: %s %v", at, name, err)
		}
		s.settings[key] = value{d.local(key, read), at}
		return nil
	}
	switch name {
	case "ansible_become":
		on, ok := ansibleTruth(v)
		if !ok {
			return invalid("%s: %s is true or false, not %v", at, name, v)
		}
		s.settings["become"] = value{map[bool]string{true: "auto", false: "none"}[on], at}
	case "ansible_become_method":
		method, _ := v.(string)
		method = strings.TrimPrefix(strings.TrimPrefix(method, "community.general."), "ansible.builtin.")
		if !slices.Contains([]string{"doas", "sudo", "su"}, method) {
			return invalid("%s: there is no way to become root by %v; bsdrun knows doas, sudo and su", at, v)
		}
		s.settings["become_method"] = value{method, at}
	case "ansible_ssh_common_args", "ansible_ssh_extra_args":
		line, _ := v.(string)
		return inv.readSSHArgs(d, s, name, line, at)
	case "ansible_connection":
		switch v {
		case "local":
			s.settings["connection"] = value{string(Local), at}
		case "ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh":
			s.settings["connection"] = value{string(SSH), at}
		default:
			return invalid("%s: bsdrun connects by ssh or is local, not by %v; a jail is HOST/JAIL", at, v)
		}
	case "ansible_group_priority": // read with the group
	default:
		if slices.Contains(ansiblePasswords, name) {
			inv.tell(name, "%s: %s is not taken from an inventory: use keys or an agent, -K, or a file of secrets", at, name)
		} else {
			inv.tell(name, "%s: %s has no counterpart and changes nothing", at, name)
		}
	}
	return nil
}

// readSSHArgs reads the options of ssh that are settings here.
func (inv *Inventory) readSSHArgs(d *document, s *scope, name, line, at string) error {
	args, err := words(line)
	if err != nil {
		return invalid("%s: %s: %v", at, name, err)
	}
	for i := 0; i < len(args); i++ {
		flag, val := args[i], ""
		if len(flag) < 2 || flag[0] != '-' || !strings.ContainsRune("oJilpF", rune(flag[1])) {
			inv.tell(name+flag, "%s: %s: %s has no counterpart and changes nothing", at, name, flag)
			continue
		}
		if flag, val = flag[:2], flag[2:]; val == "" {
			if i++; i == len(args) {
				return invalid("%s: %s: %s lacks its value", at, name, flag)
			}
			val = args[i]
		}
		option := map[string]string{"-J": "ProxyJump", "-i": "IdentityFile", "-l": "User", "-p": "Port"}[flag]
		if flag == "-o" {
			var ok bool
			if option, val, ok = strings.Cut(val, "="); !ok {
				option, val, _ = strings.Cut(option, " ")
			}
			option, val = strings.TrimSpace(option), strings.TrimSpace(val)
		}
		if err := inv.readSSHOption(d, s, name, option, val, at); err != nil {
			return err
		}
	}
	return nil
}

var sshOptions = map[string]string{
	"proxyjump": "jump", "identityfile": "identity", "user": "user", "port": "port",
	"userknownhostsfile": "known_hosts", "connecttimeout": "connect_timeout",
}

func (inv *Inventory) readSSHOption(d *document, s *scope, name, option, val, at string) error {
	if key, mapped := sshOptions[strings.ToLower(option)]; mapped && val != "/dev/null" {
		var v any = val
		if key == "port" || key == "connect_timeout" {
			v = number(v)
		}
		read, err := settingKinds[key](v)
		if err != nil {
			return invalid("%s: %s: %s %v", at, name, option, err)
		}
		s.settings[key] = value{d.local(key, read), at}
		return nil
	}
	switch strings.ToLower(option) + "=" + strings.ToLower(val) {
	case "stricthostkeychecking=accept-new":
		s.settings["accept_new"] = value{true, at}
	case "stricthostkeychecking=no", "stricthostkeychecking=off", "userknownhostsfile=/dev/null":
		inv.tell(name+option, "%s: %s: %s=%s is not followed: bsdrun always checks host keys (accept-new learns unknown ones)", at, name, option, val)
	default:
		inv.tell(name+option, "%s: %s: %s has no counterpart here and changes nothing; put it into ssh_config", at, name, strings.TrimSpace(option+" "+val))
	}
	return nil
}

func ansibleTruth(v any) (on, ok bool) {
	switch strings.ToLower(fmt.Sprint(v)) {
	case "true", "yes", "on", "1", "y", "t":
		return true, true
	case "false", "no", "off", "0", "n", "f":
		return false, true
	}
	return false, false
}

func hasTemplate(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "{{") || strings.Contains(v, "{%")
	case []any:
		return slices.ContainsFunc(v, hasTemplate)
	case map[string]any:
		for _, inner := range v {
			if hasTemplate(inner) {
				return true
			}
		}
	}
	return false
}

// ansibleHosts reads a host as Ansible's files name it: a port behind it is a
// setting, not part of the name.
func ansibleHosts(text, at string) ([]Host, scope, error) {
	s := newScope()
	hosts, err := Parse(text)
	if err != nil {
		return nil, s, invalidAt(at, err)
	}
	for i, h := range hosts {
		if h.Kind != SSH || h.Port == 0 || h.User != "" || h.Jail != "" {
			continue
		}
		s.settings["port"] = value{h.Port, at}
		hosts[i] = Host{Name: h.Address, Kind: SSH, Address: h.Address}
	}
	return hosts, s, nil
}

func invalidAt(at string, err error) error {
	return (&document{name: at}).about(err)
}

// addAnsibleHosts puts hosts with their variables into a group.
func (inv *Inventory) addAnsibleHosts(group, text, at string, vars scope) error {
	hosts, s, err := ansibleHosts(text, at)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if group == "ungrouped" || group == allGroup {
			inv.host(h)
		} else {
			inv.join(group, inv.group(group, at), h)
		}
		e := inv.hosts[h.Name]
		e.own.add(s)
		e.own.add(vars)
	}
	return nil
}

func (inv *Inventory) addGroupVars(g *group, to scope, vars map[string]any, where func(string) string, file string) error {
	s, err := inv.readAnsibleVars(vars, where, file)
	if err != nil {
		return err
	}
	if v, ok := vars["ansible_group_priority"]; ok {
		n, ok := whole(number(v))
		if !ok {
			return invalid("%s: ansible_group_priority is a number, not %v", where("ansible_group_priority"), v)
		}
		g.priority = int(n)
	}
	to.add(s)
	return nil
}

// addAnsible reads an inventory of Ansible in YAML.
func (inv *Inventory) addAnsible(d *document) error {
	top, err := d.table(d.data)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(top) {
		if err := inv.addAnsibleGroup(d, name, top[name], []string{name}); err != nil {
			return err
		}
	}
	return nil
}

func (inv *Inventory) addAnsibleGroup(d *document, name string, data any, path []string) error {
	if err := d.groupName(name, path...); err != nil {
		return err
	}
	fields, err := d.table(data, path...)
	if err != nil {
		return err
	}
	if err := d.onlyFields(fields, path, "hosts", "vars", "children"); err != nil {
		return err
	}
	at := func(words ...string) []string { return append(path[:len(path):len(path)], words...) }
	g := inv.group(name, d.where(path...))
	vars, err := d.table(fields["vars"], at("vars")...)
	if err != nil {
		return err
	}
	if err := inv.addGroupVars(g, g.own, vars, func(v string) string { return d.where(at("vars", v)...) }, d.name); err != nil {
		return err
	}
	hosts, err := d.table(fields["hosts"], at("hosts")...)
	if err != nil {
		return err
	}
	for _, text := range sortedKeys(hosts) {
		vars, err := d.table(hosts[text], at("hosts", text)...)
		if err != nil {
			return err
		}
		s, err := inv.readAnsibleVars(vars, func(v string) string { return d.where(at("hosts", text, v)...) }, d.name)
		if err != nil {
			return err
		}
		if err := inv.addAnsibleHosts(name, text, d.where(at("hosts", text)...), s); err != nil {
			return err
		}
	}
	children, err := d.table(fields["children"], at("children")...)
	if err != nil {
		return err
	}
	for _, child := range sortedKeys(children) {
		inner := at("children", child)
		if name != allGroup { // everything is below all
			g.addChild(child, d.where(inner...))
		}
		if err := inv.addAnsibleGroup(d, child, children[child], inner); err != nil {
			return err
		}
	}
	return nil
}

// readVarFolders reads group_vars and host_vars beside an inventory.
func (inv *Inventory) readVarFolders(folder string) error {
	files, err := varFiles(filepath.Join(folder, "group_vars"))
	if err != nil {
		return err
	}
	for _, f := range files {
		g := inv.groups[f.name]
		if f.name == allGroup || f.name == "ungrouped" {
			g = inv.group(f.name, f.file)
		}
		if g == nil {
			inv.tell(f.file, "%s: the inventory has no group %s, so these variables are nobody's", f.file, f.name)
			continue
		}
		d, vars, err := readVars(f.file)
		if err != nil {
			return err
		}
		if err := inv.addGroupVars(g, g.folder, vars, func(v string) string { return d.where(v) }, f.file); err != nil {
			return err
		}
	}
	if files, err = varFiles(filepath.Join(folder, "host_vars")); err != nil {
		return err
	}
	for _, f := range files {
		e := inv.hosts[f.name]
		if e == nil {
			inv.tell(f.file, "%s: the inventory has no host %s, so these variables are nobody's", f.file, f.name)
			continue
		}
		d, vars, err := readVars(f.file)
		if err != nil {
			return err
		}
		s, err := inv.readAnsibleVars(vars, func(v string) string { return d.where(v) }, f.file)
		if err != nil {
			return err
		}
		e.folder.add(s)
	}
	return nil
}

func readVars(file string) (*document, map[string]any, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, nil, err
	}
	d, err := readYAML(file, text)
	if err != nil {
		return nil, nil, err
	}
	vars, err := d.table(d.data)
	return d, vars, err
}

// varFile is a file of variables and whose they are.
type varFile struct{ name, file string }

// varFiles are the files of a folder of variables: NAME, NAME.yml, or all of the
// folder NAME.
func varFiles(folder string) ([]varFile, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, nil
		}
		return nil, invalid("%s: it cannot be read", folder)
	}
	var files []varFile
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(folder, e.Name())
		switch info, err := os.Stat(path); {
		case err != nil:
			return nil, invalid("%s: it cannot be read", path)
		case info.IsDir():
			inner, err := varFiles(path)
			if err != nil {
				return nil, err
			}
			for _, f := range inner {
				files = append(files, varFile{name, f.file})
			}
		case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~"):
		default:
			if ending := filepath.Ext(name); slices.Contains([]string{".yml", ".yaml", ".json"}, ending) {
				name = strings.TrimSuffix(name, ending)
			}
			files = append(files, varFile{name, path})
		}
	}
	return files, nil
}

// iniSection is the section of an INI inventory that lines stand in.
type iniSection struct{ group, kind string }

// readINI reads an inventory of Ansible in INI form.
func (inv *Inventory) readINI(name, text string) error {
	if strings.HasPrefix(strings.TrimSpace(text), vaulted) {
		return vaultError(name, "the file")
	}
	section := iniSection{group: "ungrouped"}
	declared, used := map[string]bool{}, map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		column := len(line) - len(strings.TrimLeft(line, " \t")) + 1
		at := place{i + 1, column}.in(name)
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		var err error
		if line[0] == '[' && !strings.Contains(line, "=") && iniHeader(line) {
			if section, err = inv.iniSection(line, at); err == nil && section.kind != "vars" {
				declared[section.group] = true
			} else if err == nil && used[section.group] == "" {
				used[section.group] = at
			}
		} else {
			err = inv.iniLine(section, line, name, at)
		}
		if err != nil {
			return err
		}
	}
	for _, group := range sortedKeys(used) {
		if g := inv.groups[group]; !declared[group] && group != allGroup && group != "ungrouped" && len(g.hosts)+len(g.children) == 0 {
			if !inv.isChild(group) {
				return invalid("%s: there is no group %s to have variables: write [%s] above its hosts", used[group], group, group)
			}
		}
	}
	return nil
}

func (inv *Inventory) isChild(name string) bool {
	for _, g := range inv.groups {
		if slices.Contains(g.children, name) {
			return true
		}
	}
	return false
}

// iniHeader tells a section from a host whose name begins with a range.
func iniHeader(line string) bool {
	end := strings.IndexByte(line, ']')
	rest := strings.TrimSpace(line[end+1:])
	return end < 0 || rest == "" || rest[0] == '#' || rest[0] == ';'
}

func (inv *Inventory) iniSection(line, at string) (iniSection, error) {
	end := strings.IndexByte(line, ']')
	if end < 0 {
		return iniSection{}, invalid("%s: the section's ] is missing", at)
	}
	group, kind, _ := strings.Cut(line[1:end], ":")
	if !slices.Contains([]string{"", "vars", "children", "hosts"}, kind) {
		return iniSection{}, invalid("%s: a section is [GROUP], [GROUP:children] or [GROUP:vars], not :%s", at, kind)
	}
	if err := (&document{name: at}).groupName(group); err != nil {
		return iniSection{}, err
	}
	inv.group(group, at)
	return iniSection{group, kind}, nil
}

func (inv *Inventory) iniLine(section iniSection, line, file, at string) error {
	switch section.kind {
	case "children":
		child, _, _ := strings.Cut(line, "#")
		child = strings.TrimSpace(child)
		if err := (&document{name: at}).groupName(child); err != nil {
			return err
		}
		if g := inv.groups[section.group]; section.group != allGroup {
			g.addChild(child, at)
		}
		return nil
	case "vars":
		name, v, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return invalid("%s: a variable is NAME=VALUE", at)
		}
		g := inv.groups[section.group]
		return inv.addGroupVars(g, g.own, map[string]any{name: literal(v)}, func(string) string { return at }, file)
	}
	parts, err := words(line)
	if err != nil {
		return invalid("%s: %v", at, err)
	}
	if len(parts) == 0 {
		return nil
	}
	vars := map[string]any{}
	for _, part := range parts[1:] {
		name, v, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return invalid("%s: behind a host stand variables as NAME=VALUE, not %q", at, part)
		}
		vars[name] = literal(v)
	}
	s, err := inv.readAnsibleVars(vars, func(string) string { return at }, file)
	if err != nil {
		return err
	}
	return inv.addAnsibleHosts(section.group, parts[0], at, s)
}

// literal reads a value of an INI file, which is a literal of Python or text.
func literal(text string) any {
	text = strings.TrimSpace(text)
	p := &literals{rest: text}
	v, ok := p.value(0)
	if p.space(); !ok || (p.rest != "" && p.rest[0] != '#') {
		return text
	}
	return v
}

type literals struct{ rest string }

func (p *literals) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *literals) take(c byte) bool {
	if p.space(); p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *literals) value(depth int) (any, bool) {
	if p.space(); p.rest == "" || depth > maxDepth {
		return nil, false
	}
	switch c := p.rest[0]; c {
	case '\'', '"':
		return p.quoted(c)
	case '[':
		return p.list(depth)
	case '{':
		return p.dict(depth)
	}
	end := strings.IndexAny(p.rest, ",]}: \t#")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	switch word {
	case "True":
		return true, true
	case "False":
		return false, true
	case "None":
		return nil, true
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil && (word == "0" || !strings.HasPrefix(strings.TrimLeft(word, "+-"), "0")) {
		return n, true
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil && strings.Trim(word, "0123456789.eE+-") == "" && strings.ContainsAny(word, ".eE") {
		return f, true
	}
	return nil, false
}

func (p *literals) quoted(quote byte) (any, bool) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == quote:
			p.rest = p.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(p.rest):
			i++
			switch next := p.rest[i]; next {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case '\\', '\'', '"':
				b.WriteByte(next)
			default:
				b.WriteByte('\\')
				b.WriteByte(next)
			}
		default:
			b.WriteByte(c)
		}
	}
	return nil, false
}

func (p *literals) list(depth int) (any, bool) {
	p.take('[')
	list := []any{}
	for !p.take(']') {
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		list = append(list, v)
		if !p.take(',') && !strings.HasPrefix(strings.TrimLeft(p.rest, " \t"), "]") {
			return nil, false
		}
	}
	return list, true
}

func (p *literals) dict(depth int) (any, bool) {
	p.take('{')
	dict := map[string]any{}
	for !p.take('}') {
		key, ok := p.value(depth + 1)
		if !ok || !p.take(':') {
			return nil, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		dict[fmt.Sprint(key)] = v
		if !p.take(',') && !strings.HasPrefix(strings.TrimLeft(p.rest, " \t"), "}") {
			return nil, false
		}
	}
	return dict, true
}
