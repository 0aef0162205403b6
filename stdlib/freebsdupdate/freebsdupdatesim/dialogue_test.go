package freebsdupdatesim

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
)

// typed runs a command on a terminal, with answers typed beforehand.
func typed(t *testing.T, m *sim.Machine, command, answers string) (string, int) {
	t.Helper()
	conn, err := m.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ClientConfig{User: "root", HostKeyCallback: ssh.FixedHostKey(m.HostKey())}
	c, channels, requests, err := ssh.NewClientConn(conn, "sim", config)
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(c, channels, requests)
	defer func() { _ = client.Close() }()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	timer := time.AfterFunc(2*time.Minute, func() { _ = client.Close() })
	defer timer.Stop()
	_, _ = io.WriteString(in, answers)
	out, err := s.Output(command)
	var exit *ssh.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v after %q", err, out)
	}
	code := 0
	if exit != nil {
		code = exit.ExitStatus()
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n"), code
}

// conflict changes a line here that the new release changes too, and one that it
// does not.
const conflict = `sed -i '' -e 's/^#VersionAddendum.*/VersionAddendum none/' /etc/ssh/sshd_config; echo 'local 999/tcp' >>/etc/services; `

func TestUpgradeMergesOnATerminal(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	does(t, m, 0, conflict+"printf '#!/bin/sh\nsed -i \"\" -e \"/^[<=>]/d\" \"$1\"\n' >/root/ed; chmod +x /root/ed")
	out, code := typed(t, m, "env PAGER=cat EDITOR=/root/ed freebsd-update -r 14.3 upgrade", "y\r\ry\ry\ry\ry\ry\r")
	if code != 0 {
		t.Fatalf("code %d: %s", code, out)
	}
	says(t, out,
		"Does this look reasonable (y/n)? ",
		"Fetching files from 13.5-RELEASE for merging... done.\n",
		"Attempting to automatically merge changes in files... done.\n",
		"\nThe following file could not be merged automatically: /etc/ssh/sshd_config\nPress Enter to edit this file in /root/ed and resolve the conflicts\nmanually...\n",
		"\nThe following changes, which occurred between FreeBSD 13.5-RELEASE and\nFreeBSD 14.3-RELEASE have been merged into /etc/services:\n--- current version\n+++ new version\n",
		"+git\t\t9418/tcp\n")
	got := does(t, m, 0, `cd /var/db/freebsd-update; h=$(grep '^/etc/ssh/sshd_config|' *-install/INDEX-NEW | cut -d '|' -f 7); gunzip -c files/$h.gz | grep -v '^#'`)
	says(t, got, "PermitRootLogin yes\n", "VersionAddendum none\n")
}

func TestMarkersStayBefore14(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	does(t, m, 0, conflict)
	_, code := typed(t, m, "env PAGER=cat EDITOR=true freebsd-update -r 14.3 upgrade", "y\r\ry\ry\ry\ry\ry\r")
	if code != 0 {
		t.Fatalf("code %d", code)
	}
	got := does(t, m, 0, `cd /var/db/freebsd-update; h=$(grep '^/etc/ssh/sshd_config|' *-install/INDEX-NEW | cut -d '|' -f 7); gunzip -c files/$h.gz`)
	says(t, got, "<<<<<<< current version\nVersionAddendum none\n", ">>>>>>> 14.3-RELEASE\n")
}

func TestMarkersAreRefusedSince14(t *testing.T) {
	m := machine(t, "freebsd-14.3", nil)
	does(t, m, 0, conflict)
	out, code := typed(t, m, "env PAGER=cat EDITOR=true freebsd-update -r 15.0 upgrade", "y\r\rACCEPT\ry\ry\ry\ry\r")
	if code != 0 {
		t.Fatalf("code %d: %s", code, out)
	}
	says(t, out, "\nMerge conflict markers remain in: /etc/ssh/sshd_config\n", "run 'freebsd-update [options] install'.\n")
}

func TestNoTerminalNoMerge(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	does(t, m, 0, conflict)
	out, errs, code := m.Exec(context.Background(), "root", "yes | env PAGER=cat EDITOR=true freebsd-update -r 14.3 upgrade")
	if code != 1 {
		t.Fatalf("code %d: %s", code, out)
	}
	says(t, errs, "/usr/sbin/freebsd-update: cannot open /dev/tty: Device not configured\n")
	does(t, m, 1, "ls /var/db/freebsd-update/*-install")
}

func TestAnsweringNoEndsTheUpgrade(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	out := does(t, m, 1, "echo n | freebsd-update -r 14.3 upgrade")
	if !strings.HasSuffix(out, "world/lib32-dbg\n\n") {
		t.Errorf("%q", out)
	}
}

func TestServers(t *testing.T) {
	for _, c := range []struct {
		params url.Values
		script string
		says   []string
	}{
		{url.Values{"unreachable": {"update.freebsd.org"}}, "freebsd-update -r 14.3 upgrade",
			[]string{"mirrors... none found.\nFetching public key from update.FreeBSD.org... failed.\nNo mirrors remaining, giving up.\n"}},
		{url.Values{"unreachable": {"update2.freebsd.org", "update1.freebsd.org"}}, "freebsd-update -r 14.3 upgrade",
			[]string{"Fetching public key from update2.freebsd.org... failed.\nFetching public key from update1.freebsd.org... failed.\nNo mirrors remaining, giving up.\n"}},
		{url.Values{KeyParam: {"bad"}}, "freebsd-update -r 14.3 upgrade",
			[]string{"Fetching public key from update2.freebsd.org... key has incorrect hash.\n", "If unsupported, FreeBSD must be upgraded by source.\n"}},
		{nil, "echo y | freebsd-update -r 14.9 upgrade",
			[]string{"for 14.9-RELEASE from update2.freebsd.org... failed.\nFetching metadata signature for 14.9-RELEASE from update1.freebsd.org... failed.\nNo mirrors remaining, giving up.\n"}},
		{nil, "freebsd-update --currently-running 13.5-RELEASE-p99 --not-running-from-cron fetch",
			[]string{"Files on mirror (13.5-RELEASE-p6) appear older than what\nwe are currently running (13.5-RELEASE-p99)!\nCowardly refusing to proceed any further.\n"}},
	} {
		m := machine(t, "freebsd-13.5", c.params)
		says(t, does(t, m, 1, c.script), c.says...)
	}
}
