package portshakersim

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/git/gitsim"
)

// machine is a host with portshaker, as the transcripts were made on.
func machine(t *testing.T) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(base.Tools(), gitsim.Tool(), Tool(), Rsync())})
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"git", "portshaker", "rsync"} {
		if err := m.InstallPackage(pkg); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func put(t *testing.T, m *sim.Machine, name, text string, mode uint32) {
	t.Helper()
	view := m.View(vfs.Root, "/")
	dir := name[:strings.LastIndexByte(name, '/')]
	if err := view.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := view.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := view.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, m *sim.Machine, script string) {
	t.Helper()
	if out, errs, code := m.Exec(context.Background(), "root", script); code != 0 {
		t.Fatalf("%s: exit %d\n%s%s", script, code, out, errs)
	}
}

const who = "export GIT_AUTHOR_NAME=Jo GIT_AUTHOR_EMAIL=jo@example.org GIT_COMMITTER_NAME=Jo GIT_COMMITTER_EMAIL=jo@example.org\n"

// repository makes a bare repository of files below /srv/git.
func repository(t *testing.T, m *sim.Machine, name, subject string, files map[string]string) {
	t.Helper()
	for file, text := range files {
		put(t, m, "/srv/work/"+name+"/"+file, text, 0o644)
	}
	do(t, m, who+"cd /srv/work/"+name+" && { test -d .git || git init -q -b main; } && git add -A && git commit -qm '"+subject+"' && "+
		"if test -d /srv/git/"+name+".git; then git push -q /srv/git/"+name+".git main; else mkdir -p /srv/git && git clone -q --bare . /srv/git/"+name+".git; fi")
}

func makefile(name, version string) string {
	return "PORTNAME=\t" + name + "\nPORTVERSION=\t" + version + "\nCATEGORIES=\tcategory\n\n.include <bsd.port.mk>\n"
}

func category(name string, ports ...string) string {
	text := "    COMMENT = " + name + "\n\n"
	for _, p := range ports {
		text += "    SUBDIR += " + p + "\n"
	}
	return text + "\n.include <bsd.port.subdir.mk>\n"
}

const conf = `mirror_base_dir="/var/cache/portshaker"
ports_trees="default"
use_zfs="no"
poudriere_ports_mountpoint="/usr/local/poudriere/ports"
default_poudriere_tree="default"
default_merge_from="freebsd myrepo"
`

func script(name, vars string) string {
	return "#!/bin/sh\n. /usr/local/share/portshaker/portshaker.subr\nif [ \"$1\" != '--' ]; then\n\terr 1 \"Extra arguments\"\nfi\nshift\n" + vars + "\nrun_portshaker_command $*\n"
}

const gitSource = "method=\"git\"\ngit_clone_uri=\"file:///srv/git/%s.git\"\ngit_branch=\"main\""

// rig is the set-up of the transcripts: a small ports tree and one source of own
// ports.
func rig(t *testing.T) *sim.Machine {
	t.Helper()
	m := machine(t)
	repository(t, m, "freebsd", "begin", map[string]string{"MOVED": "# none yet\n"})
	repository(t, m, "freebsd", "ports tree", map[string]string{
		"MOVED": "#\n", "UIDs": "# UIDs\nwww:*:80:80::0:0:W:/nonexistent:/usr/sbin/nologin\n", "UPDATING": "Updating\n\n20260101:\n  AFFECTS: all\n",
		"Mk/bsd.port.mk": "# mk\n", "category/Makefile": category("category", "other"), "category/other/Makefile": makefile("other", "1.0"), "category/other/pkg-descr": "A port\n",
		"misc/Makefile": category("misc", "compat8x"), "misc/compat8x/Makefile": makefile("compat8x", "8.4"),
		"ports-mgmt/Makefile": category("ports-mgmt", "pkg"), "ports-mgmt/pkg/Makefile": makefile("pkg", "2.4.2"),
	})
	repository(t, m, "myrepo", "myport", map[string]string{"category/myport/Makefile": makefile("myport", "0.1")})
	put(t, m, "/usr/local/etc/portshaker.conf", conf, 0o644)
	put(t, m, "/usr/local/etc/portshaker.d/freebsd", script("freebsd", fmt.Sprintf(gitSource, "freebsd")), 0o755)
	put(t, m, "/usr/local/etc/portshaker.d/myrepo", script("myrepo", fmt.Sprintf(gitSource, "myrepo")), 0o755)
	return m
}

// transcript is one command of a recorded file.
type transcript struct{ command, stdin, stdout, stderr, exit string }

func read(t *testing.T, name string) []transcript {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []transcript
	section := ""
	for _, line := range strings.SplitAfter(string(data), "\n") {
		switch {
		case strings.HasPrefix(line, "$ "):
			out = append(out, transcript{command: strings.TrimSpace(line[2:])})
			section = ""
			continue
		case strings.HasPrefix(line, "--- exit "):
			out[len(out)-1].exit = strings.TrimSpace(line[len("--- exit "):])
			section = ""
			continue
		case line == "--- stdin\n", line == "--- stdout\n", strings.HasSuffix(line, "--- stderr\n"):
			if rest := strings.TrimSuffix(line, "--- stderr\n"); rest != line && rest != "" {
				out[len(out)-1].stdout += rest // a prompt without a newline
			}
			section = strings.TrimSpace(line[strings.LastIndex(line, "---")+3:])
			continue
		}
		if len(out) == 0 {
			continue
		}
		one := &out[len(out)-1]
		switch section {
		case "stdin":
			one.stdin += line
		case "stdout":
			one.stdout += line
		case "stderr":
			one.stderr += line
		}
	}
	return out
}

var (
	clockTime = regexp.MustCompile(`\d\d:\d\d:\d\d(\.\d+)?`)
	hash      = regexp.MustCompile(`\b[0-9a-f]{7}\b`)
	dashLine  = regexp.MustCompile(`(?m)^/usr/local/(bin/portshaker|etc/portshaker.d/\w+): \d+: `)
	date      = regexp.MustCompile(`\d{4}-\d\d-\d\d`)
)

// plain removes what differs between two runs, and the line numbers that dash puts
// before its errors.
func plain(s string) string {
	s = clockTime.ReplaceAllString(s, "HH:MM:SS")
	s = hash.ReplaceAllString(s, "HASH")
	s = date.ReplaceAllString(s, "DATE")
	s = strings.ReplaceAll(s, "/usr/local/share/portshaker/portshaker.subr: .: cannot open", ".: cannot open")
	s = strings.ReplaceAll(s, "No such file or directory", "No such file")
	return dashLine.ReplaceAllString(s, "")
}

func check(t *testing.T, m *sim.Machine, want transcript) {
	t.Helper()
	out, errs, code := m.ExecInput(context.Background(), "root", want.command, want.stdin)
	got := transcript{want.command, want.stdin, plain(out), plain(errs), fmt.Sprint(code)}
	want.stdout, want.stderr = plain(want.stdout), plain(want.stderr)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(transcript{})); diff != "" {
		t.Error(diff)
	}
}

