package zfssim

import (
	"strings"

	"bsdrun/runtime/sim/zfs"
)

// loadKey is zfs load-key.
func (c *call) loadKey() int {
	return c.keys("load", map[bool]string{false: "loaded", true: "verified"}[c.Has("n")])
}

// unloadKey is zfs unload-key.
func (c *call) unloadKey() int { return c.keys("unload", "unloaded") }

// keys loads or unloads keys: no dataset of the simulator has one, so there are
// none to load, and one that is named is refused.
func (c *call) keys(verb, done string) int {
	switch {
	case !c.Has("a") && len(c.Operands) == 0:
		return c.misuse("Missing dataset argument or -a option")
	case c.Has("a") && len(c.Operands) > 0:
		return c.misuse("Cannot specify dataset with -a option")
	case (c.Has("a") || c.Has("r")) && c.Given("L") && c.Value("L") != "prompt":
		return c.misuse("alternate keylocation may only be 'prompt' with -r or -a")
	}
	code := 0
	for _, name := range c.Operands {
		switch {
		case c.open(name, upper) == nil:
			code = 1
		case !c.Has("r"):
			c.notEncrypted(name, verb, "'"+name+"' is not encrypted.")
			code = 255
		}
	}
	if c.Has("n") {
		c.Printf("0 / %d key(s) successfully %s\n", len(c.Operands), done)
	}
	return code
}

// notEncrypted reports why a dataset has no key.
func (c *call) notEncrypted(name, verb, why string) {
	if zfs.FindPool(c.Machine, poolOf(name)).Features["encryption"] == "" {
		why = "Encryption feature not enabled."
	}
	c.Errorf("Key %s error: %s\n", verb, why)
}

// changeKey is zfs change-key.
func (c *call) changeKey() int {
	if code := c.need("dataset"); code != 0 {
		return code
	}
	name := c.Operands[0]
	if c.open(name, upper) == nil {
		return 255
	}
	c.notEncrypted(name, "change", "Dataset not encrypted.")
	return 255
}

// wait is zfs wait: nothing is ever left in the delete queue.
func (c *call) wait() int {
	for _, activity := range c.Values("t") {
		for _, word := range strings.Split(activity, ",") {
			if word != "deleteq" {
				return c.misuse("invalid activity '%s'", word)
			}
		}
	}
	if code := c.need("filesystem"); code != 0 {
		return code
	}
	if c.open(c.Operands[0], fileSystems) == nil {
		return 1
	}
	return 0
}
