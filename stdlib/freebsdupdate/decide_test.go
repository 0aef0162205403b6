package freebsdupdate

import (
	"testing"
)

func text(s string) *string { return &s }

func TestDecide(t *testing.T) {
	for name, test := range map[string]struct {
		path, policy string
		texts        texts
		how, text    string
		conflicts    int
		edit         bool
	}{
		"both changed, elsewhere":  {"/etc/hosts", "keep", texts{"mine\n2\n3\n", text("1\n2\n3\n"), text("1\n2\nnew\n")}, "merged", "mine\n2\nnew\n", 0, false},
		"conflict, keep":           {"/etc/hosts", "keep", texts{"mine\n", text("old\n"), text("new\n")}, "kept", "mine\n", 1, false},
		"conflict, take":           {"/etc/hosts", "take", texts{"mine\n", text("old\n"), text("new\n")}, "new", "new\n", 1, false},
		"conflict, script":         {"/etc/hosts", "script", texts{"mine\n", text("old\n"), text("new\n")}, "merged", "mine\n", 1, true},
		"never taken":              {"/etc/ssh/sshd_config", "take", texts{"mine\n", text("old\n"), text("new\n")}, "kept", "mine\n", 1, false},
		"never taken: fstab":       {"/etc/fstab", "take", texts{"mine\n", nil, text("new\n")}, "kept", "mine\n", 1, false},
		"sudoers elsewhere":        {"/usr/local/etc/sudoers", "take", texts{"mine\n", text("old\n"), text("new\n")}, "kept", "mine\n", 1, false},
		"a tag is no change":       {"/etc/ttys", "keep", texts{"# $FreeBSD: 1 $\na\n", text("# $FreeBSD: 2 $\na\n"), text("b\n")}, "new", "b\n", 0, false},
		"is so already":            {"/etc/ttys", "keep", texts{"b\n", text("a\n"), text("b\n")}, "same", "b\n", 0, false},
		"gone from the release":    {"/etc/ttys", "take", texts{"mine\n", text("a\n"), nil}, "obsolete", "mine\n", 0, false},
		"new in the release, keep": {"/etc/new", "keep", texts{"mine\n", nil, text("b\n")}, "kept", "mine\n", 1, false},
		"no text":                  {"/etc/x", "take", texts{"\x00mine", text("a"), text("b")}, "kept", "\x00mine", 0, false},
		"accounts": {"/etc/group", "take", texts{"wheel:*:0:root,op\n", text("wheel:*:0:root\n"), text("wheel:*:0:root\nntpd:*:123:\n")},
			"merged", "wheel:*:0:root,op\nntpd:*:123:\n", 0, false},
	} {
		d := decide(test.path, test.policy, test.texts)
		if d.how != test.how || d.text != test.text || len(d.conflicts) != test.conflicts || d.edit != test.edit {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestMarkers(t *testing.T) {
	if !markerForm.MatchString("a\n<<<<<<< current version\nb\n=======\n>>>>>>> 14.3-RELEASE\n") || markerForm.MatchString("# ========\n<<<<<<<< x\n") {
		t.Error("markers are told wrong")
	}
}

func TestRepairClass(t *testing.T) {
	const old = "\tP=\"[-+./:=_[[:alnum:]]\"\n"
	const repaired = "\tP=\"[-+./:=%@_[[:alnum:]]\"\n"
	if got := string(repairClass([]byte("a\n" + old + "\tM=\"x=_[\"\n"))); got != "a\n"+repaired+"\tM=\"x=_[\"\n" {
		t.Errorf("%q", got)
	}
	for _, newer := range []string{repaired, "\tP=\"[-+./:=,%@_[~[:alnum:]]\"\n"} {
		if got := string(repairClass([]byte(newer))); got != newer {
			t.Errorf("%q became %q", newer, got)
		}
	}
}
