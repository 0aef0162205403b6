package zpoolsim

import (
	_ "embed"
	"fmt"
	"strings"

	"bsdrun/runtime/sim/zfs/cli"
)

// The usage texts by era: what zpool prints below "one of the following".
var (
	//go:embed usage-15.txt
	usage15 string
	//go:embed usage-numbered.txt
	usageNumbered string
	//go:embed usage-features.txt
	usageFeatures string
	//go:embed usage-openzfs-2.1.txt
	usageOpenZFS21 string
	//go:embed usage-openzfs-2.3.txt
	usageOpenZFS23 string
)

func (c *call) usageText() string {
	switch {
	case c.Release < 803:
		return usage15
	case c.Era == numbered:
		return usageNumbered
	case c.Era == features:
		return usageFeatures
	case c.Era == openZFS24:
		return usageOpenZFS23
	}
	return usageOpenZFS21
}

// wholeUsage prints what subcommands there are: an error, or asked for.
func (c *call) wholeUsage(wrong bool) int {
	text := "usage: zpool command args ...\nwhere 'command' is one of the following:\n\n" + c.usageText()
	if c.Era.Modern() {
		text += "\nFor further help on a command or topic, run: zpool help [<topic>]\n"
	}
	if !wrong {
		c.Printf("%s", text)
		return 0
	}
	c.Errorf("%s", text)
	return 2
}

// usage prints how the subcommand is called.
func (c *call) usage() int {
	text := "usage:\n" + cli.UsageOf(c.usageText(), c.command)
	if c.command == "get" || c.command == "set" || c.command == "list" {
		text += c.propertyUsage()
	}
	c.Errorf("%s", text)
	return 2
}

// propertyUsage lists the properties, those that cannot be set first.
func (c *call) propertyUsage() string {
	width, edit := 15, 0
	if c.Era.Modern() {
		width = 19
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nthe following properties are supported:\n\n\t%-*s  %s   %s\n\n", width, "PROPERTY", "EDIT", "VALUES")
	for _, p := range c.properties(true) {
		word := []string{"  NO", " YES"}[edit]
		if !p.readOnly {
			word = " YES"
		}
		fmt.Fprintf(&b, "\t%-*s  %s   %s\n", width, p.name, word, p.values)
	}
	if c.Era >= features {
		fmt.Fprintf(&b, "\t%-*s   YES   disabled | enabled | active\n", width, "feature@...")
		b.WriteString("\nThe feature@ properties must be appended with a feature name.\nSee zpool-features(7).\n")
	}
	return b.String()
}
