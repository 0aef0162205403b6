// Package host gives bindings what they need beyond one effect: what a host is
// (GetFacts), detached commands (Job), reboots, waiting, other users and jails.
// It is built on effects alone.
package host
