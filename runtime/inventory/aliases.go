package inventory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxIncludes is how deep files of ssh_config may include others.
const maxIncludes = 16

// readAliases makes the group ssh_config of the names that ssh_config has. How
// such a host is reached is read where the connection is made.
func (inv *Inventory) readAliases() error {
	name := inv.sshConfig
	if name == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return invalid("the home folder, where .ssh/config is, is not known: %v", err)
		}
		name = filepath.Join(home, ".ssh", "config")
	}
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return invalid("%s: it cannot be read", name)
	}
	g := inv.group(sshGroup, name)
	return inv.addAliases(g, name, string(text), 0)
}

func (inv *Inventory) addAliases(g *group, file, content string, depth int) error {
	if depth > maxIncludes {
		return invalid("%s: Include leads too deep", file)
	}
	for i, line := range strings.Split(content, "\n") {
		parts, err := words(strings.TrimRight(line, "\r"))
		if err != nil {
			return invalid("%s: %v", place{i + 1, 1}.in(file), err)
		}
		if len(parts) == 0 {
			continue
		}
		keyword, rest, joined := strings.Cut(parts[0], "=")
		args := parts[1:]
		if joined && rest != "" {
			args = append([]string{rest}, args...)
		} else if len(args) > 0 {
			if args[0] = strings.TrimPrefix(args[0], "="); args[0] == "" {
				args = args[1:]
			}
		}
		switch strings.ToLower(keyword) {
		case "host":
			inv.addAliasNames(g, args)
		case "include":
			if err := inv.includeAliases(g, args, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (inv *Inventory) addAliasNames(g *group, names []string) {
	for _, name := range names {
		h, err := parseSSH(name)
		if err != nil || strings.ContainsAny(name, "*?!") {
			continue // a pattern names no host
		}
		known := inv.hosts[name] != nil
		inv.join(sshGroup, g, h)
		if !known {
			inv.hosts[name].alias = true
		}
	}
}

func (inv *Inventory) includeAliases(g *group, patterns []string, depth int) error {
	for _, pattern := range patterns {
		home, _ := os.UserHomeDir()
		if rest, is := strings.CutPrefix(pattern, "~/"); is {
			pattern = filepath.Join(home, rest)
		} else if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(home, ".ssh", pattern)
		}
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return invalid("%s: it cannot be read", file)
			}
			if err := inv.addAliases(g, file, string(text), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
