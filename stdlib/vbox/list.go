package vbox

import (
	"context"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Version is which VirtualBox a host has.
type Version struct {
	Version  string `lua:"version" doc:"such as 7.2.4"`
	Major    int    `lua:"major"`
	Minor    int    `lua:"minor"`
	Patch    int    `lua:"patch"`
	Revision string `lua:"revision" doc:"of its source"`
	Text     string `lua:"text" doc:"as VBoxManage prints it"`
	Driver   bool   `lua:"driver" doc:"the kernel's module is there, without which no machine starts"`
}

// since tells whether it is at least a release.
func (v Version) since(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// versionScript tells the version, and before it whether the module is loaded.
const versionScript = `[ -c /dev/vboxdrv ] && echo driver || echo none
exec VBoxManage --version`

// ShowVersion returns which VirtualBox the host has.
func ShowVersion(ctx context.Context, h effect.Doer, a Owner) (Version, error) {
	return a.version(ctx, h, "vbox.version")
}

func (o Owner) version(ctx context.Context, h effect.Doer, op string) (Version, error) {
	out, err := o.ask(ctx, h, effect.Effect{
		Op: op, Title: tool + " --version", Argv: []string{"sh", "-c", versionScript}, Reads: reads("kld:vboxdrv"),
	})
	if err != nil {
		return Version{}, err
	}
	v, err := parseVersion(out)
	v.Driver = driverLine.MatchString(out)
	return v, err
}

var driverLine = lazyregexp.New(`\Adriver\n`)

// VM is a machine in a list.
type VM struct {
	Name       string `lua:"name" doc:"<inaccessible> where its settings cannot be read"`
	UUID       string `lua:"uuid"`
	Running    bool   `lua:"running"`
	Accessible bool   `lua:"accessible" doc:"its settings can be read"`
}

// listScript lists all machines and those that run.
const listScript = `VBoxManage list vms && echo running: && VBoxManage list runningvms`

var runningLine = lazyregexp.New(`(?m)^running:\n`)

// List returns the machines of a user.
func List(ctx context.Context, h effect.Doer, a Owner) ([]VM, error) {
	out, err := a.ask(ctx, h, effect.Effect{
		Op: "vbox.vms", Title: tool + " list vms", Argv: []string{"sh", "-c", listScript}, Reads: reads("vbox:list", "vbox:vm/"),
	})
	if err != nil {
		return nil, err
	}
	all, running := out, ""
	if at := runningLine.FindStringIndex(out); at != nil {
		all, running = out[:at[0]], out[at[1]:]
	}
	list := parseMachines(all)
	runs := map[string]bool{}
	for _, vm := range parseMachines(running) {
		runs[vm.UUID] = true
	}
	for i := range list {
		list[i].Running = runs[list[i].UUID]
	}
	return list, nil
}

// OSType is a type of guests.
type OSType struct {
	ID          string `lua:"id" doc:"for vbox.create: FreeBSD_64"`
	Description string `lua:"description" doc:"as vbox.info shows it"`
	Family      string `lua:"family"`
	Bits64      bool   `lua:"bits64"`
}

// OSTypesArgs are the arguments of OSTypes.
type OSTypesArgs struct {
	Family string `lua:"family,pos" doc:"only those of this family, such as \"BSD\"; default: all"`
	Owner  `lua:",inline"`
}

// OSTypes returns the types of guests that VirtualBox knows.
func OSTypes(ctx context.Context, h effect.Doer, a OSTypesArgs) ([]OSType, error) {
	all, err := a.osTypes(ctx, h, "vbox.ostypes")
	if err != nil || a.Family == "" {
		return all, err
	}
	list := []OSType{}
	for _, t := range all {
		if t.Family == a.Family {
			list = append(list, t)
		}
	}
	return list, nil
}

func (o Owner) osTypes(ctx context.Context, h effect.Doer, op string) ([]OSType, error) {
	out, err := o.query(ctx, h, op, nil, "list", "ostypes")
	if err != nil {
		return nil, err
	}
	list := parseOSTypes(out)
	if len(list) == 0 {
		return nil, effect.Errorf(effect.Failed, op, "VBoxManage printed something else than types of guests: %.80q", out)
	}
	return list, nil
}
