package bectlsim

import "strings"

// usages are the lines of the usage, what follows bectl in each.
func (c *call) usages() []string {
	lines := []string{
		"activate [-t] beName", "activate [-T]", "check", "create [-r] [-e {nonActiveBe | beName@snapshot}] beName",
		"create [-r] beName@snapshot", "destroy [-Fo] {beName | beName@snapshot}", "export sourceBe", "import targetBe",
		"jail [-bU] [{-o key=value | -u key}]... beName\n\t      [utility [argument ...]]",
		"list [-aDHs] [{-c property | -C property}]", "mount beName [mountpoint]", "rename origBeName newBeName",
		"{ujail | unjail} {jailID | jailName | beName}", "{umount | unmount} [-f] beName",
	}
	for n, line := range lines {
		switch {
		case c.release < 1300 && line == "activate [-T]", c.release < 1201 && line == "check":
			lines[n] = ""
		case c.release < 1300:
			lines[n] = strings.Replace(line, "destroy [-Fo]", "destroy [-F]", 1)
		}
		if c.release < 1202 {
			lines[n] = strings.Replace(lines[n], " [{-c property | -C property}]", "", 1)
		}
	}
	return lines
}

// usage prints how bectl is called: asked for on standard output, otherwise as
// the error it answers.
func (c *call) usage(asked bool) int {
	head, root := "{-h | -? | subcommand [args...]}", ""
	if c.release >= 1500 {
		head, root = "{-h | subcommand [args...]}", "[-r beroot] "
	}
	text := "Usage:\tbectl " + head + "\n"
	for _, line := range c.usages() {
		if line != "" {
			text += "\tbectl " + root + line + "\n"
		}
	}
	if asked {
		c.Printf("%s", text)
		return 0
	}
	c.Errorf("%s", text)
	return usageError
}
