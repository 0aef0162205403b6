package freebsdupdatesim

import (
	"strings"
	"testing"

	"bsdrun/stdlib/bectl/bectlsim"
)

func TestUsageIsSuccess(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	for _, args := range []string{"", " bogus", " -r", " -r 14.3 -r 14.3 upgrade"} {
		if out := does(t, m, 0, "freebsd-update"+args); !strings.HasPrefix(out, "usage: freebsd-update [options] command ... [path]\n\nOptions:\n") {
			t.Errorf("%s: %s", args, out)
		}
	}
}

func TestConf(t *testing.T) {
	for text, wrong := range map[string]string{
		"AllowAdd maybe\n":                 "line 1:\n==> AllowAdd maybe\n",
		"\nKeyPrint a # b\nKeyPrint c\n":   "line 3:\n==> KeyPrint c\n",
		"CreateBootEnv no\n":               "line 1:\n==> CreateBootEnv no\n",
		"BackupKernelDir /boot\n":          "line 1:\n==> BackupKernelDir /boot\n",
		"MergeChanges /etc/\nWorkDir /a b": "",
	} {
		set, err := parseConf(text, 12)
		switch {
		case wrong == "" && (err != nil || set["MERGECHANGES"] != "/etc/" || set["WORKDIR"] != "/a"):
			t.Errorf("%q: %v %v", text, set, err)
		case wrong != "" && (err == nil || !strings.HasSuffix(err.Error(), wrong)):
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNoJail(t *testing.T) {
	m := machine(t, "freebsd-14.3", nil)
	says(t, does(t, m, 1, "freebsd-update -j nosuch install"), "The specified jail either doesn't exist or does not have freebsd-version.\n")
}

func TestRefusals(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	for _, c := range []struct {
		script, says string
		code         int
	}{
		{"freebsd-update fetch", "freebsd-update fetch should not be run non-interactively.\nRun freebsd-update cron instead.\n", 1},
		{"freebsd-update upgrade", "freebsd-update: Release target must be specified via -r option.\n", 1},
		{"freebsd-update -r 13.5-RELEASE upgrade", "freebsd-update: Cannot upgrade from 13.5-RELEASE to itself\n", 1},
		{"freebsd-update -r 14.3 --not-running-from-cron fetch", "-r option is meaningless with 'fetch' command.  (Did you mean 'upgrade' instead?)\n", 1},
		{"freebsd-update -d /nonexistent -r 14.3 upgrade", "Directory does not exist or is not writable: /nonexistent\n", 1},
		{"echo Bogus x >/tmp/c; freebsd-update -f /tmp/c fetch", "Error processing configuration file, line 1:\n==> Bogus x\n", 1},
		{"freebsd-update -f /tmp/nosuch fetch", "File does not exist or is not readable: /tmp/nosuch\n", 1},
		{"freebsd-update rollback", "No rollback directory found.\n", 1},
		{"freebsd-update updatesready", "No updates are available to install.\n", 2},
		{"freebsd-update install", "No updates are available to install.\nRun '/usr/sbin/freebsd-update install", 2},
		{"su -m nobody -c 'freebsd-update install'", "You must be root to run this.\n", 1},
		{"freebsd-update --currently-running 13.5-STABLE -r 14.3 upgrade", "Currently running: 13.5-STABLE\n", 1},
		{"sysctl kern.securelevel=1 >/dev/null; freebsd-update install", "is greater than zero.\n", 1},
	} {
		out := does(t, m, c.code, c.script)
		if want := strings.Replace(c.says, "freebsd-update install", "freebsd-update fetch", 1); !strings.Contains(out, want) {
			t.Errorf("%s: %s", c.script, out)
		}
	}
}

func TestFetchInstallAndRollBack(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	out := does(t, m, 0, "PAGER=cat freebsd-update --not-running-from-cron fetch install")
	says(t, out, "The following files will be updated as part of updating to\n13.5-RELEASE-p6:\n", "/boot/kernel/kernel\n", "Installing updates... done.\n")
	if got := does(t, m, 0, "freebsd-version -kru; ls /boot/kernel.old/kernel"); got != "13.5-RELEASE-p6\n13.5-RELEASE\n13.5-RELEASE-p6\n/boot/kernel.old/kernel\n" {
		t.Errorf("patched: %s", got)
	}
	says(t, does(t, m, 0, "PAGER=cat freebsd-update --not-running-from-cron fetch install"),
		"No updates needed to update system to 13.5-RELEASE-p6.\n", "No updates are available to install.\n")
	says(t, does(t, m, 0, "freebsd-update rollback"), "Uninstalling updates... done.\n")
	if got := does(t, m, 0, "freebsd-version -ku"); got != "13.5-RELEASE\n13.5-RELEASE\n" {
		t.Errorf("rolled back: %s", got)
	}
	sameAsProfile(t, m, "13.5-RELEASE")
}

func TestFetchKeepsAnUpgradeThatIsUnderWay(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	does(t, m, 0, clean+"freebsd-update -r 14.3 upgrade </dev/null; freebsd-update install")
	says(t, does(t, m, 1, "freebsd-update --not-running-from-cron fetch"), "You have a partially completed upgrade pending\n")
	does(t, m, 0, "rm /var/db/freebsd-update/files/*")
	says(t, does(t, m, 1, "freebsd-update install"), "Update files missing -- this should never happen.\n")
}

func TestEndOfLife(t *testing.T) {
	m := machine(t, "freebsd-8.2-zfs-mirror", map[string][]string{"start": {"2013-01-01T00:00:00Z"}})
	out, code := typed(t, m, "env PAGER=cat freebsd-update fetch", "")
	if code != 1 {
		t.Errorf("code %d: %s", code, out)
	}
	says(t, out, "WARNING: FreeBSD 8.2-RELEASE HAS PASSED ITS END-OF-LIFE DATE.\n")
	does(t, m, 0, "readlink /var/db/freebsd-update/*-install")
}

func TestIDS(t *testing.T) {
	m := machine(t, "freebsd-13.5", nil)
	out := does(t, m, 0, "echo >>/etc/shells; chmod 600 /etc/ttys; freebsd-update IDS")
	says(t, out, "/etc/shells has SHA256 hash ", "/etc/ttys has 0600 permissions, but should have 0644 permissions.\n")
}

func TestIntegrityCheckOf82(t *testing.T) {
	m := machine(t, "freebsd-8.2-zfs-mirror", nil)
	upgrade := clean + "freebsd-update -r 9.0-RELEASE upgrade </dev/null"
	says(t, does(t, m, 1, upgrade), "\nThe update metadata is correctly signed, but\nfailed an integrity check.\nCowardly refusing to proceed any further.\n")
	out := does(t, m, 0, "sed -i '' -e 's/=_/=%@_/' /usr/sbin/freebsd-update; "+upgrade)
	says(t, out, "\nThe following files will be added as part of updating to 9.0-RELEASE-p7:\n", oddPath)
	does(t, m, 0, "freebsd-update install")
	restart(t, m)
	does(t, m, 0, "freebsd-update install; freebsd-update install")
	if got := does(t, m, 0, "uname -r"); got != "9.0-RELEASE-p7\n" {
		t.Errorf("uname -r: %s", got)
	}
	does(t, m, 1, "freebsd-update install")
	sameAsProfile(t, m, "9.0-RELEASE-p7")
}

func TestBootEnvironmentSince14(t *testing.T) {
	m := machine(t, "freebsd-14.3-zfs-mirror-uefi", nil, bectlsim.Tools()...)
	out := does(t, m, 0, clean+"freebsd-update -r 15.0 upgrade </dev/null; freebsd-update install; bectl list -H")
	says(t, out, "Creating snapshot of existing boot environment... done.\nInstalling updates...\nKernel updates have been installed.", "14.3-RELEASE_20")
}

func FuzzConf(f *testing.F) {
	f.Add("KeyPrint x\nComponents src world # all\n", 14)
	f.Add("AllowAdd maybe\n", 8)
	f.Add("BackupKernelDir /boot\nVerboseLevel debug\n", 14)
	f.Add("Bogus\nWorkDir /a b\n", 12)
	f.Fuzz(func(t *testing.T, text string, era int) {
		set, err := parseConf(text, era)
		if err == nil && len(set) == 0 {
			for line := range strings.Lines(text) {
				if len(strings.Fields(confComment.ReplaceAllString(strings.TrimSuffix(line, "\n"), ""))) > 0 {
					t.Errorf("%q means nothing", line)
				}
			}
		}
		if err != nil && set != nil {
			t.Errorf("%v, and settings too", err)
		}
	})
}
