package zpoolsim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// scrub is zpool scrub.
func (c *call) scrub() int {
	if code := c.need("pool name argument"); code != 0 {
		return code
	}
	switch {
	case c.Has("s") && c.Has("p"):
		return c.misuse("invalid option combination: -s and -p are mutually exclusive")
	case c.Has("w") && (c.Has("s") || c.Has("p")):
		return c.misuse("invalid option combination: -w cannot be used with -p or -s")
	case c.Has("e") || c.Has("C"):
		return c.Cannot("zpool scrub -e and -C")
	}
	verb, do := "scrub ", c.startScrub
	switch {
	case c.Has("s"):
		verb, do = "cancel scrubbing ", zfs.StopScrub
	case c.Has("p"):
		verb, do = "pause scrubbing ", zfs.PauseScrub
	}
	return c.forEach(verb, do, "scrub")
}

// startScrub is StartScrub with the era's words.
func (c *call) startScrub(m *machine, pool *state.Pool) error {
	err := zfs.StartScrub(m, pool)
	if !errors.Is(err, zfs.ErrScrubbing) {
		return err
	}
	which := "current scrub"
	if c.Era.Modern() {
		which = "scrub"
	}
	return fmt.Errorf("%w; use 'zpool scrub -s' to cancel %s", err, which)
}

// forEach does the same to each pool named, and waits for it where asked to.
func (c *call) forEach(verb string, do func(*machine, *state.Pool) error, activity string) int {
	names, code := c.Operands, 0
	for _, name := range names {
		c.Operands = []string{name}
		code = max(code, c.change(verb+name, 1, func(pool *state.Pool) error { return do(c.Machine, pool) }))
	}
	if code != 0 || !c.Has("w") {
		return code
	}
	for _, name := range names {
		if pool := zfs.FindPool(c.Machine, name); pool != nil {
			code = max(code, c.await(pool, []string{activity}))
		}
	}
	return code
}

// resilver is zpool resilver.
func (c *call) resilver() int {
	if code := c.need("pool name argument"); code != 0 {
		return code
	}
	return c.forEach("restart resilver on ", zfs.RestartResilver, "resilver")
}

// trim is zpool trim, of whole pools.
func (c *call) trim() int {
	if code := c.need("pool name argument"); code != 0 {
		return code
	}
	if len(c.Operands) > 1 {
		return c.Cannot("zpool trim of single devices")
	}
	do := zfs.StartTrim
	verb := "trim "
	switch {
	case c.Has("c") || c.Has("cancel"):
		verb = "cancel trimming "
		do = func(m *machine, pool *state.Pool) error { return zfs.StopTrim(m, pool, zfs.Canceled) }
	case c.Has("s") || c.Has("suspend"):
		verb = "suspend trimming "
		do = func(m *machine, pool *state.Pool) error { return zfs.StopTrim(m, pool, zfs.Paused) }
	}
	return c.forEach(verb, do, "trim")
}

// initialize is zpool initialize: it writes to free space, which nothing here
// can tell from before.
func (c *call) initialize() int {
	if code := c.need("pool name argument"); code != 0 {
		return code
	}
	c.Operands = c.Operands[:1]
	return c.change("initialize "+c.Operands[0], 1, func(*state.Pool) error { return nil })
}

// sync is zpool sync.
func (c *call) sync() int {
	_, ok := c.pools(c.Operands)
	if !ok {
		return 1
	}
	return 0
}

// activities are those of zpool wait.
var activities = []string{"discard", "free", "initialize", "replace", "remove", "resilver", "scrub", "trim", "raidz_expand"}

// wait is zpool wait.
func (c *call) wait() int {
	list := activities
	if t := c.Value("t"); t != "" {
		list = strings.Split(t, ",")
		for _, a := range list {
			if !slices.Contains(activities, a) {
				return c.misuse("invalid activity '%s'", a)
			}
		}
	}
	if code := c.need("'pool' argument"); code != 0 {
		return code
	}
	if len(c.Operands) > 1 || c.Value("T") != "" {
		return c.Cannot("zpool wait with an interval")
	}
	pool := c.pool(c.Operands[0])
	if pool == nil {
		return 1
	}
	return c.await(pool, list)
}

// look is how often a wait looks again at what has no end of its own.
const look = time.Minute

// await sleeps until activities of a pool have ended.
func (c *call) await(pool *state.Pool, list []string) int {
	for _, activity := range list {
		for {
			going, until := zfs.Busy(c.Machine, pool, activity)
			if !going || zfs.PoolState(c.Machine, pool) == zfs.Suspended {
				break
			}
			pause := look
			if !until.IsZero() {
				pause = max(until.Sub(c.Now()), time.Second)
			}
			if c.Sleep(pause) != nil {
				return 1
			}
		}
	}
	return 0
}
