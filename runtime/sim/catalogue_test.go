package sim

import "testing"

// Whatever a package needs is offered too, else no install could be planned.
func TestCatalogueIsClosed(t *testing.T) {
	offered := catalogue("packages.txt")
	if len(offered) < 50 {
		t.Fatalf("only %d packages", len(offered))
	}
	for name, p := range offered {
		if p.Version == "" || p.Origin == "" || p.Comment == "" {
			t.Errorf("%s is incomplete: %+v", name, p)
		}
		for _, dep := range p.Deps {
			if offered[dep] == nil {
				t.Errorf("%s needs %s, which is not offered", name, dep)
			}
		}
	}
}
