package upgrade

import (
	"strings"
	"testing"

	"bsdrun/tests/outcome"
)

// local is what an administrator has changed in /etc, some of it where the release
// changes the same lines.
const local = `
pw groupadd ours -g 2000
pw useradd ops -u 2001 -g ours -m -s /bin/sh
sed -i '' -e 's/^#ChallengeResponseAuthentication.*/ChallengeResponseAuthentication no/' /etc/ssh/sshd_config
echo 'X11Forwarding no' >>/etc/ssh/sshd_config
printf 'builders:\\\n\t:cputime=2h:\\\n\t:tc=default:\n' >>/etc/login.conf
cap_mkdb /etc/login.conf
printf 'ourgit\t\t9418/tcp\n' >>/etc/services # where the new release adds git's
`

func TestMergesByPolicy(t *testing.T) {
	for _, policy := range []string{"keep", "take"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, "freebsd-13.5-zfs-mirror")
			h.byHand(local)
			r := h.upgrade(ok, with(to("14.3"), "merge", policy))

			out := h.byHand(`grep -rlE '^(<<<<<<<|=======|>>>>>>>)' /etc | wc -l; id ops; grep -c '^ntpd:' /etc/master.passwd; id -u ntpd
grep -c '^X11Forwarding no' /etc/ssh/sshd_config; grep -c '^ChallengeResponseAuthentication no' /etc/ssh/sshd_config; grep -c '^builders:' /etc/login.conf; grep -c vmemoryuse /etc/login.conf; :`)
			want := "0\nuid=2001(ops) gid=2000(ours) groups=2000(ours)\n1\n123\n1\n1\n1\n0\n"
			if got := strings.ReplaceAll(out, " ", ""); got != strings.ReplaceAll(want, " ", "") {
				t.Errorf("the machine says %q, want %q", out, want)
			}
			services := h.byHand("grep 9418/tcp /etc/services; :")
			if want := map[string]string{"keep": "ourgit\t\t9418/tcp\n", "take": "git\t\t9418/tcp\n"}[policy]; services != want {
				t.Errorf("services: %q, want %q", services, want)
			}

			for path, conflicts := range map[string]int{"/etc/ssh/sshd_config": 1, "/etc/services": 1, "/etc/login.conf": 0, "/etc/master.passwd": 0, "/etc/group": 0} {
				f := merged(t, r.Result, path)
				if f == nil {
					t.Errorf("%s is not in the report", path)
					continue
				}
				list, _ := f["conflicts"].([]any)
				if len(list) != conflicts {
					t.Errorf("%s: conflicts %v", path, list)
				}
				if diff, _ := f["diff"].(string); f["changed"] == true && path != "/etc/master.passwd" && !strings.Contains(diff, "@@") {
					t.Errorf("%s was changed, and its difference is %q", path, diff)
				}
			}
			var rebuilt []string
			list, _ := outcome.Result(t, r, "merged", "rebuilt").([]any)
			for _, file := range list {
				rebuilt = append(rebuilt, file.(string))
			}
			outcome.Lacks(t, "rebuilt", strings.Join(rebuilt, " "), "/etc/spwd.db", "/etc/login.conf.db")
		})
	}
}

// merged is what the report says of a file.
func merged(t *testing.T, result any, path string) map[string]any {
	t.Helper()
	files, _ := result.(map[string]any)["merged"].(map[string]any)["files"].([]any)
	for _, f := range files {
		if f := f.(map[string]any); f["path"] == path {
			return f
		}
	}
	return nil
}