// TestTranscripts replays what real portshaker printed.
func TestTranscripts(t *testing.T) {
	updated := func(t *testing.T, m *sim.Machine) { do(t, m, "portshaker -U 2>/dev/null >/dev/null") }
	merged := func(t *testing.T, m *sim.Machine) { do(t, m, "portshaker 2>/dev/null >/dev/null") }
	mine := func(vars string) func(*testing.T, *sim.Machine) {
		return func(t *testing.T, m *sim.Machine) {
			do(t, m, "portshaker -u freebsd 2>/dev/null >/dev/null")
			put(t, m, "/usr/local/etc/portshaker.d/myrepo", script("myrepo", vars), 0o755)
		}
	}
	configured := func(text string) func(*testing.T, *sim.Machine) {
		return func(t *testing.T, m *sim.Machine) { put(t, m, "/usr/local/etc/portshaker.conf", text, 0o644) }
	}
	other := func(m *sim.Machine, t *testing.T, version, descr string) {
		repository(t, m, "myrepo", "other changed", map[string]string{"category/other/Makefile": makefile("other", version), "category/other/pkg-descr": descr, "category/myport/Makefile": makefile("myport", "0.2")})
		do(t, m, "portshaker -U 2>/dev/null >/dev/null")
	}
	for _, c := range []struct {
		name  string
		at    int // which command of the file; -1: all of them, in order
		setup func(t *testing.T, m *sim.Machine)
	}{
		{"basic", 0, nil}, {"basic", 2, nil}, {"basic", 3, nil}, {"basic", 4, nil},
		{"update-first", 0, nil}, {"update-again", 0, updated}, {"cache-shape", 0, updated},
		{"merge-before-update", 0, nil}, {"merge-first", -1, updated},
		{"merge-verbose", 0, merged}, {"merge-debug", 0, merged},
		{"err-missing-script", 0, func(t *testing.T, m *sim.Machine) {
			updated(t, m)
			do(t, m, "rm /usr/local/etc/portshaker.d/myrepo")
		}},
		{"err-missing-script", 1, func(t *testing.T, m *sim.Machine) {
			updated(t, m)
			do(t, m, "rm /usr/local/etc/portshaker.d/myrepo")
		}},
		{"err-not-executable", 0, func(t *testing.T, m *sim.Machine) {
			updated(t, m)
			do(t, m, "chmod 644 /usr/local/etc/portshaker.d/myrepo")
		}},
		{"err-seed-style-no-shift", 0, func(t *testing.T, m *sim.Machine) {
			updated(t, m)
			put(t, m, "/usr/local/etc/portshaker.d/myrepo", "#!/bin/sh\n. /usr/local/share/portshaker/portshaker.subr\n"+fmt.Sprintf(gitSource, "myrepo")+"\nrun_portshaker_command $*\n", 0o755)
		}},
		{"err-missing-branch", 0, mine("method=git\ngit_clone_uri=file:///srv/git/myrepo.git\ngit_branch=nobranch")},
		{"err-missing-branch", 1, mine("method=git\ngit_clone_uri=file:///srv/git/myrepo.git")},
		{"err-config", 0, mine("")}, {"err-config", 1, mine("method=git")},
		{"err-config", 2, func(t *testing.T, m *sim.Machine) { do(t, m, "rm /usr/local/etc/portshaker.conf") }},
		{"err-config", 3, configured(strings.Replace(conf, "default_merge_from", "#", 1))},
		{"err-config", 4, configured(strings.Replace(conf, "default_poudriere_tree", "#", 1))},
		{"err-config", 5, configured(conf + "default_ports_tree=/usr/ports\n")},
		{"err-portsnap-gone", 0, func(t *testing.T, m *sim.Machine) {
			do(t, m, "mkdir -p /var/cache/portshaker")
			put(t, m, "/usr/local/etc/portshaker.d/freebsd", script("freebsd", "method=portsnap"), 0o755)
		}},
		{"err-branch-switch", 0, func(t *testing.T, m *sim.Machine) {
			updated(t, m)
			put(t, m, "/usr/local/etc/portshaker.d/myrepo", script("myrepo", "method=git\ngit_clone_uri=file:///srv/git/myrepo.git\ngit_branch=dev"), 0o755)
		}},
		{"err-unreachable-uri", 2, mine("method=git\ngit_clone_uri=file:///srv/git/nosuch.git\ngit_branch=main")},
		{"err-unreachable-uri", 3, func(t *testing.T, m *sim.Machine) {
			updated(t, m)
			do(t, m, "mv /srv/git/myrepo.git /srv/git/gone.git")
		}},
		{"rsync-missing", 0, func(t *testing.T, m *sim.Machine) {
			updated(t, m)
			do(t, m, "rm /usr/local/bin/rsync")
		}},
		{"portshaker.d-direct", -1, nil},
		{"backward", 0, func(t *testing.T, m *sim.Machine) { other(m, t, "0.9", "A port\n") }},
		{"conflict", 0, func(t *testing.T, m *sim.Machine) { other(m, t, "1.0", "A port\nchanged\n") }},
		{"conflict", 1, func(t *testing.T, m *sim.Machine) { other(m, t, "1.0", "A port\nchanged\n") }},
		{"conflict", 2, func(t *testing.T, m *sim.Machine) {
			other(m, t, "1.0", "A port\nchanged\n")
			put(t, m, "/usr/local/etc/portshaker.conf", conf+"fail_on_conflict=\"yes\"\n", 0o644)
		}},
		{"conflict", 3, func(t *testing.T, m *sim.Machine) {
			other(m, t, "1.0", "A port\nchanged\n")
			put(t, m, "/usr/local/etc/portshaker.conf", strings.Replace(conf, "myrepo", "myrepo!", 1), 0o644)
		}},
		{"update-dirty-cache", 0, func(t *testing.T, m *sim.Machine) {
			repository(t, m, "myrepo", "other older", map[string]string{"category/other/Makefile": makefile("other", "0.9")})
			updated(t, m)
			do(t, m, "cd /var/cache/portshaker/myrepo && echo x >>category/myport/Makefile && echo >untracked")
		}},
	} {
		t.Run(fmt.Sprintf("%s/%d", c.name, c.at), func(t *testing.T) {
			m := rig(t)
			if c.name == "portshaker.d-direct" {
				updated(t, m)
			}
			if c.setup != nil {
				c.setup(t, m)
			}
			all := read(t, c.name)
			if c.at >= 0 {
				all = all[c.at : c.at+1]
			}
			for _, want := range all {
				check(t, m, want)
			}
		})
	}
}

