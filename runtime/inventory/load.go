package inventory

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/spelling"
)

// Load reads inventories: files, and folders of them. The ending decides what a
// file is: .toml and .lua are our own form, .yml, .yaml and .json Ansible's in
// YAML, everything else Ansible's INI. Beside the latter two, the folders
// group_vars and host_vars are read.
func Load(names []string, o Options) (*Inventory, error) {
	inv := newInventory(o)
	var folders []string
	for _, name := range names {
		files, err := inventoryFiles(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := readFile(file)
			if err != nil {
				return nil, err
			}
			if err := inv.read(file, text, o); err != nil {
				return nil, err
			}
			if folder := filepath.Dir(file); ansibles(file) && !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	for _, folder := range folders {
		if err := inv.readVarFolders(folder); err != nil {
			return nil, err
		}
	}
	return inv, inv.finish()
}

// Read reads one inventory alone; its name's ending says what it is.
func Read(name string, text []byte, o Options) (*Inventory, error) {
	inv := newInventory(o)
	if err := inv.read(name, text, o); err != nil {
		return nil, err
	}
	return inv, inv.finish()
}

func ansibles(name string) bool {
	ending := filepath.Ext(name)
	return ending != ".toml" && ending != ".lua"
}

func (inv *Inventory) read(name string, text []byte, o Options) error {
	if bytes.HasPrefix(text, []byte("#!")) {
		return effect.WithHint(invalid("%s:1:1: this is a program, and bsdrun runs no inventory programs", name),
			"save what it prints, as YAML or in bsdrun's own form, or write the inventory as a Lua file")
	}
	switch filepath.Ext(name) {
	case ".toml":
		d, err := readTOML(name, text)
		if err != nil {
			return err
		}
		return inv.addOwn(d)
	case ".lua":
		if o.Lua == nil {
			return invalid("%s: Lua inventories are not read here", name)
		}
		data, err := o.Lua(name, text)
		if err != nil {
			return err
		}
		return inv.addOwn(&document{name: name, data: data})
	case ".yml", ".yaml", ".json":
		d, err := readYAML(name, text)
		if err != nil {
			return err
		}
		return inv.addAnsible(d)
	default:
		return inv.readINI(name, string(text))
	}
}

// passedOver are the endings that Ansible passes over in a folder.
var passedOver = []string{".orig", ".bak", ".retry", ".pyc", ".pyo", ".md", ".rst", ".txt", ".swp", ".cfg"}

// inventoryFiles are the files that a name stands for.
func inventoryFiles(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	if err != nil { // no folder; reading the file tells what else is wrong
		return []string{name}, nil //nolint:nilerr // told when it is read
	}
	var files []string
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") || slices.Contains(passedOver, filepath.Ext(e.Name())) {
			continue
		}
		files = append(files, filepath.Join(name, e.Name()))
	}
	if len(files) == 0 {
		return nil, invalid("%s: there is no inventory in this folder", name)
	}
	return files, nil
}

func readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, invalid("%s: %v", name, effect.FileTrouble(err))
	}
	return text, nil
}

// groupFields are the fields of a group in our own form.
var groupFields = []string{"hosts", "children", "vars"}

// addOwn reads an inventory of our own form:
//
//	[groups.web]
//	hosts = ["web[01:03].example.org", "sim:builder"]
//	become = "doas"
//	vars = { region = "eu" }
//
//	[groups.everything]
//	children = ["web"]
//
//	[hosts."web01.example.org"]
//	user = "root"
//	vars = { region = "us" }
func (inv *Inventory) addOwn(d *document) error {
	top, err := d.table(d.data)
	if err != nil {
		return err
	}
	if err := d.onlyFields(top, nil, "groups", "hosts"); err != nil {
		return err
	}
	groups, err := d.table(top["groups"], "groups")
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(groups) {
		if err := inv.addOwnGroup(d, name, groups[name]); err != nil {
			return err
		}
	}
	hosts, err := d.table(top["hosts"], "hosts")
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(hosts) {
		if err := inv.addOwnHost(d, key, hosts[key]); err != nil {
			return err
		}
	}
	return nil
}

