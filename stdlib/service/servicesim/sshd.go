package servicesim

import (
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// sshd is sshd(8) as far as it is run by hand: -t checks the configuration, -T shows it.
func sshd(p *sim.Proc) int {
	config, check, show := "/etc/ssh/sshd_config", false, false
	args := p.Args[1:]
	for len(args) > 0 {
		switch {
		case args[0] == "-t":
			check = true
		case args[0] == "-T":
			check, show = true, true
		case args[0] == "-C" && len(args) > 1: // whom Match blocks would look at
			args = args[1:]
		case args[0] == "-f" && len(args) > 1:
			config, args = args[1], args[1:]
		default:
			return p.Cannot("sshd %s", args[0])
		}
		args = args[1:]
	}
	if !check {
		return foreground(p)
	}
	src, err := p.FS().ReadFile(config)
	if err != nil {
		p.Errorf("%s: %s\n", config, sim.ErrText(err))
		return 1
	}
	parsed, err := sim.ParseSSHDConfig(config, src)
	if err != nil {
		p.Errorf("%s", err)
		return 255
	}
	if show {
		p.Printf("%s", parsed.Effective())
	}
	return 0
}

// reloads has a running sshd start anew when it is told to; with a configuration
// that it does not understand that is its end.
func reloads(m *sim.Machine, p *sim.Process) {
	p.Catch(syscall.SIGHUP, func() {
		if m.StartSSHD() != nil {
			_ = m.Kill(vfs.Root, p.PID, syscall.SIGKILL)
			forget(m, "sshd")
		}
	})
}
