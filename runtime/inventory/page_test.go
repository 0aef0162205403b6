package inventory

import (
	"os"
	"regexp"
	"testing"
)

// TestExamplesOfThePage reads the inventories that the page shows, and finds web01
// in each.
func TestExamplesOfThePage(t *testing.T) {
	text, err := os.ReadFile("../../docs/inventory.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(toml|ini|yaml)\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		inv, err := Read("hosts."+string(b[1]), b[2], Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		if h := chosen(t, inv, "~web01")[0]; h.User != "ops" {
			t.Errorf("%s: %+v", b[1], h)
		}
	}
}
