package layer

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

func TestClassification(t *testing.T) {
	const s, d, i = effect.Safe, effect.Disruptive, effect.Irreversible
	for _, c := range []struct {
		text string
		want effect.Risk
	}{
		{"zpool upgrade", s}, {"zpool upgrade -v", s}, {"zpool upgrade zroot", i}, {"zpool upgrade -a", i}, {"zpool upgrade -V 28 tank", i},
		{"zpool status -x", s}, {"zpool destroy tank", i}, {"zpool create tank da1", s}, {"zpool create -f tank da1", i}, {"zpool create -n -f tank da1", s},
		{"zpool labelclear -f da1", i}, {"zpool split zroot new", i}, {"zpool split -n zroot new", s}, {"zpool import -F tank", i}, {"zpool import tank", s},
		{"zfs list", s}, {"zfs destroy zroot/x", i}, {"zfs destroy -nv zroot/x", s}, {"zfs rollback -r zroot@a", i}, {"zfs rollback zroot@a", d},
		{"zfs receive -F tank/x", i}, {"zfs receive tank/x", s}, {"zfs upgrade", s}, {"zfs upgrade -a", i}, {"zfs snapshot -r zroot@now", s},
		{"gpart show", s}, {"gpart destroy -F ada0", i}, {"gpart delete -i 1 ada0", i}, {"gpart bootcode -b /boot/pmbr ada0", d},
		{"gpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 ada0", i}, {"gpart restore ada0", i}, {"gpart backup ada0", s},
		{"newfs /dev/ada0p2", i}, {"newfs_msdos -F 32 /dev/ada0p1", i}, {"mkfs.ext4 /dev/sda1", i},
		{"dd if=/dev/zero of=/dev/ada0 bs=1m", i}, {"dd if=/dev/ada0 of=/tmp/image", s}, {"dd if=/dev/zero of=/dev/null", s},
		{"pfctl -nf /etc/pf.conf", s}, {"pfctl -f /etc/pf.conf", d}, {"pfctl -sr", s}, {"pfctl -F all", d}, {"pfctl -d", d}, {"pfctl -k 192.0.2.1", d},
		{"pfctl -t bad -T show", s}, {"pfctl -t bad -T add 192.0.2.1", d}, {"ipfw list", s}, {"ipfw -q flush", d},
		{"shutdown -r now", d}, {"reboot", d}, {"poweroff", d}, {"init 6", d},
		{"service netif restart", d}, {"service pf start", d}, {"service sshd onerestart", d}, {"service sshd status", s}, {"service nginx restart", s},
		{"service routing restart", d}, {"/etc/rc.d/netif stop em0", d}, {"/usr/local/etc/rc.d/nginx restart", s}, {"systemctl restart ssh.service", d},
		{"ifconfig", s}, {"ifconfig em0", s}, {"ifconfig em0 down", d}, {"ifconfig lo1 create", s}, {"ifconfig em0 inet 192.0.2.5/24", d},
		{"ifconfig em0 inet 192.0.2.6/32 alias", s}, {"ifconfig em0 192.0.2.6 -alias", d}, {"route add default 192.0.2.1", d}, {"route -n get default", s},
		{"git status", s}, {"git pull --ff-only", s}, {"git reset --hard origin/main", i}, {"git -C /usr/ports reset --hard", i}, {"git reset --soft HEAD~1", s},
		{"git clean -fdx", i}, {"git clean -n", s}, {"git checkout -- .", i}, {"git checkout main", s}, {"git push --force", i}, {"git push", s},
		{"rm -rf /", i}, {"rm -rf /usr/local", i}, {"rm -rf /etc/*", i}, {"rm -rf /usr/ports", s}, {"rm -rf /tmp/work", s}, {"rm /etc/fstab", i},
		{"rm -r -f /var/db/", i}, {"rm -rf ./etc", s}, {"mv /etc /etc.old", i}, {"mv /tmp/a /etc/rc.conf", s}, {"chown -R nobody /usr", i}, {"chown -R nobody /usr/ports", s},
		{"find / -name core -delete", i}, {"find /tmp -name core -delete", s}, {"find /etc -exec rm {} +", i}, {"find /usr/ports -exec zfs destroy {} ;", i},
		{"rsync -a --delete /a/ /b/", i}, {"rsync -an --delete /a/ /b/", s}, {"rsync -a /a/ /b/", s},
		{"poudriere ports -d -p default", i}, {"poudriere ports -k -d -p default", s}, {"poudriere bulk -j j x/y", s}, {"portshaker -M", i}, {"portshaker -U", s}, {"portshaker", i},
		{"VBoxManage unregistervm web --delete", i}, {"VBoxManage list vms", s}, {"geli init /dev/ada1", i}, {"gmirror label gm0 ada0", i}, {"gmirror status", s},
		{"bectl destroy old", i}, {"bectl list", s}, {"bectl activate new", d}, {"camcontrol sanitize ada0 -a crypto", i}, {"sysctl kern.securelevel=2", d}, {"sysctl kern.ostype", s},
		{"kldunload if_em", d}, {"kldload pf", s}, {"kldload ipfw", d}, {"freebsd-update fetch", s}, {"freebsd-update install", d}, {"pkg delete -fa", d}, {"pkg install -y git", s},
		{"killall sshd", d}, {"kill -HUP 1", d}, {"kill 4711", s}, {"pw userdel web -r", i}, {"crontab -r", i}, {"crontab -l", s},
		// through what only runs another command
		{"sudo -u root zpool destroy tank", i}, {"doas zpool destroy tank", i}, {"env A=1 /sbin/zpool upgrade -a", i}, {"nice -n 5 timeout 10 reboot", d},
		{"sh -c 'zpool destroy tank'", i}, {"sh -ec 'echo x; zfs destroy a/b'", i}, {"su root -c 'zpool export tank'", d}, {"jexec www rm -rf /etc", i},
		{"xargs -n 1 zfs destroy", i}, {"daemon -f -p /var/run/x.pid reboot", d}, {"ssh backup zpool destroy tank", i}, {"nohup sh -c reboot", d}, {"echo zpool destroy tank", s},
		// shell text
		{"for p in a b; do zpool destroy $p; done", i}, {"if true; then :; else (cd / && reboot); fi", d}, {"x=$(zfs destroy a/b)", i}, {"f() { zpool upgrade -a; }; f", i},
		{"cat image > /dev/da0", i}, {"echo x >/dev/null 2>&1", s}, {"sh <<'EOF'\nzpool destroy tank\nEOF", i}, {"cat <<EOF\nzpool destroy tank\nEOF", s},
		{"zpool list | while read p; do zpool upgrade \"$p\"; done", i}, {"rm -rf \"$dir\"/*", i}, {"rm -rf \"$dir\"", s}, {"true && false || halt", d},
		{"echo 'unfinished\nzpool destroy tank", i}, {"tee /dev/ada0 < image", i}, {"cp image /dev/da0", i}, {"zpool \\\n destroy tank", i}, {"'zpool' \"destroy\" tank", i},
	} {
		got, note := ClassifyShell(c.text)
		if got != c.want {
			t.Errorf("%s: %v (%s), want %v", c.text, got, note, c.want)
		}
		if got != s && note == "" {
			t.Errorf("%s: no reason is given", c.text)
		}
	}
}

