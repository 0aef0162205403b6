package base

import (
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

func (c *pwCall) group() (sim.Group, int) {
	key := c.name
	if key == "" {
		key = c.values['g']
	}
	if key == "" {
		return sim.Group{}, c.failf(exUsage, "group name or id required")
	}
	g, ok := c.p.Machine.LookupGroup(key)
	if !ok {
		return g, c.failf(exDataErr, "unknown group `%s'", key)
	}
	return g, 0
}

func (c *pwCall) members(text string) ([]string, int) {
	var list []string
	for name := range strings.FieldsFuncSeq(text, isListMark) {
		u, ok := c.p.Machine.LookupUser(name)
		if !ok {
			return nil, c.failf(exNoUser, "user `%s' does not exist", name)
		}
		if !slices.Contains(list, u.Name) {
			list = append(list, u.Name)
		}
	}
	return list, 0
}

func (c *pwCall) groupAdd() int {
	if bad := badName(c.name); bad != "" {
		return c.failf(exDataErr, "%s", bad)
	}
	for _, g := range c.p.Machine.Groups() {
		if g.Name == c.name {
			return c.failf(exDataErr, "group name `%s' already exists", c.name)
		}
	}
	g := sim.Group{Name: c.name, GID: c.nextGID(0)}
	if text, ok := c.values['g']; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return c.failf(exUsage, "Bad id '%s': invalid", text)
		}
		if _, taken := c.p.Machine.LookupGID(n); taken && !c.flags['o'] {
			return c.failf(exDataErr, "gid `%d' has already been allocated", n)
		}
		g.GID = n
	}
	var code int
	if g.Members, code = c.members(c.values['M']); code != 0 {
		return code
	}
	return c.saveGroup("", groupLine(g))
}

func (c *pwCall) groupMod() int {
	g, code := c.group()
	if code != 0 {
		return code
	}
	old := g.Name
	if name, ok := c.values['l']; ok {
		if bad := badName(name); bad != "" {
			return c.failf(exDataErr, "%s", bad)
		}
		g.Name = name
	}
	if text, ok := c.values['g']; ok && c.name != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return c.failf(exUsage, "Bad id '%s': invalid", text)
		}
		g.GID = n
	}
	for _, letter := range []byte("Mdm") { // the first that is given counts alone
		text, ok := c.values[letter]
		if !ok {
			continue
		}
		list, code := strings.FieldsFunc(text, isListMark), 0
		if letter != 'd' { // who is taken out need not be a user
			if list, code = c.members(text); code != 0 {
				return code
			}
		}
		switch letter {
		case 'M':
			g.Members = list
		case 'm':
			for _, name := range list {
				if !slices.Contains(g.Members, name) {
					g.Members = append(g.Members, name)
				}
			}
		case 'd':
			g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return slices.Contains(list, m) })
		}
		break
	}
	return c.saveGroup(old, groupLine(g))
}

func (c *pwCall) groupDel() int {
	g, code := c.group()
	if code != 0 {
		return code
	}
	return c.saveGroup(g.Name, "")
}

func (c *pwCall) groupShow() int {
	show := func(g sim.Group) {
		if c.flags['P'] {
			c.p.Printf("Group Name: %-15s   #%d\n   Members: %s\n", g.Name, g.GID, strings.Join(g.Members, ","))
			return
		}
		c.p.Printf("%s\n", groupLine(g))
	}
	if c.flags['a'] {
		for _, g := range c.p.Machine.Groups() {
			show(g)
		}
		return 0
	}
	g, code := c.group()
	if code != 0 {
		return code
	}
	show(g)
	return 0
}

func (c *pwCall) groupNext() int {
	c.p.Printf("%d\n", c.nextGID(0))
	return 0
}
