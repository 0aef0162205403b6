package base

import (
	"fmt"

	"bsdrun/runtime/sim"
)

// lddUsage is ldd(1)'s.
const lddUsage = "usage: ldd [-a] [-v] [-f format] program ..."

var lddCommands = []command{
	{name: "ldd", dir: "/usr/bin", flags: "a", run: ldd, usage: lddUsage},
}

// ldd lists the libraries that programs were linked with, as ldd(1). Of those only
// the ones of one release and libc are modelled.
func ldd(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		p.Errorf("%s\n", lddUsage)
		return 1
	}
	code := 0
	for _, file := range o.args {
		if !listLinked(p, file) {
			code = 1
		}
	}
	return code
}

func listLinked(p *sim.Proc, file string) bool {
	if _, err := p.FS().Stat(file); err != nil {
		p.Errorf("ldd: %s: No such file or directory\n", file)
		return false
	}
	library, where, ok := p.Machine.Linked(p.FS().Abs(file))
	if !ok {
		p.Errorf("ldd: %s: not a dynamic executable\n", file)
		return false
	}
	p.Printf("%s:\n", file)
	if library != "" {
		if where != "" {
			where = fmt.Sprintf("%s (0x80026b000)", where)
		} else {
			where = "not found (0)"
		}
		p.Printf("\t%s => %s\n", library, where)
	}
	p.Printf("\tlibc.so.7 => /lib/libc.so.7 (0x8003a1000)\n")
	return true
}
