package layer

import (
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// rules is the table of risks: what commands of FreeBSD, and a few of others,
// put at stake. It knows what people run over SSH; it is no wall against
// someone who hides a command.
var rules map[string]func(a args) verdict

func init() { // the rules of find and sh look into the table themselves
	rules = map[string]func(a args) verdict{
		"acpiconf":   func(a args) verdict { return when(a.opt("s"), disruptive("puts the machine to sleep")) },
		"bectl":      judgeBectl,
		"beadm":      judgeBectl,
		"camcontrol": judgeCamcontrol,
		"chflags":    judgeTree("changes the flags of"),
		"chmod":      judgeTree("changes the modes of"),
		"chown":      judgeTree("changes the owner of"),
		"cp":         judgeOntoDisk,
		"crontab":    func(a args) verdict { return when(a.opt("r"), irreversible("removes a whole crontab")) },
		"cryptsetup": func(a args) verdict {
			return when(strings.HasPrefix(a.sub(), "luks") && (a.long("luksFormat", "luksErase", "luksKillSlot")), irreversible("makes encrypted data unreadable"))
		},
		"dd":             judgeDD,
		"efibootmgr":     func(a args) verdict { return when(a.opt("Bo"), disruptive("changes what the firmware boots")) },
		"fastboot":       always(disruptive("reboots the machine")),
		"fasthalt":       always(disruptive("halts the machine: somebody must switch it on again")),
		"find":           judgeFind,
		"freebsd-update": judgeFreeBSDUpdate,
		"fsck":           func(a args) verdict { return when(a.opt("y"), disruptive("repairs a file system without asking")) },
		"geli":           judgeGeli,
		"gmirror":        judgeGeom,
		"graid":          judgeGeom,
		"graid3":         judgeGeom,
		"gstripe":        judgeGeom,
		"gconcat":        judgeGeom,
		"glabel":         judgeGeom,
		"git":            judgeGit,
		"gpart":          judgeGpart,
		"growfs":         always(disruptive("grows a file system")),
		"halt":           always(disruptive("halts the machine: somebody must switch it on again")),
		"ifconfig":       judgeIfconfig,
		"init":           always(disruptive("changes the state of the whole machine")),
		"ip":             judgeIP,
		"ipf":            func(a args) verdict { return when(a.opt("fFDEA"), disruptive("changes the packet filter")) },
		"ipfw":           judgeIpfw,
		"iptables":       func(a args) verdict { return when(!a.opt("LS"), disruptive("changes the packet filter")) },
		"kill":           func(a args) verdict { return when(slices.Contains(a.plain(), "1"), disruptive("signals init")) },
		"killall":        judgeKill,
		"kldload": func(a args) verdict {
			return when(a.names("ipfw"), disruptive("ipfw denies everything once it is loaded"))
		},
		"kldunload": judgeKldunload,
		"mkswap":    always(irreversible("writes swap over what is there")),
		"mount": func(a args) verdict {
			return when(a.opt("u") && slices.Contains(a, "/"), disruptive("remounts the root file system"))
		},
		"mv":  judgeMove,
		"nft": func(a args) verdict { return when(a.sub() != "list", disruptive("changes the packet filter")) },
		"nvmecontrol": func(a args) verdict {
			return when(a.sub() == "format" || a.sub() == "sanitize", irreversible("erases a disk"))
		},
		"pfctl":      judgePfctl,
		"pkg":        judgePkg,
		"pkill":      judgeKill,
		"portshaker": judgePortshaker,
		"poudriere":  judgePoudriere,
		"poweroff":   always(disruptive("switches the machine off: somebody must switch it on again")),
		"pw": func(a args) verdict {
			return when(strings.HasPrefix(a.sub(), "userdel") && a.opt("r"), irreversible("removes a user's home"))
		},
		"reboot": always(disruptive("reboots the machine")),
		"rm":     judgeRemove,
		"rmuser": always(irreversible("removes a user's home")),
		"route": func(a args) verdict {
			return when(slices.Contains([]string{"add", "delete", "del", "change", "flush"}, a.sub()), disruptive("changes the routes, perhaps ours"))
		},
		"rsync":      judgeRsync,
		"service":    judgeService,
		"sgdisk":     func(a args) verdict { return when(a.opt("Zzodn"), irreversible("writes a partition table")) },
		"shutdown":   func(a args) verdict { return when(!a.opt("c"), disruptive("takes the machine down")) },
		"sysctl":     judgeSysctl,
		"systemctl":  judgeSystemctl,
		"tee":        judgeOntoDisk,
		"truncate":   judgeOntoDisk,
		"umount":     func(a args) verdict { return when(a.opt("aA"), disruptive("unmounts everything")) },
		"unlink":     judgeRemove,
		"userdel":    func(a args) verdict { return when(a.opt("r"), irreversible("removes a user's home")) },
		"vboxmanage": judgeVBox,
		"VBoxManage": judgeVBox,
		"wipefs":     func(a args) verdict { return when(a.opt("ao"), irreversible("erases a disk's signatures")) },
		"zfs":        judgeZFS,
		"zpool":      judgeZpool,
	}
}

func always(v verdict) func(args) verdict { return func(args) verdict { return v } }

func when(condition bool, v verdict) verdict {
	if condition {
		return v
	}
	return safe
}

// names tells whether one of the plain words is one of names, with or without
// .ko.
func (a args) names(names ...string) bool {
	for _, word := range a.plain() {
		if slices.Contains(names, strings.TrimSuffix(path.Base(word), ".ko")) {
			return true
		}
	}
	return false
}

func judgeZpool(a args) verdict {
	rest := a.after()
	switch sub := a.sub(); sub {
	case "upgrade":
		return when(len(rest.plain()) > 0 || rest.opt("a"), irreversible("older systems and older boot code cannot read an upgraded pool"))
	case "destroy":
		return irreversible("destroys a pool and all that is in it")
	case "create":
		return when(rest.opt("f") && !rest.opt("n"), irreversible("makes a pool on disks that may be in use"))
	case "labelclear":
		return irreversible("removes the ZFS label of a disk")
	case "split":
		return when(!rest.opt("n"), irreversible("takes a pool's mirrors apart"))
	case "import":
		return when(rest.opt("FX") && !rest.opt("n"), irreversible("throws away the last transactions of a pool"))
	case "offline", "detach", "remove", "replace":
		return when(!rest.opt("n"), disruptive("zpool %s changes a pool's redundancy", sub))
	case "export":
		return disruptive("takes a pool away from the system")
	}
	return safe
}

func judgeZFS(a args) verdict {
	rest := a.after()
	switch a.sub() {
	case "destroy":
		return when(!rest.opt("n"), irreversible("destroys a dataset or snapshot"))
	case "rollback":
		if rest.opt("rR") {
			return irreversible("destroys every later snapshot")
		}
		return disruptive("throws away what was written since the snapshot")
	case "receive", "recv":
		return when(rest.opt("F") && !rest.opt("n"), irreversible("rolls the receiving dataset back, and may destroy snapshots"))
	case "upgrade":
		return when(len(rest.plain()) > 0 || rest.opt("a"), irreversible("older systems cannot read an upgraded file system"))
	}
	return safe
}

func judgeGpart(a args) verdict {
	rest := a.after()
	switch a.sub() {
	case "destroy":
		return irreversible("destroys a partition table")
	case "delete":
		return irreversible("deletes a partition")
	case "restore":
		return irreversible("writes another partition table")
	case "bootcode":
		if rest.opt("p") {
			return irreversible("gpart bootcode -p writes over the partition whatever its type is: an EFI partition would be destroyed")
		}
		return disruptive("replaces boot code")
	case "resize", "modify", "recover", "set", "unset":
		return disruptive("changes a partition table")
	}
	return safe
}

func judgeGeli(a args) verdict {
	switch a.sub() {
	case "init":
		return irreversible("encrypts over what is there")
	case "kill", "delkey", "setkey":
		return irreversible("may make encrypted data unreadable")
	}
	return safe
}

func judgeGeom(a args) verdict {
	switch a.sub() {
	case "label", "create", "clear", "destroy", "delete", "stop":
		return irreversible("writes or removes metadata on disks")
	case "remove", "deactivate", "forget", "rebuild":
		return disruptive("changes the redundancy of disks")
	}
	return safe
}

func judgeCamcontrol(a args) verdict {
	switch a.sub() {
	case "format", "sanitize":
		return irreversible("erases a disk")
	case "security":
		return when(a.opt("eh"), irreversible("erases a disk"))
	}
	return safe
}

func judgeBectl(a args) verdict {
	switch a.sub() {
	case "destroy":
		return irreversible("destroys a boot environment")
	case "activate":
		return disruptive("changes what the machine boots")
	}
	return safe
}

func judgeDD(a args) verdict {
	for _, word := range a {
		if target, ok := strings.CutPrefix(word, "of="); ok && isDisk(target) {
			return irreversible("writes over the disk %s", target)
		}
	}
	return safe
}

// judgeOntoDisk is for commands that write to their last word.
func judgeOntoDisk(a args) verdict {
	if len(a) > 0 && isDisk(a[len(a)-1]) {
		return irreversible("writes over the disk %s", a[len(a)-1])
	}
	return safe
}

// harmless are devices that swallow or produce data.
var harmless = lazyregexp.New(`^/dev/(null|zero|full|random|urandom|std(in|out|err)|fd/\d+|tty.*|pts/.*|console|cuau?\d.*|ttyu\d.*|klog|log|shm/.*)$`)

func isDisk(file string) bool {
	return strings.HasPrefix(file, "/dev/") && !harmless.MatchString(path.Clean(file))
}

func judgePfctl(a args) verdict {
	switch {
	case a.opt("n"):
		return safe
	case a.opt("F"):
		return disruptive("flushes rules or states, perhaps those of our own connection")
	case a.opt("d"):
		return disruptive("disables the packet filter")
	case a.opt("fFekKNRAO"):
		return disruptive("changes the packet filter: a mistake locks us out")
	case a.opt("T"):
		return when(!a.long("show", "test"), disruptive("changes a table of the packet filter"))
	}
	return safe
}

func judgeIpfw(a args) verdict {
	switch a.sub() {
	case "", "list", "show", "l":
		return safe
	}
	return when(!a.opt("n"), disruptive("changes the packet filter: a mistake locks us out"))
}

func judgeIfconfig(a args) verdict {
	words := a.plain()
	if len(words) < 2 || a[0] == "-l" {
		return safe
	}
	for _, word := range a[1:] {
		switch word {
		case "down", "delete", "-alias", "destroy", "name", "mtu", "lladdr", "ether", "vnet", "-vnet", "deletem":
			return disruptive("changes the interface %s", words[0])
		}
	}
	set := slices.Contains(words, "inet") || slices.Contains(words, "inet6") || strings.ContainsAny(words[1], ".:/")
	return when(set && !slices.Contains(words, "alias"), disruptive("changes the address of %s", words[0]))
}

func judgeIP(a args) verdict {
	words := a.plain()
	if len(words) < 2 {
		return safe
	}
	switch words[1] {
	case "add", "del", "delete", "change", "replace", "flush", "set":
		return disruptive("changes interfaces or routes, perhaps ours")
	}
	return safe
}

// lifelines are services through which we reach the host.
var lifelines = []string{
	"netif", "routing", "static_routing", "network_ipv6", "pf", "ipfw", "ipfilter", "sshd", "openssh", "ssh", "dhclient", "wpa_supplicant",
	"bridge", "devd", "hostid", "networking", "NetworkManager", "systemd-networkd", "nftables", "firewalld", "wireguard",
}

func judgeService(a args) verdict {
	words := a.plain()
	if len(words) > 2 && a.opt("j") { // service -j JAIL NAME VERB
		words = words[1:]
	}
	if len(words) < 2 || !slices.Contains(lifelines, words[0]) {
		return safe
	}
	verb := words[1]
	for _, prefix := range []string{"one", "force", "fast", "quiet"} {
		verb = strings.TrimPrefix(verb, prefix)
	}
	switch verb {
	case "start", "stop", "restart", "reload", "resync":
		return disruptive("service %s %s may cut our connection", words[0], words[1])
	}
	return safe
}

func judgeSystemctl(a args) verdict {
	switch a.sub() {
	case "reboot", "poweroff", "halt", "kexec", "rescue", "emergency", "isolate", "suspend", "hibernate":
		return disruptive("takes the machine down")
	case "stop", "restart", "reload", "start", "disable", "mask":
		for _, unit := range a.after().plain() {
			if slices.Contains(lifelines, strings.TrimSuffix(unit, ".service")) {
				return disruptive("systemctl %s %s may cut our connection", a.sub(), unit)
			}
		}
	}
	return safe
}

func judgeSysctl(a args) verdict {
	for _, word := range a {
		name, _, sets := strings.Cut(word, "=")
		if !sets {
			continue
		}
		switch {
		case name == "kern.securelevel":
			return disruptive("the secure level cannot be lowered before the next boot")
		case strings.HasPrefix(name, "net.inet.ip.fw.") || strings.HasPrefix(name, "net.inet6.ip6.fw."):
			return disruptive("changes the packet filter")
		}
	}
	return safe
}

func judgeKldunload(a args) verdict {
	for _, word := range a.plain() {
		name := strings.TrimSuffix(path.Base(word), ".ko")
		if strings.HasPrefix(name, "if_") || slices.Contains([]string{"pf", "ipfw", "ipl", "zfs", "nullfs"}, name) {
			return disruptive("unloading %s may cut our connection", name)
		}
	}
	return safe
}

func judgeKill(a args) verdict {
	return when(a.names("sshd", "init", "dhclient", "devd"), disruptive("may end our own connection"))
}

func judgeFreeBSDUpdate(a args) verdict {
	for _, verb := range []string{"install", "rollback"} {
		if slices.Contains(a, verb) {
			return disruptive("freebsd-update %s replaces the running system", verb)
		}
	}
	return safe
}

func judgePkg(a args) verdict {
	switch a.sub() {
	case "delete", "remove":
		return when(a.opt("a"), disruptive("removes every package"))
	}
	return safe
}

func judgePortshaker(a args) verdict {
	asks := a.opt("VstUuIi")
	return when(a.opt("Mm") || !asks, irreversible("portshaker resets its target tree: files that are not its own are lost"))
}

func judgePoudriere(a args) verdict {
	if a.sub() == "ports" {
		return when(a.after().opt("d") && !a.after().opt("k"), irreversible("removes a ports tree and its files"))
	}
	return safe
}

func judgeVBox(a args) verdict {
	if a.long("--delete", "-delete", "--delete-all") {
		return irreversible("deletes virtual disks")
	}
	return safe
}

func judgeRsync(a args) verdict {
	if a.opt("n") || a.long("--dry-run") {
		return safe
	}
	for _, word := range a {
		if strings.HasPrefix(word, "--delete") || word == "--del" {
			return irreversible("deletes files that the source does not have")
		}
	}
	return safe
}

func judgeGit(a args) verdict {
	words := skipOptions(a, "Cc")
	if len(words) == 0 {
		return safe
	}
	rest := args(words[1:])
	switch words[0] {
	case "reset":
		return when(rest.long("--hard", "--merge"), irreversible("throws local edits away"))
	case "clean":
		return when((rest.opt("f") || rest.long("--force")) && !rest.opt("n"), irreversible("deletes files that git does not know"))
	case "checkout", "switch":
		discards := rest.opt("f") || rest.long("--force", "--discard-changes", "--") || slices.Contains(rest, ".")
		return when(discards, irreversible("throws local edits away"))
	case "restore":
		return when(!rest.long("--staged") || rest.long("--worktree"), irreversible("throws local edits away"))
	case "stash":
		return when(rest.sub() == "drop" || rest.sub() == "clear", irreversible("throws stashed edits away"))
	case "push":
		forced := rest.opt("fd") || rest.long("--force", "--force-with-lease", "--mirror", "--delete", "--prune")
		return when(forced, irreversible("overwrites or deletes what others may have pushed"))
	case "branch", "tag":
		return when(rest.opt("D") || words[0] == "tag" && rest.opt("d"), irreversible("deletes a branch or tag"))
	case "gc", "prune", "reflog":
		return when(rest.long("--prune", "expire", "delete", "--expire"), irreversible("deletes commits that nothing refers to"))
	}
	return safe
}

// system are the folders without which a machine does not work or come back,
// and those that hold everybody's data.
var system = []string{
	"/", "/bin", "/boot", "/boot/efi", "/boot/kernel", "/compat", "/dev", "/etc", "/etc/rc.d", "/etc/ssh", "/home", "/lib", "/libexec", "/rescue",
	"/root", "/root/.ssh", "/sbin", "/usr", "/usr/bin", "/usr/home", "/usr/lib", "/usr/libexec", "/usr/local", "/usr/local/bin", "/usr/local/etc", "/usr/local/lib",
	"/usr/local/libexec", "/usr/local/sbin", "/usr/sbin", "/usr/share", "/var", "/var/db", "/var/db/pkg", "/lib64", "/usr/lib64", "/opt", "/srv", "/zroot",
}

// isSystem tells whether a path, or all that is in it (/etc/*), is one of the
// system's folders.
func isSystem(file string) bool {
	if !strings.HasPrefix(file, "/") {
		return false
	}
	clean := path.Clean(file)
	for clean != "/" && (path.Base(clean) == "*" || path.Base(clean) == ".*") {
		clean = path.Dir(clean)
	}
	return slices.Contains(system, clean)
}

func judgeRemove(a args) verdict {
	recursive := a.opt("rR") || a.long("--recursive")
	for _, file := range a.plain() {
		if recursive && isSystem(file) || strings.HasSuffix(file, "*") && isSystem(file) {
			return irreversible("removes %s", path.Clean(file))
		}
		if isVital(file) {
			return irreversible("removes %s", file)
		}
	}
	return safe
}

// vital are files without which nobody logs in, or nothing boots.
var vital = []string{
	"/etc/master.passwd", "/etc/passwd", "/etc/group", "/etc/pwd.db", "/etc/spwd.db", "/etc/fstab", "/etc/rc.conf", "/etc/ssh/sshd_config",
	"/boot/loader.conf", "/boot/loader", "/boot/loader.efi", "/boot/kernel/kernel", "/boot/zfs/zpool.cache", "/bin/sh", "/sbin/init", "/usr/sbin/sshd",
}

func isVital(file string) bool { return slices.Contains(vital, path.Clean(file)) }

func judgeMove(a args) verdict {
	words := a.plain()
	for i, file := range words {
		if i < len(words)-1 && (isSystem(file) || isVital(file)) {
			return irreversible("moves %s away", path.Clean(file))
		}
	}
	return judgeOntoDisk(a)
}

func judgeTree(does string) func(args) verdict {
	return func(a args) verdict {
		if !a.opt("R") && !a.long("--recursive") {
			return safe
		}
		for _, file := range a.plain() {
			if isSystem(file) {
				return irreversible("%s all of %s", does, path.Clean(file))
			}
		}
		return safe
	}
}

func judgeFind(a args) verdict {
	worst := safe
	deletes := a.long("-delete")
	for i, word := range a {
		if (word == "-exec" || word == "-execdir" || word == "-ok") && i+1 < len(a) {
			inner := a[i+1:]
			deletes = deletes || program(inner[0]) == "rm"
			worst = worse(worst, judgeArgv(inner))
		}
	}
	for _, word := range a {
		if strings.HasPrefix(word, "-") && len(word) > 2 { // the paths stand before the tests
			break
		}
		if deletes && isSystem(word) {
			return irreversible("deletes below %s", path.Clean(word))
		}
	}
	return worst
}
