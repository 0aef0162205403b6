package errors

import "testing"

// TestBecomingRootThatFails is a login whose ways to become root fail, each in its
// own way.
func TestBecomingRootThatFails(t *testing.T) {
	mine, _ := key(t)
	b := newBench(t, map[string]string{
		"mine": mine, "nothing": "", "recipe.lua": failing(`h:read("id")`),
		"nobody.lua":   failing(`h.file.put("/usr/local/etc/doas.conf", "permit nopass :nobody\n", { mode = "0600" })`),
		"password.lua": failing(`h.file.put("/usr/local/etc/doas.conf", "permit :wheel\n", { mode = "0600" })`),
	})
	b.places["at"], _ = b.serve(t, "freebsd-14.3?user=op&become=doas")
	const quiet = "-q -F nothing --identity mine --accept-new "
	const login = quiet + "recipe.lua op@$at "
	rules := func(recipe string) {
		t.Helper()
		if code, stderr := b.run(t, quiet+recipe+" root@$at"); code != 0 {
			t.Fatalf("%s: exit code %d\n%s", recipe, code, stderr)
		}
	}
	rules("nobody.lua")
	b.check(t, map[string]provoked{
		"not permitted":    {args: login + "--become=doas", code: 2, says: []string{`doas does not let us become root$`, `^    doas: Operation not permitted`, `^  hint .*doas.conf`}},
		"no such program":  {args: login + "--become=sudo", code: 2, says: []string{`the host has no sudo$`, `^  hint install it, or .*--become alone`}},
		"nobody to answer": {args: login + "--become=su", code: 75, says: []string{`nobody can answer: Password to become root`, `^  hint go on at a terminal with bsdrun resume, or .*NOPASSWD`}},
	})
	rules("password.lua")
	b.check(t, map[string]provoked{
		"a password": {args: login + "--become", code: 75, says: []string{`nobody can answer: Password to become root`, `^  hint go on at a terminal with bsdrun resume, or .*nopass`}},
	})
}
