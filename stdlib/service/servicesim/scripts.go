package servicesim

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed rc.subr
var rcSubr string

// script is an rc.d script, as data.
type script struct {
	name, desc string
	rcvar      string // empty: always on
	command    string
	pidfile    string // empty: found by the command's name
	extra      string // further actions
	lines      string // what else the script says
	pkg        string // the package that brings it; empty: the base system
	modelled   bool   // the command is a program of the machine anyway
	all        bool   // it takes further arguments
	since      string // first release that has it
}

// scripts are those that the simulated machine has. Daemons are shown, not
// modelled.
var scripts = []script{
	{name: "cleanvar", desc: "Purge /var directory", rcvar: "cleanvar_enable", lines: "start_cmd=:"},
	{name: "cron", desc: "Daemon to execute scheduled commands", rcvar: "cron_enable", command: "/usr/sbin/cron", pidfile: "/var/run/cron.pid"},
	{name: "defaultroute", desc: "Wait for the default route", lines: "start_cmd=:"},
	{name: "devd", desc: "Device state change daemon", rcvar: "devd_enable", command: "/sbin/devd", pidfile: "/var/run/devd.pid"},
	{name: "devfs", desc: "Load devfs rules", lines: "start_cmd=:"},
	{name: "dhclient", desc: "Dynamic Host Configuration Protocol (DHCP) client", command: "/sbin/dhclient", pidfile: "/var/run/dhclient/dhclient.pid", modelled: true},
	{name: "hostname", desc: "Set the system's hostname", lines: "start_cmd=hostname_start\nhostname_start()\n{\n\techo \"Setting hostname: $hostname.\"\n\t/bin/hostname \"$hostname\"\n}"},
	{name: "inetd", desc: "Internet \"super-server\"", rcvar: "inetd_enable", command: "/usr/sbin/inetd", pidfile: "/var/run/inetd.pid", extra: "reload"},
	{name: "jail", desc: "Manage system jails", rcvar: "jail_enable", all: true, lines: jailLines},
	{name: "kld", desc: "Load kernel modules", since: "9.1", lines: "start_cmd=kld_start\nstop_cmd=:\nkld_start()\n{\n\t[ -n \"$kld_list\" ] || return 0\n\techo 'Loading kernel modules:'\n\tfor _kld in $kld_list; do\n\t\t/sbin/kldstat -q -n $_kld.ko >/dev/null 2>&1 || /sbin/kldload $_kld\n\tdone\n}"},
	{name: "ldconfig", desc: "Configure the shared library cache", lines: "start_cmd=:"},
	{name: "local_unbound", desc: "Local caching forwarding resolver", rcvar: "local_unbound_enable", command: "/usr/sbin/local-unbound", pidfile: "/var/run/local_unbound.pid", extra: "anchor configtest reload setup"},
	{name: "mountcritlocal", desc: "Mount critical local filesystems", lines: "start_cmd=:"},
	{name: "mountd", desc: "Service remote NFS mount requests", rcvar: "mountd_enable", command: "/usr/sbin/mountd", pidfile: "/var/run/mountd.pid", extra: "reload"},
	{name: "mountlate", desc: "Mount filesystems with \"late\" option from fstab", lines: "start_cmd=:"},
	{name: "netif", desc: "Network interface setup", all: true, lines: "start_cmd=\"/usr/libexec/rc-daemon netif start\"\nstop_cmd=\"/usr/libexec/rc-daemon netif stop\""},
	{name: "newsyslog", desc: "Logfile rotation", rcvar: "newsyslog_enable", lines: "start_cmd=:"},
	{name: "nfsd", desc: "Remote NFS server", rcvar: "nfs_server_enable", command: "/usr/sbin/nfsd"},
	{name: "ntpd", desc: "Network Time Protocol daemon", rcvar: "ntpd_enable", command: "/usr/sbin/ntpd", pidfile: "/var/run/ntpd.pid", extra: "fetch needfetch"},
	{name: "ntpdate", desc: "Set the date and time via NTP", rcvar: "ntpdate_enable", lines: "start_cmd=:"},
	{name: "pf", desc: "Packet filter", rcvar: "pf_enable", extra: "check reload resync", lines: pfLines},
	{name: "powerd", desc: "Modify the power profile based on AC line state", rcvar: "powerd_enable", command: "/usr/sbin/powerd", pidfile: "/var/run/powerd.pid"},
	{name: "routing", desc: "Routing setup", all: true, lines: "start_cmd=\"/usr/libexec/rc-daemon routing start\"\nstop_cmd=\"/usr/libexec/rc-daemon routing stop\""},
	{name: "rpcbind", desc: "Universal addresses to RPC program number mapper", rcvar: "rpcbind_enable", command: "/usr/sbin/rpcbind", pidfile: "/var/run/rpcbind.pid"},
	{name: "sendmail", desc: "Electronic mail transport agent", rcvar: "sendmail_enable", command: "/usr/sbin/sendmail", pidfile: "/var/run/sendmail.pid"},
	{name: "sshd", desc: "Secure Shell Daemon", rcvar: "sshd_enable", command: "/usr/sbin/sshd", modelled: true, pidfile: "/var/run/sshd.pid", extra: "configtest keygen reload", lines: "configtest_cmd=\"/usr/sbin/sshd -t\"\nkeygen_cmd=\"/usr/libexec/rc-daemon keygen\"\nstart_precmd=\"$keygen_cmd && $configtest_cmd\"\nreload_precmd=$configtest_cmd\nrestart_precmd=$configtest_cmd"},
	{name: "swap", desc: "Setup swap space", lines: "start_cmd=:"},
	{name: "sysctl", desc: "Set sysctl variables from /etc/sysctl.conf and /etc/sysctl.conf.local", extra: "reload", lines: "start_cmd=sysctl_start\nreload_cmd=sysctl_start\nsysctl_start()\n{\n\t[ ! -f /etc/sysctl.conf ] || /sbin/sysctl -i -f /etc/sysctl.conf >/dev/null\n}"},
	{name: "syslogd", desc: "System log daemon", rcvar: "syslogd_enable", command: "/usr/sbin/syslogd", pidfile: "/var/run/syslogd.pid", extra: "reload"},
	{name: "watchdogd", desc: "Watchdog daemon", rcvar: "watchdogd_enable", command: "/usr/sbin/watchdogd", pidfile: "/var/run/watchdogd.pid"},
	{name: "zfs", desc: "Mount and share ZFS datasets", rcvar: "zfs_enable", lines: "start_cmd=:\nstop_cmd=:"},

	{name: "apache24", desc: "Apache web server", rcvar: "apache24_enable", command: "/usr/local/sbin/httpd", pidfile: "/var/run/httpd.pid", extra: "reload graceful configtest", pkg: "apache24"},
	{name: "git_daemon", desc: "Git server", rcvar: "git_daemon_enable", command: "/usr/local/libexec/git-core/git-daemon", pkg: "git"},
	{name: "haproxy", desc: "TCP/HTTP load balancer", rcvar: "haproxy_enable", command: "/usr/local/sbin/haproxy", pidfile: "/var/run/haproxy.pid", extra: "reload configtest", pkg: "haproxy"},
	{name: "nginx", desc: "Robust and small WWW server", rcvar: "nginx_enable", command: "/usr/local/sbin/nginx", pidfile: "/var/run/nginx.pid", extra: "reload configtest upgrade gracefulstop", pkg: "nginx"},
	{name: "redis", desc: "Persistent key-value database", rcvar: "redis_enable", command: "/usr/local/bin/redis-server", pidfile: "/var/run/redis/redis.pid", pkg: "redis"},
	{name: "rsyncd", desc: "Rsync daemon", rcvar: "rsyncd_enable", command: "/usr/local/libexec/rsyncd", pidfile: "/var/run/rsyncd.pid", pkg: "rsync"},
	{name: "smartd", desc: "Monitors hard disks with S.M.A.R.T.", rcvar: "smartd_enable", command: "/usr/local/sbin/smartd", pidfile: "/var/run/smartd.pid", extra: "reload report", pkg: "smartmontools"},
	{name: "svnserve", desc: "Subversion server", rcvar: "svnserve_enable", command: "/usr/local/bin/svnserve", pidfile: "/var/run/svnserve.pid", pkg: "subversion"},
}