func (inv *Inventory) addOwnGroup(d *document, name string, data any) error {
	path := []string{"groups", name}
	if err := d.groupName(name, path...); err != nil {
		return err
	}
	fields, err := d.table(data, path...)
	if err != nil {
		return err
	}
	if err := d.onlyFields(fields, path, append(sortedKeys(settingKinds), groupFields...)...); err != nil {
		return err
	}
	g := inv.group(name, d.where(path...))
	hosts, err := d.texts(fields["hosts"], append(path, "hosts")...)
	if err != nil {
		return err
	}
	for i, text := range hosts {
		found, err := Parse(text)
		if err != nil {
			return d.about(err, append(path, "hosts", decimal(i))...)
		}
		for _, h := range found {
			inv.join(name, g, h)
		}
	}
	children, err := d.texts(fields["children"], append(path, "children")...)
	if err != nil {
		return err
	}
	for i, child := range children {
		g.addChild(child, d.where(append(path, "children", decimal(i))...))
	}
	s, err := d.readScope(fields, path)
	g.own.add(s)
	return err
}

func (inv *Inventory) addOwnHost(d *document, key string, data any) error {
	path := []string{"hosts", key}
	hosts, err := Parse(key)
	if err != nil {
		return d.about(err, path...)
	}
	fields, err := d.table(data, path...)
	if err != nil {
		return err
	}
	if err := d.onlyFields(fields, path, append(sortedKeys(settingKinds), "vars")...); err != nil {
		return err
	}
	s, err := d.readScope(fields, path)
	inv.entries = append(inv.entries, about{key, hosts, s})
	for _, h := range hosts {
		inv.host(h)
	}
	return err
}

// readScope reads the settings and variables of a group or a host.
func (d *document) readScope(fields map[string]any, path []string) (scope, error) {
	s := newScope()
	settings, err := d.readSettings(fields, path)
	if err != nil {
		return s, err
	}
	s.settings = settings
	inner := append(path[:len(path):len(path)], "vars")
	vars, err := d.table(fields["vars"], inner...)
	for name, v := range vars {
		s.vars[name] = value{v, d.where(append(inner[:len(inner):len(inner)], name)...)}
	}
	return s, err
}

// about adds where a complaint is about.
func (d *document) about(err error, path ...string) error {
	told := *effect.AsError(err)
	told.Message = d.where(path...) + ": " + told.Message
	return &told
}

// table is a value that should be one; nothing is an empty one.
func (d *document) table(v any, path ...string) (map[string]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil //nolint:nilnil // an empty table
	case map[string]any:
		return v, nil
	case []any:
		if len(v) == 0 { // Lua does not tell them apart
			return nil, nil //nolint:nilnil // an empty table
		}
	}
	return nil, invalid("%s: %s is a table, not %s", d.where(path...), d.called(path), typeName(v))
}

func (d *document) called(path []string) string {
	if len(path) == 0 {
		return "an inventory"
	}
	return strings.Join(path, ".")
}

// texts is a value that should be a list of text.
func (d *document) texts(v any, path ...string) ([]string, error) {
	if empty, ok := v.(map[string]any); v == nil || (ok && len(empty) == 0) {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, invalid("%s: %s is a list, not %s", d.where(path...), d.called(path), typeName(v))
	}
	var out []string
	for i, element := range list {
		s, ok := element.(string)
		if !ok {
			return nil, invalid("%s: %s has %s where text belongs", d.where(append(path, decimal(i))...), d.called(path), typeName(element))
		}
		out = append(out, s)
	}
	return out, nil
}

// onlyFields refuses fields that there are not.
func (d *document) onlyFields(fields map[string]any, path []string, known ...string) error {
	for _, key := range sortedKeys(fields) {
		if !slices.Contains(known, key) {
			slices.Sort(known)
			return effect.WithHint(invalid("%s: there is no field %s%s", d.where(append(path[:len(path):len(path)], key)...), d.called(append(path[:len(path):len(path)], key)), spelling.Guess(key, known)),
				"here may stand: %s", strings.Join(known, ", "))
		}
	}
	return nil
}

// groupName refuses names that no selector could name.
func (d *document) groupName(name string, path ...string) error {
	if name == "" || name == "local" || strings.ContainsAny(name, " \t,:!&~*?[]@/'\"") || strings.HasPrefix(name, "-") {
		return invalid("%s: %q cannot be the name of a group: it means something else on the command line", d.where(path...), name)
	}
	return nil
}
