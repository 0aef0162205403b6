package engine

import (
	"encoding/json"
	"testing"

	"bsdrun/runtime/journal"
)

func TestAResumedRunReachesItsHostsTheSameWay(t *testing.T) {
	began := Settings{SSHConfig: "/home/ops/ssh_config", Identity: "/home/ops/key", User: "root", Forks: 3}
	options, err := json.Marshal(began)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Settings: Settings{Identity: "/home/ops/other"}}
	if err := restore(&o, &journal.Run{Options: options}); err != nil {
		t.Fatal(err)
	}
	if o.SSHConfig != began.SSHConfig || o.User != "root" || o.Forks != 3 {
		t.Errorf("stored options were lost: %+v", o.Settings)
	}
	if o.Identity != "/home/ops/other" {
		t.Errorf("what is given anew does not count: %s", o.Identity)
	}
}
