package freebsdupdate

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/tests/onsim"
)

// standIn is as much of the tool as its callers see: state files and texts, for
// one upgrade of a few files. It refuses whatever the real one would ask for.
type standIn struct {
	old, fresh map[string]string // contents by path
	unpatched  map[string]string // that the old release had before its patches
	noTexts    bool              // the server has none
	cutOff     bool              // the upgrade ends when it has turned to the new release
	ancient    bool              // as in 9.x: no options for want of a terminal
	calls      []string
}

const (
	oldRelease = "14.3-RELEASE"
	newRelease = "15.0-RELEASE"
	hostHash   = "f465c3739385890c221dff1a05e578c6cae0d0430e46996d319db7439f884336" // of "/\n"
)

func (s *standIn) host(t *testing.T) (effect.Doer, *sim.Machine) {
	t.Helper()
	tools := append(base.Tools(),
		&sim.Tool{Name: "freebsd-update", Paths: []string{tool}, Run: s.run},
		&sim.Tool{Name: "phttpget", Paths: []string{"/usr/libexec/phttpget"}, Run: s.download})
	h, m := onsim.New(t, "", tools)
	for name, content := range s.old {
		put(t, m, name, content)
	}
	return h, m
}

func put(t *testing.T, m *sim.Machine, name, content string) {
	t.Helper()
	view := m.View(rootCred, "/")
	if err := view.MkdirAll(path.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := view.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, m *sim.Machine, name string) string {
	t.Helper()
	data, err := m.View(rootCred, "/").ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func packed(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

// index is a release's INDEX-ALL.
func index(files map[string]string) string {
	var b strings.Builder
	for _, name := range sortedKeys(files) {
		fmt.Fprintf(&b, "world|base|%s|f|0|0|0644|0|%s|\n", name, hashOf(files[name]))
	}
	return b.String()
}

var kernelLine = "kernel|generic|/boot/GENERIC/kernel|f|0|0|0555|0|" + hashOfKernel + "|\n"

var hashOfKernel = strings.Repeat("e", 64)

// keep puts a release's indexes where the tool keeps them, in place of others.
func keep(p *sim.Proc, release string, files, unpatched map[string]string) {
	fs := p.FS()
	_ = fs.RemoveAll(defaultWork + "/files")
	_ = fs.MkdirAll(defaultWork+"/files", 0o700)
	present := ""
	for name, text := range map[string]string{"INDEX-ALL": kernelLine + index(files), "INDEX-OLD": index(unpatched)} {
		_ = fs.WriteFile(defaultWork+"/files/"+hashOf(text)+".gz", packed(text), 0o600)
		present += name + "|" + hashOf(text) + "\n"
	}
	_ = fs.WriteFile(defaultWork+"/tINDEX.present", []byte(present), 0o600)
	_ = fs.WriteFile(defaultWork+"/serverlist_tried", []byte("1 50 update2.example.org\n"), 0o600)
	_ = fs.WriteFile(defaultWork+"/tag", []byte("freebsd-update|amd64|"+release+"|1|"+hashA+"|1900000000\n"), 0o600)
}

func (s *standIn) run(p *sim.Proc) int {
	if len(p.Args) == 1 && s.ancient {
		p.Printf("usage: freebsd-update [options] command ... [path]\n")
		return 0
	}
	if len(p.Args) == 1 {
		p.Printf("usage: freebsd-update [options] command ...\n  -F           --\n  -j jail      --\n  --not-running-from-cron\n  --currently-running release\n")
		return 0
	}
	call := strings.Join(p.Args[1:], " ")
	if running := p.Getenv("UNAME_r"); running != "" {
		call = "UNAME_r=" + running + " " + call
	}
	s.calls = append(s.calls, call)
	if s.ancient && p.TTY != (p.Args[len(p.Args)-1] == "fetch") || !s.ancient && p.TTY || p.Getenv("PAGER") != "cat" {
		p.Errorf("this would page its lists\n")
		return 1
	}
	conf, _ := p.FS().ReadFile(confPath)
	if i := slices.Index(p.Args, "-f"); i > 0 {
		conf, _ = p.FS().ReadFile(p.Args[i+1])
	}
	switch p.Args[len(p.Args)-1] {
	case "IDS":
		keep(p, oldRelease, s.old, s.unpatched)
		p.Printf("Inspecting system... done.\n/etc/x has SHA256 hash %s, but should have SHA256 hash %s.\n", hashA, hashB)
		return 0
	case "upgrade":
		return s.upgrade(p, string(conf))
	case "install":
		return s.install(p)
	case "fetch":
		keep(p, oldRelease, s.old, s.unpatched)
		p.Printf("\nNo updates needed to update system to %s-p1.\n\nWARNING: FreeBSD %s HAS PASSED ITS END-OF-LIFE DATE.\n", oldRelease, oldRelease)
		return 1
	case "rollback":
		_ = p.FS().Remove(defaultWork + "/" + hostHash + "-rollback")
		p.Printf("Uninstalling updates... done.\n")
		return 0
	}
	p.Printf("usage: freebsd-update [options] command ...\n")
	return 0
}

func (s *standIn) upgrade(p *sim.Proc, conf string) int {
	if strings.Contains(conf, "MergeChanges") || !strings.Contains(conf, "\nStrictComponents yes\n") ||
		!strings.Contains(conf, "\nComponents kernel/generic world/base\n") || !strings.Contains(conf, " /boot/device.hints") {
		p.Printf("Does this look reasonable (y/n)? %s", conf)
		return 1
	}
	keep(p, newRelease, s.fresh, nil)
	if s.cutOff {
		p.Printf("No mirrors remaining, giving up.\n")
		return 1
	}
	dir := defaultWork + "/install.aaaaaa"
	_ = p.FS().MkdirAll(dir, 0o700)
	line := "/boot/kernel/kernel|f|0|0|0555|0|" + hashA + "|\n"
	for _, name := range []string{"INDEX-OLD", "INDEX-NEW"} {
		_ = p.FS().WriteFile(dir+"/"+name, []byte(line), 0o600)
	}
	_ = p.FS().WriteFile(dir+"/kernelfirst", nil, 0o600)
	_ = p.FS().Symlink("install.aaaaaa", defaultWork+"/"+hostHash+"-install")
	p.Printf("The following files are affected by updates. No changes have\nbeen downloaded, however, because the files have been modified\nlocally:\n/etc/hosts\n" +
		"The following files will be updated as part of updating to\n15.0-RELEASE-p1:\n/boot/kernel/kernel\n")
	return 0
}

// install takes the next step of the three.
func (s *standIn) install(p *sim.Proc) int {
	link := defaultWork + "/" + hostHash + "-install"
	p.Printf("src component not installed, skipped\nInstalling updates...")
	for _, flag := range []string{"kerneldone", "worlddone"} {
		if _, err := p.FS().Stat(link + "/" + flag); err != nil {
			_ = p.FS().WriteFile(link+"/"+flag, nil, 0o600)
			p.Printf("\nSomething else must be done, and then install again.\n")
			return 0
		}
	}
	_ = p.FS().Rename(link, defaultWork+"/"+hostHash+"-rollback")
	p.Printf(" done.\n")
	return 0
}

// download is phttpget, which fetches files of a server into the directory where
// it is, and says how it went, but not by its exit code.
func (s *standIn) download(p *sim.Proc) int {
	wanted := p.Args[len(p.Args)-1]
	for _, files := range []struct {
		release string
		texts   map[string]string
	}{{oldRelease, s.old}, {oldRelease, s.unpatched}, {newRelease, s.fresh}} {
		for _, text := range files.texts {
			if !s.noTexts && p.Args[1] == "update2.example.org" && wanted == files.release+"/amd64/f/"+hashOf(text)+".gz" {
				_ = p.FS().WriteFile(path.Base(wanted), packed(text), 0o600)
				p.Errorf("http://%s/%s: 200 OK\n", p.Args[1], wanted)
				return 0
			}
		}
	}
	p.Errorf("http://%s/%s: 404 Not Found\n", p.Args[1], wanted)
	return 0
}
