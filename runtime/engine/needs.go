package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/script"
	"bsdrun/runtime/sshhost"
)

// hasNeeds tells whether anything must be known of a host before the recipe may
// run.
func (r *run) hasNeeds() bool {
	if r.program.Recipe == nil {
		return false
	}
	n := r.program.Recipe.Needs
	return len(n.OS) > 0 || n.Release != "" || len(n.Arch) > 0 || n.Root
}

// setGreeting lets facts ride in the exchange that opens the shell where they
// will be needed.
func (r *run) setGreeting(cfg *sshhost.Config) {
	cfg.Greeting = host.FactsScript
	cfg.Greet = r.hasNeeds()
}

// checkNeeds stops before any change where the host is not what the recipe
// needs.
func (r *run) checkNeeds(ctx context.Context, h effect.Doer) error {
	if !r.hasNeeds() {
		return nil
	}
	facts, err := host.GetFacts(ctx, h)
	if err != nil {
		return err
	}
	return meets(r.program.Recipe.Needs, facts)
}

func meets(needs script.Needs, facts host.Facts) error {
	refuse := func(hint, format string, args ...any) error {
		return &effect.Error{Kind: effect.Failed, Op: "needs", Message: fmt.Sprintf(format, args...), Reached: "nothing was changed", Hint: hint}
	}
	switch {
	case len(needs.OS) > 0 && !slices.Contains(needs.OS, facts.OS):
		return refuse("", "the recipe needs %s, the host runs %s", strings.Join(needs.OS, " or "), facts.OS)
	case len(needs.Arch) > 0 && !slices.Contains(needs.Arch, facts.Arch) && !slices.Contains(needs.Arch, facts.Machine):
		return refuse("", "the recipe needs the architecture %s, the host is %s", strings.Join(needs.Arch, " or "), facts.Arch)
	case needs.Release != "" && older(facts.Release, needs.Release):
		return refuse("", "the recipe needs release %s or later, the host runs %s", needs.Release, facts.Release)
	case needs.Root && facts.Privilege.UID != 0:
		return refuse("log in as root, or become root with --become", "the recipe needs the rights of root, and works as %s", facts.Privilege.User)
	}
	return nil
}

// older compares releases by their leading numbers: 9.3-RELEASE is older than
// 13.0.
func older(have, want string) bool {
	a, b := numbers(have), numbers(want)
	return slices.Compare(a, b) < 0
}

// numbers are the numbers a release begins with: 14.3-RELEASE-p1 is 14, 3.
func numbers(release string) []int {
	var out []int
	release, _, _ = strings.Cut(release, "-")
	for word := range strings.SplitSeq(release, ".") {
		n, err := strconv.Atoi(word)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}
