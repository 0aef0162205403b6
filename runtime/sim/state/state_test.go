package state

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

func TestRelease(t *testing.T) {
	r := Release{OS: "FreeBSD", Version: "14.3", Branch: "RELEASE", Patch: 1, Build: "releng/14.3-n1", Ident: "GENERIC"}
	if r.Uname() != "14.3-RELEASE-p1" || r.Text() != "FreeBSD 14.3-RELEASE-p1 releng/14.3-n1 GENERIC" {
		t.Error(r.Uname(), r.Text())
	}
	r = Release{OS: "FreeBSD", Version: "8.2", Branch: "RELEASE", Build: "#0: Thu Feb 17 02:41:51 UTC 2011"}
	if r.Uname() != "8.2-RELEASE" || r.Text() != "FreeBSD 8.2-RELEASE #0: Thu Feb 17 02:41:51 UTC 2011" {
		t.Error(r.Uname(), r.Text())
	}
}

// Installing brings what is needed, once, and as automatic unless it was wanted.
func TestInstall(t *testing.T) {
	s := New()
	for name, deps := range map[string][]string{"a": {"b", "c"}, "b": {"c"}, "c": {"a"}, "d": nil} {
		s.Packages.Available[name] = &Package{Name: name, Version: "1", Deps: deps}
	}
	s.Packages.Install("b", time.Unix(1, 0))
	s.Packages.Install("a", time.Unix(2, 0))
	s.Packages.Install("nosuch", time.Unix(3, 0))
	if len(s.Packages.Installed) != 3 {
		t.Fatalf("%d installed", len(s.Packages.Installed))
	}
	if p := s.Packages.Installed["b"]; p.Automatic || !p.Installed.Equal(time.Unix(1, 0)) {
		t.Errorf("%+v", p)
	}
	if !s.Packages.Installed["c"].Automatic || s.Packages.Available["c"].Automatic {
		t.Error("a needed package is automatic, the one on offer is not")
	}
}

// The parts hold everything but what the profile offers.
func TestParts(t *testing.T) {
	s := New()
	s.Services["sshd"] = &Service{Name: "sshd", Running: true, PID: 7}
	s.Sysctls["kern.x"] = &Sysctl{Value: "1"}
	s.Packages.Available["a"] = &Package{Name: "a"}
	s.Packages.Installed["b"] = &Package{Name: "b"}
	uses := s.Uses()
	again, err := FromParts(s.Parts())
	if err != nil {
		t.Fatal(err)
	}
	if s.Uses() != uses {
		t.Error("to be saved counts as a use")
	}
	if again.Services["sshd"].PID != 7 || again.Sysctls["kern.x"].Value != "1" || again.Packages.Installed["b"] == nil || len(again.Packages.Available) != 0 {
		t.Errorf("%s", s.Parts())
	}
	s.ServiceEnded(7)
	if s.Uses() == uses {
		t.Error("a change counts as none")
	}
	if s.Services["sshd"].Running {
		t.Error("the service runs on without its process")
	}
}

// A disk's boot code comes back as it was, and its padding takes no room meanwhile.
func TestCodeIsKeptWithoutItsPadding(t *testing.T) {
	for _, code := range []Code{nil, {}, {1, 2, 3}, append(Code("boot\x00it"), make([]byte, 100_000)...), make(Code, 512)} {
		data, err := json.Marshal(code)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 100 {
			t.Errorf("%d bytes of code are kept in %d", len(code), len(data))
		}
		var again Code
		if err := json.Unmarshal(data, &again); err != nil || !bytes.Equal(again, code) || (again == nil) != (code == nil) {
			t.Errorf("%q became %d bytes, %v", data, len(again), err)
		}
	}
}
