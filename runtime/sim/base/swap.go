package base

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim"
)

// swapDevices are those named, or with -a those of fstab.
func swapDevices(p *sim.Proc, o *options) []string {
	if !o.has("aAU") {
		return o.args
	}
	var list []string
	for _, e := range p.Machine.Fstab() {
		if e.Type == "swap" && !slices.Contains(e.Options, "noauto") {
			list = append(list, e.Source)
		}
	}
	return list
}

func swapOn(p *sim.Proc, o *options) int {
	devices := swapDevices(p, o)
	if len(devices) == 0 && !o.has("aA") {
		return o.wrong(p)
	}
	code := 0
	for _, device := range devices {
		switch {
		case slices.Contains(swapping(p), device):
			if !o.has("aA") {
				code = errx(p, "%s: device already in use", device)
			}
		case p.Cred.UID != 0:
			code = errx(p, "%s: Operation not permitted", device)
		case !exists(p, device):
			code = errx(p, "%s: No such file or directory", device)
		case !p.Machine.SwapOn(device):
			code = errx(p, "%s: Device busy", device)
		default:
			p.Machine.Devices()
			if !o.has("q") {
				p.Printf("%s: adding %s as swap device\n", progname(p), device)
			}
		}
	}
	return code
}

func swapOff(p *sim.Proc, o *options) int {
	devices := swapDevices(p, o)
	if len(devices) == 0 && !o.has("aU") {
		return o.wrong(p)
	}
	code := 0
	for _, device := range devices {
		switch {
		case p.Cred.UID != 0:
			code = errx(p, "%s: Operation not permitted", device)
		case !p.Machine.SwapOff(device):
			if !o.has("aU") {
				code = errx(p, "%s: Invalid argument", device)
			}
		default:
			p.Machine.Devices()
			if !o.has("q") {
				p.Printf("%s: removing %s as swap device\n", progname(p), device)
			}
		}
	}
	return code
}

func swapCtl(p *sim.Proc, o *options) int {
	switch {
	case o.has("A"):
		return swapOn(p, o)
	case o.has("U"):
		return swapOff(p, o)
	case o.has("l"):
		p.Printf("Device:       1024-blocks     Used:\n")
		for _, device := range swapping(p) {
			p.Printf("%-16s %8d %8d\n", device, p.Machine.DeviceSize(device)>>10, 0)
		}
		return 0
	}
	return p.Cannot("swapctl %s", strings.Join(p.Args[1:], " "))
}

// swapping lists the devices the machine swaps on.
func swapping(p *sim.Proc) []string {
	s := p.Machine.State()
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.Swap)
}
