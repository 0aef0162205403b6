// Package openssh holds the clients of OpenSSH that the simulated machine has: ssh,
// scp, ssh-keygen and ssh-keyscan, as scripts use them. They speak the real protocol
// with the sshd of another machine of the network.
package openssh

import (
	"fmt"
	"strings"

	"bsdrun/runtime/sim"
)

// Tools lists the clients.
func Tools() []*sim.Tool {
	tool := func(name string, run func(p *sim.Proc) int) *sim.Tool {
		return &sim.Tool{Name: name, Paths: []string{"/usr/bin/" + name}, Run: run}
	}
	return []*sim.Tool{
		tool("ssh", runSSH), tool("scp", runSCP), tool("ssh-keygen", runKeygen), tool("ssh-keyscan", runKeyscan),
	}
}

// option is a letter that was given, with its argument.
type option struct{ letter, arg string }

// getopt reads options as getopt(3) does, up to the first operand. In letters, one
// followed by ':' takes an argument. The error is getopt's message.
func getopt(args []string, letters string) (options []option, rest []string, err error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		cluster := args[0][1:]
		args = args[1:]
		if cluster == "-" {
			break
		}
		for cluster != "" {
			letter := cluster[:1]
			cluster = cluster[1:]
			i := strings.Index(letters, letter)
			switch {
			case i < 0 || letter == ":":
				return nil, nil, fmt.Errorf("unknown option -- %s", letter)
			case i+1 == len(letters) || letters[i+1] != ':':
				options = append(options, option{letter, ""})
				continue
			case cluster == "" && len(args) == 0:
				return nil, nil, fmt.Errorf("option requires an argument -- %s", letter)
			case cluster == "":
				cluster, args = args[0], args[1:]
			}
			options = append(options, option{letter, cluster})
			break
		}
	}
	return options, args, nil
}

// fatal is what OpenSSH says before it gives up.
func fatal(p *sim.Proc, format string, args ...any) int {
	p.Errorf("%s\r\n", fmt.Sprintf(format, args...))
	return 255
}

// linux tells whether the machine's libc speaks as glibc does.
func linux(p *sim.Proc) bool { return p.Machine.OS() == "Linux" }
