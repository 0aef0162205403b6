// Package version compares FreeBSD releases and package versions.
package version

import (
	"context"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Module is the global version.
var Module = binding.Module{
	Name:   "version",
	Doc:    "FreeBSD releases and package versions, compared. It needs no host.",
	Global: true,
	Funcs: []binding.Func{
		{
			Name: "compare", Call: compare, See: []string{"freebsd-version(1)"},
			Doc: "Compares two FreeBSD releases and returns a number: below zero when the first is older, zero when they are the same, above zero when it is newer. " +
				"14.3-RC1 comes before 14.3-RELEASE, 14.3-RELEASE-p1 after it, 14.3-STABLE after both.",
			Raises:  []string{`kind "invalid": a text that is no release`},
			Example: `if version.compare(h.facts.release, "14.0") < 0 then fail("needs 14.0") end`,
		},
		{
			Name: "compare_packages", Call: comparePackages, See: []string{"pkg-version(8)"},
			Doc:     "Compares two package versions as pkg version -t does and returns a number: below zero when the first is older, zero when they are the same, above zero when it is newer.",
			Example: `if version.compare_packages(installed, "2.0.12_1,1") < 0 then log("too old") end`,
		},
		{
			Name: "at_least", Call: atLeast, See: []string{"freebsd-version(1)"},
			Doc:     "Tells whether a FreeBSD release is the wanted one or a later one.",
			Raises:  []string{`kind "invalid": a text that is no release`},
			Example: `if version.at_least(h.facts.release, "15.0") then log("packages of the base system") end`,
		},
		{
			Name: "release", Call: release, See: []string{"freebsd-version(1)"},
			Doc:     "Takes a FreeBSD release apart.",
			Raises:  []string{`kind "invalid": a text that is no release`},
			Example: `local major = version.release("14.3-RELEASE-p1").major`,
		},
	},
}

type pair struct {
	A string `lua:"a,required" doc:"a version"`
	B string `lua:"b,required" doc:"another one"`
}

func compare(_ context.Context, a pair) (int, error) {
	order, err := CompareReleases(a.A, a.B)
	return order, invalid("version.compare", err)
}

func comparePackages(_ context.Context, a pair) (int, error) { return ComparePackages(a.A, a.B), nil }

type atLeastArgs struct {
	Release string `lua:"release,required" doc:"the release there is"`
	Wanted  string `lua:"wanted,required" doc:"the earliest that will do"`
}

func atLeast(_ context.Context, a atLeastArgs) (bool, error) {
	order, err := CompareReleases(a.Release, a.Wanted)
	return order >= 0, invalid("version.at_least", err)
}

type releaseArgs struct {
	Release string `lua:"release,required" doc:"as uname -r or freebsd-version prints it"`
}

func release(_ context.Context, a releaseArgs) (Release, error) {
	r, err := ParseRelease(a.Release)
	return r, invalid("version.release", err)
}

func invalid(op string, err error) error {
	if err == nil {
		return nil
	}
	return effect.Errorf(effect.Invalid, op, "%v", err)
}
