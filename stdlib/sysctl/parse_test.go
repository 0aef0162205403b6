package sysctl

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseList(t *testing.T) {
	got := parseList("kern.ostype=FreeBSD\nkern.version=FreeBSD 14.3-RELEASE\n    GENERIC\n\nnet.x=a=b\n", "sysctl")
	want := map[string]string{"kern.ostype": "FreeBSD", "kern.version": "FreeBSD 14.3-RELEASE\n    GENERIC\n", "net.x": "a=b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestEditConf(t *testing.T) {
	const src = "# boot\nnet.inet.ip.forwarding=0\t# route\nkern.x = 1\nnet.inet.ip.forwarding=0 # wins\n"
	for _, c := range []struct{ oid, value, want string }{
		{"net.inet.ip.forwarding", "1", "# boot\nnet.inet.ip.forwarding=0\t# route\nkern.x = 1\nnet.inet.ip.forwarding=1 # wins\n"},
		{"kern.x", "1", src},
		{"kern.x", "2", "# boot\nnet.inet.ip.forwarding=0\t# route\nkern.x = 2\nnet.inet.ip.forwarding=0 # wins\n"},
		{"kern.y", "a b", src + "kern.y=a b\n"},
	} {
		if diff := cmp.Diff(c.want, string(editConf([]byte(src), c.oid, c.value))); diff != "" {
			t.Errorf("%s: %s", c.oid, diff)
		}
	}
}

func FuzzEditConf(f *testing.F) {
	f.Add([]byte("a.b=1 # x\n"), "2")
	f.Add([]byte("a.b = 1\r\na.b=3"), "x y")
	f.Fuzz(func(t *testing.T, src []byte, value string) {
		if text, err := textOf("", value); err != nil || checkConfValue("", text) != nil || confForm.FindString("a.b="+text) == "" {
			t.Skip()
		}
		out := editConf(src, "a.b", value)
		if again := editConf(out, "a.b", value); !bytes.Equal(out, again) {
			t.Fatalf("%q becomes %q", out, again)
		}
	})
}

func TestWhatTheFileCannotHoldIsRefused(t *testing.T) {
	for value, ok := range map[string]bool{"1": true, "a b": true, "0#0": false, " 1": false, "1 ": false} {
		if err := checkConfValue("sysctl.set", value); (err == nil) != ok {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func FuzzParseList(f *testing.F) {
	f.Add("kern.ostype=FreeBSD\nx\n", "sysctl")
	f.Fuzz(func(t *testing.T, out, prefix string) { parseList(out, prefix) })
}
