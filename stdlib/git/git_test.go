package git

import "testing"

func TestModuleIsWellDeclared(t *testing.T) {
	if err := Module.Validate(); err != nil {
		t.Error(err)
	}
}
