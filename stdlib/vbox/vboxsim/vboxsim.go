// Package vboxsim models VBoxManage(1) of the simulated machine: registries and
// settings as XML where the real ones lie, for every user his own, media in the
// real format of VDI, machines that run as processes, and guests that boot from
// what is on their first disk.
//
// Parameters of a machine: vbox-version=6.1.50 has the tool be of another version
// than its package; vbox-deaf=NAME is a guest that does not listen to ACPI;
// vbox-rate=50M is how many bytes a second are copied.
package vboxsim

import (
	_ "embed"
	"fmt"
	"path"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// Names of the parameters.
const (
	VersionParam = "vbox-version"
	DeafParam    = "vbox-deaf"
	RateParam    = "vbox-rate"
)

// releases are the packages of FreeBSD's ports and what their tool says.
var releases = []struct{ pkg, version, revision string }{
	{"virtualbox-ose-72", "7.2.4", "170995"},
	{"virtualbox-ose-71", "7.1.14", "170994"},
	{"virtualbox-ose-70", "7.0.26", "168464"},
	{"virtualbox-ose", "6.1.50", "161033"},
	{"virtualbox-ose-legacy", "5.2.44", "139111"},
}

// Tools are VBoxManage as each of its packages installs it, the headless front
// end, and the kernel's modules.
func Tools() []*sim.Tool {
	list := []*sim.Tool{{Name: serverName, Timer: timer, Boot: boot}}
	for _, r := range releases {
		v, _ := parseVersion(r.version)
		v.revision = r.revision
		list = append(list, &sim.Tool{
			Name: "VBoxManage", Package: r.pkg, Paths: []string{"/usr/local/bin/VBoxManage"}, Params: []string{VersionParam, DeafParam, RateParam},
			Run: func(p *sim.Proc) int { return run(p, v) },
		}, &sim.Tool{
			Name: "VBoxHeadless", Package: r.pkg, Paths: []string{headless},
			Run: func(p *sim.Proc) int { return p.Cannot("%s", strings.Join(p.Args, " ")) },
		}, kernelModules(r.pkg, r.version))
	}
	return list
}

// serverName is who has timers, and hears of boots: once, however many packages
// there are.
const serverName = "VBoxSVC"

const headless = "/usr/local/lib/virtualbox/VBoxHeadless"

// kernelModules are what the package beside the tool's brings.
func kernelModules(pkg, version string) *sim.Tool {
	name := "virtualbox-ose-kmod" + strings.TrimPrefix(pkg, "virtualbox-ose")
	files := map[string]string{"/usr/local/etc/rc.d/vboxnet": vboxnet}
	for _, module := range []string{"vboxdrv", "vboxnetflt", "vboxnetadp"} {
		files["/boot/modules/"+module+".ko"] = "\x7fELF " + module + " " + version + "\n"
	}
	return &sim.Tool{Name: "vboxdrv", Package: name, Files: files}
}

//go:embed vboxnet.sh
var vboxnet string

// version is a release of VirtualBox.
type version struct {
	major, minor, patch int
	revision            string
}

func parseVersion(text string) (version, error) {
	var v version
	_, err := fmt.Sscanf(text, "%d.%d.%d", &v.major, &v.minor, &v.patch)
	return v, err
}

func (v version) since(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }

// command is one call of the tool.
type command struct {
	p    *sim.Proc
	v    version
	user sim.User
	home string // of the settings
	view *vfs.View
	verb string
	args []string // behind the verb
}

// failed ends a call, its words having been printed.
type failed int

// run does what one command line says.
func run(p *sim.Proc, v version) (code int) {
	if text := p.Machine.Params.Get(VersionParam); text != "" {
		asked, err := parseVersion(text)
		if err != nil {
			return p.Cannot("%s=%s", VersionParam, text)
		}
		asked.revision = "100000"
		v = asked
	}
	user, ok := p.Machine.LookupUID(p.Cred.UID)
	if !ok {
		return p.Cannot("VBoxManage for a user without a name")
	}
	c := &command{p: p, v: v, user: user, view: p.FS()}
	c.home = p.Getenv("VBOX_USER_HOME")
	if home := p.Getenv("HOME"); c.home == "" {
		if home == "" {
			home = user.Home
		}
		c.home = path.Join(home, ".config/VirtualBox")
		if !v.since(4, 3) {
			c.home = path.Join(home, ".VirtualBox")
		}
	}
	defer func() {
		if end := recover(); end != nil {
			exit, ours := end.(failed)
			if !ours {
				panic(end)
			}
			code = int(exit)
		}
	}()
	return c.main(p.Args[1:])
}

// main reads the options before the verb, and does it.
func (c *command) main(args []string) int {
	for len(args) > 0 && (args[0] == "-q" || args[0] == "--nologo" || args[0] == "-nologo") {
		args = args[1:]
	}
	if len(args) == 0 {
		c.p.Printf("%s", c.usageOf(""))
		return 1
	}
	switch args[0] {
	case "--version", "-v", "-V":
		c.p.Printf("%sr%s\n", c.v, c.v.revision)
		return 0
	case "help":
		c.help(args[1:])
	}
	c.verb, c.args = args[0], args[1:]
	verb, known := verbs[c.verb]
	if !known || verb.since != [2]int{} && !c.v.since(verb.since[0], verb.since[1]) {
		c.logo()
		c.error("Invalid command '%s'", c.verb)
		c.p.Errorf("\n%s\n", c.usageOf(""))
		c.error("Invalid command '%s'", c.verb)
		return 2
	}
	return verb.run(c)
}

type verb struct {
	run   func(c *command) int
	since [2]int
}

// verbs are the commands that the simulator has.
var verbs map[string]verb

func init() { //nolint:gochecknoinits // the table's functions look into the table for their usage
	verbs = map[string]verb{
		"list": {run: list}, "showvminfo": {run: showVM}, "createvm": {run: createVM}, "registervm": {run: registerVM}, "unregistervm": {run: unregisterVM},
		"modifyvm": {run: modifyVM}, "storagectl": {run: storageCtl}, "storageattach": {run: storageAttach},
		"convertfromraw": {run: convertFromRaw}, "convertdd": {run: convertFromRaw}, "convertROW": {run: convertFromRaw},
		"showmediuminfo": {run: showMedium, since: [2]int{5, 0}}, "showhdinfo": {run: showMedium},
		"createmedium": {run: createMedium, since: [2]int{5, 0}}, "createhd": {run: createMedium},
		"modifymedium": {run: modifyMedium, since: [2]int{5, 0}}, "modifyhd": {run: modifyMedium},
		"clonemedium": {run: cloneMedium, since: [2]int{5, 0}}, "clonehd": {run: cloneMedium},
		"closemedium": {run: closeMedium}, "internalcommands": {run: internalCommands},
		"startvm": {run: startVM}, "controlvm": {run: controlVM}, "snapshot": {run: snapshot},
		"guestproperty": {run: guestProperty}, "setextradata": {run: setExtraData}, "getextradata": {run: getExtraData},
		"export": {run: export}, "import": {run: importAppliance}, "discardstate": {run: discardState},
	}
	delete(verbs, "convertROW")
}

// error prints a complaint.
func (c *command) error(format string, args ...any) {
	c.p.Errorf("VBoxManage: error: %s\n", fmt.Sprintf(format, args...))
}

// fail prints a complaint and ends the call.
func (c *command) fail(format string, args ...any) {
	c.error(format, args...)
	panic(failed(1))
}

// codes are the numbers of the errors that have names.
var codes = map[string]string{
	"VBOX_E_OBJECT_NOT_FOUND": "0x80bb0001", "VBOX_E_INVALID_VM_STATE": "0x80bb0002", "VBOX_E_FILE_ERROR": "0x80bb0004",
	"VBOX_E_INVALID_OBJECT_STATE": "0x80bb0007", "VBOX_E_NOT_SUPPORTED": "0x80bb0009", "VBOX_E_OBJECT_IN_USE": "0x80bb000c",
	"NS_ERROR_INVALID_ARG": "0x80070057", "NS_ERROR_FAILURE": "0x80004005",
}

// com is where an error comes from.
type com struct{ code, component, iface string }

// complain prints an error of the interfaces with its details and context.
func (c *command) complain(e com, context, text string) {
	c.error("%s", text)
	c.error("Details: code %s (%s), component %s, interface %s, callee nsISupports", e.code, codes[e.code], e.component, e.iface)
	if context != "" {
		c.error("Context: %s", context)
	}
}

// stop is complain that ends the call.
func (c *command) stop(e com, context, format string, args ...any) {
	c.complain(e, context, fmt.Sprintf(format, args...))
	panic(failed(1))
}

// abort prints the error of an operation that had begun to show its progress.
func (c *command) abort(what string, e com, context string, texts ...string) {
	c.p.Errorf("0%%...%s\n", e.code)
	c.error("Failed to %s", what)
	for _, text := range texts {
		c.error("%s", text)
	}
	c.error("Details: code %s (%s), component %s, interface %s", e.code, codes[e.code], e.component, e.iface)
	c.error("Context: %s", context)
	panic(failed(1))
}

// done prints the progress of an operation that went through.
func (c *command) done() {
	for n := 0; n < 100; n += 10 {
		c.p.Errorf("%d%%...", n)
	}
	c.p.Errorf("100%%\n")
}

func at(call string, line int, file string) string {
	return strconv.Quote(call) + " at line " + strconv.Itoa(line) + " of file " + file
}

// abs is a path as the tool shows it.
func (c *command) abs(name string) string { return c.view.Abs(name) }

// newUUID makes an identifier.
func (c *command) newUUID() string {
	r := recordOf(c.p.Machine)
	r.Count++
	u := c.p.Machine.UUID("vbox/" + strconv.Itoa(r.Count))
	return u[:14] + "4" + u[15:19] + "8" + u[20:]
}
