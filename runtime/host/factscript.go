package host

// FactsScript prints what ParseFacts reads: sections of commands' outputs, each
// after a line "== name". It works on FreeBSD since 8 and on Linux, asks for
// nothing and never fails: what is not there stays out.
const FactsScript = `echo "== uname"; uname -s; uname -r; uname -m; uname -p; uname -n
echo "== id"; id
echo "== method $(echo ${DOAS_USER:+doas} ${SUDO_USER:+sudo})"
echo "== login ${SUDO_USER:-${DOAS_USER:-$(logname 2>/dev/null)}}"
echo "== mount"; mount 2>/dev/null | grep ' on / '
if [ -r /proc/sys/kernel/random/boot_id ] && ! [ -e /boot/kernel ]; then
{ read -r b </proc/sys/kernel/random/boot_id; read -r u _ </proc/uptime; read -r _ m _ </proc/meminfo; } 2>/dev/null
echo "== linux"; echo "boot_id $b"; echo "uptime $u"; echo "memory $m"; echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null)"
if [ -d /sys/firmware/efi ]; then echo "bootmethod UEFI"; fi
if [ -e /dev/zfs ]; then echo "zfs yes"; fi
for d in /sys/block/*; do case "$d" in */loop*|*/ram*|*/zram*|*/dm-*|*/md*|*/sr*|*/fd*|*'*') ;; *) echo "disk ${d##*/}";; esac; done
echo "== iproute"; ip route show default 2>/dev/null
echo "== ipaddr"; ip -o addr 2>/dev/null
else
echo "== version"; freebsd-version -k 2>/dev/null; freebsd-version -u 2>/dev/null
echo "== now $(date +%s)"
echo "== sysctl"; sysctl kern.boottime machdep.bootmethod hw.ncpu hw.physmem kern.disks security.jail.jailed vfs.zfs.version.spa 2>/dev/null
echo "== route"; route -n get default 2>/dev/null
echo "== ifconfig"; ifconfig 2>/dev/null
echo "== jls"; jls name 2>/dev/null
if [ -x /usr/local/sbin/pkg ]; then echo "== pkg"; pkg info -e FreeBSD-runtime >/dev/null 2>&1 && echo base; fi
fi
echo "== end"; :
`
