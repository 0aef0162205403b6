package inventory

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is what a file says, and where.
type value struct {
	v  any
	at string
}

// scope is what one place says of a group or a host.
type scope struct {
	settings map[string]value
	vars     map[string]value
}

func newScope() scope { return scope{map[string]value{}, map[string]value{}} }

func (s scope) add(more scope) {
	maps.Copy(s.settings, more.settings)
	maps.Copy(s.vars, more.vars)
}

// settingKinds are the settings of groups and hosts, and how they are written.
var settingKinds = map[string]func(v any) (any, error){
	"address":         text,
	"user":            text,
	"port":            port,
	"jump":            text,
	"identity":        text,
	"known_hosts":     text,
	"secrets":         text,
	"become":          become,
	"become_user":     text,
	"legacy":          truth,
	"accept_new":      truth,
	"connect_timeout": duration,
	"state_dir":       folder,
}

// becomeMethods are the ways to become another user; auto finds one, none takes
// back what a more general place says.
var becomeMethods = []string{"auto", "doas", "sudo", "su", "mdo", "none"}

func text(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("is text, not %s", typeName(v))
	}
	return s, nil
}

func folder(v any) (any, error) {
	s, ok := v.(string)
	if !ok || !path.IsAbs(s) {
		return nil, fmt.Errorf("is an absolute path on the host, not %v", v)
	}
	return path.Clean(s), nil
}

func port(v any) (any, error) {
	n, ok := whole(v)
	if !ok || n < 1 || n > 65535 {
		return nil, fmt.Errorf("is a port from 1 to 65535, not %v", v)
	}
	return int(n), nil
}

func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64: // all numbers of Lua are
		return int64(v), v == float64(int64(v))
	}
	return 0, false
}

func become(v any) (any, error) {
	if s, ok := v.(string); ok && slices.Contains(becomeMethods, s) {
		return s, nil
	}
	return nil, fmt.Errorf("is one of %s, not %v", strings.Join(becomeMethods, ", "), v)
}

func truth(v any) (any, error) {
	b, ok := v.(bool)
	if !ok {
		return nil, fmt.Errorf("is true or false, not %v", v)
	}
	return b, nil
}

func duration(v any) (any, error) {
	if n, ok := whole(v); ok && n > 0 && n <= 86400 {
		return time.Duration(n) * time.Second, nil
	}
	if s, ok := v.(string); ok {
		if d, err := time.ParseDuration(s); err == nil && d > 0 {
			return d, nil
		}
	}
	return nil, fmt.Errorf("is a time such as 10 (seconds) or \"1m30s\", not %v", v)
}

// readSettings reads the settings among the fields of a group or a host. Files
// are named from the inventory's folder.
func (d *document) readSettings(fields map[string]any, path []string) (map[string]value, error) {
	settings := map[string]value{}
	for _, key := range sortedKeys(fields) {
		read, ok := settingKinds[key]
		if !ok {
			continue
		}
		where := d.where(append(path[:len(path):len(path)], key)...)
		v, err := read(fields[key])
		if err != nil {
			return nil, invalid("%s: %s %v", where, key, err)
		}
		settings[key] = value{d.local(key, v), where}
	}
	return settings, nil
}

// local makes the path of a file begin at the inventory's folder.
func (d *document) local(key string, v any) any {
	name, ok := v.(string)
	if !ok || name == "" || (key != "identity" && key != "known_hosts" && key != "secrets") {
		return v
	}
	if rest, home := strings.CutPrefix(name, "~/"); home {
		if dir, err := os.UserHomeDir(); err == nil {
			return filepath.Join(dir, rest)
		}
		return v
	}
	if filepath.IsAbs(name) || name == "none" {
		return v
	}
	if abs, err := filepath.Abs(filepath.Join(filepath.Dir(d.name), name)); err == nil {
		return abs
	}
	return v
}

// apply lays settings over those of a host.
func (h *Host) apply(settings map[string]value) {
	set := func(key string, to *string) {
		if v, ok := settings[key].v.(string); ok {
			*to = v
		}
	}
	set("address", &h.Address)
	set("user", &h.User)
	set("jump", &h.Jump)
	set("identity", &h.Identity)
	set("known_hosts", &h.KnownHosts)
	set("secrets", &h.Secrets)
	set("become", &h.Become)
	set("become_user", &h.BecomeUser)
	set("state_dir", &h.StateDir)
	if method, ok := settings["become_method"].v.(string); ok && h.Become == "auto" {
		h.Become = method
	}
	if h.Become == "none" {
		h.Become = ""
	}
	if v, ok := settings["port"].v.(int); ok {
		h.Port = v
	}
	if v, ok := settings["legacy"].v.(bool); ok {
		h.Legacy = v
	}
	if v, ok := settings["accept_new"].v.(bool); ok {
		h.AcceptNew = v
	}
	if v, ok := settings["connect_timeout"].v.(time.Duration); ok {
		h.ConnectTimeout = v
	}
	if settings["connection"].v == string(Local) {
		h.Kind, h.Address = Local, ""
	}
}

// shown is a setting's value as bsdrun hosts shows it.
func shown(v any) any {
	if d, ok := v.(time.Duration); ok {
		return d.String()
	}
	return v
}

// words splits a line as a shell would, without expanding anything.
func words(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	began, quote := false, rune(0)
	letters := []rune(line)
	for i := 0; i < len(letters); i++ {
		c := letters[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(letters):
			i++
			if quote == '"' && letters[i] != '"' && letters[i] != '\\' {
				word.WriteRune(c)
			}
			word.WriteRune(letters[i])
			began = true
		case quote != 0:
			word.WriteRune(c)
		case c == '"' || c == '\'':
			quote, began = c, true
		case c == ' ' || c == '\t':
			if began {
				out = append(out, word.String())
				word.Reset()
			}
			began = false
		case c == '#' && !began:
			return out, nil
		default:
			word.WriteRune(c)
			began = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quotation mark %c is not closed", quote)
	}
	if began {
		out = append(out, word.String())
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// number reads a whole number that was written as text or as one.
func number(v any) any {
	if s, ok := v.(string); ok {
		if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
			return n
		}
	}
	return v
}
