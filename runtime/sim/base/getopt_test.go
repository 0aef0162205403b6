package base

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

func TestGetopt(t *testing.T) {
	plain := command{flags: "ab:c", usage: "usage: x"}
	long := command{flags: "ab:c", long: "alpha=a beta:=b gamma? between", usage: "usage: x"}
	stops := command{flags: "+ab:c", long: "alpha=a", usage: "usage: x"}
	numbers := command{flags: "ab:", negatives: true, usage: "usage: x"}
	for _, c := range []struct {
		command command
		args    string
		list    string // options as name=arg
		rest    string
		errs    string
	}{
		{plain, "-a -b 1 -c f", "a= b=1 c=", "f", ""},
		{plain, "-acb1 f -a", "a= c= b=1", "f -a", ""},
		{plain, "-a -- -b", "a=", "-b", ""},
		{plain, "- -a", "", "- -a", ""},
		{plain, "-ab", "", "", "x: option requires an argument -- b\nusage: x\n"},
		{plain, "-z", "", "", "x: illegal option -- z\nusage: x\n"},
		{plain, "-:", "", "", "x: illegal option -- :\nusage: x\n"},
		{plain, "--alpha", "", "", "x: illegal option -- -\nusage: x\n"},
		{long, "f -a g --beta 2 h", "a= b=2", "f g h", ""},
		{long, "--beta=3 --alp --gamma --gamma=4", "b=3 a= gamma= gamma=4", "", ""},
		{long, "--be", "", "", "x: option `--be' is ambiguous\nusage: x\n"},
		{long, "--alpha=1", "", "", "x: option doesn't take an argument -- alpha\nusage: x\n"},
		{long, "--beta", "", "", "x: option requires an argument -- beta\nusage: x\n"},
		{long, "--nosuch=1", "", "", "x: unrecognized option `--nosuch=1'\nusage: x\n"},
		{long, "-z", "", "", "x: invalid option -- z\nusage: x\n"},
		{stops, "-a f -c", "a=", "f -c", ""},
		{numbers, "-a -5 -b", "a=", "-5 -b", ""},
		{numbers, "-b -5 -.5", "b=-5", "-.5", ""},
	} {
		var errs bytes.Buffer
		p := &sim.Proc{Args: append([]string{"/bin/x"}, strings.Fields(c.args)...), Stderr: &errs}
		o, code := c.command.getopt(p)
		if errs.String() != c.errs {
			t.Errorf("%s: said %q, want %q", c.args, errs.String(), c.errs)
		}
		if (o == nil) != (c.errs != "") || o == nil && code != 1 {
			t.Errorf("%s: %v, code %d", c.args, o, code)
		}
		if o == nil {
			continue
		}
		var list []string
		for _, opt := range o.list {
			list = append(list, fmt.Sprintf("%s=%s", opt.name, opt.arg))
		}
		if got := strings.Join(list, " "); got != c.list || strings.Join(o.args, " ") != c.rest {
			t.Errorf("%s: %q and %q, want %q and %q", c.args, got, o.args, c.list, c.rest)
		}
	}
}

// Every option that a usage line shows in its first brackets is known, at least
// as one that is not modelled.
func TestUsageOptionsAreKnown(t *testing.T) {
	for _, topic := range [][]command{fileCommands, copyCommands, permCommands, listCommands, statCommands, diskCommands, mountCommands, textCommands, sortCommands,
		columnCommands, layoutCommands, digestCommands, encodeCommands, dumpCommands, wrapCommands, lockCommands, userCommands, systemCommands, powerCommands,
		cronCommands, databaseCommands, resolveCommands, fetchCommands, grepCommands, sedCommands} {
		for _, c := range topic {
			if c.flags == raw {
				continue
			}
			for line := range strings.Lines(c.usage) {
				_, cluster, ok := strings.Cut(line, "[-")
				if !ok {
					continue
				}
				cluster, _, _ = strings.Cut(cluster, "]")
				if strings.ContainsAny(cluster, " |=") || strings.HasPrefix(cluster, "-") {
					continue
				}
				for _, letter := range cluster {
					if !strings.ContainsRune(c.flags, letter) {
						t.Errorf("%s: -%c is in the usage but not in %q", c.name, letter, c.flags)
					}
				}
			}
		}
	}
}
