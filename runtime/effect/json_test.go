package effect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestHiddenDiffsStayHidden(t *testing.T) {
	b, err := json.Marshal(&Diff{Path: "/root/.netrc", Before: []byte("old"), After: []byte("hunter2"), Hidden: true})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "hunter2") || strings.Contains(string(b), "old") {
		t.Errorf("leaked: %s", b)
	}
}

func TestDiffsSurviveJSON(t *testing.T) {
	want := Diff{Path: "/etc/rc.conf", Before: []byte{}, After: []byte("a=1\n"), Note: "new"}
	b, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	var got Diff
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Path != want.Path || got.Before == nil || len(got.Before) != 0 || string(got.After) != "a=1\n" || got.Note != "new" {
		t.Errorf("got %+v from %s", got, b)
	}
}
