package process

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

const backup = "backup.example.org"

// sends is a recipe that brings a file system to another host.
const sends = `--- Sends a file system.
local recipe = { params = { to = { type = "host", required = true, doc = "receives" } } }
function recipe.run(h, p)
  step("Prepare", function()
    h.zfs.create("zroot/data", { properties = { mountpoint = "/data" } })
    h:run{ "dd", "if=/dev/urandom", "of=/data/big", "bs=1048576", "count=5" }
    return h.zfs.snapshot("zroot/data@one")
  end)
  return step("Send", function()
    return h.zfs.send_to{ dataset = "zroot/data", host = connect(p.to), to = "zroot/copy" }
  end)
end
return recipe
`

// A stream that ends with the process that passes it on is resumed by the run
// that goes on: what the other host has is not sent again.
func TestKilledWhileSending(t *testing.T) {
	t.Parallel()
	from := serveAt(t, "1", t.TempDir(), "freebsd-14.3-zfs-mirror-uefi?bandwidth=400K", "")
	to := serveAt(t, "1", t.TempDir(), "freebsd-14.3-zfs-mirror-uefi", "")
	c := newControl(t, from.key, from.address)
	c.knows(backup, to.key, to.address)
	recipe := filepath.Join(c.dir, "send.lua")
	c.write(recipe, sends)

	p := c.starts(recipe, host, "-p", "to="+backup)
	p.awaits(`zroot/data@one: [23] MiB of 5`)
	p.kill()
	p = c.starts("resume", "last", "-o", "json")
	p.exits(0)
	var o struct {
		Hosts []struct {
			Result struct {
				Bytes     int64
				Snapshots []struct{ Resumed bool }
			}
		}
	}
	if err := json.Unmarshal([]byte(p.out.String()), &o); err != nil {
		t.Fatal(err)
	}
	if r := o.Hosts[0].Result; len(r.Snapshots) != 1 || !r.Snapshots[0].Resumed || r.Bytes >= 4<<20 {
		t.Errorf("%s", p.out.String())
	}
	c.starts("exec", backup, "--", "zfs", "list", "zroot/copy@one").exits(0)
}
