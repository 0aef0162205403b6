package base

import (
	"context"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
)

func TestDate(t *testing.T) {
	try(t, []sample{
		{"date", "Mon Nov  3 08:00:00 UTC 2025\n", "", 0},
		{"date -r 1577979020 '+%Y-%m-%d %H:%M:%S %a %j %s'", "2020-01-02 15:30:20 Thu 002 1577979020\n", "", 0},
		{"date -j -f %Y-%m-%d 2020-02-29 +%d.%m.%Y", "29.02.2020\n", "", 0},
		{"date -j -f '%Y-%m-%d %H:%M:%S' '2020-01-02 15:30:20' +%s", "1577979020\n", "", 0},
		{"date -j -f '%b %e %T %Y' 'Jan  2 15:30:20 2020' +%s", "1577979020\n", "", 0},
		{"date -j -f %s 1577979020 +%F", "2020-01-02\n", "", 0},
		{"date -jf %Y-%m-%dT%H:%M:%S%z 2020-01-02T15:30:20+0100 +%s", "1577975420\n", "", 0},
		{"date -j 202001021530.20 +%s", "1577979020\n", "", 0},
		{"date -v+1d +%F; date -v-1m +%F; date -v+1y -v1m -v1d +%F; date -v-2H +%H; date -v0H -v0M -v0S +%T", "2025-11-04\n2025-10-03\n2026-01-01\n06\n00:00:00\n", "", 0},
		{"date -j -f %F -v-1m 2020-03-31 +%F", "2020-02-29\n", "", 0},
		{"date -j -f %F -v+mon 2020-01-01 +%F; date -j -f %F -v1d -v+1m -v-1d -v-fri 2020-02-15 +%F", "2020-01-06\n2020-02-28\n", "", 0},
		{"date -v+1x", "", "date: +1x: Cannot apply date adjustment\n" + dateUsage, 1},
		{"date -u -Iseconds -r 0; date -I -r 0", "1970-01-01T00:00:00+00:00\n1970-01-01\n", "", 0},
		{"date -R -r 0", "Thu, 01 Jan 1970 00:00:00 +0000\n", "", 0},
		{"TZ=Europe/Berlin date -r 0 '+%Z %z %H'", "CET +0100 01\n", "", 0},
		{"touch -t 202001021530.20 f; date -r f +%s", "1577979020\n", "", 0},
		{"date -j -f %Y x", "", "Failed conversion of ``x'' using format ``%Y''\ndate: illegal time format\n" + dateUsage, 1},
		{"date -d tomorrow", "", "date: illegal option -- d\n" + dateUsage, 1},
		{"date 202001010000", "", "the simulator can't: set the clock with date\n", 70},
		{"date -r 1577979020 +%-d.%-m", "2.1\n", "", 0},
		{"sleep 90; date +%T", "08:01:30\n", "", 0},
	})
}

func TestSystem(t *testing.T) {
	try(t, []sample{
		{"uname; uname -r; uname -m; uname -p; uname -K; uname -sr", "FreeBSD\n14.3-RELEASE\namd64\namd64\n1403000\nFreeBSD 14.3-RELEASE\n", "", 0},
		{"UNAME_r=13.5-RELEASE uname -r", "13.5-RELEASE\n", "", 0},
		{"freebsd-version; freebsd-version -kru", "14.3-RELEASE\n14.3-RELEASE\n14.3-RELEASE\n14.3-RELEASE\n", "", 0},
		{"hostname; hostname -s; hostname -d", "box.example.org\nbox\nexample.org\n", "", 0},
		{"hostname new.example.org; hostname", "new.example.org\n", "", 0},
		{"tty; tty -s", "not a tty\n", "", 1},
		{"stty size", "", "stty: stdin isn't a terminal\n", 1},
		{"logger -t me hello there; tail -n1 /var/log/messages", "Nov  3 08:00:00 new me: hello there\n", "", 0},
		{"getent passwd root; getent group wheel; getent passwd nosuch", "root:*:0:0:Charlie &:/root:/bin/sh\nwheel:*:0:root\n", "", 2},
		{"getent nosuch x", "", "getent: unknown database: nosuch\n", 1},
		{"getconf PAGESIZE; getconf NOSUCH", "4096\n", "getconf: no such configuration parameter `NOSUCH'\n", 64},
		{"which ls sh nosuch", "/bin/ls\n/bin/sh\n", "", 1},
		{"whereis -b ls", "ls: /bin/ls\n", "", 0},
		{"[ $(nproc) -gt 0 ] && [ $(getconf NPROCESSORS_ONLN) = $(nproc) ]", "", "", 0},
		{"kenv -q nosuch; kenv kernelname", "/boot/kernel/kernel\n", "", 0},
		{"locale charmap; LC_ALL=C locale charmap", "UTF-8\nUS-ASCII\n", "", 0},
		{"c++ -o x x.cc", "", "the simulator can't: c++ -o x x.cc\n", 70},
		{"jls", "   JID  IP Address      Hostname                      Path\n", "", 0},
	})
}

