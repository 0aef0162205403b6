package zfssim

import (
	"strings"

	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// send is zfs send.
func (c *call) send() int {
	if c.Given("t") {
		return c.sendAgain()
	}
	for _, option := range []string{"D", "w", "b", "h", "d", "S", "X", "V"} {
		if c.Has(option) || c.Given(option) {
			return c.Cannot("zfs send -%s", option)
		}
	}
	if c.Given("i") && c.Given("I") || len(c.Values("i")) > 1 || len(c.Values("I")) > 1 {
		return c.usage()
	}
	if code := c.need("snapshot"); code != 0 {
		return code
	}
	name := c.Operands[0]
	of, _ := cutName(name)
	from := c.Value("i") + c.Value("I")
	if code := c.checkSource(of, from); code != 0 {
		return code
	}
	if !strings.Contains(name, "@") || strings.Contains(from, "#") {
		return c.sendSpecial(name, from)
	}
	if c.open(of, upper) == nil {
		return 1
	}
	if !c.exists(name) {
		if c.Era.Modern() {
			return c.refuse("open", name, "dataset does not exist")
		}
		c.Errorf("WARNING: could not send %s: does not exist\n", name)
		return 1
	}
	lacking := c.tellLacking(name)
	code := c.sendStream(zfs.SendOptions{
		Snapshot: name, From: from, Intermediates: c.Given("I"), Replicate: c.Has("R"), Properties: c.Has("p"),
	})
	if lacking {
		return 1
	}
	return code
}

// tellLacking says which datasets below one do not have the snapshot that is sent
// of all, and are left out, for -R without -s.
func (c *call) tellLacking(name string) (lacking bool) {
	of, short := cutName(name)
	if !c.Has("R") || c.Has("s") {
		return false
	}
	for _, name := range c.sameBelow(of, true) {
		if !c.exists(name + "@" + short) {
			c.Errorf("WARNING: could not send %s@%s: does not exist\n", name, short)
			lacking = true
		}
	}
	return lacking
}

// checkSource refuses what a stream cannot go on from.
func (c *call) checkSource(of, from string) int {
	fs, short, full := strings.Cut(from, "@")
	_, d := zfs.FindDataset(c.Machine, of)
	switch {
	case !full || d != nil && d.Origin == from:
		return 0
	case fs != "" && fs != of:
		return c.misuse("incremental source must be in same filesystem")
	case strings.ContainsAny(short, "@/"):
		return c.misuse("invalid incremental source")
	}
	return 0
}

// sendSpecial is for what is no snapshot, or goes on from a bookmark: not every
// option goes with it.
func (c *call) sendSpecial(name, from string) int {
	switch {
	case c.Release < 1000:
		c.open(name, snapshots)
		return 1
	case c.Has("R") || c.Given("I") || c.Has("p"), !c.Era.Modern() && (c.Has("n") || c.Has("v") || c.Has("P")):
		c.Errorf("Error: Unsupported flag with filesystem or bookmark.\n")
		return 1
	case c.open(name, datasets) == nil:
		return 1
	case !strings.Contains(name, "@"):
		return c.Cannot("zfs send of what is no snapshot")
	}
	return c.sendStream(zfs.SendOptions{Snapshot: name, From: from})
}

// sendAgain is zfs send -t: it goes on where a receive was cut.
func (c *call) sendAgain() int {
	if c.Given("i") || c.Given("I") || c.Has("R") || c.Has("p") || c.Has("D") {
		return c.misuse("invalid flags combined with -t")
	}
	if len(c.Operands) > 0 {
		return c.misuse("no additional arguments are permitted with -t")
	}
	return c.sendStream(zfs.SendOptions{Resume: c.Value("t")})
}

// sendStream tells of a stream where that was asked for, and writes it.
func (c *call) sendStream(o zfs.SendOptions) int {
	fail := func(err error) int {
		switch {
		case o.Resume != "":
			c.Errorf("cannot resume send: %v\n", err)
		case strings.HasPrefix(err.Error(), "incremental source (") && c.Era == cli.Numbered:
			_, from, _ := strings.Cut("@"+o.From, "@")
			c.Errorf("warning: cannot send '%s': incremental source (@%s) does not exist\n", o.Snapshot, strings.TrimPrefix(from, "@"))
		case strings.HasPrefix(err.Error(), "incremental source ("):
			c.Errorf("WARNING: could not send %s:\n%v\n", o.Snapshot, err)
		default:
			c.Errorf("warning: cannot send '%s': %v\n", o.Snapshot, err)
		}
		return 1
	}
	plan, err := zfs.SendPlan(c.Machine, o)
	if err != nil {
		return fail(err)
	}
	for _, part := range plan {
		if !c.may(part.Snapshot, "send") {
			c.Errorf("warning: cannot send '%s': %s\n", part.Snapshot, denied)
			return 1
		}
	}
	c.tellStream(plan)
	if c.Has("n") {
		return 0
	}
	if err := zfs.Send(c.Machine, o, c.Stdout); err != nil {
		return fail(err)
	}
	return 0
}

// tellStream says what is sent, for -v and -P; on standard error where the stream
// goes to standard output.
func (c *call) tellStream(plan []zfs.Part) {
	if !c.Has("v") && !c.Has("P") {
		return
	}
	say := c.Errorf
	if c.Has("n") {
		say = c.Printf
	}
	var total int64
	for _, part := range plan {
		total += part.Size
		c.tellPart(say, part)
	}
	switch {
	case c.Era == cli.Numbered:
	case c.Has("P"):
		say("size\t%d\n", total)
	default:
		say("total estimated size is %s\n", c.Era.Bytes(total, false))
	}
}

// tellPart says of one snapshot what is sent.
func (c *call) tellPart(say func(string, ...any), part zfs.Part) {
	_, from := cutName(part.From)
	size := c.Era.Bytes(part.Size, c.Has("P"))
	switch {
	case c.Era == cli.Numbered:
		say("sending from @%s to %s\n", from, part.Snapshot)
	case c.Has("P") && part.From == "":
		say("full\t%s\t%s\n", part.Snapshot, size)
	case c.Has("P"):
		say("incremental\t%s\t%s\t%s\n", from, part.Snapshot, size)
	case part.From == "":
		say("full send of %s estimated size is %s\n", part.Snapshot, size)
	default:
		say("send from @%s to %s estimated size is %s\n", from, part.Snapshot, size)
	}
}
