package process

import (
	"path/filepath"
	"strings"
	"testing"
)

// flatten makes a raw image, compares it once more with what it was made of, and lists
// what is there then.
const flatten = `--- Makes a raw image.
local recipe = {}
function recipe.run(h)
  local image, raw = "/var/lib/libvirt/images/db.qcow2", "/var/tmp/db.raw"
  step("Flatten", function() return h.image.to_raw(image, raw) end)
  step("Compare", function() return h:run{ "qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, raw }.code end)
  return h:read("cd /var/tmp; echo *.raw*").stdout
end
return recipe
`

// A run that was killed while a raw image was made goes on with what makes it.
func TestKilledWhileAnImageIsMade(t *testing.T) {
	t.Parallel()
	m := serve(t, t.TempDir(), "kvmhost?image-rate=10K", "")
	c := newControl(t, m.key, m.address)
	c.write(filepath.Join(c.dir, "flatten.lua"), flatten)
	p := c.starts("flatten.lua", host)
	p.awaits(`\d\.\d\d%`)
	p.kill()
	p = c.starts("resume", "last")
	p.exits(0)
	if out := p.out.String(); !strings.Contains(out, "db.raw\n") {
		t.Errorf("%s%s", out, p.err.String())
	}
}
