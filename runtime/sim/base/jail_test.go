package base

import (
	"context"
	"testing"

	"bsdrun/runtime/sim"
)

// jailhost is a machine with three jails.
func jailhost(t *testing.T) func(script string) (out, errs string, code int) {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "jailhost", Name: "box", Tools: Tools()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return func(script string) (string, string, int) { return m.Exec(context.Background(), "root", script) }
}

func tryJails(t *testing.T, samples []sample) {
	t.Helper()
	run := jailhost(t)
	for _, s := range samples {
		out, errs, code := run(s.script)
		if out != s.out || errs != s.errs || code != s.code {
			t.Errorf("%s\n out  %q\n want %q\n err  %q\n want %q\n code %d, want %d", s.script, out, s.out, errs, s.errs, code, s.code)
		}
	}
}

// What runs in a jail has the jail's root, and neither .. nor a link leads out.
func TestJailRoot(t *testing.T) {
	tryJails(t, []sample{
		{"echo host >/etc/mark; ln -s /etc /usr/jails/www/link; jexec www cat /link/mark", "", "cat: /link/mark: No such file or directory\n", 1},
		{"cat /usr/jails/www/link/mark", "host\n", "", 0},
		{"jexec www sh -c 'cd /../../etc && pwd; echo jail >/link/mark; cat /../etc/mark'; cat /usr/jails/www/etc/mark /etc/mark", "/etc\njail\njail\nhost\n", "", 0},
		{"ln -s ../../../../etc/mark /usr/jails/www/up; jexec www cat /up; jexec www realpath /up", "jail\n/etc/mark\n", "", 0},
		{"jexec www hostname; jexec db hostname; hostname", "www.example.org\ndb.example.org\nbox.example.org\n", "", 0},
		{"jexec www pwd; jexec -d /usr/bin www pwd; jexec -l -U root www sh -c 'pwd; echo $USER'", "/\n/usr/bin\n/root\nroot\n", "", 0},
		{"jexec www sh -c 'sleep 100 & ps -ax -o command | grep -c [s]bin/init'", "0\n", "", 1},
		{"jexec www reboot; jexec www shutdown -r now; jexec www mount -t tmpfs tmpfs /mnt", "",
			"reboot: Operation not permitted\nshutdown: Operation not permitted\nmount: tmpfs: Operation not permitted\n", 1},
		{"jexec www ifconfig lo1 10.0.0.77/32 alias >/dev/null 2>&1 || echo no; ifconfig lo1 | grep -c 10.0.0.77", "no\n0\n", "", 1},
		{"freebsd-version -j www; freebsd-version -j nosuch", "14.3-RELEASE\n", "freebsd-version: jail \"nosuch\" not found\n", 1},
		{"jexec www mount | grep -c ' on '", "1\n", "", 0},
		{"pw useradd only; jexec www id only", "", "id: only: no such user\n", 1},
		{"jexec nosuch ls", "", "jexec: jail \"nosuch\" not found\n", 1},
		{"jexec www nosuch", "", "jexec: execvp: nosuch: No such file or directory\n", 1},
		{"jexec -U nobody2 www id", "", "jexec: nobody2: no such user\n", 1},
	})
}

