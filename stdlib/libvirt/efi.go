package libvirt

import (
	"context"
	"fmt"

	"bsdrun/runtime/effect"
)

// EFI is what the firmware of a domain has kept.
type EFI struct {
	Path       string    `lua:"path,omitempty" doc:"the file of the variables; nothing: the domain has none"`
	Problem    string    `lua:"problem,omitempty" doc:"why they cannot be told"`
	Boot       []EFIBoot `lua:"boot" doc:"what the firmware tries to boot, first to last"`
	Keys       []string  `lua:"keys" doc:"keys of secure boot that somebody has put in: PK, KEK, db, dbx"`
	SecureBoot bool      `lua:"secure_boot" doc:"secure boot is on"`
	Other      int       `lua:"other" doc:"variables beside these"`
}

// EFIBoot is one entry of the firmware's boot menu.
type EFIBoot struct {
	Name   string `lua:"name" doc:"what the menu shows"`
	File   string `lua:"file,omitempty" doc:"the file on the EFI partition"`
	Active bool   `lua:"active" doc:"it is tried by itself"`
}

// maxVars bounds the file of variables; OVMF has made 528 KiB of it at most.
const maxVars = 8 << 20

// EFIOf returns what a domain's firmware has kept.
func EFIOf(ctx context.Context, h effect.Doer, a NameArgs) (EFI, error) {
	const op = "libvirt.efi"
	d, err := DomainArgs{Name: a.Name, Connect: a.Connect}.look(ctx, h, op)
	if err != nil {
		return EFI{}, err
	}
	found := EFI{Path: d.Firmware.NVRAM, Boot: []EFIBoot{}, Keys: []string{}}
	if found.Path == "" {
		return found, nil
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileGet, Path: found.Path, Length: maxVars}, Reads: []effect.Resource{effect.File(found.Path)},
	})
	switch effect.KindOf(err) {
	case "":
	case effect.Missing:
		found.Problem = fmt.Sprintf("there is no %s: the domain was not started yet", found.Path)
		return found, nil
	default:
		return found, explain(err)
	}
	vars, err := parseVars(res.Data)
	if err != nil {
		found.Problem = fmt.Sprintf("%s: %v", found.Path, err)
		return found, nil
	}
	vars.tell(&found)
	return found, nil
}
