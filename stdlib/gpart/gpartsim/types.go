package gpartsim

import (
	"strings"
)

// partType is a kind of partition: its name, and what stands for it in a GPT and
// in an MBR; empty where it cannot be.
type partType struct{ name, gpt, mbr string }

var partTypes = []partType{
	{"apple-apfs", "7c3457ef-0000-11aa-aa11-00306543ecac", ""},
	{"apple-hfs", "48465300-0000-11aa-aa11-00306543ecac", "175"},
	{"bios-boot", "21686148-6449-6e6f-744e-656564454649", ""},
	{"efi", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "239"},
	{"fat16", "", "6"},
	{"fat32", "", "11"},
	{"fat32lba", "", "12"},
	{"freebsd", "516e7cb4-6ecf-11d6-8ff8-00022d09712b", "165"},
	{"freebsd-boot", "83bd6b9d-7f41-11dc-be0b-001560b84f0f", ""},
	{"freebsd-nandfs", "74ba7dd9-a689-11e1-bd04-00e081286acf", ""},
	{"freebsd-swap", "516e7cb5-6ecf-11d6-8ff8-00022d09712b", ""},
	{"freebsd-ufs", "516e7cb6-6ecf-11d6-8ff8-00022d09712b", ""},
	{"freebsd-vinum", "516e7cb8-6ecf-11d6-8ff8-00022d09712b", ""},
	{"freebsd-zfs", "516e7cba-6ecf-11d6-8ff8-00022d09712b", ""},
	{"linux-data", "0fc63daf-8483-4772-8e79-3d69d8477de4", "131"},
	{"linux-lvm", "e6d6d379-f507-44c2-a23c-238f2a3df928", "142"},
	{"linux-raid", "a19d880f-05fc-4d3b-a006-743f0f84911e", "253"},
	{"linux-swap", "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "130"},
	{"ms-basic-data", "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", ""},
	{"ms-ldm-data", "af9b60a0-1431-4f62-bc68-3311714a69ad", ""},
	{"ms-recovery", "de94bba4-06d1-4d40-a16a-bfd50179d6ac", ""},
	{"ms-reserved", "e3c9e316-0b5c-4db8-817d-f92df00215ae", ""},
	{"ntfs", "", "7"},
	{"prep-boot", "9e1a2d38-c612-4316-aa26-8b49521e5a8b", "65"},
}

// rawType is what stands in the table for a type.
func rawType(scheme, name string) string {
	for _, t := range partTypes {
		switch {
		case t.name != name:
		case scheme == "MBR":
			return t.mbr
		default:
			return t.gpt
		}
	}
	return strings.TrimPrefix(name, "!")
}

// knownType is a type as the table keeps it; false when the scheme has none such.
// What begins with "!" is a raw one.
func knownType(scheme, name string) (string, bool) {
	raw, isRaw := strings.CutPrefix(name, "!")
	for _, t := range partTypes {
		id := t.gpt
		if scheme == "MBR" {
			id = t.mbr
		}
		if id != "" && (strings.EqualFold(t.name, name) || isRaw && strings.EqualFold(id, raw)) {
			return t.name, true
		}
	}
	return name, isRaw && raw != ""
}
