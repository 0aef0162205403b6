package zfssim

import (
	"io"
	"strings"

	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// receive is zfs receive.
func (c *call) receive() int {
	for _, option := range []string{"M", "h", "c"} {
		if c.Has(option) {
			return c.Cannot("zfs receive -%s", option)
		}
	}
	props, ok := c.assignments()
	if !ok {
		return 1
	}
	if code := c.need("snapshot"); code != 0 {
		return code
	}
	target := c.Operands[0]
	switch _, given := props["origin"]; {
	case given:
		return c.Cannot("zfs receive -o origin")
	case len(props) > 0 && !c.Era.Modern():
		return c.misuse("invalid option")
	case c.Has("A") && (c.Has("d") || c.Has("e") || c.Has("n") || c.Has("s") || c.Has("u")):
		return c.misuse("invalid option")
	case c.Has("A"):
		return c.abortReceive(target)
	case c.TTY:
		c.Errorf("Error: Backup stream can not be read from a terminal.\nYou must redirect standard input.\n")
		return 1
	}
	if err := c.checkName(target, upper|snapshots); err != nil {
		return c.refuse("receive", target, err)
	}
	if !c.mayReceive(target) {
		c.Errorf("cannot receive new filesystem stream: %s\n", denied)
		return 1
	}
	o := zfs.ReceiveOptions{Force: c.Has("F"), NoMount: c.Has("u"), Resumable: c.Has("s"), Set: props, Exclude: c.Values("x"), Check: c.Has("n")}
	for _, option := range []string{"d", "e"} {
		if c.Has(option) {
			o.WithoutTo = option
		}
	}
	return c.receiveStream(target, o)
}

// mayReceive tells whether the user may receive into a dataset, or one that is to
// be made.
func (c *call) mayReceive(target string) bool {
	of, _ := cutName(target)
	for of != "" && !c.exists(of) {
		of = parentOf(of)
	}
	return c.may(of, "receive")
}

// receiveStream takes the stream on standard input.
func (c *call) receiveStream(target string, o zfs.ReceiveOptions) int {
	done, err := zfs.Receive(c.Machine, target, c.Stdin, o)
	if c.Has("v") {
		for _, r := range done {
			c.tellReceived(r)
		}
	}
	if len(done) > 0 && !o.Check {
		c.record(done[0].Snapshot)
	}
	if err == nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, c.Stdin)
	switch of, _ := cutName(target); {
	case c.mountTrouble(err):
	case c.Era == cli.Numbered && !c.exists(parentOf(of)) && o.WithoutTo == "" && strings.HasSuffix(err.Error(), "does not exist"):
		c.refuse("open", of, "dataset does not exist")
		c.Errorf("cannot receive new filesystem stream: dataset does not exist\n")
	default:
		c.Errorf("%v\n", err)
	}
	return 1
}

// tellReceived says what was received, or would be.
func (c *call) tellReceived(r zfs.Received) {
	verb, kind := "receiving", "full"
	if c.Has("n") {
		verb = "would receive"
	}
	if r.Incremental {
		kind = "incremental"
	}
	c.Printf("%s %s stream of %s into %s\n", verb, kind, r.Sent, r.Snapshot)
	if !c.Has("n") {
		size := c.Era.Bytes(r.Size, false)
		if !c.Era.Modern() {
			size += "B"
		}
		c.Printf("received %s stream in 1 seconds (%s/sec)\n", size, size)
	}
}

// abortReceive gives up what an interrupted receive left.
func (c *call) abortReceive(name string) int {
	if c.open(name, upper) == nil {
		return 1
	}
	if !c.may(name, "destroy") {
		return c.refuse("destroy", name, denied)
	}
	if err := zfs.AbortReceive(c.Machine, name); err != nil {
		c.Errorf("%s\n", strings.TrimSpace(err.Error()))
		return 1
	}
	c.record(name)
	return 0
}
