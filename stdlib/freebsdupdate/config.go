package freebsdupdate

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
)

// ConfigArgs name a configuration file.
type ConfigArgs struct {
	File string `lua:"file" doc:"the file" default:"/etc/freebsd-update.conf"`
}

// Config is what freebsd-update.conf says.
type Config struct {
	Key                  string   `lua:"key" doc:"SHA-256 of the key that signs updates"`
	Server               string   `lua:"server" doc:"server or pool of servers"`
	Components           []string `lua:"components" doc:"parts of the system that are kept up to date"`
	StrictComponents     bool     `lua:"strict_components" doc:"those exactly, installed or not"`
	IgnorePaths          []string `lua:"ignore_paths" doc:"beginnings of paths that are never updated"`
	IDSIgnorePaths       []string `lua:"ids_ignore_paths" doc:"beginnings of paths that ids passes over"`
	UpdateIfUnmodified   []string `lua:"update_if_unmodified" doc:"beginnings of paths below which local changes are kept"`
	MergeChanges         []string `lua:"merge_changes" doc:"beginnings of paths below which an upgrade merges local changes"`
	AllowAdd             bool     `lua:"allow_add" doc:"new files may be added"`
	AllowDelete          bool     `lua:"allow_delete" doc:"files may be removed"`
	KeepModifiedMetadata bool     `lua:"keep_modified_metadata" doc:"owners and modes that were changed locally stay"`
	BackupKernel         bool     `lua:"backup_kernel" doc:"the former kernel is kept"`
	BackupKernelDir      string   `lua:"backup_kernel_dir" doc:"where"`
	CreateBootEnv        bool     `lua:"create_boot_env" doc:"install makes a boot environment first, where the tool knows how (14 and later)"`
	Basedir              string   `lua:"basedir" doc:"root of the system"`
	Workdir              string   `lua:"workdir" doc:"where the tool keeps its state"`
	MailTo               string   `lua:"mail_to" doc:"who hears of cron"`

	lines []string // as they stand in the file
}

// ReadConfig reads freebsd-update.conf.
func ReadConfig(ctx context.Context, h effect.Doer, a ConfigArgs) (Config, error) {
	const op = "freebsd_update.config"
	if err := (Place{Config: a.File}).check(op); err != nil {
		return Config{}, err
	}
	return readConfig(ctx, h, op, a.File)
}

func readConfig(ctx context.Context, h effect.Doer, op, name string) (Config, error) {
	named := name != "" && name != confPath
	if name == "" {
		name = confPath
	}
	data, there, err := file.Content(ctx, h, op, name)
	if err != nil {
		return Config{}, err
	}
	if !there && named {
		return Config{}, effect.Errorf(effect.Missing, op, "there is no file %s", name)
	}
	conf, err := parseConfig(string(data))
	if err != nil {
		return Config{}, effect.Errorf(effect.Failed, op, "%s: %s", name, err)
	}
	return conf, nil
}

// parseConfig reads a configuration file as the tool does: a word, its values,
// and nothing from # on. Lists add up; all else stands once.
func parseConfig(text string) (Config, error) {
	c := Config{
		AllowAdd: true, AllowDelete: true, KeepModifiedMetadata: true, BackupKernel: true, CreateBootEnv: true,
		BackupKernelDir: "/boot/kernel.old", Basedir: "/", Workdir: defaultWork, MailTo: "root",
	}
	lists := map[string]*[]string{
		"Components": &c.Components, "IgnorePaths": &c.IgnorePaths, "IDSIgnorePaths": &c.IDSIgnorePaths,
		"UpdateIfUnmodified": &c.UpdateIfUnmodified, "MergeChanges": &c.MergeChanges,
	}
	texts := map[string]*string{
		"KeyPrint": &c.Key, "ServerName": &c.Server, "BackupKernelDir": &c.BackupKernelDir,
		"BaseDir": &c.Basedir, "WorkDir": &c.Workdir, "MailTo": &c.MailTo, "TargetRelease": new(string), "VerboseLevel": new(string),
	}
	switches := map[string]*bool{
		"AllowAdd": &c.AllowAdd, "AllowDelete": &c.AllowDelete, "KeepModifiedMetadata": &c.KeepModifiedMetadata,
		"StrictComponents": &c.StrictComponents, "BackupKernel": &c.BackupKernel, "CreateBootEnv": &c.CreateBootEnv,
		"BackupKernelSymbolFiles": new(bool),
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		c.lines = append(c.lines, line)
		before, _, _ := strings.Cut(line, "#")
		words := strings.Fields(before)
		if len(words) == 0 {
			continue
		}
		if list := lists[words[0]]; list != nil {
			*list = append(*list, words[1:]...)
			continue
		}
		value := ""
		if len(words) > 1 {
			value = words[1]
		}
		if text := texts[words[0]]; text != nil {
			*text = value
		} else if on := switches[words[0]]; on != nil {
			*on = strings.EqualFold(value, "yes")
		} else {
			return Config{}, fmt.Errorf("line %d: freebsd-update knows no %q", n, words[0])
		}
	}
	c.Basedir, c.Workdir = path.Clean(c.Basedir), path.Clean(c.Workdir)
	return c, nil
}

// mergePaths are the beginnings of the paths that are merged: the file's, and
// those that any release has by default.
func (c Config) mergePaths() []string {
	paths := []string{"/etc/", "/var/named/etc/", "/boot/device.hints"}
	for _, p := range c.MergeChanges {
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths
}

// private is a configuration for one command of ours: the host's, with the
// values of changes in place of its own. A word without values is left out.
func (c Config) private(changes map[string][]string) string {
	var b strings.Builder
	b.WriteString("# Made by bsdrun from the host's freebsd-update.conf, for its own commands.\n")
	for _, line := range c.lines {
		before, _, _ := strings.Cut(line, "#")
		words := strings.Fields(before)
		if len(words) == 0 {
			continue
		}
		if _, ours := changes[words[0]]; !ours {
			b.WriteString(strings.Join(words, " ") + "\n")
		}
	}
	for _, word := range sortedKeys(changes) {
		if values := changes[word]; len(values) > 0 {
			b.WriteString(word + " " + strings.Join(values, " ") + "\n")
		}
	}
	return b.String()
}

// settings are what a Source says in words of the configuration file.
func (s Source) settings() map[string][]string {
	changes := map[string][]string{}
	if s.Server != "" {
		changes["ServerName"] = []string{s.Server}
	}
	if s.Key != "" {
		changes["KeyPrint"] = []string{s.Key}
	}
	if len(s.Components) > 0 {
		changes["Components"] = s.Components
	}
	return changes
}
