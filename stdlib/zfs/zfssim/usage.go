package zfssim

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// The usage texts by era: what zfs prints below "one of the following".
var (
	//go:embed usage-15.txt
	usage15 string
	//go:embed usage-28.txt
	usage28 string
	//go:embed usage-features.txt
	usageFeatures string
	//go:embed usage-openzfs-2.1.txt
	usageOpenZFS21 string
	//go:embed usage-openzfs-2.4.txt
	usageOpenZFS24 string
)

// without24 makes the text of OpenZFS 2.2 of that of 2.4.
var without24 = strings.NewReplacer(" [-j [--json-int]]", "", " [-j]", "", "<-a|-R filesystem|filesystem>", "<-a | filesystem>",
	"\trewrite [-rvx] [-o <offset>] [-l <length>] <directory|file ...>\n", "", "holds [-rHp]", "holds [-rH]")

func (c *call) usageText() string {
	switch {
	case c.Release < 803:
		return usage15
	case c.Era == cli.Numbered:
		return usage28
	case c.Era == cli.Features:
		return usageFeatures
	case c.Era == cli.OpenZFS21:
		return usageOpenZFS21
	case c.Era == cli.OpenZFS22:
		return without24.Replace(usageOpenZFS24)
	}
	return usageOpenZFS24
}

// wholeUsage prints what subcommands there are: an error, or asked for.
func (c *call) wholeUsage(wrong bool) int {
	text := "usage: zfs command args ...\nwhere 'command' is one of the following:\n\n" + c.usageText() +
		"\nEach dataset is of the form: pool/[dataset/]*dataset[@name]\n" + c.hints()
	if !c.Era.Modern() {
		text = strings.Replace(text, "\n\tbookmark", "\tbookmark", 1) // what ends the line before was forgotten
	}
	if !wrong {
		c.Printf("%s", text)
		return 0
	}
	c.Errorf("%s", text)
	return 2
}

// hints are the last lines of usage texts.
func (c *call) hints() string {
	text := "\nFor the property list, run: zfs set|get\n\nFor the delegated permission list, run: zfs allow|unallow\n"
	if c.Era.Modern() {
		text += "\nFor further help on a command or topic, run: zfs help [<topic>]\n"
	}
	return text
}

// usage prints how the subcommand is called.
func (c *call) usage() int {
	text := "usage:\n" + cli.UsageOf(c.usageText(), c.command)
	if c.command == "rename" && !c.Era.Modern() {
		text = strings.TrimSuffix(text, "\n") // it was forgotten
	}
	if slices.Contains([]string{"get", "set", "inherit", "list"}, c.command) {
		text += c.propertyUsage()
	} else {
		text += c.hints()
	}
	c.Errorf("%s", text)
	return 2
}

// misuse reports a wrong command line with the subcommand's usage.
func (c *call) misuse(format string, args ...any) int {
	c.Errorf(format+"\n", args...)
	return c.usage()
}

// need reports operands that are missing, by what each of them is, or too many.
func (c *call) need(what ...string) int {
	for i, name := range what {
		if len(c.Operands) <= i {
			return c.misuse("missing %s argument", name)
		}
	}
	if len(c.Operands) > len(what) {
		return c.misuse("too many arguments")
	}
	return 0
}

// propertyUsage lists the properties, those that cannot be set first.
func (c *call) propertyUsage() string {
	var b strings.Builder
	width := 15
	if c.Era.Modern() {
		width = 22
	}
	row := func(name string, edit, inherit bool, values string) {
		word := map[bool]string{false: " NO", true: "YES"}
		fmt.Fprintf(&b, "\t%-*s %s      %s   %s\n", width, name, word[edit], word[inherit], values)
	}
	fmt.Fprintf(&b, "\nThe following properties are supported:\n\n\t%-*s EDIT  INHERIT   VALUES\n\n", width-1, "PROPERTY")
	list := c.visible()
	slices.SortFunc(list, func(a, b zfs.Property) int {
		if a.ReadOnly != b.ReadOnly {
			return map[bool]int{true: -1, false: 1}[a.ReadOnly]
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, p := range list {
		row(p.Name, !p.ReadOnly && !p.Once, !p.Alone, p.Values)
	}
	for _, name := range c.quotaNames("used") {
		row(name, false, false, "<size>")
	}
	for _, name := range c.quotaNames("quota") {
		row(name, true, false, "<size> | none")
	}
	if c.Release >= 902 {
		row("written@<snap>", false, false, "<size>")
	}
	if c.Era.Modern() {
		row("written#<bookmark>", false, false, "<size>")
	}
	b.WriteString("\nSizes are specified in bytes with standard units such as K, M, G, etc.\n" +
		"\nUser-defined properties can be specified by using a name containing a colon (:).\n")
	if c.Era.Modern() {
		b.WriteString("\nThe {user|group|project}[obj]{used|quota}@ properties must be appended with\na user|group|project specifier of one of these forms:\n")
	} else {
		b.WriteString("\nThe {user|group}{used|quota}@ properties must be appended with\na user or group specifier of one of these forms:\n")
	}
	b.WriteString("    POSIX name      (eg: \"matt\")\n    POSIX id        (eg: \"126829\")\n    SMB name@domain (eg: \"matt@sun\")\n    SMB SID         (eg: \"S-1-234-567-89\")\n")
	return b.String()
}

// quotaNames are the families of properties for users, groups and projects.
func (c *call) quotaNames(kind string) []string {
	owners := []string{"user", "group"}
	if c.Era.Modern() {
		owners = []string{"user", "group", "project", "userobj", "groupobj", "projectobj"}
	}
	var names []string
	for _, o := range owners {
		names = append(names, o+kind+"@...")
	}
	return names
}
