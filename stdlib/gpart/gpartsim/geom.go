package gpartsim

import (
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// geom is geom(8): of its classes part, label and disk are modelled.
func geom(p *sim.Proc) int {
	if len(p.Args) < 3 {
		if len(p.Args) == 2 && p.Args[1] == "-t" {
			return p.Cannot("geom -t")
		}
		p.Errorf("usage: geom <class> <command> [options]\n       geom -p provider\n       geom -t\n")
		return 1
	}
	switch strings.ToLower(p.Args[1]) {
	case "part":
		return run(p, p.Args[2:])
	case "label":
		return labels(p, p.Args[2:])
	case "disk":
		return disks(p, p.Args[2:])
	}
	return p.Cannot("%s", strings.Join(p.Args, " "))
}

func glabel(p *sim.Proc) int {
	if len(p.Args) < 2 {
		p.Errorf("usage: glabel create [-v] name dev\n       glabel destroy [-fv] name ...\n       glabel label [-v] name dev\n       glabel stop [-fv] name ...\n" +
			"       glabel clear [-v] dev ...\n       glabel dump dev ...\n       glabel refresh dev ...\n       glabel list [-a] [name ...]\n       glabel status [-ags] [name ...]\n")
		return 1
	}
	return labels(p, p.Args[1:])
}

// labels is glabel: the labels that are in /dev/gpt now.
func labels(p *sim.Proc, args []string) int {
	c := command{name: args[0], options: "ags"}
	if args[0] != "status" && args[0] != "list" {
		return p.Cannot("glabel %s", strings.Join(args, " "))
	}
	c.run = func(k *call) error {
		k.labels(args[0] == "list")
		return nil
	}
	return c.start(p, args[1:])
}

func (k *call) labels(long bool) {
	var rows [][3]string
	for _, device := range k.s.Devices {
		d, part := k.s.Provider(device)
		if part == nil || !strings.HasPrefix(device, "gpt/") {
			continue
		}
		rows = append(rows, [3]string{device, "N/A", d.PartName(part)})
		if !long {
			continue
		}
		size, sector := part.Size*d.SectorSize(), d.SectorSize()
		k.Printf("Geom name: %[1]s\nProviders:\n1. Name: %[2]s\n   Mediasize: %[3]d (%[4]s)\n   Sectorsize: %[5]d\n   Mode: r0w0e0\n   secoffset: 0\n   offset: 0\n   seclength: %[6]d\n   length: %[3]d\n   index: 0\n"+
			"Consumers:\n1. Name: %[1]s\n   Mediasize: %[3]d (%[4]s)\n   Sectorsize: %[5]d\n   Mode: r0w0e0\n\n", d.PartName(part), device, size, human(size), sector, part.Size)
	}
	if !long {
		k.rows(rows)
	}
}

func disks(p *sim.Proc, args []string) int {
	if args[0] != "list" && args[0] != "status" {
		return p.Cannot("geom disk %s", strings.Join(args, " "))
	}
	c := command{name: args[0], options: "ags"}
	c.run = func(k *call) error {
		var rows [][3]string
		for _, d := range k.s.Disks {
			if d.Gone || len(k.args) > 0 && !contains(k.args, d.Name) {
				continue
			}
			rows = append(rows, [3]string{d.Name, "N/A", "N/A"})
			if args[0] == "list" {
				k.Printf("Geom name: %[1]s\nProviders:\n1. Name: %[1]s\n   Mediasize: %[2]d (%[3]s)\n   Sectorsize: %[4]d\n   Mode: %[5]s\n   descr: %[6]s\n   ident: %[7]s\n   rotationrate: unknown\n   fwsectors: 63\n   fwheads: 16\n\n",
					d.Name, d.Size, human(d.Size), d.SectorSize(), mode(d), d.Model, d.Serial)
			}
		}
		for _, name := range k.args {
			if k.s.Disk(strings.TrimPrefix(name, "/dev/")) == nil {
				return refuse("Class 'DISK' does not have an instance named '%s'.", name)
			}
		}
		if args[0] == "status" {
			k.rows(rows)
		}
		return nil
	}
	return c.start(p, args[1:])
}

func mode(d *state.Disk) string {
	if d.Table != nil {
		return "r1w1e2"
	}
	return "r0w0e0"
}

func diskinfo(p *sim.Proc) int {
	args, verbose := p.Args[1:], false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-v":
			verbose = true
		case "-s", "-p", "-c", "-i", "-t", "-S", "-w", "-wS", "-ct", "-cit":
			if args[0] != "-s" {
				return p.Cannot("diskinfo %s", args[0])
			}
			return serials(p, args[1:])
		default:
			return diskinfoUsage(p)
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return diskinfoUsage(p)
	}
	s := p.Machine.State()
	s.Lock()
	defer s.Unlock()
	code := 0
	for _, name := range args {
		d, part := s.Provider(name)
		if d == nil {
			p.Errorf("diskinfo: %s: No such file or directory\n", name)
			code = 1
			continue
		}
		size, offset := d.Size, int64(0)
		if part != nil {
			size, offset = part.Size*d.SectorSize(), part.Start*d.SectorSize()
		}
		sectors := size / d.SectorSize()
		if !verbose {
			p.Printf("%s\t%d\t%d\t%d\t0\t%d\t%d\t16\t63\n", name, d.SectorSize(), size, sectors, offset, sectors/(16*63))
			continue
		}
		p.Printf("%s\n\t%-12d\t# sectorsize\n\t%-12d\t# mediasize in bytes (%s)\n\t%-12d\t# mediasize in sectors\n\t%-12d\t# stripesize\n\t%-12d\t# stripeoffset\n\t%-12d\t# Cylinders according to firmware.\n\t16          \t# Heads according to firmware.\n\t63          \t# Sectors according to firmware.\n",
			name, d.SectorSize(), size, human(size), sectors, 0, offset, sectors/(16*63))
		if part == nil {
			p.Printf("\t%s\t# Disk descr.\n\t%s\t# Disk ident.\n", d.Model, d.Serial)
		}
		p.Printf("\n")
	}
	return code
}

