package zfs

import (
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

// kernelReads is the newest pool version the running kernel reads, and the
// features it knows.
func kernelReads(m *sim.Machine) (version int, features []string) {
	r, _ := sim.FindRelease(m.State().Release.Uname())
	return r.Pool, r.Features
}

// ReleaseNumber makes a release comparable: 9.2-RELEASE is 902, 14.3 is 1403.
func ReleaseNumber(release string) int {
	version, _, _ := strings.Cut(release, "-")
	major, minor, _ := strings.Cut(version, ".")
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	return a*100 + b
}
