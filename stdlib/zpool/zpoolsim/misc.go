package zpoolsim

import (
	"fmt"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

type machine = sim.Machine

// history is zpool history.
func (c *call) history() int {
	pools, ok := c.pools(c.Operands)
	for _, pool := range pools {
		c.Printf("History for '%s':\n", pool.Name)
		for _, e := range pool.History {
			c.Printf("%s %s", e.When.UTC().Format("2006-01-02.15:04:05"), e.Command)
			if c.Has("l") {
				c.Printf(" [user %s (%s) on %s]", e.User, c.userName(e.User), c.Machine.Name)
			}
			c.Printf("\n")
		}
		c.Printf("\n")
	}
	if !ok {
		return 1
	}
	return 0
}

// userName is the name of a user by number.
func (c *call) userName(uid string) string {
	data, _ := c.Machine.View(c.Cred, "/").ReadFile("/etc/passwd")
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == uid {
			return f[0]
		}
	}
	return uid
}

// events is zpool events: those of scrubs alone are known.
func (c *call) events() int {
	switch {
	case c.Has("f") || c.Has("v"):
		return c.Cannot("zpool events -f and -v")
	case c.Has("c"):
		c.Printf("cleared 0 events\n")
		return 0
	}
	if !c.Has("H") {
		c.Printf("%-30s %s\n", "TIME", "CLASS")
	}
	pools, ok := c.pools(c.Operands)
	line := func(t fmt.Stringer, class string) { c.Printf("%s\t%s\n", t, class) }
	for _, pool := range pools {
		for _, e := range pool.History {
			line(stamp(e.When.UTC().Format("Jan _2 2006 15:04:05.000000000")), "sysevent.fs.zfs.history_event")
		}
		if s := pool.Scan; s != nil && s.State == zfs.Finished {
			line(stamp(s.End.UTC().Format("Jan _2 2006 15:04:05.000000000")), "sysevent.fs.zfs."+strings.ToLower(s.Function)+"_finish")
		}
	}
	if !ok {
		return 1
	}
	return 0
}

type stamp string

func (s stamp) String() string { return string(s) }

// iostat is zpool iostat, once: averages since the pool was imported, of a
// machine that is nearly idle.
func (c *call) iostat() int {
	switch {
	case c.interval() || c.Value("T") != "":
		return c.Cannot("zpool iostat again and again")
	case c.Has("l") || c.Has("q") || c.Has("r") || c.Has("w") || c.Value("c") != "" || c.Has("H"):
		return c.Cannot("zpool iostat -c, -H, -l, -q, -r or -w")
	}
	pools, ok := c.pools(c.Operands)
	if len(pools) == 0 && ok {
		c.Printf("no pools available\n")
		return 0
	}
	if len(pools) > 0 {
		c.printIO(pools)
	}
	if !ok {
		return 1
	}
	return 0
}

func (c *call) printIO(pools []*state.Pool) {
	type line struct {
		name        string
		used, free  string
		read, write int64
	}
	var lines []line
	for _, pool := range pools {
		used, free := zfs.Allocated(c.Machine, pool), zfs.Free(c.Machine, pool)
		busy := used / (4 << 20)
		lines = append(lines, line{pool.Name, cli.Nice(used, ""), cli.Nice(free, ""), busy % 7, busy % 23})
		if !c.Has("v") {
			continue
		}
		for _, r := range c.tree(pool)[1:] {
			l := line{strings.Repeat("  ", r.depth) + r.name, "-", "-", busy % 5, busy % 23}
			if r.v != nil && r.depth == 1 && len(r.v.Children) > 0 {
				l.used, l.free = cli.Nice(used, ""), cli.Nice(free, "")
			}
			lines = append(lines, l)
		}
	}
	wide := 10
	for _, l := range lines {
		wide = max(wide, len(l.name))
	}
	rule := strings.Repeat("-", wide) + strings.Repeat("  -----", 6)
	c.Printf("%-*s     capacity     operations     bandwidth \n", wide, "")
	c.Printf("%-*s  alloc   free   read  write   read  write\n%s\n", wide, "pool", rule)
	for i, l := range lines {
		if i > 0 && !strings.HasPrefix(l.name, " ") && (c.Has("v") || !c.Era.Modern()) && !isSection(l.name) {
			c.Printf("%s\n", rule)
		}
		c.Printf("%-*s  %5s  %5s  %5d  %5d  %5s  %5s\n", wide, l.name, l.used, l.free, l.read, l.write, cli.Nice(l.read*8192, ""), cli.Nice(l.write*9216, ""))
	}
	if c.Has("v") || len(pools) > 1 {
		c.Printf("%s\n", rule)
	}
}

func isSection(name string) bool {
	return name == "logs" || name == "cache" || name == "spares" || name == "special" || name == "dedup"
}
