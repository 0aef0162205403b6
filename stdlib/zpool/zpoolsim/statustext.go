package zpoolsim

import (
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// reason is why zpool status has something to say about a pool.
type reason struct {
	status, action, id string
	mild               bool // no problem: -x passes over it
}

var (
	resilvering = reason{status: "One or more devices is currently being resilvered.  The pool will\n\tcontinue to function, possibly in a degraded state.",
		action: "Wait for the resilver to complete."}
	suspended = reason{status: "One or more devices are faulted in response to IO failures.",
		action: "Make sure the affected devices are connected, then run 'zpool clear'.", id: "ZFS-8000-HC"}
	faulted = reason{status: "One or more devices are faulted in response to persistent errors.\n\tSufficient replicas exist for the pool to continue functioning in a\n\tdegraded state.",
		action: "Replace the faulted device, or use 'zpool clear' to mark the device\n\trepaired."}
	missing = reason{status: "One or more devices could not be opened.  Sufficient replicas exist for\n\tthe pool to continue functioning in a degraded state.",
		action: "Attach the missing device and online it using 'zpool online'.", id: "ZFS-8000-2Q"}
	missingTooMany = reason{status: "One or more devices could not be opened.  There are insufficient\n\treplicas for the pool to continue functioning.",
		action: "Attach the missing device and online it using 'zpool online'.", id: "ZFS-8000-3C"}
	badLabel = reason{status: "One or more devices could not be used because the label is missing or\n\tinvalid.  Sufficient replicas exist for the pool to continue\n\tfunctioning in a degraded state.",
		action: "Replace the device using 'zpool replace'.", id: "ZFS-8000-4J"}
	corruptData = reason{status: "One or more devices has experienced an error resulting in data\n\tcorruption.  Applications may be affected.",
		action: "Restore the file in question if possible.  Otherwise restore the\n\tentire pool from backup.", id: "ZFS-8000-8A"}
	failing = reason{status: "One or more devices has experienced an unrecoverable error.  An\n\tattempt was made to correct the error.  Applications are unaffected.",
		action: "Determine if the device needs to be replaced, and clear the errors\n\tusing 'zpool clear' or replace the device with 'zpool replace'.", id: "ZFS-8000-9P"}
	takenOffline = reason{status: "One or more devices has been taken offline by the administrator.\n\tSufficient replicas exist for the pool to continue functioning in a\n\tdegraded state.",
		action: "Online the device using 'zpool online' or replace the device with\n\t'zpool replace'."}
	pulled = reason{status: "One or more devices has been removed by the administrator.\n\tSufficient replicas exist for the pool to continue functioning in a\n\tdegraded state.",
		action: "Online the device using 'zpool online' or replace the device with\n\t'zpool replace'."}
	older = reason{mild: true, status: "The pool is formatted using an older on-disk format.  The pool can\n\tstill be used, but some features are unavailable.",
		action: "Upgrade the pool using 'zpool upgrade'.  Once this is done, the\n\tpool will no longer be accessible on older software versions."}
	legacy = reason{mild: true, status: "The pool is formatted using a legacy on-disk format.  The pool can\n\tstill be used, but some features are unavailable.",
		action: "Upgrade the pool using 'zpool upgrade'.  Once this is done, the\n\tpool will no longer be accessible on software that does not support feature\n\tflags."}
	legacyModern = reason{mild: true, status: legacy.status,
		action: "Upgrade the pool using 'zpool upgrade'.  Once this is done, the\n\tpool will no longer be accessible on software that does not support\n\tfeature flags."}
	lessFeatures = reason{mild: true, status: "Some supported features are not enabled on the pool. The pool can\n\tstill be used, but some features are unavailable.",
		action: "Enable all features using 'zpool upgrade'. Once this is done,\n\tthe pool may no longer be accessible by software that does not support\n\tthe features. See zpool-features(7) for details."}
	lessRequested = reason{mild: true, status: "Some supported and requested features are not enabled on the pool.\n\tThe pool can still be used, but some features are unavailable.",
		action: lessFeatures.action}
)

// examine finds what there is to say about an imported pool, the worst first.
func (c *call) examine(pool *state.Pool) *reason {
	health := zfs.PoolState(c.Machine, pool)
	seen := c.leafStates(pool)
	switch {
	case pool.Scan != nil && pool.Scan.Function == zfs.Resilver && pool.Scan.State == zfs.Scanning:
		return &resilvering
	case health == zfs.Suspended:
		return &suspended
	case health == zfs.Unavail:
		return &missingTooMany
	case len(pool.Damaged) > 0 || pool.Scan != nil && pool.Scan.Errors > 0:
		return &corruptData
	case seen[zfs.Faulted]:
		return &faulted
	case seen["missing"]:
		return &missing
	case seen["bad label"]:
		return &badLabel
	case seen["errors"]:
		return &failing
	case seen[zfs.Offline]:
		return &takenOffline
	case seen[zfs.Removed]:
		return &pulled
	}
	return c.outdated(pool)
}

// outdated is what there is to say about a pool's format.
func (c *call) outdated(pool *state.Pool) *reason {
	switch {
	case pool.Properties["compatibility"] == "legacy":
		return nil
	case c.Era == numbered && pool.Version < zfs.SupportedVersion(c.Machine):
		r := older
		r.mild = false // -x shows it, too
		return &r
	case c.Era == numbered:
		return nil
	case pool.Version < zfs.FeatureFlags && c.Era.Modern():
		return &legacyModern
	case pool.Version < zfs.FeatureFlags:
		return &legacy
	case len(zfs.Missing(c.Machine, pool)) == 0:
		return nil
	case c.Era.Modern():
		return &lessRequested
	}
	return &lessFeatures
}

// leafStates tells which states the pool's devices are in, and whether errors
// were counted.
func (c *call) leafStates(pool *state.Pool) map[string]bool {
	seen := map[string]bool{}
	for _, v := range pool.Leaves() {
		if v.Class == "spare" {
			continue
		}
		s := zfs.VdevState(c.Machine, v)
		if s == zfs.Unavail {
			s = "missing"
			if zfs.DeviceThere(c.Machine, v) {
				s = "bad label"
			}
		}
		seen[s] = true
		if v.Read+v.Write+v.Checksum > 0 {
			seen["errors"] = true
		}
	}
	return seen
}

// see is the address that explains a reason.
func (c *call) see(id string) string {
	switch c.Era {
	case numbered:
		return "http://www.sun.com/msg/" + id
	case features:
		return "http://illumos.org/msg/" + id
	}
	return "https://openzfs.github.io/openzfs-docs/msg/" + id
}

// sectionName is the heading above devices of a class.
func sectionName(class string) string {
	switch class {
	case "log":
		return "logs"
	case "spare":
		return "spares"
	}
	return strings.TrimSpace(class)
}