func TestOlderRelease(t *testing.T) {
	m, err := sim.New(sim.Options{Name: "old", Profile: "freebsd-13.5", Tools: Tools()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	out, errs, code := sh(t, m, "root", "ifconfig vtnet0 | head -1; uname -r; sha256sum /etc/hosts")
	if out != "vtnet0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500\n13.5-RELEASE\n" || errs != "sha256sum: not found\n" || code != 127 {
		t.Errorf("%q %q %d", out, errs, code)
	}
}

func TestProcessTable(t *testing.T) {
	try(t, []sample{
		{"sleep 100 & p=$!; sleep 1; ps -o pid= -p $p | tr -d ' ' | grep -cx $p; ps -o command= -p $p; kill $p; wait $p; echo $?", "1\nsleep 100\n143\n", "", 0},
		{"ps -p 99999 -o pid=", "", "", 1},
		{"ps -axo pid,comm | head -2 | tail -1 | tr -s ' '", " 1 init\n", "", 0},
		{"ps -o nosuch", "", "ps: nosuch: keyword not found\nps: no valid keywords; valid keywords:\n", 1},
		{"sleep 100 & sleep 1; pgrep -x sleep >/dev/null; echo $?; pgrep -f '^sleep 100' | wc -l | tr -d ' '; pkill -x sleep; sleep 1; pgrep -x sleep", "0\n1\n", "", 1},
		{"pgrep", "", pgrepUsage, 2},
		{"pgrep nosuchprocess", "", "", 1},
		{"/bin/kill 99999", "", "kill: 99999: No such process\n", 1},
		{"/bin/kill -l 15", "TERM\n", "", 0},
		{"killall nosuch", "No matching processes were found\n", "", 1},
		{"sleep 100 & sleep 1; killall -s sleep | sed 's/[0-9]*$/N/'; killall sleep", "kill -TERM N\n", "", 0},
		{"timeout 5 sleep 10; echo $?; timeout --preserve-status 5 sleep 10; echo $?", "124\n143\n", "", 0},
		{"timeout 5 nosuch", "", "timeout: exec(nosuch): No such file or directory\n", 127},
		{"timeout x sleep 1", "", "timeout: duration is not a number\n", 125},
		{"/usr/bin/time -p sleep 2", "", "real 2.00\nuser 0.00\nsys 0.00\n", 0},
		{"lockf -k -t 0 l echo held", "held\n", "", 0},
		{"lockf -k l sleep 5 & sleep 1; lockf -k -t 0 l echo no; echo $?; lockf -s -k -t 0 l true; echo $?; lockf -k -t 9 l echo got", "75\n75\ngot\n", "lockf: l: already locked\n", 0},
		{"lockf l sh -c 'exit 3'; echo $?; ls", "3\n", "", 0},
		{"env nosuch", "", "env: nosuch: No such file or directory\n", 127},
		{"env -S 'A=1 sh -c \"exit 4\"'", "", "", 4},
		{"env -P /bin ls /etc/rc.conf", "/etc/rc.conf\n", "", 0},
		{"nohup sh -c 'exit 2'", "", "", 2},
		{"sleep 3 & pwait $!; date +%S | sed 's/^0//' | awk '{print ($1 >= 3)}'; pwait 99999; sleep 9 & pwait -t 1 $!; echo $?", "1\n124\n", "pwait: 99999: No such process\n", 0},
		{"uuidgen | grep -Ecx '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'; uuidgen -n 3 | sort -u | wc -l | tr -d ' '", "1\n3\n", "", 0},
		{"(sleep 2; echo b >>f; sleep 2; echo c >>f) & echo a >f; timeout 7 tail -f f; echo $?", "a\nb\nc\n124\n", "", 0},
		{"(sleep 2; mv f g; echo b >f; sleep 4) & echo a >f; timeout 9 tail -F f; echo $?", "a\nb\n124\n", "", 0},
	})
}

func TestDaemon(t *testing.T) {
	try(t, []sample{
		{"daemon -p /tmp/w/pid sleep 100; sleep 1; ps -o command= -p $(cat pid); daemon -p /tmp/w/pid true 2>/dev/null; echo $?; kill $(cat pid); sleep 1; ls",
			"sleep 100\n3\n", "", 0},
		{"daemon -f -o /tmp/w/log sh -c 'echo out; echo err >&2'; sleep 1; cat log", "out\nerr\n", "", 0},
		{"daemon -P /tmp/w/sup -r sleep 5; sleep 1; ps -o comm= -p $(cat sup); kill $(cat sup); sleep 2; pgrep -f 'sleep 5'; ls", "daemon\n", "", 0},
		{"daemon -u nosuch true", "", "daemon: unknown user: nosuch\n", 1},
		{"daemon -u www -o /tmp/w/log id -un; sleep 1; cat log", "www\n", "", 0},
		{"daemon", "", "usage: daemon [-cfHrS] [-p child_pidfile] [-P supervisor_pidfile]\n              [-u user] [-o output_file] [-t title]\n" +
			"              [-l syslog_facility] [-s syslog_priority]\n              [-T syslog_tag] [-m output_mask] [-R restart_delay_secs]\n" +
			"              [-C restart_count]\ncommand arguments ...\n", 1},
	})
}

func TestUsers(t *testing.T) {
	try(t, []sample{
		{"id; id -un; id www; id -Gn; groups; whoami", "uid=0(root) gid=0(wheel) groups=0(wheel),5(operator)\nroot\nuid=80(www) gid=80(www) groups=80(www)\nwheel operator\nwheel operator\nroot\n", "", 0},
		{"id nosuch", "", "id: nosuch: no such user\n", 1},
		{"pw useradd alice -c 'Alice' -m -s sh -G wheel,operator && pw usershow alice && id alice && ls -A /home/alice", "alice:*:1001:1001::0:0:Alice:/home/alice:/bin/sh\n" +
			"uid=1001(alice) gid=1001(alice) groups=1001(alice),0(wheel),5(operator)\n.cshrc\n.profile\n.shrc\n", "", 0},
		{"pw useradd alice", "", "pw: login name `alice' already exists\n", 65},
		{"pw user mod alice -s /usr/sbin/nologin -d /nonexistent && pw usershow -7 alice", "alice:*:1001:1001:Alice:/nonexistent:/usr/sbin/nologin\n", "", 0},
		{"pw usermod alice -G operator; id -Gn alice", "alice operator\n", "", 0},
		{"pw lock alice; pw usershow alice | cut -d: -f2; pw lock alice; pw unlock alice; pw usershow alice | cut -d: -f2", "*LOCKED**\n*\n", "pw: user 'alice' is already locked\n", 0},
		{"pw groupadd crew -g 2000 -M alice && pw groupshow crew && pw groupmod crew -m www && pw groupmod crew -d alice && pw groupshow crew", "crew:*:2000:alice\ncrew:*:2000:www\n", "", 0},
		{"pw groupadd crew", "", "pw: group name `crew' already exists\n", 65},
		{"pw groupmod crew -m alice -M www -d www; pw groupmod crew -d nosuch && pw groupshow crew", "crew:*:2000:www\n", "", 0},
		{"pw groupadd 'a b'", "", "pw: invalid character ` ' at position 1 in userid/group name\n", 65},
		{"pw useradd ed && stat -f '%Lp %Su %z' /var/mail/ed && pw usermod ed -d /nowhere && pw userdel ed && ls /var/mail/ed", "600 ed 0\n", "pw: WARNING: home `/nowhere' does not exist\nls: /var/mail/ed: No such file or directory\n", 1},
		{"pw groupdel crew; pw groupshow crew", "", "pw: unknown group `crew'\n", 65},
		{"pw usershow nosuch", "", "pw: no such user `nosuch'\n", 67},
		{"pw userdel -n alice && id alice", "", "id: alice: no such user\n", 1},
		{"grep -c alice /etc/passwd /etc/master.passwd /etc/group", "/etc/passwd:0\n/etc/master.passwd:0\n/etc/group:0\n", "", 1},
		{"stat -f %Lp /etc/master.passwd /etc/passwd", "600\n644\n", "", 0},
		{"pw usernext", "1001:1001\n", "", 0},
		{"pw useradd carl -w random | cut -c1-23; pw useradd dora -w yes; grep -c '^carl:.6\\|^dora:.6' /etc/master.passwd; pw userdel carl; pw userdel dora", "Password for 'carl' is:\n2\n", "", 0},
		{"echo secret | pw useradd bob -m -h 0 && grep '^bob:' /etc/master.passwd | cut -c1-7", "bob:$6$\n", "", 0},
		{"su bob -c 'id -un; echo $HOME $USER; cat /etc/master.passwd'", "bob\n/home/bob bob\n", "cat: /etc/master.passwd: Permission denied\n", 1},
		{"su - bob -c pwd", "/home/bob\n", "", 0},
		{"su -l bob -c 'pw useradd x'", "", "pw: you must be root to run this program\n", 77},
		{"su bob -c 'touch /etc/x; mkdir /root/x; rm -f /etc/rc.conf'", "", "touch: /etc/x: Permission denied\nmkdir: /root/x: Permission denied\nrm: /etc/rc.conf: Permission denied\n", 1},
		{"su bob -c 'su root -c id'", "", "su: Sorry\n", 1},
		{"su nosuch", "", "su: unknown login: nosuch\n", 1},
		// GNU's order gives a class.
		{"su -c 'id -un' bob", "", "su: unknown class: id -un\n", 1},
		{"su -c default bob -c 'id -un'", "bob\n", "", 0},
		{"su bob -c 'shutdown -r now'", "", "shutdown: NOT super-user\n", 1},
		{"su bob -c 'kill -9 1'; su bob -c '/bin/kill 1'", "", "kill: 1: Operation not permitted\nkill: 1: Operation not permitted\n", 1},
		{"chpass -s /bin/csh bob; pw usershow bob | cut -d: -f10", "/bin/csh\n", "chpass: user information updated\n", 0},
		{"su bob -c 'chown bob /etc/hosts; chmod 777 /etc/hosts'", "", "chown: /etc/hosts: Operation not permitted\nchmod: /etc/hosts: Operation not permitted\n", 1},
	})
}

func TestCrontab(t *testing.T) {
	try(t, []sample{
		{"crontab -l", "", "crontab: no crontab for root\n", 1},
		{"echo '*/5 * * * * true' | crontab - && crontab -l; head -1 /var/cron/tabs/root", "*/5 * * * * true\n# DO NOT EDIT THIS FILE - edit the master and reinstall.\n", "", 0},
		{"echo '99 * * * * true' | crontab -", "", "\"-\":1: bad minute\ncrontab: errors in crontab file, can't install\n", 1},
		{"printf 'A=b\\n@daily true\\n0 4 * jan mon true\\n' >c; crontab -u www c; crontab -u www -l", "A=b\n@daily true\n0 4 * jan mon true\n", "", 0},
		// All of the input is installed; what is shown lacks up to three first comments.
		{"printf '# a\\n# b\\n@daily true\\n' | crontab - && crontab -l && grep -c . /var/cron/tabs/root", "# a\n# b\n@daily true\n6\n", "", 0},
		{"printf '# a\\n# b\\n@daily true\\n' >/var/cron/tabs/root; crontab -l", "@daily true\n", "", 0},
		{"crontab -u nosuch -l", "", "crontab: user `nosuch' unknown\n", 1},
		{"crontab -r; crontab -r", "", "crontab: no crontab for root\n", 1},
		{"crontab nofile", "", "crontab: nofile: No such file or directory\n", 1},
	})
}

func TestNetworkCommands(t *testing.T) {
	try(t, []sample{
		{"ifconfig -l; ifconfig em9", "vtnet0 lo0\n", "ifconfig: interface em9 does not exist\n", 1},
		{"ifconfig -f inet:cidr vtnet0 inet", "vtnet0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500\n\tinet 192.0.2.10/24 broadcast 192.0.2.255\n", "", 0},
		{"ifconfig -g lo", "lo0\n", "", 0},
		{"ifconfig lo0 promisc", "", "the simulator can't: ifconfig promisc\n", 70},
		{"netstat -rn -f inet | sed -n '3,5p'", "Internet:\nDestination        Gateway            Flags        Netif Expire\ndefault            192.0.2.1          UGS         vtnet0\n", "", 0},
		{"route -n get default | sed -n '/gateway/p;/interface/p'", "    gateway: 192.0.2.1\n  interface: vtnet0\n", "", 0},
		{"route -n get -inet6 default", "", "route: route has not been found\n", 1},
		{"sockstat -4 -l -p 22 | awk 'NR==1{print $1,$2} NR==2{print $2,$5,$6,$7}'", "USER COMMAND\nsshd tcp4 *:22 *:*\n", "", 0},
		{"sockstat -6q -P tcp | awk '{print $2,$4,$5,$6}'", "sshd 3 tcp6 *:22\n", "", 0},
		{"netstat -an -p tcp | tail -2 | awk '{print $1,$4,$5,$6}'", "tcp4 *.22 *.* LISTEN\ntcp6 *.22 *.* LISTEN\n", "", 0},
		{"netstat -an -f inet6 -p tcp | wc -l; netstat -n | wc -l", "       3\n       2\n", "", 0},
		{"netstat -L", "", "the simulator can't: netstat -L\n", 70},
		{"ping -c 1 192.0.2.1 | head -2", "PING 192.0.2.1 (192.0.2.1): 56 data bytes\n64 bytes from 192.0.2.1: icmp_seq=0 ttl=64 time=0.321 ms\n", "", 0},
		{"ping -q -c 2 198.51.100.7 | tail -1; ping -c 1 -t 1 198.51.100.7 >/dev/null", "2 packets transmitted, 0 packets received, 100.0% packet loss\n", "", 2},
		{"ping -c1 nosuch.invalid", "", "ping: cannot resolve nosuch.invalid: Name does not resolve\n", 68},
		{"host nosuch.invalid", "Host nosuch.invalid not found: 3(NXDOMAIN)\n", "", 1},
		{"host www.example.org | sed 's/address .*/address/'", "www.example.org has address\n", "", 0},
		{"fetch http://nosuch.invalid/x", "", "fetch: http://nosuch.invalid/x: No address record\n", 1},
		{"fetch -q -o - file:///etc/hosts | cmp - /etc/hosts", "", "", 0},
		{"fetch file:///nofile", "", "fetch: file:///nofile: No such file or directory\n", 1},
		{"nc -z localhost 22; nc -zv localhost 23", "", "nc: connect to localhost port 23 (tcp) failed: Connection refused\n", 1},
	})
}

func bootCount(m *sim.Machine) int {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	return s.Boot.Count
}

func TestShutdownReboots(t *testing.T) {
	m := newMachine(t)
	out, _, code := sh(t, m, "root", "shutdown -r now")
	if code != 0 || !strings.HasPrefix(out, "Shutdown NOW!\nshutdown: [pid ") {
		t.Fatalf("%q, code %d", out, code)
	}
	before := bootCount(m)
	if err := m.Clock().Sleep(context.Background(), 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := bootCount(m); got != before+1 {
		t.Errorf("%d boots, want %d", got, before+1)
	}
}

func TestPower(t *testing.T) {
	for _, c := range []struct {
		command string
		wait    time.Duration
		boots   int
		down    bool
	}{
		{"reboot", 5 * time.Minute, 2, false},
		{"shutdown -r +10", 5 * time.Minute, 1, false},
		{"shutdown -r +10", 15 * time.Minute, 2, false},
		{"shutdown -k +1 'only a warning'", 5 * time.Minute, 1, false},
		{"shutdown -p now", 5 * time.Minute, 1, true},
		{"halt", 5 * time.Minute, 1, true},
	} {
		m := newMachine(t)
		sh(t, m, "root", c.command)
		if err := m.Clock().Sleep(context.Background(), c.wait); err != nil {
			t.Fatal(err)
		}
		if bootCount(m) != c.boots || m.Down() != c.down {
			t.Errorf("%s, %v later: %d boots, down %t; want %d, %t", c.command, c.wait, bootCount(m), m.Down(), c.boots, c.down)
		}
	}
	try(t, []sample{
		{"shutdown", "", "usage: shutdown [-] [-c | -h | -p | -r | -k] [-o [-n]] time [warning-message ...]\n       poweroff\n", 1},
		{"shutdown -r 0001010000", "", "shutdown: that time is already past.\n", 1},
		{"nextboot -k nosuch", "", "nextboot: /boot/nosuch/kernel doesn't exist. Use -f to override.\n", 1},
		{"nextboot -f -k test; cat /boot/nextboot.conf; nextboot -D; ls /boot/nextboot.conf", "nextboot_enable=\"YES\"\nkernel=\"test\"\n", "WARNING: loader(8) has only R/O support for ZFS\nnextboot.conf will NOT be reset in case of kernel boot failure\nls: /boot/nextboot.conf: No such file or directory\n", 1},
	})
}

func TestShutdownIsCancelledByKill(t *testing.T) {
	m := newMachine(t)
	before := bootCount(m)
	_, errs, code := sh(t, m, "root", "shutdown -r +5 'for a while' && pkill shutdown")
	if code != 0 {
		t.Fatalf("code %d: %s", code, errs)
	}
	if err := m.Clock().Sleep(context.Background(), 20*time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := bootCount(m); got != before {
		t.Errorf("%d boots, want %d", got, before)
	}
}