// TestConflictAtEndOfInput asks for ever, until it's killed.
func TestConflictAtEndOfInput(t *testing.T) {
	m := rig(t)
	repository(t, m, "myrepo", "other changed", map[string]string{"category/other/Makefile": makefile("other", "1.0"), "category/other/pkg-descr": "A port\nchanged\n"})
	do(t, m, "portshaker -U 2>/dev/null >/dev/null")
	out, _, code := m.Exec(context.Background(), "root", "timeout 2 portshaker -M 2>/dev/null </dev/null")
	if code != 124 || strings.Count(out, "(diff|install|continue) > ") < 50 {
		t.Errorf("exit %d, asked %d times", code, strings.Count(out, "> "))
	}
}

// TestOverlay copies a source over the target as BSD's cp does: what is in it.
func TestOverlay(t *testing.T) {
	m := rig(t)
	put(t, m, "/usr/local/etc/portshaker.conf", strings.Replace(conf, "myrepo", "myrepo+", 1), 0o644)
	do(t, m, "portshaker 2>/dev/null >/dev/null; test -f /usr/local/poudriere/ports/default/category/myport/Makefile; test ! -e /usr/local/poudriere/ports/default/myrepo")
}

// TestMergeFiles brings MOVED, UPDATING and UIDs of a source along.
func TestMergeFiles(t *testing.T) {
	m := rig(t)
	repository(t, m, "myrepo", "more", map[string]string{
		"MOVED": "misc/compat8x||2026-02-03|Gone\nmisc/none||2026-02-03|Never was\n", "UIDs": "mine:*:70:70::0:0:M:/nonexistent:/usr/sbin/nologin\nwww:*:80:80::0:0:other:/:/bin/sh\n",
		"UPDATING": "20270101:\n  AFFECTS: mine\n\n20250101:\n  AFFECTS: old\n", "fresh/new/Makefile": makefile("new", "1"),
	})
	put(t, m, "/usr/local/poudriere/ports/default/packages/keep", "x", 0o644)
	put(t, m, "/usr/local/poudriere/ports/default/lost", "x", 0o644)
	_, errs, code := m.Exec(context.Background(), "root", "portshaker -v")
	if code != 0 || !strings.Contains(errs, "Removing obsolete port misc/compat8x.") || !strings.Contains(errs, "misc/none referenced in /var/cache/portshaker/myrepo/MOVED does not exist.") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	for command, want := range map[string]string{
		"cat UIDs":                      "# UIDs\nmine:*:70:70::0:0:M:/nonexistent:/usr/sbin/nologin\nwww:*:80:80::0:0:W:/nonexistent:/usr/sbin/nologin\n",
		"cat UPDATING":                  "Updating\n\n20270101:\n  AFFECTS: mine\n\n20260101:\n  AFFECTS: all\n\n20250101:\n  AFFECTS: old\n",
		"cat MOVED":                     "#\nmisc/compat8x||2026-02-03|Gone\n",
		"cat fresh/Makefile":            category("fresh", "new"),
		"ls packages; ls lost; ls misc": "keep\nMakefile\n",
		"cat .portshaker-merged-ports":  "myrepo:category/myport:0:0.1\nmyrepo:fresh/new:0:1\n",
	} {
		out, _, _ := m.Exec(context.Background(), "root", "cd /usr/local/poudriere/ports/default; "+command)
		if out != want {
			t.Errorf("%s:\n%s\nwant\n%s", command, out, want)
		}
	}
}

