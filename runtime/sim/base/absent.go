package base

import (
	"io"
	"strings"

	"bsdrun/runtime/sim"
)

// absentCommands are programs of the base system that are on the machine but are
// not modelled: each says so, where a missing one would be a fake "not found".
// What a binding drives (zpool, gpart, pfctl, ...) is not among them: its model
// comes with the binding.
var absentCommands = []command{
	{name: "chio ed getfacl pax red setfacl",
		dir: "/bin", flags: raw, run: absentProgram},
	{name: "adjkerntz bsdlabel ccdconfig clri comcontrol conscontrol ddb decryptcore devfs devmatch dhclient disklabel dump dumpfs dumpon " +
		"etherswitchcfg ffsinfo fsck fsck_ffs fsck_msdosfs fsck_ufs fsdb fsirand gbde gcache gconcat geli ggatec ggated ggatel " +
		"gjournal gmirror gmountver gmultipath gnop graid graid3 growfs gshsec gstripe gvirstor hastctl hastd ipf ipfstat ipfw " +
		"ipnat iscontrol kldconfig ldconfig mdconfig mdmfs mksnap_ffs mknod mount_cd9660 mount_fusefs mount_nfs " +
		"mount_udf mount_unionfs natd nvmecontrol quotacheck rcorder recoverdisk resolvconf restore routed rtsol " +
		"savecore setkey tunefs veriexec",
		dir: "/sbin", flags: raw, run: absentProgram},
	{name: "addr2line apply apropos ar as at atq atrm bc biff bunzip2 bzcat bzip2 bzip2recover c++ c++filt c89 c99 cal calendar chkey " +
		"clang++ clang-cpp col colrm compress cpio cpp csplit ctags dc diff3 dpv dtc ee elfctl elfdump ex finger flex fstat " +
		"fstyp ftp gcore gencat gprof ident indent ipcrm ipcs kdestroy kdump kgetcred kinit klist kpasswd ksu ktrace lam lastcomm ld " +
		"leave lex lldb localedef locate lock look lorder lp lpq lpr lprm lzma m4 mail mailq mailx makewhatis man mandoc mesg " +
		"mkimg mkuzip ncal ncplist newgrp nfsstat nm ntpq objcopy objdump passwd patch pathchk posixshmcontrol pr procstat proccontrol " +
		"protect quota ranlib rctl readelf renice reset resizewin rpcgen rpcinfo rs rup ruptime rusers rwall rwho script sdiff " +
		"sftp showmount size soelim ssh-add ssh-agent ssh-copy-id strip systat tabs talk telnet tftp tip " +
		"top tput truss tset ul uncompress unifdef units unlzma unvis unxz unzip users vacation vgrind vi view vis vtfontcvt wall " +
		"whatis write xz xzcat yacc ypcat ypmatch ypwhich",
		dir: "/usr/bin", flags: raw, run: absentProgram},
	{name: "ac accton acpiconf acpidump adduser apm arp audit auditd authpf automount automountd autounmountd bhyve bhyvectl bhyveload " +
		"boot0cfg bsdconfig bsdinstall certctl chkgrp chroot config cpucontrol crashinfo ctladm ctld ctm devctl devinfo " +
		"dtrace edquota efidp efivar etcupdate extattrctl fwcontrol getextattr getfmac getpmac gpioctl gstat i2c " +
		"iostat iovctl ip6addrctl kbdcontrol kgmon kldxref lastlogin lockstat lpc lpd lsextattr mailwrapper makefs makemap " +
		"memcontrol mfiutil mixer mlx5tool moused mpsutil mptutil mtree ndp newsyslog nfscbd nfsuserd ngctl nghook nscd " +
		"ntpdate ntpdc ntptime pciconf periodic pmccontrol pmcstat ppp praudit pstat quot quotaoff quotaon repquota rmextattr " +
		"rmuser route6d rtadvctl rtadvd rwhod sa setextattr setfib setfmac setpmac sesutil spkrtest spray tcpdrop " +
		"tcpdump traceroute traceroute6 trim tzsetup uefisign usbconfig usbdump vidcontrol vipw watch watchdog wlandebug " +
		"wpa_cli wpa_supplicant zdump zic zonectl",
		dir: "/usr/sbin", flags: raw, run: absentProgram},
	{name: "nologin", dir: "/usr/sbin", flags: raw, run: nologin},
	{name: "less more", dir: "/usr/bin", flags: "AaEeFfRrXxnSsiI", run: pager, live: true, usage: "usage: less [options] [file ...]"},
}

func absentProgram(p *sim.Proc, o *options) int {
	return p.Cannot("%s", strings.TrimSpace(progname(p)+" "+strings.Join(o.args, " ")))
}

// nologin is the shell of accounts that nobody logs in to.
func nologin(p *sim.Proc, _ *options) int {
	p.Printf("This account is currently not available.\n")
	return 1
}

// pager copies its input, as less does when its output is no terminal.
func pager(p *sim.Proc, o *options) int {
	if p.TTY {
		return p.Cannot("%s on a terminal", progname(p))
	}
	return eachInput(p, o.args, func(_ string, r io.Reader) error {
		_, err := io.Copy(p.Stdout, r)
		return err
	})
}