// jailLines is what the script of jails says: those that are named, or those of
// jail_list, or all. A jail may have a file of its own. It tells of one that does
// not start, and succeeds all the same.
const jailLines = `start_cmd="jail_start"
stop_cmd="jail_stop"
status_cmd="/usr/sbin/jls -N"
extra_commands="status"

jail_file()
{
	for _conf in "/etc/jail.$1.conf" "/etc/jail.conf.d/$1.conf" "$jail_conf"; do
		[ -r "$_conf" ] && return 0
	done
	warn "Invalid configuration for $1  (no jail.conf, no hostname, or no path).  Jail $1 was ignored."
	return 1
}

jail_start()
{
	[ $# -gt 0 ] || set -- ${jail_list:-_ALL}
	echo -n 'Starting jails:'
	if [ "$1" = _ALL ]; then
		_tmp=$(mktemp -t jail) || exit 3
		if /usr/sbin/jail $jail_flags -f "$jail_conf" -c -p1 >>"$_tmp" 2>&1; then
			for _j in $(/usr/sbin/jls name); do
				echo -n " $_j"
				/usr/sbin/jls -j "$_j" jid >"/var/run/jail_$_j.id"
			done
		else
			cat "$_tmp"
		fi
		rm -f "$_tmp"
		echo '.'
		return
	fi
	for _j in "$@"; do
		jail_file "$_j" || continue
		_tmp=$(mktemp -t jail) || exit 3
		if /usr/sbin/jail $jail_flags -i -f "$_conf" -c "$_j" >>"$_tmp" 2>&1 </dev/null; then
			echo -n " $_j"
			/usr/sbin/jls -j "$_j" jid >"/var/run/jail_$_j.id"
		else
			echo " cannot start jail  \"$_j\": "
			cat "$_tmp"
		fi
		rm -f "$_tmp"
	done
	echo '.'
}

jail_stop()
{
	[ $# -gt 0 ] || set -- ${jail_list:-_ALL}
	echo -n 'Stopping jails:'
	[ "$1" != _ALL ] || set -- $(/usr/sbin/jls name)
	for _j in "$@"; do
		jail_file "$_j" || continue
		/usr/sbin/jls -j "$_j" >/dev/null 2>&1 || continue
		echo -n " $_j"
		_tmp=$(mktemp -t jail) || exit 3
		/usr/sbin/jail -q -f "$_conf" -r "$_j" >>"$_tmp" 2>&1
		if /usr/sbin/jls -j "$_j" >/dev/null 2>&1; then
			cat "$_tmp"
		else
			rm -f "/var/run/jail_$_j.id"
		fi
		rm -f "$_tmp"
	done
	echo '.'
}`

