package sshhost

import "strconv"

// bootTolerance is how far kern.boottime may move without a reboot: it is the
// clock less the uptime, so it follows corrections of the clock.
const bootTolerance = 5

// sameBoot compares two boot identities: the boot id of the kernel (Linux,
// FreeBSD since 13.0), or @ and the seconds of kern.boottime. Unknown ones are
// taken for the same.
func sameBoot(a, b string) bool {
	if a == b || a == "" || b == "" {
		return true
	}
	if a[0] != '@' || b[0] != '@' {
		return false
	}
	x, errX := strconv.ParseInt(a[1:], 10, 64)
	y, errY := strconv.ParseInt(b[1:], 10, 64)
	return errX == nil && errY == nil && x-y <= bootTolerance && y-x <= bootTolerance
}