// TestHooks runs the functions of the configuration; one that fails ends it all.
func TestHooks(t *testing.T) {
	m := rig(t)
	put(t, m, "/usr/local/etc/portshaker.conf", conf+"myrepo_preupdate() { echo pre; }\nmyrepo_postupdate() { echo post; }\ndefault_premerge() { echo merge; false; }\n", 0o644)
	out, _, code := m.Exec(context.Background(), "root", "portshaker")
	if out != "pre\npost\nmerge\n" || code != 1 {
		t.Errorf("exit %d, %q", code, out)
	}
}

// TestOtherDirectory reads the configuration from where the environment says.
func TestOtherDirectory(t *testing.T) {
	m := rig(t)
	do(t, m, "mkdir /srv/etc; mv /usr/local/etc/portshaker.conf /usr/local/etc/portshaker.d /srv/etc/")
	out, _, code := m.Exec(context.Background(), "root", "portshaker_config_dir=/srv/etc portshaker -s; portshaker_config_dir=/srv/etc portshaker -q -u freebsd 2>/dev/null; ls /var/cache/portshaker")
	if out != "freebsd myrepo\nfreebsd\n" || code != 0 {
		t.Errorf("exit %d, %q", code, out)
	}
}

func TestArguments(t *testing.T) {
	m := rig(t)
	put(t, m, "/usr/local/etc/portshaker.d/github", "#!/bin/sh\n. /usr/local/share/portshaker/portshaker.subr\nuser=$1 project=$2\nshift 3\nmethod=git\ngit_clone_uri=file:///srv/git/${project}.git\ngit_branch=main\nrun_portshaker_command $*\n", 0o755)
	do(t, m, "portshaker -u github:jo:myrepo 2>/dev/null; test -d /var/cache/portshaker/github_jo_myrepo/.git")
	if _, errs, code := m.Exec(context.Background(), "root", "portshaker -I"); code != 1 || !strings.Contains(errs, "Don't know where are located default's INDEX files.") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestRsync(t *testing.T) {
	m := rig(t)
	do(t, m, "mkdir -p /tmp/a/sub /tmp/b/packages; echo 1 >/tmp/a/f; echo 2 >/tmp/a/sub/g; ln -s f /tmp/a/l; echo old >/tmp/b/gone; echo k >/tmp/b/packages/k; chmod 700 /tmp/a/sub")
	do(t, m, "rsync --archive --delete --exclude packages --exclude distfiles /tmp/a/ /tmp/b")
	do(t, m, `cd /tmp/b; test "$(cat f sub/g)" = "1
2"; test -L l; test ! -e gone; test -e packages/k; test "$(stat -f %Lp sub)" = 700`)
	do(t, m, "rsync -a /tmp/a /tmp/c; test -f /tmp/c/a/sub/g")
	if _, errs, code := m.Exec(context.Background(), "root", "rsync -a /tmp/none/ /tmp/b"); code != 23 || !strings.Contains(errs, `rsync: [sender] change_dir "/tmp/none" failed: No such file or directory (2)`) {
		t.Errorf("exit %d, %s", code, errs)
	}
	if _, _, code := m.Exec(context.Background(), "root", "rsync -a /tmp/a/ host:/tmp/b"); code != sim.CannotCode {
		t.Errorf("a remote copy ended with %d", code)
	}
}
