package service

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseStatus(t *testing.T) {
	for text, want := range map[string]struct {
		code int
		s    Status
	}{
		"sshd is running as pid 812.\n":                                 {0, Status{Exists: true, Known: true, Running: true, PIDs: []int{812}}},
		"nginx is running as pid 10 11 12.\n":                           {0, Status{Exists: true, Known: true, Running: true, PIDs: []int{10, 11, 12}}},
		"sshd is not running.\n":                                        {1, Status{Exists: true, Known: true, PIDs: []int{}}},
		"Status: Enabled for 3 days 01:02:03           Debug: Urgent\n": {0, Status{Exists: true, Known: true, Running: true, PIDs: []int{}}},
		"Status: Disabled                              Debug: Urgent\n": {0, Status{Exists: true, Known: true, PIDs: []int{}}},
		"pf.ko is not loaded\n":                                         {1, Status{Exists: true, Known: true, PIDs: []int{}}},
		"something of its own\n":                                        {0, Status{Exists: true, Known: true, Running: true, PIDs: []int{}}},
		"something else of its own\n":                                   {3, Status{Exists: true, Known: true, PIDs: []int{}}},
		"x does not exist in /etc/rc.d or the local startup\ndirectories (/usr/local/etc/rc.d), or is not executable\n":           {1, Status{PIDs: []int{}}},
		"a is running as pid 1.\nb is not running.\n":                                                                             {0, Status{Exists: true, Known: true, PIDs: []int{}}},
		"/etc/rc.d/netif: unknown directive 'status'.\nUsage: /etc/rc.d/netif [fast|force|one|quiet](start|stop|restart|rcvar)\n": {1, Status{Exists: true, PIDs: []int{}}},
	} {
		got := parseStatus("x", text, want.code)
		got.Text = ""
		if diff := cmp.Diff(want.s, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseRcvar(t *testing.T) {
	for text, want := range map[string]string{
		"# sshd : Secure Shell Daemon\n#\nsshd_enable=\"YES\"\n#   (default: \"\")\n\n": "sshd_enable",
		"# nfsd\n#\nnfs_server_enable=\"NO\"\n":                                         "nfs_server_enable",
		"# sshd\n$sshd_enable=YES\n":                                                    "sshd_enable",
		"# netif : Network interface setup\n#\n\n":                                      "",
	} {
		if got := parseRcvar(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestParseActions(t *testing.T) {
	for text, want := range map[string][]string{
		"/etc/rc.d/sshd: unknown directive 'help'.\nUsage: /etc/rc.d/sshd [fast|force|one|quiet](start|stop|restart|rcvar|enable|disable|delete|enabled|describe|extracommands|configtest|keygen|reload|status|poll)\n": {"configtest", "keygen"},
		"Usage: /etc/rc.d/sshd [fast|force|one](start|stop|restart|rcvar|keygen|reload|status|poll)\n":                                                                                                                  {"keygen"},
		"usage: something else (a|b)\n": {},
	} {
		if diff := cmp.Diff(want, parseActions(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseList(t *testing.T) {
	out := "From /etc/rc.d:\ncron\nsshd\nFrom /usr/local/etc/rc.d:\nnginx\n--enabled\n/etc/rc.d/sshd\n/usr/local/etc/rc.d/nginx\n/opt/rc.d/odd\n" +
		"--status sshd 0\nsshd is running as pid 812.\n--status nginx 1\nnginx is not running.\n--status gone 0\n\n"
	want := []Service{
		{Name: "cron"}, {Name: "nginx", Enabled: true, Local: true, Status: &Status{Exists: true, Known: true, PIDs: []int{}, Text: "nginx is not running."}},
		{Name: "odd", Enabled: true}, {Name: "sshd", Enabled: true, Status: &Status{Exists: true, Known: true, Running: true, PIDs: []int{812}, Text: "sshd is running as pid 812."}},
	}
	if diff := cmp.Diff(want, parseList(out)); diff != "" {
		t.Fatal(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sshd is running as pid 812.\n")
	f.Add("a\n--enabled\n/b\n")
	f.Fuzz(func(t *testing.T, text string) {
		parseStatus("x", text, 0)
		parseRcvar(text)
		parseActions(text)
		parseList(text)
	})
}
