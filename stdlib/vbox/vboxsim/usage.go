package vboxsim

import (
	_ "embed"
	"strings"
)

// usages are the command lines of version 7.2, verb by verb.
//
//go:embed usage.txt
var usages string

// titles are what stands before a verb's command lines.
var titles = map[string]string{
	"":               "Oracle VirtualBox command-line interface",
	"list":           "View system information and VM configuration details",
	"showvminfo":     "Show configuration or log contents of a virtual machine",
	"createvm":       "Create a new virtual machine",
	"registervm":     "Register a virtual machine",
	"unregistervm":   "Unregister a virtual machine",
	"modifyvm":       "Change settings for a virtual machine that is stopped",
	"storagectl":     "Manage a storage controller",
	"storageattach":  "Attach, remove, and modify storage media used by a virtual machine",
	"convertfromraw": "Convert a raw disk image to a virtual disk image",
	"showmediuminfo": "Show information about a medium",
	"createmedium":   "Create a new medium",
	"modifymedium":   "Change the characteristics of an existing disk image",
	"clonemedium":    "Create a clone of a medium",
	"closemedium":    "Remove a hard disk, DVD, or floppy image from the media registry",
	"startvm":        "Start a virtual machine",
	"controlvm":      "Change state and settings for a running virtual machine",
	"snapshot":       "Manage virtual machine snapshots",
	"guestproperty":  "Manage virtual machine guest properties",
	"setextradata":   "Set a keyword value that is associated with a virtual machine or configuration",
	"getextradata":   "View keyword values that are associated with a virtual machine or configuration",
	"export":         "Export one or more virtual machines to a virtual appliance or to a cloud service",
	"import":         "Import a virtual appliance in OVF format or from a cloud service and create virtual machines",
	"discardstate":   "Discard the saved state of a virtual machine",
}

// newNames are the verbs under which the old ones are described.
var newNames = map[string]string{
	"convertdd": "convertfromraw", "showhdinfo": "showmediuminfo", "createhd": "createmedium", "modifyhd": "modifymedium", "clonehd": "clonemedium",
}

// usageOf is how a verb is called; the empty one is all of them.
func (c *command) usageOf(verb string) string {
	if other := newNames[verb]; other != "" {
		verb = other
	}
	text := "Usage - " + titles[verb] + ":\n\n"
	if verb == "" {
		return text + strings.TrimRight(usages, "\n") + "\n"
	}
	return text + strings.Join(linesOf(verb), "\n")
}

// linesOf are the command lines of a verb, each with what continues it.
func linesOf(verb string) []string {
	var found []string
	for block := range strings.SplitSeq(usages, "\n\n") {
		if block = strings.Trim(block, "\n"); strings.HasPrefix(block+" ", "  VBoxManage "+verb+" ") {
			found = append(found, block+"\n")
		}
	}
	return found
}

func (c *command) logo() {
	c.p.Errorf("Oracle VirtualBox Command Line Management Interface Version %s\nCopyright (C) 2005-2026 Oracle and/or its affiliates\n\n", c.v)
}

// badUsage prints a complaint with the verb's usage, and ends the call.
func (c *command) badUsage(code int, format string, args ...any) {
	c.logo()
	c.error(format, args...)
	c.p.Errorf("\n%s", c.usageOf(c.verb))
	panic(failed(code))
}

// unknownOption is the complaint about an option: the usage follows at once.
func (c *command) unknownOption(code int, option string, twice bool) {
	c.logo()
	c.error("Unknown option: %s", option)
	c.p.Errorf("%s", c.usageOf(c.verb))
	if twice {
		c.p.Errorf("\n")
		c.error("Unknown option: %s", option)
	}
	panic(failed(code))
}

// bare is a verb without what it needs: the usage is all that there is, on
// standard output.
func (c *command) bare() {
	c.p.Printf("%s", c.usageOf(c.verb))
	panic(failed(1))
}

func (c *command) help(args []string) {
	if len(args) != 1 || titles[args[0]] == "" {
		c.p.Printf("%s", c.usageOf(""))
		panic(failed(0))
	}
	c.p.Printf("Oracle VirtualBox Command Line Management Interface Version %s\nCopyright (C) 2005-2026 Oracle and/or its affiliates\n\nVBoxManage %s -- %s.\n\nUsage\n=====\n\n%s",
		c.v, args[0], titles[args[0]], strings.Join(linesOf(args[0]), "\n"))
	panic(failed(0))
}

// options reads a verb's words: those with two dashes are options, of which known
// tells how many words follow; a leading dash is enough before version 5.
func (c *command) options(known map[string]int) (given map[string]string, words []string) {
	given = map[string]string{}
	for i := 0; i < len(c.args); i++ {
		arg := c.args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			words = append(words, arg)
			continue
		}
		name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		n, ok := known[name]
		if !ok {
			c.unknownOption(2, arg, false)
		}
		if n == 1 && !inline {
			if i++; i == len(c.args) {
				c.badUsage(2, "Missing argument to option: %s", arg)
			}
			value = c.args[i]
		}
		given[name] = value
	}
	return given, words
}

func has(given map[string]string, name string) bool {
	_, ok := given[name]
	return ok
}
