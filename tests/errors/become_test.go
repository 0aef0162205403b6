package errors

import (
	"bytes"
	"strings"
	"testing"

	"github.com/creack/pty"
)

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
	wrong := provoked{args: login + "--become --color never", code: 2, says: []string{`doas rejects the password`, `^  hint .*login user's own password`}}
	t.Run("a wrong password", func(t *testing.T) {
		code, said := b.typed(t, wrong.args, "Password to become root", "wrong")
		wrong.judge(t, code, said)
	})
}

// typed runs bsdrun at a terminal, where somebody answers a question each time that
// it is asked.
func (b *bench) typed(t *testing.T, args, question, answer string) (code int, said string) {
	t.Helper()
	cmd := b.command(t, args)
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	var out bytes.Buffer
	answered := 0
	for chunk := make([]byte, 4096); ; {
		n, err := terminal.Read(chunk)
		out.Write(chunk[:n])
		for ; answered < strings.Count(out.String(), question); answered++ {
			if _, err := terminal.WriteString(answer + "\n"); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil { // it has left
			break
		}
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), strings.ReplaceAll(out.String(), "\r\n", "\n")
}
