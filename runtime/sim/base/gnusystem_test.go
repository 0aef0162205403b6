package base

import "testing"

func TestLinuxShowsItself(t *testing.T) {
	m := newLinux(t)
	for _, c := range []struct {
		script, out, errs string
		code              int
	}{
		{"uname -a", "Linux kvmhost 6.1.0-28-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22) x86_64 GNU/Linux\n", "", 0},
		{". /etc/os-release; echo $ID $VERSION_ID; cat /etc/debian_version", "debian 12\n12.9\n", "", 0},
		{"hostname; hostname -f; nproc; id -un; echo $PATH", "kvmhost\nkvmhost.example.org\n8\nroot\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n", "", 0},
		{"ip route show default; ip -4 -br addr; ip -o -4 addr show enp1s0", "default via 192.0.2.1 dev enp1s0 onlink \n" +
			"lo               UNKNOWN        127.0.0.1/8 \nenp1s0           UP             192.0.2.10/24 \n" +
			"2: enp1s0     inet 192.0.2.10/24 brd 192.0.2.255 scope global enp1s0\\       valid_lft forever preferred_lft forever\n", "", 0},
		{"ip link show nosuch", "", "Device \"nosuch\" does not exist.\n", 1},
		{"ip nonsense", "", "Object \"nonsense\" is unknown, try \"ip help\".\n", 1},
		{"ss -Hltn | awk '{print $1,$4}'", "LISTEN [::]:22\nLISTEN 0.0.0.0:22\n", "", 0},
		{"systemctl is-active ssh nosuch; systemctl is-enabled libvirtd", "active\ninactive\nenabled\n", "", 0},
		{"systemctl stop cron; systemctl is-active cron; systemctl start cron; systemctl show -p ActiveState --value cron", "inactive\nactive\n", "", 0},
		{"systemctl disable cron; systemctl is-enabled cron", "disabled\n", "Removed \"/etc/systemd/system/multi-user.target.wants/cron.service\".\n", 1},
		{"systemctl restart nosuch", "", "Failed to restart nosuch.service: Unit nosuch.service not found.\n", 5},
		{"dpkg-query -W -f '${Version} ${Status}\\n' qemu-utils", "1:7.2+dfsg-7+deb12u12 install ok installed\n", "", 0},
		{"dpkg-query -W nosuch", "", "dpkg-query: no packages found matching nosuch\n", 1},
		{"df -PBG / | tail -n 1 | awk '{print $1,$2,$6}'; df --output=target,fstype /run", "/dev/vda1 400G /\nMounted on Type\n/run       tmpfs\n", "", 0},
		{"lsblk -dno NAME,SIZE,TYPE; lsblk -nro NAME,MOUNTPOINT", "vda 400G disk\nvda \nvda1 /\n", "", 0},
		{"mount | grep ' on / '; findmnt -no FSTYPE /; grep ' / ' /proc/mounts | cut -d' ' -f1-3", "/dev/vda1 on / type ext4 (rw,relatime,errors=remount-ro)\next4\n/dev/vda1 / ext4\n", "", 0},
		{"sleep 100; cut -d. -f1 /proc/uptime", "100\n", "", 0},
		{"sysctl -n net.ipv6.bindv6only; sysctl -q -w vm.swappiness=10; cat /proc/sys/vm/swappiness; sysctl no.such", "0\n10\n", "sysctl: cannot stat /proc/sys/no/such: No such file or directory\n", 1},
		{"mkdir /mnt/a; mount -t tmpfs -o size=1M none /mnt/a; df --output=size -k /mnt/a | tail -n 1; umount /mnt/a; umount /mnt/a", "     1024\n", "umount: /mnt/a: not mounted.\n", 32},
		{"free -b | awk '/^Mem/{print $2}'; grep MemTotal /proc/meminfo", "34359738368\nMemTotal:       33554432 kB\n", "", 0},
		{"echo a >/dev/null; ls -l /dev/null | cut -c1-10; head -c 4 /dev/urandom | wc -c", "crw-rw-rw-\n4\n", "", 0},
		{"apt-get install x", "", "the simulator can't: apt-get install x: packages of a machine with Linux cannot be changed\n", 70},
		{"sysrc a=b", "", "sh: 1: sysrc: not found\n", 127},
	} {
		out, errs, code := sh(t, m, "root", c.script)
		if out != c.out || errs != c.errs || code != c.code {
			t.Errorf("%s\n  out  %q\n  want %q\n  err  %q\n  want %q\n  code %d, want %d", c.script, out, c.out, errs, c.errs, code, c.code)
		}
	}
}
