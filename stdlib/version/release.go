package version

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Release is a FreeBSD release, as uname(1) and freebsd-version(1) name it.
type Release struct {
	Major  int    `lua:"major" doc:"14 of 14.3-RELEASE-p1"`
	Minor  int    `lua:"minor" doc:"3 of 14.3-RELEASE-p1"`
	Branch string `lua:"branch" doc:"CURRENT, ALPHA1, BETA2, RC1, RELEASE, STABLE ..."`
	Patch  int    `lua:"patch" doc:"1 of 14.3-RELEASE-p1; 0 for none"`
}

func (r Release) String() string {
	text := fmt.Sprintf("%d.%d", r.Major, r.Minor)
	if r.Branch != "" {
		text += "-" + r.Branch
	}
	if r.Patch > 0 {
		text += fmt.Sprintf("-p%d", r.Patch)
	}
	return text
}

var releaseForm = lazyregexp.New(`^(\d{1,4})\.(\d{1,4})(?:-([A-Za-z]+\d*))?(?:-p(\d{1,6}))?(?:-.*)?$`)

// ParseRelease reads a release like 14.3-RELEASE-p1. A suffix of one's own
// ("14.3-RELEASE-p1-MYKERNEL") is ignored.
func ParseRelease(text string) (Release, error) {
	m := releaseForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Release{}, fmt.Errorf("%q is no FreeBSD release like 14.3-RELEASE-p1", text)
	}
	r := Release{Branch: strings.ToUpper(m[3])}
	r.Major, _ = strconv.Atoi(m[1])
	r.Minor, _ = strconv.Atoi(m[2])
	r.Patch, _ = strconv.Atoi(m[4])
	return r, nil
}

// branchOrder are the stages of a release in the order in which they come. A
// stable branch is named after the release it follows.
var branchOrder = []string{"CURRENT", "ALPHA", "PRERELEASE", "BETA", "RC", "RELEASE", "STABLE"}

// stage is a branch's place and its number: RC2 is {4, 2}. A release named by
// its number alone is the RELEASE; an unknown branch counts as one, too.
func (r Release) stage() (int, int) {
	word := strings.TrimRight(r.Branch, "0123456789")
	number, _ := strconv.Atoi(r.Branch[len(word):])
	for i, known := range branchOrder {
		if word == known {
			return i, number
		}
	}
	return 5, 0
}

// Compare orders two releases: -1, 0 or 1.
func (r Release) Compare(other Release) int {
	stage, number := r.stage()
	otherStage, otherNumber := other.stage()
	return cmp.Or(
		cmp.Compare(r.Major, other.Major),
		cmp.Compare(r.Minor, other.Minor),
		cmp.Compare(stage, otherStage),
		cmp.Compare(number, otherNumber),
		cmp.Compare(r.Patch, other.Patch),
	)
}

// CompareReleases orders two releases given as text.
func CompareReleases(a, b string) (int, error) {
	x, err := ParseRelease(a)
	if err != nil {
		return 0, err
	}
	y, err := ParseRelease(b)
	if err != nil {
		return 0, err
	}
	return x.Compare(y), nil
}
