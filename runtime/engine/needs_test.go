package engine

import (
	"strings"
	"testing"

	"bsdrun/runtime/host"
	"bsdrun/runtime/script"
)

func TestNeeds(t *testing.T) {
	facts := host.Facts{OS: "FreeBSD", Release: "13.5-RELEASE", Arch: "aarch64", Machine: "arm64", Privilege: host.Privilege{User: "admin", UID: 1001}}
	for name, c := range map[string]struct {
		needs script.Needs
		says  string
	}{
		"nothing":        {script.Needs{}, ""},
		"os":             {script.Needs{OS: []string{"FreeBSD"}}, ""},
		"another os":     {script.Needs{OS: []string{"Linux"}}, "needs Linux, the host runs FreeBSD"},
		"one of two":     {script.Needs{OS: []string{"Linux", "FreeBSD"}}, ""},
		"arch":           {script.Needs{Arch: []string{"aarch64"}}, ""},
		"machine":        {script.Needs{Arch: []string{"arm64"}}, ""},
		"another arch":   {script.Needs{Arch: []string{"amd64"}}, "architecture amd64"},
		"release":        {script.Needs{Release: "13.0"}, ""},
		"the same":       {script.Needs{Release: "13.5"}, ""},
		"older by digit": {script.Needs{Release: "9.3"}, ""},
		"newer":          {script.Needs{Release: "14.0"}, "14.0 or later"},
		"newer, minor":   {script.Needs{Release: "13.10-RELEASE"}, "13.10"},
		"root":           {script.Needs{Root: true}, "works as admin"},
	} {
		err := meets(c.needs, facts)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
