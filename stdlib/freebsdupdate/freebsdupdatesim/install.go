package freebsdupdatesim

import (
	"path"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/lazyregexp"
)

// installTime is what a file takes to be put into place.
const installTime = 20 * time.Millisecond

var (
	library = lazyregexp.New(`/lib/.*\.so\.[0-9]+$`)
	linker  = lazyregexp.New(`^/libexec/ld-elf.*\.so\.[0-9]+$`)
	core    = lazyregexp.New(`/lib/(libsys|libc|libthr)\.so\.[0-9]+$`)
)

func inBoot(e entry) bool    { return strings.HasPrefix(e.path, "/boot/") }
func isLibrary(e entry) bool { return !inBoot(e) && e.kind != "d" && library.MatchString(e.path) }
func isLinker(e entry) bool  { return linker.MatchString(e.path) }
func isPlain(e entry) bool {
	return !inBoot(e) && e.kind != "d" && !isLibrary(e) && !isLinker(e)
}
func isDirectory(e entry) bool { return !inBoot(e) && e.kind == "d" }

// only are the entries of one sort.
func only(list []entry, is func(entry) bool) []entry {
	return without(list, func(e entry) bool { return !is(e) })
}

// change is a manifest that is being installed or taken back.
type change struct{ old, fresh []entry }

func (u *update) manifestOf(kind string) change {
	text := func(name string) string {
		data, _ := u.FS().ReadFile(u.link(kind) + "/" + name)
		return string(data)
	}
	return change{parseManifest(text("INDEX-OLD")), parseManifest(text("INDEX-NEW"))}
}

// install does the next part of what was fetched.
func (u *update) install() error {
	if err := u.checkInstall(); err != nil {
		return err
	}
	if err := u.bootEnvironment(); err != nil {
		return err
	}
	u.Printf("Installing updates...")
	c := u.manifestOf("install")
	if err := u.verify(c); err != nil {
		return err
	}
	dir := u.link("install")
	if !u.has(dir + "/kerneldone") {
		if err := u.installKernel(c, dir); err != nil {
			return err
		}
	}
	if !u.has(dir + "/worlddone") {
		if err := u.installWorld(c, dir); err != nil {
			return err
		}
	}
	if err := u.remove(only(c.old, isLibrary), only(c.fresh, isLibrary)); err != nil {
		return err
	}
	if err := u.remove(only(c.old, isDirectory), only(c.fresh, isDirectory)); err != nil {
		return err
	}
	if err := u.keepForRollback(dir); err != nil {
		return err
	}
	u.Printf(" done.\n")
	return nil
}

// bootEnvironment keeps what is there in a boot environment, where there are any.
func (u *update) bootEnvironment() error {
	if u.era < 14 || u.base != "/" || u.setting["BOOTENV"] != "yes" || u.capture("sysctl", "-n", "security.jail.jailed") == "1" {
		return nil
	}
	if _, _, code := u.Capture("bectl", "check"); code != 0 {
		return nil
	}
	u.Printf("Creating snapshot of existing boot environment... ")
	version := ""
	for _, v := range strings.Fields(u.capture("freebsd-version", "-ku")) {
		if newer(v, version) {
			version = v
		}
	}
	if u.Run("bectl", "create", "-r", version+"_"+u.Now().Format("2006-01-02_150405")) != 0 {
		u.Printf("failed.\n")
		return stop(1)
	}
	u.Printf("done.\n")
	return nil
}

var digits = lazyregexp.New(`[0-9]+`)

// newer orders versions as sort -V does.
func newer(a, b string) bool {
	x, y := digits.FindAllString(a, -1), digits.FindAllString(b, -1)
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m > n
		}
	}
	return len(x) > len(y)
}

// verify refuses to begin when content is missing.
func (u *update) verify(c change) error {
	for _, list := range [][]entry{c.old, c.fresh} {
		for _, e := range list {
			if e.kind == "f" && !u.has(u.stored(e.value)) {
				u.Printf("Update files missing -- this should never happen.\nRe-run %s.\n", u.quoted("fetch"))
				return stop(1)
			}
		}
	}
	return nil
}