func TestArgvIsNotShell(t *testing.T) {
	if risk, _ := Classify([]string{"echo", "; zpool destroy tank"}); risk != effect.Safe {
		t.Errorf("a word of echo is %v", risk)
	}
	if risk, _ := Classify([]string{"zpool", "destroy", "my tank"}); risk != effect.Irreversible {
		t.Errorf("zpool destroy is %v", risk)
	}
	for _, argv := range [][]string{nil, {""}, {"sudo"}, {"env", "A=1"}, {"timeout"}, {"sh", "-c"}, {"git"}, {"git", "-C"}, {"dd"}, {"find"}, {"cp"}, {"ifconfig", "-l"}} {
		if risk, _ := Classify(argv); risk != effect.Safe {
			t.Errorf("%q is %v", argv, risk)
		}
	}
}

func FuzzClassifyShell(f *testing.F) {
	for _, seed := range []string{"zpool destroy x", "if", "$(", "a <<E\nE", "find / -exec", "sh -c", "sudo -", "su -c 'sh -c \"x\"'"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		ClassifyShell(text)
		Classify(strings.Fields(text))
	})
}

func TestRiskIsRaisedForTheScriptsOwnCommandsOnly(t *testing.T) {
	ctx := context.Background()
	var seen effect.Effect
	h := Risk()(effect.DoerFunc(func(_ context.Context, e effect.Effect) (effect.Result, error) {
		seen = e
		return effect.Result{}, nil
	}))
	destroy := []string{"zpool", "destroy", "tank"}
	if _, err := h.Do(ctx, effect.Effect{Op: "run", Kind: effect.Change, Argv: destroy}); err != nil || seen.Risk != effect.Irreversible || seen.Note == "" {
		t.Errorf("%+v, %v", seen, err)
	}
	if _, err := h.Do(ctx, effect.Effect{Op: "zpool.destroy", Kind: effect.Change, Argv: destroy}); err != nil || seen.Risk != effect.Safe {
		t.Errorf("a binding's own judgement was overruled: %v, %v", seen.Risk, err)
	}
	_, err := h.Do(ctx, effect.Effect{Op: "read", Kind: effect.Read, Argv: destroy})
	if effect.KindOf(err) != effect.Invalid || !strings.Contains(effect.AsError(err).Hint, "h:run") {
		t.Errorf("a query that destroys a pool: %v", err)
	}
}
