package sim

import "testing"

func TestUnreachableHostsAreNamedInAnyCase(t *testing.T) {
	n := NewNetwork()
	const tree = "https://git.FreeBSD.org/ports.git"
	if err := n.Reachable(tree); err != nil {
		t.Fatal(err)
	}
	n.SetUnreachable("git.FreeBSD.org", "Operation timed out")
	if err := n.Reachable(tree); err == nil {
		t.Error("the host still answers")
	}
	if err := n.Reachable("https://download.FreeBSD.org/"); err != nil {
		t.Errorf("another host does not: %v", err)
	}
	n.SetUnreachable("git.FreeBSD.org", "")
	if err := n.Reachable(tree); err != nil {
		t.Errorf("it does not come back: %v", err)
	}
}

func TestUnknownParametersAreRefused(t *testing.T) {
	tool := &Tool{Name: "t", Paths: []string{"/bin/t"}, Params: []string{"tuned"}}
	for text, ok := range map[string]bool{"sim:?tuned=1&latency=1ms": true, "sim:?latnecy=1ms": false} {
		m, err := Open(text, []*Tool{tool}, NewNetwork())
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
		if m != nil {
			_ = m.Close()
		}
	}
}
