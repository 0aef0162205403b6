package vbox

import (
	"context"
	"path"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// CloneArgs are the arguments of Clone.
type CloneArgs struct {
	Medium  string        `lua:"medium,required" doc:"path of the image to copy, or UUID"`
	To      string        `lua:"to,required" doc:"the copy, which gets a UUID of its own"`
	Format  string        `lua:"format" doc:"of the copy" enum:"VDI|VMDK|VHD|RAW" default:"VDI"`
	Variant string        `lua:"variant" doc:"as for convert_raw" enum:"standard|fixed|stream" default:"standard"`
	Timeout time.Duration `lua:"timeout" doc:"stop waiting after this; the copying goes on. 0: never" unit:"seconds"`
	Owner   `lua:",inline"`
}

// Clone copies a disk into another image. A copy that is there is left alone.
func Clone(ctx context.Context, h effect.Doer, a CloneArgs) (Converted, error) {
	const op = "vbox.medium.clone"
	c := ConvertArgs{From: "/dev/null", To: a.To, Format: a.Format, Variant: a.Variant}
	if a.Format == "RAW" {
		c.Format = "VDI"
	}
	if err := c.check(op); err != nil {
		return Converted{}, err
	}
	a.To, a.Format = c.To, orDefault(a.Format, "VDI")
	m, err := a.medium(ctx, h, op, a.Medium)
	if m.Path == a.To {
		return Converted{}, invalid(op, "an image cannot be copied onto itself")
	}
	done := Converted{Path: a.To, Capacity: m.Capacity}
	there, err := a.destination(ctx, h, op, a.To, err)
	if err != nil {
		return done, err
	}
	if there != nil {
		done.Size = there.Size
		if a.Format == "RAW" {
			return done, nil
		}
		return done, ConvertArgs{To: a.To, Owner: a.Owner}.fits(ctx, h, op, m.Capacity)
	}
	verbs, err := a.verbs(ctx, h, op)
	if err != nil {
		return done, err
	}
	_, part := stageOf(a.To)
	command := with([]string{tool}, with(verbs.clone, a.Medium, part, "--format", a.Format, "--variant", variantWord(a.Variant))...)
	done.Changed = true
	res, err := a.job(ctx, h, work{
		op: op, key: "vbox-clone-" + a.To, title: strings.Join(append(append([]string{}, command[:len(command)-5]...), a.To), " "),
		argv: staged(a.To, command), writes: stagedWrites(a.To), leaves: stagedLeaves(a.To), diff: note(a.To, "copy %s to %s", a.Medium, a.Format), timeout: a.Timeout,
	})
	if err != nil || res.skipped {
		return done, err
	}
	made, err := stat(ctx, h, op, a.As, a.To)
	if made != nil {
		done.Size = made.Size
	}
	return done, err
}

// ExportArgs are the arguments of Export.
type ExportArgs struct {
	VM       string        `lua:"vm,required" doc:"name or UUID of the machine"`
	To       string        `lua:"to,required" doc:"the appliance: a file that ends in .ova"`
	Format   string        `lua:"format" doc:"version of the format" enum:"legacy09|ovf09|ovf10|ovf20" default:"ovf10"`
	Manifest bool          `lua:"manifest" doc:"put a list of checksums in"`
	Timeout  time.Duration `lua:"timeout" doc:"stop waiting after this; 0: never" unit:"seconds"`
	Owner    `lua:",inline"`
}

// Exported is what an export came to.
type Exported struct {
	Changed bool   `lua:"changed" doc:"the appliance was, or in check mode would be, made"`
	Path    string `lua:"path"`
	Size    int64  `lua:"size,produced" unit:"bytes"`
}

// Export makes an appliance of a machine. One that is there is left alone.
func Export(ctx context.Context, h effect.Doer, a ExportArgs) (Exported, error) {
	const op = "vbox.export"
	if err := checkPath(op, "an appliance", a.To); err != nil {
		return Exported{}, err
	}
	if !strings.HasSuffix(a.To, ".ova") {
		return Exported{}, effect.WithHint(invalid(op, "%s is no appliance in one file", a.To), "its name ends in .ova")
	}
	to := path.Clean(a.To)
	done := Exported{Path: to}
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return done, err
	}
	there, err := stat(ctx, h, op, a.As, to)
	if err != nil || there != nil {
		if there != nil {
			done.Size = there.Size
		}
		return done, err
	}
	if m.Running {
		return done, refused(op, m, "a machine that runs cannot be exported")
	}
	done.Changed = true
	_, part := stageOf(to)
	command := []string{tool, "export", a.VM, "--output", part, "--" + orDefault(a.Format, "ovf10")}
	if a.Manifest {
		command = append(command, "--manifest")
	}
	res, err := a.job(ctx, h, work{
		op: op, key: "vbox-export-" + to, title: tool + " export " + a.VM + " --output " + to,
		argv: staged(to, command), writes: stagedWrites(to), leaves: stagedLeaves(to), diff: note(to, "export the machine %s", m.Name), timeout: a.Timeout,
	})
	if err != nil || res.skipped {
		return done, err
	}
	made, err := stat(ctx, h, op, a.As, to)
	if made != nil {
		done.Size = made.Size
	}
	return done, err
}

// ImportArgs are the arguments of Import.
type ImportArgs struct {
	File       string        `lua:"file,required" doc:"the appliance: an .ova, or an .ovf beside its disks"`
	VM         string        `lua:"vm,required" doc:"name of the new machine; one of that name is left alone"`
	BaseFolder string        `lua:"base_folder" doc:"the machine's folder is made in this one; default: ~/VirtualBox VMs"`
	KeepMACs   bool          `lua:"keep_macs" doc:"the network adapters keep their hardware addresses"`
	VDI        bool          `lua:"vdi" doc:"make VDI images of the disks"`
	Timeout    time.Duration `lua:"timeout" doc:"stop waiting after this; 0: never" unit:"seconds"`
	Owner      `lua:",inline"`
}

// Import makes a machine of an appliance.
func Import(ctx context.Context, h effect.Doer, a ImportArgs) (Created, error) {
	const op = "vbox.import"
	if err := checkPath(op, "an appliance", a.File); err != nil {
		return Created{}, err
	}
	m, found, err := a.find(ctx, h, op, a.VM)
	if err != nil || found {
		return Created{UUID: m.UUID, ConfigFile: m.ConfigFile, Changes: []ModifiedSetting{}}, err
	}
	argv := []string{tool, "import", a.File, "--vsys", "0", "--vmname", a.VM}
	if a.BaseFolder != "" {
		if err := checkPath(op, "a folder", a.BaseFolder); err != nil {
			return Created{}, err
		}
		argv = append(argv, "--basefolder", a.BaseFolder)
	}
	var options []string
	if a.KeepMACs {
		options = append(options, "keepallmacs")
	}
	if a.VDI {
		options = append(options, "importtovdi")
	}
	if options != nil {
		argv = append(argv, "--options", strings.Join(options, ","))
	}
	done := Created{Changed: true, Created: true, Changes: []ModifiedSetting{}}
	res, err := a.job(ctx, h, work{
		op: op, key: "vbox-import-" + a.VM, title: strings.Join(argv, " "), argv: argv,
		writes: []effect.Resource{machine(a.VM), "vbox:list", media}, diff: note("machine "+a.VM, "import %s", a.File), timeout: a.Timeout,
	})
	if err != nil || res.skipped {
		return done, err
	}
	m, err = a.look(ctx, h, op, a.VM)
	done.UUID, done.ConfigFile = m.UUID, m.ConfigFile
	return done, err
}
