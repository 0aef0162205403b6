package spelling

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"status", "create", "upgrade", "os"}
	for name, want := range map[string]string{"statsu": "status", "stats": "status", "creat": "create", "upgrde": "upgrade", "oss": "os", "xyz": "", "s": "", "": ""} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: got %q", name, got)
		}
	}
}
