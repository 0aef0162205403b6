package state

// Firmware is what the machine's firmware remembers: the NVRAM of a UEFI.
type Firmware struct {
	// Disks is the order in which a BIOS tries disks; those it doesn't name come
	// last. The firmware of a UEFI machine looks for removable media in it.
	Disks   []string    `json:",omitempty"`
	Entries []BootEntry `json:",omitempty"`
	Order   []int       `json:",omitempty"` // numbers of entries, the first tried first
	Next    *int        `json:",omitempty"` // number of the entry to try once
	Current int         // number of the entry this boot came from
	Timeout int         // seconds
	Console []string    `json:",omitempty"` // what the last boot attempts wrote
}

// BootEntry is a UEFI boot entry: Boot0001.
type BootEntry struct {
	Number int
	Label  string
	Active bool
	GUID   string // of the EFI partition
	Path   string // of the program in it: /EFI/FREEBSD/LOADER.EFI
	Kernel string `json:",omitempty"`
	Env    string `json:",omitempty"`
}

// Entry is a boot entry by number; nil when there is none.
func (f *Firmware) Entry(number int) *BootEntry {
	for i := range f.Entries {
		if f.Entries[i].Number == number {
			return &f.Entries[i]
		}
	}
	return nil
}
