package version

import "testing"

// The order is that of the rules in pkg's own libpkg/pkg_version.c and of the
// Porter's Handbook, chapter 5.
func TestComparePackages(t *testing.T) {
	ascending := [][]string{
		{"10", "10a", "10b"},
		{"10alpha", "10", "10a"},
		{"10.a", "10"},
		{"a", "0"},
		{"pl11", "alpha3", "0.1beta2", "0.1"},
		{"2.*", "2pl1", "2alpha3", "2.9f7", "3.*"},
		{"1.0.1:2003.09.16", "1.0:2003.09.16"},
		{"1.0.p1", "1.0.pre2", "1.0.r1", "1.0"},
		{"1.0", "1.0_1", "1.0_2", "1.0_10", "1.0.1", "0.1,1", "0.1_1,1", "0.1,2"},
		{"2.47.1", "2.47.1_1", "2.48.0"},
		{"1.9", "1.10"},
		{"1.0b1", "1.0b2", "1.0b10"},
		{"1.0pl1", "1.0rc1", "1.0"}, // "pl" starts a component below zero
		{"1.0", "1.0a", "1.0a1"},
		{"1+1", "1+2", "1.1+1", "2"},
	}
	for _, chain := range ascending {
		for i, a := range chain {
			for j, b := range chain {
				want := 0
				if i < j {
					want = -1
				} else if i > j {
					want = 1
				}
				if got := ComparePackages(a, b); got != want {
					t.Errorf("%s against %s: got %d, want %d", a, b, got, want)
				}
			}
		}
	}
}

func TestEqualPackages(t *testing.T) {
	for _, pair := range [][2]string{
		{"10", "10.0"}, {"10", "10.0.0"}, {"10..1", "10.1"}, {"10a1b2", "10a1.b2"}, {"1.d2", "1.dev2"}, {"1.dev2", "1.Development2"},
		{"1.0_0", "1.0"}, {"1.0,0", "1.0"}, {"git-2.47.1", "2.47.1"}, {"1.0ALPHA1", "1.0alpha1"}, {"1:2", "1.2"}, {"01", "1"},
	} {
		if got := ComparePackages(pair[0], pair[1]); got != 0 {
			t.Errorf("%s against %s: got %d", pair[0], pair[1], got)
		}
	}
}

func FuzzComparePackages(f *testing.F) {
	for _, seed := range []string{"1.0_1,2", "2.*", "10alpha3", "1+2", "", "-", "_,", "99999999999999999999"} {
		f.Add(seed, "1.0")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if ComparePackages(a, b) != -ComparePackages(b, a) {
			t.Errorf("%q and %q", a, b)
		}
		if ComparePackages(a, a) != 0 {
			t.Errorf("%q differs from itself", a)
		}
	})
}

func TestCompareReleases(t *testing.T) {
	chain := []string{
		"8.2-RELEASE", "8.2-RELEASE-p3", "9.0-RELEASE", "13.5-RELEASE", "14.3-CURRENT", "14.3-ALPHA1", "14.3-PRERELEASE", "14.3-BETA1", "14.3-BETA3",
		"14.3-RC1", "14.3-RC2", "14.3-RELEASE", "14.3-RELEASE-p1", "14.3-RELEASE-p10", "14.3-STABLE", "15.0-CURRENT", "15.0-RELEASE",
	}
	for i, a := range chain {
		for j, b := range chain {
			got, err := CompareReleases(a, b)
			if err != nil {
				t.Fatal(err)
			}
			if want := max(-1, min(1, i-j)); got != want {
				t.Errorf("%s against %s: got %d, want %d", a, b, got, want)
			}
		}
	}
	if got, err := CompareReleases("14.0", "14.0-RELEASE"); got != 0 || err != nil {
		t.Errorf("a bare number: %d, %v", got, err)
	}
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]Release{
		"14.3-RELEASE-p1":          {14, 3, "RELEASE", 1},
		"14.3-RELEASE-p1-MYKERNEL": {14, 3, "RELEASE", 1},
		"13.2-STABLE\n":            {13, 2, "STABLE", 0},
		"15.0-rc2":                 {15, 0, "RC2", 0},
		"9.0":                      {9, 0, "", 0},
	} {
		if got, err := ParseRelease(text); got != want || err != nil {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "14", "fourteen", "14.x-RELEASE", "5.15.0-91-generic"} {
		if got, err := ParseRelease(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestModule(t *testing.T) {
	if err := Module.Validate(); err != nil {
		t.Error(err)
	}
}
