package poudrieresim

import (
	"hash/fnv"
	"strings"
	"time"
)

// heavy are ports that take long wherever they're built.
var heavy = map[string]time.Duration{
	"devel/cmake-core": 14 * time.Minute,
	"devel/git":        5 * time.Minute,
	"devel/llvm19":     3 * time.Hour,
	"editors/vim":      4 * time.Minute,
	"ftp/curl":         4 * time.Minute,
	"lang/go":          9 * time.Minute,
	"lang/perl5.42":    7 * time.Minute,
	"lang/python311":   11 * time.Minute,
	"lang/rust":        65 * time.Minute,
	"ports-mgmt/pkg":   3 * time.Minute,
	"security/openssl": 6 * time.Minute,
	"shells/bash":      3 * time.Minute,
	"www/nginx":        3 * time.Minute,
}

// buildTime is how long a port takes: the same on every run.
func buildTime(origin string) time.Duration {
	if d, ok := heavy[origin]; ok {
		return d
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(origin))
	return time.Duration(40+h.Sum32()%140) * time.Second
}

// phases are what a build goes through, with their part of the time in percent.
var phases = []struct {
	name    string
	percent int
}{
	{"check-sanity", 1}, {"pkg-depends", 2}, {"fetch-depends", 1}, {"fetch", 8}, {"checksum", 1}, {"extract-depends", 1}, {"extract", 4},
	{"patch-depends", 1}, {"patch", 1}, {"build-depends", 6}, {"lib-depends", 4}, {"configure", 14}, {"build", 40}, {"run-depends", 4}, {"stage", 6}, {"package", 6},
}

// testPhases follow where a port is tested.
var testPhases = []string{"install-mtree", "install", "deinstall"}

// phaseNames are the phases of a build.
func phaseNames(test bool) []string {
	var out []string
	for _, p := range phases {
		out = append(out, p.name)
	}
	if test {
		out = append(out, testPhases...)
	}
	return out
}

func phaseTime(origin string, index int) time.Duration {
	if index >= len(phases) {
		return 4 * time.Second
	}
	d := buildTime(origin) * time.Duration(phases[index].percent) / 100
	return max(d.Round(time.Second), time.Second)
}

// errorTypes are poudriere's guesses by phase.
var errorTypes = map[string]string{
	"fetch": "fetch", "checksum": "checksum", "extract": "???", "patch": "patch", "configure": "configure_error", "build": "compiler_error",
	"stage": "stage_error", "package": "PLIST", "check-plist": "PLIST", "install": "install_error", "deinstall": "leftovers",
	"build-depends": "depend_package", "lib-depends": "depend_package", "run-depends": "depend_package", "check-sanity": "???",
}

func errorType(phase string) string {
	if t := errorTypes[phase]; t != "" {
		return t
	}
	return "???"
}

// failures are the ports that the machine's parameter fail= names:
// category/port:phase.
func failures(params []string) map[string]string {
	out := map[string]string{}
	for _, p := range params {
		origin, phase, ok := strings.Cut(p, ":")
		if !strings.Contains(origin, "/") {
			continue
		}
		if !ok || phase == "" {
			phase = "build"
		}
		out[origin] = phase
	}
	return out
}
