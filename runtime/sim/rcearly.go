package sim

import (
	"context"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// earlyScripts are the scripts in /etc/rc.d that no release brought and that are to
// run before the network is configured, in rcorder(8)'s order of those without
// another one: by name. The others of /etc/rc.d are not modelled.
func (m *Machine) earlyScripts() (files []string) {
	view := m.View(vfs.Root, "/")
	entries, _ := view.ReadDir("/etc/rc.d")
	for _, e := range entries {
		file := path.Join("/etc/rc.d", e.Name)
		text, _ := view.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			words, ok := strings.CutPrefix(line, "# BEFORE:")
			if ok && slices.Contains(strings.Fields(words), "netif") && !m.ofRelease(file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// ofRelease tells whether a file came with the release that runs.
func (m *Machine) ofRelease(file string) bool {
	release, err := m.Distribution(m.UserlandRelease(""))
	if err != nil {
		return false
	}
	_, err = release.Stat(file)
	return err == nil
}

// runEarlyScripts runs them as rc(8) does. The caller has the processor, and gets it
// back.
func (m *Machine) runEarlyScripts() {
	for _, file := range m.earlyScripts() {
		m.clock.give()
		m.Exec(context.Background(), "root", "sh "+file+" faststart")
		m.clock.turn()
	}
}