// serials is diskinfo -s.
func serials(p *sim.Proc, names []string) int {
	if len(names) == 0 {
		return diskinfoUsage(p)
	}
	s := p.Machine.State()
	s.Lock()
	defer s.Unlock()
	code := 0
	for _, name := range names {
		if d, _ := s.Provider(name); d != nil {
			p.Printf("%s\n", d.Serial)
			continue
		}
		p.Errorf("diskinfo: %s: No such file or directory\n", name)
		code = 1
	}
	return code
}

func diskinfoUsage(p *sim.Proc) int {
	p.Errorf("usage: diskinfo [-citSvw] disk ...\n       diskinfo [-l] [-p] disk ...\n       diskinfo [-l] [-s] disk ...\n")
	return 1
}

func camcontrol(p *sim.Proc) int {
	if len(p.Args) < 2 {
		p.Errorf("usage:  camcontrol <command>  [device id][generic args][command args]\n        camcontrol devlist    [-b] [-v]\n")
		return 1
	}
	if p.Args[1] != "devlist" || len(p.Args) > 2 {
		return p.Cannot("%s", strings.Join(p.Args, " "))
	}
	if p.Cred.UID != 0 {
		p.Errorf("camcontrol: couldn't open /dev/xpt0: Permission denied\n")
		return 1
	}
	s := p.Machine.State()
	s.Lock()
	defer s.Unlock()
	for n, d := range s.Disks {
		if !d.Gone {
			p.Printf("%-33s  at scbus%d target 0 lun 0 (pass%d,%s)\n", "<"+d.Model+" 1.0>", n, n, d.Name)
		}
	}
	return 0
}