// pfLines is what the script of the packet filter says: its start flushes all that
// the kernel has, states included, where reload keeps them.
const pfLines = `start_cmd="pf_start"
start_precmd="pf_module && pf_readable"
stop_cmd="pf_stop"
check_cmd="pf_check"
check_precmd="pf_readable"
reload_cmd="pf_reload"
reload_precmd="pf_readable"
resync_cmd="pf_resync"
resync_precmd="pf_readable"
status_cmd="pf_status"

pf_module()
{
	/sbin/kldstat -q -n pf.ko && return 0
	/sbin/kldload pf && return 0
	warn "Unable to load kernel module pf"
	return 1
}

pf_readable()
{
	[ -r "$pf_rules" ] && return 0
	warn "$pf_rules is not readable."
	return 1
}

pf_enabled()
{
	$pf_program -s info 2>/dev/null | grep -q "Status: Enabled"
}

pf_start()
{
	echo -n 'Enabling pf'
	$pf_program -F all >/dev/null 2>&1
	$pf_program -f "$pf_rules" $pf_flags
	pf_enabled || $pf_program -eq
	echo '.'
}

pf_stop()
{
	if pf_enabled; then
		echo -n 'Disabling pf'
		$pf_program -dq
		echo '.'
	fi
}

pf_check()
{
	echo 'Checking pf rules.'
	$pf_program -n -f "$pf_rules" $pf_flags
}

pf_reload()
{
	echo 'Reloading pf rules.'
	pf_resync
}

pf_resync()
{
	$pf_program -n -f "$pf_rules" $pf_flags || return 1
	$pf_program -f "$pf_rules" $pf_flags
}

pf_status()
{
	if ! /sbin/kldstat -q -n pf.ko; then
		echo 'pf.ko is not loaded'
		return 1
	fi
	$pf_program -s info
	pf_enabled
}`

func (s script) path() string {
	if s.pkg != "" {
		return "/usr/local/etc/rc.d/" + s.name
	}
	return "/etc/rc.d/" + s.name
}

// text is the script as it lies on the disk.
func (s script) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n#\n# PROVIDE: %s\n# KEYWORD: shutdown\n\n. /etc/rc.subr\n\nname=\"%s\"\ndesc=%q\n", s.name, s.name, s.desc)
	for _, f := range []struct{ name, value string }{
		{"rcvar", s.rcvar}, {"command", s.command}, {"pidfile", s.pidfile}, {"extra_commands", s.extra},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "%s=\"%s\"\n", f.name, f.value)
		}
	}
	if s.lines != "" {
		b.WriteString(s.lines + "\n")
	}
	if s.pkg != "" && s.rcvar != "" {
		fmt.Fprintf(&b, "\nload_rc_config $name\n: ${%s:=\"NO\"}\nrun_rc_command \"$1\"\n", s.rcvar)
		return b.String()
	}
	arguments := "$1"
	if s.all {
		arguments = "$@"
	}
	fmt.Fprintf(&b, "\nload_rc_config $name\nrun_rc_command \"%s\"\n", arguments)
	return b.String()
}
