package freebsdupdate

import "testing"

func TestModule(t *testing.T) {
	if err := Module.Validate(); err != nil {
		t.Fatal(err)
	}
}