func (u *update) installKernel(c change, dir string) error {
	old, fresh := only(c.old, inBoot), only(c.fresh, inBoot)
	if u.era >= 9 && u.setting["BACKUPKERNEL"] == "yes" {
		if err := u.backUpKernel(); err != nil {
			return err
		}
	}
	if err := u.place(fresh); err != nil {
		return err
	}
	if err := u.remove(old, fresh); err != nil {
		return err
	}
	if len(old)+len(fresh) > 0 {
		if err := u.linkerHints(); err != nil {
			return err
		}
	}
	if err := u.FS().WriteFile(dir+"/kerneldone", nil, 0o644); err != nil {
		return err
	}
	if !u.has(dir+"/kernelfirst") || len(old)+len(fresh) == 0 {
		return nil
	}
	u.Printf("\nKernel updates have been installed.  Please reboot and run\n%s again to finish installing updates.\n", u.again("install"))
	return stop(0)
}

// linkerHints notes the modules of the kernel, as kldxref does.
func (u *update) linkerHints() error {
	return u.FS().WriteFile(path.Join(u.base, u.kernelDir, "linker.hints"), []byte(u.Machine.KernelRelease(u.base)+"\n"), 0o444)
}

func (u *update) installWorld(c change, dir string) error {
	sorts := []func(entry) bool{
		isDirectory, isLinker,
		func(e entry) bool { return isLibrary(e) && core.MatchString(e.path) },
		func(e entry) bool { return isLibrary(e) && !core.MatchString(e.path) },
		isPlain,
	}
	for _, sort := range sorts {
		if err := u.place(only(c.fresh, sort)); err != nil {
			return err
		}
	}
	if err := u.remove(only(c.old, isPlain), only(c.fresh, isPlain)); err != nil {
		return err
	}
	if u.era >= 14 && u.base == "/" {
		if _, _, code := u.Capture("service", "sshd", "status"); code == 0 {
			u.Printf("\nRestarting sshd after upgrade\n")
			u.Run("service", "sshd", "restart")
		}
	}
	u.rebuildDatabases()
	if err := u.FS().WriteFile(dir+"/worlddone", nil, 0o644); err != nil {
		return err
	}
	kept := pathSet(only(c.fresh, isLibrary))
	if len(without(only(c.old, isLibrary), func(e entry) bool { return kept[e.path] })) == 0 {
		return nil
	}
	u.Printf("\nCompleting this upgrade requires removing old shared object files.\n%s\n", u.libraryAdvice())
	return stop(0)
}

// libraryAdvice says what to do before old libraries go.
func (u *update) libraryAdvice() string {
	switch {
	case u.era >= 15:
		return "Please upgrade or rebuild all installed 3rd party software (e.g.,\nprograms installed with pkg or from the ports tree) and then run\n" +
			u.again("install") + " again to finish installing updates."
	case u.era >= 14:
		return "Please rebuild all installed 3rd party software (e.g., programs\ninstalled from the ports tree) and then run\n" +
			u.again("install") + " again to finish installing updates."
	}
	return "Please rebuild all installed 3rd party software (e.g., programs\ninstalled from the ports tree) and then run " +
		u.again("install") + "\nagain to finish installing updates."
}

// rebuildDatabases makes the account databases from the texts.
func (u *update) rebuildDatabases() {
	etc := path.Join(u.base, "etc")
	if u.base == "/" {
		u.Machine.WritePasswd()
		return
	}
	u.Run("pwd_mkdb", "-d", etc, "-p", path.Join(etc, "master.passwd"))
}

// keepForRollback makes the manifest the one that rollback takes back.
func (u *update) keepForRollback(dir string) error {
	for _, flag := range []string{"kernelfirst", "kerneldone", "worlddone"} {
		if u.has(dir + "/" + flag) {
			if err := u.FS().Remove(dir + "/" + flag); err != nil {
				return err
			}
		}
	}
	if _, err := u.FS().Readlink(u.link("rollback")); err == nil {
		if err := u.FS().Rename(u.link("rollback"), dir+"/rollback"); err != nil {
			return err
		}
	}
	return u.FS().Rename(dir, u.link("rollback"))
}
