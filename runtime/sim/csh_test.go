package sim_test

import (
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
)

// Root's login shell is csh on 13: a command must reach sh through it, and sh's
// own language must not pass.
func TestCshAsLoginShell(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: "freebsd-13.5"})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, m)
	for _, test := range []struct {
		command, out string
		code         int
	}{
		{`exec /bin/sh -c 'x="a b"; echo "$x" $0; exit 3'`, "a b /bin/sh\n", 3},
		{`exec /bin/sh -c 'eval "$(printf "\145\143\150\157\40\150\151")"'`, "hi\n", 0},
		{`echo "$HOME" a\ b 'c  d'; echo second && echo third`, "/root a b c  d\nsecond\nthird\n", 0},
		{`x=1; echo $x`, "x=1: Command not found.\n", 1},
		{`echo $(date)`, "Illegal variable name.\n", 1},
		{`echo a 2>&1`, "Ambiguous output redirect.\n", 1},
		{`echo $nosuch`, "nosuch: Undefined variable.\n", 1},
		{`nosuchcommand`, "nosuchcommand: Command not found.\n", 1},
		{`echo 'open`, "Unmatched '''.\n", 1},
		{`set x = 1`, "the simulator can't: run this in csh: its command set\n", sim.CannotCode},
	} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.CombinedOutput(test.command)
		code := 0
		var exit *ssh.ExitError
		if asExit(err, &exit) {
			code = exit.ExitStatus()
		}
		if string(out) != test.out || code != test.code {
			t.Errorf("%s\nprinted %q and ended with %d, want %q and %d", test.command, out, code, test.out, test.code)
		}
	}
	if len(m.CannotLog()) != 1 {
		t.Errorf("%q", m.CannotLog())
	}
}
