package libvirtsim

import "path"

// saveFile is where the memory of a domain is kept while it is off.
func (s *store) saveFile(d *domain) string { return path.Join(s.lib, "qemu/save", d.name+".save") }

func (s *store) saved(d *domain) bool {
	_, err := s.view.Lstat(s.saveFile(d))
	return err == nil
}

func (c *call) managedSave() int {
	d := c.running("save")
	if d == nil {
		return 1
	}
	err := c.write(c.saveFile(d), "LibvirtQemudSave\n"+d.active)
	if err == nil {
		err = c.stop(d, "saved")
	}
	if err != nil {
		return c.wrong("%v", err)
	}
	c.say("\nDomain '%s' state saved by libvirt", d.name)
	return 0
}

func (c *call) managedSaveRemove() int {
	d := c.target()
	if d == nil {
		return 1
	}
	if !c.saved(d) {
		c.say("Domain '%s' has no manage save image; removal skipped", d.name)
		return 0
	}
	if err := c.view.Remove(c.saveFile(d)); err != nil {
		return c.wrong("%v", err)
	}
	c.say("Removed managedsave image for domain '%s'", d.name)
	return 0
}
