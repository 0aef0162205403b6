package sim_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
)

func machineOf(t *testing.T, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Tools: base.Tools()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// An 8.2 host has only algorithms that are not offered by themselves.
func TestOldHostNeedsLegacy(t *testing.T) {
	m := machineOf(t, "freebsd-8.2-zfs-mirror")
	dial := func(legacy bool) (*sshhost.Host, error) {
		h := sshhost.New(sshhost.Config{Name: m.Name, User: "root", Dialer: m.Dial, HostKey: m.Trust(), Auth: m.Auth(), Legacy: legacy})
		_, err := h.Do(context.Background(), effect.Effect{Op: "test", Kind: effect.Read, Argv: []string{"uname", "-r"}})
		return h, err
	}
	plain, err := dial(false)
	_ = plain.Close(context.Background(), false)
	var failure *effect.Error
	if !errors.As(err, &failure) || !strings.Contains(failure.Hint, "legacy=true") {
		t.Fatalf("without legacy: %v", err)
	}
	old, err := dial(true)
	defer func() { _ = old.Close(context.Background(), false) }()
	if err != nil {
		t.Fatalf("with legacy: %v", err)
	}
	put := &effect.FileOp{Verb: effect.FilePut, Path: "/root/x", Data: []byte("by SFTP\n")}
	if _, err := old.Do(context.Background(), effect.Effect{Op: "test.put", Kind: effect.Change, File: put}); err != nil {
		t.Fatal(err)
	}
	out, _, _ := m.Exec(context.Background(), "root", "cat /root/x")
	if out != "by SFTP\n" {
		t.Errorf("the file holds %q", out)
	}
}

// A release adds host keys; those there were stay.
func TestHostKeysByRelease(t *testing.T) {
	m := machineOf(t, "freebsd-8.2-zfs-mirror")
	first := m.HostKeys()
	if len(first) != 1 || first[0].Type() != ssh.KeyAlgoRSA {
		t.Fatalf("8.2 has %v", first)
	}
	if err := m.InstallWorld("", "9.0-RELEASE"); err != nil {
		t.Fatal(err)
	}
	if then := m.HostKeys(); len(then) != 1 {
		t.Errorf("an sshd that still runs has %v", then)
	}
	m.MakeHostKeys()
	if err := m.StartSSHD(); err != nil {
		t.Fatal(err)
	}
	then := m.HostKeys()
	if len(then) != 2 || !bytes.Equal(then[0].Marshal(), first[0].Marshal()) || then[1].Type() != ssh.KeyAlgoECDSA256 {
		t.Errorf("9.0 has %v", then)
	}
	h := sshhost.New(sshhost.Config{Name: m.Name, User: "root", Dialer: m.Dial, HostKey: m.Trust(), Auth: m.Auth()})
	defer func() { _ = h.Close(context.Background(), false) }()
	if _, err := h.Do(context.Background(), effect.Effect{Op: "test", Kind: effect.Read, Argv: []string{"true"}, Timeout: time.Minute}); err != nil {
		t.Errorf("9.0 without legacy: %v", err)
	}
}