// A jail brings its addresses and file systems, and takes them away again.
func TestJailStartsAndStops(t *testing.T) {
	const addresses = "; ifconfig lo1 inet | grep -o 'inet [0-9.]*' | tr '\\n' ' '"
	tryJails(t, []sample{
		{"jls -N | awk '{ print $1, $2 }'", "JID IP\nwww 10.0.0.2\ndb 10.0.0.3\nmail 10.0.0.4\n", "", 0},
		{"jail -r www" + addresses, "www: removed\ninet 10.0.0.1 inet 10.0.0.3 inet 10.0.0.4 ", "", 0},
		{"mount | grep -c /usr/jails/www/dev; jls -j www; jail -r www", "0\n", "jls: jail \"www\" not found\njail: \"www\" not found\n", 1},
		{"jail -c name=aside persist path=/tmp; jls -j aside path; jail -r aside", "/tmp\n", "", 0},
		{"sed -i '' 's/^www {/www { persist;/' /etc/jail.conf; jail -c www" + addresses, "www: created\ninet 10.0.0.1 inet 10.0.0.3 inet 10.0.0.4 inet 10.0.0.2 ", "", 0},
		{"jail -c www; jail -c nosuch", "", "jail: \"www\" already exists\njail: \"nosuch\" not found\n", 1},
		{"jail -m name=www host.hostname=other; jls -j www host.hostname", "other\n", "", 0},
		{"jls -j www -n name ip4.addr ip6.addr persist vnet; jls -j www ip6.addr; jls nosuch", "name=www ip4.addr=10.0.0.2 ip6.addr= persist vnet=inherit\n-\n", "jls: unknown parameter: nosuch\n", 1},
		{"printf 'x { path = /nonesuch; persist; }\\n' >/tmp/j; jail -f /tmp/j -c x", "", "jail: x: path /nonesuch: No such file or directory\n", 1},
		{"printf 'x { path = /; ip4.addr = \"lo9|10.9.0.1\"; persist; }\\n' >/tmp/j; jail -f /tmp/j -c x", "",
			"ifconfig: interface lo9 does not exist\njail: x: /sbin/ifconfig lo9 inet 10.9.0.1 netmask 255.255.255.255 alias: failed\n", 1},
		{"printf 'x { path = /; persist; exec.prestart = \"echo before\"; exec.start = \"/usr/bin/false\"; ip4.addr = \"lo1|10.0.0.9\"; }\\n' >/tmp/j; jail -f /tmp/j -c x; ifconfig lo1 | grep -c 10.0.0.9", "before\nx: created\n0\n",
			"jail: x: /usr/bin/false: failed\n", 1},
		{"printf 'x { path = /; persist; nosuch = 1; }\\n' >/tmp/j; jail -f /tmp/j -c x", "", "jail: x: unknown parameter: nosuch\n", 1},
	})
}

// The grammar of jail.conf, and what its reader says against a file.
func TestJailConf(t *testing.T) {
	show := func(text string) string { return "cat >/tmp/j <<'END'\n" + text + "END\njail -f /tmp/j -e '|'" }
	tryJails(t, []sample{
		{show("path = /j/$name; # all\n$bridge = \"br 0\";\na { a.b += x, y; ip4.addr = \"${bridge}|1.2.3.4\"; }\n// no\n/* no */ b { path = \"/other\"'/'$name; exec.start += one; exec.start += two; nopersist; }\n"),
			"name=a|path=/j/a|a.b=x,y|ip4.addr=br 0|1.2.3.4\nname=b|path=/other/b|exec.start=one,two|nopersist\n", "", 0},
		{show("web.* { x = 1; }\nweb.one { }\nother { }\n* { y; }\n"), "name=web.one|x=1|y\nname=other|y\n", "", 0},
		{show("a { path = $nope; }\n"), "name=a|path\n", "jail: a: path: variable \"nope\" not found\n", 0},
		{show("a { path = /x }\n"), "", "jail: /tmp/j line 1: }: syntax error\n", 1},
		{show("a {\n\tpath = /x;\n"), "", "jail: /tmp/j line 3: syntax error\n", 1},
		{show("a {\n\tpath = \"/x;\n}\n"), "", "jail: /tmp/j line 2: unterminated string\n", 1},
		{show("$x = 1;\n.include \"/tmp/inc*\";\nb { z = $x; }\n"), "name=b|z=1\n", "", 0},
		{"echo 'c { w; }' >/tmp/inc1; " + show(".include \"/tmp/inc*\";\n"), "name=c|w\n", "", 0},
		{"jail -f /nonesuch -c x", "", "jail: /nonesuch: No such file or directory\n", 1},
		{"jail -f /tmp/j -r bsdrun.syntax", "", "jail: \"bsdrun.syntax\" not found\n", 1},
	})
}
