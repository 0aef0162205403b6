package freebsdupdatesim

import (
	"path"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

var (
	keyForm       = lazyregexp.New(`^[0-9a-f]{64}$`)
	releaseBranch = lazyregexp.New(`^(RELEASE|ALPHA|BETA|RC)`)
)

// checkSource refuses what fetch, upgrade and IDS cannot work with.
func (u *update) checkSource() error {
	switch key := u.setting["KEYPRINT"]; {
	case u.setting["SERVERNAME"] == "":
		return u.fail("SERVERNAME must be given via command line or configuration file.")
	case key == "":
		return u.fail("Key must be given via -k option or configuration file.")
	case !keyForm.MatchString(key):
		return u.fail("Invalid key fingerprint: %s", key)
	}
	if err := u.checkWork(); err != nil {
		return err
	}
	_ = u.FS().Chmod(u.work, 0o700)
	u.release = strings.Replace(plainRelease(u.running), "-SECURITY", "-RELEASE", 1)
	u.server = u.setting["SERVERNAME"]
	if _, branch, _ := strings.Cut(u.release, "-"); u.era >= 12 && !releaseBranch.MatchString(branch) {
		return u.fail("Cannot upgrade from a version that is not a release\n"+
			"(including alpha, beta and release candidates)\nusing %[1]s. Instead, FreeBSD can be directly\n"+
			"upgraded by source or upgraded to a RELEASE/RELENG version\nprior to running %[1]s.\nCurrently running: %[2]s", path.Base(u.name), u.release)
	}
	return u.checkKernel()
}

func (u *update) checkWork() error {
	if info, err := u.FS().Stat(u.work); err != nil || !info.IsDir() || u.FS().Access(u.work, 2) != nil {
		return u.fail("Directory does not exist or is not writable: %s", u.setting["WORKDIR"])
	}
	return nil
}

func (u *update) checkKernel() error {
	if info, err := u.FS().Stat(u.kernelDir); err != nil || !info.IsDir() {
		u.Printf("Cannot identify running kernel\n")
		return stop(1)
	}
	return nil
}

// checkFetch refuses to lose an upgrade that is half installed.
func (u *update) checkFetch() error {
	if err := u.checkSource(); err != nil {
		return err
	}
	if u.target != "" && u.era >= 10 {
		return u.fail("-r option is meaningless with 'fetch' command.  (Did you mean 'upgrade' instead?)")
	}
	if u.era >= 11 && !u.force && u.has(u.link("install")+"/kerneldone") {
		u.Printf("You have a partially completed upgrade pending\nRun %s first.\nRun %s to proceed anyway.\n", u.quoted("install"), u.quoted("fetch -F"))
		return stop(1)
	}
	return nil
}

// checkUpgrade refuses a target that makes no sense.
func (u *update) checkUpgrade() error {
	if err := u.checkSource(); err != nil {
		return err
	}
	switch {
	case u.target == "" && u.era >= 14:
		return u.fail("Release target must be specified via '-r' option.")
	case u.target == "":
		return u.fail("Release target must be specified via -r option.")
	case u.target == u.release:
		return u.fail("Cannot upgrade from %s to itself", u.release)
	}
	for _, setting := range [][2]string{{"ALLOWADD", "AllowAdd"}, {"ALLOWDELETE", "AllowDelete"}} {
		if u.setting[setting[0]] == "no" {
			u.Printf("%s: WARNING: \"%s no\" is a bad idea when upgrading between releases.\n\n", path.Base(u.name), setting[1])
		}
	}
	return nil
}

// checkRoot refuses others than root.
func (u *update) checkRoot() error {
	if u.Cred.UID != 0 {
		u.Printf("You must be root to run this.\n")
		return stop(1)
	}
	return nil
}

// checkInstall refuses to install when it cannot, or nothing is there.
func (u *update) checkInstall() error {
	if err := u.checkRoot(); err != nil {
		return err
	}
	if level, _ := strconv.Atoi(u.capture("sysctl", "-n", "kern.securelevel")); level > 0 {
		u.Printf("Updates cannot be installed when the system securelevel\nis greater than zero.\n")
		return stop(1)
	}
	if err := u.checkWork(); err != nil {
		return err
	}
	if _, err := u.FS().Readlink(u.link("install")); err != nil {
		u.Printf("No updates are available to install.\n")
		switch {
		case u.fetched && u.era >= 12:
			return stop(0)
		case u.era >= 12:
			u.Printf("Run %s first.\n", u.quoted("fetch"))
			return stop(2)
		}
		u.Printf("Run '%s fetch' first.\n", u.name)
		return stop(1)
	}
	if err := u.checkManifest("install"); err != nil {
		return err
	}
	return u.checkKernel()
}

// checkManifest refuses a manifest that lacks a part.
func (u *update) checkManifest(kind string) error {
	dir := u.link(kind)
	if u.has(dir+"/INDEX-OLD") && u.has(dir+"/INDEX-NEW") {
		return nil
	}
	u.Printf("Update manifest is corrupt -- this should never happen.\n")
	if kind == "install" {
		u.Printf("Re-run %s.\n", u.quoted("fetch"))
	}
	return stop(1)
}

// link is the symbolic link that leads to what is to be installed, or could be
// rolled back.
func (u *update) link(kind string) string {
	return path.Join(u.work, hashOf([]byte(u.base+"\n"))+"-"+kind)
}

func (u *update) has(name string) bool {
	_, err := u.FS().Stat(name)
	return err == nil
}

func (u *update) write(name, text string) error {
	return u.FS().WriteFile(path.Join(u.work, name), []byte(text), 0o644)
}

func (u *update) read(name string) string {
	data, _ := u.FS().ReadFile(path.Join(u.work, name))
	return string(data)
}
